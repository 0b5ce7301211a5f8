"""Which rules are in force, and which changes of them are proposed: read from the runs themselves.

The ledger says with which texts the rules are in force: by the run that made the workspace, by one that adopted what an
earlier version had left, or by one that enacted a change. The files in ``policy/`` are a copy of these texts. What
somebody writes into them is not followed: until the copy is what the ledger says, hardly anything can be done.

The software's own files (the hard rules, the schema) come with each release, and are not part of this.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from peelian.charter import Answer, Policy
from peelian.charter.durable import replace_file
from peelian.charter.policy import HARD_RULES
from peelian.errors import ConfigError, PeelianError, RefusedError, UsageError
from peelian.workspace.files import result_json, sha256_of, sha256_of_file
from peelian.workspace.state import Run

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = [
    "APPROVALS",
    "FOLDER",
    "PAGE",
    "TEXTS",
    "VERB",
    "InForce",
    "ask",
    "changed_by_hand",
    "differences",
    "hashes_of",
    "in_entry",
    "in_force",
    "opening_policy",
    "proposals",
    "published_since",
    "put_in_place",
    "rules_now",
    "set_of",
    "show",
    "software_changed",
    "texts_of",
    "today",
]

FOLDER, VERB, TEXTS, PAGE = "policy", "policy", "policies.json", "policy.html"
APPROVALS = 2
"""How many people, each in another role, have to approve a change."""


@dataclass(frozen=True)
class InForce:
    """The set of rules that the ledger says is in force.

    Parameters
    ----------
    run : str
        The run that put it in force, and ``at``, when.
    files : mapping of str to str
        SHA-256 of each file by its name.
    was : mapping of str to str
        The same of the set before it.
    """

    run: str
    at: str
    files: dict[str, str]
    was: dict[str, str]

    @property
    def set(self) -> str:
        """One hash for the whole set."""
        return set_of(self.files)


def set_of(files: dict[str, str]) -> str:
    """One hash for a set of files, from the hash of each."""
    return sha256_of(result_json(files).encode())


def hashes_of(texts: dict[str, str]) -> dict[str, str]:
    """SHA-256 of each text by the name of its file."""
    return {name: sha256_of(text.encode()) for name, text in texts.items()}


def in_entry(texts: dict[str, str]) -> dict[str, Any]:
    """What a ledger entry says of a set: its hash, and that of each file."""
    files = hashes_of(texts)
    listed = [{"file": name, "sha256": digest} for name, digest in sorted(files.items())]
    return {"policy_set": set_of(files), "policy_files": listed}


def in_force(workspace: Workspace) -> InForce | None:
    """What the ledger says is in force; None in a workspace of an earlier version that was not written to since."""
    rows = workspace.state.rows(Run, Run.verb.in_(("init", VERB)), order=Run.serial)
    for row in reversed(rows):
        result = workspace.result(row["id"]) if TEXTS in row["hashes"] else {}
        if "policies" in result:
            return InForce(row["id"], row["at"], result["policies"], result.get("policies_before", {}))
    return None


def texts_of(workspace: Workspace, run: str) -> dict[str, str]:
    """The texts of a whole set, by the name of their file, as a run kept them."""
    found: dict[str, str] = json.loads(workspace.checked(run, TEXTS).read_bytes())
    return found


# -- what lies in the folder


def _lying(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of_file(path) for path in folder.glob("*.cedar") if path.name != HARD_RULES}


def differences(workspace: Workspace, found: InForce) -> list[str]:
    """How the files in ``policy/`` differ from what is in force, in words; none where they don't."""
    lying = _lying(workspace.folder / FOLDER)
    said = []
    for name in sorted({*lying, *found.files}):
        if name not in found.files:
            said.append(f"{FOLDER}/{name} was added")
        elif name not in lying:
            said.append(f"{FOLDER}/{name} was removed")
        elif lying[name] != found.files[name]:
            said.append(f"{FOLDER}/{name} was changed")
    return said


def _half_way(workspace: Workspace, found: InForce) -> bool:
    """Whether each file is as in the set in force or as in that before it: an enactment that was cut short."""
    lying = _lying(workspace.folder / FOLDER)
    names = {*lying, *found.files, *found.was}
    return bool(found.was) and all(
        lying.get(name) in (found.files.get(name), found.was.get(name)) for name in names
    )


def put_in_place(workspace: Workspace, found: InForce) -> None:
    """Write the set in force into ``policy/``, file by file; whoever finds it cut short completes it.

    Its page comes first: what is published is complete before the last file is.
    """
    folder = workspace.folder / FOLDER
    lying = _lying(folder)
    if "public" in workspace.result(found.run):
        page = workspace.checked(found.run, PAGE).read_bytes()
        replace_file(workspace.folder / "public" / PAGE, page)
    for name, text in texts_of(workspace, found.run).items():
        if lying.get(name) != found.files[name]:
            replace_file(folder / name, text.encode())
    for name in lying.keys() - found.files.keys():
        (folder / name).unlink(missing_ok=True)


def changed_by_hand(workspace: Workspace, found: InForce | None = None) -> str | None:
    """What somebody changed in ``policy/`` beside the ledger, in words; None where nobody did.

    An enactment that was cut short is completed.
    """
    off = software_changed(workspace)
    told = [] if off is None else [off.message]
    found = found or in_force(workspace)
    said = [] if found is None else differences(workspace, found)
    if found is not None and said and _half_way(workspace, found):
        put_in_place(workspace, found)
        said = differences(workspace, found)
    if found is not None and said:
        told.append(
            f"{', '.join(said)} by hand; in force are the rules of {found.run}, and no others are followed"
        )
    return "; ".join(told) or None


def published_since(workspace: Workspace, run: str | None) -> tuple[str, dict[str, str]] | None:
    """The last change that was enacted, and so published, after a run; with the hash of each page, by its name."""
    rows = workspace.runs(VERB)
    first = max((row["serial"] for row in workspace.runs() if row["id"] == run), default=0)
    for row in reversed(rows):
        result = workspace.result(row["id"]) if row["serial"] > first else {}
        if "public" in result:
            return row["id"], result["public"]
    return None


# -- what is asked


def opening_policy(workspace: Workspace) -> Policy:
    """The rules by which a workspace is opened: those in force and the charter's, whatever lies in ``policy/``.

    So nobody keeps the overseer from halting by taking a file away. What else is asked for goes through `rules_now`.

    Raises
    ------
    RefusedError, ConfigError
        As `peelian.charter.Policy.load_own`.
    """
    folder = workspace.folder / FOLDER
    try:
        found = in_force(workspace)
        if found is not None and changed_by_hand(workspace, found):
            return Policy.of(texts_of(workspace, found.run), folder=folder)
    except (
        PeelianError,
        OSError,
    ):  # a run was damaged: opened all the same, so that `ledger verify` can say which
        pass
    return Policy.load_own(folder)


def software_changed(workspace: Workspace) -> RefusedError | ConfigError | None:
    """What is wrong with the hard rules or the schema in ``policy/``; None where they are those of this release."""
    try:
        Policy.check_software(workspace.folder / FOLDER)
    except (RefusedError, ConfigError) as error:
        return error
    return None


def rules_now(workspace: Workspace, known: Policy) -> Policy:
    """The rules by which to work: `known`, or others where a change was enacted since.

    Raises
    ------
    RefusedError, ConfigError
        Somebody changed the files by hand, the software's own or others; the message says which.
    """
    off = software_changed(workspace)
    if off is not None:
        raise off
    found = in_force(workspace)
    if found is None:
        return known
    changed = changed_by_hand(workspace, found)
    if changed is not None:
        hint = (
            "peelian policy restore keeps what was written as FILE.cedar.changed and puts back what is in force; then "
            "peelian policy propose policy/FILE.cedar.changed --reason '...' --effective DATE"
        )
        raise RefusedError(changed, hint=hint)
    if hashes_of(known.texts) == found.files:
        return known
    return Policy.load(workspace.folder / FOLDER)


_ON_A_PLAN = ("decide", "publish")
"""What depends on whose plan it is and how far it has come: asked about the latest one."""


def ask(
    workspace: Workspace,
    action: str,
    *,
    kind: str | None = None,
    use: str | None = None,
    purpose: str | None = None,
) -> Answer:
    """What the rules in force say to whoever acts; nothing is done, and nothing is stored.

    Parameters
    ----------
    action : str
        One of `peelian.charter.ACTIONS`.
    kind : str, optional
        What it is done to, such as ``plan``.
    use : str, optional
        What will be made of it.
    purpose : str, optional
        One of `peelian.charter.PURPOSES`.

    Raises
    ------
    UsageError
        There is no such role or action.
    """
    context = {key: value for key, value in (("use", use), ("purpose", purpose)) if value is not None}
    if kind is not None or action not in _ON_A_PLAN:
        return workspace.guard.answer(action, {} if kind is None else {"kind": kind}, context)
    resource = _latest_plan(workspace)
    answer = workspace.guard.answer(action, resource, context)
    about = (
        f"asked about {resource['id']}"
        if resource
        else "there is no plan yet, and it depends on who makes it"
    )
    return replace(answer, reason=f"{answer.reason} ({about})")


def _latest_plan(workspace: Workspace) -> dict[str, Any]:
    """What the rules would know of the latest plan; nothing where there is none."""
    from peelian.workspace.standing import find_plan, state_now

    try:
        plan = find_plan(workspace)
    except UsageError:
        return {}
    now = state_now(workspace, plan)
    return {
        "kind": "plan",
        "id": plan["id"],
        "author_role": plan["role"],
        "state": plan["state"] if now == "in force" else now,
        "same_person": workspace.by_me(plan),
        "burden_measured": any(row["subject"] == plan["id"] for row in workspace.runs("audit")),
    }


def show(workspace: Workspace) -> dict[str, Any]:
    """The rules in force: each with its id, effect, file, reason, remedy and reference.

    Returns
    -------
    dict
        ``rules``; ``set`` and ``run``, what is in force and since which run; ``changed``, what somebody changed by
        hand; and ``lacking``, default files of this release that are not among them.
    """
    found = in_force(workspace)
    names = {rule["file"] for rule in workspace.policy.rules}
    return {
        "set": None if found is None else found.set,
        "run": None if found is None else found.run,
        "at": None if found is None else found.at,
        "digest": workspace.policy.digest,
        "changed": changed_by_hand(workspace, found),
        "lacking": [name for name in Policy.defaults() if name not in names],
        "rules": [{**rule, "hard": rule["file"] == HARD_RULES} for rule in workspace.policy.rules],
    }


# -- what is proposed


def today(workspace: Workspace) -> date:
    """The agency's civil date."""
    return workspace.now().astimezone(UTC).astimezone(ZoneInfo(workspace.zone)).date()


def proposals(workspace: Workspace) -> list[dict[str, Any]]:
    """Every change that was proposed, the oldest first.

    Returns
    -------
    list of dict
        ``run``, ``at``, ``role``, ``reason``, ``effective`` (a date), ``from`` and ``to`` (hashes of the sets),
        ``changed`` and ``removed`` (names of files), ``rules_added``, ``rules_removed``, ``comments``, ``approvals``,
        ``refusal``, ``enacted`` (a run), and ``state``: ``proposed``; ``approved``, by two people, and waiting for its
        date; ``in force``; ``replaced``, by a later change; ``refused``; or ``outdated``, as another change came
        first.
    """
    rows = workspace.runs(VERB)
    found: dict[str, dict[str, Any]] = {}
    last: str | None = None
    for row in rows:
        result = workspace.result(row["id"])
        said = {"run": row["id"], "at": row["at"], "role": row["role"], "reason": result.get("reason", "")}
        if result["act"] == "proposed":
            told = {key: result[key] for key in _TOLD}
            found[row["id"]] = {
                **said,
                **told,
                "comments": [],
                "approvals": [],
                "refusal": None,
                "enacted": None,
            }
        elif result["act"] in ("commented", "approved"):
            found[result["proposal"]][_LISTS[result["act"]]].append(said)
        elif result["act"] == "refused":
            found[result["proposal"]]["refusal"] = said
        elif result["act"] == "enacted":
            last = result["proposal"]
            found[last]["enacted"] = row["id"]
    standing = in_force(workspace)
    for one in found.values():
        one["state"] = _state(one, last=last, standing=None if standing is None else standing.set)
    return list(found.values())


_TOLD = ("from", "to", "effective", "changed", "removed", "rules_added", "rules_removed")
_LISTS = {"commented": "comments", "approved": "approvals"}


def _state(one: dict[str, Any], *, last: str | None, standing: str | None) -> str:
    if one["refusal"] is not None:
        return "refused"
    if one["enacted"] is not None:
        return "in force" if one["run"] == last else "replaced"
    if one["from"] != standing:
        return "outdated"
    return "approved" if len(one["approvals"]) >= APPROVALS else "proposed"
