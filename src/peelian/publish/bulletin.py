"""The bulletin: one plan for a commander with five minutes, verdict first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from peelian.publish import sources
from peelian.publish.burden import NO_INTERVAL, burden_of
from peelian.publish.calibrated import calibration_sentence
from peelian.publish.charts import Series, Table, chart_with_table, line_chart
from peelian.publish.choice import choice_of, verdict_of
from peelian.publish.decision import decision_words, state_of
from peelian.publish.evidence import Evidence
from peelian.publish.maps import expected_map
from peelian.publish.notices import amended_words, limit_words, over_words
from peelian.publish.origin import origin_words
from peelian.publish.pages import render
from peelian.publish.trials import trial_figures, trial_notes, verdict_words
from peelian.publish.words import MONTHS, day, interval, number, percent, period, plural, spread, unsure

__all__ = ["bulletin"]

Result = Mapping[str, Any]
LEVEL = 0.9
"""Of a surface's interval where no stored forecast names one."""


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
    choice = choice_of(evidence)
    beyond = limit_words(evidence.audit, evidence.decision)
    over = over_words(evidence)
    return render(
        "bulletin.html",
        demonstration=evidence.demonstration,
        agency=evidence.agency,
        kind=kind,
        category=sources.category_name(evidence.category),
        period=period(evidence.period),
        verdict=verdict_words(known_trial(evidence), choice),
        trial_notes=trial_notes(evidence.trial),
        decision=decision_words(evidence.decision, cells=True, warnings=[*beyond, *([over] if over else [])]),
        over=over,
        beyond=beyond,
        amended=amended_words(plan, evidence.decision),
        facts=_facts(evidence),
        asked=plan is not None and not over and state_of(evidence.decision) == "proposed",
        map=_map(evidence),
        places=_places(plan),
        options=_options(plan),
        plan=plan,
        notes=[str(n) for n in (plan or {}).get("notes", ())],
        left_out=_left_out(plan),
        burden=burden_of(evidence.audit),
        weekly=weekly_figure(evidence),
        trial_figures=trial_figures(evidence.trial, used=choice.used, brief=True),
        calibration=calibration_sentence(evidence.trial, choice.used),
        data=data_problems(evidence),
        imports=sources.imports_table(evidence.imports) if evidence.imports else None,
        attribution=evidence.attribution,
        origin=origin_pairs(evidence),
        zone=evidence.zone,
    )


def expected_total(evidence: Evidence) -> tuple[float, float, float, float] | None:
    """Reports expected in the whole area, the ends of their interval and its level; None without a forecast.

    What the forecast stored is what is shown; without it, the surface's own interval.
    """
    if evidence.surface is None:
        return None
    stored = evidence.forecast or {}
    if all(stored.get(key) is not None for key in ("expected", "low", "high", "level")):
        return tuple(float(stored[key]) for key in ("expected", "low", "high", "level"))  # type: ignore[return-value]
    return (float(evidence.surface.mean.sum()), *evidence.surface.total_interval(LEVEL), LEVEL)


def _facts(evidence: Evidence) -> list[dict[str, str]]:
    facts = []
    total = expected_total(evidence)
    if total is not None:
        expected, low, high, level = total
        facts.append(
            {
                "name": "Reports expected in the whole area",
                "big": number(expected, digits=0),
                "small": f"{interval(low, high)}{unsure(low, high)}: {spread(level)} of the sum over the whole area",
            }
        )
    plan = evidence.plan
    if plan is not None:
        covered = plan["covered"]
        hours = f"{number(plan['hours_used'])} of {number(plan['unit_hours'])} unit-hours"
        facts.append({"name": "Places in the plan", "big": number(len(plan["places"])), "small": hours})
        ends = f"{interval(covered['low'], covered['high'])}{unsure(covered['low'], covered['high'])}"
        ends += f": {spread(covered.get('level'))}"
        facts.append(
            {
                "name": "Reports expected in them",
                "big": number(covered["expected"], digits=1),
                "small": (
                    f"{ends} of the sum over these places. {percent(covered['share_of_expected'])} of all expected "
                    f"reports, on {percent(covered['share_of_area'])} of the area"
                ),
            }
        )
    burden = burden_of(evidence.audit)
    for name, value, ends in burden.facts:
        said = f"{ends}: {burden.spread} of the ratio" if ends != NO_INTERVAL else ends
        facts.append({"name": f"Hours per resident, {name}", "big": value, "small": f"{said}; 1 is equal"})
    return facts


def _map(evidence: Evidence) -> Markup | None:
    if evidence.surface is None:
        return None
    known = {str(cell): i for i, cell in enumerate(evidence.grid.ids)}
    places = (evidence.plan or {}).get("places", ())
    chosen = [known[str(p["cell"])] for p in places if str(p["cell"]) in known]
    kind = sources.label(evidence.category)
    return expected_map(evidence.surface, kind=kind, areas=evidence.areas, chosen=chosen)


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
    columns = ["No.", "Place", f"Expected ({spread(plan.get('level'))})", "Hours", "Why it is here"]
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
    total = expected_total(evidence)
    expected = total is not None
    if evidence.surface is not None and total is not None:
        starts.append(str(evidence.surface.period.start))
        values.append(total[0])
        low, high = [*values[:-1], total[1]], [*values[:-1], total[2]]
    kind = sources.label(evidence.category)
    title = f"Reported {kind} incidents by {'week' if _is_week(evidence) else 'period'}" + (
        ", and what is expected next" if expected else ""
    )
    last = number(values[-1], digits=0) + (" (expected)" if expected else "")
    desc = f"From {number(min(values))} to {number(max(values))}; the last is {last}."
    short = [f"{int(s[8:10])} {MONTHS[int(s[5:7]) - 1][:3]} {s[2:4]}" for s in starts]
    drawing = line_chart(
        Series(kind, short, values, low, high),
        title=title,
        desc=desc,
        unit="reports",
        last_is_forecast=expected,
    )
    rows = [[day(s), number(v, digits=0)] for s, v in zip(starts, values, strict=True)]
    said = spread(total[3]) if total is not None else ""
    if low is not None and high is not None:
        rows[-1][1] += f" expected ({said}: {interval(low[-1], high[-1])})"
    table = Table(("Starting", "Reports"), rows, ("", "n"))
    note = (
        f"The open dot with whiskers is the expected number in the whole area with its {said}."
        if expected
        else ""
    )
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


def known_trial(evidence: Evidence) -> Result | None:
    """The trial; where it was not handed over, the verdict alone that the forecast quotes."""
    if evidence.trial is not None:
        return evidence.trial
    verdict = verdict_of(evidence)
    return None if verdict is None else {"verdict": verdict, "methods": ()}


def origin_pairs(evidence: Evidence) -> list[tuple[str, str]]:
    """Software, data, method, runs and ledger behind a page."""
    choice = choice_of(evidence)
    given = evidence.plan or evidence.forecast
    method = f"{choice.title}{', chosen by hand' if choice.by_hand else ''}" if given else ""
    return origin_words(evidence.origin, method=method, ledger=evidence.ledger)
