"""The overseer's halt: at once, in the middle of work, on either database; ended by two people only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from peelian.errors import LedgerError, RefusedError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.audit import audit
from peelian.workspace.decide import decide
from peelian.workspace.erase import erase
from peelian.workspace.forecast import forecast
from peelian.workspace.halt import halt, resume
from peelian.workspace.halts import FOLDER, HaltedError, Scope, halts, requests
from peelian.workspace.identity import TOKEN_VARIABLE
from peelian.workspace.import_ import import_records
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.people import add_person
from peelian.workspace.plan import plan
from peelian.workspace.publish import publish
from peelian.workspace.quality import quality
from peelian.workspace.retain import retain
from peelian.workspace.state import Run
from peelian.workspace.trial import trial

WHY = "the import of May counted reports twice"
FINE = "the import was done again and compared by hand"
Opener = Callable[..., Workspace]


def trial_in_a_process(folder: Path) -> subprocess.Popen[str]:
    """A trial of every method, which takes far longer than any test waits."""
    code = (
        "import sys; from peelian.workspace import Workspace; from peelian.workspace.trial import trial\n"
        "from peelian.workspace.halts import HaltedError\n"
        "told = lambda label, done, total: print('at', done, flush=True)\n"
        "try:\n"
        "    trial(Workspace(sys.argv[1], progress=told), 'burglary', origins=20, methods=['all'], jobs=1)\n"
        "except HaltedError as stop:\n"
        "    print('halted:', stop.message, flush=True); sys.exit(stop.exit_code)\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True, env=environment
    )


@pytest.fixture
def busy(city: Path) -> Iterator[subprocess.Popen[str]]:
    """A trial under way."""
    with trial_in_a_process(city) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("at ")
        yield process
        process.kill()


def test_a_running_trial_is_stopped(city: Path, busy: subprocess.Popen[str]) -> None:
    overseer = Workspace(city, role="overseer")
    done = halt(overseer, "category", "Burglary", reason=WHY)  # waits until the trial has let go
    assert busy.wait(timeout=60) == RefusedError.exit_code
    assert busy.stdout is not None
    assert f"halted: the category Burglary was halted on {done.result['since'][:10]}" in busy.stdout.read()
    assert [row["verb"] for row in overseer.runs()][-1] == "halt"  # nothing of the trial was kept as a result
    assert verify_ledger(overseer)["status"] == "verified"
    with pytest.raises(HaltedError, match=WHY):
        trial(Workspace(city), "burglary", origins=2)
    assert trial(Workspace(city), "robbery", origins=4, methods=["kernel_density"]).run


def test_a_halt_works_before_it_is_in_the_ledger(city: Path, busy: subprocess.Popen[str]) -> None:
    """Whoever halts may die at once: the request stands, and whoever comes next writes it down."""
    code = (
        "import sys; from peelian.workspace import Workspace; from peelian.workspace.halt import halt\n"
        "halt(Workspace(sys.argv[1], role='overseer'), 'system', reason=sys.argv[2])"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(city), WHY]) as asking:
        deadline = time.monotonic() + 60
        while not requests(city) and time.monotonic() < deadline:
            time.sleep(0.01)
        asking.kill()
    assert busy.wait(timeout=60) == RefusedError.exit_code
    with pytest.raises(HaltedError, match="the whole system was halted"):
        forecast(Workspace(city), "robbery")
    assert [one["run"] for one in halts(Workspace(city))] in ([None], ["halt-0003"])
    with Workspace(city, role="steward").writing():
        pass
    assert [one["run"] for one in halts(Workspace(city))] == ["halt-0003"]
    assert not list((city / FOLDER).glob("*"))
    last = entries(Workspace(city), last=1)[0]
    assert (last["kind"], last["actor"], last["details"]["halted"]) == ("halt", "overseer", "system")


def test_a_running_import_is_stopped_and_leaves_nothing(city: Path, one_year: Path) -> None:
    before = Workspace(city)
    stored, version = before.store.table().count().execute(), before.data_version
    asked: list[str] = []

    def meanwhile(label: str, done: int, total: int) -> None:
        if label == "importing" and not asked:  # another process asks while the first rows are read
            asked.append(label)
            code = (
                "import sys; from peelian.workspace import Workspace; from peelian.workspace.halt import halt\n"
                "halt(Workspace(sys.argv[1], role='overseer'), 'source', 'slmpd', reason=sys.argv[2])"
            )
            subprocess.Popen([sys.executable, "-c", code, str(city), WHY])
            deadline = time.monotonic() + 60
            while not requests(city) and time.monotonic() < deadline:
                time.sleep(0.01)

    with pytest.raises(HaltedError, match="the source slmpd was halted"):
        import_records(Workspace(city, progress=meanwhile), one_year)
    after = Workspace(city)
    assert (after.store.table().count().execute(), after.data_version) == (stored, version)
    deadline = time.monotonic() + 60
    while Workspace(city).runs("halt") == [] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert verify_ledger(Workspace(city))["status"] == "verified"
    with pytest.raises(HaltedError, match="the source slmpd"):
        import_records(Workspace(city), one_year)
    with pytest.raises(HaltedError, match="the source slmpd"):  # and nothing is computed from it
        forecast(Workspace(city), "burglary")


def test_what_waits_for_its_turn_does_not_begin(city: Path) -> None:
    """Work that was queued behind other work is refused when its turn comes."""
    code = (
        "import sys; from peelian.workspace import Workspace; from peelian.workspace.forecast import forecast\n"
        "from peelian.workspace.halts import HaltedError\n"
        "told = lambda label, done, total: print(label, flush=True)\n"
        "try:\n"
        "    forecast(Workspace(sys.argv[1], progress=told), 'burglary')\n"
        "except HaltedError: print('halted', flush=True)\n"
    )
    with Workspace(city).writing():
        queued = subprocess.Popen([sys.executable, "-c", code, str(city)], stdout=subprocess.PIPE, text=True)
        assert queued.stdout is not None
        assert "waiting for another process" in queued.stdout.readline()
        request = {
            "asked": "x",
            "kind": "system",
            "label": "",
            "reason": WHY,
            "role": "overseer",
            "person": None,
        }
        (city / FOLDER).mkdir()
        (city / FOLDER / "x.json").write_text(json.dumps({**request, "at": "2026-01-01T00:00:00Z"}))
    assert queued.communicate(timeout=60)[0].split() == ["halted"]
    assert [row["verb"] for row in Workspace(city).runs()] == ["init", "import", "halt"]


@pytest.fixture
def tokens(either_acting: Opener, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    found = {"steward": add_person(either_acting("steward"), "S", roles=["steward"]).result["token"]}
    steward = either_acting("steward", token=found["steward"])
    for name, roles in (
        ("overseer", ["overseer", "commander"]),
        ("second", ["overseer"]),
        ("commander", ["commander"]),
        ("analyst", ["analyst"]),
    ):
        found[name] = add_person(steward, name, roles=roles).result["token"]
    return found


def test_two_people_in_two_roles_end_a_halt(either_acting: Opener, tokens: dict[str, str]) -> None:
    overseer = either_acting("overseer", token=tokens["overseer"])
    run = halt(overseer, "system", reason=WHY).run
    with pytest.raises(RefusedError, match="no policy permits the role analyst"):
        resume(either_acting("analyst", token=tokens["analyst"]), run, reason=FINE)
    with pytest.raises(UsageError, match="halted now: halt-"):
        resume(overseer, "halt-9999", reason=FINE)
    assert not resume(overseer, run, reason=FINE).result["ended"]
    with pytest.raises(RefusedError, match="not-the-same-person"):
        resume(either_acting("commander", token=tokens["overseer"]), run, reason=FINE)
    with pytest.raises(RefusedError, match="not-the-same-role"):
        resume(either_acting("overseer", token=tokens["second"]), run, reason=FINE)
    assert halts(overseer)[0]["resumed_by"]
    with pytest.raises(HaltedError):
        forecast(either_acting("analyst", token=tokens["analyst"]), "burglary")
    done = resume(either_acting("commander", token=tokens["commander"]), run, reason=FINE).result
    assert done["ended"]
    assert halts(overseer) == []
    assert forecast(either_acting("analyst", token=tokens["analyst"]), "burglary").run
    assert verify_ledger(overseer)["status"] == "verified"


def test_where_roles_are_claimed_nobody_can_say_that_there_are_two(acting: Opener) -> None:
    run = halt(acting("overseer"), "method", "kernel_density", reason=WHY).run
    with pytest.raises(RefusedError, match="people-who-can-be-told-apart") as no:
        resume(acting("commander"), run, reason=FINE)
    assert "peelian people add" in str(no.value.hint)


def test_a_halted_method_is_neither_tried_nor_used(acting: Opener) -> None:
    made = forecast(acting(), "burglary", method="kernel_density").run
    halt(acting("overseer"), "method", "kernel_density", reason=WHY)
    with pytest.raises(HaltedError, match="the method kernel_density was halted"):
        trial(acting(), "burglary", origins=2, methods=["kernel_density"])
    with pytest.raises(HaltedError):
        forecast(acting(), "burglary", method="kernel_density")
    with pytest.raises(HaltedError):
        plan(acting(), forecast=made)
    assert plan(acting(), forecast=forecast(acting(), "burglary", method="count_map").run).run


@pytest.mark.parametrize("role", ["analyst", "commander", "dispatcher", "public", "steward"])
def test_only_the_overseer_halts(acting: Opener, role: str) -> None:
    with pytest.raises(RefusedError, match=f"the role {role} may not halt"):
        halt(acting(role), "system", reason=WHY)
    assert not requests(acting().folder)


def test_what_can_not_be_halted_is_said(acting: Opener) -> None:
    overseer = acting("overseer")
    with pytest.raises(UsageError, match="letters|characters of words"):
        halt(overseer, "system", reason="no")
    with pytest.raises(UsageError, match="expected one method, source or category"):
        halt(overseer, "category", " ", reason=WHY)
    with pytest.raises(UsageError, match="expected one method, source or category"):
        halt(overseer, "system", "burglary", reason=WHY)
    with pytest.raises(UsageError, match="magic"):
        halt(overseer, "method", "magic", reason=WHY)
    halt(overseer, "category", "burglary", reason=WHY)
    with pytest.raises(UsageError, match="the category burglary was halted on"):
        halt(overseer, "category", "Burglary ", reason=WHY)


def test_a_scope_is_touched_by_what_it_names_only() -> None:
    scope = Scope(category="Burglary", sources=("slmpd",), methods=("count_map", "stack"))
    for kind, label in (("system", ""), ("category", "burglary"), ("source", "SLMPD"), ("method", "stack")):
        assert scope.touched_by({"kind": kind, "label": label})
        assert Scope().touched_by({"kind": kind, "label": label}) == (kind == "system")
    for kind, label in (("category", "robbery"), ("source", "chicago"), ("method", "boosted_counts")):
        assert not scope.touched_by({"kind": kind, "label": label})


def asked_by_hand(folder: Path, name: str, text: str) -> None:
    (folder / FOLDER).mkdir(exist_ok=True)
    (folder / FOLDER / name).write_text(text)


@pytest.mark.parametrize(
    "text", ['{"asked":', "", "\0\0", '{"asked": "q"}', "[]", '{"asked": 1, "kind": "x"}']
)
def test_a_request_that_can_not_be_read_halts_everything(acting: Opener, text: str) -> None:
    folder = acting().folder
    asked_by_hand(folder, "x.json", text)
    assert verify_ledger(acting("public"))["status"] == "verified"
    with pytest.raises(HaltedError, match="a request that can't be read lies in halting/x.json"):
        quality(acting())
    with acting("steward").writing():
        pass
    assert [one["run"] for one in halts(acting())] == ["halt-0003"]
    assert not list((folder / FOLDER).iterdir())


def test_a_request_that_nobody_signed_halts_in_nobody_s_name(acting: Opener) -> None:
    request = {
        "asked": "x",
        "kind": "category",
        "label": "burglary",
        "reason": WHY,
        "role": "overseer",
        "person": "p-1",
    }
    asked_by_hand(acting().folder, "x.json", json.dumps({**request, "at": "2026-01-01T00:00:00Z"}))
    with pytest.raises(HaltedError, match="by somebody who did not prove to be the overseer"):
        forecast(acting(), "burglary")
    last = entries(acting(), last=1)[0]
    assert (last["actor"], last["details"]["proven"]) == ("public", False)
    assert "who" not in last["details"]


def test_a_halt_is_not_undone_in_the_state(acting: Opener) -> None:
    run = halt(acting("overseer"), "category", "burglary", reason=WHY).run
    with acting().state.begin() as connection:
        connection.execute(delete(Run).where(Run.id == run))
    with pytest.raises(LedgerError, match="the state has 2 acts and the ledger 3"):
        quality(acting())
    with pytest.raises(LedgerError, match=f"{run} is in the ledger, but not in the state"):
        verify_ledger(acting())


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("verb", ["import", "quality", "forecast", "plan", "trial", "publish"])
def test_work_is_stopped_until_the_moment_it_is_kept(
    acting: Opener, one_year: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """The halt comes after the last time that the work told how far it is."""
    work: dict[str, Callable[[], object]] = {
        "import": lambda: import_records(acting(), one_year),
        "quality": lambda: quality(acting()),
        "forecast": lambda: forecast(acting(), "burglary"),
        "plan": lambda: plan(acting()),
        "trial": lambda: trial(acting(), "burglary", origins=2, methods=["kernel_density"], jobs=1),
        "publish": lambda: publish(acting()),
    }
    if verb in ("plan", "publish"):
        forecast(acting(), "burglary")
    if verb == "publish":
        made = plan(acting()).run
        audit(acting())
        decide(
            acting("commander"),
            "approve",
            plan=made,
            reason="the places are few and the burden is close to even",
        )
    before = [row["id"] for row in acting().runs()]
    honest = Workspace.commit

    def late(self: Workspace, run: str, *args: object, **more: object) -> object:
        if run.startswith(verb):
            request = {
                "asked": "x",
                "kind": "system",
                "label": "",
                "reason": WHY,
                "role": "overseer",
                "person": None,
            }
            asked_by_hand(self.folder, "x.json", json.dumps({**request, "at": "2026-01-01T00:00:00Z"}))
        return honest(self, run, *args, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Workspace, "commit", late)
        with pytest.raises(HaltedError, match="the work was stopped, and nothing half-done was kept"):
            work[verb]()
    assert [row["id"] for row in acting().runs()] == before
    with acting("overseer").writing():
        pass
    assert verify_ledger(acting("overseer"))["status"] == "verified"
    assert {path.name for path in (acting().folder / "runs").iterdir()} == {
        row["id"] for row in acting().runs()
    }


def test_a_halt_stops_what_destroys_too(acting: Opener) -> None:
    halt(acting("overseer"), "system", reason=WHY)
    with pytest.raises(HaltedError):
        retain(acting("steward"))
    with pytest.raises(HaltedError):
        erase(acting("steward"), ["any"], reason="an order of the court of that day")


def test_what_a_workspace_did_before_is_not_what_it_does_now(acting: Opener) -> None:
    """One open workspace does several things; a halt of what the first was about is none of what comes next."""
    analyst = acting()
    trial(analyst, "burglary", origins=2, methods=["kernel_density"], jobs=1)
    halt(acting("overseer"), "method", "kernel_density", reason=WHY)
    assert forecast(analyst, "robbery", method="count_map").run
    halt(acting("overseer"), "category", "robbery", reason=WHY)
    assert quality(analyst).run
