"""Audit of a forecast on simulated cities whose truth is known: nothing where nothing is, else the right size."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from peelian.audits.alternatives import EVEN, METHOD
from peelian.audits.finding import Finding, Threshold
from peelian.audits.forecast import FORECAST_LIMITS, ForecastAudit, forecast_audit
from peelian.audits.part_errors import QUANTITIES, PartErrors
from peelian.audits.retrospect import Retrospect
from peelian.audits.thresholds import MEASURES
from peelian.errors import DataError, NotEnoughDataError, UsageError

from .forecast_city import a_grid, forecast_of, means, residents, simulated

LOW = 1 / 0.7
EAST = 0.8
"""Where the second group has at least this share, the forecast says 30 % too little."""


def _off() -> np.ndarray:
    grid = a_grid()
    share = (grid.columns + 0.5) / grid.shape[1]
    return np.where(share > EAST, LOW, 1.0)


@pytest.fixture(scope="module")
def right() -> ForecastAudit:
    used, population = simulated(seed=10)
    return forecast_audit(used, population=population, replicates=400)


@pytest.fixture(scope="module")
def off() -> ForecastAudit:
    used, population = simulated(factor=_off(), seed=20)
    return forecast_audit(used, population=population, replicates=400)


def _small(seed: int) -> tuple[Retrospect, pd.DataFrame]:
    """A city that is quick to audit, for what is no matter of chance."""
    return simulated(seed=seed, periods=6, side=24, total=60.0)


def _finding(audit: ForecastAudit, name: str) -> Finding:
    return next(one for one in audit.findings if one.id == name)


def test_a_right_forecast_is_found_right(right: ForecastAudit) -> None:
    for name, truth in (
        ("observed_expected/method", 1.0),
        ("calibration_slope/method", 1.0),
        ("interval_coverage/method", 0.0),
        ("pit_mean/method", 0.0),
        ("observed_expected_ratio/method/second", 1.0),
        ("calibration_slope_gap/method/second", 0.0),
    ):
        found = _finding(right, name)
        assert found.low is not None
        assert found.high is not None
        assert found.low <= truth <= found.high, found.sentence()
    assert right.judged.stand_out == 0
    assert right.sentences()[0].startswith("None of 9 comparisons")
    # How strong the nothing is: a ratio that these reports could have shown.
    detectable = _finding(right, "observed_expected_ratio/method/second").details["detectable"]
    assert 1.1 < detectable < 1.6
    held = _finding(right, "observed_expected_ratio/method/second")
    assert held.low is not None
    assert held.high is not None
    # Found 8 times of 10 is what lies 0.84 standard errors beyond what is just found.
    assert np.log(detectable) / (np.log(held.high / held.low) / 2) == pytest.approx(
        1 + 0.8416 / 1.96, rel=0.1
    )
    assert "could have shown" in right.sentences()[1]
    row = right.rules.iloc[0]
    hit_rate = f"(95 % interval {100 * row['hit_rate_low']:.3g} to {100 * row['hit_rate_high']:.3g})"
    exposed = f"(95 % interval {row['ratio/second_low']:.3g} to {row['ratio/second_high']:.3g})"
    assert [hit_rate in right.sentences()[-2], exposed in right.sentences()[-1]] == [True, True]


def test_deciles_of_a_right_forecast_hold_1_at_the_nominal_rate() -> None:
    held, uniform = [], []
    for seed in range(4):
        used, population = simulated(seed=100 + 2 * seed, periods=13)
        found = forecast_audit(used, population=population, replicates=200).frame
        found = found[found["group"] == "second"]
        held += ((found["observed_expected_low"] <= 1) & (found["observed_expected_high"] >= 1)).tolist()
        held += ((found["slope_low"] <= 1) & (found["slope_high"] >= 1)).tolist()
        uniform += (found["pit_p"] > 0.05).tolist()
    assert np.mean(held) >= 0.9
    assert np.mean(uniform) >= 0.85


def test_a_forecast_that_is_30_percent_low_in_one_groups_areas_is_found_with_the_right_size(
    off: ForecastAudit,
) -> None:
    found = _finding(off, "observed_expected_ratio/method/second")
    assert found.value == pytest.approx(LOW, rel=0.15)
    assert found.low is not None
    assert found.high is not None
    assert 1 < found.low < LOW < found.high
    assert found.details["p_adjusted"] <= 0.05
    assert found.details["value_highest"] == pytest.approx(LOW, rel=0.15)
    assert found.details["value_lowest"] == pytest.approx(1, rel=0.15)
    first = off.sentences()[0]
    assert first.startswith("Where the share of second residents is highest, 1.")
    ends = (found.details[end] for end in ("value_highest", "value_lowest"))
    assert ": {:.3g} against {:.3g}. ".format(*ends) in first, "which of both ends is off is told too"
    rows = off.frame[off.frame["group"] == "second"]
    assert (rows["observed_expected"].to_numpy()[-2:] > 1.2).all()
    assert (rows["observed_expected"].to_numpy()[:8] < 1.2).all()


def test_numbers_are_those_of_a_plain_count(off: ForecastAudit) -> None:
    used, population = simulated(factor=_off(), seed=20)
    share = (population["second"] / population.sum(axis=1)).to_numpy()
    row = off.frame[(off.frame["group"] == "second") & (off.frame["decile"] == 10)].iloc[0]
    inside = (share >= row["share_from"] - 1e-9) & (share <= row["share_to"] + 1e-9)
    seen, picked = used.observed[:, inside], used.picked[:, inside]
    assert row["cells"] == inside.sum()
    assert row["seen"] == seen.sum()
    assert row["observed_expected"] == pytest.approx(seen.sum() / used.mean[:, inside].sum())
    assert row["miss"] == pytest.approx(1 - (seen * picked).sum() / seen.sum())
    assert row["false_alarm"] == pytest.approx(((seen == 0) & picked).sum() / picked.sum())
    assert row["error"] == pytest.approx(np.abs(seen - used.mean[:, inside]).mean())
    held = stats.poisson(used.mean[:, inside])
    low, high = held.ppf(0.05), held.ppf(0.95)
    assert row["coverage"] == pytest.approx(((seen >= low) & (seen <= high)).mean())
    assert row["coverage_expected"] == pytest.approx((held.cdf(high) - held.cdf(low - 1)).mean())
    # Where the average resident of a group lives: each place counts by the group's residents.
    second = population["second"].to_numpy()
    group = off.groups[(off.groups["rule"] == METHOD) & (off.groups["group"] == "second")].iloc[0]
    assert group["observed_expected"] == pytest.approx(
        (used.observed @ second).sum() / (used.mean @ second).sum()
    )
    assert group["error"] == pytest.approx(
        (np.abs(used.observed - used.mean) @ second).sum() / (second.sum() * len(used.mean))
    )
    first = population["first"].to_numpy()
    against = _finding(off, "observed_expected_ratio/method/residents/second")
    assert against.details["value_group"] == pytest.approx(group["observed_expected"])
    assert against.value == pytest.approx(
        group["observed_expected"] / ((used.observed @ first).sum() / (used.mean @ first).sum())
    )


def test_rules_stand_side_by_side_at_as_much_area(right: ForecastAudit) -> None:
    used, population = simulated(seed=10)
    table = right.rules.set_index("rule")
    np.testing.assert_allclose(table["area_share"], 0.05)
    hits = (used.observed * used.picked).sum()
    assert table.loc[METHOD, "hit_rate"] == pytest.approx(hits / used.observed.sum())
    assert table.loc[METHOD, "pai"] == pytest.approx(hits / used.observed.sum() / 0.05)
    assert table.loc[EVEN, "hit_rate"] == pytest.approx(0.05)
    assert table.loc[EVEN, "ratio/second"] == pytest.approx(1)
    assert table.loc[EVEN, "gain"] == pytest.approx(table.loc[METHOD, "hit_rate"] - 0.05)
    second, first = (population[g].to_numpy() for g in ("second", "first"))
    picked = used.picked.mean(axis=0)
    exposed = [picked @ group / group.sum() for group in (second, first)]
    assert table.loc[METHOD, "ratio/second"] == pytest.approx(exposed[0] / exposed[1])
    gain = _finding(right, f"hit_rate_gain/{EVEN}")
    assert gain.low is not None
    assert gain.low > 0


def test_gains_are_paired() -> None:
    used, population = _small(30)
    other = forecast_of(used.grid, used.mean * 0.9, used.observed)
    found = forecast_audit(used, population=population, counting=other, replicates=100)
    row = found.rules.set_index("rule").loc["counting"]
    # The same places in the same resampled cities: no difference, and no doubt about it.
    assert row["gain"] == pytest.approx(0, abs=1e-12)
    assert row["gain_high"] - row["gain_low"] == pytest.approx(0, abs=1e-9)
    assert row["hit_rate_high"] - row["hit_rate_low"] > 0.01


def test_thresholds_are_held_against_the_method_alone(off: ForecastAudit) -> None:
    used, population = simulated(factor=_off(), seed=20)
    set_by = Threshold(1.25, "the board", "2026-01-01")
    found = forecast_audit(
        used,
        population=population,
        replicates=100,
        thresholds={"observed_expected_ratio": set_by, "picked_exposure_ratio": set_by},
    )
    one = _finding(found, "observed_expected_ratio/method/second")
    assert one.threshold == set_by
    assert one.passes is False
    assert found.passes is False
    assert _finding(found, f"picked_exposure_ratio/{EVEN}/second").threshold is None
    assert off.passes is None


def test_reports_without_a_place_bound_the_ratio() -> None:
    used, population = _small(40)
    found = forecast_audit(used, population=population, unplaced=50, replicates=100)
    one = _finding(found, "observed_expected_ratio/method/second")
    low, high = one.details["if_reports_without_place"]
    assert one.value is not None
    assert low < one.value < high
    assert "Had all 50 reports without a place come from the one end" in " ".join(one.limits)
    rows = found.frame[found.frame["group"] == "second"].set_index("decile")
    assert low == pytest.approx(
        rows.loc[10, "observed_expected"] / ((rows.loc[1, "seen"] + 50) / rows.loc[1, "expected"])
    )
    assert high == pytest.approx(
        (rows.loc[10, "seen"] + 50) / rows.loc[10, "expected"] / rows.loc[1, "observed_expected"]
    )
    assert "50 reports of these periods have no place" in " ".join(found.limits)


def test_few_periods_are_said_to_tell_nothing_of_each_other() -> None:
    used, population = simulated(seed=48, periods=3, side=24, total=60.0)
    few = forecast_audit(used, population=population, replicates=100)
    assert few.settings["widened"] is False
    assert "3 periods are too few to tell what they have in common" in few.limits[0]


def test_a_comparison_with_what_lies_in_one_block_has_no_interval() -> None:
    # Of "seen" and "expected" in two parts of the city: the one over 30 blocks, the other in a single one.
    sums = np.zeros((30, 1, 4))
    sums[:, 0, :2] = 10.0
    sums[0, 0, 2:] = 10.0
    parts = PartErrors.of(sums, ("seen", "expected"), level=0.9, replicates=200, seed=0)
    for one, other in ((0, 1), (1, 0)):
        made = parts.contrast(QUANTITIES["observed_expected"], one, other).made
        assert made.value == 1
        assert made.low is None
        assert "1.0 blocks" in made.why[0]


def test_places_without_residents_are_told_and_counted() -> None:
    used, population = _small(41)
    empty = population.copy()
    empty.iloc[:100] = 0.0
    found = forecast_audit(used, population=empty, replicates=100)
    reports = int(used.observed[:, :100].sum())
    assert found.city["cells_without_residents"] == 100
    assert found.city["reports_without_residents"] == reports
    assert f"100 of 576 places have no residents and are in no tenth; {reports:,} reports" in found.limits[0]
    assert found.frame.loc[found.frame["group"] == "second", "seen"].sum() == used.observed.sum() - reports


def test_a_decile_without_reports_has_no_ratio_and_says_why() -> None:
    used, population = _small(42)
    share = (population["second"] / population.sum(axis=1)).to_numpy()
    observed = np.where(share > 0.7, 0, used.observed)
    quiet = forecast_of(used.grid, used.mean, observed)
    found = forecast_audit(quiet, population=population, replicates=100)
    one = _finding(found, "observed_expected_ratio/method/second")
    assert one.value is None
    assert one.limits[0].startswith("No reports came there")
    last = found.frame[found.frame["group"] == "second"].iloc[-1]
    assert np.isnan(last["observed_expected"])
    assert np.isnan(last["miss"])
    assert last["seen"] == 0
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_group_of_12_residents_has_no_number() -> None:
    used, population = _small(43)
    few = population.assign(third=12 / len(population))
    found = forecast_audit(used, population=few, replicates=100)
    one = _finding(found, "observed_expected_ratio/method/third")
    assert one.value is None
    assert "fewer than 100 third residents" in one.limits[0]
    assert "third" not in set(found.deciles["group"])
    assert "no numbers: third" in " ".join(found.limits)
    with pytest.raises(DataError, match="'third' has 12 residents"):
        forecast_audit(used, population=few, reference="third")


def test_one_share_everywhere_leaves_nothing_to_compare() -> None:
    used, population = _small(44)
    alike = pd.DataFrame({"a": population.sum(axis=1) * 0.4, "b": population.sum(axis=1) * 0.6})
    found = forecast_audit(used, population=alike, replicates=100)
    one = _finding(found, "observed_expected_ratio/method/b")
    assert one.value is None
    assert "all but the same everywhere" in one.limits[0]


def test_three_groups_are_each_compared_and_corrected_for_together() -> None:
    used, population = _small(45)
    rng = np.random.default_rng(0)
    three = population.assign(third=population.sum(axis=1).to_numpy() * rng.uniform(0, 1, len(population)))
    found = forecast_audit(used, population=three, replicates=100)
    assert {f"miss_gap/method/{g}" for g in three} <= {one.id for one in found.findings}
    family = {one.details["comparisons"] for one in found.findings if "comparisons" in one.details}
    assert family == {found.judged.comparisons}
    # Six between areas for each group, three for each group beside the reference; one may have no value.
    assert 6 * 3 + 3 * 2 - 3 <= found.judged.comparisons <= 6 * 3 + 3 * 2
    for one in found.findings:
        if one.details.get("p_adjusted") is not None:
            assert one.details["p_adjusted"] >= one.details["p"]


def test_the_same_settings_give_the_same_bytes(right: ForecastAudit) -> None:
    used, population = simulated(seed=10)
    again = forecast_audit(used, population=population, replicates=400)
    assert json.dumps(again.to_dict(), allow_nan=False) == json.dumps(right.to_dict(), allow_nan=False)
    pd.testing.assert_frame_equal(again.deciles, right.deciles)


def test_every_finding_is_of_a_known_measure_and_the_whole_is_plain(off: ForecastAudit) -> None:
    assert {one.id.split("/")[0] for one in off.findings} <= {
        name for name, measure in MEASURES.items() if measure.audit == "forecast"
    }
    assert len({one.id for one in off.findings}) == len(off.findings)
    for one in off.findings:
        assert (one.low is not None and one.high is not None) or one.limits, one.id
    told = off.to_dict()
    assert len(json.dumps(told, allow_nan=False)) < 150_000
    assert set(FORECAST_LIMITS) <= set(told["limits"])
    assert not any("nan" in sentence for sentence in told["sentences"])
    assert "<table" in off._repr_html_()
    assert dataclasses.is_dataclass(off)


def test_settings_and_residents_that_are_off_are_refused() -> None:
    used, population = _small(46)
    with pytest.raises(UsageError, match="a level of 95"):
        forecast_audit(used, population=population, level=95)
    with pytest.raises(UsageError, match="a interval of 0|an interval of 0"):
        forecast_audit(used, population=population, interval=0)
    with pytest.raises(UsageError, match="replicates"):
        forecast_audit(used, population=population, replicates=5)
    with pytest.raises(UsageError, match="'nobody' was given as the reference"):
        forecast_audit(used, population=population, reference="nobody")
    with pytest.raises(NotEnoughDataError, match="somebody to live there"):
        forecast_audit(used, population=population * 0)
    with pytest.raises(DataError, match="negative or unknown"):
        forecast_audit(used, population=population.mask(population > 100))


def test_one_group_alone_is_audited_without_exposure() -> None:
    used, population = _small(47)
    found = forecast_audit(
        used,
        population=population.assign(all=population.sum(axis=1))[["second", "all"]],
        total="all",
        replicates=100,
    )
    assert _finding(found, "observed_expected_ratio/method/second").value is not None
    assert not any(column.startswith("ratio/") for column in found.rules)


def test_residents_helper_goes_from_west_to_east() -> None:
    grid = a_grid(8)
    table = residents(grid)
    share = (table["second"] / table.sum(axis=1)).to_numpy()
    assert np.corrcoef(share, grid.columns)[0, 1] > 0.99
    assert means(grid, periods=2, total=7).sum() == pytest.approx(14)
