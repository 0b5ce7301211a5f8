"""``init``: make an empty workspace."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from peelian.charter import Ledger, Policy
from peelian.errors import PeelianError, UsageError
from peelian.workspace.config import FILE, Config, render_config
from peelian.workspace.state import State
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["init"]


def init(
    folder: Path | str,
    *,
    crs: str | None = None,
    cell: float = 250.0,
    agency: str | None = None,
    zone: str = "UTC",
    areas: Path | None = None,
    area_id: str | None = None,
    area_name: str | None = None,
    population: Mapping[str, str] | None = None,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
    role: str = "steward",
) -> Outcome:
    """Make `folder` a workspace: configuration, policies, keys, state and an empty ledger.

    Parameters
    ----------
    crs : str, optional
        A projected CRS. Without one, the first import chooses the UTM zone of its points.
    cell : float
        Side of a grid cell in metres.
    areas : Path, optional
        Polygons of the study area; the file is copied into the workspace.
    population : mapping of group to column of the areas
    sections : mapping, optional
        Further settings, section by section, as in ``peelian.toml``.

    Raises
    ------
    UsageError
        The folder is a workspace already, or isn't empty.
    CRSError
        The CRS is unknown or in degrees.
    """
    folder = Path(folder)
    _refuse_used(folder)
    if crs is not None:
        from peelian.places import projected

        projected(crs)
    place: dict[str, Any] = {"crs": crs, "cell": cell, "area_id": area_id, "area_name": area_name}
    if areas is not None:
        if not areas.is_file():
            msg = f"{areas} was given as the areas, but there is no such file"
            raise UsageError(
                msg, hint="give a GeoJSON, GeoParquet, GeoPackage or zipped shapefile of polygons"
            )
        place |= {"areas": f"areas{areas.suffix}", "population": dict(population or {})}
    settings: dict[str, Any] = {
        "agency": {"name": agency or folder.absolute().name, "zone": zone},
        "place": place,
        "ledger": {
            "origin": "peelian.invalid/"
            + (re.sub(r"[^a-z0-9-]+", "-", folder.absolute().name.lower()) or "workspace")
        },
    }
    for section, values in (sections or {}).items():
        settings[section] = settings.get(section, {}) | dict(values)
    try:
        config = Config.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        msg = f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']} (given: {first['input']!r})"
        raise UsageError(msg, hint="peelian init --help") from None
    made_folder = not folder.exists()
    try:
        return _make(folder, config, areas, role)
    except PeelianError:
        # A workspace that was refused half-way would block the second try.
        if made_folder:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _refuse_used(folder: Path) -> None:
    if (folder / FILE).exists():
        msg = f"{folder} is a workspace already"
        raise UsageError(msg, hint=f"peelian status --workspace {folder}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        msg = f"{folder} was given for a new workspace, but it isn't an empty folder"
        raise UsageError(msg, hint="name a folder that doesn't exist yet")


def _make(folder: Path, config: Config, areas: Path | None, role: str) -> Outcome:
    for name in ("records", "runs", "public", "policy", "keys", "ledger"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "keys").chmod(0o700)
    if areas is not None and config.place.areas is not None:
        shutil.copyfile(areas, folder / config.place.areas)
    Policy.write_defaults(folder / "policy")
    Ledger.create(folder / "ledger", origin=config.ledger.origin, key_path=folder / "keys" / "ledger.key")
    state = State(config.state.url, folder)
    state.create()
    state.close()
    # The configuration comes last: a folder without it is no workspace, so a crash before this line can be tried again.
    (folder / FILE).write_text(render_config(config), encoding="utf-8")
    workspace = Workspace(folder, role=role)
    workspace.require("init", {"kind": "workspace"})
    with workspace.writing():
        if workspace.areas is not None and workspace.crs is not None:
            _ = (
                workspace.grid
            )  # an area file that doesn't fit the CRS is an error now, not at the first forecast
        result = {
            "agency": config.agency.name,
            "crs": config.place.crs,
            "cell_m": config.place.cell,
            "zone": config.agency.zone,
            "areas": None if workspace.areas is None else len(workspace.areas),
            "notes": list(workspace.areas.notes) if workspace.areas is not None else [],
        }
        return workspace.commit(workspace.new_run("init"), result)
