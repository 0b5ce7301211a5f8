"""``policy restore`` and ``policy update``: the files in ``policy/`` become what the ledger and the release say."""

from __future__ import annotations

from pathlib import Path

from peelian.charter import Policy
from peelian.charter.durable import replace_file
from peelian.errors import UsageError
from peelian.workspace.config import load_config
from peelian.workspace.files import sha256_of_file
from peelian.workspace.policies import FOLDER, VERB, differences, in_force, put_in_place, show
from peelian.workspace.policy_change import CHANGED
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["restore", "update"]


def restore(workspace: Workspace) -> Outcome:
    """Put back the rules in force where somebody changed the files by hand. What they wrote is kept as FILE.changed.

    Raises
    ------
    RefusedError
        The role may not, or the hard rules are missing or were altered (`update` brings them back).
    UsageError
        Nobody changed them.
    """
    Policy.check_software(workspace.folder / FOLDER)
    # Not `Workspace.require`, which refuses as long as they are changed; these are the rules in force.
    workspace.policy.require(workspace.role, "enact_policy", {"kind": "policy"})
    with workspace.writing():
        found = in_force(workspace)
        said = [] if found is None else differences(workspace, found)
        if found is None or not said:
            msg = f"the files in {workspace.folder / FOLDER} are those in force"
            raise UsageError(msg, hint=f"peelian policy show --workspace {workspace.folder}")
        folder = workspace.folder / FOLDER
        kept = {}
        for path in sorted(folder.glob("*.cedar")):
            digest = sha256_of_file(path)
            if path.name in Policy.software() or found.files.get(path.name) == digest:
                continue
            replace_file(path.with_name(path.name + CHANGED), path.read_bytes())
            kept[path.name] = digest
        result = {
            "act": "restored",
            "restored": found.run,
            "differed": said,
            "kept": kept,
            "text": f"The rules of {found.run} are in {FOLDER}/ again.",
        }
        details = {
            "act": "restored",
            "restored": found.run,
            "differed": said,
            "replaced": sorted(kept.values()),
        }
        outcome = workspace.commit(workspace.new_run(VERB), result, subject=found.run, details=details)
        put_in_place(workspace, found)
        return outcome


def update(folder: Path | str, *, role: str | None = None) -> Outcome:
    """Bring the software's own files to this release; the hard rules and the schema belong to it, not to the workspace.

    In a workspace whose ledger does not say yet which rules are in force, the default files that it lacks are added,
    too, and all are entered. Elsewhere these come in as any other change does: by `propose`.

    Returns
    -------
    Outcome
        ``written``, files that were; ``lacking``, default files that are not among the rules in force; and the run that
        entered the rules, empty where they were in the ledger already.

    Raises
    ------
    ConfigError
        The folder is no workspace, or its own files don't go with those of this release.
    """
    load_config(Path(folder))
    target = Path(folder) / FOLDER
    written = Policy.write_defaults(target, missing=False)
    workspace = Workspace(folder, role=role)
    run = ""
    if in_force(workspace) is None:
        Policy.of({**Policy.defaults(), **workspace.policy.texts}, folder=target)
        written += Policy.write_defaults(target)
        workspace = Workspace(folder, role=role)
        with workspace.writing():  # which enters what it finds
            found = in_force(workspace)
            run = "" if found is None else found.run
    told = show(workspace)
    names = list(dict.fromkeys(path.name for path in written))
    return Outcome(run, {"written": names, "lacking": told["lacking"], "changed": told["changed"]})
