"""How well linked incidents are told from others, on series that the model has never seen.

Whole series are kept apart: no incident and no series is both learnt from and tried on. Each repeat splits the labelled
series anew. What is chosen (the method, and whether distances are judged by density) is chosen on the training half
alone. The same is done with place and time alone, and with the manner alone, so as to say what the manner adds.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import Pattern, axes, check_level
from peelian.patterns.labels import LEAST_SERIES, Labelled, read_labels, training_pairs
from peelian.patterns.link_model import LinkMethod, LinkModel, fit_links, held_out_scores, replace_rows
from peelian.patterns.pairs import Compared, prepare
from peelian.patterns.probability import EDGES
from peelian.records.incidents import Incidents

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LinkageTrial", "auc", "average_precision", "choose_method", "linkage_trial"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

Candidate = tuple[LinkMethod, bool]

CANDIDATES: tuple[Candidate, ...] = (
    ("logistic", True),
    ("logistic", False),
    ("naive_bayes", True),
    ("naive_bayes", False),
)
"""Method, and whether distances are judged by density."""

PLACE_AND_TIME = ("place", "time", "hour", "weekday")
LIMITS = (
    "Tried on series that are known. Series that nobody recognised may look different, and are not in these numbers.",
    "The repeats split the same series in different ways; the interval is from resampling whole series.",
    "A pair may be wrongly held for unlinked, where nobody knows that both are of one series.",
)


@njit(cache=True)
def _ranked(linked: Any, tied: Any, weight: Any) -> Any:
    """Weighted area under the ROC curve and average precision of pairs in falling order of score.

    ``tied[k]`` says that pair k has the score of the one before.
    """
    yes, no, area, precision, last = 0.0, 0.0, 0.0, 0.0, 0.0
    total = 0.0
    group_yes, group_no = 0.0, 0.0
    n = linked.size
    for k in range(n + 1):
        if k == n or not tied[k]:
            area += no * group_yes + group_yes * group_no / 2
            yes += group_yes
            no += group_no
            if yes + no > 0:
                precision += group_yes * yes / (yes + no)
            group_yes, group_no = 0.0, 0.0
        if k < n:
            if linked[k]:
                group_yes += weight[k]
            else:
                group_no += weight[k]
    total = yes * no
    last = 1.0 - area / total if total > 0 else np.nan
    return last, precision / yes if yes > 0 else np.nan


def _order(score: Floats) -> tuple[npt.NDArray[np.int64], Bools]:
    order = np.argsort(-score, kind="stable")
    tied = np.concatenate([[False], np.diff(score[order]) == 0])
    return order, tied


def auc(score: Floats, linked: Bools, weight: Floats | None = None) -> float:
    """Share of (linked, unlinked) pairs of pairs in which the linked one has the higher score, ties as a half."""
    order, tied = _order(score)
    w = np.ones(score.size) if weight is None else np.asarray(weight, dtype=np.float64)
    return float(_ranked(linked[order], tied, w[order])[0])


def average_precision(score: Floats, linked: Bools, weight: Floats | None = None) -> float:
    """Mean over linked pairs of the share of linked ones among those with as high a score."""
    order, tied = _order(score)
    w = np.ones(score.size) if weight is None else np.asarray(weight, dtype=np.float64)
    return float(_ranked(linked[order], tied, w[order])[1])


def choose_method(
    by_density: Mapping[bool, Compared],
    labelled: Labelled,
    *,
    candidates: Sequence[Candidate] = CANDIDATES,
    features: Sequence[str] | None = None,
    seed: int = 0,
) -> Candidate:
    """The candidate that tells linked pairs best from others on held-out series of these labels.

    Each series counts as one; of two that do as well the first is taken.
    """
    if len(candidates) == 1:
        return candidates[0]
    best, found = -1.0, candidates[0]
    for method, density in candidates:
        held = held_out_scores(by_density[density], labelled, method=method, features=features, seed=seed)
        value = auc(held.score, held.linked, held.series_weight)
        if value > best + 1e-9:
            best, found = value, (method, density)
    return found


@dataclass(frozen=True, eq=False)
class _Tried:
    """Test pairs of one repeat under one set of features."""

    score: Floats
    probability: Floats
    linked: Bools
    weight: Floats
    series_weight: Floats
    one: npt.NDArray[np.int64]
    two: npt.NDArray[np.int64]
    chosen: Candidate


@dataclass(frozen=True, eq=False)
class LinkageTrial(Pattern):
    """How well linked incidents are told from others.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a set of features: ``features``, ``auc`` (mean over the repeats) with ``auc_low``, ``auc_high`` and
        ``auc_sd`` (between repeats), ``auc_by_series`` (each series counting as one), ``precision`` (average) with its
        interval, ``brier``, ``log_score``, ``expected_over_observed`` (linked pairs) with its interval, ``chosen``.
    differences : pandas.DataFrame
        What the manner adds to place and time: ``score``, ``difference``, ``low``, ``high``.
    calibration : pandas.DataFrame
        Of all features: ``low``, ``high``, ``pairs`` and ``came_true`` (over all repeats), ``stated``, ``observed``
        with its interval.
    settings : dict
    limits : tuple of str
    """

    table: pd.DataFrame
    differences: pd.DataFrame
    calibration: pd.DataFrame
    settings: dict[str, Any]
    limits: tuple[str, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """A row a set of features, the best first."""
        return self.table.sort_values("auc", ascending=False, kind="stable").reset_index(drop=True)

    def sentence(self) -> str:
        """How well it does on series never seen, and what the manner adds."""
        first = self.table.iloc[0]
        text = (
            f"Of a linked and an unlinked pair of incidents, from series never seen before, the linked one got the "
            f"higher score in {first['auc']:.1%} of cases ({first['auc_low']:.1%} to {first['auc_high']:.1%})."
        )
        if len(self.differences):
            d = self.differences.iloc[0]
            clear = d["low"] > 0 or d["high"] < 0
            said = "That is" if clear else "Whether that differs from nothing can't be told: it is"
            text += (
                f" {said} {100 * d['difference']:+.1f} points ({100 * d['low']:+.1f} to {100 * d['high']:+.1f}) "
                "beside place and time alone: what the manner adds."
            )
        return text

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "kind": "linkage_trial",
            "settings": self.settings,
            "sentence": self.sentence(),
            "scores": _rows(self.frame),
            "manner_adds": _rows(self.differences),
            "calibration": _rows(self.calibration),
            "limits": list(self.limits),
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Stated probability against how often it came true, with intervals."""
        ax = axes(ax)
        t = self.calibration
        ax.plot([0, 1], [0, 1], color="0.7", lw=1)
        error = np.array([t["observed"] - t["observed_low"], t["observed_high"] - t["observed"]])
        ax.errorbar(
            t["stated"], t["observed"], yerr=np.maximum(error, 0), fmt="o", color="#1f5f8b", capsize=3
        )
        ax.set(
            xlabel="stated probability of a link", ylabel="share that was linked", xlim=(0, 1), ylim=(0, 1)
        )
        return ax


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain data, NaN as None."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [
        {str(k): v.item() if isinstance(v, np.generic) else v for k, v in row.items()}
        for row in plain.to_dict("records")
    ]


def linkage_trial(
    incidents: Incidents,
    labels: pd.Series | Mapping[str, Hashable],
    *,
    manner: pd.DataFrame | None = None,
    numeric: Sequence[str] = (),
    repeats: int = 10,
    test_share: float = 0.5,
    candidates: Sequence[Candidate] = CANDIDATES,
    replicates: int = 400,
    level: float = 0.95,
    seed: int = 0,
) -> LinkageTrial:
    """Try the linking of incidents on series kept apart.

    Parameters
    ----------
    incidents : Incidents
    labels : pandas.Series or mapping
        Incident id to series, see `peelian.patterns.labels.read_labels`.
    manner : pandas.DataFrame, optional
        Coded fields by incident id.
    numeric : sequence of str
        Columns of `manner` whose difference counts.
    repeats : int
        Splits of the series.
    test_share : float
        Share of series to try on.
    candidates : sequence of (str, bool)
        Methods, with whether distances are judged by density, to choose from on the training series.
    replicates : int
        Resamples of whole series, for the intervals.
    level : float
        Of the intervals.
    seed : int

    Raises
    ------
    NotEnoughDataError
        Too few series to split.
    UsageError
        A setting is off.
    """
    check_level(level)
    check_level(test_share, what="test_share")
    if repeats < 1 or replicates < 1 or not candidates:
        msg = f"{repeats} repeats, {replicates} replicates and {len(candidates)} candidates; expected at least 1 each"
        raise UsageError(msg)
    by_density = {
        density: prepare(incidents, manner=manner, numeric=numeric, density=density)
        for density in {density for _, density in candidates}
    }
    compared = next(iter(by_density.values()))
    labelled = read_labels(labels, compared.ids)
    _check_splits(labelled, test_share)
    own = compared.features[len(PLACE_AND_TIME) :]
    sets = {"place, time and manner": compared.features} if own else {}
    sets["place and time"] = PLACE_AND_TIME
    if own:
        sets["manner"] = own
    tried: dict[str, list[_Tried]] = {name: [] for name in sets}
    for repeat in range(repeats):
        train, test = split_series(labelled, test_share, seed=seed, repeat=repeat)
        for name, features in sets.items():
            tried[name].append(_try(by_density, train, test, candidates, features, seed))
    return _result(tried, labelled, compared, replicates, level, seed, test_share)


def _check_splits(labelled: Labelled, test_share: float) -> None:
    least = int(np.ceil(LEAST_SERIES / min(test_share, 1 - test_share)))
    if labelled.series < least:
        msg = f"labels name {labelled.series} series of two incidents or more; a trial takes at least {least}"
        raise NotEnoughDataError(msg, hint="label more series, or try on another share of them")


def split_series(
    labelled: Labelled, test_share: float, *, seed: int = 0, repeat: int = 0
) -> tuple[Labelled, Labelled]:
    """Labels to learn from and labels to try on: no series and no incident is in both."""
    rng = np.random.default_rng([seed, 2, repeat])
    several = np.unique(labelled.group[labelled.one])
    alone = np.setdiff1d(labelled.group[labelled.rows], several)
    drawn = [rng.permutation(g)[: round(g.size * test_share)] for g in (several, alone)]
    held = np.isin(labelled.group, np.concatenate(drawn))
    return labelled.within(~held & (labelled.group >= 0)), labelled.within(held)


def _try(
    by_density: Mapping[bool, Compared],
    train: Labelled,
    test: Labelled,
    candidates: Sequence[Candidate],
    features: Sequence[str],
    seed: int,
) -> _Tried:
    if "place" not in features:
        # Density is about distances alone.
        candidates = list({method: (method, density) for method, density in candidates}.values())
    chosen = choose_method(by_density, train, candidates=candidates, features=features, seed=seed)
    compared = by_density[chosen[1]]
    model = fit_links(compared, train, method=chosen[0], density=chosen[1], features=features, seed=seed)
    return _scored(model, compared, test, chosen, seed)


def _scored(model: LinkModel, compared: Compared, test: Labelled, chosen: Candidate, seed: int) -> _Tried:
    pairs = training_pairs(test, seed=seed)
    score = model.score(compared, pairs.one, pairs.two)
    shift = model.shift(replace_rows(compared, test.rows))
    plain = np.where(pairs.linked, 1.0, pairs.weight)
    return _Tried(
        score,
        model.probability(score, shift=shift),
        pairs.linked,
        plain,
        pairs.weight,
        test.group[pairs.one],
        test.group[pairs.two],
        chosen,
    )


@njit(cache=True)
def _banded(band: Any, probability: Any, linked: Any, weight: Any, bands: int) -> Any:
    out = np.zeros((3, bands))
    for k in range(band.size):
        out[0, band[k]] += weight[k]
        out[1, band[k]] += weight[k] * probability[k]
        out[2, band[k]] += weight[k] * linked[k]
    return out


@njit(cache=True)
def _resampled(one: Any, two: Any, times: Any, weight: Any) -> Any:
    """Weight of each pair where each group was drawn so many times."""
    out = np.empty(one.size)
    for k in range(one.size):
        out[k] = weight[k] * times[one[k]] * (1.0 if one[k] == two[k] else times[two[k]])
    return out


def _measures(tried: Sequence[_Tried], orders: Sequence[Any], times: Floats) -> tuple[Floats, Floats]:
    """AUC, precision and expected over observed, means over repeats, under one resample; and the calibration sums."""
    found, sums = [], np.zeros((3, len(EDGES) - 1))
    for t, (order, tied, band) in zip(tried, orders, strict=True):
        weight = _resampled(t.one, t.two, times, t.weight)
        if not (weight[t.linked] > 0).any():
            continue
        area, precision = _ranked(t.linked[order], tied, weight[order])
        here = _banded(band, t.probability, t.linked, weight, len(EDGES) - 1)
        found.append((area, precision, here[1].sum() / here[2].sum()))
        sums += here
    return np.mean(found, axis=0), sums


def _result(
    tried: Mapping[str, list[_Tried]],
    labelled: Labelled,
    compared: Compared,
    replicates: int,
    level: float,
    seed: int,
    test_share: float,
) -> LinkageTrial:
    rng = np.random.default_rng([seed, 3])
    groups = int(labelled.group.max()) + 1
    several = np.unique(labelled.group[labelled.one])
    alone = np.setdiff1d(labelled.group[labelled.rows], several)
    draws = np.zeros((replicates + 1, groups))
    draws[0] = 1.0
    for r in range(1, replicates + 1):
        for g in (several, alone):
            np.add.at(draws[r], rng.choice(g, g.size), 1.0)
    edges = np.array(EDGES)
    values, sums = {}, {}
    for name, runs in tried.items():
        orders = [
            (*_order(t.score), np.clip(np.searchsorted(edges, t.probability) - 1, 0, edges.size - 2))
            for t in runs
        ]
        both = [_measures(runs, orders, times) for times in draws]
        values[name] = np.array([b[0] for b in both])
        sums[name] = np.array([b[1] for b in both])
    ends = [(1 - level) / 2, (1 + level) / 2]
    rows = [_row(name, runs, values[name], ends) for name, runs in tried.items()]
    first = next(iter(tried))
    apart = []
    if "manner" in tried:
        gain = values[first] - values["place and time"]
        for k, what in enumerate(("auc", "precision")):
            low, high = np.quantile(gain[1:, k], ends)
            apart.append((what, float(gain[0, k]), float(low), float(high)))
    return LinkageTrial(
        pd.DataFrame(rows),
        pd.DataFrame(apart, columns=["score", "difference", "low", "high"]),
        _calibration(tried[first], sums[first], ends),
        {
            "repeats": len(tried[first]),
            "test_share": test_share,
            "replicates": replicates,
            "level": level,
            "seed": seed,
            "incidents": int(labelled.rows.size),
            "series": labelled.series,
            "linked_pairs": int(labelled.one.size),
            "fields": [*compared.manner.fields, *compared.manner.numbers],
        },
        LIMITS,
    )


def _row(name: str, runs: Sequence[_Tried], values: Floats, ends: list[float]) -> dict[str, Any]:
    low, high = np.quantile(values[1:], ends, axis=0)
    each = [auc(t.score, t.linked, t.weight) for t in runs]
    happened = [t.linked.astype(np.float64) for t in runs]
    brier = [
        np.average((t.probability - y) ** 2, weights=t.weight) for t, y in zip(runs, happened, strict=True)
    ]
    given = [np.where(t.linked, t.probability, 1 - t.probability) for t in runs]
    log = [np.average(-np.log(p), weights=t.weight) for t, p in zip(runs, given, strict=True)]
    chosen = pd.Series(
        [f"{m}{', by density' if d else ''}" for m, d in (t.chosen for t in runs)]
    ).value_counts()
    return {
        "features": name,
        "auc": float(values[0, 0]),
        "auc_low": float(low[0]),
        "auc_high": float(high[0]),
        "auc_sd": float(np.std(each, ddof=1)) if len(each) > 1 else float("nan"),
        "auc_by_series": float(np.mean([auc(t.score, t.linked, t.series_weight) for t in runs])),
        "precision": float(values[0, 1]),
        "precision_low": float(low[1]),
        "precision_high": float(high[1]),
        "brier": float(np.mean(brier)),
        "log_score": float(np.mean(log)),
        "expected_over_observed": float(values[0, 2]),
        "expected_low": float(low[2]),
        "expected_high": float(high[2]),
        "chosen": "; ".join(f"{what} {n} times" for what, n in chosen.items()),
    }


def _calibration(runs: Sequence[_Tried], sums: Floats, ends: list[float]) -> pd.DataFrame:
    weight, stated, came = sums[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = sums[1:, 2] / sums[1:, 0]
    rows = []
    for k in np.flatnonzero(weight > 0):
        low, high = np.nanquantile(drawn[:, k], ends)
        rows.append(
            {
                "low": EDGES[k],
                "high": EDGES[k + 1],
                "pairs": round(float(weight[k])),
                "came_true": round(float(came[k])),
                "stated": float(stated[k] / weight[k]),
                "observed": float(came[k] / weight[k]),
                "observed_low": float(low),
                "observed_high": float(high),
            }
        )
    return pd.DataFrame(rows)
