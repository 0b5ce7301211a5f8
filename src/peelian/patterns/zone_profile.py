"""Which bands of a table of near repeats count, and what they say of the days and the surroundings of a report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peelian.errors import UsageError
from peelian.patterns.near_repeat import NearRepeat

__all__ = ["Profile", "check_least_ratio", "profile_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Profile:
    """How far and how long a report raises what is to be expected around it.

    Parameters
    ----------
    table : NearRepeat
    raised : array of bool, shape (d, t)
        Bands of distance and time that count.
    """

    table: NearRepeat
    raised: npt.NDArray[np.bool_]

    @property
    def days_after(self) -> int:
        """For how many days at most; 0 when nothing is raised."""
        lasting = self.raised.any(axis=0)
        return int(self.table.days[lasting].max()) if lasting.any() else 0

    def band(self, age: Ints) -> Ints:
        """Band of time of reports that are so many days old; t when they are older than all."""
        return np.searchsorted(self.table.days, age).astype(np.int64)

    def reach(self) -> Floats:
        """How far in each band of time, in metres, and at last beyond them, shape (t + 1,); NaN where not raised."""
        far = np.where(self.raised, self.table.distances[:, None], -1).max(axis=0)
        return np.append(np.where(self.raised.any(axis=0), far, np.nan), np.nan)

    def last_day(self, band: Ints) -> Ints:
        """Of reports in these bands of time, the age at which the last raised band in a row ends."""
        lasting = np.atleast_1d(self.raised.any(axis=0))
        end = np.zeros(lasting.size)
        for t in reversed(range(lasting.size)):
            follows = t + 1 < lasting.size and lasting[t + 1]
            end[t] = (end[t + 1] if follows else self.table.days[t]) if lasting[t] else 0
        return end[band].astype(np.int64)

    def ratios(self, side: float) -> Floats:
        """By band, the ratio for a cell that is so far off, shape (d + 2, t + 1); 1 beyond the bands, or not raised.

        The last row is for the cell of `side` metres that holds the report. Not all of it is the same place: it gets
        the pairs of all bands up to half its side over those expected.
        """
        table = self.table
        far = np.ones((table.distances.size + 1, table.days.size + 1))
        far[:-1, :-1][self.raised] = table.ratio[self.raised]
        upto = int(np.searchsorted(table.distances, side / 2))
        own = np.ones(far.shape[1])
        for t in np.flatnonzero(self.raised.any(axis=0)):
            held = np.flatnonzero(self.raised[:, t])
            held = held[held <= max(upto, int(held[0]))]
            own[t] = table.observed[held, t].sum() / table.expected[held, t].sum()
        return np.vstack([far, own])

    def further(self, age: Ints) -> Floats:
        """Further reports that follow one of such an age from then on, beyond those by chance, shape (n, 3).

        What the table has per report; its low and its high end.
        """
        table = self.table
        starts = np.append(0, table.days[:-1] + 1)
        left = np.clip((table.days - np.maximum(age[:, None], starts) + 1) / (table.days - starts + 1), 0, 1)
        each = [
            (np.where(self.raised, ratio - 1, 0) * table.expected).sum(axis=0) / max(table.incidents, 1)
            for ratio in (table.ratio, table.ratio_low, table.ratio_high)
        ]
        return np.stack([left @ e for e in each], axis=1)


def check_least_ratio(least_ratio: float) -> None:
    """Raise UsageError unless `least_ratio` is a number of at least 1."""
    if not 1 <= least_ratio < np.inf:
        msg = f"least_ratio={least_ratio} was given; expected a number of at least 1: below it nothing is raised"
        raise UsageError(msg, hint="least_ratio=1.5")


def profile_of(found: NearRepeat, *, least_ratio: float = 1.0) -> Profile:
    """The bands that stand out, as far and as long as they do so without a break.

    Parameters
    ----------
    found : NearRepeat
    least_ratio : float
        What the lower end of a band's interval must be above, at least 1.

    Raises
    ------
    UsageError
        `least_ratio` is below 1 or no number, or the table is of elapsed hours: zones are for days.
    """
    check_least_ratio(least_ratio)
    if found.elapsed:
        msg = "a table of elapsed time was given; zones are for calendar days"
        raise UsageError(msg, hint="near_repeat(..., elapsed=False)")
    counts = found.significant & (found.ratio_low > least_ratio)
    # The same place may have too few pairs to stand out where its surroundings do: it does not end a run.
    skip = 1 if found.distances[0] == 0 and found.distances.size > 1 else 0
    run = np.logical_and.accumulate(counts[skip:], axis=0)
    run = np.concatenate([counts[:skip], run], axis=0)
    # And not later than the first band of time that isn't raised at any distance.
    return Profile(found, run & np.logical_and.accumulate(run.any(axis=0))[None, :])
