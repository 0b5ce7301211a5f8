"""What `import peelian` costs and offers, and that the import contracts hold every package and bite."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import peelian

ROOT = Path(__file__).resolve().parents[1]
ORDER = (
    ["__main__"],
    ["cli", "web"],
    ["workspace"],
    ["publish"],
    ["charter"],
    ["live", "footage"],
    ["privacy"],
    ["audits"],
    ["response"],
    ["trials"],
    ["methods", "patterns"],
    ["places"],
    ["records"],
    ["units", "demo_data"],
    ["errors"],
    ["_version"],
)


def contracts() -> dict[str, dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}


def loaded_by(code: str) -> set[str]:
    """Packages outside the standard library that are loaded once a fresh interpreter has run `code`."""
    report = f"import sys; {code}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-I", "-c", report], capture_output=True, text=True, check=True)
    return set(done.stdout.split()) - sys.stdlib_module_names - {"__main__"}


def test_import_loads_nothing_heavy() -> None:
    at_start = loaded_by("pass")
    assert loaded_by("import peelian") - at_start == {"peelian"}
    assert loaded_by("import peelian; peelian.CRSError; dir(peelian)") - at_start == {"peelian"}
    assert {"numpy", "pandas"} <= loaded_by("import peelian, pandas")


def test_every_public_name_is_at_home() -> None:
    assert set(peelian.__all__) == {*peelian._HOMES, "__version__"}
    assert peelian.__all__ == sorted(peelian.__all__)
    for name, home in peelian._HOMES.items():
        assert getattr(peelian, name) is getattr(import_module(home), name)
        assert name in import_module(home).__all__, f"{name} is not public in {home}"
    assert set(peelian.__all__) <= set(dir(peelian))


def test_unknown_name_is_an_attribute_error() -> None:
    name = "nobody"
    with pytest.raises(AttributeError, match="has no attribute 'nobody'"):
        getattr(peelian, name)


def test_contract_names_every_package_in_the_order_of_the_design() -> None:
    layers = [[name.strip(" ()") for name in line.split("|")] for line in contracts()["rooms"]["layers"]]
    assert tuple(layers) == ORDER
    assert contracts()["rooms"]["exhaustive"] is True
    named = {name for line in layers for name in line}
    for path in (ROOT / "src/peelian").iterdir():
        if (path.is_dir() and any(path.rglob("*.py"))) or (path.suffix == ".py" and path.stem != "__init__"):
            assert path.stem in named, f"{path.name} has no place in the contract `rooms`"


@pytest.mark.parametrize(
    ("module", "imports", "kept"),
    [
        ("trials/a.py", "peelian.methods.base", True),
        ("methods/a.py", "peelian.methods.base", True),
        ("methods/base.py", "peelian.methods.surface", True),
        ("methods/a.py", "peelian.methods.b", False),
        ("methods/surface.py", "peelian.methods.b", False),
        ("methods/base.py", "peelian.methods.b", False),
        ("records/a.py", "peelian.charter.b", False),
        ("footage/a.py", "peelian.workspace.b", False),
        ("privacy/a.py", "peelian.live.b", False),
        ("cli/a.py", "peelian.web.b", False),
        ("errors.py", "peelian.units", False),
        ("policing/a.py", "peelian.errors", False),
    ],
)
def test_contracts_bite(tmp_path: Path, module: str, imports: str, kept: bool) -> None:
    """In a package with these rooms and one import, the contracts of this project are kept or broken."""
    package = tmp_path / "peelian"
    for room in (
        "cli",
        "web",
        "workspace",
        "charter",
        "live",
        "footage",
        "privacy",
        "trials",
        "methods",
        "records",
    ):
        (package / room).mkdir(parents=True)
        for name in ("__init__", "base", "b", "surface"):
            (package / room / f"{name}.py").touch()
    for name in ("__init__", "errors", "units", "_version"):
        (package / f"{name}.py").touch()
    target = package / module
    target.parent.mkdir(exist_ok=True)
    (target.parent / "__init__.py").touch()
    target.write_text(f"import {imports}\n", encoding="utf-8")
    code = (
        "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports; "
        f"sys.exit(lint_imports(config_filename={str(ROOT / 'pyproject.toml')!r}, no_cache=True))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == (0 if kept else 1), done.stdout + done.stderr
    assert ("BROKEN" in done.stdout) is not kept


def test_every_public_name_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "library.md").read_text(encoding="utf-8")
    errors = {name for name, home in peelian._HOMES.items() if home == "peelian.errors"}
    named = set(re.findall(r"^\.\. auto\w+:: [\w.]+\.(\w+)$", page, re.MULTILINE))
    missing = set(peelian.__all__) - errors - named - {"__version__"}
    assert missing == {"Period", "Plan", "Trial", "Workspace"}, (
        "documented with what makes them, and no others"
    )
