"""Changes in coding: nothing where nothing changed, and a label that takes another's place."""

from __future__ import annotations

import numpy as np
import pytest

from peelian.audits.coding import coding, silences
from peelian.audits.finding import Threshold

from .simulated_records import START, made_frame, records_of

HALF = START + 7 * 40


def test_nothing_is_found_where_nothing_changed() -> None:
    parts = [coding(records_of(made_frame(seed=s))) for s in range(6)]
    assert sum(p.standing > 0 for p in parts) <= 2
    assert any("none appears" in p.sentences()[0] for p in parts)


def test_without_a_shift_the_clearest_step_is_given_with_its_interval_from_0_up() -> None:
    strict = {"coding_shift": Threshold(0.0001, "the board", "2021-01-01")}
    straddled = 0
    for seed in range(4):
        part = coding(records_of(made_frame(seed=seed)), thresholds=strict)
        assert part.numbers["moved"] == 0
        one, rows = part.findings[0], part.tables["categories"]
        row = rows.loc[rows["p"].idxmin()]
        assert one.id == f"coding_shift/{row['what']}"
        assert one.value == pytest.approx(abs(row["change"]))
        assert one.high == pytest.approx(max(abs(row["low"]), abs(row["high"])))
        if row["low"] < 0 < row["high"]:
            straddled += 1
            assert one.low == 0
        else:
            assert one.low == pytest.approx(min(abs(row["low"]), abs(row["high"])))
        assert one.passes is False
        assert "No category's share moved beyond chance" in one.limits[0]
        assert "lean away from 0" in one.limits[0]
    assert straddled


def test_with_too_few_records_of_any_category_no_step_is_told_and_no_threshold_is_kept() -> None:
    few = made_frame(n=90)
    part = coding(records_of(few), thresholds={"coding_shift": Threshold(0.1, "the board", "2021-01-01")})
    one = part.findings[0]
    assert one.value is None
    assert one.passes is None
    assert "No category has 50 records" in one.limits[0]


def test_a_label_that_takes_anothers_place_is_named_with_its_date() -> None:
    frame = made_frame()
    late = frame["occurred_from"] >= HALF
    frame.loc[late & (frame["label"] == "theft/0"), "label"] = "larceny"
    part = coding(records_of(frame))
    silent = part.tables["silences"].set_index("what")
    assert silent.loc["larceny", "kind"] == "appears"
    assert silent.loc["theft/0", "kind"] == "vanishes"
    pair = part.tables["substitutions"].iloc[0]
    assert (pair["of"], pair["loses"], pair["gains"]) == ("label", "theft/0", "larceny")
    assert abs(np.datetime64(pair["gained_at"]) - HALF) <= np.timedelta64(14, "D")
    assert any("about when theft/0 lost" in said for said in part.sentences())


def test_half_of_a_category_that_is_called_otherwise_is_found_and_held_against_a_threshold() -> None:
    frame = made_frame()
    moved = (
        (frame["occurred_from"] >= HALF) & (frame["category"] == "theft") & (np.arange(len(frame)) % 2 == 0)
    )
    frame.loc[moved, ["category", "label"]] = ["burglary", "burglary/0"]
    part = coding(records_of(frame), thresholds={"coding_shift": Threshold(0.05, "the board", "2021-01-01")})
    one = part.findings[0]
    assert one.value == pytest.approx(0.25, abs=0.03)
    assert one.low is not None
    assert one.high is not None
    assert one.low <= 0.25 <= one.high
    first = part.tables["categories"].iloc[0]
    said = f"(a change of {100 * first['low']:.1f} to {100 * first['high']:.1f} points)"
    assert said in part.sentences()[1]
    assert one.passes is False
    pair = part.tables["substitutions"].iloc[0]
    assert (pair["of"], pair["loses"], pair["gains"]) == ("category", "theft", "burglary")
    assert pair["weeks_apart"] <= 4


def test_a_label_too_rare_to_be_missed_is_not_said_to_vanish() -> None:
    rng = np.random.default_rng(0)
    whole = rng.poisson(200, 60)
    counts = np.zeros((2, 60), dtype=np.int64)
    counts[0, [3, 20, 33]] = 1
    counts[1, :40] = rng.poisson(5, 40)
    edges = START + 7 * np.arange(61)
    found = silences(counts, ["rare", "gone"], whole, edges)
    assert found["what"].tolist() == ["gone"]
    assert found["kind"].tolist() == ["vanishes"]
