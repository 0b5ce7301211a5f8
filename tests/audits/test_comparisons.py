from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from peelian.audits.comparisons import benjamini_yekutieli, comparison_audit, p_of_draws
from peelian.audits.many import holm
from peelian.errors import DataError, UsageError

P = st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=12)


@settings(max_examples=40)
@given(P)
def test_benjamini_yekutieli_agrees_with_scipy(p: list[float]) -> None:
    assert benjamini_yekutieli(p) == pytest.approx(stats.false_discovery_control(p, method="by"))


@settings(max_examples=40)
@given(P, st.floats(0.001, 0.3))
def test_holm_rejects_what_its_steps_do(p: list[float], alpha: float) -> None:
    rejected = set()
    for step, i in enumerate(np.argsort(p, kind="stable")):
        if p[i] > alpha / (len(p) - step):
            break
        rejected.add(int(i))
    # Beside rounding at the boundary itself.
    close = {i for i, q in enumerate(holm(p)) if abs(q - alpha) < 1e-9}
    assert {i for i, q in enumerate(holm(p)) if q <= alpha} - close == rejected - close


def test_holm_of_published_values() -> None:
    # The worked example of R's p.adjust for c(0.01, 0.02, 0.03, 0.04).
    assert holm([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert benjamini_yekutieli([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.25 / 3] * 4)


def test_what_stands_when_all_are_counted() -> None:
    found = comparison_audit({"a": 0.04, "b": 0.001, "c": 0.5, "d": 0.03})
    assert list(found.frame["finding"]) == ["b", "d", "a", "c"]
    assert list(found.frame["stands"]) == [True, False, False, False]
    assert "3 would stand alone at 5 % and 1 when it is counted" in found.sentences()[0]
    assert found.findings[0].id == "corrected_p/holm/b"
    assert found.findings[0].value == pytest.approx(0.004)
    json.dumps(found.to_dict(), allow_nan=False)


def test_p_of_draws_agrees_with_the_interval_and_is_never_0() -> None:
    draws = np.exp(np.random.default_rng(0).normal(0.5, 0.25, 3999))
    assert p_of_draws(draws) == pytest.approx(2 * stats.norm.sf(2.0), abs=0.01)
    assert p_of_draws(draws + 10) == 2 / 4000
    assert p_of_draws(1 / draws) == p_of_draws(draws)
    assert p_of_draws(np.full(100, np.nan)) == 1.0
    assert p_of_draws(np.ones(100)) == 1.0


def test_what_is_off_is_refused() -> None:
    with pytest.raises(UsageError, match="0 p-values"):
        comparison_audit({})
    with pytest.raises(DataError, match="2 p-values"):
        comparison_audit({"a": 0.0, "b": float("nan"), "c": 0.2})
