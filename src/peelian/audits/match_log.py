"""Reading the log of an agency's face matching: listed fields only, tokens and codes replaced by numbers.

`peelian.audits.match_fields` says which fields there are and what is refused. A file is refused as a whole: nothing of
a file with an image, a template or a name in it is kept, and no part of it is quoted, not even what it is called.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from peelian.audits.match_fields import (
    ALERTS,
    ATTRIBUTES,
    DEPLOYMENTS,
    FIRST_YEAR,
    LARGEST,
    PROBES,
    WATCH_LIST,
    Field,
    check_header,
    check_values,
)
from peelian.errors import DataError, UsageError

__all__ = ["MatchLog", "match_log", "read_bytes", "read_match_log"]

MOST_ROWS = 5_000_000

_TABLES = {"deployments": DEPLOYMENTS, "alerts": ALERTS, "probes": PROBES, "watch_list": WATCH_LIST}
"""In this order deployments are numbered."""

_FILES = {name: f"the file of {name.replace('_', ' ')}" for name in _TABLES}
"""What messages call a file: its own name may be somebody's, as those of photographs are."""

_NO_TABLE = (
    *(
        b"\xff\xd8\xff",
        b"\x89PNG",
        b"GIF8",
        b"BM",
        b"RIFF",
        b"II*\x00",
        b"MM\x00*",
        b"\x93NUMPY",
        b"\x80\x04",
    ),
    *(b"\x80\x05", b"PK\x03\x04", b"\x89HDF", b"%PDF", b"\x1f\x8b"),
)
"""How images, archives and stored arrays begin."""


@dataclass(frozen=True, eq=False)
class MatchLog:
    """A log of face matching without anyone in it.

    Parameters
    ----------
    alerts : pandas.DataFrame
        One row an alert, with the fields of `match_fields.ALERTS` that were given. ``deployment``, ``token``,
        ``reviewer`` and ``second_reviewer`` are numbers from 1 in the order in which they first came; a token that is
        missing is NA. In place of ``score`` there is ``under_threshold``, which is all that is asked of it.
    deployments : pandas.DataFrame, optional
        One row a deployment and combination of groups: ``seen``... None: faces seen were not given.
    probes, watch_list : pandas.DataFrame, optional
    """

    alerts: pd.DataFrame
    deployments: pd.DataFrame | None = None
    probes: pd.DataFrame | None = None
    watch_list: pd.DataFrame | None = None
    attributes: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        held = [name for name in ATTRIBUTES if name in self.alerts and (self.alerts[name] != "").any()]
        object.__setattr__(self, "attributes", tuple(held))

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables that there are; reading them again gives the same log."""
        held = {name: getattr(self, name) for name in _TABLES}
        return {name: table for name, table in held.items() if table is not None}


def read_match_log(
    alerts: Path | str,
    *,
    deployments: Path | str | None = None,
    probes: Path | str | None = None,
    watch_list: Path | str | None = None,
) -> MatchLog:
    """Read a log from CSV or Parquet files.

    Parameters
    ----------
    alerts : Path
        One row an alert.
    deployments : Path, optional
        Faces seen; without it nothing can be said per face seen.
    probes : Path, optional
        Passages of seeded volunteers; without it no false negative rate can be estimated.
    watch_list : Path, optional
        How many entries of each category and group.

    Raises
    ------
    DataError
        A file is no table, or it holds anything that is not on the list of fields (`match_fields`).
    UsageError
        There is no such file.
    """
    paths = {"deployments": deployments, "alerts": alerts, "probes": probes, "watch_list": watch_list}
    given = {name: _read(Path(path), name) for name, path in paths.items() if path is not None}
    return _build(given)


def match_log(
    alerts: pd.DataFrame,
    *,
    deployments: pd.DataFrame | None = None,
    probes: pd.DataFrame | None = None,
    watch_list: pd.DataFrame | None = None,
) -> MatchLog:
    """The same from tables in memory, by the same rules as `read_match_log`."""
    given = {"deployments": deployments, "alerts": alerts, "probes": probes, "watch_list": watch_list}
    held = {name: table for name, table in given.items() if table is not None}
    return _build({name: _as_text(table, _TABLES[name], _FILES[name]) for name, table in held.items()})


def _build(given: dict[str, pd.DataFrame]) -> MatchLog:
    made = {
        name: _typed(given[name], fields, _FILES[name]) for name, fields in _TABLES.items() if name in given
    }
    _number_together(list(made.values()), ("deployment",))
    _number_together([made["alerts"]], ("token",))
    _number_together([made["alerts"]], ("reviewer", "second_reviewer"))
    if "probes" in made:
        _number_together([made["probes"]], ("token",))
    _check_together(made)
    if "score" in made["alerts"]:
        made["alerts"] = _without_scores(made["alerts"], made.get("deployments"))
    return MatchLog(**made)


def _without_scores(alerts: pd.DataFrame, seen: pd.DataFrame | None) -> pd.DataFrame:
    """Whether each score was under the threshold in force, in place of the scores."""
    if "under_threshold" in alerts:
        msg = f"{_FILES['alerts']} has both score and under_threshold; expected one of them"
        raise DataError(msg, hint="leave one of them out")
    bound = alerts["threshold"] if "threshold" in alerts else pd.Series(np.nan, index=alerts.index)
    if seen is not None and "threshold" in seen:
        lowest = seen.groupby("deployment")["threshold"].min()
        bound = bound.fillna(alerts["deployment"].map(lowest).astype("float64"))
    known = bound.notna() & alerts["score"].notna()
    under = np.where(known, np.where(alerts["score"] < bound, "yes", "no"), "unknown")
    told = alerts.rename(columns={"score": "under_threshold"})
    told["under_threshold"] = _choice(pd.Series(under, dtype=object), _UNDER, _FILES["alerts"])
    return told


_UNDER = next(one for one in ALERTS if one.name == "under_threshold")


# --- files ---------------------------------------------------------------------------------------------------


def _read(path: Path, table: str) -> pd.DataFrame:
    """A file as text, its header and its kinds of columns checked before any value is looked at."""
    fields, name = _TABLES[table], _FILES[table]
    data = read_bytes(path, name)
    if data.startswith(_NO_TABLE) or (b"\x00" in data[:4096] and not data.startswith(b"PAR1")):
        msg = f"{name} is refused: it is an image, an archive or other binary file and no table"
        raise DataError(msg, hint="a CSV file with a line of column names, or Parquet")
    held = _parquet(data, fields, name) if data.startswith(b"PAR1") else _csv(data, name)
    return _as_text(held, fields, name)


def read_bytes(path: Path, name: str) -> bytes:
    """What is in a file; neither its path nor what it is called is in an error."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        msg = f"{name} was asked for, but there is no such file at the path that was given"
    except IsADirectoryError:
        msg = f"{name} was asked for, and the path that was given is a folder; expected a file"
    except OSError:
        msg = f"{name} can't be opened; expected one that may be read"
    raise UsageError(msg, hint="the path of a CSV or Parquet file")


def _parquet(data: bytes, fields: Sequence[Field], name: str) -> pd.DataFrame:
    """The header is checked on the schema, before any value is read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(io.BytesIO(data))
        check_header(schema.names, fields, file=name)
        for place, kind in enumerate(schema.types, start=1):
            if pa.types.is_dictionary(kind):
                kind = kind.value_type
            if not _is_text_or_number(kind):
                raise DataError(_no_plain(place, name), hint="expected plain text and numbers")
        return pd.read_parquet(io.BytesIO(data))
    except (pa.ArrowException, ValueError, OSError):
        msg = f"{name} can't be read as Parquet"
        raise DataError(msg, hint="write it again, or give CSV") from None


def _is_text_or_number(kind: Any) -> bool:
    """Whether a type of Arrow is text, a number, a truth value or a time; bytes, lists and tensors are not."""
    from pyarrow import types

    plain = (
        *(types.is_string, types.is_large_string, types.is_integer, types.is_floating, types.is_boolean),
        *(types.is_date, types.is_timestamp, types.is_null, types.is_string_view),
    )
    return any(is_one(kind) for is_one in plain)


def _no_plain(place: int, name: str) -> str:
    return (
        f"column {place} of {name} is refused: it holds bytes, lists or objects, as templates and images do"
    )


def _csv(data: bytes, name: str) -> pd.DataFrame:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    if not text.strip():
        msg = f"{name} is empty; expected a line of column names, and rows"
        raise DataError(msg, hint="a CSV file with a line of column names")
    first = text.partition("\n")[0]
    between = max(",;\t", key=first.count)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with more cells than columns
            return pd.read_csv(
                io.StringIO(text), dtype=str, sep=between, keep_default_na=False, index_col=False
            )
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning):
        # What pandas says quotes the row.
        msg = f"{name} can't be read as a table: a row has more cells than there are columns"
        raise DataError(msg, hint="a CSV file with a line of column names") from None


def _as_text(table: pd.DataFrame, fields: Sequence[Field], name: str) -> pd.DataFrame:
    """The allowed columns as text, empty where there is nothing; refused where one is bytes, lists or the like."""
    found = check_header(list(table.columns), fields, file=name)
    if len(table) > MOST_ROWS:
        msg = f"{name} has {len(table):,} rows; expected at most {MOST_ROWS:,}"
        raise DataError(msg, hint="audit a part of the time")
    columns: dict[str, pd.Series] = {}
    for position, field_name in enumerate(found):
        column = table.iloc[:, position]
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(object)
        if column.dtype == object and not column.map(_is_plain).all():
            raise DataError(_no_plain(position + 1, name), hint="expected plain text and numbers")
        columns[field_name] = _text(column)
    return pd.DataFrame(columns)


def _is_plain(value: object) -> bool:
    """Whether a cell is empty, text, a number, a truth value or a time, and not a list or bytes."""
    return value is None or value is pd.NA or value is pd.NaT or isinstance(value, _PLAIN)


_PLAIN = (str, bool, np.bool_, int, float, np.integer, np.floating, np.datetime64, dt.date)


def _text(column: pd.Series) -> pd.Series:
    if pd.api.types.is_float_dtype(column.dtype):
        held = column.dropna()
        if bool(((held % 1 == 0) & (held.abs() < 2.0**53)).all()):
            column = column.astype("Int64")
    said = ["" if pd.isna(v) else str(v).strip() for v in column.tolist()]
    return pd.Series(said, dtype=object)


# --- values --------------------------------------------------------------------------------------------------


def _typed(table: pd.DataFrame, fields: Sequence[Field], name: str) -> pd.DataFrame:
    """Each column checked and turned into what its field is; fields that were not given stay out."""
    made: dict[str, Any] = {}
    for one in fields:
        if one.name not in table:
            continue
        values = table[one.name]
        different = pd.Series(values.unique(), dtype=object)
        different = different[different != ""].astype(object)
        if one.kind in ("token", "code", "group", "choice"):
            each = fields in (ALERTS, PROBES)
            check_values(different.astype(str), one, rows=int((values != "").sum()), file=name, one_each=each)
        made[one.name] = _column(values, one, name)
    return pd.DataFrame(made)


def _column(values: pd.Series, one: Field, name: str) -> pd.Series:
    if one.kind == "choice":
        return _choice(values, one, name)
    if one.kind == "day":
        return _day(values, one, name)
    if one.kind in ("number", "count"):
        return _numbers(values, one, name)
    if one.kind == "code" and one.needed and (values == "").any():
        msg = f"the column {one.name} of {name} is empty in {int((values == '').sum())} rows; expected a code in each"
        raise DataError(msg, hint="an alert without a deployment can't be compared with what was seen there")
    return values.str.lower().str.replace(r"[\s_]+", " ", regex=True) if one.kind == "group" else values


_SAID = {"true": "yes", "1": "yes", "y": "yes", "false": "no", "0": "no", "n": "no", "yes": "yes", "no": "no"}


def _choice(values: pd.Series, one: Field, name: str) -> pd.Series:
    said = values.str.lower().str.replace(r"[\s-]+", "_", regex=True)
    if set(one.choices) & {"yes"}:
        said = said.map(lambda v: _SAID.get(v, v))
    elif one.name == "truth":
        said = said.map(lambda v: {"yes": "true", "1": "true", "no": "false", "0": "false"}.get(v, v))
    said = said.where(said != "", one.choices[-1])
    wrong = int((~said.isin(one.choices)).sum())
    if wrong:
        allowed = ", ".join(c for c in one.choices if c)
        msg = f"the column {one.name} of {name} has {wrong} rows with something else than {allowed}"
        raise DataError(msg, hint=f"{one.name}: {one.meaning}")
    if one.needed and one.choices == ("yes", "no") and (values == "").any():
        msg = f"the column {one.name} of {name} is empty in {int((values == '').sum())} rows; expected yes or no"
        raise DataError(msg, hint=f"{one.name}: {one.meaning}")
    return said


_TIME = re.compile(r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:Z|UTC|[-+]\d{2}:?\d{2})?)?")


def _day(values: pd.Series, one: Field, name: str) -> pd.Series:
    day = values.str.slice(0, 10)
    parsed = pd.to_datetime(day.where(day != ""), format="%Y-%m-%d", errors="coerce")
    more = ~values.str.slice(10).str.fullmatch(_TIME)
    wrong = int(((parsed.isna() & (day != "")) | more).sum())
    if wrong:
        msg = f"the column {one.name} of {name} has {wrong} rows that are no day; expected YYYY-MM-DD"
        raise DataError(msg, hint="write days as 2024-03-01")
    early = int((parsed.dt.year < FIRST_YEAR).sum())
    if early:
        msg = f"the column {one.name} of {name} is refused: {early} days are before {FIRST_YEAR}, perhaps of birth"
        raise DataError(msg, hint=f"{one.name}: {one.meaning}")
    return day


def _numbers(values: pd.Series, one: Field, name: str) -> pd.Series:
    numbers = pd.to_numeric(values.where(values != ""), errors="coerce")
    wrong = (numbers.isna() & (values != "")) | np.isinf(numbers.fillna(0.0))
    if one.kind == "number":
        wrong |= numbers.abs() >= LARGEST
    if one.kind == "count":
        wrong |= (numbers < 0) | (numbers % 1 > 0) | (numbers.isna() & one.needed)
    if wrong.any():
        expected = "whole numbers of at least 0" if one.kind == "count" else f"numbers under {LARGEST:,.0f}"
        msg = f"the column {one.name} of {name} has {int(wrong.sum())} rows that are off; expected {expected}"
        raise DataError(msg, hint=f"{one.name}: {one.meaning}")
    return numbers.astype("float64")


def _number_together(tables: Sequence[pd.DataFrame], columns: Sequence[str]) -> None:
    """Numbers from 1 in place of codes, the same for the same code in all the columns; NA where there is none."""
    parts = [(table, name) for table in tables for name in columns if name in table]
    if not parts:
        return
    every = pd.concat([table[name] for table, name in parts], ignore_index=True)
    code, _ = pd.factorize(every.where(every != ""))
    numbered = pd.Series(code + 1, dtype="Int64").mask(pd.Series(code < 0))
    at = 0
    for table, name in parts:
        table[name] = numbered.iloc[at : at + len(table)].to_numpy()
        table[name] = table[name].astype("Int64")
        at += len(table)


def _check_together(made: dict[str, pd.DataFrame]) -> None:
    """Tables that contradict each other are refused, and not mended."""
    probes, seen = made.get("probes"), made.get("deployments")
    if probes is not None and "acquired" in probes:
        both = int(((probes["acquired"] == "no") & (probes["found"] == "yes")).sum())
        if both:
            msg = f"{_FILES['probes']} has {both} passages that were found and of which no template could be made"
            raise DataError(msg, hint="what was not acquired can't have been found")
    if seen is None:
        return
    keys = ["deployment", *[name for name in ATTRIBUTES if name in seen]]
    if seen.duplicated(keys).any():
        n = int(seen.duplicated(keys).sum())
        msg = f"{_FILES['deployments']} has {n} rows for a deployment and group that it already has a row for"
        raise DataError(msg, hint="one row for each deployment and combination of group, sex and age_band")
    if "not_acquired" in seen and (seen["not_acquired"] > seen["seen"]).any():
        msg = f"{_FILES['deployments']} has rows with more faces not acquired than seen"
        raise DataError(msg, hint="not_acquired is a part of seen")
    known = set(seen["deployment"])
    for name, table in made.items():
        absent = int((~table["deployment"].isin(known)).sum())
        if absent:
            msg = (
                f"{_FILES[name]} has {absent} rows of deployments that {_FILES['deployments']} has no row of"
            )
            raise DataError(msg, hint="give a row of faces seen for each deployment, or leave the file out")
    per = made["alerts"]["deployment"].value_counts()
    over = per > seen.groupby("deployment")["seen"].sum().reindex(per.index)
    if over.any():
        msg = f"{int(over.sum())} deployments have more alerts than faces seen; expected one alert a search at most"
        raise DataError(msg, hint="several candidates of one search are one alert")
