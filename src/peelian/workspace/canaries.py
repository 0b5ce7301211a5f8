"""Texts that must be nowhere any more, and how they are looked for in bytes of every kind.

A canary is the id of a record that was erased, or any other text that only that record had. It's looked for as it is,
as other programs encode it, and in what a file holds once it's decompressed or read.
"""

from __future__ import annotations

import html
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from peelian.errors import DataError, UsageError
from peelian.records.pages import MAGIC, pages

__all__ = ["MIN_BYTES", "Canary", "Found", "look_in_bytes", "look_in_rows", "unique"]

MIN_BYTES = 6
"""A shorter text is in many files by chance: it's compared with whole values only."""

SQLITE = b"SQLite format 3\x00"


@dataclass(frozen=True)
class Found:
    """Where a canary was found. It never says the canary itself: this is stored, printed and logged.

    Parameters
    ----------
    file : str
    of : str
        What the canary was called.
    where : {"bytes", "page", "value", "unreadable"}
        In the file as it lies, in a decompressed page of it, in a value as it reads; or the file can't be read.
    form : str
        How it was encoded.
    n : int
        How often.
    """

    file: str
    of: str
    where: str
    form: str
    n: int

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {"file": self.file, "of": self.of, "where": self.where, "form": self.form, "n": self.n}


@dataclass(frozen=True)
class Canary:
    """A text that is looked for.

    Parameters
    ----------
    text : str
    label : str
        What it's called in reports, which don't repeat it.
    others : frozenset of str
        Longer ids of records that stay, and have this text within: no trace of the one that went.
    """

    text: str = field(repr=False)
    label: str
    others: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def short(self) -> bool:
        """Whether it's too short to mean anything among bytes."""
        return len(self.text.encode()) < MIN_BYTES

    @cached_property
    def forms(self) -> dict[str, bytes]:
        """Its bytes by the name of the encoding, each once."""
        plain = json.dumps(self.text)[1:-1]
        made = {
            "UTF-8": self.text.encode(),
            "UTF-16": self.text.encode("utf-16-le"),
            "UTF-16, big end first": self.text.encode("utf-16-be"),
            "JSON": plain.encode(),
            "JSON without ASCII": json.dumps(self.text, ensure_ascii=False)[1:-1].encode(),
            "HTML": html.escape(self.text).encode(),
        }
        found: dict[str, bytes] = {}
        for name, data in made.items():
            if data not in found.values():
                found[name] = data
        return found

    def count(self, data: bytes) -> dict[str, int]:
        """How often it's in some bytes, by the encoding; those within a longer id of another record don't count."""
        if self.short:
            return {}
        found = {name: self._count(data, form, name) for name, form in self.forms.items()}
        return {name: n for name, n in found.items() if n}

    def _count(self, data: bytes, form: bytes, name: str) -> int:
        encoding = {"UTF-16": "utf-16-le", "UTF-16, big end first": "utf-16-be"}.get(name, "utf-8")
        longer = [other.encode(encoding) for other in self.others]
        n, at = 0, data.find(form)
        while at >= 0:
            n += not any(_within(data, at, form, other) for other in longer)
            at = data.find(form, at + 1)
        return n

    def in_value(self, value: str) -> bool:
        """Whether a value that was read holds it; a short one has to be all of the value."""
        if self.short:
            return value == self.text
        return bool(self.count(value.encode()))

    def redacted(self, text: str, mark: str) -> str:
        """A text without it, in any of its spellings; `mark` stands in its place."""
        if self.short:
            return mark if text == self.text else text
        spellings = {self.text, html.escape(self.text), json.dumps(self.text)[1:-1]}
        for spelling in sorted(spellings, key=len, reverse=True):
            text = self._replaced(text, spelling, mark)
        return text

    def _replaced(self, text: str, spelling: str, mark: str) -> str:
        data, form, at = text.encode(), spelling.encode(), 0
        longer = [other.encode() for other in self.others]
        while (at := data.find(form, at)) >= 0:
            if any(_within(data, at, form, other) for other in longer):
                at += 1
                continue
            data = data[:at] + mark.encode() + data[at + len(form) :]
            at += len(mark)
        return data.decode()


def _within(data: bytes, at: int, form: bytes, other: bytes) -> bool:
    """Whether what was found at a place is part of `other` standing there."""
    k = other.find(form)
    while k >= 0:
        if at >= k and data[at - k : at - k + len(other)] == other:
            return True
        k = other.find(form, k + 1)
    return False


def unique(texts: Sequence[str], *, label: str, others: Iterable[str] = ()) -> list[Canary]:
    """Canaries of some texts, in their order, called ``LABEL 1`` and so on.

    Raises
    ------
    UsageError
        One is empty.
    """
    kept = [other for other in others if other not in texts]
    found = []
    for number, text in enumerate(dict.fromkeys(texts), 1):
        if not text.strip():
            msg = f"an empty {label} was given"
            raise UsageError(msg)
        found.append(Canary(text, f"{label} {number}", frozenset(o for o in kept if text in o)))
    return found


def look_in_bytes(name: str, data: bytes, canaries: Sequence[Canary]) -> list[Found]:
    """Look through a file: its bytes, and what it holds if it's Parquet or SQLite."""
    found = _counted(name, "bytes", [data], canaries)
    try:
        if data[: len(MAGIC)] == MAGIC:
            found += _counted(name, "page", pages(data), canaries)
            found += look_in_rows(name, sorted(set(_in_columns(data, canaries))), canaries)
        elif data[: len(SQLITE)] == SQLITE:
            found += look_in_rows(name, _rows_of(data), canaries)
    except (DataError, sqlite3.Error, pa.ArrowException, OSError):
        found.append(Found(name, "any", "unreadable", "", 1))
    return found


def look_in_rows(name: str, values: Iterable[str], canaries: Sequence[Canary]) -> list[Found]:
    """Look through values that were read from a file or a database."""
    n = dict.fromkeys((canary.label for canary in canaries), 0)
    for value in values:
        for canary in canaries:
            n[canary.label] += canary.in_value(value)
    return [Found(name, label, "value", "text", k) for label, k in n.items() if k]


def _counted(name: str, where: str, pieces: Iterable[bytes], canaries: Sequence[Canary]) -> list[Found]:
    totals: dict[tuple[str, str], int] = {}
    for piece in pieces:
        for canary in canaries:
            for form, n in canary.count(piece).items():
                totals[canary.label, form] = totals.get((canary.label, form), 0) + n
    return [Found(name, label, where, form, n) for (label, form), n in totals.items()]


def _in_columns(data: bytes, canaries: Sequence[Canary]) -> Iterator[str]:
    """The texts of a Parquet file that may hold a canary as they read, each distinct one of a column once."""
    table = pq.read_table(pa.BufferReader(data))
    for column in table.columns:
        if pa.types.is_nested(column.type):
            texts = [json.dumps(value, ensure_ascii=False, default=str) for value in column.to_pylist()]
            values = pa.array(texts, pa.string())
        elif _has_text(column.type):
            values = pc.cast(pc.unique(column), pa.string())
        else:
            continue
        for canary in canaries:
            look = pc.equal(values, canary.text) if canary.short else pc.match_substring(values, canary.text)
            yield from values.filter(pc.fill_null(look, False)).to_pylist()


def _has_text(kind: pa.DataType) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(
        pa.types.is_string(inner)
        or pa.types.is_large_string(inner)
        or pa.types.is_string_view(inner)
        or pa.types.is_integer(inner)
    )


def _rows_of(data: bytes) -> Iterator[str]:
    """Every text of every table of a SQLite database: bytes don't show one that is long and lies on several pages."""
    connection = sqlite3.connect(":memory:")
    try:
        # A database in WAL mode can't be opened from memory: bytes 18 and 19 of its head say which mode it is.
        connection.deserialize(data[:18] + b"\x01\x01" + data[20:])
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            quoted = table.replace('"', '""')
            for row in connection.execute(f'SELECT * FROM "{quoted}"'):  # noqa: S608 - quoted
                yield from (str(value) for value in row if value is not None)
    finally:
        connection.close()
