"""Scores of one method at one origin after the other, as sums that add up over origins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.methods.base import FOLDS, Method, calibration_of, first_fold
from peelian.methods.calibration import Calibration, tally
from peelian.methods.surface import Surface
from peelian.places.counts import Counts
from peelian.trials import metrics
from peelian.trials.calibration import (
    BINS,
    LEVELS,
    tally_coverage,
    tally_deciles,
    tally_pit,
    tally_total_coverage,
)
from peelian.trials.splits import Split

__all__ = ["COLUMNS", "SPREADS", "Scored", "score_method", "surfaces"]

Floats = npt.NDArray[np.float64]

COLUMNS = (
    "fraction",
    "events",
    "hits",
    "area_share",
    "best_hits",
    "log_likelihood",
    "log_gain",
    "full_gain",
    "crps",
    "chosen",
    "empty",
    "reported",
    "missed",
    "shared",
    "together",
    "past_hits",
    "past_events",
)
"""Of a row, one an origin and fraction."""

SPREADS = ("each place picked", "the places picked together", "the whole area")
"""What intervals were looked at, at the first fraction."""


@dataclass(frozen=True, eq=False)
class Scored:
    """One method at all origins.

    Parameters
    ----------
    rows : array of float, shape (n_origins, n_fractions, 17)
        `COLUMNS`.
    pit : array of float, shape (n_origins, 10)
        Probability integral transform, each cell weighted by its mean.
    deciles : array of float, shape (n_origins, 2, 10)
        Reports that came and that were expected, from the lowest cells to the highest.
    coverage : array of float, shape (n_origins, 3, 3, 3)
        By `SPREADS` and level: inside, expected to be, all.
    """

    rows: Floats
    pit: Floats
    deciles: Floats
    coverage: Floats


def score_method(
    method: Method,
    means: dict[int, Floats],
    counts: Counts,
    splits: Sequence[Split],
    fractions: tuple[float, ...],
    gap: int,
    *,
    recalibrated: bool = True,
) -> Scored:
    """Score a method at each origin.

    Parameters
    ----------
    method : Method
        Whose raw means they are; it is not fitted.
    means : dict of int to array of float, shape (n_cells,)
        By index of the period, those that are scored and up to 52 before each.
    counts : Counts
    splits : sequence of Split
    fractions : tuple of float
    gap : int
    recalibrated : bool
        Whether each is put right by those before it, as ``fit`` does. Not so for a line of comparison that is no
        forecast.
    """
    rows, pit, deciles, cover = [], [], [], []
    before: list[npt.NDArray[np.bool_]] | None = None
    past = np.zeros(len(counts.grid), dtype=np.int64)
    known = 0
    told = surfaces(method, means, counts, splits, gap, recalibrated=recalibrated)
    for split, surface in zip(splits, told, strict=True):
        past = past + counts[known : split.train_end].by_cell
        known = split.train_end
        observed = counts.column(split.index)
        chosen = [surface.top(fraction=fraction) for fraction in fractions]
        rows.append(_rows(surface, observed, chosen, fractions, before, past))
        before = chosen
        pit.append(tally_pit(observed, surface.mean, size=surface.cell_size, weight=surface.mean))
        deciles.append(tally_deciles(observed, surface.mean))
        cover.append(_coverage(surface, observed, chosen[0]))
    return Scored(
        np.array(rows, dtype=np.float64),
        np.array(pit).reshape(-1, BINS),
        np.array(deciles),
        np.array(cover).reshape(-1, len(SPREADS), len(LEVELS), 3),
    )


def surfaces(
    method: Method,
    means: dict[int, Floats],
    counts: Counts,
    splits: Sequence[Split],
    gap: int,
    *,
    recalibrated: bool = True,
) -> Iterator[Surface]:
    """The surface that a method gave at each origin, put right by those before it; parameters as `score_method`."""
    tallies: dict[int, Floats] = {}
    for split in splits:
        calibration = _calibration(means, tallies, counts, split, gap) if recalibrated else Calibration.none()
        yield _surface(method, means[split.index], counts, split, calibration)


def _calibration(
    means: dict[int, Floats], tallies: dict[int, Floats], counts: Counts, split: Split, gap: int
) -> Calibration:
    """As `Method.fit` learns it from what was known at the origin; each period is tallied once for all origins."""
    folds = range(max(first_fold(split.train_end, gap), gap + 1), split.train_end)
    for i in folds:
        if i not in tallies and i in means:
            tallies[i] = tally(means[i], counts.column(i))
    for old in [i for i in tallies if i < split.train_end - FOLDS]:
        del tallies[old]
    return calibration_of([tallies[i] for i in folds if i in tallies], counts[: split.train_end], gap)


def _surface(method: Method, mean: Floats, counts: Counts, split: Split, calibration: Calibration) -> Surface:
    periods = split.test.days / counts.periods.frequency.days
    told = calibration.apply(mean, periods=periods)
    return Surface(counts.grid, split.test, told, calibration.size, method.name, common=calibration.common)


def _rows(
    surface: Surface,
    observed: npt.NDArray[np.int64],
    chosen: list[npt.NDArray[np.bool_]],
    fractions: tuple[float, ...],
    before: list[npt.NDArray[np.bool_]] | None,
    past: npt.NDArray[np.int64],
) -> list[tuple[float, ...]]:
    area = surface.grid.area
    total = float(area.sum())
    likelihood = metrics.log_likelihood(observed, surface.mean)
    even = metrics.log_likelihood(observed, metrics.uniform_map(surface.mean, area))
    full = metrics.log_likelihood(observed, surface.mean, size=surface.cell_size)
    crps = metrics.crps(observed, surface.mean, surface.cell_size)
    found: list[tuple[float, ...]] = []
    for k, (fraction, picked) in enumerate(zip(fractions, chosen, strict=True)):
        taken = float(area[picked].sum())
        # One cell is always chosen, even where it is more than the fraction.
        best = metrics.best_hits(observed, area, max(total * fraction, taken))
        alarms = metrics.alarms(observed, picked)
        shared = (0.0, 0.0) if before is None else metrics.overlap(before[k], picked, area)
        hits = float(observed[picked].sum())
        found.append(
            (
                fraction,
                float(observed.sum()),
                hits,
                taken / total,
                float(best),
                likelihood,
                likelihood - even,
                full - even,
                crps,
                alarms.chosen,
                alarms.empty,
                alarms.reported,
                alarms.missed,
                *shared,
                float(past[picked].sum()),
                float(past.sum()),
            )
        )
    return found


def _coverage(
    surface: Surface, observed: npt.NDArray[np.int64], picked: npt.NDArray[np.bool_]
) -> list[Floats]:
    size, common = surface.size, surface.common
    return [
        tally_coverage(observed[picked], surface.mean[picked], size=surface.cell_size),
        tally_total_coverage(observed, surface.mean, size=size, common=common, cells=picked),
        tally_total_coverage(observed, surface.mean, size=size, common=common),
    ]
