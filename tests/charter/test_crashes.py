"""Writers that are killed, at every system call and at random moments; a full disk; two writers at once.

What must hold each time: every entry that was acknowledged is there, once and in its place; the ledger verifies as
it lies, for whoever knows its first key; and the next writer goes on.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from peelian.charter.entry import Entry
from peelian.charter.ledger import Ledger
from peelian.charter.rotation import ROTATE, append_all, next_key, waiting_path
from peelian.charter.verification import verify
from peelian.errors import PeelianError

ORIGIN = "city.example/ledger"
CALLS = ("open", "write", "fsync", "replace", "rename", "mkdir", "unlink", "rmdir", "ftruncate", "pwrite")
KILLS = 300
"""Writers killed with SIGKILL at random moments, in all the rounds together."""


def entry(name: str, kind: str = "forecast", **details: str) -> Entry:
    return Entry(kind, "steward", name, name, "2026-01-31T13:05:00Z", details=details)


def ids(ledger: Ledger) -> list[str]:
    """Ids of the entries; other bytes as they are."""
    return [json.loads(body)["id"] if body[:1] == b"{" else body.decode() for body in ledger.entries()]


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """In memory where the system has such a folder: it is the process that dies here, and not the machine."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """254 entries: the next few close a tile."""
    folder = tmp_path_factory.mktemp("pristine")
    ledger = Ledger.create(folder / "ledger", origin=ORIGIN, key_path=folder / "key")
    ledger.append([b"old-%d" % i for i in range(254)])
    return folder


def change_key(folder: Path, name: str) -> None:
    ledger = Ledger.open(folder / "ledger", key_path=folder / "key")
    new = next_key(folder / "key", origin=ORIGIN)
    change = entry(name, ROTATE, old_vkey=ledger.vkey, new_vkey=new.verifier.vkey)
    append_all(ledger, [change], key_path=folder / "key", expected=None)


def work(folder: Path, acknowledge: Callable[[str], None]) -> None:
    """Appends within a tile, over its end, a change of key, and one more append."""
    ledger = Ledger.open(folder / "ledger", key_path=folder / "key")
    for batch in (["a"], ["b", "c", "d"]):
        ledger.append_new([entry(name) for name in batch])
        for name in batch:
            acknowledge(name)
    change_key(folder, "rotate-1")
    acknowledge("rotate-1")
    Ledger.open(folder / "ledger", key_path=folder / "key").append_new([entry("e")])
    acknowledge("e")


def die_at(count: int, *, half: bool) -> None:
    """From now on this process ends at its ``count``-th system call that writes; ``half`` lets it write half."""
    left = count

    def dying(real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                try:
                    if half and name == "write":
                        real(args[0], args[1][: len(args[1]) // 2])
                    elif half:
                        real(*args, **kwargs)
                finally:
                    os._exit(9)
            return real(*args, **kwargs)

        return call

    for name in CALLS:
        setattr(os, name, dying(getattr(os, name), name))


def killed_at(folder: Path, count: int, *, half: bool) -> tuple[int, list[str]]:
    """Do the work in a child that dies at its ``count``-th call; its exit code and what it acknowledged."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            tell = os.write
            die_at(count, half=half)
            work(folder, lambda name: void(tell(writer, f"{name}\n".encode())))
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        acknowledged = pipe.read().split()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), acknowledged


def void(_: object) -> None:
    return None


def check(folder: Path, first_key: str, acknowledged: list[str]) -> None:
    """What must hold after a crash, before and after the next writer."""
    found = verify(folder / "ledger", vkey=first_key)
    there = ids(Ledger.open(folder / "ledger", vkey=first_key))
    assert len(there) == found.size
    assert (
        there == [f"old-{i}" for i in range(254)] + ["a", "b", "c", "d", "rotate-1", "e"][: len(there) - 254]
    )
    assert set(acknowledged) <= set(there)
    writer = Ledger.open(folder / "ledger", key_path=folder / "key")
    writer.append_new([entry("next")])
    again = verify(folder / "ledger", vkey=first_key)
    assert (again.size, again.pending) == (found.size + 1, ())
    assert ids(writer) == [*there, "next"]
    assert again.rotations == ("rotate-1" in there)
    if waiting_path(folder / "key").exists():  # a change of key that was begun can be made now
        change_key(folder, "rotate-2")
        assert verify(folder / "ledger", vkey=first_key).rotations == 1


@pytest.mark.parametrize("half", [False, True], ids=["before", "after"])
def test_a_writer_that_dies_at_any_system_call(pristine: Path, tmp_path: Path, half: bool) -> None:
    """Exhaustive: before each call that writes, and after it or in its middle."""
    first_key = Ledger.open(pristine / "ledger").vkey
    code, count, deaths = 9, 0, []
    while code == 9:
        count += 1
        folder = Path(shutil.copytree(pristine, tmp_path / f"{count}"))
        code, acknowledged = killed_at(folder, count, half=half)
        check(folder, first_key, acknowledged)
        deaths.append(len(acknowledged))
        shutil.rmtree(folder)
    assert code == 0
    assert count > 60  # so many calls were tried, and each stage of the work was reached
    assert set(deaths) == {0, 1, 4, 5, 6}


def append_until_killed(folder: Path, start: int, tell: int, seed: int) -> None:
    """In a child: entries in batches of random sizes, each acknowledged; now and then the key is changed."""
    rng = random.Random(seed)
    while True:
        if rng.random() < 0.05:
            change_key(folder, f"rotate-{start}")
            start += 1
        else:
            ledger = Ledger.open(folder / "ledger", key_path=folder / "key")
            stop = start + rng.choice([1, 1, 2, 40, 300])
            ledger.append_new([entry(f"n-{i}") for i in range(start, stop)])
            start = stop
        os.write(tell, b"%d\n" % start)


def test_writers_that_are_killed_at_random(tmp_path: Path) -> None:
    """SIGKILL, as often as `KILLS` says."""
    rng = random.Random(8)
    for number in range(KILLS // 50):
        folder = tmp_path / f"{number}"
        first_key = Ledger.create(folder / "ledger", origin=ORIGIN, key_path=folder / "key").vkey
        size = 0
        for _ in range(50):
            reader, writer = os.pipe()
            pid = os.fork()
            if pid == 0:
                append_until_killed(folder, size, writer, rng.randrange(2**30))
            os.close(writer)
            time.sleep(rng.random() * 0.012)
            os.kill(pid, signal.SIGKILL)
            with os.fdopen(reader) as pipe:
                acknowledged = [int(line) for line in pipe.read().split()]
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
            found = verify(folder / "ledger", vkey=first_key)
            assert found.size >= max(acknowledged, default=size)
            size = found.size
        names = ids(Ledger.open(folder / "ledger", vkey=first_key))
        assert [int(name.split("-")[1]) for name in names] == list(range(size))  # all, once, in order
        Ledger.open(folder / "ledger", key_path=folder / "key").append_new([entry("last")])
        assert verify(folder / "ledger", vkey=first_key).pending == ()


# -- a full disk


@pytest.mark.parametrize("stays", [False, True], ids=["for one call", "until it is freed"])
def test_a_disk_that_is_full_at_any_call(
    pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stays: bool
) -> None:
    first_key = Ledger.open(pristine / "ledger").vkey
    refused, count = True, 0
    while refused:
        count += 1
        folder = Path(shutil.copytree(pristine, tmp_path / f"{count}"))
        ledger = Ledger.open(folder / "ledger", key_path=folder / "key")
        calls = 0
        refused = False

        def failing(real: Callable[..., Any], limit: int = count) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == limit or (stays and calls > limit):
                    raise OSError(errno.ENOSPC, "No space left on device")
                return real(*args, **kwargs)

            return call

        with monkeypatch.context() as patched:
            for name in ("write", "fsync", "replace", "mkdir"):
                patched.setattr(os, name, failing(getattr(os, name)))
            try:
                ledger.append_new([entry("a"), entry("b"), entry("c")])
            except PeelianError as error:
                refused = True
                assert "No space left on device" in error.message  # noqa: PT017
                assert "free space" in (error.hint or "")  # noqa: PT017
        found = verify(folder / "ledger", vkey=first_key)
        assert found.size in ((254, 257) if refused else (257,))
        ledger.append_new([entry("a"), entry("b"), entry("c"), entry("d")])  # it has space again
        assert ids(ledger)[254:] == ["a", "b", "c", "d"]
        assert verify(folder / "ledger", vkey=first_key).pending == ()
        shutil.rmtree(folder)
    assert count > 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() or libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"size=256k"):
        pytest.skip("no right to mount a small file system here; the test before this one pretends")
    try:
        yield folder
    finally:
        libc.umount2(os.fsencode(folder), 2)


def test_a_real_disk_that_is_full(small_disk: Path) -> None:
    ledger = Ledger.create(small_disk / "ledger", origin=ORIGIN, key_path=small_disk / "key")
    for done in range(1000):
        try:
            ledger.append([b"%04d" % done + b"x" * 2000])
        except PeelianError as error:
            assert "can't be written: No space left on device" in error.message  # noqa: PT017
            break
    else:
        pytest.fail("a disk of 256 KiB took 2 MB")
    assert 10 < done < 130
    assert verify(small_disk / "ledger", vkey=ledger.vkey).size == done
    with pytest.raises(PeelianError, match="No space left"):
        ledger.append([b"x" * 60_000] * 10)
    assert [body[:4] for body in ledger.entries()] == [b"%04d" % i for i in range(done)]
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mount(b"tmpfs", os.fsencode(small_disk), b"tmpfs", 32, b"size=4m") == 0  # MS_REMOUNT
    ledger.append([b"x" * 60_000] * 10)
    found = verify(small_disk / "ledger", vkey=ledger.vkey)
    assert (found.size, found.pending) == (done + 10, ())


# -- two writers


def test_writers_at_once_do_not_fork_it(tmp_path: Path) -> None:
    """Three processes append for a while, each with a ledger of its own that it keeps open."""
    root = tmp_path / "ledger"
    vkey = Ledger.create(root, origin=ORIGIN, key_path=tmp_path / "key").vkey
    pids = []
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                ledger = Ledger.open(root, key_path=tmp_path / "key")
                for i in range(40):
                    batch = [entry(f"{number}-{i}-{j}") for j in range(1 + i % 9)]
                    indices = ledger.append_new(batch)
                    assert ledger.entries(indices[0], indices[-1] + 1) == [e.to_bytes() for e in batch]
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0, 0, 0]
    names = ids(Ledger.open(root, vkey=vkey))
    assert verify(root, vkey=vkey).size == len(names)
    for number in range(3):
        own = [name for name in names if name.startswith(f"{number}-")]
        assert own == [f"{number}-{i}-{j}" for i in range(40) for j in range(1 + i % 9)]
    assert len(names) == 3 * sum(1 + i % 9 for i in range(40))


def test_a_change_of_key_among_writers_does_not_fork_it(tmp_path: Path) -> None:
    """Writers with the old key open are refused, open again, and go on with the new one."""
    root = tmp_path / "ledger"
    vkey = Ledger.create(root, origin=ORIGIN, key_path=tmp_path / "key").vkey
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            ledger = Ledger.open(root, key_path=tmp_path / "key")
            for i in range(60):
                for _ in range(20):
                    try:
                        ledger.append_new([entry(f"n-{i}")])
                        break
                    except PeelianError:
                        with suppress(PeelianError):
                            ledger = Ledger.open(root, key_path=tmp_path / "key")
            code = 0
        finally:
            os._exit(code)
    for i in range(5):
        change_key(tmp_path, f"rotate-{i}")
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    names = ids(Ledger.open(root, vkey=vkey))
    assert [n for n in names if n.startswith("n-")] == [f"n-{i}" for i in range(60)]
    assert verify(root, vkey=vkey).rotations == 5
