"""Linked incidents from end to end: hypotheses, their reasons, and what is refused."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.patterns.link_model import LinkModel
from peelian.patterns.links import Links, link_incidents
from peelian.records import Incidents

CRS, ZONE = "EPSG:26915", "America/Chicago"


@pytest.fixture(scope="module")
def made(made_series: Callable) -> tuple:
    return made_series(near=150)


@pytest.fixture(scope="module")
def half(made: tuple) -> tuple[pd.Series, pd.Series]:
    """Labels that are given, and those that are kept back."""
    labels = made[2]
    given = labels[labels.str[1:].astype(int) % 2 == 0]
    return given, labels.drop(given.index)


@pytest.fixture(scope="module")
def links(made: tuple, half: tuple) -> Links:
    incidents, manner, _ = made
    return link_incidents(
        incidents, labels=half[0], manner=manner[["entry"]], method="logistic", evaluate=False
    )


def test_links_that_were_kept_back_are_found(links: Links, half: tuple) -> None:
    kept_back = half[1]
    frame = links.frame
    assert frame["probability"].is_monotonic_decreasing
    assert frame["probability"].min() >= 0.1
    open_ = frame[frame["one"].isin(kept_back.index) & frame["two"].isin(kept_back.index)]
    assert (open_["known"] == "").all()
    true = kept_back[open_["one"]].to_numpy() == kept_back[open_["two"]].to_numpy()
    assert true[open_["probability"] >= 0.7].mean() > 0.6
    assert true.sum() == pytest.approx(open_["probability"].sum(), rel=0.4), "as many hold as was said"


def test_what_is_known_already_is_said(links: Links, half: tuple) -> None:
    frame, given = links.frame, half[0]
    both = frame[frame["one"].isin(given.index) & frame["two"].isin(given.index)]
    same = given[both["one"]].to_numpy() == given[both["two"]].to_numpy()
    assert np.array_equal(both["known"] == "same series", same)
    assert set(frame["known"]) <= {"", "same series", "other series"}
    assert links.expected == pytest.approx(frame.loc[frame["known"] == "", "probability"].sum())
    assert set(links.series_frame["known_series"]) <= set(range(10))


def test_reasons_are_words_a_person_can_check(links: Links) -> None:
    row = links.frame.iloc[0]
    parts = links.why[0]
    assert [p["feature"] for p in parts[:1]] == ["place"]
    assert f"{row['metres']:.0f} m apart" in parts[0]["text"]
    assert "times as often" in parts[0]["text"]
    assert parts[0]["adds"] > 0
    assert parts[0]["times"] > 5
    assert all(abs(a["adds"]) >= abs(b["adds"]) for a, b in itertools.pairwise(parts))
    assert row["why"].count(";") == 2
    text = " ".join(p["text"] for w in links.why for p in w)
    assert "the same entry (" in text
    assert "entry differs" in text
    assert "entry is missing" in text


def test_the_result_speaks_of_hypotheses(links: Links) -> None:
    assert "hypotheses to confirm or to reject" in links.sentence()
    assert "not tried" in links.sentence()
    data = json.loads(json.dumps(links.to_dict(), allow_nan=False))
    assert data["limits"]
    assert data["pairs"][0]["why"][0]["text"]
    assert len(data["series"]) == len(links.series)
    assert "offender" not in json.dumps(data).casefold()
    assert "suspect" not in json.dumps(data).casefold()
    assert "<table" in links._repr_html_()
    assert links.plot().get_xlabel()


def test_a_stored_model_links_without_labels(links: Links, made_series: Callable) -> None:
    model = LinkModel.from_dict(json.loads(json.dumps(links.to_dict()["model"])))
    incidents, manner, labels = made_series(near=150, seed=5)
    fresh = link_incidents(incidents, model=model, manner=manner)
    assert fresh.trial is None
    assert (fresh.frame["known"] == "").all()
    true = labels[fresh.frame["one"]].to_numpy() == labels[fresh.frame["two"]].to_numpy()
    assert true[fresh.frame["probability"] >= 0.7].mean() > 0.6
    again = link_incidents(incidents, model=model, manner=manner)
    assert json.dumps(fresh.to_dict()) == json.dumps(again.to_dict())


def test_a_smaller_prior_makes_fewer_links(links: Links, made: tuple) -> None:
    incidents, manner, _ = made
    fewer = link_incidents(incidents, model=links.model, manner=manner, prior=links.model.share / 20)
    assert len(fewer.frame) < len(links.frame)
    assert fewer.settings["prior"] == links.model.share / 20


def test_many_links_are_cut_and_it_is_said(links: Links, made: tuple) -> None:
    incidents, manner, _ = made
    cut = link_incidents(incidents, model=links.model, manner=manner, most=5)
    assert len(cut.frame) == 5
    assert cut.reached == len(links.frame)
    assert any("the likeliest 5 are listed" in limit for limit in cut.limits)


def test_the_trial_comes_with_enough_series(made: tuple) -> None:
    incidents, _, labels = made
    found = link_incidents(incidents, labels=labels, method="naive_bayes")
    assert found.trial is not None
    assert found.trial.table["auc"][0] > 0.8
    assert found.to_dict()["trial"]["scores"]


def test_no_labels_one_series_and_unknown_incidents(made: tuple) -> None:
    incidents, _, labels = made
    with pytest.raises(NotEnoughDataError, match="neither labels nor a model") as no:
        link_incidents(incidents)
    assert "nearer_than_chance" in str(no.value.hint)
    with pytest.raises(NotEnoughDataError, match="0 series"):
        link_incidents(incidents, labels={})
    with pytest.raises(NotEnoughDataError, match="1 series"):
        link_incidents(incidents, labels=pd.Series("a", index=labels.index[:20]))
    with pytest.raises(DataError, match="not there"):
        link_incidents(incidents, labels={"nowhere": "a"})


def test_settings_that_are_off(made: tuple) -> None:
    incidents, _, labels = made
    for wrong in ({"at_least": 0.0}, {"most": 0}, {"method": "magic"}, {"series": "magic"}, {"prior": 2.0}):
        with pytest.raises(UsageError):
            link_incidents(incidents, labels=labels, evaluate=False, **wrong)


def test_labels_of_series_alone_are_warned_of(made: tuple) -> None:
    incidents, _, labels = made
    several = labels[labels.isin(labels.value_counts()[lambda n: n > 1].index)]
    found = link_incidents(incidents, labels=several, method="logistic", evaluate=False)
    assert any("No labelled incident stands alone" in limit for limit in found.limits)


def test_two_incidents_and_ties(links: Links) -> None:
    def at_one_place(n: int) -> Incidents:
        times = np.array(["2024-01-01T10:00"] * n, "M8[m]")
        return Incidents.of([5.0] * n, [5.0] * n, times, crs=CRS, zone=ZONE)

    manner = pd.DataFrame({"entry": [None] * 30}, index=[str(k) for k in range(30)])
    two = link_incidents(at_one_place(2), model=links.model, manner=manner.iloc[:2], prior=1e-6)
    assert len(two.compared) == 2
    assert "1 pairs of" in two.sentence() or "no pair" in two.sentence()
    tied = link_incidents(at_one_place(30), model=links.model, manner=manner)
    assert tied.reached in (0, 435)
    with pytest.raises(NotEnoughDataError):
        link_incidents(at_one_place(1), model=links.model, manner=manner.iloc[:1])


def test_nothing_alike_is_an_honest_empty_result(links: Links, made: tuple) -> None:
    incidents, manner, _ = made
    found = link_incidents(incidents, model=links.model, manner=manner, prior=1e-12)
    assert found.frame.empty
    assert found.series == ()
    assert "no pair" in found.sentence()
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["pairs"] == []
    assert found.plot() is not None
