"""How late records are reported, where later than elsewhere, since when, and what the end of the data still lacks.

A delay that differs between areas makes the map of the latest weeks a map of delays. And a delay that changed means
that what looks like a rise or a fall may be the post. What is asked here: the share of records that were reported
*late*, later than nine in ten, by area and by group; whether it moved; and how much of the last weeks is still missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.base import ECOLOGICAL
from peelian.audits.contrasts import by_area, by_group, group_gap
from peelian.audits.finding import Finding
from peelian.audits.parts import Part, Thresholds, finding
from peelian.audits.recordset import Recordset
from peelian.audits.shares import share_steps
from peelian.errors import NotEnoughDataError
from peelian.patterns.probability import proportion_interval
from peelian.records.delay import delay_distribution

__all__ = ["delay"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FEWEST = 200
"""Delays below which nothing is told."""

LATE = 0.9
"""Share of records that are not late."""

LONGEST = {"days": 365, "months": 12}
"""Later reports say nothing of how complete the latest weeks are."""

REACH = 0.99
"""Share of records within whose delay areas and times are compared; what comes later is left out of that."""

QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99)


def delay(
    records: Recordset,
    *,
    reference: str | None = None,
    rate: float = 0.05,
    level: float = 0.95,
    replicates: int = 999,
    seed: int = 0,
    thresholds: Thresholds | None = None,
) -> Part:
    """Measure reporting delays by area, group and time.

    Parameters
    ----------
    records : Recordset
    reference : str, optional
        Group that others are compared with.
    thresholds : mapping, optional
        ``delay_gap`` bounds the difference between groups in the share of late records.

    Returns
    -------
    Part
        Without numbers where fewer than 200 records say when they were reported: then nothing can be told.

    Notes
    -----
    In days; in months where the time of report is known to the month alone. The distribution is that of the product
    limit with time turned round, since late reports of the latest weeks are not in yet (`peelian.records.delay`,
    Lagakos, Barraj and De Gruttola 1988). A record is late if it is reported later than nine in ten.

    Areas and times are compared within a reach, the delay of 99 in 100: among records old enough to have been seen
    with any delay within it, and without those that took longer. So a late report has the same chance to be in the
    records whenever the thing happened; else the newest records would seem quick for want of time, and the share of
    late ones would fall towards the end of any data.
    """
    seen = _measured(records)
    if seen.took.size < FEWEST:
        return _untold(records, seen.took.size)
    late = _late(seen)
    area = records.area[seen.rows]
    n = len(records.names)
    part = np.bincount(area[late.old & late.late & (area >= 0)], minlength=n)
    whole = np.bincount(area[late.old & (area >= 0)], minlength=n)
    step, weeks = _over_time(records, seen.rows, late.old, late.late, seen.unit, level)
    tables = {
        "distribution": _distribution(seen.took, late.share, seen.unit),
        "areas": by_area(part, whole, records.names, level=level),
        "weeks": weeks,
    }
    found: list[Finding] = []
    if records.residents is not None:
        settings = {"level": level, "replicates": replicates, "seed": seed}
        tables["groups"], found = _groups(records, part, whole, reference, settings, thresholds)
    return Part(
        "delay",
        (
            _headline(seen.took, late.share, seen.unit, late.limit, seen.odd),
            _end(late.share, seen.unit),
            _time_said(step, rate),
        ),
        found=tuple(found),
        untold=_limits(seen, late),
        tables=tables,
        standing=int(step["p"] <= rate),
        looked=1,
        numbers=_numbers(seen, late, step, level),
    )


@dataclass(frozen=True, eq=False)
class _Seen:
    """Delays and ages at the end of the records, in a unit, the rows they are of, and how many are reported before."""

    unit: str
    took: Ints
    age: Ints
    rows: Ints
    odd: int


@dataclass(frozen=True, eq=False)
class _Late:
    """The share reported within 0, 1, 2... steps, from when on a record is late, and which are and can be compared."""

    share: Floats
    limit: int
    reach: int
    old: Bools
    late: Bools


def _late(seen: _Seen) -> _Late:
    longest = min(LONGEST[seen.unit], int(np.sort(seen.age)[-FEWEST]))
    share = delay_distribution(seen.took, seen.age, longest=longest)
    limit = int(np.searchsorted(share, LATE * (1 - 1e-12)))
    reach = min(max(limit + 1, int(np.searchsorted(share, REACH * (1 - 1e-12)))), share.size - 1)
    return _Late(share, limit, reach, (seen.age >= reach) & (seen.took <= reach), seen.took > limit)


def _limits(seen: _Seen, late: _Late) -> tuple[str, ...]:
    return (
        "How long the agency takes to publish a report is not in the records, and not in this.",
        (
            "The delay is from the earliest time that it can have happened; where that is not known, it is that of the "
            "discovery."
        ),
        (
            f"Shares of late records are of those that were reported within {late.reach:,} {seen.unit} and are old "
            f"enough for that; {int((seen.took > late.reach).sum()):,} that took longer are in none of them."
        ),
        ECOLOGICAL,
    )


def _numbers(seen: _Seen, late: _Late, step: dict[str, Any], level: float) -> dict[str, Any]:
    compared = int(late.old.sum())
    hits = int((late.late & late.old).sum())
    low, high = proportion_interval(hits, max(compared, 1), level=level)
    return {
        "unit": seen.unit,
        "known": int(seen.took.size),
        "odd": seen.odd,
        "late_after": late.limit,
        "reach": late.reach,
        "late_share": hits / max(compared, 1),
        "late_low": low,
        "late_high": high,
        "step": step,
    }


def _measured(records: Recordset) -> _Seen:
    frame = records.frame
    told = frame["reported"].notna().to_numpy()
    reported = frame["reported"].to_numpy(dtype="datetime64[D]")
    firsts = reported[told].astype("datetime64[M]").astype("datetime64[D]") == reported[told]
    monthly = records.step == "month" or (told.any() and bool(firsts.all()))
    kind = "datetime64[M]" if monthly else "datetime64[D]"
    happened = records.days.astype(kind).astype(np.int64)
    steps = np.where(told, reported.astype(kind).astype(np.int64), 0)
    took = steps - happened
    odd = int((told & (took < 0)).sum())
    rows = np.flatnonzero(told & (took >= 0))
    end = int(steps[told].max()) if told.any() else 0
    return _Seen("months" if monthly else "days", took[rows], end - happened[rows], rows, odd)


def _untold(records: Recordset, n: int) -> Part:
    if not len(records):
        msg = "no record was given; expected some"
        raise NotEnoughDataError(msg)
    return Part(
        "delay",
        (
            (
                f"Delays can't be told: {n:,} of {len(records):,} records say when they were reported. The "
                "latest weeks may lack some, and whether areas differ in that is not known."
            ),
        ),
        untold=(
            "Without the time of report nothing is known of delays; that is no sign that there are none.",
        ),
        numbers={"known": n},
    )


def _distribution(took: Ints, share: Floats, unit: str) -> pd.DataFrame:
    """Share reported within 0, 1, 2... steps, where it moves."""
    steps = np.unique(
        np.concatenate([[0], np.searchsorted(share, np.linspace(share[0], 1, 40) * (1 - 1e-9))])
    )
    steps = steps[steps < share.size]
    plain = np.array([np.mean(took <= s) for s in steps])
    return pd.DataFrame({unit: steps, "within": share[steps], "within_as_recorded": plain})


def _headline(took: Ints, share: Floats, unit: str, limit: int, odd: int) -> str:
    at = {q: int(np.searchsorted(share, q * (1 - 1e-12))) for q in QUANTILES}
    word = unit[:-1] if at[0.5] == 1 else unit
    before = f" {odd:,} are reported before they can have happened." if odd else ""
    if unit == "months":
        quick = f"{100 * share[0]:.0f} % are reported in the month in which they happened"
        more = f", and nine in ten within {limit} more" if limit else ""
        of = f"Of {took.size:,} records that tell it, to the month alone, {quick}{more}"
        return f"{of}; later than that is late.{before}"
    return (
        f"Of {took.size:,} records that tell it, half are reported within {at[0.5]} {word} and nine in ten within "
        f"{limit}.{before}"
    )


def _end(share: Floats, unit: str) -> str:
    """How much of the end of the data is still to come."""
    length = 1 if unit == "months" else 7
    last = 1 - float(np.mean(share[np.minimum(np.arange(length), share.size - 1)]))
    name = "month" if unit == "months" else "week"
    about = f"Of the last {name} of the data about {100 * last:.0f} %"
    return f"{about} is still to be reported, if delays are as they were."


def _over_time(
    records: Recordset,
    rows: Ints,
    old: Bools,
    late: Bools,
    unit: str,
    level: float,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The clearest step of the share of late records, and the share period by period, of those old enough."""
    week = records.week[rows]
    edges = records.weeks.edges[:-1]
    if unit == "months":  # within a month the last days are late for the calendar's sake
        months = edges.astype("datetime64[M]")
        first = np.unique(months)
        edges = first.astype("datetime64[D]")
        week = np.searchsorted(first, records.days[rows].astype("datetime64[M]"))
    n = edges.size
    whole, part = np.bincount(week[old], minlength=n), np.bincount(week[old & late], minlength=n)
    used = np.flatnonzero(whole > 0)
    last = int(used[-1]) + 1 if used.size else 0
    table = pd.DataFrame({"from": edges[:last].astype(str), "records": whole[:last], "late": part[:last]})
    if last < 12:
        return {"date": None, "before": None, "after": None, "p": 1.0}, table
    found = share_steps(part[None, :last], whole[:last], level=level)
    step = {
        "date": str(edges[found.at[0]]),
        "before": float(found.before[0]),
        "after": float(found.after[0]),
        "p": float(found.p[0]),
    }
    return step, table


def _time_said(step: dict[str, Any], rate: float) -> str:
    if float(step["p"]) > rate:
        return "Over time no step of the share of late records can be told from chance."
    return (
        f"The share of late records moved at {step['date']}, from {100 * float(step['before']):.1f} % to "
        f"{100 * float(step['after']):.1f} %."
    )


def _groups(
    records: Recordset,
    part: Ints,
    whole: Ints,
    reference: str | None,
    settings: dict[str, float],
    thresholds: Thresholds | None,
) -> tuple[pd.DataFrame, list[Finding]]:
    assert records.residents is not None
    share = np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
    names = [str(name) for name in records.residents.columns]
    base = reference or names[0]
    table = by_group(share, records.residents, **settings)  # type: ignore[arg-type]
    found = [
        finding(
            "delay_gap",
            name,
            f"share of late records where {name} residents live, less that where {base} residents live",
            group_gap(share, records.residents, group=name, reference=base, **settings),  # type: ignore[arg-type]
            level=float(settings["level"]),
            thresholds=thresholds,
            limits=(ECOLOGICAL,),
        )
        for name in names
        if name != base
    ]
    return table, found
