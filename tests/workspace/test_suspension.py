"""What is suspended, read from runs: the order of alarms, holds and liftings is all that matters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import UsageError
from peelian.workspace.suspension import (
    counts_only,
    is_suspended,
    same_category,
    suspension_of,
    suspensions,
)


class Runs:
    """As much of a workspace as is asked: its runs and their results, oldest first."""

    def __init__(self, *events: tuple[str, str, str]) -> None:
        self.rows = [
            {
                "id": f"{verb}-{i}",
                "verb": verb.removeprefix("quiet "),
                "category": category,
                "role": role,
                "at": f"{i:04d}",
            }
            for i, (verb, category, role) in enumerate(events)
        ]

    def runs(self) -> list[dict[str, str]]:
        return self.rows

    def result(self, run: str) -> dict[str, Any]:
        alarm = None if run.startswith("quiet") else {"start": "2024-01-01"}
        return {"method": "kernel_density", "trial": "trial-1", "alarm": alarm, "text": "t", "reason": "r"}


def standing(*events: tuple[str, str, str], category: str = "burglary") -> dict[str, Any] | None:
    return suspension_of(Runs(*events), category)  # type: ignore[arg-type]


ALARM, QUIET = ("drift", "burglary", "analyst"), ("quiet drift", "burglary", "analyst")
HOLD, STOP = ("suspend", "burglary", "overseer"), ("suspend", "Burglary ", "commander")
LIFT = ("lift", "burglary", "commander")


def test_what_is_watched_and_level_is_not_suspended() -> None:
    assert standing() is None
    assert standing(QUIET, QUIET) is None
    assert standing(ALARM, category="robbery") is None


def test_the_first_cause_is_told_and_all_are_kept() -> None:
    found = standing(QUIET, ALARM, QUIET, HOLD)
    assert found is not None
    assert (found["run"], found["runs"]) == ("drift-1", ["drift-1", "suspend-3"])
    assert (found["alarmed"], found["overseer"], found["by_hand"], found["reason"]) == (
        True,
        True,
        False,
        "t",
    )
    found = standing(STOP)
    assert found is not None
    assert (found["alarmed"], found["overseer"], found["by_hand"], found["reason"]) == (
        False,
        False,
        True,
        "r",
    )


@given(st.lists(st.sampled_from([ALARM, QUIET, HOLD, STOP, LIFT]), max_size=12))
def test_it_stands_exactly_while_something_came_after_the_last_lifting(
    events: list[tuple[str, str, str]],
) -> None:
    after = events[len(events) - events[::-1].index(LIFT) :] if LIFT in events else events
    causes = [event for event in after if event in (ALARM, HOLD, STOP)]
    found = standing(*events)
    assert (found is not None) == bool(causes)
    if found is not None:
        assert len(found["runs"]) == len(causes)
        assert found["overseer"] == (HOLD in causes)
        assert found["alarmed"] == (ALARM in causes)


def test_each_category_by_itself() -> None:
    workspace = Runs(ALARM, ("suspend", "robbery", "overseer"), ("lift", "BURGLARY", "overseer"))
    assert [one["category"] for one in suspensions(workspace)] == ["robbery"]  # type: ignore[arg-type]
    assert is_suspended(workspace, "Robbery", "kernel_density")  # type: ignore[arg-type]
    assert not is_suspended(workspace, "robbery", "count_map"), "counting can always be used"  # type: ignore[arg-type]
    assert not is_suspended(workspace, "burglary", "kernel_density")  # type: ignore[arg-type]


def test_names() -> None:
    assert same_category(" Burglary", "burglary")
    assert not same_category("burglary", "burglaries")
    assert counts_only("count_map")
    assert not counts_only("kernel_density")
    with pytest.raises(UsageError, match="crystal_ball"):
        counts_only("crystal_ball")
