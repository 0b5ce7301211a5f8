"""The findings of a face-matching audit, made from rates and the ratios between groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from peelian.audits.bounded_rates import ALL, Bounded, GroupRate
from peelian.audits.finding import Finding, Threshold
from peelian.audits.rate_ratios import Spread, by_chance
from peelian.audits.rate_spreads import compared, gap, highest_to_lowest, highest_to_mean
from peelian.audits.thresholds import MEASURES, keeps_within

__all__ = ["Rates", "gap_finding", "rate_finding", "ratio_findings", "shown"]

Rates = Mapping[tuple[str, str], Sequence[GroupRate]]
Thresholds = Mapping[str, Threshold]

PER_FACE = 1000.0
"""Faces seen that a rate per face is told by: such rates are small."""

_PER = (PER_FACE, "per 1,000 faces")
_SCALE = {"false_positive_rate": _PER, "failure_to_acquire": _PER, "failure_to_acquire_gap": _PER}

_WORDS = {
    "false_positive_rate": "false alerts per face seen (FPIR)",
    "false_alert_share": "share of alerts that were false",
    "false_negative_rate": "share of passages of seeded volunteers that were missed (FNIR)",
    "failure_to_acquire": "faces seen of which no template could be made (FTA)",
    "overridden": "share of reviewed alerts that the reviewer turned down",
    "override_rate": "share of false alerts that the reviewer turned down",
    "acted_on": "share of alerts after which somebody was stopped, searched or arrested",
    "acted_on_false": "share of stops, searches and arrests that followed a false alert",
    "unbacked_share": "share of stops, searches and arrests that nothing independent backed",
}

_GAPS = {
    "false_alert_share": "false_alert_gap",
    "false_negative_rate": "false_negative_gap",
    "failure_to_acquire": "failure_to_acquire_gap",
    "overridden": "override_gap",
}

HANGS = "Whether it keeps within the threshold hangs on what nobody adjudicated or recorded."


def rate_finding(rate: str, by: str, one: GroupRate, *, level: float, thresholds: Thresholds) -> Finding:
    """The rate of one group."""
    made, (scale, unit) = one.made, _SCALE.get(rate, (1.0, ""))
    threshold = thresholds.get(rate)
    least, most = (None if v is None else v * scale for v in (made.least, made.most))
    passes = _holds(rate, least, most, threshold)
    limits = list(made.why)
    if threshold is not None and passes is None and least is not None:
        limits.append(HANGS)
    if made.unknown and made.value is not None:
        limits.append(
            f"{made.unknown:,.0f} cases were not adjudicated or have no group: the interval holds whatever they are."
        )
    if made.deployments == 1 and made.value is not None:
        limits.append("There was one deployment: the interval does not tell how it would be at another.")
    return Finding(
        id=f"{rate}/{by}/{one.group}",
        measure=_WORDS[rate],
        subject="all groups" if one.group == ALL else one.group,
        value=_scaled(made.value, scale),
        low=_scaled(made.low, scale) if made.value is not None else None,
        high=_scaled(made.high, scale) if made.value is not None else None,
        level=level,
        unit=unit,
        threshold=threshold if rate in MEASURES else None,
        passes=passes,
        limits=tuple(limits),
        details=_details(made, by, scale),
    )


def _details(made: Bounded, by: str, scale: float) -> dict[str, Any]:
    return {
        "by": by,
        "events": made.events,
        "cases": made.cases,
        "unknown": made.unknown,
        "least": _scaled(made.least, scale),
        "most": _scaled(made.most, scale),
        "design_effect": made.effect,
        "deployments": made.deployments,
        "tokens": made.tokens,
    }


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else float(value * scale)


def _holds(name: str, least: float | None, most: float | None, threshold: Threshold | None) -> bool | None:
    """Whether both extremes of what is not known keep within the threshold; None where they differ."""
    if name not in MEASURES or threshold is None or least is None or most is None:
        return None
    both = {keeps_within(name, v, threshold) for v in (least, most)}
    return both.pop() if len(both) == 1 else None


def ratio_findings(
    rates: Sequence[GroupRate], by: str, *, level: float, seed: int, thresholds: Thresholds
) -> list[Finding]:
    """The highest rate per face to the lowest, and to the geometric mean, across the groups of a breakdown."""
    held = compared(rates)
    chance = _chance(held, seed) if len(held) > 1 else {}
    made = {
        "false_positive_ratio": (highest_to_lowest(rates, level=level), "highest to lowest FPIR"),
        "false_positive_spread": (highest_to_mean(rates, level=level), "highest FPIR to the geometric mean"),
    }
    return [
        _spread_finding(
            name,
            by,
            rates,
            spread,
            words,
            level=level,
            thresholds=thresholds,
            details=chance if spread else {},
        )
        for name, (spread, words) in made.items()
    ]


def gap_finding(
    rate: str, rates: Sequence[GroupRate], by: str, *, level: float, thresholds: Thresholds
) -> Finding | None:
    """The highest less the lowest rate across the groups of a breakdown; None for rates that have no such measure."""
    if rate not in _GAPS:
        return None
    words = f"highest less lowest {_WORDS[rate]}"
    return _spread_finding(
        _GAPS[rate], by, rates, gap(rates, level=level), words, level=level, thresholds=thresholds, details={}
    )


def _spread_finding(
    name: str,
    by: str,
    rates: Sequence[GroupRate],
    spread: Spread | None,
    words: str,
    *,
    level: float,
    thresholds: Thresholds,
    details: Mapping[str, Any],
) -> Finding:
    held, threshold, (scale, unit) = compared(rates), thresholds.get(name), _SCALE.get(name, (1.0, ""))
    left_out = [one.group for one in rates if one.made.value is None]
    limits = [f"Without {', '.join(left_out)}: too few cases, or not known."] if left_out else []
    if spread is None:
        limits = ["Fewer than two groups have a rate, so that there is nothing to compare.", *limits]
        return Finding(name + f"/{by}/none", words, f"by {by}", None, None, None, level, limits=tuple(limits))
    top, bottom = held[spread.highest].group, held[spread.lowest].group
    passes = keeps_within(name, _scaled(spread.value, scale), threshold)
    if spread.value is None:
        limits.insert(0, f"No false alert on {bottom} was found, so that the ratio has no upper end.")
        beyond = threshold is not None and spread.low is not None and spread.low > threshold.value
        passes = False if beyond else None
    most = details.get("by_chance_most")
    if most is not None and spread.value is not None and spread.value <= most:
        limits.append(
            f"Groups that are treated alike would show up to {most:.3g} by chance, 95 times in 100."
        )
    return Finding(
        id=f"{name}/{by}/{top}",
        measure=words,
        subject=f"{top} to {bottom}" if name.startswith("false_positive") else f"{top} and {bottom}",
        value=_scaled(spread.value, scale),
        low=_scaled(spread.low, scale),
        high=_scaled(spread.high, scale),
        level=level,
        unit=unit,
        threshold=threshold,
        passes=passes,
        limits=tuple(limits),
        details={"by": by, "highest": top, "lowest": bottom, "groups": [g.group for g in held], **details},
    )


def _chance(held: Sequence[GroupRate], seed: int) -> dict[str, Any]:
    """What ratio equal groups would show, at the pooled rate and with as many independent cases."""
    worth = [one.made.cases / one.made.effect for one in held]
    pooled = sum(one.made.events for one in held) / sum(one.made.cases for one in held)
    middle, most = by_chance(worth, pooled, seed=seed)
    finite = {"by_chance_median": middle, "by_chance_most": most}
    return {name: value if value != float("inf") else None for name, value in finite.items()}


def shown(share: float | None) -> str:
    """A share in words: ``"73 %"``, ``"1.5 in 1,000"``, ``"4 in 100,000"``."""
    if share is None:
        return "not known"
    if share == 0:
        return "none"
    if share >= 0.0995:
        return f"{share:.0%}".replace("%", " %")
    if share >= 0.00995:
        return f"{100 * share:.1f} %"
    among = 1000 if share >= 0.0005 else 100_000 if share >= 5e-6 else 1_000_000
    return f"{share * among:.2g} in {among:,}"
