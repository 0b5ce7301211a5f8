"""Holm's correction, against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.many import holm


def test_worked_by_hand() -> None:
    # Holm (1979), four tests: 0.005*4, 0.01*3, 0.03*2, 0.04*1, each at least the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_missing_stay_missing_and_are_not_counted() -> None:
    found = holm([np.nan, 0.02, np.nan])
    assert np.isnan(found[[0, 2]]).all()
    assert found[1] == pytest.approx(0.02)
    assert holm([np.nan]).size == 1
    assert holm([]).size == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.sampled_from([0.01, 0.05, 0.3]))
def test_rejects_what_the_steps_reject(p: list[float], level: float) -> None:
    rejected, order = set(), np.argsort(p, kind="stable")
    for step, i in enumerate(order):
        if not p[i] * (len(p) - step) < level:
            break
        rejected.add(int(i))
    assert set(np.flatnonzero(holm(p) < level).tolist()) == rejected
