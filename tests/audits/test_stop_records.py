"""Stop records: what is read, what is refused, and that every row stays accounted for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from peelian.audits.stop_fields import is_missing, labels_of, times_of, yes_or_no
from peelian.audits.stop_records import COLUMNS, read_stops, stop_records
from peelian.errors import DataError, NotEnoughDataError, SourceError, UsageError

MAP = {"time": "when", "place": "beat", "group": "race", "search": "searched", "hit": "found", "basis": "why"}


def table(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    when = pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 60 * 24 * 60, n), unit="min")
    return pd.DataFrame(
        {
            "when": pd.Series(when).dt.strftime("%Y-%m-%d %H:%M"),
            "beat": rng.choice(["Riverside", "Hill", "Market"], n),
            "race": rng.choice(["Black", "White", "Unknown", ""], n),
            "searched": rng.choice(["yes", "no"], n),
            "found": rng.choice(["1", "0", ""], n),
            "why": rng.choice(["traffic", "suspicion"], n),
            "driver_name": [f"Smith, Jo{k}" for k in range(n)],
            "dob": "1990-01-01",
            "plate": [f"ABC {1000 + k}" for k in range(n)],
        }
    )


def test_only_what_is_mapped_is_read(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "stops.csv", index=False)
    read = read_stops(tmp_path / "stops.csv", mapping=MAP, zone="America/Chicago")
    assert tuple(read.frame.columns) == COLUMNS
    held = read.frame.astype(str).to_csv() + str(read.about())
    assert "Smith" not in held
    assert "ABC" not in held


def test_csv_and_parquet_give_the_same(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "stops.csv", index=False)
    table().to_parquet(tmp_path / "stops.parquet")
    one, other = (read_stops(tmp_path / name, mapping=MAP) for name in ("stops.csv", "stops.parquet"))
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert one.about() == other.about()


def test_every_row_stays_and_what_is_missing_is_counted() -> None:
    raw = table()
    raw.loc[:9, "when"] = "soon"
    read = stop_records(pd.concat([raw, raw.iloc[:7]]), mapping=MAP)
    assert len(read) == read.counts["rows"] == 407
    assert read.counts["without_group"] == int(
        pd.concat([raw, raw.iloc[:7]])["race"].isin(["Unknown", ""]).sum()
    )
    assert read.counts["without_day"] == 17
    assert sum(read.groups.values()) + read.counts["without_group"] == 407
    assert any("17 of 407 times" in note for note in read.notes)
    assert any("They are kept" in note for note in read.notes)
    assert read.counts["repeated"] >= 7


def test_ways_to_say_that_nothing_was_recorded() -> None:
    said = ["", " ", "-", "Unknown", "N/A", "Not Stated", "Other ethnic group - Not stated", "nan"]
    assert all(is_missing(one) for one in said)
    assert not any(is_missing(one) for one in ("Other", "Mixed", "White - Irish", "Native American"))
    assert labels_of(pd.Series([1.0, np.nan, 2.0])).tolist() == ["1", None, "2"]


def test_yes_no_and_neither() -> None:
    assert yes_or_no("hit", pd.Series(["Yes", "no", "", None, "TRUE", "0"])).tolist() == [
        True, False, pd.NA, pd.NA, True, False,
    ]  # fmt: skip
    with pytest.raises(DataError, match="2 of its values are neither; expected yes or no") as no:
        yes_or_no("hit", pd.Series(["Arrest", "no", "Warning"], name="found"))
    assert "Arrest" not in no.value.message


def test_times_that_can_not_be_read_are_counted_and_not_repeated() -> None:
    with pytest.raises(DataError, match="'when' was given as time, and 2 of its 3 values") as no:
        times_of(pd.Series(["Mary Whitcombe", "Jo Smith", "2024-03-01 22:15"], name="when"))
    assert "Mary" not in no.value.message
    with pytest.raises(DataError, match="0 values"):
        times_of(pd.Series(["", None], name="when"))


def test_times_in_utc_become_the_clock_on_the_wall() -> None:
    raw = table()
    raw["when"] = "2017-01-01T06:30:00Z"
    read = stop_records(raw, mapping=MAP, zone="America/Chicago")
    assert read.frame["minute"].unique().tolist() == [30.0]
    assert read.frame["day"].unique().tolist() == [pd.Timestamp("2017-01-01")]
    with pytest.raises(UsageError, match="zone was not given"):
        stop_records(raw, mapping=MAP)


def test_dates_alone_have_no_clock_time() -> None:
    read = stop_records(table().assign(when="2017-01-01"), mapping=MAP, zone="Europe/London")
    assert read.counts["without_clock_time"] == 400
    assert read.counts["without_day"] == 0
    assert read.clock


def test_a_clock_that_lost_am_and_pm_is_told() -> None:
    when = pd.Timestamp("2024-01-01 01:00") + pd.to_timedelta(np.arange(400) * 7 % 690 + 0, unit="min")
    read = stop_records(table().assign(when=when.astype(str)), mapping=MAP, zone="Europe/London")
    assert "12-hour clock" in read.clock
    assert any("left out" in note for note in read.notes)
    assert not stop_records(table(), mapping=MAP, zone="Europe/London").clock


def test_coordinates_are_reduced_to_squares_and_left_behind() -> None:
    rng = np.random.default_rng(0)
    raw = table().assign(y=44.9 + rng.uniform(0, 0.05, 400), x=-93.2 + rng.uniform(0, 0.05, 400))
    raw.loc[0, ["y", "x"]] = 0.0
    own = {k: v for k, v in MAP.items() if k != "place"} | {"lat": "y", "lon": "x"}
    read = stop_records(raw, mapping=own, square_km=1.0)
    assert read.counts["without_place"] == 1
    assert 20 <= read.frame["area"].nunique() <= 48
    assert set(np.round(read.frame["lat"].dropna() * 100, 6) % 1) == {0.0}
    with pytest.raises(UsageError, match="somebody's home"):
        stop_records(raw, mapping=own, square_km=0.01)


def test_groups_are_merged_when_asked() -> None:
    raw = table()
    raw.loc[raw["race"] == "", "race"] = "East African"
    read = stop_records(raw, mapping=MAP, merge={"East African": "Black"})
    assert set(read.groups) == {"Black", "White"}
    assert any("counted as Black" in note for note in read.notes)
    with pytest.raises(UsageError, match="to be merged"):
        stop_records(raw, mapping=MAP, merge={"Martian": "Black"})


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"mapping": {**MAP, "who": "race"}}, UsageError, "field of a stop"),
        ({"mapping": {**MAP, "group": "rcae"}}, DataError, "given as group"),
        ({"mapping": {"time": "when"}}, UsageError, "no column was given as group"),
        ({"mapping": MAP, "zone": "Minnesota"}, UsageError, "IANA"),
        ({"layout": "nowhere"}, UsageError, "expected one of"),
        ({"layout": "police_uk"}, DataError, "lacks"),
        ({}, DataError, "no known layout"),
    ],
)
def test_wrong_settings(change: dict, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        stop_records(table(), **change)


def test_too_few_rows_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughDataError, match="19 stops"):
        stop_records(table(19), mapping=MAP)
    with pytest.raises(SourceError, match="can't be read"):
        read_stops(tmp_path / "none.csv", mapping=MAP)
    table().to_csv(tmp_path / "stops.csv", index=False)
    with (tmp_path / "stops.csv").open("a") as stream:
        stream.write(",".join(["x"] * 30) + "\n")
    read = read_stops(tmp_path / "stops.csv", mapping=MAP)
    assert (len(read), read.counts["malformed"]) == (400, 1)
    assert any("1 more rows" in note for note in read.notes)


def test_city_of_london(shared_data: Path) -> None:
    read = read_stops(shared_data / "uk_stop_search_city_of_london_201804_202011.parquet")
    assert (read.layout, len(read), read.zone) == ("police_uk", 6449, "Europe/London")
    assert read.groups == {"White": 3137, "Black": 1398, "Asian": 1228, "Other": 278}
    assert read.frame["search"].all()
    assert int(read.frame["hit"].sum()) == 2125
    assert int(read.frame["action"].sum()) == 6449 - 87 - 4518
    assert "12-hour clock" in read.clock


def test_minneapolis(shared_data: Path) -> None:
    path = shared_data / "minneapolis_stops_2017.parquet"
    read = read_stops(path)
    assert (read.layout, len(read), read.counts["without_group"]) == ("minneapolis", 51_920, 17_440)
    assert read.frame.loc[0, ["area", "minute"]].tolist() == ["Cedar Riverside", 0.0]
    assert read.counts["searches"] == 5826
    assert not any("another zone" in note for note in read.notes)
    raw = pd.read_parquet(path)
    own = {"time": "date", "place": "neighborhood", "group": "race"}
    assert any("another zone" in note for note in stop_records(raw, mapping=own).notes)
