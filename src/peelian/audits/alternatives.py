"""What else could be done with as much area: places at random, by residents, by last year's reports, by counting.

A number of one method means little alone. Every rule here picks as much area as the method does in each period. Where
a rule can't tell places apart, each of them is picked in part, as far as a random choice among them would pick it on
average: the expected value, not one draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.audits.retrospect import Retrospect
from peelian.errors import UsageError
from peelian.places.counts import Counts
from peelian.trials.splits import Split

__all__ = [
    "BY_POPULATION",
    "COUNTING",
    "EVEN",
    "LAST_YEAR",
    "METHOD",
    "Rule",
    "hours_by_last_year",
    "rules",
    "year_before",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

METHOD = "method"
COUNTING = "counting"
LAST_YEAR = "last_year"
BY_POPULATION = "by_population"
EVEN = "even"

TITLES = {
    LAST_YEAR: "last year's map (the same period a year before)",
    BY_POPULATION: "by number of residents",
    EVEN: "places at random",
}

DIGITS = 9
"""Significant ones by which two places are told apart."""


@dataclass(frozen=True, eq=False)
class Rule:
    """One way to expect reports and to pick places.

    Parameters
    ----------
    name, title : str
    mean : array of float, shape (n_periods, n_cells)
        Expected reports. Of a rule that says only where, they sum to as many as the method expected.
    picked : array of float, shape (n_periods, n_cells)
        0 to 1: how likely the place is picked.
    forecast : Retrospect or None
        Where the rule gives a distribution of counts: without one there is no coverage and no transform.
    """

    name: str
    title: str
    mean: Floats
    picked: Floats
    forecast: Retrospect | None = None


def rules(
    used: Retrospect,
    *,
    everybody: Floats,
    counting: Retrospect | None = None,
    last_year: Floats | None = None,
) -> list[Rule]:
    """The method in use, and the alternatives at the area that it picks in each period.

    Parameters
    ----------
    used : Retrospect
    everybody : array of float, shape (n_cells,)
        Residents.
    counting : Retrospect, optional
        Of the same periods; None where the method in use counts itself.
    last_year : array of float, shape (n_periods, n_cells), optional
        Reports of the same period a year before, from `year_before`.

    Raises
    ------
    UsageError
        The forecasts are not of the same periods and places.
    """
    area = used.grid.area
    limits = used.picked @ area
    total = used.mean.sum(axis=1, keepdims=True)
    made = [Rule(METHOD, used.title, used.mean, used.picked.astype(float), used)]
    if counting is not None:
        if counting.observed.shape != used.observed.shape or not np.array_equal(
            counting.observed, used.observed
        ):
            msg = "counting was given for other periods or places than the method; expected the same"
            raise UsageError(msg, hint="look_back(counts, [method, counting])")
        picked = _picks(counting.mean, area, limits)
        made.append(Rule(COUNTING, f"counting ({counting.title})", counting.mean, picked, counting))
    maps = {
        LAST_YEAR: last_year,
        BY_POPULATION: np.broadcast_to(everybody, used.mean.shape),
        EVEN: np.broadcast_to(area, used.mean.shape),
    }
    for name, given in maps.items():
        if given is None:
            continue
        sums = given.sum(axis=1, keepdims=True)
        # A period of which there was nothing a year before says nothing about where: then all places are alike.
        known = np.where(sums > 0, given, area)
        mean = known / known.sum(axis=1, keepdims=True) * total
        ranked = np.ones_like(mean) if name == EVEN else known * (sums > 0)
        made.append(Rule(name, TITLES[name], mean, _picks(ranked, area, limits)))
    return made


def year_before(counts: Counts, splits: Sequence[Split]) -> Floats | None:
    """Reports of the same period a year before each, shape (n_periods, n_cells); None where records begin too late."""
    back = max(round(365.2425 / counts.periods.frequency.days), 1)
    if any(split.index < back for split in splits):
        return None
    return np.array([counts.column(split.index - back) for split in splits], dtype=float)


def hours_by_last_year(counts: Counts, hours: Floats) -> Floats | None:
    """Planned hours moved to as much area where most was reported in the same period a year before.

    Parameters
    ----------
    counts : Counts
        Of the periods before the plan's own.
    hours : array of float, shape (n_cells,)
        The plan's.

    Returns
    -------
    array of float, shape (n_cells,), or None
        The same in each cell that is taken whole; cells that tie at the end share. None where records begin too late,
        nothing was reported then, or nothing is planned.
    """
    back = max(round(365.2425 / counts.periods.frequency.days), 1)
    area = np.asarray(counts.grid.area, dtype=float)
    limit = float(area[hours > 0].sum())
    if len(counts.periods) < back or limit <= 0:
        return None
    before = np.asarray(counts.column(len(counts.periods) - back), dtype=float)
    if not before.sum() > 0:
        return None
    taken = area * picks(before, area, limit)
    return np.asarray(hours.sum() * taken / taken.sum())


def _picks(ranked: Floats, area: Floats, limits: Floats) -> Floats:
    return np.array([picks(row, area, limit) for row, limit in zip(ranked, limits, strict=True)])


def picks(ranked: Floats, area: Floats, limit: float) -> Floats:
    """Take places from the top until an area is reached; of those that tie at the end, each the same part.

    Parameters
    ----------
    ranked : array of float, shape (n_cells,)
    area : array of float, shape (n_cells,)
        Above 0, in the unit of `limit`.
    limit : float

    Returns
    -------
    array of float, shape (n_cells,)
        0 to 1; times `area` they sum to `limit`.
    """
    with np.errstate(divide="ignore"):
        power = np.floor(np.log10(np.maximum(np.abs(ranked), 1e-300)))
    scale = 10.0 ** (DIGITS - 1 - power)
    level, at = np.unique(-np.round(ranked * scale) / scale, return_inverse=True)
    size = np.bincount(at, weights=area, minlength=level.size)
    before = np.cumsum(size) - size
    return np.asarray(np.clip((limit - before) / size, 0.0, 1.0)[at])
