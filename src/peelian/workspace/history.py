"""The past of one category as counts: what forecasts, trials and plans are made from."""

from __future__ import annotations

from peelian.errors import NotEnoughDataError, RefusedError
from peelian.places import Counts, Grid, Periods, count_incidents
from peelian.places.periods import as_day
from peelian.records import Incidents
from peelian.records.coverage import span_of_table
from peelian.units import Frequency
from peelian.workspace.workspace import Workspace

__all__ = ["history", "training_incidents"]

#: Share of a category's incidents from which on a source decides from when to when the category is covered.
MAIN_SOURCE = 0.05


def training_incidents(workspace: Workspace, category: str) -> Incidents:
    """Incidents of a category that may be learned from.

    Raises
    ------
    RefusedError
        All of them came from officers' own activity (charter, rule 6).
    NotEnoughDataError
        There is none.
    """
    found = workspace.incidents(category=category, officer_initiated=False)
    if len(found) == 0:
        every = workspace.incidents(category=category)
        if len(every) > 0:
            msg = (
                f"all {len(every):,} incidents of {category} came from officers' own activity, which shows where "
                "officers were, not where incidents are reported (charter, rule 6); no method is trained on them"
            )
            raise RefusedError(msg, hint="choose a category that residents report, such as burglary")
        msg = f"the workspace holds no incident of {category}"
        raise NotEnoughDataError(
            msg, hint=f"peelian status --workspace {workspace.folder} lists the categories"
        )
    return found


def history(
    workspace: Workspace,
    category: str,
    *,
    period: str | None = None,
    until: str | None = None,
    grid: Grid | None = None,
) -> Counts:
    """Counts of a category in whole periods, from where its sources' records are complete to where they end.

    Parameters
    ----------
    until : date, optional
        Count up to and without this day.
    grid : Grid, optional
        Another grid than the workspace has now.

    Raises
    ------
    NotEnoughDataError
        The records end before `until`, or hold not one whole period.
    """
    frequency = Frequency.parse(period or workspace.config.forecast.period)
    incidents = training_incidents(workspace, category)
    incidents.require(frequency.resolution)
    shares = incidents.frame["source"].value_counts(normalize=True)
    # A source of a few incidents says little about when the others begin and end; its incidents count all the same.
    sources = sorted(str(name) for name, share in shares.items() if share >= MAIN_SOURCE)
    start, end = span_of_table(workspace.store.table(), sources=sources)
    if incidents.resolution == "month":  # a month-only record stands for its whole month
        start = start.astype("datetime64[M]").astype("datetime64[D]")
        end = ((end - 1).astype("datetime64[M]") + 1).astype("datetime64[D]")
    if until is not None:
        if as_day(until) > end:
            msg = (
                f"records up to {until} were asked for, but those of {category} are complete up to {end} only"
            )
            raise NotEnoughDataError(msg, hint=f"--until {end}, or import the records that are missing")
        end = as_day(until)
    periods = Periods.covering(start, end, frequency)
    return count_incidents(incidents, workspace.grid if grid is None else grid, periods)
