"""``audit loop`` in a workspace: what is kept, what is certified, that it can be made again, and its page."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from peelian.cli import main
from peelian.errors import DataError, RefusedError, UsageError
from peelian.publish.wording import check_page, visible_text
from peelian.workspace import Workspace
from peelian.workspace.audit_loop import audit_loop
from peelian.workspace.outcome import Outcome
from peelian.workspace.replay import replay
from peelian.workspace.thresholds import set_threshold

from ..cli.conftest import run

BOUNDED = {"years": 1, "runs": 72, "discovery": 0.2, "moved": 0.0}  # fewer courses give no upper end
QUICK = {**BOUNDED, "runs": 2}


@pytest.fixture(scope="module")
def folder(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(imported, tmp_path_factory.mktemp("loop") / "city"))
    for measure in ("loop_drift", "loop_overstatement"):
        set_threshold(
            Workspace(folder, role="overseer"),
            measure,
            0.10,
            by="the oversight board",
            reason="One place in ten is the most that we accept.",
        )
    return folder


@pytest.fixture(scope="module")
def audited(folder: Path) -> Outcome:
    return audit_loop(Workspace(folder), "burglary", **BOUNDED)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def refused(folder: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of the command where much is found and learned from as it is."""
    more = {**BOUNDED, "learner": "naive", "discovery": 0.7, "reported": 0.1}
    options = [word for name, value in more.items() for word in (f"--{name}", str(value))]
    with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as stop:
        main(["audit", "loop", "-w", str(folder), "--category", "burglary", *options, "--json"])
    assert isinstance(stop.value.code, int)
    return stop.value.code, json.loads(out.getvalue())


def test_little_found_and_left_out_is_certified_within_the_thresholds(audited: Outcome) -> None:
    found = audited.result
    assert found["certificate"]["given"] is True
    assert found["sentences"][0].startswith("Certificate for learning from what residents report")
    assert found["passes"] is True
    assert found["findings"][0]["threshold"]["set_by"] == "the oversight board"
    assert any("officers' own activity" in note for note in found["notes"])
    assert {row["group"] for row in found["groups"]} == {"White", "Black"}
    assert found["coverage"] == 0.01
    assert found["plan"]["per_year"] == 52
    assert len(json.dumps(found)) < 200_000


def test_much_found_and_learned_as_it_is_gets_no_certificate(refused: tuple[int, dict[str, Any]]) -> None:
    code, found = refused
    assert code == 5
    assert found["run"].startswith("audit_loop-")
    assert found["certificate"]["given"] is False
    assert found["passes"] is False
    assert "beyond the 10 % that the oversight board set" in found["sentences"][0]


def test_it_is_kept_and_made_again_to_the_same_bytes(folder: Path, audited: Outcome) -> None:
    workspace = Workspace(folder)
    row = next(row for row in workspace.runs("audit_loop") if row["id"] == audited.run)
    assert row["subject"] == row["category"] == "burglary"
    yearly = workspace.table(audited.run, "yearly")
    assert set(yearly["year"]) == {1}
    assert len(workspace.table(audited.run, "groups")) == 14
    quick = audit_loop(workspace, "burglary", **QUICK)  # type: ignore[arg-type]
    again = replay(workspace, quick.run)
    assert again.result["same"] is True, again.result["differences"]


@pytest.mark.parametrize("which", ["audited", "refused"])
def test_the_page_says_it_in_our_words(folder: Path, which: str, request: pytest.FixtureRequest) -> None:
    done = request.getfixturevalue(which)
    run, result = (done.run, done.result) if which == "audited" else (done[1]["run"], done[1])
    page = Workspace(folder).page(run, "audit_loop.html").read_text(encoding="utf-8")
    check_page(page)
    text = visible_text(page)
    for said in (
        result["sentences"][0],
        "What is claimed",
        "What is assumed",
        "Who lives in the chosen places",
        "What this can't tell",
        "It is a simulation",
        "dotted: threshold 10 %",
        "year 1",
    ):
        assert said in text, said
    assert "http" not in text.replace("http://www.w3.org", "")


def test_what_was_set_after_it_was_seen_does_not_count(city: Path) -> None:
    workspace = Workspace(city)
    first = audit_loop(workspace, "burglary", **QUICK)  # type: ignore[arg-type]
    assert "too few" in first.result["sentences"][0]
    set_threshold(
        Workspace(city, role="overseer"),
        "loop_drift",
        0.0,
        by="the board",
        reason="Nothing at all is accepted.",
    )
    second = audit_loop(Workspace(city), "burglary", **QUICK)  # type: ignore[arg-type]
    assert second.result["passes"] is None
    assert any("after this was first looked at" in note for note in second.result["notes"])


def test_what_nobody_reports_or_states_is_told(folder: Path) -> None:
    with pytest.raises(RefusedError, match="officers' own activity"):
        audit_loop(Workspace(folder), "trespass")
    with pytest.raises(DataError, match="near: arson"):
        audit_loop(Workspace(folder), "arsenic")
    with pytest.raises(UsageError, match="coverage of 1"):
        audit_loop(Workspace(folder), "burglary", coverage=1.0)
    with pytest.raises(RefusedError):
        audit_loop(Workspace(folder, role="public"), "burglary")
    part = audit_loop(Workspace(folder), "disorder", years=1, runs=2)
    assert any("are marked as officers' own activity" in note for note in part.result["notes"])


def test_the_group_that_is_everybody_is_compared_with_nobody(city: Path) -> None:
    path = city / "peelian.toml"
    text = path.read_text(encoding="utf-8")
    groups = 'population = { "White" = "White", "Black" = "Black" }'
    assert groups in text
    path.write_text(
        text.replace(groups, 'population = { "all" = "White", "Black" = "Black" }'), encoding="utf-8"
    )
    alone = audit_loop(Workspace(city), "burglary", **QUICK)  # type: ignore[arg-type]
    assert alone.result["groups"] == [], "one group and everybody are no two groups"
    assert alone.result["reference"] == ""


def test_the_command_prints_what_it_assumes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("audit", "loop", "-w", folder, "--category", "burglary", "--years", 1, "--runs", 2)
    code, out, _ = run(capsys, *asked)
    assert code == 0
    assert out.startswith("No certificate for learning from what residents report: nobody has stated")
    assert "assumed: Residents report at least 50 %" in out
    assert "audit_loop.html" in out
    code, _, err = run(capsys, *asked, "--discovery", 1.5)
    assert code == 2
    assert "--discovery" in err
