"""Incidents made up with known series, for the tests of links."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from peelian.records import Incidents

CRS, ZONE = "EPSG:26915", "America/Chicago"


def make_series(
    *, series: int = 40, alone: int = 300, seed: int = 0, days: int = 365, near: float = 300.0
) -> tuple[Incidents, pd.DataFrame, pd.Series]:
    """Incidents of `series` series of two to five, close in place and time and mostly of one manner, and others."""
    rng = np.random.default_rng(seed)
    size = rng.integers(2, 6, series)
    name = np.concatenate([np.repeat(np.arange(series), size), series + np.arange(alone)])
    groups = series + alone
    centre = rng.normal(0, 3000, (groups, 2))
    day = rng.uniform(0, days, groups)
    entry = rng.choice(list("abcdefgh"), groups, p=np.array([30, 20, 15, 12, 10, 6, 4, 3]) / 100)
    n = name.size
    place = centre[name] + rng.normal(0, near, (n, 2))
    time = day[name] + rng.exponential(8, n)
    own = rng.choice(list("abcdefgh"), n)
    code = np.where(rng.random(n) < 0.7, entry[name], own).astype(object)
    code[rng.random(n) < 0.1] = None
    start = np.datetime64("2024-01-01T00:00", "m") + (time * 1440).astype("timedelta64[m]")
    frame = pd.DataFrame(
        {
            "id": [f"i{k}" for k in range(n)],
            "source": "made",
            "occurred_from": start,
            "occurred_to": np.where(
                rng.random(n) < 0.5, start, start + rng.integers(10, 2000, n).astype("timedelta64[m]")
            ),
            "resolution": "minute",
            "category": "burglary",
            "label": "burglary",
            "officer_initiated": False,
            "x": 740_000 + place[:, 0],
            "y": 4_280_000 + place[:, 1],
        }
    )
    order = rng.permutation(n)
    frame = frame.iloc[order].reset_index(drop=True)
    manner = pd.DataFrame(
        {"entry": code[order], "value": rng.normal(name[order] % 7, 1.0)}, index=frame["id"]
    )
    labels = pd.Series([f"s{k}" for k in name[order]], index=frame["id"])
    return Incidents(frame, CRS, ZONE), manner, labels


@pytest.fixture(scope="session")
def made_series() -> Callable[..., tuple[Incidents, pd.DataFrame, pd.Series]]:
    return make_series
