"""The page of an audit: what is claimed, what was found and how sure that is, pictures, and what it can't tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from peelian.publish.burden import findings_table
from peelian.publish.origin import origin_words
from peelian.publish.pages import render

__all__ = ["audit_page_of", "claims", "standing_of"]

Result = Mapping[str, Any]

MOST = 60
"""Findings that the page lists; the result has all."""


def audit_page_of(
    result: Result,
    *,
    heading: str,
    sub: str,
    parts: Sequence[Markup | None] = (),
    claimed: Sequence[tuple[str, str]] = (),
    lines: Sequence[str] = (),
    demonstration: bool = False,
) -> str:
    """The page of an audit's result.

    Parameters
    ----------
    result : mapping
        As stored: ``sentences``, what matters most first; ``findings``, ``passes``, ``limits``, ``notes``, ``origin``.
    heading : str
        What was audited.
    sub : str
        Of what, and over which time.
    parts : sequence of Markup
        Figures and tables, in the order in which a reader asks; None is left out.
    claimed : sequence of (str, str)
        What is claimed: term and meaning, such as the estimand and each denominator.
    lines : sequence of str
        Under the headline, after the result's other sentences.
    """
    first, *others = [str(sentence) for sentence in result["sentences"]]
    findings = list(result.get("findings") or ())
    return render(
        "result.html",
        demonstration=demonstration,
        heading=heading,
        sub=sub,
        headline=first,
        lines=[*others, standing_of(result), *lines],
        notes=[str(note) for note in result.get("notes") or ()],
        about="this audit",
        parts=[*([claims(claimed)] if claimed else []), *(part for part in parts if part), _table(findings)],
        limits=[str(limit) for limit in result.get("limits") or ()],
        origin=origin_words(result.get("origin")),
    )


def standing_of(result: Result) -> str:
    """What the thresholds say, in a sentence."""
    held = [
        one for one in result.get("findings") or () if one.get("threshold") and one.get("passes") is not None
    ]
    if not held:
        return "Nobody had set a threshold for any of these numbers before they were seen, so none is held against one."
    beyond = [one for one in held if not one["passes"]]
    if not beyond:
        one = "The one number that" if len(held) == 1 else f"All {len(held)} numbers that"
        return f"{one} a threshold was set for beforehand {'is' if len(held) == 1 else 'are'} within it."
    named = "; ".join(f"{one['measure']}, {one['subject']}" for one in beyond[:3])
    more = f"; and {len(beyond) - 3} more" if len(beyond) > 3 else ""
    count = f"{len(beyond)} of {len(held)} held against one"
    return f"Beyond the threshold that was set beforehand: {named}{more} ({count})."


def claims(claimed: Sequence[tuple[str, str]]) -> Markup:
    """What is claimed, as a list of terms and meanings."""
    rows = Markup("").join(
        Markup("<dt>{}</dt><dd>{}</dd>").format(term, meaning) for term, meaning in claimed
    )
    return Markup(
        '<section aria-labelledby="claimed"><h2 id="claimed">What is claimed</h2><dl class="said">{}</dl></section>'
    ).format(rows)


def _table(findings: list[Result]) -> Markup | None:
    if not findings:
        return None
    table = findings_table(findings[:MOST])
    if len(findings) <= MOST:
        return table
    more = f"The first {MOST} of {len(findings)} findings; the result's record has all."
    return Markup("{}<p>{}</p>").format(table, more)
