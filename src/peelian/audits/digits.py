"""Digits that nobody's habit explains: the minutes of times, and the last digit of coordinates.

Clocks are read to the quarter of an hour: most records end in 0 or 5. That is a habit of those who write them down, and
the same everywhere. Made-up times break it: a program draws all minutes alike, and a hand avoids round ones. So each
area's last digits are held against those of all other areas' records of the same categories, and not against an even
spread, which real times never had.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.audits.parts import Part
from peelian.audits.recordset import Recordset
from peelian.errors import UsageError
from peelian.patterns.base import false_discovery
from peelian.patterns.probability import proportion_interval

__all__ = ["AreaDigits", "area_digits", "digits", "last_digits", "snapped_to", "uniformity"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST = 50
"""Records that an area must have for its digits to be looked at: five an expected digit."""

STEPS = (1000.0, 500.0, 100.0, 50.0, 10.0, 5.0, 1.0, 0.1, 0.01)
"""To which coordinates may have been rounded, in their own unit."""

MEDIAN = float(stats.chi2.median(9))

BENFORD = (
    "Benford's law of first digits is not used: it holds for numbers that span several orders of magnitude, and "
    "minutes, coordinates of one city and weekly counts do not."
)


def last_digits(values: npt.ArrayLike) -> Ints:
    """How often each last digit occurs among whole numbers, shape (10,)."""
    whole = np.asarray(values, dtype=np.int64)
    return np.bincount(np.abs(whole) % 10, minlength=10).astype(np.int64)


def uniformity(counts: npt.ArrayLike) -> tuple[float, float, float]:
    """Whether ten digits are equally common: chi-square, its p, and Cramer's V (0 even, 1 all on one digit).

    Parameters
    ----------
    counts : array of int, shape (10,)

    Raises
    ------
    UsageError
        There is no record, or not one number a digit.
    """
    seen = np.asarray(counts, dtype=np.float64)
    if seen.shape != (10,) or seen.sum() <= 0:
        msg = f"counts of shape {seen.shape} with a sum of {seen.sum():g} were given; expected ten, not all 0"
        raise UsageError(msg)
    tested = stats.chisquare(seen)
    return (
        float(tested.statistic),
        float(tested.pvalue),
        float(np.sqrt(tested.statistic / (seen.sum() * 9))),
    )


def snapped_to(values: npt.ArrayLike, *, most: float = 0.9, slack: float = 0.002) -> float | None:
    """The largest step (100, 10, 1...) that at least a share `most` of coordinates are multiples of; None if none is.

    Parameters
    ----------
    values : array of float, shape (n,)
        In the unit of the source: a change of CRS would hide the step.
    slack : float
        How far off a multiple still is one, in the unit: coordinates that were moved there and back.
    """
    v = np.asarray(values, dtype=np.float64)
    v = v[np.isfinite(v)]
    for step in STEPS:
        if v.size and np.mean(np.abs(v - step * np.round(v / step)) <= min(slack, step / 10)) >= most:
            return step
    return None


@dataclass(frozen=True, eq=False)
class AreaDigits:
    """Last digits of each area's minutes against those of the others.

    Parameters
    ----------
    counts : array of int, shape (n_areas, n_categories, 10)
    inflation : float
        By how much areas differ beyond chance in the median, at least 1.
    x2 : array of float, shape (n_areas,)
    p : array of float, shape (n_areas,)
        1 for areas with too few records.
    rate : float
    """

    counts: Ints
    inflation: float
    x2: Floats
    p: Floats
    rate: float

    @cached_property
    def q(self) -> Floats:
        """False-discovery rate of each area, shape (n_areas,)."""
        return false_discovery(self.p)

    def again(self, at: int, counts: Ints) -> float:
        """The p that an area would have with other counts, shape (n_categories, 10)."""
        others = self.counts.sum(axis=0) - self.counts[at]
        x2 = float(_against(counts[None], others[None])[0])
        return float(stats.chi2.sf(x2 / self.inflation, 9)) if counts.sum() >= FEWEST else 1.0

    def finds(self, at: int, p: float) -> bool:
        """Whether an area would stand out with `p`, all others staying as they are."""
        changed = self.p.copy()
        changed[at] = p
        return bool(false_discovery(changed)[at] <= self.rate)


def _against(own: Ints, others: Ints) -> Floats:
    """Chi-square of areas' digits against what the others' habits, category by category, make of their records."""
    habit = (others + 0.1) / (others + 0.1).sum(axis=2, keepdims=True)
    expected = np.sum(own.sum(axis=2, keepdims=True) * habit, axis=1)
    seen = own.sum(axis=1)
    x2: Floats = np.sum((seen - expected) ** 2 / np.maximum(expected, 1e-12), axis=1)
    return x2


def area_digits(
    minute: npt.ArrayLike, area: Ints, category: Ints, n_areas: int, *, rate: float
) -> AreaDigits:
    """Hold the last digits of each area's minutes against those of the other areas' records of the same categories.

    Parameters
    ----------
    minute : array of int, shape (n,)
    area, category : array of int, shape (n,)
        An area of -1 is left out.
    rate : float
        False-discovery rate.

    Notes
    -----
    The chi-square with 9 degrees of freedom is divided by the inflation that the median area shows (Devlin and Roeder
    1999, "Genomic control for association studies", Biometrics 55), as real areas differ a little in all things.
    """
    kept = area >= 0
    n_categories = int(category.max()) + 1 if category.size else 1
    digit = np.asarray(minute, dtype=np.int64)[kept] % 10
    flat = (area[kept] * n_categories + category[kept]) * 10 + digit
    counts = np.bincount(flat, minlength=n_areas * n_categories * 10).astype(np.int64)
    counts = counts.reshape(n_areas, n_categories, 10)
    x2 = _against(counts, counts.sum(axis=0)[None] - counts)
    enough = counts.sum(axis=(1, 2)) >= FEWEST
    inflation = max(float(np.median(x2[enough])) / MEDIAN, 1.0) if enough.sum() >= 5 else 1.0
    p = np.where(enough, stats.chi2.sf(x2 / inflation, 9), 1.0)
    return AreaDigits(counts, inflation, x2, p, rate)


def digits(
    records: Recordset,
    *,
    rate: float = 0.05,
    level: float = 0.95,
    source_xy: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    source_unit: str = "units",
    found: AreaDigits | None = None,
) -> Part:
    """Look at the digits of minutes, of dates, and of coordinates in the source's own CRS.

    Parameters
    ----------
    records : Recordset
    source_xy : (array, array), optional
        Coordinates of the records as the source gave them; without, nothing can be said of their digits, as a change of
        CRS makes new ones.
    source_unit : str
        Of these coordinates.
    found : AreaDigits, optional
        As of `digits_of`, where it is at hand.
    """
    areas = digits_of(records, rate=rate) if found is None else found
    exact = (records.frame["resolution"] == "minute").to_numpy()
    stamp = records.frame["occurred_from"].to_numpy(dtype="datetime64[m]").astype(np.int64)[exact]
    table = _areas(areas, records)
    habits = _habits(stamp, records.days, level)
    said = [_headline(len(table), areas)]
    if stamp.size:
        at = {row["what"]: row for row in habits.to_dict("records")}
        hour, day = at["on the hour or half past"], at["on the 1st of a month"]
        said.append(
            f"A habit of whoever writes times down, and no sign of anything: {100 * hour['share']:.0f} % of times "
            f"are on the hour or half past ({100 * hour['by_chance']:.1f} % if all minutes were alike), "
            f"{100 * day['share']:.1f} % of dates are the 1st of a month ({100 * day['by_chance']:.1f} %)."
        )
    places, told = _places(source_xy, source_unit)
    said.append(told)
    return Part(
        "digits",
        tuple(said),
        untold=(BENFORD, "Whoever makes up times by copying real ones leaves real digits."),
        tables={"areas": table, "habits": habits, "coordinates": places, "minutes": _minutes(areas)},
        standing=len(table),
        looked=int((areas.p < 1).sum()),
        numbers={"inflation": areas.inflation},
    )


def digits_of(records: Recordset, *, rate: float = 0.05) -> AreaDigits:
    """`area_digits` of records that have a time of day."""
    exact = (records.frame["resolution"] == "minute").to_numpy()
    stamp = records.frame["occurred_from"].to_numpy(dtype="datetime64[m]").astype(np.int64)
    area = np.where(exact, records.area, -1)
    return area_digits(stamp % 60, area, records.category[0], len(records.names), rate=rate)


def _minutes(found: AreaDigits) -> pd.DataFrame:
    """How often each last digit of minutes occurs: ``digit, records, share``."""
    seen = found.counts.sum(axis=(0, 1))
    return pd.DataFrame({"digit": np.arange(10), "records": seen, "share": seen / max(seen.sum(), 1)})


def _headline(n: int, areas: AreaDigits) -> str:
    looked = int((areas.p < 1).sum())
    if not n:
        return (
            f"In none of {looked:,} areas do the last digits of times differ from the others' beyond chance."
        )
    return f"In {n:,} of {looked:,} areas the last digits of times differ from those of the other areas' records."


def _areas(found: AreaDigits, records: Recordset) -> pd.DataFrame:
    at = np.flatnonzero(found.q <= found.rate)
    at = at[np.argsort(found.p[at], kind="stable")]
    seen = found.counts[at].sum(axis=1)
    round_share = (seen[:, 0] + seen[:, 5]) / np.maximum(seen.sum(axis=1), 1)
    everyone = found.counts.sum(axis=(0, 1))
    columns = {"area": [records.names[i] for i in at], "records": seen.sum(axis=1)}
    overall = float((everyone[0] + everyone[5]) / max(everyone.sum(), 1))
    return pd.DataFrame(
        {**columns, "ends_in_0_or_5": round_share, "elsewhere": overall, "p": found.p[at], "q": found.q[at]}
    )


def _habits(stamp: Ints, days: npt.NDArray[np.datetime64], level: float) -> pd.DataFrame:
    """Shares of round times and dates beside what an even spread would give."""
    day = days.astype("datetime64[M]").astype("datetime64[D]") == days
    looks = [
        ("on the hour or half past", (stamp % 30 == 0), 1 / 30),
        ("on a multiple of 5 minutes", (stamp % 5 == 0), 1 / 5),
        ("at midnight or a minute past", (stamp % 1440 <= 1), 2 / 1440),
        ("at noon", (stamp % 1440 == 720), 1 / 1440),
        ("on the 1st of a month", day, 12 / 365.2425),
    ]
    rows = []
    for what, seen, by_chance in looks:
        if seen.size:
            low, high = proportion_interval(int(seen.sum()), seen.size, level=level)
            rows.append((what, int(seen.sum()), float(seen.mean()), low, high, by_chance))
    return pd.DataFrame(rows, columns=["what", "records", "share", "low", "high", "by_chance"])


def _places(xy: tuple[npt.ArrayLike, npt.ArrayLike] | None, unit: str) -> tuple[pd.DataFrame, str]:
    """Last digits of the source's coordinates above the step that they were rounded to."""
    columns = ["axis", "step", "points", "chi_square", "p", "cramers_v", *(f"digit_{d}" for d in range(10))]
    if xy is None:
        return pd.DataFrame(columns=columns), (
            "Digits of coordinates can't be told: they are stored in another CRS than the source's, which makes new "
            "digits."
        )
    rows = []
    for axis, values in zip("xy", xy, strict=True):
        v = np.asarray(values, dtype=np.float64)
        step = snapped_to(v)
        # Each coordinate once: a busy corner would otherwise be taken for a habit of digits.
        v = np.unique(np.round(v / (step or 0.01)))
        power = step if step in (1000.0, 100.0, 10.0, 1.0, 0.1, 0.01) else None
        if v.size >= 100 and (step is None or power is not None):
            seen = last_digits(v)
            rows.append((axis, step, int(v.size), *uniformity(seen), *seen.tolist()))
        else:
            rows.append((axis, step, int(v.size), *[None] * 13))
    table = pd.DataFrame(rows, columns=columns)
    steps = sorted({float(s) for s in table["step"].dropna()})
    if not steps:
        return table, "Coordinates were not rounded to any step that can be seen."
    named = (
        " and ".join(f"{s:g} {unit}" for s in steps).replace("1 feet", "1 foot")
        if steps != [1.0]
        else f"whole {unit}"
    )
    if max(steps) <= 1:
        return table, f"The source gives coordinates in {named}."
    return (
        table,
        f"The source rounds coordinates to {named}: several addresses share a point, and that is no sign of anything.",
    )
