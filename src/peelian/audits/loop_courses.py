"""Many courses of the loop: each way of learning, over the range of what is assumed, on the same simulated cities.

Everything that differs between two ways of learning comes from the learning: they go through the same rates and the
same incidents, course by course. What the loop adds is told against the same records without what attending found, so
that neither chance nor change counts as drift.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from peelian.audits.loop_run import Learner, Outcome, follow
from peelian.audits.loop_world import Assumptions, Course, course, rate_prior
from peelian.errors import UsageError

__all__ = ["Courses", "Plan", "Track", "settings_within", "simulate"]

Floats = npt.NDArray[np.float64]
Attend = Literal["first", "drawn"]

UNKNOWN = (0.1, 0.5, 1.0)
"""Shares found by attending that are looked at where nobody has stated one: 1 is the most that there can be."""


@dataclass(frozen=True)
class Plan:
    """What is attended, and for how long the loop goes on.

    Parameters
    ----------
    places : int
        Attended in each period.
    years, per_year : int
        Years of so many periods.
    history : int
        Periods of records before anything was attended.
    half_life : float
        Periods after which a record counts half.
    attend : {'first', 'drawn'}
        See `peelian.audits.loop_run.follow`.
    """

    places: int
    years: int = 5
    per_year: int = 52
    history: int = 104
    half_life: float = 52.0
    attend: Attend = "first"


@dataclass(frozen=True, eq=False)
class Track:
    """What many courses of one way of learning came to under one setting; see `peelian.audits.loop_run.Outcome`.

    Shapes: (runs, years); of `exposure` (runs, years, n_groups).
    """

    misplaced: Floats
    believed: Floats
    true: Floats
    reached: Floats
    exposure: Floats

    @property
    def overstated(self) -> Floats:
        """By how much the records overstate the chosen places' share of all incidents, shape (runs, years)."""
        return self.believed - self.true


@dataclass(frozen=True, eq=False)
class Courses:
    """All courses.

    Parameters
    ----------
    settings : tuple of Assumptions
    learners : tuple of Learner
    tracks : dict
        By a learner's name and the number of a setting.
    without : dict
        By the number of a setting, the same without anything found by attending.
    truth : dict
        By the number of a setting, the share of each group's residents who live in the places that truly are the first,
        shape (runs, years, n_groups).
    """

    settings: tuple[Assumptions, ...]
    learners: tuple[Learner, ...]
    tracks: dict[tuple[str, int], Track]
    without: dict[int, Track]
    truth: dict[int, Floats]

    def drift(self, learner: str, setting: int) -> Floats:
        """Share of the chosen places that the loop draws away from the true ones, shape (runs, years).

        Under 0 where what was found helped to see which places truly are the first.
        """
        return self.tracks[learner, setting].misplaced - self.without[setting].misplaced

    def overstatement(self, learner: str, setting: int) -> Floats:
        """How much more records overstate the chosen places' share than without the loop, shape (runs, years)."""
        return self.tracks[learner, setting].overstated - self.without[setting].overstated


def settings_within(
    *, discovery: float | None, reported: float, mislabelled: float, moved: float
) -> tuple[Assumptions, ...]:
    """Settings over the range of what is assumed.

    Parameters
    ----------
    discovery : float or None
        The most that is found by attending; None if nobody has stated it.
    reported : float
        The least share that residents report; with less, more is left to be found.
    mislabelled, moved : float
        The most.
    """
    found = UNKNOWN if discovery is None else tuple(sorted({0.0, discovery / 2, discovery}))
    return tuple(Assumptions(d, reported, mislabelled, m) for m in sorted({0.0, moved}) for d in found)


def simulate(
    reports: Floats,
    *,
    periods: float,
    plan: Plan,
    settings: Sequence[Assumptions],
    learners: Sequence[Learner],
    groups: Floats,
    runs: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Courses:
    """Let every way of learning go through every setting.

    Parameters
    ----------
    reports : array of float, shape (n_cells,)
        Incidents that residents reported in each place.
    periods : float
        In so many periods.
    plan : Plan
    settings : sequence of Assumptions
    learners : sequence of Learner
    groups : array of float, shape (n_cells, n_groups)
        Each group's residents as shares of the group.
    runs : int
        Courses of each setting.
    progress : callable, optional
        Called with how many courses are done, of how many.

    Returns
    -------
    Courses

    Raises
    ------
    UsageError
        The plan doesn't fit the places.
    DataError, NotEnoughDataError
        See `peelian.audits.loop_world.rate_prior`.
    """
    prior = rate_prior(reports, periods=periods)
    _check(plan, reports.size, runs)
    most = max(one.ratio for one in settings)
    kept: dict[tuple[str, int], list[Outcome]] = {}
    truths: dict[int, list[Floats]] = {}
    by_moved = {moved: [i for i, s in enumerate(settings) if s.moved == moved] for moved in _moved(settings)}
    for run in range(runs):
        for turn, (moved, numbers) in enumerate(by_moved.items()):
            rng = np.random.default_rng([seed, run, turn])
            one = course(
                reports,
                prior,
                periods=periods,
                years=plan.years,
                per_year=plan.per_year,
                history=plan.history,
                places=plan.places,
                most=most,
                moved=moved,
                rng=rng,
            )
            luck = rng.random((one.edges.size - 1, 2 * plan.places))
            truth = one.first.astype(np.float64) @ groups
            for key, outcome in _each(one, [(i, settings[i]) for i in numbers], learners, groups, plan, luck):
                kept.setdefault(key, []).append(outcome)
            for i in numbers:
                truths.setdefault(i, []).append(truth)
        if progress is not None:
            progress(run + 1, runs)
    tracks = {key: _track(outcomes) for key, outcomes in kept.items()}
    return Courses(
        tuple(settings),
        tuple(learners),
        {key: track for key, track in tracks.items() if key[0]},
        {key[1]: track for key, track in tracks.items() if not key[0]},
        {i: np.stack(found) for i, found in truths.items()},
    )


def _moved(settings: Sequence[Assumptions]) -> list[float]:
    return sorted({one.moved for one in settings})


def _each(
    one: Course,
    settings: Sequence[tuple[int, Assumptions]],
    learners: Sequence[Learner],
    groups: Floats,
    plan: Plan,
    luck: Floats,
) -> list[tuple[tuple[str, int], Outcome]]:
    """Every way of learning in one course; without a name, what the records say without the loop."""

    def went(learner: Learner, assumed: Assumptions | float) -> Outcome:
        return follow(
            one,
            learner,
            assumed,
            groups=groups,
            per_year=plan.per_year,
            places=plan.places,
            half_life=plan.half_life,
            luck=luck,
            start=1.0 if plan.attend == "drawn" else 0.0,
            attend=plan.attend,
        )

    alone = went(Learner("naive"), 0.0)
    found: list[tuple[tuple[str, int], Outcome]] = []
    for i, assumed in settings:
        found.append((("", i), alone))
        for learner in learners:
            same = assumed.ratio == 0 and learner.name in ("naive", "reported")
            found.append(((learner.name, i), alone if same else went(learner, assumed)))
    return found


def _track(outcomes: Sequence[Outcome]) -> Track:
    names = ("misplaced", "believed", "true", "reached", "exposure")
    return Track(**{name: np.stack([getattr(one, name) for one in outcomes]) for name in names})


def _check(plan: Plan, cells: int, runs: int) -> None:
    if not 1 <= plan.places < cells:
        msg = f"{plan.places} places of {cells} are attended; expected at least 1, and fewer than all"
        raise UsageError(msg, hint="attend 1 to 5 % of the places")
    if plan.years < 1 or plan.per_year < 1 or plan.history < 1 or runs < 1:
        msg = (
            f"{runs} courses of {plan.years} years of {plan.per_year} periods after {plan.history} were asked for; "
            "expected at least 1 of each"
        )
        raise UsageError(msg)
