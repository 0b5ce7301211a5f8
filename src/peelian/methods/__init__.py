"""Methods: from counted reports to a `Surface` of expected reports, with the count map as their measure.

A method is made with its parameters, learns with ``fit(counts)`` and forecasts with ``predict(period)``. It
knows places and reports, never persons.
"""

from __future__ import annotations

from peelian.methods.base import Method
from peelian.methods.checks import check_method, discover, method_by_name
from peelian.methods.counts import CountMap
from peelian.methods.kernels import DecayedKernelDensity, KernelDensity
from peelian.methods.surface import Surface

__all__ = [
    "CountMap",
    "DecayedKernelDensity",
    "KernelDensity",
    "Method",
    "Surface",
    "check_method",
    "discover",
    "method_by_name",
]
