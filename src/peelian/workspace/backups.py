"""Which backups were made and where they lie: read from the runs, so that an erasure can reach them."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from peelian.errors import CheckError, UsageError
from peelian.workspace.files import result_json, sha256_of_file
from peelian.workspace.state import Run

if TYPE_CHECKING:
    from peelian.workspace.workspace import Workspace

__all__ = ["PASSPHRASE", "backups", "locked_keys", "passphrase_of", "reachable", "unlocked_keys"]

PASSPHRASE = "PEELIAN_BACKUP_PASSPHRASE"  # noqa: S105 - the name of a variable, not what is in it
MIN_PASSPHRASE = 12
_COST = {"n": 1 << 16, "r": 8, "p": 1}
_MOST_COST = 1 << 20


def backups(workspace: Workspace) -> list[dict[str, Any]]:
    """Every backup that was made and not deleted on record, the oldest first.

    Returns
    -------
    list of dict
        ``run`` that made it, ``path``, ``at``, ``sha256`` and ``bytes`` as it was last written, ``keys`` (whether it
        holds the private keys, encrypted), ``entries`` of the ledger that it holds, ``erased`` (runs that took records
        out of it), and ``state``: ``there``, ``changed`` (another file lies there), or ``out of reach``.
    """
    known: dict[str, dict[str, Any]] = {}
    for row in workspace.state.rows(Run, Run.verb.in_(("backup", "erase", "retain")), order=Run.serial):
        result = workspace.result(row["id"])
        if row["verb"] == "backup":
            told = {key: result[key] for key in ("path", "sha256", "bytes", "keys", "entries")}
            known[row["id"]] = {"run": row["id"], "at": row["at"], **told, "erased": []}
        for made, now in result.get("rewritten", {}).items():
            known[made] |= {"sha256": now["sha256"], "bytes": now["bytes"]}
            known[made]["erased"].append(result["erasure"])
        for made in result.get("backups_deleted", ()):
            known.pop(made, None)
    return [{**one, "state": _state(one)} for one in known.values()]


def _state(backup: Mapping[str, Any]) -> str:
    path = Path(backup["path"])
    try:
        if path.stat().st_size == backup["bytes"] and sha256_of_file(path) == backup["sha256"]:
            return "there"
    except OSError:
        return "out of reach"
    return "changed"


def reachable(workspace: Workspace) -> list[dict[str, Any]]:
    """The backups whose file is there, whole or changed."""
    return [one for one in backups(workspace) if one["state"] != "out of reach"]


def passphrase_of(environment: Mapping[str, str] | None = None) -> str:
    """The passphrase for the keys in a backup, from the environment: never from an argument that others can see.

    Raises
    ------
    UsageError
        It isn't set, or is too short.
    """
    found = (os.environ if environment is None else environment).get(PASSPHRASE, "")
    if len(found) < MIN_PASSPHRASE:
        what = "is not set" if not found else f"has {len(found)} characters"
        msg = f"keys in a backup are encrypted under {PASSPHRASE}, which {what}; expected {MIN_PASSPHRASE} or more"
        raise UsageError(msg, hint=f"read -rs {PASSPHRASE} && export {PASSPHRASE}")
    return found


def locked_keys(files: Mapping[str, bytes], passphrase: str) -> bytes:
    """Private keys under a passphrase: scrypt (RFC 7914) and AES-256-GCM (NIST SP 800-38D).

    A line of JSON says the cost, the salt and the nonce, and is authenticated with the rest.
    """
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    head = result_json({**_COST, "salt": salt.hex(), "nonce": nonce.hex()}).encode() + b"\n"
    plain = result_json({name: data.hex() for name, data in sorted(files.items())}).encode()
    return head + AESGCM(_derived(passphrase, salt, _COST)).encrypt(nonce, plain, head)


def unlocked_keys(data: bytes, passphrase: str) -> dict[str, bytes]:
    """What `locked_keys` was given.

    Raises
    ------
    CheckError
        The passphrase is another one, or the keys are damaged.
    """
    head, newline, body = data.partition(b"\n")
    try:
        said = json.loads(head)
        cost = {key: int(said[key]) for key in _COST}
        if cost["n"] * cost["r"] * cost["p"] > _MOST_COST * 8:
            msg = "it costs too much"
            raise ValueError(msg)
        key = _derived(passphrase, bytes.fromhex(said["salt"]), cost)
        plain = AESGCM(key).decrypt(bytes.fromhex(said["nonce"]), body, head + newline)
        return {str(name): bytes.fromhex(text) for name, text in json.loads(plain).items()}
    except (InvalidTag, ValueError, KeyError, TypeError):
        msg = "the keys in the backup don't open: the passphrase is another one, or they were changed"
        raise CheckError(msg, hint=f"set {PASSPHRASE} to what it was when the backup was made") from None


def _derived(passphrase: str, salt: bytes, cost: Mapping[str, int]) -> bytes:
    return Scrypt(salt=salt, length=32, n=cost["n"], r=cost["r"], p=cost["p"]).derive(passphrase.encode())


def digest_and_size(path: Path) -> dict[str, Any]:
    """SHA-256 and size of a file as it lies there."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"sha256": digest, "bytes": os.fstat(file.fileno()).st_size}
