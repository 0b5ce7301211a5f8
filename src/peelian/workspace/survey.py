"""Which sources hold the records that are to go, and which other ids merely look like theirs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from peelian.errors import UsageError
from peelian.records.erasure import hashed_id, kind_of, source_of
from peelian.workspace.canaries import unique
from peelian.workspace.traces import Wanted

__all__ = ["Survey"]


@dataclass
class Survey:
    """What was seen of some ids in record files.

    Parameters
    ----------
    asked : tuple of str
        As somebody gave them: ids as they are stored, or the source's own numbers, which may be stored as a hash.
    names : frozenset of str
        Sources that such a number may be of.
    sources : dict
        Which of them each source has.
    longer : set of str
        Ids of other records that have one of them within.
    """

    asked: tuple[str, ...] = field(repr=False)
    names: frozenset[str] = frozenset()
    sources: dict[str, set[str]] = field(default_factory=dict, repr=False)
    longer: set[str] = field(default_factory=set, repr=False)

    @cached_property
    def ids(self) -> frozenset[str]:
        """Every id under which one of them may be stored."""
        hashed = {hashed_id(source, one) for source in self.names for one in self.asked}
        return frozenset({*self.asked, *hashed})

    def look(self, name: str, data: bytes) -> None:
        """See what a record file has of them; `name` is relative to the folder of the records."""
        columns = ["id", "source"] if kind_of(name) == "quarantine" else ["id"]
        table = pq.read_table(pa.BufferReader(data), columns=columns)
        for one in self.ids:
            table_of = table.filter(pc.fill_null(pc.match_substring(table["id"], one), False))
            folder = source_of(name)
            sources = [folder] * len(table_of) if folder is not None else table_of["source"].to_pylist()
            for known, source in zip(table_of["id"].to_pylist(), sources, strict=True):
                if known == one:
                    self.sources.setdefault(str(source), set()).add(one)
                else:
                    self.longer.add(known)

    def wanted(self, source: str | None, texts: tuple[str, ...]) -> tuple[Wanted, int]:
        """What is to go, and how many ids can't be searched for since another source's record has the same.

        Raises
        ------
        UsageError
            No source was given, and several have these ids.
        """
        chosen = self._source(source)
        staying = {one for name, held in self.sources.items() if name != chosen for one in held}
        if chosen is None:
            staying = set()
        # What was asked for first, so that reports count from that.
        sought = [*self.asked, *sorted(self.ids - {*self.asked})]
        sought = [one for one in sought if one not in staying]
        canaries = unique(sought, label="record", others=self.longer) + unique(texts, label="text")
        return Wanted(self.ids, chosen, canaries), len(staying)

    def _source(self, given: str | None) -> str | None:
        if given is not None:
            same = [name for name in self.sources if name.casefold() == given.strip().casefold()]
            return same[0] if same else given.strip()
        if len(self.sources) > 1:
            known = ", ".join(sorted(self.sources))
            msg = f"records of several sources have these ids ({known}), and ids are told apart within a source only"
            raise UsageError(msg, hint=f"--source {min(self.sources)}, one source at a time")
        return next(iter(self.sources), None)
