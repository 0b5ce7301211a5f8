"""What the room offers: names that others build on."""

from __future__ import annotations

import inspect

import peelian.methods


def test_public_names():
    assert peelian.methods.__all__ == [
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
    assert all(inspect.getdoc(getattr(peelian.methods, name)) for name in peelian.methods.__all__)
