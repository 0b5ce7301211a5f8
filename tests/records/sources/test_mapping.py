from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import PeelianError, SourceError
from peelian.records import MAPPABLE, SOURCES
from peelian.records.sources import mapped_source
from peelian.records.sources.mapping import person_word

HEADER = ["ts", "x_m", "y_m", "type", "notes", "ref", "lon", "lat"]
GOOD = {"occurred_from": "ts", "x": "x_m", "y": "y_m", "category": "type"}


def test_a_good_mapping_becomes_a_source() -> None:
    source = mapped_source(GOOD, HEADER, name="my_city", crs="EPSG:26910", zone="America/Los_Angeles")
    assert (source.name, source.crs, source.zone, source.mapped) == (
        "my_city",
        "EPSG:26910",
        "America/Los_Angeles",
        True,
    )
    assert source.layouts[0].positions(HEADER) == {"occurred_from": 0, "x": 1, "y": 2, "label": 3}


def test_longitude_and_latitude_are_degrees_by_their_names() -> None:
    assert mapped_source(GOOD | {"x": "lon", "y": "lat"}, HEADER).crs == "EPSG:4326"
    assert mapped_source(GOOD, HEADER).crs is None


def test_columns_are_found_whatever_their_case() -> None:
    source = mapped_source(GOOD | {"x": "X-M"}, HEADER)
    assert source.layouts[0].columns["x"] == "x_m"


@pytest.mark.parametrize(
    "field", ["victim_age", "name", "resolution", "source", "occurred", "officer", "score"]
)
def test_fields_off_the_allow_list_are_refused(field: str) -> None:
    with pytest.raises(SourceError, match="charter rule 1"):
        mapped_source(GOOD | {field: "notes"}, HEADER)


def test_a_column_that_is_not_there_is_answered_with_near_ones() -> None:
    with pytest.raises(SourceError, match="near: x_m"):
        mapped_source(GOOD | {"x": "x_metres"}, HEADER)


def test_time_and_place_are_needed() -> None:
    with pytest.raises(SourceError, match="lacks y"):
        mapped_source({"occurred_from": "ts", "x": "x_m"}, HEADER)


def test_category_and_label_are_one_field() -> None:
    with pytest.raises(SourceError, match="mapped twice"):
        mapped_source(GOOD | {"label": "notes"}, HEADER)


@pytest.mark.parametrize(
    "column",
    [
        "name",
        "Full Name",
        "SUSPECTNAME",
        "suspect_id",
        "victim_age",
        "VictimSex",
        "Vict Age",
        "offenderRace",
        "dob",
        "Date_of_Birth",
        "SSN",
        "plate",
        "LicensePlate",
        "phone_number",
        "e_mail_email",
        "race",
        "Sex",
        "gender",
        "AGE",
        "twitter_handle",
        "face_id",
        "arrestee",
        "witness_1",
        "officer_badge",
        "badge",
        "username",
        "complainant",
        "defendant_no",
        "passport",
    ],
)
def test_columns_about_persons_are_refused(column: str) -> None:
    assert person_word(column)
    with pytest.raises(SourceError, match="places, never persons"):
        mapped_source(GOOD | {"id": column}, [*HEADER, column])


@pytest.mark.parametrize(
    "column",
    [
        "offense_name",
        "OFFENSENAME",
        "Crime Name",
        "location_name",
        "neighborhood_name",
        "Primary Type",
        "officer_initiated",
        "OfficerInitiated",
        "x",
        "ts",
        "Crm Cd Desc",
        "premise_type",
        "Reported Date",
        "stage",
        "usage",
        "image_ref",
        "surface",
        "location",
        "phase",
    ],
)
def test_columns_about_incidents_are_not(column: str) -> None:
    assert person_word(column) is None


@pytest.mark.parametrize("name", ["", "My City", "../etc", "a" * 41, "1city", "x;drop"])
def test_a_source_name_is_a_word(name: str) -> None:
    with pytest.raises(SourceError, match="source name"):
        mapped_source(GOOD, HEADER, name=name)


@pytest.mark.parametrize("name", list(SOURCES))
def test_a_source_name_is_not_that_of_a_known_source(name: str) -> None:
    with pytest.raises(SourceError, match="known source") as caught:
        mapped_source(GOOD, HEADER, name=name)
    assert f"city_{name}" in str(caught.value.hint)


@given(
    st.dictionaries(
        st.sampled_from([*MAPPABLE, "bad"]) | st.text(max_size=8), st.text(max_size=12), max_size=6
    )
)
def test_any_mapping_is_a_source_or_a_refusal(mapping: dict[str, str]) -> None:
    try:
        source = mapped_source(mapping, HEADER)
    except PeelianError:
        return
    assert set(source.layouts[0].columns) <= set(MAPPABLE.values())
    assert set(source.layouts[0].columns.values()) <= set(HEADER)
