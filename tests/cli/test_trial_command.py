"""``peelian trial`` and ``forecast`` on little, odd or wrong input, and when somebody stops them."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from peelian.cli import main

from .conftest import run

MAP = "occurred_from=ts,x=x,y=y,category=kind"
WEEKS = 60


def result(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    """What a command prints as JSON, in which nothing may be no number."""
    code, out, err = run(capsys, *arguments, "--json")
    assert (code, err) == (0, ""), err or out

    def refuse(text: str) -> None:
        pytest.fail(f"{text} in the result")

    found: dict[str, Any] = json.loads(out, parse_constant=refuse)
    return found


def rows(kind: str, n: int, *, first: int = 0, spread: float = 900.0, seed: int = 0) -> pd.DataFrame:
    """Reports of one kind from week `first` on."""
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(7 * first, 7 * WEEKS, n))
    ts = (np.datetime64("2023-01-02T12:00") + day.astype("m8[D]")).astype(str)
    x, y = rng.normal(0, spread, (2, n)).round(1)
    return pd.DataFrame({"ts": ts, "x": 500_010 + x, "y": 5_450_010 + y, "kind": kind})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of five kinds of reports: many, one, all at one spot, from half-way on, and in the last week only."""
    base = tmp_path_factory.mktemp("made")
    late = rows("Vandalism", 60)
    late["ts"] = late["ts"].max()
    every = [
        rows("Theft", 900),
        rows("Burglary", 1, seed=1),
        rows("Arson", 200, spread=0.0, seed=2),
        rows("Robbery", 300, first=40, seed=3),
        late,
    ]
    pd.concat(every).to_csv(base / "rows.csv", index=False)
    folder = base / "town"
    for arguments in (
        ("init", folder, "--crs", "EPSG:26910", "--cell", "250"),
        ("import", base / "rows.csv", "--map", MAP, "--workspace", folder),
    ):
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        assert not stop.value.code
    config = folder / "peelian.toml"
    text = config.read_text(encoding="utf-8")
    text = text.replace('methods = ["all"]', 'methods = ["kernel_density"]').replace(
        "origins = 52", "origins = 20"
    )
    config.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def town(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "town"))


@pytest.mark.parametrize(
    ("arguments", "code", "told", "hint"),
    [
        (("-c", "fraud"), 4, "the workspace holds no incident of fraud", "peelian status"),
        (("-c", "larcenry"), 4, "category 'larcenry' is neither a standard category", "--category"),
        (("-c", "burglary"), 4, "0 incidents were reported in the 20 periods", "another category"),
        (("-c", "vandalism"), 4, "nothing had been reported before", "reported earlier"),
        (("-c", "theft", "--period", "99mo"), 4, "not one whole period", "shorter period"),
        (("-c", "theft", "--period", "weekly"), 2, "'weekly' was given as a time span", "1w"),
        (("-c", "theft", "--period", "55w"), 4, "hold 0 that have one before them", "shorter periods"),
        (("-c", "theft", "--origins", "60"), 4, "hold 59 that have one before them", "ask for 59"),
        (("-c", "theft", "--area", "100 m2"), 2, "expected at least one cell of 0.0625 km2", "--fraction"),
        (("-c", "theft", "--area", "5000 km2"), 2, "at most the whole study area", "--area"),
        (("-c", "theft", "--area", "much"), 2, "'much' was given as an area", "0.25 sq mi"),
        (("-c", "theft", "--area", "1 km2", "--fraction", "0.1"), 2, "expected one of both", "--area"),
        (("-c", "theft", "--fraction", "1.5"), 2, "above 0 up to 1", "0.01"),
        (("-c", "theft", "--from", "2024-02-01", "--to", "2024-01-01"), 2, "a first day before", "--from"),
        (("-c", "theft", "--from", "1st of May"), 2, "expected YYYY-MM-DD", "2016-01-31"),
        (
            ("-c", "theft", "--from", "2031-01-01"),
            4,
            "no whole period of 1w lies from 2031-01-01",
            "--from 2023-01-09",
        ),
        (
            ("-c", "theft", "--from", "2023-05-02", "--to", "2023-05-04"),
            4,
            "no whole period of 1w",
            "--to 2024-02-26",
        ),
        (("-c", "theft", "--period", "25w"), 4, "hold 1 that have one before them", "shorter periods"),
        (("-c", "theft", "--period", "2y"), 2, "at least 1 and d, w or mo", "2y as 24mo"),
        (
            ("-c", "theft", "--method", "crystal_ball"),
            2,
            "expected all, or one of adaptive_kernel",
            "--method all",
        ),
        (("-c", "theft", "--method", "count_map"), 2, "a trial of count_map alone", "--method all"),
        (("-c", "theft", "--jobs", "0"), 2, "--jobs", ""),
    ],
)
def test_wrong_input_is_answered_with_what_was_given_and_what_to_try(
    made: Path,
    arguments: tuple[str, ...],
    code: int,
    told: str,
    hint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found, out, err = run(capsys, "trial", "--workspace", made, *arguments)
    assert (found, out) == (code, ""), err
    assert told in " ".join(err.split())
    assert hint in err
    as_json = json.loads(run(capsys, "trial", "--workspace", made, *arguments, "--json")[1])["error"]
    assert (as_json["exit_code"], hint in (as_json["hint"] or hint)) == (code, True)
    assert not list((made / "runs").glob("trial-*")), "nothing was stored"
    assert not list((made / "cache").rglob("*.npz")), "nor kept: the same again would fail again"


@pytest.mark.parametrize("kind", ["burglary", "arson", "robbery", "vandalism"])
def test_a_forecast_of_little_is_an_honest_map(
    town: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One report, all at one spot, from half-way on, in the last week only: finite numbers by every method."""
    # The stack is made of all the others, tuned on each past period: it is slow, and looked at where there is least to
    # learn from, in longer periods.
    others = ("self_exciting", "boosted_counts", "stack") if kind == "burglary" else ("self_exciting",)
    for method in ("count_map", *others):
        more = ("--period", "4w") if method == "stack" else ()
        found = result(capsys, "forecast", "-c", kind, "--workspace", town, "--method", method, *more)
        assert found["expected"] > 0, method
        assert math.isfinite(found["expected"])
        assert found["low"] <= found["high"]
        surface = pd.read_parquet(town / "runs" / found["run"] / "surface.parquet")
        assert np.isfinite(surface["expected"]).all(), method
        assert (surface["expected"] >= 0).all(), method
        assert found["why"][0]["expected"] == pytest.approx(surface["expected"].max(), abs=1e-6)
        page = (town / "runs" / found["run"] / "forecast.html").read_text(encoding="utf-8")
        assert "NaN" not in page


def test_reports_all_at_one_spot_give_a_trial(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = result(capsys, "trial", "-c", "arson", "--workspace", town)
    best = next(m for m in found["methods"] if m["name"] == found["baseline"])
    assert best["scores"]["hit_rate"]["value"] == 1, "all of it is in the one place picked"
    assert found["verdict"]["status"] == "no better"


def test_a_category_that_starts_half_way_is_scored_where_it_can_be_and_says_so(
    town: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = result(capsys, "trial", "-c", "robbery", "--workspace", town, "--origins", "40")
    assert found["origins"] < 40
    (note,) = (note for note in found["notes"] if "were scored" in note)
    assert note.startswith(
        f"40 past periods were asked for and {found['origins']} were scored. The first report of"
    )
    said = run(capsys, "trial", "-c", "robbery", "--workspace", town, "--origins", "40")[1]
    assert "note: 40 past periods were asked for" in " ".join(said.split())


def test_the_result_has_the_shape_that_programs_were_promised(
    town: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--period", "1w", "--origins", "20", "--fraction", "0.05", "--method", "all"]
    found = result(capsys, "trial", "-c", "theft", "--workspace", town, *arguments)
    assert (found["origins"], found["cells"] > 100, found["events"] > 100) == (20, True, True)
    assert {"status", "method", "text"} <= set(found["verdict"])
    assert len(found["methods"]) >= 9
    for method in found["methods"]:
        assert {"name", "scores", "versus_counts", "seconds"} <= set(method)
        for name in ("pai", "hit_rate", "pei", "log_skill", "crps"):
            assert {"value", "low", "high"} <= set(method["scores"][name])
        if method["name"] != found["baseline"]:
            assert {"difference", "low", "high"} <= set(method["versus_counts"]["pai"])


def test_an_area_is_read_as_people_write_it(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = result(
        capsys, "trial", "-c", "theft", "--workspace", town, "--area", "0.25 sq mi", "--area", "2 km2"
    )
    assert found["areas_km2"] == pytest.approx([0.647497, 2.0], rel=1e-5)


STOPPING = """
import os, signal
import peelian.trials.rolling as rolling
from peelian.cli import main

save, left = rolling._save, [{after}]

def stop(*given):
    save(*given)
    left[0] -= 1
    if left[0] == 0:
        os.killpg(0, signal.{sent})

rolling._save = stop
main({command!r})
"""


def stopped(town: Path, sent: str, *more: str, after: int = 3) -> tuple[subprocess.Popen[str], str, str]:
    """A trial with a process group of its own, as in a terminal, that gets a signal when it has kept so many pieces."""
    command = ["trial", "-c", "theft", "--workspace", str(town), *more]
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPING.format(after=after, sent=sent, command=command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return process, *process.communicate(timeout=120)


def nobody_is_left(group: int) -> bool:
    """Whether all processes of a group end within a few seconds."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("cell", ["60"])
def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(
    town: Path, cell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of small cells there are so many that the work is done by several processes, which the signal reaches too."""
    config = town / "peelian.toml"
    config.write_text(config.read_text().replace("cell = 250.0", f"cell = {cell}.0"))
    methods = ("--method", "kernel_mixture" if cell == "250" else "all")
    process, out, err = stopped(town, "SIGINT", *methods)
    assert (process.returncode, out) == (130, ""), err
    assert "Traceback" not in err
    told = err.strip().splitlines()[-1]
    assert told.startswith("stopped; ")
    assert told.endswith("finished and kept: run the same command again to go on from there")
    assert list((town / "cache").rglob("*.npz"))
    assert not list((town / "runs").glob("trial-*"))
    assert nobody_is_left(process.pid)
    if cell == "250":
        found = result(capsys, "trial", "-c", "theft", "--workspace", town, *methods)
        assert found["origins"] == 20
        assert not list((town / "cache").rglob("*.npz")), (
            "what was kept is removed when it is no longer needed"
        )


def test_what_a_killed_trial_had_finished_is_used(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        stopped(town, "SIGKILL", "--jobs", "1", "--method", "kernel_mixture")[0].returncode == -signal.SIGKILL
    )
    before = {path: path.stat().st_mtime_ns for path in (town / "cache").rglob("*.npz")}
    assert len(before) == 3
    again, _, err = stopped(town, "SIGINT", "--jobs", "1", "--method", "kernel_mixture", after=2)
    assert again.returncode == 130, err
    assert len(list((town / "cache").rglob("*.npz"))) == 5
    assert {path: path.stat().st_mtime_ns for path in before} == before, "nothing was made a second time"
    assert run(capsys, "ledger", "verify", "--workspace", town)[0] == 0


def test_another_command_that_is_stopped_says_that_nothing_was_kept(town: Path) -> None:
    command = [sys.executable, "-m", "peelian", "quality", "--workspace", str(town), "--json"]
    code = (
        "import signal, peelian.workspace.quality as q\n"
        "def stop(workspace): raise KeyboardInterrupt\n"
        "q.quality = stop\n"
        f"from peelian.cli import main; main({command[3:]!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "stopped; nothing half-done was kept\n"
