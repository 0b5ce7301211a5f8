"""Incidents nearer to each other than chance has them, where no series is known to learn from.

Times are shuffled among places. Where more pairs lie within some metres and days of each other than in shuffled data,
the excess over what is expected, as a share of those that are there, is the chance that such a pair is there for a
reason. That the reason is one series nobody can tell from places and times alone.

References
----------
Knox (1964), "The detection of space-time interactions", Applied Statistics 13. The excess share is what epidemiology
calls the attributable fraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import Pattern, axes, check_level, check_replicates, false_discovery, monte_carlo_p
from peelian.patterns.knox_counts import count_pairs, near_pairs
from peelian.patterns.pairs import Compared, prepare
from peelian.patterns.series import joined_by
from peelian.records.incidents import Incidents

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ChanceLinks", "nearer_than_chance"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DISTANCES = (50.0, 100.0, 200.0, 400.0, 800.0)
DAYS = (1.0, 3.0, 7.0, 14.0, 28.0)
MOST = 1_000_000

LIMITS = (
    "Nearer than chance is not the same series: an event, a new shop or a change in reporting brings reports together.",
    "The share is of all pairs at that nearness. Which of them are there for a reason can't be told.",
    "Times are shuffled over the whole area: a change that came to one part of it alone looks like nearness.",
)


@dataclass(frozen=True, eq=False)
class ChanceLinks(Pattern):
    """Pairs that are nearer than chance, and chains of them.

    Attributes
    ----------
    bands : pandas.DataFrame
        A row a band of distance and time: ``metres``, ``days`` (upper ends), ``observed``, ``expected`` (mean over the
        shuffles), ``share`` (of the observed pairs that chance does not explain), ``share_low``, ``share_high``,
        ``p``, ``q``.
    pairs : pandas.DataFrame
        ``one``, ``two``, ``metres``, ``days`` and the ``share`` of their band, the highest first: of bands whose
        share reaches `at_least` and whose q is at most `q_most`.
    chains : tuple of tuple of str
        Incidents joined by such pairs, the longest first.
    incidents : int
    settings : dict
    """

    bands: pd.DataFrame
    pairs: pd.DataFrame
    chains: tuple[tuple[str, ...], ...]
    incidents: int
    settings: dict[str, Any]

    @property
    def frame(self) -> pd.DataFrame:
        """A row a band, the largest share first."""
        return self.bands.sort_values("share", ascending=False, kind="stable").reset_index(drop=True)

    def sentence(self) -> str:
        """How many pairs are nearer than chance, and what that is not."""
        if not len(self.pairs):
            return (
                f"Among {self.incidents:,} reported incidents there is no distance and time at which "
                f"{self.settings['at_least']:.0%} of the pairs are more than chance."
            )
        extra = float(self.pairs["share"].sum())
        return (
            f"{len(self.pairs):,} pairs of {self.incidents:,} reported incidents lie so near each other that about "
            f"{extra:,.0f} of them are more than chance; they form {len(self.chains):,} chains. Nearer than chance "
            "does not mean that they are one series."
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "kind": "chance_links",
            "settings": self.settings,
            "sentence": self.sentence(),
            "incidents": self.incidents,
            "bands": _plain(self.frame),
            "pairs": _plain(self.pairs.head(1_000)),
            "chains": [list(chain) for chain in self.chains],
            "limits": list(LIMITS),
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The share that chance does not explain, by band."""
        ax = axes(ax)
        table = self.bands.pivot(index="metres", columns="days", values="share")
        image = ax.imshow(
            table.to_numpy(dtype=float), cmap="Blues", vmin=0, vmax=1, origin="lower", aspect="auto"
        )
        ax.set_xticks(range(table.shape[1]), [f"{d:g}" for d in table.columns])
        ax.set_yticks(range(table.shape[0]), [f"{m:g}" for m in table.index])
        ax.set(xlabel="days apart, up to", ylabel="metres apart, up to")
        ax.figure.colorbar(image, ax=ax, label="share more than chance")
        return ax


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(k): v.item() if isinstance(v, np.generic) else v for k, v in row.items()} for row in rows]


def nearer_than_chance(
    incidents: Incidents,
    *,
    distances: Sequence[float] = DISTANCES,
    days: Sequence[float] = DAYS,
    at_least: float = 0.5,
    q_most: float = 0.05,
    replicates: int = 999,
    level: float = 0.95,
    seed: int = 0,
) -> ChanceLinks:
    """Find pairs of incidents that are nearer in place and time than chance has them.

    Parameters
    ----------
    incidents : Incidents
        With times known to the day.
    distances, days : sequence of float
        Upper ends of the bands, in metres and days, rising. Days are counted on the calendar; of an interval the day
        in its middle counts.
    at_least : float
        Least share of a band's pairs that chance does not explain, for its pairs to be listed.
    q_most : float
        Largest false-discovery rate of such a band.
    replicates : int
        Shuffles of the times.
    level : float
        Of the interval of the share.
    seed : int

    Raises
    ------
    NotEnoughDataError
        Fewer than two incidents.
    UsageError
        Bands that don't rise, or a setting that is off.
    DataError
        More pairs than can be held.
    """
    check_replicates(replicates)
    for value, what in ((at_least, "at_least"), (q_most, "q_most"), (level, "level")):
        check_level(value, what=what)
    far, late = _edges(distances, "distances"), _edges(days, "days")
    compared = prepare(incidents, density=False)
    middle = np.floor((compared.start + compared.end) / 2 / 1440.0).astype(np.int64)
    middle -= middle.min()
    if middle.max() == 0:
        msg = f"all {len(compared):,} incidents are of one day; nearness in time takes more than one"
        raise NotEnoughDataError(msg, hint="a longer period")
    near = near_pairs(compared.x, compared.y, far)
    observed, shuffles = count_pairs(near, middle, late.astype(np.int64), permutations=replicates, seed=seed)
    bands = _bands(far, late, observed, shuffles, level)
    pairs, rows = _listed(compared, middle, far, late, bands, at_least, q_most)
    groups = sorted(joined_by(len(compared), *rows), key=lambda g: (-g.size, int(g[0])))
    chains = [g[np.argsort(compared.start[g], kind="stable")] for g in groups]
    return ChanceLinks(
        bands,
        pairs,
        tuple(tuple(str(name) for name in compared.ids[g]) for g in chains),
        len(compared),
        {
            "distances": far.tolist(),
            "days": late.tolist(),
            "at_least": at_least,
            "q_most": q_most,
            "replicates": replicates,
            "level": level,
            "seed": seed,
        },
    )


def _edges(given: Sequence[float], what: str) -> Floats:
    edges = np.asarray(given, dtype=np.float64)
    if (
        edges.ndim != 1
        or not edges.size
        or not np.isfinite(edges).all()
        or edges[0] < 0
        or (np.diff(edges) <= 0).any()
    ):
        msg = f"{what} of {list(given)} were given; expected upper ends that rise"
        raise UsageError(msg, hint=f"{what}=(100, 200, 400)")
    if what == "days" and (edges != np.floor(edges)).any():
        msg = f"days of {list(given)} were given; expected whole days"
        raise UsageError(msg, hint="days=(1, 7, 14)")
    return edges


def _bands(far: Floats, late: Floats, observed: Ints, shuffles: Ints, level: float) -> pd.DataFrame:
    expected = shuffles.mean(axis=0)
    ends = np.quantile(shuffles, [(1 - level) / 2, (1 + level) / 2], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(observed > 0, 1 - expected / observed, np.nan)
        low, high = (np.where(observed > 0, 1 - e / observed, np.nan) for e in (ends[1], ends[0]))
    p = monte_carlo_p((shuffles >= observed).sum(axis=0), len(shuffles))
    m, d = np.meshgrid(far, late, indexing="ij")
    return pd.DataFrame(
        {
            "metres": m.ravel(),
            "days": d.ravel(),
            "observed": observed.ravel(),
            "expected": expected.ravel(),
            "share": np.clip(share, 0, 1).ravel(),
            "share_low": np.clip(low, 0, 1).ravel(),
            "share_high": np.clip(high, 0, 1).ravel(),
            "p": p.ravel(),
            "q": false_discovery(p.ravel()),
        }
    )


def _listed(
    compared: Compared,
    day: Ints,
    far: Floats,
    late: Floats,
    bands: pd.DataFrame,
    at_least: float,
    q_most: float,
) -> tuple[pd.DataFrame, tuple[Ints, Ints]]:
    """Pairs of the bands that stand out, and their rows."""
    chosen = ((bands["share"] >= at_least) & (bands["q"] <= q_most)).to_numpy().reshape(far.size, late.size)
    names = ["one", "two", "metres", "days", "share"]
    if not chosen.any():
        none = np.empty(0, np.int64)
        return pd.DataFrame(columns=names), (none, none)
    reach = float(far[np.flatnonzero(chosen.any(axis=1)).max()])
    tree = cKDTree(np.column_stack([compared.x, compared.y]))
    close = tree.query_pairs(reach + 1e-6, output_type="ndarray").astype(np.int64)
    one, two = close.min(axis=1, initial=len(compared)), close.max(axis=1, initial=0)
    metres = np.hypot(compared.x[one] - compared.x[two], compared.y[one] - compared.y[two])
    apart = np.abs(day[one] - day[two]).astype(np.float64)
    a = np.searchsorted(far + 1e-6, metres, side="left")
    b = np.searchsorted(late, apart, side="left")
    inside = (a < far.size) & (b < late.size)
    inside[inside] &= chosen[a[inside], b[inside]]
    one, two, metres, apart, a, b = (v[inside] for v in (one, two, metres, apart, a, b))
    share = bands["share"].to_numpy().reshape(far.size, late.size)[a, b]
    order = np.lexsort((two, one, -share))[:MOST]
    one, two = one[order], two[order]
    found = pd.DataFrame(
        {
            "one": compared.ids[one],
            "two": compared.ids[two],
            "metres": metres[order],
            "days": apart[order],
            "share": share[order],
        }
    )
    return found, (one, two)
