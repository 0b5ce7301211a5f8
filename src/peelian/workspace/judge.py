"""``judge``: a person confirms or rejects a hypothesis, and the answers say how far its probabilities can be relied on.

Each answer is a run. The latest on a hypothesis counts, the earlier ones stay. A probability is kept with the answer as
it was stated at the time, so that nothing that is computed later can look as if it had been right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from peelian.charter import check_reason
from peelian.errors import UsageError
from peelian.workspace.outcome import Outcome
from peelian.workspace.workspace import Workspace

__all__ = ["JUDGED", "answers", "judge", "judged", "scored"]

JUDGED = ("links", "duplicates", "week")
"""Verbs whose results hold hypotheses."""


def judge(workspace: Workspace, run: str, hypothesis: str, *, confirmed: bool, reason: str) -> Outcome:
    """Confirm or reject a hypothesis that a result holds.

    Parameters
    ----------
    run : str
        Id of the result, such as ``links-0007``.
    hypothesis : str
        Its name there, such as ``L3``.
    confirmed : bool
        Whether it was found to be so; it is rejected otherwise.
    reason : str
        What that rests on; kept, so without names.

    Raises
    ------
    RefusedError
        The role may not.
    UsageError
        There is no such result or hypothesis, or the reason says too little, or seems to be about a person.
    """
    workspace.require("judge", {"kind": "run"})
    areas = () if workspace.areas is None else (str(name) for name in workspace.areas.frame["name"])
    said = _about_incidents(check_reason(reason), areas)
    with workspace.writing():
        source = _source(workspace, run)
        stated = _stated(workspace.result(run), run, hypothesis)
        earlier = [a for a in judged(workspace) if (a["of"], a["hypothesis"]) == (run, stated["id"])]
        result = {
            "of": run,
            "hypothesis": stated["id"],
            "said": stated["said"],
            "probability": stated["probability"],
            "at_most": bool(stated.get("at_most", False)),
            "answer": "confirmed" if confirmed else "rejected",
            "reason": said,
            "in_place_of": earlier[-1]["run"] if earlier else None,
            "origin": workspace.origin(),
        }
        return workspace.commit(
            workspace.new_run("judge"),
            result,
            subject=run,
            category=source["category"],
            details={"of": run, "hypothesis": stated["id"], "answer": result["answer"]},
        )


def judged(workspace: Workspace) -> list[dict[str, Any]]:
    """Every answer with the id of its ``run``, the oldest first; a later one on the same hypothesis too."""
    return [
        {"run": row["id"], "at": row["at"], **workspace.result(row["id"])} for row in workspace.runs("judge")
    ]


def scored(answer: Mapping[str, Any]) -> bool:
    """Whether an answer can tell how good a probability was: one was stated, and not only a bound on it."""
    return answer["probability"] is not None and not answer["at_most"]


def answers(workspace: Workspace) -> dict[str, Any]:
    """What was answered, and how the stated probabilities hold against it.

    Returns
    -------
    dict
        ``answers``: the one that counts for each hypothesis. ``scores``: for each kind of result, the score of its
        answers (`peelian.patterns.answers.score_answers`).
    """
    workspace.require("patterns", {"kind": "run"})
    workspace.require("read_records", {"kind": "records"})
    from peelian.patterns.answers import score_answers

    last = {(one["of"], one["hypothesis"]): one for one in judged(workspace)}
    scores = {}
    for verb in JUDGED:
        own = [one for (run, _), one in last.items() if run.rpartition("-")[0] == verb and scored(one)]
        found = score_answers(
            [one["probability"] for one in own], [one["answer"] == "confirmed" for one in own]
        )
        scores[verb] = {**found.to_dict(), "sentence": found.sentence()}
    shown = ("run", "at", "of", "hypothesis", "said", "probability", "answer", "reason")
    return {"answers": [{key: one[key] for key in shown} for one in last.values()], "scores": scores}


_PERSONAL = (
    (re.compile(r"[\w.+-]+@[\w-]+\.\w"), "an e-mail address"),
    (re.compile(r"(?<![\w-])(?!\d{4}-\d\d-\d\d)\+?\(?\d[\d ().-]{5,}\d(?![\w-])"), "a telephone number"),
    (
        re.compile(
            r"\b\d{1,5} (?:[NSEW]\.? )?[A-Z][\w.]+ (?:St|Street|Ave|Avenue|Rd|Road|Blvd|Dr|Drive|Ln|Lane|Ct|Pl|Way)\b"
        ),
        "an address",
    ),
    (
        re.compile(
            r"\b(?:(?:suspect|offender|arrest|victim|witness)\w{0,3}|named?|born|aged|mrs?|ms|s?he|his|hers?|him)\b",
            re.IGNORECASE,
        ),
        "a word about a person",
    ),
    (re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+ [A-Z][a-z]+\b"), "what looks like a name"),
)


def _about_incidents(reason: str, areas: Iterable[str]) -> str:
    """A reason that rests on the incidents alone; one that seems to be about a person is refused.

    It can't find every name. But who writes one is told, before anything is kept, that none belongs here. The names of
    the workspace's areas may be there.
    """
    looked = reason
    for name in areas:
        looked = looked.replace(name, name.casefold())
    for pattern, what in _PERSONAL:
        found = pattern.search(looked)
        if found:
            msg = f"the reason holds {what} ({found[0]!r}); it's kept, and expected to be about the incidents alone"
            raise UsageError(msg, hint="--reason 'the same way in and the same goods in both reports'")
    return reason


def _source(workspace: Workspace, run: str) -> dict[str, Any]:
    found = [row for verb in JUDGED for row in workspace.runs(verb)]
    for row in found:
        if row["id"] == run:
            return row
    known = ", ".join(sorted(row["id"] for row in found)[-3:]) or "none yet"
    msg = f"{run!r} was given as the result whose hypothesis is answered; there are {known}"
    raise UsageError(msg, hint="peelian patterns links, or peelian patterns duplicates, makes one")


def _stated(result: dict[str, Any], run: str, hypothesis: str) -> dict[str, Any]:
    wanted = hypothesis.strip().casefold()
    stated: list[dict[str, Any]] = result["hypotheses"]
    for one in stated:
        if str(one["id"]).casefold() == wanted:
            return one
    names = f"{stated[0]['id']} to {stated[-1]['id']}" if stated else "none"
    msg = f"{hypothesis!r} was given as a hypothesis of {run}, which holds {names}"
    raise UsageError(msg, hint=f"runs/{run} has the page that lists them")
