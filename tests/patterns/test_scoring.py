"""Scores of all pairs: those of a plain sum over features, the best kept, and the same on any number of cores."""

from __future__ import annotations

import numba
import numpy as np
import pandas as pd
import pytest

from peelian.errors import DataError
from peelian.patterns import scoring
from peelian.patterns.bayes_factor import shapes
from peelian.patterns.pairs import pair_bins, prepare
from peelian.patterns.scoring import score_all, score_pairs
from peelian.records import Incidents

CRS, ZONE = "EPSG:26915", "America/Chicago"


def made(n: int = 300, seed: int = 0) -> tuple:
    rng = np.random.default_rng(seed)
    start = np.datetime64("2024-01-01T00:00", "m") + rng.integers(0, 60 * 1440, n).astype("timedelta64[m]")
    incidents = Incidents.of(rng.uniform(0, 9000, n), rng.uniform(0, 9000, n), start, crs=CRS, zone=ZONE)
    frame = incidents.frame
    frame["occurred_to"] = start + rng.choice([0, 300, 3000], n).astype("timedelta64[m]")
    manner = pd.DataFrame(
        {"entry": rng.choice(["a", "b", None], n), "floors": rng.choice([0.0, 1, np.nan], n)},
        index=frame["id"],
    )
    compared = prepare(Incidents(frame, CRS, ZONE), manner=manner, numeric=["floors"])
    forms = shapes(("entry",), (np.array([0.5, 0.5]),), ("floors",))
    tables = [rng.normal(0, 1, form.values.size) for form in forms]
    return compared, tables, np.array([1.0])


def test_scores_are_sums_over_features() -> None:
    compared, tables, scales = made()
    i, j = np.triu_indices(len(compared), 1)
    bins = pair_bins(compared, i, j, scales=scales)
    wanted = sum(table[b] for table, b in zip(tables, bins, strict=True))
    score = score_pairs(compared, i, j, tables=tables, scales=scales)
    np.testing.assert_allclose(score, wanted, atol=1e-9)
    one, two, kept, total = score_all(compared, tables=tables, scales=scales, threshold=3.0)
    assert total == one.size == (score >= 3.0).sum()
    assert (np.diff(kept) <= 0).all()
    assert set(zip(one, two, strict=True)) == set(zip(i[score >= 3.0], j[score >= 3.0], strict=True))
    np.testing.assert_allclose(kept, score_pairs(compared, one, two, tables=tables, scales=scales), atol=0)


def test_only_the_best_are_kept() -> None:
    compared, tables, scales = made()
    every = score_all(compared, tables=tables, scales=scales, threshold=1.0)
    best = score_all(compared, tables=tables, scales=scales, threshold=1.0, most=100)
    assert best[3] == every[3] > 100
    for few, all_ in zip(best[:3], every[:3], strict=True):
        assert np.array_equal(few, all_[:100])


def test_no_more_are_held_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    compared, tables, scales = made()
    every = score_all(compared, tables=tables, scales=scales, threshold=-100.0)
    assert every[3] == 300 * 299 // 2
    monkeypatch.setattr(scoring, "MOST_HELD", 20_000)
    best = score_all(compared, tables=tables, scales=scales, threshold=-100.0, most=50)
    assert best[3] == every[3]
    for few, all_ in zip(best[:3], every[:3], strict=True):
        assert np.array_equal(few, all_[:50])


def test_too_many_that_are_all_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    compared, tables, scales = made()
    monkeypatch.setattr(scoring, "MOST_HELD", 20_000)
    flat = [np.zeros_like(table) for table in tables]
    with pytest.raises(DataError, match="as alike as the most alike"):
        score_all(compared, tables=flat, scales=scales, threshold=0.0, most=50)


def test_none_reaches_the_threshold() -> None:
    compared, tables, scales = made(20)
    one, two, score, total = score_all(compared, tables=tables, scales=scales, threshold=1e6)
    assert one.size == two.size == score.size == total == 0


@pytest.mark.parametrize("n", [2, 3, 5, 257])
def test_all_pairs_of_any_number(n: int) -> None:
    compared, tables, scales = made(n)
    one, two, _, total = score_all(compared, tables=tables, scales=scales, threshold=-1e6)
    assert total == n * (n - 1) // 2
    assert len(set(zip(one, two, strict=True))) == total
    assert (one < two).all()


def test_one_core_and_two_give_the_same() -> None:
    compared, tables, scales = made()
    before = numba.get_num_threads()
    found = []
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            found.append(score_all(compared, tables=tables, scales=scales, threshold=2.0))
    finally:
        numba.set_num_threads(before)
    for a, b in zip(found[0][:3], found[1][:3], strict=True):
        assert a.tobytes() == b.tobytes()
