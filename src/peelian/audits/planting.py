"""What a poisoner would do to the records, at several strengths and in random places.

Six kinds, each in one place and up to the last week, where a forecast feels it most:

* *cluster*: records of the category are added to one cell, so many a week for 8 weeks;
* *deleted*: all records of an area are taken away for some weeks;
* *thinned*: a share of the category's records of an area is taken away over 26 weeks;
* *recoded*: a share of them is recorded as another category, over 26 weeks;
* *series*: records are made up at one exact point, one every 7 days at the same minute;
* *digits*: a share of the times in an area is made up, with minutes drawn at random, over a year.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.audits.manipulation import Records, Watched
from peelian.errors import NotEnoughDataError

__all__ = ["KINDS", "STRENGTHS", "UNITS", "Plant", "Target", "plant", "targets"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

STRENGTHS: dict[str, tuple[float, ...]] = {
    "cluster": (0.5, 1, 2, 3, 5, 8, 13),
    "deleted": (1, 2, 4, 8, 13),
    "thinned": (0.2, 0.4, 0.6, 0.8, 1.0),
    "recoded": (0.2, 0.4, 0.6, 0.8, 1.0),
    "series": (6, 9, 13, 26, 52),
    "digits": (0.1, 0.2, 0.4, 0.6, 0.8),
}

UNITS = {
    "cluster": "records a week, for 8 weeks, in one cell",
    "deleted": "weeks without any record of one area",
    "thinned": "of an area's records of the category taken away over 26 weeks",
    "recoded": "of an area's records of the category called otherwise over 26 weeks",
    "series": "made-up records at one point, one every 7 days",
    "digits": "of an area's times made up over a year",
}

KINDS = tuple(STRENGTHS)

CLUSTER_WEEKS = 8
SHIFT_WEEKS = 26
YEAR_WEEKS = 52
BUSY = 1.0
"""Records a week from which on an area is one where something can be taken away; of one category half as many."""


@dataclass(frozen=True)
class Target:
    """Where something is planted: a cell, an area or a record at whose point and minute it stands."""

    kind: str
    cell: int
    area: int
    record: int
    seed: int


@dataclass(frozen=True, eq=False)
class Plant:
    """What a plant changes.

    Parameters
    ----------
    removed : array of int
        Numbers of records that are taken away.
    added : Records
        Records that are added.
    stamps : array of int, optional
        Minutes since the epoch of the records that the series adds to its point.
    digits : array of int, shape (n_categories, 10), optional
        Last digits of the area's minutes with the made-up ones.
    """

    removed: Ints
    added: Records
    stamps: Ints | None = None
    digits: Ints | None = None


def targets(watched: Watched, kind: str, *, placements: int, seed: int) -> list[Target]:
    """Random places to plant in: cells and points that hold a record, areas with some a week.

    Raises
    ------
    NotEnoughDataError
        There is no such place.
    """
    r = watched.records
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    weeks = len(r.weeks)
    if kind in ("cluster", "series"):
        cells = np.unique(r.cell)
    else:
        of = (
            (r.category[0] == watched.own)
            if kind in ("thinned", "recoded")
            else np.ones(len(r), dtype=np.bool_)
        )
        counts = np.bincount(r.area[(r.area >= 0) & of], minlength=len(r.names))
        cells = np.flatnonzero(counts >= (BUSY if of.all() else BUSY / 2) * weeks)
    if not cells.size:
        msg = f"no area has {BUSY:g} record a week; expected one in which something can be planted"
        raise NotEnoughDataError(msg, hint="larger areas, or more records")
    found = []
    for _ in range(placements):
        at, each = int(rng.choice(cells)), int(rng.integers(2**31))
        if kind in ("cluster", "series"):
            record = int(rng.choice(np.flatnonzero(r.cell == at)))
            found.append(Target(kind, at, int(r.area[record]), record, each))
        else:
            found.append(Target(kind, -1, at, -1, each))
    return found


def plant(watched: Watched, target: Target, strength: float) -> Plant:
    """What planting at a strength changes; stronger plants hold weaker ones of the same target where they can."""
    return _PLANTERS[target.kind](watched, target, strength, np.random.default_rng(target.seed))


def _nothing() -> Records:
    none = np.zeros(0, dtype=np.int64)
    return Records(none, none, none, none)


def _cluster(watched: Watched, target: Target, strength: float, rng: np.random.Generator) -> Plant:
    """So many a week as far as whole records go: half a one is one every other week."""
    weeks = len(watched.records.weeks)
    last = np.arange(weeks - min(CLUSTER_WEEKS, weeks), weeks)
    each = np.diff(np.floor(strength * np.arange(last.size + 1))).astype(np.int64)
    return Plant(np.zeros(0, dtype=np.int64), _at(watched, target, np.repeat(last, each)))


def _at(watched: Watched, target: Target, week: Ints) -> Records:
    ones = np.ones(week.size, dtype=np.int64)
    return Records(ones * target.cell, ones * target.area, week, ones * watched.own)


def _deleted(watched: Watched, target: Target, strength: float, rng: np.random.Generator) -> Plant:
    r = watched.records
    return Plant(
        np.flatnonzero((r.area == target.area) & (r.week >= len(r.weeks) - int(strength))), _nothing()
    )


def _some(watched: Watched, target: Target, share: float, rng: np.random.Generator) -> Ints:
    """A share of the area's latest records of the category, drawn at random."""
    r = watched.records
    recent = r.week >= len(r.weeks) - SHIFT_WEEKS
    mine = np.flatnonzero((r.area == target.area) & recent & (r.category[0] == watched.own))
    return np.sort(rng.permutation(mine)[: round(share * mine.size)])


def _thinned(watched: Watched, target: Target, strength: float, rng: np.random.Generator) -> Plant:
    return Plant(_some(watched, target, strength, rng), _nothing())


def _recoded(watched: Watched, target: Target, strength: float, rng: np.random.Generator) -> Plant:
    """Recorded as the most frequent other category."""
    gone = _some(watched, target, strength, rng)
    r = watched.records
    other = next((k for k in range(len(r.category[1])) if k != watched.own), watched.own)
    return Plant(gone, Records(r.cell[gone], r.area[gone], r.week[gone], np.full(gone.size, other)))


def _series(watched: Watched, target: Target, strength: float, rng: np.random.Generator) -> Plant:
    r = watched.records
    last = int((r.weeks.end - np.timedelta64(1, "D")).astype("datetime64[D]").astype(np.int64))
    day = last - int(rng.integers(7)) - 7 * np.arange(int(strength))[::-1]
    week = r.weeks.locate(day.astype("datetime64[D]"))
    minute = int(
        r.frame["occurred_from"].to_numpy()[target.record].astype("datetime64[m]").astype(np.int64) % 1440
    )
    inside = week >= 0
    stamps = day[inside] * 1440 + minute
    return Plant(np.zeros(0, dtype=np.int64), _at(watched, target, week[inside]), stamps=stamps)


def _digits(watched: Watched, target: Target, strength: float, rng: np.random.Generator) -> Plant:
    r = watched.records
    exact = (r.frame["resolution"] == "minute").to_numpy()
    recent = r.week >= len(r.weeks) - YEAR_WEEKS
    mine = np.flatnonzero((r.area == target.area) & recent & exact)
    changed = rng.permutation(mine)[: round(strength * mine.size)]
    minute = r.frame["occurred_from"].to_numpy(dtype="datetime64[m]").astype(np.int64)[changed] % 60
    counts = watched.digits.counts[target.area].copy()
    np.subtract.at(counts, (r.category[0][changed], minute % 10), 1)
    np.add.at(counts, (r.category[0][changed], rng.integers(60, size=changed.size) % 10), 1)
    return Plant(np.zeros(0, dtype=np.int64), _nothing(), digits=counts)


_PLANTERS = {
    "cluster": _cluster,
    "deleted": _deleted,
    "thinned": _thinned,
    "recoded": _recoded,
    "series": _series,
    "digits": _digits,
}
