"""The audit of stops and searches: benchmarks, the outcome test, the veil of darkness and the threshold test together.

No single one of these tests can show whether stops are even, and each fails in another way. They are told together,
with what each takes for granted, with what is missing bounded and not assumed, and with the comparisons counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from peelian.audits.base import Audit, plain_rows
from peelian.audits.benchmark import Benchmark, benchmark, groups_to_compare
from peelian.audits.darkness import DarknessTest, darkness_test
from peelian.audits.finding import Finding, Threshold
from peelian.audits.many import holm
from peelian.audits.outcome_test import OutcomeTest, outcome_test, wilson
from peelian.audits.stop_light import after_dark
from peelian.audits.stop_records import StopRecords
from peelian.audits.stop_residents import Residents
from peelian.audits.threshold_test import ThresholdTest
from peelian.audits.thresholds import keeps_within
from peelian.errors import MissingExtraError, NotEnoughDataError, UsageError

__all__ = ["StopsAudit", "stops_audit"]

LIMITS = (
    (
        "Stops were compared, and nobody who was stopped is in the data. A difference between groups says that a "
        "burden is uneven; why it is, and whether a stop was justified, is not in these records."
    ),
    "Every test here can fail in a way that the others can't. Where they agree, that is stronger than any of them.",
    "Groups are as they were recorded, mostly by the officer, and not as those stopped would name themselves.",
)
BY_LIGHT = "Test by light"
T = TypeVar("T")
NONE = {"stop_rate_ratio": 1.0, "search_rate_ratio": 1.0, "darkness_odds_ratio": 1.0}
"""What a measure is where there is no difference; 0 for all others."""


@dataclass(frozen=True, eq=False)
class StopsAudit(Audit):
    """What `stops_audit` found.

    Parameters
    ----------
    records : StopRecords
    reference : str
    level : float
    against : Benchmark
    outcomes : OutcomeTest, optional
    light : DarknessTest, optional
    inferred : ThresholdTest, optional
    skipped : tuple of (str, str)
        Tests that could not be made, and why.
    found : tuple of Finding
    """

    records: StopRecords
    reference: str
    level: float
    against: Benchmark
    outcomes: OutcomeTest | None
    light: DarknessTest | None
    inferred: ThresholdTest | None
    skipped: tuple[tuple[str, str], ...]
    found: tuple[Finding, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """By light, of thresholds, of outcomes, against denominators, and what is missing."""
        return self.found

    @property
    def limits(self) -> tuple[str, ...]:
        """What no audit of stops can tell, and then what each test can't."""
        parts = (self.against, self.outcomes, self.light, self.inferred)
        return tuple(
            dict.fromkeys([*LIMITS, *(one for part in parts if part is not None for one in part.limits)])
        )

    @property
    def frame(self) -> pd.DataFrame:
        """One row a finding: id, value, interval, bounds, p-value, and the p-value that counts how many there are."""
        rows = [
            {
                "finding": one.id,
                "value": one.value,
                "low": one.low,
                "high": one.high,
                "bound_low": _bounds(one)[0],
                "bound_high": _bounds(one)[1],
                "p": one.details.get("p"),
                "corrected": one.details.get("p_corrected"),
            }
            for one in self.found
        ]
        return pd.DataFrame(rows)

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever reads it should know of the data, and of tests that could not be made."""
        compared = {self.reference, *groups_to_compare(self.records, self.reference)[1]}
        few = ", ".join(f"{name} {n}" for name, n in self.records.groups.items() if name not in compared)
        own = [f"Too few stops to compare: {few}."] if few else []
        lost = self.records.counts.get("searches_without_hit", 0)
        if self.inferred is not None and lost:
            own.append(
                f"{lost:,} searches of which it is not known what they found are not in the threshold test."
            )
        frame = self.records.frame
        nowhere = int((frame["search"].fillna(False).astype(bool) & frame["area"].isna()).sum())
        if self.outcomes is not None and nowhere:
            own.append(f"{nowhere:,} searches have no place, and are in no difference within areas.")
        own += [*self.records.notes, *self.against.notes, *(self.light.notes if self.light else ())]
        return (*own, *(f"{name}: not made, as {_plain(why)}" for name, why in self.skipped))

    def sentences(self) -> list[str]:
        """The headline, what is missing, and what each test found."""
        parts = {"darkness_odds_ratio": "By light", "search_threshold_gap": "By inferred threshold"}
        parts |= {"hit_rate_gap": "By outcome of searches", "search_rate_ratio": "By searches for each stop"}
        said = [self._headline(), *self._missing()]
        for measure, name in {**parts, "stop_rate_ratio": "Against denominators"}.items():
            own = [one for one in self.found if one.id.startswith(f"{measure}/") and one.value is not None]
            if own:
                said.append(f"{name}: {_summary(own)}")
        return said

    def _headline(self) -> str:
        tested = [one for one in self.found if one.details.get("p_corrected") is not None]
        alone = [one for one in tested if not _holds_none(one)]
        stand = [one for one in tested if one.details["p_corrected"] <= 1 - self.level]
        *names, last = groups_to_compare(self.records, self.reference)[1]
        groups = f"{', '.join(names)} and {last}" if names else last
        head = f"{len(self.records):,} stops, of {groups} compared with {self.reference}"
        if not alone:
            n = f"none of {len(tested)} comparisons" if tested else "no comparison"
            return f"{head}: {n} shows more than chance would. What they could have shown is told with them."
        safe = [one for one in stand if _safe(one)]
        rest = ""
        if self.records.counts.get("without_group"):
            what = "groups and searches" if self.records.counts.get("without_search") else "groups"
            rest = f", and {len(safe)} whatever the {what} not recorded were"
        n = f"{len(alone)} of {len(tested)} comparison{'s' if len(tested) != 1 else ''}"
        differ = "differs" if len(alone) == 1 else "differ"
        counted = f"{len(stand)} when it is counted how many there are"
        return f"{head}: {n} {differ} by more than chance would, {counted}{rest}."

    def _missing(self) -> list[str]:
        n, none = len(self.records), self.records.counts.get("without_group", 0)
        said = []
        if none:
            said.append(
                f"No group was recorded in {none:,} of {n:,} stops ({none / n * 100:.1f} %). Nothing is assumed of "
                "them: numbers have bounds between which they lie whatever those groups were."
                + (
                    ""
                    if self.inferred is None
                    else " Inferred thresholds leave these stops out, and have none."
                )
            )
        unsaid = self.records.counts.get("without_search", 0)
        if 0 < unsaid < n:
            said.append(
                f"Whether there was a search was not recorded in {unsaid:,} stops ({unsaid / n * 100:.1f} %). They are "
                "in no rate of searches, and in the bounds of each."
            )
        return said

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        light = self.light
        parts: dict[str, Any] = {
            "benchmark": {
                "denominators": [list(one) for one in self.against.denominators],
                "rows": plain_rows(self.against.frame),
            }
        }
        if self.outcomes is not None:
            rows = plain_rows(self.outcomes.frame)
            parts["outcomes"] = {
                "outcome": self.outcomes.outcome,
                "meaning": self.outcomes.meaning,
                "rows": rows,
            }
        if light is not None:
            parts["light"] = {
                "window": list(light.window),
                "counts": dict(light.counts),
                "rows": plain_rows(light.frame),
                "by_light": plain_rows(light.by_light),
            }
        if self.inferred is not None:
            told = self.inferred.to_dict()
            parts["thresholds"] = {
                key: told[key] for key in ("sentences", "rows", "sweep", "convergence", "districts")
            }
        return {
            **super().to_dict(),
            "reference": self.reference,
            "level": self.level,
            "stops": len(self.records),
            "groups": self.records.groups,
            "records": self.records.about(),
            "days": _days(self.records),
            "parts": parts,
            "skipped": [list(one) for one in self.skipped],
            "notes": list(self.notes),
        }


def stops_audit(
    records: StopRecords,
    *,
    reference: str | None = None,
    residents: Residents | None = None,
    ambient: Residents | None = None,
    incidents: Mapping[str, float] | None = None,
    basis: str | None = None,
    lat: float | None = None,
    lon: float | None = None,
    inferred: Callable[..., ThresholdTest] | None = None,
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    thresholds: Mapping[str, Threshold] | None = None,
) -> StopsAudit:
    """Put stops and searches through every test that they can carry.

    Parameters
    ----------
    records : StopRecords
    reference : str, optional
        The group that the others are compared with; the one with most stops when not given.
    residents, ambient, incidents, basis
        Denominators, see `peelian.audits.benchmark.benchmark`.
    lat, lon : float, optional
        WGS84 degrees of the place, where the stops have no coordinates.
    inferred : callable, optional
        The threshold test, called with the records and ``reference``, ``level``, ``seed`` and ``thresholds``
        (`peelian.audits.stop_thresholds.inferred_thresholds`); left out when not given.
    level : float
    replicates, seed : int
    thresholds : mapping of str to Threshold, optional
        By measure, see `peelian.audits.thresholds.MEASURES`.

    Returns
    -------
    StopsAudit
        A test that these records can't carry is told in `skipped`, with the reason.

    Raises
    ------
    UsageError
        A setting is off, or there is no such group.
    NotEnoughDataError
        There are not two groups with 20 stops.
    """
    chosen, _ = groups_to_compare(records, reference)
    held = dict(thresholds or {})
    skipped: list[tuple[str, str]] = []

    def tried(name: str, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except (NotEnoughDataError, MissingExtraError) as error:
            skipped.append((name, str(error.message)))
        except UsageError as error:
            if lat is not None or name != BY_LIGHT:
                raise
            skipped.append((name, str(error.message)))
        return None

    dark = tried(BY_LIGHT, lambda: after_dark(records, lat=lat, lon=lon))
    light = None
    if dark is not None:
        light = tried(
            BY_LIGHT,
            lambda: darkness_test(records, reference=chosen, lat=lat, lon=lon, level=level, thresholds=held),
        )
    common: dict[str, Any] = {"reference": chosen, "level": level, "seed": seed, "thresholds": held}
    outcomes = tried("Outcome test", lambda: outcome_test(records, replicates=replicates, **common))
    more = None if inferred is None else tried("Threshold test", lambda: inferred(records, **common))
    against = benchmark(
        records,
        residents=residents,
        ambient=ambient,
        incidents=incidents,
        dark=dark,
        basis=basis,
        replicates=replicates,
        **common,
    )
    parts = [part for part in (light, more, outcomes, against) if part is not None]
    found = [*(one for part in parts for one in part.findings), _missing_finding(records, level, held)]
    return StopsAudit(
        records=records,
        reference=chosen,
        level=level,
        against=against,
        outcomes=outcomes,
        light=light,
        inferred=more,
        skipped=tuple(skipped),
        found=_corrected(found),
    )


def _corrected(found: list[Finding]) -> tuple[Finding, ...]:
    """The findings with a p-value each that counts how many were looked at (Holm 1979)."""
    p = np.array([np.nan if one.details.get("p") is None else float(one.details["p"]) for one in found])
    corrected = holm(p)
    return tuple(
        one if np.isnan(c) else replace(one, details={**one.details, "p_corrected": float(c)})
        for one, c in zip(found, corrected, strict=True)
    )


def _missing_finding(records: StopRecords, level: float, thresholds: Mapping[str, Threshold]) -> Finding:
    none, n = records.counts.get("without_group", 0), len(records)
    low, high = wilson(none, n, level=level)
    held = thresholds.get("missing_group")
    return Finding(
        id="missing_group/stops/all",
        measure="share without a group",
        subject="of all stops",
        value=none / n,
        low=low,
        high=high,
        level=level,
        threshold=held,
        passes=keeps_within("missing_group", none / n, held),
        limits=("Of which groups these are, the records can't tell.",),
        details={"without_group": none, "stops": n},
    )


def _summary(own: list[Finding]) -> str:
    """How many of a test's findings differ, the surest by name, and what could have been found where none does."""
    apart = sorted((one for one in own if not _holds_none(one)), key=lambda one: one.details.get("p") or 0.0)
    if not apart:
        least = [one.details["least_shown"] for one in own if one.details.get("least_shown") is not None]
        could = ""
        if least:
            ends = (
                f"{min(least):.2f}"
                if len(least) == 1
                else f"{min(least):.2f} to {max(least):.2f} (by comparison)"
            )
            kind = "difference" if _none(own[0]) == 0 else "ratio"
            could = f" So many stops would have shown a {kind} of {ends} or more 80 times in 100."
        return f"none of {len(own)} comparison{'s' if len(own) != 1 else ''} differs.{could}"
    named = "; ".join(
        f"{one.subject} {one.value:.2f} ({_end(one.low)} to {_end(one.high)})" for one in apart[:3]
    )
    more = f"; and {len(apart) - 3} more" if len(apart) > 3 else ""
    return f"{len(apart)} of {len(own)} differ, each taken alone: {named}{more}."


def _end(value: float | None) -> str:
    return "open" if value is None else f"{value:.2f}"


def _bounds(one: Finding) -> tuple[float | None, float | None]:
    held = one.details
    low = held.get("bound_low", held.get("gap_bound_low"))
    high = held.get("bound_high", held.get("gap_bound_high"))
    return low, high


def _none(one: Finding) -> float:
    return NONE.get(one.id.partition("/")[0], 0.0)


def _holds_none(one: Finding) -> bool:
    """Whether the interval holds what there is where nothing differs; an open end holds everything beyond it."""
    return (one.low is None or one.low <= _none(one)) and (one.high is None or one.high >= _none(one))


def _safe(one: Finding) -> bool:
    """Whether no missing group could take the number to the other side of no difference."""
    low, high = _bounds(one)
    none = _none(one)
    return (low is not None and low > none) or (high is not None and high < none)


def _days(records: StopRecords) -> list[str]:
    days = records.frame["day"].dropna()
    return [] if days.empty else [str(days.min().date()), str(days.max().date())]


def _plain(why: str) -> str:
    return why if why.endswith(".") else f"{why}."
