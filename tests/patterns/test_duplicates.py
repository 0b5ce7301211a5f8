"""The same incident recorded twice: planted duplicates found, probabilities that hold, bands, and two sources."""

from __future__ import annotations

import builtins
import itertools
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from peelian.demo_data import stlouis_incidents
from peelian.errors import DataError, MissingExtraError, NotEnoughDataError, ResolutionError, UsageError
from peelian.patterns.duplicates import Duplicates, find_duplicates
from peelian.patterns.matching import fit_matches
from peelian.patterns.near_records import WEEK, likeness, near_records, stack_records
from peelian.patterns.probability import calibration_table
from peelian.records import Incidents

CRS, ZONE = "EPSG:26915", "America/Chicago"
SHARED = Path(__file__).resolve().parents[3] / "shared/data"


def records(frame: pd.DataFrame, *, crs: str = CRS, source: str = "made") -> Incidents:
    frame = frame.assign(source=source, officer_initiated=False)
    frame["id"] = [f"{source}{k}" for k in range(len(frame))]
    frame["resolution"] = frame.get("resolution", pd.Series("minute", index=frame.index))
    return Incidents(frame.reset_index(drop=True), crs, ZONE)


def made(n: int = 3000, seed: int = 0, days: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    label = rng.choice(["bike", "car", "shop", "house", "shed"], n, p=[0.4, 0.3, 0.2, 0.08, 0.02])
    kind = {"bike": "theft", "car": "theft", "shop": "robbery", "house": "burglary", "shed": "burglary"}
    day = np.datetime64("2024-01-01T00:00", "m") + rng.integers(0, days * 1440, n).astype("timedelta64[m]")
    centre = rng.uniform(0, 6000, (40, 2))
    place = np.round((centre[rng.integers(0, 40, n)] + rng.normal(0, 400, (n, 2))) / 30) * 30
    return pd.DataFrame(
        {
            "x": place[:, 0],
            "y": place[:, 1],
            "occurred_from": day,
            "label": label,
            "category": [kind[v] for v in label],
        }
    )


def planted(rows: pd.DataFrame, n: int = 200, seed: int = 1) -> tuple[pd.DataFrame, set[tuple[str, str]]]:
    rng = np.random.default_rng(seed)
    origin = np.sort(rng.choice(len(rows), n, replace=False))
    copy = rows.iloc[origin].copy()
    for axis in ("x", "y"):
        copy[axis] = np.round((copy[axis] + rng.normal(0, 15, n)) / 30) * 30
    copy["occurred_from"] += pd.to_timedelta(np.round(rng.normal(0, 60, n)), unit="min")
    pairs = {(f"made{k}", f"made{len(rows) + m}") for m, k in enumerate(origin)}
    return pd.concat([rows, copy], ignore_index=True), pairs


@pytest.fixture(scope="module")
def found() -> tuple[Duplicates, set[tuple[str, str]]]:
    rows, pairs = planted(made())
    return find_duplicates(records(rows)), pairs


def truth(frame: pd.DataFrame, pairs: set[tuple[str, str]]) -> np.ndarray:
    return np.array([pair in pairs for pair in zip(frame["one"], frame["two"], strict=True)], dtype=bool)


def test_planted_duplicates_are_found(found: tuple) -> None:
    result, pairs = found
    frame = result.frame
    true = truth(frame, pairs)
    assert true.sum() == len(pairs), "all are within reach"
    likely = frame["probability"] >= 0.5
    assert true[likely].sum() / len(pairs) > 0.9
    assert true[likely].mean() > 0.85
    assert (frame.loc[true, "band"] != "different").mean() > 0.95
    assert frame["probability"].is_monotonic_decreasing


def test_probabilities_hold(found: tuple) -> None:
    result, pairs = found
    frame = result.frame
    true = truth(frame, pairs)
    assert frame["probability"].sum() == pytest.approx(len(pairs), rel=0.15)
    table = calibration_table(frame["probability"], true, edges=(0, 0.1, 0.5, 0.9, 1))
    assert (np.abs(table["stated"] - table["observed"]) < 0.3).all()
    assert table["observed"].is_monotonic_increasing


def test_bands_say_how_many_are_expected_to_be_wrong(found: tuple) -> None:
    result, pairs = found
    bands = result.bands.set_index("band")
    assert bands["pairs"].sum() == len(result.frame)
    same = result.frame[result.frame["band"] == "same"]
    wrong = (~truth(same, pairs)).sum()
    assert bands.loc["same", "expected_wrong"] == pytest.approx((1 - same["probability"]).sum())
    assert abs(wrong - bands.loc["same", "expected_wrong"]) < 15
    review = result.review
    assert (review["band"] == "uncertain").all()
    assert (review["probability"] - 0.5).abs().is_monotonic_increasing
    assert "for a person to look at" in result.sentence()
    assert {i for g in result.groups for i in g} == {*same["one"], *same["two"]}


def test_plain_data_reasons_and_a_picture(found: tuple) -> None:
    result, _ = found
    data = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert data["limits"]
    assert len(data["same"]) == (result.frame["band"] == "same").sum()
    assert "the same" in data["same"][0]["why"]
    assert result.features.groupby("feature")["same"].sum().to_list() == pytest.approx([1.0] * 3)
    assert result.plot().get_xlabel()
    assert "<table" in result._repr_html_()


def test_the_same_bytes_again(found: tuple) -> None:
    rows, _ = planted(made())
    again = find_duplicates(records(rows))
    assert json.dumps(again.to_dict()) == json.dumps(found[0].to_dict())


def test_where_nothing_was_planted_hardly_anything_is_the_same() -> None:
    result = find_duplicates(records(made(seed=7)))
    assert result.frame["probability"].sum() < 40
    assert (result.frame["band"] == "same").sum() <= 5


# --- pairs within reach -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.0, WEEK])
@pytest.mark.parametrize("between", [False, True])
def test_pairs_within_reach_are_those_of_a_plain_count(shift: float, between: bool) -> None:
    rows = made(300, seed=3, days=20)
    rows["occurred_to"] = rows["occurred_from"] + pd.to_timedelta(np.arange(300) % 7 * 200, unit="min")
    stacked = stack_records(records(rows.iloc[:150], source="a"), records(rows.iloc[150:], source="b"))
    near = near_records(stacked, metres=500, minutes=600, between=between, shift=shift)
    wanted = set()
    for i, j in itertools.permutations(range(300), 2):
        later = (stacked.start[j], j) > (stacked.start[i], i) if shift == 0 else True
        if not later or (between and stacked.part[i] == stacked.part[j]):
            continue
        if np.hypot(stacked.x[i] - stacked.x[j], stacked.y[i] - stacked.y[j]) > 500:
            continue
        gap = max(0, stacked.start[j] - shift - stacked.end[i], stacked.start[i] - (stacked.end[j] - shift))
        if gap <= 600:
            wanted.add((min(i, j), max(i, j), round(gap, 6)))
    got = set(zip(near.one.tolist(), near.two.tolist(), np.round(near.minutes, 6).tolist(), strict=True))
    assert got == wanted
    assert len(near.one) == len(got)


def test_moved_records_show_how_many_pairs_chance_makes() -> None:
    stacked = stack_records(records(made(4000, seed=5)))
    near = near_records(stacked, metres=200, minutes=1440)
    span = stacked.start.max() - stacked.start.min()
    alike = likeness(stacked, near)
    moved = [
        (
            likeness(stacked, near_records(stacked, metres=200, minutes=1440, shift=k * WEEK)),
            0.5 * span / (span - k * WEEK),
        )
        for k in (1, 2)
    ]
    model = fit_matches(alike, moved)
    assert model.different == pytest.approx(len(near.one), rel=0.1)
    assert model.share < 0.05


def test_days_are_compared_as_days() -> None:
    rows = pd.DataFrame(
        {
            "x": [0.0, 10, 10, 10],
            "y": 0.0,
            "occurred_from": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-20"]),
            "label": "a",
            "category": "theft",
            "resolution": "day",
        }
    )
    near = near_records(stack_records(records(rows)), metres=50, minutes=1440)
    assert list(zip(near.one, near.two, near.minutes, strict=True)) == [(0, 1, 0), (0, 2, 1440), (1, 2, 1440)]


def test_missing_kinds_of_places_are_a_level() -> None:
    rows = made(400)
    rows["location_type"] = np.where(
        np.arange(400) % 3 == 0, None, np.where(np.arange(400) % 2, "street", "shop")
    )
    stacked = stack_records(records(rows))
    found = likeness(stacked, near_records(stacked, metres=300, minutes=2000))
    assert found.names[-1] == "location_type"
    assert set(found.levels[-1]) == {0, 1, 2}
    assert any("kind of place missing" in why for why in found.reasons)


# --- two sources --------------------------------------------------------------------------------------------


def two_sources(seed: int = 0) -> tuple[Incidents, Incidents, set[tuple[str, str]]]:
    rng = np.random.default_rng(seed)
    reports = made(1500, seed=seed)
    from_call = np.sort(rng.choice(1500, 900, replace=False))
    calls = reports.iloc[from_call].copy()
    calls["occurred_from"] += pd.to_timedelta(np.round(rng.exponential(40, 900)), unit="min")
    calls["label"] = "CALL " + calls["label"]
    alone = made(800, seed=seed + 50)
    alone["label"] = "CALL " + alone["label"]
    pairs = {(f"call{k}", f"report{r}") for k, r in enumerate(from_call)}
    return (
        records(pd.concat([calls, alone], ignore_index=True), source="call"),
        records(reports, source="report"),
        pairs,
    )


def test_calls_find_their_reports_one_to_one() -> None:
    calls, reports, pairs = two_sources()
    result = find_duplicates(calls, reports)
    frame = result.frame
    assert frame["one"].str.startswith("call").all()
    assert frame["two"].str.startswith("report").all()
    kept = frame[frame["band"] != "different"]
    assert not kept["one"].duplicated().any()
    assert not kept["two"].duplicated().any()
    true = truth(kept, pairs)
    assert true.sum() > 850
    assert true[kept["probability"] >= 0.5].mean() > 0.95
    assert "of one source with one of the other" in result.sentence()
    many = find_duplicates(calls, reports, one_to_one=False)
    assert many.frame["assigned"].all()
    assert (many.frame["band"] != "different").sum() > len(kept)


def test_sources_must_fit_together() -> None:
    calls, reports, _ = two_sources()
    elsewhere = Incidents(reports.frame, "EPSG:26916", ZONE)
    with pytest.raises(DataError, match="one CRS and one zone"):
        find_duplicates(calls, elsewhere)
    none = reports.where(start="2050-01-01")
    with pytest.raises(NotEnoughDataError, match="0 of another source"):
        find_duplicates(calls, none)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared calls of Portland")
def test_calls_of_portland_find_their_published_rows() -> None:
    """The same calls were published in two files: every row of the one is a row of the other."""
    calls = pd.read_parquet(SHARED / "portland_nij_all_calls_201608_201609.parquet")
    calls = calls[calls["CATEGORY"].isin(["BURGLARY", "MOTOR VEHICLE THEFT"])]
    rows = pd.read_parquet(SHARED / "portland_nij_burglary_mvt_201203_201702.parquet")
    rows = rows[(rows["occ_date"] >= "2016-08-01") & (rows["occ_date"] < "2016-10-01")]
    one, two = (
        records(
            pd.DataFrame(
                {
                    "x": frame[x].to_numpy(float),
                    "y": frame[y].to_numpy(float),
                    "occurred_from": pd.to_datetime(frame["occ_date"]).to_numpy(),
                    "label": frame[label].astype(str).to_numpy(),
                    "category": frame[kind].astype(str).str.lower().str.replace(" ", "_").to_numpy(),
                    "resolution": "day",
                }
            ),
            crs="EPSG:2913",
            source=source,
        )
        for frame, x, y, label, kind, source in (
            (calls, "x_coordina", "y_coordina", "final_case", "CATEGORY", "call"),
            (rows, "x_ft", "y_ft", "category", "category", "row"),
        )
    )
    result = find_duplicates(one, two)
    same = result.frame[result.frame["band"] == "same"]
    assert len(same) >= 0.99 * min(len(one), len(two))
    assert (same["metres"] < 1).mean() > 0.99


# --- splink -------------------------------------------------------------------------------------------------


def test_splink_sees_the_same_pairs_and_finds_the_planted(capfd: Any) -> None:
    pytest.importorskip("splink")
    rows, pairs = planted(made(6000), 500)
    level = logging.getLogger("splink").level
    result = find_duplicates(records(rows), engine="splink")
    out = capfd.readouterr()
    assert out.out == out.err == "", "nothing is printed"
    assert logging.getLogger("splink").level == level
    true = truth(result.frame, pairs)
    assert true.sum() == len(pairs)
    assert true[: len(pairs)].mean() > 0.8
    assert result.model is None
    again = find_duplicates(records(rows), engine="splink")
    np.testing.assert_allclose(again.frame["probability"], result.frame["probability"], atol=1e-9)


def test_splink_says_where_it_can_learn_nothing() -> None:
    pytest.importorskip("splink")
    rows, _ = planted(made())
    with pytest.raises(NotEnoughDataError, match="splink can't learn") as no:
        find_duplicates(records(rows), engine="splink")
    assert "engine='moved'" in str(no.value.hint)


def test_splink_between_two_sources() -> None:
    pytest.importorskip("splink")
    calls, reports, pairs = two_sources()
    result = find_duplicates(calls, reports, engine="splink")
    kept = result.frame[result.frame["band"] != "different"]
    assert truth(kept, pairs).sum() > 800


def test_without_splink_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "splink":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    rows = records(made(100))
    with pytest.raises(MissingExtraError, match="splink") as no:
        find_duplicates(rows, engine="splink")
    assert no.value.hint == "pip install 'peelian[linkage]'"


# --- bad input ----------------------------------------------------------------------------------------------


def test_too_few_records_and_too_short_a_span() -> None:
    for n in (0, 1):
        with pytest.raises(NotEnoughDataError, match="a pair takes two"):
            find_duplicates(records(made(max(n, 1)).iloc[:n]))
    with pytest.raises(NotEnoughDataError, match="two weeks"):
        find_duplicates(records(made(200, days=5)))


def test_month_only_records_are_refused() -> None:
    rows = made(50)
    rows["occurred_from"] = rows["occurred_from"].to_numpy().astype("M8[M]").astype("M8[s]")
    rows["resolution"] = "month"
    with pytest.raises(ResolutionError):
        find_duplicates(records(rows))


@pytest.mark.parametrize(
    "wrong",
    [
        {"metres": 0},
        {"hours": 1e4},
        {"same_at": 1.5},
        {"same_at": 0.1, "different_at": 0.5},
        {"engine": "magic"},
    ],
)
def test_settings_that_are_off(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        find_duplicates(records(made(50)), **wrong)


def test_nothing_within_reach_is_an_honest_empty_result() -> None:
    rows = made(5)
    rows["x"] = np.arange(5) * 10_000.0
    result = find_duplicates(records(rows))
    assert result.frame.empty
    assert "none can be of the same incident" in result.sentence()
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["same"] == []
    assert result.plot() is not None


def test_two_records_and_ties() -> None:
    rows = made(2)
    rows["x"], rows["y"] = 0.0, 0.0
    rows["occurred_from"] = pd.to_datetime(["2024-01-01", "2024-02-01"])
    assert find_duplicates(records(rows)).frame.empty
    tied = pd.concat([made(200)] * 1 + [made(200).iloc[:1]] * 60, ignore_index=True)
    result = find_duplicates(records(tied))
    assert len(result.frame) >= 61 * 60 / 2, "all of one place and time are near each other"


def test_real_records_with_copies_planted() -> None:
    """A quarter of St. Louis records: copies with moved places and times are found among them."""
    rows = pd.read_parquet(stlouis_incidents())
    rows = rows[
        (rows["ts"] >= "2017-01-01") & (rows["ts"] < "2017-04-01") & (rows["count"] == 1) & (rows["x_ft"] > 0)
    ]
    rows = rows.drop_duplicates(["x_ft", "y_ft", "ts"])
    kinds = ("theft", "burglary", "robbery", "vandalism", "fraud", "disorder")
    frame = pd.DataFrame(
        {
            "x": rows["x_ft"].to_numpy(float),
            "y": rows["y_ft"].to_numpy(float),
            "occurred_from": rows["ts"].to_numpy(),
            "label": rows["description"].astype(str).to_numpy(),
            "category": np.array(kinds)[
                pd.factorize(rows["crime"].astype(str).str[:2], sort=True)[0] % len(kinds)
            ],
        }
    )
    both, pairs = planted(frame, 500)
    result = find_duplicates(records(both, crs="ESRI:102696"))
    table = result.frame
    involved = table[table["two"].str[4:].astype(int) >= len(frame)]
    true = truth(involved, pairs)
    assert true.sum() == 500
    likely = involved["probability"].to_numpy() >= 0.5
    assert true[likely].sum() / 500 > 0.9
    assert true[likely].mean() > 0.85
