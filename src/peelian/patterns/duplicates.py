"""Records that may be of the same incident: inside a source, and between two, such as calls and reports.

Nothing is merged or deleted. Each pair within reach gets a probability and falls in one of three bands: the same,
uncertain (for a person to look at), or different; and each band says how many of its pairs can be expected to be wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.special import logit

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import Pattern, axes, check_level
from peelian.patterns.matching import MatchModel, fit_matches
from peelian.patterns.near_records import (
    WEEK,
    NearRecords,
    Records,
    check_reach,
    likeness,
    near_records,
    stack_records,
)
from peelian.patterns.series import joined_by
from peelian.patterns.splink_matching import splink_probabilities
from peelian.records.incidents import Incidents

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Duplicates", "find_duplicates"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Engine = Literal["moved", "splink"]

ENGINES: tuple[Engine, ...] = ("moved", "splink")
SHIFTS = 4
"""Weeks by which records are moved: 1 to this, as far as the span allows."""

SHOWN = 1_000
LIMITS = (
    "Two incidents of one kind at one place within hours, such as cars broken into in a row, look like one.",
    "Pairs further apart than the reach are not looked at.",
    "Nothing was merged or deleted. A person decides.",
)


@dataclass(frozen=True, eq=False)
class Duplicates(Pattern):
    """Pairs of records that may be of the same incident.

    Attributes
    ----------
    pairs : pandas.DataFrame
        All pairs within reach, the likeliest first: ``one``, ``two`` (ids), ``probability``, ``band`` (``same``,
        ``uncertain``, ``different``), ``metres``, ``minutes`` (least time between them), ``assigned`` (to each other,
        where a record has one partner only; otherwise always true) and ``why``.
    groups : tuple of tuple of str
        Records joined by pairs of the band ``same``, the largest first.
    bands : pandas.DataFrame
        By band: ``band``, ``from``, ``to`` (probability), ``pairs``, ``expected_same``, ``expected_wrong`` (if all
        pairs of the band are taken as it says; of the uncertain, those that a person will find to be the same).
    model : MatchModel or None
        What was learnt; None with splink.
    features : pandas.DataFrame
        By level of each feature: ``feature``, ``level``, ``same`` and ``different`` (shares among pairs), ``times``.
    records : (int, int)
        Of the two sources; the second is 0 where there is one.
    settings : dict
    limits : tuple of str
    """

    pairs: pd.DataFrame
    groups: tuple[tuple[str, ...], ...]
    bands: pd.DataFrame
    model: MatchModel | None
    features: pd.DataFrame
    records: tuple[int, int]
    settings: dict[str, Any]
    limits: tuple[str, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """All pairs within reach, the likeliest first."""
        return self.pairs.copy(deep=False)

    @property
    def review(self) -> pd.DataFrame:
        """The uncertain pairs, those nearest to even odds first: for a person to look at."""
        open_ = self.pairs[self.pairs["band"] == "uncertain"]
        order = (open_["probability"] - 0.5).abs().sort_values(kind="stable").index
        return open_.loc[order].reset_index(drop=True)

    def sentence(self) -> str:
        """How many pairs are in each band, and how many of them are expected to be wrong."""
        total = sum(self.records)
        if not len(self.pairs):
            return f"No two of {total:,} records lie within reach of each other, and none can be of the same incident."
        row = self.bands.set_index("band")
        same, open_ = row.loc["same"], row.loc["uncertain"]
        what = (
            "pairs of a record of one source with one of the other" if self.records[1] else "pairs of records"
        )
        return (
            f"Of {total:,} records {same['pairs']:,.0f} {what} are likely of the same incident (about "
            f"{same['expected_wrong']:.0f} of them wrongly so), and {open_['pairs']:,.0f} are uncertain and for a "
            f"person to look at (about {open_['expected_same']:.0f} of them the same)."
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain data: bands, groups, and up to a thousand pairs each of those that are and that may be the same."""
        same = self.pairs[self.pairs["band"] == "same"]
        return {
            "kind": "duplicates",
            "settings": self.settings,
            "sentence": self.sentence(),
            "records": list(self.records),
            "bands": _plain(self.bands),
            "features": _plain(self.features),
            "groups": [list(group) for group in self.groups[:SHOWN]],
            "same": _plain(same.head(SHOWN)),
            "review": _plain(self.review.head(SHOWN)),
            "limits": list(self.limits),
        }

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Pairs by probability, with the bands."""
        ax = axes(ax)
        ax.hist(self.pairs["probability"], bins=np.linspace(0, 1, 41).tolist(), color="#1f5f8b")
        for at in (self.settings["different_at"], self.settings["same_at"]):
            ax.axvline(at, color="#b8451f", lw=1)
        ax.set_yscale("symlog")
        ax.set(xlabel="probability that two records are of one incident", ylabel="pairs", xlim=(0, 1))
        return ax


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(k): v.item() if isinstance(v, np.generic) else v for k, v in row.items()} for row in rows]


def find_duplicates(
    incidents: Incidents,
    other: Incidents | None = None,
    *,
    metres: float = 200.0,
    hours: float = 24.0,
    same_at: float = 0.9,
    different_at: float = 0.1,
    one_to_one: bool | None = None,
    engine: Engine = "moved",
    seed: int = 0,
) -> Duplicates:
    """Find records that may be of the same incident.

    Parameters
    ----------
    incidents : Incidents
        Records of one source, of two weeks or more.
    other : Incidents, optional
        Records of another source in the same CRS and zone: then only pairs between the two are looked at.
    metres, hours : float
        Reach.
    same_at, different_at : float
        Probability from which on a pair is taken as the same, and below which as different; between them a person
        looks.
    one_to_one : bool, optional
        A record has one partner at most, as a call has one report: true for two sources if not given.
    engine : {"moved", "splink"}
        ``"moved"`` learns how alike different incidents look from records moved by whole weeks. ``"splink"`` is that
        package, the extra ``linkage``. On planted duplicates (``bench/duplicates.py``) the first ranks as well, its
        probabilities hold better and it takes a fraction of the time, which is why it is what is used.
    seed : int
        Of splink's random pairs.

    Raises
    ------
    NotEnoughDataError
        Fewer than two records, or a span of under two weeks.
    ResolutionError
        Times are known to the month only.
    DataError
        Two sources that don't fit together, or more pairs than can be held.
    UsageError
        A setting is off.
    MissingExtraError
        splink was asked for and is not installed.
    """
    check_reach(metres, hours)
    for value, what in ((same_at, "same_at"), (different_at, "different_at")):
        check_level(value, what=what)
    if different_at >= same_at or engine not in ENGINES:
        msg = f"different_at={different_at}, same_at={same_at}, engine={engine!r} were given; expected the first below "
        msg += f"the second, and an engine of {', '.join(ENGINES)}"
        raise UsageError(msg)
    records = stack_records(incidents, other)
    counts = (len(incidents), 0 if other is None else len(other))
    between, minutes = other is not None, hours * 60.0
    if sum(counts) < 2 or (between and not min(counts)):
        msg = f"{counts[0]:,} records and {counts[1]:,} of another source were given; a pair takes two"
        raise NotEnoughDataError(msg, hint="a longer period, or more categories")
    near = near_records(records, metres=metres, minutes=minutes, between=between)
    model, probability, features, why = _matched(records, near, metres, minutes, between, engine, seed)
    single = between if one_to_one is None else one_to_one
    assigned = (
        _assigned(near, probability, different_at) if single else np.ones(near.one.size, dtype=np.bool_)
    )
    pairs = _table(records, near, probability, assigned, why, same_at, different_at)
    sure = (probability >= same_at) & assigned
    groups = joined_by(len(records.ids), near.one[sure], near.two[sure])
    groups.sort(key=lambda g: (-g.size, int(g[0])))
    return Duplicates(
        pairs,
        tuple(tuple(str(name) for name in records.ids[g]) for g in groups),
        _bands(pairs, same_at, different_at),
        model,
        features,
        counts,
        {
            "metres": metres,
            "hours": hours,
            "same_at": same_at,
            "different_at": different_at,
            "one_to_one": single,
            "engine": engine,
            "seed": seed,
        },
        LIMITS,
    )


def _matched(
    records: Records,
    near: NearRecords,
    metres: float,
    minutes: float,
    between: bool,
    engine: Engine,
    seed: int,
) -> tuple[MatchModel | None, Floats, pd.DataFrame, list[str]]:
    alike = likeness(records, near)
    names = ["feature", "level", "same", "different", "times"]
    if engine == "splink":
        given = splink_probabilities(
            records, near, metres=metres, minutes=minutes, between=between, seed=seed
        )
        return None, given, pd.DataFrame(columns=names), alike.reasons
    span = float(records.start.max() - records.start.min())
    if span < 2 * WEEK:
        msg = f"the records span {span / 1440:.1f} days; to learn how alike different incidents look takes two weeks"
        raise NotEnoughDataError(msg, hint="a longer period")
    moved = []
    for week in range(1, SHIFTS + 1):
        shift = week * WEEK
        if shift > span / 2:
            break
        pairs = near_records(records, metres=metres, minutes=minutes, between=between, shift=shift)
        # Both ways in time, where those within reach are counted once; and the last weeks have nothing after them.
        moved.append((likeness(records, pairs), 0.5 * span / (span - shift)))
    model = fit_matches(alike, moved)
    rows = [
        (feature, word, float(m), float(u), float(m / u))
        for feature, words, ms, us in zip(model.names, model.words, model.m, model.u, strict=True)
        for word, m, u in zip(words, ms, us, strict=True)
    ]
    return model, model.probability[alike.pattern], pd.DataFrame(rows, columns=names), alike.reasons


def _table(
    records: Records,
    near: NearRecords,
    probability: Floats,
    assigned: npt.NDArray[np.bool_],
    why: list[str],
    same_at: float,
    different_at: float,
) -> pd.DataFrame:
    taken = np.where(assigned, probability, 0.0)
    band = np.where(taken >= same_at, "same", np.where(taken >= different_at, "uncertain", "different"))
    frame = pd.DataFrame(
        {
            "one": records.ids[near.one],
            "two": records.ids[near.two],
            "probability": probability,
            "band": band,
            "metres": near.metres,
            "minutes": near.minutes,
            "assigned": assigned,
            "why": why,
        }
    )
    order = np.lexsort((near.two, near.one, -probability))
    return frame.iloc[order].reset_index(drop=True)


def _bands(pairs: pd.DataFrame, same_at: float, different_at: float) -> pd.DataFrame:
    rows = []
    for band, low, high in (
        ("same", same_at, 1.0), ("uncertain", different_at, same_at), ("different", 0.0, different_at)
    ):  # fmt: skip
        inside = pairs[pairs["band"] == band]
        # A record that was given to another partner is not of this one as well.
        p = inside["probability"].to_numpy() * inside["assigned"].to_numpy()
        same = float(p.sum())
        wrong = float((1 - p).sum()) if band == "same" else same
        rows.append((band, low, high, len(inside), same, wrong))
    return pd.DataFrame(rows, columns=["band", "from", "to", "pairs", "expected_same", "expected_wrong"])


def _assigned(near: NearRecords, probability: Floats, least: float) -> npt.NDArray[np.bool_]:
    """Pairs that are kept if each record has one partner at most: those with the greatest sum of log odds.

    Where records of one source compete, the assignment is exact in groups of up to 500, and takes the likeliest first
    in larger ones.
    """
    kept = probability < least
    open_ = np.flatnonzero(~kept)
    if not open_.size:
        return kept
    n = int(max(near.one.max(), near.two.max())) + 1
    gain = logit(np.clip(probability[open_], 1e-9, 1 - 1e-9)) - float(logit(least)) + 1e-6
    group = np.full(n, -1, dtype=np.int64)
    for k, rows in enumerate(joined_by(n, near.one[open_], near.two[open_])):
        group[rows] = k
    of = group[near.one[open_]]
    order = np.argsort(of, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(of[order])) + 1):
        chosen = _best(near.one[open_[part]], near.two[open_[part]], gain[part])
        kept[open_[part[chosen]]] = True
    return kept


def _best(one: Ints, two: Ints, gain: Floats) -> Ints:
    """Which pairs of one group to keep."""
    a, b = np.unique(one, return_inverse=True), np.unique(two, return_inverse=True)
    crossed = np.intersect1d(a[0], b[0]).size
    if crossed or max(a[0].size, b[0].size) > 500:
        used: set[int] = set()
        chosen = []
        for k in np.argsort(-gain, kind="stable"):
            ends = {int(one[k]), int(two[k])}
            if not ends & used:
                used |= ends
                chosen.append(int(k))
        return np.array(chosen, dtype=np.int64)
    matrix = np.zeros((a[0].size, b[0].size))
    matrix[a[1], b[1]] = gain
    rows, columns = linear_sum_assignment(matrix, maximize=True)
    taken = np.zeros(matrix.shape, dtype=np.bool_)
    taken[rows, columns] = True
    return np.flatnonzero(taken[a[1], b[1]])
