"""Every command and every Python example of the documentation is run, in an empty folder for each page.

How a page is written to be run: docs/explanation/development.md.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL
)
EXIT = re.compile(r"\s+#\s*exits?\s+(?P<code>\d+)\s*$")
REQUEST = re.compile(
    r"""<(?!a\b)[a-z]+\b[^>]*?\b(?:src|href|data|poster|srcset)\s*=\s*["']?(?:https?:)?//[^"'\s>]+"""
    r"""|url\(\s*["']?(?:https?:)?//[^)]+|@import\s+["'](?:https?:)?//[^"']+"""
    r"""|(?:fetch|import|open|Worker|WebSocket|EventSource)\(\s*(?:"GET",\s*)?["'](?:https?:|wss?:)?//[^"']+"""
)
TIMEOUT = 300


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, text, and the line of its first line of text."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Command:
    """A command of a console block, with the output that the page shows below it."""

    text: str
    exit_code: int
    shown: tuple[str, ...]
    line: int


def blocks(page: str) -> list[Block]:
    """Blocks of a page that are marked ``console`` or ``python``, from the top down."""
    found = []
    for match in FENCE.finditer(page):
        language = match["info"].strip()
        if language in {"console", "python"}:
            found.append(Block(language, match["body"], page.count("\n", 0, match.start()) + 2))
    return found


def commands(block: Block) -> list[Command]:
    """Commands of a console block; a backslash at a line's end continues it."""
    found: list[Command] = []
    lines = block.text.splitlines()
    i = 0
    while i < len(lines):
        start = i
        if not lines[i].startswith("$ "):
            if not found and lines[i].strip():
                msg = f"line {block.line + i}: a console block starts with a command, not with {lines[i]!r}"
                raise ValueError(msg)
            i += 1
            continue
        text = lines[i][2:]
        while text.endswith("\\") and i + 1 < len(lines):
            i += 1
            text = text[:-1].rstrip() + " " + lines[i].removeprefix("> ").strip()
        i += 1
        shown = []
        while i < len(lines) and not lines[i].startswith("$ "):
            if lines[i].strip():
                shown.append(lines[i].strip())
            i += 1
        code = EXIT.search(text)
        found.append(
            Command(EXIT.sub("", text), int(code["code"]) if code else 0, tuple(shown), block.line + start)
        )
    return found


def missing(shown: tuple[str, ...], output: str) -> str | None:
    """The first shown line that is not in the output after those before it; ``...`` stands for anything."""
    rest = [" ".join(line.split()) for line in output.splitlines()]
    for line in shown:
        parts = [re.escape(part.strip()) for part in " ".join(line.split()).split("...")]
        pattern = re.compile(r"\s*.*?\s*".join(parts))
        if line.strip() == "...":
            continue
        while rest and not pattern.fullmatch(rest[0]):
            rest.pop(0)
        if not rest:
            return line
        rest.pop(0)
    return None


def environment(home: Path) -> dict[str, str]:
    """An environment with this interpreter's programs first, and without what would change their output."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV", "PEELIAN", "MAKE"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return kept | {"PATH": path, "HOME": str(home), "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120"}


#: A command of ours that asks nothing of the shell but its quotes: it's run here, as starting Python takes longer than
#: most of what is shown.
PLAIN = re.compile(r"peelian [^|&;<>$`*?~\n]+")
DEMO = re.compile(r"peelian demo(?: (?:--workspace|-w) (?P<folder>\S+))?")


def run_command(command: Command, folder: Path, home: Path, demo: Path | None = None) -> None:
    """Run a command of a page; fail with what it printed."""
    where, text = folder, command.text
    made = DEMO.fullmatch(text)
    if made and demo is not None:
        # It's run by tests/workspace/test_demo.py and tests/cli: what it leaves is enough to go on from here.
        shutil.copytree(demo, folder / (made["folder"] or "demo"))
        return
    given, plain = settled(text, folder)
    if PLAIN.fullmatch(plain):
        code, said = run_here(shlex.split(plain)[1:], folder, environment(home) | given)
        judge(command, code, said, look=True)
        return
    if re.match(r"make(\s|$)", text):
        # The tests are themselves a task of make: it's enough that the task exists.
        where, text = ROOT, text.replace("make", "make --dry-run", 1)
    done = subprocess.run(
        ["bash", "-c", text],
        cwd=where,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    judge(command, done.returncode, done.stdout, look=where != ROOT)


def settled(text: str, folder: Path) -> tuple[dict[str, str], str]:
    """The variables before the name of a command, and the rest, with the little that pages ask of a shell."""
    text = re.sub(r"\$\(cat ([\w.-]+)\)", lambda m: (folder / m[1]).read_text().strip(), text)
    text = text.replace("$(date +%F)", f"{datetime.now().astimezone():%F}")
    given: dict[str, str] = {}
    while found := re.match(r"([A-Z_]+)=(\S+) +", text):
        given[found[1]], text = found[2], text[found.end() :]
    return given, text


def run_here(arguments: list[str], folder: Path, variables: dict[str, str]) -> tuple[int, str]:
    """Exit code and output of a command of ours, in this process and in a folder."""
    from peelian.cli import main

    said = io.StringIO()
    code = 0
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(said), redirect_stderr(said):
        patched.chdir(folder)
        for name in os.environ.keys() - variables.keys():
            patched.delenv(name)
        for name, value in variables.items():
            patched.setenv(name, value)
        try:
            main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, said.getvalue()


def judge(command: Command, code: int, output: str, *, look: bool) -> None:
    """Fail where a command did not end, or print, as its page says."""
    said = f"line {command.line}: $ {command.text}\n{output}"
    assert code == command.exit_code, f"exit {code}, expected {command.exit_code}: {said}"
    lost = missing(command.shown, output) if look else None
    assert lost is None, f"output has no line {lost!r}: {said}"


def pages() -> list[Path]:
    """The pages with something to run."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if page.exists() and blocks(page.read_text(encoding="utf-8"))]


@pytest.mark.slow
@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page: Path, tmp_path: Path, demo_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, home = tmp_path / "page", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    monkeypatch.chdir(folder)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "console":
            for command in commands(block):
                run_command(command, folder, home, demo_folder)
        else:
            # Blank lines first, so that a traceback gives the line of the page.
            source = "\n" * (block.line - 1) + block.text
            exec(compile(source, str(page), "exec"), names)


def test_every_page_is_in_one_of_the_four_parts() -> None:
    parts = {"tutorial", "how-to", "reference", "explanation"}
    top = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert top == {"index.md"}
    for page in (ROOT / "docs").rglob("*.md"):
        relative = page.relative_to(ROOT / "docs")
        assert len(relative.parts) == 1 or relative.parts[0] in parts
    assert all((ROOT / "docs" / part / "index.md").exists() for part in parts)


@pytest.mark.slow
def test_built_pages_ask_no_other_host_for_anything(tmp_path: Path) -> None:
    built = tmp_path / "site"
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "--fail-on-warning",
        "-q",
        "-b",
        "html",
        "-d",
        str(tmp_path / "trees"),
    ]
    done = subprocess.run(
        [*command, "docs", str(built)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    asked = [
        f"{path.relative_to(built)}: {found}"
        for path in built.rglob("*")
        if path.suffix in {".html", ".css", ".js"}
        for found in REQUEST.findall(path.read_text(encoding="utf-8"))
    ]
    assert (built / "index.html").exists()
    assert asked == []


@pytest.mark.parametrize(
    "markup",
    [
        '<script src="https://a.example/x.js"></script>',
        '<link rel="stylesheet" href="//a.example/x.css"/>',
        "@import 'https://a.example/x.css'",
        "@font-face { src: url(https://a.example/x.woff2) }",
        'fetch("https://a.example/x.json")',
    ],
)
def test_a_request_to_another_host_is_recognised(markup: str) -> None:
    assert REQUEST.search(markup)
    assert not REQUEST.search(markup.replace("https://a.example/", "").replace("//a.example/", ""))


def test_a_link_is_no_request() -> None:
    assert not REQUEST.search('<a class="reference external" href="https://a.example/">text</a>')


def test_blocks_are_found_with_their_lines() -> None:
    page = "# Title\n\n```console\n$ true\n```\n\n```text\nno\n```\n\n````python\nx = '''\n```\n'''\n````\n"
    assert blocks(page) == [
        Block("console", "$ true\n", 4),
        Block("python", "x = '''\n```\n'''\n", 12),
    ]


def test_commands_are_split_from_their_output() -> None:
    block = Block("console", "$ one \\\n    --more\nout 1\n\nout 2\n$ two  # exits 4\n", 10)
    assert commands(block) == [
        Command("one --more", 0, ("out 1", "out 2"), 10),
        Command("two", 4, (), 15),
    ]


def test_a_console_block_without_a_command_is_an_error() -> None:
    with pytest.raises(ValueError, match="line 3: a console block starts with a command"):
        commands(Block("console", "peelian demo\n", 3))


@pytest.mark.parametrize(
    ("shown", "lost"),
    [
        ((), None),
        (("b",), None),
        (("a", "c  3"), None),
        (("c ...",), None),
        (("a", "...", "c 3"), None),
        (("c 3", "a"), "a"),
        (("c",), "c"),
        (("... 4",), "... 4"),
    ],
)
def test_shown_output_must_appear_in_order(shown: tuple[str, ...], lost: str | None) -> None:
    assert missing(shown, "a\nb\nc   3\n") == lost


def test_a_failing_command_fails_the_page(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="exit 3, expected 0"):
        run_command(Command("exit 3", 0, (), 1), tmp_path, tmp_path)
    with pytest.raises(AssertionError, match="output has no line 'no'"):
        run_command(Command("echo yes", 0, ("no",), 1), tmp_path, tmp_path)
    run_command(Command("exit 3", 3, (), 1), tmp_path, tmp_path)
    run_command(Command("make help", 0, (), 1), tmp_path, tmp_path)
    with pytest.raises(AssertionError, match="exit 2, expected 0"):
        run_command(Command("make no-such-task", 0, (), 1), tmp_path, tmp_path)


def test_commands_of_a_page_find_this_environment_first(tmp_path: Path) -> None:
    run_command(
        Command("command -v python", 0, (str(Path(sys.executable).parent / "python"),), 1), tmp_path, tmp_path
    )
