"""The default policies, the hard rules that stay, and how refusals explain themselves."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.charter.actions import ACTIONS, PURPOSES, ROLES
from peelian.charter.policy import HARD_RULES, SCHEMA, Policy
from peelian.errors import ConfigError, RefusedError, UsageError

PLAN = {
    "kind": "plan",
    "id": "plan-1",
    "author_role": "analyst",
    "state": "proposed",
    "burden_measured": True,
}


@pytest.fixture(scope="module")
def defaults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policy")
    Policy.write_defaults(folder)
    return folder


@pytest.fixture(scope="module")
def policy(defaults: Path) -> Policy:
    return Policy.load(defaults)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Policy.write_defaults(tmp_path)
    return tmp_path


# Who may do what by default: written out, so that a change of the policies is a change of this table.
MATRIX = {
    "analyst": "import quality forecast trial drift patterns judge plan audit publish verify read_records status look "
    "attend review object oversee replay cosign propose_policy comment_policy enact_policy approve_policy emergency "
    "retain erase",
    "commander": "audit decide suspend lift publish verify status look withdraw attend review object answer oversee "
    "resume replay cosign propose_policy comment_policy enact_policy approve_policy emergency hold release",
    "dispatcher": "verify read_records status attend object propose_policy comment_policy enact_policy approve_policy "
    "emergency",
    "overseer": "quality trial drift patterns suspend lift audit verify read_records status look withdraw review "
    "object answer oversee read_names set_threshold halt resume replay cosign propose_policy comment_policy "
    "enact_policy approve_policy review_emergency hold release",
    "public": "verify status object",
    "steward": "import verify init status object cosign propose_policy comment_policy enact_policy people rotate "
    "retain erase backup",
}


@pytest.mark.parametrize(("role", "action"), list(itertools.product(ROLES, ACTIONS)))
def test_the_table_of_roles_and_actions(policy: Policy, role: str, action: str) -> None:
    state = "approved" if action == "publish" else "proposed"
    answer = policy.ask(role, action, {**PLAN, "state": state}, {"identified": True})
    assert answer.allowed == (action in MATRIX[role].split())
    assert answer.reason
    assert (answer.remedy is None) == answer.allowed
    assert answer.policies or not answer.allowed


def test_answers_name_their_policies(policy: Policy) -> None:
    assert policy.ask("commander", "decide", PLAN).policies == ("commander-decides",)
    assert policy.ask("public", "verify").policies == ("anyone-verifies",)
    denied = policy.ask("dispatcher", "plan")
    assert denied.policies == ()
    assert denied.reason == "no policy permits the role dispatcher to plan for the purpose of planning"
    assert denied.remedy == "act as analyst"


def test_nobody_decides_on_what_their_role_made(policy: Policy) -> None:
    answer = policy.ask("commander", "decide", {**PLAN, "author_role": "commander"})
    assert (answer.allowed, answer.policies) == (False, ("four-eyes",))
    assert "let another role decide" in str(answer.remedy)
    unknown = {key: value for key, value in PLAN.items() if key != "author_role"}
    assert policy.ask("commander", "decide", unknown).policies == ("four-eyes",)


@pytest.mark.parametrize("state", ["draft", "approved", "amended", "refused", "withdrawn", "expired"])
def test_only_what_is_proposed_is_decided_on(policy: Policy, state: str) -> None:
    assert policy.ask("commander", "decide", {**PLAN, "state": state}).policies == ("only-what-is-proposed",)


def test_a_burden_that_was_not_measured_stops_approval_but_not_refusal(policy: Policy) -> None:
    plan = {**PLAN, "burden_measured": False}
    for context in (None, {"choice": "approve"}, {"choice": "amend"}):
        assert policy.ask("commander", "decide", plan, context).policies == ("burden-before-approval",)
    assert policy.ask("commander", "decide", plan, {"choice": "refuse"}).allowed


@pytest.mark.parametrize("state", ["draft", "proposed", "refused", "withdrawn", "expired", None])
def test_no_plan_is_published_that_nobody_approved(policy: Policy, state: str | None) -> None:
    plan = {"kind": "plan"} if state is None else {"kind": "plan", "state": state}
    for role in ("analyst", "commander"):
        answer = policy.ask(role, "publish", plan)
        assert (answer.allowed, answer.policies) == (False, ("publish-after-decision",))
        assert answer.remedy == "peelian decide PLAN --approve --reason '...' --as commander"
        assert policy.ask(role, "publish", {"kind": "plan", "state": "amended"}).allowed


def test_who_decided_does_not_answer(policy: Policy) -> None:
    objection = {"kind": "objection", "author_role": "commander"}
    for role in ("commander", "overseer"):
        assert policy.ask(role, "answer", {**objection, "same_person": False, "same_role": False}).allowed
        for known in ("same_person", "same_role"):
            answer = policy.ask(role, "answer", {**objection, known: True})
            assert answer.policies == ("who-decided-does-not-answer",)
            assert "overseer" in str(answer.remedy)


def test_signs_of_haste_are_for_the_overseer(policy: Policy) -> None:
    allowed = {role for role in ROLES if policy.ask(role, "oversee", {"kind": "haste"}).allowed}
    assert allowed == {"overseer"}
    assert policy.ask("commander", "oversee", {"kind": "haste"}).policies == (
        "signs-of-haste-are-for-the-overseer",
    )
    assert policy.ask("commander", "oversee", {"kind": "workspace"}).allowed


def test_a_program_neither_decides_nor_publishes(policy: Policy) -> None:
    for action, state in (("decide", "proposed"), ("publish", "approved"), ("lift", "proposed")):
        plan = {**PLAN, "state": state}
        assert policy.ask("commander", action, plan, {"automated": True}).policies == ("a-person-decides",)
        assert policy.ask("commander", action, plan, {"automated": False}).allowed


def test_officers_own_activity_is_not_learned_from(policy: Policy) -> None:
    for action in ("forecast", "trial", "drift", "plan"):
        run: dict[str, Any] = {"kind": "run", "officer_initiated": True}
        assert policy.ask("analyst", action, run).policies == ("officer-activity-left-out",)
        assert policy.ask("analyst", action, {**run, "officer_initiated_approved": True}).allowed


@pytest.mark.parametrize("action", ["forecast", "plan", "decide"])
def test_what_is_suspended_is_not_used(policy: Policy, action: str) -> None:
    role = "commander" if action == "decide" else "analyst"
    answer = policy.ask(role, action, {**PLAN, "suspended": True})
    assert (answer.allowed, answer.policies) == (False, ("suspended-until-lifted",))
    assert "peelian lift" in str(answer.remedy)
    assert policy.ask(role, action, {**PLAN, "suspended": False}).allowed


def test_a_plan_by_a_suspended_method_can_be_refused(policy: Policy) -> None:
    plan = {**PLAN, "suspended": True}
    assert not policy.ask("commander", "decide", plan, {"choice": "approve"}).allowed
    assert not policy.ask("commander", "decide", plan, {"choice": "amend"}).allowed
    assert policy.ask("commander", "decide", plan, {"choice": "refuse"}).allowed


def lifting(tried_by: str | None, *, alarmed: bool = True, overseer: bool = False) -> dict[str, Any]:
    """The suspension of a method whose trial a role ran."""
    found = {"kind": "method", "alarmed": alarmed, "overseer_suspended": overseer}
    return found if tried_by is None else {**found, "author_role": tried_by}


@pytest.mark.parametrize("own", [False, True], ids=["default", "own policies permit everything"])
def test_whoever_tries_does_not_lift(folder: Path, own: bool) -> None:
    if own:
        (folder / "own.cedar").write_text('@id("all") permit (principal, action, resource);\n')
    policy = Policy.load(folder)
    for tried_by in ("analyst", "overseer", "steward"):  # an analyst doesn't, whoever ran the trial
        answer = policy.ask("analyst", "lift", lifting(tried_by))
        assert not answer.allowed
        assert "who-tries-does-not-lift" in answer.policies
    for role in ("commander", "overseer"):
        assert policy.ask(role, "lift", lifting("analyst")).allowed
        assert policy.ask(role, "lift", lifting(role)).policies == ("who-tries-does-not-lift",)
        assert policy.ask(role, "lift", lifting(None)).policies == ("who-tries-does-not-lift",)
    for role in ("steward", "dispatcher", "public"):
        assert policy.ask(role, "lift", lifting("analyst")).allowed == (own and role != "steward")


def test_the_overseer_s_hold_is_the_overseer_s_to_lift(policy: Policy) -> None:
    held = lifting("analyst", overseer=True)
    assert policy.ask("overseer", "lift", held).allowed
    assert policy.ask("commander", "lift", held).policies == ("the-overseer-s-hold",)
    # On a trial of their own: a hold without an alarm can be taken back, an alarm can't be waved away by holding.
    assert policy.ask("overseer", "lift", lifting("overseer", alarmed=False, overseer=True)).allowed
    answer = policy.ask("overseer", "lift", lifting("overseer", alarmed=True, overseer=True))
    assert answer.policies == ("who-tries-does-not-lift",)


def test_those_who_only_plan_can_t_suspend(policy: Policy) -> None:
    assert policy.ask("analyst", "suspend").remedy == "act as commander or overseer"


PROHIBITED_KINDS = {
    "person": "places-never-persons",
    "person_score": "no-scores-of-persons",
    "face": "no-identification",
    "gait": "no-identification",
    "plate": "no-identification",
    "biometric_category": "no-biometric-categories",
    "watch_list": "no-watch-lists",
    "social_media_account": "no-social-media-accounts",
}
PROHIBITED_USES = {
    "person_score": "no-scores-of-persons",
    "face_identification": "no-identification",
    "gait_identification": "no-identification",
    "plate_identification": "no-identification",
    "biometric_categorisation": "no-biometric-categories",
    "watch_list": "no-watch-lists",
    "social_media_account": "no-social-media-accounts",
}


@pytest.mark.parametrize("role", ROLES)
def test_persons_are_refused_by_name_to_everyone(policy: Policy, role: str) -> None:
    for action in ACTIONS:
        for kind, rule in PROHIBITED_KINDS.items():
            answer = policy.ask(role, action, {**PLAN, "kind": kind})
            assert not answer.allowed
            assert rule in answer.policies
            assert "prohibited use" in answer.reason
            assert any(word in " ".join(answer.references) for word in ("Regulation", "Directive", "EWCA"))
        for use, rule in PROHIBITED_USES.items():
            for context in ({"use": use}, {"purpose": use}):
                assert rule in policy.ask(role, action, PLAN, context).policies


def test_an_emergency_opens_actions_but_no_hard_rule(policy: Policy) -> None:
    urgent = {"emergency": True}
    assert not policy.ask("dispatcher", "forecast").allowed
    assert policy.ask("dispatcher", "forecast", None, urgent).policies == ("in-an-emergency",)
    for kind, rule in PROHIBITED_KINDS.items():
        assert rule in policy.ask("dispatcher", "forecast", {"kind": kind}, urgent).policies
    mine = {**PLAN, "author_role": "analyst"}
    assert policy.ask("analyst", "decide", mine, urgent).policies == ("four-eyes",)
    assert policy.ask("public", "read_records", None, urgent).policies == ("public-reads-no-records",)
    assert policy.ask("steward", "decide", PLAN, urgent).policies == ("steward-runs-the-system-only",)


@pytest.mark.parametrize(
    "action", ["propose_policy", "approve_policy", "resume", "emergency", "review_emergency"]
)
@pytest.mark.parametrize("role", ROLES)
def test_two_people_are_two_people(policy: Policy, role: str, action: str) -> None:
    for context in (None, {"identified": False}):
        assert "people-who-can-be-told-apart" in policy.ask(role, action, None, context).policies
    named = {"identified": True}
    if action in ("approve_policy", "resume"):
        assert "not-the-same-person" in policy.ask(role, action, {"same_person": True}, named).policies
        assert "not-the-same-role" in policy.ask(role, action, {"same_role": True}, named).policies


@pytest.mark.parametrize("role", ROLES)
def test_what_is_halted_is_refused_to_everyone(policy: Policy, role: str) -> None:
    for action in ("import", "forecast", "trial", "plan", "decide", "publish"):
        answer = policy.ask(role, action, {**PLAN, "halted": True})
        assert "halted-until-resumed" in answer.policies
        assert "two people" in str(answer.remedy)
    assert policy.ask("commander", "decide", {**PLAN, "halted": True}, {"choice": "refuse"}).allowed
    assert policy.ask("overseer", "verify", {"kind": "ledger", "halted": True}).allowed


def test_an_emergency_that_nobody_reviewed_keeps_its_role_from_deciding(policy: Policy) -> None:
    answer = policy.ask("commander", "decide", {**PLAN, "unreviewed_emergency": True})
    assert answer.policies == ("emergencies-are-reviewed",)
    assert not policy.ask(
        "analyst", "emergency", {"unreviewed_emergency": True}, {"identified": True}
    ).allowed


def test_what_is_held_is_not_erased(policy: Policy) -> None:
    assert policy.ask("steward", "erase", {"held": True}).policies == ("held-until-released",)


def test_a_purpose_must_be_one_of_those_named(policy: Policy) -> None:
    assert policy.ask("analyst", "plan", None, {"purpose": "curiosity"}).policies == ("known-purpose",)
    for purpose in PURPOSES:
        assert policy.ask("analyst", "plan", None, {"purpose": purpose}).allowed


def test_a_dispatcher_reads_for_operations_only(policy: Policy) -> None:
    assert policy.ask("dispatcher", "read_records").allowed
    assert not policy.ask("dispatcher", "read_records", None, {"purpose": "evaluation"}).allowed


def test_unknown_roles_and_actions_are_usage_errors(policy: Policy) -> None:
    with pytest.raises(UsageError, match="no role 'chief'; expected one of analyst, commander, dispatcher"):
        policy.ask("chief", "plan")
    with pytest.raises(UsageError, match="no action 'arrest'; expected one of import"):
        policy.ask("analyst", "arrest")


def test_require(policy: Policy) -> None:
    assert policy.require("commander", "decide", PLAN).allowed
    with pytest.raises(
        RefusedError, match=r"the role commander may not decide this: .* \(policy four-eyes\)"
    ) as no:
        policy.require("commander", "decide", {**PLAN, "author_role": "commander"})
    assert no.value.exit_code == 3
    assert "let another role decide" in str(no.value.hint)
    with pytest.raises(RefusedError, match="may not read records: ") as no:
        policy.require("public", "read_records")
    assert "published pages" in str(no.value.hint)


@pytest.mark.parametrize(
    ("resource", "context"),
    [
        ({"kind": "plan", "unheard_of": 1}, None),
        ({"kind": 5}, None),
        (None, {"purpose": 5}),
        (None, {"unheard_of": True}),
    ],
)
def test_what_cannot_be_evaluated_is_denied_and_logged(
    policy: Policy, caplog: pytest.LogCaptureFixture, resource: Any, context: Any
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = policy.ask("analyst", "plan", resource, context)
    assert not answer.allowed
    assert "could not be evaluated" in answer.reason
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_an_error_in_a_policy_denies_even_where_another_permits(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Valid for the schema; the overflow only shows when it is evaluated, and Cedar then skips the policy.
    (folder / "own.cedar").write_text(
        '@id("overflows") forbid (principal, action == Action::"plan", resource)\n'
        "when { 9223372036854775807 + 1 > 0 };\n"
    )
    policy = Policy.load(folder)
    with caplog.at_level(logging.ERROR):
        answer = policy.ask("analyst", "plan")
    assert not answer.allowed
    assert "overflow" in answer.reason
    assert caplog.records
    assert policy.ask("analyst", "forecast").allowed


@given(st.sampled_from(ROLES), st.sampled_from(ACTIONS), st.data())
def test_any_question_gets_an_answer_with_a_reason(policy: Policy, role: str, action: str, data: Any) -> None:
    resource = data.draw(
        st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5))
    )
    context = data.draw(st.dictionaries(st.sampled_from(["purpose", "use", "choice"]), st.text(max_size=9)))
    answer = policy.ask(role, action, resource, context)
    assert answer.reason
    assert answer.allowed or answer.remedy


# --- loading ----------------------------------------------------------------------------------------------


def test_defaults_are_written_and_own_files_kept(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *(HARD_RULES, SCHEMA, "roles.cedar", "watching.cedar"),
        *("deciding.cedar", "keeping.cedar", "oversight.cedar"),
    }
    (folder / "roles.cedar").write_text(
        '@id("mine") permit (principal, action == Action::"verify", resource);\n'
    )
    (folder / HARD_RULES).write_text("// gone\n")
    written = Policy.write_defaults(folder)
    assert {path.name for path in written} == {HARD_RULES}
    (folder / "watching.cedar").unlink()
    assert Policy.write_defaults(folder, missing=False) == ()
    assert "mine" in (folder / "roles.cedar").read_text()
    assert (
        Policy.load(folder).ask("analyst", "plan").remedy
        == "a policy that permits it has to be approved first"
    )


def test_hard_rules_cannot_be_removed(folder: Path) -> None:
    (folder / HARD_RULES).unlink()
    with pytest.raises(RefusedError, match="can't be removed"):
        Policy.load(folder)


def test_a_folder_of_another_version_is_told_how_to_go_on(folder: Path) -> None:
    rules, watching = folder / HARD_RULES, folder / "watching.cedar"
    rules.write_text(rules.read_text().replace("who-tries-does-not-lift", "something-older"))
    watching.unlink()
    with pytest.raises(RefusedError, match="or the folder is from another version") as no:
        Policy.load(folder)
    command = str(no.value.hint).partition(" (")[0]
    assert command == f"peelian policy update --workspace {folder.parent}"
    Policy.write_defaults(folder)  # what the command does where no ledger says yet which rules are in force
    assert Policy.load(folder).ask("overseer", "suspend").allowed


def test_a_file_that_a_folder_lacks_is_named(folder: Path, policy: Policy) -> None:
    (folder / "watching.cedar").unlink()
    answer = Policy.load(folder).ask("analyst", "drift")
    assert not answer.allowed
    assert "watching.cedar" in str(answer.remedy)
    assert "peelian policy propose --default watching.cedar" in str(answer.remedy)


@given(st.data())
def test_hard_rules_cannot_be_altered(defaults: Path, data: st.DataObject) -> None:
    path = defaults / data.draw(st.sampled_from([HARD_RULES, SCHEMA]))
    good = path.read_text()
    at = data.draw(st.integers(0, len(good) - 1))
    put = data.draw(st.sampled_from(["", "x", "\n// a comment\n"]))
    try:
        path.write_text(good[:at] + put + good[at + 1 :])
        if path.read_text() != good:
            with pytest.raises(RefusedError, match="can't be altered"):
                Policy.load(defaults)
    finally:
        path.write_text(good)


def test_no_other_policy_can_permit_what_the_hard_rules_forbid(folder: Path) -> None:
    (folder / "own.cedar").write_text('@id("everything") permit (principal, action, resource);\n')
    policy = Policy.load(folder)
    assert policy.ask("dispatcher", "plan").allowed
    assert not policy.ask("commander", "decide", {**PLAN, "author_role": "commander"}).allowed
    assert not policy.ask("steward", "read_records").allowed
    assert not policy.ask("public", "read_records").allowed
    assert not policy.ask("analyst", "publish", PLAN).allowed
    assert not policy.ask("analyst", "forecast", {"kind": "person"}).allowed


def test_own_policies_are_heard(folder: Path) -> None:
    (folder / "own.cedar").write_text(
        '@id("no-forecasts") @reason("forecasts are suspended") @remedy("ask the overseer")\n'
        'forbid (principal, action == Action::"forecast", resource);\n'
        '@id("silent") forbid (principal, action == Action::"trial", resource);\n'
    )
    policy = Policy.load(folder)
    answer = policy.ask("analyst", "forecast")
    assert (answer.policies, answer.reason, answer.remedy) == (
        ("no-forecasts",),
        "forecasts are suspended",
        "ask the overseer",
    )
    silent = policy.ask("analyst", "trial")
    assert (silent.reason, silent.remedy) == ("forbidden by silent", "change what silent forbids")


def test_nobody_can_be_kept_from_verifying(folder: Path) -> None:
    (folder / "own.cedar").write_text(
        '@id("hide") forbid (principal == Role::"public", action == Action::"verify", resource);\n'
    )
    with pytest.raises(RefusedError, match="keep the role public from verifying"):
        Policy.load(folder)
    (folder / "own.cedar").unlink()
    (folder / "roles.cedar").unlink()
    with pytest.raises(RefusedError, match="keep the role analyst from verifying"):
        Policy.load(folder)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("permit (principal", "own.cedar is not valid Cedar"),
        ("permit (principal, action, resource);", "no @id"),
        ('@id("") permit (principal, action, resource);', "no @id"),
        (
            '@id("four-eyes") permit (principal, action, resource);',
            "'four-eyes' is in hard_rules.cedar and again",
        ),
        (
            '@id("a") permit (principal, action, resource) when { resource.score > 1 };',
            "a in own.cedar: .*score",
        ),
        ('@id("a") permit (principal == Person::"jo", action, resource);', "Person"),
        ('@id("a") permit (principal, action == Action::"arrest", resource);', "arrest"),
        ('@id("a") permit (principal == ?principal, action, resource);', "template"),
    ],
)
def test_policies_that_do_not_load(folder: Path, text: str, told: str) -> None:
    (folder / "own.cedar").write_text(text)
    with pytest.raises(ConfigError, match=told):
        Policy.load(folder)


def test_folders_that_do_not_load(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ConfigError, match="no policy folder"):
        Policy.load(tmp_path / "nowhere")
    (folder / "own.cedar").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="can't be read"):
        Policy.load(folder)


def test_a_set_is_loaded_from_texts_as_from_a_folder(folder: Path, policy: Policy) -> None:
    assert policy.texts == Policy.defaults()
    same = Policy.of(policy.texts, folder=folder)
    assert (same.digest, same.rules) == (policy.digest, policy.rules)
    (folder / HARD_RULES).unlink()
    with pytest.raises(RefusedError, match="keep the role analyst from verifying"):
        Policy.of({}, folder=folder)


def test_each_rule_is_listed_with_what_it_says(policy: Policy) -> None:
    rules = {rule["id"]: rule for rule in policy.rules}
    assert rules["anyone-verifies"] == {
        "id": "anyone-verifies",
        "effect": "permit",
        "file": "roles.cedar",
        "reason": None,
        "remedy": None,
        "reference": None,
    }
    score = rules["no-scores-of-persons"]
    assert (score["effect"], score["file"]) == ("forbid", HARD_RULES)
    assert "prohibited use" in score["reason"]
    assert "Article 5(1)(d)" in score["reference"]


def test_the_digest_follows_the_policies(folder: Path, policy: Policy) -> None:
    assert Policy.load(folder).digest == policy.digest
    (folder / "own.cedar").write_text("// nothing yet\n")
    assert Policy.load(folder).digest != policy.digest
    (folder / SCHEMA).unlink()  # a copy for readers; the software's own is what counts
    assert Policy.load(folder).ask("analyst", "plan").allowed


def test_a_refusal_is_a_sentence(policy: Policy) -> None:
    for action, told in (
        (
            "quality",
            "the role public may not report on quality: no policy permits the role public to report on",
        ),
        ("people", "the role public may not register people: "),
        (
            "plan",
            "the role public may not plan this: no policy permits the role public to plan for the purpose",
        ),
    ):
        with pytest.raises(RefusedError, match=told):
            policy.require("public", action)
