"""Witnessing by files, for people who send each other folders: a witness looks at a copy of a published ledger.

With the whole ledger in hand a witness needs no proof from its keeper: it recomputes every hash, and works out by
itself whether the entries that it saw before are still there.
"""

from __future__ import annotations

import re
from pathlib import Path

from peelian.charter.cosignature import CosignatureKey, head_of
from peelian.charter.durable import replace_file
from peelian.charter.ledger import Ledger
from peelian.charter.merkle import EMPTY_ROOT, consistency_proof, range_hash
from peelian.charter.note import Checkpoint, Verifier
from peelian.charter.store import TileNodes, read_checkpoint
from peelian.charter.verification import verify
from peelian.charter.witness import Submission, Verdict, Witness, origin_hash
from peelian.errors import ConfigError, LedgerError

__all__ = ["COSIGNED", "look", "write_cosigned"]

COSIGNED = ".cosigned"


def look(witness: Witness, folder: Path) -> Verdict:
    """Check the copy of a ledger in `folder`, and cosign it if it only grew since the witness last saw it.

    Where the ledger changed its key since, and the old one named the new one, the witness follows it.

    Raises
    ------
    LedgerError
        If the copy does not verify.
    ConfigError
        If it is of a ledger that this witness does not look after.
    """
    note = read_checkpoint(folder)
    head = head_of(note)
    vkey = _verified(witness, folder, head)
    last = witness.checkpoint(origin_hash(head.origin))
    old = head_of(last).size if last is not None else 0
    if old > head.size:
        return witness.consider(Submission(head.size, (), note))
    nodes = TileNodes(folder, head.size)
    proof = tuple(consistency_proof(nodes, old=old, new=head.size))
    root = range_hash(nodes, 0, old) if old else EMPTY_ROOT
    witness.trust(vkey)
    return witness.consider(Submission(old, proof, note), other_root=root)


def _verified(witness: Witness, folder: Path, head: Checkpoint) -> str:
    """Check the whole copy with the key that is trusted; the key that it has now."""
    trusted = [key for key in witness.trusted() if key.name == head.origin]
    verifiers = [key for key in trusted if isinstance(key, Verifier)]
    if not verifiers:
        kinds = (
            "only an ML-DSA key of" if any(isinstance(k, CosignatureKey) for k in trusted) else "no key of"
        )
        msg = f"the ledger in {folder} is {head.origin!r}, and this witness trusts {kinds} it"
        raise ConfigError(msg, hint="--trust with the verifier key that the agency published")
    refused = None
    for verifier in reversed(verifiers):  # the newest first
        try:
            verify(folder, vkey=verifier.vkey)
            return Ledger.open(folder, vkey=verifier.vkey).vkey
        except LedgerError as error:
            refused = refused or error
    assert refused is not None  # there was at least one key
    raise refused


def write_cosigned(verdict: Verdict, folder: Path) -> Path:
    """Write a cosigned checkpoint to a file that the ledger's keeper can take in; its path."""
    slug = re.sub(r"[^a-z0-9]+", "-", verdict.origin.lower()).strip("-")
    path = folder / f"{slug}-{verdict.size}{COSIGNED}"
    replace_file(path, verdict.note)
    return path
