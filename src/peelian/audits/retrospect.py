"""What was forecast of past periods, place by place, and what then came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from peelian.errors import NotEnoughDataError, UsageError
from peelian.methods.base import Method, first_fold
from peelian.places.counts import Counts
from peelian.places.grid import Grid
from peelian.trials.rolling import default_executor, past_forecasts
from peelian.trials.scoring import surfaces
from peelian.trials.splits import Split, rolling_origins

__all__ = ["Retrospect", "look_back"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Retrospect:
    """A method's forecasts of past periods, each from what was known before it, beside what was reported.

    Parameters
    ----------
    method, title : str
    grid : Grid
    splits : tuple of Split
        The periods, in order.
    observed : array of int, shape (n_periods, n_cells)
        Reports.
    mean : array of float, shape (n_periods, n_cells)
        Expected reports.
    size : array of float, shape (n_periods,)
        Negative binomial size of a cell's count; infinite is Poisson.
    picked : array of bool, shape (n_periods, n_cells)
        The places with the most expected reports, up to `coverage`.
    coverage : float
        Share of the area that is picked.
    """

    method: str
    title: str
    grid: Grid
    splits: tuple[Split, ...]
    observed: Ints
    mean: Floats
    size: Floats
    picked: Bools
    coverage: float

    def __post_init__(self) -> None:
        shape = (len(self.splits), len(self.grid))
        given = {"observed": self.observed, "mean": self.mean, "picked": self.picked}
        wrong = {name: a.shape for name, a in given.items() if a.shape != shape}
        if wrong or self.size.shape != shape[:1] or not shape[0]:
            msg = f"arrays of shapes {wrong or self.size.shape} were given for {shape[0]} periods and {shape[1]} cells"
            raise UsageError(msg)
        if not 0 < self.coverage <= 1:
            msg = (
                f"a coverage of {self.coverage} was given; expected a share of the area above 0 and at most 1"
            )
            raise UsageError(msg, hint="write 1 % as 0.01")


def look_back(
    counts: Counts,
    methods: Sequence[Method],
    *,
    origins: int = 52,
    coverage: float = 0.01,
    gap: int = 0,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> list[Retrospect]:
    """Forecast the latest periods by each method, as a trial does: from what was known before each.

    Parameters
    ----------
    counts : Counts
    methods : sequence of Method
    origins : int
        How many of the latest periods.
    coverage : float
        Share of the area that is picked.
    gap : int
        Periods before each that are not known yet.
    executor : Executor, optional
        Who does the work; the result is the same bytes whoever does it.
    progress : callable, optional

    Returns
    -------
    list of Retrospect
        In the order of `methods`, all of the same periods.

    Raises
    ------
    NotEnoughDataError
        Too few periods, nothing to learn from before any of them, or nothing was reported in them.
    UsageError
        A setting is off.
    """
    if not 0 < coverage <= 1:
        msg = f"a coverage of {coverage} was given; expected a share of the area above 0 and at most 1"
        raise UsageError(msg, hint="write 1 % as 0.01")
    splits = rolling_origins(counts.periods, origins=origins, gap=gap)
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
    )
    splits = [split for split in splits if all(split.index in past.means for past in pasts)]
    reports = sum(int(counts.column(split.index).sum()) for split in splits)
    if not splits or not reports:
        msg = f"{reports} reports in {len(splits)} periods that could be forecast; expected at least one of each"
        raise NotEnoughDataError(msg, hint="use more origins, longer periods or another category")
    plain = replace(counts, points=None, companions={}, features={})
    return [
        _retrospect(method, past.means, plain, splits, coverage, gap)
        for method, past in zip(methods, pasts, strict=True)
    ]


def _retrospect(
    method: Method,
    means: dict[int, Floats],
    counts: Counts,
    splits: Sequence[Split],
    coverage: float,
    gap: int,
) -> Retrospect:
    told = list(surfaces(method, means, counts, splits, gap))
    return Retrospect(
        method.name,
        method.title,
        counts.grid,
        tuple(splits),
        np.array([counts.column(split.index) for split in splits], dtype=np.int64),
        np.array([surface.mean for surface in told]),
        np.array([surface.cell_size for surface in told]),
        np.array([surface.top(fraction=coverage) for surface in told]),
        coverage,
    )
