"""The audit of face matching in a workspace and without one: kept without anyone in it, made again, refused, shown."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from peelian.errors import DataError, RefusedError, UsageError
from peelian.publish.wording import check_page, visible_text
from peelian.workspace import Workspace
from peelian.workspace.audit_facematch import audit_facematch, facematch_of_files
from peelian.workspace.init import init
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.replay import replay
from peelian.workspace.thresholds import set_threshold

from ..audits.match_logs import made_up
from ..cli.conftest import run

HASH = "9f86d081884c7d65"
RATES = """algorithm,MW_MW,MB_MB,FW_FW,FB_FB
acisw-003,0.0010,0.0005,0.0044,0.0014
shaman-000,0.0010,0.0018,0.0015,0.0023
"""
"""Two rows of NIST's FRVT 1:1 of 2020, a work of the US government."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("log")
    tables = made_up(0, deployments=8, seen=3000)
    tables["alerts"].loc[:3, "token"] = HASH
    paths = {}
    for name, table in tables.items():
        paths[name] = folder / f"{name}.csv"
        table.to_csv(paths[name], index=False)
    return paths


@pytest.fixture(scope="module")
def brief(log: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Alerts and faces seen by group alone."""
    folder = tmp_path_factory.mktemp("brief")
    alerts, seen = (pd.read_csv(log[name], dtype=str) for name in ("alerts", "deployments"))
    faces = seen.astype({"seen": int}).groupby(["deployment", "group"], as_index=False)["seen"].sum()
    paths = {name: folder / f"{name}.csv" for name in ("alerts", "deployments")}
    alerts[["deployment", "truth", "token", "group"]].to_csv(paths["alerts"], index=False)
    faces.to_csv(paths["deployments"], index=False)
    return paths


@pytest.fixture
def city(tmp_path: Path) -> Path:
    init(tmp_path / "city", crs="EPSG:26915")
    return tmp_path / "city"


def test_a_run_is_kept_without_tokens_and_made_again(city: Path, log: dict[str, Path]) -> None:
    done = audit_facematch(Workspace(city), **log)
    opened = Workspace(city, role="overseer")
    kept = opened.table(done.run, "alerts")
    assert kept["token"].max() < len(kept)
    everything = b"".join(path.read_bytes() for path in city.rglob("*") if path.is_file())
    assert HASH.encode() not in everything
    for name in log:
        assert len(opened.table(done.run, name)) > 0
    again = replay(opened, done.run).result
    assert again["same"], again["differences"]
    verify_ledger(Workspace(city, role="public"))
    assert len(json.dumps(done.result)) < 200_000
    assert done.result["sentences"][0].startswith("Of ")
    assert HASH not in json.dumps(
        [dict(entry) for entry in entries(Workspace(city, role="public"))], default=str
    )


def test_a_threshold_counts_where_it_was_set_before_the_log_was_seen(
    city: Path, brief: dict[str, Path]
) -> None:
    reason = "what the oversight board takes for the most that can be borne"
    overseer = Workspace(city, role="overseer")
    set_threshold(overseer, "false_positive_ratio", 1.5, by="the oversight board", reason=reason)
    first = audit_facematch(Workspace(city), **brief)
    assert first.result["passes"] is False
    set_threshold(overseer, "false_positive_ratio", 50.0, by="the oversight board", reason=reason)
    second = audit_facematch(Workspace(city), **brief)
    assert second.result["passes"] is False
    assert any("doesn't count here" in note for note in second.result["notes"])
    assert replay(Workspace(city, role="overseer"), second.run).result["same"]
    page = Workspace(city).page(second.run, "audit_facematch.html").read_text(encoding="utf-8")
    assert "Beyond the threshold" in visible_text(page)


def test_who_may_not_audit_is_refused(city: Path, log: dict[str, Path]) -> None:
    with pytest.raises(RefusedError):
        audit_facematch(Workspace(city, role="public"), alerts=log["alerts"])


def test_a_log_with_names_leaves_nothing_behind(city: Path, tmp_path: Path) -> None:
    path = tmp_path / "alerts.csv"
    path.write_text("deployment,truth,name\nD1,false,Zebediah Quillfeather\n")
    before = len(Workspace(city).runs())
    with pytest.raises(DataError, match="refused") as no:
        audit_facematch(Workspace(city), alerts=path)
    assert "Quillfeather" not in str(no.value)
    assert len(Workspace(city).runs()) == before
    assert not any(b"Quillfeather" in p.read_bytes() for p in city.rglob("*") if p.is_file())


def test_published_rates_are_kept_and_made_again(city: Path, tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text(RATES)
    path = path.rename(tmp_path / "Zebediah.csv")
    done = audit_facematch(Workspace(city), rates=path, rows=["acisw-003"])
    assert not any(b"Zebediah" in p.read_bytes() for p in city.rglob("*") if p.is_file())
    assert done.result["summary"]["algorithms"] == 2
    assert done.result["findings"][1]["value"] == pytest.approx(8.8)
    assert replay(Workspace(city, role="overseer"), done.run).result["same"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"deployments": "deployments"},
        {"alerts": "alerts", "rates": "alerts"},
        {"alerts": "alerts", "groups": "g"},
    ],
)
def test_files_that_don_t_go_together(given: dict[str, str], log: dict[str, Path]) -> None:
    asked = {k: [v] if k == "groups" else log[v] for k, v in given.items()}
    with pytest.raises(UsageError):
        facematch_of_files(**asked)


# --- the page ------------------------------------------------------------------------------------------------


def shown(**files: Path) -> str:
    _, page = facematch_of_files(**files)
    check_page(page)
    assert "<script" not in page
    assert "NaN" not in page
    assert ">None<" not in page
    return visible_text(page)


def test_the_page_tells_both_denominators_and_what_is_not_known(log: dict[str, Path], tmp_path: Path) -> None:
    whole = shown(**log)
    for part in (
        "False alerts for each 1,000 faces seen",
        "Of 100 alerts, how many were false",
        "Intersections",
        "What followed",
        "Gwet's AC1",
        "The watch list",
        "How strong a finding of nothing is",
        "each change of the threshold in force",
        "No face was matched here",
    ):
        assert part in whole
    alone = shown(alerts=log["alerts"])
    assert alone.count("Not estimable") >= 3
    assert "no seeded volunteers walked past" in alone
    few = tmp_path / "few.csv"
    few.write_text("deployment,truth\nD1,false\nD1,true\n")
    assert "too few" in shown(alerts=few)
    none, seen = tmp_path / "none.csv", tmp_path / "seen.csv"
    none.write_text("deployment,truth\n")
    seen.write_text("deployment,seen\nD1,300\n")
    assert "up to 1.2 % of them" in shown(alerts=none, deployments=seen)


def test_the_page_of_published_rates(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text(RATES)
    text = shown(rates=path)
    assert "women recorded as Black" in text
    assert "acisw-003" in text
    zero = tmp_path / "zero.csv"
    pd.DataFrame({"name": ["x", "y"], "a": [0.0, 0.001], "b": [0.002, 0.002]}).to_csv(zero, index=False)
    assert "no number" in shown(rates=zero)


# --- the command ---------------------------------------------------------------------------------------------


def test_the_command_needs_no_workspace(
    tmp_path: Path,
    log: dict[str, Path],
    brief: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    short = [part for name, path in brief.items() for part in (f"--{name}", path)]
    code, out, _ = run(capsys, "audit", "facematch", *short, "--page", "page.html")
    assert code == 0
    assert out.startswith("Of ")
    assert "page: page.html" in out
    check_page(Path("page.html").read_text(encoding="utf-8"))
    files = [part for name, path in log.items() for part in (f"--{name.replace('_', '-')}", path)]
    code, out, _ = run(capsys, "audit", "facematch", *files, "--json")
    assert code == 0
    assert json.loads(out)["counts"]["alerts"] > 100
    (tmp_path / "rates.csv").write_text(RATES)
    code, out, _ = run(capsys, "audit", "facematch", "--rates", "rates.csv", "--row", "acisw-003")
    assert code == 0
    assert "acisw-003, FW_FW to MB_MB: 8.8" in out
    (tmp_path / "bad.csv").write_text("deployment,truth,photo\nD1,false,crops/1.jpg\n")
    code, _, err = run(capsys, "audit", "facematch", "--alerts", "bad.csv")
    assert code == 4
    assert "column 3 of the file of alerts is refused" in err
    assert "crops" not in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.csv", "page.html", "rates.csv"]


def test_the_command_keeps_its_run_in_a_workspace(
    city: Path, brief: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(
        capsys, "audit", "facematch", "--alerts", brief["alerts"], "--workspace", city, "--json"
    )
    assert code == 0
    run_id = json.loads(out)["run"]
    assert run_id.startswith("audit_facematch-")
    assert (city / "runs" / run_id / "audit_facematch.html").is_file()
