"""Trials in a workspace: what decides, what is kept when somebody stops one, and what its reader must know."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from peelian.demo_data import stlouis_incidents
from peelian.errors import UsageError
from peelian.workspace import Workspace
from peelian.workspace.evidence import gather
from peelian.workspace.forecast import chosen_method, forecast, load_surface
from peelian.workspace.history import history
from peelian.workspace.import_ import import_records
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.plan import plan
from peelian.workspace.trial import Interrupted, _known_early, decides, trial

from .conftest import Opener


def set_in(folder: Path, old: str, new: str) -> None:
    config = folder / "peelian.toml"
    text = config.read_text(encoding="utf-8")
    assert old in text
    config.write_text(text.replace(old, new), encoding="utf-8")


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "cache").rglob("*.npz"))


def stopped(workspace: Workspace, **options: object) -> Interrupted:
    """Run a trial that somebody stops when half of it is done."""

    def stop(label: str, done: int, total: int) -> None:
        if total and done > total / 2:
            raise KeyboardInterrupt

    workspace.progress = stop
    with pytest.raises(Interrupted) as caught:
        trial(workspace, "burglary", jobs=1, **options)  # type: ignore[arg-type]
    return caught.value


def test_what_was_finished_is_kept_and_gone_on_from(acting: Opener) -> None:
    whole = trial(acting(), "robbery").result  # something else, so that only burglary is in the way
    before = acting().runs()
    stop = stopped(acting())
    files = kept(acting().folder)
    assert 0 < stop.kept < stop.total
    assert files
    assert acting().runs() == before, "no result was made"
    assert verify_ledger(acting())["status"] == "verified", "what is kept is part of no record"
    seen: list[tuple[int, int]] = []
    again = acting()
    again.progress = lambda label, done, total: seen.append((done, total))
    done = trial(again, "burglary")
    assert (stop.kept, stop.total) in seen[: len(files) + 2], "it began where it was stopped"
    assert kept(acting().folder) == []
    clean = trial(acting(), "burglary").result
    for result in (clean, done.result):
        for method in result["methods"]:
            del method["seconds"]
        del result["notes"], result["repeats"]
    assert done.result == clean
    assert whole["category"] == "robbery"


def test_what_was_kept_of_other_records_or_settings_is_not_taken(acting: Opener) -> None:
    stopped(acting())
    set_in(acting().folder, "gap = 0", "gap = 1")
    seen: list[int] = []
    again = acting()
    again.progress = lambda label, done, total: seen.append(done)
    trial(again, "burglary")
    assert next(n for n in seen if n) <= 26, "nothing of it was there at once"


def test_a_trial_leaves_the_environment_as_it_was(acting: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "LOKY_MAX_CPU_COUNT"
    monkeypatch.delenv(name, raising=False)
    trial(acting(), "burglary", jobs=1, origins=4)
    assert name not in os.environ
    monkeypatch.setenv(name, "2")
    trial(acting(), "burglary", jobs=1, origins=4)
    assert os.environ[name] == "2"


def test_any_executor_gives_the_same_scores(acting: Opener) -> None:
    mine = trial(acting(), "burglary", jobs=1).result["methods"]
    with ThreadPoolExecutor(2) as pool:
        theirs = trial(acting(), "burglary", executor=pool).result["methods"]
    for method in (*mine, *theirs):
        del method["seconds"]
    assert mine == theirs


@pytest.mark.parametrize(
    ("options", "decides_on_forecasts"),
    [
        ({}, True),
        ({"origins": 9}, False),
        ({"methods": ["all"]}, True),
        ({"methods": ["kernel_density"]}, True),
        ({"methods": ["prospective_hot_spots"]}, False),
        ({"origins": 7}, False),
        ({"period": "2w"}, False),
        ({"fractions": [0.02]}, False),
        ({"areas": [1.6]}, False),
        ({"first": "2016-09-01", "origins": 8}, False),
        ({"last": "2016-12-01"}, False),
    ],
)
def test_only_what_was_settled_beforehand_decides(
    acting: Opener, options: dict[str, object], decides_on_forecasts: bool
) -> None:
    """Otherwise one could try until some choice of weeks, methods or area gives the wanted verdict."""
    done = trial(acting(), "burglary", **options)  # type: ignore[arg-type]
    workspace = acting()
    assert decides(workspace.config.forecast, done.result, "1w") is decides_on_forecasts
    assert any("explores" in note for note in done.result["notes"]) is not decides_on_forecasts
    name, verdict = chosen_method(workspace, "burglary", "1w")
    if decides_on_forecasts:
        assert verdict is not None
        assert (name, verdict["trial"]) == (done.result["verdict"]["method"], done.run)
    else:
        assert (name, verdict) == ("count_map", None)


def test_of_trials_by_the_same_records_and_settings_the_first_stands(acting: Opener) -> None:
    """Not even another seed is a second chance; new records, and other settings that somebody wrote down, are."""
    first = trial(acting(), "burglary")
    again = trial(acting(), "burglary")
    assert (first.result["repeats"], again.result["repeats"]) == (None, first.run)
    for key in ("methods", "verdict", "hindsight"):
        for method in (*first.result["methods"], *again.result["methods"]):
            method.pop("seconds", None)
        assert again.result[key] == first.result[key], "the same again gives the same"
    assert any(note.startswith(f"This trial repeats {first.run}") for note in again.result["notes"])
    assert not any("explores" in note for note in again.result["notes"])
    set_in(acting().folder, "seed = 0", "seed = 1")
    other = trial(acting(), "burglary")
    assert (other.result["seed"], other.result["repeats"]) == (1, first.run)
    assert not decides(acting().config.forecast, other.result, "1w")
    standing = chosen_method(acting(), "burglary", "1w")[1]
    assert standing is not None
    assert standing["trial"] == first.run
    set_in(acting().folder, "gap = 0", "gap = 1")
    assert chosen_method(acting(), "burglary", "1w")[1] is None
    changed = trial(acting(), "burglary")
    assert changed.result["repeats"] is None
    rows = pd.read_parquet(stlouis_incidents())
    more = acting().folder.parent / "more.parquet"
    rows[rows["reported_month"].astype(str) == "2017-01"].to_parquet(more)
    import_records(acting(), more)
    assert trial(acting(), "burglary").result["repeats"] is None, "other records"


@pytest.mark.parametrize(
    ("gap", "delay", "says"),
    [
        (
            0,
            None,
            'it knew early. How much that is was not measured; gap = "measured" leaves most of it out.',
        ),
        (0, {"known": False, "share": 0.9}, "it knew early. How much that is was not measured"),
        (2, {"known": True, "share": 0.9}, "That may be up to 10 % of the last period that it learned from."),
        (0, {"known": True, "share": 0.9}, "That may be up to 10 % of the last period that it learned from."),
    ],
)
def test_that_late_reports_were_known_early_is_said(
    gap: int, delay: dict[str, Any] | None, says: str
) -> None:
    (note,) = _known_early({"gap": gap, "delay": delay})
    assert note.startswith("This trial learned from reports by the day on which things happened:")
    assert says in note
    assert _known_early({"gap": 2, "delay": None}) == [], "somebody chose the gap, and nothing is known"


def test_where_no_method_is_better_the_best_counting_is_used(acting: Opener) -> None:
    done = trial(acting(), "burglary").result
    assert any("it knew early" in note for note in done["notes"])
    assert done["verdict"]["status"] != "better", "of eight weeks nothing can be shown"
    made = forecast(acting(), "burglary").result
    counting = [m for m in done["methods"] if m["counting"]]
    best = max(counting, key=lambda m: m["scores"]["pai"]["value"])
    assert made["method"] == done["baseline"] == best["name"]
    assert made["verdict"]["counting"] == [m["name"] for m in counting]


def test_bounds_by_date_hold_and_take_what_lies_between(acting: Opener) -> None:
    found = trial(acting(), "burglary", first="2016-09-01", last="2016-12-01").result
    assert "2016-09-01" <= found["from"] < found["to"] <= "2016-12-01"
    assert found["origins"] == 12
    assert (found["asked"]["from"], found["asked"]["to"]) == ("2016-09-01", "2016-12-01")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"first": "2016-10-01", "last": "2016-10-01"}, "expected a first day before the last"),
        ({"first": "2016"}, "expected YYYY-MM-DD"),
        ({"areas": [0.01]}, "expected at least one cell of 0.0625 km2"),
        ({"areas": [1000.0]}, "at most the whole study area of 161 km2"),
        ({"areas": [1.0], "fractions": [0.01]}, "expected one of both"),
        ({"fractions": [2.0]}, "above 0 up to 1"),
    ],
)
def test_settings_that_make_no_sense(acting: Opener, options: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        trial(acting(), "burglary", **options)  # type: ignore[arg-type]
    assert [row["verb"] for row in acting().runs()] == ["init", "import"]


def test_areas_are_what_they_were_asked_for(acting: Opener) -> None:
    found = trial(acting(), "burglary", areas=[0.647497, 1.942491]).result
    assert found["areas_km2"] == [0.647497, 1.942491]
    total = float(history(acting(), "burglary", beside=False).grid.area.sum())
    assert found["verdict"]["fraction"] == pytest.approx(0.647497 / total)


def test_a_share_of_less_than_a_place_is_said_to_be_one(acting: Opener) -> None:
    found = trial(acting(), "burglary", fractions=[0.0001]).result
    assert any("0.01 % of the area is less than one place" in note for note in found["notes"])
    assert not any("less than one place" in n for n in trial(acting(), "burglary").result["notes"])


def test_the_result_says_what_methods_were_given(acting: Opener) -> None:
    done = trial(acting(), "burglary").result
    made = forecast(acting(), "burglary").result
    assert done["learned_from"] == made["learned_from"]
    assert len(done["learned_from"]["companions"]) == 12


def test_a_measured_gap_is_used_and_said(acting: Opener) -> None:
    set_in(acting().folder, "gap = 0", 'gap = "measured"')
    done = trial(acting(), "burglary").result
    made = forecast(acting(), "burglary").result
    assert done["gap"] == made["gap"]
    assert f"The gap of {done['gap']} was measured. {done['delay']['text']}" in done["notes"]
    assert made["why_this_method"].startswith("the verdict of trial-"), "the same rule, so it decides"


def test_a_forecast_says_what_made_its_highest_numbers(acting: Opener) -> None:
    run = forecast(acting(), "burglary", method="decayed_kernel_density").run
    workspace = acting()
    result, surface = workspace.result(run), load_surface(workspace, run)
    frame = surface.frame.set_index("cell")
    assert len(result["why"]) == 25
    assert [place["rank"] for place in result["why"]] == list(range(1, 26))
    for place in result["why"]:
        assert sum(place["terms"].values()) == pytest.approx(frame.loc[place["cell"], "expected"], abs=1e-5)
        assert all(part >= 0 for part in place["terms"].values())
    table = workspace.table(run, "why")
    assert table.groupby("cell")["reports"].sum().to_numpy() == pytest.approx(
        table.groupby("cell")["expected"].first().to_numpy()
    )
    assert result["why_this_method"].startswith("chosen by hand")
    json.dumps(result, allow_nan=False)


def test_a_plan_is_compared_with_the_best_counting(acting: Opener) -> None:
    best = trial(acting(), "burglary").result["baseline"]
    made = forecast(acting(), "burglary", method="kernel_density").run
    planned = plan(acting(), forecast=made)
    assert any(note.startswith(f"{best} under the same rules") for note in planned.result["notes"])
    assert gather(acting(), planned.run).trial is not None
