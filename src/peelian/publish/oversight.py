"""The overseer's page: what there is to look at, why it matters, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from peelian.publish.charts import Table
from peelian.publish.origin import origin_words
from peelian.publish.pages import render
from peelian.publish.words import listing, moment, plural

__all__ = ["oversight_page"]

Result = Mapping[str, Any]


def oversight_page(result: Result, *, demonstration: bool = False) -> str:
    """The page of an ``oversight`` result.

    Parameters
    ----------
    result : mapping
        ``role``, ``at``, ``signs`` (each with ``sign``, ``title``, ``what``, ``since``, ``why``, ``todo``),
        ``left_out``, ``limits`` and ``origin``.
    demonstration : bool
        Put the banner on top that says that no agency took part.
    """
    found = list(result["signs"])
    kinds = list(dict.fromkeys(str(sign["sign"]) for sign in found))
    lines = [f"As the {result['role']} saw it on {moment(result['at'])}."]
    if result["left_out"]:
        hidden = listing([f"“{title}”" for title in result["left_out"]])
        lines.append(f"Not shown to the {result['role']}: {hidden}.")
    return render(
        "result.html",
        demonstration=demonstration,
        heading="What to look at",
        sub="For use inside the agency. A sign is not a proof: it says where to look and whom to ask.",
        headline=plural(len(found), "sign") if found else "There is nothing to look at now",
        lines=lines,
        parts=[
            _part(number, [sign for sign in found if sign["sign"] == kind])
            for number, kind in enumerate(kinds)
        ],
        limits=list(result["limits"]),
        origin=origin_words(result.get("origin")),
    )


def _part(number: int, found: Sequence[Result]) -> Markup:
    """All signs of one kind."""
    title, why = str(found[0]["title"]), str(found[0]["why"])
    rows = [[str(sign["what"]), moment(sign["since"]), str(sign["todo"])] for sign in found]
    table = Table(("What", "Since", "What can be done"), rows, ("words", "", "words"))
    return Markup(
        '<section aria-labelledby="sign{0}"><h2 id="sign{0}">{1}</h2><p>{2}</p>{3}</section>'
    ).format(number, title, why, table.html(f"{title}: {len(found)}"))
