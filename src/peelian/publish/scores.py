"""The scores of a trial as tables: methods as rows, a few measures at a time, the rest folded away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from peelian.publish.charts import Table
from peelian.publish.choice import counting_of, method_title
from peelian.publish.trials import FORESIGHT, FUTURE, at_fraction, in_order, primary_fraction
from peelian.publish.words import interval, number, percent, spread

__all__ = ["scores_tables"]

Result = Mapping[str, Any]

MEASURES: Mapping[str, tuple[str, str]] = {
    "hit_rate": ("Reports of 100", "of every 100 reports, how many were in the places picked"),
    "pai": ("PAI", "how many times as many as chance would give; 1 is what chance gives"),
    "pei": ("PEI*", "share of the most that as much area could have had, from 0 to 1"),
    "log_skill": (
        "Log skill",
        "how much likelier each report is by the map than by an even one, in nats a report; more is better",
    ),
    "log_score": ("Log score", "how likely the map made what came, in nats a report; more is better"),
    "full_log_skill": (
        "Full log skill",
        "the same as log skill, of the whole forecast with how far counts scatter; more is better",
    ),
    "crps": ("CRPS", "how far the forecast was off, in reports, summed over places; less is better"),
    "stability": (
        "Same places kept",
        "area that the places picked share with those picked one period before; steady can be steadily wrong",
    ),
    "recapture_rate": (
        "Recapture",
        "share of reports in the places picked over their share before; under 1 is the rule",
    ),
    "false_alarm_ratio": ("False alarms", "share of the places picked in which nothing was reported"),
    "miss_rate": ("Misses", "share of the places with a report that were not picked"),
}
"""By name of the score: a column's head, and what it says."""

SHARES = ("stability", "false_alarm_ratio", "miss_rate")
FIRST = ("hit_rate", "pai", "pei", "log_skill")
PICKED = ("hit_rate", "pai", "pei")
FIT = ("log_score", "log_skill", "full_log_skill", "crps")
WRONG = ("stability", "recapture_rate", "false_alarm_ratio", "miss_rate")


def scores_tables(trial: Result, *, used: str = "") -> Markup:
    """Every score of every method with its interval: the main ones first, the others folded away.

    Parameters
    ----------
    used : str
        Name of the method in use; the verdict's without it.
    """
    key = primary_fraction(trial)
    keys = (trial["methods"][0]["scores"].get("hit_rate") or {}).get("by_fraction") or {}
    level = trial.get("level", trial["verdict"].get("level"))
    ends = f"each with its {spread(level)} in brackets"
    used = used or str(trial["verdict"]["method"])
    more: list[tuple[str, tuple[str, ...], str]] = [
        (f"The same at {percent(float(other))} of the area", PICKED, str(other))
        for other in keys
        if str(other) != key
    ]
    more += [
        ("How well the numbers themselves fit, over the whole area", FIT, key),
        (
            f"How steady the places picked are, and how often they are wrong, at {percent(float(key))} of the area",
            WRONG,
            key,
        ),
    ]
    folded = [
        _details(title, _table(trial, measures, at, used).html(f"{title}, {ends}"))
        for title, measures, at in more
    ]
    caption = f"All methods at {percent(float(key))} of the area, {ends}"
    meanings = Table(("Measure", "What it says"), [[a, b] for a, b in MEASURES.values()], ("", "words"))
    return Markup("").join(
        [
            _table(trial, FIRST, key, used).html(caption),
            Markup('<p class="note">{}</p>').format(FORESIGHT) if trial.get("hindsight") else Markup(""),
            *folded,
            _details("What the measures say", meanings.html("What the measures say")),
        ]
    )


def _details(summary: str, inside: Markup) -> Markup:
    return Markup("<details><summary>{}</summary>{}</details>").format(summary, inside)


def _table(trial: Result, measures: Sequence[str], key: str, used: str) -> Table:
    rows = [
        [_label(trial, str(m["name"]), used), *(_cell(name, m["scores"], key) for name in measures)]
        for m in in_order(trial)
    ]
    future = (trial.get("hindsight") or {}).get("scores")
    if future:
        rows.append([FUTURE, *(_cell(name, future, key) for name in measures)])
    heads = [MEASURES[name][0] for name in measures]
    return Table(("Method", *heads), rows, ("", *["n"] * len(heads)))


def _label(trial: Result, name: str, used: str) -> str:
    marks = [
        said
        for said, is_so in (("best counting", name == counting_of(trial)), ("in use", name == used))
        if is_so
    ]
    return method_title(trial, name) + (f" ({', '.join(marks)})" if marks else "")


def _cell(name: str, scores: Result, key: str) -> str:
    score = at_fraction(scores.get(name), key)
    if score.get("value") is None:
        return "not measured"
    if name in SHARES:
        ends = "" if score.get("low") is None else f" ({percent(score['low'])} to {percent(score['high'])})"
        return percent(score["value"]) + ends
    scale = 100.0 if name == "hit_rate" else 1.0
    value, low, high = (
        None if score.get(k) is None else scale * float(score[k]) for k in ("value", "low", "high")
    )
    return number(value) + (f" ({interval(low, high)})" if low is not None and high is not None else "")
