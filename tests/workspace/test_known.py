"""What is halted or held is there: misspelt names are refused, and nothing keeps anybody from halting."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from peelian.cli import main
from peelian.errors import UsageError
from peelian.workspace import Workspace
from peelian.workspace.halt import halt
from peelian.workspace.halts import halts
from peelian.workspace.hold import hold
from peelian.workspace.holds import holds
from peelian.workspace.init import init
from peelian.workspace.known import check_known

from .conftest import Opener

WHY = "a complaint about these records is open"


@pytest.mark.parametrize(
    ("what", "name", "near"),
    [
        ("category", "burglarly", "did you mean burglary?"),
        ("source", "slmdp", "did you mean slmpd"),
        ("category", "zzzz", "stored are, for instance, "),
    ],
)
def test_a_misspelt_name_is_neither_halted_nor_held(
    acting: Opener, what: Literal["category", "source"], name: str, near: str
) -> None:
    overseer = acting("overseer")
    with pytest.raises(UsageError, match=f"'{name}' was given as a {what}, and nothing stored") as no:
        halt(overseer, what, name, reason=WHY)
    assert near in str(no.value.hint)
    with pytest.raises(UsageError, match=f"'{name}' was given as a {what}") as no:
        hold(overseer, reason=WHY, **{what: name})
    assert near in str(no.value.hint)
    assert (halts(overseer), holds(overseer)) == ([], [])


def test_what_is_stored_or_may_come_is_known(acting: Opener) -> None:
    overseer = acting("overseer")
    labels = overseer.store.table().select("label", "source").distinct().to_pyarrow().to_pylist()
    for row in labels[:3]:
        check_known(overseer, "category", row["label"].upper())
        check_known(overseer, "source", f" {row['source']} ")
    for category in ("Burglary", "robbery"):
        check_known(overseer, "category", category)
    for source in ("chicago", "mapped", "SLMPD"):
        check_known(overseer, "source", source)


def test_a_source_of_the_configuration_is_known(acting: Opener) -> None:
    path = acting().folder / "peelian.toml"
    with pytest.raises(UsageError, match="'desk' was given as a source"):
        check_known(acting(), "source", "desk")
    with path.open("a", encoding="utf-8") as file:
        file.write('\n[records.map.desk]\nid = "number"\n')
    check_known(acting(), "source", "Desk")


def test_nothing_keeps_from_halting_what_can_t_be_looked_up(acting: Opener, tmp_path: Path) -> None:
    init(tmp_path / "new", crs="EPSG:26915")
    check_known(Workspace(tmp_path / "new"), "source", "anything")  # nothing is stored yet
    for path in (acting().folder / "records").rglob("*.parquet"):
        path.write_bytes(b"broken")
    halt(acting("overseer"), "category", "burglarly", reason=WHY)
    assert [one["label"] for one in halts(acting())] == ["burglarly"]


def test_a_hold_of_all_records_is_said(acting: Opener, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(acting().folder)
    typed = ["hold", "add", "--reason", WHY, "--as", "overseer", "--workspace", folder]
    for more, told in (
        ([], "nothing was given as what to hold; expected either --all"),
        (["--all", "--category", "burglary"], "--all was given with a part of the records"),
    ):
        with pytest.raises(SystemExit) as stop:
            main([*typed, *more])
        assert stop.value.code == UsageError.exit_code
        assert told in capsys.readouterr().err
    assert holds(acting()) == []
    with pytest.raises(SystemExit) as stop:
        main([*typed, "--all"])
    assert stop.value.code == 0
    assert [one["covers"] for one in holds(acting())] == ["all records"]
