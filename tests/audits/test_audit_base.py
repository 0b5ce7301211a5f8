"""What every audit has in common, and in which way a threshold bounds a measure."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from peelian.audits.base import Audit, plain_rows
from peelian.audits.finding import Finding, Threshold
from peelian.audits.thresholds import MEASURES, check_threshold, keeps_within
from peelian.errors import UsageError

BY_KIND = {"ratio": "exposure_ratio"}
for name, measure in MEASURES.items():
    BY_KIND.setdefault(measure.kind, name)


def found(value: float, *, passes: bool | None) -> Finding:
    return Finding("a/b", "a measure", "of <b>", value, value - 1, value + 1, 0.95, passes=passes)


@dataclass(frozen=True, eq=False)
class Two(Audit):
    """Two findings."""

    held: tuple[bool | None, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(found(i, passes=passes) for i, passes in enumerate(self.held))

    @property
    def limits(self) -> tuple[str, ...]:
        return ("Not why.",)

    @property
    def frame(self) -> pd.DataFrame:
        return pd.DataFrame({"value": [1.0, np.nan]})

    def sentences(self) -> list[str]:
        return ["First <i>."]


@pytest.mark.parametrize(
    ("held", "passes"),
    [((), None), ((None, None), None), ((True, None), True), ((True, False), False), ((False,), False)],
)
def test_an_audit_passes_where_all_that_was_held_against_a_threshold_does(
    held: tuple[bool | None, ...], passes: bool | None
) -> None:
    told = Two(held).to_dict()
    assert told["passes"] is passes
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert [one["sentence"] for one in told["findings"]] == [one.sentence() for one in Two(held).findings]


def test_in_a_notebook_it_is_escaped_and_says_what_is_missing() -> None:
    shown = Two((True,))._repr_html_()
    assert "&lt;i&gt;" in shown
    assert "<i>" not in shown
    assert "no number" in shown
    assert "Not why." in shown


def test_rows_are_plain() -> None:
    frame = pd.DataFrame(
        {
            "a": np.array([1, 2]),
            "b": [np.nan, np.inf],
            "c": ["x", None],
            "d": pd.to_datetime(["2026-01-01", None]),
        }
    )
    frame["d"] = frame["d"].astype(object)
    rows = plain_rows(frame[["a", "b", "c"]])
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert [type(row["a"]) for row in rows] == [int, int]
    assert [row["b"] for row in rows] == [None, None]
    assert plain_rows(frame[["d"]])[1] == {"d": None}


@pytest.mark.parametrize(
    ("kind", "bound", "within", "beyond"),
    [
        ("ratio", 1.25, [0.8, 1.0, 1.25], [0.79, 1.26, 0.0]),
        ("difference", 0.05, [-0.05, 0.0, 0.05], [-0.06, 0.051]),
        ("most", 0.3, [-1.0, 0.3], [0.31]),
        ("least", 0.3, [0.3, 2.0], [0.29]),
    ],
)
def test_how_a_threshold_bounds(kind: str, bound: float, within: list[float], beyond: list[float]) -> None:
    if kind not in BY_KIND:
        pytest.skip(f"no measure is bounded by {kind}")
    name, threshold = BY_KIND[kind], Threshold(bound, "the board", "2026-01-01")
    assert [keeps_within(name, value, threshold) for value in within] == [True] * len(within)
    assert [keeps_within(name, value, threshold) for value in beyond] == [False] * len(beyond)
    assert keeps_within(name, None, threshold) is None
    assert keeps_within(name, within[0], None) is None


def test_a_threshold_that_bounds_nothing_is_refused() -> None:
    check_threshold("exposure_ratio", 1.0)
    for name, value in (("exposure_ratio", 0.99), ("exposure_ratio", np.nan), ("no_such", 1.0)):
        with pytest.raises(UsageError):
            check_threshold(name, value)
    for name, measure in MEASURES.items():
        check_threshold(name, 1.0)
        with pytest.raises(UsageError):
            check_threshold(name, -0.1)
        assert measure.meaning
        assert measure.audit in ("plan", "forecast", "loop", "stops", "facematch", "data")
