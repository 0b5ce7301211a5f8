"""Groups' residents by unit, and ratios of group means in the city and in resampled cities, many at once.

The checks of an audit ask the same number again and again: the exposure ratio with other hours, other labels or other
units. Blocks are drawn once; each further number is two sums within each block and one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.blocks import resampled_sums
from peelian.audits.chance import spread_out
from peelian.audits.estimates import Estimate, divide, estimate
from peelian.audits.exposure_inputs import FEWEST_RESIDENTS
from peelian.audits.words import in_words
from peelian.errors import DataError, NotEnoughDataError, UsageError

__all__ = ["Resampled"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEW_BLOCKS = 10
"""With fewer blocks than these an interval is rough."""


@dataclass(frozen=True, eq=False)
class Resampled:
    """Residents of each unit by group, and the blocks that are resampled. Made by `Resampled.of`.

    Parameters
    ----------
    residents : array of float, shape (n_units, n_groups)
    groups : tuple of str
    reference : int
        Number of the group that others are compared with.
    block : array of int, shape (n_units,)
        From 0 without gaps.
    level : float
        Of intervals.
    replicates, seed : int
        Of the bootstrap over blocks.
    moved : array of int, shape (any, n_units), optional
        Maps of the groups moved over the city, as `peelian.audits.labels.shifts` makes them. Where they are given,
        draws of a ratio are spread no less than chance spreads it (`peelian.audits.chance`).
    """

    residents: Floats
    groups: tuple[str, ...]
    reference: int
    block: Ints
    level: float = 0.95
    replicates: int = 2000
    seed: int = 0
    moved: Ints | None = None

    @classmethod
    def of(
        cls,
        residents: pd.DataFrame,
        *,
        reference: str,
        block: npt.ArrayLike,
        level: float = 0.95,
        replicates: int = 2000,
        seed: int = 0,
        moved: Ints | None = None,
    ) -> Resampled:
        """Check a table of residents and number its blocks.

        Parameters
        ----------
        residents : pandas.DataFrame, shape (n_units, n_groups)
            One column a group, at least two.
        reference : str
        block : array, shape (n_units,)
            Any label of the block that each unit is in.
        level, replicates, seed, moved
            As above.

        Raises
        ------
        UsageError
            The reference or a second group is missing, a name is given twice, or a setting is off.
        DataError
            Residents are negative or unknown. An unknown number is not zero.
        NotEnoughDataError
            The reference group has fewer than 100 residents.
        """
        groups = tuple(str(c) for c in residents.columns)
        if len(set(groups)) < max(len(groups), 2) or reference not in groups:
            msg = (
                f"residents of the groups {', '.join(groups) or 'none'} were given, with {reference!r} as the "
                "reference; expected two groups or more, each once, the reference among them"
            )
            raise UsageError(msg, hint="give a column of residents for each group")
        if not 0 < level < 1 or replicates < 1:
            msg = (
                f"a level of {level} with {replicates} replicates was given; expected a share and at least 1"
            )
            raise UsageError(msg, hint="level=0.95, replicates=2000")
        counted = residents.to_numpy(dtype=float)
        wrong = ~np.isfinite(counted) | (counted < 0)
        if wrong.any():
            msg = f"{int(wrong.sum())} numbers of residents are negative or unknown; expected at least 0 in every unit"
            raise DataError(
                msg, hint="an unknown number is not zero: leave those units out of the study area"
            )
        labels = np.asarray(block)
        if labels.shape != (len(counted),):
            msg = f"blocks of shape {labels.shape} were given for {len(counted)} units"
            raise UsageError(msg, hint="spatial_blocks(grid, block_km=1)")
        total = float(counted[:, groups.index(reference)].sum())
        if total < FEWEST_RESIDENTS:
            msg = f"the reference group {reference!r} has {total:.0f} residents; expected at least {FEWEST_RESIDENTS}"
            raise NotEnoughDataError(msg, hint="compare with a larger group")
        numbers = _numbered(labels, counted.sum(axis=1) > 0)
        return cls(counted, groups, groups.index(reference), numbers, level, replicates, seed, moved)

    @property
    def n(self) -> int:
        """Units."""
        return len(self.residents)

    @property
    def blocks(self) -> int:
        """Blocks with residents: those without add nothing to any sum."""
        return int(self.block.max()) + 1

    @property
    def others(self) -> list[int]:
        """Numbers of the groups that are compared with the reference."""
        return [g for g in range(len(self.groups)) if g != self.reference]

    @cached_property
    def weights(self) -> Floats:
        """How often each block is drawn in each replicate, shape (replicates, n_blocks)."""
        return resampled_sums(np.eye(self.blocks), replicates=self.replicates, seed=self.seed)

    @cached_property
    def share(self) -> Floats:
        """Share of each group among the residents of each unit; 0 where nobody lives, shape (n_units, n_groups)."""
        total = self.residents.sum(axis=1, keepdims=True)
        return np.asarray(
            np.divide(self.residents, total, where=total > 0, out=np.zeros_like(self.residents))
        )

    def small(self, g: int) -> bool:
        """Whether a group has too few residents for a mean."""
        return bool(self.residents[:, g].sum() < FEWEST_RESIDENTS)

    def sums(self, values: Floats) -> Floats:
        """Sums of values within each block, shape (n_units, k) to (n_blocks, k), over units with residents."""
        held = self.block >= 0
        out = np.zeros((self.blocks, values.shape[1]))
        np.add.at(out, self.block[held], values[held])
        return out

    def mean(self, values: Floats, g: int) -> Floats:
        """Mean of values in their own unit over a group's residents, shape (n_units, k) to (k,)."""
        p = self.residents[:, g]
        return divide(p @ values, np.asarray(p.sum()))

    def mean_draws(self, values: Floats, g: int) -> Floats:
        """The same in each resampled city, shape (replicates, k)."""
        p = self.residents[:, [g]]
        return divide(self.weights @ self.sums(values * p), self.weights @ self.sums(p))

    def ratio(self, values: Floats, g: int, *, over: Floats | None = None) -> Floats:
        """A group's mean in proportion to the reference group's, shape (n_units, k) to (k,).

        With `over`, of the same shape, the quotient with another's ratio.
        """
        made = divide(self.mean(values, g), self.mean(values, self.reference))
        return made if over is None else divide(made, self.ratio(over, g))

    def ratio_draws(self, values: Floats, g: int, *, over: Floats | None = None) -> Floats:
        """The same in each resampled city, shape (replicates, k): infinite or NaN where the reference has none."""

        def of(given: Floats) -> Floats:
            return divide(self.mean_draws(given, g), self.mean_draws(given, self.reference))

        made = of(values) if over is None else divide(of(values), of(over))
        if self.moved is None:
            return made
        chance = self.ratio_by_chance(values, g)
        if over is not None:
            chance = divide(chance, self.ratio_by_chance(over, g))
        return spread_out(made, self.ratio(values, g, over=over), chance)

    def ratio_by_chance(self, values: Floats, g: int) -> Floats:
        """The ratio where the groups' map was moved, shape (any, k): none where `moved` is not there."""
        lived = self._lived
        weights = np.column_stack([values, np.ones(self.n)]).T
        a, b = (weights @ lived[i] for i in (g, self.reference))
        return divide(divide(a[:-1], a[-1:]), divide(b[:-1], b[-1:])).T

    @cached_property
    def _lived(self) -> Floats:
        """Residents of each group after each move, shape (n_groups, n_units, any)."""
        moved = self.moved if self.moved is not None else np.empty((0, self.n), dtype=np.int64)
        total = self.residents.sum(axis=1)[:, None]
        return np.stack([total * self.share[moved.T, g] for g in range(len(self.groups))])

    def estimate(self, point: float, draws: Floats) -> Estimate:
        """A value with the percentile interval of its draws."""
        return estimate(float(point), draws, level=self.level, blocks=self.blocks)

    def pair(self, g: int) -> str:
        """Both groups in words: ``"Black to White residents"``."""
        return f"{in_words(self.groups[g])} to {in_words(self.groups[self.reference])} residents"

    def few_blocks(self) -> tuple[str, ...]:
        """What to say where blocks are few."""
        if self.blocks >= FEW_BLOCKS:
            return ()
        return (
            f"There are only {self.blocks} blocks with residents: the interval is rough, and likely too narrow.",
        )

    def too_small(self, g: int) -> str:
        """Why a small group has no number."""
        group = in_words(self.groups[g])
        return f"The study area has fewer than {FEWEST_RESIDENTS} {group} residents: too few for a mean."


def _numbered(labels: npt.NDArray[np.generic], inhabited: npt.NDArray[np.bool_]) -> Ints:
    """Blocks from 0 in the order of their labels; -1 where nobody lives."""
    numbers = np.full(labels.size, -1, dtype=np.int64)
    numbers[inhabited] = np.unique(labels[inhabited], return_inverse=True)[1]
    return numbers
