"""A table of published error rates by group, such as NIST's of face recognition algorithms, through the same ratios.

A vendor's own test or a laboratory's gives a rate for each group and no log. Such rates are rounded, and a rate of
0.0001 with four decimals can be half or half again as much: the ratios' intervals are of that rounding, since nothing
else is known of how sure a printed rate is.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from peelian.audits.base import Audit, plain_rows
from peelian.audits.finding import Finding, Threshold
from peelian.audits.match_fields import MOST_GROUPS, Field, check_values, shows_template_or_image
from peelian.audits.match_log import read_bytes
from peelian.audits.rate_ratios import max_geometric_mean, max_min
from peelian.audits.thresholds import keeps_within
from peelian.errors import DataError, UsageError
from peelian.records.sources.mapping import person_word

__all__ = ["LIMITS", "PublishedAudit", "published_audit", "read_published_rates"]

LIMITS = (
    "The interval is of rounding alone: how many comparisons a printed rate rests on is not in the table.",
    (
        "The rates are of a laboratory's images at a threshold that the laboratory set. In the street light, pose, "
        "crowds and the threshold are others."
    ),
    (
        "Rates of one image against one other (false match rates) are no rates of one face against a whole watch list, "
        "which grow with the list."
    ),
    "Algorithms that were handed in are no sample of those in use.",
    "Some of many algorithms do best by chance: who picks the one with the lowest ratio picks some luck too.",
)

MOST_ROWS = 5000
LISTED = 10
"""Rows that get findings of their own, unless some are asked for by name."""


@dataclass(frozen=True, eq=False)
class PublishedAudit(Audit):
    """What `published_audit` found.

    Parameters
    ----------
    table : pandas.DataFrame
        One row an algorithm: ``name``, the rate of each group, ``highest`` and ``lowest`` (groups), ``ratio`` and
        ``spread`` (highest to lowest, and to the geometric mean) with their ends.
    groups : tuple of str
    rounded : float
        Rates are rounded to a multiple of this.
    found : tuple of Finding
    summary : dict
        ``algorithms``, ``middle`` (median ratio), ``least``, ``most``, ``tenth`` and ``ninetieth``, ``apart``
        (algorithms whose ratio is above 1 whatever was rounded), ``over_two``, ``highest`` (how often each group has
        the highest rate, alone) and ``tied`` (how often several have it, as printed).
    """

    table: pd.DataFrame
    groups: tuple[str, ...]
    rounded: float
    found: tuple[Finding, ...]
    summary: Mapping[str, Any]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The median first, then single algorithms."""
        return self.found

    @property
    def limits(self) -> tuple[str, ...]:
        """What no such table can tell."""
        return LIMITS

    @property
    def frame(self) -> pd.DataFrame:
        """One row an algorithm."""
        return self.table

    def sentences(self) -> list[str]:
        """How far apart groups are in the middle algorithm, and which group has the highest rate how often."""
        one, k = self.summary, len(self.groups)
        n, top = one["algorithms"], max(one["highest"], key=lambda g: one["highest"][g])
        if n == 1:
            ratio = "has no end" if one["middle"] is None else f"is {one['middle']:.3g}"
            highest = "several have" if one["tied"] else f"{top} has"
            return [
                f"The ratio of the highest to the lowest of {k} groups' rates {ratio}; {highest} the highest."
            ]
        most = "without end" if one["most"] is None else f"{one['most']:,.4g}"
        middle = "more than any number" if one["middle"] is None else f"{one['middle']:.3g} times"
        apart, double = one["apart"], one["over_two"]
        tied = f"; in {one['tied']:,} several have it" if one["tied"] else ""
        return [
            (
                f"In the middle one of {n:,} algorithms the highest of {k} groups' rates is {middle} the lowest; the "
                f"least ratio is {one['least']:.3g} and the largest {most}."
            ),
            f"{top} has the highest rate in {one['highest'][top]:,} of {n:,}{tied}.",
            f"In {apart:,} the ratio is above 1 whatever was rounded off; in {double:,} it is 2 or more.",
        ]

    def to_dict(self) -> dict[str, Any]:
        """As plain values; the table's first and last rows by ratio (`frame` has them all)."""
        ends = (
            self.table
            if len(self.table) <= 2 * LISTED
            else pd.concat([self.table.head(LISTED), self.table.tail(LISTED)])
        )
        return {
            **super().to_dict(),
            "groups": list(self.groups),
            "rounded": self.rounded,
            "summary": {k: dict(v) if isinstance(v, Mapping) else v for k, v in self.summary.items()},
            "rows": plain_rows(ends),
        }


def read_published_rates(path: Path | str, *, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table of rates, CSV or Parquet: a column with what each row is of, and columns of rates by group.

    Returns
    -------
    pandas.DataFrame
        The first column of text as ``name``, and the columns of `groups` (see `published_audit`); nothing else.

    Raises
    ------
    DataError
        It is no such table; or it has a column that may hold an image or a template, rows that may be named after
        somebody, or columns that are no groups.
    UsageError
        There is no such file, or no such groups in it.
    """
    data = read_bytes(Path(path), _FILE)
    try:
        stored = data.startswith(b"PAR1")
        table = (
            pd.read_parquet(io.BytesIO(data)) if stored else pd.read_csv(io.BytesIO(data), index_col=False)
        )
    except (ValueError, OSError, UnicodeDecodeError, pd.errors.ParserError):
        msg = f"{_FILE} can't be read as a table"
        raise DataError(msg, hint="a CSV file with a line of column names, or Parquet") from None
    return _compared(table, groups)


_FILE = "the file of rates"
_NAMED = Field("name", "label", "a code of what each row is of, such as an algorithm and its version")
_GROUPS = Field("groups", "group", "columns of rates by group")


def _compared(table: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """The names of rows, and the columns to compare; everything else is left behind, metadata included."""
    for place, column in enumerate(table.columns, start=1):
        shows = shows_template_or_image(str(column))
        if shows is not None:
            msg = (
                f"column {place} of {_FILE} is refused: its name says {shows[0]!r}, so it may hold {shows[1]}"
            )
            raise DataError(
                msg, hint="a table of rates has a column for each group, and none for anything else"
            )
    held = _groups(table, groups)
    texts = [c for c in table.columns if not pd.api.types.is_numeric_dtype(table[c].dtype)]
    for place, column in enumerate(table.columns, start=1):
        if str(column) not in held and column not in texts[:1] and person_word(str(column)) is not None:
            msg = f"column {place} of {_FILE} is refused: its name says that it may tell who somebody is"
            raise DataError(
                msg, hint="leave it out: a table of rates has a column for each group, and a code for rows"
            )
    names = table[texts[0]].tolist() if texts else [f"row-{i + 1}" for i in range(len(table))]
    if not all(isinstance(name, str) for name in names):
        msg = f"the column of names of {_FILE} holds something else than text"
        raise DataError(msg, hint="a column that says what each row is of, such as the algorithm")
    check_values(pd.Series(names, dtype=object).drop_duplicates(), _NAMED, rows=len(table), file=_FILE)
    rates = {group: table[group].to_numpy(dtype=float, na_value=np.nan) for group in held}
    return pd.DataFrame({"name": pd.Series(names, dtype=object), **rates})


def _groups(table: pd.DataFrame, asked: Sequence[str]) -> tuple[str, ...]:
    """The columns to compare. No name of a column is in an error before it is known to be no name of somebody."""
    numbers = [str(c) for c in table.columns if pd.api.types.is_numeric_dtype(table[c].dtype)]
    held = tuple(asked) or _same(numbers)
    if not 2 <= len(held) <= MOST_GROUPS:
        msg = f"{len(held)} columns of rates were given; expected 2 to {MOST_GROUPS}, one for each group"
        raise UsageError(msg, hint="--groups A,B with the columns to compare")
    absent = sum(group not in numbers for group in held)
    if absent or len(set(held)) < len(held):
        wrong = (
            f"{absent} are not among its {len(numbers)} columns of numbers"
            if absent
            else "one is there twice"
        )
        msg = f"of the {len(held)} groups that were asked for {wrong}; expected columns of rates, each once"
        raise UsageError(msg, hint="--groups A,B with the columns to compare")
    check_values(pd.Series(held, dtype=object), _GROUPS, rows=2 * len(held), file=_FILE)
    return held


def published_audit(
    table: pd.DataFrame,
    *,
    groups: Sequence[str] = (),
    rows: Sequence[str] = (),
    rounded: float | None = None,
    thresholds: Mapping[str, Threshold] | None = None,
) -> PublishedAudit:
    """Audit published rates by group.

    Parameters
    ----------
    table : pandas.DataFrame
        One column of text, a code of what each row is of, and columns of rates.
    groups : sequence of str
        Columns to compare. When not given, all columns of numbers; of columns named in pairs as in NIST's tables
        (``MB_MW``: a man recorded as black against one recorded as white) those of a group with itself.
    rows : sequence of str
        Rows that get findings of their own; the first and last by ratio when not given.
    rounded : float, optional
        To a multiple of which rates are rounded; told from the decimals when not given.
    thresholds : mapping of str to Threshold, optional
        For ``false_positive_ratio`` and ``false_positive_spread``.

    Returns
    -------
    PublishedAudit

    Raises
    ------
    DataError
        Rates are missing, negative or no shares; or rows or columns are named as `read_published_rates` refuses.
    UsageError
        There are fewer than two groups, or a group or row is not in the table.
    """
    names, rates, held = _checked(_compared(table, groups))
    step = _step(rates) if rounded is None else float(rounded)
    if not 0 <= step < 1:
        msg = f"rates rounded to {step} were given; expected a step such as 0.0001"
        raise UsageError(msg)
    made = _ratios(names, rates, held, step)
    unknown = set(rows) - set(names)
    if unknown:
        msg = (
            f"{len(unknown)} of the rows that were asked for are not in the table; expected names of its rows"
        )
        raise UsageError(msg, hint=f"such as {', '.join(names[:5])}")
    summary = _summary(made, held)
    bounds = thresholds or {}
    wanted = made[made["name"].isin(rows)] if rows else _ends(made)
    found = [_middle(made, summary, bounds)] if len(made) > 1 else []
    found += [
        _finding(row, kind, bounds)
        for row in wanted.to_dict("records")
        for kind in ("false_positive_ratio", "false_positive_spread")
    ]
    return PublishedAudit(made, held, step, tuple(found), summary)


def _ends(made: pd.DataFrame) -> pd.DataFrame:
    if len(made) <= LISTED:
        return made
    return pd.concat([made.head(LISTED // 2), made.tail(LISTED // 2)])


def _checked(table: pd.DataFrame) -> tuple[list[str], np.ndarray[Any, Any], tuple[str, ...]]:
    held = tuple(str(c) for c in table.columns[1:])
    if not 0 < len(table) <= MOST_ROWS:
        msg = f"a table of {len(table):,} rows was given; expected 1 to {MOST_ROWS:,}"
        raise DataError(msg, hint="one row for each algorithm")
    rates = table[list(held)].to_numpy(dtype=float)
    wrong = ~np.isfinite(rates) | (rates < 0) | (rates > 1)
    if wrong.any():
        msg = f"{int(wrong.sum())} rates are missing or no shares between 0 and 1"
        raise DataError(msg, hint="leave out rows without a rate, and give percentages as shares")
    names = table["name"].tolist()
    if len(set(names)) < len(names):
        msg = "rows of the same name were given; expected a name of its own for each"
        raise DataError(msg)
    return names, rates, held


_PAIR = re.compile(r"([A-Za-z]+)_([A-Za-z]+)")


def _same(numbers: Sequence[str]) -> tuple[str, ...]:
    """Of columns named in pairs those of a group with itself; else all."""
    pairs = [_PAIR.fullmatch(name) for name in numbers]
    if pairs and all(pairs):
        same = tuple(p[0] for p in pairs if p is not None and p[1] == p[2])
        if len(same) >= 2:
            return same
    return tuple(numbers)


def _step(rates: np.ndarray[Any, Any]) -> float:
    """The step that all rates are multiples of: the fewest decimals that hold them."""
    for decimals in range(1, 13):
        if np.allclose(rates, np.round(rates, decimals), rtol=0, atol=10.0 ** -(decimals + 4)):
            return float(10.0**-decimals)
    return 0.0


def _ratios(
    names: Sequence[str], rates: np.ndarray[Any, Any], groups: tuple[str, ...], step: float
) -> pd.DataFrame:
    """Ordered by ratio, those without an upper end last."""
    low, high = np.maximum(rates - step / 2, 0.0), np.minimum(rates + step / 2, 1.0)
    rows: list[dict[str, Any]] = []
    for i, name in enumerate(names):
        row: dict[str, Any] = {"name": name, **dict(zip(groups, rates[i].tolist(), strict=True))}
        lowest, mean = (
            ratio(rates[i], low[i], high[i]) if step else ratio(rates[i])
            for ratio in (max_min, max_geometric_mean)
        )
        row |= {"highest": groups[lowest.highest], "lowest": groups[lowest.lowest]}
        row |= {"ratio": lowest.value, "ratio_low": lowest.low, "ratio_high": lowest.high}
        row |= {"spread": mean.value, "spread_low": mean.low, "spread_high": mean.high}
        rows.append(row)
    ends = ["ratio", "ratio_low", "ratio_high", "spread", "spread_low", "spread_high"]
    made = pd.DataFrame(rows).astype(dict.fromkeys(ends, float))
    order = np.lexsort((made["name"].to_numpy(dtype=str), made["ratio"].fillna(np.inf).to_numpy(dtype=float)))
    return made.iloc[order].reset_index(drop=True)


def _summary(made: pd.DataFrame, groups: tuple[str, ...]) -> dict[str, Any]:
    ratio = made["ratio"].fillna(np.inf).to_numpy(dtype=float)
    quantiles = np.quantile(ratio, [0.0, 0.1, 0.5, 0.9, 1.0]) if np.isfinite(ratio).all() else None
    if quantiles is None:
        ordered = np.sort(ratio)
        quantiles = np.array([ordered[int(q * (ratio.size - 1))] for q in (0.0, 0.1, 0.5, 0.9, 1.0)])
    names = ("least", "tenth", "middle", "ninetieth", "most")
    rates = made[list(groups)].to_numpy(dtype=float)
    tied = (rates == rates.max(axis=1, keepdims=True)).sum(axis=1) > 1
    return {
        "algorithms": len(made),
        **{n: float(q) if np.isfinite(q) else None for n, q in zip(names, quantiles, strict=True)},
        "apart": int((made["ratio_low"].fillna(made["ratio"]) > 1).sum()),
        "over_two": int((ratio >= 2 - 1e-9).sum()),
        "highest": {g: int(((made["highest"] == g) & ~tied).sum()) for g in groups},
        "tied": int(tied.sum()),
    }


def _middle(made: pd.DataFrame, summary: Mapping[str, Any], thresholds: Mapping[str, Threshold]) -> Finding:
    threshold = thresholds.get("false_positive_ratio")
    value = summary["middle"]
    within = None
    details: dict[str, Any] = {**summary, "highest": dict(summary["highest"])}
    if threshold is not None:
        kept = int((made["ratio"] <= threshold.value).sum())
        details["within"] = kept
        within = keeps_within("false_positive_ratio", value, threshold)
    return Finding(
        id="false_positive_ratio/published/median",
        measure="highest to lowest rate across groups",
        subject=f"the middle one of {len(made):,} algorithms; the interval holds 8 in 10 of them",
        value=value,
        low=summary["tenth"],
        high=summary["ninetieth"],
        level=0.8,
        threshold=threshold,
        passes=within,
        limits=("The interval is how far algorithms differ, and no confidence interval.",),
        details=details,
    )


def _finding(row: Mapping[Any, Any], measure: str, thresholds: Mapping[str, Threshold]) -> Finding:
    kind = "ratio" if measure == "false_positive_ratio" else "spread"
    value, low, high = (
        None if not np.isfinite(v) else float(v) for v in (row[kind], row[f"{kind}_low"], row[f"{kind}_high"])
    )
    threshold = thresholds.get(measure)
    words = (
        "highest to lowest rate" if kind == "ratio" else "highest rate to the geometric mean of all groups"
    )
    why = (
        []
        if value is not None
        else [f"The rate of {row['lowest']} is printed as 0, so that there is no ratio to it."]
    )
    return Finding(
        id=f"{measure}/{row['name']}/{row['highest']}",
        measure=words,
        subject=f"{row['name']}, {row['highest']} to {row['lowest']}",
        value=value,
        low=low,
        high=high,
        level=1.0,
        threshold=threshold,
        passes=keeps_within(measure, value, threshold),
        limits=(*why, "The interval is of rounding alone, and certain for it."),
        details={"name": row["name"], "highest": row["highest"], "lowest": row["lowest"]},
    )
