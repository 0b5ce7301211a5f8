"""No secret lies in the repository, and none is told by a text, an error or a traceback."""

from __future__ import annotations

import base64
import os
import re
import socket
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from peelian.charter.cosignature import MLDSA44, Cosigner
from peelian.charter.note import Signer
from peelian.errors import ConfigError, PeelianError
from peelian.workspace import Workspace
from peelian.workspace.config import Config
from peelian.workspace.init import init

from .postgres import Server

ROOT = Path(__file__).resolve().parents[1]
CANARY = "kanarienvogel-7481"
SEED = bytes(range(64, 96))

MATERIAL = re.compile(
    rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----\s+[A-Za-z0-9+/=]{20}"
    rb"|PRIVATE\+KEY\+[^+\s\"']+\+[0-9a-f]{8}\+(?P<note>[A-Za-z0-9+/=]{40,})"
    rb"|\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}|\bxox[abprs]-[A-Za-z0-9-]{20,}"
    rb"|\b[a-z]+(\+[a-z0-9]+)?://[^\s/:@\"'<>{}]+:(?P<password>[^\s/@\"'<>{}]{6,})@[^\s\"'<>{}]+"
)
"""Keys in PEM and in the form of signed notes, tokens of well-known services, and passwords in URLs."""

PUBLISHED = {b"AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"}
"""The key in the documentation of Go's ``sumdb/note``, a test vector."""

EXAMPLES = {b"PASSWORD", b"password"}


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a checkout")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


def secrets_in(content: bytes) -> list[bytes]:
    return [
        match[0]
        for match in MATERIAL.finditer(content)
        if match["note"] not in PUBLISHED and match["password"] not in EXAMPLES
    ]


def test_no_key_token_or_password_lies_in_the_repository() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): secrets_in(path.read_bytes())
        for path in tracked()
        if path.is_file() and not path.is_symlink()
    }
    assert len(found) > 200
    assert {name: matches for name, matches in found.items() if matches} == {}


def test_no_file_of_keys_lies_in_the_repository() -> None:
    suffixes = {".key", ".pem", ".p12", ".pfx", ".jks", ".env", ".pgpass"}
    assert [path.name for path in tracked() if {path.suffix, path.name} & suffixes] == []


def test_what_is_looked_for_would_be_found(tmp_path: Path) -> None:
    key = Signer("example.org/log", SEED)
    key.save(tmp_path / "ledger.key")
    text = base64.b64encode(SEED).decode()
    planted = [
        (tmp_path / "ledger.key").read_text(),
        Cosigner("example.org/witness", SEED).text,
        "-----BEGIN " + f"PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----",
        "-----BEGIN OPENSSH " + f"PRIVATE KEY-----\n{text}\n",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "a1" * 18,
        "postgresql://peelian" + f":{CANARY}@db.example.org/state",
    ]
    for one in planted:
        assert secrets_in(one.encode()), one


# -- texts and errors

FORMS = [
    base64.b64encode(SEED).decode().rstrip("="),
    base64.b64encode(b"\x01" + SEED).decode(),
    SEED.hex(),
    repr(SEED)[2:-1],
]


@pytest.mark.parametrize(
    "key", [Signer("example.org/log", SEED), Cosigner("example.org/witness", SEED)], ids=repr
)
def test_the_text_of_a_key_does_not_show_it(key: object) -> None:
    said = f"{key} {key!r} {key:} {[key]} { ({'key': key}) }"
    assert "example.org" in said
    assert not [form for form in FORMS if form in said]


def test_the_text_of_a_post_quantum_key_does_not_show_it() -> None:
    try:
        key = Cosigner.generate("example.org/witness", kind=MLDSA44)
    except ConfigError:
        pytest.skip("no ML-DSA-44 here")
    assert key.seed.hex() not in f"{key!r}"
    assert repr(key.seed) not in f"{key!r}"


@pytest.mark.parametrize("kind", [Signer, Cosigner])
def test_a_damaged_key_is_not_repeated(kind: type[Signer] | type[Cosigner], tmp_path: Path) -> None:
    text = Cosigner("example.org/log", SEED).text
    for damaged in (
        text[:-3],
        text.replace("PRIVATE", "private"),
        text.replace("+KEY+", "+KEY+x"),
        text + "=",
    ):
        with pytest.raises(ConfigError) as caught:
            kind.from_text(damaged)
        printed = "".join(traceback.format_exception(caught.value))
        assert not [form for form in FORMS if form[:12] in printed]


def test_the_state_of_a_workspace_does_not_show_its_password(
    postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgresql.database() as url:
        monkeypatch.setenv("PEELIAN_STATE_URL", url)
        init(tmp_path / "city", sections={"state": {"url": "env:PEELIAN_STATE_URL"}})
        workspace = Workspace(tmp_path / "city")
        state = workspace.state
        shown = f"{state!r} {state.address!r} {state.engine!r} {state.engine.url} {workspace.config!r} {state.where}"
        assert postgresql.password not in shown
        state.close()
        everywhere = b"".join(path.read_bytes() for path in (tmp_path / "city").rglob("*") if path.is_file())
        assert postgresql.password.encode() not in everywhere, "it stays in the environment"
    config = Config.model_validate({"state": {"url": f"postgresql://a:{CANARY}@host/db"}})
    assert CANARY not in f"{config!r} {config}"


def test_a_token_is_not_repeated(tmp_path: Path) -> None:
    init(tmp_path / "city")
    # Nobody is registered, so the token is of no use; whatever is said about it, it isn't repeated.
    workspace = Workspace(tmp_path / "city", token=CANARY)
    assert CANARY not in f"{workspace!r} {vars(workspace)}"
    with pytest.raises(PeelianError) as caught:
        workspace.latest("plan")
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def run(folder: Path, url: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PEELIAN")}
    return subprocess.run(
        [sys.executable, "-m", "peelian.cli", "status", "--workspace", str(folder), *arguments],
        env=kept | {"PEELIAN_STATE_URL": url} | more,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_tells_no_password(postgresql: Server, tmp_path: Path) -> None:
    folder = tmp_path / "city"
    init(folder)
    text = (folder / "peelian.toml").read_text()
    (folder / "peelian.toml").write_text(text.replace("sqlite:///state.db", "env:PEELIAN_STATE_URL"))
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        wrong = postgresql.url("postgres", password=CANARY).render_as_string(hide_password=False)
        for url, code, said in [
            (wrong, 2, "password authentication failed"),
            (f"postgresql://a:{CANARY}@127.0.0.1:{port}/db", 1, "connection"),
            (f"mysql://a:{CANARY}@127.0.0.1/db", 2, "[state]"),
        ]:
            # In the form for developers, which doesn't hold back a traceback.
            done = run(folder, url, "--json", PEELIAN_TRACEBACK="1")
            assert done.returncode == code, done.stderr
            assert said in done.stdout + done.stderr
            assert CANARY not in done.stdout + done.stderr
