"""A whole trial: by hand, against poison, in worlds where the answer is known, and on real records."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats
from sklearn.base import clone

from peelian.errors import NotEnoughDataError, UsageError
from peelian.methods import CountMap, DecayedKernelDensity, KernelDensity, Method, discover
from peelian.methods.checks import example_counts
from peelian.methods.stack import Stack
from peelian.places import Counts, Grid, Periods
from peelian.trials import metrics, rolling_origins, run_trial
from peelian.trials.running import forecast_at
from peelian.units import Frequency

THREE = [CountMap(), KernelDensity(bandwidth=150.0), DecayedKernelDensity(bandwidth=150.0, half_life="26w")]


def counts_of(dense, *, shape=None, share=None):
    dense = np.asarray(dense, dtype=np.int64)
    grid = Grid("EPSG:26915", 1000.0, 0, 0, shape or (1, dense.shape[0]), share)
    span = Frequency.parse("1w")
    return Counts(
        grid, Periods(span.edges(np.datetime64("2015-01-05"), dense.shape[1]), span), sparse.csc_array(dense)
    )


@pytest.fixture(scope="module")
def trial():
    return run_trial(example_counts(periods=90), THREE, origins=30, fractions=(0.05, 0.2))


def test_crps_is_of_the_maps_own_distribution_and_the_log_score_of_its_means_alone():
    """Weeks that differ as a whole: the count map says so, and its CRPS is that of what it says of a cell."""
    rng = np.random.default_rng(4)
    dense = rng.poisson(np.outer([8.0, 4.0, 2.0], rng.gamma(4.0, 0.25, 60)))
    counts = counts_of(dense)
    surface = CountMap().fit(counts[:59]).predict(counts.periods[59])
    assert surface.common > 0.1
    assert surface.cell_size < surface.size
    row = run_trial(counts, [CountMap()], origins=1, fractions=(0.5,)).frame.iloc[0]
    support = np.arange(400)[:, None]
    cdf = surface.distribution.cdf(support)
    assert row["crps"] == pytest.approx(np.sum((cdf - (support >= dense[:, 59])) ** 2))
    poisson = stats.poisson(surface.mean).logpmf(dense[:, 59]).sum()
    assert row["log_score"] == pytest.approx(poisson / dense[:, 59].sum())


def test_a_trial_by_hand():
    """Ten cells; cell 0 has always had most. Two weeks are forecast: it holds 3 of 4 incidents, then 1 of 6."""
    dense = np.zeros((10, 5), dtype=int)
    dense[0, :3] = 4
    dense[1, :3] = 1
    dense[:3, 3] = [3, 0, 1]
    dense[:3, 4] = [1, 5, 0]
    trial = run_trial(counts_of(dense), [CountMap(background=0.1)], origins=2, fractions=(0.1, 0.2))
    row = trial.frame[trial.frame["method"] == "count_map"].set_index(["origin", "fraction"]).loc
    first, second = pd.Timestamp("2015-01-26"), pd.Timestamp("2015-02-02")
    assert row[first, 0.1][["events", "hits", "best_hits"]].tolist() == [4, 3, 3]
    assert row[second, 0.1][["events", "hits", "best_hits"]].tolist() == [6, 1, 5]
    assert row[second, 0.2][["events", "hits", "best_hits"]].tolist() == [6, 6, 6]
    value = {
        (m, f): v
        for m, f, v in trial.summary[trial.summary["method"] == "count_map"][["metric", "fraction", "value"]]
        .fillna(0)
        .to_numpy()
    }
    assert value["hit_rate", 0.1] == pytest.approx(4 / 10)
    assert value["pai", 0.1] == pytest.approx(4.0)
    assert value["pei", 0.1] == pytest.approx(4 / 8)
    assert value["hit_rate", 0.2] == pytest.approx(9 / 10)
    means = [np.full(10, 0.05), np.full(10, 0.06)]
    means[0] += 0.9 * np.r_[4, 1, np.zeros(8)]
    # The second origin has four weeks behind it: 15, 3 and 1 incidents in three cells, 19 in all.
    means[1] = 0.9 * np.r_[15, 3, 1, np.zeros(7)] / 4 + 0.1 * 19 / 4 / 10
    likelihood = [stats.poisson(m).logpmf(dense[:, 3 + i]).sum() for i, m in enumerate(means)]
    even = [stats.poisson(m.sum() / 10).logpmf(dense[:, 3 + i]).sum() for i, m in enumerate(means)]
    assert value["log_score", 0] == pytest.approx(sum(likelihood) / 10)
    assert value["log_skill", 0] == pytest.approx((sum(likelihood) - sum(even)) / 10)
    assert row[first, 0.1]["log_score"] == pytest.approx(likelihood[0] / 4)
    assert row[second, 0.2]["log_skill"] == pytest.approx((likelihood[1] - even[1]) / 6)
    assert trial.events == 10


def test_crps_is_the_mean_over_origins_of_the_sum_over_cells(trial):
    part = trial.frame[(trial.frame["method"] == "count_map") & (trial.frame["fraction"] == 0.05)]
    assert trial.score("count_map", "crps").value == pytest.approx(part["crps"].mean())


def test_the_frame_is_tidy(trial):
    frame = trial.frame
    assert len(frame) == 4 * 30 * 2  # three methods and the line of hindsight
    assert not frame.duplicated(["method", "origin", "fraction"]).any()
    assert frame.columns.tolist() == [
        "method", "origin", "fraction", "events", "hits", "area_share", "best_hits",
        "log_likelihood", "log_gain", "full_gain", "crps", "chosen", "empty", "reported", "missed",
        "shared", "together", "past_hits", "past_events", "log_score", "log_skill",
    ]  # fmt: skip
    assert (frame["hits"] <= frame["best_hits"]).all()
    assert (frame["best_hits"] <= frame["events"]).all()
    assert (frame["area_share"] <= frame["fraction"] + 1e-9).all()
    assert np.isfinite(frame.select_dtypes("number")).all(axis=None)


def test_a_part_of_a_trial_is_a_trial_of_those_origins(trial):
    part = trial.last(10)
    assert part.splits == trial.splits[-10:]
    alone = run_trial(example_counts(periods=90), THREE, origins=10, fractions=(0.05, 0.2))
    same = ["method", "origin", "fraction", "events", "hits", "log_likelihood", "crps"]
    pd.testing.assert_frame_equal(part.frame[same], alone.frame[same], check_exact=True)
    assert part.score("kernel_density", "pai", fraction=0.05) == alone.score(
        "kernel_density", "pai", fraction=0.05
    )
    assert part.calibration("count_map") == alone.calibration("count_map")
    assert trial.first(10).splits == trial.splits[:10]
    with pytest.raises(UsageError, match="expected at least one"):
        trial.first(0)


def test_summary_and_differences_agree(trial):
    summary = trial.summary.set_index(["method", "metric", "fraction"])["value"]
    versus = trial.versus().set_index(["method", "metric", "fraction"])["difference"]
    assert set(versus.index.get_level_values(0)) == {"kernel_density", "decayed_kernel_density", "hindsight"}
    for (method, metric, fraction), difference in versus.items():
        assert difference == pytest.approx(
            summary[method, metric, fraction] - summary["count_map", metric, fraction]
        )
    assert (trial.summary["low"] <= trial.summary["value"]).all()
    assert (trial.summary["value"] <= trial.summary["high"]).all()
    turned = trial.versus("kernel_density").set_index(["method", "metric", "fraction"])["difference"]
    assert turned["count_map", "pai", 0.05] == pytest.approx(-versus["kernel_density", "pai", 0.05])
    with pytest.raises(UsageError, match="'kde' was given as the baseline; the trial has count_map"):
        trial.versus("kde")


def test_to_dict_is_json_with_everything(trial):
    made = trial.to_dict()
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert (made["origins"], made["cells"], made["fractions"], made["period"]) == (30, 120, [0.05, 0.2], "1w")
    assert made["from"] == str(trial.splits[0].test.start)
    assert made["to"] == str(trial.splits[-1].test.end)
    count_map, kernel, _ = made["methods"]
    assert count_map["versus_counts"] == {}
    assert count_map["counting"]
    assert kernel["parameters"] == {"bandwidth": 150.0, "window": "1y", "background": 0.01}
    at = {"hit_rate", "pai", "pei", "recapture_rate", "false_alarm_ratio", "miss_rate", "stability"}
    assert set(kernel["scores"]) == at | {"log_score", "log_skill", "full_log_skill", "crps"}
    pai = kernel["scores"]["pai"]
    assert set(pai) == {"value", "low", "high", "by_fraction"}
    assert set(pai["by_fraction"]) == {"0.05", "0.2"}
    assert pai["by_fraction"]["0.05"] == {key: pai[key] for key in ("value", "low", "high")}
    assert set(kernel["scores"]["crps"]) == {"value", "low", "high"}
    assert set(kernel["versus_counts"]) == {"pai", "hit_rate", "log_score", "crps"}
    assert set(kernel["versus_counts"]["pai"]) == {"difference", "low", "high", "by_fraction"}
    assert made["hindsight"]["scores"]["pai"]["value"] > 1
    assert sum(kernel["calibration"]["pit"]) == pytest.approx(1)
    assert len(kernel["calibration"]["observed_over_expected"]) == 10
    assert {c["level"] for c in kernel["calibration"]["coverage"]["the whole area"]} == {0.5, 0.8, 0.95}
    assert kernel["detectable"] > 0
    assert kernel["seconds"] > 0
    assert made["verdict"]["metric"] == "pai"
    assert made["verdict"]["fraction"] == 0.05


def poisoned(counts, day, seed=1):
    """The same past; from `day` on everything is other, in the matrix and in the points."""
    rng = np.random.default_rng(seed)
    points = counts.points
    late = points.time >= day
    cut = int(np.searchsorted(counts.periods.edges, day))
    side = counts.grid.side
    x = np.where(late, (counts.grid.ix0 + rng.integers(0, 2, len(points)) + 0.5) * side, points.x)
    y = np.where(late, (counts.grid.iy0 + 0.5) * side, points.y)
    cell, period = counts.grid.locate(x, y), counts.periods.locate(points.time)
    weight = np.where(late, 7, 1)
    matrix = sparse.coo_array((weight, (cell, period)), shape=counts.matrix.shape).tocsc()
    matrix.sum_duplicates()
    companions = {}
    for name, other in counts.companions.items():
        dense = np.asarray(other.todense())
        dense[:, cut:] = 3 * dense[:, cut:] + 1
        companions[name] = sparse.csc_array(dense)
    return replace(counts, matrix=matrix, points=replace(points, x=x, y=y), companions=companions)


@pytest.mark.parametrize("gap", [0, 2])
def test_the_future_is_never_known(gap):
    """Poison everything from each origin's test period on: its map and all earlier scores keep their bytes."""
    counts = example_counts(periods=40)
    clean = run_trial(counts, THREE, origins=6, gap=gap)
    splits = rolling_origins(counts.periods, origins=6, gap=gap)
    for i, split in enumerate(splits):
        other = poisoned(counts, counts.periods.edges[split.train_end])
        assert not np.array_equal(other.column(split.index), counts.column(split.index))
        for method in THREE:
            maps = [forecast_at(method, c, split) for c in (counts, other)]
            assert maps[0].mean.tobytes() == maps[1].mean.tobytes()
            assert maps[0].size == maps[1].size
        if i > gap:
            again = run_trial(other, THREE, origins=6, gap=gap).frame
            # The line of hindsight does know the future: that is what it is for.
            forecast = clean.frame["method"] != "hindsight"
            earlier = clean.frame["origin"] < counts.periods.edges[split.train_end]
            assert earlier.any()
            kept = earlier & forecast
            pd.testing.assert_frame_equal(again[kept], clean.frame[kept], check_exact=True)
            assert not again[~earlier].equals(clean.frame[~earlier])


CHEAP = {"stack": {"members": [CountMap(), DecayedKernelDensity(bandwidth=200.0, half_life="26w")]}}
"""Settings of those that would take long; all others run with their defaults."""

EVERY = [kind(**CHEAP.get(kind.name, {})) for kind in discover()]


@pytest.fixture(scope="module")
def accompanied():
    """Counts with another category and a number by place."""
    counts = example_counts(periods=60)
    away = np.linspace(0.0, 5.0, len(counts.grid))
    others = example_counts(periods=60, seed=9).matrix
    return replace(counts, companions={"others": others}, features={"distance_to_stations": away})


@pytest.mark.parametrize("gap", [0, 2])
@pytest.mark.parametrize("method", EVERY, ids=lambda method: method.name)
def test_no_method_knows_the_future(method, gap, accompanied):
    """Its own, and other categories' reports are poisoned: the whole surface and what made it keep their bytes."""
    split = rolling_origins(accompanied.periods, origins=4, gap=gap)[0]
    other = poisoned(accompanied, accompanied.periods.edges[split.train_end])
    assert not np.array_equal(
        *(c.companions["others"][:, split.index].todense() for c in (accompanied, other))
    )
    made = [clone(method).fit(c[: split.train_end], gap=gap) for c in (accompanied, other)]
    maps = [one.predict(split.test) for one in made]
    assert maps[0].mean.tobytes() == maps[1].mean.tobytes()
    assert (maps[0].size, maps[0].common) == (maps[1].size, maps[1].common)
    assert made[0].chosen() == made[1].chosen()
    pd.testing.assert_frame_equal(*(one.explain(split.test) for one in made), check_exact=True)


class _Peeking(CountMap):
    """Knows the week that it is asked about.

    References
    ----------
    None.
    """

    name = "peeking"
    title = "Peeking"
    known: ClassVar[Counts]

    def _mean(self, period):
        i = int(np.flatnonzero(self.known.periods.edges == period.start)[0])
        return self.known.column(i) + 0.001


class _PeekingAtOthers(_Peeking):
    """Knows what else was reported in the week that it is asked about.

    References
    ----------
    None.
    """

    def _mean(self, period):
        i = int(np.flatnonzero(self.known.periods.edges == period.start)[0])
        return self.known.companions["others"][:, [i]].toarray().ravel() + 0.001


@pytest.mark.parametrize("kind", [_Peeking, _PeekingAtOthers])
def test_a_method_that_does_know_the_future_is_seen_by_those_tests(kind, accompanied):
    split = rolling_origins(accompanied.periods, origins=1)[0]
    maps = []
    for known in (accompanied, poisoned(accompanied, split.test.start)):
        kind.known = known
        maps.append(forecast_at(kind(), known, split).mean)
    assert not np.array_equal(*maps)


def spawned(workers):
    # Not forked: a child of a process that runs threads may wait for a lock for ever.
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, spawned])
def test_the_executor_changes_not_a_byte(pool, trial):
    with pool(2) as executor:
        other = run_trial(
            example_counts(periods=90), THREE, origins=30, fractions=(0.05, 0.2), executor=executor
        )
    pd.testing.assert_frame_equal(other.frame, trial.frame, check_exact=True)
    pd.testing.assert_frame_equal(other.summary, trial.summary, check_exact=True)
    assert other.verdict == trial.verdict


@pytest.mark.slow
def test_a_dask_cluster_changes_not_a_byte(trial):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", silence_logs=50
    )
    with cluster, distributed.Client(cluster) as client:
        other = run_trial(
            example_counts(periods=90),
            THREE,
            origins=30,
            fractions=(0.05, 0.2),
            executor=client.get_executor(),
        )
    pd.testing.assert_frame_equal(other.frame, trial.frame, check_exact=True)
    pd.testing.assert_frame_equal(other.summary, trial.summary, check_exact=True)
    assert other.verdict == trial.verdict


def test_progress_counts_the_forecasts():
    for executor in (None, ThreadPoolExecutor(2)):
        seen = []
        run_trial(
            example_counts(),
            [CountMap()],
            origins=5,
            executor=executor,
            progress=lambda done, total, seen=seen: seen.append((done, total)),
        )
        # The origins, and before them what tells how high and wide each forecast should be.
        assert seen[0] == (0, 32)
        assert seen[-1] == (32, 32)
        assert seen == sorted(seen)


class _Failing(CountMap):
    """Fails.

    References
    ----------
    None.
    """

    name = "failing"
    title = "Failing"

    def _update(self, counts):
        msg = f"no fit before {counts.periods.end}"
        raise UsageError(msg)


def test_a_method_that_fails_stops_the_trial():
    for executor in (None, ThreadPoolExecutor(2)):
        with pytest.raises(UsageError, match="no fit before"):
            run_trial(example_counts(), [CountMap(), _Failing()], origins=5, executor=executor)


def test_methods_of_one_class_are_numbered():
    methods = [CountMap(), KernelDensity(), KernelDensity(bandwidth=500), CountMap(window="26w")]
    trial = run_trial(example_counts(), methods, origins=10)
    assert [m.name for m in trial.methods] == [
        "count_map",
        "kernel_density",
        "kernel_density#2",
        "count_map#2",
    ]
    assert trial.baseline == "count_map"
    assert [m.parameters.get("bandwidth") for m in trial.methods] == [None, None, 500, None]


@pytest.mark.parametrize("gap", [0, 2])
def test_a_trial_scores_the_maps_that_a_fit_would_give(gap):
    """It comes to them by a shorter way: all origins share what each past period's forecast was."""
    counts = example_counts(periods=120)
    stack = Stack(members=[CountMap(), DecayedKernelDensity(bandwidth=200.0, half_life="26w")])
    methods = [*THREE, stack]
    trial = run_trial(counts, methods, origins=12, fractions=(0.05,), gap=gap)
    for split in (trial.splits[0], trial.splits[5], trial.splits[-1]):
        observed = counts.column(split.index)
        at = trial.frame[trial.frame["origin"] == split.test.start.astype("datetime64[s]")].set_index(
            "method"
        )
        for method in methods:
            surface = forecast_at(method, counts, split, gap=gap)
            row = at.loc[method.name]
            assert row["log_likelihood"] == metrics.log_likelihood(observed, surface.mean)
            assert row["crps"] == metrics.crps(observed, surface.mean, surface.cell_size)
            assert row["hits"] == observed[surface.top(fraction=0.05)].sum()


@pytest.mark.parametrize("gap", [0, 2])
@pytest.mark.parametrize("method", EVERY, ids=lambda method: method.name)
def test_a_trial_of_any_method_scores_the_map_that_its_fit_would_give(method, gap, accompanied):
    methods = [method] if method.counting else [CountMap(), method]
    trial = run_trial(accompanied, methods, origins=2, fractions=(0.05,), gap=gap)
    split = trial.splits[-1]
    surface = forecast_at(method, accompanied, split, gap=gap)
    observed = accompanied.column(split.index)
    row = trial.frame[trial.frame["method"] == method.name].iloc[-1]
    assert row["origin"] == split.test.start
    assert row["log_likelihood"] == metrics.log_likelihood(observed, surface.mean)
    assert row["crps"] == metrics.crps(observed, surface.mean, surface.cell_size)
    assert row["hits"] == observed[surface.top(fraction=0.05)].sum()


def test_an_interrupted_trial_goes_on_from_what_was_done(tmp_path):
    counts = example_counts(periods=90)
    whole = run_trial(counts, THREE, origins=10)

    def interrupt(done, total):
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(counts, THREE, origins=10, progress=interrupt, folder=tmp_path)
    kept = sorted(tmp_path.rglob("*.npz"))
    assert kept
    seen = []
    again = run_trial(
        counts, THREE, origins=10, progress=lambda done, total: seen.append(done), folder=tmp_path
    )
    assert seen[len(kept)] > 0  # what was kept is there at once
    pd.testing.assert_frame_equal(again.frame, whole.frame, check_exact=True)


def test_what_was_kept_of_other_records_is_not_taken(tmp_path):
    run_trial(example_counts(periods=90), [CountMap()], origins=10, folder=tmp_path)
    other = example_counts(periods=90, seed=5)
    again = run_trial(other, [CountMap()], origins=10, folder=tmp_path)
    pd.testing.assert_frame_equal(
        again.frame, run_trial(other, [CountMap()], origins=10).frame, check_exact=True
    )


def test_the_line_of_hindsight_is_counted_without_the_week_itself():
    dense = np.zeros((10, 30), dtype=int)
    dense[0] = 1
    dense[3, 20] = 50
    trial = run_trial(counts_of(dense), [CountMap()], origins=20, fractions=(0.1,))
    frame = trial.frame.set_index(["method", "origin"])
    week = frame.loc["hindsight", pd.Timestamp("2015-01-05") + pd.Timedelta(weeks=20)]
    assert week["hits"] == 1  # knowing the week, it would have picked the other cell
    assert frame.loc["hindsight", pd.Timestamp("2015-01-05") + pd.Timedelta(weeks=19)]["hits"] == 0


def test_areas_are_shares_of_the_study_area():
    counts = example_counts()
    total = counts.grid.area.sum()
    trial = run_trial(counts, [CountMap()], origins=10, areas=(0.5,))
    assert trial.fractions == (pytest.approx(0.5 / total),)
    assert trial.to_dict()["areas_km2"] == [0.5]
    with pytest.raises(UsageError, match="areas of"):
        run_trial(counts, [CountMap()], areas=(total * 2,))


def test_the_best_counting_is_what_the_others_are_measured_by():
    rng = np.random.default_rng(3)
    old, new = np.zeros((2, 30)), np.zeros((2, 30))
    old[0, :3], new[1, 5:8] = 6, 6
    dense = np.concatenate(
        [rng.poisson(np.repeat((o + 0.05)[:, None], 40, axis=1)) for o in (old[0], new[1])], axis=1
    )
    counts = counts_of(dense)
    trial = run_trial(
        counts,
        [CountMap(), CountMap(window="8w"), KernelDensity(bandwidth=900.0)],
        origins=20,
        fractions=(0.1,),
    )
    assert trial.baseline == "count_map#2"
    assert set(trial.versus()["method"]) == {"count_map", "kernel_density", "hindsight"}


def test_methods_are_not_changed_by_a_trial():
    method = CountMap()
    run_trial(example_counts(), [method], origins=3)
    assert not hasattr(method, "rate_")


def test_origins_can_be_bounded():
    counts = example_counts(periods=60)
    trial = run_trial(counts, [CountMap()], origins=4, first="2015-06-01", last="2015-07-06")
    assert str(trial.splits[0].test.start) == "2015-06-08"
    assert trial.to_dict()["to"] == "2015-07-06"


def test_an_impossible_event_is_told_and_breaks_no_json():
    dense = np.zeros((5, 12), dtype=int)
    dense[0] = 3
    dense[1, -1] = 1
    trial = run_trial(
        counts_of(dense), [CountMap(background=0.0), KernelDensity(bandwidth=900, background=0.5)], origins=8
    )
    made = trial.to_dict()
    assert trial.score("count_map", "log_score").value == -np.inf
    assert made["methods"][0]["scores"]["log_score"]["value"] is None
    json.dumps(made, allow_nan=False)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"origins": 60}, NotEnoughDataError, "the 60 periods of 1w hold 59"),
        ({"fractions": ()}, UsageError, r"the fractions \[\] were given"),
        ({"fractions": (0.01, 0.01)}, UsageError, "expected different shares"),
        ({"fractions": (5,)}, UsageError, "above 0 up to 1"),
        ({"level": 95}, UsageError, "a level of 95 was given"),
    ],
)
def test_refuses(options, error, says):
    with pytest.raises(error, match=says):
        run_trial(example_counts(), [CountMap()], **options)


def test_no_trial_without_counting():
    with pytest.raises(UsageError, match="kernel_density were given; every trial needs one that counts"):
        run_trial(example_counts(), [KernelDensity()])
    with pytest.raises(UsageError, match="the methods none were given"):
        run_trial(example_counts(), [])


def test_nothing_reported_in_the_weeks_to_forecast():
    dense = np.ones((3, 20), dtype=int)
    dense[:, 10:] = 0
    with pytest.raises(
        NotEnoughDataError, match="0 incidents were reported in the 10 periods to forecast, 2015-03-16"
    ):
        run_trial(counts_of(dense), [CountMap()], origins=10)


def test_a_week_without_incidents_harms_nothing():
    dense = np.random.default_rng(0).poisson(0.5, (20, 60))
    dense[:, 50] = 0
    trial = run_trial(counts_of(dense), [CountMap(), KernelDensity(bandwidth=1000)], origins=30)
    assert np.isfinite(trial.summary[["value", "low", "high"]]).all(axis=None)


def test_few_origins_have_no_interval_and_no_winner():
    trial = run_trial(example_counts(), THREE, origins=3)
    assert trial.summary[["low", "high"]].isna().all(axis=None)
    assert "too little data" in trial.verdict.text
    assert trial.verdict.method == "count_map"


def world(rate, weeks, rng):
    shape = rate.shape
    dense = rng.poisson(rate.reshape(-1, 1), (rate.size, weeks))
    return counts_of(dense, shape=shape)


def test_where_smooth_rates_are_sparsely_seen_kernels_are_better():
    v, u = np.mgrid[0:25, 0:25]
    rate = 0.004 + 0.25 * np.exp(-((u - 8) ** 2 + (v - 15) ** 2) / 18)
    counts = world(rate, 80, np.random.default_rng(0))
    trial = run_trial(
        counts,
        [CountMap(window="8w"), KernelDensity(bandwidth=1500, window="8w")],
        origins=52,
        fractions=(0.02,),
    )
    assert trial.verdict.status == "better"
    assert trial.verdict.method == "kernel_density"
    assert trial.verdict.low > 0
    assert trial.difference("kernel_density", "count_map", "log_score").low > 0
    assert trial.difference("kernel_density", "count_map", "crps").high < 0


def test_where_each_cell_has_its_own_rate_kernels_are_worse():
    rng = np.random.default_rng(1)
    counts = world(rng.gamma(0.15, 2.0, (20, 20)), 80, rng)
    trial = run_trial(counts, [CountMap(), KernelDensity(bandwidth=1500)], origins=28, fractions=(0.05,))
    assert (trial.verdict.status, trial.verdict.method) == ("worse", "count_map")


def test_where_nothing_can_be_better_nothing_is_called_so():
    """Even rates: no map beats another. At 95 %, at most 2.5 % of such worlds should show a winner; 20 are tried."""
    called = 0
    for seed in range(20):
        counts = world(np.full((10, 10), 0.3), 50, np.random.default_rng(seed))
        trial = run_trial(
            counts,
            [CountMap(), KernelDensity(bandwidth=1500), DecayedKernelDensity(bandwidth=1500)],
            origins=32,
            fractions=(0.05,),
        )
        called += trial.verdict.status == "better"
    assert called <= 2


def test_every_method_is_a_method():
    assert all(isinstance(method, Method) for method in THREE)
