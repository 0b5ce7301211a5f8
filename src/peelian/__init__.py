"""Peelian turns a place's incident records into decisions that people make and outsiders can check.

The public names below load their modules when they are first used, so that ``import peelian`` costs
milliseconds and a command that needs no table never waits for pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from peelian._version import __version__

if TYPE_CHECKING:
    from peelian.errors import (
        CheckError,
        ConfigError,
        CRSError,
        DataError,
        LedgerError,
        MissingExtraError,
        NotEnoughDataError,
        PeelianError,
        RefusedError,
        ResolutionError,
        SourceError,
        UsageError,
    )

_HOMES: dict[str, str] = {
    "CRSError": "peelian.errors",
    "CheckError": "peelian.errors",
    "ConfigError": "peelian.errors",
    "DataError": "peelian.errors",
    "LedgerError": "peelian.errors",
    "MissingExtraError": "peelian.errors",
    "NotEnoughDataError": "peelian.errors",
    "PeelianError": "peelian.errors",
    "RefusedError": "peelian.errors",
    "ResolutionError": "peelian.errors",
    "SourceError": "peelian.errors",
    "UsageError": "peelian.errors",
}
"""Public name -> module that defines it. A room adds its types here, in ``__all__`` and above."""

__all__ = [
    "CRSError",
    "CheckError",
    "ConfigError",
    "DataError",
    "LedgerError",
    "MissingExtraError",
    "NotEnoughDataError",
    "PeelianError",
    "RefusedError",
    "ResolutionError",
    "SourceError",
    "UsageError",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Load a public name from its home on first use, and keep it."""
    home = _HOMES.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
