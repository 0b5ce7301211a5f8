"""Places: coordinate systems, grids, areas with their people, and incidents counted into cells and periods.

A place is a square or an area on the map. Nothing in here is about a person.
"""

from peelian.places.counts import Counts, Points, count_incidents, count_table
from peelian.places.crs import (
    check_points,
    choose_crs,
    metres_per_unit,
    projected,
    transform,
    within_area_of_use,
)
from peelian.places.grid import Grid
from peelian.places.periods import Period, Periods

__all__ = [
    "Counts",
    "Grid",
    "Period",
    "Periods",
    "Points",
    "check_points",
    "choose_crs",
    "count_incidents",
    "count_table",
    "metres_per_unit",
    "projected",
    "transform",
    "within_area_of_use",
]
