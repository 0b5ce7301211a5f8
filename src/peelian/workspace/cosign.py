"""``ledger cosign``: let other institutions see the ledger, and hold the workspace to what they saw.

Asking witnesses is no act of its own in the ledger: an entry about it would be one more that no witness has seen. What
they answered lies below the checkpoint's text, and in ``ledger/witnessed``, under their own signatures.

Where ``[ledger] quorum`` demands witnesses, a publication goes in this order: its entry is appended; the witnesses are
asked to cosign the ledger with that entry; and only if enough of them did is anything shown. Asking before the append
would let a publication out that nobody outside has seen the entry of, and showing before asking would take a fork to
the public. If too few answer, the entry stands, since nothing is taken back, and the public sees what it saw before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from peelian.charter.cosignature import CosignatureKey, head_of
from peelian.charter.divergence import counted
from peelian.charter.store import read_checkpoint
from peelian.charter.witnessing import Party, Reply, Witnessed, newest_witnessed
from peelian.charter.witnessing import cosign as ask_witnesses
from peelian.errors import CheckError
from peelian.workspace.workspace import Workspace

__all__ = ["before_showing", "cosign", "parties", "require_quorum", "shown_run", "witness_report"]

FACT = "witnesses"
CONTRADICTED = ("fork", "rewind")


def parties(workspace: Workspace) -> list[Party]:
    """The witnesses that ``peelian.toml`` names."""
    return [
        Party(
            witness.name,
            tuple(CosignatureKey.from_vkey(vkey) for vkey in witness.vkey),
            url=None if witness.url is None else witness.url.rstrip("/"),
            folder=None if witness.folder is None else workspace.folder / witness.folder,
        )
        for witness in workspace.config.ledger.witnesses
    ]


def cosign(workspace: Workspace) -> dict[str, Any]:
    """Ask every witness to cosign the ledger as it stands.

    Raises
    ------
    CheckError
        A witness has seen another ledger or a larger one, or fewer cosigned than the workspace demands.
    """
    workspace.require("verify", {"kind": "ledger"})
    replies = _ask(workspace)
    contradicted = [reply for reply in replies if reply.word in CONTRADICTED]
    if contradicted:
        msg = "; ".join(f"{reply.witness}: {reply.said}" for reply in contradicted)
        raise CheckError(
            msg, hint="tell the overseer, and ask the witness for its evidence: both sides' checkpoints"
        )
    size = _size(workspace)
    require_quorum(workspace, size=size)
    return {
        "status": "cosigned" if any(reply.word == "cosigned" for reply in replies) else "not cosigned",
        "entries": size,
        "quorum": workspace.config.ledger.quorum,
        "replies": [
            {"witness": reply.witness, "word": reply.word, "said": reply.said, "at": _time(reply)}
            for reply in replies
        ],
    }


def _ask(workspace: Workspace) -> list[Reply]:
    """Ask, and remember what each said, for who later wonders what is lacking."""
    workspace.progress("asking the witnesses", 0, 0)
    replies = ask_witnesses(
        workspace.folder / "ledger", parties(workspace), quorum=workspace.config.ledger.quorum
    )
    if replies:
        with workspace.state.begin() as connection:
            said = {reply.witness: reply.said for reply in replies}
            workspace.state.set_fact(connection, FACT, said)
    return replies


def _size(workspace: Workspace) -> int:
    return head_of(read_checkpoint(workspace.folder / "ledger")).size


def _time(reply: Reply) -> str | None:
    return _iso(max(c.at for c in reply.found)) if reply.found else None


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def require_quorum(workspace: Workspace, *, size: int = 0) -> Witnessed | None:
    """The newest checkpoint that enough witnesses saw; None where nobody saw one and none is demanded.

    Parameters
    ----------
    size : int
        How many entries they must have seen at least, where witnesses are demanded.

    Raises
    ------
    CheckError
        Fewer have than ``[ledger] quorum`` demands; the message says what each of the others answered last.
    """
    known = parties(workspace)
    quorum = workspace.config.ledger.quorum
    found = newest_witnessed(workspace.folder / "ledger", known, quorum=quorum) if known else None
    if quorum and (found is None or len(found.seen) < quorum or found.head.size < size):
        msg = _lacking(workspace, known, found, size)
        raise CheckError(
            msg, hint=f"peelian ledger cosign --workspace {workspace.folder}, when those who lack can answer"
        )
    return found


def _lacking(workspace: Workspace, known: Sequence[Party], found: Witnessed | None, size: int) -> str:
    seen = found.seen if found is not None and found.head.size >= size else {}
    said: dict[str, str] = workspace.state.fact(FACT) or {}
    missing = [p.name for p in known if p.name not in seen]
    answers = "; ".join(f"{name}: {said.get(name, 'it was not asked yet')}" for name in missing)
    what = f"the ledger with {counted(size)}" if size else "the ledger"
    who = f" ({', '.join(seen)})" if seen else ""
    return (
        f"{workspace.config.ledger.quorum} of {len(known)} witnesses have to have cosigned {what}, and {len(seen)}"
        f" did{who}. {answers}"
    )


def witness_report(workspace: Workspace, *, size: int) -> dict[str, Any]:
    """What `verify_ledger` tells of witnesses: who saw what last, and how many entries came since; errors as above."""
    found = require_quorum(workspace)
    seen = {} if found is None else found.seen
    return {
        "quorum": workspace.config.ledger.quorum,
        "witnesses": [{"witness": name, "at": _iso(at)} for name, at in seen.items()],
        "entries_witnessed": 0 if found is None else found.head.size,
        "entries_not_witnessed": size if found is None else size - found.head.size,
    }


def shown_run(workspace: Workspace, indices: dict[str, int], report: dict[str, Any]) -> str | None:
    """The publication that the public is to see: the last one, or where witnesses are demanded, the last they saw.

    Parameters
    ----------
    indices : dict of str to int
        Each run's index in the ledger.
    report : dict
        What `witness_report` gave.

    Raises
    ------
    CheckError
        There is something to see, and the witnesses have not seen its entry.
    """
    published = [row["id"] for row in workspace.runs("publish")]
    if workspace.config.ledger.quorum == 0:
        return published[-1] if published else None
    witnessed: int = report["entries_witnessed"]
    seen = [run for run in published if indices.get(run, witnessed) < witnessed]
    if published and not seen and (workspace.folder / "public" / "index.html").exists():
        msg = f"{published[-1]} is public, and too few witnesses have seen it in the ledger"
        raise CheckError(msg, hint=f"peelian ledger cosign --workspace {workspace.folder}")
    return seen[-1] if seen else None


def before_showing(workspace: Workspace, run: str) -> None:
    """Let the witnesses see a publication's entry before the public sees the publication.

    Raises
    ------
    CheckError
        Witnesses are demanded, and too few cosigned: nothing is to be shown.
    """
    if not workspace.config.ledger.witnesses:
        return
    for reply in _ask(workspace):
        if reply.word != "cosigned":
            workspace.progress(f"witness {reply.witness}: {reply.said}", 0, 0)
    try:
        require_quorum(workspace, size=_size(workspace))
    except CheckError as error:
        msg = f"{run} is in the ledger, and nothing of it was shown: {error.message}"
        raise CheckError(
            msg, hint="peelian publish, when the witnesses that are lacking can answer again"
        ) from error
