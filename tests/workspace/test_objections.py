"""Objections: anyone may, somebody else answers, and the words are nobody's but those who answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from peelian.errors import RefusedError, UsageError
from peelian.workspace.decide import decide
from peelian.workspace.hold import hold
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.objections import answer, counts_of, erase_objection, object_to, objections
from peelian.workspace.people import add_person

from .conftest import Opener

REASON = "the hours are there, and each place has another option too"
WORDS = "My street has had three cars a night for a month, and nobody asked Mrs. Zwickelbauer."
CONTACT = "m.zwickelbauer@home.example"
ANSWER = "You are right: the hours were planned without a look at what was done before."
WHY = "the resident asked for what they wrote to be erased"


def later(**by: float) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) + timedelta(**by)


def every_byte(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.fixture
def decided(deciding: Opener) -> str:
    return decide(deciding(), "approve", reason=REASON).run


def test_anyone_objects_and_somebody_else_answers(either_deciding: Opener) -> None:
    deciding = either_deciding
    decided = decide(deciding(), "approve", reason=REASON).run
    made = object_to(deciding("public"), decided, text=WORDS, contact=CONTACT)
    assert WORDS not in str(made.result)
    due = datetime.fromisoformat(made.result["due_at"]) - datetime.now(UTC)
    assert timedelta(days=30) <= due + timedelta(minutes=1) < timedelta(days=31, minutes=2)
    assert counts_of(deciding(), decided) == {"total": 1, "open": 1, "overdue": 0, "answered": 0}
    with pytest.raises(RefusedError, match="who-decided-does-not-answer") as no:
        answer(deciding("commander"), made.run, text=ANSWER, outcome="rejected")
    assert "overseer" in str(no.value.hint)
    for role in ("public", "analyst", "steward", "dispatcher"):
        with pytest.raises(RefusedError):
            answer(deciding(role), made.run, text=ANSWER, outcome="rejected")
    with pytest.raises(UsageError, match="the answer given"):
        answer(deciding("overseer"), made.run, text="no", outcome="rejected")
    done = answer(deciding("overseer"), made.run, text=ANSWER, outcome="upheld").result
    assert (done["outcome"], done["late"], ANSWER in str(done)) == ("upheld", False, False)
    with pytest.raises(UsageError, match="was answered on"):
        answer(deciding("overseer"), made.run, text=ANSWER, outcome="rejected")
    assert counts_of(deciding(), decided)["answered"] == 1
    everything = every_byte(deciding().folder)
    for words in (WORDS, CONTACT, ANSWER, "Zwickelbauer"):
        assert words.encode() not in everything
    assert verify_ledger(deciding("public"))["status"] == "verified"


def test_words_are_for_those_who_may_answer_it(deciding: Opener, decided: str) -> None:
    object_to(deciding("dispatcher"), text=WORDS, contact=CONTACT)
    [told] = objections(deciding("overseer"))
    assert (told["text"], told["contact"], told["answer"], told["erased"]) == (WORDS, CONTACT, None, False)
    for role in ("commander", "analyst", "public", "steward"):
        [told] = objections(deciding(role), decided)
        assert (told["text"], told["contact"], told["state"], told["role"]) == (
            None,
            None,
            "open",
            "dispatcher",
        )


def test_who_decided_is_told_by_person_where_persons_are_known(deciding: Opener) -> None:
    first = add_person(deciding("steward"), "Stella", roles=["steward"]).result["token"]
    tokens = {
        name: add_person(deciding("steward", token=first), name, roles=roles).result["token"]
        for name, roles in (("Cora", ["commander", "overseer"]), ("Carl", ["commander"]))
    }
    decide(deciding(token=tokens["Cora"]), "approve", reason=REASON)
    made = object_to(deciding("public"), text=WORDS).run
    for role in ("commander", "overseer"):
        with pytest.raises(RefusedError, match="who-decided-does-not-answer"):
            answer(deciding(role, token=tokens["Cora"]), made, text=ANSWER, outcome="partly")
    done = answer(deciding("commander", token=tokens["Carl"]), made, text=ANSWER, outcome="partly")
    assert done.result["outcome"] == "partly"


def test_those_overdue_come_first(deciding: Opener, decided: str) -> None:
    late = object_to(deciding("public", now=later(days=-40)), text=WORDS).run
    soon = object_to(deciding("public", now=later(days=-9)), text=WORDS).run
    new = object_to(deciding("public"), text=WORDS).run
    old = object_to(deciding("public", now=later(days=-50)), text=WORDS).run
    answered = answer(deciding("overseer"), old, text=ANSWER, outcome="rejected")
    assert answered.result["late"] is True
    found = objections(deciding("public"))
    assert [(one["objection"], one["state"]) for one in found] == [
        (late, "overdue"),
        (soon, "open"),
        (new, "open"),
        (old, "answered"),
    ]
    assert counts_of(deciding(), decided) == {"total": 4, "open": 2, "overdue": 1, "answered": 1}


def test_the_words_can_be_erased_and_the_proofs_stay(deciding: Opener, decided: str) -> None:
    made = object_to(deciding("public"), text=WORDS, contact=CONTACT).run
    answer(deciding("overseer"), made, text=ANSWER, outcome="upheld")
    with pytest.raises(RefusedError):
        erase_objection(deciding("commander"), made, reason=WHY)
    done = erase_objection(deciding("steward"), made, reason=WHY).result
    assert len(done["erased"]) == 3
    seals = deciding().seals
    assert {seals.state(digest) for digest in done["erased"]} == {"erased"}
    [told] = objections(deciding("overseer"))
    assert (told["text"], told["contact"], told["answer"], told["erased"]) == (None, None, None, True)
    assert (told["state"], told["outcome"]) == ("answered", "upheld")
    with pytest.raises(UsageError, match="erased already"):
        erase_objection(deciding("steward"), made, reason=WHY)
    verify_ledger(deciding("public"))


def test_a_hold_keeps_the_words(deciding: Opener, decided: str) -> None:
    made = object_to(deciding("public"), text=WORDS).run
    hold(deciding("overseer"), reason="the court asked for all that was written about these plans")
    with pytest.raises(RefusedError, match="held-until-released"):
        erase_objection(deciding("steward"), made, reason=WHY)
    assert objections(deciding("overseer"))[0]["text"] == WORDS


def test_what_is_no_objection(deciding: Opener, decided: str) -> None:
    for text, contact in (("", None), ("  ", None), (WORDS, " ")):
        with pytest.raises(UsageError, match="empty"):
            object_to(deciding("public"), text=text, contact=contact)
    with pytest.raises(UsageError, match="decide-9999"):
        object_to(deciding("public"), "decide-9999", text=WORDS)
    with pytest.raises(UsageError, match="expected one of upheld"):
        answer(deciding("overseer"), "object-0001", text=ANSWER, outcome="yes")
    with pytest.raises(UsageError, match="known: none"):
        answer(deciding("overseer"), "object-0001", text=ANSWER, outcome="upheld")
    assert not (deciding().folder / "sealed").exists() or not list((deciding().folder / "sealed").iterdir())
