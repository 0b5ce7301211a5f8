"""Whatever is done to a ledger's files, `verify` says so and says where."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.charter.cosignature import MLDSA44, Cosigner, cosignatures, mldsa_works
from peelian.charter.ledger import Ledger
from peelian.charter.merkle import leaf_hash, tree_head
from peelian.charter.note import Checkpoint, Signer
from peelian.charter.tiles import Tile, decode_bundle, encode_bundle, encode_tile, tiles_of
from peelian.charter.verification import verify
from peelian.errors import ConfigError, LedgerError

ORIGIN = "city.example/ledger"
BUNDLE = "tile/entries/001.p/44"
LEAVES = "tile/0/001.p/44"


def numbered(start: int, stop: int) -> list[bytes]:
    return [f"entry {i:03d}".encode() for i in range(start, stop)]


def build(folder: Path) -> Ledger:
    """300 entries with a full tile, partial ones of two checkpoints, and a tile of the second level."""
    ledger = Ledger.create(folder / "ledger", origin=ORIGIN, key_path=folder / "key")
    ledger.append(numbered(0, 270))
    ledger.append(numbered(270, 300))
    return ledger


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pristine")
    build(folder)
    return folder


@pytest.fixture
def ledger(pristine: Path, tmp_path: Path) -> Ledger:
    shutil.copytree(pristine, tmp_path, dirs_exist_ok=True)
    return Ledger.open(tmp_path / "ledger", key_path=tmp_path / "key")


def rewrite(ledger: Ledger, entries: list[bytes], *, sign: bool) -> None:
    """What a keeper without or with the key could do: other entries, with all that follows from them."""
    shutil.rmtree(ledger.root / "tile")
    forged = Ledger.create(ledger.root.parent / "forged", origin=ORIGIN, key_path=ledger.root.parent / "key")
    forged.append(entries)
    shutil.copytree(forged.root / "tile", ledger.root / "tile")
    if sign:
        shutil.copy(forged.root / "checkpoint", ledger.root / "checkpoint")


def test_an_untouched_ledger(ledger: Ledger) -> None:
    found = verify(ledger.root, vkey=ledger.vkey)
    assert (found.size, found.origin, found.key_pinned, found.pending) == (300, ORIGIN, True, ())
    assert found.root_hash == tree_head([leaf_hash(x) for x in numbered(0, 300)])
    assert found.files == sum(p.is_file() for p in ledger.root.rglob("*")) - 1  # all but the empty lock
    assert not verify(ledger.root).key_pinned


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_changed_byte_of_any_file_goes_unnoticed(pristine: Path, data: st.DataObject) -> None:
    root = pristine / "ledger"
    files = sorted(p for p in root.rglob("*") if p.is_file() and p.stat().st_size)
    path = data.draw(st.sampled_from(files), label="file")
    good = path.read_bytes()
    offset = data.draw(st.integers(0, len(good) - 1), label="offset")
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != good[offset]), label="byte")
    try:
        path.write_bytes(good[:offset] + bytes([byte]) + good[offset + 1 :])
        with pytest.raises(LedgerError) as found:
            verify(root)
    finally:
        path.write_bytes(good)
    named = path.relative_to(root).as_posix()
    assert named in found.value.message
    assert verify(root).size == 300


def test_every_byte_of_the_small_files_counts(pristine: Path) -> None:
    root = pristine / "ledger"
    for path in (root / "checkpoint", root / "vkey", root / "tile/1/000.p/1"):
        good = path.read_bytes()
        for offset in range(len(good)):
            for flip in (1, 0x20, 0x80):
                path.write_bytes(good[:offset] + bytes([good[offset] ^ flip]) + good[offset + 1 :])
                try:
                    with pytest.raises(LedgerError):
                        verify(root)
                finally:
                    path.write_bytes(good)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_cut_or_lengthened_file_goes_unnoticed(pristine: Path, data: st.DataObject) -> None:
    root = pristine / "ledger"
    files = sorted(p for p in root.rglob("*") if p.is_file())
    path = data.draw(st.sampled_from(files))
    good = path.read_bytes()
    change = data.draw(st.integers(-len(good), 3).filter(bool))
    try:
        path.write_bytes(good[:change] if change < 0 else good + b"\0" * change)
        with pytest.raises(LedgerError):
            verify(root)
    finally:
        path.write_bytes(good)


@pytest.mark.parametrize(
    "name", ["checkpoint", BUNDLE, LEAVES, "tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
)
def test_a_missing_file_is_named(ledger: Ledger, name: str) -> None:
    (ledger.root / name).unlink()
    with pytest.raises(LedgerError) as found:
        verify(ledger.root)
    assert name in found.value.message


def test_missing_files_say_which_entries_they_held(ledger: Ledger) -> None:
    shutil.rmtree(ledger.root / "tile/entries/001.p")
    with pytest.raises(LedgerError, match=r"001\.p/44 is missing \(entries 256 to 299\)"):
        verify(ledger.root)


def edit(ledger: Ledger, change: str) -> None:
    path = ledger.root / BUNDLE
    entries = decode_bundle(path.read_bytes(), width=44)
    match change:
        case "change":
            entries[7] = b"entry 999"
        case "shorten":
            entries[7] = b"entry"
        case "remove":
            del entries[7]
        case "remove last":
            del entries[-1]
        case "swap":
            entries[7], entries[9] = entries[9], entries[7]
        case "insert":
            entries.insert(7, b"another")
        case "add":
            entries.append(b"another")
    path.write_bytes(encode_bundle(entries))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("change", "entry 263 was changed"),
        ("shorten", "entry 263 was changed"),
        ("remove", "entry 263 was removed"),
        ("remove last", "entry 299 was removed"),
        ("swap", "entries 263, 265 were reordered"),
        ("insert", "from entry 263 on"),
        ("add", "added behind entry 299"),
    ],
)
def test_what_was_done_to_which_entry_is_said(ledger: Ledger, change: str, told: str) -> None:
    edit(ledger, change)
    with pytest.raises(LedgerError) as found:
        verify(ledger.root)
    assert told in found.value.message
    assert BUNDLE in found.value.message


def test_a_changed_leaf_hash_is_told_from_a_changed_entry(ledger: Ledger) -> None:
    path = ledger.root / LEAVES
    data = bytearray(path.read_bytes())
    data[32 * 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(LedgerError, match=r"tile/0/001\.p/44 was changed: its hash is not that of entry 261"):
        verify(ledger.root)


def test_an_entry_changed_together_with_its_hash(ledger: Ledger) -> None:
    entries = numbered(0, 256)
    entries[3] = b"another"
    (ledger.root / "tile/entries/000").write_bytes(encode_bundle(entries))
    (ledger.root / "tile/0/000").write_bytes(encode_tile([leaf_hash(x) for x in entries]))
    with pytest.raises(LedgerError, match=r"tile/1/000\.p/1 does not fit tile/0/000 \(entries 0 to 255\)"):
        verify(ledger.root)


@pytest.mark.parametrize("kind", ["changed", "removed", "reordered"])
def test_a_rewrite_of_everything_but_the_signature(ledger: Ledger, kind: str) -> None:
    entries = numbered(0, 300)
    if kind == "changed":
        entries[3] = b"another"
    elif kind == "removed":
        del entries[3]
    else:
        entries[3], entries[4] = entries[4], entries[3]
    rewrite(ledger, entries, sign=False)
    with pytest.raises(LedgerError, match="signed root|missing"):
        verify(ledger.root)


def test_a_rewrite_with_the_key_is_found_by_who_remembers(ledger: Ledger) -> None:
    head, note = ledger.checkpoint(), ledger.signed_checkpoint()
    entries = numbered(0, 310)
    entries[3] = b"another"
    rewrite(ledger, entries, sign=True)
    assert verify(ledger.root, vkey=ledger.vkey).size == 310  # the files alone can't tell
    with pytest.raises(LedgerError, match="rewritten: its first 300 entries"):
        verify(ledger.root, expected=(300, head.root_hash))
    with pytest.raises(LedgerError, match="rewritten: its first 300 entries"):
        verify(ledger.root, since=note)


def test_a_rewind_is_found_by_who_remembers(ledger: Ledger) -> None:
    old, size = ledger.signed_checkpoint(), ledger.size
    ledger.append(numbered(300, 310))
    head, note = ledger.checkpoint(), ledger.signed_checkpoint()
    (ledger.root / "checkpoint").write_bytes(old)
    found = verify(ledger.root)
    assert found.size == size
    assert found.pending == ("tile/0/001.p/54", "tile/entries/001.p/54")  # as after a crash, but shown
    with pytest.raises(LedgerError, match="rewound: it had 310 entries and its checkpoint now says 300"):
        verify(ledger.root, expected=(310, head.root_hash))
    with pytest.raises(LedgerError, match="rewound"):
        verify(ledger.root, since=note)
    for name in found.pending:
        (ledger.root / name).unlink()
    with pytest.raises(LedgerError, match="rewound"):
        verify(ledger.root, expected=(310, head.root_hash))


def test_a_rewind_past_a_full_tile_shows_itself(ledger: Ledger) -> None:
    old = ledger.signed_checkpoint()
    ledger.append(numbered(300, 600))
    (ledger.root / "checkpoint").write_bytes(old)
    with pytest.raises(LedgerError, match=r"tile/entries/001\.p/44 is missing"):
        verify(ledger.root)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 299, 300])
def test_growth_since_any_size(ledger: Ledger, size: int) -> None:
    root = tree_head([leaf_hash(x) for x in numbered(0, size)])
    note = Checkpoint(ORIGIN, size, root).sign(Signer.load(ledger.root.parent / "key"))
    assert verify(ledger.root, since=note, expected=(size, root)).size == 300
    with pytest.raises(LedgerError, match="rewritten"):
        verify(ledger.root, expected=(size, bytes(32)))


def test_an_earlier_checkpoint_must_verify_itself(ledger: Ledger) -> None:
    forged = Checkpoint(ORIGIN, 1, bytes(32)).sign(Signer.generate(ORIGIN))
    with pytest.raises(LedgerError, match="the checkpoint that was given does not verify"):
        verify(ledger.root, since=forged)


def test_keys(ledger: Ledger, tmp_path: Path) -> None:
    stranger = Signer.generate(ORIGIN).verifier.vkey
    with pytest.raises(LedgerError, match="vkey was changed: it holds"):
        verify(ledger.root, vkey=stranger)
    (ledger.root / "vkey").write_text(stranger + "\n")
    with pytest.raises(LedgerError, match="no trusted key signed"):
        verify(ledger.root)
    (ledger.root / "vkey").unlink()
    assert verify(ledger.root, vkey=ledger.vkey).size == 300
    with pytest.raises(LedgerError, match="verifier key"):
        verify(ledger.root)
    with pytest.raises(ConfigError, match="not a verifier key"):
        verify(ledger.root, vkey="nonsense")
    with pytest.raises(LedgerError, match="no ledger in"):
        verify(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name", ["notes.txt", "tile/0/002.txt", "tile/0/x000/001", "tile/entries/001.p/045", "tile/0/01"]
)
def test_files_that_no_ledger_has_are_named(ledger: Ledger, name: str) -> None:
    path = ledger.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    with pytest.raises(LedgerError, match="no file of a ledger") as found:
        verify(ledger.root)
    assert name in found.value.message


def test_a_link_is_not_a_file_of_the_ledger(ledger: Ledger, tmp_path: Path) -> None:
    real = ledger.root / LEAVES
    real.rename(tmp_path / "elsewhere")
    real.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LedgerError, match="not a plain file"):
        verify(ledger.root)


def test_leftovers_of_a_crash_are_taken_if_they_contradict_nothing(ledger: Ledger) -> None:
    more = numbered(0, 512)
    extra = {
        "tile/entries/001": encode_bundle(more[256:]),
        "tile/0/001": encode_tile([leaf_hash(x) for x in more[256:]]),
        "tile/entries/002.p/1": encode_bundle([b"x"]),
        "tile/0/002.p/1": encode_tile([leaf_hash(b"x")]),
        ".checkpoint.tmp": b"half a checkp",
    }
    for name, data in extra.items():
        (ledger.root / name).parent.mkdir(exist_ok=True)
        (ledger.root / name).write_bytes(data)
    (ledger.root / ".lock").write_bytes(b"writing\n")
    found = verify(ledger.root)
    assert found.size == 300
    assert found.pending == tuple(sorted([*extra, ".lock"]))
    ledger.append(numbered(300, 301))
    assert verify(ledger.root).pending == ()
    assert ledger.entries() == numbered(0, 301)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("tile/entries/001", encode_bundle([b"another", *numbered(257, 512)])),
        ("tile/0/001", encode_tile([bytes(32)] * 256)),
        ("tile/entries/001.p/3", encode_bundle(numbered(257, 260))),
        ("tile/0/001.p/3", encode_tile([bytes(32)] * 3)),
        ("tile/1/000.p/2", encode_tile([bytes(32)] * 2)),
        ("tile/entries/000.p/9", encode_bundle(numbered(1, 10))),
        ("tile/entries/001.p/60", b"\xff\xff"),
        (".lock", b"x"),
    ],
)
def test_other_files_that_contradict_the_ledger_are_named(ledger: Ledger, name: str, data: bytes) -> None:
    path = ledger.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    with pytest.raises(LedgerError, match="contradicts|was changed") as found:
        verify(ledger.root)
    assert name in found.value.message


def test_entries_and_hashes_beyond_the_checkpoint_must_belong_together(ledger: Ledger) -> None:
    (ledger.root / "tile/entries/002.p").mkdir()
    (ledger.root / "tile/0/002.p").mkdir()
    (ledger.root / "tile/entries/002.p/1").write_bytes(encode_bundle([b"x"]))
    (ledger.root / "tile/0/002.p/1").write_bytes(encode_tile([leaf_hash(b"y")]))
    with pytest.raises(LedgerError, match=r"entries/002\.p/1 contradicts tile/0/002\.p/1"):
        verify(ledger.root)


def test_many_faults_are_counted(ledger: Ledger) -> None:
    for i in range(9):
        (ledger.root / f"stray{i}").write_text("x")
    with pytest.raises(LedgerError, match="and 4 more"):
        verify(ledger.root)


def test_a_contradiction_beside_a_missing_tile_does_not_crash(ledger: Ledger) -> None:
    for tile in tiles_of(300):
        if tile.level == 1:
            (ledger.root / tile.path).unlink()
    (ledger.root / Tile(0, 0, 9).path).parent.mkdir(exist_ok=True)
    (ledger.root / Tile(0, 0, 9).path).write_bytes(bytes(32 * 9))
    (ledger.root / "tile/0/000").unlink()
    with pytest.raises(LedgerError, match="missing"):
        verify(ledger.root)


@pytest.mark.skipif(not mldsa_works(), reason="cryptography here was built without ML-DSA")
def test_a_second_signature_with_ml_dsa(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    also = Cosigner.generate(ORIGIN, kind=MLDSA44)
    both = Ledger.open(ledger.root, key_path=tmp_path / "key", also=[also])
    assert verify(ledger.root).size == 0  # it says nothing before it has signed
    both.append([b"one"])
    assert (ledger.root / "vkey-ml-dsa").read_text() == also.key.vkey + "\n"
    assert verify(ledger.root, vkey=ledger.vkey).size == 1
    assert cosignatures(both.signed_checkpoint(), [also.key])[0].at == 0
    good = (ledger.root / "vkey-ml-dsa").read_bytes()
    for changed in (
        good + b"\n",
        good[:-5] + b"AAAA\n",
        b"\xff",
        Cosigner.generate(ORIGIN).key.vkey.encode(),
    ):
        (ledger.root / "vkey-ml-dsa").write_bytes(changed)
        with pytest.raises(LedgerError, match="vkey-ml-dsa was changed"):
            verify(ledger.root)
    (ledger.root / "vkey-ml-dsa").write_bytes(good)
    Ledger.open(ledger.root, key_path=tmp_path / "key").append([b"two"])  # a writer without it is noticed
    with pytest.raises(LedgerError, match="did not sign it"):
        verify(ledger.root)
