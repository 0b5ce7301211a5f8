from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peelian.errors import CRSError, DataError, PeelianError, ResolutionError, SourceError, UsageError
from peelian.records import FIELDS, QUARANTINE_COLUMNS, REASONS, ImportReport, Reading, read_incidents

Row = dict[str, str]
Make = Callable[..., Row]
Write = Callable[..., Path]
MAPPING = {"occurred_from": "ts", "x": "x_m", "y": "y_m", "category": "type"}
SLOW = [HealthCheck.function_scoped_fixture]


def accounted(report: ImportReport) -> bool:
    return report.rows_in == report.stored + report.duplicates + report.corrections + report.quarantined


def mapped(path: Path, **options: Any) -> Reading:
    arguments = {"mapping": MAPPING, "crs": "EPSG:26910", "zone": "America/Los_Angeles"} | options
    return read_incidents(path, **arguments)


def city(n: int = 12, **changes: Sequence[object]) -> pd.DataFrame:
    """Rows of a city of no known source, in metres of EPSG:26910."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "ts": pd.date_range("2017-01-29 10:15", periods=n, freq="7h").astype("str"),
            "x_m": np.round(rng.uniform(520_000, 530_000, n), 1),
            "y_m": np.round(rng.uniform(5_035_000, 5_045_000, n), 1),
            "type": ["BURGLARY", "AUTO THEFT", "SOMETHING LOCAL"] * (n // 3),
            "victim_name": "nobody",
        }
    )
    return frame.assign(**changes)


# -- each source ------------------------------------------------------------------------------------------------------


def test_slmpd_csv(write_csv: Write, slmpd: Make, now: dt.datetime) -> None:
    reading = read_incidents(write_csv([slmpd()]), now=now)
    row = reading.incidents.frame.iloc[0]
    assert row["source"] == "slmpd"
    assert row["occurred_from"] == pd.Timestamp("2017-03-14 22:15")
    assert row["reported"] == pd.Timestamp("2017-03-01")
    assert (row["category"], row["label"]) == ("burglary", "BURGLARY-RESIDENCE/DAY/FORCE ENT/UNOCCUPIED")
    assert (row["x"], row["y"]) == (890900.0, 1005700.0)
    assert not row["officer_initiated"]
    assert (reading.incidents.crs, reading.incidents.zone) == ("ESRI:102696", "America/Chicago")
    assert reading.incidents.resolution == "minute"


def test_slmpd_says_domestic_only_where_its_label_does(
    write_csv: Write, slmpd: Make, now: dt.datetime
) -> None:
    rows = [slmpd(), slmpd(Description="ASSLT-AGGRAV-FIREARM-3RD-ADULT-DOMESTIC", Crime="41124")]
    found = read_incidents(write_csv(rows), now=now).incidents.frame
    assert found["domestic"].tolist() == [pd.NA, True]


def test_chicago_csv(write_csv: Write, chicago: Make, now: dt.datetime) -> None:
    rows = [
        chicago(),
        chicago(ID="10600002", Domestic="true", **{"Primary Type": "BATTERY", "FBI Code": "04B"}),
    ]
    reading = read_incidents(write_csv(rows), now=now)
    frame = reading.incidents.frame
    assert frame["id"].tolist() == ["10600001", "10600002"]
    assert frame["occurred_from"].tolist() == [pd.Timestamp("2016-07-04 23:45")] * 2
    assert frame["category"].tolist() == ["theft", "aggravated_assault"]
    assert frame["domestic"].tolist() == [False, True]
    assert frame["location_type"].tolist() == ["STREET", "STREET"]
    assert reading.incidents.crs == "EPSG:3435"
    assert {"Case Number", "Block", "Arrest", "Beat", "Location"} <= set(reading.report.dropped_columns)


def test_police_uk_csv_is_month_only(write_csv: Write, police_uk: Make, now: dt.datetime) -> None:
    rows = [police_uk(), police_uk(**{"Crime ID": "", "Crime type": "Anti-social behaviour"})]
    reading = read_incidents(write_csv(rows), now=now)
    incidents = reading.incidents
    assert incidents.resolution == "month"
    assert incidents.frame["occurred_from"].tolist() == [pd.Timestamp("2022-05-01")] * 2
    assert incidents.crs == "EPSG:32630"  # UTM of the points, since degrees are no CRS to work in
    assert incidents.frame["category"].tolist() == ["burglary", "disorder"]
    with pytest.raises(ResolutionError, match="no weeks or days"):
        incidents.require("day")
    assert "Last outcome category" in reading.report.dropped_columns
    assert "Location" in reading.report.dropped_columns


def test_the_repackaged_parquet_is_read_like_the_csv(
    tmp_path: Path, write_csv: Write, slmpd: Make, now: dt.datetime
) -> None:
    table = pa.table(
        {
            "case_key": pa.array([7, -1], type=pa.int32()),
            "reported_month": ["2017-03", "2017-03"],
            "ts": pa.array([dt.datetime.fromisoformat("2017-03-14 22:15")] * 2, type=pa.timestamp("ms")),
            "crime": ["51112", "266510"],
            "description": ["BURGLARY-RESIDENCE/DAY/FORCE ENT/UNOCCUPIED", "PUBLIC ORDER-TRESPASSING"],
            "count": pa.array([1, 1], type=pa.int8()),
            "district": pa.array([1, 1], type=pa.int16()),
            "x_ft": pa.array([890900, 890900], type=pa.int32()),
            "y_ft": pa.array([1005700, 1005700], type=pa.int32()),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    packed = read_incidents(tmp_path / "rows.parquet", now=now).incidents.frame
    plain = read_incidents(write_csv([slmpd(Complaint="7")]), now=now).incidents.frame
    assert packed["category"].tolist() == ["burglary", "trespass"]
    assert packed["officer_initiated"].tolist() == [False, True]
    pd.testing.assert_frame_equal(packed.iloc[:1], plain)  # the id as well


def test_a_mapped_csv(tmp_path: Path) -> None:
    city().to_csv(tmp_path / "city.csv", index=False)
    reading = mapped(tmp_path / "city.csv")
    report = reading.report
    assert (report.rows_in, report.stored) == (12, 12)
    assert report.dropped_columns == ["victim_name"]
    assert report.unmapped == {"SOMETHING LOCAL": 4}
    assert report.categories == {"burglary": 4, "motor_vehicle_theft": 4, "other": 4}
    assert report.source == "mapped"
    assert np.allclose(reading.incidents.x, city()["x_m"])
    assert "nobody" not in reading.incidents.frame.to_csv() + json.dumps(report.to_dict())


def test_a_mapped_source_has_its_own_name(tmp_path: Path) -> None:
    city().to_csv(tmp_path / "city.csv", index=False)
    assert mapped(tmp_path / "city.csv", source="my_city").report.source == "my_city"


def test_a_mapped_parquet_of_dates_is_known_to_the_day(tmp_path: Path) -> None:
    frame = city(ts=pd.date_range("2017-01-01", periods=12, freq="D"))
    frame.to_parquet(tmp_path / "city.parquet")
    assert mapped(tmp_path / "city.parquet").report.resolution == "day"


def test_longitude_and_latitude_are_projected(tmp_path: Path) -> None:
    frame = city(lon=np.linspace(-122.7, -122.5, 12), lat=np.linspace(45.5, 45.55, 12))
    frame.to_csv(tmp_path / "city.csv", index=False)
    reading = mapped(tmp_path / "city.csv", mapping=MAPPING | {"x": "lon", "y": "lat"})
    assert reading.incidents.crs == "EPSG:26910"
    assert 500_000 < reading.incidents.x.min() < reading.incidents.x.max() < 550_000


def test_degrees_under_other_names_are_an_error(tmp_path: Path) -> None:
    frame = city(x_m=np.linspace(-122.7, -122.5, 12), y_m=np.linspace(45.5, 45.55, 12))
    frame.to_csv(tmp_path / "city.csv", index=False)
    with pytest.raises(CRSError, match="look like degrees"):
        mapped(tmp_path / "city.csv")
    assert mapped(tmp_path / "city.csv", source_crs="EPSG:4326").report.stored == 12


def test_a_mapped_file_needs_a_zone(tmp_path: Path) -> None:
    city().to_csv(tmp_path / "city.csv", index=False)
    with pytest.raises(UsageError, match="time zone"):
        mapped(tmp_path / "city.csv", zone=None)
    with pytest.raises(DataError, match="Mars"):
        mapped(tmp_path / "city.csv", zone="Mars/Olympus")


def test_an_unknown_header_is_refused(tmp_path: Path) -> None:
    city().to_csv(tmp_path / "city.csv", index=False)
    with pytest.raises(SourceError, match="no known source"):
        read_incidents(tmp_path / "city.csv")


@pytest.mark.parametrize("column", ["category", "location_type"])
def test_an_identifier_as_a_kind_is_refused(tmp_path: Path, column: str) -> None:
    frame = city(30, notes=[f"seen by {i}" for i in range(30)])
    frame.to_csv(tmp_path / "city.csv", index=False)
    with pytest.raises(SourceError, match="identifier or free text"):
        mapped(tmp_path / "city.csv", mapping=MAPPING | {column: "notes"})


def test_free_text_as_a_kind_is_refused(tmp_path: Path) -> None:
    frame = city(12, notes=["somebody wrote a long story here " * 5] * 12)
    frame.to_csv(tmp_path / "city.csv", index=False)
    with pytest.raises(SourceError, match="identifier or free text"):
        mapped(tmp_path / "city.csv", mapping=MAPPING | {"category": "notes"})


def test_mapped_ids_are_hashed_and_the_same_again(tmp_path: Path) -> None:
    frame = city(ref=["Jane Roe 1", "JaneRoe555", *(f"A-{i}" for i in range(10))])
    frame.to_csv(tmp_path / "city.csv", index=False)
    columns = MAPPING | {"id": "ref"}
    ids = mapped(tmp_path / "city.csv", mapping=columns).incidents.frame["id"]
    assert ids.is_unique
    assert ids.str.fullmatch("[0-9a-f]{32}").all()
    frame.iloc[::-1].to_csv(tmp_path / "again.csv", index=False)
    again = mapped(tmp_path / "again.csv", mapping=columns).incidents.frame["id"]
    assert ids.tolist() == again.tolist()[::-1]
    assert set(ids).isdisjoint(
        mapped(tmp_path / "city.csv", mapping=columns, source="b").incidents.frame["id"]
    )


# -- a name in place of a kind ----------------------------------------------------------------------------------------

NAMES = [
    "Jane Roe",
    "Ivan Petrov",
    "\u0418\u0432\u0430\u043d",
    "\u041e\u043b\u044c\u0433\u0430",
    "\u5f20\u4f1f",
    "\u738b\u82b3",
    *(
        f"{first} {last}"
        for first in ("Ann", "Bo", "Cy")
        for last in ("Aker", "Birk", "Cole", "Dorn", "Eide", "Falk")
    ),
]


def everything(reading: Reading) -> str:
    """All that reading a file gave, as text."""
    report = json.dumps(reading.report.to_dict(), ensure_ascii=False)
    return reading.incidents.frame.to_csv() + reading.quarantine.to_csv() + report


def test_names_among_the_labels_are_not_kept(tmp_path: Path) -> None:
    kinds = ["Noise on a boat"] * 100 + [name for name in NAMES for _ in range(4)] + ["burglary", "ROBBERY"]
    city(3).loc[[0] * len(kinds)].assign(type=kinds).to_csv(tmp_path / "city.csv", index=False)
    reading = mapped(tmp_path / "city.csv")
    assert reading.report.stored == len(kinds)
    assert reading.report.unmapped == {"24 labels seen fewer than 5 times": 96, "Noise on a boat": 100}
    assert reading.incidents.frame["label"].value_counts().to_dict() == {
        "rare label": 96,
        "Noise on a boat": 100,
        "burglary": 1,
        "ROBBERY": 1,
    }
    assert reading.report.categories == {"other": 196, "burglary": 1, "robbery": 1}
    assert not any(name in everything(reading) for name in NAMES)


def test_a_few_rare_labels_are_kinds_and_listed(tmp_path: Path) -> None:
    kinds = ["Noise on a boat"] * 100 + [f"Odd thing {c}" for c in "ABCDEFGHIJKLMNOPQRST"]
    city(3).loc[[0] * len(kinds)].assign(type=kinds).to_csv(tmp_path / "city.csv", index=False)
    reading = mapped(tmp_path / "city.csv")
    assert reading.report.unmapped == {"Noise on a boat": 100} | dict.fromkeys(kinds[100:], 1)
    assert len(reading.incidents.where(category="odd thing c")) == 1


def test_a_rare_label_of_the_city_s_own_table_is_kept(tmp_path: Path) -> None:
    city(3).to_csv(tmp_path / "city.csv", index=False)
    (tmp_path / "mine.csv").write_text("pattern,category,officer_initiated\nSOMETHING LOCAL,disorder,\n")
    reading = mapped(tmp_path / "city.csv", categories=tmp_path / "mine.csv")
    assert reading.incidents.frame["label"].tolist() == ["BURGLARY", "AUTO THEFT", "SOMETHING LOCAL"]
    assert reading.report.unmapped == {}


def test_case_does_not_make_a_frequent_label_rare(tmp_path: Path) -> None:
    city(6, type=["Boat", "BOAT ", "boat"] * 2).to_csv(tmp_path / "city.csv", index=False)
    assert sum(mapped(tmp_path / "city.csv").report.unmapped.values()) == 6
    assert "rare label" not in set(mapped(tmp_path / "city.csv").incidents.frame["label"])


def test_what_is_set_aside_shows_a_label_s_shape_only(tmp_path: Path) -> None:
    kinds = ["Jane Roe 7"] + ["Olga Ros"] * 6 + ["burglary"]
    frame = city(3).loc[[0] * 8].assign(type=kinds, ts="no time")
    frame.to_csv(tmp_path / "city.csv", index=False)
    reading = mapped(tmp_path / "city.csv")
    assert reading.quarantine["label"].tolist() == ["AAAA AAA 9"] + ["AAAA AAA"] * 6 + ["burglary"]


def test_names_among_the_types_of_location_are_not_kept(tmp_path: Path) -> None:
    where = ["Shop"] * 3 + ["SHOP"] * 2 + [name for name in NAMES for _ in range(4)] + [None] * 2
    city(3).loc[[0] * len(where)].assign(at=where).to_csv(tmp_path / "city.csv", index=False)
    reading = mapped(tmp_path / "city.csv", mapping=MAPPING | {"location_type": "at"})
    assert reading.incidents.frame["location_type"].value_counts().to_dict() == {"Shop": 3, "SHOP": 2}
    assert reading.report.warnings == [
        "at: 24 types of location seen fewer than 5 times are not kept (96 rows)"
    ]
    assert not any(name in everything(reading) for name in NAMES)


def test_known_sources_keep_their_labels_however_rare(
    write_csv: Write, slmpd: Make, chicago: Make, now: dt.datetime
) -> None:
    odd = slmpd(Crime="999999", Description="SOMETHING NEW")
    reading = read_incidents(write_csv([odd, odd | {"XCoord": ""}]), now=now)
    assert (
        reading.incidents.frame["label"].tolist() == reading.quarantine["label"].tolist() == ["SOMETHING NEW"]
    )
    assert reading.report.unmapped == {"SOMETHING NEW": 2}
    frame = read_incidents(write_csv([chicago()], "c.csv"), now=now).incidents.frame
    assert frame[["id", "location_type"]].iloc[0].tolist() == ["10600001", "STREET"]


def test_an_officer_initiated_column_adds_to_the_table_and_takes_nothing_away(tmp_path: Path) -> None:
    frame = city(oi=["Y", "N", ""] * 4, type=["DRUGS"] * 6 + ["BURGLARY"] * 6)
    frame.to_csv(tmp_path / "city.csv", index=False)
    columns = MAPPING | {"officer_initiated": "oi"}
    flags = mapped(tmp_path / "city.csv", mapping=columns).incidents.frame["officer_initiated"].tolist()
    assert flags == [True] * 6 + [True, False, False] * 2
    (tmp_path / "mine.csv").write_text("pattern,category,officer_initiated\nDRUGS,drugs,false\n")
    reading = mapped(tmp_path / "city.csv", mapping=columns, categories=tmp_path / "mine.csv")
    assert reading.incidents.frame["officer_initiated"].tolist() == [True, False, False] * 4


def test_an_override_of_the_categories(tmp_path: Path) -> None:
    city().to_csv(tmp_path / "city.csv", index=False)
    (tmp_path / "mine.csv").write_text("pattern,category,officer_initiated\nSOMETHING LOCAL,disorder,true\n")
    report = mapped(tmp_path / "city.csv", categories=tmp_path / "mine.csv").report
    assert report.unmapped == {}
    assert report.categories["disorder"] == 4
    assert report.officer_initiated == 4


# -- bad rows ---------------------------------------------------------------------------------------------------------


def test_one_file_with_each_kind_of_bad_row(write_csv: Write, slmpd: Make, now: dt.datetime) -> None:
    area = shapely.box(880_000, 990_000, 900_000, 1_020_000)
    bad = {
        "no_time": slmpd(DateOccur="sometime in march"),
        "too_old": slmpd(DateOccur="01/01/1900 00:00"),
        "future": slmpd(DateOccur="03/14/2071 22:15", CodedMonth="2071-03"),
        "occurred_after_reported": slmpd(DateOccur="04/01/2017 00:01"),
        "no_place": slmpd(XCoord="0", YCoord="0"),
        "outside_crs": slmpd(XCoord="99999999"),
        "outside_study_area": slmpd(XCoord="870000"),
        "correction_without_row": slmpd(Complaint="17-999999", Count="-1"),
    }
    path = write_csv([slmpd(), *bad.values(), slmpd(Complaint="17-2")])
    with path.open("a") as stream:
        stream.write("a,row,that,was,cut\n")
    reading = read_incidents(path, now=now, study_area=area)
    expected = [*bad, "malformed_row"]
    assert reading.quarantine["reason"].tolist() == expected
    assert reading.quarantine["row"].tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 11]
    assert list(reading.quarantine.columns) == list(QUARANTINE_COLUMNS)
    assert reading.report.quarantined_by_reason == Counter(expected)
    assert (reading.report.rows_in, reading.report.stored) == (11, 2)
    assert accounted(reading.report)
    assert set(expected) | {"from_after_to"} == set(REASONS)


def test_from_after_to(tmp_path: Path) -> None:
    frame = city(3, until=["2017-01-01", "2017-01-29", "2018-01-01"])
    frame.to_csv(tmp_path / "city.csv", index=False)
    reading = mapped(tmp_path / "city.csv", mapping=MAPPING | {"occurred_to": "until"})
    # 2017-01-29 is a day: the whole day is meant, so 17:15 of that day is not after it
    assert reading.quarantine["reason"].tolist() == ["from_after_to"]
    assert reading.quarantine["row"].tolist() == [1]


@pytest.mark.parametrize(
    ("x", "y"),
    [("", ""), ("0", "1005700"), ("890900", ""), ("nan", "1005700"), ("inf", "1005700"), ("here", "there")],
)
def test_no_place(write_csv: Write, slmpd: Make, now: dt.datetime, x: str, y: str) -> None:
    reading = read_incidents(write_csv([slmpd(XCoord=x, YCoord=y)]), now=now)
    assert reading.quarantine["reason"].tolist() == ["no_place"]


def test_zero_longitude_is_a_place(write_csv: Write, police_uk: Make, now: dt.datetime) -> None:
    rows = [
        police_uk(Longitude="0", Latitude="51.48"),
        police_uk(Longitude="0", Latitude="0", **{"Crime ID": "a1"}),
    ]
    assert read_incidents(write_csv(rows), now=now).report.quarantined_by_reason == {"no_place": 1}


def test_unreadable_text_is_quarantined_as_its_shape_only(
    write_csv: Write, slmpd: Make, now: dt.datetime
) -> None:
    path = write_csv([slmpd(DateOccur="Jane Roe 555-1234", XCoord="12 Elm St")])
    row = read_incidents(path, now=now).quarantine.iloc[0]
    assert row["occurred_from"] == "AAAA AAA 999-9999"
    assert row["x"] == "99 AAA AA"
    assert row["y"] == "1005700"


def test_the_bound_of_what_is_too_old_is_a_parameter(write_csv: Write, slmpd: Make, now: dt.datetime) -> None:
    path = write_csv([slmpd(DateOccur="01/01/1960 12:00")])
    assert read_incidents(path, now=now).report.quarantined_by_reason == {"too_old": 1}
    assert read_incidents(path, now=now, earliest=dt.datetime.fromisoformat("1950-01-01")).report.stored == 1


def test_now_may_have_an_offset(write_csv: Write, slmpd: Make) -> None:
    path = write_csv([slmpd()])  # 22:15 in Chicago, still summer time's -5
    before = dt.datetime.fromisoformat("2017-03-15T03:14:00+00:00")
    after = dt.datetime.fromisoformat("2017-03-15T03:16:00+00:00")
    assert read_incidents(path, now=before).report.quarantined_by_reason == {"future": 1}
    assert read_incidents(path, now=after).report.stored == 1


def test_header_only(write_csv: Write, slmpd: Make) -> None:
    reading = read_incidents(write_csv([], header=list(slmpd())))
    assert reading.report.rows_in == 0
    assert len(reading.incidents) == 0
    assert reading.report.warnings == ["the file has a header and no rows"]
    assert reading.report.first_occurred is None


def test_a_report_that_does_not_add_up_can_not_be_made() -> None:
    with pytest.raises(PeelianError, match="10 rows came in, but 9 are accounted for"):
        ImportReport("s", "f", "0", rows_in=10, stored=9, duplicates=0, corrections=0, quarantined=0)


def test_the_report_is_json(write_csv: Write, slmpd: Make, now: dt.datetime) -> None:
    report = read_incidents(write_csv([slmpd()]), now=now).report
    again = json.loads(json.dumps(report.to_dict()))
    assert {"rows_in", "stored", "duplicates", "corrections", "quarantined", "dropped_columns"} <= set(again)
    assert again["first_occurred"] == "2017-03-14 22:15:00"


# -- times ------------------------------------------------------------------------------------------------------------


def test_daylight_saving_in_chicago(write_csv: Write, slmpd: Make, now: dt.datetime) -> None:
    times = ["03/12/2017 01:59", "03/12/2017 02:30", "11/05/2017 01:30", "11/05/2017 02:00"]
    rows = [slmpd(DateOccur=t, CodedMonth="2017-12", Complaint=str(i + 1)) for i, t in enumerate(times)]
    reading = read_incidents(write_csv(rows), now=now)
    assert reading.incidents.time.astype(str).tolist() == [
        "2017-03-12T01:59:00",
        "2017-03-12T03:30:00",
        "2017-11-05T01:30:00",
        "2017-11-05T02:00:00",
    ]
    assert (reading.report.dst_nonexistent, reading.report.dst_ambiguous) == (1, 1)


@pytest.mark.parametrize(
    ("occurred", "reported", "kept"),
    [
        ("2017-11-05 01:50", "2017-11-05 01:10", True),  # ten past one, the second time
        ("2017-11-05T06:50:00Z", "2017-11-05T07:10:00Z", True),  # so it says itself
        ("2017-11-05 01:50", "2017-11-05T07:10:00Z", True),
        ("2017-11-05 01:50", "2017-11-05 00:55", False),  # before the hour that is repeated
        ("2017-11-05 02:05", "2017-11-05 01:10", False),  # after it, both times
        ("2017-11-05 01:50", "2016-11-06 01:10", False),  # another year's
        ("2017-11-12 01:50", "2017-11-12 01:10", False),
    ],
)
@pytest.mark.parametrize("field", ["reported", "occurred_to"])
def test_the_repeated_hour_of_autumn(
    tmp_path: Path, field: str, occurred: str, reported: str, kept: bool
) -> None:
    frame = city(3, ts=[occurred, "2017-01-01 10:10", "2017-01-01 10:11"], then=[reported, "", ""])
    frame.to_csv(tmp_path / "city.csv", index=False)
    report = mapped(tmp_path / "city.csv", mapping=MAPPING | {field: "then"}, zone="America/Chicago").report
    reason = "from_after_to" if field == "occurred_to" else "occurred_after_reported"
    assert report.quarantined_by_reason == ({} if kept else {reason: 1})


def test_daylight_saving_in_london(tmp_path: Path) -> None:
    times = ["2022-03-27 01:30", "2022-03-27T00:30:00Z", "2022-10-30 01:30", "2022-10-30T00:30:00Z"]
    frame = city(12).head(4).assign(ts=times, x_m=530_000.0, y_m=180_000.0)
    frame.to_csv(tmp_path / "city.csv", index=False)
    reading = mapped(tmp_path / "city.csv", crs="EPSG:27700", zone="Europe/London")
    assert reading.incidents.time.astype(str).tolist() == [
        "2022-03-27T02:30:00",
        "2022-03-27T00:30:00",
        "2022-10-30T01:30:00",
        "2022-10-30T01:30:00",
    ]
    assert (reading.report.dst_nonexistent, reading.report.dst_ambiguous) == (1, 1)


def test_dates_are_not_moved_by_a_gap_at_midnight(tmp_path: Path) -> None:
    frame = city(3, ts=["2018-11-04", "2018-11-03", "2018-11-05"], x_m=333_000.0, y_m=7_394_000.0)
    frame.to_csv(tmp_path / "city.csv", index=False)
    reading = mapped(tmp_path / "city.csv", crs="EPSG:31983", zone="America/Sao_Paulo")
    assert reading.incidents.time.astype(str).tolist()[0] == "2018-11-04T00:00:00"
    assert reading.report.dst_nonexistent == 0


def test_a_file_of_midnights_is_a_file_of_days(write_csv: Write, slmpd: Make, now: dt.datetime) -> None:
    rows = [slmpd(DateOccur="03/14/2017 00:00"), slmpd(DateOccur="03/15/2017 00:00", Complaint="2")]
    assert read_incidents(write_csv(rows), now=now).report.resolution == "day"
    rows[1]["DateOccur"] = "03/15/2017 00:01"
    assert read_incidents(write_csv(rows), now=now).report.resolution == "minute"


def test_an_ambiguous_order_of_day_and_month(tmp_path: Path) -> None:
    city(3, ts=["03/04/2017", "25/04/2017", "01/01/2017"]).to_csv(tmp_path / "city.csv", index=False)
    with pytest.raises(SourceError, match="can't be month first"):
        mapped(tmp_path / "city.csv")
    reading = mapped(tmp_path / "city.csv", date_order="dmy")
    assert reading.incidents.time.astype(str).tolist()[0] == "2017-04-03T00:00:00"


def test_unread_forms_are_warned_of(tmp_path: Path) -> None:
    city(3, ts=["Jan 5, 2017", "2017-01-01", "2017-01-02"]).to_csv(tmp_path / "city.csv", index=False)
    report = mapped(tmp_path / "city.csv").report
    assert report.warnings == ["ts: forms of time that are not read: AAA 9, 9999"]
    assert report.quarantined_by_reason == {"no_time": 1}


# -- ids and duplicates -----------------------------------------------------------------------------------------------


def test_identical_rows_without_an_id_are_kept_and_counted(tmp_path: Path) -> None:
    frame = pd.concat([city(3)] * 3)
    frame.to_csv(tmp_path / "city.csv", index=False)
    reading = mapped(tmp_path / "city.csv")
    assert (reading.report.stored, reading.report.identical_rows, reading.report.duplicates) == (9, 6, 0)
    ids = reading.incidents.frame["id"]
    assert ids.is_unique
    assert sorted(ids.str.split("-").str[1].fillna("1")) == ["1"] * 3 + ["2"] * 3 + ["3"] * 3


def test_the_same_id_twice_in_a_file(write_csv: Write, chicago: Make, now: dt.datetime) -> None:
    rows = [chicago(), chicago(), chicago(**{"Location Description": "ALLEY"}), chicago(ID="2")]
    reading = read_incidents(write_csv(rows), now=now)
    assert (reading.report.stored, reading.report.duplicates, reading.report.revised) == (2, 2, 1)
    assert reading.incidents.frame["location_type"].tolist() == ["STREET", "STREET"]


def test_a_bad_row_does_not_hide_a_good_one_of_the_same_id(
    write_csv: Write, chicago: Make, now: dt.datetime
) -> None:
    rows = [chicago(**{"X Coordinate": ""}), chicago()]
    report = read_incidents(write_csv(rows), now=now).report
    assert (report.stored, report.quarantined, report.duplicates) == (1, 1, 0)


def test_the_order_of_rows_does_not_change_the_ids(tmp_path: Path) -> None:
    frame = pd.concat([city(12), city(12).head(4)])
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.sample(frac=1, random_state=3).to_csv(tmp_path / "b.csv", index=False)
    first, second = (set(mapped(tmp_path / name).incidents.frame["id"]) for name in ("a.csv", "b.csv"))
    assert first == second
    assert len(first) == 16


# -- corrections ------------------------------------------------------------------------------------------------------


def corrected(rows: list[Row], write_csv: Write, now: dt.datetime) -> ImportReport:
    report = read_incidents(write_csv(rows), now=now).report
    assert accounted(report)
    return report


def test_a_correction_cancels_its_row(write_csv: Write, slmpd: Make, now: dt.datetime) -> None:
    report = corrected(
        [slmpd(), slmpd(Complaint="2"), slmpd(Count="-1", CodedMonth="2017-05")], write_csv, now
    )
    assert (report.stored, report.corrections, report.quarantined) == (1, 2, 0)


def test_a_correction_may_come_first_and_its_place_may_be_missing(
    write_csv: Write, slmpd: Make, now: dt.datetime
) -> None:
    rows = [slmpd(Count="-1", XCoord="", YCoord=""), slmpd()]
    assert corrected(rows, write_csv, now).corrections == 2
    rows = [slmpd(XCoord="", YCoord=""), slmpd(Count="-1")]
    assert corrected(rows, write_csv, now).corrections == 2


def test_k_corrections_cancel_k_rows(write_csv: Write, slmpd: Make, now: dt.datetime) -> None:
    report = corrected([slmpd()] * 3 + [slmpd(Count="-1")] * 2, write_csv, now)
    assert (report.stored, report.corrections) == (1, 4)
    report = corrected([slmpd()] * 2 + [slmpd(Count="-1")] * 3, write_csv, now)
    assert (report.stored, report.corrections) == (0, 4)
    assert report.quarantined_by_reason == {"correction_without_row": 1}


@pytest.mark.parametrize(
    "change", [{"Complaint": "17-9"}, {"Crime": "52112"}, {"DateOccur": "03/14/2017 22:16"}]
)
def test_a_correction_of_something_else_cancels_nothing(
    write_csv: Write, slmpd: Make, now: dt.datetime, change: Row
) -> None:
    report = corrected([slmpd(), slmpd(Count="-1", **change)], write_csv, now)
    assert (report.stored, report.corrections) == (1, 0)
    assert report.quarantined_by_reason == {"correction_without_row": 1}


def test_without_a_case_number_all_fields_must_agree(write_csv: Write, slmpd: Make, now: dt.datetime) -> None:
    row = slmpd(Complaint="-1")
    assert corrected([row, row | {"Count": "-1"}], write_csv, now).corrections == 2
    assert (
        corrected([row, row | {"Count": "-1", "XCoord": "", "YCoord": ""}], write_csv, now).corrections == 2
    )
    elsewhere = corrected([row, row | {"Count": "-1", "XCoord": "891000"}], write_csv, now)
    assert (elsewhere.stored, elsewhere.corrections) == (1, 0)


def test_the_row_at_the_same_place_is_cancelled_first(
    write_csv: Write, slmpd: Make, now: dt.datetime
) -> None:
    rows = [slmpd(XCoord="891000"), slmpd(), slmpd(Count="-1")]
    reading = read_incidents(write_csv(rows), now=now)
    assert reading.incidents.x.tolist() == [891000.0]


@settings(max_examples=12, deadline=None, suppress_health_check=SLOW)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1", "2", "-1"]),
            st.sampled_from(["51112", "31111"]),
            st.sampled_from(["1", "-1"]),
        ),
        max_size=14,
    )
)
def test_cancelling_agrees_with_counting(
    write_csv: Write, slmpd: Make, now: dt.datetime, rows: list[tuple[str, str, str]]
) -> None:
    """With all else equal, what is left of a case and kind is rows less corrections, if that is positive."""
    made = [slmpd(Complaint=case, Crime=crime, Count=count) for case, crime, count in rows]
    reading = read_incidents(write_csv(made, header=list(slmpd())), now=now)
    plus = Counter((case, crime) for case, crime, count in rows if count == "1")
    minus = Counter((case, crime) for case, crime, count in rows if count == "-1")
    paired = sum(min(plus[key], minus[key]) for key in plus)
    assert reading.report.stored == sum(plus.values()) - paired
    assert reading.report.corrections == 2 * paired
    assert reading.report.quarantined == sum(minus.values()) - paired


# -- whatever comes ---------------------------------------------------------------------------------------------------

TIMES = st.sampled_from(
    [
        "03/14/2017 22:15",
        "2017-03-14T22:15",
        "03/12/2017 02:30",
        "",
        "x",
        "01/01/1900 00:00",
        "01/01/2080 00:00",
    ]
)
NUMBERS = st.sampled_from(["890900", "891000", "1005700", "0", "", "x", "1e99", "nan"])


@settings(max_examples=12, deadline=None, suppress_health_check=SLOW)
@given(
    rows=st.lists(
        st.tuples(TIMES, NUMBERS, NUMBERS, st.sampled_from(["1", "-1", ""]), st.text(max_size=8)), max_size=9
    ),
    tail=st.binary(max_size=30),
)
def test_every_slmpd_row_is_accounted_for(
    write_csv: Write,
    slmpd: Make,
    now: dt.datetime,
    rows: list[tuple[str, str, str, str, str]],
    tail: bytes,
) -> None:
    made = [
        slmpd(DateOccur=t, XCoord=x, YCoord=y, Count=c, Description=d.encode("utf-8", "ignore").decode())
        for t, x, y, c, d in rows
    ]
    path = write_csv(made, header=list(slmpd()))
    with path.open("ab") as stream:
        stream.write(tail)
    try:
        reading = read_incidents(path, now=now)
    except PeelianError:
        return
    report = reading.report
    assert accounted(report)
    assert report.rows_in >= len(rows) - 1  # a stray quote in the tail can't swallow what came before it
    assert len(reading.incidents) == report.stored
    assert len(reading.quarantine) == report.quarantined
    assert Counter(reading.quarantine["reason"]) == Counter(report.quarantined_by_reason)
    assert set(reading.quarantine["reason"]) <= set(REASONS)
    assert reading.quarantine["row"].is_unique
    assert list(reading.incidents.frame.columns) == list(FIELDS)


@settings(max_examples=6, deadline=None, suppress_health_check=SLOW)
@given(
    ids=st.lists(st.integers(1, 6), max_size=12),
    month=st.sampled_from(["2022-05", "2022-13", ""]),
)
def test_every_chicago_and_police_uk_row_is_accounted_for(
    write_csv: Write, chicago: Make, police_uk: Make, now: dt.datetime, ids: list[int], month: str
) -> None:
    report = read_incidents(
        write_csv([chicago(ID=str(i)) for i in ids], header=list(chicago())), now=now
    ).report
    assert (report.stored, report.duplicates) == (len(set(ids)), len(ids) - len(set(ids)))
    rows = [police_uk(Month=month, **{"Crime ID": f"{i:064x}"}) for i in ids]
    report = read_incidents(write_csv(rows, header=list(police_uk())), now=now).report
    assert accounted(report)
    assert report.stored == (len(set(ids)) if month == "2022-05" else 0)


# -- real data --------------------------------------------------------------------------------------------------------

SHARED = Path(__file__).parents[3] / "shared" / "data"


def real(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    return path


@pytest.mark.slow
def test_real_st_louis() -> None:
    reading = read_incidents(real("stlouis_crimes_2012_2017.parquet"))
    report = reading.report
    assert report.rows_in == 303_881
    assert accounted(report)
    assert report.unmapped == {}
    assert report.quarantined_by_reason["too_old"] >= 1  # the rows of 1900
    assert report.corrections + report.quarantined_by_reason["correction_without_row"] >= 3_934
    assert reading.incidents.resolution == "minute"


@pytest.mark.slow
@pytest.mark.parametrize(
    "force", ["avon_and_somerset_2022", "leicestershire_2022", "city_of_london_201804_202011"]
)
def test_real_police_uk(force: str) -> None:
    reading = read_incidents(real(f"uk_street_{force}.parquet"))
    assert accounted(reading.report)
    assert reading.report.unmapped == {}
    assert reading.report.resolution == "month"
    # A few of Avon and Somerset's rows are placed in Kent: beyond the UTM zone of the rest.
    assert set(reading.report.quarantined_by_reason) <= {"no_place", "outside_crs"}
    assert reading.report.quarantined_by_reason.get("outside_crs", 0) < 100


@pytest.mark.slow
def test_real_portland_through_a_mapping() -> None:
    reading = read_incidents(
        real("portland_nij_burglary_mvt_201203_201702.parquet"),
        mapping={"occurred_from": "occ_date", "x": "x_ft", "y": "y_ft", "category": "category"},
        source="portland",
        source_crs="EPSG:2913",
        crs="EPSG:26910",
        zone="America/Los_Angeles",
    )
    assert reading.report.stored == 14_133
    assert reading.report.resolution == "day"
    assert set(reading.report.categories) == {"burglary", "motor_vehicle_theft"}


# -- more of the mapping ----------------------------------------------------------------------------------------------

CITY_TIMES = st.datetimes(dt.datetime.fromisoformat("2010-01-01"), dt.datetime.fromisoformat("2019-12-31"))


@settings(max_examples=8, deadline=None, suppress_health_check=SLOW)
@given(
    rows=st.lists(
        st.tuples(
            CITY_TIMES,
            st.floats(520_000, 530_000),
            st.floats(5_035_000, 5_045_000),
            st.sampled_from(["burglary", "robbery", "local kind"]),
        ),
        max_size=10,
    ),
    form=st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y/%m/%d %I:%M:%S %p"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_generated_city_rows_come_back(
    tmp_path: Path,
    rows: list[tuple[dt.datetime, float, float, str]],
    form: str,
    delimiter: str,
) -> None:
    path = tmp_path / "generated.csv"
    frame = pd.DataFrame(rows, columns=["ts", "x_m", "y_m", "type"])
    frame["ts"] = [moment.strftime(form) for moment, *_ in rows]
    frame.to_csv(path, index=False, sep=delimiter)
    reading = mapped(path, zone="Asia/Tokyo", crs="EPSG:26910")  # a zone without summer time
    assert reading.report.stored == len(rows)
    expected = [dt.datetime.strptime(moment.strftime(form), form) for moment, *_ in rows]  # noqa: DTZ007
    assert reading.incidents.time.tolist() == expected
    assert np.allclose(reading.incidents.x, [row[1] for row in rows])
    assert np.allclose(reading.incidents.y, [row[2] for row in rows])
    assert sum(reading.report.unmapped.values()) == sum(row[3] == "local kind" for row in rows)


def test_a_mapping_without_a_category(tmp_path: Path) -> None:
    city().to_csv(tmp_path / "city.csv", index=False)
    without = {field: column for field, column in MAPPING.items() if field != "category"}
    reading = mapped(tmp_path / "city.csv", mapping=without)
    assert reading.report.unmapped == {"unstated": 12}
    assert reading.report.categories == {"other": 12}
    assert reading.report.dropped_columns == ["type", "victim_name"]


def test_reported_times_of_a_mapped_file(tmp_path: Path) -> None:
    frame = city(3, told=["2017-01-29 10:14", "2017-01-30", "2017-02"])
    frame.to_csv(tmp_path / "city.csv", index=False)
    reading = mapped(tmp_path / "city.csv", mapping=MAPPING | {"reported": "told"})
    # 10:14 is a minute before it happened; a day or a month means its last moment
    assert reading.report.quarantined_by_reason == {"occurred_after_reported": 1}
    assert reading.incidents.frame["reported"].tolist() == [
        pd.Timestamp("2017-01-30"),
        pd.Timestamp("2017-02-01"),
    ]


def test_a_place_type_is_kept(tmp_path: Path) -> None:
    frame = city(15, where=["STREET", "SHOP", None] * 5)
    frame.to_csv(tmp_path / "city.csv", index=False)
    reading = mapped(tmp_path / "city.csv", mapping=MAPPING | {"location_type": "where"})
    assert reading.incidents.frame["location_type"].value_counts().to_dict() == {"STREET": 5, "SHOP": 5}


def test_progress_is_told(write_csv: Write, slmpd: Make, now: dt.datetime) -> None:
    told: list[tuple[str, float]] = []
    read_incidents(write_csv([slmpd()]), now=now, progress=lambda step, share: told.append((step, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[0] == ("reading rows", 0.0)
    assert told[-1] == ("done", 1.0)


def test_threads_and_memory_change_nothing(tmp_path: Path) -> None:
    city(300).to_csv(tmp_path / "city.csv", index=False)
    one = mapped(tmp_path / "city.csv", threads=1, memory="128MB")
    many = mapped(tmp_path / "city.csv", threads=4)
    pd.testing.assert_frame_equal(one.incidents.frame, many.incidents.frame)


def test_the_working_directory_stays_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_csv: Write, slmpd: Make, now: dt.datetime
) -> None:
    path = write_csv([slmpd()])
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    read_incidents(path, now=now)
    assert list((tmp_path / "cwd").iterdir()) == []


def test_a_relative_path_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_csv: Write, slmpd: Make, now: dt.datetime
) -> None:
    write_csv([slmpd()], "~rows.csv")
    monkeypatch.chdir(tmp_path)
    assert read_incidents("~rows.csv", now=now).report.stored == 1
