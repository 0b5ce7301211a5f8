"""How late reports arrive: the periods right before a forecast whose records are not yet complete.

Near the end of the records only quick reports can be seen: what happened yesterday and will be reported next week is
not there yet. Taking the delays of all records as they are would make reports look quicker than they are. So each delay
is weighed against those incidents alone that are old enough to have shown it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import UsageError
from peelian.records.coverage import covered_span
from peelian.records.incidents import Incidents
from peelian.units import Frequency

__all__ = ["FEWEST", "QUANTILES", "SHARE", "Delay", "delay_distribution", "reporting_gap"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHARE = 0.9
"""Share of a period's reports that must be in before the period is learned from."""

QUANTILES = (0.5, 0.9, 0.95, 0.99)
"""Quantiles of the delay that are told."""

FEWEST = 100
"""With fewer delays nothing is said of how late reports arrive."""

LONGEST = {"days": 365, "months": 12}
"""Longer delays are left out: what is reported after a year is no matter of waiting."""


@dataclass(frozen=True)
class Delay:
    """How late reports arrive, and how many periods that leaves out.

    Parameters
    ----------
    gap : int
        Whole periods right before a forecast of which less than `share` of the reports are in.
    known : bool
        Whether that was measured. If not, the gap is 0 for want of knowledge, and not because reports are quick.
    share : float
    frequency : str
        Of the periods.
    n : int
        Incidents whose delay was used.
    quantiles : dict of float to int
        Delay by quantile, in `unit`; empty where it is not known.
    unit : {"days", "months"}
    odd : int
        Incidents that were left out because they were reported before they can have happened.
    unmeasured : tuple of str
        Sources that do not say when an incident was reported, or only with the month where days are asked.
    longest : int
        Delay, in `unit`, up to which the records can tell: all is by the reports that come in within it.
    bound : bool
        Whether the gap is only the least that it can be: reports come in so slowly that later ones, which the records
        are too short to show, are likely to be many.
    """

    gap: int
    known: bool
    share: float
    frequency: str
    n: int = 0
    quantiles: dict[float, int] = field(default_factory=dict)
    unit: str = "days"
    odd: int = 0
    unmeasured: tuple[str, ...] = ()
    longest: int = 0
    bound: bool = False

    @property
    def text(self) -> str:
        """What was found, in words."""
        lacking = ", ".join(self.unmeasured)
        if not self.known:
            when = "in which month" if self.frequency.endswith("mo") else "on which day"
            few = f"{self.n:,} records that say {when} an incident was reported are too few or span too little time"
            why = few if self.n else f"no record says {when} an incident was reported"
            return f"How late reports arrive is not known: {why}. The latest periods may lack some."
        at = f"{100 * self.share:g} % of the reports of a period of {self.frequency} are in"
        found = f"{at} when it ends" if self.gap == 0 else f"{at} after {self.gap} more"
        found += f", of those that come in within {self.longest} {self.unit}"
        if self.bound:
            found += "; it may well take longer, for which the records span too little time"
        late = ", ".join(f"{100 * q:g} % within {d}" for q, d in self.quantiles.items())
        beside = f" Nothing is known of {lacking}." if lacking else ""
        return f"{found}, by {self.n:,} records ({late} {self.unit}).{beside}"


def reporting_gap(incidents: Incidents, frequency: str | Frequency, *, share: float = SHARE) -> Delay:
    """How many periods right before a forecast are to be left out, because their reports are not in yet.

    Parameters
    ----------
    incidents : Incidents
        With ``reported`` where their source gives it. The delay is from the earliest time that an incident can have
        happened, since that is the time by which it is counted.
    frequency : str or Frequency
        Of the periods.
    share : float
        Share of a period's reports that must be in.

    Returns
    -------
    Delay
        Where no source gives the time of report, or only the month while days or weeks are asked, or there are fewer
        than 100 such incidents that are as old as a period is long, ``known`` is False.

    Raises
    ------
    UsageError
        The share is not between 0 and 1.

    Notes
    -----
    Delays are measured in whole civil days, or in months where only the month of report is known and periods are
    months; of the incidents from the first day of dense reports on, since of those before only late reports are there.
    Reports later than a year, or than 100 incidents are old, are left out. A forecast is made as its period begins; of
    what happened j days before, it knows what was reported within j - 1 days. The gap is the number of periods until
    the mean of that, over a period's days, reaches `share`. That the agency may publish later than people report is
    not in the records, and not in this.
    """
    if not 0 < share < 1:
        msg = f"a share of {share} was given; expected one between 0 and 1"
        raise UsageError(msg, hint="write 90 % as 0.9")
    frequency = Frequency.parse(frequency)
    frame = incidents.frame
    told = frame["reported"].notna().to_numpy()
    by_month = _by_month(frame)
    unit = "months" if frequency.unit == "mo" and bool((told & by_month).any()) else "days"
    usable = frame[told if unit == "months" else told & ~by_month]
    unmeasured = tuple(sorted(set(frame["source"].unique()) - set(usable["source"].unique())))
    delay, age, odd = _measured(usable, unit)
    length = frequency.n if unit == "months" else max(round(frequency.days), 1)
    # As long a delay as enough incidents are old enough to have shown.
    seen = int(np.sort(age)[-FEWEST]) if age.size >= FEWEST else 0
    if seen < length:
        n = int(delay.size)
        return Delay(0, False, share, str(frequency), n, unit=unit, odd=odd, unmeasured=unmeasured)
    longest = min(LONGEST[unit], seen)
    known = delay_distribution(delay, age, longest=longest)
    return Delay(
        _periods(known, length, share),
        known=True,
        share=share,
        frequency=str(frequency),
        n=int(delay.size),
        quantiles={q: int(np.searchsorted(known, q * (1 - 1e-12))) for q in QUANTILES},
        unit=unit,
        odd=odd,
        unmeasured=unmeasured,
        longest=longest,
        # What lies beyond the longest that can be seen is little only where the share is reached long before.
        bound=longest < LONGEST[unit] and 2 * int(np.searchsorted(known, share * (1 - 1e-12))) > longest,
    )


def delay_distribution(delay: Ints, age: Ints, *, longest: int) -> Floats:
    """Share of incidents that are reported within 0, 1, ... `longest` steps, of those that are by then.

    Parameters
    ----------
    delay : array of int, shape (n,)
        Steps from occurrence to report, at least 0 and at most `age`.
    age : array of int, shape (n,)
        Steps from occurrence to the end of the records: the longest delay that could have been seen.
    longest : int
        Longer delays are left out.

    Returns
    -------
    array of float, shape (longest + 1,)
        It ends with 1.

    Notes
    -----
    The product-limit estimate with time turned round. A delay of d is seen only in incidents of age d or more; among
    these, those reported within d steps are at risk of having taken just d. That assumes that delays are the same
    throughout.

    References
    ----------
    Lagakos, Barraj and De Gruttola (1988), "Nonparametric analysis of truncated survival data, with application to
    AIDS", Biometrika 75. Kalbfleisch and Lawless (1991), "Regression models for right truncated data with applications
    to AIDS incubation times and reporting lags", Statistica Sinica 1.
    """
    kept = delay <= longest
    delay, age = delay[kept], np.minimum(age[kept], longest)
    just = np.bincount(delay, minlength=longest + 1)
    # At risk at d: delay <= d <= age.
    starts, ends = (
        np.cumsum(just),
        np.concatenate([[0], np.cumsum(np.bincount(age, minlength=longest + 1))[:-1]]),
    )
    at_risk = starts - ends
    took = np.divide(just, at_risk, out=np.zeros(longest + 1), where=at_risk > 0)
    # Reported within d: not in any of the steps after d.
    later = np.cumprod((1 - took)[::-1])[::-1]
    return np.append(later[1:], 1.0)


def _by_month(frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Rows of which only the month is known: of the incident, or of the report, as all of its source's are firsts."""
    reported = frame["reported"]
    first = reported.isna() | ((reported.dt.day == 1) & (reported == reported.dt.normalize()))
    finer = set(frame.loc[~first, "source"].unique())
    coarse: npt.NDArray[np.bool_] = (frame["resolution"] == "month").to_numpy(dtype=np.bool_)
    return coarse | ~frame["source"].isin(finer).to_numpy(dtype=np.bool_)


def _steps(times: pd.Series, unit: str) -> Ints:
    kind = "datetime64[M]" if unit == "months" else "datetime64[D]"
    return times.to_numpy(dtype="datetime64[s]").astype(kind).astype(np.int64)


def _measured(frame: pd.DataFrame, unit: str) -> tuple[Ints, Ints, int]:
    """Delays and ages in steps of the unit, and how many incidents were reported before they happened."""
    nothing = np.array([], dtype=np.int64)
    if frame.empty:
        return nothing, nothing, 0
    start, end = covered_span(frame["reported"].to_numpy(dtype="datetime64[D]"))
    bounds = pd.Series(np.array([start, end - np.timedelta64(1, "D")]).astype("datetime64[s]"))
    first, last = _steps(bounds, unit)
    happened, reported = _steps(frame["occurred_from"], unit), _steps(frame["reported"], unit)
    odd = int((reported < happened).sum())
    kept = (happened >= first) & (reported >= happened) & (reported <= last)
    return (reported - happened)[kept], (last - happened)[kept], odd


def _periods(known: Floats, length: int, share: float) -> int:
    """Periods of `length` steps until a period has `share` of its reports."""
    for gap in range(known.size // length + 1):
        within = known[np.minimum(np.arange(gap * length, (gap + 1) * length), known.size - 1)]
        if within.mean() >= share:
            break
    return gap
