"""Mappings on the command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.cli.options import read_mapping
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
