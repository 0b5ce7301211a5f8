from __future__ import annotations

import json
import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import sparse

from peelian.audits import (
    ExposureAudit,
    Threshold,
    equal_hours,
    exposure_audit,
    hours_by_population,
    quantile_interval,
    spatial_blocks,
)
from peelian.audits.base import Audit
from peelian.audits.exposure import LIMITS
from peelian.audits.margins import Margins
from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.places.grid import Grid

Floats = npt.NDArray[np.float64]

BOARD = Threshold(1.25, "the oversight board", "2017-01-01")


def make_grid(rows: int, columns: int) -> Grid:
    return Grid("EPSG:26915", 250.0, 2960, 17120, (rows, columns))


def people(black: npt.ArrayLike, white: npt.ArrayLike, **more: npt.ArrayLike) -> pd.DataFrame:
    return pd.DataFrame({"black": black, "white": white, **more}, dtype=float)


@pytest.fixture
def city() -> tuple[Grid, pd.DataFrame, Floats]:
    """12 x 20 cells with two groups that live apart, more hours where black residents live."""
    rng = np.random.default_rng(2)
    grid = make_grid(12, 20)
    east = grid.columns / 20
    population = people(rng.gamma(2, 100, 240) * (1 - east), rng.gamma(2, 100, 240) * east)
    return grid, population, rng.poisson(2 * (1.2 - east)).astype(float)


def row(audit: ExposureAudit, name: str, group: str) -> pd.Series:
    frame = audit.frame
    return frame[(frame["map"] == name) & (frame["group"] == group)].iloc[0]


# By hand: four cells in four blocks. Black residents 100, 300, 0, 0; white 0, 100, 300, 400; hours 4, 2, 1, 0.
# Black exposure (400 + 600) / 400 = 2.5; white (200 + 300) / 800 = 0.625; ratio 4; attended 400/400 and 400/800.
def test_by_hand() -> None:
    grid = Grid("EPSG:26915", 1000.0, 740, 4280, (1, 4))
    population = people([100, 300, 0, 0], [0, 100, 300, 400])
    audit = exposure_audit([4, 2, 1, 0], grid=grid, population=population, reference="white", replicates=50)
    black, white = row(audit, "plan", "black"), row(audit, "plan", "white")
    assert (black["residents"], white["residents"]) == (400, 800)
    assert (black["exposure"], white["exposure"]) == (2.5, 0.625)
    assert (black["attended_share"], white["attended_share"]) == (1.0, 0.5)
    assert black["ratio"] == 4.0
    assert math.isnan(white["ratio"])
    assert audit.blocks == 4
    finding = audit.findings[0]
    assert finding.value == 4.0
    named = {"map": "plan", "group": "black", "reference": "white", "blocks": 4}
    assert dict(finding.details).items() >= named.items()
    assert finding.details["hours_per_resident"] == {"group": 2.5, "reference": 0.625}


def test_swapping_the_reference_inverts_ratio_and_interval(city: Any) -> None:
    grid, population, hours = city
    a = exposure_audit(hours, grid=grid, population=population, reference="white").findings[0]
    b = exposure_audit(hours, grid=grid, population=population, reference="black").findings[0]
    assert a.value
    assert a.low
    assert a.high
    assert b.value
    assert b.low
    assert b.high
    assert a.value * b.value == pytest.approx(1)
    assert (a.low * b.high, a.high * b.low) == pytest.approx((1, 1))


def test_the_numbers_equal_a_naive_loop(city: Any) -> None:
    grid, population, hours = city
    other = np.roll(hours, 7)
    audit = exposure_audit(
        hours,
        grid=grid,
        population=population,
        reference="white",
        comparisons={"other": other},
        replicates=60,
        seed=4,
        moved=0,
    )
    block = spatial_blocks(grid, block_km=1.0)
    names = np.unique(block)
    rng = np.random.default_rng(4)
    ratios: dict[str, list[float]] = {"plan": [], "other": [], "against": []}
    for _ in range(60):
        weight = dict(
            zip(names, rng.multinomial(names.size, np.full(names.size, 1 / names.size)), strict=True)
        )
        found = {}
        for name, given in (("plan", hours), ("other", other)):
            mean = {}
            for group in ("black", "white"):
                p = population[group].to_numpy()
                above = sum(weight[block[c]] * given[c] * p[c] for c in range(len(grid)))
                below = sum(weight[block[c]] * p[c] for c in range(len(grid)))
                mean[group] = above / below
            found[name] = mean["black"] / mean["white"]
            ratios[name].append(found[name])
        ratios["against"].append(found["plan"] / found["other"])
    for finding, name in zip(audit.findings, ("plan", "other", "against"), strict=True):
        assert (finding.low, finding.high) == pytest.approx(
            quantile_interval(np.array(ratios[name]), level=0.95)
        )
    assert audit.findings[2].value == pytest.approx(audit.findings[0].value / audit.findings[1].value)  # type: ignore[operator]


def test_equal_coverage_is_the_same_for_all_and_totals_are_kept(city: Any) -> None:
    grid, population, hours = city
    total = float(hours.sum())
    maps = {"equal": equal_hours(grid, total), "by_population": hours_by_population(population, total)}
    audit = exposure_audit(hours, grid=grid, population=population, reference="white", comparisons=maps)
    equal = row(audit, "equal", "black")
    assert (equal["ratio"], equal["ratio_low"], equal["ratio_high"]) == pytest.approx((1, 1, 1))
    assert equal["exposure"] == pytest.approx(total / len(grid))
    assert list(audit.hours.values()) == pytest.approx([total] * 3)
    against_equal = next(f for f in audit.findings if f.id == "exposure_ratio_against/equal/black")
    assert (against_equal.value, against_equal.low) == pytest.approx(
        (audit.findings[0].value, audit.findings[0].low)
    )


def test_a_plan_against_itself_is_one_with_no_width(city: Any) -> None:
    grid, population, hours = city
    audit = exposure_audit(
        hours, grid=grid, population=population, reference="white", comparisons={"same": hours}
    )
    finding = audit.findings[-1]
    assert (finding.value, finding.low, finding.high) == (1, 1, 1)


def test_scaling_hours_or_residents_leaves_the_ratio(city: Any) -> None:
    grid, population, hours = city
    base = exposure_audit(hours, grid=grid, population=population, reference="white").findings[0]
    for h, p in ((hours * 7, population), (hours, population * 3)):
        scaled = exposure_audit(h, grid=grid, population=p, reference="white").findings[0]
        assert (scaled.value, scaled.low, scaled.high) == pytest.approx((base.value, base.low, base.high))


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(city: Any) -> None:
    grid, population, hours = city

    def made(seed: int) -> str:
        audit = exposure_audit(hours, grid=grid, population=population, reference="white", seed=seed)
        return json.dumps(audit.to_dict() | {"seed": 0})

    assert made(0) == made(0) != made(1)


def simulated_city(rng: np.random.Generator, n_blocks: int) -> tuple[Floats, Floats, Floats]:
    """Black and white residents and hours of blocks of 4 cells that are drawn independently, hours skewed."""
    share = np.repeat(rng.beta(0.7, 0.7, n_blocks), 4)
    total = rng.gamma(3.0, 60.0, n_blocks * 4)
    hours = rng.poisson(np.repeat(rng.gamma(1.0, 0.3, n_blocks), 4) * (0.5 + share)).astype(float)
    return total * share, total * (1 - share), hours


def test_intervals_hold_the_true_ratio_about_as_often_as_they_say() -> None:
    # Shares s of black residents are Beta(0.7, 0.7), hours go with 0.5 + s: the true ratio is
    # E[s (0.5 + s)] / E[(1 - s) (0.5 + s)], from E[s] = 0.5 and var[s] = 1 / (4 * 2.4).
    square = 0.25 + 1 / 9.6
    truth = (0.25 + square) / (0.75 - square)
    # Cells of 500 m in blocks of 1 km.
    grid = Grid("EPSG:26915", 500.0, 1480, 8560, (20, 20))
    order = np.argsort(spatial_blocks(grid, block_km=1.0), kind="stable")
    rng, held, n = np.random.default_rng(2), 0, 250
    for seed in range(n):
        black, white, hours = simulated_city(rng, 100)
        placed = np.empty((3, 400))
        placed[:, order] = black, white, hours
        audit = exposure_audit(
            placed[2], grid=grid, population=people(placed[0], placed[1]), reference="white", level=0.9,
            replicates=400, seed=seed, moved=0,
        )  # fmt: skip
        finding = audit.findings[0]
        assert finding.low is not None
        assert finding.high is not None
        held += finding.low <= truth <= finding.high
    # 90 % of 250 is 225, give or take 4.7; percentile intervals of 100 blocks fall a little short.
    assert 0.84 <= held / n <= 0.96


def test_cells_alone_would_give_too_narrow_an_interval(city: Any) -> None:
    grid, population, _ = city
    hours = np.repeat(np.random.default_rng(0).poisson(1.0, 15), 16).astype(float)
    block = spatial_blocks(grid, block_km=1.0)
    clustered = np.empty(240)
    clustered[np.argsort(block, kind="stable")] = hours
    widths = {}
    for km in (0.25, 1.0):
        f = exposure_audit(
            clustered, grid=grid, population=population, reference="white", block_km=km, moved=0
        ).findings[0]
        assert f.high is not None
        assert f.low is not None
        widths[km] = f.high - f.low
    assert widths[1.0] > 1.5 * widths[0.25]


@pytest.mark.parametrize(
    ("ratio", "passes"), [(1.2, True), (1.25, True), (1.3, False), (0.81, True), (0.8, True), (0.75, False)]
)
def test_the_threshold_treats_both_sides_alike(ratio: float, passes: bool) -> None:
    grid = Grid("EPSG:26915", 1000.0, 740, 4280, (1, 2))
    population = people([400, 0], [0, 400])
    audit = exposure_audit(
        [ratio, 1.0],
        grid=grid,
        population=population,
        reference="white",
        threshold=BOARD,
        comparisons={"x": [9, 1]},
    )
    assert audit.findings[0].passes is passes
    assert audit.passes is passes
    assert audit.findings[0].threshold == BOARD
    assert all(f.passes is None and f.threshold is None for f in audit.findings[1:])


def test_an_interval_on_both_sides_of_the_threshold_is_told(city: Any) -> None:
    grid, population, hours = city
    found = exposure_audit(hours, grid=grid, population=population, reference="white").findings[0]
    assert found.value is not None
    bound = Threshold(found.value * 1.001, "the board", "2017-01-01")
    finding = exposure_audit(
        hours, grid=grid, population=population, reference="white", threshold=bound
    ).findings[0]
    assert finding.passes is True
    assert any(
        one.startswith("The interval reaches to both sides of the threshold") for one in finding.limits
    )


def test_without_a_threshold_nothing_passes_or_fails(city: Any) -> None:
    grid, population, hours = city
    audit = exposure_audit(hours, grid=grid, population=population, reference="white")
    assert audit.passes is None


def test_no_presence_where_anyone_lives_has_no_ratio_and_says_so() -> None:
    grid = Grid("EPSG:26915", 1000.0, 740, 4280, (1, 3))
    population = people([200, 100, 0], [100, 200, 0])
    audit = exposure_audit(
        [0, 0, 5],
        grid=grid,
        population=population,
        reference="white",
        threshold=BOARD,
        comparisons={"x": [1, 1, 1]},
    )
    finding = audit.findings[0]
    assert (finding.value, finding.low, finding.high, finding.passes) == (None, None, None, None)
    assert "Neither black nor white residents have presence in their cells: no ratio" in finding.sentence()
    assert row(audit, "plan", "black")["exposure"] == 0
    assert audit.findings[-1].limits[0] == "One of the two ratios is not defined."
    assert "nan" not in audit.findings[-1].sentence()
    json.dumps(audit.to_dict(), allow_nan=False)


def test_presence_for_one_group_alone_is_beyond_any_threshold() -> None:
    grid = Grid("EPSG:26915", 1000.0, 740, 4280, (1, 2))
    audit = exposure_audit(
        [2, 0], grid=grid, population=people([200, 0], [0, 200]), reference="white", threshold=BOARD
    )
    finding = audit.findings[0]
    assert finding.value is None
    assert finding.passes is False
    assert "No white resident has presence in their cell, while black residents do" in finding.sentence()


def test_an_interval_may_be_open_above() -> None:
    grid = make_grid(4, 40)
    hours = (np.arange(160) % 40 == 20).astype(float)
    hours[grid.columns < 16] = 1.0
    white = np.where((grid.columns >= 16) & (grid.columns < 40), 100.0, 0.0)
    black = np.where(grid.columns < 16, 100.0, 0.0)
    audit = exposure_audit(hours, grid=grid, population=people(black, white), reference="white")
    finding = audit.findings[0]
    assert finding.value == pytest.approx(24)
    assert finding.low is not None
    assert finding.high is None
    assert "no upper end" in finding.sentence()
    assert "no presence at all" in finding.limits[0]
    assert "inf" not in json.dumps(audit.to_dict(), allow_nan=False).lower().replace("information", "")


def test_a_single_block_has_no_interval() -> None:
    grid = make_grid(2, 2)
    audit = exposure_audit(
        [1, 2, 3, 4],
        grid=grid,
        population=people([100, 0, 0, 100], [50, 100, 100, 50]),
        reference="white",
        block_km=5,
    )
    finding = audit.findings[0]
    assert audit.blocks == 1
    assert finding.value is not None
    assert (finding.low, finding.high) == (None, None)
    assert finding.limits[0] == "There is one block of residents only, so no interval can be given."


def test_few_blocks_are_told_and_blocks_without_residents_do_not_count(city: Any) -> None:
    grid, population, hours = city
    few = exposure_audit(hours, grid=grid, population=population, reference="white", block_km=3).findings[0]
    assert any("blocks with residents: the interval is rough" in limit for limit in few.limits)
    population.loc[grid.columns >= 8] = 0
    population["white"] += np.where(grid.columns < 8, 1.0, 0.0)
    assert exposure_audit(hours, grid=grid, population=population, reference="white").blocks == 6


def test_a_tiny_group_is_listed_without_numbers(city: Any) -> None:
    grid, population, hours = city
    population["other"] = 0.0
    population.loc[3, "other"] = 99.0
    population["none"] = 0.0
    audit = exposure_audit(
        hours, grid=grid, population=population, reference="white", comparisons={"x": hours}
    )
    for group in ("other", "none"):
        assert row(audit, "plan", group)[["exposure", "attended_share", "ratio"]].isna().all()
        finding = next(f for f in audit.findings if f.id == f"exposure_ratio/plan/{group}")
        assert finding.value is None
        assert f"fewer than 100 {group} residents" in finding.sentence()
    assert audit.findings[0].value is not None


def test_a_group_in_one_block_has_no_interval_when_it_often_drops_out() -> None:
    grid = make_grid(4, 40)
    other = np.where(grid.columns < 4, 50.0, 0.0)
    hours = np.ones(160)
    audit = exposure_audit(hours, grid=grid, population=people(other, np.full(160, 50.0)), reference="white")
    finding = audit.findings[0]
    assert finding.value == pytest.approx(1)
    assert (finding.low, finding.high) == (None, None)
    assert "not defined in" in finding.limits[0]


def test_every_finding_tells_what_it_cannot_tell(city: Any) -> None:
    grid, population, hours = city
    audit = exposure_audit(
        hours, grid=grid, population=population, reference="white", comparisons={"x": hours + 1}
    )
    text = " ".join(LIMITS)
    assert "Robinson 1950" in text
    assert "not those present" in text
    assert "spread evenly" in text
    for finding in audit.findings:
        assert set(LIMITS) <= set(finding.limits)
    assert audit.limits == LIMITS


def test_ids_are_unique_and_the_record_is_plain_json(city: Any) -> None:
    grid, population, hours = city
    population["other"] = 5.0
    audit = exposure_audit(
        hours,
        grid=grid,
        population=population,
        reference="white",
        comparisons={"a": hours + 1, "b": hours + 2},
    )
    ids = [f.id for f in audit.findings]
    assert len(set(ids)) == len(ids) == 3 * 2 + 2 * 2
    plain = audit.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert len(plain["rows"]) == 9
    assert plain["rows"][1]["ratio"] is None
    assert "<table" in audit._repr_html_()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"reference": "green"}, UsageError, "'green' as the reference"),
        ({"population": people([1] * 4, [900] * 4)[["white"]]}, UsageError, "two groups or more"),
        ({"population": pd.DataFrame(index=range(4))}, UsageError, "groups none"),
        ({"population": people([1] * 3, [900] * 3)}, UsageError, "residents of 3 cells"),
        (
            {"population": people([1, 2, np.nan, 3], [900] * 4)},
            DataError,
            "1 numbers of residents are negative or",
        ),
        ({"population": people([1, 2, -1, 3], [900] * 4)}, DataError, "negative or unknown"),
        ({"population": people([900] * 4, [1] * 4)}, NotEnoughDataError, "has 4 residents"),
        ({"hours_by_cell": [1, 2, 3]}, UsageError, "hours of 'plan'"),
        ({"hours_by_cell": [1, 2, 3, -1]}, UsageError, "hours of 'plan'"),
        ({"hours_by_cell": [1, 2, 3, np.inf]}, UsageError, "hours of 'plan'"),
        ({"comparisons": {"x": [1, np.nan, 1, 1]}}, UsageError, "hours of 'x'"),
        ({"comparisons": {"plan": [1, 1, 1, 1]}}, UsageError, "name of what is audited"),
        ({"level": 0.0}, UsageError, "level of 0"),
        ({"replicates": 0}, UsageError, "0 bootstrap replicates"),
        ({"block_km": 0.1}, UsageError, "at least a cell's side"),
        ({"threshold": Threshold(0.8, "x", "y")}, UsageError, "expected at least 1"),
    ],
)
def test_wrong_input(change: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {
        "hours_by_cell": [1, 2, 3, 4],
        "grid": make_grid(2, 2),
        "population": people([300] * 4, [300] * 4),
        "reference": "white",
    }
    with pytest.raises(error, match=message):
        exposure_audit(**(arguments | change))


def test_hours_by_population_needs_residents() -> None:
    with pytest.raises(NotEnoughDataError, match="without residents"):
        hours_by_population(people([0, 0], [0, 0]), 10)


def test_a_city_takes_well_under_a_second() -> None:
    rng = np.random.default_rng(0)
    grid = make_grid(55, 55)
    population = people(rng.gamma(1, 50, 3025), rng.gamma(1, 50, 3025))
    maps = {name: rng.poisson(0.1, 3025).astype(float) for name in ("a", "b", "c")}
    started = time.process_time()
    exposure_audit(maps["a"], grid=grid, population=population, reference="white", comparisons=maps)
    assert time.process_time() - started < 1.0


def test_it_is_an_audit_and_says_first_what_matters(city: Any) -> None:
    grid, population, hours = city
    audit = exposure_audit(hours, grid=grid, population=population, reference="white", replicates=50)
    assert isinstance(audit, Audit)
    assert audit.sentences() == [audit.findings[0].sentence()]
    record = audit.to_dict()
    assert record["sentences"] == audit.sentences()
    assert [one["sentence"] for one in record["findings"]] == [one.sentence() for one in audit.findings]
    json.dumps(record, allow_nan=False)


def test_hours_where_nobody_lives_are_told(city: Any) -> None:
    grid, population, hours = city
    empty = population.copy()
    empty.iloc[:60] = 0.0
    audit = exposure_audit(hours, grid=grid, population=empty, reference="white", replicates=50)
    assert audit.unheard == hours[:60].sum() > 0
    assert "lie in cells where no resident of these groups lives" in audit.sentences()[-1]
    nowhere = np.where(np.arange(240) < 60, 1.0, 0.0)
    outside = exposure_audit(nowhere, grid=grid, population=empty, reference="white", replicates=50)
    assert outside.findings[0].value is None
    assert outside.sentences()[-1].startswith("100 % of the plan's hours (60)")


def test_margins_widen_the_interval_and_pieces_share_an_area_s_error(city: Any) -> None:
    grid, population, hours = city
    area = np.arange(240) // 4
    shares = sparse.csr_array((np.full(240, 0.25), (area, np.arange(240))), shape=(60, 240))
    settings: dict[str, Any] = {"grid": grid, "population": population, "reference": "white", "moved": 0}
    plain = exposure_audit(hours, **settings)
    made = exposure_audit(hours, **settings, margins=Margins(np.full((60, 2), 200.0**2), shares))
    none = exposure_audit(hours, **settings, margins=Margins(np.zeros((60, 2)), shares))
    width = {
        name: np.log(one.findings[0].high / one.findings[0].low)
        for name, one in (("plain", plain), ("made", made))
    }
    assert width["made"] > 1.1 * width["plain"]
    assert made.findings[0].value == plain.findings[0].value
    assert (none.findings[0].low, none.findings[0].high) == pytest.approx(
        (plain.findings[0].low, plain.findings[0].high)
    )
    assert "carries the margins" in made.limits[-1]
    assert "leaves out error in the numbers of residents" in plain.limits[-1].replace("It ", "")
    assert made.to_dict()["margins"] is True
