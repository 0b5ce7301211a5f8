"""Cosignatures: a party's dated word that it saw a ledger's checkpoint and that the ledger only grew until then.

The format is C2SP's `tlog-cosignature <https://c2sp.org/tlog-cosignature>`_, byte for byte, in both of its kinds:
Ed25519 (``cosignature/v1``, signature type 0x04) and ML-DSA-44 (FIPS 204, ``subtree/v1``, type 0x06), which also holds
against quantum computers. A ledger's own ML-DSA signature beside its Ed25519 one is a cosignature of the second kind
under the ledger's own name. Where `cryptography` was built without ML-DSA, only that kind is refused.

An ML-DSA cosignature covers a checkpoint's three lines and none that may follow. So that nobody takes more for signed
than is, this module neither makes nor accepts one for a text that has more lines.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from peelian.charter.keyfile import read_key_file, write_key_file
from peelian.charter.note import Checkpoint, _check_name, b64decode, parse_note
from peelian.errors import ConfigError, LedgerError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

__all__ = [
    "ED25519",
    "MLDSA44",
    "Cosignature",
    "CosignatureKey",
    "Cosigner",
    "check_lines",
    "cosignatures",
    "head_of",
    "load_cosigners",
    "mldsa_works",
    "read_cosigners",
]

ED25519 = 0x04
MLDSA44 = 0x06
MAX_TIME = 2**63 - 1
SEED_BYTES = 32
_NAMES = {ED25519: "Ed25519 cosignature", MLDSA44: "ML-DSA-44 cosignature"}
_PUBLIC_BYTES = {ED25519: 32, MLDSA44: 1312}
_SIGNATURE_BYTES = {ED25519: 64, MLDSA44: 2420}
_LABEL = b"subtree/v1\n\0"
_DASH = "\N{EM DASH} "
_PRIVATE = "PRIVATE+KEY+"


def _mldsa() -> Any:
    """The module with ML-DSA; ConfigError where this build of `cryptography` has none."""
    try:
        mldsa = import_module("cryptography.hazmat.primitives.asymmetric.mldsa")

        mldsa.MLDSA44PrivateKey.from_seed_bytes(bytes(SEED_BYTES))
    except (ImportError, UnsupportedAlgorithm) as error:
        msg = "an ML-DSA-44 key was given, and the cryptography package here was built without ML-DSA"
        raise ConfigError(msg, hint="pip install 'cryptography>=50', or go on with Ed25519 alone") from error
    return mldsa


def mldsa_works() -> bool:
    """Whether this build of `cryptography` has ML-DSA."""
    try:
        _mldsa()
    except ConfigError:
        return False
    return True


def _opaque(text: str) -> bytes:
    """A length of one byte and the UTF-8 text (RFC 8446, 3.4: ``opaque<1..2^8-1>``)."""
    data = text.encode()
    if not 1 <= len(data) <= 255:
        msg = f"the name {text[:40]!r}... has {len(data)} bytes; an ML-DSA cosignature holds 1 to 255"
        raise LedgerError(msg)
    return len(data).to_bytes(1, "big") + data


def _message(kind: int, name: str, text: str, at: int) -> bytes:
    """The bytes that a cosigner signs; LedgerError if the text is no checkpoint that it can sign."""
    checkpoint = Checkpoint.from_text(text)
    if kind == ED25519:
        return f"cosignature/v1\ntime {at}\n{text}".encode()
    if text != checkpoint.to_text() or checkpoint.size >= 1 << 64:
        msg = "an ML-DSA cosignature covers origin, size and root, and this checkpoint says more than that"
        raise LedgerError(msg)
    return b"".join(
        (
            _LABEL,
            _opaque(name),
            at.to_bytes(8, "big"),
            _opaque(checkpoint.origin),
            bytes(8),  # the first entry of the range that is signed
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root_hash,
        )
    )


@dataclass(frozen=True)
class Cosignature:
    """A cosignature that was checked.

    Parameters
    ----------
    name : str
        Name of the key that made it.
    key_id : bytes
        The key's 4 bytes of id.
    at : int
        When it was made, by the cosigner's clock: seconds since 1970. 0 (ML-DSA only) says nothing about the time, nor
        that this was the largest ledger seen.
    line : str
        The signature line, without its newline.
    """

    name: str
    key_id: bytes
    at: int
    line: str


@dataclass(frozen=True)
class CosignatureKey:
    """A public key of a cosigner, with its name.

    Parameters
    ----------
    name : str
        Key name, such as ``city-college.example/w1``.
    kind : int
        `ED25519` or `MLDSA44`.
    public : bytes
        32 bytes (RFC 8032) or 1,312 bytes (FIPS 204).
    """

    name: str
    kind: int
    public: bytes

    @classmethod
    def from_vkey(cls, vkey: str) -> CosignatureKey:
        """Read ``name+key id+base64(type and key)``.

        Raises
        ------
        ConfigError
            If the text is no verifier key, of another signature type, or its key id does not belong to it; or it is
            ML-DSA and there is none here.
        """
        try:
            name, key_id, material = vkey.strip().split("+", 2)
            data = b64decode(material)
        except ValueError as error:
            msg = f"{vkey[:80]!r} is not a verifier key: expected NAME+8 HEX DIGITS+BASE64"
            raise ConfigError(msg) from error
        _check_name(name)
        kind = data[0] if data else 0
        if len(data) - 1 != _PUBLIC_BYTES.get(kind):
            msg = (
                f"the verifier key of {name} is of type {kind:#04x} with {max(len(data) - 1, 0)} bytes; expected a"
                " cosigner's: 0x04 (Ed25519, 32 bytes) or 0x06 (ML-DSA-44, 1312 bytes)"
            )
            raise ConfigError(msg, hint="ask the witness for the line that it prints at its start")
        if kind == MLDSA44:
            _mldsa()
        key = cls(name, kind, data[1:])
        if key.key_id.hex() != key_id:
            msg = f"the verifier key of {name} carries the id {key_id}; its bytes give {key.key_id.hex()}"
            raise ConfigError(msg, hint="copy the whole line again from whoever published it")
        return key

    @property
    def key_id(self) -> bytes:
        """First four bytes of ``SHA-256(name || 0x0A || type || key)``."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key in its text form, to be published."""
        material = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{material}"

    def check(self, text: str, signature: bytes) -> int:
        """Check a timestamped signature (time and signature, without the key id) over a checkpoint's text.

        Returns
        -------
        Time of the cosignature, seconds since 1970.

        Raises
        ------
        LedgerError
            If it is not this key's over this text.
        """
        at = int.from_bytes(signature[:8], "big")
        if len(signature) != 8 + _SIGNATURE_BYTES[self.kind] or at > MAX_TIME:
            msg = f"the signature of {self.name} is no {_NAMES[self.kind]}"
            raise LedgerError(msg)
        message = _message(self.kind, self.name, text, at)
        try:
            if self.kind == ED25519:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature[8:], message)
            else:
                _mldsa().MLDSA44PublicKey.from_public_bytes(self.public).verify(signature[8:], message)
        except (InvalidSignature, ValueError) as error:
            msg = f"the cosignature of {self.name} does not hold: the text was changed, or another key signed it"
            raise LedgerError(msg) from error
        return at


@dataclass(frozen=True, repr=False)
class Cosigner:
    """A private key of a cosigner, with its name. Its text never shows the key.

    Parameters
    ----------
    name : str
        Key name.
    seed : bytes
        The 32 bytes of RFC 8032 or FIPS 204 from which the key pair is derived.
    kind : int
        `ED25519` or `MLDSA44`.
    """

    name: str
    seed: bytes
    kind: int = ED25519

    def __repr__(self) -> str:
        return f"Cosigner({self.name!r}, {_NAMES[self.kind]!r})"

    @classmethod
    def generate(cls, name: str, *, kind: int = ED25519) -> Cosigner:
        """Make a new key from the system's randomness.

        Raises
        ------
        ConfigError
            If the name can't name a key, or ML-DSA was asked for and there is none here.
        """
        if kind == MLDSA44:
            _mldsa()
        return cls(_check_name(name), os.urandom(SEED_BYTES), kind)

    @classmethod
    def from_text(cls, text: str) -> Cosigner:
        """Read ``PRIVATE+KEY+name+key id+base64(type and seed)``.

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
            msg = "this is not a cosigner's key: expected PRIVATE+KEY+NAME+8 HEX DIGITS+BASE64"
            raise ConfigError(msg) from None
        _check_name(name)
        if len(data) != 1 + SEED_BYTES or data[0] not in _NAMES:
            msg = f"the key of {name} is not a cosigner's: expected type 0x04 (Ed25519) or 0x06 (ML-DSA-44)"
            raise ConfigError(msg)
        cosigner = cls(name, data[1:], data[0])
        if cosigner.key.key_id.hex() != key_id:
            msg = f"the cosigner's key of {name} is damaged: its id does not belong to it"
            raise ConfigError(msg)
        return cosigner

    @property
    def text(self) -> str:
        """The key as `from_text` reads it: a secret, for a file of mode 600 and nothing else."""
        material = base64.b64encode(bytes([self.kind]) + self.seed).decode()
        return f"{_PRIVATE}{self.name}+{self.key.key_id.hex()}+{material}"

    def save(self, path: Path) -> None:
        """Write the key to a new file of mode 600; UsageError if there is one."""
        write_key_file(path, f"{self.text}\n")

    @property
    def key(self) -> CosignatureKey:
        """The public half."""
        if self.kind == ED25519:
            public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        else:
            public = self._mldsa_key().public_key().public_bytes_raw()
        return CosignatureKey(self.name, self.kind, public)

    def _mldsa_key(self) -> MLDSA44PrivateKey:
        found: MLDSA44PrivateKey = _mldsa().MLDSA44PrivateKey.from_seed_bytes(self.seed)
        return found

    def cosign(self, text: str, *, at: int) -> str:
        """Sign a checkpoint's text at a time (seconds since 1970).

        Returns
        -------
        ``— name base64(key id || time || signature)`` with its newline.

        Raises
        ------
        LedgerError
            If the text is not a checkpoint, or has more lines than this kind of cosignature covers.
        UsageError
            If the time is none.
        """
        if not 0 <= at <= MAX_TIME:
            msg = f"{at} was given as the time of a cosignature; expected seconds since 1970, up to 2**63 - 1"
            raise UsageError(msg)
        message = _message(self.kind, self.name, text, at)
        if self.kind == ED25519:
            signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)
        else:
            signature = self._mldsa_key().sign(message)
        blob = base64.b64encode(self.key.key_id + at.to_bytes(8, "big") + signature).decode()
        return f"{_DASH}{self.name} {blob}\n"


def read_cosigners(text: str) -> tuple[Cosigner, ...]:
    """The keys of one cosigner: one on each line, of the same name and of different kinds.

    Raises
    ------
    ConfigError
        If there is none, a line is none, or they are not of one cosigner. The message does not repeat them.
    """
    found = tuple(Cosigner.from_text(line) for line in text.split())
    if not found or len({c.name for c in found}) > 1 or len({c.kind for c in found}) < len(found):
        msg = f"{len(found)} keys were given; expected one cosigner's: one key of each kind, all of one name"
        raise ConfigError(msg)
    return found


def load_cosigners(path: Path) -> tuple[Cosigner, ...]:
    """Read a cosigner's key file, which only its owner may open; errors as `read_cosigners`."""
    return read_cosigners(read_key_file(path))


def head_of(note: bytes) -> Checkpoint:
    """Origin, size and root of a signed checkpoint, whoever signed it.

    Raises
    ------
    LedgerError
        If it is none.
    """
    try:
        return Checkpoint.from_text(parse_note(note)[0])
    except ValueError as error:
        msg = f"not a signed checkpoint: {error}"
        raise LedgerError(msg) from error


def cosignatures(note: bytes, keys: Iterable[CosignatureKey]) -> tuple[Cosignature, ...]:
    """The cosignatures of known keys on a signed checkpoint, each checked; those of others are passed over.

    Raises
    ------
    LedgerError
        If it is not a signed note of a checkpoint, or a known key's cosignature does not hold.
    """
    try:
        text, signatures = parse_note(note)
    except ValueError as error:
        msg = f"not a signed checkpoint: {error}"
        raise LedgerError(msg) from error
    Checkpoint.from_text(text)
    known = {(key.name, key.key_id): key for key in keys}
    found = []
    for name, key_id, signature in signatures:
        key = known.get((name, key_id))
        if key is not None:
            line = f"{_DASH}{name} {base64.b64encode(key_id + signature).decode()}"
            found.append(Cosignature(name, key_id, key.check(text, signature), line))
    return tuple(found)


def check_lines(text: str, lines: bytes, keys: Sequence[CosignatureKey]) -> tuple[Cosignature, ...]:
    """The cosignatures of known keys among bare signature lines over a checkpoint's text; errors as `cosignatures`."""
    if lines.startswith(b"\n") or b"\n\n" in lines:
        msg = "expected signature lines and nothing else, and there is an empty line among them"
        raise LedgerError(msg)
    return cosignatures(text.encode() + b"\n" + lines, keys)
