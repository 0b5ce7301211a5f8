"""What unequal reporting could have made of a finding: the gap that would reverse it, and bounds over any reporting.

Reports are not incidents. Where those who live in the places of one group report less often, a plan that follows
reports sends fewer hours there than incidents would ask for; where they report more often, more. Nobody knows the
rates, so the question is turned round: how large would the gap have to be for the finding to be another one?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.area_flips import AreaFlips, area_flips
from peelian.audits.base import ECOLOGICAL, Audit, plain_rows
from peelian.audits.blocks import quantile_interval
from peelian.audits.by_unit import by_unit
from peelian.audits.comparisons import p_of_draws
from peelian.audits.finding import Finding, Threshold
from peelian.audits.flips import Flip, extreme_ratios, flip, gaps, undo
from peelian.audits.resampled import Resampled
from peelian.audits.thresholds import keeps_within
from peelian.audits.words import in_words, told
from peelian.errors import UsageError

__all__ = ["LIMITS", "ReportingAudit", "reporting_audit"]

Floats = npt.NDArray[np.float64]

LIMITS = (
    ECOLOGICAL,
    (
        "How many incidents are reported is not known here. The flip point says which gap in reporting would reverse a "
        "finding, not how large the gap is: victimisation surveys tell more about that."
    ),
    (
        "A gap is taken to follow the share of a group's residents in a place: incidents that befall visitors, and "
        "differences in reporting within a group, are left to the bounds."
    ),
    (
        "The exposure that full reporting would have given takes hours to follow reports in proportion; a plan that "
        "picks places whole would move in steps."
    ),
)

WHAT = {
    "exposure": "hours per resident, had the hours followed incidents and not reports",
    "need": "hours per incident",
}
"""The two findings that reporting can turn, and what they are ratios of."""


@dataclass(frozen=True, eq=False)
class ReportingAudit(Audit):
    """What `reporting_audit` found.

    Parameters
    ----------
    reference : str
    plausible : (float, float)
        Range of the share of incidents that is reported, for the bounds.
    widest : float
        Largest factor between two groups' reporting that was looked at.
    curve : pandas.DataFrame
        ``finding`` (exposure or need), ``group``, ``gap``, ``ratio``, ``low``, ``high``: the sweep.
    areas : AreaFlips
        The sweep of each area's reporting alone.
    """

    reference: str
    plausible: tuple[float, float]
    widest: float
    curve: pd.DataFrame
    areas: AreaFlips
    _frame: pd.DataFrame = field(repr=False)
    _findings: tuple[Finding, ...] = field(repr=False)
    _sentences: tuple[str, ...] = field(repr=False)
    _limits: tuple[str, ...] = LIMITS

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Flip points, margins and bounds; then presence in proportion to reports, by who made them."""
        return self._findings

    @property
    def limits(self) -> tuple[str, ...]:
        """What reporting leaves unknown."""
        return self._limits

    @property
    def frame(self) -> pd.DataFrame:
        """One row a finding and group: ``ratio``, ``flip`` with its ends, ``margin``, bounds by group and by place."""
        return self._frame

    @property
    def by_area(self) -> pd.DataFrame:
        """One row an area, group and finding: the factor of its reporting that would turn it, nearest to 1 first."""
        return self.areas.rows

    def sentences(self) -> list[str]:
        """The gap that would reverse each finding, the nearest to no gap first; then an area that could alone."""
        return list(self._sentences)

    def to_dict(self) -> dict[str, Any]:
        """As plain values; the sweep is thinned to every fourth gap, that by area to the 20 nearest."""
        return {
            **super().to_dict(),
            "reference": self.reference,
            "plausible": list(self.plausible),
            "widest": self.widest,
            "rows": plain_rows(self.frame),
            "curve": plain_rows(self.curve.round(6)),
            **self.areas.to_dict(),
        }


def reporting_audit(
    hours: npt.ArrayLike,
    *,
    reports: npt.ArrayLike,
    residents: pd.DataFrame,
    reference: str,
    block: npt.ArrayLike,
    officer_initiated: npt.ArrayLike | None = None,
    areas: npt.ArrayLike | None = None,
    plausible: tuple[float, float] = (0.3, 0.7),
    widest: float = 10.0,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
    moved: npt.NDArray[np.int64] | None = None,
    thresholds: Mapping[str, Threshold] | None = None,
) -> ReportingAudit:
    """Sweep the gap in reporting between groups, and bound two findings over any reporting in a range.

    Parameters
    ----------
    hours : array of float, shape (n_units,)
        Hours of presence, or counts of what is exposed to.
    reports : array of float, shape (n_units,)
        Incidents that residents and others reported, without officers' own activity.
    residents : pandas.DataFrame, shape (n_units, n_groups)
        One column a group.
    reference : str
    block : array, shape (n_units,)
        Block of each unit, for the bootstrap.
    officer_initiated : array of float, shape (n_units,), optional
        Records that officers' own activity made. Shown beside the others; nothing else is made from them.
    areas : array of str, shape (n_units,), optional
        Name of each unit's area, empty or None for none: the reporting of each area alone is swept as well
        (`peelian.audits.area_flips`).
    plausible : (float, float)
        Least and largest share of incidents that is reported anywhere, above 0 and at most 1: an assumption.
    widest : float
        Largest factor between two groups' reporting to look at.
    level, replicates, seed
        Of the intervals: percentiles of a bootstrap of blocks.
    moved : array of int, shape (any, n_units), optional
        Maps of the groups moved over the city (`peelian.audits.labels.shifts`): intervals of ratios are no narrower
        than chance moves a ratio. Without them they are those of blocks alone.
    thresholds : mapping of str to Threshold, optional
        For ``reporting_margin`` and ``need_ratio``.

    Returns
    -------
    ReportingAudit

    Raises
    ------
    UsageError
        A range, a group or a shape is not what is expected.
    DataError
        Numbers are negative or unknown.
    NotEnoughDataError
        The reference group has fewer than 100 residents. Another group so small is listed and gets no number.

    Notes
    -----
    Bounds are the identified set (Manski 2003, Partial identification of probability distributions): every value in
    them fits the reports, and no data of this kind can narrow them. Their outer interval is a percentile of each end
    (Horowitz and Manski 2000, Journal of the American Statistical Association 95). On what reporting does to audits:
    Brame and others (2004); Lum and Isaac (2016), To predict and serve?, Significance 13.
    """
    low, high = plausible
    if not (0 < low <= high <= 1 and widest > 1 and np.isfinite(widest)):
        msg = f"reporting from {low} to {high}, gaps to {widest} were given; expected shares above 0, gaps above 1"
        raise UsageError(msg, hint="plausible=(0.3, 0.7), widest=10")
    city = Resampled.of(
        residents,
        reference=reference,
        block=block,
        level=level,
        replicates=replicates,
        seed=seed,
        moved=moved,
    )
    h, y = by_unit("hours", hours, city.n), by_unit("reports", reports, city.n)
    own = None if officer_initiated is None else by_unit("officers' own records", officer_initiated, city.n)
    sweep = _Sweep(city, h, y, gaps(widest), plausible, widest, dict(thresholds or {}))
    made = [sweep.of(what, g) for g in city.others for what in WHAT]
    beside = [finding for g in city.others for finding in sweep.by_reporter(g, own)]
    alone = area_flips(city, h, y, areas, widest=widest)
    limits = LIMITS if own is not None else (*LIMITS, "Officers' own records were not given.")
    told_first = sorted(made, key=lambda one: abs(np.log(one.flip.gap)) if one.flip.gap else np.inf)
    return ReportingAudit(
        reference=reference,
        plausible=(float(low), float(high)),
        widest=float(widest),
        curve=pd.concat([one.curve for one in made], ignore_index=True),
        areas=alone,
        _frame=pd.DataFrame([one.row for one in made]),
        _findings=(*(finding for one in made for finding in one.findings), *alone.findings, *beside),
        _sentences=(*(one.sentence for one in told_first), *((alone.sentence,) if alone.sentence else ())),
        _limits=(*limits, *alone.limits),
    )


@dataclass(frozen=True, eq=False)
class _Swept:
    """One finding of one group under all gaps."""

    flip: Flip
    curve: pd.DataFrame
    row: dict[str, Any]
    findings: tuple[Finding, ...]
    sentence: str


@dataclass(frozen=True, eq=False)
class _Sweep:
    city: Resampled
    hours: Floats
    reports: Floats
    gap: Floats
    plausible: tuple[float, float]
    widest: float
    thresholds: Mapping[str, Threshold]

    def of(self, what: str, g: int) -> _Swept:
        group = self.city.groups[g]
        if self.city.small(g):
            return self._none(what, g, self.city.too_small(g))
        point, draws = self._curves(what, g)
        middle = self.gap.size // 2
        if not np.isfinite(point[middle]) or point[middle] == 0:
            return self._none(what, g, f"Its ratio is not defined, or 0: {WHAT[what]}.")
        enough = self.city.blocks > 1
        turned = flip(
            point, draws, self.gap, falls=what == "exposure", level=self.city.level, interval=enough
        )
        ends = np.array([quantile_interval(d[~np.isnan(d)], level=self.city.level) for d in draws.T])
        frame = {"gap": self.gap, "ratio": point, "low": ends[:, 0], "high": ends[:, 1]}
        curve = pd.DataFrame({"finding": what, "group": group, **frame})[::4]
        value = float(point[middle])
        by_group, around = self._by_group(point, ends)
        by_place, outer = self._by_place(what, g)
        row = {
            "finding": what,
            "group": group,
            "ratio": value,
            "low": ends[middle, 0],
            "high": ends[middle, 1],
            "flip": turned.gap,
            "flip_low": turned.low,
            "flip_high": turned.high,
            "margin": turned.margin,
            "group_bound_low": by_group[0],
            "group_bound_high": by_group[1],
            "place_bound_low": by_place[0],
            "place_bound_high": by_place[1],
        }
        findings = (
            self._flip(what, g, turned, value),
            self._margin(what, g, turned),
            self._bounds(what, g, value, by_group, "groups", around),
            self._bounds(what, g, value, by_place, "places", outer),
        )
        return _Swept(turned, curve, row, findings, self._sentence(what, g, value, turned))

    def _curves(self, what: str, g: int) -> tuple[Floats, Floats]:
        weights = undo(self.city.share[:, g], self.gap)
        if what == "exposure":
            values = self.hours[:, None] * weights
            return self.city.ratio(values, g), self.city.ratio_draws(values, g)
        reports = self.reports[:, None] * weights
        hours = np.broadcast_to(self.hours[:, None], reports.shape)
        return self.city.ratio(hours, g, over=reports), self.city.ratio_draws(hours, g, over=reports)

    def _by_group(self, point: Floats, ends: Floats) -> tuple[tuple[float, float], tuple[float, float]]:
        """Ends over all gaps that two rates in the plausible range can have, and the outer ones of their intervals."""
        reach = np.log(self.plausible[1] / self.plausible[0])
        x = np.log(self.gap)
        near = np.abs(x) <= reach + 1e-9
        logs = [np.log(np.clip(v, 1e-300, 1e300)) for v in (point, *ends.T)]
        held = [np.concatenate([np.exp(np.interp([-reach, reach], x, y)), np.exp(y[near])]) for y in logs]
        middle, low, high = held
        return (float(middle.min()), float(middle.max())), (float(low.min()), float(high.max()))

    def _by_place(self, what: str, g: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """Ends over any reporting of each place in the plausible range, and their outer interval."""
        city = self.city
        moved = self.hours if what == "exposure" else self.reports
        sides = [city.residents[:, i] * moved / city.residents[:, i].sum() for i in (g, city.reference)]
        pair = extreme_ratios(*sides, span=self.plausible[1] / self.plausible[0])
        values = np.column_stack([moved * weight for weight in pair])
        over = None
        if what == "need":
            values, over = np.column_stack([self.hours, self.hours]), values[:, ::-1]
        point, draws = city.ratio(values, g, over=over), city.ratio_draws(values, g, over=over)
        known = draws[~np.isnan(draws).any(axis=1)]
        outer = (
            quantile_interval(known[:, 0], level=city.level)[0],
            quantile_interval(known[:, 1], level=city.level)[1],
        )
        return (float(point[0]), float(point[1])), outer

    def _flip(self, what: str, g: int, turned: Flip, value: float) -> Finding:
        limits = list(self.city.few_blocks())
        if turned.gap is None:
            limits.insert(0, f"No gap up to a factor of {self.widest:g} in either direction reverses it.")
        elif None in (turned.low, turned.high):
            limits.append(
                f"An end of the interval lies beyond a factor of {self.widest:g}, or can't be told."
            )
        known = turned.gap is not None
        return Finding(
            id=f"reporting_flip/{what}/{self.city.groups[g]}",
            measure="gap in reporting that would reverse the finding",
            subject=f"{self.city.pair(g)}, {WHAT[what]}",
            value=turned.gap,
            low=turned.low if known else None,
            high=turned.high if known else None,
            level=self.city.level,
            limits=(*limits, *LIMITS),
            details={**self._names(what, g), "ratio_without_a_gap": value},
        )

    def _margin(self, what: str, g: int, turned: Flip) -> Finding:
        bound = self.thresholds.get("reporting_margin")
        why = (
            "It is itself the end of an interval, and has none of its own."
            if turned.margin is not None
            else f"No gap up to a factor of {self.widest:g} brings 1 into the interval, or there is no interval."
        )
        return Finding(
            id=f"reporting_margin/{what}/{self.city.groups[g]}",
            measure="factor between both groups' reporting at which the interval would hold 1",
            subject=f"{self.city.pair(g)}, {WHAT[what]}",
            value=turned.margin,
            low=None,
            high=None,
            level=self.city.level,
            threshold=bound,
            passes=keeps_within("reporting_margin", turned.margin, bound),
            limits=(why, *self.city.few_blocks(), *LIMITS),
            details=self._names(what, g),
        )

    def _bounds(
        self, what: str, g: int, value: float, ends: tuple[float, float], by: str, outer: tuple[float, float]
    ) -> Finding:
        least, most = (f"{100 * share:g} %" for share in self.plausible)
        kind = (
            f"The ends hold any reporting from {least} to {most}, {by} each having their own, and beside that how far "
            "other blocks would have moved the bounds."
        )
        low, high = (v if np.isfinite(v) else None for v in outer)
        return Finding(
            id=f"reporting_bounds/{what}_by_{by}/{self.city.groups[g]}",
            measure="ratio within the bounds of reporting",
            subject=f"{self.city.pair(g)}, {WHAT[what]}, {by} reporting from {least} to {most}",
            value=value,
            low=low,
            high=high,
            level=self.city.level,
            limits=(kind, *self.city.few_blocks(), *LIMITS),
            details={**self._names(what, g), "identified": [float(v) for v in np.nan_to_num(ends)]},
        )

    def by_reporter(self, g: int, own: Floats | None) -> list[Finding]:
        """Presence in proportion to reports, by residents alone and with officers' own records beside."""
        kinds = {"reported_by_residents": self.reports}
        if own is not None:
            kinds |= {"with_officer_initiated": self.reports + own, "officer_initiated_alone": own}
        return [self._need(name, counts, g) for name, counts in kinds.items()]

    def _need(self, name: str, counts: Floats, g: int) -> Finding:
        city = self.city
        hours, records = self.hours[:, None], counts[:, None]
        draws = city.ratio_draws(hours, g, over=records)[:, 0]
        made = city.estimate(float(city.ratio(hours, g, over=records)[0]), draws)
        small = city.small(g)
        why = (city.too_small(g),) if small else made.why
        if made.value is None and not why:
            why = ("A group has no reports or no hours in its places: no ratio.",)
        bound = self.thresholds.get("need_ratio") if name == "reported_by_residents" else None
        rate = [1000 * float(city.mean(counts[:, None], i)[0]) for i in (g, city.reference)]
        return Finding(
            id=f"need_ratio/{name}/{city.groups[g]}",
            measure="hours in proportion to reports",
            subject=f"{city.pair(g)}, {in_words(name)}",
            value=None if small else made.value,
            low=None if small else made.low,
            high=None if small else made.high,
            level=city.level,
            threshold=bound,
            passes=None if small else keeps_within("need_ratio", made.value, bound),
            limits=(*why, *city.few_blocks(), *LIMITS),
            details={
                "group": city.groups[g],
                "reference": city.groups[city.reference],
                "records": float(counts.sum()),
                "mean_records_in_own_place_times_1000": None if small else rate,
                "p": None if small or made.low is None else p_of_draws(draws),
            },
        )

    def _names(self, what: str, g: int) -> dict[str, Any]:
        city = self.city
        return {
            "finding": what,
            "group": city.groups[g],
            "reference": city.groups[city.reference],
            "blocks": city.blocks,
        }

    def _none(self, what: str, g: int, why: str) -> _Swept:
        row = {"finding": what, "group": self.city.groups[g], "ratio": None, "flip": None, "margin": None}
        one = Finding(
            id=f"reporting_flip/{what}/{self.city.groups[g]}",
            measure="gap in reporting that would reverse the finding",
            subject=f"{self.city.pair(g)}, {WHAT[what]}",
            value=None,
            low=None,
            high=None,
            level=self.city.level,
            limits=(why, *LIMITS),
            details=self._names(what, g),
        )
        return _Swept(Flip(None), pd.DataFrame(), row, (one,), f"{one.subject}: no number. {why}")

    def _sentence(self, what: str, g: int, value: float, turned: Flip) -> str:
        a, b = in_words(self.city.groups[g]), in_words(self.city.groups[self.city.reference])
        head = f"{WHAT[what][:1].upper()}{WHAT[what][1:]}: {told(value)} for {a} to {b} residents."
        if turned.gap is None:
            return f"{head} No gap in reporting up to a factor of {self.widest:g} would reverse that."
        said = (
            f"{head} It would be the other way round if incidents where {a} residents live were reported "
            f"{'more' if turned.gap > 1 else 'less'} than {told(turned.gap)} times as often as where {b} "
            f"residents live."
        )
        if turned.margin is None:
            return said
        if turned.margin == 1:
            return f"{said} Its interval holds 1 without any gap."
        return f"{said} Its interval would hold 1 from a factor of {told(turned.margin)} between them."
