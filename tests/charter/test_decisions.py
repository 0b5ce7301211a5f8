"""Decisions: reasons, states, and what can't be done."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.charter.decisions import CHOICES, STATES, Decision, is_in_force, standing, transition
from peelian.errors import DataError, RefusedError, UsageError

ACTIONS = ("propose", "approve", "amend", "refuse", "begin", "expire", "withdraw", "review")
NOW = datetime(2026, 1, 31, 13, 5, tzinfo=UTC)
REASON = "The cells on Grand Boulevard were covered twice last week."


def make(**changes: Any) -> Decision:
    fields: dict[str, Any] = {
        "id": "decide-1",
        "subject": "plan-1",
        "state": "proposed",
        "action": "approve",
        "role": "commander",
        "reason": REASON,
        "decided_at": NOW,
        "expires_at": NOW + timedelta(days=7),
        "shown": {"bulletin.html": "ab" * 32},
    }
    return Decision.make(**{**fields, **changes})


@pytest.mark.parametrize(
    ("state", "action", "after"),
    [
        ("draft", "propose", "proposed"),
        ("draft", "withdraw", "withdrawn"),
        ("proposed", "approve", "approved"),
        ("proposed", "amend", "amended"),
        ("proposed", "refuse", "refused"),
        ("proposed", "withdraw", "withdrawn"),
        ("proposed", "expire", "expired"),
        ("approved", "withdraw", "withdrawn"),
        ("approved", "expire", "expired"),
        ("amended", "withdraw", "withdrawn"),
        ("amended", "expire", "expired"),
        ("approved", "begin", "in force"),
        ("amended", "begin", "in force"),
        ("in force", "expire", "expired"),
        ("in force", "withdraw", "withdrawn"),
        ("expired", "review", "reviewed"),
        ("withdrawn", "review", "reviewed"),
    ],
)
def test_moves(state: str, action: str, after: str) -> None:
    assert transition(state, action) == after


def test_there_are_no_other_moves() -> None:
    allowed, refusals = 0, []
    for state in STATES:
        for action in ACTIONS:
            try:
                assert transition(state, action) in STATES
            except RefusedError as refused:
                refusals.append((state, refused))
            else:
                allowed += 1
    assert allowed == 17
    assert all(state in refused.message and refused.hint for state, refused in refusals)


def test_refusals_are_explained() -> None:
    with pytest.raises(RefusedError, match="it can be: propose, withdraw") as refused:
        transition("draft", "approve")
    assert refused.value.hint == "propose it first"
    with pytest.raises(RefusedError, match="what is refused stays so"):
        transition("refused", "approve")
    with pytest.raises(UsageError, match="no state 'open'"):
        transition("open", "approve")
    with pytest.raises(UsageError, match="no action 'accept'"):
        transition("proposed", "accept")


@given(st.lists(st.sampled_from(ACTIONS), max_size=12))
def test_nothing_is_approved_that_was_not_proposed(actions: list[str]) -> None:
    state, trail = "draft", ["draft"]
    for action in actions:
        try:
            state = transition(state, action)
        except RefusedError:
            continue
        trail.append(state)
    for decided in ("approved", "amended", "refused"):
        if decided in trail:
            assert trail[trail.index(decided) - 1] == "proposed"
    assert len(set(trail)) == len(trail)  # no way back
    if "in force" in trail:
        assert trail[trail.index("in force") - 1] in ("approved", "amended")
    if "reviewed" in trail:
        assert trail[trail.index("reviewed") - 1] in ("expired", "withdrawn")


@pytest.mark.parametrize(
    ("action", "state"), list(zip(CHOICES, ("approved", "amended", "refused"), strict=True))
)
def test_each_choice(action: str, state: str) -> None:
    amendment = {"removed": ("c1",), "added": ("c2", "c3")} if action == "amend" else {}
    decision = make(action=action, dissent="The overseer would have left c3 out.", **amendment)
    assert decision.state == state
    assert Decision.from_dict(json.loads(json.dumps(decision.to_dict()))) == decision
    assert is_in_force(decision, NOW) == (action != "refuse")


def test_the_plain_form() -> None:
    assert make(shown_copy="runs/decide-1/shown.html", demonstration=True).to_dict() == {
        "id": "decide-1",
        "subject": "plan-1",
        "action": "approve",
        "state": "approved",
        "role": "commander",
        "reason": REASON,
        "decided_at": "2026-01-31T13:05:00Z",
        "expires_at": "2026-02-07T13:05:00Z",
        "removed": [],
        "added": [],
        "shown": {"bulletin.html": "ab" * 32},
        "shown_copy": "runs/decide-1/shown.html",
        "dissent": None,
        "demonstration": True,
        "begins_at": None,
        "looked": None,
    }


def test_what_an_earlier_version_stored_is_read() -> None:
    stored = make().to_dict()
    del stored["begins_at"], stored["looked"]
    assert Decision.from_dict(stored) == make()


def test_times_are_kept_in_utc() -> None:
    west = timezone(timedelta(hours=-6))
    assert make(decided_at=datetime(2026, 1, 31, 7, 5, tzinfo=west)) == make()


@pytest.mark.parametrize(
    "reason", ["", "ok", "fine by me", "." * 50, "a" * 50, "1234567890 1234567890 x", " " * 40]
)
def test_reasons_that_say_too_little(reason: str) -> None:
    for field in ("reason", "dissent"):
        with pytest.raises(UsageError, match=f"the {field} given") as refused:
            make(**{field: reason})
        assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    "reason",
    [
        REASON,
        "Die Lage am Bahnhof hat sich beruhigt.",
        "第一区的报告减少了，所以本周不需要这个计划，维持现状。",
    ],
)
def test_reasons_in_any_language(reason: str) -> None:
    assert make(reason=f"  {reason} ").reason == reason


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"action": "accept"}, "expected one of approve, amend, refuse"),
        ({"action": "amend"}, "without a place"),
        ({"removed": ("c1",)}, "go with an amendment"),
        ({"action": "refuse", "added": ("c1",)}, "go with an amendment"),
        ({"action": "amend", "removed": ("c1",), "added": ("c1",)}, "both removed and added"),
        ({"role": "Jo Smith"}, "expected a role"),
        ({"shown": {}}, "on the screen"),
        ({"shown": {"a": "abc"}}, "expected SHA-256"),
        ({"expires_at": NOW}, "not after it"),
        ({"begins_at": NOW - timedelta(seconds=1)}, "before it was taken"),
        ({"begins_at": NOW + timedelta(days=7)}, "not after it"),
        ({"begins_at": datetime(2026, 2, 2)}, "without a zone"),  # noqa: DTZ001
        ({"decided_at": datetime(2026, 1, 1)}, "without a zone"),  # noqa: DTZ001
        ({"subject": ""}, "needs an id"),
    ],
)
def test_what_is_no_decision(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        make(**changes)


@pytest.mark.parametrize("state", [state for state in STATES if state != "proposed"])
def test_only_what_is_proposed_is_decided_on(state: str) -> None:
    with pytest.raises(RefusedError):
        make(state=state)


def test_in_force_from_the_decision_to_its_end() -> None:
    decision = make()
    assert not is_in_force(decision, NOW - timedelta(seconds=1))
    assert is_in_force(decision, decision.expires_at - timedelta(seconds=1))
    assert not is_in_force(decision, decision.expires_at)
    withdrawn = Decision.from_dict({**decision.to_dict(), "state": "withdrawn"})
    assert not is_in_force(withdrawn, NOW)
    with pytest.raises(UsageError, match="without a zone"):
        is_in_force(decision, datetime(2026, 2, 1))  # noqa: DTZ001


def test_an_approval_begins_and_expires_by_itself() -> None:
    decision = make(
        begins_at=NOW + timedelta(days=2), looked={"run": "look-1", "seconds": 61.5}, action="approve"
    )
    assert Decision.from_dict(json.loads(json.dumps(decision.to_dict()))) == decision
    for days, state in (
        (0, "approved"),
        (1.99, "approved"),
        (2, "in force"),
        (6.9, "in force"),
        (7, "expired"),
    ):
        at = NOW + timedelta(days=days)
        assert standing(decision, at) == state
        assert is_in_force(decision, at) == (state == "in force")
    for state in ("withdrawn", "reviewed"):
        ended = Decision.from_dict({**decision.to_dict(), "state": state})
        assert {standing(ended, NOW + timedelta(days=days)) for days in (0, 3, 9)} == {state}
    assert standing(make(action="refuse"), NOW + timedelta(days=99)) == "refused"


@given(
    st.sampled_from(CHOICES),
    st.timedeltas(timedelta(0), timedelta(days=3)),
    st.timedeltas(timedelta(seconds=1), timedelta(days=30)),
    st.lists(st.timedeltas(timedelta(days=-9), timedelta(days=40)), min_size=2, max_size=6),
)
def test_time_only_goes_along_the_table(
    action: str, wait: timedelta, lasts: timedelta, asked: list[timedelta]
) -> None:
    removed = ("c1",) if action == "amend" else ()
    decision = make(action=action, removed=removed, begins_at=NOW + wait, expires_at=NOW + wait + lasts)
    states = [standing(decision, NOW + after) for after in sorted(asked)]
    order = [decision.state] if action == "refuse" else [decision.state, "in force", "expired"]
    assert [order.index(state) for state in states] == sorted(order.index(state) for state in states)


@pytest.mark.parametrize(
    "changes",
    [
        {"decided_at": "yesterday"},
        {"begins_at": "tomorrow"},
        {"looked": 5, "reason": ""},
        {"decided_at": None},
        {"reason": "ok"},
        {"shown": 5},
        {"person": "x"},
        {"action": "refuse"},
        {"state": "draft"},
        {"decided_at": "2026-01-31T13:05:00"},
    ],
)
def test_stored_data_that_is_no_decision(changes: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="not a stored decision"):
        Decision.from_dict({**make().to_dict(), **changes})
    with pytest.raises(DataError):
        Decision.from_dict({})
