"""The audit of somebody else's face matching, from its log alone.

Peelian matches no faces. Agencies that do keep logs, and a log tells how often it is wrong, for whom, and what came of
it. What a log can't tell is said as plainly: how many it missed, unless somebody was sent past to be found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from peelian.audits.agreement import Agreement
from peelian.audits.base import Audit, plain_rows
from peelian.audits.bounded_rates import ALL, Bounded, GroupRate
from peelian.audits.finding import Finding, Threshold
from peelian.audits.match_changes import Change, order_unknown, threshold_changes, under_threshold
from peelian.audits.match_findings import Rates, gap_finding, rate_finding, ratio_findings
from peelian.audits.match_list import composition, growth_finding, list_growth
from peelian.audits.match_log import MatchLog
from peelian.audits.match_power import power_of
from peelian.audits.match_rates import error_rates, rates_frame, without_probes
from peelian.audits.match_review import followed_by_truth, review_rates, two_reviewers
from peelian.audits.match_words import sentences_of
from peelian.audits.thresholds import keeps_within
from peelian.errors import NotEnoughDataError, UsageError

__all__ = ["LIMITS", "MatchAudit", "match_audit"]

LIMITS = (
    "Whether an alert was right is what the log says: somebody adjudicated it, perhaps knowing the machine's answer.",
    (
        "Groups are those that the agency recorded. Of those who passed by they were mostly guessed by an eye or by "
        "software, and a wrong guess blurs every comparison."
    ),
    (
        "Faces seen are searches, and not residents: who walks past twice counts twice. The few who are on the list "
        "count among them too, which makes rates per face a little too low."
    ),
    "Those on the list who passed unseen are in no log; only seeded volunteers tell of them.",
    (
        "Volunteers know that they are tested, and photographs of them may be better than those of the list: the rate "
        "at which they are missed is likely too low for others."
    ),
    (
        "An interval allows for alerts that come in clusters, by deployment and by the log's token, and for what is "
        "not known. It does not allow for a log that is wrong or was written to please."
    ),
    "Rates of deployments so far say nothing about another place, light, crowd, list or threshold.",
    "Whether faces should be matched at all is not a question of error rates.",
)


@dataclass(frozen=True, eq=False)
class MatchAudit(Audit):
    """What `match_audit` found.

    Parameters
    ----------
    counts : dict
        ``alerts``, ``probes`` (alerts on seeded volunteers, which are set apart), ``false``, ``unknown``, ``seen``,
        ``deployments``, ``tokens``, ``without_token``, ``unrecorded`` (by attribute: alerts and faces seen of which the
        log does not give it), ``from`` and ``to``.
    rates : dict
        Of `error_rates` and `review_rates`.
    power : pandas.DataFrame
        One row a group: ``by``, ``group``, ``cases`` (faces seen, or alerts where those are not known), ``worth`` (as
        many independent ones), ``none_allows`` (the rate that no event among them still allows, two-sided), ``needed``
        (cases in each of two groups to see a ratio of 2), ``least_ratio`` (to the largest group, that they show).
    changes : list of Change
    growth, listed, followed : pandas.DataFrame
        Of `list_growth`, `composition` and `followed_by_truth`.
    reviewers : Agreement or None
    level : float
    seed : int
    """

    counts: Mapping[str, Any]
    rates: Rates
    power: pd.DataFrame
    changes: list[Change]
    growth: pd.DataFrame
    listed: pd.DataFrame
    followed: pd.DataFrame
    reviewers: Agreement | None
    found: tuple[Finding, ...]
    level: float
    seed: int

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Ratios between groups first, then rates, what reviewers did, what followed, and changes."""
        return self.found

    @property
    def limits(self) -> tuple[str, ...]:
        """What no log can tell."""
        return LIMITS

    @property
    def frame(self) -> pd.DataFrame:
        """One row a rate and group, see `peelian.audits.match_rates.rates_frame`."""
        return rates_frame(self.rates)

    def of(self, rate: str, by: str = ALL) -> list[GroupRate]:
        """The rates of a breakdown; empty where there are none."""
        return list(self.rates.get((rate, by), ()))

    def all(self, rate: str) -> Bounded | None:
        """The rate of all groups together."""
        held = self.of(rate)
        return held[0].made if held else None

    def sentences(self) -> list[str]:
        """The headline, how many alerts were false by both denominators; groups, misses, review, what followed."""
        return sentences_of(self)

    def to_dict(self) -> dict[str, Any]:
        """As plain values; of the rates those of all and of single attributes (`frame` has them all)."""
        frame = self.frame
        single = frame[~frame["by"].str.contains(", ")]
        return {
            **super().to_dict(),
            "counts": dict(self.counts),
            "level": self.level,
            "seed": self.seed,
            "rates": plain_rows(single.drop(columns=["wide_low", "wide_high"])),
            "power": plain_rows(self.power),
            "threshold_changes": [_change_row(one) for one in self.changes],
            "list_growth": plain_rows(self.growth.drop(columns="deployment")),
            "list_composition": plain_rows(self.listed),
            "followed": plain_rows(self.followed),
            "reviewers": None if self.reviewers is None else _reviewer_row(self.reviewers),
        }


def match_audit(
    log: MatchLog,
    *,
    level: float = 0.95,
    seed: int = 0,
    thresholds: Mapping[str, Threshold] | None = None,
) -> MatchAudit:
    """Audit the log of an agency's face matching.

    Parameters
    ----------
    log : MatchLog
        Read by `peelian.audits.match_log.read_match_log`, which refuses images, templates and names.
    level : float
        Of the intervals.
    seed : int
        Of the simulation of what equal groups would show by chance; intervals need none.
    thresholds : mapping of str to Threshold, optional
        By measure (`peelian.audits.thresholds.MEASURES`). A rate keeps within its threshold only if it does so
        whatever is not known.

    Returns
    -------
    MatchAudit

    Raises
    ------
    NotEnoughDataError
        There is neither an alert nor a face seen.
    UsageError
        The level is no share.

    Notes
    -----
    ISO/IEC 19795-1:2021 and 19795-10:2024; Grother, Ngan and Hanaoka (2019), NISTIR 8280.
    """
    if not 0 < level < 1:
        msg = f"a level of {level} was given; expected a share between 0 and 1"
        raise UsageError(msg)
    if log.alerts.empty and log.deployments is None:
        msg = "a log without an alert and without faces seen was given; expected at least one of them"
        raise NotEnoughDataError(msg, hint="--deployments FILE, with the faces seen")
    bounds = thresholds or {}
    rates: dict[tuple[str, str], list[GroupRate]] = {
        **error_rates(log, level=level),
        **review_rates(log, level=level),
    }
    changes = threshold_changes(log, level=level)
    both = two_reviewers(log, level=level)
    growth = list_growth(log)
    found = (
        *_rate_findings(rates, level=level, seed=seed, thresholds=bounds),
        *([] if both is None else [_agreement_finding(both, bounds)]),
        *[_change_finding(one, level) for one in changes],
        *_log_findings(log, growth, level),
    )
    return MatchAudit(
        _counts(log),
        rates,
        power_of(rates, level=level),
        changes,
        growth,
        composition(log),
        followed_by_truth(log),
        both,
        found,
        level,
        seed,
    )


# --- findings ------------------------------------------------------------------------------------------------


def _rate_findings(
    rates: Rates, *, level: float, seed: int, thresholds: Mapping[str, Threshold]
) -> list[Finding]:
    ratios = [
        finding
        for (rate, by), groups in rates.items()
        if rate == "false_positive_rate" and by != ALL
        for finding in ratio_findings(groups, by, level=level, seed=seed, thresholds=thresholds)
    ]
    gaps = [
        made
        for (rate, by), groups in rates.items()
        if by != ALL
        and (made := gap_finding(rate, groups, by, level=level, thresholds=thresholds)) is not None
    ]
    singles = [
        rate_finding(rate, by, one, level=level, thresholds=thresholds)
        for (rate, by), groups in rates.items()
        if ", " not in by
        for one in groups
    ]
    return [*ratios, *gaps, *singles]


def _agreement_finding(both: Agreement, thresholds: Mapping[str, Threshold]) -> Finding:
    value, low, high = both.share if both.ac1 is None else both.ac1
    threshold = thresholds.get("reviewer_agreement")
    why = (
        () if both.ac1 is not None else ("All decisions were the same: the plain share that agrees is told.",)
    )
    return Finding(
        id="reviewer_agreement/all/ac1" if both.ac1 is not None else "reviewer_agreement/all/share",
        measure="agreement of two reviewers (Gwet's AC1)",
        subject=f"{both.cases:,} alerts that both decided on",
        value=value,
        low=low,
        high=high,
        level=both.level,
        threshold=threshold,
        passes=keeps_within("reviewer_agreement", value, threshold),
        limits=(
            *why,
            "Two can agree and both be wrong; and if the second knew the first's decision, agreement says nothing.",
        ),
        details=_reviewer_row(both),
    )


def _reviewer_row(both: Agreement) -> dict[str, Any]:
    row: dict[str, Any] = {"cases": both.cases}
    for name, made in (("share", both.share), ("kappa", both.kappa), ("ac1", both.ac1)):
        value, low, high = made or (None, None, None)
        row |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return row


def _change_finding(one: Change, level: float) -> Finding:
    limits = ["Other things changed with the day too: places, light, crowds and the list."]
    if one.ratio is None:
        limits.insert(0, "A rate per face seen is not known on both sides, or was nothing before.")
    return Finding(
        id=f"threshold_change/{one.day}/{one.after:g}",
        measure=f"false alerts per face seen after the threshold went from {one.before:g} to {one.after:g}",
        subject=f"to those before, from {one.day} on",
        value=one.ratio,
        low=one.low if one.ratio is not None else None,
        high=one.high if one.ratio is not None else None,
        level=level,
        limits=tuple(limits),
        details=_change_row(one),
    )


def _change_row(one: Change) -> dict[str, Any]:
    row: dict[str, Any] = {"day": one.day, "from": one.before, "to": one.after}
    for i, side in enumerate(("before", "after")):
        row[f"deployments_{side}"] = one.deployments[i]
        for name, pair in (("per_seen", one.per_seen), ("per_alert", one.per_alert)):
            made = pair[i]
            row |= {
                f"{name}_{side}": made.value,
                f"{name}_{side}_low": made.low,
                f"{name}_{side}_high": made.high,
            }
    return {**row, "ratio": one.ratio, "low": one.low, "high": one.high}


def _log_findings(log: MatchLog, growth: pd.DataFrame, level: float) -> list[Finding]:
    """What is counted and is no sample: alerts under the threshold in force, growth of the list."""
    counted = "It is counted and no sample, so that there is no interval."
    found = []
    under, of = under_threshold(log)
    if of:
        found.append(
            Finding(
                "under_threshold/all/alerts",
                "alerts with a score under the threshold in force",
                f"of {of:,} with both",
                float(under),
                None,
                None,
                level,
                limits=(
                    counted,
                    "Each is a mistake in the log, or an alert that the stated threshold forbids.",
                ),
                details={"alerts": of},
            )
        )
    grown = growth_finding(growth, level=level)
    undated = order_unknown(log)
    if undated:
        found.append(
            Finding(
                "threshold_change/all/undated",
                "changes of the threshold",
                f"{undated:,} deployments without a day, or on one day with another threshold",
                None,
                None,
                None,
                level,
                limits=("Not known: thresholds differ, and nobody can say which came first.",),
                details={"deployments": undated},
            )
        )
    return [*found, *([] if grown is None else [grown])]


# --- counts --------------------------------------------------------------------------------------------------


def _counts(log: MatchLog) -> dict[str, Any]:
    alerts = without_probes(log.alerts)
    seen = log.deployments
    days = [
        day
        for table in (alerts, seen)
        if table is not None and "day" in table
        for day in table["day"].unique()
        if day
    ]
    tokens = alerts["token"] if "token" in alerts else pd.Series(pd.NA, index=alerts.index, dtype="Int64")
    held = seen if seen is not None else alerts
    return {
        "alerts": len(alerts),
        "probes": len(log.alerts) - len(alerts),
        "false": int((alerts["truth"] == "false").sum()),
        "unknown": int((alerts["truth"] == "unknown").sum()),
        "seen": None if seen is None else int(seen["seen"].sum()),
        "deployments": int(held["deployment"].nunique()),
        "tokens": int(tokens.nunique()),
        "without_token": int(tokens.isna().sum()),
        "unrecorded": {
            by: [
                int(n)
                for n in (
                    _without(alerts, by).sum(),
                    0 if seen is None else seen["seen"][_without(seen, by)].sum(),
                )
            ]
            for by in log.attributes
        },
        "from": min(days, default=None),
        "to": max(days, default=None),
    }


def _without(table: pd.DataFrame, by: str) -> pd.Series:
    """Whether a row does not give an attribute."""
    return table[by] == "" if by in table else pd.Series(True, index=table.index)
