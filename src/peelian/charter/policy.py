"""Who may do what, for which purpose: asked of Cedar policies, answered with the policies that decided.

A workspace keeps its policies as ``*.cedar`` files in one folder. ``hard_rules.cedar`` among them is the
charter's own: it only forbids, and a folder without it, or with another version of it, is not loaded. What no
policy permits is denied; what one forbids is denied whatever others permit; and a question that can't be
evaluated is denied and logged as an error. Source of the semantics: `the Cedar policy language
<https://docs.cedarpolicy.com>`_.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import cedarpy

from peelian._version import __version__
from peelian.charter.actions import ACTIONS, KIND_OF, PURPOSE_OF, ROLES, phrase
from peelian.errors import ConfigError, RefusedError, UsageError

__all__ = ["Answer", "Policy"]

logger = logging.getLogger(__name__)

HARD_RULES = "hard_rules.cedar"
SCHEMA = "schema.cedarschema"
_OURS = (HARD_RULES, SCHEMA)


def _packaged(name: str) -> str:
    return (resources.files("peelian.charter") / "policies" / name).read_text(encoding="utf-8")


def _packaged_names() -> list[str]:
    folder = resources.files("peelian.charter") / "policies"
    return sorted(item.name for item in folder.iterdir() if item.name.endswith((".cedar", ".cedarschema")))


def _permitting(action: str) -> list[str]:
    """The files of the default policies in which something permits an action."""
    return [name for name, text in Policy.defaults().items() if f'Action::"{action}"' in text]


@dataclass(frozen=True)
class Answer:
    """What the policies say to one question.

    Parameters
    ----------
    allowed : bool
        Whether it may be done.
    policies : tuple of str
        Ids of the policies that made the answer; none where none permits it.
    reason : str
        Why, in words.
    remedy : str, optional
        For a denial: what would have to change.
    references : tuple of str
        For a denial: the laws and standards that the rule rests on, where it rests on any.
    """

    allowed: bool
    policies: tuple[str, ...]
    reason: str
    remedy: str | None = None
    references: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "allowed": self.allowed,
            "policies": list(self.policies),
            "reason": self.reason,
            "remedy": self.remedy,
            "references": list(self.references),
        }


@dataclass(frozen=True)
class _Rule:
    """One policy as it was written: which file, what effect, and its annotations."""

    file: str
    effect: str
    annotations: Mapping[str, str]

    @property
    def id(self) -> str:
        return self.annotations.get("id", "")


class Policy:
    """A loaded and validated set of policies. Use `load`.

    Parameters
    ----------
    rules : mapping of str to _Rule
        By the id that Cedar gives each policy.
    policies : cedarpy.PolicySet
        The parsed policies.
    schema : cedarpy.Schema
        What they may speak of.
    texts : mapping of str to str
        What each file says, by its name; without the software's own, which belong to the release.
    digest : str
        SHA-256, in hex, of all files, to be kept with what was decided under them.
    folder : Path
        Where they lie.
    """

    def __init__(
        self,
        *,
        rules: Mapping[str, _Rule],
        policies: cedarpy.PolicySet,
        schema: cedarpy.Schema,
        texts: Mapping[str, str],
        digest: str,
        folder: Path,
    ) -> None:
        self.digest = digest
        self.texts = dict(texts)
        self._folder = folder
        self._rules = rules
        self._policies = policies
        self._schema = schema

    @staticmethod
    def software() -> tuple[str, ...]:
        """Names of the files that belong to the release: the hard rules and the schema."""
        return _OURS

    @staticmethod
    def write_defaults(folder: Path, *, missing: bool = True) -> tuple[Path, ...]:
        """Write the default policies into a folder, and return what was written.

        The hard rules and the schema are written where they differ, since they are the software's; any other file only
        if it is not there, and not without `missing`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        for name in _packaged_names():
            path = folder / name
            if (name in _OURS and _differs(path)) or (missing and not path.exists()):
                path.write_text(_packaged(name), encoding="utf-8")
                written.append(path)
        return tuple(written)

    @staticmethod
    def defaults() -> dict[str, str]:
        """The texts of the default policies by the name of their file, without the software's own."""
        return {name: _packaged(name) for name in _packaged_names() if name not in _OURS}

    @classmethod
    def load(cls, folder: Path) -> Policy:
        """Read the policies of a workspace.

        Raises
        ------
        RefusedError
            If the charter's hard rules are missing or were altered, or the policies keep someone from
            verifying the ledger.
        ConfigError
            If a file can't be read, is not valid Cedar or does not fit the schema, or a policy has no id or
            one that another has.
        """
        texts = _read_folder(folder)
        _check_hard_rules(texts, folder)
        return cls.of({name: text for name, text in texts.items() if name not in _OURS}, folder=folder)

    @classmethod
    def load_own(cls, folder: Path) -> Policy:
        """As `load`, with this release's hard rules and schema, whatever lies in their place (see `check_software`).

        Raises
        ------
        RefusedError, ConfigError
            As `load` does about the other files.
        """
        texts = _read_folder(folder, lambda name: name not in _OURS)
        return cls.of(texts, folder=folder)

    @staticmethod
    def check_software(folder: Path) -> None:
        """Check that the hard rules and the schema in a folder are those of this release.

        Raises
        ------
        RefusedError
            They are missing or were altered.
        ConfigError
            There is no such folder, or a file in it can't be read.
        """
        _check_hard_rules(_read_folder(folder, lambda name: name in _OURS), folder)

    @classmethod
    def of(cls, own: Mapping[str, str], *, folder: Path) -> Policy:
        """As `load`, from texts by the name of their file; the software's own are added. Errors name `folder`."""
        rules, policies, schema, digest = _valid(tuple(sorted(own.items())))
        policy = cls(rules=rules, policies=policies, schema=schema, texts=own, digest=digest, folder=folder)
        policy._check_anyone_can_verify(folder)
        return policy

    @property
    def rules(self) -> tuple[dict[str, Any], ...]:
        """Each rule, file by file: ``id``, ``effect``, ``file``, ``reason``, ``remedy`` and ``reference``."""
        said = ("reason", "remedy", "reference")
        return tuple(
            {"id": rule.id, "effect": rule.effect, "file": rule.file}
            | {key: rule.annotations.get(key) or None for key in said}
            for rule in self._rules.values()
        )

    def ask(
        self,
        role: str,
        action: str,
        resource: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Whether a role may do something.

        Parameters
        ----------
        role : str
            One of `ROLES`.
        action : str
            One of `ACTIONS`.
        resource : mapping, optional
            What it is done to: ``kind`` (by default that of the action), ``id``,
            and what else ``schema.cedarschema`` says of a ``Thing``.
        context : mapping, optional
            ``purpose`` (by default that of the action), and what else the schema says of ``Circumstances``.

        Raises
        ------
        UsageError
            If there is no such role or action.
        """
        _check_known("role", role, ROLES)
        _check_known("action", action, ACTIONS)
        circumstances = {"purpose": PURPOSE_OF[action], **(context or {})}
        resource = {"kind": KIND_OF[action], **(resource or {})}
        result = self._evaluate(role, action, resource, circumstances)
        errors = result.diagnostics.errors
        if errors:
            logger.error("a policy question could not be evaluated and was denied: %s", "; ".join(errors))
            reason = f"the question could not be evaluated: {'; '.join(errors)}"
            return Answer(False, (), reason, "correct the policy or what was asked of it")
        deciding = [self._rules[key] for key in result.diagnostics.reasons]
        ids = tuple(sorted(rule.id for rule in deciding))
        if result.allowed:
            return Answer(True, ids, f"permitted by {', '.join(ids)}")
        if deciding:
            return _forbidden(deciding, ids)
        return self._not_permitted(role, action, resource, circumstances)

    def require(
        self,
        role: str,
        action: str,
        resource: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> Answer:
        """As `ask`, but a denial is an error.

        Raises
        ------
        RefusedError
            Saying which policy denies it, and as its hint what would have to change.
        UsageError
            If there is no such role or action.
        """
        answer = self.ask(role, action, resource, context)
        if not answer.allowed:
            source = f" (policy {', '.join(answer.policies)})" if answer.policies else ""
            msg = f"the role {role} may not {phrase(action, thing='this')}: {answer.reason}{source}"
            raise RefusedError(msg, hint=answer.remedy)
        return answer

    def _evaluate(
        self, role: str, action: str, resource: Mapping[str, Any], context: Mapping[str, Any]
    ) -> cedarpy.AuthzResult:
        principal = {"type": "Role", "id": role}
        attributes = {key: value for key, value in resource.items() if key != "id"}
        thing = {"type": "Thing", "id": str(resource.get("id", "any"))}
        request = {
            "principal": principal,
            "action": {"type": "Action", "id": action},
            "resource": thing,
            "context": dict(context),
        }
        entities = [
            {"uid": principal, "attrs": {"role": role}, "parents": []},
            {"uid": thing, "attrs": attributes, "parents": []},
        ]
        return cedarpy.is_authorized(request, self._policies, entities, self._schema)

    def _not_permitted(
        self, role: str, action: str, resource: Mapping[str, Any], context: Mapping[str, Any]
    ) -> Answer:
        """The answer where no policy says anything: denied, with the roles that would be permitted."""
        able = [
            other
            for other in ROLES
            if other != role and self._evaluate(other, action, resource, context).allowed
        ]
        reason = (
            f"no policy permits the role {role} to {phrase(action)} for the purpose of {context['purpose']}"
        )
        if able:
            return Answer(False, (), reason, f"act as {' or '.join(able)}")
        remedy = "a policy that permits it has to be approved first"
        known = {rule.file for rule in self._rules.values()}
        lacking = [name for name in _permitting(action) if name not in known]
        if lacking:
            remedy += f"; one is in {' and '.join(lacking)}, which Peelian brings and {self._folder} lacks: "
            remedy += f"peelian policy propose --default {lacking[0]} --reason '...' --effective DATE"
        return Answer(False, (), reason, remedy)

    def _check_anyone_can_verify(self, folder: Path) -> None:
        for role in ROLES:
            answer = self.ask(role, "verify")
            if not answer.allowed:
                msg = (
                    f"the policies in {folder} keep the role {role} from verifying the ledger"
                    f" ({answer.reason}); anyone may (charter, rule 5)"
                )
                raise RefusedError(
                    msg, hint="remove the policy that forbids it, or restore 'anyone-verifies'"
                )


@lru_cache(maxsize=16)
def _valid(
    own: tuple[tuple[str, str], ...],
) -> tuple[Mapping[str, _Rule], cedarpy.PolicySet, cedarpy.Schema, str]:
    """The rules of a set, parsed and checked, and its digest. The same texts, opened again and again, take no time."""
    texts = {HARD_RULES: _packaged(HARD_RULES), **dict(own)}
    rules: dict[str, _Rule] = {}
    for name, text in texts.items():
        for rule in _parse(name, text):
            rules[f"policy{len(rules)}"] = rule
    _check_ids(rules.values())
    whole = "\n".join(texts.values())
    schema = _packaged(SCHEMA)
    _check_against_schema(whole, schema, rules)
    digest = sha256(json.dumps([schema, texts], sort_keys=True).encode()).hexdigest()
    return rules, cedarpy.PolicySet.from_str(whole), cedarpy.Schema.from_str(schema), digest


def _check_known(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        msg = f"there is no {what} {given!r}; expected one of {', '.join(known)}"
        raise UsageError(msg, hint=f"--as {known[0]}" if what == "role" else None)


def _read_folder(folder: Path, wanted: Callable[[str], bool] = lambda _: True) -> dict[str, str]:
    """Texts of a folder's policy files whose names are wanted, the hard rules first, then by name."""
    if not folder.is_dir():
        msg = f"there is no policy folder {folder}"
        raise ConfigError(msg, hint="peelian init makes one")
    paths = sorted(folder.glob("*.cedar"), key=lambda path: (path.name != HARD_RULES, path.name))
    found = [path for path in (*paths, folder / SCHEMA) if wanted(path.name)]
    try:
        return {path.name: path.read_text(encoding="utf-8") for path in found if path.exists()}
    except (OSError, UnicodeDecodeError) as error:
        msg = f"a policy file in {folder} can't be read: {error}"
        raise ConfigError(msg) from error


def _differs(path: Path) -> bool:
    return not path.exists() or path.read_bytes() != _packaged(path.name).encode()


def _check_hard_rules(texts: dict[str, str], folder: Path) -> None:
    """Refuse a folder in which the software's own files are missing or differ."""
    copy_of_schema = texts.pop(SCHEMA, None)
    if HARD_RULES not in texts:
        msg = f"the policies in {folder} lack the charter's hard rules ({HARD_RULES}), which can't be removed"
        raise RefusedError(msg, hint=_restoring(folder))
    altered = [
        name
        for name, text in ((HARD_RULES, texts[HARD_RULES]), (SCHEMA, copy_of_schema))
        if text is not None and text != _packaged(name)
    ]
    if altered:
        msg = (
            f"{' and '.join(altered)} in {folder} differ from the charter's in Peelian {__version__}, which can't be "
            "altered: somebody changed them, or the folder is from another version"
        )
        raise RefusedError(msg, hint=f"{_restoring(folder)} (own policies belong in own files)")


def _restoring(folder: Path) -> str:
    """The command that writes the software's own files anew and leaves all others."""
    return f"peelian policy update --workspace {folder.parent}"


def _parse(name: str, text: str) -> list[_Rule]:
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        msg = f"{name} is not valid Cedar: {error}"
        raise ConfigError(msg, hint="https://docs.cedarpolicy.com describes the language") from error
    if parsed.get("templates"):
        msg = f"{name} holds a policy template; expected policies without ?principal and ?resource"
        raise ConfigError(msg)
    policies: Mapping[str, Any] = parsed["staticPolicies"]
    in_order = sorted(policies.items(), key=lambda item: int(item[0].removeprefix("policy")))
    return [
        _Rule(name, policy["effect"], {k: v or "" for k, v in policy.get("annotations", {}).items()})
        for _, policy in in_order
    ]


def _check_ids(rules: Any) -> None:
    seen: dict[str, str] = {}
    for rule in rules:
        if not rule.id:
            msg = f"a policy in {rule.file} has no @id, by which answers and refusals could name it"
            raise ConfigError(msg, hint='write @id("a-readable-word") above it')
        if rule.id in seen:
            msg = f"the policy id {rule.id!r} is in {seen[rule.id]} and again in {rule.file}"
            raise ConfigError(msg, hint="give each policy an id of its own")
        seen[rule.id] = rule.file


def _check_against_schema(text: str, schema: str, rules: Mapping[str, _Rule]) -> None:
    result = cedarpy.validate_policies(text, schema)
    if result.validation_passed:
        return
    found = []
    for error in result.errors:
        rule = rules.get(error.policy_id)
        found.append(f"{rule.id} in {rule.file}: {error.error}" if rule else error.error)
    msg = f"policies don't fit the schema: {'; '.join(found)}"
    raise ConfigError(msg, hint=f"{SCHEMA} says which roles, actions and attributes there are")


def _forbidden(deciding: list[_Rule], ids: tuple[str, ...]) -> Answer:
    def said(key: str) -> list[str]:
        in_order = sorted(deciding, key=lambda rule: rule.id)
        return [rule.annotations[key] for rule in in_order if rule.annotations.get(key)]

    reason = "; ".join(said("reason")) or f"forbidden by {', '.join(ids)}"
    remedy = "; ".join(dict.fromkeys(said("remedy"))) or f"change what {', '.join(ids)} forbids"
    return Answer(False, ids, reason, remedy, tuple(said("reference")))
