"""The command line and its page in the reference say the same."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from peelian.cli.app import app

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGE = (REFERENCE / "command-line.md").read_text(encoding="utf-8")
SHARED = {"--workspace", "-w", "--as", "--json", "--help"}


def commands() -> dict[str, set[str]]:
    """Options of each command by its full name."""
    found = {}

    def walk(command: object, name: str) -> None:
        inner = getattr(command, "commands", None)
        if inner is not None:
            for word, sub in inner.items():
                walk(sub, f"{name} {word}".strip())
            return
        found[name] = {option for p in command.params for option in p.opts if option.startswith("-")}  # type: ignore[attr-defined]

    walk(typer.main.get_command(app), "")
    return found


def test_each_command_and_option_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| `peelian ([a-z ]+?)(?: \[?[A-Z]+\]?)*` \| .*? \| (.*?) ?\|$", PAGE, re.MULTILINE)
    documented = {name: set(re.findall(r"`(-[\w-]+)`", options)) for name, options in rows}
    assert documented == {name: options - SHARED for name, options in commands().items()}


def test_the_issue_s_verbs_are_there() -> None:
    verbs = [
        "init",
        "import",
        "quality",
        "forecast",
        "trial",
        "drift",
        "suspend",
        "lift",
        "plan",
        "decide",
        "publish",
        "status",
        "demo",
        "halt",
        "resume",
        "replay",
        "people add",
        "people list",
        "people end",
        "people erase",
        "policy show",
        "policy ask",
        "policy propose",
        "policy comment",
        "policy approve",
        "policy refuse",
        "policy list",
        "policy enact",
        "policy restore",
        "policy update",
        "emergency begin",
        "emergency end",
        "emergency review",
        "emergency list",
        "propose",
        "look",
        "dissent",
        "withdraw",
        "attend",
        "review",
        "object",
        "answer",
        "objections list",
        "objections erase",
        "oversight",
        "retain",
        "hold add",
        "hold list",
        "hold release",
        "erase",
        "backup",
        "restore",
        "week",
        "audit plan",
        "audit forecast",
        "audit loop",
        "audit stops",
        "audit facematch",
        "audit data",
        "audit threshold",
        "audit thresholds",
        "patterns time",
        "patterns hot",
        "patterns repeats",
        "patterns emerging",
        "patterns factors",
        "patterns links",
        "patterns duplicates",
        "patterns confirm",
        "patterns reject",
        "patterns answers",
    ]
    ledger = {"verify", "show", "prove", "verifier", "rotate", "cosign", "witness"}
    assert {*verbs, *(f"ledger {verb}" for verb in ledger)} == set(commands())


def test_every_measure_that_can_be_bounded_is_listed_under_its_audit() -> None:
    from peelian.audits.thresholds import MEASURES

    bounded = {"ratio": "1/t to t", "difference": "-t to t", "most": "at most t", "least": "at least t"}
    page = (REFERENCE / "thresholds.md").read_text(encoding="utf-8")
    rows = {
        (section.split("`")[0], *[cell.strip() for cell in line.strip("|").split("|")])
        for section in page.split("## `peelian audit ")[1:]
        for line in section.splitlines()
        if line.startswith("| `")
    }
    assert rows == {
        (one.audit, f"`{name}`", bounded[one.kind], one.meaning) for name, one in MEASURES.items()
    }
