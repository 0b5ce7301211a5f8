"""How far a change of the records pushes a forecast: the expected reports of a place, its rank, and what is picked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from peelian.audits.manipulation import Records, Watched
from peelian.methods.base import Method
from peelian.methods.counts import CountMap
from peelian.methods.surface import Surface
from peelian.places.counts import Counts
from peelian.places.periods import Period

__all__ = ["Forecasts", "Push"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Push:
    """What a change did to the forecast of some cells.

    Parameters
    ----------
    before, after : float
        Expected reports in a week in these cells together.
    rank_before, rank_after : int
        Of the highest of them among all cells.
    picked_before, picked_after : int
        How many of them are among the picked cells.
    """

    before: float
    after: float
    rank_before: int
    rank_after: int
    picked_before: int
    picked_after: int

    @property
    def moved(self) -> bool:
        """Whether the number of picked cells in the place changed."""
        return self.picked_before != self.picked_after

    def to_dict(self) -> dict[str, float | int]:
        """As plain values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Forecasts of one category from records that were changed, against that from the records as they are.

    What the method tuned on the records as they are is kept: a few records in one place don't move that.

    Parameters
    ----------
    watched : Watched
        Of which the forecast is of `watched.category`.
    make : callable
        Gives a method that isn't fitted; counting when not given.
    fraction : float
        Share of the study area that is picked.
    seed : int
        Of how ties are broken.
    """

    watched: Watched
    make: Callable[[], Method] = CountMap
    fraction: float = 0.01
    seed: int = 0

    @cached_property
    def _matrix(self) -> sparse.csc_array:
        return sparse.csc_array(self.watched.families["own"].counts)

    def _counts(self, matrix: sparse.csc_array) -> Counts:
        return Counts(self.watched.records.grid, self.watched.records.weeks, matrix)

    @cached_property
    def _fitted(self) -> Method:
        return self.make().fit(self._counts(self._matrix))

    @cached_property
    def _next(self) -> Period:
        return self.watched.records.weeks.following(1)[0]

    @cached_property
    def _base(self) -> tuple[Surface, Ints, npt.NDArray[np.bool_]]:
        return self._told(self._fitted.predict(self._next))

    def _told(self, surface: Surface) -> tuple[Surface, Ints, npt.NDArray[np.bool_]]:
        rank = np.empty(len(surface.grid), dtype=np.int64)
        rank[surface.order(seed=self.seed)] = np.arange(1, len(surface.grid) + 1)
        return surface, rank, surface.top(fraction=self.fraction, seed=self.seed)

    @cached_property
    def title(self) -> str:
        """Name of the method."""
        return self.make().title

    @property
    def picked(self) -> int:
        """How many cells are picked."""
        return int(self._base[2].sum())

    def push(self, removed: Ints, added: Records, cells: Ints) -> Push:
        """What taking away and adding records does to the forecast of `cells`."""
        watched, shape = self.watched, self._matrix.shape
        gone = removed[watched.whole.category[removed] == watched.own]
        mine = added.category == watched.own
        row = np.concatenate([watched.whole.cell[gone], added.cell[mine]])
        column = np.concatenate([watched.whole.week[gone], added.week[mine]])
        sign = np.concatenate([-np.ones(gone.size, dtype=np.int64), np.ones(int(mine.sum()), dtype=np.int64)])
        change = sparse.coo_array((sign, (row, column)), shape=shape).tocsc()
        changed = sparse.csc_array(self._matrix + change)
        changed.eliminate_zeros()
        again = self._fitted.from_other(self._counts(changed))
        before, after = self._base, self._told(again.predict(self._next))
        return Push(
            float(before[0].mean[cells].sum()),
            float(after[0].mean[cells].sum()),
            int(before[1][cells].min()),
            int(after[1][cells].min()),
            int(before[2][cells].sum()),
            int(after[2][cells].sum()),
        )
