"""The audit of a face-matching log: what it says, what it holds against thresholds, and what it doesn't know."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from peelian.audits.finding import Threshold
from peelian.audits.match_audit import MatchAudit, match_audit
from peelian.audits.match_changes import order_unknown, threshold_changes, under_threshold
from peelian.audits.match_findings import shown
from peelian.audits.match_list import composition, list_growth
from peelian.audits.match_log import MatchLog, match_log
from peelian.audits.match_review import followed_by_truth, review_rates, two_reviewers
from peelian.audits.thresholds import MEASURES
from peelian.errors import NotEnoughDataError, UsageError
from peelian.publish.wording import check_wording

from .match_logs import made_up


def log_of(tables: dict[str, pd.DataFrame], *, without: tuple[str, ...] = ()) -> MatchLog:
    held = {name: table for name, table in tables.items() if name not in without}
    return match_log(held.pop("alerts"), **held)


@pytest.fixture(scope="module")
def audit() -> MatchAudit:
    return match_audit(log_of(made_up(0)))


def ids(audit: MatchAudit) -> dict[str, object]:
    return {one.id: one for one in audit.findings}


def test_it_says_both_denominators_groups_misses_review_and_what_followed(audit: MatchAudit) -> None:
    said = audit.sentences()
    assert said[0].startswith("Of 619 alerts 73 % were false")
    assert "a false alert for 1.4 in 1,000 of the faces seen" in said[0]
    text = " ".join(said)
    for part in (
        "recorded as black",
        "seeded volunteers",
        "turned down",
        "AC1",
        "Nothing independent backed",
    ):
        assert part in text
    assert "threshold was 0.66 and no longer 0.62" in text
    check_wording(text)
    check_wording(" ".join([*audit.limits, *(one.sentence() for one in audit.findings)]))
    check_wording(" ".join(limit for one in audit.findings for limit in one.limits))


def test_findings_are_named_by_their_measure_and_are_plain(audit: MatchAudit) -> None:
    names = {one.id.split("/")[0] for one in audit.findings}
    facematch = {name for name, measure in MEASURES.items() if measure.audit == "facematch"}
    assert facematch <= names
    assert len(ids(audit)) == len(audit.findings)
    result = json.dumps(audit.to_dict(), allow_nan=False)
    assert len(result) < 150_000
    for one in audit.findings:
        assert one.value is not None or one.limits
        assert (one.low is not None and one.high is not None) or one.limits


def test_the_planted_ratio_is_found_within_its_interval(audit: MatchAudit) -> None:
    one = ids(audit)["false_positive_ratio/group/black"]
    assert one.low <= 3.0 <= one.high
    assert one.low > 1
    both = ids(audit)["false_positive_ratio/group, sex/black, female"]
    assert both.low <= 4.0 <= both.high


def test_the_highest_rate_is_held_against_the_lowest_and_the_geometric_mean_by_hand() -> None:
    false = {"a": 80, "b": 40, "c": 20}
    alerts = pd.DataFrame(
        {"deployment": "D1", "truth": "false", "group": [g for g, n in false.items() for _ in range(n)]}
    )
    seen = pd.DataFrame({"deployment": "D1", "group": list(false), "seen": [10_000, 10_000, 10_000]})
    held = ids(match_audit(match_log(alerts, deployments=seen)))
    assert held["false_positive_ratio/group/a"].value == pytest.approx(4.0)
    assert held["false_positive_spread/group/a"].value == pytest.approx(2.0)
    assert held["false_positive_rate/group/a"].value == pytest.approx(8.0)  # in 1,000 faces seen
    assert held["false_alert_share/group/a"].value == 1.0  # of its alerts


def test_what_is_no_stop_search_or_arrest_is_none() -> None:
    followed = ["other"] * 15 + ["nothing"] * 5 + ["stopped", "searched", "arrested"] * 5
    alerts = pd.DataFrame({"deployment": "D1", "truth": "false", "followed": followed})
    assert review_rates(match_log(alerts))["acted_on", "all"][0].made.value == pytest.approx(15 / 35)


def test_a_threshold_is_kept_only_whatever_is_not_known() -> None:
    def of(unknown: int, most: float) -> object:
        alerts = pd.DataFrame(
            {"deployment": "D1", "truth": ["false"] * 20 + ["true"] * 60 + ["unknown"] * unknown}
        )
        bound = {"false_alert_share": Threshold(most, "the board", "2024-01-01")}
        return ids(match_audit(match_log(alerts), thresholds=bound))["false_alert_share/all/all"]

    assert of(0, 0.3).passes is True
    assert of(20, 0.3).passes is None  # 20 to 40 in 100
    assert any("hangs on" in limit for limit in of(20, 0.3).limits)
    assert of(20, 0.41).passes is True
    assert of(20, 0.15).passes is False


def test_no_error_on_a_group_leaves_no_upper_end_and_can_still_be_beyond() -> None:
    alerts = pd.DataFrame({"deployment": "D1", "truth": ["false"] * 200, "group": "a"})
    seen = pd.DataFrame({"deployment": ["D1"] * 2, "group": ["a", "b"], "seen": [10_000, 10_000]})
    bound = {"false_positive_ratio": Threshold(2, "the board", "2024-01-01")}
    audit = match_audit(match_log(alerts, deployments=seen), thresholds=bound)
    one = ids(audit)["false_positive_ratio/group/a"]
    assert (one.value, one.high, one.passes) == (None, None, False)
    assert one.low > 30
    assert "none on b" in " ".join(audit.sentences())
    assert audit.passes is False


def test_where_nothing_is_found_it_says_what_would_have_been() -> None:
    tables = made_up(2, deployments=8, false=(0.002,) * 4, clustered=False)
    audit = match_audit(log_of(tables, without=("probes",)))
    text = " ".join(audit.sentences())
    assert "no difference was found that chance can't make" in text
    assert "would have been seen 80 times in 100" in text
    assert "How many were missed: Not estimable" in text
    held = audit.power.set_index(["by", "group"])
    one = held.loc[("group", "black")]
    assert one["none_allows"] == pytest.approx(1 - 0.025 ** (1 / one["worth"]))
    assert one["worth"] <= one["cases"]
    assert audit.power["least_ratio"].max() < 2


def test_zero_errors_in_300_faces_still_allow_1_2_percent() -> None:
    empty = pd.DataFrame({"deployment": [], "truth": []}).astype(str)
    audit = match_audit(match_log(empty, deployments=pd.DataFrame({"deployment": ["D1"], "seen": [300]})))
    assert audit.sentences()[0] == (
        "There was no alert in 300 faces seen, which still allows a false alert for up to 1.2 % of them."
    )
    with pytest.raises(NotEnoughDataError, match="without an alert"):
        match_audit(match_log(empty))
    with pytest.raises(UsageError, match="level"):
        match_audit(match_log(empty), level=1.0)


def test_groups_that_are_not_known_are_counted_and_no_power_is_claimed_over_them() -> None:
    group = ["a", "b", ""] * 100
    alerts = pd.DataFrame({"deployment": "D1", "truth": ["false", "false", "true"] * 100, "group": group})
    seen = pd.DataFrame({"deployment": "D1", "group": ["a", "b", ""], "seen": [20_000] * 3})
    audit = match_audit(match_log(alerts, deployments=seen))
    text = " ".join(audit.sentences())
    assert "100 of 300 alerts and 20,000 of 60,000 faces seen have no group in the log" in text
    assert "; had nothing been unknown, a ratio of" in text
    known = match_audit(match_log(alerts[alerts["group"] != ""], deployments=seen[seen["group"] != ""]))
    text = " ".join(known.sentences())
    assert "have no group" not in text
    assert "had nothing been unknown" not in text


def test_a_ratio_that_rests_on_few_faces_says_so() -> None:
    alerts = pd.DataFrame({"deployment": "D1", "truth": "false", "group": ["a"] * 100 + ["b"] * 6})
    seen = pd.DataFrame({"deployment": "D1", "group": ["a", "b"], "seen": [10_000, 12]})
    text = " ".join(match_audit(match_log(alerts, deployments=seen)).sentences())
    assert "those recorded as b" in text
    assert "; of b only 12 faces were seen." in text


def test_alerts_alone_have_one_denominator() -> None:
    audit = match_audit(log_of(made_up(1), without=("deployments", "probes", "watch_list")))
    assert "face seen: not estimable" in " ".join(audit.sentences())
    assert ids(audit)["false_positive_rate/all/all"].value is None
    assert ids(audit)["false_alert_share/all/all"].value > 0.5
    assert (audit.power["rate"] == "false_alert_share").all()


def test_it_gives_the_same_each_time_and_in_any_order_of_rows() -> None:
    tables = made_up(3, deployments=6)
    shuffled = {**tables, "alerts": tables["alerts"].sample(frac=1.0, random_state=1)}
    one, two, other = (match_audit(log_of(t)).to_dict() for t in (tables, tables, shuffled))
    assert one == two
    for a, b in zip(one["findings"], other["findings"], strict=True):
        assert (a["id"], a["value"]) == (b["id"], pytest.approx(b["value"]))
        assert a["high"] == pytest.approx(b["high"])


# --- thresholds, list, review --------------------------------------------------------------------------------


def test_a_change_of_the_threshold_is_found_with_its_effect() -> None:
    (one,) = threshold_changes(log_of(made_up(0)))
    assert (one.day, one.before, one.after, one.deployments) == ("2024-03-11", 0.62, 0.66, (10, 10))
    assert one.low <= 0.5 <= one.high
    assert one.per_seen[0].value > one.per_seen[1].value
    back = made_up(0)
    for table in ("alerts", "deployments"):
        later = back[table]["day"] >= "2024-05-01"
        back[table].loc[later, "threshold"] = 0.62
    assert [c.after for c in threshold_changes(log_of(back))] == [0.66, 0.62]
    assert threshold_changes(match_log(pd.DataFrame({"deployment": ["D1"], "truth": ["true"]}))) == []


def test_alerts_under_the_threshold_in_force_are_counted() -> None:
    alerts = pd.DataFrame(
        {"deployment": ["D1"] * 4, "truth": "true", "score": [0.5, 0.6, 0.7, np.nan], "threshold": [0.6] * 4}
    )
    assert under_threshold(match_log(alerts)) == (1, 3)
    seen = pd.DataFrame({"deployment": ["D1"], "seen": [9], "threshold": [0.65]})
    assert under_threshold(match_log(alerts.drop(columns="threshold"), deployments=seen)) == (2, 3)


def test_who_is_listed_beside_who_passes_by() -> None:
    alerts = pd.DataFrame({"deployment": ["D1", "D2"], "truth": "true", "group": ["a", "b"]})
    seen = pd.DataFrame(
        {
            "deployment": ["D1", "D1", "D2", "D2"],
            "day": ["2024-02-01"] * 2 + ["2024-01-01"] * 2,
            "group": ["a", "b"] * 2,
            "seen": [100, 300, 100, 300],
        }
    )
    listed = pd.DataFrame(
        {
            "deployment": ["D1", "D1", "D2"],
            "group": ["a", "b", "a"],
            "list_category": "wanted",
            "entries": [60, 40, 50],
        }
    )
    log = match_log(alerts, deployments=seen, watch_list=listed)
    growth = list_growth(log)
    assert growth["entries"].tolist() == [50, 100]  # in the order of days
    made = composition(log).set_index(["by", "group"])
    assert made.loc[("group", "a"), "share"] == pytest.approx(0.6)
    assert made.loc[("group", "a"), "seen_share"] == pytest.approx(0.25)
    assert made.loc[("group", "a"), "ratio"] == pytest.approx(2.4)
    assert made.loc[("list_category", "wanted"), "share"] == 1.0
    one = ids(match_audit(log))["list_growth/all/entries"]
    assert (one.value, one.low) == (2.0, None)
    assert "no sample" in one.limits[0]


def alike(one: object, other: object) -> bool:
    """Whether two plain values are the same but for the last digits of sums in another order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(alike(a, b) for a, b in zip(one, other, strict=True))
    return one == (pytest.approx(other) if isinstance(other, float) else other)


@pytest.mark.parametrize("without", [(), ("deployments",), ("deployments", "day")])
def test_the_order_of_rows_says_nothing(without: tuple[str, ...]) -> None:
    tables = {k: t.drop(columns=[c for c in without if c in t]) for k, t in made_up(3, deployments=6).items()}
    shuffled = {k: t.sample(frac=1.0, random_state=i) for i, (k, t) in enumerate(tables.items())}
    one, other = (match_audit(log_of(t, without=without)).to_dict() for t in (tables, shuffled))
    assert alike(one, other)
    grown = next(f for f in one["findings"] if f["id"] == "list_growth/all/entries")
    assert (grown["value"] is None) == bool(without)
    if without:
        assert "no table of deployments gives their days" in grown["limits"][0]
    changes = [f for f in one["findings"] if f["id"].startswith("threshold_change")]
    assert [f["value"] is None for f in changes] == ["day" in without or "deployments" in without]
    assert ("threshold_change/all/undated" in {f["id"] for f in changes}) == ("day" in without)


def test_deployments_without_a_day_are_in_no_order_and_are_counted() -> None:
    alerts = pd.DataFrame({"deployment": ["D1", "D2", "D3"], "truth": "true"})
    seen = pd.DataFrame(
        {
            "deployment": ["D1", "D2", "D3"],
            "day": ["", "2024-01-01", "2024-02-01"],
            "seen": 500,
            "threshold": [0.9, 0.6, 0.6],
        }
    )
    listed = pd.DataFrame({"deployment": ["D1", "D2", "D3"], "entries": [999, 50, 75]})
    log = match_log(alerts, deployments=seen, watch_list=listed)
    assert threshold_changes(log) == []
    assert order_unknown(log) == 1
    held = ids(match_audit(log))
    assert held["threshold_change/all/undated"].value is None
    assert held["list_growth/all/entries"].value == pytest.approx(1.5)
    assert "1 of 3 lists have no day" in held["list_growth/all/entries"].limits[-1]
    one_day = match_log(alerts, deployments=seen.assign(day="2024-01-01"), watch_list=listed)
    made = ids(match_audit(one_day))["list_growth/all/entries"]
    assert made.value is None
    assert "on one day" in made.limits[0]


def test_thresholds_that_stood_side_by_side_did_not_change() -> None:
    alerts = pd.DataFrame({"deployment": [f"D{i}" for i in range(6)], "truth": "true"})
    day = ["2024-01-01", "2024-01-01", "2024-02-01", "2024-02-01", "2024-03-01", "2024-04-01"]
    seen = alerts[["deployment"]].assign(day=day, seen=500, threshold=[0.6, 0.7, 0.7, 0.6, 0.6, 0.65])
    log = match_log(alerts, deployments=seen)
    assert [(one.day, one.before, one.after) for one in threshold_changes(log)] == [("2024-04-01", 0.6, 0.65)]
    assert order_unknown(log) == 4
    assert ids(match_audit(log))["threshold_change/all/undated"].details["deployments"] == 4


def test_review_and_what_followed_by_hand() -> None:
    n = 20
    alerts = pd.DataFrame(
        {
            "deployment": "D1",
            "truth": ["false"] * n + ["true"] * n + ["unknown"] * n,
            "decision": (["no_match"] * 15 + ["match"] * 5)
            + ["match"] * n
            + ["no_match"] * 4
            + ["match"] * 16,
            "followed": (["nothing"] * 15 + ["arrested"] * 5)
            + ["stopped"] * n
            + ["nothing"] * 4
            + ["unknown"] * 16,
            "corroborated": ["unknown"] * 15 + ["no"] * 5 + ["yes"] * 15 + ["no"] * 5 + ["unknown"] * 20,
        }
    )
    log = match_log(alerts)
    rates = {rate: groups[0].made for (rate, by), groups in review_rates(log).items() if by == "all"}
    assert rates["overridden"].value == pytest.approx(19 / 60)
    # False alerts turned down: 15 of 20; of the 20 that nobody adjudicated 4 were turned down.
    assert (rates["override_rate"].least, rates["override_rate"].value, rates["override_rate"].most) == (
        pytest.approx((15 / 36, 15 / 20, 19 / 24))
    )
    assert (rates["acted_on"].least, rates["acted_on"].most) == pytest.approx((25 / 60, 41 / 60))
    assert rates["acted_on_false"].value == pytest.approx(5 / 25)
    assert (rates["unbacked_share"].least, rates["unbacked_share"].value, rates["unbacked_share"].most) == (
        pytest.approx((10 / 41, 10 / 25, 26 / 41))
    )
    table = followed_by_truth(log).set_index("followed")
    assert table.loc["arrested", "false"] == 5
    assert int(table.to_numpy().sum()) == 60
    assert two_reviewers(log) is None


def test_shares_are_said_in_words() -> None:
    said = [shown(v) for v in (None, 0, 0.73, 0.0521, 0.00143, 0.00006, 0.0000012)]
    assert said == ["not known", "none", "73 %", "5.2 %", "1.4 in 1,000", "6 in 100,000", "1.2 in 1,000,000"]
