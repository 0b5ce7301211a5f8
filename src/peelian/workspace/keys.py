"""The ledger's keys of a workspace, beside the Ed25519 one that `peelian.charter.Ledger` reads itself."""

from __future__ import annotations

from pathlib import Path

from peelian.charter.cosignature import MLDSA44, Cosigner, load_cosigners
from peelian.workspace.config import Config

__all__ = ["own_cosigners"]


def own_cosigners(folder: Path, config: Config) -> tuple[Cosigner, ...]:
    """The ledger's ML-DSA-44 key, if the workspace is configured to have one; made the first time it is asked for.

    The ledger puts its public half beside the first checkpoint that it signs, as ``vkey-ml-dsa``.

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
    return load_cosigners(path)
