"""What is sealed, and who is registered, against the ledger: whatever somebody changes behind it is found and named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from peelian.errors import LedgerError
from peelian.workspace import Workspace
from peelian.workspace.decide import decide
from peelian.workspace.identity import TOKEN_VARIABLE, token_hash
from peelian.workspace.init import init
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.objections import erase_objection, object_to
from peelian.workspace.people import add_person, end_person, erase_person
from peelian.workspace.sealed import ERASED
from peelian.workspace.state import Person

from .conftest import Opener

WHY = "she has left the agency at the end of the month"
PEOPLE = {"steward": ["steward"], "analyst": ["analyst", "commander"], "overseer": ["overseer"]}


class City:
    """A workspace with three people; the analyst did something."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        init(folder, crs="EPSG:26915")
        first = add_person(Workspace(folder, role="steward"), "S", roles=["steward"]).result
        self.ids, self.tokens = {"steward": first["person"]}, {"steward": first["token"]}
        for name in ("analyst", "overseer"):
            made = add_person(self.by("steward"), name, roles=PEOPLE[name]).result
            self.ids[name], self.tokens[name] = made["person"], made["token"]
        self.acts("analyst")

    def by(self, name: str) -> Workspace:
        return Workspace(self.folder, token=self.tokens[name])

    def acts(self, name: str) -> str:
        acting = self.by(name)
        with acting.writing():
            return acting.commit(acting.new_run("quality"), {"note": "something was done"}).run

    def verify(self) -> dict[str, Any]:
        return verify_ledger(Workspace(self.folder, role="public", token=""))

    def row(self, name: str) -> dict[str, Any]:
        [row] = self.by("steward").state.rows(Person, Person.id == self.ids[name])
        return row

    def change(self, statement: Any) -> None:
        with Workspace(self.folder, token="").state.begin() as connection:
            connection.execute(statement)

    def set(self, name: str, **values: Any) -> None:
        self.change(update(Person).where(Person.id == self.ids[name]).values(**values))

    def key(self, digest: str) -> Path:
        return self.folder / "keys" / "seals" / digest

    def fails(self, match: str) -> None:
        with pytest.raises(LedgerError, match=match):
            self.verify()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> City:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(TOKEN_VARIABLE, raising=False)
        return City(tmp_path_factory.mktemp("sealed") / "city")


@pytest.fixture
def city(made: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> City:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    copy = City.__new__(City)
    copy.__dict__ |= made.__dict__ | {"folder": Path(shutil.copytree(made.folder, tmp_path / "city"))}
    return copy


def test_people_as_they_were_registered_ended_and_erased_verify(city: City) -> None:
    found = city.verify()
    # Three registrations, and three acts by somebody known.
    assert (found["texts_sealed"], found["texts_with_key"], found["texts_erased"]) == (6, 6, 0)
    end_person(city.by("steward"), city.ids["analyst"], reason=WHY)
    assert city.verify()["texts_erased"] == 0
    gone = erase_person(city.by("steward"), city.ids["analyst"], reason=WHY).result[ERASED]
    assert len(gone) == 2, "the name, and the note of the one act"
    found = city.verify()
    assert found["texts_sealed"] - found["texts_with_key"] == found["texts_erased"] == 4


def test_the_sealed_note_of_a_registration_binds_roles_and_token(city: City) -> None:
    row = city.row("analyst")
    note = json.loads(city.by("steward").seals.open(row["sealed"]))
    assert note["roles"] == PEOPLE["analyst"]
    assert note["token"] == row["token"] == token_hash(city.tokens["analyst"])


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"token": "ab" * 32}, "another id, role or token"),
        ({"id": "p-other"}, "another id, role or token"),
        ({"roles": '["overseer"]'}, "other roles than entry"),
        ({"token": "", "ended": "2026-01-01T00:00:00Z"}, "has ended, and by the ledger otherwise"),
        ({"token": ""}, "and by the ledger otherwise"),
        ({"sealed": "00" * 32}, "the ledger has no entry for that"),
    ],
)
def test_a_changed_row_of_somebody_is_found(city: City, values: dict[str, str], match: str) -> None:
    city.set("analyst", **values)
    city.fails(match)


def test_rows_without_an_entry_and_entries_without_a_row_are_found(city: City) -> None:
    row = city.row("overseer")
    city.change(delete(Person).where(Person.id == row["id"]))
    city.fails("registered somebody whom the state database doesn't know")
    city.change(insert(Person).values(**row))
    assert city.verify()["status"] == "verified"
    twin = row | {"id": "p-mine", "serial": 9, "token": token_hash("mine")}
    city.change(insert(Person).values(**twin))
    city.fails("the ledger has no entry for that")


def test_whoever_was_ended_does_not_come_back_by_the_database(city: City) -> None:
    row = city.row("analyst")
    end_person(city.by("steward"), row["id"], reason=WHY)
    city.set("analyst", ended=None, token=row["token"])
    city.fails("has not ended, and by the ledger otherwise")


def test_a_name_is_not_erased_by_the_database_alone(city: City) -> None:
    end_person(city.by("steward"), city.ids["analyst"], reason=WHY)
    city.set("analyst", id="erased-2", roles="[]")
    city.fails("other roles than entry")


def test_who_was_registered_before_roles_and_token_were_sealed_verifies(city: City) -> None:
    old = Workspace(city.folder, token=city.tokens["steward"])
    sealed = old.seals.seal(json.dumps({"person": "p-old", "name": "O. Old"}))
    values = {
        "id": "p-old",
        "serial": 4,
        "roles": '["analyst"]',
        "token": token_hash("old"),
        "sealed": sealed,
    }
    details = {"act": "added", "roles": ["analyst"], "sealed": sealed}
    with old.writing():
        old.commit(
            old.new_run("people"),
            details,
            details=details,
            also=lambda connection: connection.execute(
                insert(Person).values(**values, at="2026-01-01T00:00:00Z")
            ),
        )
    assert city.verify()["status"] == "verified"
    assert Workspace(city.folder, token="old").person == "p-old"


@pytest.mark.parametrize("key", ["who", "sealed"])
def test_a_key_that_somebody_deleted_is_missed_and_named(city: City, key: str) -> None:
    entry = [one for one in entries(city.by("overseer")) if key in one["details"]][-1]
    city.key(entry["details"][key]).unlink()
    city.fails(rf"1 sealed text\(s\) have no key.*: {key} of entry {entry['index']} \({entry['id']}\)")
    # Erasing somebody else does not explain it.
    end_person(city.by("steward"), city.ids["analyst"], reason=WHY)
    if key == "sealed":
        erase_person(city.by("steward"), city.ids["analyst"], reason=WHY)
        city.fails("1 sealed text")


def test_a_key_that_opens_nothing_is_found(city: City) -> None:
    digest = entries(city.by("overseer"), last=1)[0]["details"]["who"]
    city.key(digest).write_bytes(bytes(32))
    city.fails(f"the key of sealed/{digest} opens nothing")
    city.key(digest).write_bytes(b"short")
    city.fails("opens nothing")


def test_a_copy_without_keys_misses_none(city: City) -> None:
    end_person(city.by("steward"), city.ids["analyst"], reason=WHY)
    erase_person(city.by("steward"), city.ids["analyst"], reason=WHY)
    shutil.rmtree(city.folder / "keys")
    found = city.verify()
    assert (found["texts_with_key"], found["texts_erased"]) == (0, 4)
    city.set("overseer", roles='["commander"]')
    city.fails("other roles than entry")


def test_the_key_of_whom_to_answer_is_missed_too_and_an_erasure_explains_it(deciding: Opener) -> None:
    taken = decide(deciding(), "refuse", reason="the hours are there, and other places need them more").run
    made = object_to(deciding("public"), taken, text="Nobody asked us.", contact="me@example.org").result
    kept = deciding().seals.keys / made["contact"]
    key = kept.read_bytes()
    assert verify_ledger(deciding("public"))["texts_with_key"] == 2
    kept.unlink()
    with pytest.raises(LedgerError, match="contact of entry"):
        verify_ledger(deciding("public"))
    kept.write_bytes(key)
    objection = deciding().runs("object")[-1]["id"]
    erase_objection(deciding("steward"), objection, reason="they asked us to forget them")
    found = verify_ledger(deciding("public"))
    assert (found["texts_sealed"], found["texts_with_key"], found["texts_erased"]) == (2, 0, 2)
