"""Polygons from every format, and what is said when a file is no such thing."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peelian.errors import CRSError, DataError, PeelianError, SourceError
from peelian.places.shapes import crs_name, mend, read_shapes

FEET = "ESRI:102696"
SQUARES = [shapely.box(890_000 + i * 1000, 1_010_000, 891_000 + i * 1000, 1_011_000) for i in range(3)]


def squares(crs: str | None = FEET) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"area": ["a", "b", "c"], "people": [1, 2, 3]}, geometry=SQUARES, crs=crs)


def written(frame: gpd.GeoDataFrame, path: Path) -> Path:
    if path.suffix in (".parquet", ".geoparquet"):
        frame.to_parquet(path)
    else:
        frame.to_file(path)
    return path


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".shp", ".parquet", ".geoparquet"])
def test_each_format_brings_shapes_columns_and_crs(tmp_path: Path, suffix: str) -> None:
    found = read_shapes(written(squares(), tmp_path / f"areas{suffix}"))
    assert crs_name(found.crs) == FEET
    assert sorted(found["area"]) == ["a", "b", "c"]
    found = found.sort_values("area", ignore_index=True)
    assert np.allclose(shapely.bounds(found.geometry.to_numpy()), shapely.bounds(SQUARES))


def test_a_zipped_shapefile(tmp_path: Path) -> None:
    written(squares(), tmp_path / "areas.shp")
    with zipfile.ZipFile(tmp_path / "areas.zip", "w") as archive:
        for part in tmp_path.glob("areas.*"):
            if part.suffix != ".zip":
                archive.write(part, f"deep/{part.name}")
    found = read_shapes(tmp_path / "areas.zip")
    assert found["people"].tolist() == [1, 2, 3]
    assert crs_name(found.crs) == FEET


@pytest.mark.parametrize("names", [[], ["one.shp", "two.shp"], ["notes.txt"]])
def test_a_zip_with_other_than_one_shapefile_is_refused(tmp_path: Path, names: list[str]) -> None:
    with zipfile.ZipFile(tmp_path / "areas.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    count = sum(name.endswith(".shp") for name in names)
    with pytest.raises(SourceError, match=f"holds {count} shapefiles"):
        read_shapes(tmp_path / "areas.zip")


def test_geojson_is_in_degrees_by_its_standard(tmp_path: Path) -> None:
    path = written(squares().to_crs("EPSG:4326"), tmp_path / "areas.geojson")
    text = json.loads(path.read_text())
    text.pop("crs", None)
    path.write_text(json.dumps(text))
    assert crs_name(read_shapes(path).crs) in ("EPSG:4326", "OGC:CRS84")
    assert len(read_shapes(path, crs="EPSG:4326")) == 3


def test_geojson_in_feet_needs_to_be_told(tmp_path: Path) -> None:
    path = tmp_path / "areas.json"
    features = [
        {"type": "Feature", "properties": {"area": i}, "geometry": shapely.geometry.mapping(s)}
        for i, s in enumerate(SQUARES)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    with pytest.raises(CRSError, match="no degrees") as caught:
        read_shapes(path)
    assert "crs=" in (caught.value.hint or "")
    assert crs_name(read_shapes(path, crs=FEET).crs) == FEET


def test_geojson_that_states_its_crs_is_believed(tmp_path: Path) -> None:
    path = written(squares("EPSG:2913"), tmp_path / "areas.geojson")
    assert "2913" in path.read_text()
    assert crs_name(read_shapes(path).crs) == "EPSG:2913"


def test_plain_parquet_with_wkb(tmp_path: Path) -> None:
    frame = pd.DataFrame({"NHD_NUM": [1, 2, 3], "wkb": shapely.to_wkb(SQUARES)})
    frame.to_parquet(tmp_path / "areas.parquet")
    with pytest.raises(CRSError, match="doesn't tell its CRS"):
        read_shapes(tmp_path / "areas.parquet")
    found = read_shapes(tmp_path / "areas.parquet", crs=FEET)
    assert found.columns.tolist() == ["NHD_NUM", "geometry"]
    assert shapely.equals(found.geometry.to_numpy(), np.array(SQUARES)).all()


def test_bytes_that_are_no_wkb(tmp_path: Path) -> None:
    pd.DataFrame({"geometry": [b"no", b"wkb"]}).to_parquet(tmp_path / "areas.parquet")
    with pytest.raises(SourceError, match="is no WKB"):
        read_shapes(tmp_path / "areas.parquet", crs=FEET)


def test_a_table_without_geometry(tmp_path: Path) -> None:
    pd.DataFrame({"area": [1]}).to_parquet(tmp_path / "areas.parquet")
    with pytest.raises(SourceError, match="no geometry"):
        read_shapes(tmp_path / "areas.parquet")
    (tmp_path / "areas.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(SourceError, match="0 rows and no geometry"):
        read_shapes(tmp_path / "areas.geojson")


def test_two_layers_need_a_name(tmp_path: Path) -> None:
    path = tmp_path / "areas.gpkg"
    squares().to_file(path, layer="beats")
    squares().iloc[:2].to_file(path, layer="districts")
    with pytest.raises(SourceError, match="beats, districts") as caught:
        read_shapes(path)
    assert "layer='beats'" in (caught.value.hint or "")
    assert len(read_shapes(path, layer="districts")) == 2
    with pytest.raises(SourceError):
        read_shapes(path, layer="wards")


def test_a_crs_that_contradicts_the_file_is_refused(tmp_path: Path) -> None:
    path = written(squares(), tmp_path / "areas.gpkg")
    assert len(read_shapes(path, crs=FEET)) == 3
    with pytest.raises(CRSError, match=r"ESRI:102696, but crs='EPSG:26915'"):
        read_shapes(path, crs="EPSG:26915")


def test_a_file_without_crs_takes_the_one_given(tmp_path: Path) -> None:
    written(squares(), tmp_path / "areas.shp")
    (tmp_path / "areas.prj").unlink()
    with pytest.raises(CRSError, match="doesn't tell its CRS"):
        read_shapes(tmp_path / "areas.shp")
    assert crs_name(read_shapes(tmp_path / "areas.shp", crs=FEET).crs) == FEET


@pytest.mark.parametrize(
    "name", ["areas.geojson", "https://example.org/areas.geojson", "/vsicurl/https://example.org/a.gpkg"]
)
def test_only_files_that_are_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="no such file"):
        read_shapes(tmp_path / name if name == "areas.geojson" else name)


@pytest.mark.parametrize("name", ["areas.vrt", "areas.csv", "areas", "areas.kml"])
def test_only_the_formats_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("<OGRVRTDataSource/>")
    with pytest.raises(SourceError, match=r"expected one of \.geojson"):
        read_shapes(tmp_path / name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    data=st.binary(max_size=300),
    suffix=st.sampled_from([".geojson", ".parquet", ".shp", ".zip", ".gpkg", ".fgb"]),
)
def test_bytes_of_any_kind_are_refused_on_purpose(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"noise{suffix}"
    path.write_bytes(data)
    with pytest.raises(PeelianError):
        read_shapes(path)


NAMES = np.array(["a", "b", "c"], dtype=object)


def shapes(*given_: shapely.Geometry | None) -> np.ndarray:
    made = np.empty(len(given_), dtype=object)
    made[:] = given_
    return made


def test_a_bow_tie_is_mended_and_noted() -> None:
    bow_tie = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    mended, notes = mend(shapes(SQUARES[0], bow_tie), NAMES[:2])
    assert shapely.is_valid(mended).all()
    assert mended[1].area == pytest.approx(2.0)
    assert len(notes) == 1
    assert "1 invalid areas were mended (Self-intersection" in notes[0]
    assert notes[0].endswith(": b")


def test_a_spike_and_a_line_beside_a_polygon_are_dropped() -> None:
    spike = shapely.Polygon([(0, 0), (1, 0), (1, 1), (1, 5), (1, 1), (0, 1)])
    both = shapely.GeometryCollection([shapely.box(0, 0, 1, 1), shapely.LineString([(0, 0), (9, 9)])])
    mended, notes = mend(shapes(spike, both), NAMES[:2])
    assert [shape.geom_type for shape in mended] == ["Polygon", "Polygon"]
    assert shapely.area(mended).tolist() == [1.0, 1.0]
    assert notes


def test_heights_are_dropped() -> None:
    mended, notes = mend(shapes(shapely.Polygon([(0, 0, 5), (1, 0, 5), (1, 1, 5)])), NAMES[:1])
    assert not shapely.has_z(mended).any()
    assert notes == []


@pytest.mark.parametrize(
    ("shape", "match"),
    [
        (None, "1 areas have no geometry: b"),
        (shapely.Polygon(), "1 areas have no geometry: b"),
        (shapely.Point(1, 1), r"no polygons \(Point\): b"),
        (shapely.LineString([(0, 0), (1, 1)]), r"no polygons \(LineString\): b"),
        (shapely.Polygon([(0, 0), (1, 1), (2, 2)]), "hold no area: b"),
        (shapely.GeometryCollection([shapely.Point(1, 1)]), "hold no area: b"),
    ],
)
def test_what_is_no_area_is_refused_by_name(shape: shapely.Geometry | None, match: str) -> None:
    with pytest.raises(DataError, match=match):
        mend(shapes(SQUARES[0], shape), NAMES[:2])


def test_a_long_list_of_names_is_cut() -> None:
    names = np.array([f"n{i}" for i in range(9)], dtype=object)
    with pytest.raises(DataError, match="n0, n1, n2, n3, n4 and 4 more"):
        mend(shapes(*[None] * 9), names)
