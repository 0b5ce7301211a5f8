"""The commands of a decision's life, as people and programs call them."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from .conftest import run

REASON = "the hours are there, and each place has another option too"
WHY = "the street works end this week, and the reports with them"
WORDS = "My street has had three cars a night for a month."


@pytest.fixture
def city(demo_folder: Path, tmp_path: Path) -> Path:
    """The finished demonstration; its plan is approved."""
    return Path(shutil.copytree(demo_folder, tmp_path / "city"))


def told(capsys: pytest.CaptureFixture[str], city: Path, *arguments: object, code: int = 0) -> Any:
    found, out, err = run(capsys, *arguments, "--workspace", city, "--json")
    assert found == code, out + err
    return json.loads(out)


def test_from_a_draft_to_a_review(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draft = told(capsys, city, "plan", "--draft", "--as", "analyst")["run"]
    told(capsys, city, "audit", "plan", draft)
    refused = told(capsys, city, "decide", draft, "--refuse", "--reason", REASON, "--as", "commander", code=3)
    assert refused["error"]["hint"] == "propose it first"
    code, out, _ = run(capsys, "propose", draft, "--workspace", city)
    assert (code, out.splitlines()[0]) == (0, f"{draft} is proposed")
    code, out, _ = run(capsys, "look", draft, "--workspace", city, "--as", "commander")
    page = Path(out.splitlines()[1].removeprefix("page: "))
    code, out, _ = run(
        capsys, "decide", draft, "--approve", "--reason", REASON, "--as", "commander", "--workspace", city
    )
    assert "s before (look-" in out
    taken = told(capsys, city, "status")["latest"]["decide"]["id"]
    assert page.read_bytes() == (city / "runs" / taken / "shown.html").read_bytes()
    cell = json.loads((city / "runs" / draft / "result.json").read_bytes())["places"][0]["cell"]
    visit = ("attend", taken, "--cell", cell, "--attended", "--minutes", 30, "--with", "foot patrol")
    wrong = told(capsys, city, *visit, "--on", "2016-01-01", "--as", "dispatcher", code=2)
    assert "so far" in wrong["error"]["message"]
    dissent = told(capsys, city, "dissent", taken, "--text", WHY, "--as", "commander")
    assert dissent["decision"] == taken
    code, out, _ = run(capsys, "withdraw", taken, "--reason", WHY, "--as", "overseer", "--workspace", city)
    assert out.startswith(f"{draft} is withdrawn by the overseer; it was in force")
    code, out, _ = run(capsys, "review", taken, "--reason", WHY, "--as", "overseer", "--workspace", city)
    assert "it was withdrawn" in out
    assert "dissents: 1; objections: 0, answered 0" in out
    assert told(capsys, city, "ledger", "verify")["status"] == "verified"


def test_attending_by_hand_and_by_file(
    city: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    [stored] = (city / "runs").glob("plan-*/result.json")
    plan = json.loads(stored.read_bytes())
    cells = [place["cell"] for place in plan["places"]]
    today = datetime.now(ZoneInfo("America/Chicago")).date()
    visit = (
        "attend",
        "--cell",
        cells[0],
        "--on",
        today,
        "--attended",
        "--minutes",
        90,
        "--with",
        "Foot patrol",
    )
    code, out, err = run(capsys, *visit, "--as", "dispatcher", "--workspace", city)
    assert code == 0, err
    assert out.strip().endswith("1 row(s) kept, 1 attended, 1.50 hours, 0 outside the plan")
    path = tmp_path / "d.csv"
    path.write_text(f"cell,date,attended,minutes,with\n{cells[1]},{today},no,,\n", encoding="utf-8")
    done = told(capsys, city, "attend", "--file", path)
    assert (done["rows"], done["attended"]) == (1, 0)
    path.write_text("cell,date,attended,minutes,with,officer\n", encoding="utf-8")
    assert "never persons" in told(capsys, city, "attend", "--file", path, code=4)["error"]["message"]
    for given in ((), ("--cell", cells[0]), ("--file", path, "--cell", cells[0])):
        error = told(capsys, city, "attend", *given, code=2)["error"]
        assert "expected --file, or one place" in error["message"]


def test_objections_are_entered_listed_answered_and_erased(
    city: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = told(capsys, city, "object", "--text", WORDS, "--contact", "ab@home.example", "--as", "public")[
        "run"
    ]
    for command in (("objections",), ("objections", "list")):
        code, out, _ = run(capsys, *command, "--as", "overseer", "--workspace", city)
        assert code == 0
        assert WORDS in out
    assert "ab@home.example" in out
    listed = told(capsys, city, "objections", "--as", "public")["objections"]
    assert [(one["objection"], one["text"], one["state"]) for one in listed] == [(made, None, "open")]
    answer = ("answer", made, "--text", WHY, "--outcome", "partly")
    assert told(capsys, city, *answer, "--as", "commander", code=3)["error"]["type"] == "RefusedError"
    code, out, _ = run(capsys, *answer, "--as", "overseer", "--workspace", city)
    assert out.splitlines()[0] == f"{made} is answered by the overseer: partly"
    erased = ("objections", "erase", made, "--reason", "they asked for it in a letter of Monday")
    assert len(told(capsys, city, *erased, "--as", "steward")["erased"]) == 3
    code, out, _ = run(capsys, "objections", "--as", "overseer", "--workspace", city)
    assert out.strip().endswith(": partly (erased)")
    assert told(capsys, city, "ledger", "verify")["status"] == "verified"
