"""Peelian turns a place's incident records into decisions that people make and outsiders can check.

The public names below load their modules when they are first used, so that ``import peelian`` costs
milliseconds and a command that needs no table never waits for pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from peelian._version import __version__

if TYPE_CHECKING:
    from peelian.audits import Finding, exposure_audit
    from peelian.audits.dataset import data_audit
    from peelian.audits.forecast import forecast_audit
    from peelian.audits.loop import loop_audit
    from peelian.audits.match_audit import match_audit
    from peelian.audits.match_log import read_match_log
    from peelian.audits.published_rates import published_audit, read_published_rates
    from peelian.audits.recordset import recordset
    from peelian.audits.retrospect import look_back
    from peelian.audits.stop_records import read_stops
    from peelian.audits.stops import stops_audit
    from peelian.audits.table import exposure_table
    from peelian.audits.threshold_test import threshold_test
    from peelian.audits.units import read_units
    from peelian.charter import Ledger
    from peelian.errors import (
        CheckError,
        ConfigError,
        CRSError,
        DataError,
        LedgerError,
        MissingExtraError,
        NotEnoughDataError,
        PeelianError,
        RefusedError,
        ResolutionError,
        SourceError,
        UsageError,
    )
    from peelian.methods import (
        AdaptiveKernelDensity,
        BoostedCounts,
        CountMap,
        DecayedCounts,
        DecayedKernelDensity,
        KernelDensity,
        KernelMixture,
        ProspectiveHotSpots,
        SeasonalNaive,
        SelfExciting,
        SelfExcitingHistogram,
        Stack,
        Surface,
    )
    from peelian.patterns.aoristic import aoristic
    from peelian.patterns.chance_links import nearer_than_chance
    from peelian.patterns.changes import change_points
    from peelian.patterns.concentration import concentration
    from peelian.patterns.duplicates import find_duplicates
    from peelian.patterns.elevated import elevated
    from peelian.patterns.emerging import emerging
    from peelian.patterns.exact_repeats import exact_repeats
    from peelian.patterns.lags import lags
    from peelian.patterns.links import link_incidents
    from peelian.patterns.local_g import hot_cells
    from peelian.patterns.local_moran import local_moran
    from peelian.patterns.near_repeat import near_repeat
    from peelian.patterns.profile import time_profile
    from peelian.patterns.risk_factors import risk_factors
    from peelian.patterns.same_week import same_week
    from peelian.patterns.seasonality import seasonality
    from peelian.patterns.surveillance import watch
    from peelian.places import (
        Areas,
        Counts,
        Grid,
        Period,
        Periods,
        count_incidents,
        population_by_cell,
        study_grid,
    )
    from peelian.records import Incidents, read_incidents
    from peelian.response import Plan, make_plan
    from peelian.trials import Trial, Verdict, run_trial
    from peelian.workspace import Workspace

_HOMES: dict[str, str] = {
    "AdaptiveKernelDensity": "peelian.methods",
    "Areas": "peelian.places",
    "BoostedCounts": "peelian.methods",
    "CRSError": "peelian.errors",
    "CheckError": "peelian.errors",
    "ConfigError": "peelian.errors",
    "CountMap": "peelian.methods",
    "Counts": "peelian.places",
    "DataError": "peelian.errors",
    "DecayedCounts": "peelian.methods",
    "DecayedKernelDensity": "peelian.methods",
    "Finding": "peelian.audits",
    "Grid": "peelian.places",
    "Incidents": "peelian.records",
    "KernelDensity": "peelian.methods",
    "KernelMixture": "peelian.methods",
    "Ledger": "peelian.charter",
    "LedgerError": "peelian.errors",
    "MissingExtraError": "peelian.errors",
    "NotEnoughDataError": "peelian.errors",
    "PeelianError": "peelian.errors",
    "Period": "peelian.places",
    "Periods": "peelian.places",
    "Plan": "peelian.response",
    "ProspectiveHotSpots": "peelian.methods",
    "RefusedError": "peelian.errors",
    "ResolutionError": "peelian.errors",
    "SeasonalNaive": "peelian.methods",
    "SelfExciting": "peelian.methods",
    "SelfExcitingHistogram": "peelian.methods",
    "SourceError": "peelian.errors",
    "Stack": "peelian.methods",
    "Surface": "peelian.methods",
    "Trial": "peelian.trials",
    "UsageError": "peelian.errors",
    "Verdict": "peelian.trials",
    "Workspace": "peelian.workspace",
    "aoristic": "peelian.patterns.aoristic",
    "change_points": "peelian.patterns.changes",
    "concentration": "peelian.patterns.concentration",
    "count_incidents": "peelian.places",
    "data_audit": "peelian.audits.dataset",
    "elevated": "peelian.patterns.elevated",
    "emerging": "peelian.patterns.emerging",
    "exact_repeats": "peelian.patterns.exact_repeats",
    "exposure_audit": "peelian.audits",
    "exposure_table": "peelian.audits.table",
    "find_duplicates": "peelian.patterns.duplicates",
    "forecast_audit": "peelian.audits.forecast",
    "hot_cells": "peelian.patterns.local_g",
    "lags": "peelian.patterns.lags",
    "link_incidents": "peelian.patterns.links",
    "local_moran": "peelian.patterns.local_moran",
    "look_back": "peelian.audits.retrospect",
    "loop_audit": "peelian.audits.loop",
    "make_plan": "peelian.response",
    "match_audit": "peelian.audits.match_audit",
    "near_repeat": "peelian.patterns.near_repeat",
    "nearer_than_chance": "peelian.patterns.chance_links",
    "population_by_cell": "peelian.places",
    "published_audit": "peelian.audits.published_rates",
    "read_incidents": "peelian.records",
    "read_match_log": "peelian.audits.match_log",
    "read_published_rates": "peelian.audits.published_rates",
    "read_stops": "peelian.audits.stop_records",
    "read_units": "peelian.audits.units",
    "recordset": "peelian.audits.recordset",
    "risk_factors": "peelian.patterns.risk_factors",
    "run_trial": "peelian.trials",
    "same_week": "peelian.patterns.same_week",
    "seasonality": "peelian.patterns.seasonality",
    "stops_audit": "peelian.audits.stops",
    "study_grid": "peelian.places",
    "threshold_test": "peelian.audits.threshold_test",
    "time_profile": "peelian.patterns.profile",
    "watch": "peelian.patterns.surveillance",
}
"""Public name -> module that defines it. A room adds its types here, in ``__all__`` and above."""

__all__ = [
    "AdaptiveKernelDensity",
    "Areas",
    "BoostedCounts",
    "CRSError",
    "CheckError",
    "ConfigError",
    "CountMap",
    "Counts",
    "DataError",
    "DecayedCounts",
    "DecayedKernelDensity",
    "Finding",
    "Grid",
    "Incidents",
    "KernelDensity",
    "KernelMixture",
    "Ledger",
    "LedgerError",
    "MissingExtraError",
    "NotEnoughDataError",
    "PeelianError",
    "Period",
    "Periods",
    "Plan",
    "ProspectiveHotSpots",
    "RefusedError",
    "ResolutionError",
    "SeasonalNaive",
    "SelfExciting",
    "SelfExcitingHistogram",
    "SourceError",
    "Stack",
    "Surface",
    "Trial",
    "UsageError",
    "Verdict",
    "Workspace",
    "__version__",
    "aoristic",
    "change_points",
    "concentration",
    "count_incidents",
    "data_audit",
    "elevated",
    "emerging",
    "exact_repeats",
    "exposure_audit",
    "exposure_table",
    "find_duplicates",
    "forecast_audit",
    "hot_cells",
    "lags",
    "link_incidents",
    "local_moran",
    "look_back",
    "loop_audit",
    "make_plan",
    "match_audit",
    "near_repeat",
    "nearer_than_chance",
    "population_by_cell",
    "published_audit",
    "read_incidents",
    "read_match_log",
    "read_published_rates",
    "read_stops",
    "read_units",
    "recordset",
    "risk_factors",
    "run_trial",
    "same_week",
    "seasonality",
    "stops_audit",
    "study_grid",
    "threshold_test",
    "time_profile",
    "watch",
]


def __getattr__(name: str) -> object:
    """Load a public name from its home on first use, and keep it."""
    home = _HOMES.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
