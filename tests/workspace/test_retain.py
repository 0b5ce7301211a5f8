"""What is too old goes, at the limit and not before, unless a hold keeps it; and all of it is on record."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from peelian.errors import ConfigError, LedgerError, PeelianError, RefusedError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.backup import backup
from peelian.workspace.backups import backups
from peelian.workspace.config import Retention
from peelian.workspace.hold import hold, release
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.outcome import Outcome
from peelian.workspace.people import add_person, end_person, people
from peelian.workspace.quality import quality
from peelian.workspace.restore import restore
from peelian.workspace.retain import keep_retaining, retain, retention, standing_of
from peelian.workspace.state import Run

from .dying import dying
from .keeping import WHY, holding, ident, made
from .test_erase import complaint

LIMITS = [name for name, _ in Retention() if name != "verbs"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made(tmp_path / "city")


def let(folder: Path, **limits: str) -> None:
    """Set limits, and only these."""
    path = folder / "peelian.toml"
    head, _, rest = path.read_text(encoding="utf-8").partition("[retention]")
    tail = rest[rest.index("\n[") :]
    said = "\n".join(
        f"{key} = {value if value.startswith('{') else repr(value)}" for key, value in limits.items()
    )
    path.write_text(f"{head}[retention]\n{said}\n{tail}", encoding="utf-8")


def at(folder: Path, when: str, role: str = "analyst") -> Workspace:
    """The workspace at a moment of UTC."""
    moment = datetime.fromisoformat(when).replace(tzinfo=UTC)
    return Workspace(folder, role=role, now=lambda: moment)


def ids(folder: Path) -> set[str]:
    return set(Workspace(folder).store.table().id.to_pyarrow().to_pylist())


def those(*months: int, before: int = 32) -> set[str]:
    """The records of these months of 2024 up to a day (see `keeping.rows`)."""
    return {ident(i) for i in range(60) if 1 + i % 12 in months and 1 + i % 28 < before}


def test_without_a_limit_everything_stays(folder: Path) -> None:
    done = retain(at(folder, "2124-01-01"))
    assert done.result["gone"] == {}
    assert len(ids(folder)) == 60
    assert standing_of(Workspace(folder)) == {"last": "2124-01-01T00:00:00Z", "overdue": []}
    told = retention(Workspace(folder))
    assert [one["table"] for one in told["tables"]] == LIMITS
    assert {one["limit"] for one in told["tables"]} == {None}
    assert all(one["meaning"] for one in told["tables"] + told["kept"])


def test_months_go_whole_and_the_one_of_the_limit_is_written_anew(folder: Path) -> None:
    let(folder, records="1y")
    before = {path: (folder / "records" / path).read_bytes() for path in Workspace(folder).store.files}
    # In Chicago it's still the 15th of April, 10:00: a record of that moment stays.
    then = at(folder, "2025-04-15 15:00")
    gone = those(1, 2, 3) | those(4, before=15)
    dry = retain(then, dry_run=True)
    assert (dry.run, dry.result["gone"]) == ("", {"records": len(gone)})
    assert len(ids(folder)) == 60
    done = retain(then)
    assert done.result["gone"] == {"records": len(gone)}
    assert ids(folder) == {ident(i) for i in range(60)} - gone
    after = Workspace(folder).store.files
    assert not [name for name in after if any(f"month=2024-0{m}" in name for m in (1, 2, 3))]
    assert {name for name in after if "2024-04" not in name} <= set(before)
    assert holding(min(gone), folder) == []
    assert verify_ledger(Workspace(folder))["status"] == "verified"
    later = at(folder, "2025-04-15 15:01")
    assert retain(later).result["gone"]["records"] == len(those(4, before=16) - those(4, before=15))


def test_the_ledger_learns_counts_and_of_few_only_that_they_are_few(folder: Path) -> None:
    let(folder, records="1y", quarantine="1d")
    retain(at(folder, "2025-02-20"))
    details = entries(Workspace(folder), last=1)[0]["details"]
    first = those(1) | those(2, before=20)
    assert len(first) >= 5
    assert details["gone"] == {"records": len(first), "quarantine": 0}
    assert details["limits"] == {"records": "1y", "quarantine": "1d"}
    retain(at(folder, "2025-03-03"))
    few = those(2) | those(3, before=3)
    assert 0 < len(few - first) < 5
    assert entries(Workspace(folder), last=1)[0]["details"]["gone"]["records"] == "<5"
    # So does whoever may not read records.
    third = those(3, before=9)
    assert 0 < len(third - few) < 5
    assert retain(at(folder, "2025-03-09", "steward"), dry_run=True).result["gone"]["records"] == "<5"
    assert retain(at(folder, "2025-03-09"), dry_run=True).result["gone"]["records"] == len(third - few)


def test_a_hold_keeps_what_it_covers_and_is_named(folder: Path) -> None:
    let(folder, records="1y", quarantine="1d", runs="1d")
    one = hold(Workspace(folder, role="overseer"), reason=WHY, category="theft", last="2024-02-28").run
    done = retain(at(folder, "2034-01-01"))
    thefts = {ident(i) for i in range(60) if i % 2 and 1 + i % 12 <= 2}
    assert ids(folder) == thefts
    assert done.result["left"] == {one: {"records": len(thefts), "quarantine": 1}}
    assert entries(Workspace(folder), last=1)[0]["details"]["left"] == {
        one: {"records": len(thefts), "quarantine": "<5"}
    }
    # What is held isn't overdue: nobody is to be told to remove it.
    assert standing_of(at(folder, "2034-01-02"))["overdue"] == []
    release(Workspace(folder, role="commander"), one, reason=WHY)
    assert standing_of(at(folder, "2034-01-02"))["overdue"] == ["records", "quarantine"]
    assert retain(at(folder, "2034-01-02")).result["gone"] == {
        "records": len(thefts),
        "quarantine": 1,
        "runs": 0,
    }
    assert Workspace(folder).store.files == ()
    assert verify_ledger(Workspace(folder))["status"] == "verified"


def test_cancelled_ids_go_with_their_limit(folder: Path, tmp_path: Path) -> None:
    from peelian.workspace.import_ import import_records

    from .test_erase import SLMPD

    for number, count in enumerate((1, -1)):
        path = tmp_path / f"{number}.csv"
        path.write_text(f"{SLMPD}\n{complaint('17-0123456', count)}\n", encoding="utf-8")
        import_records(at(folder, f"2026-0{number + 1}-01"), path)
    let(folder, cancelled="30d")
    run = hold(Workspace(folder, role="overseer"), reason=WHY, source="slmpd").run
    assert retain(at(folder, "2026-03-04")).result["left"] == {run: {"cancelled": 2}}
    release(Workspace(folder, role="commander"), run, reason=WHY)
    assert retain(at(folder, "2026-03-03")).result["gone"] == {"cancelled": 0}
    assert retain(at(folder, "2026-03-04")).result["gone"] == {"cancelled": 2}
    assert not [name for name in Workspace(folder).store.files if name.startswith("cancelled/")]


def test_pages_of_old_results_go_but_neither_the_results_nor_the_latest(folder: Path) -> None:
    runs = [quality(at(folder, f"2025-0{m}-01", "analyst")).run for m in (1, 2, 3)]
    let(folder, runs="45d")
    kept = [sorted((folder / "runs" / run).iterdir()) for run in runs]
    done = retain(at(folder, "2025-12-01"))
    assert done.result["gone"] == {"runs": 4}
    for run in runs[:2]:
        assert {path.name for path in (folder / "runs" / run).iterdir()} == {"call.json", "result.json"}
        assert Workspace(folder).result(run)["origin"]["data_version"] == Workspace(folder).data_version
    assert sorted((folder / "runs" / runs[2]).iterdir()) == kept[2]
    assert verify_ledger(Workspace(folder))["status"] == "verified"
    # On record: what went can't be told from what somebody took otherwise.
    (folder / "runs" / runs[2] / "quality.html").unlink()
    with pytest.raises(LedgerError, match=f"{runs[2]}/quality.html is gone"):
        verify_ledger(Workspace(folder))


def test_a_limit_of_one_verb_goes_before_that_of_all(folder: Path) -> None:
    for month in (1, 2):
        quality(at(folder, f"2025-0{month}-01", "analyst"))
    let(folder, runs="1d", verbs="{ quality = '10y' }")
    assert retain(at(folder, "2026-01-01")).result["gone"] == {"runs": 0}
    let(folder, verbs="{ quality = '1d' }")
    done = retain(at(folder, "2026-01-01"))
    assert done.result["gone"] == {"runs": 2}
    assert done.result["limits"]["runs of quality"] == "1d"


def test_looks_have_a_limit_of_their_own(folder: Path) -> None:
    workspace = at(folder, "2025-01-01", "commander")
    with workspace.writing():
        run = workspace.commit(
            workspace.new_run("look"), {"plan": "x"}, pages={"shown.html": "<p>a page</p>"}
        ).run
    let(folder, runs="1d")
    assert retain(at(folder, "2025-03-01")).result["gone"] == {"runs": 0}
    let(folder, looks="30d")
    assert retain(at(folder, "2025-03-01")).result["gone"] == {"looks": 1}
    assert {path.name for path in (folder / "runs" / run).iterdir()} == {"result.json"}


def test_words_of_an_objection_go_when_it_is_answered(folder: Path) -> None:
    workspace = at(folder, "2025-01-01", "commander")
    seals = {
        name: workspace.seals.seal(f"the words of the {name}")
        for name in ("words", "contact", "answer", "open")
    }
    with workspace.writing():
        asked = workspace.commit(
            workspace.new_run("object"),
            {"words": seals["words"], "contact": seals["contact"]},
            category="theft",
        ).run
        workspace.commit(workspace.new_run("object"), {"words": seals["open"], "contact": None})
        workspace.commit(workspace.new_run("answer"), {"words": seals["answer"]}, subject=asked)
    let(folder, objections="1y")
    held = hold(Workspace(folder, role="overseer"), reason=WHY, category="theft").run
    assert retain(at(folder, "2027-01-01")).result["left"] == {held: {"objections": 1}}
    release(Workspace(folder, role="commander"), held, reason=WHY)
    assert retain(at(folder, "2025-12-31")).result["gone"] == {"objections": 0}
    assert retain(at(folder, "2026-01-02")).result["gone"] == {"objections": 1}
    states = {name: workspace.seals.state(digest) for name, digest in seals.items()}
    assert states == {"words": "erased", "contact": "erased", "answer": "erased", "open": "sealed"}
    assert retain(at(folder, "2026-01-03")).result["gone"] == {"objections": 0}
    assert verify_ledger(Workspace(folder))["status"] == "verified"


@pytest.mark.parametrize("kept", ["1y", "5y"])
def test_who_people_were_goes_after_they_ended(tmp_path: Path, state_url: str, kept: str) -> None:
    folder = made(tmp_path / "city", state_url)
    stella = add_person(at(folder, "2025-01-01", "steward"), "Stella Example", roles=["steward"]).result

    def now(when: str) -> Workspace:
        return _as(folder, when, stella["token"])

    ana = add_person(now("2025-01-01"), "Ana Example", roles=["analyst"]).result
    quality(_as(folder, "2025-01-02", ana["token"]))
    end_person(now("2025-02-01"), ana["person"], reason="she has left the agency for good")
    let(folder, people=kept)
    done = retain(now("2026-02-02")).result
    gone = kept == "1y"
    assert done["gone"] == {"people": int(gone)}
    assert [one["name"] for one in people(now("2026-02-02"))] == [
        "Stella Example",
        None if gone else "Ana Example",
    ]
    everywhere = [value for row in Workspace(folder, token="").state.rows(Run) for value in row.values()]
    assert (ana["person"] in everywhere) == (not gone)
    assert not gone or holding(ana["person"], folder) == []
    assert verify_ledger(now("2026-02-03"))["status"] == "verified"
    assert retain(now("2026-02-04")).result["gone"] == {"people": 0}


def _as(folder: Path, when: str, token: str) -> Workspace:
    moment = datetime.fromisoformat(when).replace(tzinfo=UTC)
    return Workspace(folder, token=token, now=lambda: moment)


def test_backups_go_and_those_that_can_not_be_reached_are_named(folder: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.backup" for n in range(3)]
    for month, path in enumerate(paths, 1):
        backup(at(folder, f"2025-0{month}-01", "steward"), path)
    paths[1].rename(tmp_path / "moved")
    let(folder, backups="45d")
    held = hold(Workspace(folder, role="overseer"), reason=WHY, last="1999-12-31").run
    assert retain(at(folder, "2025-04-01")).result["left"] == {held: {"backups": 2}}
    release(Workspace(folder, role="commander"), held, reason=WHY)
    done = retain(at(folder, "2025-04-01")).result
    assert (done["gone"], done["out_of_reach"]) == ({"backups": 1}, [str(paths[1])])
    assert [path.exists() for path in paths] == [False, False, True]
    assert [Path(one["path"]) for one in backups(Workspace(folder))] == paths[1:]


def test_caches_go_by_when_they_were_last_worked_on(folder: Path) -> None:
    for name, days in (("old", 40), ("new", 10)):
        path = folder / "cache" / "trials" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
        os.utime(path, (then, then))
    let(folder, cache="30d")
    assert retain(Workspace(folder, role="steward")).result["gone"] == {"cache": 1}
    assert [path.name for path in (folder / "cache").rglob("*") if path.is_file()] == ["new"]


def test_a_backup_of_a_time_before_is_whole_all_the_same(folder: Path, tmp_path: Path) -> None:
    let(folder, records="1y")
    backup(at(folder, "2025-01-01", "steward"), tmp_path / "one.backup")
    retain(at(folder, "2026-06-01"))
    assert ids(folder) == set()
    restore(tmp_path / "one.backup", tmp_path / "again")
    assert len(ids(tmp_path / "again")) == 60
    backup(at(folder, "2026-06-02", "steward"), tmp_path / "two.backup")
    assert restore(tmp_path / "two.backup", tmp_path / "later").result["record_files_checked"] == 1


@pytest.mark.parametrize("role", ["commander", "overseer", "dispatcher", "public"])
def test_who_may_not(folder: Path, role: str) -> None:
    with pytest.raises(RefusedError, match="may not retain"):
        retain(Workspace(folder, role=role), dry_run=True)


@pytest.mark.parametrize("limit", ["5 years", "0d", "forever"])
def test_what_is_no_limit(folder: Path, limit: str) -> None:
    let(folder, records=limit)
    with pytest.raises(ConfigError, match=r"retention\.records: .*was given as how long to keep"):
        Workspace(folder)


def test_the_timer_goes_on_when_something_is_wrong(folder: Path) -> None:
    told: list[Outcome | PeelianError] = []
    slept: list[float] = []
    roles = iter(["steward", "public", "steward"])
    keep_retaining(
        lambda: Workspace(folder, role=next(roles)),
        every="2d",
        tell=told.append,
        rounds=3,
        sleep=slept.append,
    )
    assert [type(one).__name__ for one in told] == ["Outcome", "RefusedError", "Outcome"]
    assert slept == [172_800.0] * 2
    with pytest.raises(UsageError, match="expected days or weeks"):
        keep_retaining(lambda: Workspace(folder), every="1mo", tell=told.append)


@pytest.mark.slow
def test_killed_at_any_write_it_is_finished_by_the_next_one(folder: Path) -> None:
    let(folder, records="1y", runs="1d")
    quality(at(folder, "2020-01-01", "analyst"))
    quality(at(folder, "2020-01-02", "analyst"))
    code, total = dying("retain", folder, 0, now="2025-01-20T00:00+00:00")
    assert code == 0
    assert total is not None
    assert total >= 20  # the first one has pages to remove, too; those that follow write a little less
    for month, when in enumerate((3, 9, 15), 2):
        now = f"2025-{month:02d}-20"
        assert dying("retain", folder, when, now=f"{now}T00:00+00:00") == (-signal.SIGKILL, None)
        assert verify_ledger(Workspace(folder))["status"] == "verified"
        retain(at(folder, now))
        gone = those(*range(1, month)) | those(month, before=20)
        assert ids(folder) == {ident(i) for i in range(60)} - gone
        assert all(holding(one, folder) == [] for one in sorted(gone)[:3])
        assert not (folder / "erasing").exists()
    assert verify_ledger(Workspace(folder))["status"] == "verified"
