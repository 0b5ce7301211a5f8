"""What holds for every result on time and on hot places: plain data, plain words, the same again, a picture."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from peelian.patterns.aoristic import aoristic
from peelian.patterns.base import Pattern
from peelian.patterns.changes import change_points
from peelian.patterns.concentration import concentration
from peelian.patterns.local_g import hot_cells
from peelian.patterns.local_moran import local_moran
from peelian.patterns.profile import time_profile
from peelian.patterns.seasonality import seasonality
from peelian.places import Grid, Periods, count_incidents
from peelian.records import Incidents

CRS = "EPSG:26915"
SIDE = 250.0
GRID = Grid(CRS, SIDE, 0, 0, (12, 14))
WEEKS = Periods.covering("2015-01-05", "2018-01-01", "1w")
BANNED = re.compile(
    r"\b(predict|risky|criminal|unbiased|debiased|solves|suspect|offender|perpetrator|person)", re.IGNORECASE
)


def made() -> Incidents:
    """Three years of reports: a busy corner, Friday nights, summers, and fewer from the third year on."""
    rng = np.random.default_rng(0)
    n = 6000
    day = rng.integers(0, 3 * 365, n)
    keep = rng.random(n) < (0.7 + 0.3 * np.sin((day - 100) * 2 * np.pi / 365)) * np.where(day > 730, 0.5, 1.0)
    day = day[keep]
    n = day.size
    hour = np.where(rng.random(n) < 0.3, rng.integers(18, 23, n), rng.integers(0, 24, n))
    start = np.datetime64("2015-01-05T00:00:00") + (
        day * 86_400 + hour * 3600 + rng.integers(0, 3600, n)
    ).astype("timedelta64[s]")
    end = start + rng.integers(0, 12 * 3600, n).astype("timedelta64[s]")
    busy = rng.random(n) < 0.3
    frame = pd.DataFrame(
        {
            "id": [str(i) for i in range(n)],
            "source": "test",
            "occurred_from": start,
            "occurred_to": np.where(rng.random(n) < 0.5, end, np.datetime64("NaT")),
            "resolution": "minute",
            "category": "burglary",
            "label": "burglary",
            "x": np.where(busy, rng.uniform(0, 3, n), rng.uniform(0, 14, n)) * SIDE,
            "y": np.where(busy, rng.uniform(0, 3, n), rng.uniform(0, 12, n)) * SIDE,
            "officer_initiated": False,
        }
    )
    return Incidents(frame, CRS, "America/Chicago")


def results() -> dict[str, Pattern]:
    incidents = made()
    counts = count_incidents(incidents, GRID, WEEKS)
    return {
        "aoristic": aoristic(incidents),
        "hour_of_week": time_profile(incidents, permutations=99),
        "weekday": time_profile(incidents, by="weekday", permutations=99),
        "seasonality": seasonality(incidents),
        "changes": change_points(counts.by_period, WEEKS, replicates=99),
        "hot": hot_cells(counts.by_cell, GRID, permutations=99),
        "hot, exactly": hot_cells(counts.by_cell, GRID, permutations=None),
        "moran": local_moran(counts.by_cell, GRID, permutations=99),
        "concentration": concentration(counts.by_cell, replicates=99),
    }


@pytest.fixture(scope="module")
def found() -> dict[str, Pattern]:
    return results()


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            assert type(key) is str, path
            yield from leaves(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, path)
    else:
        yield path, value


def test_data_is_plain_and_comes_back_the_same(found):
    for name, result in found.items():
        told = result.to_dict()
        for path, value in leaves(told):
            assert type(value) in (str, int, float, bool, type(None)), (name, path, type(value))
            assert not isinstance(value, float) or math.isfinite(value), (name, path)
        assert json.loads(json.dumps(told, allow_nan=False)) == told, name
        assert told["sentence"] == result.sentence()


def test_words_are_of_places_and_reports(found):
    for name, result in found.items():
        told = result.to_dict()
        texts = [result.sentence(), *told["limits"]]
        assert told["limits"], name
        for text in texts:
            assert not BANNED.search(text), (name, text)
            assert text.endswith("."), (name, text)
            assert "nan" not in text.split(), (name, text)
            assert "  " not in text, (name, text)
        assert len(set(told["limits"])) == len(told["limits"]), name


def test_the_same_input_gives_the_same_bytes(found):
    again = results()
    for name, result in found.items():
        assert json.dumps(result.to_dict()) == json.dumps(again[name].to_dict()), name
        pd.testing.assert_frame_equal(result.frame, again[name].frame)


def test_a_table_a_notebook_and_a_picture(found, tmp_path):
    pytest.importorskip("matplotlib")
    for name, result in found.items():
        assert len(result.frame), name
        assert result.sentence().split()[0] in result._repr_html_()
        ax = result.plot()
        assert ax.get_title(), name
        path = tmp_path / f"{name}.png"
        ax.figure.savefig(path, dpi=40)
        assert path.stat().st_size > 1000
        assert result.plot(ax=ax) is ax


def test_what_was_planted_is_found(found):
    hot = found["hot, exactly"]
    rows, columns = GRID.rows[hot.called == 1], GRID.columns[hot.called == 1]
    assert rows.size >= 6
    assert rows.max() <= 3
    assert columns.max() <= 3
    assert found["concentration"].p == 0.01
    week = found["hour_of_week"]
    evening = (np.arange(168) % 24 >= 18) & (np.arange(168) % 24 < 24)
    assert week.above[evening].mean() > 0.5
    assert week.above[~evening].mean() < 0.1
    assert found["seasonality"].ratio[6] > 1.2 > 0.8 > found["seasonality"].ratio[0]
    changes = found["changes"].changes
    assert [c.low <= "2017-01-02" <= c.high for c in changes] == [True]
    assert changes[0].ratio == pytest.approx(0.5, abs=0.1)
    # Weights over the hours are of the same reports as those that were counted.
    assert found["aoristic"].weights.sum() == pytest.approx(len(made()))


def test_points_alone_and_intervals_give_profiles_of_the_same_reports(found):
    incidents = made()
    points = Incidents(incidents.frame.assign(occurred_to=pd.NaT), CRS, incidents.zone)
    by_point = time_profile(points, permutations=19)
    assert by_point.reports.sum() == pytest.approx(found["hour_of_week"].reports.sum())
    assert by_point.account.without_end == len(incidents)
    # An interval of hours smooths the evenings away in part.
    assert by_point.ratio.max() > found["hour_of_week"].ratio.max() * 0.8
