"""Where more reports than usual are to be expected for now, as others were made near by and lately, and until when.

The table of near repeats says how far and for how long reports are followed by others. Here it is laid around the
reports of the last weeks. What comes out is about places and days: it says nothing of anyone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from peelian.errors import CRSError, UsageError
from peelian.patterns.base import Pattern, axes
from peelian.patterns.near_repeat import NearRepeat
from peelian.patterns.point_events import plain
from peelian.patterns.zone_profile import Profile, profile_of
from peelian.places.crs import metres_per_unit, same_crs
from peelian.places.periods import Day, as_day

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from peelian.places.grid import Grid
    from peelian.records.incidents import Incidents

__all__ = ["Elevated", "elevated", "near_cells"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LIMITS = (
    "A zone is about reports of the past and how reports followed each other so far; most zones see no further report.",
    "What raised the number of reports near by is not known, and may have ended, or have been the reporting.",
    "Extra reports are summed over sources: one that is near two of them is in both sums, so that sums are high.",
    "Where reports are few, or known late, a zone is missing rather than calm.",
    "Being in a zone is no ground to suspect anyone who lives in it or is there.",
)


@dataclass(frozen=True, eq=False)
class Elevated(Pattern):
    """The zones around recent reports in which more are to be expected as of a day.

    Parameters
    ----------
    at : numpy.datetime64
        The day for which it holds; only reports of days before it are sources.
    zones : pandas.DataFrame
        One row a place: ``zone``, ``sources`` (number), ``x`` and ``y`` (their mean, CRS units), ``radius_m`` (the
        farthest reach of a source), ``ratio`` with ``ratio_low`` and ``ratio_high`` (at its highest), ``expires`` (the
        last day), ``extra``, ``extra_low`` and ``extra_high`` (reports that follow its sources from then on beyond
        those by chance), ``ids`` (of the sources), ``cells``, and where rates are given ``usual`` (reports to expect
        in its cells until they expire if nothing were raised).
    sources : pandas.DataFrame
        One row a source: ``id``, ``zone``, ``x``, ``y``, ``day``, ``radius_m``, ``ratio``, ``until``.
    cells : pandas.DataFrame
        One row a raised cell of the grid: ``cell`` (number), ``id``, ``zone``, ``ratio``, ``until``.
    """

    at: np.datetime64
    zones: pd.DataFrame
    sources: pd.DataFrame
    cells: pd.DataFrame
    profile: Profile
    table: NearRepeat
    settings: dict[str, Any]

    @property
    def frame(self) -> pd.DataFrame:
        """The zones, that with the highest ratio first."""
        return self.zones

    def sentence(self) -> str:
        """What was found and how sure that is."""
        if not self.profile.raised.any():
            return (
                f"As of {self.at} no zone is raised: in the table no band of distance and time has more pairs of "
                "reports than chance makes."
            )
        if not len(self.zones):
            return f"As of {self.at} no zone is raised: no report of the last {self.profile.days_after} days is near."
        row = self.zones.iloc[0]
        extra, low, high = (float(self.zones[k].sum()) for k in ("extra", "extra_low", "extra_high"))
        told = (
            f"As of {self.at}, {len(self.zones):,} places around {len(self.sources):,} recent reports are raised, the "
            f"last until {self.zones['expires'].max()}; at the highest, reports follow {row['ratio']:.1f} times as "
            f"often as by chance ({row['ratio_low']:.1f} to {row['ratio_high']:.1f}). In all of them together, about "
            f"{extra:.1f} reports more than by chance are to be expected until they expire ({low:.1f} to {high:.1f})"
        )
        if "usual" in self.zones:
            told += f", beside {float(self.zones['usual'].sum()):.1f} that are usual there"
        return told + "."

    def to_dict(self) -> dict[str, Any]:
        """Settings, zones, cells and limits as plain data."""
        made: dict[str, Any] = plain(
            {
                "settings": self.settings,
                "at": str(self.at),
                "zones": self.zones.to_dict("records"),
                "sources": self.sources.to_dict("records"),
                "cells": self.cells.to_dict("records"),
                "bands_used": int(self.profile.raised.sum()),
                "span_of_the_table": self.table.span,
                "sentence": self.sentence(),
                "limits": list(LIMITS),
            }
        )
        return made

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The reach of each source, darker where reports follow more often."""
        ax = axes(ax)
        from matplotlib.collections import EllipseCollection

        s = self.sources
        colour = {"cmap": "YlOrBr", "clim": (1.0, max(float(s["ratio"].max()), 1.1) if len(s) else 2.0)}
        size = 2 * s["radius_m"].to_numpy() / self.settings["metres_per_unit"]
        rings = EllipseCollection(
            size,
            size,
            np.zeros(len(s)),
            units="x",
            offsets=s[["x", "y"]].to_numpy(),
            offset_transform=ax.transData,
            array=s["ratio"].to_numpy(),
            alpha=0.5,
            **colour,
        )
        ax.add_collection(rings)
        ax.scatter(s["x"], s["y"], s=8, c=s["ratio"], cmap="YlOrBr", vmin=1, edgecolors="0.3", linewidths=0.3)
        ax.set_aspect("equal")
        ax.ticklabel_format(style="plain", useOffset=False)
        ax.tick_params(axis="x", rotation=45)
        ax.set_title(f"Raised as of {self.at}", fontsize="medium")
        if len(s):
            ax.figure.colorbar(rings, ax=ax, label="times as often as by chance")
        return ax


def elevated(
    found: NearRepeat,
    incidents: Incidents,
    *,
    at: Day,
    grid: Grid | None = None,
    per_day: npt.ArrayLike | None = None,
    least_ratio: float = 1.0,
) -> Elevated:
    """Lay a table of near repeats around the reports before a day.

    Parameters
    ----------
    found : NearRepeat
        From the past of the same kind of incidents; only bands that stand out count.
    incidents : Incidents
        Of which those before `at` are sources.
    at : date
        The first day for which zones are asked.
    grid : Grid, optional
        To tell which cells are raised: those with their middle within reach of a source, and those it is in.
    per_day : array of float, shape (n_cells,), optional
        Reports that are usual in each cell a day, to be told beside those that are expected beyond. Not the bare
        counts of the cells: those with a recent report had one at least.
    least_ratio : float
        What the lower end of a band's interval must be above for the band to count.

    Raises
    ------
    UsageError
        Rates without a grid or not fit for it, a `least_ratio` below 1, or a table of elapsed time.
    ResolutionError
        Times are known only to the month.
    CRSError
        Incidents and grid are in different CRS.

    Notes
    -----
    Bowers, Johnson and Pease (2004), "Prospective hot-spotting: the future of crime mapping?", British Journal of
    Criminology 44, from whom it is that places are raised for a while and not for good.
    """
    incidents.require("day")
    day = as_day(at)
    usual = _usual(per_day, grid)
    if grid is not None and not same_crs(incidents.crs, grid.crs):
        msg = f"incidents in {incidents.crs} were given with a grid in {grid.crs}"
        raise CRSError(msg, hint=f"make the grid in {incidents.crs}")
    profile = profile_of(found, least_ratio=least_ratio)
    scale = metres_per_unit(incidents.crs)
    sources = _sources(incidents, profile, day)
    sources["zone"] = _merged(sources, scale)
    cells = _cells(sources, profile, day, grid, usual)
    zones = _zones(sources, cells)
    settings = {
        "at": str(day),
        "least_ratio": least_ratio,
        "level": found.level,
        "distances_m": found.distances.tolist(),
        "days": found.days.tolist(),
        "crs": incidents.crs,
        "metres_per_unit": scale,
        "grid": None if grid is None else grid.to_dict(),
    }
    # The first zone is the one that stands out most.
    number = dict(zip(zones["zone"], range(1, len(zones) + 1), strict=True))
    for frame in (zones, sources, cells):
        frame["zone"] = frame["zone"].map(number).astype(int)
    return Elevated(day, zones, sources.drop(columns=["age"]), cells, profile, found, settings)


def _usual(per_day: npt.ArrayLike | None, grid: Grid | None) -> Floats | None:
    if per_day is None:
        return None
    rates = np.asarray(per_day, dtype=np.float64)
    if grid is None or rates.shape != (len(grid),) or not np.all(np.isfinite(rates)) or np.any(rates < 0):
        cells = "no grid" if grid is None else f"{len(grid):,} cells"
        msg = f"rates of shape {rates.shape} were given for {cells}; expected one of 0 or more for each cell"
        raise UsageError(msg, hint="counts.by_cell / days, with grid=counts.grid")
    return rates


def _sources(incidents: Incidents, profile: Profile, day: np.datetime64) -> pd.DataFrame:
    """The reports that raise something on `day`, with how far, how much and until when."""
    rows = incidents.frame
    when = incidents.time.astype("datetime64[D]")
    age = (day - when).astype(np.int64)
    band = profile.band(age)
    reach = profile.reach()[band]
    at = np.flatnonzero((age > 0) & ~np.isnan(reach))
    table, band = profile.table, band[at]
    # What holds nearest to the source: the first band of distance that is raised.
    inner = profile.raised.argmax(axis=0)[band]
    extra, low, high = profile.further(age[at]).T
    made = pd.DataFrame(
        {
            "id": rows["id"].to_numpy()[at],
            "x": incidents.x[at],
            "y": incidents.y[at],
            "day": when[at].astype(str),
            "age": age[at],
            "radius_m": reach[at],
            "ratio": table.ratio[inner, band],
            "ratio_low": table.ratio_low[inner, band],
            "ratio_high": table.ratio_high[inner, band],
            "until": (when[at] + profile.last_day(band).astype("timedelta64[D]")).astype(str),
            "extra": extra,
            "extra_low": low,
            "extra_high": high,
        }
    )
    return made.sort_values(["day", "id"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _merged(sources: pd.DataFrame, scale: float) -> Ints:
    """Number of the place of each source: those whose circles overlap are of one place."""
    n = len(sources)
    if not n:
        return np.zeros(0, dtype=np.int64)
    places = sources[["x", "y"]].to_numpy() * scale
    radius = sources["radius_m"].to_numpy()
    # Those at one point are one node, however many there are.
    points, node = np.unique(places, axis=0, return_inverse=True)
    far = np.zeros(len(points))
    np.maximum.at(far, node.reshape(-1), radius)
    i, j = cKDTree(points).query_pairs(2 * float(far.max()) + 1e-6, output_type="ndarray").T
    near = np.hypot(*(points[i] - points[j]).T) <= far[i] + far[j] + 1e-6
    graph = sparse.coo_array((np.ones(int(near.sum())), (i[near], j[near])), shape=(len(points), len(points)))
    return np.asarray(connected_components(graph, directed=False)[1][node.reshape(-1)], dtype=np.int64)


def near_cells(x: Floats, y: Floats, grid: Grid, distances: Floats) -> tuple[Ints, Ints, Ints]:
    """Pairs of a point and a cell within the last of `distances`: their numbers, and the band of distance.

    A cell is as far off as its middle. One that the point is in is always there, as band d + 1: the last row of
    :meth:`Profile.ratios`.
    """
    scale = metres_per_unit(grid.crs)
    cx, cy = grid.centres()
    home = grid.locate(x, y)
    tree = cKDTree(np.c_[cx, cy])
    found = tree.query_ball_point(np.c_[x, y], (float(distances[-1]) + 1e-6) / scale, return_sorted=True)
    each = [np.asarray(cells, dtype=np.int64) for cells in found]
    point = np.repeat(np.arange(x.size), [cells.size for cells in each])
    cell = np.concatenate([np.zeros(0, np.int64), *each])
    other = cell != home[point]
    point, cell = point[other], cell[other]
    inside = np.flatnonzero(home >= 0)
    far = np.hypot(cx[cell] - x[point], cy[cell] - y[point]) * scale
    band = np.searchsorted(distances + 1e-6, far)
    own = np.full(inside.size, distances.size + 1)
    return np.append(inside, point), np.append(home[inside], cell), np.append(own, band)


def _cells(
    sources: pd.DataFrame, profile: Profile, day: np.datetime64, grid: Grid | None, usual: Floats | None
) -> pd.DataFrame:
    """The cells that are raised on the day, until when, and what is usual in each until then."""
    if grid is None or not len(sources):
        return pd.DataFrame({"cell": [], "id": [], "zone": [], "ratio": [], "until": []})
    x, y = (sources[c].to_numpy(dtype=np.float64) for c in ("x", "y"))
    point, cell, band = near_cells(x, y, grid, profile.table.distances)
    age = sources["age"].to_numpy()[point]
    ratios = profile.ratios(grid.cell)
    ratio = ratios[band, profile.band(age)]
    today = np.ones(len(grid))
    np.maximum.at(today, cell, ratio)
    # Of the sources that raise a cell as much, the first by number gives it its zone.
    owner = np.full(len(grid), -1)
    ties = np.flatnonzero((ratio > 1) & (ratio == today[cell]))[::-1]
    owner[cell[ties]] = sources["zone"].to_numpy()[point[ties]]
    days = np.zeros(len(grid), dtype=np.int64)
    for ahead in range(profile.days_after):
        raised = np.zeros(len(grid), dtype=np.bool_)
        raised[cell[ratios[band, profile.band(age + ahead)] > 1]] = True
        days += raised & (days == ahead)
    held = np.flatnonzero(days)
    held = held[np.argsort(-today[held], kind="stable")]
    made = pd.DataFrame({"cell": held, "id": grid.ids[held], "zone": owner[held], "ratio": today[held]})
    made["until"] = (day + (days[held] - 1).astype("timedelta64[D]")).astype(str)
    if usual is not None:
        made["usual"] = usual[held] * days[held]
    return made


def _zones(sources: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    columns = ["zone", "sources", "x", "y", "radius_m", "ratio", "ratio_low", "ratio_high", "expires"]
    columns += ["extra", "extra_low", "extra_high", "ids", "cells"]
    if not len(sources):
        return pd.DataFrame({name: [] for name in columns})
    groups = sources.groupby("zone", sort=True)
    top = sources.loc[groups["ratio"].idxmax()].set_index("zone")
    found = groups[["x", "y"]].mean()
    found["sources"], found["ids"] = groups["id"].count(), groups["id"].agg(list)
    found["radius_m"], found["expires"] = groups["radius_m"].max(), groups["until"].max()
    for name in ("ratio", "ratio_low", "ratio_high"):
        found[name] = top[name]
    for name in ("extra", "extra_low", "extra_high"):
        found[name] = groups[name].sum()
    held = cells.groupby("zone")
    found["cells"] = held["cell"].count().reindex(found.index, fill_value=0)
    if "usual" in cells:
        found["usual"] = held["usual"].sum().reindex(found.index, fill_value=0.0)
        columns.append("usual")
    found = found.reset_index()[columns]
    order = np.lexsort((found["zone"], -found["extra"], -found["ratio"]))
    return found.iloc[order].reset_index(drop=True)
