"""What the public sees of a decision that is over, and of objections to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from peelian.errors import RefusedError
from peelian.workspace.decide import decide
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.objections import object_to
from peelian.workspace.publish import publish
from peelian.workspace.withdraw import withdraw

from .conftest import Opener

REASON = "the hours are there, and each place has another option too"
WHY = "the street works end this week, and the reports with them"
WORDS = "My street has had three cars a night for a month."


def page(deciding: Opener) -> str:
    return (deciding().folder / "public" / "index.html").read_text(encoding="utf-8")


def test_a_page_that_was_put_out_says_that_its_plan_is_withdrawn(deciding: Opener) -> None:
    decide(deciding(), "approve", reason=REASON)
    publish(deciding("analyst"))
    assert "The exact places are known inside the agency." in page(deciding)
    withdraw(deciding(), reason=WHY)
    publish(deciding("analyst"))
    assert "The exact places are known inside the agency." not in page(deciding)
    assert "No plan is in force" in page(deciding)
    assert WHY in page(deciding)
    verify_ledger(deciding("public"))


def test_an_approval_that_ran_out_can_be_said_to_have_run_out(deciding: Opener) -> None:
    decide(deciding(), "approve", reason=REASON)
    publish(deciding("analyst"))
    late = deciding("analyst", now=lambda: datetime.now(UTC) + timedelta(days=15))
    publish(late)
    assert "The approval of this plan has run out." in page(deciding)


def test_a_plan_that_was_never_put_out_is_not_put_out_when_it_is_over(deciding: Opener) -> None:
    decide(deciding(), "approve", reason=REASON)
    withdraw(deciding(), reason=WHY)
    with pytest.raises(RefusedError, match="publish-after-decision"):
        publish(deciding("analyst"))


def test_the_public_is_told_how_many_objected_and_not_what(deciding: Opener) -> None:
    decide(deciding(), "approve", reason=REASON)
    object_to(deciding("public"), text=WORDS)
    object_to(deciding("public", now=lambda: datetime.now(UTC) - timedelta(days=60)), text=WORDS)
    publish(deciding("analyst"))
    assert "2 objections to this decision came in. Answered so far: 0. We are late with 1" in page(deciding)
    assert WORDS not in page(deciding)
