"""``oversight``: what the overseer should look at. Signs and no proofs; each says why it matters and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peelian.workspace.emergencies import emergencies
from peelian.workspace.emergencies import said as said_of_emergency
from peelian.workspace.halts import halts, said
from peelian.workspace.holds import holds
from peelian.workspace.objections import objections
from peelian.workspace.policies import changed_by_hand, proposals
from peelian.workspace.standing import Decided, decisions, moment, written
from peelian.workspace.suspension import suspensions
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["HASTE", "KINDS", "oversight", "signs"]

HASTE = ("not_looked", "quick", "approvals_in_a_row")
"""Signs about how somebody decides: the charter is asked whether a role may see them (kind ``haste``)."""
LOOK_BACK = timedelta(days=90)
"""How long ago a decision may have been taken to be told of as a sign of haste."""
SOON = timedelta(days=2)
_ACTS = {"added": "registered", "ended": "ended", "erased": "erased"}
_EITHER = "There can be a good reason: ask before you judge."

KINDS: dict[str, tuple[str, str, str]] = {
    "rules_changed": (
        "The rules were changed by hand",
        "Rules are changed by two people and on a day. What somebody wrote into the files is not followed.",
        "peelian policy restore puts the rules in force back; ask who has access to the folder",
    ),
    "emergency_unreviewed": (
        "An emergency that nobody has reviewed",
        "In an emergency a role may do what it else may not. Nobody has said yet whether that was needed.",
        "peelian emergency review ID --finding ... --reason '...'",
    ),
    "emergency": (
        "An emergency that stands",
        "Somebody may for some hours do what their role may not.",
        "peelian emergency list shows what was done under it; it ends by itself, and is reviewed then",
    ),
    "objection_overdue": (
        "An objection that is not answered in time",
        "Whoever objects to a decision was promised an answer by a date.",
        "peelian answer ID --text '...' --outcome ..., by somebody who did not take the decision",
    ),
    "not_looked": (
        "A decision without a look at its page",
        f"Who decides should have seen what it is about. {_EITHER} It may have been read on paper, or over a shoulder.",
        "read the reason and runs/ID/shown.html, and ask whoever decided",
    ),
    "quick": (
        "A decision soon after the look at its page",
        f"A plan with its burden can hardly be read in so short a time. {_EITHER} Another copy may have been read.",
        "read the reason and runs/ID/shown.html, and ask whoever decided",
    ),
    "approvals_in_a_row": (
        "Many approvals in a row",
        f"Who never changes or refuses anything may have stopped looking, or the plans may be good. {_EITHER}",
        "compare some of the plans with their reasons; let somebody else decide for a while",
    ),
    "about_to_expire": (
        "An approval that is about to expire",
        "After that nothing is to be done because of it.",
        "nothing, if it is no longer needed; else a new plan, which is decided on anew",
    ),
    "not_reviewed": (
        "A decision that is over and not reviewed",
        "What was planned, what was done and what came of it has not been put side by side.",
        "peelian attend ID --file FILE for what was done, then peelian review ID --reason '...'",
    ),
    "halt": (
        "What is halted",
        "Nothing is computed from it, decided or published until two people end that.",
        "peelian resume ID --reason '...', by two people in different roles",
    ),
    "suspension": (
        "A method that is suspended",
        "Its category is forecast by counting until a person lifts that.",
        "peelian lift --category CATEGORY --reason '...', once somebody has looked into it",
    ),
    "hold": (
        "Records that are held",
        "Nothing of them is deleted, also where retention would be due.",
        "peelian hold release ID --reason '...', once what they are held for is over",
    ),
    "rules_proposed": (
        "A change of the rules that is proposed",
        "It takes effect once two people of different roles have approved it, and its day has come.",
        "peelian policy list shows it; peelian policy comment, approve or refuse",
    ),
    "people_changed": (
        "Who may act was changed",
        "The steward registers people, and could register somebody who doesn't exist, or end somebody in the way.",
        "ask the steward who it is, and meet them; peelian people list shows who is registered",
    ),
}
"""Each kind of sign: its title, why it matters, and what can be done. The order is that in which they are told."""


@dataclass(frozen=True)
class _Sign:
    kind: str
    what: str
    since: str
    about: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        title, why, todo = KINDS[self.kind]
        return {
            "sign": self.kind,
            "title": title,
            "what": self.what,
            "since": self.since,
            "why": why,
            "todo": todo.replace("ID", self.about[0]) if self.about else todo,
            "about": list(self.about),
        }


def oversight(workspace: Workspace) -> Outcome:
    """Look at what the overseer should look at; the page is ``runs/ID/oversight.html``.

    That somebody looked is kept, with what there was to be seen. The ledger, which anybody reads, says only the first.

    Returns
    -------
    Outcome
        ``signs`` (see `signs`), ``counts`` by their kind, and ``left_out``, what is not for this role to see.

    Raises
    ------
    RefusedError
        The role may not oversee.
    """
    from peelian.publish.oversight import oversight_page

    workspace.require("oversee", {"kind": "workspace"})
    with workspace.writing():
        found = signs(workspace)
        at = moment(workspace)
        kinds = [one["sign"] for one in found]
        result = {
            "role": workspace.role,
            "at": written(at),
            "signs": found,
            "counts": {kind: kinds.count(kind) for kind in KINDS if kind in kinds},
            "left_out": [] if _sees_haste(workspace) else [KINDS[kind][0] for kind in HASTE],
            "limits": [
                "A sign is not a proof, and no sign is no proof either: what is looked at elsewhere leaves no trace.",
                f"How decisions were taken is told of the last {LOOK_BACK.days} days.",
            ],
            "origin": workspace.origin(),
        }
        page = oversight_page(result, demonstration=workspace.config.agency.demonstration)
        return workspace.commit(
            workspace.new_run("oversight"),
            result,
            pages={"oversight.html": page},
        )


def signs(workspace: Workspace) -> list[dict[str, Any]]:
    """What there is to look at now, as plain data; the caller has asked the charter.

    Returns
    -------
    list of dict
        ``sign`` (its kind), ``title``, ``what``, ``since``, ``why`` it matters, ``todo`` and ``about``, the runs it is
        about, in the order of `KINDS` and then of time.
    """
    at = moment(workspace)
    every = decisions(workspace)
    found = [
        *_rules(workspace, at),
        *_emergencies(workspace),
        *_ends(workspace, every, at),
        *_stopped(workspace),
        *_people(workspace, at),
    ]
    if _sees_haste(workspace):
        recent = [one for one in every if one.decision.decided_at >= at - LOOK_BACK]
        found += [*_hasty(workspace, recent), *_in_a_row(workspace, every, at)]
    order = list(KINDS)
    found.sort(key=lambda sign: (order.index(sign.kind), sign.since))
    return [sign.to_dict() for sign in found]


def _sees_haste(workspace: Workspace) -> bool:
    return workspace.guard.answer("oversee", {"kind": "haste"}, None).allowed


def _by(one: Decided) -> str:
    """A decision in words."""
    return f"{one.id} ({one.decision.action} {one.plan['id']}) by the {one.decision.role}"


def _hasty(workspace: Workspace, recent: list[Decided]) -> Iterator[_Sign]:
    """Decisions without a look or soon after it; not those of a script, and of a time when looks were not kept."""
    least = workspace.config.decisions.min_seconds
    for one in recent:
        if one.decision.demonstration or "looked" not in one.result["decision"]:
            continue
        taken, looked = written(one.decision.decided_at), one.decision.looked
        if looked is None:
            yield _Sign("not_looked", f"{_by(one)}: they had not looked at its page.", taken, (one.id,))
        elif looked["seconds"] < least:
            what = f"{_by(one)}: {looked['seconds']:.0f} s after they looked at its page; expected {least:g} or more."
            yield _Sign("quick", what, taken, (one.id, looked["run"]))


def _in_a_row(workspace: Workspace, every: list[Decided], at: datetime) -> Iterator[_Sign]:
    """Approvals of one person, or of one role where the person is not known, between which nothing else was decided."""
    rows: dict[str, list[list[Decided]]] = {}
    for one in every:
        if one.decision.demonstration:
            continue
        of_theirs = rows.setdefault(str(one.row["person"] or f"role {one.row['role']}"), [[]])
        if one.decision.action == "approve":
            of_theirs[-1].append(one)
        else:
            of_theirs.append([])
    for row in (row for of_theirs in rows.values() for row in of_theirs):
        if (
            len(row) < workspace.config.decisions.max_approvals
            or row[-1].decision.decided_at < at - LOOK_BACK
        ):
            continue
        first, last = row[0], row[-1]
        who = "one person in the role" if first.row["person"] else "the role"
        what = (
            f"{len(row)} approvals by {who} of {last.decision.role}, from {first.id} to {last.id}, and no amendment "
            "and no refusal between them."
        )
        yield _Sign(
            "approvals_in_a_row", what, written(first.decision.decided_at), tuple(one.id for one in row)
        )


def _ends(workspace: Workspace, every: list[Decided], at: datetime) -> Iterator[_Sign]:
    """Approvals that are about to expire or are over and not reviewed, and objections that are overdue."""
    withdrawn = {row["subject"]: row["at"] for row in workspace.runs("withdraw")}
    for one in every:
        state, ends = one.standing(at), one.decision.expires_at
        if state == "in force" and ends - at <= SOON:
            what = f"{_by(one)} expires on {ends:%Y-%m-%d at %H:%M} UTC."
            yield _Sign("about_to_expire", what, written(ends - SOON), (one.id,))
        elif state == "expired":
            yield _Sign("not_reviewed", f"{_by(one)} has expired.", written(ends), (one.id,))
        elif state == "withdrawn":
            yield _Sign("not_reviewed", f"{_by(one)} was withdrawn.", withdrawn[one.id], (one.id,))
    for late in objections(workspace):
        if late["state"] == "overdue":
            what = f"{late['objection']} to {late['decision']} was to be answered by {late['due_at'][:10]}."
            yield _Sign("objection_overdue", what, late["due_at"], (late["objection"], late["decision"]))


def _stopped(workspace: Workspace) -> Iterator[_Sign]:
    for halt in halts(workspace):
        about = () if halt["run"] is None else (halt["run"], *halt["resumed_by"])
        agreed = "; one person agrees to end it" if halt["resumed_by"] else ""
        yield _Sign("halt", f"{_capital(said(halt))}{agreed}", halt["at"], about)
    for held in suspensions(workspace):
        what = f"{held['method']} for {held['category']}, by {held['run']} of the {held['role']}: {held['reason']}"
        yield _Sign("suspension", what, held["at"], tuple(held["runs"]))
    for kept in holds(workspace):
        what = f"{kept['run']} by the {kept['role']} covers {kept['covers']}: {kept['reason']}"
        yield _Sign("hold", what, kept["at"], (kept["run"],))


def _emergencies(workspace: Workspace) -> Iterator[_Sign]:
    for one in emergencies(workspace):
        kind = {"standing": "emergency", "unreviewed": "emergency_unreviewed"}.get(one["state"])
        if kind is not None:
            since = one["at"] if kind == "emergency" else one["ended"] or one["until"]
            what = f"{said_of_emergency(one)}; {len(one['made_under'])} run(s) were made under it"
            yield _Sign(kind, what, str(since), (one["run"], *one["made_under"]))


def _rules(workspace: Workspace, at: datetime) -> Iterator[_Sign]:
    changed = changed_by_hand(workspace)
    if changed is not None:
        yield _Sign("rules_changed", _capital(changed), written(at))
    for one in proposals(workspace):
        if one["state"] in ("proposed", "approved"):
            what = (
                f"{one['run']} by the {one['role']}, with {len(one['approvals'])} of two approvals, for "
                f"{one['effective']}: {one['reason']}"
            )
            yield _Sign("rules_proposed", what, one["at"], (one["run"],))


def _people(workspace: Workspace, at: datetime) -> Iterator[_Sign]:
    """Registrations, endings and erasures of late: by role and the hash of a sealed note, and never by name or id."""
    roles: dict[str, list[str]] = {}
    for row in workspace.runs("people"):
        done = workspace.result(row["id"])
        note = done["sealed"]
        roles.setdefault(note, done.get("roles", []))
        if datetime.fromisoformat(row["at"]) >= at - LOOK_BACK:
            who = f"{' and '.join(roles[note])} (sealed note {note[:12]})"
            what = f"{row['id']} by the {row['role']}: {who} was {_ACTS[done['act']]} on {row['at'][:10]}"
            yield _Sign("people_changed", what, row["at"], (row["id"],))
    for row in workspace.runs("retain"):
        gone = workspace.result(row["id"])["gone"].get("people", 0)
        if gone and datetime.fromisoformat(row["at"]) >= at - LOOK_BACK:
            what = f"{row['id']}: {gone} who had ended long ago erased on {row['at'][:10]}"
            yield _Sign("people_changed", what, row["at"], (row["id"],))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
