"""``audit facematch``: the log of an agency that matches faces, or a table of published rates, held against its errors.

No face is matched here, and nobody is told apart. What the run keeps of the log is what its rates are made from: listed
fields, with numbers in place of tokens and codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from peelian._version import __version__
from peelian.audits.finding import Threshold
from peelian.audits.match_audit import match_audit
from peelian.audits.match_log import MatchLog, read_match_log
from peelian.audits.published_rates import published_audit, read_published_rates
from peelian.errors import UsageError
from peelian.workspace.calls import recorded
from peelian.workspace.outcome import Outcome
from peelian.workspace.thresholds import thresholds_for
from peelian.workspace.workspace import Workspace

__all__ = ["audit_facematch", "facematch_of_files"]

VERB = "audit_facematch"


@dataclass(frozen=True, eq=False)
class _Given:
    """What was read: the tables as they are kept, and what makes an audit of them once thresholds are known."""

    kind: str
    tables: dict[str, pd.DataFrame]
    level: float
    seed: int
    groups: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over what was read, the same whichever way it was written down."""
        whole = sha256()
        for name, table in self.tables.items():
            whole.update(name.encode() + b"\0" + table.to_csv(index=False).encode() + b"\0")
        return whole.hexdigest()

    def audit(self, thresholds: Mapping[str, Threshold]) -> tuple[dict[str, Any], pd.DataFrame]:
        """The result, and the table behind it."""
        if self.kind == "rates":
            published = published_audit(
                self.tables["rates"], groups=self.groups, rows=self.rows, thresholds=thresholds
            )
            return {"kind": self.kind, **published.to_dict()}, published.frame
        log = MatchLog(**self.tables)
        found = match_audit(log, level=self.level, seed=self.seed, thresholds=thresholds)
        return {"kind": self.kind, **found.to_dict()}, found.frame


def _given(
    alerts: Path | None,
    files: Mapping[str, Path | None],
    rates: Path | None,
    groups: Sequence[str],
    rows: Sequence[str],
    level: float,
    seed: int,
) -> _Given:
    others = [f"--{name.replace('_', '-')}" for name, path in files.items() if path is not None]
    if (alerts is None) == (rates is None) or (rates is not None and others):
        said = [
            *(["--alerts"] if alerts is not None else []),
            *others,
            *(["--rates"] if rates is not None else []),
        ]
        msg = f"{' and '.join(said) or 'no file'} was given; expected --alerts with others of its log, or --rates alone"
        raise UsageError(
            msg, hint="peelian audit facematch --alerts alerts.csv --deployments deployments.csv"
        )
    if rates is not None:
        table = read_published_rates(rates, groups=groups)
        return _Given("rates", {"rates": table}, level, seed, tuple(groups), tuple(rows))
    if groups or rows:
        msg = "--groups or --name was given with a log; they are for a table of published rates"
        raise UsageError(msg, hint="leave them out, or give --rates")
    log = read_match_log(alerts or Path(), **files)
    return _Given("log", log.tables(), level, seed)


def _forget_what_files_are_called(workspace: Workspace) -> None:
    """A file may be called after somebody; of each argument that is one, the run keeps that it was given."""
    given = {} if workspace.call is None else workspace.call["arguments"]
    for name in ("alerts", "deployments", "probes", "watch_list", "rates"):
        if given.get(name) is not None:
            given[name] = name


@recorded
def audit_facematch(
    workspace: Workspace,
    *,
    alerts: Path | None = None,
    deployments: Path | None = None,
    probes: Path | None = None,
    watch_list: Path | None = None,
    rates: Path | None = None,
    groups: Sequence[str] = (),
    rows: Sequence[str] = (),
    level: float = 0.95,
) -> Outcome:
    """Audit a log of face matching, or published rates; the page is ``runs/ID/audit_facematch.html``.

    Parameters
    ----------
    alerts, deployments, probes, watch_list : Path, optional
        Of the log, see `peelian.audits.match_log.read_match_log`.
    rates : Path, optional
        A table of published rates instead, see `peelian.audits.published_rates.read_published_rates`.
    groups, rows : sequence of str
        Of published rates: the columns to compare, and rows that get findings of their own.
    level : float
        Of the intervals.

    Raises
    ------
    RefusedError
        The role may not.
    DataError
        A file holds an image, a template, a name or anything else that is not on the list of fields.
    NotEnoughDataError, UsageError
        See `peelian.audits.match_audit.match_audit`.
    """
    workspace.require("audit", {"kind": "records"})
    from peelian.publish.audit_facematch import audit_facematch_page

    files = {"deployments": deployments, "probes": probes, "watch_list": watch_list}
    _forget_what_files_are_called(workspace)
    with workspace.writing():
        seed = workspace.config.forecast.seed
        given = _given(alerts, files, rates, groups, rows, level, seed)
        held = thresholds_for(workspace, "facematch", verb=VERB, subject=given.digest)
        made, frame = given.audit(held.thresholds)
        origin = workspace.origin(seed=seed, log=given.digest)
        result = {**made, "notes": held.notes, "origin": origin}
        page = audit_facematch_page(result, frame, demonstration=workspace.config.agency.demonstration)
        return workspace.commit(
            workspace.new_run(VERB),
            result,
            subject=given.digest,
            tables={**given.tables, "found": frame},
            pages={f"{VERB}.html": page},
            details={"kind": given.kind},
        )


def facematch_of_files(
    *,
    alerts: Path | None = None,
    deployments: Path | None = None,
    probes: Path | None = None,
    watch_list: Path | None = None,
    rates: Path | None = None,
    groups: Sequence[str] = (),
    rows: Sequence[str] = (),
    level: float = 0.95,
) -> tuple[dict[str, Any], str]:
    """The same result and page without a workspace, and so without thresholds; nothing is stored."""
    from peelian.publish.audit_facematch import audit_facematch_page

    files = {"deployments": deployments, "probes": probes, "watch_list": watch_list}
    given = _given(alerts, files, rates, groups, rows, level, 0)
    made, frame = given.audit({})
    note = "Nothing was stored: without a workspace there is no ledger, and no threshold that was set beforehand."
    origin = {"peelian": __version__, "seed": 0, "log": given.digest}
    result = {**made, "notes": [note], "origin": origin}
    return result, audit_facematch_page(result, frame)
