from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from peelian.audits.finding import Finding, Threshold
from peelian.audits.placebo import PlaceboAudit, clopper_pearson, placebo_audit, two_sided
from peelian.errors import UsageError

from .cities import City, city, field


def audit(place: City, hours: object, **more: object) -> PlaceboAudit:
    given = {"placebos": 99, "replicates": 200, "block": place.block, "x": place.x, "y": place.y, **more}
    return placebo_audit(hours, residents=place.residents, reference="b", **given)  # type: ignore[arg-type]


def finding(found: PlaceboAudit, name: str) -> Finding:
    return next(one for one in found.findings if one.id.startswith(name))


def test_two_sided_p_by_hand() -> None:
    null = np.arange(1.0, 20.0)
    assert two_sided(20.0, null) == 2 / 20
    assert two_sided(0.0, null) == 2 / 20
    assert two_sided(10.0, null) == 1.0
    assert two_sided(18.0, null) == 2 * 3 / 20
    assert two_sided(18.0, np.r_[null, np.nan]) == 2 * 3 / 20


def test_interval_of_a_rate_as_in_the_tables() -> None:
    # Zero errors in 300 still allow 1.2 % (two-sided 95 %); scipy as the other implementation.
    assert clopper_pearson(0, 300, 0.95)[1] == pytest.approx(0.0122, abs=1e-4)
    for k, n in ((0, 10), (3, 20), (20, 20)):
        exact = stats.binomtest(k, n).proportion_ci(0.9, method="exact")
        assert clopper_pearson(k, n, 0.9) == pytest.approx((exact.low, exact.high))


def test_hours_that_have_nothing_to_do_with_groups_give_p_values_that_are_uniform() -> None:
    p = []
    for i in range(60):
        place = city(16, seed=i, smooth=1.5)
        hours = np.exp(field(16, np.random.default_rng(1000 + i), smooth=1.5))
        p.append(audit(place, hours, placebos=49, replicates=20).frame["p"][0])
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) <= 0.1) < 0.25


def test_shuffling_units_one_by_one_would_have_found_something_where_nothing_is() -> None:
    wrong = []
    for i in range(30):
        place = city(16, seed=i)
        hours = np.exp(field(16, np.random.default_rng(1000 + i)))
        rng = np.random.default_rng(i)
        shares = np.array([rng.permutation(place.share) for _ in range(99)])
        null = (shares @ hours / shares.sum(axis=1)) / ((1 - shares) @ hours / (1 - shares).sum(axis=1))
        s = place.share
        wrong.append(two_sided((s @ hours / s.sum()) / ((1 - s) @ hours / (1 - s).sum()), null) <= 0.05)
    assert np.mean(wrong) > 0.4


def test_hours_that_follow_a_group_stand_out() -> None:
    place = city(20, seed=1, smooth=1.5)
    found = audit(place, np.exp(2 * place.share))
    assert finding(found, "placebo_p").value == pytest.approx(0.02)
    row = found.frame.loc[0]
    assert row["null_low"] < 1 < row["null_high"] < row["ratio"]
    assert "p = 0.02" in found.sentences()[0]


def test_the_rate_of_false_findings_knows_blocks_that_are_too_small() -> None:
    place = city(24, seed=5)
    hours = np.exp(field(24, np.random.default_rng(7)))
    each = np.arange(576)
    small = finding(audit(place, hours, block=each), "false_findings")
    large = finding(audit(place, hours), "false_findings")
    assert small.details["by_blocks_alone"] > 0.4
    assert large.details["by_blocks_alone"] < small.details["by_blocks_alone"]
    assert small.low is not None
    assert small.low <= 0.05 <= small.high, "1 in 20, however small the blocks are"
    rough = city(24, seed=5, smooth=0.3)
    noise = np.random.default_rng(0).gamma(2, 1, 576)
    even = finding(audit(rough, noise, block=each), "false_findings")
    assert even.value is not None
    assert even.value < 0.13
    assert even.details["nominal"] == 0.05


def test_every_second_unit_is_no_finding() -> None:
    one = finding(audit(city(), np.random.default_rng(0).gamma(1, 1, 576)), "negative_control")
    assert one.low is not None
    assert one.high is not None
    assert one.low < 1 < one.high


def test_thresholds_small_groups_and_refusals() -> None:
    place = city(16)
    bound = {"false_findings": Threshold(0.0, "the board", "2026-01-01")}
    residents = place.residents.assign(c=12 / 256)
    hours = np.exp(field(16, np.random.default_rng(3)))
    found = audit(place._replace(residents=residents), hours, thresholds=bound)
    assert finding(found, "false_findings/random_fields/a").passes is False
    assert "fewer than 100" in finding(found, "placebo_p/moved_labels/c").limits[0]
    with pytest.raises(UsageError, match="at least 19"):
        audit(place, hours, placebos=5)
    nobody = audit(place, np.zeros(256))
    assert finding(nobody, "placebo_p").value is None
    json.dumps(nobody.to_dict(), allow_nan=False)


def test_the_same_bytes() -> None:
    place = city(16)
    first, second = (json.dumps(audit(place, place.share).to_dict(), allow_nan=False) for _ in range(2))
    assert first == second
