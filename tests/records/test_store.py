from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peelian.errors import CRSError, DataError, ResolutionError, UsageError
from peelian.records import FIELDS, IncidentStore, Staged, read_incidents

Row = dict[str, str]
Make = Callable[..., Row]
Write = Callable[..., Path]


class Keeper:
    """What a workspace does: keeps the list of visible files, and changes it after each import."""

    def __init__(self, root: Path, now: dt.datetime) -> None:
        self.root, self.now, self.files, self.n = root, now, set[str](), 0

    @property
    def store(self) -> IncidentStore:
        return IncidentStore(self.root, sorted(self.files))

    def put(self, path: Path, **options: Any) -> Staged:
        self.n += 1
        staged = self.store.stage(path, import_id=f"import-{self.n}", now=self.now, **options)
        assert set(staged.removed) <= self.files
        self.files = (self.files - set(staged.removed)) | set(staged.added)
        assert self.store.sweep() == tuple(sorted(staged.removed))
        return staged

    def ids(self) -> list[str]:
        return sorted(self.store.table().select("id").to_pandas()["id"])


@pytest.fixture
def keeper(tmp_path: Path, now: dt.datetime) -> Keeper:
    return Keeper(tmp_path / "records", now)


@pytest.fixture
def months(write_csv: Write, slmpd: Make) -> Path:
    """Six SLMPD rows over three months, one of them without a place."""
    rows = [
        slmpd(DateOccur=f"0{month}/14/2017 22:15", CodedMonth=f"2017-0{month}", Complaint=f"{month}{case}")
        for month in (1, 2, 3)
        for case in (1, 2)
    ]
    rows[5] |= {"XCoord": "", "YCoord": ""}
    return write_csv(rows, "months.csv")


def test_an_empty_store_works(keeper: Keeper) -> None:
    table = keeper.store.table()
    assert list(table.columns) == list(FIELDS)
    assert table.count().execute() == 0
    assert len(keeper.store.quarantine()) == 0
    assert keeper.store.sweep() == ()
    with pytest.raises(DataError, match="is empty"):
        keeper.store.load()
    known = IncidentStore(keeper.root, crs="EPSG:26915", zone="America/Chicago")
    assert len(known.load(category="theft", start="2017-01-01")) == 0


def test_nothing_is_seen_before_the_caller_says_so(keeper: Keeper, months: Path, now: dt.datetime) -> None:
    staged = keeper.store.stage(months, import_id="one", now=now)
    assert keeper.store.table().count().execute() == 0
    visible = IncidentStore(keeper.root, staged.added)
    assert visible.table().count().execute() == staged.report.stored == 5


def test_partitions_by_source_and_month(keeper: Keeper, months: Path) -> None:
    staged = keeper.put(months)
    assert staged.added == (
        "incidents/source=slmpd/month=2017-01/import-1.parquet",
        "incidents/source=slmpd/month=2017-02/import-1.parquet",
        "incidents/source=slmpd/month=2017-03/import-1.parquet",
        "quarantine/import-1.parquet",
    )
    assert staged.removed == ()
    first = pq.read_table(keeper.root / staged.added[0])
    assert first.column_names == list(FIELDS)
    assert first.num_rows == 2


def test_nothing_but_the_allow_list_is_on_disk(keeper: Keeper, write_csv: Write, slmpd: Make) -> None:
    rows = [
        slmpd(ILEADSStreet="SECRET ST"),
        slmpd(Complaint="2", LocationComment="SECRET NOTE", XCoord="SECRET"),
    ]
    keeper.put(write_csv(rows))
    data = b"".join(path.read_bytes() for path in keeper.root.rglob("*") if path.is_file())
    tables = [pq.read_table(path).to_pandas().to_csv() for path in keeper.root.rglob("*.parquet")]
    assert b"SECRET" not in data
    assert not any("SECRET" in text for text in tables)


def test_load_gives_back_what_reading_gave(keeper: Keeper, months: Path, now: dt.datetime) -> None:
    keeper.put(months)
    stored, read = keeper.store.load(), read_incidents(months, now=now).incidents
    assert (stored.crs, stored.zone) == (read.crs, read.zone)
    order = ["occurred_from", "source", "id"]
    pd.testing.assert_frame_equal(stored.frame, read.frame.sort_values(order).reset_index(drop=True))


def test_load_filters_as_where_does(keeper: Keeper, write_csv: Write, slmpd: Make) -> None:
    rows = [
        slmpd(
            Complaint=str(i),
            DateOccur=f"0{1 + i % 3}/1{i}/2017 10:15",
            Crime=crime,
            Description=f"KIND {crime}",
        )
        for i, crime in enumerate(["51112", "182400", "266510", "31111", "51112", "64220"], start=1)
    ]
    keeper.put(write_csv([row | {"CodedMonth": "2017-04"} for row in rows]))
    everything = keeper.store.load()
    for options in (
        {"category": "burglary"},
        {"category": ["kind 182400", "Robbery"]},
        {"officer_initiated": False},
        {"officer_initiated": True, "start": "2017-02-01"},
        {"start": "2017-01-12", "end": dt.date(2017, 3, 1)},
        {"category": "arson"},
    ):
        got, expected = keeper.store.load(**options), everything.where(**options)  # type: ignore[arg-type]
        pd.testing.assert_frame_equal(got.frame, expected.frame)
    assert len(keeper.store.load(sources=["slmpd"])) == 6
    assert len(keeper.store.load(sources=["chicago"])) == 0
    with pytest.raises(DataError, match="near: burglary"):
        keeper.store.load(category="burglery")


def test_load_of_month_only_records(keeper: Keeper, write_csv: Write, police_uk: Make) -> None:
    keeper.put(write_csv([police_uk()]))
    assert len(keeper.store.load(start="2022-05-01", end="2022-06-01")) == 1
    with pytest.raises(ResolutionError, match="inside a month"):
        keeper.store.load(start="2022-05-10")


def test_load_leaves_out_nullable_columns(keeper: Keeper, months: Path) -> None:
    keeper.put(months)
    frame = keeper.store.load(columns=["domestic"]).frame
    assert frame["reported"].isna().all()
    assert keeper.store.load().frame["reported"].notna().all()


def test_table_is_ibis(keeper: Keeper, months: Path) -> None:
    keeper.put(months)
    table = keeper.store.table()
    counted = table.group_by(month=table.occurred_from.truncate("M")).agg(n=table.count()).order_by("month")
    assert isinstance(table, ir.Table)
    assert counted.to_pandas()["n"].tolist() == [2, 2, 1]


# -- again and again --------------------------------------------------------------------------------------------------


def test_the_same_file_twice_stores_nothing_new(keeper: Keeper, months: Path) -> None:
    first = keeper.put(months)
    ids, set_aside = keeper.ids(), keeper.store.quarantine()
    second = keeper.put(months)
    assert (first.report.stored, second.report.stored, second.report.duplicates) == (5, 0, 5)
    assert second.added == second.removed == ()
    assert second.report.quarantined == 1
    assert keeper.ids() == ids
    pd.testing.assert_frame_equal(keeper.store.quarantine(), set_aside)


def test_identical_rows_are_kept_over_imports(keeper: Keeper, write_csv: Write, slmpd: Make) -> None:
    two, three = [slmpd()] * 2, [slmpd()] * 3
    assert keeper.put(write_csv(two, "two.csv")).report.stored == 2
    again = keeper.put(write_csv(three, "three.csv")).report
    assert (again.stored, again.duplicates) == (1, 2)
    assert keeper.put(write_csv(two, "two.csv")).report.stored == 0
    assert len(keeper.ids()) == 3


def test_overlapping_exports(keeper: Keeper, write_csv: Write, chicago: Make) -> None:
    keeper.put(write_csv([chicago(ID=str(i)) for i in range(1, 6)], "old.csv"))
    rows = [chicago(ID=str(i)) for i in range(3, 9)]
    rows[0] |= {"Primary Type": "ROBBERY"}
    report = keeper.put(write_csv(rows, "new.csv")).report
    assert (report.stored, report.duplicates, report.revised) == (3, 3, 1)
    loaded = keeper.store.load().frame.set_index("id")
    assert loaded.loc["3", "label"] == "THEFT"  # as first stored


def test_a_correction_in_a_later_file(keeper: Keeper, months: Path, write_csv: Write, slmpd: Make) -> None:
    keeper.put(months)
    before = keeper.ids()
    fix = slmpd(
        DateOccur="02/14/2017 22:15", CodedMonth="2017-06", Complaint="21", Count="-1", XCoord="", YCoord=""
    )
    path = write_csv([fix, slmpd(DateOccur="06/01/2017 10:10", CodedMonth="2017-06")], "june.csv")
    staged = keeper.put(path)
    report = staged.report
    assert (report.rows_in, report.stored, report.corrections, report.cancelled_earlier) == (2, 1, 1, 1)
    assert staged.removed == ("incidents/source=slmpd/month=2017-02/import-1.parquet",)
    assert "incidents/source=slmpd/month=2017-02/import-2~0.parquet" in staged.added
    assert len(set(before) - set(keeper.ids())) == 1
    # Neither file brings the row back.
    for again in (path, months):
        report = keeper.put(again).report
        assert (report.stored, report.corrections, report.cancelled_earlier) == (0, 0, 0)
    assert len(keeper.ids()) == 5


def test_a_partition_that_loses_its_last_row_is_taken_off(
    keeper: Keeper, write_csv: Write, slmpd: Make
) -> None:
    keeper.put(write_csv([slmpd()], "a.csv"))
    staged = keeper.put(write_csv([slmpd(Count="-1", CodedMonth="2017-06")], "b.csv"))
    assert staged.removed == ("incidents/source=slmpd/month=2017-03/import-1.parquet",)
    kept = "superseded/source=slmpd/month=2017-03/import-1.parquet"
    assert staged.added == ("cancelled/source=slmpd/import-2.parquet", kept)
    assert pq.read_table(keeper.root / kept).num_rows == 1, "what was computed from it can be made again"
    assert keeper.store.table().count().execute() == 0


def test_corrections_within_a_file_stay_corrected(keeper: Keeper, write_csv: Write, slmpd: Make) -> None:
    path = write_csv([slmpd(), slmpd(Complaint="2"), slmpd(Count="-1")])
    assert keeper.put(path).report.corrections == 2
    again = keeper.put(path).report
    assert (again.stored, again.duplicates, again.corrections) == (0, 3, 0)


def test_corrections_do_not_reach_over_sources(
    keeper: Keeper, write_csv: Write, slmpd: Make, chicago: Make
) -> None:
    keeper.put(write_csv([chicago()], "chicago.csv"), crs="EPSG:26916")
    report = keeper.put(write_csv([slmpd(Count="-1")], "slmpd.csv")).report
    assert report.quarantined_by_reason == {"correction_without_row": 1}
    assert len(keeper.ids()) == 1


def test_an_id_that_one_source_cancelled_is_another_s_own(
    keeper: Keeper, write_csv: Write, slmpd: Make, chicago: Make
) -> None:
    keeper.put(write_csv([slmpd()], "a.csv"))
    keeper.put(write_csv([slmpd(Count="-1", CodedMonth="2017-06")], "b.csv"))
    (name,) = (name for name in keeper.files if name.startswith("cancelled/"))
    gone = pq.read_table(keeper.root / name)["id"].to_pylist()
    assert len(gone) == 2
    same = write_csv([chicago(ID=gone[0], **{"X Coordinate": "1168000"})], "chicago.csv")
    report = keeper.put(same, crs="ESRI:102696").report
    assert report.duplicates == 0


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.lists(st.tuples(st.sampled_from(["1", "2"]), st.sampled_from(["1", "1", "-1"])), max_size=4),
        min_size=1,
        max_size=3,
    )
)
def test_importing_all_again_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    write_csv: Write,
    slmpd: Make,
    now: dt.datetime,
    batches: list[list[tuple[str, str]]],
) -> None:
    """Whatever files came in whatever order, a second round of each stores nothing that the first did not."""
    keeper = Keeper(tmp_path_factory.mktemp("store"), now)
    paths = []
    for i, batch in enumerate(batches):
        rows = [slmpd(Complaint=case, Count=count, CodedMonth=f"2017-0{i + 4}") for case, count in batch]
        paths.append(write_csv(rows, f"{i}.csv", header=list(slmpd())))
        keeper.put(paths[-1])
    ids = keeper.ids()
    last = keeper.put(paths[-1]).report
    assert last.stored == 0
    assert keeper.ids() == ids


def calls(path: Path, n: int, **columns: object) -> Path:
    """Calls with the ids 1 to n, a quarter of an hour apart."""
    frame = pd.DataFrame({"no": range(1, n + 1), "kind": "Burglary", "x": 740_000, "y": 4_280_000})
    frame["when"] = pd.date_range("2017-05-01 10:00", periods=n, freq="15min").astype("str")
    frame.assign(**columns).to_csv(path, index=False)
    return path


CALLS: dict[str, Any] = {
    "mapping": {"id": "no", "occurred_from": "when", "category": "kind", "x": "x", "y": "y"},
    "crs": "EPSG:26915",
    "zone": "America/Chicago",
}


def test_maps_of_two_names_have_ids_of_their_own(keeper: Keeper, tmp_path: Path) -> None:
    first, second = calls(tmp_path / "a.csv", 6), calls(tmp_path / "b.csv", 6, kind="Robbery")
    assert keeper.put(first, source="calls", **CALLS).report.stored == 6
    report = keeper.put(second, source="reports", **CALLS).report
    assert (report.source, report.stored, report.duplicates) == ("reports", 6, 0)
    assert report.warnings == []
    again = keeper.put(first, source="calls", **CALLS).report
    assert (again.stored, again.duplicates, again.warnings) == (0, 6, [])


def test_ids_that_another_file_used_are_warned_of(keeper: Keeper, tmp_path: Path) -> None:
    keeper.put(calls(tmp_path / "a.csv", 20), **CALLS)
    one = calls(tmp_path / "b.csv", 20, kind=["Robbery"] + ["Burglary"] * 19)
    report = keeper.put(one, **CALLS).report
    assert (report.duplicates, report.revised, len(report.warnings)) == (20, 1, 1)
    assert "1 rows have the id of a row that came before" in report.warnings[0]
    assert "came first was kept" in report.warnings[0]
    report = keeper.put(calls(tmp_path / "c.csv", 20, kind="Robbery"), **CALLS).report
    assert (report.duplicates, report.revised) == (20, 20)
    assert "20 of 20 duplicates differ" in report.warnings[1]
    assert set(keeper.store.load().frame["label"]) == {"Burglary"}


def test_a_label_that_is_rare_in_one_of_two_files_revises_nothing(
    keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("peelian.records.pipeline.SOME", 0)
    options: dict[str, Any] = CALLS | {"mapping": CALLS["mapping"] | {"location_type": "at"}}
    keeper.put(calls(tmp_path / "a.csv", 4, kind="Boat", at="Quay"), **options)
    report = keeper.put(calls(tmp_path / "b.csv", 6, kind="Boat", at="Quay"), **options).report
    assert (report.stored, report.duplicates, report.revised, report.warnings) == (2, 4, 0, [])
    loaded = keeper.store.load().frame
    assert loaded["label"].tolist() == ["rare label"] * 4 + ["Boat"] * 2
    report = keeper.put(calls(tmp_path / "c.csv", 6, kind="Ship", at="Quay"), **options).report
    assert (report.duplicates, report.revised) == (6, 2)


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("import_id", ["", "../up", "a b", "x~1", "a" * 81])
def test_an_import_id_is_a_word(keeper: Keeper, months: Path, import_id: str) -> None:
    with pytest.raises(UsageError, match="import id"):
        keeper.store.stage(months, import_id=import_id)


def test_an_import_id_is_used_once(keeper: Keeper, months: Path) -> None:
    keeper.put(months)
    with pytest.raises(UsageError, match="taken"):
        keeper.store.stage(months, import_id="import-1")


def test_one_crs_and_one_zone_in_a_store(
    keeper: Keeper, months: Path, write_csv: Write, police_uk: Make
) -> None:
    keeper.put(months)
    with pytest.raises(CRSError, match="the store is in ESRI:102696"):
        keeper.store.stage(months, import_id="x", crs="EPSG:26915")
    with pytest.raises(DataError, match="time zone Europe/London"):
        keeper.store.stage(write_csv([police_uk()]), import_id="x")


def test_a_second_source_is_projected_to_the_store(
    keeper: Keeper, write_csv: Write, slmpd: Make, chicago: Make
) -> None:
    keeper.put(write_csv([slmpd()], "a.csv"), crs="EPSG:26915")
    assert keeper.store.crs == "EPSG:26915"
    rows = pd.DataFrame({"when": ["2017-05-01 10:10"], "lon": [-90.2], "lat": [38.6]})
    rows.to_csv(keeper.root.parent / "c.csv", index=False)
    keeper.put(
        keeper.root.parent / "c.csv",
        mapping={"occurred_from": "when", "x": "lon", "y": "lat"},
        source="calls",
    )
    frame = keeper.store.load().frame
    assert set(frame["source"]) == {"slmpd", "calls"}
    assert frame["x"].between(700_000, 760_000).all()


def test_a_visible_file_that_is_gone_is_named(keeper: Keeper, months: Path) -> None:
    staged = keeper.put(months)
    (keeper.root / staged.added[0]).unlink()
    with pytest.raises(DataError, match="import-1.parquet can't be read"):
        keeper.store.load()


def test_an_import_that_fails_leaves_nothing(keeper: Keeper, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError):
        keeper.store.stage(tmp_path / "bad.csv", import_id="x")
    assert [path for path in keeper.root.rglob("*") if path.is_file()] == []


def test_sweep_removes_only_what_is_not_visible(keeper: Keeper, months: Path, now: dt.datetime) -> None:
    keeper.put(months)
    kept = sorted(keeper.files)
    orphan = keeper.store.stage(months.with_name("months.csv"), import_id="again", now=now)
    assert orphan.added == ()
    stray = keeper.root / "incidents/source=slmpd/month=2017-01/killed.parquet"
    stray.write_bytes(b"half")
    (keeper.root / ".staging/killed").mkdir(parents=True)
    (keeper.root / ".staging/killed/writing.parquet").write_bytes(b"half")
    (keeper.root / "README").write_text("not ours")
    assert keeper.store.sweep() == (
        ".staging/killed/writing.parquet",
        "incidents/source=slmpd/month=2017-01/killed.parquet",
    )
    assert sorted(p.relative_to(keeper.root).as_posix() for p in keeper.root.rglob("*.parquet")) == kept
    assert (keeper.root / "README").exists()
    assert not (keeper.root / ".staging").exists() or not any((keeper.root / ".staging").iterdir())


def test_odd_folder_names(
    tmp_path: Path, months: Path, write_csv: Write, slmpd: Make, now: dt.datetime
) -> None:
    keeper = Keeper(tmp_path / "it's [a] *folder?", now)
    keeper.put(months)
    assert len(keeper.store.load()) == 5
    fix = slmpd(DateOccur="01/14/2017 22:15", CodedMonth="2017-06", Complaint="11", Count="-1")
    assert keeper.put(write_csv([fix])).report.cancelled_earlier == 1
    assert len(keeper.store.load()) == 4


# -- kill -9 ----------------------------------------------------------------------------------------------------------

KILLED = """
    import datetime, os, signal, sys
    from peelian.records import IncidentStore

    root, path, step, nth, *files = sys.argv[1:]
    seen = 0

    def progress(name, share):
        global seen
        seen += name == step
        if seen == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)

    store = IncidentStore(root, files)
    now = datetime.datetime(2023, 1, 1)
    store.stage(path, import_id="killed", now=now, progress=progress)
    print("not killed")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(("step", "nth"), [("checking", 1), ("writing", 1), ("writing", 3), ("done", 1)])
def test_kill_9_in_the_middle_of_an_import(
    keeper: Keeper, write_csv: Write, slmpd: Make, months: Path, step: str, nth: int
) -> None:
    keeper.put(
        write_csv([slmpd(Complaint="21", DateOccur="02/14/2017 22:15", CodedMonth="2017-02")], "first.csv")
    )
    before, ids = keeper.store.files, keeper.ids()
    arguments = [str(keeper.root), str(months), step, str(nth), *before]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert keeper.ids() == ids
    keeper.store.sweep()
    on_disk = {p.relative_to(keeper.root).as_posix() for p in keeper.root.rglob("*") if p.is_file()}
    assert on_disk == set(before)
    report = keeper.put(months).report
    assert (report.stored, report.duplicates, report.quarantined) == (4, 1, 1)
    assert len(keeper.ids()) == 5


def test_what_is_swept_is_overwritten_first(tmp_path: Path) -> None:
    left = tmp_path / "store" / "incidents" / "source=a" / "month=2024-01" / "dead.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"an incident")
    other = tmp_path / "same-bytes"
    other.hardlink_to(left)
    assert IncidentStore(tmp_path / "store").sweep() == ("incidents/source=a/month=2024-01/dead.parquet",)
    assert other.read_bytes() == bytes(len(b"an incident"))
