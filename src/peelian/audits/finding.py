"""A finding: one measured number of an audit, with its uncertainty, its threshold and what it can't tell."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from peelian.errors import UsageError

__all__ = ["Finding", "Threshold"]


@dataclass(frozen=True)
class Threshold:
    """How much is allowed, who said so and when.

    Parameters
    ----------
    value : float
    set_by : str
        The body that set it; not the analyst who runs the audit.
    set_at : str
        ISO date on which it was set, before the audit.
    """

    value: float
    set_by: str
    set_at: str

    def __post_init__(self) -> None:
        if not math.isfinite(self.value) or not self.set_by.strip() or not self.set_at.strip():
            msg = (
                f"a threshold of {self.value} by {self.set_by!r} at {self.set_at!r} was given; "
                "expected a number, who set it and when"
            )
            raise UsageError(msg)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {"value": self.value, "set_by": self.set_by, "set_at": self.set_at}


@dataclass(frozen=True)
class Finding:
    """One measured number of an audit.

    Parameters
    ----------
    id : str
        Stable name within the audit, such as ``"exposure_ratio/plan/black"``.
    measure : str
        What was measured, such as ``"exposure ratio"``.
    subject : str
        Of what and whom, in words.
    value : float or None
        None when it is not defined or was refused; `limits` then says why.
    low, high : float or None
        Ends of the interval; None when that end can't be told.
    level : float
        Of the interval, 0 to 1; 1 for bounds that no chance is in, such as those of a number that was rounded.
    unit : str
        Empty for a ratio.
    threshold : Threshold, optional
    passes : bool or None
        Whether the value keeps within the threshold; None without a threshold or a value to hold against it.
    limits : tuple of str
        What the number can't tell, in sentences.
    details : mapping
        Numbers behind it, plain values only.
    """

    id: str
    measure: str
    subject: str
    value: float | None
    low: float | None
    high: float | None
    level: float
    unit: str = ""
    threshold: Threshold | None = None
    passes: bool | None = None
    limits: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        wrong = {name: v for name, v in numbers.items() if v is not None and not math.isfinite(v)}
        if wrong:
            msg = f"finding {self.id} was given {wrong}; expected finite numbers, or None and a limit that says why"
            raise UsageError(msg)
        object.__setattr__(self, "limits", tuple(self.limits))
        object.__setattr__(self, "details", MappingProxyType(dict(self.details)))

    def sentence(self) -> str:
        """The finding as one sentence, with its interval and what the threshold says."""
        unit = f" {self.unit}" if self.unit else ""
        head = f"{self.measure[:1].upper()}{self.measure[1:]}, {self.subject}: "
        if self.value is None:
            why = f" ({self.limits[0].rstrip('.')})" if self.limits else ""
            return f"{head}no number{why}."
        text = f"{head}{_number(self.value)}{unit} ({self._interval()})"
        if self.threshold is not None and self.passes is not None:
            verb = "within" if self.passes else "beyond"
            bound = f"{_number(self.threshold.value)}{unit}"
            who = f"{self.threshold.set_by} set on {self.threshold.set_at}"
            text += f", {verb} the threshold of {bound} that {who}"
        return f"{text}."

    def _interval(self) -> str:
        if self.low is None and self.high is None:
            return "no interval"
        low = "no lower end" if self.low is None else _number(self.low)
        high = "no upper end" if self.high is None else _number(self.high)
        kind = "bounds" if self.level == 1 else f"{self.level * 100:g} % interval"
        return f"{kind} {low} to {high}"

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for a result's record and for JSON."""
        return {
            **vars(self),
            "threshold": None if self.threshold is None else self.threshold.to_dict(),
            "limits": list(self.limits),
            "details": dict(self.details),
        }

    def _repr_html_(self) -> str:
        limits = "".join(f"<li>{html.escape(limit)}</li>" for limit in self.limits)
        can_not = f"<p>What this can't tell:</p><ul>{limits}</ul>" if limits else ""
        return f"<p>{html.escape(self.sentence())}</p>{can_not}"


def _number(value: float) -> str:
    """Three digits or all before the point; never an exponent, nor a false zero."""
    if 0 < abs(value) < 0.0005:
        return "less than 0.001"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
