"""Tables that several parts of the page of the audit of the data share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from peelian.publish.charts import Table
from peelian.publish.words import interval, number, percent

__all__ = ["MOST", "area_table", "caption_of", "first_rows", "group_table", "unknown"]

Result = Mapping[str, Any]
Tables = Mapping[str, pd.DataFrame]
Rows = Sequence[Mapping[str, Any]]


MOST = 12
"""Rows of a table on the page; the run's tables have the others."""


def first_rows(tables: Tables, name: str, most: int = MOST) -> Rows:
    """The first rows of a table; none where there is no such table."""
    table = tables.get(name)
    if table is None:
        return []
    return table.head(most).to_dict("records")  # type: ignore[return-value]


def caption_of(tables: Tables, name: str, caption: str, most: int = MOST) -> str:
    """A caption that says how many rows are left out, if any."""
    n = len(tables[name]) if name in tables else 0
    return f"{caption}: the first {most} of {number(n)}" if n > most else caption


def unknown(value: Any) -> bool:
    """Whether a value of a table is missing."""
    return value is None or bool(pd.isna(value))


def group_table(tables: Tables, name: str, caption: str) -> Markup | None:
    """A share where residents of each group live."""
    rows = [
        [
            str(r["group"]),
            number(r["residents"]),
            percent(r["value"], digits=1),
            "no interval" if unknown(r["low"]) else interval(100 * r["low"], 100 * r["high"], digits=1),
        ]
        for r in first_rows(tables, name)
    ]
    if not rows:
        return None
    columns = ("Where residents of this group live", "Residents", "Share of records", "95 % interval, %")
    return Table(columns, rows, ("", "n", "n", "n")).html(caption)


def area_table(tables: Tables, name: str, caption: str) -> Markup | None:
    """The areas with the largest share, of those with 100 records or more."""
    table = tables[name]
    rows = [
        [
            str(r["area"]),
            number(r["records"]),
            percent(r["share"]),
            interval(100 * r["low"], 100 * r["high"], digits=0),
        ]
        for r in table[table["records"] >= 100].head(MOST).to_dict("records")
    ]
    if not rows:
        return None
    caption = f"{caption}, of those with 100 records or more"
    return Table(("Area", "Records", "Share", "95 % interval, %"), rows, ("", "n", "n", "n")).html(caption)
