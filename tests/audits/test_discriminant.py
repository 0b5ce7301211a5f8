"""Discriminant distributions, held against integrals of the chance itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from peelian.audits.discriminant import draw_counts, signal_at, stop_outcomes

SHARES = st.floats(0.01, 0.9)
APART = st.floats(0.4, 3.5)


@given(threshold=st.floats(0.02, 0.95), carrying=SHARES, separation=APART)
@settings(max_examples=25)
def test_rates_are_integrals_of_the_chance(threshold: float, carrying: float, separation: float) -> None:
    """Search rate P(chance > t), hit rate E[chance | chance > t], where the chance is Bayes' rule for a signal."""

    x = np.linspace(-12, 16, 100_001)
    both = carrying * stats.norm.pdf(x, separation) + (1 - carrying) * stats.norm.pdf(x)
    log_ratio = stats.norm.logpdf(x, separation) - stats.norm.logpdf(x)
    chance = special.expit(special.logit(carrying) + log_ratio)
    searched = integrate.trapezoid(both * (chance > threshold), x)
    found = integrate.trapezoid(chance * both * (chance > threshold), x)
    search_rate, hit_rate = stop_outcomes(threshold, carrying=carrying, separation=separation)
    # The grid puts the threshold's signal at most 0.00028 beside its place.
    assert float(search_rate) == pytest.approx(searched, abs=2e-4)
    assert float(search_rate * hit_rate) == pytest.approx(found, abs=2e-4)


@given(threshold=st.floats(0.01, 0.99), carrying=SHARES, separation=APART)
def test_the_signal_has_that_chance(threshold: float, carrying: float, separation: float) -> None:
    signal = float(signal_at(threshold, carrying=carrying, separation=separation))
    odds = special.logit(carrying) + stats.norm.logpdf(signal, separation) - stats.norm.logpdf(signal)
    assert special.expit(odds) == pytest.approx(threshold, abs=1e-9)


@given(carrying=SHARES, separation=APART)
def test_a_higher_threshold_means_fewer_searches_that_find_more(carrying: float, separation: float) -> None:
    search_rate, hit_rate = stop_outcomes(
        np.linspace(0.05, 0.95, 19), carrying=carrying, separation=separation
    )
    assert (np.diff(search_rate) <= 1e-12).all()
    assert (np.diff(hit_rate) >= -1e-12).all()
    assert (hit_rate >= np.linspace(0.05, 0.95, 19) - 1e-12).all(), "an average above the bar is above it"


def test_drawn_counts_have_those_rates_and_never_contradict_themselves() -> None:
    stops = np.full((2, 400), 5000)
    given_ = {"threshold": np.array([[0.2], [0.3]]), "carrying": 0.1, "separation": 1.8}
    searches, hits = draw_counts(np.random.default_rng(3), stops=stops, **given_)
    search_rate, hit_rate = stop_outcomes(**given_)
    assert (hits <= searches).all()
    assert (searches <= stops).all()
    assert searches.sum(axis=1) / stops.sum(axis=1) == pytest.approx(search_rate.ravel(), rel=0.01)
    assert hits.sum(axis=1) / searches.sum(axis=1) == pytest.approx(hit_rate.ravel(), rel=0.01)
