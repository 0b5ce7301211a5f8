"""Error rates of a face-matching log: known ones are found, the unknown is bounded, and what can't be is not told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from peelian.audits.bounded_rates import GroupRate
from peelian.audits.match_log import MatchLog, match_log
from peelian.audits.match_rates import NOT_ESTIMABLE, error_rates, rates_frame
from peelian.audits.rate_ratios import for_all
from peelian.audits.rate_spreads import gap, highest_to_lowest, highest_to_mean

from .match_logs import FALSE, GROUPS, made_up


def log_of(tables: dict[str, pd.DataFrame], *, without: tuple[str, ...] = ()) -> MatchLog:
    held = {name: table for name, table in tables.items() if name not in without}
    return match_log(held.pop("alerts"), **held)


def per_face(tables: dict[str, pd.DataFrame], *, both: bool) -> MatchLog:
    """Of a log what rates per face seen need, and no more: groups, or each with its sex as one group."""
    alerts, seen = (tables[name].copy() for name in ("alerts", "deployments"))
    for table in (alerts, seen):
        table["group"] = table["group"] + (" " + table["sex"] if both else "")
    faces = seen.groupby(["deployment", "group"], as_index=False)["seen"].sum()
    return match_log(alerts[["deployment", "truth", "token", "group"]], deployments=faces)


def by_group(rates: list[GroupRate]) -> dict[str, GroupRate]:
    return {one.group: one for one in rates}


def small(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"deployment": ["D1"] * len(next(iter(columns.values()))), **columns})


def test_both_denominators_by_hand() -> None:
    alerts = small(truth=["false"] * 6 + ["true"] * 14, group=["a"] * 15 + ["b"] * 5)
    seen = pd.DataFrame({"deployment": ["D1"] * 2, "group": ["a", "b"], "seen": [1500, 2000]})
    rates = error_rates(match_log(alerts, deployments=seen))
    alert, face = (by_group(rates[r, "group"]) for r in ("false_alert_share", "false_positive_rate"))
    assert alert["a"].made.value == pytest.approx(6 / 15)
    assert face["a"].made.value == pytest.approx(6 / 1500)
    theirs = stats.binomtest(6, 1500).proportion_ci(0.95, method="exact")
    assert (face["a"].made.low, face["a"].made.high) == pytest.approx((theirs.low, theirs.high))
    assert face["b"].made.value == 0.0
    assert face["b"].made.high == pytest.approx(
        stats.binomtest(0, 2000).proportion_ci(0.95, method="exact").high
    )
    assert alert["b"].made.value is None
    assert "10 are the fewest" in alert["b"].made.why[0]
    ratio = highest_to_lowest(rates["false_positive_rate", "group"])
    assert (ratio.value, ratio.high) == (None, None)  # the lowest may be 0


def test_known_rates_and_ratios_are_covered() -> None:
    runs, held, ratios, means = 16, 0, 0, 0
    geometric = FALSE[0] / np.prod(FALSE) ** 0.25
    for seed in range(runs):
        tables = made_up(seed, deployments=12, unknown=0.0, false=tuple(f * 2 for f in FALSE))
        rates = error_rates(per_face(tables, both=True))
        found = rates["false_positive_rate", "group"]
        # Half of the deployments have a threshold at which half as many false alerts come.
        truth = {" ".join(g): 1.5 * f for g, f in zip(GROUPS, FALSE, strict=True)}
        held += sum(one.made.low <= truth[one.group] <= one.made.high for one in found)
        ratio, mean = highest_to_lowest(found), highest_to_mean(found)
        ratios += ratio.low <= 4.0 <= (ratio.high or np.inf)
        means += mean.low <= geometric <= (mean.high or np.inf)
    assert held / (4 * runs) >= 0.9
    assert ratios >= runs - 2
    assert means >= runs - 2


def test_equal_groups_are_not_told_apart() -> None:
    wrong = 0
    for seed in range(10):
        tables = made_up(seed, deployments=10, seen=3000, false=(0.002,) * 4)
        found = error_rates(per_face(tables, both=False))["false_positive_rate", "group"]
        wrong += highest_to_lowest(found).low > 1
    assert wrong <= 2


def test_alerts_that_nobody_adjudicated_are_bounded_and_kept() -> None:
    alerts = small(truth=["false"] * 20 + ["true"] * 60 + ["unknown"] * 20)
    (made,) = error_rates(match_log(alerts))["false_alert_share", "all"]
    assert made.made.value == pytest.approx(0.25)
    assert (made.made.least, made.made.most) == pytest.approx((0.2, 0.4))
    low = stats.binomtest(20, 100).proportion_ci(0.95, method="exact").low
    high = stats.binomtest(40, 100).proportion_ci(0.95, method="exact").high
    assert (made.made.low, made.made.high) == pytest.approx((low, high))
    assert (made.made.cases, made.made.unknown) == (100, 20)
    (none,) = error_rates(match_log(small(truth=["unknown"] * 30)))["false_alert_share", "all"]
    assert none.made.value is None
    assert (none.made.least, none.made.most) == (0.0, 1.0)
    assert "bounds only" in none.made.why[0]


@pytest.mark.parametrize("hidden", [0.05, 0.2])
def test_whatever_the_hidden_truth_and_group_the_bounds_hold_it(hidden: float) -> None:
    tables = made_up(5, deployments=10, unknown=0.0)
    whole = error_rates(log_of(tables))
    rng = np.random.default_rng(0)
    masked = {name: table.copy() for name, table in tables.items()}
    masked["alerts"].loc[rng.random(len(masked["alerts"])) < hidden, "truth"] = "unknown"
    masked["alerts"].loc[rng.random(len(masked["alerts"])) < hidden, "group"] = ""
    bounded = error_rates(log_of(masked))
    for key in (("false_alert_share", "group"), ("false_positive_rate", "group")):
        truth, told = by_group(whole[key]), by_group(bounded[key])
        assert truth.keys() == told.keys()
        for group, one in truth.items():
            assert told[group].made.least <= one.made.value <= told[group].made.most
            assert told[group].made.low <= told[group].made.least
            assert told[group].made.high >= told[group].made.most
        assert highest_to_lowest(whole[key]).value >= highest_to_lowest(bounded[key]).low
        assert highest_to_lowest(whole[key]).value <= highest_to_lowest(bounded[key]).high


def test_faces_seen_without_a_group_are_bounded_or_refused() -> None:
    alerts = small(truth=["false"] * 10, group=["a"] * 8 + ["b"] * 2)
    seen = pd.DataFrame({"deployment": ["D1"] * 3, "group": ["a", "b", ""], "seen": [1000, 1000, 500]})
    made = by_group(error_rates(match_log(alerts, deployments=seen))["false_positive_rate", "group"])[
        "a"
    ].made
    assert (made.least, made.value, made.most) == pytest.approx((8 / 1500, 8 / 1000, 8 / 1000))
    assert made.unknown == 500
    mostly = seen.assign(seen=[100, 100, 500])
    rates = error_rates(match_log(alerts, deployments=mostly))
    for one in rates["false_positive_rate", "group"]:
        assert one.made.value is None
        assert one.made.why == (NOT_ESTIMABLE["groups"],)
    assert rates["false_positive_rate", "all"][0].made.value == pytest.approx(10 / 700)


def test_groups_told_by_other_eyes_are_not_divided() -> None:
    alerts = small(truth=["false"] * 40, group=["a"] * 40)
    seen = pd.DataFrame({"deployment": ["D1"] * 2, "group": ["a", "b"], "seen": [20, 1000]})
    made = by_group(error_rates(match_log(alerts, deployments=seen))["false_positive_rate", "group"])
    assert made["a"].made.value is None
    assert "the same eye" in made["a"].made.why[0]


def test_without_faces_volunteers_or_acquisition_the_rates_are_not_estimable() -> None:
    rates = error_rates(log_of(made_up(1), without=("deployments", "probes", "watch_list")))
    for rate in ("false_positive_rate", "false_negative_rate", "failure_to_acquire"):
        (one,) = rates[rate, "all"]
        assert one.made.value is None
        if rate != "failure_to_acquire":
            assert one.made.why == (NOT_ESTIMABLE[rate],)
        assert "Not estimable" in one.made.why[0]
        assert (rate, "group") not in rates
    frame = rates_frame(rates)
    assert frame["value"].dtype == float
    assert "seeded volunteers" in NOT_ESTIMABLE["false_negative_rate"]


def test_seeded_volunteers_tell_what_is_missed_and_are_no_false_alerts() -> None:
    alerts = small(truth=["true"] * 30 + ["false"] * 10, probe=["yes"] * 20 + ["no"] * 20)
    probes = small(found=["yes"] * 20 + ["no"] * 5, token=[str(i % 5) for i in range(25)])
    rates = error_rates(match_log(alerts, probes=probes))
    assert rates["false_alert_share", "all"][0].made.value == pytest.approx(10 / 20)
    missed = rates["false_negative_rate", "all"][0].made
    assert missed.value == pytest.approx(5 / 25)
    assert missed.tokens == 5


def test_alerts_on_volunteers_tell_nothing_of_misses_without_their_passages() -> None:
    """Who set off an alert was found: alerts hold no volunteer who passed unseen."""
    alerts = small(truth=["true"] * 30 + ["false"] * 10, probe=["yes"] * 20 + ["no"] * 20)
    rates = error_rates(match_log(alerts))
    (missed,) = rates["false_negative_rate", "all"]
    assert (missed.made.value, missed.made.why) == (None, (NOT_ESTIMABLE["false_negative_rate"],))


def test_alerts_on_volunteers_are_no_false_alerts_per_face_either() -> None:
    alerts = small(truth=["false"] * 30, probe=["yes"] * 10 + ["no"] * 20)
    seen = pd.DataFrame({"deployment": ["D1"], "seen": [2000]})
    made = error_rates(match_log(alerts, deployments=seen))["false_positive_rate", "all"][0].made
    assert (made.events, made.value) == (20, pytest.approx(0.01))


def test_a_volunteer_of_whom_no_template_could_be_made_was_missed() -> None:
    acquired = ["yes"] * 15 + ["no"] * 5 + ["unknown"] * 5
    probes = small(found=["yes"] * 12 + ["no"] * 13, acquired=acquired)
    (made,) = error_rates(match_log(small(truth=["true"]), probes=probes))["false_negative_rate", "all"]
    assert (made.made.cases, made.made.value) == (25, pytest.approx(13 / 25))


def test_an_interval_of_several_groups_is_of_every_pair_at_once() -> None:
    groups = {"a": 90, "b": 60, "c": 30}
    alerts = small(truth=["false"] * 180, group=[g for g, n in groups.items() for _ in range(n)])
    alerts["deployment"] = [f"D{i % 12 + 1}" for i in range(180)]
    seen = pd.DataFrame(
        [{"deployment": f"D{d + 1}", "group": g, "seen": 2500} for d in range(12) for g in groups]
    )
    made = error_rates(match_log(alerts, deployments=seen))["false_positive_rate", "group"]
    whole, sure = highest_to_lowest(made), for_all(0.95, 3)
    pairs = [highest_to_lowest([made[i], made[j]], level=sure) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert whole.value == pytest.approx(3.0)
    assert whole.low == pytest.approx(max(one.low for one in pairs))
    assert whole.high == pytest.approx(max(one.high for one in pairs))
    assert whole.high > highest_to_lowest([made[0], made[2]]).high


def test_failure_to_acquire_with_rows_that_do_not_say() -> None:
    seen = pd.DataFrame(
        {
            "deployment": ["D1", "D2", "D1", "D2"],
            "group": ["a", "a", "b", "b"],
            "seen": [1000] * 4,
            "not_acquired": [10, 10, 50, np.nan],
        }
    )
    rates = error_rates(match_log(small(truth=["false"], group=["a"]), deployments=seen))
    a, b = (by_group(rates["failure_to_acquire", "group"])[g].made for g in "ab")
    assert (a.value, a.least, a.most) == pytest.approx((0.01,) * 3)
    assert (b.value, b.least, b.most) == pytest.approx((0.05, 0.025, 0.525))
    assert gap(rates["failure_to_acquire", "group"]).value == pytest.approx(0.04)


def test_no_alert_at_all() -> None:
    empty = pd.DataFrame({"deployment": [], "truth": []}).astype(str)
    seen = pd.DataFrame({"deployment": ["D1"], "seen": [300]})
    rates = error_rates(match_log(empty, deployments=seen))
    made = rates["false_positive_rate", "all"][0].made
    assert (made.value, made.low) == (0.0, 0.0)
    assert f"{made.high:.1%}" == "1.2%"
    assert rates["false_alert_share", "all"][0].made.value is None
