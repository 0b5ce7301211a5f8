"""Watch many places at once: which of them had more reports in the latest period, allowing for how many are watched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import check_level, false_discovery
from peelian.patterns.baselines import expect
from peelian.patterns.bounds import Bounds
from peelian.patterns.cusum import cusum
from peelian.patterns.ears import ears
from peelian.patterns.emerging import counted
from peelian.patterns.false_alarms import shuffled
from peelian.patterns.farrington import farrington, years_back
from peelian.patterns.signals import Signal, Signals
from peelian.places.areas import Areas
from peelian.places.counts import Counts
from peelian.places.grid import Grid
from peelian.places.periods import Day, Periods
from peelian.records.incidents import Incidents
from peelian.units import Frequency

__all__ = ["BOUNDED", "METHODS", "bounds_before", "series_by_place", "watch"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Dates = npt.NDArray[np.datetime64]
Method = Literal["farrington", "ears_c1", "ears_c2", "ears_c3", "cusum"]

METHODS: tuple[Method, ...] = ("farrington", "ears_c1", "ears_c2", "ears_c3", "cusum")
BOUNDED = METHODS[:3]
"""Those with a bound of each period; the others add periods up."""

YEAR = 365.2425
WATCHED = 26
"""Periods over which a CUSUM chart adds up."""
RUNNING = 3
"""Periods that EARS C3 adds up."""

MOST_YEARS = 5


@dataclass(frozen=True)
class _Detector:
    """A method with its settings, which can be put at any period."""

    method: Method
    alpha: float
    fewest: tuple[int, int]

    def at(self, matrix: Floats, starts: Dates, k: int) -> _Look:
        """What it says of period `k` at the places that have enough reports, and from which period its alarm speaks."""
        recent = matrix[:, max(k + 1 - self.fewest[1], 0) : k + 1]
        which = np.flatnonzero(recent.sum(axis=1) >= self.fewest[0])
        if self.method == "farrington":
            years = years_back(starts, at=k, most=MOST_YEARS)
            if years < 1:
                msg = f"{k} periods lie before the one that is looked at; 'farrington' needs a year and three more"
                raise NotEnoughDataError(msg, hint="method='ears_c2', which needs nine periods")
            found: Bounds = farrington(
                matrix[which], starts, at=k, years=years, alpha=self.alpha, fewest=self.fewest
            )
            return _Look(found, which, k, len(matrix))
        if self.method == "cusum":
            return self._chart(matrix, starts, k, which)
        kind: Any = self.method.removeprefix("ears_").upper()
        found = ears(matrix[which], at=k, method=kind, alpha=self.alpha, least_spread=0.5)
        if kind == "C3":
            # It adds up three periods, and so do the numbers that its alarm is told with.
            first = k + 1 - RUNNING
            each = [ears(matrix[which], at=i, method="C2").expected for i in range(first, k + 1)]
            observed, none = matrix[which, first : k + 1].sum(axis=1), np.full(which.size, np.nan)
            found = replace(found, observed=observed, expected=np.sum(each, axis=0), upper=none)
            return _Look(found, which, first, len(matrix))
        return _Look(found, which, k, len(matrix))

    def _chart(self, matrix: Floats, starts: Dates, k: int, which: Ints) -> _Look:
        first = k + 1 - WATCHED
        if first < 1:
            msg = f"{k + 1} periods were given, and a chart adds up the latest {WATCHED} of them"
            raise NotEnoughDataError(msg, hint="method='ears_c2', which needs nine periods")
        edges = np.append(starts[: k + 1], starts[k] + (starts[k] - starts[k - 1]))
        watched = matrix[:, first : k + 1]
        # Each place's share of what was reported everywhere: a wave over all of them is no news of any.
        past = sparse.csc_array(matrix[:, :first].astype(np.int64))
        base = expect(past, edges[: first + 1], ahead=edges[first:], totals=watched.sum(axis=0))
        run = 1 / self.alpha
        found = cusum(watched[which], base.expected[which], scatter=base.scatter, run_length=run)
        # The alarm speaks of all that was added up, and so do its numbers.
        total, expected = watched[which].sum(axis=1), base.expected[which].sum(axis=1)
        found = replace(found, observed=total, expected=expected, upper=np.full(total.size, np.nan))
        return _Look(found, which, first, len(matrix))


@dataclass(frozen=True, eq=False)
class _Look:
    """What a detector says of one period: bounds of the places that had enough reports, which those are, since when."""

    bounds: Bounds
    which: Ints
    first: int
    places: int

    def p_and_q(self) -> tuple[Floats, Floats]:
        """Of all places; 1 for those with too few reports, which are watched all the same."""
        p = np.ones(self.places)
        p[self.which] = self.bounds.p
        return p, false_discovery(p)


def watch(
    reports: Incidents | Counts,
    places: Areas | Grid | None = None,
    *,
    until: Day | None = None,
    period: str | Frequency = "1w",
    method: Method = "farrington",
    alpha: float = 0.01,
    level: float = 0.05,
    alarms: float = 12.0,
    fewest: tuple[int, int] = (5, 4),
    looks: int = 52,
    seed: int = 0,
) -> Signals:
    """Put a detector on every place, and say which stand out in the latest period.

    Parameters
    ----------
    reports : Incidents or Counts
    places : Areas or Grid
        Where incidents are counted; counts bring their own cells.
    until : date, optional
        First day that is not looked at. Default: the day after the last report; the end of counts.
    period : str
        Of the counts made from incidents.
    method : {"farrington", "ears_c1", "ears_c2", "ears_c3", "cusum"}
        Against the same time of past years; against the few periods before; or small rises that add up over half a
        year of weeks, against what was expected before them.
    alpha : float
        Share of periods without a change that each place's own bound lets alarm.
    level : float
        Greatest false-discovery rate, over all places watched, of a signal.
    alarms : float
        Most alarms a year of a signal, in this data's own past: how many times a year any place had as low a p-value.
    fewest : (int, int)
        No signal with fewer than the first number of reports over the second number of latest periods.
    looks : int
        Past periods that the same detector is put at, on the data as they are and with each place's periods shuffled.
    seed : int
        Of the shuffling.

    Returns
    -------
    Signals
        Empty where nothing was reported.

    Raises
    ------
    NotEnoughDataError
        The past is too short for the method.
    UsageError
        A setting is off.
    """
    check_level(level)
    check_level(alpha, what="alpha")
    if method not in METHODS:
        msg = f"method={method!r} was given; expected one of {', '.join(METHODS)}"
        raise UsageError(msg)
    if fewest[0] < 0 or fewest[1] < 1 or looks < 0:
        msg = f"fewest={fewest} and looks={looks} were given; expected (5, 4) and 0 or more"
        raise UsageError(msg)
    matrix, periods, names, members = series_by_place(reports, places, until=until, period=period)
    settings = {
        "method": method, "alpha": alpha, "level": level, "alarms": alarms, "fewest": list(fewest), "looks": looks,
        "seed": seed, "until": str(periods.end), "period": str(periods.frequency), "periods": len(periods),
    }  # fmt: skip
    if not matrix.nnz:
        return Signals((), len(names), settings, level, alarms, 0, None, None)
    detector = _Detector(method, alpha, fewest)
    dense = np.asarray(matrix.todense(), dtype=np.float64)
    starts, last = periods.edges[:-1], len(periods) - 1
    look = detector.at(dense, starts, last)
    past = _past(detector, dense, starts, looks)
    mixed = shuffled(matrix, how="shuffle", rng=np.random.default_rng(seed))
    chance = _past(detector, np.asarray(mixed.todense(), dtype=np.float64), starts, looks)
    days = periods.frequency.days
    told = _told(look, names, periods, past, members, level=level, alarms=alarms)
    real = None if past is None else _rate(past, level, days)
    false = None if chance is None else _rate(chance, level, days)
    notes = _notes(method, look.bounds, starts, last)
    held = int(dense[:, last].sum())
    return Signals(told, len(names), settings, level, alarms, held, real, false, notes)


def bounds_before(
    series: npt.ArrayLike, starts: npt.ArrayLike, *, method: Method, alpha: float = 0.01, last: int = 26
) -> tuple[Floats, Floats]:
    """What a detector expected of each of the latest periods, and the bound above which it alarmed.

    Parameters
    ----------
    series : array of float, shape (n, periods)
    starts : array of date, shape (periods,)
        First days of the periods.
    method : {"farrington", "ears_c1", "ears_c2"}
        As for `watch`; the others add up and have no bound of a period.
    alpha : float
    last : int

    Returns
    -------
    expected, upper : array of float, shape (n, last)
        NaN where the past was too short.
    """
    if method not in BOUNDED:
        msg = f"bounds of method={method!r} were asked for; expected one of {', '.join(BOUNDED)}"
        raise UsageError(msg)
    held = np.asarray(series, dtype=np.float64)
    dates = np.asarray(starts, dtype="datetime64[D]")
    detector = _Detector(method, alpha, (0, 1))
    found = np.full((2, len(held), last), np.nan)
    for i in range(min(last, held.shape[1])):
        try:
            bounds = detector.at(held, dates, held.shape[1] - 1 - i).bounds
        except NotEnoughDataError:
            break
        found[:, :, last - 1 - i] = bounds.expected, bounds.upper
    return found[0], found[1]


def series_by_place(
    reports: Incidents | Counts, places: Areas | Grid | None, *, until: Day | None, period: str | Frequency
) -> tuple[sparse.csc_array, Periods, list[str], pd.DataFrame | None]:
    """Counts by place and period, the places' ids, and where each incident was counted (``id``, ``place``, ``period``).

    Parameters are those of `watch`.
    """
    if isinstance(places, Areas) and isinstance(reports, Incidents):
        return _by_area(reports, places, until=until, period=period)
    if isinstance(places, Areas):
        msg = "counts of cells were given with areas; expected incidents, which can be counted by area"
        raise UsageError(msg)
    counts = counted(reports, places, until=until, period=period)
    members = None
    if isinstance(reports, Incidents):
        place = counts.grid.locate(reports.x, reports.y)
        members = _members(reports, place, counts.periods)
    return counts.matrix, counts.periods, [str(name) for name in counts.grid.ids], members


def _by_area(
    incidents: Incidents, areas: Areas, *, until: Day | None, period: str | Frequency
) -> tuple[sparse.csc_array, Periods, list[str], pd.DataFrame]:
    # The periods are those of any grid's counts: one cell around all that is reported.
    x, y = incidents.x, incidents.y
    bounds = (x.min(), y.min(), x.max(), y.max()) if x.size else (0.0, 0.0, 1.0, 1.0)
    around = Grid.covering(bounds, crs=incidents.crs, cell=1e6)
    periods = counted(incidents, around, until=until, period=period).periods
    place = areas.to_crs(incidents.crs).locate(x, y)
    members = _members(incidents, place, periods)
    kept = members[(members["place"] >= 0) & (members["period"] >= 0)]
    at = (kept["place"].to_numpy(), kept["period"].to_numpy())
    matrix = sparse.coo_array((np.ones(len(kept), np.int64), at), shape=(len(areas), len(periods))).tocsc()
    matrix.sum_duplicates()
    return matrix, periods, [str(name) for name in areas.ids], members


def _members(incidents: Incidents, place: npt.NDArray[np.int64], periods: Periods) -> pd.DataFrame:
    ids = incidents.frame["id"].to_numpy()
    return pd.DataFrame({"id": ids, "place": place, "period": periods.locate(incidents.time)})


def _past(detector: _Detector, matrix: Floats, starts: Dates, looks: int) -> tuple[Floats, Floats] | None:
    """p and q of every place at past looks, shape (looks, n) each, latest first; None where the past is too short."""
    found = []
    last = matrix.shape[1] - 1
    # Looks whose periods the latest one shares would count what is found now as a false alarm of the past.
    gap = {"cusum": WATCHED, "ears_c3": RUNNING}.get(detector.method, 1)
    for k in range(last - gap, max(last - gap - looks, 0), -1):
        try:
            found.append(detector.at(matrix, starts, k).p_and_q())
        except NotEnoughDataError:
            break
    return (np.array([p for p, _ in found]), np.array([q for _, q in found])) if found else None


def _rate(past: tuple[Floats, Floats], level: float, days: float) -> float:
    """Places a year that were at or below a false-discovery rate."""
    return float((past[1] <= level).sum() / len(past[1]) * YEAR / days)


def _told(
    look: _Look,
    names: list[str],
    periods: Periods,
    past: tuple[Floats, Floats] | None,
    members: pd.DataFrame | None,
    *,
    level: float,
    alarms: float,
) -> tuple[Signal, ...]:
    """Places above their own bound, or with a low false-discovery rate; lowest p-value first."""
    p, q = look.p_and_q()
    bounds, days, told = look.bounds, periods.frequency.days, []
    shown = np.flatnonzero(bounds.alarm | (q[look.which] <= level))
    for row in shown[np.argsort(p[look.which[shown]], kind="stable")]:
        i = int(look.which[row])
        often = None if past is None else float((past[0] <= p[i]).sum() / len(past[0]) * YEAR / days)
        held: tuple[str, ...] = ()
        if members is not None:
            within = (members["place"] == i) & (members["period"] >= look.first)
            held = tuple(str(name) for name in members.loc[within, "id"])
        told.append(
            Signal(
                place=names[i], start=periods.edges[look.first], end=periods.end, observed=int(bounds.observed[row]),
                expected=float(bounds.expected[row]), upper=float(bounds.upper[row]), p=float(p[i]),
                q=float(q[i]), alarms_a_year=often, incidents=held,
                signal=bool(q[i] <= level and (often is None or often <= alarms)),
            )
        )  # fmt: skip
    return tuple(told)


def _notes(method: Method, bounds: Bounds, starts: Dates, k: int) -> tuple[str, ...]:
    notes = []
    years = years_back(starts, at=k, most=MOST_YEARS) if method == "farrington" else MOST_YEARS
    if years < MOST_YEARS:
        rest = "; with fewer than 3 it fits no trend." if years < 3 else "."
        notes.append(
            f"The records hold {years} of the {MOST_YEARS} past years that the method was made for{rest}"
        )
    unknown = int(np.isnan(bounds.p).sum())
    if unknown:
        notes.append(f"Nothing can be said of {unknown} places, which have no past to go by.")
    return tuple(notes)
