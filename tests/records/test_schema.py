from __future__ import annotations

import pyarrow as pa
import pytest

from peelian.records import ARROW_SCHEMA, FIELDS, NULLABLE, RESOLUTIONS, empty_frame
from peelian.records.schema import coarsest
from peelian.records.sources.mapping import person_word

# Pinned on purpose: a new field is a change of the charter's allow-list, and shows in review here.
ALLOWED = [
    "id",
    "source",
    "occurred_from",
    "occurred_to",
    "reported",
    "resolution",
    "category",
    "label",
    "x",
    "y",
    "officer_initiated",
    "domestic",
    "location_type",
]


def test_the_allow_list_is_pinned() -> None:
    assert list(FIELDS) == ALLOWED
    assert ARROW_SCHEMA.names == ALLOWED
    assert {"occurred_to", "reported", "domestic", "location_type"} == NULLABLE


def test_the_allow_list_can_not_be_changed_at_run_time() -> None:
    with pytest.raises(TypeError):
        FIELDS["victim_age"] = FIELDS["id"]  # type: ignore[index]


def test_no_field_is_about_a_person() -> None:
    assert [name for name in FIELDS if person_word(name)] == []


def test_every_field_says_what_it_means() -> None:
    assert all(len(field.meaning) > 10 for field in FIELDS.values())


def test_times_carry_no_offset() -> None:
    times = [
        field.type for name, field in FIELDS.items() if name in {"occurred_from", "occurred_to", "reported"}
    ]
    assert all(isinstance(kind, pa.TimestampType) and kind.tz is None for kind in times)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (set(), "minute"),
        ({"minute"}, "minute"),
        ({"minute", "day"}, "day"),
        ({"day", "month"}, "month"),
        ({"minute", "month", "day"}, "month"),
    ],
)
def test_coarsest(found: set[str], expected: str) -> None:
    assert coarsest(found) == expected
    assert expected in RESOLUTIONS


def test_empty_frame_has_every_field_in_its_type() -> None:
    frame = empty_frame()
    assert list(frame.columns) == ALLOWED
    assert len(frame) == 0
    assert str(frame["occurred_from"].dtype) == "datetime64[us]"
    assert str(frame["x"].dtype) == "float64"
