"""Whether a fitted threshold model may be believed: if its chains agree, and if it brings forth such counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.audits.discriminant import Floats
from peelian.audits.threshold_model import Draws

__all__ = ["RHAT", "Convergence", "Fit", "convergence", "posterior_predictive"]

Ints = npt.NDArray[np.int64]

RHAT = 1.05
"""Beyond this, chains that started apart are still apart."""

REPLICATES = 400
"""Draws, spread over all, for which counts are made anew."""


@dataclass(frozen=True)
class Convergence:
    """How well the sampler did.

    Parameters
    ----------
    rhat : float
        The largest, over everything that districts or groups have in common: variance of all draws to that within
        halves of chains (Gelman and Rubin 1992); 1 when they agree.
    worst : str
        Of which parameter.
    effective : float
        Fewest draws that any of them is worth, were they independent.
    divergences : int
        Steps that failed, out of `draws`.
    draws : int
    """

    rhat: float
    worst: str
    effective: float
    divergences: int
    draws: int


def convergence(draws: Draws, gaps: Mapping[str, Floats]) -> Convergence:
    """R-hat, effective draws and divergences.

    Parameters
    ----------
    draws : Draws
    gaps : mapping of str to array of float, shape (chains, draws)
        What is reported, which must converge too.
    """
    rhat = {name: spread_ratio(value) for name, value in (*draws.shared.items(), *gaps.items())}
    worst = max(rhat, key=lambda name: rhat[name])
    effective = min(effective_draws(value) for value in (*draws.shared.values(), *gaps.values()))
    return Convergence(rhat[worst], worst, effective, int(draws.diverging.sum()), draws.diverging.size)


def spread_ratio(values: Floats) -> float:
    """R-hat of split chains, the largest over all but the first two axes (chains, draws)."""
    from numpyro.diagnostics import split_gelman_rubin

    return float(np.max(np.nan_to_num(np.asarray(split_gelman_rubin(values)), nan=np.inf)))


def effective_draws(values: Floats) -> float:
    """Effective number of draws (Geyer 1992), the smallest over all but the first two axes."""
    from numpyro.diagnostics import effective_sample_size

    return float(np.min(np.nan_to_num(np.asarray(effective_sample_size(values)), nan=0.0)))


@dataclass(frozen=True, eq=False)
class Fit:
    """How counts compare with those that the model brings forth, by group.

    Parameters
    ----------
    search_error, hit_error : array of float, shape (n_groups,)
        Root mean square difference of a district's rate from the model's, weighted by stops or searches: 0.01 is one
        in a hundred.
    search_p, hit_p : array of float, shape (n_groups,)
        Share of the draws under which counts made anew lie at least as far from their expectation (chi-squared) as
        the given ones: near 0, districts differ in ways that the model has no place for (Gelman, Meng and Stern 1996,
        Posterior predictive assessment of model fitness, Statistica Sinica 6).
    """

    search_error: Floats
    hit_error: Floats
    search_p: Floats
    hit_p: Floats


def posterior_predictive(draws: Draws, stops: Ints, searches: Ints, hits: Ints, *, seed: int) -> Fit:
    """Compare the counts with counts made anew from the posterior.

    Parameters
    ----------
    draws : Draws
    stops, searches, hits : array of int, shape (n_groups, n_districts)
    seed : int
    """
    rng = np.random.default_rng(seed)
    search_rate, hit_rate = (rates.reshape(-1, *stops.shape) for rates in draws.rates())
    chosen = np.linspace(0, len(search_rate) - 1, min(REPLICATES, len(search_rate))).astype(int)
    parts = [(stops, searches, search_rate), (searches, hits, hit_rate)]
    errors = [_error(whole, part, rate.mean(axis=0)) for whole, part, rate in parts]
    shares = [_tail(rng, whole, part, rate[chosen]) for whole, part, rate in parts]
    return Fit(errors[0], errors[1], shares[0], shares[1])


def _error(whole: Ints, part: Ints, rate: Floats) -> Floats:
    total = np.maximum(whole.sum(axis=1), 1)
    observed = part / np.maximum(whole, 1)
    return np.asarray(np.sqrt((whole * (observed - rate) ** 2).sum(axis=1) / total))


def _tail(rng: np.random.Generator, whole: Ints, part: Ints, rate: Floats) -> Floats:
    """Shares of replicates at least as far off as the counts, shape (n_groups,)."""
    expected, variance = whole * rate, np.maximum(whole * rate * (1 - rate), 1e-12)

    def distance(counts: npt.NDArray[np.int64]) -> Floats:
        return np.asarray(np.where(whole > 0, (counts - expected) ** 2 / variance, 0).sum(axis=2))

    anew = rng.binomial(np.broadcast_to(whole, rate.shape), rate)
    return np.asarray((distance(anew) >= distance(part)).mean(axis=0))
