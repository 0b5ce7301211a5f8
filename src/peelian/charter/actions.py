"""What can be asked of the policies: the roles, the actions, and for each action its purpose and what it is done to."""

from __future__ import annotations

__all__ = ["ACTIONS", "KIND_OF", "PURPOSES", "PURPOSE_OF", "ROLES", "phrase"]

ROLES = ("analyst", "commander", "dispatcher", "overseer", "public", "steward")

_ACTIONS: dict[str, tuple[str, str]] = {
    # the loop
    "import": ("operations", "records"),
    "quality": ("evaluation", "records"),
    "forecast": ("planning", "run"),
    "trial": ("evaluation", "run"),
    "drift": ("evaluation", "run"),
    "suspend": ("oversight", "method"),
    "lift": ("oversight", "method"),
    "patterns": ("planning", "records"),
    "judge": ("evaluation", "run"),
    "plan": ("planning", "run"),
    "audit": ("oversight", "plan"),
    "publish": ("publication", "plan"),
    "read_records": ("operations", "records"),
    # decisions, and what becomes of them
    "look": ("planning", "plan"),
    "decide": ("planning", "plan"),
    "withdraw": ("planning", "plan"),
    "attend": ("operations", "plan"),
    "review": ("evaluation", "plan"),
    "object": ("oversight", "plan"),
    "answer": ("oversight", "objection"),
    # who watches
    "oversee": ("oversight", "workspace"),
    "read_names": ("oversight", "workspace"),
    "set_threshold": ("oversight", "threshold"),
    "halt": ("oversight", "system"),
    "resume": ("oversight", "halt"),
    "replay": ("oversight", "run"),
    "verify": ("oversight", "ledger"),
    "cosign": ("oversight", "ledger"),
    # the rules themselves
    "propose_policy": ("administration", "policy"),
    "comment_policy": ("administration", "policy"),
    "approve_policy": ("administration", "policy"),
    "enact_policy": ("administration", "policy"),
    "emergency": ("operations", "emergency"),
    "review_emergency": ("oversight", "emergency"),
    # keeping the house
    "init": ("administration", "workspace"),
    "people": ("administration", "workspace"),
    "rotate": ("administration", "ledger"),
    "retain": ("administration", "records"),
    "hold": ("oversight", "records"),
    "release": ("oversight", "records"),
    "erase": ("administration", "records"),
    "backup": ("administration", "workspace"),
    "status": ("operations", "workspace"),
}

ACTIONS = tuple(_ACTIONS)
PURPOSE_OF = {action: purpose for action, (purpose, _) in _ACTIONS.items()}
"""The purpose of each action, unless the caller says otherwise."""
KIND_OF = {action: kind for action, (_, kind) in _ACTIONS.items()}
"""The kind of thing that each action is done to, unless the caller says otherwise."""
PURPOSES = tuple(sorted(set(PURPOSE_OF.values())))

_PHRASES = {
    "quality": "report on quality",
    "trial": "run a trial",
    "drift": "look for drift",
    "patterns": "look for patterns",
    "judge": "confirm or reject a hypothesis",
    "read_records": "read records",
    "attend": "say what was done",
    "oversee": "look at what there is to oversee",
    "read_names": "read who acted",
    "set_threshold": "set a threshold",
    "propose_policy": "propose a change of the rules",
    "comment_policy": "comment on a change of the rules",
    "approve_policy": "approve a change of the rules",
    "enact_policy": "put a change of the rules in force",
    "emergency": "announce an emergency",
    "review_emergency": "review an emergency",
    "people": "register people",
    "rotate": "change the ledger's key",
    "backup": "make a backup",
    "init": "make a workspace",
    "status": "see the status",
    "object": "object",
}


def phrase(action: str, *, thing: str = "") -> str:
    """An action as a verb, for "the role ... may not ..."; with its `thing` where the verb doesn't name one."""
    return _PHRASES.get(action) or f"{action} {thing}".strip()
