"""Checking a ledger from its files alone, and saying what exactly is wrong.

Nothing that is stored is believed: every entry is hashed again, every tile is built again and compared, the
root is recomputed and compared with the signed one, and every file must be one that a ledger of this size has.
What a checkpoint can't show by itself is that a later one existed; against that, the caller passes what it
remembers (a size and a root, or an earlier checkpoint).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from peelian.charter.cosignature import MLDSA44, CosignatureKey, cosignatures, mldsa_works
from peelian.charter.durable import LOCK_FILE, TEMPORARY, locked
from peelian.charter.merkle import EMPTY_ROOT, edges_root, leaf_hash, subtree_root
from peelian.charter.note import Checkpoint, Verifier
from peelian.charter.rotation import Rotation, follow, open_any, rotations
from peelian.charter.store import (
    CHECKPOINT_FILE,
    ML_DSA_FILE,
    VKEY_FILE,
    WITNESSED_FILE,
    load_tile,
    read_checkpoint,
    read_tile,
    read_vkey,
)
from peelian.charter.tiles import (
    TILE_WIDTH,
    Tile,
    decode_bundle,
    decode_tile,
    encode_tile,
    tiles_of,
)
from peelian.errors import ConfigError, LedgerError

__all__ = ["Verification", "verify"]

KNOWN_FILES = (CHECKPOINT_FILE, VKEY_FILE, ML_DSA_FILE, WITNESSED_FILE)
_SHOWN_FAULTS = 5


@dataclass(frozen=True)
class Verification:
    """What was found to hold.

    Parameters
    ----------
    origin : str
        Name of the ledger.
    size : int
        Number of entries, each of which was hashed.
    root_hash : bytes
        The signed root, which the entries give.
    files : int
        Number of files that were read.
    vkey : str
        Key whose signature holds.
    key_pinned : bool
        Whether the caller gave the key. If not, it was the one that lies beside the ledger, and who wrote the
        one may have written the other.
    pending : tuple of str
        Files of an append that never ended; they contradict nothing, and the next append clears them away.
    rotations : int
        How often the key was changed, each time as the key before it said.
    """

    origin: str
    size: int
    root_hash: bytes
    files: int
    vkey: str
    key_pinned: bool
    pending: tuple[str, ...] = ()
    rotations: int = 0


def verify(
    root: Path,
    *,
    vkey: str | None = None,
    since: bytes | None = None,
    expected: tuple[int, bytes] | None = None,
    lock_timeout: float = 60.0,
) -> Verification:
    """Check a whole ledger, and that it grew from the checkpoint that its witnesses saw, where it holds one.

    Parameters
    ----------
    root : Path
        Folder with ``checkpoint`` and ``tile``. Nothing in it is written.
    vkey : str, optional
        The key that one trusts; by default that in the folder.
    since : bytes, optional
        A signed checkpoint of the same ledger from some other time: this one must contain it.
    expected : (int, bytes), optional
        A size and a root that one remembers: the ledger must begin with them.
    lock_timeout : float
        Seconds to wait for a writer to finish.

    Raises
    ------
    LedgerError
        Naming each entry and file that was changed, removed, reordered, cut or added, or saying that the
        ledger was rewound or rewritten.
    ConfigError
        If ``vkey`` is not a verifier key.
    """
    if not root.is_dir():
        read_checkpoint(root)
    with readable(root), locked(root, exclusive=False, timeout=lock_timeout):
        keys = Keys.of(root, vkey)
        head = keys.open_head(read_checkpoint(root))
        known = [expected] if expected is not None else []
        if since is not None:
            earlier = keys.open_earlier(since)
            known.append((earlier.size, earlier.root_hash))
        if (witnessed := root / WITNESSED_FILE).is_file():
            earlier = keys.open_earlier(witnessed.read_bytes(), what=WITNESSED_FILE)
            known.append((earlier.size, earlier.root_hash))
        check_not_rewound(head, known)
        check = _Check(root, head, keys)
        check.run()
        for size, known_root in known:
            check.begins_with(size, known_root)
    return Verification(
        origin=head.origin,
        size=head.size,
        root_hash=head.root_hash,
        files=check.files,
        vkey=keys.present.vkey,
        key_pinned=vkey is not None,
        pending=tuple(sorted([*check.pending, *keys.pending(head)])),
        rotations=len(keys.chain),
    )


@contextmanager
def readable(root: Path) -> Iterator[None]:
    """Say in words that a file of the ledger can't be read."""
    try:
        yield
    except OSError as error:
        msg = f"the ledger in {root} can't be read: {error}"
        raise LedgerError(msg) from error


@dataclass(frozen=True)
class Keys:
    """The keys of a ledger, from the trusted one to the present one.

    Parameters
    ----------
    present : Verifier
        The key that must have signed the checkpoint.
    chain : list of Rotation
        All changes of key that the folder shows.
    beside : Verifier, optional
        The key that lies beside the checkpoint.
    ml_dsa : CosignatureKey, optional
        The ML-DSA-44 key that lies there too, with which the ledger signs beside its Ed25519 key.
    """

    present: Verifier
    chain: list[Rotation]
    beside: Verifier | None
    ml_dsa: CosignatureKey | None = None

    @classmethod
    def of(cls, root: Path, vkey: str | None) -> Keys:
        """The keys of the ledger in a folder, from ``vkey`` on, or by what is in the folder alone."""
        chain = rotations(root)
        trusted = chain[0].old if chain else None
        if vkey is not None:
            trusted = Verifier.from_vkey(vkey)
            if not (root / VKEY_FILE).exists():
                return cls(follow(chain, trusted), chain, None, _ml_dsa(root))
        beside = _beside(root)
        present = follow(chain, trusted or beside)
        keys = cls(present, chain, beside, _ml_dsa(root))
        if beside != present and not (chain and (chain[-1].old, chain[-1].new) == (beside, present)):
            wanted = "the key that was given" if vkey is not None else "the key that took over last"
            msg = f"{VKEY_FILE} was changed: it holds {beside.vkey}, and not {wanted}"
            raise LedgerError(msg)
        return keys

    def open_head(self, note: bytes) -> Checkpoint:
        """Verify the present checkpoint, and that the key beside it is its, or was until this very checkpoint."""
        head = _open(note, [self.present], what=CHECKPOINT_FILE)
        if self.ml_dsa is not None and not cosignatures(note, [self.ml_dsa]):
            msg = f"{CHECKPOINT_FILE} does not verify: the ML-DSA key of {self.ml_dsa.name} did not sign it"
            raise LedgerError(msg)
        if self.pending(head) and head.size != self.chain[-1].head.size:
            msg = f"{VKEY_FILE} was changed: it holds the key before the present one"
            raise LedgerError(msg)
        return head

    def open_earlier(self, note: bytes, *, what: str = "the checkpoint that was given") -> Checkpoint:
        """Verify a checkpoint of any time, under any key that the ledger had."""
        keys = [self.present, *(step.old for step in self.chain)]
        return _open(note, keys, what=what)

    def pending(self, head: Checkpoint) -> list[str]:
        """The file of the public key, where a change of key did not come to its end."""
        return [VKEY_FILE] if head.size and self.beside not in (None, self.present) else []


def _ml_dsa(root: Path) -> CosignatureKey | None:
    """The ML-DSA-44 key beside the checkpoint, if there is one and `cryptography` here can use it."""
    path = root / ML_DSA_FILE
    if not path.exists() or not mldsa_works():
        return None
    with suppress(ConfigError, UnicodeDecodeError):
        text = path.read_text(encoding="utf-8")
        key = CosignatureKey.from_vkey(text)
        if text == f"{key.vkey}\n" and key.kind == MLDSA44:
            return key
    msg = f"{ML_DSA_FILE} was changed: it is no ML-DSA-44 key and a newline"
    raise LedgerError(msg)


def _beside(root: Path) -> Verifier:
    """The key beside the checkpoint."""
    try:
        text = read_vkey(root)
        verifier = Verifier.from_vkey(text)
    except (ConfigError, LedgerError) as error:
        msg = f"{VKEY_FILE} was changed: {error.message}"
        raise LedgerError(msg) from error
    if text != f"{verifier.vkey}\n":
        msg = f"{VKEY_FILE} was changed: it holds more than a verifier key and a newline"
        raise LedgerError(msg)
    return verifier


def _open(note: bytes, verifiers: Sequence[Verifier], *, what: str) -> Checkpoint:
    try:
        return open_any(note, verifiers)
    except LedgerError as error:
        msg = f"{what} does not verify: {error.message}"
        raise LedgerError(msg) from error


def check_not_rewound(head: Checkpoint, known: Sequence[tuple[int, bytes]]) -> None:
    """Raise LedgerError if somebody knows of a larger size."""
    for size, _ in known:
        if size > head.size:
            msg = f"the ledger was rewound: it had {size} entries and its checkpoint now says {head.size}"
            raise LedgerError(msg)


@dataclass
class _Check:
    """One pass over the files of a ledger."""

    root: Path
    head: Checkpoint
    keys: Keys
    files: int = 0
    pending: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    levels: list[list[bytes]] = field(default_factory=list)  # from level 1: roots of the full tiles below
    edge: list[bytes] = field(default_factory=list)  # leaf hashes not in a full tile

    def run(self) -> None:
        found = self._inventory()
        required = set(tiles_of(self.head.size))
        for tile in sorted(required - found, key=lambda t: (t.index, t.level)):
            self.faults.append(f"{tile.path} is missing{_covers(tile, self.head.size)}")
        if not self.faults:
            self._check_leaves()
        if not self.faults:
            self._check_upper()
            self._check_root()
        if not self.faults:
            self._check_rotations()
        self._check_others(found - required)
        if self.faults:
            self._fail()

    def begins_with(self, size: int, known_root: bytes) -> None:
        """Raise LedgerError if the first ``size`` entries have another root."""
        if self._root_at(size) != known_root:
            msg = (
                f"the ledger was rewritten: its first {size} entries are not those known from before"
                f" (their root was {known_root.hex()[:16]}...)"
            )
            raise LedgerError(msg)

    def _check_rotations(self) -> None:
        """Each change of key happened in this very ledger."""
        for step in self.keys.chain:
            if step.head.size > self.head.size or self._root_at(step.head.size) != step.head.root_hash:
                self.faults.append(f"{step.path} is not of this ledger")

    def _fail(self) -> None:
        shown = "; ".join(self.faults[:_SHOWN_FAULTS])
        more = len(self.faults) - _SHOWN_FAULTS
        msg = f"the ledger in {self.root} does not verify: {shown}" + (
            f"; and {more} more" if more > 0 else ""
        )
        raise LedgerError(msg, hint="compare it with a copy from before, and tell the overseer")

    def _inventory(self) -> set[Tile]:
        """All tiles in the folder; whatever else is there is a fault."""
        tiles: set[Tile] = set()
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                self.faults.append(f"{name} is not a plain file")
            elif path.is_dir() or name in KNOWN_FILES:
                self.files += path.is_file()
            elif name == LOCK_FILE or (path.name.startswith(".") and path.name.endswith(TEMPORARY)):
                self._note_unfinished(path, name)
            elif (tile := Tile.parse(name)) is not None:
                self.files += 1
                tiles.add(tile)
            elif any(name == step.path for step in self.keys.chain):
                self.files += 1
            else:
                self.faults.append(f"{name} is no file of a ledger")
        return tiles

    def _note_unfinished(self, path: Path, name: str) -> None:
        if name == LOCK_FILE and path.read_bytes() not in (b"", b"writing\n"):
            self.faults.append(f"{name} was changed")
        elif path.stat().st_size or name != LOCK_FILE:
            self.pending.append(name)

    def _check_leaves(self) -> None:
        """Hash every entry, and compare with the leaf hashes beside it."""
        roots: list[bytes] = []
        differing: list[tuple[Tile, list[bytes], list[bytes]]] = []
        for bundle in tiles_of(self.head.size, level=-1):
            try:
                stored = load_tile(self.root, Tile(0, bundle.index, bundle.width))
                data = read_tile(self.root, bundle)
            except LedgerError as error:
                self.faults.append(error.message)
                continue
            entries = _whole_entries(data)
            hashes = [leaf_hash(entry) for entry in entries]
            if hashes != stored or sum(2 + len(entry) for entry in entries) != len(data):
                differing.append((bundle, hashes, stored))
            if bundle.width == TILE_WIDTH:
                roots.append(subtree_root(hashes) if hashes else EMPTY_ROOT)
            else:
                self.edge = hashes
        if not self.faults:
            self._build(roots)
            entries_hold = self._root_at(self.head.size) == self.head.root_hash
            for bundle, hashes, stored in differing:
                self._explain(bundle, hashes, stored, entries_hold=entries_hold)

    def _build(self, roots: list[bytes]) -> None:
        """The hashes of every level, from those of the full bundles."""
        self.levels = [roots]
        while len(self.levels[-1]) >= TILE_WIDTH:
            below = self.levels[-1]
            starts = range(0, len(below) - TILE_WIDTH + 1, TILE_WIDTH)
            self.levels.append([subtree_root(below[start : start + TILE_WIDTH]) for start in starts])

    def _explain(self, bundle: Tile, hashes: list[bytes], stored: list[bytes], *, entries_hold: bool) -> None:
        """Say what differs between entries and leaf hashes; the signed root tells which of them was changed."""
        tile = Tile(0, bundle.index, bundle.width)
        first = bundle.start
        wrong = [first + i for i, (a, b) in enumerate(zip(hashes, stored, strict=False)) if a != b]
        gone = _removed(hashes, stored)
        where = bundle.path
        if hashes[: len(stored)] == stored:
            fault = f"bytes were added behind entry {first + len(stored) - 1} ({where})"
        elif entries_hold:
            fault = f"{tile.path} was changed: its hash is not that of entry {_listed(wrong)}"
        elif len(hashes) == len(stored) and sorted(hashes) == sorted(stored):
            fault = f"entries {_listed(wrong)} were reordered ({where})"
        elif gone is not None:
            fault = f"entry {first + gone} was removed ({where})"
        elif len(hashes) != len(stored):
            cut = wrong[0] if wrong else first + min(len(hashes), len(stored))
            fault = f"entries were changed or cut from entry {cut} on ({where})"
        else:
            fault = f"entry {_listed(wrong)} was changed ({where})"
        self.faults.append(fault)

    def _check_upper(self) -> None:
        """Compare the tiles of level 1 and up with those built from the entries."""
        for tile in tiles_of(self.head.size):
            if tile.level < 1:
                continue
            start = tile.index * TILE_WIDTH
            built = self.levels[tile.level - 1][start : start + tile.width]
            try:
                stored = load_tile(self.root, tile)
            except LedgerError as error:
                self.faults.append(error.message)
                continue
            for i, (ours, theirs) in enumerate(zip(built, stored, strict=True)):
                if ours != theirs:
                    below = Tile(tile.level - 1, start + i)
                    self.faults.append(
                        f"{tile.path} does not fit {below.path}{_covers(below, self.head.size)}"
                    )

    def _check_root(self) -> None:
        if self._root_at(self.head.size) != self.head.root_hash:
            self.faults.append(
                f"the {self.head.size} entries agree with their tiles but not with the signed root:"
                " entries and tiles were rewritten together, or the checkpoint is another ledger's"
            )

    def _root_at(self, size: int) -> bytes:
        """Root of the first ``size`` entries, from what was built."""
        if size == 0:
            return EMPTY_ROOT
        width = size % TILE_WIDTH
        if size >> 8 == self.head.size >> 8:
            edges = [self.edge[:width]]
        else:
            bundle = load_tile(self.root, Tile(-1, size >> 8))
            edges = [[leaf_hash(entry) for entry in bundle[:width]]]
        for level, hashes in enumerate(self.levels, 1):
            end = size >> 8 * level
            edges.append(hashes[end - end % TILE_WIDTH : end])
        return edges_root(edges)

    def _check_others(self, others: set[Tile]) -> None:
        """Files that a ledger of this size needn't have: older partial tiles, and an unfinished append."""
        for tile in sorted(others):
            data = (self.root / tile.path).read_bytes()
            try:
                _decode(tile, data)
            except ValueError as error:
                self.faults.append(f"{tile.path} was changed: {error}")
                continue
            hashes = self.head.size >> 8 * max(tile.level, 0)
            inside = min(hashes - tile.index * TILE_WIDTH, TILE_WIDTH)
            if inside > 0 and not self._same_beginning(tile, data, inside):
                self.faults.append(f"{tile.path} contradicts {Tile(tile.level, tile.index, inside).path}")
            elif inside < tile.width:
                self.pending.append(tile.path)
                self._check_pair(tile, data, others)

    def _same_beginning(self, tile: Tile, data: bytes, inside: int) -> bool:
        """Whether a tile, narrower or wider than the one of this size, begins as that one does."""
        proper = Tile(tile.level, tile.index, inside)
        path = self.root / proper.path
        if not path.is_file():
            return True  # that it is missing is a fault already
        current = path.read_bytes()
        shorter, longer = sorted((data, current), key=len)
        return longer.startswith(shorter)

    def _check_pair(self, tile: Tile, data: bytes, others: set[Tile]) -> None:
        """An unfinished append's entries and leaf hashes must belong together, where both got written."""
        partner = Tile(0, tile.index, tile.width)
        if tile.level == -1 and partner in others:
            hashes = [leaf_hash(entry) for entry in decode_bundle(data, width=tile.width)]
            if encode_tile(hashes) != (self.root / partner.path).read_bytes():
                self.faults.append(f"{tile.path} contradicts {partner.path}")


def _decode(tile: Tile, data: bytes) -> list[bytes]:
    return (decode_bundle if tile.level < 0 else decode_tile)(data, width=tile.width)


def _covers(tile: Tile, size: int) -> str:
    """Which entries a tile stands for, in words."""
    span = TILE_WIDTH ** max(tile.level, 0) * tile.width
    return f" (entries {tile.start} to {min(tile.start + span, size) - 1})"


def _whole_entries(data: bytes) -> list[bytes]:
    """The entries of a bundle as far as they can be told apart; a damaged one may give fewer or more."""
    entries: list[bytes] = []
    offset = 0
    while (end := offset + 2 + int.from_bytes(data[offset : offset + 2], "big")) <= len(data):
        entries.append(data[offset + 2 : end])
        offset = end
    return entries


def _removed(hashes: Sequence[bytes], stored: Sequence[bytes]) -> int | None:
    """Position whose removal explains the difference, if one does."""
    if len(hashes) != len(stored) - 1:
        return None
    pairs = enumerate(zip(hashes, stored, strict=False))
    first = next((i for i, (a, b) in pairs if a != b), len(hashes))
    return first if list(hashes[first:]) == list(stored[first + 1 :]) else None


def _listed(indices: Sequence[int]) -> str:
    shown = ", ".join(map(str, indices[:_SHOWN_FAULTS]))
    return shown + (f" and {len(indices) - _SHOWN_FAULTS} more" if len(indices) > _SHOWN_FAULTS else "")
