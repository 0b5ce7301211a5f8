"""Ledger entries: one spelling, and nothing about a person."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.charter.entry import MAX_INTEGER, Entry, canonical_json
from peelian.errors import LedgerError, UsageError

HASH = "ab" * 32


def clock() -> datetime:
    return datetime(2026, 1, 31, 13, 5, tzinfo=UTC)


def make(**changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "kind": "import",
        "actor": "analyst",
        "subject": "run-1",
        "id": "e1",
        "at": "2026-01-31T13:05:00Z",
    }
    return Entry(**{**fields, **changes})


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="@"), max_size=20)
keys = st.text(st.characters(min_codepoint=0x3B1, exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


def test_the_bytes_of_an_entry() -> None:
    entry = Entry.new(
        "import",
        actor="analyst",
        subject="run-1",
        id="e1",
        hashes={"result.json": HASH},
        details={"stored": 3, "share": "0.412", "ä": None},
        now=clock,
    )
    assert entry.to_bytes().decode() == (
        '{"actor":"analyst","at":"2026-01-31T13:05:00.000000Z","details":{"share":"0.412","stored":3,"ä":null},'
        f'"hashes":{{"result.json":"{HASH}"}},"id":"e1","kind":"import","subject":"run-1","v":1}}'
    )


def test_keys_are_sorted_by_utf16_as_in_rfc_8785() -> None:
    # The example of RFC 8785, 3.2.3; the emoji sorts before U+FB33 by code units, after it by code points.
    keys_in_order = ["\r", "1", "\x80", "ö", "€", "\U0001f600", "\ufb33"]
    written = canonical_json(dict.fromkeys(reversed(keys_in_order), 0))
    assert list(json.loads(written)) == keys_in_order


def test_escapes_are_those_of_rfc_8785() -> None:
    assert canonical_json("\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/") == (
        b'"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'
    )


@given(st.dictionaries(keys, values, max_size=5))
def test_any_details_round_trip(details: dict[str, Any]) -> None:
    entry = make(details=details)
    again = Entry.from_bytes(entry.to_bytes())
    assert again.details == details
    assert again.to_bytes() == entry.to_bytes()
    assert json.loads(entry.to_bytes())["details"] == details


@given(st.binary(max_size=120))
def test_other_bytes_are_refused_without_a_crash(data: bytes) -> None:
    with pytest.raises(LedgerError, match="not an entry"):
        Entry.from_bytes(data)


@pytest.mark.parametrize(
    "mangle",
    [
        lambda data: data + b" ",
        lambda data: data.replace(b'"v":1', b'"v":2'),
        lambda data: data.replace(b'"v":1', b'"v":1,"x":1'),
        lambda data: data.replace(b'"hashes":{}', b'"hashes":[]'),
        lambda data: data.replace(b'"details":{}', b'"details":[]'),
        lambda data: data.replace(b'"subject":"run-1"', b'"subject":5'),
        lambda data: data.replace(b'"subject":"run-1"', b'"subject":"run-1","subject":"run-1"'),
        lambda data: b"[" * 100_000,
    ],
)
def test_other_spellings_are_refused(mangle: Any) -> None:
    data = make().to_bytes()
    assert mangle(data) != data
    with pytest.raises(LedgerError, match="not an entry"):
        Entry.from_bytes(mangle(data))


@pytest.mark.parametrize(
    "key", ["name", "Name", "officer_name", "personName", "e_mail_email", "plate", "victim_phone", "address"]
)
def test_keys_that_announce_a_person_are_refused_at_any_depth(key: str) -> None:
    with pytest.raises(UsageError, match="nothing about a person"):
        make(details={key: "x"})
    with pytest.raises(UsageError, match="nothing about a person"):
        make(details={"deep": [{"deeper": {key: "x"}}]})
    with pytest.raises(UsageError, match="nothing about a person"):
        make(hashes={key: HASH})


@pytest.mark.parametrize("key", ["renamed_columns", "no_address", "personnel_hours", "surface", "template"])
def test_keys_that_only_look_like_it_are_taken(key: str) -> None:
    assert Entry.from_bytes(make(details={key: 1}).to_bytes()).details == {key: 1}


def test_mail_addresses_are_refused_as_values() -> None:
    for changes in ({"details": {"note": "ask jo@city.example"}}, {"subject": "jo@city.example"}):
        with pytest.raises(UsageError, match="e-mail address"):
            make(**changes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "Import"}, "kind"),
        ({"actor": "Jo Smith"}, "actor"),
        ({"subject": ""}, "subject"),
        ({"id": "x" * 201}, "id"),
        ({"id": "a\nb"}, "id"),
        ({"at": "2026-01-31T13:05:00"}, "time"),
        ({"at": "2026-01-31T13:05:00+01:00"}, "time"),
        ({"at": "2026-13-31T13:05:00Z"}, "time"),
        ({"hashes": {"a": "AB" * 32}}, "hash"),
        ({"details": {"share": 0.5}}, "float"),
        ({"details": {"n": 2**53}}, "larger"),
        ({"details": {"t": datetime(2026, 1, 1, tzinfo=UTC)}}, "datetime"),
        ({"details": {1: 2}}, "not text"),
        ({"details": {"a": "\ud800"}}, "Unicode"),
        ({"details": {"a": "x" * 65_535}}, "at most 65,535"),
    ],
)
def test_fields_that_are_off(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        make(**changes)


def test_details_nested_too_deep() -> None:
    deep: list[Any] = []
    for _ in range(30):
        deep = [deep]
    with pytest.raises(UsageError, match="nested"):
        make(details={"a": deep})


def test_new_entries_have_their_own_ids_and_utc_times() -> None:
    east = timezone(timedelta(hours=2))
    one = Entry.new("plan", actor="analyst", subject="p", now=lambda: datetime(2026, 1, 1, 1, tzinfo=east))
    two = Entry.new("plan", actor="analyst", subject="p")
    assert one.id != two.id
    assert one.at == "2025-12-31T23:00:00.000000Z"
    with pytest.raises(UsageError, match="without a zone"):
        Entry.new("plan", actor="analyst", subject="p", now=lambda: datetime(2026, 1, 1))  # noqa: DTZ001
