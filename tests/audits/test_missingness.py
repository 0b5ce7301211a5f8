"""What is missing, and how far it can matter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.missingness import burden_bounds, default_hours, missingness
from peelian.errors import DataError

from .simulated_records import X0, made_frame, records_of

RESIDENTS = pd.DataFrame({"a": [900.0, 100.0, 500.0], "b": [100.0, 900.0, 500.0]})


@settings(max_examples=40)
@given(st.lists(st.integers(0, 500), min_size=3, max_size=3), st.integers(0, 300), st.integers(0, 10**6))
def test_wherever_the_unlocated_lie_the_ratio_is_within_the_bounds(
    reports: list[int], unlocated: int, seed: int
) -> None:
    bounds = burden_bounds(reports, RESIDENTS, unlocated=unlocated, group="b", reference="a")
    placed = np.random.default_rng(seed).multinomial(unlocated, np.full(3, 1 / 3)) + np.array(reports)
    one = burden_bounds(placed, RESIDENTS, unlocated=0, group="b", reference="a")["ratio"]
    if one is not None and bounds["low"] is not None:
        assert bounds["low"] - 1e-9 <= one
        assert bounds["high"] is None or one <= bounds["high"] + 1e-9


def test_the_bounds_are_reached() -> None:
    bounds = burden_bounds([50, 60, 40], RESIDENTS, unlocated=30, group="b", reference="a")
    ends = [
        burden_bounds(
            np.array([50, 60, 40]) + 30 * np.eye(3, dtype=int)[k],
            RESIDENTS,
            unlocated=0,
            group="b",
            reference="a",
        )["ratio"]
        for k in range(3)
    ]
    assert bounds["low"] == pytest.approx(min(e for e in ends if e is not None))
    assert bounds["high"] == pytest.approx(max(e for e in ends if e is not None))
    assert (
        bounds["low"] < bounds["if_in_reference"] < bounds["ratio"] < bounds["if_in_group"] < bounds["high"]
    )


def test_a_group_that_lives_nowhere_is_refused() -> None:
    with pytest.raises(DataError, match="no resident of 'b'"):
        burden_bounds([1, 2, 3], RESIDENTS.assign(b=0.0), unlocated=1, group="b", reference="a")


def test_default_hours_beyond_what_other_full_hours_get_are_counted() -> None:
    rng = np.random.default_rng(0)
    usual = rng.integers(0, 24, 20_000) * 60 + rng.choice([0, 0, 30, 15, 7], 20_000)
    known = np.ones(20_000, dtype=np.bool_)
    assert default_hours(usual, known)[1] < 0.005
    unknown = usual.copy()
    unknown[:1000] = 720
    at, excess = default_hours(unknown, known)
    assert excess == pytest.approx(0.05, abs=0.006)
    assert at.sum() >= 1000


def _aside(n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "reason": ["no_place"] * n + ["too_old"] * 5 + ["correction_without_row"] * 2,
            "label": "sex offence",
        }
    )


def test_rows_without_a_place_are_counted_by_label_and_bounded() -> None:
    part = missingness(records_of(made_frame()), quarantine=_aside(400))
    shares = part.tables["shares"].set_index("lacks")
    assert shares.loc["a place", "rows"] == 400
    assert shares.loc["a place", "of"] == 16_407
    assert shares.loc["a time that can be right", "rows"] == 5
    assert shares.loc["the row that it corrects", "rows"] == 2
    assert part.tables["kinds"].iloc[0]["share"] == 1.0
    said = " ".join(part.sentences())
    assert "sex offence (100 %)" in said
    assert "wherever the 400 unlocated ones belong" in said
    assert part.findings[0].value == pytest.approx(400 / 16_407)


def test_hours_that_are_unknown_in_the_west_are_a_gap_between_groups() -> None:
    frame = made_frame()
    rng = np.random.default_rng(0)
    gone = (frame["x"] < X0 + 2000) & (rng.random(len(frame)) < 0.3)
    frame.loc[gone, "occurred_from"] = frame.loc[gone, "occurred_from"].dt.normalize()
    part = missingness(records_of(frame), quarantine=_aside(0), reference="b")
    gap = next(one for one in part.findings if one.id == "missing_gap/hour/a")
    assert gap.value == pytest.approx(0.6 * 0.3, abs=0.03)
    assert part.numbers["default_hours_excess"] == pytest.approx(gone.mean(), abs=0.01)


def test_a_noon_that_is_truly_busier_is_not_called_unknown() -> None:
    frame = made_frame()
    busy = np.arange(len(frame)) % 10 == 0
    frame.loc[busy, "occurred_from"] = frame.loc[busy, "occurred_from"].dt.normalize() + pd.Timedelta("12h")
    part = missingness(records_of(frame))
    assert part.numbers["default_hours_excess"] == pytest.approx(0.1, abs=0.02)
    said = next(s for s in part.sentences() if "12:00" in s)
    assert f"{100 * part.numbers['default_hours_excess']:.1f} % of times of day stand at" in said
    assert "how many of these are is not known" in said
    assert "t least" not in said
    assert any("no count of them" in limit for limit in part.limits)


def test_without_the_rows_that_were_set_aside_nothing_is_said_of_them() -> None:
    part = missingness(records_of(made_frame()))
    assert part.findings[0].value is None
    assert "not known" in part.sentences()[0]
