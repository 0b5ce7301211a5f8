"""The arithmetic of boosted counts: decayed kernels, the rows that are learned from, and the season of the total."""

from __future__ import annotations

from peelian.methods.boosting.calendar import angle_of, calendar_of, middle_of, season_of
from peelian.methods.boosting.kernels import Kernels
from peelian.methods.boosting.rows import Rows, first_weights, mixing_weights, sampled

__all__ = [
    "Kernels",
    "Rows",
    "angle_of",
    "calendar_of",
    "first_weights",
    "middle_of",
    "mixing_weights",
    "sampled",
    "season_of",
]
