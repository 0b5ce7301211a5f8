"""Where a page's numbers come from: software, data, runs, seed and ledger, as names and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from peelian.publish.sources import category_name, label
from peelian.publish.words import number

__all__ = ["ledger_words", "origin_words"]

Result = Mapping[str, Any]
Pairs = list[tuple[str, str]]


def origin_words(origin: Result | None, *, method: str = "", ledger: Result | None = None) -> Pairs:
    """What a result was made from, in the order in which a reader asks.

    Parameters
    ----------
    origin : mapping, optional
        ``peelian`` (version), ``data_version``, ``runs`` and whatever else the result recorded.
    method : str
        Title of the method that was used.
    ledger : mapping, optional
        State of the ledger.
    """
    rest = dict(origin or {})
    pairs: Pairs = []
    if "peelian" in rest:
        pairs.append(("Software", f"Peelian {rest.pop('peelian')}"))
    if "data_version" in rest:
        pairs.append(("Version of the records", str(rest.pop("data_version"))))
    if method:
        pairs.append(("Method", method))
    runs = rest.pop("runs", None)
    if isinstance(runs, Mapping):
        pairs += [(f"Run: {label(name)}", str(run)) for name, run in runs.items() if run]
    pairs += [(category_name(name), _said(value)) for name, value in rest.items() if value is not None]
    if not pairs:
        pairs.append(("Origin", "not recorded"))
    return pairs + (ledger_words(ledger) if ledger is not None else [])


def ledger_words(ledger: Result) -> Pairs:
    """The ledger's name, size, root and key."""
    names = {
        "origin": "Ledger",
        "size": "Entries in it",
        "root_hash": "Root hash",
        "vkey": "Key that checks it",
    }
    known = {key: name for key, name in names.items() if ledger.get(key) is not None}
    pairs = [(name, number(ledger[k]) if k == "size" else str(ledger[k])) for k, name in known.items()]
    if ledger.get("verified_at"):
        pairs.append(("Last checked", str(ledger["verified_at"])))
    return pairs


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{label(k)} {_said(v)}" for k, v in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_said(v) for v in value)
    return str(value)
