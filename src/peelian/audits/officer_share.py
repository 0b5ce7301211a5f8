"""How much of the records officers found by their own activity, where, and since when.

A record that exists because an officer was there tells where officers were. Charter rule 6 leaves these out of what is
learned from; an auditor asks how many there are, whether they hide in some areas more than in others, and whether the
share moved: a jump means that the way of working, or of flagging, changed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from peelian.audits.base import ECOLOGICAL
from peelian.audits.blocks import quantile_interval, resampled_sums
from peelian.audits.contrasts import by_area, by_group, group_gap
from peelian.audits.finding import Finding
from peelian.audits.parts import Measured, Part, Thresholds, finding
from peelian.audits.recordset import Recordset
from peelian.audits.shares import share_steps
from peelian.errors import NotEnoughDataError

__all__ = ["officer_share"]

FEWEST = 100
"""Records of an area from which on its share is told in a sentence."""

UNTOLD = (
    (
        "Which categories count as officers' own activity is set by the category table; a record that was flagged "
        "wrongly is counted wrongly here."
    ),
    "Calls that officers make themselves, and reports that they invite, are not flagged and look like residents' own.",
    ECOLOGICAL,
)


def officer_share(
    records: Recordset,
    *,
    reference: str | None = None,
    rate: float = 0.05,
    level: float = 0.95,
    replicates: int = 999,
    seed: int = 0,
    thresholds: Thresholds | None = None,
) -> Part:
    """Measure the share of officer-initiated records, overall, by area and group, and over time.

    Parameters
    ----------
    records : Recordset
        Of all categories.
    reference : str, optional
        Group that others are compared with.
    thresholds : mapping, optional
        ``officer_share`` bounds the overall share.

    Raises
    ------
    NotEnoughDataError
        There is no record.
    """
    if not len(records):
        msg = "no record was given; expected some, of all categories"
        raise NotEnoughDataError(msg)
    officer, n = records.officer, len(records.names)
    inside = records.area >= 0
    part = np.bincount(records.area[inside & officer], minlength=n)
    whole = np.bincount(records.area[inside], minlength=n)
    overall = _overall(part, whole, officer, level, replicates, seed)
    areas = by_area(part, whole, records.names, level=level)
    step, weekly = _over_time(records, level)
    found = [finding("officer_share", "all", "of all records", overall, level=level, thresholds=thresholds)]
    tables = {"areas": areas, "weeks": weekly, "categories": _categories(records)}
    if records.residents is not None:
        settings = {"level": level, "replicates": replicates, "seed": seed}
        tables["groups"], gaps = _groups(records.residents, part, whole, reference, settings, thresholds)
        found += gaps
    return Part(
        "officer_share",
        (_headline(records, overall), *_by_area(areas, records.area_word), _time_said(step, rate)),
        found=tuple(found),
        untold=UNTOLD,
        tables=tables,
        standing=int(step["p"] <= rate),
        looked=1,
        numbers={"step": step, "overall": overall.to_dict()},
    )


def _headline(records: Recordset, overall: Measured) -> str:
    return (
        f"{100 * records.officer.mean():.1f} % of {len(records):,} records ({_ends(overall)}) come from officers' own "
        "activity; they are left out of what forecasts learn from."
    )


def _by_area(areas: pd.DataFrame, word: str) -> list[str]:
    known = areas[areas["records"] >= FEWEST]
    if len(known) < 2:
        return []
    top, least = known.iloc[0], known.iloc[-1]
    said = (
        f"By {word} (with {FEWEST} records or more) the share goes from {100 * least['share']:.0f} "
        f"% ({least['area']}) to {100 * top['share']:.0f} % ({top['area']})."
    )
    return [said]


def _time_said(step: dict[str, Any], rate: float) -> str:
    if step["p"] > rate:
        return "Over time no step of the share can be told from chance."
    return f"The share moved at {step['date']}, from {100 * step['before']:.1f} % to {100 * step['after']:.1f} %."


def _ends(one: Measured) -> str:
    if one.low is None or one.high is None:
        return "no interval"
    return f"{100 * one.low:.1f} to {100 * one.high:.1f} %"


def _overall(
    part: np.ndarray, whole: np.ndarray, officer: np.ndarray, level: float, replicates: int, seed: int
) -> Measured:
    """The share with an interval over areas, since records of one area are alike."""
    value = float(officer.mean())
    held = np.stack([part, whole], axis=1)[whole > 0].astype(np.float64)
    if len(held) < 2:
        return Measured(value)
    drawn = resampled_sums(held, replicates=replicates, seed=seed)
    return Measured(value, *quantile_interval(drawn[:, 0] / drawn[:, 1], level=level))


def _over_time(records: Recordset, level: float) -> tuple[dict[str, Any], pd.DataFrame]:
    """The clearest step of the share, and the share week by week."""
    one = np.zeros(len(records), dtype=np.int64)
    part, whole = records.table(one, 1, of=records.officer), records.table(one, 1)
    edges = records.weeks.edges
    weekly = pd.DataFrame({"week": edges[:-1].astype(str), "records": whole[0], "officer_initiated": part[0]})
    found = share_steps(part, whole, level=level)
    step = {
        "date": str(edges[found.at[0]]),
        "from": str(edges[found.first[0]]),
        "to": str(edges[found.last[0]]),
        "before": float(found.before[0]),
        "after": float(found.after[0]),
        "p": float(found.p[0]),
    }
    return step, weekly


def _categories(records: Recordset) -> pd.DataFrame:
    """Categories that hold officer-initiated records, the most first."""
    by = records.frame.groupby("category")["officer_initiated"].agg(["size", "sum"]).reset_index()
    by = by.set_axis(["category", "records", "officer_initiated"], axis=1)
    by = by[by["officer_initiated"] > 0]
    return by.sort_values(["officer_initiated", "category"], ascending=[False, True], ignore_index=True)


def _groups(
    residents: pd.DataFrame,
    part: np.ndarray,
    whole: np.ndarray,
    reference: str | None,
    settings: dict[str, float],
    thresholds: Thresholds | None,
) -> tuple[pd.DataFrame, list[Finding]]:
    """The share where residents of each group live, and how groups differ."""
    share = np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
    table = by_group(share, residents, **settings)  # type: ignore[arg-type]
    names = [str(name) for name in residents.columns]
    base = reference or names[0]
    gaps = [
        finding(
            "officer_gap",
            name,
            f"share of officer-initiated records where {name} residents live, less that where {base} residents live",
            group_gap(share, residents, group=name, reference=base, **settings),  # type: ignore[arg-type]
            level=float(settings["level"]),
            thresholds=thresholds,
            limits=(ECOLOGICAL,),
        )
        for name in names
        if name != base
    ]
    return table, gaps
