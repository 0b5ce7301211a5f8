"""Features of pairs: in plain units, and in the bins of the models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peelian.errors import NotEnoughDataError, ResolutionError
from peelian.patterns import pairs
from peelian.patterns.differences import expected_circular
from peelian.patterns.pairs import compare, pair_bins, prepare
from peelian.records import Incidents

CRS, ZONE = "EPSG:26915", "America/Chicago"


def some(n: int = 60, seed: int = 0) -> tuple[Incidents, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    start = np.datetime64("2024-01-01T00:00", "m") + rng.integers(0, 60 * 1440, n).astype("timedelta64[m]")
    longer = rng.choice([0, 0, 30, 600, 3000, 20_000], n).astype("timedelta64[m]")
    made = Incidents.of(rng.uniform(0, 9000, n), rng.uniform(0, 9000, n), start, crs=CRS, zone=ZONE)
    frame = made.frame
    frame["occurred_to"] = start + longer
    manner = pd.DataFrame(
        {"entry": rng.choice(["a", "b", "c", None], n), "floors": rng.choice([0.0, 1, 2, np.nan], n)},
        index=frame["id"],
    )
    return Incidents(frame, CRS, ZONE), manner


def all_pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    one, two = np.triu_indices(n, 1)
    return one, two


def test_features_in_plain_units() -> None:
    incidents = Incidents.of(
        [0, 300], [0, 400], np.array(["2024-01-01T23:00", "2024-01-03T01:00"], "M8[m]"), crs=CRS, zone=ZONE
    )
    row = compare(prepare(incidents), [0], [1]).iloc[0]
    assert row["metres"] == pytest.approx(500)
    assert row["nearness"] == pytest.approx(500), "with two incidents one place is as dense as the other"
    assert row["days"] == pytest.approx(26 / 24)
    assert row["days_least"] == pytest.approx(26 / 24)
    assert row["hours"] == pytest.approx(2)
    assert row["weekdays"] == pytest.approx(26 / 24)


def test_feet_are_turned_into_metres() -> None:
    times = np.array(["2024-01-01", "2024-01-02"], "M8[m]")
    feet = Incidents.of([0, 1000], [0, 0], times, crs="ESRI:102696", zone=ZONE)
    assert compare(prepare(feet), [0], [1])["metres"][0] == pytest.approx(304.8, rel=1e-5)


def test_bins_are_those_of_a_plain_reference() -> None:
    incidents, manner = some()
    made = prepare(incidents, manner=manner, numeric=["floors"])
    one, two = all_pairs(len(made))
    scales = np.array([0.8])
    bins = pair_bins(made, one, two, scales=scales)
    plain = compare(made, one, two)

    def leading_bits(value: np.ndarray) -> np.ndarray:
        return (np.float32(value + 1).view(np.int32) - np.float32(1).view(np.int32)) >> 19

    squared = ((made.x[one] - made.x[two]) ** 2 + (made.y[one] - made.y[two]) ** 2) * (
        made.thinness[one] * made.thinness[two]
    )
    assert np.array_equal(bins[0], leading_bits(squared / 100))
    minutes = np.round(plain["days"].to_numpy() * 1440, 9)
    off = bins[1] - leading_bits(minutes / 15)
    assert np.abs(off).max() <= 1, "the reference rounds minutes through days"
    assert (off != 0).mean() < 0.01
    for row, first, length, slots, last in (
        (bins[2], made.hour, made.hours, 48, 25),
        (bins[3], made.weekday, made.weekdays, 56, 29),
    ):
        for k in range(0, one.size, 97):
            a, b = one[k], two[k]
            if length[a] >= slots or length[b] >= slots:
                assert row[k] == last
            else:
                wanted = expected_circular(
                    float(first[a]),
                    float(first[a] + length[a]),
                    float(first[b]),
                    float(first[b] + length[b]),
                    slots,
                )
                assert abs(row[k] - wanted) <= 0.5 + 1e-9
    codes, levels = made.manner.codes[0], len(made.manner.levels[0])
    missing = (codes[one] == -1) | (codes[two] == -1)
    wanted = np.where(missing, levels + 1, np.where(codes[one] == codes[two], codes[one], levels))
    assert np.array_equal(bins[4], wanted)
    apart = np.abs(made.manner.values[0][one] - made.manner.values[0][two]) / 0.8
    with np.errstate(invalid="ignore"):
        wanted = np.where(np.isnan(apart), pairs.NUMBER_BINS, leading_bits(np.nan_to_num(4 * apart)))
    assert np.array_equal(bins[5], wanted)


def test_bins_don_t_depend_on_the_order_of_a_pair() -> None:
    incidents, manner = some(seed=3)
    made = prepare(incidents, manner=manner, numeric=["floors"])
    one, two = all_pairs(len(made))
    there, back = (pair_bins(made, a, b, scales=np.ones(1)) for a, b in ((one, two), (two, one)))
    assert np.array_equal(there, back)


def test_values_of_bins_lie_in_them() -> None:
    values = pairs.bin_values(400)
    assert values[0] == 0
    assert (np.diff(values) > 0).all()
    bits = (np.float32(values + 1).view(np.int32) - np.float32(1).view(np.int32)) >> 19
    assert np.array_equal(bits, np.arange(400))


def test_a_code_no_model_knows_is_the_same_as_no_other() -> None:
    incidents, _ = some(4)
    manner = pd.DataFrame({"entry": ["a", "z", "z", None]}, index=incidents.frame["id"])
    made = prepare(incidents, manner=manner, fields=["entry"], levels=[["a", "b"]])
    bins = pair_bins(made, *all_pairs(4), scales=np.empty(0))[4]
    # (a,z) (a,z) (a,missing) (z,z) (z,missing) (z,missing): 2 differs, 3 is missing
    assert bins.tolist() == [2, 2, 3, 2, 3, 3]


def test_near_in_a_dense_place_counts_for_less() -> None:
    rng = np.random.default_rng(0)
    dense, sparse = rng.normal(0, 200, (400, 2)), rng.uniform(-20_000, 20_000, (400, 2))
    place = np.concatenate([dense, sparse])
    times = np.datetime64("2024-01-01", "m") + np.arange(800).astype("timedelta64[h]")
    incidents = Incidents.of(*place.T, times, crs=CRS, zone=ZONE)
    judged = compare(prepare(incidents), [0, 500], [1, 501])
    ratio = judged["nearness"] / judged["metres"]
    assert ratio[0] > 2, "among many neighbours a distance counts as a longer one"
    assert ratio[1] < 1
    plain = compare(prepare(incidents, density=False), [0, 500], [1, 501])
    assert np.allclose(plain["nearness"], plain["metres"])


def test_days_have_no_hours_and_months_no_days() -> None:
    times = np.array(["2024-01-01", "2024-01-08"], "M8[D]")
    by_day = Incidents.of([0, 1], [0, 1], times, crs=CRS, zone=ZONE, resolution="day")
    row = compare(prepare(by_day), [0], [1]).iloc[0]
    assert row["days"] == pytest.approx(7)
    assert row["days_least"] == pytest.approx(6)
    assert row["hours"] == 6, "any hour is as far from any other as hours are on average"
    bins = pair_bins(prepare(by_day), np.array([0]), np.array([1]), scales=np.empty(0))
    assert bins[2, 0] == 25, "unknown"
    assert bins[3, 0] < 29
    by_month = Incidents.of([0, 1], [0, 1], times, crs=CRS, zone=ZONE, resolution="month")
    with pytest.raises(ResolutionError):
        prepare(by_month)


@pytest.mark.parametrize("n", [0, 1])
def test_a_pair_takes_two(n: int) -> None:
    times = np.array(["2024-01-01"] * n, "M8[D]")
    with pytest.raises(NotEnoughDataError, match="takes at least 2"):
        prepare(Incidents.of([0.0] * n, [0.0] * n, times, crs=CRS, zone=ZONE))


def test_ties_and_ends_before_starts() -> None:
    times = np.array(["2024-01-01T10:00"] * 50, "M8[m]")
    tied = Incidents.of([5.0] * 50, [5.0] * 50, times, crs=CRS, zone=ZONE)
    made = prepare(tied)
    assert (pair_bins(made, *all_pairs(50), scales=np.empty(0)) == 0).all()
    frame = tied.frame
    frame["occurred_to"] = times - np.timedelta64(1, "h")
    backwards = prepare(Incidents(frame, CRS, ZONE))
    assert backwards.reversed == 50
    assert np.array_equal(backwards.start, backwards.end)


def test_incidents_a_day() -> None:
    incidents, _ = some(60)
    assert prepare(incidents).per_day == pytest.approx(1.0, rel=0.2)
