"""A fork is told from a rewind and from a damaged proof, and whoever has the ledger's public key can check it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.charter.divergence import FORK, REWIND, UNPROVEN, Divergence, implied_root
from peelian.charter.merkle import Tree, consistency_proof, leaf_hash
from peelian.charter.note import Checkpoint, Signer
from peelian.errors import LedgerError

SIGNER = Signer("city.example/ledger", bytes(range(32)))
AT = "2026-11-23T12:00:00Z"


def grown(size: int, *, forked_at: int | None = None) -> Tree:
    """A tree whose leaves differ from those of the others from ``forked_at`` on."""
    return Tree(
        leaf_hash(b"%d%s" % (i, b"'" if forked_at is not None and i >= forked_at else b""))
        for i in range(size)
    )


def signed(tree: Tree, size: int | None = None, signer: Signer = SIGNER) -> bytes:
    size = len(tree) if size is None else size
    return Checkpoint(signer.name, size, tree.root(size)).sign(signer)


def diverged(
    seen: bytes, shown: bytes, proof: list[bytes] | None = None, other: bytes | None = None
) -> Divergence:
    return Divergence.of(seen, shown, by="college.example/w1", at=AT, proof=proof or (), other_root=other)


@given(st.integers(1, 70), st.integers(1, 70))
def test_a_proof_says_which_old_root_it_is_of(a: int, b: int) -> None:
    old, new = sorted((a, b))
    tree = grown(new)
    path = consistency_proof(tree.node, old=old, new=new)
    found = implied_root(old=old, new=new, new_root=tree.root(), path=path)
    contained = old < new and old & (old - 1) != 0
    assert found == (tree.root(old) if contained else None)
    if contained:
        assert implied_root(old=old, new=new, new_root=bytes(32), path=path) is None
        assert implied_root(old=old, new=new, new_root=tree.root(), path=[*path, bytes(32)]) is None
        assert implied_root(old=old, new=new, new_root=tree.root(), path=path[:-1]) is None


def test_two_roots_of_one_size_are_a_fork() -> None:
    found = diverged(signed(grown(7)), signed(grown(7, forked_at=3)))
    assert found.kind == FORK
    assert found.said == "fork: the keeper of city.example/ledger signed two different ledgers of 7 entries"
    found.check([SIGNER.verifier])


@pytest.mark.parametrize("seen", [1, 2, 3, 5, 8, 12])
@pytest.mark.parametrize("known", [True, False])
def test_a_larger_ledger_that_begins_differently_is_a_fork(seen: int, known: bool) -> None:
    other = grown(13, forked_at=seen - 1)
    proof = consistency_proof(other.node, old=seen, new=13)
    found = diverged(signed(grown(seen)), signed(other), proof, other.root(seen) if known else None)
    # Without the other ledger at hand, a proof from a power of two does not hold the root that it begins with.
    provable = known or seen not in (1, 2, 8)
    assert found.kind == (FORK if provable else UNPROVEN)
    assert ("begins differently" if provable else "It was forked, or") in found.said
    found.check([SIGNER.verifier])


def test_a_claimed_root_is_not_believed_without_its_proof() -> None:
    other = grown(13, forked_at=2)
    found = diverged(signed(grown(8)), signed(other), [bytes(32)] * 4, other.root(8))
    assert (found.kind, found.other_root) == (UNPROVEN, None)
    true = grown(13)  # growth that holds, and a claim that it doesn't
    proof = consistency_proof(true.node, old=8, new=13)
    claimed = Divergence(FORK, signed(grown(8)), signed(true), "w", AT, tuple(proof), bytes(32))
    with pytest.raises(LedgerError, match="don't show a fork"):
        claimed.check([SIGNER.verifier])


def test_a_smaller_ledger_is_a_rewind() -> None:
    found = diverged(signed(grown(7)), signed(grown(1)))
    assert found.kind == REWIND
    assert found.said.startswith(
        "rewind: city.example/ledger had 7 entries and was shown with 1 entry at 2026"
    )
    assert found.sizes == (7, 1)
    found.check([SIGNER.verifier])


def test_every_kind_reads_back_and_is_checked_by_anyone() -> None:
    other = grown(13, forked_at=2)
    for found in (
        diverged(signed(grown(7)), signed(grown(7, forked_at=3))),
        diverged(signed(grown(5)), signed(other), consistency_proof(other.node, old=5, new=13)),
        diverged(signed(grown(7)), signed(grown(5))),
        diverged(signed(grown(7)), signed(grown(13)), [bytes(32)]),
    ):
        data = found.to_bytes()
        assert json.loads(data)["said"] == found.said
        again = Divergence.from_bytes(data)
        assert again == found
        again.check([SIGNER.verifier])
        for kind in {FORK, REWIND, UNPROVEN, "harmless"} - {found.kind}:
            body = json.loads(data) | {"kind": kind}
            misnamed = Divergence.from_bytes(json.dumps(body).encode())
            with pytest.raises(LedgerError, match=f"don't show a {kind}"):
                misnamed.check([SIGNER.verifier])


def test_signatures_of_others_are_no_evidence() -> None:
    impostor = Signer(SIGNER.name, bytes(32))
    found = diverged(signed(grown(7)), signed(grown(7, forked_at=3), signer=impostor))
    with pytest.raises(LedgerError, match="no trusted key"):
        found.check([SIGNER.verifier])
    elsewhere = Signer("else.example/ledger", bytes(32))
    with pytest.raises(LedgerError, match=r"keys were given of \['else"):
        found.check([elsewhere.verifier])
    with pytest.raises(LedgerError, match="keys were given"):
        found.check([])


def test_an_honest_growth_is_no_divergence() -> None:
    tree = grown(13)
    proof = consistency_proof(tree.node, old=5, new=13)
    for kind in (FORK, REWIND, UNPROVEN):
        with pytest.raises(LedgerError, match=f"don't show a {kind}"):
            Divergence(kind, signed(tree, 5), signed(tree), "w", AT, tuple(proof)).check([SIGNER.verifier])


@given(st.binary(max_size=200))
def test_other_files_are_refused_without_a_crash(data: bytes) -> None:
    with pytest.raises(LedgerError, match="no file of a witness"):
        Divergence.from_bytes(data)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3), max_leaves=5
    ),
    st.sampled_from(["format", "kind", "by", "at", "seen", "shown", "proof", "other_root"]),
)
def test_files_with_another_value_are_refused_or_read(value: object, key: str) -> None:
    given = diverged(signed(grown(7)), signed(grown(5)))
    body = json.loads(given.to_bytes())
    try:
        found = Divergence.from_bytes(json.dumps(body | {key: value}).encode())
    except LedgerError:
        return
    assert key in ("kind", "by", "at") or found == given
    assert found.sizes == (7, 5)
