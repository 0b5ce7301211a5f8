"""Numbers by unit: as many as there are units, known and at least 0."""

from __future__ import annotations

import numpy as np
import pytest

from peelian.audits.by_unit import by_unit, coordinates
from peelian.audits.words import in_words, listed, told
from peelian.errors import DataError, UsageError


def test_numbers_are_taken_as_they_are_or_refused_with_how_many_are_wrong() -> None:
    assert by_unit("hours", [1, 0, 2], 3).tolist() == [1, 0, 2]
    with pytest.raises(UsageError, match=r"hours of shape \(2,\) were given for 3 units"):
        by_unit("hours", [1, 2], 3)
    with pytest.raises(DataError, match="hours of 2 of 3 units are negative or unknown") as caught:
        by_unit("hours", [1, np.nan, -1], 3)
    assert "not zero" in str(caught.value.hint)


@pytest.mark.parametrize("y", [[0.0, 1.0], [0.0, 1.0, np.inf]])
def test_places_are_a_finite_pair_for_each(y: list[float]) -> None:
    with pytest.raises(UsageError, match="expected a finite pair for each"):
        coordinates([0, 1, 2], y, 3)
    assert coordinates([0, 1], [2, 3], 2).tolist() == [[0, 2], [1, 3]]


def test_words() -> None:
    assert in_words("two_or_more") == "two or more"
    assert [told(v) for v in (0.1234, 12.34, 1234.5)] == ["0.123", "12.3", "1,234"]
    assert [listed(v) for v in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
