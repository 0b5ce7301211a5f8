"""The tables from version to version: what an earlier one wrote is kept, what a later one wrote is refused."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from peelian.errors import CheckError
from peelian.workspace import Workspace
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.migrations import FOLDER, _config, is_current, known, upgrade
from peelian.workspace.quality import quality
from peelian.workspace.state import Base, DecisionRow, Fact, OutboxRow, Person, RecordFile, Run, State

EARLIEST = """
CREATE TABLE runs (id VARCHAR(80) NOT NULL, serial INTEGER NOT NULL, verb VARCHAR(20) NOT NULL, at VARCHAR(32) NOT NULL,
  role VARCHAR(40) NOT NULL, subject VARCHAR(80) NOT NULL, category VARCHAR(200) NOT NULL, hashes TEXT NOT NULL,
  state VARCHAR(20) NOT NULL, PRIMARY KEY (id), UNIQUE (serial));
CREATE INDEX ix_runs_verb ON runs (verb);
CREATE TABLE record_files (path VARCHAR(400) NOT NULL, run VARCHAR(80) NOT NULL, sha256 VARCHAR(64) NOT NULL,
  PRIMARY KEY (path));
CREATE TABLE decisions (id VARCHAR(80) NOT NULL, serial INTEGER NOT NULL, subject VARCHAR(80) NOT NULL,
  body TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (serial));
CREATE INDEX ix_decisions_subject ON decisions (subject);
CREATE TABLE outbox (serial INTEGER NOT NULL, id VARCHAR(80) NOT NULL, body TEXT NOT NULL, written BOOLEAN NOT NULL,
  PRIMARY KEY (serial), UNIQUE (id));
CREATE INDEX ix_outbox_written ON outbox (written);
CREATE TABLE facts ("key" VARCHAR(80) NOT NULL, value TEXT NOT NULL, PRIMARY KEY ("key"));
"""
"""What the version before the first step made, as SQLite's own ``.schema`` shows it."""

ROWS = """
INSERT INTO runs VALUES ('plan-0001', 1, 'plan', '2026-01-05T08:00:00Z', 'analyst', '', 'burglary', '{}', 'approved');
INSERT INTO runs VALUES ('decide-0002', 2, 'decide', '2026-01-05T09:00:00Z', 'commander', 'plan-0001', '', '{}', '-');
INSERT INTO record_files VALUES ('incidents/a.parquet', 'import-0001', '00ff');
INSERT INTO decisions VALUES ('decide-0002', 2, 'plan-0001', '{"why": "Größe"}');
INSERT INTO outbox VALUES (1, 'plan-0001', '{}', 1), (2, 'decide-0002', '{}', 0);
INSERT INTO facts VALUES ('crs', '"EPSG:26915"');
"""


@pytest.fixture
def state(state_url: str, tmp_path: Path) -> Iterator[State]:
    made = State(state_url, tmp_path)
    yield made
    made.close()


def set_up(state: State, *steps: str) -> None:
    """Run statements one by one, as an earlier version would have left the database."""
    with state.begin() as connection:
        for statement in ";".join(steps).split(";"):
            if statement.strip():
                flag = re.sub(r"'\{\}', 1\)", "'{}', true)", statement)
                flag = re.sub(r"'\{\}', 0\)", "'{}', false)", flag)
                connection.exec_driver_sql(flag if state.address.postgresql else statement)


def version(state: State) -> str | None:
    with state.begin() as connection:
        return connection.scalar(sa.text("SELECT version_num FROM alembic_version"))


def differences(state: State) -> list[object]:
    """What Alembic would still change."""
    with state.begin() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        found: list[object] = compare_metadata(
            MigrationContext.configure(connection, opts=options), Base.metadata
        )
    return found


def test_the_steps_are_in_one_line_and_lead_forward() -> None:
    scripts = ScriptDirectory(str(FOLDER))
    line = [script.revision for script in scripts.walk_revisions()][::-1]
    assert tuple(line) == known(), "files are named after their revisions"
    assert scripts.get_heads() == [known()[-1]]
    assert scripts.get_bases() == [known()[0]] == ["0001"]


def test_the_steps_make_what_the_models_say(state: State) -> None:
    state.create()
    assert version(state) == known()[-1]
    assert differences(state) == []


def test_a_difference_would_be_seen(state: State) -> None:
    state.create()
    set_up(state, "ALTER TABLE runs DROP COLUMN person", "DROP TABLE people")
    kinds = sorted(str(found[0]) for found in differences(state) if isinstance(found, tuple))
    assert kinds == ["add_column", "add_table"]


def test_the_first_step_made_what_was_made_before_there_were_any(tmp_path: Path) -> None:
    """The same tables, columns, types, keys and indices as those of the earlier version's own SQL."""
    old, new = (State(f"sqlite:///{name}.db", tmp_path) for name in ("old", "new"))
    set_up(old, EARLIEST)
    with new.begin() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(_config(connection), "0001")
    described = []
    for state in (old, new):
        with state.begin() as connection:
            look = sa.inspect(connection)
            described.append(
                {
                    name: (
                        [(c["name"], str(c["type"]), c["nullable"]) for c in look.get_columns(name)],
                        look.get_pk_constraint(name)["constrained_columns"],
                        sorted(u["column_names"] for u in look.get_unique_constraints(name)),
                        sorted((str(i["name"]), i["column_names"]) for i in look.get_indexes(name)),
                    )
                    for name in look.get_table_names()
                    if name != "alembic_version"
                }
            )
    assert described[0] == described[1]


def test_what_an_earlier_version_wrote_is_brought_up_to_date(state: State) -> None:
    set_up(state, EARLIEST, ROWS)
    state.create()
    assert version(state) == known()[-1]
    assert differences(state) == []
    runs = state.rows(Run, order=Run.serial)
    assert [(run["id"], run["state"], run["person"]) for run in runs] == [
        ("plan-0001", "approved", None),
        ("decide-0002", "-", None),
    ]
    assert state.rows(DecisionRow)[0]["body"] == '{"why": "Größe"}'
    assert [row["written"] for row in state.rows(OutboxRow, order=OutboxRow.serial)] == [True, False]
    assert state.fact("crs") == "EPSG:26915"
    assert len(state.rows(RecordFile)) == len(state.rows(Fact)) == 1
    assert state.rows(Person) == []
    state.create()  # and again: nothing to do
    assert len(state.rows(Run)) == 2


def test_a_workspace_of_the_earlier_version_is_used_on(imported: Path, tmp_path: Path) -> None:
    """The whole of it: as it lay on disk before, opened, used and verified by this version."""
    city = Path(shutil.copytree(imported, tmp_path / "city"))
    rows = []
    with sqlite3.connect(city / "state.db") as connection:
        tables = ("runs", "record_files", "decisions", "outbox", "facts")
        for name in tables:
            cursor = connection.execute(f"SELECT * FROM {name}")
            names = [c[0] for c in cursor.description if c[0] != "person"]
            chosen = ", ".join(f'"{n}"' for n in names)
            rows.append((name, chosen, connection.execute(f"SELECT {chosen} FROM {name}").fetchall()))
    connection.close()
    for part in city.glob("state.db*"):
        part.unlink()
    with sqlite3.connect(city / "state.db") as connection:
        connection.executescript(EARLIEST)
        for name, chosen, found in rows:
            marks = ", ".join("?" * (chosen.count(",") + 1))
            connection.executemany(f"INSERT INTO {name} ({chosen}) VALUES ({marks})", found)
    connection.close()
    before = verify_ledger(Workspace(city))
    quality(Workspace(city))
    assert verify_ledger(Workspace(city))["entries"] == before["entries"] + 1


def test_a_step_that_fails_leaves_everything_as_it_was(state: State) -> None:
    # The second step can't make a table that somebody made by hand; the first half of it must be gone then.
    set_up(state, EARLIEST, ROWS, "CREATE TABLE people (id INTEGER)")
    with pytest.raises(Exception, match="people"):
        state.create()
    with state.begin() as connection:
        look = sa.inspect(connection)
        assert "person" not in {column["name"] for column in look.get_columns("runs")}
        assert "alembic_version" not in look.get_table_names()
    set_up(state, "DROP TABLE people")
    state.create()
    assert len(state.rows(Run)) == 2


def test_the_tables_of_a_later_version_are_refused(state: State) -> None:
    state.create()
    set_up(state, "UPDATE alembic_version SET version_num = '0900'")
    with pytest.raises(
        CheckError, match=rf"at version 0900; this software knows up to {known()[-1]}"
    ) as caught:
        state.create()
    assert "no way back" in str(caught.value)


def test_who_may_only_read_is_told_what_to_run(
    state: State, state_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(state, EARLIEST, ROWS)
    state.close()
    monkeypatch.setattr("os.access", lambda path, mode: False)
    reader = State(state_url, tmp_path)
    assert reader.exists
    with pytest.raises(CheckError, match="earlier version") as caught:
        reader.create()
    assert f"peelian status --workspace {tmp_path}" in str(caught.value)
    reader.close()


def test_two_that_open_it_at_once_bring_it_up_to_date_once(
    state: State, state_url: str, tmp_path: Path
) -> None:
    set_up(state, EARLIEST, ROWS)
    code = (
        "import sys; from pathlib import Path; from peelian.workspace.state import State;"
        "s = State(sys.argv[1], Path(sys.argv[2])); print('ready', flush=True); input(); s.create()"
    )
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", code, state_url, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "ready\n"
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("\n")
        opener.stdin.flush()
    for opener in openers:
        _, said = opener.communicate(timeout=60)
        assert opener.returncode == 0, said
    assert version(state) == known()[-1]
    assert len(state.rows(Run)) == 2


def test_whoever_comes_second_finds_nothing_to_do(state: State) -> None:
    state.create()
    with state.begin() as connection:
        assert is_current(connection, state.address)
        upgrade(connection, state.address)
    assert version(state) == known()[-1]


def test_no_way_back_is_offered() -> None:
    for script in ScriptDirectory(str(FOLDER)).walk_revisions():
        assert not hasattr(script.module, "downgrade"), script.revision


def test_opening_what_is_current_needs_no_alembic(tmp_path: Path) -> None:
    """It takes a third of a second to load, on each command."""
    State("sqlite:///state.db", tmp_path).create()
    code = (
        "import sys; from pathlib import Path; from peelian.workspace.state import State;"
        "State('sqlite:///state.db', Path(sys.argv[1])).create(); print('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
