"""The page of the rules: all of them, every change, and nothing that runs or asks the network."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from peelian.charter import Policy
from peelian.charter.policy import HARD_RULES
from peelian.errors import CheckError
from peelian.publish import policy_page
from peelian.publish.wording import visible_text

SAID = {
    "run": "policy-0003",
    "role": "commander",
    "at": "2030-03-04T12:00:00Z",
    "reason": "I agree <i>fully</i>.",
}
CHANGE: dict[str, Any] = {
    **SAID,
    "run": "policy-0002",
    "role": "analyst",
    "reason": "We have waited long enough.",
    "state": "in force",
    "effective": "2030-03-05",
    "changed": ["own.cedar", "more.cedar"],
    "removed": ["watching.cedar"],
    "comments": [{**SAID, "reason": "Who says that it is un" + "biased?"}],
    "approvals": [SAID],
    "refusal": None,
    "diff": '--- /dev/null\n+++ b/own.cedar\n+@id("<script>alert(1)</script>")\n',
}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    policy = Policy.of(Policy.defaults(), folder=tmp_path_factory.mktemp("policy"))
    return [{**rule, "hard": rule["file"] == HARD_RULES} for rule in policy.rules]


def test_every_rule_is_on_it_with_its_reason_and_reference(rules: list[dict[str, Any]]) -> None:
    page = policy_page(rules, [], agency="An agency", contact="Box 1", origin={"In force since": "init-0001"})
    text = visible_text(page)
    for rule in rules:
        for key in ("id", "reason", "reference", "file"):
            assert str(rule[key] or "") in text
    assert "No change was proposed." in text
    assert "An agency" in text
    assert "Box 1" in text
    assert "init-0001" in text
    hard = sum(rule["hard"] for rule in rules)
    assert f"{len(rules)} rules are in force" in text
    assert f"{hard} are the charter's" in text
    assert policy_page(rules, [], agency="An agency") == policy_page(rules, [], agency="An agency")


@pytest.mark.parametrize("state", ["proposed", "approved", "in force", "replaced", "refused", "outdated"])
def test_a_change_is_told_with_all_that_was_said(rules: list[dict[str, Any]], state: str) -> None:
    refusal = {**SAID, "reason": "Not like this."} if state == "refused" else None
    page = policy_page(rules, [{**CHANGE, "state": state, "refusal": refusal}], agency="An agency")
    for text in (
        "policy-0002:",
        "We have waited long enough.",
        "I agree &lt;i&gt;fully&lt;/i&gt;.",
        "4 March 2030, 12:00 UTC",
        "From 5 March 2030 on",
        "own.cedar and more.cedar changed or added; watching.cedar removed",
    ):
        assert text in page
    assert ("Not like this." in page) == (state == "refused")


def test_the_latest_change_comes_first(rules: list[dict[str, Any]]) -> None:
    later = {**CHANGE, "run": "policy-0009", "state": "proposed"}
    page = policy_page(rules, [CHANGE, later], agency="An agency")
    assert page.index("policy-0009") < page.index("policy-0002")


def test_nothing_on_it_runs_or_asks_the_network(rules: list[dict[str, Any]]) -> None:
    page = policy_page(rules, [CHANGE], agency="<b>An agency</b>", demonstration=True)
    assert "<script" not in page
    assert "<b>" not in page
    assert "default-src 'none'" in unescape(page)
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", page)
    assert "This is a demonstration" in page


def test_words_of_people_are_quoted_and_those_of_rules_are_checked(rules: list[dict[str, Any]]) -> None:
    assert "biased?" in policy_page(rules, [CHANGE], agency="An agency"), "a comment is somebody's own words"
    worded = [{**rules[0], "reason": "maps have to be un" + "biased"}]
    with pytest.raises(CheckError, match="never published"):
        policy_page(worded, [], agency="An agency")
