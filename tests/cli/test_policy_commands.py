"""Rules and emergencies, as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from peelian.workspace import Workspace
from peelian.workspace.identity import TOKEN_VARIABLE
from peelian.workspace.init import init
from peelian.workspace.people import add_person

from .conftest import run

WHY = "the board of the department asked for it in its meeting of May"
RULE = '@id("no-forecasts") @reason("the board has asked to wait")\n'
RULE += 'forbid (principal, action == Action::"forecast", resource);\n'
Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type a command as somebody."""
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    folder = tmp_path / "city"
    init(folder, crs="EPSG:26915")
    tokens = {
        "steward": add_person(Workspace(folder, role="steward"), "S", roles=["steward"]).result["token"]
    }
    for role in ("analyst", "commander", "overseer", "dispatcher"):
        tokens[role] = add_person(Workspace(folder, token=tokens["steward"]), role, roles=[role]).result[
            "token"
        ]

    def as_role(role: str, *words: object) -> tuple[int, str, str]:
        if role == "public":
            monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
        else:
            monkeypatch.setenv(TOKEN_VARIABLE, tokens[role])
        return run(capsys, *words, "--workspace", folder)

    return as_role


def as_json(typed: Typed, role: str, *words: object) -> Any:
    return json.loads(typed(role, *words, "--json")[1])


def test_rules_are_shown_and_asked(typed: Typed) -> None:
    code, out, _ = typed("public", "policy", "show")
    assert code == 0
    assert "permit anyone-verifies (roles.cedar)" in out
    assert "forbid four-eyes (the charter)" in out
    assert "in force since init-0001" in out
    rules = as_json(typed, "public", "policy", "show")["rules"]
    assert {"id", "effect", "file", "reason", "remedy", "reference", "hard"} == set(rules[0])
    code, out, _ = typed("analyst", "policy", "ask", "forecast")
    assert (code, out.splitlines()[0]) == (0, "the role analyst may forecast")
    code, out, _ = typed("analyst", "policy", "ask", "forecast", "--use", "watch_list")
    assert code == 3
    assert "by no-watch-lists" in out
    assert "what would have to change: ask about a place" in out
    assert "EWCA Civ 1058" in out
    code, out, _ = typed("dispatcher", "policy", "ask", "read-records", "--purpose", "evaluation", "--json")
    answer = json.loads(out)
    assert (code, answer["allowed"], answer["role"]) == (3, False, "dispatcher")
    assert answer["remedy"] == "act as analyst or overseer"
    code, _, err = typed("analyst", "policy", "ask", "arrest")
    assert code == 2
    assert "no action 'arrest'" in err


def test_a_change_from_proposal_to_page(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "own.cedar").write_text(RULE)
    given = ("policy", "propose", tmp_path / "own.cedar", "--effective", datetime.now(UTC).date().isoformat())
    assert typed("public", "policy", "list")[1] == "no change of the rules was proposed yet\n"
    code, _, err = typed("analyst", *given)
    assert (code, "no reason was given" in err) == (2, True)
    code, out, _ = typed("analyst", *given, "--reason", WHY)
    assert code == 0
    assert '+@id("no-forecasts")' in out
    [listed] = as_json(typed, "public", "policy", "list")["proposals"]
    proposal = listed["run"]
    assert "kept with" in typed("steward", "policy", "comment", proposal, "--text", "Who tells them?")[1]
    code, _, err = typed("analyst", "policy", "approve", proposal, "--reason", WHY)
    assert (code, "not-the-same-person" in err) == (3, True)
    assert "takes a second one" in typed("commander", "policy", "approve", proposal, "--reason", WHY)[1]
    code, _, err = typed("dispatcher", "policy", "enact", proposal)
    assert (code, "has 1 of 2 approvals" in err) == (3, True)
    assert "It is in force now" in typed("overseer", "policy", "approve", proposal, "--reason", WHY)[1]
    assert "is in force: two people approved it" in typed("dispatcher", "policy", "enact", proposal)[1]
    out = typed("public", "policy", "list")[1]
    assert f"{proposal}  in force" in out
    assert "comment by the steward: Who tells them?" in out
    assert typed("analyst", "policy", "ask", "forecast")[0] == 3
    code, _, err = typed("commander", "policy", "refuse", proposal, "--reason", WHY)
    assert (code, "is in force, and that is not open any more" in err) == (2, True)
    assert typed("public", "ledger", "verify")[0] == 0


def test_a_proposal_is_refused(typed: Typed) -> None:
    typed(
        "analyst",
        "policy",
        "propose",
        "--remove",
        "watching.cedar",
        "--reason",
        WHY,
        "--effective",
        "2099-01-01",
    )
    [listed] = as_json(typed, "public", "policy", "list")["proposals"]
    assert f"change of the rules proposed: {listed['run']}" in typed("public", "status")[1]
    code, out, _ = typed("overseer", "policy", "refuse", listed["run"], "--reason", WHY)
    assert (code, out) == (0, f"{listed['run']} is refused by the overseer; the rules stay as they are.\n")
    out = typed("public", "policy", "list")[1]
    assert "refused, effective 2099-01-01: without watching.cedar" in out
    assert "refused by the overseer" in out


def test_what_was_changed_by_hand_is_told_and_put_back(typed: Typed, tmp_path: Path) -> None:
    assert "nothing, all is of this release" in typed("steward", "policy", "update")[1]
    (tmp_path / "city" / "policy" / "own.cedar").write_text(RULE)
    assert "rules: policy/own.cedar was added by hand" in typed("public", "status")[1]
    assert "changed by hand: policy/own.cedar was added" in typed("public", "policy", "show")[1]
    code, _, err = typed("steward", "people", "add", "--name", "N", "--role", "analyst")
    assert (code, "policy/own.cedar was added by hand" in err) == (3, True)
    code, out, _ = typed("steward", "policy", "restore")
    assert code == 0
    assert "kept: policy/own.cedar.changed" in out
    assert typed("steward", "people", "add", "--name", "N", "--role", "analyst")[0] == 0


def test_an_emergency_from_beginning_to_review(typed: Typed, tmp_path: Path) -> None:
    assert typed("public", "emergency", "list")[1] == "no emergency was announced yet\n"
    begin = ("emergency", "begin", "--to", "plan,read-records", "--hours", 2)
    code, _, err = typed("dispatcher", *begin, "--reason", WHY)
    assert code == 2
    assert "read_records was given; an emergency opens to the dispatcher: import" in err
    begin = ("emergency", "begin", "--to", "plan", "--hours", 2)
    assert typed("dispatcher", *begin)[0] == 2
    code, out, _ = typed("dispatcher", *begin, "--reason", WHY)
    assert code == 0
    assert "you may plan" in out
    [one] = as_json(typed, "public", "emergency", "list")["emergencies"]
    assert (one["state"], one["actions"], one["made_under"]) == ("standing", ["plan"], [])
    assert f"emergency: {one['run']}: one dispatcher may plan" in typed("overseer", "status")[1]
    code, _, err = typed(
        "overseer", "emergency", "review", one["run"], "--finding", "justified", "--reason", WHY
    )
    assert (code, "is standing until" in err) == (2, True)
    assert "Until it is reviewed" in typed("dispatcher", "emergency", "end")[1]
    code, _, err = typed("dispatcher", *begin, "--reason", WHY)
    assert (code, "emergencies-are-reviewed" in err) == (3, True)
    code, out, _ = typed(
        "overseer", "emergency", "review", one["run"], "--finding", "unjustified", "--reason", WHY
    )
    assert (code, out.startswith(f"{one['run']} was unjustified")) == (0, True)
    out = typed("public", "emergency", "list")[1]
    assert "unjustified, says the overseer" in out
    assert "made under it: nothing" in out
