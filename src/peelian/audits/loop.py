"""Audit of the loop: where learning from what was found by attending would lead, in the end.

A place that is attended has more recorded, as somebody is there to record it. A method that learns from that attends
the place again. How far that leads is not in the records: it would take a city without attendance beside the one that
is. So it is simulated on the workspace's own places, for years, with what is assumed said and varied: how much is found
by attending (`peelian.audits.loop_world.Assumptions`), and how the method learns (`peelian.audits.loop_run.LEARNERS`).

Two things are told, each beside the same courses without anything found by attending, so that chance and change don't
count: the share of the chosen places that the loop draws away from those that truly are the first (the total variation
distance of the two choices), and by how much more the records overstate the chosen places' share of all incidents.

References
----------
Lum and Isaac (2016), To predict and serve?, Significance 13(5). Ensign et al. (2018), see `peelian.audits.urn`. Clayton
and Kaldor (1987) and Wilks (1941), see `peelian.audits.loop_world` and `peelian.audits.certificate`. That a bound over
a range of settings is the largest of their bounds, at the same level: Berger (1982), Multiparameter hypothesis testing
and acceptance sampling, Technometrics 24.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.base import ECOLOGICAL, Audit, plain_rows
from peelian.audits.certificate import Certificate, certify, percent
from peelian.audits.finding import Finding, Threshold
from peelian.audits.loop_courses import Attend, Courses, Plan, settings_within, simulate
from peelian.audits.loop_findings import drift_finding, overstatement_finding, worst_settings, yearly_frame
from peelian.audits.loop_groups import (
    Residents,
    group_findings,
    group_frame,
    group_sentence,
    residents_by_group,
)
from peelian.audits.loop_run import LEARNERS, learners
from peelian.audits.loop_world import Assumptions
from peelian.errors import UsageError

__all__ = ["LIMITS", "LoopAudit", "loop_audit"]

Floats = npt.NDArray[np.float64]

MOSTLY_CHANCE = 0.5
"""Where more of the chosen places than that are wrong without any loop, that a loop adds little certifies nothing."""

LIMITS = (
    "It is a simulation: it tells where the stated assumptions lead, and not what has happened or will.",
    (
        "Nothing in the records tells how much is found because somebody was there. That is assumed, and so is that "
        "residents report the same share everywhere; where they report less, more is left to be found by attending."
    ),
    (
        "The true rates are those of what residents report. If some areas report less, the places that truly are the "
        "first are others than here."
    ),
    (
        "Attending is taken to change what is recorded, and not what happens, nor whether residents report it. That "
        "presence deters, moves incidents elsewhere or changes trust is not part of it."
    ),
    (
        "Of each range of assumptions its ends and the middle are tried, not all between. The drift is taken to be the "
        "largest at one of these."
    ),
    "The forecast is counting with older records weighing less. Other methods can drift more or less.",
    "After the years told it can go on: a bound holds for as long as it says.",
)
"""What no simulation of a loop can tell, whatever it shows."""


@dataclass(frozen=True, eq=False)
class LoopAudit(Audit):
    """What `loop_audit` found.

    Parameters
    ----------
    certificate : Certificate
    learner : str
        The way of learning that was audited.
    settings : tuple of Assumptions
    plan : Plan
    cells : int
    incidents : int
        Reports that the true rates were learned from.
    runs, seed : int
    level : float
    found : tuple of Finding
    yearly : pandas.DataFrame
        One row a way of learning, setting and year: ``learner``, ``setting``, ``discovery``, ``reported``,
        ``mislabelled``, ``moved``, ``ratio``, ``year``, and of ``misplaced``, ``drift``, ``believed``, ``true``,
        ``overstatement`` and ``reached`` the mean over courses with ``_low`` and ``_high``, between which the middle
        95 of 100 courses lie (at a level of 0.95). Without a loop, ``learner`` is ``without``.
    groups : pandas.DataFrame
        One row a way of learning (with ``truth`` and ``without``) and group, in the last year under the far end of all
        assumptions: ``exposure``, the share of the group's residents who live in the chosen places, and ``ratio`` to
        the reference group's, with their ends; NaN where there is no number. Empty without residents.
    worst : dict
        For ``drift`` and ``overstatement``, by way of learning the number of the setting under which it is the largest.
    said : tuple of str
        See `sentences`.
    """

    certificate: Certificate
    learner: str
    settings: tuple[Assumptions, ...]
    plan: Plan
    cells: int
    incidents: int
    runs: int
    seed: int
    level: float
    found: tuple[Finding, ...]
    yearly: pd.DataFrame
    groups: pd.DataFrame
    worst: Mapping[str, Mapping[str, int]]
    said: tuple[str, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of the way of learning that was audited, of its groups, and then of the others."""
        return self.found

    @property
    def limits(self) -> tuple[str, ...]:
        """What a simulation can't tell."""
        return LIMITS if self.groups.empty else (*LIMITS, ECOLOGICAL)

    @property
    def frame(self) -> pd.DataFrame:
        """Year by year, see `yearly`."""
        return self.yearly

    def sentences(self) -> list[str]:
        """The certificate or why there is none, what chance alone does, and how other ways of learning compare."""
        return list(self.said)

    def at_worst(self) -> pd.DataFrame:
        """Of `yearly`, each way of learning under the settings that are the worst for it, and under the far end."""
        wanted = {(name, i) for found in self.worst.values() for name, i in found.items()}
        far = len(self.settings) - 1
        wanted |= {(name, far) for name in ("without", *self.worst["drift"])}
        keys = zip(self.yearly["learner"], self.yearly["setting"], strict=True)
        return self.yearly[[key in wanted for key in keys]]

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            **super().to_dict(),
            "certificate": self.certificate.to_dict(),
            "learner": self.learner,
            "learners": {name: LEARNERS[name] for name in self.worst["drift"]},
            "settings": [one.to_dict() for one in self.settings],
            "worst": {what: dict(found) for what, found in self.worst.items()},
            "plan": vars(self.plan) | {"half_life": float(self.plan.half_life)},
            "cells": self.cells,
            "incidents": self.incidents,
            "runs": self.runs,
            "seed": self.seed,
            "level": self.level,
            "yearly": plain_rows(self.at_worst()),
            "groups": plain_rows(self.groups),
        }


def loop_audit(
    reports: npt.ArrayLike,
    *,
    periods: float,
    places: int,
    discovery: float | None = None,
    reported: float = 0.5,
    mislabelled: float = 0.1,
    moved: float = 0.05,
    learner: str = "reported",
    years: int = 5,
    per_year: int = 52,
    half_life: float | None = None,
    explore: float = 0.1,
    holdout: float = 0.1,
    attend: Attend = "first",
    population: pd.DataFrame | None = None,
    reference: str = "",
    runs: int = 200,
    level: float = 0.95,
    thresholds: Mapping[str, Threshold] | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> LoopAudit:
    """Simulate the loop between attending places and learning from what is recorded there.

    Parameters
    ----------
    reports : array of float, shape (n_cells,)
        Incidents that residents reported in each place, without officers' own activity.
    periods : float
        In so many periods (weeks).
    places : int
        How many are attended in each period.
    discovery : float, optional
        Of the incidents that residents don't report, the most that is recorded because somebody was there, in attended
        places, 0 to 1. Nobody can learn it from the records; without it there is no certificate.
    reported : float
        The least share of incidents that residents report.
    mislabelled : float
        The most of what was found by attending that is recorded as if residents had reported it, 0 to 1.
    moved : float
        The most places that trade their rate with another in a year, as a share.
    learner : str
        The way of learning that is audited, of `LEARNERS`; the others are told beside it.
    years, per_year : int
        How long, and periods in a year.
    half_life : float, optional
        Periods after which a record counts half; a year when not given. Records before are of two years.
    explore, holdout : float
        Share of visits that goes to random places, and of chosen places left unattended, where that is the way.
    attend : {'first', 'drawn'}
        The places with the most by the records; or drawn with chances in proportion to it, as in the urn, for which
        ``explore`` and ``holdout`` are left out.
    population : pandas.DataFrame, shape (n_cells, n_groups), optional
        Residents of each cell by group.
    reference : str
        The group that others are compared with.
    runs : int
        Courses of each setting.
    level : float
        Of the intervals.
    thresholds : mapping of str to Threshold, optional
        For ``loop_drift``, ``loop_overstatement`` and ``loop_group_change``. The audited way of learning is held
        against them by the upper ends of its findings, as a certificate is of the most that can come.
    seed : int
    progress : callable, optional
        Called with how many courses are done, of how many.

    Returns
    -------
    LoopAudit

    Raises
    ------
    UsageError
        A setting is off.
    DataError
        Reports or residents are negative or unknown.
    NotEnoughDataError
        There are no reports, or fewer than two places; or the reference group has fewer than 100 residents.
    """
    if not 0 < level < 1:
        msg = f"a level of {level} was given; expected a share between 0 and 1"
        raise UsageError(msg)
    plan = Plan(
        places, years, per_year, 2 * per_year, float(per_year if half_life is None else half_life), attend
    )
    n = np.asarray(reports, dtype=np.float64)
    settings = settings_within(discovery=discovery, reported=reported, mislabelled=mislabelled, moved=moved)
    ways = learners(believed=max(s.ratio for s in settings) / 2, explore=explore, holdout=holdout)
    if attend == "drawn":
        ways = tuple(way for way in ways if way.name not in ("explore", "holdout"))
    if learner not in {way.name for way in ways}:
        msg = f"{learner!r} was given as the way of learning; expected one of {', '.join(way.name for way in ways)}"
        raise UsageError(msg)
    residents = residents_by_group(population, reference, cells=n.size)
    courses = simulate(
        n,
        periods=periods,
        plan=plan,
        settings=settings,
        learners=ways,
        groups=residents.shares,
        runs=runs,
        seed=seed,
        progress=progress,
    )
    return _told(
        courses,
        plan=plan,
        learner=learner,
        residents=residents,
        discovery=discovery,
        held=thresholds or {},
        cells=n.size,
        incidents=int(n.sum()),
        runs=runs,
        level=level,
        seed=seed,
    )


def _told(
    courses: Courses,
    *,
    plan: Plan,
    learner: str,
    residents: Residents,
    discovery: float | None,
    held: Mapping[str, Threshold],
    cells: int,
    incidents: int,
    runs: int,
    level: float,
    seed: int,
) -> LoopAudit:
    """What the courses come to. What was audited is held against thresholds; the others stand beside it."""
    ordered = [learner, *(way.name for way in courses.learners if way.name != learner)]
    at = {name: worst_settings(courses, name, level=level) for name in ordered}
    drifts, over = (
        {
            name: finding(courses, name, at[name][what], plan.years, level, held if name == learner else {})
            for name in ordered
        }
        for what, finding in (("drift", drift_finding), ("overstatement", overstatement_finding))
    )
    by_group = group_findings(courses, learner, residents, level, held)
    settings = courses.settings
    certificate = certify(
        drifts[learner],
        over[learner],
        learner=learner,
        what=LEARNERS[learner],
        years=plan.years,
        assumptions=_assumptions(settings, plan, discovery, runs, level),
        unknown=_unknown(courses, drifts[learner], discovery),
        courses=runs,
        settings=len(settings),
    )
    beside = (found[name] for name in ordered[1:] for found in (drifts, over))
    return LoopAudit(
        certificate=certificate,
        learner=learner,
        settings=settings,
        plan=plan,
        cells=cells,
        incidents=incidents,
        runs=runs,
        seed=seed,
        level=level,
        found=(drifts[learner], over[learner], *by_group, *beside),
        yearly=yearly_frame(courses, level),
        groups=group_frame(courses, len(settings) - 1, residents, level),
        worst={what: {name: at[name][what] for name in ordered} for what in ("drift", "overstatement")},
        said=_sentences(certificate, courses, drifts, over, by_group, level),
    )


def _assumptions(
    settings: tuple[Assumptions, ...], plan: Plan, discovery: float | None, runs: int, level: float
) -> tuple[str, ...]:
    far = settings[-1]
    found = (
        "Nobody has stated how much is found by attending; shares of "
        f"{', '.join(percent(s.discovery) for s in settings if s.moved == far.moved)} were looked at."
        if discovery is None
        else f"Of the incidents that residents don't report, at most {percent(discovery)} is recorded because somebody "
        "was there, in attended places."
    )
    n = plan.places
    how = {
        "first": f"The {n} {'place' if n == 1 else 'places'} with the most by the records {'is' if n == 1 else 'are'} "
        "attended, each period anew.",
        "drawn": f"{n} {'place is' if n == 1 else 'places are'} drawn each period, with chances in proportion to the "
        "records.",
    }
    return (
        found,
        f"Residents report at least {percent(far.reported)} of all incidents, the same share everywhere.",
        f"Of what was found by attending, at most {percent(far.mislabelled)} is recorded as if residents reported it.",
        f"At most {percent(far.moved)} of the places trade their true rate with another each year.",
        how[plan.attend],
        f"The forecast counts records, with a half-life of {plan.half_life:g} periods; {plan.per_year} are a year.",
        "Attending changes what is recorded, and not what happens.",
        (
            f"The bound is the upper end, at a level of {percent(level)}, of what 95 of 100 courses stay under in "
            f"their worst year; {runs} courses of each of {len(settings)} settings, of which the worst counts."
        ),
    )


def _unknown(courses: Courses, drift: Finding, discovery: float | None) -> list[str]:
    """What stands against a certificate whatever its bound: sentences, the first the most important."""
    said = []
    if discovery is None:
        bound = ""
        if drift.high is not None:
            bound = (
                f" Even if all of it were, the loop would draw at most {percent(max(drift.high, 0.0))} of the chosen "
                "places away from the true ones in 95 of 100 simulated courses, as long as residents report "
                f"{percent(courses.settings[-1].reported)} of incidents or more."
            )
        said.append(
            "Nobody has stated how much of what residents don't report is recorded because somebody was there, and "
            f"the records can't tell.{bound}"
        )
    alone = _alone(courses)
    if alone.mean() > MOSTLY_CHANCE:
        said.append(
            f"Too few reports tell the places apart: without any loop, {percent(float(alone.mean()))} of the chosen "
            "ones are not truly among the first, and there is little that a loop could draw them away from."
        )
    return said


def _alone(courses: Courses) -> Floats:
    """Of each course the share of chosen places not truly among the first without a loop, in the last year."""
    return courses.without[len(courses.settings) - 1].misplaced[:, -1]


def _sentences(
    certificate: Certificate,
    courses: Courses,
    drifts: Mapping[str, Finding],
    over: Mapping[str, Finding],
    by_group: tuple[Finding, ...],
    level: float,
) -> tuple[str, ...]:
    name = certificate.learner
    alone = _alone(courses)
    tail = (1 - level) / 2
    low, high = np.quantile(alone, [tail, 1 - tail])
    said = [
        certificate.sentence(),
        (
            f"Without any loop, {percent(float(alone.mean()))} of the chosen places are not truly among the first, by "
            f"chance and because places change ({percent(level)} of courses: {percent(float(low))} to "
            f"{percent(float(high))}). Only what the loop adds to that is called drift."
        ),
    ]
    others = [
        f"{LEARNERS[other]} {percent(max(finding.high, 0.0))} and {percent(max(over[other].high or 0.0, 0.0))}"
        for other, finding in drifts.items()
        if other != name and finding.high is not None
    ]
    if others:
        said.append(
            "Other ways of learning, by the same bounds (of the chosen places drawn away, and of all incidents "
            f"overstated): {'; '.join(others)}."
        )
    told = [one for one in by_group if one.value is not None]
    if told:
        far = max(told, key=lambda one: abs(np.log(max(one.value or 0.0, 1e-9))))
        said.append(group_sentence(far))
    return tuple(said)
