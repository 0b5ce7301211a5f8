"""Which method is in use, and whether the trial speaks for it.

A verdict names a method; a person can choose another one by hand. A page must then say so: what the trial says about
its own choice would be read as if it were about the one in use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peelian.publish.evidence import Evidence

__all__ = ["COUNTING", "Choice", "choice_made", "choice_of", "method_title", "verdict_of"]

Result = Mapping[str, Any]

COUNTING = "count_map"
_SO = re.compile(r":\s[^:]*\bis what is used\.\s*$")
"""What a verdict's text ends in: which method follows from it."""

_HEADLINES = {
    "no better": "{used} is used, though the trial did not show it to do better than plain counting",
    "worse": "{used} is used, though it did worse than plain counting in the trial",
    "better": "{used} is used, though the trial speaks for {told}",
    "counting": "Plain counting is used, though {told} did better in the trial",
    "not tried": "{used} is used, though it was not in the trial",
    "no trial": "{used} was chosen by hand, and has not been tried",
}
_SENTENCES = {
    "no better": (
        "The test did not show that this method ({used}) does better than counting; it was chosen by hand all the same."
    ),
    "worse": (
        "The test showed that this method ({used}) does worse than counting; it was chosen by hand all the same."
    ),
    "better": "The test speaks for another method ({told}); this one ({used}) was chosen by hand all the same.",
    "counting": "The test showed that {told} does better than counting; counting was chosen by hand all the same.",
    "not tried": (
        "This method ({used}) was not in the test, so nothing shows that it does better than counting; it was chosen "
        "by hand all the same."
    ),
    "no trial": (
        "No test speaks for this method ({used}), so nothing shows that it does better than counting; it was chosen by "
        "hand all the same."
    ),
}
_PLAIN = {
    "no better": "We can't show that it does",
    "worse": "No, it does worse",
    "better": "We can't say, for the method in use",
    "counting": "It is simple counting",
    "not tried": "We don't know: the method in use was not tested",
    "no trial": "We don't know yet",
}


def method_title(trial: Result | None, name: str) -> str:
    """The title of a method as a reader knows it; its name where the trial has none."""
    known = {str(m["name"]): str(m.get("title") or m["name"]) for m in (trial or {}).get("methods", ())}
    return known.get(name, name.replace("_", " "))


@dataclass(frozen=True)
class Choice:
    """The method in use beside the one that the verdict names.

    Parameters
    ----------
    used, title : str
        Name and title of the method in use; empty where nothing tells.
    told : str
        Title of the verdict's method; empty without a verdict.
    case : str
        How the choice stands to the verdict: empty where it follows it, or where plain counting is used without a
        trial; else ``"no better"``, ``"worse"``, ``"better"`` (the verdict is for another method than the one in use),
        ``"counting"`` (counting against a better one), ``"not tried"`` or ``"no trial"``.
    """

    used: str = ""
    title: str = ""
    told: str = ""
    case: str = ""

    def _fill(self, text: str) -> str:
        used, told = (t[:1].lower() + t[1:] for t in (self.title, self.told))
        said = text.format(used=used, told=told)
        return said[:1].upper() + said[1:]

    @property
    def headline(self) -> str:
        """For the agency, in place of the verdict's headline; empty where the verdict is followed."""
        return self._fill(_HEADLINES[self.case]) if self.case else ""

    @property
    def sentence(self) -> str:
        """That the method was chosen by hand against the verdict, in plain words; empty where it was not."""
        return self._fill(_SENTENCES[self.case]) if self.case else ""

    @property
    def plain(self) -> str:
        """The short answer to "does it work better than simple counting?"; empty where the verdict is followed."""
        return _PLAIN[self.case] if self.case else ""

    def told_text(self, verdict: Result) -> str:
        """The verdict's text; without what it says is used, where something else is."""
        text = str(verdict["text"])
        return _SO.sub(".", text) if self.case else text


def choice_of(evidence: Evidence) -> Choice:
    """The choice behind the plan; behind the forecast where there is no plan, and the verdict's where there is none."""
    known = evidence.plan or evidence.forecast or {}
    return choice_made(str(known.get("method") or ""), evidence.trial, verdict_of(evidence))


def verdict_of(evidence: Evidence) -> Result | None:
    """The trial's verdict; the one that the forecast quotes where the trial was not handed over."""
    verdict: Result | None = (evidence.trial or evidence.forecast or {}).get("verdict")
    return verdict


def choice_made(used: str, trial: Result | None, verdict: Result | None) -> Choice:
    """How `used` stands to a verdict."""
    if verdict is None:
        case = "no trial" if used not in ("", COUNTING) else ""
        return Choice(used, method_title(trial, used), "", case)
    told = str(verdict["method"])
    used = used or told
    tried = trial is None or any(str(m["name"]) == used for m in trial["methods"])
    case = "" if used == told else _case(used, tried, str(verdict["status"]))
    return Choice(used, method_title(trial, used), method_title(trial, told), case)


def _case(used: str, tried: bool, status: str) -> str:
    if used == COUNTING:
        return "counting"
    if not tried:
        return "not tried"
    return status if status in _HEADLINES else "better"
