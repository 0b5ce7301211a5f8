"""The verifier that needs nothing of ours: by itself, against the RFC's vectors, another implementation and our own."""

from __future__ import annotations

import ast
import base64
import hashlib
import importlib.util
import random
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from pymerkle import InmemoryTree

import peelian.charter
from peelian.charter.cosignature import ED25519, MLDSA44, Cosigner, mldsa_works
from peelian.charter.entry import Entry
from peelian.charter.ledger import Ledger
from peelian.charter.note import Signer
from peelian.charter.rotation import ROTATE, append_all, next_key
from peelian.charter.tiles import tiles_of
from peelian.charter.verification import verify
from peelian.errors import LedgerError

ORIGIN = "city.example/ledger"
SCRIPT = Path(peelian.charter.__file__).with_name("verifier.py")


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_ledger", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VERIFIER = load()


def entry(name: str, kind: str = "forecast", **details: str) -> Entry:
    return Entry(kind, "steward", name, name, "2026-01-31T13:05:00Z", details=details)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 entries, one change of key, and the checkpoint of an earlier day."""
    folder = tmp_path_factory.mktemp("made")
    ledger = Ledger.create(folder / "ledger", origin=ORIGIN, key_path=folder / "key")
    (folder / "first.vkey").write_text(ledger.vkey)
    ledger.append_new([entry(f"run-{i}") for i in range(255)])
    (folder / "kept").write_bytes(ledger.signed_checkpoint())
    new = next_key(folder / "key", origin=ORIGIN)
    change = entry("rotate-1", ROTATE, old_vkey=ledger.vkey, new_vkey=new.verifier.vkey)
    append_all(ledger, [change], key_path=folder / "key", expected=None)
    ledger.append_new([entry(f"more-{i}") for i in range(344)])
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def first_key(folder: Path) -> str:
    return (folder / "first.vkey").read_text()


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = VERIFIER.main([str(a) for a in arguments])
    out = capsys.readouterr()
    return code, out.out + out.err


# -- what it is


def test_it_is_short_and_imports_nothing_of_ours() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 450
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def test_it_runs_alone_where_there_is_no_peelian(folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "elsewhere"
    alone.mkdir()
    shutil.copy(SCRIPT, alone / "verify_ledger.py")
    blocked = "import sys; sys.modules['peelian'] = None; import runpy; sys.argv = sys.argv[1:];"
    blocked += "runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", blocked, "verify_ledger.py", folder / "ledger", "--vkey", first_key(folder)],
        cwd=alone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{ORIGIN}: 600 entries, root ")


# -- hashing, against the vectors of the RFC's reference implementation and pymerkle

# The inputs and roots that Certificate Transparency's own tests use for RFC 6962, sizes 0 to 8.
INPUTS = [
    bytes.fromhex(x)
    for x in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_the_vectors_of_rfc_6962(size: int) -> None:
    leaves = [hashlib.sha256(b"\0" + data).digest() for data in INPUTS[:size]]
    tree = VERIFIER.Tree()
    tree.add(leaves)
    assert tree.root(size).hex() == ROOTS[size]
    assert VERIFIER.root_of(leaves).hex() == ROOTS[size]


def test_another_implementation_has_the_same_roots_and_proofs() -> None:
    theirs = InmemoryTree(algorithm="sha256")
    ours = VERIFIER.Tree()
    leaves = [hashlib.sha256(b"\0" + b"%d" % i).digest() for i in range(1, 1301)]
    for i in range(1, 1301):
        theirs.append_entry(b"%d" % i)
    for start in range(0, 1300, 256):
        ours.add(leaves[start : start + 256])
    rng = random.Random(5)
    for size in (1, 2, 255, 256, 257, 512, 1023, 1024, 1300, *rng.sample(range(3, 1300), 20)):
        assert ours.root(size) == theirs.get_root(size)
        index = rng.randrange(size)
        path = theirs.prove_inclusion(index + 1, size).path[1:]
        assert VERIFIER.root_by_path(leaves[index], index, size, path) == ours.root(size)
        assert VERIFIER.root_by_path(leaves[index], index, size, [*path, bytes(32)]) is None
        assert VERIFIER.root_by_path(leaves[index], size, size, path) is None
        if path:
            assert VERIFIER.root_by_path(leaves[index], index, size, path[:-1]) is None
            odd = [path[0] + b"x", *path[1:]]
            assert VERIFIER.root_by_path(leaves[index], index, size, odd) is None


# -- whole ledgers


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 513])
def test_ledgers_of_any_size(tmp_path: Path, size: int, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    ledger.append([b"entry %d" % i for i in range(size)])
    code, said = run(capsys, ledger.root, "--vkey", ledger.vkey)
    assert code == 0
    assert f"{size} entries, root {ledger.checkpoint().root_hash.hex()}: verified" in said


def test_it_follows_the_keys_and_begins_with_what_one_kept(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger.open(folder / "ledger")
    for vkey in (first_key(folder), ledger.vkey):
        code, said = run(capsys, ledger.root, "--vkey", vkey)
        assert code == 0
        assert ("followed over 1 changes" in said) == (vkey != ledger.vkey)
    code, said = run(capsys, ledger.root, "--vkey", first_key(folder), "--since", folder / "kept")
    assert (code, "it begins with the 255 entries of" in said) == (0, True)
    head = ledger.checkpoint()
    pair = f"{head.size}:{head.root_hash.hex()}"
    assert run(capsys, ledger.root, "--vkey", ledger.vkey, "--since", pair)[0] == 0
    code, said = run(capsys, ledger.root, "--vkey", ledger.vkey, "--since", f"600:{'0' * 64}")
    assert (code, "rewritten" in said) == (1, True)
    code, said = run(capsys, ledger.root, "--vkey", ledger.vkey, "--since", f"601:{'0' * 64}")
    assert (code, "rewound" in said) == (1, True)
    assert run(capsys, ledger.root, "--vkey", ledger.vkey, "--since", "nowhere")[0] == 2


def test_a_stranger_s_key_and_wrong_arguments(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stranger = Signer.generate(ORIGIN).verifier.vkey
    code, said = run(capsys, folder / "ledger", "--vkey", stranger)
    assert (code, "was not signed by your key" in said) == (1, True)
    other = Signer.generate("other.example/x").verifier.vkey
    assert run(capsys, folder / "ledger", "--vkey", other)[0] == 1
    assert run(capsys, folder / "ledger", "--vkey", "nonsense")[0] == 2
    assert run(capsys, folder / "ledger", "--vkey", stranger.replace("+", "+0", 1))[0] == 2
    assert run(capsys, folder / "nowhere", "--vkey", stranger)[0] == 2
    cosigner = Cosigner.generate(ORIGIN).key.vkey
    assert run(capsys, folder / "ledger", "--vkey", cosigner)[0] != 0
    with pytest.raises(SystemExit) as stopped:
        run(capsys, "proof", folder / "a", folder / "b", "--vkey", stranger)
    assert stopped.value.code == 2


def test_it_finds_what_our_own_finds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Any changed byte of a file that the ledger needs, by both verifiers."""
    rng = random.Random(6)
    key = first_key(folder)
    names = ["checkpoint", "rotation/0001.tlog-proof", *(tile.path for tile in tiles_of(600))]
    needed = [folder / "ledger" / name for name in names]  # and not the narrower tiles that others follow
    for path in needed:
        good = path.read_bytes()
        for offset in {0, len(good) - 1, *rng.sample(range(len(good)), min(12, len(good)))}:
            flipped = good[:offset] + bytes([good[offset] ^ (1 << rng.randrange(8))]) + good[offset + 1 :]
            path.write_bytes(flipped)
            with pytest.raises(LedgerError):
                verify(folder / "ledger", vkey=key)
            code, said = run(capsys, folder / "ledger", "--vkey", key)
            assert code == 1, (path, offset, said)
            assert said.startswith("DOES NOT VERIFY: ")
        for cut in (good[:-1], good + b"\0"):
            path.write_bytes(cut)
            assert run(capsys, folder / "ledger", "--vkey", key)[0] == 1, path
        path.unlink()
        assert run(capsys, folder / "ledger", "--vkey", key)[0] in (1, 2), path
        path.write_bytes(good)
    assert run(capsys, folder / "ledger", "--vkey", key)[0] == 0


@pytest.mark.parametrize("index", [0, 254, 255, 256, 599])
def test_proofs(folder: Path, index: int, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger.open(folder / "ledger")
    proof = ledger.prove(index)
    path = folder / "one.tlog-proof"
    path.write_bytes(proof.to_bytes())
    code, said = run(capsys, "proof", path, "--vkey", ledger.vkey)
    assert (code, said.splitlines()[0]) == (0, f"{ORIGIN}: this is entry {index} of 600: verified")
    assert said.encode().endswith((proof.entry or b"") + b"\n")
    assert run(capsys, "proof", path, "--vkey", first_key(folder))[0] == 1
    follow = ("--vkey", first_key(folder), "--rotations", folder / "ledger")
    assert run(capsys, "proof", path, *follow)[0] == 0
    good = path.read_bytes()
    for offset in range(0, len(good), 7):
        path.write_bytes(good[:offset] + bytes([good[offset] ^ 4]) + good[offset + 1 :])
        assert run(capsys, "proof", path, "--vkey", ledger.vkey)[0] == 1
    bare = b"\n".join(line for line in good.split(b"\n") if not line.startswith(b"extra "))
    path.write_bytes(bare)
    assert run(capsys, "proof", path, "--vkey", ledger.vkey)[0] == 2
    (folder / "entry").write_bytes(proof.entry or b"")
    assert run(capsys, "proof", path, "--vkey", ledger.vkey, "--entry", folder / "entry")[0] == 0


def test_changes_of_key_that_are_off(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rotation that only the old key signed, as a thief of nothing but the ledger's files could not make."""
    path = folder / "ledger/rotation/0001.tlog-proof"
    ordinary = Ledger.open(folder / "ledger").prove(599).to_bytes()
    good = path.read_text(encoding="utf-8")
    lines = good.splitlines(keepends=True)
    for kept in (lines[:-1], lines[:-2] + lines[-1:]):
        path.write_text("".join(kept), encoding="utf-8")
        code, said = run(capsys, folder / "ledger", "--vkey", first_key(folder))
        assert (code, "was not signed by both" in said) == (1, True)
    path.write_bytes(ordinary)
    code, said = run(capsys, folder / "ledger", "--vkey", first_key(folder))
    assert (code, "names no old and new key" in said) == (1, True)
    path.write_text(good, encoding="utf-8")
    path.with_name("0002.tlog-proof").write_text(good, encoding="utf-8")
    code, said = run(capsys, folder / "ledger", "--vkey", first_key(folder))
    assert (code, "does not follow" in said) == (1, True)


# -- witnesses

KINDS = [ED25519, *([MLDSA44] if mldsa_works() else [])]


@pytest.mark.parametrize("kind", KINDS)
def test_witnesses_are_counted(folder: Path, kind: int, capsys: pytest.CaptureFixture[str]) -> None:
    root = folder / "ledger"
    ledger = Ledger.open(root)
    witnesses = [Cosigner.generate(f"w{i}.example", kind=kind) for i in range(3)]
    keys = [item for w in witnesses for item in ("--witness", w.key.vkey)]
    call = (root, "--vkey", ledger.vkey, *keys, "--quorum", 2)
    assert run(capsys, *call)[0] == 1
    text = ledger.checkpoint().to_text()
    lines = [w.cosign(text, at=1_700_000_000).encode() for w in witnesses]
    note = (root / "checkpoint").read_bytes()
    (root / "checkpoint").write_bytes(note + lines[0])
    code, said = run(capsys, *call)
    assert (code, "1 of your witnesses signed (w0.example); wanted: 2" in said) == (1, True)
    (root / "checkpoint").write_bytes(note + lines[0] + lines[2])
    code, said = run(capsys, *call)
    assert (code, "2 witnesses signed the first 600 entries: w0.example, w2.example" in said) == (0, True)
    forged = base64.b64decode(lines[2].split()[2])
    line = b"\xe2\x80\x94 w2.example " + base64.b64encode(forged[:-1] + bytes([forged[-1] ^ 1])) + b"\n"
    (root / "checkpoint").write_bytes(note + lines[0] + line)
    code, said = run(capsys, *call)
    assert (code, "the signature of w2.example does not hold" in said) == (1, True)


def test_witnesses_of_an_earlier_checkpoint(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = folder / "ledger"
    kept = (folder / "kept").read_bytes()
    text = kept.decode().split("\n\n")[0] + "\n"
    witness = Cosigner.generate("w.example")
    (root / "witnessed").write_bytes(kept + witness.cosign(text, at=1_700_000_000).encode())
    call = (root, "--vkey", first_key(folder), "--witness", witness.key.vkey)
    code, said = run(capsys, *call)
    assert (code, "1 witnesses signed the first 255 entries: w.example" in said) == (0, True)
    stranger = Ledger.create(folder / "other", origin=ORIGIN, key_path=folder / "key2")
    stranger.append([b"x"])
    (root / "witnessed").write_bytes(stranger.signed_checkpoint())
    assert run(capsys, *call)[0] == 1


def test_keys_of_one_witness_count_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = folder / "ledger"
    ledger = Ledger.open(root)
    pair = [Cosigner.generate("w.example"), Cosigner.generate("w.example")]
    text = ledger.checkpoint().to_text()
    note = (root / "checkpoint").read_bytes()
    (root / "checkpoint").write_bytes(note + b"".join(w.cosign(text, at=5).encode() for w in pair))
    keys = [item for w in pair for item in ("--witness", w.key.vkey)]
    assert run(capsys, root, "--vkey", ledger.vkey, *keys, "--quorum", 2)[0] == 1
    assert run(capsys, root, "--vkey", ledger.vkey, *keys, "--quorum", 1)[0] == 0


def test_where_ml_dsa_is_lacking_it_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = VERIFIER.Key("w.example", MLDSA44, bytes(1312))
    vkey = f"w.example+{key.key_id.hex()}+{base64.b64encode(bytes([MLDSA44]) + bytes(1312)).decode()}"
    line = b"\xe2\x80\x94 w.example " + base64.b64encode(key.key_id + bytes(8 + 2420)) + b"\n"
    path = folder / "ledger/checkpoint"
    path.write_bytes(path.read_bytes() + line)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mldsa", None)
    ledger = Ledger.open(folder / "ledger")
    code, said = run(capsys, ledger.root, "--vkey", ledger.vkey, "--witness", vkey)
    assert (code, "which this cryptography package lacks" in said) == (2, True)
