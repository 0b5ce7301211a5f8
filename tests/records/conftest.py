"""Small files in each source's own form, and what the tests expect of them."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

SLMPD_HEADER = [
    "Complaint",
    "CodedMonth",
    "DateOccur",
    "FlagCrime",
    "FlagUnfounded",
    "FlagAdministrative",
    "Count",
    "FlagCleanup",
    "Crime",
    "District",
    "Description",
    "ILEADSAddress",
    "ILEADSStreet",
    "Neighborhood",
    "LocationName",
    "LocationComment",
    "CADAddress",
    "CADStreet",
    "XCoord",
    "YCoord",
]
CHICAGO_HEADER = [
    "ID",
    "Case Number",
    "Date",
    "Block",
    "IUCR",
    "Primary Type",
    "Description",
    "Location Description",
    "Arrest",
    "Domestic",
    "Beat",
    "District",
    "Ward",
    "Community Area",
    "FBI Code",
    "X Coordinate",
    "Y Coordinate",
    "Year",
    "Updated On",
    "Latitude",
    "Longitude",
    "Location",
]
POLICE_UK_HEADER = [
    "Crime ID",
    "Month",
    "Reported by",
    "Falls within",
    "Longitude",
    "Latitude",
    "Location",
    "LSOA code",
    "LSOA name",
    "Crime type",
    "Last outcome category",
    "Context",
]

WriteCsv = Callable[..., Path]


def slmpd_row(**changes: str) -> dict[str, str]:
    """One SLMPD row: a residential burglary in March 2017."""
    row = dict.fromkeys(SLMPD_HEADER, "")
    row |= {
        "Complaint": "17-012345",
        "CodedMonth": "2017-03",
        "DateOccur": "03/14/2017 22:15",
        "FlagCrime": "Y",
        "Count": "1",
        "Crime": "51112",
        "Description": "BURGLARY-RESIDENCE/DAY/FORCE ENT/UNOCCUPIED",
        "ILEADSStreet": "GRAVOIS AVE",
        "XCoord": "890900",
        "YCoord": "1005700",
    }
    return row | changes


def chicago_row(**changes: str) -> dict[str, str]:
    """One row of Chicago's export: a theft on a street in July 2016."""
    row = dict.fromkeys(CHICAGO_HEADER, "")
    row |= {
        "ID": "10600001",
        "Case Number": "HZ123456",
        "Date": "07/04/2016 11:45:00 PM",
        "Block": "012XX W MADISON ST",
        "IUCR": "0820",
        "Primary Type": "THEFT",
        "Description": "$500 AND UNDER",
        "Location Description": "STREET",
        "Arrest": "false",
        "Domestic": "false",
        "FBI Code": "06",
        "X Coordinate": "1168000",
        "Y Coordinate": "1900000",
        "Latitude": "41.881",
        "Longitude": "-87.658",
        "Location": "(41.881, -87.658)",
    }
    return row | changes


def police_uk_row(**changes: str) -> dict[str, str]:
    """One row of data.police.uk: a burglary in Leicester in May 2022."""
    row = dict.fromkeys(POLICE_UK_HEADER, "")
    row |= {
        "Crime ID": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "Month": "2022-05",
        "Reported by": "Leicestershire Police",
        "Falls within": "Leicestershire Police",
        "Longitude": "-1.147855",
        "Latitude": "52.667801",
        "Location": "On or near Station Road",
        "Crime type": "Burglary",
        "Last outcome category": "Investigation complete; no suspect identified",
    }
    return row | changes


@pytest.fixture
def write_csv(tmp_path: Path) -> WriteCsv:
    """Write rows as a CSV and return its path."""

    def write(
        rows: Sequence[dict[str, str]], name: str = "rows.csv", *, header: Sequence[str] | None = None
    ) -> Path:
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(header or rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


@pytest.fixture
def slmpd() -> Callable[..., dict[str, str]]:
    """Make an SLMPD row."""
    return slmpd_row


@pytest.fixture
def chicago() -> Callable[..., dict[str, str]]:
    """Make a row of Chicago's export."""
    return chicago_row


@pytest.fixture
def police_uk() -> Callable[..., dict[str, str]]:
    """Make a row of data.police.uk."""
    return police_uk_row


@pytest.fixture
def now() -> dt.datetime:
    """A time after every row of the fixtures."""
    return dt.datetime.fromisoformat("2023-01-01")
