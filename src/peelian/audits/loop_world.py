"""The city of a simulated loop: true rates of its places, what happens in them, and what is assumed of finding it.

Nobody knows the true rates. What is known is how many incidents residents reported in each place, which is more or less
than the rate by chance. So each simulated course has rates of its own, drawn from what the reports leave possible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.errors import DataError, NotEnoughDataError, UsageError

__all__ = ["Assumptions", "Course", "Prior", "course", "rate_prior"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Assumptions:
    """What a loop needs to be fed, none of which the records tell.

    Parameters
    ----------
    discovery : float
        Of the incidents that residents don't report, the share that is recorded because somebody was there, in a place
        while it is attended; 0 to 1.
    reported : float
        Share of all incidents that residents report, the same everywhere; above 0, up to 1.
    mislabelled : float
        Share of what was found by attending that is recorded as if residents had reported it; 0 to 1.
    moved : float
        Share of the places that trade their true rate with another each year; 0 to 1.

    Raises
    ------
    UsageError
        One is out of range.
    """

    discovery: float
    reported: float = 0.5
    mislabelled: float = 0.1
    moved: float = 0.05

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 1 or (name == "reported" and value == 0):
                least = "above 0, up to 1" if name == "reported" else "from 0 to 1"
                msg = f"{name} of {value} was given; expected a share {least}"
                raise UsageError(msg, hint="0.1 is a tenth")

    @property
    def ratio(self) -> float:
        """Incidents found by attending for each one that residents report, in an attended place.

        This ratio is all that the loop is fed with: incidents are thinned at random, so that what is reported and what
        is found are independent Poisson counts (Kingman 1993, Poisson Processes, section 5.1).
        """
        return self.discovery * (1 - self.reported) / self.reported

    def to_dict(self) -> dict[str, float]:
        """As plain values."""
        return {**vars(self), "ratio": self.ratio}


@dataclass(frozen=True)
class Prior:
    """How places differ: a gamma distribution of their rates, `shape` and `rate`; infinite where all are alike."""

    mean: float
    shape: float
    rate: float


@dataclass(frozen=True, eq=False)
class Course:
    """One course of the city: true rates, which places are truly the first, and every incident that could be recorded.

    Parameters
    ----------
    rates : array of float, shape (years, n_cells)
        Reports that residents would make in a period on average, in each year.
    first : array of bool, shape (years, n_cells)
        The places with the highest rates, as many as are attended.
    cells : array of int, shape (n,)
        Where; in order of time.
    marks : array of float, shape (n,)
        Under 0: reported by a resident. Else recorded only where the place is attended and the mark is under the ratio
        of found to reported incidents (`Assumptions.ratio`), so that courses of several ratios are of the same
        incidents.
    edges : array of int, shape (periods + 1,)
        The incidents of period t are those from ``edges[t]`` up to ``edges[t + 1]``.
    ties : array of int, shape (n_cells,)
        All places in an order drawn at random: of those without a difference in the records, later ones come first.
    """

    rates: Floats
    first: npt.NDArray[np.bool_]
    cells: Ints
    marks: Floats
    edges: Ints
    ties: Ints


def rate_prior(reports: npt.ArrayLike, *, periods: float) -> Prior:
    """How the true rates of places differ, from their reports.

    Parameters
    ----------
    reports : array of float, shape (n_cells,)
        Incidents that residents reported in each place.
    periods : float
        In so many periods.

    Raises
    ------
    DataError
        Numbers are negative or unknown.
    NotEnoughDataError
        Fewer than two places, or no report.

    Notes
    -----
    Counts are Poisson around rates that are gamma distributed; its two parameters are found from the mean and the
    variance of the counts (Clayton and Kaldor 1987, Empirical Bayes estimates of age-standardized relative risks,
    Biometrics 43). Where counts vary no more than chance makes them, all rates are alike.
    """
    n = np.asarray(reports, dtype=np.float64)
    if not (np.isfinite(periods) and periods > 0):
        msg = f"reports of {periods} periods were given; expected more than none"
        raise UsageError(msg)
    if n.ndim != 1 or not np.all(np.isfinite(n)) or np.any(n < 0):
        msg = f"reports of shape {n.shape} were given, some of them negative or unknown; expected one number a place"
        raise DataError(msg, hint="an unknown number is not zero: leave those places out")
    if n.size < 2 or n.sum() <= 0:
        msg = f"{n.sum():.0f} reports in {n.size} places were given; expected some, in two places or more"
        raise NotEnoughDataError(msg, hint="choose a category with reports")
    mean = float(n.mean() / periods)
    between = float(n.var(ddof=1)) / periods**2 - mean / periods
    if between <= 0:
        return Prior(mean, np.inf, np.inf)
    return Prior(mean, mean**2 / between, mean / between)


def course(
    reports: Floats,
    prior: Prior,
    *,
    periods: float,
    years: int,
    per_year: int,
    history: int,
    places: int,
    most: float,
    moved: float,
    rng: np.random.Generator,
) -> Course:
    """Draw one course of the city.

    Parameters
    ----------
    reports, periods, prior
        See `rate_prior`.
    years, per_year : int
        Years of so many periods, which come after `history` periods in which nothing was attended.
    places : int
        How many are attended.
    most : float
        The largest ratio of found to reported incidents that will be asked for.
    moved : float
        Share of the places that trade rates with another each year.
    """
    rates = np.empty((years, reports.size))
    rates[0] = _drawn_rates(reports, prior, periods, rng)
    for year in range(1, years):
        rates[year] = _traded(rates[year - 1], moved, rng)
    first = np.zeros(rates.shape, dtype=np.bool_)
    for year in range(years):
        first[year, np.argpartition(-rates[year], places - 1)[:places]] = True
    spans = [history + per_year, *[per_year] * (years - 1)]
    parts = [_incidents(rates[year], span, most, rng) for year, span in enumerate(spans)]
    counts = np.concatenate([part[0] for part in parts])
    edges = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    cells = np.concatenate([part[1] for part in parts])
    marks = np.concatenate([part[2] for part in parts])
    return Course(rates, first, cells, marks, edges, rng.permutation(reports.size))


def _drawn_rates(reports: Floats, prior: Prior, periods: float, rng: np.random.Generator) -> Floats:
    """Rates from what the reports leave possible: gamma, as the prior is conjugate to the counts."""
    if not np.isfinite(prior.shape):
        return np.full(reports.size, prior.mean)
    made: Floats = rng.gamma(reports + prior.shape, 1.0 / (periods + prior.rate))
    return made


def _traded(rates: Floats, moved: float, rng: np.random.Generator) -> Floats:
    """The same rates with some of them dealt anew among places: how unequal places are stays as it was."""
    after = rates.copy()
    movers = np.flatnonzero(rng.random(rates.size) < moved)
    if movers.size:
        partners = rng.integers(0, rates.size, movers.size)
        for a, b in zip(movers.tolist(), partners.tolist(), strict=True):
            after[a], after[b] = after[b], after[a]
    return after


def _incidents(rates: Floats, span: int, most: float, rng: np.random.Generator) -> tuple[Ints, Ints, Floats]:
    """Numbers by period, and places and marks of all, in order of time."""
    upto = np.cumsum(rates)
    counts = rng.poisson(upto[-1] * (1.0 + most), size=span)
    n = int(counts.sum())
    cells = np.searchsorted(upto, rng.random(n) * upto[-1], side="right")
    marks = rng.random(n) * (1.0 + most) - 1.0
    return counts.astype(np.int64), np.minimum(cells, rates.size - 1).astype(np.int64), marks
