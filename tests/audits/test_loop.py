"""The audit of a loop: what it certifies and refuses, beside what is known where nothing, little and much is found."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from peelian.audits.certificate import quantile_bound
from peelian.audits.finding import Threshold
from peelian.audits.loop import LIMITS, LoopAudit, loop_audit
from peelian.audits.loop_courses import Courses, Track, settings_within
from peelian.audits.loop_findings import drift_finding
from peelian.audits.loop_groups import group_findings, residents_by_group
from peelian.audits.loop_run import LEARNERS, Learner
from peelian.audits.loop_world import Assumptions
from peelian.errors import DataError, NotEnoughDataError, UsageError
from peelian.publish.wording import check_wording

CELLS = 300


def reports() -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.poisson(rng.gamma(0.6, 20, CELLS)).astype(float)


def people() -> pd.DataFrame:
    """One group lives where more is reported, one is spread evenly, and of one there are few."""
    n = reports()
    return pd.DataFrame({"here": 5 + n, "there": np.full(CELLS, 10.0), "few": np.eye(1, CELLS)[0] * 12})


def audit(**more: object) -> LoopAudit:
    chosen = {
        "periods": 150,
        "places": 10,
        "discovery": 0.2,
        "years": 3,
        "per_year": 26,
        "runs": 80,
        **more,
    }
    return loop_audit(reports(), **chosen)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def usual() -> LoopAudit:
    return audit(population=people(), reference="there")


def by_id(one: LoopAudit) -> dict:
    return {finding.id: finding for finding in one.findings}


def test_nothing_found_by_attending_means_no_drift_and_a_certificate() -> None:
    one = audit(discovery=0.0, moved=0.0)
    found = by_id(one)
    for name in ("reported", "naive", "explore"):
        for measure in ("loop_drift", "loop_overstatement"):
            finding = found[f"{measure}/{name}"]
            assert (finding.value, finding.low, finding.high) == (0, 0, 0), finding.id
    assert one.certificate.given
    assert one.certificate.drift == 0
    assert "at most 0 % of the chosen places" in one.sentences()[0]


def test_much_found_and_learned_as_it_is_gets_no_certificate_where_a_board_allows_little() -> None:
    held = {
        "loop_drift": Threshold(0.05, "the oversight board", "2026-01-02"),
        "loop_overstatement": Threshold(0.05, "the oversight board", "2026-01-02"),
    }
    naive = audit(learner="naive", discovery=0.6, reported=0.15, thresholds=held)
    assert not naive.certificate.given
    assert naive.passes is False
    assert "beyond the 5 % that the oversight board set on 2026-01-02" in naive.sentences()[0]
    assert by_id(naive)["loop_overstatement/naive"].high > 0.1
    reported = audit(discovery=0.6, reported=0.15, mislabelled=0.0, thresholds=held)
    assert reported.certificate.given
    assert reported.passes is True
    assert by_id(reported)["loop_drift/naive"].threshold is None, "what was not audited stands beside it only"


def test_correcting_by_the_right_amount_keeps_the_records_true() -> None:
    one = audit(discovery=0.6, reported=0.3, moved=0.0, runs=40)
    yearly = one.yearly[one.yearly["year"] == 3].set_index(["learner", "ratio"])
    ratios = sorted(set(one.yearly["ratio"]))
    middle = ratios[1]  # what the correction believes is the middle of the range
    naive, corrected = (yearly.loc[(name, middle), "overstatement"] for name in ("naive", "corrected"))
    assert naive > 0.03
    assert abs(corrected) < 0.2 * naive
    assert (
        yearly.loc[("naive", ratios[2]), "overstatement"]
        > naive
        > yearly.loc[("reported", ratios[2]), "overstatement"]
    )


def test_what_nobody_stated_is_bounded_and_not_certified() -> None:
    one = audit(discovery=None)
    assert not one.certificate.given
    assert "nobody has stated how much" in one.sentences()[0]
    assert "Even if all of it were, the loop would draw at most" in one.sentences()[0]
    assert max(setting.discovery for setting in one.settings) == 1.0


def test_a_choice_that_is_mostly_chance_is_not_certified() -> None:
    rng = np.random.default_rng(3)
    few = rng.poisson(rng.gamma(0.6, 0.2, CELLS)).astype(float)
    one = loop_audit(few, periods=150, places=10, discovery=0.2, years=1, per_year=26, runs=72)
    assert one.certificate.drift is not None
    assert one.certificate.drift < 0.1, "the loop adds little to what is chance"
    assert not one.certificate.given
    assert "too few reports tell the places apart" in one.sentences()[0]


def test_too_few_courses_give_no_upper_end_and_no_certificate() -> None:
    one = audit(runs=20)
    assert by_id(one)["loop_drift/reported"].high is None
    assert "too few" in one.sentences()[0]


def test_the_bound_is_of_the_worst_year_under_the_worst_setting(usual: LoopAudit) -> None:
    for name in ("naive", "corrected"):
        rows = usual.yearly[usual.yearly["learner"] == name]
        finding = by_id(usual)[f"loop_drift/{name}"]
        assert finding.high >= rows["drift"].max()
        worst = usual.settings[usual.worst["drift"][name]]
        assert finding.details["assumed_ratio"] == worst.ratio
    without = usual.yearly[usual.yearly["learner"] == "without"]
    assert (without["drift"] == 0).all()
    assert without["misplaced"].between(0, 1).all()
    assert len(usual.settings) == 6
    assert len(usual.yearly) == 6 * 6 * 3


def track(misplaced: np.ndarray, exposure: np.ndarray | None = None) -> Track:
    none = np.zeros(misplaced.shape)
    return Track(misplaced, none, none, none, np.zeros((*none.shape, 0)) if exposure is None else exposure)


def courses(loop: Track, without: Track) -> Courses:
    settings, ways = (Assumptions(0.2),), (Learner("naive"),)
    return Courses(settings, ways, {("naive", 0): loop}, {0: without}, {0: without.exposure})


def test_the_bound_is_of_the_worst_year_and_its_upper_end_is_held_against_the_threshold() -> None:
    rng = np.random.default_rng(0)
    first = rng.uniform(0.2, 0.3, 100)
    made = courses(track(np.stack([first, first / 10], axis=1)), track(np.zeros((100, 2))))
    bound = quantile_bound(first)
    assert bound.high is not None
    between = Threshold((bound.value + bound.high) / 2, "the board", "2026-01-02")
    found = drift_finding(made, "naive", 0, 2, 0.95, {"loop_drift": between})
    assert (found.value, found.low, found.high) == (bound.value, bound.low, bound.high)
    assert found.value < between.value < found.high
    assert found.passes is False, "what the courses can't rule out counts, not what they came to"


def test_a_group_that_the_loop_doubles_is_told_as_doubled_with_its_interval() -> None:
    rng = np.random.default_rng(1)
    residents = residents_by_group(people()[["here", "there"]], "there", cells=CELLS)
    alone = rng.uniform(0.09, 0.11, (60, 2, 2))
    with_loop = alone * [2.0, 1.0] * rng.uniform(0.95, 1.05, (60, 2, 1)) ** [[[1.0, -1.0]]]
    zero = np.zeros((60, 2))
    made = courses(track(zero, with_loop), track(zero, alone))
    (found,) = group_findings(made, "naive", residents, 0.95, {})
    assert found.value == pytest.approx(2, abs=0.05)
    assert found.low is not None
    assert found.high is not None
    assert 1.7 < found.low < found.value < found.high < 2.3


def test_groups_are_told_beside_the_truth_and_the_same_without_a_loop(usual: LoopAudit) -> None:
    frame = usual.groups.set_index(["learner", "group"])
    assert set(usual.groups["learner"]) == {"truth", "without", *LEARNERS}
    assert frame.loc[("truth", "here"), "ratio"] > 2, (
        "who lives where more is reported is in the chosen places"
    )
    assert np.isnan(frame.loc[("truth", "there"), "ratio"])
    assert frame.loc[("truth", "there"), "exposure"] == pytest.approx(10 / CELLS)
    assert np.isnan(frame.loc[("naive", "few"), "exposure"]), "nothing is told of 12 residents"
    assert "fewer than 100 few residents" in by_id(usual)["loop_group_change/reported/few"].limits[0]
    change = by_id(usual)["loop_group_change/reported/here"]
    assert change.low <= change.value <= change.high
    assert change.value == pytest.approx(1, abs=0.1)
    assert any("Robinson 1950" in limit for limit in usual.limits)


def test_a_change_between_groups_is_held_against_both_ends() -> None:
    for allowed, passes in ((1.001, False), (3.0, True)):
        held = {"loop_group_change": Threshold(allowed, "the board", "2026-01-02")}
        one = audit(population=people()[["here", "there"]], reference="there", thresholds=held)
        assert by_id(one)["loop_group_change/reported/here"].passes is passes


def test_a_draw_in_proportion_to_records_can_be_audited_too() -> None:
    one = audit(attend="drawn", runs=10)
    assert set(one.worst["drift"]) == {"reported", "naive", "corrected"}
    with pytest.raises(UsageError, match="'holdout'"):
        audit(attend="drawn", learner="holdout", runs=10)


def test_what_is_told_is_plain_short_and_in_our_words(usual: LoopAudit) -> None:
    told = usual.to_dict()
    text = json.dumps(told, allow_nan=False)
    assert len(text) < 100_000
    check_wording(text)
    assert told["certificate"]["given"] is True
    assert {row["learner"] for row in told["yearly"]} == {*LEARNERS, "without"}
    assert usual.limits[: len(LIMITS)] == LIMITS
    assert "certificate" in usual._repr_html_().lower()
    ids = [finding.id for finding in usual.findings]
    assert len(ids) == len(set(ids))


def test_it_is_the_same_each_time_and_another_with_another_seed() -> None:
    one, two, other = (audit(runs=12, seed=seed).to_dict() for seed in (1, 1, 2))
    assert json.dumps(one) == json.dumps(two)
    assert json.dumps(one["yearly"]) != json.dumps(other["yearly"])


def test_progress_is_told() -> None:
    seen: list[tuple[int, int]] = []
    audit(runs=3, progress=lambda i, n: seen.append((i, n)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_settings_reach_from_end_to_end() -> None:
    found = settings_within(discovery=0.4, reported=0.5, mislabelled=0.1, moved=0.05)
    assert [(s.discovery, s.moved) for s in found] == [(d, m) for m in (0.0, 0.05) for d in (0.0, 0.2, 0.4)]
    assert len(settings_within(discovery=0.0, reported=0.5, mislabelled=0.1, moved=0.0)) == 1


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"places": 0}, UsageError),
        ({"places": CELLS}, UsageError),
        ({"runs": 0}, UsageError),
        ({"years": 0}, UsageError),
        ({"discovery": 1.2}, UsageError),
        ({"reported": 0.0}, UsageError),
        ({"learner": "hopeful"}, UsageError),
        ({"half_life": -1.0}, UsageError),
        ({"half_life": 0.0}, UsageError),
        ({"level": 1.0}, UsageError),
        ({"explore": 1.0}, UsageError),
    ],
)
def test_settings_that_are_off_are_refused(wrong: dict, error: type[Exception]) -> None:
    with pytest.raises(error):
        audit(**{"runs": 2, **wrong})


def test_residents_that_can_not_be_are_refused() -> None:
    with pytest.raises(UsageError, match="as the reference"):
        residents_by_group(people(), "nobody", cells=CELLS)
    with pytest.raises(UsageError, match="for 4 cells"):
        residents_by_group(people(), "there", cells=4)
    with pytest.raises(DataError, match="1 numbers of residents"):
        residents_by_group(people().assign(here=[-1.0, *[1.0] * (CELLS - 1)]), "there", cells=CELLS)
    with pytest.raises(NotEnoughDataError, match="12 residents"):
        residents_by_group(people(), "few", cells=CELLS)
