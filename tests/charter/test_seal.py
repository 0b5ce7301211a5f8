"""What is sealed opens again, tells nothing while sealed, and is gone once its key is."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.charter.seal import MAX_BYTES, Seals
from peelian.errors import CheckError, DataError, UsageError


@pytest.fixture
def seals(tmp_path: Path) -> Seals:
    return Seals(tmp_path / "sealed", tmp_path / "keys" / "seals")


def every_byte(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@given(text=st.text(max_size=600))
def test_what_is_sealed_opens_again(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("seals")
    seals = Seals(folder / "sealed", folder / "keys")
    assert seals.open(seals.seal(text)) == text


def test_a_seal_is_named_by_its_ciphertext_and_tells_nothing(seals: Seals) -> None:
    first, second = seals.seal("Ada Example"), seals.seal("Ada Example")
    assert first != second
    for digest in (first, second):
        assert sha256((seals.folder / digest).read_bytes()).hexdigest() == digest
        assert (seals.keys / digest).stat().st_mode & 0o777 == 0o600
    assert b"Example" not in every_byte(seals.folder)
    longer = seals.seal("A. Example with a much longer name than the other has")
    assert (seals.folder / longer).stat().st_size == (seals.folder / first).stat().st_size


def test_destroying_the_key_erases_the_text_and_keeps_the_proof(seals: Seals) -> None:
    digest, other = seals.seal("Ada Example"), seals.seal("Bo Example")
    ciphertext = (seals.folder / digest).read_bytes()
    key = (seals.keys / digest).read_bytes()
    assert seals.destroy(digest)
    assert not seals.destroy(digest)
    assert seals.state(digest) == "erased"
    with pytest.raises(DataError, match="has been erased"):
        seals.open(digest)
    assert (
        sha256(ciphertext).hexdigest() == digest == sha256((seals.folder / digest).read_bytes()).hexdigest()
    )
    assert key not in every_byte(seals.folder.parent)
    assert seals.open(other) == "Bo Example"


def test_what_was_changed_or_lost_is_said(seals: Seals) -> None:
    digest = seals.seal("Ada Example")
    path = seals.folder / digest
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert seals.state(digest) == "changed"
    with pytest.raises(CheckError, match="is changed"):
        seals.open(digest)
    path.unlink()
    with pytest.raises(CheckError, match="is missing"):
        seals.open(digest)


def test_another_s_key_opens_nothing(seals: Seals) -> None:
    digest, other = seals.seal("Ada Example"), seals.seal("Bo Example")
    (seals.keys / digest).write_bytes((seals.keys / other).read_bytes())
    with pytest.raises(CheckError, match="another's or damaged"):
        seals.open(digest)
    (seals.keys / digest).write_bytes(b"short")
    with pytest.raises(CheckError, match="another's or damaged"):
        seals.open(digest)


def test_a_very_long_text_is_refused(seals: Seals) -> None:
    with pytest.raises(UsageError, match="at most 1,000,000"):
        seals.seal("x" * (MAX_BYTES + 1))
