"""Labels of series: what is linked, what is not, and what nobody knows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peelian.errors import DataError, NotEnoughDataError
from peelian.patterns import labels as module
from peelian.patterns.labels import check_enough, read_labels, training_pairs

IDS = np.array([f"i{k}" for k in range(12)], dtype=object)


def test_incidents_that_share_a_series_are_linked() -> None:
    found = read_labels({"i3": "a", "i1": "a", "i7": "b", "i5": "a"}, IDS)
    assert list(zip(found.one, found.two, strict=True)) == [(1, 3), (1, 5), (3, 5)]
    assert found.series == 1
    assert found.rows.tolist() == [1, 3, 5, 7]
    assert (found.group[[0, 2, 4]] == -1).all()


def test_an_incident_of_two_series_is_linked_with_both_and_links_neither() -> None:
    both = pd.Series(["a", "b", "a", "b", None], index=["i0", "i0", "i1", "i2", "i4"])
    found = read_labels(both, IDS)
    assert list(zip(found.one, found.two, strict=True)) == [(0, 1), (0, 2)], "i1 and i2 share no series"
    assert found.group[0] == found.group[1] == found.group[2]
    assert found.series == 1, "they hang together, and must stay together when labels are split"
    assert found.rows.tolist() == [0, 1, 2], "a missing label is none"
    pairs = training_pairs(found)
    assert pairs.linked.tolist() == [True, True, False]
    assert pairs.weight[:2].tolist() == [0.5, 0.5]


def test_the_same_label_twice_changes_nothing() -> None:
    once = pd.Series(["a", "a"], index=["i0", "i1"])
    twice = pd.concat([once, once])
    assert read_labels(twice, IDS).one.tolist() == read_labels(once, IDS).one.tolist() == [0]


def test_labels_of_unknown_incidents() -> None:
    with pytest.raises(DataError, match="2 incidents that are not there, such as nowhere, x9"):
        read_labels({"x9": "a", "nowhere": "a", "i1": "b"}, IDS)


@pytest.mark.parametrize("given", [{}, {"i1": None}, {"i1": "a", "i2": "a", "i3": "b"}])
def test_no_labels_and_one_series_are_too_few(given: dict[str, object]) -> None:
    found = read_labels(given, IDS)
    with pytest.raises(NotEnoughDataError, match="takes at least 5") as no:
        check_enough(found)
    assert "nearer than chance" in str(no.value.hint)


def test_nothing_but_linked_pairs_is_too_little() -> None:
    found = read_labels({f"i{k}": f"s{k // 2}" for k in range(10)}, IDS)
    assert found.series == 5
    with pytest.raises(NotEnoughDataError, match="nearly all"):
        check_enough(found)


def test_each_series_counts_as_one() -> None:
    given = {f"i{k}": "long" for k in range(6)} | {"i6": "short", "i7": "short", "i8": "x", "i9": "y"}
    pairs = training_pairs(read_labels(given, IDS))
    assert pairs.linked.sum() == 16
    sums = pd.Series(pairs.weight[pairs.linked]).groupby(pairs.group[pairs.linked]).sum()
    assert sums.tolist() == pytest.approx([1.0, 1.0])
    assert pairs.unlinked == (~pairs.linked).sum() == 45 - 16
    assert (pairs.group[~pairs.linked] == -1).all()
    assert pairs.weight[~pairs.linked].tolist() == [1.0] * 29


def test_of_very_many_unlinked_pairs_a_sample_stands_for_all() -> None:
    ids = np.array([f"i{k}" for k in range(400)], dtype=object)
    given = read_labels({f"i{k}": f"s{k // 2}" for k in range(400)}, ids)
    few = training_pairs(given, most=500, seed=1)
    assert few.linked.sum() == 200
    assert (~few.linked).sum() == 500
    assert few.weight[~few.linked].sum() == pytest.approx(few.unlinked) == 400 * 399 / 2 - 200
    linked = set(zip(given.one, given.two, strict=True))
    drawn = list(zip(few.one[~few.linked], few.two[~few.linked], strict=True))
    assert len(set(drawn)) == 500
    assert not linked & set(drawn)
    assert (few.one < few.two).all()
    again = training_pairs(given, most=500, seed=1)
    assert np.array_equal(few.one, again.one)
    assert not np.array_equal(few.one, training_pairs(given, most=500, seed=2).one)


def test_of_a_very_long_series_a_sample_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OF_ONE", 100)
    ids = np.array([f"i{k}" for k in range(60)], dtype=object)
    given = read_labels({f"i{k}": "long" if k < 40 else f"s{k}" for k in range(60)}, ids)
    pairs = training_pairs(given)
    assert 60 < pairs.linked.sum() < 140
    assert pairs.weight[pairs.linked].sum() == pytest.approx(1.0)


def test_within_keeps_whole_groups() -> None:
    found = read_labels({f"i{k}": f"s{k // 3}" for k in range(12)}, IDS)
    part = found.within(found.group < 2)
    assert part.rows.tolist() == list(range(6))
    assert part.one.size == 6
    assert part.series == 2
