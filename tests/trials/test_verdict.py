"""The rules of the verdict, one by one, and that its words agree with its numbers."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.trials import Interval, Verdict, judge
from peelian.trials.verdict import SMALLEST, Comparison, best_counting


def against(name, difference, low, high):
    found = Interval(difference, low, high)
    return Comparison(
        name, name.replace("_", " ").capitalize(), found, 10 + difference, 10.0, 0.1 + difference / 100, 0.1
    )


def verdict(*comparisons, **options):
    return judge(
        comparisons,
        baseline="count_map",
        fraction=0.01,
        level=0.95,
        over="52 weeks, A to B",
        events=900,
        **options,
    )


def test_better_only_with_the_whole_interval_above_zero():
    found = verdict(against("kernel_density", 2.0, 0.5, 3.5))
    assert (found.status, found.method) == ("better", "kernel_density")
    assert (found.difference, found.low, found.high) == (2.0, 0.5, 3.5)
    assert found.text == (
        "Over 52 weeks, A to B, 12.0 of every 100 reported incidents were in the 1 % of the area that kernel density "
        "ranked highest; 10.0 were in that of the count map. Its PAI (how many times as many as by chance) is 12.00 "
        "against 10.00, a difference of +2.00 (95 % interval: +0.50 to +3.50). "
        "The whole interval is above zero: kernel density is what is used."
    )


@pytest.mark.parametrize("low", [0.0, -0.1])
def test_no_better_where_the_interval_includes_zero(low):
    found = verdict(against("kernel_density", 2.0, low, 4.0))
    assert (found.status, found.method) == ("no better", "count_map")
    assert "The interval includes zero: the count map is what is used." in found.text


def test_worse_with_the_whole_interval_below_zero():
    found = verdict(against("kernel_density", -2.0, -3.0, -1.0))
    assert (found.status, found.method) == ("worse", "count_map")
    assert "The whole interval is below zero: the count map is what is used." in found.text


def test_of_several_better_ones_the_one_with_the_highest_lower_end():
    found = verdict(against("a", 5.0, 0.1, 9.0), against("b", 3.0, 1.0, 5.0), against("c", -2.0, -3.0, -1.0))
    assert (found.status, found.method, found.low) == ("better", "b", 1.0)
    # Another measured higher: it is not called the best.
    which = (
        "b (of the 3 methods tried against the count map, the one whose interval has the highest lower end)"
    )
    assert f"area that {which} ranked highest" in found.text
    assert "best" not in found.text
    assert "for all 3 at once" in found.text


def test_where_none_is_better_the_text_speaks_of_the_highest_measured():
    found = verdict(against("a", 0.5, -3.0, 4.0), against("b", 0.2, -0.1, 0.5))
    assert (found.status, found.difference) == ("no better", 0.5)
    assert (
        "a (of the 2 methods tried against the count map, the one with the most) ranked highest" in found.text
    )


def test_the_text_is_about_reports_not_about_what_a_method_does_to_people():
    text = verdict(against("kernel_density", 2.0, 0.5, 3.5)).text
    assert "reported incidents were in the 1 % of the area" in text
    assert not {"had", "caught", "got", "found", "hit"} & set(text.split())


def test_worse_only_if_all_are():
    assert verdict(against("a", -1.0, -2.0, -0.5), against("b", -2.0, -5.0, 1.0)).status == "no better"
    found = verdict(against("a", -1.0, -2.0, -0.5), against("b", -2.0, -5.0, -1.0))
    assert (found.status, found.difference) == ("worse", -1.0)


def test_where_the_nearest_is_worse_but_another_unclear_no_claim_about_zero_is_made():
    found = verdict(against("a", -1.0, -2.0, -0.5), against("b", -2.0, -5.0, 1.0))
    assert "includes zero" not in found.text
    assert "That does not show it to be better: the count map is what is used." in found.text


def test_too_little_data():
    found = verdict(against("a", 1.0, np.nan, np.nan))
    assert (found.status, found.method) == ("no better", "count_map")
    assert "too little data" in found.text
    assert found.to_dict()["low"] is None


def test_nothing_but_counting():
    found = verdict()
    assert (found.status, found.method) == ("no better", "count_map")
    assert "Nothing but the count map was tried" in found.text
    assert math.isnan(found.difference)
    assert found.to_dict()["difference"] is None


def test_to_dict_is_json():
    made = verdict(against("kernel_density", 2.0, 0.5, 3.5)).to_dict()
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert list(made) == [
        "status",
        "method",
        "text",
        "metric",
        "fraction",
        "difference",
        "low",
        "high",
        "level",
        "detectable",
        "hindsight",
        "parts",
    ]


ends = st.tuples(st.floats(-9, 9), st.floats(-9, 9), st.floats(-9, 9)).map(sorted)


@given(st.lists(ends, max_size=5))
def test_a_method_is_used_only_if_it_is_better(drawn):
    made = [against(f"m{i}", middle, low, high) for i, (low, middle, high) in enumerate(drawn)]
    found = verdict(*made)
    assert isinstance(found, Verdict)
    if found.status == "better":
        used = next(c for c in made if c.name == found.method)
        assert used.difference.low > 0
    else:
        assert found.method == "count_map"
        assert all(not c.difference.low > SMALLEST * 10 for c in made)
        assert found.text.endswith("the count map is what is used.")


def test_rounding_is_no_difference():
    dust = against("kde", 1e-12, 1e-13, 2e-12)
    found = judge([dust], baseline="count_map", fraction=0.01, level=0.95, over="10 weeks", events=900)
    assert (found.status, found.method) == ("no better", "count_map")


def test_few_reports_tell_nothing():
    clear = against("kde", 5.0, 4.0, 6.0)
    for events, status in ((49, "no better"), (50, "better")):
        found = judge(
            [clear], baseline="count_map", fraction=0.01, level=0.95, over="10 weeks", events=events
        )
        assert found.status == status
    assert np.isnan(judge([clear], baseline="c", fraction=0.01, level=0.95, over="o", events=8).difference)
    one, eight = (
        judge([clear], baseline="c", fraction=0.01, level=0.95, over="o", events=n).text for n in (1, 8)
    )
    assert "there was 1 report, fewer" in one
    assert "there were 8 reports, fewer" in eight


def test_the_best_of_the_counting_methods_is_the_one_to_beat():
    assert best_counting({"count_map": 6.1, "decayed_counts": 6.4, "kernel": 6.2}) == "decayed_counts"
    assert best_counting({"count_map": 6.1, "decayed_counts": 6.1}) == "count_map"
    assert best_counting({"count_map": math.nan, "decayed_counts": 0.0}) == "decayed_counts"
    assert best_counting({"count_map": math.nan}) == "count_map"


def test_counting_is_called_by_its_title():
    found = verdict(
        against("a", 2.0, -0.5, 3.5), against("b", 1.0, -0.5, 3.5), baseline_title="Counts with decay"
    )
    assert (
        "a (of the 2 methods tried against counting (counts with decay), the one with the most)" in found.text
    )
    assert "10.0 were in that of counting (counts with decay). " in found.text
    assert found.text.endswith("The interval includes zero: counting (counts with decay) is what is used.")
    assert "count map" not in found.text
    assert verdict(baseline_title="Counts with decay").text == (
        "Nothing but counting (counts with decay) was tried over 52 weeks, A to B: counting (counts with decay) is "
        "what is used."
    )


def test_power_and_hindsight_are_said_before_what_follows():
    found = verdict(against("kernel_density", 0.5, -0.4, 1.4), detectable=1.23, hindsight=12.5)
    assert (found.detectable, found.hindsight) == (1.23, 12.5)
    assert found.text.endswith(
        "(95 % interval: -0.40 to +1.40). With 52 weeks and 900 reports, a difference in PAI below 1.23 could not have "
        "been told from chance with any certainty: fewer than 80 of 100 such trials would have shown it. Counts that "
        "know the future as well, as no forecast can, come to a PAI of 12.50. The interval includes zero: the count "
        "map is what is used."
    )
    assert (found.to_dict()["detectable"], found.to_dict()["hindsight"]) == (1.23, 12.5)


@pytest.mark.parametrize(
    ("low", "high", "status"), [(0.5, 3.5, "better"), (-1.0, 5.0, "no better"), (-5.0, -1.0, "worse")]
)
def test_what_follows_is_one_clause_at_the_end_that_pages_may_cut(low, high, status):
    found = verdict(against("kernel_density", (low + high) / 2, low, high), detectable=1.2, hindsight=12.5)
    assert found.status == status
    cut = re.sub(r":\s[^:]*\bis what is used\.\s*$", ".", found.text)
    assert "is what is used" not in cut
    assert "12.50. " in cut


def test_the_power_is_that_of_the_challenger_that_the_text_speaks_of():
    a = replace(against("a", 5.0, 0.1, 9.0), detectable=7.0)
    b = replace(against("b", 3.0, 1.0, 5.0), detectable=3.0)
    found = verdict(a, b)
    assert (found.method, found.detectable) == ("b", 3.0)
    assert "a difference in PAI below 3.00 could" in found.text
    assert verdict(a, b, detectable=4.0).detectable == 4.0


def test_without_power_or_hindsight_nothing_is_said_of_them():
    found = verdict(against("a", 0.5, -0.4, 1.4))
    assert "certainty" not in found.text
    assert "future" not in found.text
    assert (found.to_dict()["detectable"], found.to_dict()["hindsight"]) == (None, None)
    few = judge([], baseline="c", fraction=0.01, level=0.95, over="o", events=8, hindsight=3.0)
    assert few.hindsight == 3.0


@given(
    st.lists(ends, max_size=4),
    st.sampled_from([None, 1.234]),
    st.sampled_from([None, 12.5]),
    st.integers(0, 99),
)
def test_the_text_is_its_parts_each_with_what_it_is_about(drawn, detectable, hindsight, events):
    made = [against(f"m{i}", middle, low, high) for i, (low, middle, high) in enumerate(drawn)]
    found = judge(
        made, baseline="count_map", fraction=0.01, level=0.95, over="10 weeks", events=events,
        detectable=detectable, hindsight=hindsight,
    )  # fmt: skip
    assert " ".join(text for _, text in found.parts) == found.text
    assert [part["about"] for part in found.to_dict()["parts"]] == [about for about, _ in found.parts]
    told = dict(found.parts)
    assert len(told) == len(found.parts)
    assert next(iter(told)) == "What came out"
    if drawn and events >= 50:
        assert "PAI" not in told["What came out"], "it is explained where it comes first"
        assert told["How sure that is"].startswith("Its PAI (how many times as many as by chance) is ")
        assert ("could not have been told" in told.get("What could not have been seen", "")) == bool(
            detectable
        )
        assert ("12.50" in told.get("With the future known", "")) == bool(hindsight)
        assert told["What follows"].endswith(" is what is used.")
