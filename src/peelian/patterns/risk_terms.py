"""Features of places in the forms in which they may matter: near or far, within reach, more or less, or crowded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from peelian.errors import CRSError, DataError, UsageError
from peelian.places.crs import metres_per_unit
from peelian.places.grid import Grid

__all__ = ["WITHIN", "Term", "check_within", "density_of", "terms_of"]

Floats = npt.NDArray[np.float64]

WITHIN = (0.15, 0.3, 0.6)
"""Reach in km: about one, two and four blocks."""

RAREST = 0.01
LIKE = 0.999


@dataclass(frozen=True, eq=False)
class Term:
    """One form of a feature.

    Parameters
    ----------
    feature : str
        Which it is made of.
    name : str
        What it is, in words.
    step : str
        What a rate ratio is for, in words.
    size : float
        That step, in units of `values`.
    values : array of float, shape (n_cells,)
    """

    feature: str
    name: str
    step: str
    size: float
    values: Floats


def density_of(shapes: gpd.GeoDataFrame, grid: Grid, *, radius: float = 0.3) -> Floats:
    """How many of some shapes are within `radius` km of the middle of each cell, for ``Counts.features``.

    Raises
    ------
    UsageError
        The radius is not above 0.
    DataError
        There is no shape.
    CRSError
        The shapes have no CRS.
    """
    if not 0 < radius < np.inf:
        msg = f"a radius of {radius} km was given; expected a length above 0"
        raise UsageError(msg)
    known = shapes.geometry[~(shapes.geometry.isna() | shapes.geometry.is_empty)]
    if known.empty:
        msg = f"a table of {len(shapes)} rows without a shape was given; expected at least one shape"
        raise DataError(msg, hint="check the layer of the file, or leave it out")
    if known.crs is None:
        msg = "shapes without a CRS were given"
        raise CRSError(msg, hint="set it: frame.set_crs('EPSG:4326')")
    tree = shapely.STRtree(known.to_crs(grid.crs).to_numpy())
    x, y = grid.centres()
    reach = 1000 * radius / metres_per_unit(grid.crs)
    cell, _ = tree.query(shapely.points(x, y), predicate="dwithin", distance=reach)
    return np.bincount(cell, minlength=len(grid)).astype(np.float64)


def check_within(within: Sequence[float]) -> None:
    """Raise UsageError unless distances `within`, in km, are above 0."""
    if not all(0 < reach < np.inf for reach in within):
        said = ", ".join(f"{1000 * reach:g}" for reach in within)
        msg = f"distances of {said} m to features were given; expected numbers above 0"
        raise UsageError(msg, hint="150, 300 and 600 m are about one, two and four blocks")


def terms_of(
    features: Mapping[str, Floats], *, within: Sequence[float] = WITHIN
) -> tuple[list[Term], dict[str, str]]:
    """The forms of each feature that can be told apart, and why a feature or a form is left out.

    Features whose name begins with ``distance`` are distances in km: their logarithm, and whether they are within some
    reach. Others are numbers, as they are and, from 0 on, their logarithm.

    Raises
    ------
    UsageError
        A reach is not above 0.
    """
    check_within(within)
    terms: list[Term] = []
    left_out: dict[str, str] = {}
    for feature, raw in features.items():
        values = np.asarray(raw, dtype=np.float64)
        if np.ptp(values) <= 1e-12 * max(float(np.abs(values).max()), 1e-300):
            left_out[feature] = "is the same in every cell"
            continue
        for term in _forms(feature, values, within):
            share = min(np.mean(term.values != term.values.min()), np.mean(term.values != term.values.max()))
            twin = next((t for t in terms if _like(t.values, term.values)), None)
            if share < RAREST:
                left_out[term.name] = f"is the same in all but {share:.1%} of the cells"
            elif twin is not None:
                left_out[term.name] = f"can't be told from {twin.name}"
            else:
                terms.append(term)
    return terms, left_out


def _forms(feature: str, values: Floats, within: Sequence[float]) -> list[Term]:
    if feature.lower().startswith("distance"):
        if values.min() < 0:
            msg = f"{feature} has distances below 0 km"
            raise DataError(msg, hint="name it otherwise if it is no distance")
        # 50 m are added, less than a cell: nearer than that, a middle says little.
        log = -np.log2(values + 0.05)
        forms = [Term(feature, f"{feature} (log)", "half as far", 1.0, log)]
        for reach in within:
            name = f"{feature} within {1000 * reach:g} m"
            forms.append(
                Term(feature, name, f"within {1000 * reach:g} m or not", 1.0, (values <= reach).astype(float))
            )
        return forms
    if set(np.unique(values)) <= {0.0, 1.0}:
        return [Term(feature, feature, "1 or 0", 1.0, values)]
    spread = float(values.std())
    forms = [Term(feature, feature, f"{spread:.3g} more (a standard deviation)", spread, values)]
    if values.min() >= 0:
        log = np.log1p(values)
        step = "a standard deviation more on the scale of the logarithm"
        forms.append(Term(feature, f"{feature} (log)", step, float(log.std()), log))
    return forms


def _like(one: Floats, other: Floats) -> bool:
    a, b = one - one.mean(), other - other.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return bool(size > 0 and abs(a @ b) > LIKE * size)
