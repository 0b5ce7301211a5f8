from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from peelian.charter import STATES, Decision
from peelian.publish import bulletin, public_page
from peelian.publish import decision as module
from peelian.publish.decision import decision_words, in_force, objection_words


def made(action: str = "approve", **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "id": "decide-1", "subject": "plan-1", "state": "proposed", "action": action, "role": "commander",
        "reason": "It covers what it can, and its burden is known.", "shown": {"bulletin.html": "0" * 64},
        "decided_at": datetime(2018, 1, 2, 15, tzinfo=UTC), "expires_at": datetime(2018, 1, 16, 15, tzinfo=UTC),
    }  # fmt: skip
    return Decision.make(**{**given, **more}).to_dict()


def test_every_state_of_the_charter_has_its_words():
    assert set(module.STATES) == set(STATES)


@pytest.mark.parametrize(
    ("action", "tag", "force"),
    [("approve", "Approved", True), ("amend", "Approved with changes", True), ("refuse", "Refused", False)],
)
def test_what_was_decided(action, tag, force):
    changes = {"removed": ("E1N2", "E3N4"), "added": ("E5N6",)} if action == "amend" else {}
    decision = made(action, **changes)
    words = decision_words(decision)
    assert words["tag"] == tag
    assert words["sentence"].startswith("The commander ")
    assert words["reason"] == decision["reason"]
    facts = dict(words["facts"])
    assert facts["Decided at"] == "2 January 2018, 15:00 UTC"
    assert facts["Number of the decision"] == "decide-1"
    assert ("Runs out" in facts) is force
    assert in_force(decision) is force


def test_changed_places_are_named_inside_and_counted_outside():
    decision = made("amend", removed=("E1N2", "E3N4"), added=("E5N6",))
    inside, outside = (
        dict(decision_words(decision, cells=True)["facts"]),
        dict(decision_words(decision)["facts"]),
    )
    assert inside["Taken out"] == "E1N2, E3N4"
    assert outside["Taken out"] == "2 places"
    assert outside["Put in"] == "1 place"


def test_without_a_decision():
    words = decision_words(None)
    assert words["tag"] == "Proposed, not decided"
    assert words["facts"] == []
    assert words["claim"] == ""
    assert not in_force(None)


def test_the_role_is_said_to_be_claimed(evidence, page_checks):
    claim = decision_words(made())["claim"]
    assert claim.startswith("Commander is the role that was claimed when the decision was entered.")
    assert "can't prove who sat there" in claim
    assert decision_words(made(demonstration=True))["claim"] == "", "its sentence says that it was a script"
    for page, times in ((public_page(evidence), 2), (bulletin(evidence), 1)):
        assert " ".join(page_checks(page).text).count(claim) == times


def test_a_demonstration_claims_no_person():
    words = decision_words(made(demonstration=True))
    assert words["tag"] == "Approved (demonstration)"
    said = "A script in the role of commander, and no person, approved this plan as it is."
    assert words["sentence"] == said
    assert dict(words["facts"])["Decided by"] == "a script in the role of commander"


@pytest.mark.parametrize("state", ["withdrawn", "expired", "refused", "proposed", "draft"])
def test_only_a_yes_that_stands_is_in_force(state):
    assert not in_force({**made(), "state": state})


def test_dissent_is_kept():
    assert (
        decision_words(made(dissent="I would have waited a week."))["dissent"]
        == "I would have waited a week."
    )


def test_a_quotation_names_no_exact_place_outside():
    decision = made(
        reason="Without E2948N17140, where the school is; E-3N5 stays in.",
        dissent="e2948n17140 needs more light first.",
    )
    outside, inside = decision_words(decision), decision_words(decision, cells=True)
    assert outside["reason"] == "Without [place], where the school is; [place] stays in."
    assert outside["dissent"] == "[place] needs more light first."
    assert inside["reason"] == decision["reason"]


def test_what_was_said_since_is_quoted_with_who_said_it(evidence, page_checks):
    said = [
        {
            "act": "dissent",
            "role": "commander",
            "at": "2018-01-03T09:00:00Z",
            "text": "E5N6 is a school yard.",
        },
        {
            "act": "withdraw",
            "role": "overseer",
            "at": "2018-01-04T09:00:00Z",
            "text": "The street is closed.",
        },
    ]
    decision = {**made(), "state": "withdrawn", "since": said}
    words = decision_words(decision)
    assert words["tag"] == "Withdrawn"
    assert words["since"] == [
        (
            "Said against it later, by the commander on 3 January 2018, 09:00 UTC:",
            "[place] is a school yard.",
        ),
        ("Why the overseer withdrew it on 4 January 2018, 09:00 UTC:", "The street is closed."),
    ]
    shown = " ".join(page_checks(public_page(replace(evidence, decision=decision))).text)
    assert "[place] is a school yard." in shown
    assert "No plan is in force, so no hours are spent because of it." in shown


def test_when_an_approval_begins():
    later = datetime(2018, 1, 5, 6, tzinfo=UTC)
    assert dict(decision_words(made(begins_at=later))["facts"])["Begins"] == "5 January 2018, 06:00 UTC"
    assert "Begins" not in dict(decision_words(made())["facts"])


def test_how_many_objected_and_not_what(evidence, page_checks):
    assert objection_words(made()) == []
    none = {"total": 0, "open": 0, "overdue": 0, "answered": 0, "answer_days": 30}
    assert objection_words({"objections": none})[0] == "Nobody has objected to this decision so far."
    some = {**none, "total": 3, "overdue": 1, "answered": 2}
    said = objection_words({"objections": some})
    assert said[0] == (
        "3 objections to this decision came in. Answered so far: 2. We are late with 1: the date for an answer has "
        "passed."
    )
    assert "within 30 days, by somebody who did not take the decision" in said[1]
    page = public_page(replace(evidence, decision={**made(), "objections": some}))
    assert said[0] in " ".join(" ".join(page_checks(page).text).split())
