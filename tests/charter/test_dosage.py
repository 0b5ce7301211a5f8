"""Dosage: visits, files of them, and that neither has a place for a person."""

from __future__ import annotations

import csv
from contextlib import suppress
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.charter.dosage import COLUMNS, Attendance, read_dosage
from peelian.errors import SourceError, UsageError

DAY = date(2026, 11, 2)
HEAD = "cell,date,attended,minutes,with\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "dosage.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_there_is_no_field_for_a_person() -> None:
    assert {field.name for field in fields(Attendance)} == {"cell", "day", "attended", "minutes", "means"}
    assert set(COLUMNS) == set(Attendance("E1N2", DAY, False).to_dict())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("", DAY, True, 5, "foot patrol"), "no place"),
        (("E1N2", DAY, True, 0, "foot patrol"), "more than 0"),
        (("E1N2", DAY, True, float("nan"), "foot patrol"), "more than 0"),
        (("E1N2", DAY, True, 1441, "foot patrol"), "up to 1440"),
        (("E1N2", DAY, True, 20, " "), "nothing was given"),
        (("E1N2", DAY, False, 20, ""), "not attended"),
        (("E1N2", DAY, False, 0, "car"), "not attended"),
        (("E1N2", DAY, True, 20, "foot patrol by j.doe@agency.example"), "a kind of work"),
        (("E1N2", DAY, True, 20, "badge 4711"), "a kind of work"),
        (("E1N2", DAY, True, 20, "talked with the family of the house at the corner"), "a kind of work"),
    ],
)
def test_what_is_no_visit(given: tuple[str, date, bool, float, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Attendance(*given)


def test_a_file_is_read_with_its_lines(tmp_path: Path) -> None:
    rows = "E1N2,2026-11-02,yes,25,Foot  patrol\n\nE1N3,2026-11-02,no,,\nE1N2,2026-11-03,TRUE,7.5,car\n"
    assert read_dosage(written(tmp_path, "\ufeff" + HEAD + rows)) == [
        (2, Attendance("E1N2", DAY, True, 25, "foot patrol")),
        (4, Attendance("E1N3", DAY, False)),
        (5, Attendance("E1N2", date(2026, 11, 3), True, 7.5, "car")),
    ]


@pytest.mark.parametrize("column", ["officer", "name", "badge", "crew", "suspect_name", "note", "Cell"])
def test_a_column_for_which_there_is_no_field_is_refused(tmp_path: Path, column: str) -> None:
    path = written(tmp_path, f"cell,date,attended,minutes,with,{column}\nE1N2,2026-11-02,yes,5,car,X\n")
    with pytest.raises(SourceError, match=f"'{column}'.*places, never persons") as no:
        read_dosage(path)
    assert "leave it out" in str(no.value.hint)


def test_each_bad_row_is_named_and_nothing_kept(tmp_path: Path) -> None:
    rows = (
        "E1N2,2026-11-02,yes,25,car\nE1N2,2.11.2026,yes,25,car\nE1N2,2026-11-02,maybe,25,car\n"
        "E1N2,2026-11-02,yes,long,car\nE1N2,2026-11-02,yes\nE1N2,2026-11-02,yes,5,car,more\n,2026-11-02,yes,5,car\n"
    )
    with pytest.raises(SourceError) as no:
        read_dosage(written(tmp_path, HEAD + rows))
    said = no.value.message
    assert "6 bad row(s)" in said
    for part in ("line 3: date is '2.11.2026'", "line 4: attended is 'maybe'", "line 5: minutes is 'long'"):
        assert part in said
    for line in (6, 7):
        assert f"line {line}: it has not 5 values" in said
    assert "line 8: no place" in said
    many = HEAD + "E1N2,2026-11-02,maybe,5,car\n" * 14
    with pytest.raises(SourceError, match="and 4 more"):
        read_dosage(written(tmp_path, many))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has the columns none"),
        (HEAD, "holds no row"),
        ("cell,date,attended,minutes\nE1N2,2026-11-02,no,\n", "expected cell,date,attended,minutes,with"),
        ("cell,cell,date,attended,minutes,with\nE1N2,E1N2,2026-11-02,no,,\n", "each once"),
        (HEAD + 'E1N2,2026-11-02,yes,5,"car\n', "can't be read"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        read_dosage(written(tmp_path, text))
    with pytest.raises(SourceError, match="can't be read"):
        read_dosage(tmp_path / "nowhere.csv")
    (tmp_path / "latin.csv").write_bytes(HEAD.encode() + b"E1N2,2026-11-02,yes,5,caf\xe9\n")
    with pytest.raises(SourceError, match="can't be read"):
        read_dosage(tmp_path / "latin.csv")


def test_a_column_of_names_is_no_column_of_kinds(tmp_path: Path) -> None:
    names = [f"{a}{b}" for a in "abcdef" for b in "uvwxyz"]
    rows = "".join(f"E1N2,2026-11-02,yes,5,{name}\n" for name in names)
    with pytest.raises(SourceError, match="36 different values: those are names or notes"):
        read_dosage(written(tmp_path, HEAD + rows))


VISITS = st.builds(
    lambda cell, day, attended, minutes, means: Attendance(
        cell, day, attended, minutes if attended else 0.0, means if attended else ""
    ),
    st.from_regex(r"E-?[0-9]{1,5}N-?[0-9]{1,5}", fullmatch=True),
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.booleans(),
    st.floats(0.5, 1440),
    st.sampled_from(["foot patrol", "car", "lights mended", 'a "fence", moved']),
)


@given(st.lists(VISITS, min_size=1, max_size=8))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, visits: list[Attendance]) -> None:
    path = tmp_path_factory.mktemp("dosage") / "d.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(visit.to_dict() for visit in visits)
    assert [visit for _, visit in read_dosage(path)] == visits


@given(st.text(max_size=200), st.booleans())
def test_any_text_is_read_or_refused_with_words(
    tmp_path_factory: pytest.TempPathFactory, text: str, headed: bool
) -> None:
    path = tmp_path_factory.mktemp("dosage") / "d.csv"
    path.write_bytes(((HEAD if headed else "") + text).encode("utf-8", "replace"))
    with suppress(SourceError):  # and no other error
        assert all(isinstance(visit, Attendance) for _, visit in read_dosage(path))
