"""What an audit of face matching says in sentences; the first stands alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from peelian.audits.bounded_rates import Bounded
from peelian.audits.finding import Finding
from peelian.audits.match_findings import shown

if TYPE_CHECKING:
    from peelian.audits.match_audit import MatchAudit

__all__ = ["sentences_of"]

RATE = "false_positive_rate"

FEW = 100
"""Faces seen of a group; a ratio that rests on fewer says so."""


def sentences_of(audit: MatchAudit) -> list[str]:
    """The headline, how many alerts were false by both denominators; groups, misses, review, changes."""
    said = [_headline(audit), *_group_sentences(audit), _missed_sentence(audit)]
    return [*said, *_review_sentences(audit), *_change_sentences(audit)]


def _ends(made: Bounded) -> str:
    return f"{shown(made.low)} to {shown(made.high)}"


def _headline(audit: MatchAudit) -> str:
    counts, alert, face = audit.counts, audit.all("false_alert_share"), audit.all("false_positive_rate")
    if not counts["alerts"]:
        said = f"There was no alert in {counts['seen']:,} faces seen"
        if face is not None and face.value is not None:
            return f"{said}, which still allows a false alert for up to {shown(face.high)} of them."
        return f"{said}: too few to tell a rate."
    if alert is None or alert.value is None:
        if alert is not None and alert.least is not None:
            return f"Nobody adjudicated the {counts['alerts']:,} alerts: how many were false is not known."
        return f"{counts['alerts']:,} alerts are too few to tell how many of them are false."
    sure = f"{audit.level * 100:g} % interval {_ends(alert)}"
    said = f"Of {counts['alerts']:,} alerts {shown(alert.value)} were false ({sure})"
    if face is not None and face.value is not None:
        said += f". That is a false alert for {shown(face.value)} of the faces seen ({_ends(face)})"
    if counts["unknown"]:
        said += (
            f". {counts['unknown']:,} of the alerts nobody adjudicated; the intervals hold whatever they were"
        )
    return f"{said}."


def _group_sentences(audit: MatchAudit) -> list[str]:
    """The ratio of each attribute, and what could have been seen where none was."""
    said = []
    for finding in audit.findings:
        measure, by = finding.id.split("/")[:2]
        if measure != "false_positive_ratio" or ", " in by:
            continue
        said += [_ratio_sentence(audit, finding, by), *_unrecorded(audit, by)]
    if not said:
        why = audit.all("false_positive_rate")
        if why is not None and why.value is None:
            said.append(f"False alerts per face seen: {why.why[0][:1].lower()}{why.why[0][1:]}")
        else:
            said.append(
                "The log has no groups, so that nothing can be said of whom the false alerts fall on."
            )
    return said


def _ratio_sentence(audit: MatchAudit, finding: Finding, by: str) -> str:
    words = by.replace("_", " ")
    if finding.low is None:
        why = next((one.made.why[0] for one in audit.of(RATE, by) if one.made.why), "")
        return f"By {words} there are no rates per face seen to compare. {why}".strip()
    top, bottom = finding.details["highest"], finding.details["lowest"]
    high = "no upper end" if finding.high is None else f"{finding.high:.3g}"
    if finding.value is None:
        return (
            f"By {words}, false alerts fell on {top} and none on {bottom}; per face seen the ratio is at least "
            f"{finding.low:.3g}."
        )
    if finding.low > 1:
        return (
            f"Per face seen, false alerts fall {finding.value:.3g} times as often on those recorded as {top} as on "
            f"those recorded as {bottom} ({finding.low:.3g} to {high}){_few(audit, by, (top, bottom))}."
        )
    rows = audit.power[(audit.power["by"] == by)]
    known = "had nothing been unknown, " if any(one.made.unknown for one in audit.of(RATE, by)) else ""
    least = rows["least_ratio"].max()
    could = (
        ""
        if not np.isfinite(least)
        else f"; {known}a ratio of {least:.3g} would have been seen 80 times in 100, and a smaller one may be missed"
    )
    return (
        f"By {words} no difference was found that chance can't make: {top} to {bottom} is {finding.value:.3g} "
        f"(1 to {high}){could}."
    )


def _few(audit: MatchAudit, by: str, groups: tuple[str, ...]) -> str:
    """How few faces it rests on, where they are few."""
    held = [one for one in audit.of(RATE, by) if one.group in groups and one.made.cases < FEW]
    return "".join(f"; of {one.group} only {one.made.cases:,.0f} faces were seen" for one in held)


def _unrecorded(audit: MatchAudit, by: str) -> list[str]:
    """Alerts and faces seen of which the log does not give the group."""
    alerts, seen = audit.counts["unrecorded"].get(by, (0, 0))
    of = [f"{alerts:,} of {audit.counts['alerts']:,} alerts"] if alerts else []
    of += [f"{seen:,} of {audit.counts['seen']:,} faces seen"] if seen else []
    words = " and ".join(of)
    unsaid = f"{words} have no {by.replace('_', ' ')} in the log; the intervals hold whatever it was."
    return [unsaid] if words else []


def _missed_sentence(audit: MatchAudit) -> str:
    made = audit.all("false_negative_rate")
    if made is None or made.value is None:
        return f"How many were missed: {'not known' if made is None or not made.why else made.why[0]}"
    passages = f"Of {made.cases:,.0f} passages of seeded volunteers"
    return f"{passages} {shown(made.value)} set off no right alert ({_ends(made)})."


def _review_sentences(audit: MatchAudit) -> list[str]:
    said = []
    turned, acted, backed = (
        audit.all(name) for name in ("override_rate", "acted_on_false", "unbacked_share")
    )
    if turned is not None and turned.value is not None:
        said.append(
            f"Reviewers turned down {shown(turned.value)} of the false alerts that they saw ({_ends(turned)}); the "
            "others they let stand or left open."
        )
    if audit.reviewers is not None and audit.reviewers.ac1 is not None:
        value, low, high = audit.reviewers.ac1
        said.append(
            f"Where two looked, they agreed on {shown(audit.reviewers.share[0])} of {audit.reviewers.cases:,} alerts; "
            f"corrected for chance {value:.2f}, where 1 is always "
            f"(AC1, {low:.2f} to {high:.2f})."
        )
    if acted is not None and acted.value is not None:
        said.append(
            f"Of {acted.cases:,.0f} stops, searches and arrests {shown(acted.value)} followed a false alert "
            f"({_ends(acted)})."
        )
    if backed is not None and backed.value is not None:
        said.append(f"Nothing independent backed {shown(backed.value)} of them ({_ends(backed)}).")
    return said


def _change_sentences(audit: MatchAudit) -> list[str]:
    said = []
    for one in audit.changes[:3]:
        text = f"From {one.day} on the threshold was {one.after:g} and no longer {one.before:g}"
        if one.ratio is not None and one.low is not None:
            high = "no upper end" if one.high is None else f"{one.high:.2g}"
            text += f"; false alerts per face seen were {one.ratio:.2g} times those before ({one.low:.2g} to {high})"
            if one.low <= 1 and (one.high is None or one.high >= 1):
                text += ", which chance or what is not known can make"
        said.append(f"{text}.")
    if len(audit.changes) > len(said):
        said.append(f"The threshold was changed {len(audit.changes)} times.")
    return said
