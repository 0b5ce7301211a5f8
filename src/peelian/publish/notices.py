"""What a reader must not miss about a plan: a limit that it breaks, that it was changed, that its period is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from peelian.places import Period
from peelian.publish.decision import in_force
from peelian.publish.evidence import Evidence
from peelian.publish.words import day, number, plural, spread

__all__ = ["amended_words", "is_over", "limit_words", "over_words"]

Result = Mapping[str, Any]

OVER = "This period is over: the plan shows what would have been advised."
BROKEN = "A limit that was set for plans is exceeded."


def is_over(evidence: Evidence) -> bool:
    """Whether the decision was taken when the plan's period had ended, by the agency's calendar.

    False without a decision, or where the period is text: a page knows no other time than that of the decision.
    """
    decided = (evidence.decision or {}).get("decided_at")
    if not decided or not isinstance(evidence.period, Period):
        return False
    at = datetime.fromisoformat(str(decided))
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return bool(np.datetime64(at.astimezone(ZoneInfo(evidence.zone)).date(), "D") >= evidence.period.end)


def over_words(evidence: Evidence) -> str:
    """That the period is over; empty where it is not."""
    return OVER if is_over(evidence) else ""


def amended_words(plan: Result | None, decision: Result | None = None) -> str:
    """How many places were taken out of a plan and put in; empty where none was. No place is named."""
    changed = (plan or {}).get("amended") or {}
    out, new = len(changed.get("removed") or ()), len(changed.get("added") or ())
    if plan is None or not out + new:
        return ""
    role = str((decision or {}).get("role") or "")
    script = bool((decision or {}).get("demonstration"))
    who = "somebody" if not role else f"a script in the role of {role}" if script else f"the {role}"
    now = len(plan["places"])
    return (
        f"This plan was changed: {who} took out {plural(out, 'place')} and put in {plural(new, 'place')}. It had "
        f"{plural(now + out - new, 'place')}; now it has {number(now)}."
    )


def limit_words(audit: Result | None, decision: Result | None = None, *, plain: bool = False) -> list[str]:
    """Which limits a plan breaks, who set them and when, and that it was approved all the same; empty where none is.

    Parameters
    ----------
    audit : mapping, optional
        `ExposureAudit.to_dict()`, with ``passes`` and in each finding ``threshold`` and ``passes``.
    decision : mapping, optional
    plain : bool
        In the words of a public page.
    """
    if audit is None or audit.get("passes") is not False:
        return []
    broken = [f for f in audit.get("findings", ()) if f.get("passes") is False and f.get("threshold")]
    said = [_beyond(f, str(audit.get("reference") or ""), plain=plain) for f in broken] or [BROKEN]
    if in_force(decision):
        said[-1] += " It was approved all the same."
    return said


def _beyond(finding: Result, reference: str, *, plain: bool) -> str:
    bound, details = finding["threshold"], finding.get("details") or {}
    group = str(details.get("group") or str(finding.get("id", "")).rpartition("/")[2])
    other = str(details.get("reference") or reference or "the reference group")
    value, most = finding.get("value"), number(bound["value"], digits=2)
    start = f"The limit set by {bound['set_by']} on {day(bound['set_at'])} is exceeded."
    if not value:
        return f"{start} Of {group} and {other} residents, only one group gets any hours where they live."
    if not plain:
        low, high = finding.get("low"), finding.get("high")
        ends = (
            f" ({spread(finding.get('level'))} {_ends(low, high)})"
            if low is not None or high is not None
            else ""
        )
        return (
            f"{start} It allows a ratio of at most {most}, either way; {group} to {other} is "
            f"{number(value, digits=2)}{ends}."
        )
    if value < 1:
        group, other, value = other, group, 1 / float(value)
    return (
        f"{start} It allows no group more than {most} times the hours of another. Where the average {group} resident "
        f"lives, there are {number(value, digits=2)} times the hours that there are where the average {other} resident "
        "lives."
    )


def _ends(low: float | None, high: float | None) -> str:
    if high is None:
        return f"{number(low, digits=2)} or more"
    return f"{number(low or 0, digits=2)} to {number(high, digits=2)}"
