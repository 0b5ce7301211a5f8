"""What is off in a table: counted where it is, and told in sentences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import shapely

from peelian.audits.positions import Positions
from peelian.audits.unit_quality import unit_notes, unit_quality
from peelian.audits.units import Units


def units_of(**changed: Any) -> Units:
    boxes = np.array([shapely.box(1000 * i, 0, 1000 * i + 1000, 1000) for i in range(4)], dtype=object)
    made: dict[str, Any] = {
        "ids": np.array(list("abcd"), dtype=object),
        "by": np.full(4, "north", dtype=object),
        "counts": np.array([10.0, 20, 30, 40]),
        "residents": pd.DataFrame({"green": [50.0, 60, 0, 80], "blue": [50.0, 30, 0, 20]}),
        "positions": Positions(np.arange(4) * 1000.0 + 500, np.full(4, 500.0), boxes, "EPSG:26915"),
        "total": np.array([120.0, 90, 10, 95]),
    }
    return Units(**{**made, **changed})


def row(units: Units) -> dict[str, Any]:
    (only,) = unit_quality(units).to_dict("records")
    return only


def notes(units: Units) -> str:
    return " ".join(unit_notes(unit_quality(units), population=units.total is not None))


def test_everything_is_counted() -> None:
    found = row(units_of())
    assert (found["units"], found["counts"], found["missing"]) == (4, 100, 0)
    assert (found["empty"], found["counts_empty"]) == (1, 30)
    assert (found["other"], found["over"], found["excess"]) == (30, 1, 5)
    assert (found["overlapping"], found["shared_km2"], found["gaps_km2"]) == (0, 0, 0)
    assert found["area_km2"] == 4


def test_what_reaches_nobody_is_told() -> None:
    said = notes(units_of())
    assert "1 units have no residents of any group (north): 30 % of all counts" in said
    assert "30 residents belong to none of the groups" in said
    assert "In 1 units (north) the groups add up to more than all residents, by 5 in all" in said


def test_without_a_total_it_is_said_that_it_is_not_known() -> None:
    units = units_of(total=None)
    assert np.isnan(row(units)["other"])
    assert "how many belong to none of the groups is not known" in notes(units)


def test_missing_counts_are_counted() -> None:
    units = units_of(counts=np.array([np.nan, 20, 30, 40]))
    assert row(units)["missing"] == 1
    assert row(units)["counts"] == 90
    assert "1 units have no count (north); they are not taken as 0" in notes(units)


def test_overlaps_and_gaps_are_told() -> None:
    boxes = units_of().positions.shapes
    assert boxes is not None
    double = boxes.copy()
    double[1] = shapely.box(500, 0, 2000, 1000)
    found = units_of(positions=Positions(np.arange(4.0), np.arange(4.0), double, "EPSG:26915"))
    assert (row(found)["overlapping"], row(found)["shared_km2"], row(found)["counts_overlapping"]) == (
        2,
        0.5,
        30,
    )
    assert "Polygons of 2 units overlap (north), over 0.5 km2" in notes(found)
    ring = shapely.Polygon(
        shapely.box(0, 0, 3000, 3000).exterior.coords, [shapely.box(1000, 1000, 2000, 2000).exterior.coords]
    )
    holed = boxes.copy()
    holed[:] = [ring, *(shapely.box(9000, 9000 + 1000 * i, 9500, 9500 + 1000 * i) for i in range(3))]
    gaps = units_of(positions=Positions(np.arange(4.0), np.arange(4.0), holed, "EPSG:26915"))
    assert row(gaps)["gaps_km2"] == 1.0
    assert "holes that none of them covers (north), 1 km2" in notes(gaps)


def test_many_areas_are_named_as_far_as_a_reader_goes() -> None:
    units = units_of(by=np.array(list("wxyz"), dtype=object), counts=np.full(4, np.nan))
    assert "(w, x, y, z)" in notes(units)
    quality = pd.concat([unit_quality(units), unit_quality(units).assign(by=list("abcd"))])
    assert "and 3 more" in " ".join(unit_notes(quality, population=True))
