"""What no change of the rules may take away or give: the overseer can stop the system, and the public doesn't run it.

Rules are changed by two people, and the overseer need not be one of them. So that two people can't rid themselves of
who watches them, a set by which the overseer could not is no set that may stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from peelian.charter import ROLES, Policy
from peelian.charter.actions import KIND_OF
from peelian.errors import RefusedError

__all__ = ["NOT_FOR_THE_PUBLIC", "OF_THE_OVERSEER", "check_powers"]

OF_THE_OVERSEER = ("halt", "oversee", "review_emergency", "resume")
"""What the overseer may under any set of rules."""
NOT_FOR_THE_PUBLIC = (
    "people",
    "erase",
    "retain",
    "backup",
    "rotate",
    "halt",
    "emergency",
    "resume",
    "approve_policy",
    "read_records",
)
"""What the public may under no set of rules: anybody can claim that role."""
RESUMING = 2
"""How many roles have to be able to resume, the overseer among them: a halt is ended by two people in two roles."""
_BY_TWO = ("resume", "review_emergency")
"""Actions that are asked for only where people can be told apart."""
_KIND_OF = {"halt": "system"}
"""What is acted upon where it is not what the action is done to by default."""


def check_powers(policy: Policy) -> None:
    """Refuse a set of rules that takes the overseer's powers, or gives the public any over the system.

    It is asked as a workspace would ask: whether anything is halted, an emergency stands or is to be reviewed, and
    whether people can be told apart.

    Raises
    ------
    RefusedError
        Saying who could or could not do what.
    """
    for action in OF_THE_OVERSEER:
        if not all(_allowed(policy, "overseer", action)):
            msg = f"after this change the overseer might not {_words(action)}; expected that the overseer always may"
            raise RefusedError(
                msg, hint=f"leave {_words(action)} to the overseer: no rule may forbid it to them"
            )
    able = [role for role in ROLES if all(_allowed(policy, role, "resume"))]
    if len(able) < RESUMING:
        msg = (
            f"after this change only {' and '.join(able)} could resume what is halted; expected the overseer and one "
            "more role, since it takes two people in different roles"
        )
        raise RefusedError(msg, hint="leave resuming, or write another rule in its place")
    given = [action for action in NOT_FOR_THE_PUBLIC if any(_allowed(policy, "public", action))]
    if given:
        msg = (
            f"after this change the role public could do this: {', '.join(_words(action) for action in given)}; "
            "expected none of it, since anybody can claim that role"
        )
        raise RefusedError(msg, hint="name the roles that a rule permits something: principal == Role::...")


def _allowed(policy: Policy, role: str, action: str) -> Iterator[bool]:
    """What the rules say in each state that a workspace can be in."""
    resource: dict[str, Any] = {"kind": _KIND_OF.get(action, KIND_OF[action])}
    context: dict[str, Any] = {}
    if action in _BY_TWO:
        resource |= {"same_person": False}
        context |= {"automated": False}
    if action == "resume":
        resource |= {"same_role": False}
    for known, circumstances in _states(told_apart=action in _BY_TWO):
        yield policy.ask(role, action, {**resource, **known}, {**context, **circumstances}).allowed


def _states(*, told_apart: bool) -> Iterator[tuple[Mapping[str, bool], Mapping[str, bool]]]:
    either = (False, True)
    for halted, unreviewed, emergency in product(either, repeat=3):
        for identified in (True,) if told_apart else either:
            yield (
                {"halted": halted, "unreviewed_emergency": unreviewed},
                {"identified": identified, "emergency": emergency},
            )


def _words(action: str) -> str:
    return action.replace("_", " ")
