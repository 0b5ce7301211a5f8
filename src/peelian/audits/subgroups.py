"""A scan for the subgroup or the area that nobody named.

An audit by groups finds what it asks for. This scan asks for all that can be named: every conjunction of a few
conditions on who lives in a place and what it is like, and every circle of places, over the latest periods; and holds
what was counted against what was expected there. Its p-value knows how many it looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.audits.base import ECOLOGICAL, Audit, plain_rows
from peelian.audits.by_unit import coordinates
from peelian.audits.conditions import subsets
from peelian.audits.finding import Finding
from peelian.audits.subset_scan import area_rows, attribute_rows, scatter_of
from peelian.audits.words import told
from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.patterns.draws import scattered_fill
from peelian.patterns.windows import Windows

__all__ = ["LIMITS", "SubgroupAudit", "subgroup_audit"]

Floats = npt.NDArray[np.float64]

LIMITS = (
    ECOLOGICAL,
    (
        "A subset that stands out is where what was counted and what was expected differ most. It tells where to look, "
        "not why they differ; who lives there is a description of places, not a cause."
    ),
    (
        "The p-value counts all subsets that were looked at and the scatter that was measured. Where places that are "
        "near rise and fall together more than that scatter says, it is too small."
    ),
    "The ratio of what was picked out for standing out is larger than the same places will show next time.",
)

FAMILIES = ("attributes", "areas")


@dataclass(frozen=True, eq=False)
class SubgroupAudit(Audit):
    """What `subgroup_audit` found.

    Parameters
    ----------
    what : str
        What was counted, in words.
    looked_at : mapping of str to int
        How many subsets and circles, each over all durations.
    scatter : float
        Variance over mean that chance was given.
    level : float
    fewest_told : int
        A smaller count above 0 is not told.
    """

    what: str
    looked_at: Mapping[str, int]
    scatter: float
    level: float
    fewest_told: int
    _frame: pd.DataFrame = field(repr=False)
    _findings: tuple[Finding, ...] = field(repr=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What stands out most among attributes and among areas, with its p-value."""
        return self._findings

    @property
    def limits(self) -> tuple[str, ...]:
        """What a scan can't tell."""
        return LIMITS

    @property
    def frame(self) -> pd.DataFrame:
        """One row a subset that stands out, the best of each family first.

        ``family``, ``subset`` (in words), ``periods`` (the latest), ``units``, ``observed``, ``expected``, ``ratio``,
        ``score``, ``p`` (within the family), ``p_both`` (times the number of families); of a circle ``place``, ``x``,
        ``y`` and ``radius`` in metres.
        """
        return self._frame

    def sentences(self) -> list[str]:
        """What stands out, or how much was looked at in vain."""
        both = sum(self.looked_at.values())
        sure = self.frame[self.frame["p_both"] <= 1 - self.level + 1e-12]
        if not len(sure):
            lowest = float(self.frame["p_both"].min()) if len(self.frame) else 1.0
            head = f"Of {both:,} subsets of places that nobody had named none stands out beyond chance"
            return [f"{head} (p = {told(lowest)})."]
        return [_sentence(row, self.what, self.fewest_told) for row in sure.to_dict("records")]

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            **super().to_dict(),
            "what": self.what,
            "looked_at": dict(self.looked_at),
            "scatter": self.scatter,
            "level": self.level,
            "fewest_told": self.fewest_told,
            "rows": plain_rows(self.frame),
        }


def subgroup_audit(
    observed: npt.ArrayLike,
    *,
    expected: npt.ArrayLike,
    attributes: Mapping[str, npt.ArrayLike],
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    windows: Windows | None = None,
    what: str = "reports",
    name: str = "reports",
    depth: int = 2,
    durations: tuple[int, ...] | None = None,
    scatter: float | None = None,
    block: npt.ArrayLike | None = None,
    level: float = 0.95,
    replicates: int = 199,
    seed: int = 0,
    fewest_told: int = 1,
) -> SubgroupAudit:
    """Scan places by their attributes, by circles and over the latest periods for what was not expected.

    Parameters
    ----------
    observed : array of int, shape (n_units, n_periods)
        Counts; the latest period last. One column where there are no periods.
    expected : array of float, shape (n_units, n_periods)
        What a forecast, or a rule such as proportionality, expects. It is scaled to the observed total: a subset is
        held against its share. A place with counts must have an expectation above 0.
    attributes : mapping of str to array of float, shape (n_units,)
        Shares of groups among residents, number of households, distances: what a place can be described by.
    x, y : array of float, shape (n_units,)
        Middles of the places in metres.
    windows : Windows, optional
        Circles of places (`peelian.patterns.grid_windows`, `point_windows`); without them only attributes are scanned.
    what, name : str
        What was counted, in words and as it stands in the ids of findings.
    depth : int
        Most conditions in one subset.
    durations : tuple of int, optional
        How many of the latest periods are looked at together; 1, 2, 4, ... and all when not given. Circles look at
        every number.
    scatter : float, optional
        Variance over mean of counts, at least 1; measured when not given, see `scatter_of`.
    block : array, shape (n_units,), optional
        Blocks in which the scatter is measured too.
    level : float
        1 minus it is the p-value under which a subset is told.
    replicates, seed : int
        Of the Monte Carlo test.
    fewest_told : int
        A count above 0 and under this is not told, nor what it could be worked out from.

    Returns
    -------
    SubgroupAudit

    Raises
    ------
    UsageError, DataError
        Shapes, counts or expectations are off.
    NotEnoughDataError
        Nothing was counted.

    Notes
    -----
    The score of c counts where b are expected is ``c log(c/b) + b - c``, for more and for fewer (Kulldorff 1997, A
    spatial scan statistic, Communications in Statistics 26; Neill 2009); over subsets that attributes describe see
    Zhang and Neill (2016), Identifying significant predictive bias in classifiers (arXiv 1611.08292). All of them are
    looked at, so that the best is the best. Under chance counts are negative binomial around the expectation. Circles
    are looked at for more only.
    """
    counts, base = _checked(observed, expected)
    at = coordinates(x, y, len(counts))
    if replicates < 19 or not 0 < level < 1:
        msg = (
            f"{replicates} replicates at a level of {level} were asked for; expected at least 19, and a share"
        )
        raise UsageError(msg, hint="replicates=199, level=0.95")
    named = subsets(attributes, n=len(counts), depth=depth)
    measured = scatter_of(counts, base, block=block) if scatter is None else float(scatter)
    fill = scattered_fill(base, scatter=measured, seed=seed)
    days = _durations(durations, counts.shape[1])
    kept = [attribute_rows(named, counts, base, days, fill, replicates)]
    looked = {"attributes": len(named) * len(days)}
    if windows is not None:
        kept.append(area_rows(windows, counts, base, fill, replicates, at))
        looked["areas"] = int(windows.length.sum()) * counts.shape[1]
    frame = _together(kept, fewest_told)
    if counts.shape[1] == 1:
        frame["periods"] = pd.Series(pd.NA, index=frame.index, dtype="Int64")
    return SubgroupAudit(
        what,
        looked,
        measured,
        level,
        fewest_told,
        frame,
        _findings(frame, what, name, level, looked, fewest_told),
    )


def _checked(observed: npt.ArrayLike, expected: npt.ArrayLike) -> tuple[Floats, Floats]:
    counts, base = (np.asarray(v, dtype=float) for v in (observed, expected))
    counts, base = (v[:, None] if v.ndim == 1 else v for v in (counts, base))
    if counts.shape != base.shape or counts.ndim != 2 or not counts.size:
        msg = f"counts of shape {counts.shape} were given beside expectations of shape {base.shape}"
        raise UsageError(msg, hint="one row a place, one column a period, for both")
    wrong = (
        ~np.isfinite(counts) | (counts < 0) | (counts != np.round(counts)) | ~np.isfinite(base) | (base < 0)
    )
    if wrong.any():
        msg = f"{int(wrong.sum())} counts or expectations are negative, broken or unknown"
        raise DataError(msg, hint="counts are whole numbers; an unknown number is not zero")
    if not counts.sum() > 0:
        msg = "nothing was counted, so nothing can stand out"
        raise NotEnoughDataError(msg, hint="look at more periods, or at more categories together")
    alone = int(((base <= 0) & (counts > 0)).sum())
    if alone:
        msg = f"something was counted in {alone} places and periods in which nothing at all is expected"
        raise DataError(msg, hint="an expectation above 0 everywhere, however small")
    return counts, base * (counts.sum() / base.sum())


def _durations(given: tuple[int, ...] | None, periods: int) -> tuple[int, ...]:
    if given is None:
        return tuple(sorted({periods, *(2**k for k in range(periods.bit_length()) if 2**k < periods)}))
    if not given or any(not 1 <= d <= periods for d in given):
        msg = f"durations {given} were given for {periods} periods"
        raise UsageError(msg, hint=f"from 1 to {periods}")
    return tuple(sorted(set(given)))


def _together(kept: list[list[dict[str, Any]]], fewest_told: int) -> pd.DataFrame:
    families = sum(1 for rows in kept if rows)
    columns = (
        *("family", "subset", "periods", "units", "observed", "expected", "ratio", "score", "p", "p_both"),
        *("place", "x", "y", "radius"),
    )
    rows = [row for found in kept for row in found]
    for row in rows:
        row["ratio"] = row["observed"] / row["expected"]
        row["p_both"] = min(1.0, families * row["p"])
        if 0 < row["observed"] < fewest_told:
            row |= {"observed": None, "ratio": None, "score": None}
    frame = pd.DataFrame(rows, columns=list(columns))
    return frame.astype({"place": "Int64", "observed": "Int64", "ratio": float, "score": float})


def _findings(
    frame: pd.DataFrame, what: str, name: str, level: float, looked: Mapping[str, int], fewest_told: int
) -> tuple[Finding, ...]:
    made = []
    for family in FAMILIES:
        rows = frame[frame["family"] == family]
        if family not in looked or not len(rows):
            continue
        row = plain_rows(rows.head(1))[0]
        hidden = (
            () if row["ratio"] is not None else (f"Fewer than {fewest_told} {what}: the number is not told.",)
        )
        made.append(
            Finding(
                id=f"subgroup/{name}_by_{family}/best",
                measure=f"{what} in proportion to what was expected, where they differ most",
                subject=f"places with {row['subset']}" if family == "attributes" else str(row["subset"]),
                value=row["ratio"],
                low=None,
                high=None,
                level=level,
                limits=(
                    *hidden,
                    "It was picked out of many for standing out: an interval would not be honest; the p-value knows.",
                    *LIMITS,
                ),
                details={**row, "looked_at": looked[family]},
            )
        )
    return tuple(made)


def _sentence(row: Mapping[Any, Any], what: str, fewest_told: int) -> str:
    where = f"places with {row['subset']}" if row["family"] == "attributes" else f"{row['subset']}"
    where = where[:1].upper() + where[1:]
    places = "1 place" if row["units"] == 1 else f"{row['units']:,} places"
    few = pd.isna(row["observed"])
    counted = f"fewer than {fewest_told}" if few else f"{row['observed']:,}"
    times = "" if few else f", {told(row['ratio'])} times as many"
    n = row["periods"]
    last = "" if pd.isna(n) else " in the latest period" if n == 1 else f" in the latest {n} periods"
    return (
        f"{where} ({places}) had {counted} {what}{last} where {told(row['expected'])} were expected{times} "
        f"(p = {told(row['p_both'])}, counting all that was looked at)."
    )
