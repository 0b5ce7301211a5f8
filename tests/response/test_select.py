from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from peelian.errors import PeelianError
from peelian.response import select
from peelian.response.select import choose

values = st.lists(st.integers(0, 20).map(float), min_size=1, max_size=9)


def brute_force(worth, cost, budget, area, cap) -> float:
    """The best sum over every subset."""
    best = 0.0
    for size in range(len(worth) + 1):
        for cells in map(list, combinations(range(len(worth)), size)):
            fits = cost[cells].sum() <= budget + 1e-9
            held = cap is None or all(np.sum(area[cells] == a) <= cap for a in np.unique(area))
            if fits and held:
                best = max(best, float(worth[cells].sum()))
    return best


@settings(max_examples=150, deadline=None)
@given(values, st.data())
def test_equal_costs_greedy_is_the_best_of_all_subsets(worth: list[float], data: st.DataObject) -> None:
    n = len(worth)
    area = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n)))
    cap = data.draw(st.none() | st.integers(1, 3))
    hours = data.draw(st.sampled_from([0.1, 0.5, 1.0, 3.0]))
    k = data.draw(st.integers(0, n + 1))
    w, cost = np.array(worth), np.full(n, hours)
    chosen = choose(w, cost=cost, budget=k * hours, area=area, cap=cap)
    assert chosen.sum() <= k
    assert cap is None or all(np.sum(chosen & (area == a)) <= cap for a in np.unique(area))
    assert not np.any(chosen & (w == 0))
    assert w[chosen].sum() == pytest.approx(brute_force(w, cost, k * hours, area, cap))


@settings(max_examples=40, deadline=None)
@given(values, st.data())
def test_differing_costs_are_the_best_of_all_subsets(worth: list[float], data: st.DataObject) -> None:
    n = len(worth)
    w = np.array(worth)
    cost = np.array(data.draw(st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.5]), min_size=n, max_size=n)))
    area = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n)))
    cap = data.draw(st.none() | st.integers(1, 2))
    budget = data.draw(st.sampled_from([1.0, 2.5, 4.0, 7.0]))
    chosen = choose(w, cost=cost, budget=budget, area=area, cap=cap)
    assert cost[chosen].sum() <= budget + 1e-9
    assert cap is None or all(np.sum(chosen & (area == a)) <= cap for a in np.unique(area))
    assert w[chosen].sum() == pytest.approx(brute_force(w, cost, budget, area, cap))


@pytest.mark.parametrize("seed", range(5))
def test_greedy_agrees_with_an_integer_program_on_a_city(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, k, cap = 400, 25, 2
    worth, area = rng.gamma(0.3, 1.0, n), rng.integers(0, 30, n)
    chosen = choose(worth, cost=np.ones(n), budget=k, area=area, cap=cap)
    members = (area[None, :] == np.arange(30)[:, None]).astype(float)
    rows = np.vstack([np.ones((1, n)), members])
    limit = optimize.LinearConstraint(rows, -np.inf, np.r_[k, np.full(30, cap)])
    solved = optimize.milp(-worth, integrality=np.ones(n), bounds=optimize.Bounds(0, 1), constraints=limit)
    assert worth[chosen].sum() == pytest.approx(-solved.fun, rel=1e-6)


def test_knapsack_beats_greedy_where_greedy_is_wrong() -> None:
    worth, cost = np.array([10.0, 6.0, 6.0]), np.array([3.0, 2.0, 2.0])
    assert choose(worth, cost=cost, budget=4).tolist() == [False, True, True]


def test_equals_are_taken_in_the_order_given() -> None:
    worth, cost = np.ones(4), np.ones(4)
    assert choose(worth, cost=cost, budget=2).tolist() == [True, True, False, False]
    order = np.array([3, 2, 1, 0])
    assert choose(worth, cost=cost, budget=2, order=order).tolist() == [False, False, True, True]


def test_cells_in_no_area_share_one_cap() -> None:
    area = np.array([-1, -1, -1, 0])
    chosen = choose(np.array([4.0, 3.0, 2.0, 1.0]), cost=np.ones(4), budget=4, area=area, cap=1)
    assert chosen.tolist() == [True, False, False, True]


def test_rounding_of_the_budget_loses_no_place() -> None:
    assert choose(np.ones(5), cost=np.full(5, 0.1), budget=0.3).sum() == 3


@pytest.mark.parametrize("worth", [np.zeros(3), np.ones(3)])
def test_nothing_fits_or_nothing_is_worth_it(worth: np.ndarray) -> None:
    budget = 5.0 if worth.sum() == 0 else 0.5
    assert not choose(worth, cost=np.ones(3), budget=budget).any()


def test_an_unproved_choice_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped:
        status, x, message = 1, None, "node limit reached"

    monkeypatch.setattr(select.optimize, "milp", lambda *a, **k: Stopped())
    with pytest.raises(PeelianError, match="could be proved the best"):
        choose(np.ones(3), cost=np.array([1.0, 2.0, 3.0]), budget=4)
