"""Holds: set by one, seen by all, released by another."""

from __future__ import annotations

from pathlib import Path

import pytest

from peelian.errors import RefusedError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.hold import hold, release
from peelian.workspace.holds import holds, holds_on_run
from peelian.workspace.identity import TOKEN_VARIABLE
from peelian.workspace.init import init
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.people import add_person

WHY = "a claim before the circuit court, file 2216-CC"
OVER = "the court has closed the file, nothing is needed"


@pytest.fixture
def folder(tmp_path: Path, state_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace; a test that takes this runs on SQLite and on PostgreSQL."""
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    init(tmp_path / "city", crs="EPSG:26915", sections={"state": {"url": state_url}})
    return tmp_path / "city"


def test_a_hold_stands_until_another_role_releases_it(folder: Path) -> None:
    done = hold(
        Workspace(folder, role="commander"),
        reason=WHY,
        source="slmpd",
        category="burglary",
        first="2024-01-01",
        last="2024-12-31",
    )
    assert done.run == "hold-0002"
    (found,) = holds(Workspace(folder))
    assert found["at"] < "3000"
    assert {key: found[key] for key in found if key != "at"} == {
        "run": "hold-0002",
        "source": "slmpd",
        "category": "burglary",
        "from": "2024-01-01",
        "to": "2024-12-31",
        "covers": "records of burglary from the source slmpd from 2024-01-01 to 2024-12-31",
        "reason": WHY,
        "role": "commander",
    }
    with pytest.raises(RefusedError, match="is not the second person"):
        release(Workspace(folder, role="commander"), "hold-0002", reason=OVER)
    ended = release(Workspace(folder, role="overseer"), "hold-0002", reason=OVER)
    assert ended.result["hold"] == "hold-0002"
    assert holds(Workspace(folder)) == []
    kinds = [entry["kind"] for entry in entries(Workspace(folder))]
    assert kinds == ["workspace", "hold", "release"]
    assert verify_ledger(Workspace(folder))["status"] == "verified"


def test_among_people_it_is_another_person_in_whichever_role(folder: Path) -> None:
    first = add_person(Workspace(folder, role="steward"), "Stella", roles=["steward"]).result
    steward = Workspace(folder, token=first["token"])
    cora = add_person(steward, "Cora", roles=["commander", "overseer"]).result["token"]
    otto = add_person(steward, "Otto", roles=["commander"]).result["token"]
    run = hold(Workspace(folder, role="commander", token=cora), reason=WHY).run
    with pytest.raises(RefusedError, match="is not the second person"):
        release(Workspace(folder, role="overseer", token=cora), run, reason=OVER)
    assert release(Workspace(folder, role="commander", token=otto), run, reason=OVER).result["hold"] == run


@pytest.mark.parametrize("role", ["analyst", "steward", "dispatcher", "public"])
def test_who_deletes_does_not_hold_and_does_not_release(folder: Path, role: str) -> None:
    with pytest.raises(RefusedError, match="may not hold"):
        hold(Workspace(folder, role=role), reason=WHY)
    run = hold(Workspace(folder, role="overseer"), reason=WHY).run
    with pytest.raises(RefusedError, match="may not release"):
        release(Workspace(folder, role=role), run, reason=OVER)


def test_what_is_no_hold(folder: Path) -> None:
    with pytest.raises(UsageError, match="the reason given is 'x'"):
        hold(Workspace(folder, role="overseer"), reason="x")
    with pytest.raises(UsageError, match="was given as the hold to release; there are: none"):
        release(Workspace(folder, role="overseer"), "hold-0009", reason=OVER)
    assert holds(Workspace(folder)) == []


def test_results_are_held_with_what_they_may_rest_on() -> None:
    plain = {"source": None, "category": None, "from": None, "to": None}
    standing = [
        plain | {"run": "a", "category": "Burglary", "source": "slmpd"},
        plain | {"run": "b", "to": "2024-01-01"},
    ]
    assert holds_on_run(standing, "burglary") == ["a", "b"]
    assert holds_on_run(standing, "") == ["a", "b"]
    assert holds_on_run(standing, "theft") == ["b"]
