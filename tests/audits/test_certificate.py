"""Bounds of simulated courses against what is known of ordered values, and when a certificate is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.certificate import certify, fewest_courses, percent, quantile_bound
from peelian.audits.finding import Finding, Threshold
from peelian.errors import UsageError


def test_an_upper_end_takes_as_many_courses_as_wilks_says() -> None:
    # 1 - 0.95^n >= 0.95 first holds at n = 59, the figure in every table of tolerance limits.
    assert quantile_bound(np.arange(58.0), quantile=0.95, level=0.90).high is None
    assert quantile_bound(np.arange(59.0), quantile=0.95, level=0.90).high == 58.0
    assert quantile_bound(np.arange(71.0)).high is None
    assert quantile_bound(np.arange(72.0)).high == 71.0
    for level in (0.5, 0.8, 0.9, 0.95, 0.99):
        fewest = fewest_courses(level=level)
        assert quantile_bound(np.arange(float(fewest - 1)), level=level).high is None
        assert quantile_bound(np.arange(float(fewest)), level=level).high is not None


def test_the_second_largest_of_93_is_the_known_next_step() -> None:
    assert quantile_bound(np.arange(92.0), level=0.90).high == 91.0
    assert quantile_bound(np.arange(93.0), level=0.90).high == 91.0


def test_the_interval_holds_the_true_quantile_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    truth = -np.log(0.05)  # the 0.95 quantile of an exponential distribution
    bounds = [quantile_bound(rng.exponential(size=200)) for _ in range(2000)]
    over = np.mean([b.high is not None and b.high < truth for b in bounds])
    under = np.mean([b.low is not None and b.low > truth for b in bounds])
    # Each end fails 2.5 times in 100 or less; 2000 tries have a standard error of 0.0035 at that.
    assert over <= 0.025 + 3 * 0.0035
    assert under <= 0.025 + 3 * 0.0035
    assert over + under >= 0.01, "an interval that is never wrong is too wide"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=300))
def test_ends_are_in_order_and_are_values_that_were_given(values: list[float]) -> None:
    found = quantile_bound(values)
    assert found.value in values
    for end, sign in ((found.low, -1), (found.high, 1)):
        assert end is None or (end in values and sign * (end - found.value) >= 0)


@pytest.mark.parametrize(
    ("values", "more"),
    [([], {}), ([1.0, float("nan")], {}), ([1.0], {"quantile": 1.0}), ([1.0], {"level": 0})],
)
def test_no_bound_of_nothing(values: list[float], more: dict) -> None:
    with pytest.raises(UsageError, match="quantile"):
        quantile_bound(values, **more)


def finding(name: str, high: float | None, threshold: float | None = None) -> Finding:
    held = None if threshold is None else Threshold(threshold, "the oversight board", "2026-01-02")
    passes = None if held is None or high is None else high <= held.value
    return Finding(name, name, "of something", 0.01, 0.0, high, 0.95, threshold=held, passes=passes)


def certificate(drift: Finding, over: Finding, *unknown: str):  # type: ignore[no-untyped-def]
    return certify(
        drift,
        over,
        learner="naive",
        what="learning from every record alike",
        years=5,
        assumptions=["Residents report half."],
        unknown=unknown,
        courses=200,
        settings=6,
    )


def test_a_certificate_says_how_much_for_how_long() -> None:
    found = certificate(finding("drift", 0.034), finding("overstatement", -0.01, 0.02))
    assert found.given
    assert "over 5 years" in found.sentence()
    assert "at most 3.4 % of the chosen places" in found.sentence()
    assert "each in 95 of 100 simulated courses" in found.sentence(), (
        "a bound of a quantile is none of all courses"
    )
    assert "at most 0 % of the total" in found.sentence(), "less than nothing is nothing"
    assert json.loads(json.dumps(found.to_dict()))["given"] is True


def test_it_is_refused_beyond_a_threshold_with_who_set_it() -> None:
    found = certificate(finding("drift", 0.34, 0.1), finding("overstatement", 0.01, 0.02))
    assert not found.given
    assert "attending by the forecast can draw 34 % of the chosen places" in found.sentence()
    assert "beyond the 10 % that the oversight board set on 2026-01-02" in found.sentence()
    assert found.sentence().startswith("No certificate for learning from every record alike:")


def test_it_is_refused_for_what_nobody_stated_and_for_too_few_courses() -> None:
    unknown = certificate(finding("drift", 0.01), finding("overstatement", 0.01), "Nobody has stated it.")
    assert not unknown.given
    assert "nobody has stated it." in unknown.sentence()
    few = certificate(finding("drift", None), finding("overstatement", 0.01))
    assert not few.given
    assert "too few for an upper end; 72 or more are needed" in few.sentence()
    assert few.drift is None


@pytest.mark.parametrize(
    ("share", "said"),
    [(None, "an unknown share"), (0, "0 %"), (0.034, "3.4 %"), (0.1, "10 %"), (0.256, "26 %")],
)
def test_shares_in_words(share: float | None, said: str) -> None:
    assert percent(share) == said
