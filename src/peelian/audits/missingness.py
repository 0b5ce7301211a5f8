"""What is not in the records: unknown places, hours and kinds, by area and group, and how far the unknown can matter.

A record without a place is on no map. If such records came from everywhere alike, the map would be the same, only
fainter; nobody knows whether they do. So the answer has two parts: what is known of who is missing, and what the result
would be if all that is missing lay where it would matter most (bounds that hold whatever the truth is).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.base import ECOLOGICAL
from peelian.audits.contrasts import by_area, by_group, group_gap
from peelian.audits.finding import Finding
from peelian.audits.parts import Measured, Part, Thresholds, finding
from peelian.audits.recordset import Recordset
from peelian.errors import DataError
from peelian.patterns.probability import proportion_interval

__all__ = ["burden_bounds", "default_hours", "missingness"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

PLACELESS = ("no_place", "outside_crs", "outside_study_area")
"""Reasons for which a row was set aside since its place is not known or can't be right."""

TIMELESS = ("no_time", "too_old", "future", "from_after_to", "occurred_after_reported")
"""Reasons for which a row was set aside since its time is not known or can't be right."""

CATCH_ALL = "other"

DEFAULTS = {0: "00:00", 1: "00:01", 720: "12:00"}
"""Minutes of the day by which many sources write an unknown time."""

UNTOLD = (
    "Of a row without a place neither area nor neighborhood is kept, so its area can't be told, only bounded.",
    "Incidents that nobody reported, and rows that the source took out, are in no record at all.",
    (
        "A record at 00:00, 00:01 or 12:00 may have its true time, and midnight and noon may be busier than other "
        "hours: what they hold beyond the usual is a sign of unknown times and no count of them. It has no interval, "
        "since what true times would be there is not known."
    ),
    ECOLOGICAL,
)


def default_hours(minute: Ints, known: Bools) -> tuple[Bools, float]:
    """Records that stand at a minute by which unknown times are written, and how many more that are than is usual.

    Parameters
    ----------
    minute : array of int, shape (n,)
        Of the day.
    known : array of bool, shape (n,)
        Records that have a minute.

    Returns
    -------
    at : array of bool, shape (n,)
    excess : float
        Of the records with a minute, the share that these three hold beyond the usual: 00:00 and 12:00 beyond the
        median of the 24 full hours, 00:01 beyond the median of the minutes past one. It is no count of unknown times:
        midnight and noon may truly be busier than other hours.
    """
    day = minute[known] % 1440
    counts = np.bincount(day, minlength=1440).astype(np.float64)
    at = known & np.isin(minute % 1440, list(DEFAULTS))
    # What a full hour usually gets, since all are rounded to; and what a minute past one usually gets.
    hours = counts[::60]
    past = counts[1::60]
    usual = {0: float(np.median(hours)), 1: float(np.median(past)), 720: float(np.median(hours))}
    excess = sum(max(counts[m] - usual[m], 0.0) for m in DEFAULTS)
    return at, float(excess / max(day.size, 1))


def burden_bounds(
    reports: npt.ArrayLike, residents: pd.DataFrame, *, unlocated: int, group: str, reference: str
) -> dict[str, float | None]:
    """The ratio of two groups' reports per resident, and between what it lies wherever the unlocated records belong.

    Parameters
    ----------
    reports : array of int, shape (n_areas,)
        Located records of each area.
    residents : pandas.DataFrame, shape (n_areas, n_groups)
    unlocated : int
        Records of which nobody knows the area.
    group, reference : str

    Returns
    -------
    dict
        ``ratio`` as located; ``low`` and ``high`` over all ways to place the unlocated; ``if_in_group`` and
        ``if_in_reference`` where they lie as the residents of one group do.

    Raises
    ------
    DataError
        A group has no resident in any area.

    Notes
    -----
    A group's burden is the mean over its residents of the reports per resident in their own area. The ratio of two
    such means is a ratio of linear functions of the reports; over all ways to place the unlocated it is extreme where
    all of them lie in one area. Horowitz and Manski (1995), "Identification and robustness with contaminated and
    corrupted data", Econometrica 63: what holds without any assumption on what is missing.
    """
    y = np.asarray(reports, dtype=np.float64)
    everyone = residents.to_numpy(dtype=np.float64).sum(axis=1)
    lived = everyone > 0
    weights = {}
    for name in (group, reference):
        own = residents[name].to_numpy(dtype=np.float64)
        if own[lived].sum() <= 0:
            msg = f"no resident of {name!r} is in any area; expected some"
            raise DataError(msg, hint="name a group that lives there")
        weights[name] = np.where(lived, own / np.maximum(everyone, 1e-12), 0.0) / own[lived].sum()
    one, other = weights[group], weights[reference]
    top, bottom = float(one @ y), float(other @ y)

    def ratio(more_top: float, more_bottom: float) -> float | None:
        return (top + more_top) / (bottom + more_bottom) if bottom + more_bottom > 0 else None

    placed = [ratio(unlocated * a, unlocated * b) for a, b in zip(one, other, strict=True)]
    known = [p for p in placed if p is not None]
    as_group = residents[group].to_numpy(dtype=np.float64) / residents[group].sum()
    as_reference = residents[reference].to_numpy(dtype=np.float64) / residents[reference].sum()
    return {
        "ratio": ratio(0.0, 0.0),
        "low": min(known, default=None),
        "high": max(known, default=None) if len(known) == len(placed) else None,
        "if_in_group": ratio(unlocated * float(one @ as_group), unlocated * float(other @ as_group)),
        "if_in_reference": ratio(
            unlocated * float(one @ as_reference), unlocated * float(other @ as_reference)
        ),
    }


def missingness(
    records: Recordset,
    *,
    quarantine: pd.DataFrame | None = None,
    reference: str | None = None,
    level: float = 0.95,
    replicates: int = 999,
    seed: int = 0,
    thresholds: Thresholds | None = None,
) -> Part:
    """Measure what is missing, where, and how far it can matter.

    Parameters
    ----------
    records : Recordset
    quarantine : pandas.DataFrame, optional
        Rows that were set aside, with ``reason`` and ``label``; without, nothing is known of rows that have no place.
    reference : str, optional
        Group that others are compared with.
    thresholds : mapping, optional
        ``missing_share`` bounds the share of rows without a place; ``missing_gap`` the difference between groups in the
        share of records without an hour.
    """
    aside = pd.DataFrame({"reason": [], "label": []}) if quarantine is None else quarantine
    placeless = int(aside["reason"].isin(PLACELESS).sum())
    shares = _shares(records, aside, level)
    kinds = _kinds(records, aside, level)
    hour, excess = _hours(records)
    part = np.bincount(records.area[hour & (records.area >= 0)], minlength=len(records.names))
    whole = np.bincount(records.area[records.area >= 0], minlength=len(records.names))
    areas = by_area(part, whole, records.names, level=level)
    tables = {"shares": shares, "kinds": kinds, "areas": areas}
    found = [_located(shares, level, thresholds, quarantine is None)]
    said = _said(records, shares, kinds, excess, quarantine is None)
    numbers: dict[str, object] = {"unlocated": placeless, "default_hours_excess": excess}
    if records.residents is not None:
        settings = {"level": level, "replicates": replicates, "seed": seed}
        tables["groups"], tables["bounds"], gaps = _groups(
            records, part, whole, placeless, reference, settings, thresholds
        )
        found += gaps
        said += _bounds_said(tables["bounds"], placeless)
    return Part(
        "missingness",
        tuple(said),
        found=tuple(found),
        untold=UNTOLD,
        tables=tables,
        looked=len(shares),
        numbers=numbers,
    )


def _shares(records: Recordset, aside: pd.DataFrame, level: float) -> pd.DataFrame:
    """One row a field: how many rows lack it, of how many."""
    frame = records.frame
    rows = records.total + len(aside)
    looks: list[tuple[str, int, int]] = [
        ("a place", int(aside["reason"].isin(PLACELESS).sum()), rows),
        ("a time that can be right", int(aside["reason"].isin(TIMELESS).sum()), rows),
        ("the row that it corrects", int((aside["reason"] == "correction_without_row").sum()), rows),
        ("a time within the covered span", records.before + records.after, records.total),
        ("a time of day", int((frame["resolution"] != "minute").sum()), len(frame)),
        ("a category of its own", int((frame["category"] == CATCH_ALL).sum()), len(frame)),
        ("an area", int((records.area < 0).sum()), len(frame)),
    ]
    for column, name in (
        ("reported", "a time of report"),
        ("occurred_to", "a latest time"),
        ("location_type", "a kind of place"),
        ("domestic", "whether it was domestic"),
    ):
        looks.append((name, int(frame[column].isna().sum()), len(frame)))
    out = []
    for what, lacking, of in looks:
        low, high = proportion_interval(lacking, of, level=level) if of else (0.0, 1.0)
        out.append((what, lacking, of, lacking / of if of else 0.0, low, high))
    return pd.DataFrame(out, columns=["lacks", "rows", "of", "share", "low", "high"])


def _kinds(records: Recordset, aside: pd.DataFrame, level: float) -> pd.DataFrame:
    """Labels by how many of their rows have no place, the most first."""
    placed = records.frame["label"].value_counts()
    lost = aside.loc[aside["reason"].isin(PLACELESS), "label"].value_counts()
    rows = []
    for label, n in lost.items():
        of = int(n) + int(placed.get(label, 0))
        rows.append((str(label), int(n), of, int(n) / of, *proportion_interval(int(n), of, level=level)))
    frame = pd.DataFrame(rows, columns=["label", "without_place", "of", "share", "low", "high"])
    return frame.sort_values(["without_place", "label"], ascending=[False, True], ignore_index=True)


def _hours(records: Recordset) -> tuple[Bools, float]:
    exact = (records.frame["resolution"] == "minute").to_numpy()
    stamp = records.frame["occurred_from"].to_numpy(dtype="datetime64[m]").astype(np.int64)
    at, excess = default_hours(stamp, exact)
    return at | ~exact, excess


def _located(shares: pd.DataFrame, level: float, thresholds: Thresholds | None, unknown: bool) -> Finding:
    row = shares.iloc[0]
    measured = Measured(None) if unknown else Measured(*(float(row[c]) for c in ("share", "low", "high")))
    limits = ("Rows that were set aside are not known here, so none can be counted.",) if unknown else ()
    return finding(
        "missing_share",
        "place",
        "rows without a usable place",
        measured,
        level=level,
        thresholds=thresholds,
        limits=limits,
    )


def _said(
    records: Recordset, shares: pd.DataFrame, kinds: pd.DataFrame, excess: float, unknown: bool
) -> list[str]:
    row = shares.iloc[0]
    if unknown:
        said = ["How many rows have no place is not known: rows that were set aside were not given."]
    else:
        said = [
            (
                f"{row['rows']:,} of {row['of']:,} rows ({100 * row['share']:.1f} %) have no usable place "
                "and are on no map."
            )
        ]
    whole = kinds[(kinds["share"] >= 0.5) & (kinds["without_place"] >= 20)]
    if len(whole):
        named = ", ".join(
            f"{r['label']} ({100 * r['share']:.0f} %)" for r in whole.head(3).to_dict("records")
        )
        held = 100 * whole["without_place"].sum() / max(kinds["without_place"].sum(), 1)
        said.append(
            f"They are not any rows: {len(whole)} labels lack the place in half of their rows or more and hold "
            f"{held:.0f} % of all that lack it, most of all {named}. No map of these labels is of all that was "
            "reported."
        )
    if records.before:
        said.append(
            f"{records.before:,} records say that they happened before {records.weeks.start}, the earliest on "
            f"{records.earliest}; from that day on the records are complete, and earlier ones are in no count here."
        )
    said.append(
        f"{100 * excess:.1f} % of times of day stand at 00:00, 00:01 or 12:00 beyond what other full hours and minutes "
        "past one hold. Unknown times are often written so; how many of these are is not known."
    )
    return said


def _groups(
    records: Recordset,
    part: Ints,
    whole: Ints,
    unlocated: int,
    reference: str | None,
    settings: Mapping[str, float],
    thresholds: Thresholds | None,
) -> tuple[pd.DataFrame, pd.DataFrame, list[Finding]]:
    assert records.residents is not None
    residents = records.residents
    share = np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
    names = [str(name) for name in residents.columns]
    base = reference or names[0]
    table = by_group(share, residents, **settings)  # type: ignore[arg-type]
    found, bounds = [], []
    for name in names:
        if name == base:
            continue
        gap = group_gap(share, residents, group=name, reference=base, **settings)  # type: ignore[arg-type]
        found.append(
            finding(
                "missing_gap",
                f"hour/{name}",
                f"share of records at a default hour where {name} residents live, less that where {base} residents "
                "live",
                gap,
                level=float(settings["level"]),
                thresholds=thresholds,
                limits=(ECOLOGICAL,),
            )
        )
        made = burden_bounds(whole, residents, unlocated=unlocated, group=name, reference=base)
        bounds.append({"group": name, "reference": base, **made})
    columns = ["group", "reference", "ratio", "low", "high", "if_in_group", "if_in_reference"]
    return table, pd.DataFrame(bounds, columns=columns), found


def _bounds_said(bounds: pd.DataFrame, unlocated: int) -> list[str]:
    if not unlocated:
        return []
    return [
        f"Located reports per resident are {r['ratio']:.2f} times as many where {r['group']} residents live as where "
        f"{r['reference']} residents do; wherever the {unlocated:,} unlocated ones belong, it is between "
        f"{r['low']:.2f} and {r['high']:.2f} ({r['if_in_reference']:.2f} if all lay where {r['reference']} residents "
        f"live, {r['if_in_group']:.2f} if where {r['group']} residents live)."
        for r in bounds.to_dict("records")
        if r["ratio"] is not None and r["low"] is not None and r["high"] is not None
    ]
