"""Hypotheses and what people found of them: how often a stated probability came true.

A link that was confirmed or rejected is an answer. Only answers tell whether the probabilities hold here; they are few
at first, and the result says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import DataError
from peelian.patterns.base import Pattern, axes, check_level
from peelian.patterns.probability import brier_score, calibration_table, log_score, proportion_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Answers", "score_answers"]

EDGES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
FEW = 30
WORDS = {"confirmed": True, "rejected": False}

LIMITS = (
    "Only hypotheses that somebody looked into have an answer: those that seemed likely, for the most part.",
    "A person's answer may be wrong, and those who see the probability may be led by it.",
    "Intervals take answers as independent; several about one series are not.",
)


@dataclass(frozen=True, eq=False)
class Answers(Pattern):
    """How often stated probabilities came true.

    Attributes
    ----------
    table : pandas.DataFrame
        By band: ``low``, ``high``, ``pairs``, ``stated``, ``came_true``, ``observed``, ``observed_low``,
        ``observed_high``.
    answered, confirmed : int
    stated : float
        Mean probability that was stated; NaN without an answer.
    interval : (float, float)
        Of the share that was confirmed.
    brier, log_score : float
        NaN without an answer.
    brier_constant : float
        The Brier score of always stating the share that was confirmed: what there is to beat.
    level : float
    """

    table: pd.DataFrame
    answered: int
    confirmed: int
    stated: float
    interval: tuple[float, float]
    brier: float
    log_score: float
    brier_constant: float
    level: float

    @property
    def frame(self) -> pd.DataFrame:
        """A row a band of probability."""
        return self.table.copy(deep=False)

    def sentence(self) -> str:
        """What was confirmed of what was stated, and whether there are enough answers to say."""
        if not self.answered:
            return "No hypothesis has been answered yet, and how well the probabilities hold can't be said."
        share = self.confirmed / self.answered
        text = (
            f"Of {self.answered:,} answered hypotheses {self.confirmed:,} were confirmed, {share:.0%} "
            f"({self.interval[0]:.0%} to {self.interval[1]:.0%}); the probabilities stated {self.stated:.0%}."
        )
        if self.answered < FEW:
            return f"{text} So few answers don't tell whether the probabilities hold."
        if self.interval[0] <= self.stated <= self.interval[1]:
            return f"{text} That agrees."
        return f"{text} They were too {'high' if self.stated > share else 'low'}."

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""

        def number(value: float) -> float | None:
            return float(value) if np.isfinite(value) else None

        return {
            "kind": "answers",
            "settings": {"level": self.level},
            "sentence": self.sentence(),
            "answered": self.answered,
            "confirmed": self.confirmed,
            "stated": number(self.stated),
            "confirmed_low": self.interval[0],
            "confirmed_high": self.interval[1],
            "brier": number(self.brier),
            "brier_constant": number(self.brier_constant),
            "log_score": number(self.log_score),
            "bands": [
                {str(k): v.item() if isinstance(v, np.generic) else v for k, v in row.items()}
                for row in self.table.to_dict("records")
            ],
            "limits": list(LIMITS),
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Stated probability against how often it was confirmed."""
        ax = axes(ax)
        t = self.table
        ax.plot([0, 1], [0, 1], color="0.7", lw=1)
        error = np.array([t["observed"] - t["observed_low"], t["observed_high"] - t["observed"]], dtype=float)
        ax.errorbar(
            t["stated"], t["observed"], yerr=np.maximum(error, 0), fmt="o", color="#1f5f8b", capsize=3
        )
        ax.set(xlabel="stated probability", ylabel="share confirmed", xlim=(0, 1), ylim=(0, 1))
        return ax


def score_answers(probabilities: npt.ArrayLike, answers: npt.ArrayLike, *, level: float = 0.95) -> Answers:
    """Score stated probabilities by what people answered.

    Parameters
    ----------
    probabilities : array of float, shape (n,)
        As they were stated when the hypothesis was put.
    answers : array, shape (n,)
        True or ``"confirmed"``, False or ``"rejected"``; missing ones (None, NaN) are open and left out.
    level : float
        Of the intervals.

    Raises
    ------
    DataError
        A probability or an answer isn't one, or there are not as many of the one as of the other.
    """
    check_level(level)
    p = np.asarray(probabilities, dtype=np.float64).ravel()
    given = pd.Series(np.asarray(answers, dtype=object).ravel(), dtype=object)
    if p.size != given.size:
        msg = f"{p.size} probabilities and {given.size} answers were given; expected one answer for each"
        raise DataError(msg, hint="None for a hypothesis that is open")
    open_ = given.isna().to_numpy()
    said = [_answer(value) for value in given[~open_]]
    p, y = p[~open_], np.array(said, dtype=np.bool_)
    table = calibration_table(p, y, edges=EDGES, level=level)
    n, confirmed = int(y.size), int(y.sum())
    share = confirmed / n if n else float("nan")
    nothing = float("nan")
    return Answers(
        table,
        n,
        confirmed,
        float(p.mean()) if n else nothing,
        proportion_interval(confirmed, n, level=level),
        brier_score(p, y) if n else nothing,
        log_score(p, y) if n else nothing,
        share * (1 - share) if n else nothing,
        level,
    )


def _answer(value: object) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str) and value.strip().casefold() in WORDS:
        return WORDS[value.strip().casefold()]
    msg = f"the answer {value!r} was given; expected true or false, confirmed or rejected, or nothing where it is open"
    raise DataError(msg, hint="True for a hypothesis that was confirmed")
