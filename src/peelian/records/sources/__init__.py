"""The known sources, one file each, and how a header is recognised."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from peelian.errors import SourceError
from peelian.records.sources.base import INPUTS, MAP_HINT, DateOrder, Layout, Source, fold_column
from peelian.records.sources.known import SOURCES
from peelian.records.sources.mapping import MAPPABLE, mapped_source

__all__ = [
    "INPUTS",
    "MAPPABLE",
    "SOURCES",
    "DateOrder",
    "Layout",
    "Source",
    "fold_column",
    "mapped_source",
    "recognise",
]


def recognise(columns: Sequence[str], *, name: str | None = None) -> Source:
    """Return the source whose header this is, or the named one if the header fits it.

    Raises
    ------
    SourceError
        If no known source fits; the message lists what was found and what is known.
    """
    if name is not None:
        if name not in SOURCES:
            near = difflib.get_close_matches(name, SOURCES, n=1)
            msg = f"source {name!r} is not known; known are {', '.join(SOURCES)}"
            raise SourceError(
                msg, hint=f"source={near[0] if near else next(iter(SOURCES))}, or give a mapping"
            )
        SOURCES[name].require_layout(columns)
        return SOURCES[name]
    for source in SOURCES.values():
        if source.layout(columns) is not None:
            return source
    known = "; ".join(f"{source.name} ({source.title})" for source in SOURCES.values())
    shown = ", ".join(columns[:40]) + (", ..." if len(columns) > 40 else "")
    msg = f"the header is of no known source: found {shown or 'no columns'}; known are {known}"
    raise SourceError(msg, hint=MAP_HINT)
