"""A table with totals as a network, and which further cells must be hidden so that no hidden one follows.

Every cell is an arc and every sum that a reader may know is a node where as much flows in as out: a cell
runs from its row to its column, a column's total on to the total row, a row's total from the total column
to the row. Tables that have the same totals differ by flows around closed walks. So a hidden cell can have
another value, with all that is shown unchanged, exactly when one more unit can go round a cycle of hidden
arcs through it without leaving the bounds that the markers tell.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

__all__ = ["Arc", "protect"]


@dataclass
class Arc:
    """One number of a table, shown or not.

    Parameters
    ----------
    tail, head : int
        Nodes it runs from and to.
    value : int
    fixed : bool
        Known to readers from elsewhere: it can't be hidden.
    low, high : int or None
        What a marker tells of a hidden value; `high` None is no bound. Both are set once it is hidden.
    hidden : bool
    """

    tail: int
    head: int
    value: int
    fixed: bool = False
    hidden: bool = False
    low: int = 0
    high: int | None = None

    def can_rise(self) -> bool:
        """Whether one more is within the bounds."""
        return self.high is None or self.value < self.high

    def can_fall(self) -> bool:
        """Whether one less is within the bounds."""
        return self.value > self.low


#: A step along an arc (it rises) or against it (it falls): cost, arc number, whether it rises.
_Step = tuple[int, int, bool]

#: node -> node -> up to two steps, the cheapest first.
_Steps = dict[int, dict[int, list[_Step]]]


def _cost(arc: Arc, *, rises: bool, threshold: int, vaguely: bool) -> int | None:
    """What it costs to let an arc move; None if it can't.

    A shown arc costs its value, as it would have to be hidden; its marker would tell that it is at least the
    threshold. Only where markers may be vague (they tell nothing) can a hidden arc leave what its marker
    told, or a zero be hidden.
    """
    if arc.hidden:
        if arc.can_rise() if rises else arc.can_fall():
            return 0
        return 1 if vaguely and (rises or arc.value > 0) else None
    if arc.fixed or 0 < arc.value < threshold:
        return None
    if arc.value == 0:
        return 1 if vaguely and rises else None
    if rises or arc.value > threshold:
        return arc.value
    return arc.value + 1 if vaguely else None


def _steps(arcs: list[Arc], *, threshold: int, vaguely: bool) -> _Steps:
    """Steps from node to node. Two are kept per pair of nodes: one may be along the arc that the way has to close."""
    steps: _Steps = {}
    for number, arc in enumerate(arcs):
        for rises in (True, False):
            cost = _cost(arc, rises=rises, threshold=threshold, vaguely=vaguely)
            if cost is not None:
                a, b = (arc.tail, arc.head) if rises else (arc.head, arc.tail)
                best = steps.setdefault(a, {}).setdefault(b, [])
                best.append((cost, number, rises))
                best.sort()
                del best[2:]
    return steps


def _cheapest_way(
    steps: _Steps, start: int, end: int, *, without: int
) -> tuple[int, list[tuple[int, bool]]] | None:
    """Cost and steps (arc number, rises) of the cheapest way from `start` to `end` that avoids the arc `without`."""
    queue: list[tuple[int, int]] = [(0, start)]
    cost_of: dict[int, int] = {start: 0}
    came: dict[int, tuple[int, int, bool]] = {}
    while queue:
        cost, node = heapq.heappop(queue)
        if node == end:
            way = []
            while node != start:
                node, number, rises = came[node]
                way.append((number, rises))
            return cost, way
        if cost > cost_of[node]:
            continue
        for following, ways in steps.get(node, {}).items():
            step = next((w for w in ways if w[1] != without), None)
            if step is not None and cost + step[0] < cost_of.get(following, cost + step[0] + 1):
                cost_of[following] = cost + step[0]
                came[following] = (node, step[1], step[2])
                heapq.heappush(queue, (cost_of[following], following))
    return None


def _cycle(
    arcs: list[Arc], steps: _Steps, number: int, *, threshold: int, vaguely: bool
) -> list[tuple[int, bool]] | None:
    """The cheapest cycle through a hidden arc, that arc first; None if there is none."""
    arc, found = arcs[number], []
    for rises in (True, False):
        cost = _cost(arc, rises=rises, threshold=threshold, vaguely=vaguely)
        if cost is not None:
            start, end = (arc.head, arc.tail) if rises else (arc.tail, arc.head)
            way = _cheapest_way(steps, start, end, without=number)
            if way is not None:
                found.append((cost + way[0], [(number, rises), *way[1]]))
    return min(found)[1] if found else None


def _open(arc: Arc, *, rises: bool, threshold: int) -> bool:
    """Hide an arc, or make its marker vague, so that it can move; whether anything was changed."""
    if arc.hidden:
        if arc.can_rise() if rises else arc.can_fall():
            return False
        arc.low, arc.high = 0, None
        return True
    arc.hidden, arc.high = True, None
    arc.low = threshold if arc.value > threshold or (rises and arc.value == threshold) else 0
    return True


def protect(arcs: list[Arc], *, threshold: int) -> tuple[list[tuple[int, int]], list[int]]:
    """Hide further arcs until each hidden one can have at least two values. Changes `arcs`.

    Parameters
    ----------
    arcs : list of Arc
        Those below the threshold are hidden already, with bounds 1 and ``threshold - 1``.
    threshold : int
        A further arc is hidden with the bounds `threshold` and none: its marker tells that it is not below.

    Returns
    -------
    added : list of (int, int)
        Each further hidden arc, and the arc for whose sake it was hidden.
    bare : list of int
        Arcs that can't be protected by hiding anything in the table.

    Notes
    -----
    Each arc below the threshold is closed to a cycle, up or down, that hides the least sum of further
    values. On a cycle every arc moves by one, so the further arcs are protected by the cycle that they
    were hidden for, and hiding more never takes freedom away. The choice is a heuristic as a whole: each
    cycle is the cheapest, all together need not be. Cox (1980), Suppression methodology and statistical
    disclosure control, Journal of the American Statistical Association 75; Cox (1995), Network models for
    complementary cell suppression, same journal 90.

    Markers can give numbers away by themselves: 1, 1, 1, 1 with a total marked ``<5`` can be nothing else.
    Where no cycle keeps within the markers, the cheapest one is taken that does not, and the arcs that
    would leave their bounds get the bounds 0 and none: their marker must tell nothing of their size.
    """
    added: list[tuple[int, int]] = []
    rest = [i for i, arc in enumerate(arcs) if arc.hidden and arc.tail != arc.head]
    for vaguely in (False, True):
        steps, bare = _steps(arcs, threshold=threshold, vaguely=vaguely), []
        for number in rest:
            cycle = _cycle(arcs, steps, number, threshold=threshold, vaguely=vaguely)
            if cycle is None:
                bare.append(number)
                continue
            shown = {i for i, _ in cycle if not arcs[i].hidden}
            changed = [_open(arcs[i], rises=rises, threshold=threshold) for i, rises in cycle]
            if any(changed):
                steps = _steps(arcs, threshold=threshold, vaguely=vaguely)
            added += [(i, number) for i, _ in cycle if i in shown]
        rest = bare
    return added, rest
