"""The simulated city against what is known of it: rates that are found again, and incidents that come at them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.loop_world import Assumptions, Course, course, rate_prior
from peelian.errors import DataError, NotEnoughDataError, UsageError


def drawn(reports: np.ndarray, *, periods: float = 100.0, seed: int = 0, **more: float) -> Course:
    chosen = {"years": 3, "per_year": 50, "history": 20, "places": 3, "most": 1.0, "moved": 0.0, **more}
    rng = np.random.default_rng(seed)
    return course(reports, rate_prior(reports, periods=periods), periods=periods, rng=rng, **chosen)  # type: ignore[arg-type]


def test_the_ratio_is_of_what_is_found_to_what_is_reported() -> None:
    assert Assumptions(0.2, reported=0.5).ratio == pytest.approx(0.2)
    assert Assumptions(0.5, reported=0.25).ratio == pytest.approx(1.5)
    assert Assumptions(1.0, reported=1.0).ratio == 0
    assert Assumptions(0.2).to_dict()["ratio"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    "wrong",
    [{"discovery": -0.1}, {"discovery": 1.1}, {"discovery": float("nan")}, {"discovery": 0, "reported": 0}],
)
def test_shares_that_are_none_are_refused(wrong: dict) -> None:
    with pytest.raises(UsageError, match="expected a share"):
        Assumptions(**wrong)


def test_the_distribution_of_rates_is_found_again() -> None:
    rng = np.random.default_rng(1)
    rates = rng.gamma(0.6, 0.5, 20_000)
    found = rate_prior(rng.poisson(rates * 80), periods=80)
    assert found.shape == pytest.approx(0.6, rel=0.1)
    assert found.rate == pytest.approx(2.0, rel=0.1)
    assert found.mean == pytest.approx(0.3, rel=0.05)


def test_places_that_differ_by_chance_alone_are_taken_to_be_alike() -> None:
    reports = np.array([5.0, 5, 5, 6, 4, 5, 5, 5])
    assert np.isinf(rate_prior(reports, periods=10).shape)
    one = drawn(reports, periods=10)
    assert np.allclose(one.rates, 0.5)
    assert one.first.sum(axis=1).tolist() == [3, 3, 3]


def test_rates_are_drawn_from_what_the_reports_leave_possible() -> None:
    rng = np.random.default_rng(2)
    reports = rng.poisson(rng.gamma(0.6, 0.5, 300) * 100).astype(float)
    prior = rate_prior(reports, periods=100)
    rates = np.stack([drawn(reports, seed=seed).rates[0] for seed in range(400)])
    expected = (reports + prior.shape) / (100 + prior.rate)
    spread = np.sqrt(reports + prior.shape) / (100 + prior.rate)
    assert np.mean(np.abs(rates.mean(axis=0) - expected) < 4 * spread / 20) > 0.99
    assert np.mean(rates.std(axis=0) / spread) == pytest.approx(1, abs=0.02)


def test_incidents_come_at_the_rates_and_reports_at_their_part_of_them() -> None:
    reports = np.array([4000.0, 2000, 1000, 500, 0])
    one = drawn(reports, years=1, per_year=20_000, most=0.5, history=1)
    told = one.marks < 0
    n = one.edges[-1]
    assert n == one.cells.size == one.marks.size
    rate = one.rates[0].sum()
    assert told.sum() == pytest.approx(rate * 20_001, abs=4 * np.sqrt(rate * 20_001))
    assert (~told).sum() == pytest.approx(0.5 * told.sum(), abs=5 * np.sqrt(n))
    shares = np.bincount(one.cells, minlength=5) / n
    assert shares == pytest.approx(one.rates[0] / rate, abs=0.01)
    assert one.marks.max() < 0.5
    half = np.mean(one.marks[~told] < 0.25)
    assert half == pytest.approx(0.5, abs=0.02), "a ratio half as large takes half of them"
    assert (np.diff(one.edges) >= 0).all()


def test_moved_places_trade_rates_and_none_are_made() -> None:
    reports = np.arange(1.0, 1001)
    one = drawn(reports, moved=0.1)
    for year in (1, 2):
        assert np.sort(one.rates[year]) == pytest.approx(np.sort(one.rates[0]))
        other = np.mean(one.rates[year] != one.rates[year - 1])
        assert 0.1 < other < 0.25  # about one in ten, and each with a partner
    still = drawn(reports, moved=0.0)
    assert np.array_equal(still.rates[0], still.rates[2])
    assert np.array_equal(still.first[0], still.first[2])


def test_the_first_places_have_the_highest_rates() -> None:
    one = drawn(np.arange(1.0, 51), moved=0.5)
    for rates, first in zip(one.rates, one.first, strict=True):
        assert rates[first].min() >= rates[~first].max()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 20), st.floats(0, 1), st.floats(0, 2))
def test_a_course_is_the_same_each_time_and_whole(seed: int, moved: float, most: float) -> None:
    reports = np.arange(12.0)
    one, two = (drawn(reports, seed=seed, moved=moved, most=most) for _ in range(2))
    for name in vars(one):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    assert one.edges.size == 20 + 150 + 1
    assert np.sort(one.ties).tolist() == list(range(12))
    assert one.cells.size == 0 or (one.cells.min() >= 0 and one.cells.max() < 12)


def test_what_can_not_be_learned_from_is_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="0 reports"):
        rate_prior([0.0, 0.0], periods=10)
    with pytest.raises(NotEnoughDataError, match="1 places"):
        rate_prior([3.0], periods=10)
    with pytest.raises(DataError, match="negative or unknown"):
        rate_prior([3.0, -1.0], periods=10)
    with pytest.raises(DataError, match="negative or unknown"):
        rate_prior([3.0, float("nan")], periods=10)
    with pytest.raises(UsageError, match="0 periods"):
        rate_prior([3.0, 1.0], periods=0)
