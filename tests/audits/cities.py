"""Made-up cities for the tests of an audit's checks: units on a lattice, two or three groups, blocks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage

Floats = npt.NDArray[np.float64]


class City(NamedTuple):
    """Units of 250 m on a lattice with their residents and blocks of 1 km."""

    x: Floats
    y: Floats
    residents: pd.DataFrame
    block: npt.NDArray[np.int64]

    @property
    def share(self) -> Floats:
        """Share of group a."""
        return (self.residents["a"] / self.residents.sum(axis=1)).to_numpy()


def field(side: int, rng: np.random.Generator, *, smooth: float = 3.0) -> Floats:
    """A smooth random field with mean 0 and sd 1, as one value a unit."""
    made = ndimage.gaussian_filter(rng.normal(size=(side, side)), smooth, mode="wrap")
    return ((made - made.mean()) / made.std()).ravel()


def city(side: int = 24, *, seed: int = 0, segregated: bool = False, smooth: float = 3.0) -> City:
    """A city of side x side units of 100 residents, the share of group a a smooth field from 0.05 to 0.95."""
    rng = np.random.default_rng(seed)
    rows, columns = np.divmod(np.arange(side * side), side)
    drawn = field(side, rng, smooth=smooth)
    share = 0.05 + 0.9 / (1 + np.exp(-2 * drawn))
    if segregated:
        share = (drawn > 0).astype(float)
    residents = pd.DataFrame({"a": 100 * share, "b": 100 * (1 - share)})
    block = (rows // 4) * side + columns // 4
    return City(250.0 * columns + 125, 250.0 * rows + 125, residents, block)
