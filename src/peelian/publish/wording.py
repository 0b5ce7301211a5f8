"""How we talk, enforced: what is published speaks of places and reports, and claims nothing that no one can show.

Words have been part of the harm: a map called "crime prediction" makes readers see offenders where there are reports.
The list is the binding one of the project; a text that breaks it is not published.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from peelian.errors import CheckError

__all__ = ["check_page", "check_wording", "visible_text"]

_PEOPLE = r"(?:person|people|individual|youth|resident|offender|family|families)s?"
_PLACE = r"(?:area|place|neighbou?rhood|district|block|street|zone|quarter)s?"

BANNED: tuple[tuple[str, str], ...] = (
    (r"predict\w*\s+(?:\w+\s+){0,2}crimes?\b", "forecast of reports"),
    (r"crimes?[\s-]+predict\w*", "forecast of reports"),
    (r"predictive\s+policing", "forecast of reports"),
    (rf"(?:risky|dangerous|high[\s-]risk)\s+{_PEOPLE}\b", "nothing: no person is ever rated"),
    (rf"criminal\s+(?:{_PLACE}|element)\b", "place with many reported incidents"),
    (
        rf"(?:bad|crime[\s-]ridden|high[\s-]crime|dangerous)\s+{_PLACE}\b",
        "place with many reported incidents",
    ),
    (r"un-?biased\b", "what was measured, with its interval"),
    (r"de-?bias(?:ed|es|ing)?\b", "what was measured, with its interval"),
    (r"bias[\s-]free\b", "what was measured, with its interval"),
    (r"solves\b", "what was measured, with its interval"),
)
"""Pattern and what to write instead."""

_COMPILED = tuple((re.compile(rf"\b{pattern}", re.IGNORECASE), instead) for pattern, instead in BANNED)
_READ_ALOUD = {"title", "alt", "aria-label", "content", "aria-description"}
_UNREAD = {"style", "script"}


class _Text(HTMLParser):
    """Collects what a reader or a screen reader meets; skips what a named person wrote (``blockquote``)."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNREAD or tag == "blockquote":
            self._hidden.append(tag)
        if not self._hidden:
            self.parts.extend(value for name, value in attrs if name in _READ_ALOUD and value)

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and self._hidden[-1] == tag:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def visible_text(page: str) -> str:
    """The words of an HTML page, attributes that are read aloud included, without quotations of named roles."""
    parser = _Text()
    parser.feed(page)
    parser.close()
    return re.sub(r"\s+", " ", " ".join(parser.parts)).strip()


def check_wording(text: str) -> str:
    """Return `text` unchanged, or refuse it.

    Parameters
    ----------
    text : str
        Plain text.

    Raises
    ------
    CheckError
        It holds words that are never published; the message quotes them in place and the hint says what to write.
    """
    for pattern, instead in _COMPILED:
        found = pattern.search(text)
        if found is not None:
            around = text[max(found.start() - 40, 0) : found.end() + 40].strip()
            msg = f"{found[0]!r} is never published; it stands in: ...{around}..."
            raise CheckError(msg, hint=f"write instead: {instead}")
    return text


def check_page(page: str) -> str:
    """Return the HTML `page` unchanged, or refuse it for a word in it (see `check_wording`)."""
    check_wording(visible_text(page))
    return page
