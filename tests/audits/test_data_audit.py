"""The whole audit of the data: what stands out first, how strong a nothing is, and plain values."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from peelian.audits.dataset import LIMITS, PARTS, DataAudit, data_audit
from peelian.audits.finding import Threshold
from peelian.audits.parts import Part
from peelian.audits.thresholds import MEASURES
from peelian.errors import UsageError
from peelian.publish.wording import check_wording

from .simulated_records import START, made_frame, more, records_of


@pytest.fixture(scope="module")
def audit() -> DataAudit:
    return data_audit(records_of(made_frame(scatter=0.2)), category="burglary", placements=5, reference="b")


def test_every_part_is_there_and_plain(audit: DataAudit) -> None:
    assert set(audit.parts) == set(PARTS)
    text = json.dumps(audit.to_dict(), allow_nan=False)
    assert len(text) < 200_000
    assert audit.passes is None
    assert len(audit.sentences()) == len(PARTS) + 1
    check_wording(" ".join([*audit.sentences(), *audit.limits, text]))


def test_nothing_found_is_told_with_its_strength(audit: DataAudit) -> None:
    said = audit.sentences()[0]
    assert "made-up records of burglary a week" in said
    assert "may be there unseen" in said
    quick = data_audit(records_of(made_frame()), category="burglary", poison=False)
    assert "was not tried" in quick.sentences()[0]
    assert "poisoning" not in quick.parts


def test_every_finding_is_of_a_measure_of_this_audit_with_an_interval_or_a_reason(audit: DataAudit) -> None:
    for one in audit.findings:
        assert MEASURES[one.id.split("/")[0]].audit == "data"
        assert (one.low is not None and one.high is not None) or one.limits


def test_what_is_beyond_its_threshold_comes_first() -> None:
    strict = {"missing_gap": Threshold(0.0, "the board", "2021-01-01")}
    found = data_audit(records_of(made_frame()), poison=False, thresholds=strict)
    assert found.findings[0].id.startswith("missing_gap")
    assert found.passes is False


def test_the_category_is_the_most_reported_when_none_is_given() -> None:
    found = data_audit(records_of(made_frame(), with_areas=False), poison=False)
    assert found.category == "theft"
    assert found.settings["area_word"] == "square of the map"


def test_a_series_and_a_gap_reach_the_headline() -> None:
    frame = made_frame()
    stamps = START.astype("datetime64[m]") + (7 * np.arange(5, 60)) * 1440 + 557
    frame = more(frame, stamps, x=float(frame["x"].iat[0]), y=float(frame["y"].iat[0]))
    found = data_audit(records_of(frame), poison=False)
    assert "too regular" in found.sentences()[0]


def test_where_a_stretch_alarms_it_is_said_how_often_that_is_for_nothing() -> None:
    stretch = pd.DataFrame({"what": ["a cell"]})
    looks: list[dict[str, pd.DataFrame]] = [
        {"cells": stretch.iloc[:0], "kinds": stretch},
        {"cells": stretch.iloc[:0], "repeats": stretch},
        {},
    ]
    told = [
        DataAudit({"manipulation": Part("manipulation", ("Said.",), tables=tables)}, "theft", 10).limits
        for tables in looks
    ]
    assert "9 of 80 looks alarmed" in told[0][-1]
    assert told[1] == told[2] == LIMITS


def test_an_unknown_group_is_refused() -> None:
    with pytest.raises(UsageError, match="the groups are a, b"):
        data_audit(records_of(made_frame()), reference="c", poison=False)


def test_too_few_places_are_refused_before_anything_is_looked_at() -> None:
    looks: list[str] = []
    with pytest.raises(UsageError, match="2 placements were given"):
        data_audit(records_of(made_frame()), placements=2, progress=lambda what, *_: looks.append(what))
    assert looks == []
