"""Changing the ledger's key so that whoever remembers only the first one can follow to the present one.

A rotation is an entry of kind ``rotate`` that names the old and the new public key, and a checkpoint with this
entry as its last that both keys sign: the old one says who takes over, the new one that it is there. Renaming
that checkpoint into its place is the whole rotation. What else it takes is made from it and can be made again:
a copy as a proof that stands for itself, ``rotation/0001.tlog-proof`` in the ledger's folder, the public key
beside the checkpoint, and the new private key in the place of the old one. From then on no checkpoint of the old
key is taken for the ledger's.

The new private key is on the disk, in a file beside the old one's, before anything is signed with it. So a crash
leaves either the old key, the old ledger and a key that waits, or a ledger under the new key.

Who has the old private key could have named another successor. Against that, as against every rewriting, help
witnesses and a checkpoint that one remembers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from peelian.charter.cosignature import MLDSA44, Cosigner
from peelian.charter.durable import locked, replace_file, sync_folder
from peelian.charter.entry import Entry
from peelian.charter.merkle import inclusion_proof
from peelian.charter.note import Checkpoint, Signer, Verifier, parse_note
from peelian.charter.proof import PROOF_SUFFIX, InclusionProof
from peelian.charter.store import ML_DSA_FILE, VKEY_FILE, TileNodes, load_tile, read_checkpoint
from peelian.charter.tiles import TILE_WIDTH, Tile
from peelian.errors import ConfigError, LedgerError, PeelianError, UsageError

if TYPE_CHECKING:
    from peelian.charter.ledger import Ledger

__all__ = [
    "KEY_VARIABLE",
    "ROTATE",
    "Rotation",
    "append_all",
    "finish",
    "follow",
    "load_signer",
    "named_keys",
    "next_key",
    "open_any",
    "publish",
    "read_signer",
    "rotations",
    "waiting_path",
]

ROTATE = "rotate"
KEY_VARIABLE = "PEELIAN_LEDGER_KEY"
FOLDER = "rotation"
_NAME = re.compile(rf"{FOLDER}/(\d{{4}}){re.escape(PROOF_SUFFIX)}", re.ASCII)


@dataclass(frozen=True)
class Rotation:
    """One change of key, checked by itself.

    Parameters
    ----------
    number : int
        From 1, in the order of the ledger.
    proof : InclusionProof
        The entry that names both keys, as the last one under a checkpoint that both signed.
    old, new : Verifier
        The keys.
    head : Checkpoint
        That checkpoint.
    """

    number: int
    proof: InclusionProof
    old: Verifier
    new: Verifier
    head: Checkpoint

    @property
    def path(self) -> str:
        """Where it lies below the ledger's folder."""
        return f"{FOLDER}/{self.number:04d}{PROOF_SUFFIX}"

    @classmethod
    def check(cls, proof: InclusionProof, *, number: int) -> Rotation:
        """Check what a rotation's proof says against both of the keys that its entry names.

        Raises
        ------
        LedgerError
            If it is no rotation, or one of the two keys did not sign it.
        """
        keys = named_keys(proof.entry or b"")
        if keys is None:
            msg = "its entry names no old and new key"
            raise LedgerError(msg)
        old, new = keys
        head = Checkpoint.open(proof.checkpoint, old)
        if Checkpoint.open(proof.checkpoint, new) != head or proof.index != head.size - 1:
            msg = "its entry is not the last one under the checkpoint"
            raise LedgerError(msg)
        proof.check_path(head)
        return cls(number, proof, old, new, head)


def number_of(path: str) -> int | None:
    """The number of the rotation whose file this is, or None."""
    match = _NAME.fullmatch(path)
    return int(match[1]) if match else None


def named_keys(data: bytes) -> tuple[Verifier, Verifier] | None:
    """The old and the new key that an entry names, or None if it is no rotation's."""
    try:
        entry = Entry.from_bytes(data)
        if entry.kind != ROTATE:
            return None
        old, new = (Verifier.from_vkey(str(entry.details[key])) for key in ("old_vkey", "new_vkey"))
    except (LedgerError, ConfigError, KeyError):
        return None
    return (old, new) if old != new and old.name == new.name else None


def rotations(root: Path) -> list[Rotation]:
    """All changes of key of the ledger in a folder, in order, each checked and each following the one before.

    Raises
    ------
    LedgerError
        Naming the file that was changed or is missing.
    """
    folder = root / FOLDER
    names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    found: list[Rotation] = []
    for name in names:
        number = number_of(f"{FOLDER}/{name}")
        if number is None:
            continue  # a file that is being written, or one that is none of ours: `verify` says so
        if number != len(found) + 1:
            msg = f"{FOLDER}/{len(found) + 1:04d}{PROOF_SUFFIX} is missing"
            raise LedgerError(msg, hint="peelian ledger verify")
        try:
            proof = InclusionProof.from_bytes((folder / name).read_bytes())
            rotation = Rotation.check(proof, number=number)
        except (LedgerError, OSError) as error:
            msg = f"{FOLDER}/{name} was changed: {getattr(error, 'message', error)}"
            raise LedgerError(
                msg, hint="restore it from a copy; without it nobody can follow the keys"
            ) from error
        if found and (rotation.old != found[-1].new or rotation.head.size <= found[-1].head.size):
            msg = f"{rotation.path} does not follow {found[-1].path}"
            raise LedgerError(msg, hint="peelian ledger verify")
        found.append(rotation)
    return found


def follow(chain: Sequence[Rotation], trusted: Verifier) -> Verifier:
    """The present key, from one that somebody trusts: that one itself where no rotation is known to begin at it."""
    return chain[-1].new if any(step.old == trusted for step in chain) else trusted


def open_any(note: bytes, verifiers: Sequence[Verifier]) -> Checkpoint:
    """Verify and read a checkpoint that any one of these keys signed; the error is that of the first."""
    for verifier in verifiers[1:]:
        with suppress(LedgerError):
            return Checkpoint.open(note, verifier)
    return Checkpoint.open(note, verifiers[0])


def at_head(root: Path, chain: Sequence[Rotation]) -> Rotation | None:
    """The rotation that the present checkpoint is, if it is one and has no file of its own yet."""
    note = read_checkpoint(root)
    try:
        text, signatures = parse_note(note)
        head = Checkpoint.from_text(text)
    except (ValueError, LedgerError):
        return None
    known = chain[-1].head.size if chain else 0
    if head.size <= known or len({key for name, key, _ in signatures if name == head.origin}) < 2:
        return None
    index = head.size - 1
    entry = load_tile(root, Tile(-1, index >> 8, index % TILE_WIDTH + 1))[-1]
    path = inclusion_proof(TileNodes(root, head.size), index=index, size=head.size)
    proof = InclusionProof(index, head.size, tuple(path), note, entry)
    try:
        return Rotation.check(proof, number=len(chain) + 1)
    except LedgerError:
        return None  # the last entry is no rotation: somebody else's second signature


def finish(root: Path) -> None:
    """Write the files of a rotation whose checkpoint is in place. Safe to repeat; under the writer's lock."""
    chain = rotations(root)
    new = at_head(root, chain)
    if new is not None:
        replace_file(root / new.path, new.proof.to_bytes())
        chain.append(new)
    if chain and (root / VKEY_FILE).exists():
        line = f"{chain[-1].new.vkey}\n".encode()
        if (root / VKEY_FILE).read_bytes() != line:
            replace_file(root / VKEY_FILE, line)


def publish(root: Path, also: Sequence[Cosigner]) -> None:
    """Put the public half of the ledger's ML-DSA key beside a checkpoint that it has signed."""
    for key in also:
        line = f"{key.key.vkey}\n".encode()
        path = root / ML_DSA_FILE
        if key.kind == MLDSA44 and not (path.exists() and path.read_bytes() == line):
            replace_file(path, line)


# -- private keys


def waiting_path(key_path: Path) -> Path:
    """Where the next private key waits until it is the ledger's."""
    return key_path.with_name(f"{key_path.name}.next")


def next_key(key_path: Path, *, origin: str) -> Signer:
    """The key that waits to be the next one; made if there is none.

    Raises
    ------
    ConfigError
        If there is one that can't be read, or it is of another ledger.
    """
    path = waiting_path(key_path)
    if not path.exists():
        draft = path.with_name(f".{path.name}.tmp")
        draft.unlink(missing_ok=True)
        Signer.generate(origin).save(draft)
        draft.rename(path)
        sync_folder(path.parent)
    signer = Signer.load(path)
    if signer.name != origin:
        msg = f"the key {path} is of {signer.name!r}; the ledger is {origin!r}"
        raise ConfigError(msg, hint="move it away")
    return signer


def read_signer(key_path: Path) -> Signer:
    """The private key in the environment (`KEY_VARIABLE`) if one is there, else that in a file of mode 600."""
    given = os.environ.get(KEY_VARIABLE)
    return Signer.from_text(given) if given else Signer.load(key_path)


def load_signer(root: Path, key_path: Path, *, timeout: float) -> Signer:
    """The ledger's private key: from the environment (`KEY_VARIABLE`) if it is there, else from its file.

    Completes a rotation whose writer died.

    Raises
    ------
    ConfigError
        If it can't be read, or was rotated out.
    """
    given = os.environ.get(KEY_VARIABLE)
    signer = read_signer(key_path)
    waiting = waiting_path(key_path)
    if not waiting.exists() and follow(rotations(root), signer.verifier) == signer.verifier:
        return signer
    with locked(root, exclusive=True, timeout=timeout):
        finish(root)
        signer = read_signer(key_path)  # another process may have put the new one there meanwhile
        present = follow(rotations(root), signer.verifier)
        if present == signer.verifier:
            return signer
        if not given and waiting.exists() and present == Signer.load(waiting).verifier:
            take_over(key_path)
            return Signer.load(key_path)
    msg = (
        f"{KEY_VARIABLE} holds a key that was rotated out" if given else f"the key {key_path} was rotated out"
    )
    raise ConfigError(msg, hint=f"the ledger's key was put in {waiting}")


def take_over(key_path: Path) -> None:
    """Put the key that waited in the place of the old one, which is gone by that: nobody signs with it again."""
    with suppress(FileNotFoundError):  # another process did it
        waiting_path(key_path).replace(key_path)
    sync_folder(key_path.parent)


def append_all(
    ledger: Ledger, entries: Sequence[Entry], *, key_path: Path, expected: tuple[int, bytes] | None
) -> None:
    """Add those of the entries that are not there yet; those that name the key that waits become rotations.

    Safe to repeat, whenever it was interrupted. Errors as `Ledger.append_new`.
    """
    group: list[Entry] = []
    for entry in entries:
        keys = named_keys(entry.to_bytes())
        waiting = waiting_path(key_path)
        if keys is None or keys[0] != ledger.verifier or not waiting.exists():
            group.append(entry)
            continue
        new = Signer.load(waiting)
        if keys[1] != new.verifier:
            msg = f"{entry.id} names {keys[1].vkey} as the next key, and {waiting} holds another"
            raise UsageError(msg, hint=f"put that key back in {waiting}")
        ledger.append_new(group, expected=expected)
        group = []
        ledger.rotate(entry, new=new, expected=expected)
        if not os.environ.get(KEY_VARIABLE):
            take_over(key_path)
    ledger.append_new(group, expected=expected)


def check_rotation(entry: Entry, *, old: Verifier, new: Verifier) -> None:
    """Raise PeelianError unless an entry names these two keys."""
    if named_keys(entry.to_bytes()) != (old, new):
        msg = f"{entry.id} does not name {old.vkey} as the old key and {new.vkey} as the new one"
        raise PeelianError(msg)
