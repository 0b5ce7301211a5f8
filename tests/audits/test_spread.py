"""How concentrated a plan is and how long it stays: what it says, and what is held against a threshold."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from peelian.audits.finding import Threshold
from peelian.audits.spread import ALONE, SpreadAudit, spread_audit
from peelian.errors import UsageError
from peelian.publish.wording import check_wording

X, Y = (a.ravel() * 250.0 for a in np.meshgrid(np.arange(20), np.arange(20)))


def spread(chosen: Any, **more: Any) -> SpreadAudit:
    hours = np.zeros(400)
    hours[chosen] = 2.0
    residents = pd.DataFrame(
        {"green": np.where(X < 2500, 100.0, 10.0), "blue": np.where(X < 2500, 10.0, 100.0)}
    )
    residents.iloc[380:] = 0.0
    return spread_audit(hours, residents, X, Y, replicates=100, **more)


def test_few_cells_have_all_the_hours() -> None:
    found = spread([0, 1, 2, 3])
    assert (found.hours, found.attended, found.cells) == (8, 4, 380)
    assert found.reached == pytest.approx(4 * 110 / (380 * 110))
    top = {one.id: one.value for one in found.findings}
    assert top["top_share/top_5/units"] == pytest.approx(1)
    assert top["top_share/top_1/units"] == pytest.approx(3.8 / 4)
    assert top["gini/gini/units"] == pytest.approx(1 - 4 / 380)
    assert found.sentences()[0].startswith(
        "8 hours go to 4 of 380 cells (1.1 %), where 1.1 % of the residents live"
    )
    assert found.sentences()[1] == ALONE
    assert ALONE in found.limits


def test_everywhere_alike() -> None:
    found = spread(np.arange(380))
    assert {one.id: one.value for one in found.findings}["gini/gini/units"] == pytest.approx(0, abs=1e-9)
    assert found.reached == pytest.approx(1)


def test_places_that_stay() -> None:
    now = np.arange(20)
    before = [np.isin(np.arange(400), now), np.isin(np.arange(400), np.arange(10, 30))]
    found = spread(now, before=before)
    assert found.lasting is not None
    assert found.lasting.times == 3
    overlap = next(one for one in found.findings if one.id.startswith("place_overlap/"))
    # From one to the next: 10 of 30 places both times.
    assert overlap.value == pytest.approx(1 / 3)
    assert overlap.details["by_chance"] == pytest.approx(20 / 380 / (2 - 20 / 380), rel=0.01)
    said = " ".join(found.sentences())
    assert "From one plan to the next, over 3, 0.33 of the places that either has are in both" in said
    green = 10 * 10.0 / (190 * 100 + 190 * 10)
    assert f"green {100 * green:.2g} %" in said
    assert ALONE not in found.limits


def test_thresholds_bound_what_they_name() -> None:
    bounds = {
        name: Threshold(value, "oversight board", "2026-01-05")
        for name, value in (("top_share", 0.9), ("gini", 0.999), ("place_overlap", 0.2))
    }
    before = [np.isin(np.arange(400), np.arange(4))]
    found = spread([0, 1, 2, 3], before=before, thresholds=bounds)
    held = {one.id: one.passes for one in found.findings if one.threshold}
    assert held == {"top_share/top_5/units": False, "gini/gini/units": True, "place_overlap/overlap": False}
    assert found.passes is False


def test_nothing_planned_is_no_number() -> None:
    found = spread([])
    assert found.findings[0].value is None
    assert found.findings[0].limits
    assert found.sentences()[0].startswith("0 hours go to 0 of 380 cells")


def test_plain_and_the_same_again_and_well_worded() -> None:
    before = [np.isin(np.arange(400), np.arange(6))]
    one, again = (spread([0, 1, 2, 3], before=before).to_dict() for _ in range(2))
    assert json.dumps(one, allow_nan=False) == json.dumps(again)
    for text in (*one["sentences"], *one["limits"]):
        assert check_wording(text) == text


def test_another_grid_is_refused() -> None:
    with pytest.raises(UsageError, match="plans of other cells"):
        spread([0], before=[np.ones(5, dtype=bool)])
