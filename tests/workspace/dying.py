"""Processes that die by themselves at a write, forked from one that has loaded what they need: loading takes longer."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

# Nothing here opens a database or starts a thread before it forks. A child counts each file that it opens for writing,
# renames, links or removes, dies at the n-th, and otherwise tells how many there were.
FORKING = """
import json, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path

import ibis.backends.duckdb
import pandas
import pyarrow.dataset

import peelian.publish
from peelian.workspace import Workspace
from peelian.workspace.erase import erase
from peelian.workspace.retain import retain

def dying(verb, folder, when, now, more):
    n = 0

    def look(event, arguments):
        nonlocal n
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or event in ("os.rename", "os.remove", "os.link"):
            n += 1
            if n == when:
                os.kill(os.getpid(), signal.SIGKILL)

    moment = datetime.fromisoformat(now) if now else None
    at = {} if moment is None else {"now": lambda: moment}
    workspace = Workspace(Path(folder), role="steward", **at)
    sys.addaudithook(look)
    {"erase": erase, "retain": retain}[verb](workspace, **more)
    return n

for line in sys.stdin:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            n = dying(*json.loads(line))
            os.write(write, str(n).encode())
            code = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as told:
        said = told.read()
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps([ended, said]), flush=True)
"""


def dying(
    verb: str, folder: Path, when: int, *, now: str | None = None, **more: object
) -> tuple[int, int | None]:
    """Exit code of an act of the steward that dies at its n-th write, 0 for never; how many writes it lived to make."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps([verb, str(folder), when, now, more]) + "\n")
    server.stdin.flush()
    code, said = json.loads(server.stdout.readline())
    return code, int(said) if said else None


@cache
def _server() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, "-c", FORKING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    atexit.register(server.kill)
    return server
