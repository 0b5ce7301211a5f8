"""How we talk (docs/explanation/how-we-talk.md): some words never occur in code, templates or pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "docs/explanation/how-we-talk.md"
LISTS = {GUIDE, ROOT / "src/peelian/publish/wording.py"}
"""The guide, and the list by which what is published is checked: they must name the words."""
BANNED = re.compile(
    r"\bpredict(?:s|ed|ing|ions?(?:\s+of)?|ive)?\s+(?:\w+\s+)?crimes?\b"
    r"|\bcrime\s+prediction"
    r"|\brisky\s+(?:person|people|individual|resident)"
    r"|\bcriminal\s+(?:area|place|neighbou?rhood)"
    r"|\bun-?biased\b|\bde-?bias(?:ed|es|ing)?\b"
    r"|\bsolves\b",
    re.IGNORECASE,
)
SUFFIXES = {".py", ".md", ".html", ".jinja", ".j2", ".txt", ".toml", ".cedar", ".css", ".js", ".svg"}


def texts() -> list[Path]:
    """What readers and users may see: source, templates, documentation, changelog."""
    folders = [ROOT / name for name in ("src", "docs", "changelog.d", "bench", "tools")]
    found = [path for folder in folders for path in folder.rglob("*") if path.suffix in SUFFIXES]
    found += [ROOT / name for name in ("README.md", "CHANGELOG.md", "pyproject.toml", "Makefile")]
    # Licence texts are others' words.
    return [
        path for path in sorted(found) if path.exists() and "LICENSE" not in path.name and path not in LISTS
    ]


def plain(text: str) -> str:
    """Text as it's read: on one line, without marks of comments, quotes or emphasis between the words."""
    return re.sub(r"[\s#*_`\"'<>|]+", " ", text)


def test_the_words_are_not_used() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in texts()
        for match in BANNED.finditer(plain(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_source_and_documentation_are_looked_at() -> None:
    seen = {str(path.relative_to(ROOT)) for path in texts()}
    assert {"src/peelian/errors.py", "docs/index.md", "README.md"} <= seen


@pytest.mark.parametrize(
    "text",
    [
        "it predicts crime",
        "Predictive crime mapping",
        "predicting violent crimes",
        "crime predictions",
        "a risky\n    person",
        "the **criminal** area",
        "criminal neighborhoods",
        "an unbiased map",
        "we de-biased it",
        "this solves it",
        "# predict\n# crime",
    ],
)
def test_banned_words_are_recognised(text: str) -> None:
    assert BANNED.search(plain(text))


@pytest.mark.parametrize(
    "text",
    [
        "a forecast of reports",
        "model.predict(period)",
        "the solver solved it",
        "reported crimes",
        "bias of reporting",
        "predict reported burglaries; crime is the department's word",
    ],
)
def test_other_words_are_free(text: str) -> None:
    assert not BANNED.search(plain(text))


def test_the_guide_lists_what_is_banned() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    for words in ("predict crime", "risky person", "criminal area", "unbiased", "debiased", "solves"):
        assert words in guide
        assert BANNED.search(words)
