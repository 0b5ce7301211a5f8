"""One entry of the ledger: what happened, when, in which role, to what, and the hashes of what it rests on.

Entries are canonical JSON after RFC 8785 (JCS), narrowed to what needs no number formatting: keys sorted by
their UTF-16 code units, no white space, UTF-8 without escapes that aren't needed, integers up to 2**53 - 1 and
no fractions. A share or a rate goes in as text, as it was shown. So an entry has one spelling only, and any JCS
library writes the same bytes.

The ledger can't forget, so nothing about a person may enter it: the people who act appear as roles, and keys
that announce a person (``name``, ``email``, ...) are refused at any depth.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from peelian.charter.tiles import check_entry
from peelian.errors import LedgerError, UsageError

__all__ = ["Clock", "Entry", "canonical_json", "utc_now"]

Clock = Callable[[], datetime]
"""Gives the current time with its zone; tests and replays pass a fixed one."""

VERSION = 1
MAX_INTEGER = 2**53 - 1
_MAX_DEPTH = 20

_WORD = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z", re.ASCII)
_EMAIL = re.compile(r"[^\s@]@[^\s@]+\.[^\s@]")  # begins at the @, so that long texts take linear time
_KEY_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+", re.ASCII)

# A key that has one of these words in it speaks of a person.
_PERSON_WORDS = frozenset(
    {"name", "names", "surname", "forename", "firstname", "lastname", "fullname", "username"}
    | {"person", "persons", "email", "phone", "telephone", "birthdate", "birthday", "dob", "ssn", "passport"}
    | {"plate", "face", "gait", "handle"}
)
# Keys that speak of a person only as a whole: "no_address" may count rows that lack one.
_PERSON_KEYS = frozenset({"address", "home_address", "street_address", "date_of_birth", "mail", "mobile"})


def utc_now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def _check_key(key: object, *, where: str) -> str:
    if not isinstance(key, str):
        msg = f"the key {key!r} in {where} is not text"
        raise UsageError(msg)
    words = {word.lower() for word in _KEY_WORDS.findall(key)}
    if words & _PERSON_WORDS or key.lower() in _PERSON_KEYS:
        msg = f"the ledger takes nothing about a person, and the key {key!r} in {where} announces it"
        raise UsageError(msg, hint="leave it out, or say which role acted; call things 'label' or 'method'")
    return key


def _check_text(text: str, *, where: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        msg = f"the text in {where} is not valid Unicode"
        raise UsageError(msg) from error
    if _EMAIL.search(text):
        msg = f"the ledger takes nothing about a person, and the text in {where} holds an e-mail address"
        raise UsageError(msg, hint="leave it out, or say which role acted")
    return text


def _write(value: object, *, where: str, depth: int) -> str:
    if depth > _MAX_DEPTH:
        msg = f"{where} is nested more than {_MAX_DEPTH} deep"
        raise UsageError(msg)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return json.dumps(_check_text(value, where=where), ensure_ascii=False)
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            msg = f"the number {value} in {where} is larger than 2**53 - 1"
            raise UsageError(msg, hint="write it as text")
        return str(value)
    if isinstance(value, Mapping):
        keys = sorted((_check_key(k, where=where) for k in value), key=lambda k: _utf16(k, where=where))
        parts = [
            json.dumps(k, ensure_ascii=False) + ":" + _write(value[k], where=f"{where}.{k}", depth=depth + 1)
            for k in keys
        ]
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list | tuple):
        items = [_write(v, where=f"{where}[{i}]", depth=depth + 1) for i, v in enumerate(value)]
        return "[" + ",".join(items) + "]"
    msg = f"{where} is a {type(value).__name__}, which a ledger entry can't hold"
    raise UsageError(msg, hint="write numbers with a fraction as text, such as '0.412'")


def _utf16(key: str, *, where: str) -> bytes:
    return _check_text(key, where=f"the keys of {where}").encode("utf-16-be")


def canonical_json(value: object, *, where: str = "entry") -> bytes:
    """One spelling for a value of texts, integers, truth values, None, lists and mappings (RFC 8785).

    Raises
    ------
    UsageError
        If it holds a fraction, a large integer, another type, or something that announces a person.
    """
    return _write(value, where=where, depth=0).encode()


@dataclass(frozen=True)
class Entry:
    """One entry of the ledger.

    Parameters
    ----------
    kind : str
        What happened: ``import``, ``forecast``, ``trial``, ``plan``, ``audit``, ``decision``,
        ``publication``, ``policy`` or another word in lower case.
    actor : str
        Role that acted, such as ``analyst``; never a person.
    subject : str
        Id of what it happened to.
    id : str
        Unique id, so that writing the entry twice can be noticed (`Ledger.append_new`).
    at : str
        Time in UTC, ISO 8601 with ``Z``.
    hashes : mapping of str to str
        SHA-256, in hex, of each thing that this rests on.
    details : mapping
        What else an overseer needs: texts, integers, truth values, lists and mappings of those.

    Raises
    ------
    UsageError
        If a field is not of its form, or announces a person.
    """

    kind: str
    actor: str
    subject: str
    id: str
    at: str
    hashes: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for label in ("kind", "actor"):
            if not _WORD.fullmatch(getattr(self, label)):
                msg = f"the {label} of an entry is {getattr(self, label)!r}; expected a word in lower case"
                raise UsageError(msg)
        for label in ("subject", "id"):
            value = getattr(self, label)
            if not value or len(value) > 200 or not value.isprintable():
                msg = f"the {label} of an entry is {value!r}; expected 1 to 200 printable characters"
                raise UsageError(msg)
        if not _TIME.fullmatch(self.at) or not _is_time(self.at):
            msg = f"the time of an entry is {self.at!r}; expected UTC as in 2026-01-31T13:05:00Z"
            raise UsageError(msg)
        for key, value in self.hashes.items():
            if not _HEX.fullmatch(value):
                msg = f"the hash of {key!r} is {value!r}; expected 64 hexadecimal digits in lower case"
                raise UsageError(msg)
        check_entry(self.to_bytes())

    @classmethod
    def new(
        cls,
        kind: str,
        *,
        actor: str,
        subject: str,
        hashes: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - the field's name
        now: Clock = utc_now,
    ) -> Entry:
        """Make an entry of this moment, with a random id if none is given."""
        at = now()
        if at.tzinfo is None:
            msg = f"the clock gave {at.isoformat()} without a zone"
            raise UsageError(msg)
        stamp = at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return cls(kind, actor, subject, id or uuid4().hex, stamp, dict(hashes or {}), dict(details or {}))

    def to_dict(self) -> dict[str, Any]:
        """The fields as they are written, with the version of this form as ``v``."""
        return {
            "v": VERSION,
            "id": self.id,
            "kind": self.kind,
            "at": self.at,
            "actor": self.actor,
            "subject": self.subject,
            "hashes": dict(self.hashes),
            "details": dict(self.details),
        }

    def to_bytes(self) -> bytes:
        """Canonical JSON: what is hashed and stored."""
        return canonical_json(self.to_dict())

    @classmethod
    def from_bytes(cls, data: bytes) -> Entry:
        """Read an entry back.

        Raises
        ------
        LedgerError
            If the bytes are not exactly what `to_bytes` writes for some entry.
        """
        try:
            fields = json.loads(data)
            if not isinstance(fields, dict) or fields.pop("v", None) != VERSION:
                msg = f"it is no JSON object of version {VERSION}"
                raise ValueError(msg)
            entry = cls(**fields)
            canonical = entry.to_bytes()
        except (ValueError, TypeError, AttributeError, RecursionError, UsageError) as error:
            msg = f"not an entry: {error}"
            raise LedgerError(msg) from error
        if canonical != data:
            msg = "not an entry: its JSON is not in the canonical spelling"
            raise LedgerError(msg)
        return entry


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
