"""DuckDB connections that stay on this machine and within bounds.

No extension is ever installed or loaded on demand, nothing is written into the working directory, and
threads and memory can be limited.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

__all__ = ["arrow", "connect", "exact_paths", "literal", "quote"]


def settings(
    *, threads: int | None, memory: str, temporary: str
) -> dict[str, str | bool | int | float | list[str]]:
    """Return the DuckDB settings of this room."""
    options: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": memory,
        "temp_directory": temporary,
    }
    if threads is not None:
        options["threads"] = threads
    return options


@contextmanager
def connect(
    *, threads: int | None = None, memory: str = "1GB", scratch: Path | None = None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Yield an in-memory connection and its temporary folder; both are gone afterwards.

    Parameters
    ----------
    threads : int, optional
        Upper bound of worker threads; all cores when not given.
    memory : str
        DuckDB's memory limit; what does not fit spills to the temporary folder.
    scratch : Path, optional
        Where to make the temporary folder; the system's place for such when not given.
    """
    with tempfile.TemporaryDirectory(prefix="peelian-", dir=scratch, ignore_cleanup_errors=True) as folder:
        config = settings(threads=threads, memory=memory, temporary=str(Path(folder) / "spill"))
        connection = duckdb.connect(":memory:", config=config)
        connection.execute("SET TimeZone = 'UTC'")
        try:
            yield connection, Path(folder)
        finally:
            connection.close()


def arrow(connection: duckdb.DuckDBPyConnection, statement: str) -> pa.Table:
    """Return the rows of a query as an Arrow table."""
    table: pa.Table = connection.sql(statement).to_arrow_table()
    return table


def quote(identifier: str) -> str:
    """Return ``identifier`` quoted, so that no name from a file can be read as SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return ``text`` as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def exact_paths(paths: Sequence[Path]) -> list[str]:
    """Return paths as DuckDB patterns that match exactly these files, whatever characters they hold."""
    return ["".join(f"[{c}]" if c in "*?[" else c for c in str(path.absolute())) for path in paths]
