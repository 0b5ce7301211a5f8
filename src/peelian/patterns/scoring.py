"""Scores of all pairs of many incidents, of which only the best are kept.

The pairs are gone through row by row of incidents on all cores, and a pair's features are found as it comes by. There
is hardly a branch in the innermost loop: to leave a hopeless pair early takes as long as to score it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from peelian.errors import DataError
from peelian.patterns.pairs import Compared, arrays, code_bin, number_bin, place_bin, slot_bin, time_bin

__all__ = ["score_all", "score_pairs"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BLOCKS = 256
"""Parts of the work: a fixed number, so that results come in the same order on any number of cores."""

FIRST_ROOM = 1_024
MOST_HELD = 5_000_000
"""Pairs; a hundred megabytes."""

SAMPLE = 1_000_000
LEAST_TAIL = 50


def stacked(tables: Sequence[Floats]) -> tuple[Floats, Ints]:
    """All tables in one array, and where each begins, with the end of the last."""
    begin = np.concatenate([[0], np.cumsum([len(t) for t in tables])]).astype(np.int64)
    return np.concatenate([np.asarray(t, dtype=np.float64) for t in tables]), begin


@njit(cache=True, inline="always")
def _rest(
    i: int,
    j: int,
    table: Any,
    begin: Any,
    hour: Any,
    hours: Any,
    weekday: Any,
    weekdays: Any,
    hour_table: Any,
    weekday_table: Any,
    codes: Any,
    levels: Any,
    values: Any,
    scales: Any,
) -> float:
    """What hour, weekday and manner add to the score of a pair."""
    score = table[begin[2] + slot_bin(hour_table, hour, hours, i, j)]
    score += table[begin[3] + slot_bin(weekday_table, weekday, weekdays, i, j)]
    coded = codes.shape[0]
    for f in range(coded):
        score += table[begin[4 + f] + code_bin(codes, levels[f], f, i, j)]
    for f in range(values.shape[0]):
        score += table[begin[4 + coded + f] + number_bin(values, scales[f], f, i, j)]
    return float(score)


@njit(cache=True)
def _score_pairs(i: Any, j: Any, table: Any, begin: Any, x: Any, y: Any, thin: Any, start: Any, end: Any,
                 hour: Any, hours: Any, weekday: Any, weekdays: Any, hour_table: Any, weekday_table: Any,
                 codes: Any, levels: Any, values: Any, scales: Any) -> Any:  # fmt: skip
    out = np.empty(i.size)
    for k in range(i.size):
        score = table[place_bin(x, y, thin, i[k], j[k])] + table[begin[1] + time_bin(start, end, i[k], j[k])]
        out[k] = score + _rest(i[k], j[k], table, begin, hour, hours, weekday, weekdays, hour_table,
                               weekday_table, codes, levels, values, scales)  # fmt: skip
    return out


@njit(cache=True, parallel=True)
def _score_all(rows: Any, room: Any, offset: Any, one: Any, two: Any, kept: Any, threshold: float,
               table: Any, begin: Any, x: Any, y: Any, thin: Any, start: Any, end: Any, hour: Any, hours: Any,
               weekday: Any, weekdays: Any, hour_table: Any, weekday_table: Any, codes: Any, levels: Any,
               values: Any, scales: Any) -> Any:  # fmt: skip
    n = x.size
    found = np.zeros(room.size, np.int64)
    for block in prange(room.size):
        count = 0
        for i in range(rows[block], rows[block + 1]):
            for j in range(i + 1, n):
                score = table[place_bin(x, y, thin, i, j)] + table[begin[1] + time_bin(start, end, i, j)]
                score += _rest(i, j, table, begin, hour, hours, weekday, weekdays, hour_table, weekday_table,
                               codes, levels, values, scales)  # fmt: skip
                if score < threshold:
                    continue
                if count < room[block]:
                    at = offset[block] + count
                    one[at], two[at], kept[at] = i, j, score
                count += 1
        found[block] = count
    return found


def score_pairs(compared: Compared, i: Ints, j: Ints, *, tables: Sequence[Floats], scales: Floats) -> Floats:
    """Score of each pair: the sum over features of the table at the pair's bin, shape (pairs,).

    Parameters
    ----------
    compared : Compared
    i, j : array of int, shape (pairs,)
    tables : sequence of array of float
        One a feature, shape (bins,).
    scales : array of float, shape (numbers,)
    """
    table, begin = stacked(tables)
    i, j = np.ascontiguousarray(i, dtype=np.int64), np.ascontiguousarray(j, dtype=np.int64)
    found: Floats = _score_pairs(i, j, table, begin, *arrays(compared, scales))
    return found


def score_all(
    compared: Compared,
    *,
    tables: Sequence[Floats],
    scales: Floats,
    threshold: float,
    most: int = 1_000_000,
) -> tuple[Ints, Ints, Floats, int]:
    """Score all pairs, and keep those that reach a threshold.

    Parameters
    ----------
    compared : Compared
    tables, scales
        As for `score_pairs`.
    threshold : float
        Least score.
    most : int
        Where more pairs reach the threshold, the best so many are kept (of pairs with the same score those of earlier
        rows).

    Returns
    -------
    (array of int, array of int, array of float, int)
        Rows ``i < j`` and scores, the best first, and how many pairs reached the threshold.
    """
    table, begin = stacked(tables)
    given = arrays(compared, scales)
    rows = _row_blocks(len(compared))

    def at_least(least: float, room: Ints) -> tuple[Ints, Any]:
        offset = np.concatenate([[0], np.cumsum(room)[:-1]]).astype(np.int64)
        size = int(room.sum())
        held = (np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size))
        found = _score_all(rows, room, offset, *held, least, table, begin, *given)
        used = np.concatenate(
            [np.arange(o, o + min(f, r)) for o, f, r in zip(offset, found, room, strict=True)]
        )
        return found, tuple(h[used] for h in held)

    room = np.full(rows.size - 1, FIRST_ROOM, dtype=np.int64)
    found, held = at_least(threshold, room)
    total = int(found.sum())
    if total > max(MOST_HELD, most):
        threshold = _raised(compared, tables, scales, threshold, most)
        found, held = at_least(threshold, room)
        if found.sum() > max(MOST_HELD, most):
            msg = f"{int(found.sum()):,} pairs are as alike as the most alike ones; at most {MOST_HELD:,} can be held"
            raise DataError(
                msg, hint="leave out the records that share one place and time, or a shorter period"
            )
    if bool((found > room).any()):
        # Rows that hold more than there was room for: all are gone through again, with room for what they hold.
        found, held = at_least(threshold, np.maximum(found, 1))
    i, j, score = held[0].astype(np.int64), held[1].astype(np.int64), held[2]
    order = np.lexsort((j, i, -score))[:most]
    return i[order], j[order], score[order], total


def _raised(
    compared: Compared, tables: Sequence[Floats], scales: Floats, threshold: float, most: int
) -> float:
    """A threshold that about twice `most` pairs reach, from a sample of pairs."""
    n = len(compared)
    i, j = np.random.default_rng(0).integers(0, n, (2, SAMPLE))
    i, j = i[i != j], j[i != j]
    score = np.sort(score_pairs(compared, np.minimum(i, j), np.maximum(i, j), tables=tables, scales=scales))
    share = min(1.0, 2.0 * max(most, 1) / (n * (n - 1) / 2))
    # Never so high that the sample can't tell how many reach it.
    place = min(int((1 - share) * score.size), score.size - LEAST_TAIL)
    return max(threshold, float(score[max(0, place)]))


def _row_blocks(n: int) -> Ints:
    """First row of each block, so that each has about as many pairs; shape (blocks + 1,)."""
    blocks = min(BLOCKS, max(1, n))
    pairs = np.cumsum(np.arange(n - 1, -1, -1, dtype=np.int64))
    cuts = np.searchsorted(pairs, np.arange(1, blocks) * (pairs[-1] / blocks), side="left") + 1
    return np.concatenate([[0], np.minimum(cuts, n), [n]]).astype(np.int64)
