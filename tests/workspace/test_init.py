"""A new workspace, and what keeps one from being made."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pytest
from shapely import box

from peelian.demo_data import stlouis_areas
from peelian.errors import CRSError, DataError, RefusedError, UsageError
from peelian.workspace import Workspace, load_config
from peelian.workspace.init import init
from peelian.workspace.ledger import entries, verify_ledger


def test_what_is_asked_for_is_what_is_configured(tmp_path: Path) -> None:
    done = init(
        tmp_path / "city", crs="EPSG:26910", cell=100, agency='A "quoted" \\ name', zone="America/Vancouver"
    )
    config = load_config(tmp_path / "city")
    assert (config.place.crs, config.place.cell, config.agency.zone) == (
        "EPSG:26910",
        100,
        "America/Vancouver",
    )
    assert config.agency.name == 'A "quoted" \\ name'
    assert done.result["crs"] == "EPSG:26910"
    assert [entry["kind"] for entry in entries(Workspace(tmp_path / "city"))] == ["workspace"]
    assert verify_ledger(Workspace(tmp_path / "city"))["entries"] == 1


def test_areas_are_copied_and_read_with_their_residents(tmp_path: Path) -> None:
    columns = {"area_id": "area_id", "area_name": "name", "population": {"White": "white", "Black": "black"}}
    init(tmp_path / "city", crs="EPSG:26915", areas=stlouis_areas(), **columns)  # type: ignore[arg-type]
    workspace = Workspace(tmp_path / "city")
    assert workspace.areas is not None
    assert len(workspace.areas) == 88
    assert workspace.areas.crs == "EPSG:26915"
    assert workspace.grid.area.sum() == pytest.approx(workspace.areas.union().area / 1e6)


@pytest.mark.parametrize(
    ("settings", "error", "told"),
    [
        ({"crs": "EPSG:4326"}, CRSError, "degrees"),
        ({"crs": "nonsense"}, CRSError, "nonsense"),
        ({"zone": "Nowhere/Land"}, UsageError, "Nowhere/Land"),
        ({"cell": -5.0}, UsageError, "cell"),
        ({"sections": {"plan": {"unit_hours": 0}}}, UsageError, "unit_hours"),
        ({"sections": {"agency": {"motto": "x"}}}, UsageError, "motto"),
        ({"areas": Path("nowhere.geojson")}, UsageError, "no such file"),
    ],
)
def test_a_wrong_setting_leaves_nothing_behind(
    tmp_path: Path, settings: dict[str, object], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        init(tmp_path / "city", **settings)  # type: ignore[arg-type]
    assert not (tmp_path / "city").exists()


def test_areas_elsewhere_than_the_crs_are_refused_at_once(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"id": ["a"]}, geometry=[box(-0.1, 51.4, 0.1, 51.6)], crs="EPSG:4326")
    frame.to_file(tmp_path / "london.geojson")
    with pytest.raises(DataError):
        init(tmp_path / "city", crs="EPSG:26915", areas=tmp_path / "london.geojson", area_id="id")
    assert not (tmp_path / "city").exists()


def test_an_unknown_column_of_the_areas_is_named(tmp_path: Path) -> None:
    with pytest.raises((UsageError, DataError), match="nhd"):
        init(tmp_path / "city", crs="EPSG:26915", areas=stlouis_areas(), area_id="nhd")


def test_a_workspace_is_not_made_twice(tmp_path: Path) -> None:
    init(tmp_path / "city", crs="EPSG:26915")
    with pytest.raises(UsageError, match="workspace already") as caught:
        init(tmp_path / "city", crs="EPSG:26915")
    assert "peelian status" in str(caught.value.hint)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="empty folder"):
        init(tmp_path, crs="EPSG:26915")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_refusal_leaves_an_empty_folder_empty(tmp_path: Path) -> None:
    (tmp_path / "city").mkdir()
    with pytest.raises(UsageError):
        init(tmp_path / "city", zone="Nowhere/Land")
    with pytest.raises(RefusedError):
        init(tmp_path / "city", role="public")
    assert not list((tmp_path / "city").iterdir())
    assert [p.name for p in tmp_path.iterdir()] == ["city"]


def test_a_shapefile_is_read_with_its_parts_and_gives_the_crs(tmp_path: Path) -> None:
    areas = geopandas.read_parquet(stlouis_areas()).to_crs("EPSG:4326")
    (tmp_path / "gis").mkdir()
    areas[["area_id", "name", "white", "black", "geometry"]].to_file(tmp_path / "gis" / "areas.shp")
    init(
        tmp_path / "city",
        areas=tmp_path / "gis" / "areas.shp",
        area_id="area_id",
        population={"White": "white"},
    )
    workspace = Workspace(tmp_path / "city")
    assert workspace.crs == "EPSG:32615"
    assert workspace.areas is not None
    assert workspace.areas.population == ("White",)
    assert list(workspace.areas.frame.columns) == ["area_id", "name", "White", "geometry"]


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "city").mkdir()
    init(tmp_path / "city", crs="EPSG:26915")
    assert Workspace(tmp_path / "city").crs == "EPSG:26915"


def test_spaces_and_letters_of_all_kinds_in_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "Zürich 東京 'q' \"d\""
    init(folder, crs="EPSG:26915")
    assert verify_ledger(Workspace(folder))["origin"].startswith("peelian.invalid/")


def test_the_command_takes_where_the_state_is_kept(
    tmp_path: Path, state_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from peelian.cli import main

    monkeypatch.setenv("PEELIAN_TEST_STATE", state_url)
    with pytest.raises(SystemExit) as done:
        main(["init", str(tmp_path / "city"), "--crs", "EPSG:26915", "--state", "env:PEELIAN_TEST_STATE"])
    assert (done.value.code, capsys.readouterr().err) == (0, "")
    assert 'url = "env:PEELIAN_TEST_STATE"' in (tmp_path / "city" / "peelian.toml").read_text()
    assert [row["verb"] for row in Workspace(tmp_path / "city").runs()] == ["init"]
