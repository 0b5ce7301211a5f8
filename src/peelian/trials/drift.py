"""Drift: whether a method that once did as well as counting has fallen behind it since.

Week by week the difference of the scores, method less counting, is added up; what is above is forgotten, so that a good
year doesn't buy a bad one. When the sum has fallen further than chance takes it in years, there is an alarm: the method
is suspended until a person has looked.

*In control* means: no worse than counting. So the differences are measured from 0, not from what the trial gave. That
is what the question asks; and a trial of a year knows its mean difference so badly that an alarm measured from it would
come many times too early or too late.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from peelian.errors import NotEnoughDataError, UsageError
from peelian.units import Frequency

__all__ = [
    "ALLOWANCE",
    "YEARS",
    "Drift",
    "State",
    "Watch",
    "cusum",
    "decision_limit",
    "drift_text",
    "run_length",
    "run_length_of",
    "watch",
]

Floats = npt.NDArray[np.float64]

ALLOWANCE = 0.25
"""Standard deviations that a period may be behind and not count: half of the lag that shall be found soonest."""

YEARS = 5.0
"""Years between false alarms, on average, where nothing else is asked for."""

FEWEST = 20
"""With fewer differences nothing is known of how far they scatter."""

CERTAINTY = 0.8
"""Share of trials whose alarms shall be at least as rare as was asked for, although the scatter is only estimated."""


@dataclass(frozen=True)
class Watch:
    """How a method is watched.

    Parameters
    ----------
    mean : float
        Difference from counting that counts as in control.
    sd : float
        Of a period's difference, above 0.
    allowance, limit : float
        Of the cumulative sum, in standard deviations.
    run_length : float
        Periods between false alarms, on average, where the difference stays at `mean`.
    """

    mean: float
    sd: float
    allowance: float
    limit: float
    run_length: float


@dataclass(frozen=True)
class State:
    """Where a cumulative sum stands; enough to go on with the next period.

    Parameters
    ----------
    value : float
        In standard deviations, at least 0.
    periods : int
        Since it was last 0.
    behind : float
        Sum of the differences of those periods, in the unit of the score; negative is behind counting.
    """

    value: float = 0.0
    periods: int = 0
    behind: float = 0.0


@dataclass(frozen=True, eq=False)
class Drift:
    """What the watching of some periods gave.

    Parameters
    ----------
    path : array of float, shape (n,)
        The cumulative sum after each period, in standard deviations.
    alarm : int or None
        The first period after which it was above the limit.
    at_alarm : State or None
        How it stood then: over how many periods the method fell behind, and by how much.
    state : State
        After the last period: what the next ones go on from. Where a person lifts a suspension, they start anew.
    watch : Watch
    """

    path: Floats
    alarm: int | None
    at_alarm: State | None
    state: State
    watch: Watch


def run_length_of(frequency: str | Frequency, *, years: float = YEARS) -> float:
    """Periods in so many years: what `watch` takes as its run length."""
    return years * 365.2425 / Frequency.parse(frequency).days


def run_length(limit: float, *, allowance: float = ALLOWANCE, shift: float = 0.0) -> float:
    """Average number of periods until the alarm of a one-sided cumulative sum that starts at 0.

    Parameters
    ----------
    limit, allowance : float
        In standard deviations, above 0.
    shift : float
        How far the differences have fallen, in standard deviations; 0 gives the run between false alarms.

    Notes
    -----
    For independent normal differences. Siegmund's corrected diffusion: (exp(-2 d b) + 2 d b - 1) / (2 d^2), with d the
    shift less the allowance and b the limit plus 1.166; b^2 where d is 0.

    References
    ----------
    Siegmund (1985), "Sequential analysis: tests and confidence intervals", Springer, section 2.6. Montgomery (2013),
    "Introduction to statistical quality control", 7th edition, section 9.1.
    """
    if not (limit >= 0 and allowance > 0):
        msg = (
            f"a limit of {limit} and an allowance of {allowance} were given; expected at least 0 and above 0"
        )
        raise UsageError(msg)
    d, b = shift - allowance, limit + 1.166
    if abs(d) * b < 1e-4:
        return b**2
    return (math.exp(-2 * d * b) + 2 * d * b - 1) / (2 * d**2)


def decision_limit(length: float, *, allowance: float = ALLOWANCE) -> float:
    """Lowest limit with which false alarms are at least `length` periods apart on average, in standard deviations."""
    if not length >= 10:
        msg = f"a false alarm every {length} periods was asked for; expected 10 or more"
        raise UsageError(msg, hint="run_length_of('1w') is five years of weeks")
    if run_length(0.0, allowance=allowance) >= length:
        return 0.0
    highest = 1.0
    while run_length(highest, allowance=allowance) < length:
        highest *= 2
    return float(
        optimize.brentq(lambda h: run_length(h, allowance=allowance) - length, 0.0, highest, xtol=1e-9)
    )


def watch(differences: Floats, *, length: float, mean: float = 0.0, allowance: float = ALLOWANCE) -> Watch:
    """How to watch a method, from the differences that its trial gave.

    Parameters
    ----------
    differences : array of float, shape (n,)
        Score of the method less that of counting, a period each, in order; more is better (turn the sign of CRPS).
        Not a number where a period had no report.
    length : float
        Periods between false alarms, on average, such as ``run_length_of("1w")``.
    mean : float
        Difference that is in control; 0 is level with counting. A method that is better than counting has fewer false
        alarms still.
    allowance : float
        In standard deviations.

    Raises
    ------
    NotEnoughDataError
        There are fewer than 20 differences, or all are alike.

    Notes
    -----
    The standard deviation is that of a sum over periods, per period: where one week resembles the next, sums scatter
    more than those of independent weeks would, and the larger one is taken (Johnson and Bagshaw 1974; estimated as by
    Newey and West 1987). As a year tells it only roughly, its upper limit by chi square is taken, so that of trials
    with independent normal differences, four of five give a run at least as long as was asked for. Differences with
    heavy tails, or weeks that resemble each other, shorten it: ``tests/trials/test_drift.py`` says by how much.

    References
    ----------
    Page (1954), "Continuous inspection schemes", Biometrika 41. Johnson and Bagshaw (1974), "The effect of serial
    correlation on the performance of CUSUM tests", Technometrics 16. Newey and West (1987), "A simple, positive
    semi-definite, heteroskedasticity and autocorrelation consistent covariance matrix", Econometrica 55. Gandy and
    Kvaloy (2013), "Guaranteed conditional performance of control charts via bootstrap methods", Scandinavian Journal of
    Statistics 40.
    """
    known = differences[np.isfinite(differences)]
    if known.size < FEWEST or not np.ptp(known) > 0:
        msg = (
            f"{known.size} differences of {np.unique(known).size} values were given to watch by; "
            f"expected {FEWEST} or more that differ"
        )
        raise NotEnoughDataError(msg, hint="try the method over more periods first")
    sd = math.sqrt(max(float(np.var(known, ddof=1)), _long_run_variance(known)))
    freedom = known.size - 1
    sd *= math.sqrt(freedom / stats.chi2.ppf(1 - CERTAINTY, freedom))
    return Watch(mean, sd, allowance, decision_limit(length, allowance=allowance), length)


def _long_run_variance(values: Floats) -> float:
    """Variance of a sum over its number of terms, with Bartlett's weights."""
    n = values.size
    centred = values - values.mean()
    lags = int(4 * (n / 100) ** (2 / 9))
    found = float(centred @ centred)
    for lag in range(1, lags + 1):
        found += 2 * (1 - lag / (lags + 1)) * float(centred[lag:] @ centred[:-lag])
    return found / (n - 1)


def cusum(differences: Floats, watch: Watch, *, start: State | None = None) -> Drift:
    """Add up how far a method is behind counting, period after period.

    Parameters
    ----------
    differences : array of float, shape (n,)
        As `watch` takes them. A period without a number changes nothing.
    watch : Watch
    start : State, optional
        The ``state`` of the periods before; from 0 when it is not given.

    Returns
    -------
    Drift
        Periods in two parts, the second with the state of the first, give the same as all at once.

    References
    ----------
    Page (1954), "Continuous inspection schemes", Biometrika 41.
    """
    state = State() if start is None else start
    path = np.empty(differences.size)
    alarm: int | None = None
    at_alarm: State | None = None
    for i, difference in enumerate(differences.tolist()):
        if math.isfinite(difference):
            value = state.value + (watch.mean - difference) / watch.sd - watch.allowance
            state = State(value, state.periods + 1, state.behind + difference) if value > 0 else State()
        path[i] = state.value
        if alarm is None and state.value > watch.limit:
            alarm, at_alarm = i, state
    return Drift(path, alarm, at_alarm, state, watch)


def drift_text(drift: Drift, *, noun: str = "weeks", metric: str = "PAI") -> str:
    """What the watching gave, in words.

    Parameters
    ----------
    drift : Drift
    noun : str
        What the periods are, in the plural.
    metric : str
        What the differences are of.
    """
    if drift.at_alarm is None:
        share = drift.state.value / drift.watch.limit if drift.watch.limit > 0 else 0.0
        return f"It has not fallen behind counting: the sum of what it lacked is at {100 * share:.0f} % of the limit."
    found, often = drift.at_alarm, drift.watch.run_length
    behind = found.behind / found.periods
    return (
        f"Over {found.periods} {noun} its {metric} was {abs(behind):.2g} {'below' if behind < 0 else 'above'} that of "
        f"counting on average, and the sum of what it lacked went over the limit. Chance alone does that once in "
        f"{often:.0f} {noun}: it is suspended until a person lifts that."
    )
