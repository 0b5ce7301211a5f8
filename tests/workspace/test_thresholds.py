"""Thresholds are set before a result is seen; the ledger's order says what was before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from peelian.audits.thresholds import MEASURES
from peelian.errors import RefusedError, UsageError
from peelian.workspace.audit import audit
from peelian.workspace.forecast import forecast
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.plan import plan
from peelian.workspace.replay import replay
from peelian.workspace.thresholds import lift_threshold, set_threshold, thresholds, thresholds_for

from ..cli.conftest import run
from .conftest import Opener

REASON = "a quarter more is what the council's resolution of May allows"
RATIO = "exposure_ratio"

# One measure is enough to tell what holds; thresholds of the checks of an audit are in test_audit_checks.py.
pytestmark = pytest.mark.usefixtures("unchecked")


def bounded(acting: Opener, value: float) -> str:
    return set_threshold(acting("overseer"), RATIO, value, by="the council", reason=REASON).run


def test_what_is_set_stands_and_is_in_the_ledger(acting: Opener) -> None:
    assert thresholds(acting()) == []
    first = bounded(acting, 1.25)
    second = bounded(acting, 1.5)
    (row,) = thresholds(acting("public"))
    assert (row["run"], row["value"], row["set_by"]) == (second, 1.5, "the council")
    assert row["reason"] == REASON
    assert first != second
    assert {first, second} <= {row["id"] for row in acting().runs("threshold")}
    verify_ledger(acting("public"))
    lift_threshold(acting("overseer"), RATIO, reason=REASON)
    assert thresholds(acting()) == []


def test_it_holds_for_what_is_made_after_it(acting: Opener) -> None:
    forecast(acting(), "burglary")
    bounded(acting, 1.25)
    planned = plan(acting()).run
    bounded(acting, 9.0)
    held = thresholds_for(acting(), "plan", source=planned)
    assert held.thresholds[RATIO].value == 1.25
    assert "9" in held.set_late[0]
    found = audit(acting())
    finding = next(f for f in found.result["findings"] if f["id"] == "exposure_ratio/plan/Black")
    assert finding["threshold"]["value"] == 1.25
    assert finding["passes"] is (1 / 1.25 <= finding["value"] <= 1.25)
    assert "the council" in finding["sentence"]
    assert replay(acting(), found.run).result["same"]


def test_what_was_lifted_too_late_still_counts(acting: Opener) -> None:
    forecast(acting(), "burglary")
    bounded(acting, 1.25)
    planned = plan(acting()).run
    lift_threshold(acting("overseer"), RATIO, reason=REASON)
    held = thresholds_for(acting(), "plan", source=planned)
    assert held.thresholds[RATIO].value == 1.25
    assert "still counts" in held.notes[0]
    assert thresholds_for(acting(), "plan").thresholds == {}


def test_where_no_run_is_audited_the_first_audit_decides(acting: Opener) -> None:
    forecast(acting(), "burglary")
    run = plan(acting()).run
    audit(acting())
    bounded(acting, 2.0)
    assert thresholds_for(acting(), "plan", verb="audit", subject=run).thresholds == {}
    assert RATIO in thresholds_for(acting(), "plan", verb="audit", subject="another").thresholds
    assert thresholds_for(acting(), "stops", verb="audit", subject="another").thresholds == {}


@pytest.mark.parametrize(
    ("measure", "value", "by", "expected"),
    [
        ("fairness", 1.25, "the council", "fairness"),
        (RATIO, 0.8, "the council", "at least 1"),
        (RATIO, 1.25, " ", "without the body"),
        (RATIO, float("nan"), "the council", "finite"),
        (RATIO, float("inf"), "the council", "finite"),
    ],
)
def test_what_can_be_no_threshold(acting: Opener, measure: str, value: float, by: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        set_threshold(acting("overseer"), measure, value, by=by, reason=REASON)
    assert thresholds(acting()) == []


def test_only_the_overseer_sets_and_says_why(acting: Opener) -> None:
    for role in ("analyst", "commander", "steward", "public"):
        with pytest.raises(RefusedError, match="set a threshold"):
            set_threshold(acting(role), RATIO, 1.25, by="the council", reason=REASON)
    with pytest.raises(UsageError, match="reason"):
        set_threshold(acting("overseer"), RATIO, 1.25, by="the council", reason="ok")
    with pytest.raises(UsageError, match="none to lift"):
        lift_threshold(acting("overseer"), RATIO, reason=REASON)


def test_the_commands(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--workspace", str(city)]
    said = ["--reason", REASON, "--as", "overseer", *where]
    code, out, _ = run(capsys, "audit", "threshold", RATIO, "1.25", "--by", "the council", *said)
    assert (code, "0.8 to 1.25" in out) == (0, True)
    listed = json.loads(run(capsys, "audit", "thresholds", "--json", *where)[1])
    assert {row["measure"] for row in listed["measures"]} == set(MEASURES)
    assert [row["value"] for row in listed["thresholds"]] == [1.25]
    assert "the council" in run(capsys, "audit", "thresholds", *where)[1]
    code, _, err = run(capsys, "audit", "threshold", RATIO, *said)
    assert (code, "neither a value nor --lift" in err) == (2, True)
    code, out, _ = run(capsys, "audit", "threshold", RATIO, "--lift", *said)
    assert (code, "lifted" in out) == (0, True)
