"""Emerging clusters: places with more reports of late than their own past leads to expect, and how sure that is."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.errors import UsageError
from peelian.patterns.base import check_level, check_replicates, false_discovery
from peelian.patterns.emerged import Cluster, Clusters
from peelian.patterns.scan import FEWEST_TOPS, ExpectationScan, Found, Scan, clusters, set_up
from peelian.patterns.scan_permutation import PermutationScan
from peelian.patterns.windows import Windows, grid_windows
from peelian.places.counts import Counts, count_incidents
from peelian.places.grid import Grid
from peelian.places.periods import Day, Periods, as_day
from peelian.records.incidents import Incidents
from peelian.units import Frequency

__all__ = ["counted", "emerging", "scan_of"]

Floats = npt.NDArray[np.float64]

YEAR = 365.2425


def emerging(
    reports: Incidents | Counts,
    grid: Grid | None = None,
    *,
    until: Day | None = None,
    period: str | Frequency = "1w",
    method: Literal["expectation", "permutation"] = "expectation",
    weeks: int = 12,
    nearest: int = 150,
    radius: float | None = None,
    share: float = 0.5,
    fewest: int = 3,
    totals: bool = True,
    scatter: float | None = None,
    replicates: int = 999,
    looks: int = 52,
    level: float = 0.01,
    alarms: float = 4.0,
    most: int = 10,
    windows: Windows | None = None,
    seed: int = 0,
) -> Clusters:
    """Emerging clusters at the end of the records: the prospective space-time scan.

    Parameters
    ----------
    reports : Incidents or Counts
        All of the past that there is, and the periods to look at last.
    grid : Grid
        Cells to count incidents in; not needed with counts.
    until : date, optional
        First day that is not looked at. Default: the day after the last report, or the month; the end of counts.
    period : str
        Of the counts made from incidents.
    method : {"expectation", "permutation"}
        Against what each cell's past leads to expect, or against the margins alone, which needs no long past.
    weeks : int
        Most periods in a cluster, counted back from the end.
    nearest, radius, share
        Largest windows: cells, metres, and share of all that is expected.
    fewest : int
        Reports that a cluster must hold.
    totals : bool
        Whether a wave over the whole area is no news of any place (method "expectation").
    scatter : float, optional
        Variance over mean of chance. None (the default) takes that with which chance is as high as this data's own
        past used to be, or that of single cells where the past is too short for it.
    replicates : int
        From 19 on.
    looks : int
        Past moments that the same scan is done at, one a period, to count false alarms.
    level : float
        Greatest p-value of a signal.
    alarms : float
        Most alarms a year of a signal, in this data's own past.
    most : int
        Most clusters.
    windows : Windows, optional
        Those of ``grid_windows(grid)``, when they were made before for another category.
    seed : int

    Returns
    -------
    Clusters
        Empty where nothing was reported.

    Raises
    ------
    UsageError
        A setting is off.
    NotEnoughDataError
        Fewer than 8 periods before the window (method "expectation").
    ResolutionError
        Weeks of records that know only the month.
    """
    check_replicates(replicates)
    check_level(level)
    scan = scan_of(method, weeks=weeks, fewest=fewest, totals=totals)
    counts = counted(reports, grid, until=until, period=period)
    if windows is None:
        windows = grid_windows(counts.grid, nearest=nearest, radius=radius)
    elif len(windows) != len(counts.grid):
        msg = f"windows of {len(windows)} cells were given for a grid of {len(counts.grid)}"
        raise UsageError(msg)
    settings = {
        "method": method,
        "weeks": weeks,
        "nearest": nearest,
        "radius_m": radius,
        "share": share,
        "fewest": fewest,
        "totals": totals,
        "replicates": replicates,
        "level": level,
        "alarms": alarms,
        "seed": seed,
        **_data(counts),
    }
    matrix, edges = counts.matrix, counts.periods.edges
    held = int(matrix[:, max(len(counts.periods) - weeks, 0) :].sum())
    if not matrix.sum() or not held:
        none = np.zeros(0)
        return Clusters((), counts.grid, settings, 1.0, level, alarms, held, none)
    ready = set_up(scan, matrix, edges, windows, share=share, looks=looks, scatter=scatter, seed=seed)
    notes = ("The past is too short to match chance to it: it scatters as single cells do.",)
    maxima = ready.look.maxima(replicates, scatter=ready.scatter, seed=seed)
    days = counts.periods.frequency.days
    past = ready.tops if ready.tops.size >= FEWEST_TOPS else None
    found = clusters(ready.look, maxima, most=most)
    ids = _members(reports, counts) if isinstance(reports, Incidents) else None
    told = _told(found, counts, scatter=ready.scatter, tops=past, days=days, ids=ids)
    said = notes if ready.unmatched else ()
    return Clusters(told, counts.grid, settings, ready.scatter, level, alarms, held, ready.tops, said)


def counted(
    reports: Incidents | Counts, grid: Grid | None, *, until: Day | None, period: str | Frequency
) -> Counts:
    """Counts up to `until`, from incidents or as they were given."""
    if isinstance(reports, Counts):
        return reports if until is None else reports.before(until)
    if grid is None:
        msg = "incidents were given without a grid; expected the cells to count them in"
        raise UsageError(msg, hint="study_grid(crs=..., cell=500, areas=...)")
    frequency = Frequency.parse(period)
    if not len(reports):
        # Nothing to count, in one period that is as good as any.
        end = np.datetime64("1970-01-01", "D") if until is None else as_day(until)
        return count_incidents(reports, grid, Periods.covering(frequency.add(end, -1), end, frequency))
    day = reports.time.astype("datetime64[D]")
    if until is not None:
        last = as_day(until)
    elif reports.resolution == "month":
        last = (day.max().astype("datetime64[M]") + 1).astype("datetime64[D]")
    else:
        last = day.max() + 1
    return count_incidents(reports, grid, Periods.covering(_first(day.min(), frequency), last, frequency))


def _first(day: np.datetime64, frequency: Frequency) -> np.datetime64:
    month: np.datetime64 = day.astype("datetime64[M]").astype("datetime64[D]")
    return month if frequency.unit == "mo" else day


def scan_of(method: str, *, weeks: int, fewest: int, totals: bool) -> Scan:
    """The scan of a name, with its settings."""
    if weeks < 1:
        msg = f"clusters of up to {weeks} periods were asked for; expected at least 1"
        raise UsageError(msg, hint="weeks=12")
    if method == "expectation":
        return ExpectationScan(weeks=weeks, fewest=fewest, totals=totals)
    if method == "permutation":
        return PermutationScan(weeks=weeks, fewest=fewest, span=max(52, 4 * weeks))
    msg = f"method={method!r} was given; expected 'expectation' or 'permutation'"
    raise UsageError(msg)


def _members(incidents: Incidents, counts: Counts) -> pd.DataFrame:
    cell = counts.grid.locate(incidents.x, incidents.y)
    period = counts.periods.locate(incidents.time)
    return pd.DataFrame({"id": incidents.frame["id"].to_numpy(), "cell": cell, "period": period})


def _told(
    found: list[Found],
    counts: Counts,
    *,
    scatter: float,
    tops: Floats | None,
    days: float,
    ids: pd.DataFrame | None,
) -> tuple[Cluster, ...]:
    names, (x, y) = counts.grid.ids, counts.grid.centres()
    q = false_discovery([f.p for f in found])
    told = []
    for f, rate in zip(found, q, strict=True):
        low, high = _interval(f.observed, f.expected, scatter)
        first = len(counts.periods) - f.weeks
        held: tuple[str, ...] = ()
        if ids is not None:
            within = ids["cell"].isin(f.members) & (ids["period"] >= first)
            held = tuple(str(name) for name in ids.loc[within, "id"])
        away = np.hypot(x[f.members] - x[f.place], y[f.members] - y[f.place]).max() / counts.grid.side
        told.append(
            Cluster(
                place=str(names[f.place]), x=float(x[f.place]), y=float(y[f.place]),
                radius=float((away + 0.5) * counts.grid.cell),
                cells=tuple(str(name) for name in names[f.members]),
                start=counts.periods.edges[first], end=counts.periods.end, weeks=f.weeks,
                observed=f.observed, expected=f.expected, low=low, high=high, score=f.score, p=f.p, q=float(rate),
                recurrence=days / f.p, alarms_a_year=_a_year(f.score, tops, days), incidents=held,
            )
        )  # fmt: skip
    return tuple(told)


def _a_year(score: float, tops: Floats | None, days: float) -> float | None:
    return None if tops is None else float((tops >= score).mean() * YEAR / days)


def _data(counts: Counts) -> dict[str, Any]:
    return {
        "until": str(counts.periods.end),
        "period": str(counts.periods.frequency),
        "periods": len(counts.periods),
        "grid": counts.grid.to_dict(),
    }


def _interval(observed: int, expected: float, scatter: float) -> tuple[float, float]:
    """Garwood's interval of a count over what was expected, widened for scatter."""
    c = observed / scatter
    low = 0.0 if observed == 0 else float(stats.chi2.ppf(0.025, 2 * c)) / 2
    high = float(stats.chi2.ppf(0.975, 2 * (c + 1))) / 2
    return low * scatter / expected, high * scatter / expected
