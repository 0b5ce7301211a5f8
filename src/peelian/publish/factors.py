"""The page of what goes along with reports: other kinds of reports before and beside them, and features of places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from peelian.patterns.lags import Lags
from peelian.patterns.risk_factors import RiskFactors
from peelian.places import Counts
from peelian.publish.charts import Bar, Table, chart_with_table, interval_chart
from peelian.publish.maps import map_figure, map_svg
from peelian.publish.patterns import pattern_page
from peelian.publish.sources import label
from peelian.publish.words import day, interval, number, p_value, percent, plural
from peelian.units import Frequency

if TYPE_CHECKING:
    from peelian.places import Areas

__all__ = ["factors_page", "in_words"]

Result = Mapping[str, Any]

DRAWN, MOST = 8, 25
"""Comparisons in the picture, and in a table; the run's table has all."""


def factors_page(
    result: Result,
    found: Lags,
    others: pd.DataFrame,
    places: RiskFactors | None,
    counts: Counts,
    *,
    areas: Areas | None = None,
    demonstration: bool = False,
) -> str:
    """The page of `peelian.workspace.factors`.

    Parameters
    ----------
    result : mapping
        As stored.
    found, places : Lags, RiskFactors
        What it was made from; None where no features of places were looked at.
    others : pandas.DataFrame
        The comparisons of the category with another, those that stand out first.
    counts : Counts
        Of the category, on the squares on which categories were compared.
    areas : Areas, optional
        Outlined on the map.
    """
    parts = [
        *_lags(result, found, others),
        _rest(result, found, others),
        _map(result, counts, areas),
        *_places(result["places"], places),
    ]
    limits = dict.fromkeys([*result["limits"], *result["places"].get("limits", ())])
    return pattern_page(
        {**result, "limits": list(limits)},
        heading="What goes along",
        parts=parts,
        lines=["What goes along with something need not bring it about. Of causes, nothing is said here."],
        demonstration=demonstration,
    )


def in_words(row: Mapping[str, Any], period: str) -> str:
    """A comparison: what is high with or after what, where, and how much later."""
    lag, span = int(row["lag"]), Frequency.parse(period)
    unit = {"d": "day", "w": "week", "mo": "month"}[span.unit]
    when = f"{plural(lag * span.n, unit)} later"
    if lag == 0:
        when = f"in the same {unit}" if span.n == 1 else f"in the same {span.n} {unit}s"
    where = "there" if row["where"] == "same cell" else "around it"
    way = "more" if row["r"] > 0 else "less"
    return f"more {label(row['leading'])} than usual goes along with {way} {label(row['following'])} {where} {when}"


def _short(row: Mapping[str, Any], period: str) -> str:
    """The same as the label of a chart."""
    said = in_words(row, period)
    lead, _, rest = said.partition(" than usual goes along with ")
    return f"{lead[:1].upper()}{lead[1:]}, {rest}"


def _head(name: str, said: str) -> Markup:
    return Markup('<h2 id="{}">{}</h2>').format(name, said)


def _said(text: str) -> Markup:
    return Markup("<p>{}</p>").format(text)


def _lags(result: Result, found: Lags, others: pd.DataFrame) -> list[Markup]:
    unit = _unit(found.period)
    head = [
        _head("lags", "Other reports before and beside"),
        _said(
            f"Each square and {unit} is held against what is usual for that square, and for that {unit} in the whole "
            f"area. That a square is busy counts for nothing here, nor that a {unit} is: only what is unusual for both."
            " Around it are the up to eight squares beside one."
        ),
    ]
    if not len(others):
        return head
    rows: list[dict[str, Any]] = others.head(MOST).to_dict("records")  # type: ignore[assignment]
    bars = [
        Bar(
            _short(row, found.period),
            row["r"],
            row["chance_low"],
            row["chance_high"],
            strong=bool(row["stands_out"]),
        )
        for row in rows[:DRAWN]
    ]
    title = "Correlation of what is unusual"
    desc = " ".join(f"{_short(row, found.period)}: {number(row['r'], digits=3)}." for row in rows[:DRAWN])
    drawing = interval_chart(
        bars,
        title=title,
        desc=desc,
        unit="correlation; the whisker is where it lies by chance alone",
        reference=0.0,
        reference_label="no association",
    )
    level = found.settings["level"]
    note = (
        f"Filled: stands out among all {number(len(found.table))} comparisons together, at a p of {percent(level)}. "
        f"Chance is what is found when one kind of report is moved against the other in time, by each of "
        f"{number(found.shifts)} shifts. A correlation of {number(rows[0]['r'], digits=3)} accounts for "
        f"{percent(rows[0]['r'] ** 2, digits=2)} of the ups and downs."
    )
    table = Table(_COLUMNS, [_row(row, found.period) for row in rows], _KINDS)
    return [*head, chart_with_table(drawing, table, caption=title, note=note)]


_COLUMNS = ("What", "Correlation", "By chance", "p", "p over all", "Stands out?")
_KINDS = ("words", "n", "n", "n", "n", "")


def _row(row: Mapping[str, Any], period: str) -> list[str]:
    return [
        _short(row, period),
        number(row["r"], digits=3),
        interval(row["chance_low"], row["chance_high"], digits=3),
        p_value(row["p"], digits=3),
        p_value(row["p_family"], digits=3),
        "yes" if row["stands_out"] else "no",
    ]


def _unit(period: str) -> str:
    span = Frequency.parse(period)
    unit = {"d": "day", "w": "week", "mo": "month"}[span.unit]
    return unit if span.n == 1 else f"{span.n} {unit}s"


def _rest(result: Result, found: Lags, others: pd.DataFrame) -> Markup | None:
    """The other comparisons that stand out: a kind with itself later, and other kinds with each other."""
    category = result["category"]
    ours = (found.table["leading"] == category) != (found.table["following"] == category)
    rest = found.table[~ours & found.table["stands_out"].astype(bool)] if len(found.table) else found.table
    if not len(rest):
        return None
    rows: list[dict[str, Any]] = rest.head(MOST).to_dict("records")  # type: ignore[assignment]
    table = Table(_COLUMNS, [_row(row, found.period) for row in rows], _KINDS)
    caption = f"{number(len(rows))} of {number(len(rest))} other comparisons that stand out"
    return Markup(
        "<details><summary>Reports with others of their kind, and other kinds with each other</summary>{}</details>"
    ).format(table.html(caption))


def _map(result: Result, counts: Counts, areas: Areas | None) -> Markup:
    title = f"Reports of {label(result['category'])} by square"
    values = counts.by_cell.astype(np.float64)
    drawing = map_svg(
        counts.grid,
        np.where(values > 0, values, np.nan),
        title=title,
        desc=(
            f"{number(counts.total)} reports on {number(len(counts.grid))} squares of {number(counts.grid.cell)} m; "
            f"the busiest has {number(values.max(initial=0.0))}."
        ),
        heading="Reports",
        areas=areas,
    )
    note = (
        f"The squares on which categories are compared. Of those with fewer than {result['settings']['least']} reports "
        "of a category nothing is said."
    )
    return map_figure(title, drawing, note)


def _places(told: Result, places: RiskFactors | None) -> list[Markup]:
    head = [_head("places", "Features of places")]
    if places is None:
        return [*head, _said(told["left_out"])]
    head.append(_said(label(told["sentence"])))
    made = [f"{label(name)} from {files[0]}" for name, files in told["made_from"].items()]
    span = told["counted"]
    head.append(
        _said(
            f"Reports from {day(span['from'])} up to {day(span['to'])}, held against a count of those from "
            f"{day(span['past_from'])} on before them. Looked at: {'; '.join(made)}. No feature is about groups of "
            "residents."
        )
    )
    return [*head, *_ratios(told, places), _skill(told), _forms(told, places)]


def _ratios(told: Result, places: RiskFactors) -> list[Markup]:
    rows = told["features"]
    if not rows:
        return []
    title = "Times as many reports"
    bars = [
        Bar(
            f"{_feature(row['form'])}: {row['step']}",
            row["rate_ratio"],
            row["low"],
            row["high"],
            strong=_clear(row),
        )
        for row in rows
    ]
    desc = " ".join(f"{_feature(row['form'])}: {number(row['rate_ratio'], digits=2)}." for row in rows)
    drawing = interval_chart(
        bars,
        title=title,
        desc=desc,
        unit=f"times as many reports, with its {percent(1 - places.settings['level'])} interval",
        reference=1.0,
        reference_label="as many",
        ratio=True,
    )
    said = [
        [
            _feature(row["form"]),
            str(row["step"]),
            number(row["rate_ratio"], digits=2),
            interval(row["low"], row["high"], digits=2),
            p_value(row["p"], digits=3),
            p_value(row["q"], digits=3),
            percent(row["chosen"], digits=0),
        ]
        for row in rows
    ]
    columns = ("Feature", "For", "Times as many", "Interval", "p", "q", "Kept in half samples")
    table = Table(columns, said, ("words", "words", "n", "n", "n", "n", "n"))
    note = (
        "Each with the others held as they are. Filled: the interval leaves 1 out. The intervals are too narrow, since "
        "the same reports chose the features."
    )
    return [chart_with_table(drawing, table, caption=title, note=note)]


def _clear(row: Result) -> bool:
    return not row["low"] <= 1 <= row["high"]


def _feature(name: str) -> str:
    """``distance_to_stations within 300 m`` as words."""
    return label(name).replace(" (log)", "").capitalize()


def _skill(told: Result) -> Markup:
    """What the features are worth on parts of the area that were not seen, beside a count."""
    names = {"features": "By these features", "counting the past": "By counting the past"}
    rows = told["skill"]
    best = max(float(row["skill"]) for row in rows)
    title = "Error taken away on unseen blocks of the area"
    bars = [
        Bar(
            names[row["model"]],
            100 * row["skill"],
            None if row["low"] is None else 100 * row["low"],
            None if row["high"] is None else 100 * row["high"],
            strong=row["skill"] == best,
        )
        for row in rows
    ]
    drawing = interval_chart(
        bars,
        title=title,
        desc=" ".join(f"{names[row['model']]}: {percent(row['skill'])}." for row in rows),
        unit="% of the error of one rate for the whole area",
        reference=0.0,
        reference_label="no better than one rate",
    )
    cells = [
        [
            names[row["model"]],
            percent(row["skill"]),
            "none" if row["low"] is None else f"{percent(row['low'])} to {percent(row['high'])}",
        ]
        for row in rows
    ]
    table = Table(("", "Error taken away", "Interval"), cells, ("", "n", "n"))
    ours, counting = (
        next((row for row in rows if row["model"] == name), None)
        for name in ("features", "counting the past")
    )
    note = "The error is the deviance of counts of squares."
    if ours is not None and counting is not None:
        better = counting["skill"] >= ours["skill"]
        note += (
            " Counting the past says more of where reports are: to choose where to go, use the count map."
            if better
            else " Here the features say more of where reports are than a count of the past."
        )
    return chart_with_table(drawing, table, caption=title, note=note)


def _forms(told: Result, places: RiskFactors) -> Markup:
    tried: list[Any] = list(places.stability.itertuples(index=False))
    rows = [
        [_feature(r.form), percent(r.chosen, digits=0), str(told["left_out"].get(r.form, ""))] for r in tried
    ]
    known = {row[0] for row in rows}
    rows += [
        [_feature(name), "", str(why)]
        for name, why in told["left_out"].items()
        if _feature(name) not in known
    ]
    table = Table(("Form", "Kept in half samples", "Why it was left out"), rows, ("words", "n", "words"))
    return Markup("<details><summary>All forms that were tried</summary>{}</details>").format(
        table.html("All forms of the features")
    )
