"""The Knox table: counts against brute force and pointpats, p-values and intervals against known truth, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import libpysal
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pointpats.spacetime import Knox

from peelian.errors import DataError, ResolutionError, UsageError
from peelian.patterns.knox_counts import (
    LANES,
    count_pairs,
    near_pairs,
    parts_of,
    seeds_of,
    shuffled,
    time_pairs,
)
from peelian.patterns.knox_interval import blocks_of
from peelian.patterns.near_repeat import NearRepeat, band_names, near_repeat, time_names
from peelian.patterns.point_events import MINUTES, point_events
from peelian.records import Incidents

UTM = "EPSG:26916"
TOLERANCE = 1e-6


def incidents(x, y, days, *, crs: str = UTM, resolution: str = "day", start: str = "2016-01-01") -> Incidents:
    time = np.datetime64(start) + np.round(np.asarray(days) * MINUTES).astype("timedelta64[m]")
    return Incidents.of(x, y, time, crs=crs, zone="America/Chicago", resolution=resolution)


def scattered(n: int = 300, *, seed: int = 0, side: float = 2000, days: int = 120) -> Incidents:
    rng = np.random.default_rng(seed)
    # Places are rounded, so that some are the same and some distances are exactly on an edge.
    x, y = rng.integers(0, side // 50, (2, n)) * 50.0
    return incidents(x, y, rng.integers(0, days, n))


def clustered(n: int = 400, *, seed: int = 0, follows: float = 0.3) -> Incidents:
    """Each report is followed by another within 100 m and a week with a probability of `follows`."""
    rng = np.random.default_rng(seed)
    x, y, day = [*rng.uniform(0, 8000, (2, n)), rng.integers(0, 300, n)]
    led = rng.random(n) < follows
    k = int(led.sum())
    angle, far = rng.uniform(0, 2 * np.pi, k), rng.uniform(0, 90, k)
    return incidents(
        np.r_[x, x[led] + far * np.cos(angle)],
        np.r_[y, y[led] + far * np.sin(angle)],
        np.r_[day, day[led] + rng.integers(0, 8, k)],
    )


def brute(x, y, time, distances, edges, *, manhattan: bool = False) -> np.ndarray:
    """The table by way of all n x n distances."""
    i, j = np.triu_indices(x.size, 1)
    dx, dy = x[j] - x[i], y[j] - y[i]
    far = np.abs(dx) + np.abs(dy) if manhattan else np.sqrt(dx * dx + dy * dy)
    gap = np.abs(time[j] - time[i])
    d = np.searchsorted(np.asarray(distances) + TOLERANCE, far)
    t = np.searchsorted(edges, gap)
    table = np.zeros((len(distances) + 1, len(edges) + 1), dtype=np.int64)
    np.add.at(table, (d, t), 1)
    return table[:-1, :-1]


# --- counts ---------------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(
    n=st.integers(0, 60),
    side=st.sampled_from([1, 300, 3000, 1_000_000]),
    distances=st.lists(st.sampled_from([0, 25, 50, 100, 150, 400, 5000]), min_size=1, unique=True).map(
        sorted
    ),
    days=st.lists(st.sampled_from([0, 1, 7, 14, 50]), min_size=1, unique=True).map(sorted),
    manhattan=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_counts_are_those_of_brute_force(n, side, distances, days, manhattan, seed) -> None:
    rng = np.random.default_rng(seed)
    x, y = np.floor(rng.uniform(0, side, (2, n)) / 25) * 25
    time = rng.integers(0, 60, n)
    pairs = near_pairs(x, y, np.array(distances, float), manhattan=manhattan)
    observed, permuted = count_pairs(pairs, time, np.array(days), permutations=3, seed=seed)
    expected = brute(x, y, time, distances, days, manhattan=manhattan)
    assert_array_equal(observed, expected)
    # However times are shuffled, no pair is closer in space, and no more pairs are close in time.
    assert np.all(permuted.sum(axis=2) <= pairs.by_band)
    assert np.all(permuted.sum(axis=1) <= time_pairs(time, np.array(days)))
    assert_array_equal(time_pairs(time, np.array(days)), brute(x * 0, x * 0, time, [0], days)[0])


def test_the_numbers_of_pairs_are_those_of_pointpats(shared_data: Path) -> None:
    table = pd.read_parquet(shared_data / "linkage" / "nearrepeat_chicago_be.parquet").dropna().iloc[:4000]
    found = near_repeat(
        Incidents.of(table.X, table.Y, pd.to_datetime(table.date), crs=UTM, zone="America/Chicago"),
        distances=(0, 100, 400),
        days=(7, 28),
        permutations=19,
    )
    day = (pd.to_datetime(table.date) - pd.Timestamp("2015-12-31")).dt.days.to_numpy()
    upto = found.observed.cumsum(axis=0).cumsum(axis=1)
    for d, t in ((0, 0), (1, 1), (2, 0)):
        theirs = Knox(
            table[["X", "Y"]].to_numpy(),
            day[:, None].astype(float),
            delta=found.distances[d] + TOLERANCE,
            tau=found.days[t],
            permutations=1,
        )
        assert upto[d, t] == theirs.nst
    assert found.incidents == 4000


def test_counts_are_those_of_pointpats_on_made_up_points() -> None:
    made = clustered(200, seed=3)
    found = near_repeat(made, distances=(100, 300), days=(7, 21), permutations=19)
    day = point_events(made).time
    for d, t in np.ndindex(2, 2):
        theirs = Knox(
            np.c_[made.x, made.y],
            day[:, None].astype(float),
            delta=found.distances[d] + TOLERANCE,
            tau=found.days[t],
            permutations=1,
        )
        assert found.observed.cumsum(axis=0).cumsum(axis=1)[d, t] == theirs.nst


@pytest.mark.filterwarnings("ignore:Objects based on")
def test_the_published_count_of_burkitts_lymphoma() -> None:
    # The documentation of pointpats.knox prints 13 pairs within 20 and 5, and a p of .17 of 99 permutations.
    points = libpysal.io.open(libpysal.examples.get_path("burkitt.shp"))
    day = np.array(libpysal.io.open(libpysal.examples.get_path("burkitt.dbf")).by_col("T"), dtype=int)
    found = near_repeat(incidents(*np.array(list(points)).T, day), distances=(20,), days=(5,))
    assert found.observed.item() == 13
    assert 0.1 < found.p.item() < 0.3


def test_a_count_may_pass_what_16_bits_hold() -> None:
    n = 700
    pairs = near_pairs(np.zeros(n), np.zeros(n), np.array([0.0]))
    observed, permuted = count_pairs(pairs, np.zeros(n, int), np.array([0]), permutations=LANES + 1)
    assert observed.item() == n * (n - 1) // 2 > 7 * 32767
    assert np.all(permuted == observed)
    assert permuted.shape == (LANES + 1, 1, 1)


def test_times_to_the_minute_over_many_years_are_counted_alike() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.uniform(0, 500, (2, 80))
    minute = rng.integers(0, 40 * 365 * MINUTES, 80)
    minute[40:] = minute[:40] + rng.integers(0, 3000, 40)
    pairs = near_pairs(x, y, np.array([100.0, 500.0]))
    edges = np.array([60, 2 * MINUTES, 10**7])
    observed, _ = count_pairs(pairs, minute, edges, permutations=19)
    assert_array_equal(observed, brute(x, y, minute, [100, 500], edges))


# --- what chance makes ------------------------------------------------------------------------------------------


def test_the_mean_of_the_permuted_is_what_is_expected_in_closed_form() -> None:
    made = scattered(400)
    found = near_repeat(made, distances=(0, 200, 500), days=(3, 30), permutations=1999)
    events = point_events(made)
    near = near_pairs(events.x, events.y, found.distances).by_band
    soon = time_pairs(events.time, np.array([3, 30]))
    exact = near[:, None] * soon[None, :] / (400 * 399 / 2)
    error = found.permuted.std(axis=0) / np.sqrt(1999)
    assert np.all(np.abs(found.expected - exact) < 4.5 * error)


def test_permutations_are_shuffles_and_each_order_is_as_likely() -> None:
    # Three events, two of them at one place: their pair is 1, 2 or 3 days apart, each in a third of the orders.
    pairs = near_pairs(np.array([0.0, 0.0, 900.0]), np.zeros(3), np.array([10.0]))
    _, permuted = count_pairs(pairs, np.array([0, 1, 3]), np.array([1, 2, 3]), permutations=6000, seed=1)
    assert np.all(permuted.sum(axis=(1, 2)) == 1)
    assert_allclose(permuted.mean(axis=0)[0], 1 / 3, atol=0.025)


def test_parts_that_rise_and_fall_are_no_near_repeats_where_times_stay_in_them() -> None:
    # The west has its reports in the first half of the span, the east in the second, and nothing follows anything.
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 4000, (2, 800))
    x[400:] = 4000 - x[:400]
    made = incidents(x, y, rng.integers(0, 100, 800) + np.where(x < 2000, 0, 100))
    whole = near_repeat(made, distances=(200, 400), days=(14, 28))
    apart = near_repeat(made, distances=(200, 400), days=(14, 28), parts=8)
    assert whole.significant.all()
    assert not apart.significant.any()
    assert (whole.parts, apart.parts) == (1, 8)
    assert_array_equal(whole.observed, apart.observed)
    assert any("one part of the area rose" in limit for limit in whole.to_dict()["limits"])
    assert near_repeat(clustered(800), parts=8).significant[1, 0]


def test_blocks_are_halves_of_halves() -> None:
    x, y = np.random.default_rng(0).uniform(0, 1000, (2, 1280))
    block = blocks_of(x, y)
    assert_array_equal(np.bincount(block), np.full(64, 20))
    # Each is a rectangle: none holds another's event.
    for b in range(64):
        at = block == b
        inside = (x >= x[at].min()) & (x <= x[at].max()) & (y >= y[at].min()) & (y <= y[at].max())
        assert inside.sum() == 20
    assert_array_equal(np.unique(blocks_of(x[:50], y[:50])), np.arange(4))
    assert blocks_of(np.zeros(900), np.zeros(900)).max() == 0
    assert blocks_of(x[:0], y[:0]).size == 0


def test_times_stay_in_their_part() -> None:
    part = np.array([0, 1, 0, 1, 1, 2])
    time = np.array([1, 20, 2, 21, 22, 300], dtype=np.int16)
    lanes = np.zeros((6, 50), dtype=np.int16)
    shuffled(time, seeds_of(49, 0, 50), lanes, *parts_of(part))
    assert_array_equal(lanes[:, 0], time)
    for p in range(3):
        assert_array_equal(np.sort(lanes[part == p], axis=0), np.tile(time[part == p][:, None], 50))
    assert len(np.unique(lanes, axis=1).T) == 12


def test_neither_threads_nor_another_run_change_a_byte() -> None:
    made = scattered(200)
    one, two, again = (near_repeat(made, permutations=299, threads=k) for k in (1, 2, 2))
    assert one.permuted.tobytes() == two.permuted.tobytes() == again.permuted.tobytes()
    assert json.dumps(one.to_dict()) == json.dumps(two.to_dict())
    other = near_repeat(made, permutations=299, seed=1)
    assert other.permuted.tobytes() != one.permuted.tobytes()
    assert_array_equal(other.observed, one.observed)


def test_p_values_are_even_where_times_mean_nothing() -> None:
    p = np.array(
        [
            near_repeat(scattered(120, seed=s), distances=(300,), days=(14,), permutations=99).p.item()
            for s in range(200)
        ]
    )
    # Ties of the count make p a little large, never small.
    for level in (0.05, 0.1, 0.3):
        assert np.mean(p <= level) < level + 3 * np.sqrt(level * (1 - level) / p.size)
    assert np.mean(p <= 0.3) > 0.15
    assert p.min() >= 1 / 100


def test_the_family_p_is_never_below_that_of_the_band() -> None:
    found = near_repeat(clustered(), permutations=199)
    assert np.all(found.p_family >= found.p - 1e-12)
    assert np.all(found.p_family <= 1)
    assert np.all(found.q >= found.p - 1e-12)


def test_what_was_planted_is_found_and_nothing_else() -> None:
    found = near_repeat(clustered(), distances=(0, 100, 300, 600), days=(7, 14, 28))
    assert found.significant[1, 0]
    assert found.significant.sum() <= 2
    assert found.ratio_low[1, 0] > 2
    first = found.frame.iloc[0]
    assert (first["distance"], first["time"]) == ("above 0 to 100 m", "0 to 7 days")
    assert first["p_family"] == 0.001
    assert "above 0 to 100 m and 0 to 7 days" in found.sentence()
    assert_allclose(found.extra_each[1, 0], (found.observed - found.expected)[1, 0] / found.incidents)


def test_the_interval_holds_the_true_ratio_about_as_often_as_it_says() -> None:
    # Reports followed by others within 100 m and a week: the truth is the mean ratio over many such cities.
    many = [
        near_repeat(clustered(250, seed=s, follows=0.4), distances=(100,), days=(7,), permutations=19)
        for s in range(150)
    ]
    truth = sum(m.observed.item() for m in many) / sum(m.expected.item() for m in many)
    held = np.mean([m.ratio_low.item() <= truth <= m.ratio_high.item() for m in many])
    assert 0.9 <= held <= 1


def test_the_interval_without_a_single_pair_reaches_up_from_nought() -> None:
    rng = np.random.default_rng(0)
    # Near in space is far in time.
    made = incidents(np.repeat(rng.uniform(0, 9000, 60), 2), np.zeros(120), np.tile([0, 100], 60))
    found = near_repeat(made, distances=(0,), days=(7,), permutations=99)
    assert found.observed.item() == 0
    assert found.ratio_low.item() == 0 < found.ratio_high.item() < 1
    assert found.p.item() == 1


# --- bands ------------------------------------------------------------------------------------------------------


def test_an_edge_belongs_to_the_band_that_it_ends() -> None:
    made = incidents([0, 100, 0, 0], [0, 0, 5000, 5000], [0, 7, 50, 50])
    found = near_repeat(made, distances=(0, 100, 200), days=(7, 14), permutations=19)
    assert_array_equal(found.observed, [[1, 0], [1, 0], [0, 0]])
    assert (found.tied, found.tied_pairs) == (2, 1)
    assert "2 incidents share both point and time" in found._ties()


def test_the_bands_in_words() -> None:
    assert band_names(np.array([0, 100, 250])) == ["same place", "above 0 to 100 m", "above 100 to 250 m"]
    assert band_names(np.array([100.0, 200.0])) == ["up to 100 m", "above 100 to 200 m"]
    assert time_names(np.array([0, 1, 7.0])) == ["same day", "1 days", "2 to 7 days"]
    assert time_names(np.array([0.5, 7]), elapsed=True) == ["up to 12 hours", "above 0.5 to 7 days"]


def test_feet_are_metres_in_the_bands() -> None:
    x = np.array([0.0, 100.0, 200.0, 300.0])
    feet = incidents(x, np.zeros(4), [0, 1, 2, 3], crs="ESRI:102696")
    foot = 1200 / 3937
    for distance, pairs in ((100 * foot, 3), (99.9 * foot, 0), (200 * foot, 5)):
        found = near_repeat(feet, distances=(distance,), days=(7,), permutations=19)
        assert found.observed.item() == pairs, distance


def test_manhattan_goes_round_the_corner() -> None:
    made = incidents([0, 60], [0, 60], [0, 1])
    near = {
        m: near_repeat(made, distances=(100,), days=(7,), metric=m, permutations=19)
        for m in ("euclidean", "manhattan")
    }
    assert near["euclidean"].observed.item() == 1
    assert near["manhattan"].observed.item() == 0


def test_hours_count_where_they_are_known() -> None:
    made = incidents([0, 0], [0, 0], [0.9, 1.1], resolution="minute")
    days = near_repeat(made, distances=(0,), days=(0, 1), permutations=19)
    hours = near_repeat(made, distances=(0,), days=(0.25, 1), elapsed=True, permutations=19)
    assert_array_equal(days.observed, [[0, 1]])
    assert_array_equal(hours.observed, [[1, 0]])
    with pytest.raises(ResolutionError):
        near_repeat(incidents([0, 0], [0, 0], [1, 2]), elapsed=True)


# --- bad input --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"distances": (100, 100)}, "has no width"),
        ({"days": (7, 7, 14)}, "has no width"),
        ({"distances": (200, 100)}, "ends before it starts"),
        ({"distances": ()}, "expected upper ends"),
        ({"distances": (-1, 100)}, "expected upper ends"),
        ({"days": (float("nan"),)}, "expected upper ends"),
        ({"days": (0.5, 7)}, "calendar days are whole"),
        ({"metric": "chebyshev"}, "expected euclidean or manhattan"),
        ({"parts": 3}, "expected 1, 2, 4"),
        ({"permutations": 5}, "replicates"),
        ({"level": 5}, "between 0 and 1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_told(setting, said) -> None:
    with pytest.raises(UsageError, match=said):
        near_repeat(scattered(10), **setting)


@pytest.mark.parametrize("n", [0, 1])
def test_without_pairs_the_result_is_empty_and_says_so(n: int) -> None:
    found = near_repeat(scattered(n))
    assert not found.significant.any()
    assert "nothing to look at" in found.sentence()
    assert np.isnan(found.p).all()
    json.dumps(found.to_dict(), allow_nan=False)
    assert "nothing to look at" in found._repr_html_()


def test_two_incidents_are_no_finding() -> None:
    found = near_repeat(incidents([0, 0], [0, 0], [0, 1]), permutations=99)
    assert found.observed[0, 0] == 1
    assert np.all(found.p == 1)
    assert "no band" in found.sentence()


def test_too_few_permutations_for_so_many_bands_are_told() -> None:
    found = near_repeat(clustered(), permutations=99)
    assert found.p.min() == 1 / 100
    assert not found.significant.any()
    assert "So few permutations can't show one band of 16" in found.sentence()
    assert near_repeat(clustered(), permutations=399).significant.any()


def test_too_many_pairs_are_refused_with_their_number() -> None:
    n = 2_000_000
    rng = np.random.default_rng(0)
    made = incidents(rng.uniform(0, 250, n), rng.uniform(0, 250, n), rng.integers(0, 365, n))
    with pytest.raises(DataError, match=r"up to 1,999,999,000,000 pairs") as no:
        near_repeat(made)
    assert "shorter distances" in str(no.value.hint)


def test_too_many_pairs_at_one_point_are_refused_after_counting() -> None:
    n = 15_000
    with pytest.raises(DataError, match=r"112,492,500 pairs within 0 m .*15,000 are at one point"):
        near_repeat(incidents(np.zeros(n), np.zeros(n), np.arange(n) % 300), distances=(0,))


def test_months_have_no_days() -> None:
    made = incidents([0, 0], [0, 0], [0, 31], resolution="month")
    with pytest.raises(ResolutionError):
        near_repeat(made)


# --- how it is shown --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> NearRepeat:
    return near_repeat(clustered(150), permutations=99)


def test_plain_data(found: NearRepeat) -> None:
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(data["bands"]) == found.observed.size == len(found.frame)
    assert sum(band["observed"] for band in data["bands"]) == found.observed.sum()
    assert data["settings"]["permutations"] == 99
    assert all(isinstance(limit, str) for limit in data["limits"])
    assert found.frame["stands_out"].is_monotonic_decreasing


def test_picture(found: NearRepeat) -> None:
    ax = found.plot()
    assert len(ax.texts) == found.observed.size
    assert sum("*" in text.get_text() for text in ax.texts) == found.significant.sum()
    assert found.plot(ax=ax) is ax
