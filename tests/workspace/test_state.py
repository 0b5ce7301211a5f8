"""The state database: all of a transaction or nothing of it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import insert

from peelian.workspace.state import Fact, OutboxRow, State


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State("sqlite:///state.db", tmp_path)
    made.create()
    return made


def test_facts_are_set_and_set_again(state: State) -> None:
    assert state.fact("crs") is None
    for value in ("EPSG:26915", {"size": 3, "root": "00"}, None, 1.5):
        with state.begin() as connection:
            state.set_fact(connection, "crs", value)
        assert state.fact("crs") == value
    assert len(state.rows(Fact)) == 1


def test_an_error_undoes_all_of_it(state: State) -> None:
    def dies_half_way() -> None:
        with state.begin() as connection:
            state.set_fact(connection, "a", 1)
            connection.execute(insert(OutboxRow).values(id="x", body="{}", written=False))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        dies_half_way()
    assert state.fact("a") is None
    assert state.rows(OutboxRow) == []


def test_a_relative_path_is_relative_to_the_workspace(state: State, tmp_path: Path) -> None:
    assert (tmp_path / "state.db").is_file()


def test_deleted_rows_leave_no_bytes(state: State, tmp_path: Path) -> None:
    with state.begin() as connection:
        state.set_fact(connection, "canary", "kanarienvogel-7481")
    with state.begin() as connection:
        connection.execute(Fact.__table__.delete())
    state.close()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"kanarienvogel" not in b"".join(p.read_bytes() for p in tmp_path.glob("state.db*"))


def test_rows_come_in_the_order_asked_for(state: State) -> None:
    with state.begin() as connection:
        for name in ("b", "a", "c"):
            connection.execute(insert(OutboxRow).values(id=name, body="{}", written=False))
    assert [row["id"] for row in state.rows(OutboxRow, order=OutboxRow.serial)] == ["b", "a", "c"]
    assert [row["id"] for row in state.rows(OutboxRow, OutboxRow.id > "a", order=OutboxRow.id)] == ["b", "c"]
