"""Checking only what came since a kept checkpoint: all of that is checked, and nothing else is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pymerkle import InmemoryTree

from peelian.charter import growth
from peelian.charter.growth import verify_since
from peelian.charter.ledger import Ledger
from peelian.charter.merkle import leaf_hash, tree_head
from peelian.charter.note import Signer
from peelian.charter.verification import verify
from peelian.errors import LedgerError

ORIGIN = "city.example/ledger"
SIZE = 1100
ENTRIES = [b"entry %d" % i for i in range(SIZE)]


def root_at(size: int) -> bytes:
    return tree_head([leaf_hash(x) for x in ENTRIES[:size]])


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pristine")
    ledger = Ledger.create(folder / "ledger", origin=ORIGIN, key_path=folder / "key")
    ledger.append(ENTRIES[:600])
    (folder / "kept").write_bytes(ledger.signed_checkpoint())
    ledger.append(ENTRIES[600:])
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "copy"))


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 600, 1023, 1024, 1099, 1100])
def test_since_any_size(folder: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "_BUNDLES", 2)  # several rounds
    found = verify_since(folder / "ledger", since=(size, root_at(size)))
    assert (found.size, found.root_hash, found.origin) == (SIZE, root_at(SIZE), ORIGIN)
    with pytest.raises(LedgerError, match=f"rewritten: its first {size} entries"):
        verify_since(folder / "ledger", since=(size, bytes(32)))


def test_the_roots_are_those_of_another_implementation() -> None:
    theirs = InmemoryTree(algorithm="sha256")
    for entry in ENTRIES:
        theirs.append_entry(entry)
    assert all(theirs.get_root(size) == root_at(size) for size in (1, 255, 256, 257, 600, SIZE))


def test_a_checkpoint_s_file(folder: Path) -> None:
    kept = (folder / "kept").read_bytes()
    vkey = Ledger.open(folder / "ledger").vkey
    found = verify_since(folder / "ledger", since=kept, vkey=vkey)
    assert (found.size, found.key_pinned) == (SIZE, True)
    with pytest.raises(LedgerError, match="the checkpoint that was given does not verify"):
        verify_since(folder / "ledger", since=kept.replace(b"\n600\n", b"\n601\n"), vkey=vkey)
    with pytest.raises(LedgerError, match="vkey was changed"):
        verify_since(folder / "ledger", since=kept, vkey=Signer.generate(ORIGIN).verifier.vkey)
    with pytest.raises(LedgerError, match="rewound: it had 1101 entries"):
        verify_since(folder / "ledger", since=(1101, bytes(32)))
    with pytest.raises(LedgerError, match="no ledger in"):
        verify_since(folder / "nowhere", since=kept)


def test_only_what_is_newer_is_needed(folder: Path) -> None:
    for index in (0, 1):
        (folder / f"ledger/tile/entries/{index:03d}").unlink()
    assert verify_since(folder / "ledger", since=(600, root_at(600))).size == SIZE
    with pytest.raises(LedgerError, match="missing"):
        verify(folder / "ledger")


def test_every_newer_byte_counts(folder: Path) -> None:
    """A changed byte in any newer entry, or in a hash of one, or of a tile over them."""
    since = (600, root_at(600))
    for name, first in (
        ("tile/entries/002", 600 - 512),
        ("tile/entries/003", 0),
        ("tile/entries/004.p/76", 0),
        ("tile/0/002", 600 - 512),
        ("tile/0/003", 0),
        ("tile/0/004.p/76", 0),
        ("tile/1/000.p/4", 0),
    ):
        path = folder / "ledger" / name
        good = path.read_bytes()
        unit = 32 if "/0/" in name or "/1/" in name else len(good) // 256 + 1
        for offset in range(min(first * unit, len(good) - 1), len(good), 97):
            path.write_bytes(good[:offset] + bytes([good[offset] ^ 1]) + good[offset + 1 :])
            with pytest.raises(LedgerError):
                verify_since(folder / "ledger", since=since)
        path.write_bytes(good)
    assert (
        verify_since(folder / "ledger", since=since).files == 7
    )  # three bundles, and the tiles that hold or cover them


def test_a_rewrite_with_the_key_is_found(folder: Path) -> None:
    forged = Ledger.create(folder / "forged", origin=ORIGIN, key_path=folder / "key")
    forged.append([*ENTRIES[:599], b"another", *ENTRIES[600:]])
    assert verify(forged.root).size == SIZE
    with pytest.raises(LedgerError, match="rewritten: its first 600"):
        verify_since(forged.root, since=(folder / "kept").read_bytes())
    assert verify_since(forged.root, since=(599, root_at(599))).size == SIZE
