"""What the overseer is shown: each sign when there is cause, none where there is none, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from peelian.errors import RefusedError
from peelian.workspace.audit import audit
from peelian.workspace.decide import decide
from peelian.workspace.emergency import begin_emergency
from peelian.workspace.halt import halt
from peelian.workspace.hold import hold
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.look import look
from peelian.workspace.objections import answer, object_to
from peelian.workspace.oversight import HASTE, KINDS, oversight, signs
from peelian.workspace.people import add_person, end_person, erase_person
from peelian.workspace.plan import plan
from peelian.workspace.policy_change import propose
from peelian.workspace.review import review
from peelian.workspace.withdraw import withdraw

from .conftest import Opener

REASON = "the hours are there, and each place has another option too"
WHY = "the street works end this week, and the reports with them"

# Signs are of who decided when and after which look; what the checks of an audit find is in test_audit_checks.py.
pytestmark = pytest.mark.usefixtures("unchecked")


def later(**by: float) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) + timedelta(**by)


def kinds(deciding: Opener, role: str = "overseer", **more: object) -> list[str]:
    return [sign["sign"] for sign in signs(deciding(role, **more))]


def another(deciding: Opener) -> str:
    made = plan(deciding("analyst")).run
    audit(deciding("analyst"))
    return made


def test_where_nothing_is_to_be_seen_there_is_no_sign(either_deciding: Opener) -> None:
    deciding = either_deciding
    done = oversight(deciding("overseer"))
    assert (done.result["signs"], done.result["counts"], done.result["left_out"]) == ([], {}, [])
    page = deciding().page(done.run, "oversight.html").read_text(encoding="utf-8")
    assert "There is nothing to look at now" in page
    look(deciding(now=later(seconds=-60)))
    decide(deciding(), "approve", reason=REASON)
    assert kinds(deciding) == []
    assert verify_ledger(deciding("public"))["status"] == "verified"


def test_who_may_oversee(deciding: Opener) -> None:
    for role in ("public", "dispatcher", "steward"):
        with pytest.raises(RefusedError):
            oversight(deciding(role))


def test_decisions_without_a_look_and_soon_after_it(deciding: Opener) -> None:
    first = decide(deciding(), "refuse", reason=REASON).run
    another(deciding)
    seen = look(deciding()).run
    second = decide(deciding(), "approve", reason=REASON).run
    found = signs(deciding("overseer"))
    assert [(sign["sign"], sign["about"]) for sign in found] == [
        ("not_looked", [first]),
        ("quick", [second, seen]),
    ]
    assert "(refuse plan-" in found[0]["what"]
    assert f"runs/{second}/shown.html" in found[1]["todo"]
    assert all("ask before you judge" in sign["why"] for sign in found)
    assert kinds(deciding, now=later(days=91)).count("quick") == 0, "an old sign is no sign for ever"


def test_signs_of_haste_are_not_for_those_who_decide(deciding: Opener) -> None:
    decide(deciding(), "refuse", reason=REASON)
    assert kinds(deciding) == ["not_looked"]
    done = oversight(deciding("overseer"))
    assert done.result["counts"] == {"not_looked": 1}
    [entry] = [one for one in entries(deciding("public")) if one["id"] == done.run]
    assert "signs" not in str(entry.get("details", "")), "the ledger is for anybody to read"
    for role in ("commander", "analyst"):
        done = oversight(deciding(role))
        assert done.result["signs"] == []
        assert done.result["left_out"] == [KINDS[kind][0] for kind in HASTE]
        page = deciding().page(done.run, "oversight.html").read_text(encoding="utf-8")
        assert f"Not shown to the {role}" in page


def limit(deciding: Opener, most: int) -> None:
    path = deciding().folder / "peelian.toml"
    text = path.read_text(encoding="utf-8")
    assert "max_approvals = 10" in text
    path.write_text(text.replace("max_approvals = 10", f"max_approvals = {most}"), encoding="utf-8")


def test_a_run_of_approvals_by_one_role(deciding: Opener) -> None:
    limit(deciding, 2)
    first = decide(deciding(), "approve", reason=REASON).run
    assert "approvals_in_a_row" not in kinds(deciding)
    another(deciding)
    second = decide(deciding(), "approve", reason=REASON).run
    found = next(sign for sign in signs(deciding("overseer")) if sign["sign"] == "approvals_in_a_row")
    assert found["about"] == [first, second]
    assert found["what"].startswith(f"2 approvals by the role of commander, from {first} to {second}")


def test_a_refusal_in_between_ends_the_run_and_each_person_has_their_own(deciding: Opener) -> None:
    limit(deciding, 2)
    first = add_person(deciding("steward"), "Stella", roles=["steward"]).result["token"]
    tokens = [
        add_person(deciding("steward", token=first), name, roles=[role]).result["token"]
        for name, role in (
            ("Cora", "commander"),
            ("Carl", "commander"),
            ("Ana", "analyst"),
            ("Otto", "overseer"),
        )
    ]

    def decided(who: int, action: str) -> str:
        made = plan(deciding("analyst", token=tokens[2])).run
        audit(deciding("analyst", token=tokens[2]))
        return decide(deciding(token=tokens[who]), action, plan=made, reason=REASON).run

    def rows() -> list[list[str]]:
        found = signs(deciding("overseer", token=tokens[3]))
        assert not any(token in str(found) for token in tokens)
        assert "p-" not in "".join(sign["what"] for sign in found).replace("step-", "")
        return [sign["about"] for sign in found if sign["sign"] == "approvals_in_a_row"]

    one = decided(0, "approve")
    decided(1, "approve")
    assert rows() == []
    decided(1, "refuse")
    decided(1, "approve")
    assert rows() == []
    two = decided(0, "approve")
    assert rows() == [[one, two]]


def test_what_expires_and_is_not_reviewed(deciding: Opener) -> None:
    look(deciding(now=later(seconds=-60)))
    taken = decide(deciding(), "approve", reason=REASON).run
    assert kinds(deciding, now=later(days=11)) == []
    assert kinds(deciding, now=later(days=13)) == ["about_to_expire"]
    [sign] = signs(deciding("analyst", now=later(days=15)))
    assert (sign["sign"], sign["about"]) == ("not_reviewed", [taken])
    assert f"peelian review {taken}" in sign["todo"]
    review(deciding(now=later(days=15)), reason=WHY)
    assert kinds(deciding, now=later(days=16)) == []


def test_what_is_withdrawn_and_not_reviewed(deciding: Opener) -> None:
    look(deciding(now=later(seconds=-60)))
    decide(deciding(), "approve", reason=REASON)
    withdraw(deciding(), reason=WHY)
    assert kinds(deciding) == ["not_reviewed"]


def test_objections_that_are_overdue(deciding: Opener) -> None:
    look(deciding(now=later(seconds=-60)))
    decide(deciding(), "refuse", reason=REASON)
    late = object_to(deciding("public", now=later(days=-40)), text="Nobody asked us who live here.").run
    object_to(deciding("public"), text="Nobody asked us who live here.")
    [sign] = signs(deciding("commander"))
    assert (sign["sign"], sign["about"][0]) == ("objection_overdue", late)
    answer(deciding("overseer"), late, text="You were not asked, and from now on you are.", outcome="upheld")
    assert kinds(deciding) == []


def test_what_is_halted_held_and_proposed(deciding: Opener) -> None:
    halted = halt(deciding("overseer"), "category", "robbery", reason=WHY).run
    held = hold(deciding("overseer"), reason="the court asked for all that was written about these plans").run
    found = {sign["sign"]: sign for sign in signs(deciding("overseer"))}
    assert found.keys() == {"halt", "hold"}
    assert f"peelian resume {halted}" in found["halt"]["todo"]
    assert found["hold"]["about"] == [held]
    done = oversight(deciding("overseer")).result
    assert done["counts"] == {"halt": 1, "hold": 1}


def test_rules_that_somebody_changed_by_hand_are_seen(deciding: Opener) -> None:
    path = deciding().folder / "policy" / "oversight.cedar"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("analyst-works", "analyst-works") + "\n// so\n", encoding="utf-8")
    assert kinds(deciding) == ["rules_changed"]


def test_a_demonstration_is_taken_for_what_it_is(deciding: Opener) -> None:
    path = deciding().folder / "peelian.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("demonstration = false", "demonstration = true"), encoding="utf-8")
    decide(deciding(), "approve", reason=REASON, automated=True)
    assert kinds(deciding) == [], "no person was hasty where none decided"


def test_emergencies_and_changes_of_the_rules(deciding: Opener) -> None:
    first = add_person(deciding("steward"), "Stella", roles=["steward"]).result["token"]
    dana, otto = (
        add_person(deciding("steward", token=first), name, roles=[role]).result["token"]
        for name, role in (("Dana", "dispatcher"), ("Otto", "overseer"))
    )
    begun = begin_emergency(
        deciding("dispatcher", token=dana), to=["plan"], hours=2, reason="the only analyst is ill today"
    ).run
    own = deciding("public").folder.parent / "own.cedar"
    own.write_text(
        '@id("nobody-plans")\n@reason("so")\nforbid (principal, action == Action::"plan", resource);\n'
    )
    day = (datetime.now(UTC) + timedelta(days=9)).date()
    change = propose(deciding("dispatcher", token=dana), [own], reason=WHY, effective=day).run
    found = {sign["sign"]: sign for sign in signs(deciding("overseer", token=otto))}
    assert found.keys() == {"emergency", "rules_proposed", "people_changed"}
    assert found["emergency"]["about"][0] == begun
    assert found["rules_proposed"]["about"] == [change]
    told = kinds(deciding, token=otto, now=later(hours=3))
    assert told == ["emergency_unreviewed", "rules_proposed", *["people_changed"] * 3]


def test_who_was_registered_ended_and_erased_of_late(deciding: Opener) -> None:
    stella = add_person(deciding("steward"), "Stella Example", roles=["steward"]).result["token"]
    steward = deciding("steward", token=stella)
    otto = add_person(steward, "Otto Example", roles=["overseer"]).result["token"]
    cora = add_person(steward, "Cora Example", roles=["commander", "analyst"]).result["person"]
    end_person(steward, cora, reason=WHY)
    erase_person(steward, cora, reason=WHY)
    found = [one for one in signs(deciding("overseer", token=otto)) if one["sign"] == "people_changed"]
    acts = [("steward", "registered"), ("overseer", "registered"), ("commander and analyst", "registered")]
    acts += [("commander and analyst", "ended"), ("commander and analyst", "erased")]
    for one, (roles, act) in zip(found, acts, strict=True):
        done = deciding("overseer", token=otto).result(one["about"][0])
        assert (
            one["what"]
            .split(": ")[1]
            .startswith(f"{roles} (sealed note {done['sealed'][:12]}) was {act} on 20")
        )
    assert not any(word in str(found) for word in ("Example", "p-", stella, otto))
    assert kinds(deciding, token=otto, now=later(days=91)) == []
