"""Intervals of ratios of stops: the spread of drawn areas and days is that of their sums, and the wider is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from peelian.audits.stop_draws import Interval, StopDraws, wider

from .simulated_stops import stops_by_area


def spread(sums: np.ndarray, signs: tuple[int, ...]) -> float:
    """Standard error of a sum of signed logarithms of totals, when rows are drawn: by the delta method."""
    parts = sum(sign * sums[:, k] / sums[:, k].mean() for k, sign in enumerate(signs))
    return float(np.std(parts) / np.sqrt(len(sums)))


def rows_of(frame: pd.DataFrame, key: str, group: str, names: list[object]) -> np.ndarray:
    return (
        frame.loc[frame["group"] == group, key].value_counts().reindex(names).fillna(0).to_numpy(dtype=float)
    )


def held_to(interval: Interval, point: float, error: float) -> None:
    assert interval.low is not None
    assert interval.high is not None
    assert interval.low < point < interval.high
    assert interval.width == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_areas_are_drawn_with_their_own_residents_and_those_without_a_stop_too() -> None:
    records, table = stops_by_area(3000, rate=1.5)
    frame = records.frame
    empty = frame["area"].isin([f"area {k}" for k in range(12)])
    records = replace(records, frame=frame[~empty].reset_index(drop=True))
    frame = records.frame
    residents = table.set_index("area")[["x", "Y"]].astype(float)
    residents["x"] **= 1.5  # so that areas differ in more than size
    names = list(residents.index)
    stops = [rows_of(frame, "area", group, names) for group in "XY"]
    sums = np.stack([*stops, residents["x"].to_numpy(), residents["Y"].to_numpy()], axis=1)
    draws = StopDraws(records, replicates=4000, seed=0, level=0.95)
    above = [(frame["group"] == group).to_numpy() for group in "XY"]
    n = sums.sum(axis=0)
    held_to(draws.by_area(above, None, residents), n[0] / n[2] / (n[1] / n[3]), spread(sums, (1, -1, -1, 1)))


def test_days_are_drawn_and_residents_stay() -> None:
    records, _ = stops_by_area(3000)
    frame = records.frame
    bunch = frame.assign(
        day=frame["day"].where(frame["group"] == "Y", frame["day"].dt.to_period("W").dt.start_time)
    )
    records = replace(records, frame=bunch)
    names = sorted(bunch["day"].unique())
    sums = np.stack([rows_of(bunch, "day", group, names) for group in "XY"], axis=1)
    draws = StopDraws(records, replicates=4000, seed=0, level=0.95)
    above = [(frame["group"] == group).to_numpy() for group in "XY"]
    n = sums.sum(axis=0)
    found = draws.by_day(above, None, (200.0, 100.0))
    held_to(found, n[0] / 200 / (n[1] / 100), spread(sums, (1, -1)))
    assert found.by == "days"


def test_the_wider_is_told_and_an_open_one_is_widest() -> None:
    narrow, wide = Interval(0.9, 1.1, "areas"), Interval(0.5, 2.0, "days")
    assert wider(narrow, wide) is wide
    opened, none = Interval(0.5, None, "areas"), Interval(None, None, "areas", why="too few")
    assert wider(wide, opened) is opened
    assert wider(none, narrow) is narrow


def test_with_few_areas_there_is_no_interval() -> None:
    records, _ = stops_by_area(500)
    frame = records.frame.assign(
        area=records.frame["area"].where(records.frame["area"] == "area 1", "area 2")
    )
    draws = StopDraws(
        replace(records, frame=frame.astype({"area": object})), replicates=50, seed=0, level=0.95
    )
    above = [(frame["group"] == group).to_numpy() for group in "XY"]
    found = draws.by_area(above, None, pd.DataFrame({"X": [9.0], "Y": [9.0]}, index=["area 1"]))
    assert found.low is None
    assert "2 areas: too few" in found.why
