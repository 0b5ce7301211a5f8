from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.errors import DataError
from peelian.publish.suppressed import hide_small


def table(counts: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "area_id": [str(i) for i in range(len(counts))],
            "name": [f"Area {i}" for i in range(len(counts))],
            "reported": counts,
        }
    )


def test_a_single_small_number_hides_another_with_it():
    found = hide_small(table([120, 3, 57, 44]), threshold=5)
    assert found.shown[1] == "<5"
    assert sum(isinstance(v, str) for v in (*found.shown, found.total)) >= 2
    assert found.known["1"] is None
    assert found.said(found.shown[1]) == "fewer than 5"
    assert found.said(120) == "120"
    assert found.said("hidden") == "hidden"


def test_zero_is_about_no_one_and_is_shown():
    found = hide_small(table([0, 12, 30]), threshold=5)
    assert found.shown == (0, 12, 30)
    assert found.total == 42


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=2, max_size=9), st.integers(3, 12))
def test_nothing_small_is_shown_and_nothing_hidden_follows(counts, threshold):
    found = hide_small(table(counts), threshold=threshold)
    for value, shown in zip(counts, found.shown, strict=True):
        assert shown == value or (isinstance(shown, str) and value > 0)
        assert not (isinstance(shown, int) and 0 < shown < threshold)
    hidden = [i for i, v in enumerate(found.shown) if isinstance(v, str)]
    if isinstance(found.total, int) and hidden:
        rest = found.total - sum(v for v in found.shown if isinstance(v, int))
        lows = [1 if found.shown[i] != "hidden" else threshold for i in hidden]
        highs = [threshold - 1 if found.shown[i] != "hidden" else rest for i in hidden]
        for k, i in enumerate(hidden):
            if found.shown[i] == "hidden":
                continue
            others_low, others_high = sum(lows) - lows[k], sum(highs) - highs[k]
            fits = [v for v in range(lows[k], highs[k] + 1) if others_low <= rest - v <= others_high]
            assert counts[i] in fits
            assert len(fits) >= 2


def test_what_is_no_count_is_refused():
    with pytest.raises(DataError):
        hide_small(table([3, -1]), threshold=5)


def test_numpy_integers_come_out_as_plain_numbers():
    frame = table([10, 20]).assign(reported=np.array([10, 20], dtype=np.int64))
    assert all(type(v) is int for v in hide_small(frame, threshold=5).shown)
