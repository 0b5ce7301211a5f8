"""Kernel densities: reports spread a little around where they were, by a Gaussian of some bandwidth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from peelian.methods.base import Method, days_of, in_window, spread_of, window_of, with_background
from peelian.methods.smoothing import binned, edge_corrected
from peelian.places.counts import Counts
from peelian.places.periods import Period, Periods
from peelian.units import Frequency, parse_length

__all__ = ["DecayedKernelDensity", "KernelDensity"]

Floats = npt.NDArray[np.float64]


def _rate(counts: Counts, weight: Floats, *, bandwidth: float | str, background: float) -> Floats:
    """Reports per day by cell: weighted sums over weighted days, smoothed."""
    image, added = binned(counts, weight)
    sigma = parse_length(bandwidth) / counts.grid.cell
    by_cell = edge_corrected(image, counts.grid, float(np.sqrt(max(sigma**2 - added, 0.0))))
    return with_background(by_cell / float(weight @ days_of(counts.periods)), counts.grid, background)


class KernelDensity(Method):
    """Gaussian kernel density of the past year's reports.

    Where exact points are known they are used, otherwise the cells. Each report's kernel is renormalised to a
    mass of 1 inside the study area (Jones 1993; Diggle 2010), so none is lost over the border.

    Parameters
    ----------
    bandwidth : float or str
        Standard deviation of the Gaussian in metres, or text such as ``"500 ft"``.
    window : str or None
        How far back, such as ``"1y"`` or ``"26w"``; None is all of the past.
    background : float
        Share of the expected total that is spread evenly over the area, so that no place is called
        impossible.

    Attributes
    ----------
    rate_ : array of float, shape (n_cells,)
        Expected reports per day.
    size_ : float
        Negative binomial size by moments, in sample over the window.
    common_ : float
        Variance of what all cells have in common, out of sample.

    Notes
    -----
    The default bandwidth had the best log skill on St. Louis burglary, motor vehicle theft and robbery, weekly in cells
    of 250 m, among 100 to 750 m and on the 52 weeks of 2016 alone; ``tests/trials/test_stlouis.py`` does it again.

    References
    ----------
    Chainey, Tompson and Uhlig (2008), "The utility of hotspot mapping for predicting spatial patterns of
    crime", Security Journal 21. Jones (1993), "Simple boundary correction for kernel density estimation",
    Statistics and Computing 3. Diggle (2010), "Nonparametric methods", in Gelfand et al. (eds.), Handbook of
    Spatial Statistics, chapter 18.
    """

    name = "kernel_density"
    title = "Kernel density"

    def __init__(
        self, *, bandwidth: float | str = 150.0, window: str | None = "1y", background: float = 0.01
    ) -> None:
        self.bandwidth = bandwidth
        self.window = window
        self.background = background

    def _fit(self, counts: Counts) -> None:
        past = window_of(counts, self.window)
        self.rate_ = _rate(
            past, np.ones(len(past.periods)), bandwidth=self.bandwidth, background=self.background
        )
        self.size_, self.common_ = spread_of(
            counts,
            weigh=lambda periods: in_window(periods, self.window),
            mean=self.rate_ * float(np.mean(days_of(past.periods))),
        )

    def _mean(self, period: Period) -> Floats:
        return self.rate_ * period.days


class DecayedKernelDensity(Method):
    """Gaussian kernel density in which a report counts half as much after each half-life.

    Parameters
    ----------
    bandwidth : float or str
        Standard deviation of the Gaussian in metres, or text such as ``"500 ft"``.
    half_life : str
        Such as ``"13w"``. A period's weight is by its age at the end of what was learned from.
    background : float
        Share of the expected total that is spread evenly over the area, so that no place is called
        impossible.

    Attributes
    ----------
    rate_ : array of float, shape (n_cells,)
        Expected reports per day.
    size_ : float
        Negative binomial size by moments, in sample, the periods weighted as in the mean.
    common_ : float
        Variance of what all cells have in common, out of sample.

    Notes
    -----
    The defaults were chosen as that of `KernelDensity` was; half-lives of 26 and 52 weeks were equally good.

    References
    ----------
    Bowers, Johnson and Pease (2004), "Prospective hot-spotting: the future of crime mapping?", British
    Journal of Criminology 44, for weights that fall with age; the exponential form as in Mohler et al.
    (2011), "Self-exciting point process modeling of crime", JASA 106. Edge correction as in `KernelDensity`.
    """

    name = "decayed_kernel_density"
    title = "Decayed kernel density"

    def __init__(
        self, *, bandwidth: float | str = 150.0, half_life: str = "26w", background: float = 0.01
    ) -> None:
        self.bandwidth = bandwidth
        self.half_life = half_life
        self.background = background

    def _weight(self, periods: Periods) -> Floats:
        age = (periods.end - periods.edges[1:]).astype(np.float64)
        return np.asarray(np.exp2(-age / Frequency.parse(self.half_life).days), dtype=np.float64)

    def _fit(self, counts: Counts) -> None:
        weight = self._weight(counts.periods)
        self.rate_ = _rate(counts, weight, bandwidth=self.bandwidth, background=self.background)
        mean = self.rate_ * float(weight @ days_of(counts.periods) / weight.sum())
        self.size_, self.common_ = spread_of(counts, weigh=self._weight, mean=mean)

    def _mean(self, period: Period) -> Floats:
        return self.rate_ * period.days
