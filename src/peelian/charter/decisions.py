"""Decisions: what a role decided on a plan, why, and what it was looking at.

A plan is advice until a named role approves it, changes it or refuses it, with a reason. Approving has no
shorter way than refusing. What is decided begins and runs out at stated times; after that it has to be decided again,
and what came of it is reviewed. One table says what can become of a plan in each state.
This module is pure: where decisions are kept is the workspace's matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from peelian.charter.actions import ROLES
from peelian.errors import DataError, RefusedError, UsageError

__all__ = [
    "CHOICES",
    "MIN_REASON",
    "STATES",
    "Decision",
    "check_reason",
    "is_in_force",
    "standing",
    "transition",
]

CHOICES = ("approve", "amend", "refuse")
STATES = (
    "draft", "proposed", "approved", "amended", "refused", "in force", "expired", "withdrawn", "reviewed",
)  # fmt: skip
MIN_REASON = 20
"""Fewest characters of a reason."""

_MOVES: Mapping[str, Mapping[str, str]] = {
    "draft": {"propose": "proposed", "withdraw": "withdrawn"},
    "proposed": {
        "approve": "approved",
        "amend": "amended",
        "refuse": "refused",
        "withdraw": "withdrawn",
        "expire": "expired",
    },
    "approved": {"begin": "in force", "withdraw": "withdrawn", "expire": "expired"},
    "amended": {"begin": "in force", "withdraw": "withdrawn", "expire": "expired"},
    "refused": {},
    "in force": {"withdraw": "withdrawn", "expire": "expired"},
    "expired": {"review": "reviewed"},
    "withdrawn": {"review": "reviewed"},
    "reviewed": {},
}
"""The life of a plan: what can become of it in each state. Time alone begins and expires; all else people do."""
_ACTIONS = tuple(dict.fromkeys(action for moves in _MOVES.values() for action in moves))
_NEW = "withdraw it, or make a new plan and decide on that"
_HINTS: Mapping[tuple[str, str], str] = {
    ("draft", ""): "propose it first",
    ("in force", "review"): "it is reviewed once it has expired or was withdrawn",
    ("approved", "review"): "it is reviewed once it has expired or was withdrawn",
    ("amended", "review"): "it is reviewed once it has expired or was withdrawn",
    ("proposed", "review"): "decide on it; what was approved is reviewed when it is over",
    ("expired", ""): "review it, and make a new plan: peelian review DECISION --reason '...'",
    ("withdrawn", ""): "review it, and make a new plan: peelian review DECISION --reason '...'",
}
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


def transition(state: str, action: str) -> str:
    """The state that an action leads to.

    Parameters
    ----------
    state : str
        One of `STATES`.
    action : {"propose", "approve", "amend", "refuse", "begin", "expire", "withdraw", "review"}

    Raises
    ------
    RefusedError
        If the action can't be taken in this state; the message says which can.
    UsageError
        If there is no such state or action.
    """
    for what, given, known in (("state", state, STATES), ("action", action, _ACTIONS)):
        if given not in known:
            msg = f"there is no {what} {given!r}; expected one of {', '.join(known)}"
            raise UsageError(msg)
    moves = _MOVES[state]
    if action not in moves:
        if not moves:
            msg = f"what is {state} stays so: it can't be used to {action}"
            raise RefusedError(msg, hint="make a new plan and decide on that: peelian plan")
        msg = f"one can't {action} what is {state}; it can be: {', '.join(moves)}"
        raise RefusedError(msg, hint=_HINTS.get((state, action)) or _HINTS.get((state, ""), _NEW))
    return moves[action]


def _reachable(state: str) -> set[str]:
    """A state, and every one that can come after it."""
    return {state}.union(*(_reachable(after) for after in _MOVES[state].values()))


def _utc(at: datetime, *, what: str) -> datetime:
    if at.tzinfo is None:
        msg = f"{what} is {at.isoformat()} without a zone; expected a time in UTC"
        raise UsageError(msg)
    return at.astimezone(UTC)


def _written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


@dataclass(frozen=True)
class Decision:
    """One decision, as it was taken. Use `make`, which checks that it can be.

    Parameters
    ----------
    id : str
        Of the decision.
    subject : str
        Id of the plan.
    action : {"approve", "amend", "refuse"}
    state : str
        State of the plan after it.
    role : str
        Who decided; never a person's name.
    reason : str
        Why, in words.
    decided_at, expires_at : datetime
        In UTC.
    begins_at : datetime, optional
        From when on it may be carried out; from the decision on when it is not given.
    looked : mapping, optional
        The last look at exactly what was decided on by whoever decided: ``run``, and ``seconds`` from it to the
        decision. None where there was none.
    removed, added : tuple of str
        For an amendment: ids of the cells taken out of the plan and put into it.
    shown : mapping of str to str
        What was on the screen: SHA-256, in hex, by the part's name.
    shown_copy : str, optional
        Where the copy of it lies.
    dissent : str, optional
        A view that differed, in words.
    demonstration : bool
        Whether a script took it in someone's place, to show the step. It must be said wherever it is shown.
    """

    id: str
    subject: str
    action: str
    state: str
    role: str
    reason: str
    decided_at: datetime
    expires_at: datetime
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    shown: Mapping[str, str] = field(default_factory=dict)
    shown_copy: str | None = None
    dissent: str | None = None
    demonstration: bool = False
    begins_at: datetime | None = None
    looked: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        _check_said("reason", self.reason)
        if self.dissent is not None:
            _check_said("dissent", self.dissent)
        if self.action not in CHOICES:
            msg = f"the decision is {self.action!r}; expected one of {', '.join(CHOICES)}"
            raise UsageError(msg)
        outcome = _MOVES["proposed"][self.action]
        if self.state not in _reachable(outcome):
            msg = f"a decision to {self.action} can't leave a plan {self.state}"
            raise UsageError(msg)
        if self.role not in ROLES:
            msg = f"{self.role!r} decided; expected a role: {', '.join(ROLES)}"
            raise UsageError(msg)
        if not self.id or not self.subject:
            msg = "a decision needs an id and the id of what was decided on"
            raise UsageError(msg)
        _check_amendments(self.action, self.removed, self.added)
        _check_shown(self.shown)
        decided = _utc(self.decided_at, what="the time of a decision")
        if _utc(self.begins, what="the beginning of a decision") < decided:
            msg = f"the decision of {_written(decided)} would begin at {_written(self.begins)}, before it was taken"
            raise UsageError(msg, hint="let it begin now or later: what nobody had approved was not in force")
        if _utc(self.expires_at, what="the end of a decision") <= self.begins:
            msg = f"the decision of {_written(decided)} would run out at {_written(self.expires_at)}, not after it"
            raise UsageError(msg, hint="give a later end")

    @property
    def begins(self) -> datetime:
        """From when on it may be carried out."""
        return self.begins_at or self.decided_at

    @classmethod
    def make(
        cls,
        *,
        id: str,  # noqa: A002 - the field's name
        subject: str,
        state: str,
        action: str,
        role: str,
        reason: str,
        decided_at: datetime,
        expires_at: datetime,
        shown: Mapping[str, str],
        removed: tuple[str, ...] = (),
        added: tuple[str, ...] = (),
        shown_copy: str | None = None,
        dissent: str | None = None,
        demonstration: bool = False,
        begins_at: datetime | None = None,
        looked: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Take a decision on a plan that is now in ``state``; other parameters as those of the class.

        Raises
        ------
        UsageError
            If the reason says too little, an amendment changes nothing or another decision changes something,
            nothing was shown, or a field is not of its form.
        RefusedError
            If a plan in this state can't be decided on.
        """
        if not shown:
            msg = "a decision needs what was on the screen when it was taken"
            raise UsageError(msg, hint="pass the SHA-256 of each page that was shown")
        if action not in CHOICES:
            msg = f"the decision is {action!r}; expected one of {', '.join(CHOICES)}"
            raise UsageError(msg)
        return cls(
            id=id,
            subject=subject,
            action=action,
            state=transition(state, action),
            role=role,
            reason=reason.strip(),
            decided_at=_utc(decided_at, what="the time of a decision"),
            expires_at=_utc(expires_at, what="the end of a decision"),
            removed=tuple(removed),
            added=tuple(added),
            shown=dict(shown),
            shown_copy=shown_copy,
            dissent=dissent,
            demonstration=demonstration,
            begins_at=None if begins_at is None else _utc(begins_at, what="the beginning of a decision"),
            looked=None if looked is None else dict(looked),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; times as ISO 8601 with ``Z``."""
        plain: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        for key in ("decided_at", "begins_at", "expires_at"):
            plain[key] = None if plain[key] is None else _written(plain[key].astimezone(UTC))
        return {**plain, "removed": list(self.removed), "added": list(self.added), "shown": dict(self.shown)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Decision:
        """Read what `to_dict` gave, by this version or an earlier one, which knew no beginning and no look.

        Raises
        ------
        DataError
            If it is not that.
        """
        try:
            given = dict(data)
            for key in ("decided_at", "begins_at", "expires_at"):
                if key != "begins_at" or given.get(key) is not None:
                    given[key] = datetime.fromisoformat(given[key])
            given["removed"], given["added"] = tuple(given["removed"]), tuple(given["added"])
            given["shown"] = dict(given["shown"])
            return cls(**given)
        except (KeyError, TypeError, ValueError, AttributeError, UsageError) as error:
            msg = f"this is not a stored decision: {error}"
            raise DataError(msg) from error


def check_reason(reason: str, *, what: str = "reason") -> str:
    """A reason, or what else is to be said in words, without the white space around it.

    Raises
    ------
    UsageError
        It says too little.
    """
    _check_said(what, reason)
    return reason.strip()


def _check_said(what: str, text: str) -> None:
    """A reason is words: enough of them, and letters rather than dots."""
    letters = sum(character.isalpha() for character in text)
    if len(text.strip()) < MIN_REASON or letters < MIN_REASON // 2 or len(set(text.lower())) < 5:
        msg = f"the {what} given is {text!r}; expected at least {MIN_REASON} characters of words"
        raise UsageError(
            msg, hint=f"say in a sentence or two what the {what} is; it will be read by the overseer"
        )


def _check_amendments(action: str, removed: tuple[str, ...], added: tuple[str, ...]) -> None:
    if action == "amend" and not (removed or added):
        msg = "an amendment was given without a place to remove or to add"
        raise UsageError(msg, hint="name at least one, or approve or refuse the plan as it is")
    if action != "amend" and (removed or added):
        msg = f"places to remove or add were given with {action!r}; they go with an amendment"
        raise UsageError(msg, hint="amend the plan instead")
    twice = sorted(set(removed) & set(added))
    if twice:
        msg = f"{', '.join(twice)} would be both removed and added"
        raise UsageError(msg, hint="name each place once")


def _check_shown(shown: Mapping[str, str]) -> None:
    for name, digest in shown.items():
        if not _HEX.fullmatch(digest):
            msg = f"the hash of {name!r}, which was shown, is {digest!r}; expected SHA-256 in 64 hexadecimal digits"
            raise UsageError(msg)


def standing(decision: Decision, at: datetime) -> str:
    """The state of a plan by its decision at a time: what was done, and what the time makes of it.

    Nobody has to do anything for an approval to begin or to expire.

    Raises
    ------
    UsageError
        If the time has no zone.
    """
    moment = _utc(at, what="the time that was asked about")
    state = decision.state
    if "begin" in _MOVES[state] and moment >= decision.begins:
        state = transition(state, "begin")
        if moment >= decision.expires_at:
            state = transition(state, "expire")
    return state


def is_in_force(decision: Decision, at: datetime) -> bool:
    """Whether what was decided may be carried out at a time: approved or amended, begun and not run out.

    Raises
    ------
    UsageError
        If the time has no zone.
    """
    return standing(decision, at) == "in force"
