"""What is written down happens once it's on record, and not before; and no copy of what went keeps a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from peelian.workspace import Workspace
from peelian.workspace.hold import hold
from peelian.workspace.removal import FOLDER, Removal, pending, settle, take_place, write_record_files

from .keeping import WHY, made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made(tmp_path / "city")


def staged(folder: Path, run: str) -> Removal:
    """A page that changes, one that goes, and a copy elsewhere."""
    place = folder / "runs" / "import-0002"
    for name in ("page.html", "gone.html"):
        (place / name).write_text(f"old {name}", encoding="utf-8")
    elsewhere = folder.parent / "draft"
    elsewhere.write_text("a copy", encoding="utf-8")
    made = Removal(
        run,
        replaced={"runs/import-0002/page.html": b"new"},
        removed=["runs/import-0002/gone.html"],
        seals=[Workspace(folder).seals.seal("words")],
        drafts=[str(elsewhere)],
    )
    made.stage(folder)
    return made


def test_what_was_never_recorded_never_happens(folder: Path) -> None:
    removal = staged(folder, "erase-0099")
    assert pending(folder, "runs/import-0002/page.html") is not None
    hold(Workspace(folder, role="overseer"), reason=WHY)  # whoever writes next
    place = folder / "runs" / "import-0002"
    assert (place / "page.html").read_text() == "old page.html"
    assert (place / "gone.html").exists()
    assert Workspace(folder).seals.state(removal.seals[0]) == "sealed"
    assert not (folder.parent / "draft").exists()
    assert not (folder / FOLDER).exists()
    assert pending(folder, "runs/import-0002/page.html") is None


def test_what_was_recorded_happens_though_its_process_died(folder: Path) -> None:
    removal = staged(folder, "import-0002")  # a run that is on record
    assert list(removal.hashes(folder)) == ["runs/import-0002/gone.html", "runs/import-0002/page.html"]
    place = folder / "runs" / "import-0002"
    other = folder.parent / "other"
    other.hardlink_to(place / "page.html")
    settle(Workspace(folder))
    assert (place / "page.html").read_bytes() == b"new"
    assert other.read_bytes() == bytes(len("old page.html"))
    assert not (place / "gone.html").exists()
    assert Workspace(folder).seals.state(removal.seals[0]) == "erased"
    assert (folder.parent / "draft").exists()  # it's what the run made
    assert not (folder / FOLDER).exists()


def test_a_list_that_was_half_written_is_no_list(folder: Path) -> None:
    place = folder / FOLDER / "import-0002" / "files" / "runs" / "import-0002"
    place.mkdir(parents=True)
    (place / "result.json").write_bytes(b"half")
    before = (folder / "runs" / "import-0002" / "result.json").read_bytes()
    settle(Workspace(folder))
    assert (folder / "runs" / "import-0002" / "result.json").read_bytes() == before
    assert not (folder / FOLDER).exists()


@pytest.mark.parametrize("links", [True, False])
def test_the_old_bytes_are_overwritten_with_links_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    new, target, old, seen = (tmp_path / name for name in ("new", "target", "old", "seen"))
    new.write_bytes(b"new")
    target.write_bytes(b"old bytes")
    seen.hardlink_to(target)
    if not links:

        def refuse(*_: object) -> None:
            raise PermissionError

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    take_place(new, target, old)
    assert target.read_bytes() == b"new"
    assert old.exists() == links
    assert seen.read_bytes() == (b"old bytes" if links else bytes(9))


def test_record_files_get_names_that_tell_their_import(tmp_path: Path) -> None:
    old = [
        "incidents/source=a/month=2024-01/import-0002.parquet",
        "quarantine/import-0003~erase-0007-1.parquet",
    ]
    added, removed = write_record_files(
        tmp_path, {old[0]: b"one", old[1]: b"two", "gone.parquet": None}, "erase-0009"
    )
    assert added == [
        "incidents/source=a/month=2024-01/import-0002~erase-0009-0.parquet",
        "quarantine/import-0003~erase-0009-1.parquet",
    ]
    assert removed == [*old, "gone.parquet"]
    assert [(tmp_path / name).read_bytes() for name in added] == [b"one", b"two"]
