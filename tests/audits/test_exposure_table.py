"""Exposure in any table: the numbers of a published one, what is told of them, and what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from peelian.audits.finding import Threshold
from peelian.audits.positions import Positions
from peelian.audits.table import ExposureTable, exposure_table
from peelian.audits.units import Units, read_units
from peelian.errors import DataError, UsageError
from peelian.publish.wording import check_wording

SET = Threshold(1.25, "oversight board", "2026-01-05")


def units_of(*, areas: int = 6, n: int = 30, tilt: float = 0.0, **more: Any) -> Units:
    """Areas in which blue residents live where there is more, by so much on the logarithm."""
    rng = np.random.default_rng(4)
    rows = areas * n
    lean = rng.standard_normal(rows)
    at = np.tile(np.arange(n), areas)
    return Units(
        ids=np.array([f"u{i:04d}" for i in range(rows)], dtype=object),
        by=np.repeat([f"area {k}" for k in range(areas)], n).astype(object),
        counts=np.exp(3 + tilt * lean + 0.2 * rng.standard_normal(rows)).round(),
        residents=pd.DataFrame({"green": 300 * np.exp(-0.3 * lean), "blue": 200 * np.exp(0.5 * lean)}),
        positions=Positions(at % 6 * 1000.0, at // 6 * 1000.0),
        **more,
    )


@pytest.fixture(scope="module")
def tilted() -> ExposureTable:
    return exposure_table(units_of(tilt=0.6), reference="green", what="visits", replicates=300)


def test_the_33_agencies_are_those_of_plain_pandas(shared_data: Path) -> None:
    path = shared_data / "audit/predpol_block_group_predictions.parquet"
    table = pd.read_parquet(path)
    groups = ["white_alone", "black_alone", "latino_alone"]
    units = read_units(table, unit="geoid", count="predictions", groups=groups, by="department")
    found = exposure_table(units, reference="white_alone", what="predictions", replicates=200)
    assert len(found.ratios) == 66
    wanted = table.groupby("department").apply(
        lambda rows: pd.Series({g: (rows["predictions"] * rows[g]).sum() / rows[g].sum() for g in groups})
    )
    for row in found.ratios.to_dict("records"):
        mean = wanted.loc[row["by"]]
        assert row["value"] == pytest.approx(mean[row["group"]] / mean["white_alone"], rel=1e-9)
        held = table[table["department"] == row["by"]]
        assert (row["units"], row["population"]) == (len(held), held[row["group"]].sum())
        assert row["low"] < row["value"] < row["high"]
    total = found.tallies[0]
    assert (total.ratios, total.above, total.below) == (66, 55, 11)
    # What the published findings said by point estimates, an interval says of few agencies alone, and of all together.
    assert total.surely_above + total.surely_below < 15
    assert (found.pooled["low"] > 1).all()


def test_nothing_found_says_how_little_the_value_alone_is_worth() -> None:
    found = exposure_table(units_of(tilt=0.0), reference="green", replicates=300)
    total = found.tallies[0]
    assert total.surely_above + total.surely_below <= 1
    assert total.above + total.below == 6
    assert found.sentences()[0].startswith("Of 6 exposure ratios in 6 areas")
    row = found.pooled.iloc[0]
    assert row["low"] < 1 < row["high"]


def test_what_is_there_is_found(tilted: ExposureTable) -> None:
    total = tilted.tallies[0]
    assert (total.above, total.surely_above) == (6, 6)
    assert total.corrected >= 4
    # exp(0.6 * (0.5 + 0.3)), the truth of lognormal fields
    assert tilted.pooled.iloc[0]["low"] < np.exp(0.48) < tilted.pooled.iloc[0]["high"]
    assert np.all(tilted.ratios["p_corrected"] >= tilted.ratios["p"])


def test_findings_hold_a_threshold_that_somebody_set() -> None:
    bounds = {"exposure_ratio": SET, "top_share": Threshold(0.2, "oversight board", "2026-01-05")}
    found = exposure_table(units_of(tilt=0.6), reference="green", replicates=50, thresholds=bounds)
    ratios = [one for one in found.findings if one.id.startswith("exposure_ratio/")]
    assert len(ratios) == 6
    assert all(one.passes is False and one.threshold == SET for one in ratios)
    held = [one for one in found.findings if one.threshold and one.id.startswith("top_share/")]
    assert len(held) == 6, "of the top 5 % of units, once an area"
    assert found.passes is False
    assert exposure_table(units_of(), reference="green", replicates=50).passes is None


def test_an_area_is_the_same_alone_and_among_others(tilted: ExposureTable) -> None:
    units = units_of(tilt=0.6)
    held = units.at("area 3")
    alone = Units(
        units.ids[held],
        units.by[held],
        units.counts[held],
        units.residents[held],
        units.positions.where(held),
    )
    found = exposure_table(alone, reference="green", what="visits", replicates=300)
    both = tilted.ratios[tilted.ratios["by"] == "area 3"]
    assert (
        found.ratios[["value", "low", "high"]].to_numpy().tolist()
        == both[["value", "low", "high"]].to_numpy().tolist()
    )
    assert found.sentences()[0].startswith("Where the average blue resident lives there are")
    assert len(found.sentences()) == 1
    assert found.pooled.empty


def test_record_is_plain_and_the_same_again(tilted: ExposureTable) -> None:
    record = tilted.to_dict()
    text = json.dumps(record, allow_nan=False, sort_keys=True)
    again = exposure_table(units_of(tilt=0.6), reference="green", what="visits", replicates=300)
    assert json.dumps(again.to_dict(), sort_keys=True) == text
    first = record["ratios"][0]
    assert list(first)[:8] == ["by", "group", "reference", "value", "low", "high", "units", "population"]
    assert record["claims"]["warning"] in record["limits"]
    assert len(record["findings"]) == 6
    assert all(one["sentence"] for one in record["findings"])


def test_everything_said_is_worded_as_we_talk(tilted: ExposureTable) -> None:
    said = [*tilted.sentences(), *tilted.limits, *tilted.notes, *map(str, tilted.claims.values())]
    said += [finding.sentence() for finding in tilted.findings]
    for text in said:
        assert check_wording(text) == text


def test_others_and_what_counts_are_held_against() -> None:
    units = units_of()
    lived = units.residents.sum(axis=1).to_numpy()
    more = units_of(total=lived + 50, denominators={"ambient": lived * 2, "reports": units.counts + 1})
    found = exposure_table(more, reference="green", replicates=50)
    other = found.exposures[found.exposures["group"] == "other or unknown"]
    assert other["population"].tolist() == pytest.approx([1500.0] * 6)
    first = more.counts[more.at("area 0")].mean()
    assert other["value"].iloc[0] == pytest.approx(first), "fifty in each unit: a plain mean"
    assert set(found.denominators["denominator"]) == {"residents", "ambient", "reports"}
    by_reports = found.denominators.query("denominator == 'reports'")["value"]
    assert by_reports.to_numpy() == pytest.approx(1, abs=0.05)
    assert not any("those present" in limit for limit in found.limits)


def test_margins_are_in_the_interval_or_it_is_said_that_they_are_not() -> None:
    table = pd.DataFrame(
        {
            "id": range(40),
            "n": range(40),
            "a": 300,
            "b": range(100, 140),
            "moe": 80,
            "lon": range(40),
            "lat": 5,
        }
    )
    named: dict[str, Any] = {"unit": "id", "count": "n", "groups": ["a", "b"]}
    plain = exposure_table(read_units(table, **named), reference="a", replicates=100)
    made = exposure_table(
        read_units(table, **named, margins={"a": "moe", "b": "moe"}), reference="a", replicates=100
    )
    assert made.ratios["high"][0] > plain.ratios["high"][0]
    assert made.ratios["value"][0] == plain.ratios["value"][0]
    assert any("came without margins" in limit for limit in plain.limits)
    assert any("are in the intervals" in limit for limit in made.limits)


def test_periods_tell_what_stays() -> None:
    units = units_of(areas=2)
    rng = np.random.default_rng(0)
    stays = np.column_stack([units.counts + rng.poisson(1, 60) for _ in range(4)])
    found = exposure_table(
        units_of(areas=2, periods=pd.DataFrame(stays)), reference="green", replicates=50, top=0.2
    )
    assert set(found.persistence["by"]) == {"area 0", "area 1"}
    overlap = found.persistence.query("measure == 'overlap'")
    assert (overlap["value"] > overlap["chance"]).all()
    assert set(found.times["group"]) == {"green", "blue"}
    assert exposure_table(units, reference="green", replicates=50).persistence.empty


def test_intersections_are_bounded() -> None:
    units = units_of()
    total = units.residents.sum(axis=1).to_numpy() * 0.8
    total = np.maximum(total, units.residents.max(axis=1).to_numpy())
    crossed = units_of(total=total)
    found = exposure_table(crossed, reference="green", cross=("green", "blue"), replicates=50)
    assert found.crossed["group"].tolist() == ["green & blue"] * 6
    assert (found.crossed["value_low"] <= found.crossed["value_high"]).all()
    with pytest.raises(UsageError, match="to be crossed"):
        exposure_table(units, reference="green", cross=("green", "blue"))
    few = units_of(total=np.full(180, 50.0))
    with pytest.raises(DataError, match="an attribute has more residents than all"):
        exposure_table(few, reference="green", cross=("green", "blue"))


def test_a_small_group_is_listed_without_a_number() -> None:
    units = units_of()
    units.residents.loc[units.by == "area 2", "blue"] = 0.4  # 12 in all
    found = exposure_table(units, reference="green", replicates=50)
    row = found.ratios[found.ratios["by"] == "area 2"].iloc[0]
    assert np.isnan(row["value"])
    assert row["population"] == pytest.approx(12)
    assert any(note.startswith("area 2, blue: no ratio. There are fewer than 100") for note in found.notes)
    assert found.tallies[0].refused == 1
    refused = next(one for one in found.findings if one.id == "exposure_ratio/area 2/blue")
    assert refused.value is None
    assert refused.limits


@pytest.mark.parametrize(
    ("setting", "said"), [({"level": 1.0}, "a level of 1"), ({"top": 0.0}, "a top of 0")]
)
def test_settings_that_are_off(setting: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        exposure_table(units_of(areas=1), reference="green", **setting)


def test_a_reference_that_is_no_group() -> None:
    with pytest.raises(DataError, match="column 'gren'") as caught:
        exposure_table(units_of(areas=1), reference="gren")
    assert "did you mean green?" in caught.value.hint
