from __future__ import annotations

import base64
import hashlib
import re

import jinja2
import pytest

from peelian.errors import CheckError
from peelian.publish.pages import render

DATA = {
    "heading": "H",
    "sub": "S",
    "headline": "L",
    "lines": ["a"],
    "parts": [],
    "limits": ["b"],
    "origin": [("x", "y")],
}


def test_the_policy_names_the_one_stylesheet_and_allows_nothing_else():
    page = render("result.html", **DATA)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1].replace("&#39;", "'")
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_text_is_escaped_and_a_missing_value_is_a_fault():
    assert "&lt;b&gt;" in render("result.html", **{**DATA, "heading": "<b>"})
    with pytest.raises(jinja2.UndefinedError):
        render("result.html", **{k: v for k, v in DATA.items() if k != "headline"})


def test_a_page_with_a_banned_word_is_not_made():
    with pytest.raises(CheckError, match="unbiased"):
        render("result.html", **{**DATA, "lines": ["This map is unbiased."]})


def test_inside_pages_ask_not_to_be_indexed_and_none_sends_a_referrer():
    inside, public = render("result.html", **DATA), render("result.html", **DATA, public=True)
    assert "noindex" in inside
    assert "noindex" not in public
    assert all('name="referrer" content="no-referrer"' in page for page in (inside, public))


def test_the_skip_link_comes_first_and_leads_to_the_content(page_checks):
    outline = page_checks(render("result.html", **DATA))
    first = next(attrs for tag, attrs in outline.tags if tag == "a")
    assert first["href"] == "#main"
    assert next(attrs for tag, attrs in outline.tags if tag == "main")["id"] == "main"
