"""The bundled data are what SOURCE.md says, and may be shipped."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import geopandas
import pandas as pd
import pyarrow.parquet as pq
import pytest

from peelian.demo_data import (
    ATTRIBUTION,
    stlouis_areas,
    stlouis_incidents,
    stlouis_licence,
    stlouis_source,
)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def incidents() -> pd.DataFrame:
    return pd.read_parquet(stlouis_incidents())


@pytest.fixture(scope="module")
def areas() -> geopandas.GeoDataFrame:
    return geopandas.read_parquet(stlouis_areas())


def test_incidents_have_the_source_columns() -> None:
    schema = pq.read_schema(stlouis_incidents())
    assert schema.names == [
        "case_key",
        "reported_month",
        "ts",
        "crime",
        "description",
        "count",
        "flag_crime",
        "district",
        "neighborhood",
        "x_ft",
        "y_ft",
    ]


def test_incidents_cover_three_years(incidents: pd.DataFrame) -> None:
    assert len(incidents) == 150_648
    months = incidents["reported_month"].astype(str)
    assert sorted(set(months)) == [
        f"{year}-{month:02}" for year in (2015, 2016, 2017) for month in range(1, 13)
    ]
    assert list(incidents["reported_month"].cat.categories) == sorted(set(months))


def test_faults_of_the_source_are_left_in(incidents: pd.DataFrame) -> None:
    assert (incidents["count"] == -1).sum() == 1_926
    assert incidents["x_ft"].isna().sum() == incidents["y_ft"].isna().sum() == 5_110
    assert incidents["ts"].min().year == 1900
    assert set(incidents["count"]) == {1, -1}


def test_points_are_rounded_to_100_feet(incidents: pd.DataFrame) -> None:
    placed = incidents.dropna(subset=["x_ft", "y_ft"])
    assert ((placed[["x_ft", "y_ft"]] % 100) == 0).all(axis=None)


def test_areas_are_valid_and_complete(areas: geopandas.GeoDataFrame) -> None:
    assert list(areas.columns) == ["area_id", "name", "black", "white", "geometry"]
    assert list(areas["area_id"]) == [str(i) for i in range(1, 89)]
    assert areas.geometry.is_valid.all()
    assert not areas.geometry.is_empty.any()
    assert areas.crs.to_authority() == ("ESRI", "102696")
    # The city's land and water: 66 square miles by the Census Bureau, the river left out.
    assert areas.to_crs("EPSG:26915").area.sum() / 1e6 == pytest.approx(160.8, abs=0.5)


def test_residents_are_those_of_the_source(areas: geopandas.GeoDataFrame) -> None:
    assert areas["black"].sum() == pytest.approx(149_895, abs=1)
    assert areas["white"].sum() == pytest.approx(144_506, abs=1)
    nobody = areas[(areas["black"] == 0) & (areas["white"] == 0)]
    assert list(nobody["area_id"]) == [str(i) for i in range(80, 89)]


def test_most_points_lie_in_the_area_that_their_row_names(
    incidents: pd.DataFrame, areas: geopandas.GeoDataFrame
) -> None:
    placed = incidents.dropna(subset=["x_ft"]).query("neighborhood > 0").sample(5_000, random_state=0)
    points = geopandas.GeoDataFrame(
        {"named": placed["neighborhood"].astype(str)},
        geometry=geopandas.points_from_xy(placed["x_ft"], placed["y_ft"]),
        crs=areas.crs,
    )
    joined = points.sjoin(areas[["area_id", "geometry"]], predicate="intersects")
    right = joined[joined["named"] == joined["area_id"]].index.nunique()
    assert right / len(points) > 0.9


def test_every_area_of_a_row_is_known(incidents: pd.DataFrame, areas: geopandas.GeoDataFrame) -> None:
    assert set(incidents["neighborhood"].astype(str)) - set(areas["area_id"]) == {"0"}


def test_licence_and_source_stand_beside_the_data() -> None:
    licence = stlouis_licence().read_text(encoding="utf-8")
    assert licence.startswith("# ODC Attribution License (ODC-By)")
    for section in range(1, 11):
        assert f"### {section}.0 " in licence
    source = stlouis_source().read_text(encoding="utf-8")
    assert "ODC-By 1.0" in source
    assert stlouis_licence().name in source
    assert "150,648 rows" in source


def test_attribution_names_the_licence_and_everyone() -> None:
    for needed in (
        "ODC Attribution License",
        "St. Louis Metropolitan Police Department",
        "City of St. Louis",
        "Prener",
    ):
        assert needed in ATTRIBUTION
    source = " ".join(stlouis_source().read_text(encoding="utf-8").split())
    assert "Neighborhood boundaries: City of St. Louis." in source
    assert "Neighborhood boundaries: City of St. Louis." in ATTRIBUTION


def test_bundle_is_small() -> None:
    assert sum(path.stat().st_size for path in stlouis_source().parent.iterdir()) < 4_000_000


def test_bundle_can_be_made_again(shared_data: Path, tmp_path: Path) -> None:
    """Equal tables always; equal bytes as long as the library that wrote them is the same."""
    script = ROOT / "tools/build_stlouis.py"
    subprocess.run(
        [sys.executable, str(script), str(shared_data), "--out", str(tmp_path)],
        check=True,
        capture_output=True,
    )
    for bundled in (stlouis_incidents(), stlouis_areas()):
        made = tmp_path / bundled.name
        assert pq.read_table(made).equals(pq.read_table(bundled))
        if pq.read_metadata(made).created_by == pq.read_metadata(bundled).created_by:
            assert digest(made) == digest(bundled)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
