"""``init``: make an empty workspace."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from peelian.charter import Ledger, Policy
from peelian.errors import UsageError
from peelian.workspace.config import FILE, Config, misfit, render_config
from peelian.workspace.files import result_json
from peelian.workspace.policies import TEXTS, hashes_of, in_entry
from peelian.workspace.state import State
from peelian.workspace.workspace import Outcome, Workspace

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

    from peelian.places import Areas

__all__ = ["init"]

AREAS = "areas.parquet"


def init(
    folder: Path | str,
    *,
    crs: str | None = None,
    cell: float = 250.0,
    agency: str | None = None,
    zone: str | None = None,
    areas: Path | None = None,
    area_id: str | None = None,
    area_name: str | None = None,
    population: Mapping[str, str] | None = None,
    margins: Mapping[str, str] | None = None,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
    role: str = "steward",
) -> Outcome:
    """Make `folder` a workspace: configuration, policies, keys, state and an empty ledger.

    Parameters
    ----------
    crs : str, optional
        A projected CRS. Without one, the UTM zone of the areas is chosen, or by the first import that of its points.
    cell : float
        Side of a grid cell in metres.
    areas : Path, optional
        Polygons of the study area; their ids, names, shapes and residents are kept in the workspace.
    population : mapping of group to column of the areas
    margins : mapping of group to column of the areas, optional
        Their margins of error.
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
    found, kept = None, None
    place: dict[str, Any] = {"crs": crs, "cell": cell}
    if areas is not None:
        found = _read_areas(areas, area_id, area_name, population or {}, crs)
        place |= {
            "crs": found.crs,
            "areas": AREAS,
            "area_id": "area_id",
            "area_name": "name",
            "population": {group: group for group in found.population},
        }
        kept = found.frame
        if margins:
            from peelian.workspace.residents import margin_columns

            told = margin_columns(areas, area_id, kept["area_id"], margins, groups=place["population"])
            place["margins"] = {group: f"margin of {group}" for group in told}
            kept = kept.assign(**{f"margin of {group}": told[group].to_numpy() for group in told})
    name = folder.absolute().name
    origin = "peelian.invalid/" + (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "workspace")
    settings: dict[str, Any] = {
        "agency": {"name": agency or name, "zone": zone},
        "place": place,
        "ledger": {"origin": origin},
    }
    for section, values in (sections or {}).items():
        settings[section] = settings.get(section, {}) | dict(values)
    try:
        config = Config.model_validate(settings)
    except ValidationError as error:
        raise UsageError(misfit(error.errors()[0]), hint="peelian init --help") from None
    # Everything is made beside the folder and renamed at the end: what was refused or died leaves no workspace.
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    draft = Path(mkdtemp(prefix=f".{name}.", dir=folder.absolute().parent))
    try:
        outcome = _make(draft, config, found, kept, role)
        draft.chmod(0o755)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return outcome


def _read_areas(
    path: Path, area_id: str | None, area_name: str | None, population: Mapping[str, str], crs: str | None
) -> Areas:
    """The areas in the workspace's CRS: the one given, or the UTM zone of their middle."""
    from peelian.places import Areas, choose_crs

    if not path.is_file():
        msg = f"{path} was given as the areas, but there is no such file"
        raise UsageError(msg, hint="give a GeoJSON, GeoParquet, GeoPackage or shapefile of polygons")
    found = Areas.read(path, id=area_id, name=area_name, population=dict(population))
    if crs is None:
        middle = found.to_crs("EPSG:4326").frame.geometry.representative_point()
        crs = choose_crs(middle.x.to_numpy(), middle.y.to_numpy())
    return found.to_crs(crs)


def _refuse_used(folder: Path) -> None:
    if (folder / FILE).exists():
        msg = f"{folder} is a workspace already"
        raise UsageError(msg, hint=f"peelian status --workspace {folder}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        msg = f"{folder} was given for a new workspace, but it isn't an empty folder"
        raise UsageError(msg, hint="name a folder that doesn't exist yet")


def _make(folder: Path, config: Config, areas: Areas | None, kept: GeoDataFrame | None, role: str) -> Outcome:
    for name in ("records", "runs", "public", "policy", "keys"):
        (folder / name).mkdir()
    (folder / "keys").chmod(0o700)
    Policy.write_defaults(folder / "policy")
    Policy.load(folder / "policy").require(role, "init", {"kind": "workspace"})
    if kept is not None:
        kept.to_parquet(folder / AREAS)
    Ledger.create(folder / "ledger", origin=config.ledger.origin, key_path=folder / "keys" / "ledger.key")
    (folder / FILE).write_text(render_config(config), encoding="utf-8")
    state = State(config.state.url, folder)
    state.create(new=True)
    try:
        return _first_entry(folder, config, areas, role)
    except BaseException:
        state.drop()  # a database elsewhere doesn't go with the folder
        raise
    finally:
        state.close()


def _first_entry(folder: Path, config: Config, areas: Areas | None, role: str) -> Outcome:
    workspace = Workspace(folder, role=role)
    with workspace.writing():
        if areas is not None:
            _ = (
                workspace.grid
            )  # an area file that doesn't fit the CRS is an error now, not at the first forecast
        result: dict[str, Any] = {
            "agency": config.agency.name,
            "crs": config.place.crs,
            "cell_m": config.place.cell,
            "zone": config.agency.zone,
            "areas": None if areas is None else len(areas),
            "notes": [] if areas is None else list(areas.notes),
        }
        texts = workspace.policy.texts
        result["policies"] = hashes_of(texts)
        outcome = workspace.commit(
            workspace.new_run("init"), result, pages={TEXTS: result_json(texts)}, details=in_entry(texts)
        )
    workspace.state.close()
    return outcome
