"""The week: its numbers are those of the records, what is new is of the week, and it can be made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from peelian.cli.week import _told
from peelian.errors import NotEnoughDataError, RefusedError, UsageError
from peelian.records import Incidents
from peelian.workspace import Workspace
from peelian.workspace.chosen import Chosen
from peelian.workspace.replay import replay
from peelian.workspace.week import _chosen, _covered, week
from peelian.workspace.week_parts import data_problems, over_categories, weekly

from ..cli.conftest import run

Opener = Callable[..., Workspace]
CRS, ZONE = "EPSG:26915", "America/Chicago"


def at(*days: str) -> Incidents:
    n = len(days)
    return Incidents.of(np.zeros(n), np.zeros(n), np.array(days, dtype="datetime64[s]"), crs=CRS, zone=ZONE)


def test_weeks_end_with_the_day_before_the_bound() -> None:
    found = at("2017-01-01", "2017-01-07", "2017-01-08", "2017-01-14T23:59", "2017-01-15", "2016-01-01")
    assert weekly(found, np.datetime64("2017-01-15"), 2).tolist() == [2, 2]
    assert weekly(found, np.datetime64("2017-01-15"), 1).tolist() == [2]
    of = np.array([0, 2, 2, -1, 0, 0])
    assert weekly(found, np.datetime64("2017-01-15"), 2, of=of).tolist() == [[1, 0], [0, 0], [1, 1]]


@pytest.fixture(scope="module")
def done(imported: object, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    """The last week of June of a year of St. Louis, for two categories."""
    import shutil
    from pathlib import Path

    folder = Path(shutil.copytree(str(imported), tmp_path_factory.mktemp("week") / "city"))
    made = week(Workspace(folder), until="2016-07-01", categories=["burglary", "robbery"])
    return Workspace(folder), made.run


def test_its_numbers_are_those_of_the_records(done: tuple[Workspace, str]) -> None:
    workspace, name = done
    result = workspace.result(name)
    assert result["week"] == {"start": "2016-06-24", "end": "2016-07-01"}
    frame = workspace.incidents(category="burglary", officer_initiated=False).frame
    inside = (frame["occurred_from"] >= "2016-06-24") & (frame["occurred_from"] < "2016-07-01")
    assert result["reported"]["burglary"] == int(inside.sum())
    assert result["changes"] is None  # one year can't be compared with another


def test_what_is_new_has_a_report_of_the_week(done: tuple[Workspace, str]) -> None:
    workspace, name = done
    result = workspace.result(name)
    when = workspace.incidents().frame.set_index("id")["occurred_from"]
    places = [place for part in result["repeats"] for place in part["places"]]
    assert places
    for place in places:
        days = pd.to_datetime(when[place["ids"]])
        assert len(place["ids"]) > 1
        assert days.max() >= pd.Timestamp("2016-06-24")
        assert days.max() < pd.Timestamp("2016-07-01")
    for part in result["series"]:
        for one in part["candidates"]:
            assert when[one["incidents"]].max() >= pd.Timestamp("2016-06-24")


def test_each_hypothesis_has_a_name_and_a_probability(done: tuple[Workspace, str]) -> None:
    workspace, name = done
    result = workspace.result(name)
    candidates = [one for part in result["series"] for one in part["candidates"]]
    assert [one["id"] for one in result["hypotheses"]] == [f"S{i + 1}" for i in range(len(candidates))]
    assert all(one["probability"] is None for one in result["hypotheses"]), "nearness alone is no probability"


def test_the_page_says_what_is_missing_and_what_it_is_about(done: tuple[Workspace, str]) -> None:
    workspace, name = done
    page = workspace.page(name, "week.html").read_text(encoding="utf-8")
    assert "The week from 24 June 2016" in page
    assert "reach back to the same week" in page
    assert "says nothing about those who live there" in page
    assert "What is known to be wrong with the data" in page


def test_it_is_made_again_byte_by_byte(done: tuple[Workspace, str]) -> None:
    workspace, name = done
    assert replay(Workspace(workspace.folder, role="overseer"), name).result["same"]


def chosen(name: str, start: str, end: str, days: Incidents) -> Chosen:
    return Chosen(name, days, np.datetime64(start), np.datetime64(end), 0)


def test_a_rare_category_makes_the_records_of_the_others_no_shorter() -> None:
    end = "2017-01-01"
    often, once = at("2014-01-05", "2016-12-30"), at("2016-12-30")
    both = {
        "often": chosen("often", "2014-01-01", end, often),
        "rare": chosen("rare", "2014-01-01", end, once),
    }
    assert _covered(both, np.datetime64(end)) == (156, {})
    late = chosen("late", "2016-06-01", end, once)
    assert _covered({**both, "late": late}, np.datetime64(end)) == (156, {"late": "2016-06-01"})


def test_one_source_that_stopped_does_not_move_the_week(
    acting: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = {"burglary": "2016-07-01", "robbery": "2016-03-01"}
    monkeypatch.setattr(
        "peelian.workspace.week.choose",
        lambda _, name, last=None, among=None: chosen(name, "2016-01-01", ends[name], at("2016-02-01")),
    )
    found, end, early = _chosen(acting(), at("2016-02-01"), [*ends], None)
    assert (list(found), str(end)) == (["burglary"], "2016-07-01")
    assert early == ["robbery is not looked at: its records end on 2016-03-01, before the week does."]


def test_a_signal_has_the_rate_over_all_categories() -> None:
    parts: list[dict[str, Any]] = [{"p": p, "signals": []} for p in (0.01, 0.5, None, 0.9)]
    parts[0]["signals"] = [{}]
    over_categories(parts)
    assert parts[0]["signals"] == [{"q_week": pytest.approx(0.03)}]


def test_a_gap_in_the_records_is_told(acting: Opener) -> None:
    workspace = acting()
    every = workspace.incidents(officer_initiated=False)
    frame = every.frame
    gone = frame["occurred_from"].dt.strftime("%Y-%m-%d") == "2016-06-28"
    left = Incidents(frame[~gone].reset_index(drop=True), every.crs, every.zone)
    start, end = np.datetime64("2016-06-24"), np.datetime64("2016-07-01")
    assert not [said for said in data_problems(workspace, every, start, end) if "2016-06-28" in said]
    told = [said for said in data_problems(workspace, left, start, end) if "2016-06-28" in said]
    assert len(told) == 1
    assert "records may be missing" in told[0]


def test_a_source_that_ended_is_told(acting: Opener) -> None:
    workspace = acting()
    every = workspace.incidents(officer_initiated=False)
    frame = every.frame
    frame.loc[frame["occurred_from"] < "2016-03-01", "source"] = "calls"
    both = Incidents(frame, every.crs, every.zone)
    said = data_problems(workspace, both, np.datetime64("2016-06-24"), np.datetime64("2016-07-01"))
    assert "The source calls has no report after 2016-02-29: the week rests on the others." in said


def test_what_cannot_be_looked_at_is_refused(acting: Opener) -> None:
    for until in ("2031-01-01", "2016-01-03"):
        with pytest.raises(NotEnoughDataError, match=until) as caught:
            week(acting(), until=until)
        assert caught.value.hint == "peelian week --until 2017-01-01"
    with pytest.raises(UsageError, match="soon"):
        week(acting(), until="soon")
    with pytest.raises(RefusedError, match="look for patterns"):
        week(acting("dispatcher"))


def test_a_series_is_told_with_its_probability_or_without_one(done: tuple[Workspace, str]) -> None:
    workspace, name = done
    hypotheses = [
        {"id": "S1", "said": "three reports are one series", "probability": 0.8},
        {"id": "S2", "said": "they are near (at most 60%)", "probability": None},
    ]
    text = _told({**workspace.result(name), "hypotheses": hypotheses}, workspace.page(name, "week.html"))
    assert "series S1: three reports are one series (probability 0.80)" in text
    assert "series S2: they are near (at most 60%)\n" in text


def test_the_command_tells_it_for_people_and_for_programs(
    done: tuple[Workspace, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = done[0].folder
    asked = ("week", "-w", folder, "--until", "2016-07-01", "-c", "robbery")
    code, out, _ = run(capsys, *asked)
    assert code == 0
    assert out.startswith("the week from 2016-06-24:")
    assert "page: " in out
    code, out, err = run(capsys, *asked, "--json")
    assert code == 0
    assert json.loads(out)["categories"] == ["robbery"]
    code, _, err = run(capsys, "week", "-w", folder, "-c", "burglry")
    assert code == 4
    assert "burglary" in err
