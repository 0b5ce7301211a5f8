"""Proofs as files: the format, whatever is done to them, and an independent implementation that agrees."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree, InvalidProof, verify_inclusion
from pymerkle.hasher import MerkleHasher

from peelian.charter.ledger import Ledger
from peelian.charter.note import Signer
from peelian.charter.proof import InclusionProof
from peelian.charter.tiles import MAX_ENTRY_BYTES
from peelian.errors import LedgerError, UsageError

ORIGIN = "city.example/ledger"
SIZE = 300


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    folder = tmp_path_factory.mktemp("ledger")
    made = Ledger.create(folder / "ledger", origin=ORIGIN, key_path=folder / "key")
    made.append([b"entry %d" % i for i in range(SIZE)])
    return made


@pytest.mark.parametrize("index", [0, 1, 254, 255, 256, 298, 299])
def test_a_file_tells_it_all(ledger: Ledger, index: int) -> None:
    data = ledger.prove(index).to_bytes()
    read = InclusionProof.from_bytes(data)
    assert read.entry == b"entry %d" % index
    assert read.to_bytes() == data
    head = read.check(vkey=ledger.vkey)
    assert (head.origin, head.size) == (ORIGIN, SIZE)
    lines = data.decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert base64.b64decode(lines[1].removeprefix("extra ")) == read.entry
    assert lines[2] == f"index {index}"
    end = lines.index("")
    assert [base64.b64decode(line) for line in lines[3:end]] == list(read.path)
    assert "\n".join(lines[end + 1 :]).encode() == ledger.signed_checkpoint()


def test_the_entry_may_come_from_elsewhere(ledger: Ledger) -> None:
    proof = ledger.prove(7)
    bare = InclusionProof(proof.index, proof.size, proof.path, proof.checkpoint)
    assert b"extra" not in bare.to_bytes()
    read = InclusionProof.from_bytes(bare.to_bytes())
    assert read.check(b"entry 7", vkey=ledger.vkey).size == SIZE
    with pytest.raises(UsageError, match="carries no entry"):
        read.check(vkey=ledger.vkey)
    with pytest.raises(LedgerError, match="does not show that this is entry 7"):
        read.check(b"entry 8", vkey=ledger.vkey)
    assert read.carrying(b"entry 7").to_bytes() == proof.to_bytes()


def test_another_key_s_proof_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no trusted key"):
        ledger.prove(7).check(vkey=Signer.generate(ORIGIN).verifier.vkey)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_changed_byte_goes_unnoticed(ledger: Ledger, data: st.DataObject) -> None:
    good = ledger.prove(data.draw(st.integers(0, SIZE - 1))).to_bytes()
    offset = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != good[offset]))
    with pytest.raises(LedgerError):
        InclusionProof.from_bytes(good[:offset] + bytes([byte]) + good[offset + 1 :]).check(vkey=ledger.vkey)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_what_is_no_proof_is_said_to_be_none(noise: bytes, announced: bool) -> None:
    with pytest.raises(LedgerError, match="not a proof"):
        InclusionProof.from_bytes((b"c2sp.org/tlog-proof@v1\n" if announced else b"") + noise)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"index 7", b"index 07"),
        (b"index 7", b"index -7"),
        (b"index 7", b"index " + b"7" * 30),
        (b"index 7", b"Index 7"),
        (b"extra ", b"extra  "),
        (b"@v1", b"@v2"),
        (b"\n\n", b"\n"),
        (b"\n\n", b"\nAAAA\n\n"),
        (b"\n\n", b"\n" + b"A" * 43 + b"=" + b"\n\n"),
    ],
)
def test_other_spellings_are_refused(ledger: Ledger, old: bytes, new: bytes) -> None:
    good = ledger.prove(7).to_bytes()
    assert old in good
    with pytest.raises(LedgerError):
        InclusionProof.from_bytes(good.replace(old, new, 1)).check(vkey=ledger.vkey)


def test_the_largest_entry_fits_and_more_is_refused(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    ledger.append([b"x" * MAX_ENTRY_BYTES])
    data = ledger.prove(0).to_bytes()
    assert InclusionProof.from_bytes(data).check(vkey=ledger.vkey).size == 1
    with pytest.raises(LedgerError, match="more than any proof"):
        InclusionProof.from_bytes(data + b"x" * 2_000_000)


def test_an_earlier_checkpoint_can_be_proved_under(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    ledger.append([b"entry %d" % i for i in range(260)])
    early = ledger.signed_checkpoint()
    ledger.append([b"entry %d" % i for i in range(260, 700)])
    proof = ledger.prove(258, under=early)
    assert (proof.size, proof.entry) == (260, b"entry 258")
    assert proof.check(vkey=ledger.vkey).size == 260
    with pytest.raises(UsageError, match="entry 260 was asked for; the ledger has 260"):
        ledger.prove(260, under=early)


def test_an_entry_that_was_changed_is_not_proved(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    ledger.append([b"one", b"two"])
    path = ledger.root / "tile/entries/000.p/2"
    path.write_bytes(path.read_bytes().replace(b"two", b"owt"))
    with pytest.raises(LedgerError, match="entry 1 and the tiles"):
        ledger.prove(1)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 255, 256, 257, 600])
def test_an_independent_implementation_agrees(tmp_path: Path, size: int) -> None:
    """pymerkle 7 hashes as RFC 6962 and 9162 do: 0x00 before entries, 0x01 before pairs."""
    entries = [b"entry %d" % i for i in range(size)]
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    ledger.append(entries)
    theirs = InmemoryTree(algorithm="sha256")
    for entry in entries:
        theirs.append_entry(entry)
    root = ledger.checkpoint().root_hash
    assert theirs.get_root() == root
    hasher = MerkleHasher("sha256")
    for index in {0, size // 2, size - 1}:
        proof = ledger.prove(index)
        other = theirs.prove_inclusion(index + 1)
        # Theirs begins with the leaf itself and says where each hash goes; the hashes are the same.
        assert tuple(other.path[1:]) == proof.path
        assert other.path[0] == hasher.hash_buff(entries[index])
        verify_inclusion(hasher.hash_buff(entries[index]), root, other)
        with pytest.raises(InvalidProof):
            verify_inclusion(hasher.hash_buff(b"another"), root, other)
