"""Which incidents look alike enough to be one series: hypotheses, each with its probability and its reasons.

Learnt from series that are known, given as labels of incidents. What comes out is for a person to confirm or to reject.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import Pattern, axes, check_level
from peelian.patterns.labels import Labelled, check_enough, read_labels
from peelian.patterns.link_model import LinkMethod, LinkModel, fit_links
from peelian.patterns.link_words import reasons
from peelian.patterns.linkage_trial import CANDIDATES, LinkageTrial, choose_method, linkage_trial
from peelian.patterns.pairs import Compared, compare, prepare
from peelian.patterns.probability import CalibrationKind
from peelian.patterns.scoring import score_all
from peelian.patterns.series import CandidateSeries, SeriesMethod, candidate_series
from peelian.records.incidents import Incidents

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Links", "link_incidents"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TRIAL_SERIES = 10
TOLD = 1_000
"""Pairs for which reasons are given, and which a file holds."""

LIMITS = (
    "A link is a hypothesis to confirm or to reject: two reports look alike. It does not say who is behind them.",
    "It is learnt from series that were recognised. Series that nobody recognised may look different.",
    "Where incidents lie dense or a manner is common, unlinked incidents look alike as well.",
)


@dataclass(frozen=True, eq=False)
class Links(Pattern):
    """Likely links between incidents, and candidate series.

    Attributes
    ----------
    pairs : pandas.DataFrame
        A row a pair, the likeliest first: ``one``, ``two`` (ids), ``probability``, ``log_odds``, ``metres``, ``days``,
        ``hours``, ``known`` (``"same series"``, ``"other series"`` or ``""``), and ``why`` for the first thousand.
    why : tuple of list of dict
        Reasons of the first thousand pairs, see `peelian.patterns.link_words.reasons`.
    series : tuple of CandidateSeries
    model : LinkModel
    trial : LinkageTrial or None
        How well it does on series kept apart; None where labels were too few or nothing was fitted.
    compared : Compared
    known : array of int, shape (n,)
        Which incidents are known to hang together; -1 is unknown.
    settings : dict
    expected : float
        Links to expect among the open hypotheses that are listed, by their probabilities.
    reached : int
        Pairs that reached the least probability, of which `pairs` holds the likeliest.
    limits : tuple of str
    """

    pairs: pd.DataFrame
    why: tuple[list[dict[str, Any]], ...]
    series: tuple[CandidateSeries, ...]
    model: LinkModel
    trial: LinkageTrial | None
    compared: Compared
    known: Ints
    settings: dict[str, Any]
    expected: float
    reached: int
    limits: tuple[str, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """A row a pair, the likeliest first."""
        return self.pairs.copy(deep=False)

    @property
    def series_frame(self) -> pd.DataFrame:
        """A row a candidate series, the largest first; ``known_series`` of two or more speaks against it."""
        names = [
            "incidents",
            "known_series",
            "first",
            "last",
            "days",
            "metres",
            "probability",
            "weakest",
            "ids",
        ]
        rows = []
        for s in self.series:
            known = np.unique(self.known[s.rows])
            about = (s.first, s.last, s.days, s.metres, s.probability, s.weakest, ", ".join(s.ids))
            rows.append((s.rows.size, int((known >= 0).sum()), *about))
        return pd.DataFrame(rows, columns=names)

    def sentence(self) -> str:
        """How many links to look at, how many of them to expect to hold, and that they are hypotheses."""
        open_ = int((self.pairs["known"] == "").sum())
        n, at_least = len(self.compared), self.settings["at_least"]
        if not open_:
            return (
                f"Among {n:,} reported incidents no pair that isn't known already looks alike enough to be one series "
                f"with a probability of {at_least:.0%} or more."
            )
        text = (
            f"{open_:,} pairs of {n:,} reported incidents look alike enough to be one series with a probability of "
            f"{at_least:.0%} or more; of these about {self.expected:.0f} can be expected to hold, if new series "
            f"are like the known ones. {len(self.series):,} candidate series come from all links: hypotheses "
            "to confirm or to reject."
        )
        if self.trial is None:
            text += " How well this does on series never seen was not tried."
        return text

    def to_dict(self) -> dict[str, Any]:
        """As plain data; at most a thousand pairs."""
        shown = self.pairs.head(TOLD).drop(columns="why")
        plain = shown.astype(object).where(shown.notna(), None).to_dict("records")
        pairs = [
            {str(k): v.item() if isinstance(v, np.generic) else v for k, v in row.items()} | {"why": why}
            for row, why in zip(plain, self.why, strict=True)
        ]
        return {
            "kind": "links",
            "settings": self.settings,
            "sentence": self.sentence(),
            "incidents": len(self.compared),
            "reached": self.reached,
            "expected": self.expected,
            "pairs": pairs,
            "series": [
                s.to_dict() | {"known_series": int(n)}
                for s, n in zip(self.series, self.series_frame["known_series"], strict=True)
            ],
            "model": self.model.to_dict(),
            "trial": None if self.trial is None else self.trial.to_dict(),
            "limits": list(self.limits),
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Incidents in place, links as lines, the darker the likelier, and candidate series as rings."""
        ax = axes(ax)
        x, y = self.compared.x, self.compared.y
        ax.scatter(x, y, s=4, color="0.75", linewidths=0)
        if len(self.pairs):
            from matplotlib.collections import LineCollection

            row = pd.Index(self.compared.ids)
            i, j = (row.get_indexer(pd.Index(self.pairs[end])) for end in ("one", "two"))
            ends = np.stack([np.column_stack([x[i], y[i]]), np.column_stack([x[j], y[j]])], axis=1)
            alpha = self.pairs["probability"].to_numpy()
            ax.add_collection(LineCollection(list(ends), colors="#1f5f8b", alpha=alpha, linewidths=1.0))
        together = np.concatenate([s.rows for s in self.series]) if self.series else np.empty(0, np.int64)
        ax.scatter(x[together], y[together], s=22, facecolors="none", edgecolors="#b8451f", linewidths=0.9)
        ax.set(aspect="equal", xlabel="metres east of the middle", ylabel="metres north of the middle")
        return ax


def link_incidents(
    incidents: Incidents,
    *,
    labels: pd.Series | Mapping[str, Hashable] | None = None,
    model: LinkModel | None = None,
    manner: pd.DataFrame | None = None,
    numeric: Sequence[str] = (),
    method: LinkMethod | Literal["auto"] = "auto",
    calibration: CalibrationKind = "platt",
    at_least: float = 0.1,
    most: int = 20_000,
    series: SeriesMethod = "average",
    series_at_least: float = 0.5,
    prior: float | None = None,
    evaluate: bool = True,
    seed: int = 0,
) -> Links:
    """Find incidents that look alike enough to be one series.

    Parameters
    ----------
    incidents : Incidents
    labels : pandas.Series or mapping, optional
        Incident id to series, of the incidents whose series is known; an incident that stands alone has a series of
        its own. Needed to learn a model; with `model` it only says what is known already.
    model : LinkModel, optional
        What was learnt before, in place of `labels`.
    manner : pandas.DataFrame, optional
        Coded fields by incident id.
    numeric : sequence of str
        Columns of `manner` whose difference counts.
    method : {"auto", "logistic", "naive_bayes"}
        ``"auto"`` takes what tells held-out series best.
    calibration : {"platt", "isotonic"}
    at_least : float
        Least probability of a pair to be listed.
    most : int
        Pairs to list at most.
    series : {"average", "complete", "single", "communities"}
        How links become candidate series.
    series_at_least : float
        Probability at which incidents are joined.
    prior : float, optional
        Share of all pairs that are linked, if it is known; see `LinkModel.shift`.
    evaluate : bool
        Try the method on series kept apart, where there are ten series or more.
    seed : int

    Raises
    ------
    NotEnoughDataError
        No labels and no model, too few series, or fewer than two incidents.
    DataError
        Labels or manner don't fit the incidents.
    UsageError
        A setting is off.
    """
    check_level(at_least, what="at_least")
    check_level(series_at_least, what="series_at_least")
    if most < 1:
        msg = f"most={most} was given; expected at least 1"
        raise UsageError(msg)
    trial = None
    if model is None:
        model, compared, labelled = _learnt(incidents, labels, manner, numeric, method, calibration, seed)
        if evaluate and labelled.series >= TRIAL_SERIES:
            trial = linkage_trial(
                incidents,
                labels if labels is not None else {},
                manner=manner,
                numeric=numeric,
                candidates=CANDIDATES if method == "auto" else [c for c in CANDIDATES if c[0] == method],
                seed=seed,
            )
    else:
        compared = model.prepare(incidents, manner=manner)
        labelled = read_labels({} if labels is None else labels, compared.ids)
    shift = model.shift(compared, prior=prior)
    least = min(at_least, series_at_least)
    threshold = model.calibrator.score_at(least, shift=shift)
    one, two, score, _ = score_all(
        compared, tables=model.tables, scales=model.scales, threshold=threshold, most=max(most, 1_000_000)
    )
    found = candidate_series(
        model, compared, one, two, score, method=series, at_least=series_at_least, shift=shift
    )
    listed = model.probability(score, shift=shift) >= at_least
    reached = int(listed.sum())
    one, two, score = one[listed][:most], two[listed][:most], score[listed][:most]
    pairs, why = _table(model, compared, labelled, one, two, score, shift)
    return Links(
        pairs,
        why,
        found,
        model,
        trial,
        compared,
        labelled.group,
        {
            "method": model.method,
            "density": model.density,
            "at_least": at_least,
            "most": most,
            "series": series,
            "series_at_least": series_at_least,
            "prior": prior,
            "seed": seed,
            "learnt_from": dict(model.counts),
        },
        float(pairs.loc[pairs["known"] == "", "probability"].sum()),
        reached,
        _limits(model, compared, reached, len(pairs), prior),
    )


def _learnt(
    incidents: Incidents,
    labels: pd.Series | Mapping[str, Hashable] | None,
    manner: pd.DataFrame | None,
    numeric: Sequence[str],
    method: LinkMethod | Literal["auto"],
    calibration: CalibrationKind,
    seed: int,
) -> tuple[LinkModel, Compared, Labelled]:
    if labels is None:
        msg = (
            "neither labels nor a model were given; to learn what links incidents takes series that are known"
        )
        hint = "labels={incident id: series}, or nearer_than_chance(incidents), which needs no labels"
        raise NotEnoughDataError(msg, hint=hint)
    ways = {d: prepare(incidents, manner=manner, numeric=numeric, density=d) for d in (True, False)}
    labelled = read_labels(labels, ways[True].ids)
    check_enough(labelled)
    candidates = CANDIDATES if method == "auto" else [c for c in CANDIDATES if c[0] == method]
    if not candidates:
        msg = f"method {method!r} was given; expected auto, logistic or naive_bayes"
        raise UsageError(msg)
    kind, density = choose_method(ways, labelled, candidates=candidates, seed=seed)
    compared = ways[density]
    fitted = fit_links(compared, labelled, method=kind, density=density, calibration=calibration, seed=seed)
    return fitted, compared, labelled


def _table(
    model: LinkModel,
    compared: Compared,
    labelled: Labelled,
    one: Ints,
    two: Ints,
    score: Floats,
    shift: float,
) -> tuple[pd.DataFrame, tuple[list[dict[str, Any]], ...]]:
    n = len(compared)
    linked = np.isin(one * n + two, labelled.one * n + labelled.two)
    both = (labelled.group[one] >= 0) & (labelled.group[two] >= 0)
    plain = compare(compared, one, two)
    log_odds = model.calibrator.log_odds(score, shift=shift)
    why = tuple(reasons(model, compared, one[:TOLD], two[:TOLD]))
    text = ["; ".join(part["text"] for part in parts[:3]) for parts in why]
    frame = pd.DataFrame(
        {
            "one": plain["one"],
            "two": plain["two"],
            "probability": model.probability(score, shift=shift),
            "log_odds": log_odds,
            "metres": plain["metres"],
            "days": plain["days"],
            "hours": plain["hours"],
            "known": np.where(linked, "same series", np.where(both, "other series", "")),
            "why": text + [""] * (one.size - len(text)),
        }
    )
    return frame, why


def _limits(
    model: LinkModel, compared: Compared, reached: int, listed: int, prior: float | None
) -> tuple[str, ...]:
    limits = list(LIMITS)
    if prior is None:
        limits.append(
            "Probabilities take it that an incident has as many linked ones as a labelled incident has, and that "
            "series are as long and as close as the known ones."
        )
    if not model.counts["alone"]:
        limits.append(
            "No labelled incident stands alone: the probabilities are likely too high. Label some that do, or give a "
            "prior."
        )
    if compared.reversed:
        limits.append(
            f"{compared.reversed:,} incidents ended before they began by their record; their start was taken."
        )
    if reached > listed:
        limits.append(
            f"{reached:,} pairs reached the least probability; the likeliest {listed:,} are listed."
        )
    return tuple(limits)
