from __future__ import annotations

import copy
import re
from dataclasses import replace

import pytest

from peelian.publish import bulletin, public_page, trial_page
from peelian.publish.public import plain_verdict
from peelian.publish.trials import (
    FUTURE,
    at_fraction,
    caught_figure,
    difference_figure,
    in_order,
    method_title,
    primary_fraction,
    trial_figures,
    trial_notes,
    verdict_words,
)
from peelian.publish.words import number


def method_of(trial, name):
    return next(m for m in trial["methods"] if m["name"] == name)


def test_titles_come_from_the_trial(town):
    assert method_title(town["trial"], "count_map") == method_of(town["trial"], "count_map")["title"]
    assert method_title(town["trial"], "some_other") == "some other"
    assert method_title(None, "count_map") == "Count map"


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
        score = method["scores"]["hit_rate"]["by_fraction"]["0.05"]
        said = re.search(rf'row">{method["title"]}</th><td class="n">([\d.]+)</td>', figure)
        assert float(said[1]) == pytest.approx(100 * score["value"], abs=0.06)
    assert "20 past periods" in figure
    assert "Simple counting" not in figure
    assert "Simple counting" in caught_figure(town["trial"], plain=True)


def test_differences_are_those_of_the_trial(town):
    figure = str(difference_figure(town["trial"])).replace("−", "-")
    for name in ("kernel_density", "seasonal_naive"):
        score = method_of(town["trial"], name)["versus_counts"]["pai"]["by_fraction"]["0.05"]
        title = method_of(town["trial"], name)["title"]
        said = re.search(rf'row">{title}</th><td class="n">(-?[\d.]+)</td>', figure)
        assert float(said[1]) == pytest.approx(score["difference"], abs=0.006)
    least = method_of(town["trial"], "kernel_density")["detectable"]
    assert f'<td class="n">{number(least)}</td>' in figure
    assert "Difference from counting (count map)" in figure
    drawing = figure.partition("</svg>")[0]
    assert "Same season" not in drawing, "another way of counting is no challenger"


def test_counting_alone_has_no_difference(town):
    alone = {**town["trial"], "methods": [method_of(town["trial"], "count_map")]}
    assert difference_figure(alone) is None
    assert len(trial_figures(alone)) == 1


def test_the_best_counting_is_first_and_then_the_highest(town):
    trial = copy.deepcopy(dict(town["trial"]))
    extra = copy.deepcopy(method_of(trial, "kernel_density"))
    extra.update(name="better", title="Better")
    extra["scores"]["pai"]["by_fraction"]["0.05"]["value"] = 99.0
    nothing = copy.deepcopy(extra) | {"name": "nothing"}
    nothing["scores"]["pai"]["by_fraction"]["0.05"] = {"value": None, "low": None, "high": None}
    trial["methods"] = [nothing, *trial["methods"], extra]
    names = [m["name"] for m in in_order(trial)]
    assert names[:2] == [trial["baseline"], "better"]
    assert names[-1] == "nothing"


def test_a_short_chart_draws_few_methods_and_its_table_all(town):
    trial = copy.deepcopy(dict(town["trial"]))
    kernel = method_of(trial, "kernel_density")
    trial["methods"] += [copy.deepcopy(kernel) | {"name": f"m{i}", "title": f"Method {i}"} for i in range(6)]
    for figure in (
        str(caught_figure(trial, brief=True, used="m5")),
        str(difference_figure(trial, brief=True, used="m5")),
    ):
        drawing, table = figure.split("</svg>")
        drawn = [i for i in range(6) if f">Method {i}<" in drawing]
        assert 5 in drawn, "the method in use"
        assert len(drawn) <= 3
        assert all(f">Method {i}<" in table for i in range(6))
    assert "Of 9 methods tried, 4 are drawn." in caught_figure(trial, brief=True, used="m5")


def test_the_line_of_counts_that_knew_the_future_is_in_every_chart_and_explained(town, drawings_of):
    future = town["trial"]["hindsight"]["scores"]["hit_rate"]["by_fraction"]["0.05"]["value"]
    figure = str(caught_figure(town["trial"]))
    (drawing,) = drawings_of(figure)
    assert any((e.text or "") == "dotted: with the future known" for e in drawing.iter())
    assert f'{FUTURE}</th><td class="n">{number(100 * future)}</td>' in figure
    assert "are no forecast" in figure
    assert "Nobody can know." in caught_figure(town["trial"], plain=True)
    assert "with the future known" in difference_figure(town["trial"])
    without = {k: v for k, v in town["trial"].items() if k != "hindsight"}
    for made in (caught_figure(without), difference_figure(without)):
        assert "future" not in made


def test_a_score_without_shares_is_itself_and_none_is_nothing():
    assert at_fraction({"value": 1.0}, "0.01") == {"value": 1.0}
    assert at_fraction({"value": 1.0, "by_fraction": {"0.02": {"value": 2.0}}}, "0.02") == {"value": 2.0}
    assert at_fraction({"value": 1.0, "by_fraction": {"0.02": {"value": 2.0}}}, "0.01") == {}
    assert at_fraction(None, "0.01") == {}


def test_a_score_that_is_missing_is_said_to_be(town):
    trial = copy.deepcopy(dict(town["trial"]))
    scores = method_of(trial, "kernel_density")["scores"]
    scores["hit_rate"]["by_fraction"]["0.05"] = {"value": None, "low": None, "high": None}
    assert "not measured" in caught_figure(trial)


def test_plain_words_give_the_numbers_and_what_chance_would_give(town):
    lines = " ".join(plain_verdict(town["trial"])["lines"]).replace("\N{NO-BREAK SPACE}", " ")
    assert "20 past periods" in lines
    assert "Simple counting picked 5 % of the map." in lines
    assert "Picking by chance would give 5." in lines
    best = method_of(town["trial"], "kernel_density")["scores"]["hit_rate"]["value"]
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
        (trial_page(trial), "this trial", trial["verdict"]["parts"][-1]["text"], "Of 100 reports"),
        (bulletin(shown), "this trial", trial["verdict"]["text"], "Places in the plan"),
        (public_page(shown), "this test", "What we can't show to be better", "Of 100 reports, how many"),
    ):
        said = " ".join(" ".join(page_checks(page).text).split())
        assert said.count(TUNED) == 1
        assert f"Mind this about {about} : {TUNED}".replace(" :", ":") in said
        assert "<b>Two</b> trials came before." in said, "escaped, and shown as it was written"
        assert said.rindex(before, 0, said.index(TUNED)) < said.index(TUNED) < said.index(after)


def test_the_verdict_of_a_page_is_in_parts_that_say_what_they_are_about(town, page_checks):
    trial = town["trial"]
    shown = page_checks(trial_page(trial))
    said = " ".join(" ".join(shown.text).split())
    at = 0
    for part in trial["verdict"]["parts"]:
        at = said.index(f"{part['about']} {part['text']}", at)
    assert trial_page(trial).count('<dl class="said">') == 1
    old = copy.deepcopy(dict(trial))
    del old["verdict"]["parts"]
    page = trial_page(old)
    assert '<dl class="said">' not in page, "one that was stored without parts is one paragraph"
    assert old["verdict"]["text"] in " ".join(" ".join(page_checks(page).text).split())


def test_a_difference_is_rounded_alike_in_the_verdict_and_under_its_figure(town):
    trial = copy.deepcopy(dict(town["trial"]))
    least = trial["verdict"]["detectable"]
    assert f"a difference in PAI below {least:.2f} could" in trial["verdict"]["text"]
    assert f"A difference under about {least:.2f} could" in str(difference_figure(trial))


def test_without_notes_there_is_no_heading_for_them(evidence):
    for notes in ({}, {"notes": []}, {"notes": None}):
        shown = replace(evidence, trial={**evidence.trial, **notes})
        assert trial_notes(shown.trial) == []
        for page in (trial_page(shown.trial), bulletin(shown), public_page(shown)):
            assert "Mind this" not in page
    assert trial_notes(None) == []


def test_intervals_of_the_charts_are_of_the_trials_own_level(town):
    trial = {**town["trial"], "level": 0.8, "verdict": {**town["trial"]["verdict"], "level": 0.95}}
    for figure in trial_figures(trial):
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
