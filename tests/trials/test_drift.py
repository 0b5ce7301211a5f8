"""Drift: run lengths against published ones, an exact chain and simulation; the sum by hand; and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from peelian.errors import NotEnoughDataError, UsageError
from peelian.trials.drift import (
    FEWEST,
    State,
    Watch,
    cusum,
    decision_limit,
    drift_text,
    run_length,
    run_length_of,
    watch,
)

PLAIN = Watch(mean=0.0, sd=1.0, allowance=0.5, limit=2.0, run_length=100.0)


def chain(limit, allowance, shift=0.0, n=200):
    """Average run length by Brook and Evans (1972): the sum in small steps, as a Markov chain that the alarm ends."""
    step = 2 * limit / (2 * n - 1)
    away = (np.arange(n)[None] - np.arange(n)[:, None]) * step + allowance - shift
    move = stats.norm.cdf(away + step / 2) - stats.norm.cdf(away - step / 2)
    move[:, 0] = stats.norm.cdf(away[:, 0] + step / 2)
    return float(np.linalg.solve(np.eye(n) - move, np.ones(n))[0])


@pytest.mark.parametrize(
    ("limit", "shift", "published"),
    [(4, 0.0, 336), (4, 0.5, 26.6), (4, 1.0, 8.38), (5, 0.0, 930), (5, 0.5, 38.0), (5, 1.0, 10.4)],
)
def test_published_run_lengths(limit, shift, published):
    """Montgomery, table 9.3 (two-sided, with the in-control run halved there): allowance 0.5."""
    assert run_length(limit, allowance=0.5, shift=shift) == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize("allowance", [0.25, 0.5])
@pytest.mark.parametrize("limit", [4.0, 6.0, 8.0])
@pytest.mark.parametrize("shift", [-0.1, 0.0, 0.25, 0.5, 1.0])
def test_run_length_is_the_chains(limit, allowance, shift):
    assert run_length(limit, allowance=allowance, shift=shift) == pytest.approx(
        chain(limit, allowance, shift), rel=0.02
    )


@given(st.floats(10, 1e5), st.floats(0.05, 1.0))
def test_the_limit_gives_the_run_that_was_asked_for(length, allowance):
    limit = decision_limit(length, allowance=allowance)
    found = run_length(limit, allowance=allowance)
    assert found == pytest.approx(length, rel=1e-6) if limit > 0 else found >= length


def run_of(rng, made, watched, *, paths=300, most=2500):
    """Average periods until the alarm, by simulation; runs that have none count as `most`."""
    differences = made(rng, (paths, most))
    value, length, alive = np.zeros(paths), np.full(paths, float(most)), np.ones(paths, dtype=bool)
    for i in range(most):
        value = np.maximum(0.0, value + (watched.mean - differences[:, i]) / watched.sd - watched.allowance)
        hit = alive & (value > watched.limit)
        length[hit], alive = i + 1, alive & ~hit
    return length.mean()


def normal(rng, shape):
    return rng.normal(size=shape)


def heavy(rng, shape):
    return rng.standard_t(4, size=shape)


def alike(rng, shape):
    """Each week with a correlation of 0.2 to the last."""
    found = rng.normal(size=shape) * np.sqrt(1 - 0.2**2)
    for i in range(1, shape[1]):
        found[:, i] += 0.2 * found[:, i - 1]
    return found


def test_five_years_between_false_alarms():
    rng = np.random.default_rng(0)
    length = run_length_of("1w")
    assert length == pytest.approx(260.9, abs=0.1)
    known = Watch(0.0, 1.0, 0.25, decision_limit(length), length)
    assert run_of(rng, normal, known, paths=600) == pytest.approx(length, rel=0.12)


def bursts(rng, shape):
    """Counting catches a cluster now and then."""
    return rng.poisson(1.0, shape) - 4.0 * rng.poisson(0.25, shape)


@pytest.mark.parametrize(("made", "least"), [(normal, 1.0), (heavy, 0.7), (alike, 0.55), (bursts, 0.5)])
def test_of_five_trials_of_a_year_four_keep_it(made, least):
    """Watched by 52 weeks of its own: the run that four of five reach, as a share of the five years asked for.

    Over 80 trials, 91 % kept the five years for normal differences, 69 % with heavy tails, 68 % where counting catches
    clusters whole, and 55 % where weeks resemble each other.
    """
    rng = np.random.default_rng(1)
    length = run_length_of("1w")
    runs = [run_of(rng, made, watch(made(rng, (1, 52))[0], length=length), paths=100) for _ in range(15)]
    assert np.quantile(runs, 0.2) > least * length


def hits_apart(rng, weekly, held, shape):
    """Reports that one of two equal methods holds alone, less those that the other does; none without a report."""
    reports = rng.poisson(weekly, shape)
    ours = rng.binomial(reports, held)
    counting = rng.binomial(reports - ours, held / (1 - held))
    return np.where(reports > 0, ours - counting, np.nan)


def true_length(weekly, held, watched, *, step=0.0625):
    """The run between false alarms of such hits, by a chain over their exact (Skellam) chances."""
    apart = np.arange(-40, 41)
    chance = stats.skellam.pmf(apart, weekly * held, weekly * held)
    chance[apart == 0] -= np.exp(-weekly)
    chance /= chance.sum()
    states = np.arange(0, watched.limit + 1e-9, step)
    landing = np.maximum(states[:, None] - apart[None, :] / watched.sd - watched.allowance, 0.0)
    below = np.floor(landing / step).astype(int)
    above = landing / step - below
    move = np.zeros((states.size, states.size + 1))
    row = np.broadcast_to(np.arange(states.size)[:, None], landing.shape)
    stays = landing <= watched.limit
    for column, share in ((below, 1 - above), (below + 1, above)):
        np.add.at(
            move,
            (row[stays], np.minimum(column[stays], states.size)),
            (share * chance[None, :])[stays],
        )
    move[:, -2] += move[:, -1]
    return float(np.linalg.solve(np.eye(states.size) - move[:, :-1], np.ones(states.size))[0])


@pytest.mark.parametrize(
    ("weekly", "held", "most_unwatchable"),
    [(10, 0.04, 0), (4, 0.1, 0), (4, 0.04, 0.4), (2, 0.1, 0.2)],
)
def test_rare_reports_keep_it_too(weekly, held, most_unwatchable):
    """Of 40 trials of a year with few reports at 1 % of the area, by a method equal to counting."""
    rng = np.random.default_rng(5)
    length = run_length_of("1w")
    kept, unwatchable = [], 0
    for _ in range(40):
        try:
            watched = watch(hits_apart(rng, weekly, held, 52), length=length)
        except NotEnoughDataError:
            unwatchable += 1
            continue
        kept.append(true_length(weekly, held, watched) >= length)
    assert np.mean(kept) >= 0.7, "4 of 5, less what 40 trials scatter by"
    assert unwatchable <= 40 * most_unwatchable


def test_so_few_that_no_limit_can_be_set():
    rng = np.random.default_rng(6)
    with pytest.raises(NotEnoughDataError, match="of them not 0"):
        watch(hits_apart(rng, 1, 0.03, 52), length=300)


def test_of_normal_differences_the_limit_is_siegmund_s():
    """The chain and the bootstrap come to what the formula says, where a trial is so long that it tells everything."""
    rng = np.random.default_rng(8)
    for length in (60.0, 261.0, 1826.0):
        found = watch(rng.normal(size=4000), length=length).limit
        assert found == pytest.approx(decision_limit(length), rel=0.05)
        assert found >= 0.98 * decision_limit(length)
    year = watch(rng.normal(size=52), length=261).limit
    assert year > 1.08 * decision_limit(261), "a year tells little, and that raises the limit"


def test_the_same_differences_give_the_same_watch_whatever_their_unit():
    differences = np.random.default_rng(3).normal(size=60)
    one, other = watch(differences, length=261), watch(7.3 * differences, length=261)
    assert one == watch(differences, length=261)
    assert other.limit == pytest.approx(one.limit)
    assert other.sd == pytest.approx(7.3 * one.sd)


def test_a_method_that_is_better_than_counting_has_fewer_false_alarms_and_one_that_fell_is_found():
    rng = np.random.default_rng(2)
    watched = watch(rng.normal(0.3, 1.0, 104), length=run_length_of("1w"))
    better = run_of(rng, lambda r, shape: r.normal(0.2, 1.0, shape), watched)
    level = run_of(rng, normal, watched)
    fallen = run_of(rng, lambda r, shape: r.normal(-0.75, 1.0, shape), watched)
    assert better > 2 * level
    assert fallen < 20


def test_the_sum_by_hand():
    found = cusum(np.array([1.0, -1.0, -1.5, 0.5, np.nan, -3.0, 4.0, 9.0]), PLAIN)
    assert found.path.tolist() == pytest.approx([0, 0.5, 1.5, 0.5, 0.5, 3.0, 0, 0])
    assert found.alarm == 5
    assert found.at_alarm == State(3.0, 4, -5.0)
    assert found.state == State()


def test_a_sum_exactly_at_the_limit_is_no_alarm():
    assert cusum(np.array([-2.5]), PLAIN).alarm is None
    assert cusum(np.array([-2.6]), PLAIN).alarm == 0


def test_scale_and_level_are_the_watchs():
    differences = np.random.default_rng(0).normal(size=40)
    moved = Watch(mean=7.0, sd=3.0, allowance=0.5, limit=2.0, run_length=100.0)
    assert cusum(7 + 3 * differences, moved).path == pytest.approx(cusum(differences, PLAIN).path)


values = st.lists(st.one_of(st.floats(-5, 5), st.just(np.nan)), max_size=30)


@given(values, values)
def test_weeks_one_by_one_give_the_same_as_all_at_once(first, second):
    a = cusum(np.array(first), PLAIN)
    b = cusum(np.array(second), PLAIN, start=a.state)
    whole = cusum(np.array(first + second), PLAIN)
    assert [*a.path, *b.path] == whole.path.tolist()
    assert b.state == whole.state
    if a.alarm is not None:
        assert (whole.alarm, whole.at_alarm) == (a.alarm, a.at_alarm)
    elif b.alarm is not None:
        assert (whole.alarm, whole.at_alarm) == (len(first) + b.alarm, b.at_alarm)
    else:
        assert whole.alarm is None


@given(values)
def test_the_sum_is_the_worst_stretch_up_to_now(given_):
    """The other definition: the largest total of any run of periods that ends now, or 0."""
    lag = np.array([-d - PLAIN.allowance for d in given_ if np.isfinite(d)])
    path = cusum(np.array(given_), PLAIN).path[np.isfinite(given_)] if given_ else np.array([])
    for i, value in enumerate(path):
        assert value == pytest.approx(max(0.0, *(lag[j : i + 1].sum() for j in range(i + 1))), abs=1e-9)


def test_the_scatter_is_that_of_sums():
    """Weeks that resemble each other scatter more in sum; weeks that alternate are not taken to scatter less."""
    rng = np.random.default_rng(4)
    noise = rng.normal(size=4001)
    follow, back = noise[1:] + 0.5 * noise[:-1], noise[1:] - 0.5 * noise[:-1]
    assert watch(follow, length=300).sd == pytest.approx(1.5, rel=0.12)
    assert watch(back, length=300).sd == pytest.approx(np.std(back), rel=0.03)
    assert watch(noise[:52], length=300).mean == 0.0


def test_periods_without_a_number_are_left_out_of_the_watch():
    differences = np.random.default_rng(0).normal(size=30)
    gaps = np.insert(differences, [3, 9, 9], np.nan)
    assert watch(gaps, length=300) == watch(differences, length=300)


@pytest.mark.parametrize(
    "differences", [np.ones(50), np.zeros(0), np.arange(FEWEST - 1.0), np.full(50, np.nan)]
)
def test_too_little_to_watch_by(differences):
    with pytest.raises(NotEnoughDataError, match="to watch by"):
        watch(differences, length=300)


def test_refuses():
    with pytest.raises(UsageError, match="false alarm every 3"):
        decision_limit(3)
    with pytest.raises(UsageError, match="allowance of 0"):
        run_length(4.0, allowance=0)


@pytest.mark.parametrize(
    ("frequency", "periods"), [("1w", 260.9), ("1d", 1826.2), ("1mo", 60), ("2w", 130.4)]
)
def test_five_years_in_periods(frequency, periods):
    assert run_length_of(frequency) == pytest.approx(periods, abs=0.1)


def test_in_words():
    quiet = cusum(np.array([1.0, -1.5]), PLAIN)
    assert drift_text(quiet) == (
        "It has not fallen behind counting: the sum of what it lacked is at 50 % of the limit."
    )
    loud = cusum(np.array([0.1, -1.5, -2.0, -1.0]), PLAIN)
    assert drift_text(loud, noun="days") == (
        "Over 2 days its PAI was 1.8 below that of counting on average, and the sum of what it lacked went over the "
        "limit. Chance alone does that about once in 100 days: it is suspended until a person lifts that."
    )
