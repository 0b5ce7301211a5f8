"""RFC 6962 / 9162 trees: the published vectors, and a naive reading of the RFC as the oracle."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from peelian.charter import merkle

# The reference data of Certificate Transparency (transparency-dev/merkle, testonly/constants.go).
LEAVES = [
    bytes.fromhex(x)
    for x in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    bytes.fromhex(x)
    for x in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
NODES_1 = [
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
]
NODES_2 = [
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
# Consistency proofs published with the same data: (old, new, path).
CONSISTENCY = [
    (1, 1, []),
    (6, 8, [NODES_1[2], NODES_1[3], NODES_2[0]]),
    (2, 5, [NODES_1[1], "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"]),
]


def naive_mth(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 2.1, word for word."""
    n = len(leaves)
    if n == 0:
        return sha256(b"").digest()
    if n == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < n:
        k *= 2
    return sha256(b"\x01" + naive_mth(leaves[:k]) + naive_mth(leaves[k:])).digest()


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    n = len(leaves)
    if n == 1:
        return []
    k = 1
    while k * 2 < n:
        k *= 2
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_mth(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_mth(leaves[:k])]


def naive_subproof(m: int, leaves: list[bytes], complete: bool) -> list[bytes]:
    n = len(leaves)
    if m == n:
        return [] if complete else [naive_mth(leaves)]
    k = 1
    while k * 2 < n:
        k *= 2
    if m <= k:
        return [*naive_subproof(m, leaves[:k], complete), naive_mth(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_mth(leaves[:k])]


def tree_of(leaves: list[bytes]) -> merkle.Tree:
    return merkle.Tree(merkle.leaf_hash(x) for x in leaves)


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    hashes = [merkle.leaf_hash(x) for x in LEAVES[:size]]
    assert merkle.tree_head(hashes) == ROOTS[size]
    assert tree_of(LEAVES).root(size) == ROOTS[size]
    assert merkle.edges_root([hashes]) == ROOTS[size]


def test_published_nodes() -> None:
    tree = tree_of(LEAVES)
    assert [tree.node(1, i).hex() for i in range(4)] == NODES_1
    assert [tree.node(2, i).hex() for i in range(2)] == NODES_2


@pytest.mark.parametrize(("old", "new", "path"), CONSISTENCY)
def test_published_consistency_proofs(old: int, new: int, path: list[str]) -> None:
    assert [h.hex() for h in merkle.consistency_proof(tree_of(LEAVES).node, old=old, new=new)] == path


def test_published_inclusion_proof_of_leaf_5_in_8() -> None:
    path = merkle.inclusion_proof(tree_of(LEAVES).node, index=5, size=8)
    assert [h.hex() for h in path] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        NODES_1[3],
        NODES_2[0],
    ]


def test_leaf_and_node_hashes_are_kept_apart() -> None:
    left, right = merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")
    assert merkle.node_hash(left, right) != merkle.leaf_hash(left + right)


@pytest.mark.parametrize("size", range(1, 34))
def test_every_proof_of_small_trees(size: int) -> None:
    leaves = [bytes([i, size]) for i in range(size)]
    tree = tree_of(leaves)
    root = naive_mth(leaves)
    assert tree.root() == root
    for index in range(size):
        path = merkle.inclusion_proof(tree.node, index=index, size=size)
        assert path == naive_path(index, leaves)
        leaf = merkle.leaf_hash(leaves[index])
        assert merkle.verify_inclusion(leaf, index=index, size=size, path=path, root=root)
        for wrong in range(size):
            if wrong != index:
                assert not merkle.verify_inclusion(leaf, index=wrong, size=size, path=path, root=root)
        assert not merkle.verify_inclusion(leaf, index=index, size=size, path=[*path, root], root=root)
        assert not merkle.verify_inclusion(root, index=index, size=size, path=path, root=leaf) or size == 1
    for old in range(size + 1):
        path = merkle.consistency_proof(tree.node, old=old, new=size)
        assert path == ([] if old == 0 else naive_subproof(old, leaves, True))
        old_root = naive_mth(leaves[:old])
        assert merkle.verify_consistency(old=old, old_root=old_root, new=size, new_root=root, path=path)
        if 0 < old < size:
            for i in range(len(path)):
                broken = [*path[:i], bytes(32), *path[i + 1 :]]
                assert not merkle.verify_consistency(
                    old=old, old_root=old_root, new=size, new_root=root, path=broken
                )
            assert not merkle.verify_consistency(
                old=old, old_root=old_root, new=size, new_root=root, path=path[:-1]
            )
            assert not merkle.verify_consistency(old=old, old_root=root, new=size, new_root=root, path=path)


@given(st.lists(st.binary(max_size=40), max_size=300))
def test_heads_agree_with_the_naive_reading(leaves: list[bytes]) -> None:
    hashes = [merkle.leaf_hash(x) for x in leaves]
    assert merkle.tree_head(hashes) == naive_mth(leaves) == merkle.Tree(hashes).root()


@given(st.integers(0, 70_000))
def test_edges_root_agrees_with_the_tree(size: int) -> None:
    hashes = [merkle.leaf_hash(b"x")] * 256
    full = [merkle.subtree_root(hashes)] * 256
    fuller = merkle.subtree_root(full)
    edges = [hashes[: size & 255], full[: (size >> 8) & 255], [fuller] * (size >> 16)]

    def node(level: int, index: int) -> bytes:  # all leaves are equal, so all subtrees of a height are
        return hashes[0] if level == 0 else merkle.node_hash(node(level - 1, 0), node(level - 1, 0))

    want = merkle.range_hash(node, 0, size) if size else merkle.EMPTY_ROOT
    assert merkle.edges_root(edges) == want


@given(st.data())
def test_a_changed_leaf_changes_the_head(data: st.DataObject) -> None:
    leaves = data.draw(st.lists(st.binary(max_size=8), min_size=1, max_size=40))
    index = data.draw(st.integers(0, len(leaves) - 1))
    changed = [*leaves]
    changed[index] += b"!"
    assert tree_of(changed).root() != tree_of(leaves).root()


def test_proofs_outside_of_the_tree_are_refused() -> None:
    tree = tree_of(LEAVES)
    with pytest.raises(ValueError, match="no leaf 8"):
        merkle.inclusion_proof(tree.node, index=8, size=8)
    with pytest.raises(ValueError, match="begins with one of 9"):
        merkle.consistency_proof(tree.node, old=9, new=8)
    assert not merkle.verify_inclusion(ROOTS[1], index=1, size=1, path=[], root=ROOTS[1])
    assert not merkle.verify_consistency(old=3, old_root=ROOTS[3], new=2, new_root=ROOTS[2], path=[])
    assert not merkle.verify_consistency(old=0, old_root=ROOTS[1], new=2, new_root=ROOTS[2], path=[])
    assert not merkle.verify_consistency(old=3, old_root=ROOTS[3], new=4, new_root=ROOTS[4], path=[])


@pytest.mark.parametrize("height", range(9))
def test_packed_hashes_have_the_same_root(height: int) -> None:
    leaves = [merkle.leaf_hash(b"%d" % i) for i in range(1 << height)]
    assert merkle.packed_root(b"".join(leaves)) == merkle.subtree_root(leaves)


def test_growth_by_another_implementation() -> None:
    """Our proofs of growth lead to the roots that pymerkle has; its own divide the tree otherwise."""
    theirs = InmemoryTree(algorithm="sha256")
    ours = merkle.Tree()
    for i in range(40):
        theirs.append_entry(b"%d" % i)
        ours.append(merkle.leaf_hash(b"%d" % i))
    for new in range(1, 41):
        assert theirs.get_root(new) == ours.root(new)
        for old in range(1, new):
            path = merkle.consistency_proof(ours.node, old=old, new=new)
            roots = {"old_root": theirs.get_root(old), "new_root": theirs.get_root(new)}
            assert merkle.verify_consistency(old=old, new=new, path=path, **roots)
