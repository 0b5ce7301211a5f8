"""What binds the system: a ledger that nobody can quietly change, policies, and decisions that people take."""

from peelian.charter.actions import ACTIONS, PURPOSES, ROLES
from peelian.charter.decisions import (
    CHOICES,
    MIN_REASON,
    STATES,
    Decision,
    check_reason,
    is_in_force,
    transition,
)
from peelian.charter.entry import Clock, Entry, canonical_json
from peelian.charter.growth import verify_since
from peelian.charter.ledger import REMEMBERED_IDS, Ledger
from peelian.charter.note import Checkpoint, Signer, Verifier
from peelian.charter.policy import Answer, Policy
from peelian.charter.proof import InclusionProof
from peelian.charter.seal import Seals
from peelian.charter.verification import Verification, verify

__all__ = [
    "ACTIONS",
    "CHOICES",
    "MIN_REASON",
    "PURPOSES",
    "REMEMBERED_IDS",
    "ROLES",
    "STATES",
    "Answer",
    "Checkpoint",
    "Clock",
    "Decision",
    "Entry",
    "InclusionProof",
    "Ledger",
    "Policy",
    "Seals",
    "Signer",
    "Verification",
    "Verifier",
    "canonical_json",
    "check_reason",
    "is_in_force",
    "transition",
    "verify",
    "verify_since",
]
