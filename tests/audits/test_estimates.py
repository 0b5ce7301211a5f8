from __future__ import annotations

import numpy as np
import pytest

from peelian.audits.estimates import Estimate, divide, estimate


def test_division_tells_apart_without_bound_and_undefined() -> None:
    found = divide(np.array([1.0, 1.0, 0.0]), np.array([2.0, 0.0, 0.0]))
    assert found[0] == 0.5
    assert np.isinf(found[1])
    assert np.isnan(found[2])


def test_a_value_with_its_interval() -> None:
    made = estimate(1.5, np.arange(101.0), level=0.9, blocks=20)
    assert (made.value, made.low, made.high, made.why) == (1.5, 5.0, 95.0, ())


@pytest.mark.parametrize("point", [np.inf, np.nan])
def test_no_value_no_interval(point: float) -> None:
    assert estimate(point, np.ones(10), level=0.9, blocks=20) == Estimate(None)


def test_one_block_has_a_value_only() -> None:
    made = estimate(2.0, np.full(10, 2.0), level=0.9, blocks=1)
    assert (made.value, made.low, made.high) == (2.0, None, None)
    assert "one block" in made.why[0]


@pytest.mark.parametrize(("undefined", "given"), [(5, True), (10, True), (11, False), (100, False)])
def test_an_interval_needs_the_number_to_be_defined_as_often_as_its_level(
    undefined: int, given: bool
) -> None:
    draws = np.r_[np.full(undefined, np.nan), np.ones(100 - undefined)]
    made = estimate(1.0, draws, level=0.9, blocks=20)
    assert (made.low is not None) is given
    assert (f"not defined in {undefined} of 100" in " ".join(made.why)) is not given


def test_an_end_may_be_open() -> None:
    made = estimate(3.0, np.r_[np.ones(90), np.full(10, np.inf)], level=0.9, blocks=20)
    assert (made.low, made.high) == (1.0, None)
    assert "an end of the interval is open" in made.why[0]
