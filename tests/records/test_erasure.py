"""Rows that were removed are in no byte of what is written; and ways that leave them, so that the proof could fail."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import DataError
from peelian.records import read_incidents
from peelian.records.erasure import destroy, hashed_id, kind_of, source_of, without
from peelian.records.pages import pages

CANARY = "canary-1f7e93"


def table(n: int = 500, *, every: int = 50) -> pa.Table:
    ids = [f"{CANARY}-{i}" if i % every == 0 else f"plain-{i}" for i in range(n)]
    meta = {"crs": "EPSG:26915"}
    return pa.table({"id": ids, "x": [float(i) for i in range(n)]}).replace_schema_metadata(meta)


def written(made: pa.Table, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(made, sink, **options)
    return sink.getvalue().to_pybytes()


def doomed(found: pa.Table) -> pa.ChunkedArray:
    return pc.starts_with(found["id"], CANARY)


def everything(data: bytes) -> bytes:
    return data + b"".join(pages(data))


@pytest.mark.parametrize("codec", ["zstd", "snappy", "gzip", "brotli", "lz4", "none"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_the_pages_hold_what_was_written_in_every_form(codec: str, version: str, dictionary: bool) -> None:
    data = written(table(), compression=codec, data_page_version=version, use_dictionary=dictionary)
    held = b"".join(pages(data))
    assert held.count(CANARY.encode()) == 10
    assert all(f"plain-{i}".encode() in held for i in (1, 2, 499))


def test_pages_of_a_file_of_duckdb(tmp_path: Path) -> None:
    made = table()
    path = tmp_path / "a.parquet"
    connection = duckdb.connect()
    connection.register("made", made)
    connection.execute(f"COPY made TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    assert b"".join(pages(path.read_bytes())).count(CANARY.encode()) == 10


@given(st.lists(st.text(max_size=20) | st.none(), min_size=1, max_size=60), st.booleans())
def test_every_text_is_in_the_pages(texts: list[str | None], dictionary: bool) -> None:
    data = written(
        pa.table({"t": pa.array(texts, pa.string())}), compression="zstd", use_dictionary=dictionary
    )
    held = b"".join(pages(data))
    assert all(text.encode() in held for text in texts if text is not None)


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_a_damaged_file_is_an_error(cut: int) -> None:
    data = written(table())
    with pytest.raises(DataError, match="can't be taken apart"):
        list(pages(data[:-cut]))
    with pytest.raises(DataError, match="can't be taken apart"):
        list(pages(data[:4] + b"\xff" * 60 + data[64:]))


def test_rows_are_gone_from_every_byte() -> None:
    before = written(table())
    after, n = without(before, doomed)
    assert n == 10
    assert after is not None
    assert CANARY.encode() in everything(before)
    assert CANARY.encode() not in everything(after)
    left = pq.read_table(pa.BufferReader(after))
    assert left.num_rows == 490
    assert left.schema.metadata[b"crs"] == b"EPSG:26915"
    assert left["x"].to_pylist() == [float(i) for i in range(500) if i % 50]


def test_nothing_to_remove_changes_no_byte_and_everything_leaves_no_file() -> None:
    data = written(table())
    assert without(data, lambda t: pa.chunked_array([pa.repeat(False, t.num_rows)])) == (data, 0)
    assert without(data, lambda t: pa.chunked_array([pa.repeat(True, t.num_rows)])) == (None, 500)
    unknown = pa.chunked_array([pa.nulls(500, pa.bool_())])
    assert without(data, lambda _: unknown) == (data, 0)


def test_a_file_is_overwritten_before_it_is_removed(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(CANARY.encode() * 100_000)
    other.hardlink_to(path)  # a second name keeps the bytes in reach
    assert destroy(path)
    assert not path.exists()
    assert other.read_bytes() == bytes(len(CANARY) * 100_000)
    assert not destroy(path)


def test_what_a_link_leads_to_is_left_alone(tmp_path: Path) -> None:
    path, link = tmp_path / "a", tmp_path / "link"
    path.write_bytes(b"somebody else's")
    link.symlink_to(path)
    assert destroy(link)
    assert not link.is_symlink()
    assert path.read_bytes() == b"somebody else's"


def test_names_of_files_say_what_they_are() -> None:
    assert kind_of("incidents/source=slmpd/month=2017-03/a.parquet") == "incidents"
    assert source_of("cancelled/source=slmpd/a.parquet") == "slmpd"
    assert source_of("quarantine/a.parquet") is None


# -- controls: what other ways of deleting leave


def test_control_a_deleted_row_stays_in_the_file_of_duckdb(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET threads = 1")
        connection.execute("PRAGMA force_compression = 'uncompressed'")  # else no bytes could be searched
        connection.register("made", table(100_000, every=7))
        connection.execute("CREATE TABLE t AS SELECT md5(id) || id AS id, x FROM made")
        connection.execute("CHECKPOINT")
        connection.execute(f"DELETE FROM t WHERE id LIKE '%{CANARY}-7'")
        connection.execute("CHECKPOINT")
        assert connection.execute(f"SELECT count(*) FROM t WHERE id LIKE '%{CANARY}-7'").fetchall() == [(0,)]
    assert f"{CANARY}-7".encode() in path.read_bytes()


def test_control_a_deleted_row_stays_in_a_plain_file_of_sqlite(tmp_path: Path) -> None:
    left = {}
    for secure in (False, True):
        path = tmp_path / f"{secure}.db"
        with sqlite3.connect(path) as connection:
            connection.execute(f"PRAGMA secure_delete = {int(secure)}")
            connection.execute("CREATE TABLE t (id TEXT)")
            connection.executemany("INSERT INTO t VALUES (?)", [(f"{CANARY}-{i}",) for i in range(100)])
            connection.commit()
            connection.execute("DELETE FROM t")
            connection.commit()
        connection.close()
        left[secure] = CANARY.encode() in path.read_bytes()
    assert left == {False: True, True: False}


def test_control_a_dictionary_that_is_passed_on_keeps_values_without_a_row() -> None:
    made = pa.table({"id": table()["id"].combine_chunks().dictionary_encode()})
    kept = made.filter(pc.invert(doomed(pa.table({"id": table()["id"]}))))
    assert kept.num_rows == 490
    data = written(kept)
    assert CANARY.encode() not in b"".join(
        str(v).encode() for v in pq.read_table(pa.BufferReader(data))["id"]
    )
    assert CANARY.encode() in everything(data)


def test_the_hash_of_a_number_is_that_under_which_its_record_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("case,when,kind,x,y\n A-1 ,2024-05-01 10:00,Burglary,740000,4280000\n", encoding="utf-8")
    mapping = {"id": "case", "occurred_from": "when", "category": "kind", "x": "x", "y": "y"}
    options = {"mapping": mapping, "source": "calls", "crs": "EPSG:26915", "zone": "America/Chicago"}
    assert read_incidents(path, **options).incidents.frame["id"].tolist() == [hashed_id("calls", "A-1")]
