"""A trial: what each method scored, period after period, and what can be said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import UsageError
from peelian.trials import metrics
from peelian.trials.bootstrap import Interval, Resampler
from peelian.trials.calibration import coverage, observed_over_expected, pit_histogram
from peelian.trials.power import detectable_difference
from peelian.trials.scoring import SPREADS, Scored
from peelian.trials.splits import Split
from peelian.trials.verdict import Comparison, Verdict, best_counting, judge

__all__ = ["HINDSIGHT", "Trial", "Tried", "periods_named"]

Floats = npt.NDArray[np.float64]

HINDSIGHT = "hindsight"
"""Name of the line that counts of past and future would have scored; no method is called so."""

AT_FRACTION = ("hit_rate", "pai", "pei", "recapture_rate", "false_alarm_ratio", "miss_rate", "stability")
OVERALL = ("log_score", "log_skill", "full_log_skill", "crps")
SHARE = (0.0, 1.0)
ANY = (0.0, np.inf)
RANGES = {
    "hit_rate": SHARE,
    "pai": ANY,
    "pei": SHARE,
    "recapture_rate": ANY,
    "false_alarm_ratio": SHARE,
    "miss_rate": SHARE,
    "stability": SHARE,
    "crps": ANY,
}
COMPARED = ("pai", "hit_rate", "log_score", "crps")

_PIECES: dict[str, tuple[str, ...]] = {
    "hit_rate": ("hits", "events"),
    "pai": ("hits", "events", "area_share", "one"),
    "pei": ("hits", "best_hits"),
    "recapture_rate": ("hits", "events", "past_hits", "past_events"),
    "false_alarm_ratio": ("empty", "chosen"),
    "miss_rate": ("missed", "reported"),
    "stability": ("shared", "together"),
    "log_score": ("log_likelihood", "events"),
    "log_skill": ("log_gain", "events"),
    "full_log_skill": ("full_gain", "events"),
    "crps": ("crps", "one"),
}

_POOLED: dict[str, Callable[..., Floats]] = {
    "hit_rate": metrics.hit_rate,
    "pai": lambda hits, events, share, one: metrics.pai(hits, events, share / one),
    "pei": metrics.pei,
    "recapture_rate": metrics.recapture_rate,
    "false_alarm_ratio": metrics.false_alarm_ratio,
    "miss_rate": metrics.miss_rate,
    "stability": metrics.jaccard,
    "log_score": metrics.log_score,
    "log_skill": metrics.log_score,
    "full_log_skill": metrics.log_score,
    "crps": lambda crps, one: np.asarray(crps / one, dtype=np.float64),
}


def periods_named(frequency: str) -> str:
    """What periods of a length are called, in the plural: ``"weeks"``, or ``"periods of 2w"``."""
    return {"1d": "days", "1w": "weeks", "1mo": "months"}.get(frequency, f"periods of {frequency}")


@dataclass(frozen=True)
class Tried:
    """A method that took part.

    Parameters
    ----------
    name : str
        Its name; a second one of the same class is ``"kernel_density#2"``.
    title : str
    parameters : dict
    seconds : float
        Spent on its forecasts.
    counting : bool
        Whether it only counts.
    """

    name: str
    title: str
    parameters: dict[str, Any]
    seconds: float
    counting: bool


@dataclass(frozen=True, eq=False)
class Trial:
    """What each method scored at each origin, and what can be said of it.

    Parameters
    ----------
    frame : DataFrame
        One row a method, origin and fraction: ``method``, ``origin`` (first day of the period that was
        forecast), ``fraction``, ``events``, ``hits``, ``area_share`` (of the cells chosen), ``best_hits`` (of
        any choice of as much area), ``log_likelihood`` (Poisson, nats), ``log_gain`` (nats above the uniform map with
        the same total), ``full_gain`` (the same of the full predictive distribution), ``crps`` (reports, summed over
        cells), ``chosen``, ``empty``, ``reported`` and ``missed`` (cells), ``shared`` and ``together`` (km2, with the
        cells chosen one origin before), ``past_hits`` and ``past_events`` (in all that was known) and, per incident,
        ``log_score`` (the Poisson log score) and ``log_skill``. The method ``"hindsight"`` is no forecast: see
        `peelian.trials.hindsight`.
    methods : tuple of Tried
    splits : tuple of Split
    scored : dict of str to Scored
        The sums behind calibration, by method.
    cells : int
    frequency : str
    fractions : tuple of float
        The first one is what the verdict is about.
    areas : tuple of float or None
        In km2, where areas were asked for.
    gap : int
    level : float
    seed : int
        Of the bootstrap.
    block : int, optional
        Origins in a block of it.
    """

    frame: pd.DataFrame
    methods: tuple[Tried, ...]
    splits: tuple[Split, ...]
    scored: dict[str, Scored]
    cells: int
    frequency: str
    fractions: tuple[float, ...]
    areas: tuple[float, ...] | None
    gap: int
    level: float
    seed: int
    block: int | None = None

    @cached_property
    def baseline(self) -> str:
        """Name of the counting method with the highest PAI in this trial, by which the others are measured."""
        counting = [m.name for m in self.methods if m.counting]
        return best_counting({name: self._value(name, "pai", self.fractions[0]) for name in counting})

    @cached_property
    def _resampler(self) -> Resampler:
        return Resampler(len(self.splits), block=self.block, seed=self.seed)

    @cached_property
    def _by_key(self) -> dict[tuple[str, float], pd.DataFrame]:
        frame = self.frame.assign(one=1.0)
        groups = frame.groupby(["method", "fraction"], sort=False)
        return {
            (m, f): groups.get_group((m, f)) for m, f in product(frame["method"].unique(), self.fractions)
        }

    def _pieces(self, method: str, metric: str, fraction: float) -> Floats:
        at = fraction if metric in AT_FRACTION else self.fractions[0]
        part = self._by_key[method, at]
        return part.loc[:, list(_PIECES[metric])].to_numpy(dtype=np.float64).T

    def _value(self, method: str, metric: str, fraction: float) -> float:
        return float(_POOLED[metric](*self._pieces(method, metric, fraction).sum(axis=1)))

    def score(self, method: str, metric: str, *, fraction: float = np.nan) -> Interval:
        """One pooled score with its interval; `fraction` matters to those of chosen places only."""
        pieces = self._pieces(method, metric, fraction)
        pooled = _POOLED[metric]
        found = self._resampler.interval(lambda sums: pooled(*sums), pieces, level=self.level)
        # An interval that was stretched for few blocks may leave what the score can be.
        least, most = RANGES.get(metric, (-np.inf, np.inf))
        low, high = np.clip([found.low, found.high], least, most)  # what is not a number stays so
        return Interval(found.value, float(low), float(high))

    def _paired(
        self, methods: Sequence[str], other: str, metric: str, fraction: float
    ) -> tuple[Callable[[Floats], Floats], Floats]:
        """Differences of several methods from another as a statistic of sums, shape (k, ...), and its pieces."""
        pieces = np.vstack([self._pieces(name, metric, fraction) for name in (other, *methods)])
        k, pooled = len(_PIECES[metric]), _POOLED[metric]

        def differences(sums: Floats) -> Floats:
            base = pooled(*sums[:k])
            found = np.array([pooled(*sums[j * k : (j + 1) * k]) for j in range(1, len(methods) + 1)])
            # Two that both called impossible what happened differ by no number: that is said as none, not warned of.
            with np.errstate(invalid="ignore"):
                return np.asarray(found - base)

        return differences, pieces

    def difference(
        self, method: str, other: str, metric: str, *, fraction: float = np.nan, level: float | None = None
    ) -> Interval:
        """Score of `method` less that of `other`, paired by origin. For CRPS less is better."""
        statistic, pieces = self._paired([method], other, metric, fraction)
        return self._resampler.interval(
            lambda sums: statistic(sums)[0], pieces, level=self.level if level is None else level
        )

    def _questions(self, names: Sequence[str]) -> list[tuple[str, str, float]]:
        at = [(name, metric, f) for name, metric, f in product(names, AT_FRACTION, self.fractions)]
        overall = [(name, metric, float("nan")) for name, metric in product(names, OVERALL)]
        order = {name: i for i, name in enumerate(names)}
        return sorted(at + overall, key=lambda question: order[question[0]])

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Pooled scores: ``method``, ``metric``, ``fraction`` (nan where none), ``value``, ``low``, ``high``."""
        rows = []
        for name, metric, fraction in self._questions([*(m.name for m in self.methods), HINDSIGHT]):
            found = self.score(name, metric, fraction=fraction)
            rows.append((name, metric, fraction, found.value, found.low, found.high))
        return pd.DataFrame(rows, columns=["method", "metric", "fraction", "value", "low", "high"])

    def versus(self, baseline: str | None = None) -> pd.DataFrame:
        """Paired differences of every other method from `baseline`, the best counting when it is not given.

        Returns
        -------
        DataFrame
            ``method``, ``metric``, ``fraction``, ``difference``, ``low``, ``high``; each interval by itself,
            not simultaneous. For CRPS and the rates of misses and false alarms a negative difference is better.
        """
        known = [*(m.name for m in self.methods), HINDSIGHT]
        against = self.baseline if baseline is None else baseline
        if against not in known:
            msg = f"{against!r} was given as the baseline; the trial has {', '.join(known)}"
            raise UsageError(msg)
        rows = []
        for name, metric, fraction in self._questions([n for n in known if n != against]):
            found = self.difference(name, against, metric, fraction=fraction)
            rows.append((name, metric, fraction, found.value, found.low, found.high))
        return pd.DataFrame(rows, columns=["method", "metric", "fraction", "difference", "low", "high"])

    def calibration(self, method: str) -> dict[str, Any]:
        """Whether counts fell where a method said, summed over origins, as JSON has it.

        Returns
        -------
        dict
            ``pit`` (10 shares, 0.1 each when calibrated), ``observed_over_expected`` (by tenth of the expected reports,
            from the lowest places to the highest) and ``coverage`` (by what and by level: ``observed``, ``expected``).
        """
        scored = self.scored[method]
        cover = {
            name: [
                {"level": c.level, "observed": _finite(c.observed), "expected": _finite(c.expected)}
                for c in coverage(scored.coverage[:, k].sum(axis=0))
            ]
            for k, name in enumerate(SPREADS)
        }
        return {
            "pit": [_finite(v) for v in pit_histogram(scored.pit.sum(axis=0)).tolist()],
            "observed_over_expected": [
                _finite(v) for v in observed_over_expected(scored.deciles.sum(axis=0)).tolist()
            ],
            "coverage": cover,
        }

    @cached_property
    def _together(self) -> dict[str, Interval]:
        """Differences in PAI from counting at the first fraction, with intervals that hold for all at once."""
        if not self._challengers:
            return {}
        statistic, pieces = self._paired(self._challengers, self.baseline, "pai", self.fractions[0])
        found = self._resampler.simultaneous(statistic, pieces, level=self.level)
        return dict(zip(self._challengers, found, strict=True))

    @cached_property
    def detectable(self) -> dict[str, float]:
        """Smallest difference in PAI from counting that as much data could have shown, by challenger."""
        found = {}
        for name, interval in self._together.items():
            statistic, pieces = self._paired([name], self.baseline, "pai", self.fractions[0])
            error = float(self._resampler.standard_error(statistic, pieces)[0])
            half = (interval.high - interval.low) / 2
            found[name] = detectable_difference(
                error, level=self.level, freedom=self._resampler.freedom, half=half
            )
        return found

    @cached_property
    def _challengers(self) -> list[str]:
        return [m.name for m in self.methods if not m.counting]

    @cached_property
    def verdict(self) -> Verdict:
        """By PAI at the first fraction, against the best counting; the rules are in `peelian.trials.verdict`."""
        at = self.fractions[0]
        titles = {m.name: m.title for m in self.methods}
        comparisons = [
            Comparison(
                name,
                titles[name],
                difference,
                value=self._value(name, "pai", at),
                baseline=self._value(self.baseline, "pai", at),
                held=self._value(name, "hit_rate", at),
                baseline_held=self._value(self.baseline, "hit_rate", at),
                detectable=self.detectable[name],
            )
            for name, difference in self._together.items()
        ]
        return judge(
            comparisons,
            baseline=self.baseline,
            baseline_title=None if self.baseline == "count_map" else titles[self.baseline],
            fraction=at,
            level=self.level,
            over=self._over,
            events=self.events,
            hindsight=self._value(HINDSIGHT, "pai", at),
        )

    def first(self, n: int) -> Trial:
        """The same of the first `n` origins."""
        return self._part(slice(None, n))

    def last(self, n: int) -> Trial:
        """The same of the last `n` origins."""
        return self._part(slice(-n, None))

    def _part(self, which: slice) -> Trial:
        splits = self.splits[which]
        if not splits:
            msg = f"0 of the {len(self.splits)} origins were asked for; expected at least one"
            raise UsageError(msg)
        starts = np.array([split.test.start for split in splits], dtype="datetime64[s]")
        scored = {
            name: Scored(one.rows[which], one.pit[which], one.deciles[which], one.coverage[which])
            for name, one in self.scored.items()
        }
        frame = self.frame[self.frame["origin"].isin(starts)].reset_index(drop=True)
        return replace(self, frame=frame, splits=splits, scored=scored)

    @property
    def _over(self) -> str:
        noun = periods_named(self.frequency)
        last = self.splits[-1].test.end - np.timedelta64(1, "D")
        return f"{len(self.splits)} {noun}, {self.splits[0].test.start} to {last}"

    @property
    def events(self) -> int:
        """Incidents in the periods that were forecast."""
        return int(self._by_key[self.baseline, self.fractions[0]]["events"].sum())

    def to_dict(self) -> dict[str, Any]:
        """The whole result as JSON has it; ``to`` is the day after the last one."""
        hindsight = self.summary[self.summary["method"] == HINDSIGHT]
        return {
            "origins": len(self.splits),
            "events": self.events,
            "cells": self.cells,
            "fractions": list(self.fractions),
            "areas_km2": None if self.areas is None else list(self.areas),
            "period": self.frequency,
            "from": str(self.splits[0].test.start),
            "to": str(self.splits[-1].test.end),
            "gap": self.gap,
            "level": self.level,
            "seed": self.seed,
            "baseline": self.baseline,
            "methods": [self._method_dict(method) for method in self.methods],
            "hindsight": {"scores": _nested(hindsight, "value")},
            "verdict": self.verdict.to_dict(),
        }

    def _method_dict(self, method: Tried) -> dict[str, Any]:
        rows = self.summary[self.summary["method"] == method.name]
        compared = self._versus_counts[self._versus_counts["method"] == method.name]
        return {
            "name": method.name,
            "title": method.title,
            "counting": method.counting,
            "parameters": method.parameters,
            "scores": _nested(rows, "value"),
            "versus_counts": _nested(compared[compared["metric"].isin(COMPARED)], "difference"),
            "detectable": _finite(self.detectable.get(method.name, np.nan)),
            "calibration": self.calibration(method.name),
            "seconds": round(method.seconds, 3),
        }

    @cached_property
    def _versus_counts(self) -> pd.DataFrame:
        return self.versus()


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _nested(rows: pd.DataFrame, name: str) -> dict[str, Any]:
    """By metric the interval, at the first fraction, and where it has fractions, those of each ``by_fraction``."""
    nested: dict[str, Any] = {}
    for metric, fraction, value, low, high in rows.drop(columns="method").itertuples(index=False):
        found = Interval(value, low, high).to_dict(name)
        told = nested.setdefault(metric, dict(found))
        if not np.isnan(fraction):
            told.setdefault("by_fraction", {})[str(fraction)] = found
    return nested
