"""Who decides on what, and what is published of it."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from peelian.errors import LedgerError, NotEnoughDataError, PeelianError, RefusedError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.audit import audit
from peelian.workspace.decide import decide
from peelian.workspace.forecast import forecast
from peelian.workspace.import_ import import_records
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.plan import plan
from peelian.workspace.policies import ask
from peelian.workspace.publish import publish
from peelian.workspace.state import DecisionRow
from peelian.workspace.thresholds import set_threshold
from peelian.workspace.trial import trial

from .conftest import Opener

REASON = "the hours are there, and each place has another option too"


# What is decided on is the burden; what the checks of an audit find is in test_audit_checks.py.
pytestmark = pytest.mark.usefixtures("unchecked")


def become(city: Path, made: Path) -> str:
    """Let a test's workspace be a copy of one that was made before; the run of its plan."""
    shutil.rmtree(city)
    shutil.copytree(made, city)
    return str(Workspace(city).latest("plan")["id"])


@pytest.fixture
def planned(city: Path, with_plan: Path) -> str:
    """A plan whose burden has not been measured yet."""
    return become(city, with_plan)


@pytest.fixture
def decidable(city: Path, audited: Path) -> str:
    """A plan that can be decided on."""
    return become(city, audited)


def test_no_approval_before_the_burden_is_measured(acting: Opener, planned: str) -> None:
    for action in ("approve", "amend"):
        with pytest.raises(RefusedError, match="burden"):
            decide(acting("commander"), action, reason=REASON, remove=["x"] if action == "amend" else ())
    assert decide(acting("commander"), "refuse", reason=REASON).result["decision"]["state"] == "refused"


def test_whoever_made_it_can_t_decide_on_it(acting: Opener, decidable: str) -> None:
    for role in ("analyst", "steward", "overseer", "public", "dispatcher"):
        with pytest.raises(RefusedError):
            decide(acting(role), "approve", reason=REASON)
    assert acting().state.rows(DecisionRow) == []


def test_an_approval_keeps_what_was_shown(acting: Opener, decidable: str) -> None:
    done = decide(acting("commander"), "approve", plan=decidable, reason=REASON)
    decision = done.result["decision"]
    assert (decision["state"], decision["role"], decision["reason"]) == ("approved", "commander", REASON)
    shown = acting().page(done.run, "shown.html").read_bytes()
    from hashlib import sha256

    assert decision["shown"] == {"shown.html": sha256(shown).hexdigest()}
    assert acting().latest("plan")["state"] == "approved"
    with pytest.raises(RefusedError, match="proposed"):
        decide(acting("commander"), "refuse", plan=decidable, reason=REASON)


@pytest.mark.parametrize("reason", ["", "   ", "ok", "......................", "aaaaaaaaaaaaaaaaaaaaaaaaaaa"])
def test_a_reason_is_words(acting: Opener, decidable: str, reason: str) -> None:
    with pytest.raises(UsageError, match="reason"):
        decide(acting("commander"), "approve", reason=reason)
    assert acting().latest("plan")["state"] == "proposed"


def test_a_script_can_t_decide_outside_a_demonstration(acting: Opener, decidable: str) -> None:
    with pytest.raises(RefusedError, match="person"):
        decide(acting("commander"), "approve", reason=REASON, automated=True)


def test_an_amended_plan_is_measured_again(acting: Opener, decidable: str) -> None:
    before = acting().result(decidable)
    gone = before["places"][0]["cell"]
    done = decide(acting("commander"), "amend", reason=REASON, remove=[gone]).result
    cells = [place["cell"] for place in done["plan"]["places"]]
    assert gone not in cells
    assert len(cells) == len(before["places"]) - 1
    assert done["audit"]["hours"]["plan"] == pytest.approx(before["hours_used"] - 2.0)
    assert acting().latest("plan")["state"] == "amended"
    publish(acting())
    assert gone not in (acting().folder / "public" / "index.html").read_text()


def test_what_is_shown_of_an_amendment_is_the_amended_plan(acting: Opener, decidable: str) -> None:
    gone = acting().result(decidable)["places"][0]["cell"]
    done = decide(acting("commander"), "amend", reason=REASON, remove=[gone])
    shown = acting().page(done.run, "shown.html").read_text()
    ratio = next(f for f in done.result["audit"]["findings"] if f["id"] == "exposure_ratio/plan/Black")[
        "value"
    ]
    assert f"{ratio:.2f}" in shown


def test_a_plan_beyond_the_limit_can_be_refused_or_amended_only(acting: Opener) -> None:
    forecast(acting(), "burglary")
    set_threshold(acting("overseer"), "exposure_ratio", 1.0, by="the board", reason=REASON)
    planned = plan(acting()).run
    assert audit(acting()).result["passes"] is False
    with pytest.raises(RefusedError, match="limit"):
        decide(acting("commander"), "approve", reason=REASON)
    with pytest.raises(RefusedError, match="limit"):
        decide(
            acting("commander"),
            "amend",
            reason=REASON,
            remove=[acting().result(planned)["places"][0]["cell"]],
        )
    assert decide(acting("commander"), "refuse", reason=REASON).result["decision"]["state"] == "refused"


def test_a_plan_from_before_a_threshold_is_not_approved(acting: Opener, decidable: str) -> None:
    set_threshold(acting("overseer"), "exposure_ratio", 9.0, by="the board", reason=REASON)
    found = audit(acting()).result
    assert found["passes"] is None
    assert "doesn't count here" in found["notes"][0]
    with pytest.raises(RefusedError, match="before a threshold") as caught:
        decide(acting("commander"), "approve", reason=REASON)
    assert "peelian plan" in str(caught.value.hint)
    assert decide(acting("commander"), "refuse", reason=REASON).result["decision"]["subject"] == decidable


def test_an_import_in_the_meantime_doesn_t_stop_a_decision(
    acting: Opener, decidable: str, tmp_path: Path
) -> None:
    def weekly(name: str) -> None:
        path = tmp_path / f"{name}.csv"
        path.write_text(f"when,kind,east,north\n2016-12-30 10:0{name},Burglary,740000,4280000\n")
        fields = {"occurred_from": "when", "category": "kind", "x": "east", "y": "north"}
        assert import_records(acting(), path, mapping=fields).result["stored"] == 1

    weekly("1")
    decide(acting("commander"), "approve", reason=REASON)
    weekly("2")
    publish(acting())
    verify_ledger(acting())


def test_an_amendment_to_an_unknown_place_changes_nothing(acting: Opener, decidable: str) -> None:
    with pytest.raises(UsageError, match="E0N0"):
        decide(acting("commander"), "amend", reason=REASON, add=["E0N0"])
    assert acting().latest("plan")["state"] == "proposed"


def test_nothing_is_published_without_an_approval(acting: Opener, decidable: str) -> None:
    with pytest.raises(RefusedError):
        publish(acting())
    decide(acting("commander"), "refuse", reason=REASON)
    with pytest.raises(RefusedError):
        publish(acting())
    assert not list((acting().folder / "public").iterdir())


def test_what_is_published_carries_the_decision_and_hides_small_numbers(
    acting: Opener, decidable: str
) -> None:
    decide(acting("commander"), "approve", reason=REASON)
    done = publish(acting())
    page = (acting().folder / "public" / "index.html").read_text()
    assert REASON in page
    table = (acting().folder / "public" / "reported-incidents.csv").read_text().splitlines()[1:]
    numbers = [line.rpartition(",")[2].strip('"') for line in table]
    shown = [int(n) for n in numbers if n.isdigit()]
    assert len(shown) > 20
    assert all(n == 0 or n >= 5 for n in shown)
    assert len(shown) < len(numbers), "a city with 88 areas has some with few reports"
    assert done.result["public"].keys() >= {"index.html", "reported-incidents.csv"}
    verify_ledger(acting("public"))
    index = acting().folder / "public" / "index.html"
    index.write_text(page.replace("St. Louis", "Elsewhere").replace("burglary", "no"))
    with pytest.raises(LedgerError, match=r"public/index\.html is not what"):
        verify_ledger(acting("public"))


def test_an_approval_that_ran_out_is_not_published(acting: Opener, decidable: str) -> None:
    decide(acting("commander"), "approve", reason=REASON)
    late = Workspace(acting().folder, now=lambda: datetime.now(UTC) + timedelta(days=15))
    with pytest.raises(RefusedError):
        publish(late)


def test_records_that_changed_since_the_plan_stop_an_amendment(
    acting: Opener, decidable: str, tmp_path: object
) -> None:
    extra = acting().folder / "extra.csv"
    extra.write_text("when,kind,east,north\n2016-12-30 10:00,Burglary,740000,4280000\n")
    fields = {"occurred_from": "when", "category": "kind", "x": "east", "y": "north"}
    assert import_records(acting(), extra, mapping=fields).result["stored"] == 1
    cell = acting().result(decidable)["places"][0]["cell"]
    with pytest.raises(PeelianError, match="records have changed"):
        decide(acting("commander"), "amend", reason=REASON, remove=[cell])


def test_officers_own_activity_is_not_learned_from(acting: Opener) -> None:
    for use in (forecast, trial):
        with pytest.raises(RefusedError, match="rule 6"):
            use(acting(), "prostitution")


def test_the_verdict_decides_the_method(acting: Opener) -> None:
    found = trial(acting(), "theft").result["verdict"]
    assert found["status"] in ("better", "no better", "worse")
    assert forecast(acting(), "theft").result["method"] == found["method"]
    by_hand = forecast(acting(), "theft", method="kernel_density").result
    assert by_hand["method"] == "kernel_density"
    assert ("by hand" in by_hand["why_this_method"]) == (found["method"] != "kernel_density")


def test_results_are_the_same_again(acting: Opener) -> None:
    first, second = forecast(acting(), "burglary"), forecast(acting(), "burglary")
    assert json.dumps(first.result) == json.dumps(second.result)


def test_without_areas_burden_is_said_to_be_unmeasured(
    tmp_path: object, acting: Opener, one_year: object
) -> None:
    from peelian.workspace.init import init

    folder = acting().folder.parent / "bare"
    init(folder, crs="EPSG:26915", zone="America/Chicago")
    import_records(Workspace(folder), one_year)  # type: ignore[arg-type]
    forecast(Workspace(folder), "burglary")
    plan(Workspace(folder))
    found = audit(Workspace(folder)).result
    assert found["measured"] is False
    assert "residents" in found["why_not"]
    with pytest.raises(RefusedError, match="burden"):
        decide(Workspace(folder, role="commander"), "approve", reason=REASON)
    assert (
        decide(Workspace(folder, role="commander"), "refuse", reason=REASON).result["decision"]["state"]
        == "refused"
    )


def test_steward_runs_the_system_and_sees_no_result(acting: Opener, one_year: object) -> None:
    import_records(acting("steward"), one_year)  # type: ignore[arg-type]
    with pytest.raises(RefusedError):
        forecast(acting("steward"), "burglary")


def test_a_category_that_is_not_there(acting: Opener) -> None:
    with pytest.raises(PeelianError) as caught:
        forecast(acting(), "burglry")
    assert "burglary" in str(caught.value)


def test_an_empty_workspace_says_to_import(tmp_path: object, acting: Opener) -> None:
    from peelian.workspace.init import init

    folder = acting().folder.parent / "empty"
    init(folder, crs="EPSG:26915")
    with pytest.raises(NotEnoughDataError) as caught:
        forecast(Workspace(folder), "burglary")
    assert "peelian import" in str(caught.value.hint)


def test_who_may_decide_is_asked_about_the_latest_plan(city: Path, planned: str) -> None:
    commander, analyst = Workspace(city, role="commander"), Workspace(city, role="analyst")
    before = ask(commander, "decide")
    assert (before.allowed, before.policies) == (False, ("burden-before-approval",))
    audit(analyst)
    after = ask(commander, "decide")
    assert after.allowed
    assert f"asked about {planned}" in after.reason
    assert "four-eyes" in ask(analyst, "decide").policies
    assert ask(commander, "publish").policies == ("publish-after-decision",)
    decide(commander, "approve", reason=REASON)
    assert ask(commander, "publish").allowed
    assert ask(commander, "decide").policies == ("only-what-is-proposed",)


def test_without_a_plan_it_is_said_that_it_depends_on_one(acting: Opener) -> None:
    assert "there is no plan yet" in ask(acting("commander"), "decide").reason
