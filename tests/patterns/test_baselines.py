from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.baselines import expect, rhythm

MONDAY = np.datetime64("2012-01-02")


def weeks(n: int) -> np.ndarray:
    return MONDAY + 7 * np.arange(n + 1)


def made(seed: int = 0, n: int = 400, past: int = 208, scatter: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    season = 1 + 0.4 * np.sin(2 * np.pi * np.arange(past + 12) * 7 / 365.2425)
    mean = np.outer(rng.gamma(0.6, 2, n), season) + 1e-9
    counts = rng.poisson(mean) if scatter == 1 else rng.negative_binomial(mean / (scatter - 1), 1 / scatter)
    return mean, counts


def test_level_and_season_come_back() -> None:
    mean, counts = made()
    base = expect(sparse.csc_array(counts[:, :208]), weeks(208), ahead=weeks(220)[208:])
    assert base.expected.shape == (400, 12)
    assert base.expected.sum() == pytest.approx(mean[:, 208:].sum(), rel=0.05)
    np.testing.assert_allclose(base.expected.sum(axis=0), mean[:, 208:].sum(axis=0), rtol=0.08)
    assert np.corrcoef(base.expected[:, 0], mean[:, 208])[0, 1] > 0.99
    assert base.shape == pytest.approx(0.6, rel=0.25)
    assert base.scatter < 1.05
    assert (base.expected > 0).all()


def test_scatter_comes_back() -> None:
    _, counts = made(scatter=2.5)
    base = expect(sparse.csc_array(counts[:, :208]), weeks(208), ahead=weeks(220)[208:])
    assert base.scatter == pytest.approx(2.5, rel=0.15)


def test_shrinkage_beats_the_plain_mean() -> None:
    rng = np.random.default_rng(3)
    truth = rng.gamma(2.0, 0.1, 2000)
    counts = rng.poisson(np.repeat(truth[:, None], 12, axis=1))
    base = expect(sparse.csc_array(counts), weeks(12), ahead=weeks(13)[12:], half_life=1e6)
    plain = counts.mean(axis=1)
    ours = base.expected[:, 0]
    # The mean of the gamma that is left after the counts: half the error of the counts alone, here.
    best = (2.0 + counts.sum(axis=1)) / (10.0 + 12)
    assert np.mean((ours - truth) ** 2) < 0.6 * np.mean((plain - truth) ** 2)
    assert np.mean((ours - truth) ** 2) == pytest.approx(np.mean((best - truth) ** 2), rel=0.1)


def test_equal_places_are_shrunk_to_one_level() -> None:
    counts = np.tile(np.array([[2.0]]), (10, 40)).astype(int)
    base = expect(sparse.csc_array(counts), weeks(40), ahead=weeks(41)[40:])
    np.testing.assert_allclose(base.expected, 2.0, rtol=1e-6)
    assert base.shape == np.inf


def test_totals_are_kept() -> None:
    _, counts = made()
    given = np.arange(12) * 10.0
    base = expect(sparse.csc_array(counts[:, :208]), weeks(208), ahead=weeks(220)[208:], totals=given)
    np.testing.assert_allclose(base.expected.sum(axis=0)[1:], given[1:])
    assert 0 < base.expected[:, 0].sum() < 0.01


def test_the_future_changes_nothing() -> None:
    """Only periods before those that are expected are read: the function is never given any other."""
    _, counts = made()
    later = counts.copy()
    later[:, 208:] += 50
    one, other = (
        expect(sparse.csc_array(c[:, :208]), weeks(208), ahead=weeks(220)[208:]).expected
        for c in (counts, later)
    )
    np.testing.assert_array_equal(one, other)


def test_recent_periods_weigh_more() -> None:
    counts = np.zeros((2, 100), dtype=int)
    counts[0, :50], counts[1, 50:] = 4, 4
    base = expect(sparse.csc_array(counts), weeks(100), ahead=weeks(101)[100:], half_life=90.0)
    assert base.expected[1, 0] > 5 * base.expected[0, 0]


def test_days_of_the_week_come_back() -> None:
    days = MONDAY + np.arange(7 * 60 + 1)
    factor = np.array([1.0, 1, 1, 1, 2, 3, 0.5])
    total = 20 * factor[np.arange(7 * 60) % 7]
    ahead = days[-1] + np.arange(8)
    found = rhythm(total, days, ahead=ahead)[-7:]
    np.testing.assert_allclose(found / found[0], factor, rtol=1e-6)


def test_growth_is_no_season_and_stays_where_it_was() -> None:
    at = np.arange(208)
    total = 100 * np.exp(0.004 * at)
    found = rhythm(total, weeks(208), ahead=weeks(260)[208:])
    np.testing.assert_allclose(found[:208], total, rtol=0.02)
    np.testing.assert_allclose(found[208:], total[-1], rtol=0.03)


def test_nothing_reported_gives_a_trace() -> None:
    base = expect(sparse.csc_array((3, 20), dtype=np.int64), weeks(20), ahead=weeks(22)[20:])
    assert (base.expected < 1e-3).all()
    assert base.scatter == 1.0


def test_what_cannot_be_is_refused() -> None:
    counts = sparse.csc_array(np.ones((2, 7), dtype=int))
    with pytest.raises(NotEnoughDataError, match="7 periods"):
        expect(counts, weeks(7), ahead=weeks(8)[7:])
    with pytest.raises(UsageError, match="edges"):
        expect(counts, weeks(9), ahead=weeks(10)[9:])
    many = sparse.csc_array(np.ones((2, 20), dtype=int))
    with pytest.raises(UsageError, match="half-life"):
        expect(many, weeks(20), ahead=weeks(21)[20:], half_life=0)
    with pytest.raises(UsageError, match="totals"):
        expect(many, weeks(20), ahead=weeks(21)[20:], totals=[1.0, 2.0])
