"""The data that the demonstration runs on: St. Louis, 2015 to 2017.

Where it comes from, its terms and what was done to it: ``stlouis/SOURCE.md``, beside the files.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["ATTRIBUTION", "stlouis_areas", "stlouis_incidents", "stlouis_licence", "stlouis_source"]

ATTRIBUTION = (
    "Reported incidents 2015-2017: contains information from the public crime files of the St. Louis "
    "Metropolitan Police Department, which is made available here under the ODC Attribution License "
    "(https://opendatacommons.org/licenses/by/1-0/). Neighborhood boundaries: City of St. Louis. "
    "Residents: neighborhood estimates for 2017 by Christopher Prener, Saint Louis University, from the "
    "American Community Survey of the U.S. Census Bureau; the source counts Black and White residents only."
)
"""What to show wherever these data, or results made from them, are published."""


def _path(name: str) -> Path:
    return Path(str(files(__name__).joinpath("stlouis", name)))


def stlouis_incidents() -> Path:
    """Parquet of the 150,648 rows that the police published for January 2015 to December 2017.

    Columns: ``case_key``, ``reported_month`` (``YYYY-MM``), ``ts`` (local civil time, America/Chicago),
    ``crime`` (code), ``description``, ``count`` (-1 corrects an earlier row), ``flag_crime``, ``district``,
    ``neighborhood`` (the ``area_id`` of `stlouis_areas`; 0 is unknown), ``x_ft`` and ``y_ft`` (ESRI:102696,
    US survey feet). Wrong and missing values are left in: to handle them is the reader's work.
    """
    return _path("incidents.parquet")


def stlouis_areas() -> Path:
    """GeoParquet of the 79 neighborhoods of St. Louis and its nine large parks, gardens and cemeteries.

    ESRI:102696, US survey feet. Columns: ``area_id`` (text), ``name``, ``black`` and ``white`` (residents,
    estimates for 2017; the source gives no other group and no total; 0 in the nine parks and the like),
    ``geometry``.
    """
    return _path("areas.parquet")


def stlouis_source() -> Path:
    """Markdown that tells origin, terms, attribution and every transformation."""
    return _path("SOURCE.md")


def stlouis_licence() -> Path:
    """Full text of the Open Data Commons Attribution License 1.0."""
    return _path("ODC-By-1.0-LICENSE.txt")
