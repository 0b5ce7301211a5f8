"""``trial``: try the methods against plain counting, on periods that they had not seen."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import loky
import numpy as np

from peelian.errors import PeelianError, UsageError
from peelian.methods import Method, discover, method_by_name
from peelian.methods.base import FOLDS
from peelian.places import Counts
from peelian.places.periods import as_day
from peelian.publish import trial_page
from peelian.trials import Trial, run_trial
from peelian.trials.rolling import default_executor
from peelian.units import area_text
from peelian.workspace.calls import recorded
from peelian.workspace.config import Forecast
from peelian.workspace.grids import grid_table
from peelian.workspace.halts import HaltedError
from peelian.workspace.history import gap_of, history, learned_from
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["Interrupted", "decides", "trial"]

LABEL = "trying the methods on past periods"


class Interrupted(KeyboardInterrupt):
    """Somebody stopped a trial. What was finished is kept, and the same trial goes on from there.

    Parameters
    ----------
    kept, total : int
        Forecasts of past periods that are finished, and how many it takes.
    """

    def __init__(self, kept: int, total: int) -> None:
        super().__init__(kept, total)
        self.kept, self.total = kept, total


@recorded
def trial(
    workspace: Workspace,
    category: str,
    *,
    period: str | None = None,
    origins: int | None = None,
    fractions: Sequence[float] | None = None,
    areas: Sequence[float] | None = None,
    first: str | None = None,
    last: str | None = None,
    methods: Sequence[str] | None = None,
    jobs: int | None = None,
    executor: Executor | None = None,
) -> Outcome:
    """Run a rolling-origin trial; its verdict decides which method the workspace uses for the category.

    Parameters
    ----------
    period : str, optional
        Length of a period; from ``peelian.toml`` when not given, as are `origins`, `fractions` and `methods`.
    origins : int, optional
        How many past periods are forecast. With `first` alone, all from there on.
    areas : sequence of float, optional
        In km2, in place of `fractions`.
    first, last : date, optional
        Forecast periods that start on `first` or later and end before `last`.
    methods : sequence of str, optional
        Names, or ``"all"``. The methods that count take part in any case: the best of them is what the others are
        measured by.
    jobs : int, optional
        At most so many processes; 1 works in this one. As many as there are cores when not given.
    executor : Executor, optional
        Who does the work instead, such as a Dask cluster.

    Raises
    ------
    Interrupted
        Ctrl-C. Finished forecasts stay in ``cache/trials`` until the same trial is run to its end.
    UsageError
        A method is unknown or only counts, an area is smaller than a cell, or `first` is not before `last`.
    """
    workspace.require("trial", {"kind": "method"})
    settings = workspace.config.forecast
    names = tuple(methods or settings.methods)
    chosen = _chosen(names)
    workspace.guard.work_on(category=category, methods=tuple(method.name for method in chosen))
    _check_bounds(first, last)
    if fractions and areas:
        msg = f"the fractions {list(fractions)} and the areas {list(areas)} were given; expected one of both"
        raise UsageError(msg, hint="--fraction 0.01, or --area '0.25 sq mi'")
    with workspace.writing():
        counts = history(workspace, category, period=period)
        gap, delay = gap_of(workspace, category, counts.periods.frequency)
        asked: dict[str, Any] = {
            "origins": origins or _all_from(counts, gap, first, last) or settings.origins,
            "fractions": None if areas else list(fractions or settings.fractions),
            "areas_km2": list(areas) if areas else None,
            "from": None if first is None else str(as_day(first)),
            "to": None if last is None else str(as_day(last)),
            "methods": sorted(names),
            "gap": settings.gap,
        }
        _check_areas(counts, asked["areas_km2"] or ())
        folder = workspace.folder / "cache" / "trials" / _key(category, counts)
        done = _run(workspace, counts, chosen, asked, gap=gap, folder=folder, jobs=jobs, executor=executor)
        outcome = _commit(workspace, category, counts, done, asked=asked, delay=delay)
        shutil.rmtree(folder, ignore_errors=True)  # only there to go on from, and part of no record
    return outcome


def _commit(
    workspace: Workspace,
    category: str,
    counts: Counts,
    done: Trial,
    *,
    asked: dict[str, Any],
    delay: dict[str, Any] | None,
) -> Outcome:
    """Store the trial without the seconds that it took, which are no part of a record, and tell them all the same."""
    result = {
        "category": category,
        **done.to_dict(),
        "asked": asked,
        "delay": delay,
        "learned_from": learned_from(workspace, counts),
        "origin": workspace.origin(grid=counts.grid.to_dict(), seed=done.seed),
    }
    seconds = {method["name"]: method.pop("seconds") for method in result["methods"]}
    result["repeats"] = _repeated(workspace, category, result)
    result["notes"] = _notes(workspace, category, counts, result)
    verdict = result["verdict"]
    outcome = workspace.commit(
        workspace.new_run("trial"),
        result,
        category=category,
        tables={"scores": done.frame, "grid": grid_table(counts.grid)},
        pages={"trial.html": trial_page(result, demonstration=workspace.config.agency.demonstration)},
        details={"category": category, "verdict": verdict["status"], "method": verdict["method"]},
    )
    for method in outcome.result["methods"]:
        method["seconds"] = seconds[method["name"]]
    return outcome


def decides(settings: Forecast, trial: Mapping[str, Any], frequency: str) -> bool:
    """Whether a stored trial's verdict is what forecasts of periods of `frequency` go by; other trials explore.

    A verdict is about what was asked before anybody looked: the configured origins (not more, and none picked by date),
    first share of the area, gap and methods. Who could ask for 52, then for 56, and stop when the verdict is the one
    that was wanted, would find a method better by chance more often than the interval says. For the same reason a trial
    that was run again on the same records doesn't decide: the first of them stands.
    """
    return _as_settled(settings, trial, frequency) and trial.get("repeats") is None


def _as_settled(settings: Forecast, trial: Mapping[str, Any], frequency: str) -> bool:
    asked = trial.get("asked")
    return (
        asked is not None
        and trial["period"] == frequency
        and asked["gap"] == settings.gap
        and asked["origins"] == settings.origins
        and (asked["from"], asked["to"]) == (None, None)
        and bool(asked["fractions"])
        and asked["fractions"][0] == settings.fractions[0]
        and ("all" in asked["methods"] or set(asked["methods"]) == set(settings.methods))
    )


def _repeated(workspace: Workspace, category: str, result: Mapping[str, Any]) -> str | None:
    """The trial that decides already by the same records, places, settings and software; None where there is none.

    The seed of the bootstrap is not among what must be the same: another one is no other question.
    """
    settings = workspace.config.forecast
    if not _as_settled(settings, result, result["period"]):
        return None
    for row in reversed(workspace.runs("trial", category=category)):
        stored = workspace.result(row["id"])
        if decides(settings, stored, result["period"]):
            return str(row["id"]) if _made_from(stored) == _made_from(result) else None
    return None


def _made_from(result: Mapping[str, Any]) -> tuple[Any, ...]:
    origin = result["origin"]
    return origin["data_version"], origin["peelian"], origin["grid"], result["learned_from"], result["gap"]


def _chosen(names: Sequence[str]) -> list[type[Method]]:
    every = discover()
    chosen = every if "all" in names else [method_by_name(name) for name in names]
    if all(method.counting for method in chosen):
        msg = f"a trial of {' and '.join(names)} alone was asked for; expected a method that does not only count"
        raise UsageError(msg, hint="peelian trial --method all")
    return [method for method in every if method in chosen or method.counting]


def _check_bounds(first: str | None, last: str | None) -> None:
    if first is not None and last is not None and as_day(first) >= as_day(last):
        msg = f"origins from {first} to {last} were asked for; expected a first day before the last"
        raise UsageError(msg, hint="--from 2016-01-01 --to 2017-01-01")


def _check_areas(counts: Counts, areas: Sequence[float]) -> None:
    """An area must hold a cell, and lie within the study area; that it is not 0 was seen when it was read."""
    total, cell = float(counts.grid.area.sum()), float(counts.grid.area.max())
    for area in areas:
        if not cell * (1 - 1e-9) <= area <= total * (1 + 1e-9):
            msg = (
                f"an area of {area_text(area)} was given; expected at least one cell of {area_text(cell)}, and at most "
                f"the whole study area of {area_text(total)}"
            )
            raise UsageError(msg, hint=f"--area '{area_text(cell)}', or --fraction 0.01")


def _all_from(counts: Counts, gap: int, first: str | None, last: str | None) -> int | None:
    """How many periods there are from `first` on; None where there is no such bound, or no such period."""
    if first is None:
        return None
    edges = counts.periods.edges
    end = edges[-1] if last is None else as_day(last)
    inside = (edges[:-1] >= as_day(first)) & (edges[1:] <= end)
    return int(inside[gap + 1 :].sum()) or None


def _key(category: str, counts: Counts) -> str:
    """A folder's name for what one trial keeps: a category may be called anything."""
    told = f"{category.strip().casefold()} {counts.periods.frequency}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _run(
    workspace: Workspace,
    counts: Counts,
    chosen: Sequence[type[Method]],
    asked: Mapping[str, Any],
    *,
    gap: int,
    folder: Path,
    jobs: int | None,
    executor: Executor | None,
) -> Trial:
    kept = (0, 0)

    def tell(done: int, total: int) -> None:
        nonlocal kept
        kept = (done, total)
        workspace.progress(LABEL, done, total)

    periods = asked["origins"] + FOLDS
    try:
        with _at_most(jobs):
            if executor is None:
                executor = _processes(len(counts.grid) * periods * len(chosen))
            return run_trial(
                counts,
                [method() for method in chosen],
                origins=asked["origins"],
                fractions=tuple(asked["fractions"] or ()),
                areas=asked["areas_km2"],
                gap=gap,
                first=asked["from"],
                last=asked["to"],
                seed=workspace.config.forecast.seed,
                executor=executor,
                progress=tell,
                folder=folder,
            )
    except HaltedError:
        loky.get_reusable_executor(reuse=True).shutdown(
            wait=True, kill_workers=True
        )  # what is queued stops, too
        raise
    except PeelianError:
        shutil.rmtree(folder, ignore_errors=True)  # the same again would come to the same
        raise
    except KeyboardInterrupt:
        # What the processes were at is begun again; what they had finished is on disk.
        loky.get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)
        raise Interrupted(*kept) from None


class _Unbroken(Executor):
    """Processes whose tasks are never cancelled one by one: stopped in the middle, they would say so in a traceback."""

    def __init__(self, inner: Executor) -> None:
        self.inner = inner

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = self.inner.submit(fn, *args, **kwargs)
        setattr(future, "cancel", lambda: False)  # noqa: B010
        return future


def _processes(work: int) -> Executor | None:
    found = default_executor(work, interrupted=False)
    return None if found is None else _Unbroken(found)


@contextmanager
def _at_most(jobs: int | None) -> Iterator[None]:
    """Let the trial see no more than so many cores, by the variable that it goes by; with 1 it starts no process."""
    name = "LOKY_MAX_CPU_COUNT"
    before = os.environ.get(name)
    if jobs is not None:
        os.environ[name] = str(jobs)
    try:
        yield
    finally:
        if jobs is not None and before is None:
            del os.environ[name]
        elif before is not None:
            os.environ[name] = before


def _notes(workspace: Workspace, category: str, counts: Counts, result: Mapping[str, Any]) -> list[str]:
    """What a reader of the verdict must know: whether it counts, what it lacks, and how often it was asked before."""
    settings = workspace.config.forecast
    notes = []
    if not _as_settled(settings, result, settings.period):
        notes.append(
            "This trial explores: its settings are not those set for this workspace. Its verdict decides on forecasts "
            "only where the length of the period, the share of the area, the gap and the methods are the same, exactly "
            "as many periods were asked for, and none were picked by date."
        )
    if result["repeats"] is not None:
        notes.append(
            f"This trial repeats {result['repeats']}, by the same records and settings. The first one stands: this one "
            "changes nothing of what forecasts go by."
        )
    notes += _fewer(counts, result) + _too_small(counts, result) + _known_early(result)
    if result["delay"] is not None:
        notes.append(f"The gap of {result['gap']} was measured. {result['delay']['text']}")
    if workspace.areas is None:
        notes.append(
            "No study area is configured. The area is that of all squares with an incident of any kind and of those "
            "around them, so a share of the area is not a share of the city."
        )
    version = workspace.data_version
    earlier = [
        row["id"]
        for row in workspace.runs("trial", category=category)
        if workspace.result(row["id"])["origin"]["data_version"] == version
    ]
    if earlier:
        notes.append(
            f"{len(earlier)} earlier {'trial' if len(earlier) == 1 else 'trials'} of this category used the same "
            f"records ({', '.join(earlier[-3:])}). The more often one tries, the likelier one verdict is 'better' by "
            "chance."
        )
    return notes


def _known_early(result: Mapping[str, Any]) -> list[str]:
    """A trial bins reports by when things happened, and so learns from some that had not come in at its origins."""
    gap, delay = result["gap"], result["delay"]
    told = delay is not None and delay["known"]
    if gap > 0 and not told:
        return []
    said = (
        "This trial learned from reports by the day on which things happened: what came in late it knew early"
    )
    if told:
        late = f"up to {100 * (1 - delay['share']):.0f} % of the last period that it learned from"
        return [f"{said}. That may be {late}."]
    return [f'{said}. How much that is was not measured; gap = "measured" leaves most of it out.']


def _fewer(counts: Counts, result: Mapping[str, Any]) -> list[str]:
    asked, scored = result["asked"]["origins"], result["origins"]
    if scored >= asked:
        return []
    first = counts.periods[int(np.flatnonzero(counts.by_period)[0])].start
    said = (
        f"{asked} past periods were asked for and {scored} were scored. The first report of {result['category']} is "
        f"from the period that begins on {first}: at those left out, at least one method had nothing yet to learn from."
    )
    return [said]


def _too_small(counts: Counts, result: Mapping[str, Any]) -> list[str]:
    total, cell = float(counts.grid.area.sum()), float(counts.grid.area.max())
    small = [f"{100 * share:g} %" for share in result["fractions"] if share * total < cell * (1 - 1e-9)]
    if not small:
        return []
    said = (
        f"{' and '.join(small)} of the area is less than one place, so one place was picked: "
        f"{100 * cell / total:.2g} % of the area, by which the scores are reckoned."
    )
    return [said]
