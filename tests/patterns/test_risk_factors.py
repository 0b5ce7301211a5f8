"""Risk factors of places: planted associations, features that say nothing, chance, and bad input."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import shapely
from numpy.testing import assert_allclose
from scipy import sparse

from peelian.errors import CRSError, DataError, NotEnoughDataError, UsageError
from peelian.patterns.knox_interval import blocks_of
from peelian.patterns.negative_binomial import fit_negative_binomial
from peelian.patterns.risk_choice import folds_of, inflation
from peelian.patterns.risk_factors import RiskFactors, _counting, _moran, risk_factors
from peelian.patterns.risk_terms import density_of, terms_of
from peelian.places import Counts, Grid, Periods, distance_to

UTM = "EPSG:26915"
GRID = Grid(UTM, 250, 0, 0, (24, 30))
QUICK = {"samples": 20, "replicates": 99}


def counted(n: np.ndarray, grid: Grid = GRID, features=None) -> Counts:
    periods = Periods.covering("2016-01-01", "2017-01-01", "12mo")
    return Counts(
        grid, periods, sparse.csc_array(np.asarray(n, dtype=np.int64)[:, None]), features=features or {}
    )


def places(seed: int, n: int = 12) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(seed)
    return gpd.GeoDataFrame(
        geometry=shapely.points(rng.uniform(0, 7500, n), rng.uniform(0, 6000, n)), crs=UTM
    )


BARS, PARKS = places(1), places(2)
FEATURES = {
    "distance_to_bars": distance_to(BARS, GRID),
    "distance_to_parks": distance_to(PARKS, GRID),
    "residents": np.random.default_rng(5).gamma(2, 50, len(GRID)),
    "noise": np.random.default_rng(6).normal(size=len(GRID)),
}


def planted(seed: int = 0, *, near: float = 3.0, dispersion: float = 0.3) -> np.ndarray:
    """Three times as many reports within 600 m of a bar."""
    rng = np.random.default_rng(seed)
    mean = np.where(FEATURES["distance_to_bars"] <= 0.6, near, 1.0) * 1.5
    return rng.poisson(mean * rng.gamma(1 / dispersion, dispersion, len(GRID)))


# --- what is found ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> RiskFactors:
    return risk_factors(counted(planted()), features=FEATURES, past=counted(planted(1)), **QUICK)


def test_a_planted_association_is_found_in_its_form_and_size(found: RiskFactors) -> None:
    first = found.frame.iloc[0]
    assert (first["feature"], first["form"]) == ("distance_to_bars", "distance_to_bars within 600 m")
    assert 2.2 < first["low"] < first["rate_ratio"] < first["high"] < 3.8
    assert first["chosen"] > 0.95
    assert first["p"] < 0.001
    assert_allclose(found.model.dispersion, 0.3, atol=0.12)
    assert "distance_to_bars" in found.sentence()
    assert "association between cells" in found.sentence()
    assert "cause" not in found.sentence()


def test_the_interval_holds_the_planted_ratio_about_as_often_as_it_says() -> None:
    near = (FEATURES["distance_to_bars"] <= 0.6).astype(float)[:, None]
    block = blocks_of(*GRID.centres())
    fits = [
        fit_negative_binomial(near, planted(s).astype(float), np.zeros(len(GRID)), block) for s in range(100)
    ]
    held = [f.interval()[0][1] <= np.log(3) <= f.interval()[1][1] for f in fits]
    assert np.mean(held) > 0.88


def test_it_beats_a_constant_and_a_count_that_is_no_more_than_luck(found: RiskFactors) -> None:
    skill = found.skill.set_index("model")["skill"]
    assert found.skill.set_index("model").loc["features", "low"] > 0
    # The past has the same bars and another draw of the rest, so that it knows less than the model.
    assert skill["features"] > skill["counting the past"] > 0


def test_where_the_past_knows_more_the_count_is_said_to_be_better() -> None:
    rng = np.random.default_rng(0)
    lasting = rng.gamma(0.5, 4, len(GRID)) * np.where(FEATURES["distance_to_bars"] <= 0.6, 2, 1)
    both = [counted(rng.poisson(lasting * k)) for k in (1, 3)]
    result = risk_factors(both[0], features=FEATURES, past=both[1], **QUICK)
    assert "the count is the better forecast" in result.sentence()


def test_features_that_say_nothing_are_left_out_as_a_rule() -> None:
    kept = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        noise = {f"noise {k}": rng.normal(size=len(GRID)) for k in range(4)}
        result = risk_factors(
            counted(rng.poisson(2, len(GRID))), features=noise, folds=4, samples=10, replicates=19
        )
        kept.append(len(result.frame))
        assert result.skill.loc[0, "skill"] < 0.02
    assert np.mean(np.array(kept) > 0) < 0.3


def test_without_any_association_it_says_so() -> None:
    result = risk_factors(counted(np.full(len(GRID), 3)), features=FEATURES, **QUICK)
    assert len(result.frame) == 0
    assert "none goes along with" in result.sentence()
    assert_allclose(result.expected, 3)
    json.dumps(result.to_dict(), allow_nan=False)
    result.plot()


def test_what_is_missing_shows_in_what_is_left() -> None:
    one = risk_factors(counted(planted()), features=FEATURES, **QUICK)
    without = {k: v for k, v in FEATURES.items() if k != "distance_to_bars"}
    other = risk_factors(counted(planted()), features=without, **QUICK)
    assert other.moran > one.moran
    assert other.moran_p == 1 / 100
    assert any("a feature that matters is missing" in limit for limit in other.to_dict()["limits"])


def test_another_run_changes_nothing() -> None:
    results = [risk_factors(counted(planted()), features=FEATURES, seed=s, **QUICK).to_dict() for s in (3, 3)]
    assert json.dumps(results[0]) == json.dumps(results[1])


def test_features_that_follow_from_others_are_told() -> None:
    bars = FEATURES["distance_to_bars"]
    rng = np.random.default_rng(0)
    features = {
        "distance_to_bars": bars,
        "distance_to_pubs": bars.copy(),
        "same everywhere": np.ones(len(GRID)),
        "once": (np.arange(len(GRID)) == 5).astype(float),
        "nearly": np.log2(bars + 0.05) + rng.normal(0, 0.05, len(GRID)),
    }
    result = risk_factors(counted(planted()), features=features, **QUICK)
    assert result.left_out["same everywhere"] == "is the same in every cell"
    assert "can't be told from distance_to_bars (log)" in result.left_out["distance_to_pubs (log)"]
    assert "is the same in all but 0.1%" in result.left_out["once"]
    assert set(result.frame["feature"]) <= {"distance_to_bars", "nearly"}
    assert np.all(result.frame["vif"] < 10)


# --- parts ------------------------------------------------------------------------------------------------------


def test_inflation_by_hand() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    x[:, 2] += 2 * x[:, 0]
    peer = np.diag(np.linalg.inv(np.corrcoef(x.T)))
    assert_allclose(inflation(x), peer, rtol=1e-8)
    assert np.isinf(inflation(np.column_stack([x, x.sum(axis=1)]))).all()
    assert_allclose(inflation(x[:, :1]), 1)


def test_folds_keep_blocks_whole() -> None:
    block = np.repeat(np.arange(20), 7)
    fold = folds_of(block, 5, np.random.default_rng(0))
    assert all(len(set(fold[block == b])) == 1 for b in range(20))
    assert np.all(np.bincount(fold) == 28)


def test_forms_of_features() -> None:
    terms, left_out = terms_of(
        {
            "distance_to_bars": np.linspace(0, 2, 200),
            "within city": np.tile([0.0, 1], 100),
            "change": np.random.default_rng(0).normal(size=200),
        },
        within=(0.5, 5),
    )
    assert [t.name for t in terms] == [
        "distance_to_bars (log)",
        "distance_to_bars within 500 m",
        "within city",
        "change",
    ]
    assert "distance_to_bars within 5000 m" in left_out
    # Half as far is one step of the logarithm, but for the 50 m that are added.
    assert_allclose(terms[0].values[100] - terms[0].values[199], 1, atol=0.05)
    with pytest.raises(DataError, match="below 0 km"):
        terms_of({"distance": np.array([-1.0, 1, 2])})


def test_how_many_are_near() -> None:
    n = density_of(BARS, GRID, radius=0.6)
    x, y = GRID.centres()
    bars = shapely.get_coordinates(BARS.geometry.to_numpy())
    expected = (np.hypot(x[:, None] - bars[:, 0], y[:, None] - bars[:, 1]) <= 600).sum(axis=1)
    assert_allclose(n, expected)
    assert_allclose(density_of(BARS.to_crs("EPSG:4326"), GRID, radius=0.6), expected)
    for bad, error in (
        ({"shapes": BARS, "radius": 0}, UsageError),
        ({"shapes": BARS.iloc[:0], "radius": 1}, DataError),
        ({"shapes": gpd.GeoDataFrame(geometry=BARS.geometry.to_numpy()), "radius": 1}, CRSError),
    ):
        with pytest.raises(error):
            density_of(bad["shapes"], GRID, radius=bad["radius"])


def test_morans_i_is_esdas() -> None:
    from esda.moran import Moran
    from libpysal.weights import lat2W

    values = np.random.default_rng(0).normal(size=len(GRID)) + GRID.rows / 10
    ours, p = _moran(values, GRID, 99, np.random.default_rng(0))
    w = lat2W(*GRID.shape, rook=False)
    peer = Moran(values, w, transformation="B", permutations=0)
    assert_allclose(ours, peer.I, rtol=1e-10)
    assert p == 1 / 100


def test_counting_scales_and_shrinks() -> None:
    rng = np.random.default_rng(0)
    before, offset = rng.poisson(3, 300).astype(float), np.zeros(300)
    out = np.arange(300) < 100
    # Without any bearing on what came, the past is drawn far towards its mean.
    mean = _counting(before, rng.poisson(6, 300).astype(float), offset, out)
    assert_allclose(mean.mean(), 6, rtol=0.1)
    assert mean.std() < before.std()
    none = _counting(np.zeros(300), rng.poisson(6, 300).astype(float), offset, out)
    assert none.std() < 1e-12


# --- bad input --------------------------------------------------------------------------------------------------


def test_groups_of_residents_are_no_features() -> None:
    with pytest.raises(UsageError, match="group of residents"):
        risk_factors(counted(planted()), features={"share_income": np.ones(len(GRID))})


def test_too_little_is_refused() -> None:
    small = Grid(UTM, 250, 0, 0, (5, 5))
    with pytest.raises(NotEnoughDataError, match="25 cells in"):
        risk_factors(counted(np.ones(25) * 9, small), features={"a": np.arange(25.0)})
    with pytest.raises(NotEnoughDataError, match="with 0 reports"):
        risk_factors(counted(np.zeros(len(GRID))), features=FEATURES)
    for features in ({}, {"flat": np.ones(len(GRID))}):
        with pytest.raises(NotEnoughDataError, match="none differs"):
            risk_factors(counted(planted()), features=features)


def test_what_does_not_fit_is_refused() -> None:
    made = counted(planted())
    with pytest.raises(UsageError, match="another grid"):
        risk_factors(made, features=FEATURES, past=counted(np.ones(4), Grid(UTM, 250, 0, 0, (2, 2))))
    for exposure in (np.ones(3), np.zeros(len(GRID))):
        with pytest.raises(UsageError, match="expected a number above 0"):
            risk_factors(made, features=FEATURES, exposure=exposure)
    for bad in ({"mix": 0}, {"most": 0}, {"folds": 1}, {"least_chosen": 2}):
        with pytest.raises(UsageError, match="were given"):
            risk_factors(made, features=FEATURES, **bad)


def test_how_it_is_shown(found: RiskFactors) -> None:
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert {s["model"] for s in data["skill"]} == {"features", "counting the past"}
    assert any("ecological fallacy" in limit for limit in data["limits"])
    assert any("confounding" in limit for limit in data["limits"])
    assert len(data["stability"]) == len(found.stability)
    assert len(found.plot().get_yticklabels()) == len(found.frame)
    assert found._repr_html_()
