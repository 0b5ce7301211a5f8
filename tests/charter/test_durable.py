"""Writing files whole or not at all, and the lock that remembers a writer's death."""

from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path

import pytest

from peelian.charter.durable import LOCK_FILE, TEMPORARY, Lock, locked, replace_file, write_files
from peelian.errors import PeelianError


def record(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The order of the system calls that matter, with the names they were made on."""
    calls: list[str] = []
    names: dict[int, str] = {}
    real_open, real_fsync, real_replace = os.open, os.fsync, os.replace

    def opened(path: str | Path, flags: int, mode: int = 0o777) -> int:
        handle = real_open(path, flags, mode)
        names[handle] = Path(path).name
        return handle

    def synced(handle: int) -> None:
        calls.append(f"sync {names[handle]}")
        real_fsync(handle)

    def replaced(old: Path, new: Path) -> None:
        calls.append(f"name {new.name}")
        real_replace(old, new)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    return calls


def test_contents_reach_the_disk_before_names_and_names_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "f"
    calls = record(monkeypatch)
    write_files([(folder / "a", b"1"), (folder / "deep" / "b", b"2")])
    assert calls[:2] == [f"sync .a{TEMPORARY}", f"sync .b{TEMPORARY}"]
    assert calls[2:4] == ["name a", "name b"]
    # The names in both folders, and those of the folders themselves, which are new.
    assert sorted(calls[4:]) == sorted(["sync f", "sync deep", f"sync {tmp_path.name}"])


def test_files_are_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    replace_file(path, b"long content")
    replace_file(path, b"short")
    assert path.read_bytes() == b"short"
    replace_file(path, b"")
    assert path.read_bytes() == b""
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) & 0o133 == 0  # readable by others, writable by none of them


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    sizes: list[int] = []

    def slow(handle: int, data: memoryview) -> int:
        sizes.append(real(handle, data[:3]))
        return sizes[-1]

    monkeypatch.setattr(os, "write", slow)
    replace_file(tmp_path / "a", b"0123456789")
    assert (tmp_path / "a").read_bytes() == b"0123456789"
    assert sizes == [3, 3, 3, 1]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    replace_file(path, b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"


def test_the_mark_outlives_the_lock(tmp_path: Path) -> None:
    with locked(tmp_path, exclusive=True, timeout=1) as lock:
        assert isinstance(lock, Lock)
        assert not lock.marked
        lock.mark()
    with locked(tmp_path, exclusive=True, timeout=1) as lock:
        assert lock is not None
        assert lock.marked
        lock.clear()
        assert not lock.marked
    assert (tmp_path / LOCK_FILE).read_bytes() == b""


def is_free(folder: Path, *, exclusive: bool) -> bool:
    """Whether another one could have the lock right now."""
    try:
        with locked(folder, exclusive=exclusive, timeout=0.02):
            return True
    except PeelianError as error:
        assert "for 0.02 s" in error.message  # noqa: PT017 - any other error is none of ours
        return False


def test_readers_share_and_writers_do_not(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).touch()
    with locked(tmp_path, exclusive=False, timeout=1):
        assert is_free(tmp_path, exclusive=False)
        assert not is_free(tmp_path, exclusive=True)
    with locked(tmp_path, exclusive=True, timeout=1):
        assert not is_free(tmp_path, exclusive=False)
        assert not is_free(tmp_path, exclusive=True)
    assert is_free(tmp_path, exclusive=True)


def test_a_reader_of_a_copy_without_a_lock_gets_none_and_makes_none(tmp_path: Path) -> None:
    with locked(tmp_path, exclusive=False, timeout=1) as lock:
        assert lock is None
    assert list(tmp_path.iterdir()) == []


def test_waiting_ends_when_the_other_lets_go(tmp_path: Path) -> None:
    order: list[str] = []
    held = threading.Event()

    def first() -> None:
        with locked(tmp_path, exclusive=True, timeout=5):
            held.set()
            time.sleep(0.05)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    held.wait()
    with locked(tmp_path, exclusive=True, timeout=5):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_the_lock_of_a_writer_that_was_killed_is_free(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with locked(tmp_path, exclusive=True, timeout=1) as lock:
            assert lock is not None
            lock.mark()
            os.write(writer, b"x")
            time.sleep(60)
        os._exit(0)
    assert os.read(reader, 1) == b"x"
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    with locked(tmp_path, exclusive=True, timeout=0.5) as lock:
        assert lock is not None
        assert lock.marked
    os.close(reader)
    os.close(writer)


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / LOCK_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), locked(tmp_path, exclusive=True, timeout=1):
        pass
