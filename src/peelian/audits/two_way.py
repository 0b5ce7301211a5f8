"""Intervals for sums over places and periods: neighbouring places are alike, and so are weeks.

Whole blocks of the map are resampled over all periods, so that what lasts in a place stays together. That takes the
periods for given. What they have in common, such as a season that the whole city shares, comes from a second bootstrap
over runs of periods; what both count, from a third over the crossings of the two. The draws over blocks are widened so
that their variance is that of blocks and runs together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

from peelian.audits.blocks import resampled_sums
from peelian.audits.estimates import Estimate, estimate
from peelian.errors import UsageError

__all__ = ["FEWEST_RUNS", "TwoWay", "effective_blocks", "runs_of", "two_sided_p"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Statistic = Callable[[Floats], Floats]

FEWEST_RUNS = 4
"""With fewer runs of periods nothing is known of what periods have in common."""

FOR_VARIANCE = 500
"""Resampled cities that a variance is taken from; ends of an interval take more."""

FEWEST_EFFECTIVE = 2.0
"""With fewer blocks, counted by what they hold, there is no interval."""


def runs_of(periods: int, length: int) -> Ints:
    """The run that each of consecutive periods is in, shape (periods,): runs of about `length`, as even as can be."""
    n = max(round(periods / length), 1)
    return np.asarray(np.arange(periods) * n // periods, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class TwoWay:
    """Sums over all, and over each resampled city. Made by `TwoWay.of`.

    Parameters
    ----------
    total : array of float, shape (k,)
    places : array of float, shape (replicates, k)
        With blocks of the map resampled.
    periods, both : array of float, shape (up to 500, k), or None
        With runs of periods, and with their crossings with blocks; None where there are too few runs.
    blocks, runs : int
    """

    total: Floats
    places: Floats
    periods: Floats | None
    both: Floats | None
    blocks: int
    runs: int

    @classmethod
    def of(cls, sums: Floats, *, replicates: int, seed: int) -> TwoWay:
        """Resample sums.

        Parameters
        ----------
        sums : array of float, shape (n_blocks, n_runs, k)
            Within each block of the map and run of periods. All k share the draws: what is made of them is paired.
        replicates, seed : int

        Notes
        -----
        Cameron, Gelbach and Miller (2011), Robust inference with multiway clustering, Journal of Business and Economic
        Statistics 29: the variance is that of blocks, plus that of runs, less that of their crossings. Resampling both
        ways at once would count each report's own chance three times (Owen 2007, The pigeonhole bootstrap, Annals of
        Applied Statistics 1).
        """
        if sums.ndim != 3 or not sums.size:
            msg = f"sums of shape {sums.shape} were given; expected (blocks, runs, k)"
            raise UsageError(msg)
        blocks, runs, k = sums.shape
        places = resampled_sums(sums.sum(axis=1), replicates=replicates, seed=seed)
        periods = both = None
        if runs >= FEWEST_RUNS:
            fewer = min(replicates, FOR_VARIANCE)
            periods = resampled_sums(sums.sum(axis=0), replicates=fewer, seed=seed + 1)
            both = resampled_sums(sums.reshape(blocks * runs, k), replicates=fewer, seed=seed + 2)
        return cls(sums.sum(axis=(0, 1)), places, periods, both, blocks, runs)

    def beside(self, other: TwoWay) -> TwoWay:
        """These sums and then those of another, of the same blocks, runs and seed: in the same resampled cities."""
        mine = (self.blocks, self.runs, len(self.places))
        if mine != (other.blocks, other.runs, len(other.places)):
            theirs = (other.blocks, other.runs, len(other.places))
            msg = f"sums over {mine} and {theirs} blocks, runs and replicates were given; expected the same"
            raise UsageError(msg)
        periods, both = (
            None if a is None or b is None else np.concatenate([a, b], axis=1)
            for a, b in ((self.periods, other.periods), (self.both, other.both))
        )
        return replace(
            self,
            total=np.concatenate([self.total, other.total]),
            places=np.concatenate([self.places, other.places], axis=1),
            periods=periods,
            both=both,
        )

    def value(self, statistic: Statistic) -> float:
        """A statistic of the sums, from shape (n, k) to (n,), of the city as it is."""
        with np.errstate(all="ignore"):
            return float(statistic(self.total[None])[0])

    def draws(
        self,
        statistic: Statistic,
        *,
        effective: float,
        level: float,
        freedom: float | None = None,
        logarithmic: bool = False,
    ) -> Floats:
        """A statistic in each resampled city, as far from its value as blocks and runs together put it.

        Parameters
        ----------
        statistic : callable
        effective : float
            How many blocks it rests on: `effective_blocks`.
        level : float
            Of the interval that will be read off; few blocks need Student's t in place of the normal.
        freedom : float, optional
            Its degrees of freedom; `effective` less 1 when not given.
        logarithmic : bool
            Whether it is widened on the logarithmic scale, as fits ratios.

        Returns
        -------
        array of float, shape (replicates,)

        Notes
        -----
        For few blocks, Hesterberg (2015), What teachers should know about the bootstrap, The American Statistician 69.
        """
        with np.errstate(all="ignore"):
            scale: Callable[[Floats], Floats] = np.log if logarithmic else np.asarray
            point = scale(statistic(self.total[None]))
            drawn = scale(statistic(self.places))
            factor = self._two_way(statistic, scale, drawn) * _for_few(effective, freedom, level)
            # What is infinite stays so, and what is undefined, too.
            wider = np.where(np.isfinite(drawn), point + (drawn - point) * factor, drawn)
            return np.asarray(np.exp(wider) if logarithmic else wider, dtype=np.float64)

    def estimate(
        self,
        statistic: Statistic,
        *,
        effective: float,
        level: float,
        freedom: float | None = None,
        logarithmic: bool = False,
        undefined: str = "",
    ) -> Estimate:
        """A statistic with its interval.

        Parameters
        ----------
        statistic, effective, level, freedom, logarithmic
            As in `draws`.
        undefined : str
            Why there is no value where there is none.
        """
        value = self.value(statistic)
        if not np.isfinite(value):
            return Estimate(None, why=(undefined,) if undefined else ())
        if effective < FEWEST_EFFECTIVE:
            why = f"What it is made of lies in {effective:.1f} blocks of the map, counted by what they hold: too few "
            return Estimate(value, why=(why + "for an interval.",))
        drawn = self.draws(
            statistic, effective=effective, level=level, freedom=freedom, logarithmic=logarithmic
        )
        made = estimate(value, drawn, level=level, blocks=self.blocks)
        if made.value is not None and made.why and (made.low is not None or made.high is not None):
            open_end = (
                "In many resampled cities it is not bounded on one side, so an end of the interval is open."
            )
            return replace(made, why=(open_end,))
        return made

    def _two_way(self, statistic: Statistic, scale: Callable[[Floats], Floats], drawn: Floats) -> float:
        if self.periods is None or self.both is None:
            return 1.0
        of_places = _variance(drawn)
        of_periods = _variance(scale(statistic(self.periods))) * self.runs / max(self.runs - 1, 1)
        of_both = _variance(scale(statistic(self.both)))
        if not of_places > 0:
            return 1.0
        return float(np.sqrt(max(of_places + of_periods - of_both, of_places) / of_places))


def effective_blocks(by_block: Floats) -> float:
    """How many equal blocks would be as concentrated, from what each block holds, shape (n_blocks,); 0 of nothing.

    Kish (1965), Survey sampling, section 11.7.
    """
    squares = float(np.sum(by_block**2))
    return float(np.sum(by_block)) ** 2 / squares if squares > 0 else 0.0


def two_sided_p(draws: Floats, null: float) -> float:
    """Two-sided p-value of a null value from bootstrap draws: never 0, NaN where most draws are undefined.

    Davison and Hinkley (1997), Bootstrap methods and their application, section 4.4.1: the level at which the interval
    just reaches the null.
    """
    known = draws[~np.isnan(draws)]
    if known.size < draws.size / 2:
        return float("nan")
    least = min(int(np.sum(known <= null)), int(np.sum(known >= null)))
    return float(min(2 * (least + 1) / (known.size + 1), 1.0))


def _variance(drawn: Floats) -> float:
    known = drawn[np.isfinite(drawn)]
    return float(known.var()) if known.size > drawn.size / 2 else 0.0


def _for_few(effective: float, freedom: float | None, level: float) -> float:
    """How much wider an interval from few blocks has to be."""
    tail = (1 - level) / 2
    left = max(effective - 1, 1.0)
    student = special.stdtrit(left if freedom is None else max(freedom, 1.0), tail)
    return float(np.sqrt(max(effective, 1.0) / left) * student / special.ndtri(tail))
