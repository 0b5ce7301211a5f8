"""By how much one area's reporting alone would have to differ from elsewhere for a finding to be the other way round.

A factor r between the area's reporting and that elsewhere is undone by multiplying what is there by ``w = 1 / r``. With
a group's mean in units inside and outside of the area, a and A, and the reference group's, b and B, the ratio becomes
``(A + w a) / (B + w b)``: it equals t where ``r = (a - t b) / (t B - A)``, if that is more than 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.base import ECOLOGICAL, plain_rows
from peelian.audits.estimates import divide, estimate
from peelian.audits.finding import Finding
from peelian.audits.resampled import Resampled
from peelian.audits.words import in_words, told
from peelian.errors import UsageError

__all__ = ["LIMITS", "AreaFlips", "area_flips", "factor_draws", "factors"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHOWN = 20
"""Rows that are kept as plain values: those that are nearest to turning a finding."""

NOTHING = 1e-12
"""A difference so small beside what it is between is rounding."""

COLUMNS = ("area", "group", "finding", "factor", "ratio_at_half", "ratio_at_twice")

LIMITS = (
    ECOLOGICAL,
    (
        "One area at a time is looked at, with all reporting alike elsewhere and within it: several areas together "
        "could turn a finding that none turns alone."
    ),
    (
        "How much less or more is reported in an area is not known here: the factor says what it would take, "
        "and victimisation surveys tell more about what it is."
    ),
    "Hours are taken to follow reports in proportion; a plan that picks places whole would move in steps.",
)


@dataclass(frozen=True, eq=False)
class AreaFlips:
    """What `area_flips` found.

    Parameters
    ----------
    rows : pandas.DataFrame
        ``area``, ``group``, ``finding`` (exposure or need), ``factor`` (the area's reporting over that elsewhere at
        which the ratio is 1; NaN for none within reach), ``ratio_at_half`` and ``ratio_at_twice`` (the ratio had the
        area's reporting been so much of that elsewhere), the factor nearest to 1 first, then what moves the ratio most.
    findings : tuple of Finding
        One a group.
    sentence : str
    limits : tuple of str
        Units that lie in no area, or that no areas were given.
    """

    rows: pd.DataFrame
    findings: tuple[Finding, ...] = ()
    sentence: str = ""
    limits: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The first rows as plain values, and how many are left out."""
        return {
            "by_area": plain_rows(self.rows[:SHOWN].round(6)),
            "by_area_left_out": max(len(self.rows) - SHOWN, 0),
        }


PICKED = (
    "The area was picked because its factor is nearest to 1. The interval, from blocks alone and so likely too narrow, "
    "is that of this area's factor alone, and does not reckon with the picking."
)


def factors(inside: Floats, total: Floats, *, target: float = 1.0) -> Floats:
    """The factor of each area's reporting at which a ratio of means crosses a value, in closed form.

    Parameters
    ----------
    inside : array of float, shape (n_areas, 2)
        What units in each area add to the mean of the group, and to that of the reference group.
    total : array of float, shape (2,)
        Both means over all units.
    target : float
        The value that the ratio of both is to cross.

    Returns
    -------
    array of float, shape (n_areas,)
        NaN where no factor does it: the area adds as much to both means (in the target's proportion), or it can move
        the ratio, but not so far.

    Notes
    -----
    A sensitivity analysis in the sense of Manski (2003), Partial identification of probability distributions: not what
    reporting is, but which reporting would undo the finding.
    """
    within, around = _apart(inside, total - inside, total, target)
    found = divide(-within, around)
    return np.where(np.isfinite(found) & (found > 0), found, np.nan)


def factor_draws(inside: Floats, total: Floats, *, like: tuple[Floats, Floats]) -> Floats:
    """One area's factor in resampled cities; where there is none, the end of the axis to which it has moved.

    Parameters
    ----------
    inside, total : array of float, shape (replicates, 2)
        As for `factors`, in each resampled city.
    like : pair of array of float, shape (2,)
        The same in the city as it is.

    Returns
    -------
    array of float, shape (replicates,)
        0 where the area no longer adds more to one mean than it did to the other: its factor fell to 0 on the way.
        Infinity where that holds for all other areas together. NaN where a group has no residents.
    """
    signs = [np.sign(v[0]) for v in _apart(like[0][None], (like[1] - like[0])[None], like[1][None], 1.0)]
    within, around = (
        sign * v for sign, v in zip(signs, _apart(inside, total - inside, total, 1.0), strict=True)
    )
    # Both signs turned: a crossing as well, of the mirrored finding.
    found = np.where(within * around > 0, divide(within, around), np.where(within <= 0, 0.0, np.inf))
    return np.where(np.isfinite(within + around), found, np.nan)


def _apart(inside: Floats, outside: Floats, total: Floats, target: float) -> tuple[Floats, Floats]:
    """How far the group's part is over the target times the reference's, inside and outside; rounding is 0."""
    scale = NOTHING * (total[..., 0] + abs(target) * total[..., 1])
    with np.errstate(invalid="ignore"):
        made = [part[..., 0] - target * part[..., 1] for part in (inside, outside)]
        within, around = (np.where(np.abs(v) <= scale, 0.0, v) for v in made)
    return within, around


def area_flips(
    city: Resampled, hours: Floats, reports: Floats, areas: npt.ArrayLike | None, *, widest: float
) -> AreaFlips:
    """Sweep the reporting of each area alone.

    Parameters
    ----------
    city : Resampled
        Groups' residents by unit, and the blocks.
    hours, reports : array of float, shape (n_units,)
    areas : array of str, shape (n_units,), optional
        Name of the area that each unit is in; empty or None for no area. Such units count as elsewhere.
    widest : float
        Largest factor to look at, in either direction.

    Raises
    ------
    UsageError
        There are not as many areas as units.
    """
    if areas is None:
        return AreaFlips(_table([]), limits=("No areas were given: reporting was not swept by area.",))
    names, code = _coded(areas, city.n)
    bare = int((code < 0).sum())
    beside = (f"{bare:,} of {city.n:,} units lie in no area: they count as elsewhere in the sweep by area.",)
    groups = [g for g in city.others if not city.small(g)]
    rows = [
        row
        for g in groups
        for what in ("exposure", "need")
        for row in _rows(city, what, g, hours, reports, names, code)
    ]
    table = _table([_within(row, widest) for row in rows])
    findings = tuple(_finding(city, g, hours, names, code, table, widest) for g in city.others)
    return AreaFlips(table, findings, _sentence(findings, widest), beside if bare else ())


def _coded(areas: npt.ArrayLike, n: int) -> tuple[list[str], Ints]:
    """Names of the areas in order, and the number of each unit's; -1 for none."""
    given = np.asarray(areas, dtype=object)
    if given.shape != (n,):
        msg = f"areas of shape {given.shape} were given for {n} units; expected a name for each"
        raise UsageError(msg, hint="an empty name stands for no area")
    labels = ["" if pd.isna(one) else str(one).strip() for one in given]
    names = sorted(set(labels) - {""})
    number = {name: i for i, name in enumerate(names)}
    return names, np.array([number.get(label, -1) for label in labels], dtype=np.int64)


def _parts(city: Resampled, g: int, values: Floats, code: Ints, n: int) -> tuple[Floats, Floats]:
    """What each area adds to the means of a group and the reference, shape (n, 2), and both means."""
    held = code >= 0
    shares = [city.residents[:, i] / city.residents[:, i].sum() for i in (g, city.reference)]
    inside = [np.bincount(code[held], (share * values)[held], minlength=n) for share in shares]
    return np.column_stack(inside), np.array([share @ values for share in shares])


def _rows(
    city: Resampled, what: str, g: int, hours: Floats, reports: Floats, names: list[str], code: Ints
) -> list[dict[str, Any]]:
    """One row an area: for need the reports are multiplied, and their ratio has to reach that of the hours."""
    if what == "exposure":
        target, values = 1.0, hours
    else:
        target, values = float(city.ratio(hours[:, None], g)[0]), reports
    inside, total = _parts(city, g, values, code, len(names))
    at = {"factor": factors(inside, total, target=target)}
    for name, weight in (("ratio_at_half", 2.0), ("ratio_at_twice", 0.5)):
        moved = total + (weight - 1) * inside
        ratio = divide(moved[:, 0], moved[:, 1])
        at[name] = ratio if what == "exposure" else divide(np.full_like(ratio, target), ratio)
    return [
        {"area": area, "group": city.groups[g], "finding": what, **{k: float(v[i]) for k, v in at.items()}}
        for i, area in enumerate(names)
    ]


def _within(row: Mapping[str, Any], widest: float) -> dict[str, Any]:
    reached = abs(np.log(row["factor"])) <= np.log(widest) + 1e-9
    return {**row, "factor": row["factor"] if reached else np.nan}


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """In the order of how near each factor is to 1; then, areas without one, of how far they move the ratio."""
    made = pd.DataFrame(rows, columns=list(COLUMNS))
    factor, half, twice = (made[name].to_numpy(dtype=float) for name in COLUMNS[3:])
    with np.errstate(divide="ignore", invalid="ignore"):
        far, moved = np.abs(np.log(factor)), np.abs(np.log(half / twice))
    far = np.nan_to_num(far, nan=np.inf, posinf=np.inf)
    order = np.lexsort((-np.nan_to_num(moved, nan=0.0), far))
    return made.iloc[order].reset_index(drop=True)


def _finding(
    city: Resampled, g: int, hours: Floats, names: list[str], code: Ints, table: pd.DataFrame, widest: float
) -> Finding:
    group = city.groups[g]
    mine = table[(table["group"] == group) & (table["finding"] == "exposure") & table["factor"].notna()]
    area, value, low, high = None, None, None, None
    if city.small(g):
        why: tuple[str, ...] = (city.too_small(g),)
    elif mine.empty:
        why = (
            f"No single area's reporting, up to a factor of {widest:g} in either direction, would turn it.",
        )
    else:
        area, value = str(mine["area"].iloc[0]), float(mine["factor"].iloc[0])
        low, high, why = _interval(city, g, hours, code == names.index(area), value, widest)
    where = f"reporting in {area} alone" if area else "reporting in one area alone"
    return Finding(
        id=f"reporting_flip_by_area/exposure/{group}",
        measure="factor of one area's reporting that would turn the finding",
        subject=f"{city.pair(g)}, hours per resident, {where}",
        value=value,
        low=low,
        high=high,
        level=city.level,
        limits=(*why, *city.few_blocks(), *LIMITS),
        details={
            "finding": "exposure",
            "group": group,
            "reference": city.groups[city.reference],
            "area": area,
            "areas": len(names),
            "areas_that_could": len(mine),
            "blocks": city.blocks,
        },
    )


def _interval(
    city: Resampled, g: int, hours: Floats, inside: npt.NDArray[np.bool_], value: float, widest: float
) -> tuple[float | None, float | None, tuple[str, ...]]:
    """Percentiles of the factor of this area over resampled blocks; an end beyond reach is open."""
    lived = city.residents[:, [g, city.reference]]
    there = lived * hours[:, None]
    drawn = city.weights @ city.sums(np.hstack([there * inside[:, None], there, lived]))
    parts, total = divide(drawn[:, :2], drawn[:, 4:]), divide(drawn[:, 2:4], drawn[:, 4:])
    whole = lived.sum(axis=0)
    like = (there[inside].sum(axis=0) / whole, there.sum(axis=0) / whole)
    # An infinite factor is an answer here, and no number that is not defined.
    draws = np.minimum(factor_draws(parts, total, like=like), np.finfo(float).max)
    made = estimate(value, draws, level=city.level, blocks=city.blocks)
    if made.why:
        return None, None, made.why
    ends = [v if v is not None and 1 / widest <= v <= widest else None for v in (made.low, made.high)]
    far = (
        f"An end of its interval lies beyond a factor of {widest:g}: in many resampled cities no reporting "
        "within that, in this area alone, would turn the finding."
    )
    return ends[0], ends[1], (far, PICKED) if None in ends else (PICKED,)


def _sentence(findings: tuple[Finding, ...], widest: float) -> str:
    """The area that is nearest to turning the hours per resident of any group."""
    found = [one for one in findings if one.value is not None]
    if not found:
        return f"No single area's reporting, up to a factor of {widest:g}, would turn the hours per resident."
    one = min(found, key=lambda f: abs(np.log(f.value or 1.0)))
    value, names = float(one.value or 1.0), one.details
    a, b = in_words(str(names["group"])), in_words(str(names["reference"]))
    return (
        f"One area alone could turn it: if incidents in {names['area']} had been reported "
        f"{'more' if value > 1 else 'less'} than {told(value)} times as often as elsewhere, hours per resident, "
        f"had they followed incidents, would be the other way round for {a} to {b} residents."
    )
