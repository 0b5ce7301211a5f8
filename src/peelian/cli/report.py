"""Errors and progress, on stderr."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from peelian.errors import PeelianError

__all__ = [
    "INTERRUPTED",
    "Bar",
    "Stopped",
    "as_options",
    "report_error",
    "report_fault",
    "show",
    "told",
    "visible",
]

INTERRUPTED = 130
"""Exit code after Ctrl-C, which is Typer's too."""


class Stopped(SystemExit):
    """Ctrl-C where there is something to say of what was kept.

    Parameters
    ----------
    said : str
        What was kept, and how to go on.
    """

    def __init__(self, said: str) -> None:
        super().__init__(INTERRUPTED)
        self.said = said


#: What the library calls a parameter is an option here.
_OPTIONS = ("category", "crs", "date_order", "method", "source", "source_crs", "zone")
_NUMBERS = ("days", "distances", "least_ratio", "longest", "permutations", "radius", "replicates", "weeks")
_PARAMETER = re.compile(rf"""\b({"|".join(_OPTIONS)})=(['"])(.*?)\2""")
_NUMBER = re.compile(rf"""\b({"|".join(_NUMBERS)})=(?:\(([\d., ]+)\)|(\d+(?:\.\d+)?))""")


def as_options(hint: str) -> str:
    """A hint in the words of the command line.

    ``source_crs='EPSG:4326'`` becomes ``--source-crs EPSG:4326``, and ``days=(7, 14)`` becomes ``--days 7,14``.
    """
    hint = _PARAMETER.sub(lambda m: f"{_option(m[1])} {m[3]}", hint)
    return _NUMBER.sub(
        lambda m: f"{_option(m[1])} {m[3] or m[2].replace(' ', '').rstrip(',')}",
        hint,
    )


def _option(parameter: str) -> str:
    return f"--{parameter.replace('_', '-')}"


def show(result: dict[str, Any], text: str, *, as_json: bool) -> None:
    """Print what a command gives: its text for people, or its result as JSON for programs; on stdout.

    What others wrote (objections, names, reasons) can't act on the terminal, see `visible`.
    """
    print(json.dumps(result, ensure_ascii=False, allow_nan=False) if as_json else visible(text))


def told(result: dict[str, Any], page: Path | None, *, rows: list[str] | None = None) -> str:
    """What was found, a row for each of the first findings, what it can't tell, and where the page is, if any."""
    lines = [result["sentence"], *(f"  {row}" for row in rows or [])]
    lines += [f"note: {note}" for note in result.get("notes") or ()]
    lines += [f"note: {limit}" for limit in result.get("limits") or ()]
    return "\n".join(lines if page is None else [*lines, f"page: {page}"])


_ACTING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """A text in which what would act on a terminal is shown as its code point: ``<U+001B>``.

    These are the control characters but newline and tab, with which a text could clear the screen or write over what
    stands there, and those that turn the direction of writing, with which it could read as another text.
    """
    return _ACTING.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def _write(kind: str, message: str, hint: str | None, code: int, *, as_json: bool) -> int:
    hint = as_options(hint) if hint else None
    if as_json:
        print(
            json.dumps(
                {"error": {"type": kind, "message": message, "hint": hint, "exit_code": code}},
                ensure_ascii=False,
            )
        )
        return code
    console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
    console.print("error: ", style="bold red", end="")
    console.print(visible(message), markup=False)
    if hint:
        console.print("try:   ", style="bold", end="")
        console.print(visible(hint), markup=False)
    return code


def report_error(error: PeelianError, *, as_json: bool) -> int:
    """Say what was given, what was expected and what to try; return the exit code."""
    return _write(type(error).__name__, error.message, error.hint, error.exit_code, as_json=as_json)


def report_fault(fault: Exception, *, as_json: bool) -> int:
    """Say that this is our fault, without a traceback; return the exit code."""
    if isinstance(fault, OSError):
        message = f"the system refused: {fault.strerror or fault}" + (
            f": {fault.filename}" if fault.filename else ""
        )
        return _write(
            "OSError", message, "check the disk's free space and the folder's permissions", 1, as_json=as_json
        )
    message = f"a fault inside peelian ({type(fault).__name__}: {fault}); nothing half-done was kept"
    hint = "run it again with PEELIAN_TRACEBACK=1 in the environment, and report what it prints"
    return _write(type(fault).__name__, message, hint, 1, as_json=as_json)


class Bar:
    """A progress bar on stderr with the time left; silent where stderr is no terminal or `quiet`.

    Called with a label, how much is done and how much there is; 0 of 0 is a step of unknown length.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True)
        self.live = self.console.is_terminal and not quiet
        self.quiet = quiet
        self.seen: set[str] = set()
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.live,
        )
        self.tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def __call__(self, label: str, done: int, total: int) -> None:
        """Show that `done` of `total` is reached."""
        if self.live:
            if label not in self.tasks:
                self.tasks[label] = self.progress.add_task(label, total=total or None)
            self.progress.update(self.tasks[label], completed=done, total=total or None)
        elif not self.quiet and label not in self.seen:
            print(f"{label} ...", file=sys.stderr, flush=True)
        self.seen.add(label)
