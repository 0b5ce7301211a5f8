"""The share of records that come from officers' own activity."""

from __future__ import annotations

import numpy as np
import pytest

from peelian.audits.finding import Threshold
from peelian.audits.officer_share import officer_share

from .simulated_records import START, X0, made_frame, records_of


def test_the_share_its_interval_and_its_threshold() -> None:
    part = officer_share(
        records_of(made_frame()), thresholds={"officer_share": Threshold(0.05, "the board", "2021-01-01")}
    )
    one = part.findings[0]
    assert one.id == "officer_share/all"
    assert one.value == pytest.approx(0.1, abs=0.01)
    assert one.low is not None
    assert one.high is not None
    assert one.low < 0.1 < one.high
    assert one.passes is False
    assert part.standing == 0
    assert "no step" in part.sentences()[-1]


def test_groups_differ_where_the_places_they_live_in_do() -> None:
    frame = made_frame()
    rng = np.random.default_rng(0)
    west = frame["x"] < X0 + 2000
    frame["officer_initiated"] = rng.random(len(frame)) < np.where(west, 0.3, 0.1)
    part = officer_share(records_of(frame), reference="b")
    gap = next(one for one in part.findings if one.id == "officer_gap/a")
    # 80 % of a and 20 % of b live where the share is 0.2 higher: 0.6 x 0.2.
    assert gap.value == pytest.approx(0.12, abs=0.02)
    assert gap.low is not None
    assert gap.low > 0
    assert "areas were measured" in gap.limits[0].lower()
    turned = officer_share(records_of(frame), reference="a")
    assert turned.findings[1].value == pytest.approx(-gap.value)


def test_a_jump_of_the_share_is_dated() -> None:
    frame = made_frame()
    rng = np.random.default_rng(1)
    late = frame["occurred_from"] >= START + 7 * 50
    frame["officer_initiated"] = rng.random(len(frame)) < np.where(late, 0.2, 0.1)
    part = officer_share(records_of(frame))
    assert part.standing == 1
    step = part.numbers["step"]
    assert abs(np.datetime64(step["date"]) - (START + 7 * 50)) <= np.timedelta64(14, "D")
    assert (step["before"], step["after"]) == (pytest.approx(0.1, abs=0.02), pytest.approx(0.2, abs=0.02))


def test_without_areas_there_are_no_groups_and_the_share_stays() -> None:
    part = officer_share(records_of(made_frame(), with_areas=False))
    assert [one.id for one in part.findings] == ["officer_share/all"]
    assert "square of the map" in part.sentences()[1]
