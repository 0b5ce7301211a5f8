"""What can be done at a place that is not patrol: a catalogue of options with their evidence.

The catalogue is ``options.csv``, beside this file. Each row says who acts, what is done, which published
study stands behind it, and what that study can't tell. Evidence about other places is a reason to try
something here and to measure it, not a promise.
"""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.resources import files

from peelian.errors import UsageError

__all__ = ["Option", "all_options", "options_for"]

ANY = "*"


@dataclass(frozen=True)
class Option:
    """One thing to do at a place other than sending a patrol.

    Parameters
    ----------
    key : str
        Stable name, such as ``"street_lighting"``.
    title : str
    categories : tuple of str
        Standard categories that it fits; ``("*",)`` fits all.
    who : str
        Who acts.
    what : str
        What they do.
    evidence : str
        The study, as a citation.
    unknown : str
        What the study can't tell.
    """

    key: str
    title: str
    categories: tuple[str, ...]
    who: str
    what: str
    evidence: str
    unknown: str

    def fits(self, category: str) -> bool:
        """Whether it was made for this category, or for any."""
        return category in self.categories or self.categories == (ANY,)

    def to_dict(self) -> dict[str, object]:
        """As plain values; `categories` is a list."""
        return {**asdict(self), "categories": list(self.categories)}


@lru_cache(maxsize=1)
def _catalogue() -> tuple[Option, ...]:
    lines = files(__package__).joinpath("options.csv").read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(lines)
    return tuple(Option(categories=tuple(row.pop("categories").split(";")), **row) for row in rows)


def all_options() -> list[Option]:
    """The whole catalogue, in its order."""
    return list(_catalogue())


def options_for(category: str) -> list[Option]:
    """The options that fit a category, the ones made for it first; never empty.

    Parameters
    ----------
    category : str
        A standard category of `peelian.records`. For any other label (a source's own, ``"other"``) the
        general option of asking why here is given, which fits all (Hinkle et al. 2020).

    Raises
    ------
    UsageError
        The category is empty.
    """
    if not category.strip():
        msg = f"{category!r} was given as a category; expected a name such as 'burglary'"
        raise UsageError(msg, hint="options_for('burglary')")
    fitting = [option for option in _catalogue() if option.fits(category)]
    return sorted(fitting, key=lambda option: option.categories == (ANY,))
