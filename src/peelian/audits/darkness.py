"""The veil of darkness: whether a group is stopped less, at the same clock time, when it is harder to see who it is.

At 18:30 it is light in summer and dark in winter. Who is about then changes less over the year than what can be seen.
So stops are compared within the window of clock times in which it is light on some days and dark on others, at the
same clock time, with and without light (Grogger and Ridgeway 2006, Testing for racial profiling in traffic stops from
behind a veil of darkness, Journal of the American Statistical Association 101). A smaller share of a group after dark
is what one would see if it were stopped partly for being seen.

The model: log odds that a stop is of the group and not of the reference = darkness + natural spline of clock time, of
degree 1 to 6, + area. The daylight-saving variant keeps the weeks around the change of clocks, when the light at a
clock time jumps by an hour overnight and hardly anything else does (Ridgeway 2009, Cincinnati Police Department traffic
stops; Pierson et al. 2020, A large-scale analysis of racial disparities in police stops, Nature Human Behaviour 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.audits.base import Audit
from peelian.audits.benchmark import groups_to_compare
from peelian.audits.finding import Finding, Threshold
from peelian.audits.logistic import Fit, logistic, natural_spline
from peelian.audits.stop_light import Light, around_clock_changes, light_of
from peelian.audits.stop_records import StopRecords
from peelian.audits.thresholds import keeps_within
from peelian.errors import NotEnoughDataError, UsageError

__all__ = ["DEGREES", "DarknessTest", "darkness_test"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DEGREES = (1, 2, 3, 4, 5, 6)
MAIN = 6
"""The degree whose ratio is told first; all are shown."""
FEWEST = 20
"""Stops of the group, and of the reference, that there must be both with light and after dark."""
FEWEST_IN_AREA = 30
WEEKS = 4
DST_DEGREE = 3
POWER = 0.8

LIMITS = (
    (
        "It takes for granted that who is stopped is harder to see after dark. Street lamps, the moon and headlights "
        "are left out: lit streets hide a difference and make the ratio lean towards 1."
    ),
    "Who drives and walks may change with the light itself, and not only with the hour and the season.",
    (
        "Only stops in the hours when it is light on some days and dark on others are in it, and only that somebody "
        "was stopped is tested: nothing after it, such as a search."
    ),
    "That no difference is found doesn't show that there is none at other hours, or by signs that dark doesn't hide.",
    "Where officers leave the group out more often after dark, the ratio shows that too.",
)


@dataclass(frozen=True, eq=False)
class DarknessTest(Audit):
    """What `darkness_test` found.

    Parameters
    ----------
    reference : str
    level : float
    window : (float, float)
        First and last minute of the day in the window.
    counts : mapping
        ``stops`` with a clock time and place, ``in_window``, ``in_twilight`` (left out), ``used``.
    table : pandas.DataFrame
        One row a group and model: ``group``, ``model``, ``degree``, ``stops``, ``dark`` (share), ``ratio`` (odds
        ratio of darkness; NaN: no estimate), ``low``, ``high``, ``p``, ``why``.
    by_light : pandas.DataFrame
        For a picture: half hour of the clock, group's share of stops in ``light`` and ``dark``, and how many stops.
    found : tuple of Finding
    notes : tuple of str
    """

    reference: str
    level: float
    window: tuple[float, float]
    counts: Mapping[str, int]
    table: pd.DataFrame
    by_light: pd.DataFrame
    found: tuple[Finding, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One for each group; the other degrees and variants are in its details."""
        return self.found

    @property
    def limits(self) -> tuple[str, ...]:
        """What the comparison can't tell."""
        return LIMITS

    @property
    def frame(self) -> pd.DataFrame:
        """The table."""
        return self.table

    def sentences(self) -> list[str]:
        """The ratio of each group, over all degrees."""
        a, b = (f"{int(m // 60)}:{int(m % 60):02d}" for m in self.window)
        said = []
        for one in self.found:
            if one.value is None:
                said.append(f"{one.subject}: {one.limits[0]}")
                continue
            ends = one.details["least_of_degrees"], one.details["most_of_degrees"]
            tail = f"{ends[0]:.2f} to {ends[1]:.2f} over splines of degree {DEGREES[0]} to {DEGREES[-1]}"
            smaller = "smaller" if one.value < 1 else "larger"
            sure = one.low is not None and one.high is not None and not one.low <= 1 <= one.high
            verdict = f"The share is {smaller} after dark" if sure else "No difference was found"
            said.append(
                f"Between {a} and {b} at the same clock time, the odds after dark that a stop is of {one.subject} are "
                f"{one.value:.2f} times those in daylight ({self.level * 100:g} % interval {one.low:.2f} to "
                f"{one.high:.2f}; {tail}). {verdict}. This many stops show a ratio beyond "
                f"{_apart(one.details['least_shown'])} 80 times in 100, and a smaller one less often."
            )
        return said


def _apart(ratio: float) -> str:
    return f"{1 / ratio:.2f} or {ratio:.2f}"


def darkness_test(
    records: StopRecords,
    *,
    reference: str | None = None,
    lat: float | None = None,
    lon: float | None = None,
    degrees: Sequence[int] = DEGREES,
    weeks: int = WEEKS,
    level: float = 0.95,
    thresholds: Mapping[str, Threshold] | None = None,
) -> DarknessTest:
    """Compare who is stopped with light and after dark at the same clock time.

    Parameters
    ----------
    records : StopRecords
        With clock times and a zone.
    reference : str, optional
        The group that the others are compared with; the one with most stops when not given.
    lat, lon : float, optional
        WGS84 degrees of the place, for stops of which no coordinates are known.
    degrees : sequence of int
        Of the natural spline of clock time.
    weeks : int
        Before and after a change of clocks, in the daylight-saving variant.
    level : float
    thresholds : mapping of str to Threshold, optional
        For ``darkness_odds_ratio``.

    Raises
    ------
    UsageError
        A setting is off, or neither stops nor the call say where it is.
    NotEnoughDataError
        Clock times can't be used, or no group has 20 stops with light and 20 after dark in the window.
    """
    if not 0.5 <= level < 1 or not degrees or not 1 <= weeks <= 12:
        msg = f"a level of {level}, degrees {tuple(degrees)} and {weeks} weeks were given; expected a level under 1, "
        msg += "a degree or more, and 1 to 12 weeks"
        raise UsageError(msg)
    chosen, others = groups_to_compare(records, reference)
    light = light_of(records, lat=lat, lon=lon)
    near = around_clock_changes(records, weeks=weeks)
    parts = [_Pair(records, light, near, group, chosen, tuple(degrees), level) for group in others]
    if all(part.small for part in parts):
        told = "; ".join(part.told for part in parts)
        msg = (
            f"stops in the window are {told}; expected {FEWEST} of two groups, both with light and after dark"
        )
        raise NotEnoughDataError(msg, hint="give a whole year or more")
    table = pd.DataFrame([row for part in parts for row in part.rows()])
    notes = [*light.notes, *_missing(records, light)]
    if not near.any():
        notes.append(
            "The stops have no weeks around a change of clocks, so there is no daylight-saving variant."
        )
    return DarknessTest(
        reference=chosen,
        level=level,
        window=light.window,
        counts=light.counts,
        table=table,
        by_light=_by_light(records, light, chosen, [part.group for part in parts if not part.small]),
        found=tuple(part.finding(table, thresholds or {}) for part in parts),
        notes=tuple(notes),
    )


def _missing(records: StopRecords, light: Light) -> list[str]:
    """How often no group was recorded, with light and after dark."""
    none = records.frame["group"].isna().to_numpy()
    if not (none & light.used).any():
        return []
    dark, bright = (float(none[light.used & (light.dark == d)].mean()) for d in (True, False))
    return [
        f"No group was recorded in {bright * 100:.1f} % of the stops in daylight, and in {dark * 100:.1f} % after dark."
    ]


class _Pair:
    """Stops of a group and of the reference, in the window and out of twilight."""

    def __init__(
        self,
        records: StopRecords,
        light: Light,
        near: Bools,
        group: str,
        reference: str,
        degrees: tuple[int, ...],
        level: float,
    ) -> None:
        label = records.frame["group"].to_numpy(dtype=object)
        rows = light.used & ((label == group) | (label == reference))
        frame = records.frame[rows]
        self.group, self.reference, self.degrees, self.level = group, reference, degrees, level
        self.y, self.dark, self.near = label[rows] == group, light.dark[rows], near[rows]
        self.minute = frame["minute"].to_numpy(dtype=float)
        none = light.used & pd.isna(label)
        self.missing = int((none & light.dark).sum()), int((none & ~light.dark).sum())
        self.day = pd.factorize(frame["day"])[0]
        self.season = pd.factorize(frame["day"].dt.year * 2 + (frame["day"].dt.month > 6))[0]
        self.area = _areas(frame["area"], self.y)
        cells = [int((self.dark == d)[self.y == g].sum()) for g in (True, False) for d in (True, False)]
        self.small, self.cells = min(cells) < FEWEST, cells
        self.told = (
            f"{group} {cells[0]} dark and {cells[1]} light, {reference} {cells[2]} dark and {cells[3]} light"
        )

    def rows(self) -> list[dict[str, Any]]:
        """A row for each model."""
        if self.small:
            return []
        everyone = np.ones(len(self.y), dtype=bool)
        main = self.degrees[-1]
        made = [self._row("areas", d, everyone) for d in self.degrees]
        made += [
            self._row("clock time alone", main, everyone),
            self._row("each area its own clock time", main, everyone),
        ]
        if self.near.any():
            made.append(self._row("around changes of clocks", min(DST_DEGREE, main), self.near))
        return made

    def _row(self, model: str, degree: int, rows: Bools) -> dict[str, Any]:
        own: dict[str, Any] = {
            "group": self.group,
            "model": model,
            "degree": degree,
            "stops": int(rows.sum()),
        }
        own["dark"] = float(self.dark[rows].mean()) if rows.any() else np.nan
        cells = [
            int((self.dark == d)[rows & (self.y == g)].sum()) for g in (True, False) for d in (True, False)
        ]
        try:
            if min(cells) < FEWEST:
                msg = f"fewer than {FEWEST} stops of a group with light or after dark"
                raise NotEnoughDataError(msg)
            fit = logistic(self._columns(model, degree, rows), self.y[rows], clusters=self.day[rows])
        except NotEnoughDataError as error:
            return {
                **own,
                "ratio": np.nan,
                "low": np.nan,
                "high": np.nan,
                "p": np.nan,
                "error": np.nan,
                "why": error.message,
            }
        return {**own, **self._ratio(fit), "why": ""}

    def _ratio(self, fit: Fit) -> dict[str, float]:
        value, error = float(fit.coefficients[1]), fit.error(1)
        t = stats.t(fit.clusters - 1)
        half = float(t.ppf((1 + self.level) / 2)) * error
        ends = np.exp([value, value - half, value + half])
        p = float(2 * t.sf(abs(value) / error)) if error > 0 else np.nan
        return {
            "ratio": float(ends[0]),
            "low": float(ends[1]),
            "high": float(ends[2]),
            "p": p,
            "error": error,
        }

    def _columns(self, model: str, degree: int, rows: Bools) -> Floats:
        dark, clock = self.dark[rows].astype(float), natural_spline(self.minute[rows], degree=degree)
        columns = [np.ones(len(dark)), dark, *clock.T]
        if model != "clock time alone":
            columns += _dummies(self.area[rows], self.y[rows])
        if model == "each area its own clock time":
            columns += [
                one * (clock[:, 0] - clock[:, 0].mean()) for one in _dummies(self.area[rows], self.y[rows])
            ]
        if model == "around changes of clocks":
            columns += _dummies(self.season[rows], self.y[rows])
        return np.stack(columns, axis=1)

    def _bounds(self) -> dict[str, float | None]:
        """Ends of the ratio of the plain odds in the window, whatever the missing groups were."""
        (a, c, b, d), (dark, light) = self.cells, self.missing
        low, high = a * d / ((b + dark) * (c + light)), (a + dark) * (d + light) / (b * c)
        return {"plain": a * d / (b * c), "bound_low": low, "bound_high": high}

    def finding(self, table: pd.DataFrame, thresholds: Mapping[str, Threshold]) -> Finding:
        """The ratio at the highest degree, with the range over the others."""
        own = table[table["group"] == self.group] if len(table) else table
        known = own[(own["model"] == "areas") & own["ratio"].notna()] if len(own) else own
        held = thresholds.get("darkness_odds_ratio")
        subject, level = f"{self.group} and not {self.reference}", self.level
        name, measure = (
            f"darkness_odds_ratio/clock time and area/{self.group}",
            "odds after dark to odds in daylight",
        )
        if not len(known):
            why = (f"{self.told}: too few in the window for a number.",)
            return Finding(name, measure, subject, None, None, None, level, threshold=held, limits=why)
        row = known.iloc[-1]
        z = float(stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(POWER))
        others = own[own["model"] != "areas"].set_index("model")["ratio"].dropna()
        details = {
            "degree": int(row["degree"]),
            "stops": int(row["stops"]),
            "least_of_degrees": float(known["ratio"].min()),
            "most_of_degrees": float(known["ratio"].max()),
            "least_shown": float(np.exp(z * row["error"])),
            "p": float(row["p"]),
            **self._bounds(),
            **{str(model): float(ratio) for model, ratio in others.items()},
        }
        value = float(row["ratio"])
        passes = keeps_within("darkness_odds_ratio", value, held)
        ends = float(row["low"]), float(row["high"])
        return Finding(
            name, measure, subject, value, *ends, level, "", held, passes, limits=LIMITS[:2], details=details
        )  # fmt: skip


def _areas(area: pd.Series, y: Bools) -> npt.NDArray[np.int64]:
    """Numbers of areas; those with few stops, or of one group only, are one together (0)."""
    names = area.fillna("no place").to_numpy(dtype=object)
    table = pd.DataFrame({"area": names, "y": y}).groupby("area")["y"].agg(["size", "sum"])
    enough = table[
        (table["size"] >= FEWEST_IN_AREA) & (table["sum"] >= 3) & (table["size"] - table["sum"] >= 3)
    ]
    number = {str(name): k + 1 for k, name in enumerate(sorted(enough.index))}
    return np.array([number.get(str(one), 0) for one in names], dtype=np.int64)


def _dummies(code: npt.NDArray[np.int64], y: Bools) -> list[Floats]:
    """A column for each value but the most frequent, which those join where only one outcome is seen."""
    values, counts = np.unique(code, return_counts=True)
    base = values[int(np.argmax(counts))]
    return [
        (code == v).astype(float)
        for v in values
        if v != base and 0 < int(y[code == v].sum()) < int((code == v).sum())
    ]


def _by_light(records: StopRecords, light: Light, reference: str, groups: Sequence[str]) -> pd.DataFrame:
    """Share of each group among itself and the reference, by half hour, with light and after dark."""
    label = records.frame["group"].to_numpy(dtype=object)
    half = (records.frame["minute"] // 30 * 30).to_numpy()
    rows = []
    for group in groups:
        pair = light.used & ((label == group) | (label == reference))
        for at in np.unique(half[pair]):
            for name, dark in (("light", False), ("dark", True)):
                cell = pair & (half == at) & (light.dark == dark)
                n = int(cell.sum())
                share = float((label[cell] == group).mean()) if n else np.nan
                rows.append({"group": group, "minute": float(at), "light": name, "stops": n, "share": share})
    return pd.DataFrame(rows, columns=["group", "minute", "light", "stops", "share"])
