"""``peelian retain``, ``hold``, ``erase``, ``backup`` and ``restore``: what is kept, for how long, and where else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from peelian.cli.options import As, AsJson, Where, read_reason
from peelian.cli.report import Bar, report_error, show
from peelian.errors import CheckError, PeelianError, UsageError

__all__ = ["add_to"]

HERE = Path()
Reason = Annotated[str, typer.Option(help="Why, in words. Required.")]

holding = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Keep records from being deleted, and end that."
)


def add_to(app: typer.Typer) -> None:
    """Make them commands of `app`."""
    app.command("retain")(retain)
    app.add_typer(holding, name="hold")
    app.command("erase")(erase)
    app.command("backup")(backup)
    app.command("restore")(restore)


def retain(
    workspace: Where = HERE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    show_: Annotated[
        bool, typer.Option("--show", help="List every table with its limit, and when it is due.")
    ] = False,
    every: Annotated[
        str | None, typer.Option(help="Keep running, and do it so often: 1d, 1w. Ctrl-C ends it.")
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Let go of what is older than [retention] in peelian.toml lets it be kept."""
    from peelian.workspace import retain as verbs
    from peelian.workspace.outcome import Outcome
    from peelian.workspace.workspace import Workspace

    if sum((dry_run, show_, every is not None)) > 1:
        msg = "more than one of --dry-run, --show and --every was given; expected one"
        raise UsageError(msg, hint="peelian retain --dry-run")
    if show_:
        found = verbs.retention(Workspace(workspace, role=role))
        show(found, _limits(found), as_json=as_json)
        return
    if every is None:
        with Bar(quiet=as_json) as bar:
            done = verbs.retain(Workspace(workspace, role=role, progress=bar), dry_run=dry_run)
        show(done.to_dict() | {"run": done.run or None}, _retained(done.result), as_json=as_json)
        return

    def tell(one: Outcome | PeelianError) -> None:
        if isinstance(one, PeelianError):
            report_error(one, as_json=as_json)
        else:
            show(one.to_dict(), _retained(one.result), as_json=as_json)

    verbs.keep_retaining(lambda: Workspace(workspace, role=role), every=every, tell=tell)


@holding.command("add")
def hold_add(
    workspace: Where = HERE,
    reason: Reason = "",
    source: Annotated[str | None, typer.Option(help="Only records of this source.")] = None,
    category: Annotated[str | None, typer.Option("--category", "-c", help="Only this category.")] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="Only what occurred on this day or later: YYYY-MM-DD.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Only what occurred on this day or before: YYYY-MM-DD.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All records.")] = False,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Keep records, and what was made from them, from being deleted."""
    from peelian.workspace.hold import hold
    from peelian.workspace.workspace import Workspace

    if all_ == any(scope is not None for scope in (source, category, first, last)):
        given = "--all was given with a part of the records" if all_ else "nothing was given"
        msg = f"{given} as what to hold; expected either --all, or a source, a category or days"
        raise UsageError(
            msg, hint="peelian hold add --category burglary --reason '...', or --all for all records"
        )
    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        said = read_reason(reason, to="hold")
        done = hold(opened, reason=said, source=source, category=category, first=first, last=last)
    show(done.to_dict(), done.result["text"], as_json=as_json)


@holding.command("list")
def hold_list(workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """List the holds that stand."""
    from peelian.workspace.holds import holds
    from peelian.workspace.workspace import Workspace

    opened = Workspace(workspace, role=role)
    opened.require("status", {"kind": "records"})
    found = holds(opened)
    lines = [
        f"{one['run']}: {one['covers']}, since {one['at'][:10]} by the {one['role']}: {one['reason']}"
        for one in found
    ]
    show({"holds": found}, "\n".join(lines) or "nothing is held", as_json=as_json)


@holding.command("release")
def hold_release(
    hold: Annotated[str, typer.Argument(help="The run id of a hold, such as hold-0012.")],
    workspace: Where = HERE,
    reason: Reason = "",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """End a hold; not for whoever set it."""
    from peelian.workspace.hold import release
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        done = release(opened, hold, reason=read_reason(reason, to="release a hold"))
    show(done.to_dict(), done.result["text"], as_json=as_json)


def erase(
    record: Annotated[
        list[str],
        typer.Argument(help="Ids of records, as they are stored or as their source numbers them."),
    ],
    workspace: Where = HERE,
    source: Annotated[
        str | None, typer.Option(help="Whose records they are, where several sources have these ids.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, in words and without the ids. Required.")] = "",
    canary: Annotated[
        list[str] | None,
        typer.Option(help="Another text that only these records had, to be searched for; may be repeated."),
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Remove records everywhere, backups too; then search every file for them. Exit code 5 if anything is left."""
    from peelian.workspace.erase import erase as run
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        opened = Workspace(workspace, role=role, progress=bar)
        said = read_reason(reason, to="erase")
        done = run(opened, record, reason=said, source=source, canaries=canary or ())
    show(done.to_dict(), _erased(done.result), as_json=as_json)
    if done.result["left"] or done.result["damaged"]:
        raise typer.Exit(CheckError.exit_code)


def backup(
    file: Annotated[Path | None, typer.Argument(help="A file that doesn't exist yet.")] = None,
    workspace: Where = HERE,
    with_keys: Annotated[
        bool,
        typer.Option("--with-keys", help="With the private keys, encrypted under PEELIAN_BACKUP_PASSPHRASE."),
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="List the backups that were made, and whether they are there.")
    ] = False,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Write the whole workspace into one file."""
    from peelian.workspace.backup import backup as run
    from peelian.workspace.backups import backups
    from peelian.workspace.workspace import Workspace

    if (file is None) != list_:
        msg = "expected a file to write, or --list for those that were made"
        raise UsageError(msg, hint="peelian backup /media/safe/city-2026-11-23.backup")
    if file is None:
        opened = Workspace(workspace, role=role)
        opened.require("backup", {"kind": "workspace"})
        found = backups(opened)
        show({"backups": found}, _backups(found), as_json=as_json)
        return
    with Bar(quiet=as_json) as bar:
        done = run(Workspace(workspace, role=role, progress=bar), file, with_keys=with_keys)
    show(done.to_dict(), done.result["text"], as_json=as_json)


def restore(
    file: Annotated[Path, typer.Argument(help="What peelian backup wrote.")],
    folder: Annotated[Path, typer.Argument(help="A folder that doesn't exist yet, or is empty.")],
    state: Annotated[
        str | None,
        typer.Option(help="Where the restored workspace keeps its state: a URL, or env:NAME for one there."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a workspace of a backup, and verify its ledger and every file that it speaks of."""
    from peelian.workspace.restore import restore as run

    with Bar(quiet=as_json) as bar:
        done = run(file, folder, state_url=state, progress=bar)
    show(done.to_dict() | {"run": None}, done.result["text"], as_json=as_json)


# -- texts


def _limits(found: dict[str, Any]) -> str:
    width = max(len(one["table"]) for one in found["tables"])
    lines = [
        f"{one['table']:<{width}}  {one['limit'] or 'no limit: kept until somebody sets one':<8}  {one['meaning']}"
        for one in found["tables"]
    ]
    lines += [f"{one['table']:<{width}}  stays     {one['meaning']}" for one in found["kept"]]
    return "\n".join([*lines, _due(found)])


def _due(found: dict[str, Any]) -> str:
    last = "never" if found["last"] is None else f"on {found['last'][:10]}"
    overdue = ", ".join(found["overdue"])
    return f"peelian retain last ran {last}" + (
        f"; overdue: {overdue}" if overdue else "; nothing is overdue"
    )


def _retained(result: dict[str, Any]) -> str:
    verb = "would go" if result["dry_run"] else "went"
    lines = [f"{table}: {n} {verb}" for table, n in result["gone"].items()]
    for hold, kept in result["left"].items():
        what = ", ".join(f"{n} of {table}" for table, n in kept.items())
        lines.append(f"{hold} keeps {what}")
    lines += [f"too old and out of reach: {path}" for path in result["out_of_reach"]]
    return "\n".join(lines) or "no table has a limit: peelian retain --show lists them"


def _erased(result: dict[str, Any]) -> str:
    seen = result["searched"]
    pages, kept = len(result["files_changed"]), len(result["backups_changed"])
    gone = (
        f"{result['records']:,} stored, {result['set_aside']:,} set aside, {result['cancelled']:,} cancelled"
    )
    looked = f"{seen['files']:,} files ({seen['bytes'] / 1e6:,.1f} MB), {seen['rows']:,} values of the state"
    lines = [f"erased: {gone}; {pages:,} pages and results and {kept:,} backups changed"]
    lines.append(f"searched: {looked}, {seen['sealed']:,} sealed texts, {seen['backups']:,} backups")
    if result["made_from"]:
        lines.append(f"made while it was among the records: {', '.join(result['made_from'])}")
    for one in seen["found"]:
        lines.append(f"LEFT: {one['of']} in {one['file']} ({one['n']:,} times, {one['where']} {one['form']})")
    lines += [f"LEFT, perhaps: {path} is damaged and can't be searched" for path in result["damaged"]]
    lines += [f"out of reach, and not searched: {path}" for path in result["out_of_reach"]]
    if not seen["found"] and not result["damaged"]:
        lines.append("nothing of it was found")
    return "\n".join(lines)


def _backups(found: list[dict[str, Any]]) -> str:
    lines = []
    for one in found:
        keys = "with keys" if one["keys"] else "without keys"
        erased = f", erased from since by {', '.join(one['erased'])}" if one["erased"] else ""
        lines.append(
            f"{one['run']}: {one['path']} of {one['at'][:10]}, {one['bytes'] / 1e6:,.1f} MB, {keys}, "
            f"{one['state']}{erased}"
        )
    return "\n".join(lines) or "no backup was made"
