"""Exposure over units of any shape: against plain sums, simulations with a known truth, and every possible count."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.margins import Margins
from peelian.audits.positions import Positions
from peelian.audits.unit_exposure import UnitExposure, worst_case
from peelian.audits.units import Units


def units_of(counts: Any, green: Any, blue: Any, **more: Any) -> Units:
    n = len(counts)
    at = np.arange(n)
    side = int(np.ceil(np.sqrt(n)))
    return Units(
        ids=np.array([f"u{i:03d}" for i in at], dtype=object),
        by=np.full(n, "all", dtype=object),
        counts=np.asarray(counts, dtype=float),
        residents=pd.DataFrame({"green": green, "blue": blue}, dtype=float),
        positions=more.pop("positions", Positions(at % side * 1000.0, at // side * 1000.0)),
        **more,
    )


def exposure_of(units: Units, *, replicates: int = 300, seed: int = 0) -> UnitExposure:
    return UnitExposure.of(units, "all", reference="green", level=0.95, replicates=replicates, seed=seed)


def city(n: int, *, seed: int = 0) -> Units:
    rng = np.random.default_rng(seed)
    return units_of(rng.poisson(20, n), rng.gamma(3, 200, n).round(), rng.gamma(1, 200, n).round())


def test_value_is_a_ratio_of_means_over_residents() -> None:
    units = city(30)
    green, blue = (units.residents[name].to_numpy() for name in ("green", "blue"))
    wanted = np.average(units.counts, weights=blue) / np.average(units.counts, weights=green)
    made = exposure_of(units)
    assert made.ratio("blue").value == pytest.approx(wanted)
    assert made.exposure("blue").value == pytest.approx(np.average(units.counts, weights=blue))


@settings(max_examples=10, deadline=None)
@given(st.integers(6, 60), st.integers(0, 10_000), st.floats(0.01, 100))
def test_invariants(n: int, seed: int, scale: float) -> None:
    units = city(n, seed=seed)
    made = exposure_of(units, replicates=50).ratio("blue")
    order = np.random.default_rng(seed).permutation(n)
    positions = units.positions.where(order)
    turned = Units(units.ids[order], units.by, units.counts[order], units.residents.iloc[order], positions)
    again = exposure_of(turned, replicates=50).ratio("blue")
    assert (again.value, again.low, again.high) == pytest.approx((made.value, made.low, made.high), rel=1e-9)
    more = units_of(units.counts * scale, units.residents["green"], units.residents["blue"])
    assert exposure_of(more, replicates=50).ratio("blue").low == pytest.approx(made.low, rel=1e-6)
    swapped = UnitExposure.of(units, "all", reference="blue", level=0.95, replicates=50, seed=0).ratio(
        "green"
    )
    assert swapped.low == pytest.approx(1 / made.high, rel=1e-6), (
        "the other way round it is the same question"
    )


def test_against_others_than_residents() -> None:
    rng = np.random.default_rng(5)
    reports = rng.poisson(9, 40).astype(float)
    units = units_of(
        3 * reports, rng.gamma(3, 200, 40), rng.gamma(1, 200, 40), denominators={"reports": reports}
    )
    made = exposure_of(units)
    assert made.ratio("blue", "reports").value == pytest.approx(1), (
        "as many counts for each report everywhere"
    )
    assert made.ratio("blue").value != pytest.approx(1, abs=0.001)
    none = units_of(reports, [50.0] * 40, [50.0] * 40, denominators={"reports": np.zeros(40)})
    assert "nothing to hold the counts against" in exposure_of(none).ratio("blue", "reports").why[0]


def test_a_group_of_twelve_gets_no_number() -> None:
    units = units_of(np.arange(10), [100.0] * 10, [12.0] + [0.0] * 9)
    made = exposure_of(units)
    assert made.ratio("blue").value is None
    assert "fewer than 100 blue residents" in made.ratio("blue").why[0]
    assert made.exposure("blue").value is None
    assert made.exposure("green").value is not None
    turned = UnitExposure.of(units, "all", reference="blue", level=0.95, replicates=50, seed=0)
    assert turned.ratio("green").value is None


def test_one_unit_has_a_value_and_no_interval() -> None:
    made = exposure_of(units_of([7.0], [500.0], [300.0])).ratio("blue")
    assert (made.value, made.low, made.high) == (pytest.approx(1.0), None, None)
    assert "one unit" in made.why[0]


def test_nobody_reached() -> None:
    counts = [5.0] * 5 + [0.0] * 5
    none = exposure_of(units_of(counts, [100.0] * 10, [0.0] * 5 + [90.0] * 5)).ratio("blue")
    assert (none.value, none.low, none.high) == (0.0, None, None)
    other = exposure_of(units_of(counts, [0.0] * 5 + [90.0] * 5, [100.0] * 10)).ratio("blue")
    assert other.value is None
    assert "No green resident" in other.why[0]
    nothing = exposure_of(units_of([0.0] * 10, [100.0] * 10, [100.0] * 10)).ratio("blue")
    assert nothing.value is None


def test_units_without_residents_change_nothing() -> None:
    units = city(20)
    more = units_of([*units.counts, 900.0], [*units.residents["green"], 0.0], [*units.residents["blue"], 0.0])
    x, y = np.append(units.positions.x, 1e5), np.append(units.positions.y, 1e5)
    more = Units(more.ids, more.by, more.counts, more.residents, Positions(x, y))
    assert exposure_of(more).ratio("blue") == exposure_of(units).ratio("blue")


def test_margins_widen_the_interval_as_far_as_their_draws_would() -> None:
    units = city(60)
    sd = 60.0
    margins = {"all": Margins(np.full((60, 2), sd**2))}
    carried = Units(units.ids, units.by, units.counts, units.residents, units.positions, margins)
    plain, made = exposure_of(units).ratio("blue"), exposure_of(carried).ratio("blue")
    assert plain.se is not None
    assert made.se is not None
    rng = np.random.default_rng(0)
    lived = units.residents.to_numpy() + rng.normal(0, sd, (20_000, 60, 2))
    mean = np.einsum("rig,i->rg", lived, units.counts) / lived.sum(axis=1)
    assert made.se**2 - plain.se**2 == pytest.approx(np.var(np.log(mean[:, 1] / mean[:, 0])), rel=0.1)
    assert made.value == plain.value
    assert 0 < made.margin_share < 1
    rough = Units(
        units.ids,
        units.by,
        units.counts,
        units.residents,
        units.positions,
        {"all": Margins(np.full((60, 2), 1e6))},
    )
    assert "rough interval" in exposure_of(rough).ratio("blue").why[-1]


def test_worst_case_is_that_of_every_count() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        counts = rng.integers(0, 6, 6).astype(float)
        counts[1:5] = np.nan
        mine, theirs, held = rng.integers(0, 9, 6) + 0.1, rng.integers(0, 9, 6) + 0.1, np.ones(6)
        counts[0] += 1
        found = worst_case(counts, mine, theirs, held, most=4.0)
        ratios = []
        for ends in itertools.product([0.0, 2.0, 4.0], repeat=4):
            full = counts.copy()
            full[1:5] = ends
            ratios.append(np.average(full, weights=mine) / np.average(full, weights=theirs))
        assert found == pytest.approx((min(ratios), max(ratios)))


def test_missing_counts_move_the_ends_and_are_told() -> None:
    units = city(40)
    counts = units.counts.copy()
    counts[:4] = np.nan
    some = Units(units.ids, units.by, counts, units.residents, units.positions)
    made = exposure_of(some).ratio("blue")
    assert "4 of 40 units have no count" in made.why[0]
    assert made.low is not None
    assert made.high is not None
    for fill in (0.0, np.nanmax(counts)):
        full = Units(units.ids, units.by, np.nan_to_num(counts, nan=fill), units.residents, units.positions)
        value = exposure_of(full).ratio("blue").value
        assert value is not None
        assert made.low < value < made.high
    whole = exposure_of(units).ratio("blue")
    assert whole.high is not None
    assert whole.low is not None
    assert made.high / made.low > whole.high / whole.low


def test_bounds_of_an_intersection_hold_every_split() -> None:
    rng = np.random.default_rng(2)
    both, only_a, only_b, none = rng.integers(20, 300, (4, 30)).astype(float)
    total = both + only_a + only_b + none
    counts = rng.poisson(15, 30).astype(float)
    units = units_of(counts, both + only_a, both + only_b)
    row = exposure_of(units).crossed("green", "blue", total)
    true = np.average(counts, weights=both) / np.average(counts, weights=both + only_a)
    assert row["value_low"] < true < row["value_high"]
    assert row["low"] < row["value_low"]
    assert row["high"] > row["value_high"]
    assert row["population_low"] <= both.sum() <= row["population_high"]


def simulated(n: int, rng: np.random.Generator, width: float) -> Units:
    """Residents and counts with lognormal fields, alike up to a part of the map's width; the truth is `TRUE`."""
    side = int(np.sqrt(n))
    x, y = (a.ravel() + rng.uniform(-0.3, 0.3, n) for a in np.meshgrid(np.arange(side), np.arange(side)))
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    alike = 0.7 * np.exp(-3 * apart / (width * side)) + 0.3 * np.eye(n) if width else np.eye(n)
    field = np.linalg.cholesky(alike) @ rng.standard_normal((n, 3)) @ np.linalg.cholesky(MIXED).T * SPREAD
    blue, green, counts = (
        200 * np.exp(field[:, 0]),
        400 * np.exp(field[:, 1]),
        rng.poisson(50 * np.exp(field[:, 2])),
    )
    return units_of(counts, green, blue, positions=Positions(1000 * x, 1000 * y))


MIXED = np.array([[1, -0.3, 0.4], [-0.3, 1, -0.2], [0.4, -0.2, 1]])
SPREAD = np.array([0.6, 0.4, 0.6])
TRUE = np.exp(0.6 * (0.4 * 0.6 + 0.2 * 0.4))
"""Of lognormal fields the mean of a product over the product of means is the exponential of their covariance."""


@pytest.mark.parametrize(("n", "width", "least"), [(25, 0.0, 0.91), (36, 0.3, 0.88), (100, 0.3, 0.85)])
def test_intervals_hold_a_known_truth(n: int, width: float, least: float) -> None:
    """150 maps each: at a coverage of 0.95 fewer than 0.91 would be rare."""
    rng = np.random.default_rng(n)
    held = alone = 0
    for _ in range(150):
        units = simulated(n, rng, width)
        made = exposure_of(units, replicates=100).ratio("blue")
        assert made.low is not None
        assert made.high is not None
        held += made.low <= TRUE <= made.high
        apart = Units(units.ids, units.by, units.counts, units.residents, Positions())
        one = exposure_of(apart, replicates=100).ratio("blue")
        assert one.low is not None
        assert one.high is not None
        alone += one.low <= TRUE <= one.high
    assert held / 150 >= least
    assert held > alone, "units drawn one by one hold it less often"
