"""The room's public surface, and what importing it may cost."""

from __future__ import annotations

import subprocess
import sys

from peelian import charter


def test_the_names_that_others_rely_on() -> None:
    assert charter.__all__ == [
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
    assert all(hasattr(charter, name) for name in charter.__all__)


def test_a_verifier_needs_no_tables_and_no_maps() -> None:
    code = (
        "import sys, peelian.charter; print([m for m in ('numpy', 'pandas', 'duckdb') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
