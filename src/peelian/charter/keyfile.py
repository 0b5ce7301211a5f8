"""Files of private keys: of mode 600, never overwritten, and never shown in an error."""

from __future__ import annotations

import os
from pathlib import Path

from peelian.errors import ConfigError, UsageError

__all__ = ["read_key_file", "write_key_file"]


def read_key_file(path: Path) -> str:
    """The text of a key file that only its owner may open.

    Raises
    ------
    ConfigError
        If there is no such file, others may read it, or it is not text. The message repeats nothing of it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the signing key {path} can't be read: {getattr(error, 'strerror', None) or 'not text'}"
        raise ConfigError(msg) from None
    if mode & 0o077:
        msg = f"the signing key {path} is open to others (mode {mode & 0o777:o}); expected 600"
        raise ConfigError(msg, hint=f"chmod 600 {path}")
    return text


def write_key_file(path: Path, text: str) -> None:
    """Write a new key file of mode 600, and see it on the disk.

    Raises
    ------
    UsageError
        If the file exists: a key is never overwritten.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        msg = f"{path} exists already; a signing key is never overwritten"
        raise UsageError(msg, hint="name another file, or move the old key away") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
