"""What simulated courses of a loop come to: findings, and the tables behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.certificate import quantile_bound
from peelian.audits.finding import Finding, Threshold
from peelian.audits.loop_courses import Courses
from peelian.audits.loop_run import LEARNERS
from peelian.audits.loop_world import Assumptions
from peelian.audits.thresholds import keeps_within

__all__ = ["drift_finding", "overstatement_finding", "worst_settings", "yearly_frame"]

Floats = npt.NDArray[np.float64]

OFTEN = 0.95
"""A bound is of what so many courses stay under."""

HELD = "A threshold is held against the upper end, not the value."
COURSES = (
    "The value is what 95 of 100 simulated courses stay under in their worst year, under the worst of the settings. "
    "The interval tells how sure the simulation is of that, and nothing about whether the assumptions hold."
)


def worst_settings(courses: Courses, learner: str, *, level: float) -> dict[str, int]:
    """The numbers of the settings under which the chosen places drift most, and the records overstate most."""
    n = range(len(courses.settings))
    return {
        "drift": _worst([courses.drift(learner, i) for i in n], level),
        "overstatement": _worst([courses.overstatement(learner, i) for i in n], level),
    }


def _worst(values: Sequence[Floats], level: float) -> int:
    """The first of those whose upper end, or without one whose value, is the highest."""
    bounds = [quantile_bound(one.max(axis=1), quantile=OFTEN, level=level) for one in values]
    tops = [(b.value if b.high is None else b.high, b.value) for b in bounds]
    return max(range(len(tops)), key=lambda i: (tops[i], -i))


def drift_finding(
    courses: Courses, learner: str, setting: int, years: int, level: float, held: Mapping[str, Threshold]
) -> Finding:
    """How many of the chosen places the loop draws away from the true ones, at the most."""
    return _finding(
        "loop_drift",
        "share of the chosen places drawn away from the true ones by the loop, at most",
        courses.drift(learner, setting),
        learner,
        courses.settings[setting],
        years,
        level,
        held,
    )


def overstatement_finding(
    courses: Courses, learner: str, setting: int, years: int, level: float, held: Mapping[str, Threshold]
) -> Finding:
    """By how much the loop lets records overstate the chosen places' share of all incidents, at the most."""
    return _finding(
        "loop_overstatement",
        "share of all incidents by which the loop lets records overstate the chosen places' part, at most",
        courses.overstatement(learner, setting),
        learner,
        courses.settings[setting],
        years,
        level,
        held,
    )


def _finding(
    name: str,
    measure: str,
    values: Floats,
    learner: str,
    assumed: Assumptions,
    years: int,
    level: float,
    held: Mapping[str, Threshold],
) -> Finding:
    bound = quantile_bound(values.max(axis=1), quantile=OFTEN, level=level)
    threshold = held.get(name)
    span = "1 year" if years == 1 else f"{years} years"
    few = () if bound.high is not None else (f"{len(values)} courses are too few for an upper end.",)
    return Finding(
        id=f"{name}/{learner}",
        measure=measure,
        subject=f"{LEARNERS[learner]}, over {span}",
        value=bound.value,
        low=bound.low,
        high=bound.high,
        level=level,
        threshold=threshold,
        passes=keeps_within(name, bound.high, threshold),
        limits=(*few, COURSES, *((HELD,) if threshold is not None else ())),
        details={
            "learner": learner,
            "courses": len(values),
            "mean_in_last_year": float(values[:, -1].mean()),
            **{f"assumed_{key}": value for key, value in assumed.to_dict().items()},
        },
    )


def _interval(values: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    """Mean over courses, and between what the middle of them lies; by column."""
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    return values.mean(axis=0), low, high


def yearly_frame(courses: Courses, level: float) -> pd.DataFrame:
    """One row a way of learning, setting and year, see `peelian.audits.loop.LoopAudit`."""
    parts = []
    for i, assumed in enumerate(courses.settings):
        for name in ("without", *(learner.name for learner in courses.learners)):
            alone = courses.without[i]
            track = alone if name == "without" else courses.tracks[name, i]
            columns: dict[str, Any] = {"learner": name, "setting": i, **assumed.to_dict()}
            columns["year"] = np.arange(1, track.misplaced.shape[1] + 1)
            for what, values in (
                ("misplaced", track.misplaced),
                ("drift", track.misplaced - alone.misplaced),
                ("believed", track.believed),
                ("true", track.true),
                ("overstatement", track.overstated - alone.overstated),
                ("reached", track.reached),
            ):
                mean, low, high = _interval(values, level)
                columns |= {what: mean, f"{what}_low": low, f"{what}_high": high}
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)
