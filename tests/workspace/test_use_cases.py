"""Trial, forecast, plan, audit and status on one real year."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from peelian.errors import ConfigError, NotEnoughDataError, UsageError
from peelian.methods import CountMap
from peelian.workspace import Workspace
from peelian.workspace.audit import audit
from peelian.workspace.forecast import _since, counts_behind, forecast, load_surface
from peelian.workspace.history import history
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.plan import plan, rebuild_plan
from peelian.workspace.quality import quality
from peelian.workspace.status import status
from peelian.workspace.trial import trial

from .conftest import Opener


def test_history_begins_where_the_records_are_complete(acting: Opener) -> None:
    counts = history(acting(), "burglary")
    assert str(counts.periods.end) == "2017-01-01"
    assert np.datetime64("2015-12-01") <= counts.periods.start <= np.datetime64("2016-01-07")
    assert counts.total > 3000


def test_history_until_a_day_holds_nothing_of_it(acting: Opener) -> None:
    whole, part = history(acting(), "burglary"), history(acting(), "burglary", until="2016-07-01")
    assert str(part.periods.end) == "2016-07-01"
    assert part.points is not None
    assert part.points.time.max() < np.datetime64("2016-07-01")
    assert part.total < whole.total


def test_a_stored_surface_is_what_was_forecast(acting: Opener) -> None:
    run = forecast(acting(), "burglary").run
    workspace = acting()
    again = CountMap().fit(counts_behind(workspace, run)).predict(load_surface(workspace, run).period)
    assert np.array_equal(load_surface(workspace, run).mean, again.mean)
    assert workspace.result(run)["why_this_method"] == "no trial with these settings yet: plain counting"


def test_a_forecast_tells_what_was_reported_before_it(acting: Opener) -> None:
    workspace = acting()
    done = forecast(workspace, "burglary")
    weekly = workspace.table(done.run, "weekly").tail(8)
    assert done.result["recent"] == weekly.to_dict(orient="records")
    assert len(done.result["recent"]) == 8
    said = ", ".join(str(n) for n in weekly["reported"])
    page = workspace.page(done.run, "forecast.html").read_text(encoding="utf-8")
    assert f"what was reported in the last 8 weeks before it: {said};" in page
    assert done.result["low"] < weekly["reported"].mean() < done.result["high"]


def test_a_forecast_says_when_its_trial_ended_a_while_ago(acting: Opener) -> None:
    workspace = acting()
    known = history(workspace, "burglary", beside=False).periods
    for n in (8, 9):
        verdict = {"method": "kernel_density", "tried_to": str(known.edges[-1 - n])}
        said = _since(verdict, known)
        assert bool(said) == (n > 8)
    assert said == [
        (
            "The trial behind the verdict ended 9 weeks before the last records used here; peelian drift watches the "
            "method on what came in since."
        )
    ]
    assert "peelian trial" in _since({**verdict, "method": "decayed_counts"}, known)[0]
    assert _since(None, known) == []


def test_a_plan_can_be_built_again(acting: Opener) -> None:
    forecast(acting(), "burglary", method="kernel_density")
    run = plan(acting(), unit_hours=12, hours_per_place=3, cap_per_area=1).run
    stored = acting().result(run)
    assert rebuild_plan(acting(), run).to_dict()["places"] == stored["places"]
    assert len(stored["places"]) == 4
    assert len({place["area_id"] for place in stored["places"]}) == 4
    assert all(place["options"] and place["reason"] for place in stored["places"])
    assert any("count_map" in note for note in stored["notes"]), "what counting would have chosen is said"


@pytest.mark.usefixtures("unchecked")
def test_the_audit_compares_with_counting_equal_and_by_population(acting: Opener) -> None:
    forecast(acting(), "burglary", method="kernel_density")
    planned = plan(acting())
    found = audit(acting()).result
    assert found["plan"] == planned.run
    assert set(found["hours"]) == {"plan", "counting", "last_year_map", "equal_coverage", "by_population"}
    assert len({round(h, 6) for h in found["hours"].values()}) == 1, "all spend the same hours"
    ratios = {f["id"]: f for f in found["findings"]}
    assert ratios["exposure_ratio/equal_coverage/Black"]["value"] == pytest.approx(1, abs=0.05)
    mine = ratios["exposure_ratio/plan/Black"]
    assert mine["low"] < mine["value"] < mine["high"]


def test_a_reference_that_is_no_group(acting: Opener) -> None:
    config = acting().folder / "peelian.toml"
    config.write_text(config.read_text().replace("# reference = (not set)", 'reference = "Martian"'))
    forecast(acting(), "burglary")
    plan(acting())
    with pytest.raises(UsageError, match="Martian"):
        audit(acting())


def test_a_trial_needs_something_to_compare(acting: Opener) -> None:
    with pytest.raises(UsageError, match="count_map alone"):
        trial(acting(), "burglary", methods=["count_map"])
    with pytest.raises(UsageError, match="count_map and seasonal_naive alone"):
        trial(acting(), "burglary", methods=["count_map", "seasonal_naive"])
    with pytest.raises(UsageError, match="crystal_ball"):
        trial(acting(), "burglary", methods=["crystal_ball"])
    with pytest.raises(NotEnoughDataError):
        trial(acting(), "burglary", origins=500)


def test_a_trial_of_one_method_brings_counting_along(acting: Opener) -> None:
    found = trial(acting(), "robbery", methods=["kernel_density"], origins=12, fractions=[0.02]).result
    names = [m["name"] for m in found["methods"]]
    assert names == ["count_map", "decayed_counts", "kernel_density", "seasonal_naive"], "all that counts"
    assert list(found["methods"][0]["scores"]["pai"]["by_fraction"]) == ["0.02"]
    assert all(m["seconds"] > 0 for m in found["methods"])


def test_a_trial_with_other_settings_explores(acting: Opener) -> None:
    few = trial(acting(), "burglary", origins=6).result
    assert any("explores" in note for note in few["notes"])
    assert "plain counting" in forecast(acting(), "burglary").result["why_this_method"]
    days = trial(acting(), "burglary", period="4w", origins=8).result
    assert any("explores" in note for note in days["notes"])
    done = trial(acting(), "burglary")
    assert not any("explores" in note for note in done.result["notes"])
    assert any("2 earlier trials" in note for note in done.result["notes"])
    assert forecast(acting(), "burglary").result["why_this_method"] == f"the verdict of {done.run}"


def test_the_last_periods_are_left_out_where_reports_still_come_in(acting: Opener) -> None:
    config = acting().folder / "peelian.toml"
    config.write_text(config.read_text().replace("gap = 0", "gap = 4"))
    found = forecast(acting(), "burglary").result
    assert found["period"] == {"start": "2017-01-01", "end": "2017-01-08"}
    assert found["fitted"]["trained_to"] == "2016-12-04"
    planned = plan(acting()).run
    assert rebuild_plan(acting(), planned).to_dict()["places"] == acting().result(planned)["places"]


def test_a_threshold_in_the_configuration_is_not_passed_over(acting: Opener) -> None:
    config = acting().folder / "peelian.toml"
    text = config.read_text()
    unset = 'max_ratio_set_by = ""\nmax_ratio_set_at = ""\n'
    config.write_text(text.replace("block_km = 1.0\n", f"block_km = 1.0\n{unset}"))
    assert acting().config.audit.block_km == 1, "as earlier versions wrote it where nobody had set any"
    config.write_text(
        text.replace("block_km = 1.0\n", 'block_km = 1.0\nmax_ratio = 1.5\nmax_ratio_set_by = "us"\n')
    )
    with pytest.raises(ConfigError, match="kept in the ledger") as caught:
        acting()
    assert "peelian audit threshold exposure_ratio 1.5 --by 'us'" in str(caught.value.hint)


def test_a_forecast_keeps_the_grid_that_it_was_made_on(acting: Opener) -> None:
    run = forecast(acting(), "burglary").run
    config = acting().folder / "peelian.toml"
    config.write_text(config.read_text().replace("cell = 250.0", "cell = 500.0"))
    assert load_surface(acting(), run).grid.cell == 250
    assert acting().grid.cell == 500
    planned = plan(acting(), forecast=run).run
    assert rebuild_plan(acting(), planned).to_dict()["places"] == acting().result(planned)["places"]
    audit(acting())


def test_records_imported_in_one_crs_or_zone_stay_in_it(acting: Opener) -> None:
    config = acting().folder / "peelian.toml"
    whole = config.read_text()
    for text in (
        whole.replace('crs = "EPSG:26915"', 'crs = "EPSG:32615"'),
        whole.replace('zone = "America/Chicago"', 'zone = "America/New_York"'),
    ):
        config.write_text(text)
        with pytest.raises(ConfigError, match="were imported"):
            forecast(acting(), "burglary")


def test_without_areas_the_study_area_is_where_anything_was_reported(acting: Opener, one_year: Path) -> None:
    from peelian.workspace.import_ import import_records
    from peelian.workspace.init import init

    folder = acting().folder.parent / "bare"
    init(folder, cell=500)
    import_records(Workspace(folder), one_year)
    workspace = Workspace(folder)
    assert (workspace.zone, workspace.crs) == ("America/Chicago", "ESRI:102696")
    grid, incidents = workspace.grid, workspace.incidents()
    assert np.all(grid.locate(incidents.x, incidents.y) >= 0)
    assert len(grid) < 0.8 * grid.shape[0] * grid.shape[1]
    found = trial(workspace, "burglary", origins=12).result
    assert any("No study area" in note for note in found["notes"])


def test_records_that_end_before_the_day_asked_for(acting: Opener) -> None:
    with pytest.raises(NotEnoughDataError, match="2017-01-01"):
        forecast(acting(), "burglary", until="2030-01-01")


def test_a_copy_that_can_only_be_read_can_be_verified(
    acting: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    forecast(acting(), "burglary")
    folder = acting().folder
    acting().state.close()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    copy = Workspace(folder, role="public")
    assert copy.state.read_only
    assert verify_ledger(copy)["status"] == "verified"
    assert status(copy)["incidents"] > 40_000
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before


@pytest.mark.usefixtures("unchecked")
def test_status_leads_from_one_step_to_the_next(acting: Opener) -> None:
    def following() -> str:
        return str(status(acting("public"))["next"]).split(" --workspace")[0]

    assert following() == "peelian quality"
    quality(acting())
    assert following() == "peelian trial --category burglary"
    trial(acting(), "burglary")
    forecast(acting(), "burglary")
    assert following() == "peelian plan"
    planned = plan(acting()).run
    assert following() == "peelian audit plan"
    audit(acting())
    assert following().startswith(f"peelian decide {planned} --approve")


def test_status_tells_the_public_no_small_numbers(acting: Opener) -> None:
    assert status(acting("public"))["categories"] == []
    assert status(acting("steward"))["categories"] == []
    assert status(acting("overseer"))["categories"] != []


def test_status_counts_what_is_there(acting: Opener) -> None:
    found = status(acting())
    assert found["incidents"] == sum(c["incidents"] for c in found["categories"])
    assert {"burglary", "theft"} <= {c["category"] for c in found["categories"]}
    assert found["latest"]["import"]["id"] == "import-0002"


def test_an_empty_workspace_has_a_status(acting: Opener) -> None:
    from peelian.workspace.init import init

    folder = acting().folder.parent / "empty"
    init(folder)
    found = status(Workspace(folder))
    assert (found["incidents"], found["categories"], found["crs"]) == (0, [], None)
    assert found["next"].startswith("peelian import FILE")
