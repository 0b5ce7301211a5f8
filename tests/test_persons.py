"""Places, never persons: no function, command or stored table takes or gives a person; and small numbers stay in.

The words are those that a key about a person would have. The few names in which one of them stands for something else
are listed with what it is, so that each new one is a decision that somebody reads.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import pkgutil
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import typer

import peelian
from peelian.cli.app import app
from peelian.errors import PeelianError
from peelian.workspace import Workspace
from peelian.workspace.disclosure import account, at_least
from peelian.workspace.import_ import import_records
from peelian.workspace.init import init
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.status import status

WORDS = {
    *(
        "person",
        "persons",
        "people",
        "individual",
        "identity",
        "surname",
        "forename",
        "firstname",
        "lastname",
    ),
    *("fullname", "username", "nickname", "alias", "suspect", "suspects", "offender", "offenders", "victim"),
    *(
        "victims",
        "arrestee",
        "arrestees",
        "perpetrator",
        "email",
        "phone",
        "telephone",
        "birthdate",
    ),
    *(
        "birthday",
        "dob",
        "ssn",
        "passport",
        "plate",
        "plates",
        "vin",
        "imei",
        "face",
        "faces",
    ),
    *("gait", "iris", "fingerprint", "biometric", "dna", "handle", "handles", "watchlist", "gang"),
}
#: Who works here, and may be told apart: those who decide are named to the overseer, and to nobody by the ledger.
OFFICE = {
    "peelian.workspace.identity",
    "peelian.workspace.people",
    "peelian.workspace.due",
    "peelian.workspace.guard",
    "peelian.workspace.workspace",
    "peelian.workspace.state",
    "peelian.cli.people",
}

#: Names in which one of the words stands for something else.
OTHERWISE = {
    "handle": "of an open file",
    "handle_error": "of Python's HTTP server",
    "handle_request": "of Python's HTTP server",
    "handle_timeout": "of Python's HTTP server",
    "person_word": "finds such words in the columns of a file, so that they are refused",
}


def words_of(name: str) -> set[str]:
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return {part.lower() for part in parts}


def about_a_person(name: str) -> bool:
    return name not in OTHERWISE and bool(words_of(name) & WORDS)


def modules() -> Iterator[Any]:
    for info in pkgutil.walk_packages(peelian.__path__, "peelian."):
        if ".migrations" in info.name or info.name.endswith("__main__"):
            continue
        yield importlib.import_module(info.name)


def surface() -> Iterator[tuple[str, str, list[str]]]:
    """Module, name, and the names of what it takes and holds, of everything public."""
    for module in modules():
        for name in getattr(module, "__all__", ()):
            found = getattr(module, name)
            if getattr(found, "__module__", module.__name__) != module.__name__ or not callable(found):
                continue
            taken: list[str] = []
            if inspect.isclass(found):
                if dataclasses.is_dataclass(found):
                    taken += [field.name for field in dataclasses.fields(found)]
                members = [
                    m for n, m in inspect.getmembers(found, inspect.isfunction) if not n.startswith("_")
                ]
                for member in (found.__init__, *members):
                    taken += [
                        p
                        for p in inspect.signature(member).parameters
                        if getattr(member, "__module__", "") == module.__name__
                    ]
                    taken.append(getattr(member, "__name__", ""))
            else:
                taken += list(inspect.signature(found).parameters)
            yield module.__name__, name, taken


def test_no_public_function_or_class_takes_or_holds_a_person() -> None:
    found = [
        f"{module}.{name}({part})"
        for module, name, parts in surface()
        if module not in OFFICE
        for part in (name, *parts)
        if about_a_person(part)
    ]
    assert found == []


def commands() -> Iterator[tuple[str, list[str]]]:
    def walk(command: Any, name: str) -> Iterator[tuple[str, list[str]]]:
        for word, sub in getattr(command, "commands", {}).items():
            yield from walk(sub, f"{name} {word}".strip())
        if not hasattr(command, "commands"):
            yield name, [part for option in command.params for part in (option.name or "", *option.opts)]

    yield from walk(typer.main.get_command(app), "")


def test_no_command_takes_a_person_but_those_on_who_works_here() -> None:
    taken = {name: [p for p in parts if about_a_person(p)] for name, parts in commands()}
    assert len(taken) > 20
    named = {name: parts for name, parts in taken.items() if parts or about_a_person(name)}
    assert all(name.startswith("people ") for name in named), named


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys(item)


def test_nothing_that_is_stored_has_a_field_for_a_person(demo_folder: Path) -> None:
    found = set()
    for path in demo_folder.rglob("*.json"):
        found |= {f"{path.name}: {key}" for key in keys(json.loads(path.read_text())) if about_a_person(key)}
    for path in demo_folder.rglob("*.parquet"):
        found |= {f"{path.name}: {name}" for name in pq.read_schema(path).names if about_a_person(name)}
    for entry in entries(Workspace(demo_folder, role="public")):
        found |= {f"ledger: {key}" for key in keys(entry) if about_a_person(key)}
    assert found == set()
    with sqlite3.connect(f"file:{demo_folder / 'state.db'}?mode=ro", uri=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {(t, row[1]) for t in tables for row in connection.execute(f"PRAGMA table_info('{t}')")}
    assert {(t, c) for t, c in columns if about_a_person(c)} == {
        ("runs", "person")
    }  # who acted, by a chance id


@pytest.mark.parametrize(
    "column", ["suspect_name", "Offender ID", "victim_age", "license_plate", "email", "DOB"]
)
@pytest.mark.parametrize("field", ["id", "category"])
def test_no_mapping_brings_a_column_on_a_person_in(tmp_path: Path, column: str, field: str) -> None:
    init(tmp_path / "city", crs="EPSG:26915")
    rows = {
        "ts": ["2024-01-01 10:00"],
        "x_m": [740_000],
        "y_m": [4_280_000],
        "type": ["Burglary"],
        column: ["x"],
    }
    pd.DataFrame(rows).to_csv(tmp_path / "rows.csv", index=False)
    mapping = {"occurred_from": "ts", "x": "x_m", "y": "y_m", "category": "type", field: column}
    with pytest.raises(PeelianError) as no:
        import_records(Workspace(tmp_path / "city"), tmp_path / "rows.csv", mapping=mapping)
    assert column in no.value.message


# --- small numbers ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with 3 incidents of one category, 40 of another, and 2 rows in quarantine."""
    folder = tmp_path_factory.mktemp("few")
    init(folder / "city", crs="EPSG:26915", role="steward")
    return folder


def rows_of(kinds: dict[str, int], *, spoiled: int) -> pd.DataFrame:
    labels = [kind for kind, n in kinds.items() for _ in range(n)]
    n = len(labels)
    days = pd.date_range("2024-01-01 10:00", periods=n, freq="D").strftime("%Y-%m-%d %H:%M")
    frame = pd.DataFrame(
        {"ts": days, "type": labels, "x_m": 740_000.0 + 7 * pd.RangeIndex(n), "y_m": 4_280_000.0}
    )
    frame.loc[frame.index[n - spoiled :], "x_m"] = float("nan")
    return frame


def integers(value: Any, where: str = "") -> Iterator[tuple[str, int]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from integers(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from integers(item, where)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield where, value


COUNTS = {
    "incidents",
    "rows_in",
    "stored",
    "duplicates",
    "corrections",
    "quarantined",
    "rows",
    "records",
    "reports",
}


def test_a_role_that_may_not_read_records_sees_no_small_count(few: Path) -> None:
    folder = few / "city"
    rows_of({"Burglary": 40, "Arson": 3}, spoiled=2).to_csv(few / "rows.csv", index=False)
    mapping = {"occurred_from": "ts", "x": "x_m", "y": "y_m", "category": "type"}
    told = import_records(Workspace(folder, role="steward"), few / "rows.csv", mapping=mapping).to_dict()
    seen: dict[str, Any] = {"import": told}
    for role in ("steward", "public"):
        seen[f"status {role}"] = status(Workspace(folder, role=role))
        seen[f"verify {role}"] = verify_ledger(Workspace(folder, role=role))
        seen[f"entries {role}"] = entries(Workspace(folder, role=role))
    for what, result in seen.items():
        small = [(where, n) for where, n in integers(result) if where in COUNTS and 0 < n < 5]
        assert small == [], what
        assert "arson" not in json.dumps(result).casefold(), what
    assert told["quarantined"] == "<5"
    analyst = Workspace(folder, role="analyst")
    assert analyst.result(analyst.latest("import")["id"])["quarantined"] == 2, (
        "who may read records sees it all"
    )


def test_how_few_there_are_in_all_is_not_told_to_the_public(tmp_path: Path) -> None:
    init(tmp_path / "city", crs="EPSG:26915")
    rows_of({"Arson": 3}, spoiled=0).to_csv(tmp_path / "rows.csv", index=False)
    mapping = {"occurred_from": "ts", "x": "x_m", "y": "y_m", "category": "type"}
    import_records(Workspace(tmp_path / "city"), tmp_path / "rows.csv", mapping=mapping)
    assert status(Workspace(tmp_path / "city"))["incidents"] == 3
    assert status(Workspace(tmp_path / "city", role="public"))["incidents"] == "<5"


@pytest.mark.parametrize("stored", [0, 1, 4, 5, 40])
@pytest.mark.parametrize("duplicates", [0, 2, 30])
@pytest.mark.parametrize("quarantined", [0, 1, 7])
def test_no_small_part_follows_from_the_others(stored: int, duplicates: int, quarantined: int) -> None:
    parts = {"stored": stored, "duplicates": duplicates, "corrections": 0, "quarantined": quarantined}
    told = account({"rows_in": sum(parts.values()), **parts}, 5)
    hidden = [name for name in parts if isinstance(told[name], str)]
    for name, n in parts.items():
        assert told[name] == n or isinstance(told[name], str)
        assert not 0 < n < 5 or isinstance(told[name], str)
    if hidden and isinstance(told["rows_in"], int):
        assert len(hidden) > 1, "a single hidden part is what the total lacks"


def test_a_count_that_stands_alone() -> None:
    assert [at_least(n, 5) for n in (0, 1, 4, 5, 12)] == [0, "<5", "<5", 5, 12]
