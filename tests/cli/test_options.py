"""Mappings on the command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.cli.options import read_mapping, read_methods, read_reason
from peelian.errors import UsageError

WORD = st.text(st.characters(categories=("L", "N"), include_characters="_ "), min_size=1).filter(
    lambda s: s == s.strip()
)


def read(text: str | None) -> dict[str, str] | None:
    return read_mapping(text, option="--map", example="x=east")


@given(st.dictionaries(WORD, WORD, min_size=1))
def test_pairs_read_back(pairs: dict[str, str]) -> None:
    assert read(",".join(f"{k}={v}" for k, v in pairs.items())) == pairs


def test_none_stays_none() -> None:
    assert read(None) is None


@pytest.mark.parametrize("text", ["x", "x=", "=y", "x=a,x=b", "x=a,", ""])
def test_anything_else_is_a_usage_error_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert caught.value.hint == "--map x=east"


def test_methods_that_nobody_knows_are_answered_with_what_a_trial_takes() -> None:
    assert read_methods(None) is None
    assert read_methods(["all"]) == ["all"]
    assert read_methods(["stack", "count_map"]) == ["stack", "count_map"]
    with pytest.raises(
        UsageError, match="'foo' was given as a method; expected all, or one of .*stack"
    ) as caught:
        read_methods(["stack", "foo"])
    assert caught.value.hint == "--method all"


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_reason_is_asked_for_where_none_was_given(text: str) -> None:
    assert read_reason("anything", to="lift") == "anything", "whether it says enough is told elsewhere"
    with pytest.raises(UsageError, match="to suspend, one of at least 20 characters is required") as caught:
        read_reason(text, to="suspend")
    assert str(caught.value.hint).startswith("--reason ")
