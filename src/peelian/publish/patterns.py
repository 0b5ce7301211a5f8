"""The page of a pattern: what was found and how sure that is, a picture, tables, and what it can't tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from peelian.publish import sources
from peelian.publish.origin import origin_words
from peelian.publish.pages import render
from peelian.publish.words import day, number, plural

__all__ = ["LEAD", "looked_at", "pattern_page"]

Result = Mapping[str, Any]

LEAD = "A lead for somebody to check. It is about reports and places, and says nothing about those who live there."


def looked_at(result: Result) -> str:
    """What was looked at, in a sentence: how many reports of what, from when to when, and how many are left out."""
    said = (
        f"{plural(result['incidents'], 'report')} of {sources.label(result['category'])} from {day(result['from'])} "
        f"up to {day(result['to'])}, without what officers found by their own activity."
    )
    if result.get("left_out"):
        said += f" {number(result['left_out'])} more lie outside of that time."
    return said


def pattern_page(
    result: Result,
    *,
    heading: str,
    parts: Sequence[Markup | None],
    sub: str = "",
    headline: str = "",
    lines: Sequence[str] = (),
    demonstration: bool = False,
) -> str:
    """The page of a pattern's result.

    Parameters
    ----------
    result : mapping
        As stored: ``sentence``, or several in ``sentences``, what matters most first; ``limits``, ``origin``, and of
        what it was looked for in (`looked_at`).
    heading : str
        What was looked for, such as ``"Hot places"``; the category is added.
    parts : sequence of Markup
        Figures and tables, in the order in which a reader asks; None is left out.
    sub : str
        In place of what was looked at.
    headline : str
        In place of the result's sentences.
    lines : sequence of str
        Under the headline.
    """
    first, *others = result.get("sentences") or [str(result["sentence"])]
    kind = sources.label(result["category"]) if result.get("category") else ""
    return render(
        "result.html",
        demonstration=demonstration,
        heading=f"{heading}: {kind}" if kind else heading,
        sub=sub or looked_at(result),
        headline=headline or first,
        lines=[*([] if headline else others), *lines, LEAD],
        notes=[str(note) for note in result.get("notes") or ()],
        about="this result",
        parts=[part for part in parts if part is not None],
        limits=[str(limit) for limit in result.get("limits") or ()],
        origin=origin_words(result.get("origin")),
    )
