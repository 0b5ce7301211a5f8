"""A model of linked incidents: tables of log odds by feature, and a calibration from their sum to a probability.

It is learnt from series that are known, and can be written down as plain data and used on other incidents. Whatever the
method, the score of a pair is a sum over features, so that a person can be told what each one adds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logit

from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.patterns.base import check_level
from peelian.patterns.bayes_factor import BayesFactor, Shape, bayes_factors, shapes
from peelian.patterns.labels import Labelled, TrainingPairs, check_enough, training_pairs
from peelian.patterns.logistic import logistic_fit
from peelian.patterns.pairs import Compared, number_scales, pair_bins, prepare
from peelian.patterns.probability import CalibrationKind, Calibrator, calibrate, to_probability
from peelian.patterns.scoring import score_pairs
from peelian.records.incidents import Incidents

__all__ = ["LinkMethod", "LinkModel", "fit_links", "held_out_scores"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LinkMethod = Literal["logistic", "naive_bayes"]

METHODS: tuple[LinkMethod, ...] = ("logistic", "naive_bayes")
FOLDS = 5
RIDGE = {"place": 1.0, "time": 1.0}
OTHER_RIDGE = 20.0
"""Penalty on the coefficient of a feature in standard deviations, where each series counts as one linked pair. Nearness
in place and time is what links incidents in study after study; hours, weekdays and manner must show it."""


@dataclass(frozen=True, eq=False)
class LinkModel:
    """What is known of how linked incidents differ from others.

    Attributes
    ----------
    method : {"logistic", "naive_bayes"}
    density : bool
        Whether a distance is judged by how dense incidents lie.
    fields, numbers : tuple of str
        Fields of the manner: codes, and numbers.
    levels : tuple of tuple of str
    scales : array of float, shape (numbers,)
    shapes : tuple of Shape
        What the bins of each feature are.
    tables : tuple of array of float
        Log odds that each bin adds, one array a feature.
    factors : tuple of BayesFactor
        How much more often each bin is found in linked pairs, feature by feature.
    calibrator : Calibrator
    share : float
        Share of linked pairs among the labelled incidents.
    per_day : float
        Labelled incidents a day.
    counts : dict of str to int
        ``incidents`` (labelled), ``series``, ``alone``, ``linked`` and ``unlinked`` (pairs).
    """

    method: LinkMethod
    density: bool
    fields: tuple[str, ...]
    numbers: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    scales: Floats
    shapes: tuple[Shape, ...]
    tables: tuple[Floats, ...]
    factors: tuple[BayesFactor, ...]
    calibrator: Calibrator
    share: float
    per_day: float
    counts: dict[str, int]

    def prepare(self, incidents: Incidents, *, manner: pd.DataFrame | None = None) -> Compared:
        """Get incidents ready, with the fields that the model knows; errors as `peelian.patterns.pairs.prepare`."""
        return prepare(
            incidents,
            manner=manner if (self.fields or self.numbers) else None,
            numeric=self.numbers,
            density=self.density,
            fields=self.fields,
            levels=self.levels,
        )

    def score(self, compared: Compared, i: npt.ArrayLike, j: npt.ArrayLike) -> Floats:
        """Score of each pair, shape (pairs,): log odds but for a constant and for calibration."""
        i, j = np.asarray(i, np.int64), np.asarray(j, np.int64)
        return score_pairs(compared, i, j, tables=self.tables, scales=self.scales)

    def shift(self, compared: Compared, *, prior: float | None = None) -> float:
        """What is added to log odds for these incidents.

        Parameters
        ----------
        compared : Compared
        prior : float, optional
            Share of all their pairs that are linked. If not given: an incident has as many linked ones as a labelled
            incident has. Where more incidents are reported a day, more unlinked ones lie as near, and a pair's odds
            fall in proportion.
        """
        if prior is not None:
            check_level(prior, what="prior")
            return float(logit(prior) - logit(self.share))
        ours = compared.per_day
        return float(np.log(self.per_day / ours)) if ours > 0 and self.per_day > 0 else 0.0

    def probability(self, score: npt.ArrayLike, *, shift: float = 0.0) -> Floats:
        """Probability that pairs are linked, from their scores."""
        return to_probability(self.calibrator.log_odds(score, shift=shift))

    def contributions(self, compared: Compared, i: npt.ArrayLike, j: npt.ArrayLike) -> tuple[Floats, Floats]:
        """What each feature adds to the score of each pair, and its log Bayes factor by itself.

        Returns
        -------
        (array, array) of float, shape (features, pairs)
            The first is 0 for what is usual among unlinked pairs, and sums to the score.
        """
        bins = pair_bins(compared, np.asarray(i, np.int64), np.asarray(j, np.int64), scales=self.scales)
        adds = np.array([table[b] for table, b in zip(self.tables, bins, strict=True)])
        alone = np.array([factor.table[b] for factor, b in zip(self.factors, bins, strict=True)])
        return adds.reshape(len(self.tables), -1), alone.reshape(len(self.tables), -1)

    def to_dict(self) -> dict[str, Any]:
        """As plain data that JSON can hold."""
        return {
            "kind": "link_model",
            "version": 1,
            "method": self.method,
            "density": self.density,
            "fields": list(self.fields),
            "numbers": list(self.numbers),
            "levels": [list(level) for level in self.levels],
            "scales": self.scales.tolist(),
            "shares": [shape.values[:-2].tolist() for shape in self.shapes if shape.kind == "code"],
            "tables": [table.tolist() for table in self.tables],
            "factors": [
                {"group": f.group.tolist(), "linked": f.linked.tolist(), "unlinked": f.unlinked.tolist()}
                for f in self.factors
            ],
            "calibration": self.calibrator.to_dict(),
            "share": self.share,
            "per_day": self.per_day,
            "counts": dict(self.counts),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LinkModel:
        """What `to_dict` gave.

        Raises
        ------
        DataError
            It is no link model, or of another version.
        """
        if data.get("kind") != "link_model" or data.get("version") != 1:
            msg = f"data of kind {data.get('kind')!r} was given; expected a link model of version 1"
            raise DataError(msg, hint="LinkModel.to_dict() gives one")
        fields, numbers = tuple(data["fields"]), tuple(data["numbers"])
        shares = tuple(np.array(s, dtype=np.float64) for s in data["shares"])
        factors = [(np.array(f["linked"]), np.array(f["unlinked"]), np.array(f["group"], np.int64))
                   for f in data["factors"]]  # fmt: skip
        return cls(
            data["method"],
            bool(data["density"]),
            fields,
            numbers,
            tuple(tuple(level) for level in data["levels"]),
            np.array(data["scales"], dtype=np.float64),
            shapes(fields, shares, numbers),
            tuple(np.array(table, dtype=np.float64) for table in data["tables"]),
            tuple(BayesFactor(group, np.log(yes / no), yes, no) for yes, no, group in factors),
            Calibrator.from_dict(data["calibration"]),
            float(data["share"]),
            float(data["per_day"]),
            dict(data["counts"]),
        )


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Scores of pairs by models that didn't see their series.

    Attributes
    ----------
    score, weight : array of float, shape (pairs,)
    linked : array of bool, shape (pairs,)
    series_weight : array of float, shape (pairs,)
        With each series counting as one.
    """

    score: Floats
    linked: npt.NDArray[np.bool_]
    weight: Floats
    series_weight: Floats


def feature_tables(
    method: LinkMethod,
    forms: Sequence[Shape],
    bins: npt.NDArray[np.int16],
    pairs: TrainingPairs,
    keep: npt.NDArray[np.bool_],
    features: Sequence[str] | None = None,
) -> tuple[Floats, ...]:
    """The tables of a method from some of the training pairs; all zeros for features that aren't used."""
    if features is not None:
        used = [k for k, form in enumerate(forms) if form.name in features]
        found = feature_tables(method, [forms[k] for k in used], bins[used], pairs, keep)
        tables = [np.zeros(form.values.size) for form in forms]
        for k, table in zip(used, found, strict=True):
            tables[k] = table
        return tuple(tables)
    b, linked = bins[:, keep], pairs.linked[keep]
    weight = pairs.weight[keep]
    if method == "naive_bayes":
        return tuple(bayes_factors(f, v, linked, weight).table for f, v in zip(forms, b, strict=True))
    bases = [form.basis() for form in forms]
    seen = np.concatenate([base[v] for base, v in zip(bases, b, strict=True)], axis=1)
    usual = np.average(seen[~linked], axis=0, weights=weight[~linked])
    spread = np.sqrt(np.average((seen[~linked] - usual) ** 2, axis=0, weights=weight[~linked]))
    useful = spread > 1e-9
    coefficients = np.zeros(seen.shape[1])
    ridge = np.concatenate(
        [
            np.full(base.shape[1], RIDGE.get(form.kind, OTHER_RIDGE))
            for form, base in zip(forms, bases, strict=True)
        ]
    )
    X = (seen[:, useful] - usual[useful]) / spread[useful]
    # Linked pairs stay as few as they are: to weigh both alike would look at pairs that nobody would link.
    coefficients[useful] = logistic_fit(X, linked, weight=weight, ridge=ridge[useful])[1] / spread[useful]
    tables, at = [], 0
    for base in bases:
        part = slice(at, at + base.shape[1])
        tables.append((base - usual[part]) @ coefficients[part])
        at += base.shape[1]
    return tuple(tables)


def held_out_scores(
    compared: Compared,
    labelled: Labelled,
    *,
    method: LinkMethod,
    features: Sequence[str] | None = None,
    folds: int = FOLDS,
    seed: int = 0,
) -> HeldOut:
    """Scores of labelled pairs by models fitted without the incidents of their fold.

    Whole series stay together in a fold. Unlinked pairs are scored where both incidents are in the fold, and stand for
    those across folds as well.
    """
    pairs = training_pairs(labelled, seed=seed)
    forms = _forms(compared)
    bins = pair_bins(compared, pairs.one, pairs.two, scales=number_scales(compared.manner))
    fold = _fold_of(labelled, folds, seed)
    one, two = fold[pairs.one], fold[pairs.two]
    score = np.full(pairs.one.size, np.nan)
    for k in range(folds):
        train, test = (one != k) & (two != k), (one == k) & (two == k)
        if not (pairs.linked & train).any() or not test.any():
            continue
        tables = feature_tables(method, forms, bins, pairs, train, features)
        score[test] = sum(table[b[test]] for table, b in zip(tables, bins, strict=True))
    seen = ~np.isnan(score)
    linked = pairs.linked[seen]
    weight = np.where(linked, 1.0, pairs.unlinked / max(1, int((~linked).sum())))
    by_series = np.where(linked, pairs.weight[seen], weight)
    return HeldOut(score[seen], linked, weight, by_series)


def fit_links(
    compared: Compared,
    labelled: Labelled,
    *,
    method: LinkMethod = "logistic",
    density: bool = True,
    calibration: CalibrationKind = "platt",
    features: Sequence[str] | None = None,
    seed: int = 0,
) -> LinkModel:
    """Learn how linked incidents differ from others.

    Parameters
    ----------
    compared : Compared
        The incidents, prepared with the same `density`.
    labelled : Labelled
        Which are known to be of one series.
    method : {"logistic", "naive_bayes"}
    density : bool
    calibration : {"platt", "isotonic"}
    features : sequence of str, optional
        Names of the features to use, of `Compared.features`; all if not given.
    seed : int
        Of the folds, and of the sample of unlinked pairs where there are very many.

    Raises
    ------
    NotEnoughDataError
        Fewer than five series of two incidents, or hardly an unlinked pair.
    UsageError
        An unknown method or feature.
    """
    if method not in METHODS:
        msg = f"method {method!r} was given; expected one of {', '.join(METHODS)}"
        raise UsageError(msg)
    unknown = [name for name in features or () if name not in compared.features]
    if unknown:
        msg = f"features {', '.join(unknown)} were asked for; there are {', '.join(compared.features)}"
        raise UsageError(msg)
    check_enough(labelled)
    held = held_out_scores(compared, labelled, method=method, features=features, seed=seed)
    calibrator = calibrate(held.score, held.linked, held.weight, kind=calibration)
    pairs = training_pairs(labelled, seed=seed)
    forms = _forms(compared)
    scales = number_scales(compared.manner)
    bins = pair_bins(compared, pairs.one, pairs.two, scales=scales)
    tables = feature_tables(method, forms, bins, pairs, np.ones(pairs.one.size, dtype=np.bool_), features)
    factors = tuple(
        bayes_factors(form, b, pairs.linked, pairs.weight) for form, b in zip(forms, bins, strict=True)
    )
    rows = labelled.rows
    linked = labelled.one.size
    groups = np.unique(labelled.group[rows]).size
    manner = compared.manner
    return LinkModel(
        method,
        density,
        manner.fields,
        manner.numbers,
        manner.levels,
        scales,
        forms,
        tables,
        factors,
        calibrator,
        linked / (linked + pairs.unlinked),
        replace_rows(compared, rows).per_day,
        {
            "incidents": int(rows.size),
            "series": labelled.series,
            "alone": int(groups - labelled.series),
            "linked": int(linked),
            "unlinked": int(pairs.unlinked),
        },
    )


def replace_rows(compared: Compared, rows: Ints) -> Compared:
    """Some of the incidents, as they were prepared among all."""
    m = compared.manner
    return replace(
        compared,
        **{
            name: getattr(compared, name)[rows]
            for name in (
                "ids", "x", "y", "start", "end", "thinness", "hour", "hours", "weekday", "weekdays"
            )
        },
        manner=replace(m, codes=m.codes[:, rows], values=m.values[:, rows]),
    )  # fmt: skip


def _forms(compared: Compared) -> tuple[Shape, ...]:
    m = compared.manner
    return shapes(m.fields, tuple(m.shares(k) for k in range(len(m.fields))), m.numbers)


def _fold_of(labelled: Labelled, folds: int, seed: int) -> Ints:
    """Fold of each incident, whole groups together and series of several spread evenly; -1 has no label."""
    rng = np.random.default_rng([seed, 1])
    fold = np.full(labelled.group.size, -1, dtype=np.int64)
    linked = np.unique(labelled.group[labelled.one])
    alone = np.setdiff1d(labelled.group[labelled.rows], linked)
    of = np.full(int(labelled.group.max()) + 1, -1, dtype=np.int64)
    for groups in (linked, alone):
        of[rng.permutation(groups)] = np.arange(groups.size) % folds
    rows = labelled.rows
    fold[rows] = of[labelled.group[rows]]
    if np.unique(fold[labelled.one]).size < 2:
        msg = f"{labelled.series} series can't be split into those to learn from and those to try it on"
        raise NotEnoughDataError(msg, hint="label more series")
    return fold
