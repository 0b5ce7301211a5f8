from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import ConfigError, SourceError
from peelian.records import STANDARD, load_table

# From the police department's own list of its codes, the FBI's UCR handbook order.
SLMPD_CODES = [
    ("10000", "homicide", False),
    ("21000", "sexual_assault", False),
    ("31111", "robbery", False),
    ("41111", "aggravated_assault", False),
    ("51112", "burglary", False),
    ("63220", "theft", False),
    ("64220", "theft_from_vehicle", False),
    ("65220", "theft_from_vehicle", False),
    ("71013", "motor_vehicle_theft", False),
    ("81110", "arson", False),
    ("91113", "simple_assault", False),
    ("91303", "simple_assault", True),  # of an officer
    ("92000", "intimidation", False),
    ("115400", "fraud", False),
    ("130000", "stolen_property", True),
    ("142320", "vandalism", False),
    ("151110", "weapons", True),
    ("152200", "weapons", False),  # shots heard and reported
    ("161000", "prostitution", True),
    ("172100", "sexual_assault", False),
    ("178200", "other", False),
    ("182400", "drugs", True),
    ("185000", "drugs", False),  # reported by the pharmacy
    ("191000", "gambling", True),
    ("204100", "family", False),
    ("211000", "driving", True),
    ("229999", "liquor", True),
    ("241100", "disorder", False),
    ("250000", "loitering", True),
    ("261200", "kidnapping", False),
    ("263299", "obstruction", True),
    ("265321", "collision", False),
    ("266510", "trespass", True),
    ("266999", "disorder", True),
]


@pytest.mark.parametrize(("code", "category", "initiated"), SLMPD_CODES)
def test_slmpd_codes(code: str, category: str, initiated: bool) -> None:
    assert load_table("slmpd").lookup("WHATEVER", code=code) == (category, initiated)


@pytest.mark.parametrize(
    ("label", "code", "category", "initiated"),
    [
        ("BATTERY", "04B", "aggravated_assault", False),
        ("BATTERY", "08B", "simple_assault", False),
        ("ASSAULT", "04A", "aggravated_assault", False),
        ("THEFT", "06", "theft", False),
        ("DECEPTIVE PRACTICE", "11", "fraud", False),
        ("DECEPTIVE PRACTICE", "13", "stolen_property", True),
        ("NARCOTICS", "18", "drugs", True),
        ("NON - CRIMINAL", "26", "other", False),
        ("NON-CRIMINAL (SUBJECT SPECIFIED)", "26", "other", False),
        ("INTERFERENCE WITH PUBLIC OFFICER", "24", "obstruction", True),
        ("CRIMINAL TRESPASS", None, "trespass", True),
    ],
)
def test_chicago_labels(label: str, code: str | None, category: str, initiated: bool) -> None:
    assert load_table("chicago").lookup(label, code=code) == (category, initiated)


@pytest.mark.parametrize(
    ("label", "category", "initiated"),
    [
        ("Violence and sexual offences", "violence", False),
        ("Vehicle crime", "vehicle_crime", False),
        ("Anti-social behaviour", "disorder", False),
        ("Drugs", "drugs", True),
        ("Possession of weapons", "weapons", True),
        ("Shoplifting", "theft", False),
    ],
)
def test_police_uk_labels(label: str, category: str, initiated: bool) -> None:
    assert load_table("police_uk").lookup(label) == (category, initiated)


@pytest.mark.parametrize(
    ("label", "category"),
    [
        ("Burglary", "burglary"),
        ("MOTOR VEHICLE THEFT", "motor_vehicle_theft"),
        ("motor_vehicle_theft", "motor_vehicle_theft"),
        ("Auto-Theft", "motor_vehicle_theft"),
        ("Theft from auto", "theft_from_vehicle"),
        ("Aggravated  Assault", "aggravated_assault"),
        ("LARCENY", "theft"),
        ("Drug/Narcotic Violations", "drugs"),
    ],
)
def test_any_source_knows_standard_names_and_synonyms(label: str, category: str) -> None:
    hit = load_table("some_city").lookup(label)
    assert hit is not None
    assert hit[0] == category


def test_what_no_table_knows_is_not_guessed() -> None:
    assert load_table("some_city").lookup("HAZARD - HAZARDOUS CONDITION") is None
    assert load_table("slmpd").lookup("SOMETHING NEW", code="999999") is None


def test_officer_initiated_defaults_are_charter_rule_6() -> None:
    flagged = {name for name, category in STANDARD.items() if category.officer_initiated}
    assert {"drugs", "prostitution", "trespass", "obstruction", "weapons", "liquor", "loitering"} <= flagged
    assert not flagged & {"burglary", "robbery", "theft", "homicide", "aggravated_assault", "violence"}


@pytest.mark.parametrize("source", ["slmpd", "chicago", "police_uk"])
def test_every_category_of_a_table_is_standard(source: str) -> None:
    rules = load_table(source).rules
    assert rules
    assert {category for category, _ in rules.values()} <= set(STANDARD)


def test_an_override_comes_before_the_built_in_table(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("pattern,category,officer_initiated\n0511*,other,true\nBEGGING NEAR BANK,disorder,\n")
    table = load_table("slmpd", path)
    assert table.lookup("x", code="51112") == ("other", True)
    assert table.lookup("x", code="52112") == ("burglary", False)
    assert table.lookup("Begging near bank") == ("disorder", False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label,kind\nx,theft\n", "expected pattern,category"),
        ("pattern,category\nx,thefts\n", "'thefts' for 'x' is not one of"),
        ("pattern,category\n,theft\n", "line 2"),
        ("pattern,category,officer_initiated\nx,theft,maybe\n", "'maybe' is not true or false"),
        ("", "expected pattern,category"),
    ],
)
def test_a_bad_override_says_where(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_table("slmpd", path)


def test_an_override_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere.csv"):
        load_table("slmpd", tmp_path / "nowhere.csv")


@given(st.text(max_size=60), st.none() | st.text(max_size=12))
def test_lookup_never_fails_and_gives_standard_names(label: str, code: str | None) -> None:
    for source in ("slmpd", "chicago", "some_city"):
        hit = load_table(source).lookup(label, code=code)
        assert hit is None or hit[0] in STANDARD


def test_one_s_own_rows_go_before_all_that_come_with_the_source(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(
        "pattern,category,officer_initiated\nBURGLARY-BUSINESS,theft,false\nbreak and enter*,burglary,false\n"
        "break and enter vehicle*,theft_from_vehicle,false\nROBBERY/031111,other,true\n"
    )
    table = load_table("slmpd", path)
    assert table.lookup("BURGLARY-BUSINESS", code="52111") == ("theft", False)
    assert table.lookup("BURGLARY-RESIDENCE", code="51111") == ("burglary", False)
    assert table.lookup("Break and enter, garage") == ("burglary", False)
    assert table.lookup("Break and enter vehicle (car)") == ("theft_from_vehicle", False)
    assert table.lookup("ROBBERY", code="31111") == ("other", True)
    assert table.lookup("ROBBERY", code="31112") == ("robbery", False)
