from __future__ import annotations

from dataclasses import replace

import pytest

from peelian.errors import CheckError
from peelian.publish import Evidence, bulletin


def text_of(page, page_checks):
    return " ".join(" ".join(page_checks(page).text).split())


def test_it_is_closed_accessible_and_well_formed(evidence, page_checks):
    outline = page_checks(bulletin(evidence))
    headings = [said for _, said in outline.headings]
    assert headings[0].startswith("Burglary: where reports are expected")
    for part in (
        "Where",
        "What can be done beside patrol",
        "Whom it reaches",
        "What the plan leaves out",
        "Decision",
    ):
        assert part in headings


def test_the_verdict_comes_first(evidence, page_checks):
    said = text_of(bulletin(evidence), page_checks)
    verdict = evidence.trial["verdict"]["text"]
    assert said.index(verdict) < said.index("Expected burglary reports by place")


def test_every_place_is_there_with_its_reason_and_hours(evidence, page_checks):
    said = text_of(bulletin(evidence), page_checks)
    assert evidence.plan["places"]
    for place in evidence.plan["places"]:
        assert place["cell"] in said
        assert place["reason"][1:] in said
    for option in evidence.plan["places"][0]["options"]:
        assert option["title"] in said
        assert option["evidence"] in said


def test_burden_stands_beside_benefit(evidence, page_checks):
    said = text_of(bulletin(evidence), page_checks)
    for name in ("This plan", "The same hours everywhere", "Hours by number of residents"):
        assert name in said
    for limit in evidence.audit["limits"]:
        assert limit in said


def test_origin_is_on_the_page(evidence, page_checks):
    said = text_of(bulletin(evidence), page_checks)
    for part in (
        "Peelian 0.1.0",
        "cd" * 32,
        "plan-0004",
        "ab" * 32,
        "Records: Test town, CC0.",
        "peelian ledger verify",
    ):
        assert part in said


def test_same_evidence_same_bytes(evidence, town):
    assert bulletin(evidence) == bulletin(Evidence(**town))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("approved", "Approved"), ("amended", "Approved with changes"), ("refused", "Refused"),
        ("expired", "Expired"), ("withdrawn", "Withdrawn"), ("proposed", "Proposed, not decided"),
    ],
)  # fmt: skip
def test_the_state_of_the_decision(evidence, page_checks, state, said):
    decision = {**evidence.decision, "state": state, "removed": ["E1N2"], "dissent": "I would have waited."}
    page = text_of(bulletin(replace(evidence, decision=decision)), page_checks)
    assert said in page
    assert "I would have waited." in page
    assert "E1N2" in page


def test_without_a_decision_it_is_a_proposal(evidence, page_checks):
    assert "Nobody has decided on this plan" in text_of(
        bulletin(replace(evidence, decision=None)), page_checks
    )


def test_a_demonstration_says_so_on_top(evidence, page_checks):
    shown = text_of(bulletin(replace(evidence, demonstration=True)), page_checks)
    assert "No police agency took part or decided anything" in shown
    assert "No police agency took part" not in text_of(bulletin(evidence), page_checks)
    decision = {**evidence.decision, "demonstration": True}
    shown = text_of(bulletin(replace(evidence, decision=decision)), page_checks)
    assert "A script in the role of commander, and no person, approved this plan" in shown


def test_with_nothing_but_a_grid_it_is_honest(town, page_checks):
    page = bulletin(Evidence(agency="A", zone="UTC", category="theft", period="next week", grid=town["grid"]))
    said = text_of(page, page_checks)
    for honest in (
        "This forecast has not been tried",
        "There is no plan yet",
        "Nobody has measured yet whom this plan reaches",
        "The quality of the stored records was not checked",
        "No forecast was given, so there is no map",
        "Nobody has decided on this plan",
        "not recorded",
    ):
        assert honest in said


def test_without_areas_and_with_an_unmeasured_audit(evidence, page_checks):
    audit = {"measured": False, "why_not": "no areas with residents by group are configured", "findings": []}
    said = text_of(bulletin(replace(evidence, areas=None, audit=audit)), page_checks)
    assert "No areas with residents by group are configured." in said


def test_an_empty_plan(evidence, page_checks):
    plan = {**evidence.plan, "places": []}
    assert "The plan holds no place" in text_of(bulletin(replace(evidence, plan=plan)), page_checks)


def test_each_interval_says_its_level_and_what_it_is_of(evidence, page_checks):
    plan = {
        **evidence.plan,
        "level": 0.8,
        "covered": {**evidence.plan["covered"], "low": 3, "high": 9, "level": 0.7},
    }
    forecast = {
        "method": plan["method"], "verdict": None, "expected": 25.4, "low": 17, "high": 34, "level": 0.85,
    }  # fmt: skip
    shown = replace(evidence, plan=plan, forecast=forecast)
    said = text_of(bulletin(shown), page_checks)
    assert (
        "Reports expected in the whole area 25 17 to 34: 85 % interval of the sum over the whole area" in said
    )
    assert "3 to 9: 70 % interval of the sum over these places." in said
    assert "Expected (80 % interval)" in said
    assert "the expected number in the whole area with its 85 % interval" in said
    assert "25 expected (85 % interval: 17 to 34)" in said
    assert ": 95 % interval of the ratio; 1 is equal" in said
    assert "Ratio 95 % interval" in said, "the table of the ratios"
    assert "90 % interval" not in said


def test_the_first_screen_says_what_is_asked_and_what_the_words_mean(evidence, page_checks):
    open_ = text_of(bulletin(replace(evidence, decision=None)), page_checks)
    asked = "What you are asked: approve, change or refuse"
    assert open_.index("PAI: how many times as many") < open_.index(asked) < open_.index("A unit-hour is one")
    assert open_.index("A unit-hour is one") < open_.index("Expected burglary reports by place")
    assert "Squares with the same number are ordered by a fixed shuffle." in open_
    assert asked not in text_of(bulletin(evidence), page_checks), "it is decided"
    assert asked not in text_of(bulletin(replace(evidence, plan=None, decision=None)), page_checks)


def test_a_very_wide_sum_is_said_to_be_very_unsure(evidence, page_checks):
    covered = {**evidence.plan["covered"], "low": 1, "high": 9}
    said = text_of(bulletin(replace(evidence, plan={**evidence.plan, "covered": covered})), page_checks)
    assert "1 to 9 (very unsure): " in said


def test_without_a_stored_forecast_the_surface_tells_the_total(evidence, page_checks):
    low, high = evidence.surface.total_interval(0.9)
    said = text_of(bulletin(evidence), page_checks)
    assert f"{low} to {high}: 90 % interval of the sum over the whole area" in said


EVIL = "<script>alert(1)</script><img src=//x onerror=y>\"'"


def test_nothing_that_was_read_can_become_markup(evidence, page_checks):
    place = {**evidence.plan["places"][0], "area_name": EVIL, "reason": EVIL}
    decision = {**evidence.decision, "reason": EVIL, "dissent": EVIL}
    imports = [{**evidence.imports[0], "file": EVIL, "warnings": [EVIL], "quarantined_by_reason": {EVIL: 57}}]
    page = bulletin(
        replace(
            evidence,
            agency=EVIL,
            category=EVIL,
            attribution=EVIL,
            plan={**evidence.plan, "places": [place], "notes": [EVIL]},
            decision=decision,
            imports=imports,
            origin={"peelian": EVIL, EVIL: EVIL},
        )
    )
    assert "<script" not in page
    assert "<img" not in page
    page_checks(page)


def test_banned_words_stop_the_page_but_not_what_a_person_wrote(evidence):
    reason = {**evidence.decision, "reason": "This solves our problem in that criminal area."}
    assert "This solves our problem" in bulletin(replace(evidence, decision=reason))
    with pytest.raises(CheckError, match="criminal area"):
        bulletin(replace(evidence, plan={**evidence.plan, "notes": ["a criminal area"]}))
