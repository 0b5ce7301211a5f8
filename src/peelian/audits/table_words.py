"""What an exposure table claims, says and can't tell, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from peelian.audits.base import ECOLOGICAL
from peelian.audits.words import in_words

if TYPE_CHECKING:
    from peelian.audits.table import Tally

__all__ = ["headline", "limits_of", "pooled_sentence", "rows_of", "tally_sentences"]


def limits_of(*, margins: bool, ambient: bool) -> tuple[str, ...]:
    """What no exposure table can tell."""
    said = [
        ECOLOGICAL,
        "A count is what the table says it is. Whether anybody was sent there, and what was done, is not in it.",
        (
            "On simulated maps of 13 to 279 units 95 % intervals held the true ratio 95 times in 100 where neighbours "
            "have nothing in common, 92 times where they are alike up to a third of the map's width, and 83 times "
            "where up to two thirds: intervals of strongly divided areas are too narrow."
        ),
        "Residents are taken to bear what is in their own unit; those next door and those passing through are not.",
    ]
    if not ambient:
        said.append(
            "Residents are not those present: visitors and workers are exposed too, and were not given."
        )
    if margins:
        said.append(
            "The margins of error of the numbers of residents are in the intervals; what a census misses altogether is "
            "not."
        )
    else:
        said.append(
            "The numbers of residents came without margins of error, so that the intervals don't carry them; with few "
            "residents of a group a unit, they are large."
        )
    said.append(
        "Whether a ratio other than 1 is wrong is not a question of numbers alone: reports differ by place too."
    )
    return tuple(said)


def headline(ratios: pd.DataFrame, tallies: Sequence[Tally], *, reference: str, what: str) -> str:
    """What was found, in one sentence that stands alone."""
    parts = ratios["by"].nunique()
    total = tallies[0]
    if parts == 1:
        return " ".join(_one(row, what) for row in rows_of(ratios))
    sure = total.surely_above + total.surely_below
    return (
        f"Of {total.ratios} exposure ratios in {parts} areas (to {in_words(reference)} residents), {total.above} are "
        f"above 1 and {total.below} below by their value alone; the interval leaves out 1 for {sure} of them "
        f"({total.surely_above} above, {total.surely_below} below), and for {total.corrected} when it is taken into "
        "account how many were looked at."
    )


def _one(row: Mapping[str, Any], what: str) -> str:
    group, reference = in_words(row["group"]), in_words(row["reference"])
    if pd.isna(row["value"]):
        return f"{group[:1].upper()}{group[1:]} residents: no ratio. {row['why']}"
    ends = "no interval" if pd.isna(row["low"]) else f"interval {row['low']:.2f} to {row['high']:.2f}"
    return (
        f"Where the average {group} resident lives there are {row['value']:.2f} times the {what} of where the average "
        f"{reference} resident lives ({ends})."
    )


def tally_sentences(tallies: Sequence[Tally]) -> list[str]:
    """For each group in how many areas its ratio is off, with and without the interval."""
    said = []
    for one in tallies[1:]:
        sure = one.surely_above + one.surely_below
        said.append(
            f"{in_words(one.group)}: above 1 in {one.above} and below in {one.below} of {one.ratios} areas by value "
            f"alone. The interval leaves out 1 in {sure}; in the other {one.ratios - sure} the value alone would say "
            "more than these data show."
        )
    if tallies[0].refused:
        said.append(
            f"{tallies[0].refused} ratios have no number: too few residents, or nothing to compare with."
        )
    return said


def pooled_sentence(row: Mapping[str, Any], reference: str) -> str:
    """What the areas show together, which is more than each does."""
    p = "less than 0.001" if row["p_sign"] < 0.001 else f"{row['p_sign']:.2g}"
    return (
        f"Together the areas show more than each alone: the geometric mean of their {in_words(row['group'])} to "
        f"{in_words(reference)} ratios is {row['value']:.2f} ({row['level'] * 100:g} % interval {row['low']:.2f} to "
        f"{row['high']:.2f}), and {row['above']} of {row['areas']} are above 1 (p {p} if both sides were as likely)."
    )


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as mappings from the columns' names."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
