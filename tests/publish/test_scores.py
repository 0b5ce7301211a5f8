from __future__ import annotations

import copy
import re

import pytest

from peelian.publish.scores import scores_tables
from peelian.publish.trials import FUTURE
from peelian.publish.words import number


def method_of(trial, name):
    return next(m for m in trial["methods"] if m["name"] == name)


def test_every_score_is_in_a_table_with_methods_as_rows(town):
    trial = town["trial"]
    tables = str(scores_tables(trial))
    heads = [re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', t) for t in tables.split("<table")[1:]]
    assert heads == [
        ["Method", "Reports of 100", "PAI", "PEI*", "Log skill"],
        ["Method", "Reports of 100", "PAI", "PEI*"],
        ["Method", "Log score", "Log skill", "Full log skill", "CRPS"],
        ["Method", "Same places kept", "Recapture", "False alarms", "Misses"],
        ["Measure", "What it says"],
    ]
    assert tables.count(f'<th scope="row">{FUTURE}</th>') == 4, "in every table of scores"
    explained = set(re.findall(r'<th scope="row">([^<]*)</th>', tables.split("<table")[-1]))
    assert explained == {head for row in heads[:-1] for head in row[1:]}
    kernel = method_of(trial, "kernel_density")
    (row,) = re.findall(r'row">Kernel density</th>(.*?)</tr>', tables.split("<table")[1])
    said = [float(v.replace("−", "-")) for v in re.findall(r'"n">([−\d.]+)', row)]
    wanted = [kernel["scores"][m]["value"] for m in ("hit_rate", "pai", "pei", "log_skill")]
    assert said == pytest.approx([100 * wanted[0], *wanted[1:]], abs=0.051, rel=0.01)
    other = tables.split("<table")[2]
    assert number(kernel["scores"]["pai"]["by_fraction"]["0.1"]["value"]) in other


def test_a_score_that_is_missing_is_said_to_be_and_no_other(town):
    trial = copy.deepcopy(dict(town["trial"]))
    scores = method_of(trial, "kernel_density")["scores"]
    for name in ("hit_rate", "false_alarm_ratio"):
        scores[name]["by_fraction"]["0.05"] = {"value": None, "low": None, "high": None}
    scores["crps"] = {"value": None, "low": None, "high": None}
    assert str(scores_tables(trial)).count("not measured") == 3


def test_the_best_counting_and_the_method_in_use_are_marked(town):
    trial = town["trial"]
    assert ">Count map (best counting, in use)</th>" in scores_tables(trial, used="count_map")
    other = str(scores_tables(trial, used="kernel_density"))
    assert ">Count map (best counting)</th>" in other
    assert ">Kernel density (in use)</th>" in other


def test_intervals_are_of_the_trials_own_level_and_shares_are_percentages(town):
    trial = {**town["trial"], "level": 0.8}
    tables = str(scores_tables(trial))
    assert "80\N{NO-BREAK SPACE}% interval" in tables
    rows = tables.split("<table")[4]
    assert "Same places kept" in rows
    kept = method_of(trial, "kernel_density")["scores"]["stability"]["value"]
    assert re.search(rf"Kernel density</th><td[^>]*>{100 * kept:.0f}[.0-9]*\N{{NO-BREAK SPACE}}% \(", rows)


def test_without_counts_that_knew_the_future_nothing_is_said_of_them(town):
    without = {k: v for k, v in town["trial"].items() if k != "hindsight"}
    assert "future" not in scores_tables(without)


def test_counting_alone_has_its_table(town):
    alone = {**town["trial"], "methods": [method_of(town["trial"], "count_map")]}
    assert str(scores_tables(alone)).count(">Count map (best counting, in use)<") == 4
