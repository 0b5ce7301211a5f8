"""``peelian ledger witness`` and ``peelian ledger cosign`` as they are typed."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from peelian.charter import Ledger
from peelian.charter.witness import KEY_VARIABLE, Witness
from peelian.workspace.init import init

from .conftest import run

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Run:
    return lambda *arguments: run(capsys, "ledger", *arguments)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger.create(tmp_path / "ledger", origin="city.example/ledger", key_path=tmp_path / "key")
    made.append([b"one", b"two", b"three"])
    return made


def test_a_copy_is_looked_at_and_cosigned(typed: Run, ledger: Ledger, tmp_path: Path) -> None:
    first = ["witness", "--folder", tmp_path / "w1", "--name", "college.example/w1", "--trust", ledger.vkey]
    code, out, err = typed(*first, "--once", ledger.root)
    path = tmp_path / "city-example-ledger-3.cosigned"
    assert (code, err) == (0, "")
    assert out == f"cosigned city.example/ledger with 3 entries\n  {path}: send it to the ledger's keeper\n"
    assert path.read_bytes().startswith(ledger.signed_checkpoint())
    ledger.append([b"four"])
    code, out, _ = typed(
        "witness", "--folder", tmp_path / "w1", "--once", ledger.root, "--out", tmp_path / "sent", "--json"
    )
    found = json.loads(out)
    assert (code, found["size"]) == (0, 4)
    assert Path(found["file"]).parent == tmp_path / "sent"
    assert found["lines"].count("\n— college.example/w1 ") == 1


def test_a_fork_is_refused_and_listed(typed: Run, ledger: Ledger, tmp_path: Path) -> None:
    folder = ["witness", "--folder", tmp_path / "w1"]
    copy = shutil.copytree(ledger.root, tmp_path / "copy")
    ledger.append([b"four"])
    typed(*folder, "--name", "college.example/w1", "--trust", ledger.vkey, "--once", ledger.root)
    assert typed(*folder, "--show-evidence")[1] == "no fork and no rewind was found\n"
    code, _, err = typed(*folder, "--once", copy)
    assert code == 5
    assert "rewind: city.example/ledger had 4 entries and was shown with 3 entries" in err
    Ledger.open(Path(copy), key_path=tmp_path / "key").append([b"another"])
    code, _, err = typed(*folder, "--once", copy)
    assert code == 5
    assert "fork: the keeper of city.example/ledger signed two different ledgers of 4 entries" in err
    assert "--show-evidence" in err
    code, out, _ = typed(*folder, "--show-evidence", "--json")
    assert code == 0
    assert {(each["kind"], each["check"]) for each in json.loads(out)["evidence"]} == {
        (kind, "both checkpoints carry the keeper's signature") for kind in ("fork", "rewind")
    }
    for path in (tmp_path / "w1" / "evidence").iterdir():
        path.write_text(path.read_text().replace("\\n4\\n", "\\n5\\n"))
    assert "does not hold" in typed(*folder, "--show-evidence")[1]


def test_what_can_not_be_done(typed: Run, ledger: Ledger, tmp_path: Path) -> None:
    folder = ["witness", "--folder", tmp_path / "w1"]
    for more, code, said in (
        ([], 2, "no name was given"),
        (["--name", "a b"], 2, "can't name a key"),
        (["--name", "college.example/w1"], 2, "looks after no ledger yet"),
        (["--trust", "nonsense"], 2, "not a verifier key"),
        (["--name", "else.example/w1"], 2, "was given as its name"),
        (["--out", tmp_path], 2, "without --once"),
        (["--once", ledger.root], 2, "trusts no key of it"),
        (["--once", tmp_path], 5, "there is no ledger in"),
        (["--port", "65536"], 2, "'--port'"),
    ):
        found, _, err = typed(*folder, *more)
        assert (found, said in err) == (code, True), err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = typed(*folder, "--trust", ledger.vkey, "--port", port)
    assert code == 2
    assert f"can't listen on 127.0.0.1, port {port}" in err


def test_no_private_key_is_shown(
    typed: Run, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = Witness.open(tmp_path / "w1", name="college.example/w1")
    text = (tmp_path / "w1" / "witness.key").read_text()
    secrets = [line.rpartition("+")[2] for line in text.splitlines()]
    folder = ["witness", "--folder", tmp_path / "w1", "--trust", ledger.vkey]
    said = "".join(typed(*folder, "--once", ledger.root)[1:])
    (tmp_path / "w1" / "witness.key").write_text(text.replace("PRIVATE", "PUBLIC"))
    said += "".join(typed(*folder, "--once", ledger.root)[1:])
    monkeypatch.setenv(KEY_VARIABLE, text.replace(witness.name, "a"))
    said += "".join(typed(*folder, "--once", ledger.root)[1:])
    assert "not a cosigner's key" in said
    assert "damaged" in said
    assert not any(secret in said for secret in secrets)


def test_asking_for_cosignatures(typed: Run, tmp_path: Path) -> None:
    city = tmp_path / "city"
    init(city, crs="EPSG:26915", zone="America/Chicago")
    code, out, _ = typed("cosign", "--workspace", city)
    assert (code, out) == (0, "no witness is named in peelian.toml, so nobody was asked\n")
    vkey = (city / "ledger" / "vkey").read_text().strip()
    typed(
        "witness", "--folder", tmp_path / "w1", "--name", "college.example/w1", "--trust", vkey,
        "--once", city / "ledger", "--out", city / "sent",
    )  # fmt: skip
    with (city / "peelian.toml").open("a", encoding="utf-8") as file:
        key = (tmp_path / "w1" / "vkey").read_text().split()[0]
        file.write(f'\n[[ledger.witnesses]]\nname = "City College"\nvkey = "{key}"\nfolder = "sent"\n')
    code, out, _ = typed("cosign", "--workspace", city)
    assert code == 0
    assert out.splitlines() == [
        "ledger: 1 of 1 witnesses cosigned it with 1 entry",
        "  City College: it cosigned this ledger of 1 entry",
    ]
    code, out, _ = typed("verify", "--workspace", city)
    assert (code, "  City College saw it with 1 entry" in out.splitlines()) == (0, True)
