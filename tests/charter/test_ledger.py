"""Appending: durable, in one step, by one writer at a time, whatever kills it."""

from __future__ import annotations

import errno
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.charter import durable
from peelian.charter.entry import Entry
from peelian.charter.ledger import REMEMBERED_IDS, Ledger
from peelian.charter.merkle import EMPTY_ROOT, leaf_hash, tree_head, verify_consistency
from peelian.charter.note import Checkpoint, Signer
from peelian.charter.tiles import Tile, tiles_of
from peelian.charter.verification import verify
from peelian.errors import ConfigError, LedgerError, PeelianError, UsageError

ORIGIN = "city.example/ledger"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "ledger.key")


def numbered(start: int, stop: int) -> list[bytes]:
    return [f"entry {i}".encode() for i in range(start, stop)]


def entry(number: int) -> Entry:
    return Entry("import", "analyst", f"run-{number}", f"id-{number}", "2026-01-31T13:05:00Z")


def files_of(root: Path) -> set[str]:
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}


def test_an_empty_ledger(ledger: Ledger) -> None:
    assert ledger.size == 0
    assert ledger.entries() == []
    assert ledger.checkpoint() == Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert verify(ledger.root, vkey=ledger.vkey).size == 0
    assert (ledger.root / "vkey").read_text() == ledger.vkey + "\n"


def test_entries_come_back_and_the_root_is_theirs(ledger: Ledger) -> None:
    assert ledger.append(numbered(0, 3)) == range(3)
    assert ledger.append([]) == range(3, 3)
    assert ledger.append(numbered(3, 600)) == range(3, 600)
    assert ledger.entries() == numbered(0, 600)
    assert ledger.entries(250, 260) == numbered(250, 260)
    assert ledger.entries(600) == []
    assert ledger.checkpoint().root_hash == tree_head([leaf_hash(x) for x in numbered(0, 600)])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_any_batches_give_the_same_ledger(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    folder = tmp_path_factory.mktemp("batches")
    ledger = Ledger.create(folder / "ledger", origin=ORIGIN, key_path=folder / "key")
    total = 0
    for size in sizes:
        ledger.append(numbered(total, total + size))
        total += size
        checked = verify(ledger.root, vkey=ledger.vkey)
        assert (checked.size, checked.pending) == (total, ())
        assert checked.root_hash == tree_head([leaf_hash(x) for x in numbered(0, total)])
    assert {t.path for t in tiles_of(total)} <= files_of(ledger.root)
    assert Ledger.open(ledger.root).entries() == numbered(0, total)


def test_a_ledger_with_three_levels_of_tiles(ledger: Ledger) -> None:
    ledger.append([b"%d" % i for i in range(65_536)])
    ledger.append([b"%d" % i for i in range(65_536, 70_000)])
    assert {"tile/0/255", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"} <= files_of(
        ledger.root
    )
    assert verify(ledger.root).size == 70_000
    ledger.prove(65_535).check(b"65535", vkey=ledger.vkey)
    ledger.prove(69_999).check(b"69999", vkey=ledger.vkey)


def test_partial_tiles_of_past_checkpoints_stay_until_they_are_full(ledger: Ledger) -> None:
    ledger.append(numbered(0, 2))
    ledger.append(numbered(2, 5))
    assert {"tile/0/000.p/2", "tile/0/000.p/5", "tile/entries/000.p/2"} <= files_of(ledger.root)
    ledger.append(numbered(5, 256))
    assert files_of(ledger.root) == {
        ".lock",
        "checkpoint",
        "vkey",
        "tile/0/000",
        "tile/1/000.p/1",
        "tile/entries/000",
    }


def test_a_second_process_sees_and_extends_it(ledger: Ledger, tmp_path: Path) -> None:
    other = Ledger.open(ledger.root, key_path=tmp_path / "ledger.key")
    ledger.append(numbered(0, 2))
    other.append(numbered(2, 4))
    ledger.append(numbered(4, 300))
    assert other.append(numbered(300, 301)) == range(300, 301)
    assert verify(ledger.root).size == 301
    assert ledger.entries() == numbered(0, 301)


def test_proofs(ledger: Ledger) -> None:
    ledger.append(numbered(0, 5))
    old = ledger.checkpoint()
    ledger.append(numbered(5, 700))
    new = ledger.checkpoint()
    for index in (0, 4, 255, 256, 699):
        proof = ledger.prove(index)
        assert proof.check(b"entry %d" % index, vkey=ledger.vkey) == new
        with pytest.raises(LedgerError, match="does not show"):
            proof.check(b"another", vkey=ledger.vkey)
    path = ledger.prove_growth(5)
    assert verify_consistency(old=5, old_root=old.root_hash, new=700, new_root=new.root_hash, path=path)
    for wrong in (-1, 700):
        with pytest.raises(UsageError, match="has 700 entries"):
            ledger.prove(wrong)
    with pytest.raises(UsageError, match="growth since 701"):
        ledger.prove_growth(701)
    with pytest.raises(UsageError, match="entries 5 to 701"):
        ledger.entries(5, 701)


def test_a_proof_from_changed_tiles_is_not_given(ledger: Ledger) -> None:
    ledger.append(numbered(0, 5))
    path = ledger.root / "tile/0/000.p/5"
    path.write_bytes(bytes(32) + path.read_bytes()[32:])
    with pytest.raises(LedgerError, match="signed root"):
        ledger.prove(3)


def test_what_create_and_open_refuse(ledger: Ledger, tmp_path: Path) -> None:
    key = tmp_path / "ledger.key"
    with pytest.raises(UsageError, match="already"):
        Ledger.create(ledger.root, origin=ORIGIN, key_path=key)
    with pytest.raises(ConfigError, match="is to be 'other'"):
        Ledger.create(tmp_path / "b", origin="other", key_path=key)
    with pytest.raises(UsageError, match="to be published"):
        Ledger.create(tmp_path / "c", origin=ORIGIN, key_path=tmp_path / "c" / "key")
    with pytest.raises(LedgerError, match="no ledger"):
        Ledger.open(tmp_path / "d", key_path=key)
    stranger = Signer.generate(ORIGIN)
    with pytest.raises(LedgerError, match="no trusted key"):
        Ledger.open(ledger.root, vkey=stranger.verifier.vkey)
    with pytest.raises(ConfigError, match="does not belong"):
        Ledger.open(ledger.root, vkey=stranger.verifier.vkey, key_path=key)
    with pytest.raises(UsageError, match="for reading"):
        Ledger.open(ledger.root).append([b"x"])


def test_entries_too_long_are_refused_before_anything_is_written(ledger: Ledger) -> None:
    before = files_of(ledger.root)
    with pytest.raises(UsageError, match="at most 65,535"):
        ledger.append([b"fine", b"x" * 65_536])
    assert files_of(ledger.root) == before
    ledger.append([b"x" * 65_535])
    assert verify(ledger.root).size == 1


def test_append_new_writes_each_id_once(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.append_new([entry(1), entry(2), entry(1)]) == (0, 1, 0)
    assert ledger.append_new([entry(2), entry(3)]) == (1, 2)
    ledger.append([b"not an entry of ours"])
    fresh = Ledger.open(ledger.root, key_path=tmp_path / "ledger.key")
    assert fresh.append_new([entry(3), entry(4)]) == (2, 4)
    assert ledger.append_new([entry(4)]) == (4,)
    assert ledger.size == 5
    changed = Entry("import", "analyst", "run-99", "id-3", "2026-01-31T13:05:00Z")
    with pytest.raises(LedgerError, match="entry 2 with other content"):
        ledger.append_new([changed])
    assert ledger.size == 5


def test_append_new_keeps_its_guarantee_up_to_the_stated_number(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append_new([entry(0)])
    ledger.append_new([entry(i) for i in range(1, REMEMBERED_IDS)])
    for reopened in (ledger, Ledger.open(ledger.root, key_path=tmp_path / "ledger.key")):
        assert reopened.append_new([entry(0)]) == (0,)
    ledger.append_new([entry(REMEMBERED_IDS)])
    for reopened in (ledger, Ledger.open(ledger.root, key_path=tmp_path / "ledger.key")):
        assert reopened.append_new([entry(1)]) == (1,)


def test_nothing_is_signed_on_top_of_a_rewound_ledger(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(numbered(0, 5))
    old = (ledger.root / "checkpoint").read_bytes()
    ledger.append(numbered(5, 9))
    head = ledger.checkpoint()
    known = (head.size, head.root_hash)
    (ledger.root / "checkpoint").write_bytes(old)
    before = files_of(ledger.root)
    with pytest.raises(LedgerError, match="rewound: it had 9 entries and now has 5"):
        ledger.append([b"x"])
    fresh = Ledger.open(ledger.root, key_path=tmp_path / "ledger.key")
    with pytest.raises(LedgerError, match="rewound"):
        fresh.append([b"x"], expected=known)
    assert files_of(ledger.root) == before  # the evidence is not cleared away


def test_nothing_is_signed_on_top_of_a_fork(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(numbered(0, 300))
    head = ledger.checkpoint()
    ledger.append(numbered(300, 310), expected=(head.size, head.root_hash))
    assert ledger.append([b"x"], expected=(0, EMPTY_ROOT)) == range(310, 311)
    with pytest.raises(LedgerError, match="first 300 entries"):
        ledger.append([b"x"], expected=(300, bytes(32)))


def test_damaged_newest_tiles_stop_an_append(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(numbered(0, 5))
    path = ledger.root / "tile/entries/000.p/5"
    path.write_bytes(path.read_bytes().replace(b"entry 3", b"entry 8"))
    fresh = Ledger.open(ledger.root, key_path=tmp_path / "ledger.key")
    with pytest.raises(LedgerError, match="signed root"):
        fresh.append([b"x"])
    path.unlink()
    with pytest.raises(LedgerError, match="missing"):
        fresh.append([b"x"])


class _Fault:
    """Lets the first ``after`` system calls of the writing through, then fails one or all."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, after: int, error: BaseException, once: bool
    ) -> None:
        self.calls, self.after, self.error, self.once = 0, after, error, once
        for name in ("open", "write", "fsync", "replace", "pwrite", "ftruncate"):
            monkeypatch.setattr(os, name, self._wrap(getattr(os, name)))

    def _wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == self.after + 1 or (self.calls > self.after and not self.once):
                raise self.error
            return real(*args, **kwargs)

        return call


class _Killed(BaseException):
    """Stands for the end of the process: no handler for errors sees it."""


@pytest.mark.parametrize("start", [0, 3, 250])
def test_dying_at_any_system_call_leaves_a_ledger_that_verifies(tmp_path: Path, start: int) -> None:
    """Every place at which a writer can die, one after the other, until it gets through."""
    key = tmp_path / "key"
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=key)
    size = start
    ledger.append(numbered(0, size))
    outcomes = set()
    for after in range(200):
        with pytest.MonkeyPatch.context() as patch:
            fault = _Fault(patch, after=after, error=_Killed(), once=False)
            writer = Ledger(ledger.root, verifier=ledger.verifier, signer=Signer.load(key))
            try:
                writer.append(numbered(size, size + 7))
                done = True
            except _Killed:
                done = False
        checked = verify(ledger.root, vkey=ledger.vkey)
        assert checked.size in (size, size + 7)
        assert not done or checked.size == size + 7
        outcomes.add((done, checked.size - size))
        size = checked.size
        assert ledger.entries() == numbered(0, size)
        if fault.calls <= fault.after:
            break
        # The next writer, another process, is right whatever was left.
        fresh = Ledger.open(ledger.root, key_path=key)
        fresh.append(numbered(size, size + 1))
        size += 1
        assert verify(ledger.root, vkey=ledger.vkey, expected=(checked.size, checked.root_hash)).pending == ()
    else:
        pytest.fail("the writer never got through")
    assert {(False, 0), (False, 7), (True, 7)} <= outcomes


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_is_a_clear_error_and_the_next_append_is_right(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    ledger.append(numbered(0, 250))
    size = 250
    for after in range(2, 60):
        with monkeypatch.context() as patch:
            fault = _Fault(patch, after=after, error=OSError(code, os.strerror(code)), once=True)
            failure: PeelianError | None = None
            try:
                ledger.append(numbered(size, size + 10))
            except PeelianError as error:
                failure = error
        if failure is not None:
            assert os.strerror(code) in failure.message
            assert failure.hint is not None
            assert failure.exit_code == 1
        checked = verify(ledger.root, vkey=ledger.vkey)
        assert failure is not None or checked.size == size + 10
        size = checked.size
        if fault.calls <= fault.after:
            break
        ledger.append(numbered(size, size + 1))
        size += 1
        assert ledger.entries() == numbered(0, size)
    else:
        pytest.fail("the append never got through")


def test_a_real_limit_on_file_size(ledger: Ledger) -> None:
    """The operating system itself refuses the write; in a child, since the limit can't be taken back."""
    resource = pytest.importorskip("resource")
    ledger.append(numbered(0, 3))

    def child() -> int:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        try:
            ledger.append([b"x" * 60_000])
        except PeelianError as error:
            return 7 if "can't be written" in error.message else 8
        return 9

    assert os.waitstatus_to_exitcode(_in_child(child)) == 7
    assert verify(ledger.root).pending == ()
    assert ledger.append(numbered(3, 4)) == range(3, 4)


def _in_child(work: Callable[[], int]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def test_kill_9_loses_no_acknowledged_entry(tmp_path: Path) -> None:
    """A writer acknowledges each size over a pipe; it is killed at a random moment, dozens of times."""
    key = tmp_path / "key"
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=key)
    rng = random.Random(20260131)
    known = (0, EMPTY_ROOT)
    interrupted = 0
    for _ in range(60):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                mine = Ledger.open(ledger.root, key_path=key)
                at = mine.size
                while True:
                    at = mine.append(numbered(at, at + rng.choice([1, 2, 40]))).stop
                    os.write(writer, at.to_bytes(4, "big"))
            finally:
                os._exit(1)
        os.close(writer)
        first = os.read(reader, 4)
        time.sleep(rng.uniform(0, 0.01))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        acknowledged = first
        while chunk := os.read(reader, 65_536):
            acknowledged += chunk
        os.close(reader)
        sizes = [int.from_bytes(acknowledged[i : i + 4], "big") for i in range(0, len(acknowledged), 4)]
        checked = verify(ledger.root, vkey=ledger.vkey, expected=known)
        assert checked.size >= sizes[-1]
        interrupted += bool(checked.pending)
        known = (checked.size, checked.root_hash)
    assert interrupted > 0, "no kill fell into an append: the test shows nothing"
    assert ledger.entries() == numbered(0, known[0])


def test_writers_take_turns(tmp_path: Path) -> None:
    key = tmp_path / "key"
    root = tmp_path / "ledger"
    Ledger.create(root, origin=ORIGIN, key_path=key)

    def work(letter: str) -> None:
        mine = Ledger.open(root, key_path=key)
        for i in range(15):
            mine.append([f"{letter}{i}".encode()])

    def process() -> int:
        work("p")
        return 0

    threads = [threading.Thread(target=work, args=(letter,)) for letter in "ab"]
    pid = os.fork()
    if pid == 0:
        os._exit(process())
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert os.waitpid(pid, 0)[1] == 0
    assert verify(root).size == 45
    entries = Ledger.open(root).entries()
    for letter in "abp":  # each writer's own order is kept, and nothing is lost or doubled
        assert [e for e in entries if e.startswith(letter.encode())] == [
            f"{letter}{i}".encode() for i in range(15)
        ]


def test_a_writer_that_does_not_finish_is_not_waited_for_forever(ledger: Ledger, tmp_path: Path) -> None:
    impatient = Ledger.open(ledger.root, key_path=tmp_path / "ledger.key", lock_timeout=0.05)
    with durable.locked(ledger.root, exclusive=True, timeout=1):
        with pytest.raises(PeelianError, match=r"another process has held .* for 0\.05 s"):
            impatient.append([b"x"])
        with pytest.raises(PeelianError, match="another process"):
            verify(ledger.root, lock_timeout=0.05)
    assert impatient.append([b"x"]) == range(1)


def test_reading_does_not_need_partial_tiles_that_became_full(ledger: Ledger) -> None:
    ledger.append(numbered(0, 10))
    old = (ledger.root / "checkpoint").read_bytes()
    ledger.append(numbered(10, 300))
    (ledger.root / "checkpoint").write_bytes(old)  # a reader that read the checkpoint a moment earlier
    reader = Ledger.open(ledger.root)
    assert reader.entries() == numbered(0, 10)
    reader.prove(3).check(b"entry 3", vkey=ledger.vkey)
    assert not (ledger.root / Tile(0, 0, 10).path).exists()
