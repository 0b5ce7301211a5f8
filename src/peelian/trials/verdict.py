"""The verdict: does any method beat counting, and what is used because of it.

The metric and the area are fixed before the trial, and so are the rules:

- *better* — at least one challenger's interval lies above zero as a whole. Of those, the one with the highest
  lower end is what is used.
- *worse* — every challenger's interval lies below zero as a whole.
- *no better* — all else, too little data (fewer than 50 reports) and differences of mere rounding included.

In the last two counting is what is used. Where several methods of counting were tried, it is the best of them, the one
with the highest PAI in the trial (`best_counting`), that challengers are measured against and that is used where none
is better. Part of why it was highest is luck, which the challengers have to beat as well: that makes *better* rarer
than its level says, and *worse* a little more frequent (4 % of the trials in place of 2.5 %, measured with three
methods of counting that were equally good). Nothing hangs on the second: counting is what is used either way.

The intervals are simultaneous, so that trying many methods doesn't make one of them win by luck: by the largest
deviation of joint draws (`Resampler.simultaneous`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from peelian.trials.bootstrap import Interval
from peelian.trials.power import power_text

__all__ = ["FEWEST_EVENTS", "Comparison", "Status", "Verdict", "best_counting", "judge"]

FEWEST_EVENTS = 50
"""With fewer reports in all tried periods nothing is called better or worse: a bootstrap of so few says little."""
SMALLEST = 1e-6
"""A difference below this share of counting's PAI is rounding, not a difference."""

Status: TypeAlias = Literal["better", "no better", "worse"]


Parts: TypeAlias = tuple[tuple[str, str], ...]
CAME_OUT, SURE, FOLLOWS = "What came out", "How sure that is", "What follows"
UNSEEN, KNOWN = "What could not have been seen", "With the future known"
"""What the parts of a verdict's text are about."""


@dataclass(frozen=True)
class Comparison:
    """One challenger against counting.

    Parameters
    ----------
    name, title : str
        The challenger's.
    difference : Interval
        Its PAI less that of counting, with the simultaneous interval.
    value, baseline : float
        PAI of the challenger and of counting.
    held, baseline_held : float
        Hit rates, 0 to 1: the share of the reports that were in the places ranked highest.
    detectable : float, optional
        Smallest difference that the trial could have shown of it, as of `detectable_difference`.
    """

    name: str
    title: str
    difference: Interval
    value: float
    baseline: float
    held: float
    baseline_held: float
    detectable: float = np.nan


@dataclass(frozen=True)
class Verdict:
    """What came out, and what follows from it.

    Parameters
    ----------
    status : {"better", "no better", "worse"}
        Of the challengers, against counting.
    method : str
        Name of the method to use.
    text : str
        Why, in words and numbers: the `parts` one after the other.
    metric : str
    fraction : float
        Share of the area at which it was measured.
    difference, low, high : float
        Of the challenger that the text speaks of; not a number where there is none or too little data.
    level : float
        Simultaneous level of the interval.
    detectable : float
        Smallest difference that the trial could have shown; not a number where that is not known.
    hindsight : float
        The metric of counts that know the future as well; not a number where it was not taken.
    parts : tuple of (str, str)
        The text in parts, each with what it is about.
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
    detectable: float = np.nan
    hindsight: float = np.nan
    parts: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: what is no finite number is None."""
        return {
            "status": self.status,
            "method": self.method,
            "text": self.text,
            "metric": self.metric,
            "fraction": self.fraction,
            **Interval(self.difference, self.low, self.high).to_dict("difference"),
            "level": self.level,
            "detectable": float(self.detectable) if np.isfinite(self.detectable) else None,
            "hindsight": float(self.hindsight) if np.isfinite(self.hindsight) else None,
            "parts": [{"about": about, "text": text} for about, text in self.parts],
        }


def best_counting(scores: Mapping[str, float]) -> str:
    """Name of the counting method that challengers have to beat: the one with the highest score, of ties the first.

    Parameters
    ----------
    scores : mapping of str to float
        Pooled PAI of each counting method at the area of the verdict, at least one.
    """
    names = list(scores)
    values = np.array([scores[name] for name in names], dtype=np.float64)
    return names[int(np.argmax(np.where(np.isnan(values), -np.inf, values)))]


def judge(
    comparisons: Sequence[Comparison],
    *,
    baseline: str,
    fraction: float,
    level: float,
    over: str,
    events: int,
    baseline_title: str | None = None,
    detectable: float | None = None,
    hindsight: float | None = None,
) -> Verdict:
    """Judge the challengers by the rules of this module.

    Parameters
    ----------
    comparisons : sequence of Comparison
        With simultaneous intervals; may be empty. Other counting methods than `baseline` are none of them.
    baseline : str
        Name of the counting method that they are measured against, as of `best_counting`.
    fraction : float
        Share of the area.
    level : float
        The simultaneous level.
    over : str
        What it was tried on, such as ``"52 weeks, 2017-01-02 to 2017-12-31"``.
    events : int
        Reports in it.
    baseline_title : str, optional
        Its title, where it is not the count map.
    detectable : float, optional
        Smallest difference that the trial could have shown, as of `detectable_difference`. Where it is not given, that
        of the comparison that the text speaks of.
    hindsight : float, optional
        PAI of counts that know the future as well (`peelian.trials.hindsight`).
    """
    counting = "the count map" if baseline_title is None else f"counting ({_lowered(baseline_title)})"
    known = np.nan if hindsight is None else hindsight

    def settled(text: str) -> Verdict:
        nothing = (np.nan, np.nan, np.nan)
        return Verdict(
            "no better", baseline, text, "pai", fraction, *nothing, level, _or_nan(detectable), known,
            ((CAME_OUT, text),),
        )  # fmt: skip

    if not comparisons:
        return settled(f"Nothing but {counting} was tried over {over}: {counting} is what is used.")
    if events < FEWEST_EVENTS:
        few = "was 1 report" if events == 1 else f"were {events} reports"
        return settled(
            f"Over {over} there {few}, fewer than the {FEWEST_EVENTS} that it takes to tell methods "
            f"apart: {counting} is what is used."
        )
    status, told = _found(comparisons)
    d = told.difference
    shown = told.detectable if detectable is None else detectable
    parts = _parts(
        told, status, len(comparisons), fraction=fraction, level=level, over=over, counting=counting,
        beside=_beside(shown, known, over=over, events=events),
    )  # fmt: skip
    text = " ".join(said for _, said in parts)
    method = told.name if status == "better" else baseline
    return Verdict(status, method, text, "pai", fraction, d.value, d.low, d.high, level, shown, known, parts)


def _found(comparisons: Sequence[Comparison]) -> tuple[Status, Comparison]:
    """The status, and the challenger to speak of."""
    winners = [c for c in comparisons if c.difference.low > SMALLEST * max(c.baseline, 1.0)]
    if winners:
        return "better", max(winners, key=lambda c: c.difference.low)
    told = max(comparisons, key=lambda c: c.difference.value)
    worse = all(c.difference.high < -SMALLEST * max(c.baseline, 1.0) for c in comparisons)
    return "worse" if worse else "no better", told


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _lowered(title: str) -> str:
    return title[:1].lower() + title[1:]


def _beside(detectable: float, hindsight: float, *, over: str, events: int) -> Parts:
    """What is said beside the numbers."""
    power = power_text(detectable, over=over.partition(",")[0], events=events)
    room = (
        f"Counts that know the future as well, as no forecast can, come to a PAI of {hindsight:.2f}."
        if np.isfinite(hindsight)
        else ""
    )
    return tuple(part for part in ((UNSEEN, power), (KNOWN, room)) if part[1])


def _parts(
    told: Comparison,
    status: Status,
    k: int,
    *,
    fraction: float,
    level: float,
    over: str,
    counting: str,
    beside: Parts,
) -> Parts:
    d = told.difference
    title = _lowered(told.title)
    chosen_by = "whose interval has the highest lower end" if status == "better" else "with the most"
    which = title if k == 1 else f"{title} (of the {k} methods tried against {counting}, the one {chosen_by})"
    held = (
        f"Over {over}, {100 * told.held:.1f} of every 100 reported incidents were in the {100 * fraction:.3g} % of the "
        f"area that {which} ranked highest; {100 * told.baseline_held:.1f} were in that of {counting}."
    )
    used = f"{counting} is what is used."
    if not (np.isfinite(d.low) and np.isfinite(d.high)):
        return (CAME_OUT, held), (SURE, f"That is too little data to tell whether it is better: {used}")
    among = "" if k == 1 else f" for all {k} at once"
    numbers = (
        f"Its PAI (how many times as many as by chance) is {told.value:.2f} against {told.baseline:.2f}, a difference "
        f"of {d.value:+.2f} ({100 * level:g} % interval{among}: {d.low:+.2f} to {d.high:+.2f})."
    )
    ends: dict[Status, str] = {
        "better": f"The whole interval is above zero: {title} is what is used.",
        "worse": f"The whole interval is below zero: {used}",
        "no better": f"That does not show it to be better: {used}",
    }
    includes = status == "no better" and d.low <= 0 <= d.high
    end = f"The interval includes zero: {used}" if includes else ends[status]
    return (CAME_OUT, held), (SURE, numbers), *beside, (FOLLOWS, end)
