"""Sealed texts: what must be erasable lies outside the ledger, encrypted under a key of its own.

The ledger can't forget, so it never holds a name or a resident's words. It holds the SHA-256 of a ciphertext. The
ciphertext lies in a file of that name, its key in another; whoever destroys the key has erased the text
("crypto-shredding"), and every proof over the ledger stays valid. AES-256-GCM (NIST SP 800-38D) with a random key and a
random nonce for each text, so that the same name sealed twice can't be told to be the same.
"""

from __future__ import annotations

import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from peelian.charter.durable import sync_folder, write_files
from peelian.errors import CheckError, DataError, UsageError

__all__ = ["SealState", "Seals"]

SealState = Literal["sealed", "erased", "missing", "changed"]

_LABEL = b"peelian seal v1"
_NONCE_BYTES = 12
_PAD = 256  # lengths are rounded up to this, so that a ciphertext does not tell how long a name is
MAX_BYTES = 1_000_000


class Seals:
    """The sealed texts of a workspace.

    Parameters
    ----------
    folder : Path
        Where ciphertexts lie, each under the hex SHA-256 of its bytes. May be copied to anyone.
    keys : Path
        Where their keys lie, under the same names and readable by their owner only. Never inside `folder`.
    """

    def __init__(self, folder: Path, keys: Path) -> None:
        self.folder = folder
        self.keys = keys

    def seal(self, text: str) -> str:
        """Encrypt a text under a new key, durably; the hex SHA-256 of its ciphertext, by which it is opened.

        Raises
        ------
        UsageError
            The text is longer than 1 MB.
        """
        plain = text.encode()
        if len(plain) > MAX_BYTES:
            msg = f"a text of {len(plain):,} bytes was to be sealed; expected at most {MAX_BYTES:,}"
            raise UsageError(msg)
        padded = len(plain).to_bytes(4, "big") + plain
        padded += bytes(-len(padded) % _PAD)
        key, nonce = AESGCM.generate_key(256), secrets.token_bytes(_NONCE_BYTES)
        data = nonce + AESGCM(key).encrypt(nonce, padded, _LABEL)
        digest = sha256(data).hexdigest()
        # The key first: a ciphertext without its key would look as if somebody had erased it.
        self._write_key(digest, key)
        write_files([(self.folder / digest, data)])
        return digest

    def open(self, digest: str) -> str:
        """The text behind a hash.

        Raises
        ------
        DataError
            It was erased.
        CheckError
            It is missing or was changed.
        """
        state = self.state(digest)
        if state == "erased":
            msg = f"what was sealed as {digest[:12]} has been erased"
            raise DataError(msg, hint="its hash in the ledger still verifies; what it said is gone for good")
        if state != "sealed":
            msg = f"what was sealed as {digest[:12]} is {state}"
            raise CheckError(msg, hint="restore the folder 'sealed' from a backup")
        data, key = (self.folder / digest).read_bytes(), (self.keys / digest).read_bytes()
        try:
            padded = AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _LABEL)
        except (InvalidTag, ValueError) as error:
            msg = f"the key of what was sealed as {digest[:12]} is another's or damaged"
            raise CheckError(msg, hint="restore the folder 'keys/seals' from a backup") from error
        return padded[4 : 4 + int.from_bytes(padded[:4], "big")].decode()

    def state(self, digest: str) -> SealState:
        """Whether a text is sealed, was erased (its key is gone), is missing, or was changed."""
        path = self.folder / digest
        if not path.is_file():
            return "missing"
        if sha256(path.read_bytes()).hexdigest() != digest:
            return "changed"
        return "sealed" if (self.keys / digest).is_file() else "erased"

    def destroy(self, digest: str) -> bool:
        """Erase a text by destroying its key; False where it was erased already.

        The key's bytes are overwritten in place before its file is removed. A disk that writes elsewhere (flash, a
        copying file system, a snapshot) may keep the old bytes: encrypt the disk, too.
        """
        path = self.keys / digest
        try:
            size = path.stat().st_size
            handle = os.open(path, os.O_WRONLY)
        except FileNotFoundError:
            return False
        try:
            os.write(handle, bytes(size))
            os.fsync(handle)
        finally:
            os.close(handle)
        path.unlink()
        sync_folder(self.keys)
        return True

    def _write_key(self, digest: str, key: bytes) -> None:
        self.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self.keys / digest, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, key)
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_folder(self.keys)
