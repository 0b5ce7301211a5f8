"""Counts for the threshold test: laid out, or refused with the reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peelian.audits.threshold_counts import stop_counts
from peelian.errors import DataError, NotEnoughDataError, UsageError


def table(**changes: object) -> pd.DataFrame:
    """Two groups in three districts; `c` has no searches of blue."""
    frame = pd.DataFrame(
        {
            "district": ["a", "b", "c"] * 2,
            "group": ["red"] * 3 + ["blue"] * 3,
            "stops": [100, 200, 300, 50, 60, 70],
            "searches": [10, 20, 30, 15, 6, 0],
            "hits": [5, 4, 3, 2, 1, 0],
        }
    )
    return frame.assign(**changes)


def more(**row: object) -> pd.DataFrame:
    return pd.concat([table(), pd.DataFrame([row])], ignore_index=True)


def test_counts_by_group_and_district_with_the_reference_first() -> None:
    counts = stop_counts(table().sample(frac=1, random_state=1), reference="red")
    assert counts.groups == ("red", "blue")
    assert counts.districts == ("a", "b", "c")
    assert counts.stops.tolist() == [[100, 200, 300], [50, 60, 70]]
    assert counts.searches.tolist() == [[10, 20, 30], [15, 6, 0]], "a district without searches stays in"
    assert counts.hits.tolist() == [[5, 4, 3], [2, 1, 0]]
    assert counts.notes == ()


def test_a_group_that_a_district_lacks_has_no_stops_there() -> None:
    rows = [
        {"district": d, "group": "green", "stops": 80, "searches": 20, "hits": n}
        for d, n in (("a", 3), ("c", 4))
    ]
    counts = stop_counts(pd.concat([table(), pd.DataFrame(rows)]), reference="blue")
    assert counts.groups == ("blue", "green", "red")
    assert counts.stops[1].tolist() == [80, 0, 80]
    assert counts.hits[1].tolist() == [3, 0, 4]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"district": "a", "stops": 90, "searches": 30, "hits": 3}, "in 1 districts"),
        ({"district": "a", "stops": 90, "searches": 3, "hits": 3}, "3 searches"),
    ],
)
def test_a_group_in_one_district_or_hardly_searched_is_told_and_not_used(
    row: dict[str, object], why: str
) -> None:
    counts = stop_counts(more(group="green", **row), reference="red")
    assert counts.groups == ("red", "blue")
    assert counts.unused["green"].totals == (90, row["searches"], 3)
    assert why in counts.unused["green"].why


def test_stops_without_a_group_or_district_are_counted_and_told() -> None:
    frame = more(district="a", group=None, stops=40, searches=4, hits=1)
    counts = stop_counts(frame, reference="red")
    assert counts.stops.sum() == 780
    assert counts.notes[0].startswith("40 of 820 stops are without a district or a group")


def test_districts_without_stops_are_told() -> None:
    counts = stop_counts(more(district="d", group="red", stops=0, searches=0, hits=0), reference="red")
    assert counts.districts == ("a", "b", "c")
    assert counts.notes == ("1 districts have no stops of these groups and were left out.",)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hits": [5, 4, 3, 16, 1, 0]}, "district a, group blue: 50 stops, 15 searches, 16 hits"),
        ({"searches": [10, 201, 30, 15, 6, 0]}, "district b, group red: 200 stops, 201 searches"),
        ({"hits": [5, np.nan, 3, 2, 1, 0]}, "1 rows have hits such as"),
        ({"hits": [5, 3.5, 3, 2, 1, 0]}, "whole numbers"),
        ({"stops": [-1, 200, 300, 50, 60, 70]}, "1 rows have stops such as"),
        ({"stops": ["many", 200, 300, 50, 60, 70]}, "'many'"),
        ({"stops": [np.inf, 200, 300, 50, 60, 70]}, "whole numbers"),
        ({"district": ["a", "a", "c"] * 2}, "come more than once"),
    ],
)
def test_contradictions_and_unknown_counts_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        stop_counts(table(**changes), reference="red")


def test_searches_alone_can_not_tell_a_threshold() -> None:
    with pytest.raises(NotEnoughDataError, match="every stop in these counts is a search") as refused:
        stop_counts(table(stops=table()["searches"]), reference="red")
    assert "all stops" in str(refused.value.hint)


@pytest.mark.parametrize("reference", ["red", "blue"])
def test_too_few_searches_of_the_reference_or_of_all_others_are_refused(reference: str) -> None:
    frame = table(searches=[10, 20, 30, 15, 3, 0], hits=0)
    with pytest.raises(NotEnoughDataError, match="18 searches in 3 districts, fewer than 20 in 2"):
        stop_counts(frame, reference=reference)


def test_a_missing_column_and_an_unknown_reference_are_refused() -> None:
    with pytest.raises(UsageError, match="without hits"):
        stop_counts(table().drop(columns="hits"), reference="red")
    with pytest.raises(UsageError, match="expected one of blue, red"):
        stop_counts(table(), reference="grey")
    with pytest.raises(NotEnoughDataError):
        stop_counts(table().head(0), reference="red")
