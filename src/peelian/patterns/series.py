"""Candidate series: incidents that hang together by likely links, and the series that a new incident may belong to.

A candidate is a hypothesis. With average linkage incidents are joined as long as the mean log odds between two groups
stay above a cut; single linkage follows chains, complete linkage wants every pair to be likely. Communities are found
on the graph of links alone, by modularity.

References
----------
Porter (2016), "A statistical approach to crime linkage", The American Statistician 70 (hierarchical clustering of Bayes
factors, and series identification). Blondel and others (2008), "Fast unfolding of communities in large networks",
Journal of Statistical Mechanics.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.special import logit

from peelian.errors import DataError, UsageError
from peelian.patterns.base import check_level
from peelian.patterns.link_model import LinkModel
from peelian.patterns.pairs import Compared
from peelian.patterns.probability import to_probability

__all__ = ["CandidateSeries", "SeriesMethod", "candidate_series", "group_pairs", "rank_series"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LogOdds = Callable[[Ints, Ints], Floats]
SeriesMethod = Literal["average", "complete", "single", "communities"]

MOST_TOGETHER = 2_000
"""Incidents that are joined at once; where more hang together, links are dropped from the weakest until fewer do."""

PASSES = 20


@dataclass(frozen=True, eq=False)
class CandidateSeries:
    """Incidents that may be of one series.

    Attributes
    ----------
    rows : array of int, shape (k,)
    ids : tuple of str
        In the order of time.
    first, last : numpy.datetime64
        Earliest start and latest end.
    metres : float
        Largest distance of two of them.
    probability, weakest : float
        Mean and least probability of a link over all their pairs.
    """

    rows: Ints
    ids: tuple[str, ...]
    first: np.datetime64
    last: np.datetime64
    metres: float
    probability: float
    weakest: float

    @property
    def days(self) -> float:
        """From the first to the last."""
        return float((self.last - self.first) / np.timedelta64(1, "m")) / 1440.0

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "incidents": list(self.ids),
            "first": str(self.first),
            "last": str(self.last),
            "days": self.days,
            "metres": self.metres,
            "probability": self.probability,
            "weakest": self.weakest,
        }


def group_pairs(
    n: int, one: Ints, two: Ints, log_odds: Floats, *, method: SeriesMethod, cut: float, between: LogOdds
) -> list[Ints]:
    """Groups of two incidents or more that hang together.

    Parameters
    ----------
    n : int
        Incidents.
    one, two : array of int, shape (links,)
        All pairs whose log odds reach `cut`; others are not looked at.
    log_odds : array of float, shape (links,)
    method : {"average", "complete", "single", "communities"}
    cut : float
        Least log odds: of a link, and of a join.
    between : callable
        Log odds of any pairs ``(i, j)``.

    Returns
    -------
    list of array of int
        Rows of each group, the largest first.
    """
    if method not in get_args(SeriesMethod):
        msg = f"method {method!r} was given; expected one of {', '.join(get_args(SeriesMethod))}"
        raise UsageError(msg)
    keep = log_odds >= cut
    one, two, log_odds = one[keep], two[keep], log_odds[keep]
    if method == "communities":
        found = _communities(n, one, two, to_probability(log_odds))
    elif method == "single":
        found = joined_by(n, one, two)
    else:
        found = []
        for rows in _small_components(n, one, two, log_odds):
            found += _joined(rows, between, method, cut)
    return sorted(found, key=lambda rows: (-rows.size, int(rows[0])))


def joined_by(n: int, one: Ints, two: Ints) -> list[Ints]:
    """Groups of two or more that links join, in any way."""
    graph = sparse.coo_matrix((np.ones(one.size), (one, two)), shape=(n, n))
    return _by_part(sparse.csgraph.connected_components(graph, directed=False)[1])


def _by_part(part: npt.NDArray[Any]) -> list[Ints]:
    order = np.argsort(part, kind="stable")
    cuts = np.flatnonzero(np.diff(part[order])) + 1
    return [rows.astype(np.int64) for rows in np.split(order, cuts) if rows.size > 1]


def _small_components(n: int, one: Ints, two: Ints, log_odds: Floats) -> list[Ints]:
    found: list[Ints] = []
    for rows in joined_by(n, one, two):
        if rows.size <= MOST_TOGETHER:
            found.append(rows)
            continue
        inside = np.isin(one, rows)
        a, b, odds = one[inside], two[inside], log_odds[inside]
        middle = float(np.median(odds))
        stronger = odds > middle
        if not stronger.any():
            msg = f"{rows.size:,} incidents hang together by equally likely links; expected at most {MOST_TOGETHER:,}"
            raise DataError(msg, hint="series='communities', or a higher probability")
        found += _small_components(n, a[stronger], b[stronger], odds[stronger])
    return found


def _joined(rows: Ints, between: LogOdds, method: SeriesMethod, cut: float) -> list[Ints]:
    if rows.size == 2:
        return [rows]
    i, j = np.triu_indices(rows.size, 1)
    odds = between(rows[i], rows[j])
    top = float(odds.max())
    tree = linkage(top - odds, method="complete" if method == "complete" else "average")
    return [rows[part] for part in _by_part(fcluster(tree, top - cut + 1e-12, criterion="distance"))]


def _communities(n: int, one: Ints, two: Ints, weight: Floats) -> list[Ints]:
    """Louvain's method: move incidents to the neighbouring group that gains most modularity, then join groups."""
    part = np.arange(n)
    graph = sparse.coo_matrix((weight, (one, two)), shape=(n, n)).tocsr()
    graph = (graph + graph.T).tocsr()
    while True:
        moved = _moved(graph)
        names, compact = np.unique(moved, return_inverse=True)
        part = compact[part]
        if names.size == graph.shape[0]:
            return _by_part(part)
        to = sparse.csr_matrix((np.ones(compact.size), (np.arange(compact.size), compact)))
        graph = (to.T @ graph @ to).tocsr()


def _moved(graph: sparse.csr_matrix) -> Ints:
    n = int(graph.shape[0])
    degree = np.asarray(graph.sum(axis=1)).ravel()
    total = float(degree.sum())
    part = np.arange(n)
    inside = degree.copy()
    for _ in range(PASSES):
        changed = False
        for node in range(n):
            near = graph.indices[graph.indptr[node] : graph.indptr[node + 1]]
            strength = graph.data[graph.indptr[node] : graph.indptr[node + 1]]
            others = near != node
            if not others.any():
                continue
            own = part[node]
            inside[own] -= degree[node]
            groups, which = np.unique(np.append(part[near[others]], own), return_inverse=True)
            links = np.bincount(which, weights=np.append(strength[others], 0.0))
            gain = links - inside[groups] * degree[node] / total
            best = int(groups[int(np.argmax(gain))])
            stay = gain[int(np.searchsorted(groups, own))]
            if best != own and gain.max() > stay + 1e-12:
                part[node], changed = best, True
            inside[part[node]] += degree[node]
        if not changed:
            break
    return part


def candidate_series(
    model: LinkModel,
    compared: Compared,
    one: Ints,
    two: Ints,
    score: Floats,
    *,
    method: SeriesMethod = "average",
    at_least: float = 0.5,
    shift: float = 0.0,
) -> tuple[CandidateSeries, ...]:
    """Candidate series from scored pairs.

    Parameters
    ----------
    model : LinkModel
    compared : Compared
    one, two : array of int, shape (links,)
        All pairs that reach `at_least`; more may be given.
    score : array of float, shape (links,)
    method : {"average", "complete", "single", "communities"}
    at_least : float
        Probability at the cut.
    shift : float
        See `LinkModel.shift`.

    Raises
    ------
    UsageError
        An unknown method, or no probability.
    """
    check_level(at_least, what="at_least")

    def between(i: Ints, j: Ints) -> Floats:
        return model.calibrator.log_odds(model.score(compared, i, j), shift=shift)

    log_odds = model.calibrator.log_odds(score, shift=shift)
    groups = group_pairs(
        len(compared), one, two, log_odds, method=method, cut=float(logit(at_least)), between=between
    )
    return tuple(described(compared, rows, between) for rows in groups)


def described(compared: Compared, rows: Ints, between: LogOdds) -> CandidateSeries:
    """What there is to say of some incidents as a series."""
    rows = rows[np.argsort(compared.start[rows], kind="stable")]
    i, j = np.triu_indices(rows.size, 1)
    probability = to_probability(between(rows[i], rows[j]))
    metres = np.hypot(compared.x[rows[i]] - compared.x[rows[j]], compared.y[rows[i]] - compared.y[rows[j]])
    return CandidateSeries(
        rows,
        tuple(str(name) for name in compared.ids[rows]),
        np.datetime64(round(float(compared.start[rows].min())), "m"),
        np.datetime64(round(float(compared.end[rows].max())), "m"),
        float(metres.max()),
        float(probability.mean()),
        float(probability.min()),
    )


def rank_series(
    model: LinkModel,
    compared: Compared,
    labels: pd.Series | Mapping[str, Hashable],
    incident: str,
    *,
    shift: float = 0.0,
) -> pd.DataFrame:
    """The known series that an incident may belong to, the likeliest first.

    Parameters
    ----------
    model : LinkModel
    compared : Compared
        With the incident, and the incidents of the series.
    labels : pandas.Series or mapping
        Incident id to series; those of incidents that aren't there, and of the incident itself, are left out.
    incident : str
        Its id.
    shift : float

    Returns
    -------
    pandas.DataFrame
        ``series``, ``incidents``, ``probability`` (of a link with its likeliest member), ``mean_log_odds`` and
        ``nearest`` (that member). Sorted by the mean of the log odds with all members, which Porter (2016) found to
        do best for series of several.

    Raises
    ------
    DataError
        The incident isn't there.
    """
    place = np.flatnonzero(compared.ids == incident)
    if not place.size:
        msg = f"incident {incident!r} is not among the {len(compared):,} that are looked at"
        raise DataError(msg, hint="give its id as it is in the incidents")
    given = (labels if isinstance(labels, pd.Series) else pd.Series(dict(labels), dtype=object)).dropna()
    row = pd.Index(compared.ids).get_indexer(pd.Index(given.index.astype(str).to_numpy(dtype=object)))
    known = pd.DataFrame({"row": row, "series": given.astype(str).to_numpy()}).drop_duplicates()
    known = known[(known["row"] >= 0) & (known["row"] != place[0])]
    columns = ["series", "incidents", "probability", "mean_log_odds", "nearest"]
    if known.empty:
        return pd.DataFrame(columns=columns)
    other = known["row"].to_numpy(dtype=np.int64)
    score = model.score(compared, np.full(other.size, place[0]), other)
    known["log_odds"] = model.calibrator.log_odds(score, shift=shift)
    known["nearest"] = compared.ids[other]
    best = known.sort_values("log_odds", ascending=False, kind="stable").groupby("series", sort=True)
    found = pd.DataFrame(
        {
            "incidents": best.size(),
            "probability": to_probability(best["log_odds"].max()),
            "mean_log_odds": best["log_odds"].mean(),
            "nearest": best["nearest"].first(),
        }
    ).reset_index()
    return found.sort_values("mean_log_odds", ascending=False, kind="stable")[columns].reset_index(drop=True)
