"""Opening a file: what it is, its header, its hash, and every row of it in a DuckDB table of text.

Two readers share the work. DuckDB's parallel reader takes what is strictly RFC 4180. A CSV that it refuses
(a row of the wrong width, a stray quote, bytes that are not UTF-8) is read again record by record, so that
each row is either read or counted as malformed; none is skipped silently.
"""

# ruff: noqa: S608  names in statements are ours or quoted; values are bound
from __future__ import annotations

import csv
import hashlib
import io
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from peelian.errors import SourceError
from peelian.records.engine import exact_paths, quote

__all__ = ["OpenedFile", "RawRows", "load_rows", "open_file"]

_HEAD = 1 << 20
_BATCH = 50_000
# A quote that is not closed within so many lines is a stray one, not a long field.
_QUOTED_LINES = 100
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file that can be read: its columns in order, its SHA-256, and how it is written."""

    path: Path
    sha256: str
    columns: tuple[str, ...]
    parquet: bool
    delimiter: str
    regular: bool


@dataclass(frozen=True, slots=True)
class RawRows:
    """What :func:`load_rows` found: rows read, numbers of malformed rows, and lines that were not UTF-8."""

    read: int
    malformed: tuple[int, ...]
    not_utf8: int

    @property
    def total(self) -> int:
        """Data rows in the file."""
        return self.read + len(self.malformed)


def open_file(path: Path) -> OpenedFile:
    """Look at a file: Parquet or CSV, its header and its hash.

    Raises
    ------
    SourceError
        If it can't be read, is empty, or is neither CSV nor Parquet.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
            digest = hashlib.sha256(head)
            while chunk := stream.read(_HEAD):
                digest.update(chunk)
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror or error}; expected a CSV or Parquet file"
        raise SourceError(msg, hint="check the path and its permissions") from error
    if not head.strip(b"\xef\xbb\xbf\r\n\t \x00"):
        msg = f"{path.name} is empty; expected a header and rows"
        raise SourceError(msg, hint="export the file again")
    if head.startswith(b"PAR1"):
        return OpenedFile(path, digest.hexdigest(), _parquet_columns(path), True, ",", True)
    if head.startswith((b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0", b"SQLite format 3")):
        msg = f"{path.name} is a spreadsheet, an archive or a database; expected a CSV or Parquet file"
        raise SourceError(msg, hint="unpack it, or save it as CSV")
    if head.startswith(_UTF16):
        msg = f"{path.name} is UTF-16; expected UTF-8"
        raise SourceError(msg, hint=f"iconv -f UTF-16 -t UTF-8 {path.name} > utf8.csv")
    columns, delimiter, regular = _csv_header(head, path.name)
    return OpenedFile(path, digest.hexdigest(), columns, False, delimiter, regular)


def _parquet_columns(path: Path) -> tuple[str, ...]:
    try:
        with duckdb.connect(":memory:", config={"autoinstall_known_extensions": False}) as connection:
            found = connection.execute(
                "SELECT column_name FROM (DESCRIBE SELECT * FROM read_parquet(?))", [exact_paths([path])]
            ).fetchall()
    except duckdb.Error as error:
        msg = f"{path.name} begins like Parquet but can't be read: {_first_line(error)}"
        raise SourceError(msg, hint="export the file again") from error
    return tuple(str(row[0]) for row in found)


def _csv_header(head: bytes, name: str) -> tuple[tuple[str, ...], str, bool]:
    """Return columns, delimiter, and whether the header is a plain first line in UTF-8."""
    body = head.removeprefix(b"\xef\xbb\xbf")
    lines = _physical_lines([body])
    first = next((line for line in lines if line.strip()), b"")
    regular = body.startswith(first) and b"\x00" not in first
    text, was_utf8 = _decode(first)
    text = text.rstrip("\r\n")
    delimiter = max(",;\t|", key=lambda d: text.count(d))
    try:
        columns = next(csv.reader([text], delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration) as error:
        msg = f"the header of {name} can't be read: {error}"
        raise SourceError(msg, hint="the first line must hold the names of the columns") from error
    if len(columns) < 2:
        msg = f"{name} has one column ({text[:60]!r}); expected a CSV with a header, or a Parquet file"
        raise SourceError(msg, hint="the first line must hold the names of the columns, with commas between")
    return tuple(column.strip() for column in columns), delimiter, regular and was_utf8


def load_rows(
    connection: duckdb.DuckDBPyConnection, file: OpenedFile, positions: Mapping[str, int]
) -> RawRows:
    """Create the table ``raw`` with ``row`` (1-based data row) and one text column for each input.

    ``positions`` maps an input's name to the position of its column. Empty text becomes null.
    """
    if file.parquet:
        return _load_parquet(connection, file, positions)
    if file.regular and _load_strict_csv(connection, file, positions):
        return RawRows(_count(connection), (), 0)
    return _load_any_csv(connection, file, positions)


def _count(connection: duckdb.DuckDBPyConnection) -> int:
    found = connection.execute("SELECT count(*) FROM raw").fetchone()
    return int(found[0]) if found else 0


def _text(expression: str, name: str) -> str:
    text = f"CAST({expression} AS VARCHAR)"
    # Trimming every value costs more than reading it, so only those with a blank at an end are trimmed.
    blank = f"ascii({text}) <= 32 OR ascii(right({text}, 1)) <= 32"
    return f"CASE WHEN {blank} THEN nullif(trim({text}, E' \\t\\r\\n'), '') ELSE {text} END AS {quote(name)}"


def _number_rows(connection: duckdb.DuckDBPyConnection) -> None:
    # A table's rowid follows the order of the file, and numbering by it keeps the reading parallel.
    connection.execute("CREATE OR REPLACE TEMP VIEW raw AS SELECT rowid + 1 AS row, * FROM raw_rows")


def _load_parquet(
    connection: duckdb.DuckDBPyConnection, file: OpenedFile, positions: Mapping[str, int]
) -> RawRows:
    wanted = ", ".join(_text(quote(file.columns[at]), name) for name, at in positions.items())
    try:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE raw_rows AS SELECT {wanted} FROM read_parquet(?)",
            [exact_paths([file.path])],
        )
    except duckdb.Error as error:
        msg = f"{file.path.name} can't be read as Parquet: {_first_line(error)}"
        raise SourceError(msg, hint="export the file again") from error
    _number_rows(connection)
    return RawRows(_count(connection), (), 0)


def _load_strict_csv(
    connection: duckdb.DuckDBPyConnection, file: OpenedFile, positions: Mapping[str, int]
) -> bool:
    """Read with DuckDB if the file is strictly RFC 4180; return False if it is not."""
    names = {f"c{i}": "VARCHAR" for i in range(len(file.columns))}
    columns = "{" + ", ".join(f"{name}: '{kind}'" for name, kind in names.items()) + "}"
    wanted = ", ".join(_text(f"c{at}", name) for name, at in positions.items())
    try:
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE raw_rows AS SELECT {wanted} FROM read_csv(?, columns={columns},
            delim=?, quote='"', escape='"', header=true, auto_detect=false, strict_mode=true)""",
            [exact_paths([file.path]), file.delimiter],
        )
    except duckdb.Error:
        return False
    _number_rows(connection)
    return True


def _load_any_csv(
    connection: duckdb.DuckDBPyConnection, file: OpenedFile, positions: Mapping[str, int]
) -> RawRows:
    schema = pa.schema([("row", pa.int64()), *((name, pa.string()) for name in positions)])
    fields = ", ".join(f"{quote(name)} VARCHAR" for name in positions)
    connection.execute("DROP VIEW IF EXISTS raw")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE raw_any (row BIGINT, {fields})")
    malformed: list[int] = []
    not_utf8 = 0
    batch: list[list[int | str]] = []
    read = 0
    with file.path.open("rb") as stream:
        for number, (values, clean) in enumerate(_records(stream, len(file.columns), file.delimiter)):
            not_utf8 += not clean
            if number == 0:  # the header
                continue
            if values is None:
                malformed.append(number)
                continue
            batch.append([number, *(values[at] for at in positions.values())])
            read += 1
            if len(batch) == _BATCH:
                _insert(connection, batch, schema)
                batch = []
    _insert(connection, batch, schema)
    wanted = ", ".join(_text(quote(name), name) for name in positions)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW raw AS SELECT row, {wanted} FROM raw_any")
    return RawRows(read, tuple(malformed), not_utf8)


def _insert(connection: duckdb.DuckDBPyConnection, batch: list[list[int | str]], schema: pa.Schema) -> None:
    if not batch:
        return
    arrays = [
        pa.array(column, type=field.type)
        for column, field in zip(zip(*batch, strict=True), schema, strict=True)
    ]
    connection.register("raw_batch", pa.Table.from_arrays(arrays, schema=schema))
    connection.execute("INSERT INTO raw_any SELECT * FROM raw_batch")
    connection.unregister("raw_batch")


def _physical_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Yield lines ended by ``\n``, ``\r\n`` or ``\r``, with their ends."""
    for chunk in chunks:
        yield from chunk.splitlines(keepends=True)


def _decode(line: bytes) -> tuple[str, bool]:
    try:
        return line.decode("utf-8"), True
    except UnicodeDecodeError:
        return line.decode("latin-1"), False


def _records(
    stream: io.BufferedIOBase, width: int, delimiter: str
) -> Iterator[tuple[list[str] | None, bool]]:
    """Yield each record's values (``None`` if malformed) and whether its bytes were UTF-8.

    Blank lines are no records. A record that can't be read gives up its first line only, and reading goes on
    with the next line, so that one stray quote costs one row.
    """
    first = stream.readline().removeprefix(b"\xef\xbb\xbf")
    lines = _physical_lines(_with_first(first, stream))
    waiting: deque[bytes] = deque()
    while True:
        line = waiting.popleft() if waiting else next(lines, None)
        if line is None:
            return
        if not line.strip():
            continue
        taken = [line]
        while _open_quote(taken) and len(taken) < _QUOTED_LINES:
            more = waiting.popleft() if waiting else next(lines, None)
            if more is None:
                break
            taken.append(more)
        values, clean = _values(taken, width, delimiter)
        if values is None and len(taken) > 1:
            waiting.extendleft(reversed(taken[1:]))
            clean = _decode(line)[1]
        yield values, clean


def _with_first(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _open_quote(lines: Sequence[bytes]) -> bool:
    return sum(line.count(b'"') for line in lines) % 2 == 1


def _values(lines: Sequence[bytes], width: int, delimiter: str) -> tuple[list[str] | None, bool]:
    text, clean = _decode(b"".join(lines))
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return None, clean
    if len(rows) != 1:
        return None, clean
    values = rows[0]
    if len(values) == width + 1 and not values[-1]:
        values = values[:-1]  # a delimiter at the end of each row, which the strict reader allows too
    return (values if len(values) == width else None), clean


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
