"""Error rates of a face-matching log by group and intersection, with both denominators.

The rates are those of ISO/IEC 19795-1:2021 (Biometric performance testing and reporting) and NISTIR 8280:

``false_positive_rate`` (FPIR)
    false alerts to faces searched for: what it does to those who pass by.
``false_alert_share``
    false alerts to alerts: what an officer who acts on an alert must expect.
``false_negative_rate`` (FNIR)
    seeded volunteers who set off no right alert, to all of their passages. Those on a list who pass unseen are in no
    log, so that there is no other way to it.
``failure_to_acquire`` (FTA)
    faces of which no template could be made, to faces seen.

The first two need not agree: a group of whom few are listed and many pass by can have a low rate per face and yet be
the subject of mostly false alerts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.bounded_rates import (
    ALL,
    Bounded,
    GroupRate,
    Scenarios,
    breakdowns,
    cells,
    label,
    members,
    rows_tally,
    shares,
)
from peelian.audits.clustered import Tally, design_effect
from peelian.audits.match_log import MatchLog

__all__ = ["NOT_ESTIMABLE", "RATES", "error_rates", "rates_frame", "without_probes"]

Floats = npt.NDArray[np.float64]

HALF = 0.5
"""Where more of the faces seen than this have no group, rates per face by group can't be estimated."""

RATES = {
    "false_positive_rate": "false alerts per face seen",
    "false_alert_share": "false alerts per alert",
    "false_negative_rate": "seeded volunteers missed",
    "failure_to_acquire": "faces seen of which no template could be made",
}

NOT_ESTIMABLE = {
    "false_positive_rate": (
        "Not estimable: the log gives no number of faces seen, and alerts alone have no denominator."
    ),
    "false_negative_rate": (
        "Not estimable: no seeded volunteers walked past. Those on the list who passed unseen are in no log, so that "
        "alerts alone can't tell how many were missed."
    ),
    "failure_to_acquire": "Not estimable: the log does not say of how many faces no template could be made.",
    "groups": (
        "Not estimable by group: of more than half of the faces seen the log gives no group, so that nobody knows how "
        "many of each passed by."
    ),
}

Made = Iterator[GroupRate]


def error_rates(log: MatchLog, *, level: float = 0.95) -> dict[tuple[str, str], list[GroupRate]]:
    """All rates by group and intersection.

    Parameters
    ----------
    log : MatchLog
    level : float

    Returns
    -------
    dict
        By rate (a key of `RATES`) and breakdown (``"all"``, ``"group"``, ``"group, sex"``...) the groups' rates.
    """
    makers = {
        "false_positive_rate": _per_face,
        "false_alert_share": _per_alert,
        "false_negative_rate": _missed,
        "failure_to_acquire": _not_acquired,
    }
    made = {
        (rate, ", ".join(by) or ALL): list(make(log, by, level))
        for rate, make in makers.items()
        for by in breakdowns(log.attributes)
    }
    return {key: rates for key, rates in made.items() if rates}


def rates_frame(rates: Mapping[tuple[str, str], Sequence[GroupRate]]) -> pd.DataFrame:
    """One row a rate and group: ``rate``, ``by``, ``group`` and the fields of `Bounded`; NaN where there is none."""
    rows = [
        {"rate": rate, "by": by, "group": one.group, **vars(one.made), "why": " ".join(one.made.why)}
        for (rate, by), groups in rates.items()
        for one in groups
    ]
    numbers = ["value", "low", "high", "wide_low", "wide_high", "least", "most"]
    return pd.DataFrame(rows).astype(dict.fromkeys(numbers, float))


def without_probes(alerts: pd.DataFrame) -> pd.DataFrame:
    """Alerts on others than seeded volunteers, who were put on the list to be found."""
    return alerts[alerts["probe"] != "yes"].reset_index(drop=True) if "probe" in alerts else alerts


def _per_alert(log: MatchLog, by: tuple[str, ...], level: float) -> Made:
    alerts = without_probes(log.alerts)
    yield from shares(alerts, alerts["truth"], "false", by, level=level, what="alerts")


def _missed(log: MatchLog, by: tuple[str, ...], level: float) -> Made:
    if log.probes is not None:
        found = log.probes["found"].to_numpy(dtype=str)
        yield from shares(log.probes, found, "no", by, level=level, what="passages of volunteers")
    elif not by:
        yield GroupRate(ALL, Bounded.none(NOT_ESTIMABLE["false_negative_rate"]))


# --- per face seen -------------------------------------------------------------------------------------------


def _per_face(log: MatchLog, by: tuple[str, ...], level: float) -> Made:
    if log.deployments is None:
        if not by:
            yield GroupRate(ALL, Bounded.none(NOT_ESTIMABLE["false_positive_rate"]))
        return
    alerts, seen = without_probes(log.alerts), log.deployments
    groups = cells([alerts, seen], by)
    pooled = design_effect(_faces(log, (), ()).favour, level=level)
    for cell in groups:
        may = members(seen, by, cell)[1]
        faces = seen["seen"].to_numpy(dtype=float)
        if by and faces[may].sum() > HALF * faces.sum():
            yield GroupRate(label(cell), Bounded.none(NOT_ESTIMABLE["groups"]))
            continue
        made = _faces(log, by, cell)
        if made.cases and members(alerts, by, cell)[0].sum() > made.cases:
            why = (
                "Not estimable: more alerts than faces seen are of this group, so that the two can't have been told by "
                "the same eye."
            )
            yield GroupRate(
                label(cell), Bounded.none(why, events=made.events, cases=made.cases, unknown=made.unknown)
            )
            continue
        rate = made.bounded(level=level, groups=len(groups), pooled=pooled, what="faces seen")
        yield GroupRate(label(cell), rate, made)


def _faces(log: MatchLog, by: tuple[str, ...], cell: tuple[str, ...]) -> Scenarios:
    """False alerts among the faces seen of a group."""
    alerts, seen = without_probes(log.alerts), log.deployments
    assert seen is not None
    sure, may = members(alerts, by, cell)
    false = (alerts["truth"] == "false").to_numpy(dtype=bool)
    unknown = (alerts["truth"] == "unknown").to_numpy(dtype=bool)
    seen_sure, seen_may = members(seen, by, cell)
    counts = seen["seen"].to_numpy(dtype=float)
    n = int(seen["deployment"].max()) + 1
    faces, perhaps = (_by_deployment(seen, counts * m, n) for m in (seen_sure, seen_may))

    def tally(event: npt.NDArray[np.bool_], member: npt.NDArray[np.bool_], cases: Floats) -> Tally:
        rows = rows_tally(alerts, event, member)
        held = np.flatnonzero(cases > 0)
        others = np.maximum(cases - np.bincount(rows.deployment, minlength=n), 0.0)[held]
        return Tally.of(rows.event, rows.deployment, rows.token, others=others, other_deployments=held)

    worst = sure | (may & (false | unknown))
    added = np.minimum(
        np.bincount(alerts["deployment"].to_numpy(dtype=int)[worst & may], minlength=n), perhaps
    )
    adjudicated = float((sure & ~unknown).sum())
    like = float((false & sure).sum()) / adjudicated * float(sure.sum()) if adjudicated else None
    if not sure.any():
        like = 0.0
    total = float(faces.sum())
    return Scenarios(
        None if like is None or not total else like / total,
        tally(false, sure, faces + perhaps),
        tally(false | unknown, worst, faces + added),
        float((false & sure).sum()),
        total,
        float((sure & unknown).sum() + may.sum() + perhaps.sum()),
    )


def _by_deployment(table: pd.DataFrame, values: Floats, n: int) -> Floats:
    return np.bincount(table["deployment"].to_numpy(dtype=int), weights=values, minlength=n).astype(float)


# --- failure to acquire --------------------------------------------------------------------------------------


def _not_acquired(log: MatchLog, by: tuple[str, ...], level: float) -> Made:
    seen = log.deployments
    if seen is None or "not_acquired" not in seen or seen["not_acquired"].isna().all():
        if not by:
            yield GroupRate(ALL, Bounded.none(NOT_ESTIMABLE["failure_to_acquire"]))
        return
    groups = cells([seen], by)
    pooled = design_effect(_acquisition(seen, (), ()).favour, level=level)
    for cell in groups:
        made = _acquisition(seen, by, cell)
        rate = made.bounded(level=level, groups=len(groups), pooled=pooled, what="faces seen")
        yield GroupRate(label(cell), rate, made)


def _acquisition(seen: pd.DataFrame, by: tuple[str, ...], cell: tuple[str, ...]) -> Scenarios:
    """Rows that don't say how many were not acquired: none for the lower end, all for the upper."""
    sure, may = members(seen, by, cell)
    faces = seen["seen"].to_numpy(dtype=float)
    failed = seen["not_acquired"].to_numpy(dtype=float)
    unsaid = np.isnan(failed)
    least, most = np.where(unsaid, 0.0, failed), np.where(unsaid, faces, failed)
    n = int(seen["deployment"].max()) + 1

    def tally(events: Floats, cases: Floats) -> Tally:
        count, among = _by_deployment(seen, cases, n), _by_deployment(seen, events, n)
        held = np.flatnonzero(count > 0)
        return Tally.of([], [], others=count[held], other_events=among[held], other_deployments=held)

    known = float(faces[sure & ~unsaid].sum())
    return Scenarios(
        float(least[sure].sum()) / known if known else None,
        tally(least * sure, faces * sure + (faces - least) * may),
        tally(most * (sure | may), faces * sure + most * may),
        float(least[sure].sum()),
        float(faces[sure].sum()),
        float(faces[sure & unsaid].sum() + faces[may].sum()),
    )
