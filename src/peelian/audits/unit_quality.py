"""What is off in a table of units, area by area: counted and said, so that nobody need wonder what was left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.positions import layout
from peelian.audits.units import Units

__all__ = ["unit_notes", "unit_quality"]

Floats = npt.NDArray[np.float64]
SHOWN = 5


def unit_quality(units: Units) -> pd.DataFrame:
    """Units without residents or count, groups beside the total, overlaps and gaps: a row a value of `by`.

    Returns
    -------
    pandas.DataFrame
        ``by``, ``units``, ``counts`` (their sum), ``missing`` (units without a count), ``empty`` (units without
        residents of the groups), ``counts_empty`` (what was put there, which reaches nobody), ``other`` (residents in
        none of the groups), ``over`` and ``excess`` (units in which the groups add up to more than all residents, and
        by how many), ``overlapping`` (units), ``counts_overlapping``, ``shared_km2``, ``gaps_km2``, ``area_km2``. NaN
        where a table can't tell.
    """
    return pd.DataFrame([_row(units, part) for part in units.parts()])


def _row(units: Units, part: str) -> dict[str, Any]:
    held = units.at(part)
    counts, lived = units.counts[held], units.residents.to_numpy(dtype=float)[held].sum(axis=1)
    known, empty = np.isfinite(counts), lived <= 0
    row: dict[str, Any] = {
        "by": part,
        "units": int(held.sum()),
        "counts": float(counts[known].sum()),
        "missing": int((~known).sum()),
        "empty": int(empty.sum()),
        "counts_empty": float(counts[known & empty].sum()),
        "other": np.nan,
        "over": np.nan,
        "excess": np.nan,
    }
    if units.total is not None:
        rest = units.total[held] - lived
        row |= {"other": float(np.maximum(rest, 0).sum()), "over": int((rest < -0.5).sum())}
        row["excess"] = float(np.maximum(-rest, 0).sum())
    flat, km = units.positions.where(held).flat()
    found = layout(flat, units.ids[held], km=km)
    names = ("overlapping", "counts_overlapping", "shared_km2", "gaps_km2", "area_km2")
    if found is None:
        return {**row, **dict.fromkeys(names, np.nan)}
    double = np.isin(units.ids[held], [name for pair in found.overlaps for name in pair])
    values = (found.involved, float(counts[known & double].sum()), found.shared, found.gaps, found.area)
    return {**row, **dict(zip(names, values, strict=True))}


def unit_notes(quality: pd.DataFrame, *, population: bool) -> list[str]:
    """What was found wrong, in sentences.

    Parameters
    ----------
    quality : pandas.DataFrame
        `unit_quality`.
    population : bool
        Whether the number of all residents is known.
    """
    said = []
    missing, empty, over = (quality[quality[name] > 0] for name in ("missing", "empty", "over"))
    if len(missing):
        said.append(
            f"{missing['missing'].sum():.0f} units have no count ({_where(missing)}); they are not taken as 0, and the "
            "intervals reach as far as any count up to the largest of their area could move the ratio."
        )
    if len(empty):
        share = empty["counts_empty"].sum() / max(quality["counts"].sum(), 1e-300)
        said.append(
            f"{empty['empty'].sum():.0f} units have no residents of any group ({_where(empty)}): "
            f"{100 * share:.2g} % of all counts lie there and reach nobody's home."
        )
    if not population:
        said.append(
            "No column with all residents was named: how many belong to none of the groups is not known "
            "(--population says it)."
        )
    elif quality["other"].sum() > 0:
        said.append(
            f"{quality['other'].sum():,.0f} residents belong to none of the groups; they are shown as other."
        )
    if len(over):
        said.append(
            f"In {over['over'].sum():.0f} units ({_where(over)}) the groups add up to more than all residents, by "
            f"{over['excess'].sum():,.0f} in all: groups overlap, or numbers are off. Residents count in each group."
        )
    return [*said, *_layout_notes(quality)]


def _layout_notes(quality: pd.DataFrame) -> list[str]:
    said = []
    double = quality[quality["overlapping"] > 0]
    if len(double):
        said.append(
            f"Polygons of {double['overlapping'].sum():.0f} units overlap ({_where(double)}), over "
            f"{double['shared_km2'].sum():.3g} km2: what was put there, and who lives there, may be counted twice."
        )
    holes = quality[quality["gaps_km2"] > 0.001 * quality["area_km2"]]
    if len(holes):
        said.append(
            f"Between units there are holes that none of them covers ({_where(holes)}), "
            f"{holes['gaps_km2'].sum():.3g} km2 in all: who lives there is in no number."
        )
    return said


def _where(rows: pd.DataFrame) -> str:
    names = [str(name) for name in rows["by"]]
    return (
        ", ".join(names)
        if len(names) <= SHOWN
        else f"{', '.join(names[:SHOWN])} and {len(names) - SHOWN} more"
    )
