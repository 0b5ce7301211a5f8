"""What all tests share: hypothesis without deadlines, and the path of real data where there is any."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# Two cores are shared by several processes: a deadline would measure the neighbours.
# Continuous integration looks at the same cases each time, so that a change is what made it red; at a desk, new cases
# are tried on each run.
settings.register_profile("peelian", deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI")))
settings.load_profile("peelian")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; the test is skipped where there is none."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real data is not at {folder}")
    return folder


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A finished demonstration, made once for all test processes; copy it before changing it."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    folder, done = shared / "demo", shared / "demo-done"
    with (shared / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            from peelian.workspace.demo import run_demo

            run_demo(folder)
            done.touch()
    return folder
