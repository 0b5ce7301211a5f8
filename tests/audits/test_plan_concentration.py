"""How concentrated a plan is: against the textbook, brute force, and what even and single ones must give."""

from __future__ import annotations

import numpy as np
import pytest

from peelian.audits.concentration import concentration, gini_of, top_share
from peelian.audits.partitions import compact_partitions, separate_partition


def test_gini_is_half_the_mean_difference() -> None:
    counts = np.random.default_rng(0).gamma(1, 3, 60)
    wanted = np.abs(counts[:, None] - counts[None, :]).mean() / (2 * counts.mean())
    assert gini_of(counts, np.ones(60)) == pytest.approx(wanted)


def test_even_and_one_alone() -> None:
    assert gini_of(np.full(10, 4.0), np.ones(10)) == pytest.approx(0)
    one = np.zeros(10)
    one[3] = 5
    assert gini_of(one, np.ones(10)) == pytest.approx(0.9)
    assert top_share(one, np.ones(10), 0.1) == pytest.approx(1)
    assert top_share(one, np.ones(10), 0.01) == pytest.approx(0.1), "a tenth of the one unit"


def test_top_by_units_and_by_residents() -> None:
    counts, lived = np.array([10.0, 10.0, 80.0, 0.0]), np.array([10.0, 1000.0, 8000.0, 990.0])
    assert top_share(counts, np.ones(4), 0.25) == pytest.approx(0.8)
    # Most per resident: the first, with a thousandth of the residents and a tenth of the counts.
    assert top_share(counts, lived, 0.001) == pytest.approx(0.1)
    assert gini_of(np.array([5.0, 10.0]), np.array([100.0, 200.0])) == pytest.approx(0), "all have as much"


def test_intervals_hold_the_value_and_widen_where_neighbours_are_alike() -> None:
    x, y = (a.ravel().astype(float) for a in np.meshgrid(np.arange(16), np.arange(16)))
    counts = np.kron(np.random.default_rng(1).gamma(1, 1, (4, 4)), np.ones((4, 4))).ravel()
    lived = np.ones(256)
    alike = concentration(counts, lived, compact_partitions(x, y))
    alone = concentration(counts, lived, separate_partition(256))
    assert list(alike["measure"]) == ["top_1", "top_5", "top_10", "gini"] * 2
    assert np.all((alike["low"] < alike["value"]) & (alike["value"] < alike["high"]))
    assert np.all((alike["high"] <= 1) & (alike["low"] >= 0))
    gini = alike["measure"] == "gini"
    assert np.all((alike["high"] - alike["low"])[gini] > 2 * (alone["high"] - alone["low"])[gini])


def test_nothing_to_measure() -> None:
    found = concentration(np.zeros(8), np.ones(8), separate_partition(8))
    assert found[["value", "low", "high"]].isna().all().all()
    one = concentration(np.array([3.0]), np.array([9.0]), separate_partition(1))
    assert one["value"].notna().all()
    assert one["low"].isna().all()
