"""What must hold of every plan: more hours cover more, a cap costs, and the place matters rather than its number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from peelian.methods.surface import Surface
from peelian.places.areas import Areas
from peelian.places.counts import Counts
from peelian.places.grid import Grid
from peelian.places.periods import Period, Periods
from peelian.response import Plan, make_plan

FIXED = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
means = st.lists(st.floats(0, 5).map(lambda v: round(v, 3)), min_size=30, max_size=30)


def plan_of(surface: Surface, mean: list[float], **change: Any) -> Plan:
    given: dict[str, Any] = {"category": "theft", "unit_hours": 6} | change
    return make_plan(replace(surface, mean=np.array(mean)), **given)


@FIXED
@given(mean=means)
def test_more_hours_never_cover_less(surface: Surface, mean: list[float]) -> None:
    covered = [plan_of(surface, mean, unit_hours=h).covered.expected for h in (1, 3, 7, 30)]
    assert covered == sorted(covered)
    assert covered[-1] == pytest.approx(sum(mean))


@FIXED
@given(mean=means)
def test_a_tighter_cap_never_covers_more_and_its_cost_adds_up(
    surface: Surface, areas: Areas, mean: list[float]
) -> None:
    free = plan_of(surface, mean).covered.expected
    last = 0.0
    for cap in (1, 2, 4, 30):
        plan = plan_of(surface, mean, cap_per_area=cap, areas=areas)
        assert plan.covered.expected >= last - 1e-9
        assert plan.covered.expected + plan.left_out.cost_of_cap == pytest.approx(free)
        last = plan.covered.expected
    assert last == pytest.approx(free)


@FIXED
@given(mean=means, factor=st.sampled_from([0.01, 3.0, 100.0]))
def test_only_the_order_of_expected_reports_matters(
    surface: Surface, mean: list[float], factor: float
) -> None:
    scaled = [m * factor for m in mean]
    assert np.array_equal(plan_of(surface, mean).attended, plan_of(surface, scaled).attended)


@FIXED
@given(mean=means, data=st.data())
def test_amending_and_undoing_it_gives_the_plan_back(
    surface: Surface, mean: list[float], data: st.DataObject
) -> None:
    plan = plan_of(surface, mean)
    inside, outside = list(plan.grid.ids[plan.attended]), list(plan.grid.ids[~plan.attended])
    n = data.draw(st.integers(0, min(len(inside), 3)))
    remove = [str(c) for c in data.draw(st.permutations(inside))[:n]]
    add = [str(c) for c in data.draw(st.permutations(outside))[:n]]
    amended = plan.amend(remove=remove, add=add)
    assert amended.hours_used == plan.hours_used
    assert set(amended.added) == set(add)
    back = amended.amend(remove=add, add=remove)
    assert np.array_equal(back.attended, plan.attended)
    assert (back.added, back.removed) == ((), ())


def test_equal_hours_given_one_by_one_or_at_once_are_the_same_plan(surface: Surface) -> None:
    at_once = make_plan(surface, category="theft", unit_hours=9, hours_per_place=1.5)
    one_by_one = make_plan(surface, category="theft", unit_hours=9, hours_per_place=np.full(30, 1.5))
    assert at_once.to_dict() == one_by_one.to_dict()


def test_ties_do_not_favour_one_side_of_the_city(surface: Surface) -> None:
    chosen = sum(plan_of(surface, [1.0] * 30, seed=seed).attended.astype(int) for seed in range(200))
    # Each cell is expected in 6 of 30 plans, 40 of 200, give or take 5.7.
    assert np.all(np.abs(chosen - 40) < 25)


def test_a_grid_in_feet_gives_the_same_degrees_and_square_kilometres() -> None:
    grid = Grid("ESRI:102696", 250.0, 1088, 1244, (4, 4))
    week = Period("2017-01-02", "2017-01-09")
    plan = make_plan(Surface(grid, week, np.arange(16.0)), category="theft", unit_hours=3)
    assert plan.covered.area_km2 == pytest.approx(3 * 0.0625)
    for place in plan.places:
        assert -90.5 < place.lon < -90
        assert 38.4 < place.lat < 38.8


def test_a_month_is_told_in_months_and_days(surface: Surface) -> None:
    periods = Periods.covering("2015-01-01", "2017-01-01", "1mo")
    history = Counts(surface.grid, periods, sparse.csc_array(np.ones((30, 24), dtype=int)))
    month = replace(surface, period=Period("2017-01-01", "2017-02-01"))
    plan = make_plan(month, category="theft", unit_hours=2, history=history)
    assert plan.places[0].reason.startswith(
        "12 theft reports here in the past 12 months, 2 of them in the last 2 months; "
    )
    assert "expected in the 31 days" in plan.places[0].reason


def test_differing_hours_on_a_city_are_solved_to_the_end() -> None:
    rng = np.random.default_rng(8)
    grid = Grid("EPSG:26915", 250.0, 2960, 17120, (50, 50))
    surface = Surface(grid, Period("2017-01-02", "2017-01-09"), rng.gamma(0.3, 0.1, 2500))
    cost = rng.choice([1.0, 1.5, 2.0, 4.0], 2500)
    plan = make_plan(surface, category="theft", unit_hours=60, hours_per_place=cost)
    assert plan.hours_used <= 60 + 1e-6
    # No bound on the best plan is below what was found, and the fractional one is at most one place above.
    order = np.argsort(-surface.mean / cost)
    spent = np.cumsum(cost[order])
    whole = int(np.searchsorted(spent, 60, side="right"))
    bound = surface.mean[order[:whole]].sum() + surface.mean[order[whole]]
    assert surface.mean[order[:whole]].sum() - 1e-9 <= plan.covered.expected <= bound + 1e-9
