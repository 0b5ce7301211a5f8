"""A workspace on one real year of St. Louis, made once for each test process and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from peelian.demo_data import stlouis_areas, stlouis_incidents
from peelian.workspace import Workspace
from peelian.workspace.audit import audit
from peelian.workspace.forecast import forecast
from peelian.workspace.import_ import import_records
from peelian.workspace.init import init
from peelian.workspace.plan import plan
from peelian.workspace.state import State

from ..postgres import Server

Opener = Callable[..., Workspace]


@pytest.fixture(scope="session")
def one_year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled rows that were published in 2016."""
    rows = pd.read_parquet(stlouis_incidents())
    path = tmp_path_factory.mktemp("rows") / "2016.parquet"
    rows[rows["reported_month"].astype(str).str.startswith("2016")].to_parquet(path)
    return path


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory, one_year: Path) -> Path:
    folder = tmp_path_factory.mktemp("imported") / "city"
    init(
        folder,
        crs="EPSG:26915",
        zone="America/Chicago",
        areas=stlouis_areas(),
        area_id="area_id",
        area_name="name",
        population={"White": "white", "Black": "black"},
        sections={"forecast": {"origins": 8, "methods": ["kernel_density"]}, "audit": {"replicates": 200}},
    )
    import_records(Workspace(folder), one_year)
    return folder


@pytest.fixture
def city(imported: Path, tmp_path: Path) -> Path:
    """A copy that the test may change."""
    return Path(shutil.copytree(imported, tmp_path / "city"))


@pytest.fixture(scope="session")
def imported_state(imported: Path, postgresql: Server) -> Iterator[str]:
    """The name of a PostgreSQL database with the state of `imported`, to be copied for each test."""
    with postgresql.database() as url:
        source, target = State("sqlite:///state.db", imported), State(url, imported)
        source.copy_into(target)
        source.close()
        target.close()
        yield str(target.address.url.database)


@pytest.fixture(params=["sqlite", "postgresql"])
def either_city(request: pytest.FixtureRequest, imported: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy that the test may change; the test runs twice, with the state in SQLite and in PostgreSQL."""
    folder = Path(shutil.copytree(imported, tmp_path / "city"))
    if request.param == "sqlite":
        yield folder
        return
    template = request.getfixturevalue("imported_state")
    server: Server = request.getfixturevalue("postgresql")
    with server.database(template=template) as url:
        keep_state_in(folder, url)
        yield folder


def keep_state_in(folder: Path, url: str) -> None:
    """Let a workspace have its state elsewhere."""
    path = folder / "peelian.toml"
    text = path.read_text(encoding="utf-8")
    assert text.count('url = "sqlite:///state.db"') == 1
    path.write_text(text.replace('url = "sqlite:///state.db"', f'url = "{url}"'), encoding="utf-8")
    for part in folder.glob("state.db*"):
        part.unlink()


@pytest.fixture
def either_acting(either_city: Path) -> Opener:
    """Open that copy in a role."""
    return lambda role="analyst", **more: Workspace(either_city, role=role, **more)


@pytest.fixture
def acting(city: Path) -> Opener:
    """Open the copy in a role."""
    return lambda role="analyst": Workspace(city, role=role)


@pytest.fixture(scope="session")
def with_plan(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a plan for burglary whose burden was not measured yet."""
    folder = Path(shutil.copytree(imported, tmp_path_factory.mktemp("planned") / "city"))
    forecast(Workspace(folder), "burglary")
    plan(Workspace(folder))
    return folder


@pytest.fixture(scope="session")
def audited(with_plan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the burden measured: somebody can decide on it."""
    folder = Path(shutil.copytree(with_plan, tmp_path_factory.mktemp("audited") / "city"))
    audit(Workspace(folder))
    return folder


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An audit of a plan without the checks of it, for tests of who decides on what: they take most of its time.

    What they find, how they are kept and made again is in test_audit_checks.py.
    """
    monkeypatch.setattr("peelian.workspace.audit.checks", lambda *_, **__: {})


@pytest.fixture
def deciding(audited: Path, tmp_path: Path) -> Opener:
    """Open a copy of that in a role; the latest plan can be decided on."""
    folder = Path(shutil.copytree(audited, tmp_path / "city"))
    return lambda role="commander", **more: Workspace(folder, role=role, **more)


@pytest.fixture(params=["sqlite", "postgresql"])
def either_deciding(request: pytest.FixtureRequest, audited: Path, tmp_path: Path) -> Iterator[Opener]:
    """As `deciding`; the test runs twice, with the state in SQLite and in PostgreSQL."""
    folder = Path(shutil.copytree(audited, tmp_path / "city"))
    if request.param == "sqlite":
        yield lambda role="commander", **more: Workspace(folder, role=role, **more)
        return
    server: Server = request.getfixturevalue("postgresql")
    with server.database() as url:
        source, target = State("sqlite:///state.db", folder), State(url, folder)
        source.copy_into(target)
        source.close()
        target.close()
        keep_state_in(folder, url)
        yield lambda role="commander", **more: Workspace(folder, role=role, **more)
