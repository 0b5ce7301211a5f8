"""Small numbers in tables of counts: hidden, and hidden so that totals don't give them away.

A table of reports by area and kind can tell about someone when a number is small. Numbers from 1 to below
the threshold are hidden (primary suppression). A single hidden number in a row or a column follows from
its total, so others are hidden with it (secondary, or complementary, suppression).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import DataError, UsageError
from peelian.privacy.flows import Arc, protect

__all__ = ["HIDDEN", "Suppressed", "suppress"]

Ints = npt.NDArray[np.int64]
Totals = Literal["columns", "rows", "both", "none"]

#: Marker of a number that is hidden to protect another; it is at least the threshold unless `Suppressed.vague`.
HIDDEN = "hidden"


@dataclass(frozen=True, eq=False)
class Suppressed:
    """A table with its small numbers hidden.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table; in the count columns numbers are integers, and markers text (``"<5"`` or ``"hidden"``).
    log : pandas.DataFrame
        For the record, not for readers: ``kind`` tells what a vague marker must not. One line for each hidden
        number, without the number: ``row`` (index label), ``column``, ``kind`` (primary or secondary),
        ``marker``, and ``protects`` (the primary one that a secondary one was hidden for, as
        ``"row / column"``).
    threshold : int
    vague : bool
        Some numbers below the threshold, or zeros, had to be marked ``"hidden"`` too, since the markers
        would have given them away: then that marker tells nothing of a number's size.
    """

    frame: pd.DataFrame
    log: pd.DataFrame
    threshold: int
    vague: bool = False

    @property
    def marker(self) -> str:
        """What stands for a number from 1 to below the threshold."""
        return f"<{self.threshold}"

    @property
    def note(self) -> str:
        """What to print under the table."""
        if self.log.empty:
            return f"No number in this table is from 1 to {self.threshold - 1}; nothing is hidden."
        marked = int((self.log["marker"] == HIDDEN).sum())
        text = f"Numbers from 1 to {self.threshold - 1} are shown as {self.marker} ({len(self.log) - marked} here)."
        if marked:
            size = "numbers of any size" if self.vague else "larger numbers"
            text += f" {HIDDEN!r} stands for {size} ({marked} here) that would give a small one away through a total."
        return text

    def to_dict(self) -> dict[str, Any]:
        """As plain values for readers: no hidden number, and nothing that the markers don't tell."""
        table = self.frame.reset_index().astype(object)
        rows = [{str(k): _plain(v) for k, v in row.items()} for row in table.to_dict("records")]
        told = self.log[["row", "column", "marker"]].to_dict("records")
        log = [{str(k): _plain(v) for k, v in row.items()} for row in told]
        return {"threshold": self.threshold, "note": self.note, "rows": rows, "hidden": log}

    def _repr_html_(self) -> str:
        return f"{self.frame.to_html()}<p>{self.note.replace('<', '&lt;')}</p>"


def suppress(
    table: pd.DataFrame,
    *,
    threshold: int,
    counts: Sequence[str],
    totals: Totals | None = None,
    total_row: Hashable | None = None,
    total_column: str | None = None,
) -> Suppressed:
    """Hide small counts, and as many others as it takes that none of them follows from a total.

    Parameters
    ----------
    table : pandas.DataFrame
        One row for each area, say. It is not changed; columns other than the counts are kept as they are.
    threshold : int
        Counts from 1 to ``threshold - 1`` are hidden; at least 3. A zero is shown: it is about no one.
    counts : sequence of str
        The columns with counts, which add up to a row's total; without `total_column`.
    totals : {"columns", "rows", "both", "none"}, optional
        Which sums a reader may know, here or from elsewhere: of each count column over the rows, of each
        row over the count columns, or both. When it is not given, all that there can be: of columns, and
        of rows where there is more than one count column. Say ``"none"`` only if no sum is ever published.
    total_row : index label, optional
        The row of the table that holds the columns' sums. Its numbers may be hidden too.
    total_column : str, optional
        The column of the table that holds the rows' sums. Its numbers may be hidden too.

    Returns
    -------
    Suppressed

    Raises
    ------
    UsageError
        A column or row is not there, or an argument is out of range.
    DataError
        A count is no whole number of at least 0, a total is not the sum, or a count can't be protected
        because a total outside the table gives it away.

    Notes
    -----
    A reader who knows the markers' meaning and every total can still find bounds of a hidden number, but
    never the number: at least two values fit all that is shown. Where no choice of larger numbers achieves
    this, a small number or a zero is marked ``"hidden"`` as well, and that marker then tells nothing of size.

    That holds for this table alone. Two tables of the same reports (last week's and this week's, by area and
    by kind) must be suppressed together or told apart, and shares, rates and maps must be made from the
    suppressed table. Cox (1980), Suppression methodology and statistical disclosure control, Journal of the
    American Statistical Association 75; Hundepool et al. (2012), Statistical Disclosure Control, Wiley.
    """
    counts = [counts] if isinstance(counts, str) else list(counts)
    _check(table, threshold, counts, total_row, total_column)
    rows_known, columns_known = _known(totals, counts, total_row, total_column)
    values = _Values.of(table, counts, total_row, total_column)
    arcs, places = _network(values, rows_known=rows_known, columns_known=columns_known)
    for arc in arcs:
        if not arc.fixed and 0 < arc.value < threshold:
            arc.hidden, arc.low, arc.high = True, 1, threshold - 1
    primary = [i for i, arc in enumerate(arcs) if arc.hidden]
    added, bare = protect(arcs, threshold=threshold)
    if bare:
        row, column = places[bare[0]]
        msg = f"{len(bare)} small counts, such as {column} of {row}, follow from a total whatever else is hidden"
        hint = "put the totals into the table (total_row=, total_column=) so that they can be hidden, or merge rows"
        raise DataError(msg, hint=hint)
    return _marked(table, arcs, places, primary, added, threshold)


@dataclass(frozen=True, eq=False)
class _Values:
    """Counts as integers, apart from the totals.

    Shapes: `inside` (rows, columns), `of_rows` (rows,), `of_columns` (columns,); `in_table` says which
    totals are numbers of the table.
    """

    inside: Ints
    rows: list[Hashable]
    columns: list[str]
    total_row: Hashable | None
    total_column: str | None

    @classmethod
    def of(
        cls, table: pd.DataFrame, counts: list[str], total_row: Hashable | None, total_column: str | None
    ) -> _Values:
        numbers = _whole(table[[*counts, *([total_column] if total_column is not None else [])]])
        body = numbers if total_row is None else numbers.drop(index=total_row)
        inside = body[counts].to_numpy(dtype=np.int64)
        made = cls(inside, list(body.index), counts, total_row, total_column)
        if total_column is not None:
            _same(body[total_column].to_numpy(dtype=np.int64), inside.sum(axis=1), made.rows, total_column)
        if total_row is not None:
            last = numbers[numbers.index == total_row].iloc[0]
            _same(last[counts].to_numpy(dtype=np.int64), inside.sum(axis=0), counts, total_row)
            if total_column is not None:
                _same(np.array([last[total_column]]), np.array([inside.sum()]), [total_row], total_column)
        return made


def _network(
    values: _Values, *, rows_known: bool, columns_known: bool
) -> tuple[list[Arc], list[tuple[Hashable, str]]]:
    """Arcs of the table, and the row and column of each. Nodes whose sums no reader knows are one, number 0."""
    n, m = values.inside.shape
    row = [1 + i if rows_known else 0 for i in range(n)]
    column = [1 + n + j if columns_known else 0 for j in range(m)]
    both = rows_known and columns_known
    under, beside = (1 + n + m, 2 + n + m) if both else (0, 0)
    arcs = [Arc(row[i], column[j], int(values.inside[i, j])) for i in range(n) for j in range(m)]
    places: list[tuple[Hashable, str]] = [(r, c) for r in values.rows for c in values.columns]
    if columns_known:
        fixed = values.total_row is None
        arcs += [Arc(column[j], under, int(values.inside[:, j].sum()), fixed) for j in range(m)]
        places += [(values.total_row, c) for c in values.columns]
    if rows_known:
        fixed, name = values.total_column is None, values.total_column or ""
        arcs += [Arc(beside, row[i], int(values.inside[i].sum()), fixed) for i in range(n)]
        places += [(r, name) for r in values.rows]
    if both:
        fixed = values.total_row is None or values.total_column is None
        arcs.append(Arc(under, beside, int(values.inside.sum()), fixed))
        places.append((values.total_row, values.total_column or ""))
    return arcs, places


def _marked(
    table: pd.DataFrame,
    arcs: list[Arc],
    places: list[tuple[Hashable, str]],
    primary: list[int],
    added: list[tuple[int, int]],
    threshold: int,
) -> Suppressed:
    frame = table.copy()
    shown = sorted({column for _, column in places if column}, key=list(table.columns).index)
    for column in shown:
        frame[column] = pd.Series([int(v) for v in table[column]], index=table.index, dtype=object)
    small = [f"<{threshold}" if arcs[i].high is not None else HIDDEN for i in primary]
    lines = [(*places[i], "primary", marker, "") for i, marker in zip(primary, small, strict=True)]
    lines += [(*places[i], "secondary", HIDDEN, "{} / {}".format(*places[for_])) for i, for_ in added]
    for row, column, _, marker, _ in lines:
        frame.at[row, column] = marker
    vague = any(arc.hidden and arc.low == 0 for arc in arcs)
    log = pd.DataFrame(lines, columns=["row", "column", "kind", "marker", "protects"])
    return Suppressed(frame, log, threshold, vague)


def _known(
    totals: Totals | None, counts: list[str], total_row: Hashable | None, total_column: str | None
) -> tuple[bool, bool]:
    """Whether row sums and column sums are known to a reader."""
    if totals is None:
        totals = "both" if len(counts) > 1 else "columns"
    if totals not in ("columns", "rows", "both", "none"):
        msg = f"totals={totals!r} was given; expected columns, rows, both or none"
        raise UsageError(msg)
    rows_known = totals in ("rows", "both") or total_column is not None
    columns_known = totals in ("columns", "both") or total_row is not None
    return rows_known, columns_known


def _check(
    table: pd.DataFrame,
    threshold: int,
    counts: list[str],
    total_row: Hashable | None,
    total_column: str | None,
) -> None:
    if threshold != int(threshold) or threshold < 3:
        msg = f"a threshold of {threshold} was given; expected a whole number of at least 3"
        raise UsageError(msg, hint="below 3 the marker itself would tell the number; 5 is usual")
    wanted = [*counts, *([] if total_column is None else [total_column])]
    missing = [name for name in wanted if name not in table.columns]
    if not counts or missing or len(set(wanted)) < len(wanted):
        msg = f"counts {counts} and total column {total_column!r} were given for the columns {list(table.columns)}"
        raise UsageError(msg, hint="name each count column once, and leave the total out of counts")
    if not table.index.is_unique or not table.columns.is_unique:
        msg = "the table has two rows or two columns of the same name"
        raise UsageError(msg, hint="set the index to what names a row: table.set_index('area_id')")
    if total_row is not None and total_row not in table.index:
        msg = f"the total row {total_row!r} is not in the table's index"
        raise UsageError(msg, hint="give its index label, such as total_row='Total'")


def _whole(numbers: pd.DataFrame) -> pd.DataFrame:
    try:
        given = numbers.to_numpy(dtype=float)
    except (TypeError, ValueError):
        msg = f"the columns {', '.join(numbers.columns)} hold what is no number; expected counts"
        raise DataError(msg, hint="suppress counts before anything is made from them") from None
    if not np.all(np.isfinite(given) & (given >= 0) & (given == np.floor(given))):
        msg = (
            f"the columns {', '.join(numbers.columns)} hold numbers that are no counts; expected 0, 1, 2 ..."
        )
        raise DataError(msg, hint="suppress counts before shares and rates are made from them")
    return pd.DataFrame(given.astype(np.int64), index=numbers.index, columns=numbers.columns)


def _same(given: Ints, sums: Ints, names: Sequence[Hashable], total: Hashable) -> None:
    wrong = np.flatnonzero(given != sums)
    if wrong.size:
        i = int(wrong[0])
        msg = f"the total {total!r} is {given[i]} for {names[i]!r}, where the counts add up to {sums[i]}"
        raise DataError(msg, hint="leave the total out, or make it from these counts")


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if value is pd.NA or value is pd.NaT or value != value else value
