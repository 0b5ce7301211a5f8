"""Which incidents are older than they may be kept."""

from __future__ import annotations

import re
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from peelian.records.selection import latest

__all__ = ["expired", "may_hold_expired"]


def expired(table: pa.Table, limit: datetime) -> pa.ChunkedArray:
    """Which incidents of a table ended before a moment of naive civil time, at the latest that they can have."""
    return pc.less(latest(table), pa.scalar(limit, pa.timestamp("us")))


def may_hold_expired(name: str, limit: datetime) -> bool:
    """Whether a file of incidents may hold any that ended before `limit`, by the month that its folder names."""
    month = re.search(r"/month=(\d{4})-(\d{2})/", name)
    return month is None or (int(month[1]), int(month[2])) <= (limit.year, limit.month)
