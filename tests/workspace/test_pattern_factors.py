"""What goes along, in a workspace: which categories and squares are compared, what features are worth, what is kept."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from peelian.errors import NotEnoughDataError, RefusedError, UsageError
from peelian.patterns.lags import lags
from peelian.publish.factors import in_words
from peelian.workspace import Workspace
from peelian.workspace.chosen import choose
from peelian.workspace.factors import factors
from peelian.workspace.import_ import import_records
from peelian.workspace.init import init
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.outcome import Outcome
from peelian.workspace.replay import replay

from ..cli.conftest import run

Opener = Callable[..., Workspace]


def page_of(workspace: Workspace, done: Outcome) -> str:
    return workspace.page(done.run, "factors.html").read_text(encoding="utf-8")


def with_features(folder: Path) -> None:
    """Tell the workspace of two stations."""
    stations = gpd.GeoDataFrame(geometry=gpd.points_from_xy([-90.2, -90.25], [38.63, 38.6]), crs="EPSG:4326")
    stations.to_file(folder / "stations.geojson", driver="GeoJSON")
    path = folder / "peelian.toml"
    text = path.read_text(encoding="utf-8")
    assert "# features = {}" in text
    path.write_text(
        text.replace("# features = {}", 'features = { stations = "stations.geojson" }'), encoding="utf-8"
    )


@pytest.fixture(scope="module")
def looked(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Outcome]:
    """Burglaries of a year with features of places, looked at once."""
    folder = Path(shutil.copytree(imported, tmp_path_factory.mktemp("factors") / "city"))
    with_features(folder)
    workspace = Workspace(folder, role="analyst")
    return workspace, factors(workspace, "burglary")


def test_the_most_reported_others_are_compared_on_squares_that_hold_enough(
    looked: tuple[Workspace, Outcome],
) -> None:
    workspace, done = looked
    result = done.result
    assert result["settings"]["categories"][0] == "burglary"
    assert len(result["settings"]["categories"]) == 5
    assert "other" not in result["settings"]["categories"]
    cell = result["settings"]["grid"]["cell_m"]
    assert cell > 250
    assert f"squares of {cell:g} m in place of 250 m" in " ".join(result["notes"])
    grid = workspace.table(done.run, "grid")
    assert len(grid) == result["cells"] <= 3_000
    tests = workspace.table(done.run, "tests")
    assert len(tests) == result["compared"]
    ours = tests[(tests["leading"] == "burglary") != (tests["following"] == "burglary")]
    assert result["with_others"] == {"tests": len(ours), "stand_out": int(ours["stands_out"].sum())}
    assert all("burglary" in (row["leading"], row["following"]) for row in result["tests"])


def test_features_are_held_against_a_count_of_the_time_before(looked: tuple[Workspace, Outcome]) -> None:
    workspace, done = looked
    places = done.result["places"]
    assert places["counted"]["past_from"] < places["counted"]["from"] < places["counted"]["to"]
    skill = {row["model"]: row["skill"] for row in places["skill"]}
    assert set(skill) == {"features", "counting the past"}
    if skill["counting the past"] >= skill["features"] and places["features"]:
        assert "use the count map" in done.result["sentence"]
    file, digest = places["made_from"]["distance_to_stations"]
    assert file == "stations.geojson"
    assert len(digest) == 64
    assert set(workspace.table(done.run, "skill")["model"]) == set(skill)


def test_the_page_calls_association_association(looked: tuple[Workspace, Outcome]) -> None:
    workspace, done = looked
    page = page_of(workspace, done)
    assert "need not bring it about" in page
    assert "says nothing about those who live there" in page
    assert "No feature is about groups of residents" in page
    assert "ecological fallacy" in page
    assert "Distance to stations" in page
    assert not re.search(r"\bnan\b|distance_to", page, re.IGNORECASE)
    assert "causes" not in done.result["sentence"]
    assert len(json.dumps(done.to_dict(), allow_nan=False)) < 60_000
    assert verify_ledger(workspace)["status"] == "verified"


def test_it_is_made_again_to_the_same_bytes(looked: tuple[Workspace, Outcome]) -> None:
    workspace, done = looked
    assert replay(Workspace(workspace.folder, role="overseer"), done.run).result["same"]


def test_without_features_the_lags_are_given_and_how_to_name_some(acting: Opener) -> None:
    done = factors(acting(), "burglary", beside=["theft"], first="2016-02-01")
    assert done.result["settings"]["categories"] == ["burglary", "theft"]
    assert done.result["from"] == "2016-02-01"
    assert "features = { stations" in done.result["places"]["left_out"]
    assert "Features of places were not looked at." in done.result["sentence"]
    assert "features = { stations" in page_of(acting(), done)


def test_counts_are_those_of_the_chosen_time(acting: Opener) -> None:
    done = factors(acting(), "burglary", beside=["vandalism"], first="2016-03-01", cell=1000)
    from peelian.places import Periods, count_incidents
    from peelian.workspace.history import study_grid_of

    workspace = acting()
    periods = Periods.covering("2016-03-01", done.result["to"], "1w")
    grid = study_grid_of(workspace, 1000)
    found = lags(
        {
            name: count_incidents(choose(workspace, name).incidents, grid, periods)
            for name in ("burglary", "vandalism")
        },
        seed=workspace.config.forecast.seed,
    )
    pd.testing.assert_frame_equal(found.table, workspace.table(done.run, "tests"))
    assert "notes" in done.result
    assert not any("in place of" in note for note in done.result["notes"])


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ({"beside": ["burglary"]}, UsageError, "beside itself"),
        ({"beside": ["theft", "theft"]}, UsageError, "given twice"),
        ({"first": "2016-10-01"}, NotEnoughDataError, "periods were given for lags"),
        ({"most": -1}, UsageError, "longest lag"),
        ({"period": "often"}, UsageError, "time span"),
        ({"level": 2.0}, UsageError, "level"),
    ],
)
def test_wrong_settings_are_refused(
    acting: Opener, wrong: dict[str, object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        factors(acting(), "burglary", **wrong)  # type: ignore[arg-type]


def test_who_may_not_look(acting: Opener) -> None:
    with pytest.raises(RefusedError, match="look for patterns"):
        factors(acting("public"), "burglary")


def test_a_category_with_too_few_reports_is_left_out_by_name(acting: Opener) -> None:
    done = factors(acting(), "burglary", beside=["homicide"], cell=250)
    assert done.result["tests"] == []
    assert "No other category has enough reports" in done.result["sentence"]
    assert "Left out: homicide" in " ".join(done.result["notes"])
    assert "homicide" in page_of(acting(), done)


def test_a_kind_that_follows_another_a_week_later_is_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weeks, cells = 80, 36
    start = pd.Timestamp("2023-01-02 10:00")
    lead = rng.poisson(0.4, (cells, weeks))
    follow = rng.poisson(0.3, (cells, weeks))
    follow[:, 1:] += rng.binomial(lead[:, :-1], 0.8)
    rows = []
    for kind, counts in (("Robbery", lead), ("Vandalism", follow)):
        cell, week = (np.repeat(at, counts[np.nonzero(counts)]) for at in np.nonzero(counts))
        n = cell.size
        rows.append(
            pd.DataFrame(
                {
                    "ts": (start + pd.to_timedelta(7 * week + rng.integers(0, 6, n), unit="D")).strftime(
                        "%Y-%m-%d %H:%M"
                    ),
                    "type": kind,
                    "x_m": 740_125.0 + 250 * (cell % 6) + rng.uniform(-90, 90, n),
                    "y_m": 4_280_125.0 + 250 * (cell // 6) + rng.uniform(-90, 90, n),
                }
            )
        )
    pd.concat(rows).to_csv(tmp_path / "rows.csv", index=False)
    init(tmp_path / "city", crs="EPSG:26915", zone="America/Chicago")
    mapping = {"occurred_from": "ts", "x": "x_m", "y": "y_m", "category": "type"}
    import_records(Workspace(tmp_path / "city"), tmp_path / "rows.csv", mapping=mapping)
    workspace = Workspace(tmp_path / "city")
    done = factors(workspace, "vandalism", cell=250)
    top = done.result["tests"][0]
    assert (top["leading"], top["following"], top["lag"], top["where"]) == (
        "robbery",
        "vandalism",
        1,
        "same cell",
    )
    assert top["stands_out"]
    assert (
        "more robbery than usual goes along with more vandalism there 1 week later: an association"
        in (done.result["sentence"])
    )


@pytest.mark.parametrize(
    ("row", "period", "said"),
    [
        ({"lag": 0, "where": "same cell", "r": 0.1}, "1w", "more c there in the same week"),
        ({"lag": 2, "where": "neighbours", "r": 0.1}, "1w", "more c around it 2 weeks later"),
        ({"lag": 1, "where": "same cell", "r": -0.1}, "4w", "less c there 4 weeks later"),
        ({"lag": 0, "where": "same cell", "r": 0.1}, "2mo", "more c there in the same 2 months"),
        ({"lag": 1, "where": "same cell", "r": 0.1}, "1d", "more c there 1 day later"),
    ],
)
def test_a_comparison_in_words(row: dict[str, object], period: str, said: str) -> None:
    assert in_words({"leading": "a_b", "following": "c", **row}, period) == (
        "more a b than usual goes along with " + said
    )


def test_the_command(looked: tuple[Workspace, Outcome], capsys: pytest.CaptureFixture[str]) -> None:
    folder = looked[0].folder
    given = ("patterns", "factors", "-c", "burglary", "-w", folder, "--beside", "theft", "--cell", "500 m")
    code, out, _ = run(capsys, *given, "--within", "200,400", "--json")
    assert code == 0
    assert json.loads(out)["places"]["settings"]["within_km"] == [0.2, 0.4]
    code, out, _ = run(capsys, *given, "--most", "2")
    assert code == 0
    assert "comparisons of burglary with theft" in out
    assert "factors.html" in out
    code, _, err = run(capsys, *given, "--within", "near")
    assert code == 2
    assert "--within" in err
