"""Proofs that an entry is in the ledger, as a small file that anyone can check.

The file is C2SP's, byte for byte (`tlog-proof <https://c2sp.org/tlog-proof>`_), and whole: the entry's bytes go
into its line of extra data, which is there for what is needed to make the hash again. They are not believed for
standing there, they are hashed. ::

    c2sp.org/tlog-proof@v1
    extra BASE64 OF THE ENTRY
    index 7
    BASE64 OF A HASH            one line for each step from the leaf to the root (RFC 6962, 2.1.1)

    city.example/ledger         the signed checkpoint as it is
    ...
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import Self

from peelian.charter.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from peelian.charter.note import MAX_NOTE_BYTES, Checkpoint, Verifier, b64decode, parse_note
from peelian.charter.tiles import MAX_ENTRY_BYTES
from peelian.errors import LedgerError, UsageError

__all__ = ["PROOF_SUFFIX", "InclusionProof"]

PROOF_SUFFIX = ".tlog-proof"
HEADER = "c2sp.org/tlog-proof@v1"
_MAX_BYTES = MAX_NOTE_BYTES + 2 * MAX_ENTRY_BYTES
_MAX_PATH = 64


@dataclass(frozen=True)
class InclusionProof:
    """Shows that an entry is in the ledger, to anyone who has the key.

    Parameters
    ----------
    index, size : int
        Position of the entry, and number of entries under the checkpoint.
    path : tuple of bytes
        Audit path of RFC 6962, 32 bytes each, from the leaf upwards.
    checkpoint : bytes
        The signed note over size and root.
    entry : bytes, optional
        The entry's bytes, where the proof carries them.
    """

    index: int
    size: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    entry: bytes | None = None

    def check(self, entry: bytes | None = None, *, vkey: str) -> Checkpoint:
        """Verify the signature and the path for these bytes; by default for those that the proof carries.

        Raises
        ------
        LedgerError
            If the checkpoint or the path does not hold for this entry.
        UsageError
            If no entry was given and the proof carries none.
        """
        head = Checkpoint.open(self.checkpoint, Verifier.from_vkey(vkey))
        self.check_path(head, entry)
        return head

    def check_path(self, head: Checkpoint, entry: bytes | None = None) -> None:
        """Verify the path alone, under a checkpoint whose signature somebody has verified; errors as `check`."""
        data = self.entry if entry is None else entry
        if data is None:
            msg = "the proof carries no entry, and none was given"
            raise UsageError(msg, hint="give the bytes of the entry")
        holds = head.size == self.size and verify_inclusion(
            leaf_hash(data), index=self.index, size=self.size, path=self.path, root=head.root_hash
        )
        if not holds:
            msg = f"the proof does not show that this is entry {self.index} of {head.origin}"
            raise LedgerError(msg)

    def carrying(self, entry: bytes) -> Self:
        """The same proof with the entry's bytes in it."""
        return replace(self, entry=entry)

    def to_bytes(self) -> bytes:
        """The proof as a file."""
        lines = [HEADER]
        if self.entry is not None:
            lines.append(f"extra {base64.b64encode(self.entry).decode()}")
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(node).decode() for node in self.path]
        return ("\n".join(lines) + "\n\n").encode() + self.checkpoint

    @classmethod
    def from_bytes(cls, data: bytes) -> InclusionProof:
        """Read a file. Nothing in it is verified by that: `check` does it.

        Raises
        ------
        LedgerError
            If the bytes are not a proof in its one spelling.
        """
        try:
            return cls._parse(data)
        except (ValueError, LedgerError) as error:
            msg = f"not a proof: {error}"
            raise LedgerError(msg, hint="ask for the file again: peelian ledger prove ENTRY") from error

    @classmethod
    def _parse(cls, data: bytes) -> InclusionProof:
        if len(data) > _MAX_BYTES:
            msg = f"it has {len(data):,} bytes, more than any proof"
            raise ValueError(msg)
        head, separator, checkpoint = data.partition(b"\n\n")
        header, *lines = head.decode("ascii").split("\n")
        if header != HEADER or not separator:
            msg = f"it does not begin with {HEADER}, or holds no checkpoint"
            raise ValueError(msg)
        entry = None
        if lines and lines[0].startswith("extra "):
            entry = b64decode(lines.pop(0).removeprefix("extra "))
        if not lines or not lines[0].startswith("index "):
            msg = "it has no line with an index where one belongs"
            raise ValueError(msg)
        digits = lines.pop(0).removeprefix("index ")
        path = tuple(b64decode(line) for line in lines)
        if not digits.isdigit() or len(digits) > 20 or len(path) > _MAX_PATH:
            msg = "its index is no number, or its path is longer than any"
            raise ValueError(msg)
        if any(len(node) != HASH_BYTES for node in path):
            msg = f"a hash of its path has not {HASH_BYTES} bytes"
            raise ValueError(msg)
        proof = cls(
            int(digits), Checkpoint.from_text(parse_note(checkpoint)[0]).size, path, checkpoint, entry
        )
        if proof.to_bytes() != data:
            msg = "it is not in its one spelling"
            raise ValueError(msg)
        return proof
