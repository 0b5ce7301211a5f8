"""Suppressed tables against every table of whole numbers that fits what is shown: no algebra, only counting."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from peelian.errors import DataError
from peelian.privacy import HIDDEN, Suppressed, suppress

MOST = 9


def allowed(made: Suppressed, shown: object) -> list[int]:
    """The numbers that a shown number or a marker leaves open, up to a bound."""
    if shown == made.marker:
        return list(range(1, made.threshold))
    if shown == HIDDEN:
        return list(range(0 if made.vague else made.threshold, MOST + 1))
    assert isinstance(shown, int)
    return [shown]


def candidates(made: Suppressed, cells: list[tuple[str, str]], fits) -> list[tuple[int, ...]]:  # type: ignore[no-untyped-def]
    options = [allowed(made, made.frame.loc[r, c]) for r, c in cells]
    return [table for table in product(*options) if fits(dict(zip(cells, table, strict=True)))]


@pytest.mark.parametrize("values", list(product([0, 1, 2, 3, 5], repeat=3)), ids=str)
def test_every_column_of_three(values: tuple[int, ...]) -> None:
    rows = ["a", "b", "c"]
    made = suppress(pd.DataFrame({"n": values}, index=rows), threshold=3, counts=["n"])
    fitting = candidates(made, [(r, "n") for r in rows], lambda t: sum(t.values()) == sum(values))
    assert values in fitting
    for i, row in enumerate(rows):
        if isinstance(made.frame.loc[row, "n"], str):
            assert len({table[i] for table in fitting}) >= 2


@pytest.mark.parametrize("seed", range(40))
def test_tables_of_two_by_two_with_all_totals_known(seed: int) -> None:
    values = np.random.default_rng(seed).choice([0, 1, 2, 3, 4, 6], (2, 2))
    table = pd.DataFrame(values, index=["a", "b"], columns=["x", "y"])
    cells = [(r, c) for r in "ab" for c in "xy"]

    def fits(t: dict[tuple[str, str], int]) -> bool:
        rows = all(t[r, "x"] + t[r, "y"] == table.loc[r].sum() for r in "ab")
        return rows and all(t["a", c] + t["b", c] == table[c].sum() for c in "xy")

    try:
        made = suppress(table, threshold=4, counts=["x", "y"])
    except DataError:
        # Refused only where the totals alone, with every number hidden, give a small one away.
        tables = [t for t in product(range(MOST + 1), repeat=4) if fits(dict(zip(cells, t, strict=True)))]
        assert any(0 < v < 4 and len({t[i] for t in tables}) == 1 for i, v in enumerate(values.ravel()))
        return
    fitting = candidates(made, cells, fits)
    assert tuple(values.ravel()) in fitting
    for i, (row, column) in enumerate(cells):
        if isinstance(made.frame.loc[row, column], str):
            assert len({found[i] for found in fitting}) >= 2
