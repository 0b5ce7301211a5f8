"""Drawings of time: the hours of a week as a heat table, columns with intervals, and a level that changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from peelian.errors import UsageError
from peelian.patterns.changes import ChangePoints
from peelian.patterns.hours import WEEKDAYS
from peelian.publish import svg
from peelian.publish.charts import RIGHT, WIDTH, Bar, round_ticks
from peelian.publish.words import MONTHS, number

__all__ = ["CLASSES", "column_intervals", "level_chart", "shade_of", "week_heat"]

Floats = npt.NDArray[np.float64]

STEPS = (0.5, 0.8, 1.25, 2.0)
"""Times the even share at which an hour gets darker."""
CLASSES = ("under 0.5", "0.5 to 0.8", "0.8 to 1.25", "1.25 to 2", "2 or more")
"""The shades in words."""
DAYS_WIDE = 40.0
HOUR_WIDE, DAY_HIGH = 20.0, 24.0


def shade_of(ratio: float) -> int:
    """The shade of an hour, from 0 (far under its even share) to 4 (twice as much or more)."""
    return int(np.searchsorted(STEPS, ratio, side="right"))


def week_heat(ratio: Floats, above: npt.NDArray[np.bool_], *, title: str, desc: str) -> Markup:
    """Seven days by 24 hours, darker where there are more reports, with a dot where that stands out.

    Parameters
    ----------
    ratio : array of float, shape (168,)
        Times the even share of an hour, from Monday 00:00.
    above : array of bool, shape (168,)
        Which stand out; none where that was not tested.

    Raises
    ------
    UsageError
        Not 168 hours.
    """
    if ratio.shape != (168,) or above.shape != (168,):
        msg = f"{ratio.size} ratios and {above.size} marks were given; expected one for each of 168 hours"
        raise UsageError(msg)
    top = 22.0
    body = [
        svg.text(
            DAYS_WIDE + HOUR_WIDE * h,
            14,
            f"{h:02d}:00",
            colour="muted",
            anchor="middle" if h else "start",
            size=12,
        )
        for h in range(0, 24, 3)
    ]
    for day, name in enumerate(WEEKDAYS):
        y = top + DAY_HIGH * day
        body.append(svg.text(0, y + 16, name[:3], size=12.5))
        for hour in range(24):
            at = 24 * day + hour
            x, shade = DAYS_WIDE + HOUR_WIDE * hour, shade_of(float(ratio[at]))
            body.append(svg.box(x + 0.5, y + 0.5, HOUR_WIDE - 1, DAY_HIGH - 1, svg.fill(f"q{shade}")))
            if above[at]:
                body.append(svg.circle(x + HOUR_WIDE / 2, y + DAY_HIGH / 2, 3.2, svg.fill(f"on{shade}")))
    y = top + 7 * DAY_HIGH + 18
    body.append(svg.text(0, y, "Times the even share of an hour", colour="muted", size=12))
    if above.any():
        body.append(svg.text(WIDTH, y, "dot: stands out", anchor="end", size=12))
    step = WIDTH / len(CLASSES)
    for shade, said in enumerate(CLASSES):
        body.append(svg.box(step * shade, y + 9, 14, 14, svg.fill(f"q{shade}")))
        body.append(svg.text(step * shade + 19, y + 20, said, size=12))
    return svg.draw(body, width=WIDTH, height=y + 30, title=title, desc=desc)


def column_intervals(
    columns: Sequence[Bar], *, title: str, desc: str, unit: str, reference_label: str
) -> Markup:
    """Columns from 0 beside each other with their intervals, against a line at 1.

    Parameters
    ----------
    columns : sequence of Bar
        Ratios; those that are `strong` are drawn dark. A column without a label stands all the same.
    unit : str
        Over the upright axis.
    reference_label : str
        What the line at 1 is.

    Raises
    ------
    UsageError
        There is no column, or a number under 0.
    """
    numbers = [v for column in columns for v in column.ends]
    if not columns or any(v < 0 for v in numbers):
        msg = f"{len(columns)} columns with numbers from {min(numbers, default=0)} were given; expected some from 0"
        raise UsageError(msg)
    ticks = round_ticks(0.0, max([*numbers, 1.2]), most=4)
    left, right, top, bottom = 44.0, WIDTH - RIGHT, 28.0, 200.0

    def at(value: float) -> float:
        return bottom - value / ticks[-1] * (bottom - top)

    body = [svg.text(0, 14, unit, colour="muted", size=12)]
    digits = max(len(f"{tick:g}".partition(".")[2]) for tick in ticks)
    for tick in ticks:
        said = number(tick, digits=digits)
        body.append(svg.line(left, at(tick), right, at(tick), "rule", 0.8))
        body.append(svg.text(left - 6, at(tick) + 4, said, colour="muted", anchor="end", size=12))
    step = (right - left) / len(columns)
    for i, column in enumerate(columns):
        x = left + i * step
        middle = x + step / 2
        if column.value is not None:
            height = max(bottom - at(column.value), 1.0)
            paint = svg.fill("q3" if column.strong else "q1")
            body.append(svg.box(x + 0.1 * step, bottom - height, 0.8 * step, height, paint))
        if column.low is not None and column.high is not None:
            half = min(0.2 * step, 5.0)
            low, high = at(column.low), at(column.high)
            d = f"M{middle - half:.1f} {low:.1f}h{2 * half:.1f}M{middle:.1f} {low:.1f}V{high:.1f}"
            body.append(
                svg.path(f"{d}M{middle - half:.1f} {high:.1f}h{2 * half:.1f}", svg.stroke("ink", 1.4))
            )
        body.append(svg.text(middle, bottom + 17, column.label, colour="muted", anchor="middle", size=12))
    body.append(svg.line(left, at(1.0), right, at(1.0), "ink", 1.6, dash="4 3"))
    body.append(svg.text(right, 14, f"dashed: {reference_label}", anchor="end", size=12))
    return svg.draw(body, width=WIDTH, height=bottom + 26, title=title, desc=desc)


def level_chart(found: ChangePoints, *, title: str, desc: str, unit: str) -> Markup:
    """Counts over time, the level with its season, and a numbered line with its interval at each change.

    Parameters
    ----------
    found : ChangePoints
    unit : str
        Over the upright axis.
    """
    edges = found.periods.edges.astype("datetime64[D]").astype(np.float64)
    ticks = round_ticks(0.0, max(float(found.counts.max()), float(found.mean.max()), 1.0), most=4)
    left, right, top, bottom = 44.0, WIDTH - RIGHT, 46.0, 230.0

    def across(day: float) -> float:
        return left + (day - float(edges[0])) / float(edges[-1] - edges[0]) * (right - left)

    def up(value: float) -> float:
        return bottom - value / ticks[-1] * (bottom - top)

    body = [svg.text(0, 14, unit, colour="muted", size=12)]
    for change in found.changes:
        low, high = (across(_day(d)) for d in (change.low, change.high))
        # A change that is sure to the period is still to be seen.
        wide = max(high - low, 2.0)
        body.append(svg.box((low + high - wide) / 2, top, wide, bottom - top, svg.fill("warnwash")))
    for tick in ticks:
        body.append(svg.line(left, up(tick), right, up(tick), "rule", 0.8))
        body.append(svg.text(left - 6, up(tick) + 4, number(tick), colour="muted", anchor="end", size=12))
    middles = (edges[:-1] + edges[1:]) / 2
    for values, paint in ((found.counts, svg.stroke("edge", 0.9)), (found.mean, svg.stroke("data", 2.2))):
        points = (f"{across(d):.1f} {up(float(v)):.1f}" for d, v in zip(middles, values, strict=True))
        body.append(svg.path("M" + "L".join(points), paint))
    for rank, change in enumerate(found.changes, start=1):
        x = across(_day(change.date))
        body.append(svg.line(x, top - 6, x, bottom, "accent", 1.8, dash="4 3"))
        body.append(svg.text(x, top - 10, str(rank), anchor="middle", size=12, bold=True))
    for i in sorted({round(k) for k in np.linspace(0, len(middles) - 1, min(5, len(middles)))}):
        anchor = "start" if i == 0 else "end" if i == len(middles) - 1 else "middle"
        said = _month(found.periods.edges[i])
        body.append(svg.text(across(middles[i]), bottom + 18, said, colour="muted", anchor=anchor, size=12))
    body.append(svg.text(right, 14, "thin: reports; thick: level with its season", anchor="end", size=12))
    return svg.draw(body, width=WIDTH, height=bottom + 26, title=title, desc=desc)


def _day(date: str) -> float:
    return float(np.datetime64(date, "D").astype(np.int64))


def _month(date: np.datetime64) -> str:
    said = str(date)
    return f"{MONTHS[int(said[5:7]) - 1][:3]} {said[:4]}"
