"""Background and triggering together, by expectation and maximisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.methods.triggering.area import Area
from peelian.methods.triggering.background import (
    FOLDS,
    Background,
    amounts_of,
    background_bandwidths,
    limits_of,
    mixed,
)
from peelian.methods.triggering.kernel import STEPS, Form, Kernel, Learner, Reach, warm_up
from peelian.methods.triggering.pairs import Pairs, by_square, expect, find_pairs

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MOST_ROUNDS = 25

PASSES = 6

REMEMBERED = 5

CLOSE = 2e-3
"""A fit is done when a round changes the ratio by less, relatively."""


@dataclass(frozen=True, eq=False)
class Triggering:
    """What `fit_triggering` found.

    Parameters
    ----------
    kernel : Kernel
    bandwidths : array of float, shape (n_bandwidths,)
        Standard deviations in metres of the Gaussians that the background is made of.
    pilot : array of float, shape (n_bandwidths + 1,)
        Shares of each of them, and last of an even density, where all reports are taken as alike; sum 1.
    limits : array of float, shape (n_classes - 1,)
        Densities by the pilot, relative to an even one, that part the reports into classes.
    weights : array of float, shape (n_classes, n_bandwidths)
        How much background of each bandwidth a report of each class is the source of, for one background report.
    even : float
        Share of the background that is even.
    background : array of float, shape (n,)
        Probability of each report to be of the background.
    rate : float
        Background reports per day in the whole area.
    log_likelihood : float
        Of the sample, with each report's background taken from the other folds of time alone.
    passes : int
        Times that all pairs were looked at.
    converged : bool
        Whether the ratio had settled, rather than the rounds run out.
    n_pairs : int
    """

    kernel: Kernel
    bandwidths: Floats
    pilot: Floats
    limits: Floats
    weights: Floats
    even: float
    background: Floats
    rate: float
    log_likelihood: float
    passes: int
    converged: bool
    n_pairs: int


def folds_of(t: Floats, days: float, reach: Reach) -> Ints:
    """Folds of time that take turns, each run as long as the reach where there is time for it."""
    runs = FOLDS * max(int(days / (FOLDS * reach.days)), 1)
    return np.asarray(np.clip((t / days * runs).astype(np.int64), 0, runs - 1) % FOLDS, dtype=np.int64)


class _Fit:
    """Where a fit stands; `pass_` is one look at all pairs."""

    def __init__(self, pairs: Pairs, learner: Learner, counted: Bools, days: float) -> None:
        self.pairs, self.learner, self.counted, self.days = pairs, learner, counted, days
        self.kernel = learner.start()
        n = pairs.first.size - 1
        self.weight = np.full(n, 1 - self.kernel.ratio)
        self.triggered = np.zeros(n)
        self.densities, self.amounts = np.zeros((n, 1)), np.zeros(1)
        self.passes, self.likelihood = 0, -np.inf

    def begin(self, densities: Floats, amounts: Floats) -> None:
        """Go on with other densities of the background."""
        self.densities, self.amounts = np.ascontiguousarray(densities), amounts

    def pass_(self, found: Floats) -> Floats:
        """From the triggered reports by lag and distance, shape (2, STEPS), to better ones."""
        self.kernel = self.learner.learn(found[0], found[1], self.kernel)
        self.amounts = amounts_of(self.densities, self.triggered, self.counted, self.amounts, steps=2)
        base = np.empty(self.weight.size)
        mixed(self.densities, self.amounts / self.days, np.zeros(base.size), self.counted, base)
        better = np.zeros((2, STEPS))
        pairs, kernel = self.pairs, self.kernel
        given = pairs.first, pairs.late, pairs.far, base, self.counted, kernel.in_time, kernel.around
        logs = expect(*given, self.weight, better[0], better[1])
        self.triggered = (base / self.weight - base) * self.days
        self.likelihood = logs - float(self.amounts.sum()) - self.learner.expected(kernel)
        self.passes += 1
        return better

    def settle(self, found: Floats) -> Floats:
        """Passes, each but the first from where the differences of those before it point to."""
        tried: list[Floats] = []
        made: list[Floats] = []
        for _ in range(PASSES):
            before = self.likelihood
            better = self.pass_(found)
            if tried and self.likelihood < before:
                # It went too far: on from the last that was good.
                found, tried, made = made[-1], [], []
                continue
            tried, made = [*tried[1 - REMEMBERED :], found], [*made[1 - REMEMBERED :], better]
            found = _pointed_to(tried, made)
        return found


def _pointed_to(tried: list[Floats], made: list[Floats]) -> Floats:
    """Where a linear map that made these from those would stay as it is (Anderson 1965); at least 0."""
    off = np.stack([(m - t).ravel() for t, m in zip(tried, made, strict=True)])
    if len(off) == 1:
        return made[-1]
    turns = np.diff(off, axis=0)
    matrix = np.einsum("ik,jk->ij", turns, turns)
    ridge = 1e-10 * np.trace(matrix) * np.eye(len(turns))
    if not np.trace(matrix) > 0:
        return made[-1]
    by = np.linalg.solve(matrix + ridge, np.einsum("ik,k->i", turns, off[-1]))
    moved = np.zeros(made[-1].shape)
    for share, earlier, later in zip(by, made[:-1], made[1:], strict=True):
        moved += share * (later - earlier)
    return np.asarray(np.maximum(made[-1] - moved, 0.0), dtype=np.float64)


def fit_triggering(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    t: npt.ArrayLike,
    *,
    area: Area,
    days: float,
    reach: Reach,
    form: Form = "parametric",
    smallest: float = 60.0,
    floor: float = 20.0,
    resolution: float = 0.0,
) -> Triggering:
    """Fit background and triggering by expectation and maximisation, to convergence.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        Metres from the corner of `area`, in any order, n at least 1.
    t : array of float, shape (n,)
        Days from the start, from 0 up to `days`.
    area : Area
    days : float
        Length of the sample.
    reach : Reach
        Triggering beyond it is part of the background.
    form : {"parametric", "histogram"}
        Exponential in time and Gaussian in space, both cut off at the reach, or constant in bins of time and in rings.
    smallest : float
        The smallest bandwidth of the background in metres; larger where the area would have too many nodes.
    floor : float
        The smallest spread of the Gaussian kernel in metres. Where places are snapped to addresses or corners, many are
        the same, and without a floor there is a kernel of no width and endless likelihood.
    resolution : float
        Days within which the records don't tell which was first: 1 where they know only the date.

    Notes
    -----
    *Background.* A sum of Gaussian kernel densities at bandwidths each twice the one before, and an even density.
    Reports are parted by the density around them, and those of each class have shares of the bandwidths of their own:
    an adaptive kernel whose widths are chosen by likelihood, anew in each round, rather than by a rule. Sources are
    weighted by their probability to be of the background. The density at a report is taken from the other folds of
    time alone, so that neither it nor its own follow-ups support it, which would favour bandwidths of nothing. With
    one fixed bandwidth, what it smooths away is taken for triggering, the more the more reports there are.

    *Ends.* The expected number of triggered reports counts, for each report, only the lags before the end of the sample
    and the part of the rings that lies inside the area (the compensator of the likelihood). Reports of the first days,
    as many as the reach or a third of the sample, only serve to explain later ones.

    *Convergence.* Each round smooths the background anew and then makes a few passes over the pairs, with Anderson's
    extrapolation between them; an extrapolation that lowers the likelihood is taken back. Amounts of background are
    maximised fully beside the passes.

    References
    ----------
    Mohler, Short, Brantingham, Schoenberg and Tita (2011), "Self-exciting point process modeling of crime", JASA 106.
    Veen and Schoenberg (2008), "Estimation of space-time branching process models in seismology using an EM-type
    algorithm", JASA 103. Marsan and Lengliné (2008), "Extending earthquakes' reach through cascading", Science 319, for
    the histogram. Zhuang, Ogata and Vere-Jones (2002), "Stochastic declustering of space-time earthquake occurrences",
    JASA 97, for the weights of the background. Anderson (1965), "Iterative procedures for nonlinear integral
    equations", JACM 12.
    """
    x, y, t = (np.asarray(values, dtype=np.float64) for values in (x, y, t))
    order = by_square(x, y, t, metres=reach.metres)
    x, y, t = x[order], y[order], t[order]
    start = warm_up(days, reach)
    counted = t >= start
    if not counted.any():
        start, counted = 0.0, np.ones(x.size, dtype=np.bool_)
    n = int(np.count_nonzero(counted))
    learner = Learner(
        x, y, t, area=area, start=start, days=days, reach=reach, form=form, floor=floor, resolution=resolution
    )
    fit = _Fit(find_pairs(x, y, t, reach=reach), learner, counted, days - start)
    bandwidths = background_bandwidths(area, smallest)
    background = Background(x, y, folds_of(t, days, reach), area=area, bandwidths=bandwidths)
    found = learner.foreseen(fit.kernel)

    # First all sources alike, to tell dense surroundings from sparse ones; then each class with shares of its own.
    densities = background.densities(
        fit.weight, np.zeros(x.size, dtype=np.int64), [(0, k) for k in range(bandwidths.size)]
    )
    amounts = np.full(bandwidths.size + 1, fit.weight[counted].sum() / (bandwidths.size + 1))
    mixed(densities, amounts / 4, np.zeros(x.size), counted, fit.triggered)
    fit.begin(densities, amounts_of(densities, fit.triggered, counted, amounts, steps=10))
    pilot = fit.amounts / fit.amounts.sum()
    found = fit.pass_(found)
    relative = np.empty(x.size)
    mixed(densities, pilot * area.square_metres, np.zeros(x.size), counted, relative)
    limits = limits_of(relative)
    classes = np.searchsorted(limits, relative)

    wanted = [(c, k) for c in range(limits.size + 1) for k in range(bandwidths.size)]
    amounts = np.full(len(wanted) + 1, fit.weight[counted].sum() / (len(wanted) + 1))
    steps, ratio, converged = 20, 0.0, False
    for _ in range(MOST_ROUNDS):
        densities = background.densities(fit.weight, classes, wanted)
        amounts = amounts_of(densities, fit.triggered, counted, amounts, steps=steps)
        # What has no part in the background is left out from here on.
        kept = np.append(amounts[:-1] > 1e-4 * n, True)
        wanted = [which for which, keep in zip(wanted, kept[:-1], strict=True) if keep]
        fit.begin(densities[:, kept], amounts[kept])
        found = fit.settle(found)
        amounts, steps = fit.amounts, 2
        converged = abs(fit.kernel.ratio - ratio) < CLOSE * fit.kernel.ratio
        if converged:
            break
        ratio = fit.kernel.ratio

    weights = np.zeros((limits.size + 1, bandwidths.size))
    mass = np.bincount(classes[counted], fit.weight[counted], minlength=limits.size + 1)
    for (c, k), amount in zip(wanted, amounts, strict=False):
        weights[c, k] = amount / max(mass[c], 1.0)
    probability = np.empty(x.size)
    probability[order] = fit.weight
    return Triggering(
        fit.kernel,
        bandwidths,
        pilot,
        limits,
        weights,
        float(amounts[-1] / amounts.sum()),
        probability,
        float(amounts.sum() / fit.days),
        fit.likelihood,
        fit.passes,
        converged,
        fit.pairs.late.size,
    )
