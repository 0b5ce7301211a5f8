"""Times as local civil time: which forms are read, what each knows, and what daylight saving does.

A form is seen from the *shape* of the text (``9999-99-99 99:99``); a file has few shapes, so each is looked
at once and then read by DuckDB in bulk. Naive times are civil times of the agency's zone. Times with an
offset are converted to it. A naive time that daylight saving skips is moved forward by the gap; one that
occurs twice is read as the first.
"""

# ruff: noqa: S608  names in statements are ours or quoted; values are bound or checked literals
from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from peelian.errors import SourceError
from peelian.records.engine import literal, quote
from peelian.records.schema import Resolution
from peelian.records.sources import DateOrder

__all__ = ["ReadTimes", "Transition", "change_table", "read_times", "transitions"]

_ISO = re.compile(
    r"9999-9{1,2}-9{1,2}(?P<time>[T ]9{1,2}:99(:99([.,]9+)?)?)?(?P<offset> ?(Z|UTC|[+-]99(:?99)?))?"
)
_MONTH = re.compile(r"9999[-/]99")
_YEAR_FIRST = re.compile(r"9999/9{1,2}/9{1,2}(?P<time>.*)")
_BASIC = re.compile(r"99999999(?P<time>T9999(99)?)?")
_SLASH = re.compile(r"9{1,2}(?P<mark>[/.-])9{1,2}(?P=mark)9999(?P<time>.*)")
_CLOCK = re.compile(
    r",? ?(?P<hours>9{1,2}):99(?P<seconds>:99)?(?P<fraction>\.9{1,9})?(?P<space> ?)(?P<half>[AP]M)?"
)
_MAX_SHAPES = 1000
_MAX_LENGTH = 40
_LONG = "(long text)"


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of the clocks in naive local time: ``[start, end)`` is skipped (gap) or occurs twice."""

    start: dt.datetime
    end: dt.datetime
    gap: bool


@lru_cache(maxsize=16)
def transitions(zone: str, *, first: int = 1970, last: int = 2040) -> tuple[Transition, ...]:
    """Return every change of the offset of ``zone`` from the year ``first`` up to ``last``, in order."""
    info = ZoneInfo(zone)

    def offset(moment: dt.datetime) -> dt.timedelta:
        return moment.astimezone(info).utcoffset() or dt.timedelta()

    found = []
    moment, end = dt.datetime(first, 1, 1, tzinfo=dt.UTC), dt.datetime(last, 1, 1, tzinfo=dt.UTC)
    before = offset(moment)
    while moment < end:
        low, high = moment, moment + dt.timedelta(days=7)
        after = offset(high)
        if before != after:
            while high - low > dt.timedelta(minutes=1):  # no zone changes its clocks within a minute
                middle = low + (high - low) // 2
                low, high = (middle, high) if offset(middle) == before else (low, middle)
            instant = (high - dt.timedelta(seconds=1)).replace(second=0, microsecond=0)
            instant = instant if offset(instant) == after else instant + dt.timedelta(minutes=1)
            sides = sorted(((instant + before).replace(tzinfo=None), (instant + after).replace(tzinfo=None)))
            found.append(Transition(sides[0], sides[1], gap=after > before))
        moment, before = moment + dt.timedelta(days=7), after
    return tuple(found)


def change_table(zone: str) -> pa.Table:
    """Return the changes of the clocks by local day: day, start, end, shift in seconds, gap."""
    rows: list[tuple[dt.date, dt.datetime, dt.datetime, int, bool]] = []
    for change in transitions(zone):
        shift = int((change.end - change.start).total_seconds()) if change.gap else 0
        for days in range((change.end.date() - change.start.date()).days + 1):
            day = change.start.date() + dt.timedelta(days=days)
            rows.append((day, change.start, change.end, shift, change.gap))
    moment = pa.timestamp("us")
    types = {"day": pa.date32(), "start": moment, "end": moment, "shift": pa.int64(), "gap": pa.bool_()}
    arrays = [pa.array([row[i] for row in rows], type=kind) for i, kind in enumerate(types.values())]
    return pa.Table.from_arrays(arrays, names=list(types))


@dataclass(frozen=True, slots=True)
class ReadTimes:
    """SQL expressions over ``raw`` for one column of times, and what was seen of it.

    ``value`` is a naive local TIMESTAMP or null; ``resolution`` its resolution; ``naive`` whether it came
    without an offset; ``unread`` are shapes that no form fits.
    """

    value: str
    resolution: str
    naive: str
    unread: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_times(
    connection: duckdb.DuckDBPyConnection, column: str, *, zone: str, order: DateOrder | None
) -> ReadTimes:
    """Find out how the text column ``column`` of ``raw`` writes its times.

    Raises
    ------
    SourceError
        If dates with slashes can't be month first, and no order was given.
    """
    text = f"upper({quote(column)})"
    shape = f"translate({text}, '012345678', '999999999')"
    found = connection.execute(
        f"SELECT CASE WHEN length({quote(column)}) <= {_MAX_LENGTH} THEN {shape} ELSE {literal(_LONG)} END AS shape"
        f" FROM raw WHERE {quote(column)} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {_MAX_SHAPES}"
    ).fetchall()
    shapes = [str(row[0]) for row in found]
    warnings: tuple[str, ...] = ()
    if order is None and any((m := _SLASH.fullmatch(s)) and m["mark"] != "." for s in shapes):
        order, warnings = _see_order(connection, column)
    known = {s: form for s in shapes if (form := _form(s, order or "mdy", zone)) is not None}
    # Only the shape is ever shown: the text may be anything, even a name that slipped into the wrong column.
    unread = tuple(s if s == _LONG else re.sub(r"[^\W\d_]", "A", s) for s in shapes if s not in known)[:5]
    if not known:
        return ReadTimes("CAST(NULL AS TIMESTAMP)", "CAST(NULL AS VARCHAR)", "true", unread, warnings)
    if len(set(known.values())) == 1 and len(known) == len(shapes) < _MAX_SHAPES:
        only = next(
            iter(known.values())
        )  # the whole column is of one form: no need to look at each shape again
        have = f"CASE WHEN {quote(column)} IS NOT NULL THEN"
        return ReadTimes(
            value=only.sql.replace("?", text),
            resolution=f"{have} {literal(only.resolution)} END",
            naive=f"{have} {str(only.naive).lower()} END",
            warnings=warnings,
        )
    return ReadTimes(
        value=_case(shape, {s: form.sql.replace("?", text) for s, form in known.items()}),
        resolution=_case(shape, {s: literal(form.resolution) for s, form in known.items()}),
        naive=_case(shape, {s: str(form.naive).lower() for s, form in known.items()}),
        unread=unread,
        warnings=warnings,
    )


def _case(shape: str, by_shape: dict[str, str]) -> str:
    grouped: dict[str, list[str]] = {}
    for name, value in by_shape.items():
        grouped.setdefault(value, []).append(literal(name))
    whens = " ".join(f"WHEN {shape} IN ({', '.join(names)}) THEN {value}" for value, names in grouped.items())
    return f"CASE {whens} END"


@dataclass(frozen=True, slots=True)
class _Form:
    sql: str  # with ? for the text
    resolution: Resolution
    naive: bool = True


def _form(shape: str, order: DateOrder, zone: str) -> _Form | None:
    """Return how a shape is read, or ``None`` if it is no time."""
    if match := _ISO.fullmatch(shape):
        if not match["offset"]:
            return _Form("TRY_CAST(replace(?, ',', '.') AS TIMESTAMP)", "minute" if match["time"] else "day")
        if not match["time"]:
            return None
        clean = r"regexp_replace(replace(replace(?, 'UTC', 'Z'), ',', '.'), ' (Z|[+-])', '\1')"
        value = f"timezone({literal(zone)}, TRY_CAST({clean} AS TIMESTAMPTZ))"
        return _Form(value, "minute", naive=False)
    if _MONTH.fullmatch(shape):
        return _Form("TRY_CAST(replace(?, '/', '-') || '-01' AS TIMESTAMP)", "month")
    if match := _BASIC.fullmatch(shape):
        clock = {None: "", "T9999": "T%H%M", "T999999": "T%H%M%S"}[match["time"]]
        return _Form(f"try_strptime(?, '%Y%m%d{clock}')", "minute" if clock else "day")
    if match := _YEAR_FIRST.fullmatch(shape):
        return _clocked("%Y/%m/%d", match["time"])
    if match := _SLASH.fullmatch(shape):
        mark = match["mark"]
        # Dates with full stops are day first wherever they are written.
        day_first = order == "dmy" or mark == "."
        return _clocked(f"%d{mark}%m{mark}%Y" if day_first else f"%m{mark}%d{mark}%Y", match["time"])
    return None


def _clocked(date: str, clock: str) -> _Form | None:
    if not clock:
        return _Form(f"try_strptime(?, '{date}')", "day")
    match = _CLOCK.fullmatch(clock)
    if match is None:
        return None
    pattern = clock[: match.start("hours")] + ("%I:%M" if match["half"] else "%H:%M")
    pattern += ":%S" if match["seconds"] else ""
    pattern += ".%n" if match["fraction"] else ""
    pattern += match["space"] + ("%p" if match["half"] else "")
    return _Form(f"CAST(try_strptime(?, '{date}{pattern}') AS TIMESTAMP)", "minute")


def _see_order(connection: duckdb.DuckDBPyConnection, column: str) -> tuple[DateOrder, tuple[str, ...]]:
    """Return the order of slashed dates, and a warning if the values don't prove it."""
    text = quote(column)
    date = r"^(\d{1,2})[/-](\d{1,2})[/-]\d{4}"
    first, second = connection.execute(
        f"""SELECT max(CAST(regexp_extract({text}, '{date}', 1) AS INTEGER)),
            max(CAST(regexp_extract({text}, '{date}', 2) AS INTEGER))
        FROM raw WHERE regexp_matches({text}, '{date}')"""
    ).fetchall()[0]
    if first is not None and first > 12:
        msg = f"dates such as {first}/.. in {column} can't be month first, and their order is not given"
        raise SourceError(msg, hint="date_order='dmy', or 'mdy' to quarantine the rows that don't fit")
    if second is None or second > 12:
        return "mdy", ()
    return "mdy", (f"{column}: dates with slashes were read month first; no value proves it",)
