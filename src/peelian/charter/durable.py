"""Writing files so that they are there, whole, after the power goes: and one writer at a time.

A file is written under another name, seen onto the disk, and only then given its name; so under its name
there is either nothing, the old file or the whole new one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from peelian.errors import PeelianError

__all__ = ["LOCK_FILE", "TEMPORARY", "Lock", "locked", "replace_file", "write_files"]

LOCK_FILE = ".lock"
TEMPORARY = ".tmp"
_POLL_SECONDS = 0.01
_SYNCERS = 8
_MANY = 8  # files from which threads are worth their start
_HANDLES = 256  # files that are open at once


def temporary(path: Path) -> Path:
    """Name under which ``path`` is written before it gets its own."""
    return path.with_name(f".{path.name}{TEMPORARY}")


def sync_folder(folder: Path) -> None:
    """See the names in a folder onto the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, data: bytes) -> int:
    """Write one file, all of it or OSError; its open handle, since it may not be on the disk yet."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
    except OSError:
        os.close(handle)
        raise
    return handle


def _sync_all(handles: Sequence[int]) -> None:
    """See the contents of many files onto the disk, some at a time, which the disk answers sooner than in turn."""
    if len(handles) < _MANY or _SYNCERS == 1:
        for handle in handles:
            os.fsync(handle)
    else:
        with ThreadPoolExecutor(_SYNCERS) as pool:
            list(pool.map(os.fsync, handles))


def _make_folder(folder: Path, *, touched: set[Path]) -> None:
    """Make a folder and those above it, and note whose list of names changed."""
    if folder.is_dir():
        return
    _make_folder(folder.parent, touched=touched)
    folder.mkdir(exist_ok=True)
    touched.add(folder.parent)


def write_files(files: Sequence[tuple[Path, bytes]], *, last: tuple[Path, bytes] | None = None) -> None:
    """Write all these files durably; each appears under its name whole or not at all.

    Parameters
    ----------
    files : sequence of (Path, bytes)
        They get their names in any order.
    last : (Path, bytes), optional
        A file that gets its name only when the names of all the others are on the disk.

    Raises
    ------
    OSError
        If the disk refuses. Some of the files may then be there, and temporary ones beside them.
    """
    touched: set[Path] = set()
    drafts = [*files, *([last] if last else [])]
    for start in range(0, len(drafts), _HANDLES):
        handles: list[int] = []
        try:
            for path, data in drafts[start : start + _HANDLES]:
                _make_folder(path.parent, touched=touched)
                handles.append(_write(temporary(path), data))
            _sync_all(handles)
        finally:
            for handle in handles:
                os.close(handle)
    _give_names([path for path, _ in files], touched=touched)
    if last:
        _give_names([last[0]], touched=set())


def _give_names(paths: Sequence[Path], *, touched: set[Path]) -> None:
    for path in paths:
        os.replace(temporary(path), path)  # noqa: PTH105 - one call site for all renames
        touched.add(path.parent)
    for folder in sorted(touched):
        sync_folder(folder)


def replace_file(path: Path, data: bytes) -> None:
    """Replace one file durably, in one step."""
    write_files([], last=(path, data))


class Lock:
    """A held lock, with a mark that survives its holder.

    The mark is set before the first write and cleared after the last. Whoever finds it set knows that the
    holder before died in between, and looks for leftovers.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @property
    def marked(self) -> bool:
        """Whether a writer died while it held the lock."""
        return os.fstat(self._handle).st_size > 0

    def mark(self) -> None:
        """Set the mark. It need not be synced: after a power cut every writer is a new one and looks."""
        os.pwrite(self._handle, b"writing\n", 0)

    def clear(self) -> None:
        """Clear the mark."""
        os.ftruncate(self._handle, 0)


@contextmanager
def locked(folder: Path, *, exclusive: bool, timeout: float) -> Iterator[Lock | None]:
    """Hold the folder's lock: one writer, or any number of readers.

    A reader of a folder without a lock file (a copy that was downloaded) gets None.

    Raises
    ------
    PeelianError
        If it is not to be had within ``timeout`` seconds.
    """
    path = folder / LOCK_FILE
    flags = os.O_RDWR | os.O_CREAT if exclusive else os.O_RDONLY
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW, 0o644)
    except FileNotFoundError:
        if exclusive:
            raise
        yield None
        return
    try:
        _acquire(handle, path, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, timeout=timeout)
        yield Lock(handle)
    finally:
        os.close(handle)  # which lets go of the lock


def _acquire(handle: int, path: Path, kind: int, *, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            if time.monotonic() >= deadline:
                msg = f"another process has held {path} for {timeout:g} s"
                raise PeelianError(msg, hint="wait for it to end, then run the command again") from error
            time.sleep(_POLL_SECONDS)
        else:
            return
