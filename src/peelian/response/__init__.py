"""Response: from a forecast of reports to choices for a person to make, of which patrol is only one."""

from __future__ import annotations

from peelian.response.options import Option, all_options, options_for
from peelian.response.place import Covered, LeftOut, Place
from peelian.response.plan import Plan, make_plan
from peelian.response.rules import Rules
from peelian.response.select import choose

__all__ = [
    "Covered",
    "LeftOut",
    "Option",
    "Place",
    "Plan",
    "Rules",
    "all_options",
    "choose",
    "make_plan",
    "options_for",
]
