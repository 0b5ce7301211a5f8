"""Where a loop leads for each group of residents: who lives in the chosen places, with the loop and without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.estimates import Estimate, divide, estimate
from peelian.audits.exposure_inputs import FEWEST_RESIDENTS
from peelian.audits.finding import Finding, Threshold
from peelian.audits.loop_courses import Courses
from peelian.audits.loop_run import LEARNERS
from peelian.audits.thresholds import keeps_within
from peelian.audits.words import in_words
from peelian.errors import DataError, NotEnoughDataError, UsageError

__all__ = ["Residents", "group_findings", "group_frame", "group_sentence", "residents_by_group"]

Floats = npt.NDArray[np.float64]

GROUP_LIMIT = (
    "The change is in the share of a group's residents who live in the chosen places. It tells neither what is done "
    "there, nor how it is received."
)
ENDS = "A threshold is held against both ends, not the value."


@dataclass(frozen=True, eq=False)
class Residents:
    """Residents of each cell by group.

    Parameters
    ----------
    names : tuple of str
        The groups; empty where no residents are known.
    shares : array of float, shape (n_cells, n_groups)
        Each group's residents as shares of the group.
    totals : array of float, shape (n_groups,)
    reference : int
        The group that the others are compared with.
    """

    names: tuple[str, ...]
    shares: Floats
    totals: Floats
    reference: int

    def small(self, g: int) -> bool:
        """Whether the group has too few residents for a number."""
        return bool(self.totals[g] < FEWEST_RESIDENTS)

    @property
    def others(self) -> list[int]:
        """The groups that are compared."""
        return [g for g in range(len(self.names)) if g != self.reference]


def residents_by_group(population: pd.DataFrame | None, reference: str, *, cells: int) -> Residents:
    """Residents as an audit of a loop takes them.

    Raises
    ------
    UsageError
        The reference is none of the groups, or the cells are others.
    DataError
        Numbers are negative or unknown.
    NotEnoughDataError
        The reference group has fewer than 100 residents.
    """
    if population is None:
        return Residents((), np.zeros((cells, 0)), np.zeros(0), 0)
    names = tuple(str(name) for name in population.columns)
    if len(population) != cells or reference not in names or len(set(names)) < len(names):
        msg = (
            f"residents of {len(population)} cells by {', '.join(names) or 'no group'} were given for {cells} cells, "
            f"with {reference!r} as the reference"
        )
        raise UsageError(msg, hint="population_by_cell(areas, grid), and one of its groups as the reference")
    given = population.to_numpy(dtype=np.float64)
    if not np.all(np.isfinite(given)) or np.any(given < 0):
        n = int(np.sum(~np.isfinite(given) | (given < 0)))
        msg = f"{n} numbers of residents are negative or unknown; expected at least 0 in every cell"
        raise DataError(msg, hint="an unknown number is not zero: leave those areas out of the study area")
    totals = given.sum(axis=0)
    r = names.index(reference)
    if totals[r] < FEWEST_RESIDENTS:
        msg = f"the reference group {reference!r} has {totals[r]:.0f} residents; expected at least {FEWEST_RESIDENTS}"
        raise NotEnoughDataError(msg, hint="compare with a larger group")
    return Residents(names, given / np.maximum(totals, 1e-300), totals, r)


def group_findings(
    courses: Courses, learner: str, residents: Residents, level: float, held: Mapping[str, Threshold]
) -> tuple[Finding, ...]:
    """The change of each group's exposure against the reference group's, under the setting where it is largest."""
    return tuple(_finding(courses, learner, residents, g, level, held) for g in residents.others)


def _finding(
    courses: Courses, learner: str, residents: Residents, g: int, level: float, held: Mapping[str, Threshold]
) -> Finding:
    group, reference = (in_words(residents.names[i]) for i in (g, residents.reference))
    setting, made = 0, Estimate(None, why=(f"There are fewer than {FEWEST_RESIDENTS} {group} residents.",))
    if not residents.small(g):
        every = [
            _change(courses, learner, i, g, residents.reference, level) for i in range(len(courses.settings))
        ]
        setting = max(range(len(every)), key=lambda i: (_reach(every[i]), -i))
        made = every[setting]
    threshold = held.get("loop_group_change")
    ends = [keeps_within("loop_group_change", end, threshold) for end in (made.low, made.high)]
    return Finding(
        id=f"loop_group_change/{learner}/{residents.names[g]}",
        measure="exposure of a group against another's, in proportion to the same without the loop",
        subject=f"{group} to {reference} residents, {LEARNERS[learner]}",
        value=made.value,
        low=made.low,
        high=made.high,
        level=level,
        threshold=threshold,
        passes=None if None in ends else all(ends),
        limits=(*made.why, GROUP_LIMIT, *((ENDS,) if threshold is not None else ())),
        details={
            "learner": learner,
            "group": residents.names[g],
            "reference": residents.names[residents.reference],
            **{f"assumed_{key}": value for key, value in courses.settings[setting].to_dict().items()},
        },
    )


def _change(courses: Courses, learner: str, setting: int, g: int, r: int, level: float) -> Estimate:
    """The ratio of two groups' exposure in the last year, in proportion to the same courses' without the loop."""
    one, other = courses.tracks[learner, setting].exposure, courses.without[setting].exposure
    point = _of_means(one, g, r) / _of_means(other, g, r) if _of_means(other, g, r) else np.nan
    made = _estimate(point, divide(_ratio(one, g, r), _ratio(other, g, r)), level)
    if made.value is None and not made.why:
        return Estimate(None, why=("One of the groups has no resident in the chosen places.",))
    return made


def _reach(made: Estimate) -> float:
    """How far from no change a ratio or an end of its interval reaches, on a scale that treats both sides alike."""
    known = [one for one in (made.value, made.low, made.high) if one is not None]
    return max((abs(float(np.log(max(one, 1e-9)))) for one in known), default=-1.0)


def group_sentence(finding: Finding) -> str:
    """A group's finding in words, with its interval."""
    group, reference = (in_words(str(finding.details[key])) for key in ("group", "reference"))
    ends = "no interval"
    if finding.low is not None and finding.high is not None:
        ends = f"{finding.level * 100:g} % of courses: {finding.low:.2f} to {finding.high:.2f}"
    return (
        f"Against where {reference} residents live, places where {group} residents live are chosen {finding.value:.2f} "
        f"times as often as without the loop ({ends})."
    )


def group_frame(courses: Courses, setting: int, residents: Residents, level: float) -> pd.DataFrame:
    """One row a way of learning and group, see `peelian.audits.loop.LoopAudit`."""
    tracks = {"truth": courses.truth[setting], "without": courses.without[setting].exposure}
    tracks |= {way.name: courses.tracks[way.name, setting].exposure for way in courses.learners}
    rows = [
        _row(name, exposure, residents, g, level)
        for name, exposure in tracks.items()
        for g in range(len(residents.names))
    ]
    columns = ["learner", "group", "residents", "exposure", "low", "high", "ratio", "ratio_low", "ratio_high"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype(dict.fromkeys(columns[2:], float))


def _row(name: str, exposure: Floats, residents: Residents, g: int, level: float) -> dict[str, Any]:
    r = residents.reference
    none = Estimate(None)
    small = residents.small(g)
    last = exposure[:, -1, g]
    lives = none if small else _estimate(float(last.mean()), last, level)
    ratio = none if small or g == r else _estimate(_of_means(exposure, g, r), _ratio(exposure, g, r), level)
    return {
        "learner": name,
        "group": residents.names[g],
        "residents": float(residents.totals[g]),
        "exposure": lives.value,
        "low": lives.low,
        "high": lives.high,
        "ratio": ratio.value,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
    }


def _estimate(point: float, draws: Floats, level: float) -> Estimate:
    """With the interval that holds the middle of the courses."""
    made = estimate(point, draws, level=level, blocks=2)
    why = tuple(
        one.replace("resampled cities", "simulated courses").replace("compared with", "of reference")
        for one in made.why
    )
    return Estimate(made.value, made.low, made.high, why)


def _ratio(exposure: Floats, g: int, r: int) -> Floats:
    """A group's exposure in proportion to the reference group's in the last year, one number a course."""
    return divide(exposure[:, -1, g], exposure[:, -1, r])


def _of_means(exposure: Floats, g: int, r: int) -> float:
    mean = exposure[:, -1].mean(axis=0)
    return float(divide(mean[g : g + 1], mean[r : r + 1])[0])
