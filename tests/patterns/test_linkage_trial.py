"""Trials of linking: series kept apart, scores as scikit-learn has them, intervals, and what the manner adds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from peelian.errors import NotEnoughDataError, UsageError
from peelian.patterns.labels import read_labels
from peelian.patterns.linkage_trial import auc, average_precision, linkage_trial, split_series
from peelian.records import Incidents

SHARED = Path(__file__).resolve().parents[3] / "shared/data/linkage"


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.random(300) < 0.2
    score = np.round(rng.normal(y, 1), seed)
    weight = rng.choice([0.5, 1.0, 2.0], 300)
    assert auc(score, y) == pytest.approx(roc_auc_score(y, score))
    assert auc(score, y, weight) == pytest.approx(roc_auc_score(y, score, sample_weight=weight))
    assert average_precision(score, y, weight) == pytest.approx(
        average_precision_score(y, score, sample_weight=weight)
    )


def test_no_series_and_no_incident_is_on_both_sides(made_series: Callable) -> None:
    incidents, _, labels = made_series()
    ids = incidents.frame["id"].to_numpy(dtype=object)
    # Some incidents are of two series: these must stay together.
    extra = pd.Series(["s0", "s1", "s2"], index=labels[labels.isin(["s5", "s6", "s7"])].index[:3])
    labelled = read_labels(pd.concat([labels, extra]), ids)
    for repeat in range(5):
        train, test = split_series(labelled, 0.3, repeat=repeat)
        assert not set(train.rows) & set(test.rows)
        names = [
            set(labels[ids[part.rows]]) | set(extra[extra.index.isin(ids[part.rows])])
            for part in (train, test)
        ]
        assert not names[0] & names[1]
        assert len(train.rows) + len(test.rows) == len(labelled.rows)
        assert test.series == pytest.approx(0.3 * labelled.series, abs=1)


@pytest.fixture(scope="module")
def trial(made_series: Callable):
    incidents, manner, labels = made_series(series=60, alone=200, near=900)
    return linkage_trial(incidents, labels, manner=manner[["entry"]], repeats=3, replicates=60)


def test_a_trial_says_what_the_manner_adds(trial) -> None:
    table = trial.table.set_index("features")
    assert set(table.index) == {"place, time and manner", "place and time", "manner"}
    assert table.loc["place and time", "auc"] > table.loc["manner", "auc"] > 0.55
    assert (table["auc_low"] < table["auc"]).all()
    assert (table["auc"] < table["auc_high"]).all()
    gain = trial.differences.set_index("score").loc["auc"]
    assert gain["difference"] == pytest.approx(
        table.loc["place, time and manner", "auc"] - table.loc["place and time", "auc"]
    )
    assert gain["low"] <= gain["difference"] <= gain["high"]
    assert gain["difference"] > 0, "the manner of these series was made to tell"
    assert "what the manner adds" in trial.sentence()


def test_probabilities_hold_what_they_say(trial) -> None:
    c = trial.calibration
    assert (
        (c["observed_low"] - 0.02 <= c["stated"]) & (c["stated"] <= c["observed_high"] + 0.02)
    ).mean() >= 0.7
    row = trial.table.iloc[0]
    assert row["expected_low"] < 1.1
    assert row["expected_high"] > 0.9


def test_a_trial_is_plain_data_and_a_picture(trial) -> None:
    data = json.loads(json.dumps(trial.to_dict(), allow_nan=False))
    assert data["limits"]
    assert data["settings"]["series"] == 60
    assert len(data["scores"]) == 3
    assert trial.plot().get_xlabel()
    assert "<table" in trial._repr_html_()


def test_without_manner_there_is_one_row(made_series: Callable) -> None:
    incidents, _, labels = made_series()
    trial = linkage_trial(incidents, labels, repeats=2, replicates=20, candidates=[("naive_bayes", False)])
    assert trial.table["features"].tolist() == ["place and time"]
    assert trial.differences.empty
    assert trial.table["chosen"][0] == "naive_bayes 2 times"
    again = linkage_trial(incidents, labels, repeats=2, replicates=20, candidates=[("naive_bayes", False)])
    assert json.dumps(trial.to_dict()) == json.dumps(again.to_dict())


def test_too_few_series_and_wrong_settings(made_series: Callable) -> None:
    incidents, _, labels = made_series(series=6, alone=50)
    with pytest.raises(NotEnoughDataError, match="takes at least 10"):
        linkage_trial(incidents, labels)
    with pytest.raises(UsageError, match="0 repeats"):
        linkage_trial(incidents, labels, repeats=0)
    with pytest.raises(UsageError):
        linkage_trial(incidents, labels, test_share=1.0)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared teaching set of linkage")
def test_fictitious_crimes_of_the_teaching_set() -> None:
    """A made-up set, and taken only as what it is."""
    rows = pd.read_parquet(SHARED / "crimelinkage_crimes.parquet")
    known = pd.read_parquet(SHARED / "crimelinkage_offenders.parquet").drop_duplicates()
    known = known[known["crimeID"].isin(rows["crimeID"])]

    def moment(day: str, clock: str) -> pd.Series:
        minutes = rows[clock] // 100 * 60 + rows[clock] % 100
        return pd.to_datetime(rows[day]) + pd.to_timedelta(minutes, unit="min")

    start = moment("DATE_FROM", "TIME_FROM")
    made = Incidents.of(rows["X"] + 5e5, rows["Y"] + 4.5e6, start, crs="EPSG:26915", zone="America/Chicago")
    frame = made.frame
    frame["id"], frame["occurred_to"] = rows["crimeID"], moment("DATE_TO", "TIME_TO")
    incidents = Incidents(frame, made.crs, made.zone)
    manner = rows.set_index("crimeID")[["MO1", "MO2", "MO3"]]
    labels = known.set_index("crimeID").iloc[:, 0]
    trial = linkage_trial(
        incidents, labels, manner=manner, repeats=4, replicates=40, candidates=[("logistic", True)]
    )
    table = trial.table.set_index("features")["auc"]
    assert trial.settings["series"] == 48
    assert trial.settings["linked_pairs"] == 255
    assert table["place and time"] > 0.91
    assert table["place, time and manner"] > 0.9
    assert 0.6 < table["manner"] < 0.85
