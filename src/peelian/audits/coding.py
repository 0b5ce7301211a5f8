"""Changes in coding: labels that appear or vanish, shares that jump, and labels that take another's place.

What is called theft today may be called something else tomorrow: a new code, a new form, an order to record otherwise.
Nothing happened, and yet a map of thefts changes. Here are the labels whose share of all records moved, when, and the
pairs in which one gained at the time what another lost.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.finding import Finding
from peelian.audits.parts import Measured, Part, Thresholds, finding
from peelian.audits.recordset import Recordset
from peelian.audits.shares import ShareSteps, share_steps
from peelian.audits.stretches import beta_binomial_tail, spread_of
from peelian.patterns.base import check_level, false_discovery

__all__ = ["coding", "silences", "substitutions"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST = 50
"""Records that a label must have."""

SILENT = 8
"""Weeks without a record, at the beginning or the end, from which on a label is said to appear or to vanish."""

NEAR = 4
"""Weeks that two steps may be apart to be taken for one change."""

ALIKE = 1.5
"""How many times as large as the loss a gain may be, or the other way round."""

UNTOLD = (
    "What really changed and how it is recorded look alike in this; a person who knows the forms can tell.",
    "Of each label the clearest step is told; a slow drift shows as a step in its middle.",
    (
        "A label that moved by too little to be told from chance isn't listed; where labels are recorded within one "
        "area only, see the stretches of areas."
    ),
)


def coding(
    records: Recordset, *, rate: float = 0.05, level: float = 0.95, thresholds: Thresholds | None = None
) -> Part:
    """Look for changes in how records are coded.

    Parameters
    ----------
    records : Recordset
        Of all categories.
    rate : float
        False-discovery rate, of labels and of categories each.
    level : float
        Of intervals.
    thresholds : mapping, optional
        ``coding_shift`` bounds the largest step of a category's share among those beyond chance; where none is, the
        clearest.
    """
    check_level(rate, what="false-discovery rate")
    edges = records.weeks.edges
    labels, whole = _table(records, "label"), records.table(np.zeros(len(records), dtype=np.int64), 1)[0]
    categories = _table(records, "category")
    steps = _steps(labels, whole, edges, rate, level)
    shifts = _steps(categories, whole, edges, rate, level)
    quiet = silences(labels[1], labels[0], whole, edges, rate=rate)
    sized: dict[str, Any] = {"n_weeks": len(records.weeks), "mean_week": float(whole.mean()), "rate": rate}
    of_labels, first = substitutions(steps, quiet, **sized)
    of_categories, second = substitutions(shifts, quiet.iloc[:0], **sized)
    pairs = pd.concat([of_categories.assign(of="category"), of_labels.assign(of="label")], ignore_index=True)
    by_chance = first + second
    moved = shifts[shifts["q"] <= rate]
    standing = len(quiet) + int((steps["q"] <= rate).sum())
    headline = _headline(len(quiet), standing - len(quiet), len(labels[0]), len(pairs), by_chance)
    return Part(
        "coding",
        (headline, *_said(moved, pairs, by_chance, records.step)),
        found=(_finding(shifts, rate, level, thresholds),),
        untold=UNTOLD,
        tables={
            "steps": steps[steps["q"] <= rate].reset_index(drop=True),
            "categories": shifts,
            "silences": quiet,
            "substitutions": pairs,
        },
        standing=standing,
        looked=len(labels[0]),
        numbers={"labels": len(labels[0]), "pairs_by_chance": by_chance, "moved": len(moved)},
    )


def _said(moved: pd.DataFrame, pairs: pd.DataFrame, by_chance: float, step: str) -> list[str]:
    """The category that moved most, and the largest pair where there are more than chance makes."""
    said = []
    if len(moved):
        most = moved.iloc[0]
        said.append(
            f"The category whose share moved most is {most['what'].replace('_', ' ')}: from "
            f"{100 * most['before']:.1f} % to {100 * most['after']:.1f} % of all records, at {most['date']} (a change "
            f"of {100 * most['low']:.1f} to {100 * most['high']:.1f} points)."
        )
    if len(pairs) > 2 * by_chance:
        pair = pairs.iloc[0]
        said.append(
            f"{pair['gains']} gained {pair['gained']:.1f} a {step} at {pair['gained_at']}, about when "
            f"{pair['loses']} lost {pair['lost']:.1f}."
        )
    return said


def _headline(silent: int, moved: int, n: int, pairs: int, by_chance: float) -> str:
    if not silent + moved:
        return f"Of {n:,} labels none appears, vanishes or changes its share beyond chance."
    few = f"{by_chance:.1f}" if by_chance >= 0.1 else "fewer than 0.1"
    many = f"{pairs:,} pair{'' if pairs == 1 else 's'}"
    return (
        f"Of {n:,} labels {silent:,} appear or vanish within the time and the share of {moved:,} moves beyond chance; "
        f"in {many} one gains about what another loses within {NEAR} weeks (in {few} by chance alone)."
    )


def _table(records: Recordset, field: str) -> tuple[list[str], Ints]:
    """Labels with at least 50 records, and their counts by week."""
    code, names = records.label if field == "label" else records.category
    counts = records.table(code, len(names))
    kept = counts.sum(axis=1) >= FEWEST
    return [name for name, k in zip(names, kept, strict=True) if k], counts[kept]


def _steps(
    table: tuple[list[str], Ints], whole: Ints, edges: npt.NDArray[np.datetime64], rate: float, level: float
) -> pd.DataFrame:
    """One row a label with the step of its share, those that stand out first, the largest first."""
    names, counts = table
    columns = ["what", "records", "date", "from", "to", "before", "after", "change", "low", "high", "p", "q"]
    if not names:
        return pd.DataFrame(columns=columns)
    found: ShareSteps = share_steps(counts, whole, level=level)
    frame = pd.DataFrame(
        {
            "what": names,
            "records": counts.sum(axis=1),
            "date": edges[found.at].astype(str),
            "from": edges[found.first].astype(str),
            "to": edges[found.last].astype(str),
            "before": found.before,
            "after": found.after,
            "change": found.after - found.before,
            "low": found.low,
            "high": found.high,
            "p": found.p,
            "q": false_discovery(found.p),
            "week": found.at,
        }
    )
    order = np.lexsort((frame["what"], -frame["change"].abs(), frame["q"] > rate))
    return frame.iloc[order].reset_index(drop=True)


def silences(
    counts: Ints,
    names: list[str],
    whole: Ints,
    edges: npt.NDArray[np.datetime64],
    *,
    rate: float = 0.05,
) -> pd.DataFrame:
    """Labels that have no record for the first or the last weeks, though they are too frequent for that by chance.

    Parameters
    ----------
    counts : array of int, shape (n, n_weeks)
    names : list of str, length n
    whole : array of int, shape (n_weeks,)
        Counts of all records.
    edges : array of datetime64[D], shape (n_weeks + 1,)

    Notes
    -----
    Given a label's n records, none of them in a stretch with the share q of all records has the beta-binomial
    probability of 0, with as much spread as all labels show in a quarter (`peelian.audits.stretches`).
    """
    columns = ["what", "kind", "date", "records", "silent_weeks", "p", "q", "week"]
    seen = counts.sum(axis=1) > 0
    if not seen.any():
        return pd.DataFrame(columns=columns)
    spread = spread_of(counts, whole[None] - counts, min(13, counts.shape[1] // 2))
    first = np.argmax(counts > 0, axis=1)
    last = counts.shape[1] - np.argmax(counts[:, ::-1] > 0, axis=1)
    share = np.concatenate([[0.0], np.cumsum(whole)]) / max(whole.sum(), 1)
    n = counts.sum(axis=1)
    none = np.zeros(len(n), dtype=np.int64)
    rows = []
    for kind, week, silent, q in (
        ("appears", first, first, share[first]),
        ("vanishes", last, counts.shape[1] - last, 1 - share[last]),
    ):
        p = np.where(silent >= SILENT, beta_binomial_tail(none, n, q, spread, upper=False), 1.0)
        rows += [
            (names[i], kind, str(edges[week[i]]), int(n[i]), int(silent[i]), p[i], week[i])
            for i in np.flatnonzero(seen)
        ]
    frame = pd.DataFrame(rows, columns=["what", "kind", "date", "records", "silent_weeks", "p", "week"])
    frame["q"] = false_discovery(frame["p"].to_numpy(dtype=np.float64))
    found = frame[frame["q"] <= rate][columns]
    return found.sort_values(["records", "what", "kind"], ascending=[False, True, True], ignore_index=True)


def substitutions(
    steps: pd.DataFrame, quiet: pd.DataFrame, *, n_weeks: int, mean_week: float, rate: float = 0.05
) -> tuple[pd.DataFrame, float]:
    """Pairs of labels of which one gains about what the other loses, at about the same time.

    Parameters
    ----------
    steps : pandas.DataFrame
        Steps of labels' shares: ``what, week, change, q``.
    quiet : pandas.DataFrame
        As of `silences`: the date on which a label begins or ends is better known than its step.
    n_weeks : int
    mean_week : float
        Records of all labels in a week.

    Returns
    -------
    pairs : pandas.DataFrame
        ``loses, lost, lost_at, gains, gained, gained_at, weeks_apart``, the largest first; amounts are a week.
    by_chance : float
        How many such pairs labels would make whose steps fell on any week.
    """
    moved = steps[steps["q"] <= rate]
    at = dict(zip(quiet["what"], quiet["week"], strict=True))
    rows = [
        (str(r["what"]), float(r["change"]) * mean_week, int(at.get(r["what"], r["week"])), str(r["date"]))
        for r in moved.to_dict("records")
    ]
    dates = dict(zip(quiet["what"], quiet["date"], strict=True))
    down, up = [r for r in rows if r[1] < 0], [r for r in rows if r[1] > 0]
    found, by_chance = [], 0.0
    for name, change, week, date in down:
        for other, gain, when, other_date in up:
            if not 1 / ALIKE <= gain / -change <= ALIKE:
                continue
            by_chance += (2 * NEAR + 1) / n_weeks
            if abs(when - week) <= NEAR:
                found.append(
                    (
                        name,
                        -change,
                        dates.get(name, date),
                        other,
                        gain,
                        dates.get(other, other_date),
                        abs(when - week),
                    )
                )
    columns = ["loses", "lost", "lost_at", "gains", "gained", "gained_at", "weeks_apart"]
    frame = pd.DataFrame(found, columns=columns)
    return frame.sort_values(
        ["lost", "loses", "gains"], ascending=[False, True, True], ignore_index=True
    ), min(by_chance, float(len(down) * len(up)))


def _finding(shifts: pd.DataFrame, rate: float, level: float, thresholds: Thresholds | None) -> Finding:
    """The largest step of those beyond chance; where there is none, the clearest of all."""
    if shifts.empty:
        why = f"No category has {FEWEST} records, so no step can be told."
        return finding(
            "coding_shift",
            "none",
            "no category",
            Measured(None),
            level=level,
            thresholds=thresholds,
            limits=(why,),
        )
    moved = shifts[shifts["q"] <= rate]
    top = (shifts.sort_values("p", kind="stable") if moved.empty else moved).iloc[0]
    chosen = (
        f"No category's share moved beyond chance; this is the clearest step among {len(shifts)} categories and all "
        "weeks."
        if moved.empty
        else f"It is the largest step that is beyond chance, among {len(shifts)} categories and all weeks."
    )
    return finding(
        "coding_shift",
        str(top["what"]),
        f"share of {str(top['what']).replace('_', ' ')} in all records, at {top['date']}",
        Measured(abs(float(top["change"])), *_size(float(top["low"]), float(top["high"]))),
        level=level,
        thresholds=thresholds,
        limits=(
            (
                f"{chosen} Category and week were chosen for how far the share moves, which the interval doesn't allow "
                "for: both lean away from 0."
            ),
            "A change in what is reported moves shares as much as a change in how it is coded.",
        ),
        details={"before": float(top["before"]), "after": float(top["after"]), "date": str(top["date"])},
    )


def _size(low: float, high: float) -> tuple[float, float]:
    """The interval of a difference's size, from that of the difference; from 0 where the difference may be 0."""
    ends = abs(low), abs(high)
    return (0.0 if low <= 0 <= high else min(ends)), max(ends)
