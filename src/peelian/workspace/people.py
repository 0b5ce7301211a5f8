"""``people``: who may act in which role, so that two people are known to be two.

A person is an id, the roles they hold, and the hash of a token. Their name lies sealed under a key of its own. The
ledger learns of neither: each entry of theirs carries the hash of a sealed note that says who acted, another one each
time, so that an outsider can't even tell which entries are by the same person; and destroying the keys erases it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from peelian.charter import ROLES, Entry, Ledger, check_reason
from peelian.errors import UsageError
from peelian.workspace.identity import token_hash
from peelian.workspace.sealed import ERASED
from peelian.workspace.state import Person, Run
from peelian.workspace.workspace import Outcome, Workspace

__all__ = [
    "add_person",
    "end_person",
    "erase_person",
    "forget",
    "may_read_names",
    "notes_of",
    "people",
    "who_acted",
]


def add_person(workspace: Workspace, name: str, *, roles: Sequence[str]) -> Outcome:
    """Register somebody, and give them a token. It is shown once: only its hash is kept.

    Returns
    -------
    Outcome
        With ``person``, the id, and ``token``; the stored result has neither.

    Raises
    ------
    UsageError
        A role is unknown, a steward is to have another one too, or the first person is no steward, so that nobody
        could register the second.
    RefusedError
        The role may not register people.
    """
    wanted = _roles(roles)
    if not name.strip():
        msg = "an empty name was given; expected what colleagues would recognise the person by"
        raise UsageError(msg, hint="peelian people add --name 'A. Example' --role analyst")
    workspace.require("people", {"kind": "workspace"})
    with workspace.writing():
        if not workspace.state.rows(Person) and "steward" not in wanted:
            msg = f"the first person would be {' and '.join(wanted)}; expected a steward, who registers the others"
            raise UsageError(msg, hint="add --role steward; or register the steward first")
        person, token = f"p-{secrets.token_hex(8)}", f"peelian_{secrets.token_urlsafe(32)}"
        # Roles and the token's hash are in it too: the entry binds them, and nobody changes them in the state unseen.
        note = {"person": person, "name": name.strip(), "roles": wanted, "token": token_hash(token)}
        sealed = workspace.seals.seal(json.dumps(note, ensure_ascii=False))
        at = workspace.now().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

        def register(connection: Connection) -> None:
            serial = connection.execute(select(func.max(Person.serial))).scalar() or 0
            values = {"id": person, "serial": serial + 1, "roles": json.dumps(wanted), "at": at}
            connection.execute(insert(Person).values(**values, token=token_hash(token), sealed=sealed))

        result = {"act": "added", "roles": wanted, "sealed": sealed}
        done = workspace.commit(
            workspace.new_run("people"),
            result,
            also=register,
            details={"act": "added", "roles": wanted, "sealed": sealed},
        )
    return Outcome(done.run, {**done.result, "person": person, "token": token})


def end_person(workspace: Workspace, person: str, *, reason: str) -> Outcome:
    """Take all roles from somebody; what they did stays theirs.

    Raises
    ------
    UsageError
        There is no such person, or nobody would be left who can register people, or who oversees.
    RefusedError
        The role may not.
    """
    workspace.require("people", {"kind": "workspace"})
    said = check_reason(reason)
    with workspace.writing():
        row = _active(workspace, person)
        others = [p for p in people(workspace) if p["ended"] is None and p["person"] != person]
        if not any("steward" in p["roles"] for p in others):
            msg = f"{person} is the last steward; without one, nobody could register anyone"
            raise UsageError(msg, hint="peelian people add --name NAME --role steward, then end this one")
        if "overseer" in json.loads(row["roles"]) and not any("overseer" in p["roles"] for p in others):
            msg = f"{person} is the last overseer; without one, nobody could halt the system or look at what is done"
            raise UsageError(msg, hint="peelian people add --name NAME --role overseer, then end this one")
        at = workspace.now().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

        def end(connection: Connection) -> None:
            connection.execute(update(Person).where(Person.id == person).values(ended=at, token=""))

        result = {"act": "ended", "reason": said, "sealed": row["sealed"]}
        return workspace.commit(
            workspace.new_run("people"), result, also=end, details={"act": "ended", "sealed": row["sealed"]}
        )


def erase_person(workspace: Workspace, person: str, *, reason: str) -> Outcome:
    """Erase who somebody was: the keys to their name and to every note that they acted are destroyed.

    Their roles have to have been ended before. The ledger and every proof over it stay as they are.

    Raises
    ------
    UsageError
        There is no such person, or they still hold a role.
    RefusedError
        The role may not.
    """
    workspace.require("people", {"kind": "workspace"})
    said = check_reason(reason)
    with workspace.writing():
        row = _known(workspace, person)
        if row["ended"] is None:
            msg = f"{person} still holds a role"
            raise UsageError(msg, hint=f"peelian people end {person} --reason '...', then erase")
        notes = notes_of(workspace, person)
        gone = sorted({row["sealed"], *notes})
        # Which keys were destroyed stands in the result, so that one which somebody deletes by hand is missed.
        result = {
            "act": "erased",
            "reason": said,
            "sealed": row["sealed"],
            "notes_erased": len(notes),
            ERASED: gone,
        }
        done = workspace.commit(
            workspace.new_run("people"),
            result,
            also=lambda connection: forget(connection, row),
            details={"act": "erased", "sealed": row["sealed"]},
        )
        # The keys go last: a process that dies before has recorded what is to be erased, and can be asked again.
        for digest in gone:
            workspace.seals.destroy(digest)
        workspace.state.scrub()
    return done


def notes_of(workspace: Workspace, person: str) -> list[str]:
    """The sealed notes that somebody acted, by the hashes of their ciphertexts."""
    return _notes(workspace, {row["id"] for row in workspace.state.rows(Run, Run.person == person)})


def forget(connection: Connection, row: dict[str, Any]) -> None:
    """Take the id of somebody who ended from the rows of the state."""
    connection.execute(update(Run).where(Run.person == row["id"]).values(person=None))
    values = {"id": f"erased-{row['serial']}", "roles": "[]"}
    connection.execute(update(Person).where(Person.id == row["id"]).values(**values))


def may_read_names(workspace: Workspace) -> bool:
    """Whether names are opened for whoever acts: for the steward who registers people, and for the overseer."""
    thing = {"kind": "workspace"}
    return any(
        workspace.policy.ask(workspace.role, action, thing).allowed for action in ("people", "read_names")
    )


def who_acted(workspace: Workspace, entries: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The names of those who acted, by the ids of entries: of those whose notes can be opened here, for who may.

    Raises
    ------
    RefusedError
        The role may not.
    """
    workspace.require("read_names", {"kind": "workspace"})
    names = {one["person"]: one["name"] for one in people(workspace) if one["name"] is not None}
    found = {}
    for entry in entries:
        digest = entry["details"].get("who")
        if digest is not None and workspace.seals.state(digest) == "sealed":
            person = json.loads(workspace.seals.open(digest))["person"]
            if person in names:
                found[entry["id"]] = names[person]
    return found


def people(workspace: Workspace) -> list[dict[str, Any]]:
    """Everybody who is or was registered: ``person``, ``name``, ``roles``, ``at`` and ``ended``.

    The name is None where it was erased, or is not for this role to read.
    """
    readable = may_read_names(workspace)
    found = []
    for row in workspace.state.rows(Person, order=Person.serial):
        name = None
        if readable and workspace.seals.state(row["sealed"]) == "sealed":
            name = json.loads(workspace.seals.open(row["sealed"]))["name"]
        found.append(
            {
                "person": row["id"],
                "name": name,
                "roles": json.loads(row["roles"]),
                "at": row["at"],
                "ended": row["ended"],
            }
        )
    return found


def _roles(roles: Sequence[str]) -> list[str]:
    known = [role for role in ROLES if role != "public"]
    unknown = [role for role in roles if role not in known]
    if unknown or not roles:
        msg = f"{', '.join(unknown) or 'no role'} was given; expected one or more of {', '.join(known)}"
        raise UsageError(msg, hint="peelian people add --name 'A. Example' --role analyst")
    wanted = list(dict.fromkeys(roles))
    if "steward" in wanted and len(wanted) > 1:
        msg = f"{' and '.join(wanted)} were given; expected steward alone: who registers people may not act as they do"
        raise UsageError(msg, hint="register somebody else for the other roles")
    return wanted


def _known(workspace: Workspace, person: str) -> dict[str, Any]:
    rows = workspace.state.rows(Person, Person.id == person)
    if not rows:
        msg = f"{person!r} was given as a person, and there is no such id"
        raise UsageError(msg, hint="peelian people list")
    return rows[0]


def _active(workspace: Workspace, person: str) -> dict[str, Any]:
    row = _known(workspace, person)
    if row["ended"] is not None:
        msg = f"{person} was ended on {row['ended']} already"
        raise UsageError(msg, hint="peelian people list")
    return row


def _notes(workspace: Workspace, runs: set[str]) -> list[str]:
    """The sealed notes of who acted in these runs, from the ledger itself."""
    ledger = Ledger.open(workspace.folder / "ledger")
    entries = (Entry.from_bytes(body) for body in ledger.entries())
    return [str(e.details["who"]) for e in entries if e.id in runs and "who" in e.details]
