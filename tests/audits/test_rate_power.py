"""What so many cases can show."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from peelian.audits.rate_power import cases_to_allow, cases_to_show, least_shown, most_with_none
from peelian.errors import UsageError


def test_zero_errors_in_300_still_allow_1_2_percent() -> None:
    two = most_with_none(300)  # the upper end of the two-sided 95 % interval of Clopper and Pearson
    assert two == pytest.approx(1 - 0.025 ** (1 / 300))
    assert f"{two:.1%}" == "1.2%"
    assert two == pytest.approx(stats.binomtest(0, 300).proportion_ci(0.95, method="exact").high)
    one = most_with_none(300, sides=1)  # what the rule of three is about
    assert one == pytest.approx(1 - 0.05 ** (1 / 300))
    assert one == pytest.approx(3 / 300, rel=0.01)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("rate", [0.2, 0.01, 0.0001])
def test_how_many_without_an_error_are_enough(rate: float, sides: int) -> None:
    n = cases_to_allow(rate, sides=sides)
    assert most_with_none(n, sides=sides) <= rate < most_with_none(n - 1, sides=sides)


def test_a_ratio_of_two_is_seen_as_often_as_was_promised() -> None:
    n, rng, runs = cases_to_show(0.002, ratio=2.0, power=0.8), np.random.default_rng(1), 4000
    a, b = rng.binomial(n, 0.002, runs), rng.binomial(n, 0.004, runs)
    z = np.log(b / a) / np.sqrt(1 / a - 1 / n + 1 / b - 1 / n)
    assert np.mean(np.abs(z) > stats.norm.ppf(0.975)) == pytest.approx(0.8, abs=0.03)
    assert cases_to_show(0.002, effect=3.0) == pytest.approx(3 * n, abs=3)
    assert least_shown(0.002, (n, n)) == pytest.approx(2.0, rel=1e-3)


def test_too_few_cases_show_no_ratio_at_all() -> None:
    assert least_shown(0.001, (20, 20)) is None
    assert least_shown(0.01, (1000, 1000)) > least_shown(0.01, (5000, 5000)) > 1


def test_wrong_settings_are_refused() -> None:
    for wrong in (
        lambda: most_with_none(0),
        lambda: most_with_none(10, sides=3),
        lambda: cases_to_allow(0.0),
        lambda: cases_to_show(0.6, ratio=2.0),
        lambda: cases_to_show(0.1, ratio=1.0),
        lambda: cases_to_show(math.nan),
    ):
        with pytest.raises(UsageError):
            wrong()
