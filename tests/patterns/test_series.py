"""Candidate series: groups from links, against SciPy on the whole matrix and graphs known by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from peelian.errors import DataError, UsageError
from peelian.patterns import series as module
from peelian.patterns.labels import read_labels
from peelian.patterns.link_model import fit_links
from peelian.patterns.pairs import prepare
from peelian.patterns.series import candidate_series, group_pairs, rank_series


def matrix(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, max(2, n // 3), n)
    odds = np.where(group[:, None] == group[None, :], 2.0, -4.0) + rng.normal(0, 1.5, (n, n))
    odds = (odds + odds.T) / 2
    np.fill_diagonal(odds, 0)
    return odds


def grouped(odds: np.ndarray, method: str, cut: float) -> list[set[int]]:
    one, two = np.triu_indices(len(odds), 1)
    keep = odds[one, two] >= cut
    found = group_pairs(
        len(odds),
        one[keep],
        two[keep],
        odds[one, two][keep],
        method=method,
        cut=cut,
        between=lambda i, j: odds[i, j],
    )
    return [set(rows.tolist()) for rows in found]


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 25), st.integers(0, 1000), st.sampled_from(["average", "complete", "single"]))
def test_links_alone_give_what_the_whole_matrix_gives(n: int, seed: int, method: str) -> None:
    odds = matrix(n, seed)
    cut = 0.5
    top = odds.max() + 1
    apart = squareform(np.where(np.eye(n) > 0, 0, top - odds), checks=False)
    part = fcluster(linkage(apart, method), top - cut, criterion="distance")
    whole = [set(np.flatnonzero(part == k)) for k in np.unique(part) if (part == k).sum() > 1]
    assert sorted(map(sorted, grouped(odds, method, cut))) == sorted(map(sorted, whole))


def test_two_cliques_and_a_bridge() -> None:
    odds = np.full((9, 9), -5.0)
    odds[:4, :4] = odds[4:8, 4:8] = 3.0
    odds[3, 4] = odds[4, 3] = 1.0
    both = [{0, 1, 2, 3}, {4, 5, 6, 7}]
    assert grouped(odds, "single", 0.0) == [set(range(8))], "single linkage crosses the bridge"
    for method in ("average", "complete", "communities"):
        assert grouped(odds, method, 0.0) == both


def test_no_links_no_groups() -> None:
    odds = np.full((5, 5), -5.0)
    for method in ("average", "complete", "single", "communities"):
        assert grouped(odds, method, 0.0) == []


def test_too_many_together_are_parted_at_their_weakest_links(monkeypatch: pytest.MonkeyPatch) -> None:
    odds = np.full((8, 8), -5.0)
    odds[:4, :4] = odds[4:, 4:] = 3.0
    odds[3, 4] = odds[4, 3] = 1.0
    monkeypatch.setattr(module, "MOST_TOGETHER", 5)
    with pytest.raises(DataError, match="equally likely"):
        grouped(np.full((8, 8), 2.0), "average", 0.0)
    odds[0, 1] = odds[1, 0] = 4.0
    odds[4, 5] = odds[5, 4] = 4.0
    found = grouped(odds, "average", 0.0)
    assert {0, 1} in [g & {0, 1, 4, 5} for g in found]


def test_unknown_method() -> None:
    with pytest.raises(UsageError, match="average, complete, single, communities"):
        grouped(matrix(4, 0), "magic", 0.0)


@pytest.fixture(scope="module")
def known(made_series: Callable) -> tuple:
    incidents, manner, labels = made_series(near=150)
    compared = prepare(incidents, manner=manner, numeric=["value"])
    labelled = read_labels(labels, compared.ids)
    return compared, labels, labelled, fit_links(compared, labelled)


@pytest.mark.parametrize("method", ["average", "complete", "single", "communities"])
def test_candidates_are_mostly_series(known: tuple, method: str) -> None:
    compared, labels, _, model = known
    one, two = np.triu_indices(len(compared), 1)
    score = model.score(compared, one, two)
    found = candidate_series(model, compared, one, two, score, method=method, at_least=0.5)
    assert len(found) > 10
    assert [s.rows.size for s in found] == sorted((s.rows.size for s in found), reverse=True)
    pure = [labels[list(s.ids)].nunique() == 1 for s in found]
    assert np.mean(pure) > (0.6 if method in ("average", "complete") else 0.4)
    for s in found:
        assert 0 < s.weakest <= s.probability <= 1
        assert s.first <= s.last
        assert s.days >= 0
        assert (np.diff(compared.start[s.rows]) >= 0).all()
    if method == "complete":
        assert min(s.weakest for s in found) >= 0.5 - 1e-9
    assert found[0].to_dict()["incidents"] == list(found[0].ids)


def test_the_series_of_an_incident_comes_first(known: tuple) -> None:
    compared, labels, _, model = known
    long = labels.value_counts()
    tried = [labels[labels == name].index[0] for name in long.index[:15]]
    rank = []
    for incident in tried:
        found = rank_series(model, compared, labels, incident)
        assert found["mean_log_odds"].is_monotonic_decreasing
        rank.append(int(np.flatnonzero(found["series"] == labels[incident])[0]))
    assert np.mean(np.array(rank) == 0) > 0.6
    assert np.median(rank) == 0


def test_ranking_without_labels_and_of_an_unknown_incident(known: tuple) -> None:
    compared, labels, _, model = known
    assert rank_series(model, compared, {}, str(compared.ids[0])).empty
    assert rank_series(model, compared, {str(compared.ids[0]): "a"}, str(compared.ids[0])).empty
    with pytest.raises(DataError, match="nowhere"):
        rank_series(model, compared, labels, "nowhere")
