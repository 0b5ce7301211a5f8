"""What every audit has in common: findings, how they are told, and what none of them can tell."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import pandas as pd

from peelian.audits.finding import Finding

__all__ = ["ECOLOGICAL", "Audit", "plain_rows"]

SHOWN = 20
"""Rows of a table in a notebook."""

ECOLOGICAL = (
    "Areas were measured, not residents: what holds between areas need not hold for those who live in them "
    "(Robinson 1950, Ecological correlations and the behavior of individuals, American Sociological Review 15)."
)
"""What any audit that compares groups by where they live must say."""


class Audit(ABC):
    """What an audit found: findings, the table behind them, and what it can't tell."""

    @property
    @abstractmethod
    def findings(self) -> tuple[Finding, ...]:
        """What was measured, what matters most first."""

    @property
    @abstractmethod
    def limits(self) -> tuple[str, ...]:
        """What the audit can't tell, whatever it found, in sentences."""

    @property
    @abstractmethod
    def frame(self) -> pd.DataFrame:
        """The table behind the findings."""

    @abstractmethod
    def sentences(self) -> list[str]:
        """What was found and how sure that is; the first sentence stands alone as a headline."""

    @property
    def passes(self) -> bool | None:
        """Whether every finding that was held against a threshold kept within it; None when none was."""
        held = [finding.passes for finding in self.findings if finding.passes is not None]
        return all(held) if held else None

    def to_dict(self) -> dict[str, Any]:
        """As plain values that JSON can hold; a number that there is not is None."""
        return {
            "sentences": self.sentences(),
            "findings": [{**one.to_dict(), "sentence": one.sentence()} for one in self.findings],
            "passes": self.passes,
            "limits": list(self.limits),
        }

    def _repr_html_(self) -> str:
        said = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in self.sentences())
        findings = "".join(f"<li>{html.escape(finding.sentence())}</li>" for finding in self.findings)
        limits = "".join(f"<li>{html.escape(limit)}</li>" for limit in self.limits)
        table = self.frame.head(SHOWN).to_html(
            index=False, float_format=lambda v: f"{v:.3g}", na_rep="no number"
        )
        return f"{said}{table}<ul>{findings}</ul><p>What this can't tell:</p><ul>{limits}</ul>"


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A table as plain values for JSON: None for NaN, infinities and missing values; no NumPy types."""
    return [{str(key): _plain(value) for key, value in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return None if value is pd.NaT or value is pd.NA else value
