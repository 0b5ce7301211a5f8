"""What a trial says, for a page: the verdict in words, and its charts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from peelian.publish.charts import Bar, Table, bar_chart, chart_with_table, interval_chart, interval_table
from peelian.publish.choice import Choice, counting_of, is_counting, method_title
from peelian.publish.words import interval, number, percent, plural, spread

__all__ = [
    "FORESIGHT",
    "FUTURE",
    "at_fraction",
    "caught_figure",
    "difference_figure",
    "in_order",
    "method_title",
    "primary_fraction",
    "trial_figures",
    "trial_notes",
    "verdict_words",
]

Result = Mapping[str, Any]

BRIEF = 4
"""Methods that a chart for a reader without much time shows; its table has them all."""

FUTURE = "Counts that knew the future (no forecast)"
FORESIGHT = (
    "Counts that knew the future are no forecast: to expect a period, they look at those before and after it. They "
    "show about how much room is left above a method that doesn't react to what changed lately; one that does may pass "
    "them."
)
HEADLINES = {
    "better": "{method} did better than plain counting{where}, and is used",
    "no better": "No method was shown to do better than plain counting{where}, so counting is used ({told})",
    "worse": "The other methods did worse than plain counting{where}, so counting is used ({told})",
}


def verdict_words(trial: Result | None, choice: Choice | None = None) -> dict[str, Any]:
    """The verdict as ``status``, ``headline``, ``text``, ``parts`` of it and ``by_hand``; honest without a trial.

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
        return {
            "status": "not tried", "headline": headline, "text": text, "parts": [("", text)],
            "by_hand": choice.sentence,
        }  # fmt: skip
    verdict = trial["verdict"]
    status = str(verdict["status"])
    title = method_title(trial, str(verdict["method"]))
    told = title[:1].lower() + title[1:]
    headline = HEADLINES.get(status, "The verdict is: " + status)
    headline = headline.format(method=title, told=told, where=_where(trial))
    return {
        "status": status,
        "headline": choice.headline or headline,
        "text": choice.told_text(verdict),
        "parts": choice.told_parts(verdict),
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
    keys = [
        str(k) for m in trial["methods"] for k in (m["scores"].get("hit_rate") or {}).get("by_fraction", {})
    ]
    for key in keys:
        if wanted is not None and abs(float(key) - float(wanted)) < 1e-12:
            return key
    return keys[0] if keys else "0.01"


def at_fraction(score: Result | None, key: str) -> Result:
    """A score at a share of the area; one that knows no share is itself; nothing where there is none."""
    if not score:
        return {}
    found: Result = score["by_fraction"].get(key) or {} if "by_fraction" in score else score
    return found


def in_order(trial: Result) -> list[Result]:
    """The methods: first the best of those that count, then from the highest PAI to the lowest."""
    key, first = primary_fraction(trial), counting_of(trial)

    def height(method: Result) -> float:
        value = at_fraction(method["scores"].get("pai") or method["scores"].get("hit_rate"), key).get("value")
        return -math.inf if value is None else float(value)

    return sorted(trial["methods"], key=lambda m: (str(m["name"]) != first, -height(m), str(m["name"])))


def _drawn(trial: Result, used: str, *, brief: bool) -> list[Result]:
    """What a chart shows: all, or the best counting, the method in use and the best of the others."""
    methods = in_order(trial)
    if not brief:
        return methods
    named = {counting_of(trial), _used(trial, used)}
    others = [m for m in methods if str(m["name"]) not in named and not is_counting(str(m["name"]), trial)]
    few = [m for m in methods if str(m["name"]) in named]
    kept = {str(m["name"]) for m in [*few, *others][:BRIEF]}
    return [m for m in methods if str(m["name"]) in kept]


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


def _future(trial: Result, metric: str) -> Result:
    """The score of counts that knew the future."""
    scores = (trial.get("hindsight") or {}).get("scores") or {}
    return at_fraction(scores.get(metric), primary_fraction(trial))


def caught_figure(trial: Result, *, plain: bool = False, used: str = "", brief: bool = False) -> Markup:
    """Of 100 reports, how many fell in the small part of the area that each method had picked beforehand.

    Parameters
    ----------
    plain : bool
        Call counting what it is, and say what there is to say for anybody.
    used : str
        Name of the method in use, which is drawn dark; without it, the verdict's is.
    brief : bool
        Draw few methods; the table has all.
    """
    key, best = primary_fraction(trial), counting_of(trial)

    def row(method: Result) -> Bar:
        name = str(method["name"])
        title = "Simple counting" if plain and name == best else method_title(trial, name)
        score = at_fraction(method["scores"].get("hit_rate"), key)
        return _bar(title, score, strong=name == _used(trial, used), scale=100.0)

    future = _bar(FUTURE, _future(trial, "hit_rate"), strong=False, scale=100.0)
    drawn = _drawn(trial, used, brief=brief)
    rows = [row(method) for method in drawn]
    share = percent(float(key))
    title = f"Of 100 reports, how many came from the {share} of the area that each method had picked"
    drawing = bar_chart(
        rows,
        title=title,
        desc=f"Reports of 100. {_said([*rows, future])}.",
        unit="reports of 100",
        mark=None if future.value is None else (future.value, "with the future known"),
    )
    every = [row(method) for method in in_order(trial)] + ([] if future.value is None else [future])
    table = interval_table(every, first="Method", value="Reports of 100", level=_level(trial))
    tried = plural(trial["origins"], "past period")
    notes = [_mark_note(trial, used), f"Measured on {tried} that the methods had not seen."]
    if len(drawn) < len(trial["methods"]):
        notes.append(f"Of {number(len(trial['methods']))} methods tried, {number(len(drawn))} are drawn.")
    if future.value is not None:
        notes.append(PLAIN_FUTURE if plain else f"Dotted: counts that knew the future. {FORESIGHT}")
    return chart_with_table(drawing, table, caption=title, note=" ".join(notes))


PLAIN_FUTURE = (
    "The dotted line is what counting would get if it knew what came next. Nobody can know. It shows how much room "
    "there is."
)


def _said(rows: list[Bar]) -> str:
    return "; ".join(
        f"{r.label}: {number(r.value)} ({interval(r.low, r.high)})" for r in rows if r.value is not None
    )


def difference_figure(trial: Result, *, used: str = "", brief: bool = False) -> Markup | None:
    """Each method's difference from the best counting, with its interval; None where nothing but counting was tried."""
    key, best = primary_fraction(trial), counting_of(trial)

    def row(method: Result) -> Bar:
        name = str(method["name"])
        score = at_fraction((method.get("versus_counts") or {}).get("pai"), key)
        return _bar(method_title(trial, name), score, strong=name == _used(trial, used), middle="difference")

    others = [m for m in _drawn(trial, used, brief=brief) if not is_counting(str(m["name"]), trial)]
    if not others:
        return None
    rows = [row(method) for method in others]
    tried = [m for m in in_order(trial) if str(m["name"]) != best]
    n = sum(not is_counting(str(m["name"]), trial) for m in tried)
    counting = method_title(trial, best)
    title = f"Difference from counting ({counting[:1].lower()}{counting[1:]}), at {percent(float(key))} of the area"
    room = _room(trial, key)
    drawing = interval_chart(
        rows,
        title=title,
        desc=f"Difference in PAI from the best of counting. {_said(rows)}.",
        unit="difference in PAI (right of the line: better than counting)",
        reference=0.0,
        reference_label="same as counting",
        mark=None if room is None else (room, "with the future known"),
    )
    table = _difference_table(trial, tried, [row(method) for method in tried], room)
    note = "Where the line through the dot crosses the dashed line, the trial can't tell the two apart."
    if n > 1:
        note += (
            f" Each interval stands for itself; the verdict looks at all {number(n)} at once and takes wider ones, so "
            "that trying many makes none win by luck."
        )
    least = trial["verdict"].get("detectable")
    if least is not None and not brief:
        note += (
            f" A difference under about {number(least, digits=2)} could not have been shown with any certainty by this "
            "trial."
        )
    return chart_with_table(drawing, table, caption=title, note=note)


def _room(trial: Result, key: str) -> float | None:
    """How far above the best counting the counts that knew the future are, in PAI."""
    future = _future(trial, "pai").get("value")
    (counting,) = (m for m in trial["methods"] if str(m["name"]) == counting_of(trial))
    value = at_fraction(counting["scores"].get("pai"), key).get("value")
    return None if future is None or value is None else float(future) - float(value)


def _difference_table(trial: Result, methods: list[Result], rows: list[Bar], room: float | None) -> Table:
    said = [
        [
            row.label,
            number(row.value) if row.value is not None else row.note,
            interval(row.low, row.high) if row.low is not None else "none",
            number(m["detectable"], digits=2) if m.get("detectable") is not None else "",
        ]
        for m, row in zip(methods, rows, strict=True)
    ]
    if room is not None:
        said.append([FUTURE, number(room), "none", ""])
    columns = ("Method", "Difference in PAI", spread(_level(trial)), "Least that could have been shown")
    return Table(columns, said, ("", "n", "n", "n"))


def trial_figures(trial: Result | None, *, used: str = "", brief: bool = False) -> list[Markup]:
    """The charts of a trial, the method in use dark; none without a trial."""
    if trial is None:
        return []
    figures = (
        caught_figure(trial, used=used, brief=brief),
        difference_figure(trial, used=used, brief=brief),
    )
    return [figure for figure in figures if figure is not None]
