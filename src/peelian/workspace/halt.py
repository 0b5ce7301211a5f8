"""``halt`` and ``resume``: the overseer stops a method, a source, a category or everything; two people end that."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any
from uuid import uuid4

from peelian.charter import check_reason
from peelian.charter.durable import replace_file
from peelian.charter.note import sign_note
from peelian.charter.rotation import read_signer
from peelian.errors import UsageError
from peelian.workspace.halts import FOLDER, KINDS, Kind, halts, requests, said
from peelian.workspace.identity import Actor
from peelian.workspace.known import check_known
from peelian.workspace.state import Run
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["enter_requests", "halt", "resume"]


def halt(workspace: Workspace, kind: Kind, label: str = "", *, reason: str) -> Outcome:
    """Stop a method, a source, a category or the whole system, at once.

    It works before this returns: work under way stops when it next tells how far it is, and nothing that touches it is
    begun. It becomes a run and a ledger entry as soon as whoever is at work has let go.

    Parameters
    ----------
    kind : {"system", "category", "source", "method"}
    label : str
        Which; empty for the system.
    reason : str
        Why, in words; required.

    Raises
    ------
    RefusedError
        The role may not halt.
    UsageError
        There is no such method, it is halted already, or the reason says too little.
    """
    workspace.require("halt", {"kind": "system"})
    text = check_reason(reason)
    _check(workspace, kind, label)
    request = {
        "asked": uuid4().hex,
        "kind": kind,
        "label": label.strip(),
        "reason": text,
        "role": workspace.role,
        "person": workspace.person,
        "at": workspace.now().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    # Signed with the ledger's key, which whoever can merely write to the folder doesn't have.
    note = sign_note(json.dumps(request) + "\n", [read_signer(workspace.key_path)])
    replace_file(workspace.folder / FOLDER / f"{request['asked']}.request", note)
    with workspace.writing():  # which enters what was asked for
        rows = [
            row for row in workspace.runs("halt") if workspace.result(row["id"])["asked"] == request["asked"]
        ]
        return Outcome(rows[0]["id"], workspace.result(rows[0]["id"]))


def enter_requests(workspace: Workspace) -> None:
    """Make runs of what was asked for; called by whoever holds the workspace."""
    known = {workspace.result(row["id"])["asked"] for row in workspace.runs("halt")}
    for request in requests(workspace.folder, vkey=workspace.ledger.vkey):
        if request["asked"] not in known:
            told = {key: request[key] for key in ("asked", "kind", "label", "reason", "proven")}
            proven = Actor(request["role"], request["person"])
            workspace.commit(
                workspace.new_run("halt"),
                {
                    **told,
                    "role": request["role"],
                    "since": request["at"],
                    "text": said(request)[:1].upper() + said(request)[1:],
                },
                subject=request["label"],
                details={"halted": request["kind"], "label": request["label"], "proven": request["proven"]},
                actor=proven if request["proven"] else Actor("public"),
            )
        (workspace.folder / FOLDER / request["file"]).unlink()


def resume(workspace: Workspace, halt: str, *, reason: str, automated: bool = False) -> Outcome:
    """Agree that a halt ends. The first agreement is kept; it ends with the second, by another person in another role.

    Raises
    ------
    RefusedError
        The role may not, roles are only claimed here, or the same person or role has agreed already.
    UsageError
        There is no such halt, or the reason says too little.
    """
    text = check_reason(reason)
    with workspace.writing():
        standing = {one["run"]: one for one in halts(workspace)}
        if halt not in standing:
            known = ", ".join(str(run) for run in standing) or "none"
            msg = f"{halt!r} was given as what to resume; halted now: {known}"
            raise UsageError(
                msg, hint=f"peelian oversight --workspace {workspace.folder} lists what is halted"
            )
        earlier = workspace.state.rows(Run, Run.id.in_(standing[halt]["resumed_by"]))
        resource = {
            "kind": "halt",
            "id": halt,
            "same_person": any(workspace.by_me(row) for row in earlier),
            "same_role": any(row["role"] == workspace.role for row in earlier),
        }
        workspace.require("resume", resource, {"automated": automated})
        ended = bool(earlier)
        result: dict[str, Any] = {
            "halt": halt,
            "reason": text,
            "role": workspace.role,
            "ended": ended,
            "agreed": [*(row["id"] for row in earlier)],
            "text": (
                f"{halt} is ended: the {earlier[0]['role']} and the {workspace.role} agreed."
                if ended
                else f"The {workspace.role} agrees to end {halt}; it stands until a second person in another role does."
            ),
        }
        return workspace.commit(
            workspace.new_run("resume"), result, subject=halt, details={"halt": halt, "ended": ended}
        )


def _check(workspace: Workspace, kind: str, label: str) -> None:
    if kind not in KINDS or bool(label.strip()) == (kind == "system"):
        msg = f"{kind} {label!r} was given as what to halt; expected one method, source or category, or the system"
        raise UsageError(msg, hint="peelian halt --category burglary --reason '...' --as overseer")
    if kind == "method":
        from peelian.methods import method_by_name

        method_by_name(label.strip())
    if kind in ("source", "category"):
        check_known(workspace, kind, label)
    for one in halts(workspace):
        if (one["kind"], one["label"].casefold()) == (kind, label.strip().casefold()):
            raise UsageError(
                said(one), hint="it is halted already; peelian resume ends it, which takes two people"
            )
