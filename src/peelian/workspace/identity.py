"""Who acts: a role that is claimed, or a registered person who shows a token.

A workspace that knows nobody takes the role that is claimed. Once people are registered, a role is what a token gives,
and whoever shows none is the public. Where people were registered and their table is empty, somebody emptied it: then
nobody but the public acts.
"""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_

from peelian.charter import Seals
from peelian.errors import CheckError, LedgerError, RefusedError
from peelian.workspace.state import OutboxRow, Person, Run, State

__all__ = ["TOKEN_VARIABLE", "Actor", "identify", "token_hash"]

TOKEN_VARIABLE = "PEELIAN_TOKEN"  # noqa: S105 - the name of a variable, not what is in it


@dataclass(frozen=True)
class Actor:
    """In which role somebody acts, and who that is where the workspace can tell.

    Parameters
    ----------
    role : str
    person : str, optional
        Id of a registered person; None where roles are only claimed, or nobody showed a token.
    """

    role: str
    person: str | None = None


def token_hash(token: str) -> str:
    """What is kept of a token: its hex SHA-256. It has 256 bits of chance, so that nothing slower is needed."""
    from peelian.workspace.files import sha256_of

    return sha256_of(token.strip().encode())


def identify(state: State, *, role: str | None, default: str, token: str | None = None) -> Actor:
    """In which role, and as whom, somebody acts.

    Parameters
    ----------
    role : str, optional
        The role that was asked for.
    default : str
        The configuration's role for whoever asks for none.
    token : str, optional
        A person's token; by default that in the environment variable ``PEELIAN_TOKEN``. An empty one is none.

    Raises
    ------
    RefusedError
        The workspace knows its people, and the token is nobody's, or that person may not act in this role.
    LedgerError
        People were registered, and the state has lost them, or has other roles or another token for this person than
        the sealed note of their registration says.
    """
    known = state.rows(Person, order=Person.serial)
    token = os.environ.get(TOKEN_VARIABLE) if token is None else token
    if not known:
        if not _were_registered(state):
            return Actor(role or default)
        if role == "public" or (role is None and not token):
            return Actor("public")
        msg = "people were registered in this workspace, and its state database knows nobody"
        raise LedgerError(msg, hint="restore the state from a backup; until then one acts as the public only")
    if not token:
        if role not in (None, "public"):
            msg = f"this workspace knows its people: as {role} one acts with a token, and none was given"
            raise RefusedError(
                msg, hint=f"set {TOKEN_VARIABLE} to the token that peelian people add printed for you"
            )
        return Actor("public")
    person = _of_token(known, token)
    if person is None:
        msg = f"the token in {TOKEN_VARIABLE} belongs to nobody who is registered here now"
        raise RefusedError(msg, hint="ask the steward: peelian people list, peelian people add")
    _check_note(state, person)
    roles = json.loads(person["roles"])
    chosen = role or (default if default in roles else roles[0])
    if chosen not in (*roles, "public"):
        msg = f"you may act as {' or '.join(roles)}, and {chosen} was asked for"
        raise RefusedError(msg, hint=f"--as {roles[0]}")
    return Actor(chosen, person["id"])


def _of_token(known: list[dict[str, Any]], token: str) -> dict[str, Any] | None:
    digest = token_hash(token)
    found = [row for row in known if row["ended"] is None and hmac.compare_digest(row["token"], digest)]
    return found[0] if found else None


def _were_registered(state: State) -> bool:
    """Whether a run or an entry says that people were registered; both are found by an index."""
    of_people = (Run, or_(Run.verb == "people", Run.id.startswith("people-")))
    return bool(state.rows(*of_people) or state.rows(OutboxRow, OutboxRow.id.startswith("people-")))


def _check_note(state: State, person: dict[str, Any]) -> None:
    """Hold the row against the sealed note of the registration, where its key is here; verifying finds the rest."""
    seals = Seals(state.folder / "sealed", state.folder / "keys" / "seals")
    stored = {"person": person["id"], "roles": json.loads(person["roles"]), "token": person["token"]}
    try:
        if seals.state(person["sealed"]) == "erased":
            return
        note = json.loads(seals.open(person["sealed"]))
    except OSError:  # a key that is not for whoever acts to read
        return
    except CheckError as error:
        msg = f"the note of the registration of {person['id']} can't be read: {error.message}"
        raise LedgerError(msg, hint="peelian ledger verify; restore the workspace from a backup") from error
    # Who was registered by an earlier version has a note without roles and token.
    if any(note.get(key, value) != value for key, value in stored.items()):
        msg = f"the state database has other roles or another token for {person['id']} than when they were registered"
        raise LedgerError(msg, hint="peelian ledger verify; restore the state from a backup")
