"""The page of a drift result, and what pages say of a method that is suspended."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from peelian.errors import UsageError
from peelian.publish import Series, bulletin, line_chart, public_page
from peelian.publish.choice import choice_made, suspended_words
from peelian.publish.drift import drift_page
from peelian.publish.trials import verdict_words

HELD = {
    "run": "drift-0012",
    "at": "2018-02-05T10:00:00Z",
    "role": "analyst",
    "by_hand": False,
    "method": "kernel_density",
}
BY_HAND = {**HELD, "run": "suspend-0013", "role": "overseer", "by_hand": True}


def result(**more: Any) -> dict[str, Any]:
    base = {
        "category": "burglary", "title": "Kernel density", "baseline_title": "Decayed counts", "status": "level",
        "trial": "trial-0003", "text": "It has not fallen behind counting.", "periods": 1, "fraction": 0.01, "gap": 0,
        "limit": 6.0, "suspension": None, "origin": {"peelian": "0.1.0", "data_version": "abc", "seed": 0},
        "watch": {"mean": 0.0, "sd": 1.3, "allowance": 0.25, "limit": 6.0, "run_length": 260.9},
        "watched_by": "trial-0001", "report": 0.75,
    }  # fmt: skip
    return base | more


def scores(sums: list[float]) -> pd.DataFrame:
    n = len(sums)
    start = pd.date_range("2018-01-01", periods=n, freq="7D").strftime("%Y-%m-%d")
    frame = pd.DataFrame(
        {"start": start, "reported": 20, "pai": 4.5, "counting_pai": 5.25, "difference": -0.75}
    )
    return frame.assign(sum=sums)


def test_the_page_is_accessible_and_asks_for_nothing(page_checks) -> None:
    page = drift_page(result(), scores([0.0, 1.5, 0.3]))
    page_checks(page)
    assert "Kernel density keeps up with counting" in page
    assert "Burglary: does the method keep up with counting?" in page
    assert "on 3 periods so far, 1 of which is new" in page
    assert "Never over the limit." in page
    assert "0.75 for each that one of the two holds more" in page
    assert re.search(r"told how far differences scatter</t[dh]>\s*<td[^>]*>trial-0001", page)
    assert "<circle" not in page
    assert "Until a person lifts it" not in page


def test_an_alarm_is_drawn_where_the_sum_passes_the_limit(page_checks) -> None:
    page = drift_page(result(status="alarm", text="It fell behind."), scores([1.0, 5.0, 7.0, 9.0]))
    page_checks(page)
    assert "Kernel density has fallen behind counting, and is suspended" in page
    assert "The dot is the first period over the limit: that of 15 January 2018." in page
    assert page.count("<circle") == 1
    assert "Until a person lifts it, forecasts of these reports are made by counting" in page


def test_what_suspends_it_is_said_first() -> None:
    page = drift_page(result(status="suspended", suspension=BY_HAND), scores([0.0]), demonstration=True)
    assert "Kernel density is suspended: counting is used" in page
    assert "The overseer suspended it on 5 February 2018 (suspend-0013)." in page
    assert "emonstration" in page


def test_a_period_without_a_report_has_no_score() -> None:
    frame = scores([0.0, 0.0]).astype({"reported": int})
    frame.loc[1, ["reported", "pai", "counting_pai", "difference"]] = [
        0,
        float("nan"),
        float("nan"),
        float("nan"),
    ]
    page = drift_page(result(), frame)
    assert page.count("no report</td>") == 3
    assert not re.search(r"\bnan\b", page, re.IGNORECASE)


def test_the_same_result_gives_the_same_bytes() -> None:
    assert drift_page(result(), scores([0.1, 0.2])) == drift_page(result(), scores([0.1, 0.2]))


def test_the_limit_is_always_within_the_drawing() -> None:
    drawing = str(
        line_chart(
            Series("s", ["a", "b"], [0.0, 0.5]), title="t", desc="d", unit="u", limit=(6.0, "the limit")
        )
    )
    (dashed,) = re.findall(r'<line [^>]*y1="([\d.]+)"[^>]*stroke-dasharray="4 3"', drawing)
    assert 28 <= float(dashed) <= 200
    assert "dashed: the limit" in drawing
    with pytest.raises(UsageError):
        line_chart(Series("s", ["a"], [0.0]), title="t", desc="d", unit="u", limit=(6.0, "the limit"))


# --- what other pages say -------------------------------------------------------------------------------------

TRIAL = {
    "methods": [
        {"name": "count_map", "title": "Count map", "counting": True},
        {"name": "decayed_counts", "title": "Decayed counts", "counting": True},
        {"name": "kernel_density", "title": "Kernel density", "counting": False},
    ]
}
BETTER = {"status": "better", "method": "kernel_density", "text": "Tried: kernel density is what is used."}
NONE = {"status": "no better", "method": "decayed_counts", "text": "Tried: counting is what is used."}


def test_counting_in_place_of_a_suspended_method_is_not_a_choice_by_hand() -> None:
    choice = choice_made("decayed_counts", TRIAL, BETTER, suspension=HELD)
    assert choice.case == "suspended"
    assert (choice.by_hand, choice.stopped, choice.followed) == (False, False, False)
    assert choice.sentence == (
        "Kernel density did better in the test. It was suspended on 5 February 2018 (drift-0012), as it had fallen "
        "behind counting since its test. Until a person lifts that, we count."
    )
    assert "is suspended since" in choice.headline
    assert choice.told_text(BETTER) == "Tried."
    assert choice.plain == "It is simple counting: the better method is suspended"


def test_a_method_that_was_suspended_after_it_was_used() -> None:
    choice = choice_made("kernel_density", TRIAL, BETTER, suspension=BY_HAND)
    assert choice.stopped
    assert (choice.by_hand, choice.followed) == (False, False)
    assert "no longer used. The overseer suspended it on 5 February 2018 (suspend-0013)." in choice.sentence
    assert choice.headline == "Kernel density was used, and has been suspended since"
    by_hand = choice_made("kernel_density", TRIAL, NONE, suspension=BY_HAND)
    assert by_hand.by_hand
    assert by_hand.stopped
    assert (
        "it was chosen by hand all the same. This method (kernel density) is no longer used"
        in by_hand.sentence
    )
    assert choice_made("kernel_density", None, None, suspension=BY_HAND).stopped


@pytest.mark.parametrize("verdict", [NONE, None])
def test_what_counts_anyway_is_untouched_by_a_suspension(verdict: dict[str, str] | None) -> None:
    used = "decayed_counts" if verdict else "count_map"
    assert choice_made(used, TRIAL, verdict, suspension=HELD) == choice_made(used, TRIAL, verdict)
    assert choice_made(used, TRIAL, verdict).followed


def test_another_way_of_counting_is_by_hand_with_or_without_a_suspension() -> None:
    assert choice_made("count_map", TRIAL, NONE, suspension=HELD).case == "another count"


def test_words_of_a_suspension() -> None:
    assert suspended_words(BY_HAND) == "The overseer suspended it on 5 February 2018 (suspend-0013)."
    assert "fallen behind counting" in suspended_words(HELD)
    said = verdict_words(
        {"verdict": BETTER, "methods": ()}, choice_made("count_map", None, BETTER, suspension=HELD)
    )
    assert said["by_hand"].startswith("Kernel density did better in the test.")


def test_pages_of_a_plan_by_counting_need_no_word_on_what_stands_now(evidence) -> None:
    told = replace(evidence, suspension=BY_HAND)
    assert evidence.plan["method"] == "count_map"
    assert (bulletin(told), public_page(told)) == (bulletin(evidence), public_page(evidence))


def test_the_bulletin_and_the_public_page_tell_that_a_method_was_stopped(evidence, page_checks) -> None:
    told = replace(evidence, plan={**evidence.plan, "method": "kernel_density"}, suspension=BY_HAND)
    for page in (bulletin(told), public_page(told)):
        page_checks(page)
        assert "The overseer suspended it on 5 February 2018 (suspend-0013)." in page
    assert "We can&#39;t say: the method was suspended" in public_page(told)
    assert "So we use that method" not in public_page(told)


def test_the_bulletin_and_the_public_page_tell_why_counting_is_used(evidence, page_checks) -> None:
    verdict = {**evidence.trial["verdict"], "status": "better", "method": "kernel_density"}
    told = replace(
        evidence,
        trial={**evidence.trial, "verdict": verdict},
        forecast={"method": "count_map", "verdict": verdict, "suspension": HELD},
    )
    for page in (bulletin(told), public_page(told)):
        page_checks(page)
        assert "did better in the test. It was suspended on 5 February 2018 (drift-0012)" in page
        assert "chosen by hand" not in page
        assert "So we use that method" not in page
