"""The public site: what is used and why, what came out, who decided, and how anyone can check or object.

Plain words, areas instead of exact squares, and no small numbers. The exact squares of a plan stay inside the agency:
they would tell when and where nobody is, and a square can hold a single home.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from peelian.errors import UsageError
from peelian.publish import sources
from peelian.publish.bulletin import known_trial, origin_pairs
from peelian.publish.burden import burden_of
from peelian.publish.charts import Table
from peelian.publish.choice import Choice, choice_of, counting_of, is_counting, method_title
from peelian.publish.decision import decision_words, in_force
from peelian.publish.evidence import Evidence
from peelian.publish.maps import area_map_svg, map_figure
from peelian.publish.notices import amended_words, limit_words, over_words
from peelian.publish.origin import ledger_words
from peelian.publish.pages import render
from peelian.publish.suppressed import Published, hide_small
from peelian.publish.trials import at_fraction, caught_figure, primary_fraction, trial_notes
from peelian.publish.words import listing, number, percent, period, plural

__all__ = ["public_page", "public_site", "site_files", "write_site"]

Result = Mapping[str, Any]

PARTS: Mapping[str, str] = {
    "duplicates": "repeats of a report that we had read before, as when a file is read twice",
    "corrections": "corrections, and the rows in the same file that they take back",
    "quarantined": "rows set aside",
}
"""What became of the rows that were not kept."""

INDEX, TABLE, CHECKPOINT, RULES = "index.html", "reported-incidents.csv", "checkpoint.txt", "policy.html"


def public_site(evidence: Evidence, out: Path) -> list[Path]:
    """Write the public site into the folder `out`, which it replaces as a whole: `site_files`, then `write_site`.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    CheckError
        A word in it is never published.
    """
    return write_site(site_files(evidence), out)


def site_files(evidence: Evidence, *, rules: str | None = None) -> dict[str, str]:
    """Make the public site without writing it, so that it can be hashed and recorded before it is shown.

    Parameters
    ----------
    evidence : Evidence
    rules : str, optional
        The page of the rules (`peelian.publish.policy_page`), which becomes ``policy.html``.

    Returns
    -------
    dict of str to str
        Text by file name: ``index.html``, and where there is something to put in them ``reported-incidents.csv`` (the
        same numbers as on the page, small ones hidden) and ``checkpoint.txt`` (the ledger's).

    Raises
    ------
    CheckError
        A word in it is never published.
    """
    files = {INDEX: public_page(evidence, rules=rules is not None)}
    if rules is not None:
        files[RULES] = rules
    published = _reported(evidence)
    if published is not None:
        files[TABLE] = _csv(published)
    if evidence.ledger is not None and evidence.ledger.get("checkpoint"):
        files[CHECKPOINT] = str(evidence.ledger["checkpoint"])
    return files


def write_site(files: Mapping[str, str], out: Path) -> list[Path]:
    """Write the files of a site into the folder `out`, which they replace as a whole.

    They are written beside it, as UTF-8 and with no line ending changed, and renamed when they are complete, so that a
    crash leaves the old site or the new one.

    Parameters
    ----------
    files : mapping of str to str
        Text by file name, as `site_files` gives it.
    out : Path

    Returns
    -------
    list of Path
        The files, in the order given.

    Raises
    ------
    UsageError
        There is no file, or a name leads out of the folder.
    """
    out = Path(out)
    wrong = [name for name in files if not name or name in (".", "..") or Path(name).name != name]
    if wrong or not files:
        msg = f"{', '.join(map(repr, wrong)) or 'no file'} was given as the public site; expected plain file names"
        raise UsageError(msg, hint="write what site_files(evidence) gives")
    _replace(out, files)
    return [out / name for name in files]


def _replace(out: Path, files: Mapping[str, str]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    old = out.with_name(f".{out.name}.old")
    if old.exists() and not out.exists():  # a crash between the two renames below
        old.rename(out)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        for name, text in files.items():
            with (fresh / name).open("w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        fresh.chmod(0o755)
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.rename(old)
        fresh.rename(out)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        if old.exists() and not out.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def public_page(evidence: Evidence, *, rules: bool = False) -> str:
    """The page ``index.html`` of the public site; with `rules`, it links to ``policy.html`` beside it."""
    approved = in_force(evidence.decision)
    published = _reported(evidence)
    choice = choice_of(evidence)
    beyond = limit_words(evidence.audit, evidence.decision, plain=True)
    over = over_words(evidence)
    return render(
        "public.html",
        public=True,
        demonstration=evidence.demonstration,
        agency=evidence.agency,
        contact=evidence.contact,
        kind=sources.label(evidence.category),
        category=sources.category_name(evidence.category),
        period=period(evidence.period),
        span=period(evidence.reported_period),
        threshold=evidence.threshold,
        plan=evidence.plan if approved else None,
        decided=evidence.decision is not None,
        hours=_hours_by_area(evidence.plan) if approved else None,
        options=_option_titles(evidence.plan) if approved else [],
        decision=decision_words(evidence.decision, warnings=[*beyond, *([over] if over else [])]),
        over=over,
        beyond=beyond,
        amended=amended_words(evidence.plan, evidence.decision) if approved else "",
        verdict=plain_verdict(known_trial(evidence), choice),
        trial_notes=trial_notes(evidence.trial),
        trial_figure=(
            caught_figure(evidence.trial, plain=True, used=choice.used, brief=True)
            if evidence.trial is not None
            else None
        ),
        burden=burden_of(evidence.audit, plain=True),
        published=published,
        reported_table=_table(published, evidence) if published is not None else None,
        reported_map=_area_map(published, evidence) if published is not None else None,
        records=_records(evidence),
        beside=_beside(_learned(evidence, choice)),
        residents="population" in (_learned(evidence, choice).get("features") or ()),
        ledger=ledger_words(evidence.ledger) if evidence.ledger is not None else [],
        checkpoint=str((evidence.ledger or {}).get("checkpoint") or ""),
        check_code=_check_code(evidence.ledger),
        rules=RULES if rules else "",
        attribution=evidence.attribution,
        origin=origin_pairs(evidence),
    )


def _learned(evidence: Evidence, choice: Choice) -> Result:
    """What the method in use was given to learn from; counting is given nothing but the category's own reports."""
    if not choice.used or is_counting(choice.used, evidence.trial):
        return {}
    learned: Result = (evidence.forecast or {}).get("learned_from") or {}
    return learned


def _beside(learned: Result) -> list[str]:
    """What the method in use was given to learn from beside the category's own reports, in words."""
    kinds = listing([sources.label(name) for name in learned.get("companions") or ()])
    said = [f"reports of {kinds}"] if kinds else []
    features = list(learned.get("features") or ())
    if "population" in features:
        said.append("how many people live at a place, all groups together")
    far = [sources.label(name.removeprefix("distance_to_")) for name in features if name != "population"]
    return said + ([f"how far a place is from {listing(far)}"] if far else [])


def _check_code(ledger: Result | None) -> str:
    """Python that checks the copy of the ledger beside this page against the page's checkpoint and key."""
    if not ledger or not ledger.get("vkey") or not ledger.get("checkpoint"):
        return ""
    return (
        "from pathlib import Path\n"
        "from peelian.charter import verify\n"
        f'since = Path("{CHECKPOINT}").read_bytes()\n'
        f"key = {str(ledger['vkey'])!r}\n"
        'print(verify(Path("ledger"), vkey=key, since=since))'
    )


def _reported(evidence: Evidence) -> Published | None:
    frame = evidence.reported
    if frame is None or frame.empty:
        return None
    return hide_small(frame, threshold=evidence.threshold)


def _table(published: Published, evidence: Evidence) -> Markup:
    shown = sorted(
        zip(published.names, published.shown, strict=True),
        key=lambda row: (isinstance(row[1], str), 0 if isinstance(row[1], str) else -row[1], row[0]),
    )
    rows = [[name, published.said(value)] for name, value in shown]
    rows.append(["All areas together", published.said(published.total)])
    return Table(("Area", "Reported"), rows, ("", "n")).html(_reported_title(evidence))


def _reported_title(evidence: Evidence) -> str:
    span = period(evidence.reported_period)
    return f"Reported {sources.label(evidence.category)} incidents by area{f', {span}' if span else ''}"


def _area_map(published: Published, evidence: Evidence) -> Markup | None:
    if evidence.areas is None:
        return None
    values = published.known
    hidden = sum(v is None for v in values.values())
    most = max((v for v in values.values() if v is not None), default=0)
    desc = (
        f"A map of {plural(len(values), 'area')}. The most in one area is {number(most)}; "
        f"{plural(hidden, 'area has', 'areas have')} no number shown. The table holds the same."
    )
    title = _reported_title(evidence)
    drawing = area_map_svg(
        evidence.areas,
        values,
        crs=evidence.grid.crs,
        title=title,
        desc=desc,
        heading="Reported incidents in the area",
        hidden="number not shown",
    )
    return map_figure(title, drawing)


def _csv(published: Published) -> str:
    """The table as CSV. A name that a spreadsheet would run as a formula is disarmed with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("area_id", "name", "reported"))
    for i, name, value in zip(published.ids, published.names, published.shown, strict=True):
        cells = (f"'{c}" if c[:1] in ("=", "+", "-", "@", "\t", "\r") else c for c in (i, name))
        writer.writerow((*cells, value))
    return text.getvalue()


def _hours_by_area(plan: Result | None) -> Markup | None:
    if plan is None or not plan["places"]:
        return None
    hours: dict[str, float] = {}
    for place in plan["places"]:
        name = str(place.get("area_name") or "outside the named areas")
        hours[name] = hours.get(name, 0.0) + float(place["hours"])
    rows = [[name, number(h)] for name, h in sorted(hours.items(), key=lambda item: (-item[1], item[0]))]
    return Table(("Area", "Hours"), rows, ("", "n")).html("Where the hours go, by area")


def _option_titles(plan: Result | None) -> list[str]:
    titles = [str(o["title"]) for p in (plan or {}).get("places", ()) for o in p.get("options", ())]
    return list(dict.fromkeys(titles))


def _records(evidence: Evidence) -> dict[str, Any] | None:
    """Rows read and what became of each; the ``parts`` sum to the rows read, small ones put together with others."""
    totals = sources.imports_totals(evidence.imports)
    if not totals["rows_in"]:
        return None
    others = _together({name: totals[key] for key, name in PARTS.items()}, evidence.threshold)
    small = sum(n for _, n in others) < evidence.threshold and bool(others)
    reasons = _together(sources.quarantine_reasons(evidence.imports, plain=True), evidence.threshold)
    later = totals["cancelled_earlier"]
    return {
        "rows": number(totals["rows_in"]),
        "stored": number(totals["stored"]),
        "parts": [] if small else [(number(n), listing(names)) for names, n in others],
        "small": small,
        "share": percent(totals["quarantined"] / totals["rows_in"]),
        "reasons": [
            listing(names) if n < evidence.threshold else f"{listing(names)} ({number(n)})"
            for names, n in reasons
        ],
        "later": (f"fewer than {evidence.threshold}" if later < evidence.threshold else number(later))
        if later
        else "",
    }


def _together(parts: Mapping[str, int], threshold: int) -> list[tuple[list[str], int]]:
    """Group numbers so that the sum stays and no number under the threshold can be worked out from it.

    The small ones are one group; while that is small itself, the next one joins it.
    """
    ordered = sorted(((n, name) for name, n in parts.items() if n), key=lambda part: (-part[0], part[1]))
    small = [part for part in ordered if part[0] < threshold]
    rest = [part for part in ordered if part[0] >= threshold]
    while rest and small and sum(n for n, _ in small) < threshold:
        small.insert(0, rest.pop())
    groups = [([name], n) for n, name in rest]
    return groups + ([([name for _, name in small], sum(n for n, _ in small))] if small else [])


def plain_verdict(trial: Result | None, choice: Choice | None = None) -> dict[str, Any]:
    """The verdict of a trial in plain words, with its numbers: ``headline``, ``lines`` and ``by_hand``.

    Parameters
    ----------
    trial : mapping, optional
    choice : Choice, optional
        The method in use; where it was chosen against the verdict, nothing is said to follow from the verdict.
    """
    choice = choice or Choice()
    if trial is None or not trial["methods"]:
        return _untested(choice, tested=trial is not None)
    verdict, key = trial["verdict"], primary_fraction(trial)
    held = {str(m["name"]): at_fraction(m["scores"].get("hit_rate"), key) for m in trial["methods"]}
    lines = [
        f"We tested it on {plural(trial['origins'], 'past period')}. The methods could not see what came next."
    ]
    counting = held.get(counting_of(trial), {}).get("value")
    if counting is not None:
        lines.append(
            f"Simple counting picked {percent(float(key))} of the map. {number(100 * counting)} of every 100 "
            f"reports then came from there. Picking by chance would give {number(100 * float(key))}."
        )
    rates = {name: score["value"] for name, score in held.items() if score.get("value") is not None}
    others = {name: rate for name, rate in rates.items() if not is_counting(name, trial)}
    if others:
        best = (
            str(verdict["method"])
            if verdict["status"] == "better"
            else max(sorted(others), key=others.__getitem__)
        )
        title = method_title(trial, best).lower()
        which = (
            "The method that most surely does better"
            if verdict["status"] == "better"
            else "Of the other methods, the one that got the most"
        )
        lines.append(f"{which} is {title}: it got {number(100 * others.get(best, 0.0))} of every 100.")
        if choice.case and choice.used in others and choice.used != best:
            lines.append(
                f"The method in use, {choice.title.lower()}, got {number(100 * others[choice.used])} of every 100."
            )
    status = str(verdict["status"])
    headline, gap, follows = PLAIN.get(status, (f"The result is: {status}", "", ""))
    lines += [said for said in (gap, follows if choice.followed else "") if said]
    return {"headline": choice.plain or headline, "lines": lines, "by_hand": choice.sentence}


def _untested(choice: Choice, *, tested: bool) -> dict[str, Any]:
    """Plain words where no trial was handed over."""
    if tested:
        lines = ["The numbers of the test were not handed to this page."]
    else:
        lines = [
            "Nobody has tested this forecast yet. So we can't say if it works better than simple counting."
        ]
        if is_counting(choice.used):
            lines.append("So we just count.")
    return {"headline": choice.plain or "We don't know yet", "lines": lines, "by_hand": choice.sentence}


PLAIN: Mapping[str, tuple[str, str, str]] = {
    "better": (
        "Yes, it does",
        "The gap is too big to be luck, as far as this test can tell.",
        "So we use that method.",
    ),
    "no better": (
        "We can't show that it does",
        "The gap is too small to tell from luck.",
        "What we can't show to be better, we don't use. So we just count.",
    ),
    "worse": ("No, it does worse", "", "So we just count."),
}
"""By status: the answer, what the gap means, and what follows where the verdict is followed."""
