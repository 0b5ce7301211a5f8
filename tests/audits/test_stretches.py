"""Stretches of weeks unlike the others: the beta-binomial tail, the rate of false alarms, and what is planted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from peelian.audits.stretches import beta_binomial_tail, stretch_frame, stretches
from peelian.errors import UsageError


@settings(max_examples=40)
@given(
    st.integers(1, 600),
    st.floats(0, 1),
    st.floats(0.001, 0.999),
    st.floats(1e-5, 0.5),
    st.booleans(),
)
def test_the_tail_is_scipys(n: int, part: float, q: float, rho: float, upper: bool) -> None:
    y = round(part * n)
    total = (1 - rho) / rho
    theirs = stats.betabinom(n, q * total, (1 - q) * total)
    wanted = theirs.sf(y - 1) if upper else theirs.cdf(y)
    ours = beta_binomial_tail(np.array([y]), np.array([n]), np.array([q]), np.array([rho]), upper=upper)
    assert ours[0] == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def _made(seed: int, *, scatter: float, n: int = 120, weeks: int = 104) -> np.ndarray:
    """Series with rates of their own, a season in common, and weeks that scatter more than Poisson."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.5, 2.0, (n, 1)) * (1 + 0.3 * np.sin(np.arange(weeks) / 8))
    noise = rng.gamma(1 / scatter, scatter, (n, weeks)) if scatter else 1.0
    return rng.poisson(rate * noise)


@pytest.mark.parametrize("scatter", [0.0, 0.3])
def test_nothing_planted_gives_no_more_alarms_than_the_rate(scatter: float) -> None:
    alarms = [stretches(_made(s, scatter=scatter), rate=0.1).standing.size > 0 for s in range(30)]
    # With nothing there, the chance of any alarm is the rate: at 10 %, 8 or more of 30 come in 1 of 120 runs.
    assert sum(alarms) <= 7


def test_a_planted_burst_and_a_planted_gap_are_found_where_they_are() -> None:
    counts = _made(3, scatter=0.2)
    busy = int(np.argsort(counts.sum(axis=1))[-3])
    counts[10, 60:64] += 8
    counts[busy, 30:38] = 0
    found = stretches(counts)
    assert {10, busy} <= set(found.standing.tolist())
    assert found.start[10] <= 63
    assert found.start[10] + found.length[10] > 60
    assert found.more[10]
    assert not found.more[busy]
    frame = stretch_frame(found, [f"s{i}" for i in range(120)], np.arange(105).astype("datetime64[D]"))
    assert set(frame["what"]) >= {"s10", f"s{busy}"}
    assert (
        frame.loc[frame["what"] == "s10", "records"].item()
        > frame.loc[frame["what"] == "s10", "expected"].item()
    )


def test_a_changed_series_gets_about_the_p_that_a_whole_new_look_gives_it() -> None:
    counts = _made(5, scatter=0.2)
    found = stretches(counts)
    for row in (0, 40, 100):
        changed = counts.copy()
        changed[row, 90:98] += 5
        again = stretches(changed)
        one = found.again(row, changed[row])
        assert np.log(one.p) == pytest.approx(np.log(again.p[row]), rel=0.02)
        assert (one.start, one.end) == (again.start[row], again.start[row] + again.length[row])
        assert found.finds(row, one.p) == bool(again.q[row] <= again.rate)


def test_groups_are_held_against_their_own() -> None:
    rng = np.random.default_rng(0)
    falling = rng.poisson(np.linspace(8, 2, 60), (20, 60))
    rising = rng.poisson(np.linspace(2, 8, 60), (20, 60))
    both = np.concatenate([falling, rising])
    together = stretches(both)
    apart = stretches(both, group=np.repeat([0, 1], 20))
    assert apart.standing.size == 0
    # Against all, half of them fall and half rise: so much more spread is taken for usual.
    assert together.spread.mean() > 10 * apart.spread.mean()


def test_one_series_alone_is_held_against_an_even_spread() -> None:
    counts = np.full((1, 52), 10)
    counts[0, 20:24] = 0
    assert stretches(counts).standing.tolist() == [0]


@pytest.mark.parametrize(
    ("counts", "settings"),
    [
        (np.array([1, 2, 3]), {}),
        (np.array([[1.5, 2.0]]), {}),
        (np.array([[-1, 2]]), {}),
        (np.ones((2, 20)), {"lengths": (30,)}),
        (np.ones((2, 20)), {"tails": "up"}),
        (np.ones((2, 20)), {"rate": 0.0}),
    ],
)
def test_wrong_settings_are_refused(counts: np.ndarray, settings: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        stretches(counts, **settings)  # type: ignore[arg-type]
