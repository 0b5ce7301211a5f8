from __future__ import annotations

import json

import numpy as np
import pytest

from peelian.audits.finding import Finding, Threshold
from peelian.audits.labels import shifts
from peelian.audits.power import PowerAudit, power_audit
from peelian.audits.resampled import Resampled
from peelian.errors import UsageError

from .cities import City, city, field


def audit(place: City, hours: object, **more: object) -> PowerAudit:
    return power_audit(
        hours,  # type: ignore[arg-type]
        **{"residents": place.residents, "reference": "b", "block": place.block, "replicates": 500, **more},  # type: ignore[arg-type]
    )


def finding(found: PowerAudit, name: str) -> Finding:
    return next(one for one in found.findings if one.id == name)


def noisy(place: City, rng: np.random.Generator, sd: float = 0.5) -> np.ndarray:
    """Hours that vary by block, so that blocks are what is independent."""
    return np.exp(sd * rng.normal(size=place.block.max() + 1))[place.block] * rng.gamma(4, 0.25, place.x.size)


def test_what_is_said_to_be_found_80_times_in_100_is() -> None:
    place = city(24, smooth=1.5)
    told = [audit(place, noisy(place, np.random.default_rng(i))).frame.loc[0] for i in range(12)]
    wanted = float(np.exp(np.mean([np.log(row["above"]) for row in told])))
    s = place.share
    a, b = (place.residents[g].to_numpy() for g in "ab")
    tilts = np.linspace(1, 30, 400)
    ratios = [((1 + (t - 1) * s) @ a / a.sum()) / ((1 + (t - 1) * s) @ b / b.sum()) for t in tilts]
    tilt = float(np.interp(wanted, ratios, tilts))
    found = []
    for i in range(120):
        hours = noisy(place, np.random.default_rng(5000 + i)) * (1 + (tilt - 1) * s)
        one = Resampled.of(place.residents, reference="b", block=place.block, replicates=300, seed=i)
        found.append(np.quantile(one.ratio_draws(hours[:, None], 0), 0.025) > 1)
    assert 0.68 < np.mean(found) < 0.92


def test_more_blocks_show_smaller_ratios_and_more_power_asks_for_larger_ones() -> None:
    small, large = city(12, smooth=1.5), city(32, smooth=1.5)
    rng = np.random.default_rng(0)
    few, many = audit(small, noisy(small, rng)), audit(large, noisy(large, rng))
    assert few.frame["above"][0] > many.frame["above"][0] > 1 > many.frame["below"][0] > few.frame["below"][0]
    hours = noisy(large, rng)
    assert audit(large, hours, power=0.95).frame["above"][0] > audit(large, hours).frame["above"][0]
    curve = many.curve.sort_values("ratio")
    assert curve["power"].iloc[[0, -1]].min() > 0.95
    middle = curve["power"][(curve["ratio"] / 1 - 1).abs().idxmin()]
    assert middle < 0.15


def test_moved_maps_ask_for_larger_ratios_where_patterns_are_broad() -> None:
    place = city(24, seed=2, smooth=4.0)
    hours = np.exp(field(24, np.random.default_rng(3), smooth=4.0))
    moved = shifts(place.x, place.y, inhabited=np.ones(576, dtype=bool), replicates=99, seed=0)
    blocks, both = audit(place, hours).frame.loc[0], audit(place, hours, moved=moved).frame.loc[0]
    one = Resampled.of(place.residents, reference="b", block=place.block, moved=moved)
    chance = np.sort(one.ratio_by_chance(hours[:, None], 0)[:, 0])
    assert blocks["above"] < chance[-3], "what the placebo takes for chance is not said to be found"
    assert both["above"] > chance[-3]
    assert both["above"] == pytest.approx(chance[-3] / np.quantile(chance, 0.2), rel=0.25)
    assert both["below"] < blocks["below"]


def test_what_was_found_plays_no_part() -> None:
    place = city(24, smooth=1.5)
    hours = noisy(place, np.random.default_rng(3))
    even, tilted = audit(place, hours), audit(place, hours * (1 + 2 * place.share))
    assert tilted.frame["ratio"][0] > even.frame["ratio"][0]
    assert tilted.frame["above"][0] == pytest.approx(even.frame["above"][0], rel=0.03)


def test_the_sentence_says_how_strong_nothing_is() -> None:
    place = city(24, smooth=1.5)
    found = audit(place, noisy(place, np.random.default_rng(1)))
    above = finding(found, "smallest_shown/above/a")
    assert f"beyond {above.value:.3g}" in found.sentences()[0]
    assert "80 times in 100" in above.measure
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_plan_of_one_place_shows_nothing_and_says_so() -> None:
    place = city(24)
    hours = np.zeros(576)
    hours[300] = 1.0
    found = audit(place, hours)
    assert finding(found, "smallest_shown/above/a").value is None
    assert "too few blocks to show anything" in finding(found, "smallest_shown/above/a").limits[0]
    nobody = audit(place, np.zeros(576))
    assert "no presence" in finding(nobody, "smallest_shown/above/a").limits[0]


def test_a_threshold_asks_whether_the_audit_could_have_shown_it() -> None:
    place = city(24, smooth=1.5)
    bound = {"smallest_shown": Threshold(1.25, "the board", "2026-01-01")}
    rough = audit(place, noisy(place, np.random.default_rng(1), sd=0.8), thresholds=bound)
    fine = audit(place, 1 + 0.01 * place.share, thresholds=bound)
    assert [one.passes for one in rough.findings] == [False, False]
    assert [one.passes for one in fine.findings] == [True, True]


def test_small_groups_and_refusals() -> None:
    place = city(24)
    found = audit(place._replace(residents=place.residents.assign(c=12 / 576)), np.ones(576) + place.share)
    assert "fewer than 100" in finding(found, "smallest_shown/below/c").limits[0]
    with pytest.raises(UsageError, match=r"above 0\.5"):
        audit(place, np.ones(576), power=0.3)


def test_ratios_that_no_tilt_of_a_plan_reaches_have_a_power_too() -> None:
    # All hours lie where nine in ten are of group a: tilted or not, its residents have far more of them.
    place = city(24, smooth=1.5)
    rng = np.random.default_rng(2)
    hours = noisy(place, rng) * (place.share > 0.8)
    found = audit(place, hours)
    row = found.frame.loc[0]
    assert row["ratio"] > 4
    assert 1 < row["above"] < 4
    assert 0.25 < row["below"] < 1
    middle = found.curve["power"][(found.curve["ratio"] - 1).abs().idxmin()]
    assert middle < 0.15
