"""The self-exciting methods: the suite, forecasts against simulations, and the arithmetic of what is still to come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse, stats

from peelian.errors import UsageError
from peelian.methods import check_method, discover
from peelian.methods.checks import example_counts
from peelian.methods.self_exciting import SelfExciting, SelfExcitingHistogram
from peelian.methods.triggering import FollowUps, Kernel, Reach, reports_of, stamp, template
from peelian.places import Counts, Grid, Periods
from peelian.places.counts import Points
from peelian.places.periods import Period
from peelian.units import Frequency

BOTH = [SelfExciting, SelfExcitingHistogram]
GRID = Grid("EPSG:26915", 250.0, 2000, 20000, (24, 32))


def counted(x, y, days, *, start="2014-01-06", weeks=104, frequency="1w", points=True):
    """Counts of places in metres from the grid's corner and times in days."""
    periods = Periods(
        Frequency.parse(frequency).edges(np.datetime64(start), weeks), Frequency.parse(frequency)
    )
    order = np.argsort(days, kind="stable")
    time = np.datetime64(start).astype("datetime64[s]") + (days[order] * 86400).astype("timedelta64[s]")
    east, north = x[order] + GRID.ix0 * GRID.side, y[order] + GRID.iy0 * GRID.side
    cell, period = GRID.locate(east, north), periods.locate(time)
    held = (cell >= 0) & (period >= 0)
    matrix = sparse.coo_array(
        (np.ones(int(held.sum()), dtype=np.int64), (cell[held], period[held])), shape=(len(GRID), weeks)
    ).tocsc()
    matrix.sum_duplicates()
    return Counts(GRID, periods, matrix, Points(east[held], north[held], time[held]) if points else None)


def simulate(n, *, ratio=0.4, lag=8.0, spread=60.0, seed=0, days=728.0):
    rng = np.random.default_rng(seed)
    size = np.array([8000.0, 6000.0])
    m = rng.poisson(n * (1 - ratio))
    at = np.where(rng.random((m, 1)) < 0.5, rng.random((m, 2)) * size, rng.normal([3000, 2500], 700, (m, 2)))
    when = rng.random(m) * days
    places, times = [at], [when]
    while len(at):
        parent = np.repeat(np.arange(len(at)), rng.poisson(ratio, len(at)))
        at, when = rng.normal(at[parent], spread), when[parent] + rng.exponential(lag, parent.size)
        at, when = at[when < days], when[when < days]
        places.append(at)
        times.append(when)
    at, when = np.concatenate(places), np.concatenate(times)
    inside = ((at >= 0) & (at < size)).all(axis=1)
    return at[inside, 0], at[inside, 1], when[inside]


@pytest.mark.parametrize("kind", BOTH)
def test_the_suite(kind):
    check_method(kind)


def test_both_are_discovered():
    assert set(BOTH) <= set(discover())


def exponential(ratio=0.4, lag=8.0, spread=60.0, days=60.0, metres=400.0):
    reach = Reach(days, metres)
    after, around = np.exp(-reach.lags / lag), np.exp(-((reach.distances / spread) ** 2) / 2)
    return Kernel(reach, ratio, after / (after.sum() * reach.step), around / (around @ reach.rings))


@pytest.mark.parametrize(("start", "end"), [(0.0, 7.0), (0.0, 30.0), (7.0, 14.0)])
def test_follow_ups_of_an_exponential_by_hand(start, end):
    """For an exponential kernel all generations together are again exponential, with the rate (1 - ratio) / lag."""
    ratio, lag = 0.4, 8.0
    ahead = FollowUps.of(exponential(ratio, lag, days=200.0), start, end)
    age = np.array([0.0, 1.0, 5.0, 30.0])
    left = np.exp(-(age + start) / lag) - np.exp(-(age + end) / lag)
    assert ahead.direct(age) == pytest.approx(ratio * left, rel=0.02)
    slow = (1 - ratio) / lag
    at_present = ratio * np.exp(-age / lag) / lag
    exact = at_present * (np.exp(-slow * start) - np.exp(-slow * end)) / slow
    assert ahead.in_all(age) == pytest.approx(exact, rel=0.03)
    # A background of one a day: mu (1 + ratio / (1 - ratio) (1 - exp(-slow t))), integrated.
    long = lambda t: t + ratio / (1 - ratio) * (t - (1 - np.exp(-slow * t)) / slow)  # noqa: E731
    assert ahead.background == pytest.approx(long(end) - long(start), rel=0.01)


def test_a_far_horizon_is_bounded_and_finite():
    ahead = FollowUps.of(exponential(), 3650.0, 3657.0)
    assert ahead.direct(np.array([1.0]))[0] == 0
    assert 7 <= ahead.background <= 7 / (1 - 0.4) * 1.1


@pytest.mark.parametrize("cell", [75.0, 250.0, 1000.0])
def test_a_template_is_the_kernel_over_cells(cell):
    """Against the Gaussian's exact mass in each cell."""
    kernel = exponential(spread=60.0)
    grid_shape = (21, 21)
    image = np.zeros(grid_shape)
    at = np.array([10.37]), np.array([9.81])
    stamp(at[0], at[1], np.array([2.0]), template(kernel, cell=cell), image)
    edges = [(np.arange(22) - at[k][0]) * cell / 60.0 for k in (0, 1)]
    across, up = np.diff(stats.norm.cdf(edges[0])), np.diff(stats.norm.cdf(edges[1]))
    assert image.sum() == pytest.approx(2.0, rel=1e-6)
    # The place is known to a fifteenth of a cell or 15 m.
    assert np.abs(image - 2 * up[:, None] * across[None, :]).max() < 0.08


def test_what_falls_over_the_edge_is_gone():
    image = np.zeros((4, 4))
    stamp(np.array([0.01]), np.array([0.01]), np.array([1.0]), template(exponential(), cell=250.0), image)
    # The place is taken as the middle of a seventeenth of the cell.
    assert image.sum() == pytest.approx(stats.norm.cdf(250 / 17 / 2 / 60) ** 2, abs=0.01)


@pytest.mark.parametrize("kind", BOTH)
def test_the_truth_of_a_simulation_comes_back(kind):
    counts = counted(*simulate(9000, seed=2))
    fitted = kind(memory="60d", reach=400.0).fit(counts)
    found = fitted.chosen()
    assert found["branching_ratio"] == pytest.approx(0.4, abs=0.05)
    assert found["mean_lag_days"] == pytest.approx(8.0, abs=1.5)
    assert found["spread_m"] == pytest.approx(60.0, abs=12.0)


def test_forecasts_know_more_where_reports_call_forth_others():
    """Log skill over the background alone, on weeks that were not learned from, and the total as it was."""
    counts = counted(*simulate(9000, seed=2))
    fitted = SelfExciting(memory="60d", reach=400.0).fit(counts[:78])
    gained, expected, seen = [], 0.0, 0
    for i in range(78, 104):
        fitted.trained_on_ = counts[:i].periods
        fitted._update(counts[:i])
        mean, observed = fitted._mean(counts.periods[i]), counts.column(i)
        alone = fitted.background_
        hit = observed > 0
        gained.append(observed[hit] @ np.log((mean / mean.sum())[hit] / (alone / alone.sum())[hit]))
        expected, seen = expected + mean.sum(), seen + observed.sum()
    assert np.sum(gained) / seen > 0.05
    assert np.mean(gained) > 3 * np.std(gained) / np.sqrt(len(gained))
    assert expected == pytest.approx(seen, rel=0.06)


def test_a_burst_is_followed_and_forgotten():
    x, y, t = simulate(6000, seed=3)
    burst = np.full(30, 6600.0), np.full(30, 5100.0), 720 + np.linspace(0, 7, 30)
    counts = counted(*(np.concatenate(pair) for pair in zip((x, y, t), burst, strict=True)))
    method = SelfExciting(memory="60d", reach=400.0).fit(counts)
    cell = int(GRID.locate([6600.0 + GRID.ix0 * 250.0], [5100.0 + GRID.iy0 * 250.0])[0])
    soon, later = counts.periods.following(9)[0], counts.periods.following(9)[8]
    terms = method.explain(soon)
    assert terms["follow-ups of reports of the last two weeks"].idxmax() == cell
    recent = [method._terms(p)["follow-ups of reports of the last two weeks"][cell] for p in (soon, later)]
    assert recent[1] < 0.02 * recent[0]
    assert method._terms(later)["background"][cell] == method._terms(soon)["background"][cell]


def test_terms_say_what_and_sum_up():
    counts = example_counts()
    method = SelfExciting().fit(counts)
    period = counts.periods.following()[0]
    terms = method._terms(period)
    assert list(terms) == [
        "background",
        "follow-ups of reports of the last two weeks",
        "follow-ups of earlier reports",
        "follow-ups of what is still to come",
    ]
    assert all(np.all(term >= -1e-12) for term in terms.values())
    assert sum(terms.values()) == pytest.approx(method._mean(period))


@pytest.mark.parametrize("kind", BOTH)
def test_a_month_expects_more_than_its_first_week_and_no_more_than_in_proportion(kind):
    counts = counted(*simulate(5000))
    method = kind().fit(counts)
    week, month = (Period(counts.periods.end, counts.periods.end + n) for n in (7, 28))
    assert 2.5 < method._mean(month).sum() / method._mean(week).sum() < 4.6


@pytest.mark.parametrize("frequency", ["1d", "1mo"])
def test_days_and_months_work_too(frequency):
    counts = counted(
        *simulate(3000), start="2014-01-01", weeks=24 if frequency == "1mo" else 400, frequency=frequency
    )
    for bare in (counts, replace(counts, points=None)):
        mean = SelfExciting().fit(bare).predict(counts.periods.following()[0]).mean
        assert np.all(np.isfinite(mean) & (mean > 0))
        assert mean.sum() == pytest.approx(counts.last(12).by_period.mean(), rel=0.4)


def test_update_looks_at_nothing_but_what_was_tuned_and_the_counts():
    counts = counted(*simulate(4000))
    method = SelfExciting().fit(counts)
    period = counts.periods.following()[0]
    mean = method._mean(period)
    method._update(counts[:60])
    method._update(counts)
    assert np.array_equal(method._mean(period), mean)


def test_dates_lie_at_noon_and_moments_where_they_are():
    counts = counted(*simulate(500))
    assert reports_of(counts).resolution == 0
    points = counts.points
    dates = replace(points, time=points.time.astype("datetime64[D]").astype("datetime64[s]"))
    daily = reports_of(replace(counts, points=dates))
    assert daily.resolution == 1
    assert np.all(daily.t % 1 == 0.5)
    assert np.abs(daily.t - reports_of(counts).t).max() <= 0.5


def test_months_alone_lie_in_their_middle():
    counts = counted(*simulate(500), start="2014-01-01", weeks=23, frequency="1mo")
    points = counts.points
    first = points.time.astype("datetime64[M]").astype("datetime64[s]")
    found = reports_of(replace(counts, points=replace(points, time=first)))
    assert found.resolution == pytest.approx(30.4, abs=0.1)
    assert found.t[0] == 15.5
    assert np.unique(found.t).size == 23


def test_without_points_reports_lie_anywhere_in_their_cells():
    counts = replace(counted(*simulate(2000)), points=None)
    found = reports_of(counts)
    assert found.x.size == counts.total
    assert np.all(np.diff(found.t) >= 0)
    at = GRID.locate(found.x + GRID.ix0 * GRID.side, found.y + GRID.iy0 * GRID.side)
    assert np.array_equal(at, found.cell)
    # Evenly: a quarter in each quarter of a cell's width.
    quarter = np.bincount(((found.x % 250) // 62.5).astype(int), minlength=4) / found.x.size
    assert quarter == pytest.approx([0.25] * 4, abs=0.02)
    later = reports_of(counts[:50])
    assert np.array_equal(later.x, found.x[: later.x.size])


def test_a_length_or_span_that_is_none_is_refused():
    counts = example_counts()
    with pytest.raises(UsageError):
        SelfExciting(reach="far").fit(counts)
    with pytest.raises(UsageError):
        SelfExcitingHistogram(memory="long").fit(counts)


def test_a_year_of_stlouis_is_quick_and_better_than_the_even_map():
    """Real records, places snapped to 100 ft."""
    geopandas = pytest.importorskip("geopandas")
    from peelian.demo_data import stlouis_areas, stlouis_incidents
    from peelian.places import count_incidents
    from peelian.records import read_incidents

    incidents = read_incidents(stlouis_incidents()).incidents.where(category="burglary")
    grid = Grid.inside(geopandas.read_parquet(stlouis_areas()).union_all(), crs="ESRI:102696", cell=250.0)
    counts = count_incidents(incidents, grid, Periods.covering("2015-01-01", "2018-01-01", "1w"))
    method = SelfExciting()
    method.grid_, method.trained_on_ = grid, counts[:104].periods
    method._tune(counts[:104])
    assert method.chosen()["spread_m"] >= 19
    assert method.chosen()["branching_ratio"] < 0.9
    gained = total = 0.0
    for i in range(104, 156, 4):
        method.trained_on_ = counts[:i].periods
        method._update(counts[:i])
        mean, seen = method._mean(counts.periods[i]), counts.column(i)
        even, hit = grid.area / grid.area.sum(), seen > 0
        gained += float(seen[hit] @ np.log((mean / mean.sum())[hit] / even[hit]))
        total += seen.sum()
    assert gained / total > 0.3
