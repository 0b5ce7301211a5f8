"""Intervals of ratios: their size where theory gives it, what widens them, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from peelian.audits.log_ratios import estimate_log, resample
from peelian.audits.partitions import compact_partitions, separate_partition
from peelian.errors import UsageError

Floats = np.ndarray


def ratio(sums: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(sums[:, 0]) - np.log(sums[:, 1])


def test_error_is_that_of_a_mean() -> None:
    """Against a constant, the logarithm's error is that of a mean in proportion to it."""
    values = np.random.default_rng(3).gamma(9, 1, 400)
    columns = np.column_stack([values, np.ones(400)])
    made = estimate_log(resample(columns, separate_partition(400), replicates=20_000), ratio, level=0.95)
    wanted = values.std(ddof=1) / values.mean() / 20
    assert made.se == pytest.approx(wanted, rel=0.03)
    assert made.value == pytest.approx(values.mean())
    reach = stats.t.ppf(0.975, 399) * wanted
    assert made.low == pytest.approx(values.mean() * np.exp(-reach), rel=0.005)
    assert made.high == pytest.approx(values.mean() * np.exp(reach), rel=0.005)


def test_p_agrees_with_the_interval() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        columns = np.column_stack([rng.gamma(2, 1, 40), rng.gamma(2, 1, 40)])
        x, y = rng.uniform(0, 1, (2, 40))
        made = estimate_log(resample(columns, compact_partitions(x, y), replicates=200), ratio, level=0.8)
        assert made.low is not None
        assert made.high is not None
        assert made.p is not None
        assert (made.p < 0.2) == (made.low > 1 or made.high < 1)


def test_neighbours_that_are_alike_widen_it() -> None:
    x, y = (a.ravel().astype(float) for a in np.meshgrid(np.arange(16), np.arange(16)))
    patch = np.random.default_rng(0).gamma(1, 1, (4, 4))
    values = np.kron(patch, np.ones((4, 4))).ravel() + 0.1
    columns = np.column_stack([values, np.ones(256)])
    alike = estimate_log(resample(columns, compact_partitions(x, y)), ratio, level=0.95)
    alone = estimate_log(resample(columns, separate_partition(256)), ratio, level=0.95)
    assert alike.se is not None
    assert alone.se is not None
    # Sixteen values, each seen sixteen times, know as much as sixteen: the error is four times as large.
    assert alike.se > 2.5 * alone.se


def test_margins_add_up_in_squares() -> None:
    columns = np.column_stack([np.arange(1.0, 41), np.ones(40)])
    drawn = resample(columns, separate_partition(40))
    plain, more = (estimate_log(drawn, ratio, level=0.95, margin=m) for m in (0.0, 0.3))
    assert plain.se is not None
    assert more.se is not None
    assert more.se == pytest.approx(np.hypot(plain.se, 0.3), rel=1e-3)
    assert more.margin_share == pytest.approx(0.09 / more.se**2)
    assert plain.margin_share == 0


def test_none_where_there_is_nothing_to_draw() -> None:
    one = estimate_log(resample(np.array([[3.0, 1.0]]), separate_partition(1)), ratio, level=0.95)
    assert (one.value, one.low, one.high, one.blocks) == (pytest.approx(3.0), None, None, 0)
    assert "one unit" in one.why[0]
    nowhere = np.zeros((30, 2))
    nowhere[4] = 5.0, 2.0
    made = estimate_log(resample(nowhere, separate_partition(30)), ratio, level=0.95)
    assert made.value == pytest.approx(2.5)
    assert made.low is None
    assert "few places" in made.why[0]
    assert estimate_log(resample(np.zeros((9, 2)), separate_partition(9)), ratio, level=0.95).value is None


def test_large_blocks_that_have_no_ratio_are_told() -> None:
    x = np.arange(40.0)
    columns = np.column_stack([np.ones(40), np.ones(40)])
    columns[8:] = 0.0, 0.0  # all at one end: in one of five blocks
    made = estimate_log(resample(columns, compact_partitions(x, np.zeros(40))), ratio, level=0.95)
    assert made.value == pytest.approx(1.0)
    assert "likely too narrow" in made.why[0]


def test_same_draws_again_and_others_with_another_seed() -> None:
    columns = np.random.default_rng(0).gamma(1, 1, (30, 2))
    a, b, c, d = (
        resample(columns, separate_partition(30), replicates=50, seed=seed, salt=salt).parts[0].drawn
        for seed, salt in ((0, 1), (0, 1), (1, 1), (0, 2))
    )
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert not np.array_equal(a, d)


def test_no_replicate() -> None:
    with pytest.raises(UsageError, match="0 bootstrap replicates"):
        resample(np.ones((3, 2)), separate_partition(3), replicates=0)
