from __future__ import annotations

import pytest

from peelian.errors import CheckError
from peelian.publish import check_page, check_wording
from peelian.publish.wording import visible_text


@pytest.mark.parametrize(
    "text",
    [
        "The software predicts crime.",
        "We predict the next crimes by people.",
        "A crime prediction for Monday",
        "predictive policing",
        "He is a risky person.",
        "high-risk individuals",
        "This is a criminal area.",
        "a Criminal Neighbourhood",
        "high-crime areas",
        "Our model is unbiased.",
        "an un-biased and debiased map",
        "The system solves it.",
    ],
)
def test_words_that_are_never_published(text):
    with pytest.raises(CheckError) as caught:
        check_wording(f"Some words before. {text} Some words after.")
    assert caught.value.hint
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    "text",
    [
        "A forecast of reports by place.",
        "Problem-solving, and what resolves a dispute.",
        "The area has many reported incidents.",
        "An interval can be biased; we say so.",
        "criminal damage was reported",
        "Street crime reported in June",
        "SUSPICIOUS PERSON (a label of the source)",
    ],
)
def test_words_that_are_fine(text):
    assert check_wording(text) == text


def test_a_page_is_read_as_a_reader_meets_it():
    page = "<style>.unbiased{}</style><p>fore<b>cast</b> &amp; more</p><img alt='a picture'>"
    page += "<blockquote>solves</blockquote>"
    assert visible_text(page) == "fore cast & more a picture"
    assert check_page(page) == page


def test_attributes_that_are_read_aloud_count():
    with pytest.raises(CheckError, match="unbiased"):
        check_page('<svg aria-label="an unbiased map"></svg>')
    with pytest.raises(CheckError, match="criminal area"):
        check_page("<svg><title>criminal area</title></svg>")


def test_a_word_can_not_hide_in_a_line_break_or_an_entity():
    with pytest.raises(CheckError):
        check_page("<p>criminal\n   area</p>")
    with pytest.raises(CheckError):
        check_page("<p>unbi&#97;sed</p>")
