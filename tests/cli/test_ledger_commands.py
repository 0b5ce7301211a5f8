"""``peelian ledger prove``, ``verifier``, ``rotate`` and ``verify --since``, as a person calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from peelian.charter import Ledger
from peelian.cli import main
from peelian.workspace.init import init


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = 0
    try:
        main([str(a) for a in arguments])
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    init(tmp_path / "city", crs="EPSG:26915", zone="America/Chicago")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PEELIAN_WORKSPACE", "city")
    return tmp_path / "city"


def test_the_whole_way_of_an_outsider(city: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = Ledger.open(city / "ledger").vkey
    kept = tmp_path / "kept"
    kept.write_bytes((city / "ledger/checkpoint").read_bytes())
    reason = "The key was on a machine that is given away."
    code, out, _ = run(capsys, "ledger", "rotate", "--as", "steward", "--reason", reason)
    assert (code, "publish the new one" in out) == (0, True)
    code, out, _ = run(capsys, "ledger", "verify", "--since", kept)
    assert code == 0
    assert "begins with the 1 entry that you kept" in out
    assert "its key was changed 1 time" in out
    assert run(capsys, "ledger", "prove", "init-0001", "--out", "one.tlog-proof")[0] == 0
    code, out, _ = run(capsys, "ledger", "verifier")
    assert code == 0
    (tmp_path / "verify_ledger.py").write_text(out)
    for arguments in (
        ["city/ledger", "--vkey", first, "--since", "kept"],
        ["proof", "one.tlog-proof", "--vkey", first, "--rotations", "city/ledger"],
    ):
        done = subprocess.run([sys.executable, "-I", "verify_ledger.py", *arguments], check=False)
        assert done.returncode == 0


def test_proofs_are_written_once_and_checked(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "ledger", "prove", "0")
    assert (code, out) == (0, "0.tlog-proof: entry 0 of 1, with its bytes and the signed checkpoint\n")
    assert run(capsys, "ledger", "prove", "0")[0] == 2  # nothing is overwritten
    code, out, _ = run(capsys, "ledger", "prove", "--check", "0.tlog-proof")
    assert (code, out.startswith("holds: entry 0 of 1 in ")) == (0, True)
    assert run(capsys, "ledger", "prove", "init-0001", "--check", "0.tlog-proof")[0] == 0
    code, _, err = run(capsys, "ledger", "prove", "decide-0007", "--check", "0.tlog-proof")
    assert (code, "proves entry 0 (init-0001)" in err) == (5, True)
    code, out, _ = run(capsys, "ledger", "prove", "--check", "0.tlog-proof", "--json")
    assert json.loads(out)["index"] == 0
    path = Path("0.tlog-proof")
    path.write_bytes(path.read_bytes().replace(b"index 0", b"index 1"))
    assert run(capsys, "ledger", "prove", "--check", path)[0] == 5
    code, _, err = run(capsys, "ledger", "prove")
    assert (code, "no entry was given" in err) == (2, True)


def test_a_change_of_key_takes_a_reason_and_the_role(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "ledger", "rotate", "--as", "steward")
    assert (code, "no reason was given" in err) == (2, True)
    reason = "The key was on a machine that is given away."
    assert run(capsys, "ledger", "rotate", "--as", "public", "--reason", reason)[0] == 3
