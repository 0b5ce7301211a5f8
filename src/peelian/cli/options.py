"""Options that several commands share, and how their text is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peelian.errors import UsageError

__all__ = ["As", "AsJson", "Category", "Period", "Where", "read_mapping"]

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
