"""What every page of an audit says: what is claimed, what was found, what the thresholds say, what it can't tell."""

from __future__ import annotations

from typing import Any

import pytest

from peelian.audits.finding import Finding, Threshold
from peelian.errors import CheckError
from peelian.publish.audits import MOST, audit_page_of, standing_of
from peelian.publish.wording import visible_text

BOARD = Threshold(1.25, "the oversight board", "2026-03-01")


def finding(name: str, *, value: float | None = 1.5, passes: bool | None = None) -> dict[str, Any]:
    made = Finding(
        id=f"exposure_ratio/{name}",
        measure="exposure ratio",
        subject=f"{name} to the reference",
        value=value,
        low=None if value is None else value - 0.25,
        high=None if value is None else value + 0.25,
        level=0.95,
        threshold=None if passes is None else BOARD,
        passes=passes,
        limits=("Too few blocks.",) if value is None else (),
    )
    return made.to_dict()


def result(*findings: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = {"sentences": ["The headline.", "The second sentence."], "limits": ["It can't tell why."]}
    return {**said, "findings": list(findings), "passes": None, "notes": [], "origin": {"seed": 7}, **more}


def test_the_page_holds_all_that_a_reader_asks() -> None:
    page = audit_page_of(
        result(finding("one", passes=False), finding("two", value=None), notes=["Set too late."]),
        heading="An audit",
        sub="Of one year",
        claimed=[("Exposure", "hours where the average resident lives")],
        lines=["One more line."],
    )
    said = visible_text(page)
    for expected in (
        "An audit",
        "Of one year",
        "The headline.",
        "The second sentence.",
        "One more line.",
        "Set too late.",
        "hours where the average resident lives",
        "1.25 to 1.75",
        "by the oversight board on 2026-03-01 (beyond)",
        "no number",
        "It can't tell why.",
    ):
        assert expected in said, expected
    assert said.index("The headline.") < said.index("What is claimed") < said.index("no number")


@pytest.mark.parametrize(
    ("passes", "expected"),
    [
        ([], "none is held against one"),
        ([None, None], "none is held against one"),
        ([True], "The one number that a threshold was set for beforehand is within it."),
        ([True, True, None], "All 2 numbers that a threshold was set for beforehand are within it."),
        (
            [True, False],
            "Beyond the threshold that was set beforehand: exposure ratio, b to the reference (1 of 2",
        ),
        ([False] * 5, "and 2 more (5 of 5 held against one)."),
    ],
)
def test_what_the_thresholds_say(passes: list[bool | None], expected: str) -> None:
    found = [finding("abcde"[i], passes=held) for i, held in enumerate(passes)]
    assert expected in standing_of({"findings": found})


def test_a_number_that_there_is_not_is_held_against_nothing() -> None:
    empty = {**finding("a", value=None), "threshold": BOARD.to_dict()}
    assert "none is held against one" in standing_of({"findings": [empty]})


def test_of_many_findings_the_page_says_that_there_are_more() -> None:
    page = audit_page_of(
        result(*(finding(f"group{i:03}") for i in range(MOST + 3))), heading="An audit", sub="Of much"
    )
    said = visible_text(page)
    assert f"The first {MOST} of {MOST + 3} findings" in said
    assert f"group{MOST - 1:03} " in said
    assert f"group{MOST:03} " not in said


def test_words_that_are_never_published_stop_it() -> None:
    with pytest.raises(CheckError, match="never published"):
        audit_page_of(result(sentences=["This is unbiased."]), heading="An audit", sub="Of words")


def test_what_comes_from_outside_is_escaped() -> None:
    page = audit_page_of(result(finding("<script>alert(1)</script>")), heading="An audit", sub="<b>of</b>")
    assert "<script>alert" not in page
    assert "<b>of</b>" not in page
