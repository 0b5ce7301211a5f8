"""Whether a finding hangs on the grid: the same hours and residents in other units, origins and blocks.

Any ratio that is made over areas depends on where the areas are drawn (the modifiable areal unit problem: Gehlke and
Biehl 1934; Openshaw 1984, CATMOG 38). No unit is the right one, so the ratio is told over all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits import labels
from peelian.audits.base import ECOLOGICAL, Audit, plain_rows
from peelian.audits.by_unit import by_unit, coordinates
from peelian.audits.finding import Finding, Threshold
from peelian.audits.resampled import Resampled
from peelian.audits.thresholds import keeps_within
from peelian.audits.words import told
from peelian.errors import UsageError

__all__ = ["LIMITS", "SensitivityAudit", "sensitivity_audit"]

Floats = npt.NDArray[np.float64]

LIMITS = (
    ECOLOGICAL,
    (
        "Units can be joined and not split: what units smaller than these would show is not known, and where residents "
        "live within them is not either."
    ),
    "A joined unit holds the hours of all its parts: a resident is taken to be exposed to all of them.",
)

AS_THEY_ARE = "as they are"
MOST_MOVES = 99
"""Maps of moved groups in other units: the ends of a 95 % interval are the third from either end."""

FEWEST_UNITS = 4
MOST_ORIGINS = 36


@dataclass(frozen=True, eq=False)
class SensitivityAudit(Audit):
    """What `sensitivity_audit` found.

    Parameters
    ----------
    reference : str
    """

    reference: str
    _frame: pd.DataFrame = field(repr=False)
    _findings: tuple[Finding, ...] = field(repr=False)
    _sentences: tuple[str, ...] = field(repr=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """For each group the range over units, and the widest interval over blocks."""
        return self._findings

    @property
    def limits(self) -> tuple[str, ...]:
        """What joining units leaves open."""
        return LIMITS

    @property
    def frame(self) -> pd.DataFrame:
        """One row a setting and group.

        ``group``, ``varied`` (units or blocks), ``setting``, ``side`` (metres; NaN where there is none),
        ``shift_x`` and ``shift_y`` (shares of a side), ``units``, ``blocks``, ``ratio``, ``low``, ``high``.
        """
        return self._frame

    def sentences(self) -> list[str]:
        """The range over units, for each group."""
        return list(self._sentences)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**super().to_dict(), "reference": self.reference, "rows": plain_rows(self.frame)}


def sensitivity_audit(
    hours: npt.ArrayLike,
    *,
    residents: pd.DataFrame,
    reference: str,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    sides: Sequence[float] = (500.0, 1000.0, 2000.0),
    origins: int = 4,
    block_side: float = 1000.0,
    block_sides: Sequence[float] = (500.0, 1000.0, 2000.0, 4000.0),
    zones: Mapping[str, npt.ArrayLike] | None = None,
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    moved: npt.NDArray[np.int64] | None = None,
    thresholds: Mapping[str, Threshold] | None = None,
) -> SensitivityAudit:
    """Measure the exposure ratio again in larger squares from several origins, in zones, and with other blocks.

    Parameters
    ----------
    hours : array of float, shape (n_units,)
    residents : pandas.DataFrame, shape (n_units, n_groups)
    reference : str
    x, y : array of float, shape (n_units,)
        Middles of the units in metres.
    sides : sequence of float
        Sides of the squares that units are joined to, in metres.
    origins : int
        From how many origins each size is laid: a whole square number, so that they are spread evenly over a square.
    block_side : float
        Of the blocks while units vary, in metres; a larger square is its own block.
    block_sides : sequence of float
        Of the blocks while units stay as they are, in metres.
    zones : mapping of str to array, shape (n_units,), optional
        Other units by name, such as neighborhoods: the label of the zone of each unit.
    level, replicates, seed
        Of the intervals: percentiles of a bootstrap of blocks.
    moved : array of int, shape (any, n_units), optional
        Maps of the groups moved over the city (`peelian.audits.labels.shifts`): intervals of ratios are no narrower
        than chance moves a ratio. Without them they are those of blocks alone.
    thresholds : mapping of str to Threshold, optional
        For ``grid_range``: the most that the largest ratio may be of the smallest.

    Returns
    -------
    SensitivityAudit

    Raises
    ------
    UsageError
        A side is not above 0, the number of origins is no whole square, or a shape is off.
    DataError, NotEnoughDataError
        As `peelian.audits.resampled.Resampled.of`.
    """
    lengths = [*sides, *block_sides, block_side]
    root = round(np.sqrt(max(origins, 0)))
    if (
        any(not (np.isfinite(v) and v > 0) for v in lengths)
        or root**2 != origins
        or not 0 < origins <= MOST_ORIGINS
    ):
        msg = f"sides of {', '.join(f'{v:g}' for v in lengths)} m from {origins} origins were given"
        raise UsageError(msg, hint="sides above 0, and 1, 4, 9, 16, 25 or 36 origins")
    at = coordinates(x, y, len(residents))
    city = Resampled.of(
        residents,
        reference=reference,
        block=_squares(at, block_side),
        level=level,
        replicates=replicates,
        seed=seed,
        moved=moved,
    )
    laid = _Laid(city, by_unit("hours", hours, city.n), at, block_side)
    cities = [*laid.cells(sides, root), *laid.zones(zones or {}, city.n), *laid.blocks(block_sides)]
    frame = pd.DataFrame([_row(setting, one, h, g) for setting, one, h in cities for g in city.others])
    told_of = [_findings(city, frame, g, (thresholds or {}).get("grid_range")) for g in city.others]
    return SensitivityAudit(
        reference=reference,
        _frame=frame,
        _findings=tuple(finding for findings, _ in told_of for finding in findings),
        _sentences=tuple(sentence for _, sentence in told_of),
    )


def _squares(at: Floats, side: float, shift: tuple[float, float] = (0.0, 0.0)) -> npt.NDArray[np.int64]:
    """The number of the square that each point falls in, counted from the CRS's own origin and a shift."""
    index = np.floor(at / side - np.array(shift))
    return np.asarray(np.unique(index, axis=0, return_inverse=True)[1], dtype=np.int64).ravel()


Setting = dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Laid:
    """The same hours and residents in other units."""

    city: Resampled
    hours: Floats
    at: Floats
    block_side: float

    def cells(self, sides: Sequence[float], root: int) -> Iterator[tuple[Setting, Resampled, Floats]]:
        yield {"varied": "units", "setting": AS_THEY_ARE}, self.city, self.hours
        for side in sides:
            for i in range(root * root):
                shift = (i % root / root, i // root / root)
                setting = {
                    "varied": "units",
                    "setting": f"squares of {side:g} m",
                    "side": side,
                    "shift_x": shift[0],
                    "shift_y": shift[1],
                }
                yield setting, *self._joined(_squares(self.at, side, shift), max(side, self.block_side))

    def zones(
        self, zones: Mapping[str, npt.ArrayLike], n: int
    ) -> Iterator[tuple[Setting, Resampled, Floats]]:
        for name, given in zones.items():
            labels = np.asarray(given)
            if labels.shape != (n,):
                msg = f"zones {name!r} of shape {labels.shape} were given for {n} units"
                raise UsageError(msg, hint="one label a unit")
            yield (
                {"varied": "units", "setting": name},
                *self._joined(np.unique(labels, return_inverse=True)[1], self.block_side),
            )

    def blocks(self, sides: Sequence[float]) -> Iterator[tuple[Setting, Resampled, Floats]]:
        for side in sides:
            setting = {"varied": "blocks", "setting": f"blocks of {side:g} m", "side": side}
            yield setting, self._with(self.city.residents, _squares(self.at, side)), self.hours

    def _joined(self, unit: npt.NDArray[np.int64], side: float) -> tuple[Resampled, Floats]:
        """Units joined to larger ones, each in the block in which the middle of its parts lies."""
        n = int(unit.max()) + 1
        residents = np.zeros((n, self.city.residents.shape[1]))
        np.add.at(residents, unit, self.city.residents)
        hours = np.asarray(np.bincount(unit, weights=self.hours, minlength=n), dtype=float)
        parts = np.bincount(unit, minlength=n)
        middle = np.column_stack([np.bincount(unit, weights=v, minlength=n) / parts for v in self.at.T])
        made = self._with(residents, _squares(middle, side))
        return replace(made, moved=self._moved(middle, residents.sum(axis=1) > 0)), hours

    def _moved(self, at: Floats, inhabited: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64] | None:
        given = self.city.moved
        if given is None or inhabited.sum() < labels.FEWEST_UNITS:
            return None
        return labels.shifts(
            *at.T, inhabited=inhabited, replicates=min(len(given), MOST_MOVES), seed=self.city.seed
        )

    def _with(self, residents: Floats, block: npt.NDArray[np.int64]) -> Resampled:
        numbers = np.full(block.size, -1, dtype=np.int64)
        lived = residents.sum(axis=1) > 0
        numbers[lived] = np.unique(block[lived], return_inverse=True)[1]
        return replace(self.city, residents=residents, block=numbers)


def _row(setting: Setting, city: Resampled, hours: Floats, g: int) -> dict[str, Any]:
    made = city.estimate(float(city.ratio(hours[:, None], g)[0]), city.ratio_draws(hours[:, None], g)[:, 0])
    none = city.small(g) or city.n < FEWEST_UNITS
    return {
        "group": city.groups[g],
        "varied": setting["varied"],
        "setting": setting["setting"],
        "side": setting.get("side"),
        "shift_x": setting.get("shift_x"),
        "shift_y": setting.get("shift_y"),
        "units": int((city.residents.sum(axis=1) > 0).sum()),
        "blocks": city.blocks,
        "ratio": None if none else made.value,
        "low": None if none else made.low,
        "high": None if none else made.high,
    }


def _findings(
    city: Resampled, frame: pd.DataFrame, g: int, bound: Threshold | None
) -> tuple[tuple[Finding, ...], str]:
    rows = frame[frame["group"] == city.groups[g]].astype({"ratio": float, "low": float, "high": float})
    units, blocks = (rows[rows["varied"] == varied] for varied in ("units", "blocks"))
    known = units.dropna(subset="ratio")
    known = known[known["ratio"] > 0]
    first = units.iloc[0]
    names = {"group": city.groups[g], "reference": city.groups[city.reference]}
    if city.small(g) or not len(known) or not first["ratio"] > 0:
        why = city.too_small(g) if city.small(g) else "The ratio is not defined, or 0."
        one = Finding(
            id=f"grid_range/units/{names['group']}",
            measure="largest over smallest exposure ratio",
            subject=city.pair(g),
            value=None,
            low=None,
            high=None,
            level=city.level,
            limits=(why, *LIMITS),
            details=names,
        )
        return (one,), f"{city.pair(g)}: {why}"
    least, most = float(known["ratio"].min()), float(known["ratio"].max())
    undefined = len(units) - len(known)
    kind = "It is a range over settings and no interval of chance."
    grid = Finding(
        id=f"grid_range/units/{names['group']}",
        measure="largest over smallest exposure ratio",
        subject=f"{city.pair(g)}, over {len(known)} ways to lay the units",
        value=most / least,
        low=None,
        high=None,
        level=city.level,
        threshold=bound,
        passes=keeps_within("grid_range", most / least, bound),
        limits=(
            kind,
            *((f"In {undefined} further ways the ratio is not defined, or 0.",) if undefined else ()),
            *LIMITS,
        ),
        details={**names, "smallest": least, "largest": most, "as_they_are": float(first["ratio"])},
    )
    ends = blocks["low"].min(skipna=False), blocks["high"].max(skipna=False)
    low, high = (None if np.isnan(v) else float(v) for v in ends)
    widest = Finding(
        id=f"exposure_over_blocks/blocks/{names['group']}",
        measure="exposure ratio with the widest interval",
        subject=f"{city.pair(g)}, over {len(blocks)} sizes of block",
        value=float(first["ratio"]),
        low=low,
        high=high,
        level=city.level,
        limits=("Its ends are the outermost of several intervals.", *city.few_blocks(), *LIMITS),
        details=names,
    )
    return (grid, widest), _sentence(city, g, known, blocks, least, most)


def _sentence(
    city: Resampled, g: int, known: pd.DataFrame, blocks: pd.DataFrame, least: float, most: float
) -> str:
    above, below = int((known["low"] > 1).sum()), int((known["high"] < 1).sum())
    sure = (
        f"{above} of them with an interval above 1"
        if above and not below
        else f"{below} of them with an interval below 1"
        if below and not above
        else f"{above} with an interval above 1 and {below} below"
        if above
        else "none of them with an interval that leaves out 1"
    )
    out = int(((blocks["low"] > 1) | (blocks["high"] < 1)).sum())
    return (
        f"{city.pair(g)}: the exposure ratio is {told(least)} to {told(most)} over {len(known)} ways to lay the units, "
        f"{sure}; with other blocks, {out} of {len(blocks)} intervals leave out 1."
    )
