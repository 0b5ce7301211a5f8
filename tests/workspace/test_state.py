"""The state database: all of a transaction or nothing of it, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from peelian.errors import CheckError, PeelianError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.init import init
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.quality import quality
from peelian.workspace.state import DecisionRow, Fact, OutboxRow, Person, RecordFile, Run, State

from ..postgres import Server
from .conftest import Opener


@pytest.fixture
def state(state_url: str, tmp_path: Path) -> Iterator[State]:
    made = State(state_url, tmp_path)
    made.create()
    yield made
    made.close()


def fill(state: State, *names: str) -> None:
    with state.begin() as connection:
        for serial, name in enumerate(names, 1):
            connection.execute(insert(OutboxRow).values(id=name, body="{}", written=False))
            connection.execute(insert(RecordFile).values(path=name, run="import-0001", sha256="00"))
            connection.execute(
                insert(Run).values(
                    id=name,
                    serial=serial,
                    verb="quality",
                    at="",
                    role="",
                    subject="",
                    category="",
                    hashes="{}",
                    state="done",
                )
            )


def test_facts_are_set_and_set_again(state: State) -> None:
    assert state.fact("crs") is None
    for value in ("EPSG:26915", {"size": 3, "root": "00"}, None, 1.5, "Größe – 北京"):
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


def test_one_name_twice_is_an_error_that_undoes_the_rest(state: State) -> None:
    fill(state, "a")
    with pytest.raises(IntegrityError):
        fill(state, "b", "a")
    assert [row["id"] for row in state.rows(OutboxRow)] == ["a"]


def test_a_statement_that_is_off_tells_no_values(state: State) -> None:
    with pytest.raises(PeelianError) as caught, state.begin() as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:v)"), {"v": "kanarienvogel-7481"})
    seen: BaseException | None = caught.value
    while seen is not None:
        assert "kanarienvogel" not in f"{seen} {seen!r}"
        seen = seen.__cause__ or seen.__context__


def test_rows_come_in_the_order_asked_for(state: State) -> None:
    fill(state, "b", "a", "c")
    assert [row["id"] for row in state.rows(OutboxRow, order=OutboxRow.serial)] == ["b", "a", "c"]
    assert [row["id"] for row in state.rows(OutboxRow, OutboxRow.id > "a", order=OutboxRow.id)] == ["b", "c"]


def test_text_is_in_the_order_of_its_bytes_whatever_the_language(state: State) -> None:
    names = ["b/10", "B/2", "a-1", "a1", "A", "_x", "é", "z"]
    fill(state, *names)
    assert [row["path"] for row in state.rows(RecordFile, order=RecordFile.path)] == sorted(names)


def test_everything_is_copied_into_another_database(
    state_url: str, tmp_path: Path, postgresql: Server
) -> None:
    source = State("sqlite:///from.db", tmp_path)
    source.create()
    fill(source, "a", "b", "c")
    with source.begin() as connection:
        source.set_fact(connection, "crs", "EPSG:26915")
        connection.execute(insert(DecisionRow).values(id="d", serial=1, subject="b", body='{"why": "ü"}'))
        connection.execute(
            insert(Person).values(id="p-1", serial=1, roles='["analyst"]', token="0", sealed="1", at="2026")
        )
    target = State(state_url, tmp_path)
    assert source.copy_into(target) == 12
    for table in (Run, RecordFile, OutboxRow, DecisionRow, Fact, Person):
        assert target.rows(table) == source.rows(table)
    fill_more = insert(OutboxRow).values(id="next", body="{}", written=False)
    with target.begin() as connection:
        connection.execute(fill_more)
    assert max(row["serial"] for row in target.rows(OutboxRow)) == 4, "numbering goes on where it was"
    with pytest.raises(UsageError, match="another workspace"):
        source.copy_into(target)
    target.close()


def test_a_relative_path_is_relative_to_the_workspace(tmp_path: Path) -> None:
    State("sqlite:///state.db", tmp_path).create()
    assert (tmp_path / "state.db").is_file()


def test_deleted_rows_leave_no_bytes(tmp_path: Path) -> None:
    state = State("sqlite:///state.db", tmp_path)
    state.create()
    with state.begin() as connection:
        state.set_fact(connection, "canary", "kanarienvogel-7481")
    with state.begin() as connection:
        connection.execute(Fact.__table__.delete())
    state.close()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"kanarienvogel" not in b"".join(p.read_bytes() for p in tmp_path.glob("state.db*"))


def test_sqlite_writes_ahead_and_to_the_disk(tmp_path: Path) -> None:
    state = State("sqlite:///state.db", tmp_path)
    with state.begin() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "secure_delete")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}


def test_a_database_that_is_no_database_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database at all, " * 100)
    with pytest.raises(PeelianError, match=r"state\.db\) can't be used: file is not a database"):
        State("sqlite:///state.db", tmp_path).create()


def test_a_full_disk_is_an_error_in_words(tmp_path: Path) -> None:
    state = State("sqlite:///state.db", tmp_path)
    state.create()

    def write_much() -> None:
        with state.begin() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1")
            state.set_fact(connection, "a", "x" * 1_000_000)

    with pytest.raises(PeelianError, match="full") as caught:
        write_much()
    assert "make room" in str(caught.value)
    assert state.fact("a") is None


# -- the whole of a workspace


def test_a_workspace_is_made_used_and_verified(state_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "city"
    url = state_url if state_url.startswith("postgresql") else "sqlite:///state.db"
    init(folder, crs="EPSG:26915", sections={"state": {"url": url}})
    assert verify_ledger(Workspace(folder))["status"] == "verified"
    assert (folder / "state.db").exists() == url.startswith("sqlite")
    assert [run["id"] for run in Workspace(folder).runs()] == ["init-0001"]


def test_each_workspace_has_a_schema_of_its_own(postgresql: Server, tmp_path: Path) -> None:
    with postgresql.database() as url:
        for name in ("one", "two"):
            init(
                tmp_path / name,
                crs="EPSG:26915",
                sections={"state": {"url": f"{url}?schema={name}"}, "agency": {"name": name}},
            )
        opened = [Workspace(tmp_path / name) for name in ("one", "two")]
        assert [len(w.runs()) for w in opened] == [1, 1]
        assert opened[0].state.where.endswith("schema one")
        with opened[0].state.begin() as connection:
            opened[0].state.set_fact(connection, "only here", 1)
        assert opened[1].state.fact("only here") is None
        with pytest.raises(UsageError, match="another workspace"):
            init(tmp_path / "three", sections={"state": {"url": f"{url}?schema=two"}})
        assert not (tmp_path / "three").exists()
        assert len(Workspace(tmp_path / "two").runs()) == 1, "what was there is still there"


def test_what_could_not_be_made_leaves_no_tables(
    postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        msg = "no"
        raise CheckError(msg)

    with postgresql.database() as url:
        with monkeypatch.context() as patch:
            patch.setattr(Workspace, "commit", refuse)
            with pytest.raises(CheckError):
                init(tmp_path / "city", sections={"state": {"url": url}})
        state = State(url, tmp_path)
        assert not state.exists
        state.close()
        init(tmp_path / "city", sections={"state": {"url": url}})


def test_a_folder_that_can_only_be_read_reads_a_server_and_writes_nothing(
    postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgresql.database() as url:
        init(tmp_path / "city", sections={"state": {"url": url}})
        monkeypatch.setattr("os.access", lambda path, mode: False)
        reader = Workspace(tmp_path / "city", role="public")
        assert verify_ledger(reader)["status"] == "verified"
        with pytest.raises(PeelianError, match="read-only"), reader.state.begin() as connection:
            reader.state.set_fact(connection, "a", 1)


def test_a_use_case_on_either(either_acting: Opener) -> None:
    before = verify_ledger(either_acting())["entries"]
    quality(either_acting())
    assert verify_ledger(either_acting())["entries"] == before + 1


# -- one writer at a time


def test_one_writer_at_a_time_also_from_another_machine(state: State, state_url: str, tmp_path: Path) -> None:
    other = State(state_url, tmp_path)
    order: list[str] = []
    entered, leave = threading.Event(), threading.Event()

    def second() -> None:
        with other.locked(lambda: (order.append("waits"), entered.set())[0]):
            order.append("second")
        entered.set()

    with state.locked():
        thread = threading.Thread(target=second)
        thread.start()
        assert entered.wait(10)
        if state.address.postgresql:
            order.append("first")
        leave.set()
    thread.join(10)
    # On SQLite the lock in the folder is the only one there is.
    assert order == (["waits", "first", "second"] if state.address.postgresql else ["second"])
    other.close()


def test_readers_share_the_lock(state: State, state_url: str, tmp_path: Path) -> None:
    other = State(state_url, tmp_path)
    with state.locked(shared=True), other.locked(shared=True):
        assert other.fact("a") is None
    with state.locked():  # both have let go
        pass
    other.close()


def test_workspaces_in_one_database_do_not_wait_for_each_other(postgresql: Server, tmp_path: Path) -> None:
    with postgresql.database() as url:
        one, two = State(f"{url}?schema=one", tmp_path), State(f"{url}?schema=two", tmp_path)
        with one.locked(), two.locked(lambda: pytest.fail("waits")):
            pass
        one.close()
        two.close()


def cut_off(server: Server, state: State) -> None:
    """End every connection to a database, as a restart of the server does."""
    name = state.address.url.database
    server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


def test_whoever_lost_the_lock_writes_nothing_more(postgresql: Server, tmp_path: Path) -> None:
    with postgresql.database() as url:
        state = State(url, tmp_path)
        state.create()

        def write_without_the_lock() -> None:
            with state.locked():
                cut_off(postgresql, state)
                with state.begin() as connection:
                    state.set_fact(connection, "a", 1)

        with pytest.raises(PeelianError, match="broke while"):
            write_without_the_lock()
        assert state.fact("a") is None
        state.close()


def test_a_server_that_was_restarted_is_found_again(postgresql: Server, tmp_path: Path) -> None:
    with postgresql.database() as url:
        state = State(url, tmp_path)
        state.create()
        for _ in range(3):
            cut_off(postgresql, state)
            assert state.rows(Fact) == []
        state.close()


def test_a_dead_writer_s_lock_is_gone(postgresql: Server, tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from peelian.workspace.state import State;"
        "s = State(sys.argv[1], Path(sys.argv[2])); held = s.locked(); held.__enter__(); os.kill(os.getpid(), 9)"
    )
    with postgresql.database() as url:
        done = subprocess.run([sys.executable, "-c", code, url, str(tmp_path)], check=False)
        assert done.returncode == -9
        state = State(url, tmp_path)
        with state.locked():
            pass
        state.close()


@pytest.mark.parametrize("either_city", ["postgresql"], indirect=True)
def test_two_machines_write_one_ledger(either_city: Path, either_acting: Opener) -> None:
    """As on a share whose file locks don't reach across: the database still lets in one after the other."""
    code = (
        "import sys; from peelian.workspace import Workspace; import peelian.workspace.workspace as module;"
        "module.fcntl = type('none', (), {'flock': staticmethod(lambda *a: None), "
        "'LOCK_EX': 0, 'LOCK_NB': 0, 'LOCK_SH': 0});"
        "w = Workspace(sys.argv[1])\n"
        "for _ in range(4):\n"
        "    with w.writing():\n"
        "        w.commit(w.new_run('quality'), {})\n"
    )
    command = [sys.executable, "-c", code, str(either_city)]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for writer in writers:
        _, said = writer.communicate(timeout=60)
        assert writer.returncode == 0, said
    runs = either_acting().runs("quality")
    assert len(runs) == 8
    assert len({run["serial"] for run in runs}) == 8
    assert verify_ledger(either_acting())["status"] == "verified"
    assert all(json.loads(run["hashes"]) for run in runs)
