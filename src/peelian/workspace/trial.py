"""``trial``: try the methods against plain counting, on periods that they had not seen."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

from peelian.errors import UsageError
from peelian.workspace.history import history
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["trial"]


def trial(
    workspace: Workspace,
    category: str,
    *,
    period: str | None = None,
    origins: int | None = None,
    fractions: Sequence[float] | None = None,
    methods: Sequence[str] = ("all",),
    executor: Executor | None = None,
) -> Outcome:
    """Run a rolling-origin trial; its verdict decides which method the workspace uses for the category."""
    workspace.require("trial", {"kind": "method"})
    from peelian.methods import discover, method_by_name
    from peelian.publish import trial_page
    from peelian.trials import run_trial

    settings = workspace.config.forecast
    chosen = discover() if "all" in methods else [method_by_name(name) for name in methods]
    names = {method.name for method in chosen}
    if "count_map" not in names:
        chosen = [method_by_name("count_map"), *chosen]  # without counting there is nothing to compare with
    if len(chosen) < 2:
        msg = "a trial of count_map alone was asked for; expected at least one method to compare with it"
        raise UsageError(msg, hint="peelian trial --method all")
    with workspace.writing():
        counts = history(workspace, category, period=period)
        done = run_trial(
            counts,
            [method() for method in chosen],
            origins=origins or settings.origins,
            fractions=tuple(fractions or settings.fractions),
            gap=settings.gap,
            seed=settings.seed,
            executor=executor,
            progress=lambda i, n: workspace.progress("trying the methods on past periods", i, n),
        )
        result = {"category": category, **done.to_dict()}
        seconds = {method["name"]: method.pop("seconds") for method in result["methods"]}
        result["notes"] = _notes(workspace, category, result)
        result["origin"] = workspace.origin(grid=counts.grid.to_dict(), seed=settings.seed)
        run = workspace.new_run("trial")
        verdict = result["verdict"]
        outcome = workspace.commit(
            run,
            result,
            category=category,
            tables={"scores": done.frame},
            pages={"trial.html": trial_page(result, demonstration=workspace.config.agency.demonstration)},
            details={"category": category, "verdict": verdict["status"], "method": verdict["method"]},
        )
    for method in outcome.result["methods"]:
        method["seconds"] = seconds[method["name"]]
    return outcome


def _notes(workspace: Workspace, category: str, result: dict[str, Any]) -> list[str]:
    """What a reader of the verdict must know: whether it counts, and how often it was asked for before."""
    settings = workspace.config.forecast
    notes = []
    if (
        result["origins"] < settings.origins
        or result["verdict"]["fraction"] != settings.fractions[0]
        or result["period"] != settings.period
    ):
        notes.append(
            "This trial explores: its settings are not those set for this workspace. Its verdict decides on forecasts "
            "only where the length of the period and the share of the area are the same and at least as many periods "
            "were tried."
        )
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
