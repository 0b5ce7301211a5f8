"""Burden beside benefit: what presence and other work bring to and take from each group's places.

Burden is hours of patrol in a resident's own unit: planned, approved and, where somebody said what was done, attended.
Benefit is what the hours are for: the expected reports of a resident's own unit that lie in attended places. Work
that is not patrol (lights mended, lots cleared) is counted apart, since it asks nothing of those who live there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.base import ECOLOGICAL, Audit, plain_rows
from peelian.audits.by_unit import by_unit
from peelian.audits.comparisons import p_of_draws
from peelian.audits.estimates import Estimate
from peelian.audits.finding import Finding, Threshold
from peelian.audits.resampled import Resampled
from peelian.audits.thresholds import keeps_within
from peelian.audits.words import in_words, listed, told
from peelian.errors import UsageError

__all__ = ["LIMITS", "STAGES", "BenefitAudit", "benefit_audit"]

Floats = npt.NDArray[np.float64]

STAGES = ("planned", "approved", "attended")
"""What hours can be known of, from a draft to what was done."""

UNKNOWN = {
    "planned": "No plan was given.",
    "approved": "Dosage unknown: nobody has approved the plan, so no hours are due.",
    "attended": "Dosage unknown: nobody said what was done of the plan.",
}

LIMITS = (
    ECOLOGICAL,
    (
        "Expected reports in an attended place are what a visit may do something about. What it does is not known from "
        "that: attended places would have to be compared with like places that were not."
    ),
    (
        "Hours tell how long somebody was there, not what was done nor how it was met. Whether presence is a burden or "
        "a relief is for those who live there to say."
    ),
    "Work that is not patrol is counted where it is entered; what it brings is not measured.",
)


@dataclass(frozen=True, eq=False)
class BenefitAudit(Audit):
    """What `benefit_audit` found.

    Parameters
    ----------
    reference : str
    """

    reference: str
    _frame: pd.DataFrame = field(repr=False)
    _findings: tuple[Finding, ...] = field(repr=False)
    _sentences: tuple[str, ...] = field(repr=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """For each stage and group: burden, benefit and hours per report covered; then the reach of other work."""
        return self._findings

    @property
    def limits(self) -> tuple[str, ...]:
        """What burden and benefit leave open."""
        return LIMITS

    @property
    def frame(self) -> pd.DataFrame:
        """One row a stage (or other work) and group.

        ``what``, ``group``, ``residents``; in the average resident's own unit ``minutes``, ``covered`` (expected
        reports there, where it is attended) and ``covered_share`` (of the expected reports), each with ``_low`` and
        ``_high``. NaN where there is no number.
        """
        return self._frame

    def sentences(self) -> list[str]:
        """Burden and benefit at the latest stage that is known, then what is not known."""
        return list(self._sentences)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**super().to_dict(), "reference": self.reference, "rows": plain_rows(self.frame)}


def benefit_audit(
    *,
    planned: npt.ArrayLike,
    expected: npt.ArrayLike,
    residents: pd.DataFrame,
    reference: str,
    block: npt.ArrayLike,
    approved: npt.ArrayLike | None = None,
    attended: npt.ArrayLike | None = None,
    other_work: Mapping[str, npt.ArrayLike] | None = None,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
    moved: npt.NDArray[np.int64] | None = None,
    thresholds: Mapping[str, Threshold] | None = None,
) -> BenefitAudit:
    """Put what each group's places bear beside what they get.

    Parameters
    ----------
    planned : array of float, shape (n_units,)
        Hours of patrol.
    expected : array of float, shape (n_units,)
        Reports that are expected in the period.
    residents : pandas.DataFrame, shape (n_units, n_groups)
    reference : str
    block : array, shape (n_units,)
    approved, attended : array of float, shape (n_units,), optional
        Hours that somebody approved, and those that were done. None is not zero: the dosage is unknown then.
    other_work : mapping of str to array of float, shape (n_units,), optional
        What was done that is not patrol, by name: hours or visits.
    level, replicates, seed
        Of the intervals: percentiles of a bootstrap of blocks.
    moved : array of int, shape (any, n_units), optional
        Maps of the groups moved over the city (`peelian.audits.labels.shifts`): intervals of ratios are no narrower
        than chance moves a ratio. Without them they are those of blocks alone.
    thresholds : mapping of str to Threshold, optional
        For ``benefit_ratio`` and ``burden_per_benefit``, held against the latest stage that is known.

    Returns
    -------
    BenefitAudit

    Raises
    ------
    UsageError, DataError, NotEnoughDataError
        As `peelian.audits.resampled.Resampled.of`; a kind of other work that has the name of a stage.

    Notes
    -----
    Dosage in place-based work is what was done, not what was meant: Weisburd, Groff and Yang (2012), The criminology
    of place, ch. 7; on burden beside benefit Manski and Nagin (2017), Assessing benefits, costs, and disparate racial
    impacts of confrontational proactive policing, PNAS 114.
    """
    city = Resampled.of(
        residents,
        reference=reference,
        block=block,
        level=level,
        replicates=replicates,
        seed=seed,
        moved=moved,
    )
    given = {"planned": planned, "approved": approved, "attended": attended}
    hours = {k: None if v is None else by_unit(f"{k} hours", v, city.n) for k, v in given.items()}
    other = {name: by_unit(name, v, city.n) for name, v in (other_work or {}).items()}
    taken = [name for name in other if name in STAGES]
    if taken:
        msg = f"other work was named {taken[0]!r}, which is the name of a stage of patrol"
        raise UsageError(msg, hint="name it by what was done, such as 'street lights mended'")
    made = _Made(city, by_unit("expected reports", expected, city.n), hours, other, dict(thresholds or {}))
    return BenefitAudit(reference, made.frame(), made.findings(), tuple(made.sentences()))


@dataclass(frozen=True, eq=False)
class _Made:
    city: Resampled
    expected: Floats
    hours: Mapping[str, Floats | None]
    other: Mapping[str, Floats]
    thresholds: Mapping[str, Threshold]

    @property
    def latest(self) -> str:
        return [name for name in STAGES if self.hours[name] is not None][-1]

    def covered(self, hours: Floats) -> Floats:
        return np.where(hours > 0, self.expected, 0.0)

    def frame(self) -> pd.DataFrame:
        known = {**{k: v for k, v in self.hours.items() if v is not None}, **self.other}
        rows = [
            self._row(what, hours, g) for what, hours in known.items() for g in range(len(self.city.groups))
        ]
        numbers = [name for name in rows[0] if name not in ("what", "group")]
        return pd.DataFrame(rows).astype(dict.fromkeys(numbers, float))

    def _row(self, what: str, hours: Floats, g: int) -> dict[str, Any]:
        city = self.city
        values = np.column_stack([60 * hours, self.covered(hours), self.expected])
        point, draws = city.mean(values, g), city.mean_draws(values, g)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = city.estimate(point[1] / point[2], draws[:, 1] / draws[:, 2])
        found = {
            "minutes": city.estimate(point[0], draws[:, 0]),
            "covered": city.estimate(point[1], draws[:, 1]),
            "covered_share": share,
        }
        row: dict[str, Any] = {"what": what, "group": city.groups[g], "residents": city.residents[:, g].sum()}
        for name, one in found.items():
            made = Estimate(None) if city.small(g) else one
            row |= {name: made.value, f"{name}_low": made.low, f"{name}_high": made.high}
        return row

    def findings(self) -> tuple[Finding, ...]:
        groups = self.city.others
        stages = [one for stage in STAGES for g in groups for one in self._stage(stage, g)]
        return (*stages, *(self._other(name, hours, g) for name, hours in self.other.items() for g in groups))

    def _stage(self, stage: str, g: int) -> list[Finding]:
        hours = self.hours[stage]
        names = ("burden_ratio", "benefit_ratio", "burden_per_benefit")
        if hours is None:
            unknown = Estimate(None, why=(UNKNOWN[stage],))
            return [self._finding(name, stage, g, unknown, None) for name in names]
        spent, covered = hours[:, None], self.covered(hours)[:, None]
        found = []
        for name, values, over in zip(names, (spent, covered, spent), (None, None, covered), strict=True):
            draws = self.city.ratio_draws(values, g, over=over)[:, 0]
            made = self.city.estimate(float(self.city.ratio(values, g, over=over)[0]), draws)
            found.append(self._finding(name, stage, g, made, p_of_draws(draws)))
        return found

    def _finding(self, name: str, stage: str, g: int, made: Estimate, p: float | None) -> Finding:
        said = {
            "burden_ratio": f"{stage} hours per resident",
            "benefit_ratio": f"expected reports in places of {stage} hours, per resident",
            "burden_per_benefit": f"{stage} hours for each expected report in their places",
        }
        bound = self.thresholds.get(name) if stage == self.latest else None
        return self._told(name, stage, g, said[name], made, bound, p)

    def _other(self, name: str, work: Floats, g: int) -> Finding:
        draws = self.city.ratio_draws(work[:, None], g)[:, 0]
        made = self.city.estimate(float(self.city.ratio(work[:, None], g)[0]), draws)
        said = f"{in_words(name)} per resident"
        return self._told("other_work_ratio", name, g, said, made, None, p_of_draws(draws))

    def _told(
        self,
        measure: str,
        what: str,
        g: int,
        said: str,
        made: Estimate,
        bound: Threshold | None,
        p: float | None,
    ) -> Finding:
        city = self.city
        why = made.why
        if city.small(g):
            made, why = Estimate(None), (city.too_small(g),)
        elif made.value is None and not why:
            why = ("One of the groups has none of it in its places: no ratio.",)
        return Finding(
            id=f"{measure}/{what}/{city.groups[g]}",
            measure=said,
            subject=city.pair(g),
            value=made.value,
            low=made.low,
            high=made.high,
            level=city.level,
            threshold=bound,
            passes=keeps_within(measure, made.value, bound) if bound is not None else None,
            limits=(*why, *city.few_blocks(), *LIMITS),
            details={
                "what": what,
                "group": city.groups[g],
                "reference": city.groups[city.reference],
                "blocks": city.blocks,
                "p": None if made.low is None else p,
            },
        )

    def sentences(self) -> list[str]:
        stage, city = self.latest, self.city
        hours = self.hours[stage]
        assert hours is not None  # the latest that is known
        parts = []
        for g in range(len(city.groups)):
            if not city.small(g):
                row = self._row(stage, hours, g)
                minutes, share = row["minutes"], row["covered_share"]
                covered = (
                    "none expected"
                    if np.isnan(share)
                    else f"{told(100 * share)} % of the expected reports covered"
                )
                parts.append(
                    f"the average {in_words(city.groups[g])} resident has {told(minutes)} {stage} minutes in their own "
                    f"place, with {covered}"
                )
        said = [f"Burden beside benefit: {'; '.join(parts)}."]
        said += [UNKNOWN[name] for name in STAGES if self.hours[name] is None]
        if self.other:
            said.append(f"Counted beside patrol: {listed([in_words(name) for name in self.other])}.")
        elif self.hours["attended"] is not None:
            said.append("Nobody said that anything but patrol was done.")
        return said
