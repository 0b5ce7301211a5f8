"""Stops of each group against several denominators, none of which is the right one.

A number of stops says nothing until it is held against something: residents, residents of the areas where stops are
made, those who are about, reported incidents by area, stops of another kind, or stops after dark. Each answers another
question and each can mislead, so all that can be had are shown side by side, each with what it means and what it
can't tell (Ridgeway and MacDonald 2010, Methods for assessing racially biased policing, in Race, Ethnicity, and
Policing; Neil and Winship 2019, Methodological challenges and opportunities in testing for racial discrimination in
policing, Annual Review of Criminology 2).

For stops n and a denominator B of a group g and of the reference r the ratio is ``(n_g / B_g) / (n_r / B_r)``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.audits.base import Audit
from peelian.audits.finding import Finding, Threshold
from peelian.audits.stop_bounds import Bounds, Three, allocated, kind_bounds, ratio_bounds
from peelian.audits.stop_draws import Interval, StopDraws, wider
from peelian.audits.stop_records import StopRecords
from peelian.audits.stop_residents import Residents
from peelian.audits.thresholds import keeps_within
from peelian.errors import NotEnoughDataError, UsageError

__all__ = ["Benchmark", "benchmark", "groups_to_compare"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

POWER = 0.8
SEARCHES = "their stops"
"""The denominator that searches are counted against."""
FEWEST_STOPS, FEWEST_RESIDENTS = 20, 100

LIMITS = (
    (
        "No denominator here counts who could have been stopped, and for what reason: a ratio that differs from 1 "
        "shows that a burden is unequal, and not by itself why."
    ),
    "Whether a stop was recorded, and as of whom, was up to the officer. What was not recorded is in no number here.",
)


@dataclass(frozen=True, eq=False)
class Denominator:
    """What stops are counted against.

    Parameters
    ----------
    name, meaning, cannot : str
    counts : array of float, shape (n_groups,) or None
        None where it is made of the stops themselves.
    by_area : pandas.DataFrame, shape (n_areas, n_groups), or None
    above, below : array of bool, shape (n_rows,)
        Rows that are counted over the line, and under it where it is made of stops.
    left_out : str
    """

    name: str
    meaning: str
    cannot: str
    above: Bools
    below: Bools | None = None
    by_area: pd.DataFrame | None = None
    left_out: str = ""


@dataclass(frozen=True, eq=False)
class Benchmark(Audit):
    """What `benchmark` found.

    Parameters
    ----------
    reference : str
    denominators : tuple of (str, str, str)
        Name, meaning and what it can't tell.
    table : pandas.DataFrame
        One row a denominator and group: ``denominator``, ``group``, ``stops``, ``against`` (residents, or stops),
        ``ratio``, ``low``, ``high``, ``bound_low``, ``bound_high`` (whatever the missing groups were) and
        ``allocated`` (if they were as others in their area and part of the day). NaN where there is no number.
    """

    reference: str
    denominators: tuple[tuple[str, str, str], ...]
    table: pd.DataFrame
    found: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """A ratio for each denominator and group."""
        return self.found

    @property
    def limits(self) -> tuple[str, ...]:
        """What no denominator can tell."""
        return LIMITS

    @property
    def frame(self) -> pd.DataFrame:
        """The table."""
        return self.table

    def sentences(self) -> list[str]:
        """How far the answer depends on the denominator, for each group."""
        said = []
        for group, rows in self.table.groupby("group", sort=False):
            known = rows[rows["ratio"].notna() & (rows["denominator"] != SEARCHES)].to_dict("records")
            if group == self.reference or not known:
                continue
            first, *others = known
            kind = "other stops" if str(first["denominator"]).startswith("their") else "stops"
            ends = (
                f"{first['bound_low']:.2f} to {first['bound_high']:.2f} whatever the groups not recorded were"
            )
            head = (
                f"Against {first['denominator']}, {kind} of {group} are {first['ratio']:.2f} times those of "
                f"{self.reference} ({_interval(first)}; {ends})"
            )
            more = [f"{one['ratio']:.2f} against {one['denominator']}" for one in others]
            said.append(f"{head}{'; ' + ', '.join(more) if more else ''}.")
        searched = self.table[(self.table["denominator"] == SEARCHES) & self.table["ratio"].notna()]
        said += [
            f"Searches for each stop of {row['group']} are {row['ratio']:.2f} times those of {self.reference} "
            f"({_interval(row)}; {row['bound_low']:.2f} to {row['bound_high']:.2f} whatever was not recorded)."
            for row in searched.to_dict("records")
            if row["group"] != self.reference
        ]
        return said or ["No group has enough stops to be held against a denominator."]


def _interval(row: Mapping[Hashable, Any]) -> str:
    return "no interval" if pd.isna(row["low"]) else f"interval {row['low']:.2f} to {row['high']:.2f}"


def groups_to_compare(records: StopRecords, reference: str | None) -> tuple[str, list[str]]:
    """The reference group (the one with most stops unless given) and all others with at least 20 stops.

    Raises
    ------
    UsageError
        There is no such group.
    NotEnoughDataError
        There is no second group, or the reference has too few stops.
    """
    counts = records.groups
    if reference is not None and reference not in counts:
        msg = f"{reference!r} was given as the reference, but the groups are {', '.join(counts) or 'none'}"
        raise UsageError(msg, hint=f"--reference '{next(iter(counts), 'GROUP')}'")
    enough = [name for name, n in counts.items() if n >= FEWEST_STOPS]
    chosen = reference if reference is not None else next(iter(enough), "")
    others = [name for name in enough if name != chosen]
    if chosen not in enough or not others:
        told = ", ".join(f"{name} {n}" for name, n in counts.items()) or "none"
        msg = f"stops by group are {told}; expected two groups with at least {FEWEST_STOPS}, the reference among them"
        raise NotEnoughDataError(msg, hint="give a longer time, or merge groups")
    return chosen, others


def benchmark(
    records: StopRecords,
    *,
    reference: str | None = None,
    residents: Residents | None = None,
    ambient: Residents | None = None,
    incidents: Mapping[str, float] | None = None,
    dark: Bools | None = None,
    basis: str | None = None,
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    thresholds: Mapping[str, Threshold] | None = None,
) -> Benchmark:
    """Hold the stops of each group against every denominator that there is.

    Parameters
    ----------
    records : StopRecords
    reference : str, optional
        The group that the others are compared with; the one with most stops when not given.
    residents, ambient : Residents, optional
        By area and group: who lives there, and who is about there by day or night.
    incidents : mapping of str to float, optional
        Reported incidents of each area; with `residents`, these are weighted by it.
    dark : array of bool, shape (n_rows,), optional
        Stops after dark (`peelian.audits.darkness.after_dark`).
    basis : str, optional
        Stops of this basis are the denominator of all others; the most frequent one when not given.
    level : float
    replicates, seed : int
        Of the bootstrap, once by area and once by day; the wider of both intervals is told.
    thresholds : mapping of str to Threshold, optional
        For ``stop_rate_ratio`` and ``search_rate_ratio``.

    Raises
    ------
    UsageError
        A setting is off, or there is no such group.
    NotEnoughDataError
        There are not two groups with 20 stops.
    """
    if not 0.5 <= level < 1:
        msg = f"a level of {level} was given; expected 0.5 to 1, such as 0.95"
        raise UsageError(msg)
    chosen, others = groups_to_compare(records, reference)
    groups = [chosen, *others]
    made = [
        *_of_residents(records, residents, incidents, groups),
        *_of_ambient(records, ambient, groups),
        *_of_stops(records, dark, basis),
    ]
    draws = StopDraws(records, replicates=replicates, seed=seed, level=level)
    shared = [_allocated(records.frame, one, groups) for one in made]
    rows = [
        _row(records, draws, one, group, chosen, shares)
        for one, shares in zip(made, shared, strict=True)
        for group in groups
    ]
    columns = ["denominator", "group", "stops", "against", "ratio", "low", "high", "bound_low", "bound_high"]
    table = pd.DataFrame([row[0] for row in rows], columns=[*columns, "allocated"])
    found = tuple(_finding(*row, level=level, reference=chosen, thresholds=thresholds or {}) for row in rows)
    return Benchmark(
        reference=chosen,
        denominators=tuple((one.name, one.meaning, one.cannot) for one in made),
        table=table,
        found=tuple(one for one in found if one is not None),
        notes=tuple(one.left_out for one in made if one.left_out),
    )


def _of_residents(
    records: StopRecords,
    residents: Residents | None,
    incidents: Mapping[str, float] | None,
    groups: Sequence[str],
) -> list[Denominator]:
    if residents is None:
        return []
    area = records.frame["area"]
    table = residents.groups(groups)
    inside = area.isin(table.index).to_numpy()
    outside = int((~inside).sum())
    left = (
        f"{outside:,} stops are in no area of the table of residents, and in no ratio to residents."
        if outside
        else ""
    )
    made = [
        Denominator(
            "residents",
            "everyone who lives in the areas of the table, by group",
            "who was about: visitors, workers and through traffic are stopped too, and residents are not all outdoors",
            inside,
            by_area=table,
            left_out=left,
        )
    ]
    shares = table.div(residents.everyone.reindex(table.index), axis=0).where(lambda s: np.isfinite(s))
    where = area[inside].value_counts().reindex(table.index).fillna(0.0)
    made.append(
        Denominator(
            "residents where stops are made",
            "residents by group, each area counting by its number of stops, so that the choice of area is set aside",
            "whether that choice was fair: attending one area more is set aside here, and may be the difference itself",
            inside,
            by_area=shares.mul(where, axis=0),
        )
    )
    if incidents is not None:
        weight = pd.Series(dict(incidents), dtype=float).reindex(table.index).fillna(0.0)
        made.append(
            Denominator(
                "residents where incidents are reported",
                "residents by group, each area counting by its reported incidents",
                "who was involved in an incident, or what was not reported; reports follow attention",
                inside,
                by_area=shares.mul(weight, axis=0),
            )
        )
    return made


def _of_ambient(records: StopRecords, ambient: Residents | None, groups: Sequence[str]) -> list[Denominator]:
    if ambient is None:
        return []
    table = ambient.groups(groups)
    return [
        Denominator(
            "those who are about",
            "the people that the given table counts in each area at the time, by group",
            "how they were counted: devices and surveys miss some groups more than others",
            records.frame["area"].isin(table.index).to_numpy(),
            by_area=table,
        )
    ]


def _of_stops(records: StopRecords, dark: Bools | None, basis_of: str | None) -> list[Denominator]:
    """Stops of another basis, stops after dark, and the stops that searches are made in."""
    basis = records.frame["basis"]
    counts = basis.value_counts()
    if basis_of and basis_of not in counts:
        msg = f"{basis_of!r} was given as a basis, but stops are for {', '.join(map(str, counts.index)) or 'none'}"
        raise UsageError(msg, hint="name one of these, or leave it out")
    named = [basis_of] if basis_of else sorted(counts.index, key=lambda b: (-counts[b], str(b)))[:1]
    made = []
    for one in named if len(counts) > 1 else []:
        own = (basis == one).to_numpy()
        made.append(
            Denominator(
                f"their stops for {one}",
                f"stops on every other known basis, against those for {one}",
                "whether either kind falls evenly: both may be uneven in the same way",
                (basis.notna().to_numpy() & ~own),
                below=own,
            )
        )
    if dark is not None and 0.02 < dark.mean() < 0.98:
        known = records.frame["minute"].notna().to_numpy()
        made.append(
            Denominator(
                "their stops after dark",
                "stops by daylight and in twilight, against those after dark, when it is harder to see who is stopped",
                "who is about at night: the hours differ too, which the comparison at the same clock time allows for",
                known & ~dark,
                below=dark,
            )
        )
    search = records.frame["search"]
    searched = search.fillna(False).to_numpy(dtype=bool)
    known = search.notna().to_numpy()
    if 0 < searched.sum() < known.sum():
        made.append(
            Denominator(
                SEARCHES,
                "stops with a search, against all stops of the group of which it is known whether there was one",
                "why they were searched, and whether the stops themselves fall evenly",
                searched,
                below=known,
            )
        )
    return made


def _allocated(frame: pd.DataFrame, one: Denominator, groups: list[str]) -> dict[str, tuple[float, float]]:
    """Of each group, what is over the line and under it if the missing groups were as others there and then."""
    upper = allocated(frame, one.above, groups)
    if one.by_area is not None:
        lower = [float(one.by_area[name].sum()) if name in one.by_area else np.nan for name in groups]
    else:
        lower = list(allocated(frame, np.asarray(one.below), groups))
    return dict(zip(groups, zip(map(float, upper), map(float, lower), strict=True), strict=True))


def _row(
    records: StopRecords,
    draws: StopDraws,
    one: Denominator,
    group: str,
    reference: str,
    shares: Mapping[str, tuple[float, float]],
) -> tuple[dict[str, Any], Interval | None, Denominator]:
    """Numbers of a group under a denominator, with the interval that is told."""
    label = records.frame["group"].to_numpy(dtype=object)
    above = {name: one.above & (label == name) for name in (group, reference)}
    missing = float((one.above & pd.isna(label)).sum())
    if one.by_area is not None:
        absent = group not in one.by_area or reference not in one.by_area
        under = [float(one.by_area[name].sum()) if not absent else np.nan for name in (group, reference)] + [
            0.0
        ]
    else:
        rows = np.asarray(one.below)
        under = [float((rows & (label == name)).sum()) for name in (group, reference)]
        under.append(float((rows & pd.isna(label)).sum()))
    n, r = (float(above[name].sum()) for name in (group, reference))
    row: dict[str, Any] = {"denominator": one.name, "group": group, "stops": n, "against": under[0]}
    fewest = FEWEST_STOPS if one.by_area is None or "where" in one.name else FEWEST_RESIDENTS
    if min(n, r) < FEWEST_STOPS or not min(under[:2]) >= fewest:
        return (
            {**row, **dict.fromkeys(("ratio", "low", "high", "bound_low", "bound_high", "allocated"))},
            None,
            one,
        )
    row["ratio"] = n / under[0] / (r / under[1])
    if group == reference:
        return (
            {**row, "low": 1.0, "high": 1.0, "bound_low": 1.0, "bound_high": 1.0, "allocated": 1.0},
            None,
            one,
        )
    below = (
        {name: np.asarray(one.below) & (label == name) for name in above} if one.below is not None else None
    )
    areas = one.by_area[[group, reference]] if one.by_area is not None else None
    interval = wider(
        draws.by_area([above[group], above[reference]], list(below.values()) if below else None, areas),
        draws.by_day([above[group], above[reference]], list(below.values()) if below else None, under[:2]),
    )
    bounds = (
        ratio_bounds(n, r, missing, under=(under[0], under[1], 0.0))
        if one.below is None
        else _bounds_of_kinds(one, label, group, reference)
    )
    (a, b), (c, d) = shares[group], shares[reference]
    ends = {"low": interval.low, "high": interval.high, "bound_low": bounds[0], "bound_high": bounds[1]}
    return {**row, **ends, "allocated": a / b / (c / d)}, interval, one


def _bounds_of_kinds(one: Denominator, label: npt.NDArray[np.object_], group: str, reference: str) -> Bounds:
    """Ends where stops are held against stops: whatever groups and kinds were not recorded."""
    below = np.asarray(one.below)
    no, unknown = below & ~one.above, ~below & ~one.above

    def three(rows: Bools) -> Three:
        return float((rows & one.above).sum()), float((rows & no).sum()), float((rows & unknown).sum())

    return kind_bounds(
        three(label == group),
        three(label == reference),
        missing=three(np.asarray(pd.isna(label))),
        of_all=bool((below & one.above).any()),
    )


def _finding(
    row: Mapping[str, Any],
    interval: Interval | None,
    one: Denominator,
    *,
    level: float,
    reference: str,
    thresholds: Mapping[str, Threshold],
) -> Finding | None:
    if row["group"] == reference or (one.by_area is not None and row["group"] not in one.by_area):
        return None  # a note says of which groups there are no residents
    measure = "search_rate_ratio" if one.name == SEARCHES else "stop_rate_ratio"
    value = None if row["ratio"] is None else float(row["ratio"])
    why = [f"It can't tell {one.cannot}."]
    if value is None:
        why.insert(
            0,
            f"{int(row['stops'])} stops against {_count(row['against'])}: too few for a ratio, or none known.",
        )
    elif interval is not None and interval.why:
        why.insert(0, interval.why)
    return Finding(
        id=f"{measure}/{one.name}/{row['group']}",
        measure="searches for each stop, in proportion" if one.name == SEARCHES else "stops, in proportion",
        subject=f"{row['group']} to {reference}, against {one.name}",
        value=value,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        level=level,
        threshold=thresholds.get(measure),
        passes=keeps_within(measure, value, thresholds.get(measure)),
        limits=tuple(why),
        details={
            **{k: _plain(row[k]) for k in ("stops", "against", "bound_low", "bound_high", "allocated")},
            **(
                {}
                if interval is None
                else {"resampled": interval.by, "p": interval.p, **_power(interval, level)}
            ),
        },
    )


def _power(interval: Interval, level: float) -> dict[str, float]:
    """The ratio that so many stops had shown 80 times in 100."""
    if not 0 < interval.width < float("inf"):
        return {}
    z = float(stats.norm.ppf((1 + level) / 2))
    return {"least_shown": float(np.exp(interval.width / (2 * z) * (z + float(stats.norm.ppf(POWER)))))}


def _count(value: float) -> str:
    return "none" if not np.isfinite(value) else f"{value:,.0f}"


def _plain(value: Any) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
