"""The life of a decision: drafts, looks, beginnings, ends, dissent, and what each act may follow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from peelian.errors import LedgerError, RefusedError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.decide import decide
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.look import look
from peelian.workspace.people import add_person
from peelian.workspace.plan import plan
from peelian.workspace.propose import propose
from peelian.workspace.publish import publish
from peelian.workspace.standing import find_decision, find_plan, plan_states, state_now
from peelian.workspace.withdraw import dissent, withdraw

from .conftest import Opener

REASON = "the hours are there, and each place has another option too"
WHY = "the street works end this week, and the reports with them"


def later(**by: float) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) + timedelta(**by)


def test_a_draft_is_nobodys_to_decide_until_it_is_proposed(either_deciding: Opener) -> None:
    deciding = either_deciding
    first = find_plan(deciding())["id"]
    draft = plan(deciding("analyst"), draft=True).run
    assert deciding().latest("plan")["state"] == "draft"
    assert find_plan(deciding())["id"] == first, "what nobody put forward is nobody's to decide"
    for act in (
        lambda: decide(deciding(), "refuse", reason=REASON, plan=draft),
        lambda: look(deciding(), draft),
    ):
        with pytest.raises(RefusedError, match="draft") as no:
            act()
        assert no.value.hint == "propose it first"
    with pytest.raises(RefusedError, match="commander"):
        propose(deciding(), draft)
    done = propose(deciding("analyst"), reason="the hours of next week are known by now").result
    assert (done["plan"], done["state"], done["role"]) == (draft, "proposed", "analyst")
    assert find_plan(deciding())["id"] == draft
    with pytest.raises(RefusedError, match="can't propose what is proposed"):
        propose(deciding("analyst"), draft)
    assert plan_states(deciding()) == {first: "proposed", draft: "proposed"}
    assert verify_ledger(deciding("public"))["status"] == "verified"


def test_a_look_keeps_the_bytes_that_the_decision_keeps(deciding: Opener) -> None:
    seen = look(deciding(now=later(seconds=-90)))
    done = decide(deciding(), "approve", reason=REASON)
    pages = [deciding().page(run, "shown.html").read_bytes() for run in (seen.run, done.run)]
    assert pages[0] == pages[1]
    looked = done.result["decision"]["looked"]
    assert looked["run"] == seen.run
    assert 89 < looked["seconds"] < 150
    assert seen.result["shown"] == done.result["decision"]["shown"]
    verify_ledger(deciding("public"))


def test_a_look_by_another_role_or_at_another_page_is_no_look(deciding: Opener) -> None:
    look(deciding("overseer"))
    cell = next(iter(deciding().result(find_plan(deciding())["id"])["places"]))["cell"]
    other = look(deciding(), remove=[cell])
    assert other.result["removed"] == [cell]
    done = decide(deciding(), "approve", reason=REASON).result["decision"]
    assert done["looked"] is None


def test_who_amends_may_have_looked_at_either_page(deciding: Opener) -> None:
    cell = deciding().result(find_plan(deciding())["id"])["places"][0]["cell"]
    look(deciding())
    amended = look(deciding(), remove=[cell])
    done = decide(deciding(), "amend", reason=REASON, remove=[cell])
    assert done.result["decision"]["looked"]["run"] == amended.run
    assert deciding().page(done.run, "shown.html").read_bytes() == (
        deciding().page(amended.run, "shown.html").read_bytes()
    )


def test_who_amends_what_was_proposed_had_looked_at_it(deciding: Opener) -> None:
    cell = deciding().result(find_plan(deciding())["id"])["places"][0]["cell"]
    seen = look(deciding())
    done = decide(deciding(), "amend", reason=REASON, remove=[cell]).result["decision"]
    assert done["looked"]["run"] == seen.run


def test_a_look_is_for_those_who_may_and_while_it_can_be_decided(deciding: Opener) -> None:
    for role in ("public", "dispatcher", "steward"):
        with pytest.raises(RefusedError):
            look(deciding(role))
    decide(deciding(), "refuse", reason=REASON)
    with pytest.raises(RefusedError, match="what is refused stays so"):
        look(deciding())


def test_an_approval_begins_and_ends_by_itself(deciding: Opener) -> None:
    day = (datetime.now(UTC) + timedelta(days=3)).date()
    done = decide(deciding(), "approve", reason=REASON, begins=day.isoformat()).result["decision"]
    assert done["begins_at"].startswith(day.isoformat()), (
        "midnight in St. Louis is the morning of that day in UTC"
    )
    row = find_plan(deciding())
    states = [state_now(deciding(now=later(days=d)), row) for d in (0, 2, 4, 16, 18)]
    assert states == ["approved", "approved", "in force", "in force", "expired"]
    with pytest.raises(RefusedError, match="it can be: review"):
        withdraw(deciding(now=later(days=18)), reason=WHY)
    verify_ledger(deciding("public"))


@pytest.mark.parametrize(
    ("action", "begins", "told"),
    [
        ("approve", "2016-01-01", "before it was taken"),
        ("approve", "period", "before it was taken"),
        ("approve", "tomorrow", "expected YYYY-MM-DD"),
        ("refuse", "2999-01-01", "begins nothing"),
    ],
)
def test_beginnings_that_are_none(deciding: Opener, action: str, begins: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        decide(deciding(), action, reason=REASON, begins=begins)
    assert find_plan(deciding())["state"] == "proposed"


def test_a_beginning_with_the_period(deciding: Opener) -> None:
    then = deciding(now=lambda: datetime(2016, 12, 20, tzinfo=UTC))
    done = decide(then, "approve", reason=REASON, begins="period").result["decision"]
    period = deciding().result(deciding().result(done["subject"])["forecast"])["period"]
    assert done["begins_at"] == f"{period['start']}T06:00:00Z"


def test_what_is_withdrawn_is_in_force_no_more(either_deciding: Opener) -> None:
    deciding = either_deciding
    taken = decide(deciding(), "approve", reason=REASON)
    for role in ("analyst", "public", "steward", "dispatcher"):
        with pytest.raises(RefusedError):
            withdraw(deciding(role), taken.run, reason=WHY)
    with pytest.raises(UsageError, match="reason"):
        withdraw(deciding(), taken.run, reason="no")
    with pytest.raises(UsageError, match="known: decide-"):
        withdraw(deciding(), "decide-9999", reason=WHY)
    done = withdraw(deciding("overseer"), taken.result["decision"]["subject"], reason=WHY).result
    assert (done["decision"], done["before"], done["state"]) == (taken.run, "in force", "withdrawn")
    found = find_decision(deciding())
    assert found.standing(datetime.now(UTC)) == "withdrawn"
    assert deciding().latest("plan")["state"] == "withdrawn"
    with pytest.raises(RefusedError):
        publish(deciding())
    with pytest.raises(RefusedError, match="it can be: review"):
        withdraw(deciding(), taken.run, reason=WHY)
    verify_ledger(deciding("public"))


def test_what_nobody_decided_can_be_withdrawn(deciding: Opener) -> None:
    name = find_plan(deciding())["id"]
    done = withdraw(deciding(), name, reason=WHY).result
    assert (done["decision"], done["before"], done["state"]) == (None, "proposed", "withdrawn")
    with pytest.raises(RefusedError):
        decide(deciding(), "refuse", reason=REASON)
    verify_ledger(deciding("public"))


def test_a_refusal_stays(deciding: Opener) -> None:
    decide(deciding(), "refuse", reason=REASON)
    with pytest.raises(RefusedError, match="what is refused stays so"):
        withdraw(deciding(), reason=WHY)


def test_somebody_else_may_differ(deciding: Opener) -> None:
    tokens = {}
    first = add_person(deciding("steward"), "Stella", roles=["steward"]).result["token"]
    for name, role in (("Cora", "commander"), ("Carl", "commander"), ("Ana", "analyst")):
        made = add_person(deciding("steward", token=first), name, roles=[role]).result
        tokens[name] = made["token"]

    def acting(name: str) -> Workspace:
        return deciding("analyst" if name == "Ana" else "commander", token=tokens[name])

    look(acting("Carl"))
    taken = decide(acting("Cora"), "approve", reason=REASON)
    assert taken.result["decision"]["looked"] is None, "that another commander looked is no look of hers"
    with pytest.raises(RefusedError, match="not-the-same-person"):
        dissent(acting("Cora"), taken.run, text=WHY)
    with pytest.raises(RefusedError):
        dissent(acting("Ana"), taken.run, text=WHY)
    with pytest.raises(UsageError, match="the dissent given"):
        dissent(acting("Carl"), taken.run, text="no")
    said = dissent(acting("Carl"), taken.run, text=WHY)
    assert (said.result["decision"], said.result["text"]) == (taken.run, WHY)
    assert find_decision(acting("Carl")).decision.state == "approved", "it changes nothing of the decision"
    verify_ledger(deciding("public"))


def test_a_state_that_no_act_made_is_noticed(deciding: Opener) -> None:
    from sqlalchemy import update

    from peelian.workspace.state import Run

    name = find_plan(deciding())["id"]
    for state in ("approved", "reviewed", "draft"):
        with deciding().state.begin() as connection:
            connection.execute(update(Run).where(Run.id == name).values(state=state))
        with pytest.raises(LedgerError, match=f"{name} is {state} in the state database, but proposed"):
            verify_ledger(deciding("public"))


def test_an_act_that_may_not_follow_is_noticed(deciding: Opener) -> None:
    taken: dict[str, Any] = decide(deciding(), "refuse", reason=REASON).result["decision"]
    forged = {"plan": taken["subject"], "decision": taken["id"], "reason": WHY, "at": taken["decided_at"]}
    opened = deciding()
    with opened.writing():
        opened.commit(opened.new_run("withdraw"), forged, subject=taken["id"])
    with pytest.raises(LedgerError, match="don't follow each other: what is refused stays so"):
        verify_ledger(deciding("public"))
