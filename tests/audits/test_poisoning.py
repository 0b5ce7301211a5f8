"""The poisoning test: what is strong is found, what is weak is not, and the push is what the forecast says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peelian.audits.finding import Threshold
from peelian.audits.manipulation import Watched, watch
from peelian.audits.planting import KINDS, STRENGTHS, plant, targets
from peelian.audits.poisoning import _furthest, poisoning, wilson
from peelian.audits.push import Forecasts
from peelian.errors import UsageError

from .simulated_records import made_frame, records_of


@pytest.fixture(scope="module")
def watched() -> Watched:
    return watch(records_of(made_frame(scatter=0.2)), category="burglary")


@settings(max_examples=30)
@given(st.integers(1, 200), st.data())
def test_the_interval_solves_wilsons_equation(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    low, high = wilson(hits, n)
    for end in (low, high):
        if 0 < end < 1:
            assert abs(hits / n - end) == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / n), rel=1e-4)
    assert low <= hits / n <= high


def test_strong_plants_are_found_weak_ones_are_not(watched: Watched) -> None:
    part = poisoning(watched, placements=8)
    rows = part.tables["strengths"].set_index(["kind", "strength"])["share"]
    assert rows["cluster", 0.5] <= 0.2
    assert rows["cluster", 13.0] == 1.0
    assert rows["deleted", 13.0] == 1.0
    assert rows["series", 52.0] == 1.0
    assert rows["digits", 0.8] >= 0.8
    for kind in KINDS:
        shares = rows[kind].to_numpy()[1:]
        assert np.all(np.diff(shares) >= -0.2), kind
    smallest = part.tables["smallest"].set_index("kind")
    assert 1 <= smallest.loc["cluster", "smallest"] <= 8
    # Beside it: how many places stand out with nothing planted.
    assert smallest["unplanted"].max() <= 0.35
    assert "found in 80 % of places" in part.sentences()[0]
    assert [one.measure for one in part.findings][:2] == ["smallest cluster", "unfound push"]
    chosen = "7 of 8, the fewest that are enough, go with 53 to 98 % of all places"
    assert chosen in part.limits[0]
    assert chosen in part.findings[0].limits[1]
    push = part.tables["push"].dropna(subset=["rank_before"]).set_index("kind")
    said = part.sentences()[-1]
    most = push["change_most"].idxmax()
    assert f"by {most} records, adds {push.loc[most, 'change_most']:.2f}" in said
    climb = (push["rank_before"] - push["rank_after"]).astype(float)
    top = push.loc[climb.idxmax()]
    assert (
        f"by {climb.idxmax()} records, is from rank {top['rank_before']:,.0f} to {top['rank_after']:,.0f}"
        in said
    )


def test_the_furthest_climb_is_that_of_all_kinds_and_not_of_the_kind_pushed_furthest(
    watched: Watched,
) -> None:
    rows = {
        "kind": ["cluster", "recoded", "digits"],
        "change_most": [0.9, 0.4, 0.0],
        "rank_before": [40, 200, None],
        "rank_after": [30, 20, None],
    }
    said = _furthest(pd.DataFrame(rows), Forecasts(watched))[0]
    assert "by cluster records, adds 0.90" in said
    assert "by recoded records, is from rank 200 to 20 of 256" in said
    rows["rank_before"] = [30, 20, None]
    assert "climb" not in _furthest(pd.DataFrame(rows), Forecasts(watched))[0]
    rows["change_most"] = [0.0, -0.1, 0.0]
    assert _furthest(pd.DataFrame(rows), Forecasts(watched)) == []


def test_what_is_found_less_than_enough_has_no_smallest(watched: Watched) -> None:
    part = poisoning(watched, kinds=("cluster",), strengths={"cluster": (0.25, 0.5)}, placements=10)
    row = part.tables["smallest"].iloc[0]
    assert pd.isna(row["smallest"])
    one = part.findings[0]
    assert one.value is None
    assert "Not even 0.5" in one.limits[0]
    assert "can't be relied on" in " ".join(part.sentences())


def test_the_push_is_that_of_a_forecast_from_the_changed_records(watched: Watched) -> None:
    target = targets(watched, "cluster", placements=1, seed=0)[0]
    made = plant(watched, target, 5)
    assert made.added.week.size == 40
    assert set(made.added.week) == set(range(72, 80))
    push = Forecasts(watched, fraction=0.05).push(made.removed, made.added, np.array([target.cell]))
    # The count map's year holds 40 more reports of this cell; most of 40 / 52 a week stay once moved to the mean.
    assert 0.4 * 40 / 52 < push.after - push.before < 1.1 * 40 / 52
    assert push.rank_after < push.rank_before
    nothing = Forecasts(watched).push(
        np.zeros(0, dtype=np.int64), plant(watched, target, 0.01).added, np.array([target.cell])
    )
    assert nothing.after == nothing.before
    assert not nothing.moved


def test_taking_away_lowers_what_is_expected_and_recoding_keeps_the_records(watched: Watched) -> None:
    thin, code = (targets(watched, kind, placements=1, seed=1)[0] for kind in ("thinned", "recoded"))
    gone = plant(watched, thin, 1.0)
    cells = np.unique(watched.records.cell[watched.records.area == thin.area])
    push = Forecasts(watched).push(gone.removed, gone.added, cells)
    assert push.after < push.before
    turned = plant(watched, code, 0.5)
    assert turned.removed.size == turned.added.cell.size
    assert np.all(turned.added.category != watched.own)
    weaker = plant(watched, code, 0.25)
    assert set(weaker.removed) <= set(turned.removed)


def test_the_same_seed_gives_the_same_and_another_other_places(watched: Watched) -> None:
    one, same = (poisoning(watched, kinds=("cluster",), placements=6, seed=3).to_dict() for _ in range(2))
    assert one == same
    assert targets(watched, "cluster", placements=5, seed=3) != targets(
        watched, "cluster", placements=5, seed=4
    )


def test_a_threshold_on_the_push_is_held(watched: Watched) -> None:
    strict = {"unfound_push": Threshold(0.0, "the board", "2021-01-01")}
    part = poisoning(
        watched,
        kinds=("cluster",),
        placements=10,
        thresholds=strict,
        forecasts=Forecasts(watched, fraction=0.2),
    )
    one = part.findings[1]
    assert one.passes is (one.value == 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": ("bribes",)},
        {"kinds": ()},
        {"placements": 2},
        {"kinds": ("cluster",), "strengths": {"cluster": (2, 1)}},
    ],
)
def test_wrong_settings_are_refused(watched: Watched, wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        poisoning(watched, **{"strengths": STRENGTHS, **wrong})  # type: ignore[arg-type]
