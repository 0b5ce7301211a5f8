from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from peelian.records import Incidents, IncidentStore, Quality, assess, empty_frame, read_incidents

Row = dict[str, str]


def value(quality: Quality, check: str, subject: str) -> float:
    found = quality.frame[(quality.frame["check"] == check) & (quality.frame["subject"] == subject)]
    assert len(found) == 1, quality.frame[["check", "subject"]].to_string()
    return float(found["value"].iloc[0])


def flag(quality: Quality, check: str, subject: str) -> str:
    found = quality.frame[(quality.frame["check"] == check) & (quality.frame["subject"] == subject)]
    return str(found["flag"].iloc[0])


def even(n: int = 4000, seed: int = 2) -> Incidents:
    """Incidents spread evenly over places, minutes and two categories, for two years."""
    rng = np.random.default_rng(seed)
    start = np.datetime64("2016-01-01", "s")
    times = start + rng.integers(0, 731 * 1440, n) * np.timedelta64(60, "s")
    return Incidents.of(
        rng.uniform(0, 1e4, n),
        rng.uniform(0, 1e4, n),
        np.sort(times),
        crs="EPSG:26915",
        zone="America/Chicago",
        category=list(rng.choice(["theft", "burglary"], n)),
    )


def changed(incidents: Incidents, **columns: object) -> Incidents:
    return Incidents(incidents.frame.assign(**columns), incidents.crs, incidents.zone)


def test_even_records_ask_for_no_look() -> None:
    quality = assess(even())
    look = quality.frame[quality.frame["flag"] == "look"]
    assert look.empty, look.to_string()
    assert len(quality.stacked) == 0


def test_completeness() -> None:
    incidents = changed(even(100), domestic=[True] * 30 + [None] * 70)
    quality = assess(incidents)
    assert value(quality, "completeness", "domestic") == 0.3
    assert flag(quality, "completeness", "domestic") == "look"
    assert value(quality, "completeness", "location_type") == 0
    assert flag(quality, "completeness", "location_type") == "ok"  # not published at all
    assert value(quality, "completeness", "x") == 1


def test_reporting_delay_in_days() -> None:
    incidents = even(1000)
    rng = np.random.default_rng(8)
    days = rng.exponential(3.0, 1000)
    reported = incidents.frame["occurred_from"] + pd.to_timedelta(days, unit="D")
    quality = assess(changed(incidents, reported=reported))
    for name, q in (("median", 50), ("90 %", 90), ("95 %", 95), ("99 %", 99)):
        expected = np.percentile(days, q)
        assert value(quality, "reporting delay", f"arrays {name}") == pytest.approx(expected, abs=1e-4)
    assert set(quality.frame.loc[quality.frame["check"] == "reporting delay", "unit"]) == {"days"}


def test_reporting_delay_in_months_when_only_a_month_is_known() -> None:
    incidents = even(300)
    month = incidents.frame["occurred_from"].dt.to_period("M").dt.to_timestamp()
    late = month + pd.offsets.MonthBegin(2)
    quality = assess(changed(incidents, reported=late))
    assert value(quality, "reporting delay", "arrays median") == 2
    assert set(quality.frame.loc[quality.frame["check"] == "reporting delay", "unit"]) == {"months"}


def test_no_delay_without_reported_times() -> None:
    assert "reporting delay" not in set(assess(even(50)).frame["check"])


def test_duplicate_rate() -> None:
    incidents = even(200)
    frame = pd.concat([incidents.frame, incidents.frame.head(20)])
    frame["id"] = [str(i) for i in range(220)]
    quality = assess(Incidents(frame, incidents.crs, incidents.zone))
    assert value(quality, "duplicate rate", "times to the minute") == pytest.approx(20 / 220)
    assert flag(quality, "duplicate rate", "times to the minute") == "look"


def test_duplicates_of_coarse_times_are_no_surprise() -> None:
    frame = pd.concat([even(50).frame] * 2).assign(resolution="month")
    quality = assess(Incidents(frame, "EPSG:26915", "America/Chicago"))
    assert value(quality, "duplicate rate", "times to the coarser") == 0.5
    assert flag(quality, "duplicate rate", "times to the coarser") == "ok"


def test_geocoding_rate_from_quarantine() -> None:
    incidents = even(80)
    reasons = ["no_place"] * 15 + ["outside_crs"] * 3 + ["outside_study_area"] * 2 + ["no_time"] * 50
    quality = assess(incidents, quarantine=pd.DataFrame({"reason": reasons}))
    assert value(quality, "geocoding rate", "all") == 0.8
    assert flag(quality, "geocoding rate", "all") == "look"
    assert "geocoding rate" not in set(assess(incidents).frame["check"])


def test_geocoding_rate_and_accounts_from_imports(
    write_csv: Callable[..., Path], slmpd: Callable[..., Row], now: dt.datetime
) -> None:
    rows = [slmpd(Complaint=str(i)) for i in range(1, 10)] + [slmpd(XCoord="", YCoord="")]
    reading = read_incidents(write_csv(rows), now=now)
    quality = assess(reading.incidents, imports=[reading.report])
    assert value(quality, "geocoding rate", "all") == 0.9
    assert value(quality, "quarantined", "rows.csv") == 0.1
    assert flag(quality, "quarantined", "rows.csv") == "look"


def test_unmapped_labels_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(
        "t,x,y,k\n" + "2017-01-01 10:10,500000,5000000,ODD THING\n" * 5 + "2017-01-01,500000,5000000,RARE\n"
    )
    reading = read_incidents(
        path,
        mapping={"occurred_from": "t", "x": "x", "y": "y", "category": "k"},
        crs="EPSG:26910",
        zone="America/Los_Angeles",
    )
    quality = assess(reading.incidents, imports=[reading.report])
    note = quality.frame.set_index("check").loc["unmapped labels", "note"]
    assert note == "ODD THING: 5, RARE: 1"


def test_stacking_finds_the_default_point() -> None:
    incidents = even(2000)
    x, y = incidents.x.copy(), incidents.y.copy()
    x[:300], y[:300] = 5000.0, 5000.0
    quality = assess(changed(incidents, x=x, y=y))
    assert len(quality.stacked) == 1
    assert quality.stacked.iloc[0][["x", "y", "rows"]].tolist() == [5000.0, 5000.0, 300]
    assert quality.stacked["label"].iloc[0] in {"theft", "burglary"}
    assert value(quality, "stacking", "top 10 points") == pytest.approx((300 + 9) / 2000)
    assert flag(quality, "stacking", "points with too many rows") == "look"


def test_heaping_at_a_default_time() -> None:
    incidents = even(2000)
    times = incidents.frame["occurred_from"].to_numpy().copy()
    times[:200] = times[:200].astype("datetime64[D]") + np.timedelta64(60, "s")
    times[200:400] = times[200:400].astype("datetime64[D]")
    times[400:500] = np.datetime64("2017-01-01T13:13")
    quality = assess(changed(incidents, occurred_from=times))
    assert value(quality, "date heaping", "at midnight") == pytest.approx(0.1, abs=0.005)
    assert flag(quality, "date heaping", "at midnight") == "look"
    assert flag(quality, "date heaping", "on January 1") == "look"
    commonest = quality.frame[quality.frame["subject"].str.contains("commonest")].iloc[0]
    assert commonest["subject"] in {"at 00:00, the commonest time", "at 00:01, the commonest time"}
    assert commonest["flag"] == "look"


def test_expected_shares_of_heaping() -> None:
    frame = assess(even()).frame.set_index("subject")["expected"]
    assert frame["at midnight"] == pytest.approx(1 / 1440)
    assert frame["on the hour"] == pytest.approx(1 / 60)
    assert frame["on the 1st of a month"] == pytest.approx(24 / 731, rel=0.05)
    assert frame["on January 1"] == pytest.approx(2 / 731, rel=0.05)


def test_month_only_records_have_no_days_to_heap_on() -> None:
    month = even(300).frame["occurred_from"].dt.to_period("M").dt.to_timestamp()
    quality = assess(changed(even(300), occurred_from=month, resolution="month"))
    assert "date heaping" not in set(quality.frame["check"])


def test_drift_is_cramers_v_of_the_monthly_table() -> None:
    incidents = even()
    late = incidents.time >= np.datetime64("2017-01-01")
    rng = np.random.default_rng(3)
    kinds = np.where(rng.random(len(incidents)) < np.where(late, 0.8, 0.4), "theft", "burglary")
    quality = assess(changed(incidents, category=kinds, label=kinds))
    months = incidents.frame["occurred_from"].dt.strftime("%Y-%m")
    table = pd.crosstab(kinds, months).to_numpy()
    expected = stats.contingency.association(table, method="cramer", correction=False)
    assert value(quality, "category drift", "theft") == pytest.approx(expected)
    assert flag(quality, "category drift", "theft") == "look"


def test_the_monthly_series_adds_up() -> None:
    incidents = even()
    monthly = assess(incidents).monthly
    assert monthly["rows"].sum() == len(incidents)
    assert monthly.groupby("month")["share"].sum().to_numpy() == pytest.approx(1)
    assert list(monthly.columns) == ["category", "month", "rows", "share"]


def test_no_incidents_at_all() -> None:
    quality = assess(Incidents(empty_frame(), "EPSG:26915", "America/Chicago"))
    assert len(quality.frame) == 0
    assert quality.to_dict()["checks"] == []
    assert "<table>" in quality._repr_html_()


def test_one_incident() -> None:
    assert value(assess(even(1)), "completeness", "x") == 1


def test_a_store_is_assessed_as_its_incidents_are(
    tmp_path: Path, write_csv: Callable[..., Path], slmpd: Callable[..., Row], now: dt.datetime
) -> None:
    rows = [slmpd(Complaint=str(i), XCoord=str(890000 + 100 * i)) for i in range(1, 30)]
    staged = IncidentStore(tmp_path / "r").stage(write_csv(rows), import_id="a", now=now)
    store = IncidentStore(tmp_path / "r", staged.added)
    pd.testing.assert_frame_equal(assess(store.table()).frame, assess(store.load()).frame)


def test_json_and_html() -> None:
    frame = even(500).frame
    frame["label"] = "<script>"
    quality = assess(Incidents(frame, "EPSG:26915", "America/Chicago"))
    again = json.loads(json.dumps(quality.to_dict()))
    assert {"check", "subject", "value", "unit", "expected", "note", "flag"} == set(again["checks"][0])
    assert set(quality.frame["flag"]) <= {"ok", "look"}
    assert "<script>" not in quality._repr_html_()
