"""Methods: from counted reports to a `Surface` of expected reports, with counting as their measure.

A method is made with its parameters, learns with ``fit(counts)`` and forecasts with ``predict(period)``. It
knows places and reports, never persons.
"""

from __future__ import annotations

from peelian.methods.base import Method
from peelian.methods.boosted import BoostedCounts
from peelian.methods.checks import check_method, discover, method_by_name
from peelian.methods.counts import CountMap, DecayedCounts, SeasonalNaive
from peelian.methods.kernels import AdaptiveKernelDensity, DecayedKernelDensity, KernelDensity
from peelian.methods.mixture import KernelMixture
from peelian.methods.prospective import ProspectiveHotSpots
from peelian.methods.self_exciting import SelfExciting, SelfExcitingHistogram
from peelian.methods.stack import Stack
from peelian.methods.surface import Surface

__all__ = [
    "AdaptiveKernelDensity",
    "BoostedCounts",
    "CountMap",
    "DecayedCounts",
    "DecayedKernelDensity",
    "KernelDensity",
    "KernelMixture",
    "Method",
    "ProspectiveHotSpots",
    "SeasonalNaive",
    "SelfExciting",
    "SelfExcitingHistogram",
    "Stack",
    "Surface",
    "check_method",
    "discover",
    "method_by_name",
]
