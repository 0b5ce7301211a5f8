"""Hours and residents summed over a city, over resampled cities, and with errors of the numbers of residents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.audits.blocks import resampled_sums
from peelian.audits.estimates import divide
from peelian.audits.margins import Margins

__all__ = ["Sums", "resample", "with_margins"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sums:
    """Totals that everything is made from, of the city (one row) and of each resampled city.

    Shapes: `hours` and `attended` (rows, n_maps, n_groups), `residents` (rows, n_groups).
    """

    hours: Floats
    attended: Floats
    residents: Floats

    def exposure(self, m: int, g: int) -> Floats:
        """Hours in their own cell, per resident, shape (rows,); NaN for a group without residents."""
        return divide(self.hours[:, m, g], self.residents[:, g])

    def share(self, m: int, g: int) -> Floats:
        """Share of the residents who have any presence in their own cell, shape (rows,)."""
        return divide(self.attended[:, m, g], self.residents[:, g])

    def ratios(self, reference: int) -> Floats:
        """Of all maps and groups, shape (rows, n_maps, n_groups)."""
        mean = divide(self.hours, self.residents[:, None, :])
        return divide(mean, mean[:, :, [reference]])

    def ratio(self, m: int, g: int, reference: int) -> Floats:
        """Infinite where only the reference has no presence; NaN where neither has any, or a group no residents."""
        return divide(self.exposure(m, g), self.exposure(m, reference))


def resample(
    residents: Floats, maps: Sequence[Floats], block: Ints, replicates: int, seed: int
) -> tuple[Sums, Sums, int]:
    """Sums of the city and of each resampled city, and the number of blocks with residents."""
    n_groups, n_maps = residents.shape[1], len(maps)
    parts = (
        [hours[:, None] * residents for hours in maps]
        + [(hours > 0)[:, None] * residents for hours in maps]
        + [residents]
    )
    by_cell = np.concatenate(parts, axis=1)
    used, number = np.unique(block[residents.sum(axis=1) > 0], return_inverse=True)
    sums = np.zeros((used.size, by_cell.shape[1]))
    np.add.at(sums, number, by_cell[residents.sum(axis=1) > 0])

    def of(totals: Floats) -> Sums:
        hours, attended, people = np.split(totals, [n_maps * n_groups, 2 * n_maps * n_groups], axis=1)
        shape = (totals.shape[0], n_maps, n_groups)
        return Sums(hours.reshape(shape), attended.reshape(shape), people)

    drawn = resampled_sums(sums, replicates=replicates, seed=seed)
    return of(sums.sum(axis=0, keepdims=True)), of(drawn), int(used.size)


def with_margins(drawn: Sums, maps: Sequence[Floats], margins: Margins, seed: int) -> Sums:
    """The sums with errors of the numbers of residents; one error a replicate and area, whatever it adds to."""
    columns = np.column_stack([*maps, *(hours > 0 for hours in maps), np.ones(maps[0].size)]).astype(float)
    rng = np.random.default_rng([seed, 1])
    made = Sums(drawn.hours.copy(), drawn.attended.copy(), drawn.residents.copy())
    for g in range(drawn.residents.shape[1]):
        covariance = margins.covariance(columns, g)
        error = rng.multivariate_normal(
            np.zeros(len(covariance)), covariance, len(drawn.residents), method="eigh"
        )
        hours, attended, residents = np.split(error, [len(maps), 2 * len(maps)], axis=1)
        # Sums of a whole city are rarely near 0; where they are, less than nothing is nothing.
        made.hours[:, :, g] = np.maximum(drawn.hours[:, :, g] + hours, 0.0)
        made.attended[:, :, g] = np.maximum(drawn.attended[:, :, g] + attended, 0.0)
        made.residents[:, g] = np.maximum(drawn.residents[:, g] + residents[:, 0], 0.0)
    return made
