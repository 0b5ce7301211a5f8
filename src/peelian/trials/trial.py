"""A trial: each method forecasts period after period, knowing only what had been reported before."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from peelian.errors import NotEnoughDataError, UsageError
from peelian.methods.base import Method
from peelian.methods.counts import CountMap
from peelian.methods.surface import Surface
from peelian.places.counts import Counts
from peelian.places.periods import Day
from peelian.trials import metrics
from peelian.trials.bootstrap import Interval, Resampler
from peelian.trials.splits import Split, rolling_origins
from peelian.trials.verdict import Comparison, Verdict, judge, simultaneous

__all__ = ["Trial", "Tried", "forecast_at", "run_trial"]

Floats = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]

AT_FRACTION = ("hit_rate", "pai", "pei")
OVERALL = ("log_score", "log_skill", "crps")
RANGES = {"hit_rate": (0.0, 1.0), "pai": (0.0, np.inf), "pei": (0.0, 1.0), "crps": (0.0, np.inf)}
COMPARED = ("pai", "log_score", "crps")

_PIECES: dict[str, tuple[str, ...]] = {
    "hit_rate": ("hits", "events"),
    "pai": ("hits", "events", "area_share", "one"),
    "pei": ("hits", "best_hits"),
    "log_score": ("log_likelihood", "events"),
    "log_skill": ("log_gain", "events"),
    "crps": ("crps", "one"),
}


def _pooled(metric: str, sums: Floats) -> Floats:
    """A metric of the sums of its pieces over origins, shape (k, ...) to (...)."""
    if metric == "hit_rate":
        return metrics.hit_rate(sums[0], sums[1])
    if metric == "pai":
        return metrics.pai(sums[0], sums[1], sums[2] / sums[3])
    if metric == "pei":
        return metrics.pei(sums[0], sums[1])
    if metric == "crps":
        return np.asarray(sums[0] / sums[1], dtype=np.float64)
    return metrics.log_score(sums[0], sums[1])


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
        Spent on fit and predict over all origins.
    """

    name: str
    title: str
    parameters: dict[str, Any]
    seconds: float


@dataclass(frozen=True, eq=False)
class Trial:
    """What each method scored at each origin, and what can be said of it.

    Parameters
    ----------
    frame : DataFrame
        One row a method, origin and fraction: ``method``, ``origin`` (first day of the period that was
        forecast), ``fraction``, ``events``, ``hits``, ``area_share`` (of the cells chosen), ``best_hits`` (of
        any choice of as much area), ``log_likelihood`` (Poisson, nats), ``log_gain`` (nats above the uniform map with
        the same total), ``crps`` (reports, summed over cells) and, per incident, ``log_score`` (the
        Poisson log score) and ``log_skill``.
    methods : tuple of Tried
        The first `CountMap` among them is the baseline.
    baseline : str
        Its name.
    splits : tuple of Split
    cells : int
    frequency : str
    fractions : tuple of float
        The first one is what the verdict is about.
    gap : int
    level : float
    seed : int
        Of the bootstrap.
    block : int, optional
        Origins in a block of it.
    """

    frame: pd.DataFrame
    methods: tuple[Tried, ...]
    baseline: str
    splits: tuple[Split, ...]
    cells: int
    frequency: str
    fractions: tuple[float, ...]
    gap: int
    level: float
    seed: int
    block: int | None = None

    @cached_property
    def _resampler(self) -> Resampler:
        return Resampler(len(self.splits), block=self.block, seed=self.seed)

    @cached_property
    def _by_key(self) -> dict[tuple[str, float], pd.DataFrame]:
        frame = self.frame.assign(one=1.0)
        keys = [(method.name, fraction) for method in self.methods for fraction in self.fractions]
        return {(m, f): frame[(frame["method"] == m) & (frame["fraction"] == f)] for m, f in keys}

    def _pieces(self, method: str, metric: str, fraction: float) -> Floats:
        at = fraction if metric in AT_FRACTION else self.fractions[0]
        part = self._by_key[method, at]
        return part.loc[:, list(_PIECES[metric])].to_numpy(dtype=np.float64).T

    def score(self, method: str, metric: str, *, fraction: float = np.nan) -> Interval:
        """One pooled score with its interval; `fraction` matters to hit rate, PAI and PEI only."""
        pieces = self._pieces(method, metric, fraction)
        found = self._resampler.interval(lambda sums: _pooled(metric, sums), pieces, level=self.level)
        # An interval that was stretched for few blocks may leave what the score can be.
        least, most = RANGES.get(metric, (-np.inf, np.inf))
        low, high = np.clip([found.low, found.high], least, most)  # what is not a number stays so
        return Interval(found.value, float(low), float(high))

    def difference(
        self, method: str, other: str, metric: str, *, fraction: float = np.nan, level: float | None = None
    ) -> Interval:
        """Score of `method` less that of `other`, paired by origin. For CRPS less is better."""
        pieces = np.vstack([self._pieces(name, metric, fraction) for name in (method, other)])
        k = len(_PIECES[metric])
        return self._resampler.interval(
            lambda sums: _pooled(metric, sums[:k]) - _pooled(metric, sums[k:]),
            pieces,
            level=self.level if level is None else level,
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
        for name, metric, fraction in self._questions([m.name for m in self.methods]):
            found = self.score(name, metric, fraction=fraction)
            rows.append((name, metric, fraction, found.value, found.low, found.high))
        return pd.DataFrame(rows, columns=["method", "metric", "fraction", "value", "low", "high"])

    def versus(self, baseline: str | None = None) -> pd.DataFrame:
        """Paired differences of every other method from `baseline`, the count map when it is not given.

        Returns
        -------
        DataFrame
            ``method``, ``metric``, ``fraction``, ``difference``, ``low``, ``high``; each interval by itself,
            not simultaneous. For CRPS a negative difference is better.
        """
        known = [m.name for m in self.methods]
        against = self.baseline if baseline is None else baseline
        if against not in known:
            msg = f"{against!r} was given as the baseline; the trial has {', '.join(known)}"
            raise UsageError(msg)
        rows = []
        for name, metric, fraction in self._questions([n for n in known if n != against]):
            found = self.difference(name, against, metric, fraction=fraction)
            rows.append((name, metric, fraction, found.value, found.low, found.high))
        return pd.DataFrame(rows, columns=["method", "metric", "fraction", "difference", "low", "high"])

    @cached_property
    def verdict(self) -> Verdict:
        """By PAI at the first fraction, against the count map; the rules are in `peelian.trials.verdict`."""
        at = self.fractions[0]
        challengers = [m for m in self.methods if m.name != self.baseline]
        level = simultaneous(self.level, len(challengers))
        comparisons = [
            Comparison(
                m.name,
                m.title,
                self.difference(m.name, self.baseline, "pai", fraction=at, level=level),
                *(self.score(name, "pai", fraction=at).value for name in (m.name, self.baseline)),
                *(self.score(name, "hit_rate", fraction=at).value for name in (m.name, self.baseline)),
            )
            for m in challengers
        ]
        return judge(
            comparisons,
            baseline=self.baseline,
            fraction=at,
            level=self.level,
            over=self._over,
            events=self.events,
        )

    @property
    def _over(self) -> str:
        nouns = {"1d": "days", "1w": "weeks", "1mo": "months"}
        noun = nouns.get(self.frequency, f"periods of {self.frequency}")
        last = self.splits[-1].test.end - np.timedelta64(1, "D")
        return f"{len(self.splits)} {noun}, {self.splits[0].test.start} to {last}"

    @property
    def events(self) -> int:
        """Incidents in the periods that were forecast."""
        return int(self._by_key[self.baseline, self.fractions[0]]["events"].sum())

    def to_dict(self) -> dict[str, Any]:
        """The whole result as JSON has it; ``to`` is the day after the last one."""
        return {
            "origins": len(self.splits),
            "events": self.events,
            "cells": self.cells,
            "fractions": list(self.fractions),
            "period": self.frequency,
            "from": str(self.splits[0].test.start),
            "to": str(self.splits[-1].test.end),
            "gap": self.gap,
            "level": self.level,
            "seed": self.seed,
            "methods": [self._method_dict(method) for method in self.methods],
            "verdict": self.verdict.to_dict(),
        }

    def _method_dict(self, method: Tried) -> dict[str, Any]:
        rows = self.summary[self.summary["method"] == method.name]
        compared = self._versus_counts[self._versus_counts["method"] == method.name]
        return {
            "name": method.name,
            "title": method.title,
            "parameters": method.parameters,
            "scores": _nested(rows, "value"),
            "versus_counts": _nested(compared[compared["metric"].isin(COMPARED)], "difference"),
            "seconds": round(method.seconds, 3),
        }

    @cached_property
    def _versus_counts(self) -> pd.DataFrame:
        return self.versus()


def _nested(rows: pd.DataFrame, name: str) -> dict[str, Any]:
    """Metric, then fraction where it has one, then the interval."""
    nested: dict[str, Any] = {}
    for metric, fraction, value, low, high in rows.drop(columns="method").itertuples(index=False):
        found = Interval(value, low, high).to_dict(name)
        if np.isnan(fraction):
            nested[metric] = found
        else:
            nested.setdefault(metric, {})[str(fraction)] = found
    return nested


def forecast_at(method: Method, counts: Counts, split: Split) -> Surface:
    """The map that `method` gives at an origin: a fresh clone learns from the periods before it and no others."""
    return clone(method).fit(counts[: split.train_end]).predict(split.test)  # type: ignore[no-any-return]


def _score(
    methods: Sequence[Method],
    past: Counts,
    split: Split,
    observed: npt.NDArray[np.int64],
    fractions: tuple[float, ...],
) -> tuple[list[tuple[float, ...]], list[float]]:
    """All methods at one origin: a row each fraction, in order, and the seconds each method took.

    It is given the past and the one period that is scored, so that nothing later can reach it.
    """
    area = past.grid.area
    total = float(area.sum())
    rows: list[tuple[float, ...]] = []
    seconds = []
    best: dict[float, int] = {}
    for method in methods:
        start = time.perf_counter()
        surface = forecast_at(method, past, split)
        seconds.append(time.perf_counter() - start)
        likelihood = metrics.log_likelihood(observed, surface.mean)
        even = metrics.log_likelihood(observed, metrics.uniform_map(surface.mean, area))
        crps = metrics.crps(observed, surface.mean, surface.cell_size)
        for fraction in fractions:
            chosen = surface.top(fraction=fraction)
            taken = float(area[chosen].sum())
            # One cell is always chosen, even where it is more than the fraction.
            limit = max(total * fraction, taken)
            if limit not in best:
                best[limit] = metrics.best_hits(observed, area, limit)
            hits = float(observed[chosen].sum())
            row = (fraction, float(observed.sum()), hits, taken / total, float(best[limit]))
            rows.append((*row, likelihood, likelihood - even, crps))
    return rows, seconds


def _run(
    tasks: list[tuple[Any, ...]], executor: Executor | None, progress: Progress | None
) -> list[tuple[list[tuple[float, ...]], list[float]]]:
    """Results in the order of the tasks, whoever did them and in whatever order."""
    tell = progress or (lambda done, total: None)
    tell(0, len(tasks))
    if executor is None:
        results = []
        for i, task in enumerate(tasks):
            results.append(_score(*task))
            tell(i + 1, len(tasks))
        return results
    futures: list[Future[Any]] = [executor.submit(_score, *task) for task in tasks]
    try:
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            tell(done, len(tasks))
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return [future.result() for future in futures]


def _labels(methods: Sequence[Method]) -> list[tuple[str, str]]:
    """A name and a title for each, numbered from the second of the same class on."""
    seen: dict[str, int] = {}
    labels = []
    for method in methods:
        n = seen[method.name] = seen.get(method.name, 0) + 1
        suffix = "" if n == 1 else f"#{n}"
        labels.append((method.name + suffix, method.title + suffix))
    return labels


def _checked(methods: Sequence[Method], fractions: Sequence[float], level: float) -> tuple[float, ...]:
    if not any(isinstance(m, CountMap) for m in methods):
        given = ", ".join(m.name for m in methods) or "none"
        msg = f"the methods {given} were given; every trial needs a count map to measure them by"
        raise UsageError(msg, hint="run_trial(counts, [CountMap(), ...])")
    kept = tuple(float(f) for f in fractions)
    if not kept or len(set(kept)) < len(kept) or not all(0 < f <= 1 for f in kept):
        msg = f"the fractions {list(fractions)} were given; expected different shares of the area, above 0 up to 1"
        raise UsageError(msg, hint="write 1 % as 0.01")
    if not 0 < level < 1:
        msg = f"a level of {level} was given; expected a share between 0 and 1"
        raise UsageError(msg, hint="level=0.95")
    return kept


def run_trial(
    counts: Counts,
    methods: Sequence[Method],
    *,
    origins: int = 52,
    fractions: Sequence[float] = (0.01, 0.05),
    gap: int = 0,
    level: float = 0.95,
    seed: int = 0,
    first: Day | None = None,
    last: Day | None = None,
    block: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Trial:
    """Try methods against the count map, period after period.

    Parameters
    ----------
    counts : Counts
    methods : sequence of Method
        One of them a `CountMap`, by which the others are measured. They are cloned, never changed.
    origins : int
        How many of the latest periods are forecast.
    fractions : sequence of float
        Shares of the area at which places are chosen. The verdict is about the first: choose it before you
        look.
    gap : int
        Periods before each forecast that are not known yet.
    level : float
        Of the intervals; for the verdict, of all of them at once.
    seed : int
        Of the bootstrap.
    first, last : date, optional
        Bounds of the periods that are forecast, ``[first, last)``.
    block : int, optional
        Periods in a block of the bootstrap; `peelian.trials.bootstrap.default_block` when it is not given.
    executor : concurrent.futures.Executor, optional
        Who does the work, an origin a task. The scores are the same bytes whoever does it.
    progress : callable, optional
        Called with how many origins are done and how many there are.

    Raises
    ------
    NotEnoughDataError
        Too few periods for the origins, or nothing was reported in those that were forecast.
    UsageError
        No count map is among the methods, or a setting is off.
    """
    kept = _checked(methods, fractions, level)
    splits = rolling_origins(counts.periods, origins=origins, gap=gap, first=first, last=last)
    if not any(counts.column(split.index).any() for split in splits):
        msg = (
            f"0 incidents were reported in the {len(splits)} periods to forecast, {splits[0].test.start} up to "
            f"{splits[-1].test.end}; expected at least one to score by"
        )
        raise NotEnoughDataError(msg, hint="use more origins, longer periods or another category")
    labels = _labels(methods)
    tasks = [(tuple(methods), counts[: s.train_end], s, counts.column(s.index), kept) for s in splits]
    results = _run(tasks, executor, progress)
    seconds = np.sum([spent for _, spent in results], axis=0)
    tried = tuple(
        Tried(*label, parameters=dict(method.get_params()), seconds=float(spent))
        for label, method, spent in zip(labels, methods, seconds, strict=True)
    )
    baseline = next(t.name for t, m in zip(tried, methods, strict=True) if isinstance(m, CountMap))
    frame = _frame([t.name for t in tried], splits, kept, [rows for rows, _ in results])
    frequency = str(counts.periods.frequency)
    return Trial(
        frame, tried, baseline, tuple(splits), len(counts.grid), frequency, kept, gap, level, seed, block
    )


def _frame(
    names: list[str],
    splits: Sequence[Split],
    fractions: tuple[float, ...],
    results: list[list[tuple[float, ...]]],
) -> pd.DataFrame:
    columns = ["fraction", "events", "hits", "area_share", "best_hits", "log_likelihood", "log_gain", "crps"]
    frame = pd.DataFrame([row for rows in results for row in rows], columns=columns)
    starts = np.array([split.test.start for split in splits], dtype="datetime64[s]")
    frame.insert(0, "method", np.tile(np.repeat(np.array(names, dtype=object), len(fractions)), len(splits)))
    frame.insert(1, "origin", np.repeat(starts, len(names) * len(fractions)))
    whole = ["events", "hits", "best_hits"]
    frame[whole] = frame[whole].astype(np.int64)
    frame["log_score"] = metrics.log_score(frame["log_likelihood"].to_numpy(), frame["events"].to_numpy())
    frame["log_skill"] = metrics.log_score(frame["log_gain"].to_numpy(), frame["events"].to_numpy())
    return frame
