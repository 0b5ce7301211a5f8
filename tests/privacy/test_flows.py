from __future__ import annotations

import time

import numpy as np

from peelian.privacy.flows import Arc, protect


def ring(*values: int) -> list[Arc]:
    """Numbers of one column from node 0 to 1, and their sum back."""
    return [*(Arc(0, 1, v) for v in values), Arc(1, 0, sum(values), fixed=True)]


def hide_small(arcs: list[Arc], threshold: int = 5) -> list[Arc]:
    for arc in arcs:
        if not arc.fixed and 0 < arc.value < threshold:
            arc.hidden, arc.low, arc.high = True, 1, threshold - 1
    return arcs


def test_one_small_number_takes_the_next_larger_with_it() -> None:
    arcs = hide_small(ring(3, 40, 7, 12))
    added, bare = protect(arcs, threshold=5)
    assert added == [(2, 0)]
    assert bare == []
    assert (arcs[2].low, arcs[2].high) == (5, None)


def test_two_small_numbers_protect_each_other_unless_the_markers_pin_them() -> None:
    assert protect(hide_small(ring(2, 3, 50)), threshold=5) == ([], [])
    # 1 + 1 and 4 + 4 have one way only within 1 to 4.
    assert protect(hide_small(ring(1, 1, 50)), threshold=5)[0] == [(2, 0)]
    assert protect(hide_small(ring(4, 4, 50)), threshold=5)[0] == [(2, 0)]
    # 3 + 4 may be 4 + 3.
    assert protect(hide_small(ring(3, 4, 50)), threshold=5) == ([], [])


def test_a_zero_is_the_last_resort_and_makes_markers_vague() -> None:
    arcs = hide_small(ring(3, 0, 0))
    added, bare = protect(arcs, threshold=5)
    assert (added, bare) == ([(1, 0)], [])
    assert [(arc.low, arc.high) for arc in arcs[:2]] == [(1, 4), (0, None)]


def test_markers_that_pin_a_sum_are_made_vague() -> None:
    arcs = hide_small(ring(1, 1))
    assert protect(arcs, threshold=5) == ([], [])
    # One may rise to 2 as the other falls to 0, which its marker must now allow.
    assert sorted((arc.low, arc.high or 99) for arc in arcs[:2]) == [(0, 99), (1, 4)]


def test_a_number_that_is_its_own_sum_is_beyond_help() -> None:
    assert protect(hide_small(ring(3)), threshold=5) == ([], [0])


def test_a_number_at_the_threshold_can_only_rise() -> None:
    # 1 can't fall, and 5 is told to be at least 5: their sum of 6 gives both away, so 9 must go too.
    added, bare = protect(hide_small(ring(1, 5, 9)), threshold=5)
    assert [number for number, _ in added] == [2]
    assert bare == []


def test_a_number_in_no_known_sum_needs_nothing() -> None:
    arcs = hide_small([Arc(0, 0, 3), Arc(0, 0, 9)])
    assert protect(arcs, threshold=5) == ([], [])
    assert not arcs[1].hidden


def test_a_long_column_is_quick() -> None:
    values = np.random.default_rng(0).poisson(6, 3000)
    started = time.process_time()
    assert protect(hide_small(ring(*values.tolist())), threshold=5)[1] == []
    assert time.process_time() - started < 5
