"""What the records can carry: completeness, delay, duplicates, places, heaping and drift.

Each check gives a number, what it would be if nothing were odd where that is known, and a flag: ``look`` asks a
person to look; it is not a verdict. Nothing is repaired here.

* *Completeness*: share of rows with a value, a field.
* *Reporting delay*: time from occurrence to report, at the coarser resolution of the two.
* *Duplicate rate*: share of rows with the same place, time, category and label as an earlier row.
* *Geocoding rate*: share of rows with a usable place among those in which a place was looked for. Below 85 % maps of
  reports can no longer be relied on (Ratcliffe 2004, Int. J. Geographical Information Science 18(1)).
* *Stacking*: share of rows on the few points that hold most, and the points with too many rows: where unknown places
  are put on a default point (a station, a centroid), it stands out so.
* *Heaping*: share of times at midnight, on the hour, on the first of a month and on January 1, beside the share
  expected if times were spread evenly. Unknown times are often written so.
* *Drift*: change of each category's share from month to month beyond what chance gives, as Cramer's V of the
  category-by-rest and month table, with its chi-square p value.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.records.incidents import Incidents
from peelian.records.report import ImportReport
from peelian.records.schema import FIELDS, NULLABLE

__all__ = ["Quality", "assess"]

COLUMNS = ("check", "subject", "value", "unit", "expected", "note", "flag")

_ENOUGH_GEOCODED = 0.85
_MUCH_DUPLICATED = 0.01
_HEAPED = 2.0  # a share this many times the expected one asks for a look
_DRIFTING = 0.05  # Cramer's V above which a category's share has changed to a degree that matters
_TOP_POINTS = 10
_STACKED = 0.01  # one point with so large a share of all rows
_ONE_MINUTE = 1 / 1440
_ON_THE_HOUR = 24 / 1440


@dataclass(frozen=True)
class Quality:
    """The checks as a tidy table, with the stacked points and the monthly series behind two of them.

    ``frame`` has the columns check, subject, value, unit, expected, note and flag (``ok`` or ``look``); ``stacked``
    has x, y, rows, share and the commonest label; ``monthly`` has category, month, rows and share.
    """

    frame: pd.DataFrame
    stacked: pd.DataFrame
    monthly: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON-ready values."""
        monthly = self.monthly.assign(month=self.monthly["month"].astype("str"))
        return {
            "checks": _plain(self.frame),
            "stacked": _plain(self.stacked),
            "monthly": _plain(monthly),
            "look": int((self.frame["flag"] == "look").sum()),
        }

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in COLUMNS)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_shown(value))}</td>" for value in row) + "</tr>"
            for row in self.frame[list(COLUMNS)].itertuples(index=False)
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(key): None if pd.isna(value) else value for key, value in row.items()}
        for row in frame.astype(object).to_dict(orient="records")
    ]


def _shown(value: object) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.4g}"
    return str(value)


@dataclass(frozen=True, slots=True)
class _Row:
    check: str
    subject: str
    value: float
    unit: str
    note: str = ""
    look: bool = False
    expected: float = float("nan")


def assess(
    incidents: Incidents | ir.Table,
    *,
    quarantine: pd.DataFrame | None = None,
    imports: Sequence[ImportReport] | None = None,
) -> Quality:
    """Check what the records can carry.

    Parameters
    ----------
    incidents : Incidents or ibis table
        The stored records, as :meth:`IncidentStore.load` or :meth:`IncidentStore.table` gives them.
    quarantine : pandas.DataFrame, optional
        Rows set aside, with a column ``reason``: for the geocoding rate.
    imports : sequence of ImportReport, optional
        Reports of the imports, for the geocoding rate (instead of ``quarantine``) and the accounts.
    """
    frame = incidents.frame if isinstance(incidents, Incidents) else incidents.to_pyarrow().to_pandas()
    stacked = _stacked(frame)
    monthly = _monthly(frame)
    rows: list[_Row] = [
        *_completeness(frame),
        *_delay(frame),
        *_duplicates(frame),
        *_geocoding(frame, quarantine, imports),
        *_stacking(frame, stacked),
        *_heaping(frame),
        *_drift(monthly),
        *_accounts(imports),
    ]
    table = pd.DataFrame(
        [(r.check, r.subject, r.value, r.unit, r.expected, r.note, "look" if r.look else "ok") for r in rows],
        columns=list(COLUMNS),
    )
    return Quality(table, stacked, monthly)


def _completeness(frame: pd.DataFrame) -> Iterator[_Row]:
    n = len(frame)
    for name in FIELDS:
        if n:
            share = float(frame[name].notna().mean())
            note = "" if share in {0, 1} else "null where the source does not say"
            if share == 0 and name in NULLABLE:
                note = "the source does not publish it"
            yield _Row("completeness", name, share, "share", note, look=0 < share < 0.95)


def _delay(frame: pd.DataFrame) -> Iterator[_Row]:
    known = frame[frame["reported"].notna()]
    for source, part in known.groupby("source"):
        reported = part["reported"]
        first_of_month = (reported.dt.day == 1) & (reported == reported.dt.normalize())
        if bool(first_of_month.all()) or (part["resolution"] == "month").any():
            delay = _months(reported) - _months(part["occurred_from"])
            unit, note = "months", f"{source}: whole months, since one of the two times is only a month"
        else:
            delay = (reported - part["occurred_from"]).dt.total_seconds().to_numpy() / 86400
            unit, note = "days", f"{source}: from earliest possible occurrence to report"
        for name, q in (("median", 0.5), ("90 %", 0.9), ("95 %", 0.95), ("99 %", 0.99)):
            yield _Row("reporting delay", f"{source} {name}", float(np.quantile(delay, q)), unit, note)


def _months(times: pd.Series) -> npt.NDArray[np.float64]:
    months: npt.NDArray[np.float64] = (times.dt.year * 12 + times.dt.month).to_numpy(dtype=np.float64)
    return months


def _duplicates(frame: pd.DataFrame) -> Iterator[_Row]:
    if len(frame):
        same = frame.duplicated(["x", "y", "occurred_from", "category", "label"])
        fine = frame["resolution"].to_numpy() == "minute"
        note = "same place, time, category and label as an earlier row; kept, since they can be separate incidents"
        for name, part in (("minute", fine), ("coarser", ~fine)):
            if part.any():
                share = float(same.to_numpy()[part].mean())
                look = name == "minute" and share > _MUCH_DUPLICATED
                yield _Row("duplicate rate", f"times to the {name}", share, "share", note, look=look)


def _geocoding(
    frame: pd.DataFrame, quarantine: pd.DataFrame | None, imports: Sequence[ImportReport] | None
) -> Iterator[_Row]:
    placeless = ("no_place", "outside_crs", "outside_study_area")
    if imports is not None:
        lost = {reason: sum(r.quarantined_by_reason.get(reason, 0) for r in imports) for reason in placeless}
        stored = sum(r.stored for r in imports)
    elif quarantine is not None:
        lost = {reason: int((quarantine["reason"] == reason).sum()) for reason in placeless}
        stored = len(frame)
    else:
        return
    total = stored + sum(lost.values())
    if total:
        note = ", ".join(f"{reason} {n}" for reason, n in lost.items() if n) or "every row has a place"
        rate = stored / total
        yield _Row("geocoding rate", "all", rate, "share", note, look=rate < _ENOUGH_GEOCODED)


def _stacked(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the points with too many rows: a share above one in a hundred, or far above the spread of the others."""
    columns = ["x", "y", "rows", "share", "label"]
    if frame.empty:
        return pd.DataFrame(columns=columns)
    counts = frame.groupby(["x", "y"]).size()
    usual = counts.to_numpy()
    limit = max(
        20.0, float(np.median(usual) + 50 * (np.quantile(usual, 0.75) - np.quantile(usual, 0.25) + 1))
    )
    many = counts[(counts >= limit) | ((counts / len(frame) > _STACKED) & (counts >= 20))]
    many = many.sort_values(ascending=False, kind="stable").head(50)
    out = many.rename("rows").reset_index()
    out["share"] = out["rows"] / len(frame)
    labels = frame.merge(out[["x", "y"]], on=["x", "y"]).groupby(["x", "y"])["label"].agg(_commonest)
    return out.merge(labels.rename("label").reset_index(), on=["x", "y"], how="left")[columns]


def _commonest(labels: pd.Series) -> str:
    return str(labels.mode().iat[0])


def _stacking(frame: pd.DataFrame, stacked: pd.DataFrame) -> Iterator[_Row]:
    if frame.empty:
        return
    counts = frame.groupby(["x", "y"]).size().sort_values(ascending=False)
    top = float(counts.head(_TOP_POINTS).sum() / len(frame))
    note = (
        f"{len(counts)} distinct points; points that repeat are rounded places, defaults, or very busy ones"
    )
    yield _Row("stacking", f"top {_TOP_POINTS} points", top, "share", note, look=top > 0.1)
    look = bool((stacked["share"].to_numpy(dtype=np.float64) > _STACKED).any())
    yield _Row(
        "stacking", "points with too many rows", float(len(stacked)), "points", "see stacked", look=look
    )


def _heaping(frame: pd.DataFrame) -> Iterator[_Row]:
    fine = frame.loc[frame["resolution"] == "minute", "occurred_from"]
    if len(fine):
        clock = fine.dt.strftime("%H:%M").value_counts()
        share = float(clock.iloc[0] / len(fine))
        look = share > 10 * _HEAPED * _ONE_MINUTE
        note = "a default of the recording system, if one time of day is so common" if look else ""
        subject = f"at {clock.index[0]}, the commonest time"
        yield _Row("date heaping", subject, share, "share", note, look=look, expected=_ONE_MINUTE)
    for resolutions, checks in (
        (("minute",), ("at midnight", "on the hour")),
        (("minute", "day"), ("on the 1st of a month", "on January 1")),
    ):
        times = frame.loc[frame["resolution"].isin(resolutions), "occurred_from"]
        if times.empty:
            continue
        for name in checks:
            share, expected = _heap(times, name)
            look = share > _HEAPED * expected
            note = "unknown times are often written so" if look else ""
            yield _Row("date heaping", name, share, "share", note, look=look, expected=expected)


def _heap(times: pd.Series, name: str) -> tuple[float, float]:
    days = max((times.max() - times.min()).days + 1, 1)
    if name == "at midnight":
        return float((times == times.dt.normalize()).mean()), _ONE_MINUTE
    if name == "on the hour":
        return float(((times.dt.minute == 0) & (times.dt.second == 0)).mean()), _ON_THE_HOUR
    span = pd.date_range(times.min().normalize(), periods=days, freq="D")
    first, spread = times.dt.day == 1, span.day == 1
    if name == "on January 1":
        first, spread = first & (times.dt.month == 1), spread & (span.month == 1)
    return float(first.mean()), float(np.mean(spread))


def _monthly(frame: pd.DataFrame) -> pd.DataFrame:
    """Return category, month, rows and share of the month's rows, for every category and every month of the span."""
    columns = ["category", "month", "rows", "share"]
    if frame.empty:
        return pd.DataFrame(columns=columns)
    month = frame["occurred_from"].dt.to_period("M").dt.to_timestamp()
    table = pd.crosstab(frame["category"], month)
    shares = table / table.sum(axis=0)
    rows = pd.DataFrame({"rows": table.stack(), "share": shares.stack()})
    return rows.reset_index().set_axis(columns, axis=1)


def _drift(monthly: pd.DataFrame) -> Iterator[_Row]:
    if monthly.empty:
        return
    table = monthly.pivot(index="category", columns="month", values="rows")
    months = table.sum(axis=0)
    # Months with few rows (old dates in new files) say nothing about shares.
    table = table.loc[:, months >= max(100.0, 0.05 * float(months.median()))]
    if table.shape[1] < 2:
        return
    total = table.sum(axis=0).to_numpy(dtype=np.float64)
    for category, counts in table.iterrows():
        own = counts.to_numpy(dtype=np.float64)
        if own.sum() < 50 or (total - own).sum() == 0:
            continue
        chi2, p, _, _ = stats.chi2_contingency(np.vstack([own, total - own]), correction=False)
        effect = float(np.sqrt(chi2 / total.sum()))
        half = table.shape[1] // 2
        early, late = own[:half].sum() / total[:half].sum(), own[half:].sum() / total[half:].sum()
        note = f"share {early:.1%} in the first half, {late:.1%} in the second; chi-square p {p:.2g}"
        yield _Row(
            "category drift",
            str(category),
            effect,
            "Cramer's V",
            note,
            look=bool(effect > _DRIFTING and p < 0.01),
        )


def _accounts(imports: Iterable[ImportReport] | None) -> Iterator[_Row]:
    for report in imports or ():
        if report.rows_in:
            share = report.quarantined / report.rows_in
            note = ", ".join(f"{reason} {n}" for reason, n in report.quarantined_by_reason.items())
            yield _Row("quarantined", report.file, share, "share", note, look=share > 0.05)
        if report.unmapped:
            note = ", ".join(f"{label}: {n}" for label, n in list(report.unmapped.items())[:8])
            n = float(sum(report.unmapped.values()))
            yield _Row("unmapped labels", report.file, n, "rows", note, look=True)
