"""The space-time permutation scan: clusters against the margins, without any baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from peelian.errors import NotEnoughDataError
from peelian.patterns.cylinders import Cylinders, Fill, latest_first
from peelian.patterns.draws import dealt_anew
from peelian.patterns.scan import Look
from peelian.patterns.windows import Windows

__all__ = ["PermutationScan"]

Dates = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class PermutationScan:
    """The space-time permutation scan: how many of a place's reports fell into the latest weeks, against all places'.

    What is expected of a place in some weeks is its share of all reports times the weeks' share of them, in the span
    studied. Chance deals the reports' times out anew among their places; both margins stay.

    Parameters
    ----------
    weeks : int
        Most periods in a cylinder.
    fewest : int
        Reports that a cylinder must hold.
    span : int
        Latest periods that are studied, with those scanned. Over a longer span slow shifts between places look like
        clusters.

    References
    ----------
    Kulldorff, Heffernan, Hartman, Assunção and Mostashari (2005), "A space-time permutation scan statistic for disease
    outbreak detection", PLoS Medicine 2(3).
    """

    weeks: int = 12
    fewest: int = 3
    span: int = 52

    @property
    def needs(self) -> int:
        """Fewest periods before and in a look."""
        return max(self.span, self.weeks + 1)

    def look(self, matrix: sparse.csc_array, edges: Dates, windows: Windows) -> Look:
        """Look at the end of the counts given.

        Raises
        ------
        NotEnoughDataError
            Not more periods than are scanned: the whole is no margin for itself.
        """
        periods = matrix.shape[1]
        if periods <= self.weeks:
            msg = f"{periods} periods were given, and the latest {self.weeks} of them are looked at"
            raise NotEnoughDataError(msg, hint="look at fewer weeks, or import older records")
        studied = matrix[:, max(periods - self.span, 0) :].tocoo()
        recent = np.asarray(matrix[:, periods - self.weeks :].todense(), dtype=np.float64)
        by_place = np.asarray(studied.sum(axis=1), dtype=np.float64).ravel()
        total = float(by_place.sum())
        share = latest_first(recent.sum(axis=0)[None, :])[0] / max(total, 1.0)
        cylinders = Cylinders(windows, np.outer(by_place, share), fewest=self.fewest, total=max(total, 1.0))
        place = np.repeat(studied.coords[0], studied.data).astype(np.int64)
        age = np.repeat(studied.shape[1] - 1 - studied.coords[1], studied.data).astype(np.int64)

        def chance(scatter: float, seed: int) -> Fill:
            return dealt_anew(place, age, durations=self.weeks, places=by_place.size, seed=seed)

        return Look(cylinders, latest_first(recent), 1.0, chance)
