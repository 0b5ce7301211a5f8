"""A PostgreSQL of the tests' own: on loopback, on a port and in a folder of its own, gone when the tests are.

The server is the child of a supervisor (this file, run as a program), which waits until the process that owns the tests
ends, however it ends, then stops the server and removes its folder. The server itself is told by the kernel to stop if
its supervisor dies.
"""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, text

NO_SERVER = "no PostgreSQL server"
OLDEST = 15
PATIENCE = 60.0
"""Seconds that a server may take to start."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # Nothing of it is ever read again.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    # Each open workspace holds a connection until it is collected.
    "max_connections": "400",
    "shared_buffers": "32MB",
    "jit": "off",
    "log_min_messages": "fatal",
}


@dataclass(frozen=True)
class Server:
    """A running server: what it takes to connect as its superuser."""

    port: int
    user: str
    password: str = field(repr=False)
    supervisor: int

    def url(self, database: str, *, user: str | None = None, password: str | None = None) -> URL:
        """The URL of a database."""
        return URL.create(
            "postgresql+pg8000",
            username=user or self.user,
            password=password or self.password,
            host="127.0.0.1",
            port=self.port,
            database=database,
        )

    @cached_property
    def admin(self) -> Engine:
        """Outside of any transaction, as making a database needs it."""
        return create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")

    def run(self, statement: str) -> Any:
        """One statement, or several without a result."""
        with self.admin.connect() as connection:
            return connection.execute(text(statement))

    @contextmanager
    def database(self, *, template: str = "template1") -> Iterator[str]:
        """The URL of a new database, a copy of `template`, for as long as this lasts."""
        name = f"test_{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name).render_as_string(hide_password=False)
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")


def binaries() -> Path | None:
    """The programs of the newest PostgreSQL that is installed, or None where there is none that is recent enough."""
    found = []
    for initdb in Path("/usr/lib/postgresql").glob("*/bin/initdb"):
        version = re.match(r"\d+", initdb.parents[1].name)
        if version and int(version[0]) >= OLDEST:
            found.append((int(version[0]), initdb.parent))
    return max(found)[1] if found else None


def running(shared: Path, owner: int) -> Server | str:
    """The server of these tests, started if it isn't yet; or why there is none. Call it under a lock."""
    told = shared / "postgres.json"
    if not told.exists():
        programs = binaries()
        if programs is None or not hasattr(os, "pidfd_open"):
            return f"{NO_SERVER} {OLDEST} or later is installed (tools/postgres does it on Debian)"
        with (shared / "postgres.log").open("w") as log:
            subprocess.Popen(
                [sys.executable, __file__, str(programs), str(told), str(owner)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + PATIENCE
        while not told.exists() and time.monotonic() < until:
            time.sleep(0.05)
    if not told.exists():
        return f"{NO_SERVER}: it didn't start: {(shared / 'postgres.log').read_text()[-500:]}"
    found = json.loads(told.read_text())
    return f"{NO_SERVER}: {found['error']}" if "error" in found else Server(**found)


def stop(shared: Path) -> None:
    """Stop the server, if one was started, and wait until it is gone."""
    told = shared / "postgres.json"
    found = json.loads(told.read_text()) if told.exists() else {}
    if "supervisor" not in found:
        return
    told.unlink()
    try:
        handle = os.pidfd_open(found["supervisor"])
        os.kill(found["supervisor"], signal.SIGTERM)
    except ProcessLookupError:
        return
    select.select([handle], [], [], PATIENCE)
    os.close(handle)


# -- the supervisor


def _account() -> dict[str, Any]:
    """As whom the server runs: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    msg = "neither the account postgres nor nobody is there to run it as"
    raise RuntimeError(msg)


def _die_with_the_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _initialise(programs: Path, home: Path, account: dict[str, Any], password: str) -> None:
    secret = home / "password"
    secret.write_text(password)
    secret.chmod(0o600)
    if account:
        os.chown(home, account["user"], account["group"])
        os.chown(secret, account["user"], account["group"])
    command = [str(programs / "initdb"), "-D", str(home / "data"), "-U", "keeper", "--pwfile", str(secret)]
    # A language's order of text, as servers have it: results must not depend on it.
    command += [
        "-A",
        "scram-sha-256",
        "-E",
        "UTF8",
        "--locale=C",
        "--locale-provider=icu",
        "--icu-locale=en-US",
    ]
    done = subprocess.run(
        [*command, "--no-sync"], capture_output=True, text=True, check=False, cwd=home, **account
    )
    secret.unlink()
    if done.returncode != 0:
        msg = f"initdb: {done.stderr.strip()[-300:]}"
        raise RuntimeError(msg)


def _serve(programs: Path, home: Path, account: dict[str, Any]) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(5):
        port = _free_port()
        options = [part for key, value in SETTINGS.items() for part in ("-c", f"{key}={value}")]
        server = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(home / "data"), "-p", str(port), *options],
            cwd=home,
            stdin=subprocess.DEVNULL,
            preexec_fn=_die_with_the_parent,
            **account,
        )
        ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        until = time.monotonic() + PATIENCE / 2
        while server.poll() is None and time.monotonic() < until:
            if subprocess.run(ready, check=False).returncode == 0 and server.poll() is None:
                return server, port
            time.sleep(0.05)
        server.kill()  # somebody else was given the port, or it is stuck
        server.wait()
    msg = "the server doesn't answer"
    raise RuntimeError(msg)


def supervise(programs: Path, told: Path, owner: int) -> None:
    """Run a server until the process `owner` ends, or until SIGTERM."""
    handle = os.pidfd_open(owner)
    wake, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    signal.signal(signal.SIGTERM, lambda *_: None)
    # Not below the folder of the tests, which only their own account may enter.
    home = Path(tempfile.mkdtemp(prefix="peelian-postgres-", dir="/tmp"))
    server = None
    try:
        account, password = _account(), secrets.token_urlsafe(18)
        _initialise(programs, home, account, password)
        server, port = _serve(programs, home, account)
        found = {"port": port, "user": "keeper", "password": password, "supervisor": os.getpid()}
        _tell(told, found)
        select.select([handle, wake], [], [])
    except (OSError, RuntimeError) as error:
        _tell(told, {"error": str(error)})
    finally:
        if server is not None:
            server.send_signal(signal.SIGQUIT)
            server.wait()
        shutil.rmtree(home, ignore_errors=True)


def _tell(told: Path, found: dict[str, Any]) -> None:
    draft = told.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(found))
    draft.rename(told)


if __name__ == "__main__":
    supervise(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
