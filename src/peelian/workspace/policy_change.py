"""``policy``: rules are changed as decisions are taken: proposed, commented, approved by two people, in force on a day.

A proposal keeps the whole set that would result, and the hash of the set that it starts from. Two people in different
roles have to approve it, and its author is neither of them. On its day it is put in force by whoever next writes in the
workspace, and published.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from peelian.charter import ROLES, Policy, check_reason
from peelian.charter.policy import HARD_RULES
from peelian.errors import ConfigError, RefusedError, UsageError
from peelian.workspace.files import result_json, sha256_of
from peelian.workspace.identity import Actor
from peelian.workspace.policies import (
    APPROVALS,
    FOLDER,
    PAGE,
    TEXTS,
    VERB,
    InForce,
    differences,
    hashes_of,
    in_entry,
    in_force,
    proposals,
    put_in_place,
    set_of,
    software_changed,
    texts_of,
    today,
)
from peelian.workspace.policy_powers import check_powers
from peelian.workspace.policy_site import DIFF, policy_site
from peelian.workspace.state import Run
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["approve", "comment", "enact", "enact_due", "propose", "refuse"]

_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.cedar", re.ASCII)
CHANGED = ".changed"
"""What `peelian policy restore` adds to the name of a file that somebody changed by hand."""
NOTHING = "/dev/null"
"""What a diff calls a file that is not there."""


def propose(
    workspace: Workspace,
    files: Sequence[Path | str] = (),
    *,
    reason: str,
    effective: date | str,
    remove: Sequence[str] = (),
    default: Sequence[str] = (),
) -> Outcome:
    """Propose a change: files that are added or replaced, and files that go.

    Parameters
    ----------
    files : sequence of Path
        Each is put under its name; the others stay as they are.
    reason : str
        Why, in words; required.
    effective : date
        From which day on, by the agency's calendar; today or later.
    remove : sequence of str
        Names of files that go.
    default : sequence of str
        Names of files to take as this release brings them.

    Raises
    ------
    RefusedError
        The role may not, roles are only claimed here, or the charter does not allow what would result.
    UsageError, ConfigError
        Nothing would change, the day is over, or what would result is no valid set of rules.
    """
    said = check_reason(reason)
    with workspace.writing():
        workspace.require("propose_policy", {"kind": "policy"})
        day = _day(effective, workspace)
        found = _standing(workspace)
        before = texts_of(workspace, found.run)
        after = _resulting(before, files, remove, default)
        if after == before:
            msg = f"{_given(files, remove, default)}, and nothing would change by it"
            raise UsageError(
                msg, hint=f"peelian policy show --workspace {workspace.folder} lists what is in force"
            )
        policy = check_set(workspace, after)
        old, new = ({rule["id"] for rule in p.rules} for p in (workspace.policy, policy))
        result: dict[str, Any] = {
            "act": "proposed",
            "reason": said,
            "effective": day.isoformat(),
            "from": found.set,
            "to": set_of(hashes_of(after)),
            "changed": sorted(name for name in after if after[name] != before.get(name)),
            "removed": sorted(before.keys() - after.keys()),
            "rules_added": sorted(new - old),
            "rules_removed": sorted(old - new),
            "text": (
                f"It takes two people in different roles, and not you, to approve this. Then it is in force from "
                f"{day} on."
            ),
        }
        told = {key: result[key] for key in ("act", "effective", "from", "changed", "removed")}
        return workspace.commit(
            workspace.new_run(VERB),
            result,
            pages={TEXTS: result_json(after), DIFF: difference(before, after)},
            details={**told, **in_entry(after)},
        )


def comment(workspace: Workspace, proposal: str, *, text: str) -> Outcome:
    """Say something on a change that is proposed; it is kept and published with it.

    Raises
    ------
    RefusedError
        The role may not.
    UsageError
        There is no such proposal, it is closed, or nothing was said.
    """
    if not text.strip():
        msg = "an empty comment was given; expected what you think of the change"
        raise UsageError(msg, hint=f"peelian policy comment {proposal} --text '...'")
    with workspace.writing():
        workspace.require("comment_policy", {"kind": "policy", "id": proposal})
        _open(workspace, proposal, ("proposed", "approved"))
        result = {"act": "commented", "proposal": proposal, "reason": text.strip()}
        return _commit(workspace, result)


def approve(workspace: Workspace, proposal: str, *, reason: str, automated: bool = False) -> Outcome:
    """Agree to a change. With the second agreement it is approved, and from its day on in force.

    Raises
    ------
    RefusedError
        The role may not, roles are only claimed here, you proposed or approved it already, your role approved it
        already, or other rules are in force than those that it starts from.
    UsageError
        There is no such proposal, it is closed, or the reason says too little.
    """
    said = check_reason(reason)
    with workspace.writing():
        one = _open(workspace, proposal, ("proposed",))
        earlier = workspace.state.rows(Run, Run.id.in_([r["run"] for r in one["approvals"]]))
        author = workspace.state.rows(Run, Run.id == proposal)
        resource = {
            "kind": "policy",
            "id": proposal,
            "same_person": any(workspace.by_me(row) for row in [*author, *earlier]),
            "same_role": any(row["role"] == workspace.role for row in earlier),
        }
        workspace.require("approve_policy", resource, {"automated": automated})
        check_set(workspace, texts_of(workspace, proposal))
        complete = len(earlier) + 1 >= APPROVALS
        result = {
            "act": "approved",
            "proposal": proposal,
            "reason": said,
            "complete": complete,
            "text": (
                f"{proposal} is approved by two people, and in force from {one['effective']} on."
                if complete
                else f"{proposal} is approved by one person; it takes a second one in another role."
            ),
        }
        done = _commit(workspace, result)
        enacted = enact_due(workspace) if complete else []
        return Outcome(done.run, {**done.result, "enacted": enacted[0] if enacted else None})


def refuse(workspace: Workspace, proposal: str, *, reason: str) -> Outcome:
    """End a proposal that is not in force yet; one person is enough, its author too.

    Raises
    ------
    RefusedError
        The role may not, or roles are only claimed here.
    UsageError
        There is no such proposal, it is closed, or the reason says too little.
    """
    said = check_reason(reason)
    with workspace.writing():
        workspace.require("approve_policy", {"kind": "policy", "id": proposal}, {"choice": "refuse"})
        _open(workspace, proposal, ("proposed", "approved"))
        text = f"{proposal} is refused by the {workspace.role}; the rules stay as they are."
        return _commit(workspace, {"act": "refused", "proposal": proposal, "reason": said, "text": text})


def enact(workspace: Workspace, proposal: str) -> Outcome:
    """Put a change in force whose day has come; whoever next writes in the workspace does that, too.

    Raises
    ------
    RefusedError
        The role may not, its day has not come, two people have not approved it, or other rules are in force than those
        that it starts from.
    UsageError
        There is no such proposal.
    """
    with workspace.writing():  # which enacts what is due
        workspace.require("enact_policy", {"kind": "policy", "id": proposal})
        one = _known(workspace, proposal)
        if one["enacted"]:
            return Outcome(one["enacted"], workspace.result(one["enacted"]))
        if one["state"] == "proposed":
            msg = f"{proposal} has {len(one['approvals'])} of {APPROVALS} approvals"
            raise RefusedError(msg, hint=f"peelian policy approve {proposal} --reason '...'")
        _open(workspace, proposal, ("approved",))
        now = today(workspace)
        if now.isoformat() < one["effective"]:
            msg = f"{proposal} is approved for {one['effective']}, and today is {now}"
            raise RefusedError(msg, hint="it is put in force on that day, by whoever writes first")
        return _enact(workspace, one)


def enact_due(workspace: Workspace) -> list[str]:
    """Put in force what is approved and whose day has come; the runs. Must be called within `Workspace.writing`."""
    done: list[str] = []
    if software_changed(workspace) is not None:
        return done
    while True:
        found, day = in_force(workspace), today(workspace).isoformat()
        due = [one for one in proposals(workspace) if one["state"] == "approved" and one["effective"] <= day]
        if found is None or not due or differences(workspace, found):
            return done
        done.append(_enact(workspace, due[0]).run)


def _enact(workspace: Workspace, one: dict[str, Any]) -> Outcome:
    found, texts = _standing(workspace), texts_of(workspace, one["run"])
    policy = check_set(workspace, texts)
    run = workspace.new_run(VERB)
    page = policy_site(workspace, policy=policy, enacted=(one["run"], run))[PAGE]
    approvals = [given["run"] for given in one["approvals"]]
    result = {
        "act": "enacted",
        "proposal": one["run"],
        "reason": one["reason"],
        "effective": one["effective"],
        "approvals": approvals,
        "policies": hashes_of(texts),
        "policies_before": found.files,
        "public": {PAGE: sha256_of(page.encode())},
        "text": f"{one['run']} is in force: two people approved it, and its day has come.",
    }
    told = {key: result[key] for key in ("act", "proposal", "approvals", "effective", "public")}
    outcome = workspace.commit(
        run,
        result,
        subject=one["run"],
        pages={TEXTS: result_json(texts), PAGE: page},
        details={**told, **in_entry(texts)},
        # It is by decision of those who approved it, whoever comes by on its day.
        actor=Actor(one["approvals"][-1]["role"]),
    )
    # In force by now; the files follow. A process that dies in between leaves that to whoever next looks.
    put_in_place(workspace, _standing(workspace))
    workspace.guard.policy = Policy.load(workspace.folder / FOLDER)
    return outcome


def check_set(workspace: Workspace, texts: Mapping[str, str]) -> Policy:
    """The set that would result, if it may stand: as it is loaded, published, and with a way to change it again.

    The overseer keeps the power to stop the system, and the public gets none over it (see `check_powers`).

    Raises
    ------
    RefusedError, ConfigError, CheckError
        It may not.
    """
    policy = Policy.of(texts, folder=workspace.folder / FOLDER)
    known = {"identified": True}
    able = {
        action: [role for role in ROLES if policy.ask(role, action, {"kind": "policy"}, known).allowed]
        for action in ("propose_policy", "approve_policy")
    }
    if not able["propose_policy"] or len(able["approve_policy"]) < APPROVALS:
        msg = (
            f"after this change {len(able['propose_policy'])} roles could propose a change of the rules and "
            f"{len(able['approve_policy'])} approve one; expected 1 and {APPROVALS} at least, for the next change"
        )
        raise RefusedError(
            msg, hint="leave proposing-rules and approving-rules, or write others in their place"
        )
    check_powers(policy)
    policy_site(workspace, policy=policy)
    return policy


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """What changes, as a unified diff over all files."""
    parts: list[str] = []
    for name in sorted({*before, *after}):
        old, new = (texts.get(name, "").splitlines(keepends=True) for texts in (before, after))
        here, there = (
            (f"a/{name}" if name in before else NOTHING),
            (f"b/{name}" if name in after else NOTHING),
        )
        for line in difflib.unified_diff(old, new, here, there):
            parts.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(parts)


def _resulting(
    before: Mapping[str, str], files: Sequence[Path | str], remove: Sequence[str], default: Sequence[str]
) -> dict[str, str]:
    after, defaults = dict(before), Policy.defaults()
    for name in remove:
        if name not in after:
            msg = f"{name!r} was given as what to remove; in force are {', '.join(sorted(before))}"
            raise UsageError(msg, hint="the charter's hard rules can't be removed; own files can")
        del after[name]
    for name in default:
        if name not in defaults:
            msg = f"{name!r} was given as a file that Peelian brings; those are {', '.join(defaults)}"
            raise UsageError(msg, hint=f"--default {next(iter(defaults))}")
        after[name] = defaults[name]
    for given in files:
        path = Path(given)
        name = path.name.removesuffix(CHANGED)
        if name == HARD_RULES:
            msg = f"{HARD_RULES} was given, and the charter's hard rules can't be changed by a workspace"
            raise RefusedError(msg, hint="own policies belong in own files")
        if not _FILE.fullmatch(name):
            msg = f"{path.name!r} was given as a policy file; expected letters, digits, - and _, then .cedar"
            raise UsageError(
                msg, hint="peelian policy propose own-rules.cedar --reason '...' --effective DATE"
            )
        try:
            after[name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            msg = f"{path} can't be read as a policy file: {error}"
            raise ConfigError(msg) from error
    return after


def _given(files: Sequence[Path | str], remove: Sequence[str], default: Sequence[str]) -> str:
    names = [*(Path(file).name for file in files), *remove, *default]
    return f"{', '.join(names) or 'no file'} was given"


def _day(given: date | str, workspace: Workspace) -> date:
    try:
        day = given if isinstance(given, date) else date.fromisoformat(given)
    except ValueError:
        msg = (
            f"{given!r} was given as the day from which the change is in force; expected a date as 2026-01-31"
        )
        raise UsageError(msg, hint=f"--effective {today(workspace)}") from None
    if day < today(workspace):
        msg = f"the change was to be in force from {day} on, which is over"
        raise UsageError(msg, hint=f"--effective {today(workspace)}, or later")
    return day


def _standing(workspace: Workspace) -> InForce:
    found = in_force(workspace)
    if found is None:  # `Workspace.writing` adopts what an earlier version had
        msg = "the rules of this workspace are not in its ledger; expected those that it was made with"
        raise ConfigError(msg, hint=f"peelian policy update --workspace {workspace.folder}")
    return found


def _known(workspace: Workspace, proposal: str) -> dict[str, Any]:
    every = proposals(workspace)
    found = [one for one in every if one["run"] == proposal]
    if not found:
        known = ", ".join(one["run"] for one in every) or "none"
        msg = f"{proposal!r} was given as a proposed change of the rules; known: {known}"
        raise UsageError(msg, hint=f"peelian policy list --workspace {workspace.folder}")
    return found[0]


def _open(workspace: Workspace, proposal: str, states: Sequence[str]) -> dict[str, Any]:
    one = _known(workspace, proposal)
    if one["state"] == "outdated":
        msg = f"{proposal} starts from other rules than those that are in force now"
        raise RefusedError(
            msg, hint="propose it again: what two people approve is what they have read, as a whole"
        )
    if one["state"] not in states:
        msg = f"{proposal} is {one['state']}, and that is not open any more"
        raise UsageError(msg, hint=f"peelian policy list --workspace {workspace.folder}")
    return one


def _commit(workspace: Workspace, result: dict[str, Any]) -> Outcome:
    details: dict[str, Any] = {key: result[key] for key in ("act", "proposal", "complete") if key in result}
    return workspace.commit(workspace.new_run(VERB), result, subject=result["proposal"], details=details)
