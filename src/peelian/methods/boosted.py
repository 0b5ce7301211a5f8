"""Boosted counts: a mixture of decayed kernels, corrected by gradient-boosted trees on the same kernels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import holidays
import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from scipy import fft, sparse

from peelian.errors import UsageError
from peelian.methods.base import Method, in_window
from peelian.methods.smoothing import chosen_level, decay, half_life_days
from peelian.places.counts import Counts
from peelian.places.grid import Grid
from peelian.places.periods import Period, Periods

__all__ = ["BoostedCounts"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

HALF_LIVES = ("4w", "13w", "52w", "104w", None)
SCALES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)

CORRIDORS = ((0.4, 4.0), (4.0, 0.4))
"""Standard deviations in cells up and across: streets mostly run so, and what happens on one happens along it."""

OTHERS_HALF_LIVES = ("13w", "104w")
OTHERS_SCALES = (0.0, 2.0)

BLOCKS = 156
"""Runs of periods that are learned from, at most: weeks of three years, or runs of days as long."""

BURN = 182.0
"""Days, or half of the past if that is less, that are only looked back on."""

MEMORY = "104w"
"""Half-life of a run's weight in learning."""

ROWS = 80_000
"""Cells without reports that are sampled for learning, over all runs; the weights make up for it."""

REPORTED_ROWS = 60_000
"""Cells with reports, as many at most."""

MIXED_ROWS = 20_000
"""Of those, as many at most tell the weights of the mixture, which are few."""

FEWEST_REPORTS = 300
"""With fewer to learn from, the mixture stays as it is."""

MANY_REPORTS = 30_000
"""From as many on the learning rate is as given; below it falls with their square root, to `SLOWEST` of it."""

SLOWEST = 0.4

REPORTS_A_LEAF = 400
"""Trees have a leaf for so many reports, and 4 at least."""

PRIOR = 20.0
"""Reports that the mixture's first weights count for."""

ROUNDS = 60
EVEN = 0.1
"""First weight of the even map."""

LEAST_EVEN = 0.002
FLOOR = 0.02
"""Added to densities, of which 1 is the area's average, before their logarithm is taken."""

YEAR = 365.2425
RIDGE = 20.0
"""Penalty on the season's coefficients, in reports."""


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
    probabilities that rise with the expected number and are weighted by their inverses, which leaves the likelihood
    unbiased (Horvitz and Thompson 1952). A higher count of the cell itself can only raise its forecast.

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
        self.season_ = _season(counts, self.country)
        kernels = _Kernels(counts, self.half_lives, self.scales)
        self.names_, self.kinds_ = kernels.names, kernels.kinds
        rows = _rows(counts, kernels, window=self.window, seed=self.random_state)
        self.weights_ = _mixed(rows, _first_weights(self.kinds_))
        self.booster_ = None
        if self.trees > 0 and rows.observed[rows.observed > 0].size and rows.observed.sum() >= FEWEST_REPORTS:
            self.booster_ = self._boost(rows, counts)

    def _boost(self, rows: _Rows, counts: Counts) -> lgb.Booster:
        mixed = np.einsum("nk,k->n", rows.density, self.weights_[:-1]) + self.weights_[-1]
        columns = _columns(
            rows.density, mixed, _angle(rows.day), [v[rows.cell] for v in counts.features.values()]
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
        self.density_ = _Kernels(counts, self.half_lives, self.scales).density()
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
        return float(np.exp(np.sum(_calendar(period, self.country) * self.season_)))

    def _mixture(self) -> Floats:
        """Density of the mixture, 1 on average, shape (n_cells,)."""
        mixed = np.einsum("kn,k->n", self.density_, self.weights_[:-1]) + self.weights_[-1]
        return np.asarray(mixed, dtype=np.float64)

    def _matrix(self, period: Period, mixed: Floats) -> Singles:
        day = np.full(mixed.size, _middle(period))
        return _columns(self.density_.T, mixed, _angle(day), self.features_)

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


class _Spread:
    """Gaussian smoothing of many images by cell at once, such that nothing leaves the study area."""

    def __init__(self, grid: Grid, sigmas: Sequence[tuple[float, float]]) -> None:
        reach = [int(np.ceil(4 * max(s[i] for s in sigmas))) for i in (0, 1)] if sigmas else [0, 0]
        self._grid = grid
        self._node = grid.rows * grid.shape[1] + grid.columns
        self._sizes = tuple(
            fft.next_fast_len(n + min(r, n), real=True) for n, r in zip(grid.shape, reach, strict=True)
        )
        self._transfer = [self._transferred(sigma) for sigma in sigmas]
        self._share = np.asarray(grid.area / (grid.cell / 1000.0) ** 2, dtype=np.float32)
        whole = self._spectrum(self._share[None])
        self._kept = [np.maximum(self._back(whole, t)[0], 1e-3) for t in self._transfer]

    def _transferred(self, sigma: tuple[float, float]) -> Singles:
        up, across = (self._one(n, s) for n, s in zip(self._sizes, sigma, strict=True))
        return np.asarray(up[:, None] * across[None, : self._sizes[1] // 2 + 1], dtype=np.float32)

    @staticmethod
    def _one(n: int, sigma: float) -> Floats:
        away = np.minimum(np.arange(n), n - np.arange(n))
        kernel = np.where(away <= np.ceil(4 * sigma), np.exp(-0.5 * (away / sigma) ** 2), 0.0)
        return np.asarray(fft.fft(kernel / kernel.sum()).real, dtype=np.float64)

    def _spectrum(self, values: Singles) -> npt.NDArray[np.complex64]:
        images = np.zeros((len(values), self._grid.shape[0] * self._grid.shape[1]), dtype=np.float32)
        images[:, self._node] = values
        made: npt.NDArray[np.complex64] = fft.rfft2(images.reshape(-1, *self._grid.shape), s=self._sizes)
        return made

    def _back(self, spectrum: npt.NDArray[np.complex64], transfer: Singles) -> Singles:
        rows, columns = self._grid.shape
        made = fft.irfft2(spectrum * transfer, s=self._sizes)[:, :rows, :columns]
        return np.asarray(made.reshape(len(made), -1)[:, self._node], dtype=np.float32)

    def __call__(self, values: Singles) -> list[Singles]:
        """Of each standard deviation, what each row of `values`, shape (m, n_cells), becomes."""
        made = []
        for transfer, kept in zip(self._transfer, self._kept, strict=True):
            smooth = self._back(self._spectrum(values / kept), transfer) * self._share
            made.append(np.maximum(smooth, 0.0))
        return made


class _Group:
    """Decayed kernels of one category: all scales with all half-lives, scale by scale."""

    def __init__(self, matrix: sparse.csc_array, half_lives: Sequence[str | None], spread: _Spread) -> None:
        self.matrix, self.half_lives, self.spread = matrix, tuple(half_lives), spread

    def sums(self, weights: Floats, columns: slice = slice(None)) -> Singles:
        """Weighted counts of periods, shape (n_scales, m, n_cells), the first scale being the cell itself."""
        sums = np.asarray(self.matrix[:, columns] @ weights.T, dtype=np.float32).T
        return np.stack([sums, *self.spread(np.ascontiguousarray(sums))])


class _Kernels:
    """What is known at the end of some periods: densities of decayed kernels, 1 being the area's average.

    Learning walks through the past, and forecasting looks at its end: both are done here, so that both see the same.
    """

    def __init__(self, counts: Counts, half_lives: Sequence[str | None], scales: Sequence[float]) -> None:
        self.counts = counts
        wide = [s for s in scales if s > 0]
        own = _Spread(counts.grid, [(s, s) for s in wide] + list(CORRIDORS))
        self.groups = [_Group(counts.matrix, half_lives, own)]
        self.names: list[str] = []
        self.kinds: list[str] = []
        places = ["here", *(f"{s:g} cells" for s in wide), "across", "up"]
        for place in places:
            for h in half_lives:
                self.names.append(f"{place}, {h or 'all'}")
                self.kinds.append("here" if place == "here" else "near")
        others = _Spread(counts.grid, [(s, s) for s in OTHERS_SCALES if s > 0])
        for name, matrix in counts.companions.items():
            self.groups.append(_Group(matrix, OTHERS_HALF_LIVES, others))
            for s in OTHERS_SCALES:
                for other in OTHERS_HALF_LIVES:
                    self.names.append(f"{name}, {s:g} cells, {other}")
                    self.kinds.append("others")
        self.even = np.asarray(counts.grid.area / counts.grid.area.sum(), dtype=np.float32)

    def _relative(self, sums: list[Singles]) -> Singles:
        parts = []
        for part in sums:
            flat = part.reshape(-1, part.shape[-1])
            total = flat.sum(axis=1, dtype=np.float64, keepdims=True).astype(np.float32)
            parts.append(
                np.where(total > 1e-30, flat / np.maximum(total, 1e-30) / self.even, np.float32(1.0))
            )
        return np.concatenate(parts)

    def density(self) -> Singles:
        """At the end of the counts, shape (n_densities, n_cells)."""
        periods = self.counts.periods
        return self._relative(
            [g.sums(np.array([decay(periods, h) for h in g.half_lives])) for g in self.groups]
        )

    def walk(self, blocks: Sequence[tuple[int, int]]) -> Iterator[Singles]:
        """Before each of some adjacent runs of periods, the densities; each is good until the next."""
        periods = self.counts.periods
        first = blocks[0][0]
        state = [
            g.sums(np.array([decay(periods[:first], h) for h in g.half_lives]), slice(0, first))
            for g in self.groups
        ]
        for i, j in blocks:
            yield self._relative(state)
            days = float((periods.edges[j] - periods.edges[i]).astype(int))
            for group, sums in zip(self.groups, state, strict=True):
                kept = np.array(
                    [2.0 ** (-days / half_life_days(h)) for h in group.half_lives], dtype=np.float32
                )
                sums *= kept[None, :, None]
                # Within a run nothing decays: one convolution serves all half-lives.
                sums += group.sums(np.ones((1, j - i)), slice(i, j))


@dataclass(frozen=True, eq=False)
class _Rows:
    """Sampled cells in past runs of periods.

    Parameters
    ----------
    density : array of float32, shape (n, n_densities)
    observed, weight : arrays of float, shape (n,)
    exposure : array of float, shape (n,)
        Reports that the even map would have expected of the run's total.
    cell : array of int, shape (n,)
    day : array of float, shape (n,)
        Middle of the run, in days since 1970.
    """

    density: Singles
    observed: Floats
    weight: Floats
    exposure: Floats
    cell: npt.NDArray[np.int64]
    day: Floats


def _blocks(periods: Periods, window: str | None) -> list[tuple[int, int]]:
    """Adjacent runs of the latest periods, half-open; what lies before the first is only looked back on."""
    n = len(periods)
    within = int(np.count_nonzero(in_window(periods, window)))
    burn = int(np.searchsorted(periods.edges, periods.start + np.timedelta64(int(BURN), "D")))
    first = max(n - within, min(burn, n // 2), 1)
    step = max(1, -(-(n - first) // BLOCKS))
    return [(end - step, end) for end in range(n, first + step - 1, -step)][::-1]


def _rows(counts: Counts, kernels: _Kernels, *, window: str | None, seed: int) -> _Rows:
    blocks, periods = _blocks(counts.periods, window), counts.periods
    found: list[tuple[Any, ...]] = []
    random = np.random.default_rng(seed)
    if blocks:
        reported = counts.matrix.indptr[blocks[-1][1]] - counts.matrix.indptr[blocks[0][0]]
        take = min(1.0, REPORTED_ROWS / max(float(reported), 1.0))
        of = [k for k, kind in enumerate(kernels.kinds) if kind != "others"]
        for (i, j), density in zip(blocks, kernels.walk(blocks), strict=False):
            seen = np.asarray(counts.matrix[:, i:j].sum(axis=1), dtype=np.float64).ravel()
            total = float(seen.sum())
            if total == 0:
                continue
            likely = np.sqrt(density[of].mean(axis=0, dtype=np.float64) * kernels.even)
            chance = np.minimum(1.0, likely / likely.sum() * (ROWS / len(blocks)))
            chance[seen > 0] = take
            cell = np.flatnonzero(random.random(seen.size) < chance)
            age = float((periods.end - periods.edges[j]).astype(int))
            weight = 2.0 ** (-age / half_life_days(MEMORY)) / chance[cell]
            day = np.full(cell.size, _middle(Period(periods.edges[i], periods.edges[j])))
            found.append((density[:, cell].T, seen[cell], weight, total * kernels.even[cell], cell, day))
    if not found:
        none = np.zeros(0)
        return _Rows(
            np.zeros((0, len(kernels.names)), np.float32), none, none, none, np.zeros(0, np.int64), none
        )
    return _Rows(*(np.concatenate(part) for part in zip(*found, strict=True)))


def _first_weights(kinds: Sequence[str]) -> Floats:
    """What is believed before learning: the target's own densities alike, other categories tell nothing."""
    own = np.array([kind != "others" for kind in kinds], dtype=np.float64)
    return np.append((1 - EVEN) * own / own.sum(), EVEN).astype(np.float64)


def _mixed(rows: _Rows, first: Floats) -> Floats:
    """Weights of the mixture by EM, the first ones counting for a few reports."""
    at = np.flatnonzero(rows.observed)
    at = at[:: max(1, -(-at.size // MIXED_ROWS))]
    if at.size == 0:
        return first
    weights = np.full(first.size, 1 / first.size)
    density = np.column_stack([rows.density[at].astype(np.float64), np.ones(at.size)])
    many = rows.observed[at] * rows.weight[at]
    many *= rows.observed[at].sum() / many.sum()
    for _ in range(ROUNDS):
        # Sums of products and no matrix product, whose digits would depend on the number of threads.
        part = density * weights
        part *= (many / part.sum(axis=1))[:, None]
        weights = part.sum(axis=0) + PRIOR * first
        weights /= weights.sum()
    weights[-1] = max(weights[-1], LEAST_EVEN)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


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


def _middle(period: Period) -> float:
    """Days from the start of 1970 to the middle of the period."""
    return float((period.start - np.datetime64("1970-01-01")).astype(int)) + period.days / 2


def _angle(day: Floats) -> Floats:
    return np.asarray(2 * np.pi * day / YEAR, dtype=np.float64)


def _calendar(period: Period, country: str | None) -> Floats:
    """Two harmonics of the year and the share of holidays, shape (5,)."""
    angle = 2 * np.pi * _middle(period) / YEAR
    return np.array(
        [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle), _holidays(period, country)]
    )


def _holidays(period: Period, country: str | None) -> float:
    if country is None:
        return 0.0
    years = range(int(str(period.start)[:4]), int(str(period.end)[:4]) + 1)
    try:
        known = holidays.country_holidays(country, years=years)
    except NotImplementedError as error:
        msg = f"country={country!r} was given; no public holidays are known of it"
        raise UsageError(msg, hint='country="US", or leave it out') from error
    days = np.arange(period.start, period.end).tolist()
    return sum(day in known for day in days) / len(days)


def _season(counts: Counts, country: str | None) -> Floats:
    """Coefficients of `_calendar` by penalised Poisson regression on totals about their moving mean of a year.

    Empty where there are not two years to tell a season from.
    """
    periods, totals = counts.periods, counts.by_period.astype(np.float64)
    days = np.diff(periods.edges).astype(np.float64)
    if days.sum() < 2 * YEAR or totals.sum() < FEWEST_REPORTS:
        return np.zeros(0)
    half = max(round(YEAR / 2 / periods.frequency.days), 1)
    low = np.maximum(np.arange(totals.size) - half, 0)
    high = np.minimum(np.arange(totals.size) + half, totals.size)
    so_far, time = (np.append(0.0, np.cumsum(v)) for v in (totals, days))
    usual = np.maximum(so_far[high] - so_far[low], 0.5) / (time[high] - time[low]) * days
    calendar = np.array([_calendar(periods[i], country) for i in range(totals.size)])
    x = np.column_stack([calendar, np.ones(totals.size)])
    penalty = np.append(np.full(calendar.shape[1], RIDGE), 1e-6)
    b = np.zeros(x.shape[1])
    for _ in range(10):
        mean = usual * np.exp(np.clip(np.einsum("nk,k->n", x, b), -3, 3))
        slope = np.einsum("nk,n->k", x, totals - mean) - penalty * b
        curve = np.einsum("nk,n,nl->kl", x, mean, x) + np.diag(penalty)
        b = b + np.linalg.solve(curve, slope)
    return np.asarray(b[:-1], dtype=np.float64)
