"""The arithmetic of a scan: scores of subsets and circles, and how high the highest of them gets by chance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from peelian.audits.conditions import Subsets
from peelian.errors import UsageError
from peelian.patterns.base import monte_carlo_p
from peelian.patterns.cylinders import LANES, Cylinders, Fill, latest_first
from peelian.patterns.scan import Look, clusters
from peelian.patterns.windows import Windows

__all__ = ["area_rows", "attribute_rows", "scatter_of", "score"]

Floats = npt.NDArray[np.float64]

MOST_TOLD = 5
"""Rows of each family."""


def scatter_of(
    observed: npt.ArrayLike, expected: npt.ArrayLike, *, block: npt.ArrayLike | None = None
) -> float:
    """Variance over mean of counts around an expectation, at least 1: the larger of places' and of blocks'.

    Parameters
    ----------
    observed, expected : array of float, shape (n_units, n_periods)
    block : array, shape (n_units,), optional
        Neighbours that rise and fall together make sums scatter more than single counts show.

    Notes
    -----
    The sum of (c - b)^2 over the sum of b, so that tiny expectations don't decide. What the scan looks for is in it
    too, which makes the scan cautious.
    """
    c, b = np.asarray(observed, dtype=float), np.asarray(expected, dtype=float)
    pairs = [(c, b)]
    if block is not None:
        number = np.unique(np.asarray(block), return_inverse=True)[1].ravel()
        sums = [np.zeros((int(number.max()) + 1, c.shape[1])) for _ in range(2)]
        for out, values in zip(sums, (c, b), strict=True):
            np.add.at(out, number, values)
        pairs.append((sums[0], sums[1]))
    return max([1.0, *(float(((p - q) ** 2).sum() / q.sum()) for p, q in pairs)])


def score(c: Floats, b: Floats) -> Floats:
    """Log likelihood ratio of counts that differ from what is expected, in either direction."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(c > 0, c * np.log(c / b), 0.0) + b - c)


def attribute_rows(
    named: Subsets,
    counts: Floats,
    base: Floats,
    days: tuple[int, ...],
    fill: Fill,
    replicates: int,
) -> list[dict[str, Any]]:
    """The subsets that stand out most, none of which shares most of its places with one before it."""
    if not len(named):
        return []
    member = named.member.astype(np.float32)
    at = [d - 1 for d in days]
    observed, expected = ((member @ latest_first(v)[:, at]).astype(float) for v in (counts, base))
    total = float(base.sum())
    drawn = _blocks(fill, counts.shape, replicates)
    maxima = np.concatenate([_maxima(member, expected, block, at, total) for block in drawn])
    scores = score(observed, expected)
    rows: list[dict[str, Any]] = []
    taken = np.zeros(len(named), dtype=bool)
    for flat in np.argsort(-scores, axis=None, kind="stable"):
        i, d = np.unravel_index(flat, scores.shape)
        if taken[i] or len(rows) == MOST_TOLD:
            continue
        # What shares most of its places with a subset that is told already tells nothing more.
        both = named.member & named.member[i]
        taken |= both.sum(axis=1) > 0.5 * (named.member | named.member[i]).sum(axis=1)
        rows.append(
            {
                "family": "attributes",
                "subset": named.sentence(int(i)),
                "periods": days[int(d)],
                "units": int(named.member[i].sum()),
                "observed": int(observed[i, d]),
                "expected": float(expected[i, d]),
                "score": float(scores[i, d]),
                "p": float(
                    monte_carlo_p(int((maxima[:replicates] >= scores[i, d] * (1 - 1e-9)).sum()), replicates)
                ),
            }
        )
    return rows


def _blocks(fill: Fill, shape: tuple[int, ...], replicates: int) -> Iterator[npt.NDArray[np.int32]]:
    for block in range(-(-replicates // LANES)):
        out = np.zeros((*shape, LANES), dtype=np.int32)
        fill(block, out)
        yield out


def _maxima(
    member: npt.NDArray[np.float32],
    expected: Floats,
    drawn: npt.NDArray[np.int32],
    at: list[int],
    total: float,
) -> Floats:
    """The highest score of each replicate of a block, held against its own total as the city is, shape (LANES,)."""
    best = np.zeros(drawn.shape[2])
    share = drawn[:, -1].sum(axis=0) / total
    for j, d in enumerate(at):
        c = (member @ drawn[:, d].astype(np.float32)).astype(float)
        b = expected[:, [j]] * np.where(share > 0, share, 1.0)[None, :]
        best = np.maximum(best, score(c, b).max(axis=0))
    return best


def area_rows(
    windows: Windows, counts: Floats, base: Floats, fill: Fill, replicates: int, at: Floats
) -> list[dict[str, Any]]:
    """The circles that stand out most, no two of which share a place."""
    if len(windows) != len(counts):
        msg = f"circles around {len(windows)} places were given for {len(counts)} places"
        raise UsageError(msg, hint="grid_windows(grid) or point_windows(x, y, crs=...) of the same places")
    # Circles are compared with an expectation above 0, however little is expected of a place.
    cylinders = Cylinders(windows, latest_first(np.maximum(base, 1e-9)))
    look = Look(cylinders, latest_first(counts), 1.0, lambda scatter, seed: fill)
    maxima = cylinders.highest(fill, replicates)
    rows: list[dict[str, Any]] = []
    for one in clusters(look, maxima, most=MOST_TOLD):
        x, y = at[one.place]
        radius = windows.radius(one.place, one.members.size)
        rows.append(
            {
                "family": "areas",
                "subset": "one place"
                if one.members.size == 1
                else f"the places within {radius:,.0f} m of one",
                "periods": one.weeks,
                "units": int(one.members.size),
                "observed": one.observed,
                "expected": one.expected,
                "score": one.score,
                "p": one.p,
                "place": one.place,
                "x": float(x),
                "y": float(y),
                "radius": radius,
            }
        )
    return rows
