"""Manner of incidents: how something was done, as codes. Text and names are refused, missing is a level of its own.

The codes come as a table with one row an incident and one column a field, such as way of entry or kind of goods taken.
No field may be about a person, and what looks like free text or like an identifier is not a code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import DataError, UsageError
from peelian.records.sources.mapping import person_word

__all__ = ["Manner", "encode_manner"]

LONGEST = 60
"""Characters of a code; what is longer is text."""

ENOUGH = 20
"""Values from which on it can be said that nearly all of them differ."""

DISTINCT = 0.8
"""Share of values that differ from all others, above which a column holds identifiers or text."""

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Manner:
    """Coded manner of n incidents.

    Attributes
    ----------
    fields, numbers : tuple of str
        Names of the fields with codes, and of those with numbers.
    levels : tuple of tuple of str
        Codes of each field in `fields`, by what stands for them.
    codes : array of int32, shape (fields, n)
        Index into `levels`; -1 is missing, and -2 a code that `levels` doesn't have, equal to no other.
    values : array of float, shape (numbers, n)
        NaN is missing.
    """

    fields: tuple[str, ...]
    numbers: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    codes: Ints
    values: Floats

    def shares(self, field: int) -> Floats:
        """Share of each code among the incidents where the field is known, shape (levels,)."""
        known = self.codes[field]
        counts = np.bincount(known[known >= 0], minlength=len(self.levels[field])).astype(np.float64)
        shares: Floats = counts / max(1.0, counts.sum())
        return shares


def encode_manner(
    manner: pd.DataFrame | None,
    ids: npt.NDArray[np.object_],
    *,
    numeric: Sequence[str] = (),
    fields: Sequence[str] | None = None,
    levels: Sequence[Sequence[str]] | None = None,
) -> Manner:
    """Turn a table of codes into numbers, in the order of the incidents.

    Parameters
    ----------
    manner : pandas.DataFrame, optional
        One row an incident, its index the incidents' ids, its columns the fields. An incident without a row has all
        its fields missing.
    ids : array of str, shape (n,)
        Ids of the incidents.
    numeric : sequence of str
        Columns that hold numbers, of which the difference counts. All others are codes that are the same or not.
    fields, levels : optional
        Fields with codes and their levels as a model knows them; found in the table if not given.

    Raises
    ------
    DataError
        A column is about a person, looks like text or identifiers, or isn't there; an incident has two rows; or no
        row is about any of the incidents.
    UsageError
        A numeric column is not in the table.
    """
    if manner is None or manner.shape[1] == 0:
        wanted = [*(fields or ()), *numeric]
        if wanted:
            msg = f"no manner was given; expected a table with the columns {', '.join(wanted)}"
            raise DataError(msg, hint="give the table that the model was fitted with, for these incidents")
        return Manner((), (), (), np.empty((0, ids.size), np.int32), np.empty((0, ids.size)))
    table = _aligned(manner, ids)
    absent = [name for name in [*numeric, *(fields or ())] if name not in table.columns]
    if absent:
        msg = f"columns {', '.join(absent)} were asked for, but the manner has {', '.join(table.columns)}"
        raise UsageError(msg, hint="name columns of the table")
    named = [name for name in table.columns if name not in numeric] if fields is None else list(fields)
    columns = [_codes(name, table[name]) for name in named]
    known = (
        [tuple(sorted(set(c.dropna()))) for c in columns] if levels is None else [tuple(v) for v in levels]
    )
    codes = np.full((len(named), ids.size), -1, np.int32)
    for k, (column, level) in enumerate(zip(columns, known, strict=True)):
        at = pd.Index(level).get_indexer(pd.Index(column.to_numpy(dtype=object)))
        codes[k] = np.where(column.isna().to_numpy(), -1, np.where(at < 0, -2, at))
    values = [_numbers(name, table[name]) for name in numeric]
    stacked = np.array(values, dtype=np.float64).reshape(len(values), ids.size)
    return Manner(tuple(named), tuple(numeric), tuple(known), codes, stacked)


def _aligned(manner: pd.DataFrame, ids: npt.NDArray[np.object_]) -> pd.DataFrame:
    table = manner.copy(deep=False)
    table.columns = [str(name) for name in table.columns]
    table.index = table.index.astype(str)
    for name in table.columns:
        word = person_word(name)
        if word is not None:
            msg = f"the column {name} of the manner says {word!r}; expected codes of how something was done"
            raise DataError(msg, hint=f"drop the column {name}: nothing about persons is taken")
    twice = table.index[table.index.duplicated()]
    if len(twice):
        msg = f"{len(set(twice))} incidents have more than one row in the manner, such as {twice[0]}"
        raise DataError(msg, hint="one row an incident, with the incidents' ids as the index")
    if ids.size and not bool(table.index.isin(ids).any()):
        msg = f"no row of the manner is about one of the {ids.size:,} incidents; it begins with {table.index[0]!r}"
        raise DataError(msg, hint="manner.set_index(...) with the ids of the incidents")
    return table.reindex(ids)


def _codes(name: str, column: pd.Series) -> pd.Series:
    """The codes as text (None is missing), or a DataError where they are no codes."""
    known = column.dropna()
    if pd.api.types.is_float_dtype(known.dtype) and bool((known % 1 == 0).all()):
        known = known.astype("int64")
    text = known.astype(str).str.strip()
    text = text[text != ""]
    longest = int(text.str.len().max()) if len(text) else 0
    if longest > LONGEST:
        msg = (
            f"the column {name} has values of up to {longest} characters; expected codes of at most {LONGEST}"
        )
        raise DataError(msg, hint=f"leave {name} out, or put a code in place of the text")
    distinct = text.nunique()
    if len(text) >= ENOUGH and distinct > DISTINCT * len(text):
        msg = (
            f"the column {name} has {distinct:,} values in {len(text):,} incidents; expected codes that recur"
        )
        raise DataError(
            msg, hint=f"leave {name} out: what is nearly always different is a name or a text, not a code"
        )
    return text.astype(object).reindex(column.index)


def _numbers(name: str, column: pd.Series) -> Floats:
    values = pd.to_numeric(column, errors="coerce")
    bad = int((values.isna() & column.notna()).sum())
    if bad:
        msg = f"the numeric column {name} has {bad} values that are no numbers"
        raise DataError(msg, hint=f"leave {name} out of numeric: its values then count as codes")
    out = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = out[np.isfinite(out)]
    whole = bool((known == np.floor(known)).all())
    if (
        known.size >= ENOUGH
        and whole
        and np.unique(known).size > DISTINCT * known.size
        and known.max() >= 1e6
    ):
        msg = f"the column {name} has a number of its own for nearly every incident, up to {known.max():.0f}"
        raise DataError(msg, hint=f"leave {name} out: it is an identifier, not a measure")
    return np.where(np.isfinite(out), out, np.nan)
