"""Which method is in use, and whether the trial speaks for it.

A verdict names a method; a person can choose another one by hand, and a method can be suspended since. A page must then
say so: what the trial says about its own choice would be read as if it were about the one in use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from peelian.methods import discover
from peelian.publish.evidence import Evidence
from peelian.publish.words import day

__all__ = [
    "Choice",
    "choice_made",
    "choice_of",
    "counting_of",
    "is_counting",
    "method_title",
    "suspended_words",
    "verdict_of",
]

Result = Mapping[str, Any]

_SO = re.compile(r":\s[^:]*\bis what is used\.\s*$")
"""What a verdict's text ends in: which method follows from it."""

_HEADLINES = {
    "no better": "{used} is used, though the trial did not show it to do better than plain counting",
    "worse": "{used} is used, though it did worse than plain counting in the trial",
    "better": "{used} is used, though the trial speaks for {told}",
    "counting": "Plain counting is used, though {told} did better in the trial",
    "another count": "{used} is used, though {told} counted best in the trial",
    "not tried": "{used} is used, though it was not in the trial",
    "no trial": "{used} was chosen by hand, and has not been tried",
    "suspended": "Plain counting is used: {told} did better in the trial, and is suspended since",
}
_SUSPENDED = "{used} was used, and has been suspended since"
"""Headline where what was forecast before a suspension is shown after it."""
_SENTENCES = {
    "no better": (
        "The test did not show that this method ({used}) does better than counting; it was chosen by hand all the same."
    ),
    "worse": (
        "The test showed that this method ({used}) does worse than counting; it was chosen by hand all the same."
    ),
    "better": "The test speaks for another method ({told}); this one ({used}) was chosen by hand all the same.",
    "counting": "The test showed that {told} does better than counting; counting was chosen by hand all the same.",
    "another count": (
        "The test showed that another way of counting ({told}) did best; this one ({used}) was chosen by hand all the "
        "same."
    ),
    "not tried": (
        "This method ({used}) was not in the test, so nothing shows that it does better than counting; it was chosen "
        "by hand all the same."
    ),
    "no trial": (
        "No test speaks for this method ({used}), so nothing shows that it does better than counting; it was chosen by "
        "hand all the same."
    ),
    "suspended": "{told} did better in the test. {since} Until a person lifts that, we count.",
}
_STOPPED = "This method ({used}) is no longer used. {since} Until a person lifts that, we count."
_PLAIN = {
    "no better": "We can't show that it does",
    "worse": "No, it does worse",
    "better": "We can't say, for the method in use",
    "counting": "It is simple counting",
    "another count": "It is simple counting",
    "not tried": "We don't know: the method in use was not tested",
    "no trial": "We don't know yet",
    "suspended": "It is simple counting: the better method is suspended",
}
_PLAIN_STOPPED = "We can't say: the method was suspended"


@lru_cache(maxsize=1)
def _methods() -> dict[str, tuple[str, bool]]:
    return {method.name: (method.title, method.counting) for method in discover()}


def is_counting(name: str, trial: Result | None = None) -> bool:
    """Whether a method only counts: as the trial says, else as the method of that name does."""
    for method in (trial or {}).get("methods", ()):
        if str(method["name"]) == name and "counting" in method:
            return bool(method["counting"])
    return _methods().get(name.partition("#")[0], ("", False))[1]


def counting_of(trial: Result) -> str:
    """Name of the best of the methods that count, which the others are measured by."""
    counting = [str(m["name"]) for m in trial["methods"] if is_counting(str(m["name"]), trial)]
    return str(trial.get("baseline") or next(iter(counting), ""))


def method_title(trial: Result | None, name: str) -> str:
    """The title of a method as a reader knows it: the trial's, else its own, else its name."""
    known = {str(m["name"]): str(m.get("title") or m["name"]) for m in (trial or {}).get("methods", ())}
    return known.get(name) or _methods().get(name, ("", False))[0] or name.replace("_", " ")


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
        ``"counting"`` (counting against a better one), ``"another count"`` (another way of counting than the best),
        ``"not tried"`` or ``"no trial"``; ``"suspended"`` where counting is used because the verdict's method is
        suspended.
    suspension : mapping, optional
        What suspends the methods of the category: of that case, or, with any other, since the method was used.
    """

    used: str = ""
    title: str = ""
    told: str = ""
    case: str = ""
    suspension: Result | None = None

    @property
    def stopped(self) -> bool:
        """Whether the method was suspended after it had been used for what is shown."""
        return self.suspension is not None and self.case != "suspended"

    @property
    def followed(self) -> bool:
        """Whether what the verdict leads to is what is done."""
        return not self.case and not self.stopped

    @property
    def by_hand(self) -> bool:
        """Whether a person chose another method than the verdict's."""
        return self.case not in ("", "suspended")

    def _fill(self, text: str) -> str:
        used, told = (t[:1].lower() + t[1:] for t in (self.title, self.told))
        since = suspended_words(self.suspension) if self.suspension else ""
        said = text.format(used=used, told=told, since=since)
        return said[:1].upper() + said[1:]

    @property
    def headline(self) -> str:
        """For the agency, in place of the verdict's headline; empty where the verdict is followed."""
        if self.stopped:
            return self._fill(_SUSPENDED)
        return self._fill(_HEADLINES[self.case]) if self.case else ""

    @property
    def sentence(self) -> str:
        """That the method was chosen by hand against the verdict, or is suspended, in plain words; else empty."""
        said = [_SENTENCES[self.case]] if self.case else []
        return " ".join(self._fill(text) for text in [*said, *([_STOPPED] if self.stopped else [])])

    @property
    def plain(self) -> str:
        """The short answer to "does it work better than simple counting?"; empty where the verdict is followed."""
        if self.stopped:
            return _PLAIN_STOPPED
        return _PLAIN[self.case] if self.case else ""

    def told_text(self, verdict: Result) -> str:
        """The verdict's text; without what it says is used, where something else is."""
        text = str(verdict["text"])
        return _SO.sub(".", text) if not self.followed else text

    def told_parts(self, verdict: Result) -> list[tuple[str, str]]:
        """The same in parts, each with what it is about; one about nothing where the verdict was stored without."""
        stored = [(str(part["about"]), str(part["text"])) for part in verdict.get("parts") or ()]
        parts = stored or [("", str(verdict["text"]))]
        return parts if self.followed else [(about, _SO.sub(".", text)) for about, text in parts]


def choice_of(evidence: Evidence) -> Choice:
    """The choice behind the plan; behind the forecast where there is no plan, and the verdict's where there is none."""
    known = evidence.plan or evidence.forecast or {}
    used = str(known.get("method") or "")
    # Counting was used because of what stood when the forecast was made; another method is stopped by what stands now.
    counted = is_counting(used, evidence.trial)
    suspension = (evidence.forecast or {}).get("suspension") if counted else evidence.suspension
    return choice_made(used, evidence.trial, verdict_of(evidence), suspension=suspension)


def verdict_of(evidence: Evidence) -> Result | None:
    """The trial's verdict; the one that the forecast quotes where the trial was not handed over."""
    verdict: Result | None = (evidence.trial or evidence.forecast or {}).get("verdict")
    return verdict


def choice_made(
    used: str, trial: Result | None, verdict: Result | None, *, suspension: Result | None = None
) -> Choice:
    """How `used` stands to a verdict, and to what suspends the methods of the category."""
    if verdict is None:
        stopped = bool(used) and not is_counting(used)
        case = "no trial" if stopped else ""
        return Choice(used, method_title(trial, used), "", case, suspension if stopped else None)
    told = str(verdict["method"])
    used = used or told
    counts = is_counting(used, trial)
    tried = trial is None or any(str(m["name"]) == used for m in trial["methods"])
    case = "" if used == told else _case(counts, tried, str(verdict["status"]))
    if suspension is not None and counts:
        case, suspension = ("suspended", suspension) if case == "counting" else (case, None)
    return Choice(used, method_title(trial, used), method_title(trial, told), case, suspension)


def suspended_words(suspension: Result) -> str:
    """Since when a method is suspended, by what and why, in a sentence."""
    when = f"on {day(suspension['at'])} ({suspension['run']})"
    if suspension["by_hand"]:
        return f"The {suspension['role']} suspended it {when}."
    return f"It was suspended {when}, as it had fallen behind counting since its test."


def _case(counts: bool, tried: bool, status: str) -> str:
    if counts:
        return "counting" if status == "better" else "another count"
    if not tried:
        return "not tried"
    return status if status in _HEADLINES else "better"
