"""Counts as the public may see them: small ones hidden, and others with them where a total would give them away."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from peelian.privacy import HIDDEN, suppress
from peelian.publish.words import number

__all__ = ["Published", "hide_small"]

TOTAL = "total"


@dataclass(frozen=True)
class Published:
    """Reported incidents by area, as published.

    Parameters
    ----------
    ids, names : tuple of str
        Of the areas.
    shown : tuple of int or str
        A number, or what stands in its place: ``"<5"`` for a small one, ``"hidden"`` for one that would give a small
        one away.
    total : int or str
        Of all areas.
    threshold : int
        Numbers from 1 to one under it are small.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    shown: tuple[int | str, ...]
    total: int | str
    threshold: int

    @property
    def known(self) -> dict[str, float | None]:
        """Area id to its number; None where it is hidden."""
        return {i: v if isinstance(v, int) else None for i, v in zip(self.ids, self.shown, strict=True)}

    def said(self, value: int | str) -> str:
        """A number or its marker, in words."""
        if isinstance(value, str) and value != HIDDEN:
            return f"fewer than {self.threshold}"
        return number(value)


def hide_small(reported: pd.DataFrame, *, threshold: int) -> Published:
    """Hide what the public may not see of ``area_id``, ``name``, ``reported``; nothing hidden is kept.

    Raises
    ------
    DataError
        A count is no whole number of at least 0.
    """
    whole = pd.DataFrame({"reported": [*reported["reported"], reported["reported"].sum()]})
    whole.index = pd.Index([*range(len(reported)), TOTAL], dtype=object)
    found = suppress(whole, threshold=threshold, counts=["reported"], total_row=TOTAL)
    shown = [v if isinstance(v, str) else int(v) for v in found.frame["reported"]]
    ids, names = (tuple(str(v) for v in reported[c]) for c in ("area_id", "name"))
    return Published(ids, names, tuple(shown[:-1]), shown[-1], threshold)
