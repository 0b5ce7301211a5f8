"""One course of the loop: against a plain program that sorts all places each period, and against the urn's answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.loop_run import LEARNERS, Learner, Outcome, follow, learners
from peelian.audits.loop_world import Assumptions, Course, course, rate_prior
from peelian.audits.urn import two_area_urn
from peelian.errors import UsageError

CELLS, PLACES, YEARS, PER_YEAR, HISTORY = 30, 4, 2, 12, 6
GROUPS = np.stack([np.linspace(0, 1, CELLS), np.full(CELLS, 1 / CELLS)], axis=1)


def small(seed: int = 0, *, moved: float = 0.1) -> tuple[Course, np.ndarray]:
    rng = np.random.default_rng(seed)
    reports = rng.poisson(rng.gamma(0.7, 4, CELLS)).astype(float)
    reports[0] += 1
    one = course(
        reports,
        rate_prior(reports, periods=10),
        periods=10,
        years=YEARS,
        per_year=PER_YEAR,
        history=HISTORY,
        places=PLACES,
        most=2.0,
        moved=moved,
        rng=rng,
    )
    return one, rng.random((one.edges.size - 1, 2 * PLACES))


def went(
    one: Course, luck: np.ndarray, learner: Learner, assumed: Assumptions | float, **more: float
) -> Outcome:
    chosen = {"groups": GROUPS, "per_year": PER_YEAR, "places": PLACES, "half_life": 10.0, **more}
    return follow(one, learner, assumed, luck=luck, **chosen)  # type: ignore[arg-type]


def plainly(one: Course, learner: Learner, ratio: float, slips: float) -> np.ndarray:
    """The same with older records weighing less, and all places sorted each period."""
    scores = np.zeros(CELLS)
    scores[one.ties] = 1e-9 * np.arange(CELLS) / CELLS
    found = np.zeros((YEARS, 4 + GROUPS.shape[1]))
    counted = ratio * slips if learner.name == "reported" else ratio
    periods = one.edges.size - 1
    for t in range(periods):
        chosen = np.argsort(-scores)[:PLACES] if t >= HISTORY else np.zeros(0, dtype=int)
        if t >= HISTORY:
            year = (t - HISTORY) // PER_YEAR
            shares = one.rates[year] / one.rates[year].sum()
            missed = np.mean(~one.first[year, chosen])
            believed, true = scores[chosen].sum() / scores.sum(), shares[chosen].sum()
            found[year] += [missed, believed, true, true, *GROUPS[chosen].sum(axis=0)]
        worth = 0.5 ** ((periods - 1 - t) / 10)
        for e in range(one.edges[t], one.edges[t + 1]):
            attended = one.cells[e] in chosen
            if one.marks[e] < 0 or (attended and one.marks[e] < counted):
                scores[one.cells[e]] += worth / (1 + learner.believed * attended)
    return found / PER_YEAR


@pytest.mark.parametrize(
    ("learner", "assumed"),
    [
        (Learner("naive"), 0.0),
        (Learner("naive"), 1.3),
        (Learner("corrected", believed=0.8), 1.3),
        (Learner("reported"), Assumptions(0.8, reported=0.4, mislabelled=0.5)),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_a_course_is_what_a_plain_program_makes_of_it(
    learner: Learner, assumed: Assumptions | float, seed: int
) -> None:
    one, luck = small(seed)
    ratio, slips = (
        (assumed.ratio, assumed.mislabelled) if isinstance(assumed, Assumptions) else (assumed, 1.0)
    )
    ours = went(one, luck, learner, assumed)
    found = np.column_stack([ours.misplaced, ours.believed, ours.true, ours.reached, ours.exposure])
    assert found == pytest.approx(plainly(one, learner, ratio, slips), abs=1e-6)
    assert ours.scores.sum() == pytest.approx(1)


def by_chance(one: Course, learner: Learner, ratio: float, luck: np.ndarray) -> float:
    """The first of two areas' share in the end, where one is drawn each period."""
    done = follow(
        one,
        learner,
        ratio,
        groups=np.zeros((2, 0)),
        per_year=one.edges.size - 1,
        places=1,
        half_life=math.inf,
        luck=luck,
        start=1.0,
        attend="drawn",
    )
    return float(done.scores[0])


@pytest.mark.parametrize("rates", [(0.6, 0.4), (0.5, 0.5)])
def test_with_two_areas_and_nothing_but_finds_the_loop_is_the_urn(rates: tuple[float, float]) -> None:
    # Incidents so rare that two in a period hardly happen: the urn's one chance a visit, with idle visits between.
    runs, idle = 160, 4
    steps = 10_000 * idle
    shares = {"naive": np.zeros(runs), "corrected": np.zeros(runs)}
    for run in range(runs):
        rng = np.random.default_rng([run, 7])
        counts = rng.poisson(1.0 / idle, steps)
        edges = np.concatenate([[0], np.cumsum(counts)])
        cells = (rng.random(edges[-1]) >= rates[0]).astype(np.int64)
        one = Course(
            np.array([rates]), np.array([[True, False]]), cells, np.zeros(cells.size), edges, np.array([0, 1])
        )
        luck = rng.random((steps, 2))
        for name, believed in (("naive", 0.0), ("corrected", math.inf)):
            shares[name][run] = by_chance(one, Learner(name, believed), 1.0, luck)
    urn = two_area_urn(rates, runs=2000)
    naive = shares["naive"]
    error = urn.sd * math.sqrt(1 / runs + 1 / 2000)
    assert naive.mean() == pytest.approx(urn.mean, abs=3.5 * error)
    assert naive.std() == pytest.approx(urn.sd, abs=0.04)
    if rates[0] > rates[1]:
        assert np.mean(naive > 0.9) == pytest.approx(0.72, abs=3.5 * math.sqrt(0.72 * 0.28 / runs))
    corrected = shares["corrected"]
    assert corrected.mean() == pytest.approx(rates[0], abs=0.01)
    assert corrected.std() < 0.04


def test_nothing_found_by_attending_is_nothing_to_drift_by() -> None:
    one, luck = small()
    alone = went(one, luck, Learner("naive"), 0.0)
    for learner in (Learner("reported"), Learner("explore", share=0.2)):
        same = went(one, luck, learner, Assumptions(0.0))
        assert np.array_equal(same.misplaced, alone.misplaced)
        assert np.array_equal(same.scores, alone.scores)


def test_perfect_labels_leave_nothing_of_the_loop_and_none_leave_all_of_it() -> None:
    one, luck = small()
    alone = went(one, luck, Learner("naive"), 0.0)
    perfect = went(one, luck, Learner("reported"), Assumptions(0.9, 0.4, mislabelled=0.0))
    assert np.array_equal(perfect.scores, alone.scores)
    none = went(one, luck, Learner("reported"), Assumptions(0.9, 0.4, mislabelled=1.0))
    assert np.array_equal(none.scores, went(one, luck, Learner("naive"), Assumptions(0.9, 0.4)).scores)


def test_no_share_for_chance_is_naive_learning() -> None:
    one, luck = small()
    naive = went(one, luck, Learner("naive"), 1.0)
    for name in ("explore", "holdout"):
        assert np.array_equal(went(one, luck, Learner(name), 1.0).scores, naive.scores), name


def many(
    learner: Learner, assumed: Assumptions | float, *, runs: int = 30, cells: int = 400
) -> list[np.ndarray]:
    """Means by year over larger cities, where all rates are alike: every difference between places is chance."""
    found = []
    for run in range(runs):
        rng = np.random.default_rng([run, 3])
        one = course(
            np.full(cells, 20.0),
            rate_prior(np.full(cells, 20.0), periods=40),
            periods=40,
            years=3,
            per_year=26,
            history=26,
            places=20,
            most=3.0,
            moved=0.0,
            rng=rng,
        )
        luck = rng.random((one.edges.size - 1, 40))
        done = follow(
            one,
            learner,
            assumed,
            groups=np.zeros((cells, 0)),
            per_year=26,
            places=20,
            half_life=26.0,
            luck=luck,
        )
        found.append(np.stack([done.misplaced, done.believed, done.true, done.reached]))
    return list(np.mean(found, axis=0))


def test_visits_at_random_and_held_out_places_take_their_share_of_visits() -> None:
    reached = many(Learner("explore", share=0.3), 0.0)[3]
    # All places are alike: 14 chosen ones and 6 drawn from 400, of which a few are drawn twice or were chosen anyway.
    assert reached == pytest.approx(np.full(3, 20 / 400), rel=0.05)
    assert many(Learner("holdout", share=0.3), 0.0)[3] == pytest.approx(np.full(3, 14 / 400), rel=0.02)


def test_a_place_that_is_drawn_twice_is_reached_once() -> None:
    reached = many(Learner("explore", share=0.9), 0.0, runs=20, cells=40)[3]
    # Each of 20 visits is to its chosen place or, 9 times of 10, to one drawn from 40: a place is left out by all.
    chosen, other = (1 - 0.1) * (1 - 0.9 / 40) ** 20, (1 - 0.9 / 40) ** 20
    assert reached == pytest.approx(np.full(3, 1 - (chosen + other) / 2), rel=0.03)


def test_much_found_and_learned_as_it_is_runs_away_and_a_hold_out_finds_out() -> None:
    ratio = 2.5
    alone = many(Learner("naive"), 0.0)[1][-1]
    naive = many(Learner("naive"), ratio)[1][-1]
    explore = many(Learner("explore", share=0.1), ratio)[1][-1]
    corrected = many(Learner("corrected", believed=ratio), ratio)[1][-1]
    holdout = many(Learner("holdout", share=0.2), ratio)[1][-1]
    assert naive > 2 * 20 / 400, "records put more than twice the true share there"
    assert naive - alone > 0.04
    assert corrected - alone < 0.01
    assert holdout - alone < 0.3 * (naive - alone)
    assert holdout < explore <= naive


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(list(LEARNERS)), st.floats(0, 2), st.floats(0, 0.5), st.integers(0, 30), st.floats(0, 1)
)
def test_what_comes_out_are_shares_and_the_same_each_time(
    name: str, ratio: float, share: float, seed: int, moved: float
) -> None:
    one, luck = small(seed, moved=moved)
    learner = Learner(name, believed=ratio / 2, share=share)
    done, again = (went(one, luck, learner, ratio) for _ in range(2))
    for field, values in vars(done).items():
        assert np.all(
            (values >= 0) & (values <= GROUPS.sum() if field == "exposure" else values <= 1 + 1e-9)
        ), field
        assert np.array_equal(values, getattr(again, field))


def test_all_ways_of_learning_are_made_with_their_settings() -> None:
    ways = {way.name: way for way in learners(believed=0.3, explore=0.1, holdout=0.2)}
    assert list(ways) == list(LEARNERS)
    assert ways["corrected"].believed == 0.3
    assert (ways["explore"].share, ways["holdout"].share, ways["naive"].share) == (0.1, 0.2, 0.0)


def test_settings_that_are_off_are_refused() -> None:
    for wrong in (
        {"name": "hopeful"},
        {"name": "explore", "share": 1.0},
        {"name": "corrected", "believed": -1.0},
    ):
        with pytest.raises(UsageError, match="was given"):
            Learner(**wrong)  # type: ignore[arg-type]
    one, luck = small()
    for half_life in (0.0, 0.01):
        with pytest.raises(UsageError, match="half-life"):
            went(one, luck, Learner("naive"), 0.0, half_life=half_life)
