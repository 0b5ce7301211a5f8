"""Changing the key: followed from the first one on, refused where something is off, and completed after a crash."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.charter.entry import Entry
from peelian.charter.ledger import Ledger
from peelian.charter.note import Checkpoint, Signer, Verifier, parse_note
from peelian.charter.proof import InclusionProof
from peelian.charter.rotation import (
    KEY_VARIABLE,
    ROTATE,
    append_all,
    named_keys,
    next_key,
    rotations,
    waiting_path,
)
from peelian.charter.verification import verify
from peelian.errors import ConfigError, LedgerError, PeelianError, UsageError

ORIGIN = "city.example/ledger"


def entry(name: str, kind: str = "forecast", **details: str) -> Entry:
    return Entry(kind, "steward", name, name, "2026-01-31T13:05:00Z", details=details)


def naming(name: str, old: Verifier, new: Verifier) -> Entry:
    return entry(name, ROTATE, old_vkey=old.vkey, new_vkey=new.vkey)


def rotate(folder: Path, name: str) -> Ledger:
    """A rotation as a workspace does it: the key that waits, then the entry."""
    ledger = Ledger.open(folder / "ledger", key_path=folder / "key")
    new = next_key(folder / "key", origin=ORIGIN)
    append_all(ledger, [naming(name, ledger.verifier, new.verifier)], key_path=folder / "key", expected=None)
    return ledger


def build(folder: Path) -> list[str]:
    """A ledger of 300 entries whose key was changed twice; all of its keys, oldest first."""
    ledger = Ledger.create(folder / "ledger", origin=ORIGIN, key_path=folder / "key")
    keys = [ledger.vkey]
    ledger.append_new([entry(f"run-{i}") for i in range(255)])
    keys.append(rotate(folder, "rotate-1").vkey)
    ledger = Ledger.open(folder / "ledger", key_path=folder / "key")
    ledger.append_new([entry(f"more-{i}") for i in range(42)])
    keys.append(rotate(folder, "rotate-2").vkey)
    Ledger.open(folder / "ledger", key_path=folder / "key").append_new([entry("last")])
    return keys


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("rotated")
    return folder, build(folder)


@pytest.fixture
def rotated(pristine: tuple[Path, list[str]], tmp_path: Path) -> tuple[Path, list[str]]:
    shutil.copytree(pristine[0], tmp_path, dirs_exist_ok=True)
    return tmp_path, pristine[1]


def test_whoever_remembers_any_key_follows_to_the_present_one(rotated: tuple[Path, list[str]]) -> None:
    folder, keys = rotated
    assert len(set(keys)) == 3
    for vkey in keys:
        found = verify(folder / "ledger", vkey=vkey)
        assert (found.size, found.vkey, found.rotations, found.pending) == (300, keys[2], 2, ())
        assert Ledger.open(folder / "ledger", vkey=vkey).size == 300
    assert verify(folder / "ledger").vkey == keys[2]
    with pytest.raises(LedgerError, match="not the key that was given"):
        verify(folder / "ledger", vkey=Signer.generate(ORIGIN).verifier.vkey)


def test_a_rotation_stands_for_itself(rotated: tuple[Path, list[str]]) -> None:
    folder, keys = rotated
    data = (folder / "ledger/rotation/0001.tlog-proof").read_bytes()
    proof = InclusionProof.from_bytes(data)
    assert (proof.index, proof.size) == (255, 256)
    assert proof.check(vkey=keys[0]) == proof.check(vkey=keys[1])  # both keys signed
    assert len(parse_note(proof.checkpoint)[1]) == 2
    named = named_keys(proof.entry or b"")
    assert named is not None
    assert [key.vkey for key in named] == keys[:2]


def test_the_old_key_is_gone_and_signs_nothing_more(rotated: tuple[Path, list[str]]) -> None:
    folder, keys = rotated
    assert sorted(p.name for p in folder.iterdir()) == ["key", "ledger"]
    assert Signer.load(folder / "key").verifier.vkey == keys[2]
    assert (folder / "key").stat().st_mode & 0o777 == 0o600
    assert (folder / "ledger/vkey").read_text() == keys[2] + "\n"


def test_a_checkpoint_of_a_key_that_was_rotated_out_is_refused(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    ledger.append_new([entry("one")])
    old = Signer.load(tmp_path / "key")
    rotate(tmp_path, "rotate-1")
    fresh = Ledger.open(tmp_path / "ledger", key_path=tmp_path / "key")
    fresh.append_new([entry("two")])
    head = fresh.checkpoint()
    (tmp_path / "ledger/checkpoint").write_bytes(head.sign(old))
    for vkey in (None, old.verifier.vkey, fresh.vkey):
        with pytest.raises(LedgerError, match="checkpoint does not verify: no trusted key"):
            verify(tmp_path / "ledger", vkey=vkey)


def test_writers_and_readers_that_were_open_meanwhile(tmp_path: Path) -> None:
    writer = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    reader = Ledger.open(tmp_path / "ledger")
    writer.append_new([entry("one")])
    other = rotate(tmp_path, "rotate-1")
    with pytest.raises(LedgerError, match="was changed since it was opened"):
        writer.append([b"x"])
    other.append_new([entry("two")])  # goes on under the new key
    assert reader.size == 3
    assert reader.vkey == other.vkey
    reader.prove(1).check(vkey=other.vkey)
    assert verify(tmp_path / "ledger").size == 3


def test_proofs_and_checkpoints_of_before_still_serve(rotated: tuple[Path, list[str]]) -> None:
    folder, keys = rotated
    early = InclusionProof.from_bytes((folder / "ledger/rotation/0001.tlog-proof").read_bytes()).checkpoint
    assert verify(folder / "ledger", vkey=keys[0], since=early).size == 300
    ledger = Ledger.open(folder / "ledger", vkey=keys[0])
    assert ledger.prove(3, under=early).check(vkey=keys[0]).size == 256


def test_the_entry_must_name_both_keys(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    new, other = Signer.generate(ORIGIN), Signer.generate(ORIGIN)
    for wrong in (
        naming("r", ledger.verifier, other.verifier),
        naming("r", other.verifier, new.verifier),
        entry("r", ROTATE),
        entry("r", old_vkey=ledger.vkey, new_vkey=new.verifier.vkey),
    ):
        with pytest.raises(PeelianError, match="does not name"):
            ledger.rotate(wrong, new=new)
    foreign = Signer.generate("other.example/ledger")
    with pytest.raises(PeelianError, match="does not name"):
        ledger.rotate(naming("r", ledger.verifier, foreign.verifier), new=foreign)
    next_key(tmp_path / "key", origin=ORIGIN)
    with pytest.raises(UsageError, match="holds another"):
        append_all(
            ledger, [naming("r", ledger.verifier, new.verifier)], key_path=tmp_path / "key", expected=None
        )
    assert ledger.size == 0


def test_an_entry_that_only_looks_like_one_has_no_force(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    thief = Signer.generate(ORIGIN)
    ledger.append_new([naming("r", ledger.verifier, thief.verifier)])
    assert rotations(ledger.root) == []
    assert verify(ledger.root).vkey == ledger.vkey
    head = ledger.checkpoint()
    (ledger.root / "checkpoint").write_bytes(head.sign(thief))
    with pytest.raises(LedgerError, match="no trusted key"):
        verify(ledger.root)


def test_a_second_signature_that_is_no_rotation_changes_nothing(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    ledger.append_new([entry("one")])
    stranger = Signer.generate(ORIGIN)
    note = ledger.signed_checkpoint() + stranger.signature_line(ledger.checkpoint().to_text()).encode()
    (ledger.root / "checkpoint").write_bytes(note)
    assert verify(ledger.root, vkey=ledger.vkey).rotations == 0
    Ledger.open(ledger.root, key_path=tmp_path / "key").append_new([entry("two")])
    assert verify(ledger.root, vkey=ledger.vkey).size == 2


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_changed_byte_of_a_rotation_goes_unnoticed(
    pristine: tuple[Path, list[str]], data: st.DataObject
) -> None:
    root = pristine[0] / "ledger"
    path = root / f"rotation/000{data.draw(st.integers(1, 2))}.tlog-proof"
    good = path.read_bytes()
    offset = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != good[offset]))
    try:
        path.write_bytes(good[:offset] + bytes([byte]) + good[offset + 1 :])
        with pytest.raises(LedgerError, match=path.name):
            verify(root, vkey=pristine[1][0])
    finally:
        path.write_bytes(good)


def test_rotations_that_are_gone_swapped_or_another_ledger_s(
    rotated: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, keys = rotated
    first, second = (folder / f"ledger/rotation/000{i}.tlog-proof" for i in (1, 2))
    one, two = first.read_bytes(), second.read_bytes()
    first.unlink()
    with pytest.raises(LedgerError, match=r"rotation/0001\.tlog-proof is missing"):
        verify(folder / "ledger")
    first.write_bytes(two)
    with pytest.raises(LedgerError, match="does not follow"):
        verify(folder / "ledger")
    first.write_bytes(one)
    second.unlink()
    with pytest.raises(LedgerError, match="vkey was changed|no trusted key"):
        verify(folder / "ledger", vkey=keys[0])
    second.write_bytes(two)
    (folder / "ledger/rotation/notes.txt").write_text("x")
    with pytest.raises(LedgerError, match=r"rotation/notes\.txt is no file of a ledger"):
        verify(folder / "ledger")
    (folder / "ledger/rotation/notes.txt").unlink()
    assert verify(folder / "ledger", vkey=keys[0]).size == 300


def test_a_rotation_under_a_forged_history_is_named(tmp_path: Path) -> None:
    """The old key's holder signs a rotation over other entries, and puts it beside the true ledger."""
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    shutil.copytree(tmp_path, tmp_path / "other")
    ledger.append_new([entry("true"), entry("more")])
    Ledger.open(tmp_path / "other/ledger", key_path=tmp_path / "other/key").append_new([entry("false")])
    rotate(tmp_path / "other", "rotate-1")
    new = Signer.load(tmp_path / "other/key")
    shutil.copytree(tmp_path / "other/ledger/rotation", ledger.root / "rotation")
    (ledger.root / "checkpoint").write_bytes(ledger.checkpoint().sign(new))
    (ledger.root / "vkey").write_text(new.verifier.vkey + "\n")
    with pytest.raises(LedgerError, match=r"rotation/0001\.tlog-proof is not of this ledger"):
        verify(ledger.root, vkey=ledger.vkey)


def test_the_key_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Signer.generate(ORIGIN).save(tmp_path / "elsewhere")
    monkeypatch.setenv(KEY_VARIABLE, (tmp_path / "elsewhere").read_text())
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    assert not (tmp_path / "key").exists()
    ledger.append_new([entry("one")])
    rotate(tmp_path, "rotate-1")
    with pytest.raises(ConfigError, match="PEELIAN_LEDGER_KEY holds a key that was rotated out") as error:
        Ledger.open(tmp_path / "ledger", key_path=tmp_path / "key")
    assert str(waiting_path(tmp_path / "key")) in (error.value.hint or "")
    monkeypatch.setenv(KEY_VARIABLE, waiting_path(tmp_path / "key").read_text())
    Ledger.open(tmp_path / "ledger", key_path=tmp_path / "key").append_new([entry("two")])
    assert verify(tmp_path / "ledger", vkey=ledger.vkey).size == 3
    monkeypatch.setenv(KEY_VARIABLE, "nonsense")
    with pytest.raises(ConfigError, match="not a signing key") as error:
        Ledger.open(tmp_path / "ledger", key_path=tmp_path / "key")
    assert "nonsense" not in str(error.value)


def test_a_waiting_key_is_used_again_and_must_be_this_ledger_s(tmp_path: Path) -> None:
    first = next_key(tmp_path / "key", origin=ORIGIN)
    assert next_key(tmp_path / "key", origin=ORIGIN) == first
    assert waiting_path(tmp_path / "key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="the ledger is 'other"):
        next_key(tmp_path / "key", origin="other.example/ledger")


def test_a_library_s_rotation_without_a_waiting_file_is_completed_by_the_next_writer(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    old, new = ledger.verifier, Signer.generate(ORIGIN)
    new.save(tmp_path / "new")
    ledger.rotate(naming("rotate-1", old, new.verifier), new=new)
    (ledger.root / "rotation/0001.tlog-proof").unlink()  # as if it had died right after the checkpoint
    (ledger.root / "vkey").write_text(old.vkey + "\n")
    assert verify(ledger.root, vkey=old.vkey).rotations == 0
    again = Ledger.open(ledger.root, vkey=new.verifier.vkey, key_path=tmp_path / "new")
    again.append_new([entry("one")])
    assert verify(ledger.root, vkey=old.vkey).rotations == 1
    assert Checkpoint.open(again.signed_checkpoint(), new.verifier).size == 2
