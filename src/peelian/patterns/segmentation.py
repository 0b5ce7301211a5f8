"""The best division of a series of counts into stretches of one level each, and what chance would make of it.

Exact optimal partitioning with pruning (PELT): Killick, Fearnhead and Eckley (2012), "Optimal detection of changepoints
with a linear computational cost", Journal of the American Statistical Association 107.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["Best", "Noise", "best_steps", "gains", "levels", "noise_of", "segment", "simulated"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LONGEST = 0.9
"""Memory from one period to the next: with a longer one there would be no telling noise from a step."""


@dataclass(frozen=True)
class Noise:
    """How counts vary around their level.

    Parameters
    ----------
    dispersion : float
        Variance over mean, at least 1.
    autocorrelation : float
        Of one period with the next, 0 or more.
    """

    dispersion: float
    autocorrelation: float

    @property
    def of_sums(self) -> float:
        """Variance over mean of the sum of many periods."""
        return self.dispersion * (1 + self.autocorrelation) / (1 - self.autocorrelation)


def _cost(count: Floats, exposure: Floats) -> Floats:
    """Twice the negative log-likelihood of a stretch at its own level, without what is the same for all divisions."""
    cost = -2 * (special.xlogy(count, count) - special.xlogy(count, exposure))
    return np.asarray(cost, dtype=np.float64)


def segment(y: Floats, exposure: Floats, *, penalty: float, shortest: int) -> Ints:
    """Starts of all stretches but the first, in the division with the least cost plus `penalty` a change.

    Parameters
    ----------
    y, exposure : array of float, shape (n,)
        Counts, and what they are expected in proportion to at a constant level.
    penalty : float
    shortest : int
        Periods that a stretch must have.
    """
    n = y.size
    ys, es = (np.concatenate([[0.0], np.cumsum(v)]) for v in (y, exposure))
    best = np.full(n + 1, np.inf)
    best[0] = -penalty
    last = np.zeros(n + 1, dtype=np.int64)
    starts = np.zeros(0, dtype=np.int64)
    until = np.zeros(0, dtype=np.int64)
    for t in range(shortest, n + 1):
        if np.isfinite(best[t - shortest]):
            starts = np.append(starts, t - shortest)
            until = np.append(until, n + 1)
        kept = until >= t
        starts, until = starts[kept], until[kept]
        cost = best[starts] + _cost(ys[t] - ys[starts], es[t] - es[starts])
        at = int(np.argmin(cost))
        best[t], last[t] = cost[at] + penalty, starts[at]
        # Worse by more than a change costs: never again the best, once t itself may begin a stretch.
        until = np.where(cost > best[t], np.minimum(until, t + shortest - 1), until)
    found = []
    t = int(last[n]) if n >= shortest else 0
    while t > 0:
        found.append(t)
        t = int(last[t])
    return np.array(found[::-1], dtype=np.int64)


def levels(y: Floats, exposure: Floats, starts: Ints) -> Floats:
    """Level of the stretch that each period is in, shape (n,)."""
    edges = np.concatenate([[0], starts]).astype(np.int64)
    lengths = np.diff(np.append(edges, y.size))
    rate: Floats = np.add.reduceat(y, edges) / np.add.reduceat(exposure, edges)
    return np.repeat(rate, lengths)


def gains(y: Floats, exposure: Floats, shortest: int) -> Floats:
    """Likelihood ratio of one change at each possible place, the last axis running over the series.

    Parameters
    ----------
    y : array of float, shape (..., n)
    exposure : array of float, shape (n,)

    Returns
    -------
    array of float, shape (..., n - 2 * shortest + 1)
        The first is for a change at period `shortest`.
    """
    n = exposure.size
    ys, es = np.cumsum(y, axis=-1), np.cumsum(exposure)
    at = slice(shortest - 1, n - shortest)
    whole, left, span = ys[..., -1:], ys[..., at], es[at]
    return _cost(whole, es[-1]) - _cost(left, span) - _cost(whole - left, es[-1] - span)


@dataclass(frozen=True, eq=False)
class Best:
    """The best single step of each of several series, and the noise that it leaves.

    Parameters
    ----------
    start : array of int, shape (replicates,)
        First period of the new level.
    gain : array of float, shape (replicates,)
    dispersion, autocorrelation : array of float, shape (replicates,)
    """

    start: Ints
    gain: Floats
    dispersion: Floats
    autocorrelation: Floats


def best_steps(y: Floats, exposure: Floats, shortest: int, *, waves: Floats | None = None) -> Best:
    """The best single step of each series.

    Parameters
    ----------
    y : array of float, shape (replicates, n)
    exposure : array of float, shape (n,)
    waves : array of float, shape (n, n_waves), optional
        What else is fitted to a series, and so taken out of what is left of it.
    """
    gain = gains(y, exposure, shortest)
    at = np.argmax(gain, axis=1)
    rows, start = np.arange(len(y)), at + shortest
    ys, es = np.cumsum(y, axis=1), np.cumsum(exposure)
    left, span = ys[rows, start - 1], es[start - 1]
    after = np.arange(y.shape[1]) >= start[:, None]
    before_rate, after_rate = left / span, (ys[:, -1] - left) / (es[-1] - span)
    mean = exposure * np.where(after, after_rate[:, None], before_rate[:, None])
    dispersion, autocorrelation = noise_of(y, mean, fitted=2, waves=waves)
    return Best(start.astype(np.int64), gain[rows, at], dispersion, autocorrelation)


def noise_of(y: Floats, mean: Floats, *, fitted: int, waves: Floats | None = None) -> tuple[Floats, Floats]:
    """Dispersion, at least 1, and autocorrelation of counts around their means.

    Parameters
    ----------
    y, mean : array of float, shape (..., n)
    fitted : int
        Numbers in the means that were found from the same counts.
    waves : array of float, shape (n, n_waves), optional
        Fitted besides, and not yet in the means.
    """
    residual = np.where(mean > 0, (y - mean) / np.sqrt(np.where(mean > 0, mean, 1.0)), 0.0)
    if waves is not None and waves.shape[1]:
        basis = np.linalg.qr(waves)[0]
        residual = residual - (residual @ basis) @ basis.T
        fitted += waves.shape[1]
    square = np.sum(residual**2, axis=-1)
    together = np.sum(residual[..., 1:] * residual[..., :-1], axis=-1)
    dispersion = np.maximum(square / max(y.shape[-1] - fitted, 1), 1.0)
    return dispersion, np.divide(together, square, out=np.zeros_like(square), where=square > 0)


def simulated(
    mean: Floats, noise: Noise, replicates: int, rng: np.random.Generator, *, unsure: bool = False
) -> Floats:
    """Series of counts around a given mean, with spread and memory, shape (replicates, n).

    Poisson counts around a log-normal first-order autoregression that has the variance and the covariance of one period
    with the next which `noise` asks for at the mean level. With `unsure`, the autocorrelation differs from series to
    series as much as it can't be told from one of this length.
    """
    level = max(float(mean.mean()), 1e-12)
    spread = np.log1p(max(noise.dispersion - 1, 0.0) / level)
    if spread < 1e-9:
        return rng.poisson(mean, (replicates, mean.size)).astype(np.float64)
    together = np.full(replicates, noise.autocorrelation)
    if unsure:
        drawn_z = np.arctanh(noise.autocorrelation) + rng.standard_normal(replicates) / np.sqrt(mean.size)
        together = np.clip(np.tanh(drawn_z), 0.0, 0.95)
    memory = np.minimum(np.log1p(together * noise.dispersion / level) / spread, LONGEST)
    z = np.empty((replicates, mean.size))
    z[:, 0] = rng.standard_normal(replicates)
    fresh = rng.standard_normal((replicates, mean.size)) * np.sqrt(1 - memory**2)[:, None]
    for t in range(1, mean.size):
        z[:, t] = memory * z[:, t - 1] + fresh[:, t]
    drawn: Floats = rng.poisson(mean * np.exp(np.sqrt(spread) * z - spread / 2)).astype(np.float64)
    return drawn
