from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from peelian.errors import UsageError
from peelian.publish import Evidence, bulletin, forecast_page, public_page, trial_page
from peelian.publish.choice import Choice, choice_made, choice_of, counting_of, is_counting, method_title
from peelian.publish.public import plain_verdict
from peelian.publish.trials import caught_figure, difference_figure, trial_figures, verdict_words
from peelian.trials.bootstrap import Interval
from peelian.trials.verdict import Comparison, judge

TITLES = {"count_map": "Count map", "kernel_density": "Kernel density", "etas": "Epidemic model"}
COUNTS = {"count_map", "decayed_counts"}
HAND = "it was chosen by hand all the same"


def verdict(*found: tuple[str, float, float, float]) -> dict[str, Any]:
    """A verdict as the trials make it, from the PAI differences and their intervals."""
    compared = [
        Comparison(name, TITLES[name], Interval(d, low, high), 4.0 + d, 4.0, 0.2 + d / 20, 0.2)
        for name, d, low, high in found
    ]
    return judge(
        compared, baseline="count_map", fraction=0.05, level=0.95, over="20 weeks", events=900
    ).to_dict()


NO_BETTER = verdict(("kernel_density", 0.5, -0.2, 1.1))
WORSE = verdict(("kernel_density", -0.5, -0.9, -0.1))
BETTER = verdict(("kernel_density", 0.9, 0.4, 1.4), ("etas", 0.1, -0.5, 0.7))


def at(**score: float) -> dict[str, Any]:
    """A score as a trial has it, at the one share of the area."""
    return {**score, "by_fraction": {"0.05": score}}


def tried(given: dict[str, Any], *names: str) -> dict[str, Any]:
    methods = [
        {
            "name": n, "title": TITLES.get(n, n),
            "counting": n in COUNTS,
            "scores": {"hit_rate": at(value=0.2 + i / 50, low=0.1, high=0.4)},
            "versus_counts": {"pai": at(difference=i / 10, low=-1.0, high=1.0)},
        }
        for i, n in enumerate(names or TITLES)
    ]  # fmt: skip
    return {"origins": 20, "methods": methods, "verdict": given, "category": "burglary"}


def by_hand(evidence: Evidence, name: str, trial: dict[str, Any] | None) -> Evidence:
    forecast = {"method": name, "why_this_method": "chosen by hand", "verdict": trial and trial["verdict"]}
    return replace(evidence, trial=trial, forecast=forecast, plan={**evidence.plan, "method": name})


def text_of(page, page_checks):
    return " ".join(" ".join(page_checks(page).text).split())


CASES = [
    ("kernel_density", tried(NO_BETTER), "no better", "The test did not show that this method (kernel density) does"),
    ("kernel_density", tried(WORSE), "worse", "The test showed that this method (kernel density) does worse than"),
    ("etas", tried(BETTER), "better", "The test speaks for another method (kernel density); this one (epidemic model)"),
    ("count_map", tried(BETTER), "counting", "The test showed that kernel density does better than counting; counting"),
    ("etas", tried(NO_BETTER, "count_map", "kernel_density"), "not tried", "This method (etas) was not in the test"),
    ("kernel_density", None, "no trial", "No test speaks for this method (kernel density)"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "trial", "case", "said"), CASES, ids=[c[2] for c in CASES])
def test_a_method_chosen_against_the_verdict_is_said_on_every_page(
    evidence, page_checks, name, trial, case, said
):
    shown = by_hand(evidence, name, trial)
    choice = choice_of(shown)
    assert choice.case == case
    assert choice.sentence.startswith(said)
    assert choice.sentence.endswith("chosen by hand all the same.")
    public = text_of(public_page(shown), page_checks)
    assert public.count(choice.sentence) == 2, "in short, and under the question"
    assert "So we just count." not in public
    assert "So we use that method." not in public
    inside = text_of(bulletin(shown), page_checks)
    assert choice.sentence in inside
    assert f"{choice.headline} {choice.sentence}" in inside, "straight under the headline"
    assert inside.index(choice.sentence) < inside.index("Places in the plan")
    assert "is what is used" not in inside
    assert "and is used" not in inside
    assert "so counting is used" not in inside
    assert f"Method {choice.title}, chosen by hand" in inside


def test_the_verdict_that_is_followed_reads_as_before(evidence, page_checks):
    for name, trial, words in (
        ("count_map", tried(NO_BETTER), "What we can't show to be better, we don't use. So we just count."),
        ("count_map", tried(WORSE), "So we just count."),
        ("kernel_density", tried(BETTER), "So we use that method."),
    ):
        shown = by_hand(evidence, name, trial)
        assert choice_of(shown).case == choice_of(shown).sentence == choice_of(shown).headline == ""
        public, inside = text_of(public_page(shown), page_checks), text_of(bulletin(shown), page_checks)
        assert words in public
        assert trial["verdict"]["text"] in inside
        assert "by hand" not in public + inside


def test_counting_without_a_trial_says_that_there_was_none(evidence, page_checks):
    shown = by_hand(evidence, "count_map", None)
    assert "No trial was run that speaks for this forecast" in text_of(bulletin(shown), page_checks)
    public = text_of(public_page(shown), page_checks)
    assert "Nobody has tested this forecast yet." in public
    assert "So we just count." in public
    assert "by hand" not in public


def test_another_method_without_a_trial_is_not_called_counting(evidence, page_checks):
    shown = by_hand(evidence, "kernel_density", None)
    assert "Kernel density was chosen by hand, and has not been tried" in text_of(
        bulletin(shown), page_checks
    )
    public = text_of(public_page(shown), page_checks)
    assert "We don't know yet." in public
    assert "just count" not in public


@pytest.mark.parametrize("given", [NO_BETTER, WORSE, BETTER, verdict()])
def test_what_followed_from_the_verdict_is_cut_and_its_numbers_stay(given):
    choice = choice_made("etas", tried(given), given)
    cut = choice.told_text(given)
    assert "is what is used" in given["text"]
    assert "is what is used" not in cut
    assert cut.endswith(".")
    assert given["text"].startswith(cut[:-1])
    assert len(cut) > 0.4 * len(given["text"])
    assert Choice().told_text(given) == given["text"]
    assert " ".join(text for _, text in choice.told_parts(given)) == cut
    assert " ".join(text for _, text in Choice().told_parts(given)) == given["text"]


def test_too_little_data_is_still_said():
    given = verdict(("kernel_density", 0.5, np.nan, np.nan))
    words = verdict_words(tried(given), choice_made("kernel_density", tried(given), given))
    assert words["text"].endswith("That is too little data to tell whether it is better.")


def test_the_dark_mark_is_the_method_in_use():
    trial = tried(NO_BETTER)
    counting = str(caught_figure(trial, used="count_map"))
    assert counting != str(caught_figure(trial, used="kernel_density"))
    assert counting.replace("method in use", "method that the verdict names") == str(caught_figure(trial))
    assert str(difference_figure(trial, used="etas")) != str(difference_figure(trial, used="kernel_density"))
    assert "Dark: the method in use." in counting
    assert "Dark: the method that the verdict names." in caught_figure(trial)
    other = str(caught_figure(trial, used="hotspot"))
    assert "The method in use was not in this test, so none is dark." in other
    assert "Dark:" not in other


def test_only_the_row_in_use_is_dark(drawings_of):
    """Drawn dark means drawn with the class that no other bar has: moving it moves one row and nothing else."""
    trial = tried(NO_BETTER)
    drawn = {}
    for used in ("count_map", "kernel_density", "hotspot"):
        (picture,) = drawings_of(str(caught_figure(trial, used=used)))
        drawn[used] = [
            e.attrib.get("class", "") for e in picture.iter() if "rect" in e.tag or "path" in e.tag
        ]
    none = drawn["hotspot"]
    rows = {u: [i for i, (a, b) in enumerate(zip(c, none, strict=True)) if a != b] for u, c in drawn.items()}
    assert len(rows["count_map"]) == len(rows["kernel_density"]) == 1
    assert rows["count_map"] < rows["kernel_density"]


def test_both_pages_mark_the_plans_method(evidence):
    shown = by_hand(evidence, "kernel_density", tried(NO_BETTER))
    for figure in trial_figures(shown.trial, used="kernel_density"):
        assert str(figure) in bulletin(shown)
    assert str(caught_figure(shown.trial, plain=True, used="kernel_density")) in public_page(shown)


def test_the_number_of_the_method_in_use_is_told():
    trial = tried(BETTER)
    lines = plain_verdict(trial, choice_made("etas", trial, BETTER))["lines"]
    assert "The method in use, epidemic model, got 24.0 of every 100." in lines
    assert not any("in use" in line for line in plain_verdict(trial)["lines"])


def test_what_the_forecast_quotes_stands_in_for_a_trial_that_was_not_handed_over(evidence, page_checks):
    forecast = {"method": "kernel_density", "verdict": NO_BETTER}
    plan = {**evidence.plan, "method": "kernel_density"}
    shown = replace(evidence, trial=None, forecast=forecast, plan=plan)
    said = text_of(bulletin(shown), page_checks)
    assert HAND in said
    assert "No trial was run" not in said
    public = text_of(public_page(shown), page_checks)
    assert HAND in public
    assert "Nobody has tested" not in public


def test_the_forecast_tells_where_there_is_no_plan(evidence, page_checks):
    forecast = {"method": "kernel_density", "verdict": NO_BETTER}
    shown = replace(evidence, trial=tried(NO_BETTER), forecast=forecast, plan=None, audit=None, decision=None)
    assert HAND in text_of(bulletin(shown), page_checks)
    assert choice_of(replace(shown, forecast=None)).used == "count_map"


def test_a_forecast_of_another_plan_is_refused(evidence):
    with pytest.raises(UsageError, match="a forecast by etas was given beside a plan by count_map"):
        replace(evidence, forecast={"method": "etas", "verdict": None})


def test_the_forecasts_own_page_says_it_too(town, page_checks):
    result = {
        "category": "burglary",
        "method": "kernel_density",
        "why_this_method": "chosen by hand; the verdict of trial-0003 says count_map",
        "verdict": {"trial": "trial-0003", **NO_BETTER},
    }
    said = text_of(forecast_page(result, town["surface"]), page_checks)
    assert HAND in said
    assert "is what is used" not in said
    followed = text_of(forecast_page({**result, "method": "count_map"}, town["surface"]), page_checks)
    assert "the count map is what is used." in followed
    assert HAND not in followed


def test_the_trials_own_page_is_about_its_verdict(town, page_checks):
    said = text_of(trial_page(town["trial"]), page_checks)
    assert all(part["text"] in said for part in town["trial"]["verdict"]["parts"])
    assert "Dark: the method that the verdict names." in said


def test_another_way_of_counting_than_the_best_is_said_to_be_one(evidence, page_checks):
    best = {**NO_BETTER, "method": "decayed_counts"}
    trial = tried(best, "count_map", "decayed_counts", "kernel_density") | {"baseline": "decayed_counts"}
    shown = by_hand(evidence, "count_map", trial)
    choice = choice_of(shown)
    assert choice.case == "another count"
    assert choice.headline == "Count map is used, though decayed_counts counted best in the trial"
    public = text_of(public_page(shown), page_checks)
    assert "It is simple counting." in public
    assert (
        public.count("another way of counting (decayed_counts) did best; this one (count map) was chosen")
        == 2
    )


def test_the_best_counting_of_the_verdict_is_no_choice_by_hand():
    best = {**NO_BETTER, "method": "decayed_counts"}
    trial = tried(best, "count_map", "decayed_counts", "kernel_density") | {"baseline": "decayed_counts"}
    assert choice_made("decayed_counts", trial, best).case == ""
    assert "so counting is used (decayed_counts)" in verdict_words(trial)["headline"]


def test_what_counts_is_told_by_the_trial_and_else_by_the_method_itself():
    trial = tried(NO_BETTER) | {"methods": [{"name": "etas", "counting": True}]}
    assert is_counting("etas", trial)
    assert not is_counting("etas")
    assert is_counting("seasonal_naive")
    assert is_counting("count_map#2")
    assert not is_counting("kernel_density")
    assert counting_of(trial) == "etas"
    assert counting_of({**trial, "baseline": "count_map"}) == "count_map"
    assert counting_of({"methods": []}) == ""
    assert method_title(None, "seasonal_naive") == "Same season of past years"


def test_every_way_of_counting_needs_no_trial_to_speak_for_it():
    assert choice_made("decayed_counts", None, None).case == ""
    assert choice_made("kernel_density", None, None).case == "no trial"
