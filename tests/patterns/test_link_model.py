"""Models of linked incidents: on series made up with a known truth."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.patterns.labels import read_labels
from peelian.patterns.link_model import LinkModel, fit_links, held_out_scores
from peelian.patterns.linkage_trial import auc
from peelian.patterns.pairs import prepare


@pytest.fixture(scope="module")
def known(made_series: Callable) -> tuple:
    incidents, manner, labels = made_series()
    compared = prepare(incidents, manner=manner, numeric=["value"])
    return incidents, manner, compared, read_labels(labels, compared.ids)


@pytest.mark.parametrize("method", ["logistic", "naive_bayes"])
def test_linked_pairs_are_told_from_others(known: tuple, made_series: Callable, method: str) -> None:
    _, _, compared, labelled = known
    model = fit_links(compared, labelled, method=method)
    incidents, manner, labels = made_series(seed=1)
    fresh = model.prepare(incidents, manner=manner)
    truth = read_labels(labels, fresh.ids)
    one, two = np.triu_indices(len(fresh), 1)
    linked = np.isin(one * len(fresh) + two, truth.one * len(fresh) + truth.two)
    score = model.score(fresh, one, two)
    assert auc(score, linked) > 0.97
    p = model.probability(score, shift=model.shift(fresh))
    assert p.sum() == pytest.approx(linked.sum(), rel=0.35), "as many links are expected as there are"
    likely = p > 0.5
    assert linked[likely].mean() > 0.6


def test_contributions_add_up_and_say_which_way(known: tuple) -> None:
    _, _, compared, labelled = known
    model = fit_links(compared, labelled)
    one, two = labelled.one[:20], labelled.two[:20]
    adds, alone = model.contributions(compared, one, two)
    assert adds.shape == alone.shape == (6, 20)
    np.testing.assert_allclose(adds.sum(axis=0), model.score(compared, one, two), atol=1e-9)
    assert adds[0].mean() > 2, "linked incidents are near"
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, len(compared), (2, 4000))
    usual = model.contributions(compared, i[i != j], j[i != j])[0]
    assert np.abs(usual.mean(axis=1)).max() < 0.3, "0 is what is usual"


def test_a_model_goes_through_json(known: tuple, made_series: Callable) -> None:
    _, _, compared, labelled = known
    model = fit_links(compared, labelled, method="naive_bayes", density=True)
    text = json.dumps(model.to_dict(), allow_nan=False)
    again = LinkModel.from_dict(json.loads(text))
    incidents, manner, _ = made_series(seed=2)
    fresh, same = model.prepare(incidents, manner=manner), again.prepare(incidents, manner=manner)
    i, j = np.triu_indices(len(fresh), 1)
    assert np.array_equal(model.score(fresh, i, j), again.score(same, i, j))
    assert model.shift(fresh) == again.shift(same)
    for a, b in zip(
        model.contributions(fresh, i[:9], j[:9]), again.contributions(same, i[:9], j[:9]), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-12)
    assert again.to_dict() == model.to_dict()


def test_data_that_are_no_model() -> None:
    with pytest.raises(DataError, match="expected a link model"):
        LinkModel.from_dict({"kind": "something"})


def test_a_model_needs_its_fields(known: tuple) -> None:
    incidents, _, compared, labelled = known
    model = fit_links(compared, labelled)
    with pytest.raises(DataError, match="no manner was given"):
        model.prepare(incidents)


def test_features_that_are_not_used_add_nothing(known: tuple) -> None:
    _, _, compared, labelled = known
    model = fit_links(compared, labelled, features=["entry"])
    adds, _ = model.contributions(compared, labelled.one, labelled.two)
    assert not adds[[0, 1, 2, 3, 5]].any()
    assert adds[4].any()
    with pytest.raises(UsageError, match="nothing"):
        fit_links(compared, labelled, features=["nothing"])


def test_the_prior_moves_the_odds(known: tuple) -> None:
    _, _, compared, labelled = known
    model = fit_links(compared, labelled)
    assert model.shift(compared) == pytest.approx(0.0, abs=0.02), "these are the incidents it was learnt from"
    assert model.shift(compared, prior=model.share) == pytest.approx(0.0)
    assert model.shift(compared, prior=model.share / 10) == pytest.approx(np.log(0.1), abs=0.05)
    with pytest.raises(UsageError):
        model.shift(compared, prior=0)


def test_held_out_scores_never_saw_the_series(made_series: Callable) -> None:
    """Where nothing links incidents, held-out scores say so; scores of pairs that were learnt from would not."""
    incidents, manner, labels = made_series(near=4000, series=60, alone=60)
    rng = np.random.default_rng(0)
    labels = labels.set_axis(rng.permutation(labels.index))
    compared = prepare(incidents, manner=manner[["entry"]])
    labelled = read_labels(labels, compared.ids)
    held = held_out_scores(compared, labelled, method="naive_bayes")
    assert abs(auc(held.score, held.linked) - 0.5) < 0.09
    model = fit_links(compared, labelled, method="naive_bayes")
    one, two = np.triu_indices(len(compared), 1)
    p = model.probability(model.score(compared, one, two))
    assert p.max() < 0.2, "nothing is called a link"


def test_too_few_labels_and_unknown_methods(known: tuple) -> None:
    _, _, compared, _ = known
    one = read_labels({compared.ids[0]: "a", compared.ids[1]: "a"}, compared.ids)
    with pytest.raises(NotEnoughDataError, match="1 series"):
        fit_links(compared, one)
    with pytest.raises(UsageError, match="logistic, naive_bayes"):
        fit_links(compared, one, method="magic")


def test_the_same_seed_gives_the_same_model(known: tuple) -> None:
    _, _, compared, labelled = known
    assert fit_links(compared, labelled).to_dict() == fit_links(compared, labelled).to_dict()


def test_isotonic_calibration(known: tuple) -> None:
    _, _, compared, labelled = known
    model = fit_links(compared, labelled, calibration="isotonic")
    p = model.probability(model.score(compared, labelled.one, labelled.two))
    assert ((p > 0) & (p < 1)).all()
    assert LinkModel.from_dict(json.loads(json.dumps(model.to_dict()))).calibrator.kind == "isotonic"
