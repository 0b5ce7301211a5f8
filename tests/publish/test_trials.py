from __future__ import annotations

import copy
import re
from dataclasses import replace

import pytest

from peelian.publish import bulletin, public_page, trial_page
from peelian.publish.public import plain_verdict
from peelian.publish.trials import (
    caught_figure,
    difference_figure,
    method_title,
    primary_fraction,
    scores_table,
    trial_figures,
    trial_notes,
    verdict_words,
)


def method_of(trial, name):
    return next(m for m in trial["methods"] if m["name"] == name)


def test_titles_come_from_the_trial(town):
    assert method_title(town["trial"], "count_map") == method_of(town["trial"], "count_map")["title"]
    assert method_title(town["trial"], "some_other") == "some other"
    assert method_title(None, "count_map") == "count map"


@pytest.mark.parametrize(
    ("status", "method", "said"),
    [
        (
            "better",
            "kernel_density",
            "did better than plain counting at picking 5 % of the area, and is used",
        ),
        (
            "no better",
            "count_map",
            "was shown to do better than plain counting at picking 5 % of the area, so",
        ),
        ("worse", "count_map", "did worse than plain counting at picking 5 % of the area, so"),
    ],
)
def test_the_headline_follows_the_status(town, status, method, said):
    trial = {**town["trial"], "verdict": {**town["trial"]["verdict"], "status": status, "method": method}}
    words = verdict_words(trial)
    assert said in words["headline"].replace("\N{NO-BREAK SPACE}", " ")
    assert words["text"] == town["trial"]["verdict"]["text"]
    assert words["status"] == status
    if status == "better":
        assert method_title(trial, method) in words["headline"]


def test_no_trial_no_claim():
    assert verdict_words(None)["status"] == "not tried"
    assert trial_figures(None) == []
    assert plain_verdict(None)["headline"] == "We don't know yet"


def test_the_fraction_is_the_one_of_the_verdict(town):
    assert primary_fraction(town["trial"]) == "0.05"
    other = {**town["trial"], "verdict": {**town["trial"]["verdict"], "fraction": 0.1}}
    assert primary_fraction(other) == "0.1"


def test_what_was_caught_is_drawn_as_it_was_measured(town):
    figure = str(caught_figure(town["trial"]))
    for method in town["trial"]["methods"]:
        score = method["scores"]["hit_rate"]["0.05"]
        said = re.search(rf'row">{method["title"]}</th><td class="n">([\d.]+)</td>', figure)
        assert float(said[1]) == pytest.approx(100 * score["value"], abs=0.06)
    assert "20 past periods" in figure
    assert "Simple counting" not in figure
    assert "Simple counting" in caught_figure(town["trial"], plain=True)


def test_differences_are_those_of_the_trial(town):
    figure = str(difference_figure(town["trial"])).replace("−", "-")
    score = method_of(town["trial"], "kernel_density")["versus_counts"]["pai"]["0.05"]
    said = re.search(r'<td class="n">(-?[\d.]+)</td>', figure)
    assert float(said[1]) == pytest.approx(score["difference"], abs=0.006)
    assert "count_map" not in figure


def test_counting_alone_has_no_difference(town):
    alone = {**town["trial"], "methods": [method_of(town["trial"], "count_map")]}
    assert difference_figure(alone) is None
    assert len(trial_figures(alone)) == 1


def test_every_score_is_in_the_table(town):
    table = str(scores_table(town["trial"]))
    for measure in (
        "Share of reports in the places picked, 5",
        "Share of reports in the places picked, 10",
        "PAI",
        "PEI",
        "Poisson log score",
        "CRPS",
    ):
        assert measure in table
    assert table.count("<tr>") == 1 + 3 * 2 + 3


def test_a_score_that_is_missing_is_said_to_be(town):
    trial = copy.deepcopy(dict(town["trial"]))
    scores = method_of(trial, "kernel_density")["scores"]
    scores["hit_rate"]["0.05"] = {"value": None, "low": None, "high": None}
    scores["crps"] = {"value": None, "low": None, "high": None}
    assert "not measured" in caught_figure(trial)
    assert "not measured" in scores_table(trial)


def test_plain_words_give_the_numbers_and_what_chance_would_give(town):
    lines = " ".join(plain_verdict(town["trial"])["lines"]).replace("\N{NO-BREAK SPACE}", " ")
    assert "20 past periods" in lines
    assert "Simple counting picked 5 % of the map." in lines
    assert "Picking by chance would give 5." in lines
    best = method_of(town["trial"], "kernel_density")["scores"]["hit_rate"]["0.05"]["value"]
    assert re.search(rf"it got {100 * best:.1f}\d* of every 100", lines)


def test_a_better_method_is_named_in_plain_words(town):
    trial = {
        **town["trial"],
        "verdict": {**town["trial"]["verdict"], "status": "better", "method": "kernel_density"},
    }
    said = plain_verdict(trial)
    assert said["headline"] == "Yes, it does"
    assert any(line.startswith("The method that most surely does better is kernel") for line in said["lines"])
    assert "So we use that method." in said["lines"][-1]


TUNED = "The bandwidth was chosen on 12 of the 20 periods tried here, so the trial may flatter it."


def test_what_a_trial_says_of_itself_stands_under_its_verdict(evidence, page_checks):
    trial = {**evidence.trial, "notes": [TUNED, TUNED, "", "<b>Two</b> trials came before."]}
    shown = replace(evidence, trial=trial)
    for page, about, before, after in (
        (trial_page(trial), "this trial", trial["verdict"]["text"], "Of 100 reports"),
        (bulletin(shown), "this trial", trial["verdict"]["text"], "Places in the plan"),
        (public_page(shown), "this test", "What we can't show to be better", "Of 100 reports, how many"),
    ):
        said = " ".join(" ".join(page_checks(page).text).split())
        assert said.count(TUNED) == 1
        assert f"Mind this about {about} : {TUNED}".replace(" :", ":") in said
        assert "<b>Two</b> trials came before." in said, "escaped, and shown as it was written"
        assert said.rindex(before, 0, said.index(TUNED)) < said.index(TUNED) < said.index(after)


def test_without_notes_there_is_no_heading_for_them(evidence):
    for notes in ({}, {"notes": []}, {"notes": None}):
        shown = replace(evidence, trial={**evidence.trial, **notes})
        assert trial_notes(shown.trial) == []
        for page in (trial_page(shown.trial), bulletin(shown), public_page(shown)):
            assert "Mind this" not in page
    assert trial_notes(None) == []


def test_intervals_of_the_charts_are_of_the_trials_own_level(town):
    trial = {**town["trial"], "level": 0.8, "verdict": {**town["trial"]["verdict"], "level": 0.95}}
    for figure in (*trial_figures(trial), scores_table(trial)):
        assert "80\N{NO-BREAK SPACE}% interval" in figure
        assert "95\N{NO-BREAK SPACE}%" not in figure


def test_several_methods_are_said_to_be_judged_at_once(town):
    other = {**method_of(town["trial"], "kernel_density"), "name": "other", "title": "Other"}
    several = {**town["trial"], "methods": [*town["trial"]["methods"], other]}
    assert "the verdict looks at all 2 at once and takes wider ones" in difference_figure(several)
    assert "at once" not in difference_figure(town["trial"])


def test_a_quoted_verdict_names_a_share_of_the_area_only_where_it_has_one(town):
    quoted = {"verdict": dict(town["trial"]["verdict"]), "methods": ()}
    assert "at picking 5\N{NO-BREAK SPACE}% of the area" in verdict_words(quoted)["headline"]
    del quoted["verdict"]["fraction"]
    assert "at picking" not in verdict_words(quoted)["headline"]
