"""Repeats in a workspace: what is looked at, which places that raises, whether it beats counting, and what is kept."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from peelian.errors import NotEnoughDataError, RefusedError, ResolutionError, UsageError
from peelian.patterns.near_repeat import near_repeat
from peelian.workspace import Workspace
from peelian.workspace.chosen import choose
from peelian.workspace.import_ import import_records
from peelian.workspace.init import init
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.outcome import Outcome
from peelian.workspace.repeats import _verdict, repeats
from peelian.workspace.replay import replay

from ..cli.conftest import run

Opener = Callable[..., Workspace]


def page_of(workspace: Workspace, done: Outcome) -> str:
    return workspace.page(done.run, "repeats.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def looked(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Outcome]:
    """Burglaries of a year, looked at once."""
    folder = Path(shutil.copytree(imported, tmp_path_factory.mktemp("repeats") / "city"))
    workspace = Workspace(folder, role="analyst")
    return workspace, repeats(workspace, "burglary")


def test_the_last_52_weeks_are_looked_at_and_the_table_is_the_library_s(
    looked: tuple[Workspace, Outcome],
) -> None:
    workspace, done = looked
    result = done.result
    every = choose(workspace, "burglary")
    year = every.incidents.where(start=every.end - 364)
    assert result["from"] == str(every.end - 364)
    assert result["incidents"] == len(year)
    assert result["incidents"] + result["left_out"] == len(every.incidents) + every.left_out
    table = near_repeat(year, parts=64)
    assert [band["observed"] for band in result["bands"]] == table.frame["observed"].tolist()
    assert result["settings"]["parts"] > 1, "the whole area gives false alarms"
    top = result["bands"][0]
    assert top["stands_out"]
    assert f"{top['ratio']:.1f} times as often" in result["sentence"]


def test_it_says_whether_raised_places_beat_counting(looked: tuple[Workspace, Outcome]) -> None:
    workspace, done = looked
    tried = done.result["backtest"]
    zones, counting, _ = tried["chosen_by"]
    assert zones["share_of_area"] == counting["share_of_area"] > 0
    if tried["high"] < 0:
        assert "counting is better, so use the count map" in done.result["sentence"]
    page = page_of(workspace, done)
    assert tried["sentence"] in page
    assert workspace.table(done.run, "weeks")["reports"].sum() == zones["reports"]


def test_each_raised_place_names_its_reports(looked: tuple[Workspace, Outcome]) -> None:
    workspace, done = looked
    places, sources = (workspace.table(done.run, name) for name in ("places", "sources"))
    assert len(places) == done.result["zones"]["n"] > 5
    assert places["place"].tolist() == list(range(1, len(places) + 1))
    assert (places["sources"] > 1).tolist() == sorted((places["sources"] > 1).tolist(), reverse=True)
    known = set(choose(workspace, "burglary").incidents.frame["id"])
    for row in places.itertuples():
        of = sources[sources["place"] == row.place]
        assert set(row.ids) == set(of["id"]) <= known
        assert of["until"].max() == row.expires
        assert row.expires >= done.result["zones"]["at"]
    page = page_of(workspace, done)
    assert places["ids"][0][0] in page
    cells = workspace.table(done.run, "cells")
    assert set(cells["place"]) <= set(places["place"])
    told = json.dumps(done.to_dict(), allow_nan=False)
    assert not any(one in told for one in known), "ids are in the tables, and not in the result"
    assert len(told) < 60_000


def test_the_page_says_it_all_to_each_reader(looked: tuple[Workspace, Outcome]) -> None:
    workspace, done = looked
    page = page_of(workspace, done)
    assert "says nothing about those who live there" in page
    assert "Are raised places worth more than counting?" in page
    assert "2.5 of 16 bands stood out by mistake" in page
    assert "Mantel" in page
    assert "Jacquez" in page
    assert "Being in a zone is no ground to suspect anyone" in page
    assert not re.search(r"\bnan\b", page, re.IGNORECASE)


def test_the_ledger_holds_counts_and_no_report(looked: tuple[Workspace, Outcome]) -> None:
    workspace, done = looked
    assert verify_ledger(workspace)["status"] == "verified"
    held = next(entry for entry in entries(workspace) if entry["id"] == done.run)
    assert held["details"]["zones"] == done.result["zones"]["n"]
    ids = workspace.table(done.run, "places")["ids"][0]
    assert ids[0] not in json.dumps(held)


def test_it_is_made_again_to_the_same_bytes(acting: Opener) -> None:
    done = repeats(acting(), "burglary", first="2016-07-01", at="2016-12-01", permutations=99, weeks=8)
    assert done.result["to"] == done.result["zones"]["at"] == "2016-12-01"
    assert replay(acting("overseer"), done.run).result["same"]


def test_where_nothing_repeats_or_the_past_is_short_it_says_so(acting: Opener) -> None:
    done = repeats(acting(), "burglary", first="2016-06-01", last="2016-06-03", permutations=99, weeks=40)
    assert "no band of distance and time has more pairs than chance makes" in done.result["sentence"]
    assert done.result["zones"]["places"] == []
    assert len(acting().table(done.run, "places")) == 0
    page = page_of(acting(), done)
    assert "no zone is raised" in page
    assert "was not tried: that takes 560 days" in done.result["backtest"]["left_out"]
    assert done.result["backtest"]["left_out"] in page


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ({"weeks": 4}, UsageError, "fewer than 8"),
        ({"distances": (100, 100)}, UsageError, "has no width"),
        ({"days": (7.5,)}, UsageError, "calendar days are whole"),
        ({"least_ratio": 0.5}, UsageError, "least_ratio"),
        ({"least_ratio": float("nan")}, UsageError, "least_ratio=nan"),
        ({"level": 0.0}, UsageError, "level of 0.0"),
        ({"permutations": 3}, UsageError, "3 replicates"),
        ({"at": "2016-06-01", "last": "2016-07-01"}, UsageError, "come later"),
        ({"at": "2030-01-01"}, NotEnoughDataError, "complete"),
        ({"first": "2016-08-01", "last": "2016-07-01"}, UsageError, "first day before the last"),
    ],
)
def test_wrong_settings_are_refused(
    acting: Opener, wrong: dict[str, object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        repeats(acting(), "burglary", **wrong)  # type: ignore[arg-type]


def test_who_may_not_look(acting: Opener) -> None:
    with pytest.raises(RefusedError, match="look for patterns"):
        repeats(acting("public"), "burglary")


def made(folder: Path, rows: pd.DataFrame) -> Workspace:
    """A workspace of those rows alone."""
    init(folder / "city", crs="EPSG:26915", zone="America/Chicago")
    rows.to_csv(folder / "rows.csv", index=False)
    mapping = {"occurred_from": "ts", "x": "x_m", "y": "y_m", "category": "type"}
    import_records(Workspace(folder / "city"), folder / "rows.csv", mapping=mapping)
    return Workspace(folder / "city")


def reports(days: pd.DatetimeIndex, x: object, y: object, form: str = "%Y-%m-%d %H:%M") -> pd.DataFrame:
    return pd.DataFrame({"ts": days.strftime(form), "type": "Burglary", "x_m": x, "y_m": y})


def test_a_single_report_is_nothing_to_look_at(tmp_path: Path) -> None:
    workspace = made(
        tmp_path, reports(pd.date_range("2024-01-01 10:00", periods=1), [740_000.0], [4_280_000.0])
    )
    done = repeats(workspace, "burglary", permutations=19)
    assert "nothing to look at" in done.result["sentence"]
    assert "nothing to look at" in page_of(workspace, done)


def test_events_written_twice_are_told_in_the_first_sentences(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    once = pd.date_range("2023-01-01 10:00", periods=200, freq="2D")
    x, y = 740_000 + rng.uniform(0, 8_000, 200), 4_280_000 + rng.uniform(0, 8_000, 200)
    rows = reports(once, x, y)
    again = rows.assign(ts=(once + pd.Timedelta("1h")).strftime("%Y-%m-%d %H:%M"))
    workspace = made(tmp_path, pd.concat([rows, again]))
    done = repeats(workspace, "burglary")
    assert "may be one event that was written down twice" in done.result["sentence"]


def test_months_alone_are_refused(tmp_path: Path) -> None:
    workspace = made(
        tmp_path,
        reports(
            pd.date_range("2023-01-01", periods=30, freq="MS"),
            np.arange(30) + 740_000.0,
            4_280_000.0,
            "%Y-%m",
        ),
    )
    with pytest.raises(ResolutionError, match="known only to the month"):
        repeats(workspace, "burglary")


@pytest.mark.parametrize(
    ("low", "high", "area", "reports", "said"),
    [
        (0.01, 0.05, 0.02, 100, "raised places beat counting"),
        (-0.05, -0.01, 0.02, 100, "use the count map"),
        (-0.05, 0.05, 0.02, 100, "counting is enough"),
        (np.nan, np.nan, 0.02, 100, "can't be told"),
        (np.nan, np.nan, 0.0, 100, "On no day of the last 26 weeks was a place raised"),
        (np.nan, np.nan, 0.02, 0, "there was no report"),
    ],
)
def test_the_verdict_is_that_of_the_interval(
    low: float, high: float, area: float, reports: int, said: str
) -> None:
    rows = pd.DataFrame(
        {
            "chosen_by": ["near repeats", "counting the past", "lot"],
            "reports": reports,
            "share_of_reports": [0.2, 0.2, 0.02],
            "share_of_area": area,
        }
    )
    test = SimpleNamespace(frame=rows, weeks=range(26), low=low, high=high)
    assert said in _verdict(test)  # type: ignore[arg-type]


def test_the_command(looked: tuple[Workspace, Outcome], capsys: pytest.CaptureFixture[str]) -> None:
    folder = looked[0].folder
    given = ("patterns", "repeats", "-c", "burglary", "-w", folder, "--permutations", 99, "--weeks", 8)
    code, out, _ = run(capsys, *given, "--json")
    assert code == 0
    told = json.loads(out)
    assert told["settings"]["days"] == [7, 14, 21, 28]
    code, out, _ = run(capsys, *given, "--days", "3,6", "--distances", "50")
    assert code == 0
    assert out.startswith(("Reports follow each other", "Among"))
    assert "repeats.html" in out
    code, _, err = run(capsys, *given, "--days", "3,soon")
    assert code == 2
    assert "--days" in err
