"""Leads and lags: correlations against a loop, planted leads, chance under both kinds of shifts, bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.patterns.lags import _around, _moves, _Ring, lags, residuals
from peelian.places import Counts, Grid, Periods

UTM = "EPSG:26915"
SHARE = np.ones(96)
SHARE[[0, 1, 12, 13, 95]] = 0
GRID = Grid(UTM, 500, 0, 0, (8, 12), SHARE)


def counted(matrix: np.ndarray, grid: Grid = GRID) -> Counts:
    periods = Periods.covering("2015-01-05", np.datetime64("2015-01-05") + 7 * matrix.shape[1], "1w")
    return Counts(grid, periods, sparse.csc_array(matrix.astype(np.int64)))


def chance(n: int = 80, *, seed: int = 0, rate: float = 1.0, grid: Grid = GRID) -> np.ndarray:
    """Counts with busy and quiet cells and weeks, and nothing else in them."""
    rng = np.random.default_rng(seed)
    busy = rng.gamma(2, 0.5, len(grid))[:, None] * rng.gamma(20, 0.05, n)[None, :]
    return rng.poisson(rate * busy)


def followed(n: int = 80, *, seed: int = 0, after: int = 2, share: float = 0.5) -> dict[str, Counts]:
    """Each theft is followed by a burglary in its cell so many weeks later, with a probability of `share`."""
    rng = np.random.default_rng(seed + 100)
    theft = chance(n, seed=seed)
    burglary = chance(n, seed=seed + 1)
    burglary[:, after:] += rng.binomial(theft[:, : n - after], share)
    return {"theft": counted(theft), "burglary": counted(burglary)}


# --- arithmetic -------------------------------------------------------------------------------------------------


def test_residuals_have_no_busy_cells_or_weeks_left() -> None:
    left = residuals(counted(chance()), least=10)
    n = chance().astype(float)
    n[n.sum(axis=1) < 10] = 0
    e = np.outer(n.sum(axis=1), n.sum(axis=0)) / n.sum()
    used = e > 0
    assert_allclose(left[used], ((n - e)[used]) / np.sqrt(e[used]))
    assert np.all(left[~used] == 0)
    # What is taken out is the whole of either.
    assert_allclose((left * np.sqrt(e)).sum(axis=0), 0, atol=1e-9)
    assert_allclose((left * np.sqrt(e)).sum(axis=1), 0, atol=1e-9)


def test_the_cells_around_by_a_loop() -> None:
    panel = np.random.default_rng(0).normal(size=(len(GRID), 3))
    near = (abs(GRID.rows[:, None] - GRID.rows) <= 1) & (abs(GRID.columns[:, None] - GRID.columns) <= 1)
    np.fill_diagonal(near, False)
    assert_allclose(_around(panel, GRID), near @ panel, atol=1e-12)


def test_moved_correlations_by_rolling() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, len(GRID), 30))
    held = np.zeros(GRID.shape, bool)
    held[GRID.rows, GRID.columns] = True
    images = np.zeros((2, *GRID.shape, 30))
    images[:, GRID.rows, GRID.columns] = a, b
    ring = _Ring(a, b, GRID, still=False)
    for move in ([0, 0, 0], [0, 0, 4], [3, 5, 7], [7, 11, 29]):
        moved = np.roll(images[0], move, axis=(0, 1, 2))
        meet = np.roll(held, move[:2], axis=(0, 1)) & held
        x, y = moved[meet], images[1][meet]
        assert_allclose(ring.at(np.array([move]))[0], (x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum()))
    still = _Ring(a, b, GRID, still=True)
    for t in (0, 4, 29):
        move = np.array([[0, 0, t]])
        assert_allclose(still.at(move), ring.at(move))


def test_moves_keep_away_from_the_lags() -> None:
    time = _moves(GRID, 40, 4, "time", 999, 0)
    assert time[:, 2].min() == 5
    # Even with the longest lag on top, it is farther than the longest lag the other way round.
    assert time[:, 2].max() + 4 < 40 - 4
    both = _moves(GRID, 40, 4, "space-time", 500, 0)
    assert both.shape == (500, 3)
    assert len(np.unique(both, axis=0)) > 400
    assert both[:, 2].min() >= 5


# --- what is found ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shifts", ["time", "space-time"])
def test_a_planted_lead_is_found_with_its_lag_and_direction(shifts) -> None:
    found = lags(followed(), shifts=shifts, replicates=199)
    first = found.frame.iloc[0]
    assert (first["leading"], first["following"], first["lag"], first["where"]) == (
        "theft",
        "burglary",
        2,
        "same cell",
    )
    assert first["r"] > 0.2 > first["chance_high"]
    assert first["p_family"] <= 0.05
    assert found.frame["stands_out"].sum() <= 3
    assert (
        "more theft than usual goes along with more burglary in the same cell 2 x 1w later"
        in found.sentence()
    )
    assert "This is association" in found.sentence()
    assert "cause" not in found.sentence()


def test_a_lead_of_the_cells_around_is_found_there() -> None:
    theft, other = chance(seed=3), chance(seed=4)
    lifted = np.maximum(_around(theft.astype(float), GRID), 0).astype(int)
    other[:, 1:] += np.random.default_rng(0).binomial(lifted[:, :-1], 0.1)
    found = lags({"theft": counted(theft), "vandalism": counted(other)}, most=2)
    first = found.frame.iloc[0]
    assert (first["leading"], first["following"], first["lag"], first["where"]) == (
        "theft",
        "vandalism",
        1,
        "neighbours",
    )


def test_a_category_that_lasts_goes_along_with_itself() -> None:
    rng = np.random.default_rng(0)
    lasting = np.repeat(rng.gamma(1, 1, (len(GRID), 20)), 4, axis=1)
    found = lags({"theft": counted(rng.poisson(lasting))}, most=2)
    itself = found.frame.query("where == 'same cell'")
    assert set(itself["lag"]) == {1, 2}
    assert itself["stands_out"].all()
    # Neighbours have blocks of their own.
    assert not found.frame.query("where == 'neighbours'")["stands_out"].any()


@pytest.mark.parametrize("shifts", ["time", "space-time"])
def test_chance_stands_out_as_seldom_as_it_should(shifts) -> None:
    any_found, p = [], []
    for s in range(40):
        made = {"a": counted(chance(60, seed=2 * s)), "b": counted(chance(60, seed=2 * s + 1))}
        found = lags(made, most=2, shifts=shifts, replicates=99, seed=s)
        any_found.append(found.frame["stands_out"].any())
        p.append(found.frame["p"].to_numpy())
    assert np.mean(any_found) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 40)
    p = np.concatenate(p)
    assert 0.03 < np.mean(p <= 0.1) < 0.17
    assert p.min() >= 1 / (60 - 7 + 1 if shifts == "time" else 100)


def test_a_category_by_chance_does_not_repel_itself() -> None:
    # Means are taken from few periods of many cells, so that what is left repels itself by about 1 / (periods - 1).
    grid = Grid(UTM, 500, 0, 0, (30, 40))
    p = [
        lags(
            {"a": counted(chance(30, seed=s, grid=grid), grid)}, most=2, shifts="space-time", replicates=99
        ).frame
        for s in range(12)
    ]
    r = np.concatenate([f.loc[f["where"] == "same cell", "r"] for f in p])
    assert abs(r.mean()) < 3 * r.std() / np.sqrt(r.size) < 1 / 29
    assert sum(f["stands_out"].any() for f in p) <= 3


def test_a_common_rise_of_the_city_is_no_association() -> None:
    rng = np.random.default_rng(0)
    wave = 1 + 0.8 * np.sin(np.arange(80) / 5)
    made = {k: counted(rng.poisson(1.5 * np.outer(rng.gamma(2, 0.5, len(GRID)), wave))) for k in ("a", "b")}
    assert not lags(made).frame["stands_out"].any()


def test_each_pair_is_tested_once() -> None:
    found = lags(followed(), most=1)
    keys = found.frame[["leading", "following", "lag", "where"]]
    assert not keys.duplicated().any()
    # Two neighbourhoods: four ordered pairs at lag 1, and at lag 0 the one of two different categories.
    assert len(keys) == 2 * (4 + 1)
    assert not ((keys["lag"] == 0) & (keys["leading"] == keys["following"])).any()


def test_another_run_changes_nothing() -> None:
    one, again, other = (
        lags(followed(), shifts="space-time", replicates=99, seed=s).to_dict() for s in (0, 0, 1)
    )
    assert json.dumps(one) == json.dumps(again)
    assert one["tests"] != other["tests"]


# --- bad input --------------------------------------------------------------------------------------------------


def test_without_reports_the_result_is_empty_and_says_so() -> None:
    none = counted(np.zeros((len(GRID), 80)))
    found = lags({"arson": none})
    assert "nothing to look at" in found.sentence()
    assert "no cell has 10 reports" in found.left_out["arson"]
    json.dumps(found.to_dict(), allow_nan=False)
    found.plot()
    assert found._repr_html_()
    some = lags({"arson": none, "theft": counted(chance())})
    assert set(some.frame["leading"]) == {"theft"}


def test_all_in_one_cell() -> None:
    matrix = np.zeros((len(GRID), 60))
    matrix[5] = np.random.default_rng(0).poisson(3, 60)
    # One cell alone is what the periods are: nothing is left of it.
    found = lags({"theft": counted(matrix)})
    assert "nothing to look at" in found.sentence()


def test_what_does_not_fit_is_refused() -> None:
    one = counted(chance())
    other = counted(np.zeros((4, 80)), Grid(UTM, 500, 0, 0, (2, 2)))
    with pytest.raises(UsageError, match="another grid"):
        lags({"a": one, "b": other})
    with pytest.raises(UsageError, match="other periods"):
        lags({"a": one, "b": one[:70]})
    with pytest.raises(
        NotEnoughDataError, match="30 periods were given for lags of up to 4; expected at least 32"
    ):
        lags({"a": one[:30]})
    for bad in ({}, {"a": one}):
        with pytest.raises(UsageError):
            lags(bad, most=-1)
    with pytest.raises(UsageError, match="expected time or space-time"):
        lags({"a": one}, shifts="space")
    huge = counted(sparse.csc_array((2_000_000, 40), dtype=np.int64), Grid(UTM, 5, 0, 0, (1000, 2000)))
    with pytest.raises(DataError, match="2,000,000 cells x 40 periods"):
        lags({"a": huge}, most=1)


def test_how_it_is_shown() -> None:
    found = lags(followed())
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(data["tests"]) == len(found.frame)
    assert any("not causation" in limit for limit in data["limits"])
    assert len(found.plot().get_yticklabels()) == 12
