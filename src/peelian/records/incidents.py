"""Reported incidents as a table: a time, a place and a kind each, and nothing about persons.

An incident here is a *report*. Many events are never reported, places are rounded to a block or a grid by
those who publish them, and officer-initiated records follow where officers went. ``Incidents`` keeps what is
needed to say so: the resolution of the time, the officer-initiated flag, the CRS and the zone.
"""

from __future__ import annotations

import datetime as dt
import difflib
import html
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
from pyproj.exceptions import CRSError as ProjError

from peelian.errors import CRSError, DataError, ResolutionError
from peelian.records.categories import STANDARD
from peelian.records.schema import FIELDS, NULLABLE, RESOLUTIONS, Resolution, coarsest

__all__ = ["CivilTime", "Incidents"]

#: A civil date or naive local datetime, or its ISO text.
CivilTime: TypeAlias = str | dt.date | dt.datetime | np.datetime64 | pd.Timestamp

_UNIT: dict[Resolution, str] = {"minute": "m", "day": "D", "month": "M"}


class Incidents:
    """An immutable table of reported incidents in one projected CRS and one time zone.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row an incident, columns as in :data:`peelian.records.FIELDS`. Nullable fields may be missing; a
        column that is not on the allow-list is an error.
    crs : str
        Projected CRS of ``x`` and ``y``, as PROJ reads it (``"EPSG:26915"``). Its unit is the unit of ``x``
        and ``y``.
    zone : str
        IANA zone whose civil time ``occurred_from``, ``occurred_to`` and ``reported`` are
        (``"America/Chicago"``).

    Raises
    ------
    DataError
        If a column is missing, not on the allow-list, null where it may not be, or of the wrong kind.
    CRSError
        If ``crs`` is unknown or not projected.
    """

    __slots__ = ("_crs", "_frame", "_zone")

    def __init__(self, frame: pd.DataFrame, crs: str, zone: str) -> None:
        self._frame = _validated(frame)
        self._crs = _projected(crs)
        self._zone = check_zone(zone)

    @classmethod
    def of(
        cls,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        time: npt.ArrayLike | pd.DatetimeIndex | pd.Series,
        *,
        crs: str,
        zone: str,
        category: str | Sequence[str] = "other",
        resolution: Resolution = "minute",
        officer_initiated: bool | Sequence[bool] = False,
        source: str = "arrays",
    ) -> Incidents:
        """Build incidents from arrays: places (in the unit of ``crs``), naive local times, categories.

        ``x``, ``y`` and ``time`` are of one length, shape ``(n,)``. Ids are the row numbers.
        """
        easting = np.asarray(x, dtype=np.float64)
        frame = pd.DataFrame(
            {
                "x": easting,
                "y": np.asarray(y, dtype=np.float64),
                "occurred_from": np.asarray(time, dtype="datetime64[us]"),
            }
        )
        frame["id"] = [str(i) for i in range(len(easting))]
        frame["source"] = source
        frame["resolution"] = resolution
        frame["category"] = category
        frame["label"] = category
        frame["officer_initiated"] = officer_initiated
        return cls(frame, crs, zone)

    def __len__(self) -> int:
        return len(self._frame)

    def __repr__(self) -> str:
        span = "empty" if not len(self) else f"{self.time.min()} to {self.time.max()}"
        return (
            f"Incidents({len(self)} rows, {span}, {self._crs}, {self._zone}, resolution={self.resolution!r})"
        )

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a DataFrame; changing it does not change these incidents (pandas copies on write)."""
        return self._frame.copy(deep=False)

    @property
    def crs(self) -> str:
        """Projected CRS of ``x`` and ``y``."""
        return self._crs

    @property
    def zone(self) -> str:
        """IANA zone of the civil times."""
        return self._zone

    @property
    def x(self) -> npt.NDArray[np.float64]:
        """Eastings, shape ``(n,)``, in the unit of ``crs``; read-only."""
        return self._frame["x"].to_numpy(dtype=np.float64)

    @property
    def y(self) -> npt.NDArray[np.float64]:
        """Northings, shape ``(n,)``, in the unit of ``crs``; read-only."""
        return self._frame["y"].to_numpy(dtype=np.float64)

    @property
    def time(self) -> npt.NDArray[np.datetime64]:
        """``occurred_from`` as naive local ``datetime64[s]``, shape ``(n,)``."""
        return self._frame["occurred_from"].to_numpy(dtype="datetime64[s]")

    @property
    def resolution(self) -> Resolution:
        """The coarsest time resolution among the rows (``"minute"`` when there are none)."""
        return coarsest(set(self._frame["resolution"].unique()))

    def require(self, resolution: Resolution) -> Incidents:
        """Return self if every time is known to ``resolution`` (``"minute"``, ``"day"`` or ``"month"``).

        Raises
        ------
        ResolutionError
            If times are coarser: month-only records have no days and no weeks, and none may be made up.
        """
        _check_resolution_name(resolution)
        have = self.resolution
        if RESOLUTIONS.index(have) > RESOLUTIONS.index(resolution):
            n = int((self._frame["resolution"] == have).sum())
            finer = "weeks or days" if have == "month" else "hours"
            msg = (
                f"times to the {resolution} were asked for, but {n} of {len(self)} incidents "
                f"are known only to the {have}: there are no {finer} in them"
            )
            shortest = {"month": "1mo", "day": "1d"}[have]
            raise ResolutionError(msg, hint=f"--period {shortest}, or a source with finer times")
        return self

    def where(
        self,
        *,
        category: str | Sequence[str] | None = None,
        start: CivilTime | None = None,
        end: CivilTime | None = None,
        officer_initiated: bool | None = None,
    ) -> Incidents:
        """Return the incidents that meet every condition given.

        Parameters
        ----------
        category : str or sequence of str, optional
            Standard categories or the source's own labels; upper and lower case are the same.
        start, end : civil date or naive datetime, optional
            Half-open span ``[start, end)`` of ``occurred_from``.
        officer_initiated : bool, optional
            Keep only (``True``) or leave out (``False``) officer-initiated records; ``None`` keeps all.

        Raises
        ------
        DataError
            If a category is neither standard nor a label of these incidents (near names are listed), or a
            bound is not a civil time.
        ResolutionError
            If a bound cuts through what is known of the times (a mid-month bound on month-only records).
        """
        frame = self._frame
        keep = np.ones(len(frame), dtype=np.bool_)
        if category is not None:
            keep &= self._of_category([category] if isinstance(category, str) else list(category))
        if start is not None:
            keep &= self.time >= civil_bound(start, "start", self.resolution)
        if end is not None:
            keep &= self.time < civil_bound(end, "end", self.resolution)
        if officer_initiated is not None:
            keep &= frame["officer_initiated"].to_numpy(dtype=np.bool_) == officer_initiated
        return self._with(frame[keep].reset_index(drop=True))

    def _with(self, frame: pd.DataFrame) -> Incidents:
        # Rows of a table that was validated need no second look.
        other = object.__new__(Incidents)
        other._frame, other._crs, other._zone = frame, self._crs, self._zone
        return other

    def _of_category(self, wanted: list[str]) -> npt.NDArray[np.bool_]:
        labels = self._frame["label"]
        held = [str(name) for name in self._frame["category"].unique()]
        categories, names = match_categories(wanted, [str(label) for label in labels.unique()], held=held)
        keep = self._frame["category"].isin(categories) | labels.isin(names)
        return keep.to_numpy(dtype=np.bool_)

    def _repr_html_(self) -> str:
        rows = [("reported incidents", f"{len(self):,}"), ("CRS", self._crs), ("zone", self._zone)]
        rows.append(("times known to the", self.resolution))
        if len(self):
            rows.append(("occurred", f"{self.time.min()} to {self.time.max()}".replace("T", " ")))
            counts = self._frame["category"].value_counts().head(8)
            rows.append(("most reported", ", ".join(f"{name} {n:,}" for name, n in counts.items())))
            rows.append(("officer-initiated", f"{int(self._frame['officer_initiated'].sum()):,}"))
        cells = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in rows)
        return f"<table>{cells}</table><p>These are reports, not all that happened.</p>"


def _validated(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the schema, in order and in their types; raise DataError on anything else."""
    extra = [str(c) for c in frame.columns if c not in FIELDS]
    if extra:
        msg = f"columns {', '.join(extra)} are not on the allow-list of incident fields ({', '.join(FIELDS)})"
        raise DataError(msg, hint="drop them: what is not on the list is never kept (charter rule 1)")
    missing = [name for name in FIELDS if name not in frame.columns and name not in NULLABLE]
    if missing:
        msg = f"columns {', '.join(missing)} are missing; incidents need {', '.join(FIELDS)}"
        raise DataError(msg, hint="read a file with peelian.records.read_incidents, or use Incidents.of")
    columns = {name: _typed(frame, name) for name in FIELDS}
    out = pd.DataFrame(columns).reset_index(drop=True)
    for name, allowed in (("resolution", RESOLUTIONS), ("category", tuple(STANDARD))):
        unknown = sorted(set(out[name].unique()) - set(allowed))
        if unknown:
            msg = f"{name} {', '.join(map(repr, unknown[:5]))} is not one of {', '.join(allowed)}"
            raise DataError(msg, hint="map the source's labels to the standard list with a category table")
    for name in ("x", "y"):
        if not np.isfinite(out[name].to_numpy()).all():
            msg = f"{name} has values that are not finite; every incident needs a place"
            raise DataError(msg, hint="leave rows without a place out, and count them")
    return out


def _typed(frame: pd.DataFrame, name: str) -> pd.Series:
    field = FIELDS[name]
    kind = {"string": "str", "double": "float64", "bool": "boolean" if field.nullable else "bool"}.get(
        str(field.type)
    )
    if name not in frame.columns:
        return pd.Series([None] * len(frame), index=frame.index, dtype=kind or "datetime64[us]")
    column = frame[name]
    if not field.nullable and bool(column.isna().any()):
        msg = f"{name} is null in {int(column.isna().sum())} of {len(column)} rows; it must always be known"
        raise DataError(msg, hint="leave these rows out, and count them")
    try:
        if kind is None:
            if isinstance(column.dtype, pd.DatetimeTZDtype):
                msg = f"{name} has an offset; times must be naive local civil time"
                raise DataError(msg, hint="convert with .dt.tz_convert(zone).dt.tz_localize(None)")
            return pd.to_datetime(column).astype("datetime64[us]")
        return column.astype(kind)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError) as error:
        msg = f"{name} holds {column.dtype} values that are not {field.type}: {error}"
        raise DataError(msg, hint=f"{name} is {field.meaning}") from error


@lru_cache(maxsize=32)
def _projected(crs: str) -> str:
    try:
        parsed = pyproj.CRS.from_user_input(crs)
    except ProjError as error:
        msg = f"CRS {crs!r} is not known; expected a code such as EPSG:26915"
        raise CRSError(msg, hint="look the code up in the EPSG registry") from error
    if not parsed.is_projected:
        msg = f"CRS {crs} ({parsed.name}) is not projected; x and y must be lengths, not degrees"
        raise CRSError(msg, hint="use a projected CRS of the place, such as its UTM zone")
    return crs


@lru_cache(maxsize=32)
def check_zone(zone: str) -> str:
    """Return an IANA zone that exists, or raise DataError."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError, TypeError) as error:
        msg = f"time zone {zone!r} is not known; expected an IANA name such as America/Chicago"
        raise DataError(msg, hint='zone="America/Chicago"') from error
    return zone


def _civil(value: CivilTime, name: str) -> np.datetime64:
    try:
        stamp = pd.Timestamp(value)
    except (TypeError, ValueError) as error:
        msg = f"{name}={value!r} is not a civil date or time; expected something like 2017-03-31"
        raise DataError(msg, hint=f"{name}=2017-03-31") from error
    naive: npt.NDArray[np.datetime64] = np.array([stamp.to_datetime64()]).astype("datetime64[s]")
    if stamp.tzinfo is not None or bool(np.isnat(naive[0])):
        msg = f"{name}={value!r} must be a naive local civil time, without an offset"
        raise DataError(msg, hint=f"{name}=2017-03-31")
    bound: np.datetime64 = naive[0]
    return bound


def civil_bound(value: CivilTime, name: str, known: Resolution) -> np.datetime64:
    """Return a bound as ``datetime64[s]``; raise ResolutionError if it cuts through what is known of times."""
    bound = _civil(value, name)
    if known != "minute" and bound.astype(f"datetime64[{_UNIT[known]}]").astype("datetime64[s]") != bound:
        msg = f"{name}={value} falls inside a {known}, and these times are known only to the {known}"
        raise ResolutionError(msg, hint=f"give the first moment of a {known}")
    return bound


def match_categories(
    wanted: Sequence[str], labels: Sequence[str], *, held: Collection[str] = STANDARD
) -> tuple[list[str], list[str]]:
    """Return the standard categories and the labels that are meant; raise DataError listing near names.

    Of the standard categories only those in `held` are listed: what the records have none of is no help.
    """
    by_fold: dict[str, list[str]] = {}
    for label in labels:
        by_fold.setdefault(label.casefold(), []).append(label)
    categories, names = [], []
    for name in wanted:
        fold = name.strip().casefold()
        if fold not in STANDARD and fold not in by_fold:
            raise _unknown_category(name, by_fold, held)
        categories += [fold] if fold in STANDARD else []
        names += by_fold.get(fold, [])
    return categories, names


def _check_resolution_name(resolution: str) -> None:
    if resolution not in RESOLUTIONS:
        msg = f"resolution {resolution!r} is not one of {', '.join(RESOLUTIONS)}"
        raise DataError(msg, hint="minute, day or month")


def _unknown_category(name: str, by_fold: dict[str, list[str]], held: Collection[str]) -> DataError:
    names = [*(n for n in STANDARD if n in held), *by_fold]
    near = difflib.get_close_matches(name.strip().casefold(), dict.fromkeys(names), n=5)
    shown = [by_fold[n][0] if n in by_fold and n not in STANDARD else n for n in near]
    msg = f"category {name!r} is neither a standard category nor a label of these incidents"
    if shown:
        return DataError(f"{msg}; near: {', '.join(shown)}", hint=f"category={shown[0]!r}")
    listed = [n for n in STANDARD if n in held] or list(STANDARD)
    return DataError(
        f"{msg}; standard: {', '.join(listed)}",
        hint=f"use one of the names listed, such as category={listed[0]!r}",
    )
