"""A stack: several methods' forecasts, added up with weights that past forecasts earned them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from peelian.methods.base import Method, first_fold, rolled
from peelian.places.counts import Counts
from peelian.places.periods import Period

__all__ = ["MEMBERS", "Stack", "Weights"]

Floats = npt.NDArray[np.float64]

MEMBERS = ("decayed_counts", "decayed_kernel_density", "kernel_mixture", "self_exciting", "boosted_counts")
"""What is stacked where nothing else is said: one of each kind."""

PRIOR = 1.0
"""Reports that the members are credited with beforehand, in equal parts, so that few folds don't settle everything."""

WEIGHED = 26
"""Past periods that tell the weights, which are few, so that members needn't forecast all too many."""

STEPS = 500
TOLERANCE = 1e-9


class Weights(NamedTuple):
    """What past forecasts earned the members.

    Parameters
    ----------
    values : array of float, shape (n_members,)
    settled : bool
        Whether they had settled, rather than the steps run out.
    """

    values: Floats
    settled: bool

    @classmethod
    def equal(cls, n: int) -> Weights:
        """Where there was nothing to learn from."""
        return cls(np.full(n, 1 / n), True)


class Stack(Method):
    """Weighted sum of other methods' forecasts; each weight is at least 0.

    The weights make what was reported in past periods most likely under what the members had forecast for those
    periods before them; they are fitted anew every half-year. A place's number is the sum of what the members expect
    there, each times its weight.

    Parameters
    ----------
    members : sequence of Method, optional
        What is stacked; one of each kind, with their defaults, when it is not given.

    Attributes
    ----------
    members_ : list of Method
    weights_ : array of float, shape (n_members,)
    settled_ : bool
        Whether the weights had settled, rather than the steps of expectation and maximisation run out.

    References
    ----------
    Wolpert (1992), "Stacked generalization", Neural Networks 5. Breiman (1996), "Stacked regressions", Machine Learning
    24, for weights of at least 0. The weights by expectation and maximisation of a Poisson likelihood that is linear in
    them: Shepp and Vardi (1982), "Maximum likelihood reconstruction for emission tomography", IEEE Transactions on
    Medical Imaging 1.
    """

    name = "stack"
    title = "Stack of methods"

    def __init__(self, *, members: Sequence[Method] | None = None) -> None:
        self.members = members

    def parts(self) -> list[Method]:
        """The members, each a fresh copy."""
        if self.members is not None:
            return [clone(member) for member in self.members]
        # Looked up by name when it is needed: methods don't import each other.
        by_name = import_module("peelian.methods.checks").method_by_name
        return [by_name(name)() for name in MEMBERS]

    def weigh(self, means: Floats, observed: npt.NDArray[np.int64]) -> Weights:
        """Weights of the members from their forecasts of past periods.

        Parameters
        ----------
        means : array of float, shape (n_members, n_periods, n_cells)
        observed : array of int, shape (n_periods, n_cells)

        Returns
        -------
        Weights
            All the same, with a sum of 1, where there was nothing to learn from.
        """
        hit = np.nonzero(observed)
        if hit[0].size == 0:
            return Weights.equal(len(means))
        n = observed[hit].astype(np.float64)
        at = np.array([member[hit] for member in means])
        # A report where no member expected anything says nothing about which of them is right.
        some = at.sum(axis=0) > 0
        return nonnegative_weights(at[:, some], n[some], means.sum(axis=(1, 2)))

    def weights_of(self, past: Sequence[Mapping[int, Floats]], counts: Counts, gap: int) -> Weights:
        """Weights from the members' forecasts of the latest periods of `counts`.

        Parameters
        ----------
        past : sequence of mapping of int to array of float, shape (n_cells,)
            Each member's raw means by index of the period; others than those of the folds don't matter.
        counts : Counts
            What was known.
        gap : int
        """
        n = len(counts.periods)
        shared = [i for i in range(first_weighed(n, gap), n) if all(i in folds for folds in past)]
        if not shared:
            return Weights.equal(len(past))
        means = np.array([[folds[i] for i in shared] for folds in past])
        return self.weigh(means, np.array([counts.column(i) for i in shared]))

    @staticmethod
    def mixed(weights: Floats, means: Sequence[Floats]) -> Floats:
        """The weighted sum of the members' means, shape (n_cells,)."""
        total = np.zeros(means[0].shape)
        for weight, mean in zip(weights.tolist(), means, strict=True):
            total += weight * mean
        return total

    def chosen(self) -> dict[str, Any]:
        """The weight of each member."""
        names = [member.name for member in self.members_]
        return {"weights": {name: round(float(w), 4) for name, w in zip(names, self.weights_, strict=True)}}

    def _tune(self, counts: Counts) -> None:
        members, n = self.parts(), len(counts.periods)
        first = first_weighed(n, self.gap_)
        past = [dict(rolled(member, counts, first=first, last=n, gap=self.gap_)) for member in members]
        self.weights_, self.settled_ = self.weights_of(past, counts, self.gap_)
        for member in members:
            member.grid_, member.gap_, member.trained_on_ = counts.grid, self.gap_, counts.periods
            member._tune(counts)
        self.members_ = members

    def _update(self, counts: Counts) -> None:
        for member in self.members_:
            member.trained_on_ = counts.periods
            member._update(counts)

    def _mean(self, period: Period) -> Floats:
        return self.mixed(self.weights_, [member._mean(period) for member in self.members_])

    def _terms(self, period: Period) -> dict[str, Floats]:
        terms: dict[str, Floats] = {}
        for member, weight in zip(self.members_, self.weights_.tolist(), strict=True):
            for name, term in member._terms(period).items():
                terms[name] = terms.get(name, 0.0 * term) + weight * term
        return terms


def first_weighed(n: int, gap: int) -> int:
    """The first of the latest of `n` periods whose forecasts tell a stack's weights."""
    return max(n - WEIGHED, first_fold(n, gap))


def nonnegative_weights(at: Floats, n: Floats, totals: Floats) -> Weights:
    """Weights w >= 0 that maximise ``n @ log(w @ at) - w @ totals``.

    Parameters
    ----------
    at : array of float, shape (n_members, n_reports)
        What each member expected where something was reported.
    n : array of float, shape (n_reports,)
        How much was reported there.
    totals : array of float, shape (n_members,)
        What each member expected in all.

    Notes
    -----
    Concave in w; each step of expectation and maximisation raises it. `PRIOR` reports are shared among the members
    beforehand.
    """
    k = len(totals)
    weights = np.where(totals > 0, n.sum() / np.maximum(totals, 1e-300) / k, 0.0)
    for _ in range(STEPS):
        share = weights[:, None] * at
        earned = (share / share.sum(axis=0)) @ n
        found = np.where(totals > 0, (earned + PRIOR / k) / (totals + PRIOR), 0.0)
        moved = float(np.max(np.abs(found - weights)))
        weights = found
        if moved < TOLERANCE:
            return Weights(weights, True)
    return Weights(weights, False)
