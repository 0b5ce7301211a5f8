"""A small workspace with records of known ids, for what is kept and what goes."""

from __future__ import annotations

import atexit
import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from peelian.records.erasure import hashed_id
from peelian.records.pages import MAGIC, pages
from peelian.workspace import Workspace
from peelian.workspace.archive import members
from peelian.workspace.import_ import import_records
from peelian.workspace.init import init
from peelian.workspace.state import State

from .conftest import keep_state_in

MAP = {"id": "case", "occurred_from": "when", "category": "kind", "x": "east", "y": "north"}
KINDS = ("Burglary", "Theft")
WHY = "a court ordered that this be done, file 2216-CC"


def case(i: int) -> str:
    """The agency's own number of the i-th record: nothing else in a workspace looks like it."""
    return f"CASE-7f3a-{i:05d}"


def ident(i: int, source: str = "calls") -> str:
    """Under which id the i-th record is stored."""
    return hashed_id(source, case(i))


def rows(n: int = 60) -> list[str]:
    """So many records over the twelve months of 2024; each fifth month's tenth is set aside for want of a time."""
    return [
        f"{case(i)},2024-{1 + i % 12:02d}-{1 + i % 28:02d} 10:00,{KINDS[i % 2]},{740000 + i},4280000"
        for i in range(n)
    ]


@cache
def _template() -> Path:
    """Made once for each test process, and copied: an import takes a second."""
    place = Path(mkdtemp(prefix="keeping-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    folder = place / "city"
    init(folder, crs="EPSG:26915", zone="America/Chicago")
    lines = ["case,when,kind,east,north", *rows(), f"{case(900)},,Burglary,740000,4280000"]
    path = place / "calls.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    import_records(Workspace(folder), path, source="calls", mapping=MAP)
    path.unlink()
    return folder


def made(folder: Path, url: str = "sqlite:///state.db") -> Path:
    """A workspace with 60 records and one row that was set aside; its state is kept at `url`."""
    shutil.copytree(_template(), folder)
    if url != "sqlite:///state.db":
        source, target = State("sqlite:///state.db", _template()), State(url, folder)
        source.copy_into(target)
        source.close()
        target.close()
        keep_state_in(folder, url)
    return folder


def every_byte(*places: Path) -> Iterator[tuple[str, bytes]]:
    """All bytes of all files below some folders or of a backup: as they lie, and decompressed.

    An oracle beside the search: it knows nothing of canaries, and reads no value.
    """
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and not path.is_symlink():
                yield from _with_pages(str(path), path.read_bytes())
        if place.is_file():
            for member in members(place):
                yield from _with_pages(f"{place}: {member.name}", member.read())


def _with_pages(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    yield name, data
    if data[:4] == MAGIC:
        yield f"{name} (pages)", b"".join(pages(data))


def holding(text: str, *places: Path) -> list[str]:
    """Where a text is, in UTF-8, in UTF-16 or as JSON writes it."""
    forms = {
        text.encode(),
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
        json.dumps(text)[1:-1].encode(),
    }
    return [name for name, data in every_byte(*places) if any(form in data for form in forms)]
