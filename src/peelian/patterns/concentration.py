"""How concentrated reports are: how few cells hold half of them, beside what chance alone would give.

Where there are fewer reports than cells, most cells are empty whatever the truth is, and any measure of concentration
is high. Three things are done about that: the same number of reports is dealt out by chance for comparison; the Gini
coefficient is given in the generalised form of Bernasco and Steenbeek (2017), "More places than crimes", Journal of
Quantitative Criminology 33, with their correction for few units; and the concentration of the underlying rates is
estimated as Mohler, Brantingham, Carter and Short (2019), "Reducing bias in estimates for the law of crime
concentration", Journal of Quantitative Criminology 35, do: counts are Poisson around rates that are gamma distributed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special, stats

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import Pattern, axes, check_level, check_replicates, monte_carlo_p

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Concentration", "Measure", "cells_holding", "concentration", "generalised_gini", "gini"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

INDEPENDENT = (
    "Intervals take the cells as independent of each other; neighbouring cells are alike, so the truth is less sure "
    "than they say."
)
GAMMA = "The underlying rates are taken to be gamma distributed, which the counts don't speak against."
MISFIT = (
    "The model of the underlying rates (gamma distributed) doesn't fit these counts: what it gives is off, in either "
    "direction."
)


@dataclass(frozen=True)
class Measure:
    """One number with its interval, and what chance alone would give.

    Parameters
    ----------
    name, meaning : str
        Short, and in words.
    value, low, high : float
        The number, and the ends of its interval over cells drawn anew.
    chance, chance_low, chance_high : float or None
        Mean and interval over the same number of reports dealt out by chance; None where chance is part of the model.
    """

    name: str
    meaning: str
    value: float
    low: float
    high: float
    chance: float | None = None
    chance_low: float | None = None
    chance_high: float | None = None


@dataclass(frozen=True, eq=False)
class Concentration(Pattern):
    """How concentrated the reports are.

    Parameters
    ----------
    counts : array of int, shape (n_cells,)
    shares : tuple of float
        Of the reports, for which the cells are counted that hold them.
    needed : array of int, shape (n_shares,)
        The fewest cells that hold each share.
    measures : tuple of Measure
    p : float
        Of a Gini coefficient as high as this by chance alone; NaN when there are no reports.
    shape : float
        Of the gamma distribution of the underlying rates; infinite when counts vary no more than chance makes them.
    fits : bool
        Whether counts drawn from the model are about as concentrated as those seen.
    level : float
        Of the intervals.
    replicates, seed : int
    """

    counts: Ints
    shares: tuple[float, ...]
    needed: Ints
    measures: tuple[Measure, ...]
    p: float
    shape: float
    fits: bool
    level: float
    replicates: int
    seed: int

    @property
    def frame(self) -> pd.DataFrame:
        """A row a measure."""
        columns = ["name", "meaning", "value", "low", "high", "chance", "chance_low", "chance_high"]
        return pd.DataFrame([vars(m) for m in self.measures], columns=columns)

    def measure(self, name: str) -> Measure:
        """The measure of that name.

        Raises
        ------
        UsageError
            There is none.
        """
        for found in self.measures:
            if found.name == name:
                return found
        msg = f"{name!r} is not one of {', '.join(m.name for m in self.measures) or 'no measures'}"
        raise UsageError(msg)

    def sentence(self) -> str:
        """What was found and how sure that is."""
        n, total = self.counts.size, int(self.counts.sum())
        if not total:
            return f"No report is in any of the {n:,} cells: there was nothing to look at."
        share = self.shares[-1]
        held = self.measure(f"cells_{share:g}")
        chance = held.chance or 0.0
        said = (
            f"{share:.0%} of {total:,} reported incidents are in {self.needed[-1]:,} of {n:,} cells "
            f"({held.value:.1%}); dealt out by chance they would be in {chance * n:,.0f} ({chance:.1%})."
        )
        rates = self.measure(f"rates_{share:g}")
        # An interval that reaches the even spread doesn't tell the rates from one: its lower end would be noise.
        if np.isinf(self.shape) or (self.fits and rates.high >= share):
            return f"{said} The cells differ no more than chance makes them."
        if not self.fits:
            return said
        return (
            f"{said} By a model that takes chance out, {rates.value:.1%} of the cells ({rates.low:.1%} to "
            f"{rates.high:.1%}) have {share:.0%} of what is to be expected."
        )

    @property
    def limits(self) -> list[str]:
        """What this can't tell."""
        said = [
            "Cells are counted, not the residents, visitors or buildings in them: a park counts as a place.",
            INDEPENDENT,
            GAMMA if self.fits else MISFIT,
            "Which cells hold the reports may change from year to year; this looks at one stretch of time.",
        ]
        total = int(self.counts.sum())
        if 0 < total < self.counts.size:
            said.append(
                f"There are fewer reports ({total:,}) than cells ({self.counts.size:,}): look at the generalised Gini "
                "and at the underlying rates, not at the plain Gini."
            )
        return said

    def to_dict(self) -> dict[str, Any]:
        """Settings, measures and limits."""
        return {
            "pattern": "concentration",
            "cells": self.counts.size,
            "reports": int(self.counts.sum()),
            "needed": {f"{s:g}": int(k) for s, k in zip(self.shares, self.needed, strict=True)},
            "measures": [
                {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in vars(m).items()}
                for m in self.measures
            ],
            "p": None if np.isnan(self.p) else self.p,
            "gamma_shape": self.shape if np.isfinite(self.shape) else None,
            "gamma_fits": self.fits,
            "level": self.level,
            "replicates": self.replicates,
            "seed": self.seed,
            "sentence": self.sentence(),
            "limits": self.limits,
        }

    def lorenz(self) -> tuple[Floats, Floats]:
        """Share of the cells, those with most reports first, and share of the reports that they hold."""
        n, total = self.counts.size, max(int(self.counts.sum()), 1)
        held = np.concatenate([[0.0], np.cumsum(np.sort(self.counts)[::-1]) / total])
        return np.arange(n + 1) / n, held

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Lorenz curve, with that of the underlying rates and the line of the most even spread possible."""
        ax = axes(ax)
        cells, held = self.lorenz()
        ax.plot(cells, held, color="#b2182b", label="reported incidents")
        total = int(self.counts.sum())
        even = min(total / self.counts.size, 1.0)
        ax.plot(
            [0, even, 1], [0, 1 if total else 0, 1 if total else 0], ":", color="black", label="most even"
        )
        if total and np.isfinite(self.shape):
            x = np.linspace(0, 1, 201)
            share = stats.gamma.sf(stats.gamma.isf(x, self.shape), self.shape + 1)
            ax.plot(x, share, "--", color="#2166ac", label="underlying rates")
        ax.set_xlabel("share of cells, most reports first")
        ax.set_ylabel("share of reported incidents")
        ax.set_title("How concentrated reports are")
        ax.legend(loc="lower right", fontsize="small")
        return ax


def gini(counts: npt.ArrayLike) -> float:
    """Gini coefficient of counts: 0 when all are the same, 1 - 1/n when one cell has them all; NaN without reports."""
    values, times = np.unique(np.asarray(counts), return_counts=True)
    return float(_ginis(values.astype(np.float64), times[None, :].astype(np.float64))[0])


def generalised_gini(counts: npt.ArrayLike, *, corrected: bool = False) -> float:
    """Gini coefficient beside the most even spread that so few reports allow (Bernasco and Steenbeek 2017).

    Parameters
    ----------
    counts : array of int, shape (n_cells,)
    corrected : bool
        Times ``m / (m - 1)``, m the smaller of cells and reports, so that all reports in one cell give 1.
    """
    y = np.asarray(counts)
    return float(_generalised(gini(y), y.size, float(y.sum()), corrected=corrected))


def cells_holding(counts: npt.ArrayLike, share: float) -> int:
    """The fewest cells that together hold a share of the reports; 0 when there are none."""
    held = np.cumsum(np.sort(np.asarray(counts))[::-1])
    total = held[-1] if held.size else 0
    return int(np.searchsorted(held, share * total * (1 - 1e-12)) + 1) if total else 0


def concentration(
    counts: npt.ArrayLike,
    *,
    shares: Sequence[float] = (0.25, 0.5),
    area: npt.ArrayLike | None = None,
    replicates: int = 999,
    level: float = 0.95,
    seed: int = 0,
) -> Concentration:
    """How few cells hold a quarter and a half of the reports, and the Gini coefficient, beside chance.

    Parameters
    ----------
    counts : array of int, shape (n_cells,)
        Reports of each cell, such as ``Counts.by_cell``.
    shares : sequence of float
        Of the reports, ascending; the sentence tells the last.
    area : array of float, shape (n_cells,), optional
        By which chance deals the reports out, such as ``Grid.area``. Default: each cell alike.
    replicates : int
        Of chance, and of cells drawn anew for the intervals.
    level : float
        Of the intervals.
    seed : int

    Raises
    ------
    UsageError
        Counts that are not whole or below 0, areas that don't fit, or a setting that is off.
    NotEnoughDataError
        No cell.
    """
    y = _checked(counts)
    check_replicates(replicates)
    check_level(level)
    if not shares or list(shares) != sorted(shares):
        msg = f"shares of {list(shares)} were given; expected some, in ascending order"
        raise UsageError(msg, hint="shares=(0.25, 0.5)")
    for share in shares:
        check_level(share, what="share of the reports")
    weight = _weights(area, y.size)
    needed = np.array([cells_holding(y, s) for s in shares], dtype=np.int64)
    if not y.any():
        none = (float("nan"), float("inf"), True, level, replicates, seed)
        return Concentration(y, tuple(shares), needed, (), *none)
    rng = np.random.default_rng(seed)
    values, times = np.unique(y, return_counts=True)
    seen = _all(values, times[None, :], shares)
    drawn = _all(values, _resampled(rng, times, replicates), shares)
    dealt = _by_chance(rng, int(y.sum()), weight, shares, replicates)
    at_least = int((dealt["gini"] >= seen["gini"][0] - 1e-12).sum())
    measures = tuple(
        _measure(name, said, seen[name], drawn[name], dealt.get(name), level)
        for name, said in _meanings(shares).items()
    )
    p = monte_carlo_p(at_least, replicates).item()
    shape = float(seen["shape"][0])
    fits = _fits(rng, y, shape, needed / y.size, shares)
    return Concentration(y, tuple(shares), needed, measures, p, shape, fits, level, replicates, seed)


def _fits(
    rng: np.random.Generator, y: Ints, shape: float, held: Floats, shares: Sequence[float], draws: int = 199
) -> bool:
    """Whether the model's own counts have the share of cells that hold each share of reports within their range."""
    if np.isinf(shape):
        return True
    rows = []
    for _ in range(draws):
        made = rng.poisson(rng.gamma(shape, y.mean() / shape, y.size))
        values, times = np.unique(made, return_counts=True)
        if made.any():
            rows.append(
                [float(_needed(values.astype(float), times[None, :].astype(float), s)[0]) for s in shares]
            )
    # The range of some 200 draws: one in a hundred by chance.
    drawn = np.array(rows).reshape(-1, len(shares)) / y.size
    return bool(len(drawn) and np.all((held >= drawn.min(axis=0)) & (held <= drawn.max(axis=0))))


def _checked(counts: npt.ArrayLike) -> Ints:
    given = np.asarray(counts, dtype=np.float64)
    if given.ndim != 1 or not np.all(np.isfinite(given)) or np.any(given < 0) or np.any(given % 1 != 0):
        msg = f"counts of shape {given.shape} were given; expected one whole number from 0 a cell"
        raise UsageError(msg, hint="counts.by_cell of peelian.places.Counts")
    if not given.size:
        msg = "no cell was given; expected at least one"
        raise NotEnoughDataError(msg, hint="check the study area")
    return given.astype(np.int64)


def _weights(area: npt.ArrayLike | None, cells: int) -> Floats:
    weight = np.ones(cells) if area is None else np.asarray(area, dtype=np.float64)
    if weight.shape != (cells,) or not np.all(np.isfinite(weight)) or np.any(weight < 0) or not weight.any():
        msg = f"areas of shape {weight.shape} were given for {cells} cells; expected one a cell, not all 0"
        raise UsageError(msg, hint="area=grid.area")
    share: Floats = weight / weight.sum()
    return share


def _meanings(shares: Sequence[float]) -> dict[str, str]:
    said = {f"cells_{s:g}": f"share of cells that hold {s:.0%} of reports" for s in shares}
    said["gini"] = "Gini coefficient, 0 even to 1 all in one cell"
    said["generalised_gini"] = "Gini coefficient beside the most even spread that so few reports allow"
    said["corrected_gini"] = "the same, corrected for few cells or reports"
    said["rates_gini"] = "Gini coefficient of the underlying rates (Poisson-gamma)"
    said |= {f"rates_{s:g}": f"share of cells with {s:.0%} of the underlying rates" for s in shares}
    return said


def _measure(
    name: str, said: str, seen: Floats, drawn: Floats, dealt: Floats | None, level: float
) -> Measure:
    ends = [(1 - level) / 2, (1 + level) / 2]

    def between(values: Floats) -> tuple[float, float]:
        known = values[np.isfinite(values)]
        low, high = np.quantile(known, ends) if known.size else (np.nan, np.nan)
        return float(low), float(high)

    value, found = float(seen[0]), between(drawn)
    if dealt is None:
        return Measure(name, said, value, *found)
    return Measure(name, said, value, *found, float(dealt.mean()), *between(dealt))


def _resampled(rng: np.random.Generator, times: Ints, replicates: int) -> Ints:
    """Cells drawn anew: how often each distinct count comes, shape (replicates, n_distinct)."""
    n = int(times.sum())
    return rng.multinomial(n, times / n, size=replicates).astype(np.int64)


def _by_chance(
    rng: np.random.Generator, total: int, weight: Floats, shares: Sequence[float], replicates: int
) -> dict[str, Floats]:
    rows = []
    for _ in range(replicates):
        values, times = np.unique(rng.multinomial(total, weight), return_counts=True)
        rows.append(_observed(values, times[None, :], shares))
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _observed(values: Ints, times: Ints, shares: Sequence[float]) -> dict[str, Floats]:
    """Measures of what was counted, one a row of `times`: how often each of the ascending `values` comes."""
    v, m = values.astype(np.float64), times.astype(np.float64)
    cells, total = m.sum(axis=1), m @ v
    found = {f"cells_{s:g}": _needed(v, m, s) / cells for s in shares}
    found["gini"] = _ginis(v, m)
    found["generalised_gini"] = _generalised(found["gini"], cells, total)
    found["corrected_gini"] = _generalised(found["gini"], cells, total, corrected=True)
    return found


def _all(values: Ints, times: Ints, shares: Sequence[float]) -> dict[str, Floats]:
    found = _observed(values, times, shares)
    shape = found["shape"] = _shapes(values.astype(np.float64), times.astype(np.float64))
    finite = np.where(np.isfinite(shape), shape, 1.0)
    ratio = np.exp(special.gammaln(finite + 0.5) - special.gammaln(finite + 1)) / np.sqrt(np.pi)
    found["rates_gini"] = np.where(np.isfinite(shape), ratio, 0.0)
    for s in shares:
        # The Lorenz curve of a gamma distribution is the distribution of one more in shape at the same point.
        top = stats.gamma.sf(stats.gamma.isf(s, finite + 1), finite)
        found[f"rates_{s:g}"] = np.where(np.isfinite(shape), top, s)
    return found


def _ginis(v: Floats, m: Floats) -> Floats:
    n, total = m.sum(axis=1), m @ v
    before = np.cumsum(m, axis=1) - m
    ranks = (v * (m * before + m * (m + 1) / 2)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = 2 * ranks / (n * total) - (n + 1) / n
    return found


def _generalised(
    value: npt.ArrayLike, cells: npt.ArrayLike, total: npt.ArrayLike, *, corrected: bool = False
) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.maximum(np.divide(cells, total), 1.0) * (np.asarray(value) - 1) + 1
        if corrected:
            fewer = np.minimum(cells, total).astype(np.float64)
            found = np.where(fewer > 1, found * fewer / (fewer - 1), np.nan)
    return found


def _needed(v: Floats, m: Floats, share: float) -> Floats:
    """Fewest cells that hold a share of the reports, a row of `m` each."""
    held = np.cumsum((m * v)[:, ::-1], axis=1)
    wanted = share * held[:, -1] * (1 - 1e-12)
    at = np.argmax(held >= wanted[:, None], axis=1)
    rows, many = np.arange(len(m)), m[:, ::-1]
    before = np.cumsum(many, axis=1)[rows, at] - many[rows, at]
    gap = wanted - (held[rows, at] - (many * v[::-1])[rows, at])
    found: Floats = before + np.maximum(np.ceil(gap / np.maximum(v[::-1][at], 1e-300) - 1e-9), 0)
    return found


def _shapes(v: Floats, m: Floats) -> Floats:
    """Shape of the gamma distribution by maximum likelihood, a row of `m` each; infinite without overdispersion."""
    n = m.sum(axis=1)
    mean = m @ v / n
    over = m @ v**2 / n - mean**2 > mean
    low, high = np.full(len(m), np.log(1e-6)), np.full(len(m), np.log(1e7))
    for _ in range(45):
        middle = (low + high) / 2
        k = np.exp(middle)[:, None]
        score = (m * (special.digamma(v + k) - special.digamma(k))).sum(axis=1)
        rising = score > n * np.log1p(mean / k[:, 0])
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    return np.where(over, np.exp((low + high) / 2), np.inf)
