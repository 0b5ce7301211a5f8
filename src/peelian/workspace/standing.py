"""How plans and the decisions on them stand: read from the runs, so that nothing can say otherwise than the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from peelian.charter import Decision, transition
from peelian.charter.decisions import standing
from peelian.errors import UsageError

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = [
    "APPROVED",
    "Decided",
    "decisions",
    "find_decision",
    "find_plan",
    "moment",
    "plan_states",
    "state_now",
    "written",
]

APPROVED = ("approved", "amended", "in force")
"""States of a plan that somebody said yes to, and that nothing has ended."""
_ACTS = ("plan", "propose", "decide", "withdraw", "review")


@dataclass(frozen=True)
class Decided:
    """A decision, with what became of it since.

    Parameters
    ----------
    row : mapping
        The row of its run.
    result : mapping
        What was stored with it.
    decision : Decision
        In the state that later acts left it in; the time is not looked at.
    plan : mapping
        The row of the plan.
    """

    row: Mapping[str, Any]
    result: Mapping[str, Any]
    decision: Decision
    plan: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Of the decision."""
        return self.decision.id

    def standing(self, at: datetime) -> str:
        """The state at a time: what people did, and what the time makes of it."""
        return standing(self.decision, at)

    def cells(self, workspace: Workspace) -> dict[str, float]:
        """The places of the plan as it was decided, with the unit-hours planned for each."""
        plan = self.result.get("plan") or workspace.result(self.plan["id"])
        return {str(place["cell"]): float(place["hours"]) for place in plan["places"]}


def moment(workspace: Workspace) -> datetime:
    """The present moment in UTC."""
    return workspace.now().astimezone(UTC)


def written(at: datetime) -> str:
    """A time as results keep it: ISO 8601 with ``Z``, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def decisions(workspace: Workspace) -> list[Decided]:
    """Every decision, the oldest first."""
    plans = {row["id"]: row for row in workspace.runs("plan")}
    ended = _ended(workspace)
    return [_decided(workspace, row, plans, ended) for row in workspace.runs("decide")]


def find_decision(workspace: Workspace, name: str | None = None) -> Decided:
    """The decision of that id, or on the plan of that id; the latest when none is named.

    Raises
    ------
    UsageError
        There is none.
    """
    rows = workspace.runs("decide")
    found = rows if name is None else [row for row in rows if name in (row["id"], row["subject"])]
    if not found:
        known = ", ".join(row["id"] for row in rows[-3:]) or "none"
        what = "no decision has been taken yet" if name is None else f"{name!r} was given as the decision"
        msg = what if name is None else f"{what}; known: {known}"
        raise UsageError(msg, hint=f"peelian ledger show --workspace {workspace.folder} lists decisions")
    plans = {row["id"]: row for row in workspace.runs("plan")}
    return _decided(workspace, found[-1], plans, _ended(workspace))


def find_plan(workspace: Workspace, name: str | None = None) -> dict[str, Any]:
    """The row of a plan; when none is named, of the latest that is no draft, else of the latest draft.

    Raises
    ------
    UsageError
        There is none.
    """
    if name is None:
        put_forward = [row for row in workspace.runs("plan") if row["state"] != "draft"]
        name = put_forward[-1]["id"] if put_forward else None
    return workspace.latest("plan", name)


def state_now(workspace: Workspace, plan: Mapping[str, Any]) -> str:
    """The state of a plan at this moment: approvals begin and expire by themselves."""
    if plan["state"] not in APPROVED:
        return str(plan["state"])
    return find_decision(workspace, str(plan["id"])).standing(moment(workspace))


def plan_states(workspace: Workspace) -> dict[str, str]:
    """The state of each plan by what was done: every act in its order, each a move of the charter's table.

    Raises
    ------
    RefusedError
        An act is none that the table allows.
    """
    states: dict[str, str] = {}
    for row in workspace.runs():
        if row["verb"] not in _ACTS:
            continue
        result = workspace.result(row["id"])
        if row["verb"] == "plan":
            states[row["id"]] = "draft" if result.get("draft") else "proposed"
            continue
        plan, act = row["subject"], row["verb"]
        if act == "decide":
            act = result["decision"]["action"]
        elif act != "propose":
            plan = result["plan"]
        if act == "review" and states[plan] != "withdrawn":
            decision = Decision.from_dict(workspace.result(result["decision"])["decision"])
            states[plan] = standing(decision, datetime.fromisoformat(result["at"]))
        states[plan] = transition(states[plan], act)
    return states


def _ended(workspace: Workspace) -> dict[str, str]:
    """What ended decisions, by their ids; a review is what comes last."""
    done = {"withdraw": "withdrawn", "review": "reviewed"}
    return {row["subject"]: done[row["verb"]] for row in workspace.runs() if row["verb"] in done}


def _decided(
    workspace: Workspace, row: dict[str, Any], plans: Mapping[str, dict[str, Any]], ended: Mapping[str, str]
) -> Decided:
    result = workspace.result(row["id"])
    decision = Decision.from_dict(result["decision"])
    state = ended.get(row["id"], decision.state)
    return Decided(row, result, replace(decision, state=state), plans[row["subject"]])
