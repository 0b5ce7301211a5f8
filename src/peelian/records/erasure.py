"""Removing rows so that their bytes are gone: files are written anew, and the old ones overwritten.

Marking a row as deleted leaves it in the file (DuckDB's tables, Delta's log, SQLite's free pages), and removing a file
leaves its bytes on the disk. So a table is written again without the rows, and the file that held them is overwritten
before it is removed. A disk that writes elsewhere than it is told to (flash, a copying file system, a snapshot) may
keep the old bytes all the same: only encrypting the disk helps against that.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

__all__ = ["Doomed", "destroy", "hashed_id", "kind_of", "overwrite", "source_of", "without"]

Doomed = Callable[[pa.Table], pa.ChunkedArray]
"""Says of each row of a table whether it goes."""

_PIECE = 1 << 20


def destroy(path: Path) -> bool:
    """Overwrite a file and remove it; False where there is none.

    A file that has another name too, or is a link to one, is overwritten under that name as well: it's the same bytes.
    """
    try:
        handle = os.open(path, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return False
    except OSError:
        if path.is_symlink():  # the link goes; what it leads to is not ours
            path.unlink()
            return True
        raise
    overwrite(handle)
    path.unlink()
    return True


def overwrite(handle: int) -> None:
    """Overwrite a file that is open for writing, see that onto the disk, and close it."""
    try:
        left = os.fstat(handle).st_size
        while left > 0:
            left -= os.write(handle, bytes(min(left, _PIECE)))
        os.fsync(handle)
    finally:
        os.close(handle)


def without(data: bytes, doomed: Doomed) -> tuple[bytes | None, int]:
    """A Parquet file without some of its rows.

    Parameters
    ----------
    data : bytes
        The file.
    doomed : callable
        Which rows go.

    Returns
    -------
    data : bytes or None
        The file written anew, with its metadata; as it was if no row goes, None if none stays.
    n : int
        How many rows went.
    """
    table = pq.read_table(pa.BufferReader(data))
    gone = pc.fill_null(doomed(table), False)
    n = pc.sum(gone).as_py() or 0
    if n == 0:
        return data, 0
    if n == table.num_rows:
        return None, n
    sink = pa.BufferOutputStream()
    # A filtered table is a copy; what is written has the values of its rows only, in dictionaries and statistics too.
    pq.write_table(table.filter(pc.invert(gone)), sink, compression="zstd")
    return sink.getvalue().to_pybytes(), n


def kind_of(name: str) -> str:
    """Of a file of the store, relative to its root: ``incidents``, ``quarantine`` or ``cancelled``."""
    return name.split("/", 1)[0]


def source_of(name: str) -> str | None:
    """The source that a file's folder names; None for a quarantine's, whose rows say it themselves."""
    parts = [part for part in name.split("/") if part.startswith("source=")]
    return parts[0].removeprefix("source=") if parts else None


def hashed_id(source: str, own: str) -> str:
    """Under which id a record is stored whose source's own id isn't kept as it is (see `peelian.records.pipeline`)."""
    return hashlib.sha256(f"{source}\x1f{own}".encode()).hexdigest()[:32]
