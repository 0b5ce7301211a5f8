"""A canary is found wherever and however it lies, and what only looks like it is not."""

from __future__ import annotations

import html
import json
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from peelian.errors import UsageError
from peelian.workspace.canaries import Canary, Found, look_in_bytes, look_in_rows, unique
from peelian.workspace.traces import MARK, Wanted, change_of, redacted

ONE = Canary("CASE-7f3a-00001", "record 1")


def places(name: str, data: bytes, *canaries: Canary) -> set[str]:
    return {found.where for found in look_in_bytes(name, data, canaries or (ONE,))}


@pytest.mark.parametrize(
    "data",
    [
        ONE.text.encode(),
        ONE.text.encode("utf-16"),
        ONE.text.encode("utf-16-be"),
        f'{{"a":"{ONE.text}"}}'.encode(),
        b"\x00\xff" + ONE.text.encode() + b"9",
    ],
)
def test_it_is_found_in_bytes(data: bytes) -> None:
    assert places("a", data) == {"bytes"}


@given(st.text(min_size=6, max_size=30), st.binary(max_size=40), st.binary(max_size=40))
def test_every_text_is_found_in_every_spelling(text: str, before: bytes, after: bytes) -> None:
    assume(text.strip())
    canary = Canary(text, "text 1")
    for spelled in (text, json.dumps(text), json.dumps(text, ensure_ascii=False), html.escape(text)):
        assert "bytes" in places("a", before + spelled.encode() + after, canary)
    assert canary.in_value(f"in {text} here")
    assert text not in canary.redacted(f"<b>{text}</b>", "")
    assert text not in repr(canary)


def test_it_is_found_in_pages_and_values_of_parquet_and_in_rows_of_sqlite(tmp_path: Path) -> None:
    sink = pa.BufferOutputStream()
    # As a number and far from its kind: a search by rows alone would not see the first, one by bytes not the second.
    ids = [ONE.text if i == 7 else f"plain-{i}" for i in range(2000)]
    pq.write_table(pa.table({"id": ids, "n": range(2000)}), sink, compression="zstd")
    data = sink.getvalue().to_pybytes()
    assert {"page", "value"} <= places("a.parquet", data)
    assert places("a.parquet", data, Canary("plain-x", "none")) == set()
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (body TEXT)")
    # So long that it lies on several pages: somewhere an id falls on the seam, and no search of bytes finds that one.
    connection.execute("INSERT INTO t VALUES (?)", (ONE.text * 2000,))
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    found = look_in_bytes("a.db", path.read_bytes(), [ONE])
    assert {one.where for one in found} == {"bytes", "value"}
    assert next(one.n for one in found if one.where == "bytes") < 2000


def test_a_damaged_file_is_told_and_not_passed_over() -> None:
    assert look_in_bytes("a", b"PAR1 and no more", [ONE]) == [Found("a", "any", "unreadable", "", 1)]
    assert places("a", b"SQLite format 3\x00 and no more") == {"unreadable"}


def test_a_longer_id_of_another_record_is_no_trace() -> None:
    canary, *_ = unique(["17-0123"], label="record", others=["17-01234", "x17-0123", "17-9999", "17-0123"])
    assert canary.others == {"17-01234", "x17-0123"}
    assert canary.count(b"17-01234 x17-0123") == {}
    assert canary.count(b"17-01234 17-0123 17-01235") == {"UTF-8": 2}
    assert not canary.in_value("17-01234")
    assert canary.redacted("17-01234, 17-0123", "*") == "17-01234, *"


def test_a_short_text_is_compared_with_whole_values() -> None:
    short = Canary("12", "record 1")
    assert short.count(b"12 12 12") == {}
    assert short.in_value("12")
    assert not short.in_value("2012")
    assert look_in_rows("state", ["2012", "12"], [short]) == [Found("state", "record 1", "value", "text", 1)]
    assert short.redacted("at 12", MARK) == "at 12"


def test_an_empty_one_is_refused_and_doubles_count_once() -> None:
    with pytest.raises(UsageError, match="an empty text was given"):
        unique([" "], label="text")
    assert [canary.label for canary in unique(["aaaaaa", "bbbbbb", "aaaaaa"], label="text")] == [
        "text 1",
        "text 2",
    ]


def test_a_page_a_result_and_a_table_without_it() -> None:
    told = {"why": f"see {ONE.text}", ONE.text: [1, {"a": ONE.text}], "n": 3}
    after = redacted("runs/a/result.json", json.dumps(told).encode(), [ONE])
    assert after is not None
    assert json.loads(after) == {"why": f"see {MARK}", MARK: [1, {"a": MARK}], "n": 3}
    page = redacted("runs/a/page.html", f"<p>{ONE.text}</p>".encode(), [ONE])
    assert page == f"<p>{MARK}</p>".encode()
    number = Canary("10600001", "record 1")
    assert redacted("runs/a/result.json", b'{"id":10600001}', [number]) == f'{{"id":"{MARK}"}}'.encode()
    sink = pa.BufferOutputStream()
    kept = pa.table({"a": ["x", ONE.text, None], "b": pa.array(["y", ONE.text, "z"]).dictionary_encode()})
    pq.write_table(kept, sink)
    made = redacted("runs/a/t.parquet", sink.getvalue().to_pybytes(), [ONE])
    assert made is not None
    assert pq.read_table(pa.BufferReader(made)).to_pydict() == {"a": ["x", MARK, None], "b": ["y", MARK, "z"]}
    assert redacted("runs/a/picture.png", ONE.text.encode(), [ONE]) is None
    assert redacted("runs/a/page.html", b"\xff" + ONE.text.encode(), [ONE]) is None


def test_rows_of_another_source_and_files_of_nobody_are_left_alone() -> None:
    wanted = Wanted(frozenset([ONE.text]), "slmpd", [ONE])
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": [ONE.text, "other"]}), sink)
    data = sink.getvalue().to_pybytes()
    assert change_of("records/cancelled/source=chicago/a.parquet", data, wanted) is None
    found = change_of("records/cancelled/source=slmpd/a.parquet", data, wanted)
    assert found is not None
    assert found.n == 1
    assert change_of("areas.geojson", ONE.text.encode(), wanted) is None
    assert change_of("public/ledger/tile", ONE.text.encode(), wanted) is None
    assert change_of("public/index.html", b"nothing", wanted) is None
