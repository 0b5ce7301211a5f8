"""Boosted counts: a mixture of decayed kernels, corrected by gradient-boosted trees on the same kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from peelian.errors import UsageError
from peelian.methods.base import Method
from peelian.methods.boosting import (
    Kernels,
    Rows,
    angle_of,
    calendar_of,
    first_weights,
    middle_of,
    mixing_weights,
    sampled,
    season_of,
)
from peelian.methods.smoothing import chosen_level, decay
from peelian.places.counts import Counts
from peelian.places.periods import Period

__all__ = ["BoostedCounts"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

HALF_LIVES = ("4w", "13w", "52w", "104w", None)
SCALES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)

FEWEST_REPORTS = 300
"""With fewer to learn from, the mixture stays as it is."""

MANY_REPORTS = 30_000
"""From as many on the learning rate is as given; below it falls with their square root, to `SLOWEST` of it."""

SLOWEST = 0.4

REPORTS_A_LEAF = 400
"""Trees have a leaf for so many reports, and 4 at least."""

FLOOR = 0.02
"""Added to densities, of which 1 is the area's average, before their logarithm is taken."""


class BoostedCounts(Method):
    """Where reports will be, from how many there were at every distance and of every age, by boosted trees.

    First, kernel densities of a few scales and half-lives, those of other categories and an even map are mixed with the
    weights of the highest likelihood. Then gradient-boosted trees learn from past periods by what factor that was too
    low or too high, given all of those densities: that hot places are more persistent than mild ones, that one kind of
    report goes before another, and what differs with the season. Both learn shares of each past period's total, so that
    neither is misled by how many reports there were in all. That number is a decayed mean, times a season's and a
    holiday's factor where two years are on record.

    Parameters
    ----------
    half_lives : sequence of str or None
        None is no decay.
    scales : sequence of float
        Standard deviations in cells; 0 is the cell itself, and has to be one.
    trees : int
        0 leaves the mixture as it is.
    leaves : int
        Of a tree, at most; fewer where reports are few.
    learning_rate : float
        Where reports are many; lower where they are few.
    window : str or None
        How far back it learns; kernels look back further.
    country : str or None
        Such as ``"US"``: public holidays then change the expected total.
    random_state : int

    Attributes
    ----------
    names_ : list of str
        Of the densities.
    weights_ : array of float, shape (n_densities + 1,)
        Of the mixture; the last is that of the even map.
    booster_ : lightgbm.Booster or None
    level_ : str or None
        Half-life of the whole area's rate.
    season_ : array of float
        Coefficients of the logarithm of the expected total.

    Notes
    -----
    Trees are fitted to a Poisson likelihood with the mixture as offset. Cells without reports are sampled with
    probabilities that rise with the expected number and are weighted by their inverses: on average the likelihood stays
    that of all cells (Horvitz and Thompson 1952). A higher count of the cell itself can only raise its forecast.

    References
    ----------
    Friedman (2001), "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29. Ke et al.
    (2017), "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS. Dempster, Laird and Rubin (1977),
    "Maximum likelihood from incomplete data via the EM algorithm", JRSS B 39. Horvitz and Thompson (1952), JASA 47.
    Terms: Lundberg et al. (2020), "From local explanations to global understanding with explainable AI for trees",
    Nature Machine Intelligence 2, made additive in reports by the logarithmic mean of Ang (2004), "Decomposition
    analysis for policymaking in energy", Energy Policy 32.
    """

    name = "boosted_counts"
    title = "Boosted counts"

    def __init__(
        self,
        *,
        half_lives: Sequence[str | None] = HALF_LIVES,
        scales: Sequence[float] = SCALES,
        trees: int = 100,
        leaves: int = 16,
        learning_rate: float = 0.07,
        window: str | None = "3y",
        country: str | None = None,
        random_state: int = 0,
    ) -> None:
        self.half_lives = half_lives
        self.scales = scales
        self.trees = trees
        self.leaves = leaves
        self.learning_rate = learning_rate
        self.window = window
        self.country = country
        self.random_state = random_state

    def chosen(self) -> dict[str, Any]:
        """The mixture's weights that matter, the half-life of the total, and how many trees correct it."""
        told = {n: round(float(w), 6) for n, w in zip([*self.names_, "even"], self.weights_, strict=True)}
        return {
            "weights": {name: weight for name, weight in told.items() if weight >= 1e-3},
            "level": self.level_,
            "trees": self.booster_.num_trees() if self.booster_ is not None else 0,
        }

    def _tune(self, counts: Counts) -> None:
        if 0.0 not in self.scales:
            msg = f"scales={self.scales!r} were given; expected 0, the cell itself, among them"
            raise UsageError(msg, hint="scales=(0, 1, 4)")
        self.level_ = chosen_level(counts)
        self.season_ = season_of(counts, self.country)
        kernels = Kernels(counts, self.half_lives, self.scales)
        self.names_, self.kinds_ = kernels.names, kernels.kinds
        rows = sampled(counts, kernels, window=self.window, seed=self.random_state)
        self.weights_ = mixing_weights(rows, first_weights(self.kinds_))
        self.booster_ = None
        if self.trees > 0 and rows.observed[rows.observed > 0].size and rows.observed.sum() >= FEWEST_REPORTS:
            self.booster_ = self._boost(rows, counts)

    def _boost(self, rows: Rows, counts: Counts) -> lgb.Booster:
        mixed = np.einsum("nk,k->n", rows.density, self.weights_[:-1]) + self.weights_[-1]
        columns = _columns(
            rows.density, mixed, angle_of(rows.day), [v[rows.cell] for v in counts.features.values()]
        )
        own = [1 if kind == "here" else 0 for kind in self.kinds_]
        # Of few reports, trees as large and as quick would learn what was luck.
        reports = float(np.sum(rows.weight * rows.observed))
        settings = {
            "objective": "poisson",
            "num_leaves": min(self.leaves, max(4, int(reports / REPORTS_A_LEAF))),
            "learning_rate": self.learning_rate
            * float(np.clip((reports / MANY_REPORTS) ** 0.5, SLOWEST, 1.0)),
            "monotone_constraints": [*own, 1, *([0] * (columns.shape[1] - len(own) - 1))],
            "min_data_in_leaf": 100,
            "min_sum_hessian_in_leaf": 20.0,
            "lambda_l2": 20.0,
            "poisson_max_delta_step": 0.3,
            "feature_fraction": 0.5,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "max_bin": 63,
            "seed": self.random_state + 1,
            "num_threads": 1,
            "deterministic": True,
            "force_col_wise": True,
            "verbose": -1,
        }
        data = lgb.Dataset(
            columns,
            rows.observed,
            weight=rows.weight,
            init_score=np.log(mixed * rows.exposure),
            params={"max_bin": 63, "bin_construct_sample_cnt": 20_000, "num_threads": 1, "verbose": -1},
        )
        return lgb.train(settings, data, self.trees)

    def _update(self, counts: Counts) -> None:
        self.density_ = Kernels(counts, self.half_lives, self.scales).density()
        weight = decay(counts.periods, self.level_)
        usual = np.diff(counts.periods.edges).astype(np.float64)
        for i in range(len(counts.periods)) if self.season_.size else ():
            usual[i] *= self._factor(counts.periods[i])
        self.rate_ = float(np.sum(weight * counts.by_period) / np.sum(weight * usual))
        self.features_ = [np.asarray(v, dtype=np.float64) for v in counts.features.values()]

    def _factor(self, period: Period) -> float:
        """By how much the season and holidays raise the total of a period."""
        if not self.season_.size:
            return 1.0
        return float(np.exp(np.sum(calendar_of(period, self.country) * self.season_)))

    def _mixture(self) -> Floats:
        """Density of the mixture, 1 on average, shape (n_cells,)."""
        mixed = np.einsum("kn,k->n", self.density_, self.weights_[:-1]) + self.weights_[-1]
        return np.asarray(mixed, dtype=np.float64)

    def _matrix(self, period: Period, mixed: Floats) -> Singles:
        day = np.full(mixed.size, middle_of(period))
        return _columns(self.density_.T, mixed, angle_of(day), self.features_)

    def _mean(self, period: Period) -> Floats:
        mixed = self._mixture()
        share = mixed * self.grid_.area
        if self.booster_ is not None:
            raised = self.booster_.predict(self._matrix(period, mixed), raw_score=True, num_threads=1)
            share *= np.exp(np.asarray(raised))
        return np.asarray(
            self.rate_ * period.days * self._factor(period) * share / share.sum(), dtype=np.float64
        )

    def _terms(self, period: Period) -> dict[str, Floats]:
        """The mixture's parts as they are; the trees' factor is shared out by Shapley values."""
        mixed, mean, factor = self._mixture(), self._mean(period), self._factor(period)
        area = self.grid_.area
        before = self.rate_ * period.days * mixed * area / float(np.sum(mixed * area))
        share = {label: np.zeros(mean.size) for label in dict.fromkeys(LABELS[k] for k in self.kinds_)}
        for k, kind in enumerate(self.kinds_):
            share[LABELS[kind]] += self.weights_[k] * self.density_[k] / mixed
        share[LABELS["even"]] = self.weights_[-1] / mixed
        # What the trees make of the mixture itself, and the constant that keeps the total, change its parts alike.
        alike, told = np.log(mean / factor / before), self._told(period, mixed)
        alike -= np.sum(list(told.values()), axis=0)
        step = _logarithmic_mean(mean / factor, before)
        terms = {label: (before + step * alike) * part for label, part in share.items()}
        for label, raised in told.items():
            terms[label] = terms.get(label, np.zeros(mean.size)) + step * raised
        season = LABELS["season"]
        terms[season] = terms.get(season, np.zeros(mean.size)) + mean * (1 - 1 / factor)
        return terms

    def _told(self, period: Period, mixed: Floats) -> dict[str, Floats]:
        """What each kind of column adds to the logarithm of the trees' factor."""
        if self.booster_ is None:
            return {}
        made = self.booster_.predict(self._matrix(period, mixed), pred_contrib=True, num_threads=1)
        values = np.asarray(made)
        kinds = [*self.kinds_, "", "season", "season", *["features"] * len(self.features_)]
        told: dict[str, Floats] = {}
        for j, kind in enumerate(kinds):
            if kind:
                told[LABELS[kind]] = told.get(LABELS[kind], np.zeros(mixed.size)) + values[:, j]
        return told


LABELS = {
    "here": "reports here before",
    "near": "reports near by before",
    "others": "reports of other categories",
    "features": "what is known of the place",
    "season": "season and holidays",
    "even": "the whole area's average",
}


def _logarithmic_mean(a: Floats, b: Floats) -> Floats:
    """Of two positive numbers, ``(a - b) / log(a / b)``, and a where they are the same."""
    log = np.log(a / b)
    same = np.abs(log) < 1e-9
    return np.where(same, a, (a - b) / np.where(same, 1.0, log))


def _columns(density: Singles, mixed: Floats, angle: Floats, features: Sequence[Floats]) -> Singles:
    """What the trees see, shape (n, n_columns): logarithms of densities, of the mixture, season and place."""
    made = np.empty((len(mixed), density.shape[1] + 3 + len(features)), dtype=np.float32)
    k = density.shape[1]
    np.log(density + np.float32(FLOOR), out=made[:, :k])
    made[:, k] = np.log(mixed)
    made[:, k + 1], made[:, k + 2] = np.sin(angle), np.cos(angle)
    for j, values in enumerate(features):
        made[:, k + 3 + j] = values
    return made
