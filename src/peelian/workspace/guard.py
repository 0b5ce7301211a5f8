"""What stands between a use case and its work: the charter is asked, and the overseer's halts are looked for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from peelian.charter import Answer, Policy
from peelian.errors import RefusedError
from peelian.workspace.emergencies import covering, owes_review
from peelian.workspace.files import result_json
from peelian.workspace.halts import HaltedError, Scope, halted, said
from peelian.workspace.identity import Actor
from peelian.workspace.outcome import PATTERNS
from peelian.workspace.policies import rules_now

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = ["Guard"]

LOOK_SECONDS = 0.2
"""How often work under way looks whether the overseer has halted it."""
HALTED = "halted-until-resumed"
STOPPED = (
    "import",
    "quality",
    "forecast",
    "trial",
    "drift",
    "patterns",
    "plan",
    "publish",
    "retain",
    "erase",
)
"""What a halt stops in the middle."""
COMPUTED = ("import", "quality", "forecast", "trial", "drift", *PATTERNS, "plan", "publish")
"""Runs that are not committed when what they are about was halted in the meantime."""
EVEN_SO = ("verify", "status", "oversee", "halt")
"""What can be done though somebody changed the rules by hand: to see it, and to stop everything."""


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
        self._emergency: str | None = None
        self._workspace = workspace
        self._looked = 0.0
        self._action = ""

    def answer(
        self, action: str, resource: Mapping[str, Any] | None, context: Mapping[str, Any] | None
    ) -> Answer:
        """What the charter says to whoever acts, as things stand."""
        halt = halted(self._workspace, self.scope)
        return self.policy.ask(self.actor.role, action, *self._as_it_stands(halt, action, resource, context))

    def _as_it_stands(
        self,
        halt: Mapping[str, Any] | None,
        action: str,
        resource: Mapping[str, Any] | None,
        context: Mapping[str, Any] | None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the workspace knows of a question beside what was said of it: none can say otherwise."""
        known = {
            "halted": halt is not None,
            **(resource or {}),
            "unreviewed_emergency": owes_review(self._workspace),
        }
        circumstances = {
            "identified": self.actor.person is not None,
            **(context or {}),
            "emergency": covering(self._workspace, action) is not None,
        }
        return known, circumstances

    def require(self, action: str, resource: Mapping[str, Any], context: Mapping[str, Any] | None) -> None:
        """Ask the charter; a denial is an error that says which policy denied and what would have to change.

        Raises
        ------
        HaltedError
            The overseer halted what this is about.
        RefusedError
            Another policy denies it, or none permits it; or somebody changed the policies by hand.
        """
        self._action = action
        if action not in EVEN_SO:
            self.policy = rules_now(self._workspace, self.policy)
        halt = halted(self._workspace, self.scope)
        known, circumstances = self._as_it_stands(halt, action, resource, context)
        answer = self.policy.ask(self.actor.role, action, known, circumstances)
        if halt is not None and HALTED in answer.policies:
            msg = f"{said(halt)} (policy {HALTED})"
            raise HaltedError(msg, hint=answer.remedy)
        if not answer.allowed:
            self.policy.require(self.actor.role, action, known, circumstances)
        if circumstances["emergency"]:
            self._emergency = covering(self._workspace, action)

    def marks(self, other: Actor | None, run: str) -> dict[str, str]:
        """For the entry of a run: ``who``, the hash of a sealed note that says who acted, and the ``emergency`` if any.

        Parameters
        ----------
        other : Actor, optional
            Who asked for it, where that is not who writes it down.

        Raises
        ------
        RefusedError
            The emergency under which it was done is over by now.
        """
        found = {}
        if run.rpartition("-")[0] in COMPUTED:
            self.stop_if_halted()  # the last moment at which work can be stopped: after it there is a result
        if other is None:
            self._stop_if_over()
            if self._emergency is not None:
                found["emergency"] = self._emergency
            self._emergency = None
        actor = other or self.actor
        if actor.person is not None:
            note = {"person": actor.person, "role": actor.role, "run": run}
            found["who"] = self._workspace.seals.seal(result_json(note))
        return found

    def _stop_if_over(self) -> None:
        if self._emergency is None or covering(self._workspace, run=self._emergency):
            return
        run, self._emergency = self._emergency, None
        msg = (
            f"{run}, under which this was done, is over; the work was stopped, and nothing half-done was kept"
        )
        raise RefusedError(
            msg, hint=f"let the overseer review it: peelian emergency review {run} --reason '...'"
        )

    def begin(self) -> None:
        """Forget what the piece of work before was about: one workspace may do several, one after the other."""
        self.scope = Scope()

    def about(self, **what: Any) -> None:
        """Say what the questions that follow are about (see `Scope`)."""
        self.scope = replace(self.scope, **what)

    def work_on(self, **what: Any) -> None:
        """Say what the work that follows is about; it stops where that is halted, now or later."""
        self.about(**what)
        self.stop_if_halted()

    def look(self) -> None:
        """As `stop_if_halted`, but not more often than is needed: to be called as often as work tells how far it is.

        Whoever verifies, oversees or backs up goes on while the system is halted.
        """
        if self._action in STOPPED and time.monotonic() - self._looked > LOOK_SECONDS:
            self.stop_if_halted()

    def stop_if_halted(self, *, kept: str = "nothing half-done was kept") -> None:
        """Stop here if the overseer has halted what the work is about, or the emergency that allowed it is over.

        Parameters
        ----------
        kept : str
            What is left of the work, in words.

        Raises
        ------
        HaltedError
            With what is halted, and why.
        RefusedError
            The emergency is over.
        """
        self._stop_if_over()
        self._looked = time.monotonic()
        halt = halted(self._workspace, self.scope)
        if halt is not None:
            msg = f"{said(halt)}; the work was stopped, and {kept}"
            hint = (
                f"peelian resume {halt['run'] or 'HALT'} --reason '...' takes two people of different roles"
            )
            raise HaltedError(msg, hint=hint)
