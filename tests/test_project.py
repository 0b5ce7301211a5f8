"""The project's own machinery: tasks, lock, package, changelog, benchmarks' header."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import peelian

ROOT = Path(__file__).resolve().parents[1]
TASKS = ["demo", "test", "lint", "types", "docs", "bench", "bench-report", "clean"]
PIN = re.compile(r"^(?P<name>[a-z0-9.-]+)(?:\[[a-z0-9,-]+\])?==(?P<version>\S+)(?: ; (?P<marker>.+?))? \\$")


def settings() -> dict[str, dict[str, Any]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def needed(*groups: str) -> dict[str, Requirement]:
    """Requirements of the project, and of the dependency groups named."""
    wanted = list(settings()["project"]["dependencies"])
    for group in groups:
        wanted += [item for item in settings()["dependency-groups"][group] if isinstance(item, str)]
    requirements = [Requirement(text) for text in wanted]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def pinned(lock: str) -> dict[str, list[str]]:
    """Versions that a lock pins, by name: more than one where they depend on the Python version."""
    pins: dict[str, list[str]] = {}
    for line in (ROOT / "requirements" / lock).read_text(encoding="utf-8").splitlines():
        if match := PIN.match(line):
            pins.setdefault(match["name"], []).append(match["version"])
    return pins


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_make_alone_lists_every_task() -> None:
    done = make()
    assert done.returncode == 0
    listed = re.findall(r"^  make (\S+) +\S", done.stdout, re.MULTILINE)
    assert set(TASKS) <= set(listed)
    for task in listed:
        assert make("--dry-run", task).returncode == 0, task


def test_documented_tasks_are_the_tasks() -> None:
    page = (ROOT / "docs/explanation/development.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `make (\S+)` \|", page, re.MULTILINE)
    assert [*documented, "help"] == sorted(
        [*documented, "help"], key=lambda task: [*TASKS, "lock", "release-notes", "help"].index(task)
    )
    assert {*documented, "help"} == set(re.findall(r"^  make (\S+)", make().stdout, re.MULTILINE))


def test_continuous_integration_runs_the_tests() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    assert "make test" in script.read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", ["run.txt", "dev.txt"])
def test_lock_pins_everything_with_hashes_and_names_no_host(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    assert not re.search(r"://|--index|--find-links|@ ", text)
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) > 30
    for block in blocks:
        assert PIN.match(block.splitlines()[0]), block.splitlines()[0]
        assert re.search(r"^ {4}--hash=sha256:[0-9a-f]{64}", block, re.MULTILINE), block.splitlines()[0]


def test_lock_holds_what_the_project_asks_for() -> None:
    groups = [group for group in settings()["dependency-groups"] if group != "dev"]
    for lock, requirements in [("run.txt", needed("build")), ("dev.txt", needed(*groups))]:
        pins = pinned(lock)
        for name, requirement in requirements.items():
            assert name in pins, f"{name} is not in {lock}: make lock"
            for version in pins[name]:
                assert requirement.specifier.contains(Version(version)), (
                    f"{name} {version} in {lock}: make lock"
                )


def test_both_locks_agree() -> None:
    run, dev = pinned("run.txt"), pinned("dev.txt")
    assert {name: dev[name] for name in run} == run


def test_every_dependency_has_its_reason_and_licence() -> None:
    page = (ROOT / "docs/explanation/dependencies.md").read_text(encoding="utf-8")
    to_run, _, rest = page.partition("## Where asked for")
    asked_for, _, to_develop = rest.partition("## To develop")
    groups = [group for group in settings()["dependency-groups"] if group != "dev"]
    rows = re.compile(r"^\| ([a-z0-9-]+) \| \S.+ \| \S.+ \|$", re.MULTILINE)
    runs = [name for name in rows.findall(to_run) if name != "package"]
    develops = [name for name in rows.findall(to_develop) if name != "package"]
    optional = {
        name: extra
        for extra, listed in settings()["project"]["optional-dependencies"].items()
        for name in (Requirement(one).name for one in listed)
    }
    extras = re.findall(r"^\| ([a-z0-9-]+) \| `([a-z]+)` \| \S.+ \| \S.+ \|$", asked_for, re.MULTILINE)
    assert runs == sorted(needed())
    assert extras == sorted(optional.items())
    assert develops == sorted(set(needed(*groups)) - set(needed()) - set(optional))


def test_version_is_written_once() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", peelian.__version__)
    assert settings()["project"]["dynamic"] == ["version"]


@pytest.mark.slow
def test_wheel_holds_data_and_licences(tmp_path: Path) -> None:
    """Built from a copy of the source, with the hatchling of this environment."""
    copy = tmp_path / "source"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"peelian-{peelian.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    package = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src/peelian").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert package <= held
    info = f"peelian-{peelian.__version__}.dist-info"
    assert f"{info}/licenses/LICENSE" in held
    assert f"{info}/licenses/src/peelian/demo_data/stlouis/ODC-By-1.0-LICENSE.txt" in held


def test_fragments_have_names_that_towncrier_takes() -> None:
    kinds = "|".join(kind["directory"] for kind in settings()["tool"]["towncrier"]["type"])
    for path in (ROOT / "changelog.d").iterdir():
        if path.name == "README.md":
            continue
        assert re.fullmatch(rf"\d+\.({kinds})(\.\d+)?\.md", path.name), path.name
        assert path.read_text(encoding="utf-8").strip()


def test_release_notes_can_be_made() -> None:
    command = [
        sys.executable,
        "-m",
        "towncrier",
        "build",
        "--draft",
        "--version",
        "9.9.9",
        "--date",
        "2000-01-01",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "## 9.9.9 (2000-01-01)" in done.stdout


def test_benchmarks_can_print_the_machine() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench/_machine.py")], capture_output=True, text=True, check=True
    )
    said = dict(line.strip().split(": ", 1) for line in done.stdout.splitlines()[1:])
    assert list(said) == ["cpu", "cores", "memory", "system", "python", "peelian"]
    assert said["peelian"] == peelian.__version__
    assert float(said["cores"]) > 0
    assert float(said["memory"].removesuffix(" GiB")) > 0


@pytest.mark.parametrize(
    ("version", "venv", "code", "said"),
    [
        ((3, 12), True, 0, "fake-python"),
        ((3, 10), True, 1, "Python 3.11 to 3.14 is needed"),
        ((3, 15), True, 1, "Python 3.11 to 3.14 is needed"),
        ((3, 12), False, 1, "fake-python has no venv module"),
    ],
)
def test_interpreter_is_chosen_or_the_reason_given(
    tmp_path: Path, version: tuple[int, int], venv: bool, code: int, said: str
) -> None:
    """The question is put to an interpreter that answers for another version, with or without venv."""
    fake = tmp_path / "fake-python"
    hide = "" if venv else "sys.modules['venv'] = None; "
    fake.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"real = sys.version_info; sys.version_info = {(*version, 1, 'final', 0)}; {hide}\n"
        "exec(sys.argv[2])\n",
        encoding="utf-8",
    )
    fake.chmod(0o755)
    done = subprocess.run(
        [str(ROOT / "tools/find-python"), str(fake)], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert said in (done.stdout if code == 0 else done.stderr)
