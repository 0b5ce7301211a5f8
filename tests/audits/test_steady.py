"""Numbers without their last digits."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.finding import Finding
from peelian.audits.steady import steady, steady_findings, steady_frame


@given(st.floats(-1e6, 1e6).filter(lambda v: abs(v) > 1e-6))
@settings(max_examples=50)
def test_it_stays_within_nine_digits_and_is_the_same_twice(value: float) -> None:
    assert abs(steady(value) - value) <= 1e-8 * abs(value)
    assert steady(steady(value)) == steady(value)


def test_last_digits_are_gone_and_nothing_else() -> None:
    given_ = {"a": [0.1 + 0.2, None, "x", 3, True], "b": {"c": 1e-15}, "d": float("inf")}
    assert steady(given_) == {"a": [0.3, None, "x", 3, True], "b": {"c": 0.0}, "d": float("inf")}


def test_tables_and_findings() -> None:
    frame = pd.DataFrame({"a": [0.1 + 0.2, np.nan], "b": ["x", "y"], "n": [1, 2]})
    made = steady_frame(frame)
    assert made["a"].iloc[0] == 0.3
    assert np.isnan(made["a"].iloc[1])
    assert made["n"].dtype == frame["n"].dtype
    one = Finding("a/b", "a", "b", 0.1 + 0.2, None, 0.7 + 0.1, 0.95, details={"p": 0.1 + 0.2})
    steadied = steady_findings((one,))[0]
    assert (steadied.value, steadied.low, steadied.high) == (0.3, None, 0.8)
    assert steadied.details["p"] == 0.3
