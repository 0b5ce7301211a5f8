"""Merkle trees over the ledger's entries: hashing, proofs and their verification.

A Merkle tree lets one small hash stand for a whole list. Whoever remembers that hash can later be shown that
an entry is in the list (inclusion) and that a longer list begins with the one remembered (consistency),
without being given the list.

Hashing and proofs follow RFC 6962 section 2.1; verification follows the algorithms of RFC 9162, sections
2.1.3.2 and 2.1.4.2. Hashes are 32 bytes of SHA-256. Proofs are built from a `NodeReader`, so the same code
serves a tree in memory and a tree in tiles on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "NodeReader",
    "Tree",
    "consistency_proof",
    "edges_root",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "packed_root",
    "range_hash",
    "subtree_root",
    "tree_head",
    "verify_consistency",
    "verify_inclusion",
]

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]
"""``(level, index)`` to the hash of the perfect subtree over leaves ``index * 2**level`` and up."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry: ``SHA-256(0x00 || entry)``, 32 bytes (RFC 6962, 2.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two subtrees: ``SHA-256(0x01 || left || right)``, 32 bytes (RFC 6962, 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def subtree_root(hashes: Sequence[bytes]) -> bytes:
    """Root over one or more nodes of equal height, which become its leaves.

    Pairs are hashed level by level; an odd last node moves up as it is. That is the Merkle Tree Hash of RFC
    6962, since its split point is always the largest power of two.
    """
    nodes = list(hashes)
    while len(nodes) > 1:
        # `node_hash` written out: this line is where most of the time of proofs and verification goes
        pairs = zip(nodes[::2], nodes[1::2], strict=False)
        paired = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        if len(nodes) % 2:
            paired.append(nodes[-1])
        nodes = paired
    return nodes[0]


def packed_root(hashes: bytes) -> bytes:
    """Root over a power of two of hashes that lie one behind the other, as in a tile: `subtree_root`, sooner."""
    pair = 2 * HASH_BYTES
    while len(hashes) > HASH_BYTES:
        starts = range(0, len(hashes), pair)
        hashes = b"".join([sha256(b"\x01" + hashes[i : i + pair]).digest() for i in starts])
    return hashes


def tree_head(leaf_hashes: Sequence[bytes]) -> bytes:
    """Merkle Tree Hash of a list of leaf hashes; `EMPTY_ROOT` for none."""
    return subtree_root(leaf_hashes) if leaf_hashes else EMPTY_ROOT


def edges_root(edges: Iterable[Sequence[bytes]]) -> bytes:
    """Root of a tree from the right edge of its tiles.

    Parameters
    ----------
    edges : iterable of sequences of 32-byte hashes
        For tile level 0, 1, ...: the hashes of that level which are not yet part of a full tile (0 to 255).
    """
    root: bytes | None = None
    for hashes in edges:
        end = len(hashes)
        # The set bits of the width, lowest first, are the perfect subtrees of the edge from right to left.
        for height in range(end.bit_length()):
            if end >> height & 1:
                peak = subtree_root(hashes[end - (1 << height) : end])
                root = peak if root is None else node_hash(peak, root)
                end -= 1 << height
    return EMPTY_ROOT if root is None else root


def _split(width: int) -> int:
    """Largest power of two below ``width`` (at least 2)."""
    return 1 << ((width - 1).bit_length() - 1)


def range_hash(node: NodeReader, start: int, end: int) -> bytes:
    """Merkle Tree Hash of leaves ``start`` to ``end``, for a range that is a subtree of a larger tree."""
    width = end - start
    if width & (width - 1) == 0:
        height = width.bit_length() - 1
        return node(height, start >> height)
    middle = start + _split(width)
    return node_hash(range_hash(node, start, middle), range_hash(node, middle, end))


def inclusion_proof(node: NodeReader, *, index: int, size: int) -> list[bytes]:
    """Audit path of leaf ``index`` in the tree of the first ``size`` leaves (RFC 6962, 2.1.1).

    Returns
    -------
    list of 32-byte hashes, from the leaf's sibling upwards.

    Raises
    ------
    ValueError
        If ``index`` is not below ``size``.
    """
    if not 0 <= index < size:
        msg = f"no leaf {index} in a tree of {size}"
        raise ValueError(msg)
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_hash(node, middle, end))
            end = middle
        else:
            path.append(range_hash(node, start, middle))
            start = middle
    return path[::-1]


def consistency_proof(node: NodeReader, *, old: int, new: int) -> list[bytes]:
    """Proof that the tree of ``new`` leaves begins with the tree of ``old`` leaves (RFC 6962, 2.1.2).

    Empty where nothing has to be shown: ``old`` is 0 or equals ``new``.

    Raises
    ------
    ValueError
        If ``old`` is negative or above ``new``.
    """
    if not 0 <= old <= new:
        msg = f"no tree of {new} leaves begins with one of {old}"
        raise ValueError(msg)
    if old in (0, new):
        return []
    path: list[bytes] = []
    start, end = 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(range_hash(node, middle, end))
            end = middle
        else:
            path.append(range_hash(node, start, middle))
            start = middle
    if start:  # the old tree is not itself one node of the new one, so its last subtree opens the proof
        path.append(range_hash(node, start, old))
    return path[::-1]


def verify_inclusion(leaf: bytes, *, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether ``path`` shows that ``leaf`` (a leaf hash) is at ``index`` of the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            r = node_hash(r, p)
        fn >>= 1
        sn >>= 1
    return sn == 0 and r == root


def verify_consistency(
    *, old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether ``path`` shows that the new tree begins with the old one (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old in (0, new):  # trivial cases, which the RFC leaves to the caller
        return not path and (old_root == EMPTY_ROOT if old == 0 else old_root == new_root)
    nodes = list(path)
    if old & (old - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = nodes[0]
    for c in nodes[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr = node_hash(c, fr)
            sr = node_hash(c, sr)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            sr = node_hash(sr, c)
        fn >>= 1
        sn >>= 1
    return sn == 0 and fr == old_root and sr == new_root


class Tree:
    """A Merkle tree in memory, which grows leaf by leaf and keeps every perfect subtree's hash."""

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaf_hashes:
            self.append(leaf)

    def __len__(self) -> int:
        return len(self._levels[0])

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash (32 bytes) at the right."""
        level, node = 0, leaf
        self._levels[0].append(node)
        while len(self._levels[level]) % 2 == 0:
            left, right = self._levels[level][-2:]
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(node_hash(left, right))

    def node(self, level: int, index: int) -> bytes:
        """Hash of the perfect subtree at ``(level, index)``: a `NodeReader`."""
        return self._levels[level][index]

    def root(self, size: int | None = None) -> bytes:
        """Root of the first ``size`` leaves (all of them by default)."""
        size = len(self) if size is None else size
        return range_hash(self.node, 0, size) if size else EMPTY_ROOT
