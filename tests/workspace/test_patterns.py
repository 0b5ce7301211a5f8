"""Looking for patterns in a workspace: who may, in which reports, what is kept of it, and that it can be made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from peelian.charter import Policy
from peelian.errors import NotEnoughDataError, RefusedError, UsageError
from peelian.workspace import Workspace, guard
from peelian.workspace.chosen import choose, coarse_cells, study_cells
from peelian.workspace.emerging import emerging
from peelian.workspace.factors import factors
from peelian.workspace.hot import hot
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.repeats import repeats
from peelian.workspace.replay import replay
from peelian.workspace.time import time

Opener = Callable[..., Workspace]


def test_reports_are_those_of_the_time_in_which_they_are_complete(acting: Opener) -> None:
    found = choose(acting(), "burglary")
    assert str(found.start) == "2016-01-01"
    assert len(found.incidents) + found.left_out == len(acting().incidents(category="burglary"))
    days = found.incidents.time.astype("datetime64[D]")
    assert days.min() >= found.start
    assert days.max() < found.end
    part = choose(acting(), "burglary", first="2016-03-01", last="2016-04-01")
    assert 0 < len(part.incidents) < len(found.incidents)
    assert part.to_dict()["from"] == "2016-03-01"


def test_what_officers_found_by_their_own_activity_is_not_looked_at(acting: Opener) -> None:
    every = acting().incidents(category="drugs")
    found = choose(acting(), "drugs").incidents
    assert not found.frame["officer_initiated"].any()
    assert 0 < len(found) < (every.frame["officer_initiated"]).sum()


@pytest.mark.parametrize(
    ("first", "last", "error"),
    [
        ("2016-05-01", "2016-05-01", UsageError),
        ("2010-01-01", None, NotEnoughDataError),
        (None, "2030-01-01", NotEnoughDataError),
        ("soon", None, UsageError),
    ],
)
def test_a_time_that_is_none_or_not_covered_is_refused(
    acting: Opener, first: str | None, last: str | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        choose(acting(), "burglary", first=first, last=last)


def test_cells_of_another_size_lie_in_the_same_areas(acting: Opener) -> None:
    grid, names = study_cells(acting(), 500)
    assert grid.cell == 500
    assert names is not None
    assert len(names) == len(grid)
    assert "Downtown" in names


def test_cells_too_large_to_compare_places_are_refused(acting: Opener) -> None:
    with pytest.raises(UsageError, match="has 1 cell of 100000 m; expected at least 10") as told:
        hot(acting(), "burglary", cell=100_000)
    assert told.value.hint == f"--cell '{acting().config.place.cell:g} m'"


def test_settings_that_are_off_are_refused_before_any_work(
    acting: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = acting()
    monkeypatch.setattr(opened, "writing", lambda: pytest.fail("work was begun"))
    for level in (0.0, 1.0, float("nan")):
        for look in (hot, time, repeats, factors, emerging):
            with pytest.raises(UsageError, match="a share between 0 and 1"):
                look(opened, "burglary", level=level)
    with pytest.raises(UsageError, match="least_ratio=nan"):
        repeats(opened, "burglary", least_ratio=float("nan"))
    assert not opened.config.place.features
    for reach in (0.0, -0.1, float("nan")):
        with pytest.raises(UsageError, match="expected numbers above 0"):
            factors(opened, "burglary", within=(reach, 0.3))


def test_hot_places_are_kept_with_page_tables_and_entry_and_made_again(acting: Opener) -> None:
    done = hot(acting(), "burglary")
    result = done.result
    assert result["hot"] > 10
    assert result["places"][0]["count"] >= result["places"][-1]["count"]
    assert result["incidents"] == len(choose(acting(), "burglary").incidents)
    page = acting().page(done.run, "hot.html").read_text(encoding="utf-8")
    assert result["places"][0]["name"] in page
    assert "not about those who live there" in page
    cells = acting().table(done.run, "cells")
    assert (cells["called"] == "hot").sum() == result["hot"]
    assert cells["count"].sum() + result["outside"] == result["incidents"]
    assert verify_ledger(acting())["status"] == "verified"
    assert replay(acting("overseer"), done.run).result["same"]


@pytest.mark.parametrize("role", ["commander", "dispatcher", "steward", "public"])
def test_who_may_not_look_for_patterns(acting: Opener, role: str) -> None:
    with pytest.raises(RefusedError, match="look for patterns"):
        hot(acting(role), "burglary")


def test_a_finding_is_plain_data(acting: Opener, tmp_path: Path) -> None:
    done = hot(acting(), "burglary", first="2016-06-01", last="2016-07-01", permutations=99)
    assert json.loads(json.dumps(done.to_dict(), allow_nan=False))["run"] == done.run


def test_cells_are_doubled_until_there_are_few_enough(acting: Opener) -> None:
    own = study_cells(acting())[0]
    assert coarse_cells(acting()).cell == own.cell
    few = coarse_cells(acting(), most=400)
    assert len(few) <= 400
    assert few.cell in (2 * own.cell, 4 * own.cell)


@pytest.mark.parametrize("look", [hot, time, repeats, factors, emerging])
def test_who_may_look_for_patterns_alone_is_not_shown_records(
    acting: Opener, look: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patterns name single places and reports, so that they take the right to read records too."""
    permit = '@id("commander-looks")\n'
    permit += 'permit (principal == Role::"commander", action == Action::"patterns", resource);\n'
    opened = acting("commander")
    rules = Policy.of({**Policy.defaults(), "own.cedar": permit}, folder=opened.folder)
    monkeypatch.setattr(guard, "rules_now", lambda workspace, known: rules)
    with pytest.raises(RefusedError, match="read records"):
        look(opened, "burglary")
    assert not list((opened.folder / "runs").glob(f"{look.__name__}-*"))
