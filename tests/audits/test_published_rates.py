"""Published rates by group through the same ratios: NIST's of 2020, worked by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from peelian.audits.finding import Threshold
from peelian.audits.published_rates import published_audit, read_published_rates
from peelian.errors import DataError, UsageError
from peelian.publish.wording import check_wording

#: NIST FRVT 1:1, false match rates by sex and race at the threshold where that of white men is 0.001 (2020; a work of
#: the US government, in the public domain). Rows as published; FB is a woman recorded as black, MW a man as white.
EXCERPT = """algorithm,MW_MB,MW_MW,MB_MB,MB_MW,FW_FB,FW_FW,FB_FB,FB_FW
acisw-003,0.0001,0.0010,0.0005,0.0001,0.0002,0.0044,0.0014,0.0003
bresee-000,0.0007,0.0010,0.0009,0.0007,0.0011,0.0018,0.0017,0.0010
intellifusion-002,0.0003,0.0010,0.0015,0.0003,0.0006,0.0016,0.0020,0.0007
shaman-000,0.0011,0.0010,0.0018,0.0011,0.0015,0.0015,0.0023,0.0015
"""


@pytest.fixture
def excerpt(tmp_path: Path) -> Path:
    path = tmp_path / "rates.csv"
    path.write_text(EXCERPT)
    return path


def test_worked_values(excerpt: Path) -> None:
    audit = published_audit(read_published_rates(excerpt))
    assert audit.groups == ("MW_MW", "MB_MB", "FW_FW", "FB_FB")  # each group with itself
    assert audit.rounded == pytest.approx(0.0001)
    made = audit.frame.set_index("name")
    assert made["ratio"].to_dict() == pytest.approx(
        {"acisw-003": 8.8, "bresee-000": 2.0, "intellifusion-002": 2.0, "shaman-000": 2.3}
    )
    assert made.loc["acisw-003", "spread"] == pytest.approx(
        0.0044 / np.exp(np.mean(np.log([0.0010, 0.0005, 0.0044, 0.0014])))
    )
    assert made.loc["acisw-003", ["ratio_low", "ratio_high"]].tolist() == pytest.approx(
        [0.00435 / 0.00055, 0.00445 / 0.00045]
    )
    assert made.loc["acisw-003", ["highest", "lowest"]].tolist() == ["FW_FW", "MB_MB"]
    assert audit.summary["middle"] == pytest.approx((2.0 + 2.3) / 2)
    assert audit.summary["highest"] == {"MW_MW": 0, "MB_MB": 0, "FW_FW": 2, "FB_FB": 2}


def test_nists_whole_table(shared_data: Path) -> None:
    table = read_published_rates(shared_data / "frvt" / "frvt11_2020_fmr_gender_race.parquet")
    audit = published_audit(table)
    one = audit.summary
    assert (one["algorithms"], one["apart"], one["over_two"]) == (240, 240, 240)
    assert one["middle"] == pytest.approx(11.75)
    assert one["most"] == pytest.approx(498.5)
    assert one["highest"] == {"MW_MW": 0, "MB_MB": 9, "FW_FW": 3, "FB_FB": 228}
    same = table[["MB_MB", "FB_FB", "FW_FW", "MW_MW"]]
    theirs = same.max(axis=1) / np.exp(np.log(same).mean(axis=1))
    ours = audit.frame.set_index("name").loc[table["name"], "spread"]
    assert ours.to_numpy() == pytest.approx(theirs.to_numpy())
    assert audit.sentences()[0].startswith("In the middle one of 240 algorithms")
    assert len(json.dumps(audit.to_dict(), allow_nan=False)) < 60_000


def test_thresholds_and_rows_of_ones_own(excerpt: Path) -> None:
    bound = {"false_positive_ratio": Threshold(2.1, "the board", "2024-01-01")}
    audit = published_audit(read_published_rates(excerpt), rows=["acisw-003"], thresholds=bound)
    named = {one.id: one for one in audit.findings}
    assert list(named) == [
        "false_positive_ratio/published/median",
        "false_positive_ratio/acisw-003/FW_FW",
        "false_positive_spread/acisw-003/FW_FW",
    ]
    assert named["false_positive_ratio/acisw-003/FW_FW"].passes is False
    assert named["false_positive_ratio/published/median"].details["within"] == 2
    check_wording(" ".join([*audit.sentences(), *audit.limits, *(one.sentence() for one in audit.findings)]))


def test_a_rate_that_is_printed_as_nothing_has_no_ratio() -> None:
    table = pd.DataFrame({"name": ["x", "y"], "a": [0.0, 0.001], "b": [0.002, 0.002]})
    audit = published_audit(table)
    made = audit.frame.set_index("name")
    assert np.isnan(made.loc["x", "ratio"])
    assert made.loc["x", "ratio_low"] == pytest.approx(0.0015 / 0.0005)
    assert np.isnan(made.loc["x", "ratio_high"])
    assert audit.summary["most"] is None
    json.dumps(audit.to_dict(), allow_nan=False)
    one = published_audit(table[:1])
    assert "no end" in one.sentences()[0]
    other = published_audit(table, groups=["a", "b"], rounded=0.0)
    assert np.isnan(other.frame.set_index("name").loc["y", "ratio_low"])


@pytest.mark.parametrize(
    ("table", "settings", "error", "why"),
    [
        ({"name": ["x"], "a": [0.1]}, {}, UsageError, "1 columns of rates"),
        ({"name": ["x"], "a": [0.1], "b": [0.2]}, {"groups": ["a", "c"]}, UsageError, "1 are not among"),
        ({"name": ["x"], "a": [0.1], "b": [0.2]}, {"groups": ["a", "a"]}, UsageError, "there twice"),
        ({"name": ["x"], "a": [0.1], "b": [0.2]}, {"rows": ["z"]}, UsageError, "1 of the rows"),
        ({"name": ["x"], "a": [0.1], "b": [12.0]}, {}, DataError, "no shares"),
        ({"name": ["x"], "a": [0.1], "b": [np.nan]}, {}, DataError, "missing"),
        ({"name": ["x", "x"], "a": [0.1, 0.1], "b": [0.2, 0.2]}, {}, DataError, "same name"),
        ({"name": ["x"], "a": [0.1], "b": [0.2]}, {"rounded": 2.0}, UsageError, "rounded"),
    ],
)
def test_what_is_no_table_of_rates_is_refused(
    table: dict[str, list[object]], settings: dict[str, object], error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        published_audit(pd.DataFrame(table), **settings)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"name": ["Zebediah", "Ada"], "a": [0.1, 0.2], "b": [0.1, 0.2]}, "may be a name"),
        ({"name": ["Zebediah Quill 7"], "a": [0.1], "b": [0.2]}, "may be a name"),
        ({"name": ["/crops/Zebediah7.jpg"], "a": [0.1], "b": [0.2]}, "an image"),
        ({"name": ["x"], "a": [0.1], "b": [0.2], "photo": ["Zebediah"]}, "'photo'"),
        ({"name": ["x"], "a": [0.1], "b": [0.2], "embedding_7": [0.3]}, "a face template"),
        ({"name": ["x"], "a": [0.1], "b": [0.2], "full_name": ["Zebediah"]}, "who somebody is"),
        ({"name": ["x"], "Zebediah@example.org": [0.1], "b": [0.2]}, "an account"),
        ({"name": ["x"], **{f"d{i}": [0.1] for i in range(128)}}, "128 columns of rates"),
    ],
)
def test_a_table_of_rates_is_no_way_in_for_somebody(
    table: dict[str, list[object]], why: str, tmp_path: Path
) -> None:
    path = tmp_path / "Zebediah.parquet"
    pd.DataFrame(table).to_parquet(path)
    for read in (lambda: read_published_rates(path), lambda: published_audit(pd.DataFrame(table))):
        with pytest.raises((DataError, UsageError), match=why) as no:
            read()
        assert "zebediah" not in f"{no.value.message} {no.value.hint}".lower()


def test_only_what_is_compared_is_taken(tmp_path: Path) -> None:
    table = pd.DataFrame({"algorithm": ["x\u2212lab-0"], "a": [0.1], "b": [0.2], "calls": [41791234567]})
    table.attrs = {"who": "Zebediah"}
    table.to_parquet(tmp_path / "rates.parquet")
    made = read_published_rates(tmp_path / "rates.parquet", groups=["a", "b"])
    assert (list(made), made.attrs) == (["name", "a", "b"], {})
    with pytest.raises(DataError, match="no shares"):
        published_audit(read_published_rates(tmp_path / "rates.parquet"))


def test_groups_that_share_the_highest_rate_are_not_called_the_highest() -> None:
    audit = published_audit(pd.DataFrame({"name": ["x1", "x2"], "a": [0.2, 0.3], "b": [0.2, 0.1]}))
    assert (audit.summary["highest"], audit.summary["tied"]) == ({"a": 1, "b": 0}, 1)
    assert "in 1 several have it" in audit.sentences()[1]


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_published_rates(tmp_path / "none.csv")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="can't be read"):
        read_published_rates(tmp_path / "bad.parquet")
