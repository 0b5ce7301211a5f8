"""The tables of the state database from version to version.

Each file in ``versions`` is one step, and only ever leads forward: a step back would lose what the later version wrote.
Whoever needs the earlier version restores the backup that was made with it.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, inspect, select, table, text
from sqlalchemy.schema import CreateSchema

from peelian.errors import CheckError
from peelian.workspace.database import Address

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["FOLDER", "forget", "has_tables", "is_current", "known", "lock_key", "upgrade"]

FOLDER = Path(__file__).parent
VERSION_TABLE = "alembic_version"
FIRST = "0001"
"""What a database without a version is at: it was made before there were any."""


@cache
def known() -> tuple[str, ...]:
    """The steps of this version of the software, oldest first. Read from the names of files: Alembic takes a while."""
    return tuple(sorted(path.stem[1:5] for path in (FOLDER / "versions").glob("v[0-9]*.py")))


def has_tables(connection: Connection, address: Address) -> bool:
    """Whether a workspace's tables are there."""
    return _has(connection, "runs", address)


def is_current(connection: Connection, address: Address) -> bool:
    """Whether the tables are as this version of the software wants them.

    Raises
    ------
    CheckError
        They are those of a later version.
    """
    found = _revision(connection, address)
    if found is None or found in known():
        return found == known()[-1]
    msg = (
        f"the state database ({address.where}) is at version {found}; this software knows up to {known()[-1]}"
    )
    raise CheckError(
        msg,
        hint="install the version of Peelian that wrote it, or a later one; there is no way back for the tables",
    )


def upgrade(connection: Connection, address: Address) -> None:
    """Bring the tables to the present version, in the caller's transaction; errors as `is_current`."""
    if address.postgresql:
        connection.execute(select(func.pg_advisory_xact_lock(lock_key(address, "tables"))))
        if address.schema not in inspect(connection).get_schema_names():
            connection.execute(CreateSchema(address.schema))
    else:
        # Python's driver would begin a transaction at the first row that is written, which is after the first table.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    if is_current(connection, address):  # another process was first
        return
    from alembic import command

    config = _config(connection)
    if _revision(connection, address) is None and has_tables(connection, address):
        command.stamp(config, FIRST)
    command.upgrade(config, "head")


def forget(connection: Connection) -> None:
    """Remove the version of tables that have been removed."""
    connection.execute(text(f"DROP TABLE IF EXISTS {VERSION_TABLE}"))


def lock_key(address: Address, purpose: str = "writer") -> int:
    """The number of an advisory lock, which all users of a PostgreSQL database share: 63 bits of a hash."""
    name = f"peelian/{purpose}/{address.schema}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


def _has(connection: Connection, name: str, address: Address) -> bool:
    return inspect(connection).has_table(name, schema=address.schema if address.postgresql else None)


def _revision(connection: Connection, address: Address) -> str | None:
    if not _has(connection, VERSION_TABLE, address):
        return None
    found = connection.scalar(select(text("version_num")).select_from(table(VERSION_TABLE)))
    return None if found is None else str(found)


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config
