"""Changes of level: the coal-mining disasters of the textbooks, planted steps, and series without any."""

from __future__ import annotations

import json

import numpy as np
import pytest

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.changes import change_points
from peelian.patterns.segmentation import Noise, simulated
from peelian.places import Periods

# Coal-mining disasters in Great Britain with ten deaths or more, a digit for each year from 1851 to 1962: 191 in all.
# Jarrett (1979), "A note on the intervals between coal-mining disasters", Biometrika 66; by year as in Carlin, Gelfand
# and Smith (1992), "Hierarchical Bayesian analysis of changepoint problems", Applied Statistics 41.
COAL = [
    int(digit)
    for digit in "45410434063340263354531441553425223421322111130010110031"
    "03220111010100021000110233112111124200014000100000100101"
]
YEARS = Periods.covering("1851-01-01", "1963-01-01", "12mo")
WEEKS = Periods.covering("2014-01-06", "2018-01-01", "1w")
N = len(WEEKS)
SEASON = 1 + 0.3 * np.sin(np.arange(N) * 2 * np.pi / 52.18)


QUIET = Noise(1.5, 0.2)


def series(seed: int, factor: float = 1.0, at: int = 120, noise: Noise = QUIET) -> np.ndarray:
    """A weekly series around 40 with a season, that changes by a factor."""
    mean = 40 * SEASON * np.where(np.arange(N) >= at, factor, 1.0)
    return simulated(mean, noise, 1, np.random.default_rng([seed, 7]))[0]


def test_the_coal_mining_disasters_change_where_the_literature_has_it():
    """Carlin, Gelfand and Smith (1992): most likely after 41 years, from 3.1 to 0.9 disasters a year."""
    assert (len(COAL), sum(COAL)) == (112, 191)
    found = change_points(COAL, YEARS)
    first = found.changes[0]
    assert first.date == "1892-01-01"
    assert "1884" < first.low[:4] <= "1890" <= first.high[:4] < "1899"
    assert first.p <= 0.002
    assert first.before == pytest.approx(3.1, abs=0.1)
    assert first.after == pytest.approx(0.9, abs=0.25)
    # Green (1995) and Fearnhead (2006) find a second one in the late 1940s likely.
    assert len(found.changes) <= 2
    assert all(c.date[:3] == "194" for c in found.changes[1:])


def test_a_planted_step_is_found_with_date_and_size():
    dates, sizes, steps = [], [], []
    for seed in range(12):
        found = change_points(series(seed, 1.5), WEEKS, replicates=199, seed=seed)
        steps.append(len(found.changes))
        change = min(found.changes, key=lambda c: c.p)
        dates.append(change.low <= str(WEEKS.edges[120]) <= change.high)
        sizes.append(change.ratio_low <= 1.5 <= change.ratio_high)
        assert change.p <= 0.01
    assert np.mean(np.array(steps) == 1) > 0.7
    assert np.mean(dates) > 0.7
    assert np.mean(sizes) > 0.6


@pytest.mark.parametrize("noise", [Noise(1.0, 0.0), Noise(3.0, 0.5)])
def test_series_without_a_step_rarely_show_one(noise):
    shown = [
        bool(change_points(series(seed, noise=noise), WEEKS, replicates=99, seed=seed).changes)
        for seed in range(25)
    ]
    assert np.mean(shown) <= 0.2


def test_the_season_is_not_taken_for_steps():
    y = series(1)
    found = change_points(y, WEEKS, replicates=199)
    assert found.harmonics == 2
    assert found.changes == ()
    assert np.corrcoef(found.season, SEASON)[0, 1] > 0.95
    left_in = change_points(np.round(40 * (1 + 0.8 * (SEASON - 1) / 0.3)), WEEKS, harmonics=0, replicates=199)
    assert any("No season was taken out" in text for text in left_in.limits)


def test_a_change_beside_none_is_told_from_none():
    y = series(3, 0.5)
    found = change_points(y, WEEKS, replicates=199)
    change = found.changes[-1]
    assert "one change" in found.sentence() or "changes" in found.sentence()
    assert change.date in found.sentence()
    assert change.low <= change.date <= change.high
    assert change.after / change.before == pytest.approx(change.ratio)
    assert found.p == min(c.p for c in found.changes)
    assert found.frame["p"].is_monotonic_increasing
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(told["counts"]) == len(told["mean"]) == N
    assert any("how reports are made" in text for text in told["limits"])
    assert found.mean.sum() == pytest.approx(y.sum(), rel=0.01)
    assert change_points(y, WEEKS, replicates=199).to_dict() == found.to_dict()
    assert "<table" in found._repr_html_()
    pytest.importorskip("matplotlib")
    assert found.plot().get_title()


@pytest.mark.parametrize("value", [1, 7, 2_000_000])
def test_a_constant_series_has_no_change(value):
    found = change_points(np.full(N, value), WEEKS, replicates=99)
    assert found.changes == ()
    assert found.p > 0.5
    assert "no change of level" in found.sentence()
    json.dumps(found.to_dict(), allow_nan=False)


def test_no_report_at_all_is_said():
    found = change_points(np.zeros(N), WEEKS)
    assert "nothing to look at" in found.sentence()
    assert found.frame.empty
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["p"] is None
    assert found.plot() is not None


def test_a_level_from_none_has_no_ratio():
    y = np.r_[np.zeros(100), np.random.default_rng(0).poisson(9, N - 100)]
    found = change_points(y, WEEKS, harmonics=0, replicates=99)
    assert [c.date for c in found.changes] == [str(WEEKS.edges[100])]
    assert found.changes[0].ratio is None
    assert "from none" in found.sentence()
    gone = change_points(y[::-1], WEEKS, harmonics=0, replicates=99).changes[0]
    assert gone.ratio == gone.ratio_low == 0
    assert 0 < gone.ratio_high < 0.05
    json.dumps(found.to_dict(), allow_nan=False)


def test_months_of_different_lengths_are_compared_by_day():
    months = Periods.covering("2010-01-01", "2018-01-01", "1mo")
    days = np.diff(months.edges).astype(float)
    found = change_points(days * 10, months, harmonics=0, replicates=99)
    assert found.changes == ()
    assert found.mean == pytest.approx(days * 10)


def test_too_little_and_settings():
    with pytest.raises(NotEnoughDataError, match="at least 8"):
        change_points([1, 2, 3], Periods.covering("2018-01-01", "2018-04-01", "1mo"))
    y = np.ones(N)
    for bad in (y[:5], y * 0.5, -y, y * np.nan):
        with pytest.raises(UsageError, match="one whole number"):
            change_points(bad, WEEKS)
    with pytest.raises(UsageError, match="shortest"):
        change_points(y, WEEKS, shortest=1)
    with pytest.raises(UsageError, match="harmonics"):
        change_points(y, WEEKS, harmonics=9)
    with pytest.raises(UsageError, match="together"):
        change_points(y, WEEKS, replicates=1_000_000)
