"""What disparity an audit could have shown: how strong its "nothing was found" is.

The hours are tilted toward the places of a group, to one ratio after the other, and the city is resampled around each:
the share of such cities in which the interval leaves out 1 is the power at that ratio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.base import ECOLOGICAL, Audit, plain_rows
from peelian.audits.by_unit import by_unit
from peelian.audits.finding import Finding, Threshold
from peelian.audits.flips import gaps, undo
from peelian.audits.resampled import Resampled
from peelian.audits.thresholds import keeps_within
from peelian.audits.words import in_words, told
from peelian.errors import UsageError

__all__ = ["LIMITS", "PowerAudit", "power_audit"]

Floats = npt.NDArray[np.float64]

LIMITS = (
    ECOLOGICAL,
    (
        "Power is worked out for hours that are tilted smoothly toward a group's places. A disparity of another shape, "
        "such as one place alone, may be easier or harder to find. Where the planned places allow no tilt to a ratio, "
        "it takes the error to be that at the nearest ratio which they allow."
    ),
    (
        "It takes the blocks, and the moved maps where they are used, to be like others that might have been. Where "
        "neighbouring blocks are alike and no maps were moved, the true power is less; the negative control tells."
    ),
)

WIDEST = 50.0
"""Largest tilt."""

FARTHEST = 20.0
"""Largest ratio whose power is worked out."""


@dataclass(frozen=True, eq=False)
class PowerAudit(Audit):
    """What `power_audit` found.

    Parameters
    ----------
    reference : str
    power : float
    curve : pandas.DataFrame
        ``group``, ``ratio``, ``power``: how often an interval would have left out 1, by the true ratio.
    """

    reference: str
    power: float
    curve: pd.DataFrame
    _frame: pd.DataFrame = field(repr=False)
    _findings: tuple[Finding, ...] = field(repr=False)
    _sentences: tuple[str, ...] = field(repr=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """For each group the smallest ratio above 1, and the largest below, that would have been found."""
        return self._findings

    @property
    def limits(self) -> tuple[str, ...]:
        """What power leaves open."""
        return LIMITS

    @property
    def frame(self) -> pd.DataFrame:
        """One row a group: ``ratio`` as it is, ``below`` and ``above``."""
        return self._frame

    def sentences(self) -> list[str]:
        """What would have been found, for each group."""
        return list(self._sentences)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            **super().to_dict(),
            "reference": self.reference,
            "power": self.power,
            "rows": plain_rows(self.frame),
            "curve": plain_rows(self.curve.round(6)),
        }


def power_audit(
    hours: npt.ArrayLike,
    *,
    residents: pd.DataFrame,
    reference: str,
    block: npt.ArrayLike,
    power: float = 0.8,
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    moved: npt.NDArray[np.int64] | None = None,
    thresholds: Mapping[str, Threshold] | None = None,
) -> PowerAudit:
    """Work out the smallest exposure ratio that these hours, residents and blocks could have shown.

    Parameters
    ----------
    hours : array of float, shape (n_units,)
    residents : pandas.DataFrame, shape (n_units, n_groups)
    reference : str
    block : array, shape (n_units,)
    power : float
        How often it has to be found, above 0.5 and below 1.
    level : float
        Of the interval that would have to leave out 1.
    replicates, seed
        Of the bootstrap over blocks.
    moved : array of int, shape (any, n_units), optional
        Maps of the groups moved over the city (`peelian.audits.labels.shifts`): intervals of ratios are no narrower
        than chance moves a ratio. Without them they are those of blocks alone.
    thresholds : mapping of str to Threshold, optional
        For ``smallest_shown``: whether the audit could have shown what the body cares about. A ratio below 1 is held
        by its reciprocal.

    Returns
    -------
    PowerAudit

    Raises
    ------
    UsageError, DataError, NotEnoughDataError
        As `peelian.audits.resampled.Resampled.of`; the power is out of range.

    Notes
    -----
    The sampling error at each tilt is that of the resampled tilted city, on the logarithm of the ratio, without taking
    it to be normal, or that of chance by moved maps where fewer would then be found; a study finds something where the
    interval around its own estimate leaves out 0. Bloom
    (1995), Minimum detectable effects, Evaluation Review 19; that an audit's "nothing" needs it: Hoenig and Heisey
    (2001), The abuse of power, The American Statistician 55, which is why the ratio that was found plays no part.
    """
    if not 0.5 < power < 1:
        msg = f"a power of {power} was given; expected above 0.5 and below 1"
        raise UsageError(msg, hint="power=0.8")
    city = Resampled.of(
        residents,
        reference=reference,
        block=block,
        level=level,
        replicates=replicates,
        seed=seed,
        moved=moved,
    )
    h = by_unit("hours", hours, city.n)
    made = [_of_group(city, h, g, power, thresholds or {}) for g in city.others]
    return PowerAudit(
        reference=reference,
        power=power,
        curve=pd.concat([one.curve for one in made], ignore_index=True),
        _frame=pd.DataFrame([one.row for one in made]),
        _findings=tuple(finding for one in made for finding in one.findings),
        _sentences=tuple(one.sentence for one in made),
    )


@dataclass(frozen=True, eq=False)
class _Group:
    curve: pd.DataFrame
    row: dict[str, Any]
    findings: tuple[Finding, ...]
    sentence: str


def _of_group(
    city: Resampled, hours: Floats, g: int, power: float, thresholds: Mapping[str, Threshold]
) -> _Group:
    why = city.too_small(g) if city.small(g) else ""
    observed = float(city.ratio(hours[:, None], g)[0])
    if not why and not (np.isfinite(observed) and observed > 0):
        why = "The ratio is not defined, or 0: one of the groups has no presence."
    if not why and city.blocks < 2:
        why = "There is one block of residents only: nothing can be said of chance."
    if not why and np.isnan(city.ratio_draws(hours[:, None], g)).mean() > 1 - city.level:
        why = "The ratio is not defined in many resampled cities: the hours lie in too few blocks to show anything."
    empty = pd.DataFrame({"group": pd.Series(dtype=str), "ratio": [], "power": []})
    below = above = None
    curve = empty
    if not why:
        ratio, upward, downward = _powers(city, hours, g)
        above = _reached(ratio, upward, power)
        mirrored = _reached(1 / ratio[::-1], downward[::-1], power)
        below = None if mirrored is None else 1 / mirrored
        both = np.maximum(upward, downward)
        curve = pd.DataFrame({"group": city.groups[g], "ratio": ratio, "power": both})[::3]
    row = {"group": city.groups[g], "ratio": observed if not why else None, "below": below, "above": above}
    findings = tuple(
        _finding(city, g, side, value, why, power, thresholds.get("smallest_shown"))
        for side, value in (("above", above), ("below", below))
    )
    return _Group(curve, row, findings, _sentence(city, g, below, above, why, power))


def _powers(city: Resampled, hours: Floats, g: int) -> tuple[Floats, Floats, Floats]:
    """Ratios, rising, and how often each would be found to lie above and below 1."""
    # The hours of each place times 1 - s + t s, for a group's share s: t is the tilt.
    values = hours[:, None] / undo(city.share[:, g], gaps(WIDEST))
    blocks = (
        city.ratio_draws(values, g)
        if city.moved is None
        else replace(city, moved=None).ratio_draws(values, g)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        point = np.log(city.ratio(values, g))
        errors = [_error(np.log(blocks) - point)]
        around = errors[0]
        if city.moved is not None:
            errors.append(_error(np.log(city.ratio_by_chance(values, g))))
            around = _error(np.log(city.ratio_draws(values, g)) - point)
    tail = (1 - city.level) / 2
    low, high = np.quantile(around, [tail, 1 - tail], axis=0)
    ratio = gaps(FARTHEST)
    # No tilt may lead that far: then the error at the last one that does is taken.
    near = np.abs(np.log(ratio)[:, None] - point[None, :]).argmin(axis=1)
    found = [np.log(ratio) + error[:, near] for error in errors]
    upward = np.min([(one + low[near] > 0).mean(axis=0) for one in found], axis=0)
    downward = np.min([(one + high[near] < 0).mean(axis=0) for one in found], axis=0)
    return ratio, upward, downward


def _error(logs: Floats) -> Floats:
    """What is not defined errs to neither side."""
    return np.clip(np.where(np.isnan(logs), 0.0, logs), -50, 50)


def _reached(ratio: Floats, found: Floats, power: float) -> float | None:
    """The smallest ratio above 1 from which on the power is reached."""
    over = ratio >= 1
    x, y = np.log(ratio[over]), np.maximum.accumulate(found[over])
    if not x.size or y[-1] < power:
        return None
    at = int(np.argmax(y >= power))
    if at == 0 or y[at] == y[at - 1]:
        return float(np.exp(x[at]))
    return float(np.exp(x[at - 1] + (x[at] - x[at - 1]) * (power - y[at - 1]) / (y[at] - y[at - 1])))


def _finding(
    city: Resampled, g: int, side: str, value: float | None, why: str, power: float, bound: Threshold | None
) -> Finding:
    word = "smallest ratio above 1" if side == "above" else "largest ratio below 1"
    held = value if value is None or side == "above" else 1 / value
    said = "It is worked out from one city's blocks; no interval is given for it."
    if value is None:
        said = why or f"No ratio {side} 1 would have been found {100 * power:g} times in 100."
    return Finding(
        id=f"smallest_shown/{side}/{city.groups[g]}",
        measure=f"{word} that would have been found {100 * power:g} times in 100",
        subject=city.pair(g),
        value=value,
        low=None,
        high=None,
        level=city.level,
        threshold=bound,
        passes=keeps_within("smallest_shown", held, bound),
        limits=(said, *city.few_blocks(), *LIMITS),
        details={
            "side": side,
            "power": power,
            "group": city.groups[g],
            "reference": city.groups[city.reference],
            "blocks": city.blocks,
        },
    )


def _sentence(
    city: Resampled, g: int, below: float | None, above: float | None, why: str, power: float
) -> str:
    if why:
        return f"{city.pair(g)}: {why}"
    times = f"{100 * power:g} times in 100"
    up = f"a ratio beyond {told(above)}" if above is not None else "no ratio above 1"
    down = f"one under {told(below)}" if below is not None else "none below 1"
    group = in_words(city.groups[g])
    return (
        f"{group[:1].upper()}{group[1:]} to {in_words(city.groups[city.reference])} residents: {up} would have been "
        f"found {times}, and {down}; that nothing is found between says little."
    )
