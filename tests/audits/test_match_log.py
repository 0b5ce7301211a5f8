"""What a log of face matching may hold: listed fields, and nothing that tells who somebody is."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from peelian.audits.match_fields import ALERTS, DEPLOYMENTS, PROBES, WATCH_LIST
from peelian.audits.match_log import MatchLog, match_log, read_match_log
from peelian.errors import DataError, UsageError

from .match_logs import made_up

HASH = "9f86d081884c7d659a2feaa0c55ad015"


def alerts(**columns: list[object]) -> pd.DataFrame:
    n = len(next(iter(columns.values()), [0, 0]))
    base = {"deployment": ["D1"] * n, "truth": ["false"] * n}
    return pd.DataFrame({**base, **columns})


def refused(table: pd.DataFrame, *, never: str, **others: pd.DataFrame) -> str:
    with pytest.raises(DataError) as no:
        match_log(table, **others)
    told = f"{no.value.message} {no.value.hint}"
    assert never.lower() not in told.lower()
    assert no.value.__cause__ is None
    assert no.value.__suppress_context__ or no.value.__context__ is None
    return no.value.message


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ("image", "'image'"),
        ("PhotoPath", "'photo'"),
        ("best_frame_crop", "'crop'"),
        ("embedding", "face template"),
        ("FaceTemplate", "face template"),
        ("feature_vector", "face template"),
        *(
            (name, "tell who somebody is")
            for name in ("full_name", "Surname", "date_of_birth", "DOB", "plate")
        ),
        *(
            (name, "tell who somebody is")
            for name in ("twitter_handle", "suspect_id", "Victoria", "suspectada")
        ),
        ("notes", "no field of such a log"),
        ("camera", "no field of such a log"),
    ],
)
def test_columns_that_are_not_listed_are_refused_with_the_file(column: str, why: str) -> None:
    told = refused(alerts(**{column: ["q7z", "q8z"]}), never="q7z")
    assert why in told, told
    assert "column 3" in told
    assert "suspectada" not in told.lower()  # of a file without a header the first row stands there
    assert "victoria" not in told.lower()


def test_a_header_that_is_a_row_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("Zebediah Quillfeather,1999-01-02\nAnna,1980-02-03\n")
    with pytest.raises(DataError) as no:
        read_match_log(path)
    assert "Quillfeather" not in str(no.value)
    assert "column 1 of the file of alerts" in no.value.message


def test_what_a_file_is_called_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "Zebediah Quillfeather.jpg"
    for content in (b"\xff\xd8\xff\xe0", b"deployment,truth,photo\nD1,false,1\n", b"", b"PAR1 no", None):
        path.unlink() if content is None else path.write_bytes(content)
        with pytest.raises((DataError, UsageError)) as no:
            read_match_log(path)
        assert "Quillfeather" not in f"{no.value.message} {no.value.hint}"


def test_near_names_are_offered() -> None:
    assert "is it reviewer?" in refused(alerts(reviewr=["R1", "R2"]), never="R1")


JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(range(60))).decode()
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(60))).decode()


@pytest.mark.parametrize(
    "column", ["token", "group", "list_category", "reviewer", "truth", "followed", "deployment"]
)
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("crops/0001.jpg", "an image"),
        ("data:image/png;base64,AAAA", "an image"),
        (JPEG, "an image"),
        (PNG, "an image"),
        ("b'\\xff\\xd8\\xff'", "an image"),
        ("https://example.org/x", "an address of a file"),
        ("/srv/faces/17", "an address of a file"),
        ("[0.11, -0.52, 0.9]", "a face template"),
        ("0.11 -0.52 0.9 1e-3 0.2", "a face template"),
        ("0.11;0.52;0.9;0.3", "a face template"),
        ("someone@example.org", "an account"),
        ("@someone", "an account"),
    ],
)
def test_values_that_are_images_templates_or_accounts_are_refused(column: str, value: str, why: str) -> None:
    told = refused(alerts(**{column: ["1", value]}), never=value)
    assert why in told
    assert f"column {column}" in told


@pytest.mark.parametrize(
    ("column", "values", "why"),
    [
        ("token", ["Ada", "Ada"], "no opaque token"),
        ("token", ["John Smith", "1"], "no opaque token"),
        ("token", ["AB12 CDE", "1"], "no opaque token"),
        ("token", ["0041791234567", "1"], "no opaque token"),
        ("token", ["19800131", "19750228"], "no opaque token"),
        ("token", ["310180", "280275", "010190", "120694"], "dates of birth"),
        ("token", ["f" * 300, "1"], "too long"),
        ("reviewer", ["Smith", "Jones"], "may be a name"),
        ("reviewer", ["PC 1234", "PC 99"], "may be a name"),
        ("deployment", ["Oxford Circus", "D1"], "may be a name"),
        ("group", ["1980-01-31", "black"], "a date"),
        ("group", ["31/01/1980", "black"], "a date"),
        ("group", ["31 Jan 1980", "black"], "a date"),
        ("list_category", ["AB12 CDE", "wanted"], "a plate"),
        ("list_category", ["7ABC123", "wanted"], "a plate"),
        ("list_category", ["x" * 60, "wanted"], "too long"),
        ("age_band", ["34", "27"], "exact ages"),
        ("age_band", ["1980-01-31", "18-24"], "a date"),
        ("age_band", ["Zebediah", "18-24"], "no band of age"),
        ("sex", ["Zebediah", "female"], "no sex"),
        ("day", ["2024-01-31 Quillfeather", "2024-02-01"], "no day"),
        ("day", ["1980-01-31", "2024-02-01"], "perhaps of birth"),
        ("score", ["41791234567", "0.7"], "under 100,000"),
        ("threshold", ["19800131", "0.7"], "under 100,000"),
    ],
)
def test_names_dates_plates_and_ages_are_refused(column: str, values: list[object], why: str) -> None:
    assert why in refused(alerts(**{column: values}), never=str(values[0]))


def test_a_category_that_differs_from_row_to_row_may_be_names() -> None:
    names = [f"{a}{b}" for a in ("ann", "bert", "carl", "dora") for b in ("a", "o", "u")]
    assert "may be names" in refused(alerts(list_category=names), never="carlo")


def test_two_words_that_no_two_alerts_share_may_be_names() -> None:
    named = pd.DataFrame({"deployment": "D1", "truth": "true", "group": ["Zebediah Quill", "Ann Other", "x"]})
    with pytest.raises(DataError, match="as names do") as no:
        match_log(named)
    assert "Quill" not in str(no.value) + str(no.value.hint)
    shared = pd.concat([named.assign(group="Black African"), named.assign(group="White British")])
    assert match_log(shared).attributes == ("group",)
    # A row of the watch list is of many: its categories need no second one.
    listed = pd.DataFrame(
        {"deployment": "D1", "list_category": ["wanted by court", "missing child"], "entries": 9}
    )
    assert len(match_log(shared, watch_list=listed).watch_list) == 2


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "alerts.csv"
    path.write_text("\n")
    with pytest.raises(DataError, match="is empty; expected a line of column names"):
        read_match_log(path)


def test_bytes_and_lists_are_refused_before_they_are_looked_at(tmp_path: Path) -> None:
    for cell in (b"\xff\xd8\xff", [0.1, 0.2], np.zeros(4), {"a": 1}):
        assert "bytes, lists or objects" in refused(alerts(token=["1", cell]), never="0.1")
    assert "bytes, lists or objects" in refused(alerts(group=pd.Categorical([b"Ada", b"Ada"])), never="Ada")
    encoded = pa.array([b"Ada"]).dictionary_encode()
    cells = ([[0.1, 0.2]], [b"\xff\xd8"], [{"a": 1}], encoded, pa.array([b"Ada"]).cast(pa.binary_view()))
    for column in cells:
        path = tmp_path / "log.parquet"
        pq.write_table(pa.table({"deployment": ["D1"], "truth": ["false"], "group": column}), path)
        with pytest.raises(DataError, match="column 3"):
            read_match_log(path)
    assert "no opaque token" in refused(alerts(token=[1e300, 2.0]), never="1e300")


@pytest.mark.parametrize(
    "begin", [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n", b"PK\x03\x04", b"\x93NUMPY", b"abc\x00def"]
)
def test_a_file_that_is_an_image_or_an_archive_is_refused(tmp_path: Path, begin: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(begin + b"deployment,truth\nD1,false\n")
    with pytest.raises(DataError, match="an image, an archive"):
        read_match_log(path)


def test_files_that_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_match_log(tmp_path / "none.csv")
    path = tmp_path / "log.csv"
    path.write_text("deployment,truth\nD1,false,Quillfeather\n")
    with pytest.raises(DataError, match="more cells") as no:
        read_match_log(path)
    assert "Quillfeather" not in str(no.value)
    bad = tmp_path / "log.parquet"
    bad.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match="Parquet"):
        read_match_log(bad)


def test_nothing_that_was_given_to_tell_people_apart_is_kept() -> None:
    given = alerts(
        token=[HASH, HASH, "17"], reviewer=["R7", "R3", "R7"], second_reviewer=["R3", "", "R7"]
    ).assign(day="2024-05-06T23:59:59", deployment=["X9", "X2", "X9"])
    log = match_log(given)
    assert log.alerts["token"].tolist() == [1, 1, 2]
    assert log.alerts["reviewer"].tolist() == [1, 2, 1]
    assert log.alerts["second_reviewer"].astype(object).where(
        log.alerts["second_reviewer"].notna(), 0
    ).tolist() == [2, 0, 1]
    assert log.alerts["deployment"].tolist() == [1, 2, 1]
    assert set(log.alerts["day"]) == {"2024-05-06"}
    for value in (HASH, "R7", "X9", "23:59"):
        assert value not in log.alerts.to_csv()


def test_of_a_score_only_what_is_asked_of_it_is_kept() -> None:
    log = match_log(alerts(score=[0.612345, 0.7, "", 0.61], threshold=[0.65, 0.65, 0.65, ""]))
    assert log.alerts["under_threshold"].tolist() == ["yes", "no", "unknown", "unknown"]
    assert "612345" not in log.alerts.to_csv()
    with pytest.raises(DataError, match="both score and under_threshold"):
        match_log(alerts(score=[0.6, 0.7], under_threshold=["yes", "no"]))


def test_reading_again_what_was_kept_gives_the_same(tmp_path: Path) -> None:
    tables = made_up(3, deployments=4, no_group=0.1)
    paths = {}
    for name, table in tables.items():
        paths[name] = tmp_path / f"{name}.csv"
        table.to_csv(paths[name], index=False)
    once = read_match_log(paths.pop("alerts"), **paths)
    again = {}
    for name, table in once.tables().items():
        again[name] = tmp_path / f"{name}.parquet"
        table.to_parquet(again[name])
    twice = read_match_log(again.pop("alerts"), **again)
    assert once.attributes == ("group", "sex")
    for name, table in once.tables().items():
        pd.testing.assert_frame_equal(table, getattr(twice, name), check_dtype=False)
    assert isinstance(match_log(tables["alerts"]), MatchLog)


def test_words_for_the_same_are_read_as_the_same() -> None:
    given = alerts(
        probe=[True, 0, "yes", ""],
        truth=["TRUE", "no", "unknown", ""],
        decision=["No match", "", "match", "unsure"],
    )
    log = match_log(given.assign(group=["Black ", "black", "White", ""]))
    assert log.alerts["probe"].tolist() == ["yes", "no", "yes", "no"]
    assert log.alerts["truth"].tolist() == ["true", "false", "unknown", "unknown"]
    assert log.alerts["decision"].tolist() == ["no_match", "", "match", "unsure"]
    assert log.alerts["group"].tolist() == ["black", "black", "white", ""]


@pytest.mark.parametrize(
    ("table", "others", "why"),
    [
        (alerts(truth=["maybe", "false"]), {}, "truth"),
        (alerts(day=["06/05/2024", "x"]), {}, "YYYY-MM-DD"),
        (alerts(score=["high", "0.7"]), {}, "numbers"),
        (alerts(deployment=["", "D1"]), {}, "empty"),
        (alerts().drop(columns="truth"), {}, "no column truth"),
        (alerts(), {"deployments": pd.DataFrame({"deployment": ["D2"], "seen": [5]})}, "no row of"),
        (
            alerts(),
            {"deployments": pd.DataFrame({"deployment": ["D1"], "seen": [1]})},
            "more alerts than faces",
        ),
        (alerts(), {"deployments": pd.DataFrame({"deployment": ["D1"] * 2, "seen": [9, 9]})}, "already"),
        (alerts(), {"deployments": pd.DataFrame({"deployment": ["D1"], "seen": [-4]})}, "whole numbers"),
        (
            alerts(),
            {"deployments": pd.DataFrame({"deployment": ["D1"], "seen": [9], "not_acquired": [10]})},
            "not acquired",
        ),
        (
            alerts(),
            {"probes": pd.DataFrame({"deployment": ["D1"], "found": ["yes"], "acquired": ["no"]})},
            "found",
        ),
        (alerts(), {"probes": pd.DataFrame({"deployment": ["D1"], "found": [""]})}, "expected yes or no"),
    ],
)
def test_tables_that_contradict_themselves_are_refused(
    table: pd.DataFrame, others: dict[str, pd.DataFrame], why: str
) -> None:
    with pytest.raises(DataError, match=why):
        match_log(table, **others)


def test_no_field_tells_who_somebody_is() -> None:
    every = [field for table in (ALERTS, DEPLOYMENTS, PROBES, WATCH_LIST) for field in table]
    assert all(field.meaning for field in every)
    assert {field.kind for field in every} <= {"day", "code", "token", "group", "number", "count", "choice"}
    assert not {"name", "image", "template", "text"} & {field.name for field in every}
