"""What an audit of exposure claims: the number, what it is held against, and the warning on areas and residents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peelian.audits.base import ECOLOGICAL
from peelian.audits.words import in_words

__all__ = ["claim_of", "claim_of_plan"]

MEANT = {
    "residents": "each resident of the group",
    "ambient": "each one present where the group lives (ambient)",
    "reports": "each report where the group lives",
}


def claim_of(
    what: str, groups: Sequence[str], reference: str, denominators: Sequence[str], *, level: float
) -> dict[str, Any]:
    """What is measured, against what, and with which warning."""
    held = [MEANT["residents"], *(MEANT.get(name, name) for name in denominators)]
    return {
        "estimand": (
            f"A group's exposure is the mean, over its residents, of the {what} in the unit where they live. A ratio "
            f"holds it against that of {in_words(reference)} residents."
        ),
        "denominators": f"Counted for {'; and for '.join(held)}.",
        "warning": ECOLOGICAL,
        "intervals": (
            f"Intervals of {level * 100:g} %: compact blocks of units of several sizes were drawn anew, from single "
            "units to a fifth of the map, and of the intervals from them the widest is told. It says how far the ratio "
            "would move with other places like these."
        ),
        "groups": list(groups),
        "reference": reference,
    }


def claim_of_plan(groups: Sequence[str], reference: str) -> dict[str, Any]:
    """What an exposure audit of a plan claims, under the same keys."""
    others = ", ".join(in_words(group) for group in groups if group != reference)
    return {
        "estimand": (
            "A group's exposure is the mean, over its residents, of the planned hours in the cell where they live. A "
            f"ratio holds that of {others} residents against that of {in_words(reference)} residents."
        ),
        "denominators": (
            "Residents by the census. Beside them, hours are held against reports and expected reports where each "
            "group lives; those present by day are not known, unless a table gives them (--table with --ambient)."
        ),
        "warning": ECOLOGICAL,
    }
