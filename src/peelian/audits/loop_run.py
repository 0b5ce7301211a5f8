"""One course of the loop: attend what the records say, record what is found there, and learn from that again.

Ways of learning
----------------
``naive``
    Every record counts as one, however it came about.
``reported``
    What was found by attending is left out, so far as it is labelled as that (charter, rule 6).
``corrected``
    A record from a place that was attended counts as 1 / (1 + k), where k is how many incidents are *believed* to be
    found there for each that is reported: weighting by the inverse of the chance to be recorded (Horvitz and Thompson
    1952, A generalization of sampling without replacement from a finite universe, JASA 47; Ensign et al. 2018).
``explore``
    As ``naive``, but a share of the visits goes to places drawn at random.
``holdout``
    A random share of the chosen places is left unattended each period. They are like the others in everything but
    that, so that comparing the two measures k, and records are corrected by what was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from numba import njit

from peelian.audits.loop_world import Assumptions, Course
from peelian.errors import UsageError

__all__ = ["LEARNERS", "Learner", "Outcome", "follow", "learners"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FAR = 900.0
"""Half-lives in a course at most: beyond, weights leave the range of numbers."""

LEARNERS: dict[str, str] = {
    "reported": "learning from what residents report",
    "naive": "learning from every record alike",
    "corrected": "learning from records weighed by their chance to be recorded",
    "explore": "learning from every record alike, with some visits at random",
    "holdout": "learning corrected by what random hold-outs measure",
}
"""Ways of learning by name, and what they are, in words."""


@dataclass(frozen=True)
class Learner:
    """A way of learning.

    Parameters
    ----------
    name : str
        See the module.
    believed : float
        Found incidents for each reported one in an attended place, as ``corrected`` believes; infinite where residents
        report none.
    share : float
        Of the visits drawn at random by ``explore``; of the chosen places left unattended by ``holdout``.
    """

    name: str
    believed: float = 0.0
    share: float = 0.0

    def __post_init__(self) -> None:
        if self.name not in LEARNERS:
            msg = f"{self.name!r} was given as a way of learning; expected one of {', '.join(LEARNERS)}"
            raise UsageError(msg)
        if not 0 <= self.share < 1 or self.believed < 0:
            msg = f"{self.name} with a share of {self.share} and a belief of {self.believed} was given"
            raise UsageError(msg, hint="a share from 0 up to 1, and at least 0 found for each reported one")


def learners(*, believed: float, explore: float, holdout: float) -> tuple[Learner, ...]:
    """All ways of learning."""
    shares = {"explore": explore, "holdout": holdout}
    return tuple(
        Learner(name, believed if name == "corrected" else 0.0, shares.get(name, 0.0)) for name in LEARNERS
    )


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one course came to, each the mean over a year's periods.

    Parameters
    ----------
    misplaced : array of float, shape (years,)
        Share of the chosen places that are not truly among the first. Both are spread evenly over as many places, so
        that it is also the total variation distance between the two.
    believed, true : array of float, shape (years,)
        Share of all incidents in the chosen places, by the records and in truth.
    reached : array of float, shape (years,)
        True share of incidents in the places that were attended, which differ from the chosen ones by what is drawn at
        random or left out.
    exposure : array of float, shape (years, n_groups)
        Share of each group's residents who live in the chosen places.
    scores : array of float, shape (n_cells,)
        What the records said of each place in the end; sums to 1.
    """

    misplaced: Floats
    believed: Floats
    true: Floats
    reached: Floats
    exposure: Floats
    scores: Floats


def follow(
    drawn: Course,
    learner: Learner,
    assumed: Assumptions | float,
    *,
    groups: Floats,
    per_year: int,
    places: int,
    half_life: float,
    luck: Floats,
    start: float = 0.0,
    attend: Literal["first", "drawn"] = "first",
) -> Outcome:
    """Let one way of learning go through one course.

    Parameters
    ----------
    drawn : Course
    learner : Learner
    assumed : Assumptions or float
        Or the ratio of found to reported incidents; labels are then taken to be right.
    groups : array of float, shape (n_cells, n_groups)
        Each group's residents as shares of the group.
    places : int
        Attended in each period.
    half_life : float
        Periods after which a record counts half; infinite if all count alike.
    luck : array of float, shape (periods, 2 * places)
        Uniform numbers for what is drawn at random.
    start : float
        What each place is believed to have had before any record.
    attend : {'first', 'drawn'}
        The places with the most by the records; or drawn with chances in proportion to it, as in the urn.
    """
    ratio = assumed.ratio if isinstance(assumed, Assumptions) else float(assumed)
    slips = assumed.mislabelled if isinstance(assumed, Assumptions) else 0.0
    periods, years = drawn.edges.size - 1, drawn.rates.shape[0]
    if half_life <= 0 or periods > FAR * half_life:
        msg = f"a half-life of {half_life:g} periods was given for a course of {periods}"
        raise UsageError(msg, hint="use about a year: 52 weeks")
    cells = drawn.ties.size
    # The least of a difference between places without a record, so that chance and not their number decides.
    scores = np.empty(cells)
    scores[drawn.ties] = start + 1e-9 * np.arange(cells) / cells
    out = np.zeros((years, 4 + groups.shape[1]))
    _follow(
        drawn.cells,
        drawn.marks,
        drawn.edges,
        periods - years * per_year,
        per_year,
        places,
        drawn.rates / drawn.rates.sum(axis=1, keepdims=True),
        drawn.first,
        groups,
        ratio * (slips if learner.name == "reported" else 1.0),
        learner.believed if learner.name == "corrected" else 0.0,
        learner.name == "holdout",
        learner.share,
        math.log(2) / half_life,
        attend == "drawn",
        luck,
        drawn.ties[-places:].copy(),  # rising, which is a heap
        scores,
        out,
    )
    misplaced, believed, true, reached = out[:, :4].T.copy()
    return Outcome(misplaced, believed, true, reached, out[:, 4:].copy(), scores / scores.sum())


@njit(cache=True, nogil=True)
def _sink(heap: Ints, at: Ints, scores: Floats, i: int) -> None:
    """Move the cell at `i` down to where it belongs: the lowest score is at the top."""
    n = heap.size
    while True:
        low = i
        for child in (2 * i + 1, 2 * i + 2):
            if child < n and scores[heap[child]] < scores[heap[low]]:
                low = child
        if low == i:
            return
        heap[i], heap[low] = heap[low], heap[i]
        at[heap[i]], at[heap[low]] = i, low
        i = low


@njit(cache=True, nogil=True)
def _offer(cell: int, heap: Ints, at: Ints, scores: Floats) -> None:
    """Keep the cells with the highest scores in the heap, after one cell's score rose."""
    if at[cell] >= 0:
        _sink(heap, at, scores, at[cell])
    elif scores[cell] > scores[heap[0]]:
        at[heap[0]] = -1
        heap[0] = cell
        at[cell] = 0
        _sink(heap, at, scores, 0)


@njit(cache=True, nogil=True)
def _draw(scores: Floats, total: float, places: int, u: float, chance: Floats, went: Ints) -> int:
    """Attend places with chances in proportion to scores: systematic sampling (Madow 1949), exact in its chances."""
    upto, step, n = 0.0, u, 0
    for c in range(scores.size):
        chance[c] = min(places * scores[c] / total, 1.0)
        upto += chance[c]
        if upto > step:
            went[n] = c
            n += 1
            step += 1.0
    return n


@njit(cache=True, nogil=True)
def _visit(heap: Ints, luck: Floats, share: float, holdout: bool, cells: int, went: Ints, held: Ints) -> int:
    """Attend the chosen places, less those held out or given up for a place drawn at random."""
    n = 0
    for i in range(heap.size):
        held[i] = 0
        if luck[i] >= share:
            went[n] = heap[i]
        elif holdout:
            held[i] = 1
            continue
        else:
            went[n] = int(luck[heap.size + i] * cells)
        n += 1
    return n


@njit(cache=True, nogil=True)
def _tally(
    out: Floats, heap: Ints, scores: Floats, total: float, shares: Floats, first: Floats, groups: Floats
) -> None:
    """Add what a period's choice came to."""
    n = heap.size
    for i in range(n):
        c = heap[i]
        out[0] += 0.0 if first[c] else 1.0 / n
        out[1] += scores[c] / total
        out[2] += shares[c]
        for g in range(groups.shape[1]):
            out[4 + g] += groups[c, g]


@njit(cache=True, nogil=True)
def _follow(
    cells: Ints,
    marks: Floats,
    edges: Ints,
    history: int,
    per_year: int,
    places: int,
    shares: Floats,
    first: npt.NDArray[np.bool_],
    groups: Floats,
    counted: float,
    believed: float,
    holdout: bool,
    share: float,
    decay: float,
    by_chance: bool,
    luck: Floats,
    heap: Ints,
    scores: Floats,
    out: Floats,
) -> None:
    n = scores.size
    at = np.full(n, -1, dtype=np.int64)
    for i in range(places):
        at[heap[i]] = i
    seen, chance, kind = np.zeros(n), np.zeros(n), np.zeros(n, dtype=np.int64)
    went, visits, held = np.zeros(places + 1, dtype=np.int64), 0, np.zeros(places, dtype=np.int64)
    tallied = np.zeros(4)  # records in attended and in held-out chosen places, and periods of places of each
    chosen = heap.copy()
    total = scores.sum()
    for t in range(edges.size - 1):
        weight = math.exp(decay * t)  # newer records count more instead of older ones less
        if t >= history:
            year = (t - history) // per_year
            _tally(out[year], heap, scores, total, shares[year], first[year], groups)
            for i in range(visits):
                seen[went[i]] = 0.0
            if by_chance:
                visits = _draw(scores, total, places, luck[t, 0], chance, went)
            else:
                visits = _visit(heap, luck[t], share, holdout, n, went, held)
            for i in range(visits):
                if seen[went[i]] == 0:
                    out[year, 3] += shares[year, went[i]]
                seen[went[i]] = 1.0
        if holdout and t >= history:
            for i in range(places):
                kind[heap[i]] = 1 + held[i]
                tallied[2 + held[i]] += 1
            # As many records as held-out places would have if attending made no difference, beside what they have; one
            # more on each side, so that there is a ratio before the first.
            expected = tallied[0] * tallied[3] / max(tallied[2], 1.0)
            believed = max((expected + 1.0) / (tallied[1] + 1.0) - 1.0, 0.0)
            chosen[:] = heap
        for e in range(edges[t], edges[t + 1]):
            c = cells[e]
            if marks[e] >= 0 and (seen[c] == 0 or marks[e] >= counted):
                continue
            if kind[c] > 0:
                tallied[kind[c] - 1] += 1
            x = chance[c] if by_chance else seen[c]
            worth = weight / (x if math.isinf(believed) else 1.0 + believed * x)
            scores[c] += worth
            total += worth
            _offer(c, heap, at, scores)
        if holdout and t >= history:
            for i in range(places):
                kind[chosen[i]] = 0
    out /= per_year
