"""Smoothing in space and time, which methods have in common.

`nodes` brings points to a grid's nodes and convolves, `study` does so for counts on a study area such that nothing is
lost over its border, and `past` chooses by what would have forecast the reports that are known.
"""

from __future__ import annotations

from peelian.methods.smoothing.nodes import gaussian_smooth, linear_bin, smooth_points
from peelian.methods.smoothing.past import (
    FEWEST_REPORTS,
    Ahead,
    chosen_level,
    decay,
    decayed_shares,
    half_life_days,
    held_out,
    one_step_ahead,
    reports_a_day,
)
from peelian.methods.smoothing.study import (
    ADDED_VARIANCE,
    EdgeCorrected,
    binned,
    binned_by_period,
    narrowed,
)

__all__ = [
    "ADDED_VARIANCE",
    "FEWEST_REPORTS",
    "Ahead",
    "EdgeCorrected",
    "binned",
    "binned_by_period",
    "chosen_level",
    "decay",
    "decayed_shares",
    "gaussian_smooth",
    "half_life_days",
    "held_out",
    "linear_bin",
    "narrowed",
    "one_step_ahead",
    "reports_a_day",
    "smooth_points",
]
