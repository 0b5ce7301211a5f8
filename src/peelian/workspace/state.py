"""The state database: runs, visible record files, decisions, and what is yet to be written to the ledger.

One transaction of this database is the point at which a use case has happened. Files (Parquet, pages) are written
before it under names that nobody reads; the ledger is written after it from the outbox, as often as it takes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Connection, Engine, Integer, String, Text, func, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from peelian.errors import CheckError, PeelianError, UsageError
from peelian.workspace.database import Address, connect, copy_of, engine_for, retold
from peelian.workspace.migrations import forget, has_tables, is_current, lock_key, upgrade

__all__ = ["DecisionRow", "Fact", "OutboxRow", "Person", "RecordFile", "Run", "State"]


LOCKING = ("try_advisory_lock", "advisory_unlock")

PAUSE = 0.2
"""Seconds between two looks at a lock that another one has."""


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


class State:
    """The tables behind one workspace.

    Parameters
    ----------
    url : str
        As in ``peelian.toml``: ``sqlite:///FILE`` (a relative one is relative to `folder`),
        ``postgresql://USER@HOST/DATABASE``, or ``env:NAME`` for one in an environment variable.
    folder : Path
        The workspace.

    Raises
    ------
    ConfigError, MissingExtraError
        The URL is off, or its driver isn't installed.
    """

    def __init__(self, url: str, folder: Path) -> None:
        address = Address.parse(url, folder)
        self.folder = folder
        self.where = address.where
        # An overseer may have a copy that can only be read. SQLite has to write beside a database to read what its log
        # holds, so it is given a copy of both.
        self.read_only = not os.access(folder, os.W_OK)
        if self.read_only and not address.postgresql:
            address, self._copy = copy_of(address)
        self.address = address
        self.engine: Engine = engine_for(address, read_only=self.read_only)
        self._held: Connection | None = None

    def __repr__(self) -> str:
        return f"State({self.where})"

    # -- the tables

    @property
    def exists(self) -> bool:
        """Whether the database has been made."""
        with self._connected() as connection:
            return has_tables(connection, self.address)

    def create(self, *, new: bool = False) -> None:
        """Make the tables, or bring those of an earlier version up to date: in one transaction.

        Parameters
        ----------
        new : bool
            The workspace is just being made, so nothing may be there.

        Raises
        ------
        UsageError
            `new`, and a workspace is there already.
        CheckError
            The tables are those of a later version, or of an earlier one and may only be read.
        """
        with self._connected() as connection:
            current = is_current(connection, self.address)
        if new and self.exists and self.rows(Run):
            msg = f"a new workspace was to keep its state in {self.where}, where another workspace keeps its own"
            raise UsageError(msg, hint="name another schema in the URL, such as ?schema=stlouis")
        if current:
            return
        if self.read_only:
            msg = f"the state of {self.folder} was written by an earlier version, and may only be read here"
            raise CheckError(msg, hint=f"let its keeper run: peelian status --workspace {self.folder}")
        with self.begin() as connection:
            upgrade(connection, self.address)

    def drop(self) -> None:
        """Remove the tables with all that they hold: only for a workspace that could not be made."""
        with self.begin() as connection:
            Base.metadata.drop_all(connection)
            forget(connection)
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    # -- transactions

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with connect(self.engine, self.address) as connection:
            try:
                yield connection
            except IntegrityError:
                raise
            except DBAPIError as error:
                raise retold(error, self.address) from error

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: all of it, or nothing."""
        if self._held is not None:
            self._still_held(self._held)
        with self._connected() as connection, connection.begin():
            yield connection

    @contextmanager
    def locked(self, waiting: Callable[[], None] | None = None, *, shared: bool = False) -> Iterator[None]:
        """Keep writers on other machines out for as long as this lasts. SQLite has none: its file is on this one.

        Parameters
        ----------
        waiting : callable, optional
            Told once when another one has the lock.
        shared : bool
            Only read: others may, too.
        """
        if not self.address.postgresql:
            yield
            return
        key, kind = lock_key(self.address), "_shared" if shared else ""
        lock, unlock = (getattr(func, f"pg_{verb}{kind}")(key) for verb in LOCKING)
        with self._connected() as plain:
            connection = plain.execution_options(isolation_level="AUTOCOMMIT")
            while not connection.scalar(select(lock)):
                if waiting is not None:
                    waiting()
                    waiting = None
                time.sleep(PAUSE)
            self._held = connection
            try:
                yield
            finally:
                self._held = None
                with suppress(SQLAlchemyError, PeelianError):  # a server that went away has let go of it
                    connection.execute(select(unlock))

    def _still_held(self, connection: Connection) -> None:
        """The server gives the lock to the next one when it loses sight of us; then nothing more may be written."""
        try:
            connection.execute(select(1))
        except (SQLAlchemyError, PeelianError):
            msg = f"the connection to {self.where} broke while this step was being written"
        else:
            return
        raise PeelianError(
            msg, hint="peelian status shows whether the step was kept; if it was not, run it again"
        )

    # -- what they hold

    def rows(self, table: type[Base], *where: Any, order: Any = None) -> list[dict[str, Any]]:
        """Rows of a table as dictionaries; text is in the order of its bytes, whatever the server's language."""
        statement = select(table.__table__).where(*where)
        if order is not None:
            text = self.address.postgresql and isinstance(order.type, String)
            statement = statement.order_by(order.collate("C") if text else order)
        with self._connected() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def copy_into(self, other: State) -> int:
        """Copy every row into the empty tables of another database; the number of rows.

        Raises
        ------
        UsageError
            The other one holds rows.
        """
        other.create(new=True)
        copied = 0
        with self._connected() as source, other.begin() as target:
            for table in Base.metadata.sorted_tables:
                found = [dict(row) for row in source.execute(select(table)).mappings()]
                if found:
                    target.execute(insert(table), found)
                copied += len(found)
            if other.address.postgresql:
                last = select(func.coalesce(func.max(OutboxRow.serial), 0) + 1).scalar_subquery()
                sequence = func.pg_get_serial_sequence(OutboxRow.__tablename__, "serial")
                target.execute(select(func.setval(sequence, last, False)))
        return copied

    def scrub(self) -> None:
        """Write the tables anew, so that the bytes of rows that were deleted or changed are in no file of theirs.

        SQLite keeps them in its log, and PostgreSQL in the tables' files, until this. What a PostgreSQL server keeps
        elsewhere (its write-ahead log, replicas, backups of its own) is for whoever runs it.
        """
        with self._connected() as plain:
            plain.connection.rollback()  # the pool's question whether the server is there began a transaction
            connection = plain.execution_options(isolation_level="AUTOCOMMIT")
            if self.address.postgresql:
                for table in Base.metadata.sorted_tables:
                    name = connection.dialect.identifier_preparer.format_table(table)
                    connection.exec_driver_sql(f"VACUUM FULL {name}")
                return
            for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.exec_driver_sql(statement)

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
