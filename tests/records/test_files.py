from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peelian.errors import PeelianError, SourceError
from peelian.records.files import RawRows, load_rows, open_file

POSITIONS = {"x": 0, "y": 1, "label": 2}
Row = tuple[int, str | None, str | None, str | None]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as opened:
        yield opened


def load(connection: duckdb.DuckDBPyConnection, path: Path, data: bytes) -> tuple[RawRows, list[Row]]:
    path.write_bytes(data)
    connection.execute("DROP VIEW IF EXISTS raw")
    found = load_rows(connection, open_file(path), POSITIONS)
    return found, connection.execute("SELECT row, x, y, label FROM raw ORDER BY row").fetchall()


HEADER = b"a,b,c\n"


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"1,2,3\n4,5,6\n", [(1, "1", "2", "3"), (2, "4", "5", "6")]),
        (b"1,2,3", [(1, "1", "2", "3")]),
        (b"1,2,3\r\n4,5,6\r\n", [(1, "1", "2", "3"), (2, "4", "5", "6")]),
        (b'1,"two\nlines",3\n4,5,6\n', [(1, "1", "two\nlines", "3"), (2, "4", "5", "6")]),
        (b'1,"a ""quoted"", word",3\n', [(1, "1", 'a "quoted", word', "3")]),
        (b"1,,  \n", [(1, "1", None, None)]),
        (b"1,2,3\n\n4,5,6\n\n", [(1, "1", "2", "3"), (2, "4", "5", "6")]),
        (b"", []),
        (b"1,2,3,\n", [(1, "1", "2", "3")]),
        (b'1,2 "x" y,3\n', [(1, "1", '2 "x" y', "3")]),
    ],
)
def test_good_rows(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, data: bytes, rows: list[Row]
) -> None:
    found, got = load(connection, tmp_path / "f.csv", HEADER + data)
    assert got == rows
    assert (found.read, found.malformed, found.not_utf8) == (len(rows), (), 0)


@pytest.mark.parametrize(
    ("data", "malformed", "rows"),
    [
        (b"1,2\n4,5,6\n", (1,), [(2, "4", "5", "6")]),
        (b"1,2,3,4\n4,5,6\n", (1,), [(2, "4", "5", "6")]),
        (b'1,"2"x,3\n4,5,6\n', (1,), [(2, "4", "5", "6")]),
        (b'1,"2,3\n4,5,6\n7,8,9\n', (1,), [(2, "4", "5", "6"), (3, "7", "8", "9")]),
        (b'1,2,3\n4,5,6\n7,"8\n', (3,), [(1, "1", "2", "3"), (2, "4", "5", "6")]),
        (b"garbage\n1,2,3\n;;;\n", (1, 3), [(2, "1", "2", "3")]),
    ],
)
def test_one_bad_row_costs_one_row(
    connection: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    data: bytes,
    malformed: tuple[int, ...],
    rows: list[Row],
) -> None:
    found, got = load(connection, tmp_path / "f.csv", HEADER + data)
    assert found.malformed == malformed
    assert got == rows
    assert found.total == len(rows) + len(malformed)


def test_a_byte_order_mark_is_no_part_of_the_first_name(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    for tail in (b"1,2,3\n", b"1,2,3\n4\n"):  # the strict reader, and the other one
        _, got = load(connection, tmp_path / "f.csv", b"\xef\xbb\xbf" + HEADER + tail)
        assert got == [(1, "1", "2", "3")]
    assert open_file(tmp_path / "f.csv").columns == ("a", "b", "c")


def test_latin_1_is_read_and_counted(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found, got = load(connection, tmp_path / "f.csv", HEADER + b"1,2,caf\xe9\n4,5,caf\xc3\xa9\n")
    assert [row[3] for row in got] == ["café", "café"]
    assert found.not_utf8 == 1


def test_mixed_line_ends(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found, got = load(connection, tmp_path / "f.csv", HEADER + b"1,2,3\r4,5,6\r\n7,8,9\n")
    assert [row[1] for row in got] == ["1", "4", "7"]
    assert found.malformed == ()


def test_old_mac_line_ends(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    _, got = load(connection, tmp_path / "f.csv", b"a,b,c\r1,2,3\r4,5,6\r")
    assert [row[1] for row in got] == ["1", "4"]


def test_blank_lines_before_the_header(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    _, got = load(connection, tmp_path / "f.csv", b"\n\n" + HEADER + b"1,2,3\n")
    assert got == [(1, "1", "2", "3")]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters(connection: duckdb.DuckDBPyConnection, tmp_path: Path, delimiter: str) -> None:
    data = "a,b,c\n1,2,3\n".replace(",", delimiter).encode()
    assert load(connection, tmp_path / "f.csv", data)[1] == [(1, "1", "2", "3")]


@pytest.mark.parametrize("name", ["a[1].csv", "a*b.csv", "what?.csv", "it's.csv", "ünï.csv"])
def test_odd_file_names(connection: duckdb.DuckDBPyConnection, tmp_path: Path, name: str) -> None:
    (tmp_path / "a1.csv").write_bytes(HEADER + b"wrong,wrong,wrong\n")
    (tmp_path / "aXb.csv").write_bytes(HEADER + b"wrong,wrong,wrong\n")
    assert load(connection, tmp_path / name, HEADER + b"1,2,3\n")[1] == [(1, "1", "2", "3")]


def test_odd_column_names_are_only_names(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    evil = 'x"; DROP TABLE raw; --'
    pq.write_table(pa.table({evil: ["1"], "b": ["2"], "c": ["3"]}), tmp_path / "f.parquet")
    file = open_file(tmp_path / "f.parquet")
    assert file.columns[0] == evil
    load_rows(connection, file, POSITIONS)
    assert connection.execute("SELECT x FROM raw").fetchall() == [("1",)]


def test_parquet_types_become_text(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    table = pa.table(
        {
            "a": pa.array([1, None], type=pa.int32()),
            "b": pa.array([1_500_000_000_000, 0], type=pa.timestamp("ms")),
            "c": pa.array(["one", "two"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "f.parquet")
    load_rows(connection, open_file(tmp_path / "f.parquet"), POSITIONS)
    assert connection.execute("SELECT row, x, y, label FROM raw").fetchall() == [
        (1, "1", "2017-07-14 02:40:00", "one"),
        (2, None, "1970-01-01 00:00:00", "two"),
    ]


def test_the_hash_is_of_the_bytes(tmp_path: Path) -> None:
    data = HEADER + b"1,2,3\n" * 400_000  # more than one block
    (tmp_path / "f.csv").write_bytes(data)
    assert open_file(tmp_path / "f.csv").sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n \n", "is empty"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"\x1f\x8brest", "archive"),
        (b"\xff\xfea\x00,\x00b\x00", "UTF-16"),
        (b"PAR1 and nothing else", "begins like Parquet"),
        (b"just one column\n1\n", "one column"),
        (b'a,"b,c\n1,2,3\n', "header of f.csv can't be read"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "f.csv").write_bytes(data)
    with pytest.raises(SourceError, match=words):
        open_file(tmp_path / "f.csv")


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="can't be read"):
        open_file(tmp_path / "none.csv")
    with pytest.raises(SourceError, match="can't be read"):
        open_file(tmp_path)


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
SLOW = [HealthCheck.function_scoped_fixture]


@settings(max_examples=80, deadline=None, suppress_health_check=SLOW)
@given(rows=st.lists(st.tuples(CELL, CELL, CELL), max_size=8))
def test_what_a_csv_writer_writes_is_read_back(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, rows: list[tuple[str, str, str]]
) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    found, got = load(connection, tmp_path / "f.csv", stream.getvalue().encode())

    def text(cell: str) -> str | None:
        return cell.strip(" \t\r\n") or None

    assert found.malformed == ()
    assert got == [(i, *map(text, row)) for i, row in enumerate(rows, start=1)]


@settings(max_examples=80, deadline=None, suppress_health_check=SLOW)
@given(tail=st.binary(max_size=120) | st.text('",\n\r1a;', max_size=60).map(str.encode))
def test_any_bytes_are_rows_or_an_error_of_ours(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, tail: bytes
) -> None:
    try:
        found, got = load(connection, tmp_path / "f.csv", HEADER + tail)
    except PeelianError:
        return
    assert len(got) == found.read
    numbers = [row[0] for row in got] + list(found.malformed)
    assert sorted(numbers) == list(range(1, found.total + 1))


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(data=st.binary(max_size=80))
def test_any_file_at_all_gives_no_traceback(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "f.csv").write_bytes(data)
    try:
        file = open_file(tmp_path / "f.csv")
    except PeelianError:
        return
    assert len(file.columns) >= 2
