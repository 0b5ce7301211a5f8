"""``audit_table``: exposure in a table that somebody has, and our own plans by the same functions beside it.

It needs no workspace: an auditor may have no more than the file (`exposure_of_file`). Within one it is kept as a run,
with what the audit took from the file, so that it can be made again without it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from peelian._version import __version__
from peelian.audits.finding import Threshold
from peelian.audits.table import ExposureTable, exposure_table
from peelian.audits.units import read_units
from peelian.errors import UsageError
from peelian.workspace.calls import recorded
from peelian.workspace.outcome import Outcome
from peelian.workspace.thresholds import thresholds_for
from peelian.workspace.unit_table import (
    kept_beside,
    kept_table,
    latest_plan,
    plans_of,
    read_table,
    stated_crs,
)
from peelian.workspace.workspace import Workspace

__all__ = ["audit_table", "exposure_of_file"]

VERB = "audit_table"
SEED = 0


@dataclass(frozen=True)
class _Asked:
    """What was asked of which columns."""

    unit: str
    count: str
    groups: Sequence[str]
    reference: str
    by: str | None = None
    population: str | None = None
    moe: Mapping[str, str] | None = None
    ambient: str | None = None
    reports: str | None = None
    period: str | None = None
    crs: str | None = None
    cross: Sequence[str] | None = None
    top: float = 0.1
    level: float = 0.95

    @property
    def text(self) -> list[str]:
        """Columns with ids and names."""
        return [name for name in (self.unit, self.by, self.period) if name]

    @property
    def names(self) -> list[str]:
        """Every column that is needed."""
        others = (self.by, self.population, self.ambient, self.reports, self.period)
        return [
            self.unit,
            self.count,
            *self.groups,
            *(self.moe or {}).values(),
            *(name for name in others if name),
        ]


@recorded
def audit_table(
    workspace: Workspace,
    table: Path,
    *,
    unit: str,
    count: str,
    groups: Sequence[str],
    reference: str,
    by: str | None = None,
    population: str | None = None,
    moe: Mapping[str, str] | None = None,
    ambient: str | None = None,
    reports: str | None = None,
    period: str | None = None,
    crs: str | None = None,
    cross: Sequence[str] | None = None,
    top: float = 0.1,
    level: float = 0.95,
    beside: Sequence[Path] | Path | None = None,
) -> Outcome:
    """Measure the exposure by group in a table of units; the page is ``runs/ID/audit_table.html``.

    Parameters
    ----------
    table : Path
        CSV, Parquet, or a file of shapes: a row a unit.
    unit, count, groups, by, population, ambient, reports, period, crs
        Columns, see `peelian.audits.units.read_units`; `moe` is its `margins`.
    reference, top, level
        See `peelian.audits.table.exposure_table`.
    cross : (str, str), optional
        Two groups whose intersection is bounded.
    beside : paths, optional
        Workspaces whose latest plan goes through the same audit.

    Raises
    ------
    RefusedError
        The role may not.
    UsageError, DataError
        See `exposure_of_file`.
    """
    workspace.require("audit", {"kind": "table"})
    from peelian.publish.audit_table import audit_table_page

    given = _Asked(
        unit,
        count,
        list(groups),
        reference,
        by,
        population,
        moe,
        ambient,
        reports,
        period,
        crs,
        cross,
        top,
        level,
    )
    with workspace.writing():
        taken, plans = _taken(table, given), _plans(beside)
        seen = _digest(taken)
        held = thresholds_for(workspace, "plan", verb=VERB, subject=seen)
        result = _examined(taken, given, plans, thresholds=held.thresholds)
        result["notes"] += held.notes
        result |= {"table": seen, "origin": workspace.origin(seed=SEED)}
        page = audit_table_page(result, demonstration=workspace.config.agency.demonstration)
        tables = {"table": taken, **({} if plans is None else {"beside": plans})}
        return workspace.commit(
            workspace.new_run(VERB),
            result,
            subject=seen,
            tables=tables,
            pages={f"{VERB}.html": page},
            details={"ratios": len(result["ratios"])},
        )


def exposure_of_file(
    table: Path, *, beside: Sequence[Path] | None = None, **asked: Any
) -> tuple[dict[str, Any], str]:
    """The same without a workspace: the result, and its page.

    Nobody's thresholds hold, as nobody has set any; nothing is kept.

    Raises
    ------
    UsageError
        No such file, or a setting is off.
    DataError
        The file can't be read, a column is not there or about persons, or a number can't be one.
    """
    from peelian.publish.audit_table import audit_table_page

    given = _Asked(**asked)
    taken, plans = _taken(table, given), _plans(beside)
    result = _examined(taken, given, plans, thresholds={})
    result |= {"table": _digest(taken), "origin": {"peelian": __version__, "seed": SEED}}
    return result, audit_table_page(result)


def _taken(path: Path, given: _Asked) -> pd.DataFrame:
    """What is taken from a file, as it would be read from what is kept of it."""
    table = read_table(path, names=given.names, text=given.text)
    kept = kept_table(table, names=given.names, text=given.text, crs=given.crs or stated_crs(table))
    return _as_kept(kept)


def _plans(beside: Sequence[Path] | Path | None) -> pd.DataFrame | None:
    folders = [beside] if isinstance(beside, Path) else list(beside or ())
    if not folders:
        return None
    if len(folders) == 1 and folders[0].is_file():
        return pd.read_parquet(folders[0])
    return _as_kept(kept_beside([latest_plan(Path(one)) for one in folders]))


def _as_kept(table: pd.DataFrame) -> pd.DataFrame:
    held = io.BytesIO()
    table.to_parquet(held, index=False)
    return pd.read_parquet(held)


def _digest(table: pd.DataFrame) -> str:
    """SHA-256 of what the columns hold: the same for a copy of the table in another format."""
    whole = sha256("\n".join(map(str, table.columns)).encode())
    whole.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    return whole.hexdigest()


def _examined(
    taken: pd.DataFrame,
    given: _Asked,
    plans: pd.DataFrame | None,
    *,
    thresholds: Mapping[str, Threshold],
) -> dict[str, Any]:
    units = read_units(
        taken,
        unit=given.unit,
        count=given.count,
        groups=given.groups,
        by=given.by,
        population=given.population,
        margins=given.moe,
        ambient=given.ambient,
        reports=given.reports,
        period=given.period,
        crs=given.crs or stated_crs(taken),
    )
    cross = tuple(given.cross) if given.cross else None
    if cross is not None and len(cross) != 2:
        msg = f"{', '.join(cross)} were to be crossed; expected two groups"
        raise UsageError(msg, hint=f"--cross {given.groups[0]},{given.groups[-1]}")
    settings: dict[str, Any] = {"thresholds": thresholds, "level": given.level, "seed": SEED}
    what = given.count.replace("_", " ")
    found = exposure_table(
        units, reference=given.reference, what=what, cross=cross, top=given.top, **settings
    )
    result = {**found.to_dict(), "units": len(units), "areas": len(units.parts()), "beside": []}
    for plan, reference in [] if plans is None else plans_of(plans):
        _add(result, exposure_table(plan, reference=reference, what="planned hours", **settings))
    return result


def _add(result: dict[str, Any], found: ExposureTable) -> None:
    """Put a plan of ours beside the table: its ratios in the same list, its findings and notes after the table's."""
    told = found.to_dict()
    name = str(found.ratios["by"].iloc[0])
    for key in ("ratios", "findings", "exposures", "concentration"):
        result[key] += told[key]
    result["sentences"] += [f"Our own plan beside it, {name}: {sentence}" for sentence in told["sentences"]]
    result["notes"] += [f"{name}: {note}" for note in told["notes"] if "--population" not in note]
    held = [one for one in (result["passes"], told["passes"]) if one is not None]
    result["passes"] = all(held) if held else None
    result["beside"].append({"name": name, "groups": told["groups"], "reference": told["reference"]})
