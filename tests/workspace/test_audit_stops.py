"""The audit of stops in a workspace and without one: kept without anybody in it, made again, refused, shown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from peelian.errors import DataError, RefusedError, UsageError
from peelian.publish.audit_stops import audit_stops_page
from peelian.publish.wording import check_page, visible_text
from peelian.workspace import Workspace
from peelian.workspace.audit_stops import _read, audit_stops, stops_of_file
from peelian.workspace.init import init
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.replay import replay
from peelian.workspace.thresholds import set_threshold

from ..audits.simulated_stops import LAT, LON, ZONE, stops_by_area
from ..cli.conftest import run

MAP = {"time": "when", "place": "beat", "group": "race", "search": "searched", "hit": "found", "basis": "why"}
HERE = {"mapping": MAP, "zone": ZONE, "lat": LAT, "lon": LON, "reference": "Y", "infer": False}
SECRET = "Mary Whitcombe"


def write(folder: Path, **planted: float) -> dict[str, Path]:
    """Stops with a name in each row, and residents and incidents by area."""
    records, residents = stops_by_area(1500, **planted)
    frame = records.frame
    when = frame["day"] + pd.to_timedelta(frame["minute"], unit="m")
    flag = {True: "yes", False: "no"}
    table = pd.DataFrame(
        {
            "when": when.dt.strftime("%Y-%m-%d %H:%M"),
            "beat": frame["area"],
            "race": frame["group"],
            "searched": frame["search"].map(flag),
            "found": frame["hit"].map(flag),
            "why": frame["basis"],
            "stopped": SECRET,
        }
    )
    paths = {name: folder / f"{name}.csv" for name in ("stops", "residents", "incidents")}
    table.to_csv(paths["stops"], index=False)
    residents.rename(columns={"area": "beat"}).to_csv(paths["residents"], index=False)
    reports = np.random.default_rng(0).choice(residents["area"], 3000)
    pd.DataFrame({"beat": reports, "reported_by": SECRET}).to_csv(paths["incidents"], index=False)
    return paths


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peelian.workspace.audit_stops.REPLICATES", 100)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write(tmp_path_factory.mktemp("stops"), rate=2.0, hit_gap=-0.15, missing=0.1)


@pytest.fixture
def city(tmp_path: Path) -> Path:
    init(tmp_path / "city", crs="EPSG:26915")
    return tmp_path / "city"


def test_a_run_keeps_nobody_and_is_made_again(city: Path, files: dict[str, Path]) -> None:
    tables = {"residents": files["residents"], "incidents": files["incidents"], "place": "beat"}
    done = audit_stops(Workspace(city), files["stops"], **tables, **HERE)
    everything = b"".join(path.read_bytes() for path in city.rglob("*") if path.is_file())
    assert SECRET.encode() not in everything
    assert {one["id"] for one in done.result["findings"]} >= {
        "stop_rate_ratio/residents/X",
        "stop_rate_ratio/residents where incidents are reported/X",
        "darkness_odds_ratio/clock time and area/X",
    }
    again = replay(Workspace(city, role="overseer"), done.run).result
    assert again["same"], again["differences"]
    verify_ledger(Workspace(city, role="public"))
    assert len(json.dumps(done.result)) < 200_000
    page = Workspace(city).page(done.run, "audit_stops.html").read_text(encoding="utf-8")
    check_page(page)
    assert "Could what is missing undo it" in visible_text(page)


def test_a_threshold_counts_where_it_was_set_before_the_stops_were_seen(
    city: Path, files: dict[str, Path]
) -> None:
    reason = "what the oversight board takes for the most that can be borne"
    overseer = Workspace(city, role="overseer")
    set_threshold(overseer, "missing_group", 0.05, by="the oversight board", reason=reason)
    first = audit_stops(Workspace(city), files["stops"], **HERE)
    assert first.result["passes"] is False
    set_threshold(overseer, "missing_group", 0.5, by="the oversight board", reason=reason)
    second = audit_stops(Workspace(city), files["stops"], **HERE)
    assert second.result["passes"] is False
    assert any("doesn't count here" in note for note in second.result["notes"])


def test_who_may_not_audit_is_refused(city: Path, files: dict[str, Path]) -> None:
    with pytest.raises(RefusedError):
        audit_stops(Workspace(city, role="public"), files["stops"], **HERE)


def test_a_file_with_somebody_in_it_is_refused_and_leaves_nothing(city: Path, files: dict[str, Path]) -> None:
    before = sorted(path.name for path in (city / "runs").iterdir()) if (city / "runs").is_dir() else []
    with pytest.raises(DataError, match="never persons"):
        audit_stops(Workspace(city), files["stops"], **{**HERE, "mapping": {**MAP, "basis": "when"}})
    with pytest.raises(UsageError, match="without residents"):
        audit_stops(Workspace(city), files["stops"], incidents=files["incidents"], **HERE)
    after = sorted(path.name for path in (city / "runs").iterdir()) if (city / "runs").is_dir() else []
    assert before == after


def test_what_was_kept_gives_the_same_and_a_forged_table_is_refused(
    files: dict[str, Path], tmp_path: Path
) -> None:
    whole = stops_of_file(files["stops"], **HERE)
    read = {k: HERE[k] for k in ("mapping", "zone")}
    given = _read(files["stops"], None, None, None, place="area", **read)
    kept = given.tables["stops"]
    kept.to_parquet(tmp_path / "kept.parquet", index=False)
    assert stops_of_file(tmp_path / "kept.parquet", **HERE) == whole
    everyday = pd.Timestamp("1950-01-01") + pd.to_timedelta(np.arange(len(kept)) * 9, unit="D")
    for column, values, why in (
        ("group", [f"Smith, Jo{'abcdefghij'[k % 10]}" for k in range(len(kept))], "never persons"),
        ("area", [f"square {k} of Mary" for k in range(len(kept))], "never persons"),
        ("day", everyday, "days of birth"),
        ("day", SECRET, "day are of another type"),
        ("lat", SECRET, "lat are of another type"),
    ):
        forged = kept.assign(**{column: values})
        forged.attrs = kept.attrs
        forged.to_parquet(tmp_path / "forged.parquet", index=False)
        with pytest.raises(DataError, match=why) as no:
            stops_of_file(tmp_path / "forged.parquet", **HERE)
        assert SECRET not in no.value.message


def test_squares_are_kept_without_the_point_and_read_again(tmp_path: Path) -> None:
    """In a wide place hardly a square recurs, which is no sign of somebody's own."""
    rng = np.random.default_rng(0)
    n = 300
    north, east = 44.5 + rng.uniform(0, 0.5, n), -93.5 + rng.uniform(0, 0.5, n)
    table = pd.DataFrame({"y": north, "x": east, "race": rng.choice(["X", "Y"], n)})
    table.to_csv(tmp_path / "wide.csv", index=False)
    fields = {"mapping": {"lat": "y", "lon": "x", "group": "race"}}
    kept = _read(tmp_path / "wide.csv", None, None, None, place="area", **fields).tables["stops"]
    assert kept["area"].nunique() > 0.8 * n
    exact = kept.assign(lat=north)
    exact.attrs = kept.attrs
    for name, written in (("kept", kept), ("exact", exact)):
        written.to_parquet(tmp_path / f"{name}.parquet", index=False)
        again = _read(tmp_path / f"{name}.parquet", None, None, None, place="area").records.frame
        assert again["area"].tolist() == kept["area"].tolist()
        assert again["lat"].equals(again["lat"].round(2))


def test_pages_with_nothing_one_and_many_findings(files: dict[str, Path], tmp_path: Path) -> None:
    many = audit_stops_page(stops_of_file(files["stops"], residents=files["residents"], place="beat", **HERE))
    none = audit_stops_page(stops_of_file(write(tmp_path)["stops"], **HERE))
    bare = pd.read_csv(files["stops"])[["when", "race"]]
    bare.to_csv(tmp_path / "bare.csv", index=False)
    one = stops_of_file(
        tmp_path / "bare.csv", mapping={"time": "when", "group": "race"}, reference="Y", infer=False
    )
    assert [part[0] for part in one["skipped"]] == ["Test by light", "Outcome test"]
    for page in (many, none, audit_stops_page(one)):
        text = visible_text(check_page(page))
        assert "It says nothing about anyone who was stopped" in text
        assert "What this can't tell" in text
    assert "none of" in visible_text(none)
    assert many.count("<svg") > none.count("<svg") >= 4


def test_on_the_command_line_without_and_with_a_workspace(
    files: dict[str, Path],
    city: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    fields = ",".join(f"{k}={v}" for k, v in MAP.items())
    common = ("--map", fields, "--zone", ZONE, "--lat", LAT, "--lon", LON, "--reference", "Y", "--no-infer")
    page = tmp_path / "page.html"
    code, out, err = run(capsys, "audit", "stops", files["stops"], *common, "--page", page)
    assert (code, err) == (0, "")
    assert "No group was recorded in" in out
    check_page(page.read_text(encoding="utf-8"))
    code, out, _ = run(capsys, "audit", "stops", files["stops"], *common, "--json", "-w", city)
    assert code == 0
    assert json.loads(out)["run"].startswith("audit_stops-")
    code, _, err = run(capsys, "audit", "stops", files["stops"], "--map", "group=stopper")
    assert code == 4
    assert "stopped" in err
    code, _, err = run(capsys, "audit", "stops", tmp_path / "none.csv", *common)
    assert code == 4
    assert "can't be read" in err
