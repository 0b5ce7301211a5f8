"""Signed notes against the vectors of the C2SP specification and of Go's ``sumdb/note``."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.charter.note import Checkpoint, Signer, Verifier, open_note, sign_note
from peelian.errors import ConfigError, LedgerError, UsageError

# golang.org/x/mod/sumdb/note, note_test.go
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_NOTE = (
    GO_TEXT + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpR"
    "Zb6KE6RyyBwJnAM=\n"
)
# c2sp.org/signed-note, the example of the section on verifier keys
C2SP_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Zt"
    "g1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# c2sp.org/tlog-checkpoint, the example at its top
C2SP_CHECKPOINT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

SIGNER = Signer("city.example/ledger", bytes(range(32)))


def test_the_go_vector_is_signed_to_the_same_bytes() -> None:
    signer = Signer.from_text(GO_SKEY)
    assert signer.verifier.vkey == GO_VKEY
    assert sign_note(GO_TEXT, [signer]) == GO_NOTE.encode()


@pytest.mark.parametrize(
    ("vkey", "note", "text"),
    [(GO_VKEY, GO_NOTE, GO_TEXT), (C2SP_VKEY, C2SP_NOTE, "This is an example message.\n")],
)
def test_published_notes_open(vkey: str, note: str, text: str) -> None:
    verifier = Verifier.from_vkey(vkey)
    assert verifier.vkey == vkey
    opened = open_note(note.encode(), [verifier])
    assert opened.text == text
    assert opened.signed_by == (verifier.name,)


def test_the_checkpoint_example_round_trips() -> None:
    checkpoint = Checkpoint.from_text(C2SP_CHECKPOINT)
    assert checkpoint.origin == "example.com/behind-the-sofa"
    assert checkpoint.size == 20852163
    assert len(checkpoint.root_hash) == 32
    assert checkpoint.to_text() == C2SP_CHECKPOINT


@pytest.mark.parametrize(("vkey", "note"), [(GO_VKEY, GO_NOTE), (C2SP_VKEY, C2SP_NOTE)])
def test_no_single_changed_byte_of_a_note_verifies(vkey: str, note: str) -> None:
    verifier = Verifier.from_vkey(vkey)
    data = note.encode()
    for offset in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[offset] ^= 1 << bit
            with pytest.raises(LedgerError):
                open_note(bytes(changed), [verifier])


def test_no_single_changed_character_of_a_vkey_is_read() -> None:
    for offset in range(len(C2SP_VKEY)):
        changed = C2SP_VKEY[:offset] + chr(ord(C2SP_VKEY[offset]) ^ 1) + C2SP_VKEY[offset + 1 :]
        with pytest.raises(ConfigError):
            Verifier.from_vkey(changed)


@given(st.binary(max_size=200))
def test_anything_else_is_refused_without_a_crash(data: bytes) -> None:
    with pytest.raises(LedgerError):
        open_note(data, [SIGNER.verifier])
    with pytest.raises(LedgerError):
        open_note(C2SP_NOTE.encode() + data + b"x", [SIGNER.verifier])


@given(st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1))
def test_any_text_round_trips(line: str) -> None:
    text = f"{line}\n\n{line}\n"
    note = sign_note(text, [SIGNER])
    assert open_note(note, [SIGNER.verifier]).text == text


def test_several_signatures() -> None:
    other = Signer("witness.example/w1", bytes(32))
    text = Checkpoint(SIGNER.name, 5, bytes(32)).to_text()
    note = sign_note(text, [SIGNER, other])
    assert open_note(note, [SIGNER.verifier]).signed_by == (SIGNER.name,)
    assert open_note(note, [other.verifier]).signed_by == (other.name,)
    assert open_note(note, [other.verifier, SIGNER.verifier]).signed_by == (SIGNER.name, other.name)
    stranger = Signer("witness.example/w2", bytes(32)).verifier
    with pytest.raises(LedgerError, match="no trusted key"):
        open_note(note, [stranger])
    # One known signature that does not hold spoils the note, even beside one that does.
    spoiled = note.decode().rstrip("\n").split("\n")
    spoiled[-1] = Signer(other.name, other.seed).signature_line("another text\n").rstrip("\n")
    with pytest.raises(LedgerError, match="does not hold"):
        open_note(("\n".join(spoiled) + "\n").encode(), [SIGNER.verifier, other.verifier])


@pytest.mark.parametrize("text", ["no newline", "tab\there\n", ""])
def test_texts_that_are_no_notes(text: str) -> None:
    with pytest.raises(UsageError):
        sign_note(text, [SIGNER])


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u00a0b"])
def test_names_that_are_no_key_names(name: str) -> None:
    with pytest.raises(ConfigError, match="can't name a key"):
        Signer.generate(name)


@pytest.mark.parametrize(
    "text",
    [
        "a\n5\n",  # no root
        "a\n05\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "a\n-1\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "a\n٣\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "\n5\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "a\n5\n" + base64.b64encode(bytes(31)).decode() + "\n",
        "a\n5\n" + base64.b64encode(bytes(32)).decode() + "\n\next\n",
        "a\n5\n" + base64.b64encode(bytes(32)).decode().replace("A=", "B=") + "\n",
    ],
)
def test_texts_that_are_no_checkpoints(text: str) -> None:
    with pytest.raises(LedgerError, match="not a checkpoint"):
        Checkpoint.from_text(text)


def test_extension_lines_of_others_are_passed_over() -> None:
    assert Checkpoint.from_text(C2SP_CHECKPOINT + "extension\n").size == 20852163


def test_a_checkpoint_of_another_ledger_is_refused() -> None:
    note = Checkpoint("elsewhere.example/ledger", 0, bytes(32)).sign(SIGNER)
    with pytest.raises(LedgerError, match=r"elsewhere\.example"):
        Checkpoint.open(note, SIGNER.verifier)


def test_key_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ledger.key"
    signer = Signer.generate("city.example/ledger")
    signer.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Signer.load(path) == signer
    with pytest.raises(UsageError, match="never overwritten"):
        signer.save(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="mode 640") as refused:
        Signer.load(path)
    assert refused.value.hint == f"chmod 600 {path}"


def test_a_key_never_shows_itself(tmp_path: Path) -> None:
    path = tmp_path / "ledger.key"
    SIGNER.save(path)
    secret = base64.b64encode(b"\x01" + SIGNER.seed).decode()
    assert secret in path.read_text()
    assert secret not in repr(SIGNER)
    path.write_text(path.read_text().replace("PRIVATE", "private"))
    with pytest.raises(ConfigError) as refused:
        Signer.load(path)
    assert secret not in str(refused.value)


@pytest.mark.parametrize("text", ["", "PRIVATE+KEY+a", GO_SKEY.replace("c74f", "c740"), GO_SKEY[:-4]])
def test_damaged_signing_keys(text: str) -> None:
    with pytest.raises(ConfigError):
        Signer.from_text(text)


def test_missing_key_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        Signer.load(tmp_path / "nothing")
