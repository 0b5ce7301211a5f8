"""Census margins of error, and what they do to sums over units.

A survey's number of residents has a margin of error. The American Community Survey prints that of a 90 % interval, so
that the standard error is the margin over 1.645 (U.S. Census Bureau 2020, Understanding and using American Community
Survey data, chapter 7). Errors of different areas are taken as independent, as the Bureau's own rule for sums does
(chapter 8); pieces of one area share one error, whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

__all__ = ["ACS", "CONTROLLED", "Margins", "log_variance", "variance_of"]

Floats = npt.NDArray[np.float64]

ACS = 1.645
"""Standard errors in a margin of the American Community Survey."""
CONTROLLED = -555555555.0
"""What the Survey prints in place of a margin where an estimate is held to a count: no sampling error."""


@dataclass(frozen=True, eq=False)
class Margins:
    """Variances of the numbers of residents.

    Parameters
    ----------
    variance : array of float, shape (n_sources, n_groups)
        Of each area for which a number was published.
    shares : sparse array of float, shape (n_sources, n_units), optional
        Which part of each area's residents each unit has; when not given, each unit is an area of its own.
    """

    variance: Floats
    shares: sparse.csr_array | None = None

    def covariance(self, columns: npt.ArrayLike, group: int) -> Floats:
        """Covariance of the sums over units of each column times a group's residents.

        Parameters
        ----------
        columns : array of float, shape (n_units, k)
            Such as the counts and ones.

        Returns
        -------
        array of float, shape (k, k)

        Notes
        -----
        A sum is linear in the numbers of residents, so this is exact, whatever the errors' distribution. Drawing
        numbers and cutting them off at 0 would not be: most areas have few residents of a small group, and the cut
        would add residents that nobody counted.
        """
        given = np.asarray(columns, dtype=float)
        by_source = given if self.shares is None else np.asarray(self.shares @ given)
        return np.asarray(by_source.T @ (self.variance[:, group, None] * by_source))


def variance_of(margin: npt.ArrayLike, residents: npt.ArrayLike) -> Floats:
    """Variances from ACS margins of one group, shape (n_areas,).

    Where the estimate is 0 the Survey prints a margin that doesn't depend on the place; of all such areas the largest
    margin counts once, as the Bureau says for sums (2020, chapter 8).
    """
    given = np.asarray(margin, dtype=float)
    variance = np.where(given == CONTROLLED, 0.0, (given / ACS) ** 2)
    none = np.flatnonzero(np.asarray(residents, dtype=float) == 0)
    if none.size > 1:
        largest = none[np.argmax(variance[none])]
        variance[none[none != largest]] = 0.0
    return np.asarray(variance)


def log_variance(covariances: Sequence[Floats], sums: Sequence[Floats]) -> float:
    """Variance of the logarithm of a ratio, or of a ratio of two ratios, from the margins alone.

    Parameters
    ----------
    covariances : sequence of array of float, shape (2, 2)
        Of a ratio's numerator and denominator, one a group; groups are taken as independent.
    sums : sequence of array of float, shape (2,)
        What they are, above 0.

    Notes
    -----
    By the first derivative: sums over many areas are off by a small part of themselves, and then it is exact enough.
    """
    total = 0.0
    for covariance, pair in zip(covariances, sums, strict=True):
        slope = np.array([1.0, -1.0]) / pair
        total += float(slope @ covariance @ slope)
    return max(total, 0.0)
