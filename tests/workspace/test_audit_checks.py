"""The checks of ``audit plan`` in a workspace: what they are made from, what they leave alone, and their page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pytest

from peelian.audits.many import holm
from peelian.errors import DataError
from peelian.publish.audit_checks import HEADINGS, check_lines, check_parts
from peelian.publish.wording import check_page, check_wording, visible_text
from peelian.workspace import Workspace
from peelian.workspace import audit as audit_module
from peelian.workspace.attend import attend
from peelian.workspace.audit import audit
from peelian.workspace.decide import decide
from peelian.workspace.forecast import forecast
from peelian.workspace.look import look
from peelian.workspace.outcome import Outcome
from peelian.workspace.plan import plan, rebuild_plan
from peelian.workspace.replay import replay
from peelian.workspace.residents import residents_by_cell
from peelian.workspace.thresholds import set_threshold

from ..cli.conftest import run

PARTS = ("reporting", "benefit", "placebo", "power", "sensitivity", "subgroups", "hours", "comparisons")
WHY = "The oversight board wants to know before anything is decided."


@pytest.fixture(scope="module")
def folder(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(imported, tmp_path_factory.mktemp("checks") / "city"))
    for measure, value in (("need_ratio", 1.01), ("grid_range", 50.0)):
        set_threshold(
            Workspace(folder, role="overseer"), measure, value, by="the oversight board", reason=WHY
        )
    forecast(Workspace(folder), "burglary")
    plan(Workspace(folder))
    return folder


@pytest.fixture(scope="module")
def drafted(folder: Path) -> Outcome:
    """The audit of a plan that nobody has decided on."""
    return audit(Workspace(folder))


@pytest.fixture(scope="module")
def done(folder: Path, drafted: Outcome) -> Outcome:
    """The audit after one of its places was patrolled and at another lights were mended."""
    made = decide(
        Workspace(folder, role="commander"), "approve", reason="We try this for a week and look again."
    )
    now = Workspace(folder, role="commander")
    first, second = (place.cell for place in rebuild_plan(now, drafted.result["plan"]).places[:2])
    day = now.now().astimezone(ZoneInfo(now.zone)).date()  # the agency's calendar may be a day behind
    attend(now, made.run, cell=first, on=day, attended=True, minutes=90, means="foot patrol")
    attend(now, made.run, cell=second, on=day, attended=True, minutes=30, means="street lights mended")
    return audit(Workspace(folder))


def part(made: Outcome, name: str) -> dict[str, Any]:
    return dict(made.result["checks"]["parts"][name])


def finding(made: Outcome, name: str, start: str) -> dict[str, Any]:
    return next(one for one in part(made, name)["findings"] if one["id"].startswith(start))


def test_every_check_is_made_and_has_a_sentence(drafted: Outcome) -> None:
    found = drafted.result["checks"]
    assert set(found["parts"]) == set(PARTS)
    assert tuple(HEADINGS) == PARTS
    assert all(one["measured"] for one in found["parts"].values())
    assert len(found["sentences"]) == len(PARTS)
    for sentence in found["sentences"]:
        check_wording(sentence)
    assert len(json.dumps(drafted.result, allow_nan=False)) < 200_000


def test_looking_at_an_amendment_does_not_wait_for_the_checks(
    folder: Path, drafted: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(audit_module, "checks", never)
    cell = rebuild_plan(Workspace(folder), drafted.result["plan"]).places[-1].cell
    look(Workspace(folder, role="commander"), drafted.result["plan"], remove=[cell])


def test_a_plan_that_comes_out_otherwise_from_other_areas_is_not_audited_as_if_it_were_the_same(
    folder: Path, drafted: Outcome, tmp_path: Path
) -> None:
    """Whoever swaps the areas must not get a better number for the same plan."""
    changed = Path(shutil.copytree(folder, tmp_path / "city"))
    [areas] = changed.glob("areas.*")
    kept = gpd.read_parquet(areas)
    home = drafted.result["plan"]
    cell = rebuild_plan(Workspace(folder), home).places[0]
    kept[kept["area_id"].astype(str) != str(cell.area_id)].to_parquet(areas)
    with pytest.raises(
        DataError, match=rf"{home} has \d+ places, and \d+ of them come out when it is made again"
    ):
        audit(Workspace(changed))


def test_residents_that_were_put_right_leave_the_plan_as_it_is(folder: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copytree(folder, tmp_path / "city"))
    [areas] = changed.glob("areas.*")
    table = gpd.read_parquet(areas)
    table["White"] = table["White"] * 2
    table.to_parquet(areas)
    assert audit(Workspace(changed)).result["measured"]


def test_numbers_are_those_of_the_plan_itself(folder: Path, drafted: Outcome) -> None:
    workspace = Workspace(folder)
    made = rebuild_plan(workspace, drafted.result["plan"])
    residents, _ = residents_by_cell(workspace, made.grid)
    black, white = (residents[name].to_numpy() for name in ("Black", "White"))
    exposure = (made.hours @ black / black.sum()) / (made.hours @ white / white.sum())
    assert finding(drafted, "benefit", "burden_ratio/planned/Black")["value"] == pytest.approx(exposure)
    assert part(drafted, "placebo")["rows"][0]["ratio"] == pytest.approx(exposure)
    assert part(drafted, "sensitivity")["rows"][0]["ratio"] == pytest.approx(exposure)
    assert made.history is not None
    reports = made.history.last(52).by_cell
    need = exposure / ((reports @ black / black.sum()) / (reports @ white / white.sum()))
    assert finding(drafted, "reporting", "need_ratio/reported_by_residents/Black")["value"] == pytest.approx(
        need
    )
    covered = np.where(made.hours > 0, made.surface.mean, 0)
    benefit = (covered @ black / black.sum()) / (covered @ white / white.sum())
    assert finding(drafted, "benefit", "benefit_ratio/planned/Black")["value"] == pytest.approx(benefit)


def test_officers_own_records_stand_beside_and_change_nothing(folder: Path, drafted: Outcome) -> None:
    own = finding(drafted, "reporting", "need_ratio/officer_initiated_alone/Black")
    assert own["details"]["records"] > 1000
    alone = finding(drafted, "reporting", "need_ratio/reported_by_residents/Black")
    made = rebuild_plan(Workspace(folder), drafted.result["plan"])
    assert made.history is not None
    assert alone["details"]["records"] == made.history.last(52).total
    assert own["value"] != alone["value"]


def test_thresholds_that_were_set_before_decide(drafted: Outcome) -> None:
    need = finding(drafted, "reporting", "need_ratio/reported_by_residents/Black")
    assert need["threshold"]["set_by"] == "the oversight board"
    assert need["passes"] is False
    assert finding(drafted, "sensitivity", "grid_range")["passes"] is True
    assert drafted.result["checks"]["passes"] is False


def test_what_nobody_did_is_unknown_and_what_was_done_is_counted(drafted: Outcome, done: Outcome) -> None:
    assert "nobody has approved" in " ".join(part(drafted, "benefit")["sentences"])
    assert finding(drafted, "benefit", "burden_ratio/attended")["value"] is None
    rows = {(row["what"], row["group"]): row for row in part(done, "benefit")["rows"]}
    assert rows[("approved", "Black")]["minutes"] == pytest.approx(rows[("planned", "Black")]["minutes"])
    assert 0 < rows[("attended", "Black")]["minutes"] < rows[("planned", "Black")]["minutes"]
    assert rows[("street lights mended", "Black")]["minutes"] > 0
    assert "street lights mended" in part(done, "benefit")["sentences"][-1]


def test_comparisons_count_each_number_once(drafted: Outcome, done: Outcome) -> None:
    rows = part(drafted, "comparisons")["rows"]
    names = [row["finding"] for row in rows]
    assert len(set(names)) == len(names)
    assert "exposure_ratio/plan/Black" in names
    assert not any(name.startswith("burden_ratio/planned") for name in names)
    assert [row["holm"] for row in rows] == pytest.approx(list(holm([row["p"] for row in rows])))
    after = [row["finding"] for row in part(done, "comparisons")["rows"]]
    assert not any("/planned/" in name or "/approved/" in name for name in after)
    assert not any("options offered" in name for name in [*names, *after])


def test_it_is_made_again_to_the_same_bytes_whatever_was_done_since(
    folder: Path, drafted: Outcome, done: Outcome
) -> None:
    again = replay(Workspace(folder, role="overseer"), drafted.run)
    assert again.result["same"] is True, again.result["differences"]


def test_small_counts_of_reports_stay_in(drafted: Outcome) -> None:
    threshold = 5
    for row in part(drafted, "subgroups")["rows"]:
        assert row["observed"] in (None, 0) or row["observed"] >= threshold
        assert (row["observed"] is None) == (row["ratio"] is None)


def test_the_page_has_a_section_for_each_and_keeps_to_the_wording(folder: Path, drafted: Outcome) -> None:
    page = Workspace(folder).page(drafted.run, "audit.html").read_text(encoding="utf-8")
    check_page(page)
    text = visible_text(page)
    for heading in HEADINGS.values():
        assert heading in text
    for line in check_lines(drafted.result["checks"]):
        assert line in text
    assert page.count('<section aria-labelledby="check-') == len(PARTS)
    assert "One area's reporting alone, the nearest to turning a finding first" in text
    assert "reporting, up to a factor of 10, would turn" in text or "One area alone could turn it" in text
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_page_without_checks_or_with_one_that_could_not_be_made() -> None:
    assert check_parts(None) == check_parts({}) == []
    [section] = check_parts({"parts": {"placebo": {"measured": False, "why_not": "3 units have residents"}}})
    assert "Not measured: 3 units have residents." in section
    check_page(str(section))


def test_the_command_prints_the_checks_and_fails_beyond_a_threshold(
    folder: Path, drafted: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "audit", "plan", drafted.result["plan"], "--workspace", folder)
    assert code == 5
    assert "places dealt out by chance" in " ".join(out.split())
