from __future__ import annotations

from peelian.publish import sources
from peelian.publish.origin import ledger_words, origin_words
from peelian.records import ImportReport
from peelian.records.report import REASONS

REPORTS = [
    ImportReport(
        source="slmpd", file="a.csv", sha256="0" * 64, rows_in=100, stored=80, duplicates=5,
        corrections=5, quarantined=10,
        quarantined_by_reason={"no_place": 8, "future": 2}, first_occurred="2015-01-01 00:00:00",
        last_occurred="2015-12-31 23:00:00", warnings=["w1", "w2"],
    ).to_dict(),
    {
        "file": "b.csv", "rows_in": 50, "stored": 40, "duplicates": 0, "corrections": 0, "quarantined": 10,
        "quarantined_by_reason": {"no_place": 9, "something_new": 1}, "warnings": ["w2"],
    },
]  # fmt: skip


def test_totals_add_up_over_files():
    totals = sources.imports_totals(REPORTS)
    assert totals == {
        "rows_in": 150, "stored": 120, "duplicates": 5, "corrections": 5, "quarantined": 20,
        "cancelled_earlier": 0,
    }  # fmt: skip
    assert totals["rows_in"] == sum(list(totals.values())[1:])
    assert sources.imports_totals([])["rows_in"] == 0


def test_reasons_are_words_most_first_and_new_ones_are_not_lost():
    reasons = sources.quarantine_reasons(REPORTS)
    assert list(reasons.values()) == [17, 2, 1]
    assert "something new" in reasons
    assert not any("_" in name for name in reasons)


def test_every_reason_has_plain_words():
    assert set(sources.PLAIN_REASONS) == set(REASONS)
    plain = sources.quarantine_reasons(REPORTS, plain=True)
    assert plain == {
        "no place that we can read": 17,
        "a date after the day we read it": 2,
        "something new": 1,
    }


def test_every_file_has_a_row():
    table = str(sources.imports_table(REPORTS))
    assert "a.csv" in table
    assert "1 January 2015 to 31 December 2015" in table
    assert "not known" in table


def test_each_warning_once():
    assert sources.warnings_of(REPORTS) == ["w1", "w2"]


def test_names():
    assert sources.label("motor_vehicle_theft") == "motor vehicle theft"
    assert sources.category_name("motor_vehicle_theft") == "Motor vehicle theft"
    assert sources.category_name("") == ""


def test_checks_that_ask_for_a_look_in_sentences():
    row = {
        "check": "date heaping", "subject": "on the hour", "value": 0.32, "unit": "share", "expected": 0.0167,
        "note": "unknown times are often written so", "flag": "look",
    }  # fmt: skip
    said = sources.to_look_at({"checks": [row, {**row, "flag": "ok"}]})
    assert [s.replace("\N{NO-BREAK SPACE}", " ") for s in said] == [
        "Date heaping, on the hour: 32 %, where 1.7 % would be expected (unknown times are often written so)."
    ]
    assert sources.to_look_at(None) == []
    many = sources.to_look_at({"checks": [row] * 12})
    assert many[-1] == "And 4 more checks, on the page about quality."


def test_values_with_their_units():
    assert sources.check_value({"value": 3, "unit": "months"}) == "3 months"
    assert sources.check_value({"value": None, "unit": "share"}) == ""
    assert sources.check_value({"value": 0.5, "unit": "share"}) == "50\N{NO-BREAK SPACE}%"


def test_origin_in_the_order_in_which_a_reader_asks():
    origin = {
        "seed": 0,
        "runs": {"plan": "plan-1", "trial": None},
        "data_version": "abc",
        "peelian": "0.1.0",
        "x": None,
    }
    pairs = origin_words(
        origin, method="Count map", ledger={"origin": "a.b/c", "size": 1200, "verified_at": "today"}
    )
    assert pairs == [
        ("Software", "Peelian 0.1.0"),
        ("Version of the records", "abc"),
        ("Method", "Count map"),
        ("Run: plan", "plan-1"),
        ("Seed", "0"),
        ("Ledger", "a.b/c"),
        ("Entries in it", "1,200"),
        ("Last checked", "today"),
    ]
    assert origin_words(None) == [("Origin", "not recorded")]
    assert ledger_words({}) == []


def test_nested_origins_are_written_out():
    assert origin_words({"grid": {"cell_m": 250.0, "shape": [3, 4]}}) == [
        ("Grid", "cell m 250.0, shape 3, 4")
    ]
