from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from peelian.audits import Threshold, exposure_audit
from peelian.charter import Decision
from peelian.errors import UsageError
from peelian.places import Period, population_by_cell
from peelian.publish import Evidence, audit_page, bulletin, public_page
from peelian.publish.notices import OVER, amended_words, is_over, limit_words
from peelian.response import make_plan

COUNCIL = Threshold(1.05, "the city council", "2017-06-01")


def text_of(page, page_checks):
    return " ".join(" ".join(page_checks(page).text).split())


def plan_of(town: dict[str, Any]) -> Any:
    return make_plan(
        town["surface"], category="burglary", unit_hours=16, hours_per_place=2, cap_per_area=2, areas=town["areas"]
    )  # fmt: skip


def audit_of(town: dict[str, Any], plan: Any, threshold: Threshold | None = None) -> dict[str, Any]:
    people = population_by_cell(town["areas"], town["grid"])
    found = exposure_audit(
        plan.hours, grid=town["grid"], population=people, reference="Blue", replicates=200, block_km=0.5,
        threshold=threshold,
    )  # fmt: skip
    return {"measured": True, **found.to_dict()}


def decided(action: str = "approve", at: str = "2017-12-27T15:00:00+00:00", **more: Any) -> dict[str, Any]:
    when = datetime.fromisoformat(at)
    return Decision.make(
        id="decide-0006", subject="plan-0004", state="proposed", action=action, role="commander",
        reason="The plan covers what it can and its burden is known.", shown={"bulletin.html": "0" * 64},
        decided_at=when, expires_at=when.replace(year=when.year + 1), **more,
    ).to_dict()  # fmt: skip


@pytest.fixture
def changed(town) -> dict[str, Any]:
    """What an amendment leaves behind: two places out, one in."""
    plan = plan_of(town)
    out = tuple(place.cell for place in plan.places[:2])
    names = {str(cell): i for i, cell in enumerate(town["grid"].ids)}
    taken = {plan.rules.area[names[cell]] for cell in out}
    new = next(
        str(town["grid"].ids[i])
        for i in reversed(range(len(town["grid"])))
        if not plan.attended[i] and plan.rules.area[i] in taken
    )
    amended = plan.amend(remove=out, add=[new])
    return {
        "before": plan,
        "plan": amended.to_dict(),
        "audit": audit_of(town, amended),
        "decision": decided("amend", removed=out, added=(new,)),
    }


@pytest.fixture
def amended(town, changed) -> Evidence:
    return Evidence(**{**town, **{k: changed[k] for k in ("plan", "audit", "decision")}})


def test_an_amended_plan_says_how_many_places_were_changed(amended, changed, page_checks):
    before = len(changed["before"].places)
    said = (
        "This plan was changed: the commander took out 2 places and put in 1 place. "
        f"It had {before} places; now it has {before - 1}."
    )
    inside = text_of(bulletin(amended), page_checks)
    public = text_of(public_page(amended), page_checks)
    assert inside.count(said) == 1
    assert public.count(said) == 2, "in short, and where the hours go"
    for page in (inside, public):
        assert "The numbers are those of the changed plan." in page
    for cell in (*changed["decision"]["removed"], *changed["decision"]["added"]):
        assert cell in inside
        assert cell not in public


def test_the_burden_shown_is_that_of_the_amended_plan(amended, town, changed, page_checks):
    def ratio(audit: dict[str, Any]) -> str:
        (value,) = (f["value"] for f in audit["findings"] if f["id"] == "exposure_ratio/plan/Red")
        return f"{value:.2f} hours where the average Red resident lives"

    shown, old = ratio(changed["audit"]), ratio(audit_of(town, changed["before"]))
    assert shown != old
    for page in (bulletin(amended), public_page(amended)):
        said = text_of(page, page_checks)
        assert shown in said
        assert old not in said


def test_what_belongs_to_the_plan_before_its_amendment_is_refused(amended, town, changed):
    before = changed["before"].to_dict()
    with pytest.raises(UsageError, match="as it was before"):
        replace(amended, plan=before, audit=None)
    with pytest.raises(UsageError, match="an audit of 16 hours was given beside a plan of 14"):
        replace(amended, audit=audit_of(town, changed["before"]))
    assert replace(amended, plan=before, audit=None, decision=decided()).plan == before


def test_a_plan_that_nobody_changed_says_nothing_of_it(evidence):
    assert amended_words(evidence.plan, evidence.decision) == ""
    assert amended_words(None) == ""
    assert "was changed" not in bulletin(evidence) + public_page(evidence)


def test_who_changed_it(changed):
    plan = changed["plan"]
    assert "somebody took out" in amended_words(plan)
    script = {**changed["decision"], "demonstration": True}
    assert "a script in the role of commander took out 2" in amended_words(plan, script)


@pytest.mark.parametrize(
    ("at", "over"),
    [
        ("2017-12-27T15:00:00+00:00", False),
        ("2018-01-01T05:59:59+00:00", False),  # still 31 December in Chicago
        ("2018-01-01T06:00:00+00:00", True),
        ("2026-01-01T12:00:00Z", True),
    ],
)
def test_a_decision_after_the_end_of_the_period(evidence, page_checks, at, over):
    shown = replace(evidence, period=Period("2017-12-25", "2018-01-01"), decision=decided(at=at))
    assert is_over(shown) is over
    inside, public = text_of(bulletin(shown), page_checks), text_of(public_page(shown), page_checks)
    assert inside.count(OVER) == public.count(OVER) - over == 2 * over
    assert ("The plan would have spent" in public) is over
    assert ("would have got some of them" in public) is over
    assert ("The plan spends" in public) is not over
    if over:
        assert inside.index(OVER) < inside.index(evidence.trial["verdict"]["text"])


def test_nothing_is_over_where_no_time_is_known(evidence):
    assert not is_over(replace(evidence, decision=None))
    assert not is_over(replace(evidence, decision=decided(at="2030-01-01T00:00:00Z"), period="next week"))


def test_a_broken_limit_is_said_wherever_it_matters(town, evidence, page_checks):
    surface = town["surface"]
    east = town["grid"].centres()[0] > 740_000
    plan = make_plan(
        replace(surface, mean=surface.mean * east), category="burglary", unit_hours=16, hours_per_place=2
    )
    audit = audit_of(town, plan, COUNCIL)
    assert audit["passes"] is False
    shown = replace(evidence, plan=plan.to_dict(), audit=audit)
    inside = bulletin(shown)
    limit = "The limit set by the city council on 1 June 2017 is exceeded."
    assert text_of(inside, page_checks).count(limit) == 3, "on top, beside the burden, in the decision's box"
    public = public_page(shown)
    assert text_of(public, page_checks).count(limit) == 3, (
        "in short, beside the burden, in the decision's box"
    )
    for page in (inside, public):
        for part in ("burden" if page is inside else "whom", "decision" if page is inside else "decided"):
            section = re.search(rf'<section aria-labelledby="{part}">.*?</section>', page, re.DOTALL)[0]
            assert f'<p class="alert"><strong>{limit}' in section
    plain = text_of(public, page_checks)
    assert "It allows no group more than 1.05 times the hours of another." in plain
    assert "It was approved all the same." in plain
    assert limit in text_of(audit_page(audit), page_checks)


def test_a_limit_that_is_kept_or_was_not_set_raises_no_alarm(evidence, town):
    kept = audit_of(town, plan_of(town), Threshold(50.0, "the city council", "2017-06-01"))
    assert kept["passes"] is True
    for audit in (kept, evidence.audit, None, {"measured": False, "why_not": "no areas", "findings": []}):
        shown = replace(evidence, audit=audit)
        assert limit_words(audit, evidence.decision) == []
        assert "is exceeded" not in bulletin(shown) + public_page(shown)


def broken(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    finding = {
        "id": "exposure_ratio/plan/Red", "value": value, "low": low, "high": high, "level": 0.95, "passes": False,
        "threshold": COUNCIL.to_dict(), "details": {"group": "Red", "reference": "Blue"},
    }  # fmt: skip
    return {
        "passes": False,
        "reference": "Blue",
        "findings": [finding, {"id": "x", "passes": None, "threshold": None}],
    }


def test_both_directions_are_said_the_right_way_round():
    more, less = (limit_words(broken(v), plain=True) for v in (1.6, 0.5))
    lives = "Where the average {} resident lives, there are {} times the hours that there are where the average {}"
    assert lives.format("Red", "1.60", "Blue") in more[0]
    assert lives.format("Blue", "2.00", "Red") in less[0]
    (inside,) = limit_words(broken(0.5, 0.25, 0.75))
    assert "Red to Blue is 0.50 (95\N{NO-BREAK SPACE}% interval 0.25 to 0.75)." in inside
    (open_end,) = limit_words(broken(1.6, 1.2))
    assert "interval 1.20 or more)" in open_end


@pytest.mark.parametrize("value", [None, 0.0])
@pytest.mark.parametrize("plain", [True, False])
def test_hours_for_one_group_alone(value, plain):
    (said,) = limit_words(broken(value), plain=plain)
    assert said.endswith("Of Red and Blue residents, only one group gets any hours where they live.")


def test_whether_it_was_approved_all_the_same(evidence):
    for decision, said in (
        (None, False), (decided(), True), (decided("refuse"), False), ({**decided(), "state": "expired"}, False),
    ):  # fmt: skip
        assert limit_words(broken(2.0), decision)[-1].endswith("It was approved all the same.") is said


def test_an_audit_that_does_not_say_which_limit(evidence):
    assert limit_words({"passes": False, "findings": []}) == ["A limit that was set for plans is exceeded."]


def test_who_set_the_limit_is_escaped(evidence):
    audit = broken(2.0)
    audit["findings"] = [{**evidence.audit["findings"][0], **audit["findings"][0]}]
    audit["findings"][0]["threshold"] = Threshold(1.05, "<script>x</script>", "2017-06-01").to_dict()
    assert "<script" in limit_words(audit)[0]
    shown = replace(evidence, audit=audit)
    assert "<script" not in bulletin(shown) + public_page(shown) + audit_page(audit)


def test_utc_is_taken_where_a_decision_names_no_zone(evidence):
    period = Period("2017-12-25", "2018-01-01")
    for at, over in (("2018-01-01T05:59:00", False), ("2018-01-01T06:00:00", True)):
        assert is_over(replace(evidence, period=period, decision={**decided(), "decided_at": at})) is over
