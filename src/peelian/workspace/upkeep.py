"""What whoever next writes in a workspace sees to first: halts, rules whose day has come, notices that are missing."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from peelian.charter import Policy
from peelian.errors import PeelianError
from peelian.workspace.emergency import write_notices
from peelian.workspace.files import result_json
from peelian.workspace.halt import enter_requests
from peelian.workspace.halts import FOLDER as HALTING
from peelian.workspace.identity import Actor
from peelian.workspace.policies import FOLDER, TEXTS, VERB, hashes_of, in_entry, in_force, software_changed
from peelian.workspace.policy_change import enact_due

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = ["keep_up"]


def keep_up(workspace: Workspace) -> None:
    """Called by whoever holds the workspace, before they write."""
    if (workspace.folder / HALTING).is_dir():
        enter_requests(workspace)
    if in_force(workspace) is None and software_changed(workspace) is None:
        _adopt(workspace)
    # A change that can't be enacted any more must not keep everybody from working: `policy enact` says what is wrong.
    with suppress(PeelianError):
        enact_due(workspace)
    write_notices(workspace)


def _adopt(workspace: Workspace) -> None:
    """Say once, in the ledger, which rules a workspace of an earlier version had: those count from now on."""
    texts = Policy.load(workspace.folder / FOLDER).texts
    defaults = Policy.defaults()
    own = [name for name, text in texts.items() if text != defaults.get(name)]
    result = {
        "act": "adopted",
        "policies": hashes_of(texts),
        "own": own,
        "text": (
            "From now on the rules in policy/ are those of this entry, and change only by decision. They are taken as "
            "they were found"
            + (f"; {', '.join(own)} differ from what Peelian brings." if own else ", as Peelian brings them.")
        ),
    }
    workspace.commit(
        workspace.new_run(VERB),
        result,
        pages={TEXTS: result_json(texts)},
        details={"act": "adopted", "own": own, **in_entry(texts)},
        actor=Actor(workspace.role),
    )
