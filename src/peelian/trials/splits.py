"""Rolling origins: what was known, and the period that follows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from peelian.errors import NotEnoughDataError, UsageError
from peelian.places.periods import Day, Period, Periods, as_day

__all__ = ["Split", "rolling_origins"]


@dataclass(frozen=True)
class Split:
    """One origin: learn from the first `train_end` periods, forecast the one at `index`.

    Parameters
    ----------
    train_end : int
        Periods ``[0, train_end)`` may be learned from.
    index : int
        The period that is forecast, at least `train_end`.
    test : Period
        Its first and last day.
    """

    train_end: int
    index: int
    test: Period


def rolling_origins(
    periods: Periods,
    *,
    origins: int,
    gap: int = 0,
    first: Day | None = None,
    last: Day | None = None,
) -> list[Split]:
    """The latest `origins` periods, each with all that had ended before it.

    Parameters
    ----------
    periods : Periods
    origins : int
        How many periods are forecast, one after the other.
    gap : int
        Periods right before each forecast that are not known yet, because reports arrive late.
    first, last : date, optional
        No forecast period starts before `first` or ends after `last` (the day after its end, as everywhere).

    Returns
    -------
    list of Split
        In order of time.

    Raises
    ------
    NotEnoughDataError
        There are fewer such periods with at least one to learn from; the message says how many there are.

    References
    ----------
    Tashman (2000), "Out-of-sample tests of forecasting accuracy", International Journal of Forecasting 16.
    """
    if origins < 1 or gap < 0:
        msg = f"{origins} origins with a gap of {gap} were asked for; expected at least 1 and at least 0"
        raise UsageError(msg)
    start = periods.start if first is None else as_day(first)
    end = periods.end if last is None else as_day(last)
    found = [
        i for i in range(gap + 1, len(periods)) if periods.edges[i] >= start and periods.edges[i + 1] <= end
    ]
    if len(found) < origins:
        bounded = first is not None or last is not None
        raise _too_few(periods, found, origins=origins, gap=gap, asked=(start, end) if bounded else None)
    return [Split(i - gap, i, periods[i]) for i in found[-origins:]]


def _too_few(
    periods: Periods, found: Sequence[int], *, origins: int, gap: int, asked: tuple[Day, Day] | None
) -> NotEnoughDataError:
    """What to say where there are fewer periods to try than were asked for, by their number or by dates."""
    bounds = "" if asked is None else f" from {asked[0]} up to {asked[1]}"
    if asked is not None and not found and gap + 1 < len(periods):
        msg = (
            f"no whole period of {periods.frequency} lies{bounds}; those that can be tried go from "
            f"{periods.edges[gap + 1]} up to {periods.end}"
        )
        hint = f"--from {periods.edges[gap + 1]} --to {periods.end}, or dates between that are a period or more apart"
        return NotEnoughDataError(msg, hint=hint)
    msg = (
        f"{origins} origins were asked for with a gap of {gap}; the {len(periods)} periods of {periods.frequency} "
        f"hold {len(found)}{bounds} that have one before them to learn from"
    )
    # A trial of one period has no interval.
    few = (
        f"ask for {len(found)} origins or fewer"
        if len(found) > 1
        else "import more records, or use shorter periods"
    )
    return NotEnoughDataError(msg, hint=few)
