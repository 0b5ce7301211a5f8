"""The past as methods get it: counts, what lies beside them, and the periods whose reports still come in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

from peelian.errors import DataError, UsageError
from peelian.places import count_table
from peelian.records.delay import reporting_gap
from peelian.workspace import Workspace
from peelian.workspace.forecast import forecast
from peelian.workspace.history import (
    MOST_COMPANIONS,
    MOST_NODES,
    gap_of,
    history,
    learned_from,
    training_incidents,
)
from peelian.workspace.import_ import import_records
from peelian.workspace.init import init

from .conftest import Opener

OFFICERS = {"drugs", "weapons", "trespass", "prostitution", "liquor", "loitering", "obstruction", "driving"}


def set_in(folder: Path, old: str, new: str) -> None:
    config = folder / "peelian.toml"
    text = config.read_text(encoding="utf-8")
    assert old in text
    config.write_text(text.replace(old, new), encoding="utf-8")


def test_companions_are_the_most_frequent_other_categories_counted_alike(acting: Opener) -> None:
    workspace = acting()
    counts = history(workspace, "burglary")
    table = workspace.store.table()
    table = table.filter(~table.officer_initiated)
    assert len(counts.companions) == MOST_COMPANIONS
    for name, matrix in counts.companions.items():
        whole = count_table(table.filter(table.category == name), counts.grid, counts.periods).matrix
        assert (matrix != whole).nnz == 0
    half = counts.periods[: (len(counts.periods) + 1) // 2]
    early = table.filter(table.occurred_from < half.end.item())
    n = {
        name: count_table(early.filter(early.category == name), counts.grid, half).total
        for name in table.select("category").distinct().to_pyarrow()["category"].to_pylist()
        if name not in ("burglary", "other")
    }
    assert list(counts.companions) == sorted(n, key=lambda name: (-n[name], name))[:MOST_COMPANIONS]


def test_officers_own_activity_and_what_nobody_knows_are_no_companions(acting: Opener) -> None:
    workspace = acting()
    assert not {"burglary", "other", *OFFICERS} & set(history(workspace, "burglary").companions)
    table = workspace.store.table()
    assert int(table.filter(table.officer_initiated).count().execute()) > 500, "there is some to leave out"


def test_a_label_is_no_companion_of_itself(acting: Opener) -> None:
    """The rest of its category is: it must not hold the label's own reports again."""
    workspace = acting()
    table = workspace.store.table()
    burglaries = table.filter(table.category == "burglary", ~table.officer_initiated)
    label = str(
        burglaries.group_by("label").agg(n=burglaries.count()).order_by("n").to_pandas()["label"].iloc[-1]
    )
    counts, whole = history(workspace, label), history(workspace, "burglary")
    assert 0 < counts.total < whole.total
    assert int(counts.companions["burglary"].sum()) == whole.total - counts.total


def test_companions_come_from_sources_that_cover_the_whole_time(acting: Opener, tmp_path: Path) -> None:
    """A source that begins half-way would look like a rise everywhere."""
    before = {n: int(m.sum()) for n, m in history(acting(), "burglary").companions.items()}
    x, y = history(acting(), "burglary").points.x[:1], history(acting(), "burglary").points.y[:1]  # type: ignore[union-attr]
    rows = pd.DataFrame({"ts": ["2016-12-30 10:00"] * 40, "type": "Robbery", "x_m": x[0], "y_m": y[0]})
    rows.to_csv(tmp_path / "late.csv", index=False)
    mapping = {"occurred_from": "ts", "x": "x_m", "y": "y_m", "category": "type"}
    import_records(acting(), tmp_path / "late.csv", mapping=mapping)
    assert {n: int(m.sum()) for n, m in history(acting(), "burglary").companions.items()} == before


def test_the_residents_of_a_place_are_given_where_a_group_is_everybody(acting: Opener) -> None:
    given = 'population = { "White" = "White", "Black" = "Black" }'
    set_in(acting().folder, given, "population = { Total = 'White', Black = 'Black' }")
    workspace = acting()
    counts, areas = history(workspace, "burglary"), workspace.areas
    assert set(counts.features) == {"population"}
    assert areas is not None
    assert counts.features["population"].sum() == pytest.approx(areas.frame["Total"].sum())
    told = learned_from(workspace, counts)
    assert told["features"] == {"population": ["Total"]}
    assert told["companions"]["theft"] == int(counts.companions["theft"].sum())


def test_groups_are_never_added_up_to_stand_for_everybody(acting: Opener) -> None:
    """Nobody knows whether the groups that are listed are all: their sum might be the share of a minority."""
    workspace = acting()
    assert workspace.areas is not None
    assert set(workspace.areas.population) == {"White", "Black"}
    assert learned_from(workspace, history(workspace, "burglary"))["features"] == {}


def test_how_far_places_are_from_something_is_given(acting: Opener) -> None:
    folder = acting().folder
    middle = acting().areas.to_crs("EPSG:4326").union().centroid  # type: ignore[union-attr]
    gpd.GeoSeries([middle], crs="EPSG:4326").to_file(folder / "stations.geojson", driver="GeoJSON")
    set_in(folder, "# features = {}", 'features = { stations = "stations.geojson" }')
    workspace = acting()
    counts = history(workspace, "burglary")
    away = counts.features["distance_to_stations"]
    assert 0 < away.min() < 0.25
    assert 5 < away.max() < 30
    file, digest = learned_from(workspace, counts)["features"]["distance_to_stations"]
    assert file == "stations.geojson"
    assert digest == hashlib.sha256((folder / file).read_bytes()).hexdigest()


def test_how_far_places_are_from_a_group_is_refused(acting: Opener) -> None:
    folder = acting().folder
    acting().areas.frame.to_file(folder / "a.geojson", driver="GeoJSON")  # type: ignore[union-attr]
    set_in(folder, "# features = {}", 'features = { immigrant_homes = "a.geojson" }')
    with pytest.raises(UsageError, match="'immigrant' names a group of residents"):
        history(acting(), "burglary")


def test_nothing_beside_where_nothing_is_asked_for(acting: Opener) -> None:
    counts = history(acting(), "burglary", beside=False)
    assert (counts.companions, counts.features) == ({}, {})


def test_the_future_is_in_no_companion(acting: Opener) -> None:
    whole, part = history(acting(), "burglary"), history(acting(), "burglary", until="2016-07-03")
    n = len(part.periods)
    i = int(np.flatnonzero(whole.periods.edges == part.periods.start)[0])
    for name in set(part.companions) & set(whole.companions):
        matrix = part.companions[name]
        assert (matrix != whole.companions[name][:, i : i + n]).nnz == 0


def test_cells_too_small_for_any_machine_are_refused_before_they_are_made(acting: Opener) -> None:
    set_in(acting().folder, "cell = 250.0", "cell = 4.0")
    with pytest.raises(DataError, match=r"cells of 4 m make about 10,\d+,\d+ of the study area") as caught:
        history(acting(), "burglary")
    assert caught.value.hint == "set cell = 20 or more under [place] in peelian.toml"
    set_in(acting().folder, "cell = 4.0", "cell = 20.0")
    assert len(history(acting(), "burglary", beside=False).grid) < 1_000_000


def test_without_areas_too_many_cells_are_refused_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init(tmp_path / "bare", crs="EPSG:26910", cell=250)
    days = pd.date_range("2024-01-01", periods=200).strftime("%Y-%m-%d 10:00")
    rows = pd.DataFrame({"ts": days, "type": "Burglary", "x_m": 491_000 + np.arange(200), "y_m": 5_458_000})
    rows.to_csv(tmp_path / "rows.csv", index=False)
    mapping = {"occurred_from": "ts", "x": "x_m", "y": "y_m", "category": "type"}
    import_records(Workspace(tmp_path / "bare"), tmp_path / "rows.csv", mapping=mapping)
    assert history(Workspace(tmp_path / "bare"), "burglary").features == {}
    monkeypatch.setattr("peelian.workspace.history.MOST_CELLS", 3)
    with pytest.raises(DataError, match="expected at most 3"):
        history(Workspace(tmp_path / "bare"), "burglary")


@pytest.mark.parametrize("areas", [False, True])
def test_a_rectangle_that_is_mostly_empty_is_refused_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, areas: bool
) -> None:
    """Few cells hold all that was reported, but kernels would be smoothed over everything between them."""
    assert MOST_NODES == 4_000_000
    monkeypatch.setattr("peelian.workspace.history.MOST_NODES", 40_000)
    given = {}
    if areas:
        ends = [box(x, x, x + 30, x + 30) for x in (500_000, 500_870)]
        frame = gpd.GeoDataFrame({"id": ["a", "b"], "name": ["a", "b"]}, geometry=ends, crs="EPSG:32610")
        frame.to_file(tmp_path / "areas.geojson", driver="GeoJSON")
        given = {"areas": tmp_path / "areas.geojson", "area_id": "id", "area_name": "name"}
    init(tmp_path / "bare", crs="EPSG:32610", cell=3, **given)
    at = np.where(np.arange(200) % 2, 500_001.0, 500_871.0)
    days = pd.date_range("2024-01-01", periods=200).strftime("%Y-%m-%d 10:00")
    rows = pd.DataFrame({"ts": days, "type": "Burglary", "x_m": at, "y_m": at})
    rows.to_csv(tmp_path / "rows.csv", index=False)
    mapping = {"occurred_from": "ts", "x": "x_m", "y": "y_m", "category": "type"}
    import_records(Workspace(tmp_path / "bare"), tmp_path / "rows.csv", mapping=mapping)
    workspace = Workspace(tmp_path / "bare")
    with pytest.raises(DataError, match=r"rows and \d{3} columns, \d+,.* expected at most 40,000") as caught:
        history(workspace, "burglary")
    assert "grid" not in vars(workspace), "it was not made"
    assert caught.value.hint == "set cell = 5 or more under [place] in peelian.toml"
    set_in(tmp_path / "bare", "cell = 3.0", "cell = 5.0")
    assert len(history(Workspace(tmp_path / "bare"), "burglary").grid) < 500


def test_a_gap_is_a_number_or_measured(acting: Opener) -> None:
    assert gap_of(acting(), "burglary", "1w") == (0, None)
    set_in(acting().folder, "gap = 0", "gap = 3")
    assert gap_of(acting(), "burglary", "1w") == (3, None)
    set_in(acting().folder, "gap = 3", 'gap = "measured"')
    workspace = acting()
    gap, told = gap_of(workspace, "burglary", "1w")
    found = reporting_gap(training_incidents(workspace, "burglary"), "1w")
    assert told is not None
    assert (gap, told["known"], told["text"]) == (found.gap, found.known, found.text)


def test_a_measured_gap_is_said_with_the_forecast(acting: Opener) -> None:
    set_in(acting().folder, "gap = 0", 'gap = "measured"')
    found = forecast(acting(), "burglary").result
    assert found["notes"] == [f"The gap of {found['gap']} was measured. {found['delay']['text']}"]
    assert isinstance(found["gap"], int)
