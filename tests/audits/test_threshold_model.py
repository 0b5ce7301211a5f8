"""The threshold test's model: its density held against SciPy's, and what is planted found again.

One shape of data throughout, since compiling for a shape takes as long as all else.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from peelian.audits import threshold_model as model
from peelian.audits.discriminant import draw_counts, stop_outcomes
from peelian.audits.threshold_test import ThresholdTest, threshold_test

pytest.importorskip("numpyro")

GROUPS = ("white", "black", "other")
DISTRICTS = 60  # 100 are in bench/threshold_test.py
SHORT = {"warmup": 200, "samples": 200}


def world(gap: float, *, seed: int, beta: bool = False) -> tuple[pd.DataFrame, np.ndarray]:
    """Counts of three groups where `black` is searched at a threshold lower by `gap`; gaps as they came out.

    Groups differ in how many carry something, so that hit rates alone would mislead.
    """
    rng = np.random.default_rng(seed)
    stops = np.maximum(20, rng.lognormal(np.log(2000), 1, (3, DISTRICTS))).astype(np.int64)
    centre = special.logit(np.array([0.3, 0.3 + gap, 0.3]))[:, None]
    threshold = special.expit(centre + 0.2 * rng.normal(size=stops.shape))
    share = special.expit(np.array([-2.2, -2.0, -2.1])[:, None] + 0.3 * rng.normal(size=DISTRICTS))
    if beta:
        size = np.exp(np.array([1.8, 1.6, 1.7])[:, None] + 0.2 * rng.normal(size=DISTRICTS))
        a, b = size * share, size * (1 - share)
        search_rate = stats.beta.sf(threshold, a, b)
        searches = rng.binomial(stops, search_rate)
        hits = rng.binomial(searches, stats.beta.sf(threshold, a + 1, b) / search_rate * share)
    else:
        apart = np.exp(np.array([0.6, 0.5, 0.55])[:, None] + 0.1 * rng.normal(size=DISTRICTS))
        searches, hits = draw_counts(rng, stops=stops, threshold=threshold, carrying=share, separation=apart)
    weight = stops.sum(axis=0) / stops.sum()
    means = (threshold * weight).sum(axis=1)
    g, d = np.indices(stops.shape)
    names = {"district": [f"d{n:03}" for n in d.ravel()], "group": np.array(GROUPS)[g.ravel()]}
    columns = {"stops": stops.ravel(), "searches": searches.ravel(), "hits": hits.ravel()}
    return pd.DataFrame(names | columns), means[1:] - means[0]


def ends(audit: ThresholdTest, group: str) -> tuple[float, float]:
    found = next(one for one in audit.findings if one.id.endswith(group))
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


@pytest.fixture(scope="module")
def planted() -> tuple[ThresholdTest, np.ndarray]:
    table, gaps = world(-0.10, seed=1)
    return threshold_test(table, reference="white", scales=(1.0, 2.0), **SHORT), gaps


@pytest.mark.slow
def test_a_planted_gap_comes_back_and_none_is_found_where_none_was_planted(
    planted: tuple[ThresholdTest, np.ndarray],
) -> None:
    audit, gaps = planted
    low, high = ends(audit, "black")
    assert low <= gaps[0] <= high < 0
    assert low <= -0.10 <= high
    assert high - low < 0.08
    low, high = ends(audit, "other")
    assert low <= 0 <= high
    assert audit.convergence.rhat < 1.05
    assert audit.convergence.divergences <= 4
    assert audit.frame[["search_p", "hit_p"]].min().min() > 0.025
    # The priors are not what was found.
    swept = audit.sweep[audit.sweep["group"] == "black"]["gap"]
    assert np.ptp(swept) < 0.02


@pytest.mark.slow
def test_nothing_is_found_where_nothing_was_planted_and_the_same_seed_gives_the_same_numbers() -> None:
    table, _ = world(0.0, seed=3)
    audit = threshold_test(table, reference="white", scales=(1.0,), **SHORT)
    for group in ("black", "other"):
        low, high = ends(audit, group)
        assert low <= 0 <= high
    again = threshold_test(table.sample(frac=1, random_state=2), reference="white", scales=(1.0,), **SHORT)
    assert again.to_dict() == audit.to_dict()


@pytest.mark.slow
def test_chances_of_another_shape_move_the_gap_by_less_than_a_third() -> None:
    """Beta distributions, which the test was first made with; what they do is told in its limits."""
    table, gaps = world(-0.10, seed=4, beta=True)
    audit = threshold_test(table, reference="white", scales=(1.0,), **SHORT)
    found = next(one for one in audit.findings if one.id.endswith("black"))
    assert found.value == pytest.approx(gaps[0], abs=0.035)
    assert ends(audit, "black")[1] < 0
    assert any("beta distributions" in limit for limit in audit.limits)


def test_density_is_that_of_the_model_in_the_papers() -> None:
    """Against SciPy, in natural coordinates: the affine map changes the density by its own slope alone."""
    jax = model._jax()
    from numpyro.infer.util import log_density

    rng = np.random.default_rng(0)
    stops = rng.integers(50, 4000, (3, 6))
    stops[1, 2] = 0
    searches = rng.binomial(stops, 0.1)
    hits = rng.binomial(searches, 0.3)
    data = model._prepared(stops, searches, hits)
    scale = 0.7

    @jax.jit
    def compiled(point: dict[str, Any]) -> Any:
        value, trace = log_density(model._model, (data, scale), {}, point)
        return value, {name: trace[name]["value"] for name in model.CELLS}

    def at(point: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        with model._precise(jax):
            value, cells = compiled(point)
            return float(value), {name: np.asarray(cell) for name, cell in cells.items()}

    def direct(point: dict[str, np.ndarray], cells: dict[str, np.ndarray]) -> float:
        sd = {name: spread * scale for name, (_, spread) in model.PRIORS.items()}
        mean = {name: centre for name, (centre, _) in model.PRIORS.items()}
        total = stats.norm.logpdf(point["carrying"], mean["carrying"], sd["carrying"])
        total += stats.norm.logpdf(point["separation"], mean["separation"], sd["separation"])
        for name in ("carrying", "separation"):
            total += stats.norm.logpdf(point[f"{name}_group"], 0, sd[f"{name}_by_group"]).sum()
            total += stats.halfnorm.logpdf(point[f"{name}_spread"], 0, sd[f"{name}_by_district"])
        total += stats.norm.logpdf(point["threshold"], mean["threshold"], sd["threshold"]).sum()
        total += stats.halfnorm.logpdf(point["threshold_spread"], 0, sd["threshold_by_district"]).sum()
        phi_d = (cells["phi"] - point["carrying_group"][:, None])[0]
        total += stats.norm.logpdf(phi_d, point["carrying"], point["carrying_spread"]).sum()
        total += stats.norm.logpdf(point["district_separation"]).sum()
        spread = point["threshold_spread"][:, None]
        total += stats.norm.logpdf(cells["log_odds"], point["threshold"][:, None], spread).sum()
        search_rate, hit_rate = stop_outcomes(
            special.expit(cells["log_odds"]),
            carrying=special.expit(cells["phi"]),
            separation=np.exp(cells["log_delta"]),
        )
        total += stats.binom.logpmf(searches, stops, search_rate).sum()
        return float(total + stats.binom.logpmf(hits, searches, hit_rate).sum())

    def slope(point: dict[str, np.ndarray], name: str, cell: str) -> np.ndarray:
        step = 1e-5
        above, below = (at({**point, name: point[name] + sign * step})[1][cell] for sign in (1, -1))
        return (above - below) / (2 * step)

    apart = []
    for _ in range(3):
        point = {
            "carrying": rng.normal(-3, 0.3),
            "carrying_group": special.softmax(rng.normal(size=3)) - 1 / 3,
            "carrying_spread": rng.uniform(0.2, 0.6),
            "separation": rng.normal(0.5, 0.2),
            "separation_group": special.softmax(rng.normal(size=3)) - 1 / 3,
            "separation_spread": rng.uniform(0.1, 0.3),
            "threshold": rng.normal(-1, 0.3, 3),
            "threshold_spread": rng.uniform(0.1, 0.5, 3),
            "district": rng.normal(size=6),
            "district_separation": rng.normal(size=6),
            "signal": rng.normal(size=(3, 6)),
        }
        value, cells = at(point)
        jacobian = np.log(slope(point, "district", "phi")[0]).sum()
        jacobian += np.log(slope(point, "signal", "log_odds")).sum()
        apart.append(value - direct(point, cells) - jacobian)
    assert np.ptp(apart) < 1e-4, "a constant apart: what doesn't hang on the parameters was left out"


def test_each_scale_has_its_own_priors_and_each_chain_its_own_start_and_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jax = model._jax()
    seen = []

    def chain(
        key: Any, scale: float, data: dict[str, np.ndarray], start: dict[str, np.ndarray]
    ) -> dict[str, Any]:
        seen.append((scale, float(start["carrying"]), tuple(jax.random.key_data(key).tolist())))
        cells = dict.fromkeys(model.CELLS, np.full((5, 2, 3), scale))
        steps = {"diverging": np.arange(5) < scale}
        return cells | dict.fromkeys(model.SHARED, np.full(5, start["carrying"])) | steps

    monkeypatch.setattr(model, "_compiled", lambda *_: chain)
    stops = np.full((2, 3), 100)
    scales = (1.0, 2.0)
    found = model.sample(
        stops, stops // 10, stops // 50, scales=scales, warmup=5, samples=5, chains=3, seed=0
    )
    assert sorted(scale for scale, *_ in seen) == [1.0] * 3 + [2.0] * 3
    assert len({start for _, start, _ in seen}) == 6
    assert len({key for *_, key in seen}) == 6
    for scale in scales:
        assert found[scale].threshold == pytest.approx(np.full((3, 5, 2, 3), special.expit(scale)))
        assert found[scale].separation == pytest.approx(np.full((3, 5, 2, 3), np.exp(scale)))
        assert found[scale].diverging.sum() == 3 * scale
        starts = {start for of, start, _ in seen if of == scale}
        assert set(found[scale].shared["carrying"][:, 0]) == starts


def test_the_environment_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    monkeypatch.setenv("JAX_PLATFORMS", "tpu")
    monkeypatch.delenv("TPU_SKIP_MDS_QUERY", raising=False)
    with model._without_accelerators():
        assert os.environ["JAX_PLATFORMS"] == "cpu"
        assert os.environ["TPU_SKIP_MDS_QUERY"] == "1"
    assert os.environ["JAX_PLATFORMS"] == "tpu"
    assert "TPU_SKIP_MDS_QUERY" not in os.environ


def test_what_jax_is_set_to_elsewhere_stays() -> None:
    jax = model._jax()
    before = jax.numpy.zeros(1).dtype
    with model._precise(jax):
        assert jax.numpy.zeros(1).dtype == np.float64
    assert jax.numpy.zeros(1).dtype == before
