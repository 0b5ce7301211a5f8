"""Rules change by decision only: who may take part, what may result, when it is in force, and what is done by hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from peelian.charter import Policy
from peelian.errors import CheckError, ConfigError, LedgerError, RefusedError, UsageError
from peelian.workspace import Workspace, policies
from peelian.workspace.files import sha256_of
from peelian.workspace.halt import halt
from peelian.workspace.identity import TOKEN_VARIABLE
from peelian.workspace.init import init
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.people import add_person
from peelian.workspace.policies import ask, in_force, proposals, published_since, show
from peelian.workspace.policy_change import approve, comment, enact, propose, refuse
from peelian.workspace.policy_keep import restore, update
from peelian.workspace.policy_powers import check_powers
from peelian.workspace.publish import publish
from peelian.workspace.status import status

from .conftest import Opener

WHY = "the board of the department asked for it in its meeting of May"
FORBID = '@id("no-forecasts") @reason("the board has asked to wait") @remedy("ask the board")\n'
FORBID += 'forbid (principal, action == Action::"forecast", resource);\n'
START = datetime(2030, 3, 4, 12, tzinfo=UTC)
TODAY = date(2030, 3, 4)
ROLES_OF = {
    "ana": ["analyst", "commander"],
    "carl": ["commander"],
    "cora": ["commander"],
    "otto": ["overseer"],
    "dana": ["dispatcher"],
    "stella": ["steward"],
}


def staff(folder: Path) -> dict[str, str]:
    """Tokens of a few people."""
    tokens = {
        "stella": add_person(Workspace(folder, role="steward"), "stella", roles=["steward"]).result["token"]
    }
    for who, roles in ROLES_OF.items():
        if who not in tokens:
            steward = Workspace(folder, token=tokens["stella"])
            tokens[who] = add_person(steward, who, roles=roles).result["token"]
    return tokens


class City:
    """A workspace with people, and a clock."""

    def __init__(self, folder: Path, tokens: dict[str, str]) -> None:
        self.folder, self.tokens, self.at = folder, tokens, START

    def __call__(self, who: str, role: str | None = None) -> Workspace:
        return Workspace(
            self.folder, token=self.tokens[who], role=role or ROLES_OF[who][0], now=lambda: self.at
        )

    def write(self, name: str, text: str = FORBID) -> Path:
        path = self.folder.parent / name
        path.write_text(text, encoding="utf-8")
        return path

    def pass_days(self, days: int) -> None:
        self.at += timedelta(days=days)

    def proposed(self, **more: Any) -> str:
        given = {"reason": WHY, "effective": TODAY + timedelta(days=3), **more}
        files = given.pop("files") if "files" in given else [self.write("own.cedar")]
        return propose(self("ana"), files, **given).run

    def approved(self, proposal: str) -> dict[str, Any]:
        approve(self("carl"), proposal, reason=WHY)
        return approve(self("otto"), proposal, reason=WHY).result

    def state(self, proposal: str) -> str:
        return next(one["state"] for one in proposals(self("ana")) if one["run"] == proposal)

    def touch(self) -> None:
        """Somebody writes something."""
        add_person(self("stella"), "a new colleague", roles=["analyst"])


@pytest.fixture(scope="module")
def staffed(tmp_path_factory: pytest.TempPathFactory) -> City:
    folder = tmp_path_factory.mktemp("staffed") / "city"
    init(folder, crs="EPSG:26915", zone="America/Chicago")
    return City(folder, staff(folder))


@pytest.fixture
def city(staffed: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> City:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    return City(Path(shutil.copytree(staffed.folder, tmp_path / "city")), staffed.tokens)


# --- the whole course


def test_a_change_is_proposed_commented_approved_by_two_and_in_force_on_its_day(
    state_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    init(tmp_path / "city", crs="EPSG:26915", sections={"state": {"url": state_url}})
    city = City(tmp_path / "city", staff(tmp_path / "city"))
    before = in_force(city("ana"))
    assert before is not None
    assert before.run == "init-0001"
    assert before.files == {name: sha256_of(text.encode()) for name, text in Policy.defaults().items()}
    proposal = city.proposed()
    comment(city("stella"), proposal, text="Who tells the districts?")
    one = approve(city("carl"), proposal, reason=WHY).result
    assert (one["complete"], one["enacted"]) == (False, None)
    two = approve(city("otto"), proposal, reason=WHY).result
    assert (two["complete"], two["enacted"]) == (True, None)
    assert city.state(proposal) == "approved"
    city.pass_days(2)
    city.touch()
    assert ask(city("ana"), "forecast").allowed, "its day has not come"
    city.pass_days(1)
    city.touch()
    answer = ask(city("ana"), "forecast")
    assert (answer.policies, answer.reason, answer.remedy) == (
        ("no-forecasts",),
        "the board has asked to wait",
        "ask the board",
    )
    assert (city.folder / "policy" / "own.cedar").read_text() == FORBID
    [told] = proposals(city("dana"))
    assert (told["state"], told["role"], told["reason"], told["changed"]) == (
        "in force",
        "analyst",
        WHY,
        ["own.cedar"],
    )
    assert [given["reason"] for given in told["comments"]] == ["Who tells the districts?"]
    assert [given["role"] for given in told["approvals"]] == ["commander", "overseer"]
    assert told["rules_added"] == ["no-forecasts"]
    verify_ledger(city("ana"))


def test_the_ledger_has_the_hash_of_each_text(city: City) -> None:
    proposal = city.proposed(effective=TODAY)
    enacted = city.approved(proposal)["enacted"]
    entry = next(one for one in entries(city("ana")) if one["id"] == enacted)
    listed = {one["file"]: one["sha256"] for one in entry["details"]["policy_files"]}
    assert listed == {**_hashes(Policy.defaults()), "own.cedar": sha256_of(FORBID.encode())}
    standing = in_force(city("ana"))
    assert standing is not None
    assert (standing.run, standing.set) == (enacted, entry["details"]["policy_set"])
    assert entry["actor"] == "overseer"
    assert "who" not in entry["details"], "nobody acts on its day: it is the second approval that did"
    kept = json.loads(city("ana").checked(proposal, "policies.json").read_text())
    assert kept == {**Policy.defaults(), "own.cedar": FORBID}
    digest = city("ana").policy.digest
    city.touch()
    assert entries(city("ana"))[-1]["details"]["policy"] == digest != entry["details"]["policy"]


def _hashes(texts: dict[str, str]) -> dict[str, str]:
    return {name: sha256_of(text.encode()) for name, text in texts.items()}


def test_the_difference_is_kept_and_told(city: City) -> None:
    roles = Policy.defaults()["roles.cedar"]
    changed = city.write("roles.cedar", roles.replace("context.purpose ==", "context.purpose  =="))
    proposal = city.proposed(files=[changed], remove=["watching.cedar"])
    diff = city("ana").checked(proposal, "change.diff").read_text()
    assert "--- a/roles.cedar\n+++ b/roles.cedar\n" in diff
    assert '-when { context.purpose == "operations" };\n+when { context.purpose  == "operations" };' in diff
    assert "--- a/watching.cedar\n+++ /dev/null\n" in diff
    [told] = proposals(city("ana"))
    assert told["removed"] == ["watching.cedar"]
    assert told["rules_removed"] == ["lifting", "suspending", "who-tries-watches"]


def test_files_are_replaced_removed_and_taken_as_the_release_brings_them(city: City) -> None:
    city.approved(city.proposed(files=[], remove=["watching.cedar"], effective=TODAY))
    assert not (city.folder / "policy" / "watching.cedar").exists()
    assert show(city("ana"))["lacking"] == ["watching.cedar"]
    assert "peelian policy propose --default watching.cedar" in str(ask(city("ana"), "drift").remedy)
    city.approved(city.proposed(files=[], default=["watching.cedar"], effective=TODAY))
    assert ask(city("ana"), "drift").allowed
    assert show(city("ana"))["lacking"] == []
    assert [one["state"] for one in proposals(city("ana"))] == ["replaced", "in force"]
    verify_ledger(city("ana"))


# --- who takes part


def test_the_author_never_approves_in_whichever_role(city: City) -> None:
    proposal = city.proposed()
    for role in ("analyst", "commander"):
        with pytest.raises(RefusedError, match="not-the-same-person"):
            approve(city("ana", role), proposal, reason=WHY)


def test_two_people_of_different_roles_approve(city: City) -> None:
    proposal = city.proposed()
    approve(city("carl"), proposal, reason=WHY)
    with pytest.raises(RefusedError, match="not-the-same-person"):
        approve(city("carl"), proposal, reason=WHY)
    with pytest.raises(RefusedError, match="not-the-same-role"):
        approve(city("cora"), proposal, reason=WHY)
    with pytest.raises(RefusedError, match="steward-runs-the-system-only"):
        approve(city("stella"), proposal, reason=WHY)
    assert city.state(proposal) == "proposed"
    approve(city("dana"), proposal, reason=WHY)
    assert city.state(proposal) == "approved"
    with pytest.raises(UsageError, match="is approved, and that is not open"):
        approve(city("otto"), proposal, reason=WHY)


def test_claimed_roles_propose_and_approve_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    init(tmp_path / "city", crs="EPSG:26915")
    (tmp_path / "own.cedar").write_text(FORBID)
    with pytest.raises(RefusedError, match="people-who-can-be-told-apart"):
        propose(
            Workspace(tmp_path / "city", role="analyst"),
            [tmp_path / "own.cedar"],
            reason=WHY,
            effective=TODAY,
        )


def test_no_program_approves(city: City) -> None:
    proposal = city.proposed()
    with pytest.raises(RefusedError, match="a-person-decides"):
        approve(city("carl"), proposal, reason=WHY, automated=True)


def test_one_person_refuses_its_author_too(city: City) -> None:
    first, second = city.proposed(), city.proposed()
    approve(city("carl"), first, reason=WHY)
    approve(city("otto"), first, reason=WHY)
    assert (
        refuse(city("dana"), first, reason=WHY)
        .result["text"]
        .startswith(f"{first} is refused by the dispatcher")
    )
    refuse(city("ana"), second, reason=WHY)
    city.pass_days(9)
    city.touch()
    assert [one["state"] for one in proposals(city("ana"))] == ["refused", "refused"]
    assert ask(city("ana"), "forecast").allowed
    for act in (
        lambda p: approve(city("otto"), p, reason=WHY),
        lambda p: comment(city("otto"), p, text="why?"),
    ):
        with pytest.raises(UsageError, match="is refused"):
            act(first)


def test_what_is_said_is_checked(city: City) -> None:
    proposal = city.proposed()
    with pytest.raises(UsageError, match="reason given is 'ok'"):
        approve(city("carl"), proposal, reason="ok")
    with pytest.raises(UsageError, match="an empty comment"):
        comment(city("carl"), proposal, text=" ")
    with pytest.raises(UsageError, match=f"known: {proposal}"):
        approve(city("carl"), "policy-9999", reason=WHY)
    with pytest.raises(RefusedError, match="may not comment on a change of the rules"):
        comment(Workspace(city.folder, role="public"), proposal, text="no")


# --- what may result


@pytest.mark.parametrize(
    ("name", "text", "kind", "told"),
    [
        ("hard_rules.cedar", "// none", RefusedError, "hard rules can't be changed"),
        ("own.txt", FORBID, UsageError, "as a policy file"),
        ("own.cedar", "permit (principal", ConfigError, "own.cedar is not valid Cedar"),
        ("own.cedar", "permit (principal, action, resource);", ConfigError, "no @id"),
        ("own.cedar", FORBID.replace("no-forecasts", "four-eyes"), ConfigError, "four-eyes"),
        ("own.cedar", FORBID.replace('"forecast"', '"arrest"'), ConfigError, "arrest"),
        (
            "own.cedar",
            FORBID.replace('"forecast"', '"verify"'),
            RefusedError,
            "keep the role analyst from verifying",
        ),
        (
            "own.cedar",
            FORBID.replace('"forecast"', '"approve_policy"'),
            RefusedError,
            "5 roles could propose a change of the rules and 0 approve one",
        ),
        ("own.cedar", FORBID.replace("to wait", "for un" + "biased maps"), CheckError, "never published"),
    ],
)
def test_a_set_that_may_not_stand_is_not_proposed(
    city: City, name: str, text: str, kind: type[Exception], told: str
) -> None:
    with pytest.raises(kind, match=told):
        city.proposed(files=[city.write(name, text)])
    assert proposals(city("ana")) == []


def with_file(text: str, name: str = "own.cedar") -> Policy:
    return Policy.of({**Policy.defaults(), name: text}, folder=Path("policy"))


def forbidding(action: str, when: str = "") -> str:
    return FORBID.replace('"forecast"', f'"{action}"').replace("resource);", f"resource){when};")


@pytest.mark.parametrize("action", ["halt", "oversee", "review_emergency", "resume"])
@pytest.mark.parametrize(
    "when",
    [
        "",
        ' when { principal == Role::"overseer" }',
        " when { resource has halted && resource.halted }",
        " when { context has emergency && context.emergency }",
        " when { context has identified && context.identified }",
        " unless { resource has unreviewed_emergency && resource.unreviewed_emergency }",
    ],
)
def test_no_rule_takes_the_overseer_s_powers(action: str, when: str) -> None:
    with pytest.raises(RefusedError, match=f"the overseer might not {action.replace('_', ' ')}"):
        check_powers(with_file(forbidding(action, when)))


@pytest.mark.parametrize(
    ("gone", "kept", "told"),
    [
        ('permit (principal == Role::"overseer", action == Action::"halt", resource);', "", "might not halt"),
        ('[Role::"commander", Role::"overseer"]', '[Role::"overseer"]', "only overseer could resume"),
        ('[Role::"commander", Role::"overseer"]', '[Role::"commander"]', "might not resume"),
        ('[Role::"analyst", Role::"commander", Role::"overseer"]', '[Role::"analyst"]', "might not oversee"),
    ],
)
def test_the_overseer_s_permits_stay(gone: str, kept: str, told: str) -> None:
    text = Policy.defaults()["oversight.cedar"].replace('@id("halting")\n' * (not kept) + gone, kept)
    assert text != Policy.defaults()["oversight.cedar"]
    with pytest.raises(RefusedError, match=told):
        check_powers(with_file(text, "oversight.cedar"))


@pytest.mark.parametrize(
    "scope",
    [
        "principal, action, resource",
        'principal, action == Action::"people", resource',
        'principal == Role::"public", action in [Action::"erase", Action::"retain"], resource',
        'principal, action == Action::"emergency", resource',
    ],
)
def test_the_public_gets_no_power_over_the_system(scope: str) -> None:
    with pytest.raises(RefusedError, match="the role public could do this: .*anybody can claim that role"):
        check_powers(with_file(f'@id("all") permit ({scope});'))
    scope = 'principal, action == Action::"backup", resource'
    when = "when { context has emergency && context.emergency }"
    with pytest.raises(RefusedError, match="the role public could do this: backup;"):
        check_powers(with_file(f'@id("all") permit ({scope}) {when};'))


def test_two_people_can_t_rid_themselves_of_who_watches_them(city: City) -> None:
    for text, told in (
        (forbidding("halt"), "the overseer might not halt"),
        (
            '@id("all") permit (principal, action, resource);',
            "the role public could do this: people, erase, ",
        ),
    ):
        with pytest.raises(RefusedError, match=told):
            city.proposed(files=[city.write("own.cedar", text)])
    assert proposals(city("ana")) == []


def test_others_can_be_let_in() -> None:
    text = """
    @id("more") permit (principal == Role::"analyst", action == Action::"resume", resource);
    @id("open") permit (principal == Role::"public", action in [Action::"oversee", Action::"look"], resource);
    """
    check_powers(with_file(text))
    check_powers(with_file(FORBID))


def test_a_way_to_change_the_rules_stays(city: City) -> None:
    with pytest.raises(RefusedError, match="0 roles could propose .* and 0 approve one; expected 1 and 2"):
        city.proposed(files=[], remove=["oversight.cedar"])


def test_what_changes_nothing_or_is_not_there_is_said(city: City) -> None:
    with pytest.raises(UsageError, match="no file was given, and nothing would change"):
        city.proposed(files=[])
    with pytest.raises(UsageError, match="roles.cedar was given, and nothing would change"):
        city.proposed(files=[city.folder / "policy" / "roles.cedar"])
    with pytest.raises(UsageError, match="as what to remove; in force are deciding.cedar"):
        city.proposed(remove=["hard_rules.cedar"])
    with pytest.raises(UsageError, match="as a file that Peelian brings"):
        city.proposed(files=[], default=["own.cedar"])
    with pytest.raises(ConfigError, match="can't be read"):
        city.proposed(files=[city.folder / "none.cedar"])


def test_days_are_those_of_the_agency(city: City) -> None:
    city.at = datetime(2030, 3, 5, 3, tzinfo=UTC)  # still the evening of the 4th in Chicago
    with pytest.raises(UsageError, match="from 2030-03-03 on, which is over"):
        city.proposed(effective="2030-03-03")
    with pytest.raises(UsageError, match="'soon' was given"):
        city.proposed(effective="soon")
    proposal = city.proposed(effective="2030-03-05")
    city.approved(proposal)
    with pytest.raises(RefusedError, match="approved for 2030-03-05, and today is 2030-03-04"):
        enact(city("dana"), proposal)
    city.at = datetime(2030, 3, 5, 6, tzinfo=UTC)
    done = enact(city("dana"), proposal)
    assert done.result["act"] == "enacted"
    assert enact(city("dana"), proposal).run == done.run, "once is enough"


def test_a_change_that_is_not_approved_is_not_enacted(city: City) -> None:
    proposal = city.proposed(effective=TODAY)
    approve(city("carl"), proposal, reason=WHY)
    with pytest.raises(RefusedError, match="has 1 of 2 approvals"):
        enact(city("dana"), proposal)
    with pytest.raises(RefusedError, match="may not put a change of the rules in force"):
        enact(Workspace(city.folder, role="public"), proposal)


def test_what_starts_from_other_rules_is_proposed_again(city: City) -> None:
    """Two people approve a whole set that they have read, and not a difference from they don't know what."""
    first = city.proposed(effective=TODAY)
    second = city.proposed(files=[city.write("more.cedar", FORBID.replace("no-f", "few-f"))])
    third = city.proposed(files=[city.write("most.cedar", FORBID.replace("no-f", "all-f"))])
    city.approved(third)
    city.approved(first)
    assert [one["state"] for one in proposals(city("ana"))] == ["in force", "outdated", "outdated"]
    with pytest.raises(RefusedError, match="starts from other rules") as no:
        approve(city("carl"), second, reason=WHY)
    assert "propose it again" in str(no.value.hint)
    city.pass_days(9)
    city.touch()
    assert not (city.folder / "policy" / "most.cedar").exists()
    again = city.proposed(
        files=[city.write("more.cedar", FORBID.replace("no-f", "few-f"))], effective="2030-03-13"
    )
    assert city.approved(again)["enacted"]


def test_a_long_opened_workspace_goes_by_the_new_rules(city: City) -> None:
    opened = city("ana")
    opened.require("forecast", {"kind": "run"})
    city.approved(city.proposed(effective=TODAY))
    with pytest.raises(RefusedError, match="no-forecasts"):
        opened.require("forecast", {"kind": "run"})


# --- what is published


def test_a_change_is_published_when_it_is_in_force(city: City) -> None:
    proposal = city.proposed(effective=TODAY)
    comment(city("stella"), proposal, text="Are they <b>sure</b>?")
    enacted = city.approved(proposal)["enacted"]
    page = (city.folder / "public" / "policy.html").read_text()
    for text in (
        "no-forecasts",
        "the board has asked to wait",
        WHY,
        "Are they &lt;b&gt;sure&lt;/b&gt;?",
        "four-eyes",
    ):
        assert text in page
    assert "EWCA Civ 1058" in page
    assert "Content-Security-Policy" in page
    assert published_since(city("ana"), None) == (enacted, {"policy.html": sha256_of(page.encode())})
    verify_ledger(city("ana"))
    (city.folder / "public" / "policy.html").write_text(page.replace("no-forecasts", "all-forecasts"))
    with pytest.raises(LedgerError, match=f"policy.html is not what {enacted} published"):
        verify_ledger(city("ana"))


def test_publishing_a_plan_publishes_the_rules_as_they_are_then(deciding: Opener) -> None:
    from peelian.workspace.decide import decide

    decide(deciding("commander"), "approve", reason=WHY)
    done = publish(deciding("analyst"))
    folder = deciding().folder
    city = City(folder, staff(folder))
    page = folder / "public" / "policy.html"
    assert done.result["public"]["policy.html"] == sha256_of(page.read_bytes())
    assert '<a href="policy.html">' in (folder / "public" / "index.html").read_text()
    assert "No change was proposed" in page.read_text()
    city.at = datetime.now(UTC)
    day = city.at.date() - timedelta(days=1)
    proposal = propose(
        city("ana"), [city.write("own.cedar")], reason=WHY, effective=max(day, policies.today(city("ana")))
    )
    city.approved(proposal.run)
    assert "no-forecasts" in page.read_text()
    verify_ledger(city("ana"))
    publish(city("ana"))
    assert "no-forecasts" in page.read_text()
    verify_ledger(city("ana"))


# --- by hand


def _empty_oversight(policy: Path) -> None:
    (policy / "oversight.cedar").write_text("// nobody halts here\n")


def _permit_all(policy: Path) -> None:
    (policy / "own.cedar").write_text('@id("all") permit (principal, action, resource);\n')


def _lose(policy: Path) -> None:
    (policy / "roles.cedar").unlink()


def _break(policy: Path) -> None:
    (policy / "roles.cedar").write_bytes(b"permit (\xff")


@pytest.mark.parametrize(
    ("by_hand", "told"),
    [
        (_empty_oversight, "policy/oversight.cedar was changed by hand"),
        (_permit_all, "policy/own.cedar was added by hand"),
        (_lose, "policy/roles.cedar was removed by hand"),
        (_break, "policy/roles.cedar was changed by hand"),
    ],
)
def test_rules_that_were_changed_by_hand_are_not_followed(
    city: City, by_hand: Callable[[Path], None], told: str
) -> None:
    opened = city("stella")
    by_hand(city.folder / "policy")
    for workspace in (opened, city("stella")):
        with pytest.raises(RefusedError, match=told) as no:
            add_person(workspace, "somebody", roles=["analyst"])
        assert "peelian policy propose" in str(no.value.hint)
    with pytest.raises(RefusedError, match=told):
        city.proposed()
    assert verify_ledger(city("dana"))["status"] == "verified"
    assert told in str(status(city("dana"))["policy"]["changed"])
    assert told in str(show(city("dana"))["changed"])
    with pytest.raises(RefusedError, match="may not halt"):
        halt(city("dana"), "system", reason=WHY)
    assert halt(city("otto"), "system", reason=WHY).run.startswith("halt-"), "by the rules in force"


def test_what_was_written_by_hand_is_kept_and_can_be_proposed(city: City) -> None:
    with pytest.raises(UsageError, match="are those in force"):
        restore(city("stella"))
    path = city.folder / "policy" / "roles.cedar"
    mine = path.read_text() + FORBID
    path.write_text(mine)
    _permit_all(city.folder / "policy")
    with pytest.raises(RefusedError, match="may not put a change of the rules in force"):
        restore(Workspace(city.folder, role="public"))
    done = restore(city("stella"))
    assert done.result["differed"] == ["policy/own.cedar was added", "policy/roles.cedar was changed"]
    assert path.read_text() == Policy.defaults()["roles.cedar"]
    assert not (city.folder / "policy" / "own.cedar").exists()
    kept = path.with_name("roles.cedar.changed")
    assert kept.read_text() == mine
    city.touch()
    city.approved(city.proposed(files=[kept], effective=TODAY))
    assert path.read_text() == mine
    verify_ledger(city("ana"))


def test_a_change_by_hand_keeps_what_is_due_waiting(city: City) -> None:
    proposal = city.proposed()
    city.approved(proposal)
    city.pass_days(5)
    _permit_all(city.folder / "policy")
    halt(city("otto"), "category", "burglary", reason=WHY)
    assert city.state(proposal) == "approved"
    restore(city("stella"))
    city.touch()
    assert city.state(proposal) == "in force"


# --- what is cut short


@pytest.mark.parametrize("files", range(5))
def test_an_enactment_that_was_cut_short_is_completed_by_whoever_comes_next(
    city: City, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    """A rule moves from one file to another: a mix of both sets is no valid set."""
    watching = Policy.defaults()["watching.cedar"]
    cut = watching.index('@id("lifting")')
    proposal = city.proposed(
        files=[city.write("watching.cedar", watching[:cut]), city.write("a-lift.cedar", watching[cut:])],
        remove=["deciding.cedar"],
        effective=TODAY,
    )
    approve(city("carl"), proposal, reason=WHY)
    done: list[str] = []
    replace, unlink = policies.replace_file, Path.unlink

    def dying(path: Path, what: Callable[[], None]) -> None:
        if len(done) == files:
            raise KeyboardInterrupt
        done.append(path.name)
        what()

    with monkeypatch.context() as patch:
        patch.setattr(policies, "replace_file", lambda p, data: dying(p, lambda: replace(p, data)))
        patch.setattr(
            Path,
            "unlink",
            lambda p, **more: (
                dying(p, lambda: unlink(p, **more)) if p.suffix == ".cedar" else unlink(p, **more)
            ),
        )
        if files < 4:
            with pytest.raises(KeyboardInterrupt):
                approve(city("otto"), proposal, reason=WHY)
        else:
            approve(city("otto"), proposal, reason=WHY)
    assert len(done) == files
    assert ask(city("carl"), "lift").policies != ()
    assert not (city.folder / "policy" / "deciding.cedar").exists()
    assert (city.folder / "policy" / "a-lift.cedar").read_text() == watching[cut:]
    assert status(city("dana"))["policy"]["changed"] is None
    verify_ledger(city("ana"))


# --- an earlier version


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose ledger does not say which rules are in force, with fewer files and other hard rules."""
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    commit = Workspace.commit

    def without(self: Workspace, run: str, result: dict[str, Any], **_: Any) -> Any:
        return commit(self, run, {key: value for key, value in result.items() if key != "policies"})

    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "commit", without)
        init(tmp_path / "old", crs="EPSG:26915")
    policy = tmp_path / "old" / "policy"
    for name in ("deciding.cedar", "keeping.cedar", "oversight.cedar"):
        (policy / name).unlink()
    (policy / "hard_rules.cedar").write_text("// an earlier release\n")
    (policy / "own.cedar").write_text(FORBID)
    return tmp_path / "old"


def test_a_workspace_of_an_earlier_version_is_brought_up_by_one_command(older: Path) -> None:
    with pytest.raises(RefusedError, match="from another version") as no:
        Workspace(older).require("import", {"kind": "records"})
    assert f"peelian policy update --workspace {older}" in str(no.value.hint)
    done = update(older)
    assert done.result["written"] == [
        "hard_rules.cedar",
        "deciding.cedar",
        "keeping.cedar",
        "oversight.cedar",
    ]
    assert done.result["lacking"] == []
    entry = entries(Workspace(older))[-1]
    assert (entry["id"], entry["details"]["act"], entry["details"]["own"]) == (
        done.run,
        "adopted",
        ["own.cedar"],
    )
    found = in_force(Workspace(older))
    assert found is not None
    assert found.run == done.run
    assert found.files == _hashes({**Policy.defaults(), "own.cedar": FORBID})
    assert not ask(Workspace(older), "forecast").allowed, "its own rules stay"
    again = update(older)
    assert (again.run, again.result["written"]) == ("", [])
    verify_ledger(Workspace(older))


def test_rules_are_adopted_once_at_the_first_write(older: Path) -> None:
    Policy.write_defaults(older / "policy")
    assert in_force(Workspace(older)) is None
    Workspace(older).require("import", {"kind": "records"})
    staff(older)
    assert [row["verb"] for row in Workspace(older).runs()][:3] == ["init", "policy", "people"]
    assert len(Workspace(older).runs("policy")) == 1
    (older / "policy" / "own.cedar").unlink()
    with pytest.raises(RefusedError, match="own.cedar was removed by hand"):
        Workspace(older, role="public").require("object", {"kind": "plan"})


def test_own_rules_that_clash_with_a_new_file_stop_the_update_before_it_writes_that(older: Path) -> None:
    (older / "policy" / "own.cedar").write_text(FORBID.replace("no-forecasts", "halting"))
    with pytest.raises(ConfigError, match="'halting' is in oversight.cedar and again in own.cedar"):
        update(older)
    assert not (older / "policy" / "oversight.cedar").exists()


def test_a_default_file_of_a_later_release_comes_in_as_a_change(city: City) -> None:
    """Nobody can slip it in by writing it: what is in force is in the ledger, and what was before is not again."""
    city.approved(city.proposed(files=[], remove=["watching.cedar"], effective=TODAY))
    (city.folder / "policy" / "hard_rules.cedar").write_text("// an earlier release\n")
    done = update(city.folder)
    assert (done.run, done.result["written"], done.result["lacking"]) == (
        "",
        ["hard_rules.cedar"],
        ["watching.cedar"],
    )
    Policy.write_defaults(city.folder / "policy")
    city.touch()
    assert not (city.folder / "policy" / "watching.cedar").exists()
    assert not ask(city("ana"), "drift").allowed


def test_a_folder_that_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no peelian.toml"):
        update(tmp_path)


# --- questions


def test_prohibited_uses_are_refused_by_name(city: City) -> None:
    for who in ROLES_OF:
        answer = ask(city(who), "forecast", use="face_identification")
        assert "no-identification" in answer.policies
        assert "prohibited use" in answer.reason
        assert "Regulation (EU) 2024/1689, Article 5(1)(e)" in " ".join(answer.references)
    assert ask(city("ana"), "forecast", kind="person_score").policies == ("no-scores-of-persons",)
    assert ask(city("ana"), "forecast", purpose="curiosity").policies == ("known-purpose",)
    assert city("ana").runs("policy") == []


def test_a_question_is_answered_as_things_stand(city: City) -> None:
    assert ask(city("ana"), "forecast").allowed
    halt(city("otto"), "system", reason=WHY)
    assert ask(city("ana"), "forecast").policies == ("halted-until-resumed",)
    assert "people-who-can-be-told-apart" in ask(Workspace(city.folder, role="public"), "resume").policies
    with pytest.raises(UsageError, match="no action 'arrest'"):
        ask(city("ana"), "arrest")


def test_every_rule_in_force_is_shown(city: City) -> None:
    found = show(city("dana"))
    ids = [rule["id"] for rule in found["rules"]]
    assert len(set(ids)) == len(ids) > 40
    assert {rule["id"] for rule in found["rules"] if rule["hard"]} >= {"four-eyes", "places-never-persons"}
    assert all(rule["effect"] == "forbid" and rule["reason"] for rule in found["rules"] if rule["hard"])
    assert found["changed"] is None
