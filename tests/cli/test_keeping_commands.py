"""The commands about what is kept, as somebody types them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from peelian.workspace.backups import PASSPHRASE

from ..workspace.keeping import case, holding, ident, made
from .conftest import run

WHY = "a court ordered that this be done, file 2216-CC"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("keeping") / "city")


@pytest.fixture
def city(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "city"))


def test_hold_list_and_release(city: Path, capsys: Capture) -> None:
    assert run(capsys, "hold", "list", "-w", city)[1] == "nothing is held\n"
    code, out, _ = run(
        capsys,
        *(
            "hold",
            "add",
            "-w",
            city,
            "-c",
            "theft",
            "--from",
            "2024-01-01",
            "--reason",
            WHY,
            "--as",
            "overseer",
        ),
    )
    assert (code, out.split(" keeps ")[0]) == (0, "hold-0003")
    assert "records of theft from 2024-01-01" in run(capsys, "hold", "list", "-w", city)[1]
    listed = json.loads(run(capsys, "hold", "list", "-w", city, "--json")[1])["holds"]
    assert [one["run"] for one in listed] == ["hold-0003"]
    args = ("hold", "release", "hold-0003", "-w", city, "--reason", WHY, "--as")
    assert run(capsys, *args, "overseer")[0] == 3
    assert run(capsys, *args, "commander")[0] == 0
    assert run(capsys, "hold", "list", "-w", city)[1] == "nothing is held\n"


def test_retain_shows_says_and_does(city: Path, capsys: Capture) -> None:
    code, out, _ = run(capsys, "retain", "--show", "-w", city)
    assert code == 0
    assert "no limit: kept until somebody sets one" in out
    assert "last ran never; nothing is overdue" in out
    config = city / "peelian.toml"
    config.write_text(config.read_text().replace("# records = (not set)", 'records = "1y"'))
    assert "kept too long: records; peelian retain never ran" in run(capsys, "status", "-w", city)[1]
    assert run(capsys, "retain", "--dry-run", "-w", city)[1] == "records: 60 would go\n"
    done = json.loads(run(capsys, "retain", "-w", city, "--json")[1])
    assert (done["gone"], done["dry_run"], done["run"]) == ({"records": 60}, False, "retain-0003")
    assert "kept too long" not in run(capsys, "status", "-w", city)[1]
    assert run(capsys, "retain", "--dry-run", "--show", "-w", city)[0] == 2
    assert run(capsys, "retain", "--every", "1mo", "-w", city)[0] == 2


def test_erase_says_what_it_did_and_what_is_left(city: Path, capsys: Capture) -> None:
    args = ("-w", city, "--reason", WHY, "--as", "steward")
    code, out, _ = run(capsys, "erase", case(3), ident(4), *args)
    assert code == 0
    assert out.startswith("erased: 2 stored, 0 set aside")
    assert out.endswith("nothing of it was found\n")
    assert holding(ident(3), city) == holding(ident(4), city) == []
    (city / "notes.txt").write_text(case(5))
    code, out, _ = run(capsys, "erase", case(5), *args)
    assert code == 5
    assert "LEFT: record 1 in notes.txt (1 times, bytes UTF-8)" in out
    assert case(5) not in out
    code, out, _ = run(capsys, "erase", case(5), *args, "--json")
    assert (code, json.loads(out)["left"]) == (5, 1)
    assert run(capsys, "erase", case(6), "-w", city, "--as", "steward")[0] == 2
    assert run(capsys, "erase", case(6), "-w", city, "--reason", WHY, "--as", "overseer")[0] == 3


def test_backup_and_restore(
    city: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, steward = tmp_path / "one.backup", ("-w", city, "--as", "steward")
    monkeypatch.delenv(PASSPHRASE, raising=False)
    assert run(capsys, "backup", "--list", *steward)[1] == "no backup was made\n"
    assert run(capsys, "backup", *steward)[0] == 2
    code, _, err = run(capsys, "backup", file, "--with-keys", *steward)
    assert (code, PASSPHRASE in err) == (2, True)
    monkeypatch.setenv(PASSPHRASE, "correct horse battery")
    assert run(capsys, "backup", file, "--with-keys", *steward)[0] == 0
    assert "with keys, there" in run(capsys, "backup", "--list", *steward)[1]
    code, out, _ = run(capsys, "restore", file, tmp_path / "again")
    assert (code, "its ledger verifies" in out) == (0, True)
    assert run(capsys, "ledger", "verify", "-w", tmp_path / "again")[0] == 0
    assert run(capsys, "restore", file, tmp_path / "again")[0] == 2
    file.write_bytes(file.read_bytes()[:-3])
    code, out, _ = run(capsys, "restore", file, tmp_path / "third", "--json")
    assert (code, json.loads(out)["error"]["type"]) == (5, "CheckError")
    assert "changed" in run(capsys, "backup", "--list", *steward)[1]
