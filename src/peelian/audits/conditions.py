"""Subsets of places that can be named: conjunctions of a few conditions on what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from peelian.audits.words import in_words, listed
from peelian.errors import DataError, UsageError

__all__ = ["Condition", "Subsets", "conditions", "subsets"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

PARTS: tuple[tuple[str, float, float], ...] = (
    ("the lowest fifth", 0.0, 0.2),
    ("the lower half", 0.0, 0.5),
    ("the upper half", 0.5, 1.0),
    ("the top fifth", 0.8, 1.0),
)
"""Parts of the places by rank of an attribute, in words and as shares."""

MOST_SUBSETS = 20_000
FEWEST_UNITS = 5


@dataclass(frozen=True, eq=False)
class Condition:
    """One attribute in one part of its range.

    Parameters
    ----------
    attribute : str
    part : str
        Such as ``"the top fifth"``.
    low, high : float
        Ends of the attribute's values in it.
    held : array of bool, shape (n_units,)
    """

    attribute: str
    part: str
    low: float
    high: float
    held: Bools

    def sentence(self) -> str:
        """In words."""
        return f"{in_words(self.attribute)} in {self.part}"


@dataclass(frozen=True, eq=False)
class Subsets:
    """Conjunctions that hold for some places.

    Parameters
    ----------
    conditions : tuple of Condition
    of : tuple of tuple of int
        The conditions of each subset.
    member : array of bool, shape (n_subsets, n_units)
        No two rows are the same: of equal ones the one with the fewest conditions is kept.
    """

    conditions: tuple[Condition, ...]
    of: tuple[tuple[int, ...], ...]
    member: Bools

    def __len__(self) -> int:
        return len(self.of)

    def sentence(self, i: int) -> str:
        """A subset in words."""
        return listed([self.conditions[k].sentence() for k in self.of[i]])


def conditions(attributes: Mapping[str, npt.ArrayLike], n: int) -> tuple[Condition, ...]:
    """The fifths and halves of each attribute, by values that mark them off.

    Ties stay together: a part holds every place up to its end's value, so that it may be larger than its name says.
    What would then hold everywhere, or in fewer than 5 places, is left out.

    Raises
    ------
    UsageError
        An attribute has not one number a place.
    DataError
        Numbers are missing: such a place would fall out of every condition without a word.
    """
    made = []
    for name, given in attributes.items():
        values = np.asarray(given, dtype=float)
        if values.shape != (n,):
            msg = f"attribute {name!r} of shape {values.shape} was given for {n} places"
            raise UsageError(msg, hint="one number a place")
        if not np.isfinite(values).all():
            msg = f"attribute {name!r} is unknown in {int((~np.isfinite(values)).sum())} of {n} places"
            raise DataError(msg, hint="leave the attribute or those places out, and say so")
        for part, low, high in PARTS:
            ends = np.quantile(values, [low, high])
            held = (values >= ends[0]) & (values <= ends[1])
            if FEWEST_UNITS <= held.sum() < n:
                made.append(Condition(str(name), part, float(ends[0]), float(ends[1]), held))
    return tuple(made)


def subsets(attributes: Mapping[str, npt.ArrayLike], *, n: int, depth: int = 2) -> Subsets:
    """All conjunctions of up to `depth` conditions on different attributes that hold in at least 5 places.

    Parameters
    ----------
    attributes : mapping of str to array of float, shape (n_units,)
    n : int
        Places.
    depth : int
        From 1 to 3.

    Raises
    ------
    UsageError
        The depth is out of range, or there would be more than 20,000 subsets.
    DataError
        As `conditions`.
    """
    if not 1 <= depth <= 3:
        msg = f"conjunctions of {depth} conditions were asked for; expected 1, 2 or 3"
        raise UsageError(msg, hint="depth=2")
    single = conditions(attributes, n)
    of: list[tuple[int, ...]] = []
    rows: list[Bools] = []
    seen: set[bytes] = set()
    for k in range(1, depth + 1):
        for picked in combinations(range(len(single)), k):
            if len({single[i].attribute for i in picked}) < k:
                continue
            held = np.logical_and.reduce([single[i].held for i in picked])
            key = np.packbits(held).tobytes()
            if held.sum() < FEWEST_UNITS or key in seen:
                continue
            if len(of) == MOST_SUBSETS:
                msg = f"{len(attributes)} attributes give more than {MOST_SUBSETS:,} subsets"
                raise UsageError(msg, hint="look at fewer attributes, or depth=2")
            seen.add(key)
            of.append(picked)
            rows.append(held)
    member = np.array(rows, dtype=bool) if rows else np.zeros((0, n), dtype=bool)
    return Subsets(single, tuple(of), member)
