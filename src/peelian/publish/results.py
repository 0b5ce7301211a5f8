"""A page for each kind of result: quality, trial, forecast and audit, for those who work with it inside the agency.

Each takes ``demonstration``, which puts the banner on top that says that no agency took part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from peelian.methods import Surface
from peelian.publish import sources
from peelian.publish.audit_checks import check_lines, check_parts
from peelian.publish.burden import burden_of
from peelian.publish.calibrated import calibration_section
from peelian.publish.charts import Series, Table, chart_with_table, line_chart
from peelian.publish.choice import choice_made, method_title
from peelian.publish.maps import expected_map
from peelian.publish.notices import limit_words
from peelian.publish.origin import origin_words
from peelian.publish.pages import render
from peelian.publish.plan_spread import claim_parts, spread_parts, unheard_words
from peelian.publish.scores import scores_tables
from peelian.publish.trials import trial_figures, trial_notes, verdict_words
from peelian.publish.words import day, interval, listing, number, percent, period, plural, spread
from peelian.trials.trial import periods_named

if TYPE_CHECKING:
    from peelian.places import Areas

__all__ = ["audit_page", "forecast_page", "quality_page", "recent_words", "trial_page"]

Result = Mapping[str, Any]
LEVEL = 0.9  # of the intervals in `Surface.frame`
MOST_PLACES = 25
MOST_MONTHS = 60
MOST_TERMS = 3
"""Parts of a place's number that are named; the rest is put together."""


def quality_page(quality: Result, *, demonstration: bool = False) -> str:
    """The page of a quality result (`peelian.records.Quality.to_dict()`): what to look at first, then every check."""
    rows = list(quality.get("checks") or ())
    look = [row for row in rows if str(row.get("flag")) == "look"]
    if not rows:
        headline = "Nothing was checked"
    elif look:
        headline = f"{plural(len(look), 'check asks', 'checks ask')} for a look, of {number(len(rows))}"
    else:
        headline = f"None of {plural(len(rows), 'check')} asks for a look"
    parts = [
        _checks(look, "What asks for a look") if look else None,
        _monthly(quality.get("monthly") or ()),
        _stacked(quality.get("stacked") or ()),
        _checks(rows, "Every check") if rows else None,
    ]
    return render(
        "result.html",
        demonstration=demonstration,
        heading="What is known about the quality of the records",
        sub="A check that asks for a look is a reason to look, not a fault.",
        headline=headline,
        lines=[],
        parts=[part for part in parts if part is not None],
        limits=[
            "A record that looks right can still be wrong. What was never reported can't be checked at all."
        ],
        origin=origin_words(quality.get("origin")),
    )


def _checks(rows: Sequence[Result], caption: str) -> Markup:
    said = [
        [
            sources.category_name(row["check"]),
            sources.label(row.get("subject") or ""),
            sources.check_value(row),
            sources.check_value(row, "expected"),
            "look" if str(row.get("flag")) == "look" else "ok",
            str(row.get("note") or ""),
        ]
        for row in rows
    ]
    columns = ("Check", "Of what", "Value", "Expected", "Look?", "Note")
    return Table(columns, said, ("", "", "n", "n", "", "words")).html(caption)


def _monthly(rows: Sequence[Result]) -> Markup | None:
    """Stored rows by calendar month over all categories, the last five years; a month without rows is 0."""
    counted: dict[np.datetime64, int] = {}
    for row in rows:
        month = np.datetime64(str(row["month"])[:7], "M")
        counted[month] = counted.get(month, 0) + int(row.get("rows") or 0)
    if len(counted) < 2:
        return None
    last = max(counted)
    months = np.arange(
        max(min(counted), last - np.timedelta64(MOST_MONTHS - 1, "M")), last + np.timedelta64(1, "M")
    )
    counts = [counted.get(month, 0) for month in months]
    names = [str(month) for month in months]
    earlier = sum(counted.values()) - sum(counts)
    title = "Stored incidents by month"
    desc = f"From {number(min(counts))} to {number(max(counts))} a month, {names[0]} to {names[-1]}."
    drawing = line_chart(Series(title, names, counts), title=title, desc=desc, unit="incidents")
    table = Table(
        ("Month", "Incidents"), [[m, number(n)] for m, n in zip(names, counts, strict=True)], ("", "n")
    )
    note = "The first and the last month may be parts only."
    if earlier:
        note += f" {plural(earlier, 'earlier incident is', 'earlier incidents are')} not drawn."
    return chart_with_table(drawing, table, caption=title, note=note)


def _stacked(rows: Sequence[Result]) -> Markup | None:
    if not rows:
        return None
    said = [
        [
            f"{number(row['x'], digits=0)}, {number(row['y'], digits=0)}",
            number(row.get("rows")),
            percent(row.get("share")),
            str(row.get("label") or ""),
        ]
        for row in rows
    ]
    columns = ("Point (x, y)", "Incidents", "Share of all", "Most often")
    return Table(columns, said, ("", "n", "n", "words")).html("The points with the most incidents")


def trial_page(trial: Result, *, demonstration: bool = False) -> str:
    """The page of a trial (`peelian.trials.Trial.to_dict()`, with its ``category`` and ``origin``)."""
    verdict = verdict_words(trial)
    kind = sources.label(trial.get("category") or "all incidents")
    return render(
        "result.html",
        demonstration=demonstration,
        heading=f"Trial of the methods: {kind}",
        sub=(
            f"{plural(trial['origins'], 'past period')} from {day(trial.get('from'))}, "
            f"{plural(trial.get('events') or 0, 'report')}, {plural(trial.get('cells') or 0, 'place')}. No "
            "method saw the period that it was tried on."
        ),
        headline=verdict["headline"],
        lines=[],
        said=verdict["parts"],
        notes=trial_notes(trial),
        parts=_trial_parts(trial),
        limits=[
            "A trial measures how well past reports tell where the next come from, not what going there does.",
            "What was not reported is in neither the forecast nor the test.",
        ],
        origin=origin_words(trial.get("origin")),
    )


def _trial_parts(trial: Result) -> list[Markup]:
    figures = Markup("").join(Markup("<div>{}</div>").format(figure) for figure in trial_figures(trial))
    calibration = calibration_section(trial)
    return [
        Markup('<div class="two">{}</div>').format(figures),
        Markup('<h2 id="scores">Every score</h2>'),
        scores_tables(trial),
        *([] if calibration is None else [calibration]),
        Markup(
            "<details><summary>How each method was set, and what it was given</summary>{}{}</details>"
        ).format(_parameters(trial), _given(trial)),
    ]


def _given(trial: Result) -> Markup:
    """What methods could learn from beside the category's own reports."""
    learned = trial.get("learned_from") or {}
    companions = listing([sources.label(name) for name in learned.get("companions") or ()])
    said = (
        f"Beside the reports of {sources.label(trial.get('category') or 'the category')}, methods were given those of "
        f"{companions}; which of them uses these is for it to say."
        if companions
        else "Methods were given the category's own reports alone."
    )
    if learned.get("features"):
        said += (
            f" Of each place, they were given: {listing([sources.label(f) for f in learned['features']])}."
        )
    return Markup("<p>{}</p>").format(said)


def _parameters(trial: Result) -> Markup:
    rows = [
        [
            method_title(trial, str(m["name"])),
            ", ".join(f"{sources.label(k)} {v}" for k, v in (m.get("parameters") or {}).items()) or "none",
        ]
        for m in trial["methods"]
    ]
    return Table(("Method", "Parameters"), rows, ("", "words")).html("How each method was set")


def forecast_page(
    forecast: Result, surface: Surface, *, areas: Areas | None = None, demonstration: bool = False
) -> str:
    """The page of a forecast, with its map and the places with the most expected reports.

    Parameters
    ----------
    forecast : mapping
        The stored result: ``category``, ``method``, ``why_this_method``, ``verdict``, ``origin``.
    surface : Surface
        Expected reports by cell.
    areas : Areas, optional
        Outlined on the map.
    demonstration : bool
        Put the banner on top that says that no agency took part.
    """
    kind = sources.label(forecast["category"])
    level = float(forecast.get("level") or LEVEL)
    low, high = surface.total_interval(level)
    verdict = forecast.get("verdict")
    used, why = str(forecast.get("method") or surface.method), str(forecast.get("why_this_method") or "")
    lines = [f"Method: {sources.label(method_title(None, used))}" + (f" ({why})." if why else ".")]
    lines += recent_words(forecast)
    choice = choice_made(used, None, verdict, suspension=forecast.get("suspension"))
    said = verdict_words({"verdict": verdict, "methods": ()} if verdict else None, choice)
    lines += [said["by_hand"]] if said["by_hand"] else []
    return render(
        "result.html",
        demonstration=demonstration,
        heading=f"Forecast of {kind} reports, {period(surface.period)}",
        sub="How many reports are expected where. It is a statement about reports, not about those who live there.",
        headline=(
            f"{plural(round(float(surface.mean.sum())), 'report is', 'reports are')} expected in the whole area "
            f"({spread(level)} of the sum: {interval(low, high)})"
        ),
        lines=lines,
        said=said["parts"],
        notes=[str(note) for note in forecast.get("notes") or ()],
        about="this forecast",
        parts=[expected_map(surface, kind=kind, areas=areas), _highest(surface, forecast.get("why") or ())],
        limits=[
            "Incidents that nobody reported are in none of these numbers.",
            "The interval is what the method itself says. How often it was right is for the trial to tell.",
        ],
        origin=origin_words(forecast.get("origin")),
    )


def recent_words(forecast: Result) -> list[str]:
    """What was reported in the last periods before a forecast, in a sentence; none where it was stored without."""
    counts = [int(row["reported"]) for row in forecast.get("recent") or ()]
    if not counts:
        return []
    known = periods_named(str((forecast.get("fitted") or {}).get("frequency")))
    told = f"in the last {number(len(counts))} {known}" if len(counts) > 1 else "in the last period"
    mean = f"; {number(sum(counts) / len(counts))} on average" if len(counts) > 1 else ""
    return [f"For comparison, what was reported {told} before it: {', '.join(map(number, counts))}{mean}."]


def _highest(surface: Surface, why: Sequence[Result]) -> Markup:
    frame = surface.frame.nsmallest(MOST_PLACES, "rank")
    made = {str(place["cell"]): made_of(place) for place in why}
    rows = [
        [
            str(r.rank),
            str(r.cell),
            number(r.expected, digits=2),
            interval(r.low, r.high),
            made.get(str(r.cell), ""),
        ]
        for r in frame.itertuples(index=False)
    ]
    caption = f"The {plural(len(rows), 'place')} with the most expected reports"
    columns = ["Rank", "Place", "Expected", spread(LEVEL), "What made the number, in expected reports"]
    kinds = ["", "", "n", "n", "words"]
    if not made:
        rows, columns, kinds = [row[:-1] for row in rows], columns[:-1], kinds[:-1]
    return Table(columns, rows, kinds).html(caption)


def made_of(place: Result, *, most: int = MOST_TERMS) -> str:
    """The largest parts of a place's number, in expected reports: ``"0.5 from reports here; 0.2 from ..."``."""
    parts = sorted(place["terms"].items(), key=lambda part: -float(part[1]))
    whole = sum(float(v) for _, v in parts)
    shown = [(name, float(v)) for name, v in parts[:most] if float(v) >= 0.05 * whole]
    rest = whole - sum(v for _, v in shown)
    said = [f"{number(v, digits=2)} from {name}" for name, v in shown]
    return "; ".join([*said, f"{number(rest, digits=2)} from all else"] if rest >= 0.005 else said)


def audit_page(audit: Result, *, demonstration: bool = False) -> str:
    """The page of an exposure audit (`peelian.audits.ExposureAudit.to_dict()`, with ``measured`` and ``plan``)."""
    burden = burden_of(audit)
    passes = audit.get("passes")
    if burden.why_not:
        headline = "Not measured"
    elif passes is None:
        headline = "Measured; nobody has set a threshold to hold it against"
    else:
        headline = "Within the threshold" if passes else "Beyond the threshold"
    settings = [
        f"{name}: {number(audit[key])}"
        for key, name in (("blocks", "blocks with residents"), ("block_km", "side of a block in km"))
        if audit.get(key) is not None
    ]
    resampled = (
        f"Intervals are from {plural(audit['replicates'], 'resampled city', 'resampled cities')}"
        if audit.get("replicates")
        else ""
    )
    return render(
        "result.html",
        demonstration=demonstration,
        heading="Whom a plan reaches",
        sub=f"Exposure by group of {audit.get('plan') or 'a plan'}, beside other ways to spend the same hours.",
        headline=headline,
        lines=[burden.why_not]
        if burden.why_not
        else [
            *limit_words(audit),
            *burden.sentences,
            *unheard_words(audit),
            *(audit.get("spread") or {}).get("sentences", [])[:1],
            *check_lines(audit.get("checks")),
        ],
        notes=[str(note) for note in audit.get("notes") or ()],
        about="this audit",
        parts=[
            *claim_parts(audit.get("claims")),
            *burden.figures,
            burden.table,
            *spread_parts(audit.get("spread")),
            *check_parts(audit.get("checks")),
        ]
        if not burden.why_not
        else [],
        limits=[*burden.limits, *([f"{resampled} ({'; '.join(settings)})."] if resampled else [])],
        origin=origin_words(audit.get("origin")),
    )
