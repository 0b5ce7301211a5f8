"""The file that a backup is: a tar under zstd with a list of what is in it, which is read whole before it's believed.

::

    peelian-backup.json       what it is, of which ledger, and at which checkpoint
    workspace/...             the files of the workspace, its state as SQLite
    keys.sealed               private keys, encrypted; only where they were asked for
    manifest.json             size and SHA-256 of each of the above, and nothing else may be in the file

Nothing in it says who made it on which machine. Reading never writes: whoever unpacks it has checked it by then.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self

import pyarrow as pa

from peelian.errors import CheckError
from peelian.workspace.files import result_json

__all__ = [
    "HEADER",
    "KEYS",
    "MANIFEST",
    "WORKSPACE",
    "Archive",
    "Manifest",
    "members",
    "read_archive",
    "writing_archive",
]

FORMAT = "peelian backup"
VERSION = 1
HEADER, MANIFEST, KEYS, WORKSPACE = "peelian-backup.json", "manifest.json", "keys.sealed", "workspace/"
_PIECE = 1 << 20
_MOST_HEADER = 1 << 20
_HINT = "take another backup: peelian backup --list names those that were made"


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself, once its bytes were held against that.

    Parameters
    ----------
    header : dict
        ``format``, ``version``, ``made``, ``peelian``, ``origin``, ``vkey``, ``size``, ``root``, ``checkpoint``,
        ``keys`` and, in one from which records were erased since, ``erased``.
    members : dict
        Size and SHA-256 of each member by its name.
    """

    header: dict[str, Any]
    members: dict[str, dict[str, Any]]


@dataclass
class Archive:
    """A backup that is being written."""

    tar: tarfile.TarFile
    members: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, data: bytes) -> None:
        """Put bytes in under a name."""
        self._put(name, io.BytesIO(data), len(data))

    def add_file(self, name: str, path: Path) -> None:
        """Put a file in under a name."""
        with path.open("rb") as file:
            self._put(name, file, os.fstat(file.fileno()).st_size)

    def _put(self, name: str, file: IO[bytes], size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        reader = _Hashing(file)
        self.tar.addfile(info, reader)
        if name != MANIFEST:
            self.members[name] = {"size": size, "sha256": reader.digest.hexdigest()}

    def close(self) -> None:
        """Write the list of what is in it, as the last member."""
        self.add(MANIFEST, result_json(self.members).encode())


class _Hashing:
    """A file of which every byte that is read is hashed."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.digest.update(data)
        return data


@contextmanager
def writing_archive(path: Path, header: dict[str, Any]) -> Iterator[Archive]:
    """Write a backup of mode 600 under `path`, which must not be there; it's on the disk afterwards, or not there.

    Raises
    ------
    OSError
        It is there already, or the disk is full.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            stream = pa.CompressedOutputStream(pa.PythonFile(_Kept(file), "w"), "zstd")
            with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                archive = Archive(tar)
                archive.add(HEADER, result_json({"format": FORMAT, "version": VERSION, **header}).encode())
                yield archive
                archive.close()
            stream.close()
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


class _Kept(io.RawIOBase):
    """A file that isn't closed by whoever writes to it, so that it can be seen onto the disk."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self.file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self.file.write(data)

    def tell(self) -> int:
        return self.file.tell()


@dataclass
class _Member:
    """A member while it's read; what is left of it is read when the next one is asked for."""

    archive: Path
    name: str
    size: int
    file: IO[bytes]
    digest: Any = field(default_factory=hashlib.sha256)
    seen: int = 0

    def read(self, size: int = -1) -> bytes:
        try:
            data = self.file.read(size)
        except _DAMAGE as error:
            raise _damaged(self.archive, error) from error
        self.digest.update(data)
        self.seen += len(data)
        return data

    def copy_to(self, target: Path) -> None:
        """Write it into a new file."""
        with target.open("xb") as file:
            while data := self.read(_PIECE):
                file.write(data)

    def drain(self) -> Self:
        """Read what is left of it."""
        while self.read(_PIECE):
            pass
        return self


def members(path: Path) -> Iterator[_Member]:
    """The members of a backup in their order, the list of them too. Nothing is known of them before the last was read.

    Raises
    ------
    CheckError
        The file is no backup, is cut, or has something in it that no backup has.
    """
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    try:
        yield from _members(path)
    except _DAMAGE as error:
        raise _damaged(path, error) from error


_DAMAGE = (OSError, EOFError, tarfile.TarError, pa.ArrowException)


def _damaged(path: Path, error: Exception) -> CheckError:
    msg = f"{path} is damaged or is no backup: {error}"
    return CheckError(msg, hint=_HINT)


def _members(path: Path) -> Iterator[_Member]:
    with pa.input_stream(str(path), compression="zstd") as stream:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for info in tar:
                file = tar.extractfile(info) if info.isreg() else None
                if file is None or not _safe(info.name):
                    msg = f"{path} holds {info.name!r}, which is no plain file below the workspace: it's no backup"
                    raise CheckError(msg, hint=_HINT)
                member = _Member(path, info.name, info.size, file)
                yield member
                member.drain()
        while rest := stream.read(_PIECE):
            if rest.strip(b"\0"):
                msg = f"{path} goes on after its end"
                raise CheckError(msg, hint=_HINT)


def _safe(name: str) -> bool:
    """Whether a name leads to a place below the workspace, and to no key."""
    if name in (HEADER, MANIFEST, KEYS):
        return True
    if not name.startswith(WORKSPACE) or "\\" in name or "\0" in name:
        return False
    inner = name.removeprefix(WORKSPACE)
    parts = inner.split("/")
    plain = all(part not in ("", ".", "..") for part in parts) and not PurePosixPath(inner).is_absolute()
    return plain and parts[0] != "keys"


def read_archive(path: Path) -> Manifest:
    """Read a backup to its end and hold each byte against its list.

    Raises
    ------
    CheckError
        It's cut, was changed, is of another version or no backup.
    """
    header: dict[str, Any] = {}
    seen: dict[str, dict[str, Any]] = {}
    listed: dict[str, Any] | None = None
    for member in members(path):
        if listed is not None or member.name in seen:
            msg = f"{path} holds {member.name!r} twice or after its list: somebody changed it"
            raise CheckError(msg, hint=_HINT)
        if not seen:
            header = _read_header(path, member)
        if member.name == MANIFEST:
            listed = _json(path, member.read())
            continue
        member.drain()
        seen[member.name] = {"size": member.seen, "sha256": member.digest.hexdigest()}
    if listed is None:
        msg = f"{path} ends before its list: it was cut"
        raise CheckError(msg, hint=_HINT)
    if listed != seen:
        wrong = sorted(name for name in {*listed, *seen} if listed.get(name) != seen.get(name))
        msg = f"{path} isn't what was written: {', '.join(wrong[:3])}{' and more' if len(wrong) > 3 else ''}"
        raise CheckError(msg, hint=_HINT)
    return Manifest(header, seen)


def _read_header(path: Path, member: _Member) -> dict[str, Any]:
    if member.name != HEADER or member.size > _MOST_HEADER:
        msg = f"{path} is no backup: it begins with {member.name!r}"
        raise CheckError(msg, hint=_HINT)
    found = _json(path, member.read())
    if found.get("format") != FORMAT:
        msg = f"{path} is no backup: its head says {str(found.get('format'))[:40]!r}"
        raise CheckError(msg, hint=_HINT)
    if found.get("version") != VERSION:
        msg = f"{path} is a backup of version {found.get('version')}; expected {VERSION}"
        raise CheckError(msg, hint="restore it with the version of Peelian that made it")
    return found


def _json(path: Path, data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError as error:
        msg = f"{path} is damaged: {error}"
        raise CheckError(msg, hint=_HINT) from error
    if not isinstance(found, dict):
        msg = f"{path} is damaged: what describes it is no JSON object"
        raise CheckError(msg, hint=_HINT)
    return found
