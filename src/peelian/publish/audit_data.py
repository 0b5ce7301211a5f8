"""The page of the audit of the data: what stands out first, what would have been seen, and each look with its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from peelian.places import Areas, Grid
from peelian.publish import sources
from peelian.publish.audit_data_looks import (
    coding_parts,
    delay_parts,
    digit_parts,
    missing_parts,
    officer_parts,
    regular_parts,
)
from peelian.publish.audit_data_signs import poison_parts, stretch_parts
from peelian.publish.audits import audit_page_of
from peelian.publish.words import day, number, percent, plural

__all__ = ["audit_data_page"]

Result = Mapping[str, Any]
Tables = Mapping[str, pd.DataFrame]
Rows = Sequence[Mapping[str, Any]]


HEADS = {
    "manipulation": "Stretches of weeks unlike the others",
    "poisoning": "What would have been found",
    "coding": "Changes in coding",
    "missingness": "What is missing",
    "officer_share": "Officers' own records",
    "delay": "Delay",
    "regularity": "Places that are too regular",
    "digits": "Digits",
}


def audit_data_page(
    result: Result,
    tables: Tables,
    *,
    grid: Grid | None = None,
    areas: Areas | None = None,
    demonstration: bool = False,
) -> str:
    """The page of `peelian.workspace.audit_data`.

    Parameters
    ----------
    result : mapping
        As stored.
    tables : mapping of str to pandas.DataFrame
        By part and name, such as ``coding_steps``: as `peelian.audits.dataset.DataAudit.tables`.
    grid : Grid, optional
        Of the cells, for the map.
    areas : Areas, optional
        Outlined on the map.
    """
    found: list[Markup | None] = []
    for name, part in result["parts"].items():
        found.append(_head(name, part))
        found += _PARTS[name](part, tables, grid, areas)
        found.append(_limits(part))
    return audit_page_of(
        {**result, "sentences": [result["sentences"][0]]},
        heading="Audit of the data",
        sub=_sub(result),
        parts=found,
        claimed=_claimed(result),
        lines=["It is about records and places, and says nothing about those who live there."],
        demonstration=demonstration,
    )


def _sub(result: Result) -> str:
    s = result["settings"]
    return (
        f"{plural(result['records'], 'record')} of "
        f"{sources.label(', '.join(result.get('sources') or ['the records']))}, by {s['step']} from "
        f"{day(s['from'])} up to {day(s['to'])}, in {number(s['cells'])} cells and "
        f"{plural(s['areas'], s['area_word'], s['area_word'].replace('area', 'areas').replace('square', 'squares'))}."
    )


def _claimed(result: Result) -> list[tuple[str, str]]:
    s = result["settings"]
    rate = percent(s["rate"])
    said = [
        (
            "Stands out",
            (
                f"It is less likely by chance than a false-discovery rate of {rate} among all that was "
                f"looked at the same way allows: of what stands out, about {rate} is chance if all scatter alike, and "
                "of stretches of weeks more (see what this can't tell)."
            ),
        ),
        (
            "What chance is",
            (
                "What the other places, weeks and areas show, with as much scatter as they have: not what "
                "a textbook city would show."
            ),
        ),
        ("Records", "All that are stored, with officers' own activity only where it is named."),
        (
            "Where a group lives",
            (
                "The mean over the group's residents of a number of their own area. It is about areas, and not about "
                "anyone who lives there."
            ),
        ),
    ]
    if s["poison"]:
        said.append(
            (
                "Found in 80 % of places",
                (
                    f"Each kind of manipulation is planted in {number(s['placements'])} random places of "
                    "these records, and looked for with the same tests."
                ),
            )
        )
    return said


def _head(name: str, part: Result) -> Markup:
    sentences = list(part["sentences"])
    if name == "poisoning":  # the others are the rows of the table
        sentences = [sentences[0], *([sentences[-1]] if "furthest" in sentences[-1] else [])]
    said = Markup("").join(Markup("<p>{}</p>").format(sentence) for sentence in sentences)
    return Markup('<h2 id="{}">{}</h2>{}').format(name, HEADS[name], said)


def _limits(part: Result) -> Markup:
    items = Markup("").join(Markup("<li>{}</li>").format(one) for one in part["limits"])
    return Markup("<details><summary>What this part can't tell</summary><ul>{}</ul></details>").format(items)


_PARTS = {
    "manipulation": stretch_parts,
    "poisoning": poison_parts,
    "coding": coding_parts,
    "missingness": missing_parts,
    "officer_share": officer_parts,
    "delay": delay_parts,
    "regularity": regular_parts,
    "digits": digit_parts,
}
