"""Files that are written once and checked when they are read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["result_json", "sha256_of", "sha256_of_file", "write_run"]


def result_json(value: Any) -> str:
    """JSON that is the same text for the same value: sorted keys, no needless space, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_of(data: bytes) -> str:
    """Hex SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hex SHA-256 of a file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_run(
    folder: Path, *, texts: Mapping[str, str], tables: Mapping[str, pd.DataFrame]
) -> dict[str, str]:
    """Write the files of a run under a name that nobody reads, then rename: the folder is there as a whole or not.

    Returns
    -------
    dict
        SHA-256 of each file by its name.
    """
    draft = folder.with_name(f".{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name, text in texts.items():
        (draft / name).write_text(text, encoding="utf-8")
    for name, table in tables.items():
        table.to_parquet(draft / f"{name}.parquet", index=False)
    hashes = {}
    for path in sorted(draft.iterdir()):
        hashes[path.name] = sha256_of_file(path)
        _fsync(path)
    _fsync(draft)
    draft.rename(folder)
    _fsync(folder.parent)
    return hashes


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
