"""Stops and searches as a table without anybody in it: area, day, minute, group, basis, search and what came of it.

Every row of the file is accounted for. What is missing is counted and stays in the table, for the tests to bound;
nothing is dropped, repaired or filled in.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from peelian.audits.stop_fields import FIELDS, labels_of, times_of, yes_or_no
from peelian.audits.stop_layouts import LAYOUTS, StopLayout, layout_of
from peelian.audits.stop_refusals import refuse_births, refuse_identifying, told_columns
from peelian.errors import DataError, NotEnoughDataError, SourceError, UsageError
from peelian.records.files import OpenedFile, open_file

__all__ = ["StopRecords", "read_stops", "stop_records"]

Times = Literal["local", "utc"]

COLUMNS = ("area", "lat", "lon", "day", "minute", "group", "basis", "search", "hit", "action")
SQUARE_KM = 0.5
DEGREE_KM = 111.32
AT_MIDNIGHT = 0.2
"""From this share of times at exactly 00:00 on, those are dates that lack a clock time."""
AFTERNOON = 0.12
"""With a smaller share of stops from 13:00 to midnight, in which 46 % of a day lie, hours lack their am and pm."""
FEWEST = 20


@dataclass(frozen=True, eq=False)
class StopRecords:
    """Stops, and how each row of their file came to be what it is.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a stop: ``area`` (None: no place), ``lat``, ``lon`` (of the area's middle, to 0.01 degrees), ``day``
        (local date), ``minute`` (after midnight by the clock on the wall, NaN without a clock time), ``group``,
        ``basis`` (None where nothing was recorded), ``search``, ``hit``, ``action`` (boolean or missing).
    layout : str
        ``police_uk``, ``minneapolis`` or ``mapped``.
    zone : str
        IANA name of the zone that days and minutes are of; empty where it isn't known.
    meanings : mapping
        What `group`, `hit` and `action` stand for, in words.
    clock : str
        Why the clock times can't be used; empty where they can.
    counts : mapping
        ``rows``; ``malformed`` (not among them); ``repeated`` (equal to an earlier row in all that was read; they are
        kept); and for each field how many rows are ``without_...`` it.
    notes : tuple of str
    """

    frame: pd.DataFrame
    layout: str
    zone: str
    meanings: Mapping[str, str]
    clock: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def groups(self) -> dict[str, int]:
        """Stops of each group, most first; those without one are not in it."""
        found = self.frame["group"].dropna().value_counts()
        return {
            str(name): int(n) for name, n in sorted(found.items(), key=lambda one: (-one[1], str(one[0])))
        }

    def about(self) -> dict[str, Any]:
        """All but the table, as plain values."""
        return {
            "layout": self.layout,
            "zone": self.zone,
            "meanings": dict(self.meanings),
            "clock": self.clock,
            "counts": dict(self.counts),
            "notes": list(self.notes),
        }


def read_stops(
    path: Path,
    *,
    layout: str | None = None,
    mapping: Mapping[str, str] | None = None,
    zone: str | None = None,
    times: Times | None = None,
    merge: Mapping[str, str] | None = None,
    square_km: float = SQUARE_KM,
) -> StopRecords:
    """Read stops from a CSV or Parquet file: the columns of its layout or of the mapping, and no other.

    Parameters
    ----------
    path : Path
    layout : str, optional
        ``police_uk`` or ``minneapolis``; recognised by its columns when neither this nor a mapping is given.
    mapping : mapping of str to str, optional
        Field (see `FIELDS`) to column. With a layout, it overrides single fields.
    zone : str, optional
        IANA zone of the place.
    times : str, optional
        Whether times without an offset are ``local`` (the default) or ``utc``.
    merge : mapping of str to str, optional
        Group as recorded to the group that it is counted in.
    square_km : float
        Side of the squares that coordinates are reduced to where no area is given, in km.

    Raises
    ------
    UsageError
        There is no such layout, field, zone, or both a place and coordinates were left out.
    SourceError
        The file can't be read.
    DataError
        A column is missing, is a human being's own, or its values are not what the field needs.
    NotEnoughDataError
        There are fewer than 20 stops.
    """
    opened = open_file(path)
    found = _fields(opened.columns, layout, mapping)
    wanted = sorted(set(found.columns.values()))
    if opened.parquet:
        raw, malformed = pq.read_table(path, columns=wanted).to_pandas(), 0
    else:
        raw, malformed = _csv(path, opened, wanted)
    return _records(raw, found, malformed, zone=zone, times=times, merge=merge, square_km=square_km)


def stop_records(
    table: pd.DataFrame,
    *,
    layout: str | None = None,
    mapping: Mapping[str, str] | None = None,
    zone: str | None = None,
    times: Times | None = None,
    merge: Mapping[str, str] | None = None,
    square_km: float = SQUARE_KM,
) -> StopRecords:
    """Make stops of a table that is in memory; parameters and errors as `read_stops`."""
    found = _fields(tuple(str(c) for c in table.columns), layout, mapping)
    raw = table[sorted(set(found.columns.values()))]
    return _records(raw, found, 0, zone=zone, times=times, merge=merge, square_km=square_km)


def _csv(path: Path, opened: OpenedFile, wanted: list[str]) -> tuple[pd.DataFrame, int]:
    """The wanted columns as text, and how many rows have too many or too few cells."""
    at = [opened.columns.index(name) for name in wanted]
    rows, malformed = [], 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            read = csv.reader(stream, delimiter=opened.delimiter)
            next(read)
            for row in read:
                if len(row) == len(opened.columns):
                    rows.append([row[k] for k in at])
                elif row:
                    malformed += 1
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{path.name} can't be read whole: {error}"
        raise SourceError(msg, hint="export the file again as UTF-8") from error
    return pd.DataFrame(rows, columns=wanted, dtype=str), malformed


def _fields(header: tuple[str, ...], layout: str | None, mapping: Mapping[str, str] | None) -> StopLayout:
    """The layout with the mapping put over it."""
    if layout is not None and layout not in LAYOUTS:
        msg = f"{layout!r} was given as a layout; expected one of {', '.join(sorted(LAYOUTS))}"
        raise UsageError(msg, hint="or --map time=COLUMN,group=COLUMN,place=COLUMN for any other file")
    given = dict(mapping or {})
    wrong = sorted(set(given) - set(FIELDS))
    if wrong:
        msg = f"{wrong[0]!r} was given as a field of a stop; expected one of {', '.join(FIELDS)}"
        raise UsageError(msg, hint="nothing else of a stop is read")
    found = layout_of(header, layout, required=not given)
    columns = {**found.columns, **given}
    for name, column in columns.items():
        if column not in header:
            told = told_columns(header)
            near = [one for one in difflib.get_close_matches(column, header, n=2) if one in told.split(", ")]
            msg = f"column {column!r} was given as {name}, but the file has {told}"
            raise DataError(
                msg, hint=f"did you mean {' or '.join(near)}?" if near else f"--map {name}=COLUMN"
            )
    if "group" not in columns:
        msg = "no column was given as group; expected one, as stops are compared between groups"
        raise UsageError(msg, hint="--map group=COLUMN")
    own = (
        found.name
        if not given
        else f"{found.name} with {', '.join(f'{k}={v}' for k, v in sorted(given.items()))}"
    )
    meanings = {k: v for k, v in found.meanings.items() if k not in given}
    said = {
        "group": "as recorded",
        "hit": "what the search was for was found",
        "action": "something was done after it",
        "basis": "as recorded",
    }
    meanings |= {k: f"{text} (column {given[k]})" for k, text in said.items() if k in given}
    made = {k: v for k, v in found.made.items() if k not in given}
    return StopLayout(
        own,
        columns,
        meanings,
        made,
        zone=found.zone,
        times=found.times,
        notes=found.notes,
    )


def _records(
    raw: pd.DataFrame,
    found: StopLayout,
    malformed: int,
    *,
    zone: str | None,
    times: Times | None,
    merge: Mapping[str, str] | None,
    square_km: float,
) -> StopRecords:
    raw = raw.reset_index(drop=True)
    if len(raw) < FEWEST:
        msg = f"the file has {len(raw)} stops; expected at least {FEWEST}, as nothing can be compared with fewer"
        raise NotEnoughDataError(msg, hint="give a longer time or a larger place")
    for name in sorted(set(found.columns) & set(FIELDS)):
        refuse_identifying(name, found.columns[name], raw[found.columns[name]])
    zone = zone if zone is not None else found.zone
    if zone and zone not in available_timezones():
        msg = f"{zone!r} was given as a zone; expected an IANA name"
        raise UsageError(msg, hint="--zone Europe/London")
    area, lat, lon = _places(raw, found, square_km)
    day, minute, said = _clock(raw, found, zone, times)
    frame = pd.DataFrame({"area": area, "lat": lat, "lon": lon, "day": day, "minute": minute})
    for name in ("group", "basis"):
        frame[name] = labels_of(raw[found.columns[name]]) if name in found.columns else None
    for name in ("search", "hit", "action"):
        frame[name] = found.made[name](raw) if name in found.made else _yes(name, raw, found)
    group, merged = _merged(frame["group"], merge or {})
    frame["group"] = group
    clock, odd = _clock_doubts(frame["minute"])
    counts = {**_counts(raw, frame), "malformed": malformed}
    if malformed:
        said.append(
            f"{malformed:,} more rows have too many or too few cells. They can't be read, and are in no number here."
        )
    notes = (*found.notes, *said, *merged, *odd, *_repeats(counts))
    return StopRecords(
        frame[list(COLUMNS)].astype(dict.fromkeys(("area", "group", "basis"), object)),
        layout=found.name,
        zone=zone or "",
        meanings=dict(found.meanings),
        clock=clock,
        counts=counts,
        notes=notes,
    )


def _yes(name: str, raw: pd.DataFrame, found: StopLayout) -> pd.Series:
    if name in found.columns:
        return yes_or_no(name, raw[found.columns[name]])
    return pd.Series(pd.NA, index=raw.index, dtype="boolean")


def _merged(group: pd.Series, merge: Mapping[str, str]) -> tuple[pd.Series, list[str]]:
    absent = sorted(set(merge) - set(group.dropna().unique()))
    if absent:
        msg = f"{absent[0]!r} was given to be merged, but the groups are {', '.join(sorted(group.dropna().unique()))}"
        raise UsageError(msg, hint="--merge 'RECORDED=GROUP'")
    notes = [f"Stops recorded as {one} are counted as {merge[one]}." for one in sorted(merge)]
    return group.map(lambda v: merge.get(v, v) if isinstance(v, str) else None).astype(object), notes


def _places(raw: pd.DataFrame, found: StopLayout, square_km: float) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Area, and its middle where there are coordinates; the exact point is left behind here."""
    none = pd.Series(np.nan, index=raw.index)
    lat, lon = (
        pd.to_numeric(raw[found.columns[k]], errors="coerce").astype(float) if k in found.columns else none
        for k in ("lat", "lon")
    )
    on_globe = (lat.abs() <= 90) & (lon.abs() <= 180) & ~((lat == 0) & (lon == 0))
    lat, lon = lat.where(on_globe), lon.where(on_globe)
    area = (
        labels_of(raw[found.columns["place"]]) if "place" in found.columns else _squares(lat, lon, square_km)
    )
    middle = (
        pd.DataFrame({"area": area, "lat": lat, "lon": lon}).groupby("area")[["lat", "lon"]].median().round(2)
    )
    return area, area.map(middle["lat"]).astype(float), area.map(middle["lon"]).astype(float)


def _squares(lat: pd.Series, lon: pd.Series, side: float) -> pd.Series:
    """Names of squares of the map: rows and columns counted from the equator and Greenwich."""
    if not 0.1 <= side <= 100:
        msg = f"squares of {side} km were given; expected 0.1 to 100, as a smaller one may be somebody's home"
        raise UsageError(msg, hint="use 0.5")
    if not lat.notna().any():
        return pd.Series(None, index=lat.index, dtype=object)
    wide = DEGREE_KM * np.cos(np.radians(float(lat.median())))
    row, column = np.floor(lat * DEGREE_KM / side), np.floor(lon * wide / side)
    first = (row.min(), column.min())
    names = [
        None if np.isnan(r) or np.isnan(c) else f"square {int(r - first[0])}-{int(c - first[1])}"
        for r, c in zip(row, column, strict=True)
    ]
    return pd.Series(names, dtype=object)


def _clock(
    raw: pd.DataFrame, found: StopLayout, zone: str | None, times: Times | None
) -> tuple[pd.Series, pd.Series, list[str]]:
    """Local day, minute after midnight, and what is to be said of them."""
    nothing = pd.Series(pd.NaT, index=raw.index, dtype="datetime64[s]")
    if "time" not in found.columns:
        return (
            nothing,
            pd.Series(np.nan, index=raw.index),
            ["No time was given, so nothing can be told by it."],
        )
    when, said_utc = times_of(raw[found.columns["time"]])
    refuse_births(found.columns["time"], when)
    as_utc = said_utc or (times or found.times) == "utc"
    notes = []
    if as_utc and not zone:
        msg = "times are in UTC and the place's zone was not given; expected one, as the clock on the wall is needed"
        raise UsageError(msg, hint="--zone America/Chicago")
    if as_utc:
        when = when.dt.tz_localize("UTC").dt.tz_convert(ZoneInfo(str(zone))).dt.tz_localize(None)
        notes.append(f"Times were read as UTC and turned into the clock of {zone}.")
    unread = int(when.isna().sum())
    if unread:
        notes.append(
            f"{unread:,} of {len(when):,} times are missing or can't be read; these stops have no time."
        )
    day = when.dt.normalize().astype("datetime64[s]")
    minute = (when.dt.hour * 60.0 + when.dt.minute).astype(float)
    whole = (when == when.dt.normalize()) & when.notna()
    if not as_utc and int(whole.sum()) >= AT_MIDNIGHT * max(int(when.notna().sum()), 1):
        minute = minute.mask(whole)
        notes.append(f"{int(whole.sum()):,} times are exactly midnight: dates without a clock time.")
    return day, minute, notes


def _clock_doubts(minute: pd.Series) -> tuple[str, list[str]]:
    """Why clock times can't be used, and doubts about their zone."""
    known = minute.dropna().to_numpy()
    if known.size < 200:
        return ("" if known.size else "No stop has a clock time."), []
    late = float(np.mean(known >= 13 * 60))
    if late < AFTERNOON:
        why = (
            f"Only {late * 100:.0f} % of the stops with a clock time lie between 13:00 and midnight, where 46 % of a "
            "day lie: the hours look like those of a 12-hour clock that lost its am and pm"
        )
        return why, [f"{why}. What depends on the time of day is left out."]
    by_hour = np.bincount((known // 60).astype(int), minlength=24)[:24]
    quiet = np.array([np.take(by_hour, range(h, h + 4), mode="wrap").sum() for h in range(24)])
    hour = int(np.argmin(quiet))
    if quiet[hour] < 0.5 * known.size / 6 and not (hour <= 6 or hour >= 23):
        quiet_time = f"from {hour}:00 to {(hour + 4) % 24}:00"
        note = f"The fewest stops are {quiet_time}. Unless that is a quiet time, the times are of another zone, or UTC."
        return "", [note]
    return "", []


def _counts(raw: pd.DataFrame, frame: pd.DataFrame) -> dict[str, int]:
    def without(name: str) -> int:
        return int(frame[name].isna().sum())

    searched = frame["search"].fillna(False).astype(bool)
    return {
        "rows": len(raw),
        "repeated": int(raw.duplicated().sum()),
        "without_group": without("group"),
        "without_place": without("area"),
        "without_day": without("day"),
        "without_clock_time": without("minute"),
        "without_basis": without("basis"),
        "without_search": without("search"),
        "searches": int(searched.sum()),
        "searches_without_hit": int(frame.loc[searched, "hit"].isna().sum()),
        "searches_without_action": int(frame.loc[searched, "action"].isna().sum()),
    }


def _repeats(counts: Mapping[str, int]) -> list[str]:
    if not counts["repeated"]:
        return []
    said = f"{counts['repeated']:,} of {counts['rows']:,} rows equal an earlier one in all that was read. They are kept"
    return [f"{said}: two who were stopped together look alike here, and so do two copies of one record."]
