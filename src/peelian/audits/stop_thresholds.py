"""The threshold test on stop records: counts by area and group for `peelian.audits.threshold_test`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from peelian.audits.base import Audit
from peelian.audits.benchmark import groups_to_compare
from peelian.audits.finding import Threshold
from peelian.audits.stop_records import StopRecords
from peelian.errors import MissingExtraError, NotEnoughDataError

__all__ = ["inferred_thresholds", "stop_counts"]

FEWEST_AREAS = 5
FEWEST_STOPS, FEWEST_SEARCHES = 5, 30
"""Stops of each group in an area that is used, and searches of a group in all of them."""


def stop_counts(records: StopRecords, *, reference: str | None = None) -> pd.DataFrame:
    """Stops, searches and hits of each area and group.

    Parameters
    ----------
    records : StopRecords
        Only stops with an area and a group, of which it is known whether there was a search, and of searches what they
        found, are counted.
    reference : str, optional

    Returns
    -------
    pandas.DataFrame
        ``area``, ``group``, ``stops``, ``searches``, ``hits``: areas in which each of the compared groups that are
        common enough has stops, so that none is told by the prior alone.

    Raises
    ------
    NotEnoughDataError
        Every stop is a search, outcomes are not known, or fewer than 5 areas have enough stops of two groups.
    """
    chosen, others = groups_to_compare(records, reference)
    frame = records.frame
    search = frame["search"]
    known = (search.notna() & frame["area"].notna() & frame["group"].isin([chosen, *others])).to_numpy()
    searched = search.fillna(False).to_numpy(dtype=bool)
    if not known.any() or bool(searched[known].all()):
        msg = (
            "every stop in these records is a search; expected stops without one too, to tell a threshold by"
        )
        raise NotEnoughDataError(msg, hint="give all stops, and not searches alone")
    hit = frame["hit"]
    known = known & (~searched | hit.notna().to_numpy())
    if not (known & searched).any():
        msg = "it is not known of any search what it found; expected a column of what searches found"
        raise NotEnoughDataError(msg, hint="--map hit=COLUMN")
    held = frame.loc[known, ["area", "group"]].assign(
        stops=1,
        searches=searched[known].astype(int),
        hits=(searched & hit.fillna(False).to_numpy(dtype=bool))[known],
    )
    table = held.groupby(["area", "group"], as_index=False)[["stops", "searches", "hits"]].sum()
    searches = {str(g): int(n) for g, n in table.groupby("group")["searches"].sum().items()}
    groups = [g for g in (chosen, *others) if searches.get(g, 0) >= FEWEST_SEARCHES]
    table = table[table["group"].isin(groups)]
    enough = table[table["stops"] >= FEWEST_STOPS].groupby("area")["group"].nunique()
    areas = sorted(enough[enough == len(groups)].index)
    if len(groups) < 2 or chosen not in groups or len(areas) < FEWEST_AREAS:
        msg = f"{len(areas)} areas have stops of all {len(groups)} groups; expected two groups in {FEWEST_AREAS} areas"
        raise NotEnoughDataError(msg, hint="give larger areas, a longer time, or merge groups")
    table = table[table["area"].isin(areas)].astype(
        {"stops": np.int64, "searches": np.int64, "hits": np.int64}
    )
    return table.reset_index(drop=True)


def inferred_thresholds(
    records: StopRecords,
    *,
    reference: str,
    level: float = 0.95,
    seed: int = 0,
    thresholds: Mapping[str, Threshold] | None = None,
) -> Audit:
    """Make the threshold test of stop records.

    Raises
    ------
    MissingExtraError
        NumPyro is not installed.
    NotEnoughDataError
        See `stop_counts`.
    """
    counts = stop_counts(records, reference=reference)
    try:
        from peelian.audits.threshold_test import threshold_test  # type: ignore[import-not-found]
    except ModuleNotFoundError as error:
        msg = "the threshold test is not installed"
        raise MissingExtraError(msg, hint="pip install 'peelian[bayes]'") from error
    found: Audit = threshold_test(counts, reference=reference, level=level, seed=seed, thresholds=thresholds)
    return found
