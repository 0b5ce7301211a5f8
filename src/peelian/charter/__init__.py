"""What binds the system: a ledger that nobody can quietly change, policies, and decisions that people take."""

from peelian.charter.entry import Clock, Entry, canonical_json
from peelian.charter.ledger import REMEMBERED_IDS, InclusionProof, Ledger
from peelian.charter.note import Checkpoint, Signer, Verifier
from peelian.charter.verification import Verification, verify

__all__ = [
    "REMEMBERED_IDS",
    "Checkpoint",
    "Clock",
    "Entry",
    "InclusionProof",
    "Ledger",
    "Signer",
    "Verification",
    "Verifier",
    "canonical_json",
    "verify",
]
