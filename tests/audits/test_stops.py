"""All tests of stops together: a planted difference is found, none where none was planted, and what fails is told."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from peelian.audits.finding import Threshold
from peelian.audits.stop_records import read_stops
from peelian.audits.stop_residents import residents_by_area
from peelian.audits.stops import stops_audit
from peelian.audits.thresholds import MEASURES
from peelian.errors import MissingExtraError, NotEnoughDataError, UsageError
from peelian.publish.wording import check_wording

from .simulated_stops import LAT, LON, stops_by_area

HERE = {"lat": LAT, "lon": LON}


def audit(n: int = 8000, **planted: float):
    records, table = stops_by_area(n, **planted)
    residents = residents_by_area(table, place="area", groups=["X", "Y"])
    return stops_audit(records, reference="Y", residents=residents, replicates=300, **HERE)


def test_planted_differences_are_found_and_named() -> None:
    found = audit(rate=2.0, hit_gap=-0.15)
    by_id = {one.id: one for one in found.findings}
    assert by_id["stop_rate_ratio/residents/X"].low > 1.5
    assert by_id["hit_rate_gap/hit, all/X"].high < -0.05
    for name in ("stop_rate_ratio/residents/X", "hit_rate_gap/hit, all/X"):
        assert by_id[name].details["p_corrected"] < 0.01
        assert by_id[name].details["p_corrected"] >= by_id[name].details["p"]
    assert "differ by more than chance would" in found.sentences()[0]
    assert any(said.startswith("By light: none") for said in found.sentences())


def test_nothing_is_found_where_nothing_was_planted_and_its_strength_is_told() -> None:
    found = audit()
    assert all(one.details["p_corrected"] > 0.05 for one in found.findings if "p_corrected" in one.details)
    assert "when it is counted" not in found.sentences()[0] or "0 when it is counted" in found.sentences()[0]
    assert any("80 times in 100" in said for said in found.sentences())


def test_what_is_missing_is_bounded_and_told() -> None:
    found = audit(rate=2.0, missing=1 / 3)
    row = found.frame.set_index("finding").loc["stop_rate_ratio/residents/X"]
    assert row["bound_low"] < row["low"] < row["value"] < row["high"] < row["bound_high"]
    assert any("Nothing is assumed of them" in said for said in found.sentences())
    assert not any("Inferred thresholds leave" in said for said in found.sentences())
    inferred = SimpleNamespace(limits=(), notes=tuple, findings=())
    with_thresholds = replace(found, inferred=inferred).sentences()  # type: ignore[arg-type]
    assert any("Inferred thresholds leave these stops out, and have none" in said for said in with_thresholds)
    (missing,) = (one for one in found.findings if one.id.startswith("missing_group"))
    assert missing.low < 1 / 3 < missing.high
    assert "and 0 whatever the groups not recorded were" in found.sentences()[0]


def test_a_group_of_twelve_is_named_and_not_compared() -> None:
    records, _ = stops_by_area(2000)
    frame = records.frame.copy()
    frame.loc[:11, "group"] = "Z"
    found = stops_audit(replace(records, frame=frame), reference="Y", replicates=100)
    assert found.notes[0] == "Too few stops to compare: Z 12."
    assert not any(one.id.endswith("/Z") for one in found.findings)
    assert "Z" not in found.sentences()[0]


def test_every_measure_can_be_bounded() -> None:
    found = audit(3000, missing=0.1)
    measures = {one.id.partition("/")[0] for one in found.findings}
    assert measures == {
        "darkness_odds_ratio", "hit_rate_gap", "stop_rate_ratio", "search_rate_ratio", "missing_group",
    }  # fmt: skip
    assert all(MEASURES[one].audit == "stops" for one in measures)
    records = found.records
    held = {name: Threshold(5.0, "the board", "2021-12-01") for name in measures}
    again = stops_audit(records, reference="Y", replicates=100, thresholds=held, **HERE)
    assert again.passes is True
    strict = {**held, "missing_group": Threshold(0.01, "the board", "2021-12-01")}
    assert stops_audit(records, reference="Y", replicates=100, thresholds=strict, **HERE).passes is False


def test_tests_that_can_not_be_made_are_told_with_their_reason() -> None:
    records, _ = stops_by_area(2000)
    frame = records.frame.assign(hit=records.frame["hit"].mask(np.ones(2000, dtype=bool)))
    found = stops_audit(
        replace(records, frame=frame, clock="it lost its am and pm"), reference="Y", replicates=100
    )
    assert [name for name, _ in found.skipped] == ["Test by light", "Outcome test"]
    assert any("lost its am and pm" in note for note in found.notes)
    assert found.light is None
    assert found.outcomes is None

    def absent(*_: object, **__: object) -> None:
        msg = "the threshold test needs numpyro"
        raise MissingExtraError(msg, hint="pip install 'peelian[bayes]'")

    less = stops_audit(records, reference="Y", replicates=100, inferred=absent)
    assert ("Threshold test", "the threshold test needs numpyro") in less.skipped
    assert any(name == "Test by light" and "where it is" in why for name, why in less.skipped)
    with pytest.raises(UsageError, match="globe"):
        stops_audit(records, reference="Y", lat=144.0, lon=20.0)
    with pytest.raises(NotEnoughDataError):
        stops_audit(replace(records, frame=records.frame.assign(group="X")))


def test_the_result_is_plain_small_the_same_again_and_well_worded() -> None:
    one, other = (json.dumps(audit(3000, missing=0.2).to_dict(), allow_nan=False) for _ in range(2))
    assert one == other
    assert len(one) < 200_000
    check_wording(one)


def test_minneapolis_all_together(shared_data) -> None:
    records = read_stops(shared_data / "minneapolis_stops_2017.parquet")
    found = stops_audit(records, reference="White", replicates=200)
    assert "17,440 of 51,920 stops (33.6 %)" in found.sentences()[1]
    searched = next(one for one in found.findings if one.id == "search_rate_ratio/their stops/Black")
    assert searched.low > 2
    # A group is missing in all stops that lack whether there was a search, so little is sure of the missing third.
    assert searched.details["bound_low"] < 0.5 < 5 < searched.details["bound_high"]
    assert "not recorded in 8,221 stops (15.8 %)" in found.sentences()[2]
    assert "and 0 whatever the groups and searches not recorded were" in found.sentences()[0]


def test_city_of_london_all_together(shared_data) -> None:
    records = read_stops(shared_data / "uk_stop_search_city_of_london_201804_202011.parquet")
    found = stops_audit(records, reference="White", replicates=200)
    assert [name for name, _ in found.skipped] == ["Test by light"]
    assert "1,937 searches have no place, and are in no difference within areas." in found.notes
    assert any(one.id == "hit_rate_gap/action, all/Black" for one in found.findings)
