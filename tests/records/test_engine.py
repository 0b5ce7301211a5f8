from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.records.engine import arrow, connect, exact_paths, literal, quote

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30)


def test_nothing_is_installed_or_loaded_on_demand() -> None:
    with connect() as (connection, _):
        found = connection.execute(
            "SELECT name, value FROM duckdb_settings() WHERE name LIKE 'auto%known_extensions' ORDER BY 1"
        ).fetchall()
        assert found == [("autoinstall_known_extensions", "false"), ("autoload_known_extensions", "false")]
        # Reading from the network needs an extension, which is not fetched.
        with pytest.raises(duckdb.Error, match="httpfs|extension"):
            connection.execute("SELECT * FROM read_csv('https://example.org/a.csv')")


def test_threads_and_memory_are_bounded() -> None:
    with connect(threads=1, memory="256MB") as (connection, _):
        found = dict(
            connection.execute(
                "SELECT name, value FROM duckdb_settings() WHERE name IN ('threads', 'memory_limit')"
            ).fetchall()
        )
    assert found["threads"] == "1"
    assert found["memory_limit"].startswith("244")  # MiB


def test_what_spills_goes_to_the_given_folder_and_is_gone_afterwards(tmp_path: Path) -> None:
    with connect(memory="64MB", threads=1, scratch=tmp_path) as (connection, folder):
        connection.execute(
            "CREATE TABLE big AS SELECT range::VARCHAR || repeat('x', 200) v FROM range(600000)"
        )
        count = connection.execute("SELECT count(DISTINCT v) FROM big").fetchall()
        assert folder.parent == tmp_path
        assert any(path.is_file() for path in folder.rglob("*"))
        assert count == [(600_000,)]
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(TEXT, min_size=1, max_size=20, unique=True))
def test_quoting_keeps_any_text_a_text(texts: list[str]) -> None:
    with duckdb.connect(":memory:") as connection:
        values = ", ".join(literal(text) for text in texts)
        assert connection.execute(f"SELECT {values}").fetchall() == [tuple(texts)]
        for text in texts[:2]:
            assert arrow(connection, f"SELECT 1 AS {quote(text)}").column_names == [text]


def test_patterns_match_one_file_only(tmp_path: Path) -> None:
    names = ["a*.csv", "ab.csv", "a[b].csv", "a?.csv"]
    for name in names:
        (tmp_path / name).write_text("x,y\n1,2\n")
    with connect() as (connection, _):
        for name in names:
            (pattern,) = exact_paths([tmp_path / name])
            found = connection.execute("SELECT file FROM glob(?)", [pattern]).fetchall()
            assert found == [(str(tmp_path / name),)]
