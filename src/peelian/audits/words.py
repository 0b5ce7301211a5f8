"""Names, numbers and lists as they are read."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["in_words", "listed", "told"]


def in_words(name: str) -> str:
    """A name of a group or measure as it is read."""
    return name.replace("_", " ")


def told(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def listed(parts: Sequence[str]) -> str:
    """``"a, b and c"``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
