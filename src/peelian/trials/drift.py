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
from scipy import optimize

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

FEWEST_APART = 10
"""With fewer differences that are not 0 nothing is known of how far the others may lie, and no limit can be set."""

CERTAINTY = 0.8
"""Share of trials whose alarms shall be at least as rare as was asked for, although the scatter is only estimated."""

RESAMPLES = 200
"""Of a trial, to see how far limits are off that are taken from one."""

FINENESS = 4
"""Steps of the chain in an allowance; with ten, limits change by less than 2 %."""

STEEPEST = 8.0
LOWEST = 0.1
"""Ends of what is looked for: the rate at which a tail falls off, and the limit."""

OVERSHOOT = 1.166
"""How far beyond the limit the sum of normal differences lies at the alarm, at both ends together (Siegmund 1985)."""


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
    d, b = shift - allowance, limit + OVERSHOOT
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
        Not a number where a period had no report. Of hits, take their difference over the same number for all periods,
        not over each period's own reports: else a week of one report weighs as much as one of fifty.
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
        There are fewer than 20 differences, fewer than 10 of them are not 0, or all are alike.

    Notes
    -----
    The standard deviation is that of a sum over periods, per period: where one week resembles the next, sums scatter
    more than those of independent weeks would, and the larger one is taken (Johnson and Bagshaw 1974; estimated as by
    Newey and West 1987).

    The limit is that of the differences themselves, less their mean and turned to both sides (a method level with
    counting is as often ahead as behind), by a Markov chain: few reports give many differences of 0 and some far out,
    for which the limit of normal ones may not do. As a year tells them only roughly, it is raised by what the bootstrap
    says, so that about four of five trials give a run at least as long as was asked for. They do so for normal
    differences and for rare reports; of trials with heavy tails or clusters that only counting catches about two of
    three did, of those whose weeks resemble each other (a correlation of 0.2) a little more than half, and most others
    gave more than half of that run: ``tests/trials/test_drift.py``.

    References
    ----------
    Page (1954), "Continuous inspection schemes", Biometrika 41. Johnson and Bagshaw (1974), "The effect of serial
    correlation on the performance of CUSUM tests", Technometrics 16. Newey and West (1987), "A simple, positive
    semi-definite, heteroskedasticity and autocorrelation consistent covariance matrix", Econometrica 55. Gandy and
    Kvaloy (2013), "Guaranteed conditional performance of control charts via bootstrap methods", Scandinavian Journal of
    Statistics 40.
    """
    known = differences[np.isfinite(differences)]
    apart = int(np.count_nonzero(known))
    if known.size < FEWEST or apart < FEWEST_APART or not np.ptp(known) > 0:
        msg = (
            f"{known.size} differences, {apart} of them not 0, of {np.unique(known).size} values were given to watch "
            f"by; expected {FEWEST} or more, {FEWEST_APART} not 0, that differ"
        )
        raise NotEnoughDataError(msg, hint="try the method over more or longer periods first")
    centred = known - known.mean()
    own = float(np.std(centred, ddof=1))
    limit = _limit_of(centred / own, length, allowance) * _raised(centred, length, allowance)
    sd = math.sqrt(max(own**2, _long_run_variance(known)))
    return Watch(mean, sd, allowance, limit, length)


def _both_sides(values: Floats) -> Floats:
    return np.concatenate([values, -values], axis=-1)


def _limit_of(values: Floats, length: float, allowance: float) -> float:
    """Lowest limit, in steps of a fourth of the allowance, that keeps `length` where `values` are drawn at random."""
    step = allowance / FINENESS
    chances, lowest = _in_steps(_both_sides(values) - allowance, step)
    states = 1
    while _chain_length(chances, lowest, states) < length:
        states *= 2
    fewest, most = states // 2, states
    while most - fewest > 1:
        middle = (fewest + most) // 2
        if _chain_length(chances, lowest, middle) < length:
            fewest = middle
        else:
            most = middle
    return most * step


def _in_steps(values: Floats, step: float) -> tuple[Floats, int]:
    """The chance of each step, and the lowest of them: a value between two steps is shared, so that the mean stays."""
    below = np.floor(values / step).astype(np.int64)
    above = values / step - below
    lowest = int(below.min())
    chances = np.zeros(int(below.max()) - lowest + 2)
    np.add.at(chances, below - lowest, (1 - above) / values.size)
    np.add.at(chances, below - lowest + 1, above / values.size)
    return chances, lowest


def _chain_length(chances: Floats, lowest: int, states: int) -> float:
    """Average run of a sum that moves in steps and gives the alarm at step `states`, by its Markov chain.

    References
    ----------
    Brook and Evans (1972), "An approach to the probability distribution of cusum run length", Biometrika 59.
    """
    at = np.arange(states)
    index = at[None, :] - at[:, None] - lowest
    inside = (index >= 0) & (index < chances.size)
    move = np.where(inside, chances[np.clip(index, 0, chances.size - 1)], 0.0)
    upto = np.concatenate([[0.0], np.cumsum(chances)])
    move[:, 0] = upto[np.clip(1 - at - lowest, 0, chances.size)]
    return float(np.linalg.solve(np.eye(states) - move, np.ones(states))[0])


def _raised(centred: Floats, length: float, allowance: float) -> float:
    """Factor on the limit that makes good, in a share `CERTAINTY` of trials, for what a trial doesn't tell.

    Each resample is a trial whose truth is known: the differences that it was drawn from. So it shows how much higher
    the limit should have been than the one that it gives itself.

    References
    ----------
    Gandy and Kvaloy (2013), section 2, with the logarithm of the limit, and limits by `_rough_limits`.
    """
    rng = np.random.default_rng(0)
    drawn = centred[rng.integers(centred.size, size=(RESAMPLES, centred.size))]
    drawn = drawn - drawn.mean(axis=1, keepdims=True)
    scatter = drawn.std(axis=1, ddof=1, keepdims=True)
    told = scatter[:, 0] > 0
    drawn, scatter = drawn[told], scatter[told]
    needed = _rough_limits(_both_sides(centred / scatter), length, allowance)
    given = _rough_limits(_both_sides(drawn / scatter), length, allowance)
    return max(float(np.quantile(needed / given, CERTAINTY)), 1.0)


def _rough_limits(values: Floats, length: float, allowance: float) -> Floats:
    """Limit of each row of values, roughly: as `run_length`, with the rate at which their own tail falls off.

    Parameters
    ----------
    values : array of float, shape (m, n)

    Notes
    -----
    At the rate r, mean(exp(r (value - allowance))) is 1; for normal values of variance 1 it is twice the allowance,
    and the run is (exp(r b) - r b - 1) / (r allowance). See Siegmund (1985), chapter 2.
    """
    low, high = np.zeros(len(values)), np.full(len(values), STEEPEST)
    for _ in range(30):
        rate = (low + high) / 2
        above = np.exp(rate[:, None] * (values - allowance)).mean(axis=1) > 1
        low, high = np.where(above, low, rate), np.where(above, rate, high)
    rate = (low + high) / 2
    reach = np.log1p(rate * allowance * length)
    for _ in range(30):
        reach = np.log(1 + reach + rate * allowance * length)
    return np.asarray(np.maximum(reach / rate - OVERSHOOT, LOWEST), dtype=np.float64)


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
        f"counting on average, and the sum of what it lacked went over the limit. Chance alone does that about "
        f"once in {often:.0f} {noun}: it is suspended until a person lifts that."
    )
