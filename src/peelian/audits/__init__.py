"""Audits: what a plan costs whom, measured with its uncertainty and what it can't tell."""

from __future__ import annotations

from peelian.audits.blocks import quantile_interval, resampled_sums, spatial_blocks
from peelian.audits.exposure import ExposureAudit, equal_hours, exposure_audit, hours_by_population
from peelian.audits.finding import Finding, Threshold

__all__ = [
    "ExposureAudit",
    "Finding",
    "Threshold",
    "equal_hours",
    "exposure_audit",
    "hours_by_population",
    "quantile_interval",
    "resampled_sums",
    "spatial_blocks",
]
