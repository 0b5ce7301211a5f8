"""Delays by area, group and time, and what the end of the data lacks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peelian.audits.delay import delay

from .simulated_records import START, WEEKS, X0, made_frame, records_of

END = START + 7 * WEEKS


def _delayed(days: np.ndarray, *, cut: bool = False) -> pd.DataFrame:
    frame = made_frame()
    frame["reported"] = frame["occurred_from"] + pd.to_timedelta(days, unit="D")
    return frame[frame["reported"] < END] if cut else frame


def test_the_same_delays_everywhere_show_no_gap_and_no_step() -> None:
    part = delay(records_of(_delayed(np.random.default_rng(0).geometric(0.3, 16_000))))
    gap = part.findings[0]
    assert gap.id == "delay_gap/b"
    assert gap.value == pytest.approx(0, abs=0.01)
    assert gap.low is not None
    assert gap.low < 0
    assert part.standing == 0
    assert part.numbers["late_after"] == pytest.approx(7, abs=1)
    assert part.numbers["late_share"] < 0.1


@pytest.mark.parametrize("slow", ["long", "mixed"])
def test_the_newest_records_do_not_seem_quicker_for_want_of_time(slow: str) -> None:
    # Delays never change; of the newest records the late reports are not in yet.
    rng = np.random.default_rng(4)
    long = np.floor(rng.lognormal(1.0, 1.8, 16_000)).astype(int)
    mixed = np.where(rng.random(16_000) < 0.85, rng.geometric(0.5, 16_000) - 1, rng.integers(0, 300, 16_000))
    days = long if slow == "long" else mixed
    part = delay(records_of(_delayed(days, cut=True)), replicates=99)
    assert part.standing == 0
    limit, reach = part.numbers["late_after"], part.numbers["reach"]
    assert limit < reach
    truth = np.mean(days[days <= reach] > limit)
    assert part.numbers["late_low"] <= truth <= part.numbers["late_high"]


def test_later_reports_in_the_west_are_a_gap_between_the_groups() -> None:
    rng = np.random.default_rng(1)
    west = (made_frame()["x"] < X0 + 2000).to_numpy()
    part = delay(
        records_of(_delayed(np.where(west, rng.geometric(0.1, 16_000), rng.geometric(0.5, 16_000)))),
        reference="b",
    )
    gap = part.findings[0]
    assert gap.id == "delay_gap/a"
    assert gap.value is not None
    assert gap.value > 0.05
    assert gap.low is not None
    assert gap.low > 0


def test_reports_that_are_not_in_yet_do_not_make_delays_look_short() -> None:
    days = np.random.default_rng(2).geometric(1 / 30, 16_000)
    whole, cut = delay(records_of(_delayed(days))), delay(records_of(_delayed(days, cut=True)))
    assert cut.numbers["late_after"] == pytest.approx(whole.numbers["late_after"], rel=0.1)
    # Of the last week nearly all is still to come: geometric with a mean of 30 days.
    assert "of the last week" in cut.sentences()[1].lower()
    share = float(cut.sentences()[1].split("about ")[1].split(" %")[0])
    assert share == pytest.approx(100 * np.mean(1 - (1 - (1 - 1 / 30) ** np.arange(7))), abs=6)


def test_a_change_of_the_delays_is_dated() -> None:
    frame = made_frame()
    rng = np.random.default_rng(3)
    late = (frame["occurred_from"] >= START + 7 * 40).to_numpy()
    part = delay(
        records_of(_delayed(np.where(late, rng.geometric(0.15, 16_000), rng.geometric(0.4, 16_000))))
    )
    assert part.standing == 1
    assert abs(np.datetime64(part.numbers["step"]["date"]) - (START + 7 * 40)) <= np.timedelta64(21, "D")


def test_a_month_of_report_is_told_in_months() -> None:
    frame = made_frame()
    frame["reported"] = frame["reported"].to_numpy().astype("datetime64[M]").astype("datetime64[us]")
    part = delay(records_of(frame))
    assert part.numbers["unit"] == "months"
    assert "to the month alone" in part.sentences()[0]
    assert part.standing == 0


def test_what_was_reported_before_it_happened_is_counted_and_unknown_delays_are_said_to_be() -> None:
    frame = made_frame()
    frame.loc[:9, "reported"] = frame.loc[:9, "occurred_from"] - pd.Timedelta("3D")
    assert delay(records_of(frame)).numbers["odd"] == 10
    frame["reported"] = pd.NaT
    part = delay(records_of(frame))
    assert part.findings == ()
    assert "can't be told" in part.sentences()[0]
    assert "no sign that there are none" in part.limits[0]
