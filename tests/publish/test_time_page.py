"""The page of times: each question has its part, what can't be told has its reason, and every chart its table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from peelian.patterns.times import Times, times
from peelian.publish.time import time_page
from peelian.records import Incidents

START, END = "2015-01-01", "2018-01-01"
Checks = Callable[[str], Any]


def incidents_of(
    time: np.ndarray, *, last: np.ndarray | None = None, resolution: str = "minute"
) -> Incidents:
    frame = pd.DataFrame({"x": 0.0, "y": 0.0, "occurred_from": time.astype("datetime64[us]")})
    if last is not None:
        frame["occurred_to"] = last.astype("datetime64[us]")
    frame["id"] = [str(i) for i in range(len(frame))]
    frame["source"], frame["category"], frame["label"] = "made up", "burglary", "burglary"
    frame["resolution"], frame["officer_initiated"] = resolution, False
    return Incidents(frame, "EPSG:26915", "America/Chicago")


def drawn(*, until: str = END, share: float = 0.5, drop: bool = True) -> np.ndarray:
    """About eight a day, a share of them between 08:00 and 09:00; a third of that from July 2016 on."""
    rng = np.random.default_rng(1)
    days = np.arange(START, until, dtype="datetime64[D]")
    level = np.where(drop & (days.astype(str) >= "2016-07-01"), 2.7, 8.0)
    day = np.repeat(days, rng.poisson(level))
    minute = rng.integers(0, 1440, day.size)
    minute[rng.random(day.size) < share] = 8 * 60 + 20
    return day + minute.astype("timedelta64[m]")


def page_of(found: Times, *, until: str = END) -> str:
    result = {
        "category": "burglary",
        "from": START,
        "to": until,
        "incidents": found.incidents,
        "left_out": 0,
        **found.to_dict(),
        "origin": {"peelian": "0.1.0", "data_version": "ab" * 32, "seed": 0},
    }
    return time_page(result, found)


def look(reports: Incidents, *, until: str = END, **settings: Any) -> Times:
    return times(reports, start=START, end=until, replicates=99, **settings)


def test_each_question_has_its_part(page_checks: Checks) -> None:
    found = look(incidents_of(drawn()))
    page = page_of(found)
    outline = page_checks(page)
    assert found.sentences[0] in page
    said = [heading for _, heading in outline.headings]
    assert said[0] == "Times: burglary"
    for part in ("When in the week", "When in the year", "When the level changed", "What this can't tell"):
        assert part in said
    for caption in (
        "Reports by hour of the week",
        "By hour of the day",
        "By weekday",
        "By month of the year",
    ):
        assert page.count(f"<caption>{caption}</caption>") == 1
    assert "July 2016" in page
    assert "08:00-09:00" in page
    assert "which may be when it was found or reported" in page
    assert "If one time were taken" not in page
    assert ">0.0000<" not in page


def test_the_table_of_the_week_agrees_with_its_picture() -> None:
    found = look(incidents_of(drawn()))
    assert found.hour_of_week is not None
    page = page_of(found)
    marked = (
        page.partition("<caption>Reports by hour of the week</caption>")[2]
        .partition("</table>")[0]
        .count(" *")
    )
    assert marked == found.hour_of_week.above.sum() > 5


def test_what_one_time_would_have_moved_is_told_where_there_are_intervals(page_checks: Checks) -> None:
    time = drawn()
    found = look(incidents_of(time, last=time + np.timedelta64(3, "h")))
    page = page_of(found)
    page_checks(page)
    assert "If one time were taken for each report" in page
    n = f"{found.incidents:,}"
    assert f"{n} reports of {n} have an earliest and a latest time" in page
    assert found.spread is not None
    moved = max(found.spread.moved.values())
    assert f"at least {moved:,.0f} in another hour of the week" in page
    for name in ("Its start", "Its middle", "Its end"):
        assert name in page
    assert "count in parts for each hour between" in page
    assert "which may be when it was found or reported" not in page


def test_month_only_reports_have_a_page_without_hours(page_checks: Checks) -> None:
    found = look(incidents_of(drawn().astype("datetime64[M]"), resolution="month"), hours=False)
    page = page_of(found)
    page_checks(page)
    assert "Not told: the day was asked for" in page
    assert "By month of the year" in page
    assert "Reports a month" in page
    assert "hour of the week" not in page
    assert "know only the month" in page


def test_little_is_told_with_its_reasons(page_checks: Checks) -> None:
    until = "2015-01-20"
    found = look(incidents_of(drawn(until=until)), until=until)
    page = page_of(found, until=until)
    page_checks(page)
    assert page.count("Not told:") == 3
    assert "dot: stands out" not in page
    assert "24" in found.untold["season"]
    assert found.untold["season"] in page.replace("&#39;", "'")


def test_nothing_is_an_honest_page(page_checks: Checks) -> None:
    found = look(incidents_of(np.zeros(0, dtype="datetime64[m]")))
    page = page_of(found)
    page_checks(page)
    assert "There is no report: there was nothing to look at." in page
    assert "<svg" not in page


def test_an_even_spread_stands_out_nowhere(page_checks: Checks) -> None:
    found = look(incidents_of(drawn(share=0.0, drop=False)))
    page = page_of(found)
    page_checks(page)
    assert found.hour_of_week is not None
    assert found.hour_of_week.above.sum() <= 2
    assert "No change of level can be told from chance" in page
    assert "Changes of level, in reports a period" not in page


def test_the_same_is_the_same_page() -> None:
    pages = {page_of(look(incidents_of(drawn()))) for _ in range(2)}
    assert len(pages) == 1


@pytest.mark.parametrize("period", ["1w", "2w", "1mo"])
def test_the_line_says_what_it_counts(period: str, page_checks: Checks) -> None:
    page = page_of(look(incidents_of(drawn()), period=period))
    page_checks(page)
    assert {"1w": "Reports a week", "2w": "Reports in 2 weeks", "1mo": "Reports a month"}[period] in page
