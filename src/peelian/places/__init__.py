"""Places: coordinate systems, grids, areas with their people, and incidents counted into cells and periods.

A place is a square or an area on the map. Nothing in here is about a person.
"""

from peelian.places.areas import Areas, Spread, population_by_cell
from peelian.places.counts import Counts, Points, count_incidents, count_table
from peelian.places.crs import (
    check_points,
    choose_crs,
    metres_per_unit,
    projected,
    same_crs,
    transform,
    within_area_of_use,
)
from peelian.places.features import distance_to
from peelian.places.grid import Grid
from peelian.places.periods import Period, Periods
from peelian.places.study import study_grid

__all__ = [
    "Areas",
    "Counts",
    "Grid",
    "Period",
    "Periods",
    "Points",
    "Spread",
    "check_points",
    "choose_crs",
    "count_incidents",
    "count_table",
    "distance_to",
    "metres_per_unit",
    "population_by_cell",
    "projected",
    "same_crs",
    "study_grid",
    "transform",
    "within_area_of_use",
]
