"""``emergency``: one person may for some hours do what their role may not; the overseer is told, and looks at it after.

The glass is broken by the person who needs it, with a reason, for named actions. The hard rules hold all the same. When
it is over, their role decides and publishes nothing until an overseer, who is somebody else, has reviewed it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any

from peelian.charter import ACTIONS, check_reason
from peelian.charter.durable import replace_file
from peelian.errors import RefusedError, UsageError
from peelian.workspace.emergencies import FOLDER, VERB, covering, emergencies, made_under, said, standing_of
from peelian.workspace.state import Run
from peelian.workspace.workspace import Outcome, Workspace

__all__ = [
    "FINDINGS",
    "begin_emergency",
    "end_emergency",
    "opened_actions",
    "review_emergency",
    "write_notices",
]

FINDINGS = ("justified", "exceeded", "unjustified")
"""What a review can find: that it was needed, that more was done than was needed, or that it was not needed."""


def begin_emergency(
    workspace: Workspace, *, to: Sequence[str], hours: float, reason: str, automated: bool = False
) -> Outcome:
    """Announce an emergency: from now on, and for so many hours, whoever acts may do what is named.

    Parameters
    ----------
    to : sequence of str
        Actions, as in `peelian.charter.ACTIONS`, that an emergency opens to this role.
    hours : float
        At most ``[emergency] max_hours``.
    reason : str
        Why, in words; required.

    Raises
    ------
    RefusedError
        The role may not, roles are only claimed here, an emergency of theirs was not reviewed, or one stands.
    UsageError
        An action is not opened by an emergency, the time is too long, or the reason says too little.
    """
    text = check_reason(reason)
    with workspace.writing():
        workspace.require("emergency", {"kind": "emergency"}, {"automated": automated})
        standing = standing_of(workspace)
        if standing is not None:
            msg = f"{standing} of yours stands; expected one emergency at a time, which is then reviewed"
            raise RefusedError(msg, hint="peelian emergency end, then ask the overseer to review it")
        actions = _actions(workspace, to)
        until = _until(workspace, hours)
        result = {
            "act": "begun",
            "actions": actions,
            "until": until,
            "reason": text,
            "text": (
                f"Until {until} you may {', '.join(actions).replace('_', ' ')}. The overseer is told. What you do is "
                "marked, the charter's hard rules hold, and when it is over the overseer reviews it."
            ),
        }
        told = {key: result[key] for key in ("act", "actions", "until")}
        outcome = workspace.commit(workspace.new_run(VERB), result, details=told)
        write_notices(workspace)
        return outcome


def end_emergency(workspace: Workspace, emergency: str | None = None) -> Outcome:
    """End an emergency before its time: one's own, or, as an overseer, anybody's. It is reviewed all the same.

    Raises
    ------
    RefusedError
        It is another person's, and the role may not review emergencies.
    UsageError
        There is no such emergency, or it is over.
    """
    with workspace.writing():
        name = emergency or covering(workspace)
        if name is None:
            msg = "no emergency of yours stands in this role"
            raise UsageError(msg, hint=f"peelian emergency list --workspace {workspace.folder}")
        one, mine = _known(workspace, name)
        if mine:
            # Giving it back is never refused, as refusing is not: whatever else is unreviewed.
            workspace.require("emergency", {"kind": "emergency", "id": name}, {"choice": "refuse"})
        else:
            workspace.require("review_emergency", {"kind": "emergency", "id": name})
        if one["state"] != "standing":
            msg = f"{name} is over: it is {one['state']}"
            raise UsageError(msg, hint=f"peelian emergency list --workspace {workspace.folder}")
        result = {
            "act": "ended",
            "emergency": name,
            "text": f"{name} is ended. Until it is reviewed, the role of {one['role']} decides and publishes nothing.",
        }
        return workspace.commit(
            workspace.new_run(VERB), result, subject=name, details={"act": "ended", "ended": name}
        )


def review_emergency(
    workspace: Workspace, emergency: str, *, finding: str, reason: str, automated: bool = False
) -> Outcome:
    """Say whether an emergency that is over was needed, after looking at what was done under it.

    Parameters
    ----------
    finding : {"justified", "exceeded", "unjustified"}
    reason : str
        Why, in words; required.

    Raises
    ------
    RefusedError
        The role may not, or it was one's own.
    UsageError
        There is no such emergency, it is not over yet, or it was reviewed already.
    """
    text = check_reason(reason)
    if finding not in FINDINGS:
        msg = f"{finding!r} was given as the finding; expected one of {', '.join(FINDINGS)}"
        raise UsageError(msg, hint=f"--finding {FINDINGS[0]}")
    with workspace.writing():
        one, mine = _known(workspace, emergency)
        resource = {"kind": "emergency", "id": emergency, "same_person": mine}
        workspace.require("review_emergency", resource, {"automated": automated})
        if one["state"] != "unreviewed":
            is_what = f"standing until {one['until']}" if one["state"] == "standing" else "reviewed already"
            msg = f"{emergency} is {is_what}; expected one that is over and was not reviewed"
            raise UsageError(msg, hint=f"peelian emergency list --workspace {workspace.folder}")
        result = {
            "act": "reviewed",
            "emergency": emergency,
            "finding": finding,
            "reason": text,
            "made_under": made_under(workspace, emergency),
            "text": f"{emergency} was {finding}, says the {workspace.role}; the {one['role']} may decide again.",
        }
        details = {"act": "reviewed", "reviewed": emergency, "finding": finding}
        return workspace.commit(workspace.new_run(VERB), result, subject=emergency, details=details)


def write_notices(workspace: Workspace) -> list[str]:
    """Lay a notice to the overseer into ``notices/`` for each emergency that nobody has reviewed; the new ones."""
    written = []
    for one in emergencies(workspace):
        path = workspace.folder / FOLDER / f"{one['run']}.txt"
        if one["state"] != "reviewed" and not path.exists():
            text = (
                f"To the overseer of {workspace.config.agency.name}\n\n{said(one)}\n\n"
                f"Announced at {one['at']}. What is done under it is marked with {one['run']} in the ledger.\n"
                f"You can end it: peelian emergency end {one['run']} --as overseer\n"
                f"When it is over, review it: peelian emergency review {one['run']} --finding justified|exceeded|"
                "unjustified --reason '...' --as overseer\n"
            )
            replace_file(path, text.encode())
            written.append(path.name)
    return written


def opened_actions(workspace: Workspace) -> list[str]:
    """What an emergency would open to whoever acts: what the role may do in one, and may not without."""
    # Asked of a thing to which no hard rule objects, as a plan that others made and audited.
    thing = {"author_role": "", "state": "proposed", "burden_measured": True}
    named = {"identified": True}

    def allowed(action: str, **more: bool) -> bool:
        about = {**thing, "state": "approved"} if action == "publish" else thing
        return workspace.policy.ask(workspace.role, action, about, {**named, **more}).allowed

    return [action for action in ACTIONS if not allowed(action) and allowed(action, emergency=True)]


def _actions(workspace: Workspace, to: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(name.strip().replace("-", "_") for name in to if name.strip()))
    can = opened_actions(workspace)
    wrong = [name for name in wanted if name not in can]
    if wrong or not wanted:
        what = f"{', '.join(wrong)} was" if wrong else "no action was"
        msg = f"{what} given; an emergency opens to the {workspace.role}: {', '.join(can) or 'nothing'}"
        raise UsageError(msg, hint=f"--to {can[0]}" if can else "peelian policy show lists the rules")
    return wanted


def _until(workspace: Workspace, hours: float) -> str:
    most = workspace.config.emergency.max_hours
    if not math.isfinite(hours) or not 0 < hours <= most:
        msg = f"an emergency of {hours:g} hours was asked for; expected more than 0 and at most {most:g}"
        raise UsageError(msg, hint=f"--hours {min(most, 4):g}; it can be announced again after its review")
    end = workspace.now().astimezone(UTC).replace(microsecond=0) + timedelta(hours=hours)
    return end.isoformat(timespec="seconds").replace("+00:00", "Z")


def _known(workspace: Workspace, emergency: str) -> tuple[dict[str, Any], bool]:
    """An emergency, and whether it is that of whoever acts."""
    every = emergencies(workspace)
    found = [one for one in every if one["run"] == emergency]
    if not found:
        known = ", ".join(one["run"] for one in every) or "none"
        msg = f"{emergency!r} was given as an emergency; known: {known}"
        raise UsageError(msg, hint=f"peelian emergency list --workspace {workspace.folder}")
    rows = workspace.state.rows(Run, Run.id == emergency)
    return found[0], any(workspace.by_me(row) for row in rows)
