from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from peelian.errors import UsageError
from peelian.patterns.cylinders import LANES
from peelian.patterns.draws import dealt_anew, law_of, quantile, scattered, scattered_fill


@pytest.mark.parametrize("scatter", [1.0, 1.4, 6.0])
@pytest.mark.parametrize("mean", [1e-4, 0.3, 2.0, 37.5, 4000.0])
def test_a_draw_is_the_quantile_of_its_law(mean: float, scatter: float) -> None:
    law = law_of(np.array([mean]), scatter)
    u = np.concatenate([np.linspace(0.0005, 0.9995, 200), [1e-9, 1 - 1e-9]])
    drawn = [quantile(v, law.mode[0], law.below[0], law.at[0], law.a[0], law.q[0]) for v in u]
    true = stats.poisson(mean) if scatter == 1 else stats.nbinom(mean / (scatter - 1), 1 / scatter)
    # A quantile may differ by one where the distribution function meets u to the last digits.
    differ = np.asarray(drawn) != true.ppf(u)
    assert differ.mean() < 0.01
    assert np.abs(np.asarray(drawn) - true.ppf(u)).max() <= 1


def test_draws_have_the_mean_and_the_scatter_asked_for() -> None:
    mean = np.array([[0.2, 3.0], [15.0, 0.01]])
    drawn = scattered(mean, scatter=2.5, seed=1, replicates=6000)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, rtol=0.2, atol=0.01)
    big = mean > 1
    np.testing.assert_allclose((drawn.var(axis=0) / mean)[big], 2.5, rtol=0.1)
    # What is summed keeps its scatter.
    assert drawn.sum(axis=(1, 2)).var() / mean.sum() == pytest.approx(2.5, rel=0.1)


def test_a_replicate_is_the_same_beside_more_of_them() -> None:
    mean = np.full((3, 2), 4.0)
    few, many = (scattered(mean, scatter=1.2, seed=9, replicates=n) for n in (3, LANES + 5))
    np.testing.assert_array_equal(few, many[:3])
    assert len({tuple(r.ravel()) for r in many}) > LANES
    assert not np.array_equal(few, scattered(mean, scatter=1.2, seed=10, replicates=3))


def test_counts_are_cumulated_from_the_latest_period_on() -> None:
    mean = np.array([[100.0, 1000.0]])
    out = np.zeros((1, 2, LANES), dtype=np.int32)
    scattered_fill(mean, scatter=1, seed=0)(0, out)
    assert out[0, 0].mean() == pytest.approx(1000, rel=0.05)
    assert out[0, 1].mean() == pytest.approx(1100, rel=0.05)


def test_dealt_times_keep_both_margins() -> None:
    rng = np.random.default_rng(0)
    cell, age = rng.integers(0, 5, 400), rng.integers(0, 20, 400)
    fill = dealt_anew(cell, age, durations=20, places=5, seed=3)
    out = np.zeros((5, 20, LANES), dtype=np.int32)
    fill(2, out)
    single = np.diff(out, axis=1, prepend=0)
    np.testing.assert_array_equal(
        out[:, -1], np.repeat(np.bincount(cell, minlength=5)[:, None], LANES, axis=1)
    )
    np.testing.assert_array_equal(
        single.sum(axis=0), np.repeat(np.bincount(age, minlength=20)[:, None], LANES, axis=1)
    )


def test_dealt_times_follow_the_hypergeometric_law() -> None:
    cell = np.array([0] * 12 + [1] * 28)
    age = np.array([0] * 10 + [5] * 30)
    fill = dealt_anew(cell, age, durations=1, places=2, seed=0)
    drawn = []
    for block in range(40):
        out = np.zeros((2, 1, LANES), dtype=np.int32)
        fill(block, out)
        drawn.append(out[0, 0])
    seen = np.bincount(np.concatenate(drawn), minlength=11)[:11]
    true = stats.hypergeom(40, 12, 10).pmf(np.arange(11)) * seen.sum()
    few = true < 5
    statistic, p = stats.chisquare(
        np.append(seen[~few], seen[few].sum()), np.append(true[~few], true[few].sum())
    )
    assert p > 0.001, statistic


def test_no_report_is_dealt_nowhere() -> None:
    out = np.zeros((2, 3, LANES), dtype=np.int32)
    dealt_anew(np.zeros(0, np.int64), np.zeros(0, np.int64), durations=3, places=2, seed=0)(0, out)
    assert not out.any()


def test_what_cannot_be_is_refused() -> None:
    for scatter in (0.5, np.inf, np.nan):
        with pytest.raises(UsageError, match="scatter"):
            scattered_fill([[1.0]], scatter=scatter, seed=0)
    with pytest.raises(UsageError, match="place 4"):
        dealt_anew(np.array([4]), np.array([0]), durations=1, places=3, seed=0)
