"""Counts for the threshold test: by hand, and refused where a threshold can't be told from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from peelian.audits.stop_thresholds import counts_by_area
from peelian.errors import NotEnoughDataError

from .simulated_stops import stops_by_area


def test_counts_are_those_by_hand() -> None:
    records, _ = stops_by_area(8000, missing=0.1)
    counts = counts_by_area(records, reference="Y")
    frame = records.frame
    for row in counts.sample(10, random_state=0).to_dict("records"):
        own = frame[(frame["area"] == row["district"]) & (frame["group"] == row["group"])]
        assert row["stops"] == len(own)
        assert row["searches"] == int(own["search"].sum())
        assert row["hits"] == int((own["search"] & own["hit"]).sum())
    assert (counts["hits"] <= counts["searches"]).all()
    assert (counts["searches"] <= counts["stops"]).all()
    assert counts.groupby("district")["group"].nunique().eq(2).all()
    assert counts["stops"].sum() == frame["group"].notna().sum()


def test_unknown_outcomes_of_searches_leave_the_stop_out() -> None:
    records, _ = stops_by_area(8000)
    unknown = np.random.default_rng(0).random(8000) < 0.3
    frame = records.frame.assign(hit=records.frame["hit"].mask(unknown))
    counts = counts_by_area(replace(records, frame=frame), reference="Y")
    searched = frame["search"].astype(bool)
    assert counts["stops"].sum() == int((~searched | ~unknown).sum())


def test_what_can_not_carry_a_threshold_is_refused() -> None:
    records, _ = stops_by_area(2000)
    frame = records.frame
    with pytest.raises(NotEnoughDataError, match="every stop in these records is a search"):
        counts_by_area(replace(records, frame=frame.assign(search=pd.array([True] * 2000, dtype="boolean"))))
    with pytest.raises(NotEnoughDataError, match="what it found"):
        counts_by_area(replace(records, frame=frame.assign(hit=pd.array([pd.NA] * 2000, dtype="boolean"))))
    with pytest.raises(NotEnoughDataError, match="no stop has an area"):
        counts_by_area(replace(records, frame=frame.assign(area=None)))
