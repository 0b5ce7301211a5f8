"""What maps are drawn with: a frame from CRS units to the picture, runs of cells, outlines, a scale bar and badges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import shapely

from peelian.places import Grid
from peelian.publish import svg

if TYPE_CHECKING:
    from peelian.places import Areas

__all__ = ["LEGEND", "MARGIN", "Frame", "badge_spots", "highlights", "outlines", "runs_of", "scale_bar"]

Floats = npt.NDArray[np.float64]

LEGEND, MARGIN, TALLEST = 168.0, 6.0, 900.0
BADGE = 7.6
"""Radius of the disc that holds a place's number."""


@dataclass(frozen=True)
class Frame:
    """From CRS units to the picture: y down, `scale` pixels a CRS unit."""

    xmin: float
    ymax: float
    scale: float
    width: float
    height: float
    dx: float

    @classmethod
    def around(cls, bounds: tuple[float, float, float, float], *, width: float) -> Frame:
        """The frame that holds `bounds` (CRS units) as large as it fits, beside the legend."""
        xmin, ymin, xmax, ymax = bounds
        room = width - LEGEND - 2 * MARGIN
        scale = min(room / (xmax - xmin), (TALLEST - 2 * MARGIN) / (ymax - ymin))
        drawn = (xmax - xmin) * scale
        return cls(
            xmin, ymax, scale, width, (ymax - ymin) * scale + 2 * MARGIN, LEGEND + MARGIN + (room - drawn) / 2
        )

    def x(self, value: Floats) -> Floats:
        """Pixels from the left."""
        return (value - self.xmin) * self.scale + self.dx

    def y(self, value: Floats) -> Floats:
        """Pixels from the top."""
        return (self.ymax - value) * self.scale + MARGIN


def runs_of(image: npt.NDArray[np.int64], wanted: int) -> str:
    """One path of the cells of a class: a rectangle for each run along a row, in cell units, north first."""
    parts: list[str] = []
    for row, cells in enumerate(image[::-1]):
        inside = np.concatenate(([False], cells == wanted, [False]))
        edges = np.flatnonzero(inside[1:] != inside[:-1])
        parts.extend(f"M{a} {row}h{b - a}v1h{a - b}z" for a, b in zip(edges[::2], edges[1::2], strict=True))
    return "".join(parts)


def _ring(points: Floats, frame: Frame) -> str:
    """A closed ring in whole tenths of a pixel, each point relative to the one before."""
    tenths = np.round(np.column_stack((frame.x(points[:, 0]), frame.y(points[:, 1]))) * 10).astype(int)
    steps = np.diff(tenths, axis=0)[:-1]
    steps = steps[np.any(steps != 0, axis=1)]
    head = " ".join(svg.coordinate(v / 10) for v in tenths[0])
    return (
        f"M{head}l" + " ".join(f"{svg.coordinate(a / 10)} {svg.coordinate(b / 10)}" for a, b in steps) + "z"
    )


def outlines(areas: Areas, frame: Frame, crs: str) -> list[str]:
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


def round_length(limit: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is at most `limit`."""
    power = 10.0 ** math.floor(math.log10(limit))
    return max(m * power for m in (1.0, 2.0, 5.0) if m * power <= limit * (1 + 1e-9))


def scale_bar(x: float, y: float, pixels_a_metre: float, room: float) -> list[str]:
    """A bar in kilometres above and miles below, and an arrow to the north of the grid."""
    parts = []
    for unit, metres, dy in (("km", 1000.0, -6.0), ("mi", 1609.344, 15.0)):
        length = round_length(room / pixels_a_metre / metres)
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


def badge_spots(
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


def highlights(grid: Grid, chosen: Sequence[int], frame: Frame, extent: tuple[float, float]) -> list[str]:
    """Chosen cells: a light casing, an outline in the accent colour, and their number in the plan beside them."""
    if not chosen:
        return []
    side = grid.side * frame.scale
    x, y = grid.centres()
    cx, cy = frame.x(x)[list(chosen)], frame.y(y)[list(chosen)]
    corners = zip(cx - side / 2, cy - side / 2, strict=True)
    squares = "".join(f"M{a:.1f} {b:.1f}h{side:.1f}v{side:.1f}h-{side:.1f}z" for a, b in corners)
    lines, labels = [], []
    for rank, (a, b, spot) in enumerate(zip(cx, cy, badge_spots(cx, cy, side, extent), strict=True), start=1):
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
