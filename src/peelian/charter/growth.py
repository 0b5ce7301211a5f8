"""Checking only what came since a checkpoint that somebody kept.

The kept root vouches for the entries before it, if the ledger still begins with them. That it does is shown by the
hashes at the right edge of the tree as it was then: they must give the kept root, and together with the hashes
of every newer entry, computed from its bytes, they must give the present one. So the older entries are neither
read nor hashed again. A hash that was changed among theirs is noticed where a proof needs it, and by `verify`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from peelian.charter.durable import locked
from peelian.charter.merkle import consistency_proof, edges_root, verify_consistency
from peelian.charter.note import Checkpoint
from peelian.charter.store import WITNESSED_FILE, Growth, TileNodes, load_tile, read_checkpoint, read_tile
from peelian.charter.tiles import TILE_WIDTH, Tile
from peelian.charter.verification import Keys, Verification, check_not_rewound, readable
from peelian.errors import LedgerError

__all__ = ["verify_since"]

_BUNDLES = 256  # of entries that are held in memory at once: a full tile of the second level


def verify_since(
    root: Path, *, since: bytes | tuple[int, bytes], vkey: str | None = None, lock_timeout: float = 60.0
) -> Verification:
    """Check that a ledger continues what somebody kept, and every entry since.

    Parameters
    ----------
    root : Path
        Folder with ``checkpoint`` and ``tile``. Nothing in it is written.
    since : bytes, or (int, bytes)
        A signed checkpoint of some earlier time, or a size and the root (32 bytes) that the ledger had then.
    vkey : str, optional
        The key that one trusts; by default that in the folder.
    lock_timeout : float
        Seconds to wait for a writer to finish.

    Returns
    -------
    Verification whose ``files`` counts the tiles that were compared.

    Raises
    ------
    LedgerError
        Naming what was changed, or saying that the ledger was rewound or rewritten.
    ConfigError
        If ``vkey`` is not a verifier key.
    """
    if not root.is_dir():
        read_checkpoint(root)
    with readable(root), locked(root, exclusive=False, timeout=lock_timeout):
        keys = Keys.of(root, vkey)
        head = keys.open_head(read_checkpoint(root))
        kept = Checkpoint(head.origin, *since) if isinstance(since, tuple) else keys.open_earlier(since)
        check_not_rewound(head, [(kept.size, kept.root_hash)])
        files = _Continued(root, head, kept).run()
        nodes = TileNodes(root, head.size)
        if (witnessed := root / WITNESSED_FILE).is_file():
            seen = keys.open_earlier(witnessed.read_bytes(), what=WITNESSED_FILE)
            check_not_rewound(head, [(seen.size, seen.root_hash)])
            _check_within(nodes, seen, head, WITNESSED_FILE)
        for step in keys.chain:
            _check_within(nodes, step.head, kept if step.head.size <= kept.size else head, step.path)
    return Verification(
        origin=head.origin,
        size=head.size,
        root_hash=head.root_hash,
        files=files,
        vkey=keys.present.vkey,
        key_pinned=vkey is not None,
        pending=tuple(keys.pending(head)),
        rotations=len(keys.chain),
    )


def _check_within(nodes: TileNodes, earlier: Checkpoint, later: Checkpoint, what: str) -> None:
    """Raise LedgerError unless the later tree begins with the earlier one (RFC 9162, 2.1.4.2)."""
    path = consistency_proof(nodes, old=min(earlier.size, later.size), new=later.size)
    if not verify_consistency(
        old=earlier.size, old_root=earlier.root_hash, new=later.size, new_root=later.root_hash, path=path
    ):
        msg = f"{what} is not of this ledger"
        raise LedgerError(msg, hint="peelian ledger verify")


@dataclass
class _Continued:
    """The ledger's right edge, moved from the kept size to the present one."""

    root: Path
    head: Checkpoint
    kept: Checkpoint
    faults: list[str] = field(default_factory=list)

    def run(self) -> int:
        """Compare all that is newer; the number of tiles and bundles that were read."""
        size = self.kept.size
        edges = self._edges(size)
        bundle = self._entries(size - size % TILE_WIDTH, size)
        if edges_root(edges) != self.kept.root_hash:
            msg = (
                f"the ledger was rewritten: its first {size} entries are not those known from before"
                f" (their root was {self.kept.root_hash.hex()[:16]}...)"
            )
            raise LedgerError(msg, hint="compare it with a copy from before, and tell the overseer")
        read = 0
        while size < self.head.size:
            end = min((size // TILE_WIDTH + _BUNDLES) // _BUNDLES * _BUNDLES * TILE_WIDTH, self.head.size)
            grown = Growth.of(edges, bundle, size=size, entries=self._entries(size, end))
            for tile, data in grown.files:
                if tile.width == TILE_WIDTH or end == self.head.size:
                    read += 1
                    self._compare(tile, data)
            edges, bundle, size = grown.edges, grown.bundle, end
        if edges_root(edges) != self.head.root_hash and not self.faults:
            self.faults.append(f"the entries from {self.kept.size} on don't lead to the signed root")
        if self.faults:
            msg = f"the ledger in {self.root} does not verify: {'; '.join(self.faults[:5])}"
            raise LedgerError(msg, hint="compare it with a copy from before, and tell the overseer")
        return read

    def _edges(self, size: int) -> list[list[bytes]]:
        edges: list[list[bytes]] = []
        while hashes := size >> 8 * len(edges):
            level, width = len(edges), hashes % TILE_WIDTH
            edges.append(self._prefix(Tile(level, hashes >> 8, width)) if width else [])
        return edges

    def _prefix(self, tile: Tile) -> list[bytes]:
        """The first hashes or entries of the tile that is there now."""
        there = (self.head.size >> 8 * max(tile.level, 0)) - tile.index * TILE_WIDTH
        whole = Tile(tile.level, tile.index, min(there, TILE_WIDTH))
        return load_tile(self.root, whole)[: tile.width]

    def _entries(self, start: int, end: int) -> list[bytes]:
        found: list[bytes] = []
        for index in range(start >> 8, (end + TILE_WIDTH - 1) >> 8):
            first = index * TILE_WIDTH
            entries = self._prefix(Tile(-1, index, min(end - first, TILE_WIDTH)))
            found += entries[max(start - first, 0) :]
        return found

    def _compare(self, tile: Tile, data: bytes) -> None:
        if tile.level >= 0 and read_tile(self.root, tile) != data:
            self.faults.append(f"{tile.path} does not fit the entries (from {tile.start} on)")
