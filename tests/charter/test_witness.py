"""A witness cosigns growth and nothing else, whatever it is asked and whenever it is killed."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.charter import durable
from peelian.charter.cosignature import ED25519, MLDSA44, CosignatureKey, Cosigner, check_lines, cosignatures
from peelian.charter.divergence import FORK, REWIND, UNPROVEN
from peelian.charter.merkle import EMPTY_ROOT, Tree, consistency_proof, leaf_hash
from peelian.charter.note import Checkpoint, Signer, Verifier
from peelian.charter.witness import KEY_VARIABLE, Submission, Verdict, Witness, origin_hash
from peelian.errors import ConfigError, LedgerError, PeelianError, UsageError

SIGNER = Signer("city.example/ledger", bytes(range(32)))
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAME = "college.example/w1"


def grown(size: int, *, forked_at: int | None = None) -> Tree:
    return Tree(
        leaf_hash(b"%d%s" % (i, b"'" if forked_at is not None and i >= forked_at else b""))
        for i in range(size)
    )


TREE = grown(40)


def signed(size: int, tree: Tree = TREE, signer: Signer = SIGNER) -> bytes:
    return Checkpoint(signer.name, size, tree.root(size)).sign(signer)


def growth(old: int, new: int, tree: Tree = TREE) -> Submission:
    return Submission(old, tuple(consistency_proof(tree.node, old=old, new=new)), signed(new, tree))


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    found = Witness.open(tmp_path / "w1", name=NAME, now=lambda: NOW)
    found.trust(SIGNER.verifier.vkey)
    return found


def seen(witness: Witness) -> int:
    note = witness.checkpoint(origin_hash(SIGNER.name))
    return 0 if note is None else int(note.split(b"\n")[1])


def evidence(witness: Witness) -> list[str]:
    found = witness.divergences()
    for each in found:
        each.check([SIGNER.verifier])
        assert each.by == NAME
    return [each.kind for each in found]


def test_it_cosigns_growth(witness: Witness) -> None:
    for old, new in ((0, 0), (0, 5), (5, 5), (5, 8), (8, 9), (9, 40)):
        verdict = witness.consider(growth(old, new))
        assert (verdict.word, verdict.status, verdict.size) == ("cosigned", 200, new)
        text = signed(new).decode().partition("\n\n")[0] + "\n"
        found = check_lines(text, verdict.lines.encode(), witness.keys)
        assert [(c.name, c.at) for c in found] == [(NAME, int(NOW.timestamp()))] * 2
        assert verdict.note == signed(new) + verdict.lines.encode()
        assert seen(witness) == new
    assert evidence(witness) == []


def test_what_it_says_to_who_knows_less(witness: Witness) -> None:
    witness.consider(growth(0, 5))
    for old in (0, 3, 8):
        verdict = witness.consider(growth(old, 8))
        assert (verdict.word, verdict.status, verdict.size) == ("behind", 409, 5)
        assert verdict.lines == ""
    assert seen(witness) == 5


def test_a_fork_at_a_size_that_it_cosigned(witness: Witness) -> None:
    for old, new in ((0, 5), (5, 9)):
        witness.consider(growth(old, new))
    other = grown(40, forked_at=2)
    for old, size in ((9, 9), (0, 9), (5, 5), (0, 5)):  # also at one before the last
        verdict = witness.consider(growth(old, size, other))
        assert (verdict.word, verdict.status, verdict.lines) == (FORK, 409, "")
        assert "signed two different ledgers" in verdict.said
    assert seen(witness) == 9
    assert evidence(witness) == [FORK, FORK]


def test_a_fork_in_a_larger_ledger(witness: Witness) -> None:
    witness.consider(growth(0, 5))
    verdict = witness.consider(growth(5, 9, grown(40, forked_at=2)))
    assert (verdict.word, verdict.status, verdict.lines) == (FORK, 422, "")
    assert seen(witness) == 5
    assert evidence(witness) == [FORK]


def test_growth_that_is_not_shown_is_no_fork_yet(witness: Witness) -> None:
    witness.consider(growth(0, 5))
    damaged = Submission(5, (bytes(32),), signed(9))
    for _ in range(3):
        verdict = witness.consider(damaged)
        assert (verdict.word, verdict.status, verdict.lines) == (UNPROVEN, 422, "")
    assert evidence(witness) == [UNPROVEN]
    assert witness.consider(growth(5, 9)).word == "cosigned"
    assert evidence(witness) == []  # it was shown


def test_a_rewind(witness: Witness) -> None:
    witness.consider(growth(0, 9))
    for submission in (growth(0, 5), growth(5, 5), growth(3, 5)):
        verdict = witness.consider(submission)
        assert (verdict.word, verdict.status, verdict.size, verdict.lines) == (REWIND, 409, 9, "")
        assert "had 9 entries and was shown with 5 entries at 2026-11-23T12:00:00Z" in verdict.said
    assert seen(witness) == 9
    assert evidence(witness) == [REWIND]


def test_who_is_not_trusted_is_not_cosigned(witness: Witness) -> None:
    stranger = Signer("else.example/ledger", bytes(32))
    verdict = witness.consider(Submission(0, (), signed(5, signer=stranger)))
    assert (verdict.word, verdict.status) == ("unknown", 404)
    impostor = Signer(SIGNER.name, bytes(32))
    verdict = witness.consider(Submission(0, (), signed(5, signer=impostor)))
    assert (verdict.word, verdict.status) == ("unsigned", 403)
    other = signed(6).decode().rpartition("\n\n")[2]
    spoiled = (signed(5).decode() + other).encode()  # one trusted signature that holds, and one that doesn't
    assert witness.consider(Submission(0, (), spoiled)).word == "unsigned"
    both = signed(5) + signed(5, signer=impostor).rpartition(b"\n\n")[2]
    verdict = witness.consider(Submission(0, (), both))
    assert verdict.word == "cosigned"
    assert verdict.note.startswith(signed(5) + "— college".encode())  # nothing of the stranger's is kept
    assert evidence(witness) == []


def test_a_ledger_that_signs_with_ml_dsa_as_well(witness: Witness) -> None:
    own = Cosigner.generate("town.example/ledger", kind=MLDSA44)
    witness.trust(own.key.vkey)
    text = Checkpoint(own.name, 3, TREE.root(3)).to_text()
    note = (text + "\n" + own.cosign(text, at=0)).encode()
    assert witness.consider(Submission(0, (), note)).word == "cosigned"
    assert witness.consider(Submission(3, (), note.replace(b"\n3\n", b"\n4\n"))).word == "unsigned"
    with pytest.raises(ConfigError, match="not Ed25519"):
        witness.trust(Cosigner.generate("a.example/w1").key.vkey)  # another witness is no ledger
    assert [key.name for key in witness.trusted()] == [SIGNER.name, own.name]


def test_sizes_that_can_not_be(witness: Witness) -> None:
    assert witness.consider(Submission(6, (), signed(5))).status == 400
    huge = Checkpoint(SIGNER.name, 2**63, bytes(32)).sign(SIGNER)
    assert witness.consider(Submission(0, (), huge)).status == 400
    endless = signed(5).replace(b"\n5\n", b"\n" + b"9" * 5000 + b"\n")
    assert witness.consider(Submission(0, (), endless)).status == 400


# The table of statuses of filippo.io/torchwood, internal/witness/witness_test.go (TestZeroSize): what was cosigned
# before, old size, new size, root, whether a proof comes along, status.
EMPTY, LEAF = EMPTY_ROOT, TREE.root(1)
TORCHWOOD = [
    (0, 0, 0, EMPTY, False, 200),
    (0, 0, 0, LEAF, False, 422),
    (0, 0, 0, bytes(32), False, 422),
    (0, 0, 0, EMPTY, True, 422),
    (0, 0, 1, LEAF, False, 200),
    (0, 0, 1, LEAF, True, 422),
    (1, 0, 1, LEAF, True, 409),
    (1, 1, 0, EMPTY, False, 400),
]


@pytest.mark.parametrize(("known", "old", "new", "root", "proof", "status"), TORCHWOOD)
def test_the_statuses_of_another_witness(
    witness: Witness, known: int, old: int, new: int, root: bytes, proof: bool, status: int
) -> None:
    if known:
        witness.consider(growth(0, known))
    note = Checkpoint(SIGNER.name, new, root).sign(SIGNER)
    for _ in range(2):
        verdict = witness.consider(Submission(old, (LEAF,) if proof else (), note))
        assert verdict.status == status
        assert bool(verdict.lines) == (status == 200)
        assert seen(witness) == (new if status == 200 else known)
        old = new if status == 200 else old


# Requests of the same file (TestRace), made by another implementation: a log with hashes of its own making.
SIGSUM = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
SIGSUM_KEY = bytes.fromhex("ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f")
FIRST = f"""\
old 0

{SIGSUM}
1
KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

— {SIGSUM} UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=
"""
TO_THREE = f"""\
old 1
KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{SIGSUM}
3
RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=

— {SIGSUM} UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=
"""
TO_FIVE = f"""\
old 1
KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=
KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{SIGSUM}
5
QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=

— {SIGSUM} UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=
"""


@pytest.mark.parametrize("order", [(TO_THREE, TO_FIVE), (TO_FIVE, TO_THREE)])
def test_another_implementation_s_requests(tmp_path: Path, order: tuple[str, str]) -> None:
    witness = Witness.open(tmp_path, name=NAME)
    witness.trust(Verifier(SIGSUM, SIGSUM_KEY).vkey)
    assert Submission.parse(FIRST.encode()).to_bytes() == FIRST.encode()
    assert witness.consider(Submission.parse(FIRST.encode())).status == 200
    first, second = (witness.consider(Submission.parse(body.encode())) for body in order)
    assert (first.status, second.status) == (200, 409)
    assert second.size == (3 if order[0] is TO_THREE else 5)


@given(st.binary(max_size=300))
def test_no_other_bytes_are_a_request(data: bytes) -> None:
    with pytest.raises(ValueError):
        Submission.parse(data)


NOTE = signed(5)
ROOT64 = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "head",
    [
        "old 05\n",
        "old -1\n",
        "old +1\n",
        "old  1\n",
        "old 1 \n",
        "old \n",
        "Old 1\n",
        "1\n",
        "old 99999999999999999999\n",
        "old ١\n",
        f"old 5\n{ROOT64}x\n",
        f"old 5\n {ROOT64}\n",
        "old 5\nAAAA\n",
        f"old 5\n{ROOT64[:-2]}B=\n",
        "old 5\r\n",
        "old 5\n" + f"{ROOT64}\n" * 64,
    ],
)
def test_heads_that_are_none(head: str) -> None:
    with pytest.raises(ValueError):
        Submission.parse(head.encode() + b"\n" + NOTE)


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63), st.binary())
def test_any_request_reads_back(old: int, proof: list[bytes], note: bytes) -> None:
    given = Submission(old, tuple(proof), note)
    assert Submission.parse(given.to_bytes()) == given


@given(st.binary(max_size=200), st.integers(0, 10), st.integers(0, 3))
def test_no_note_moves_it_without_a_signature(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, old: int, where: int
) -> None:
    witness = Witness(
        tmp_path_factory.getbasetemp() / "fuzzed", cosigners=[Cosigner(NAME, bytes(32))], now=lambda: NOW
    )
    witness.folder.mkdir(exist_ok=True)
    witness.trust(SIGNER.verifier.vkey)
    cut = len(NOTE) * where // 4
    verdict = witness.consider(Submission(old, (), NOTE[:cut] + data + NOTE[cut:]))
    unchanged = (
        not data or (NOTE[:cut] + data + NOTE[cut:]) == NOTE
    )  # an inserted nothing: that one is the keeper's
    assert verdict.lines == "" or (unchanged and old in (0, 5))


def test_its_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no name was given"):
        Witness.open(tmp_path / "w")
    witness = Witness.open(tmp_path / "w", name=NAME)
    assert stat.S_IMODE((tmp_path / "w" / "witness.key").stat().st_mode) == 0o600
    vkeys = (tmp_path / "w" / "vkey").read_text().splitlines()
    keys = [CosignatureKey.from_vkey(vkey) for vkey in vkeys]
    assert [key.kind for key in keys] == [ED25519, MLDSA44]
    assert witness.keys == tuple(keys)
    assert Witness.open(tmp_path / "w").keys == witness.keys
    with pytest.raises(ConfigError, match="'other' was given as its name"):
        Witness.open(tmp_path / "w", name="other")
    (tmp_path / "w" / "trusted").write_text("nonsense\n")
    with pytest.raises(ConfigError, match="not a verifier key"):
        witness.trusted()
    (tmp_path / "w" / "witness.key").chmod(0o640)
    with pytest.raises(ConfigError, match="mode 640"):
        Witness.open(tmp_path / "w")


def test_a_key_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cosigner = Cosigner.generate(NAME)
    monkeypatch.setenv(KEY_VARIABLE, cosigner.text + "\n")
    witness = Witness.open(tmp_path / "w")
    assert witness.keys == (cosigner.key,)
    assert not (tmp_path / "w" / "witness.key").exists()
    witness.trust(SIGNER.verifier.vkey)
    assert witness.consider(growth(0, 5)).word == "cosigned"
    monkeypatch.setenv(KEY_VARIABLE, cosigner.text[:-3])
    with pytest.raises(ConfigError) as refused:
        Witness.open(tmp_path / "w")
    assert cosigner.text[-30:-3] not in str(refused.value)
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(ConfigError, match="lost its key"):
        Witness.open(tmp_path / "w", name=NAME)


@pytest.mark.parametrize("how", ["gone", "cut", "emptied", "replaced", "of another witness"])
def test_a_damaged_state_cosigns_nothing(witness: Witness, how: str) -> None:
    witness.consider(growth(0, 5))
    path = witness.folder / "seen" / origin_hash(SIGNER.name) / "checkpoint"
    data = path.read_bytes()
    text = signed(3).decode().partition("\n\n")[0] + "\n"
    changed = {
        "cut": data[: len(data) // 2],
        "emptied": b"",
        "replaced": signed(3),  # signed by the keeper, but never cosigned here
        "of another witness": signed(3) + Cosigner(NAME, bytes(32)).cosign(text, at=1).encode(),
    }
    path.unlink()
    if how != "gone":
        path.write_bytes(changed[how])
    with pytest.raises(LedgerError, match="cosigns nothing of") as refused:
        witness.consider(growth(5, 9))
    assert "make a new witness" in (refused.value.hint or "")


def test_a_full_disk_gives_no_cosignature(witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    witness.consider(growth(0, 5))

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(PeelianError, match="No space left"):
            witness.consider(growth(5, 9))
    assert seen(witness) == 5
    assert witness.consider(growth(5, 9)).word == "cosigned"


def killed(witness: Witness, submission: Submission, step: Callable[[int], bool]) -> bytes:
    """Let a process consider it and be killed at a step of its writing; what it gave out by then."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        real, count = durable.os.replace, 0

        def replace(*args: object) -> None:
            nonlocal count
            if step(count):
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1
            real(*args)  # type: ignore[arg-type]

        durable.os.replace = replace  # type: ignore[assignment]
        verdict = witness.consider(submission)
        if step(-1):
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(writer, verdict.lines.encode())
        os._exit(0)
    os.close(writer)
    given = b""
    while part := os.read(reader, 65536):
        given += part
    os.close(reader)
    os.waitpid(pid, 0)
    return given


@pytest.mark.parametrize("at", [0, 1, -1, 99])
def test_killed_anywhere_it_never_signs_two_histories(witness: Witness, at: int) -> None:
    witness.consider(growth(0, 5))
    given = killed(witness, growth(5, 9), lambda step: step == at)
    assert bool(given) == (at == 99)  # what was given out is on the disk
    again = Witness.open(witness.folder, now=lambda: NOW)
    assert seen(again) in ((9,) if at in (-1, 99) else (5,))
    other = grown(40, forked_at=6)  # consistent with 5 entries, not with the 9
    verdict = again.consider(growth(seen(again), 9, other))
    if at == 0:  # nothing of it was on the disk, and nobody was told
        assert verdict.word == "cosigned"
        assert again.consider(growth(9, 9)).word == FORK
    else:
        assert verdict.word == FORK
        assert verdict.lines == ""
        assert again.consider(growth(seen(again), 9)).word == "cosigned"
    histories = {
        cosigned.note.partition(b"\n\n")[0]
        for cosigned in map(again.consider, (growth(9, 9), growth(9, 9, other)))
        if cosigned.lines
    }
    assert len(histories) == 1


def test_two_at_once_take_turns(witness: Witness) -> None:
    """Many processes ask for two histories at once; only one of the two is cosigned, in each size."""
    witness.consider(growth(0, 5))
    other = grown(40, forked_at=6)
    pids = []
    for i in range(8):
        pid = os.fork()
        if pid == 0:
            tree = TREE if i % 2 else other
            verdict = witness.consider(growth(5, 9, tree))
            os._exit(0 if not verdict.lines else 10 + i % 2)
        pids.append(pid)
    codes = {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids}
    assert codes in ({0, 10}, {0, 11})


def test_a_copy_of_its_state_is_another_witness_s_word(witness: Witness, tmp_path: Path) -> None:
    """What a restored folder does, and why the documentation forbids it."""
    witness.consider(growth(0, 5))
    shutil.copytree(witness.folder, tmp_path / "backup")
    witness.consider(growth(5, 9))
    restored = Witness.open(tmp_path / "backup", now=lambda: NOW)
    verdict: Verdict = restored.consider(growth(5, 9, grown(40, forked_at=6)))
    assert verdict.word == "cosigned"
    assert cosignatures(verdict.note, witness.keys)
