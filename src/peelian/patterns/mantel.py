"""Mantel's test: whether incidents that are close in space are close in time, over all pairs and without bands."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import DataError, UsageError
from peelian.patterns.base import Pattern, axes, check_replicates, monte_carlo_p
from peelian.patterns.knox_counts import parts_of, seeds_of, shuffled, threads_used
from peelian.patterns.point_events import plain, point_events, span_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from peelian.records.incidents import Incidents

__all__ = ["Mantel", "mantel"]

Floats = npt.NDArray[np.float64]

LANES = 32
ROWS = 16
MOST = 50_000
"""Incidents: all pairs are looked at, 1.25 billion of so many."""

LIMITS = (
    "It is over all pairs, most of them far apart: it can be small where near repeats are plain.",
    "It does not say how near or how soon, and depends on how distances are made into closeness.",
    "These are reports: what is reported late, twice or not at all changes it.",
)


@dataclass(frozen=True, eq=False)
class Mantel(Pattern):
    """Correlation of closeness in space and closeness in time over all pairs, and what chance makes of it.

    Parameters
    ----------
    r : float
        Mantel's standardised statistic; NaN where places or times are all the same.
    permuted : array of float, shape (permutations,)
        The same with times shuffled.
    p : float
        Monte Carlo p of an r as large or larger.
    """

    r: float
    permuted: Floats
    p: float
    incidents: int
    span: tuple[str, str] | None
    settings: dict[str, float]

    @property
    def frame(self) -> pd.DataFrame:
        """One row."""
        low, high = (np.nan, np.nan) if math.isnan(self.r) else np.quantile(self.permuted, [0.025, 0.975])
        return pd.DataFrame(
            {
                "incidents": [self.incidents],
                "r": [self.r],
                "chance_low": [low],
                "chance_high": [high],
                "p": [self.p],
                "permutations": [self.permuted.size],
            }
        )

    def sentence(self) -> str:
        """What was found and how sure that is."""
        if math.isnan(self.r):
            return (
                f"{self.incidents} reported incidents that do not differ in both place and time have no correlation of "
                "the two: nothing to look at."
            )
        row = self.frame.iloc[0]
        word = "goes along with" if self.p <= 0.05 else "does not clearly go along with"
        return (
            f"Among {self.incidents:,} reported incidents, being close in space {word} being close in time "
            f"(Mantel's r {self.r:.4f}; by chance {row['chance_low']:.4f} to {row['chance_high']:.4f}; p {self.p:.2g})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Settings, numbers and limits as plain data."""
        made: dict[str, Any] = plain(
            {
                "settings": self.settings,
                **self.frame.iloc[0].to_dict(),
                "span": self.span,
                "sentence": self.sentence(),
                "limits": list(LIMITS),
            }
        )
        return made

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """What chance makes of r, and r itself."""
        ax = axes(ax)
        if not math.isnan(self.r):
            ax.hist(self.permuted, bins=30, color="0.75", label="times shuffled")
            ax.axvline(self.r, color="black", label="as reported")
            ax.legend()
        ax.set_xlabel("correlation of closeness in space and in time")
        return ax


@numba.njit(cache=True, nogil=True)
def _sums(
    x: Floats,
    y: Floats,
    lanes: npt.NDArray[np.int32],
    closeness: Floats,
    constant: float,
    power: float,
    out: Floats,
    whole: Floats,
) -> None:
    """Add the products of closeness in space and time over all pairs to ``out[p]``; the sums of the former to `whole`.

    Rows are taken `ROWS` at a time, so that the times of all others pass through the cache once for all of them.
    """
    n = x.size
    held = np.zeros(LANES)
    for first in range(0, n, ROWS):
        last = min(first + ROWS, n)
        for j in range(first + 1, n):
            for i in range(first, min(last, j)):
                dx, dy = x[i] - x[j], y[i] - y[j]
                d = math.sqrt(dx * dx + dy * dy) + constant
                s = 1.0 / d if power == -1.0 else d**power
                whole[0] += s
                whole[1] += s * s
                for p in range(LANES):
                    held[p] += s * closeness[abs(lanes[i, p] - lanes[j, p])]
        for p in range(LANES):
            out[p] += held[p]
            held[p] = 0.0


def mantel(
    incidents: Incidents,
    *,
    space_constant: float = 100.0,
    space_power: float = -1.0,
    time_constant: float = 1.0,
    time_power: float = -1.0,
    permutations: int = 99,
    seed: int = 0,
    threads: int | None = None,
) -> Mantel:
    """Mantel's test with closeness ``(distance + constant) ** power``.

    Parameters
    ----------
    incidents : Incidents
        At most 50,000: all pairs are looked at, and none is stored.
    space_constant, space_power : float
        In metres. About the distance that counts as close; without it, pairs at one point would have no bounds.
    time_constant, time_power : float
        In calendar days.
    permutations, seed
        How often times are shuffled, and by what.
    threads : int, optional
        As many as Numba uses. The result doesn't depend on it.

    Raises
    ------
    UsageError
        A constant is not above 0, or a power is 0.
    DataError
        There are more than 50,000 incidents.
    ResolutionError
        Times are known only to the month.

    Notes
    -----
    Mantel (1967), "The detection of disease clustering and a generalized regression approach", Cancer Research 27.
    """
    check_replicates(permutations)
    settings = {
        "space_constant": space_constant,
        "space_power": space_power,
        "time_constant": time_constant,
        "time_power": time_power,
        "seed": seed,
    }
    for name, value in settings.items():
        off = (name.endswith("constant") and not value > 0) or (name.endswith("power") and value == 0)
        if off or not math.isfinite(value):
            msg = f"{name}={value:g} was given; expected a constant above 0 and a power other than 0"
            raise UsageError(msg, hint="the defaults make closeness of 1 / (metres + 100) and 1 / (days + 1)")
    events = point_events(incidents)
    if len(events) > MOST:
        msg = f"{len(events):,} incidents were given; all pairs of at most {MOST:,} are looked at"
        raise DataError(
            msg, hint="a shorter span, one category, or near_repeat, which looks only at near pairs"
        )
    span = span_of(incidents)
    if len(events) < 2:
        return Mantel(math.nan, np.full(permutations, np.nan), math.nan, len(events), span, settings)
    top = int(events.time.max())
    closeness = np.power(np.arange(top + 1) + float(time_constant), float(time_power)).astype(np.float64)
    seeds = seeds_of(permutations, seed, LANES)
    whole = parts_of(np.zeros(len(events), np.int64))
    products = np.zeros(seeds.size)
    sums = np.zeros((seeds.size // LANES, 2))
    small = events.time.astype(np.int32)

    def block(first: int) -> None:
        lanes = np.empty((small.size, LANES), dtype=np.int32)
        shuffled(small, seeds[first : first + LANES], lanes, *whole)
        out = products[first : first + LANES]
        _sums(
            events.x,
            events.y,
            lanes,
            closeness,
            float(space_constant),
            float(space_power),
            out,
            sums[first // LANES],
        )

    with ThreadPoolExecutor(threads_used(threads)) as pool:
        list(pool.map(block, range(0, seeds.size, LANES)))
    r = _correlation(products, sums[0], _time_sums(small, closeness), small.size)
    if math.isnan(r[0]):
        return Mantel(math.nan, np.full(permutations, np.nan), math.nan, len(events), span, settings)
    permuted = r[1 : permutations + 1]
    # Rounding in the order of a sum must not decide between equals.
    p = float(monte_carlo_p((permuted >= r[0] - 1e-12).sum(), permutations))
    return Mantel(float(r[0]), permuted, p, len(events), span, settings)


def _time_sums(time: npt.NDArray[np.int32], closeness: Floats) -> tuple[float, float]:
    """Sum of the closeness in time over all pairs, and of its square."""
    n = np.bincount(time).astype(np.float64)
    # How many pairs are so many days apart: the correlation of the numbers by day with themselves.
    pairs = np.rint(np.fft.irfft(np.abs(np.fft.rfft(n, 2 * n.size)) ** 2, 2 * n.size)[: n.size])
    pairs[0] = (n * (n - 1) / 2).sum()
    return float(pairs @ closeness), float(pairs @ closeness**2)


def _correlation(products: Floats, space: Floats, time: tuple[float, float], n: int) -> Floats:
    pairs = n * (n - 1) / 2
    spread = [max(square - total**2 / pairs, 0.0) for total, square in (space, time)]
    # Of one value throughout, rounding leaves a spread that is none.
    if spread[0] <= 1e-12 * space[1] or spread[1] <= 1e-12 * time[1]:
        return np.full(products.shape, np.nan)
    r: Floats = (products - space[0] * time[0] / pairs) / math.sqrt(spread[0] * spread[1])
    return r
