"""What all tests share: hypothesis without deadlines, and the path of real data where there is any."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# Two cores are shared by several processes: a deadline would measure the neighbours.
settings.register_profile("peelian", deadline=None, print_blob=True)
settings.load_profile("peelian")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; the test is skipped where there is none."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real data is not at {folder}")
    return folder
