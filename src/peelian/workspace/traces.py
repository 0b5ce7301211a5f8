"""Where a record is, and what a file becomes without it: the same for the workspace and for a backup of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from peelian.records.erasure import kind_of, source_of, without
from peelian.records.pages import MAGIC
from peelian.workspace.canaries import Canary, look_in_bytes
from peelian.workspace.files import result_json

__all__ = ["INCIDENTS", "MARK", "RECORDS", "Change", "Wanted", "change_of", "redacted", "without_words"]

MARK = "[erased]"
"""What stands in a page or a result in place of an erased record's id."""

RECORDS = "records/"
"""Where the record store lies in the workspace."""
INCIDENTS = ("incidents", "superseded")
"""The kinds of record files with incidents: those that count, and as they were before a correction."""
_TEXTS = (".json", ".html", ".txt", ".csv", ".md", ".svg", ".toml", ".geojson")
_SHOWN = ("runs/", "public/")


@dataclass(frozen=True)
class Wanted:
    """The record, or records, that must go.

    Parameters
    ----------
    ids : frozenset of str
    source : str, optional
        The source whose records they are; any, where it's not known because none is stored any more.
    canaries : sequence of Canary
        Its ids, and texts that only it had.
    """

    ids: frozenset[str] = field(repr=False)
    source: str | None
    canaries: Sequence[Canary] = field(repr=False)

    def of_source(self, source: str) -> bool:
        """Whether a source is the records'."""
        return self.source is None or self.source == source


@dataclass(frozen=True)
class Change:
    """What a file becomes.

    Parameters
    ----------
    data : bytes or None
        None where nothing of it stays.
    n : int
        Rows that go, or places in a text.
    rows : pyarrow.Table, optional
        The incidents that go.
    """

    data: bytes | None
    n: int
    rows: pa.Table | None = None


def change_of(name: str, data: bytes, wanted: Wanted) -> Change | None:
    """What a file becomes without the records; None where it has nothing of them, or can't be changed.

    Parameters
    ----------
    name : str
        Its path in the workspace.
    """
    if name.startswith(RECORDS):
        return _of_records(name.removeprefix(RECORDS), data, wanted)
    if name.startswith(_SHOWN) and not name.startswith("public/ledger/"):
        found = look_in_bytes(name, data, wanted.canaries)
        if found:
            return Change(redacted(name, data, wanted.canaries), sum(one.n for one in found))
    return None


def _of_records(name: str, data: bytes, wanted: Wanted) -> Change | None:
    kind, source = kind_of(name), source_of(name)
    if data[: len(MAGIC)] != MAGIC or (source is not None and not wanted.of_source(source)):
        return None
    ids = pa.array(sorted(wanted.ids), pa.string())

    def doomed(table: pa.Table) -> pa.ChunkedArray:
        gone = pc.is_in(pc.cast(table["id"], pa.string()), value_set=ids)
        return gone if kind != "quarantine" else _set_aside(table, gone, wanted)

    if kind in INCIDENTS and not _holds(data, ids):
        return None
    after, n = without(data, doomed)
    if n == 0:
        return None
    rows = None
    if kind in INCIDENTS:
        table = pq.read_table(pa.BufferReader(data))
        rows = table.filter(pc.fill_null(doomed(table), False))
    return Change(after, n, rows)


def _holds(data: bytes, ids: pa.Array) -> bool:
    """Whether a file of incidents holds any of the ids, by that one column."""
    column = pq.read_table(pa.BufferReader(data), columns=["id"])["id"]
    return bool(pc.any(pc.is_in(column, value_set=ids)).as_py())


def _set_aside(table: pa.Table, gone: pa.ChunkedArray, wanted: Wanted) -> pa.ChunkedArray:
    """Rows that were set aside are known by their text alone: the id, or a text that only the record had."""
    given = [canary for canary in wanted.canaries if canary.text not in wanted.ids]
    texts = [name for name in table.column_names if pa.types.is_string(table[name].type)]
    for canary in given:
        for name in texts:
            gone = pc.or_kleene(gone, pc.match_substring(table[name], canary.text))
    if wanted.source is not None:
        gone = pc.and_kleene(gone, pc.equal(table["source"], wanted.source))
    return gone


def redacted(name: str, data: bytes, canaries: Sequence[Canary]) -> bytes | None:
    """A file of a run or a page with `MARK` in place of each canary; None where that can't be done to it."""
    if name.endswith(".json"):
        try:
            return result_json(_walked(json.loads(data), canaries)).encode()
        except ValueError:
            pass
    if name.endswith(".parquet"):
        return _table_without(data, canaries)
    if not name.endswith(_TEXTS):
        return None
    try:
        return _said_without(data.decode(), canaries).encode()
    except UnicodeDecodeError:
        return None


def without_words(body: str, canaries: Sequence[Canary]) -> str:
    """Some stored JSON with `MARK` in place of each canary."""
    return result_json(_walked(json.loads(body), canaries))


def _said_without(text: str, canaries: Sequence[Canary]) -> str:
    for canary in canaries:
        text = canary.redacted(text, MARK)
    return text


def _walked(value: Any, canaries: Sequence[Canary]) -> Any:
    if isinstance(value, str):
        return _said_without(value, canaries)
    if isinstance(value, dict):
        return {_said_without(key, canaries): _walked(inner, canaries) for key, inner in value.items()}
    if isinstance(value, list):
        return [_walked(inner, canaries) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool) and str(value) in {c.text for c in canaries}:
        return MARK
    return value


def _table_without(data: bytes, canaries: Sequence[Canary]) -> bytes | None:
    table = pq.read_table(pa.BufferReader(data))
    for number, name in enumerate(table.column_names):
        column = table[name]
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            told = [None if v is None else _said_without(v, canaries) for v in column.to_pylist()]
            table = table.set_column(number, pa.field(name, kind), pa.array(told, kind))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    made: bytes = sink.getvalue().to_pybytes()
    return made if not look_in_bytes("table", made, canaries) else None
