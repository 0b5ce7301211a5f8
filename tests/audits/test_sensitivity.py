from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from peelian.audits.finding import Finding, Threshold
from peelian.audits.sensitivity import SensitivityAudit, sensitivity_audit
from peelian.errors import UsageError

from .cities import City, city


def audit(place: City, hours: object, **more: object) -> SensitivityAudit:
    given = {"residents": place.residents, "reference": "b", "x": place.x, "y": place.y, "replicates": 200}
    return sensitivity_audit(hours, **{**given, **more})  # type: ignore[arg-type]


def finding(found: SensitivityAudit, name: str) -> Finding:
    return next(one for one in found.findings if one.id.startswith(name))


def test_units_are_joined_as_by_hand() -> None:
    place = city(4, seed=1)
    hours = np.arange(16.0)
    found = audit(place, hours, sides=[500.0], origins=4, block_sides=[500.0], block_side=500.0)
    a, b = (place.residents[g].to_numpy() for g in "ab")
    for (fx, fy), row in found.frame[found.frame["side"].notna()].groupby(["shift_x", "shift_y"]):
        label = np.floor(place.x / 500 - fx) * 100 + np.floor(place.y / 500 - fy)
        joined = pd.DataFrame({"l": label, "h": hours, "a": a, "b": b}).groupby("l").sum()
        by_hand = (joined.h @ joined.a / a.sum()) / (joined.h @ joined.b / b.sum())
        assert row["ratio"].iloc[0] == pytest.approx(by_hand)
        assert row["units"].iloc[0] == len(joined)
    assert len(found.frame) == 1 + 4 + 1


def test_a_trend_over_the_whole_city_hangs_on_no_grid() -> None:
    place = city(32, smooth=6)
    found = audit(place, 1 + place.share, sides=[500.0, 1000.0])
    assert finding(found, "grid_range").value < 1.12


def test_a_difference_within_a_square_vanishes_in_larger_ones() -> None:
    # A chequer board of 250 m: the group lives on the black squares, the hours are there.
    side = 16
    rows, columns = np.divmod(np.arange(side * side), side)
    black = (rows + columns) % 2 == 0
    residents = pd.DataFrame({"a": 100.0 * black, "b": 100.0 * ~black})
    place = City(250.0 * columns + 125, 250.0 * rows + 125, residents, np.zeros(256, dtype=np.int64))
    found = audit(place, np.where(black, 3.0, 1.0), sides=[500.0], origins=1)
    cells = found.frame[found.frame["varied"] == "units"]
    assert cells["ratio"].tolist() == pytest.approx([3.0, 1.0])
    one = finding(found, "grid_range")
    assert one.value == pytest.approx(3.0)
    assert (one.details["smallest"], one.details["as_they_are"]) == pytest.approx((1.0, 3.0))
    assert "1 to 3 over 2 ways" in found.sentences()[0]
    held = audit(
        place, np.where(black, 3.0, 1.0), thresholds={"grid_range": Threshold(1.5, "the board", "2026-01-01")}
    )
    assert finding(held, "grid_range").passes is False


def test_zones_are_units_too() -> None:
    place = city(16)
    zones = (place.x // 1000).astype(str)
    found = audit(place, place.share, zones={"strips": zones}, sides=[500.0], origins=1)
    row = found.frame.set_index("setting").loc["strips"]
    assert row["units"] == 4
    with pytest.raises(UsageError, match="strips"):
        audit(place, place.share, zones={"strips": zones[:3]})


def test_blocks_change_the_interval_and_not_the_ratio() -> None:
    place = city(24, seed=5)
    numbered = np.unique(place.block, return_inverse=True)[1]
    hours = np.exp(np.random.default_rng(0).normal(size=numbered.max() + 1))[numbered]
    found = audit(place, hours, sides=[500.0], origins=1, block_sides=[250.0, 1000.0, 2000.0], replicates=800)
    blocks = found.frame[found.frame["varied"] == "blocks"]
    assert np.ptp(blocks["ratio"]) < 1e-12
    width = np.log(blocks["high"].astype(float) / blocks["low"].astype(float)).to_numpy()
    assert width[1] > 1.5 * width[0]
    widest = finding(found, "exposure_over_blocks")
    assert (widest.low, widest.high) == (blocks["low"].min(), blocks["high"].max())


def test_no_presence_and_small_groups_are_told() -> None:
    place = city(16)
    nobody = audit(place, np.zeros(256))
    assert finding(nobody, "grid_range").value is None
    json.dumps(nobody.to_dict(), allow_nan=False)
    small = audit(place._replace(residents=place.residents.assign(c=12 / 256)), np.ones(256))
    assert "fewer than 100" in finding(small, "grid_range/units/c").limits[0]


@pytest.mark.parametrize(
    "more", [{"origins": 3}, {"sides": [0.0]}, {"block_side": np.nan}, {"x": np.ones(3)}]
)
def test_what_is_off_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        audit(city(8), np.ones(64), **more)


def test_the_same_bytes() -> None:
    place = city(16)
    first, second = (json.dumps(audit(place, place.share).to_dict(), allow_nan=False) for _ in range(2))
    assert first == second
