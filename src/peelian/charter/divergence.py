"""What a witness keeps when a ledger does not just grow: two checkpoints that its keeper signed, side by side.

- A **fork** is proven by the file alone: the keeper signed two roots for one size, or signed a larger ledger that, by
  the hashes beside it, begins with other entries than those signed before.
- A **rewind** is a smaller ledger than was seen before. That the keeper signed both sizes is no wrong by itself; that
  the smaller one was handed out later is the witness's word. Someone may also have brought an old checkpoint again.
- **Unproven** growth: a larger ledger came with hashes that show nothing. It may be a fork or a damaged message, and
  it is for the keeper to show which; once growth is shown, the file goes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peelian.charter.cosignature import head_of
from peelian.charter.merkle import HASH_BYTES, node_hash, verify_consistency
from peelian.charter.note import Verifier, b64decode, open_note
from peelian.errors import LedgerError

__all__ = ["FORK", "REWIND", "UNPROVEN", "Divergence", "counted", "implied_root"]

FORK = "fork"
REWIND = "rewind"
UNPROVEN = "unproven"
_FORMAT = "peelian divergence 1"


def implied_root(*, old: int, new: int, new_root: bytes, path: Sequence[bytes]) -> bytes | None:
    """Root of the first ``old`` leaves of the tree of ``new`` leaves, from a consistency proof of that tree.

    It is the old root that RFC 9162 (2.1.4.2) computes on its way to the new one. None where the path does not lead to
    ``new_root``, or where it doesn't contain the old root (``old`` a power of two).
    """
    if not 0 < old < new or old & (old - 1) == 0 or not path:
        return None
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            sr = node_hash(sr, c)
        fn >>= 1
        sn >>= 1
    return fr if sn == 0 and sr == new_root else None


def counted(n: int) -> str:
    """``"1 entry"``, ``"1,234 entries"``."""
    return f"{n:,} {'entry' if n == 1 else 'entries'}"


@dataclass(frozen=True)
class Divergence:
    """Two signed checkpoints of one ledger that don't go together.

    Parameters
    ----------
    kind : str
        `FORK`, `REWIND` or `UNPROVEN`.
    seen, shown : bytes
        The signed checkpoint that the witness had cosigned, and the one that came later.
    by : str
        Name of the witness.
    at : str
        When it came, UTC, ``2026-01-31T13:05:00Z``.
    proof : tuple of bytes
        The consistency proof that came with it, 32 bytes each.
    other_root : bytes, optional
        For a fork across sizes: the root that the larger ledger has over as many entries as were seen.
    """

    kind: str
    seen: bytes
    shown: bytes
    by: str
    at: str
    proof: tuple[bytes, ...] = ()
    other_root: bytes | None = None

    @classmethod
    def of(
        cls,
        seen: bytes,
        shown: bytes,
        *,
        by: str,
        at: str,
        proof: Sequence[bytes] = (),
        other_root: bytes | None = None,
    ) -> Divergence:
        """Name what is wrong between two checkpoints of which the second was not shown to grow from the first.

        Parameters
        ----------
        other_root : bytes, optional
            What someone who has the larger ledger says its root over the seen size is; believed only if the proof
            agrees.
        """
        before, now = head_of(seen), head_of(shown)
        if now.size < before.size:
            return cls(REWIND, seen, shown, by, at)
        if now.size == before.size and now.root_hash != before.root_hash:
            return cls(FORK, seen, shown, by, at)
        path = tuple(proof)
        implied = implied_root(old=before.size, new=now.size, new_root=now.root_hash, path=path)
        found = cls(FORK, seen, shown, by, at, path, implied or other_root)
        return found if found._proves_fork() else cls(UNPROVEN, seen, shown, by, at, path)

    @property
    def origin(self) -> str:
        """Name of the ledger."""
        return head_of(self.seen).origin

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of entries seen before, and shown later."""
        return head_of(self.seen).size, head_of(self.shown).size

    @property
    def said(self) -> str:
        """What happened, in a sentence or two."""
        before, now = self.sizes
        if self.kind == REWIND:
            return (
                f"rewind: {self.origin} had {counted(before)} and was shown with {counted(now)} at {self.at}."
                " Entries were taken back, or somebody brought an old checkpoint again"
            )
        if self.kind == FORK and before == now:
            return f"fork: the keeper of {self.origin} signed two different ledgers of {counted(now)}"
        if self.kind == FORK:
            return (
                f"fork: the keeper of {self.origin} signed a ledger of {counted(before)}, and then one of"
                f" {counted(now)} that begins differently"
            )
        return (
            f"growth unproven: {self.origin} was shown with {counted(now)} at {self.at}, and not that they begin with"
            f" the {counted(before)} seen before. It was forked, or the message was damaged: its keeper can show which"
        )

    def _proves_fork(self) -> bool:
        before, now = head_of(self.seen), head_of(self.shown)
        if before.size == now.size:
            return before.root_hash != now.root_hash
        return (
            self.other_root is not None
            and self.other_root != before.root_hash
            and before.size > 0
            and verify_consistency(
                old=before.size,
                old_root=self.other_root,
                new=now.size,
                new_root=now.root_hash,
                path=self.proof,
            )
        )

    def check(self, verifiers: Sequence[Verifier]) -> None:
        """Verify, with the ledger's public keys, that its keeper signed both, and that the kind is rightly named.

        Raises
        ------
        LedgerError
            If not.
        """
        before, now = head_of(self.seen), head_of(self.shown)
        for note, head in ((self.seen, before), (self.shown, now)):
            if {key.name for key in verifiers} != {head.origin}:
                msg = f"the checkpoint is of {head.origin}; keys were given of {[key.name for key in verifiers]}"
                raise LedgerError(msg)
            open_note(note, verifiers)
        right = {
            FORK: self._proves_fork(),
            REWIND: now.size < before.size,
            UNPROVEN: now.size > before.size
            and not self._proves_fork()
            and not verify_consistency(
                old=before.size,
                old_root=before.root_hash,
                new=now.size,
                new_root=now.root_hash,
                path=self.proof,
            ),
        }
        if not right.get(self.kind, False):
            msg = f"the two checkpoints of {before.origin} don't show a {self.kind}"
            raise LedgerError(msg)

    def to_bytes(self) -> bytes:
        """A JSON file that holds all that is needed to check it, but for the ledger's public key."""
        body = {
            "format": _FORMAT,
            "kind": self.kind,
            "said": self.said,
            "by": self.by,
            "at": self.at,
            "seen": self.seen.decode(),
            "shown": self.shown.decode(),
            "proof": [base64.b64encode(hashed).decode() for hashed in self.proof],
            "other_root": None if self.other_root is None else base64.b64encode(self.other_root).decode(),
        }
        return (json.dumps(body, ensure_ascii=False, indent=2) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Divergence:
        """Read such a file; what it says is not checked here.

        Raises
        ------
        LedgerError
            If it is none.
        """
        try:
            body: dict[str, Any] = json.loads(data)
            if body["format"] != _FORMAT:
                msg = f"its format is {body['format']!r}"
                raise ValueError(msg)
            kind, by, at = (str(body[key]) for key in ("kind", "by", "at"))
            root = None if body["other_root"] is None else _hash(body["other_root"])
            found = cls(
                kind,
                body["seen"].encode(),
                body["shown"].encode(),
                by,
                at,
                tuple(_hash(text) for text in body["proof"]),
                root,
            )
            if found.origin != head_of(found.shown).origin:
                msg = "its checkpoints are of two ledgers"
                raise ValueError(msg)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, LedgerError) as error:
            msg = f"this is no file of a witness about a fork or a rewind: {error}"
            raise LedgerError(msg) from error
        return found


def _hash(text: str) -> bytes:
    data = b64decode(text)
    if len(data) != HASH_BYTES:
        msg = f"a hash has {len(data)} bytes instead of {HASH_BYTES}"
        raise ValueError(msg)
    return data
