"""Who acts: a role that is claimed, or a registered person who shows a token.

A workspace that knows nobody takes the role that is claimed. Once people are registered, a role is what a token gives,
and whoever shows none is the public.
"""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import dataclass
from typing import Any

from peelian.errors import RefusedError
from peelian.workspace.state import Person, State

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
    """
    known = state.rows(Person, order=Person.serial)
    if not known:
        return Actor(role or default)
    token = os.environ.get(TOKEN_VARIABLE) if token is None else token
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
