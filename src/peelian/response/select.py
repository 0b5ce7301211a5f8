"""Which cells to choose: the most expected reports under a budget of hours and a cap per area."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse

from peelian.errors import PeelianError

__all__ = ["choose"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: Room for the rounding of sums such as 0.1 + 0.2, relative to the budget.
SLACK = 1e-9

#: Branch-and-bound stops here rather than after a time, so that the same input gives the same plan anywhere.
NODE_LIMIT = 100_000


def choose(
    values: Floats,
    *,
    cost: Floats,
    budget: float,
    area: Ints | None = None,
    cap: int | None = None,
    order: Ints | None = None,
) -> Bools:
    """Choose the cells with the greatest sum of values that fit a budget, at most `cap` of them in one area.

    Parameters
    ----------
    values : array of float, shape (n_cells,)
        What a cell is worth, at least 0. Cells worth 0 are never chosen.
    cost : array of float, shape (n_cells,)
        What a cell takes of the budget, above 0.
    budget : float
    area : array of int, shape (n_cells,), optional
        Area of each cell. Cells of area -1 (in no area) are held to the cap together, as if they were one
        area.
    cap : int, optional
        Most cells in one area; no cap when it is None.
    order : array of int, shape (n_cells,), optional
        Cells from first to last choice among equals; by value and then number when it is not given.

    Returns
    -------
    array of bool, shape (n_cells,)

    Raises
    ------
    PeelianError
        Costs differ and the solver could not prove its choice the best within its limit.

    Notes
    -----
    With equal costs the greedy choice (best first, skipping cells of full areas, until the budget is
    spent) is optimal. The sets that may be chosen are those with at most k cells in all and at most `cap`
    in each area. They form a matroid, a partition matroid truncated at k. Proof of the exchange property:
    take two such sets, A smaller than B. Some area holds more cells of B than of A, else A would not be
    smaller; A has fewer than `cap` there and fewer than k in all; so some cell of that area in B and not
    in A can be added to A. For weights of at least 0 the greedy algorithm finds a heaviest set of a
    matroid (Edmonds 1971, Matroids and the greedy algorithm, Mathematical Programming 1, 127-136).

    With costs that differ this is a knapsack problem, where greedy can be far off: it is solved as a
    mixed-integer program by HiGHS, with no gap left.
    """
    usable = (values > 0) & (cost <= budget * (1 + SLACK))
    chosen = np.zeros(values.size, dtype=bool)
    if not usable.any():
        return chosen
    groups = np.zeros(values.size, dtype=np.int64) if area is None else area - min(int(area.min()), 0)
    limit = values.size if cap is None else cap
    if np.all(cost == cost[0]):
        k = int(budget * (1 + SLACK) / cost[0])
        order = np.lexsort((np.arange(values.size), -values)) if order is None else order
        chosen[_greedy(order[usable[order]], groups, limit)[:k]] = True
        return chosen
    chosen[_knapsack(values, cost, budget, groups, limit, usable)] = True
    return chosen


def _greedy(order: Ints, groups: Ints, limit: int) -> Ints:
    """Cells of `order`, without those beyond the first `limit` of their group, still in order."""
    by_group = np.argsort(groups[order], kind="stable")
    sorted_groups = groups[order][by_group]
    start = np.searchsorted(sorted_groups, sorted_groups, side="left")
    place_in_group = np.empty(order.size, dtype=np.int64)
    place_in_group[by_group] = np.arange(order.size) - start
    return order[place_in_group < limit]


def _knapsack(values: Floats, cost: Floats, budget: float, groups: Ints, limit: int, usable: Bools) -> Bools:
    n = values.size
    rows: list[Any] = [sparse.csr_array(cost[None, :])]
    upper = [np.array([budget * (1 + SLACK)])]
    if limit < n:
        members = sparse.csr_array((np.ones(n), (groups, np.arange(n))), shape=(int(groups.max()) + 1, n))
        rows.append(members)
        upper.append(np.full(members.shape[0], float(limit)))
    found = optimize.milp(
        -values,
        integrality=np.ones(n, dtype=np.int64),
        bounds=optimize.Bounds(0, usable.astype(float)),
        constraints=optimize.LinearConstraint(sparse.vstack(rows), -np.inf, np.concatenate(upper)),
        options={"mip_rel_gap": 0.0, "node_limit": NODE_LIMIT},
    )
    if found.status != 0 or found.x is None:
        msg = f"no choice of cells could be proved the best within {NODE_LIMIT:,} steps: {found.message}"
        raise PeelianError(msg, hint="give the same hours to every place, or round the hours")
    chosen: Bools = found.x > 0.5
    return chosen
