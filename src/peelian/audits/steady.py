"""Numbers without their last digits, which differ with how many threads a sum was shared among."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from peelian.audits.finding import Finding

__all__ = ["steady", "steady_findings", "steady_frame"]

DIGITS = 9
"""Significant ones that are kept: sums of millions of terms agree to twelve, and nothing here is known to four."""

NOTHING = 1e-12
"""What is left where two numbers of about 1 are the same."""


def steady(value: Any) -> Any:
    """A value, or all numbers within lists and mappings, to nine significant digits."""
    if isinstance(value, Mapping):
        return {key: steady(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [steady(one) for one in value]
    if not isinstance(value, float) or not np.isfinite(value):
        return value
    return 0.0 if abs(value) < NOTHING else float(f"{value:.{DIGITS}g}")


def steady_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """A table with all its floats to nine significant digits."""
    made = frame.copy()
    for name in made.columns:
        if made[name].dtype == np.float64:
            made[name] = [steady(value) for value in made[name].tolist()]
    return made


def steady_findings(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Findings with all their numbers to nine significant digits."""
    return tuple(
        replace(
            one,
            value=steady(one.value),
            low=steady(one.low),
            high=steady(one.high),
            details=steady(one.details),
        )
        for one in findings
    )
