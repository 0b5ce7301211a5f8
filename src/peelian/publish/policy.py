"""The page of the rules: which are in force, and every change of them with its reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from peelian.publish.charts import Table
from peelian.publish.pages import render
from peelian.publish.words import day, listing, moment, plural

__all__ = ["policy_page"]

EFFECTS = {"permit": "allows", "forbid": "forbids"}
STATES = {
    "proposed": "Proposed: two people in different roles have not approved it yet.",
    "approved": "Approved by two people; in force from its day on.",
    "in force": "In force.",
    "replaced": "It was in force until a later change.",
    "refused": "Refused; nothing changed.",
    "outdated": "Closed: another change came first.",
}


def policy_page(
    rules: Sequence[Mapping[str, Any]],
    changes: Sequence[Mapping[str, Any]],
    *,
    agency: str,
    contact: str = "",
    origin: Mapping[str, str] | None = None,
    demonstration: bool = False,
) -> str:
    """The page ``policy.html`` of the public site.

    Parameters
    ----------
    rules : sequence of mappings
        ``id``, ``effect``, ``file``, ``reason``, ``remedy``, ``reference`` and ``hard``, whether it is the charter's.
    changes : sequence of mappings
        As `peelian.workspace.policies.proposals` gives them, each with ``diff``.
    origin : mapping of str to str, optional
        What is said at the end: from which run the rules are, their hash.

    Raises
    ------
    CheckError
        A word in a rule is never published.
    """
    hard = [rule for rule in rules if rule["hard"]]
    own = [rule for rule in rules if not rule["hard"]]
    asked = f" Who thinks a rule is wrong can say so: {contact}." if contact else ""
    return render(
        "result.html",
        public=True,
        demonstration=demonstration,
        heading="The rules that the software goes by",
        sub=f"{agency}. What no rule allows is denied, and what one forbids is denied whatever others allow.",
        headline=f"{plural(len(rules), 'rule is', 'rules are')} in force",
        lines=[
            f"{plural(len(hard), 'is', 'are')} the charter's: they only forbid, and nobody here can remove them.",
            (
                "The others change by decision: somebody proposes a change with a reason, two other people in "
                f"different roles approve it, and it is on this page from its first day on.{asked}"
            ),
        ],
        parts=[
            _rules("What the charter forbids", "hard", hard),
            _rules("What this agency's rules say", "own", own),
            _changes(changes),
        ],
        limits=["Rules say what may be done. What was done is in the ledger."],
        origin=list((origin or {}).items()),
    )


def _rules(title: str, anchor: str, rules: Sequence[Mapping[str, Any]]) -> Markup:
    rows = [
        [
            str(rule["id"]),
            EFFECTS.get(str(rule["effect"]), str(rule["effect"])),
            str(rule["reason"] or ""),
            str(rule["reference"] or ""),
            str(rule["file"]),
        ]
        for rule in rules
    ]
    columns = ("Rule", "It", "Why", "It rests on", "File")
    table = Table(columns, rows, ("", "", "words", "words", "")).html(title)
    return Markup('<section aria-labelledby="{0}"><h2 id="{0}">{1}</h2>{2}</section>').format(
        anchor, title, table
    )


def _changes(changes: Sequence[Mapping[str, Any]]) -> Markup:
    shown = Markup("").join(_change(change) for change in reversed(changes)) or Markup(
        "<p>No change was proposed.</p>"
    )
    head = Markup(
        '<section aria-labelledby="changes"><h2 id="changes">Changes, the latest first</h2>{}</section>'
    )
    return head.format(shown)


def _change(change: Mapping[str, Any]) -> Markup:
    # What people wrote is quoted: a reader, and the check of our own words, can tell it from what the software says.
    said = [("Why", change)]
    said += [("A comment", given) for given in change["comments"]]
    said += [("Approved", given) for given in change["approvals"]]
    said += [("Refused", change["refusal"])] if change["refusal"] else []
    quotes = Markup("").join(
        Markup("<p>{}, by the {}, {}:</p><blockquote>{}</blockquote>").format(
            what, given["role"], moment(given["at"]), given["reason"]
        )
        for what, given in said
    )
    files = [f"{listing(names)} {word}" for word, names in _files(change) if names]
    facts = Markup("<p>{} {} From {} on. {}.</p>").format(
        f"{change['run']}:", STATES[str(change["state"])], day(change["effective"]), "; ".join(files)
    )
    diff = Markup(
        "<details><summary>Word for word</summary><blockquote><pre>{}</pre></blockquote></details>"
    ).format(change["diff"])
    return Markup('<div class="box">{}{}{}</div>').format(facts, quotes, diff)


def _files(change: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    return [("changed or added", list(change["changed"])), ("removed", list(change["removed"]))]
