"""The state database: runs, visible record files, decisions, and what is yet to be written to the ledger.

One transaction of this database is the point at which a use case has happened. Files (Parquet, pages) are written
before it under names that nobody reads; the ledger is written after it from the outbox, as often as it takes.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Engine,
    Integer,
    String,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = ["DecisionRow", "Fact", "OutboxRow", "Person", "RecordFile", "Run", "State"]


class Base(DeclarativeBase):
    """Base of the tables."""


class Run(Base):
    """One result of one verb."""

    __tablename__ = "runs"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    serial: Mapped[int] = mapped_column(Integer, unique=True)
    verb: Mapped[str] = mapped_column(String(20), index=True)
    at: Mapped[str] = mapped_column(String(32))
    role: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(80), default="")
    category: Mapped[str] = mapped_column(String(200), default="")
    hashes: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20), default="done")
    person: Mapped[str | None] = mapped_column(String(40), default=None)


class Person(Base):
    """Somebody who is registered here: what they may act as, and the hash of the token that says it is they.

    Names lie sealed outside the database, under a key of their own; `sealed` is the SHA-256 of the ciphertext.
    """

    __tablename__ = "people"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    serial: Mapped[int] = mapped_column(Integer, unique=True)
    roles: Mapped[str] = mapped_column(Text)
    token: Mapped[str] = mapped_column(String(64))
    sealed: Mapped[str] = mapped_column(String(64))
    at: Mapped[str] = mapped_column(String(32))
    ended: Mapped[str | None] = mapped_column(String(32), default=None)


class RecordFile(Base):
    """A Parquet file of the record store that readers see."""

    __tablename__ = "record_files"
    path: Mapped[str] = mapped_column(String(400), primary_key=True)
    run: Mapped[str] = mapped_column(String(80))
    sha256: Mapped[str] = mapped_column(String(64))


class DecisionRow(Base):
    """A decision, as JSON of `peelian.charter.Decision`."""

    __tablename__ = "decisions"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    serial: Mapped[int] = mapped_column(Integer, unique=True)
    subject: Mapped[str] = mapped_column(String(80), index=True)
    body: Mapped[str] = mapped_column(Text)


class OutboxRow(Base):
    """A ledger entry that was decided in a transaction; `written` once the ledger has it."""

    __tablename__ = "outbox"
    serial: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(80), unique=True)
    body: Mapped[str] = mapped_column(Text)
    written: Mapped[bool] = mapped_column(Boolean, default=False, index=True)


class Fact(Base):
    """Something that was chosen for this workspace once, such as its CRS."""

    __tablename__ = "facts"
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


def _sqlite_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


class State:
    """The tables behind one workspace.

    Parameters
    ----------
    url : str
        A SQLAlchemy URL. A relative SQLite path is relative to `folder`.
    folder : Path
        The workspace.
    """

    def __init__(self, url: str, folder: Path) -> None:
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/"):
            url = prefix + str((folder / url.removeprefix(prefix)).absolute())
        # An overseer may have a copy that can only be read. SQLite has to write beside a database to read what its log
        # holds, so it is given a copy of both.
        self.read_only = not os.access(folder, os.W_OK)
        if self.read_only:
            self._copy = TemporaryDirectory()
            path = Path(url.removeprefix(prefix))
            for part in path.parent.glob(f"{glob.escape(path.name)}*"):
                shutil.copyfile(part, Path(self._copy.name) / part.name)
            url = f"{prefix}{Path(self._copy.name) / path.name}"
        self.engine: Engine = create_engine(url)
        event.listen(self.engine, "connect", _sqlite_pragmas)

    @property
    def exists(self) -> bool:
        """Whether the database has been made."""
        return inspect(self.engine).has_table(Run.__tablename__)

    def create(self) -> None:
        """Make the tables that are missing."""
        if not self.read_only:
            Base.metadata.create_all(self.engine)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: all of it, or nothing."""
        with self.engine.begin() as connection:
            yield connection

    def rows(self, table: type[Base], *where: Any, order: Any = None) -> list[dict[str, Any]]:
        """Rows of a table as dictionaries."""
        statement = select(table.__table__).where(*where)
        if order is not None:
            statement = statement.order_by(order)
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def fact(self, key: str) -> Any:
        """What was chosen under `key`, or None."""
        found = self.rows(Fact, Fact.key == key)
        return json.loads(found[0]["value"]) if found else None

    def set_fact(self, connection: Connection, key: str, value: Any) -> None:
        """Remember `value` under `key`, in the caller's transaction."""
        body = json.dumps(value)
        done = connection.execute(update(Fact).where(Fact.key == key).values(value=body))
        if done.rowcount == 0:
            connection.execute(insert(Fact).values(key=key, value=body))
