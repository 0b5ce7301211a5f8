"""Areas: hand-made squares with known answers, shapely by brute force, and the real ones of St. Louis."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.demo_data import stlouis_areas
from peelian.errors import CRSError, DataError, SourceError, UsageError
from peelian.places import Areas, Grid, population_by_cell

UTM, FEET = "EPSG:32615", "ESRI:102696"
X, Y = 740_000.0, 4_270_000.0  # in St. Louis, a multiple of 250 m


def frame(shapes: list[shapely.Geometry], crs: str | None = UTM, **columns: list) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns or {"id": range(len(shapes))}, geometry=shapes, crs=crs)


def box(x0: float, y0: float, x1: float, y1: float) -> shapely.Polygon:
    return shapely.box(X + x0, Y + y0, X + x1, Y + y1)


def two() -> Areas:
    """West: 500 x 250 m. East: 250 x 250 m, a quarter of it beyond a grid of three cells that starts at X."""
    shapes = [box(0, 0, 500, 250), box(562.5, 0, 812.5, 250)]
    return Areas.of(
        frame(shapes, key=["W", "E"], name=["West", "East"], men=[80, 40.0]), id="key", population=["men"]
    )


GRID = Grid.covering((X, Y, X + 749, Y + 249), crs=UTM, cell=250)


def test_a_grid_of_three_cells() -> None:
    assert GRID.shape == (1, 3)
    assert GRID.bounds() == (X, Y, X + 750, Y + 250)


def test_weights_of_hand_made_areas() -> None:
    assert two().weights(GRID).toarray().tolist() == [[0.5, 0.5, 0.0], [0.0, 0.0, 0.75]]


def test_spread_keeps_the_sum_and_reports_what_is_outside() -> None:
    spread = two().spread([80, 40], GRID)
    assert spread.values.tolist() == [40, 40, 30]
    assert float(spread.outside) == 10
    several = two().spread([[80, 1], [40, 0]], GRID)
    assert several.values.tolist() == [[40, 0.5], [40, 0.5], [30, 0]]
    assert several.outside.tolist() == [10, 0]


def test_collect_adds_up_cells_by_area() -> None:
    collected = two().collect([10, 20, 40], GRID)
    assert collected.values.tolist() == [30, 30]
    assert float(collected.outside) == 10


def test_collect_takes_a_cell_to_lie_in_its_part_of_the_study_area() -> None:
    areas = two()
    grid = Grid.inside(areas.union(), crs=UTM, cell=250)
    assert len(grid) == 4
    collected = areas.collect([10, 20, 40, 8], grid)
    assert collected.values.tolist() == pytest.approx([30, 48])
    assert float(collected.outside) == 0


def test_a_cell_is_of_the_area_that_takes_most_of_it() -> None:
    areas = Areas.of(frame([box(0, 0, 350, 250), box(350, 0, 500, 250), box(500, 0, 510, 10)]))
    grid = Grid.covering((X, Y, X + 999, Y + 249), crs=UTM, cell=250)
    assert areas.of_cells(grid).tolist() == [0, 1, 2, -1]
    # Halves go to the first.
    halves = Areas.of(frame([box(125, 0, 250, 250), box(0, 0, 125, 250)]))
    assert halves.of_cells(GRID).tolist() == [0, -1, -1]


def test_locate_hand_made_points() -> None:
    areas = two()
    x = [X + 1, X + 499, X + 531, X + 600, np.nan, X + 1, np.inf, X + 500]
    y = [Y + 1, Y + 249, Y + 100, Y + 100, Y, Y + 251, Y, Y + 250]
    assert areas.locate(x, y).tolist() == [0, 0, -1, 1, -1, -1, -1, 0]
    assert areas.locate([], []).shape == (0,)
    assert areas.ids[areas.locate(X + 600, Y + 1)].tolist() == ["E"]


def test_a_point_in_two_areas_is_in_the_first() -> None:
    areas = Areas.of(frame([box(0, 0, 100, 100), box(100, 0, 200, 100), box(50, 0, 150, 100)]))
    assert areas.locate([X + 100, X + 75, X + 125], [Y + 50] * 3).tolist() == [0, 0, 1]


@st.composite
def partitions(draw: st.DrawFn) -> tuple[list[shapely.Geometry], float, float]:
    """A rectangle cut into columns and rows: areas that cover it without overlap."""
    cuts = st.lists(st.floats(10, 2990), min_size=0, max_size=4, unique=True).map(sorted)
    xs, ys = [0.0, *draw(cuts), 3000.0], [0.0, *draw(cuts), 3000.0]
    dx, dy = draw(st.floats(-500, 500)), draw(st.floats(-500, 500))
    cells = [
        box(dx + a, dy + c, dx + b, dy + d)
        for a, b in pairwise(xs)
        for c, d in pairwise(ys)
        if b - a > 0.01 and d - c > 0.01
    ]
    return cells, dx, dy


@settings(max_examples=40)
@given(partitions(), st.data())
def test_mass_is_kept_there_and_back(given_: tuple[list, float, float], data: st.DataObject) -> None:
    shapes, _, _ = given_
    areas = Areas.of(frame(shapes))
    grid = Grid.inside(areas.union(), crs=UTM, cell=250)
    values = np.array(data.draw(st.lists(st.floats(0, 1e5), min_size=len(shapes), max_size=len(shapes))))
    spread = areas.spread(values, grid)
    assert spread.values.sum() == pytest.approx(values.sum(), rel=1e-9, abs=1e-9)
    assert float(spread.outside) == 0
    collected = areas.collect(spread.values, grid)
    assert collected.values.sum() == pytest.approx(values.sum(), rel=1e-6, abs=1e-6)
    # Even density stays even.
    even = areas.spread(areas.area, grid).values
    assert even == pytest.approx(grid.area, rel=1e-6, abs=1e-9)


@settings(max_examples=40)
@given(partitions(), st.integers(0, 1500), st.integers(0, 1500))
def test_weights_are_what_shapely_finds_by_brute_force(
    given_: tuple[list, float, float], east: int, north: int
) -> None:
    shapes, _, _ = given_
    areas = Areas.of(frame(shapes))
    grid = Grid.covering((X, Y, X + east, Y + north), crs=UTM, cell=250)
    expected = [[shape.intersection(cell).area / shape.area for cell in grid.polygons()] for shape in shapes]
    found = areas.weights(grid).toarray()
    assert np.allclose(found, expected, atol=1e-6)
    assert np.all(found.sum(axis=1) <= 1 + 1e-12)
    best = np.array([[shape.intersection(cell).area for cell in grid.polygons()] for shape in shapes])
    of = areas.of_cells(grid)
    held = of >= 0
    assert np.allclose(best[of[held], np.flatnonzero(held)], best.max(axis=0)[held], atol=1e-4)
    assert np.all(best[:, ~held].max(axis=0, initial=0) < 1e-3)


@settings(max_examples=40)
@given(
    partitions(), st.lists(st.tuples(st.floats(-1000, 4000), st.floats(-1000, 4000)), min_size=1, max_size=40)
)
def test_locate_is_what_shapely_finds_by_brute_force(
    given_: tuple[list, float, float], points: list[tuple[float, float]]
) -> None:
    shapes, _, _ = given_
    areas = Areas.of(frame(shapes))
    x, y = np.array(points).T + np.array([[X], [Y]])
    expected = [
        next((i for i, shape in enumerate(shapes) if shape.intersects(shapely.Point(px, py))), -1)
        for px, py in zip(x, y, strict=True)
    ]
    assert areas.locate(x, y).tolist() == expected


def test_locate_in_runs_is_locate_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    x, y = X + rng.uniform(-100, 1000, 500), Y + rng.uniform(-100, 350, 500)
    expected = two().locate(x, y)
    monkeypatch.setattr("peelian.places.areas.AT_ONCE", 7)
    assert np.array_equal(two().locate(x, y), expected)


def test_overlapping_areas_are_noted_and_their_cells_not_counted_twice() -> None:
    areas = Areas.of(
        frame([box(0, 0, 250, 250), box(125, 0, 375, 250), box(2000, 0, 2250, 250)], key=["a", "b", "c"]),
        id="key",
    )
    assert len(areas.notes) == 1
    assert "1 pairs of areas overlap, by 31,250.00 m2 in all, most of it a and b" in areas.notes[0]
    grid = Grid.covering((X, Y, X + 249, Y + 249), crs=UTM, cell=250)
    collected = areas.collect([12.0], grid)
    assert collected.values.sum() == pytest.approx(12)
    assert collected.values.tolist() == pytest.approx([8, 4, 0])


def test_overlap_of_areas_in_degrees_and_in_feet_is_in_square_metres() -> None:
    flat = Areas.of(frame([box(0, 0, 250, 250), box(125, 0, 375, 250)]))
    for crs in (FEET, "EPSG:4326"):
        moved = Areas.of(flat.to_crs(crs).frame)
        number = float(moved.notes[0].split(" by ")[1].split(" m2")[0].replace(",", ""))
        assert number == pytest.approx(31_250, rel=3e-3)
        assert moved.area.tolist() == pytest.approx([0.0625, 0.0625], rel=3e-3)


def test_neighbours_that_only_touch_do_not_overlap() -> None:
    assert Areas.of(frame([box(0, 0, 100, 100), box(100, 0, 200, 100)])).notes == ()


def test_sizes_in_feet_are_in_square_kilometres() -> None:
    square = shapely.box(890_000, 1_010_000, 890_000 + 3937, 1_010_000 + 3937)
    assert Areas.of(frame([square], crs=FEET)).area.tolist() == pytest.approx([1.44])


def test_ids_names_and_notes_of_columns() -> None:
    shapes = [box(0, 0, 1, 1), box(2, 0, 3, 1)]
    numbered = Areas.of(gpd.GeoDataFrame(geometry=shapes, crs=UTM))
    assert numbered.ids.tolist() == ["1", "2"]
    assert "numbered in the order of the file" in numbered.notes[0]
    by_number = Areas.of(frame(shapes, NUM=[7.0, 8.0], NAME=["Seven", None]), id="NUM")
    assert by_number.ids.tolist() == ["7", "8"]
    assert by_number.frame["name"].tolist() == ["Seven", "8"]
    assert by_number.notes == ()
    found = Areas.of(frame(shapes, ID=[" a ", "b"], other=["x", "y"]))
    assert found.ids.tolist() == ["a", "b"]
    assert found.frame.columns.tolist() == ["area_id", "name", "geometry"]


def test_groups_are_named_by_a_mapping() -> None:
    areas = Areas.of(frame([box(0, 0, 1, 1)], id=["a"], B03002_003=[5]), population={"white": "B03002_003"})
    assert areas.population == ("white",)
    assert areas.frame["white"].tolist() == [5.0]


def test_a_wrong_column_brings_near_names() -> None:
    shapes = [box(0, 0, 1, 1)]
    with pytest.raises(DataError, match="column 'NHD_NUN' was named") as caught:
        Areas.of(frame(shapes, NHD_NUM=[1], NHD_NAME=["a"]), id="NHD_NUN")
    assert "NHD_NUM" in (caught.value.hint or "")
    with pytest.raises(DataError, match="column 'people'"):
        Areas.of(frame(shapes, id=[1]), population=["people"])


@pytest.mark.parametrize(
    ("ids", "match"),
    [
        (["a", "a"], "1 ids are used more than once: a"),
        (["a", None], "1 of 2 rows have no id"),
        (["a", " "], "no id"),
    ],
)
def test_ids_are_unique_and_there(ids: list, match: str) -> None:
    with pytest.raises(DataError, match=match):
        Areas.of(frame([box(0, 0, 1, 1), box(2, 0, 3, 1)], id=ids))


@pytest.mark.parametrize(
    ("people", "match"),
    [
        ([1, -1], "negative or infinite: b"),
        ([1, np.inf], "negative or infinite: b"),
        ([1, np.nan], "'people' of 1 areas are unknown: b"),
        (["1", "many"], "not a number: b"),
    ],
)
def test_residents_are_numbers_and_known(people: list, match: str) -> None:
    with pytest.raises(DataError, match=match):
        Areas.of(
            frame([box(0, 0, 1, 1), box(2, 0, 3, 1)], id=["a", "b"], people=people), population=["people"]
        )


def test_unknown_residents_are_none_only_by_your_word() -> None:
    given_ = frame([box(0, 0, 1, 1), box(2, 0, 3, 1)], id=["a", "b"], people=[3, None])
    areas = Areas.of(given_, population=["people"], unknown="empty")
    assert areas.frame["people"].tolist() == [3, 0]
    assert areas.notes == ("people: 1 areas without a number are taken to be empty: b",)
    with pytest.raises(DataError, match="negative"):
        Areas.of(given_.assign(people=[3, -9]), population=["people"], unknown="empty")


def test_a_group_cannot_hide_the_id() -> None:
    with pytest.raises(UsageError, match="names the area itself"):
        Areas.of(frame([box(0, 0, 1, 1)], id=["a"], n=[1]), population={"name": "n"})


def test_invalid_areas_are_mended_by_of_and_refused_by_the_class() -> None:
    bow_tie = shapely.Polygon([(X, Y), (X + 2, Y + 2), (X + 2, Y), (X, Y + 2)])
    given_ = frame([bow_tie], id=["a"])
    areas = Areas.of(given_)
    assert areas.area.sum() == pytest.approx(2e-6)
    assert "1 invalid areas were mended" in areas.notes[0]
    assert not given_.geometry.is_valid.any()  # what was given is left as it was
    with pytest.raises(DataError, match="invalid areas were given"):
        Areas(given_.rename(columns={"id": "area_id"}).assign(name="a"))


def test_the_class_says_which_columns_it_needs() -> None:
    with pytest.raises(DataError, match="expected area_id, name too") as caught:
        Areas(frame([box(0, 0, 1, 1)]))
    assert "Areas.read" in (caught.value.hint or "")
    with pytest.raises(DataError, match="expected rows too"):
        Areas(two().frame.iloc[:0])
    with pytest.raises(CRSError, match="without a CRS"):
        Areas.of(frame([box(0, 0, 1, 1)], crs=None))


def test_areas_in_the_ocean_are_refused() -> None:
    degrees = shapely.box(-90.3, 38.5, -90.2, 38.6)
    with pytest.raises(CRSError, match="areas: .*look like degrees"):
        Areas.of(frame([degrees], crs=UTM))
    with pytest.raises(CRSError, match="areas: .*feet given as metres"):
        Areas.of(frame([shapely.box(890_000, 1_010_000, 891_000, 1_011_000)], crs="EPSG:26996"))
    with pytest.raises(CRSError, match="areas: .*no degrees") as caught:
        Areas.of(frame([box(0, 0, 1, 1)], crs="EPSG:4326"))
    assert "crs=" in (caught.value.hint or "")


def test_another_crs_and_back() -> None:
    areas = two()
    assert areas.to_crs(UTM) is areas
    there = areas.to_crs("EPSG:4326")
    assert there.crs == "EPSG:4326"
    assert there.population == ("men",)
    back = there.to_crs(UTM)
    assert shapely.equals_exact(back.shapes, areas.shapes, tolerance=1e-6).all()
    with pytest.raises(CRSError):
        areas.to_crs("EPSG:27700")  # Great Britain


def test_areas_and_grid_in_one_crs() -> None:
    other = Grid.covering((890_000, 1_010_000, 891_000, 1_011_000), crs=FEET, cell=250)
    for ask in (
        two().weights,
        two().of_cells,
        lambda g: two().spread([1, 2], g),
        lambda g: two().collect([1] * len(g), g),
    ):
        with pytest.raises(CRSError, match="EPSG:32615 .* ESRI:102696") as caught:
            ask(other)
        assert "to_crs('ESRI:102696')" in (caught.value.hint or "")


def test_values_must_fit_and_be_known() -> None:
    with pytest.raises(UsageError, match="for 2 areas"):
        two().spread([1, 2, 3], GRID)
    with pytest.raises(UsageError, match="for 3 cells"):
        two().collect([1, 2], GRID)
    with pytest.raises(DataError, match="unknown is not zero"):
        two().spread([1, np.nan], GRID)


def test_population_by_cell_of_hand_made_areas() -> None:
    found = population_by_cell(two(), GRID)
    assert found.columns.tolist() == ["men"]
    assert found.index.tolist() == GRID.ids.tolist()
    assert found["men"].tolist() == [40, 40, 30]
    assert found.attrs == {"outside": {"men": 10.0}}
    with pytest.raises(DataError, match="without residents"):
        population_by_cell(Areas.of(frame([box(0, 0, 1, 1)])), GRID)


def test_a_join_by_id() -> None:
    table = pd.DataFrame({"num": ["E", "W"], "w": [7, 5]})
    joined = two().join(table, on="num", population={"women": "w"})
    assert joined.population == ("men", "women")
    assert joined.frame["women"].tolist() == [5, 7]
    assert joined.notes == ()
    assert two().join(table, on="num", population={"men": "w"}).frame["men"].tolist() == [5, 7]


def test_a_join_matches_numbers_and_text() -> None:
    areas = Areas.of(frame([box(0, 0, 1, 1), box(2, 0, 3, 1)], id=[1, 2]))
    for keys in ([2, 1], [2.0, 1.0], ["2", " 1"]):
        joined = areas.join(pd.DataFrame({"k": keys, "n": [20, 10]}), on="k", population=["n"])
        assert joined.frame["n"].tolist() == [10, 20]


def test_a_join_is_never_silent() -> None:
    table = pd.DataFrame({"k": ["W", "X", "Z"], "n": [1, 2, 3]})
    with pytest.raises(DataError, match="'n' of 1 areas are unknown: E") as caught:
        two().join(table, on="k", population=["n"])
    assert "unknown='empty'" in (caught.value.hint or "")
    joined = two().join(table, on="k", population=["n"], unknown="empty")
    assert joined.frame["n"].tolist() == [1, 0]
    assert joined.notes == (
        "n: 1 areas without a number are taken to be empty: E",
        "n: 2 rows with 5 residents name no area",
    )


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ({"k": ["A", "B"], "n": [1, 2]}, "not one k of the table .such as 'A'. is the id"),
        ({"k": ["W", "W"], "n": [1, 2]}, "used more than once: W"),
        ({"k": ["W", None], "n": [1, 2]}, "have no id"),
        ({"k": [], "n": []}, "not one k"),
        ({"key": ["W"], "n": [1]}, "column 'k' was named"),
        ({"k": ["W", "E"], "m": [1, 2]}, "column 'n' was named"),
        ({"k": ["W", "E"], "n": [1, -2]}, "negative"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(table: dict, match: str) -> None:
    with pytest.raises(DataError, match=match):
        two().join(pd.DataFrame(table), on="k", population=["n"])


def test_it_says_what_it_is() -> None:
    assert repr(two()) == "<Areas: 2 in EPSG:32615, residents by men>"
    assert two().union().area == pytest.approx(750 * 250)


def test_read_is_of_what_is_in_the_file(tmp_path: Path) -> None:
    two().frame.to_file(tmp_path / "areas.gpkg")
    areas = Areas.read(tmp_path / "areas.gpkg", population={"M": "men"})
    assert areas.ids.tolist() == ["W", "E"]
    assert areas.frame["M"].tolist() == [80, 40]
    with pytest.raises(SourceError, match="no such file"):
        Areas.read(tmp_path / "other.gpkg")


@pytest.fixture(scope="module")
def stlouis() -> Areas:
    return Areas.read(stlouis_areas(), population=["black", "white"])


def test_the_city_of_st_louis(stlouis: Areas) -> None:
    assert len(stlouis) == 88
    assert stlouis.crs == FEET
    # The Census Bureau's figure of land is 61.7 square miles; the areas leave out some of the riverfront.
    assert stlouis.area.sum() == pytest.approx(61.7 * 2.589988, rel=0.02)
    assert stlouis.frame[["black", "white"]].sum().tolist() == [149_895, 144_506]


def test_residents_of_st_louis_are_all_in_a_cell(stlouis: Areas) -> None:
    grid = Grid.inside(stlouis.union(), crs=FEET, cell=250)
    found = population_by_cell(stlouis, grid)
    assert found.sum().tolist() == pytest.approx([149_895, 144_506], rel=1e-12)
    assert found.attrs["outside"] == {"black": 0.0, "white": 0.0}
    assert (found >= 0).all().all()
    assert np.all(stlouis.of_cells(grid) >= 0)
    # A cell's density is never above that of the densest area it touches.
    density = found["black"].to_numpy() / grid.area
    assert density.max() <= (stlouis.frame["black"] / stlouis.area).max() * (1 + 1e-6)


def test_points_in_st_louis_against_geopandas(stlouis: Areas) -> None:
    x0, y0, x1, y1 = stlouis.union().bounds
    rng = np.random.default_rng(11)
    x, y = rng.uniform(x0, x1, 5000), rng.uniform(y0, y1, 5000)
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y), crs=FEET)
    joined = gpd.sjoin(points, stlouis.frame, predicate="intersects")["index_right"]
    expected = joined.groupby(level=0).min().reindex(range(5000), fill_value=-1)
    assert np.array_equal(stlouis.locate(x, y), expected.to_numpy())


def test_the_original_files_of_st_louis(shared_data: Path) -> None:
    areas = Areas.read(
        shared_data / "geo/stlouis_neighborhoods_esri102696.parquet", id="NHD_NUM", name="NHD_NAME", crs=FEET
    )
    table = pd.read_parquet(shared_data / "geo/stlouis_neighborhood_race_1940_2017.parquet")
    with pytest.raises(DataError, match="of 9 areas are unknown"):
        areas.join(table, on="NHD_NUM", population={"black": "black17"})
    joined = areas.join(table, on="NHD_NUM", population={"black": "black17"}, unknown="empty")
    assert joined.frame["black"].sum() == 149_895
    assert joined.ids[joined.locate(893_000, 994_000)].tolist() != [""]
