"""What of a file of stops is refused as somebody's own, what is let in, and that no refusal repeats a value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peelian.audits.stop_records import stop_records
from peelian.audits.stop_refusals import refuse_births, refuse_identifying, told_columns
from peelian.errors import DataError

FIRST = ("Mary", "Jo", "Abel", "Ruth", "Ivan", "Lena", "Omar", "Rosa")
NAMES = [f"{one} {last}" for one in FIRST for last in ("Whitcombe", "O'Neil", "Ng")]
"""24 of them, so that each recurs in a long table."""


def table(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    when = pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 60 * 24 * 60, n), unit="min")
    return pd.DataFrame({"when": when, "race": rng.choice(["Black", "White", "Asian"], n), "x": "x"})


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("group", "driver_name"),
        ("group", "dob"),
        ("time", "date_of_birth"),
        ("time", "subjectDOB"),
        ("time", "dateofbirth"),
        ("place", "home_address"),
        ("place", "birth_place"),
        ("place", "district_officer_id"),
        ("place", "zone_of_officer"),
        ("basis", "officer_id"),
        ("basis", "Officer"),
        ("group", "plate"),
        ("group", "LICENSEPLATE"),
        ("group", "drivername"),
        ("group", "person_stopped"),
        ("group", "driver"),
        ("hit", "subject_phone"),
        ("group", "LicenseNumber"),
    ],
)
def test_a_column_whose_name_is_of_a_human_being_is_refused(field: str, column: str) -> None:
    raw = table().rename(columns={"x": column})
    mapping = {"time": "when", "group": "race", field: column}
    with pytest.raises(DataError, match=r"its name says .* never persons"):
        stop_records(raw, mapping=mapping)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("group", [f"Smith, Jo{'abcdefghij'[k % 10]}" for k in range(100)]),
        ("group", [f"19{k % 80 + 10}-03-0{k % 9 + 1}" for k in range(100)]),
        ("basis", ["jo@example.org"] * 100),
        ("place", [f"{k} Main St" for k in range(100)]),
        ("basis", ["AB12 CDE", "CD34 EFG"] * 50),
        ("place", [f"AB {1000 + k}" for k in range(40)] * 3),
        ("group", [str(100_000 + k) for k in range(100)]),
        ("place", [f"p{k}" for k in range(100)]),
        ("basis", ["the driver told us at some length how he had come to be there, " * 3] * 100),
        ("group", NAMES * 20),
        ("group", [name.upper() for name in NAMES] * 20),
        ("group", [name.replace(" ", " A. ") for name in NAMES[:6]] * 20),
    ],
)
def test_values_that_are_of_a_human_being_are_refused(field: str, values: list[str]) -> None:
    with pytest.raises(DataError, match="never persons") as no:
        refuse_identifying(field, "column", pd.Series(values))
    assert not any(value in no.value.message + str(no.value.hint) for value in values)


@pytest.mark.parametrize("n", [3, 20, 49])
@pytest.mark.parametrize("field", ["group", "place", "basis"])
def test_values_that_do_not_recur_are_refused_in_a_short_file_too(field: str, n: int) -> None:
    with pytest.raises(DataError, match=rf"{n} values in {n} rows"):
        refuse_identifying(field, "column", pd.Series([f"w{'abcdefgh'[k % 8]}{k}" for k in range(n)]))


@pytest.mark.parametrize(
    ("field", "column", "values"),
    [
        ("group", "officer_defined_ethnicity", ["Black", "White"] * 60),
        ("group", "subject_age", ["18-24", "25-34", "over 34"] * 40),
        *(
            ("group", column, ["Black", "White", "Native American"] * 7)
            for column in ("race", "subject_race", "officer_race", "driver_race", "person_ethnicity")
        ),
        ("group", "RaceOfDriver", ["Black", "White"] * 10),
        ("group", "race", ["Black", None, None, "White"]),
        (
            "group",
            "race",
            [f"{a} {b}" for a in ("White", "Black", "Asian", "Mixed") for b in ("British", "Irish", "Other")]
            * 9,
        ),
        ("place", "neighborhood_name", ["Near - North", "Downtown West"] * 60),
        ("place", "neighborhood", ["Cedar Riverside", "Lind Bohanon", "Como Park"] * 60),
        ("place", "NEIGHBORHOODNAME", ["Hill", "Dale"] * 60),
        ("place", "county_name", ["Wake", "Orange"] * 60),
        ("place", "postcode_area", ["EC", "SW"] * 60),
        ("place", "beat_id", [1, 2, 3] * 40),
        ("place", "beat", ["NW-101", "SE-204"] * 40),
        ("basis", "legislation", ["Misuse of Drugs Act 1971 (section 23)"] * 120),
        ("basis", "reason_driver_stopped", ["speed", "light"] * 20),
        ("basis", "template", ["A", "B"] * 20),
        ("search", "personSearch", ["YES", "NO"] * 60),
        ("search", "search_person", [True, False] * 60),
        ("search", "automobile", ["yes", "no"] * 60),
        ("time", "date_stopped", ["2024-01-01"] * 20),
    ],
)
def test_fields_of_a_stop_are_let_in(field: str, column: str, values: list[object]) -> None:
    refuse_identifying(field, column, pd.Series(values))


def test_days_of_birth_under_another_name_are_refused() -> None:
    rng = np.random.default_rng(0)
    births = pd.Series(pd.Timestamp("1955-01-01") + pd.to_timedelta(rng.integers(0, 50 * 365, 400), unit="D"))
    with pytest.raises(DataError, match=r"'when' was given as time.*as days of birth do"):
        stop_records(table().assign(when=births), mapping={"time": "when", "group": "race"})
    late = pd.Series(pd.date_range("1991-01-01", "2023-01-01", periods=400))
    with pytest.raises(DataError, match=r"go over 3\d years, 0 % of them before 1990"):
        refuse_births("when", late)


def test_a_few_wrong_days_and_many_years_of_stops_are_let_in() -> None:
    days = pd.Series(pd.date_range("1995-01-01", "2024-01-01", periods=400))
    refuse_births("when", days)
    days.iloc[:4] = pd.Timestamp("1900-01-01")
    refuse_births("when", days)
    refuse_births("when", pd.Series([pd.NaT, pd.NaT]))


@pytest.mark.parametrize(
    "header",
    [
        ("2024-03-01 22:15", "Hill", "Mary Whitcombe", "White"),
        ("Mary Whitcombe", "Hill", "44.98"),
        ("Mary Whitcombe", "Hill", "yes"),
        ("Mary Whitcombe", "Hill", "Unknown"),
        ("Mary Whitcombe", "Hill", "Hill"),
    ],
)
def test_a_header_that_may_be_a_row_is_not_repeated(header: tuple[str, ...]) -> None:
    assert "Mary" not in told_columns(header)
    rows = pd.DataFrame([header] * 30, columns=list(header))
    for given in ({"mapping": {"group": "Mary Whitcomb"}}, {}, {"layout": "police_uk"}):
        with pytest.raises(DataError) as no:
            stop_records(rows, **given)
        assert "Mary Whitcombe" not in no.value.message + str(no.value.hint)


@pytest.mark.parametrize("header", [("when", "beat", "race"), ("", "y", "x", "t", "race", "n")])
def test_the_columns_of_a_file_are_told(header: tuple[str, ...]) -> None:
    assert told_columns(header) == ", ".join(header)


def test_the_columns_of_a_known_layout_are_looked_at_too() -> None:
    columns = [
        "date",
        "problem",
        "citationIssued",
        "personSearch",
        "vehicleSearch",
        "race",
        "lat",
        "long",
        "neighborhood",
    ]
    raw = pd.DataFrame({column: ["NO"] * 100 for column in columns}).assign(
        date="2017-01-01T06:30:00Z", lat=44.98, long=-93.27, neighborhood="Hill", race=["Black", "White"] * 50
    )
    assert stop_records(raw).groups == {"Black": 50, "White": 50}
    with pytest.raises(DataError, match="never persons"):
        stop_records(raw.assign(race=[f"1{k:05d}" for k in range(100)]))
