"""Power: the smallest difference that a trial of this length could have shown.

That an interval includes zero may mean that two methods are alike, or that the trial was too short to tell them apart.
The smallest detectable difference tells which: a true difference of that size would have been shown by four of five
such trials, a smaller one by fewer.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from peelian.errors import UsageError

__all__ = ["POWER", "detectable_difference", "power_text"]

POWER = 0.8
"""Share of trials that shall show a difference of that size: the convention of most fields."""


def detectable_difference(
    error: float,
    *,
    level: float = 0.95,
    power: float = POWER,
    freedom: float = np.inf,
    half: float | None = None,
) -> float:
    """Smallest true difference whose interval lies above zero in a share `power` of trials like this one.

    Parameters
    ----------
    error : float
        Standard error of the paired difference, such as `Resampler.standard_error`.
    level : float
        Of the two-sided interval.
    power : float
    freedom : float
        Degrees of freedom of the error, such as `Resampler.freedom`; infinite is normal.
    half : float, optional
        Half the width of the interval, where that is known. To be given for one of several intervals that hold at once
        (`Resampler.simultaneous`), which reach further than one by itself at `level`.

    Returns
    -------
    float
        In the unit of `error`; not a number where that is none. With few degrees of freedom it is a little too small:
        with 5, the power is 0.795 instead of 0.8 at a level of 95 %, and 0.75 at one of 99.5 %.

    Raises
    ------
    UsageError
        The level is not between 0 and 1, or the power not between 0.5 and 1.

    References
    ----------
    Bloom (1995), "Minimum detectable effects: a simple way to report the statistical power of experimental designs",
    Evaluation Review 19: (t of half of 1 - level + t of the power) times the standard error.
    """
    if not 0 < level < 1 or not 0.5 <= power < 1 or not freedom > 0:
        msg = f"a level of {level}, a power of {power} and {freedom} degrees of freedom were given"
        raise UsageError(msg, hint="level=0.95, power=0.8, and more than one block of origins")
    shown_from = stats.t.ppf((1 + level) / 2, freedom) * error if half is None else half
    return float(shown_from + stats.t.ppf(power, freedom) * error)


def power_text(
    detectable: float, *, over: str, events: int, metric: str = "PAI", power: float = POWER
) -> str:
    """The power of a trial in a sentence; empty where there is none to speak of.

    Parameters
    ----------
    detectable : float
        As of `detectable_difference`.
    over : str
        How long it was, such as ``"52 weeks"``.
    events : int
        Reports in it.
    metric : str
        What the difference is of.
    power : float
        That `detectable` was asked for with.
    """
    if not np.isfinite(detectable):
        return ""
    shown = (
        f"{detectable:.2f}" if metric == "PAI" else f"{detectable:.2g}"
    )  # with the decimals of a PAI in a verdict
    return (
        f"With {over} and {events:,} reports, a difference in {metric} below {shown} could not have been told "
        f"from chance with any certainty: fewer than {100 * power:.0f} of 100 such trials would have shown it."
    )
