from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from peelian.errors import UsageError
from peelian.patterns.cusum import average_run_length, cusum, decision_interval, reference_share


@pytest.mark.parametrize(
    ("mean", "from_zero", "from_half"),
    [(1.88, 37.20, 29.19), (1.88 + 0.9627 * np.sqrt(1.88), 5.49, 3.33)],
)
def test_run_lengths_are_the_published_ones(mean: float, from_zero: float, from_half: float) -> None:
    """Lucas (1985), "Counted data CUSUM's", h = 6 and k = 2, as the package IAcsSPCR prints them."""
    assert average_run_length(mean, reference=2, interval=6) == pytest.approx(from_zero, abs=0.006)
    assert average_run_length(mean, reference=2, interval=6, start=3) == pytest.approx(from_half, abs=0.006)


@pytest.mark.parametrize(
    ("mean", "scatter", "k", "h"), [(0.3, 1.0, 0.5, 2.0), (4.0, 1.8, 5.5, 9.0), (40.0, 1.0, 43.0, 20.0)]
)
def test_run_lengths_are_those_of_simulated_charts(mean: float, scatter: float, k: float, h: float) -> None:
    rng = np.random.default_rng(0)
    lengths = np.zeros(4000)
    s, running = np.zeros(4000), np.ones(4000, dtype=bool)
    for _ in range(3000):
        y = (
            rng.poisson(mean, 4000)
            if scatter == 1
            else rng.negative_binomial(mean / (scatter - 1), 1 / scatter, 4000)
        )
        lengths += running
        s = np.maximum(s + y - k, 0)
        running &= s < h
        if not running.any():
            break
    assert not running.any()
    found = average_run_length(mean, reference=k, interval=h, scatter=scatter)
    assert found == pytest.approx(lengths.mean(), rel=0.06)


@settings(max_examples=30)
@given(ratio=st.floats(1.05, 5), scatter=st.floats(1.01, 6), mean=st.floats(0.1, 50))
def test_the_reference_is_where_the_likelihood_ratio_is_one(
    ratio: float, scatter: float, mean: float
) -> None:
    k = mean * reference_share(ratio, scatter=scatter)
    size = mean / (scatter - 1)

    def logpmf(y: float, m: float) -> float:
        """Negative binomial with the size of the usual mean, without the part that both means share."""
        return y * np.log(m / (size + m)) + size * np.log(size / (size + m))

    # The ratio as a straight line in the count.
    at_zero = logpmf(0, ratio * mean) - logpmf(0, mean)
    slope = logpmf(1, ratio * mean) - logpmf(1, mean) - at_zero
    assert k == pytest.approx(-at_zero / slope, rel=1e-6)
    assert mean < k < ratio * mean


def test_the_reference_of_poisson_counts_is_that_of_lucas() -> None:
    assert reference_share(2.0) == pytest.approx(1 / np.log(2))
    assert reference_share(2.0, scatter=1 + 1e-7) == pytest.approx(1 / np.log(2), rel=1e-5)


@pytest.mark.parametrize("mean", [0.02, 1.0, 30.0, 1000.0])
def test_the_interval_keeps_false_alarms_as_rare_as_asked(mean: float) -> None:
    k = mean * reference_share(1.5)
    h = decision_interval(mean, reference=k, run_length=200)
    assert average_run_length(mean, reference=k, interval=h) >= 200
    if h > 0.5:
        assert average_run_length(mean, reference=k, interval=0.9 * h - 0.1) < 200


def test_false_alarms_of_charts_that_run_are_as_rare_as_asked() -> None:
    rng = np.random.default_rng(1)
    mean = np.repeat(rng.gamma(2, 2, (300, 1)) + 0.05, 150, axis=1)
    counts = rng.poisson(mean)
    k, ended = mean * reference_share(2.0), np.zeros(300)
    h = np.array(
        [
            decision_interval(m, reference=q, run_length=150)
            for m, q in zip(mean[:60, 0], k[:60, 0], strict=True)
        ]
    )
    s = np.zeros(60)
    for t in range(150):
        s = np.maximum(s + counts[:60, t] - k[:60, t], 0)
        ended[:60] += s >= h
        s[s >= h] = 0
    assert ended.sum() / (60 * 150) == pytest.approx(1 / 150, rel=0.5)


def test_p_values_are_uniform_where_they_are_not_one() -> None:
    rng = np.random.default_rng(0)
    season = 1 + 0.4 * np.sin(np.arange(20) / 3)
    mean = rng.gamma(2, 2, (600, 1)) * season + 0.05
    counts = rng.negative_binomial(mean / 0.5, 1 / 1.5)
    found = cusum(counts, mean, ratio=1.5, scatter=1.5)
    for level in (0.02, 0.05, 0.2):
        assert (found.p <= level).mean() == pytest.approx(level, abs=0.03)
    assert found.p.min() > 0
    poisson = cusum(counts, mean, ratio=1.5, scatter=1.0)
    assert (poisson.p <= 0.02).mean() > 0.03


def test_p_values_are_those_of_simulated_charts() -> None:
    """Exactly followed distributions against charts of random counts, whose reference is cut to the same steps."""
    rng = np.random.default_rng(5)
    for scatter, level in ((1.0, 0.4), (2.0, 3.0), (1.3, 50.0)):
        mean = level * (1 + 0.5 * np.sin(np.arange(8)))
        counts = rng.poisson(1.5 * mean)
        found = cusum(counts[None], mean[None], ratio=1.5, scatter=scatter)
        mesh = 10 if level < 8 else 1
        k = (
            np.diff(np.round(np.cumsum(mean * reference_share(1.5, scatter=scatter)) * mesh), prepend=0)
            / mesh
        )
        shape = (40_000, 8)
        drawn = (
            rng.poisson(mean, shape)
            if scatter == 1
            else rng.negative_binomial(mean / (scatter - 1), 1 / scatter, shape)
        )
        s, mine = np.zeros(40_000), 0.0
        for t in range(8):
            s, mine = np.maximum(s + drawn[:, t] - k[t], 0), max(mine + counts[t] - k[t], 0)
        truth = (s >= mine - 1e-9).mean()
        assert found.p[0] == pytest.approx(truth, abs=4 * np.sqrt(max(truth, 1e-4) / 40_000))


def test_a_small_rise_that_lasts_is_seen() -> None:
    rng = np.random.default_rng(2)
    mean = np.full((200, 12), 6.0)
    risen = rng.poisson(1.6 * mean)
    found = cusum(risen, mean, ratio=1.5)
    assert found.alarm.mean() > 0.9
    assert cusum(rng.poisson(mean), mean, ratio=1.5).alarm.mean() < 0.05
    # One week alone would not do.
    assert (stats.poisson.sf(risen[:, -1] - 1, 6.0) < 0.01).mean() < 0.4


def test_the_bound_is_the_most_that_is_no_alarm() -> None:
    rng = np.random.default_rng(3)
    mean = rng.gamma(2, 2, (40, 8)) + 0.1
    counts = rng.poisson(mean).astype(float)
    found = cusum(counts, mean)
    for i in range(40):
        if found.upper[i] < 0:
            continue
        for more, alarm in ((0, False), (1, True)):
            counts_i = counts[i : i + 1].copy()
            counts_i[0, -1] = found.upper[i] + more
            # The interval of a series is that of its own mean, whatever others stand beside it.
            assert cusum(counts_i, mean[i : i + 1]).alarm[0] == alarm or (
                abs(found.upper[i] - cusum(counts_i, mean[i : i + 1]).upper[0]) <= 1
            )


def test_the_same_again_and_unknown_counts() -> None:
    mean = np.full((3, 6), 2.0)
    counts = np.array([[3, 4, 5, 6, 7, 8], [0] * 6, [1, 9, 9, 9, 9, 2]], dtype=float)
    one, other = cusum(counts, mean), cusum(counts, mean)
    np.testing.assert_array_equal(one.p, other.p)
    assert one.alarm.tolist() == [True, False, True]
    assert one.p[1] == 1.0
    counts[0, -1] = np.nan
    found = cusum(counts, mean)
    assert np.isnan(found.p[0])
    assert not found.alarm[0]
    counts[2, 1] = np.nan
    assert cusum(counts, mean).p[2] < 0.05
    assert len(cusum(np.zeros((0, 4)), np.zeros((0, 4)))) == 0


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="ratio"):
        reference_share(1.0)
    with pytest.raises(UsageError, match="scatter"):
        reference_share(2.0, scatter=0.5)
    with pytest.raises(UsageError, match="false alarm every"):
        decision_interval(1.0, reference=1.5, run_length=1)
    with pytest.raises(UsageError, match="above 0"):
        cusum([[1.0]], [[0.0]])
    with pytest.raises(UsageError, match="shape"):
        cusum([[1.0, 2.0]], [[1.0]])
