"""``audit forecast``: on one real year, from the records to the page, the command line and the replay."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from peelian.errors import NotEnoughDataError, RefusedError, UsageError
from peelian.publish.audit_forecast import audit_forecast_page
from peelian.publish.wording import check_page
from peelian.workspace import Workspace
from peelian.workspace.audit_forecast import audit_forecast
from peelian.workspace.outcome import Outcome
from peelian.workspace.replay import replay
from peelian.workspace.thresholds import set_threshold

from ..cli.conftest import run


@pytest.fixture(scope="module")
def audited(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """A workspace with a threshold and one audit."""
    folder = Path(shutil.copytree(imported, tmp_path_factory.mktemp("audited") / "city"))
    set_threshold(
        Workspace(folder, role="overseer"),
        "observed_expected_ratio",
        1.25,
        by="the oversight board",
        reason="A quarter more in one group's areas is too much.",
    )
    return folder, audit_forecast(Workspace(folder), "burglary")


def test_the_numbers_are_those_of_the_records(audited: tuple[Path, Outcome]) -> None:
    folder, done = audited
    city, settings = done.result["city"], done.result["settings"]
    assert city["periods"] == 8
    assert settings["method"] == "count_map"
    assert settings["reference"] == "White"
    assert settings["coverage"] == 0.01
    rows = Workspace(folder).incidents(category="burglary", officer_initiated=False)
    rows = rows.where(start=city["from"], end=city["to"])
    grid = Workspace(folder).grid
    assert city["reports"] == int((grid.locate(rows.x, rows.y) >= 0).sum())
    deciles = pd.DataFrame(done.result["deciles"])
    white = deciles[deciles["group"] == "White"]
    assert white["seen"].sum() + city["reports_without_residents"] == city["reports"]
    assert white["decile"].tolist() == list(range(1, 11))
    # Counting is the method in use: there is no other counting beside it, and last year's records are not there.
    assert [row["rule"] for row in done.result["rules"]] == ["method", "by_population", "even"]
    said = " ".join(done.result["limits"])
    assert "no other counting beside it" in said
    assert "last year's map is left out" in said


def test_a_threshold_that_was_set_before_is_held_against_it(audited: tuple[Path, Outcome]) -> None:
    _, done = audited
    held = [one for one in done.result["findings"] if one["threshold"]]
    assert {one["id"] for one in held} == {
        "observed_expected_ratio/method/Black",
        "observed_expected_ratio/method/residents/Black",
    }
    for one in held:
        assert one["threshold"]["set_by"] == "the oversight board"
        assert one["passes"] == (1 / 1.25 <= one["value"] <= 1.25)


def test_one_that_is_set_after_the_first_look_comes_too_late(
    audited: tuple[Path, Outcome], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(audited[0], tmp_path / "city"))
    set_threshold(
        Workspace(folder, role="overseer"),
        "miss_gap",
        0.5,
        by="the oversight board",
        reason="Half of the reports is the most that we accept.",
    )
    again = audit_forecast(Workspace(folder), "burglary", origins=2).result
    assert not any(one["threshold"] for one in again["findings"] if one["id"].startswith("miss_gap"))
    assert any("miss_gap was set on" in note for note in again["notes"])


def test_it_is_kept_small_with_its_tables_and_page(audited: tuple[Path, Outcome]) -> None:
    folder, done = audited
    kept = folder / "runs" / done.run
    assert (kept / "result.json").stat().st_size < 200_000
    for name in ("deciles", "groups", "rules", "transforms"):
        assert len(pd.read_parquet(kept / f"{name}.parquet"))
    page = (kept / "audit_forecast.html").read_text(encoding="utf-8")
    assert "<h1>Audit of forecasts: burglary</h1>" in page
    for part in (
        "What is claimed",
        "What differs between groups' areas",
        "By share of Black residents",
        "What another rule would have done",
        "Where the average resident of a group lives",
    ):
        assert part in page.replace("&#39;", "'"), part
    assert "By share of White residents" not in page, "its tenths are the same in reverse"
    assert page.count("<svg") == page.count("<figure>")
    assert "the oversight board" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    check_page(page)


def test_it_replays_to_the_same_bytes(audited: tuple[Path, Outcome]) -> None:
    folder, done = audited
    assert replay(Workspace(folder), done.run).result["same"] is True


def test_another_method_period_and_coverage_by_the_command(
    city: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("audit", "forecast", "-c", "burglary", "-w", city, "--method", "kernel_density")
    code, out, _ = run(capsys, *asked, "--origins", 3, "--coverage", 0.05, "--period", "2w")
    assert code == 0
    kept = Workspace(city).result("audit_forecast-0003")
    assert out.splitlines()[0] == kept["sentences"][0]
    assert f"... and {len(kept['findings']) - 6} more" in out
    assert "audit_forecast-0003/audit_forecast.html" in out
    assert kept["city"]["periods"] == 3
    assert kept["settings"]["coverage"] == 0.05
    assert kept["settings"]["method"] == "kernel_density"
    assert any("3 periods are too few" in limit for limit in kept["limits"])
    page = (city / "runs" / "audit_forecast-0003" / "audit_forecast.html").read_text(encoding="utf-8")
    assert "there are too few periods to tell what they have in common" in page
    rules = {row["rule"]: row for row in kept["rules"]}
    assert rules["counting"]["title"] == "counting (Count map)"
    assert rules["counting"]["area_share"] == pytest.approx(rules["method"]["area_share"])
    assert any("chosen by hand" in note for note in kept["notes"])
    code, out, err = run(capsys, *asked, "--coverage", 7, "--json")
    assert code == 2
    assert "share of the area above 0" in out + err


def test_records_without_a_place_are_counted(audited: tuple[Path, Outcome]) -> None:
    folder, done = audited
    found = done.result
    rows = Workspace(folder).store.quarantine()
    aside = rows[rows["reason"].isin(["no_place", "outside_crs"]) & rows["label"].str.startswith("BURGLARY")]
    when = pd.to_datetime(aside["occurred_from"], errors="coerce")
    inside = (when >= found["city"]["from"]) & (when < found["city"]["to"])
    assert found["city"]["reports_without_place"] == int(inside.sum())


def test_without_residents_by_group_it_is_refused(city: Path) -> None:
    path = city / "peelian.toml"
    text = path.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("population = "))
    path.write_text(text.replace(line, "# population = {}"), encoding="utf-8")
    with pytest.raises(NotEnoughDataError, match="areas without residents by group") as caught:
        audit_forecast(Workspace(city), "burglary")
    assert "[place]" in str(caught.value.hint)


def test_what_is_asked_wrongly_is_refused(city: Path) -> None:
    with pytest.raises(UsageError, match="crystal_ball"):
        audit_forecast(Workspace(city), "burglary", method="crystal_ball")
    with pytest.raises(UsageError, match="a coverage of 5"):
        audit_forecast(Workspace(city), "burglary", coverage=5)
    with pytest.raises(NotEnoughDataError, match="400 origins"):
        audit_forecast(Workspace(city), "burglary", origins=400)
    with pytest.raises(RefusedError):
        audit_forecast(Workspace(city, role="dispatcher"), "burglary")


def _page(result: dict[str, Any], **changed: Any) -> str:
    return audit_forecast_page({**result, **changed})


def test_the_page_stands_with_little_to_tell(audited: tuple[Path, Outcome]) -> None:
    result = audited[1].result
    bare = [
        {**row, **{k: None for k in row if k.startswith(("miss", "false_alarm", "slope"))}}
        for row in result["deciles"]
    ]
    page = _page(result, deciles=bare, findings=[], others=[], whole_pit=[], comparisons=0)
    assert "What is claimed" in page
    assert "Calibration slope, by tenth" not in page
    three = [*result["settings"]["groups"], "third"]
    deciles = [
        *result["deciles"],
        *({**row, "group": "third"} for row in result["deciles"] if row["group"] == "White"),
    ]
    page = _page(result, deciles=deciles, settings={**result["settings"], "groups": three})
    assert "By share of White residents" in page
    assert "By share of third residents" in page
