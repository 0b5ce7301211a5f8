from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from peelian.places.counts import Counts
from peelian.places.grid import Grid
from peelian.places.periods import Period, Periods
from peelian.response.reasons import Past, kind_of, number, past_of, reason, span

GRID = Grid("EPSG:26915", 250.0, 2960, 17120, (3, 3))


def counts(matrix: np.ndarray, *, end: str, frequency: str = "1w") -> Counts:
    start = np.datetime64("2000-01-01")
    periods = Periods.covering(start, end, frequency)
    return Counts(GRID, periods[len(periods) - matrix.shape[1] :], sparse.csc_array(matrix))


def test_windows_are_the_last_52_and_8_weeks() -> None:
    matrix = np.zeros((9, 60), dtype=int)
    matrix[4, :] = 1
    past = past_of(counts(matrix, end="2017-01-02"), Period("2017-01-02", "2017-01-09"))
    assert past is not None
    assert (past.year[4], past.recent[4], past.year_span, past.recent_span) == (52, 8, "52 weeks", "8 weeks")


def test_the_period_itself_and_later_are_left_out() -> None:
    matrix = np.zeros((9, 60), dtype=int)
    matrix[0, -1] = 1000
    past = past_of(counts(matrix, end="2017-01-09"), Period("2017-01-02", "2017-01-09"))
    assert past is not None
    assert past.year.sum() == 0


def test_months_are_told_as_months() -> None:
    past = past_of(
        counts(np.ones((9, 20), dtype=int), end="2017-01-01", frequency="1mo"),
        Period("2017-01-01", "2017-02-01"),
    )
    assert past is not None
    assert (past.year[0], past.recent[0], past.year_span, past.recent_span) == (
        12,
        2,
        "12 months",
        "2 months",
    )


def test_days_are_told_of_a_year_as_the_count_map_learns_from() -> None:
    past = past_of(
        counts(np.ones((9, 400), dtype=int), end="2017-01-01", frequency="1d"),
        Period("2017-01-01", "2017-01-02"),
    )
    assert past is not None
    assert (past.year[0], past.recent[0], past.year_span, past.recent_span) == (
        365,
        56,
        "365 days",
        "8 weeks",
    )


def test_less_past_than_a_year_is_told_as_it_is() -> None:
    past = past_of(counts(np.ones((9, 5), dtype=int), end="2017-01-02"), Period("2017-01-02", "2017-01-09"))
    assert past is not None
    assert past.year_span == past.recent_span == "5 weeks"
    text = reason(0, category="theft", expected=1.0, interval=(0, 3), average=0.5, days=7, past=past)
    assert (
        text
        == "5 theft reports here in the past 5 weeks; 1 expected in the week (0 to 3), 2 times the average place"
    )


def test_no_past_is_none() -> None:
    week = Period("2017-01-02", "2017-01-09")
    assert past_of(None, week) is None
    assert past_of(counts(np.ones((9, 3), dtype=int), end="2018-01-01"), week) is None


def test_around_is_the_sum_of_the_eight_cells_around_brute_force() -> None:
    matrix = np.random.default_rng(3).poisson(2, (9, 52))
    past = past_of(counts(matrix, end="2017-01-02"), Period("2017-01-02", "2017-01-09"))
    assert past is not None
    total = matrix.sum(axis=1).reshape(3, 3)
    for row in range(3):
        for column in range(3):
            near = (
                total[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].sum() - total[row, column]
            )
            assert past.around[row * 3 + column] == near


def make_past(year: int, recent: int, around: int = 0) -> Past:
    one = np.ones(1, dtype=np.int64)
    return Past(one * year, one * recent, one * around, "52 weeks", "8 weeks")


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        (make_past(14, 3), "14 burglary reports here in the past 52 weeks, 3 of them in the last 8 weeks; "),
        (
            make_past(14, 0),
            "14 burglary reports here in the past 52 weeks, none of them in the last 8 weeks; ",
        ),
        (make_past(1, 1), "1 burglary report here in the past 52 weeks, which was in the last 8 weeks; "),
        (make_past(1, 0), "1 burglary report here in the past 52 weeks, not in the last 8 weeks; "),
        (make_past(0, 0, 7), "no burglary report here in the past 52 weeks, 7 in the places around it; "),
        (make_past(0, 0), "no burglary report here in the past 52 weeks; "),
        (None, "burglary reports: "),
    ],
)
def test_sentences(past: Past | None, expected: str) -> None:
    text = reason(0, category="burglary", expected=0.306, interval=(0, 1), average=0.034, days=7, past=past)
    assert text == expected + "0.31 expected in the week (0 to 1), 9 times the average place"


def test_a_flat_zero_surface_has_no_average_to_compare_with() -> None:
    text = reason(0, category="theft", expected=0.0, interval=(0, 0), average=0.0, days=1, past=None)
    assert text == "theft reports: 0 expected in the day (0 to 0)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.001, "less than 0.01"),
        (0.31, "0.31"),
        (0.996, "1"),
        (1.0, "1"),
        (6.94, "6.9"),
        (9.96, "10"),
        (140.2, "140"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("days", "text"), [(1, "the day"), (7, "the week"), (28, "the 4 weeks"), (31, "the 31 days")]
)
def test_spans(days: int, text: str) -> None:
    assert span(days) == text


def test_kinds() -> None:
    assert kind_of("theft_from_vehicle") == "theft from vehicle"
    assert kind_of("BURGLARY -  RESIDENCE") == "burglary - residence"
