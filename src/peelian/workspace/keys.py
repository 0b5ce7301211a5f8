"""The ledger's keys of a workspace, beside the Ed25519 one that `peelian.charter.Ledger` reads itself."""

from __future__ import annotations

from pathlib import Path

from peelian.charter.cosignature import MLDSA44, Cosigner, load_cosigners
from peelian.charter.durable import replace_file
from peelian.charter.store import ML_DSA_FILE
from peelian.workspace.config import Config

__all__ = ["own_cosigners"]


def own_cosigners(folder: Path, config: Config) -> tuple[Cosigner, ...]:
    """The ledger's ML-DSA-44 key, if the workspace is configured to have one; made the first time it is asked for.

    Its public half is put beside the checkpoint, as ``vkey-ml-dsa``.

    Raises
    ------
    ConfigError
        If the `cryptography` package here has no ML-DSA, or the key can't be read.
    """
    if not config.ledger.ml_dsa:
        return ()
    path = folder / "keys" / "ledger-ml-dsa.key"
    if not path.exists():
        Cosigner.generate(config.ledger.origin, kind=MLDSA44).save(path)
    found = load_cosigners(path)
    line = f"{found[0].key.vkey}\n".encode()
    public = folder / "ledger" / ML_DSA_FILE
    if not public.exists() or public.read_bytes() != line:
        replace_file(public, line)
    return found
