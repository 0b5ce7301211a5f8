"""The commands as other programs and people call them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import run

CSV = """ts,type,x_m,y_m,suspect_name
2024-01-05 10:00,Burglary,491000,5458000,A
2024-01-05 10:00,Burglary,491000,5458000,B
2024-02-06 23:30,Robbery,492000,5459000,C
nonsense,Robbery,492000,5459000,D
2024-02-07 23:30,Robbery,,5459000,E
2024-02-07 23:30,Robbery,9999999999,5459000,F
"""
MAP = "occurred_from=ts,x=x_m,y=y_m,category=type"


@pytest.fixture
def city(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "city"
    code, _, err = run(capsys, "init", folder, "--crs", "EPSG:26910", "--cell", 250)
    assert code == 0, err
    (tmp_path / "calls.csv").write_text(CSV, encoding="utf-8")
    return folder


def test_import_prints_the_account_of_every_row(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("import", city.parent / "calls.csv", "--workspace", city, "--map", MAP, "--json")
    code, out, err = run(capsys, *command)
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert (report["rows_in"], report["stored"], report["duplicates"], report["corrections"]) == (6, 3, 0, 0)
    assert report["quarantined_by_reason"] == {"no_time": 1, "no_place": 1, "outside_crs": 1}
    assert report["dropped_columns"] == ["suspect_name"]
    assert report["identical_rows"] == 1
    again = json.loads(run(capsys, *command)[1])
    assert (again["stored"], again["duplicates"], again["quarantined"]) == (0, 3, 3)
    for path in city.rglob("*"):
        if path.is_file():
            assert (
                b"suspect_name" not in path.read_bytes().replace(b'"suspect_name"]', b"")
                or path.suffix == ".json"
            )


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("import", "nowhere.csv"), 2, "no such file"),
        (("import", "{csv}"), 4, "--map"),
        (("import", "{csv}", "--map", "occurred_from=when,x=x_m,y=y_m,category=type"), 4, "when"),
        (
            ("import", "{csv}", "--map", "occurred_from=ts,x=x_m,y=y_m,category=suspect_name"),
            4,
            "suspect_name",
        ),
        (("import", "{csv}", "--map", "who=suspect_name"), 4, "who"),
        (("import", "{csv}", "--map", "nonsense"), 2, "FIELD=COLUMN"),
        (("import", "{csv}", "--source", "nypd"), 4, "nypd"),
        (("import", "{csv}", "--map", MAP, "--date-order", "ymd"), 2, "ymd"),
        (("forecast", "--category", "burglary"), 4, "peelian import"),
        (("forecast", "--category", "burglary", "--as", "king"), 2, "king"),
        (("forecast", "--category", "burglary", "--as", "public"), 3, "public"),
        (("trial",), 2, "--category"),
        (("plan",), 2, "no forecast"),
        (("audit", "plan"), 2, "no plan"),
        (("decide", "--as", "commander"), 2, "--approve"),
        (("decide", "--approve", "--refuse", "--as", "commander"), 2, "--approve and --refuse"),
        (("publish",), 2, "no plan"),
        (("ledger", "show", "--last", "0"), 2, "--last"),
        (("status", "--workspace", "{tmp}"), 2, "peelian init"),
        (("init", "{city}"), 2, "workspace already"),
        (("init", "{tmp}"), 2, "empty folder"),
        (("init", "{tmp}/new", "--crs", "EPSG:4326"), 4, "degrees"),
        (("init", "{tmp}/new", "--crs", "EPSG:999999"), 4, "EPSG:999999"),
        (("init", "{tmp}/new", "--cell", "0"), 2, "length"),
        (("init", "{tmp}/new", "--cell", "five"), 2, "five"),
        (("init", "{tmp}/new", "--zone", "Mars"), 2, "Mars"),
        (("init", "{tmp}/new", "--areas", "none.geojson"), 2, "no such file"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_wrong_input_is_answered(
    city: Path, arguments: tuple[str, ...], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"csv": city.parent / "calls.csv", "tmp": city.parent, "city": city}
    given = [a.format(**names) for a in arguments]
    if "--workspace" not in given and given[0] not in ("init", "nonsense"):
        given += ["--workspace", str(city)]
    found, out, err = run(capsys, *given)
    assert (found, out) == (code, ""), err
    assert told in err.replace("\n", " ")
    assert not (city.parent / "new").exists()
    if given[0] != "init":
        as_json = run(capsys, *given, "--json")
        assert as_json[0] == code
        assert told in json.dumps(json.loads(as_json[1])["error"], ensure_ascii=False)


def test_the_demo_verifies_until_a_byte_is_changed(
    demo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"
    shutil.copytree(demo_folder, folder)
    code, out, _ = run(capsys, "ledger", "verify", "--workspace", folder, "--json")
    assert code == 0
    assert json.loads(out)["status"] == "verified"
    path = next((folder / "ledger" / "tile" / "entries").rglob("*.p/*"))
    changed = bytearray(path.read_bytes())
    changed[50] ^= 1
    path.write_bytes(bytes(changed))
    code, out, err = run(capsys, "ledger", "verify", "--workspace", folder)
    assert (code, out) == (5, "")
    assert "entries" in err


def test_the_demo_doesn_t_overwrite_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert run(capsys, "demo", "--workspace", tmp_path)[0] == 2
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_quick_answers_load_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom peelian.cli import main\n"
        f"try:\n    main({arguments})\nexcept SystemExit:\n    pass\n"
        "heavy = {'pandas', 'numpy', 'scipy', 'sklearn', 'duckdb', 'ibis', 'geopandas', 'sqlalchemy', 'cryptography'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "peelian" in done.stdout


def test_a_closed_pipe_is_nobody_s_fault(demo_folder: Path) -> None:
    command = f"{sys.executable} -m peelian status --workspace {demo_folder} --json | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("{", "")
