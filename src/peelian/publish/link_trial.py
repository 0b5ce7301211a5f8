"""How well linked reports are told from others on series kept apart, by kind of feature, and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from peelian.publish.charts import Bar, Table, chart_with_table, interval_chart
from peelian.publish.words import interval, number, percent, plural

__all__ = ["trial_parts"]

Result = Mapping[str, Any]


def trial_parts(trial: Result) -> list[Markup]:
    """How well linked reports were told from others on series kept apart, and whether the probabilities hold."""
    level = trial["settings"]["level"]
    bars = [
        Bar(str(row["features"]), row["auc"], row["auc_low"], row["auc_high"], strong=k == 0)
        for k, row in enumerate(_in_order(trial["scores"]))
    ]
    said = [
        [
            str(row["features"]),
            _with_ends("auc", "auc", row, 3),
            _with_ends("precision", "precision", row, 2),
            _with_ends("expected_over_observed", "expected", row, 2),
        ]
        for row in _in_order(trial["scores"])
    ]
    columns = ("From", "AUC", "Average precision", "Links expected for each that was there")
    title = "How well linked reports are told from others, on series kept apart"
    chart = interval_chart(
        bars,
        title=title,
        desc=str(trial["sentence"]),
        unit="AUC: 1 tells all apart, 0.5 is a coin",
        reference=0.5,
        reference_label="a coin",
    )
    added = [
        f"{'AUC' if row['score'] == 'auc' else 'average precision'} {number(row['difference'], digits=3)} "
        f"({interval(row['low'], row['high'], digits=3)})"
        for row in trial["manner_adds"]
    ]
    settings = trial["settings"]
    note = (
        f"{plural(settings['repeats'], 'split')} of {plural(settings['series'], 'known series', 'known series')}: "
        f"learnt from one part, tried on the other. {percent(level)} intervals from resampling whole series."
    )
    if added:
        note += f" What manner adds to place and time: {'; '.join(added)}."
    first = chart_with_table(chart, Table(columns, said, ("words", "n", "n", "n")), caption=title, note=note)
    return [
        Markup('<h2 id="trial">How well this does</h2>') + first,
        *_calibration(trial["calibration"], level),
    ]


def _with_ends(name: str, of: str, row: Result, digits: int) -> str:
    """A number with its interval."""
    ends = interval(row[f"{of}_low"], row[f"{of}_high"], digits=digits)
    return f"{number(row[name], digits=digits)} ({ends})"


def _in_order(scores: Sequence[Result]) -> list[Result]:
    """All features first, then place and time, then the manner alone."""
    order = ("place, time and manner", "place and time", "manner")
    return sorted(scores, key=lambda row: order.index(row["features"]))


def _calibration(rows: Sequence[Result], level: float) -> list[Markup]:
    if not rows:
        return []
    bars = [
        Bar(
            f"stated {percent(row['stated'])}: {plural(row['pairs'], 'pair')}",
            row["observed"],
            row["observed_low"],
            row["observed_high"],
        )
        for row in rows
    ]
    title = "Whether the probabilities hold, on series kept apart"
    said = [
        [
            f"{percent(row['low'])} to {percent(row['high'])}",
            number(row["pairs"]),
            percent(row["stated"]),
            percent(row["observed"]),
            f"{percent(row['observed_low'])} to {percent(row['observed_high'])}",
        ]
        for row in rows
    ]
    columns = ("Stated", "Pairs", "On average", "Were linked", f"{percent(level)} interval")
    chart = interval_chart(
        bars,
        title=title,
        desc="For each band of stated probability, the share of pairs that were linked, with its interval.",
        unit="share that was linked",
    )
    note = "Probabilities hold where the dot lies at what was stated. A pair counts in each split that it was tried in."
    return [chart_with_table(chart, Table(columns, said, ("", "n", "n", "n", "n")), caption=title, note=note)]
