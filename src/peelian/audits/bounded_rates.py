"""Rates of groups where some of what happened, or to whom, is not known: bounded, and never left out.

An alert that nobody adjudicated is taken as right for the lower end of a rate and as false for the upper one; a row
without a group as of another group, or of this one (Horowitz and Manski 1995, Identification and robustness with
contaminated and corrupted data, Econometrica 63). The interval runs from the lower end of the interval of the first to
the upper end of that of the second, so that it holds wherever the truth lies between.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.clustered import Rate, Tally, clustered_rate, design_effect
from peelian.audits.rate_ratios import for_all

__all__ = [
    "ALL",
    "FEWEST",
    "Bounded",
    "GroupRate",
    "Scenarios",
    "breakdowns",
    "cells",
    "label",
    "members",
    "rows_tally",
    "shares",
]

Bools = npt.NDArray[np.bool_]

ALL = "all"

FEWEST = 10
"""A rate of fewer cases says nothing, and may say it about someone."""

FEW_EVENTS = 5
"""With fewer events a group's own clusters can't be told; those of all groups together are reckoned with."""


@dataclass(frozen=True)
class Bounded:
    """A rate whose interval also spans what is not known.

    Parameters
    ----------
    value : float or None
        With what is not known taken to be like what is.
    low, high : float or None
        The lower end if all that is unknown is in favour, and the upper end if all is against.
    wide_low, wide_high : float or None
        The same at the level that holds for all groups at once.
    least, most : float or None
        The value itself in either case.
    events, cases, unknown : float
        Of the group for certain; unknown are cases that nobody adjudicated or that may be of the group.
    effect : float
        Design effect.
    deployments, tokens : int
    why : tuple of str
        Why there is no number.
    """

    value: float | None
    low: float | None
    high: float | None
    wide_low: float | None
    wide_high: float | None
    least: float | None
    most: float | None
    events: float
    cases: float
    unknown: float
    effect: float = 1.0
    deployments: int = 0
    tokens: int = 0
    why: tuple[str, ...] = ()

    @classmethod
    def none(cls, *why: str, events: float = 0.0, cases: float = 0.0, unknown: float = 0.0) -> Bounded:
        """No number, and why."""
        return cls(None, None, None, None, None, None, None, events, cases, unknown, why=why)


@dataclass(frozen=True, eq=False)
class Scenarios:
    """What is known of a group, and the two extremes of what is not.

    Parameters
    ----------
    value : float or None
        With what is not known taken to be like what is.
    favour, against : Tally
    events, cases, unknown : float
        See `Bounded`.
    """

    value: float | None
    favour: Tally
    against: Tally
    events: float
    cases: float
    unknown: float

    @property
    def few(self) -> bool:
        """Whether there are too few events, at either extreme, for an approximation."""
        return min(self.favour.events, self.against.events) < FEW_EVENTS

    def bounded(self, *, level: float, groups: int, pooled: float, what: str) -> Bounded:
        """The rate with its ends.

        Parameters
        ----------
        level : float
        groups : int
            How many groups are compared.
        pooled : float
            Design effect of all groups together, for a group with few events.
        what : str
            What the cases are, in the plural.
        """
        counts = {"events": self.events, "cases": self.cases, "unknown": self.unknown}
        if self.cases < FEWEST:
            n = f"{self.cases:g}" if self.cases else "no"
            return Bounded.none(f"There are {n} {what} of it; {FEWEST} are the fewest for a rate.", **counts)
        low, high = (_rate(tally, level, pooled) for tally in (self.favour, self.against))
        sure = for_all(level, groups)
        wide_low, wide_high = (_rate(tally, sure, pooled) for tally in (self.favour, self.against))
        unsaid = (f"The truth of none of these {what} is known: bounds only.",) if self.value is None else ()
        return Bounded(
            self.value,
            low.low,
            high.high,
            wide_low.low,
            wide_high.high,
            low.value,
            high.value,
            **counts,
            effect=max(low.effect, high.effect),
            deployments=high.deployments,
            tokens=high.tokens,
            why=unsaid,
        )


def _rate(tally: Tally, level: float, pooled: float) -> Rate:
    return clustered_rate(tally, level=level, effect=pooled if tally.events < FEW_EVENTS else 1.0)


@dataclass(frozen=True, eq=False)
class GroupRate:
    """The rate of one group.

    Parameters
    ----------
    group : str
        Its values, with a comma between.
    made : Bounded
    scenarios : Scenarios, optional
        What it was made from; None where there is no number.
    """

    group: str
    made: Bounded
    scenarios: Scenarios | None = None


def breakdowns(attributes: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Everyone, then by each attribute, by each pair, and by all three."""
    return [c for k in range(len(attributes) + 1) for c in itertools.combinations(attributes, k)]


def cells(tables: list[pd.DataFrame], by: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The combinations of values that occur in any of the tables, without those that are not known."""
    if not by:
        return [()]
    found = {
        tuple(str(v) for v in row)
        for table in tables
        if set(by) <= set(table.columns)
        for row in table[list(by)].drop_duplicates().itertuples(index=False)
    }
    return sorted(cell for cell in found if all(cell))


def label(cell: tuple[str, ...]) -> str:
    """A group in words."""
    return ", ".join(cell) or ALL


def members(table: pd.DataFrame, by: tuple[str, ...], cell: tuple[str, ...]) -> tuple[Bools, Bools]:
    """Rows of that group, and those that may be of it since something is not known of them."""
    sure = np.ones(len(table), dtype=bool)
    may = np.ones(len(table), dtype=bool)
    for name, value in zip(by, cell, strict=True):
        held = table[name].to_numpy(dtype=str) if name in table else np.full(len(table), "")
        sure &= held == value
        may &= (held == value) | (held == "")
    return sure, may & ~sure


def rows_tally(table: pd.DataFrame, event: Bools, member: Bools) -> Tally:
    """Of rows with ``deployment`` and, where known, ``token``."""
    token = (
        table["token"].fillna(-1).to_numpy(dtype=np.int64) if "token" in table else np.full(len(table), -1)
    )
    return Tally.of(event[member], table["deployment"].to_numpy(dtype=np.int64)[member], token[member])


def shares(
    table: pd.DataFrame,
    state: npt.ArrayLike,
    event: str,
    by: tuple[str, ...],
    *,
    level: float,
    what: str,
    among: npt.ArrayLike | None = None,
) -> Iterator[GroupRate]:
    """The share of rows in a state, group by group.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``deployment``, and where known ``token`` and groups.
    state : array of str, shape (len(table),)
        ``"unknown"`` where it is not known; anything else than `event` is no event.
    event : str
    by : tuple of str
        Attributes.
    level : float
    what : str
        What the rows are, in the plural.
    among : array of str, shape (len(table),), optional
        ``"yes"`` for rows that the share is of, ``"unknown"`` for those that may be; all when not given.

    Yields
    ------
    GroupRate
    """
    said = np.asarray(state, dtype=str)
    held = np.full(len(table), "yes") if among is None else np.asarray(among, dtype=str)
    happened, unknown = said == event, said == "unknown"
    groups = cells([table], by)
    pooled = design_effect(rows_tally(table, happened, held == "yes"), level=level)
    for cell in groups:
        in_group, may_be = members(table, by, cell)
        sure = in_group & (held == "yes")
        may = (in_group | may_be) & (held != "no") & ~sure
        known = float((sure & ~unknown).sum())
        scenarios = Scenarios(
            float((happened & sure).sum()) / known if known else None,
            # In favour, those who may be of the group add cases and no events; against, events alone.
            rows_tally(table, happened & ~may, sure | (may & ~happened)),
            rows_tally(table, happened | unknown, sure | (may & (happened | unknown))),
            float((happened & sure).sum()),
            float(sure.sum()),
            float((sure & unknown).sum() + may.sum()),
        )
        made = scenarios.bounded(level=level, groups=len(groups), pooled=pooled, what=what)
        yield GroupRate(label(cell), made, scenarios)
