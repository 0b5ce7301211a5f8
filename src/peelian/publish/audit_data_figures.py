"""Drawings of the audit of the data: weeks with what stands out, and how often a planted change is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from peelian.publish import svg
from peelian.publish.charts import RIGHT, WIDTH, round_ticks
from peelian.publish.words import day, number

__all__ = ["found_panels", "weeks_line"]

LEFT, PANEL, GAP = 44.0, 92.0, 46.0


def weeks_line(
    weeks: Sequence[str],
    values: Sequence[float],
    *,
    title: str,
    desc: str,
    unit: str,
    stretches: Sequence[tuple[str, str]] = (),
    mark: str | None = None,
    percent: bool = False,
) -> Markup:
    """A line over weeks from 0, with stretches shaded and one date marked.

    Parameters
    ----------
    weeks : sequence of str
        First day of each, ISO.
    values : sequence of float
    stretches : sequence of (str, str)
        From and up to, ISO.
    mark : str, optional
        A date with a dashed line.
    percent : bool
        Values are shares.
    """
    top, bottom, right = 28.0, 176.0, WIDTH - RIGHT
    scale = 100.0 if percent else 1.0
    ticks = round_ticks(0.0, max([*(scale * v for v in values), 1e-9]), most=4)
    start, end = (pd.Timestamp(weeks[i]).value for i in (0, -1))

    def x(date: str) -> float:
        share = (pd.Timestamp(date).value - start) / max(end - start, 1)
        return LEFT + min(max(share, 0.0), 1.0) * (right - LEFT)

    def y(value: float) -> float:
        return bottom - scale * value / ticks[-1] * (bottom - top)

    body = [svg.text(0, 14, unit, colour="muted", size=12)]
    for first, last in stretches:
        a, b = x(first), max(x(last), x(first) + 3)
        body.append(svg.box(a, top, b - a, bottom - top, svg.fill("band")))
    for tick in ticks:
        at = y(tick / scale)
        body.append(svg.line(LEFT, at, right, at, "rule", 0.8))
        body.append(svg.text(LEFT - 6, at + 4, number(tick), colour="muted", anchor="end", size=12))
    points = "L".join(f"{x(w):.1f} {y(v):.1f}" for w, v in zip(weeks, values, strict=True))
    body.append(svg.path(f"M{points}", svg.stroke("data", 1.6)))
    if mark is not None:
        body.append(svg.line(x(mark), top - 6, x(mark), bottom, "accent", 1.6, dash="4 3"))
    for i, anchor in ((0, "start"), (len(weeks) // 2, "middle"), (len(weeks) - 1, "end")):
        body.append(svg.text(x(weeks[i]), bottom + 18, day(weeks[i]), colour="muted", anchor=anchor, size=12))
    return svg.draw(body, width=WIDTH, height=bottom + 26, title=title, desc=desc)


def found_panels(
    kinds: Sequence[tuple[str, str, Sequence[Mapping[str, Any]]]], *, title: str, desc: str, enough: float
) -> Markup:
    """One panel a kind: the share of places in which each strength is found, with its interval.

    Parameters
    ----------
    kinds : sequence of (name, unit, rows)
        Rows have ``strength``, ``share``, ``low`` and ``high``; the strength 0 is nothing planted.
    enough : float
        The share that is called found, a dashed line.
    """
    body: list[str] = []
    right = WIDTH - RIGHT
    at = 30.0
    body.append(svg.text(0, 14, f"dashed: {100 * enough:.0f} % of places; open: nothing planted", size=12))
    for name, unit, rows in kinds:
        top, bottom = at + 22, at + 22 + PANEL
        body.append(svg.text(0, at + 10, name, bold=True))
        body.append(svg.text(right, at + 10, "% of places", colour="muted", anchor="end", size=12))
        body += _frame(top, bottom, enough)
        step = (right - LEFT) / max(len(rows), 1)
        for i, row in enumerate(rows):
            x = LEFT + (i + 0.5) * step
            body += _whisker(x, row, top, bottom)
            body.append(svg.text(x, bottom + 17, _said(row, unit), colour="muted", anchor="middle", size=12))
        body.append(svg.text(right, bottom + 33, unit, colour="muted", anchor="end", size=12))
        at = bottom + GAP
    return svg.draw(body, width=WIDTH, height=at, title=title, desc=desc)


def _said(row: Mapping[str, Any], unit: str) -> str:
    if float(row["strength"]) == 0:
        return "none"
    if unit.startswith("of "):
        return f"{100 * float(row['strength']):.0f} %"
    return f"{float(row['strength']):g}"


def _frame(top: float, bottom: float, enough: float) -> list[str]:
    out = []
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - top)
        out.append(svg.line(LEFT, y, WIDTH - RIGHT, y, "rule", 0.8))
        out.append(svg.text(LEFT - 6, y + 4, f"{100 * share:.0f}", colour="muted", anchor="end", size=12))
    y = bottom - enough * (bottom - top)
    return [*out, svg.line(LEFT, y, WIDTH - RIGHT, y, "ink", 1.4, dash="4 3")]


def _whisker(x: float, row: Mapping[str, Any], top: float, bottom: float) -> list[str]:
    low, value, high = (bottom - float(row[k]) * (bottom - top) for k in ("low", "share", "high"))
    nothing = float(row["strength"]) == 0
    colour = "muted" if nothing else "data"
    d = f"M{x - 5:.1f} {low:.1f}h10M{x:.1f} {low:.1f}V{high:.1f}M{x - 5:.1f} {high:.1f}h10"
    paint = svg.fill("paper") if nothing else svg.fill(colour)
    return [
        svg.path(d, svg.stroke(colour, 1.8)),
        svg.circle(x, value, 4.6, paint),
        svg.circle(x, value, 4.6, svg.stroke(colour, 1.8)),
    ]
