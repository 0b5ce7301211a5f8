"""What all tests share: hypothesis without deadlines, and the path of real data where there is any."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from .postgres import NO_SERVER, Server, running, stop

ROOT = Path(__file__).resolve().parents[1]

# Two cores are shared by several processes: a deadline would measure the neighbours.
# Continuous integration looks at the same cases each time, so that a change is what made it red; at a desk, more are
# tried, and new ones on each run.
CI = bool(os.environ.get("CI"))
settings.register_profile(
    "peelian", deadline=None, print_blob=True, derandomize=CI, max_examples=40 if CI else 100
)
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


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Server:
    """A PostgreSQL server on loopback, one for all test processes; the test is skipped where none is installed."""
    base = tmp_path_factory.getbasetemp()
    alone = worker_id == "master"
    shared = base if alone else base.parent
    with (shared / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = running(shared, os.getpid() if alone else os.getppid())
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def state_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty state database: a test that takes this runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield "sqlite:///state.db"
        return
    server: Server = request.getfixturevalue("postgresql")
    with server.database() as url:
        yield url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much of the suite was not run because there is no PostgreSQL."""
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if NO_SERVER in str(r.longrepr)]
    if skipped:
        terminalreporter.write_line(
            f"{len(skipped)} tests on PostgreSQL were skipped: {NO_SERVER} was found or started (tools/postgres)",
            yellow=True,
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server when the last test process is done."""
    factory = getattr(config, "_tmp_path_factory", None)
    if factory is not None and not hasattr(config, "workerinput") and factory._basetemp is not None:
        stop(factory._basetemp)
