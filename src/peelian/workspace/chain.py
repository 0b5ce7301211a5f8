"""Where the watch of a method stands: what earlier ``drift`` runs of a category left off with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from peelian.trials.drift import State
from peelian.workspace.suspension import same_category
from peelian.workspace.trial import decides
from peelian.workspace.workspace import Workspace

__all__ = ["Chain", "Pair", "chain_of"]


@dataclass(frozen=True)
class Pair:
    """What is watched: a method beside the best of counting, by the rules of a trial.

    Parameters
    ----------
    method, baseline : str
    period : str
        Length of a period.
    fraction : float
        Share of the area.
    gap : int
        Periods left out for late reports.
    """

    method: str
    baseline: str
    period: str
    fraction: float
    gap: int

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Pair:
        """What a stored ``drift`` result is about."""
        return cls(
            stored["method"], stored["baseline"], stored["period"], float(stored["fraction"]), stored["gap"]
        )

    def same_use(self, other: Pair) -> bool:
        """Whether both are about the same method, asked the same, whichever way of counting it is beside."""
        return (self.method, self.period, self.fraction) == (other.method, other.period, other.fraction)


@dataclass
class Chain:
    """The ``drift`` runs that one sum is of.

    Parameters
    ----------
    since : date
        The first period that is not scored yet begins on it.
    state : State
    runs : list of str
        Runs whose scores the sum is of, since the method was put in use or since somebody lifted a suspension.
    trials : list of str
        Deciding trials by which the method is in use, the oldest first; after a lift, from the one that stood then on.
    alarmed : str, optional
        The run that gave the alarm.
    """

    since: str
    state: State = field(default_factory=State)
    runs: list[str] = field(default_factory=list)
    trials: list[str] = field(default_factory=list)
    alarmed: str | None = None

    def lifted(self, scored: str | None) -> Chain:
        """The same after a person has looked: what lay before counts no more, and neither do trials of long ago."""
        return Chain(scored or self.since, trials=self.trials[-1:])


def chain_of(workspace: Workspace, category: str, pair: Pair) -> Chain:
    """Where the watch of a method in use stands.

    It goes by what is watched, and not by the trial: a new trial that speaks for the same method goes on with the sum,
    else whoever runs trials could keep an alarm from ever being given. The same holds where the method was out of use
    in between. Beside another way of counting the sum is another one, which begins where the method came into use, so
    that it forgets nothing either. Only a person who lifts a suspension starts anew.
    """
    found = Chain("")
    scored: str | None = None  # up to where the method was scored, beside whichever way of counting
    for row in workspace.runs():
        if not same_category(row["category"], category):
            continue
        if row["verb"] == "lift":
            found = found.lifted(scored)
        elif row["verb"] == "trial":
            tried = workspace.result(row["id"])
            if _puts_in_use(workspace, tried, pair):
                found.since = found.since or str(tried["to"])
                found.trials.append(row["id"])
        elif row["verb"] == "drift":
            stored = workspace.result(row["id"])
            if not pair.same_use(Pair.of(stored)):
                continue
            scored = max(scored or "", str(stored["to"]))
            if stored["alarm"] is not None:
                found.alarmed = found.alarmed or row["id"]
            if Pair.of(stored) == pair:
                found.since, found.state = stored["to"], State(**stored["state"])
                found.runs.append(row["id"])
    return found


def _puts_in_use(workspace: Workspace, tried: dict[str, Any], pair: Pair) -> bool:
    return (
        str(tried["verdict"]["method"]) == pair.method
        and float(tried["verdict"]["fraction"]) == pair.fraction
        and decides(workspace.config.forecast, tried, pair.period)
    )
