"""``audit data`` in a workspace: what is kept, that it can be made again, its page, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from peelian.audits.dataset import PARTS, DataAudit
from peelian.audits.parts import Part
from peelian.errors import DataError, RefusedError, UsageError
from peelian.publish.audit_data import audit_data_page
from peelian.publish.wording import check_page, visible_text
from peelian.workspace import Workspace
from peelian.workspace.audit_data import audit_data
from peelian.workspace.outcome import Outcome
from peelian.workspace.replay import replay
from peelian.workspace.thresholds import set_threshold

from ..cli.conftest import run


@pytest.fixture(scope="module")
def folder(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(imported, tmp_path_factory.mktemp("data") / "city"))
    for measure, value in (("officer_share", 0.05), ("missing_share", 0.9)):
        set_threshold(
            Workspace(folder, role="overseer"),
            measure,
            value,
            by="the oversight board",
            reason="More than this we want to know of.",
        )
    return folder


@pytest.fixture(scope="module")
def audited(folder: Path) -> Outcome:
    return audit_data(Workspace(folder), "burglary", placements=5)


def test_every_part_is_told_with_its_numbers(audited: Outcome) -> None:
    found = audited.result
    assert set(found["parts"]) == set(PARTS)
    assert found["category"] == "burglary"
    assert found["parts"]["poisoning"]["numbers"]["placements"] == 5
    assert "would have been found" in found["sentences"][0] or "says little" in found["sentences"][0]
    assert len(json.dumps(found)) < 200_000


def test_what_is_known_to_be_odd_in_the_source_comes_out(audited: Outcome) -> None:
    parts = audited.result["parts"]
    missing = " ".join(parts["missingness"]["sentences"])
    assert "RAPE -- FORCIBLE (100 %)" in missing or "100 %" in missing
    assert "say that they happened before" in missing
    corrections = {row["lacks"]: row["rows"] for row in parts["missingness"]["tables"]["shares"]["rows"]}
    assert corrections["the row that it corrects"] > 0
    assert "rounds coordinates to 100 feet" in " ".join(parts["digits"]["sentences"])
    assert "to the month alone" in parts["delay"]["sentences"][0]


def test_thresholds_that_were_set_before_are_held(audited: Outcome) -> None:
    found = {one["id"]: one for one in audited.result["findings"]}
    assert found["officer_share/all"]["passes"] is False
    assert found["missing_share/place"]["passes"] is True
    assert audited.result["findings"][0]["id"] == "officer_share/all"
    assert audited.result["passes"] is False


def test_it_is_kept_and_made_again_to_the_same_bytes(folder: Path, audited: Outcome) -> None:
    workspace = Workspace(folder)
    row = next(row for row in workspace.runs("audit_data") if row["id"] == audited.run)
    assert row["category"] == "burglary"
    assert len(workspace.table(audited.run, "poisoning_strengths")) > 20
    again = replay(workspace, audited.run)
    assert again.result["same"] is True, again.result["differences"]


def test_the_page_speaks_of_records_and_places(folder: Path, audited: Outcome) -> None:
    page = Workspace(folder).page(audited.run, "audit_data.html").read_text(encoding="utf-8")
    check_page(page)
    text = visible_text(page)
    for said in (
        "Audit of the data",
        "What would have been found",
        "Unplanted",
        "Officers' own records",
        "oversight board",
        "of stretches of weeks more",
        "9 of 80 looks alarmed",
    ):
        assert said in text
    assert page.count("<figure") >= 6
    assert 'href="http' not in page


def test_a_page_of_nothing_found_says_how_strong_that_is() -> None:
    frame = pd.DataFrame(
        {
            "kind": ["cluster"],
            "smallest": [3.0],
            "strongest": [8.0],
            "share": [0.9],
            "low": [0.7],
            "high": [1.0],
        }
    )
    empty = {name: Part(name, (f"Nothing of {name}.",), untold=("A limit.",)) for name in ("regularity",)}
    poison = Part("poisoning", ("All found.",), tables={"smallest": frame})
    settings = {
        "rate": 0.05,
        "step": "week",
        "from": "2015-01-05",
        "to": "2018-01-01",
        "cells": 10,
        "areas": 2,
    }
    audit = DataAudit(
        {**empty, "poisoning": poison}, "theft", 1000, {**settings, "area_word": "area", "poison": False}
    )
    assert audit.sentences()[0].startswith(
        "In 1,000 records nothing stands out. A cluster of 3 made-up records"
    )
    assert "in 90 % of places (70 to 100 %); what is smaller" in audit.sentences()[0]
    result = {**audit.to_dict(), "parts": {"regularity": empty["regularity"].to_dict()}, "sources": ["made"]}
    page = audit_data_page(result, {})
    check_page(page)
    assert "nothing stands out" in visible_text(page)


def test_what_is_off_is_refused_with_what_to_do(folder: Path) -> None:
    with pytest.raises(DataError, match="'wizardry' was given"):
        audit_data(Workspace(folder), "wizardry", poison=False)
    with pytest.raises(UsageError, match="2 placements were given"):
        audit_data(Workspace(folder), "burglary", placements=2)
    with pytest.raises(RefusedError):
        audit_data(Workspace(folder, role="public"), "burglary", poison=False)


def test_the_command_prints_what_stands_out_and_fails_beyond_a_threshold(
    folder: Path, audited: Outcome, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def made(_: Workspace, *given: Any, **more: Any) -> Outcome:
        asked.append((given, more))
        return audited

    monkeypatch.setattr("peelian.workspace.audit_data.audit_data", made)
    code, out, _ = run(
        capsys, "audit", "data", "-w", folder, "-c", "burglary", "--placements", "7", "--rate", "0.1"
    )
    assert asked == [(("burglary",), {"poison": True, "placements": 7, "rate": 0.1})]
    assert code == 5
    assert "records" in out.splitlines()[0]
    assert "officer share" in out.lower()
    assert "audit_data.html" in out


def test_without_poisoning_it_says_so_and_the_category_is_the_most_reported(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "audit", "data", "-w", folder, "--no-poison", "--json")
    told = json.loads(out)
    assert code == 5
    assert told["run"].startswith("audit_data-")
    assert told["passes"] is False
    assert "was not tried" in told["sentences"][0]
    assert "poisoning" not in told["parts"]
    assert told["category"] in ("theft_from_vehicle", "theft", "burglary")
