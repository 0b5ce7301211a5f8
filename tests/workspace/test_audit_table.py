"""Exposure in a table, from the file to the page: without a workspace, kept in one, and made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from peelian.errors import DataError, RefusedError, UsageError
from peelian.publish.wording import check_page
from peelian.workspace.audit_table import audit_table, exposure_of_file
from peelian.workspace.init import init
from peelian.workspace.replay import replay
from peelian.workspace.thresholds import set_threshold
from peelian.workspace.workspace import Workspace

from ..cli.conftest import run

ASKED: dict[str, Any] = {
    "unit": "geoid",
    "count": "visits",
    "groups": ["green", "blue"],
    "reference": "green",
}
OPTIONS = ("--unit", "geoid", "--count", "visits", "--groups", "green,blue", "--reference", "green")


def table(areas: int = 2, n: int = 25) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    at = np.arange(n)
    parts = []
    for k in range(areas):
        boxes = shapely.box(
            -90 + k + at % 5 * 0.01,
            38 + at // 5 * 0.01,
            -90 + k + at % 5 * 0.01 + 0.01,
            38 + at // 5 * 0.01 + 0.01,
        )
        parts.append(
            pd.DataFrame(
                {
                    "geoid": [f"01{k:03d}{i:06d}1" for i in at],
                    "place": f"town {k}",
                    "visits": rng.poisson(20, n),
                    "green": rng.integers(50, 500, n),
                    "blue": rng.integers(20, 300, n),
                    "everyone": 1000,
                    "note_to_self": "not asked for",
                    "wkb": [shapely.to_wkb(one) for one in boxes],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    table().to_parquet(path)
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    init(tmp_path / "city", crs="EPSG:26915", agency="A city")
    return Workspace(tmp_path / "city", role="analyst")


def test_a_file_is_enough(file: Path) -> None:
    result, page = exposure_of_file(file, **ASKED, by="place")
    rows = result["ratios"]
    assert [row["by"] for row in rows] == ["town 0", "town 1"]
    held = table().query("place == 'town 0'")
    mean = {g: np.average(held["visits"], weights=held[g]) for g in ("green", "blue")}
    assert rows[0]["value"] == pytest.approx(mean["blue"] / mean["green"])
    assert rows[0]["population"] == held["blue"].sum()
    check_page(page)
    for said in (
        "What is claimed",
        "How many, and how sure",
        "Blue to green residents",
    ):
        assert said.lower() in page.lower()
    assert "not asked for" not in page


def test_csv_geoparquet_and_parquet_hold_the_same(tmp_path: Path, file: Path) -> None:
    wanted, _ = exposure_of_file(file, **ASKED, by="place")
    made = table()
    points = shapely.centroid(shapely.from_wkb(made["wkb"]))
    csv = made.drop(columns="wkb").assign(lon=shapely.get_x(points), lat=shapely.get_y(points))
    csv.to_csv(tmp_path / "t.csv", index=False)
    shapes = gpd.GeoDataFrame(
        made.drop(columns="wkb"), geometry=shapely.from_wkb(made["wkb"]), crs="EPSG:4326"
    )
    shapes.to_parquet(tmp_path / "g.parquet")
    shapes.to_file(tmp_path / "g.gpkg")
    for name in ("t.csv", "g.parquet", "g.gpkg"):
        found, _ = exposure_of_file(tmp_path / name, **ASKED, by="place")
        for one, other in zip(found["ratios"], wanted["ratios"], strict=True):
            assert one["value"] == pytest.approx(other["value"])
            assert one["low"] == pytest.approx(other["low"], rel=1e-6)
        assert found["units"] == 50
    # Ids of states below 10 begin with a zero, which a reader of numbers would take away.
    found, _ = exposure_of_file(tmp_path / "t.csv", **ASKED)
    assert found["areas"] == 1


def test_kept_in_a_workspace_as_far_as_it_is_needed_and_made_again(workspace: Workspace, file: Path) -> None:
    done = audit_table(workspace, file, **ASKED, by="place", population="everyone")
    kept = workspace.table(done.run, "table")
    assert list(kept.columns) == ["geoid", "visits", "green", "blue", "place", "everyone", "wkb"]
    assert workspace.page(done.run, "audit_table.html").is_file()
    file.unlink()
    again = replay(workspace, done.run)
    assert again.result["same"], again.result["differences"]
    assert "audit_table.html" in again.result["files"]


def test_a_threshold_counts_when_it_was_set_before_the_table_was_seen(
    workspace: Workspace, file: Path
) -> None:
    first = audit_table(workspace, file, **ASKED)
    assert first.result["passes"] is None
    overseer = Workspace(workspace.folder, role="overseer")
    set_threshold(
        overseer, "exposure_ratio", 1.0001, by="the board", reason="to see that it comes too late here"
    )
    late = audit_table(workspace, file, **ASKED)
    assert late.result["passes"] is None
    assert any(
        "was set on" in note and "after this was first looked at" in note for note in late.result["notes"]
    )
    other = file.with_name("other.parquet")
    table(areas=1, n=20).to_parquet(other)
    fresh = audit_table(workspace, other, **ASKED)
    assert fresh.result["passes"] is False
    again = replay(workspace, fresh.run)
    assert again.result["same"], again.result["differences"]


def test_the_public_may_not(workspace: Workspace, file: Path) -> None:
    with pytest.raises(RefusedError):
        audit_table(Workspace(workspace.folder, role="public"), file, **ASKED)


def test_our_own_plan_beside_it(tmp_path: Path, workspace: Workspace, file: Path, demo_folder: Path) -> None:
    city = tmp_path / "stlouis"
    shutil.copytree(demo_folder, city)
    done = audit_table(workspace, file, **ASKED, by="place", beside=[city])
    mine = done.result["ratios"][-1]
    assert (mine["by"], mine["group"], mine["reference"]) == (
        "St. Louis demonstration, plan-0006",
        "Black",
        "White",
    )
    stored = json.loads((city / "runs/audit-0007/result.json").read_text())
    assert mine["value"] == pytest.approx(next(f["value"] for f in stored["findings"]))
    assert "Our own plans, by the same functions" in workspace.page(done.run, "audit_table.html").read_text()
    shutil.rmtree(city)
    again = replay(workspace, done.run)
    assert again.result["same"], again.result["differences"]


def test_a_plan_s_audit_says_how_concentrated_it_is(demo_folder: Path) -> None:
    result = json.loads((demo_folder / "runs/audit-0007/result.json").read_text())
    assert result["claims"]["estimand"].startswith("A group's exposure is the mean")
    assert result["spread"]["plans"] == 1
    assert result["spread"]["attended"] == 20
    page = (demo_folder / "runs/audit-0007/audit.html").read_text()
    for said in ("What is claimed", "How concentrated, and for how long"):
        assert said in page


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"count": "vists"}, DataError, "column 'vists' was named"),
        ({"unit": "suspect_id"}, DataError, "about persons"),
        ({"reference": "gren"}, DataError, "column 'gren'"),
        ({"cross": ["green"]}, UsageError, "expected two groups"),
        ({"cross": ["green", "blue"]}, UsageError, "and the number of all residents"),
    ],
)
def test_what_was_asked_wrongly(
    file: Path, changed: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        exposure_of_file(file, **{**ASKED, **changed})


def test_files_that_can_t_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        exposure_of_file(tmp_path / "none.csv", **ASKED)
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(UsageError, match="expected one of"):
        exposure_of_file(tmp_path / "t.xlsx", **ASKED)
    (tmp_path / "t.parquet").write_bytes(b"not at all")
    with pytest.raises(DataError, match="can't be read as a table"):
        exposure_of_file(tmp_path / "t.parquet", **ASKED)
    (tmp_path / "t.csv").write_bytes(b"geoid,visits\n\xff\xfe,2\n")
    with pytest.raises(DataError, match="can't be read as a table"):
        exposure_of_file(tmp_path / "t.csv", **ASKED)


def test_everything_that_is_off_is_on_the_page(tmp_path: Path) -> None:
    odd = table(areas=1)
    odd["visits"] = odd["visits"].astype(float)
    odd.loc[0, "visits"] = np.nan
    odd.loc[1, ["green", "blue"]] = 0
    odd.loc[2, "everyone"] = 10
    odd["few"] = [12] + [0] * 24
    odd.loc[3, "wkb"] = shapely.to_wkb(shapely.from_wkb(odd.loc[4, "wkb"]))
    odd.to_parquet(tmp_path / "odd.parquet")
    groups = ["green", "blue", "few"]
    result, page = exposure_of_file(
        tmp_path / "odd.parquet", **{**ASKED, "groups": groups}, population="everyone"
    )
    for said in (
        "1 units have no count",
        "1 units have no residents of any group",
        "In 1 units",
        "Polygons of 2 units overlap",
        "few: no ratio. There are fewer than 100 few residents",
    ):
        assert any(said in note for note in result["notes"]), said
        assert said.replace("'", "&#39;") in page
    assert result["ratios"][1]["value"] is None


def test_more_than_ratios(tmp_path: Path) -> None:
    once = table().assign(moe=40, noon=900, calls=30)
    long = pd.concat([once.assign(week="1"), once.assign(week="2")])
    long.to_parquet(tmp_path / "t.parquet")
    result, page = exposure_of_file(
        tmp_path / "t.parquet",
        **ASKED,
        by="place",
        period="week",
        population="everyone",
        moe={"blue": "moe"},
        ambient="noon",
        reports="calls",
        cross=["green", "blue"],
    )
    assert {row["denominator"] for row in result["denominators"]} == {"residents", "ambient", "reports"}
    assert result["ratios"][0]["margin_share"] > 0
    overlap = [row for row in result["persistence"] if row["measure"] == "overlap"]
    assert [row["value"] for row in overlap] == [1, 1]
    assert result["crossed"][0]["value_low"] < result["crossed"][0]["value_high"]
    for said in (
        "held against other things",
        "Those who have both attributes",
        "How long the same places are chosen",
    ):
        assert said in page


def test_the_command_in_an_empty_folder(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    code, out, err = run(capsys, "audit", "plan", "--table", file, *OPTIONS, "--by", "place", "--json")
    assert (code, err) == (0, "")
    row = json.loads(out)["ratios"][0]
    assert {"by", "group", "reference", "value", "low", "high", "units", "population"} <= set(row)
    assert not list(empty.iterdir())
    code, out, _ = run(capsys, "audit", "plan", "--table", file, *OPTIONS, "--page", empty / "p.html")
    assert code == 0
    assert "all, blue to green:" in out
    assert (empty / "p.html").read_text().startswith("<!doctype html>")


def test_the_command_in_a_workspace(
    file: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "audit", "plan", "--table", file, *OPTIONS, "-w", workspace.folder, "--json")
    assert code == 0
    assert json.loads(out)["run"] == "audit_table-0002"
    set_threshold(
        Workspace(workspace.folder, role="overseer"),
        "gini",
        0.01,
        by="the board",
        reason="little of it may stand out here",
    )
    table(areas=1, n=30).to_parquet(file)
    code, out, _ = run(capsys, "audit", "plan", "--table", file, *OPTIONS, "-w", workspace.folder)
    assert code == 5
    assert "Gini" in out or "beyond" in out or "page:" in out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--table", "FILE", "--unit", "geoid"], "without --count"),
        (["--unit", "geoid"], "--unit was given without --table"),
        (["plan-0001", "--table", "FILE", *OPTIONS], "expected one of them"),
        (["--table", "FILE", *OPTIONS, "--moe", "blue"], "--moe"),
    ],
)
def test_options_that_don_t_go_together(
    file: Path, given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "audit", "plan", *(str(file) if one == "FILE" else one for one in given))
    assert code == 2
    assert said in err
