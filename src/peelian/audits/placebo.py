"""Placebo and negative control: whether the same audit would have found something where nothing can be.

A placebo keeps the hours and deals the groups' places out anew: the share of such maps with a ratio as far out as the
one that was found is its p-value. A negative control turns to the audit itself: attributes that can't matter, as smooth
in space as the groups are, go through the same intervals, and those that come out as findings are counted: those of
blocks alone, and those that are farther out than their own moved maps too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from peelian.audits.base import ECOLOGICAL, Audit, plain_rows
from peelian.audits.by_unit import by_unit
from peelian.audits.estimates import divide
from peelian.audits.finding import Finding, Threshold
from peelian.audits.labels import random_fields, shifts
from peelian.audits.resampled import Resampled
from peelian.audits.thresholds import keeps_within
from peelian.audits.words import in_words, told
from peelian.errors import UsageError

__all__ = ["LIMITS", "PlaceboAudit", "placebo_audit"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LIMITS = (
    ECOLOGICAL,
    (
        "A placebo tells whether a ratio this far from 1 is rare where groups' places were dealt out by chance. It "
        "doesn't tell why it is rare: what a place and its residents have in common is kept in no placebo."
    ),
    "Labels that are moved keep their smoothness only about, most of all at the edge of the city.",
)


@dataclass(frozen=True, eq=False)
class PlaceboAudit(Audit):
    """What `placebo_audit` found.

    Parameters
    ----------
    reference : str
    replicates : int
        Placebos, and as many negative controls.
    """

    reference: str
    replicates: int
    _frame: pd.DataFrame = field(repr=False)
    _findings: tuple[Finding, ...] = field(repr=False)
    _sentences: tuple[str, ...] = field(repr=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """For each group the p-value of the placebo and the rate of false findings; then every second place."""
        return self._findings

    @property
    def limits(self) -> tuple[str, ...]:
        """What placebos leave open."""
        return LIMITS

    @property
    def frame(self) -> pd.DataFrame:
        """One row a group: ``ratio``, ``p``, ends of the null interval, ``false_findings``, ``false_by_blocks``."""
        return self._frame

    def sentences(self) -> list[str]:
        """The p-value, the null interval and the rate of false findings, for each group."""
        return list(self._sentences)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            **super().to_dict(),
            "reference": self.reference,
            "replicates": self.replicates,
            "rows": plain_rows(self.frame),
        }


def placebo_audit(
    hours: npt.ArrayLike,
    *,
    residents: pd.DataFrame,
    reference: str,
    block: npt.ArrayLike,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    placebos: int = 199,
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    moved: Ints | None = None,
    thresholds: Mapping[str, Threshold] | None = None,
) -> PlaceboAudit:
    """Deal the groups' places out anew, and send attributes that can't matter through the same intervals.

    Parameters
    ----------
    hours : array of float, shape (n_units,)
    residents : pandas.DataFrame, shape (n_units, n_groups)
    reference : str
    block : array, shape (n_units,)
    x, y : array of float, shape (n_units,)
        Middles of the units, in units of length.
    placebos : int
        How often labels are dealt out, and how many attributes that can't matter are tried.
    level, replicates, seed
        Of the bootstrap that is tried.
    moved : array of int, shape (any, n_units), optional
        Maps of moved labels that were made before (`peelian.audits.labels.shifts`), in place of `placebos` new ones.
    thresholds : mapping of str to Threshold, optional
        For ``false_findings``.

    Returns
    -------
    PlaceboAudit

    Raises
    ------
    UsageError, DataError, NotEnoughDataError
        As `peelian.audits.resampled.Resampled.of`; coordinates are missing, or fewer than 10 units are inhabited.

    Notes
    -----
    Labels are moved over the map (toroidal shift), so that neighbours stay alike; p-values are two-sided and count the
    city itself, so that none is 0 (Phipson and Smyth 2010). Negative controls: Lipsitch, Tchetgen Tchetgen and Cohen
    (2010), Epidemiology 21; the interval of a rate is Clopper and Pearson's (1934).
    """
    if placebos < 19:
        msg = f"{placebos} placebos were asked for; expected at least 19, for a p-value of 0.1"
        raise UsageError(msg, hint="placebos=199")
    city = Resampled.of(
        residents, reference=reference, block=block, level=level, replicates=replicates, seed=seed
    )
    tried = _Tried(city, by_unit("hours", hours, city.n), dict(thresholds or {}))
    inhabited = city.residents.sum(axis=1) > 0
    if moved is None:
        moved = shifts(x, y, inhabited=inhabited, replicates=placebos, seed=seed)
    made = []
    for g in city.others:
        if city.small(g):
            made.append(_Group({"group": city.groups[g]}, (tried.none(g, city.too_small(g)),), ""))
            continue
        share = city.share[:, g]
        fields = random_fields(x, y, share=share, inhabited=inhabited, replicates=placebos, seed=seed + 1 + g)
        made.append(tried.group(g, moved, fields))
    return PlaceboAudit(
        reference=reference,
        replicates=placebos,
        _frame=pd.DataFrame([one.row for one in made]),
        _findings=(*(finding for one in made for finding in one.findings), tried.every_second()),
        _sentences=tuple(one.sentence for one in made if one.sentence)
        or ("No group has residents enough for a placebo.",),
    )


@dataclass(frozen=True)
class _Group:
    row: dict[str, Any]
    findings: tuple[Finding, ...]
    sentence: str


@dataclass(frozen=True, eq=False)
class _Tried:
    city: Resampled
    hours: Floats
    thresholds: Mapping[str, Threshold]

    def group(self, g: int, moved: Ints, fields: Ints) -> _Group:
        city = self.city
        observed = float(city.ratio(self.hours[:, None], g)[0])
        if not np.isfinite(observed):
            why = "Its ratio is not defined: one of the groups has no presence."
            return _Group({"group": city.groups[g], "ratio": None}, (self.none(g, why),), "")
        null = self._ratios(moved, g)
        p = two_sided(observed, null)
        low, high = np.quantile(null[~np.isnan(null)], [(1 - city.level) / 2, (1 + city.level) / 2])
        by_blocks, false, tried = self._false(fields, moved, g)
        rate = false / tried if tried else None
        ends = clopper_pearson(false, tried, city.level) if tried else (None, None)
        row = {
            "group": city.groups[g],
            "ratio": observed,
            "p": p,
            "null_low": low,
            "null_high": high,
            "false_findings": rate,
            "false_low": ends[0],
            "false_high": ends[1],
            "false_by_blocks": by_blocks / tried if tried else None,
        }
        findings = (self._placebo(g, p, null, observed, (low, high)), self._rate(g, row, tried))
        return _Group(row, findings, self._sentence(g, row))

    def _dealt(self, sources: Ints, g: int) -> tuple[Floats, Floats]:
        """Residents of a group and of the reference after the labels moved, shape (n_units, k) each."""
        city = self.city
        total = city.residents.sum(axis=1)[:, None]
        return total * city.share[sources.T, g], total * city.share[sources.T, city.reference]

    def _ratios(self, sources: Ints, g: int) -> Floats:
        a, b = self._dealt(sources, g)
        return divide(divide(self.hours @ a, a.sum(axis=0)), divide(self.hours @ b, b.sum(axis=0)))

    def _false(self, fields: Ints, moved: Ints, g: int) -> tuple[int, int, int]:
        """How many attributes blocks alone call a finding, and the interval too, and for how many it is defined."""
        city = self.city
        a, b = self._dealt(fields, g)
        sums = [city.weights @ city.sums(v) for v in (self.hours[:, None] * a, a, self.hours[:, None] * b, b)]
        draws = divide(divide(sums[0], sums[1]), divide(sums[2], sums[3]))
        unknown = np.isnan(draws).mean(axis=0) > 1 - city.level
        tail = (1 - city.level) / 2
        # What is not defined in a resampled city is on neither side of 1.
        under, over = (draws < 1).mean(axis=0), (draws > 1).mean(axis=0)
        by_blocks = (np.minimum(under, over) < tail) & ~unknown
        asked = fields[by_blocks]
        # As few moves as can leave 1 out at all: each attribute has to be farther out than all of its own moved maps.
        enough = moved[: int(np.ceil(2 / (1 - city.level) - 1e-9)) - 1]
        found = self._ratios(asked, g)
        by_chance = np.array([self._ratios(asked[:, source], g) for source in enough])
        by_chance = by_chance.reshape(len(enough), len(asked))  # of no attribute, too
        farther = (found > by_chance).all(axis=0) | (found < by_chance).all(axis=0)
        return int(by_blocks.sum()), int(farther.sum()), int((~unknown).sum())

    def _placebo(self, g: int, p: float, null: Floats, observed: float, ends: tuple[float, float]) -> Finding:
        city = self.city
        k = round(p * (null.size + 1) / 2)
        low, high = clopper_pearson(min(k, null.size), null.size, city.level)
        kind = "The interval tells how far the p-value would move with other placebos."
        return Finding(
            id=f"placebo_p/moved_labels/{city.groups[g]}",
            measure="share of placebos with a ratio as far out",
            subject=f"{city.pair(g)}, {null.size} maps of moved labels",
            value=p,
            low=min(2 * low, p),
            high=max(min(2 * high, 1.0), p),
            level=city.level,
            limits=(kind, *LIMITS),
            details={
                **self._names(g),
                "ratio": observed,
                "placebos": int(null.size),
                "null_low": float(ends[0]),
                "null_high": float(ends[1]) if np.isfinite(ends[1]) else None,
            },
        )

    def _rate(self, g: int, row: Mapping[str, Any], tried: int) -> Finding:
        city, bound, rate = self.city, self.thresholds.get("false_findings"), row["false_findings"]
        kind = (
            "The interval is Clopper and Pearson's."
            if rate is not None
            else "The ratio of the attributes is not defined often enough."
        )
        return Finding(
            id=f"false_findings/random_fields/{city.groups[g]}",
            measure="share of attributes that can't matter which the audit would call a finding",
            subject=f"{tried} random maps as smooth as the share of {in_words(city.groups[g])} residents",
            value=rate,
            low=row["false_low"],
            high=row["false_high"],
            level=city.level,
            threshold=bound,
            passes=keeps_within("false_findings", rate, bound),
            limits=(kind, *LIMITS),
            details={
                **self._names(g),
                "tried": tried,
                "nominal": round(1 - city.level, 6),
                "by_blocks_alone": row["false_by_blocks"],
            },
        )

    def every_second(self) -> Finding:
        """The exposure of all who live in every second unit in proportion to the others: it can't matter."""
        city = self.city
        total = city.residents.sum(axis=1)
        even = np.arange(city.n) % 2 == 0
        parity = Resampled(
            np.column_stack([total * even, total * ~even]), ("even", "odd"), 1, city.block, city.level,
            city.replicates, city.seed,
        )  # fmt: skip
        made = parity.estimate(
            float(parity.ratio(self.hours[:, None], 0)[0]), parity.ratio_draws(self.hours[:, None], 0)[:, 0]
        )
        why = made.why or (
            () if made.value is not None else ("No hours in one half of the units: no ratio.",)
        )
        return Finding(
            id="negative_control/every_second_unit/all",
            measure="exposure ratio that can't matter",
            subject="residents of every second unit to the others",
            value=made.value,
            low=made.low,
            high=made.high,
            level=city.level,
            limits=(*why, *city.few_blocks(), *LIMITS),
            details={"blocks": city.blocks},
        )

    def none(self, g: int, why: str) -> Finding:
        """A group without a number."""
        return Finding(
            id=f"placebo_p/moved_labels/{self.city.groups[g]}",
            measure="share of placebos with a ratio as far out",
            subject=self.city.pair(g),
            value=None,
            low=None,
            high=None,
            level=self.city.level,
            limits=(why, *LIMITS),
            details=self._names(g),
        )

    def _names(self, g: int) -> dict[str, Any]:
        city = self.city
        return {"group": city.groups[g], "reference": city.groups[city.reference], "blocks": city.blocks}

    def _sentence(self, g: int, row: dict[str, Any]) -> str:
        said = (
            f"With the groups' places dealt out by chance, {100 * self.city.level:g} of 100 maps had a ratio from "
            f"{told(row['null_low'])} to {told(row['null_high'])} for {self.city.pair(g)}; the plan has "
            f"{told(row['ratio'])} (p = {told(row['p'])})."
        )
        if row["false_findings"] is None:
            return said
        return (
            f"{said} Of attributes that can't matter, the audit's interval would have called "
            f"{told(100 * row['false_findings'])} % a finding where {100 * (1 - self.city.level):.0f} % were due; "
            f"resampled blocks alone would have called {told(100 * row['false_by_blocks'])} % one, which is why the "
            "interval is no narrower than chance moves a ratio."
        )


def two_sided(observed: float, null: Floats) -> float:
    """Twice the smaller share of a null distribution that is at least as far out, the observed one counted."""
    known = null[~np.isnan(null)]
    above, below = (int(np.sum(side)) for side in (known >= observed, known <= observed))
    return float(min(2 * (1 + min(above, below)) / (1 + known.size), 1.0))


def clopper_pearson(k: int, n: int, level: float) -> tuple[float, float]:
    """Exact interval of a rate of k in n."""
    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, k, n - k + 1)) if k else 0.0
    high = float(stats.beta.isf(tail, k + 1, n - k)) if k < n else 1.0
    return low, high
