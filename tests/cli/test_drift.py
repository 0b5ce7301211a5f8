"""``drift``, ``suspend`` and ``lift`` as people and programs call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from peelian.cli import render

from .conftest import run

MAP = "occurred_from=ts,x=x,y=y,category=kind"
WHY = "The reports moved with the new shopping street, which the map has learned by now."
CELL = 150.0


def as_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    code, out, err = run(capsys, *arguments, "--json")
    assert code == 0, err or out
    found: dict[str, Any] = json.loads(out)
    return found


def reports(path: Path, first: int, last: int, *, heap: bool) -> Path:
    """Weeks of reports: a wide heap, of which a smooth map knows more than counts, or twenty points for counts."""
    rng = np.random.default_rng(first)
    n = 60 * (last - first)
    hot = 500_000 + CELL * (4 * np.arange(5) + 10.5)
    place = rng.normal(503_000, 800, (n, 2)) if heap else hot[rng.integers([5, 4], size=(n, 2))]
    day = np.sort(rng.integers(7 * first, 7 * last, size=n))
    day[-1] = 7 * last - 1
    ts = (np.datetime64("2022-01-03T12:00") + day.astype("m8[D]")).astype(str)
    x, y = place.round(1).T
    pd.DataFrame({"ts": ts, "x": x, "y": y + 3_500_000, "kind": "Burglary"}).to_csv(path, index=False)
    return path


@pytest.fixture
def city(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "city"
    assert (
        run(capsys, "init", folder, "--crs", "EPSG:26915", "--cell", CELL, "--zone", "America/Chicago")[0]
        == 0
    )
    config = folder / "peelian.toml"
    text = config.read_text().replace("origins = 52", "origins = 30")
    text = text.replace("fractions = [0.01, 0.05]", "fractions = [0.05]").replace('"all"', '"kernel_density"')
    config.write_text(text)
    return folder


def test_from_the_trial_to_the_alarm_and_back(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--workspace", city)
    what = ("--category", "burglary", *where)
    for first, last in ((0, 44), (44, 52)):
        file = reports(city.parent / f"{first}.csv", first, last, heap=first == 0)
        assert run(capsys, "import", file, *where, "--map", MAP)[0] == 0
        if first == 0:
            assert as_json(capsys, "trial", *what, "--jobs", 1)["verdict"]["method"] == "kernel_density"
            code, out, _ = run(capsys, "drift", *what)
            assert (code, out) == (
                0,
                "No period of 1w has become complete since 2022-11-07: there is nothing new to score.\n",
            )
    code, out, _ = run(capsys, "drift", *what)
    assert code == 0, "an alarm is a result, and no fault"
    assert out.startswith("alarm: kernel_density beside ")
    assert "suspended until a person lifts that" in " ".join(out.split())
    assert "drift.html" in out
    found = as_json(capsys, "drift", *what)
    assert (found["run"], found["status"]) == (None, "no new period")
    assert "suspended: kernel_density for burglary" in run(capsys, "status", *where)[1]
    assert as_json(capsys, "forecast", *what)["method"] != "kernel_density"
    code, out, err = run(capsys, "forecast", *what, "--method", "kernel_density")
    assert (code, out) == (3, "")
    assert "policy suspended-until-lifted" in err
    code, out, err = run(capsys, "lift", *what, "--reason", WHY)
    assert (code, out) == (3, "")
    assert "policy who-tries-does-not-lift" in err
    refused = run(capsys, "lift", *what, "--reason", WHY, "--as", "analyst", "--json")
    assert refused[0] == 3
    assert json.loads(refused[1])["error"]["exit_code"] == 3
    code, out, _ = run(capsys, "lift", *what, "--reason", WHY, "--as", "commander")
    assert code == 0
    assert WHY in " ".join(out.split())
    assert as_json(capsys, "forecast", *what)["method"] == "kernel_density"
    assert run(capsys, "lift", *what, "--reason", WHY, "--as", "commander")[0] == 2
    assert "suspended" not in run(capsys, "status", *where)[1]
    assert run(capsys, "ledger", "verify", *where)[0] == 0


def test_by_hand(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    what = ("--category", "burglary", "--workspace", city)
    run(capsys, "import", reports(city.parent / "a.csv", 0, 9, heap=True), "--workspace", city, "--map", MAP)
    code, out, _ = run(capsys, "drift", *what)
    assert code == 0
    assert out.startswith("There is nothing to watch: burglary is forecast by counting (count_map; no trial ")
    overseer = ("--as", "overseer", "--reason", WHY)
    assert run(capsys, "suspend", *what, *overseer)[0] == 2, "counting is what a suspension leads to"
    assert run(capsys, "forecast", *what, "--method", "kernel_density")[0] == 0
    assert run(capsys, "suspend", *what, "--reason", WHY)[0] == 3
    assert run(capsys, "suspend", *what, "--as", "overseer")[0] == 2, "without a reason"
    assert as_json(capsys, "suspend", *what, *overseer)["method"] == "kernel_density"
    assert run(capsys, "forecast", *what, "--method", "kernel_density")[0] == 3
    assert run(capsys, "lift", *what, "--as", "commander", "--reason", WHY)[0] == 3
    assert as_json(capsys, "lift", *what, *overseer)["lifted"]["overseer"] is True


@pytest.mark.parametrize(("command", "code"), [("drift", 3), ("suspend", 3), ("lift", 2)])
def test_wrong_input_is_answered(
    city: Path, command: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    given = () if command == "drift" else ("--reason", WHY)
    assert run(capsys, command, "--workspace", city, *given)[0] == 2, "no category"
    assert run(capsys, command, "-c", "burglary", "--workspace", city.parent, *given)[0] == 2, "no workspace"
    assert run(capsys, command, "-c", "burglary", "--workspace", city, "--as", "king", *given)[0] == 2
    asked = ("--category", "burglary", "--workspace", city, "--as", "dispatcher")
    assert run(capsys, command, *asked, *given)[0] == code, "lift: nothing is suspended"


def test_a_method_that_keeps_up_is_no_call_to_act() -> None:
    told = {"status": "level", "method": "a", "baseline": "b", "from": "2024-01-01", "to": "2024-01-08", "limit": 6.0,
            "text": "It has not fallen behind.", "path": [0.5], "category": "burglary"}  # fmt: skip
    said = render.drift(told, Path("drift.html"))
    assert said.startswith("level: a beside b, 2024-01-01 to 2024-01-08\n")
    assert "0.50 standard deviations, the limit 6.00" in said
    assert "next:" not in said
    assert "next: peelian forecast" in render.drift({**told, "status": "suspended"}, Path("drift.html"))
