"""Records of the same incident in a workspace: planted copies are found, nothing is merged, all can be made again."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from peelian.errors import MissingExtraError, NotEnoughDataError, RefusedError, ResolutionError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.duplicates import duplicates
from peelian.workspace.import_ import import_records
from peelian.workspace.init import init
from peelian.workspace.judge import judge
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.outcome import Outcome
from peelian.workspace.replay import replay

from ..cli.conftest import run

Opener = Callable[..., Workspace]
REASON = "one caller, two dispatchers: both wrote the same window down"
MAP = {"id": "number", "occurred_from": "at", "x": "x", "y": "y", "category": "kind"}


def page_of(workspace: Workspace, done: Outcome) -> str:
    return workspace.page(done.run, "duplicates.html").read_text(encoding="utf-8")


def rows(n: int, seed: int, first: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    at = np.datetime64("2023-01-01T00:00", "m") + rng.integers(0, 120 * 1440, n).astype("timedelta64[m]")
    return pd.DataFrame(
        {
            "number": [str(first + k) for k in range(n)],
            "at": at,
            "x": 740_000 + rng.uniform(0, 6_000, n).round(),
            "y": 4_280_000 + rng.uniform(0, 6_000, n).round(),
            "kind": rng.choice(["burglary", "robbery", "assault"], n),
        }
    )


@pytest.fixture(scope="module")
def two_sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls and reports, numbered alike: 80 reports are of a call, and 40 are there twice."""
    folder = tmp_path_factory.mktemp("two") / "city"
    init(folder, crs="EPSG:26915", zone="America/Chicago")
    calls, reports = rows(600, 1), rows(500, 2)
    copies = calls.head(80).assign(
        at=lambda t: t["at"] + np.timedelta64(7, "m"), number=[str(k) for k in range(500, 580)]
    )
    twice = reports.head(40).assign(number=[str(k) for k in range(580, 620)])
    for name, table in (("calls", calls), ("reports", pd.concat([reports, copies, twice]))):
        path = folder.parent / f"{name}.csv"
        table.to_csv(path, index=False)
        import_records(Workspace(folder), path, mapping=MAP, source=name, source_crs="EPSG:26915")
    return folder


@pytest.fixture
def two(two_sources: Path, tmp_path: Path) -> Opener:
    folder = Path(shutil.copytree(two_sources, tmp_path / "city"))
    return lambda role="analyst": Workspace(folder, role=role)


def test_planted_copies_are_found_and_nothing_is_merged(two: Opener) -> None:
    workspace = two()
    before = workspace.data_version
    done = duplicates(workspace, source="reports")
    pairs = workspace.table(done.run, "pairs")
    same = pairs[pairs["band"] == "same"]
    assert 38 <= len(same) <= 44
    assert (same["metres"] == 0).mean() > 0.9
    assert workspace.data_version == before
    assert done.result["sources"] == ["reports"]
    assert done.result["groups"]["records"] - done.result["groups"]["n"] >= 38
    assert "Nothing is deleted or merged" in page_of(workspace, done)
    assert verify_ledger(workspace)["status"] == "verified"
    assert replay(two("overseer"), done.run).result["same"]


def test_calls_are_linked_to_reports_one_to_one(two: Opener) -> None:
    workspace = two()
    done = duplicates(workspace, source="calls", other="reports")
    assert done.result["records"] == [600, 620]
    assert done.result["settings"]["one_to_one"]
    pairs = workspace.table(done.run, "pairs")
    same = pairs[pairs["band"] == "same"]
    assert 75 <= len(same) <= 84
    assert same["one"].is_unique
    assert same["two"].is_unique
    frame = workspace.incidents().frame.set_index("id")
    ends = [frame.loc[same[end], "source"].unique().tolist() for end in ("one", "two")]
    assert ends == [["calls"], ["reports"]]
    many = duplicates(workspace, source="calls", other="reports", one_to_one=False)
    assert not many.result["settings"]["one_to_one"]


def test_with_splink_the_bytes_are_the_same_too(acting: Opener) -> None:
    pytest.importorskip("splink", reason="splink is the extra 'linkage'")
    done = duplicates(acting(), first="2016-07-01", engine="splink")
    assert done.result["settings"]["engine"] == "splink"
    assert done.result["features"] == []
    assert replay(acting("overseer"), done.run).result["same"]


def test_the_uncertain_are_named_first_and_can_be_answered(acting: Opener) -> None:
    workspace = acting()
    done = duplicates(workspace, category="burglary")
    result, pairs = done.result, workspace.table(done.run, "pairs")
    bands = {row["band"]: row["pairs"] for row in result["bands"]}
    named = pairs[pairs["id"] != ""].assign(k=lambda t: t["id"].str[1:].astype(int)).sort_values("k")
    assert len(named) == min(bands["uncertain"], 150) + min(bands["same"], 50)
    assert named["band"].is_monotonic_decreasing, "uncertain before same"
    first = named.iloc[0]
    assert (
        abs(first["probability"] - 0.5)
        <= (named[named["band"] == "uncertain"]["probability"] - 0.5).abs().min()
    )
    assert len(pairs) == bands["same"] + bands["uncertain"]
    judge(workspace, done.run, "D1", confirmed=False, reason=REASON)
    again = duplicates(workspace, category="burglary")
    assert again.result["answers"]["answered"] == 1
    page = page_of(workspace, again)
    for said in (
        "How earlier hypotheses held",
        "To look at",
        "for a person to look at",
        "What speaks for",
        "<svg",
    ):
        assert said in page, said
    assert len(json.dumps(again.result)) < 200_000


def test_what_officers_found_themselves_is_looked_at_here(acting: Opener) -> None:
    every = acting().incidents(category="drugs")
    done = duplicates(acting(), category="drugs", first="2016-01-01")
    assert done.result["incidents"] == int((every.time >= np.datetime64("2016-01-01")).sum())
    assert any("own activity" in note for note in done.result["notes"])


def test_records_without_a_pair_in_reach(tmp_path: Path) -> None:
    folder = tmp_path / "city"
    init(folder, crs="EPSG:26915", zone="America/Chicago")
    with pytest.raises(NotEnoughDataError):
        duplicates(Workspace(folder))
    table = rows(40, 3).assign(x=lambda t: 740_000 + 1_000.0 * np.arange(40))
    table.to_csv(tmp_path / "far.csv", index=False)
    import_records(
        Workspace(folder), tmp_path / "far.csv", mapping=MAP, source="calls", source_crs="EPSG:26915"
    )
    done = duplicates(Workspace(folder), first="2023-01-01", last="2023-05-01")
    assert "No two of" in done.result["sentence"]
    assert done.result["hypotheses"] == []
    assert "<svg" not in page_of(Workspace(folder), done)


def test_wrong_settings_are_refused(two: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="'phone' was given as a source"):
        duplicates(two(), source="phone")
    with pytest.raises(UsageError, match="expected two"):
        duplicates(two(), other="reports")
    with pytest.raises(UsageError, match="expected two"):
        duplicates(two(), source="calls", other="calls")
    with pytest.raises(UsageError, match="first day before the last"):
        duplicates(two(), first="2023-03-01", last="2023-03-01")
    with pytest.raises(UsageError, match="same_at"):
        duplicates(two(), same_at=0.1, different_at=0.2)
    with pytest.raises(UsageError, match="reach"):
        duplicates(two(), metres=0)
    with pytest.raises(NotEnoughDataError, match="takes two"):
        duplicates(two(), first="2024-03-01", last="2024-03-02")
    with pytest.raises(NotEnoughDataError, match="two weeks"):
        duplicates(two(), first="2023-03-01", last="2023-03-08")
    with pytest.raises(RefusedError, match="look for patterns"):
        duplicates(two("commander"))
    monkeypatch.setitem(sys.modules, "splink", None)
    with pytest.raises(MissingExtraError, match="splink"):
        duplicates(two(), engine="splink")


def test_months_are_too_coarse(tmp_path: Path) -> None:
    folder = tmp_path / "city"
    init(folder, crs="EPSG:26915", zone="America/Chicago")
    table = rows(400, 4).assign(at=lambda t: t["at"].astype(str).str[:7])
    table.to_csv(tmp_path / "months.csv", index=False)
    import_records(
        Workspace(folder), tmp_path / "months.csv", mapping=MAP, source="calls", source_crs="EPSG:26915"
    )
    with pytest.raises(ResolutionError):
        duplicates(Workspace(folder))


def test_the_command(two: Opener, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("-w", two().folder)
    code, out, _ = run(capsys, "patterns", "duplicates", "--source", "calls", "--other", "reports", *where)
    assert code == 0
    assert "are records of the same incident" in out
    assert "Nothing was merged or deleted" in out
    code, out, _ = run(capsys, "patterns", "duplicates", "--json", *where)
    assert json.loads(out)["sources"] == ["calls", "reports"]
    assert any("are looked at together" in note for note in json.loads(out)["notes"])
    code, _, err = run(capsys, "patterns", "duplicates", "--reach", "far", *where)
    assert code != 0
    assert "try:" in err
    code, out, _ = run(capsys, "patterns", "duplicates", "--help")
    assert "--one-to-one" in out
