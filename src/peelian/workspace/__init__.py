"""The use cases: one module a verb, with a function of the same name.

Each asks the charter, calls the rooms above, stores what came out and appends to the ledger::

    from peelian.workspace import Workspace
    from peelian.workspace.trial import trial

    outcome = trial(Workspace("city"), "burglary")
"""

from __future__ import annotations

from peelian.workspace.config import Config, load_config
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["Config", "Outcome", "Workspace", "load_config"]
