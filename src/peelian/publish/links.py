"""The page of links: hypotheses, what speaks for each, candidate series, and how well this did where it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from markupsafe import Markup

from peelian.publish.charts import Table
from peelian.publish.link_trial import trial_parts
from peelian.publish.maps import map_figure
from peelian.publish.patterns import pattern_page
from peelian.publish.spots import Spot, spots_map
from peelian.publish.words import day, number, percent, plural
from peelian.records import Incidents

if TYPE_CHECKING:
    from peelian.places import Areas

__all__ = ["answers_part", "links_page"]

Result = Mapping[str, Any]

MOST = 25
"""Rows of a table on the page; the run's tables have the others."""
DRAWN = 200
"""Links on the map: the hypotheses."""


def links_page(
    result: Result,
    pairs: pd.DataFrame,
    candidates: pd.DataFrame,
    incidents: Incidents,
    *,
    areas: Areas | None = None,
    demonstration: bool = False,
) -> str:
    """The page of `peelian.workspace.links`.

    Parameters
    ----------
    result : mapping
        As stored.
    pairs, candidates : pandas.DataFrame
        As stored: all links, and all candidate series.
    incidents : Incidents
        Those that were looked at.
    areas : Areas, optional
        Outlined on the map.
    """
    learnt = result["model"] is not None
    trial = result["trial"]
    parts = [
        _map(pairs, candidates, incidents, areas) if len(pairs) else None,
        _links(result["pairs"], learnt=learnt),
        _series(candidates, learnt=learnt),
        _bands(result["bands"]),
        *([] if trial is None else trial_parts(trial)),
        answers_part(result["answers"]),
    ]
    lines = [result["trial_sentence"]] if result["trial_sentence"] else []
    lines.append(
        f"To confirm or reject one: peelian patterns confirm RUN {result['hypotheses'][0]['id']} --reason '...'"
        if result["hypotheses"]
        else "There is no hypothesis to confirm or to reject."
    )
    limits = [*result["limits"], *(trial["limits"] if trial else [])]
    return pattern_page(
        {**result, "limits": list(dict.fromkeys(limits))},
        heading="Linked reports" if learnt else "Reports nearer than chance",
        parts=parts,
        lines=lines,
        demonstration=demonstration,
    )


def _places(incidents: Incidents, ids: Sequence[str]) -> npt.NDArray[np.float64]:
    """Shape (n, 2), in CRS units."""
    at = pd.Index(incidents.frame["id"].astype(str)).get_indexer(pd.Index(list(ids), dtype=object))
    found: npt.NDArray[np.float64] = np.column_stack((incidents.x[at], incidents.y[at]))
    return found


def _map(
    pairs: pd.DataFrame, candidates: pd.DataFrame, incidents: Incidents, areas: Areas | None
) -> Markup | None:
    open_ = pairs[pairs["id"] != ""].head(DRAWN)
    named = candidates[candidates["id"] != ""].head(MOST)
    if open_.empty and named.empty:
        return None
    one, two = (_places(incidents, open_[end].tolist()) for end in ("one", "two"))
    spots, members = [], [np.concatenate((one, two))]
    for row in named.to_dict("records"):
        at = _places(incidents, row["ids"])
        middle = at.mean(axis=0)
        spots.append(
            Spot(
                float(middle[0]),
                float(middle[1]),
                float(row["metres"]) / 2,
                f"{row['id']}: {plural(row['incidents'], 'report')}",
            )
        )
        members.append(at)
    every = np.unique(np.concatenate(members), axis=0)
    title = "Where the likely links are"
    desc = (
        f"A map of {plural(len(open_), 'link')} between reports, as lines, and of {number(len(spots))} "
        "candidate series, numbered as in the table of series."
    )
    drawing = spots_map(
        incidents.crs,
        (*every.min(axis=0).tolist(), *every.max(axis=0).tolist()),
        title=title,
        desc=desc,
        heading="Hypotheses",
        areas=areas,
        spots=spots,
        spot_said="candidate series, with its number",
        points=(every[:, 0], every[:, 1]),
        points_said="report with a likely link",
        lines=np.column_stack((one, two)),
        lines_said="likely link",
    )
    note = (
        "A line is a hypothesis about two reports. It says nothing about who lives at either end, or between."
    )
    return map_figure(title, drawing, note)


def _links(rows: Sequence[Result], *, learnt: bool) -> Markup | None:
    """The likeliest links, each with what every feature adds."""
    if not rows:
        return None
    said = [
        [
            str(row["id"]),
            _likely(row["probability"]),
            f"{row['one']}, {day(row['day_one'])}; {row['two']}, {day(row['day_two'])}",
            f"{row['where']}: {_apart(row)}" if row["where"] else _apart(row),
            str(row["why"]),
        ]
        for row in rows
    ]
    share = "Probability" if learnt else "Not chance"
    columns = ("Link", share, "Reports", "Where", "What speaks for it, or against")
    caption = f"The {plural(len(said), 'likeliest link')} to confirm or reject"
    table = Table(columns, said, ("", "n", "words", "", "words")).html(caption)
    return Markup('<h2 id="links">Links</h2>{}{}').format(table, _reasons(rows))


def _apart(row: Result) -> str:
    days = number(row["days"], digits=1).removesuffix(".0")
    return f"{number(row['metres'], digits=0)} m, {days} {'day' if days == '1' else 'days'} apart"


def _likely(probability: float) -> str:
    """A probability as a percentage: none is certain."""
    return f"over {percent(0.99)}" if probability > 0.995 else percent(probability, digits=0)


def _reasons(rows: Sequence[Result]) -> Markup:
    """For each link what each feature adds for it or against it."""
    parts = []
    for row in rows:
        if not row["parts"]:
            continue
        said = [
            [str(part["text"]), "for" if part["adds"] >= 0 else "against", number(part["adds"], digits=2)]
            for part in row["parts"]
        ]
        columns = ("What", "It speaks", "Log odds that it adds")
        caption = f"{row['id']}: what each feature adds, the largest first"
        parts.append(Table(columns, said, ("words", "", "n")).html(caption))
    if not parts:
        return Markup("")
    return Markup("<details><summary>Link by link: what each feature adds</summary>{}</details>").format(
        Markup("").join(parts)
    )


def _series(candidates: pd.DataFrame, *, learnt: bool) -> Markup | None:
    rows = [row for row in candidates.to_dict("records") if row["incidents"] > 2]
    if not rows:
        return None
    rows.sort(key=lambda row: row["id"] == "")
    said = [
        [
            str(row["id"]) or "no name",
            number(row["incidents"]),
            f"{day(row['first'])} to {day(row['last'])}, {number(row['metres'], digits=0)} m across",
            _likely(row["probability"]),
            _likely(row["weakest"]),
            *([str(row["labels"])] if learnt else []),
            ", ".join(map(str, row["ids"][:8])) + (", ..." if row["incidents"] > 8 else ""),
        ]
        for row in rows[:MOST]
    ]
    of = ("Mean link", "Weakest") if learnt else ("Not chance, mean", "At the least")
    columns = (
        "Series",
        "Reports",
        "When and how wide",
        *of,
        *(("Beside the labels",) if learnt else ()),
        "Reports",
    )
    kinds = ("", "n", "", "n", "n", *(("",) if learnt else ()), "words")
    against = int(candidates["labels"].str.contains("keep apart").sum())
    note = (
        "A candidate series is what hangs together by likely links. The mean of its links is no promise that all of "
        "them hold: the longer it is, the likelier that one report does not belong."
    )
    if against:
        note += (
            f" {plural(against, 'candidate joins', 'candidates join')} series that the labels keep apart: either the "
            "link or the label is wrong there."
        )
    caption = f"{plural(len(said), 'candidate')} of three reports or more, of {number(len(rows))}"
    return Markup('<h2 id="series">Candidate series</h2><p class="note">{}</p>{}').format(
        note, Table(columns, said, kinds).html(caption)
    )


def _bands(rows: Sequence[Result] | None) -> Markup | None:
    """Without labels: at which distance and time pairs are more than chance."""
    if not rows:
        return None
    said = [
        [
            f"up to {number(row['metres'])} m, {plural(row['days'], 'day')}",
            number(row["observed"]),
            number(row["expected"], digits=1),
            f"{percent(row['share'])} ({percent(row['share_low'])} to {percent(row['share_high'])})",
            number(row["q"], digits=3),
        ]
        for row in rows[:MOST]
    ]
    columns = ("Apart", "Pairs", "By chance", "More than chance", "q")
    table = Table(columns, said, ("", "n", "n", "n", "n")).html(
        "How many of the pairs so near each other are more than chance"
    )
    return Markup('<h2 id="bands">How near is nearer than chance</h2>{}').format(table)


def answers_part(found: Result | None) -> Markup | None:
    """How hypotheses of earlier runs held, where people have answered any."""
    if found is None:
        return None
    return Markup('<h2 id="answers">How earlier hypotheses held</h2><p>{}</p><p class="note">{}</p>').format(
        found["sentence"], " ".join(found["limits"])
    )
