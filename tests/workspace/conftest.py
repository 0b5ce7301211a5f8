"""A workspace on one real year of St. Louis, made once for each test process and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from peelian.demo_data import stlouis_areas, stlouis_incidents
from peelian.workspace import Workspace
from peelian.workspace.import_ import import_records
from peelian.workspace.init import init

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


@pytest.fixture
def acting(city: Path) -> Opener:
    """Open the copy in a role."""
    return lambda role="analyst": Workspace(city, role=role)
