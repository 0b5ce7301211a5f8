"""Maps as SVG: cells of a grid, and whole areas, in five classes that keep their order in greyscale.

A map of cells is drawn as one path a class, made of runs of cells along rows, and outlines as whole tenths of a pixel:
some three thousand cells come to a few dozen kilobytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from peelian.errors import UsageError
from peelian.methods import Surface
from peelian.places import Grid, metres_per_unit
from peelian.publish import svg
from peelian.publish.cartography import LEGEND, MARGIN, Frame, highlights, outlines, runs_of, scale_bar
from peelian.publish.legend import class_names, classes_of, legend, map_breaks
from peelian.publish.palette import CLASSES
from peelian.publish.words import number, percent, period, plural

if TYPE_CHECKING:
    from peelian.places import Areas

__all__ = ["area_map_svg", "expected_map", "map_figure", "map_svg"]

WIDTH = 640.0


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
    frame = Frame.around(grid.bounds(), width=width)
    classes = classes_of(values, limits)
    image = np.full(grid.shape, -1, dtype=np.int64)
    image[grid.rows, grid.columns] = classes
    side = grid.side * frame.scale
    cells = "".join(
        svg.path(runs_of(image, q), svg.fill(f"q{q}")) for q in range(CLASSES) if np.any(image == q)
    )
    place = f"translate({frame.dx:.2f} {MARGIN:.2f}) scale({side:.4f})"
    body = [f'<g transform="{place}" shape-rendering="crispEdges">{cells}</g>']
    if areas is not None:
        body.append(svg.path("".join(outlines(areas, frame, grid.crs)), svg.stroke("edge", 0.7)))
    known = values[np.isfinite(values)]
    whole = bool(known.size) and bool(np.all(known == np.round(known)))
    names = class_names(limits, float(known.max()) if known.size else math.nan, whole)
    extra = [(svg.stroke("accent", 2.2), "place in the plan, with its number")] if chosen else []
    parts, _ = legend(names, heading, y=22, extra=extra)
    height = max(frame.height, 330.0)
    body += highlights(grid, chosen, frame, (width, height))
    pixels = frame.scale / metres_per_unit(grid.crs)
    body += parts + scale_bar(MARGIN + 1, height - 26, pixels, LEGEND * 0.55)
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
    frame = Frame.around((xmin, ymin, xmax, ymax), width=width)
    classes = classes_of(shown, limits)
    body = []
    for i, name, c, value, d in zip(ids, names, classes, shown, outlines(areas, frame, crs), strict=True):
        masked = i in values and values[i] is None
        said = number(value) if c >= 0 else hidden if masked else "no number"
        paint = svg.fill(f"q{c}") if c >= 0 else 'fill="url(#ID-hatch)"' if masked else svg.fill("paper")
        body.append(svg.path(d, paint, title=f"{name}: {said}"))
        body.append(svg.path(d, svg.stroke("edge", 0.7)))
    known = shown[np.isfinite(shown)]
    whole = bool(known.size) and bool(np.all(known == np.round(known)))
    named = class_names(limits, float(known.max()) if known.size else math.nan, whole)
    masked_any = any(v is None for v in values.values())
    extra = [('fill="url(#ID-hatch)"', hidden)] if masked_any else []
    if any(i not in values for i in ids):
        extra.append((svg.fill("paper"), "no number"))
    parts, _ = legend(named, heading, y=22, extra=extra)
    height = max(frame.height, 330.0)
    body += parts + scale_bar(MARGIN + 1, height - 26, frame.scale / metres_per_unit(crs), LEGEND * 0.55)
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
