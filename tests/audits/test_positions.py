"""Where units lie: which CRS, what stands in for polygons, overlaps and gaps."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from peelian.audits.positions import cut, layout, positions_of
from peelian.errors import CRSError, DataError


def squares(n: int, *, x0: float = 0.0, y0: float = 0.0, side: float = 1000.0) -> np.ndarray:
    at = np.arange(n)
    return shapely.box(
        x0 + (at % 4) * side, y0 + (at // 4) * side, x0 + (at % 4 + 1) * side, y0 + (at // 4 + 1) * side
    )


def ids(n: int) -> pd.Series:
    return pd.Series([f"u{i:02d}" for i in range(n)], dtype="string")


def test_wkb_in_degrees_is_put_on_a_plane() -> None:
    shapes = squares(8, x0=-90.2, y0=38.6, side=0.01)
    table = pd.DataFrame({"wkb": [shapely.to_wkb(one) for one in shapes]})
    found, notes = positions_of(table, ids(8))
    assert (found.crs, found.kind()) == ("EPSG:4326", "places")
    assert "WGS 84" in notes[0]
    flat, km = found.flat()
    assert km == 0.001
    # A hundredth of a degree at 38.6 north is 0.87 by 1.11 km.
    made = layout(flat, ids(8).to_numpy(dtype=object), km=km)
    assert made is not None
    assert made.area == pytest.approx(8 * 0.8715 * 1.1102, rel=0.01)
    assert (made.overlaps, made.gaps) == ((), pytest.approx(0, abs=1e-6))
    assert cut(flat, 8)[0].blocks == 8


def test_a_geodataframe_states_its_crs() -> None:
    table = gpd.GeoDataFrame(
        {"a": range(4)}, geometry=list(squares(4, x0=740_000, y0=4_280_000)), crs="EPSG:26915"
    )
    found, notes = positions_of(table, ids(4))
    assert found.crs == "EPSG:26915"
    assert notes == []
    assert found.flat()[1] == 0.001


def test_points_under_their_usual_names() -> None:
    table = pd.DataFrame({"Longitude": [-90.0, -90.1], "Latitude": [38.0, 38.1]})
    found, _ = positions_of(table, ids(2))
    assert found.crs == "EPSG:4326"
    plane, notes = positions_of(pd.DataFrame({"x": [900_000.0, 910_000], "y": [1e6, 1.01e6]}), ids(2))
    assert plane.crs == ""
    assert "on a plane" in notes[0]
    feet, _ = positions_of(
        pd.DataFrame({"x": [900_000.0, 910_000], "y": [1e6, 1.01e6]}), ids(2), crs="ESRI:102696"
    )
    assert feet.flat()[1] == pytest.approx(0.0003048, rel=1e-5)


def test_census_ids_stand_in_for_places() -> None:
    names = pd.Series([f"29510{t:06d}{b}" for t in range(8) for b in range(1, 4)], dtype="string")
    found, notes = positions_of(pd.DataFrame({"n": range(24)}), names)
    assert found.kind() == "tracts"
    assert len(set(found.clusters)) == 8
    assert "tracts were drawn whole" in notes[0]
    assert cut(found, 24)[0].blocks == 8


def test_nothing_known_is_told() -> None:
    found, notes = positions_of(pd.DataFrame({"n": [1, 2]}), ids(2))
    assert found.kind() == "nothing"
    assert "too narrow" in notes[0]
    assert cut(found, 2)[0].blocks == 2


def test_a_few_places_may_be_missing_and_many_may_not() -> None:
    shapes = [shapely.to_wkb(one) for one in squares(20, x0=-90, y0=38, side=0.01)]
    found, notes = positions_of(pd.DataFrame({"wkb": [None, *shapes[1:]]}), ids(20))
    assert found.x is not None
    assert np.isfinite(found.x).all()
    assert "1 units have no place (u00)" in notes[0]
    with pytest.raises(DataError, match="3 of 20 units have no place"):
        positions_of(pd.DataFrame({"wkb": [None, None, None, *shapes[3:]]}), ids(20))


def test_no_wkb() -> None:
    with pytest.raises(DataError, match="no WKB"):
        positions_of(pd.DataFrame({"wkb": [b"nothing", b"at all"]}), ids(2))


def test_overlaps_and_gaps_are_measured() -> None:
    shapes = squares(12, x0=740_000, y0=4_280_000)  # three rows of four
    shapes[0] = shapely.box(740_000, 4_280_000, 741_500, 4_281_000)  # half of its neighbour too
    shapes = np.delete(shapes, 5)  # and one in the middle is not there
    table = pd.DataFrame({"wkb": [shapely.to_wkb(one) for one in shapes]})
    found, _ = positions_of(table, ids(11), crs="EPSG:26915")
    made = layout(*[found.flat()[0], ids(11).to_numpy(dtype=object)], km=0.001)
    assert made is not None
    assert made.overlaps == (("u00", "u01"),)
    assert made.involved == 2
    assert made.shared == pytest.approx(0.5)
    assert made.gaps == pytest.approx(1.0)
    assert made.area == pytest.approx(11.0)


def test_without_polygons_there_is_no_layout() -> None:
    found, _ = positions_of(pd.DataFrame({"lon": [1.0, 2], "lat": [3.0, 4]}), ids(2))
    assert layout(found, ids(2).to_numpy(dtype=object), km=1.0) is None


def test_places_that_do_not_fit_their_crs_are_refused_with_the_table_s_own_option() -> None:
    table = gpd.GeoDataFrame({"a": range(4)}, geometry=list(squares(4, x0=0, y0=0)), crs="EPSG:26916")
    with pytest.raises(CRSError, match="outside the area of use") as refused:
        positions_of(table, ids(4))
    assert "--crs" in str(refused.value.hint)
    assert "--source-crs" not in str(refused.value)
