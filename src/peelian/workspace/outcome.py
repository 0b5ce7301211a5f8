"""What a use case gives back, and how it tells how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from peelian.workspace.files import sha256_of

__all__ = ["AUDITS", "KINDS", "PATTERNS", "Outcome", "Progress", "silent", "version_of"]

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


KINDS = {"decide": "decision", "publish": "publication", "init": "workspace"}
"""Kinds of ledger entries that are not called as their verb."""

PATTERNS = ("time", "hot", "repeats", "emerging", "factors", "links", "duplicates", "week")
"""Verbs of the runs that look for patterns. They are one action of the charter."""


AUDITS = (
    "audit",
    "audit_table",
    "audit_forecast",
    "audit_loop",
    "audit_stops",
    "audit_facematch",
    "audit_data",
)
"""Verbs of the runs that audit; the first audits a plan. They are one action of the charter."""


def version_of(record_files: Mapping[str, str]) -> str:
    """One hash for a set of record files, whatever their names."""
    return sha256_of("\n".join(sorted(record_files.values())).encode())


def silent(label: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Outcome:
    """What a use case gives back: the id of its run and the result as plain data."""

    run: str
    result: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The result with the id of its run first."""
        return {"run": self.run, **self.result}
