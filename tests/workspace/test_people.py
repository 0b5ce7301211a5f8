"""Who acts: claimed roles until people are registered, then tokens; and names that can be erased without a trace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from peelian.errors import LedgerError, RefusedError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.identity import TOKEN_VARIABLE, token_hash
from peelian.workspace.init import init
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.people import add_person, end_person, erase_person, people, who_acted
from peelian.workspace.state import Person, Run

WHY = "she has left the agency at the end of the month"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    init(tmp_path / "city", crs="EPSG:26915")
    return tmp_path / "city"


def registered(folder: Path) -> dict[str, tuple[str, str]]:
    """Ids and tokens of a steward, an analyst who may also command, and an overseer."""
    first = add_person(Workspace(folder, role="steward"), "Stella Steward", roles=["steward"]).result
    steward = Workspace(folder, role="steward", token=first["token"])
    found = {"steward": (first["person"], first["token"])}
    for name, roles in (("Ana Analyst", ["analyst", "commander"]), ("Otto Overseer", ["overseer"])):
        made = add_person(steward, name, roles=roles).result
        found[roles[0]] = (made["person"], made["token"])
    return found


def every_byte(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_roles_are_claimed_until_somebody_is_registered(folder: Path) -> None:
    assert Workspace(folder, role="overseer").role == "overseer"
    assert Workspace(folder).person is None
    known = registered(folder)
    with pytest.raises(RefusedError, match="knows its people: as overseer one acts with a token") as no:
        Workspace(folder, role="overseer")
    assert TOKEN_VARIABLE in str(no.value.hint)
    assert Workspace(folder).role == "public"
    assert Workspace(folder, token=known["overseer"][1]).role == "overseer"


def test_a_token_gives_the_roles_of_its_person_and_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, token = registered(folder)["analyst"]
    monkeypatch.setenv(TOKEN_VARIABLE, token)
    assert (Workspace(folder).role, Workspace(folder).person) == ("analyst", person)
    assert Workspace(folder, role="commander").role == "commander"
    with pytest.raises(RefusedError, match="you may act as analyst or commander, and overseer was asked for"):
        Workspace(folder, role="overseer")
    monkeypatch.setenv(TOKEN_VARIABLE, token[:-1])
    with pytest.raises(RefusedError, match="belongs to nobody"):
        Workspace(folder)


def test_neither_names_nor_tokens_nor_ids_lie_open(folder: Path) -> None:
    known = registered(folder)
    everything = every_byte(folder)
    for name in (b"Stella", b"Ana Analyst", b"Otto"):
        assert name not in everything
    for person, token in known.values():
        assert token.encode() not in everything
        assert person.encode() not in every_byte(folder / "ledger")
        assert person.encode() not in every_byte(folder / "runs")
    told = people(Workspace(folder, token=known["steward"][1]))
    assert [one["name"] for one in told] == ["Stella Steward", "Ana Analyst", "Otto Overseer"]
    assert {one["name"] for one in people(Workspace(folder, token=known["analyst"][1]))} == {None}
    overseer = Workspace(folder, token=known["overseer"][1])
    assert [one["name"] for one in people(overseer)] == ["Stella Steward", "Ana Analyst", "Otto Overseer"]
    acted = who_acted(overseer, entries(overseer))
    assert set(acted.values()) == {"Stella Steward"}
    with pytest.raises(RefusedError, match="may not read who acted"):
        who_acted(Workspace(folder, token=known["analyst"][1]), entries(overseer))


def test_only_the_steward_registers_and_the_first_is_one(folder: Path) -> None:
    with pytest.raises(UsageError, match="the first person would be analyst; expected a steward"):
        add_person(Workspace(folder, role="steward"), "Ana", roles=["analyst"])
    known = registered(folder)
    with pytest.raises(RefusedError, match="may not register people"):
        add_person(Workspace(folder, token=known["analyst"][1]), "Eve", roles=["overseer"])
    steward = Workspace(folder, token=known["steward"][1])
    for roles in ([], ["public"], ["chief"]):
        with pytest.raises(UsageError, match="expected one or more of"):
            add_person(steward, "Eve", roles=roles)
    for other in ("overseer", "analyst", "commander", "dispatcher"):
        with pytest.raises(UsageError, match=r"expected steward alone"):
            add_person(steward, "Eve", roles=[other, "steward"])
    assert len(people(steward)) == 3
    with pytest.raises(UsageError, match="an empty name"):
        add_person(steward, "  ", roles=["analyst"])


def test_who_is_ended_acts_no_more_and_somebody_can_always_register(folder: Path) -> None:
    known = registered(folder)
    steward = Workspace(folder, token=known["steward"][1])
    person, token = known["analyst"]
    end_person(steward, person, reason=WHY)
    with pytest.raises(RefusedError, match="belongs to nobody"):
        Workspace(folder, token=token)
    with pytest.raises(UsageError, match="was ended on"):
        end_person(steward, person, reason=WHY)
    with pytest.raises(UsageError, match="is the last steward"):
        end_person(steward, known["steward"][0], reason=WHY)
    with pytest.raises(UsageError, match="no such id"):
        end_person(steward, "p-nobody", reason=WHY)


def test_the_last_overseer_stays_until_there_is_another(folder: Path) -> None:
    known = registered(folder)
    steward = Workspace(folder, token=known["steward"][1])
    person, token = known["overseer"]
    with pytest.raises(UsageError, match=f"{person} is the last overseer"):
        end_person(steward, person, reason=WHY)
    assert Workspace(folder, token=token).role == "overseer"
    other = add_person(steward, "Olga Overseer", roles=["commander", "overseer"]).result
    end_person(steward, person, reason=WHY)
    with pytest.raises(UsageError, match="is the last overseer"):
        end_person(steward, other["person"], reason=WHY)


def test_a_workspace_that_lost_its_people_takes_no_claimed_role(folder: Path) -> None:
    known = registered(folder)
    opened = Workspace(folder, role="public")
    with opened.state.begin() as connection:
        connection.execute(delete(Person))
    for role in ("overseer", "steward", "analyst"):
        with pytest.raises(LedgerError, match="its state database knows nobody") as no:
            Workspace(folder, role=role)
        assert "restore the state" in str(no.value.hint)
    with pytest.raises(LedgerError, match="knows nobody"):
        Workspace(folder, token=known["overseer"][1])
    assert Workspace(folder).role == Workspace(folder, role="public").role == "public"
    with pytest.raises(LedgerError, match="whom the state database doesn't know"):
        verify_ledger(Workspace(folder, role="public"))
    with opened.state.begin() as connection:  # nor where the runs went too: the entries were kept once more
        connection.execute(delete(Run).where(Run.verb == "people"))
    with pytest.raises(LedgerError, match="knows nobody"):
        Workspace(folder, role="overseer")


def test_a_token_that_was_swapped_in_the_state_opens_nothing(folder: Path) -> None:
    known = registered(folder)
    person, token = known["overseer"]
    opened = Workspace(folder, token=known["analyst"][1])
    with opened.state.begin() as connection:
        connection.execute(update(Person).where(Person.id == person).values(token=token_hash("mine")))
    with pytest.raises(LedgerError, match=f"another token for {person}"):
        Workspace(folder, token="mine")
    with pytest.raises(RefusedError, match="belongs to nobody"):
        Workspace(folder, token=token)
    with opened.state.begin() as connection:
        connection.execute(
            update(Person).where(Person.id == person).values(token=token_hash(token), roles='["commander"]')
        )
    with pytest.raises(LedgerError, match="other roles"):
        Workspace(folder, token=token)


def test_each_act_has_its_own_sealed_note_of_who_it_was(folder: Path) -> None:
    known = registered(folder)
    steward = Workspace(folder, token=known["steward"][1])
    notes = [entry["details"]["who"] for entry in entries(steward) if "who" in entry["details"]]
    assert len(notes) == len(set(notes)) == 2  # the first person was registered by a claimed role
    for note in notes:
        assert json.loads(steward.seals.open(note))["person"] == known["steward"][0]


def test_erasing_somebody_leaves_every_proof_and_no_trace(folder: Path) -> None:
    known = registered(folder)
    person, token = known["analyst"]
    acting = Workspace(folder, token=token)
    with acting.writing():
        acting.commit(acting.new_run("quality"), {"note": "something was done"})
    steward = Workspace(folder, token=known["steward"][1])
    with pytest.raises(UsageError, match="still holds a role"):
        erase_person(steward, person, reason=WHY)
    end_person(steward, person, reason=WHY)
    done = erase_person(steward, person, reason=WHY).result
    assert done["notes_erased"] == 1
    assert person.encode() not in every_byte(folder)
    assert [one["name"] for one in people(steward)] == ["Stella Steward", None, "Otto Overseer"]
    found = verify_ledger(steward)
    # The name, named again when it ended and when it was erased, and the note of the one act.
    assert found["texts_sealed"] - found["texts_with_key"] == found["texts_erased"] == 4
    assert Workspace(folder, token=known["overseer"][1]).role == "overseer"


def test_who_acted_can_not_be_changed_behind_the_ledger(folder: Path) -> None:
    known = registered(folder)
    acting = Workspace(folder, token=known["analyst"][1])
    with acting.writing():
        run = acting.commit(acting.new_run("quality"), {"note": "something was done"}).run
    found = verify_ledger(acting)
    # Three names, and three acts by somebody known.
    assert (found["texts_sealed"], found["texts_with_key"]) == (6, 6)
    with acting.state.begin() as connection:
        connection.execute(update(Run).where(Run.id == run).values(person=known["overseer"][0]))
    with pytest.raises(LedgerError, match=f"names somebody else for {run}"):
        verify_ledger(acting)
    with acting.state.begin() as connection:
        connection.execute(update(Run).where(Run.id == run).values(person=known["analyst"][0]))
    digest = entries(acting, last=1)[0]["details"]["who"]
    (folder / "sealed" / digest).write_bytes(b"something else")
    with pytest.raises(LedgerError, match="is changed"):
        verify_ledger(acting)
    (folder / "sealed" / digest).unlink()
    with pytest.raises(LedgerError, match="is missing"):
        verify_ledger(acting)
