from __future__ import annotations

from typing import Any

from peelian.publish.oversight import oversight_page


def sign(kind: str, what: str) -> dict[str, Any]:
    return {
        "sign": kind, "title": f"Title of {kind}", "what": what, "since": "2026-11-02T09:00:00Z",
        "why": f"Why {kind} matters", "todo": "ask <them>", "about": [],
    }  # fmt: skip


def result(*signs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "role": "overseer", "at": "2026-11-23T09:00:00Z", "signs": list(signs), "left_out": [],
        "limits": ["A sign is not a proof."], "origin": {"peelian": "0.1.0"}, **more,
    }  # fmt: skip


def test_each_kind_has_its_part_and_each_sign_its_row(page_checks):
    page = oversight_page(result(sign("quick", "one"), sign("quick", "two"), sign("halt", "three")))
    read = page_checks(page)
    headings = [text for level, text in read.headings if level == 2]
    assert headings[:3] == ["3 signs", "Title of quick", "Title of halt"]
    said = " ".join(" ".join(read.text).split())
    assert said.count("Why quick matters") == 1
    assert "ask <them>" in said
    assert "2 November 2026, 09:00 UTC" in said
    assert "A sign is not a proof." in said


def test_nothing_to_look_at_and_what_is_not_shown(page_checks):
    page = oversight_page(result(role="commander", left_out=["Many approvals in a row"]), demonstration=True)
    said = " ".join(" ".join(page_checks(page).text).split())
    assert "There is nothing to look at now" in said
    assert "Not shown to the commander: “Many approvals in a row”." in said
    assert "This is a demonstration" in said


def test_the_same_bytes_for_the_same_result():
    assert oversight_page(result(sign("halt", "x"))) == oversight_page(result(sign("halt", "x")))
