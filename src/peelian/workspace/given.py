"""Tables that people give with a question: which reports are known to be of one series, and how things were done.

What is kept of such a table is what the question needs, so that its answer can be made again: the ids under which the
reports are stored, a number in place of a series' name, and codes. Reading what was kept gives the same as reading what
was given. A row about no stored report stays as an empty one, so that as many are counted the next time.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from peelian.errors import DataError, UsageError
from peelian.patterns.link_model import LinkModel
from peelian.records import Incidents
from peelian.records.erasure import hashed_id
from peelian.records.sources.mapping import person_word
from peelian.workspace.workspace import Workspace

__all__ = ["KnownSeries", "known_series", "manner_for", "manner_of", "recorded_manner", "told_apart"]

INCIDENT, SERIES = "incident", "series"
LONGEST = 40
"""Characters of the name of a series; what is longer is text."""
MOST_ROWS = 1_000_000
RECORDED = ("location_type", "label")
"""What a record itself tells of the manner."""
CODE = 60
FEWEST_EACH = 2
"""Reports to a value, on average, that a field of the records must have at least to say anything of two."""


@dataclass(frozen=True, eq=False)
class KnownSeries:
    """Which reports are known to be of one series.

    Parameters
    ----------
    table : pandas.DataFrame
        A row as it was given: ``incident``, the id under which it is stored (None: no such report), and ``series``
        (``K1`` on, in the order of the file; None: none was given).
    """

    table: pd.DataFrame

    @property
    def labels(self) -> pd.Series:
        """Series by incident, of the rows that have both."""
        known = self.table.dropna()
        return pd.Series(known[SERIES].to_numpy(), index=known[INCIDENT].to_numpy(), dtype=object)

    def to_dict(self) -> dict[str, int]:
        """Rows, reports, series of two or more and of one; and of how many rows nothing could be made."""
        labels = self.labels
        sizes = labels.index.to_frame().groupby(labels.to_numpy(), sort=False).nunique().iloc[:, 0]
        return {
            "rows": len(self.table),
            "unknown": int(self.table[INCIDENT].isna().sum()),
            "without_series": int((self.table[SERIES].isna() & self.table[INCIDENT].notna()).sum()),
            "incidents": int(labels.index.nunique()),
            "series": int((sizes > 1).sum()),
            "alone": int((sizes == 1).sum()),
        }


def told_apart(incidents: Incidents) -> Incidents:
    """The same incidents; where sources use the same ids, each with its source before it: ``calls:17``."""
    frame = incidents.frame
    if not frame["id"].duplicated().any():
        return incidents
    return Incidents(frame.assign(id=frame["source"] + ":" + frame["id"]), incidents.crs, incidents.zone)


def known_series(path: Path, incidents: Incidents) -> KnownSeries:
    """Read labels: a file with the columns ``incident`` and ``series``, CSV or Parquet.

    Parameters
    ----------
    path : Path
    incidents : Incidents
        Of which labels may be: by the id under which they are stored, or as their source numbers them.

    Raises
    ------
    DataError
        There is another column, a series has a text for a name, or the file can't be read.
    UsageError
        There is no such file.
    """
    table = _read(path)
    others = [name for name in table.columns if name not in (INCIDENT, SERIES)]
    if others or len(table.columns) != len({INCIDENT, SERIES}):
        msg = f"{path.name} has the columns {', '.join(table.columns)}; expected incident and series, and no other"
        raise DataError(msg, hint="incident,series as the first line, and a row for each report of a series")
    name = _text(table[SERIES])
    longest = int(name.str.len().max()) if name.notna().any() else 0
    if longest > LONGEST:
        msg = (
            f"{path.name} has a series with a name of {longest} characters; expected at most {LONGEST}: a name is no "
            "text"
        )
        raise DataError(msg, hint="number the series: 1, 2, 3")
    code, _ = pd.factorize(name)
    numbered = [None if k < 0 else f"K{k + 1}" for k in code.tolist()]
    found = _ids(_text(table[INCIDENT]), incidents)
    return KnownSeries(
        pd.DataFrame({INCIDENT: found, SERIES: pd.Series(numbered, dtype=object)}, dtype=object)
    )


def manner_of(path: Path, incidents: Incidents, *, numeric: Sequence[str] = ()) -> pd.DataFrame:
    """Read how things were done: a file with the column ``incident`` and columns of codes, CSV or Parquet.

    Returns
    -------
    pandas.DataFrame
        ``incident`` and the codes. Of a report that is not among `incidents` the row is empty.

    Raises
    ------
    DataError
        A column is about persons, there is no code, or the file can't be read.
    UsageError
        There is no such file, or no column of a name in `numeric`.
    """
    table = _read(path)
    fields = [name for name in table.columns if name != INCIDENT]
    if len(fields) == len(table.columns) or not fields:
        msg = f"{path.name} has the columns {', '.join(table.columns)}; expected incident, and codes of the manner"
        raise DataError(msg, hint="incident,entry,taken as the first line, and a row for each report")
    absent = [name for name in numeric if name not in fields]
    if absent:
        msg = f"{', '.join(absent)} was given as a column of numbers; {path.name} has {', '.join(fields)}"
        raise UsageError(msg, hint=f"--numeric {fields[0]}")
    found = _ids(_text(table[INCIDENT]), incidents)
    columns = {name: _plain(table[name]).where(found.notna()) for name in fields}
    return pd.DataFrame({INCIDENT: found, **columns})


def recorded_manner(incidents: Incidents) -> pd.DataFrame | None:
    """What the records themselves tell of the manner, where it varies; None where they tell nothing."""
    frame = incidents.frame
    held = {}
    for name in RECORDED:
        known = frame[name].dropna().astype(str)
        values = known.nunique()
        if values > 1 and len(known) >= FEWEST_EACH * values and int(known.str.len().max()) <= CODE:
            held[name] = frame[name].astype(object).to_numpy()
    if not held:
        return None
    return pd.DataFrame(held, index=pd.Index(frame["id"].astype(str).to_numpy(dtype=object)))


def manner_for(workspace: Workspace, run: str, model: LinkModel, incidents: Incidents) -> pd.DataFrame | None:
    """The fields that a run's model knows, of other incidents: from the same table, or else from the records.

    An incident that the table has nothing of has all of them missing.
    """
    wanted = [*model.fields, *model.numbers]
    if not wanted:
        return None
    source = str(workspace.result(run)["manner"]["from"])
    ids = incidents.frame["id"].astype(str).to_numpy(dtype=object)
    if source == "records":
        frame = incidents.frame.set_index(ids)
        return frame[wanted].astype(object)
    held = workspace.table(run if source == "file" else source, "manner")
    held = held.dropna(subset=[INCIDENT]).drop_duplicates(INCIDENT).set_index(INCIDENT)
    return held.reindex(index=ids, columns=wanted)


def _read(path: Path) -> pd.DataFrame:
    """A small table, its columns' names without blanks around them; none of them is about persons."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        msg = f"{path} was given, but there is no such file"
        raise UsageError(msg, hint="a CSV or Parquet file") from None
    try:
        table = pd.read_parquet(io.BytesIO(data)) if data[:4] == b"PAR1" else _csv(data)
    except (ValueError, OSError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        msg = f"{path.name} can't be read as a table: {str(error).splitlines()[0]}"
        raise DataError(msg, hint="a CSV file with a line of column names, or Parquet") from None
    table.columns = [str(name).strip() for name in table.columns]
    for name in table.columns:
        word = person_word(name)
        if word is not None:
            msg = f"the column {name} of {path.name} is about persons ({word!r}): places, never persons (rule 1)"
            raise DataError(msg, hint=f"drop the column {name}")
    if not 0 < len(table) <= MOST_ROWS or table.columns.has_duplicates:
        msg = f"{path.name} has {len(table):,} rows under {', '.join(table.columns)}; expected 1 to {MOST_ROWS:,}, and "
        msg += "each column once"
        raise DataError(msg, hint="a row for each report")
    return table.reset_index(drop=True)


def _csv(data: bytes) -> pd.DataFrame:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252")
    first = text.partition("\n")[0]
    between = max(",;\t", key=first.count)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with more cells than columns
        return pd.read_csv(io.StringIO(text), dtype=str, sep=between, keep_default_na=False, index_col=False)


def _text(column: pd.Series) -> pd.Series:
    """Text without blanks around it; None where there is none. A number has no decimals that say nothing."""
    if pd.api.types.is_float_dtype(column.dtype) and bool((column.dropna() % 1 == 0).all()):
        column = column.astype("Int64")
    said = [None if pd.isna(v) or not str(v).strip() else str(v).strip() for v in column.tolist()]
    return pd.Series(said, dtype=object)


def _plain(column: pd.Series) -> pd.Series:
    """Numbers as floats, and all else as text."""
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        return column.astype("float64")
    return _text(column)


def _ids(given: pd.Series, incidents: Incidents) -> pd.Series:
    """The id under which each is stored: as it was given, or the hash of the source's own; None for no such one."""
    frame = incidents.frame
    stored = set(frame["id"].astype(str))
    sources = sorted(str(name) for name in frame["source"].unique())
    found: dict[Any, str | None] = {None: None}
    for one in given.dropna().unique():
        forms = (one, *(hashed_id(source, one) for source in sources))
        found[one] = next((form for form in forms if form in stored), None)
    return pd.Series([found[one] for one in given.where(given.notna(), None).tolist()], dtype=object)
