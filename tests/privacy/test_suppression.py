from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

import peelian.privacy
from peelian.errors import DataError, UsageError
from peelian.privacy import HIDDEN, Suppressed, suppress


def column(*values: int) -> pd.DataFrame:
    return pd.DataFrame({"area": [f"a{i}" for i in range(len(values))], "n": values})


def with_totals(inside: np.ndarray, *, row: bool = True, beside: bool = True) -> pd.DataFrame:
    table = pd.DataFrame(inside, columns=[f"c{j}" for j in range(inside.shape[1])])
    table.index = pd.Index([f"r{i}" for i in range(len(table))])
    if beside:
        table["all"] = inside.sum(axis=1)
    if row:
        table.loc["Total"] = table.sum(axis=0)
    return table


def attack(
    made: Suppressed, *, counts: list[str], true: pd.DataFrame, rows: bool, columns: bool,
    total_row: Hashable | None = None, total_column: str | None = None,
) -> list[tuple[float, float]]:  # fmt: skip
    """Bounds of every hidden number, by linear programs over all tables that fit what is shown and the known sums."""
    threshold, frame = made.threshold, made.frame
    inside = frame if total_row is None else frame.drop(index=total_row)
    n, m = len(inside), len(counts)
    lower, upper, sums = [], [], []

    def bounds(shown: Any) -> tuple[float, float]:
        if shown == made.marker:
            return 1, threshold - 1
        return (0 if made.vague else threshold, np.inf) if shown == HIDDEN else (float(shown), float(shown))

    def known(mask: np.ndarray, shown: Any) -> None:
        low, high = bounds(shown)
        sums.append(mask.ravel())
        lower.append(low)
        upper.append(high)

    hidden = []
    for i, r in enumerate(inside.index):
        for j, c in enumerate(counts):
            one = np.zeros((n, m))
            one[i, j] = 1
            known(one, frame.loc[r, c])
            if isinstance(frame.loc[r, c], str):
                hidden.append(one.ravel())
    body = true if total_row is None else true.drop(index=total_row)
    for i, r in enumerate(inside.index):
        one = np.zeros((n, m))
        one[i] = 1
        shown = frame.loc[r, total_column] if total_column else body.loc[r, counts].sum()
        if rows:
            known(one, shown)
            hidden += [one.ravel()] if isinstance(shown, str) else []
    for j, c in enumerate(counts):
        one = np.zeros((n, m))
        one[:, j] = 1
        shown = frame.loc[total_row, c] if total_row is not None else body[c].sum()
        if columns:
            known(one, shown)
            hidden += [one.ravel()] if isinstance(shown, str) else []
    if rows and columns:
        both = total_row is not None and total_column is not None
        shown = frame.loc[total_row, total_column] if both else body[counts].to_numpy().sum()
        known(np.ones((n, m)), shown)
        hidden += [np.ones(n * m)] if isinstance(shown, str) else []
    a, low, high = np.array(sums), np.array(lower), np.array(upper)
    finite = np.isfinite(high)
    rows_ub, b_ub = np.vstack([a[finite], -a]), np.r_[high[finite], -low]
    found = []
    for aim in hidden:
        ends = []
        for sign in (1, -1):
            solved = optimize.linprog(sign * aim, A_ub=rows_ub, b_ub=b_ub, bounds=(0, None))
            assert solved.status in (0, 3), solved.message
            ends.append(sign * solved.fun if solved.status == 0 else np.inf)
        found.append((ends[0], ends[1]))
    return found


def test_one_small_count_hides_the_smallest_larger_one_too() -> None:
    made = suppress(column(3, 40, 0, 7, 12), threshold=5, counts=["n"])
    assert made.frame["n"].tolist() == ["<5", 40, 0, HIDDEN, 12]
    assert not made.vague
    assert made.log.to_dict("records") == [
        {"row": 0, "column": "n", "kind": "primary", "marker": "<5", "protects": ""},
        {"row": 3, "column": "n", "kind": "secondary", "marker": HIDDEN, "protects": "0 / n"},
    ]


def test_without_a_known_total_only_small_counts_are_hidden() -> None:
    made = suppress(column(3, 40, 7), threshold=5, counts=["n"], totals="none")
    assert made.frame["n"].tolist() == ["<5", 40, 7]


def test_zero_and_the_threshold_itself_are_shown() -> None:
    made = suppress(column(0, 5, 6), threshold=5, counts=["n"])
    assert made.frame["n"].tolist() == [0, 5, 6]
    assert made.log.empty
    assert made.note == "No number in this table is from 1 to 4; nothing is hidden."


def test_a_small_total_is_hidden_too() -> None:
    table = pd.DataFrame({"n": [3, 0, 3]}, index=["a", "b", "Total"])
    assert suppress(table, threshold=5, counts=["n"], total_row="Total").frame["n"].tolist() == [
        "<5",
        0,
        "<5",
    ]


def test_a_total_that_would_give_a_count_away_is_hidden() -> None:
    table = pd.DataFrame({"n": [4, 4, 8]}, index=["a", "b", "Total"])
    made = suppress(table, threshold=5, counts=["n"], total_row="Total")
    assert made.frame["n"].tolist() == ["<5", "<5", HIDDEN]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 0, 0], [HIDDEN, "<5", 0]),  # the total of 3 is known: only a zero is left to hide it with
        ([1, 1, 0], [HIDDEN, "<5", 0]),  # 1 + 1 = 2 has one way within 1 to 4
        ([4, 4], [HIDDEN, "<5"]),
        ([2, 3, 0], ["<5", "<5", 0]),
    ],
)
def test_where_markers_give_a_count_away_one_of_them_tells_nothing(
    values: list[int], expected: list[Any]
) -> None:
    table = column(*values)
    made = suppress(table, threshold=5, counts=["n"])
    assert sorted(map(str, made.frame["n"])) == sorted(map(str, expected))
    assert made.vague is (HIDDEN in expected)
    assert ("of any size" in made.note) is made.vague
    for low, high in attack(made, counts=["n"], true=table, rows=False, columns=True):
        assert high > low


def test_ones_that_add_up_to_what_a_marked_total_can_be_at_most() -> None:
    table = with_totals(np.array([[0, 1, 1, 1, 1, 0], [50, 60, 70, 80, 90, 99]]))
    names = [f"c{j}" for j in range(6)]
    made = suppress(table, threshold=5, counts=names, total_row="Total", total_column="all")
    assert made.vague
    known = {"counts": names, "true": table, "rows": True, "columns": True}
    for low, high in attack(made, **known, total_row="Total", total_column="all"):
        assert high - low >= 1 - 1e-6


def test_a_count_that_is_its_own_known_total_is_an_error_with_a_remedy() -> None:
    with pytest.raises(DataError, match="follow from a total") as caught:
        suppress(column(3), threshold=5, counts=["n"])
    assert caught.value.hint is not None
    assert "total_row" in caught.value.hint


def test_two_dimensions_by_hand() -> None:
    # One small number needs a rectangle; the one with the least sum is r0, r1 x c0, c1.
    inside = np.array([[2, 10, 90], [12, 11, 80], [70, 60, 99]])
    made = suppress(
        with_totals(inside), threshold=5, counts=["c0", "c1", "c2"], total_row="Total", total_column="all"
    )
    hidden = {(r, c) for r, c in zip(made.log["row"], made.log["column"], strict=True)}
    assert hidden == {("r0", "c0"), ("r0", "c1"), ("r1", "c0"), ("r1", "c1")}
    assert made.frame.loc["Total", "all"] == inside.sum()


counts_of = st.one_of(st.integers(0, 6), st.integers(0, 30))


@settings(max_examples=60)
@given(st.lists(counts_of, min_size=1, max_size=8), st.integers(3, 6), st.booleans())
def test_nobody_can_work_out_a_hidden_number_of_a_column(
    values: list[int], threshold: int, shown: bool
) -> None:
    table = pd.DataFrame({"n": [*values, sum(values)] if shown else values})
    total = len(values) if shown else None
    try:
        made = suppress(table, threshold=threshold, counts=["n"], total_row=total)
    except DataError:
        # Only a total from elsewhere that is the one count's is beyond help.
        assert not shown
        assert len(values) == 1
        return
    small = [0 < v < threshold for v in table["n"]]
    assert [v for v, s in zip(made.frame["n"], small, strict=True) if s and not isinstance(v, str)] == []
    assert made.vague or [v == made.marker for v in made.frame["n"]] == small
    for low, high in attack(made, counts=["n"], true=table, rows=False, columns=True, total_row=total):
        assert high - low >= 1 - 1e-6


@settings(max_examples=50)
@given(st.data())
def test_nobody_can_work_out_a_hidden_number_of_a_table(data: st.DataObject) -> None:
    n, m = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 4))
    inside = np.array(
        data.draw(st.lists(st.lists(counts_of, min_size=m, max_size=m), min_size=n, max_size=n))
    )
    row, beside = data.draw(st.booleans()), data.draw(st.booleans())
    table = with_totals(inside, row=row, beside=beside)
    names = [f"c{j}" for j in range(m)]
    total_row, total_column = "Total" if row else None, "all" if beside else None
    totals = data.draw(st.sampled_from([None, "columns", "rows", "both"]))
    before = table.copy()
    try:
        made = suppress(
            table, threshold=5, counts=names, totals=totals, total_row=total_row, total_column=total_column
        )
    except DataError:
        # With all totals in the table there is always something to hide.
        assert not (row and beside)
        return
    pd.testing.assert_frame_equal(table, before)
    rows, columns = totals in (None, "rows", "both") or beside, totals in (None, "columns", "both") or row
    for r in table.index:
        for c in table.columns:
            if not isinstance(made.frame.loc[r, c], str):
                assert made.frame.loc[r, c] == table.loc[r, c]
                assert not 0 < table.loc[r, c] < 5
            elif made.frame.loc[r, c] == made.marker:
                assert 0 < table.loc[r, c] < 5
            else:
                assert made.vague or table.loc[r, c] >= 5
    bounds = attack(
        made,
        counts=names,
        true=table,
        rows=rows,
        columns=columns,
        total_row=total_row,
        total_column=total_column,
    )
    assert len(bounds) == len(made.log)
    for low, high in bounds:
        assert high - low >= 1 - 1e-6
        # The bounds are whole: a reader gains nothing from knowing that counts are.
        assert abs(low - round(low)) < 1e-6


def test_the_attack_itself_finds_what_primary_suppression_alone_gives_away() -> None:
    table = column(3, 40, 7)
    naive = Suppressed(table.assign(n=["<5", 40, 7]), pd.DataFrame(), 5)
    assert attack(naive, counts=["n"], true=table, rows=False, columns=True) == [(3.0, 3.0)]


def test_the_record_and_the_note_hold_no_hidden_number() -> None:
    made = suppress(column(3, 4999, 77), threshold=5, counts=["n"])
    text = json.dumps(made.to_dict(), allow_nan=False) + made._repr_html_() + made.log.to_csv()
    assert "77" not in text
    assert "4999" in text
    assert made.note == (
        "Numbers from 1 to 4 are shown as <5 (1 here). 'hidden' stands for larger numbers (1 here) "
        "that would give a small one away through a total."
    )


def test_what_readers_get_does_not_tell_which_vague_marker_is_a_small_number() -> None:
    made = suppress(column(4, 4), threshold=5, counts=["n"])
    assert made.vague
    assert "primary" not in json.dumps(made.to_dict())
    assert [line["marker"] for line in made.to_dict()["hidden"]].count(HIDDEN) == 1


def test_the_record_has_none_for_what_is_missing_in_other_columns() -> None:
    table = column(3, 40, 7).assign(x=[1.5, np.nan, 2.0], name=["a", None, "c"])
    rows = suppress(table, threshold=5, counts=["n"]).to_dict()["rows"]
    assert [(r["x"], r["name"]) for r in rows] == [(1.5, "a"), (None, None), (2.0, "c")]


def test_other_columns_and_the_order_stay() -> None:
    table = column(3, 40, 7).assign(share=[0.1, 0.2, 0.3])[["share", "n", "area"]]
    made = suppress(table, threshold=5, counts=["n"])
    assert list(made.frame.columns) == ["share", "n", "area"]
    assert made.frame["share"].tolist() == [0.1, 0.2, 0.3]


def test_whole_numbers_as_floats_are_counts() -> None:
    made = suppress(column(3, 40, 7).astype({"n": float}), threshold=5, counts="n")
    assert made.frame["n"].tolist() == ["<5", 40, HIDDEN]


def test_rows_alone_may_be_known() -> None:
    table = pd.DataFrame({"a": [2, 50], "b": [30, 60], "c": [20, 70]})
    made = suppress(table, threshold=5, counts=["a", "b", "c"], totals="rows")
    assert made.frame.loc[0].tolist() == ["<5", 30, HIDDEN]
    assert made.frame.loc[1].tolist() == [50, 60, 70]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"threshold": 2}, UsageError, "at least 3"),
        ({"threshold": 4.5}, UsageError, "whole number"),
        ({"counts": []}, UsageError, "for the columns"),
        ({"counts": ["m"]}, UsageError, "for the columns"),
        ({"counts": ["n", "n"]}, UsageError, "for the columns"),
        ({"total_column": "n"}, UsageError, "leave the total out of counts|for the columns"),
        ({"total_column": "x"}, UsageError, "total column 'x'"),
        ({"total_row": "Total"}, UsageError, "not in the table's index"),
        ({"totals": "some"}, UsageError, "columns, rows, both or none"),
        ({"counts": ["area"]}, DataError, "hold what is no number"),
        ({"table": column(1, -1)}, DataError, "no counts"),
        ({"table": pd.DataFrame({"n": [0.5, 1]})}, DataError, "no counts"),
        ({"table": pd.DataFrame({"n": [np.nan, 1]})}, DataError, "no counts"),
        ({"table": pd.DataFrame({"n": [1, 2]}, index=["a", "a"])}, UsageError, "two rows"),
        ({"table": pd.DataFrame({"n": [1, 2, 4]}), "total_row": 2}, DataError, "counts add up to 3"),
    ],
)
def test_wrong_input(change: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {"table": column(3, 40, 7), "threshold": 5, "counts": ["n"]} | change
    with pytest.raises(error, match=message):
        suppress(arguments.pop("table"), **arguments)


def test_a_wrong_row_total_is_found() -> None:
    table = with_totals(np.array([[9, 9], [9, 9]]))
    table.loc["r1", "all"] = 19
    with pytest.raises(DataError, match="the total 'all' is 19 for 'r1', where the counts add up to 18"):
        suppress(table, threshold=5, counts=["c0", "c1"], total_row="Total", total_column="all")
    table.loc["r1", "all"], table.loc["Total", "all"] = 18, 37
    with pytest.raises(DataError, match="is 37 for 'Total'"):
        suppress(table, threshold=5, counts=["c0", "c1"], total_row="Total", total_column="all")


def test_a_city_table_is_quick_and_safe() -> None:
    inside = np.random.default_rng(3).negative_binomial(0.5, 0.03, (88, 5))
    table = with_totals(inside)
    names = [f"c{j}" for j in range(5)]
    made = suppress(table, threshold=5, counts=names, total_row="Total", total_column="all")
    primary = (made.log["kind"] == "primary").sum()
    assert primary == np.sum((table > 0) & (table < 5)).sum()
    assert len(made.log) - primary < primary
    known = {"counts": names, "true": table, "rows": True, "columns": True}
    for low, high in attack(made, **known, total_row="Total", total_column="all")[::40]:
        assert high - low >= 1 - 1e-6


def test_the_public_surface_is_what_it_is() -> None:
    assert peelian.privacy.__all__ == ["HIDDEN", "Suppressed", "suppress"]
    assert all(hasattr(peelian.privacy, name) for name in peelian.privacy.__all__)
