"""Objections as such: dates and states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.charter.objections import OUTCOMES, Objection, check_outcome, count, due_at
from peelian.errors import UsageError

CAME = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def one(answered: bool = False, days: int = 30) -> Objection:
    given = {"outcome": "upheld", "at": "2026-11-05", "words": "c" * 64} if answered else None
    return Objection("object-1", "decide-1", "public", CAME, due_at(CAME, days), "a" * 64, "b" * 64, given)


def test_it_is_due_at_the_end_of_the_last_day() -> None:
    assert due_at(CAME, 30) == datetime(2026, 12, 2, 23, 59, 59, tzinfo=UTC)
    assert due_at(CAME.astimezone(timezone(timedelta(hours=-6))), 30) == due_at(CAME, 30)


@given(st.timedeltas(timedelta(0), timedelta(days=9999)), st.integers(1, 400))
def test_nobody_has_less_than_the_days_that_are_set(after: timedelta, days: int) -> None:
    came = CAME + after
    assert timedelta(days=days, seconds=-1) <= due_at(came, days) - came < timedelta(days=days + 1)


def test_states() -> None:
    assert one().state(one().due) == "open"
    assert one().state(one().due + timedelta(seconds=1)) == "overdue"
    assert one(answered=True).state(one().due + timedelta(days=99)) == "answered"


def test_how_many() -> None:
    every = [one(), one(days=1), one(answered=True), one(answered=True, days=1)]
    found = count(every, CAME + timedelta(days=9))
    assert found == {"total": 4, "open": 1, "overdue": 1, "answered": 2}
    assert count([], CAME) == {"total": 0, "open": 0, "overdue": 0, "answered": 0}


def test_what_is_sealed() -> None:
    assert one().sealed == ["a" * 64, "b" * 64]
    assert one(answered=True).sealed == ["a" * 64, "b" * 64, "c" * 64]


def test_outcomes() -> None:
    assert [check_outcome(outcome) for outcome in OUTCOMES] == list(OUTCOMES)
    with pytest.raises(UsageError, match="expected one of upheld, partly, rejected"):
        check_outcome("granted")
