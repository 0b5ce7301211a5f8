from __future__ import annotations

import pytest

from peelian.errors import SourceError
from peelian.records import SOURCES, recognise
from peelian.records.sources.base import INPUTS, Layout, Source, fold_column


@pytest.mark.parametrize("name", list(SOURCES))
def test_each_layout_is_recognised_as_its_own_source(name: str) -> None:
    for layout in SOURCES[name].layouts:
        header = [*layout.columns.values(), *layout.signature, "Something Else"]
        assert recognise(header) is SOURCES[name]
        assert recognise([column.upper() for column in header]) is SOURCES[name]
        assert recognise(header, name=name) is SOURCES[name]


@pytest.mark.parametrize("name", list(SOURCES))
def test_sources_read_known_inputs_only(name: str) -> None:
    source = SOURCES[name]
    assert source.name == name
    assert source.crs
    assert source.zone
    for layout in source.layouts:
        assert set(layout.columns) <= set(INPUTS)
        assert {"occurred_from", "x", "y", "label"} <= set(layout.columns)


def test_an_unknown_header_lists_what_was_found_and_what_is_known() -> None:
    with pytest.raises(SourceError) as caught:
        recognise(["when", "lon", "lat"])
    text = str(caught.value)
    assert "when, lon, lat" in text
    assert all(name in text for name in SOURCES)
    assert "--map" in text


def test_an_unknown_name_is_answered_with_a_near_one() -> None:
    with pytest.raises(SourceError, match="source=slmpd"):
        recognise(["ts"], name="slmdp")


def test_a_named_source_says_what_the_file_lacks() -> None:
    header = [c for c in SOURCES["slmpd"].layouts[0].columns.values() if c != "XCoord"]
    with pytest.raises(SourceError, match="lacks XCoord"):
        recognise([*header, "x_coord_old"], name="slmpd")


def test_positions_follow_the_header_and_take_the_first_of_two() -> None:
    layout = Layout({"x": "X Coord", "y": "Y", "label": "kind"})
    assert layout.positions(["Y", "x_coord", "Kind", "XCOORD"]) == {"x": 1, "y": 0, "label": 2}
    assert layout.missing(["Y", "kind"]) == ["X Coord"]


def test_a_source_is_data_and_can_not_be_changed() -> None:
    source = Source("s", "t", None, None, (Layout({"x": "x"}),))
    with pytest.raises(AttributeError):
        source.name = "other"  # type: ignore[misc]


def test_fold_column() -> None:
    assert fold_column(" X-Coord_ ") == "xcoord"
