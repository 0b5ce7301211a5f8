"""The folder of a ledger: reading its files, laying out what an append adds, clearing what a crash left."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from peelian.charter.durable import TEMPORARY
from peelian.charter.merkle import HASH_BYTES, leaf_hash, packed_root, subtree_root
from peelian.charter.tiles import (
    TILE_WIDTH,
    Tile,
    bundle_prefix,
    decode_bundle,
    decode_tile,
    encode_bundle,
    encode_tile,
)
from peelian.errors import LedgerError

__all__ = [
    "CHECKPOINT_FILE",
    "ML_DSA_FILE",
    "VKEY_FILE",
    "WITNESSED_FILE",
    "Growth",
    "TileNodes",
    "clear_leftovers",
    "load_tile",
    "read_checkpoint",
    "read_entry",
    "read_tile",
    "read_vkey",
]

CHECKPOINT_FILE = "checkpoint"
_MAX_KNOWN = 100_000  # hashes that are kept from one proof to the next
VKEY_FILE = "vkey"
ML_DSA_FILE = "vkey-ml-dsa"
WITNESSED_FILE = "witnessed"


def read_checkpoint(root: Path) -> bytes:
    """The signed checkpoint of the ledger in a folder; LedgerError if there is none."""
    path = root / CHECKPOINT_FILE
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"there is no ledger in {root}: {path} can't be read ({error.strerror})"
        raise LedgerError(msg, hint="name the folder that holds 'checkpoint' and 'tile'") from error


def read_vkey(root: Path) -> str:
    """The verifier key that lies beside the checkpoint; LedgerError if there is none."""
    path = root / VKEY_FILE
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the ledger in {root} has no readable verifier key ({path})"
        raise LedgerError(msg, hint="give the key that the agency published") from error


def read_tile(root: Path, tile: Tile) -> bytes:
    """Bytes of a tile or bundle; of a partial one also from the full one that took its place.

    Raises
    ------
    LedgerError
        If neither is there, or what is there can't be read.
    """
    wider = Tile(tile.level, tile.index)
    try:
        try:
            return (root / tile.path).read_bytes()
        except FileNotFoundError:
            data = (root / wider.path).read_bytes()
            end = HASH_BYTES * tile.width if tile.level >= 0 else bundle_prefix(data, count=tile.width)
            return data[:end]
    except FileNotFoundError as error:
        msg = f"{tile.path} of the ledger in {root} is missing"
        raise LedgerError(msg, hint="peelian ledger verify") from error
    except (OSError, ValueError) as error:
        msg = f"{tile.path} of the ledger in {root} can't be read: {error}"
        raise LedgerError(msg, hint="peelian ledger verify") from error


def load_tile(root: Path, tile: Tile) -> list[bytes]:
    """The hashes of a tile, or the entries of a bundle.

    Raises
    ------
    LedgerError
        If it is missing, can't be read, or does not hold what its name says.
    """
    decode = decode_bundle if tile.level < 0 else decode_tile
    try:
        return decode(read_tile(root, tile), width=tile.width)
    except ValueError as error:
        msg = f"{tile.path} of the ledger in {root} was changed: {error}"
        raise LedgerError(msg, hint="peelian ledger verify") from error


def read_entry(root: Path, index: int, *, size: int) -> bytes:
    """One entry of a ledger of ``size`` entries, without taking the whole bundle apart; errors as `load_tile`."""
    start = index & -TILE_WIDTH
    tile = Tile(-1, index >> 8, min(TILE_WIDTH, size - start))
    data = read_tile(root, tile)
    try:
        begin = bundle_prefix(data, count=index - start)
        end = begin + bundle_prefix(data[begin:], count=1)
    except ValueError as error:
        msg = f"{tile.path} of the ledger in {root} was changed: {error}"
        raise LedgerError(msg, hint="peelian ledger verify") from error
    return data[begin + 2 : end]


class TileNodes:
    """Hashes of perfect subtrees, read from tiles: a `merkle.NodeReader` with each tile read once."""

    def __init__(self, root: Path, size: int) -> None:
        self._root = root
        self._size = size
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._known: dict[tuple[int, int], bytes] = {}

    @classmethod
    def again(cls, before: TileNodes | None, root: Path, size: int) -> TileNodes:
        """The reader of the proof before for the next one of the same size, without the leaves that it read.

        Tiles over other tiles are few and serve many proofs. Should somebody change them meanwhile, proofs made
        from what was read before still lead to the signed root.
        """
        if before is None or before._size != size or len(before._known) > _MAX_KNOWN:
            return cls(root, size)
        before._tiles = {key: data for key, data in before._tiles.items() if key[0]}
        return before

    def __call__(self, level: int, index: int) -> bytes:
        """Hash of the perfect subtree over leaves ``index * 2**level`` and up."""
        known = self._known.get((level, index))
        if known is not None:
            return known
        tile_level, height = divmod(level, 8)
        first = index << height
        hashes = self._tile(tile_level, first >> 8)
        offset = HASH_BYTES * (first & (TILE_WIDTH - 1))
        found = packed_root(hashes[offset : offset + (HASH_BYTES << height)])
        if tile_level:
            self._known[level, index] = found
        return found

    def _tile(self, level: int, index: int) -> bytes:
        key = (level, index)
        if key not in self._tiles:
            width = min(TILE_WIDTH, (self._size >> 8 * level) - index * TILE_WIDTH)
            tile = Tile(level, index, width)
            data = read_tile(self._root, tile)
            if len(data) != HASH_BYTES * width:
                load_tile(self._root, tile)  # which says what is wrong with it
            self._tiles[key] = data
        return self._tiles[key]


@dataclass
class Growth:
    """The files that an append has to write, and the ledger's right edge after it.

    Parameters
    ----------
    edges : list of lists of 32-byte hashes
        By tile level: the hashes that are not yet in a full tile.
    bundle : list of bytes
        The entries that are not yet in a full bundle.
    files : list of (Tile, bytes)
        What has to be written.
    """

    edges: list[list[bytes]]
    bundle: list[bytes]
    files: list[tuple[Tile, bytes]] = field(default_factory=list)

    @classmethod
    def of(
        cls, edges: Sequence[Sequence[bytes]], bundle: Sequence[bytes], *, size: int, entries: Sequence[bytes]
    ) -> Growth:
        """Add entries to the right edge of a ledger of ``size`` entries."""
        grown = cls([list(hashes) for hashes in edges] or [[]], list(bundle))
        old = size
        for entry in entries:
            grown.bundle.append(entry)
            grown.edges[0].append(leaf_hash(entry))
            size += 1
            if len(grown.bundle) == TILE_WIDTH:
                grown._fill(size)
        if grown.bundle:
            grown.files.append((Tile(-1, size >> 8, len(grown.bundle)), encode_bundle(grown.bundle)))
        for level, hashes in enumerate(grown.edges):
            if hashes and size >> 8 * level != old >> 8 * level:
                tile = Tile(level, size >> 8 * (level + 1), len(hashes))
                grown.files.append((tile, encode_tile(hashes)))
        return grown

    def _fill(self, size: int) -> None:
        """Close the full bundle, and each tile that its root fills."""
        self.files.append((Tile(-1, (size >> 8) - 1), encode_bundle(self.bundle)))
        self.bundle = []
        level = 0
        while len(self.edges[level]) == TILE_WIDTH:
            hashes = self.edges[level]
            self.files.append((Tile(level, (size >> 8 * (level + 1)) - 1), encode_tile(hashes)))
            if level + 1 == len(self.edges):
                self.edges.append([])
            self.edges[level + 1].append(subtree_root(hashes))
            self.edges[level] = []
            level += 1


def clear_leftovers(root: Path, size: int) -> None:
    """Delete what a writer that died left: temporary files, tiles beyond the size, superseded partial ones."""
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        tile = Tile.parse(path.relative_to(root).as_posix())
        if path.name.startswith(".") and path.name.endswith(TEMPORARY):
            path.unlink()
        elif tile is not None:
            hashes = size >> 8 * max(tile.level, 0)
            beyond = tile.index * TILE_WIDTH + tile.width > hashes
            superseded = tile.width < TILE_WIDTH and (tile.index + 1) * TILE_WIDTH <= hashes
            if beyond or superseded:
                path.unlink()
                with suppress(OSError):
                    path.parent.rmdir()  # the folder of partial tiles, if this was its last
