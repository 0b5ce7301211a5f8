"""Dosage: what was done of what had been decided. Which place was attended, when, for how long, with what.

It has no field for a person, neither for those who attended nor for those who were met, and none can be added.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from peelian.errors import SourceError, UsageError

__all__ = ["COLUMNS", "Attendance", "read_dosage"]

COLUMNS = ("cell", "date", "attended", "minutes", "with")
"""Columns of a file, each of them required."""
MOST_MINUTES = 24 * 60
MOST_LETTERS = 40
MOST_KINDS = 30
"""Different things that a file may say places were attended with: more are names or notes, and no kinds."""
MOST_TOLD = 10
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


@dataclass(frozen=True)
class Attendance:
    """One visit to a place, or that it was not visited on a day on which it should have been.

    Parameters
    ----------
    cell : str
        Id of the place.
    day : date
        In the agency's calendar.
    attended : bool
    minutes : float
        How long; 0 where it was not attended.
    means : str
        With what, such as ``"foot patrol"``: a kind of work, never a name. Empty where it was not attended.
    """

    cell: str
    day: date
    attended: bool
    minutes: float = 0.0
    means: str = ""

    def __post_init__(self) -> None:
        if not self.cell.strip():
            msg = "no place was given; expected the id of a cell"
            raise UsageError(msg)
        if self.attended and not 0 < self.minutes <= MOST_MINUTES:
            msg = f"{self.minutes:g} minutes were given for a place that was attended; expected more than 0, up to 1440"
            raise UsageError(msg)
        if not self.attended and (self.minutes or self.means):
            msg = f"{self.minutes:g} minutes with {self.means!r} were given for a place that was not attended"
            raise UsageError(msg, hint="leave both out, or say that it was attended")
        if self.attended and not self.means.strip():
            msg = "nothing was given as what the place was attended with; expected a kind of work"
            raise UsageError(msg, hint="such as foot patrol, car patrol, street lights mended")
        if len(self.means) > MOST_LETTERS or "@" in self.means or re.search(r"\d{3}", self.means):
            msg = f"{self.means!r} was given as what a place was attended with; expected a kind of work in a few words"
            raise UsageError(
                msg,
                hint="such as foot patrol; no names, numbers or notes (charter, rule 1: places, never persons)",
            )

    def to_dict(self) -> dict[str, Any]:
        """A row of the table, by the names of its columns."""
        plain = asdict(self)
        return {
            "cell": plain["cell"],
            "date": self.day.isoformat(),
            "attended": self.attended,
            "minutes": float(self.minutes),
            "with": self.means,
        }

    @classmethod
    def read(cls, row: Mapping[str, str | None]) -> Attendance:
        """Read a row of text.

        Raises
        ------
        UsageError
            A value is none that is expected; the message says which.
        """
        given = {name: (row.get(name) or "").strip() for name in COLUMNS}
        if given["attended"].lower() not in (*_YES, *_NO):
            msg = f"attended is {given['attended']!r}; expected yes or no"
            raise UsageError(msg)
        try:
            day = date.fromisoformat(given["date"] if _DAY.fullmatch(given["date"]) else "")
        except ValueError:
            msg = f"date is {given['date']!r}; expected YYYY-MM-DD"
            raise UsageError(msg) from None
        try:
            minutes = float(given["minutes"] or 0)
        except ValueError:
            msg = f"minutes is {given['minutes']!r}; expected a number"
            raise UsageError(msg) from None
        attended = given["attended"].lower() in _YES
        return cls(given["cell"], day, attended, minutes, " ".join(given["with"].lower().split()))


def read_dosage(path: Path) -> list[tuple[int, Attendance]]:
    """Read a CSV file with the columns of `COLUMNS`: each row with the number of its line.

    Raises
    ------
    SourceError
        The file can't be read, has another column, or has rows that say nothing or too much; each is named.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _check_columns(path, reader.fieldnames or ())
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"{path} can't be read as dosage: {getattr(error, 'strerror', None) or error}"
        raise SourceError(msg, hint=f"a CSV file in UTF-8 with the columns {','.join(COLUMNS)}") from error
    found: list[tuple[int, Attendance]] = []
    wrong: list[tuple[int, str]] = []
    for line, row in rows:
        try:
            if None in row or None in row.values():
                msg = f"it has not {len(COLUMNS)} values"
                raise UsageError(msg)
            found.append((line, Attendance.read(row)))
        except UsageError as error:
            wrong.append((line, error.message))
    refuse_rows(path.name, wrong)
    if not found:
        msg = f"{path.name} holds no row; expected one for each visit"
        raise SourceError(msg, hint=",".join(COLUMNS))
    kinds = {visit.means for _, visit in found}
    if len(kinds) > MOST_KINDS:
        msg = f"column 'with' of {path.name} has {len(kinds)} different values: those are names or notes, not kinds"
        raise SourceError(
            msg,
            hint=f"use a short list of kinds, at most {MOST_KINDS} (charter, rule 1: places, never persons)",
        )
    return found


def refuse_rows(name: str, wrong: Iterable[tuple[int, str]]) -> None:
    """Refuse a file for its rows, each by the number of its line; nothing happens where none is wrong."""
    told = sorted(wrong)
    if not told:
        return
    lines = [f"line {line}: {said}" for line, said in told[:MOST_TOLD]]
    more = f"; and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    msg = f"{name} has {len(told)} bad row(s), and nothing of it was kept: {'; '.join(lines)}{more}"
    raise SourceError(
        msg, hint=f"mend these rows and enter the file again; the columns are {','.join(COLUMNS)}"
    )


def _check_columns(path: Path, given: Iterable[str | None]) -> None:
    names = [str(name or "").strip() for name in given]
    others = [name for name in names if name not in COLUMNS]
    if others:
        msg = (
            f"{path.name} has the column {', '.join(map(repr, others))}, which dosage has no field for: who attended "
            "or was met is never kept (charter, rule 1: places, never persons)"
        )
        raise SourceError(msg, hint=f"leave it out; the columns are {','.join(COLUMNS)}")
    if sorted(names) != sorted(COLUMNS):
        msg = f"{path.name} has the columns {','.join(names) or 'none'}; expected {','.join(COLUMNS)}, each once"
        raise SourceError(msg)
