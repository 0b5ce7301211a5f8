"""Breaking the glass: for one person, some actions and some hours; told to the overseer, marked, and reviewed."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peelian.charter import ACTIONS
from peelian.errors import RefusedError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.emergencies import covering, emergencies, owes_review, said
from peelian.workspace.emergency import (
    FINDINGS,
    begin_emergency,
    end_emergency,
    opened_actions,
    review_emergency,
)
from peelian.workspace.identity import TOKEN_VARIABLE
from peelian.workspace.import_ import import_records
from peelian.workspace.init import init
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.people import add_person
from peelian.workspace.status import status

WHY = "the only analyst is ill and the plan of the night is missing"
LOOKED = "the log of the night shows nothing but the one plan that was announced"
START = datetime(2030, 3, 4, 20, tzinfo=UTC)
PLAN = {"kind": "plan", "author_role": "analyst", "state": "proposed", "burden_measured": True}
PEOPLE = {
    "ana": ["analyst"],
    "carl": ["commander", "dispatcher"],
    "otto": ["overseer", "dispatcher"],
    "olga": ["overseer"],
    "dana": ["dispatcher"],
    "dino": ["dispatcher"],
}
PROHIBITED = ("person", "person_score", "face", "gait", "plate", "biometric_category", "watch_list")


class City:
    """A workspace with people, and a clock."""

    def __init__(self, folder: Path, tokens: dict[str, str]) -> None:
        self.folder, self.tokens, self.at = folder, tokens, START

    def __call__(self, who: str, role: str | None = None) -> Workspace:
        return Workspace(
            self.folder, token=self.tokens[who], role=role or PEOPLE[who][0], now=lambda: self.at
        )

    def pass_hours(self, hours: float) -> None:
        self.at += timedelta(hours=hours)

    def begun(self, who: str = "dana", role: str | None = None, **more: Any) -> str:
        given = {"to": ["forecast", "plan", "import"], "hours": 4.0, "reason": WHY, **more}
        return begin_emergency(self(who, role), **given).run

    def reviewed(self, emergency: str, who: str = "olga", **more: Any) -> dict[str, Any]:
        return review_emergency(
            self(who), emergency, **{"finding": "justified", "reason": LOOKED, **more}
        ).result

    def state(self, emergency: str) -> str:
        return next(one["state"] for one in emergencies(self("ana")) if one["run"] == emergency)

    def rows(self) -> Path:
        path = self.folder.parent / "rows.csv"
        path.write_text("when,x,y,kind\n2029-12-01 10:00,500000,4280000,burglary\n", encoding="utf-8")
        return path

    def imports(self, workspace: Workspace) -> str:
        mapping = {"occurred_from": "when", "x": "x", "y": "y", "category": "kind"}
        return import_records(workspace, self.rows(), mapping=mapping).run


def staffed_city(folder: Path, **sections: Any) -> City:
    init(folder, crs="EPSG:26915", zone="America/Chicago", sections=sections)
    tokens = {
        "stella": add_person(Workspace(folder, role="steward"), "stella", roles=["steward"]).result["token"]
    }
    for who, roles in PEOPLE.items():
        steward = Workspace(folder, token=tokens["stella"])
        tokens[who] = add_person(steward, who, roles=roles).result["token"]
    return City(folder, tokens)


@pytest.fixture(scope="module")
def staffed(tmp_path_factory: pytest.TempPathFactory) -> City:
    return staffed_city(tmp_path_factory.mktemp("staffed") / "city")


@pytest.fixture
def city(staffed: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> City:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    return City(Path(shutil.copytree(staffed.folder, tmp_path / "city")), staffed.tokens)


# --- the whole course


def test_the_glass_is_broken_told_marked_over_and_reviewed(
    state_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    city = staffed_city(tmp_path / "city", state={"url": state_url})
    with pytest.raises(RefusedError, match="no policy permits the role dispatcher to import"):
        city.imports(city("dana"))
    emergency = city.begun()
    city.pass_hours(1)
    run = city.imports(city("dana"))
    [told] = emergencies(city("olga"))
    assert (told["run"], told["role"], told["state"]) == (emergency, "dispatcher", "standing")
    assert (told["until"], told["actions"], told["reason"]) == (
        "2030-03-05T00:00:00Z",
        ["forecast", "plan", "import"],
        WHY,
    )
    assert told["made_under"] == [run]
    marked = {one["id"]: one["details"].get("emergency") for one in entries(city("ana"))}
    assert marked[run] == emergency
    assert sum(mark is not None for mark in marked.values()) == 1
    city.pass_hours(3)
    assert city.state(emergency) == "unreviewed", "it ends by itself"
    with pytest.raises(RefusedError, match="no policy permits the role dispatcher to import"):
        city.imports(city("dana"))
    found = city.reviewed(emergency)
    assert found["made_under"] == [run]
    assert city.state(emergency) == "reviewed"
    assert emergencies(city("ana"))[0]["review"] == {
        "run": emergencies(city("ana"))[0]["review"]["run"],
        "role": "overseer",
        "at": "2030-03-05T00:00:00Z",
        "finding": "justified",
        "reason": LOOKED,
    }
    verify_ledger(city("ana"))


# --- who, what and for how long


def test_only_people_who_are_known_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    init(tmp_path / "city", crs="EPSG:26915")
    with pytest.raises(RefusedError, match="people-who-can-be-told-apart"):
        begin_emergency(Workspace(tmp_path / "city", role="dispatcher"), to=["plan"], hours=1, reason=WHY)


def test_no_program_and_no_overseer_and_no_steward_may(city: City) -> None:
    with pytest.raises(RefusedError, match="a-person-decides"):
        city.begun(automated=True)
    with pytest.raises(RefusedError, match="may not announce an emergency"):
        city.begun("olga")
    steward = Workspace(city.folder, token=city.tokens["stella"], now=lambda: city.at)
    with pytest.raises(RefusedError, match="steward-runs-the-system-only"):
        begin_emergency(steward, to=["plan"], hours=1, reason=WHY)


@pytest.mark.parametrize("hours", [0, -1, 24.01, 1000, float("nan"), float("inf")])
def test_the_time_is_limited(city: City, hours: float) -> None:
    with pytest.raises(UsageError, match="more than 0 and at most 24"):
        city.begun(hours=hours)
    assert emergencies(city("ana")) == []


def test_the_limit_is_the_agency_s_to_lower(city: City) -> None:
    path = city.folder / "peelian.toml"
    path.write_text(path.read_text().replace("max_hours = 24\n", "max_hours = 2.5\n"))
    with pytest.raises(UsageError, match=r"at most 2\.5"):
        city.begun(hours=3)
    assert city.begun(hours=2.5)


def test_what_it_opens_is_named_and_nothing_else_is_opened(city: City) -> None:
    with pytest.raises(
        UsageError, match="erase was given; an emergency opens to the dispatcher: import, quality"
    ):
        city.begun(to=["erase", "plan"])
    with pytest.raises(UsageError, match="no action was given"):
        city.begun(to=[" "])
    assert "read_records" not in opened_actions(city("dana")), "a dispatcher may that anyway"
    assert opened_actions(city("ana")) == ["suspend", "decide", "withdraw"]
    assert opened_actions(city("olga"))
    city.begun(to=["plan"])
    assert city("dana").guard.answer("plan", {}, {}).policies == ("in-an-emergency",)
    assert not city("dana").guard.answer("forecast", {}, {}).allowed


def test_it_is_one_person_s_in_one_role(city: City) -> None:
    emergency = city.begun()
    assert covering(city("dana"), "plan") == emergency
    assert not city("dino").guard.answer("plan", {}, {}).allowed, "another dispatcher"
    assert not city("otto", "dispatcher").guard.answer("plan", {}, {}).allowed
    assert not Workspace(city.folder, role="public").guard.answer("plan", {}, {}).allowed
    other = city.begun("carl", "dispatcher")
    assert other != emergency
    assert not city("carl", "commander").guard.answer("plan", {}, {}).allowed, (
        "the same person in another role"
    )


def test_who_asks_can_t_say_that_there_is_an_emergency(city: City) -> None:
    with pytest.raises(RefusedError, match="no policy permits"):
        city("dana").require("plan", {"kind": "plan"}, {"emergency": True})
    emergency = city.begun("carl", "commander", to=["plan"])
    city.pass_hours(5)
    mine = {**PLAN, "unreviewed_emergency": False}
    with pytest.raises(RefusedError, match="emergencies-are-reviewed"):
        city("carl").require("decide", mine, {"choice": "approve"})
    assert city.state(emergency) == "unreviewed"


def test_one_at_a_time_in_whichever_role(city: City) -> None:
    emergency = city.begun("carl", "dispatcher")
    for role in ("dispatcher", "commander"):
        with pytest.raises(RefusedError, match=f"{emergency} of yours stands"):
            city.begun("carl", role, to=["plan"])


# --- the overseer is told


def test_the_overseer_is_told_at_once_and_until_it_is_reviewed(city: City) -> None:
    emergency = city.begun()
    notice = city.folder / "notices" / f"{emergency}.txt"
    text = notice.read_text()
    assert WHY in text
    assert "one dispatcher may forecast, plan, import until 2030-03-05 at 00:00 UTC" in text
    assert city.tokens["dana"] not in text
    assert "dana" not in text
    [line] = status(city("olga"))["emergencies"]
    assert (line["run"], line["state"], line["text"]) == (
        emergency,
        "standing",
        said(emergencies(city("ana"))[0]),
    )
    notice.unlink()
    city.imports(city("ana"))
    assert notice.read_text() == text, "who removes it finds it again"
    city.pass_hours(5)
    city.reviewed(emergency)
    notice.unlink()
    add_person(Workspace(city.folder, token=city.tokens["stella"]), "a new one", roles=["analyst"])
    assert not notice.exists()
    assert status(city("olga"))["emergencies"] == []


# --- it ends


def test_work_under_way_stops_when_it_is_over(city: City) -> None:
    emergency = city.begun()
    working = city("dana")
    working.require("import", {"kind": "records"})
    working.guard.stop_if_halted()
    city.pass_hours(4)
    with pytest.raises(RefusedError, match=f"{emergency}, under which this was done, is over") as no:
        working.guard.stop_if_halted()
    assert "peelian emergency review" in str(no.value.hint)


@pytest.mark.parametrize("early", [False, True])
def test_what_is_finished_after_it_is_over_is_not_kept(city: City, early: bool) -> None:
    emergency = city.begun()
    opened = city("dana")
    before = [row["id"] for row in opened.runs()]
    commit = opened.commit

    def later(*given: Any, **more: Any) -> Any:
        if early:
            opened.state.close()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Workspace, "writing", lambda self: _none())  # the same process holds it
                end_emergency(city("olga"), emergency)
        else:
            city.pass_hours(4)
        return commit(*given, **more)

    opened.commit = later  # type: ignore[method-assign]
    with pytest.raises(RefusedError, match="is over"):
        city.imports(opened)
    made = [row["verb"] for row in city("ana").runs() if row["id"] not in before]
    assert made == (["emergency"] if early else [])
    assert emergencies(city("ana"))[0]["made_under"] == []
    with pytest.raises(RefusedError, match="may not import"):
        city.imports(city("dana"))
    verify_ledger(city("ana"))


def _none() -> Any:
    from contextlib import nullcontext

    return nullcontext()


def test_ending_it_early_does_not_skip_the_review(city: City) -> None:
    with pytest.raises(UsageError, match="no emergency of yours stands"):
        end_emergency(city("dana"))
    emergency = city.begun()
    with pytest.raises(RefusedError, match="may not review an emergency"):
        end_emergency(city("dino"), emergency)
    done = end_emergency(city("dana"))
    assert done.result["emergency"] == emergency
    assert city.state(emergency) == "unreviewed"
    assert not city("dana").guard.answer("plan", {}, {}).allowed
    for who in ("dana", "dino"):
        with pytest.raises(RefusedError, match="emergencies-are-reviewed"):
            city.begun(who)
    with pytest.raises(UsageError, match="is over: it is unreviewed"):
        end_emergency(city("dana"), emergency)
    city.reviewed(emergency)
    assert city.begun("dino")


def test_the_overseer_can_end_it(city: City) -> None:
    emergency = city.begun()
    end_emergency(city("olga"), emergency)
    assert not city("dana").guard.answer("plan", {}, {}).allowed
    with pytest.raises(UsageError, match="known: emergency-"):
        end_emergency(city("olga"), "emergency-9999")


# --- the review


def test_nobody_reviews_their_own(city: City) -> None:
    emergency = city.begun("otto", "dispatcher")
    city.pass_hours(5)
    with pytest.raises(RefusedError, match="not-the-same-person"):
        city.reviewed(emergency, "otto")
    with pytest.raises(RefusedError, match="may not review an emergency"):
        city.reviewed(emergency, "ana")
    with pytest.raises(RefusedError, match="a-person-decides"):
        city.reviewed(emergency, automated=True)
    assert city.state(emergency) == "unreviewed"
    assert city.reviewed(emergency, "olga", finding="exceeded")["finding"] == "exceeded"


def test_it_is_reviewed_when_it_is_over_and_once(city: City) -> None:
    emergency = city.begun()
    with pytest.raises(UsageError, match="is standing until 2030-03-05T00:00:00Z"):
        city.reviewed(emergency)
    city.pass_hours(5)
    with pytest.raises(UsageError, match="'fine' was given as the finding; expected one of justified"):
        city.reviewed(emergency, finding="fine")
    with pytest.raises(UsageError, match="reason given is 'ok'"):
        city.reviewed(emergency, reason="ok")
    for finding in FINDINGS[:1]:
        city.reviewed(emergency, finding=finding)
    with pytest.raises(UsageError, match="is reviewed already"):
        city.reviewed(emergency)


def test_until_it_is_reviewed_the_role_decides_and_publishes_nothing(city: City) -> None:
    emergency = city.begun("carl", "commander", to=["plan"])
    assert not owes_review(city("carl"))
    city("carl").require("decide", PLAN, {"choice": "approve"})
    city.pass_hours(5)
    published = {**PLAN, "state": "approved"}
    for action, about in (("decide", PLAN), ("publish", published)):
        with pytest.raises(RefusedError, match="emergencies-are-reviewed") as no:
            city("carl").require(action, about, {"choice": "approve"} if action == "decide" else {})
        assert "peelian emergency review" in str(no.value.hint)
    city("carl").require("decide", PLAN, {"choice": "refuse"})
    city("ana").require("publish", published)  # another person in another role
    with pytest.raises(RefusedError, match="emergencies-are-reviewed"):
        city.begun("carl", "dispatcher")  # the same person in another role
    city.reviewed(emergency, finding="unjustified")
    city("carl").require("decide", PLAN, {"choice": "approve"})


# --- the hard rules hold


@pytest.fixture(scope="module")
def urgent(staffed: City, tmp_path_factory: pytest.TempPathFactory) -> City:
    """Every emergency that there can be at once."""
    city = City(
        Path(shutil.copytree(staffed.folder, tmp_path_factory.mktemp("urgent") / "city")), staffed.tokens
    )
    for who in ("ana", "carl", "dana"):
        city.begun(who, to=opened_actions(city(who)))
    return city


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(who=st.sampled_from(["ana", "carl", "dana"]), action=st.sampled_from(ACTIONS), data=st.data())
def test_no_hard_rule_gives_way_in_an_emergency(
    urgent: City, who: str, action: str, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from(PROHIBITED))
    workspace = urgent(who)
    answer = workspace.guard.answer(action, {**PLAN, "kind": kind}, {})
    assert not answer.allowed
    assert "prohibited use" in answer.reason
    own = {**PLAN, "author_role": workspace.role}
    assert "four-eyes" in workspace.guard.answer("decide", own, {}).policies
    unmeasured = {**PLAN, "burden_measured": False}
    assert "burden-before-approval" in workspace.guard.answer("decide", unmeasured, {}).policies
    assert "publish-after-decision" in workspace.guard.answer("publish", PLAN, {}).policies
    learned = {"officer_initiated": True}
    assert "officer-activity-left-out" in workspace.guard.answer("forecast", learned, {}).policies
    automated = data.draw(st.sampled_from(["decide", "publish", "withdraw"]))
    assert "a-person-decides" in workspace.guard.answer(automated, PLAN, {"automated": True}).policies


OPENS = {"import", "quality", "forecast", "trial", "drift", "plan", "audit", "decide", "publish"}
OPENS |= {"read_records", "attend", "withdraw", "suspend"}


@pytest.mark.parametrize("who", ["ana", "carl", "dana"])
def test_an_emergency_opens_only_what_the_rules_say(urgent: City, who: str) -> None:
    workspace = urgent(who)
    opened = opened_actions(workspace)
    assert set(opened) <= OPENS
    for action in ACTIONS:
        about = {
            **PLAN,
            "author_role": "overseer",
            "state": "approved" if action == "publish" else "proposed",
        }
        answer = workspace.guard.answer(action, about, {})
        assert (answer.policies == ("in-an-emergency",)) == (action in opened)
        assert (covering(workspace, action) is not None) == (action in opened)
