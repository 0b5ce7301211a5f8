"""Tables of units that people give to be audited: read, and kept as far as the audit needs them.

Only the columns that were named are kept, and where the units lie. A column that is about persons is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from peelian.audits.margins import Margins
from peelian.audits.positions import POINTS, SHAPES
from peelian.audits.units import Units, read_units
from peelian.errors import DataError, UsageError
from peelian.places.residents import refuse_unknown
from peelian.places.shapes import read_shapes
from peelian.records.sources.mapping import person_word
from peelian.response import Plan
from peelian.workspace.residents import residents_by_cell
from peelian.workspace.workspace import Workspace

__all__ = [
    "Beside",
    "kept_beside",
    "kept_table",
    "latest_plan",
    "plans_of",
    "read_table",
    "stated_crs",
    "units_of_plan",
]

CRS = "_crs"
"""Column in which a kept table says in which CRS its places are."""
PARQUET = (".parquet", ".geoparquet", ".pq")
TEXT = (".csv", ".txt", ".tsv")
OTHER = (".geojson", ".json", ".shp", ".zip", ".gpkg", ".fgb")

Beside = tuple[Units, str]
"""Units of a plan of ours, and its reference group."""


def read_table(path: Path, *, names: Sequence[str], text: Sequence[str]) -> pd.DataFrame:
    """A table from CSV, Parquet, GeoParquet or a file of shapes.

    Parameters
    ----------
    path : Path
    names : sequence of str
        Columns that the audit needs.
    text : sequence of str
        Those that hold ids or names: a zero in front of an id stays.

    Raises
    ------
    UsageError
        No such file, or not one of these kinds.
    DataError
        It can't be read, has no such column, or a column is about persons.
    """
    if not path.is_file():
        msg = f"{path} was given as a table, but there is no such file"
        raise UsageError(msg, hint="--table FILE.csv or FILE.parquet")
    for name in names:
        word = person_word(name)
        if word is not None:
            msg = f"column {name!r} was named, which is about persons ({word}); expected numbers of places"
            raise DataError(
                msg, hint="an audit of exposure needs counts and residents of areas, and nobody's name"
            )
    table = _read(path, text)
    table.columns = [str(name) for name in table.columns]
    for name in names:
        refuse_unknown(name, list(table.columns))
    return table


def _read(path: Path, text: Sequence[str]) -> pd.DataFrame:
    suffix = path.suffix.lower()
    if suffix in OTHER:
        shapes: pd.DataFrame = read_shapes(path)
        return shapes
    if suffix not in PARQUET + TEXT:
        msg = f"{path.name} was given as a table; expected one of {', '.join(PARQUET + TEXT + OTHER)}"
        raise UsageError(msg, hint="export it as CSV or Parquet")
    try:
        if suffix in TEXT:
            separator = "\t" if suffix == ".tsv" else ","
            made: pd.DataFrame = pd.read_csv(
                path, dtype=dict.fromkeys(text, str), sep=separator, encoding="utf-8-sig"
            )
            return made
        try:
            found: pd.DataFrame = gpd.read_parquet(path)
        except ValueError:  # no "geo" metadata
            return _plain(path)
        return found
    except (OSError, ValueError, TypeError, KeyError, pd.errors.ParserError, pa.ArrowException) as error:
        msg = f"{path.name} can't be read as a table: {str(error).splitlines()[0][:200]}"
        raise DataError(msg, hint="export it anew as CSV (UTF-8, a header, commas) or Parquet") from error


def _plain(path: Path) -> pd.DataFrame:
    table: pd.DataFrame = pd.read_parquet(path)
    return table


def kept_table(
    table: pd.DataFrame, *, names: Sequence[str], text: Sequence[str], crs: str | None
) -> pd.DataFrame:
    """What is kept of a table: the columns that were named and where the units lie, to read the same again."""
    made = pd.DataFrame(index=table.index)
    for name in dict.fromkeys(names):
        made[name] = table[name].astype("string") if name in text else table[name]
    if isinstance(table, gpd.GeoDataFrame) and "geometry" in table:
        stated = None if table.crs is None else table.crs.to_string()
        made["wkb"] = shapely.to_wkb(table.geometry.to_numpy())
        return made.assign(**{CRS: crs or stated})
    shapes = [name for name in SHAPES if name in table]
    lower = {str(name).lower(): str(name) for name in table.columns}
    points = next(([lower[a], lower[b]] for a, b in POINTS if a in lower and b in lower), [])
    for name in (*shapes, *points):
        if name not in made:
            made[name] = table[name]
    return made.assign(**{CRS: crs}) if crs else made


def stated_crs(table: pd.DataFrame) -> str | None:
    """The CRS that a kept table says."""
    found = table[CRS].iloc[0] if CRS in table and len(table) else None
    return str(found) if isinstance(found, str) else None


def latest_plan(folder: Path) -> Beside:
    """The latest plan of a workspace, cell by cell.

    Raises
    ------
    UsageError
        There is no plan in it.
    DataError
        It has no areas with residents by group.
    """
    from peelian.workspace.plan import rebuild_plan

    workspace = Workspace(folder)
    workspace.require("audit", {"kind": "plan"})
    source = workspace.latest("plan")
    return units_of_plan(workspace, rebuild_plan(workspace, source["id"]), run=source["id"])


def units_of_plan(workspace: Workspace, plan: Plan, *, run: str) -> Beside:
    """A plan's cells as units, with the margins of error of their residents where there are some.

    Raises
    ------
    DataError
        There are no areas with residents of two groups.
    """
    name = f"{workspace.config.agency.name}, {run}"
    groups = list(workspace.config.place.population)
    if workspace.areas is None or len(groups) < 2:
        msg = f"{workspace.folder} was given beside a table, but has no areas with residents of two groups"
        raise DataError(
            msg, hint="peelian init NEW_FOLDER --areas FILE --population GROUP=COLUMN,GROUP=COLUMN"
        )
    population, margins = residents_by_cell(workspace, plan.grid)
    x, y = plan.grid.centres()
    cells = pd.DataFrame({"unit": plan.grid.ids, "hours": plan.hours, "x": x, "y": y})
    for group in groups:
        cells[group] = population[group].to_numpy()
    # Cells in which nobody lives and nothing is planned say nothing.
    held = ((cells["hours"] > 0) | (cells[groups].sum(axis=1) > 0)).to_numpy()
    units = _named(
        read_units(cells[held], unit="unit", count="hours", groups=groups, crs=plan.grid.crs), name
    )
    if margins is not None and margins.shares is not None:
        units = replace(
            units, margins={name: Margins(margins.variance, margins.shares[:, np.flatnonzero(held)])}
        )
    return units, workspace.config.audit.reference or groups[0]


def _named(units: Units, name: str) -> Units:
    return Units(
        units.ids, np.full(len(units), name, dtype=object), units.counts, units.residents, units.positions
    )


def kept_beside(plans: Sequence[Beside]) -> pd.DataFrame:
    """Plans beside a table as one long table: a row a cell and group."""
    rows = []
    for units, reference in plans:
        for group in units.groups:
            rows.append(
                pd.DataFrame(
                    {
                        "by": units.by.astype(str),
                        "unit": units.ids.astype(str),
                        "hours": units.counts,
                        "x": units.positions.x,
                        "y": units.positions.y,
                        "crs": units.positions.crs,
                        "group": group,
                        "residents": units.residents[group].to_numpy(),
                        "reference": group == reference,
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def plans_of(long: pd.DataFrame) -> list[Beside]:
    """Plans from the table in which they are kept."""
    made = []
    for name, rows in long.groupby("by", sort=False):
        groups = list(dict.fromkeys(rows["group"]))
        cells = rows[rows["group"] == groups[0]][["unit", "hours", "x", "y"]].reset_index(drop=True)
        for group in groups:
            cells[group] = rows.loc[rows["group"] == group, "residents"].to_numpy()
        units = read_units(cells, unit="unit", count="hours", groups=groups, crs=str(rows["crs"].iloc[0]))
        reference = str(rows.loc[rows["reference"], "group"].iloc[0])
        made.append((_named(units, str(name)), reference))
    return made
