"""Rates of clustered events: exact where nothing is clustered, and right about how unsure they are where it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from peelian.audits.clustered import (
    Tally,
    clustered_rate,
    contrast,
    design_effect,
    exact_interval,
    two_way_variance,
)
from peelian.errors import DataError, UsageError


@pytest.mark.parametrize(("events", "cases"), [(0, 300), (1, 10), (7, 20), (20, 20), (3, 4000)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_the_exact_interval_is_scipys(events: int, cases: int, level: float) -> None:
    theirs = stats.binomtest(events, cases).proportion_ci(level, method="exact")
    assert exact_interval(events, cases, level=level) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


@pytest.mark.parametrize(("events", "cases"), [(2, 1), (-1, 5), (0, 0)])
def test_events_are_among_cases(events: int, cases: int) -> None:
    with pytest.raises(UsageError, match="expected events among cases"):
        exact_interval(events, cases)
    with pytest.raises(DataError, match="more events than cases"):
        clustered_rate(Tally.of([], [], others=[4.0], other_events=[5.0]))


def test_events_that_are_not_clustered_have_the_exact_interval() -> None:
    # One event in each deployment of the same size, each of another token: less scatter than by chance.
    rate = clustered_rate(Tally.of([True] * 8, np.arange(8), np.arange(8), others=[99.0] * 8))
    theirs = stats.binomtest(8, 800).proportion_ci(0.95, method="exact")
    assert (rate.value, rate.effect, rate.deployments, rate.tokens) == (0.01, 1.0, 8, 8)
    assert (rate.low, rate.high) == pytest.approx((theirs.low, theirs.high))


def test_no_event_still_leaves_room_and_clusters_of_others_leave_more() -> None:
    none = Tally.of([], [], others=[100.0, 200.0])
    alone, told = clustered_rate(none), clustered_rate(none, effect=4.0)
    assert alone.value == 0.0 == alone.low
    assert alone.high == pytest.approx(0.0122, abs=5e-5)
    assert told.high == pytest.approx(1 - 0.025 ** (4 / 300))
    empty = clustered_rate(Tally.of([], []))
    assert (empty.value, empty.low, empty.high) == (None, None, None)


def test_one_token_behind_all_alerts_is_one_piece_of_evidence() -> None:
    once = Tally.of([True] * 10, np.arange(10), np.arange(10), others=[990.0] * 10)
    same = Tally.of([True] * 10, np.arange(10), np.zeros(10), others=[990.0] * 10)
    assert design_effect(once) == pytest.approx(1.0)
    # The variance is that of one token: 10 squared instead of 10 times 1, and stretched for resting on one cluster.
    stretch = (stats.t.ppf(0.975, 1) / stats.norm.ppf(0.975)) ** 2
    assert design_effect(same) == pytest.approx(1 + 9 * stretch, rel=0.02)


def simulated(rng: np.random.Generator, *, rate: float, deployments: int, seen: int, entries: int) -> Tally:
    """Alerts of list entries of which a few resemble many, in deployments of which some are worse than others."""
    heavy = rng.gamma(0.3, 1 / 0.3, entries)
    light = rng.gamma(5.0, 1 / 5.0, deployments)
    k = rng.poisson(np.outer(light, heavy) * rate * seen / entries)
    d, t = np.nonzero(k)
    d, t = np.repeat(d, k[d, t]), np.repeat(t, k[d, t])
    others = seen - np.bincount(d, minlength=deployments)
    return Tally.of(np.ones(d.size, dtype=bool), d, t, others=others)


@pytest.mark.parametrize("deployments", [8, 20])
def test_the_clustered_interval_covers_where_the_plain_one_does_not(deployments: int) -> None:
    rng, truth, runs = np.random.default_rng(4), 0.001, 300
    ours = plain = 0
    for _ in range(runs):
        tally = simulated(rng, rate=truth, deployments=deployments, seen=5000, entries=200)
        rate = clustered_rate(tally)
        low, high = exact_interval(tally.events, tally.cases)
        ours += rate.low <= truth <= rate.high
        plain += low <= truth <= high
    assert ours / runs >= 0.93
    assert plain / runs < 0.85


def test_a_ratio_covers_and_is_narrower_for_sharing_its_deployments() -> None:
    rng, runs, held, widths = np.random.default_rng(5), 150, 0, []
    for _ in range(runs):
        light = rng.gamma(2.0, 0.5, 20)  # the same for both groups
        both = []
        for group, rate in enumerate((0.004, 0.002)):
            k = rng.poisson(light * rate * 3000)
            d = np.repeat(np.arange(20), k)
            both.append(
                Tally.of(np.ones(d.size, bool), d, 10_000 * group + np.arange(d.size), others=3000.0 - k)
            )
        low, high = contrast(both, [1.0, -1.0], logarithm=True)
        held += low <= math.log(2) <= high
        apart = [clustered_rate(t) for t in both]
        widths.append((high - low) / math.log(apart[0].high * apart[1].high / apart[0].low / apart[1].low))
    assert held / runs >= 0.91
    assert np.mean(widths) < 0.6


def test_a_difference_without_clusters_is_walds() -> None:
    n, x = (400, 300), (40, 45)
    tallies = [
        Tally.of(np.arange(m) < k, np.arange(m) + 1000 * i, np.arange(m) + 1000 * i)
        for i, (m, k) in enumerate(zip(n, x, strict=True))
    ]
    low, high = contrast(tallies, [1.0, -1.0], logarithm=False)
    p, q = x[0] / n[0], x[1] / n[1]
    reach = 1.959964 * math.sqrt(p * (1 - p) / n[0] + q * (1 - q) / n[1])
    assert (low, high) == pytest.approx((p - q - reach, p - q + reach), abs=1e-4)
    with pytest.raises(UsageError, match="without cases"):
        contrast([Tally.of([False], [0]), tallies[0]], [1, -1], logarithm=True)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 60), clusters=st.integers(1, 8))
def test_clusters_never_make_it_surer(seed: int, n: int, clusters: int) -> None:
    rng = np.random.default_rng(seed)
    event = rng.random(n) < 0.3
    d, t = rng.integers(0, clusters, n), rng.integers(-1, clusters, n)
    rate = clustered_rate(Tally.of(event, d, t))
    low, high = exact_interval(event.sum(), n)
    assert rate.low <= low + 1e-12
    assert rate.high >= high - 1e-12
    order = rng.permutation(n)
    assert clustered_rate(Tally.of(event[order], d[order], t[order])).high == pytest.approx(rate.high)
    variance, degrees = two_way_variance(event - event.mean(), d, t)
    assert variance >= np.square(event - event.mean()).sum() - 1e-9
    assert degrees >= 1
