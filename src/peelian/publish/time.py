"""The page of times: the week as a heat table, hours, weekdays, season and changes, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from peelian.patterns.aoristic import Aoristic
from peelian.patterns.changes import Change, ChangePoints
from peelian.patterns.hours import WEEKDAYS, hour_name
from peelian.patterns.profile import TimeProfile
from peelian.patterns.seasonality import MONTHS, Seasonality
from peelian.patterns.times import Times
from peelian.publish.charts import Bar, Table, chart_with_table
from peelian.publish.patterns import pattern_page
from peelian.publish.rhythm import column_intervals, level_chart, week_heat
from peelian.publish.words import day, interval, listing, number, p_value, percent, plural, spread

__all__ = ["time_page"]

Result = Mapping[str, Any]

MOST = 12
"""Rows of a table on the page; the run's tables have the others."""
ONE_TIME = (
    "No report says from when to when it can have happened. Each stands at its one recorded time, which may be when it "
    "was found or reported."
)
STEPS = {"d": "day", "w": "week", "mo": "month"}


def time_page(result: Result, found: Times, *, demonstration: bool = False) -> str:
    """The page of `peelian.workspace.time`.

    Parameters
    ----------
    result : mapping
        As stored.
    found : Times
        What it was made from.
    """
    parts = [*_week(found), *_moved(found.spread), *_year(found), *_level(found)]
    headline, *lines = found.sentences
    return pattern_page(
        result, heading="Times", parts=parts, headline=headline, lines=lines, demonstration=demonstration
    )


def _head(name: str, said: str) -> Markup:
    return Markup('<h2 id="{}">{}</h2>').format(name, said)


def _said(text: str) -> Markup:
    return Markup("<p>{}</p>").format(text)


def _untold(found: Times, *names: str) -> list[Markup]:
    """Why something can't be told, each reason once."""
    return [
        _said(f"Not told: {why}.")
        for why in dict.fromkeys(found.untold[n] for n in names if n in found.untold)
    ]


def _week(found: Times) -> list[Markup | None]:
    parts: list[Markup | None] = [_head("week", "When in the week")]
    if found.spread is not None and found.spread.account.used:
        parts.append(_heat(found.spread, found.hour_of_week))
    parts += _untold(found, "hours", "weekdays")
    if found.hour_of_week is not None:
        parts += [_stretches(found.hour_of_week), _hours(found.hour_of_week)]
    if found.hour is not None:
        parts.append(
            _profile(found.hour, "By hour of the day", [f"{h:02d}" if h % 3 == 0 else "" for h in range(24)])
        )
    if found.weekday is not None:
        parts.append(_profile(found.weekday, "By weekday", [name[:3] for name in WEEKDAYS]))
    return parts


def _heat(spread_: Aoristic, week: TimeProfile | None) -> Markup:
    """The 168 hours; in the table those that stand out have a star."""
    title = "Reports by hour of the week"
    weights = spread_.weights if week is None else week.reports
    ratio = weights / weights.mean()
    above = np.zeros(weights.size, dtype=np.bool_) if week is None else week.above
    top = int(np.argmax(ratio))
    desc = (
        f"Seven rows, Monday to Sunday, of 24 hours. The highest is {hour_name(top)} with "
        f"{number(ratio[top], digits=1)} times its even share. {number(int(above.sum()))} of 168 hours stand out."
    )
    said = np.char.add(np.vectorize(lambda r: number(r, digits=1))(ratio), np.where(above, " *", "")).reshape(
        7, 24
    )
    rows = [[f"{h:02d}:00", *said[:, h].tolist()] for h in range(24)]
    held = Table(("From", *(name[:3] for name in WEEKDAYS)), rows, ("", *["n"] * 7))
    note = "An hour's even share is one of 168 parts of all reports."
    if week is not None:
        note += (
            f" Dot or star: more than its even share at a false-discovery rate of {percent(week.rate)}; of the hours "
            "so marked, about that many are chance."
        )
    note += f" {ONE_TIME}" if not spread_.account.intervals else _intervals_said(spread_)
    drawing = week_heat(ratio, above, title=title, desc=desc)
    return chart_with_table(drawing, held, caption=title, note=note)


def _intervals_said(spread_: Aoristic) -> str:
    n = spread_.account.intervals
    return (
        f" {plural(n, 'report')} can have happened at any time between an earliest and a latest one, and "
        f"{'counts' if n == 1 else 'count'} in parts for each hour between (aoristic weights)."
    )


def _stretches(week: TimeProfile) -> Markup | None:
    """Hours that stand out and follow each other, as one row."""
    frame = week.stretches
    if frame.empty:
        return None
    rows = [
        [str(row["when"]), number(row["length"]), percent(row["share"])]
        for row in frame.head(MOST).to_dict("records")
    ]
    said = f"Hours in a row that stand out: the {plural(len(rows), 'stretch', 'stretches')} with the most reports"
    said += f", of {number(len(frame))}" if len(frame) > len(rows) else ""
    return Table(("When", "Hours", "Of all reports"), rows, ("", "n", "n")).html(said)


def _hours(week: TimeProfile) -> Markup | None:
    rows = [
        [
            str(row["when"]),
            number(row["reports"], digits=1),
            number(row["per_week"], digits=2),
            number(row["ratio"], digits=2),
            interval(row["low"], row["high"], digits=2),
            p_value(row["p"]),
            p_value(row["q"]),
        ]
        for row in week.frame.head(MOST).to_dict("records")
    ]
    columns = ("Hour", "Reports", "A week", "Times its even share", spread(week.level).capitalize(), "p", "q")
    table = Table(columns, rows, ("", *["n"] * 6)).html(f"The {len(rows)} highest hours of the week")
    return Markup("<details><summary>Hour by hour</summary>{}</details>").format(table)


def _profile(profile: TimeProfile, title: str, labels: list[str]) -> Markup:
    """Columns of ratios with intervals, dark where they stand out, and the same in a table."""
    values = zip(labels, profile.ratio, profile.low, profile.high, profile.above, strict=True)
    bars = [Bar(a, float(r), float(lo), float(hi), strong=bool(s)) for a, r, lo, hi, s in values]
    top = int(np.argmax(profile.ratio))
    desc = (
        f"The highest is {profile.names[top]} with {number(profile.ratio[top], digits=2)} times its even share "
        f"({interval(profile.low[top], profile.high[top], digits=2)}); {number(int(profile.above.sum()))} of "
        f"{profile.above.size} stand out."
    )
    drawing = column_intervals(
        bars, title=title, desc=desc, unit="times the even share", reference_label="even share"
    )
    rows = [
        [
            name,
            number(profile.reports[i], digits=0),
            number(profile.ratio[i], digits=2),
            interval(profile.low[i], profile.high[i], digits=2),
            p_value(profile.q[i]),
            "yes" if profile.above[i] else "no",
        ]
        for i, name in enumerate(profile.names)
    ]
    columns = (
        "When",
        "Reports",
        "Times its even share",
        spread(profile.level).capitalize(),
        "q",
        "Stands out?",
    )
    note = (
        f"Dark: stands out at a false-discovery rate of {percent(profile.rate)}. The line over each column is its "
        f"{spread(profile.level)}, from how much {number(profile.weeks)} weeks differ."
    )
    return chart_with_table(
        drawing, Table(columns, rows, ("", "n", "n", "n", "n", "")), caption=title, note=note
    )


def _moved(spread_: Aoristic | None) -> list[Markup]:
    """What taking the start, the middle or the end of each interval would have made of the week."""
    if spread_ is None or not spread_.account.intervals:
        return []
    taken = {"start": spread_.start, "middle": spread_.middle, "end": spread_.end}
    rows = []
    for name, counts in taken.items():
        change = counts - spread_.weights
        up, down = int(np.argmax(change)), int(np.argmin(change))
        rows.append(
            [
                f"Its {name}",
                number(spread_.moved[name], digits=0),
                percent(spread_.moved[name] / spread_.account.used),
                f"{hour_name(up)}: {number(counts[up])}, not {number(spread_.weights[up], digits=1)}",
                f"{hour_name(down)}: {number(counts[down])}, not {number(spread_.weights[down], digits=1)}",
            ]
        )
    columns = ("Each report at", "Reports that move", "Of those used", "Gains most", "Loses most")
    caption = "How many reports would stand in another hour of the week"
    worst = max(spread_.moved, key=lambda name: spread_.moved[name])
    said = (
        f"{plural(spread_.account.intervals, 'report')} of {number(spread_.account.used)} "
        f"{'has' if spread_.account.intervals == 1 else 'have'} an earliest and a latest time. To take the {worst} of "
        f"each would count at least {number(spread_.moved[worst], digits=0)} in another hour of the week than these "
        "weights do, as if it were known."
    )
    table = Table(columns, rows, ("", "n", "n", "words", "words")).html(caption)
    return [_head("moved", "If one time were taken for each report"), _said(said), table]


def _year(found: Times) -> list[Markup | None]:
    head: list[Markup | None] = [_head("season", "When in the year")]
    if found.season is None:
        return [*head, *_untold(found, "season")]
    season = found.season
    return [*head, _months(season)]


def _months(season: Seasonality) -> Markup:
    title = "By month of the year"
    strong = season.q <= season.rate
    values = zip(MONTHS, season.ratio, season.low, season.high, strong, strict=True)
    bars = [Bar(m[:3], float(r), float(lo), float(hi), strong=bool(s)) for m, r, lo, hi, s in values]
    differ = listing([MONTHS[i] for i in np.flatnonzero(strong).tolist()]) or "none"
    desc = f"Reports per day of each month beside the average month. Told from chance: {differ}."
    drawing = column_intervals(
        bars, title=title, desc=desc, unit="times the average month, per day", reference_label="average month"
    )
    rows = [
        [
            name,
            number(season.ratio[i], digits=2),
            interval(season.low[i], season.high[i], digits=2),
            p_value(season.q[i]),
            "yes" if strong[i] else "no",
        ]
        for i, name in enumerate(MONTHS)
    ]
    columns = ("Month", "Times the average", spread(season.level).capitalize(), "q", "Differs?")
    note = (
        f"Dark: differs from the average month at a false-discovery rate of {percent(season.rate)}. A slow trend is "
        f"taken out; {number(season.counts.size)} whole months from {MONTHS[_month(season)]} "
        f"{str(season.first)[:4]} on."
    )
    return chart_with_table(drawing, Table(columns, rows, ("", "n", "n", "n", "")), caption=title, note=note)


def _month(season: Seasonality) -> int:
    return int(str(season.first)[5:7]) - 1


def _level(found: Times) -> list[Markup | None]:
    head: list[Markup | None] = [_head("changes", "When the level changed")]
    changes = found.changes
    if changes is None:
        return [*head, *_untold(found, "changes")]
    if not changes.counts.any():
        return [*head, _said(changes.sentence())]
    return [*head, _said(_level_said(changes)), _line(changes), _steps(changes)]


def _level_said(found: ChangePoints) -> str:
    if not found.changes:
        return found.sentence()
    n = len(found.changes)
    return (
        f"{plural(n, 'change')} of level {'stands' if n == 1 else 'stand'} out. A series without any change shows one "
        f"as clear as the clearest here with p = {number(found.p, digits=3)}."
    )


def _line(found: ChangePoints) -> Markup:
    frequency = found.periods.frequency
    unit = STEPS[frequency.unit]
    unit = unit if frequency.n == 1 else f"{frequency.n} {unit}s"
    title = f"Reports a {unit}" if frequency.n == 1 else f"Reports in {unit}"
    at = listing([day(change.date) for change in found.changes])
    desc = f"From {day(found.periods.start)} up to {day(found.periods.end)}. " + (
        f"Changes of level at {at}." if at else "No change of level."
    )
    note = "The level is the mean between two changes"
    note += ", times the season." if found.harmonics else "; no season was taken out."
    if found.changes:
        note += " Dashed: a change, numbered as in the table; the shade behind it is the time in which it can lie."
    rows = [
        [day(start), number(count), number(mean, digits=1)]
        for start, count, mean in zip(
            found.periods.edges[:-1], found.counts.tolist(), found.mean.tolist(), strict=True
        )
    ]
    held = Table(("From", "Reports", "Level with its season"), rows, ("", "n", "n"))
    return chart_with_table(
        level_chart(found, title=title, desc=desc, unit=title.lower()), held, caption=title, note=note
    )


def _steps(found: ChangePoints) -> Markup | None:
    if not found.changes:
        return None
    rows = [_step(rank, change) for rank, change in enumerate(found.changes, start=1)]
    said = spread(found.level)
    columns = ("Change", "At", "Between", "Before", "After", "Times", said.capitalize(), "p")
    caption = "Changes of level, in reports a period with the season taken out"
    return Table(columns, rows, ("", "", "", "n", "n", "n", "n", "n")).html(caption)


def _step(rank: int, change: Change) -> list[str]:
    none = change.ratio is None
    return [
        str(rank),
        day(change.date),
        f"{day(change.low)} and {day(change.high)}",
        number(change.before, digits=1),
        number(change.after, digits=1),
        "from none" if none else number(change.ratio, digits=2),
        "" if none else interval(change.ratio_low, change.ratio_high, digits=2),
        number(change.p, digits=3),
    ]
