"""The ledger: an append-only list of entries that its keeper can't change without being found out.

On disk it is a folder of C2SP tiles (`peelian.charter.tiles`) under a signed checkpoint. An append writes and
syncs the tiles first, the checkpoint last and in one rename: at that moment the entries are in. A writer that
dies before it leaves a ledger of the old size, and files beyond it that the next append clears away; one that
dies after it leaves a ledger of the new size.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from peelian.charter.cosignature import Cosigner
from peelian.charter.durable import Lock, locked, replace_file, write_files
from peelian.charter.entry import Entry
from peelian.charter.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    edges_root,
    inclusion_proof,
    leaf_hash,
    range_hash,
)
from peelian.charter.note import Checkpoint, Signer, Verifier, sign_note
from peelian.charter.proof import InclusionProof
from peelian.charter.rotation import (
    KEY_VARIABLE,
    at_head,
    check_rotation,
    finish,
    follow,
    load_signer,
    open_any,
    publish,
    read_signer,
    rotations,
)
from peelian.charter.store import (
    CHECKPOINT_FILE,
    VKEY_FILE,
    Growth,
    TileNodes,
    clear_leftovers,
    load_tile,
    read_checkpoint,
    read_entry,
    read_vkey,
)
from peelian.charter.tiles import TILE_WIDTH, Tile, check_entry
from peelian.errors import ConfigError, LedgerError, PeelianError, UsageError

__all__ = ["REMEMBERED_IDS", "Ledger"]

REMEMBERED_IDS = 1024


@dataclass
class _Head:
    """What a writer keeps of the ledger's right edge, so that it need not read it again."""

    note: bytes
    checkpoint: Checkpoint
    edges: list[list[bytes]]  # by tile level: hashes not yet in a full tile
    bundle: list[bytes]  # entries not yet in a full bundle
    ids: dict[str, tuple[int, bytes]] | None = None  # of the last entries: index and leaf hash


class Ledger:
    """An append-only list of entries under a signed checkpoint.

    Any number of processes may read; writers take turns through a lock file. Use `create` or `open`.

    Parameters
    ----------
    root : Path
        Folder of the ledger.
    verifier : Verifier
        Public key; its name is the ledger's origin.
    signer : Signer, optional
        Private key; without it the ledger is for reading.
    lock_timeout : float
        Seconds to wait for another writer.
    also : sequence of Cosigner
        Further keys of the ledger that sign each checkpoint beside the Ed25519 one: ML-DSA-44.
    """

    def __init__(
        self,
        root: Path,
        *,
        verifier: Verifier,
        signer: Signer | None = None,
        lock_timeout: float = 30.0,
        also: Sequence[Cosigner] = (),
    ) -> None:
        self.root = root
        self.verifier = verifier
        self.lock_timeout = lock_timeout
        self._signer = signer
        self._also = tuple(also)
        self._head: _Head | None = None
        self._nodes: TileNodes | None = None

    @classmethod
    def create(cls, root: Path, *, origin: str, key_path: Path, lock_timeout: float = 30.0) -> Ledger:
        """Make an empty ledger, and its key if ``key_path`` does not exist yet.

        The key belongs outside ``root``: everything in there may be published.

        Raises
        ------
        UsageError
            If there is a ledger already, or the key would lie in its folder.
        ConfigError
            If the key can't be read, or belongs to another origin.
        """
        if (root / CHECKPOINT_FILE).exists():
            msg = f"there is a ledger in {root} already"
            raise UsageError(msg, hint="open it, or choose another folder")
        if key_path.resolve().is_relative_to(root.resolve()):
            msg = f"the key {key_path} would lie in the ledger's folder, which is there to be published"
            raise UsageError(msg, hint="name a file outside of it")
        if not key_path.exists() and not os.environ.get(KEY_VARIABLE):
            Signer.generate(origin).save(key_path)
        signer = read_signer(key_path)
        if signer.name != origin:
            msg = f"the key {key_path} is of {signer.name!r}; the ledger is to be {origin!r}"
            raise ConfigError(msg, hint="name another key file")
        ledger = cls(root, verifier=signer.verifier, signer=signer, lock_timeout=lock_timeout)
        root.mkdir(parents=True, exist_ok=True)
        with ledger._writing():
            replace_file(root / VKEY_FILE, f"{signer.verifier.vkey}\n".encode())
            replace_file(root / CHECKPOINT_FILE, Checkpoint(origin, 0, EMPTY_ROOT).sign(signer))
        return ledger

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        vkey: str | None = None,
        key_path: Path | None = None,
        lock_timeout: float = 30.0,
        also: Sequence[Cosigner] = (),
    ) -> Ledger:
        """Open a ledger: with its signing key for writing, else for reading.

        Without ``vkey`` and ``key_path`` the key beside the checkpoint is believed, which shows nothing to who
        doubts the folder's keeper. Changes of key are followed from the given key to the present one. The
        variable ``PEELIAN_LEDGER_KEY`` of the environment goes before the file of the signing key.

        Raises
        ------
        LedgerError
            If there is no ledger, or the checkpoint does not verify.
        ConfigError
            If a key can't be read.
        """
        signer = load_signer(root, key_path, timeout=lock_timeout) if key_path else None
        if vkey is not None:
            verifier = Verifier.from_vkey(vkey)
        elif signer is not None:
            verifier = signer.verifier
        else:
            verifier = Verifier.from_vkey(read_vkey(root))
        verifier = follow(rotations(root), verifier)
        if signer is not None and signer.verifier != verifier:
            msg = f"the signing key {key_path} does not belong to the verifier key {verifier.vkey}"
            raise ConfigError(msg)
        ledger = cls(root, verifier=verifier, signer=signer, lock_timeout=lock_timeout, also=also)
        ledger.checkpoint()
        return ledger

    @property
    def origin(self) -> str:
        """Unique name of the ledger."""
        return self.verifier.name

    @property
    def vkey(self) -> str:
        """Public key in text form, for whoever wants to verify."""
        return self.verifier.vkey

    @property
    def size(self) -> int:
        """Number of entries now."""
        return self.checkpoint().size

    def signed_checkpoint(self) -> bytes:
        """The signed note as it is on disk."""
        return read_checkpoint(self.root)

    def checkpoint(self) -> Checkpoint:
        """Size and root now, after verifying the signature; LedgerError if there is none or it does not hold."""
        return self._open(self.signed_checkpoint())

    def _open(self, note: bytes) -> Checkpoint:
        try:
            return Checkpoint.open(note, self.verifier)
        except LedgerError:  # a reader that was opened before the key was changed
            present = follow(rotations(self.root), self.verifier)
            if self._signer is not None or present == self.verifier:
                raise
            self.verifier = present
            return Checkpoint.open(note, present)

    def entries(self, start: int = 0, end: int | None = None) -> list[bytes]:
        """Entries ``start`` to ``end`` (exclusive; by default all), as they were appended.

        They are not checked against the root here: `peelian.charter.verify` does that.

        Raises
        ------
        UsageError
            If the range is not within the ledger.
        """
        size = self.size
        end = size if end is None else end
        if not 0 <= start <= end <= size:
            msg = f"entries {start} to {end} were asked for; the ledger has 0 to {size}"
            raise UsageError(msg)
        return list(self._read(start, end, size=size))

    def _read(self, start: int, end: int, *, size: int) -> Iterator[bytes]:
        for index in range(start >> 8, (end + TILE_WIDTH - 1) >> 8):
            tile = Tile(-1, index, min(TILE_WIDTH, size - index * TILE_WIDTH))
            bundle = load_tile(self.root, tile)
            first = index * TILE_WIDTH
            yield from bundle[max(start - first, 0) : end - first]

    def prove(self, index: int, *, under: bytes | None = None) -> InclusionProof:
        """A proof that entry ``index`` is in the ledger, with the entry in it.

        Parameters
        ----------
        index : int
            Position of the entry.
        under : bytes, optional
            The signed checkpoint to prove it under, such as one that witnesses have signed; by default the
            ledger's present one.

        Raises
        ------
        UsageError
            If there is no such entry.
        LedgerError
            If the proof that the tiles give does not hold, since they were changed.
        """
        note = self.signed_checkpoint() if under is None else under
        chain = rotations(self.root)
        head = open_any(note, [follow(chain, self.verifier), *(step.old for step in chain)])
        if not 0 <= index < head.size:
            msg = f"entry {index} was asked for; the ledger has {head.size} entries, from 0"
            raise UsageError(msg)
        self._nodes = nodes = TileNodes.again(self._nodes, self.root, head.size)
        path = tuple(inclusion_proof(nodes, index=index, size=head.size))
        entry = read_entry(self.root, index, size=head.size)
        proof = InclusionProof(index, head.size, path, note, entry)
        try:
            proof.check_path(head)
        except LedgerError as error:
            self._nodes = None
            msg = f"entry {index} and the tiles of the ledger in {self.root} don't lead to its signed root"
            raise LedgerError(msg, hint="peelian ledger verify") from error
        return proof

    def prove_growth(self, old_size: int) -> list[bytes]:
        """Consistency proof of RFC 6962 from an earlier size to the size now.

        Raises
        ------
        UsageError
            If the ledger never had that size.
        """
        size = self.size
        if not 0 <= old_size <= size:
            msg = f"growth since {old_size} entries was asked for; the ledger has {size}"
            raise UsageError(msg)
        return consistency_proof(TileNodes(self.root, size), old=old_size, new=size)

    def append(self, entries: Sequence[bytes], *, expected: tuple[int, bytes] | None = None) -> range:
        """Add entries at the end, durably: when this returns they are on the disk.

        Parameters
        ----------
        entries : sequence of bytes
            Each up to 65,535 bytes. All of them are added, or none.
        expected : (int, bytes), optional
            Size and root that the caller remembers. If the ledger does not begin with them it was rewound or
            rewritten, and nothing is signed on top of that.

        Returns
        -------
        range of the new entries' indices.

        Raises
        ------
        UsageError
            If an entry is too long, or the ledger was opened without its key.
        LedgerError
            If the ledger on disk is not what it was.
        PeelianError
            If the disk is full or another writer does not finish.
        """
        for entry in entries:
            check_entry(entry)
        with self._writing() as lock:
            head = self._current(lock, expected=expected)
            return self._commit(lock, head, entries)

    def append_new(
        self, entries: Sequence[Entry], *, expected: tuple[int, bytes] | None = None
    ) -> tuple[int, ...]:
        """Add those entries that are not there yet, by their ids, so that an outbox can be flushed again.

        The guarantee: an entry is added once however often this is called with it, as long as no more than
        `REMEMBERED_IDS` (1,024) others were appended since the first time. Looking and adding happen under
        one lock.

        Returns
        -------
        tuple of the index of each given entry, old or new.

        Raises
        ------
        LedgerError
            If an id is there already with other content, and as `append`.
        """
        with self._writing() as lock:
            head = self._current(lock, expected=expected)
            known = dict(self._ids(head))
            fresh: list[bytes] = []
            indices: list[int] = []
            for entry in entries:
                data = entry.to_bytes()
                seen = known.get(entry.id)
                if seen is None:
                    seen = (head.checkpoint.size + len(fresh), leaf_hash(data))
                    known[entry.id] = seen
                    fresh.append(data)
                elif seen[1] != leaf_hash(data):
                    msg = f"the id {entry.id!r} stands at entry {seen[0]} with other content"
                    raise LedgerError(msg, hint="give each entry an id of its own")
                indices.append(seen[0])
            if fresh:
                self._commit(lock, head, fresh)
                if self._head is not None:
                    newest = sorted(known.items(), key=lambda item: item[1][0])[-REMEMBERED_IDS:]
                    self._head.ids = dict(newest)
            return tuple(indices)

    def rotate(self, entry: Entry, *, new: Signer, expected: tuple[int, bytes] | None = None) -> int:
        """Hand the ledger over to another key: the entry that names both, under a checkpoint that both sign.

        When this returns, the ledger is under the new key, and this object signs with it.

        Parameters
        ----------
        entry : Entry
            Of kind ``rotate``, with ``old_vkey`` and ``new_vkey`` in its details.
        new : Signer
            The new key, which must be kept somewhere safe already.
        expected : (int, bytes), optional
            As for `append`.

        Returns
        -------
        index of the entry.

        Raises
        ------
        PeelianError
            If the entry names other keys, and as `append`.
        """
        with self._writing() as lock:
            head = self._current(lock, expected=expected)
            check_rotation(entry, old=self.verifier, new=new.verifier)
            index = self._commit(lock, head, [entry.to_bytes()], successor=new).start
            finish(self.root)
            self.verifier, self._signer, self._head = new.verifier, new, None
            return index

    def _ids(self, head: _Head) -> dict[str, tuple[int, bytes]]:
        """Ids of the last entries, with their index and leaf hash. Entries of another form have none."""
        if head.ids is None:
            size = head.checkpoint.size
            start = max(0, size - REMEMBERED_IDS)
            head.ids = {}
            for index, data in enumerate(self._read(start, size, size=size), start):
                with suppress(LedgerError):
                    head.ids[Entry.from_bytes(data).id] = (index, leaf_hash(data))
        return head.ids

    @contextmanager
    def _writing(self) -> Iterator[Lock]:
        if self._signer is None:
            msg = f"the ledger in {self.root} was opened for reading; appending takes its signing key"
            raise UsageError(msg, hint="open it with key_path")
        try:
            with locked(self.root, exclusive=True, timeout=self.lock_timeout) as lock:
                assert lock is not None  # a writer makes the file
                yield lock
        except OSError as error:
            self._head = None
            msg = f"the ledger in {self.root} can't be written: {error.strerror or error}"
            raise PeelianError(msg, hint=f"free space on the disk of {self.root}, then try again") from error

    def _current(self, lock: Lock, *, expected: tuple[int, bytes] | None) -> _Head:
        """The head on disk, checked; leftovers of a writer that died are cleared away."""
        note = self.signed_checkpoint()
        head = self._head
        if head is None or head.note != note:
            fresh = self._load(note)
            if head is not None:
                self._check_known(fresh.checkpoint, (head.checkpoint.size, head.checkpoint.root_hash))
            head = fresh
        if expected is not None:
            self._check_known(head.checkpoint, expected)
        if self._head is None or lock.marked:
            # A process that starts looks once: after a power cut the mark may be gone and leftovers not.
            clear_leftovers(self.root, head.checkpoint.size)
            lock.clear()
        self._head = head
        return head

    def _load(self, note: bytes) -> _Head:
        chain = rotations(self.root)
        step = at_head(self.root, chain)
        if follow(chain, self.verifier) != self.verifier or (step and step.new != self.verifier):
            msg = f"the key of the ledger in {self.root} was changed since it was opened"
            raise LedgerError(msg, hint="open it again, with its present key")
        finish(self.root)
        checkpoint = Checkpoint.open(note, self.verifier)
        edges: list[list[bytes]] = []
        level = 0
        while hashes := checkpoint.size >> 8 * level:
            width = hashes % TILE_WIDTH
            edges.append(load_tile(self.root, Tile(level, hashes >> 8, width)) if width else [])
            level += 1
        width = checkpoint.size % TILE_WIDTH
        bundle = load_tile(self.root, Tile(-1, checkpoint.size >> 8, width)) if width else []
        leaves = edges[0] if edges else []
        if edges_root(edges) != checkpoint.root_hash or [leaf_hash(x) for x in bundle] != leaves:
            msg = f"the newest tiles of the ledger in {self.root} don't lead to its signed root"
            raise LedgerError(msg, hint="peelian ledger verify")
        return _Head(note, checkpoint, edges, bundle)

    def _check_known(self, now: Checkpoint, known: tuple[int, bytes]) -> None:
        size, root = known
        if size > now.size:
            msg = f"the ledger in {self.root} was rewound: it had {size} entries and now has {now.size}"
            raise LedgerError(msg, hint="peelian ledger verify")
        at_size = now.root_hash if size == now.size else self._root_at(size, of=now.size)
        if at_size != root:
            msg = f"the first {size} entries of the ledger in {self.root} are not those that it had"
            raise LedgerError(msg, hint="peelian ledger verify")

    def _root_at(self, size: int, *, of: int) -> bytes:
        return range_hash(TileNodes(self.root, of), 0, size) if size else EMPTY_ROOT

    def _commit(
        self, lock: Lock, head: _Head, entries: Sequence[bytes], *, successor: Signer | None = None
    ) -> range:
        assert self._signer is not None  # _writing checked it
        old = head.checkpoint.size
        indices = range(old, old + len(entries))
        if not entries:
            return indices
        grown = Growth.of(head.edges, head.bundle, size=old, entries=entries)
        checkpoint = Checkpoint(self.origin, indices.stop, edges_root(grown.edges))
        text = checkpoint.to_text()
        note = sign_note(text, [self._signer, *([successor] if successor else [])])
        note += "".join(key.cosign(text, at=0) for key in self._also).encode()
        self._head = None  # whatever interrupts the writing, the next append reads the disk again
        try:
            lock.mark()
            files = [(self.root / tile.path, data) for tile, data in grown.files]
            write_files(files, last=(self.root / CHECKPOINT_FILE, note))
        except OSError:
            with suppress(OSError, LedgerError):  # give back the space; the next append tries it again
                clear_leftovers(self.root, self.size)
                lock.clear()
            raise
        publish(self.root, self._also)
        for tile, _ in grown.files:
            if tile.width == TILE_WIDTH:
                shutil.rmtree(self.root / f"{tile.folder}.p", ignore_errors=True)
        lock.clear()
        self._head = _Head(note, checkpoint, grown.edges, grown.bundle)
        return indices
