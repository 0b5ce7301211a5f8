from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import peelian.response
from peelian.errors import UsageError
from peelian.methods.surface import Surface
from peelian.places.areas import Areas
from peelian.places.counts import Counts
from peelian.places.crs import transform
from peelian.places.grid import Grid
from peelian.places.periods import Period
from peelian.response import Plan, make_plan

BANNED = ("risky person", "criminal area", "unbiased", "debiased", "solves", "predict crime", "bad area")


@pytest.fixture
def plan(surface: Surface, areas: Areas, history: Counts) -> Plan:
    return make_plan(
        surface,
        category="burglary",
        unit_hours=16,
        hours_per_place=2,
        cap_per_area=2,
        areas=areas,
        history=history,
        baseline=surface,
    )


def test_without_a_cap_the_top_cells_are_chosen(surface: Surface) -> None:
    plan = make_plan(surface, category="theft", unit_hours=5)
    assert np.array_equal(plan.attended, surface.top(n=5))
    assert plan.hours.sum() == plan.hours_used == 5
    assert [p.rank for p in plan.places] == [1, 2, 3, 4, 5]
    expected = [p.expected for p in plan.places]
    assert expected == sorted(expected, reverse=True)
    assert plan.left_out.hours == 0
    assert plan.left_out.capped == ()
    assert plan.places[0].area_id is None


def test_the_cap_holds_and_its_cost_is_told(plan: Plan, surface: Surface, areas: Areas) -> None:
    area = areas.of_cells(surface.grid)
    for a in (-1, 0, 1, 2):
        assert np.sum(plan.attended & (area == a)) <= 2
    free = surface.top(n=8)
    lost = surface.mean[free].sum() - surface.mean[plan.attended].sum()
    assert lost > 0
    assert plan.left_out.cost_of_cap == pytest.approx(lost)
    for capped in plan.left_out.capped:
        number = -1 if capped["area_id"] is None else list(areas.frame["area_id"]).index(capped["area_id"])
        assert capped["kept_out"] == np.sum(free & (area == number)) - 2
        assert capped["places"] == 2


def test_each_place_carries_its_numbers_area_reason_and_an_option(plan: Plan, surface: Surface) -> None:
    grid = surface.grid
    ids, (x, y) = list(grid.ids), grid.centres()
    low, high = surface.interval(0.9)
    assert len(plan.places) == 8
    for place in plan.places:
        c = ids.index(place.cell)
        assert (place.x, place.y, place.expected) == (x[c], y[c], surface.mean[c])
        assert (place.low, place.high) == (low[c], high[c])
        lon, lat = transform(x[c], y[c], source=grid.crs, target="EPSG:4326")
        assert (place.lon, place.lat) == pytest.approx((float(lon), float(lat)))
        assert -91 < place.lon < -90
        assert 38 < place.lat < 39
        expected_area = {0: "West", 1: "West", 2: "Middle", 3: "Middle", 4: "East", 5: None}[
            int(grid.columns[c])
        ]
        assert place.area_name == expected_area
        assert place.options
        assert "burglary report" in place.reason
        assert "times the average place" in place.reason
        assert place.hours == 2


def test_reasons_tell_the_reports_before_the_period(plan: Plan, history: Counts) -> None:
    first = plan.places[0]
    c = list(plan.grid.ids).index(first.cell)
    dense = history.dense()[c, :-1]
    year, recent = dense[-52:].sum(), dense[-8:].sum()
    assert first.reason.startswith(
        f"{year} burglary reports here in the past 52 weeks, {recent} of them in the last"
    )


def test_covered(plan: Plan, surface: Surface) -> None:
    covered = plan.covered
    chosen = surface.mean[plan.attended]
    assert covered.expected == pytest.approx(chosen.sum())
    assert covered.share_of_expected == pytest.approx(chosen.sum() / surface.mean.sum())
    assert covered.area_km2 == pytest.approx(8 * 0.0625)
    assert covered.share_of_area == pytest.approx(8 / 30)
    drawn = np.random.default_rng(0).negative_binomial(2.0, 2.0 / (2.0 + chosen), (100_000, 8)).sum(axis=1)
    assert abs(covered.low - np.quantile(drawn, 0.05)) <= 1
    assert abs(covered.high - np.quantile(drawn, 0.95)) <= 1


def test_the_record_is_plain_json_with_the_keys_others_rely_on(plan: Plan) -> None:
    record = plan.to_dict()
    again = json.loads(json.dumps(record, allow_nan=False))
    assert again == record
    assert {
        "category", "period", "method", "unit_hours", "hours_used", "hours_per_place", "cap_per_area",
        "places", "covered", "left_out", "notes",
    } <= set(record)  # fmt: skip
    assert set(record["covered"]) >= {
        "expected",
        "low",
        "high",
        "share_of_expected",
        "share_of_area",
        "area_km2",
    }
    assert record["hours_per_place"] == 2
    assert record["period"] == "2017-01-02 to 2017-01-08"


def test_notes_say_that_it_is_advice_and_about_reports(plan: Plan) -> None:
    assert plan.notes[0].startswith("This plan is advice. It takes effect only when a named role approves it")
    assert "nothing about the people" in plan.notes[1]
    assert "count_map under the same rules chooses 8 places, 8 of them the same." in plan.notes


def test_no_word_calls_a_place_or_its_people_by_reports(plan: Plan) -> None:
    text = json.dumps(plan.to_dict()).lower() + plan._repr_html_().lower()
    assert not [word for word in BANNED if word in text]


def test_baseline_is_planned_under_the_same_rules(surface: Surface, areas: Areas) -> None:
    other = replace(surface, mean=surface.mean[::-1].copy(), method="kernel")
    plan = make_plan(other, category="theft", unit_hours=6, cap_per_area=2, areas=areas, baseline=surface)
    alone = make_plan(surface, category="theft", unit_hours=6, cap_per_area=2, areas=areas)
    assert plan.baseline is not None
    assert np.array_equal(plan.baseline.hours, alone.hours)
    assert not np.array_equal(plan.baseline.hours, plan.hours)
    assert alone.baseline is None


def test_hours_that_differ_are_kept_within_the_budget(surface: Surface) -> None:
    cost = np.where(surface.grid.columns < 3, 1.0, 2.5)
    plan = make_plan(surface, category="theft", unit_hours=10, hours_per_place=cost)
    assert plan.hours_used <= 10
    assert plan.to_dict()["hours_per_place"] is None
    assert {p.hours for p in plan.places} <= {1.0, 2.5}


@pytest.mark.parametrize(
    ("hours", "per_place", "cap", "mean", "why", "unused"),
    [
        (5.0, 2.0, None, None, "less than a further place takes (2)", 1.0),
        (50.0, 1.0, 1, None, "every area with a further place is at its cap", 46.0),
        (50.0, 1.0, None, None, "every place with an expected report is in the plan", 20.0),
        (3.0, 1.0, None, 0.0, "every place with an expected report is in the plan", 3.0),
    ],
)
def test_unused_hours_say_why(surface, areas, hours, per_place, cap, mean, why, unused) -> None:
    if mean is not None:
        surface = replace(surface, mean=np.full(len(surface.grid), mean))
    plan = make_plan(
        surface, category="theft", unit_hours=hours, hours_per_place=per_place, cap_per_area=cap, areas=areas
    )
    assert why in plan.left_out.why
    assert plan.left_out.hours == pytest.approx(unused)
    assert any("unit-hours are not used" in note for note in plan.notes)


def test_amend_swaps_a_place_and_leaves_the_plan_as_it_was(plan: Plan, surface: Surface) -> None:
    before = plan.to_dict()
    out = plan.places[0]
    area = plan.rules.area
    column = next(
        c for c in range(30) if not plan.attended[c] and plan.rules.named(area[c])[1] == out.area_name
    )
    new = str(plan.grid.ids[column])
    amended = plan.amend(remove=[out.cell], add=[new])
    assert plan.to_dict() == before
    assert (amended.removed, amended.added) == ((out.cell,), (new,))
    assert out.cell not in [p.cell for p in amended.places]
    added = next(p for p in amended.places if p.cell == new)
    assert added.added
    assert added.reason.startswith("added by an amendment; ")
    assert added.options
    assert [p.rank for p in amended.places] == list(range(1, 9))
    assert amended.covered.expected == pytest.approx(
        plan.covered.expected - out.expected + surface.mean[column]
    )
    assert f"Amended. Places taken out: {out.cell}. Places put in: {new}." in amended.notes
    back = amended.amend(remove=[new], add=[out.cell])
    assert (back.removed, back.added) == ((), ())
    assert np.array_equal(back.hours, plan.hours)


def test_amend_that_only_removes_frees_hours(plan: Plan) -> None:
    amended = plan.amend(remove=[plan.places[0].cell, plan.places[1].cell])
    assert amended.left_out.hours == 4
    assert amended.left_out.why == "an amendment took places out"
    assert amended.hours_used == 12


def test_amend_refuses_what_the_rules_do_not_allow(plan: Plan) -> None:
    ids, area = plan.grid.ids, plan.rules.area
    inside, outside = plan.places[0].cell, str(ids[~plan.attended][0])
    for change, message in [
        ({"remove": ["E1N1"]}, "grid has no such cell"),
        ({"add": ["nowhere"]}, "grid has no such cell"),
        ({"remove": [outside]}, "not in the plan"),
        ({"add": [inside]}, "in the plan already"),
        ({"remove": [inside, inside]}, "given twice"),
        ({"add": [outside]}, "needs 18 unit-hours; the budget is 16"),
    ]:
        with pytest.raises(UsageError, match=message):
            plan.amend(**change)
    first = plan.places[0]
    other = next(
        str(ids[c]) for c in range(30)
        if not plan.attended[c] and area[c] >= 0 and plan.rules.named(area[c])[1] != first.area_name
    )  # fmt: skip
    with pytest.raises(UsageError, match="the cap is 2 per area"):
        plan.amend(remove=[first.cell], add=[other])


def test_a_single_cell_may_be_given_as_text(plan: Plan) -> None:
    assert len(plan.amend(remove=plan.places[0].cell).places) == 7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unit_hours": 0}, "unit-hours were given"),
        ({"unit_hours": np.nan}, "unit-hours were given"),
        ({"unit_hours": 1, "hours_per_place": 2}, "one place takes 2"),
        ({"hours_per_place": 0}, "expected more than 0"),
        ({"hours_per_place": -1}, "expected more than 0"),
        ({"hours_per_place": [1.0, 2.0]}, "expected one number, or one for each of 30"),
        ({"cap_per_area": 2, "areas": None}, "without areas"),
        ({"cap_per_area": 0}, "whole number of at least 1"),
        ({"cap_per_area": 1.5}, "whole number of at least 1"),
        ({"level": 1.0}, "share between 0 and 1"),
        ({"category": " "}, "as a category"),
    ],
)
def test_wrong_arguments(surface: Surface, areas: Areas, change: dict, message: str) -> None:
    arguments = {"category": "theft", "unit_hours": 10, "areas": areas} | change
    with pytest.raises(UsageError, match=message):
        make_plan(surface, **arguments)


def test_other_grids_and_periods_are_refused(surface: Surface, history: Counts) -> None:
    wide = Grid(surface.grid.crs, 500.0, 1480, 8560, (2, 2))
    with pytest.raises(UsageError, match="another grid"):
        make_plan(
            replace(surface, grid=wide, mean=np.ones(4)), category="theft", unit_hours=2, history=history
        )
    later = replace(surface, period=Period("2018-01-01", "2018-01-08"))
    with pytest.raises(UsageError, match="a baseline for 2018-01-01"):
        make_plan(surface, category="theft", unit_hours=2, baseline=later)


def test_frame_has_one_row_a_place_and_html_is_escaped(surface: Surface, plan: Plan) -> None:
    assert list(plan.frame["cell"]) == [p.cell for p in plan.places]
    assert isinstance(plan.frame, pd.DataFrame)
    assert plan.frame["options"].str.len().min() > 0
    page = make_plan(surface, category="<script>x</script>", unit_hours=3)._repr_html_()
    assert "<script>" not in page


def test_a_plan_without_places_is_still_a_plan(surface: Surface) -> None:
    nothing = replace(surface, mean=np.zeros(len(surface.grid)))
    plan = make_plan(nothing, category="theft", unit_hours=3)
    assert plan.places == ()
    assert len(plan.frame) == 0
    assert (plan.covered.expected, plan.covered.share_of_expected) == (0, 0)
    json.dumps(plan.to_dict(), allow_nan=False)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hours=st.floats(1, 60),
    per_place=st.floats(0.25, 5),
    cap=st.none() | st.integers(1, 12),
    seed=st.integers(0, 9),
)
def test_budget_and_cap_always_hold_and_the_same_plan_comes_again(
    surface, areas, hours, per_place, cap, seed
) -> None:
    if hours < per_place:
        return
    settings = {"unit_hours": hours, "hours_per_place": per_place, "cap_per_area": cap, "seed": seed}
    plan = make_plan(surface, category="theft", areas=areas, **settings)
    assert plan.hours_used <= hours * (1 + 1e-6)
    assert cap is None or np.bincount(plan.rules.area[plan.attended] + 1, minlength=1).max() <= cap
    assert plan.hours_used + plan.left_out.hours == pytest.approx(hours)
    assert make_plan(surface, category="theft", areas=areas, **settings).to_dict() == plan.to_dict()


def test_attended_cannot_be_changed_from_outside(plan: Plan) -> None:
    with pytest.raises(ValueError):
        plan.attended[0] = True


def test_the_public_surface_is_what_it_is() -> None:
    assert peelian.response.__all__ == [
        "Covered",
        "LeftOut",
        "Option",
        "Place",
        "Plan",
        "Rules",
        "all_options",
        "choose",
        "make_plan",
        "options_for",
    ]
    assert all(hasattr(peelian.response, name) for name in peelian.response.__all__)
