"""Deciles of a group's share of residents."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.share_deciles import deciles_of_share, residents_of
from peelian.errors import DataError, NotEnoughDataError, UsageError


def test_each_holds_a_tenth_of_the_residents_in_order_of_the_share() -> None:
    rng = np.random.default_rng(0)
    everybody = rng.uniform(0, 100, 5000)
    share = rng.uniform(0, 1, 5000)
    cut = deciles_of_share(everybody * share, everybody, group="a")
    frame = cut.frame
    np.testing.assert_allclose(frame["residents"], everybody.sum() / 10, rtol=0.01)
    assert (frame["share_from"].to_numpy()[1:] > frame["share_to"].to_numpy()[:-1]).all()
    assert frame["group_residents"].sum() == pytest.approx((everybody * share).sum())
    assert cut.outermost == (0, 9)


def test_cells_of_one_share_stay_together_and_a_decile_may_be_empty() -> None:
    # One area with half of all residents at the lowest share: its middle is in the third tenth.
    everybody = np.array([25.0, 25.0, 10, 10, 10, 10, 10])
    of_group = everybody * np.array([0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    cut = deciles_of_share(of_group, everybody, group="a")
    assert cut.number.tolist() == [2, 2, 5, 6, 7, 8, 9]
    empty = cut.frame[cut.frame["cells"] == 0]
    assert empty["decile"].tolist() == [1, 2, 4, 5]
    assert empty["share_from"].isna().all()
    assert cut.outermost == (2, 9)


def test_one_share_everywhere_leaves_nothing_to_compare() -> None:
    everybody = np.array([3.0, 1.0, 7.0])
    # Sums of areas differ in the last digits; that is no difference.
    cut = deciles_of_share(everybody * 0.3 * (1 + 1e-15), everybody, group="a")
    assert len(set(cut.number.tolist())) == 1
    assert cut.outermost is None


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 1)), min_size=1, max_size=60))
@settings(max_examples=50)
def test_every_cell_with_residents_is_in_one_and_no_other_is(cells: list[tuple[float, float]]) -> None:
    everybody = np.array([n for n, _ in cells])
    share = np.array([s for _, s in cells])
    if not everybody.sum() > 0:
        return
    cut = deciles_of_share(everybody * share, everybody, group="a")
    assert ((cut.number >= 0) == (everybody > 0)).all()
    assert cut.number.max() < 10
    assert cut.frame["cells"].sum() == int((everybody > 0).sum())
    lived = everybody > 0
    order = np.argsort(np.round(everybody[lived] * share[lived] / everybody[lived], 9), kind="stable")
    assert (np.diff(cut.number[lived][order]) >= 0).all()


def test_residents_are_checked_and_the_total_is_no_group() -> None:
    table = pd.DataFrame({"a": [1.0, 2], "b": [3.0, 0], "all": [10.0, 2]})
    groups, everybody = residents_of(table, 2, total="all")
    assert list(groups) == ["a", "b"]
    assert everybody.tolist() == [10, 2]
    assert residents_of(table[["a", "b"]], 2)[1].tolist() == [4, 2]
    with pytest.raises(DataError, match="in 1 cells a group has more residents"):
        residents_of(pd.DataFrame({"a": [1.0, 9], "all": [10.0, 2]}), 2, total="all")
    with pytest.raises(DataError, match="1 numbers of residents are negative or unknown"):
        residents_of(pd.DataFrame({"a": [1.0, np.nan]}), 2)
    with pytest.raises(NotEnoughDataError, match="somebody to live there"):
        residents_of(pd.DataFrame({"a": [0.0, 0]}), 2)
    with pytest.raises(UsageError, match="expected 3"):
        residents_of(table, 3)
    with pytest.raises(UsageError, match="expected each once"):
        residents_of(table, 2, total="everybody")
    with pytest.raises(UsageError, match="none"):
        residents_of(pd.DataFrame(index=[0, 1]), 2)
