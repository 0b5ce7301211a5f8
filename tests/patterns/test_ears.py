from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.patterns.ears import ears

from .salmonella import EARS_ALARMS, NEWPORT, STARTS, WATCHED


def plain(y: np.ndarray, method: str, z: float) -> tuple[float, bool]:
    """The statistic and the alarm, by the formulas of Fricker, Hegler and Dunfee (2008), section 2.1."""
    t = len(y) - 1

    def c(i: int, lag: int) -> float:
        past = y[i - lag - 7 : i - lag]
        with np.errstate(divide="ignore", invalid="ignore"):
            return float((y[i] - past.mean()) / past.std(ddof=1))

    if method == "C1":
        statistic = c(t, 0)
    elif method == "C2":
        statistic = c(t, 2)
    else:
        statistic = sum(max(0.0, c(i, 2) - 1) for i in (t, t - 1, t - 2))
    return statistic, statistic > z


@pytest.mark.parametrize("method", ["C1", "C2"])
def test_alarms_on_real_counts_are_those_of_the_published_package(method: str) -> None:
    alarms = [k for k in WATCHED if ears(NEWPORT[None], at=k, method=method).alarm[0]]  # type: ignore[arg-type]
    assert alarms == EARS_ALARMS[method]


def test_c3_reads_this_week_too_which_the_published_package_does_not() -> None:
    """R's surveillance compares the two weeks before alone: by those, its alarms come back; the paper adds this one."""
    z = float(stats.norm.isf(0.001))
    by_package = []
    for k in WATCHED:
        parts = [max(0.0, plain(NEWPORT[: i + 1], "C2", z)[0] - 1) for i in (k - 1, k - 2)]
        by_package += [k] if sum(parts) > z else []
    assert by_package == EARS_ALARMS["C3"]
    ours = [k for k in WATCHED if ears(NEWPORT[None], at=k, method="C3", alpha=0.001).alarm[0]]
    assert set(by_package) <= set(ours)
    assert np.flatnonzero(np.datetime64("2011-11-07") == STARTS)[0] in ours
    for k in WATCHED:
        assert (k in ours) == plain(NEWPORT[: k + 1], "C3", z)[1]


def test_bounds_are_the_published_ones() -> None:
    """The first bounds of 2011 that the tests of R's surveillance hold, with alpha 0.05."""
    bounds = [float(ears(NEWPORT[None], at=WATCHED[0] + i, alpha=0.05).upper[0]) for i in range(4)]
    np.testing.assert_allclose(bounds, [3.278854, 3.278854, 3.436517, 3.855617], atol=1e-6)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    method=st.sampled_from(["C1", "C2", "C3"]),
    mean=st.sampled_from([0.5, 5.0, 80.0]),
)
def test_many_series_are_as_one(seed: int, method: str, mean: float) -> None:
    series = np.random.default_rng(seed).poisson(mean, (6, 14)).astype(float)
    series[0, -4:] += 30
    found = ears(series, method=method, alpha=0.01)  # type: ignore[arg-type]
    for i, y in enumerate(series):
        if any(y[13 - lag - 7 : 13 - lag].std() == 0 for lag in (0, 2)):
            continue
        statistic, alarm = plain(y, method, float(stats.norm.isf(0.01)))
        if np.isfinite(statistic):
            assert found.alarm[i] == alarm
        if method != "C3" and np.isfinite(statistic):
            assert found.alarm[i] == (y[-1] > found.upper[i])
            assert found.p[i] == pytest.approx(stats.t.sf(statistic / np.sqrt(8 / 7), 6))


@pytest.mark.parametrize("method", ["C1", "C2", "C3"])
def test_p_values_are_uniform_for_normal_series(method: str) -> None:
    series = np.random.default_rng(1).normal(100, 5, (4000, 20))
    p = ears(series, method=method).p  # type: ignore[arg-type]
    for level in (0.01, 0.05, 0.1):
        assert (p <= level).mean() == pytest.approx(level, abs=3 * np.sqrt(level / 4000) + 0.002)


def test_a_rise_that_lasts_is_hidden_from_c1_and_not_from_c3() -> None:
    series = np.full((1, 30), 5.0)
    series[0, ::2] = 6
    series[0, -3:] = [12, 14, 13]
    assert not ears(series, method="C1", alpha=0.025).alarm[0]
    assert ears(series, method="C2").alarm[0]
    assert ears(series, method="C3").alarm[0]


def test_a_baseline_without_a_change() -> None:
    series = np.zeros((1, 10))
    series[0, -1] = 1
    assert ears(series).alarm[0]
    assert ears(series).p[0] > 0
    assert not ears(series, least_spread=0.5).alarm[0]
    flat = ears(np.full((1, 10), 3.0))
    assert not flat.alarm[0]
    assert flat.p[0] == pytest.approx(0.5)


def test_what_is_not_known_says_nothing() -> None:
    series = np.full((2, 10), 4.0)
    series[0, 5] = np.nan
    series[1, -1] = np.nan
    found = ears(series)
    assert np.isnan(found.p).all()
    assert not found.alarm.any()


def test_what_cannot_be_is_refused() -> None:
    series = np.ones((2, 20))
    with pytest.raises(NotEnoughDataError, match="reads 11"):
        ears(series[:, :11], method="C3")
    with pytest.raises(NotEnoughDataError, match="reads 7"):
        ears(np.ones((2, 0)))
    with pytest.raises(UsageError, match="C1"):
        ears(series, method="C4")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="3 or more"):
        ears(series, baseline=2)
    with pytest.raises(UsageError, match="alpha"):
        ears(series, alpha=0)
    with pytest.raises(DataError, match="below 0"):
        ears(-series)
