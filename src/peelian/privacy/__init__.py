"""Privacy: what may be published of a table, and what must stay back."""

from __future__ import annotations

from peelian.privacy.suppression import HIDDEN, Suppressed, suppress

__all__ = ["HIDDEN", "Suppressed", "suppress"]
