"""Intervals that chance can't leave: by hand, where nothing is, and where something is."""

from __future__ import annotations

import numpy as np
import pytest

from peelian.audits.blocks import spatial_blocks
from peelian.audits.chance import MOVED, moved_ratios, spread_out
from peelian.audits.estimates import estimate
from peelian.audits.exposure import exposure_audit
from peelian.audits.labels import shifts
from peelian.audits.margins import Margins
from peelian.audits.placebo import placebo_audit
from peelian.audits.resampled import Resampled
from peelian.places.grid import Grid

from .cities import City, city, field

GRID = Grid("EPSG:26915", 250.0, 2960, 17120, (24, 24))


def in_order(place: City, values: np.ndarray) -> np.ndarray:
    """Values of a made-up city's units in the order of the grid's cells."""
    x, y = GRID.centres()
    column, row = ((v - v.min()) / 250.0 for v in (x, y))
    return np.asarray(values)[(np.round(row) * 24 + np.round(column)).astype(int)]


def ratio_of(place: City, hours: np.ndarray, **more: object) -> tuple[float, float, float]:
    population = place.residents.apply(lambda v: in_order(place, v.to_numpy()))
    found = exposure_audit(
        in_order(place, hours), grid=GRID, population=population, reference="b", replicates=200, **more
    ).findings[0]
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    return found.value, found.low, found.high


def test_moved_ratios_are_those_of_a_plain_loop() -> None:
    place = city(12, seed=3)
    hours = np.random.default_rng(0).poisson(1.0, 144).astype(float)
    people = place.residents.to_numpy().copy()
    people[5] = 0  # nobody lives there, so that it keeps its place
    found = moved_ratios(
        [hours, hours * 0 + 1], people, reference=1, centres=(place.x, place.y), replicates=7, seed=2
    )
    assert found is not None
    total = people.sum(axis=1)
    for k, source in enumerate(shifts(place.x, place.y, inhabited=total > 0, replicates=7, seed=2)):
        lived = np.array([total[u] * people[s] / max(total[s], 1) for u, s in enumerate(source)])
        mean = hours @ lived / lived.sum(axis=0)
        assert found[k, 0, 0] == pytest.approx(mean[0] / mean[1])
        assert found[k, 0, 1] == 1
        assert found[k, 1, 0] == pytest.approx(1), "the same everywhere is the same for everyone"


def test_the_ends_by_hand() -> None:
    rng = np.random.default_rng(0)
    chance, draws = np.exp(np.linspace(-1, 1, 199)), 2 * np.exp(rng.normal(0, 0.01, 1000))
    wide = spread_out(draws[:, None], np.array([2.0]), chance[:, None])[:, 0]
    made = estimate(2.0, wide, level=0.95, blocks=20)
    ordered = np.sort(np.append(chance, 2.0))
    assert made.low == pytest.approx(2 / ordered[-5])
    assert made.high == pytest.approx(2 / ordered[4])
    assert (np.diff(wide[np.argsort(draws)]) >= 0).all(), "ranks stay"
    apart = 2 * np.exp(rng.normal(0, 3, (1000, 1)))
    assert np.quantile(spread_out(apart, np.array([2.0]), chance[:, None]), [0.025, 0.975]) == pytest.approx(
        np.quantile(apart, [0.025, 0.975])
    ), "wider draws stay as they are"


def test_what_is_not_defined_stays_so_and_counts_for_nothing() -> None:
    chance = np.concatenate([np.zeros(60), np.full(100, 1.0), np.full(39, np.nan)])[:, None]
    draws = np.array([[1.9, 2.0, np.nan, 2.1]]).T
    out = spread_out(draws, np.array([2.0]), chance)[:, 0]
    assert np.isnan(out[2])
    assert out[[0, 1]] == pytest.approx([1.0, 2.0])
    assert out[3] == np.inf, "where chance leaves the group with none, the ratio may be any"
    nothing = spread_out(draws, np.array([2.0]), np.full((5, 1), np.nan))
    assert np.array_equal(nothing, draws, equal_nan=True)
    assert np.array_equal(spread_out(draws, np.array([np.nan]), chance), draws, equal_nan=True)


def test_ratios_of_resampled_cities_are_as_wide_as_the_exposure_s_own() -> None:
    place = city(24, seed=3)
    hours = np.exp(field(24, np.random.default_rng(7), smooth=4.0))
    people = place.residents.apply(lambda v: in_order(place, v.to_numpy()))
    x, y = GRID.centres()
    moved = shifts(x, y, inhabited=np.ones(576, dtype=bool), replicates=MOVED, seed=0)
    made = Resampled.of(
        people, reference="b", block=spatial_blocks(GRID, block_km=1.0), replicates=200, moved=moved
    )
    given = in_order(place, hours)[:, None]
    ends = made.estimate(float(made.ratio(given, 0)[0]), made.ratio_draws(given, 0)[:, 0])
    assert (ends.value, ends.low, ends.high) == pytest.approx(ratio_of(place, hours))
    assert made.ratio_draws(given, 0, over=given) == pytest.approx(1), (
        "a quotient of the same is 1 by chance too"
    )
    quotient = made.ratio_draws(given, 0, over=np.ones((576, 1)))
    assert quotient == pytest.approx(made.ratio_draws(given, 0)), "the same for everyone changes nothing"
    for k in (0, 5):
        lived = people.to_numpy().sum(axis=1)[:, None] * made.share[moved[k]]
        mean = given[:, 0] @ lived / lived.sum(axis=0)
        assert made.ratio_by_chance(given, 0)[k, 0] == pytest.approx(mean[0] / mean[1])


def test_where_nothing_is_the_interval_holds_1_as_often_as_it_says() -> None:
    held = {0: 0, MOVED: 0}
    n = 30
    for i in range(n):
        place = city(24, seed=i, smooth=4.0)
        hours = np.exp(field(24, np.random.default_rng(1000 + i), smooth=4.0))
        for moved in held:
            _, low, high = ratio_of(place, hours, moved=moved)
            held[moved] += low <= 1 <= high
    # 95 % of 30 is 28.5, give or take 1.2. Blocks of 1 km take a city of broad patterns for one of many.
    assert held[MOVED] >= 25
    assert held[0] < 24


def test_where_something_is_it_is_found() -> None:
    place = city(24, seed=1, smooth=1.0)
    value, low, high = ratio_of(place, 0.2 + place.share**2)
    assert 1 < low < value < high
    flat = ratio_of(place, np.ones(576))
    assert flat == pytest.approx((1, 1, 1))


def test_it_says_what_the_placebo_says() -> None:
    for seed in range(4):
        place = city(24, seed=seed)
        hours = np.exp(field(24, np.random.default_rng(50 + seed)))
        _, low, high = ratio_of(place, hours)
        blocks = ratio_of(place, hours, moved=0)
        x, y = GRID.centres()
        found = placebo_audit(
            in_order(place, hours),
            residents=place.residents.apply(lambda v, place=place: in_order(place, v.to_numpy())),
            reference="b",
            block=np.arange(576) // 16,
            x=x,
            y=y,
            placebos=MOVED,
            replicates=20,
        )
        if found.frame["p"][0] > 0.05:
            assert low <= 1 <= high
        else:
            assert (low <= 1 <= high) == (blocks[1] <= 1 <= blocks[2])


def test_margins_are_carried_in_it_too() -> None:
    place = city(24, seed=4)
    hours = np.exp(field(24, np.random.default_rng(9)))
    plain = ratio_of(place, hours)
    made = ratio_of(place, hours, margins=Margins(np.full((576, 2), 250.0**2)))
    assert made[0] == plain[0]
    assert np.log(made[2] / made[1]) > np.log(plain[2] / plain[1])
