"""How sure the census is of the residents: read with the areas, and carried into a plan's audit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest

from peelian.audits.margins import ACS
from peelian.demo_data import stlouis_areas
from peelian.errors import DataError, UsageError
from peelian.workspace.init import init
from peelian.workspace.residents import residents_by_cell
from peelian.workspace.workspace import Workspace

GROUPS = {"White": "white", "Black": "black"}


def areas_file(folder: Path, **columns: Any) -> Path:
    areas = geopandas.read_parquet(stlouis_areas())
    areas = areas.assign(white_moe=0.1 * areas["white"] + 20, black_moe=0.1 * areas["black"] + 20).assign(
        **columns
    )
    path = folder / "areas.gpkg"
    areas.iloc[::-1].to_file(path)
    return path


def test_margins_are_kept_and_spread_over_the_cells_of_their_area(tmp_path: Path) -> None:
    path = areas_file(tmp_path)
    init(tmp_path / "city", areas=path, area_id="area_id", population=GROUPS, margins={"Black": "black_moe"})
    workspace = Workspace(tmp_path / "city")
    assert workspace.config.place.margins == {"Black": "margin of Black"}
    population, margins = residents_by_cell(workspace, workspace.grid)
    assert margins is not None
    assert workspace.areas is not None
    lived = workspace.areas.frame["Black"].to_numpy()
    wanted = ((0.1 * lived + 20) / ACS) ** 2
    some = lived > 0
    assert margins.variance[some, 1] == pytest.approx(wanted[some])
    assert np.all(margins.variance[:, 0] == 0), "no margin was given for the other group"
    # A whole area's error is its own, in however many cells it lies.
    assert margins.covariance(np.ones((len(population), 1)), 1)[0, 0] == pytest.approx(
        margins.variance[:, 1].sum(), rel=0.02
    )


def test_without_margins_there_are_none(tmp_path: Path) -> None:
    init(tmp_path / "city", areas=areas_file(tmp_path), area_id="area_id", population=GROUPS)
    workspace = Workspace(tmp_path / "city")
    assert residents_by_cell(workspace, workspace.grid)[1] is None


@pytest.mark.parametrize(
    ("margins", "columns", "error", "said"),
    [
        ({"Green": "black_moe"}, {}, UsageError, "a margin was given for 'Green'"),
        ({"Black": "black_mo"}, {}, DataError, "column 'black_mo' was named"),
        ({"Black": "black_moe"}, {"black_moe": -222222222.0}, DataError, "missing or negative"),
    ],
)
def test_refused(
    tmp_path: Path, margins: dict[str, str], columns: dict[str, Any], error: type[Exception], said: str
) -> None:
    path = areas_file(tmp_path, **columns)
    with pytest.raises(error, match=said):
        init(tmp_path / "city", areas=path, area_id="area_id", population=GROUPS, margins=margins)
    assert not (tmp_path / "city").exists()


def test_no_areas(tmp_path: Path) -> None:
    init(tmp_path / "city", crs="EPSG:26915")
    from peelian.places import Grid

    with pytest.raises(DataError, match="no areas are configured"):
        residents_by_cell(Workspace(tmp_path / "city"), Grid("EPSG:26915", 250.0, 0, 0, (2, 2)))
