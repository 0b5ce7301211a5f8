"""Stops against several denominators: planted ratios come back, and what is missing is bounded."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from peelian.audits.benchmark import benchmark, groups_to_compare
from peelian.audits.finding import Threshold
from peelian.audits.stop_light import after_dark
from peelian.audits.stop_records import read_stops
from peelian.audits.stop_residents import Residents, residents_by_area
from peelian.errors import DataError, NotEnoughDataError, UsageError

from .simulated_stops import LAT, LON, stops_by_area


def residents_of(table: pd.DataFrame) -> Residents:
    return residents_by_area(table, place="area", groups=["X", "Y"])


def ratios(found: object) -> pd.DataFrame:
    table = found.frame  # type: ignore[attr-defined]
    return table[table["group"] == "X"].set_index("denominator")


@pytest.mark.parametrize("rate", [1.0, 2.5])
def test_a_planted_ratio_to_residents_comes_back(rate: float) -> None:
    records, table = stops_by_area(rate=rate)
    row = ratios(benchmark(records, reference="Y", residents=residents_of(table))).loc["residents"]
    assert row["low"] < rate < row["high"]
    assert row["ratio"] == pytest.approx(rate, rel=0.15)


def test_the_ratio_is_the_one_by_hand() -> None:
    records, table = stops_by_area(2000)
    n = records.groups
    row = ratios(benchmark(records, reference="Y", residents=residents_of(table))).loc["residents"]
    assert row["ratio"] == pytest.approx(n["X"] / table["x"].sum() / (n["Y"] / table["Y"].sum()))
    where = records.frame["area"].value_counts()
    share = table.set_index("area")[["x", "Y"]].div(table.set_index("area")["population"], axis=0)
    expected = share.mul(where, axis=0).sum()
    standard = ratios(benchmark(records, reference="Y", residents=residents_of(table))).loc[
        "residents where stops are made"
    ]
    assert standard["ratio"] == pytest.approx(n["X"] / expected["x"] / (n["Y"] / expected["Y"]))


def test_choosing_areas_of_a_group_shows_against_residents_and_not_where_stops_are_made() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"area": [f"a{k}" for k in range(40)], "X": rng.integers(50, 950, 40)})
    table["Y"] = 1000 - table["X"]
    area = rng.choice(40, 8000, p=(table["X"] ** 2 / (table["X"] ** 2).sum()))
    group = np.where(rng.random(8000) < table["X"].to_numpy()[area] / 1000, "X", "Y")
    records, _ = stops_by_area(8000)
    frame = records.frame.assign(area=[f"a{k}" for k in area], group=group.astype(object))
    found = ratios(benchmark(replace(records, frame=frame), reference="Y", residents=residents_of(table)))
    assert found.loc["residents", "low"] > 1.2
    where = found.loc["residents where stops are made"]
    assert where["low"] < 1 < where["high"]
    incidents = dict(zip(table["area"], table["X"] ** 2, strict=True))
    by_report = ratios(
        benchmark(
            replace(records, frame=frame), reference="Y", residents=residents_of(table), incidents=incidents
        )
    )
    row = by_report.loc["residents where incidents are reported"]
    assert row["low"] < 1 < row["high"]


def test_areas_drawn_anew_know_that_stops_come_in_bunches() -> None:
    records, _ = stops_by_area(4000)
    frame = records.frame.copy()
    bunched = np.random.default_rng(1).random(40) < 0.5
    number = frame["area"].str.removeprefix("area ").astype(int).to_numpy()
    frame["group"] = np.where(bunched[number], "X", "Y").astype(object)
    frame["basis"] = np.where(np.random.default_rng(2).random(40) < 0.5, "traffic", "suspicion")[number]
    row = ratios(benchmark(replace(records, frame=frame), reference="Y")).iloc[0]
    assert row["low"] < 1 < row["high"]
    assert row["high"] / row["low"] > 3


def test_missing_groups_are_bounded_and_allocated() -> None:
    records, table = stops_by_area(rate=2.0, missing=1 / 3)
    row = ratios(benchmark(records, reference="Y", residents=residents_of(table))).loc["residents"]
    assert row["bound_low"] < row["low"] < 2.0 < row["high"] < row["bound_high"]
    assert row["bound_low"] < 1 < row["bound_high"]
    assert row["allocated"] == pytest.approx(2.0, rel=0.15)
    whole = ratios(benchmark(stops_by_area()[0], reference="Y"))
    assert whole["bound_low"].tolist() == pytest.approx(whole["ratio"].tolist())


def test_searches_other_stops_and_stops_after_dark_are_denominators_too() -> None:
    records, _ = stops_by_area()
    found = benchmark(records, reference="Y", dark=after_dark(records, lat=LAT, lon=LON))
    names = [name for name, _, _ in found.denominators]
    assert names == ["their stops for traffic", "their stops after dark", "their stops"]
    assert all(one.low < 1 < one.high for one in found.findings)
    assert [one.id.split("/")[0] for one in found.findings] == ["stop_rate_ratio"] * 2 + ["search_rate_ratio"]
    assert all("can't tell" in one.limits[-1] for one in found.findings)
    other = benchmark(records, reference="Y", basis="suspicion")
    assert other.denominators[0][0] == "their stops for suspicion"
    with pytest.raises(UsageError, match="as a basis"):
        benchmark(records, basis="whim")


def test_stops_that_do_not_say_whether_they_were_searched_are_in_the_bounds() -> None:
    records, _ = stops_by_area(2000)
    frame = records.frame
    unknown = np.random.default_rng(1).random(len(frame)) < 0.2
    less = replace(records, frame=frame.assign(search=frame["search"].mask(unknown)))
    row = ratios(benchmark(less, reference="Y")).loc["their stops"]
    x, y = (frame["group"] == name for name in "XY")
    s, u = frame["search"].astype(bool) & ~unknown, unknown
    lowest = (x & s).sum() / x.sum() / ((y & (s | u)).sum() / y.sum())
    highest = (x & (s | u)).sum() / x.sum() / ((y & s).sum() / y.sum())
    assert (row["bound_low"], row["bound_high"]) == pytest.approx((lowest, highest))
    plain = (x & s).sum() / (x & ~u).sum() / ((y & s).sum() / (y & ~u).sum())
    assert row["ratio"] == pytest.approx(plain)


def test_thresholds_small_groups_and_few_residents() -> None:
    records, table = stops_by_area(rate=2.0)
    frame = records.frame.copy()
    frame.loc[:24, "group"] = "Z"
    table["Z"] = 0
    table.loc[0, "Z"] = 12
    held = {"stop_rate_ratio": Threshold(1.25, "the board", "2022-01-01")}
    residents = residents_by_area(table, place="area", groups=["X", "Y", "Z"])
    found = benchmark(replace(records, frame=frame), reference="Y", residents=residents, thresholds=held)
    by_id = {one.id: one for one in found.findings}
    assert by_id["stop_rate_ratio/residents/X"].passes is False
    none = by_id["stop_rate_ratio/residents/Z"]
    assert none.value is None
    assert "12: too few" in none.limits[0]
    assert found.passes is False


def test_the_same_again_and_plain() -> None:
    records, table = stops_by_area(1500, missing=0.2)
    one, other = (benchmark(records, residents=residents_of(table)).to_dict() for _ in range(2))
    assert json.dumps(one, allow_nan=False) == json.dumps(other, allow_nan=False)


def test_groups_that_can_be_compared() -> None:
    records, _ = stops_by_area(600)
    assert groups_to_compare(records, "X") == ("X", ["Y"])
    with pytest.raises(UsageError, match="as the reference"):
        groups_to_compare(records, "Q")
    few = replace(records, frame=records.frame.assign(group=["X"] * 590 + ["Y"] * 10))
    with pytest.raises(NotEnoughDataError, match="Y 10"):
        groups_to_compare(few, None)
    with pytest.raises(UsageError, match="level"):
        benchmark(records, level=0.2)


def test_residents_are_read_with_care() -> None:
    table = stops_by_area(200)[1]
    read = residents_of(table)
    assert list(read.counts) == ["X", "Y"]
    again = residents_by_area(read.frame, place="area", groups=["X", "Y"], population="everyone")
    pd.testing.assert_frame_equal(again.counts, read.counts)
    shares = table.assign(x=table["x"] / table["population"], Y=table["Y"] / table["population"])
    assert residents_of(shares).counts["X"].to_numpy() == pytest.approx(table["x"].to_numpy())
    with pytest.raises(DataError, match="more than all"):
        residents_of(table.assign(population=10))
    with pytest.raises(DataError, match="shares"):
        residents_of(shares.drop(columns="population"))
    with pytest.raises(DataError, match="unknown or negative"):
        residents_of(table.assign(x=-1))
    with pytest.raises(DataError, match="more than once"):
        residents_of(pd.concat([table, table]))
    with pytest.raises(UsageError, match="none is of a group"):
        residents_by_area(table, place="area", groups=["P", "Q"])
    assert any("all of them" in note for note in residents_of(table.drop(columns="population")).notes)


def test_minneapolis(shared_data) -> None:
    records = read_stops(shared_data / "minneapolis_stops_2017.parquet")
    table = pd.read_parquet(shared_data / "minneapolis_neighborhood_demographics_2015.parquet")
    residents = residents_by_area(table, place="neighborhood", groups=list(records.groups))
    found = benchmark(records, reference="White", residents=residents, replicates=200)
    rows = found.frame[found.frame["group"] == "Black"].set_index("denominator")["ratio"]
    assert rows["residents"] == pytest.approx(13964 / 68279.2 / (11476 / 248245.4), rel=1e-3)
    assert rows["residents"] > rows["residents where stops are made"] > rows["their stops for traffic"] > 1
    assert any("2,300 stops are in no area" in note for note in found.notes)
