from __future__ import annotations

from dataclasses import replace

import pytest

from peelian.publish import audit_page, forecast_page, quality_page, trial_page
from peelian.publish.results import made_of

ROWS = [
    {"check": "completeness", "subject": "category", "value": 1.0, "unit": "share", "note": "", "flag": "ok"},
    {
        "check": "stacking",
        "subject": "top point",
        "value": 412,
        "unit": "incidents",
        "note": "one point",
        "flag": "look",
    },
]


def text_of(outline):
    return " ".join(" ".join(outline.text).split())


def test_trial_page(town, page_checks):
    trial = {**town["trial"], "origin": town["origin"]}
    said = text_of(page_checks(trial_page(trial)))
    for part in trial["verdict"]["parts"]:
        assert part["text"] in said
    assert "All methods at 5 % of the area, each with its 95 % interval in brackets" in said
    assert "Was it as sure as it should be?" in said
    for method in trial["methods"]:
        assert method["title"] in said
    assert "difference in PAI" in said
    assert trial_page(trial) == trial_page(trial)


def test_a_trial_of_counting_alone_has_no_difference(town, page_checks):
    only = [m for m in town["trial"]["methods"] if m["name"] == "count_map"]
    said = text_of(page_checks(trial_page({**town["trial"], "methods": only})))
    assert "Difference from counting" not in said
    assert "Of 100 reports" in said


def test_scores_on_the_page_are_those_of_the_trial(town, page_checks):
    said = text_of(page_checks(trial_page(town["trial"])))
    rate = next(m for m in town["trial"]["methods"] if m["name"] == "count_map")["scores"]["hit_rate"]
    assert f"{100 * rate['value']:.1f}" in said


def test_audit_page(town, page_checks):
    said = text_of(page_checks(audit_page({**town["audit"], "plan": "plan-0004", "origin": town["origin"]})))
    assert "plan-0004" in said
    assert "nobody has set a threshold" in said
    assert "What this can't tell" in said
    assert "200 resampled cities" in said


@pytest.mark.parametrize(
    ("passes", "said"), [(True, "Within the threshold"), (False, "Beyond the threshold")]
)
def test_audit_page_against_a_threshold(town, page_checks, passes, said):
    first, *rest = town["audit"]["findings"]
    bound = {"value": 1.25, "set_by": "the council", "set_at": "2017-06-01"}
    audit = {
        **town["audit"],
        "passes": passes,
        "findings": [{**first, "threshold": bound, "passes": passes}, *rest],
    }
    page = text_of(page_checks(audit_page(audit)))
    assert said in page
    assert "1.25, by the council on 2017-06-01" in page


def test_an_audit_that_could_not_be_made(page_checks):
    page = audit_page(
        {"plan": "plan-1", "measured": False, "why_not": "no areas are configured", "findings": []}
    )
    said = text_of(page_checks(page))
    assert "Not measured" in said
    assert "No areas are configured." in said


def test_a_ratio_without_a_number_says_why(town, page_checks):
    first, *rest = town["audit"]["findings"]
    odd = {
        **first,
        "value": None,
        "low": None,
        "high": None,
        "limits": ["Neither group lives where hours go."],
    }
    said = text_of(page_checks(audit_page({**town["audit"], "findings": [odd, *rest]})))
    assert "Neither group lives where hours go." in said


def test_forecast_page(town, page_checks):
    result = {
        "category": "burglary",
        "method": "count_map",
        "why_this_method": "the verdict of trial-0003",
        "verdict": town["trial"]["verdict"],
        "origin": town["origin"],
    }
    said = text_of(page_checks(forecast_page(result, town["surface"], areas=town["areas"])))
    low, high = town["surface"].total_interval(0.9)
    ends = f"(90 % interval of the sum: {low} to {high})"
    assert f"reports are expected in the whole area {ends}" in said
    low, high = town["surface"].total_interval(0.5)
    half = text_of(page_checks(forecast_page({**result, "level": 0.5}, town["surface"])))
    assert f"(50 % interval of the sum: {low} to {high})" in half
    assert str(town["surface"].frame.nsmallest(1, "rank")["cell"].iloc[0]) in said
    untried = text_of(page_checks(forecast_page({**result, "verdict": None}, town["surface"])))
    assert "No trial was run" in untried


def test_quality_page(page_checks):
    said = text_of(page_checks(quality_page({"checks": ROWS, "origin": {"peelian": "0.1.0"}})))
    assert "1 check asks for a look, of 2" in said
    assert "Stacking" in said
    assert "412" in said


def test_quality_page_of_nothing(page_checks):
    assert "Nothing was checked" in text_of(page_checks(quality_page({"checks": []})))
    assert "None of 1 check asks for a look" in text_of(page_checks(quality_page({"checks": ROWS[:1]})))


def test_quality_page_draws_calendar_months_and_says_what_it_leaves_out(page_checks):
    monthly = [
        {"category": "theft", "month": "1989-05", "rows": 2, "share": 1.0},
        {"category": "theft", "month": "2017-01", "rows": 30, "share": 0.5},
        {"category": "other", "month": "2017-01", "rows": 30, "share": 0.5},
        {"category": "theft", "month": "2017-03", "rows": 40, "share": 1.0},
    ]
    stacked = [{"x": 740153.2, "y": 4275413.0, "rows": 513, "share": 0.0036, "label": "A LABEL"}]
    said = text_of(page_checks(quality_page({"checks": ROWS, "monthly": monthly, "stacked": stacked})))
    assert "2017-01 60 2017-02 0 2017-03 40" in said
    assert "2 earlier incidents are not drawn" in said
    assert "740,153, 4,275,413 513" in said


def test_a_check_says_what_would_be_expected(page_checks):
    row = {
        "check": "date heaping",
        "subject": "on the hour",
        "value": 0.32,
        "unit": "share",
        "expected": 0.0167,
    }
    said = text_of(page_checks(quality_page({"checks": [{**row, "note": "", "flag": "look"}]})))
    assert "on the hour 32 % 1.7 % look" in said


def test_each_page_of_a_demonstration_says_so(town):
    said = "No police agency took part or decided anything"
    surface = town["surface"]
    for page, given in (
        (quality_page, ({"checks": ROWS},)),
        (trial_page, (town["trial"],)),
        (audit_page, (town["audit"],)),
        (forecast_page, ({"category": "theft"}, surface)),
    ):
        assert said in page(*given, demonstration=True)
        assert said not in page(*given)


def test_the_largest_parts_of_a_number_are_named_and_the_rest_is_put_together():
    terms = {
        "reports nearby": 0.2,
        "reports here": 0.5,
        "season": 0.01,
        "other kinds": 0.06,
        "the average": 0.03,
    }
    said = made_of({"cell": "E1N1", "terms": terms})
    assert said == (
        "0.50 from reports here; 0.20 from reports nearby; 0.06 from other kinds; 0.04 from all else"
    )
    assert made_of({"terms": {"reports so far": 0.8}}) == "0.80 from reports so far"
    assert made_of({"terms": {"a": 0.4, "b": 0.004}}) == "0.40 from a", "what rounds to nothing is not told"


def test_a_forecast_says_what_made_its_highest_numbers(town, page_checks):
    surface = town["surface"]
    first = str(surface.frame.nsmallest(1, "rank")["cell"].iloc[0])
    why = [{"rank": 1, "cell": first, "expected": 0.5, "terms": {"reports here": 0.4, "reports nearby": 0.1}}]
    said = text_of(page_checks(forecast_page({"category": "theft", "why": why}, surface)))
    assert "What made the number, in expected reports" in said
    assert said.count("0.40 from reports here; 0.10 from reports nearby") == 1
    without = text_of(page_checks(forecast_page({"category": "theft"}, surface)))
    assert "What made the number" not in without


def test_a_forecast_shows_what_was_noted_of_it(town, page_checks):
    said = text_of(
        page_checks(forecast_page({"category": "theft", "notes": ["Late reports."]}, town["surface"]))
    )
    assert "Mind this about this forecast: Late reports." in said


def test_one_report_is_not_told_as_many(town, page_checks):
    surface = replace(town["surface"], mean=town["surface"].mean / town["surface"].mean.sum())
    said = text_of(page_checks(forecast_page({"category": "theft"}, surface)))
    assert "1 report is expected in the whole area" in said
    assert ", 1 report, " in text_of(page_checks(trial_page({**town["trial"], "events": 1})))


def test_a_forecast_stands_beside_what_was_reported_before_it(town, page_checks):
    recent = [{"start": f"2017-11-{d:02}", "reported": n} for d, n in ((6, 51), (13, 1062), (20, 0))]
    given = {"category": "theft", "recent": recent, "fitted": {"frequency": "1w"}}
    said = text_of(page_checks(forecast_page(given, town["surface"])))
    assert (
        "For comparison, what was reported in the last 3 weeks before it: 51, 1,062, 0; 371 on average."
        in said
    )
    alone = text_of(page_checks(forecast_page({**given, "recent": recent[:1]}, town["surface"])))
    assert "what was reported in the last period before it: 51." in alone
    stored = text_of(page_checks(forecast_page({"category": "theft"}, town["surface"])))
    assert "For comparison" not in stored, "one that was stored before there was such a thing"


def test_a_trial_says_what_methods_were_given(town, page_checks):
    learned = {"companions": {"theft": 12, "robbery": 7}, "features": {"population": ["Red", "Blue"]}}
    said = text_of(page_checks(trial_page({**town["trial"], "learned_from": learned})))
    assert "Beside the reports of burglary, methods were given those of theft and robbery;" in said
    assert "Of each place, they were given: population." in said
    assert "the category's own reports alone" in text_of(page_checks(trial_page(town["trial"])))
