from __future__ import annotations

import math
import re
from typing import Any

import pytest

from peelian.audits import Finding
from peelian.publish.burden import burden_of


def ratio(
    name: str, value: float | None, low: float | None, high: float | None, group: str = "Red"
) -> dict[str, Any]:
    finding = Finding(
        id=f"exposure_ratio/{name}/{group}",
        measure="exposure ratio",
        subject=f"{group} to Blue residents",
        value=value,
        low=low,
        high=high,
        level=0.95,
        limits=("Areas were measured.",),
        details={"group": group, "reference": "Blue"},
    )
    return finding.to_dict()


def audit(*findings: dict[str, Any]) -> dict[str, Any]:
    return {"measured": True, "reference": "Blue", "findings": list(findings)}


def test_the_plan_is_said_in_words_with_its_interval():
    burden = burden_of(audit(ratio("plan", 2.16, 1.49, 4.16), ratio("equal_coverage", 1.0, 1.0, 1.0)))
    there = "where the average Blue resident lives, it puts 2.16 hours where the average Red resident lives"
    interval = "(95\N{NO-BREAK SPACE}% interval 1.49 to 4.16)"
    assert burden.sentences == (f"For each hour that the plan puts {there} {interval}.",)
    assert burden.facts == (("Red to Blue", "2.16", "1.49 to 4.16"),)
    assert burden.limits == ("Areas were measured.",)
    assert len(burden.figures) == 1


def test_about_equal_is_said_so():
    assert "it puts about one hour where" in burden_of(audit(ratio("plan", 1.02, 0.9, 1.1))).sentences[0]


def test_an_open_end_is_not_made_up():
    burden = burden_of(audit(ratio("plan", 3.0, 1.2, None)))
    assert "1.20 or more" in burden.sentences[0]
    assert not re.search(r"\b(inf|nan|None)\b", str(burden.figures[0]) + str(burden.table))


def test_a_very_wide_interval_is_said_to_be_very_unsure():
    burden = burden_of(audit(ratio("plan", 2.0, 0.3, 4.1), ratio("plan", 2.0, 1.0, 3.0, group="Green")))
    assert [ends for _, _, ends in burden.facts] == ["0.30 to 4.10 (very unsure)", "1.00 to 3.00"]
    assert "the number would move with other data like these" in burden.figures[0]
    assert "truth" not in burden.figures[0]


def test_each_group_has_its_own_figure_and_the_plan_comes_first():
    found = audit(
        ratio("counting", 1.5, 1.0, 2.0), ratio("plan", 2.0, 1.0, 3.0), ratio("by_population", 0.9, 0.8, 1.0),
        ratio("plan", 0.5, 0.2, 0.8, group="Green"),
    )  # fmt: skip
    burden = burden_of(found)
    assert len(burden.figures) == 2
    first = str(burden.figures[0])
    assert (
        first.index("This plan")
        < first.index("Counting, under the same rules")
        < first.index("Hours by number of residents")
    )
    assert len(burden.sentences) == 2


def test_no_ratio_says_why():
    none = {**ratio("plan", None, None, None), "limits": ["Green has 12 residents: too few to say."]}
    burden = burden_of(audit(none))
    assert burden.sentences == ("Red: no ratio. Green has 12 residents: too few to say.",)
    assert "too few to say" in burden.figures[0]
    assert burden.facts[0][1] == "no number"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (None, "Nobody has measured yet whom this plan reaches."),
        (
            {"measured": False, "why_not": "no areas are configured", "findings": []},
            "No areas are configured.",
        ),
        ({"measured": True, "findings": []}, "The audit found nothing to measure."),
    ],
)
def test_nothing_measured_is_said(given, why):
    burden = burden_of(given)
    assert burden.why_not == why
    assert burden.figures == ()
    assert burden.sentences == ()


def test_thresholds_stand_in_the_table_with_who_set_them():
    bound = {"value": 1.25, "set_by": "the council", "set_at": "2017-06-01"}
    found = {**ratio("plan", 2.0, 1.0, 3.0), "threshold": bound, "passes": False}
    table = str(burden_of(audit(found)).table)
    assert "1.25, by the council on 2017-06-01 (beyond)" in table
    assert "none set" in str(burden_of(audit(ratio("plan", 1.0, 1.0, 1.0))).table)


def test_a_real_audit_goes_in_as_it_comes_out(town):
    burden = burden_of(town["audit"])
    stored = {f["id"]: f for f in town["audit"]["findings"]}
    assert burden.facts[0][1] == f"{stored['exposure_ratio/plan/Red']['value']:.2f}"
    assert math.isclose(stored["exposure_ratio/equal_coverage/Red"]["value"], 1.0)
    assert "The same hours everywhere" in burden.figures[0]
    for found in town["audit"]["findings"]:
        assert found["subject"] in burden.table


def test_a_group_with_a_slash_in_its_name():
    found = ratio("plan", 2.0, 1.0, 3.0, group="Black/African American")
    assert "Black/African American to Blue" in burden_of(audit(found)).facts[0][0]
