"""Times in a workspace: what is kept of them, that it can be made again, and records that know no hour."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from peelian.errors import RefusedError, ResolutionError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.chosen import choose
from peelian.workspace.import_ import import_records
from peelian.workspace.init import init
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.replay import replay
from peelian.workspace.time import time

Opener = Callable[..., Workspace]
LARGEST = 50_000
"""Bytes of a result: single hours and weeks are in tables."""


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three years of made-up records that know only the month, in the form of data.police.uk."""
    folder = tmp_path_factory.mktemp("months")
    rng = np.random.default_rng(0)
    month = np.repeat([f"{y}-{m:02d}" for y in (2017, 2018, 2019) for m in range(1, 13)], rng.poisson(60, 36))
    rows = pd.DataFrame({"month": month, "x": 530_000 + rng.uniform(0, 2000, month.size)})
    rows["y"], rows["kind"] = 181_000 + rng.uniform(0, 2000, month.size), "Burglary"
    rows.to_csv(folder / "months.csv", index=False)
    init(folder / "city", crs="EPSG:27700", zone="Europe/London", cell=250)
    mapping = {"occurred_from": "month", "x": "x", "y": "y", "category": "kind"}
    import_records(Workspace(folder / "city"), folder / "months.csv", mapping=mapping)
    return folder / "city"


def test_times_are_kept_with_page_tables_and_entry_and_made_again(acting: Opener) -> None:
    done = time(acting(), "burglary", replicates=99)
    result = done.result
    assert result["incidents"] == result["reports"] == len(choose(acting(), "burglary").incidents)
    assert len(json.dumps(result, allow_nan=False)) < LARGEST
    page = acting().page(done.run, "time.html").read_text(encoding="utf-8")
    assert "Times: burglary" in page
    assert result["hour_of_week"]["stretches"][0]["when"] in page
    hours = acting().table(done.run, "hours")
    assert len(hours) == 168
    assert hours["reports"].sum() == pytest.approx(result["spread"]["account"]["used"])
    assert hours["stands_out"].sum() >= len(result["hour_of_week"]["stretches"])
    assert acting().table(done.run, "periods")["reports"].sum() <= result["incidents"]
    assert verify_ledger(acting())["status"] == "verified"
    assert replay(acting("overseer"), done.run).result["same"]


def test_a_year_has_no_season_and_says_why(acting: Opener) -> None:
    result = time(acting(), "burglary", replicates=99).result
    assert "24" in result["untold"]["season"]
    assert "A season can't be told" in result["sentence"]
    assert "season" not in result


def test_what_the_ledger_says_of_it_is_counts(acting: Opener) -> None:
    workspace = acting()
    done = time(workspace, "burglary", first="2016-03-01", last="2016-07-01", replicates=99)
    row = next(row for row in workspace.runs() if row["id"] == done.run)
    assert row["category"] == "burglary"
    assert done.result["from"] == "2016-03-01"
    assert len(acting().table(done.run, "periods")) == 17


def test_few_reports_are_an_honest_little(acting: Opener) -> None:
    result = time(acting(), "homicide", first="2016-03-01", last="2016-03-15", replicates=99).result
    assert set(result["untold"]) == {"hours", "weekdays", "season", "changes"}
    assert result["sentence"].count("can't be told") == 3


def test_months_have_no_hours_and_are_refused(months: Path) -> None:
    with pytest.raises(ResolutionError, match="the hour was asked for") as refused:
        time(Workspace(months), "burglary")
    assert "--no-hours" in str(refused.value.hint)
    with pytest.raises(ResolutionError, match="the hour was asked for"):
        time(Workspace(months), "burglary", coarse="leave_out")
    with pytest.raises(ResolutionError, match="inside a month"):
        time(Workspace(months), "burglary", hours=False, first="2017-02-15")


def test_months_have_a_season_and_changes(months: Path) -> None:
    done = time(Workspace(months), "burglary", hours=False, replicates=99)
    result = done.result
    assert set(result["untold"]) == {"weekdays"}
    assert result["season"]["months"] == 36
    assert result["changes"]["frequency"] == "1mo"
    assert "spread" not in result
    assert len(Workspace(months).table(done.run, "months")) == 36
    page = Workspace(months).page(done.run, "time.html").read_text(encoding="utf-8")
    assert "By month of the year" in page
    assert "Reports by hour of the week" not in page


@pytest.mark.parametrize(
    "setting",
    [{"level": 0}, {"level": 1.2}, {"replicates": 3}, {"longest": -1}, {"coarse": "guess"}, {"period": "x"}],
)
def test_wrong_settings_are_refused(acting: Opener, setting: dict[str, object]) -> None:
    runs = len(acting().runs())
    with pytest.raises(UsageError) as refused:
        time(acting(), "burglary", **setting)
    (value,) = setting.values()
    assert str(value) in str(refused.value)  # what was given, and not what was made of it
    assert len(acting().runs()) == runs


@pytest.mark.parametrize("role", ["commander", "public"])
def test_who_may_not_look(acting: Opener, role: str) -> None:
    with pytest.raises(RefusedError, match="look for patterns"):
        time(acting(role), "burglary")
