"""The file of a backup: whole or refused, whatever is done to it."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.errors import CheckError
from peelian.workspace.archive import HEADER, KEYS, WORKSPACE, members, read_archive, writing_archive

INNER = {f"{WORKSPACE}a.txt": b"one", f"{WORKSPACE}runs/x/result.json": b"{}" * 5000, KEYS: b"\x00\xff"}


def write(path: Path, inner: dict[str, bytes] | None = None, **header: object) -> Path:
    with writing_archive(path, {"made": "today", **header}) as archive:
        for name, data in (INNER if inner is None else inner).items():
            archive.add(name, data)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("archive") / "a.backup")


def forged(path: Path, *entries: tarfile.TarInfo, header: object = None, listed: object = None) -> Path:
    """A file that has the form of a backup, with what no backup has."""
    head = {"format": "peelian backup", "version": 1} if header is None else header
    with (
        pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), "zstd") as stream,
        tarfile.open(fileobj=stream, mode="w|") as tar,
    ):
        for name, data in (
            (HEADER, head),
            *((one, None) for one in entries),
            ("manifest.json", listed or {}),
        ):
            body = b"x" if data is None else json.dumps(data).encode()
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(body) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(body))
    return path


def test_what_goes_in_comes_out_with_its_hash(whole: Path) -> None:
    found = read_archive(whole)
    assert found.header == {"format": "peelian backup", "version": 1, "made": "today"}
    assert set(found.members) == {HEADER, *INNER}
    assert {m.name: m.read() for m in members(whole) if m.name in INNER} == INNER
    assert whole.stat().st_mode & 0o777 == 0o600
    assert {name: one["size"] for name, one in found.members.items() if name in INNER} == {
        name: len(data) for name, data in INNER.items()
    }


@given(st.data())
@settings(max_examples=150)
def test_any_changed_or_missing_byte_is_refused(whole: Path, data: st.DataObject) -> None:
    before = whole.read_bytes()
    at = data.draw(st.integers(0, len(before) - 1))
    how = data.draw(st.sampled_from(["cut", "change", "insert", "append"]))
    bad = {
        "cut": before[:at],
        "change": before[:at] + bytes([before[at] ^ data.draw(st.integers(1, 255))]) + before[at + 1 :],
        "insert": before[:at] + b"\x00" + before[at:],
        "append": before + b"more",
    }[how]
    path = whole.with_name("bad.backup")
    path.write_bytes(bad)
    try:
        found = read_archive(path)
    except CheckError:
        return
    # A few bits of a compressed stream mean nothing; what they decompress to is the same then.
    assert found == read_archive(whole)


@pytest.mark.parametrize(
    "name",
    [
        "workspace/../outside",
        "/etc/passwd",
        "workspace//a",
        "workspace/keys/ledger.key",
        "workspace/./a",
        "workspace/a\\b",
        "elsewhere",
        "workspace/",
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckError, match="no plain file below the workspace|damaged"):
        read_archive(forged(tmp_path / "a", tarfile.TarInfo(name)))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("workspace/a")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(CheckError, match="no plain file below the workspace"):
        read_archive(forged(tmp_path / "a", info))


def test_what_is_not_on_the_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckError, match="isn't what was written: peelian-backup.json, workspace/a"):
        read_archive(forged(tmp_path / "a", tarfile.TarInfo("workspace/a")))
    with pytest.raises(CheckError, match="twice or after its list"):
        read_archive(forged(tmp_path / "b", tarfile.TarInfo("workspace/a"), tarfile.TarInfo("workspace/a")))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"format": "peelian backup", "version": 2}, "of version 2; expected 1"),
        ({"format": "another"}, "its head says 'another'"),
        ([1], "is no JSON object"),
    ],
)
def test_another_version_or_another_program_s_file_is_refused(
    tmp_path: Path, header: object, said: str
) -> None:
    with pytest.raises(CheckError, match=said):
        read_archive(forged(tmp_path / "a", header=header))


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "a.tar"
    with tarfile.open(other, "w") as tar:
        tar.addfile(tarfile.TarInfo("workspace/a"))
    for data in (b"", b"hello", other.read_bytes(), pa.compress(b"plain", "zstd", asbytes=True)):
        other.write_bytes(data)
        with pytest.raises(CheckError, match="no backup|ends before its list"):
            read_archive(other)
    with pytest.raises(FileNotFoundError):
        read_archive(tmp_path / "none")


def test_what_could_not_be_written_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(FileNotFoundError), writing_archive(path, {}) as archive:
        archive.add_file(f"{WORKSPACE}a", tmp_path / "none")
    assert not path.exists()
    path.write_bytes(b"somebody else's")
    with pytest.raises(FileExistsError), writing_archive(path, {}):
        pass
    assert path.read_bytes() == b"somebody else's"
