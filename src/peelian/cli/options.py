"""Options that several commands share, and how their text is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from peelian.errors import UsageError

__all__ = [
    "As",
    "AsJson",
    "Category",
    "From",
    "Period",
    "To",
    "Where",
    "read_mapping",
    "read_methods",
    "read_reason",
]

Where = Annotated[
    Path,
    typer.Option(
        "--workspace", "-w", envvar="PEELIAN_WORKSPACE", help="Folder of the workspace.", show_default="."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
As = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="ROLE", envvar="PEELIAN_ROLE", help="Act in this role (default: see peelian.toml)."
    ),
]
Category = Annotated[
    str,
    typer.Option(
        "--category", "-c", help="A standard category, such as burglary, or the source's own label."
    ),
]
From = Annotated[
    str | None, typer.Option("--from", help="First day: YYYY-MM-DD (default: all that is complete).")
]
To = Annotated[str | None, typer.Option("--to", help="The day after the last: YYYY-MM-DD.")]
Period = Annotated[
    str | None,
    typer.Option("--period", help="Length of a period: 1d, 1w, 4w, 1mo (default: see peelian.toml)."),
]


def read_mapping(text: str | None, *, option: str, example: str) -> dict[str, str] | None:
    """Read ``"a=b,c=d"``.

    Raises
    ------
    UsageError
        A part has no ``=`` or a side is empty, or a key comes twice.
    """
    if text is None:
        return None
    found: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (equals and key and value) or key in found:
            msg = f"{part!r} was given in {option}; expected FIELD=COLUMN pairs with commas between, each field once"
            raise UsageError(msg, hint=f"{option} {example}")
        found[key] = value
    return found


def read_methods(names: Sequence[str] | None) -> list[str] | None:
    """The methods of a trial as they were given: one by itself may only count, so that ``all`` is what to try.

    Raises
    ------
    UsageError
        One of them is neither ``all`` nor the name of a method; the message lists those that there are.
    """
    from peelian.methods import discover

    known = [method.name for method in discover()] if names else []
    for name in names or ():
        if name not in ("all", *known):
            msg = f"{name!r} was given as a method; expected all, or one of {', '.join(known)}"
            raise UsageError(msg, hint="--method all")
    return list(names) if names else None


def read_reason(text: str, *, to: str) -> str:
    """The reason for a command; whether it says enough is for the charter to tell.

    Raises
    ------
    UsageError
        None was given.
    """
    from peelian.charter import MIN_REASON

    if not text.strip():
        msg = f"no reason was given; to {to}, one of at least {MIN_REASON} characters is required"
        raise UsageError(msg, hint="--reason 'why, in a sentence or two that others can read'")
    return text
