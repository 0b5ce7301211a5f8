"""There and back: a backup is a workspace again, byte for byte, or it's refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from peelian.charter.cosignature import Cosigner
from peelian.errors import CheckError, LedgerError, PeelianError, RefusedError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.backup import backup
from peelian.workspace.backups import PASSPHRASE, backups, locked_keys, passphrase_of, unlocked_keys
from peelian.workspace.hold import hold
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.people import add_person, people
from peelian.workspace.quality import quality
from peelian.workspace.restore import restore
from peelian.workspace.state import Base

from ..postgres import Server
from .keeping import WHY, case, holding, made

WORDS = "correct horse battery"


@pytest.fixture
def folder(tmp_path: Path, state_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records, a hold and a page; a test that takes this runs on SQLite and on PostgreSQL."""
    monkeypatch.delenv(PASSPHRASE, raising=False)
    monkeypatch.delenv("PEELIAN_TOKEN", raising=False)
    made(tmp_path / "city", state_url)
    quality(Workspace(tmp_path / "city"))
    hold(Workspace(tmp_path / "city", role="overseer"), reason=WHY, category="theft")
    return tmp_path / "city"


def steward(folder: Path, **more: str) -> Workspace:
    return Workspace(folder, role="steward", **more)


def every_row(workspace: Workspace) -> dict[str, list[dict[str, object]]]:
    return {m.class_.__tablename__: workspace.state.rows(m.class_) for m in Base.registry.mappers}  # type: ignore[attr-defined]


def bytes_below(folder: Path, *names: str) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for name in names
        for path in sorted((folder / name).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def test_there_and_back(folder: Path, tmp_path: Path) -> None:
    before = every_row(Workspace(folder))
    parts = ("runs", "records", "ledger", "policy", "public", "sealed", "kept")
    kept = bytes_below(folder, *parts)
    said = verify_ledger(Workspace(folder))
    done = backup(steward(folder), tmp_path / "one.backup").result
    assert (done["entries"], done["keys"]) == (said["entries"], False)
    # Into SQLite, whatever it was kept in before.
    back = restore(tmp_path / "one.backup", tmp_path / "again", state_url="sqlite:///state.db").result
    assert (back["entries"], back["root"], back["keys"]) == (done["entries"], done["root"], "not in it")
    again = Workspace(tmp_path / "again")
    assert every_row(again) == before
    assert bytes_below(tmp_path / "again", *parts) == kept
    assert verify_ledger(again) == said
    assert list((tmp_path / "again" / "keys").iterdir()) == []


def test_with_its_keys_it_goes_on_where_it_was(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = add_person(steward(folder), "Stella Example", roles=["steward"]).result["token"]
    monkeypatch.setenv(PASSPHRASE, WORDS)
    path = tmp_path / "one.backup"
    backup(steward(folder, token=token), path, with_keys=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert holding((folder / "keys" / "ledger.key").read_text().strip(), path) == []
    monkeypatch.delenv(PASSPHRASE)
    assert restore(path, tmp_path / "locked", state_url="sqlite:///state.db").result["keys"] == "locked"
    monkeypatch.setenv(PASSPHRASE, "another passphrase")
    with pytest.raises(CheckError, match="the passphrase is another one"):
        restore(path, tmp_path / "wrong", state_url="sqlite:///state.db")
    assert not (tmp_path / "wrong").exists()
    monkeypatch.setenv(PASSPHRASE, WORDS)
    back = restore(path, tmp_path / "again", state_url="sqlite:///state.db").result
    assert back["keys"] == "restored"
    again = tmp_path / "again"
    assert (again / "keys").stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in (again / "keys").rglob("*") if p.is_file()} == {0o600}
    assert [one["name"] for one in people(steward(again, token=token))] == ["Stella Example"]
    hold_again = backup(steward(again, token=token), tmp_path / "two.backup")
    assert hold_again.run.startswith("backup-")
    assert verify_ledger(Workspace(again))["status"] == "verified"


def test_it_goes_into_postgresql_too_but_over_no_other_workspace(
    tmp_path: Path, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path / "city")
    backup(steward(tmp_path / "city"), tmp_path / "one.backup")
    with postgresql.database() as url:
        restore(tmp_path / "one.backup", tmp_path / "again", state_url=url)
        assert verify_ledger(Workspace(tmp_path / "again"))["entries"] == 2
        assert list((tmp_path / "again").glob("state.db*")) == []
        before = every_row(Workspace(tmp_path / "again"))
        with pytest.raises(UsageError, match="another workspace keeps its own"):
            restore(tmp_path / "one.backup", tmp_path / "third", state_url=url)
        assert not (tmp_path / "third").exists()
        assert every_row(Workspace(tmp_path / "again")) == before


def test_what_was_made_is_known_and_whether_it_is_still_there(folder: Path, tmp_path: Path) -> None:
    one, two, three = (tmp_path / f"{n}.backup" for n in "123")
    runs = [backup(steward(folder), path).run for path in (one, two, three)]
    two.write_bytes(two.read_bytes()[:-1])
    three.rename(tmp_path / "moved")
    found = backups(Workspace(folder))
    assert [(b["run"], b["state"]) for b in found] == list(
        zip(runs, ["there", "changed", "out of reach"], strict=True)
    )
    assert [b["path"] for b in found] == [str(one), str(two), str(three)]
    last = entries(Workspace(folder), last=1)[0]
    assert last["kind"] == "backup"
    assert str(tmp_path) not in str(last)
    assert verify_ledger(Workspace(folder))["status"] == "verified"


def test_where_a_backup_can_not_go(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="may not make a backup"):
        backup(Workspace(folder, role="analyst"), tmp_path / "a")
    (tmp_path / "there").write_text("something else")
    with pytest.raises(UsageError, match="is there already"):
        backup(steward(folder), tmp_path / "there")
    with pytest.raises(UsageError, match="would lie in the workspace"):
        backup(steward(folder), folder / "a")
    with pytest.raises(UsageError, match="there is no folder"):
        backup(steward(folder), tmp_path / "none" / "a")
    with pytest.raises(UsageError, match=f"{PASSPHRASE}, which is not set"):
        backup(steward(folder), tmp_path / "a", with_keys=True)
    assert backups(Workspace(folder)) == []
    assert not (tmp_path / "a").exists()


def test_what_can_not_be_restored_leaves_nothing(tmp_path: Path) -> None:
    city = made(tmp_path / "city")
    path = tmp_path / "one.backup"
    backup(steward(city), path)
    used = tmp_path / "used"
    used.mkdir()
    (used / "file").touch()
    with pytest.raises(UsageError, match="isn't an empty folder"):
        restore(path, used)
    with pytest.raises(UsageError, match="there is no such file"):
        restore(tmp_path / "none", tmp_path / "again")
    before = sorted(tmp_path.iterdir())
    whole = path.read_bytes()
    for bad in (whole[: len(whole) // 2], whole[:-4], whole[:200] + b"\x00" + whole[201:], b"hello"):
        (tmp_path / "one.backup").write_bytes(bad)
        with pytest.raises(CheckError):
            restore(path, tmp_path / "again")
        assert sorted(tmp_path.iterdir()) == before
    path.write_bytes(whole)
    (tmp_path / "empty").mkdir()
    assert restore(path, tmp_path / "empty").result["entries"] == 2


def test_one_who_changes_a_backup_with_its_list_is_found_out_by_the_ledger(tmp_path: Path) -> None:
    from peelian.workspace.archive import HEADER, WORKSPACE, members, read_archive, writing_archive

    city = made(tmp_path / "city")
    backup(steward(city), tmp_path / "one.backup")
    head = read_archive(tmp_path / "one.backup").header
    for victim in ("runs/import-0002/result.json", "ledger/checkpoint", "records/"):
        forged = tmp_path / "forged.backup"
        with writing_archive(forged, head) as archive:
            for member in members(tmp_path / "one.backup"):
                data = member.read()
                if member.name.startswith(WORKSPACE + victim):
                    data = data.replace(b"60", b"61").replace(b"\n2\n", b"\n3\n") + b" "
                if member.name.startswith(WORKSPACE) and member.name != HEADER:
                    archive.add(member.name, data)
        read_archive(forged)  # its own list says nothing against it
        with pytest.raises((CheckError, PeelianError)) as no:
            restore(forged, tmp_path / "again")
        assert isinstance(no.value, LedgerError | PeelianError)
        assert not (tmp_path / "again").exists()
        forged.unlink()


def test_one_that_died_before_its_record_leaves_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    city = made(tmp_path / "city")
    path = tmp_path / "one.backup"
    workspace = steward(city)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workspace, "commit", die)
    with pytest.raises(KeyboardInterrupt):
        backup(workspace, path)
    assert path.exists()
    hold(Workspace(city, role="overseer"), reason=WHY)  # whoever writes next
    assert not path.exists()
    assert holding(case(3), *(p for p in tmp_path.iterdir() if p.name != "city")) == []


def test_keys_open_with_the_passphrase_and_no_other() -> None:
    keys = {"ledger.key": b"secret", "seals/ab": b"\x00\x01"}
    locked = locked_keys(keys, WORDS)
    assert b"secret" not in locked
    assert locked != locked_keys(keys, WORDS)
    assert unlocked_keys(locked, WORDS) == keys
    for bad in (locked[:-1], locked.replace(b'"n":65536', b'"n":32768'), b"", b"{}\n", locked[:60]):
        with pytest.raises(CheckError, match="don't open"):
            unlocked_keys(bad, WORDS)
    with pytest.raises(CheckError, match="don't open"):
        unlocked_keys(locked, WORDS + "x")
    costly = locked.replace(b'"n":65536', b'"n":1073741824')
    with pytest.raises(CheckError, match="don't open"):
        unlocked_keys(costly, WORDS)


def test_a_short_passphrase_is_none() -> None:
    assert passphrase_of({PASSPHRASE: WORDS}) == WORDS
    with pytest.raises(UsageError, match="which has 5 characters; expected 12 or more") as no:
        passphrase_of({PASSPHRASE: "short"})
    assert "short" not in str(no.value)


def test_a_copy_that_may_only_be_read_is_backed_up_by_nobody(tmp_path: Path) -> None:
    city = made(tmp_path / "city")
    shutil.rmtree(city / "keys")
    with pytest.raises(PeelianError, match="can't be read"):
        backup(steward(city), tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_backup_of_before_any_witness_saw_the_ledger_can_be_restored(tmp_path: Path) -> None:
    city = made(tmp_path / "city")
    key = Cosigner.generate("witness.example/w").key.vkey
    asked = f'[[ledger.witnesses]]\nname = "w"\nvkey = "{key}"\nfolder = "elsewhere"\n'
    config = city / "peelian.toml"
    config.write_text(config.read_text().replace("quorum = 0", "quorum = 1") + "\n" + asked)
    with pytest.raises(CheckError, match="witness"):
        verify_ledger(Workspace(city))
    backup(steward(city), tmp_path / "one.backup")
    assert restore(tmp_path / "one.backup", tmp_path / "again").result["entries"] == 2
    with pytest.raises(CheckError, match="witness"):
        verify_ledger(Workspace(tmp_path / "again"))
