from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from peelian.audits.benefit import BenefitAudit, benefit_audit
from peelian.audits.finding import Finding, Threshold
from peelian.errors import DataError, UsageError

from .cities import City, city


def audit(place: City, planned: object, expected: object, **more: object) -> BenefitAudit:
    given = {"residents": place.residents, "reference": "b", "block": place.block, "replicates": 400, **more}
    return benefit_audit(planned=planned, expected=expected, **given)  # type: ignore[arg-type]


def finding(found: BenefitAudit, name: str) -> Finding:
    return next(one for one in found.findings if one.id == name)


def test_burden_and_benefit_are_what_a_sum_by_hand_gives() -> None:
    residents = pd.DataFrame({"a": [900.0, 100.0, 0.0, 0.0], "b": [100.0, 300.0, 600.0, 0.0]})
    place = City(np.arange(4.0), np.zeros(4), residents, np.arange(4))
    planned, expected = np.array([2.0, 0.0, 1.0, 5.0]), np.array([3.0, 2.0, 4.0, 9.0])
    found = audit(place, planned, expected)
    rows = found.frame.set_index(["what", "group"])
    assert rows.loc[("planned", "a"), "minutes"] == pytest.approx(60 * 1800 / 1000)
    assert rows.loc[("planned", "b"), "minutes"] == pytest.approx(60 * (200 + 600) / 1000)
    assert rows.loc[("planned", "a"), "covered"] == pytest.approx(2700 / 1000)
    assert rows.loc[("planned", "b"), "covered"] == pytest.approx((300 + 2400) / 1000)
    assert rows.loc[("planned", "b"), "covered_share"] == pytest.approx(2700 / (300 + 600 + 2400))
    assert finding(found, "burden_ratio/planned/a").value == pytest.approx(1.8 / 0.8)
    assert finding(found, "benefit_ratio/planned/a").value == pytest.approx(2.7 / 2.7)
    assert finding(found, "burden_per_benefit/planned/a").value == pytest.approx((1.8 / 2.7) / (0.8 / 2.7))


def test_what_nobody_said_is_unknown_and_not_zero() -> None:
    place = city()
    found = audit(place, np.ones(576), np.ones(576))
    for stage in ("approved", "attended"):
        one = finding(found, f"burden_ratio/{stage}/a")
        assert one.value is None
        assert one.limits[0].startswith("Dosage unknown")
    assert set(found.frame["what"]) == {"planned"}
    assert "nobody said what was done" in " ".join(found.sentences())
    none_done = audit(place, np.ones(576), np.ones(576), approved=np.ones(576), attended=np.zeros(576))
    assert "none of it" in finding(none_done, "burden_ratio/attended/a").limits[0]
    assert none_done.frame.set_index(["what", "group"]).loc[("attended", "a"), "minutes"] == 0


def test_a_planted_difference_is_inside_its_interval_and_an_even_plan_has_none() -> None:
    place = city(seed=8)
    rng = np.random.default_rng(0)
    base = rng.gamma(8, 1 / 8, 576)
    tilted = audit(place, base * (1 + 2 * place.share), base)
    a, b = (place.residents[g].to_numpy() for g in "ab")
    truth = ((1 + 2 * place.share) @ a / a.sum()) / ((1 + 2 * place.share) @ b / b.sum())
    burden = finding(tilted, "burden_ratio/planned/a")
    assert burden.low is not None
    assert burden.high is not None
    assert 1 < burden.low < truth < burden.high
    benefit = finding(tilted, "benefit_ratio/planned/a")
    assert benefit.low is not None
    assert benefit.high is not None
    assert benefit.low < 1 < benefit.high


def test_thresholds_are_held_against_the_latest_stage_that_is_known() -> None:
    place = city(segregated=True)
    bound = {"burden_per_benefit": Threshold(1.25, "the board", "2026-01-01")}
    hours = np.where(place.share == 1, 2.0, 1.0)
    drafted = audit(place, hours, np.ones(576), thresholds=bound)
    assert finding(drafted, "burden_per_benefit/planned/a").passes is False
    done = audit(place, hours, np.ones(576), attended=np.ones(576), thresholds=bound)
    assert finding(done, "burden_per_benefit/planned/a").passes is None
    assert finding(done, "burden_per_benefit/attended/a").passes is True


def test_work_that_is_not_patrol_is_counted_apart() -> None:
    place = city(segregated=True)
    lights = np.where(place.share == 1, 1.0, 4.0)
    found = audit(place, np.ones(576), np.ones(576), other_work={"street_lights_mended": lights})
    assert finding(found, "other_work_ratio/street_lights_mended/a").value == pytest.approx(0.25)
    assert finding(found, "burden_ratio/planned/a").value == pytest.approx(1.0)
    assert "street lights mended" in found.sentences()[-1]
    with pytest.raises(UsageError, match="name of a stage"):
        audit(place, np.ones(576), np.ones(576), other_work={"attended": lights})


def test_a_group_of_twelve_gets_no_number() -> None:
    place = city()
    found = audit(place._replace(residents=place.residents.assign(c=12 / 576)), np.ones(576), np.ones(576))
    assert "fewer than 100" in finding(found, "benefit_ratio/planned/c").limits[0]
    assert found.frame.set_index("group").loc["c", ["minutes", "covered"]].isna().all()
    assert "average c resident" not in found.sentences()[0]


def test_same_bytes_clean_json_and_refusals() -> None:
    place = city()
    one = np.ones(576)
    first, second = (json.dumps(audit(place, place.share, one).to_dict(), allow_nan=False) for _ in range(2))
    assert first == second
    with pytest.raises(DataError, match="attended hours of 1 of 576"):
        audit(place, one, one, attended=np.r_[np.nan, one[1:]])


def test_each_number_has_its_p_value() -> None:
    place = city(seed=8)
    hours = np.random.default_rng(0).gamma(8, 1 / 8, 576) * (1 + 2 * place.share)
    found = audit(place, hours, np.ones(576))
    assert finding(found, "burden_ratio/planned/a").details["p"] < 0.01
    assert finding(found, "benefit_ratio/planned/a").details["p"] == 1.0
    assert finding(found, "burden_ratio/attended/a").details["p"] is None
