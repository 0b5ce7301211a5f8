from __future__ import annotations

import json
from typing import Any

import pytest

import peelian.audits
from peelian.audits import Finding, Threshold
from peelian.errors import UsageError

BOARD = Threshold(1.25, "the oversight board", "2017-01-01")


def make(**change: Any) -> Finding:
    fields: dict[str, Any] = {
        "id": "exposure_ratio/plan/black",
        "measure": "exposure ratio",
        "subject": "black to white residents, under the plan",
        "value": 1.834,
        "low": 1.2,
        "high": 2.6,
        "level": 0.95,
    }
    return Finding(**(fields | change))


def test_sentence_has_value_interval_and_level() -> None:
    expected = "Exposure ratio, black to white residents, under the plan: 1.83 (95 % interval 1.2 to 2.6)."
    assert make().sentence() == expected


@pytest.mark.parametrize(("passes", "word"), [(True, "within"), (False, "beyond")])
def test_sentence_tells_who_set_the_threshold(passes: bool, word: str) -> None:
    text = make(threshold=BOARD, passes=passes).sentence()
    assert text.endswith(f", {word} the threshold of 1.25 that the oversight board set on 2017-01-01.")


def test_a_missing_value_says_why() -> None:
    text = make(value=None, low=None, high=None, limits=("Neither group has presence",)).sentence()
    assert text.endswith(": no number (Neither group has presence).")
    assert make(value=None, low=None, high=None).sentence().endswith(": no number.")


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ({"low": None, "high": None}, "(no interval)"),
        ({"high": None}, "(95 % interval 1.2 to no upper end)"),
        ({"low": None}, "(95 % interval no lower end to 2.6)"),
        ({"unit": "hours"}, "1.83 hours (95 %"),
        ({"value": 12345.6}, ": 12,346 ("),
        ({"value": 0.0001}, ": less than 0.001 ("),
        ({"value": 0.0}, ": 0 ("),
        ({"level": 0.995}, "99.5 % interval"),
    ],
)
def test_open_ends_units_and_numbers(ends: dict[str, Any], text: str) -> None:
    assert text in make(**ends).sentence()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["value", "low", "high"])
def test_no_finding_holds_what_is_not_a_number(name: str, wrong: float) -> None:
    with pytest.raises(UsageError, match="expected finite numbers"):
        make(**{name: wrong})


def test_to_dict_is_plain_json() -> None:
    plain = make(threshold=BOARD, passes=False, limits=["One.", "Two."], details={"blocks": 3}).to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["threshold"] == {"value": 1.25, "set_by": "the oversight board", "set_at": "2017-01-01"}
    assert plain["limits"] == ["One.", "Two."]
    assert plain["details"] == {"blocks": 3}
    assert plain["passes"] is False
    assert make().to_dict()["threshold"] is None


def test_details_cannot_be_changed_afterwards() -> None:
    given = {"blocks": 3}
    finding = make(details=given)
    given["blocks"] = 4
    assert finding.details["blocks"] == 3
    with pytest.raises(TypeError):
        finding.details["blocks"] = 5  # type: ignore[index]


def test_html_is_escaped_and_shows_the_limits() -> None:
    page = make(subject="<script>x</script>", limits=("a < b",))._repr_html_()
    assert "<script>" not in page
    assert "a &lt; b" in page


@pytest.mark.parametrize("change", [{"value": float("nan")}, {"set_by": " "}, {"set_at": ""}])
def test_a_threshold_needs_a_number_a_body_and_a_day(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="who set it and when"):
        Threshold(**({"value": 1.25, "set_by": "the board", "set_at": "2017-01-01"} | change))


def test_the_public_surface_is_what_it_is() -> None:
    assert peelian.audits.__all__ == [
        "ExposureAudit",
        "Finding",
        "Threshold",
        "equal_hours",
        "exposure_audit",
        "hours_by_population",
        "quantile_interval",
        "resampled_sums",
        "spatial_blocks",
    ]
    assert all(hasattr(peelian.audits, name) for name in peelian.audits.__all__)


def test_a_number_without_chance_in_it_has_bounds_and_a_missing_one_its_reason() -> None:
    rounded = Finding("a/b", "rate", "of a table", 8.8, 7.9, 9.9, 1.0)
    assert rounded.sentence() == "Rate, of a table: 8.8 (bounds 7.9 to 9.9)."
    none = Finding("a/b", "rate", "of a table", None, None, None, 0.95, limits=("Nobody lives there.",))
    assert none.sentence() == "Rate, of a table: no number (Nobody lives there)."
