"""The error tree. Every error that a user can cause is one of these.

    PeelianError                 exit 1   something went wrong; the message says what
    ├── UsageError               exit 2   an argument or a setting is off
    │   ├── ConfigError                   peelian.toml can't be read or has an unknown key
    │   └── MissingExtraError             an optional dependency is not installed
    ├── RefusedError             exit 3   a policy of the charter says no
    ├── DataError                exit 4   the data can't carry what was asked
    │   ├── SourceError                   a file can't be read, or is of no known source
    │   ├── CRSError                      coordinates and CRS don't fit together
    │   ├── ResolutionError               times are coarser than the question
    │   └── NotEnoughDataError            too few periods, cells or incidents
    └── CheckError               exit 5   a check or a gate failed
        └── LedgerError                   the ledger was changed, cut or reordered

A message says what was given and what was expected; ``hint`` is what to try, if possible a command.
"""

from __future__ import annotations

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
]


class PeelianError(Exception):
    """Base of all errors that this package raises on purpose.

    Parameters
    ----------
    message : str
        What was given and what was expected.
    hint : str, optional
        What to try, if possible a command.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\nTry: {self.hint}"


class UsageError(PeelianError):
    """An argument or a setting is off."""

    exit_code = 2


class ConfigError(UsageError):
    """``peelian.toml`` can't be read, has an unknown key or a value of the wrong kind."""


class MissingExtraError(UsageError):
    """An optional dependency is not installed."""


class RefusedError(PeelianError):
    """A policy of the charter says no."""

    exit_code = 3


class DataError(PeelianError):
    """The data can't carry what was asked of it."""

    exit_code = 4


class SourceError(DataError):
    """A file can't be read, or is of no known source."""


class CRSError(DataError):
    """Coordinates and coordinate reference system don't fit together."""


class ResolutionError(DataError):
    """Times are coarser than the question (weeks asked of month-only data)."""


class NotEnoughDataError(DataError):
    """Too few periods, cells or incidents for what was asked."""


class CheckError(PeelianError):
    """A check or a gate failed."""

    exit_code = 5


class LedgerError(CheckError):
    """The ledger was changed, cut, reordered, or its signature doesn't hold."""
