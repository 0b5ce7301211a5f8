"""Stops with a known truth: who is about, who is stopped for being seen, who is searched and what is found."""

from __future__ import annotations

import numpy as np
import pandas as pd

from peelian.audits.solar import CIVIL, sun_crossing
from peelian.audits.stop_records import StopRecords, stop_records

ZONE, LAT, LON = "America/Chicago", 44.98, -93.27
MAP = {"time": "when", "place": "area", "group": "group", "search": "search", "hit": "hit", "basis": "basis"}


def stops_by_light(n: int = 20_000, *, ratio: float = 1.0, seed: int = 0) -> StopRecords:
    """A year of stops between 16:00 and 22:00 in which dark multiplies the odds of X by `ratio`.

    The share of X depends on the clock time and on the area, and areas are attended at other times, so that a plain
    comparison of dark with light is off.
    """
    rng = np.random.default_rng(seed)
    days = np.datetime64("2022-01-01") + rng.integers(0, 365, n)
    area = rng.integers(0, 8, n)
    minute = np.clip(rng.normal(16 * 60 + 60 + 25 * area, 70), 16 * 60, 22 * 60 - 1)
    calendar = np.arange(np.datetime64("2022-01-01"), np.datetime64("2023-01-01"))
    dusk = pd.DatetimeIndex(sun_crossing(calendar, lat=LAT, lon=LON, altitude=CIVIL, rising=False))
    wall = dusk.tz_localize("UTC").tz_convert(ZONE).tz_localize(None)
    at = (wall - pd.DatetimeIndex(calendar.astype("datetime64[s]"))).total_seconds().to_numpy() / 60
    dark = minute > at[(days - calendar[0]).astype(int)]
    hours = (minute - 19 * 60) / 60
    odds = np.exp(-0.4 + 0.5 * np.sin(hours) + 0.25 * (area - 3.5) + np.log(ratio) * dark)
    group = np.where(rng.random(n) < odds / (1 + odds), "X", "Y")
    when = pd.DatetimeIndex(days.astype("datetime64[s]")) + pd.to_timedelta(np.floor(minute), unit="m")
    table = pd.DataFrame({"when": when, "area": [f"area {k}" for k in area], "group": group})
    return stop_records(table, mapping={k: MAP[k] for k in ("time", "place", "group")}, zone=ZONE)


def stops_by_area(
    n: int = 6000, *, rate: float = 1.0, hit_gap: float = 0.0, missing: float = 0.0, seed: int = 0
) -> tuple[StopRecords, pd.DataFrame]:
    """Stops of X and Y in 40 areas, and the residents: X is stopped `rate` times as often for each resident."""
    rng = np.random.default_rng(seed)
    residents = pd.DataFrame(
        {
            "area": [f"area {k}" for k in range(40)],
            "x": rng.integers(200, 3000, 40),
            "Y": rng.integers(200, 3000, 40),
        }
    )
    residents["population"] = residents["x"] + residents["Y"] + 100
    weight = np.concatenate([residents["x"] * rate, residents["Y"]]).astype(float)
    drawn = rng.choice(80, n, p=weight / weight.sum())
    group = np.where(drawn < 40, "X", "Y").astype(object)
    share = np.where(group == "X", 0.3 + hit_gap, 0.3)
    hit = rng.random(n) < share
    when = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 365 * 24 * 60, n), unit="min")
    group[rng.random(n) < missing] = None
    table = pd.DataFrame(
        {
            "when": when,
            "area": [f"area {k % 40}" for k in drawn],
            "group": group,
            "search": np.where(rng.random(n) < 0.4, "yes", "no"),
            "hit": np.where(hit, "yes", "no"),
            "basis": np.where(rng.random(n) < 0.6, "traffic", "suspicion"),
        }
    )
    return stop_records(table, mapping=MAP, zone=ZONE), residents
