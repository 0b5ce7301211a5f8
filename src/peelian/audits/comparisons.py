"""Many findings at once: which of them stand when it is counted how many were looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.base import Audit, plain_rows
from peelian.audits.finding import Finding
from peelian.audits.many import holm
from peelian.errors import DataError, UsageError

__all__ = ["ComparisonAudit", "benjamini_yekutieli", "comparison_audit", "p_of_draws"]

Floats = npt.NDArray[np.float64]

LIMITS = (
    (
        "What is counted is what is reported together here. Whoever looks at more audits, or at one of them again with "
        "other settings, has made more comparisons than these."
    ),
    "A small p-value tells that chance alone rarely gives such a number, not that the number is large or matters.",
)


@dataclass(frozen=True, eq=False)
class ComparisonAudit(Audit):
    """What `comparison_audit` found.

    Parameters
    ----------
    level : float
        1 minus it is the rate of error that is kept.
    """

    level: float
    _frame: pd.DataFrame = field(repr=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Holm's p-value of each, the smallest first."""
        return tuple(self._finding(row) for row in self.frame.to_dict("records"))

    @property
    def limits(self) -> tuple[str, ...]:
        """What counting comparisons leaves open."""
        return LIMITS

    @property
    def frame(self) -> pd.DataFrame:
        """One row a finding: ``finding``, ``p``, ``holm``, ``benjamini_yekutieli``, ``stands``."""
        return self._frame

    def sentences(self) -> list[str]:
        """How many stand."""
        n, left = len(self.frame), int(self.frame["stands"].sum())
        alone = int((self.frame["p"] <= 1 - self.level + 1e-12).sum())
        rate = f"{100 * (1 - self.level):.2g} %"
        said = f"Of {n} comparison{'' if n == 1 else 's'} reported together, {alone} would stand alone at {rate} and"
        return [f"{said} {left} when it is counted how many there are (Holm)."]

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**super().to_dict(), "level": self.level, "rows": plain_rows(self.frame)}

    def _finding(self, row: Mapping[Any, Any]) -> Finding:
        return Finding(
            id=f"corrected_p/holm/{row['finding']}",
            measure="p-value, corrected for the number of comparisons",
            subject=str(row["finding"]),
            value=float(row["holm"]),
            low=None,
            high=None,
            level=self.level,
            limits=("A p-value has no interval of its own.", *LIMITS),
            details={
                "p": float(row["p"]),
                "benjamini_yekutieli": float(row["benjamini_yekutieli"]),
                "comparisons": len(self.frame),
            },
        )


def comparison_audit(p_values: Mapping[str, float], *, level: float = 0.95) -> ComparisonAudit:
    """Correct the p-values of findings that are reported together.

    Parameters
    ----------
    p_values : mapping of str to float
        By the id of their finding, such as ``"exposure_ratio/plan/black"``; above 0.
    level : float

    Returns
    -------
    ComparisonAudit

    Raises
    ------
    UsageError
        There is none, or the level is off.
    DataError
        A p-value is 0, above 1 or missing: that none was computed is no reason to count fewer.
    """
    if not p_values or not 0 < level < 1:
        msg = f"{len(p_values)} p-values at a level of {level} were given; expected at least one, and a share"
        raise UsageError(msg, hint="level=0.95")
    p = np.array(list(p_values.values()), dtype=float)
    wrong = [name for name, value in p_values.items() if not 0 < value <= 1]
    if wrong:
        msg = f"{len(wrong)} p-values are not above 0 and at most 1, the first of {wrong[0]!r}"
        raise DataError(msg, hint="a p-value from draws counts the data itself, so that it is never 0")
    frame = pd.DataFrame(
        {"finding": list(p_values), "p": p, "holm": holm(p), "benjamini_yekutieli": benjamini_yekutieli(p)}
    )
    frame["stands"] = frame["holm"] <= 1 - level + 1e-12
    return ComparisonAudit(level, frame.sort_values(["p", "finding"], kind="stable", ignore_index=True))


def benjamini_yekutieli(p: npt.ArrayLike) -> Floats:
    """P-values with the share of false findings kept, whatever they have to do with each other, shape (n,).

    Benjamini and Yekutieli (2001), The control of the false discovery rate in multiple testing under dependency,
    Annals of Statistics 29.
    """
    p = np.asarray(p, dtype=float)
    n = p.size
    order = np.argsort(p, kind="stable")
    scale = n * float((1 / np.arange(1, n + 1)).sum()) / np.arange(1, n + 1)
    stepped = np.minimum.accumulate((p[order] * scale)[::-1])[::-1]
    out = np.empty_like(p)
    out[order] = np.minimum(stepped, 1.0)
    return out


def p_of_draws(draws: npt.ArrayLike, *, null: float = 1.0) -> float:
    """Two-sided p-value from bootstrap draws of a number that is `null` where there is no difference; never 0.

    Twice the share of draws on the smaller side, the data itself counted on it (Davison and Hinkley 1997, Bootstrap
    methods and their application, ch. 4). A draw that is not defined counts on both sides.
    """
    held = np.asarray(draws, dtype=float)
    above, below = (int(np.sum(side | np.isnan(held))) for side in (held >= null, held <= null))
    return float(min(2 * (1 + min(above, below)) / (1 + held.size), 1.0))
