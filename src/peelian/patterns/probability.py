"""From a score to a probability that holds what it says, and how to see whether it does.

A probability is calibrated if of the pairs to which it gives 30 % three in ten are linked. It is learnt from scores of
pairs that the scoring model didn't see, and checked on others still.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from scipy.special import expit, logit

from peelian.errors import DataError, NotEnoughDataError
from peelian.patterns.logistic import logistic_fit

__all__ = ["Calibrator", "brier_score", "calibrate", "calibration_table", "log_score", "proportion_interval"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
CalibrationKind = Literal["platt", "isotonic"]

EDGES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
LEAST_ISOTONIC = 100
FARTHEST = 16.0
"""Log odds beyond which no probability goes: nothing here is surer than one in nine million."""


@dataclass(frozen=True, eq=False)
class Calibrator:
    """A rising function from scores to log odds.

    Attributes
    ----------
    kind : {"platt", "isotonic"}
    scores, odds : array of float, shape (k,)
        Platt: two scores and their log odds, which a line joins. Isotonic: the steps, between which lines run.
    """

    kind: CalibrationKind
    scores: Floats
    odds: Floats

    def log_odds(self, score: npt.ArrayLike, *, shift: float = 0.0) -> Floats:
        """Log odds that a pair is linked, `shift` of them added; same shape as `score`."""
        s = np.asarray(score, dtype=np.float64)
        if self.kind == "platt":
            slope = (self.odds[1] - self.odds[0]) / (self.scores[1] - self.scores[0])
            found: Floats = self.odds[0] + slope * (s - self.scores[0])
        else:
            found = np.interp(s, self.scores, self.odds)
        return np.clip(found + shift, -FARTHEST, FARTHEST)

    def score_at(self, probability: float, *, shift: float = 0.0) -> float:
        """The least score at which the probability is reached; infinity if none does."""
        wanted = float(logit(probability)) - shift
        if self.kind == "platt":
            slope = (self.odds[1] - self.odds[0]) / (self.scores[1] - self.scores[0])
            return float(self.scores[0] + (wanted - self.odds[0]) / slope) if slope > 0 else float("inf")
        reached = np.flatnonzero(self.odds >= wanted)
        if not reached.size:
            return float("inf")
        k = int(reached[0])
        return float(np.interp(wanted, self.odds[: k + 1], self.scores[: k + 1])) if k else float("-inf")

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {"kind": self.kind, "scores": self.scores.tolist(), "log_odds": self.odds.tolist()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Calibrator:
        """What `to_dict` gave."""
        return cls(data["kind"], np.array(data["scores"], float), np.array(data["log_odds"], float))


def calibrate(score: Floats, linked: Bools, weight: Floats, *, kind: CalibrationKind = "platt") -> Calibrator:
    """Learn probabilities from scores of pairs that were not used to make the scores.

    Parameters
    ----------
    score : array of float, shape (pairs,)
    linked : array of bool, shape (pairs,)
    weight : array of float, shape (pairs,)
        How many pairs each stands for.
    kind : {"platt", "isotonic"}
        A logistic curve in the score (Platt 1999), or any rising function (Zadrozny and Elkan 2002), which takes
        more linked pairs than 100.

    Raises
    ------
    NotEnoughDataError
        There is no linked pair or no other one, or too few for `kind`.
    """
    yes = int(linked.sum())
    least = LEAST_ISOTONIC if kind == "isotonic" else 1
    if yes < least or yes == linked.size:
        msg = f"{yes} linked pairs of {linked.size:,} were given; {kind} calibration takes at least {least}, and others"
        raise NotEnoughDataError(msg, hint="calibration='platt', or more labelled series")
    if kind == "platt":
        middle, spread = float(score.mean()), float(score.std()) or 1.0
        # Half a pair of the ridge: keeps the slope finite where the scores part perfectly.
        intercept, slope = logistic_fit(
            ((score - middle) / spread)[:, None], linked, weight=weight, ridge=0.5
        )
        rise = max(float(slope[0]), 1e-6)
        return Calibrator(
            "platt", np.array([middle, middle + spread]), np.array([intercept, intercept + rise])
        )
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=1e-6, y_max=1 - 1e-6).fit(score, linked, sample_weight=weight)
    return Calibrator("isotonic", fitted.X_thresholds_, logit(fitted.y_thresholds_))


def brier_score(probability: Floats, outcome: npt.ArrayLike, weight: Floats | None = None) -> float:
    """Mean squared difference of probability and outcome; 0 is best."""
    return float(np.average((probability - np.asarray(outcome, float)) ** 2, weights=weight))


def log_score(probability: Floats, outcome: npt.ArrayLike, weight: Floats | None = None) -> float:
    """Mean of minus the logarithm of the probability that was given to what came; 0 is best."""
    happened = np.asarray(outcome, dtype=np.bool_)
    given = np.clip(np.where(happened, probability, 1 - probability), 1e-12, 1.0)
    return float(np.average(-np.log(given), weights=weight))


def proportion_interval(successes: int, trials: int, *, level: float = 0.95) -> tuple[float, float]:
    """Jeffreys interval of a share, with an end at 0 or 1 where none or all succeeded.

    Notes
    -----
    Brown, Cai and DasGupta (2001), "Interval estimation for a binomial proportion", Statistical Science 16.
    """
    if trials == 0:
        return 0.0, 1.0
    half = (1 - level) / 2
    beta = stats.beta(successes + 0.5, trials - successes + 0.5)
    low = 0.0 if successes == 0 else float(beta.ppf(half))
    high = 1.0 if successes == trials else float(beta.ppf(1 - half))
    return low, high


def calibration_table(
    probability: npt.ArrayLike,
    outcome: npt.ArrayLike,
    *,
    edges: tuple[float, ...] = EDGES,
    level: float = 0.95,
) -> pd.DataFrame:
    """Stated probability beside how often it came true, by band.

    Parameters
    ----------
    probability : array of float, shape (n,)
        0 to 1.
    outcome : array of bool, shape (n,)
    edges : tuple of float
        Bands, of which each holds its upper end.
    level : float
        Of the interval.

    Returns
    -------
    pandas.DataFrame
        ``low``, ``high`` (of the band), ``pairs``, ``stated`` (mean probability), ``came_true``, ``observed``,
        ``observed_low``, ``observed_high`` (Jeffreys, as if pairs were independent). Bands without a pair are left
        out.

    Raises
    ------
    DataError
        A probability isn't one, or there are not as many outcomes.
    """
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(outcome, dtype=np.bool_)
    if p.shape != y.shape or not bool(((p >= 0) & (p <= 1)).all()):
        msg = f"{p.size} probabilities and {y.size} outcomes were given; expected as many, each probability from 0 to 1"
        raise DataError(msg, hint="one outcome, true or false, for each probability")
    band = np.clip(np.searchsorted(np.array(edges), p, side="left") - 1, 0, len(edges) - 2)
    rows = []
    for k in np.unique(band):
        inside = band == k
        n, came = int(inside.sum()), int(y[inside].sum())
        low, high = proportion_interval(came, n, level=level)
        rows.append((edges[k], edges[k + 1], n, float(p[inside].mean()), came, came / n, low, high))
    names = ["low", "high", "pairs", "stated", "came_true", "observed", "observed_low", "observed_high"]
    return pd.DataFrame(rows, columns=names)


def to_probability(log_odds: npt.ArrayLike) -> Floats:
    """Probabilities of log odds."""
    found: Floats = expit(np.asarray(log_odds, dtype=np.float64))
    return found
