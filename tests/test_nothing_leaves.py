"""Nothing leaves the machine: the whole loop, with every optional dependency, where no other host can be reached.

Twice, since one guard can't see everything. An audit hook in each Python process refuses and records what would go
beyond loopback; it doesn't see what libraries in C do. A network namespace with nothing but loopback refuses those too,
and the kernel counts what it had no route for.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pandas as pd
import pytest

from peelian.demo_data import stlouis_incidents

from .postgres import Server

ROOT = Path(__file__).resolve().parents[1]
GUARD = ROOT / "tests/guard"
TIMEOUT = 300
LEFT = 77
"""What `tests/guard/alone.py` exits with where something had no route."""

NOWHERE = "192.0.2.1"
"""An address that belongs to nobody (RFC 5737)."""

ATTEMPTS = f"""
import asyncio, socket, subprocess, sys, urllib.request
import loky

def name(): socket.getaddrinfo("example.org", 443)
def tcp(): socket.socket().connect(("{NOWHERE}", 80))
def udp(): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("{NOWHERE}", 53))
def listen(): socket.create_server(("", 0))
def web(): urllib.request.urlopen("http://{NOWHERE}/", timeout=1)
def later(): asyncio.run(asyncio.wait_for(asyncio.open_connection("{NOWHERE}", 80), 1))
def child(): subprocess.run([sys.executable, "-c", "import socket; socket.gethostbyname('example.org')"], check=True)
def worker(): loky.get_reusable_executor(max_workers=1).submit(socket.gethostbyname, "example.org").result()

for attempt in (name, tcp, udp, listen, web, later, child, worker):
    try:
        attempt()
    except Exception as error:
        print(attempt.__name__, type(error).__name__)
    else:
        print(attempt.__name__, "went through")
here = socket.create_server(("127.0.0.1", 0))
socket.create_connection(here.getsockname(), 5).close()
socket.getaddrinfo("localhost", 80)
print("loopback ok")
"""

FROM_C = f"""
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
handle = libc.socket(2, 1, 0)
address = struct.pack("=HH4s8x", 2, 0x5000, bytes(map(int, "{NOWHERE}".split("."))))
print("refused" if libc.connect(handle, address, len(address)) else "went through")
"""
"""A connection without Python's socket module."""


def optional() -> list[str]:
    """Modules of what `pyproject.toml` offers as extras, and of Dask, which a trial can be given."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = [
        line for lines in settings["project"].get("optional-dependencies", {}).values() for line in lines
    ]
    wanted = {re.split(r"[\[<>=~!; ]", line)[0].lower() for line in extras} | {"distributed", "dask"}
    found = {
        name for name, owners in packages_distributions().items() if wanted & {o.lower() for o in owners}
    }
    return sorted(name for name in found if name.isidentifier() and not name.startswith("_"))


def guarded(command: list[str], record: Path, *, namespace: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a Python program under the guard; in a network namespace of its own if so wished."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV", "PEELIAN"))}
    paths = os.pathsep.join(filter(None, [str(GUARD), kept.get("PYTHONPATH")]))
    environment = kept | {"PYTHONPATH": paths, "NOTHING_LEAVES": str(record), "OMP_NUM_THREADS": "1"}
    alone = [*NAMESPACE, sys.executable, str(GUARD / "alone.py")] if namespace else [sys.executable]
    return subprocess.run(
        [*alone, *command], env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


def recorded(record: Path) -> list[str]:
    return record.read_text(encoding="utf-8").splitlines() if record.exists() else []


def can_be_alone() -> bool:
    try:
        return (
            subprocess.run([*NAMESPACE, "true"], capture_output=True, timeout=10, check=False).returncode == 0
        )
    except OSError:
        return False


NAMESPACE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
needs_namespace = pytest.mark.skipif(
    not can_be_alone(), reason="no network namespace can be made here (unshare)"
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = pd.read_parquet(stlouis_incidents())
    path = tmp_path_factory.mktemp("rows") / "2016.parquet"
    table[table["reported_month"].astype(str).str.startswith("2016")].to_parquet(path)
    return path


def test_the_guard_sees_whoever_tries(tmp_path: Path) -> None:
    done = guarded(["-c", ATTEMPTS], tmp_path / "record")
    assert done.returncode == 0, done.stderr
    assert "went through" not in done.stdout
    assert done.stdout.endswith("loopback ok\n")
    seen = recorded(tmp_path / "record")
    assert len(seen) == 8, seen
    assert {line.split(" in ")[0] for line in seen} == {
        "socket.getaddrinfo example.org",
        f"socket.getaddrinfo {NOWHERE}",
        f"socket.connect {NOWHERE}",
        f"socket.sendto {NOWHERE}",
        "socket.bind 0.0.0.0",
        "socket.gethostbyname example.org",
    }
    assert len({line.split(" in ")[1].split(":")[0] for line in seen}) == 3, "child processes are guarded too"


@needs_namespace
def test_the_namespace_sees_what_the_guard_can_not(tmp_path: Path) -> None:
    done = guarded(["-c", FROM_C], tmp_path / "record", namespace=True)
    assert done.returncode == LEFT, done.stderr
    assert done.stdout == "refused\n"
    assert recorded(tmp_path / "record") == []


def test_dask_and_the_driver_of_postgresql_are_among_what_is_tried() -> None:
    assert {"pg8000", "distributed"} <= set(optional())


@pytest.mark.slow
def test_nothing_leaves_with_every_optional_dependency(
    rows: Path, tmp_path: Path, postgresql: Server
) -> None:
    record = tmp_path / "record"
    with postgresql.database() as url:
        loop = [str(GUARD / "loop.py"), str(tmp_path / "city"), str(rows), url, "dask", *optional()]
        done = guarded(loop, record)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verified"] == "verified"
    assert recorded(record) == []


@pytest.mark.slow
@needs_namespace
def test_nothing_leaves_without_a_network(rows: Path, tmp_path: Path) -> None:
    record = tmp_path / "record"
    loop = [str(GUARD / "loop.py"), str(tmp_path / "city"), str(rows), "sqlite:///state.db", "here"]
    done = guarded([*loop, *optional()], record, namespace=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verified"] == "verified"
    assert recorded(record) == []
