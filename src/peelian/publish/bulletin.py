"""The bulletin: one plan for a commander with five minutes, verdict first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from peelian.publish import sources
from peelian.publish.burden import burden_of
from peelian.publish.charts import Series, Table, chart_with_table, line_chart
from peelian.publish.decision import decision_words
from peelian.publish.evidence import Evidence
from peelian.publish.maps import map_svg
from peelian.publish.pages import render
from peelian.publish.trials import caught_figure, difference_figure, method_title, verdict_words
from peelian.publish.words import day, interval, number, percent, period, plural

__all__ = ["bulletin"]

Result = Mapping[str, Any]


def bulletin(evidence: Evidence) -> str:
    """Make the commander's bulletin.

    It shows exact places, so it is for use inside the agency; the public page has areas and hours only.

    Returns
    -------
    str
        A self-contained HTML page, the same bytes for the same evidence.

    Raises
    ------
    CheckError
        A word in it is never published.
    """
    kind = sources.label(evidence.category)
    plan = evidence.plan
    return render(
        "bulletin.html",
        demonstration=evidence.demonstration,
        agency=evidence.agency,
        kind=kind,
        category=sources.category_name(evidence.category),
        period=period(evidence.period),
        verdict=verdict_words(evidence.trial),
        decision=decision_words(evidence.decision, cells=True),
        facts=_facts(evidence),
        map=plan_map(evidence),
        places=_places(plan),
        options=_options(plan),
        plan=plan,
        notes=[str(n) for n in (plan or {}).get("notes", ())],
        left_out=_left_out(plan),
        burden=burden_of(evidence.audit),
        weekly=weekly_figure(evidence),
        trial_figures=trial_figures(evidence.trial),
        data=data_problems(evidence),
        imports=sources.imports_table(evidence.imports) if evidence.imports else None,
        attribution=evidence.attribution,
        origin=origin_pairs(evidence),
        zone=evidence.zone,
    )


def trial_figures(trial: Result | None) -> list[Markup]:
    """The charts of a trial; none without one."""
    if trial is None:
        return []
    return [figure for figure in (caught_figure(trial), difference_figure(trial)) if figure is not None]


def _facts(evidence: Evidence) -> list[dict[str, str]]:
    facts = []
    if evidence.surface is not None:
        low, high = evidence.surface.total_interval()
        expected = float(evidence.surface.mean.sum())
        facts.append(
            {
                "name": "Reports expected in the whole area",
                "big": number(expected, digits=0),
                "small": f"{low} to {high}, 90 % interval",
            }
        )
    plan = evidence.plan
    if plan is not None:
        covered = plan["covered"]
        hours = f"{number(plan['hours_used'])} of {number(plan['unit_hours'])} unit-hours"
        facts.append({"name": "Places in the plan", "big": number(len(plan["places"])), "small": hours})
        facts.append(
            {
                "name": "Reports expected in them",
                "big": number(covered["expected"], digits=1),
                "small": (
                    f"{interval(covered['low'], covered['high'])}; {percent(covered['share_of_expected'])} of all, "
                    f"on {percent(covered['share_of_area'])} of the area"
                ),
            }
        )
    for name, value, ends in burden_of(evidence.audit).facts:
        facts.append({"name": f"Hours per resident, {name}", "big": value, "small": f"{ends}; 1 is equal"})
    return facts


def plan_map(evidence: Evidence) -> Markup | None:
    """The map of expected reports with the plan's places on it; None without a surface."""
    surface = evidence.surface
    if surface is None:
        return None
    kind = sources.label(evidence.category)
    places = list((evidence.plan or {}).get("places", ()))
    known = {str(cell): i for i, cell in enumerate(evidence.grid.ids)}
    chosen = [known[str(p["cell"])] for p in places if str(p["cell"]) in known]
    top = np.sort(surface.mean)[::-1][: max(len(surface.mean) // 20, 1)].sum() / max(
        surface.mean.sum(), 1e-12
    )
    title = f"Expected {kind} reports by place, {period(evidence.period)}"
    desc = (
        f"A map of {number(len(evidence.grid))} squares of {number(evidence.grid.cell)} m. The twentieth of them with "
        f"the most expected reports holds {percent(top)} of all. "
        + (
            f"{plural(len(chosen), 'place')} of the plan are outlined and numbered as in the table."
            if chosen
            else ""
        )
    )
    drawing = map_svg(
        evidence.grid,
        surface.mean,
        title=title,
        desc=desc.strip(),
        heading=f"Expected reports in a square, {'the week' if _is_week(evidence) else 'the period'}",
        areas=evidence.areas,
        highlight=chosen,
    )
    return Markup(
        '<figure><figcaption>{}</figcaption><div class="draw">{}</div><p class="note">{}</p></figure>'
    ).format(
        title,
        drawing,
        "A dark square is a statement about reports, not about those who live there. "
        "The table of places beneath holds the same for the places in the plan.",
    )


def _is_week(evidence: Evidence) -> bool:
    return getattr(evidence.period, "days", 0) == 7


def _places(plan: Result | None) -> Markup | None:
    if plan is None or not plan["places"]:
        return None
    titles = [{str(o["title"]) for o in p.get("options", ())} for p in plan["places"]]
    same = all(t == titles[0] for t in titles)
    rows = []
    for place, own in zip(plan["places"], titles, strict=True):
        area = place.get("area_name") or "in no area"
        row = [
            f"{place['rank']}",
            f"{area} ({place['cell']})",
            f"{number(place['expected'], digits=2)} ({interval(place['low'], place['high'])})",
            number(place["hours"]),
            f"{str(place['reason'])[:1].upper()}{str(place['reason'])[1:]}.",
        ]
        rows.append(row if same else [*row, "; ".join(sorted(own))])
    columns = ["No.", "Place", "Expected", "Hours", "Why it is here"]
    kinds = ("", "", "n", "n", "words", *([] if same else ["words"]))
    table = Table(columns if same else [*columns, "Beside patrol"], rows, kinds)
    return table.html("The places of the plan, most expected reports first")


def _options(plan: Result | None) -> list[dict[str, str]]:
    """Every option that is not patrol, once, with the places that it fits."""
    if plan is None:
        return []
    found: dict[str, dict[str, Any]] = {}
    for place in plan["places"]:
        for option in place.get("options", ()):
            held = found.setdefault(str(option["key"]), {**option, "ranks": []})
            held["ranks"].append(int(place["rank"]))
    n = len(plan["places"])
    made = []
    for option in found.values():
        ranks = option.pop("ranks")
        fits = (
            "all places"
            if len(ranks) == n
            else f"{'place' if len(ranks) == 1 else 'places'} {', '.join(map(str, ranks))}"
        )
        made.append({**{k: str(v) for k, v in option.items() if k != "categories"}, "fits": fits})
    return made


def _left_out(plan: Result | None) -> list[str]:
    if plan is None:
        return ["There is no plan yet."]
    covered, left = plan["covered"], plan.get("left_out") or {}
    said = [
        (
            f"{percent(1 - covered['share_of_expected'])} of the expected reports fall outside the plan's places, "
            f"which leave out {percent(1 - covered['share_of_area'])} of the area."
        )
    ]
    for capped in left.get("capped") or ():
        name = capped.get("area_name") or "no area"
        said.append(
            f"{name}: {plural(capped['kept_out'], 'place')} left out by the cap of {plan['cap_per_area']} an area."
        )
    if left.get("cost_of_cap"):
        said.append(
            f"The cap keeps {number(left['cost_of_cap'], digits=2)} expected reports out of the plan's places."
        )
    if left.get("why"):
        said.append(f"{number(left.get('hours'))} unit-hours are not used: {left['why']}.")
    said.append("Incidents that nobody reported are in none of these numbers.")
    return said


def weekly_figure(evidence: Evidence) -> Markup | None:
    """Reports by period, and how many are expected next; None where they were not given."""
    weekly = evidence.weekly
    if weekly is None or len(weekly) < 2:
        return None
    recent = weekly.tail(60)
    starts = [str(s)[:10] for s in recent["start"]]
    values = [float(v) for v in recent["reported"]]
    low: list[float] | None = None
    high: list[float] | None = None
    expected = evidence.surface is not None
    if evidence.surface is not None:
        ends = evidence.surface.total_interval()
        starts.append(str(evidence.surface.period.start))
        values.append(float(evidence.surface.mean.sum()))
        low, high = [*values[:-1], float(ends[0])], [*values[:-1], float(ends[1])]
    kind = sources.label(evidence.category)
    title = f"Reported {kind} incidents by {'week' if _is_week(evidence) else 'period'}" + (
        ", and what is expected next" if expected else ""
    )
    last = number(values[-1], digits=0) + (" (expected)" if expected else "")
    desc = f"From {number(min(values))} to {number(max(values))}; the last is {last}."
    short = [day(s, year=False)[:6].rstrip() + " " + s[2:4] for s in starts]
    drawing = line_chart(
        Series(kind, short, values, low, high),
        title=title,
        desc=desc,
        unit="reports",
        last_is_forecast=expected,
    )
    rows = [[day(s), number(v, digits=0)] for s, v in zip(starts, values, strict=True)]
    if low is not None and high is not None:
        rows[-1][1] += f" expected ({interval(low[-1], high[-1])})"
    table = Table(("Starting", "Reports"), rows, ("", "n"))
    note = "The open dot with whiskers is the expected number with its 90 % interval." if expected else ""
    return chart_with_table(drawing, table, caption=title, note=note)


def data_problems(evidence: Evidence) -> list[str]:
    """What is known to be wrong with the records, in sentences."""
    totals = sources.imports_totals(evidence.imports)
    said = []
    if totals["rows_in"]:
        share = percent(totals["quarantined"] / totals["rows_in"])
        said.append(
            f"{number(totals['rows_in'])} rows were read: {number(totals['stored'])} stored, "
            f"{number(totals['duplicates'])} duplicates, {number(totals['corrections'])} corrections, "
            f"{number(totals['quarantined'])} set aside ({share})."
        )
    reasons = sources.quarantine_reasons(evidence.imports)
    if reasons:
        said.append(
            "Set aside for: " + "; ".join(f"{name} ({number(n)})" for name, n in reasons.items()) + "."
        )
    said += sources.warnings_of(evidence.imports)
    said += sources.to_look_at(evidence.quality)
    if evidence.quality is None:
        said.append("The quality of the stored records was not checked.")
    return said


def origin_pairs(evidence: Evidence) -> list[tuple[str, str]]:
    """Software, data, runs and ledger behind a page."""
    origin = dict(evidence.origin)
    pairs = []
    if "peelian" in origin:
        pairs.append(("Software", f"Peelian {origin.pop('peelian')}"))
    if "data_version" in origin:
        pairs.append(("Version of the records", str(origin.pop("data_version"))))
    plan = evidence.plan
    if plan is not None and plan.get("method"):
        pairs.append(("Method", method_title(evidence.trial, str(plan["method"]))))
    runs = origin.pop("runs", None)
    if isinstance(runs, Mapping):
        pairs += [(f"Run: {sources.label(name)}", str(run)) for name, run in runs.items() if run]
    pairs += [
        (sources.category_name(name), _said(value)) for name, value in origin.items() if value is not None
    ]
    if evidence.ledger is not None:
        pairs += ledger_pairs(evidence.ledger)
    return pairs


def ledger_pairs(ledger: Result) -> list[tuple[str, str]]:
    """The ledger's name, size, root and key."""
    names = {
        "origin": "Ledger",
        "size": "Entries in it",
        "root_hash": "Root hash",
        "vkey": "Key that checks it",
    }
    pairs = [
        (name, number(ledger[k]) if k == "size" else str(ledger[k]))
        for k, name in names.items()
        if ledger.get(k) is not None
    ]
    if ledger.get("verified_at"):
        pairs.append(("Last checked", str(ledger["verified_at"])))
    return pairs


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{sources.label(k)} {_said(v)}" for k, v in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_said(v) for v in value)
    return str(value)
