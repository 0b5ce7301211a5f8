"""Concentration against published numbers, formulas and simulations with a known truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.concentration import _shapes, cells_holding, concentration, generalised_gini, gini


def plain_gini(y):
    """Mean absolute difference of all pairs, over twice the mean."""
    y = np.asarray(y, float)
    return np.abs(y[:, None] - y).mean() / (2 * y.mean())


def test_the_published_examples():
    """The examples of Bernasco and Steenbeek's package lorenzgini."""
    few = [5, 2, 1, *([0] * 7)]
    assert gini([10, 8, 2, *([0] * 7)]) == pytest.approx(0.78)
    assert generalised_gini([10, 8, 2, *([0] * 7)]) == pytest.approx(0.78)
    assert gini(few) == pytest.approx(0.80)
    assert generalised_gini(few) == pytest.approx(0.75)
    assert gini([3, 1, 1, *([0] * 7)]) == pytest.approx(0.78)
    assert gini([10, *([0] * 9)]) == pytest.approx(0.9)
    assert gini([10, *([0] * 99)]) == pytest.approx(0.99)
    assert generalised_gini([10, *([0] * 9)], corrected=True) == pytest.approx(1.0)
    assert generalised_gini([10, *([0] * 99)], corrected=True) == pytest.approx(1.0)


def test_as_few_reports_as_places_allow_are_not_concentrated():
    """Their other example: ten robberies in ten neighbourhoods, and then five in five, are alike even."""
    assert generalised_gini([1] * 10) == pytest.approx(0)
    assert generalised_gini([1] * 5 + [0] * 5) == pytest.approx(0)
    assert gini([1] * 5 + [0] * 5) == pytest.approx(0.5)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=40))
def test_gini_and_cells_are_what_the_definitions_give(y):
    if not sum(y):
        assert np.isnan(gini(y))
        assert cells_holding(y, 0.5) == 0
        return
    assert gini(y) == pytest.approx(plain_gini(y), abs=1e-12)
    order = sorted(y, reverse=True)
    for share in (0.1, 0.25, 0.5, 1.0):
        k = cells_holding(y, share)
        assert sum(order[:k]) >= share * sum(y) - 1e-6 > sum(order[: k - 1]) - 1e-6
    found = concentration(y, replicates=19)
    assert found.needed.tolist() == [cells_holding(y, 0.25), cells_holding(y, 0.5)]
    assert found.measure("gini").value == pytest.approx(plain_gini(y), abs=1e-12)
    assert found.measure("cells_0.5").value == pytest.approx(cells_holding(y, 0.5) / len(y))
    json.dumps(found.to_dict(), allow_nan=False)


def test_bootstrap_over_distinct_counts_is_that_over_cells():
    y = np.random.default_rng(0).poisson(np.random.default_rng(1).gamma(0.5, 6, 300))
    rng = np.random.default_rng(2)
    drawn = [plain_gini(rng.choice(y, y.size)) for _ in range(400)]
    found = concentration(y).measure("gini")
    assert (found.low, found.high) == (
        pytest.approx(np.quantile(drawn, 0.025), abs=0.01),
        pytest.approx(np.quantile(drawn, 0.975), abs=0.01),
    )


def test_an_exponential_spread_of_rates_has_the_gini_of_the_books():
    """Gamma of shape 1: Gini 1/2, and the top share x of cells holds x (1 - ln x)."""
    rng = np.random.default_rng(3)
    found = concentration(rng.poisson(rng.exponential(20, 15_000)), replicates=19)
    assert found.shape == pytest.approx(1, abs=0.03)
    assert found.measure("rates_gini").value == pytest.approx(0.5, abs=0.01)
    x = found.measure("rates_0.5").value
    assert x * (1 - np.log(x)) == pytest.approx(0.5, abs=0.01)


def test_the_shape_is_where_the_likelihood_is_highest():
    from scipy import stats

    y = np.random.default_rng(4).negative_binomial(0.7, 0.2, 500)
    values, times = np.unique(y, return_counts=True)
    shape = _shapes(values.astype(float), times[None, :].astype(float))[0]

    def log_likelihood(k):
        return stats.nbinom.logpmf(y, k, k / (k + y.mean())).sum()

    assert log_likelihood(shape) > max(log_likelihood(shape * 0.99), log_likelihood(shape * 1.01))


def test_with_few_reports_the_underlying_rates_are_found_where_the_plain_gini_is_far_off():
    truth = 0.6366  # of a gamma distribution of shape 1/2: 2 / pi
    rng = np.random.default_rng(5)
    held, plain = 0, []
    for k in range(20):
        rates = rng.gamma(0.5, 1, 2000)
        found = concentration(rng.poisson(rates * 0.4), replicates=99, seed=k)
        m = found.measure("rates_gini")
        held += m.low <= truth <= m.high
        plain.append(found.measure("gini").value)
    assert held >= 16
    assert np.mean(plain) > truth + 0.2


def test_a_model_that_does_not_fit_is_not_quoted():
    """Half of the cells are a lake, and the others are all alike busy: no gamma distribution."""
    y = np.random.default_rng(8).poisson(np.repeat([0.0, 30.0], 500))
    found = concentration(y, replicates=99)
    assert not found.fits
    assert "a model" not in found.sentence()
    assert any("doesn't fit" in text for text in found.limits)
    assert found.to_dict()["gamma_fits"] is False


def test_chance_alone_is_told_as_chance():
    rng = np.random.default_rng(6)
    p = [concentration(rng.poisson(2, 400), replicates=39, seed=k).p for k in range(40)]
    assert 0.3 < np.mean(p) < 0.7
    assert min(p) >= 1 / 40
    even = concentration(np.full(100, 3), replicates=99)
    assert np.isinf(even.shape)
    assert even.p == 1.0
    assert "no more than chance" in even.sentence()
    assert even.to_dict()["gamma_shape"] is None


def test_a_spread_that_may_be_even_is_not_told_as_concentrated():
    """Poisson counts of one rate: the model's shape is finite at times, and its interval reaches the even spread."""
    finite = told = 0
    for k in range(30):
        found = concentration(np.random.default_rng(100 + k).poisson(0.5, 1500), replicates=199, seed=k)
        finite += bool(np.isfinite(found.shape))
        told += "no more than chance" in found.sentence()
        assert ("no more than chance" in found.sentence()) != ("a model" in found.sentence())
    assert finite > 3
    assert told >= 29, "an interval at 95 % lies beside the truth one time in forty on this side"


def test_chance_by_area_puts_more_where_there_is_more_room():
    area = np.r_[np.full(50, 1.0), np.full(50, 0.1)]
    y = np.r_[np.full(50, 10), np.full(50, 1)]
    alike, by_area = concentration(y, replicates=99), concentration(y, replicates=99, area=area)
    assert alike.p == 0.01
    assert by_area.p > 0.5
    assert by_area.measure("cells_0.5").chance < alike.measure("cells_0.5").chance


def test_the_sentence_says_how_few_cells_and_what_chance_gives():
    rng = np.random.default_rng(7)
    found = concentration(rng.poisson(rng.gamma(0.3, 10, 500)), replicates=199)
    assert f"{found.needed[1]:,} of 500 cells" in found.sentence()
    assert "dealt out by chance" in found.sentence()
    assert found.fits
    assert "a model that takes chance out" in found.sentence()
    sparse = concentration(rng.poisson(0.1, 500), replicates=99)
    assert any("fewer reports" in text for text in sparse.limits)
    again = concentration(rng.poisson(0.1, 500), seed=1, replicates=99)
    assert again.to_dict() == concentration(again.counts, seed=1, replicates=99).to_dict()
    assert found.frame["name"].tolist()[0] == "cells_0.25"
    assert "<table" in found._repr_html_()
    pytest.importorskip("matplotlib")
    for each in (found, sparse, concentration([0, 0])):
        assert each.plot().get_xlabel()
    cells, held = found.lorenz()
    area_under = np.sum((held[1:] + held[:-1]) / 2 * np.diff(cells))
    assert 2 * area_under - 1 == pytest.approx(found.measure("gini").value, abs=1e-9)


def test_odd_input():
    none = concentration(np.zeros(7))
    assert "nothing to look at" in none.sentence()
    assert none.frame.empty
    json.dumps(none.to_dict(), allow_nan=False)
    for y in ([5], [0, 1], [2_000_000, *([0] * 99)], [1, 0, 0]):
        found = concentration(y, replicates=19)
        json.dumps(found.to_dict(), allow_nan=False)
        assert found.needed[-1] == 1
        assert found.sentence()
    assert concentration([2_000_000, *([0] * 99)], replicates=19).measure("gini").value == pytest.approx(0.99)


def test_settings_that_make_no_sense_are_told():
    with pytest.raises(NotEnoughDataError):
        concentration([])
    for bad in ([1.5], [-1], [np.nan], [[1]]):
        with pytest.raises(UsageError, match="whole number"):
            concentration(bad)
    with pytest.raises(UsageError, match="ascending"):
        concentration([1], shares=(0.5, 0.25))
    with pytest.raises(UsageError, match="share of the reports"):
        concentration([1], shares=(2,))
    with pytest.raises(UsageError, match="areas"):
        concentration([1, 2], area=[1])
    with pytest.raises(UsageError, match="not one of"):
        concentration([1, 2], replicates=19).measure("gin")
