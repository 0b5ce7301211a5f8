"""Blocks of units: compact, as many as asked, the same whichever way the rows come."""

from __future__ import annotations

import numpy as np
import pytest

from peelian.audits.partitions import (
    block_numbers,
    compact_partitions,
    nested_partitions,
    separate_partition,
)


@pytest.mark.parametrize(
    ("units", "numbers"),
    [
        (1, [1]),
        (4, [4]),
        (5, [5]),
        (13, [13, 12, 8, 6, 5]),
        (40, [40, 20, 12, 10, 8, 6, 5]),
        (3000, [512, 256, 128, 12, 8, 6, 5]),
    ],
)
def test_how_many_blocks(units: int, numbers: list[int]) -> None:
    assert block_numbers(units) == numbers


def test_blocks_are_compact_and_even() -> None:
    x, y = (a.ravel().astype(float) for a in np.meshgrid(np.arange(12), np.arange(12)))
    for part in compact_partitions(x, y):
        for label in part.labels:
            held = np.bincount(label, minlength=part.blocks)
            assert held.size == part.blocks
            assert held.min() >= 1
            assert held.max() <= 2 * held.min() + 1
        if part.blocks == 12:
            label = part.labels[0]
            widest = max(max(np.ptp(x[label == b]), np.ptp(y[label == b])) for b in range(12))
            assert widest <= 5, "a twelfth of a square of 12 is not a strip"


def test_rows_in_another_order_make_the_same_blocks() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 10_000, (2, 60))
    order = rng.permutation(60)
    for one, other in zip(compact_partitions(x, y), compact_partitions(x[order], y[order]), strict=True):
        for a, b in zip(one.labels, other.labels, strict=True):
            same = a[order][:, None] == a[order][None, :]
            assert np.array_equal(same, b[:, None] == b[None, :])


def test_units_in_one_point_are_cut_all_the_same() -> None:
    made = compact_partitions(np.zeros(20), np.zeros(20))
    assert [part.blocks for part in made] == block_numbers(20)
    assert all(np.bincount(label).min() > 0 for part in made for label in part.labels)


def test_tracts_stay_whole() -> None:
    tracts = [f"290010{i // 4:05d}" for i in range(80)]
    made = nested_partitions(tracts)
    assert made[0].blocks == 20
    for part in made:
        (label,) = part.labels
        assert all(len(set(label[i : i + 4])) == 1 for i in range(0, 80, 4))
        assert np.all(np.diff(label) >= 0), "runs of numbers that follow each other"


def test_one_by_one() -> None:
    (part,) = separate_partition(7)
    assert part.blocks == 7
    assert part.labels[0].tolist() == list(range(7))
