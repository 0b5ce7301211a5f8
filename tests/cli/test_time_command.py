"""``patterns time`` as people and programs call it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .conftest import run


def made(folder: Path, time: list[str] | np.ndarray, capsys: pytest.CaptureFixture[str]) -> Path:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 2000, (2, len(time)))
    rows = pd.DataFrame({"ts": time, "x": 500_000 + x, "y": 3_500_000 + y, "kind": "Burglary"})
    folder.mkdir(exist_ok=True)
    rows.to_csv(folder / "rows.csv", index=False)
    assert run(capsys, "init", folder / "city", "--crs", "EPSG:26915", "--zone", "America/Chicago")[0] == 0
    columns = "occurred_from=ts,x=x,y=y,category=kind"
    assert (
        run(capsys, "import", folder / "rows.csv", "--map", columns, "--workspace", folder / "city")[0] == 0
    )
    return folder / "city"


@pytest.fixture
def city(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A year of twelve reports a day, half of them in one hour."""
    rng = np.random.default_rng(0)
    days = np.repeat(np.arange("2022-01-03", "2023-01-02", dtype="datetime64[D]"), 12)
    minute = np.where(rng.random(days.size) < 0.5, 17 * 60 + 5, rng.integers(0, 1440, days.size))
    return made(tmp_path, np.sort(days + minute.astype("timedelta64[m]")).astype(str), capsys)


def test_text_says_what_stands_out_and_where_the_page_is(
    city: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "patterns", "time", "-c", "burglary", "-w", city, "--replicates", 99)
    assert code == 0, err
    assert "hours of the week stand out" in out
    assert "17:00-18:00: 1 h in a row" in out
    assert "note: Changes: A slow drift" in out
    page = out.partition("page: ")[2].strip()
    assert Path(page).is_file()


def test_json_is_the_result(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "patterns", "time", "-c", "burglary", "-w", city, "--no-hours", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["run"].startswith("time-")
    assert "hour_of_week" not in json.dumps(told)
    assert "weekday" in json.dumps(told)


def test_months_alone_exit_4_with_what_to_try(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    months = np.repeat([f"2021-{m:02d}" for m in range(1, 13)], 20)
    city = made(tmp_path, months, capsys)
    code, _, err = run(capsys, "patterns", "time", "-c", "burglary", "-w", city)
    assert code == 4
    assert "don't tell it" in err
    assert "--no-hours" in err
    code, out, _ = run(capsys, "patterns", "time", "-c", "burglary", "-w", city, "--no-hours")
    assert code == 0
    assert "can't be told" in out


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (("--coarse", "guess"), 2),
        (("--level", "2"), 2),
        (("--replicates", "3"), 2),
        (("--from", "2030-01-01"), 2),
    ],
)
def test_wrong_input_says_so(
    city: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[str, ...], code: int
) -> None:
    found, _, err = run(capsys, "patterns", "time", "-c", "burglary", "-w", city, *wrong)
    assert found == code
    assert "rror" in err


def test_help_names_what_months_need(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "patterns", "time", "--help")
    assert code == 0
    assert "--no-hours" in out
