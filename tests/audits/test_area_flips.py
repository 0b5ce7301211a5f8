from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from peelian.audits.area_flips import factor_draws, factors
from peelian.audits.reporting import ReportingAudit, reporting_audit
from peelian.errors import UsageError
from peelian.publish.wording import check_wording

from .cities import City, city

PLACE = city(12, seed=3)
AREA = np.array([f"area {4 * (i // 4) + j // 3}" for i in range(12) for j in range(12)], dtype=object)


def uneven(place: City = PLACE) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    hours = rng.gamma(1, 1, place.share.size) * (1 + 0.6 * place.share)
    return hours, rng.gamma(2, 1, place.share.size)


def audit(hours: np.ndarray, reports: np.ndarray, areas: object = AREA, **more: object) -> ReportingAudit:
    given = {"residents": PLACE.residents, "reference": "b", "block": PLACE.block, "replicates": 200, **more}
    return reporting_audit(hours, reports=reports, areas=areas, **given)  # type: ignore[arg-type]


def ratio(values: np.ndarray) -> float:
    a, b = (PLACE.residents[g].to_numpy() for g in "ab")
    return float((values @ a / a.sum()) / (values @ b / b.sum()))


def undone(what: str, hours: np.ndarray, reports: np.ndarray, there: np.ndarray, factor: float) -> float:
    """The ratio where reports from an area are divided by a factor: from each unit, without any formula."""
    weight = np.where(there, 1 / factor, 1.0)
    return ratio(hours * weight) if what == "exposure" else ratio(hours) / ratio(reports * weight)


def flip_finding(found: ReportingAudit):  # type: ignore[no-untyped-def]
    return next(one for one in found.findings if one.id == "reporting_flip_by_area/exposure/a")


def test_every_factor_is_the_one_that_a_grid_finds_and_none_is_where_the_grid_finds_none() -> None:
    hours, reports = uneven()
    found = audit(hours, reports).by_area
    grid = np.exp(np.linspace(-np.log(10), np.log(10), 801))
    met = 0
    for row in found.itertuples():
        there = row.area == AREA
        logs = np.log([undone(row.finding, hours, reports, there, f) for f in grid])
        [crossed] = np.nonzero(np.diff(np.sign(logs)))
        assert len(crossed) == int(np.isfinite(row.factor)), row
        if len(crossed):
            met += 1
            assert grid[crossed[0]] * (1 - 1e-9) <= row.factor <= grid[crossed[0] + 1] * (1 + 1e-9)
        for name, factor in (("ratio_at_half", 0.5), ("ratio_at_twice", 2.0)):
            expected = undone(row.finding, hours, reports, there, factor)
            assert getattr(row, name) == pytest.approx(expected, rel=1e-9)
    assert 2 <= met < len(found) == 2 * len(set(AREA))
    far = np.abs(np.log(found["factor"].dropna()))
    assert (np.diff(far) >= 0).all()
    assert found["factor"].notna()[: len(far)].all()
    rest = found[len(far) :]
    assert (np.diff(np.abs(np.log(rest["ratio_at_half"] / rest["ratio_at_twice"]))) <= 1e-12).all()


def test_an_area_that_adds_as_much_to_both_means_turns_nothing() -> None:
    inside = np.array([[0.3, 0.3], [0.3, 0.1], [0.0, 0.0]])
    total = np.array([1.2, 1.0])
    # The second adds more to one, but elsewhere is even: no factor is enough. In the third nobody lives.
    assert np.isnan(factors(inside, total)).all()
    assert factors(np.array([[0.5, 0.2]]), total) == pytest.approx((0.5 - 0.2) / (0.8 - 0.7))
    assert np.isnan(factors(np.array([[0.5, 0.2]]), total, target=0.5)).all()


def test_draws_without_a_factor_lie_at_the_end_to_which_it_went() -> None:
    like = (np.array([0.5, 0.2]), np.array([1.2, 1.0]))
    inside = np.array([[0.5, 0.2], [0.2, 0.5], [0.0, 0.0], [0.5, 0.2], [np.nan, 0.2]])
    total = np.array([[1.2, 1.0], [1.0, 1.2], [0.7, 0.8], [1.5, 1.0], [np.nan, 1.0]])
    expected = [3.0, 3.0, 0.0, np.inf, np.nan]
    assert factor_draws(inside, total, like=like) == pytest.approx(expected, nan_ok=True)


def test_the_finding_is_the_nearest_and_the_sentence_names_it() -> None:
    hours, reports = uneven()
    found = audit(hours, reports)
    one = flip_finding(found)
    mine = found.by_area[(found.by_area["finding"] == "exposure") & found.by_area["factor"].notna()]
    assert one.value == mine["factor"].iloc[0]
    assert one.details["area"] == mine["area"].iloc[0]
    assert one.details["area"] in one.subject
    assert "p" not in one.details
    assert found.sentences()[-1].startswith(
        f"One area alone could turn it: if incidents in {one.details['area']}"
    )
    for text in (found.sentences()[-1], one.sentence(), *one.limits):
        check_wording(text)
    assert one.low is None or one.low <= one.value
    assert one.high is None or one.value <= one.high


def test_an_interval_holds_the_factors_of_cities_drawn_by_hand() -> None:
    """A large area in many blocks: percentiles of a bootstrap written out unit by unit."""
    share = PLACE.share
    hours = 1.0 + 1.5 * share
    area = np.where(share > np.median(share), "over", "under").astype(object)
    one = flip_finding(audit(hours, hours, area, replicates=400))
    there = area == one.details["area"]
    residents = [PLACE.residents[g].to_numpy() for g in "ab"]
    blocks = [np.flatnonzero(PLACE.block == b) for b in np.unique(PLACE.block)]
    rng, drawn = np.random.default_rng(1), []
    for _ in range(400):
        units = np.concatenate([blocks[i] for i in rng.integers(0, len(blocks), len(blocks))])
        (a, A), (b, B) = (
            [(hours[units] * p[units])[s].sum() / p[units].sum() for s in (there[units], ~there[units])]
            for p in residents
        )
        drawn.append(np.clip((a - b) / (B - A) if (a - b) * (B - A) > 0 else np.inf, 0.1, 10))
    low, high = np.quantile(drawn, [0.025, 0.975])
    ends = [0.1 if one.low is None else one.low, 10 if one.high is None else one.high]
    assert np.log(ends) == pytest.approx(np.log([low, high]), abs=0.25)


def test_nothing_within_reach_is_said() -> None:
    even = np.where(PLACE.share > np.median(PLACE.share), 9.0, 1.0)
    found = audit(even, even)
    one = flip_finding(found)
    assert one.value is None
    assert found.sentences()[-1].startswith("No single area's reporting, up to a factor of 10, would turn")
    assert one.limits[0].startswith("No single area's reporting, up to a factor of 10")


def test_units_without_an_area_are_counted_and_are_elsewhere() -> None:
    hours, reports = uneven()
    bare = AREA.copy()
    bare[:5], bare[5:9] = None, ""
    found = audit(hours, reports, bare)
    assert any("9 of 144 units lie in no area" in limit for limit in found.limits)
    assert set(found.by_area["area"]) == set(AREA[9:])
    whole = audit(hours, reports).by_area.set_index(["area", "finding"])["ratio_at_half"]
    some = found.by_area.set_index(["area", "finding"])["ratio_at_half"]
    untouched = [("area 11", "exposure"), ("area 11", "need")]
    assert list(some[untouched]) == pytest.approx(list(whole[untouched]))


def test_small_groups_one_block_and_no_areas_have_a_limit_that_says_so() -> None:
    hours, reports = uneven()
    assert any("No areas were given" in limit for limit in audit(hours, reports, None).limits)
    assert flip_finding(audit(hours, reports, block=np.zeros(144))).limits[0].startswith("There is one block")
    few = pd.DataFrame({"a": np.full(144, 0.1), "b": 100.0})
    one = flip_finding(audit(hours, reports, residents=few))
    assert one.value is None
    assert "fewer than 100 a residents" in one.limits[0]
    with pytest.raises(UsageError, match="expected a name for each"):
        audit(hours, reports, AREA[:5])


def test_20_rows_are_kept_and_the_others_counted() -> None:
    plain = audit(*uneven()).to_dict()
    json.dumps(plain, allow_nan=False)
    assert len(plain["by_area"]) == 20
    assert plain["by_area_left_out"] == 2 * len(set(AREA)) - 20
