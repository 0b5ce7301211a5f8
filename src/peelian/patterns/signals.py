"""Places that stand out in the latest period, each with how sure that is and how often it would be so by chance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from peelian.patterns.base import Pattern, axes, few

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Signal", "Signals"]

SHOWN = 20
"""Places in a picture."""

TITLES = {
    "farrington": "the same time of past years (Farrington flexible)",
    "ears_c1": "the seven periods before (EARS C1)",
    "ears_c2": "seven periods before the last two (EARS C2)",
    "ears_c3": "seven periods before the last two, three periods running (EARS C3)",
    "cusum": "what was expected half a year ago, adding up (CUSUM)",
}


@dataclass(frozen=True)
class Signal:
    """One place above its own bound, or with a low false-discovery rate.

    Parameters
    ----------
    place : str
        Id of the area or the cell.
    start, end : date
        Half-open span that the alarm speaks of.
    observed : int
        Reports in that span.
    expected, upper : float
        More than `upper` is an alarm of the place taken by itself; NaN for EARS C3 and CUSUM, which add up.
    p : float
    q : float
        False-discovery rate over all places watched.
    alarms_a_year : float or None
        How many times a year any place had as low a p-value in this data's own past.
    incidents : tuple of str
        Ids; empty where only counts were given.
    signal : bool
        Whether it stands out among all places watched.
    """

    place: str
    start: np.datetime64
    end: np.datetime64
    observed: int
    expected: float
    upper: float
    p: float
    q: float
    alarms_a_year: float | None
    incidents: tuple[str, ...]
    signal: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "place": self.place,
            "from": str(self.start),
            "until": str(self.end),
            "observed": self.observed,
            "expected": self.expected,
            "upper": self.upper if np.isfinite(self.upper) else None,
            "p": self.p,
            "q": self.q,
            "alarms_a_year": self.alarms_a_year,
            "signal": self.signal,
            "incidents": list(self.incidents),
        }


@dataclass(frozen=True, eq=False)
class Signals(Pattern):
    """What a detector says of all places watched.

    Parameters
    ----------
    found : tuple of Signal
        Lowest p-value first.
    watched : int
        Places.
    settings : dict
    level : float
        Greatest false-discovery rate of a signal.
    alarms : float
        Most alarms a year of a signal, in this data's own past.
    reports : int
        In the latest period, at all places.
    real_a_year, shuffled_a_year : float or None
        How many places a year came out with as low a false-discovery rate at this data's own past: as it was, and with
        each place's periods shuffled, where all of them are false. None where the past is too short.
    notes : tuple of str
    """

    found: tuple[Signal, ...]
    watched: int
    settings: dict[str, Any]
    level: float
    alarms: float
    reports: int
    real_a_year: float | None
    shuffled_a_year: float | None
    notes: tuple[str, ...] = field(default=())

    @property
    def signals(self) -> tuple[Signal, ...]:
        """Those that stand out among all places watched."""
        return tuple(s for s in self.found if s.signal)

    @property
    def frame(self) -> pd.DataFrame:
        """A row a place that is above its own bound, lowest p-value first."""
        columns = [
            "place",
            "from",
            "until",
            "observed",
            "expected",
            "upper",
            "p",
            "q",
            "alarms_a_year",
            "signal",
        ]
        return pd.DataFrame([s.to_dict() for s in self.found], columns=columns)

    def sentence(self) -> str:
        """What was found and how sure that is."""
        places = f"{self.watched:,} place" + ("" if self.watched == 1 else "s")
        if not self.reports and not self.found:
            return f"Nothing was reported in the latest period at the {places} watched: nothing to look at."
        against, signals = TITLES[self.settings["method"]], self.signals
        if not signals:
            chance = self.watched * float(self.settings["alpha"])
            by_chance = f"{chance:,.0f}" if chance >= 10 else f"{chance:.1g}"
            above = f"{len(self.found)} above {'its' if len(self.found) == 1 else 'their'} own bound"
            return (
                f"None of {places} stands out against {against} (false-discovery rate up to {self.level:.0%}, up to "
                f"{self.alarms:g} alarms a year in the past); {above}, where chance alone has up to {by_chance}"
                f"{self._past()}."
            )
        first = signals[0]
        often = (
            "" if first.alarms_a_year is None else f", {first.alarms_a_year:.1f} a year as low in the past"
        )
        stand = "stands" if len(signals) == 1 else "stand"
        return (
            f"{len(signals)} of {places} {stand} out against {against}: the first is {first.place} with "
            f"{first.observed:,} reports from {first.start}, where {few(first.expected)} were expected "
            f"(p = {first.p:.2g}, false-discovery rate {first.q:.2g}{often}){self._past()}."
        )

    def _past(self) -> str:
        if self.real_a_year is None or self.shuffled_a_year is None:
            return ""
        return (
            f"; {self.real_a_year:.1f} places a year had a false-discovery rate as low in this data's own past, and "
            f"{self.shuffled_a_year:.1f} with time shuffled, which are false"
        )

    def to_dict(self) -> dict[str, Any]:
        """Settings, places, and what they can't tell."""
        limits = [
            "An alarm is about reports: a new way to report, a campaign or a backlog raises it as well.",
            "The latest period may still be incomplete: reports that come late are not in it, and lower it.",
            "It says that a place had more reports than its own past leads to expect, not why.",
        ]
        if self.settings["method"].startswith("ears"):
            limits.append(
                "The p-value takes counts to be normal; where they are few, how often it alarmed says more."
            )
        if self.real_a_year is None:
            limits.append("The past is too short to count how often this setting would have raised an alarm.")
        if any(s.observed for s in self.found) and not any(s.incidents for s in self.found):
            limits.append("Only counts were given, so the incidents are not named.")
        return {
            "pattern": "surveillance",
            "settings": self.settings,
            "watched": self.watched,
            "reports": self.reports,
            "signals": len(self.signals),
            "above_bound": len(self.found),
            "real_a_year": self.real_a_year,
            "shuffled_a_year": self.shuffled_a_year,
            "places": [s.to_dict() for s in self.found],
            "sentence": self.sentence(),
            "notes": list(self.notes),
            "limits": limits,
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Observed and expected reports of the places above their bound."""
        ax = axes(ax)
        shown = self.found[:SHOWN][::-1]
        for i, s in enumerate(shown):
            colour = "#b2182b" if s.signal else "#777777"
            ax.plot([s.expected, s.observed], [i, i], color=colour, lw=1)
            ax.plot(s.observed, i, "o", color=colour)
            ax.plot(s.expected, i, "o", mfc="white", color=colour)
            if np.isfinite(s.upper):
                ax.plot(s.upper, i, "|", color="black", ms=10)
        ax.set_yticks(range(len(shown)), [s.place for s in shown])
        ax.set_xlabel("reports: expected (hollow), bound (|), observed")
        ax.set_title(f"Places above their bound until {self.settings['until']}", fontsize=10)
        return ax
