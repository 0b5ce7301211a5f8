"""The threshold test, told without sampling: draws are made up, so that each sentence and limit can be held to them."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

import peelian.audits.threshold_test as subject
from peelian.audits.finding import Threshold
from peelian.audits.threshold_model import Draws
from peelian.audits.threshold_test import ThresholdTest, threshold_test
from peelian.errors import MissingExtraError, UsageError
from peelian.publish.wording import check_wording

pytest.importorskip("numpyro")

DISTRICTS, DRAWS = 12, 200
GROUPS = ("white", "black", "other")
THRESHOLDS = {"white": 0.30, "black": 0.20, "other": 0.305}


def counts() -> pd.DataFrame:
    """Rates about as the made-up draws have them; stops grow by district."""
    rng = np.random.default_rng(6)
    rows = []
    for group in GROUPS:
        for d in range(DISTRICTS):
            stops = 500 * (d + 1)
            search_rate, hit_rate = _rates(THRESHOLDS[group])
            searches = int(rng.binomial(stops, search_rate))
            hits = int(rng.binomial(searches, hit_rate))
            rows.append((f"d{d:02}", group, stops, searches, hits))
    return pd.DataFrame(rows, columns=["district", "group", "stops", "searches", "hits"])


def _rates(threshold: float) -> tuple[float, float]:
    from peelian.audits.discriminant import stop_outcomes

    search_rate, hit_rate = stop_outcomes(threshold, carrying=0.1, separation=1.8)
    return float(search_rate), float(hit_rate)


def made_up(
    *, apart: float = 0.0, shift: dict[float, float] | None = None, diverging: int = 0, sd: float = 0.01
) -> Any:
    """In place of `sample`: thresholds around `THRESHOLDS`; chains `apart`; black's shifted by scale."""

    def sample(
        stops: np.ndarray, *_: Any, scales: tuple[float, ...], chains: int, **__: Any
    ) -> dict[float, Draws]:
        found = {}
        for scale in scales:
            rng = np.random.default_rng(int(10 * scale))
            groups = [0.30, 0.20, 0.305][: stops.shape[0]]
            centre = np.array(groups) + np.array([0, (shift or {}).get(scale, 0.0), 0])[: stops.shape[0]]
            noise = sd * rng.normal(size=(chains, DRAWS, stops.shape[0], 1))
            threshold = np.broadcast_to(
                centre[:, None] + noise + apart * np.arange(chains)[:, None, None, None],
                (chains, DRAWS, *stops.shape),
            )
            shared = {"carrying": rng.normal(size=(chains, DRAWS))}
            steps = np.arange(chains * DRAWS).reshape(chains, DRAWS) < diverging
            found[scale] = Draws(
                threshold, np.full(threshold.shape, 0.1), np.full(threshold.shape, 1.8), shared, steps
            )
        return found

    return sample


def drawn(threshold: np.ndarray, shared: dict[str, np.ndarray] | None = None) -> Draws:
    """Draws of these thresholds, shape (chains, draws, groups, districts), and nothing else of interest."""
    steady = np.random.default_rng(0).normal(size=threshold.shape[:2])
    return Draws(
        threshold,
        np.full(threshold.shape, 0.1),
        np.full(threshold.shape, 1.8),
        {"carrying": steady} if shared is None else shared,
        np.zeros(threshold.shape[:2], dtype=bool),
    )


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    def test(
        *, table: pd.DataFrame | None = None, settings: dict[str, Any] | None = None, **how: Any
    ) -> ThresholdTest:
        monkeypatch.setattr(subject, "sample", made_up(**how))
        # The made-up draws are in this order of groups; the real ones are by name.
        given = counts() if table is None else table
        given = given.assign(
            group=given["group"].map({"white": "0 white", "black": "1 black", "other": "2 other"})
        )
        return threshold_test(given, reference="0 white", **(settings or {}))

    return test


def test_gaps_are_of_means_weighted_by_all_stops_of_a_district(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = run()
    black = audit.findings[0]
    assert black.id == "search_threshold_gap/1 black"
    assert black.value == pytest.approx(-0.10, abs=0.003)
    # 0.01 a draw in both groups: 1.96 * 0.01 * sqrt(2).
    assert black.high - black.value == pytest.approx(0.0277, rel=0.25)
    assert [finding.id.rpartition("/")[2] for finding in audit.findings] == ["1 black", "2 other"]

    def uneven(
        stops: np.ndarray, *_: Any, scales: tuple[float, ...], chains: int, **__: Any
    ) -> dict[float, Draws]:
        made = made_up(sd=1e-9)(stops, scales=scales, chains=chains)[1.0]
        threshold = made.threshold + 0.2 * (np.arange(DISTRICTS) == DISTRICTS - 1)
        return dict.fromkeys(
            scales, Draws(threshold, made.carrying, made.separation, made.shared, made.diverging)
        )

    monkeypatch.setattr(subject, "sample", uneven)
    table = counts().assign(group=lambda f: f["group"].map({"white": "a", "black": "b", "other": "c"}))
    audit = threshold_test(table, reference="a")
    # The last of 12 districts has 12 of 78 parts of the stops.
    assert audit.frame["threshold"].to_numpy() == pytest.approx(np.array([0.30, 0.20, 0.305]) + 0.2 * 12 / 78)


def test_weights_are_the_same_for_groups_that_are_stopped_in_different_districts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both are searched at the same threshold in each district; one is stopped mostly where it is low."""

    def steep(stops: np.ndarray, *_: Any, scales: tuple[float, ...], **__: Any) -> dict[float, Draws]:
        noise = 1e-6 * np.random.default_rng(0).normal(size=(2, DRAWS, 2, 1))
        return dict.fromkeys(scales, drawn(np.linspace(0.2, 0.5, DISTRICTS) + noise))

    monkeypatch.setattr(subject, "sample", steep)
    table = (
        counts()
        .query("group != 'other'")
        .assign(group=lambda f: f["group"].map({"white": "a", "black": "b"}))
    )
    low = (table["group"] == "b") & (table["district"] < "d03")
    table.loc[low, "stops"] *= 20
    audit = threshold_test(table, reference="a")
    assert audit.frame["gap"].iloc[1] == pytest.approx(0, abs=1e-6)
    weight = table.groupby("district")["stops"].sum() / table["stops"].sum()
    assert audit.frame["threshold"].iloc[0] == pytest.approx(float(weight @ np.linspace(0.2, 0.5, DISTRICTS)))
    for row in audit.by_district.itertuples():
        assert row.threshold == pytest.approx(np.linspace(0.2, 0.5, DISTRICTS)[int(row.district[1:])])
        given = table[(table["district"] == row.district) & (table["group"] == row.group)].iloc[0]
        assert (row.stops, row.searches, row.hits) == (given["stops"], given["searches"], given["hits"])


def test_intervals_are_of_the_level_asked_for(run: Any) -> None:
    wide, narrow = (run(settings={"level": level}).findings[0] for level in (0.95, 0.5))
    assert narrow.level == 0.5
    # Normal quantiles 1.96 and 0.674.
    assert (narrow.high - narrow.low) / (wide.high - wide.low) == pytest.approx(0.344, rel=0.25)


def test_a_gap_that_is_there_and_one_that_is_not_are_told_apart(run: Any) -> None:
    audit = run()
    said = audit.sentences()
    assert said[0].startswith(
        "1 black was searched at a lower inferred threshold than 0 white: 0.20 in place of 0.30"
    )
    assert said[1].startswith("No gap between the inferred thresholds of 2 other and 0 white was shown")
    assert "from 0.5 to 2 times as wide" in said[2]
    assert "does not change what is found" in said[2]
    assert any("r-hat" in one and "0 divergences" in one for one in said)
    assert said[-1].startswith("The model brings forth counts like these")


def test_a_threshold_that_a_body_set_is_held_against_the_gap(run: Any) -> None:
    bound = Threshold(0.05, "Oversight board", "2026-01-01")
    audit = run(settings={"thresholds": {"search_threshold_gap": bound}})
    assert [finding.passes for finding in audit.findings] == [False, True]
    assert audit.passes is False


def test_chains_that_do_not_agree_give_no_number(run: Any) -> None:
    audit = run(apart=0.05)
    assert audit.frame["rhat"].min() > 1.05
    assert [finding.value for finding in audit.findings] == [None, None]
    assert audit.findings[0].passes is None
    assert "Chains do not agree (r-hat" in audit.findings[0].limits[0]
    assert audit.sentences()[0].startswith("1 black: no inferred threshold (Chains do not agree")


@pytest.mark.parametrize("who", ["the gap alone", "the reference alone"])
def test_each_of_the_three_must_agree(monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    rng = np.random.default_rng(0)
    chain = np.arange(2)[:, None]
    if who == "the gap alone":
        white = 0.3 + 0.05 * rng.normal(size=(2, DRAWS))
        black = white - 0.1 + 0.01 * chain
    else:
        white = 0.3 + 0.01 * rng.normal(size=(2, DRAWS)) + 0.05 * chain
        black = 0.2 + 0.3 * rng.normal(size=(2, DRAWS))
    both = np.broadcast_to(np.stack([white, black], axis=-1)[..., None], (2, DRAWS, 2, DISTRICTS))

    def apart(*_: Any, scales: tuple[float, ...], **__: Any) -> dict[float, Draws]:
        return dict.fromkeys(scales, drawn(np.clip(both, 0.01, 0.99)))

    monkeypatch.setattr(subject, "sample", apart)
    table = (
        counts()
        .query("group != 'other'")
        .assign(group=lambda f: f["group"].map({"white": "a", "black": "b"}))
    )
    audit = threshold_test(table, reference="a")
    assert audit.findings[0].value is None
    assert "Chains do not agree" in audit.findings[0].limits[0]


def test_the_worst_of_all_parameters_is_told_and_a_drift_within_a_chain_counts() -> None:
    from peelian.audits.threshold_checks import convergence

    rng = np.random.default_rng(1)
    fine = rng.normal(size=(2, DRAWS))
    drifting = rng.normal(size=(2, DRAWS)) + np.linspace(-2, 2, DRAWS)
    found = convergence(
        drawn(np.full((2, DRAWS, 1, 1), 0.3), {"fine": fine, "drifting": drifting}), {"gap": fine}
    )
    assert found.worst == "drifting"
    assert found.rhat > 1.3, "both chains drift alike: only halves of them tell"
    assert found.effective < 30
    assert (
        convergence(drawn(np.full((2, DRAWS, 1, 1), 0.3), {"fine": fine}), {"gap": drifting}).worst == "gap"
    )


def test_divergences_are_told(run: Any) -> None:
    assert not any("diverged" in limit for limit in run(diverging=4).limits)
    audit = run(diverging=5)
    assert audit.convergence.divergences == 5
    assert audit.sweep["divergences"].tolist() == [5] * 6
    assert any("5 divergences" in one for one in audit.sentences())
    assert audit.limits[0].startswith("5 of 400 steps of the sampler diverged")


def test_a_gap_that_hangs_on_the_priors_says_so(run: Any) -> None:
    audit = run(shift={0.5: 0.10})
    assert audit.findings[0].limits[0].startswith("Whether there is a gap hangs on how wide the priors are")
    assert audit.findings[0].details["sweep"][0]["gap"] == pytest.approx(0.0, abs=0.003)
    assert "which changes what is found" in audit.sentences()[2]
    assert run(settings={"scales": (1.0,)}).sentences()[2].startswith("Priors were not varied")


def test_counts_that_the_model_does_not_bring_forth_are_told(run: Any) -> None:
    table = counts()
    black = (table["group"] == "black").to_numpy()
    table.loc[black, "hits"] = np.where(np.arange(black.sum()) % 2, table.loc[black, "searches"], 0)
    audit = run(table=table)
    p = audit.frame.set_index("group")["hit_p"]
    assert p["1 black"] == 0
    assert p["0 white"] > 0.025
    assert audit.sentences()[-1].startswith("The model does not bring forth such counts for 1 black")
    assert any("For 1 black the model does not bring forth" in limit for limit in audit.limits)


def test_posterior_predictive_p_is_spread_evenly_where_the_model_holds() -> None:
    from peelian.audits.threshold_checks import posterior_predictive

    rng = np.random.default_rng(2)
    stops = np.full((40, 30), 900)
    shape = (2, 100, 40, 30)
    drawn = Draws(
        np.full(shape, 0.25), np.full(shape, 0.1), np.full(shape, 1.8), {}, np.zeros((2, 100), bool)
    )
    search_rate, hit_rate = _rates(0.25)
    searches = rng.binomial(stops, search_rate)
    fit = posterior_predictive(drawn, stops, searches, rng.binomial(searches, hit_rate), seed=0)
    for p in (fit.search_p, fit.hit_p):
        assert p.mean() == pytest.approx(0.5, abs=0.15)
        assert p.std() == pytest.approx(0.29, abs=0.08)
    # The standard error of a rate among 900.
    assert fit.search_error.mean() == pytest.approx(np.sqrt(search_rate * (1 - search_rate) / 900), rel=0.1)


def test_a_rare_group_is_listed_without_a_number(run: Any) -> None:
    table = counts()
    table.loc[table["group"] == "other", ["searches", "hits"]] = 1
    audit = run(table=table)
    assert audit.findings[1].value is None
    assert "12 searches in 12 districts" in audit.findings[1].limits[0]
    assert audit.frame["group"].tolist() == ["0 white", "1 black", "2 other"]
    assert np.isnan(audit.frame["threshold"].iloc[2])


def test_few_districts_are_told(run: Any) -> None:
    table = counts()
    assert run(table=table[table["district"] < "d09"]).limits[0].startswith("There are 9 districts only")
    assert not run(table=table).limits[0].startswith("There are")


def test_plain_values_and_words_for_a_page(run: Any) -> None:
    audit = run(apart=0.05)
    for one in (audit, run()):
        told = json.loads(json.dumps(one.to_dict(), allow_nan=False))
        assert [row["scale"] for row in told["sweep"]] == [0.5, 0.5, 1.0, 1.0, 2.0, 2.0]
        assert told["rows"][0]["gap"] is None
        assert len(json.dumps(told)) < 30_000
        check_wording(" ".join([*one.sentences(), *one.limits, *(f.sentence() for f in one.findings)]))
        assert not re.search(r"\b(suspect|offender|criminal|victim)", json.dumps(told))
        assert "<table" in one._repr_html_()
    by_district = run().by_district
    assert len(by_district) == 3 * DISTRICTS
    assert (by_district["low"] < by_district["threshold"]).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"level": 95},
        {"level": 0.3},
        {"scales": (0.5, 2.0)},
        {"scales": (1.0, 1.0)},
        {"scales": (1.0, 100.0)},
        {"chains": 1},
        {"samples": 10},
        {"warmup": 0},
    ],
)
def test_settings_that_are_off_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected"):
        threshold_test(counts(), reference="white", **settings)


def test_without_numpyro_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpyro", None)
    with pytest.raises(MissingExtraError, match="needs NumPyro") as refused:
        threshold_test(counts(), reference="white")
    assert "peelian[bayes]" in str(refused.value.hint)
