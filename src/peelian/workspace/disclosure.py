"""What may be told of counts to those who may not read records, and in the ledger, which everyone may read.

A number below the disclosure threshold can tell about someone. Here it is replaced by a marker, and another one with it
where a total would give it away (`peelian.privacy.suppress`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = ["account", "at_least", "may_read_records", "told_of_import"]

_PARTS = ("stored", "duplicates", "corrections", "quarantined")
_OPEN = ("source", "file", "sha256", "crs", "zone", "resolution", "dropped_columns")
WITHHELD = "counts of few rows, and what they are about, are for those who may read records"


def may_read_records(workspace: Workspace) -> bool:
    """Whether whoever acts may see single incidents, and so any count of them."""
    return workspace.policy.ask(workspace.role, "read_records", {"kind": "records"}).allowed


def at_least(count: int, threshold: int) -> int | str:
    """A count that stands alone: itself, or ``"<5"``."""
    return count if count == 0 or count >= threshold else f"<{threshold}"


def account(report: Mapping[str, Any], threshold: int) -> dict[str, int | str]:
    """The account of an import for everyone: rows, and what became of them, with small numbers hidden."""
    import pandas as pd

    from peelian.privacy import suppress

    table = pd.DataFrame([{"rows_in": report["rows_in"], **{part: report[part] for part in _PARTS}}])
    shown = suppress(table, threshold=threshold, counts=_PARTS, totals="rows", total_column="rows_in").frame
    return {
        str(name): value if isinstance(value, str) else int(value) for name, value in shown.iloc[0].items()
    }


def told_of_import(workspace: Workspace, result: Mapping[str, Any]) -> dict[str, Any]:
    """What an import gives back to the role that asked for it; all of it is stored for those who may read it."""
    if may_read_records(workspace):
        return dict(result)
    told = {name: result[name] for name in _OPEN if name in result}
    return {**told, **account(result, workspace.config.publish.threshold), "withheld": WITHHELD}
