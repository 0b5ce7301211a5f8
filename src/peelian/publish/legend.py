"""Classes of a map: where their limits lie, what each is called, and the legend that says so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from peelian.publish import svg
from peelian.publish.palette import CLASSES
from peelian.publish.words import number

__all__ = ["class_names", "classes_of", "legend", "map_breaks"]

Floats = npt.NDArray[np.float64]

LEFT = 6.0
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


def classes_of(values: Floats, breaks: Floats) -> npt.NDArray[np.int64]:
    """Class of each value, spread over the palette so that few classes still use its whole range; -1 for NaN."""
    found = np.searchsorted(breaks, values, side="right")
    spread = np.round(np.linspace(0, CLASSES - 1, breaks.size + 1)).astype(np.int64)
    return np.where(np.isfinite(values), spread[found], -1)


def _swatch(x: float, y: float, paint: str, said: str) -> list[str]:
    frame = svg.box(x, y, 22, 15, svg.stroke("edge", 0.8))
    return [svg.box(x, y, 22, 15, paint), frame, svg.text(x + 30, y + 12, said, size=12)]


def wrapped(said: str, limit: int) -> list[str]:
    lines = [""]
    for word in said.split():
        if lines[-1] and len(lines[-1]) + len(word) >= limit:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def class_names(breaks: Floats, largest: float, whole: bool) -> list[str]:
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


def legend(
    names: Sequence[str], heading: str, *, y: float, extra: Sequence[tuple[str, str]] = ()
) -> tuple[list[str], float]:
    """The legend, many on top, and where it ends."""
    parts: list[str] = []
    for said in wrapped(heading, 24):
        parts.append(svg.text(LEFT, y, said, size=12, bold=True))
        y += 15
    colours = np.round(np.linspace(0, CLASSES - 1, len(names))).astype(int)
    rows = [(svg.fill(f"q{c}"), said) for c, said in zip(colours[::-1], reversed(names), strict=True)]
    for paint, said in [*rows, *extra]:
        lines = wrapped(said, 22)
        parts += _swatch(LEFT, y, paint, lines[0])
        for more in lines[1:]:
            y += 14
            parts.append(svg.text(LEFT + 30, y + 12, more, size=12))
        y += 21
    return parts, y
