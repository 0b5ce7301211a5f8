from __future__ import annotations

import json
import re

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from peelian.audits.subgroups import SubgroupAudit, subgroup_audit
from peelian.audits.subset_scan import scatter_of, score
from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.patterns.windows import point_windows

from .cities import City, city

Floats = npt.NDArray[np.float64]


def attributes(place: City, seed: int = 0) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    return {
        "share_of_a_residents": place.share,
        "households": rng.gamma(3, 10, place.x.size),
        "distance_to_centre": np.hypot(place.x - place.x.mean(), place.y - place.y.mean()),
    }


def audit(place: City, observed: object, expected: object, **more: object) -> SubgroupAudit:
    given = {"attributes": attributes(place), "x": place.x, "y": place.y, "replicates": 99, **more}
    return subgroup_audit(observed, expected=expected, **given)  # type: ignore[arg-type]


def expectation(place: City, periods: int = 6) -> Floats:
    return np.repeat(np.random.default_rng(9).gamma(2, 0.3, (place.x.size, 1)), periods, axis=1)


def test_a_planted_subgroup_is_found_with_its_conditions_and_its_time() -> None:
    place = city(20, seed=1, smooth=1.0)
    base = expectation(place)
    marks = attributes(place)
    held = (marks["share_of_a_residents"] >= np.quantile(marks["share_of_a_residents"], 0.8)) & (
        marks["households"] <= np.quantile(marks["households"], 0.5)
    )
    raised = base.copy()
    raised[np.ix_(held, [4, 5])] *= 2.5
    found = audit(place, np.random.default_rng(3).poisson(raised), base)
    best = found.frame.iloc[0]
    assert best["subset"] == "share of a residents in the top fifth and households in the lower half"
    assert best["periods"] == 2
    assert best["units"] == held.sum()
    assert best["ratio"] == pytest.approx(2.3, abs=0.4)
    assert best["p"] == 0.01
    assert "2 periods" in found.sentences()[0]
    assert found.findings[0].id == "subgroup/reports_by_attributes/best"


def test_fewer_than_expected_is_found_too() -> None:
    place = city(20, seed=1, smooth=1.0)
    base = expectation(place)
    top = place.share >= np.quantile(place.share, 0.8)
    lowered = np.where(top[:, None], 0.4 * base, base)
    found = audit(place, np.random.default_rng(3).poisson(lowered), base)
    best = found.frame.iloc[0]
    assert best["subset"] == "share of a residents in the top fifth"
    assert best["ratio"] < 0.6
    assert best["p_both"] <= 0.02


def test_a_planted_area_is_found() -> None:
    place = city(20, seed=1)
    base = expectation(place)
    near = np.hypot(place.x - 3000, place.y - 1500) < 600
    raised = np.where(near[:, None], 3 * base, base)
    windows = point_windows(place.x, place.y, crs="EPSG:26915", nearest=40)
    found = audit(place, np.random.default_rng(5).poisson(raised), base, windows=windows)
    best = found.frame[found.frame["family"] == "areas"].iloc[0]
    assert best["p_both"] == 0.02
    assert np.hypot(best["x"] - 3000, best["y"] - 1500) < 700
    assert best["units"] == pytest.approx(near.sum(), abs=8)
    assert found.looked_at["areas"] == 400 * 40 * 6


def test_under_chance_the_p_value_is_uniform() -> None:
    place = city(12, seed=2)
    base = 3 * expectation(place, periods=3)
    p = []
    for i in range(100):
        rng = np.random.default_rng(100 + i)
        observed = rng.negative_binomial(base / 1.0, 1 / 2.0)  # variance twice the mean
        p.append(audit(place, observed, base, scatter=2.0, replicates=49, seed=i).frame["p"][0])
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) <= 0.1) < 0.2


def test_scatter_that_is_left_out_would_find_what_is_not_there() -> None:
    place = city(12, seed=2)
    base = 3 * expectation(place, periods=3)
    wrong, right = [], []
    for i in range(25):
        observed = np.random.default_rng(i).negative_binomial(base / 2.0, 1 / 3.0)
        wrong.append(audit(place, observed, base, scatter=1.0, replicates=39).frame["p"][0] <= 0.05)
        right.append(audit(place, observed, base, replicates=39).frame["p"][0] <= 0.05)
    assert np.mean(wrong) > 0.5
    assert np.mean(right) < 0.25


def test_scatter_is_measured_in_places_and_in_blocks() -> None:
    rng = np.random.default_rng(0)
    base = np.full((400, 30), 4.0)
    assert scatter_of(rng.poisson(base), base) == pytest.approx(1.0, abs=0.05)
    assert scatter_of(rng.negative_binomial(base / 1.5, 1 / 2.5), base) == pytest.approx(2.5, abs=0.15)
    block = np.repeat(np.arange(20), 20)
    together = base * rng.gamma(10, 0.1, (20, 30))[block]
    counts = rng.poisson(together)
    assert scatter_of(counts, base, block=block) > 3 * scatter_of(counts, base) > 3


def test_the_score_by_hand() -> None:
    assert score(np.array([6.0]), np.array([2.0]))[0] == pytest.approx(6 * np.log(3) + 2 - 6)
    assert score(np.array([0.0]), np.array([2.0]))[0] == 2.0
    assert score(np.array([2.0]), np.array([2.0]))[0] == 0.0


def test_what_overlaps_with_a_subset_that_is_told_is_not_told_again() -> None:
    place = city(20, seed=1, smooth=1.0)
    base = expectation(place)
    raised = np.where((place.share > 0.7)[:, None], 2 * base, base)
    found = audit(place, np.random.default_rng(0).poisson(raised), base)
    rows = found.frame[found.frame["family"] == "attributes"]
    assert len(rows) <= 5
    assert rows["subset"].is_unique


def test_nothing_found_says_how_much_was_looked_at() -> None:
    place = city(12)
    base = 5 * expectation(place)
    found = audit(place, np.random.default_rng(1).poisson(base), base)
    assert re.search(r"Of \d+ subsets of places .* none stands out beyond chance", found.sentences()[0])
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_same_bytes_and_one_column_of_counts() -> None:
    place = city(12)
    base = expectation(place)[:, 0]
    observed = np.random.default_rng(0).poisson(3 * base)
    first, second = (
        json.dumps(audit(place, observed, base).to_dict(), allow_nan=False, sort_keys=True) for _ in range(2)
    )
    assert first == second
    scaled = audit(place, observed, 100 * base)
    assert scaled.frame["score"].tolist() == pytest.approx(
        audit(place, observed, base).frame["score"].tolist()
    )


def test_what_is_off_is_refused() -> None:
    place = city(12)
    one = np.ones((144, 2))
    with pytest.raises(UsageError, match="beside expectations"):
        audit(place, one, one[:, :1])
    with pytest.raises(DataError, match="3 counts or expectations"):
        audit(place, np.r_[[[np.nan, -1.0], [0.5, 1.0]], one[2:]], one)
    with pytest.raises(NotEnoughDataError, match="nothing was counted"):
        audit(place, 0 * one, one)
    with pytest.raises(DataError, match="in which nothing at all is expected"):
        audit(place, one, np.r_[0 * one[:1], one[1:]])
    with pytest.raises(UsageError, match="durations"):
        audit(place, one, one, durations=(5,))
    with pytest.raises(UsageError, match="19"):
        audit(place, one, one, replicates=5)
    with pytest.raises(UsageError, match="circles around"):
        audit(place, one, one, windows=point_windows(place.x[:9], place.y[:9], crs="EPSG:26915", nearest=4))


def test_a_small_count_is_not_told_nor_what_it_follows_from() -> None:
    place = city(20, seed=1, smooth=1.0)
    base = expectation(place)
    top = place.share >= np.quantile(place.share, 0.8)
    observed = np.random.default_rng(3).poisson(np.where(top[:, None], 0, base))
    observed[np.flatnonzero(top)[0], 5] = 3
    found = audit(place, observed, base, fewest_told=5)
    best = found.to_dict()["rows"][0]
    assert (best["observed"], best["ratio"], best["score"]) == (None, None, None)
    assert best["p_both"] == 0.01
    assert "had fewer than 5 reports" in found.sentences()[0]
    assert found.findings[0].value is None
    assert found.findings[0].limits[0] == "Fewer than 5 reports: the number is not told."
    assert audit(place, observed, base).frame["observed"][0] == 3
