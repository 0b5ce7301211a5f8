"""Signed notes and checkpoints: a small text that says "the ledger had this size and this root", signed.

The formats are C2SP's, byte for byte, so that witnesses and verifiers of other institutions can read them:
`signed-note <https://c2sp.org/signed-note>`_ (Ed25519, signature type 0x01) and
`tlog-checkpoint <https://c2sp.org/tlog-checkpoint>`_. Base64 is read in its one canonical spelling only, so a
note has no second form that verifies as well.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from peelian.charter.keyfile import read_key_file, write_key_file
from peelian.charter.merkle import HASH_BYTES
from peelian.errors import ConfigError, LedgerError, UsageError

__all__ = ["Checkpoint", "Note", "Signer", "Verifier", "open_note", "sign_note"]

ED25519 = b"\x01"
MAX_NOTE_BYTES = 1_000_000
_DASH = "\N{EM DASH} "
_PRIVATE = "PRIVATE+KEY+"


def b64decode(text: str) -> bytes:
    """Standard base64 in its canonical spelling; ValueError for any other text."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        msg = f"{text!r} is not base64"
        raise ValueError(msg) from error
    if base64.b64encode(data).decode() != text:
        msg = f"{text!r} is not canonical base64"
        raise ValueError(msg)
    return data


def _check_name(name: str) -> str:
    if not name or "+" in name or any(c.isspace() or ord(c) < 0x20 for c in name):
        msg = f"{name!r} can't name a key: expected text without spaces, plus signs and control characters"
        raise ConfigError(msg, hint="a name like the address of a page, such as city.example/ledger")
    return name


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


@dataclass(frozen=True)
class Verifier:
    """A public Ed25519 key with its name.

    Parameters
    ----------
    name : str
        Key name; for a ledger, its origin.
    public : bytes
        The 32 bytes of RFC 8032.
    """

    name: str
    public: bytes

    @classmethod
    def from_vkey(cls, vkey: str) -> Verifier:
        """Read ``name+key id+base64(type and key)``.

        Raises
        ------
        ConfigError
            If the text is no verifier key, of another signature type, or its key id does not belong to it.
        """
        parts = vkey.strip().split("+", 2)
        try:
            name, key_id, material = parts
            data = b64decode(material)
        except ValueError as error:
            msg = f"{vkey!r} is not a verifier key: expected NAME+8 HEX DIGITS+BASE64"
            raise ConfigError(msg) from error
        _check_name(name)
        if data[:1] != ED25519 or len(data) != 33:
            msg = f"the verifier key of {name} is not Ed25519 (type 0x01 and 32 bytes)"
            raise ConfigError(msg)
        verifier = cls(name, data[1:])
        if verifier.key_id.hex() != key_id:
            msg = (
                f"the verifier key of {name} carries the id {key_id}; its bytes give {verifier.key_id.hex()}"
            )
            raise ConfigError(msg, hint="copy the whole line again from whoever published it")
        return verifier

    @property
    def key_id(self) -> bytes:
        """First four bytes of ``SHA-256(name || 0x0A || 0x01 || key)``."""
        return _key_id(self.name, self.public)

    @property
    def vkey(self) -> str:
        """The key in its text form, to be published."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    def holds(self, text: str, signature: bytes) -> bool:
        """Whether ``signature`` (64 bytes) is this key's over ``text``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, repr=False)
class Signer:
    """A private Ed25519 key with its name. Its text never shows the key.

    Parameters
    ----------
    name : str
        Key name; for a ledger, its origin.
    seed : bytes
        The 32 bytes of RFC 8032 from which the key pair is derived.
    """

    name: str
    seed: bytes

    def __repr__(self) -> str:
        return f"Signer({self.verifier.vkey!r})"

    @classmethod
    def generate(cls, name: str) -> Signer:
        """Make a new key from the system's randomness."""
        return cls(_check_name(name), Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_text(cls, text: str) -> Signer:
        """Read ``PRIVATE+KEY+name+key id+base64(type and seed)``, as Go's ``sumdb/note`` writes it.

        Raises
        ------
        ConfigError
            If the text is no such key. The message does not repeat it.
        """
        try:
            if not text.startswith(_PRIVATE):
                msg = "no private key"
                raise ValueError(msg)
            name, key_id, material = text.strip().removeprefix(_PRIVATE).split("+", 2)
            data = b64decode(material)
        except ValueError:
            msg = "this is not a signing key: expected PRIVATE+KEY+NAME+8 HEX DIGITS+BASE64"
            raise ConfigError(msg) from None
        signer = cls(_check_name(name), data[1:])
        if data[:1] != ED25519 or len(data) != 33 or signer.verifier.key_id.hex() != key_id:
            msg = f"the signing key of {name} is damaged: it is not Ed25519, or its id does not belong to it"
            raise ConfigError(msg)
        return signer

    @classmethod
    def load(cls, path: Path) -> Signer:
        """Read a key file that only its owner may open.

        Raises
        ------
        ConfigError
            If there is no such file, others may read it, or it holds no signing key.
        """
        return cls.from_text(read_key_file(path))

    def save(self, path: Path) -> None:
        """Write the key to a new file of mode 600, and see it on the disk.

        Raises
        ------
        UsageError
            If the file exists: a key is never overwritten.
        """
        material = base64.b64encode(ED25519 + self.seed).decode()
        write_key_file(path, f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{material}\n")

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return Verifier(self.name, public.public_bytes_raw())

    def signature_line(self, text: str) -> str:
        """``— name base64(key id || signature)`` over ``text``, with its newline."""
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        blob = base64.b64encode(self.verifier.key_id + signature).decode()
        return f"{_DASH}{self.name} {blob}\n"


@dataclass(frozen=True)
class Note:
    """A note whose signature was verified.

    Parameters
    ----------
    text : str
        What was signed, with its final newline.
    signed_by : tuple of str
        Names of the known keys that signed it.
    """

    text: str
    signed_by: tuple[str, ...]


def sign_note(text: str, signers: Sequence[Signer]) -> bytes:
    """Sign a text that ends in a newline, and return the whole note.

    Raises
    ------
    UsageError
        If the text does not end in a newline or has control characters, or no signer is given.
    """
    if not text.endswith("\n") or any(ord(c) < 0x20 and c != "\n" for c in text) or not signers:
        msg = "a note is text ending in a newline, without control characters, with at least one signer"
        raise UsageError(msg)
    return (text + "\n" + "".join(signer.signature_line(text) for signer in signers)).encode()


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    """Split a signature line into name, key id and signature; ValueError if it is none."""
    if not line.startswith(_DASH):
        msg = "a signature line does not begin with an em dash and a space"
        raise ValueError(msg)
    name, _, blob = line.removeprefix(_DASH).partition(" ")
    if not name or "+" in name or any(c.isspace() for c in name):
        msg = "a signature line has no valid key name"
        raise ValueError(msg)
    data = b64decode(blob)
    if len(data) < 5:
        msg = "a signature is too short"
        raise ValueError(msg)
    return name, data[:4], data[4:]


def parse_note(data: bytes) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    if len(data) > MAX_NOTE_BYTES:
        msg = f"it has {len(data)} bytes, more than any note"
        raise ValueError(msg)
    content = data.decode("utf-8")  # a UnicodeDecodeError is a ValueError
    if any(ord(c) < 0x20 and c != "\n" for c in content):
        msg = "it has control characters"
        raise ValueError(msg)
    head, separator, tail = content.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        msg = "it has no blank line before its signatures, or no final newline"
        raise ValueError(msg)
    return head + "\n", [_parse_signature(line) for line in tail[:-1].split("\n")]


def open_note(data: bytes, verifiers: Sequence[Verifier]) -> Note:
    """Read a note and verify it against the keys one trusts.

    Signatures of unknown keys are passed over, as the specification demands; one of a known key that does not
    hold spoils the whole note.

    Raises
    ------
    LedgerError
        If it is not a note, a known key's signature does not hold, or no known key signed it.
    """
    try:
        text, signatures = parse_note(data)
    except ValueError as error:
        msg = f"not a signed note: {error}"
        raise LedgerError(msg) from error
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    signed_by: list[str] = []
    for name, key_id, signature in signatures:
        verifier = known.get((name, key_id))
        if verifier is None:
            continue
        if not verifier.holds(text, signature):
            msg = f"the signature of {name} does not hold: the text was changed, or another key signed it"
            raise LedgerError(msg)
        signed_by.append(name)
    if not signed_by:
        wanted = ", ".join(f"{v.name} ({v.key_id.hex()})" for v in verifiers) or "none"
        found = ", ".join(f"{name} ({key_id.hex()})" for name, key_id, _ in signatures)
        msg = f"no trusted key signed this note; trusted: {wanted}; found: {found}"
        raise LedgerError(msg)
    return Note(text, tuple(signed_by))


@dataclass(frozen=True)
class Checkpoint:
    """The head of a ledger: its name, how many entries it has, and the root over them.

    Parameters
    ----------
    origin : str
        Unique name of the ledger.
    size : int
        Number of entries.
    root_hash : bytes
        RFC 6962 root of those entries, 32 bytes.
    """

    origin: str
    size: int
    root_hash: bytes

    def to_text(self) -> str:
        """The three lines that are signed (tlog-checkpoint)."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root_hash).decode()}\n"

    @classmethod
    def from_text(cls, text: str) -> Checkpoint:
        """Read the signed lines; extension lines of others' ledgers are passed over.

        Raises
        ------
        LedgerError
            If the lines are not a checkpoint's.
        """
        lines = text.split("\n")
        try:
            if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
                msg = "expected at least three lines: origin, size and root"
                raise ValueError(msg)
            origin, digits, root = lines[:3]
            if not (digits.isascii() and digits.isdigit()) or str(int(digits)) != digits:
                msg = f"{digits!r} is not a size"
                raise ValueError(msg)
            root_hash = b64decode(root)
            if len(root_hash) != HASH_BYTES:
                msg = f"the root has {len(root_hash)} bytes instead of {HASH_BYTES}"
                raise ValueError(msg)
        except ValueError as error:
            msg = f"not a checkpoint: {error}"
            raise LedgerError(msg) from error
        return cls(origin, int(digits), root_hash)

    def sign(self, signer: Signer) -> bytes:
        """The signed note of this checkpoint."""
        return sign_note(self.to_text(), [signer])

    @classmethod
    def open(cls, data: bytes, verifier: Verifier) -> Checkpoint:
        """Verify a signed checkpoint and read it.

        Raises
        ------
        LedgerError
            If the note does not verify, is no checkpoint, or is of another ledger than the key's.
        """
        checkpoint = cls.from_text(open_note(data, [verifier]).text)
        if checkpoint.origin != verifier.name:
            msg = f"the checkpoint is of {checkpoint.origin!r}; the key is of {verifier.name!r}"
            raise LedgerError(msg)
        return checkpoint
