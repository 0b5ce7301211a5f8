"""Hypotheses are answered by people; the answers stay, the last one counts, and they are scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from peelian.errors import RefusedError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.judge import answers, judge, judged

from ..cli.conftest import run as command

Opener = Callable[..., Workspace]
REASON = "the same broken lock and the same goods in both reports"
SAID = [("L1", 0.9), ("L2", 0.6), ("L3", 0.2)]


def stored(workspace: Workspace, verb: str = "links") -> str:
    """A run with hypotheses, as `links` and `duplicates` keep them."""
    hypotheses = [{"id": name, "said": f"pair {name}", "probability": p} for name, p in SAID]
    with workspace.writing():
        made = workspace.commit(workspace.new_run(verb), {"hypotheses": hypotheses}, category="burglary")
    return made.run


def test_an_answer_is_kept_with_what_was_stated_and_stands_in_the_ledger(either_acting: Opener) -> None:
    workspace = either_acting()
    run = stored(workspace)
    done = judge(workspace, run, "l1", confirmed=True, reason=REASON)
    assert (done.result["hypothesis"], done.result["probability"]) == ("L1", 0.9)
    row = workspace.runs("judge")[0]
    assert (row["subject"], row["category"]) == (run, "burglary")
    assert [one["answer"] for one in judged(workspace)] == ["confirmed"]


def test_the_last_answer_counts_and_the_earlier_ones_stay(acting: Opener) -> None:
    workspace = acting()
    run = stored(workspace)
    first = judge(workspace, run, "L1", confirmed=True, reason=REASON)
    second = judge(workspace, run, "L1", confirmed=False, reason=REASON + ", which was a mistake")
    assert second.result["in_place_of"] == first.run
    found = answers(workspace)
    assert [one["answer"] for one in found["answers"]] == ["rejected"]
    assert len(judged(workspace)) == 2


def test_answers_are_scored_by_the_kind_of_result(acting: Opener) -> None:
    workspace = acting()
    links, pairs = stored(workspace), stored(workspace, "duplicates")
    for name, confirmed in (("L1", True), ("L2", True), ("L3", False)):
        judge(workspace, links, name, confirmed=confirmed, reason=REASON)
    judge(workspace, pairs, "L3", confirmed=True, reason=REASON)
    scores = answers(workspace)["scores"]
    assert scores["links"]["answered"] == 3
    assert scores["links"]["brier"] == pytest.approx((0.1**2 + 0.4**2 + 0.2**2) / 3)
    assert scores["duplicates"]["brier"] == pytest.approx(0.8**2)
    assert "No hypothesis has been answered" in scores["week"]["sentence"]


@pytest.mark.parametrize(
    ("run", "name", "reason", "said"),
    [
        ("links-9999", "L1", REASON, "there are links-"),
        (None, "L9", REASON, "holds L1 to L3"),
        (None, "L1", "yes", "reason"),
    ],
)
def test_what_does_not_exist_or_says_too_little_is_refused(
    acting: Opener, run: str | None, name: str, reason: str, said: str
) -> None:
    made = stored(acting())
    with pytest.raises(UsageError, match=said):
        judge(acting(), run or made, name, confirmed=True, reason=reason)


def test_who_may_not_answer(acting: Opener) -> None:
    run = stored(acting())
    for role in ("commander", "overseer", "public"):
        with pytest.raises(RefusedError, match="confirm or reject"):
            judge(acting(role), run, "L1", confirmed=True, reason=REASON)


def test_the_commands(acting: Opener, city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = stored(acting())
    code, out, _ = command(capsys, "patterns", "confirm", run, "L1", "--reason", REASON, "-w", city)
    assert (code, "L1 of " + run + " was confirmed" in out) == (0, True)
    code, out, _ = command(capsys, "patterns", "reject", run, "L1", "--reason", REASON, "-w", city)
    assert "which stays on record" in out
    code, out, _ = command(capsys, "patterns", "answers", "-w", city)
    assert f"{run} L1: rejected, stated with 0.90" in out
    assert REASON not in out
    code, _, err = command(capsys, "patterns", "confirm", run, "L2", "-w", city)
    assert (code, "no reason was given" in err) == (2, True)


@pytest.mark.parametrize(
    "reason",
    [
        "somebody called from 314-555-0100 about both",
        "both were seen by a witness who lives near",
        "the suspect of the first was seen at the second",
        "the same door was forced, says John Smith of the board",
        "the goods were found at 12 Main Street in the end",
        "write to someone@example.org for the photographs",
    ],
)
def test_a_reason_about_a_person_is_refused_before_anything_is_kept(acting: Opener, reason: str) -> None:
    run = stored(acting())
    with pytest.raises(UsageError, match="about the incidents alone"):
        judge(acting(), run, "L1", confirmed=True, reason=reason)
    assert judged(acting()) == []


@pytest.mark.parametrize(
    "reason",
    [
        REASON,
        "reported twice, on 2016-03-01 and again on 2016-03-02, with the same 3 windows",
        "Dutch gables broken in the same way in 14 of 15 houses",
        "a shed window and a heavy bar in both, here and there",
        "both lie in Tower Grove South and had the same way in",
    ],
)
def test_a_reason_about_the_incidents_is_kept(acting: Opener, reason: str) -> None:
    run = stored(acting())
    assert judge(acting(), run, "L1", confirmed=True, reason=reason).result["reason"] == reason


def test_a_bound_on_a_probability_is_not_scored_as_one(acting: Opener) -> None:
    workspace = acting()
    told = [
        {"id": "S1", "said": "a chain", "probability": 0.9, "at_most": True},
        {"id": "S2", "said": "b", "probability": None},
    ]
    with workspace.writing():
        made = workspace.commit(workspace.new_run("week"), {"hypotheses": told})
    for name in ("S1", "S2"):
        judge(workspace, made.run, name, confirmed=False, reason=REASON)
    found = answers(workspace)
    assert len(found["answers"]) == 2
    assert found["scores"]["week"]["answered"] == 0
