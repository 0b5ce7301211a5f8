"""Maps of what stands out: numbered places in their true size, cells of a few kinds, and single reports as dots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from peelian.places import Grid, metres_per_unit
from peelian.publish import svg
from peelian.publish.cartography import LEGEND, MARGIN, Frame, badge_spots, outlines, runs_of, scale_bar
from peelian.publish.legend import legend

if TYPE_CHECKING:
    from peelian.places import Areas

__all__ = ["Kind", "Spot", "spots_map"]

Floats = npt.NDArray[np.float64]

WIDTH = 640.0
DOT = 1.6
"""Radius in pixels of a single report."""
SMALLEST = 3.0
"""Radius in pixels below which a place could not be seen."""
LINE, SHORTEST = 1.6, 3.0
"""Width in pixels of a line between two reports, and the length below which it could not be seen."""
NUMBERED = 40
"""Places that get a number on the map; the table has the others."""


@dataclass(frozen=True)
class Spot:
    """A place to be drawn as a circle.

    Parameters
    ----------
    x, y : float
        Its centre, in CRS units.
    radius : float
        In metres.
    said : str
        What is shown on hover.
    """

    x: float
    y: float
    radius: float = 0.0
    said: str = ""


@dataclass(frozen=True)
class Kind:
    """Cells of one kind.

    Parameters
    ----------
    cells : sequence of int
        Cell numbers.
    colour : str
        A name of the palette.
    said : str
        What they are, for the legend.
    """

    cells: Sequence[int]
    colour: str
    said: str


def spots_map(
    crs: str,
    bounds: tuple[float, float, float, float],
    *,
    title: str,
    desc: str,
    heading: str,
    areas: Areas | None = None,
    grid: Grid | None = None,
    kinds: Sequence[Kind] = (),
    spots: Sequence[Spot] = (),
    spot_said: str = "place, with its number in the table",
    points: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    points_said: str = "report",
    lines: npt.ArrayLike | None = None,
    lines_said: str = "reports that belong together",
) -> Markup:
    """A map of places that stand out.

    Parameters
    ----------
    crs : str
        Projected CRS of `bounds`, `spots` and `points`.
    bounds : (xmin, ymin, xmax, ymax)
        What the map shows, in CRS units; the areas, where there are any, widen it.
    title, desc : str
        What the map is, and what it shows in words.
    heading : str
        Of the legend.
    areas : Areas, optional
        Outlined.
    grid : Grid, optional
        Of the cells of `kinds`.
    kinds : sequence of Kind
        Later ones are drawn over earlier ones.
    spots : sequence of Spot
        Numbered from 1 in this order, as far as there is room; a circle of the place's own size, or a small one.
    points : (x, y), optional
        Single reports, each of shape (n,).
    lines : array of float, shape (k, 4), optional
        From ``x, y`` to ``x, y``, in CRS units: what joins two reports. One too short to be seen is drawn longer.

    Returns
    -------
    Markup
        One SVG picture with a legend, a scale bar and an arrow to grid north.
    """
    if areas is not None:
        shown = np.array([bounds, areas.to_crs(crs).frame.total_bounds], dtype=np.float64)
        xmin, ymin = (float(v) for v in shown[:, :2].min(axis=0))
        xmax, ymax = (float(v) for v in shown[:, 2:].max(axis=0))
        bounds = (xmin, ymin, xmax, ymax)
    frame = Frame.around(_wide(bounds, crs), width=WIDTH)
    height = max(frame.height, 330.0)
    body = [] if grid is None else _cells(grid, kinds, frame)
    if areas is not None:
        body.append(svg.path("".join(outlines(areas, frame, crs)), svg.stroke("edge", 0.7)))
    extra = [(svg.fill(kind.colour), kind.said) for kind in kinds]
    if points is not None:
        body.append(_dots(frame, *points))
        extra.append((svg.fill("edge"), points_said))
    if lines is not None and np.size(lines):
        body.append(_joined(frame, np.asarray(lines, dtype=np.float64)))
        extra.append((svg.stroke("data", LINE), lines_said))
    if spots:
        body += _circles(spots, frame, crs, (WIDTH, height))
        extra.append((svg.stroke("accent", 2.2), spot_said))
    # Without classes, the legend is its heading and what is drawn.
    parts, _ = legend([], heading, y=22, extra=extra)
    body += parts + scale_bar(MARGIN + 1, height - 26, frame.scale / metres_per_unit(crs), LEGEND * 0.55)
    return svg.draw(body, width=WIDTH, height=height, title=title, desc=desc, kind="map")


def _wide(bounds: tuple[float, float, float, float], crs: str) -> tuple[float, float, float, float]:
    """Bounds of at least a kilometre either way: one point is a map too."""
    least = 1000.0 / metres_per_unit(crs)
    xmin, ymin, xmax, ymax = bounds
    dx, dy = max(least - (xmax - xmin), 0) / 2, max(least - (ymax - ymin), 0) / 2
    return xmin - dx, ymin - dy, xmax + dx, ymax + dy


def _cells(grid: Grid, kinds: Sequence[Kind], frame: Frame) -> list[str]:
    xmin, _, _, ymax = grid.bounds()
    side = grid.side * frame.scale
    left, top = frame.x(np.array([xmin]))[0], frame.y(np.array([ymax]))[0]
    at = f"translate({left:.2f} {top:.2f})"
    drawn = []
    for kind in kinds:
        image = np.zeros(grid.shape, dtype=np.int64)
        chosen = np.asarray(kind.cells, dtype=np.int64)
        image[grid.rows[chosen], grid.columns[chosen]] = 1
        drawn.append(svg.path(runs_of(image, 1), svg.fill(kind.colour)))
    return [f'<g transform="{at} scale({side:.4f})" shape-rendering="crispEdges">{"".join(drawn)}</g>']


def _dots(frame: Frame, x: npt.ArrayLike, y: npt.ArrayLike) -> str:
    """Every report as one dot of a single path; those on the same half pixel are one."""
    px, py = frame.x(np.asarray(x, dtype=np.float64)), frame.y(np.asarray(y, dtype=np.float64))
    halves = np.unique(np.round(np.column_stack((px, py)) * 2).astype(np.int64), axis=0) / 2
    r = DOT
    d = "".join(f"M{a - r:g} {b:g}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 -{2 * r} 0" for a, b in halves)
    return svg.path(d, svg.fill("edge"))


def _joined(frame: Frame, lines: Floats) -> str:
    """All lines as one path, each once, and none shorter than `SHORTEST`."""
    a = np.column_stack((frame.x(lines[:, 0]), frame.y(lines[:, 1])))
    b = np.column_stack((frame.x(lines[:, 2]), frame.y(lines[:, 3])))
    along, length = b - a, np.hypot(*(b - a).T)[:, None]
    unit = np.divide(along, length, out=np.tile((1.0, 0.0), (len(a), 1)), where=length > 0)
    middle, half = (a + b) / 2, unit * np.maximum(length, SHORTEST) / 2
    ends = np.round(np.hstack((middle - half, middle + half)), 1)
    d = "".join(f"M{x1:g} {y1:g}L{x2:g} {y2:g}" for x1, y1, x2, y2 in np.unique(ends, axis=0).tolist())
    return svg.path(d, svg.stroke("data", LINE))


def _circles(spots: Sequence[Spot], frame: Frame, crs: str, extent: tuple[float, float]) -> list[str]:
    """Circles with a light casing, their number beside them on a line that leads there."""
    cx = frame.x(np.array([s.x for s in spots], dtype=np.float64))
    cy = frame.y(np.array([s.y for s in spots], dtype=np.float64))
    pixels = frame.scale / metres_per_unit(crs)
    radii = np.maximum(np.array([s.radius for s in spots]) * pixels, SMALLEST)
    rings, casings, labels = [], [], []
    for x, y, r, spot in zip(cx, cy, radii, spots, strict=True):
        ring = (
            f"M{x - r:.1f} {y:.1f}a{r:.1f} {r:.1f} 0 1 0 {2 * r:.1f} 0a{r:.1f} {r:.1f} 0 1 0 {-2 * r:.1f} 0"
        )
        casings.append(svg.path(ring, svg.stroke("paper", 4.0)))
        rings.append(svg.path(ring, svg.stroke("accent", 2.0), title=spot.said))
    numbered = badge_spots(cx[:NUMBERED], cy[:NUMBERED], 2 * SMALLEST, extent)
    for rank, (x, y, at) in enumerate(zip(cx, cy, numbered, strict=False), start=1):
        if at is not None:
            labels += [
                svg.line(x, y, at[0], at[1], "ink", 0.9),
                svg.circle(at[0], at[1], 7.6, svg.fill("paper")),
                svg.circle(at[0], at[1], 7.6, svg.stroke("ink", 0.9)),
                svg.text(at[0], at[1] + 3.6, str(rank), anchor="middle", size=10, bold=True),
            ]
    return [*casings, *rings, *labels]
