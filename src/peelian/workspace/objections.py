"""``object`` and ``answer``: somebody objects to a decision, and is answered by somebody who did not take it.

What was written, whom to answer, and the answer are sealed (`peelian.charter.seal`): the runs and the ledger hold the
hashes of the ciphertexts, and the words can be erased without a proof being lost. How things stand is read back from
the runs.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from peelian.charter import check_reason
from peelian.charter.objections import Objection, check_outcome, count, due_at
from peelian.errors import DataError, UsageError
from peelian.workspace.holds import holds, holds_on_run
from peelian.workspace.standing import Decided, find_decision, moment, written
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["answer", "counts_of", "erase_objection", "object_to", "objections", "objections_to"]

ERASE = "erase_words"


def object_to(
    workspace: Workspace, decision: str | None = None, *, text: str, contact: str | None = None
) -> Outcome:
    """Object to a decision. Anybody may; whoever receives a letter enters it for them.

    Parameters
    ----------
    decision : str, optional
        Id of a decision or of its plan; the latest decision when not given.
    text : str
        The objection, in the words of whoever objects. Sealed.
    contact : str, optional
        Whom to answer. Sealed; nobody has to say who they are.

    Returns
    -------
    Outcome
        With ``due_at``, by when it is to be answered (``[decisions] answer_days``), and no words.

    Raises
    ------
    UsageError
        There is no such decision, or no words.
    """
    if not text.strip() or (contact is not None and not contact.strip()):
        msg = "an empty objection or contact was given; expected words"
        raise UsageError(msg, hint="--text 'what is wrong with it'; leave --contact out to stay unknown")
    with workspace.writing():
        found = find_decision(workspace, decision)
        workspace.require("object", {"kind": "plan", "id": found.id})
        now = moment(workspace)
        result: dict[str, Any] = {
            "plan": found.plan["id"],
            "decision": found.id,
            "role": workspace.role,
            "at": written(now),
            "due_at": written(due_at(now, workspace.config.decisions.answer_days)),
            "words": workspace.seals.seal(text.strip()),
            "contact": None if contact is None else workspace.seals.seal(contact.strip()),
        }
        return workspace.commit(
            workspace.new_run("object"),
            result,
            subject=found.id,
            category=found.plan["category"],
            details={"decision": found.id, "due_at": result["due_at"], "words": result["words"]},
        )


def answer(workspace: Workspace, objection: str, *, text: str, outcome: str) -> Outcome:
    """Answer an objection: by somebody who did not take the decision.

    An answer changes nothing of the decision; whoever upholds an objection withdraws it as well.

    Parameters
    ----------
    objection : str
    text : str
        The answer, in words. Sealed.
    outcome : {"upheld", "partly", "rejected"}

    Raises
    ------
    RefusedError
        The role may not answer, or the same person took the decision (the same role, where the person is not known).
    UsageError
        There is no such objection, it was answered, or the answer says too little.
    """
    said, chosen = check_reason(text, what="answer"), check_outcome(outcome)
    with workspace.writing():
        one = _find(workspace, objection)
        decided = find_decision(workspace, one.decision)
        workspace.require("answer", _about(workspace, one, decided))
        if one.answer is not None:
            msg = f"{one.id} was answered on {str(one.answer['at'])[:10]}: {one.answer['outcome']}"
            raise UsageError(msg, hint=f"peelian object {one.decision} --text '...' is a new objection")
        now = moment(workspace)
        result: dict[str, Any] = {
            "objection": one.id,
            "decision": one.decision,
            "role": workspace.role,
            "at": written(now),
            "outcome": chosen,
            "late": now > one.due,
            "words": workspace.seals.seal(said),
        }
        return workspace.commit(
            workspace.new_run("answer"),
            result,
            subject=one.id,
            category=decided.plan["category"],
            details={
                "objection": one.id,
                "decision": one.decision,
                "outcome": chosen,
                "words": result["words"],
            },
        )


def erase_objection(workspace: Workspace, objection: str, *, reason: str) -> Outcome:
    """Erase the words of an objection, whom to answer, and the answer: their keys are destroyed.

    That there was an objection, when, and how it was answered stays, and so does every proof over the ledger.

    Raises
    ------
    RefusedError
        The role may not erase, or a hold keeps it.
    UsageError
        There is no such objection, its words are erased already, or the reason says too little.
    """
    said = check_reason(reason)
    with workspace.writing():
        one = _find(workspace, objection)
        category = find_decision(workspace, one.decision).plan["category"]
        held = bool(holds_on_run(holds(workspace), category))
        workspace.require("erase", {"kind": "objection", "id": one.id, "held": held})
        standing = [digest for digest in one.sealed if workspace.seals.state(digest) == "sealed"]
        if not standing:
            msg = f"the words of {one.id} are erased already"
            raise UsageError(msg, hint="peelian objections list")
        result = {"objection": one.id, "role": workspace.role, "reason": said, "erased": standing}
        done = workspace.commit(
            workspace.new_run(ERASE),
            result,
            subject=one.id,
            details={"objection": one.id, "erased": standing},
        )
        # The keys go last: a process that dies before has recorded what is to be erased, and can be asked again.
        for digest in standing:
            workspace.seals.destroy(digest)
    return done


def objections(workspace: Workspace, decision: str | None = None) -> list[dict[str, Any]]:
    """Objections, those first that are overdue, then the open ones by their due date, then the answered.

    Parameters
    ----------
    decision : str, optional
        Id of a decision or of its plan; all of them when not given.

    Returns
    -------
    list of dict
        ``objection``, ``decision``, ``role``, ``at``, ``due_at``, ``state``, ``outcome``, ``answered_at``, and what is
        only for those who may answer that objection, else None: ``text``, ``contact`` and ``answer``. ``erased`` says
        whether the words were erased.
    """
    workspace.require("status", {"kind": "objection"})
    only = None if decision is None else find_decision(workspace, decision).id
    now = moment(workspace)
    rank = {"overdue": 0, "open": 1, "answered": 2}
    found = [one for one in _read(workspace) if only in (None, one.decision)]
    found.sort(key=lambda one: (rank[one.state(now)], one.due))
    return [_told(workspace, one, now) for one in found]


def objections_to(workspace: Workspace, decision: str) -> list[Objection]:
    """The objections to one decision, the oldest first, without a word of theirs."""
    return [one for one in _read(workspace) if one.decision == decision]


def counts_of(workspace: Workspace, decision: str) -> dict[str, int]:
    """How many objections a decision has: ``total``, ``open``, ``overdue`` and ``answered``."""
    return count(objections_to(workspace, decision), moment(workspace))


def _read(workspace: Workspace) -> list[Objection]:
    answers = {
        row["subject"]: workspace.result(row["id"]) | {"run": row["id"]} for row in workspace.runs("answer")
    }
    found = []
    for row in workspace.runs("object"):
        result = workspace.result(row["id"])
        found.append(
            Objection(
                id=row["id"],
                decision=result["decision"],
                role=row["role"],
                at=datetime.fromisoformat(result["at"]),
                due=datetime.fromisoformat(result["due_at"]),
                words=result["words"],
                contact=result["contact"],
                answer=answers.get(row["id"]),
            )
        )
    return found


def _find(workspace: Workspace, objection: str) -> Objection:
    every = _read(workspace)
    found = [one for one in every if one.id == objection]
    if not found:
        known = ", ".join(one.id for one in every[-3:]) or "none"
        msg = f"{objection!r} was given as the objection; known: {known}"
        raise UsageError(msg, hint=f"peelian objections list --workspace {workspace.folder}")
    return found[0]


def _about(workspace: Workspace, one: Objection, decided: Decided) -> dict[str, Any]:
    """An objection as the charter is asked about it: whether whoever acts took the decision.

    Where it is not known who took it or who acts, one role is taken for one person.
    """
    both_known = workspace.person is not None and decided.row["person"] is not None
    return {
        "kind": "objection",
        "id": one.id,
        "author_role": decided.row["role"],
        "same_person": workspace.by_me(decided.row),
        "same_role": not both_known and decided.row["role"] == workspace.role,
    }


def _told(workspace: Workspace, one: Objection, now: datetime) -> dict[str, Any]:
    given = one.answer or {}
    about = _about(workspace, one, find_decision(workspace, one.decision))
    readable = workspace.policy.ask(workspace.role, "answer", about).allowed
    sealed = {"text": one.words, "contact": one.contact, "answer": given.get("words")}
    return {
        "objection": one.id,
        "decision": one.decision,
        "role": one.role,
        "at": written(one.at),
        "due_at": written(one.due),
        "state": one.state(now),
        "outcome": given.get("outcome"),
        "answered_at": given.get("at"),
        "erased": workspace.seals.state(one.words) == "erased",
        **{name: _opened(workspace, digest) if readable else None for name, digest in sealed.items()},
    }


def _opened(workspace: Workspace, digest: str | None) -> str | None:
    try:
        return None if digest is None else workspace.seals.open(digest)
    except DataError:  # it was erased, which is said beside it
        return None


def _held(workspace: Workspace) -> bool:
    """Whether a hold keeps everything of this workspace."""
    return False
