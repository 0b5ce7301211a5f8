"""How long is long: spans of the calendar, against the calendar of pandas."""

# ruff: noqa: DTZ001  civil time has no offset

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import UsageError
from peelian.units import KeptFor

UNITS = {"d": "days", "w": "weeks", "mo": "months", "y": "years"}


@given(
    st.integers(1, 99),
    st.sampled_from(sorted(UNITS)),
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 12, 31)),
)
def test_so_long_before_as_pandas_has_it(n: int, unit: str, moment: datetime) -> None:
    expected = pd.Timestamp(moment) - pd.DateOffset(**{UNITS[unit]: n})  # type: ignore[arg-type]
    assert KeptFor(n, unit).before(moment) == expected.to_pydatetime()


@given(st.integers(1, 9999), st.sampled_from(sorted(UNITS)))
def test_it_reads_what_it_writes(n: int, unit: str) -> None:
    assert KeptFor.parse(str(KeptFor(n, unit))) == KeptFor(n, unit)


@pytest.mark.parametrize("text", ["", "0d", "5", "5 years", "-1d", "1.5y", "99999d", "1h"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(UsageError, match="was given as how long to keep") as no:
        KeptFor.parse(text)
    assert no.value.hint == "write it as 90d, 12w, 18mo or 5y"


def test_longer_than_the_calendar() -> None:
    with pytest.raises(UsageError, match="before the calendar begins"):
        KeptFor(3000, "y").before(datetime(2024, 1, 1))
