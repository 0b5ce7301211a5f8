"""The page of hot places: it says what was found, how sure that is and what it leaves out, however much there is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from peelian.patterns.concentration import concentration
from peelian.patterns.local_g import hot_cells
from peelian.patterns.local_moran import local_moran
from peelian.places import Grid
from peelian.publish.hot import MOST, hot_page

GRID = Grid("EPSG:26915", 250.0, 0, 0, (160, 160))
PERCENT = "\N{NO-BREAK SPACE}%"
EVEN = np.ones(len(GRID), dtype=np.int64)
Checks = Callable[[str], Any]


def heaps(every: int, high: int = 9) -> np.ndarray:
    """One report a cell, and a heap of three by three cells every so many rows and columns."""
    row, column = GRID.rows % every, GRID.columns % every
    return np.where((row < 3) & (column < 3), high, EVEN)


def page_of(counts: np.ndarray, *, outside: int = 0, names: list[str] | None = None, **more: Any) -> str:
    found = hot_cells(counts, GRID, permutations=None, names=names)
    beside = local_moran(counts, GRID, permutations=None)
    spread = concentration(counts, area=GRID.area, replicates=99)
    result = {
        "category": "burglary",
        "from": "2016-01-01",
        "to": "2017-01-01",
        "incidents": int(counts.sum()) + outside,
        "left_out": 3,
        **found.to_dict(),
        "alike": beside.to_dict(),
        "concentration": spread.to_dict(),
        "outside": outside,
        "origin": {"peelian": "0.1.0", "data_version": "ab" * 32, "seed": 0},
        **more,
    }
    return hot_page(result, found, beside, spread)


def rows_of(page: str, caption: str) -> list[list[str]]:
    """The rows of the table whose caption begins so."""
    table = re.search(rf"<caption>{re.escape(caption)}.*?</table>", page, re.DOTALL)
    assert table is not None, caption
    body = table[0].partition("<tbody>")[2]
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]


@pytest.fixture(scope="module")
def crowded() -> str:
    """Many heaps: more places than the page has room for."""
    return page_of(heaps(20), outside=12)


def test_with_hundreds_the_page_shows_the_first_and_says_how_many_there_are(
    crowded: str, page_checks: Checks
) -> None:
    page_checks(crowded)
    assert "64 places" in crowded
    rows = rows_of(crowded, f"64 places that hot cells make up: the {MOST} with the most reports")
    assert len(rows) == MOST
    assert [row[0] for row in rows] == [str(i) for i in range(1, MOST + 1)]
    assert len(rows_of(crowded, f"The {MOST} hottest cells")) == MOST
    assert len(crowded) < 300_000


def test_with_nothing_found_the_page_says_so(page_checks: Checks) -> None:
    counts = np.where((GRID.rows + GRID.columns) % 2 == 0, 1, 2)
    page = page_of(counts)
    page_checks(page)
    assert "None of 25,600 cells has more reports in and around it than chance gives" in page
    assert "that hot cells make up" not in page
    assert "hottest" not in page
    assert "hot: more than chance gives" not in page
    assert "What this can't tell" in page


@pytest.mark.parametrize("counts", [np.zeros(len(GRID), dtype=np.int64), EVEN])
def test_without_a_difference_there_is_still_an_honest_page(counts: np.ndarray, page_checks: Checks) -> None:
    page = page_of(counts)
    page_checks(page)
    assert "nothing to look at" in page or "no place stands out" in page
    assert "nan" not in page.replace("dominan", "")


def test_one_finding_is_one_place_with_its_numbers(page_checks: Checks) -> None:
    counts = EVEN.copy()
    counts[(GRID.rows >= 10) & (GRID.rows < 13) & (GRID.columns >= 20) & (GRID.columns < 23)] = 40
    page = page_of(counts)
    page_checks(page)
    ((place, _, cells, km2, _, _, _),) = rows_of(page, "1 place that hot cells make up")
    assert (place, float(km2)) == ("1", pytest.approx(int(cells) * 0.0625, abs=0.006))
    assert "in 1 place" in page


def test_a_share_too_small_to_show_is_not_none_and_no_p_value_is_0(crowded: str) -> None:
    counts = EVEN.copy()
    counts[(GRID.rows // 2 == 30) & (GRID.columns // 2 == 30)] = 30
    page = page_of(counts)
    ((*_, cells, _, _, _, of_area),) = rows_of(page, "1 place that hot cells make up")
    assert 1 <= int(cells) < 0.0005 * len(GRID)
    assert of_area == f"under 0.1{PERCENT}"
    for text in (page, crowded):
        assert f">0.0{PERCENT}<" not in text
        assert ">0.0000<" not in text
    assert "under 0.0001" in crowded


def test_each_limit_is_said_once(crowded: str) -> None:
    limits = re.findall(r"<li>(.*?)</li>", crowded.partition('id="limits"')[2].partition("</section>")[0])
    assert len(limits) == len(set(limits)) > 5
    assert sum("statement about reports" in limit for limit in limits) == 1


def test_what_is_left_out_is_said(crowded: str) -> None:
    assert "12 reports lie outside of the study area." in crowded
    assert "3 more lie outside of that time" in crowded
    assert "A cell is a square of 250 m." in crowded
    assert "outside of the study area" not in page_of(EVEN)


def test_a_name_with_a_script_in_it_does_nothing(page_checks: Checks) -> None:
    name = "<script>alert('x')</script> & \"co\""
    page = page_of(heaps(40), names=[name] * len(GRID))
    page_checks(page)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_shares_of_cells_are_percentages_and_coefficients_are_not(crowded: str) -> None:
    rows = {row[0]: row[1] for row in rows_of(crowded, "How concentrated the reports are")}
    half = next(value for name, value in rows.items() if "50%" in name and "cells that hold" in name)
    assert half.endswith(PERCENT)
    gini = next(value for name, value in rows.items() if name.startswith("Gini"))
    assert 0 < float(gini) < 1


def test_the_same_is_the_same_page(crowded: str) -> None:
    assert page_of(heaps(20), outside=12) == crowded
