"""Registering people, halting and resuming, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from peelian.workspace.identity import TOKEN_VARIABLE

from .conftest import run

WHY = "the import of May counted reports twice"


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert run(capsys, "init", tmp_path / "city", "--crs", "EPSG:26915")[0] == 0
    return tmp_path / "city"


def test_from_claimed_roles_to_two_people(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ("--workspace", folder)
    assert "whoever can write to this folder claims a role" in run(capsys, "people", "list", *where)[1]
    code, out, err = run(
        capsys, "people", "add", "--name", "Ana", "--role", "analyst", "--as", "steward", *where
    )
    assert (code, out) == (2, "")
    assert "expected a steward" in err
    tokens = {}
    for name, roles in (("Stella", ["steward"]), ("Otto", ["overseer"]), ("Cleo", ["commander", "analyst"])):
        given = [part for role in roles for part in ("--role", role)]
        acting = ["--as", "steward"] if not tokens else []
        code, out, _ = run(capsys, "people", "add", "--name", name, *given, *acting, *where, "--json")
        assert code == 0
        tokens[name] = json.loads(out)["token"]
        monkeypatch.setenv(TOKEN_VARIABLE, tokens["Stella"])
    listed = run(capsys, "people", "list", *where)[1]
    assert all(name in listed for name in tokens)
    assert not any(token in listed for token in tokens.values())

    monkeypatch.setenv(TOKEN_VARIABLE, tokens["Otto"])
    assert "(name not shown)" not in run(capsys, "people", "list", *where)[1]
    assert "Stella" in run(capsys, "ledger", "show", "--who", *where)[1]
    code, _, err = run(capsys, "halt", "--reason", WHY, *where)
    assert code == 2
    assert "expected one of --category, --method, --source, --system" in err
    code, out, _ = run(capsys, "halt", "--system", "--reason", WHY, *where)
    assert code == 0
    assert "The whole system was halted" in out
    assert "halted: everything, since" in run(capsys, "status", *where)[1]
    halted = json.loads(run(capsys, "ledger", "show", "--last", 1, "--json", *where)[1])["entries"][0]["id"]
    assert "it stands until a second person" in run(capsys, "resume", halted, "--reason", WHY, *where)[1]
    code, _, err = run(capsys, "resume", halted, "--reason", WHY, *where)
    assert code == 3
    assert "not-the-same-person" in err

    monkeypatch.delenv(TOKEN_VARIABLE)
    code, _, err = run(capsys, "quality", "--as", "analyst", *where)
    assert code == 3
    assert TOKEN_VARIABLE in err
    monkeypatch.setenv(TOKEN_VARIABLE, tokens["Cleo"])
    assert (
        "is ended: the overseer and the commander agreed"
        in run(capsys, "resume", halted, "--reason", WHY, "--as", "commander", *where)[1]
    )

    monkeypatch.setenv(TOKEN_VARIABLE, tokens["Stella"])
    people = json.loads(run(capsys, "people", "list", "--json", *where)[1])["people"]
    cleo = next(one["person"] for one in people if one["name"] == "Cleo")
    gone = "left the agency at the end of the month"
    assert (
        "their token is worth nothing now" in run(capsys, "people", "end", cleo, "--reason", gone, *where)[1]
    )
    code, out, _ = run(capsys, "people", "erase", cleo, "--reason", gone, *where)
    assert (code, "1 sealed note" in out) == (0, True)
    assert run(capsys, "ledger", "verify", *where)[0] == 0


@pytest.mark.parametrize(
    "command",
    [("halt", "--system"), ("resume", "halt-0001"), ("people", "end", "p-1"), ("people", "erase", "p-1")],
)
def test_a_reason_is_required(
    folder: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    code, _, err = run(capsys, *command, "--workspace", folder, "--as", "overseer")
    assert code == 2
    assert "no reason was given" in err


def test_a_token_can_go_to_a_file_that_nobody_else_opens(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--workspace", folder, "--as", "steward", "--token-file", folder.parent / "token")
    code, out, _ = run(capsys, "people", "add", "--name", "Ana", "--role", "analyst", *where)
    assert (code, (folder.parent / "token").exists()) == (2, False), (
        "nobody was registered, so there is no token"
    )
    code, out, _ = run(capsys, "people", "add", "--name", "Stella", "--role", "steward", *where, "--json")
    path = folder.parent / "token"
    assert (code, path.stat().st_mode & 0o777) == (0, 0o600)
    assert "token" not in json.loads(out)
    code, _, _ = run(capsys, "people", "add", "--name", "Otto", "--role", "overseer", *where)
    assert code != 0
    assert path.read_text().startswith("peelian_")
