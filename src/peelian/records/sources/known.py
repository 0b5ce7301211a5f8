"""The known sources, in the order in which headers are tried."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from peelian.records.sources.base import Source
from peelian.records.sources.chicago import CHICAGO
from peelian.records.sources.police_uk import POLICE_UK
from peelian.records.sources.slmpd import SLMPD

__all__ = ["SOURCES"]

#: Name -> source, in the order in which headers are tried.
SOURCES: Mapping[str, Source] = MappingProxyType({s.name: s for s in (SLMPD, CHICAGO, POLICE_UK)})
