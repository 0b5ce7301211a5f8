"""Thresholds of audits: set by a body before a result is seen, and kept in the ledger.

Which threshold holds for a result is read from the order of the ledger, and not from a date that somebody wrote down:
one that was set before the result was made, or where a file is audited, before it was audited for the first time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peelian.audits.finding import Threshold
from peelian.audits.thresholds import MEASURES, check_threshold, measure_of
from peelian.charter import check_reason
from peelian.errors import UsageError
from peelian.workspace.outcome import Outcome
from peelian.workspace.state import Run
from peelian.workspace.workspace import Workspace

__all__ = ["Held", "lift_threshold", "set_threshold", "thresholds", "thresholds_for"]

VERB = "threshold"


@dataclass(frozen=True)
class Held:
    """The thresholds that hold for a result.

    Parameters
    ----------
    thresholds : dict of str to Threshold
        By measure.
    set_late, lifted_late : tuple of str
        Of each that was set or lifted too late to count here, a sentence that says so.
    """

    thresholds: dict[str, Threshold]
    set_late: tuple[str, ...] = ()
    lifted_late: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """What whoever reads the result should know of its thresholds."""
        return [*self.set_late, *self.lifted_late]


def set_threshold(workspace: Workspace, measure: str, value: float, *, by: str, reason: str) -> Outcome:
    """Set how much of a measure is allowed, for every result that is made from now on.

    Parameters
    ----------
    measure : str
        A name of `peelian.audits.thresholds.MEASURES`.
    value : float
        In the measure's unit; a ratio is allowed from 1 / value to value.
    by : str
        The body that set it, such as ``"the oversight board"``.
    reason : str
        Why so much, in words; required.

    Raises
    ------
    RefusedError
        The role may not.
    UsageError
        There is no such measure, the value can't bound it, or it isn't said by whom and why.
    """
    workspace.require("set_threshold", {"kind": "threshold"})
    said = check_reason(reason)
    check_threshold(measure, value)
    if not by.strip():
        msg = "a threshold was given without the body that set it; expected its name"
        raise UsageError(msg, hint="--by 'the oversight board'")
    result = {
        "measure": measure,
        "meaning": measure_of(measure).meaning,
        "kind": measure_of(measure).kind,
        "value": float(value),
        "set_by": by.strip(),
        "reason": said,
        "role": workspace.role,
        "text": (
            f"{by.strip()} allows {allowed(measure, value)} of {measure} ({measure_of(measure).meaning}). It holds "
            "for what is made from now on."
        ),
    }
    return _commit(workspace, result)


def lift_threshold(workspace: Workspace, measure: str, *, reason: str) -> Outcome:
    """End a threshold, for every result that is made from now on; errors as `set_threshold`."""
    workspace.require("set_threshold", {"kind": "threshold"})
    said = check_reason(reason)
    measure_of(measure)
    if not any(row["measure"] == measure for row in thresholds(workspace)):
        msg = f"no threshold of {measure} is set, so there is none to lift"
        raise UsageError(msg, hint="peelian audit thresholds")
    text = f"The threshold of {measure} is lifted for what is made from now on."
    result = {"measure": measure, "value": None, "reason": said, "role": workspace.role, "text": text}
    return _commit(workspace, result)


def _commit(workspace: Workspace, result: dict[str, Any]) -> Outcome:
    with workspace.writing():
        details = {"measure": result["measure"]}
        if result["value"] is not None:
            details |= {"value": f"{result['value']:g}", "set_by": result["set_by"]}
        return workspace.commit(workspace.new_run(VERB), result, subject=result["measure"], details=details)


def thresholds(workspace: Workspace) -> list[dict[str, Any]]:
    """Every threshold that stands, by the name of its measure.

    Returns
    -------
    list of dict
        ``measure``, ``meaning``, ``kind``, ``value``, ``set_by``, ``reason``, ``role``, ``run`` and ``at``.
    """
    workspace.require("status", {"kind": "workspace"})
    standing = _standing(_acts(workspace))
    return [standing[name] for name in sorted(standing)]


def thresholds_for(
    workspace: Workspace, audit: str, *, source: str | None = None, verb: str = "", subject: str = ""
) -> Held:
    """The thresholds of an audit that were set before its result was seen.

    Parameters
    ----------
    audit : str
        ``plan``, ``forecast``, ``loop``, ``stops``, ``facematch`` or ``data``.
    source : str, optional
        The run that is audited: a threshold has to be older than that.
    verb, subject : str
        Where no run is audited: the runs of that verb and subject. A threshold has to be older than the first of
        them, for their result has been seen since.
    """
    acts = [act for act in _acts(workspace) if MEASURES[act["measure"]].audit == audit]
    if source is not None:
        until = workspace.state.rows(Run, Run.id == source)[0]["serial"]
        seen = f"{source} was made"
    else:
        earlier = [row for row in workspace.runs(verb) if row["subject"] == subject]
        until = earlier[0]["serial"] if earlier else None
        seen = f"this was first looked at ({earlier[0]['id']})" if earlier else ""
    before = [act for act in acts if until is None or act["serial"] < until]
    late = [act for act in acts if act not in before]
    held = {
        name: Threshold(act["value"], act["set_by"], act["at"][:10])
        for name, act in _standing(before).items()
    }
    set_late = tuple(
        f"The threshold of {allowed(act['measure'], act['value'])} of {act['measure']} was set on {act['at'][:10]}, "
        f"after {seen}. It doesn't count here: a threshold is set before the result is seen."
        for act in late
        if act["value"] is not None
    )
    lifted_late = tuple(
        f"The threshold of {act['measure']} was lifted on {act['at'][:10]}, after {seen}. It still counts here."
        for act in late
        if act["value"] is None
    )
    return Held(held, set_late, lifted_late)


def allowed(measure: str, value: float) -> str:
    """What a threshold allows, in words."""
    kind = measure_of(measure).kind
    if kind == "ratio":
        return f"{1 / value:.3g} to {value:g}"
    if kind == "difference":
        return f"{-value:g} to {value:g}"
    return f"at {kind} {value:g}"


def _acts(workspace: Workspace) -> list[dict[str, Any]]:
    """What was set and lifted, oldest first; of measures that are known."""
    rows = workspace.runs(VERB)
    found = [
        {**workspace.result(row["id"]), "run": row["id"], "at": row["at"], "serial": row["serial"]}
        for row in rows
    ]
    return [act for act in found if act["measure"] in MEASURES]


def _standing(acts: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    standing: dict[str, dict[str, Any]] = {}
    for act in acts:
        standing.pop(act["measure"], None)
        if act["value"] is not None:
            standing[act["measure"]] = act
    return standing
