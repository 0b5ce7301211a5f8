"""Results as text: what a person needs to see is there, and nothing is cut off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from peelian.cli import render
from peelian.workspace import Workspace


@pytest.fixture
def results(demo_folder: Path) -> dict[str, dict[str, object]]:
    """Each stored result of the demonstration by its verb."""
    workspace = Workspace(demo_folder)
    return {row["verb"]: workspace.result(row["id"]) for row in workspace.runs()}


def test_the_import_says_where_every_row_went(results: dict[str, dict[str, object]]) -> None:
    said = render.imported(results["import"])
    report = results["import"]
    for key in ("rows_in", "stored", "duplicates", "corrections", "quarantined"):
        assert f"{report[key]:,}" in said
    for reason in report["quarantined_by_reason"]:  # type: ignore[attr-defined]
        assert reason.replace("_", " ") in said
    for column in report["dropped_columns"]:  # type: ignore[attr-defined]
        assert column in said


def test_labels_without_a_category_are_listed(results: dict[str, dict[str, object]]) -> None:
    labels = {f"label {i}": i for i in range(1, 12)}
    said = render.imported({**results["import"], "unmapped": labels, "warnings": ["look here"]})
    assert "label 11 (11)" in said
    assert "and 3 more" in said
    assert "note: look here" in said


def test_the_verdict_comes_first_and_every_method_has_its_interval(
    results: dict[str, dict[str, object]],
) -> None:
    lines = render.trial(results["trial"], Path("p.html")).splitlines()
    assert lines[0].startswith("verdict: ")
    for method in results["trial"]["methods"]:  # type: ignore[attr-defined]
        (row,) = (line for line in lines if line.split()[:1] == [method["name"]])
        # The hit rate has an interval, and so has the difference from the best of counting.
        assert row.count(" to ") == (1 if method["name"] == results["trial"]["baseline"] else 2)


def test_a_trial_without_intervals_is_still_readable(results: dict[str, dict[str, object]]) -> None:
    trial = json.loads(json.dumps(results["trial"]))
    for method in trial["methods"]:
        for score in method["scores"].values():
            for found in [score] if "value" in score else score.values():
                found["low"] = found["high"] = None
    assert "count_map" in render.trial(trial, Path("p.html"))


def test_a_column_of_scores_has_the_same_decimals(results: dict[str, dict[str, object]]) -> None:
    trial = json.loads(json.dumps(results["trial"]))
    for method, value in zip(trial["methods"], (56.87, 56.9, 130.0), strict=False):
        method["scores"]["crps"]["value"] = value
    trial["hindsight"]["scores"]["crps"]["value"] = None
    lines = render.trial(trial, Path("p.html")).splitlines()
    last = {line.split()[0]: line.split()[-1] for line in lines if line.strip()}
    names = [m["name"] for m in trial["methods"]]
    assert [last[name] for name in names[:3]] == ["56.87", "56.90", "130.00"]
    assert len({last[name].partition(".")[2].__len__() for name in names}) == 1
    assert last["(future"] == "none"


def test_one_of_something_is_not_told_as_many(results: dict[str, dict[str, object]]) -> None:
    trial = json.loads(json.dumps(results["trial"])) | {"events": 1, "cells": 1, "origins": 1}
    said = render.trial(trial, Path("p.html"))
    assert "1 period from" in said
    assert "1 report, 1 cell; top" in said


def test_each_place_has_a_reason_and_something_beside_patrol(results: dict[str, dict[str, object]]) -> None:
    said = render.plan("plan-0006", results["plan"])
    assert said.count("beside patrol: ") == 10
    assert "and 10 more" in said
    assert "advice" in said
    assert said.endswith("next: peelian audit plan plan-0006")


def test_an_unmeasured_burden_is_said(results: dict[str, dict[str, object]]) -> None:
    assert render.audit({"measured": False, "why_not": "no areas"}, None) == "not measured: no areas"
    assert "interval" in render.audit(results["audit"], None)
    late = {**results["audit"], "notes": ["The threshold was set after plan-0006 was made."]}
    assert render.audit(late, None).endswith("note: The threshold was set after plan-0006 was made.")


def test_a_refusal_isn_t_followed_by_publishing() -> None:
    decision = {
        "subject": "plan-1",
        "state": "refused",
        "role": "commander",
        "decided_at": "t",
        "reason": "r",
    }
    said = render.decided({"decision": {**decision, "expires_at": "later"}})
    assert "refused by the commander" in said
    assert "publish" not in said


def test_no_line_is_wider_than_a_terminal(results: dict[str, dict[str, object]]) -> None:
    for text in (
        render.imported(results["import"]),
        render.trial(results["trial"], Path("p.html")),
        render.plan("plan-0006", results["plan"]),
        render.audit(results["audit"], None),
    ):
        assert max(len(line) for line in text.splitlines()) <= 110
