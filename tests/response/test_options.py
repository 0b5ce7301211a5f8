from __future__ import annotations

import re

import pytest

from peelian.errors import UsageError
from peelian.records.categories import STANDARD
from peelian.response import all_options, options_for

BANNED = ("risky", "unbiased", "debiased", "solves", "criminal area", "offender", "suspect", "gang")


def test_keys_are_unique_and_every_field_is_filled() -> None:
    options = all_options()
    assert len({o.key for o in options}) == len(options) >= 10
    for option in options:
        assert all(option.to_dict().values()), option.key
        assert re.fullmatch(r"[a-z_]+", option.key)


def test_categories_are_standard_ones() -> None:
    for option in all_options():
        assert option.categories == ("*",) or set(option.categories) <= set(STANDARD), option.key


def test_every_option_cites_a_published_study_with_its_year_and_says_what_it_cannot_tell() -> None:
    for option in all_options():
        assert re.search(r"\((19|20)\d\d\)\.", option.evidence), option.key
        assert len(option.unknown.split()) >= 8, option.key


@pytest.mark.parametrize("option", all_options(), ids=lambda o: o.key)
def test_options_are_acted_on_by_others_than_police_and_speak_of_places(option) -> None:
    assert option.who.replace("police", "").strip(" ,and")
    text = " ".join([option.title, option.who, option.what, option.unknown]).lower()
    assert not [word for word in BANNED if word in text]
    assert "arrest" not in text
    assert "patrol" not in option.what.lower()


@pytest.mark.parametrize("category", [*STANDARD, "FIRST DEGREE RESIDENTIAL", "other"])
def test_there_is_always_an_option_and_the_general_one_is_last(category: str) -> None:
    options = options_for(category)
    assert options[-1].key == "problem_solving"
    assert all(o.fits(category) for o in options)
    assert len({o.key for o in options}) == len(options)


def test_options_made_for_the_category_come_first() -> None:
    assert "repeat_victims" in [o.key for o in options_for("burglary")][:-1]
    assert [o.key for o in options_for("fraud")] == ["place_management", "problem_solving"]
    assert [o.key for o in options_for("a label of the source")] == ["problem_solving"]


def test_an_empty_category_is_an_error() -> None:
    with pytest.raises(UsageError, match="expected a name"):
        options_for("  ")


def test_the_list_is_a_copy() -> None:
    all_options().clear()
    assert all_options()
