"""The ledger's files: hashes in tiles, entries in bundles, laid out as C2SP's tlog-tiles says.

A ledger is a folder of plain files that any web server can hand out::

    checkpoint                          the signed head
    tile/0/x001/234.p/17                17 leaf hashes of a tile that is not full yet
    tile/1/000                          256 hashes, each of a full tile below
    tile/entries/x001/234.p/17          the entries whose hashes are in tile/0/x001/234.p/17

Everything below is the format alone: names and bytes, no disk. Source: `c2sp.org/tlog-tiles
<https://c2sp.org/tlog-tiles>`_.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from peelian.charter.merkle import HASH_BYTES
from peelian.errors import UsageError

__all__ = [
    "MAX_ENTRY_BYTES",
    "TILE_WIDTH",
    "Tile",
    "bundle_prefix",
    "decode_bundle",
    "decode_tile",
    "encode_bundle",
    "encode_tile",
    "tiles_of",
]

TILE_WIDTH = 256
MAX_ENTRY_BYTES = 65_535
MAX_LEVEL = 63
_PATH = re.compile(r"tile/(entries|0|[1-9]\d?)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)


@dataclass(frozen=True, order=True)
class Tile:
    """The name of one tile or entry bundle.

    Parameters
    ----------
    level : int
        Tile level, 0 for leaf hashes; -1 for a bundle of entries.
    index : int
        Position within the level, from 0.
    width : int
        How many hashes or entries it holds, 1 to 256; below 256 it is partial.
    """

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def folder(self) -> str:
        """Path of the full tile; its partial versions lie in the folder of this name and ``.p``."""
        digits = [f"{self.index % 1000:03d}"]
        rest = self.index // 1000
        while rest:
            digits.insert(0, f"x{rest % 1000:03d}")
            rest //= 1000
        level = "entries" if self.level < 0 else str(self.level)
        return f"tile/{level}/{'/'.join(digits)}"

    @property
    def path(self) -> str:
        """Path below the ledger's folder, with ``/`` between its parts."""
        return self.folder if self.width == TILE_WIDTH else f"{self.folder}.p/{self.width}"

    @property
    def start(self) -> int:
        """Index of the first entry that this tile covers."""
        return self.index << (8 * (max(self.level, 0) + 1))

    @classmethod
    def parse(cls, path: str) -> Tile | None:
        """Read a path back, or None if it names no tile (a spelling that is not canonical names none)."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        level, digits, width = match.groups()
        tile = cls(
            -1 if level == "entries" else int(level),
            int(digits.replace("x", "").replace("/", "")),
            int(width or TILE_WIDTH),
        )
        valid = tile.level <= MAX_LEVEL and tile.path == path
        return tile if valid else None


def tiles_of(size: int, *, level: int | None = None) -> Iterator[Tile]:
    """The widest tiles and bundles that a ledger of ``size`` entries has, by level and index.

    Parameters
    ----------
    size : int
        Number of entries.
    level : int, optional
        Only those of one level (-1: bundles).
    """
    levels = [level] if level is not None else [-1, *range(MAX_LEVEL + 1)]
    for each in levels:
        hashes = size >> (8 * max(each, 0))
        if hashes == 0:
            return
        for index in range(hashes // TILE_WIDTH):
            yield Tile(each, index)
        if hashes % TILE_WIDTH:
            yield Tile(each, hashes // TILE_WIDTH, hashes % TILE_WIDTH)


def check_entry(entry: bytes) -> bytes:
    """Return the entry if the format can hold it, else raise UsageError."""
    if len(entry) > MAX_ENTRY_BYTES:
        msg = f"an entry has {len(entry):,} bytes; the ledger's format holds at most {MAX_ENTRY_BYTES:,}"
        raise UsageError(msg, hint="keep the data in a file of its own and put its hash into the entry")
    return entry


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries, each behind its length as a big-endian uint16.

    Raises
    ------
    UsageError
        If an entry is longer than 65,535 bytes.
    """
    return b"".join(len(check_entry(entry)).to_bytes(2, "big") + entry for entry in entries)


def bundle_prefix(data: bytes, *, count: int) -> int:
    """Number of bytes that the first ``count`` entries of a bundle take.

    Raises
    ------
    ValueError
        If the bundle ends before.
    """
    offset = 0
    for position in range(count):
        end = offset + 2
        if end <= len(data):
            end += int.from_bytes(data[offset:end], "big")
        if end > len(data):
            msg = f"it ends within entry {position} of {count}"
            raise ValueError(msg)
        offset = end
    return offset


def decode_bundle(data: bytes, *, width: int) -> list[bytes]:
    """The ``width`` entries of a bundle.

    Raises
    ------
    ValueError
        If the bytes are not exactly that many entries.
    """
    entries: list[bytes] = []
    offset = 0
    while offset < len(data) and len(entries) < width:
        end = offset + 2 + int.from_bytes(data[offset : offset + 2], "big")
        if offset + 2 > len(data) or end > len(data):
            break
        entries.append(data[offset + 2 : end])
        offset = end
    if len(entries) < width:
        msg = f"it holds {len(entries)} whole entries instead of {width}"
        raise ValueError(msg)
    if offset != len(data):
        msg = f"{len(data) - offset} bytes follow its {width} entries"
        raise ValueError(msg)
    return entries


def encode_tile(hashes: Sequence[bytes]) -> bytes:
    """Hashes of 32 bytes, one behind the other."""
    return b"".join(hashes)


def decode_tile(data: bytes, *, width: int) -> list[bytes]:
    """The ``width`` hashes of a tile.

    Raises
    ------
    ValueError
        If the bytes are not exactly that many hashes.
    """
    if len(data) != width * HASH_BYTES:
        msg = f"it has {len(data)} bytes instead of {width} hashes of {HASH_BYTES}"
        raise ValueError(msg)
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]
