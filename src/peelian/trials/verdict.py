"""The verdict: does any method beat counting, and what is used because of it.

The metric and the area are fixed before the trial, and so are the rules:

- *better* — at least one challenger's interval lies above zero as a whole. Of those, the one with the highest
  lower end is what is used.
- *worse* — every challenger's interval lies below zero as a whole.
- *no better* — all else, too little data (fewer than 50 reports) and differences of mere rounding included.

In the last two the count map is what is used. The intervals are simultaneous: with k challengers each has the
level 1 - (1 - level) / k (Bonferroni), so that trying many methods doesn't make one of them win by luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from peelian.trials.bootstrap import Interval

__all__ = ["FEWEST_EVENTS", "Comparison", "Status", "Verdict", "judge", "simultaneous"]

FEWEST_EVENTS = 50
"""With fewer reports in all tried periods nothing is called better or worse: a bootstrap of so few says little."""
SMALLEST = 1e-6
"""A difference below this share of the count map's PAI is rounding, not a difference."""

Status: TypeAlias = Literal["better", "no better", "worse"]


@dataclass(frozen=True)
class Comparison:
    """One challenger against the count map.

    Parameters
    ----------
    name, title : str
        The challenger's.
    difference : Interval
        Its PAI less that of the count map, with the simultaneous interval.
    value, baseline : float
        PAI of the challenger and of the count map.
    held, baseline_held : float
        Hit rates, 0 to 1: the share of the reports that were in the places ranked highest.
    """

    name: str
    title: str
    difference: Interval
    value: float
    baseline: float
    held: float
    baseline_held: float


@dataclass(frozen=True)
class Verdict:
    """What came out, and what follows from it.

    Parameters
    ----------
    status : {"better", "no better", "worse"}
        Of the challengers, against the count map.
    method : str
        Name of the method to use.
    text : str
        Why, in words and numbers.
    metric : str
    fraction : float
        Share of the area at which it was measured.
    difference, low, high : float
        Of the challenger that the text speaks of; not a number where there is none or too little data.
    level : float
        Simultaneous level of the interval.
    """

    status: Status
    method: str
    text: str
    metric: str
    fraction: float
    difference: float
    low: float
    high: float
    level: float

    def to_dict(self) -> dict[str, str | float | None]:
        """As JSON has it: what is no finite number is None."""
        return {
            "status": self.status,
            "method": self.method,
            "text": self.text,
            "metric": self.metric,
            "fraction": self.fraction,
            **Interval(self.difference, self.low, self.high).to_dict("difference"),
            "level": self.level,
        }


def simultaneous(level: float, k: int) -> float:
    """Level that each of `k` intervals needs so that all hold at once with `level` (Bonferroni)."""
    return 1 - (1 - level) / max(k, 1)


def judge(
    comparisons: Sequence[Comparison], *, baseline: str, fraction: float, level: float, over: str, events: int
) -> Verdict:
    """Judge the challengers by the rules of this module.

    Parameters
    ----------
    comparisons : sequence of Comparison
        With simultaneous intervals; may be empty.
    baseline : str
        Name of the count map.
    fraction : float
        Share of the area.
    level : float
        The simultaneous level.
    over : str
        What it was tried on, such as ``"52 weeks, 2017-01-02 to 2017-12-31"``.
    events : int
        Reports in it.
    """
    if not comparisons:
        text = f"Nothing but the count map was tried over {over}: the count map is what is used."
        return Verdict("no better", baseline, text, "pai", fraction, np.nan, np.nan, np.nan, level)
    if events < FEWEST_EVENTS:
        text = (
            f"Over {over} there were {events} reports, fewer than the {FEWEST_EVENTS} that it takes to tell methods "
            "apart: the count map is what is used."
        )
        return Verdict("no better", baseline, text, "pai", fraction, np.nan, np.nan, np.nan, level)
    winners = [c for c in comparisons if c.difference.low > SMALLEST * max(c.baseline, 1.0)]
    status: Status
    if winners:
        status, told = "better", max(winners, key=lambda c: c.difference.low)
    else:
        told = max(comparisons, key=lambda c: c.difference.value)
        status = (
            "worse"
            if all(c.difference.high < -SMALLEST * max(c.baseline, 1.0) for c in comparisons)
            else "no better"
        )
    text = _text(told, status, len(comparisons), fraction=fraction, level=level, over=over)
    method = told.name if status == "better" else baseline
    d = told.difference
    return Verdict(status, method, text, "pai", fraction, d.value, d.low, d.high, level)


def _text(told: Comparison, status: Status, k: int, *, fraction: float, level: float, over: str) -> str:
    d = told.difference
    title = told.title[:1].lower() + told.title[1:]
    chosen_by = "whose interval has the highest lower end" if status == "better" else "with the highest PAI"
    which = (
        title if k == 1 else f"{title} (of the {k} methods tried against the count map, the one {chosen_by})"
    )
    held = (
        f"Over {over}, {100 * told.held:.1f} of every 100 reported incidents were in the {100 * fraction:g} % of the "
        f"area that {which} ranked highest; {100 * told.baseline_held:.1f} were in that of the count map. "
    )
    if not (np.isfinite(d.low) and np.isfinite(d.high)):
        return held + "That is too little data to tell whether it is better: the count map is what is used."
    among = "" if k == 1 else f" for all {k} at once"
    numbers = (
        f"Its PAI is {told.value:.2f} against {told.baseline:.2f}, a difference of {d.value:+.2f} "
        f"({100 * level:g} % interval{among}: {d.low:+.2f} to {d.high:+.2f}). "
    )
    ends: dict[Status, str] = {
        "better": f"The whole interval is above zero: {title} is what is used.",
        "worse": "The whole interval is below zero: the count map is what is used.",
        "no better": "That does not show it to be better: the count map is what is used.",
    }
    if status == "no better" and d.low <= 0 <= d.high:
        return held + numbers + "The interval includes zero: the count map is what is used."
    return held + numbers + ends[status]
