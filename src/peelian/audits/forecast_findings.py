"""Findings of a forecast's audit: between areas, between groups, of the whole city, and beside other rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from peelian.audits.alternatives import METHOD
from peelian.audits.estimates import Estimate
from peelian.audits.finding import Finding, Threshold
from peelian.audits.group_error import GroupErrors
from peelian.audits.many import holm
from peelian.audits.part_errors import QUANTITIES, Contrast, PartErrors
from peelian.audits.rule_table import RuleTable
from peelian.audits.share_deciles import PARTS, Deciles
from peelian.audits.thresholds import keeps_within
from peelian.audits.words import in_words, told

__all__ = ["Judged", "findings_of"]

NAMES = {
    "observed_expected": ("observed_expected_ratio", "reports per expected report, as a ratio"),
    "slope": ("calibration_slope_gap", "difference in calibration slope"),
    "coverage_gap": ("interval_coverage_gap", "difference in interval coverage, less what it should be"),
    "pit_mean": ("pit_gap", "difference in the mean of the probability integral transform"),
    "false_alarm": ("false_alarm_gap", "difference in the share of picked places without a report"),
    "miss": ("miss_gap", "difference in the share of reports outside of the picked places"),
}
"""Of each quantity the measure that compares two parts of the city, and how it is read."""

PROVEN = 0.05
"""Adjusted p-value up to which a comparison stands out."""

CORRECTED = (
    "p-values are adjusted for the number of comparisons between areas and groups: the chance that any stands out at "
    "5 % by chance alone is at most 5 %, however they depend on each other (Holm 1979, A simple sequentially rejective "
    "multiple test procedure, Scandinavian Journal of Statistics 6)."
)


@dataclass(frozen=True, eq=False)
class Judged:
    """All findings, and how many comparisons stand out.

    Parameters
    ----------
    findings : tuple of Finding
        Comparisons first, with the smallest adjusted p-value at the top.
    comparisons : int
        Comparisons between areas and between groups that have a p-value: the family that was corrected for.
    stand_out : int
        Of these, those with an adjusted p-value of 5 % or less.
    """

    findings: tuple[Finding, ...]
    comparisons: int
    stand_out: int


@dataclass(frozen=True, eq=False)
class _Compared:
    """A comparison before its p-value is adjusted."""

    measure: str
    about: str
    subject: str
    contrast: Contrast
    details: dict[str, Any]
    limits: tuple[str, ...] = ()


def findings_of(
    used: GroupErrors,
    table: RuleTable,
    *,
    reference: str,
    small: Sequence[str],
    unplaced: int,
    level: float,
    thresholds: Mapping[str, Threshold],
) -> Judged:
    """Make findings of the errors of the method in use, and of the rules beside it.

    Parameters
    ----------
    used : GroupErrors
    table : RuleTable
    reference : str
        The group that others are compared with.
    small : sequence of str
        Groups with too few residents: each gets a finding without a number.
    unplaced : int
        Reports without a place, which bound what is told of reports and expected ones.
    level : float
    thresholds : mapping of str to Threshold
    """
    compared = [
        one for cut in _unmirrored(used.deciles, reference) for one in _between_areas(used, cut, unplaced)
    ]
    compared += _between_groups(used, reference)
    p = np.array([one.contrast.p for one in compared], dtype=float)
    adjusted = holm(p)
    known = int(np.sum(~np.isnan(p)))
    made = [
        _finding(one, float(q), known, level, thresholds) for one, q in zip(compared, adjusted, strict=True)
    ]
    order = np.argsort(np.where(np.isnan(adjusted), np.inf, adjusted), kind="stable")
    findings = [
        *(made[i] for i in order),
        *(_refused(group, level) for group in small),
        *_whole(used, level, thresholds),
        *_gains(table, level, thresholds),
        *_exposures(table, used, reference, level, thresholds),
    ]
    return Judged(tuple(findings), known, int(np.sum(adjusted <= PROVEN)))


def _unmirrored(cuts: Sequence[Deciles], reference: str) -> list[Deciles]:
    """Without the reference group where there are two: its tenths are the other's in reverse, and say the same."""
    if len(cuts) != 2:
        return list(cuts)
    one, other = cuts
    lived = one.number >= 0
    mirrored = np.array_equal(one.number[lived], PARTS - 1 - other.number[lived])
    return [cut for cut in cuts if not (mirrored and cut.group == reference)]


def _between_areas(used: GroupErrors, cut: Deciles, unplaced: int) -> list[_Compared]:
    """Where most residents belong to a group against where fewest do."""
    parts, slopes = used.by_decile[cut.group], used.slopes.get(cut.group)
    ends = cut.outermost
    group = in_words(cut.group)
    subject = f"where the share of {group} residents is highest against where it is lowest"
    details: dict[str, Any] = {"group": cut.group, "rule": used.rule.name}
    if ends is None:
        nothing = Contrast(Estimate(None, why=(_one_share(group),)), float("nan"), None, (None, None))
        return [_Compared(NAMES[q][0], cut.group, subject, nothing, details) for q in NAMES]
    low, high = ends
    limits = _not_outermost(low, high)
    details |= {
        end: {key: _plain(cut.frame[key].iloc[d]) for key in ("decile", "share_from", "share_to", "cells")}
        for end, d in (("lowest", low), ("highest", high))
    }
    found = []
    for name, (measure, _) in NAMES.items():
        if name == "slope":
            if slopes is None:
                continue
            contrast = slopes.contrast(high, low)
        elif parts.has(QUANTITIES[name]):
            contrast = parts.contrast(QUANTITIES[name], high, low)
        else:
            continue
        own = {**details, "value_highest": contrast.ends[0], "value_lowest": contrast.ends[1]}
        bounded: tuple[str, ...] = ()
        if name == "observed_expected":
            own["if_reports_without_place"] = bounds = _bounds(parts, high, low, unplaced)
            bounded = _bounded(bounds, unplaced)
        found.append(_Compared(measure, cut.group, subject, contrast, own, (*limits, *bounded)))
    return found


def _between_groups(used: GroupErrors, reference: str) -> list[_Compared]:
    """Where the average resident of a group lives against that of the reference group."""
    groups = [cut.group for cut in used.deciles]
    r = groups.index(reference)
    found = []
    for g, group in enumerate(groups):
        if g == r:
            continue
        subject = f"where the average {in_words(group)} and {in_words(reference)} resident lives"
        for name in ("observed_expected", "false_alarm", "miss"):
            contrast = used.by_group.contrast(QUANTITIES[name], g, r)
            details = {
                "group": group,
                "reference": reference,
                "rule": used.rule.name,
                "value_group": contrast.ends[0],
                "value_reference": contrast.ends[1],
            }
            found.append(_Compared(NAMES[name][0], f"residents/{group}", subject, contrast, details))
    return found


def _finding(
    one: _Compared, adjusted: float, family: int, level: float, thresholds: Mapping[str, Threshold]
) -> Finding:
    made, contrast = one.contrast.made, one.contrast
    threshold = thresholds.get(one.measure)
    read = next(words for name, words in NAMES.values() if name == one.measure)
    details = {
        **one.details,
        "p": _plain(contrast.p),
        "p_adjusted": _plain(adjusted),
        "comparisons": family,
        "detectable": contrast.detectable,
    }
    return Finding(
        id=f"{one.measure}/{METHOD}/{one.about}",
        measure=read,
        subject=one.subject,
        value=made.value,
        low=made.low,
        high=made.high,
        level=level,
        threshold=threshold,
        passes=keeps_within(one.measure, made.value, threshold),
        limits=(*made.why, *one.limits, CORRECTED),
        details=details,
    )


def _bounds(parts: PartErrors, high: int, low: int, unplaced: int) -> list[float | None] | None:
    """Lowest and highest ratio that any place of the reports without one could give.

    Horowitz and Manski (1995), Identification and robustness with contaminated and corrupted data, Econometrica 63:
    the worst case on either side, without an assumption on where they came from.
    """
    if not unplaced:
        return None
    seen, expected = ([parts.total(name, d) for d in (high, low)] for name in ("seen", "expected"))
    if min(expected) <= 0:
        return None
    scale = expected[1] / expected[0]
    least = seen[0] / (seen[1] + unplaced) * scale
    most = (seen[0] + unplaced) / seen[1] * scale if seen[1] > 0 else None
    return [least, most]


def _bounded(bounds: list[float | None] | None, unplaced: int) -> tuple[str, ...]:
    """The same in a sentence."""
    if bounds is None:
        return ()
    least, most = bounds
    said = (
        f"Had all {unplaced:,} reports without a place come from the one end or the other, it would be "
        f"{told(least) if least is not None else '0'} or {'without bound' if most is None else told(most)}."
    )
    return (said,)


def _refused(group: str, level: float) -> Finding:
    return Finding(
        id=f"{NAMES['observed_expected'][0]}/{METHOD}/{group}",
        measure=NAMES["observed_expected"][1],
        subject=f"where the share of {in_words(group)} residents is highest against where it is lowest",
        value=None,
        low=None,
        high=None,
        level=level,
        limits=(f"The study area has fewer than 100 {in_words(group)} residents: too few for a number.",),
        details={"group": group, "rule": METHOD},
    )


def _whole(used: GroupErrors, level: float, thresholds: Mapping[str, Threshold]) -> list[Finding]:
    """The whole city: reports over expected ones, slope, coverage and the transform."""
    p, components = used.whole.uniformity(0)
    shown = {"p_uniform": _plain(p), "components": [_plain(c) for c in components]}
    slope = used.slopes[""]
    made = {
        "observed_expected": (
            "reports per expected report",
            used.whole.estimate(QUANTITIES["observed_expected"], 0),
            {},
        ),
        "calibration_slope": ("calibration slope", slope.slope(0), {"intercept": slope.intercept(0)}),
        "interval_coverage": (
            "share of counts in their interval less the share that should be",
            used.whole.estimate(QUANTITIES["coverage_gap"], 0),
            {},
        ),
        "pit_mean": (
            "mean of the probability integral transform less one half",
            _less(used.whole.estimate(QUANTITIES["pit_mean"], 0), 0.5),
            shown,
        ),
    }
    return [
        _told(measure, METHOD, read, "the method in use, whole city", estimate, level, thresholds, details)
        for measure, (read, estimate, details) in made.items()
    ]


def _gains(table: RuleTable, level: float, thresholds: Mapping[str, Threshold]) -> list[Finding]:
    found = []
    for row in table.frame.to_dict("records"):
        name = str(row["rule"])
        if name not in table.gains:
            continue
        contrast = table.gains[name]
        details = {
            "rule": name,
            "p": _plain(contrast.p),
            "p_adjusted": _plain(row["p_adjusted"]),
            "detectable": contrast.detectable,
            "hit_rate_method": contrast.ends[0],
            "hit_rate_rule": contrast.ends[1],
        }
        subject = f"the method in use less {row['title']}"
        read = "share of reports in the picked places"
        found.append(_told("hit_rate_gain", name, read, subject, contrast.made, level, thresholds, details))
    return found


def _exposures(
    table: RuleTable,
    used: GroupErrors,
    reference: str,
    level: float,
    thresholds: Mapping[str, Threshold],
) -> list[Finding]:
    """How often the place of a group's average resident is picked, in proportion to the reference group's."""
    found = []
    groups = [cut.group for cut in used.deciles if cut.group != reference]
    for row in table.frame.to_dict("records"):
        for group in groups:
            if f"ratio/{group}" not in row:
                continue
            value, low, high = (_plain(row[f"ratio/{group}{end}"]) for end in ("", "_low", "_high"))
            why = () if value is not None else (f"No {in_words(reference)} resident's place is picked.",)
            subject = f"{in_words(group)} to {in_words(reference)} residents, {row['title']}"
            details = {"rule": row["rule"], "group": group, "reference": reference}
            found.append(
                _told(
                    "picked_exposure_ratio",
                    f"{row['rule']}/{group}",
                    "share of periods in which the average resident's place is picked, as a ratio",
                    subject,
                    Estimate(value, low, high, why),
                    level,
                    thresholds if row["rule"] == METHOD else {},
                    details,
                )
            )
    return found


def _told(
    measure: str,
    about: str,
    read: str,
    subject: str,
    made: Estimate,
    level: float,
    thresholds: Mapping[str, Threshold],
    details: Mapping[str, Any],
) -> Finding:
    threshold = thresholds.get(measure)
    return Finding(
        id=f"{measure}/{about}",
        measure=read,
        subject=subject,
        value=made.value,
        low=made.low,
        high=made.high,
        level=level,
        threshold=threshold,
        passes=keeps_within(measure, made.value, threshold),
        limits=made.why,
        details=details,
    )


def _less(made: Estimate, much: float) -> Estimate:
    value, low, high = (None if v is None else v - much for v in (made.value, made.low, made.high))
    return Estimate(value, low, high, made.why)


def _one_share(group: str) -> str:
    return f"The share of {group} residents is all but the same everywhere: there is nothing to compare."


def _not_outermost(low: int, high: int) -> tuple[str, ...]:
    """That a tenth is empty, so that the next one that holds a place stands for it."""
    if (low, high) == (0, 9):
        return ()
    said = (
        f"Places of one share stay together and fill more than a tenth: tenths {low + 1} and {high + 1} are compared, "
        "the outermost that hold a place."
    )
    return (said,)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
