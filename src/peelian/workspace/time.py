"""``time``: when reports come, by hour, weekday and season, and when their level changed."""

from __future__ import annotations

from typing import Literal

from peelian.patterns.base import check_level
from peelian.patterns.times import times
from peelian.workspace.calls import recorded
from peelian.workspace.chosen import choose, keep
from peelian.workspace.outcome import Outcome
from peelian.workspace.workspace import Workspace

__all__ = ["time"]

LABEL = "looking at times"


@recorded
def time(
    workspace: Workspace,
    category: str,
    *,
    first: str | None = None,
    last: str | None = None,
    hours: bool = True,
    longest: float = 48.0,
    coarse: Literal["refuse", "leave_out"] = "refuse",
    period: str | None = None,
    level: float = 0.05,
    replicates: int = 999,
) -> Outcome:
    """Find when reports come and when their level changed; the page is ``runs/ID/time.html``.

    Parameters
    ----------
    first, last : date, optional
        Reports from `first` up to and without `last`; all that are complete when not given.
    hours : bool
        Look at hours; without them, records that know only the day or the month tell weekdays, season and changes.
    longest : float
        Hours. Reports that can have happened in a longer stretch say nothing of the hour, and are set apart.
    coarse : {"refuse", "leave_out"}
        What to do when some reports have no time of day: refuse, or leave them out of the hours and count them.
    period : str, optional
        In which changes are looked for, such as ``"1w"``; months where some reports know no more, else weeks.
    level : float
        False-discovery rate of hours, weekdays and months, chance of a false change, and 1 minus the cover of
        intervals.
    replicates : int
        How often chance is simulated.

    Raises
    ------
    RefusedError
        The role may not, or all reports came from officers' own activity.
    ResolutionError
        Hours were asked for, or changes in weeks, and some reports don't tell them.
    NotEnoughDataError, UsageError
        See `peelian.workspace.chosen.choose` and `peelian.patterns.times.times`.
    """
    workspace.require("patterns", {"kind": "records"})
    workspace.require("read_records", {"kind": "records"})
    from peelian.publish.time import time_page

    check_level(level, what="false-discovery rate")
    with workspace.writing():
        chosen = choose(workspace, category, first=first, last=last)
        seed = workspace.config.forecast.seed
        workspace.progress(LABEL, 0, 1)
        found = times(
            chosen.incidents,
            start=chosen.start,
            end=chosen.end,
            hours=hours,
            longest=longest,
            coarse=coarse,
            period=period,
            rate=level,
            level=1 - level,
            replicates=replicates,
            seed=seed,
        )
        workspace.progress(LABEL, 1, 1)
        result = {**chosen.to_dict(), **found.to_dict(), "origin": workspace.origin(seed=seed)}
        page = time_page(result, found, demonstration=workspace.config.agency.demonstration)
        standing = 0 if found.hour_of_week is None else int(found.hour_of_week.above.sum())
        changes = 0 if found.changes is None else len(found.changes.changes)
        return keep(
            workspace,
            "time",
            result,
            category=category,
            page=page,
            tables=found.tables,
            details={"hours": standing, "changes": changes},
        )
