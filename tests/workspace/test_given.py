"""Labels and manner that people give: what is taken, what is refused, and what is kept in place of names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from peelian.errors import DataError, UsageError
from peelian.records import Incidents
from peelian.records.erasure import hashed_id
from peelian.workspace.given import known_series, manner_of, recorded_manner, told_apart

CRS, ZONE = "EPSG:26915", "America/Chicago"


def incidents(*ids: str, source: str | list[str] = "city", **columns: object) -> Incidents:
    n = len(ids)
    time = np.datetime64("2024-01-01", "s") + np.arange(n).astype("timedelta64[D]")
    made = Incidents.of(np.zeros(n), np.zeros(n), time, crs=CRS, zone=ZONE)
    return Incidents(made.frame.assign(id=list(ids), source=source, **columns), CRS, ZONE)


def csv(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_series_are_numbered_and_their_names_are_gone(tmp_path: Path, between: str) -> None:
    rows = [
        "incident,series",
        "a, the red van ",
        "b,the red van",
        "c,Shorty",
        "a,Shorty",
        "nowhere,Shorty",
        "c,",
    ]
    path = csv(tmp_path / "labels.csv", "\n".join(rows).replace(",", between))
    found = known_series(path, incidents("a", "b", "c"))
    assert found.table["incident"].tolist() == ["a", "b", "c", "a", None, "c"]
    assert found.table["series"].tolist() == ["K1", "K1", "K2", "K2", "K2", None]
    assert "van" not in found.table.to_csv()
    assert found.to_dict() == {
        "rows": 6, "unknown": 1, "without_series": 1, "incidents": 3, "series": 2, "alone": 0
    }  # fmt: skip


def test_what_was_kept_reads_as_what_was_given(tmp_path: Path) -> None:
    text = "incident,series\nb,x\nnowhere,y\na,x\nc,z\nc,\n"
    every = incidents("a", "b", "c")
    given = known_series(csv(tmp_path / "labels.csv", text), every)
    given.table.to_parquet(tmp_path / "labels.parquet", index=False)
    again = known_series(tmp_path / "labels.parquet", every)
    pd.testing.assert_frame_equal(again.table, given.table)
    assert again.to_dict() == given.to_dict()
    assert given.to_dict()["alone"] == 1


def test_an_incident_is_known_by_the_number_that_its_source_gives_it(tmp_path: Path) -> None:
    every = incidents(hashed_id("city", "17-000123"), "plain-2")
    path = csv(tmp_path / "labels.csv", "incident,series\n17-000123,1\nplain-2,1\n")
    assert known_series(path, every).table["incident"].tolist() == every.frame["id"].tolist()


def test_numbers_of_a_parquet_file_are_ids_too(tmp_path: Path) -> None:
    pd.DataFrame({"incident": [7.0, 8.0, np.nan], "series": [1, 1, 2]}).to_parquet(tmp_path / "l.parquet")
    assert known_series(tmp_path / "l.parquet", incidents("7", "8")).table["incident"].tolist() == [
        "7",
        "8",
        None,
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("incident,series,suspect\na,1,x\n", "about persons"),
        ("incident,offender_id\na,1\n", "about persons"),
        ("incident,series,note\na,1,x\n", "incident and series, and no other"),
        ("incident\na\n", "incident and series, and no other"),
        ("incident,series\n", "0 rows"),
        ("incident,series\na," + "x" * 41 + "\n", "a name of 41 characters"),
        ("incident,series\na,1,2,3\n", "can't be read"),
        ("", "can't be read"),
    ],
)
def test_what_labels_may_not_hold(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        known_series(csv(tmp_path / "labels.csv", text), incidents("a"))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        known_series(tmp_path / "gone.csv", incidents("a"))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(DataError, match="can't be read"):
        known_series(tmp_path / "bad.parquet", incidents("a"))


def test_manner_of_others_is_not_kept(tmp_path: Path) -> None:
    text = "incident,entry,taken\na,door,12\nnowhere,window,90\nb,,3\n"
    path = csv(tmp_path / "manner.csv", text)
    found = manner_of(path, incidents("a", "b"), numeric=["taken"])
    assert found.loc[1].isna().all()
    assert found["entry"].tolist()[0] == "door"
    assert "window" not in found.to_csv()
    found.to_parquet(tmp_path / "manner.parquet", index=False)
    again = manner_of(tmp_path / "manner.parquet", incidents("a", "b"), numeric=["taken"])
    assert (
        again.astype(object)
        .where(again.notna(), None)
        .equals(found.astype(object).where(found.notna(), None))
    )
    with pytest.raises(UsageError, match="goods"):
        manner_of(path, incidents("a"), numeric=["goods"])
    with pytest.raises(DataError, match="codes of the manner"):
        manner_of(csv(tmp_path / "none.csv", "incident\na\n"), incidents("a"))
    with pytest.raises(DataError, match="about persons"):
        manner_of(csv(tmp_path / "who.csv", "incident,victim_age\na,12\n"), incidents("a"))


def test_what_records_tell_counts_as_manner_where_it_varies() -> None:
    one = ["house", "house", "shop", "shop"]
    found = recorded_manner(incidents(*"abcd", location_type=one))
    assert found is not None
    assert list(found.columns) == ["location_type"]
    assert found.index.tolist() == [*"abcd"]
    assert recorded_manner(incidents(*"abcd")) is None
    assert recorded_manner(incidents(*"abcd", location_type=["w", "x", "y", "z"])) is None, "no two alike"


def test_ids_that_two_sources_share_are_told_apart() -> None:
    every = incidents("1", "1", "2", source=["calls", "reports", "calls"])
    assert told_apart(every).frame["id"].tolist() == ["calls:1", "reports:1", "calls:2"]
    once = incidents("1", "2")
    assert told_apart(once) is once
