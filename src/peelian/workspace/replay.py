"""``replay``: make a result again from its record, and compare it byte by byte with what was stored.

Where the bytes differ, what the result was made from is compared with what it was made from now: the data, the code,
the parameters, the seed and the platform. A difference that none of them explains is said to be unexplained.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from peelian.charter import Entry, Ledger
from peelian.errors import NotEnoughDataError, UsageError
from peelian.workspace.audit import audit
from peelian.workspace.audit_data import audit_data
from peelian.workspace.audit_facematch import audit_facematch
from peelian.workspace.audit_forecast import audit_forecast
from peelian.workspace.audit_loop import audit_loop
from peelian.workspace.audit_stops import audit_stops
from peelian.workspace.audit_table import audit_table
from peelian.workspace.calls import CALL, KEPT, code_digest, platform_now, settings_files
from peelian.workspace.config import FILE
from peelian.workspace.drift import drift
from peelian.workspace.duplicates import duplicates
from peelian.workspace.emerging import emerging
from peelian.workspace.factors import factors
from peelian.workspace.files import sha256_of_file
from peelian.workspace.forecast import forecast
from peelian.workspace.hot import hot
from peelian.workspace.import_ import import_records
from peelian.workspace.links import links
from peelian.workspace.plan import plan
from peelian.workspace.publish import publish
from peelian.workspace.quality import quality
from peelian.workspace.repeats import repeats
from peelian.workspace.shadow import records_before, shadow
from peelian.workspace.time import time
from peelian.workspace.trial import trial
from peelian.workspace.week import week
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["REPLAYED", "replay"]

_USE_CASES: dict[str, Callable[..., Outcome]] = {
    "import": import_records,
    "quality": quality,
    "trial": trial,
    "forecast": forecast,
    "drift": drift,
    "hot": hot,
    "time": time,
    "repeats": repeats,
    "emerging": emerging,
    "factors": factors,
    "links": links,
    "duplicates": duplicates,
    "week": week,
    "plan": plan,
    "audit": audit,
    "audit_table": audit_table,
    "audit_forecast": audit_forecast,
    "audit_loop": audit_loop,
    "audit_stops": audit_stops,
    "audit_facematch": audit_facematch,
    "audit_data": audit_data,
    "publish": publish,
}
REPLAYED = tuple(_USE_CASES)
"""Verbs whose runs are computed. What people did (a decision, a halt) can be verified, and not computed again."""
_KEPT_TABLES: dict[str, tuple[str, ...]] = {
    "links": ("labels", "manner"),
    "audit_table": ("table", "beside"),
    "audit_stops": ("stops", "residents", "ambient", "incidents"),
    "audit_facematch": ("alerts", "deployments", "probes", "watch_list", "rates"),
}
"""Arguments of a verb that are files of which the run keeps, as a table of that name, what it took from them."""
_SHOWN = 20


def replay(workspace: Workspace, run: str, *, file: Path | str | None = None) -> Outcome:
    """Make a result again in a copy of the workspace as it was, and compare the hashes.

    Parameters
    ----------
    run : str
        Id of a run, such as ``forecast-0004``.
    file : Path, optional
        For an import: the file that was imported, which the workspace does not keep.

    Returns
    -------
    Outcome
        ``same``, whether every file has the same bytes; ``files``, for each its hash then and now; ``explained``, what
        it was made from that has changed since (``data``, ``code``, ``parameters``, ``seed``, ``platform``, each with
        sentences); ``differences`` in the result, value by value; and ``text``. The replay is itself a run, so that
        the ledger says that somebody looked.

    Raises
    ------
    RefusedError
        The role may not replay.
    UsageError
        There is no such run, it was not computed, or an import's file is missing or is another one.
    NotEnoughDataError
        The run was made before calls were kept, or records that it was made from are gone.
    """
    workspace.require("replay", {"kind": "run"})
    row = _row(workspace, run)
    call = _call(workspace, row)
    index, entry = _entry(workspace, run)
    arguments = {**call["arguments"], **_kept_tables(workspace, row, call), **_file(workspace, row, file)}
    before = records_before(workspace, row["serial"])
    kept = {path: where for path, digest in before.items() if (where := _kept_as(workspace, path, digest))}
    explained = _explain(workspace, row, call, entry, before, kept)
    if len(kept) < len(before):
        msg = f"{run} was made from {len(before)} record files, and {'; '.join(explained['data'])}"
        raise NotEnoughDataError(
            msg, hint="restore a backup of that time into another folder, and replay it there"
        )
    with shadow(
        workspace, row, config=str(entry.details["config"]), records=before, at=kept, index=index
    ) as past:
        made = _USE_CASES[row["verb"]](past, **arguments)
        again = json.loads(next(one["hashes"] for one in past.runs() if one["id"] == made.run))
        stored = json.loads(row["hashes"])
        files = {
            name: {"then": stored.get(name), "now": again.get(name)}
            for name in sorted({*stored, *again} - {CALL})
        }
        differences = list(_differences(workspace.result(run), past.result(made.run)))[:_SHOWN]
    same = all(one["then"] == one["now"] for one in files.values())
    result = {
        "replayed": run,
        "same": same,
        "files": files,
        "explained": explained,
        "differences": differences,
        "text": _text(run, same, files, explained),
        "origin": workspace.origin(),
    }
    with workspace.writing():
        return workspace.commit(
            workspace.new_run("replay"), result, subject=run, category=row["category"], details={"same": same}
        )


def _row(workspace: Workspace, run: str) -> dict[str, Any]:
    found = [row for row in workspace.runs() if row["id"] == run]
    if not found:
        known = ", ".join(row["id"] for row in workspace.runs()[-3:])
        msg = f"{run!r} was given as what to replay; the latest runs are {known}"
        raise UsageError(msg, hint=f"peelian ledger show --workspace {workspace.folder}")
    if found[0]["verb"] not in _USE_CASES:
        msg = f"{run} is something that somebody did, and nothing in it was computed"
        raise UsageError(
            msg, hint=f"peelian ledger verify checks it; what can be replayed: {', '.join(REPLAYED)}"
        )
    return found[0]


def _call(workspace: Workspace, row: Mapping[str, Any]) -> dict[str, Any]:
    if CALL not in json.loads(row["hashes"]):
        msg = f"{row['id']} was made by a version of Peelian that did not keep what it was asked with"
        raise NotEnoughDataError(
            msg, hint="peelian ledger verify shows that what it stored was not changed since"
        )
    call: dict[str, Any] = json.loads(workspace.checked(row["id"], CALL).read_bytes())
    return call


def _entry(workspace: Workspace, run: str) -> tuple[int, Entry]:
    """A run's entry in the ledger, and its index."""
    ledger = Ledger.open(workspace.folder / "ledger")
    for index, body in enumerate(ledger.entries()):
        entry = Entry.from_bytes(body)
        if entry.id == run:
            return index, entry
    msg = f"{run} has no entry in the ledger yet"
    raise UsageError(msg, hint=f"peelian ledger verify --workspace {workspace.folder}")


def _file(workspace: Workspace, row: Mapping[str, Any], file: Path | str | None) -> dict[str, Any]:
    """The argument of an import that is not kept: the file itself, if it is the same one."""
    if row["verb"] != "import":
        if file is not None:
            msg = f"{file} was given with {row['id']}; only an import is made from a file"
            raise UsageError(msg, hint=f"peelian replay {row['id']}")
        return {}
    imported = workspace.result(row["id"])
    if file is None:
        msg = f"{row['id']} was made from {imported['file']}, which the workspace does not keep"
        raise UsageError(msg, hint=f"peelian replay {row['id']} --file {imported['file']}")
    path = Path(file)
    if not path.is_file():
        msg = f"{path} was given as the file of {row['id']}, but there is no such file"
        raise UsageError(msg, hint=f"peelian replay {row['id']} --file {imported['file']}")
    if sha256_of_file(path) != imported["sha256"]:
        then = imported["sha256"][:12]
        msg = f"{path} is another file than the one that {row['id']} was made from (SHA-256 {then}...)"
        raise UsageError(msg, hint="give the file as it was on that day")
    return {"path": path}


def _kept_tables(workspace: Workspace, row: Mapping[str, Any], call: Mapping[str, Any]) -> dict[str, Path]:
    """The arguments that were files, as the tables that the run kept of them."""
    given = [name for name in _KEPT_TABLES.get(row["verb"], ()) if call["arguments"].get(name) is not None]
    return {name: workspace.checked(row["id"], f"{name}.parquet") for name in given}


def _superseded(name: str) -> str:
    return f"superseded/{name.removeprefix('incidents/')}"


def _kept_as(workspace: Workspace, name: str, digest: str) -> str | None:
    """Where a record file lies now: under its own name, or as it was kept when a correction replaced it."""
    for where in (name, _superseded(name)):
        path = workspace.folder / "records" / where
        if path.is_file() and sha256_of_file(path) == digest:
            return where
    return None


def _explain(
    workspace: Workspace,
    row: Mapping[str, Any],
    call: Mapping[str, Any],
    entry: Entry,
    before: Mapping[str, str],
    kept: Mapping[str, str],
) -> dict[str, list[str]]:
    """What a result was made from that is not the same any more."""
    return {
        "data": _data(workspace, row, call, before, kept),
        "code": _code(call),
        "parameters": _parameters(workspace, entry),
        "seed": [],  # it is part of the configuration and of the result, and is taken from there
        "platform": [
            f"{name} was {then or 'not there'}, and is {now or 'not there'} now"
            for name, then, now in _changed(call["platform"], platform_now())
        ],
    }


def _data(
    workspace: Workspace,
    row: Mapping[str, Any],
    call: Mapping[str, Any],
    before: Mapping[str, str],
    kept: Mapping[str, str],
) -> list[str]:
    said = []
    gone = sorted(set(before) - set(kept))
    if gone:
        later = [one for one in workspace.runs() if one["serial"] >= row["serial"]]
        takers = [one["id"] for one in later if "records.json" in json.loads(one["hashes"])]
        names = {form for name in gone for form in (name, _superseded(name))}
        after = [name for name in takers if not names & set(_listed(workspace, name))]
        by = f", since {after[0]}" if after else ""
        verbs = "is no longer kept or was" if len(gone) == 1 else "are no longer kept or were"
        said.append(f"{len(gone)} of them {verbs} changed{by} ({gone[0]}{', ...' if len(gone) > 1 else ''})")
    for name, then, now in _changed(call["files"], settings_files(workspace.folder, workspace.config)):
        said.append(f"{name} {'is gone' if now is None else 'was changed' if then else 'was added'} since")
    return said


def _listed(workspace: Workspace, run: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(workspace.checked(run, "records.json").read_bytes())
    return found


def _code(call: Mapping[str, Any]) -> list[str]:
    then = call["code"]
    if then["sha256"] == code_digest():
        return []
    return [
        f"it was made by Peelian {then['peelian']} ({then['sha256'][:12]}); the code here is {code_digest()[:12]}"
    ]


def _parameters(workspace: Workspace, entry: Entry) -> list[str]:
    digest = str(entry.details["config"])
    present = sha256_of_file(workspace.folder / FILE)
    if digest == present or (workspace.folder / KEPT / f"{digest}.toml").is_file():
        return []
    return [
        f"{FILE} of that time ({digest[:12]}) was not kept, so the present one ({present[:12]}) was taken"
    ]


def _changed(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[tuple[str, str | None, str | None]]:
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            yield name, then.get(name), now.get(name)


def _differences(then: Any, now: Any, where: str = "") -> Iterator[dict[str, Any]]:
    """Where two results differ, value by value."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted({*then, *now}):
            yield from _differences(then.get(key), now.get(key), f"{where}.{key}".lstrip("."))
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for i, (one, other) in enumerate(zip(then, now, strict=True)):
            yield from _differences(one, other, f"{where}[{i}]")
    elif then != now:
        yield {"where": where, "then": then, "now": now}


def _text(run: str, same: bool, files: Mapping[str, Any], explained: Mapping[str, list[str]]) -> str:
    if same:
        return f"{run} was made again from its record: all {len(files)} files have the same bytes."
    other = [name for name, one in files.items() if one["then"] != one["now"]]
    causes = [f"{what}: {'; '.join(sentences)}" for what, sentences in explained.items() if sentences]
    why = (
        "What it is made from has changed: " + ". ".join(causes)
        if causes
        else "Nothing that it is made from has changed, so this is unexplained: the result can't be relied on"
    )
    return f"{run} was made again, and {len(other)} of {len(files)} files differ ({', '.join(other)}). {why}."
