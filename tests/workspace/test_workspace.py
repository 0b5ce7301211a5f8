"""A result happens as a whole or not at all, and what was stored stays what it was."""

from __future__ import annotations

import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from peelian.demo_data import stlouis_incidents
from peelian.errors import CheckError, ConfigError, LedgerError, PeelianError, RefusedError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.decide import decide
from peelian.workspace.forecast import forecast
from peelian.workspace.halt import halt
from peelian.workspace.halts import halts
from peelian.workspace.hold import hold
from peelian.workspace.import_ import import_records
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.oversight import oversight
from peelian.workspace.plan import plan
from peelian.workspace.policy_keep import restore, update
from peelian.workspace.quality import quality
from peelian.workspace.state import RecordFile
from peelian.workspace.status import status

from .conftest import Opener


def test_a_crash_before_the_transaction_leaves_nothing(
    acting: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = acting()
    before = workspace.runs(), workspace.data_version, verify_ledger(workspace)

    def dead(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("peelian.workspace.workspace.insert", dead)
    with pytest.raises(RuntimeError):
        quality(workspace)
    monkeypatch.undo()
    assert (workspace.folder / "runs" / "quality-0003").is_dir(), "it died after writing the files"
    again = acting()
    assert (again.runs(), again.data_version, verify_ledger(again)) == before
    assert quality(again).run == "quality-0003"


def test_a_crash_after_the_transaction_is_completed_by_the_next_command(
    acting: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = acting()
    calls = []

    def dies_on_the_second(self: Workspace) -> None:
        calls.append(1)
        if len(calls) == 2:  # the first is of `writing`, the second of `commit`
            raise MemoryError

    monkeypatch.setattr(Workspace, "flush", dies_on_the_second)
    with pytest.raises(MemoryError):
        quality(workspace)
    monkeypatch.undo()
    assert verify_ledger(acting())["entries_waiting"] == 1
    done = quality(acting())
    verified = verify_ledger(acting())
    assert verified["entries_waiting"] == 0
    assert [e["id"] for e in entries(acting(), last=2)] == ["quality-0003", done.run]


def test_kill_9_in_the_middle_of_an_import_leaves_the_store_as_it_was(city: Path) -> None:
    before = Workspace(city)
    stored, version = before.store.table().count().execute(), before.data_version
    code = (
        "import sys; from peelian.workspace import Workspace; from peelian.workspace.import_ import import_records;"
        "w = Workspace(sys.argv[1]); print('ready', flush=True);"
        "import_records(w, sys.argv[2]); print('done', flush=True)"
    )
    rng = random.Random(7)
    killed = 0
    for _ in range(3):
        command = [sys.executable, "-c", code, str(city), str(stlouis_incidents())]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0.05, 1.2))
            process.send_signal(signal.SIGKILL)
            finished = "done" in process.stdout.read()
        if finished:
            break
        killed += 1
        after = Workspace(city)
        table = after.store.table()
        assert (table.count().execute(), after.data_version) == (stored, version)
        verify_ledger(after)
    assert killed, "the import was over before it could be killed"
    report = import_records(Workspace(city), stlouis_incidents()).result
    assert report["rows_in"] == 150_648
    assert (
        Workspace(city).store.table().count().execute()
        == stored + report["stored"] - report["cancelled_earlier"]
    )
    on_disk = {p.relative_to(city / "records").as_posix() for p in (city / "records").rglob("*.parquet")}
    assert on_disk == {row["path"] for row in Workspace(city).state.rows(RecordFile)}, (
        "what was killed left files"
    )
    verify_ledger(Workspace(city))


def test_importing_the_same_file_twice_stores_nothing_new(acting: Opener, one_year: Path) -> None:
    version = acting().data_version
    report = import_records(acting(), one_year).result
    assert report["stored"] == 0
    assert report["rows_in"] == report["duplicates"] + report["corrections"] + report["quarantined"]
    assert acting().data_version == version


def test_a_changed_result_is_not_believed(acting: Opener) -> None:
    run = forecast(acting(), "burglary").run
    path = acting().page(run, "result.json")
    path.write_text(path.read_text().replace('"count_map"', '"best_map"'))
    with pytest.raises(PeelianError, match="not what was stored"):
        acting().result(run)
    with pytest.raises(LedgerError, match=rf"runs/{run}/result\.json is not what"):
        verify_ledger(acting("public"))


def test_a_changed_table_is_not_believed(acting: Opener) -> None:
    run = forecast(acting(), "burglary").run
    path = acting().page(run, "surface.parquet")
    table = pd.read_parquet(path)
    table.loc[7, "expected"] = 999.0
    table.to_parquet(path, index=False)
    with pytest.raises(PeelianError, match="not what was stored"):
        plan(acting())


def test_changed_records_are_not_computed_with(acting: Opener) -> None:
    path = max((acting().folder / "records" / "incidents").rglob("*.parquet"), key=lambda p: p.stat().st_size)
    whole = path.read_bytes()
    table = pd.read_parquet(path)
    table["x"] += 250.0
    table.to_parquet(path, index=False)
    with pytest.raises(CheckError, match="not what was imported"):
        forecast(acting(), "burglary")
    with pytest.raises(CheckError, match="not what was imported"):
        verify_ledger(acting())
    path.write_bytes(whole)
    assert verify_ledger(acting())["record_files_checked"] > 10


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET state = 'proposed' WHERE verb = 'plan'",
        "DELETE FROM decisions",
        "UPDATE decisions SET body = replace(body, 'commander', 'overseer')",
        "DELETE FROM record_files WHERE path = (SELECT min(path) FROM record_files)",
        "DELETE FROM runs WHERE verb = 'audit'",
        (
            "INSERT INTO runs (id, serial, verb, at, role, subject, category, hashes, state) "
            "SELECT 'plan-0099', 99, verb, at, role, subject, category, hashes, state FROM runs LIMIT 1"
        ),
    ],
)
def test_a_changed_database_is_noticed(deciding: Opener, statement: str) -> None:
    decide(deciding(), "approve", reason="the hours are there, and each place has another option too")
    verify_ledger(deciding())
    with sqlite3.connect(deciding().folder / "state.db") as connection:
        assert connection.execute(statement).rowcount > 0
    with pytest.raises(PeelianError):
        verify_ledger(deciding())


def test_a_lost_database_is_missed(acting: Opener) -> None:
    folder = acting().folder
    for path in folder.glob("state.db*"):
        path.unlink()
    for _ in range(2):
        with pytest.raises(CheckError, match="state database"):
            acting()


def test_every_entry_says_under_which_policy_and_settings(acting: Opener) -> None:
    quality(acting())
    first, *_, last = entries(acting())
    assert last["details"]["policy"] == acting().policy.digest == first["details"]["policy"]
    assert last["details"]["config"] == first["details"]["config"]
    config = acting().folder / "peelian.toml"
    config.write_text(config.read_text() + "# a remark\n")
    quality(acting())
    assert entries(acting())[-1]["details"]["config"] != last["details"]["config"]


def test_a_missing_key_stops_a_step_before_anything_happens(acting: Opener) -> None:
    (acting().folder / "keys" / "ledger.key").unlink()
    before = acting().runs()
    with pytest.raises(PeelianError):
        quality(acting())
    assert acting().runs() == before


def test_a_removed_page_is_missed(acting: Opener) -> None:
    run = forecast(acting(), "burglary").run
    acting().page(run, "forecast.html").unlink()
    with pytest.raises(LedgerError, match="is gone"):
        verify_ledger(acting())


def test_one_byte_of_the_ledger(city: Path, acting: Opener) -> None:
    assert verify_ledger(acting())["status"] == "verified"
    files = [p for p in sorted((city / "ledger").rglob("*")) if p.is_file()]
    rng = random.Random(3)
    for path in files:
        whole = path.read_bytes()
        if not whole:
            continue
        changed = bytearray(whole)
        changed[rng.randrange(len(whole))] ^= 1
        path.write_bytes(bytes(changed))
        with pytest.raises((LedgerError, ConfigError)):
            verify_ledger(acting())
        path.write_bytes(whole)
    verify_ledger(acting())


def test_a_ledger_that_was_set_back_is_noticed(city: Path, acting: Opener, tmp_path: Path) -> None:
    shutil.copytree(city / "ledger", tmp_path / "old")
    quality(acting())
    shutil.rmtree(city / "ledger")
    shutil.copytree(tmp_path / "old", city / "ledger")
    with pytest.raises(LedgerError):
        verify_ledger(acting())
    with pytest.raises(LedgerError):
        quality(acting())


def spoilt(folder: Path, how: str) -> None:
    """Somebody puts the charter's files out of the way."""
    if how == "folder":
        shutil.rmtree(folder / "policy")
    elif how == "deleted":
        (folder / "policy" / "hard_rules.cedar").unlink()
    else:
        file = "schema.cedarschema" if how == "schema" else "hard_rules.cedar"
        (folder / "policy" / file).write_bytes(b"\xff" if how == "unreadable" else b"// none\n")


@pytest.mark.parametrize("how", ["deleted", "altered", "unreadable", "schema", "folder"])
def test_without_the_hard_rules_nothing_is_done_but_looking_verifying_and_halting(
    city: Path, how: str
) -> None:
    spoilt(city, how)
    analyst, overseer = Workspace(city, role="analyst"), Workspace(city, role="overseer")
    told = "can't be read as|policy file .* can't be read|hard rules|differ from|no policy folder"
    for work in (quality, lambda w: forecast(w, "burglary"), lambda w: hold(w, reason="a complaint is open")):
        before = len(overseer.runs())
        with pytest.raises((RefusedError, ConfigError), match=told):
            work(analyst)
        assert len(overseer.runs()) == before
    with pytest.raises((RefusedError, ConfigError), match=told):
        restore(overseer)
    assert re.search(told, str(status(analyst)["policy"]["changed"]))
    [sign] = [one for one in oversight(overseer).result["signs"] if one["sign"] == "rules_changed"]
    assert re.search(told, sign["what"], re.IGNORECASE)
    verify_ledger(overseer)
    done = halt(overseer, "system", reason="somebody has tampered with the rules")
    assert [one["run"] for one in halts(overseer)] == [done.run]
    with pytest.raises(RefusedError, match="no policy permits the role analyst to halt"):
        halt(analyst, "category", "burglary", reason="not for an analyst to stop")


def test_the_hard_rules_come_back_with_an_update(city: Path) -> None:
    spoilt(city, "deleted")
    update(city)
    quality(Workspace(city, role="analyst"))


def test_a_run_that_is_not_there_is_a_usage_error_that_names_what_is(acting: Opener) -> None:
    run = forecast(acting(), "burglary").run
    with pytest.raises(UsageError, match=run):
        acting().latest("forecast", "forecast-9999")
    with pytest.raises(UsageError, match="no plan has been made yet"):
        acting().latest("plan")


def test_the_key_is_for_its_owner_only(city: Path) -> None:
    assert (city / "keys" / "ledger.key").stat().st_mode & 0o077 == 0
    assert not list((city / "ledger").rglob("*.key"))
