"""The common ground of patterns: p-values that are never 0, false-discovery rates, and how a result is shown."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import MissingExtraError, UsageError
from peelian.patterns.base import (
    Pattern,
    axes,
    check_level,
    check_replicates,
    false_discovery,
    few,
    monte_carlo_p,
)


@dataclass(frozen=True, eq=False)
class Rows(Pattern):
    """A pattern of n rows."""

    n: int

    @property
    def frame(self) -> pd.DataFrame:
        return pd.DataFrame({"place": range(self.n)})

    def sentence(self) -> str:
        return f"{self.n} places <b>stand out</b>."

    def to_dict(self) -> dict[str, Any]:
        return {"n": self.n}

    def plot(self, *, ax: Any = None) -> Any:
        drawn = axes(ax)
        drawn.plot([0, self.n])
        return drawn


def test_a_p_value_of_a_permutation_test_is_never_0() -> None:
    assert monte_carlo_p([0, 49, 999], 999) == pytest.approx([0.001, 0.05, 1.0])


def test_p_values_are_uniform_under_the_null() -> None:
    rng = np.random.default_rng(1)
    drawn = rng.normal(size=(2000, 100))
    at_least = (drawn[:, 1:] >= drawn[:, :1]).sum(axis=1)
    p = monte_carlo_p(at_least, 99)
    # P(p <= a) = a at every multiple of 1/100 (four standard errors allowed).
    for a in (0.05, 0.2, 0.5):
        assert np.mean(p <= a + 1e-9) == pytest.approx(a, abs=4 * np.sqrt(a * (1 - a) / 2000))


def test_false_discovery_is_that_of_the_paper() -> None:
    # Benjamini and Hochberg (1995), section 3.1: fifteen p-values, four rejected at 0.05.
    p = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
        0.7590, 1.0,
    ]  # fmt: skip
    assert int((false_discovery(p) <= 0.05).sum()) == 4


def test_what_was_not_tested_has_no_rate() -> None:
    q = false_discovery([0.01, np.nan, 0.04])
    assert np.isnan(q[1])
    assert q[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(false_discovery([np.nan])).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_rates_are_no_smaller_than_p_and_dependence_costs(p: list[float]) -> None:
    q, careful = false_discovery(p), false_discovery(p, dependent=True)
    assert (q >= np.array(p) - 1e-12).all()
    assert (careful >= q - 1e-12).all()
    assert (careful <= 1).all()


def test_a_notebook_shows_the_sentence_and_the_first_rows_escaped() -> None:
    shown = Rows(12)._repr_html_()
    assert "&lt;b&gt;stand out" in shown
    assert "2 more rows" in shown
    assert "more rows" not in Rows(10)._repr_html_()


def test_a_plot_draws_on_what_it_is_given_or_on_a_figure_of_its_own() -> None:
    own = Rows(3).plot()
    assert Rows(4).plot(ax=own) is own
    assert len(own.lines) == 2


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError) as caught:
        axes()
    assert caught.value.hint == "pip install 'peelian[plot]'"


@pytest.mark.parametrize("replicates", [0, 18, 1_000_001])
def test_too_few_and_too_many_replicates_are_refused(replicates: int) -> None:
    with pytest.raises(UsageError, match=str(replicates)):
        check_replicates(replicates)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, float("nan")])
def test_a_level_is_a_share(level: float) -> None:
    with pytest.raises(UsageError, match="expected a share"):
        check_level(level)
    check_level(0.05)
    check_replicates(19)


@pytest.mark.parametrize(
    ("n", "said"),
    [(0, "0"), (1e-5, "less than 0.001"), (0.0342, "0.034"), (0.5, "0.5"), (1, "1.0"), (12.345, "12.3")],
)
def test_a_small_number_is_not_told_as_none(n: float, said: str) -> None:
    assert few(n) == said
