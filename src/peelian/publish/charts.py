"""Charts as SVG, each with its table: dots with intervals, bars, columns, and a line with a band.

No chart here says anything by colour alone: what matters is also a label, a shape or a number in the table beneath.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup

from peelian.errors import UsageError
from peelian.publish import svg
from peelian.publish.words import interval, number, spread

__all__ = [
    "Bar",
    "Series",
    "Table",
    "bar_chart",
    "chart_with_table",
    "column_chart",
    "interval_chart",
    "interval_table",
    "line_chart",
]

WIDTH, RIGHT, TOP = 520.0, 16.0, 30.0
DIGIT = 6.8
"""Width of a character of an axis, at most."""
MARK = 18.0
"""Height of one more line of text over a chart."""
LABELS = 170.0
"""Room for labels beside a chart's rows."""
PRINTED = 30


@dataclass(frozen=True)
class Bar:
    """One row of a chart: a number with an interval, or the reason why there is none.

    Parameters
    ----------
    label : str
    value, low, high : float, optional
        None where there is no number.
    note : str
        Under the label; where there is no number, in its place.
    strong : bool
        The row that the chart is about: a filled mark and a bold label.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""
    strong: bool = False

    @property
    def ends(self) -> list[float]:
        """The numbers that it spans."""
        return [float(v) for v in (self.value, self.low, self.high) if v is not None and math.isfinite(v)]


@dataclass(frozen=True)
class Series:
    """A line over time: one number a step, with an optional band."""

    label: str
    steps: Sequence[str]
    values: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


@dataclass(frozen=True)
class Table:
    """The same as a chart, in rows; numbers are text already, so that a page and its table agree to the digit.

    `kinds` has one word a column: ``"n"`` for numbers, ``"words"`` for sentences, ``""`` for the rest.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    kinds: Sequence[str] = field(default_factory=tuple)

    def html(self, caption: str) -> Markup:
        """An accessible table in a box of its own that scrolls sideways when it must."""
        kinds = [*self.kinds, *[""] * (len(self.columns) - len(self.kinds))]
        marks = [Markup(' class="{}"').format(kind) if kind else Markup("") for kind in kinds]
        head = Markup("").join(
            Markup('<th scope="col"{}>{}</th>').format(m, c) for m, c in zip(marks, self.columns, strict=True)
        )
        body = Markup("").join(
            Markup("<tr>{}</tr>").format(
                Markup("").join(
                    Markup('<th scope="row">{}</th>').format(cell)
                    if i == 0
                    else Markup("<td{}>{}</td>").format(marks[i], cell)
                    for i, cell in enumerate(row)
                )
            )
            for row in self.rows
        )
        narrow = Markup(' class="narrow"') if len(self.columns) < 3 and "words" not in kinds else Markup("")
        return Markup(
            '<div class="scroll" role="region" tabindex="0" aria-label="{0}"><table{3}><caption>{0}</caption>'
            "<thead><tr>{1}</tr></thead><tbody>{2}</tbody></table></div>"
        ).format(caption, head, body, narrow)


def chart_with_table(drawing: Markup, table: Table, *, caption: str, note: str = "") -> Markup:
    """A figure: the drawing, what it shows, and the same in a table that opens beneath it.

    The table is printed open, unless it has more rows than a printed page can spare.
    """
    said = Markup('<p class="note">{}</p>').format(note) if note else Markup("")
    long = Markup(' class="long"') if len(table.rows) > PRINTED else Markup("")
    return Markup(
        '<figure><figcaption>{0}</figcaption><div class="draw" role="group" tabindex="0" aria-label="{0}">{1}</div>{2}'
        "<details{4}><summary>The same in a table</summary>{3}</details></figure>"
    ).format(caption, drawing, said, table.html(caption), long)


def round_ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Round numbers from at or under `low` to at or over `high`."""
    if not high - low > 1e-9 * max(abs(low), abs(high), 1e-6):
        low, high = (low - 1, high + 1) if low else (0.0, 1.0)
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def _ratio_ticks(low: float, high: float) -> list[float]:
    """Round ratios around 1 that hold `low` to `high`: 0.25, 0.5, 1, 2, 4..."""
    a = min(math.floor(math.log2(max(low, 1e-3)) + 1e-9), -1)
    b = max(math.ceil(math.log2(min(max(high, low), 1e3)) - 1e-9), 1)
    step = 1 if b - a <= 6 else 2
    return [2.0**k for k in range(a, b + step, step)]


@dataclass(frozen=True)
class _Axis:
    ticks: list[float]
    left: float
    right: float
    ratio: bool = False

    def at(self, value: float) -> float:
        """Pixels from the left, kept on the axis."""
        a, b = self.ticks[0], self.ticks[-1]
        if self.ratio:
            value, a, b = (math.log2(max(v, 1e-9)) for v in (value, a, b))
        share = (min(max(value, a), b) - a) / (b - a)
        return self.left + share * (self.right - self.left)

    def draw(self, top: float, bottom: float, unit: str) -> list[str]:
        parts = []
        digits = max((len(f"{t:.10g}".partition(".")[2]) for t in self.ticks), default=0)
        for tick in self.ticks:
            x = self.at(tick)
            said = f"{tick:.10g}" if self.ratio else number(tick, digits=digits)
            parts.append(svg.line(x, top, x, bottom, "rule", 0.8))
            # A long number at the left end would lose its minus beyond the edge of the picture.
            at = max(x, DIGIT / 2 * len(said))
            parts.append(svg.text(at, bottom + 17, said, colour="muted", anchor="middle", size=12))
        parts.append(
            svg.text(
                (self.left + self.right) / 2, bottom + 36, unit, colour="muted", anchor="middle", size=12
            )
        )
        return parts


def interval_chart(
    rows: Sequence[Bar],
    *,
    title: str,
    desc: str,
    unit: str,
    reference: float | None = None,
    reference_label: str = "",
    mark: tuple[float, str] | None = None,
    ratio: bool = False,
    compact: bool = False,
) -> Markup:
    """Dots with whiskers, one row each, against a line of reference.

    Parameters
    ----------
    rows : sequence of Bar
    unit : str
        Under the axis.
    reference : float, optional
        Where "no difference" lies: 0 for a difference, 1 for a ratio.
    mark : (float, str), optional
        Another line to read the rows by, and what it is.
    ratio : bool
        A logarithmic axis, on which half and double lie equally far from 1. An end at or under 0 is drawn as an arrow.
    compact : bool
        Short labels beside the whiskers and not above them, for many rows.

    Raises
    ------
    UsageError
        There is no row.
    """
    if not rows:
        msg = "a chart without a row was asked for"
        raise UsageError(msg)
    numbers = [v for row in rows for v in row.ends] + ([reference] if reference is not None else [])
    numbers += [] if mark is None else [mark[0]]
    if ratio:
        numbers = [v for v in numbers if v > 0]
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    ticks = _ratio_ticks(low, high) if ratio else round_ticks(low, high)
    axis = _Axis(ticks, LABELS if compact else 12, WIDTH - RIGHT, ratio)
    pitch = 19.0 if compact else 46.0
    top = TOP + (MARK if mark is not None else 0)
    bottom = top + pitch * len(rows) + 2
    body = axis.draw(top - 4, bottom, unit)
    if reference is not None:
        body += _upright(axis.at(reference), top - 10, bottom, dash="4 3")
        body += [svg.text(0, top - 15, f"dashed: {reference_label}", size=12)] if reference_label else []
    if mark is not None:
        body += _upright(axis.at(mark[0]), top - 10, bottom, dash="1.5 3.5")
        body.append(svg.text(0, top - 15 - MARK, f"dotted: {mark[1]}", size=12))
    for i, row in enumerate(rows):
        y = top + pitch * i + 14
        if compact:
            body.append(svg.text(0, y, row.label, bold=row.strong, size=12))
            body += _whisker(row, axis, y - 4)
            continue
        body.append(_label_row(y))
        body.append(svg.text(0, y, row.label, bold=row.strong))
        body += _whisker(row, axis, y + 17)
    return svg.draw(body, width=WIDTH, height=bottom + 42, title=title, desc=desc)


def _upright(x: float, top: float, bottom: float, *, dash: str) -> list[str]:
    """A dashed line over all rows. What it is stands above them to the left, where no line runs through the words."""
    return [svg.line(x, top, x, bottom, "ink", 1.6, dash=dash)]


def _label_row(baseline: float) -> str:
    """A strip of paper over the whole width: no grid line runs through or beside the letters of a label."""
    return svg.box(0, baseline - 13, WIDTH, 19, svg.fill("paper"))


def _whisker(row: Bar, axis: _Axis, y: float) -> list[str]:
    if row.value is None or not math.isfinite(row.value):
        return [svg.text(axis.left, y + 4, row.note or "not measurable", colour="muted", size=12)]
    colour = "accent" if row.strong else "data"
    parts = []
    if row.low is not None and row.high is not None:
        a, b = axis.at(row.low), axis.at(row.high)
        parts.append(svg.line(a, y, b, y, colour, 2.4))
        for end, value, side in ((a, row.low, 1), (b, row.high, -1)):
            beyond = (axis.ratio and value <= 0) or value < axis.ticks[0] or value > axis.ticks[-1]
            tip = f"M{end + 6 * side:.1f} {y - 5:.1f}L{end:.1f} {y:.1f}L{end + 6 * side:.1f} {y + 5:.1f}"
            flat = f"M{end:.1f} {y - 5:.1f}v10"
            parts.append(svg.path(tip if beyond else flat, svg.stroke(colour, 2.0)))
    x = axis.at(row.value)
    paint = svg.fill(colour) if row.strong else svg.fill("paper")
    parts.append(svg.circle(x, y, 5.2, paint))
    parts.append(svg.circle(x, y, 5.2, svg.stroke(colour, 2.0)))
    return parts


def bar_chart(
    rows: Sequence[Bar], *, title: str, desc: str, unit: str, mark: tuple[float, str] | None = None
) -> Markup:
    """Bars from 0, one row each, with whiskers where there is an interval.

    Parameters
    ----------
    rows : sequence of Bar
    unit : str
        Under the axis.
    mark : (float, str), optional
        A line to read the bars by, and what it is.

    Raises
    ------
    UsageError
        There is no row, or a number under 0.
    """
    numbers = [v for row in rows for v in row.ends]
    if not rows or any(v < 0 for v in numbers):
        msg = f"{len(rows)} bars with numbers from {min(numbers, default=0)} were given; expected some, none under 0"
        raise UsageError(msg)
    axis = _Axis(round_ticks(0.0, max([*numbers, 0.0 if mark is None else mark[0]])), 12, WIDTH - RIGHT)
    pitch = 46.0
    top = 10.0 + (MARK if mark is not None else 0)
    bottom = top + pitch * len(rows)
    body = axis.draw(top, bottom, unit)
    if mark is not None:
        body += _upright(axis.at(mark[0]), top - 3, bottom, dash="1.5 3.5")
        body.append(svg.text(0, top - 8, f"dotted: {mark[1]}", size=12))
    for i, row in enumerate(rows):
        y = top + pitch * i + 14
        body.append(_label_row(y))
        body.append(svg.text(0, y, row.label, bold=row.strong))
        if row.value is None or not math.isfinite(row.value):
            body.append(svg.text(12, y + 21, row.note or "not measurable", colour="muted", size=12))
            continue
        width = axis.at(row.value) - axis.left
        body.append(svg.box(axis.left, y + 8, max(width, 1.0), 16, svg.fill("q4" if row.strong else "q2")))
        if row.low is not None and row.high is not None:
            a, b = axis.at(row.low), axis.at(row.high)
            d = f"M{a:.1f} {y + 11:.1f}v10M{a:.1f} {y + 16:.1f}H{b:.1f}M{b:.1f} {y + 11:.1f}v10"
            body.append(svg.path(d, svg.stroke("ink", 1.6)))
    return svg.draw(body, width=WIDTH, height=bottom + 42, title=title, desc=desc)


def column_chart(
    columns: Sequence[tuple[str, float | None]],
    *,
    title: str,
    desc: str,
    unit: str,
    foot: str,
    reference: float,
    reference_label: str,
) -> Markup:
    """Columns from 0 beside each other, against a level line: a histogram, or ratios.

    Parameters
    ----------
    columns : sequence of (str, float or None)
        Label and height; None is left empty.
    unit, foot : str
        Over the upright axis, and under the labels.
    reference : float
        Where all columns would end if nothing were off.

    Raises
    ------
    UsageError
        There is no column, or a height under 0.
    """
    known = [float(v) for _, v in columns if v is not None and math.isfinite(v)]
    if not columns or any(v < 0 for v in known):
        msg = f"{len(columns)} columns from {min(known, default=0)} were given; expected some, none under 0"
        raise UsageError(msg)
    ticks = round_ticks(0.0, max([*known, reference * 1.2]), most=4)
    left, right, top, bottom = 44.0, WIDTH - RIGHT, 28.0, 190.0

    def at(value: float) -> float:
        return bottom - value / ticks[-1] * (bottom - top)

    body = [svg.text(0, 14, unit, colour="muted", size=12)]
    for tick in ticks:
        body.append(svg.line(left, at(tick), right, at(tick), "rule", 0.8))
        body.append(svg.text(left - 6, at(tick) + 4, number(tick), colour="muted", anchor="end", size=12))
    step = (right - left) / len(columns)
    for i, (label, value) in enumerate(columns):
        x = left + i * step
        if value is not None and math.isfinite(value):
            height = max(bottom - at(float(value)), 1.0)
            body.append(svg.box(x + 0.1 * step, bottom - height, 0.8 * step, height, svg.fill("q3")))
        middle = x + step / 2
        body.append(svg.text(middle, bottom + 17, label, colour="muted", anchor="middle", size=12))
    body.append(svg.line(left, at(reference), right, at(reference), "ink", 1.6, dash="4 3"))
    body.append(svg.text(right, 14, f"dashed: {reference_label}", anchor="end", size=12))
    body.append(svg.text((left + right) / 2, bottom + 36, foot, colour="muted", anchor="middle", size=12))
    return svg.draw(body, width=WIDTH, height=bottom + 44, title=title, desc=desc)


def line_chart(
    series: Series,
    *,
    title: str,
    desc: str,
    unit: str,
    marks: int = 6,
    last_is_forecast: bool = False,
    limit: tuple[float, str] | None = None,
    dot: int | None = None,
) -> Markup:
    """One line over time from 0, with a band where there is one.

    Parameters
    ----------
    series : Series
    unit : str
        Over the upright axis.
    marks : int
        How many steps are named along the bottom.
    last_is_forecast : bool
        The last step is expected and not reported: drawn as an open dot with its interval.
    limit : (float, str), optional
        A level line that the line is held against, and what it is.
    dot : int, optional
        A step to point out.

    Raises
    ------
    UsageError
        Fewer than two steps, or lengths that differ.
    """
    n = len(series.steps)
    bands = [b for b in (series.low, series.high) if b is not None]
    if n < 2 or any(len(b) != n for b in [series.values, *bands]):
        msg = f"a line of {len(series.values)} numbers over {n} steps was given; expected one a step, at least two"
        raise UsageError(msg)
    known = [float(v) for b in [series.values, *bands] for v in b if math.isfinite(v)]
    known += [] if limit is None else [1.1 * limit[0]]
    ticks = round_ticks(0.0, max([*known, 1.0]), most=4)
    left, right, top, bottom = 44.0, WIDTH - RIGHT, 28.0, 200.0

    def at(i: int, value: float) -> tuple[float, float]:
        return left + i / (n - 1) * (right - left), bottom - value / ticks[-1] * (bottom - top)

    body = [svg.text(0, 14, unit, colour="muted", size=12)]
    for tick in ticks:
        _, y = at(0, tick)
        body.append(svg.line(left, y, right, y, "rule", 0.8))
        body.append(svg.text(left - 6, y + 4, number(tick), colour="muted", anchor="end", size=12))
    drawn = n - 1 if last_is_forecast else n
    if series.low is not None and series.high is not None and not last_is_forecast:
        over = [at(i, v) for i, v in enumerate(series.high)]
        under = [at(i, v) for i, v in enumerate(series.low)][::-1]
        d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in [*over, *under]) + "z"
        body.append(svg.path(d, svg.fill("band")))
    points = [at(i, float(series.values[i])) for i in range(drawn)]
    body.append(svg.path("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points), svg.stroke("data", 1.8)))
    if limit is not None:
        _, y = at(0, limit[0])
        body.append(svg.line(left, y, right, y, "ink", 1.6, dash="4 3"))
        body.append(svg.text(right, 14, f"dashed: {limit[1]}", anchor="end", size=12))
    if dot is not None:
        body.append(svg.circle(*at(dot, float(series.values[dot])), 5.2, svg.fill("accent")))
    if last_is_forecast:
        x, y = at(n - 1, float(series.values[-1]))
        if series.low is not None and series.high is not None:
            (_, a), (_, b) = at(n - 1, float(series.low[-1])), at(n - 1, float(series.high[-1]))
            d = f"M{x - 5:.1f} {a:.1f}h10M{x:.1f} {a:.1f}V{b:.1f}M{x - 5:.1f} {b:.1f}h10"
            body.append(svg.path(d, svg.stroke("accent", 2.2)))
        body.append(svg.circle(x, y, 4.6, svg.fill("paper")))
        body.append(svg.circle(x, y, 4.6, svg.stroke("accent", 2.0)))
    for i in sorted({round(k) for k in np.linspace(0, n - 1, min(marks, n))}):
        x, _ = at(i, 0)
        anchor = "start" if i == 0 else "end" if i == n - 1 else "middle"
        body.append(
            svg.text(x if i else left, bottom + 18, series.steps[i], colour="muted", anchor=anchor, size=12)
        )
    return svg.draw(body, width=WIDTH, height=bottom + 26, title=title, desc=desc)


def interval_table(rows: Sequence[Bar], *, first: str, value: str, level: float | None = None) -> Table:
    """The table of an `interval_chart` or `bar_chart`."""
    said = [
        (r.label, number(r.value) if r.value is not None else r.note or "not measurable", r) for r in rows
    ]
    filled = [(a, b, interval(r.low, r.high) if r.low is not None else "none") for a, b, r in said]
    return Table((first, value, spread(level)), filled, ("", "n", "n"))
