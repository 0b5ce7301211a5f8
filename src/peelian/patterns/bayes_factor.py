"""How much more often a feature falls in a bin among linked pairs than among others: Bayes factors, one a feature.

Naive Bayes takes the product of the factors of all features. Bins are by quantiles, and few linked pairs in a bin are
drawn towards the share that unlinked pairs have there, so that an empty bin doesn't say that a link can't be.

References
----------
Porter (2016), "A statistical approach to crime linkage", The American Statistician 70, 152-165.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.patterns.pairs import (
    HOUR_BINS,
    NUMBER_BINS,
    PLACE_BINS,
    PLACE_UNIT,
    TIME_BINS,
    TIME_UNIT,
    WEEKDAY_BINS,
    bin_values,
)

__all__ = ["BayesFactor", "Shape", "bayes_factors", "shapes"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

QUANTILES = 12
SMOOTHING = 5.0
"""Linked pairs that a bin's prior counts for, spread as unlinked pairs are."""

RARITY = (0.02, 0.05, 0.15, 0.35)
"""Shares of incidents at which a shared code counts as less rare."""


@dataclass(frozen=True, eq=False)
class Shape:
    """What the bins of one feature are.

    Attributes
    ----------
    name : str
    kind : {"place", "time", "hour", "weekday", "code", "number"}
    values : array of float, shape (bins,)
        Metres at median density, days, hours, days of the week, or standard deviations; NaN where unknown. For codes
        the share of incidents that have the code, then NaN (they differ) and NaN (one is missing).
    """

    name: str
    kind: str
    values: Floats

    @property
    def missing(self) -> int:
        """The bin of what is unknown; -1 if nothing can be."""
        return -1 if self.kind in ("place", "time") else self.values.size - 1

    def basis(self) -> Floats:
        """What logistic regression sees of each bin, shape (bins, columns)."""
        v = self.values
        unknown = np.isnan(v).astype(np.float64)
        known = np.nan_to_num(v)
        if self.kind == "place":
            return np.log1p(known / 100.0)[:, None]
        if self.kind == "time":
            return np.log1p(known)[:, None]
        if self.kind == "code":
            # To share a code says the more the fewer incidents have it.
            rarity = np.where(unknown > 0, 0.0, -np.log(np.maximum(known, 1e-3)))
            unknown[-2] = 0.0
            return np.column_stack([rarity, unknown])
        return np.column_stack([np.log1p(known) if self.kind == "number" else known, unknown])


def shapes(
    fields: tuple[str, ...], shares: tuple[Floats, ...], numbers: tuple[str, ...]
) -> tuple[Shape, ...]:
    """What the bins of all features are, in their order; `shares` of the codes of each field."""
    hours = np.append(np.arange(HOUR_BINS - 1) / 2.0, np.nan)
    weekdays = np.append(np.arange(WEEKDAY_BINS - 1) / 8.0, np.nan)
    return (
        Shape("place", "place", PLACE_UNIT * np.sqrt(bin_values(PLACE_BINS))),
        Shape("time", "time", bin_values(TIME_BINS) * TIME_UNIT / 1440.0),
        Shape("hour", "hour", hours),
        Shape("weekday", "weekday", weekdays),
        *(
            Shape(name, "code", np.append(share, [np.nan, np.nan]))
            for name, share in zip(fields, shares, strict=True)
        ),
        *(Shape(name, "number", np.append(bin_values(NUMBER_BINS) / 4.0, np.nan)) for name in numbers),
    )


@dataclass(frozen=True, eq=False)
class BayesFactor:
    """Bayes factors of one feature.

    Attributes
    ----------
    group : array of int, shape (bins,)
        Which coarse bin each fine one is in.
    log : array of float, shape (coarse bins,)
        Natural logarithm of the share among linked pairs over that among unlinked ones.
    linked, unlinked : array of float, shape (coarse bins,)
        Smoothed shares.
    """

    group: Ints
    log: Floats
    linked: Floats
    unlinked: Floats

    @property
    def table(self) -> Floats:
        """The logarithm for each fine bin."""
        found: Floats = self.log[self.group]
        return found


def bayes_factors(
    shape: Shape,
    bins: npt.NDArray[np.int16],
    linked: npt.NDArray[np.bool_],
    weight: Floats,
    *,
    quantiles: int = QUANTILES,
    smoothing: float = SMOOTHING,
) -> BayesFactor:
    """Bayes factors of one feature from weighted pairs.

    Parameters
    ----------
    shape : Shape
    bins : array of int, shape (pairs,)
    linked : array of bool, shape (pairs,)
    weight : array of float, shape (pairs,)
        See `peelian.patterns.labels.TrainingPairs`.
    quantiles : int
        Coarse bins, if there are so many different values.
    smoothing : float
        Pairs that the prior of a Dirichlet counts for.
    """
    size = shape.values.size
    yes = np.bincount(bins[linked], weights=weight[linked], minlength=size).astype(np.float64)
    no = np.bincount(bins[~linked], weights=weight[~linked], minlength=size).astype(np.float64)
    group = _coarse(shape, yes, no, quantiles)
    k = int(group.max()) + 1
    apart = np.bincount(group, weights=no, minlength=k)
    pairs = int((~linked).sum())
    apart = apart / max(apart.sum(), 1e-12) * pairs + 0.5
    apart /= apart.sum()
    of = weight[linked]
    # As many as would tell as much had each the same weight (Kish).
    effective = of.sum() ** 2 / max(float((of**2).sum()), 1e-12)
    together = np.bincount(group, weights=yes, minlength=k)
    together = together / max(together.sum(), 1e-12) * effective + smoothing * apart
    together /= together.sum()
    return BayesFactor(group, np.log(together / apart), together, apart)


def _coarse(shape: Shape, yes: Floats, no: Floats, quantiles: int) -> Ints:
    """Which coarse bin each fine one is in: by quantiles, or by how rare a shared code is."""
    if shape.kind == "code":
        rarity = np.searchsorted(np.array(RARITY), np.nan_to_num(shape.values[:-2]), side="right")
        last = len(RARITY) + 1
        return np.concatenate([rarity, [last, last + 1]]).astype(np.int64)
    missing = shape.missing
    mass = yes / max(yes.sum(), 1e-12) + no / max(no.sum(), 1e-12)
    if missing >= 0:
        mass[missing] = 0.0
    below = np.cumsum(mass) - mass
    step = np.floor(quantiles * below / max(mass.sum(), 1e-12)).astype(np.int64)
    group: Ints = np.unique(np.minimum(step, quantiles - 1), return_inverse=True)[1].astype(np.int64)
    if missing >= 0:
        group[missing] = group[:missing].max() + 1
    return group
