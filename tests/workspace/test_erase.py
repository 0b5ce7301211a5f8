"""An erased record is in no byte of any file: not of the workspace, not of a backup, whenever the process died."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pandas as pd
import pytest

from peelian.errors import RefusedError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.backup import backup
from peelian.workspace.backups import backups
from peelian.workspace.erase import erase
from peelian.workspace.hold import hold, release
from peelian.workspace.import_ import import_records
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.quality import quality
from peelian.workspace.restore import restore
from peelian.workspace.state import DecisionRow
from peelian.workspace.traces import MARK

from .dying import dying
from .keeping import MAP, WHY, case, holding, ident, made

ONE, OTHER, ASIDE = ident(5), ident(17), ident(900)
SECRET = "found behind the blue shed"


def plant(folder: Path) -> None:
    """The ids in every place that a person or a program can put them: pages, tables, reasons, caches, leftovers."""
    workspace = Workspace(folder)
    quality(workspace)
    with workspace.writing():
        run = workspace.new_run("note")
        workspace.commit(
            run,
            {"said": f"see {ONE} and {OTHER}", "ids": [ONE, 3]},
            tables={"ids": pd.DataFrame({"id": [ONE, OTHER, "plain"], "n": [1, 2, 3]})},
            pages={"note.html": f"<p>{ONE}: {SECRET}</p><p>{OTHER}</p>"},
        )
    hold(Workspace(folder, role="overseer"), reason=f"a complaint about {ONE}", last="1999-12-31")
    for name in ("cache/trials/a", "records/.staging/b", "runs/.left-0001/c"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(ONE.encode())
    (folder / "public" / "index.html").write_text(f"<p>{ONE}</p>", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, state_url: str) -> Path:
    """Planted; a test that takes this runs on SQLite and on PostgreSQL."""
    plant(made(tmp_path / "city", state_url))
    return tmp_path / "city"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return made(tmp_path / "city")


def steward(folder: Path) -> Workspace:
    return Workspace(folder, role="steward")


def stored(folder: Path) -> set[str]:
    return set(Workspace(folder).store.table().id.to_pyarrow().to_pylist())


def test_it_is_in_no_byte_of_any_file(folder: Path, tmp_path: Path) -> None:
    backup(steward(folder), tmp_path / "one.backup")
    assert len(holding(ONE, folder, tmp_path / "one.backup")) > 10
    assert len(holding(SECRET, folder, tmp_path / "one.backup")) == 2
    done = erase(steward(folder), [ONE], reason=WHY, canaries=[SECRET]).result
    assert holding(ONE, tmp_path) == holding(SECRET, tmp_path) == []
    assert holding(ONE, tmp_path / "one.backup") == holding(SECRET, tmp_path / "one.backup") == []
    assert (done["records"], done["record_files"], done["left"]) == (1, 1, 0)
    assert done["searched"]["found"] == []
    assert done["searched"]["files"] > 30
    assert done["searched"]["backups"] == 1
    assert done["backups_changed"] == ["backup-0006"]
    # and nothing else is gone
    assert stored(folder) == {ident(i) for i in range(60)} - {ONE}
    assert len(holding(OTHER, folder)) >= 3
    assert (
        json.loads((folder / "runs/note-0004/result.json").read_text())["said"] == f"see {MARK} and {OTHER}"
    )
    assert pd.read_parquet(folder / "runs/note-0004/ids.parquet")["id"].tolist() == [MARK, OTHER, "plain"]
    assert not (folder / "cache").exists()
    assert verify_ledger(Workspace(folder))["status"] == "verified"


def test_a_backup_without_it_is_a_backup_still(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.backup"
    backup(steward(folder), path)
    before = restore(path, tmp_path / "before", state_url="sqlite:///state.db").result
    done = erase(steward(folder), [ONE], reason=WHY, canaries=[SECRET])
    back = restore(path, tmp_path / "after", state_url="sqlite:///state.db").result
    assert back["erased_since"] == [done.run]
    assert back["root"] == before["root"]
    assert stored(tmp_path / "after") == stored(tmp_path / "before") - {ONE}
    assert [one["state"] for one in backups(Workspace(folder))] == ["there"]
    assert path.stat().st_mode & 0o777 == 0o600
    # Twice, and with a second one that was made in between.
    backup(steward(folder), tmp_path / "two.backup")
    again = erase(steward(folder), [OTHER], reason=WHY).result
    assert again["left"] == 0
    assert sorted(again["backups_changed"]) == [one["run"] for one in backups(Workspace(folder))]
    for name in ("one", "two"):
        restore(tmp_path / f"{name}.backup", tmp_path / name, state_url="sqlite:///state.db")
        assert stored(tmp_path / name) == {ident(i) for i in range(60)} - {ONE, OTHER}
    (tmp_path / "before").rename(tmp_path / "hidden")
    assert holding(OTHER, folder, path, tmp_path / "two.backup", tmp_path / "one", tmp_path / "two") == []


def test_a_list_in_a_backup_without_its_proof_is_not_believed(small: Path, tmp_path: Path) -> None:
    backup(steward(small), tmp_path / "one.backup")
    done = erase(steward(small), [ONE], reason=WHY)
    restore(tmp_path / "one.backup", tmp_path / "again")
    listed = tmp_path / "again" / "erased" / f"{done.run}.json"
    listed.write_text(listed.read_text().replace("null", '"x"') + " ")
    with pytest.raises(Exception, match="isn't the list that entry"):
        verify_ledger(Workspace(tmp_path / "again"))
    listed.with_suffix(".tlog-proof").unlink()
    with pytest.raises(Exception, match="has no proof beside it"):
        verify_ledger(Workspace(tmp_path / "again"))
    listed.unlink()
    with pytest.raises(Exception, match="are not those that the ledger holds"):
        verify_ledger(Workspace(tmp_path / "again"))


def test_what_the_ledger_learns_is_how_many(small: Path) -> None:
    before = Workspace(small).data_version
    quality(Workspace(small))
    done = erase(steward(small), [ONE, OTHER], reason=WHY)
    erased, searched = entries(Workspace(small), last=2)
    details = erased["details"]
    assert (details["act"], details["record_files"], details["data_version_before"]) == ("erased", 1, before)
    assert details["records"] in (2, "<5")  # few may be told as few
    assert searched["details"]["left"] == 0
    assert erased["details"]["data_version"] == Workspace(small).data_version != before
    assert done.result["made_from"] == ["quality-0003"]
    # Each later result says which data it was made from.
    later = quality(Workspace(small)).result["origin"]["data_version"]
    assert later == Workspace(small).data_version


def test_a_row_that_was_set_aside_goes_too(small: Path) -> None:
    assert holding(ASIDE, small) != []
    done = erase(steward(small), [ASIDE], reason=WHY).result
    assert (done["records"], done["set_aside"], done["left"]) == (0, 1, 0)
    assert holding(ASIDE, small) == []
    assert len(Workspace(small).store.quarantine()) == 0
    assert verify_ledger(Workspace(small))["status"] == "verified"


SLMPD = "Complaint,CodedMonth,DateOccur,FlagCrime,FlagUnfounded,FlagAdministrative,Count,FlagCleanup,Crime,District"
SLMPD += (
    ",Description,ILEADSAddress,ILEADSStreet,Neighborhood,LocationName,LocationComment,CADAddress,CADStreet"
)
SLMPD += ",XCoord,YCoord"


def complaint(number: str, count: int) -> str:
    unfounded = "Y" if count < 0 else ""
    return (
        f"{number},2017-03,03/14/2017 22:15,Y,{unfounded},,{count},,51112,1,BURGLARY-RESIDENCE/DAY,1,GRAVOIS AVE"
        ",1,,,,,890900,1005700"
    )


def test_the_id_of_a_record_that_was_cancelled_goes_too(tmp_path: Path) -> None:
    made(tmp_path / "city")
    for number, lines in enumerate(([("17-0123456", 1), ("17-0123457", 1)], [("17-0123456", -1)])):
        path = tmp_path / f"{number}.csv"
        path.write_text("\n".join([SLMPD, *(complaint(*line) for line in lines)]) + "\n", encoding="utf-8")
        import_records(Workspace(tmp_path / "city"), path)
        path.unlink()
    store = Workspace(tmp_path / "city").store
    (path,) = [store.root / name for name in store.files if name.startswith("cancelled/")]
    gone = sorted(pd.read_parquet(path)["id"])
    assert len(gone) == 2  # of the row, and of its correction
    done = erase(steward(tmp_path / "city"), gone[:1], reason=WHY).result
    assert (done["records"], done["cancelled"], done["source"], done["left"]) == (0, 1, "slmpd", 0)
    assert holding(gone[0], tmp_path) == []
    assert len(holding(gone[1], tmp_path)) >= 2  # as it lies, and decompressed


def test_a_decision_that_names_it_is_told_without_it(small: Path) -> None:
    workspace = Workspace(small)
    with workspace.writing():
        run = workspace.new_run("note")
        told = {"reason": f"because of {ONE}"}
        workspace.commit(run, {"decision": told}, decision=told, subject="x")
    done = erase(steward(small), [ONE], reason=WHY).result
    (row,) = Workspace(small).state.rows(DecisionRow)
    assert json.loads(row["body"]) == {"reason": f"because of {MARK}"}
    assert Workspace(small).result(run) == {"decision": json.loads(row["body"])}
    assert done["left"] == 0
    assert holding(ONE, small) == []


def test_what_can_not_be_taken_away_is_told(small: Path, tmp_path: Path) -> None:
    workspace = Workspace(small)
    sealed = workspace.seals.seal(f"my car, {ONE}, was never found")
    (small / "notes.txt").write_text(ONE)
    with workspace.writing():
        workspace.commit(workspace.new_run("note"), {}, details={"label": ONE})
    away, broken = tmp_path / "away.backup", tmp_path / "broken.backup"
    for path in (away, broken):
        backup(steward(small), path)
    away.rename(tmp_path / "elsewhere")
    broken.write_bytes(broken.read_bytes()[:-9])
    done = erase(steward(small), [ONE], reason=WHY).result
    found = {one["file"] for one in done["searched"]["found"]}
    assert {f"sealed/{sealed} (its text)", "notes.txt", "state"} <= found
    assert any(name.startswith("ledger/tile/entries") for name in found)
    assert done["out_of_reach"] == [str(away)]
    assert done["damaged"] == [str(broken)]
    assert done["left"] == len(done["searched"]["found"]) > 3
    assert ONE not in json.dumps(done["searched"])


def test_twice_is_once_and_an_unknown_id_is_searched_for(small: Path) -> None:
    first = erase(steward(small), [ONE], reason=WHY).result
    second = erase(steward(small), [ONE], reason=WHY).result
    assert (first["records"], second["records"], second["left"]) == (1, 0, 0)
    assert second["data_version_before"] == second["data_version"] == first["data_version"]
    assert verify_ledger(Workspace(small))["status"] == "verified"


def test_the_agency_s_own_number_will_do(small: Path) -> None:
    hold(Workspace(small, role="overseer"), reason=f"a complaint about {case(5)}", last="1999-12-31")
    done = erase(steward(small), [f" {case(5)} "], reason=WHY).result
    assert (done["records"], done["left"]) == (1, 0)
    assert stored(small) == {ident(i) for i in range(60)} - {ONE}
    assert holding(ONE, small) == holding(case(5), small) == []


def add(folder: Path, lines: list[str], source: str, **mapping: str) -> None:
    path = folder.parent / "more.csv"
    path.write_text("\n".join(["case,when,kind,east,north", *lines]) + "\n", encoding="utf-8")
    import_records(Workspace(folder), path, source=source, mapping=mapping)
    path.unlink()


def test_numbers_are_told_apart_within_a_source_only(small: Path) -> None:
    add(small, [f"{case(5)},2024-05-05 10:00,Theft,740000,4280000"], "more", **MAP)
    theirs = ident(5, "more")
    with pytest.raises(UsageError, match=r"several sources have these ids \(calls, more\)") as no:
        erase(steward(small), [case(5)], reason=WHY)
    assert "--source calls" in str(no.value.hint)
    done = erase(steward(small), [case(5)], source="CALLS", reason=WHY).result
    assert (done["records"], done["also_in_another_source"], done["left"]) == (1, 1, 0)
    assert theirs in stored(small)
    assert holding(ONE, small) == []
    assert erase(steward(small), [case(5)], source="more", reason=WHY).result["records"] == 1
    assert theirs not in stored(small)


def test_a_longer_id_that_has_it_within_is_another_record_s(small: Path) -> None:
    same = "x,2024-05-05 10:00,Theft,740000,4280000"
    add(small, [same] * 3, "more", **{field: column for field, column in MAP.items() if field != "id"})
    first = min(one for one in stored(small) if f"{one}-2" in stored(small))
    done = erase(steward(small), [first], reason=WHY).result
    assert (done["records"], done["left"]) == (1, 0)
    assert {f"{first}-2", f"{first}-3"} <= stored(small)
    assert first not in stored(small)


def test_a_hold_keeps_what_it_covers(small: Path) -> None:
    # The fifth record: a theft of June.
    for more in ({"category": "theft"}, {"source": "calls", "first": "2024-06-01", "last": "2024-06-30"}, {}):
        run = hold(Workspace(small, role="overseer"), reason=WHY, **more).run
        with pytest.raises(RefusedError, match=f"a hold keeps these records.*held by {run}"):
            erase(steward(small), [ONE], reason=WHY)
        assert ONE in stored(small)
        release(Workspace(small, role="commander"), run, reason=WHY)
    hold(Workspace(small, role="overseer"), reason=WHY, category="burglary")
    hold(Workspace(small, role="overseer"), reason=WHY, first="2024-07-01")
    assert erase(steward(small), [ONE], reason=WHY).result["records"] == 1
    with pytest.raises(RefusedError, match="held by"):  # nobody can read of which day it was
        erase(steward(small), [ASIDE], reason=WHY)


def test_a_hold_keeps_it_in_backups_too(small: Path, tmp_path: Path) -> None:
    backup(steward(small), tmp_path / "one.backup")
    (tmp_path / "one.backup").rename(tmp_path / "away")
    erase(steward(small), [ONE], reason=WHY)
    hold(Workspace(small, role="overseer"), reason=WHY, category="theft")
    (tmp_path / "away").rename(tmp_path / "one.backup")
    with pytest.raises(RefusedError, match="held by"):
        erase(steward(small), [ONE], reason=WHY)


@pytest.mark.parametrize("role", ["commander", "overseer", "dispatcher", "public"])
def test_who_may_not(small: Path, role: str) -> None:
    with pytest.raises(RefusedError, match="may not erase"):
        erase(Workspace(small, role=role), [ONE], reason=WHY)


def test_what_is_no_erasure(small: Path) -> None:
    for ids in ([], [" "]):
        with pytest.raises(UsageError, match="no id was given"):
            erase(steward(small), ids, reason=WHY)
    with pytest.raises(UsageError, match="the reason names what is to be erased"):
        erase(steward(small), [ONE], reason=f"the court ordered that {ONE} goes")
    with pytest.raises(UsageError, match="the reason given is 'x'"):
        erase(steward(small), [ONE], reason="x")


# -- a process that dies in the middle


@pytest.mark.slow
def test_killed_at_any_write_it_is_finished_by_running_it_again(tmp_path: Path) -> None:
    folder, path = made(tmp_path / "city"), tmp_path / "one.backup"
    hold(Workspace(folder, role="overseer"), reason=f"a complaint about {ident(0)}", last="1999-12-31")
    backup(steward(folder), path)
    code, total = dying("erase", folder, 0, ids=[ident(0)], reason=WHY)
    assert code == 0
    assert total is not None
    assert total > 20
    step = max(total // 4, 1)
    for number, when in enumerate(range(2, total, step), 1):
        one = ident(number)
        assert len(holding(one, folder, path)) > 1
        assert dying("erase", folder, when, ids=[one], reason=WHY) == (-signal.SIGKILL, None)
        # Whatever it left can be opened, read and verified, and holds the record or doesn't.
        assert verify_ledger(Workspace(folder))["status"] == "verified"
        assert len(stored(folder)) in (60 - number, 59 - number)
        done = erase(steward(folder), [one], reason=WHY).result
        assert done["left"] == 0
        assert holding(one, *(place for place in tmp_path.iterdir())) == []
        assert holding(one, path) == []
        assert sorted(p.name for p in tmp_path.iterdir()) == ["city", "one.backup"]
        assert not (folder / "erasing").exists()
        assert [kept["state"] for kept in backups(Workspace(folder))] == ["there"]
    assert verify_ledger(Workspace(folder))["status"] == "verified"
    back = restore(path, tmp_path / "again").result
    assert len(back["erased_since"]) > 3


def test_one_that_died_with_two_names_for_a_backup_destroys_neither(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.backup"
    backup(steward(small), path)
    path.with_name(".one.backup.erased").hardlink_to(path)
    path.with_name(".one.backup.erasing").write_bytes(b"half of a new one")
    assert erase(steward(small), [ONE], reason=WHY).result["left"] == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["city", "one.backup"]
    restore(path, tmp_path / "again")
    # Or after the new one took its place: then the old bytes go.
    other = path.with_name(".one.backup.erased")
    other.write_bytes(b"an old one")
    (tmp_path / "seen").hardlink_to(other)
    erase(steward(small), [OTHER], reason=WHY)
    assert (tmp_path / "seen").read_bytes() == bytes(10)
    assert not other.exists()


# -- controls: what the same proof finds where it's done otherwise


def test_control_without_the_care_the_bytes_stay(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(steward(small), tmp_path / "one.backup")
    hold(Workspace(small, role="overseer"), reason=f"a complaint about {ONE}", last="1999-12-31")
    monkeypatch.setattr("peelian.workspace.erase.settle", lambda _: None)
    monkeypatch.setattr("peelian.workspace.erase.rewrite", lambda *_: None)
    done = erase(steward(small), [ONE], reason=WHY).result
    left = {one["file"].split("/")[0 if ": " not in one["file"] else -1] for one in done["searched"]["found"]}
    assert left == {"runs", "import-0002.parquet"}
    assert len(holding(ONE, small, tmp_path / "one.backup")) >= 2
