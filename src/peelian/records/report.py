"""What an import did with every row: the report, and what was set aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from peelian.errors import PeelianError

__all__ = ["QUARANTINE_COLUMNS", "REASONS", "ImportReport"]

#: Quarantine reason -> what it means. The slugs are stable.
REASONS: Mapping[str, str] = {
    "malformed_row": "the row has not as many fields as the header, or a quote that never closes",
    "no_time": "no time of occurrence that can be read",
    "too_old": "occurred before the earliest time that is believed",
    "future": "occurred after the import",
    "from_after_to": "the earliest time of occurrence is after the latest",
    "occurred_after_reported": "occurred after it was reported",
    "no_place": "no coordinates that can be read, or zeros",
    "outside_crs": "outside the area of use of the CRS",
    "outside_study_area": "outside the study area",
    "correction_without_row": "corrects a row that is neither in the file nor in the store",
}

#: Columns of the quarantine table: which row, why, and the text of the fields that would have been kept.
QUARANTINE_COLUMNS: tuple[str, ...] = (
    "row",
    "reason",
    "id",
    "occurred_from",
    "occurred_to",
    "reported",
    "label",
    "x",
    "y",
)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The account of one import; ``rows_in == stored + duplicates + corrections + quarantined``.

    ``corrections`` counts correction rows and the rows in the same file that they cancel;
    ``cancelled_earlier`` are rows of earlier imports that they cancel (not rows of this file).
    ``identical_rows`` are rows equal to an earlier one of the file and kept, because without an id they may
    be separate incidents. ``revised`` are duplicates whose content differs from what was stored first.
    ``dst_nonexistent`` and ``dst_ambiguous`` count times of occurrence.
    """

    source: str
    file: str
    sha256: str
    rows_in: int
    stored: int
    duplicates: int
    corrections: int
    quarantined: int
    quarantined_by_reason: dict[str, int] = field(default_factory=dict)
    dropped_columns: list[str] = field(default_factory=list)
    unmapped: dict[str, int] = field(default_factory=dict)
    identical_rows: int = 0
    revised: int = 0
    cancelled_earlier: int = 0
    categories: dict[str, int] = field(default_factory=dict)
    officer_initiated: int = 0
    first_occurred: str | None = None
    last_occurred: str | None = None
    resolution: str = "minute"
    crs: str = ""
    zone: str = ""
    dst_nonexistent: int = 0
    dst_ambiguous: int = 0
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        accounted = self.stored + self.duplicates + self.corrections + self.quarantined
        if self.rows_in != accounted or self.quarantined != sum(self.quarantined_by_reason.values()):
            msg = (
                f"{self.file}: {self.rows_in} rows came in, but {accounted} are accounted for ({self.stored} stored, "
                f"{self.duplicates} duplicates, {self.corrections} corrections, {self.quarantined} quarantined)"
            )
            raise PeelianError(msg, hint="report this as a fault; nothing was stored")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON-ready values."""
        return asdict(self)
