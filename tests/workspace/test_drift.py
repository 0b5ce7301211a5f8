"""A method that wins its trial, falls behind counting when the reports move, is suspended, and lifted by a person."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from peelian.errors import LedgerError, NotEnoughDataError, RefusedError, UsageError
from peelian.trials.drift import State, Watch, cusum
from peelian.workspace import Workspace
from peelian.workspace.audit import audit
from peelian.workspace.chain import Pair, chain_of
from peelian.workspace.decide import decide
from peelian.workspace.drift import _differences, _measured, _scores, _text, _too_few, drift
from peelian.workspace.forecast import chosen_method, forecast
from peelian.workspace.history import history
from peelian.workspace.import_ import import_records
from peelian.workspace.init import init
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.plan import plan
from peelian.workspace.publish import publish
from peelian.workspace.status import status
from peelian.workspace.suspend import lift, suspend
from peelian.workspace.suspension import suspension_of, suspensions
from peelian.workspace.trial import trial

from .conftest import Opener

CELL = 150.0
TRIED = 44
"""Weeks that the trial knows: a wide heap of reports, of which a smooth map knows more than counts do."""
MAPPING = {"occurred_from": "ts", "x": "x", "y": "y", "category": "kind"}
WHY = "The reports moved with the new shopping street, which the map has learned by now."


def weeks(first: int, last: int, *, seed: int = 0, kind: str = "Burglary") -> pd.DataFrame:
    """Reports of weeks ``[first, last)``, each week the same whichever others are made: a heap, then twenty points."""
    hot = 500_000 + CELL * (4 * np.arange(5) + 10.5)
    frames = []
    for week in range(first, last):
        rng = np.random.default_rng([seed, week])
        if week < TRIED:
            place = rng.normal([503_000, 503_000], 800, (60, 2))
        else:
            place = np.column_stack([hot[rng.integers(5, size=60)], hot[rng.integers(4, size=60)]])
        day = np.datetime64("2022-01-03T12:00") + np.sort(7 * week + rng.integers(7, size=60)).astype("m8[D]")
        x, y = np.clip(place, 500_000, 506_000).round(1).T
        frames.append(pd.DataFrame({"ts": day.astype(str), "x": x, "y": y + 3_500_000, "kind": kind}))
    return pd.concat(frames)


@dataclass(frozen=True)
class World:
    """A workspace that the test may change."""

    folder: Path

    def acting(self, role: str = "analyst") -> Workspace:
        return Workspace(self.folder, role=role)

    def add(self, frame: pd.DataFrame) -> None:
        path = self.folder.parent / f"{len(list(self.folder.parent.glob('*.csv')))}.csv"
        frame.to_csv(path, index=False)
        import_records(self.acting(), path, mapping=MAPPING)

    def drift(self) -> dict[str, Any]:
        return drift(self.acting(), "burglary").to_dict()


Copier = Callable[[str], World]


def made(folder: Path, **forecast_settings: Any) -> World:
    settings = {"origins": 30, "fractions": [0.05], "methods": ["kernel_density"], **forecast_settings}
    init(folder, crs="EPSG:26915", cell=CELL, zone="America/Chicago", sections={"forecast": settings})
    return World(folder)


@pytest.fixture(scope="session")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial that the kernel density won."""
    world = made(tmp_path_factory.mktemp("tried") / "city")
    world.add(weeks(0, TRIED))
    assert trial(world.acting(), "burglary", jobs=1).result["verdict"]["method"] == "kernel_density"
    world.acting().state.close()
    return world.folder


@pytest.fixture(scope="session")
def alarmed(tried: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, after eight weeks in which the reports lay elsewhere; before the alarm, a plan was made."""
    world = World(Path(shutil.copytree(tried, tmp_path_factory.mktemp("alarmed") / "city")))
    world.add(weeks(TRIED, TRIED + 8))
    assert forecast(world.acting(), "burglary").result["method"] == "kernel_density"
    assert world.drift()["status"] == "alarm"
    return world.folder


@pytest.fixture
def fresh(tried: Path, alarmed: Path, tmp_path: Path) -> Copier:
    known = {"tried": tried, "alarmed": alarmed}
    return lambda name: World(
        Path(shutil.copytree(known[name], tmp_path / f"{name}{len(list(tmp_path.iterdir()))}" / "c"))
    )


# --- watching -----------------------------------------------------------------------------------------------


def test_without_a_new_week_there_is_nothing_to_score(fresh: Copier) -> None:
    world = fresh("tried")
    before = len(world.acting().runs())
    found = world.drift()
    assert (found["run"], found["status"], found["since"]) == ("", "no new period", "2022-11-07")
    assert len(world.acting().runs()) == before


def test_counting_itself_is_not_watched(acting: Opener) -> None:
    found = drift(acting(), "burglary").result
    assert found["status"] == "nothing to watch"
    assert "count_map; no trial with these settings yet" in found["text"]


def test_a_verdict_for_counting_leaves_nothing_to_watch(tmp_path: Path) -> None:
    world = made(tmp_path / "city", origins=4)
    world.add(weeks(TRIED, TRIED + 10))
    done = trial(world.acting(), "burglary", jobs=1)
    assert done.result["verdict"]["status"] != "better"
    told = world.drift()
    assert (told["run"], told["status"]) == ("", "nothing to watch")
    assert f"{done.result['verdict']['method']}; the verdict of {done.run}" in told["text"]


def test_a_method_that_falls_behind_is_suspended(fresh: Copier) -> None:
    world = fresh("alarmed")
    (row,) = world.acting().runs("drift")
    found = world.acting().result(row["id"])
    scores = world.acting().table(row["id"], "scores")
    assert found["periods"] == len(found["path"]) == len(scores) == 8
    assert (found["from"], found["to"], found["baseline"]) == ("2022-11-07", "2023-01-02", "decayed_counts")
    over = next(i for i, value in enumerate(found["path"]) if value > found["limit"])
    assert found["alarm"]["start"] == scores["start"][over]
    assert found["alarm"]["behind"] < 0
    assert "suspended until a person lifts that" in found["text"]
    # The sum by hand, from the stored differences.
    watch, value = found["watch"], 0.0
    assert watch["mean"] == 0
    for difference, told in zip(scores["difference"], found["path"], strict=True):
        value = max(0.0, value - difference / watch["sd"] - watch["allowance"])
        assert told == pytest.approx(value, abs=1e-12)
    # Hits and areas as the trial reckons them: PAI is the share of reports over the share of the area.
    assert np.allclose(scores["counting_pai"], scores["counting_hits"] / scores["reported"] / 0.05, rtol=0.05)
    page = world.acting().page(row["id"], "drift.html").read_text()
    assert "Kernel density has fallen behind counting, and is suspended" in page
    entry = entries(world.acting())[-1]
    assert (entry["kind"], entry["subject"], entry["details"]["status"]) == (
        "drift",
        "kernel_density",
        "alarm",
    )
    assert verify_ledger(world.acting())["status"] == "verified"


def test_week_by_week_gives_the_path_of_all_at_once(fresh: Copier, alarmed: Path) -> None:
    world = fresh("tried")
    paths, sums = [], []
    for first, last in ((0, 1), (1, 4), (4, 8)):
        world.add(weeks(TRIED + first, TRIED + last))
        found = world.drift()
        assert found["periods"] == last - first
        assert len(found["continues"]) == len(sums)
        paths += found["path"]
        sums.append(found["state"])
    whole = Workspace(alarmed)
    at_once = whole.result(whole.runs("drift")[0]["id"])
    assert paths == at_once["path"]
    assert sums[-1] == at_once["state"]
    page = world.acting().page(world.acting().runs("drift")[-1]["id"], "drift.html").read_text()
    assert "on 8 periods so far, 4 of which are new" in page
    assert world.drift()["status"] == "no new period"
    assert "stays suspended" in world.drift()["text"]


def test_what_comes_later_changes_nothing_of_the_weeks_before(fresh: Copier, alarmed: Path) -> None:
    world = fresh("tried")
    world.add(pd.concat([weeks(TRIED, TRIED + 5), weeks(TRIED + 5, TRIED + 8, seed=9).assign(x=500_100.0)]))
    whole = Workspace(alarmed)
    assert world.drift()["path"][:5] == whole.result(whole.runs("drift")[0]["id"])["path"][:5]


def test_after_an_alarm_it_is_watched_on_without_a_second_one(fresh: Copier) -> None:
    world = fresh("alarmed")
    world.add(weeks(TRIED + 8, TRIED + 9))
    found = world.drift()
    assert (found["status"], found["alarm"]) == ("suspended", None)
    assert "stays suspended" in found["text"]
    assert found["path"][0] > found["start"]["value"], "it is still behind, and that can be seen"
    standing = suspension_of(world.acting(), "burglary")
    assert standing is not None
    assert standing["runs"] == [world.acting().runs("drift")[0]["id"]]


def test_weeks_without_a_report_change_nothing(fresh: Copier) -> None:
    world = fresh("tried")
    world.add(weeks(TRIED, TRIED + 3, kind="Robbery"))
    found = world.drift()
    assert (found["status"], found["path"], found["state"]["value"]) == ("level", [0.0] * 3, 0.0)
    page = world.acting().page(found["run"], "drift.html").read_text()
    assert page.count("no report</td>") == 9


def test_the_places_are_those_of_the_trial_though_the_city_has_grown(fresh: Copier, alarmed: Path) -> None:
    world = fresh("tried")
    far = weeks(TRIED, TRIED + 8, seed=3, kind="Robbery").assign(x=515_000.0)
    world.add(pd.concat([weeks(TRIED, TRIED + 8), far]))
    found = world.drift()
    known = world.acting().result(found["trial"])["origin"]["grid"]
    assert found["origin"]["grid"] == known
    assert world.acting().grid.to_dict() != known
    whole = Workspace(alarmed)
    assert found["path"] == whole.result(whole.runs("drift")[0]["id"])["path"]


def test_a_week_is_scored_when_its_late_reports_are_in(tmp_path: Path) -> None:
    world = made(tmp_path / "city", gap=2)
    world.add(weeks(0, TRIED))
    assert trial(world.acting(), "burglary", jobs=1).result["verdict"]["method"] == "kernel_density"
    world.add(weeks(TRIED, TRIED + 2))
    assert world.drift()["status"] == "no new period"
    world.add(weeks(TRIED + 2, TRIED + 5))
    found = world.drift()
    assert (found["periods"], found["gap"], found["to"]) == (3, 2, "2022-11-28")


PAIR = Pair("a", "b", "1w", 0.01, 0)


def scores(n: int, *, apart: int) -> pd.DataFrame:
    """Two methods over `n` weeks of ten reports; in `apart` of them they hold another number."""
    rows = [(m, i, 0.01, 10, 1 + (m == "a" and i < apart) * (1 + i % 3)) for m in "ab" for i in range(n)]
    frame = pd.DataFrame(rows, columns=["method", "origin", "fraction", "events", "hits"])
    return frame.assign(area_share=0.01, origin=pd.to_datetime(7 * frame["origin"], unit="D"))


@pytest.mark.parametrize(("n", "apart"), [(10, 10), (40, 9)])
def test_a_trial_of_too_little_can_t_be_watched_by(n: int, apart: int) -> None:
    with pytest.raises(NotEnoughDataError):
        _measured(scores(n, apart=apart), PAIR, "trial-1")
    assert _too_few(scores(n, apart=apart), PAIR, "trial-1") == (
        f"it held another number of reports than counting in {apart} of the {n} weeks with reports that trial-1 tried, "
        "at 1 % of the area; it takes 10 of 20 or more to tell by how much scores scatter."
    )
    found = _measured(scores(40, apart=10), PAIR, "trial-1")
    assert found.report == pytest.approx(1 / (10 * 0.01)), "ten reports a week at 1 % of the area"
    assert found.watch.sd > 0


def test_what_can_t_be_watched_is_said_and_no_fault(tmp_path: Path) -> None:
    world = made(tmp_path / "city", origins=19)
    world.add(weeks(0, TRIED))
    tried = trial(world.acting(), "burglary", jobs=1).result["verdict"]
    assert tried["method"] == "kernel_density", "else this shows nothing"
    world.add(weeks(TRIED, TRIED + 2))
    before = world.acting().runs()
    found = world.drift()
    assert (found["run"], found["status"], found["alarm"]) == ("", "unwatchable", None)
    assert "of the 19 weeks with reports that trial-0003 tried" in found["text"]
    assert "such as 4w or 1mo" in found["text"]
    assert world.acting().runs() == before


def test_differences_weigh_a_week_by_its_reports() -> None:
    day = pd.Timestamp("2024-01-01")
    rows = [("a", day, 0.01, 10, 4, 0.02), ("b", day, 0.01, 10, 1, 0.01), ("a", day, 0.05, 10, 9, 0.05),
            ("c", day, 0.01, 10, 10, 0.01)]  # fmt: skip
    later = [day + pd.Timedelta(days=7 * i) for i in (1, 2)]
    rows += [(m, later[0], 0.01, 0, 0, 0.01) for m in "ab"]
    rows += [("a", later[1], 0.01, 1, 1, 0.01), ("b", later[1], 0.01, 1, 0, 0.01)]
    frame = pd.DataFrame(rows, columns=["method", "origin", "fraction", "events", "hits", "area_share"])
    found = _differences(frame, PAIR, 12.5)
    assert found["start"].tolist() == ["2024-01-01", "2024-01-08", "2024-01-15"]
    assert found["pai"][0] == pytest.approx(20)
    assert found["difference"][0] == pytest.approx(3 * 12.5)
    assert math.isnan(found["difference"][1])
    assert found["difference"][2] == pytest.approx(12.5), "a week of one report, though its PAI is 100"


def test_weeks_that_could_not_be_scored_are_counted(fresh: Copier) -> None:
    world = fresh("tried")
    reference = _measured(scores(40, apart=20), PAIR, "trial-1")
    counts = history(world.acting(), "burglary")
    late = replace(counts, matrix=counts.matrix.tocsc().copy())
    late.matrix.data[: late.matrix.indptr[3]] = 0  # nothing was reported in the first three weeks
    late.matrix.eliminate_zeros()
    pair = Pair("kernel_density", "decayed_counts", "1w", 0.05, 0)
    told, left_out = _scores(world.acting(), late, pair, str(counts.periods.edges[1]), reference, None)
    assert len(told) + left_out == len(counts.periods) - 1
    assert left_out >= 2
    quiet = cusum(np.zeros(2), Watch(0.0, 1.0, 0.25, 6.0, 261.0), start=State())
    assert f"Of the new weeks {left_out} could not be scored" in _text(quiet, None, "1w", None, left_out)
    assert "could not be scored" not in _text(quiet, None, "1w", None, 0)


# --- trials in between ------------------------------------------------------------------------------------------


def test_a_new_trial_does_not_start_the_sum_anew(fresh: Copier, alarmed: Path) -> None:
    """Else whoever runs trials could keep an alarm from ever being given."""
    at_once = Workspace(alarmed)
    whole = at_once.result(at_once.runs("drift")[0]["id"])
    world = fresh("tried")
    world.add(weeks(TRIED, TRIED + 1))
    again = trial(world.acting(), "burglary", jobs=1)
    assert chosen_method(world.acting(), "burglary", "1w")[1]["trial"] == again.run, "else this shows nothing"
    first = world.drift()
    assert (first["trial"], first["periods"]) == (again.run, 1)
    world.add(weeks(TRIED + 1, TRIED + 8))
    second = world.drift()
    assert [*first["path"], *second["path"]] == whole["path"]
    assert second["alarm"] == whole["alarm"]
    for found in (first, second):
        assert found["watched_by"] == world.acting().runs("trial")[0]["id"], "one scale from end to end"
        assert found["watch"] == whole["watch"]


class Book:
    """Runs as a workspace keeps them, to think through what comes after what."""

    def __init__(self, *runs: tuple[str, dict[str, Any]]) -> None:
        self.stored = {f"{verb}-{i}": (verb, found) for i, (verb, found) in enumerate(runs)}
        forecast = SimpleNamespace(gap=0, origins=52, fractions=[0.01], methods=["all"])
        self.config = SimpleNamespace(forecast=forecast)

    def runs(self) -> list[dict[str, Any]]:
        return [{"id": i, "verb": v, "category": "burglary"} for i, (v, _) in self.stored.items()]

    def result(self, run: str) -> dict[str, Any]:
        return self.stored[run][1]


def speaks(to: str, method: str = "a", **asked: Any) -> tuple[str, dict[str, Any]]:
    settings = {"gap": 0, "origins": 52, "from": None, "to": None, "fractions": [0.01], "methods": ["all"]}
    verdict = {"method": method, "fraction": 0.01}
    return "trial", {"asked": settings | asked, "period": "1w", "to": to, "verdict": verdict}


def watched(to: str, value: float, *, method: str = "a", baseline: str = "b", alarm: bool = False) -> Any:
    told = {"method": method, "baseline": baseline, "period": "1w", "fraction": 0.01, "gap": 0, "to": to}
    return "drift", {**told, "state": {"value": value}, "alarm": {} if alarm else None}


LIFTED: tuple[str, dict[str, Any]] = ("lift", {})


def stands(*runs: tuple[str, dict[str, Any]], baseline: str = "b") -> Any:
    return chain_of(Book(*runs), "Burglary ", Pair("a", baseline, "1w", 0.01, 0))  # type: ignore[arg-type]


def test_the_sum_goes_on_over_trials_of_the_same_method() -> None:
    before = speaks("2024-01-01"), watched("2024-01-15", 3.0)
    for between in ([], [speaks("2024-02-05")], [speaks("2024-02-05", "b"), speaks("2024-02-12")]):
        found = stands(*before, *between)
        assert (found.since, found.state.value, found.runs) == ("2024-01-15", 3.0, ["drift-1"])
        assert found.trials[0] == "trial-0"
    exploring = stands(speaks("2023-01-02", origins=104), *before)
    assert exploring.trials == ["trial-1"]


def test_beside_another_way_of_counting_it_begins_where_the_method_came_into_use() -> None:
    """And not at 0 today: nothing is forgotten either way."""
    runs = speaks("2024-01-01"), watched("2024-01-15", 3.0), speaks("2024-02-05")
    other = stands(*runs, baseline="c")
    assert (other.since, other.state.value, other.runs) == ("2024-01-01", 0.0, [])
    back = stands(*runs, watched("2024-02-05", 1.0, baseline="c"))
    assert (back.since, back.state.value, back.runs) == ("2024-01-15", 3.0, ["drift-1"])


def test_another_method_has_a_sum_of_its_own() -> None:
    found = stands(speaks("2023-01-02", "z"), watched("2024-01-15", 5.0, method="z"), speaks("2024-01-01"))
    assert (found.since, found.state.value, found.runs) == ("2024-01-01", 0.0, [])


def test_a_lift_starts_anew_beside_any_way_of_counting() -> None:
    runs = speaks("2024-01-01"), watched("2024-01-15", 9.0, alarm=True), speaks("2024-02-05")
    assert stands(*runs).alarmed == "drift-1"
    assert stands(*runs, baseline="c").alarmed == "drift-1", "one alarm is enough"
    for baseline in "bc":
        found = stands(*runs, LIFTED, baseline=baseline)
        assert (found.since, found.state.value, found.runs) == ("2024-01-15", 0.0, [])
        assert (found.alarmed, found.trials) == (None, ["trial-2"])


# --- what a suspension does -----------------------------------------------------------------------------------


def test_forecasts_count_until_it_is_lifted(fresh: Copier) -> None:
    world = fresh("alarmed")
    run = world.acting().runs("drift")[0]["id"]
    found = forecast(world.acting(), "burglary").result
    assert found["method"] == "decayed_counts", "the best of counting, by the trial"
    assert found["why_this_method"].startswith("kernel_density was suspended on ")
    assert found["suspension"]["run"] == run
    assert found["verdict"]["method"] == "kernel_density"
    page = world.acting().page(world.acting().runs("forecast")[-1]["id"], "forecast.html").read_text()
    assert (
        f"({run}), as it had fallen behind counting since its test. Until a person lifts that, we count."
        in page
    )
    assert "is what is used" not in page
    assert forecast(world.acting(), "burglary", method="count_map").result["method"] == "count_map"
    for name in ("kernel_density", "kernel_mixture"):
        for category in ("burglary", " Burglary "):
            with pytest.raises(RefusedError, match="suspended-until-lifted") as no:
                forecast(world.acting(), category, method=name)
            assert no.value.exit_code == 3


def test_plans_from_an_earlier_forecast_are_refused(fresh: Copier) -> None:
    world = fresh("alarmed")
    with pytest.raises(RefusedError, match="suspended-until-lifted"):
        plan(world.acting())
    forecast(world.acting(), "burglary")
    with pytest.raises(RefusedError, match="suspended-until-lifted"):
        plan(world.acting(), forecast=world.acting().runs("forecast")[0]["id"])
    assert plan(world.acting()).result["method"] == "decayed_counts"


def test_status_and_ledger_tell(fresh: Copier) -> None:
    world = fresh("alarmed")
    (told,) = status(world.acting("public"))["suspended"]
    assert (told["category"], told["method"], told["by_hand"]) == ("burglary", "kernel_density", False)
    assert "reason" not in told
    stored = world.folder / "runs" / told["run"] / "result.json"
    stored.write_text(stored.read_text().replace('"status":"alarm"', '"status":"level"'))
    with pytest.raises(LedgerError, match=told["run"]):
        verify_ledger(world.acting())


def test_a_new_trial_does_not_lift_it(fresh: Copier) -> None:
    world = fresh("alarmed")
    done = trial(world.acting(), "burglary", jobs=1)
    assert suspension_of(world.acting(), "burglary") is not None
    found = forecast(world.acting(), "burglary").result
    assert found["verdict"]["trial"] == done.run
    assert found["method"] in found["verdict"]["counting"]


# --- lifting ----------------------------------------------------------------------------------------------------


def test_a_person_lifts_it_and_the_watch_starts_anew(fresh: Copier) -> None:
    world = fresh("alarmed")
    with pytest.raises(RefusedError, match="who-tries-does-not-lift") as no:
        lift(world.acting(), "burglary", reason=WHY)
    assert no.value.exit_code == 3
    with pytest.raises(RefusedError, match="a-person-decides"):
        lift(world.acting("commander"), "burglary", reason=WHY, automated=True)
    with pytest.raises(UsageError, match="reason"):
        lift(world.acting("commander"), "burglary", reason="ok")
    for role in ("dispatcher", "public", "steward"):
        with pytest.raises(RefusedError):
            lift(world.acting(role), "burglary", reason=WHY)
    assert suspension_of(world.acting(), "burglary") is not None, "nothing of this changed anything"
    done = lift(world.acting("commander"), "Burglary", reason=WHY)
    assert done.result["lifted"]["run"] == world.acting().runs("drift")[0]["id"]
    assert suspensions(world.acting()) == []
    found = forecast(world.acting(), "burglary").result
    assert (found["method"], found["suspension"]) == ("kernel_density", None)
    before = chain_of(
        world.acting(), "burglary", Pair("kernel_density", "decayed_counts", "1w", 0.05, found["gap"])
    )
    assert (before.since, before.state.value, before.runs) == ("2023-01-02", 0.0, [])
    world.add(weeks(TRIED + 8, TRIED + 9))
    again = world.drift()
    assert (again["from"], again["start"]["value"], again["continues"]) == ("2023-01-02", 0.0, [])
    with pytest.raises(UsageError, match="nothing is suspended"):
        lift(world.acting("overseer"), "robbery", reason=WHY)
    assert verify_ledger(world.acting())["status"] == "verified"
    (lifted,) = [entry for entry in entries(world.acting()) if entry["kind"] == "lift"]
    assert (lifted["actor"], lifted["details"]["method"]) == ("commander", "kernel_density")
    assert WHY not in json.dumps(entries(world.acting())), (
        "the ledger has the hash of the reason, not its words"
    )


def test_an_overseer_s_hold_beside_an_alarm_is_the_overseer_s(fresh: Copier) -> None:
    world = fresh("alarmed")
    alarm = world.acting().runs("drift")[0]["id"]
    held = suspend(
        world.acting("overseer"), "burglary", reason="The board asked for a look at the whole year."
    )
    standing = suspension_of(world.acting(), "burglary")
    assert standing is not None
    assert (standing["run"], standing["runs"]) == (alarm, [alarm, held.run])
    assert (standing["alarmed"], standing["overseer"], standing["by_hand"]) == (True, True, False)
    with pytest.raises(UsageError, match="by the overseer already"):
        suspend(world.acting("overseer"), "burglary", reason=WHY)
    with pytest.raises(RefusedError, match="the-overseer-s-hold"):
        lift(world.acting("commander"), "burglary", reason=WHY)
    lift(world.acting("overseer"), "burglary", reason=WHY)
    assert suspension_of(world.acting(), "burglary") is None


# --- by hand, on real records -----------------------------------------------------------------------------------


def test_a_person_suspends_what_is_in_use(acting: Opener) -> None:
    with pytest.raises(UsageError, match="forecast by counting"):
        suspend(acting("overseer"), "burglary", reason=WHY)
    with pytest.raises(RefusedError, match="may not suspend"):
        suspend(acting(), "burglary", reason=WHY)
    forecast(acting(), "burglary", method="kernel_density")
    with pytest.raises(UsageError, match="reason"):
        suspend(acting("overseer"), "burglary", reason="")
    done = suspend(acting("overseer"), "burglary", reason=WHY)
    assert (done.result["method"], done.result["trial"]) == ("kernel_density", None)
    with pytest.raises(RefusedError, match="suspended-until-lifted"):
        forecast(acting(), "burglary", method="kernel_density")
    assert forecast(acting(), "burglary").result["method"] == "count_map"
    assert suspension_of(acting(), "robbery") is None
    with pytest.raises(RefusedError, match="who-tries-does-not-lift"):
        lift(acting(), "burglary", reason=WHY)
    lift(acting("overseer"), "burglary", reason=WHY)
    assert forecast(acting(), "burglary", method="kernel_density").result["suspension"] is None
    assert verify_ledger(acting())["status"] == "verified"


@pytest.mark.usefixtures("unchecked")
def test_pages_tell_that_the_method_was_suspended_since(acting: Opener) -> None:
    forecast(acting(), "burglary", method="kernel_density")
    first = plan(acting()).run
    audit(acting())
    decide(acting("commander"), "approve", reason="The hours are there, and the places make sense to us.")
    second = plan(acting()).run
    audit(acting())
    publish(acting("commander"), plan=first)
    public = acting().folder / "public" / "index.html"
    assert "suspended" not in public.read_text()
    done = suspend(acting("commander"), "burglary", reason=WHY)
    with pytest.raises(RefusedError, match="suspended-until-lifted"):
        decide(
            acting("commander"),
            "approve",
            plan=second,
            reason="The hours are there, and the places make sense.",
        )
    refused = decide(
        acting("commander"), "refuse", plan=second, reason="Its method was suspended in the meantime."
    )
    shown = acting().page(refused.run, "shown.html").read_text()
    publish(acting("commander"), plan=first)
    for page in (shown, public.read_text()):
        assert "This method (kernel density) is no longer used. The commander suspended it on " in page
        assert done.run in page
        assert WHY not in page
    assert "We can&#39;t say: the method was suspended" in public.read_text()
    assert verify_ledger(acting())["status"] == "verified"
