"""What was done of a decision, and the review that closes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from peelian.errors import RefusedError, SourceError, UsageError
from peelian.workspace.attend import attend, attend_file, dosage
from peelian.workspace.decide import decide
from peelian.workspace.forecast import load_surface
from peelian.workspace.import_ import import_records
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.review import review
from peelian.workspace.standing import find_decision, find_plan
from peelian.workspace.withdraw import withdraw

from .conftest import Opener

REASON = "the hours are there, and each place has another option too"
WHY = "the week is over, and the places were mostly attended as planned"
TODAY = datetime.now(ZoneInfo("America/Chicago")).date()


def later(**by: float) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) + timedelta(**by)


@pytest.fixture
def approved(deciding: Opener) -> str:
    return decide(deciding(), "approve", reason=REASON).run


def places(deciding: Opener) -> list[str]:
    return [place["cell"] for place in deciding().result(find_plan(deciding())["id"])["places"]]


def elsewhere(deciding: Opener) -> str:
    grid = load_surface(deciding(), deciding().latest("forecast")["id"]).grid
    whole = grid.ids[grid.area == grid.area.max()]
    return next(str(cell) for cell in whole if str(cell) not in places(deciding))


def visit(deciding: Opener, cell: str, **more: object) -> object:
    given = {"cell": cell, "on": TODAY, "attended": True, "minutes": 30.0, "means": "foot patrol", **more}
    return attend(deciding("dispatcher"), **given).result  # type: ignore[arg-type]


def test_visits_are_kept_as_a_tidy_table(either_deciding: Opener) -> None:
    deciding = either_deciding
    taken = decide(deciding(), "approve", reason=REASON).run
    one, two, *_ = places(deciding)
    other = elsewhere(deciding)
    done = attend(
        deciding("dispatcher"),
        taken,
        cell=one,
        on=str(TODAY),
        attended=True,
        minutes=45,
        means=" Foot  Patrol",
    )
    assert (done.result["rows"], done.result["minutes"], done.result["outside_the_plan"]) == (1, 45.0, 0)
    visit(deciding, two, attended=False, minutes=0.0, means="")
    visit(deciding, other, minutes=15.0, means="car", note="it was on the way")
    plan = find_plan(deciding())["id"]
    expected = pd.DataFrame(
        {
            "decision": [taken] * 3, "plan": [plan] * 3, "cell": [one, two, other], "date": [str(TODAY)] * 3,
            "attended": [True, False, True], "minutes": [45.0, 0.0, 15.0], "with": ["foot patrol", "", "car"],
            "planned": [True, True, False],
        }
    )  # fmt: skip
    pd.testing.assert_frame_equal(dosage(deciding(), taken), expected, check_dtype=False)
    stored = pd.read_parquet(deciding().folder / "runs" / done.run / "dosage.parquet")
    assert list(stored.columns) == list(expected.columns)
    assert verify_ledger(deciding("public"))["status"] == "verified"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"cell": "E0N0"}, "no place of this plan's grid"),
        ({"on": TODAY - timedelta(days=2)}, "nothing was done by this decision"),
        ({"on": TODAY + timedelta(days=1)}, "nothing was done by this decision"),
        ({"on": "yesterday"}, "expected YYYY-MM-DD"),
        ({"minutes": -3.0}, "more than 0"),
        ({"means": "J. Doe, badge 4711"}, "a kind of work"),
    ],
)
def test_visits_that_are_none(deciding: Opener, approved: str, given: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        visit(
            deciding,
            str(given.get("cell", places(deciding)[0])),
            **{k: v for k, v in given.items() if k != "cell"},
        )
    assert deciding().runs("attend") == []


def test_a_file_is_kept_as_a_whole_or_not_at_all(deciding: Opener, approved: str, tmp_path: Path) -> None:
    one, two, *_ = places(deciding)
    visit(deciding, one)
    path = tmp_path / "dosage.csv"
    head = "cell,date,attended,minutes,with\n"
    path.write_text(f"{head}{one},{TODAY},no,,\n{two},2016-01-01,yes,5,car\nE0N0,{TODAY},yes,5,car\n")
    with pytest.raises(SourceError, match="3 bad row") as no:
        attend_file(deciding("analyst"), path=path)
    for said in ("line 2: ", "attended and not to be attended", "line 3: on 2016-01-01", "line 4: 'E0N0'"):
        assert said in no.value.message
    assert len(dosage(deciding(), approved)) == 1
    path.write_text(f"{head}{one},{TODAY},yes,20,car\n{two},{TODAY},no,,\n")
    assert attend_file(deciding("analyst"), path=path).result["rows"] == 2
    assert len(dosage(deciding(), approved)) == 3
    with pytest.raises(UsageError, match="entered already, as attend-"):
        attend_file(deciding("analyst"), approved, path=path)
    path.write_text(f"officer,{head}X,{one},{TODAY},yes,20,car\n")
    with pytest.raises(SourceError, match="'officer'.*never persons"):
        attend_file(deciding("analyst"), path=path)


def test_only_what_was_approved_is_carried_out(deciding: Opener) -> None:
    decide(deciding(), "refuse", reason=REASON)
    with pytest.raises(RefusedError, match="is refused: what is done now is not done because of it"):
        visit(deciding, places(deciding)[0])


def test_what_is_not_in_force_yet_was_not_carried_out(deciding: Opener) -> None:
    decide(deciding(), "approve", reason=REASON, begins=str(TODAY + timedelta(days=3)))
    with pytest.raises(UsageError, match="never was in force"):
        visit(deciding, places(deciding)[0])


def test_who_may(deciding: Opener, approved: str) -> None:
    for role in ("overseer", "public", "steward"):
        with pytest.raises(RefusedError):
            attend(deciding(role), cell="E0N0", on=TODAY, attended=False)
    for role in ("dispatcher", "public", "steward"):
        with pytest.raises(RefusedError):
            review(deciding(role), reason=WHY)


def test_a_review_tells_what_was_planned_and_done(either_deciding: Opener) -> None:
    deciding = either_deciding
    approved = decide(deciding(), "approve", reason=REASON, dissent="the school is empty this week").run
    one, two, *rest = places(deciding)
    for cell, minutes, means in ((one, 60.0, "foot patrol"), (one, 30.0, "car"), (two, 30.0, "car")):
        visit(deciding, cell, minutes=minutes, means=means)
    visit(deciding, elsewhere(deciding), minutes=15.0)
    with pytest.raises(RefusedError, match="in force; it can be: withdraw, expire"):
        review(deciding(), reason=WHY)
    done = review(deciding("overseer", now=later(days=15)), approved, reason=WHY).result
    assert (done["before"], done["state"]) == ("expired", "reviewed")
    hours = deciding().result(find_plan(deciding())["id"])["hours_used"]
    assert done["planned"] == {"places": len(rest) + 2, "hours": hours}
    assert (done["done"]["places"], done["done"]["hours"], done["done"]["visits"]) == (2, 2.0, 3)
    assert done["done"]["share_of_hours"] == pytest.approx(2.0 / hours, abs=1e-4)
    assert done["done"]["places_not_attended"] == sorted(rest)
    assert done["done"]["outside"] == {"places": 1, "hours": 0.25}
    assert done["done"]["hours_by_means"] == {"car": 1.0, "foot patrol": 1.25}
    assert (done["looked"], done["dissents"], done["objections"]["total"]) == (None, [approved], 0)
    assert done["reports"] is None, "no record of that period is there"
    assert find_decision(deciding()).standing(datetime.now(UTC)) == "reviewed"
    for act in (lambda: review(deciding(), reason=WHY), lambda: withdraw(deciding(), reason=WHY)):
        with pytest.raises(RefusedError, match="what is reviewed stays so"):
            act()
    with pytest.raises(RefusedError, match="is reviewed"):
        visit(deciding, one)
    verify_ledger(deciding("public"))


def test_what_is_withdrawn_is_reviewed_too(deciding: Opener, approved: str) -> None:
    withdraw(deciding(), reason="the street works end this week, and the reports with them")
    done = review(deciding("analyst"), reason=WHY).result
    assert (done["before"], done["done"]["visits"], done["done"]["hours"]) == ("withdrawn", 0, 0.0)
    verify_ledger(deciding("public"))


def test_reports_since_are_told_beside_the_forecast(deciding: Opener, approved: str, tmp_path: Path) -> None:
    forecast = deciding().latest("forecast")["id"]
    period = deciding().result(forecast)["period"]
    grid = load_surface(deciding(), forecast).grid
    x, y = grid.centres()
    inside = [int(np.flatnonzero(grid.ids == cell)[0]) for cell in places(deciding)[:2]]
    outside = int(np.flatnonzero(grid.ids == elsewhere(deciding))[0])
    day = date.fromisoformat(period["start"]) + timedelta(days=1)
    rows = [(day, "Burglary", i) for i in (*inside, *inside, inside[0], inside[1], outside)]
    rows += [(day, "Theft", inside[0]), (date.fromisoformat(period["end"]), "Burglary", inside[0])]
    path = tmp_path / "since.csv"
    lines = [f"{i},{when} 10:{i % 60:02d},{kind},{x[c]},{y[c]}" for i, (when, kind, c) in enumerate(rows)]
    path.write_text("\n".join(["id,when,kind,east,north", *lines]) + "\n")
    fields = {"id": "id", "occurred_from": "when", "category": "kind", "x": "east", "y": "north"}
    assert import_records(deciding("analyst"), path, mapping=fields).result["stored"] == 9
    done = review(deciding("analyst", now=later(days=15)), reason=WHY).result["reports"]
    covered = deciding().result(find_plan(deciding())["id"])["covered"]
    assert (done["reported"], done["expected"]) == (6, covered["expected"])
    assert (done["low"], done["high"]) == (covered["low"], covered["high"])
    assert done["complete"] is True
    assert done["known_to"] == period["end"]


def test_a_small_number_of_reports_is_for_those_who_read_records(
    deciding: Opener, approved: str, tmp_path: Path
) -> None:
    forecast = deciding().latest("forecast")["id"]
    grid, period = load_surface(deciding(), forecast).grid, deciding().result(forecast)["period"]
    x, y = grid.centres()
    here = int(np.flatnonzero(grid.ids == places(deciding)[0])[0])
    path = tmp_path / "since.csv"
    path.write_text(f"when,kind,east,north\n{period['start']} 10:00,Burglary,{x[here]},{y[here]}\n")
    fields = {"occurred_from": "when", "category": "kind", "x": "east", "y": "north"}
    import_records(deciding("analyst"), path, mapping=fields)
    done = review(deciding("commander", now=later(days=15)), reason=WHY).result["reports"]
    assert (done["reported"], done["complete"]) == ("<5", False)
