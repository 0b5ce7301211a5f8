"""Objections to a decision: by when they are to be answered, by whom not, and what an answer can be.

This module is pure, and knows of words only as the hash under which they are sealed: the ledger can't forget, so it
never holds what a resident wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from peelian.errors import UsageError

__all__ = ["OUTCOMES", "Objection", "count", "due_at"]

OUTCOMES = ("upheld", "partly", "rejected")
STATES = ("open", "overdue", "answered")


@dataclass(frozen=True)
class Objection:
    """One objection.

    Parameters
    ----------
    id, decision : str
    role : str
        In which role it was entered; ``"public"`` where nobody acted for the agency.
    at, due : datetime
        When it came in, and by when it is to be answered; with a zone.
    words, contact : str, optional
        Hashes of what is sealed.
    answer : mapping, optional
        ``run``, ``at``, ``role``, ``outcome`` and ``words``.
    """

    id: str
    decision: str
    role: str
    at: datetime
    due: datetime
    words: str
    contact: str | None = None
    answer: Mapping[str, Any] | None = None

    def state(self, at: datetime) -> str:
        """``"open"``, ``"overdue"`` or ``"answered"``, at a time."""
        if self.answer is not None:
            return "answered"
        return "overdue" if at > self.due else "open"

    @property
    def sealed(self) -> list[str]:
        """Hashes of all that was said: the objection, whom to answer, and the answer."""
        found = [self.words, self.contact, (self.answer or {}).get("words")]
        return [digest for digest in found if digest is not None]


def due_at(came: datetime, days: int) -> datetime:
    """By when an objection is to be answered: the end of the last of so many days, in UTC."""
    last = came.astimezone(UTC) + timedelta(days=days)
    return last.replace(hour=23, minute=59, second=59, microsecond=0)


def count(objections: Iterable[Objection], at: datetime) -> dict[str, int]:
    """How many there are: ``total``, and how many in each state."""
    states = [one.state(at) for one in objections]
    return {"total": len(states), **{state: states.count(state) for state in STATES}}


def check_outcome(outcome: str) -> str:
    """One of `OUTCOMES`.

    Raises
    ------
    UsageError
        It is none.
    """
    if outcome not in OUTCOMES:
        msg = f"{outcome!r} was given as the outcome; expected one of {', '.join(OUTCOMES)}"
        raise UsageError(msg, hint="--outcome upheld")
    return outcome
