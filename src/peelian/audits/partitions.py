"""Ways to cut a map into blocks: compact ones of units of any shape, or runs of census tracts.

How far neighbouring units are alike is not known, and 20 or 50 units are too few to measure it. So a map is cut in
several ways, from blocks of one unit to five large ones, and whoever makes an interval takes the widest. A few large
blocks hold what small ones miss (Bester, Conley and Hansen 2011, Inference with dependent data using cluster
covariance estimators, Journal of Econometrics 165), at the price of the wide quantiles of Student's t with few degrees
of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Partition", "block_numbers", "compact_partitions", "nested_partitions", "separate_partition"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST_BLOCKS = 5
"""Fewer blocks than these are not made of more units: Student's t has tails too long to say anything."""
MOST_BLOCKS = 512
"""With more, an interval gains nothing, and neighbours in different blocks are taken as unlike."""
TURNS = (0.0, 22.5, 45.0, 67.5)
"""Degrees by which a map is turned before it is cut, so that no number rests on where one line fell."""


@dataclass(frozen=True)
class Partition:
    """One size of blocks.

    Parameters
    ----------
    blocks : int
    labels : tuple of array of int, shape (n_units,)
        The block of each unit, from 0 without gaps; one array for each way in which the map was turned.
    """

    blocks: int
    labels: tuple[Ints, ...]


def block_numbers(units: int) -> list[int]:
    """In how many blocks so many units are cut: all, a half, a quarter, and 12, 8, 6 and 5, as far as they go."""
    finest = min(units, MOST_BLOCKS)
    wanted = {finest, finest // 2, finest // 4, 12, 8, 6, FEWEST_BLOCKS}
    made = sorted((n for n in wanted if FEWEST_BLOCKS <= n <= finest), reverse=True)
    return made or [units]


def compact_partitions(x: npt.ArrayLike, y: npt.ArrayLike) -> list[Partition]:
    """Cut units into compact blocks of as many units each, by halving the longer side again and again.

    Parameters
    ----------
    x, y : array of float, shape (n_units,)
        A point of each unit, in a projected CRS.

    Returns
    -------
    list of Partition
        From the most blocks to the fewest.

    Notes
    -----
    Bentley (1975), Multidimensional binary search trees, Communications of the ACM 18.
    """
    points = np.column_stack([np.asarray(x, dtype=float), np.asarray(y, dtype=float)])
    turned = [points @ _turn(angle) for angle in TURNS]
    made = []
    for blocks in block_numbers(len(points)):
        if blocks == len(points):
            made.append(Partition(blocks, (np.arange(blocks, dtype=np.int64),)))
        else:
            made.append(Partition(blocks, tuple(_halved(one, blocks) for one in turned)))
    return made


def nested_partitions(clusters: Sequence[str]) -> list[Partition]:
    """Cut units into runs of clusters that follow each other by name, such as census tracts.

    Parameters
    ----------
    clusters : sequence of str, length n_units
        The tract of each unit. Tracts with numbers that follow each other are neighbours as a rule.
    """
    _, number = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)
    held = np.bincount(number)
    # The middle of each cluster in the row of all units says to which block it goes: clusters stay whole.
    middle = (np.cumsum(held) - held / 2) / held.sum()
    made: dict[int, Partition] = {}
    for blocks in block_numbers(held.size):
        run = np.arange(held.size) if blocks == held.size else np.floor(middle * blocks).astype(np.int64)
        label = np.unique(run, return_inverse=True)[1].astype(np.int64)[number]
        made.setdefault(int(label.max()) + 1, Partition(int(label.max()) + 1, (label,)))
    return list(made.values())


def separate_partition(units: int) -> list[Partition]:
    """Each unit a block of its own: all that can be done where nothing is known of where they lie."""
    return [Partition(units, (np.arange(units, dtype=np.int64),))]


def _turn(degrees: float) -> Floats:
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cos, -sin], [sin, cos]])


def _halved(points: Floats, blocks: int) -> Ints:
    labels = np.zeros(len(points), dtype=np.int64)
    waiting, made = [(np.arange(len(points)), blocks)], 0
    while waiting:
        held, n = waiting.pop()
        if n == 1:
            labels[held], made = made, made + 1
            continue
        sides = np.ptp(points[held], axis=0)
        # Rounded, so that the last digits of a turned coordinate decide nothing.
        along = np.round(points[held, int(sides[1] > sides[0])], 6)
        ordered = held[np.argsort(along, kind="stable")]
        cut = round(held.size * (n // 2) / n)
        waiting += [(ordered[cut:], n - n // 2), (ordered[:cut], n // 2)]
    return labels
