"""Which sources and categories a workspace knows: a halt or a hold of a misspelt name would stop nothing."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

import duckdb

from peelian.errors import PeelianError, UsageError

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = ["check_known"]

MAPPED = "mapped"
"""The source of records whose columns were named by hand."""
_SHOWN = 8


def check_known(workspace: Workspace, what: Literal["source", "category"], name: str) -> None:
    """Refuse a name that nothing stored has and nothing configured; in any case, and of a category the label too.

    Where nothing is stored yet, or what is can't be read, any name will do: that must keep nobody from halting.

    Raises
    ------
    UsageError
        With the names that are near.
    """
    try:
        stored = _stored(workspace, what)
    except (PeelianError, OSError, duckdb.Error):
        return
    known = {_plain(one): one for one in (*_always(workspace, what), *stored)}
    if not stored or _plain(name) in known:
        return
    near = [known[one] for one in get_close_matches(_plain(name), known)]
    msg = f"{name.strip()!r} was given as a {what}, and nothing stored or configured here is called so"
    some = sorted(stored)[:_SHOWN]
    hint = f"did you mean {' or '.join(near)}?" if near else f"stored are, for instance, {', '.join(some)}"
    raise UsageError(msg, hint=hint)


def _plain(name: str) -> str:
    return name.strip().casefold()


def _always(workspace: Workspace, what: str) -> Iterable[str]:
    from peelian.records import SOURCES
    from peelian.records.categories import STANDARD

    return (*SOURCES, *workspace.config.records.map, MAPPED) if what == "source" else STANDARD


def _stored(workspace: Workspace, what: str) -> set[str]:
    table = workspace.store.table()
    columns = ("source",) if what == "source" else ("category", "label")
    found = table.select(*columns).distinct().to_pyarrow()
    return {str(name) for column in columns for name in found[column].to_pylist() if name is not None}
