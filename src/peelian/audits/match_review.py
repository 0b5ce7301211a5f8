"""What became of the alerts of a face-matching log: what reviewers made of them, what followed, and what backed it.

An alert is a question to a reviewer, and what an officer does next should rest on more than the alert. Both are
measured of all reviewers together and by the group of the alerts' subjects; nobody who works there is scored.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.agreement import Agreement, agreement
from peelian.audits.bounded_rates import ALL, GroupRate, breakdowns, shares
from peelian.audits.match_log import MatchLog
from peelian.audits.match_rates import without_probes

__all__ = ["ACTED", "REVIEW", "followed_by_truth", "review_rates", "two_reviewers"]

ACTED = ("stopped", "searched", "arrested")
"""What is done to somebody after an alert."""

REVIEW = {
    "overridden": "alerts that the reviewer turned down",
    "override_rate": "false alerts that the reviewer turned down",
    "acted_on": "alerts after which somebody was stopped, searched or arrested",
    "acted_on_false": "stops, searches and arrests that followed a false alert",
    "unbacked_share": "stops, searches and arrests that nothing independent backed",
}

Texts = npt.NDArray[np.str_]


def review_rates(log: MatchLog, *, level: float = 0.95) -> dict[tuple[str, str], list[GroupRate]]:
    """Shares of alerts, by rate (a key of `REVIEW`) and breakdown; what the log says nothing of is left out.

    An alert of which it is not known whether it was false, or what followed, may belong to either side and is bounded.
    """
    alerts = without_probes(log.alerts)
    made: dict[tuple[str, str], list[GroupRate]] = {}

    def add(rate: str, state: Texts, event: str, what: str, among: Texts | None = None) -> None:
        for by in breakdowns(log.attributes):
            rates = list(shares(alerts, state, event, by, level=level, what=what, among=among))
            made[rate, ", ".join(by) or ALL] = rates

    truth = alerts["truth"].to_numpy(dtype=str)
    if "decision" in alerts:
        decision = alerts["decision"].to_numpy(dtype=str)
        looked = np.where(decision == "", "no", "yes")
        add("overridden", decision, "no_match", "reviewed alerts", looked)
        false = np.where(looked == "no", "no", _yes(truth == "false", truth == "unknown"))
        add("override_rate", decision, "no_match", "false alerts that were reviewed", false)
    if "followed" in alerts:
        followed = alerts["followed"].to_numpy(dtype=str)
        acted = _yes(np.isin(followed, ACTED), followed == "unknown")
        add("acted_on", acted, "yes", "alerts")
        add("acted_on_false", truth, "false", "stops, searches and arrests", acted)
        if "corroborated" in alerts:
            backed = alerts["corroborated"].to_numpy(dtype=str)
            add("unbacked_share", backed, "no", "stops, searches and arrests", acted)
    return made


def _yes(sure: npt.NDArray[np.bool_], unknown: npt.NDArray[np.bool_]) -> Texts:
    return np.where(sure, "yes", np.where(unknown, "unknown", "no"))


def two_reviewers(log: MatchLog, *, level: float = 0.95) -> Agreement | None:
    """How far two reviewers agree where both looked; None where that is fewer than ten times."""
    if not {"decision", "second_decision"} <= set(log.alerts.columns):
        return None
    both = log.alerts[(log.alerts["decision"] != "") & (log.alerts["second_decision"] != "")]
    if len(both) < FEWEST_BOTH:
        return None
    token = both["token"].fillna(-1).to_numpy(dtype=np.int64) if "token" in both else None
    return agreement(
        both["decision"],
        both["second_decision"],
        deployment=both["deployment"].to_numpy(dtype=np.int64),
        token=token,
        level=level,
    )


FEWEST_BOTH = 10


def followed_by_truth(log: MatchLog) -> pd.DataFrame:
    """Alerts by what ``followed`` (rows) and whether the alert was right: ``true``, ``false``, ``unknown``."""
    order: Sequence[str] = ("nothing", *ACTED, "other", "unknown")
    alerts = without_probes(log.alerts)
    followed = alerts["followed"] if "followed" in alerts else pd.Series("unknown", index=alerts.index)
    counts = pd.crosstab(followed, alerts["truth"])
    counts = counts.reindex(index=list(order), columns=["true", "false", "unknown"], fill_value=0).astype(int)
    return counts[counts.sum(axis=1) > 0].rename_axis("followed").rename_axis(None, axis=1).reset_index()
