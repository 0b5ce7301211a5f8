"""Names and bytes of tiles and bundles, against the examples of tlog-tiles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.charter.tiles import (
    MAX_ENTRY_BYTES,
    Tile,
    bundle_prefix,
    decode_bundle,
    decode_tile,
    encode_bundle,
    encode_tile,
    tiles_of,
)
from peelian.errors import UsageError


def test_paths_of_the_specification() -> None:
    assert Tile(0, 1234067).path == "tile/0/x001/x234/067"
    assert Tile(1, 0, 1).path == "tile/1/000.p/1"
    assert Tile(-1, 999).path == "tile/entries/999"
    assert Tile(-1, 1000, 255).path == "tile/entries/x001/000.p/255"
    assert Tile(63, 5).path == "tile/63/005"


def test_the_tree_of_70000_of_the_specification() -> None:
    tiles = [tile for tile in tiles_of(70_000) if tile.level >= 0]
    full = [tile for tile in tiles if tile.width == 256]
    assert sum(tile.level == 0 for tile in full) == 273
    assert sum(tile.level == 1 for tile in full) == 1
    assert [(t.level, t.index, t.width) for t in tiles if t.width < 256] == [
        (0, 273, 112),
        (1, 1, 17),
        (2, 0, 1),
    ]


def test_the_tree_of_256_of_the_specification() -> None:
    assert [t.path for t in tiles_of(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
    assert list(tiles_of(0)) == []
    assert [t.path for t in tiles_of(3, level=-1)] == ["tile/entries/000.p/3"]


@given(st.integers(-1, 63), st.integers(0, 10**10), st.integers(1, 256))
def test_paths_round_trip(level: int, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert Tile.parse(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/00/000",
        "tile/64/000",
        "tile/0/0",
        "tile/0/1234",
        "tile/0/x000/001",
        "tile/0/001/067",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p",
        "tile/-1/000",
        "tile/entries/000/",
        "tile/0/٠٠٠",
        "tile/0/000\n",
        "checkpoint",
        "",
    ],
)
def test_other_spellings_name_no_tile(path: str) -> None:
    assert Tile.parse(path) is None


def test_where_a_tile_starts() -> None:
    assert Tile(-1, 3).start == Tile(0, 3).start == 768
    assert Tile(1, 3).start == 3 * 65536


def test_bundle_bytes() -> None:
    assert encode_bundle([b"ab", b"", b"c"]) == b"\x00\x02ab\x00\x00\x00\x01c"


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=256), st.data())
def test_bundles_round_trip(entries: list[bytes], data: st.DataObject) -> None:
    bundle = encode_bundle(entries)
    assert decode_bundle(bundle, width=len(entries)) == entries
    count = data.draw(st.integers(0, len(entries)))
    assert bundle[: bundle_prefix(bundle, count=count)] == encode_bundle(entries[:count])
    with pytest.raises(ValueError, match="whole entries"):
        decode_bundle(bundle[:-1], width=len(entries))
    with pytest.raises(ValueError, match="follow"):
        decode_bundle(bundle + b"\x00", width=len(entries))
    with pytest.raises(ValueError, match="ends within"):
        bundle_prefix(bundle, count=len(entries) + 1)


@given(st.binary(max_size=100), st.integers(1, 10))
def test_any_bytes_are_a_bundle_or_refused(data: bytes, width: int) -> None:
    try:
        entries = decode_bundle(data, width=width)
    except ValueError:
        return
    assert encode_bundle(entries) == data


def test_entries_of_the_longest_kind() -> None:
    longest = b"x" * MAX_ENTRY_BYTES
    assert decode_bundle(encode_bundle([longest]), width=1) == [longest]
    with pytest.raises(UsageError, match=r"65,536 bytes.*at most 65,535"):
        encode_bundle([longest + b"x"])


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=256))
def test_tiles_round_trip(hashes: list[bytes]) -> None:
    data = encode_tile(hashes)
    assert decode_tile(data, width=len(hashes)) == hashes
    with pytest.raises(ValueError, match="instead of"):
        decode_tile(data[:-1], width=len(hashes))
