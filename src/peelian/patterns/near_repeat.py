"""Near repeats: whether reports follow each other, near by and soon, more often than chance would have it.

The Knox test asks it of a table of bands of distance and time. All pairs of incidents that fall in a band are counted.
Then the times are shuffled among the incidents, many times: the places keep their reports and the weeks theirs, and
only what ties the one to the other is lost. What is counted then is what chance makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import UsageError
from peelian.patterns.base import (
    Pattern,
    axes,
    check_level,
    check_replicates,
    false_discovery,
    monte_carlo_p,
)
from peelian.patterns.knox_counts import count_pairs, near_pairs
from peelian.patterns.knox_interval import blocks_of, ratio_interval
from peelian.patterns.point_events import MINUTES, PointEvents, plain, point_events, span_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from peelian.records.incidents import Incidents

__all__ = ["Metric", "NearRepeat", "band_names", "near_repeat", "time_names"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Metric = Literal["euclidean", "manhattan"]

DISTANCES = (0.0, 100.0, 200.0, 400.0)
DAYS = (7.0, 14.0, 21.0, 28.0)
PER_PART = 100

LIMITS = (
    "These are reports: what is reported late, twice or not at all changes the table.",
    "A ratio says how often reports follow reports. It does not say why, nor who is behind them.",
    "Many tests are made, one a band: q is the share of false findings to expect among bands with such a q or lower.",
)


@dataclass(frozen=True, eq=False)
class NearRepeat(Pattern):
    """A Knox table: pairs of incidents by band of distance and time, against the same with times shuffled.

    Parameters
    ----------
    distances : array of float, shape (d,)
        Upper end of each band in metres. The first band starts at 0 and holds it, the others start above the end of
        the one before. A first end of 0 is the band of the same place.
    days : array of float, shape (t,)
        Upper ends of the bands of time in days, in the same way.
    observed : array of int, shape (d, t)
        Pairs.
    expected : array of float, shape (d, t)
        Their mean over the permutations.
    chance_low, chance_high : array of float, shape (d, t)
        Between these, 95 % (with a `level` of 0.05) of the permutations lie.
    ratio_low, ratio_high : array of float, shape (d, t)
        Interval of observed / expected.
    p, q, p_family : array of float, shape (d, t)
        Monte Carlo p of so many pairs or more; false-discovery rate over the bands; p that any band of the table
        stands out as much, from the largest standardised excess in each permutation.
    permuted : array of int, shape (permutations, d, t)
    parts : int
        Parts of the area within which times were shuffled.
    incidents, tied, tied_pairs : int
        How many there are; how many share both point and time with another; and the pairs that these make.
    """

    distances: Floats
    days: Floats
    observed: Ints
    expected: Floats
    chance_low: Floats
    chance_high: Floats
    ratio_low: Floats
    ratio_high: Floats
    p: Floats
    q: Floats
    p_family: Floats
    permuted: Ints
    incidents: int
    tied: int
    tied_pairs: int
    span: tuple[str, str] | None
    level: float
    metric: Metric
    elapsed: bool
    parts: int
    seed: int

    @property
    def ratio(self) -> Floats:
        """Observed over expected pairs, shape (d, t); NaN where nothing was expected."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.expected > 0, self.observed / self.expected, np.nan)

    @property
    def permutations(self) -> int:
        """How often the times were shuffled."""
        return int(self.permuted.shape[0])

    @property
    def could_find_one(self) -> bool:
        """Whether a single band could stand out: the lowest p that so many permutations give, over so many bands."""
        return self.observed.size / (self.permutations + 1) <= self.level

    @property
    def significant(self) -> npt.NDArray[np.bool_]:
        """Bands with a q of at most `level` and an interval of the ratio above 1, shape (d, t)."""
        found: npt.NDArray[np.bool_] = (self.q <= self.level) & (self.ratio_low > 1)
        return found

    @property
    def extra_each(self) -> Floats:
        """Pairs above those expected for each incident, shape (d, t): what one report is followed by, on average."""
        return (self.observed - self.expected) / max(self.incidents, 1)

    @property
    def frame(self) -> pd.DataFrame:
        """One row a band, those that stand out first."""
        d, t = np.indices(self.observed.shape).reshape(2, -1)
        places, times = band_names(self.distances), time_names(self.days, elapsed=self.elapsed)
        rows = pd.DataFrame(
            {
                "distance": [places[i] for i in d],
                "time": [times[i] for i in t],
                "distance_to_m": self.distances[d],
                "days_to": self.days[t],
                "observed": self.observed.ravel(),
                "expected": self.expected.ravel(),
                "chance_low": self.chance_low.ravel(),
                "chance_high": self.chance_high.ravel(),
                "ratio": self.ratio.ravel(),
                "ratio_low": self.ratio_low.ravel(),
                "ratio_high": self.ratio_high.ravel(),
                "p": self.p.ravel(),
                "q": self.q.ravel(),
                "p_family": self.p_family.ravel(),
                "stands_out": self.significant.ravel(),
                "extra_each": self.extra_each.ravel(),
            }
        )
        order = np.lexsort((-rows["ratio"].fillna(0), ~rows["stands_out"]))
        return rows.iloc[order].reset_index(drop=True)

    def sentence(self) -> str:
        """What was found and how sure that is."""
        if self.incidents < 2 or self.span is None:
            return f"With {self.incidents} reported incidents there are no pairs, and nothing to look at."
        among = f"Among {self.incidents:,} reported incidents from {self.span[0]} to {self.span[1]}"
        if not self.significant.any():
            told = (
                f"{among}, no band of distance and time has more pairs than chance makes "
                f"(false-discovery rate {self.level:g}, {self.permutations:,} permutations)."
            )
            if not self.could_find_one:
                told += (
                    f" So few permutations can't show one band of {self.observed.size} alone to stand out."
                )
            return told + self._ties()
        row = self.frame.iloc[0]
        return (
            f"{among}, {int(self.significant.sum())} of {self.observed.size} bands have more pairs than chance makes, "
            f"most of all {row['distance']} and {row['time']}: {row['observed']:,} pairs where "
            f"{row['expected']:,.1f} were expected, {row['ratio']:.2f} times as many "
            f"({100 * (1 - self.level):g} % interval {row['ratio_low']:.2f} to {row['ratio_high']:.2f}, "
            f"p {row['p']:.2g}, q {row['q']:.2g})." + self._ties()
        )

    def _ties(self) -> str:
        if not self.tied:
            return ""
        return (
            f" {self.tied:,} incidents share both point and time with another; if these are one report written twice, "
            "the first band is too high: see duplicates."
        )

    def to_dict(self) -> dict[str, Any]:
        """Settings, bands and limits as plain data."""
        limits = list(LIMITS)
        if self.parts == 1:
            limits.append(
                "Where one part of the area rose and another fell, reports near by are close in time for that."
            )
        if not self.elapsed:
            limits.append("Times are calendar days: what is known to the day has no hours.")
        made: dict[str, Any] = plain(
            {
                "settings": {
                    "distances_m": self.distances,
                    "days": self.days,
                    "metric": self.metric,
                    "elapsed": self.elapsed,
                    "parts": self.parts,
                    "permutations": self.permutations,
                    "level": self.level,
                    "seed": self.seed,
                },
                "incidents": self.incidents,
                "tied": self.tied,
                "tied_pairs": self.tied_pairs,
                "span": self.span,
                "bands": self.frame.to_dict("records"),
                "sentence": self.sentence(),
                "limits": limits,
            }
        )
        return made

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The ratio of each band; a star where it stands out."""
        ax = axes(ax)
        ratio = self.ratio
        log = np.log(np.where(ratio > 0, ratio, np.nan))
        reach = max(float(np.nanmax(np.abs(log), initial=0)), float(np.log(1.2)))
        log[ratio == 0] = -reach
        ax.imshow(log, cmap="PuOr_r", vmin=-reach, vmax=reach, aspect="auto")
        for (d, t), value in np.ndenumerate(ratio):
            star = "*" if self.significant[d, t] else ""
            dark = abs(log[d, t]) > 0.6 * reach
            label = "–" if np.isnan(value) else f"{value:.2f}{star}"
            ax.text(t, d, label, ha="center", va="center", color="white" if dark else "black")
        ax.set_xticks(range(len(self.days)), time_names(self.days, elapsed=self.elapsed))
        ax.set_yticks(range(len(self.distances)), band_names(self.distances))
        ax.set_title("Pairs of reports, observed / expected by chance (* stands out)", fontsize="medium")
        return ax


def near_repeat(
    incidents: Incidents,
    *,
    distances: Sequence[float] = DISTANCES,
    days: Sequence[float] = DAYS,
    metric: Metric = "euclidean",
    elapsed: bool = False,
    parts: int = 1,
    permutations: int = 999,
    level: float = 0.05,
    seed: int = 0,
    threads: int | None = None,
) -> NearRepeat:
    """Knox test over a table of bands of distance and time.

    Parameters
    ----------
    incidents : Incidents
    distances : sequence of float
        Upper ends of the bands of distance, in metres. ``(0, 100, 200)`` makes three bands: the same place, above 0
        up to 100 m, above 100 up to 200 m; ``(100, 200)`` makes two, the first of which holds the same place too.
    days : sequence of float
        Upper ends of the bands of time. ``(7, 14)`` makes 0 to 7 and 8 to 14 days.
    metric : {"euclidean", "manhattan"}
    elapsed : bool
        Take the time that has gone by, to the minute, in place of calendar days.
    parts : int
        Times are shuffled only within so many parts of the area with about as many reports each, at most 64 and of
        100 reports or more. Then what one part had more of in some months than another is no near repeat: with 1, the
        wider bands stand out for that alone.
    permutations : int
        How often the times are shuffled. With fewer than bands / `level` no band alone can stand out.
    level : float
        False-discovery rate at which a band stands out, and 1 minus the cover of the intervals.
    seed : int
    threads : int, optional
        As many as Numba uses. The result doesn't depend on it.

    Raises
    ------
    UsageError
        A band is negative, out of order or of no width; or a number of days is no whole number while `elapsed` is
        false.
    ResolutionError
        Times are known only to the month.
    DataError
        More than 100 million pairs are within the last distance: memory is for people, too.

    Notes
    -----
    Knox (1964), "The detection of space-time interactions", Applied Statistics 13; Johnson et al. (2007), "Space-time
    patterns of risk", Journal of Quantitative Criminology 23, for the table; the bands are those of Ratcliffe's Near
    Repeat Calculator (2009). The correction over the table is that of Westfall and Young (1993).
    """
    ends = _ends(distances, "distances", "m")
    spans = _ends(days, "days", "days")
    check_replicates(permutations)
    check_level(level)
    if metric not in ("euclidean", "manhattan"):
        msg = f"a metric of {metric!r} was given; expected euclidean or manhattan"
        raise UsageError(msg)
    if not elapsed and np.any(spans != np.round(spans)):
        msg = f"bands of {', '.join(f'{d:g}' for d in spans)} days were given; calendar days are whole"
        raise UsageError(msg, hint="days=(7, 14)")
    if parts not in (1, 2, 4, 8, 16, 32, 64):
        msg = f"parts={parts} was given; expected 1, 2, 4, 8, 16, 32 or 64"
        raise UsageError(msg, hint="parts=16")
    events = point_events(incidents, minutes=elapsed)
    part = blocks_of(events.x, events.y, most=parts, each=PER_PART)
    edges = np.round(spans * events.per_day).astype(np.int64)
    pairs = near_pairs(events.x, events.y, ends, manhattan=metric == "manhattan")
    observed, permuted = count_pairs(
        pairs, events.time, edges, permutations=permutations, part=part, seed=seed, threads=threads
    )
    expected = permuted.mean(axis=0)
    low, high = ratio_interval(pairs, events.x, events.y, events.time, edges, observed, expected, level=level)
    chance_low, chance_high = np.quantile(permuted, [level / 2, 1 - level / 2], axis=0)
    p, p_family = _p_values(observed, permuted)
    if len(events) < 2:
        p, p_family = np.full(p.shape, np.nan), np.full(p.shape, np.nan)
    q = false_discovery(p.ravel()).reshape(p.shape)
    return NearRepeat(
        distances=ends,
        days=spans,
        observed=observed,
        expected=expected,
        chance_low=chance_low,
        chance_high=chance_high,
        ratio_low=low,
        ratio_high=high,
        p=p,
        q=q,
        p_family=p_family,
        permuted=permuted,
        **_about(events),
        span=span_of(incidents),
        level=level,
        metric=metric,
        elapsed=elapsed,
        parts=int(part.max(initial=0)) + 1,
        seed=seed,
    )


def _about(events: PointEvents) -> dict[str, int]:
    tied, tied_pairs = events.tied()
    return {"incidents": len(events), "tied": tied, "tied_pairs": tied_pairs}


def _p_values(observed: Ints, permuted: Ints) -> tuple[Floats, Floats]:
    """p of each band alone, and p of the largest standardised excess over all of them."""
    n = permuted.shape[0]
    p = monte_carlo_p((permuted >= observed).sum(axis=0), n)
    mean, sd = permuted.mean(axis=0), permuted.std(axis=0)
    scale = np.where(sd > 0, sd, 1.0)
    excess = (observed - mean) / scale
    largest = ((permuted - mean) / scale).reshape(n, -1).max(axis=1)
    # Rounding of the mean must not decide between equals.
    at_least = (largest[:, None] >= excess.ravel()[None, :] - 1e-9).sum(axis=0)
    return p, monte_carlo_p(at_least, n).reshape(observed.shape)


def _ends(given: Sequence[float], name: str, unit: str) -> Floats:
    ends = np.asarray(list(given), dtype=np.float64)
    shown = ", ".join(f"{e:g}" for e in ends)
    if ends.ndim != 1 or not ends.size or not np.all(np.isfinite(ends)) or ends[0] < 0:
        msg = f"{name} of ({shown}) {unit} were given; expected upper ends of bands, 0 or more"
        raise UsageError(msg, hint=f"{name}=(0, 100, 200)" if unit == "m" else f"{name}=(7, 14)")
    if np.any(np.diff(ends) <= 0):
        width = "has no width" if np.any(np.diff(ends) == 0) else "ends before it starts"
        msg = f"{name} of ({shown}) {unit} were given; a band between them {width}"
        raise UsageError(msg, hint="give increasing upper ends; a first end of 0 is a band of its own")
    return ends


def band_names(ends: Floats) -> list[str]:
    """Bands of distance in words."""
    names = []
    for i, end in enumerate(ends):
        before = float(ends[i - 1]) if i else None
        if end == 0:
            names.append("same place")
        elif before is None:
            names.append(f"up to {end:g} m")
        else:
            names.append(f"above {before:g} to {end:g} m")
    return names


def time_names(ends: Floats, *, elapsed: bool = False) -> list[str]:
    """Bands of time in words; calendar days start with the day after the end of the band before."""
    names = []
    for i, end in enumerate(ends):
        if elapsed:
            hours = end < 2 and round(end * MINUTES) % 60 == 0
            shown = f"{end * 24:g} hours" if hours else f"{end:g} days"
            names.append(f"above {ends[i - 1]:g} to {shown}" if i else f"up to {shown}")
        elif end == 0:
            names.append("same day")
        else:
            first = int(ends[i - 1]) + 1 if i else 0
            names.append(f"{first} to {int(end)} days" if first != end else f"{first} days")
    return names
