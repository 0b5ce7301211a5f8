"""Whatever is asked in whatever order by whomever: acts follow the table, two agree, and the ledger holds.

A state machine of hypothesis on a real workspace. Pages are drawn once and kept, as they are not what is tested here.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from peelian.charter import ROLES
from peelian.errors import RefusedError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.audit import audit
from peelian.workspace.decide import decide
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.look import look
from peelian.workspace.objections import answer, object_to
from peelian.workspace.plan import plan
from peelian.workspace.propose import propose
from peelian.workspace.publish import publish
from peelian.workspace.review import review
from peelian.workspace.standing import decisions, plan_states, state_now
from peelian.workspace.withdraw import dissent, withdraw

REASON = "the hours are there, and each place has another option too"
AFTER = {
    "draft": {"proposed", "withdrawn"},
    "proposed": {"approved", "amended", "refused", "withdrawn"},
    "approved": {"withdrawn", "reviewed"},
    "amended": {"withdrawn", "reviewed"},
    "withdrawn": {"reviewed"},
}
"""What acts may lead to; written down here again, so that the table itself is tested."""
WHO = st.sampled_from([*ROLES, *(["commander"] * 6), *(["analyst", "overseer"] * 3)])
"""Mostly those who may, so that something happens."""
VERBS = st.sampled_from(
    [
        "propose",
        "look",
        "approve",
        "approve later",
        "refuse",
        "withdraw",
        "dissent",
        "review",
        "object",
        "publish",
    ]
)


@pytest.fixture(scope="module")
def template(audited: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a proposed plan and a draft, both audited (the draft without the checks, which nobody asks)."""
    folder = Path(shutil.copytree(audited, tmp_path_factory.mktemp("template") / "city"))
    plan(Workspace(folder), draft=True)
    with patch("peelian.workspace.audit.checks", lambda *_, **__: {}):
        audit(Workspace(folder))
    return folder


@pytest.fixture
def quick() -> Iterator[None]:
    """Pages as short texts."""
    with (
        patch("peelian.workspace.look.bulletin", lambda evidence: f"bulletin of {evidence.plan['forecast']}"),
        patch("peelian.publish.bulletin", lambda evidence: f"{evidence.decision['state']}"),
        patch("peelian.publish.site_files", lambda evidence, **_: {"index.html": evidence.decision["state"]}),
    ):
        yield


def machine(template: Path, made: Callable[[], Path]) -> type[RuleBasedStateMachine]:
    """The state machine on copies of a workspace."""

    class AnyOrder(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.folder = Path(shutil.copytree(template, made()))
            self.at = datetime.now(UTC)
            self.states = plan_states(self.acting("public"))
            self.plans = sorted(self.states)

        def acting(self, role: str) -> Workspace:
            return Workspace(self.folder, role=role, now=lambda: self.at)

        def attempt(self, act: Callable[[], object]) -> bool:
            self.at += timedelta(seconds=7)
            with suppress(RefusedError, UsageError):
                act()
                self.holds()
                return True
            return False

        @initialize(approved=st.sampled_from([True, True, False]))
        def begin(self, approved: bool) -> None:
            if approved:
                self.attempt(
                    lambda: decide(self.acting("commander"), "approve", reason=REASON, plan=self.plans[0])
                )

        @rule(verb=VERBS, role=WHO, which=st.sampled_from([0, 0, 1]))
        def act(self, verb: str, role: str, which: int) -> None:
            opened, name = self.acting(role), self.plans[which]
            in_two_days = (self.at + timedelta(days=2)).isoformat()
            acts: dict[str, Callable[[], object]] = {
                "propose": lambda: propose(opened, name),
                "look": lambda: look(opened, name),
                "approve": lambda: decide(opened, "approve", reason=REASON, plan=name),
                "approve later": lambda: decide(
                    opened, "approve", reason=REASON, plan=name, begins=in_two_days
                ),
                "refuse": lambda: decide(opened, "refuse", reason=REASON, plan=name),
                "withdraw": lambda: withdraw(opened, name, reason=REASON),
                "dissent": lambda: dissent(opened, name, text=REASON),
                "review": lambda: review(opened, name, reason=REASON),
                "object": lambda: object_to(opened, name, text="Nobody asked us who live here."),
                "publish": lambda: publish(opened, plan=name),
            }
            if self.attempt(acts[verb]) and verb == "publish":
                assert self.approvals(name), "nothing is published that nobody approved"

        @precondition(lambda self: bool(self.acting("public").runs("object")))
        @rule(role=WHO)
        def answer(self, role: str) -> None:
            opened = self.acting(role)
            [*_, last] = opened.runs("object")
            if self.attempt(lambda: answer(opened, last["id"], text=REASON, outcome="rejected")):
                decided = next(row for row in opened.runs("decide") if row["id"] == last["subject"])
                assert decided["role"] != role

        @rule(days=st.sampled_from([1, 3, 20]))
        def wait(self, days: int) -> None:
            self.at += timedelta(days=days)

        def approvals(self, name: str) -> list[str]:
            """Roles that approved a plan, other than its author's."""
            opened = self.acting("public")
            author = next(row["role"] for row in opened.runs("plan") if row["id"] == name)
            return [
                one.row["role"]
                for one in decisions(opened)
                if one.plan["id"] == name and one.decision.action != "refuse" and one.row["role"] != author
            ]

        def holds(self) -> None:
            """After each act: it was one of the table, what stands was approved by another role, the ledger holds."""
            opened = self.acting("public")
            states = plan_states(opened)
            for name, state in states.items():
                before = self.states[name]
                assert state == before or state in AFTER[before], (before, state)
            self.states = states
            self.nothing_stands_by_itself()
            assert verify_ledger(opened)["status"] == "verified"

        @invariant()
        def nothing_stands_by_itself(self) -> None:
            opened = self.acting("public")
            for row in opened.runs("plan"):
                if state_now(opened, row) in ("approved", "amended", "in force"):
                    assert self.approvals(row["id"]) == ["commander"]

        def teardown(self) -> None:
            self.holds()  # what was refused left nothing behind
            shutil.rmtree(self.folder)

    return AnyOrder


@pytest.mark.usefixtures("quick")
def test_in_any_order(template: Path, tmp_path: Path) -> None:
    folders = (tmp_path / f"city{i}" for i in range(10_000))
    run_state_machine_as_test(
        machine(template, lambda: next(folders)),
        settings=settings(
            max_examples=6,
            stateful_step_count=18,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
