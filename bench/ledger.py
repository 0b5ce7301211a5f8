"""Append to the ledger, prove and verify it; beside SQLite holding the same entries with the same promise.

The peer is a SQLite table in WAL mode with ``synchronous=FULL``: one durable transaction a batch, as many an
audit table is kept. It promises that the rows are on the disk, and nothing about who changed them since.
"Verification" there is what can be done without a tree: reading and hashing every row. The peer of proofs is
pymerkle, an independent implementation that keeps its tree in memory (ours reads it from files each time).
Beside the time by the clock stands the processor's own ("user"), which says more where others use the machine too.

    python bench/ledger.py [ENTRIES]
"""

from __future__ import annotations

import importlib.util
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from _machine import print_machine
from pymerkle import InmemoryTree

import peelian.charter
from peelian.charter import Ledger, verify, verify_since

BATCH = 10_000
SINGLES = 200
PROOFS = 200
PEER_ENTRIES = 100_000


def entries_of(count: int, *, start: int = 0) -> list[bytes]:
    """Entries of about the size of a real one (some 400 bytes)."""
    body = '"details":{"rows_in":"120000","stored":"118734"},"hashes":{"result.json":"' + "ab" * 32 + '"}'
    return [
        f'{{"actor":"analyst",{body},"id":"{i:032x}","kind":"import"}}'.encode()
        for i in range(start, start + count)
    ]


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def timed(what: str, work: Callable[[], object]) -> float:
    """Seconds by the clock, after printing them with the processor's own."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    spent = seconds(work)
    user = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    print(f"{what:<34}{spent:>12,.2f} s          user {user:>12,.2f} s")
    return spent


def outsider() -> Callable[[list[str]], int]:
    """The main function of the verifier that needs nothing of ours."""
    path = Path(peelian.charter.__file__).with_name("verifier.py")
    spec = importlib.util.spec_from_file_location("verify_ledger", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def peer(path: Path) -> tuple[Callable[[list[bytes]], None], Callable[[], str]]:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE entry (number INTEGER PRIMARY KEY, data BLOB NOT NULL)")

    def append(batch: list[bytes]) -> None:
        with connection:
            connection.executemany("INSERT INTO entry (data) VALUES (?)", ((data,) for data in batch))

    def check() -> str:
        whole = sha256()
        for (data,) in connection.execute("SELECT data FROM entry ORDER BY number"):
            whole.update(sha256(data).digest())
        return whole.hexdigest()

    return append, check


def report(what: str, ours: float, theirs: float, unit: str) -> None:
    print(f"{what:<34}{ours:>12,.2f} {unit:<10} peer {theirs:>12,.2f}   ratio {ours / theirs:.2f}")


def main(count: int) -> None:
    entries = entries_of(count)
    batches = [entries[i : i + BATCH] for i in range(0, count, BATCH)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger = Ledger.create(folder / "ledger", origin="bench.example/ledger", key_path=folder / "key")
        append, check = peer(folder / "peer.db")
        print_machine(
            f"{count:,} entries of {len(entries[0])} bytes; the peer: SQLite {sqlite3.sqlite_version}, WAL, FULL"
        )
        ours = theirs = 0.0
        for batch in batches:  # in turn, so that both meet the same moods of the disk
            ours += seconds(lambda batch=batch: ledger.append(batch))
            theirs += seconds(lambda batch=batch: append(batch))
        report("durable appends in batches", count / ours, count / theirs, "entries/s")
        kept = ledger.checkpoint().root_hash
        one_by_one = [[entry] for entry in entries_of(SINGLES, start=count)]
        ours_single, theirs_single = [], []
        for single in one_by_one:
            ours_single.append(seconds(lambda single=single: ledger.append(single)))
            theirs_single.append(seconds(lambda single=single: append(single)))
        report(
            "one durable entry, median",
            1000 * statistics.median(ours_single),
            1000 * statistics.median(theirs_single),
            "ms",
        )
        report(
            "verification of all of it",
            timed("verification", lambda: verify(ledger.root)),
            seconds(check),
            "s",
        )
        since = (count, kept)
        timed(f"what is newer ({SINGLES} of them)", lambda: verify_since(ledger.root, since=since))
        arguments = [str(ledger.root), "--vkey", ledger.vkey]
        timed("by the verifier on its own", lambda: outsider()(arguments))
        step = max(1, ledger.size // PROOFS)
        proofs = [seconds(lambda i=i: ledger.prove(i)) for i in range(0, ledger.size, step)]
        tree = InmemoryTree(algorithm="sha256")
        for entry in entries[:PEER_ENTRIES]:
            tree.append_entry(entry)
        step = max(1, len(entries[:PEER_ENTRIES]) // PROOFS)
        theirs_proofs = [
            seconds(lambda i=i: tree.prove_inclusion(i)) for i in range(1, len(entries[:PEER_ENTRIES]), step)
        ]
        ours, theirs = (1000 * statistics.median(each) for each in (proofs, theirs_proofs))
        report("inclusion proof, median", ours, theirs, "ms")
        print(f"  (the peer's tree has {len(entries[:PEER_ENTRIES]):,} entries and is in memory)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
