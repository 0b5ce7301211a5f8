"""How much reports call forth further reports near by and soon after, and how much is there anyway.

The intensity of reports at a place and time is a background that does not change with time, plus what each earlier
report adds around itself for a while::

    lambda(x, y, t) = mu(x, y) + ratio * sum over t_i < t of after(t - t_i) * around(distance to i)

`fit_triggering` estimates both from places in metres and times in days. Only pairs within a reach in time and in
distance are looked at. They are found once and kept as two 16-bit numbers each, the steps of their lag and of their
distance: then a pair costs an iteration two look-ups and two additions, whatever the form of the kernel.

What is called triggering here is a pattern in the times and places of reports. It has many causes, and it says nothing
about who did what.
"""

from __future__ import annotations

from peelian.methods.triggering.area import Area
from peelian.methods.triggering.fit import Triggering, fit_triggering
from peelian.methods.triggering.follow_ups import FollowUps
from peelian.methods.triggering.kernel import STEPS, Form, Kernel, Reach, warm_up
from peelian.methods.triggering.pairs import Pairs, by_square, find_pairs, triggered_at
from peelian.methods.triggering.reports import Reports, reports_of
from peelian.methods.triggering.templates import stamp, template

__all__ = [
    "STEPS",
    "Area",
    "FollowUps",
    "Form",
    "Kernel",
    "Pairs",
    "Reach",
    "Reports",
    "Triggering",
    "by_square",
    "find_pairs",
    "fit_triggering",
    "reports_of",
    "stamp",
    "template",
    "triggered_at",
    "warm_up",
]
