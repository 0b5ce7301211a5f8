"""The threshold test: at what chance of finding something each group is searched, inferred from stops and searches.

Hit rates compare averages, though what would be unequal treatment is a lower bar, at the margin: two groups under the
same bar can have different hit rates, and under different bars the same one. The threshold test takes stops, searches
and hits by district together, and infers for each group how the chance to find something is spread and where the bar
lies (Simoiu, Corbett-Davies and Goel 2017). A lower bar for a group means that it is searched on weaker grounds.

That holds under a model. What the model takes for granted is told with each result, and so is how far the result moves
when priors are held tighter or looser, and whether the model brings forth counts like the given ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from peelian.audits.base import Audit, plain_rows
from peelian.audits.discriminant import Floats
from peelian.audits.finding import Finding, Threshold
from peelian.audits.threshold_checks import (
    RHAT,
    Convergence,
    Fit,
    convergence,
    posterior_predictive,
    spread_ratio,
)
from peelian.audits.threshold_counts import StopCounts, stop_counts
from peelian.audits.threshold_model import Draws, sample
from peelian.audits.thresholds import keeps_within
from peelian.errors import UsageError

__all__ = ["LIMITS", "ThresholdTest", "threshold_test"]

MEASURE = "search_threshold_gap"

FEW_DISTRICTS = 10
"""With fewer, how far districts differ is known from the prior more than from counts."""

POOR_FIT = 0.025

LIMITS = (
    (
        "The test takes for granted that officers see how likely a search is to find something, search when that is "
        "above a bar, and know nothing of it that differs by group in another way. It sees past "
        "averages only as far as this holds."
    ),
    (
        "Districts differ in how many carry something, groups differ from each other by the same amount (in log-odds) "
        "everywhere, and signals are spread alike: where these fail, a gap may be made or hidden by them. Where "
        "chances had another shape (beta distributions), simulated gaps of -0.10 came out at about -0.08: intervals "
        "don't carry that."
    ),
    (
        "Gaps are firmer than levels: how high each threshold is rests on the assumed shape more than a difference "
        "does. On counts of nine US states' patrols, levels came out 0.11 below those published from beta "
        "distributions, and gaps to White drivers 0.03 above the published ones on average, 0.07 at most: this test "
        "shows less of a lower bar than that one."
    ),
    (
        "It starts from those who were stopped. If a group is stopped on weaker grounds, that is not seen here, and it "
        "changes who is there to be searched."
    ),
    (
        "Searches that leave no choice (after an arrest, by warrant) or follow consent are no decision at a bar; "
        "counted with the others they pull thresholds towards each other or apart."
    ),
    "It says nothing of any single officer or stop, nor why a bar is lower.",
)


@dataclass(frozen=True, eq=False)
class ThresholdTest(Audit):
    """What `threshold_test` found.

    Parameters
    ----------
    reference : str
        The group that others are compared with.
    level : float
    districts : int
        Districts with stops.
    scales : tuple of float
        Factors of the priors' standard deviations that were tried.
    chains, warmup, samples, seed : int
    table : pandas.DataFrame
        One row a group: ``group``, ``stops``, ``searches``, ``hits``, ``search_rate``, ``hit_rate``, ``threshold``
        (mean over districts, weighted by all their stops; posterior mean) with ``low`` and ``high``, ``gap`` to the
        reference with ``gap_low`` and ``gap_high``, ``rhat``, and of the posterior predictive check ``search_error``,
        ``hit_error``, ``search_p``, ``hit_p`` (`Fit`). NaN where there is no number.
    sweep : pandas.DataFrame
        One row a scale and compared group: ``scale``, ``group``, ``gap``, ``low``, ``high``, ``rhat``, ``divergences``.
    by_district : pandas.DataFrame
        One row a district and group with stops: ``district``, ``group``, ``stops``, ``searches``, ``hits``,
        ``threshold``, ``low``, ``high``.
    convergence : Convergence
        At scale 1.
    notes : tuple of str
        What these counts in particular leave open.
    found : tuple of Finding
    """

    reference: str
    level: float
    districts: int
    scales: tuple[float, ...]
    chains: int
    warmup: int
    samples: int
    seed: int
    table: pd.DataFrame
    sweep: pd.DataFrame
    by_district: pd.DataFrame
    convergence: Convergence
    notes: tuple[str, ...]
    found: tuple[Finding, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The gap of every group but the reference."""
        return self.found

    @property
    def limits(self) -> tuple[str, ...]:
        """What these counts leave open, and what no threshold test can tell."""
        return (*self.notes, *LIMITS)

    @property
    def frame(self) -> pd.DataFrame:
        """One row a group."""
        return self.table

    def sentences(self) -> list[str]:
        """Gaps first; then how they move with the priors, how the chains agree and how the model fits."""
        said = [self._gap(finding) for finding in self.found]
        return [*said, *self._moved(), self._agreed(), self._fits()]

    def to_dict(self) -> dict[str, Any]:
        """As plain values; without the thresholds by district, which are a table of their own."""
        settings = ("reference", "level", "districts", "chains", "warmup", "samples", "seed")
        return {
            **super().to_dict(),
            **{name: getattr(self, name) for name in settings},
            "scales": list(self.scales),
            "rows": plain_rows(self.table),
            "sweep": plain_rows(self.sweep),
            "convergence": vars(self.convergence)
            | {"rhat": self.convergence.rhat if np.isfinite(self.convergence.rhat) else None},
        }

    def _gap(self, finding: Finding) -> str:
        group = finding.details["group"]
        if finding.value is None or finding.low is None or finding.high is None:
            return f"{group}: no inferred threshold ({finding.limits[0]})"
        own, other = finding.details["threshold"], finding.details["reference_threshold"]
        ends = f"{self.level * 100:g} % interval {finding.low:+.3f} to {finding.high:+.3f}"
        if finding.low <= 0 <= finding.high:
            return (
                f"No gap between the inferred thresholds of {group} and {self.reference} was shown: {own:.2f} "
                f"and {other:.2f}, a difference of {finding.value:+.3f} ({ends}). What lies beyond the interval would "
                "fit the counts badly."
            )
        lower = "lower" if finding.value < 0 else "higher"
        return (
            f"{group} was searched at a {lower} inferred threshold than {self.reference}: {own:.2f} in place of "
            f"{other:.2f}, a gap of {finding.value:+.3f} ({ends})."
        )

    def _moved(self) -> list[str]:
        if len(self.scales) < 2:
            return ["Priors were not varied, so it is not known how much of this is theirs."]
        said = []
        for group, rows in self.sweep.groupby("group", sort=False):
            sides = {_side(low, high) for low, high in zip(rows["low"], rows["high"], strict=True)}
            told = "which does not change what is found" if len(sides) == 1 else "which changes what is found"
            said.append(
                f"With priors from {min(self.scales):g} to {max(self.scales):g} times as wide the gap of {group} goes "
                f"from {rows['gap'].min():+.3f} to {rows['gap'].max():+.3f}, {told}."
            )
        return said

    def _agreed(self) -> str:
        c = self.convergence
        return (
            f"{self.chains} chains of {self.samples} draws: largest r-hat {c.rhat:.3f} (at most {RHAT} wanted), worth "
            f"at least {c.effective:.0f} independent draws, {c.divergences} divergences."
        )

    def _fits(self) -> str:
        poor = self.table[self.table[["search_p", "hit_p"]].min(axis=1) < POOR_FIT]["group"]
        off = f"by {self.table['search_error'].max() * 100:.1f} points or less in search rates and "
        off += f"{self.table['hit_error'].max() * 100:.1f} in hit rates"
        if len(poor):
            return (
                f"The model does not bring forth such counts for {', '.join(poor)}: districts are off {off}."
            )
        return f"The model brings forth counts like these: districts are off {off}."


def _side(low: float, high: float) -> int:
    return 0 if low <= 0 <= high else int(np.sign(low))


def threshold_test(
    table: pd.DataFrame,
    *,
    reference: str,
    seed: int = 0,
    thresholds: Mapping[str, Threshold] | None = None,
    level: float = 0.95,
    scales: tuple[float, ...] = (0.5, 1.0, 2.0),
    warmup: int = 500,
    samples: int = 500,
    chains: int = 2,
) -> ThresholdTest:
    """Infer the thresholds at which each group is searched, and their gaps to a reference group.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``district``, ``group``, ``stops``, ``searches``, ``hits``: one row a district and group, whole numbers.
        A district without searches stays in: that nobody was searched tells something too.
    reference : str
    seed : int
    thresholds : mapping of str to Threshold, optional
        For ``search_threshold_gap``.
    level : float
        Of the credible intervals, 0.5 to 1.
    scales : tuple of float
        The priors' standard deviations are multiplied by each; 1 must be among them and is what is reported.
    warmup, samples, chains : int
        Of the sampler: at least 100, 100 and 2.

    Returns
    -------
    ThresholdTest

    Raises
    ------
    UsageError
        A setting is off, a column is missing, or there is no such group.
    DataError
        Counts are unknown, no whole numbers or contradict each other, or a row comes twice.
    NotEnoughDataError
        Every stop is a search, the reference or every other group is found in fewer than 2 districts or has fewer than
        20 searches. Another group so rare is listed and gets no number.
    MissingExtraError
        NumPyro is not installed.

    Notes
    -----
    A group's threshold is averaged over all districts with the same weights for each group, so that where groups
    are stopped does not enter a gap. A gap gets no number while its own r-hat or that of a threshold is over 1.05.

    The same seed gives the same bytes on the same kind of processor, with any number of cores; on another kind, draws
    differ as they would with another seed.
    """
    _check(level, scales, warmup, samples, chains)
    counts = stop_counts(table, reference=reference)
    drawn = sample(
        counts.stops,
        counts.searches,
        counts.hits,
        scales=scales,
        warmup=warmup,
        samples=samples,
        chains=chains,
        seed=seed,
    )
    made = _Made(counts, drawn, level, thresholds or {}, seed)
    return ThresholdTest(
        reference=reference,
        level=level,
        districts=len(counts.districts),
        scales=tuple(scales),
        chains=chains,
        warmup=warmup,
        samples=samples,
        seed=seed,
        table=made.table,
        sweep=made.sweep,
        by_district=made.by_district(),
        convergence=made.convergence,
        notes=made.notes(),
        found=made.findings(),
    )


def _check(level: float, scales: tuple[float, ...], warmup: int, samples: int, chains: int) -> None:
    if not 0.5 <= level < 1:
        msg = f"a level of {level} was given; expected 0.5 to 1, such as 0.95"
        raise UsageError(msg)
    if 1.0 not in scales or len(set(scales)) < len(scales) or not all(0.1 <= scale <= 10 for scale in scales):
        msg = f"scales {scales} were given; expected different factors from 0.1 to 10, with 1 among them"
        raise UsageError(msg, hint="scales=(0.5, 1.0, 2.0)")
    if warmup < 100 or samples < 100 or chains < 2:
        msg = (
            f"{chains} chains of {samples} draws after {warmup} were given; expected at least 2, 100 and 100"
        )
        raise UsageError(msg, hint="fewer can't tell whether chains agree")


class _Made:
    """Tables and findings from counts and draws."""

    def __init__(
        self,
        counts: StopCounts,
        drawn: Mapping[float, Draws],
        level: float,
        held: Mapping[str, Threshold],
        seed: int,
    ) -> None:
        self.counts, self.level, self.held = counts, level, held
        weight = counts.stops.sum(axis=0) / counts.stops.sum()
        self.draws = drawn[1.0]
        #: shape (chains, draws, n_groups)
        self.means = {scale: (one.threshold * weight).sum(axis=-1) for scale, one in drawn.items()}
        self.convergence = convergence(self.draws, {f"gap of {g}": self.gap(g) for g in counts.others})
        self.fit = posterior_predictive(self.draws, counts.stops, counts.searches, counts.hits, seed=seed)
        self.sweep = pd.DataFrame([self._swept(s, one, g) for s, one in drawn.items() for g in counts.others])
        self.table = pd.DataFrame(
            [self._row(g) for g in counts.groups] + [self._unused(g) for g in counts.unused]
        )

    def gap(self, group: str, scale: float = 1.0) -> Floats:
        """Draws of a gap, shape (chains, draws)."""
        means, groups = self.means[scale], self.counts.groups
        return np.asarray(means[..., groups.index(group)] - means[..., groups.index(self.counts.reference)])

    def ends(self, draws: Floats) -> tuple[float, float]:
        low, high = np.quantile(draws, [(1 - self.level) / 2, (1 + self.level) / 2])
        return float(low), float(high)

    def _swept(self, scale: float, draws: Draws, group: str) -> dict[str, Any]:
        gap = self.gap(group, scale)
        low, high = self.ends(gap)
        row = {"scale": float(scale), "group": group, "gap": float(gap.mean()), "low": low, "high": high}
        return {**row, "rhat": spread_ratio(gap), "divergences": int(draws.diverging.sum())}

    def _row(self, group: str) -> dict[str, Any]:
        g, counts = self.counts.groups.index(group), self.counts
        mean = self.means[1.0][..., g]
        low, high = self.ends(mean)
        gap, ends, rhat = float("nan"), (float("nan"), float("nan")), spread_ratio(mean)
        if group != counts.reference:
            gap, ends = float(self.gap(group).mean()), self.ends(self.gap(group))
            rhat = max(rhat, spread_ratio(self.gap(group)))
        n, s, h = (int(of[g].sum()) for of in (counts.stops, counts.searches, counts.hits))
        return {
            "group": group,
            "stops": n,
            "searches": s,
            "hits": h,
            "search_rate": s / n,
            "hit_rate": h / s,
            "threshold": float(mean.mean()),
            "low": low,
            "high": high,
            "gap": gap,
            "gap_low": ends[0],
            "gap_high": ends[1],
            "rhat": rhat,
            **{name: float(getattr(self.fit, name)[g]) for name in Fit.__dataclass_fields__},
        }

    def _unused(self, group: str) -> dict[str, Any]:
        n, s, h = self.counts.unused[group].totals
        return {"group": group, "stops": n, "searches": s, "hits": h}

    def by_district(self) -> pd.DataFrame:
        """Thresholds where there were stops."""
        counts = self.counts
        flat = self.draws.threshold.reshape(-1, *counts.stops.shape)
        low, high = np.quantile(flat, [(1 - self.level) / 2, (1 + self.level) / 2], axis=0)
        d, g = np.nonzero(counts.stops.T)
        columns = {"stops": counts.stops, "searches": counts.searches, "hits": counts.hits}
        columns |= {"threshold": flat.mean(axis=0), "low": low, "high": high}
        names = {"district": np.array(counts.districts)[d], "group": np.array(counts.groups)[g]}
        return pd.DataFrame(names | {name: values[g, d] for name, values in columns.items()})

    def findings(self) -> tuple[Finding, ...]:
        """A gap for each group but the reference; None with its reason where there is none."""
        made = [self._finding(group, self._told(group)) for group in self.counts.others]
        return (*made, *(self._none(group, one.why) for group, one in self.counts.unused.items()))

    def _finding(self, group: str, row: Mapping[str, Any]) -> Finding:
        reference = self._told(self.counts.reference)
        rhat = max(float(row["rhat"]), float(reference["rhat"]))
        if not rhat <= RHAT:
            why = f"Chains do not agree (r-hat {rhat:.2f}, at most {RHAT} wanted): give more of warmup and samples."
            return self._none(group, why)
        swept = self.sweep[self.sweep["group"] == group]
        value, bound = float(row["gap"]), self.held.get(MEASURE)
        return Finding(
            id=f"{MEASURE}/{group}",
            measure="gap of inferred search thresholds",
            subject=f"{group} less {self.counts.reference}",
            value=value,
            low=float(row["gap_low"]),
            high=float(row["gap_high"]),
            level=self.level,
            threshold=bound,
            passes=keeps_within(MEASURE, value, bound),
            limits=self._moved(swept),
            details={
                "group": group,
                **{name: float(row[name]) for name in ("threshold", "low", "high")},
                "reference_threshold": float(reference["threshold"]),
                "interval": "central credible interval of the posterior",
                **{name: int(row[name]) for name in ("stops", "searches", "hits")},
                "rhat": rhat,
                "sweep": plain_rows(swept.drop(columns="group")),
                **{name: float(row[name]) for name in ("search_p", "hit_p")},
            },
        )

    def _moved(self, swept: pd.DataFrame) -> tuple[str, ...]:
        sides = {_side(low, high) for low, high in zip(swept["low"], swept["high"], strict=True)}
        if len(sides) < 2:
            return ()
        told = ", ".join(
            f"{r.gap:+.3f} ({r.low:+.3f} to {r.high:+.3f}) at {r.scale:g}" for r in swept.itertuples()
        )
        return (f"Whether there is a gap hangs on how wide the priors are: {told} times their width.",)

    def _none(self, group: str, why: str) -> Finding:
        return Finding(
            id=f"{MEASURE}/{group}",
            measure="gap of inferred search thresholds",
            subject=f"{group} less {self.counts.reference}",
            value=None,
            low=None,
            high=None,
            level=self.level,
            threshold=self.held.get(MEASURE),
            limits=(why,),
            details={"group": group},
        )

    def _told(self, group: str) -> dict[str, Any]:
        return dict(self.table[self.table["group"] == group].iloc[0])

    def notes(self) -> tuple[str, ...]:
        """What these counts leave open."""
        notes, c = list(self.counts.notes), self.convergence
        if len(self.counts.districts) < FEW_DISTRICTS:
            notes.append(
                f"There are {len(self.counts.districts)} districts only: how far districts differ, and with it the "
                "width of the intervals, comes from the priors more than from the counts."
            )
        if not c.rhat <= RHAT:
            notes.append(f"Chains do not agree on the parameter {c.worst!r} (r-hat {c.rhat:.2f}).")
        if c.divergences > c.draws / 100:
            notes.append(
                f"{c.divergences} of {c.draws} steps of the sampler diverged: parts of the posterior may be missed."
            )
        p = self.table.set_index("group")[["search_p", "hit_p"]].min(axis=1)
        notes += [
            f"For {group} the model does not bring forth such counts (posterior predictive p {value:.3f})."
            for group, value in p.items()
            if value < POOR_FIT
        ]
        return tuple(notes)
