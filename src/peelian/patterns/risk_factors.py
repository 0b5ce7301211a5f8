"""Which features of places reports go along with, how much, and whether they say more than a count of the past does.

Many forms of the features compete in an elastic net; the few that stay, and stay in half samples, make a short
negative-binomial model that can be read. Whether it says anything is tried on blocks of the area that it has not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse, stats

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.base import (
    Pattern,
    axes,
    check_level,
    check_replicates,
    false_discovery,
    monte_carlo_p,
)
from peelian.patterns.knox_interval import blocks_of
from peelian.patterns.negative_binomial import NegativeBinomial, fit_negative_binomial
from peelian.patterns.neighbours import contiguous
from peelian.patterns.point_events import plain
from peelian.patterns.poisson_net import poisson_deviance
from peelian.patterns.risk_choice import Choice, choose, folds_of, inflation
from peelian.patterns.risk_terms import WITHIN, Term, terms_of
from peelian.places.counts import Counts
from peelian.places.grid import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RiskFactors", "risk_factors"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST_CELLS, FEWEST_REPORTS, FEWEST_BLOCKS = 160, 50, 8
SHRINKS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

LIMITS = (
    "Association is not causation: a feature may stand for something beside it that was not given (confounding).",
    "It is about cells: what holds of places need not hold of anyone in them (the ecological fallacy).",
    "The intervals are too narrow: features were chosen from the same reports, and are taken as if given.",
    "These are reports: where more is reported of what happens, features of such places seem to matter.",
)


@dataclass(frozen=True, eq=False)
class RiskFactors(Pattern):
    """A short model of the reports of cells by features of places, and what it is worth.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a feature that was kept: ``feature``, ``form``, ``step`` (what the ratio is for), ``rate_ratio`` with
        ``low`` and ``high``, ``p``, ``q``, ``chosen`` (share of half samples in which it was kept) and ``vif``.
    stability : pandas.DataFrame
        All forms: ``feature``, ``form``, ``chosen``.
    left_out : dict of str to str
        Features and forms that were not used or not kept, and why.
    skill : pandas.DataFrame
        On unseen blocks: ``model`` ("features", "counting the past"), ``skill`` (share of the deviance of a constant
        rate that it takes away), ``low`` and ``high``.
    model : NegativeBinomial
    moran, moran_p : float
        Moran's I of what the model leaves, and its Monte Carlo p: near cells that are left alike tell of a feature
        that is missing.
    """

    table: pd.DataFrame
    stability: pd.DataFrame
    left_out: dict[str, str]
    skill: pd.DataFrame
    model: NegativeBinomial
    moran: float
    moran_p: float
    expected: Floats
    grid: Grid
    reports: int
    blocks: int
    settings: dict[str, Any]

    @property
    def frame(self) -> pd.DataFrame:
        """One row a feature that was kept, the strongest first."""
        return self.table

    def sentence(self) -> str:
        """What was found and how sure that is."""
        among = f"Of {self.settings['features']} features of {len(self.grid):,} cells with {self.reports:,} reports"
        if not len(self.table):
            return f"{among}, none goes along with how many there are."
        row = self.table.iloc[0]
        way = "more" if row["rate_ratio"] > 1 else "fewer"
        told = (
            f"{among}, {len(self.table)} go along with how many there are, most of all {row['feature']}: "
            f"{row['rate_ratio']:.2f} times as many ({row['low']:.2f} to {row['high']:.2f}), so {way}, "
            f"for {row['step']}"
        )
        skill = {str(row["model"]): row for row in self.skill.to_dict("records")}
        ours = skill["features"]
        told += (
            f". On blocks it had not seen, the model takes away {ours['skill']:.0%} of the error of a constant rate "
            f"({ours['low']:.0%} to {ours['high']:.0%})"
        )
        if "counting the past" in skill:
            peer = float(skill["counting the past"]["skill"])
            told += f", a count of the past {peer:.0%}"
            told += ": the count is the better forecast" if peer >= ours["skill"] else ""
        return f"{told}. This is association between cells: it does not say why."

    def to_dict(self) -> dict[str, Any]:
        """Settings, numbers and limits as plain data."""
        limits = list(LIMITS)
        if self.moran_p <= 0.05:
            limits.append("What the model leaves is alike in near cells: a feature that matters is missing.")
        made: dict[str, Any] = plain(
            {
                "settings": self.settings,
                "reports": self.reports,
                "cells": len(self.grid),
                "blocks": self.blocks,
                "features": self.table.to_dict("records"),
                "stability": self.stability.to_dict("records"),
                "left_out": self.left_out,
                "skill": self.skill.to_dict("records"),
                "dispersion": self.model.dispersion,
                "moran": {"i": self.moran, "p": self.moran_p},
                "sentence": self.sentence(),
                "limits": limits,
            }
        )
        return made

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The rate ratios with their intervals."""
        ax = axes(ax)
        t = self.table.iloc[::-1]
        at = np.arange(len(t))
        ax.errorbar(
            t["rate_ratio"],
            at,
            xerr=[t["rate_ratio"] - t["low"], t["high"] - t["rate_ratio"]],
            fmt="o",
            color="black",
            capsize=3,
        )
        ax.axvline(1, color="0.6", linewidth=0.8)
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.set_yticks(at, [f"{r.form}\n({r.step})" for r in t.itertuples()], fontsize="small")
        ax.margins(y=0.2)
        ax.set_xlabel("times as many reports (association)")
        return ax


def risk_factors(
    counts: Counts,
    *,
    features: Mapping[str, npt.NDArray[np.float64]] | None = None,
    past: Counts | None = None,
    exposure: npt.ArrayLike | None = None,
    within: Sequence[float] = WITHIN,
    mix: float = 0.5,
    most: int = 6,
    least_chosen: float = 0.8,
    folds: int = 5,
    samples: int = 50,
    level: float = 0.05,
    replicates: int = 999,
    seed: int = 0,
) -> RiskFactors:
    """Choose features by an elastic net and fit those that stay, with their error on blocks not seen.

    Parameters
    ----------
    counts : Counts
    features : mapping of str to array of float, shape (n_cells,), optional
        In place of ``counts.features``: of places, never of groups of residents. Names that begin with ``distance`` are
        distances in km, as :func:`peelian.places.distance_to` gives them.
    past : Counts, optional
        Of the same cells, before: what a plain count would go by. Without it there is only a constant to beat.
    exposure : array of float, shape (n_cells,), optional
        What reports are out of; the area of each cell in the study area without it.
    within : sequence of float
        Reach in km for the forms of distances.
    mix : float
        Of the elastic net; 1 is the lasso.
    most : int
        Features in the short model.
    least_chosen : float
        In which share of half samples of blocks a feature must stay.
    folds, samples
        Folds of blocks, and half samples.
    level : float
        1 minus the cover of the intervals.
    replicates : int
        Permutations for Moran's I.
    seed : int

    Raises
    ------
    NotEnoughDataError
        Fewer than 160 cells, 50 reports or 8 blocks, or no feature that differs between cells.
    UsageError
        A feature is about a group of residents, or of another length; or counts are on different grids.

    Notes
    -----
    Caplan, Kennedy and Miller (2011), "Risk terrain modeling", Justice Quarterly 28; as in their software, a penalised
    Poisson regression chooses, and a negative-binomial one is read. Errors of the ratios are by blocks of the area.
    """
    held = counts if features is None else replace(counts, features=dict(features))
    check_level(level)
    check_replicates(replicates)
    if not (0 < mix <= 1 and most >= 1 and folds >= 2 and samples >= 1 and 0 <= least_chosen <= 1):
        msg = f"mix={mix}, most={most}, folds={folds}, samples={samples}, least_chosen={least_chosen} were given"
        raise UsageError(
            msg, hint="mix above 0 to 1, most and samples from 1, folds from 2, least_chosen from 0 to 1"
        )
    y, offset, block = _prepared(held, past, exposure, folds)
    terms, left_out = terms_of(held.features, within=within)
    if not terms:
        msg = f"{len(held.features)} features were given, of which none differs enough between cells"
        raise NotEnoughDataError(msg, hint="features from peelian.places.distance_to, in counts.features")
    rng = np.random.default_rng(seed)
    settings: dict[str, Any] = {
        "mix": mix,
        "folds": folds,
        "samples": samples,
        "most": most,
        "least_chosen": least_chosen,
    }
    choice = choose(terms, y, offset, block, rng=rng, **settings)
    x = _columns(terms, choice)
    model = fit_negative_binomial(x, y, offset, block)
    skill = _skill(terms, y, offset, block, past, settings, level, rng)
    expected = model.mean(x, offset)
    left = (y - expected) / np.sqrt(expected + model.dispersion * expected**2)
    moran, p = _moran(left, held.grid, replicates, rng)
    forms = [(t.feature, t.name, float(c)) for t, c in zip(terms, choice.chosen, strict=True)]
    return RiskFactors(
        table=_table(terms, choice, model, x, level),
        stability=pd.DataFrame(forms, columns=["feature", "form", "chosen"]),
        left_out={**left_out, **choice.dropped},
        skill=skill,
        model=model,
        moran=moran,
        moran_p=p,
        expected=expected,
        grid=held.grid,
        reports=int(y.sum()),
        blocks=int(np.unique(block).size),
        settings={
            **settings,
            "features": len(held.features),
            "within_km": list(within),
            "level": level,
            "replicates": replicates,
            "seed": seed,
            "penalty": choice.penalty,
            "grid": held.grid.to_dict(),
        },
    )


def _prepared(
    counts: Counts, past: Counts | None, exposure: npt.ArrayLike | None, folds: int
) -> tuple[Floats, Floats, Ints]:
    """Reports, logarithm of the exposure, and block of each cell."""
    grid = counts.grid
    if past is not None and past.grid != grid:
        msg = "the past is counted on another grid"
        raise UsageError(msg, hint="count both with the same grid")
    base = grid.area if exposure is None else np.asarray(exposure, dtype=np.float64)
    if base.shape != (len(grid),) or not np.all(np.isfinite(base)) or not np.all(base > 0):
        msg = f"an exposure of shape {base.shape} was given; expected a number above 0 for each of {len(grid)} cells"
        raise UsageError(msg)
    y = counts.by_cell.astype(np.float64)
    block = blocks_of(*grid.centres())
    blocks = int(np.unique(block).size)
    if len(grid) < FEWEST_CELLS or y.sum() < FEWEST_REPORTS or blocks < max(FEWEST_BLOCKS, folds):
        msg = (
            f"{len(grid):,} cells in {blocks} blocks with {int(y.sum()):,} reports were given; expected at least "
            f"{FEWEST_CELLS}, {max(FEWEST_BLOCKS, folds)} and {FEWEST_REPORTS}"
        )
        raise NotEnoughDataError(msg, hint="smaller cells, or more years")
    return y, np.log(base), block


def _columns(terms: list[Term], choice: Choice) -> Floats:
    """The kept forms, each in units of the step that its ratio is for."""
    if not choice.kept:
        return np.zeros((terms[0].values.size, 0))
    return np.column_stack([terms[j].values / terms[j].size for j in choice.kept])


def _table(
    terms: list[Term], choice: Choice, model: NegativeBinomial, x: Floats, level: float
) -> pd.DataFrame:
    low, high = (np.exp(b[1:]) for b in model.interval(level=level))
    kept = [terms[j] for j in choice.kept]
    made = pd.DataFrame(
        {
            "feature": [t.feature for t in kept],
            "form": [t.name for t in kept],
            "step": [t.step for t in kept],
            "rate_ratio": np.exp(model.coefficients[1:]),
            "low": low,
            "high": high,
            "p": model.p()[1:],
            "q": false_discovery(model.p()[1:]),
            "chosen": [choice.by_feature[t.feature] for t in kept],
            "vif": inflation(x),
        }
    )
    order = np.argsort(-np.abs(np.log(made["rate_ratio"].to_numpy())), kind="stable")
    return made.iloc[order].reset_index(drop=True)


def _skill(
    terms: list[Term],
    y: Floats,
    offset: Floats,
    block: Ints,
    past: Counts | None,
    settings: dict[str, Any],
    level: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Deviance on blocks left out, where the whole choice was made without them."""
    fold = folds_of(block, settings["folds"], rng)
    constant, model, counted = np.zeros(y.size), np.zeros(y.size), np.zeros(y.size)
    before = None if past is None else past.by_cell.astype(np.float64)
    for f in range(settings["folds"]):
        out = fold == f
        seen = [replace(t, values=t.values[~out]) for t in terms]
        # Forms that differ only in the blocks left out can't be chosen without them.
        usable = [j for j, t in enumerate(seen) if np.ptp(t.values) > 0]
        choice = choose([seen[j] for j in usable], y[~out], offset[~out], block[~out], rng=rng, **settings)
        kept = [terms[usable[j]] for j in choice.kept]
        x = np.column_stack([np.zeros((y.size, 0)), *[t.values / t.size for t in kept]])
        fitted = fit_negative_binomial(x[~out], y[~out], offset[~out], block[~out])
        # Beyond the range that was seen, a feature is taken to be at its end.
        within = np.clip(x[out], x[~out].min(axis=0), x[~out].max(axis=0)) if kept else x[out]
        model[out] = fitted.mean(within, offset[out])
        constant[out] = np.exp(offset[out]) * y[~out].sum() / np.exp(offset[~out]).sum()
        if before is not None:
            counted[out] = _counting(before, y, offset, out)
    rows = [_skill_row("features", y, model, constant, block, level)]
    if before is not None:
        rows.append(_skill_row("counting the past", y, counted, constant, block, level))
    return pd.DataFrame(rows)


def _counting(before: Floats, y: Floats, offset: Floats, out: npt.NDArray[np.bool_]) -> Floats:
    """The past counts, drawn towards their mean by as much as serves the cells seen best, and scaled to them."""
    size = np.exp(offset)
    rate = max(float(before.sum()), 0.5) / size.sum()
    best, least = np.zeros(int(out.sum())), np.inf
    for shrink in SHRINKS:
        # As if each cell had had so many reports more, spread by its size.
        mean = before + (shrink + 1e-6) * size / size.mean() * min(rate * size.mean(), 1.0)
        mean = mean * y[~out].sum() / mean[~out].sum()
        lost = float(poisson_deviance(y[~out], mean[~out]).sum())
        if lost < least:
            best, least = mean[out], lost
    return best


def _skill_row(
    name: str, y: Floats, mean: Floats, constant: Floats, block: Ints, level: float
) -> dict[str, Any]:
    number = np.unique(block, return_inverse=True)[1]
    ours, theirs = (np.bincount(number, poisson_deviance(y, m)) for m in (mean, constant))
    if not theirs.sum() > 0:
        # A constant is right everywhere: nothing is left to explain.
        return {"model": name, "skill": 0.0, "low": np.nan, "high": np.nan}
    skill = 1 - ours.sum() / theirs.sum()
    # Of a ratio of sums over blocks.
    each = theirs - ours - skill * theirs
    n = each.size
    reach = stats.t.ppf(1 - level / 2, n - 1) * np.sqrt(n / (n - 1) * (each**2).sum()) / theirs.sum()
    return {"model": name, "skill": skill, "low": skill - reach, "high": skill + reach}


def _moran(left: Floats, grid: Grid, replicates: int, rng: np.random.Generator) -> tuple[float, float]:
    """Moran's I of residuals over cells that touch, and its p by permutation, one-sided for likeness."""
    near = contiguous(grid)
    links = sparse.csr_array(
        (np.ones(near.indices.size), near.indices, near.indptr), shape=(len(grid), len(grid))
    )
    z = left - left.mean()
    scale = len(grid) / max(near.indices.size, 1) / max(float(z @ z), 1e-300)
    found = float(scale * (z @ (links @ z)))
    drawn = np.array([scale * (d @ (links @ d)) for d in (rng.permutation(z) for _ in range(replicates))])
    return found, float(monte_carlo_p((drawn >= found - 1e-12).sum(), replicates))
