"""When the level of reports changed: steps in a series of counts, each with its date, its size and how sure it is.

The best division into stretches of one level (PELT, `peelian.patterns.segmentation`) needs a price for each step. Here
it is the gain that a series without any step would reach by chance in only 5 % of cases: series with the spread, the
memory from period to period and the season of this one are simulated, and the best single step is looked for in each.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import Pattern, axes, check_level, check_replicates, monte_carlo_p
from peelian.patterns.quasi_poisson import fit_quasi_poisson
from peelian.patterns.segmentation import (
    Noise,
    best_steps,
    gains,
    levels,
    noise_of,
    segment,
    simulated,
)
from peelian.places.periods import Periods

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Change", "ChangePoints", "change_points"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ROUNDS = 6
TUNED = 4
LARGEST = 20_000_000
HARMONICS = 2


@dataclass(frozen=True)
class Change:
    """One step of the level.

    Parameters
    ----------
    date : str
        First day of the first period at the new level.
    low, high : str
        Between which dates it is, at the level of the result.
    before, after : float
        Reports per period of average length, season taken out.
    ratio, ratio_low, ratio_high : float or None
        After over before; None where there was nothing before.
    p : float
        How often a series without any step would show one as clear as this, anywhere.
    """

    date: str
    low: str
    high: str
    before: float
    after: float
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    p: float


@dataclass(frozen=True, eq=False)
class ChangePoints(Pattern):
    """The steps in a series of counts.

    Parameters
    ----------
    counts : array of int, shape (n,)
    periods : Periods
    changes : tuple of Change
        In order of time.
    mean : array of float, shape (n,)
        Level times season.
    season : array of float, shape (n,)
        Factor of each period; ones where none was taken out.
    harmonics : int
    dispersion, autocorrelation : float
        Of the counts around their mean, from one period to the next.
    penalty : float
        Gain in likelihood that a step must bring.
    p : float
        How often a series without any step would show one as clear as the clearest here; NaN without reports.
    shortest : int
    rate, level : float
    replicates, seed : int
    """

    counts: Ints
    periods: Periods
    changes: tuple[Change, ...]
    mean: Floats
    season: Floats
    harmonics: int
    dispersion: float
    autocorrelation: float
    penalty: float
    p: float
    shortest: int
    rate: float
    level: float
    replicates: int
    seed: int

    @property
    def frame(self) -> pd.DataFrame:
        """A row a change, the clearest first."""
        columns = list(Change.__dataclass_fields__)
        found = pd.DataFrame([asdict(c) for c in self.changes], columns=columns)
        return found.sort_values(["p", "date"], kind="stable", ignore_index=True)

    def sentence(self) -> str:
        """What was found and how sure that is."""
        frequency, n = self.periods.frequency, len(self.periods)
        unit = {"d": "days", "w": "weeks", "mo": "months"}[frequency.unit]
        span = f"{n} {unit}" if frequency.n == 1 else f"{n} periods of {frequency.n} {unit}"
        over = f"{self.counts.sum():,} reported incidents in {span}"
        if not self.counts.any():
            return f"There is no report in {span}: there was nothing to look at."
        if not self.changes:
            return f"Of {over} no change of level can be told from chance (p = {self.p:.2f})."
        last = self.changes[-1]
        many = "one change" if len(self.changes) == 1 else f"{len(self.changes)} changes"
        size = "from none"
        if last.ratio is not None:
            size = (
                f"to {last.ratio:.2f} times ({last.ratio_low:.2f} to {last.ratio_high:.2f}) the level before"
            )
        return (
            f"Of {over} the level shows {many}; the latest is at {last.date} ({last.low} to {last.high}), {size} "
            f"(p = {last.p:.3f})."
        )

    @property
    def limits(self) -> list[str]:
        """What this can't tell."""
        said = [
            "A change in how reports are made, counted or published looks the same as a change in what happens.",
            "A slow drift is told as one step or more; the dates then say little.",
            "A step stands out partly by luck, so its size is on average somewhat smaller than was found.",
            f"Stretches shorter than {self.shortest} periods are not looked for.",
        ]
        if not self.harmonics:
            said.append(
                "No season was taken out: a part of the year with more reports can look like two changes."
            )
        if self.autocorrelation > 0.5:
            said.append(
                "Each period is much like the one before, so only large changes can be told from chance."
            )
        return said

    def to_dict(self) -> dict[str, Any]:
        """Settings, changes, the series, and the limits."""
        return {
            "pattern": "change points",
            "frequency": str(self.periods.frequency),
            "start": str(self.periods.start),
            "end": str(self.periods.end),
            "changes": [asdict(c) for c in self.changes],
            "p": None if np.isnan(self.p) else self.p,
            "counts": self.counts.tolist(),
            "mean": self.mean.tolist(),
            "season": self.season.tolist(),
            "harmonics": self.harmonics,
            "dispersion": self.dispersion,
            "autocorrelation": self.autocorrelation,
            "penalty": self.penalty if np.isfinite(self.penalty) else None,
            "shortest": self.shortest,
            "false_alarm_rate": self.rate,
            "level": self.level,
            "replicates": self.replicates,
            "seed": self.seed,
            "sentence": self.sentence(),
            "limits": self.limits,
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The counts, the level with its season, and the dates of change with their intervals."""
        ax = axes(ax)
        at = self.periods.edges[:-1]
        ax.plot(at, self.counts, color="#999999", linewidth=0.8, label="reported incidents")
        ax.step(at, self.mean, color="black", where="post", label="level")
        for i, change in enumerate(self.changes):
            low, date, high = (np.datetime64(d) for d in (change.low, change.date, change.high))
            ax.axvspan(low, high, color="#b2182b", alpha=0.2, linewidth=0)  # type: ignore[arg-type]
            ax.axvline(date, color="#b2182b", linewidth=1, label=None if i else "change")  # type: ignore[arg-type]
        ax.set_ylim(bottom=0)
        ax.set_title("Changes of level")
        ax.legend(fontsize="small")
        return ax


def change_points(
    counts: npt.ArrayLike,
    periods: Periods,
    *,
    harmonics: int | None = None,
    shortest: int = 4,
    rate: float = 0.05,
    level: float = 0.95,
    replicates: int = 999,
    seed: int = 0,
) -> ChangePoints:
    """Steps in the level of a series of counts.

    Parameters
    ----------
    counts : array of int, shape (n_periods,)
        Such as ``Counts.by_period``.
    periods : Periods
    harmonics : int, optional
        Waves a year by which the season is taken out. Default: 2 where there are at least two years of periods of at
        most a month, else 0.
    shortest : int
        Periods that a stretch of one level must have, at least 2.
    rate : float
        Chance of finding any change in a series without one.
    level : float
        Of the intervals.
    replicates : int
        Simulated series.
    seed : int

    Raises
    ------
    UsageError
        Not one whole number a period, or a setting that is off.
    NotEnoughDataError
        Fewer periods than two stretches take.
    """
    y = _checked(counts, periods, shortest)
    check_level(rate, what="chance of a false alarm")
    check_level(level)
    check_replicates(replicates)
    waves = _harmonics(periods) if harmonics is None else harmonics
    if not 0 <= waves <= 6:
        msg = f"{waves} harmonics were given; expected from 0 to 6"
        raise UsageError(msg, hint="harmonics=2, or 0 to leave the season in")
    if y.size * replicates > LARGEST:
        msg = f"{y.size:,} periods and {replicates:,} replicates were given; expected at most {LARGEST:,} together"
        raise UsageError(msg, hint="longer periods, or fewer replicates")
    days = np.diff(periods.edges).astype(np.float64)
    whole = y.astype(np.int64)
    if not y.any():
        ones, zeros = np.ones(y.size), np.zeros(y.size)
        numbers = (waves, 1.0, 0.0, float("inf"), float("nan"), shortest, rate, level, replicates, seed)
        return ChangePoints(whole, periods, (), zeros, ones, *numbers)
    made = _Search(y, days, _waves(periods, waves), shortest, rate, replicates, seed)
    starts = made.run()
    rng = np.random.default_rng([seed, 1])
    changes = tuple(_described(made, starts, j, periods, level, rng) for j in range(starts.size))
    return ChangePoints(
        counts=whole,
        periods=periods,
        changes=changes,
        mean=made.mean,
        season=made.season,
        harmonics=waves,
        dispersion=made.noise.dispersion,
        autocorrelation=made.noise.autocorrelation,
        penalty=made.penalty,
        p=min([c.p for c in changes], default=made.p_of(made.clearest())),
        shortest=shortest,
        rate=rate,
        level=level,
        replicates=replicates,
        seed=seed,
    )


def _checked(counts: npt.ArrayLike, periods: Periods, shortest: int) -> Floats:
    y = np.asarray(counts, dtype=np.float64)
    if y.shape != (len(periods),) or not np.all(np.isfinite(y)) or np.any(y < 0) or np.any(y % 1 != 0):
        msg = f"counts of shape {y.shape} were given for {len(periods)} periods; expected one whole number from 0 each"
        raise UsageError(msg, hint="counts.by_period of peelian.places.Counts")
    if shortest < 2:
        msg = f"a shortest stretch of {shortest} periods was given; expected at least 2"
        raise UsageError(msg, hint="shortest=4")
    if y.size < max(2 * shortest, 8):
        msg = f"{y.size} periods were given; expected at least {max(2 * shortest, 8)} to look for a change"
        raise NotEnoughDataError(msg, hint="more records, or shorter periods")
    return y


def _harmonics(periods: Periods) -> int:
    days = float((periods.end - periods.start).astype(int))
    return HARMONICS if days >= 2 * 365 and days / len(periods) <= 31 else 0


def _waves(periods: Periods, harmonics: int) -> Floats:
    """Sines and cosines of the year at the middle of each period, shape (n, 2 * harmonics)."""
    days = periods.edges.astype("datetime64[D]").astype(np.float64)
    turn = 2 * np.pi * (days[:-1] + days[1:]) / 2 / 365.2425
    waves = [f(k * turn) for k in range(1, harmonics + 1) for f in (np.sin, np.cos)]
    return np.column_stack(waves) if waves else np.zeros((len(periods), 0))


class _Search:
    """The steps, the season, the noise and the penalty depend on each other: found in turns until nothing moves."""

    def __init__(
        self, y: Floats, days: Floats, waves: Floats, shortest: int, rate: float, replicates: int, seed: int
    ) -> None:
        self.y, self.days, self.waves = y, days, waves
        self.shortest, self.rate, self.replicates, self.seed = shortest, rate, replicates, seed
        self.season = np.ones(y.size)
        self.mean = np.full(y.size, y.mean())
        self.noise = Noise(1.0, 0.0)
        self.left = 1.0
        self.penalty = np.inf
        self.null = np.zeros(0)

    @property
    def exposure(self) -> Floats:
        """What counts are in proportion to at a constant level."""
        return self.days * self.season

    def run(self) -> Ints:
        """The starts of all stretches but the first."""
        # From no step to more of them: what the first rounds take for noise is given back once its steps are found.
        # The other way round, memory from period to period would be taken for steps, and then not be seen any more.
        starts = np.zeros(0, dtype=np.int64)
        for _ in range(ROUNDS):
            self._fit(starts)
            self._learn(self._with_one_more(starts))
            found = segment(self.y, self.exposure, penalty=self.penalty, shortest=self.shortest)
            if np.array_equal(found, starts):
                break
            starts = found
        self._fit(starts)
        return starts

    def _with_one_more(self, starts: Ints) -> Ints:
        """The steps and the best one beside them: what there is to be found, it is not to be taken for noise."""
        edges = [0, *starts.tolist(), self.y.size]
        best, place = 0.0, -1
        for low, high in pairwise(edges):
            if high - low >= 2 * self.shortest:
                curve = gains(self.y[low:high], self.exposure[low:high], self.shortest)
                if curve.max() > best:
                    best, place = float(curve.max()), low + self.shortest + int(np.argmax(curve))
        return np.sort(np.append(starts, place)) if place >= 0 else starts

    def _fit(self, starts: Ints) -> None:
        """Season and level, given the steps."""
        for _ in range(3 if self.waves.shape[1] else 1):
            level = levels(self.y, self.exposure, starts)
            seen = level > 0
            if self.waves.shape[1]:
                fit = fit_quasi_poisson(self.waves[seen], self.y[seen], (self.days * level)[seen])
                log = self.waves @ fit.coefficients
                self.season = np.exp(log - log.mean())
        self.mean = levels(self.y, self.exposure, starts) * self.exposure

    def _learn(self, starts: Ints) -> None:
        """The noise, and with it the gain of the best single step in series without one.

        What is left after a best step was taken out is less noisy than the noise. So the noise is tuned until what it
        leaves in simulated series, once their best step was taken out, is what is left here.
        """
        self._fit(starts)
        extra = starts.size - 1
        spread, memory = noise_of(self.y, self.mean, fitted=starts.size + 1 + self.waves.shape[1])
        # Each further level that was fitted presses the autocorrelation of what is left down by about 1 / n.
        left = (float(spread), float(memory) + max(extra, 0) / self.y.size)
        flat = self.exposure * self.y.sum() / self.exposure.sum()
        noise = Noise(left[0], float(np.clip(left[1], 0, 0.95)))
        for k in range(TUNED):
            rng = np.random.default_rng([self.seed, 0])
            drawn = simulated(flat, noise, self.replicates, rng, unsure=True)
            best = best_steps(drawn, self.exposure, self.shortest, waves=self.waves)
            self.noise, self.null = noise, np.sort(best.gain / best.dispersion)
            if k + 1 == TUNED:
                break
            more = float(left[0] - best.dispersion.mean()), float(left[1] - best.autocorrelation.mean())
            noise = Noise(
                max(noise.dispersion + more[0], 1.0), float(np.clip(noise.autocorrelation + more[1], 0, 0.95))
            )
        self.left = left[0]
        # The (r + 1) / (n + 1) of the p-value: a step at this price has p of the rate or less.
        rank = min(int(np.ceil((1 - self.rate) * (self.replicates + 1))), self.replicates) - 1
        self.penalty = float(self.null[rank]) * self.left

    def p_of(self, gain: float) -> float:
        """How often a series without a step shows one with as large a gain."""
        at_least = self.null.size - np.searchsorted(self.null, gain / self.left)
        return monte_carlo_p(at_least, self.replicates).item()

    def clearest(self) -> float:
        """Gain of the best single step of the whole series."""
        return float(gains(self.y, self.exposure, self.shortest).max())


def _described(
    made: _Search, starts: Ints, j: int, periods: Periods, level: float, rng: np.random.Generator
) -> Change:
    """One step: its gain over none between its neighbours, its date and its size with intervals."""
    edges = [0, *starts.tolist(), made.y.size]
    low, at, high = edges[j], edges[j + 1], edges[j + 2]
    y, exposure = made.y[low:high], made.exposure[low:high]
    curve = gains(y, exposure, made.shortest)
    place = at - low - made.shortest
    first, last = _when(made, curve, place, slice(low, high), level, rng)
    counts = np.array([made.y[low:at].sum(), made.y[at:high].sum()])
    spans = np.array([made.exposure[low:at].sum(), made.exposure[at:high].sum()])
    before, after = counts / spans * made.exposure.mean()
    ratio = ratio_low = ratio_high = None
    if counts[0] > 0:
        ratio = float(after / before)
        # Half a report more on both sides where there is none: a ratio of 0 has an upper end all the same.
        some = counts + 0.5 * (counts.min() == 0)
        middle = float(np.log(some[1] / spans[1] / (some[0] / spans[0])))
        free = max(made.y.size - starts.size - 1 - made.waves.shape[1], 1)
        reach = stats.t.ppf((1 + level) / 2, free) * float(np.sqrt(made.noise.of_sums * (1 / some).sum()))
        ratio_low, ratio_high = float(np.exp(middle - reach)), float(np.exp(middle + reach))
        ratio_low = 0.0 if ratio == 0 else ratio_low
    date, early, late = (str(periods.edges[low + made.shortest + k]) for k in (place, first, last))
    p = made.p_of(float(curve[place]))
    return Change(date, early, late, float(before), float(after), ratio, ratio_low, ratio_high, p)


def _when(
    made: _Search, curve: Floats, place: int, stretch: slice, level: float, rng: np.random.Generator
) -> tuple[int, int]:
    """Places at which the likelihood is not too far below its top, as far as it is below it at a known step."""
    replicates = min(made.replicates, 499)
    drawn = simulated(made.mean[stretch], made.noise, replicates, rng)
    shown = gains(drawn, made.exposure[stretch], made.shortest)
    below = shown.max(axis=1) - shown[:, place]
    far = float(np.quantile(below, level))
    held = np.flatnonzero(curve >= curve[place] - far - 1e-9)
    return int(min(held[0], place)), int(max(held[-1], place))
