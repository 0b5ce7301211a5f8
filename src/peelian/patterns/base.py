"""What every pattern has in common: how a result is shown, and how sure one may be of it."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Pattern", "axes", "check_level", "check_replicates", "false_discovery", "few", "monte_carlo_p"]

SHOWN = 10
"""Rows of a table in a notebook."""

TINIEST = 1e-300
"""A p-value that floating point makes 0 is told as this: no test rules anything out for certain."""


class Pattern(ABC):
    """A result that can be looked at: a table, a picture, a sentence, and plain data for a file."""

    @property
    @abstractmethod
    def frame(self) -> pd.DataFrame:
        """The result as a table, what stands out most first."""

    @abstractmethod
    def sentence(self) -> str:
        """What was found and how sure that is, in one sentence."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The result as plain data that JSON can hold: settings, numbers, and what it can't tell (``limits``)."""

    @abstractmethod
    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw it with matplotlib, which is the extra ``plot``.

        Raises
        ------
        MissingExtraError
            matplotlib is not installed.
        """

    def _repr_html_(self) -> str:
        frame = self.frame
        table = frame.head(SHOWN).to_html(index=False, float_format=lambda v: f"{v:.3g}")
        more = f"<p>{len(frame) - SHOWN:,} more rows in <code>.frame</code></p>" if len(frame) > SHOWN else ""
        return f"<p>{html.escape(self.sentence())}</p>{table}{more}"


def axes(ax: Axes | None = None) -> Axes:
    """The axes to draw on: those given, or new ones.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure
    except ImportError:
        msg = "a plot needs matplotlib, which is not installed"
        raise MissingExtraError(msg, hint="pip install 'peelian[plot]'") from None
    # A figure of its own and not pyplot's: nothing global is set, and nothing needs to be closed.
    return Figure(layout="constrained").add_subplot()


def monte_carlo_p(at_least: npt.ArrayLike, replicates: int) -> npt.NDArray[np.float64]:
    """p-values of a Monte Carlo test: ``(r + 1) / (n + 1)``, which is never 0.

    Parameters
    ----------
    at_least : array of int
        r: in how many replicates the statistic was at least as extreme as the one observed.
    replicates : int
        n.

    Notes
    -----
    Phipson and Smyth (2010), "Permutation p-values should never be zero", Statistical Applications in Genetics and
    Molecular Biology 9.
    """
    p: npt.NDArray[np.float64] = (np.asarray(at_least, dtype=np.float64) + 1) / (replicates + 1)
    return p


def false_discovery(p: npt.ArrayLike, *, dependent: bool = False) -> npt.NDArray[np.float64]:
    """Smallest false-discovery rate at which each of several tests would be called a finding; NaN stays NaN.

    Parameters
    ----------
    p : array of float, shape (n,)
    dependent : bool
        Benjamini and Yekutieli (2001), valid under any dependence, in place of Benjamini and Hochberg (1995), valid
        where tests are independent or positively dependent.
    """
    p = np.asarray(p, dtype=np.float64)
    q = np.full(p.shape, np.nan)
    known = ~np.isnan(p)
    if known.any():
        q[known] = stats.false_discovery_control(p[known], method="by" if dependent else "bh")
    return q


def check_replicates(replicates: int) -> None:
    """Raise UsageError unless there are enough replicates to call anything a finding at 5 %."""
    if not 19 <= replicates <= 1_000_000:
        msg = f"{replicates} replicates were given; expected from 19 to 1,000,000"
        raise UsageError(msg, hint="replicates=999")


def few(n: float) -> str:
    """A number with one decimal, or two significant digits below 1, so that a small one isn't told as 0.0."""
    if 0 < n < 0.001:
        return "less than 0.001"
    return f"{n:.1f}" if n >= 1 else f"{n:.2g}"


def check_level(level: float, *, what: str = "level") -> None:
    """Raise UsageError unless `level` lies between 0 and 1."""
    if not 0 < level < 1:
        msg = f"a {what} of {level} was given; expected a share between 0 and 1"
        raise UsageError(msg, hint="write 5 % as 0.05")
