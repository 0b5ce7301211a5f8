"""Weekly cases of Salmonella Newport in Germany, which the R package surveillance is shown with, and its alarms.

Counts as published by the Robert Koch Institute (SurvStat), weeks that start on 5 January 2004 to 31 December 2012. The
alarms of 2011 and 2012 are those that surveillance 1.17 gives, as the package epysurv (MIT) keeps them for its tests.
"""

from __future__ import annotations

import numpy as np

_COUNTS = """
0 0 2 2 1 0 1 1 2 5 1 1 0 0 1 0 3 3 3 1 3 1 1 0 1 3 0 1 1 1 3 1 0 3 3 3 3 2 4 2 3 6 2 3 2 2 3 1 1 0 4 2
1 3 1 2 2 1 1 1 1 5 2 3 1 0 2 3 3 3 0 3 1 2 7 4 3 3 10 7 6 3 2 0 4 3 5 7 8 3 9 5 2 3 0 4 1 1 1 1 4 2 1 1
1 1 2 1 1 3 3 2 1 3 1 1 1 4 1 2 2 1 3 3 4 4 3 7 2 3 6 7 8 4 1 3 5 7 3 5 6 2 8 1 5 7 1 4 2 3 4 9 7 3 4 6
4 2 2 5 5 5 1 2 0 3 2 3 4 5 5 1 1 1 1 2 4 2 3 3 6 7 0 0 3 5 4 0 2 0 1 7 6 5 3 5 1 2 4 3 3 3 4 4 13 6 2 1 1
2 0 1 1 4 3 0 1 0 0 4 1 1 2 2 2 3 0 4 2 3 3 1 2 3 3 3 2 2 8 8 2 5 3 2 4 1 3 3 4 1 5 6 5 3 3 1 2 4 1 4 0
4 0 3 2 0 0 1 1 0 1 2 2 0 1 0 1 6 2 1 5 1 2 1 0 5 0 0 3 1 2 4 3 2 3 6 4 3 2 2 2 4 7 7 3 3 1 6 1 1 1 0 0
0 1 1 2 3 1 3 1 1 1 1 0 3 1 1 1 1 1 1 0 2 2 1 2 2 2 3 3 1 2 0 3 1 3 1 2 1 2 0 0 4 3 3 5 3 1 1 1 3 3 1 2
1 0 3 3 3 1 0 0 0 1 3 0 2 2 3 3 0 3 2 1 2 1 1 0 3 1 2 0 0 2 5 2 0 3 6 1 2 1 2 0 2 0 3 9 41 45 17 3 3 5 11 5
4 5 2 6 3 0 5 3 3 4 1 1 3 0 0 1 1 2 2 0 1 0 2 4 1 6 3 3 0 3 6 1 5 1 2 3 7 2 7 3 2 4 8 1 2 4 3 2 4 3 0 0 1
"""

NEWPORT = np.fromstring(_COUNTS, sep=" ")
STARTS = np.datetime64("2004-01-05") + 7 * np.arange(NEWPORT.size)
WATCHED = [int(k) for k in np.flatnonzero(np.datetime64("2011-01-03") <= STARTS)]


def _weeks(*days: str) -> list[int]:
    return [int(np.flatnonzero(np.datetime64(day) == STARTS)[0]) for day in days]


FARRINGTON_ALARMS = _weeks(
    *("2011-08-01", "2011-08-29", "2011-11-07", "2011-11-14", "2011-11-21", "2011-12-19"),
    *("2012-01-23", "2012-02-13", "2012-06-25", "2012-09-24"),
)
"""Three years back, windows of seven weeks alone, a trend where its p-value is below 0.05, power 2/3, alpha 0.01."""

EARS_ALARMS = {
    "C1": _weeks("2011-08-01", "2011-10-31", "2011-11-07", "2012-06-11", "2012-06-25"),
    "C2": _weeks(
        *("2011-08-01", "2011-10-31", "2011-11-07", "2011-11-14", "2011-11-21", "2012-06-11", "2012-06-25")
    ),
    "C3": _weeks("2011-11-14", "2011-11-21", "2011-11-28", "2011-12-05", "2012-07-02", "2012-07-09"),
}
"""Baselines of seven weeks, alpha 0.001."""
