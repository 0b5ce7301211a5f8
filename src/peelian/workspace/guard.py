"""What stands between a use case and its work: the charter is asked, and the overseer's halts are looked for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from peelian.charter import Policy
from peelian.workspace.halts import HaltedError, Scope, halted, said
from peelian.workspace.identity import Actor

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = ["Guard"]

LOOK_SECONDS = 0.2
"""How often work under way looks whether the overseer has halted it."""
HALTED = "halted-until-resumed"


class Guard:
    """Asks the charter in the name of whoever acts, and stops work that the overseer halts.

    Parameters
    ----------
    workspace : Workspace
    policy : Policy
    actor : Actor
    """

    def __init__(self, workspace: Workspace, policy: Policy, actor: Actor) -> None:
        self.policy = policy
        self.actor = actor
        self.scope = Scope()
        self._workspace = workspace
        self._looked = 0.0

    def require(self, action: str, resource: Mapping[str, Any], context: Mapping[str, Any] | None) -> None:
        """Ask the charter; a denial is an error that says which policy denied and what would have to change.

        Raises
        ------
        HaltedError
            The overseer halted what this is about.
        RefusedError
            Another policy denies it, or none permits it.
        """
        halt = halted(self._workspace, self.scope)
        known = {"halted": halt is not None, **resource}
        circumstances = {"identified": self.actor.person is not None, **(context or {})}
        answer = self.policy.ask(self.actor.role, action, known, circumstances)
        if halt is not None and HALTED in answer.policies:
            msg = f"{said(halt)} (policy {HALTED})"
            raise HaltedError(msg, hint=answer.remedy)
        if not answer.allowed:
            self.policy.require(self.actor.role, action, known, circumstances)

    def about(self, **what: Any) -> None:
        """Say what the questions that follow are about (see `Scope`)."""
        self.scope = replace(self.scope, **what)

    def work_on(self, **what: Any) -> None:
        """Say what the work that follows is about; it stops where that is halted, now or later."""
        self.about(**what)
        self.stop_if_halted()

    def look(self) -> None:
        """As `stop_if_halted`, but not more often than is needed: to be called as often as work tells how far it is."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self.stop_if_halted()

    def stop_if_halted(self) -> None:
        """Stop here if the overseer has halted what the work is about.

        Raises
        ------
        HaltedError
            With what is halted, and why.
        """
        self._looked = time.monotonic()
        halt = halted(self._workspace, self.scope)
        if halt is not None:
            msg = f"{said(halt)}; the work was stopped, and nothing half-done was kept"
            hint = (
                f"peelian resume {halt['run'] or 'HALT'} --reason '...' takes two people of different roles"
            )
            raise HaltedError(msg, hint=hint)
