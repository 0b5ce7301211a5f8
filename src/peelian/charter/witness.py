"""A witness: another institution's program that cosigns a ledger as long as it only grows.

It keeps, for each ledger that it was told to trust, every signed checkpoint that it cosigned. What it cosigns is on the
disk before anybody is told, in one folder, so that a witness that is killed never signs two histories. Whatever is no
growth is refused, named in words, and kept as a `peelian.charter.divergence.Divergence` where the keeper signed it.

The folder of a witness::

    witness.key     private keys, mode 600 (or in the environment variable PEELIAN_WITNESS_KEY)
    vkey            public keys, to be published
    trusted         public keys of the ledgers that it looks after
    seen/HASH/      of one ledger, by the SHA-256 of its name: `checkpoint`, and each one before under its size
    evidence/       forks, rewinds and unproven growth

Never restore this folder from a backup: an old state would cosign what a newer one had refused. Make a new witness.
The rules are those of C2SP's `tlog-witness <https://c2sp.org/tlog-witness>`_.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from peelian.charter.cosignature import (
    ED25519,
    MLDSA44,
    CosignatureKey,
    Cosigner,
    cosignatures,
    head_of,
    load_cosigners,
    mldsa_works,
    read_cosigners,
)
from peelian.charter.divergence import REWIND, UNPROVEN, Divergence, counted
from peelian.charter.durable import locked, replace_file, write_files
from peelian.charter.entry import Clock, utc_now
from peelian.charter.keyfile import write_key_file
from peelian.charter.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency
from peelian.charter.note import Checkpoint, Verifier, b64decode, parse_note
from peelian.errors import ConfigError, LedgerError, PeelianError, UsageError

__all__ = ["KEY_VARIABLE", "Submission", "Verdict", "Witness", "origin_hash"]

KEY_VARIABLE = "PEELIAN_WITNESS_KEY"
KEY_FILE = "witness.key"
VKEY_FILE = "vkey"
TRUSTED_FILE = "trusted"
MAX_PROOF = 63
MAX_SIZE = 2**63 - 1
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})", re.ASCII)

LogKey = Verifier | CosignatureKey


def origin_hash(origin: str) -> str:
    """SHA-256 of a ledger's name in hex, which stands for it in paths."""
    return sha256(origin.encode()).hexdigest()


@dataclass(frozen=True)
class Submission:
    """A request to cosign: a signed checkpoint, and a proof that it grew from one of ``old`` entries.

    Parameters
    ----------
    old : int
        Size of the last checkpoint that the witness cosigned, as far as the sender knows.
    proof : tuple of bytes
        RFC 6962 consistency proof, 32 bytes each.
    note : bytes
        The signed checkpoint.
    """

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    @classmethod
    def parse(cls, body: bytes) -> Submission:
        """Read the body of ``add-checkpoint``.

        Raises
        ------
        ValueError
            If it is none; whether the note is one is looked at later.
        """
        head, separator, note = body.partition(b"\n\n")
        first, *rest = head.split(b"\n")
        match = _OLD.fullmatch(first)
        if not separator or match is None or len(rest) > MAX_PROOF:
            msg = f"expected 'old SIZE', at most {MAX_PROOF} hashes, an empty line and a checkpoint"
            raise ValueError(msg)
        proof = tuple(b64decode(line.decode("ascii")) for line in rest)
        if any(len(hashed) != HASH_BYTES for hashed in proof):
            msg = f"a hash of the proof has not {HASH_BYTES} bytes"
            raise ValueError(msg)
        return cls(int(match[1]), proof, note)

    def to_bytes(self) -> bytes:
        """The body of ``add-checkpoint``."""
        lines = [f"old {self.old}", *(base64.b64encode(hashed).decode() for hashed in self.proof)]
        return "\n".join(lines).encode() + b"\n\n" + self.note


@dataclass(frozen=True)
class Verdict:
    """What a witness answers.

    Parameters
    ----------
    word : str
        ``cosigned``, ``malformed``, ``unknown`` (ledger), ``unsigned``, ``behind`` (the sender's old size is not the
        last one), ``rewind``, ``fork`` or ``unproven``.
    status : int
        HTTP status of C2SP's ``add-checkpoint``.
    said : str
        The same in a sentence.
    lines : str
        Cosignature lines, each with its newline; empty if it was not cosigned.
    origin : str
        The ledger, if it is one that the witness looks after.
    size : int, optional
        Number of entries last cosigned, where the sender has to know it.
    note : bytes
        The signed checkpoint with the cosignatures.
    """

    word: str
    status: int
    said: str
    lines: str = ""
    origin: str = ""
    size: int | None = None
    note: bytes = b""


def _log_key(vkey: str) -> LogKey:
    """A ledger's public key: Ed25519, or ML-DSA-44 as a cosignature under its own name."""
    try:
        return Verifier.from_vkey(vkey)
    except ConfigError:
        try:
            key = CosignatureKey.from_vkey(vkey)
        except ConfigError:
            key = None
        if key is None or key.kind != MLDSA44:
            raise
        return key


def _signs(key: LogKey, text: str, signature: bytes) -> bool:
    if isinstance(key, Verifier):
        return key.holds(text, signature)
    try:
        key.check(text, signature)
    except LedgerError:
        return False
    return True


@dataclass(frozen=True)
class _Seen:
    note: bytes
    head: Checkpoint


class Witness:
    """A witness and its folder. Use `open`.

    Parameters
    ----------
    folder : Path
        Where its state is kept.
    cosigners : sequence of Cosigner
        Its private keys, all of one name.
    now : callable, optional
        Gives the current time with its zone.
    """

    def __init__(self, folder: Path, *, cosigners: Sequence[Cosigner], now: Clock | None = None) -> None:
        self.folder = folder
        self._cosigners = tuple(cosigners)
        self.keys = tuple(cosigner.key for cosigner in cosigners)
        self.now = now or utc_now
        self.lock_timeout = 10.0

    @classmethod
    def open(cls, folder: Path, *, name: str | None = None, now: Clock | None = None) -> Witness:
        """Open a witness, and make it if there is none in the folder and a name is given.

        The keys come from the environment variable ``PEELIAN_WITNESS_KEY`` where it is set, else from the folder.

        Raises
        ------
        ConfigError
            If a key can't be read, or is of another name.
        UsageError
            If there is no witness yet and no name for one.
        """
        path = folder / KEY_FILE
        given = os.environ.get(KEY_VARIABLE)
        if given is None and not path.exists():
            cls._make(folder, name)
        cosigners = load_cosigners(path) if given is None else read_cosigners(given)
        if name not in (None, cosigners[0].name):
            msg = f"the witness in {folder} is {cosigners[0].name!r}; {name!r} was given as its name"
            raise ConfigError(msg, hint="leave --name out, or name another folder")
        witness = cls(folder, cosigners=cosigners, now=now)
        folder.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{key.vkey}\n" for key in witness.keys).encode()
        if not (folder / VKEY_FILE).is_file() or (folder / VKEY_FILE).read_bytes() != text:
            replace_file(folder / VKEY_FILE, text)
        return witness

    @staticmethod
    def _make(folder: Path, name: str | None) -> None:
        if name is None:
            msg = f"there is no witness in {folder}, and no name was given for a new one"
            raise UsageError(msg, hint="--name city-college.example/w1")
        if (folder / "seen").exists():
            msg = f"the witness in {folder} has lost its key file {KEY_FILE}"
            raise ConfigError(msg, hint=f"give its key in {KEY_VARIABLE}, or make a new witness elsewhere")
        kinds = [ED25519, MLDSA44] if mldsa_works() else [ED25519]
        cosigners = [Cosigner.generate(name, kind=kind) for kind in kinds]
        write_key_file(folder / KEY_FILE, "".join(f"{cosigner.text}\n" for cosigner in cosigners))

    @property
    def name(self) -> str:
        """Name of its keys."""
        return self.keys[0].name

    # -- ledgers

    def trust(self, vkey: str) -> None:
        """Look after the ledger of this public key from now on.

        Raises
        ------
        ConfigError
            If it is no ledger's key.
        """
        key = _log_key(vkey)
        with self._locked():
            known = self.trusted()
            if key not in known:
                text = "".join(f"{each.vkey}\n" for each in [*known, key])
                replace_file(self.folder / TRUSTED_FILE, text.encode())

    def trusted(self) -> list[LogKey]:
        """Public keys of the ledgers that it looks after.

        Raises
        ------
        ConfigError
            If the file with them can't be read.
        """
        path = self.folder / TRUSTED_FILE
        try:
            lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
        except (OSError, UnicodeDecodeError) as error:
            msg = f"{path} can't be read: {getattr(error, 'strerror', None) or 'not text'}"
            raise ConfigError(msg) from error
        return [_log_key(line) for line in lines if line.strip()]

    def checkpoint(self, hashed: str) -> bytes | None:
        """The last cosigned checkpoint of a ledger, by the hash of its name; None if there is none."""
        path = self.folder / "seen" / hashed / "checkpoint"
        return path.read_bytes() if path.is_file() else None

    def divergences(self) -> list[Divergence]:
        """What was found that is no growth.

        Raises
        ------
        LedgerError
            If a file of them was damaged.
        """
        return [Divergence.from_bytes(p.read_bytes()) for p in sorted(self.folder.glob("evidence/*.json"))]

    # -- cosigning

    def consider(self, submission: Submission, *, other_root: bytes | None = None) -> Verdict:
        """Cosign a checkpoint if the ledger only grew; else say what it did.

        Parameters
        ----------
        other_root : bytes, optional
            What the sender's ledger has as its root over ``submission.old`` entries: makes a fork provable.

        Raises
        ------
        LedgerError
            If the witness's own state was damaged: it then cosigns nothing.
        PeelianError
            If the state can't be written.
        """
        try:
            text, signatures = parse_note(submission.note)
            head = Checkpoint.from_text(text)
        except (ValueError, LedgerError) as error:
            return Verdict("malformed", 400, f"this is no signed checkpoint: {error}")
        if submission.old > head.size or head.size > MAX_SIZE:
            said = f"the old size is {submission.old} and the checkpoint's {head.size}"
            return Verdict("malformed", 400, said)
        keys = {(key.name, key.key_id): key for key in self.trusted() if key.name == head.origin}
        if not keys:
            return Verdict("unknown", 404, "this witness does not look after this ledger")
        known = [(keys.get((name, key_id)), signature) for name, key_id, signature in signatures]
        held = [_signs(key, text, signature) for key, signature in known if key is not None]
        if not held or not all(held):
            said = "no trusted key of the ledger signed this checkpoint"
            return Verdict("unsigned", 403, said, origin=head.origin)
        note = _only(submission.note, [key is not None for key, _ in known])
        with self._locked():
            return self._judge(Submission(submission.old, submission.proof, note), head, text, other_root)

    def _judge(
        self, submission: Submission, head: Checkpoint, text: str, other_root: bytes | None
    ) -> Verdict:
        """Compare with what was seen; under the lock."""
        seen = self._seen(head.origin)
        last = seen.head if seen else Checkpoint(head.origin, 0, EMPTY_ROOT)
        earlier = self._earlier(head.origin, head.size)
        if earlier is not None and earlier.head.root_hash != head.root_hash:
            return self._diverged(earlier, submission, 409)
        if seen is not None and head.size < last.size:
            return self._diverged(seen, submission, 409)
        if submission.old != last.size:
            said = f"the last checkpoint that was cosigned has {counted(last.size)}"
            return Verdict("behind", 409, said, origin=head.origin, size=last.size)
        grew = verify_consistency(
            old=last.size,
            old_root=last.root_hash,
            new=head.size,
            new_root=head.root_hash,
            path=submission.proof,
        )
        if not grew or (head.size == 0 and head.root_hash != EMPTY_ROOT):
            if seen is None or head.size == last.size:
                said = "where nothing grew there is nothing to prove, and an empty ledger has one root only"
                return Verdict("unproven", 422, said, origin=head.origin)
            return self._diverged(seen, submission, 422, other_root)
        return self._cosign(submission.note, head, text, new=seen is None or head.size > last.size)

    def _cosign(self, note: bytes, head: Checkpoint, text: str, *, new: bool) -> Verdict:
        at = int(self.now().timestamp())
        lines = "".join(cosigner.cosign(text, at=at) for cosigner in self._cosigners)
        cosigned = note + lines.encode()
        if new:  # on the disk before anybody is told
            place = self._place(head.origin)
            write_files([(place / str(head.size), cosigned), (place / "checkpoint", cosigned)])
            self._withdraw(head)
        said = f"cosigned {head.origin} with {counted(head.size)}"
        return Verdict("cosigned", 200, said, lines, head.origin, head.size, cosigned)

    def _diverged(
        self, seen: _Seen, submission: Submission, status: int, other_root: bytes | None = None
    ) -> Verdict:
        """Keep both checkpoints, and say what is between them."""
        found = Divergence.of(
            seen.note,
            submission.note,
            by=self.name,
            at=self.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            proof=submission.proof,
            other_root=other_root,
        )
        path = self._evidence(found.kind, seen.head, head_of(submission.note))
        if not path.exists():
            replace_file(path, found.to_bytes())
        size = seen.head.size if found.kind == REWIND else None
        return Verdict(found.kind, status, found.said, origin=found.origin, size=size)

    def _evidence(self, kind: str, seen: Checkpoint, shown: Checkpoint) -> Path:
        """One file for each pair, so that what is sent again takes no more room."""
        of = origin_hash(seen.origin)[:16]
        name = f"{of}-{kind}-{seen.size}-{shown.size}-{shown.root_hash.hex()[:16]}.json"
        return self.folder / "evidence" / name

    def _withdraw(self, head: Checkpoint) -> None:
        """Growth that was unproven before is shown now."""
        pattern = f"{origin_hash(head.origin)[:16]}-{UNPROVEN}-*-{head.size}-{head.root_hash.hex()[:16]}.json"
        for path in self.folder.glob(f"evidence/{pattern}"):
            path.unlink()

    # -- state

    def _place(self, origin: str) -> Path:
        return self.folder / "seen" / origin_hash(origin)

    def _seen(self, origin: str) -> _Seen | None:
        """The last checkpoint that was cosigned."""
        path = self._place(origin) / "checkpoint"
        if path.exists():
            return self._read(path, origin)
        if any(p.name.isdigit() for p in path.parent.glob("*")):
            msg = f"the witness has lost {path}, and cosigns nothing of {origin} without it"
            raise LedgerError(msg, hint="make a new witness, and tell those who rely on this one")
        return None

    def _earlier(self, origin: str, size: int) -> _Seen | None:
        path = self._place(origin) / str(size)
        return self._read(path, origin) if path.exists() else None

    def _read(self, path: Path, origin: str) -> _Seen:
        """A stored checkpoint, on which this witness's own cosignature must hold."""
        try:
            note = path.read_bytes()
            head = head_of(note)
            whole = bool(cosignatures(note, self.keys)) and head.origin == origin
        except LedgerError:
            whole, note, head = False, b"", None
        if not whole or head is None:
            msg = f"the witness's own state {path} was damaged, and it cosigns nothing of {origin}"
            raise LedgerError(msg, hint="make a new witness, and tell those who rely on this one")
        return _Seen(note, head)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with locked(self.folder, exclusive=True, timeout=self.lock_timeout):
                yield
        except OSError as error:
            msg = f"the state of the witness in {self.folder} can't be kept: {error.strerror or error}"
            raise PeelianError(msg, hint=f"free space on the disk of {self.folder}") from error


def _only(note: bytes, wanted: Sequence[bool]) -> bytes:
    """A note with some of its signature lines; what strangers added is not kept."""
    head, _, tail = note.rpartition(b"\n\n")
    lines = tail[:-1].split(b"\n")
    kept = [line + b"\n" for line, keep in zip(lines, wanted, strict=True) if keep]
    return head + b"\n\n" + b"".join(kept)
