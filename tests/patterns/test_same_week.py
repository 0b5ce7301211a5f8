"""A week beside past years: intervals hold what they say, a real change is found, a steady fall is no change."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.same_week import WeekChanges, same_week

WEEKS = 261
END = "2017-01-01"


def simulated(
    rng: np.random.Generator,
    means: np.ndarray,
    *,
    weeks: int = WEEKS,
    season: float = 0.2,
    trend: float = 0.0,
) -> np.ndarray:
    """Poisson counts with a yearly wave and a trend a year, the last week being the last column."""
    t = np.arange(weeks)
    wave = 1 + season * np.sin(2 * np.pi * t / (365.2425 / 7))
    return rng.poisson(means[:, None] * wave * (1 + trend) ** (t / 52))


def names(n: int) -> list[str]:
    return [f"place {i}" for i in range(n)]


@pytest.mark.parametrize("mean", [3.0, 80.0])
def test_where_nothing_changed_the_interval_holds_the_number_as_often_as_it_says(mean: float) -> None:
    rng = np.random.default_rng(5)
    counts = simulated(rng, np.full(2000, mean))
    found = same_week(counts, labels=names(2000), end=END, level=0.9)
    inside = (found.reported >= found.low) & (found.reported <= found.high)
    # Whole numbers make it cover at least this much; three standard errors of 2,000 draws are 0.02.
    assert 0.88 <= inside.mean() <= 0.965
    assert np.mean(found.p <= 0.05) <= 0.065
    assert np.mean(found.q <= 0.1) <= 0.002


def test_scatter_beyond_poisson_widens_the_interval_and_makes_no_alarms() -> None:
    rng = np.random.default_rng(6)
    counts = rng.negative_binomial(5, 5 / (5 + 30), size=(600, WEEKS))  # variance 7 times the mean
    found = same_week(counts, labels=names(600), end=END)
    assert np.median(found.dispersion) == pytest.approx(7, rel=0.1)
    inside = (found.reported >= found.low) & (found.reported <= found.high)
    assert 0.87 <= inside.mean() <= 0.95


def test_a_p_value_is_never_nothing() -> None:
    counts = np.full((1, WEEKS), 200)
    counts[0, -1] = 1_000_000
    found = same_week(counts, labels=["place"], end=END)
    assert 0 < found.p[0] < 1e-100
    assert 0 < found.q[0] < 1e-100


def test_a_week_of_twice_as_many_stands_out_and_no_other_does() -> None:
    rng = np.random.default_rng(7)
    counts = simulated(rng, np.full(40, 50.0))
    counts[11, -1] = 110
    found = same_week(counts, labels=names(40), end=END)
    assert found.frame["what"].tolist()[0] == "place 11"
    assert (found.q <= 0.1).sum() == 1
    assert "1 of 40" in found.sentence()
    assert "place 11 (110 reported" in found.sentence()


def test_a_week_of_far_fewer_stands_out_too() -> None:
    rng = np.random.default_rng(8)
    counts = simulated(rng, np.full(40, 50.0))
    counts[3, -1] = 8
    assert same_week(counts, labels=names(40), end=END).frame["what"][0] == "place 3"


def test_a_steady_fall_is_low_beside_past_years_and_still_no_change() -> None:
    rng = np.random.default_rng(9)
    counts = simulated(rng, np.full(200, 120.0), trend=-0.2)
    found = same_week(counts, labels=names(200), end=END)
    assert np.median(found.past_ratio) < 0.75
    assert np.mean(found.past_high < 1) > 0.8
    assert np.mean(found.q <= 0.1) < 0.03


def test_the_season_is_what_was_expected() -> None:
    t = np.arange(WEEKS)
    wave = 100 * (1 + 0.5 * np.sin(2 * np.pi * t / (365.2425 / 7)))
    for last in (235, 248, 261):  # a trough, a rise and a peak
        found = same_week(np.round(wave[None, :last]), labels=["all"], end=END)
        assert found.expected[0] == pytest.approx(wave[last - 1], rel=0.06)


def test_one_report_where_there_was_none_for_years_is_no_alarm_by_itself() -> None:
    counts = np.zeros((50, WEEKS), dtype=int)
    counts[:, ::9] = 1
    counts[0] = 0
    counts[0, -1] = 1
    found = same_week(counts, labels=names(50), end=END)
    assert found.p[0] > 0.01
    assert np.isnan(found.past_ratio[0])
    assert found.to_dict()["rows"] is not None


def test_the_ratio_to_past_years_has_the_exact_interval_of_two_poisson_counts() -> None:
    rng = np.random.default_rng(10)
    counts = simulated(rng, np.array([20.0]), season=0)
    found = same_week(counts, labels=["all"], end=END, level=0.95)
    f = found.dispersion[0]
    back = [52, 104, 157, 209]
    weeks = sum(int(counts[0, WEEKS - 1 - b + d]) for b in back for d in (-1, 0, 1))
    now = int(counts[0, -1])
    assert found.past_ratio[0] == pytest.approx(now / (weeks / 12))
    # By hand: the share of the week in all reports is binomial, and Clopper-Pearson is its interval.
    low = stats.beta.ppf(0.025, now / f, weeks / f + 1)
    assert found.past_low[0] == pytest.approx(12 * low / (1 - low))


def test_past_years_are_shown_as_they_were() -> None:
    counts = np.arange(WEEKS)[None, :]
    found = same_week(counts, labels=["all"], end=END, years=3)
    assert found.past.tolist() == [[260 - 52, 260 - 104, 260 - 157]]
    assert (found.start, found.end) == ("2016-12-25", "2017-01-01")
    assert found.frame["past"][0] == "208, 156, 103"


def test_short_records_are_refused_and_those_just_long_enough_say_so() -> None:
    with pytest.raises(NotEnoughDataError, match="79 weeks were given.* takes 80"):
        same_week(np.ones((1, 79)), labels=["all"], end=END)
    found = same_week(np.ones((1, 80)), labels=["all"], end=END)
    assert found.years == 1
    assert "too short" in found.limits[0]


@pytest.mark.parametrize(
    ("counts", "more"),
    [
        (np.ones((2, 100)), {}),
        (np.ones(100), {}),
        (-np.ones((1, 100)), {}),
        (np.full((1, 100), np.nan), {}),
        (np.ones((1, 100)), {"years": 0}),
        (np.ones((1, 100)), {"level": 1.5}),
    ],
)
def test_what_does_not_fit_is_refused(counts: np.ndarray, more: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        same_week(counts, labels=["all"], end=END, **more)  # type: ignore[arg-type]


def test_nothing_to_compare_is_an_empty_result() -> None:
    found = same_week(np.zeros((0, 100)), labels=[], end=END)
    assert found.sentence() == "There is nothing to compare."
    assert found.frame.empty


def test_it_is_plain_data_and_a_picture() -> None:
    rng = np.random.default_rng(11)
    found: WeekChanges = same_week(simulated(rng, np.array([5.0, 0.0])), labels=["<b>", "none"], end=END)
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [row["what"] for row in told["rows"]] == found.frame["what"].tolist()
    assert "&lt;b&gt;" in found._repr_html_()
    assert len(found.plot().lines) == 1
