"""The outcome test: what searches of each group find, and what a difference can and can't show.

If searches of one group find less often what they look for than searches of another, then the group is searched on
weaker grounds, the argument goes (Becker 1957, The Economics of Discrimination; Knowles, Persico and Todd 2001, Racial
bias in motor vehicle searches, Journal of Political Economy 109; Ayres 2002, Outcome tests of racial disparities in
police practices, Justice Research and Policy 4). It fails in both ways: with one and the same threshold for everyone
hit rates still differ where the groups' risks are spread differently, since a rate is an average over all who are
searched and the threshold is at its margin (Simoiu, Corbett-Davies and Goel 2017, The problem of infra-marginality in
outcome tests for discrimination, Annals of Applied Statistics 11). Hence the threshold test beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.audits.base import Audit
from peelian.audits.benchmark import groups_to_compare
from peelian.audits.blocks import quantile_interval, resampled_sums
from peelian.audits.finding import Finding, Threshold
from peelian.audits.stop_bounds import Three, gap_bounds, share_bounds
from peelian.audits.stop_records import StopRecords
from peelian.audits.thresholds import keeps_within
from peelian.errors import NotEnoughDataError, UsageError

__all__ = ["OutcomeTest", "mantel_haenszel", "newcombe", "outcome_test", "wilson"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FEWEST = 20
"""Searches with a known outcome that a group needs for a number."""
CLUSTERS = 10
POWER = 0.8

LIMITS = (
    (
        "A difference in hit rates doesn't prove different thresholds, nor does their equality prove equal ones: rates "
        "are averages, thresholds are at the margin (Simoiu, Corbett-Davies and Goel 2017)."
    ),
    "It takes for granted that what was found was recorded alike, whoever was searched.",
    "It says nothing of those who were stopped and not searched, nor of why anyone was stopped.",
)

ALONE = "Within areas, the interval takes the searches of one day for independent of each other, which makes it short."


@dataclass(frozen=True, eq=False)
class OutcomeTest(Audit):
    """What `outcome_test` found.

    Parameters
    ----------
    reference, outcome, meaning : str
        `outcome` is ``hit`` or ``action``; `meaning` says what it stands for.
    level : float
    table : pandas.DataFrame
        One row an outcome and group: ``outcome``, ``group``, ``searches`` (with a known outcome), ``hits``, ``rate``
        with ``low`` and ``high`` (Wilson), ``unknown`` (searches without an outcome), ``bound_low``, ``bound_high``,
        ``gap`` to the reference with ``gap_low``, ``gap_high``, ``gap_bound_low``, ``gap_bound_high``, ``gap_within``
        areas with ``within_low``, ``within_high`` (``without_place``: searches of either group that are in no area),
        and ``least_shown``: the gap that so many searches had shown 80 times in 100. Bounds hold whatever groups,
        outcomes and searches were not recorded.
    found : tuple of Finding
    """

    reference: str
    outcome: str
    meaning: str
    level: float
    table: pd.DataFrame
    found: tuple[Finding, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """A gap for each group, by each outcome; then the same within areas."""
        return self.found

    @property
    def limits(self) -> tuple[str, ...]:
        """What no outcome test can tell."""
        return LIMITS

    @property
    def frame(self) -> pd.DataFrame:
        """The table."""
        return self.table

    def sentences(self) -> list[str]:
        """Hit rates and gaps of the main outcome, and whether the other one agrees."""
        main = self.table[self.table["outcome"] == self.outcome].set_index("group")
        own = main.loc[self.reference]
        said = [
            f"Of searches of {self.reference} with a known outcome, {own['rate'] * 100:.1f} % ended so: {self.meaning}."
        ]
        for group in main.index.drop(self.reference):
            row = main.loc[group]
            if pd.isna(row["gap"]):
                said.append(
                    f"{group}: {int(row['searches'])} searches with a known outcome, too few to compare."
                )
                continue
            said.append(
                f"{group}: {row['rate'] * 100:.1f} %, {_points(row['gap'])} (interval {row['gap_low'] * 100:+.1f} to "
                f"{row['gap_high'] * 100:+.1f}); {_points(row['gap_bound_low'])} to {_points(row['gap_bound_high'])} "
                "whatever was not recorded."
            )
        return said


def _points(gap: float) -> str:
    return f"{gap * 100:+.1f} points"


def wilson(hits: float, n: float, *, level: float) -> tuple[float, float]:
    """Interval of a share: Wilson (1927), Probable inference, the law of succession, and statistical inference.

    Of n > 0 trials.
    """
    z = float(stats.norm.ppf((1 + level) / 2))
    share = hits / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


def newcombe(
    hits: float, n: float, reference_hits: float, reference_n: float, *, level: float
) -> tuple[float, float]:
    """Interval of a difference of two shares: method 10 of Newcombe (1998), Statistics in Medicine 17."""
    p, q = hits / n, reference_hits / reference_n
    (a, b), (c, d) = wilson(hits, n, level=level), wilson(reference_hits, reference_n, level=level)
    low = p - q - np.sqrt((p - a) ** 2 + (d - q) ** 2)
    high = p - q + np.sqrt((b - p) ** 2 + (q - c) ** 2)
    return float(low), float(high)


def mantel_haenszel(
    hits: Floats, n: Floats, reference_hits: Floats, reference_n: Floats
) -> tuple[float, float, float]:
    """Difference of two shares within strata, its standard error, and the common odds ratio.

    Parameters
    ----------
    hits, n, reference_hits, reference_n : array of float, shape (n_strata,)

    Returns
    -------
    difference, error, odds_ratio : float
        NaN where no stratum has both.

    Notes
    -----
    Mantel and Haenszel (1959), Journal of the National Cancer Institute 22; the difference and its variance of Sato
    (1989), On the variance estimator for the Mantel-Haenszel risk difference, Biometrics 45, which holds for many
    small strata as for few large ones.
    """
    both = (n > 0) & (reference_n > 0)
    a, m, c, k = (np.asarray(v, dtype=float)[both] for v in (hits, n, reference_hits, reference_n))
    total = m + k
    weight = float((m * k / total).sum())
    if not both.any():
        return float("nan"), float("nan"), float("nan")
    difference = float(((a * k - c * m) / total).sum()) / weight
    p = (m**2 * c - k**2 * a + m * k * (k - m) / 2) / total**2
    q = (a * (k - c) + c * (m - a)) / (2 * total)
    variance = (difference * float(p.sum()) + float(q.sum())) / weight**2
    below = float((c * (m - a) / total).sum())
    odds = float((a * (k - c) / total).sum()) / below if below > 0 else float("nan")
    return difference, float(np.sqrt(max(variance, 0.0))), odds


def outcome_test(
    records: StopRecords,
    *,
    reference: str | None = None,
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    thresholds: Mapping[str, Threshold] | None = None,
) -> OutcomeTest:
    """Compare what searches of each group found.

    Parameters
    ----------
    records : StopRecords
        With `hit`, or else `action`, known for some searches; where both are, the other one stands beside it.
    reference : str, optional
        The group that the others are compared with; the one with most stops when not given.
    level : float
    replicates, seed : int
        Of the bootstrap of days. A gap's interval is the wider of it and Newcombe's.
    thresholds : mapping of str to Threshold, optional
        For ``hit_rate_gap``.

    Raises
    ------
    UsageError
        A setting is off, or there is no such group.
    NotEnoughDataError
        There is no outcome, or fewer than 20 searches of the reference or of every other group have one.
    """
    if not 0.5 <= level < 1:
        msg = f"a level of {level} was given; expected 0.5 to 1, such as 0.95"
        raise UsageError(msg)
    chosen, others = groups_to_compare(records, reference)
    searched = records.frame["search"].fillna(False).to_numpy(dtype=bool)
    known = [o for o in ("hit", "action") if int(records.frame.loc[searched, o].notna().sum()) >= FEWEST]
    if not known:
        n = int(searched.sum())
        msg = f"{n:,} searches were given, and fewer than {FEWEST} have an outcome; expected what they found"
        raise NotEnoughDataError(msg, hint="--map hit=COLUMN with yes where what was searched for was found")
    parts = [_Part(records, o, searched, chosen, level, replicates, seed) for o in known]
    if parts[0].count(chosen)[1] < FEWEST or all(parts[0].count(g)[1] < FEWEST for g in others):
        told = ", ".join(f"{g} {int(parts[0].count(g)[1])}" for g in (chosen, *others))
        msg = f"searches with a known outcome are {told}; expected {FEWEST} of the reference and of another group"
        raise NotEnoughDataError(msg, hint="give a longer time, or merge groups")
    rows = [part.row(g) for part in parts for g in (chosen, *others)]
    held = thresholds or {}
    found = [one for row in rows for one in _findings(row, chosen, level, held) if row["group"] != chosen]
    return OutcomeTest(
        reference=chosen,
        outcome=known[0],
        meaning=str(records.meanings.get(known[0], known[0])),
        level=level,
        table=pd.DataFrame(rows),
        found=tuple(found),
    )


class _Part:
    """One outcome of searches."""

    def __init__(
        self,
        records: StopRecords,
        outcome: str,
        searched: Bools,
        reference: str,
        level: float,
        replicates: int,
        seed: int,
    ) -> None:
        # Stops of which it isn't known whether there was a search are in the bounds, and in nothing else.
        unknown = records.frame["search"].isna().to_numpy()
        frame = records.frame[searched | unknown]
        self.searched = searched[searched | unknown]
        self.outcome, self.reference, self.level, self.replicates, self.seed = (
            outcome,
            reference,
            level,
            replicates,
            seed,
        )
        self.group = frame["group"].to_numpy(dtype=object)
        value = frame[outcome]
        self.yes, self.no = ((value == v).fillna(False).to_numpy(dtype=bool) for v in (True, False))
        self.hit, self.known = self.yes & self.searched, (self.yes | self.no) & self.searched
        self.area = pd.factorize(frame["area"])[0]
        self.day = pd.factorize(frame["day"], sort=True)[0]

    def rows_of(self, group: str | None) -> Bools:
        return np.asarray(pd.isna(self.group) if group is None else self.group == group)

    def count(self, group: str | None) -> tuple[float, float, float]:
        """Hits, searches with an outcome, and searches without one."""
        rows = self.rows_of(group) & self.searched
        known = float((rows & self.known).sum())
        return float((rows & self.hit).sum()), known, float(rows.sum()) - known

    def row(self, group: str) -> dict[str, Any]:
        hits, n, unknown = self.count(group)
        row: dict[str, Any] = {
            "outcome": self.outcome,
            "group": group,
            "searches": n,
            "hits": hits,
            "unknown": unknown,
        }
        names = (
            "rate",
            "low",
            "high",
            "bound_low",
            "bound_high",
            "gap",
            "gap_low",
            "gap_high",
            "gap_bound_low",
        )
        row |= dict.fromkeys((*names, "gap_bound_high", "gap_within", "within_low", "within_high"), np.nan)
        row |= {"without_place": np.nan, "least_shown": np.nan, "p": np.nan, "within_p": np.nan}
        if n < FEWEST:
            return row
        own, other = self._three(group), self._three(self.reference)
        maybe = self._maybe(group), self._maybe(self.reference)
        none = _both(self._three(None), self._maybe(None))
        low, high = wilson(hits, n, level=self.level)
        bounds = share_bounds(*own, missing=_both(none, maybe[0]))
        row |= {"rate": hits / n, "low": low, "high": high, "bound_low": bounds[0], "bound_high": bounds[1]}
        if group == self.reference:
            return row
        ends = gap_bounds(own, other, missing=none, maybe=maybe)
        return {
            **row,
            **self._gap(group),
            **dict(zip(("gap_bound_low", "gap_bound_high"), ends, strict=True)),
        }

    def _three(self, group: str | None) -> Three:
        hits, n, unknown = self.count(group)
        return hits, n - hits, unknown

    def _maybe(self, group: str | None) -> Three:
        """The same of stops of which it isn't known whether there was a search."""
        rows = self.rows_of(group) & ~self.searched
        yes, no = float((rows & self.yes).sum()), float((rows & self.no).sum())
        return yes, no, float(rows.sum()) - yes - no

    def _gap(self, group: str) -> dict[str, float]:
        (a, n, _), (c, k, _) = self.count(group), self.count(self.reference)
        gap = a / n - c / k
        low, high = newcombe(a, n, c, k, level=self.level)
        drawn = self._drawn(group)
        if drawn is not None and drawn[1] - drawn[0] > high - low:
            low, high = drawn
        z = float(stats.norm.ppf((1 + self.level) / 2))
        error = (high - low) / (2 * z)
        strata = self._strata(group)
        placed = float(strata[1].sum() + strata[3].sum())
        within, spread, _ = mantel_haenszel(*strata)
        return {
            "gap": gap,
            "gap_low": low,
            "gap_high": high,
            "p": float(2 * stats.norm.sf(abs(gap) / error)) if error > 0 else np.nan,
            "least_shown": error * (z + float(stats.norm.ppf(POWER))),
            "without_place": n + k - placed,
            "gap_within": within,
            "within_low": within - z * spread,
            "within_high": within + z * spread,
            "within_p": float(2 * stats.norm.sf(abs(within) / spread)) if spread > 0 else np.nan,
        }

    def _strata(self, group: str) -> tuple[Floats, Floats, Floats, Floats]:
        """Hits and searches by area, of the group and of the reference; those without a place are in none."""
        m = int(self.area.max(initial=0)) + 1
        counts = []
        for name in (group, self.reference):
            rows = self.rows_of(name) & self.known & (self.area >= 0)
            counts += [
                np.bincount(self.area[rows & self.hit], minlength=m),
                np.bincount(self.area[rows], minlength=m),
            ]
        a, n, c, k = (np.asarray(v, dtype=float) for v in counts)
        return a, n, c, k

    def _drawn(self, group: str) -> tuple[float, float] | None:
        """Interval of the gap from days drawn anew; None with too few days."""
        columns = []
        m = int(self.day.max(initial=0)) + 1
        for name in (group, self.reference):
            rows = self.rows_of(name) & self.known & (self.day >= 0)
            columns += [
                np.bincount(self.day[rows & self.hit], minlength=m),
                np.bincount(self.day[rows], minlength=m),
            ]
        sums = np.stack(columns, axis=1).astype(float)
        sums = sums[sums.any(axis=1)]
        if len(sums) < CLUSTERS:
            return None
        drawn = resampled_sums(sums, replicates=self.replicates, seed=self.seed)
        with np.errstate(divide="ignore", invalid="ignore"):
            gaps = drawn[:, 0] / drawn[:, 1] - drawn[:, 2] / drawn[:, 3]
        gaps = gaps[~np.isnan(gaps)]
        return (
            quantile_interval(gaps, level=self.level) if gaps.size >= self.level * self.replicates else None
        )


def _both(one: Three, other: Three) -> Three:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _findings(
    row: Mapping[str, Any],
    reference: str,
    level: float,
    thresholds: Mapping[str, Threshold],
) -> list[Finding]:
    """The gap, and the gap within areas."""
    held = thresholds.get("hit_rate_gap")
    made = []
    for kind, names in (
        ("all", ("gap", "gap_low", "gap_high")),
        ("within areas", ("gap_within", "within_low", "within_high")),
    ):
        value, low, high = (None if np.isnan(row[name]) else float(row[name]) for name in names)
        why = [LIMITS[0]] if kind == "all" else [LIMITS[0], ALONE]
        if kind != "all" and row["without_place"] > 0:
            why.append(
                f"{int(row['without_place']):,} searches of either group have no place and are in no area."
            )
        if value is None and kind != "all" and not np.isnan(row["gap"]):
            why.insert(0, "No area has searches of both groups with a known outcome.")
        elif value is None:
            why.insert(0, f"{int(row['searches'])} searches with a known outcome: too few for a number.")
        keys = ("searches", "hits", "unknown", "rate", "gap_bound_low", "gap_bound_high", "least_shown", "p")
        shown = {k: k for k in keys} if kind == "all" else {"p": "within_p", "without_place": "without_place"}
        where = "" if kind == "all" else ", within areas"
        made.append(
            Finding(
                id=f"hit_rate_gap/{row['outcome']}, {kind}/{row['group']}",
                measure="difference in hit rates",
                subject=f"{row['group']} less {reference}, by {row['outcome']}{where}",
                value=value,
                low=low,
                high=high,
                level=level,
                threshold=held,
                passes=keeps_within("hit_rate_gap", value, held),
                limits=tuple(why),
                details={k: None if pd.isna(row[v]) else float(row[v]) for k, v in shown.items()},
            )
        )
    return made
