"""What can be held against a threshold: each measure with its meaning and in which way a threshold bounds it.

The threshold itself is set by a body before the result is seen (`peelian.audits.finding.Threshold`). Here stands only
what the number means, so that everyone who sets or reads one means the same by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from peelian.audits.finding import Threshold
from peelian.errors import UsageError

__all__ = ["MEASURES", "Measure", "check_threshold", "keeps_within"]

Kind = Literal["ratio", "most", "least", "difference"]


@dataclass(frozen=True)
class Measure:
    """A number that a body can set a threshold for.

    Parameters
    ----------
    audit : str
        Of which audit: ``plan``, ``forecast``, ``loop``, ``stops``, ``facematch`` or ``data``.
    meaning : str
        What is measured, in words, and the unit where there is one.
    kind : str
        How a threshold t bounds a value v: ``ratio`` 1/t <= v <= t, so that both groups are treated alike;
        ``difference`` -t <= v <= t; ``most`` v <= t; ``least`` v >= t.
    """

    audit: str
    meaning: str
    kind: Kind


MEASURES: dict[str, Measure] = {
    "exposure_ratio": Measure(
        "plan",
        "mean hours (or counts) per resident of a group, in proportion to the reference group's",
        "ratio",
    ),
    "top_share": Measure("plan", "share of the hours (or counts) in the 5 % of units with the most", "most"),
    "gini": Measure(
        "plan", "Gini coefficient of the hours (or counts) over units, 0 even to 1 all in one", "most"
    ),
    "place_overlap": Measure(
        "plan",
        "share of places that both plans chose, of those that either did, from one to the next",
        "most",
    ),
    "reporting_margin": Measure(
        "plan",
        "factor between both groups' reporting at which the interval of a ratio would hold 1",
        "least",
    ),
    "need_ratio": Measure(
        "plan",
        "hours in proportion to reports where a group lives, in proportion to the reference group's",
        "ratio",
    ),
    "benefit_ratio": Measure(
        "plan",
        "expected reports in attended places where a group lives, per resident, in proportion to the reference group's",
        "ratio",
    ),
    "burden_per_benefit": Measure(
        "plan",
        "hours for each expected report covered where a group lives, in proportion to the reference group's",
        "ratio",
    ),
    "false_findings": Measure(
        "plan",
        "share of attributes that can't matter which the interval would call a finding",
        "most",
    ),
    "smallest_shown": Measure(
        "plan",
        "smallest ratio that would have been found 80 times in 100",
        "most",
    ),
    "grid_range": Measure(
        "plan",
        "largest over smallest exposure ratio over cell sizes and origins",
        "most",
    ),
    "stop_rate_ratio": Measure(
        "stops",
        "stops of a group for what they are counted against, in proportion to the reference group's",
        "ratio",
    ),
    "search_rate_ratio": Measure(
        "stops",
        "share of a group's stops with a search, in proportion to the reference group's",
        "ratio",
    ),
    "hit_rate_gap": Measure(
        "stops",
        "share of searches that found something, less the reference group's",
        "difference",
    ),
    "darkness_odds_ratio": Measure(
        "stops",
        "odds after dark, in proportion to daylight at the same clock time, that a stop is of the group",
        "ratio",
    ),
    "search_threshold_gap": Measure(
        "stops",
        "inferred threshold at which a group is searched, less the reference group's",
        "difference",
    ),
    "missing_group": Measure("stops", "share of stops of which no group was recorded", "most"),
    "loop_drift": Measure(
        "loop",
        "share of the chosen places that learning from what was found by attending draws away from the true ones",
        "most",
    ),
    "loop_overstatement": Measure(
        "loop",
        "share of all incidents by which records overstate the chosen places' part, because of attending them",
        "most",
    ),
    "loop_group_change": Measure(
        "loop",
        "ratio of groups' exposure to the chosen places, in proportion to the same ratio without the loop",
        "ratio",
    ),
    "observed_expected_ratio": Measure(
        "forecast",
        "reports per expected report where most residents belong to a group (or where its average resident lives), in "
        "proportion to where fewest do (or to the reference group's)",
        "ratio",
    ),
    "observed_expected": Measure("forecast", "reports per expected report in the whole city", "ratio"),
    "calibration_slope": Measure(
        "forecast", "slope of the logarithm of reports on that of expected ones, in the whole city", "ratio"
    ),
    "calibration_slope_gap": Measure(
        "forecast",
        "calibration slope where most residents belong to a group less where fewest do",
        "difference",
    ),
    "interval_coverage": Measure(
        "forecast",
        "share of counts in their interval less the share that should be, in the whole city",
        "difference",
    ),
    "interval_coverage_gap": Measure(
        "forecast", "the same where most residents belong to a group less where fewest do", "difference"
    ),
    "pit_mean": Measure(
        "forecast",
        "mean of the probability integral transform less one half, in the whole city",
        "difference",
    ),
    "pit_gap": Measure(
        "forecast",
        "mean of the transform where most residents belong to a group less where fewest do",
        "difference",
    ),
    "false_alarm_gap": Measure(
        "forecast",
        "share of picked places without a report where most residents belong to a group (or where its average resident "
        "lives) less where fewest do (or the reference group's)",
        "difference",
    ),
    "miss_gap": Measure(
        "forecast",
        "share of reports outside of the picked places where most residents belong to a group (or where its average "
        "resident lives) less where fewest do (or the reference group's)",
        "difference",
    ),
    "hit_rate_gain": Measure(
        "forecast",
        "share of reports in the picked places under the method less that under another rule",
        "least",
    ),
    "picked_exposure_ratio": Measure(
        "forecast",
        "share of periods in which the place of a group's average resident is picked, in proportion to the reference "
        "group's",
        "ratio",
    ),
    "false_positive_rate": Measure("facematch", "false alerts per 1,000 faces seen (FPIR)", "most"),
    "false_alert_share": Measure("facematch", "false alerts per alert", "most"),
    "false_positive_ratio": Measure(
        "facematch",
        "highest to lowest rate of false alerts per face seen (or false matches) across groups",
        "most",
    ),
    "false_positive_spread": Measure(
        "facematch",
        "highest rate of false alerts per face seen (or false matches) to the geometric mean of all groups",
        "most",
    ),
    "false_alert_gap": Measure(
        "facematch", "highest less lowest share of alerts that are false, across groups", "most"
    ),
    "false_negative_rate": Measure(
        "facematch", "share of passages of seeded volunteers that set off no right alert (FNIR)", "most"
    ),
    "false_negative_gap": Measure("facematch", "highest less lowest FNIR across groups", "most"),
    "failure_to_acquire": Measure(
        "facematch", "faces seen of which no template could be made, per 1,000", "most"
    ),
    "failure_to_acquire_gap": Measure(
        "facematch", "highest less lowest failure to acquire across groups, per 1,000 faces seen", "most"
    ),
    "override_rate": Measure("facematch", "share of false alerts that a reviewer turned down", "least"),
    "override_gap": Measure(
        "facematch", "highest less lowest share of alerts that reviewers turned down, across groups", "most"
    ),
    "reviewer_agreement": Measure(
        "facematch", "Gwet's AC1 of two reviewers who decided apart from each other", "least"
    ),
    "unbacked_share": Measure(
        "facematch",
        "share of stops, searches and arrests after an alert that nothing independent backed",
        "most",
    ),
    "officer_share": Measure("data", "share of records that come from officers' own activity", "most"),
    "officer_gap": Measure(
        "data",
        "share of officer-initiated records where a group lives, less that where the reference group lives",
        "difference",
    ),
    "coding_shift": Measure("data", "largest step of a category's share in all records", "most"),
    "delay_gap": Measure(
        "data",
        "share of late records where a group lives, less that where the reference group lives",
        "difference",
    ),
    "missing_share": Measure("data", "share of rows without a usable place", "most"),
    "missing_gap": Measure(
        "data",
        "share of records without an hour where a group lives, less that where the reference group lives",
        "difference",
    ),
    "smallest_cluster": Measure(
        "data",
        "fewest planted records a week, for 8 weeks in one cell, that are found in 80 % of places",
        "most",
    ),
    "unfound_push": Measure(
        "data",
        "share of random places in which planted records change what is picked without being found",
        "most",
    ),
}
"""Every measure by its name, which is also the first part of its findings' ids."""


def measure_of(name: str) -> Measure:
    """The measure of that name.

    Raises
    ------
    UsageError
        There is none.
    """
    if name not in MEASURES:
        msg = f"{name!r} was given as a measure; expected one of {', '.join(sorted(MEASURES))}"
        raise UsageError(msg, hint="peelian audit thresholds")
    return MEASURES[name]


def check_threshold(name: str, value: float) -> None:
    """Raise UsageError unless a threshold of that value can bound that measure."""
    kind = measure_of(name).kind
    if not math.isfinite(value):
        msg = f"a threshold of {value} was given for {name}; expected a finite number"
        raise UsageError(msg, hint="peelian audit threshold --lift ends a threshold")
    if kind == "ratio" and value < 1:
        msg = f"a threshold of {value:g} was given for {name}, a ratio; expected at least 1"
        raise UsageError(
            msg, hint="1.25 allows a group a quarter more than another, whichever of the two it is"
        )
    if kind != "ratio" and value < 0:
        msg = f"a threshold of {value:g} was given for {name}; expected at least 0"
        raise UsageError(msg, hint="a difference is bounded on both sides: 0.05 allows -0.05 to 0.05")


def keeps_within(name: str, value: float | None, threshold: Threshold | None) -> bool | None:
    """Whether a value keeps within a threshold; None without a value or a threshold."""
    if value is None or threshold is None:
        return None
    bound = threshold.value
    kind = measure_of(name).kind
    if kind == "ratio":
        return 1 / bound <= value <= bound
    if kind == "difference":
        return abs(value) <= bound
    return value <= bound if kind == "most" else value >= bound
