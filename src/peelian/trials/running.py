"""Running a trial: each method forecasts period after period, knowing only what had happened before.

Reports are taken by when things happened: one that came in late is learned from before it came in, unless the gap
covers it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from peelian.errors import NotEnoughDataError, UsageError
from peelian.methods.base import Method, first_fold
from peelian.methods.counts import CountMap, luck_of
from peelian.methods.surface import Surface
from peelian.places.counts import Counts
from peelian.places.periods import Day
from peelian.trials import metrics
from peelian.trials.hindsight import hindsight
from peelian.trials.rolling import Past, default_executor, key_of, past_forecasts
from peelian.trials.scoring import COLUMNS, Scored, score_method
from peelian.trials.splits import Split, rolling_origins
from peelian.trials.trial import HINDSIGHT, Trial, Tried

__all__ = ["forecast_at", "run_trial"]

Floats = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]


def forecast_at(method: Method, counts: Counts, split: Split, *, gap: int = 0) -> Surface:
    """The map that `method` gives at an origin: a fresh clone learns from the periods before it and no others.

    A trial comes to the same maps by a shorter way.
    """
    return clone(method).fit(counts[: split.train_end], gap=gap).predict(split.test)  # type: ignore[no-any-return]


def _labels(methods: Sequence[Method]) -> list[tuple[str, str]]:
    """A name and a title for each, numbered from the second of the same class on."""
    seen: dict[str, int] = {}
    labels = []
    for method in methods:
        n = seen[method.name] = seen.get(method.name, 0) + 1
        suffix = "" if n == 1 else f"#{n}"
        labels.append((method.name + suffix, method.title + suffix))
    return labels


def _checked(
    counts: Counts,
    methods: Sequence[Method],
    fractions: Sequence[float],
    areas: Sequence[float] | None,
    level: float,
) -> tuple[float, ...]:
    if not any(m.counting for m in methods):
        given = ", ".join(m.name for m in methods) or "none"
        msg = f"the methods {given} were given; every trial needs one that counts to measure them by"
        raise UsageError(msg, hint="run_trial(counts, [CountMap(), ...])")
    if areas is not None:
        total = float(counts.grid.area.sum())
        if not areas or not all(0 < a <= total * (1 + 1e-9) for a in areas):
            msg = f"areas of {list(areas)} km2 were given; expected some above 0 and up to {total:.2f} km2"
            raise UsageError(msg, hint="--area '0.25 sq mi'")
        fractions = [min(a / total, 1.0) for a in areas]
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
    areas: Sequence[float] | None = None,
    gap: int = 0,
    level: float = 0.95,
    seed: int = 0,
    first: Day | None = None,
    last: Day | None = None,
    block: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    folder: Path | None = None,
) -> Trial:
    """Try methods against counting, period after period.

    Parameters
    ----------
    counts : Counts
    methods : sequence of Method
        At least one of them counts (`CountMap`, `DecayedCounts`, `SeasonalNaive`); the best of those is what the others
        are measured by. They are cloned, never changed.
    origins : int
        How many of the latest periods are forecast.
    fractions : sequence of float
        Shares of the area at which places are chosen. The verdict is about the first: choose it before you
        look.
    areas : sequence of float, optional
        In km2, in place of `fractions`.
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
        Who does the work; a Dask cluster's is ``client.get_executor()``. When it is not given: processes on this
        machine where there is much to do. The scores are the same bytes whoever does it.
    progress : callable, optional
        Called with how many forecasts are done and how many there are.
    folder : Path, optional
        Where finished forecasts are kept, so that the same call goes on after an interruption. Nothing deletes them.

    Raises
    ------
    NotEnoughDataError
        Too few periods for the origins, or nothing was reported in those that were forecast.
    UsageError
        No counting is among the methods, or a setting is off.
    DataError
        The forecasts would not fit in memory.
    """
    kept = _checked(counts, methods, fractions, areas, level)
    splits = rolling_origins(counts.periods, origins=origins, gap=gap, first=first, last=last)
    if not any(counts.column(split.index).any() for split in splits):
        msg = (
            f"0 incidents were reported in the {len(splits)} periods to forecast, {splits[0].test.start} up to "
            f"{splits[-1].test.end}; expected at least one to score by"
        )
        raise NotEnoughDataError(msg, hint="use more origins, longer periods or another category")
    every, counts = counts, counts[: splits[-1].index + 1]
    begin = min(first_fold(split.train_end, gap) for split in splits)
    if executor is None:
        executor = default_executor(len(counts.grid) * (len(counts.periods) - begin) * len(methods))
    pasts = past_forecasts(
        counts,
        methods,
        first=begin,
        last=len(counts.periods),
        gap=gap,
        executor=executor,
        progress=progress,
        folder=None if folder is None else folder / key_of(counts, gap),
    )
    splits = _known_to_all(pasts, splits)
    # The only thing that sees what came after the origins; nothing is learned from it.
    looking_back = {s.index: _hindsight(every, s.index) for s in splits}
    scored = _scored(methods, pasts, looking_back, counts, splits, kept, gap, executor)
    tried = [
        Tried(*label, method.parameters(), past.seconds, method.counting)
        for label, method, past in zip(_labels(methods), methods, pasts, strict=True)
    ]
    names = [t.name for t in tried]
    return Trial(
        _frame([*names, HINDSIGHT], splits, scored),
        tuple(tried),
        tuple(splits),
        dict(zip(names, scored, strict=False)),
        len(counts.grid),
        str(counts.periods.frequency),
        kept,
        None if areas is None else tuple(float(a) for a in areas),
        gap,
        level,
        seed,
        block,
    )


def _hindsight(counts: Counts, i: int) -> Floats:
    """Counts of all other periods, less what of their height is luck, as the count map does it."""
    return hindsight(counts, i, background=luck_of(counts.by_cell - counts.column(i)))


def _known_to_all(pasts: Sequence[Past], splits: Sequence[Split]) -> list[Split]:
    """The origins at which every method had something to learn from."""
    found = [split for split in splits if all(split.index in past.means for past in pasts)]
    if not found:
        msg = (
            f"nothing had been reported before any of the {len(splits)} periods to forecast; expected at least one "
            "with something to learn from"
        )
        raise NotEnoughDataError(msg, hint="use fewer origins, or a category that was reported earlier")
    return found


def _scored(
    methods: Sequence[Method],
    pasts: Sequence[Past],
    looking_back: dict[int, Floats],
    counts: Counts,
    splits: list[Split],
    fractions: tuple[float, ...],
    gap: int,
    executor: Executor | None,
) -> list[Scored]:
    """The methods' scores, and last those of hindsight."""
    # The scores need nothing that only methods learn from, and a process is sent no more than it needs.
    counts = replace(counts, points=None, companions={}, features={})
    tasks: list[tuple[Any, ...]] = [
        (method, past.means, counts, splits, fractions, gap)
        for method, past in zip(methods, pasts, strict=True)
    ]
    line = (CountMap(), looking_back, counts, splits, fractions, gap)
    if executor is None:
        return [*(score_method(*task) for task in tasks), score_method(*line, recalibrated=False)]
    futures = [executor.submit(score_method, *task) for task in tasks]
    futures.append(executor.submit(score_method, *line, recalibrated=False))
    return [future.result() for future in futures]


def _frame(names: list[str], splits: Sequence[Split], scored: Sequence[Scored]) -> pd.DataFrame:
    """One row a method, origin and fraction, by origin first."""
    rows = np.array([one.rows for one in scored])
    methods, origins, fractions, columns = rows.shape
    flat = rows.transpose(1, 0, 2, 3).reshape(-1, columns)
    frame = pd.DataFrame(flat, columns=list(COLUMNS))
    starts = np.array([split.test.start for split in splits], dtype="datetime64[s]")
    frame.insert(0, "method", np.tile(np.repeat(np.array(names, dtype=object), fractions), origins))
    frame.insert(1, "origin", np.repeat(starts, methods * fractions))
    whole = [
        "events",
        "hits",
        "best_hits",
        "chosen",
        "empty",
        "reported",
        "missed",
        "past_hits",
        "past_events",
    ]
    frame[whole] = frame[whole].astype(np.int64)
    frame["log_score"] = metrics.log_score(frame["log_likelihood"].to_numpy(), frame["events"].to_numpy())
    frame["log_skill"] = metrics.log_score(frame["log_gain"].to_numpy(), frame["events"].to_numpy())
    return frame
