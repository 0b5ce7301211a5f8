"""What emerges in a workspace: what is looked at, what is said of it and how sure, what is kept, and what it is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from peelian.errors import NotEnoughDataError, RefusedError, UsageError
from peelian.patterns.emerging import emerging as scan_for_clusters
from peelian.patterns.surveillance import watch
from peelian.workspace import Workspace
from peelian.workspace.chosen import choose, coarse_cells
from peelian.workspace.emerging import emerging
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.outcome import Outcome
from peelian.workspace.replay import replay

from ..cli.conftest import run

Opener = Callable[..., Workspace]

FAST: dict[str, Any] = {"replicates": 19, "looks": 22, "weeks": 2}


def page_of(workspace: Workspace, done: Outcome) -> str:
    return workspace.page(done.run, "emerging.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def looked(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Outcome]:
    """Burglaries of a year, looked at once by all methods."""
    folder = Path(shutil.copytree(imported, tmp_path_factory.mktemp("emerging") / "city"))
    workspace = Workspace(folder, role="analyst")
    return workspace, emerging(workspace, "burglary", **FAST)


def test_it_is_what_the_library_finds(looked: tuple[Workspace, Outcome]) -> None:
    workspace, done = looked
    chosen, grid = choose(workspace, "burglary"), coarse_cells(workspace)
    scan = done.result["scans"][0]
    assert scan["method"] == "scan"
    found = scan_for_clusters(chosen.incidents, grid, until=chosen.end, **FAST)
    assert [one["score"] for one in scan["clusters"]] == [one.score for one in found.found]
    names = set(workspace.areas.frame["name"]) if workspace.areas is not None else set()
    assert all(one["where"] in names for one in scan["clusters"])
    ears = next(one for one in done.result["watched"] if one["method"] == "ears_c2")
    same = watch(chosen.incidents, workspace.areas, until=chosen.end, method="ears_c2", looks=22)
    assert ears["above_bound"] == len(same.found)
    assert (ears["real_a_year"], ears["shuffled_a_year"]) == (same.real_a_year, same.shuffled_a_year)


def test_a_short_past_is_told_and_another_method_leads(looked: tuple[Workspace, Outcome]) -> None:
    workspace, done = looked
    assert set(done.result["not_looked"]) == {"farrington"}
    notes = " ".join(done.result["notes"])
    assert "Same time of past years (Farrington) was left out: 51 periods lie before" in notes
    page = page_of(workspace, done)
    assert "held against seven weeks before it, with two left out between" in page.replace("&#39;", "'")


def test_each_finding_names_its_reports_in_a_table_and_on_the_page_alone(
    looked: tuple[Workspace, Outcome],
) -> None:
    workspace, done = looked
    held = workspace.table(done.run, "incidents")
    reports = choose(workspace, "burglary").incidents.frame.set_index("id")
    page = page_of(workspace, done)
    for scan in done.result["scans"]:
        for one in scan["clusters"]:
            rows = held[(held["method"] == scan["method"]) & (held["of"] == str(one["cluster"]))]
            ids = rows["id"].tolist()
            assert len(ids) == one["observed"]
            assert (reports.loc[ids, "occurred_from"] >= pd.Timestamp(one["from"])).all()
    first = held["id"].iloc[0]
    assert first in page
    assert first not in json.dumps(done.result)
    assert first not in json.dumps([*entries(workspace)], default=str)
    cells = workspace.table(done.run, "cells")
    assert cells.groupby(["method", "cluster"]).size().sum() == sum(
        one["cells"] for scan in done.result["scans"] for one in scan["clusters"]
    )


def test_it_says_how_often_the_setting_was_a_false_alarm(looked: tuple[Workspace, Outcome]) -> None:
    workspace, done = looked
    past = done.result["scans"][0]["past"]
    assert past["looks"] >= 20
    assert len(past["shuffled"]) == 2
    page = page_of(workspace, done)
    assert "How often this would have been a false alarm" in page
    assert "times shuffled" in page
    # The other scan needs a longer past.
    assert done.result["scans"][1]["past"] is None


def test_it_is_kept_and_made_again(looked: tuple[Workspace, Outcome]) -> None:
    workspace, done = looked
    assert verify_ledger(workspace)["status"] == "verified"
    again = replay(Workspace(workspace.folder, role="overseer"), done.run).result
    assert again["same"], again["files"]
    assert len(json.dumps(done.to_dict(), allow_nan=False)) < 200_000


def test_only_what_was_asked_for_is_looked_at(acting: Opener) -> None:
    done = emerging(acting(), "burglary", method="cusum", looks=4)
    assert done.result["scans"] == []
    assert [one["method"] for one in done.result["watched"]] == ["cusum"]
    assert "in the latest 26 weeks" in done.result["sentence"] or "stand" in done.result["sentence"]
    assert len(workspace_weeks := acting().table(done.run, "weeks")) % 52 == 0
    assert workspace_weeks["upper"].isna().all()


def test_too_short_a_past_for_a_method_is_an_error_with_a_way_out(acting: Opener) -> None:
    with pytest.raises(NotEnoughDataError, match="a year") as caught:
        emerging(acting(), "burglary", method="farrington")
    assert "ears_c2" in str(caught.value.hint)
    with pytest.raises(NotEnoughDataError, match="latest 12") as caught:
        emerging(acting(), "burglary", method="scan", first="2016-10-20")
    assert "--weeks" in str(caught.value.hint)
    with pytest.raises(NotEnoughDataError, match="too short for each"):
        emerging(acting(), "burglary", first="2016-12-20")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"method": "best"}, "expected all, or one of"),
        ({"method": "farrington", "period": "1mo"}, "too long"),
        ({"level": 2.0, "method": "ears_c2"}, "between 0 and 1"),
        ({"replicates": 3}, "19"),
        ({"cell": 60.0}, "up to 20,000"),
        ({"weeks": 0}, "at least 1"),
    ],
)
def test_wrong_settings_are_said_and_nothing_is_kept(
    acting: Opener, given: dict[str, Any], said: str
) -> None:
    before = len(acting().runs())
    with pytest.raises(UsageError, match=said):
        emerging(acting(), "burglary", **given)
    assert len(acting().runs()) == before


def test_who_may_not_look(acting: Opener) -> None:
    with pytest.raises(RefusedError, match="look for patterns"):
        emerging(acting("dispatcher"), "burglary")


def test_the_command_tells_it(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("patterns", "emerging", "-c", "burglary", "-w", city, "--method", "ears_c1", "--looks", 4)
    code, out, err = run(capsys, *asked, "--json")
    assert code == 0, err
    assert json.loads(out)["watched"][0]["method"] == "ears_c1"
    code, out, _ = run(capsys, *asked)
    assert code == 0
    assert "of 88 areas" in out
    assert "emerging.html" in out
    code, _, err = run(capsys, *asked[:-4], "--method", "tarot")
    assert code == 2
    assert "--method all" in err
    code, out, _ = run(capsys, "patterns", "emerging", "--help")
    assert "emerging clusters" in out
