"""The ledger's folder: what an append lays out, how tiles are read back, what a crash's leftovers become."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.charter.ledger import Ledger
from peelian.charter.merkle import Tree, edges_root, leaf_hash
from peelian.charter.store import (
    Growth,
    TileNodes,
    clear_leftovers,
    load_tile,
    read_checkpoint,
    read_entry,
    read_tile,
    read_vkey,
)
from peelian.charter.tiles import Tile, decode_bundle, decode_tile, encode_bundle, encode_tile, tiles_of
from peelian.errors import LedgerError


def numbered(start: int, stop: int) -> list[bytes]:
    return [b"%d" % i for i in range(start, stop)]


def grow(sizes: list[int]) -> tuple[dict[Tile, bytes], Growth]:
    """All files after some appends, and the edge after the last."""
    files: dict[Tile, bytes] = {}
    grown = Growth([[]], [])
    total = 0
    for size in sizes:
        entries = numbered(total, total + size)
        grown = Growth.of(grown.edges, grown.bundle, size=total, entries=entries)
        files.update(grown.files)
        total += size
    return files, grown


def mth(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 over leaf hashes, as the formula says."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


@given(st.lists(st.integers(1, 400), min_size=1, max_size=4))
def test_whatever_the_batches_each_tile_is_what_the_specification_says(sizes: list[int]) -> None:
    files, grown = grow(sizes)
    total = sum(sizes)
    leaves = [leaf_hash(x) for x in numbered(0, total)]
    assert edges_root(grown.edges) == mth(leaves)
    for tile in tiles_of(total):
        data = files[tile]
        first = tile.index * 256
        if tile.level == -1:
            assert decode_bundle(data, width=tile.width) == numbered(first, first + tile.width)
        else:
            span = 256**tile.level  # MTH(D[(n*256+i)*256**l : (n*256+i+1)*256**l]), tlog-tiles
            want = [mth(leaves[(first + i) * span : (first + i + 1) * span]) for i in range(tile.width)]
            assert decode_tile(data, width=tile.width) == want


def test_only_what_changed_is_written() -> None:
    _, grown = grow([256])
    again = Growth.of(grown.edges, grown.bundle, size=256, entries=[b"x"])
    assert [tile.path for tile, _ in again.files] == ["tile/entries/001.p/1", "tile/0/001.p/1"]
    assert grown.edges[0] == []  # the edge that it grew from is left as it was
    assert [tile.path for tile, _ in grow([256])[1].files] == [
        "tile/entries/000",
        "tile/0/000",
        "tile/1/000.p/1",
    ]


def write(root: Path, files: dict[Tile, bytes]) -> None:
    for tile, data in files.items():
        (root / tile.path).parent.mkdir(parents=True, exist_ok=True)
        (root / tile.path).write_bytes(data)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700])
def test_nodes_read_from_tiles_are_those_of_the_tree(tmp_path: Path, size: int) -> None:
    files, _ = grow([size])
    write(tmp_path, files)
    tree = Tree(leaf_hash(x) for x in numbered(0, size))
    nodes = TileNodes(tmp_path, size)
    for level in range(size.bit_length()):
        for index in range(size >> level):
            assert nodes(level, index) == tree.node(level, index), (level, index)


def test_a_partial_tile_is_read_from_the_full_one_that_took_its_place(tmp_path: Path) -> None:
    files, _ = grow([256])
    write(tmp_path, files)
    assert load_tile(tmp_path, Tile(-1, 0, 9)) == numbered(0, 9)
    assert load_tile(tmp_path, Tile(0, 0, 9)) == [leaf_hash(x) for x in numbered(0, 9)]
    assert read_tile(tmp_path, Tile(-1, 0, 9)) == encode_bundle(numbered(0, 9))


def test_missing_and_damaged_tiles_are_named(tmp_path: Path) -> None:
    write(tmp_path, grow([5])[0])
    with pytest.raises(LedgerError, match=r"tile/0/001 of the ledger in .* is missing"):
        load_tile(tmp_path, Tile(0, 1))
    (tmp_path / "tile/0/000.p/5").write_bytes(bytes(31))
    with pytest.raises(LedgerError, match="31 bytes instead of 5 hashes"):
        load_tile(tmp_path, Tile(0, 0, 5))
    (tmp_path / "tile/entries/000").write_bytes(b"\x00")
    with pytest.raises(LedgerError, match="can't be read: it ends within entry 0"):
        load_tile(tmp_path, Tile(-1, 0, 6))
    (tmp_path / "tile/1/000.p/1").mkdir(parents=True)
    with pytest.raises(LedgerError, match="can't be read"):
        load_tile(tmp_path, Tile(1, 0, 1))


def test_folders_without_a_ledger(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger in"):
        read_checkpoint(tmp_path)
    with pytest.raises(LedgerError, match="no readable verifier key"):
        read_vkey(tmp_path)
    (tmp_path / "vkey").write_bytes(b"\xff")
    with pytest.raises(LedgerError, match="no readable verifier key"):
        read_vkey(tmp_path)


def test_leftovers_go_and_what_belongs_stays(tmp_path: Path) -> None:
    files, _ = grow([3, 257])
    write(tmp_path, files)
    keep = {tile.path for tile in tiles_of(260)} | {"checkpoint", "notes.txt"}
    for name in ("checkpoint", "notes.txt", ".checkpoint.tmp", "tile/0/.003.tmp"):
        (tmp_path / name).write_bytes(b"x")
    beyond = {
        Tile(-1, 1, 60): encode_bundle(numbered(256, 316)),
        Tile(0, 1, 60): encode_tile([bytes(32)] * 60),
        Tile(0, 1): encode_tile([bytes(32)] * 256),
        Tile(1, 0, 2): encode_tile([bytes(32)] * 2),
    }
    write(tmp_path, beyond)
    clear_leftovers(tmp_path, 260)
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == keep
    assert not (tmp_path / "tile/0/000.p").exists()  # superseded by the full tile, folder and all
    clear_leftovers(tmp_path, 260)
    assert left == {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}


def test_narrower_partial_tiles_of_past_checkpoints_stay(tmp_path: Path) -> None:
    files, _ = grow([3, 4])
    write(tmp_path, files)
    clear_leftovers(tmp_path, 7)
    assert {tile.path for tile in files} == {
        p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()
    }


def test_one_entry_of_a_bundle(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", origin="city.example/ledger", key_path=tmp_path / "key")
    entries = [b"x" * i for i in range(300)]
    ledger.append(entries)
    assert [read_entry(ledger.root, i, size=300) for i in range(300)] == entries
    path = ledger.root / "tile/entries/001.p/44"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(LedgerError, match="was changed: it ends within entry"):
        read_entry(ledger.root, 299, size=300)


def test_a_reader_serves_many_proofs_of_one_size(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", origin="city.example/ledger", key_path=tmp_path / "key")
    ledger.append([b"%d" % i for i in range(700)])
    first = TileNodes.again(None, ledger.root, 700)
    upper, leaf = first(8, 0), first(0, 5)
    assert TileNodes.again(first, ledger.root, 700) is first
    (ledger.root / "tile/1/000.p/2").write_bytes(bytes(64))
    (ledger.root / "tile/0/000").write_bytes(bytes(32 * 256))
    assert first(8, 0) == upper  # what was read of the upper tiles serves on
    assert first(0, 5) != leaf  # leaves are read for each proof
    assert TileNodes.again(first, ledger.root, 701) is not first
    with pytest.raises(LedgerError, match="don't lead to its signed root"):
        ledger.prove(5)
