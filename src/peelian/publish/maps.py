"""Maps as SVG: cells of a grid, and whole areas, in five classes that keep their order in greyscale.

A map of cells is drawn as one path a class, made of runs of cells along rows, and outlines as whole tenths of a pixel:
some three thousand cells come to a few dozen kilobytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import shapely
from markupsafe import Markup

from peelian.errors import UsageError
from peelian.methods import Surface
from peelian.places import Grid, metres_per_unit
from peelian.publish import svg
from peelian.publish.palette import CLASSES
from peelian.publish.words import number, percent, period, plural

if TYPE_CHECKING:
    from peelian.places.areas import Areas

__all__ = ["area_map_svg", "expected_map", "map_breaks", "map_figure", "map_svg"]

Floats = npt.NDArray[np.float64]

WIDTH, LEGEND, MARGIN, TALLEST = 640.0, 168.0, 6.0, 900.0
BADGE = 7.6
"""Radius of the disc that holds a place's number."""
QUANTILES = (0.7, 0.9, 0.97, 0.99)
"""Class limits of a map of cells: the map is for finding the few, so the classes get finer towards the top."""


def map_breaks(values: npt.ArrayLike, *, quantiles: Sequence[float] = QUANTILES) -> Floats:
    """Limits between the classes of a map, increasing, at most four.

    Parameters
    ----------
    values : array of float, shape (n,)
        NaN is left out.
    quantiles : sequence of float
        Shares of the values below each limit. Limits that coincide, as they do when most cells are 0, are merged, and
        a limit is never the smallest value: that class would be empty. Limits are round to two digits; those under a
        fiftieth of the highest are left out, since they would tell apart what is next to nothing.
    """
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    if known.size == 0:
        return np.empty(0)
    limits = np.quantile(known, quantiles)
    limits = np.unique([float(f"{v:.2g}") for v in limits])
    found: Floats = limits[(limits > known.min()) & (limits > 0.02 * limits.max())]
    return found


@dataclass(frozen=True)
class _Frame:
    """From CRS units to the picture: y down, `scale` pixels a CRS unit."""

    xmin: float
    ymax: float
    scale: float
    width: float
    height: float
    dx: float

    @classmethod
    def around(cls, bounds: tuple[float, float, float, float], *, width: float) -> _Frame:
        xmin, ymin, xmax, ymax = bounds
        room = width - LEGEND - 2 * MARGIN
        scale = min(room / (xmax - xmin), (TALLEST - 2 * MARGIN) / (ymax - ymin))
        drawn = (xmax - xmin) * scale
        return cls(
            xmin, ymax, scale, width, (ymax - ymin) * scale + 2 * MARGIN, LEGEND + MARGIN + (room - drawn) / 2
        )

    def x(self, value: Floats) -> Floats:
        return (value - self.xmin) * self.scale + self.dx

    def y(self, value: Floats) -> Floats:
        return (self.ymax - value) * self.scale + MARGIN


def _classes(values: Floats, breaks: Floats) -> npt.NDArray[np.int64]:
    """Class of each value, spread over the palette so that few classes still use its whole range; -1 for NaN."""
    found = np.searchsorted(breaks, values, side="right")
    spread = np.round(np.linspace(0, CLASSES - 1, breaks.size + 1)).astype(np.int64)
    return np.where(np.isfinite(values), spread[found], -1)


def _runs(image: npt.NDArray[np.int64], wanted: int) -> str:
    """One path of the cells of a class: a rectangle for each run along a row, in cell units, north first."""
    parts: list[str] = []
    for row, cells in enumerate(image[::-1]):
        inside = np.concatenate(([False], cells == wanted, [False]))
        edges = np.flatnonzero(inside[1:] != inside[:-1])
        parts.extend(f"M{a} {row}h{b - a}v1h{a - b}z" for a, b in zip(edges[::2], edges[1::2], strict=True))
    return "".join(parts)


def _ring(points: Floats, frame: _Frame) -> str:
    """A closed ring in whole tenths of a pixel, each point relative to the one before."""
    tenths = np.round(np.column_stack((frame.x(points[:, 0]), frame.y(points[:, 1]))) * 10).astype(int)
    steps = np.diff(tenths, axis=0)[:-1]
    steps = steps[np.any(steps != 0, axis=1)]
    head = " ".join(svg.coordinate(v / 10) for v in tenths[0])
    return (
        f"M{head}l" + " ".join(f"{svg.coordinate(a / 10)} {svg.coordinate(b / 10)}" for a, b in steps) + "z"
    )


def _outlines(areas: Areas, frame: _Frame, crs: str) -> list[str]:
    """The areas' outlines as path data; what is finer than half a pixel is left out, shared borders stay shared."""
    shapes = areas.to_crs(crs).frame.geometry.to_numpy()
    tolerance = 0.5 / frame.scale
    simple = shapely.coverage_simplify(shapes, tolerance)
    drawn = []
    for shape in simple:
        rings = [r for part in shapely.get_parts(shape) for r in shapely.get_rings(part)]
        drawn.append(
            "".join(_ring(shapely.get_coordinates(r), frame) for r in rings if shapely.length(r) > 0)
        )
    return drawn


def _round_length(limit: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is at most `limit`."""
    power = 10.0 ** math.floor(math.log10(limit))
    return max(m * power for m in (1.0, 2.0, 5.0) if m * power <= limit * (1 + 1e-9))


def _scale_bar(x: float, y: float, pixels_a_metre: float, room: float) -> list[str]:
    """A bar in kilometres above and miles below, and an arrow to the north of the grid."""
    parts = []
    for unit, metres, dy in (("km", 1000.0, -6.0), ("mi", 1609.344, 15.0)):
        length = _round_length(room / pixels_a_metre / metres)
        end = x + length * metres * pixels_a_metre
        tick = -4 if dy < 0 else 4
        parts.append(
            svg.path(f"M{x:.1f} {y + tick:.1f}V{y:.1f}H{end:.1f}V{y + tick:.1f}", svg.stroke("ink", 1.2))
        )
        parts.append(svg.text(x, y + dy, f"{length:g} {unit}", size=12))
    top = y - 62
    parts.append(svg.path(f"M{x + 7:.1f} {top:.1f}l6 24l-6 -6l-6 6z", svg.fill("ink")))
    parts.append(svg.text(x + 18, top + 19, "N", size=13, bold=True))
    return parts


def _swatch(x: float, y: float, paint: str, said: str) -> list[str]:
    frame = svg.box(x, y, 22, 15, svg.stroke("edge", 0.8))
    return [svg.box(x, y, 22, 15, paint), frame, svg.text(x + 30, y + 12, said, size=12)]


def _wrapped(said: str, limit: int) -> list[str]:
    lines = [""]
    for word in said.split():
        if lines[-1] and len(lines[-1]) + len(word) >= limit:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _class_names(breaks: Floats, largest: float, whole: bool) -> list[str]:
    """What each class holds, in numbers; whole numbers are said without a shared limit (``"5 to 11"``)."""
    if breaks.size == 0:
        return [f"all {number(largest)}" if math.isfinite(largest) else "no number"]
    if whole:
        edges = np.ceil(breaks).astype(int)
        names = [f"under {number(edges[0])}"]
        names += [f"{a:,} to {b - 1:,}" if b - 1 > a else f"{a:,}" for a, b in pairwise(edges)]
        return [*names, f"{edges[-1]:,} or more"]
    digits = next(
        (d for d in range(6) if len({f"{b:.{d}f}" for b in breaks}) == breaks.size and breaks[0] > 10.0**-d),
        6,
    )
    said = [f"{b:,.{digits}f}" for b in breaks]
    middle = [f"{a} to {b}" for a, b in pairwise(said)]
    return [f"under {said[0]}", *middle, f"{said[-1]} or more"]


def _legend(
    names: Sequence[str], heading: str, *, y: float, extra: Sequence[tuple[str, str]] = ()
) -> tuple[list[str], float]:
    """The legend, many on top, and where it ends."""
    parts: list[str] = []
    for said in _wrapped(heading, 24):
        parts.append(svg.text(MARGIN, y, said, size=12, bold=True))
        y += 15
    colours = np.round(np.linspace(0, CLASSES - 1, len(names))).astype(int)
    rows = [(svg.fill(f"q{c}"), said) for c, said in zip(colours[::-1], reversed(names), strict=True)]
    for paint, said in [*rows, *extra]:
        lines = _wrapped(said, 22)
        parts += _swatch(MARGIN, y, paint, lines[0])
        for more in lines[1:]:
            y += 14
            parts.append(svg.text(MARGIN + 30, y + 12, more, size=12))
        y += 21
    return parts, y


def _badges(
    cx: Floats, cy: Floats, side: float, extent: tuple[float, float]
) -> list[tuple[float, float] | None]:
    """Where the number of each chosen cell stands: as near to it as fits, on no other badge and no chosen cell.

    Greedy in the order of the plan over rings of candidate places; None where all of them are taken.
    """
    apart = 2 * BADGE + 1.5
    clear = BADGE + side / 2 + 1.0
    taken = np.empty((0, 2))
    found: list[tuple[float, float] | None] = []
    angles = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    radii = clear + 4.0 + np.arange(0, 9) * 7.0
    ring = np.column_stack(
        (np.outer(radii, np.sin(angles)).ravel(), -np.outer(radii, np.cos(angles)).ravel())
    )
    for x, y in zip(cx, cy, strict=True):
        spots = ring + np.array((x, y))
        free = np.all((spots > BADGE) & (spots < np.array(extent) - BADGE), axis=1)
        far = np.maximum(np.abs(spots[:, :1] - cx), np.abs(spots[:, 1:] - cy)).min(axis=1)
        free &= far >= clear
        if taken.size:
            gap = np.hypot(spots[:, :1] - taken[:, 0], spots[:, 1:] - taken[:, 1]).min(axis=1)
            free &= gap >= apart
        if not free.any():
            found.append(None)
            continue
        spot = spots[int(np.argmax(free))]
        taken = np.vstack((taken, spot))
        found.append((float(spot[0]), float(spot[1])))
    return found


def _highlights(grid: Grid, chosen: Sequence[int], frame: _Frame, extent: tuple[float, float]) -> list[str]:
    """Chosen cells: a light casing, an outline in the accent colour, and their number in the plan beside them."""
    if not chosen:
        return []
    side = grid.side * frame.scale
    x, y = grid.centres()
    cx, cy = frame.x(x)[list(chosen)], frame.y(y)[list(chosen)]
    corners = zip(cx - side / 2, cy - side / 2, strict=True)
    squares = "".join(f"M{a:.1f} {b:.1f}h{side:.1f}v{side:.1f}h-{side:.1f}z" for a, b in corners)
    lines, labels = [], []
    for rank, (a, b, spot) in enumerate(zip(cx, cy, _badges(cx, cy, side, extent), strict=True), start=1):
        if spot is None:
            continue
        away = max(abs(spot[0] - a), abs(spot[1] - b)) / (side / 2)
        lines.append(
            svg.line(a + (spot[0] - a) / away, b + (spot[1] - b) / away, spot[0], spot[1], "ink", 0.9)
        )
        size = 10.0 if rank < 100 else 7.5
        labels.append(svg.circle(spot[0], spot[1], BADGE, svg.fill("paper")))
        labels.append(svg.circle(spot[0], spot[1], BADGE, svg.stroke("ink", 0.9)))
        labels.append(
            svg.text(spot[0], spot[1] + size * 0.36, str(rank), anchor="middle", size=size, bold=True)
        )
    return [
        svg.path(squares, svg.stroke("paper", 4.0)),
        *lines,
        svg.path(squares, svg.stroke("accent", 2.0)),
        *labels,
    ]


def map_svg(
    grid: Grid,
    values: npt.ArrayLike,
    *,
    title: str,
    desc: str,
    heading: str,
    areas: Areas | None = None,
    highlight: Sequence[int] = (),
    breaks: npt.ArrayLike | None = None,
    width: float = WIDTH,
) -> Markup:
    """A map of the cells of a grid in up to five classes.

    Parameters
    ----------
    grid : Grid
    values : array of float, shape (n_cells,)
        NaN leaves a cell blank.
    title, desc : str
        What the map is and what it shows, in words.
    heading : str
        Of the legend, with the unit.
    areas : Areas, optional
        Outlined over the cells.
    highlight : sequence of int
        Cell numbers in the order of a plan: outlined and numbered from 1.
    breaks : array of float, optional
        Limits between the classes, at most four; by default the quantiles of `map_breaks`.

    Returns
    -------
    Markup
        One SVG picture with a legend in numbers, a scale bar and an arrow to grid north.
    """
    values = np.asarray(values, dtype=float)
    chosen = [int(c) for c in highlight]
    if any(not 0 <= c < len(grid) for c in chosen):
        msg = f"cells up to {max(chosen)} were to be highlighted; the grid has {len(grid)} cells"
        raise UsageError(msg)
    limits = map_breaks(values) if breaks is None else np.asarray(breaks, dtype=float)
    if limits.size >= CLASSES or np.any(np.diff(limits) <= 0):
        msg = f"{limits.size} limits were given for the classes of a map; expected at most {CLASSES - 1}, increasing"
        raise UsageError(msg)
    frame = _Frame.around(grid.bounds(), width=width)
    classes = _classes(values, limits)
    image = np.full(grid.shape, -1, dtype=np.int64)
    image[grid.rows, grid.columns] = classes
    side = grid.side * frame.scale
    cells = "".join(
        svg.path(_runs(image, q), svg.fill(f"q{q}")) for q in range(CLASSES) if np.any(image == q)
    )
    place = f"translate({frame.dx:.2f} {MARGIN:.2f}) scale({side:.4f})"
    body = [f'<g transform="{place}" shape-rendering="crispEdges">{cells}</g>']
    if areas is not None:
        body.append(svg.path("".join(_outlines(areas, frame, grid.crs)), svg.stroke("edge", 0.7)))
    known = values[np.isfinite(values)]
    whole = bool(known.size) and bool(np.all(known == np.round(known)))
    names = _class_names(limits, float(known.max()) if known.size else math.nan, whole)
    extra = [(svg.stroke("accent", 2.2), "place in the plan, with its number")] if chosen else []
    parts, _ = _legend(names, heading, y=22, extra=extra)
    height = max(frame.height, 330.0)
    body += _highlights(grid, chosen, frame, (width, height))
    pixels = frame.scale / metres_per_unit(grid.crs)
    body += parts + _scale_bar(MARGIN + 1, height - 26, pixels, LEGEND * 0.55)
    return svg.draw(body, width=width, height=height, title=title, desc=desc, kind="map")


def area_map_svg(
    areas: Areas,
    values: Mapping[str, float | None],
    *,
    crs: str,
    title: str,
    desc: str,
    heading: str,
    hidden: str = "",
    breaks: npt.ArrayLike | None = None,
    width: float = WIDTH,
) -> Markup:
    """A map of whole areas in up to five classes; areas without a number are hatched.

    Parameters
    ----------
    areas : Areas
    values : mapping of area id to float or None
        None: there is a number, but it is not shown. An area that is missing here has none.
    crs : str
        The projected CRS to draw in.
    hidden : str
        What the hatching means, for the legend and on hover, such as ``"fewer than 5"``.
    breaks : array of float, optional
        Limits between the classes; by default fifths of the shown values.
    """
    frame_ = areas.to_crs(crs).frame
    ids = [str(i) for i in frame_["area_id"]]
    names = [str(n) for n in frame_["name"]]
    shown = np.array([math.nan if (v := values.get(i)) is None else float(v) for i in ids])
    limits = (
        map_breaks(shown, quantiles=(0.2, 0.4, 0.6, 0.8))
        if breaks is None
        else np.asarray(breaks, dtype=float)
    )
    xmin, ymin, xmax, ymax = (float(v) for v in frame_.total_bounds)
    frame = _Frame.around((xmin, ymin, xmax, ymax), width=width)
    classes = _classes(shown, limits)
    body = []
    for i, name, c, value, d in zip(ids, names, classes, shown, _outlines(areas, frame, crs), strict=True):
        masked = i in values and values[i] is None
        said = number(value) if c >= 0 else hidden if masked else "no number"
        paint = svg.fill(f"q{c}") if c >= 0 else 'fill="url(#ID-hatch)"' if masked else svg.fill("paper")
        body.append(svg.path(d, paint, title=f"{name}: {said}"))
        body.append(svg.path(d, svg.stroke("edge", 0.7)))
    known = shown[np.isfinite(shown)]
    whole = bool(known.size) and bool(np.all(known == np.round(known)))
    legend = _class_names(limits, float(known.max()) if known.size else math.nan, whole)
    masked_any = any(v is None for v in values.values())
    extra = [('fill="url(#ID-hatch)"', hidden)] if masked_any else []
    if any(i not in values for i in ids):
        extra.append((svg.fill("paper"), "no number"))
    parts, _ = _legend(legend, heading, y=22, extra=extra)
    height = max(frame.height, 330.0)
    body += parts + _scale_bar(MARGIN + 1, height - 26, frame.scale / metres_per_unit(crs), LEGEND * 0.55)
    hatch = (
        '<pattern id="ID-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        + svg.box(0, 0, 6, 6, svg.fill("paper"))
        + svg.line(0, 0, 0, 6, "edge", 2.4)
        + "</pattern>"
    )
    return svg.draw(body, width=width, height=height, title=title, desc=desc, kind="map", defs=hatch)


def map_figure(caption: str, drawing: Markup, note: str = "") -> Markup:
    """A map under its caption, in a box of its own that scrolls sideways when it must."""
    said = Markup('<p class="note">{}</p>').format(note) if note else Markup("")
    return Markup(
        '<figure><figcaption>{0}</figcaption><div class="draw" role="group" tabindex="0" aria-label="{0}">{1}</div>'
        "{2}</figure>"
    ).format(caption, drawing, said)


def expected_map(
    surface: Surface, *, kind: str, areas: Areas | None = None, chosen: Sequence[int] = ()
) -> Markup:
    """The figure of a forecast: its map, what it shows in words, and what it doesn't say.

    Parameters
    ----------
    surface : Surface
    kind : str
        What the reports are of, in words.
    areas : Areas, optional
    chosen : sequence of int
        Cells of a plan in its order.
    """
    grid, mean = surface.grid, surface.mean
    top = np.sort(mean)[::-1][: max(mean.size // 20, 1)].sum() / max(float(mean.sum()), 1e-12)
    title = f"Expected {kind} reports by place, {period(surface.period)}"
    desc = (
        f"A map of {number(len(grid))} squares of {number(grid.cell)} m. The twentieth of them with the most expected "
        f"reports holds {percent(top)} of all. "
    )
    if chosen:
        desc += f"{plural(len(chosen), 'place')} of the plan are outlined and numbered as in the table."
    span = "the week" if surface.period.days == 7 else f"{surface.period.days} days"
    drawing = map_svg(
        grid,
        mean,
        title=title,
        desc=desc.strip(),
        heading=f"Expected reports in a square in {span}",
        areas=areas,
        highlight=chosen,
    )
    note = "A square with many expected reports says something about reports, and nothing about those who live there."
    if chosen:
        note += " The table of places beneath holds the same for the places in the plan."
    return map_figure(title, drawing, note)
