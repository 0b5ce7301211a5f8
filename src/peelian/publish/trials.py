"""What a trial says, for a page: the verdict in words, its charts and its tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from peelian.publish.charts import Bar, Table, bar_chart, chart_with_table, interval_chart, interval_table
from peelian.publish.choice import COUNTING, Choice, method_title
from peelian.publish.words import interval, number, percent, plural, spread

__all__ = [
    "caught_figure",
    "difference_figure",
    "method_title",
    "primary_fraction",
    "scores_table",
    "trial_figures",
    "trial_notes",
    "verdict_words",
]

Result = Mapping[str, Any]

METRICS = {
    "hit_rate": "Share of reports in the places picked",
    "pai": "Times better than chance (PAI)",
    "pei": "Share of the best possible (PEI)",
    "log_score": "Poisson log score, nats a report (higher is better)",
    "log_skill": "Poisson log skill against a uniform map (higher is better)",
    "crps": "CRPS (lower is better)",
}
HEADLINES = {
    "better": "{method} did better than plain counting{where}, and is used",
    "no better": "No method was shown to do better than plain counting{where}, so counting is used",
    "worse": "The other methods did worse than plain counting{where}, so counting is used",
}


def verdict_words(trial: Result | None, choice: Choice | None = None) -> dict[str, str]:
    """The verdict as ``status``, ``headline``, ``text`` and ``by_hand``; honest where no trial was run.

    Parameters
    ----------
    trial : mapping, optional
        With its ``verdict``.
    choice : Choice, optional
        The method in use. Where it is another than the verdict's, the headline is about it, the text leaves out what
        follows from the verdict, and ``by_hand`` says that it was chosen all the same.
    """
    choice = choice or Choice()
    if trial is None:
        text = (
            "No trial was run that speaks for this forecast: nobody knows how well it does. Read it as a summary of "
            "past reports."
        )
        headline = choice.headline or "This forecast has not been tried"
        return {"status": "not tried", "headline": headline, "text": text, "by_hand": choice.sentence}
    verdict = trial["verdict"]
    status = str(verdict["status"])
    title = method_title(trial, str(verdict["method"]))
    headline = HEADLINES.get(status, "The verdict is: " + status).format(method=title, where=_where(trial))
    return {
        "status": status,
        "headline": choice.headline or headline,
        "text": choice.told_text(verdict),
        "by_hand": choice.sentence,
    }


def _where(trial: Result) -> str:
    """The share of the area that the verdict is about, as a part of a sentence; empty where nothing tells it."""
    told = trial["verdict"].get("fraction") is not None
    share = trial["verdict"]["fraction"] if told else primary_fraction(trial) if trial["methods"] else None
    return "" if share is None else f" at picking {percent(float(share))} of the area"


def trial_notes(trial: Result | None) -> list[str]:
    """What the trial itself says that its reader must know, each sentence once; none without a trial."""
    notes = [str(note).strip() for note in (trial or {}).get("notes") or ()]
    return [note for note in dict.fromkeys(notes) if note]


def primary_fraction(trial: Result) -> str:
    """The share of the area that the verdict is about, as the key of the scores."""
    wanted = trial["verdict"].get("fraction")
    keys = [str(k) for m in trial["methods"] for k in m["scores"].get("hit_rate", {})]
    for key in keys:
        if wanted is not None and abs(float(key) - float(wanted)) < 1e-12:
            return key
    return keys[0] if keys else "0.01"


def _bar(title: str, score: Result | None, *, strong: bool, scale: float = 1.0, middle: str = "value") -> Bar:
    if score is None or score.get(middle) is None:
        return Bar(title, None, note="not measured", strong=strong)
    ends = [None if score.get(k) is None else scale * float(score[k]) for k in ("low", "high")]
    return Bar(title, scale * float(score[middle]), ends[0], ends[1], strong=strong)


def _used(trial: Result, used: str) -> str:
    return used or str(trial["verdict"]["method"])


def _level(trial: Result) -> Any:
    """Of the intervals of the scores and of each difference."""
    return trial.get("level", trial["verdict"].get("level"))


def _mark_note(trial: Result, used: str) -> str:
    """What the dark row stands for."""
    if not used:
        return "Dark: the method that the verdict names."
    if any(m["name"] == used for m in trial["methods"]):
        return "Dark: the method in use."
    return "The method in use was not in this test, so none is dark."


def caught_figure(trial: Result, *, plain: bool = False, used: str = "") -> Markup:
    """Of 100 reports, how many fell in the small part of the area that each method had picked beforehand.

    Parameters
    ----------
    plain : bool
        Call the count map what it is: simple counting.
    used : str
        Name of the method in use, which is drawn dark; without it, the verdict's is.
    """
    key = primary_fraction(trial)
    rows = [
        _bar(
            "Simple counting" if plain and m["name"] == COUNTING else method_title(trial, m["name"]),
            m["scores"]["hit_rate"].get(key),
            strong=m["name"] == _used(trial, used),
            scale=100.0,
        )
        for m in trial["methods"]
    ]
    share = percent(float(key))
    said = "; ".join(
        f"{r.label}: {number(r.value)} ({interval(r.low, r.high)})" for r in rows if r.value is not None
    )
    title = f"Of 100 reports, how many came from the {share} of the area that each method had picked"
    drawing = bar_chart(rows, title=title, desc=f"Reports of 100. {said}.", unit="reports of 100")
    table = interval_table(rows, first="Method", value="Reports of 100", level=_level(trial))
    tried = plural(trial["origins"], "past period")
    note = f"{_mark_note(trial, used)} Measured on {tried} that the methods had not seen."
    return chart_with_table(drawing, table, caption=title, note=note)


def difference_figure(trial: Result, *, used: str = "") -> Markup | None:
    """Each method's difference from counting, with its interval; None where counting is alone."""
    key = primary_fraction(trial)
    others = [m for m in trial["methods"] if m["name"] != COUNTING]
    if not others:
        return None
    rows = [
        _bar(
            method_title(trial, m["name"]),
            (m.get("versus_counts") or {}).get("pai", {}).get(key),
            strong=m["name"] == _used(trial, used),
            middle="difference",
        )
        for m in others
    ]
    title = f"Difference from counting, at {percent(float(key))} of the area"
    said = "; ".join(
        f"{r.label}: {number(r.value)} ({interval(r.low, r.high)})" for r in rows if r.value is not None
    )
    drawing = interval_chart(
        rows,
        title=title,
        desc=f"Difference in PAI from the count map. {said}.",
        unit="difference in PAI (right of the line: better than counting)",
        reference=0.0,
        reference_label="same as counting",
    )
    table = interval_table(
        rows,
        first="Method",
        value="Difference in PAI",
        level=_level(trial),
    )
    note = "Where the line through the dot crosses the dashed line, the trial can't tell the two apart."
    if len(others) > 1:
        note += (
            f" Each interval stands for itself; the verdict looks at all {number(len(others))} at once and takes wider "
            "ones, so that trying many makes none win by luck."
        )
    return chart_with_table(drawing, table, caption=title, note=note)


def trial_figures(trial: Result | None, *, used: str = "") -> list[Markup]:
    """The charts of a trial, the method in use dark; none without a trial."""
    if trial is None:
        return []
    figures = (caught_figure(trial, used=used), difference_figure(trial, used=used))
    return [figure for figure in figures if figure is not None]


def _cell(score: Result | None) -> str:
    if score is None or score.get("value") is None:
        return "not measured"
    ends = f" ({interval(score['low'], score['high'])})" if score.get("low") is not None else ""
    return number(score["value"]) + ends


def scores_table(trial: Result) -> Markup:
    """Every score of every method, with its interval."""
    rows = []
    for name, title in METRICS.items():
        held = [m["scores"].get(name) for m in trial["methods"]]
        if all(h is None for h in held):
            continue
        if any(isinstance(h, Mapping) and "value" not in h for h in held):
            keys = sorted({str(k) for h in held if h for k in h}, key=float)
            rows += [
                [f"{title}, {percent(float(k))} of the area", *[_cell((h or {}).get(k)) for h in held]]
                for k in keys
            ]
        else:
            rows.append([title, *[_cell(h) for h in held]])
    columns = ["Measure", *[method_title(trial, m["name"]) for m in trial["methods"]]]
    table = Table(columns, rows, ("", *["n"] * (len(columns) - 1)))
    return table.html(f"All scores, each with its {spread(_level(trial))} in brackets")
