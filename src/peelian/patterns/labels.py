"""Which incidents are known to be of one series: labels of incidents, and the pairs that follow from them.

A label names a series and nothing else. An incident may be of several series; two incidents are *linked* if they share
one, and *unlinked* if both have labels and share none. Nothing is concluded about an incident without a label.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from peelian.errors import DataError, NotEnoughDataError

__all__ = ["Labelled", "TrainingPairs", "read_labels", "training_pairs"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LEAST_SERIES = 5
"""Series of two incidents or more: fewer can't be split into those to learn from and those to try it on."""

MOST_UNLINKED = 200_000
MOST_OF_ONE = 2_000
"""Linked pairs of one series that are used; they count as one series however many they are."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labels of n incidents.

    Attributes
    ----------
    group : array of int, shape (n,)
        Incidents that hang together by shared series have the same group; -1 has no label.
    one, two : array of int, shape (linked,)
        Rows of the linked pairs, ``one < two``.
    series : int
        Groups of two incidents or more.
    """

    group: Ints
    one: Ints
    two: Ints
    series: int

    @property
    def rows(self) -> Ints:
        """Rows of the incidents that have a label."""
        return np.flatnonzero(self.group >= 0)

    def within(self, keep: Bools) -> Labelled:
        """These labels, for the incidents of some groups only; shape (n,) of `keep`."""
        group = np.where(keep, self.group, -1)
        both = keep[self.one] & keep[self.two]
        one, two = self.one[both], self.two[both]
        return Labelled(group, one, two, np.unique(group[one]).size)


def read_labels(labels: pd.Series | Mapping[str, Hashable], ids: npt.NDArray[np.object_]) -> Labelled:
    """Linked pairs from labels of incidents.

    Parameters
    ----------
    labels : pandas.Series or mapping
        Incident id to series. In a Series an id may come more than once: the incident is of several series. Missing
        labels are left out.
    ids : array of str, shape (n,)
        Ids of the incidents.

    Raises
    ------
    DataError
        A label is of an incident that isn't there.
    """
    given = (labels if isinstance(labels, pd.Series) else pd.Series(dict(labels), dtype=object)).dropna()
    named = given.index.astype(str)
    row = pd.Index(ids).get_indexer(pd.Index(named.to_numpy(dtype=object)))
    if bool((row < 0).any()):
        unknown = sorted(set(named[row < 0]))
        some = ", ".join(unknown[:3])
        msg = f"labels are given of {len(unknown):,} incidents that are not there, such as {some}"
        raise DataError(
            msg, hint="label incidents by their id; leave out labels of incidents that are not looked at"
        )
    group = np.full(ids.size, -1, dtype=np.int64)
    if not row.size:
        return Labelled(group, np.empty(0, np.int64), np.empty(0, np.int64), 0)
    name = pd.factorize(given.astype(str))[0]
    member = sparse.csr_matrix((np.ones(row.size), (row, name)), shape=(ids.size, int(name.max()) + 1))
    shared = sparse.triu(member @ member.T, k=1).tocoo()
    order = np.lexsort((shared.col, shared.row))
    one, two = shared.row[order].astype(np.int64), shared.col[order].astype(np.int64)
    part = sparse.csgraph.connected_components(sparse.coo_matrix(shared), directed=False)[1]
    labelled = np.zeros(ids.size, dtype=np.bool_)
    labelled[row] = True
    group[labelled] = part[labelled]
    return Labelled(group, one, two, np.unique(group[one]).size)


def check_enough(labelled: Labelled) -> None:
    """Raise NotEnoughDataError unless there is something to learn from."""
    incidents = labelled.rows.size
    if labelled.series < LEAST_SERIES:
        msg = (
            f"labels name {labelled.series} series of two incidents or more, in {incidents:,} labelled incidents; "
            f"to learn what linked incidents have in common takes at least {LEAST_SERIES}"
        )
        hint = "label more series, or leave the labels out: incidents nearer than chance need none"
        raise NotEnoughDataError(msg, hint=hint)
    pairs = incidents * (incidents - 1) // 2
    if pairs - labelled.one.size < 10 * LEAST_SERIES:
        msg = f"nearly all of the {pairs:,} pairs of labelled incidents are linked; expected incidents apart as well"
        raise NotEnoughDataError(
            msg, hint="label incidents that are known to be of other series, or to stand alone"
        )


@dataclass(frozen=True, eq=False)
class TrainingPairs:
    """Pairs to learn from.

    Attributes
    ----------
    one, two : array of int, shape (pairs,)
    linked : array of bool, shape (pairs,)
    group : array of int, shape (pairs,)
        Group of a linked pair, -1 otherwise.
    weight : array of float, shape (pairs,)
        One over the linked pairs of the group, so that each series counts as one however long it is; unlinked pairs
        count as many as they stand for.
    unlinked : int
        Unlinked pairs in all, of which a sample may stand for them.
    """

    one: Ints
    two: Ints
    linked: Bools
    group: Ints
    weight: Floats
    unlinked: int


def training_pairs(labelled: Labelled, *, most: int = MOST_UNLINKED, seed: int = 0) -> TrainingPairs:
    """All linked pairs, and the unlinked ones or a sample of them.

    Parameters
    ----------
    labelled : Labelled
    most : int
        Unlinked pairs to draw where there are more.
    seed : int
    """
    rng = np.random.default_rng(seed)
    one, two = _thinned(labelled, rng)
    rows = labelled.rows
    n = labelled.group.size
    linked_keys = np.sort(labelled.one * n + labelled.two)
    total = rows.size * (rows.size - 1) // 2
    if total <= 2 * most:
        a, b = np.triu_indices(rows.size, 1)
    else:
        a, b = rng.integers(0, rows.size, (2, 2 * most))
        a, b = np.minimum(a, b)[a != b], np.maximum(a, b)[a != b]
        a, b = np.divmod(np.unique(a * rows.size + b), rows.size)
    key = rows[a] * n + rows[b]
    at = np.minimum(np.searchsorted(linked_keys, key), max(0, linked_keys.size - 1))
    apart = linked_keys[at] != key if linked_keys.size else np.ones(key.size, dtype=np.bool_)
    left, right = rows[a[apart]], rows[b[apart]]
    if left.size > most:
        drawn = np.sort(rng.choice(left.size, most, replace=False))
        left, right = left[drawn], right[drawn]
    unlinked = total - linked_keys.size
    group = labelled.group[one]
    number = np.bincount(group, minlength=1)[group] if group.size else np.empty(0)
    return TrainingPairs(
        np.concatenate([one, left]),
        np.concatenate([two, right]),
        np.repeat([True, False], [one.size, left.size]),
        np.concatenate([group, np.full(left.size, -1)]),
        np.concatenate([1.0 / number, np.full(left.size, unlinked / max(1, left.size))]),
        unlinked,
    )


def _thinned(labelled: Labelled, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Linked pairs, of a very long series a sample."""
    group = labelled.group[labelled.one]
    number = np.bincount(group, minlength=1)
    if number.max(initial=0) <= MOST_OF_ONE:
        return labelled.one, labelled.two
    keep = rng.random(group.size) * number[group] <= MOST_OF_ONE
    return labelled.one[keep], labelled.two[keep]
