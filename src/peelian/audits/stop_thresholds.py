"""The threshold test on stop records: counts by area and group for `peelian.audits.threshold_test`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from peelian.audits.benchmark import groups_to_compare
from peelian.audits.finding import Threshold
from peelian.audits.stop_records import StopRecords
from peelian.audits.threshold_test import ThresholdTest, threshold_test
from peelian.errors import NotEnoughDataError

__all__ = ["counts_by_area", "inferred_thresholds"]


def counts_by_area(records: StopRecords, *, reference: str | None = None) -> pd.DataFrame:
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
        ``district``, ``group``, ``stops``, ``searches``, ``hits``.

    Raises
    ------
    NotEnoughDataError
        Every stop is a search, or outcomes or areas are not known.
    """
    chosen, others = groups_to_compare(records, reference)
    frame = records.frame
    search, hit = frame["search"], frame["hit"]
    known = (search.notna() & frame["area"].notna() & frame["group"].isin([chosen, *others])).to_numpy()
    searched = search.fillna(False).to_numpy(dtype=bool)
    if not known.any():
        msg = "no stop has an area and a group, and is known to be with a search or without; expected some"
        raise NotEnoughDataError(msg, hint="--map place=COLUMN,search=COLUMN")
    if bool(searched[known].all()):
        msg = (
            "every stop in these records is a search; expected stops without one too, to tell a threshold by"
        )
        raise NotEnoughDataError(msg, hint="give all stops, and not searches alone")
    known = known & (~searched | hit.notna().to_numpy())
    if not (known & searched).any():
        msg = "it is not known of any search what it found; expected a column of what searches found"
        raise NotEnoughDataError(msg, hint="--map hit=COLUMN")
    held = pd.DataFrame(
        {
            "district": frame.loc[known, "area"].to_numpy(dtype=object),
            "group": frame.loc[known, "group"].to_numpy(dtype=object),
            "stops": 1,
            "searches": searched[known].astype(np.int64),
            "hits": (searched & hit.fillna(False).to_numpy(dtype=bool))[known].astype(np.int64),
        }
    )
    return held.groupby(["district", "group"], as_index=False)[["stops", "searches", "hits"]].sum()


def inferred_thresholds(
    records: StopRecords,
    *,
    reference: str,
    level: float = 0.95,
    seed: int = 0,
    thresholds: Mapping[str, Threshold] | None = None,
) -> ThresholdTest:
    """Make the threshold test of stop records.

    Raises
    ------
    MissingExtraError
        NumPyro is not installed.
    NotEnoughDataError
        See `counts_by_area` and `peelian.audits.threshold_test.threshold_test`.
    """
    counts = counts_by_area(records, reference=reference)
    return threshold_test(counts, reference=reference, level=level, seed=seed, thresholds=thresholds)
