"""The hindsight line: by hand, against the plain definition, and that it is above what the past alone gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from peelian.errors import NotEnoughDataError, UsageError
from peelian.places import Counts, Grid, Periods
from peelian.trials import metrics
from peelian.trials.hindsight import hindsight

CRS = "EPSG:26915"


def counted(table, *, frequency="1w", share=None):
    dense = np.asarray(table, dtype=np.int64)
    grid = Grid(CRS, 250.0, 0, 0, (1, dense.shape[0]), share)
    start = np.datetime64("2016-01-01")
    end = (
        np.datetime64("2016-01-01", "M") + dense.shape[1]
        if frequency == "1mo"
        else start + 7 * dense.shape[1]
    )
    return Counts(grid, Periods.covering(start, end, frequency, align="start"), sparse.csc_array(dense))


def test_by_hand():
    counts = counted([[2, 9, 4, 0], [0, 9, 0, 0]])
    assert hindsight(counts, 1).tolist() == pytest.approx([2.0, 0.0])
    assert hindsight(counts, 1, window=1).tolist() == pytest.approx([3.0, 0.0])
    assert hindsight(counts, -1, window=1).tolist() == pytest.approx([4.0, 0.0])


def test_months_go_by_their_days():
    counts = counted([[31, 0, 0]], frequency="1mo")  # January, February and March 2016
    assert hindsight(counts, 1).tolist() == pytest.approx([31 / 62 * 29])


tables = st.integers(2, 8).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 3), min_size=n, max_size=n), min_size=1, max_size=6)
)


@given(tables, st.integers(0, 7), st.one_of(st.none(), st.integers(1, 9)), st.sampled_from([0.0, 0.1]))
def test_against_the_definition(table, i, window, background):
    counts, dense = counted(table), np.asarray(table)
    i %= dense.shape[1]
    kept = [j for j in range(dense.shape[1]) if j != i and (window is None or abs(j - i) <= window)]
    if not dense[:, kept].any():
        with pytest.raises(NotEnoughDataError, match="around"):
            hindsight(counts, i, window=window)
        return
    mean = dense[:, kept].mean(axis=1)
    expected = (1 - background) * mean + background * mean.mean()
    assert hindsight(counts, i, window=window, background=background) == pytest.approx(expected)


def test_the_scored_period_is_not_known():
    table = np.random.default_rng(0).poisson(1.0, (5, 8))
    other = table.copy()
    other[:, 3] = 50
    assert hindsight(counted(table), 3).tolist() == hindsight(counted(other), 3).tolist()


def test_the_future_is_known():
    table = np.zeros((3, 6), dtype=int)
    table[2, 5] = 1
    assert hindsight(counted(table), 0)[2] == pytest.approx(0.2)


def test_what_is_spread_goes_by_area():
    share = np.array([1.0, 0.5])
    found = hindsight(counted([[4, 4], [0, 0]], share=share), 0, background=0.3)
    assert found.tolist() == pytest.approx([0.7 * 4 + 0.3 * 4 * 2 / 3, 0.3 * 4 / 3])


def test_it_scores_above_what_the_past_alone_gives_where_nothing_changes():
    rng = np.random.default_rng(0)
    rate = rng.gamma(0.3, 0.3, 600)
    counts = counted(rng.poisson(rate[:, None], (600, 40)))
    dense, hits = counts.dense(), {"hindsight": 0, "past": 0, "truth": 0}
    likelihood = dict.fromkeys(hits, 0.0)
    for i in range(15, 40):
        past = dense[:, :i].mean(axis=1)
        even = np.full(600, past.mean())
        maps = {
            "hindsight": hindsight(counts, i, background=0.05),
            "past": 0.95 * past + 0.05 * even,
            "truth": rate,
        }
        for name, mean in maps.items():
            hits[name] += dense[np.argsort(-mean, kind="stable")[:12], i].sum()
            likelihood[name] += metrics.log_likelihood(dense[:, i], mean)
    assert hits["past"] <= hits["hindsight"] <= hits["truth"]
    assert likelihood["past"] < likelihood["hindsight"] < likelihood["truth"]


@pytest.mark.parametrize("options", [{"i": 4}, {"i": -5}, {"i": 0, "window": 0}, {"i": 0, "background": 1.0}])
def test_refuses(options):
    with pytest.raises(UsageError, match="was asked for"):
        hindsight(counted(np.ones((2, 4))), **options)


def test_one_period_has_no_other():
    with pytest.raises(NotEnoughDataError, match="in the 0 periods around"):
        hindsight(counted([[3]]), 0)
