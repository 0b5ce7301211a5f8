"""``drift``: whether the method in use still keeps up with counting, on each period since its trial."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import NotEnoughDataError
from peelian.methods import method_by_name
from peelian.places import Counts, Grid
from peelian.publish.drift import drift_page
from peelian.trials import run_trial
from peelian.trials.drift import Drift, State, Watch, cusum, drift_text, run_length_of, watch
from peelian.units import Frequency
from peelian.workspace.forecast import chosen_method
from peelian.workspace.grids import grid_from
from peelian.workspace.history import history
from peelian.workspace.suspension import same_category, suspension_of
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["drift"]

Floats = npt.NDArray[np.float64]

NOUNS = {"1d": "days", "1w": "weeks", "1mo": "months"}
SHORTEST = 10.0
"""Periods between false alarms, at least: five years of periods of a year would be an alarm for nothing."""


@dataclass
class _Before:
    """Where earlier runs of the same trial left off.

    Parameters
    ----------
    since : date
        The first period that is not scored yet begins on it.
    state : State
    runs : list of str
        Runs whose scores the sum is of, since the trial or since somebody lifted a suspension.
    alarmed : str, optional
        The run among them that gave the alarm.
    """

    since: str
    state: State = field(default_factory=State)
    runs: list[str] = field(default_factory=list)
    alarmed: str | None = None


def drift(
    workspace: Workspace, category: str, *, period: str | None = None, executor: Executor | None = None
) -> Outcome:
    """Score the method in use and counting on each period that is complete since, and see whether it has fallen behind.

    Each period is scored once, by the rules of the trial and on its grid, when the gap for late reports has passed;
    what it gave then stays, and the sum goes on from there. Behind by more than chance takes it in years is an alarm,
    which suspends the method for the category until a person lifts that.

    Parameters
    ----------
    period : str, optional
        Length of a period; from ``peelian.toml`` when not given.
    executor : Executor, optional
        Who does the work.

    Returns
    -------
    Outcome
        Its ``status`` is ``"level"``, ``"alarm"``, ``"suspended"`` (already), or, without a run, ``"no new period"`` or
        ``"nothing to watch"``.

    Raises
    ------
    NotEnoughDataError
        The trial had too few periods to tell by how much scores scatter.
    """
    workspace.require("drift", {"kind": "method"})
    frequency = str(Frequency.parse(period or workspace.config.forecast.period))
    with workspace.writing():
        name, verdict = chosen_method(workspace, category, frequency)
        trial = None if verdict is None else workspace.result(verdict["trial"])
        if trial is None or verdict is None or _counts(trial, name):
            return _nothing(category, frequency, name, verdict)
        run = str(verdict["trial"])
        reference = _watch(workspace, run, trial, name)
        before = _before(workspace, category, run, since=str(trial["to"]))
        counts = _complete(workspace, category, frequency, before.since, trial, run)
        if counts is None:
            return _no_new(workspace, category, frequency, name, run, before)
        return _commit(workspace, category, counts, (run, trial, name), reference, before, executor)


def _counts(trial: dict[str, Any], name: str) -> bool:
    return any(m["name"] == name and m["counting"] for m in trial["methods"])


def _title(trial: dict[str, Any], name: str) -> str:
    return next(str(m["title"]) for m in trial["methods"] if m["name"] == name)


def _nothing(category: str, frequency: str, name: str, verdict: dict[str, Any] | None) -> Outcome:
    by = f"the verdict of {verdict['trial']}" if verdict else "no trial with these settings yet"
    text = f"There is nothing to watch: {category} is forecast by counting ({name}; {by})."
    return Outcome(
        "",
        {
            "category": category,
            "period": frequency,
            "method": name,
            "status": "nothing to watch",
            "alarm": None,
            "text": text,
        },
    )


def _no_new(
    workspace: Workspace, category: str, frequency: str, name: str, trial: str, before: _Before
) -> Outcome:
    suspension = suspension_of(workspace, category)
    text = (
        f"No period of {frequency} has become complete since {before.since}: there is nothing new to score."
    )
    if suspension is not None:
        text += f" {_stays(suspension)}"
    result = {
        "category": category,
        "period": frequency,
        "method": name,
        "trial": trial,
        "since": before.since,
    }
    return Outcome("", {**result, "status": "no new period", "alarm": None, "text": text})


def _stays(suspension: dict[str, Any]) -> str:
    since = str(suspension["at"])[:10]
    return f"It stays suspended, since {since} by {suspension['run']}, until a person lifts that."


def _differences(scores: pd.DataFrame, name: str, baseline: str, fraction: float) -> pd.DataFrame:
    """One row a period: what both held, their PAI, and the difference; not a number where nothing was reported."""
    rows = scores[np.isclose(scores["fraction"], fraction, rtol=1e-12)]
    ours, counting = (rows[rows["method"] == m].set_index("origin") for m in (name, baseline))
    pais = [
        part["hits"] / part["events"].where(part["events"] > 0) / part["area_share"]
        for part in (ours, counting)
    ]
    return pd.DataFrame(
        {
            "start": ours.index.to_numpy(dtype="datetime64[D]").astype(str),
            "reported": ours["events"].to_numpy(),
            "hits": ours["hits"].to_numpy(),
            "counting_hits": counting["hits"].reindex(ours.index).to_numpy(),
            "pai": pais[0].to_numpy(),
            "counting_pai": pais[1].reindex(ours.index).to_numpy(),
            "difference": (pais[0] - pais[1]).to_numpy(),
        }
    )


def _watch(workspace: Workspace, run: str, trial: dict[str, Any], name: str) -> Watch:
    """How far scores scatter by the trial's own periods; what is in control is to be level with counting."""
    table = _differences(
        workspace.table(run, "scores"), name, trial["baseline"], float(trial["verdict"]["fraction"])
    )
    length = max(run_length_of(trial["period"]), SHORTEST)
    try:
        return watch(table["difference"].to_numpy(dtype=np.float64), length=length)
    except NotEnoughDataError as error:
        msg = f"{run} can't tell by how much scores scatter: {error.message}"
        raise NotEnoughDataError(
            msg, hint=f"peelian trial --category '{trial['category']}' --origins 52"
        ) from error


def _before(workspace: Workspace, category: str, trial: str, *, since: str) -> _Before:
    found = _Before(since)
    for row in workspace.runs():
        if not same_category(row["category"], category):
            continue
        if row["verb"] == "lift":
            found = _Before(found.since)  # a person has looked: what lay before counts no more
        elif row["verb"] == "drift":
            stored = workspace.result(row["id"])
            if stored["trial"] == trial:
                found.since, found.state = stored["to"], State(**stored["state"])
                found.runs.append(row["id"])
                found.alarmed = found.alarmed or (row["id"] if stored["alarm"] is not None else None)
    return found


def _complete(
    workspace: Workspace, category: str, frequency: str, since: str, trial: dict[str, Any], run: str
) -> Counts | None:
    """The past up to the last period whose reports are in, with edges on those of the trial; None if none is new."""
    step, start = Frequency.parse(frequency), np.datetime64(since, "D")
    end = history(workspace, category, period=frequency, beside=False).periods.end
    n = 0
    while step.add(start, n + 1 + int(trial["gap"])) <= end:
        n += 1
    if n == 0:
        return None
    until = str(step.add(start, n))
    return history(workspace, category, period=frequency, until=until, grid=_grid(workspace, trial, run))


def _grid(workspace: Workspace, trial: dict[str, Any], run: str) -> Grid | None:
    """The places of the trial; None where they are those of the workspace."""
    defined = trial["origin"]["grid"]
    if workspace.grid.to_dict() == defined:
        return None
    return grid_from(workspace.table(run, "grid"), defined)


def _scores(
    workspace: Workspace,
    counts: Counts,
    trial: dict[str, Any],
    name: str,
    since: str,
    executor: Executor | None,
) -> pd.DataFrame:
    """Both methods on each new period, each knowing only what was known before it."""
    new = counts.periods.edges[:-1] >= np.datetime64(since, "D")
    reported = counts.by_period[new]
    if reported.sum() == 0:
        edges = counts.periods.edges[:-1][new]
        empty = {"start": edges.astype(str), "reported": 0, "hits": 0, "counting_hits": 0}
        return pd.DataFrame({**empty, "pai": np.nan, "counting_pai": np.nan, "difference": np.nan})
    baseline, fraction = trial["baseline"], float(trial["verdict"]["fraction"])
    done = run_trial(
        counts,
        [method_by_name(name)(), method_by_name(baseline)()],
        origins=int(new.sum()),
        fractions=(fraction,),
        gap=int(trial["gap"]),
        first=since,
        seed=int(trial["seed"]),
        executor=executor,
        progress=lambda i, n: workspace.progress("scoring the new periods", i, n),
    )
    return _differences(done.frame, name, baseline, fraction)


def _commit(
    workspace: Workspace,
    category: str,
    counts: Counts,
    tried: tuple[str, dict[str, Any], str],
    reference: Watch,
    before: _Before,
    executor: Executor | None,
) -> Outcome:
    run, trial, name = tried
    scores = _scores(workspace, counts, trial, name, before.since, executor)
    found = cusum(scores["difference"].to_numpy(dtype=np.float64), reference, start=before.state)
    scores["sum"] = found.path
    suspension = suspension_of(workspace, category)
    alarm = None if before.alarmed else _alarm(scores, found)
    frequency = str(counts.periods.frequency)
    result = {
        "category": category,
        "period": frequency,
        "trial": run,
        "method": name,
        "title": _title(trial, name),
        "baseline": trial["baseline"],
        "baseline_title": _title(trial, trial["baseline"]),
        "metric": trial["verdict"]["metric"],
        "fraction": trial["verdict"]["fraction"],
        "gap": trial["gap"],
        "from": before.since,
        "to": str(counts.periods.end),
        "periods": len(scores),
        "status": "alarm" if alarm else "suspended" if suspension else "level",
        "alarm": alarm,
        "text": _text(found, before, suspension, frequency, alarm),
        "path": found.path.tolist(),
        "limit": reference.limit,
        "watch": asdict(reference),
        "start": asdict(before.state),
        "state": asdict(found.state),
        "continues": before.runs,
        "suspension": suspension,
        "origin": workspace.origin(grid=counts.grid.to_dict(), seed=trial["seed"]),
    }
    whole = pd.concat([*(workspace.table(earlier, "scores") for earlier in before.runs), scores])
    page = drift_page(result, whole, demonstration=workspace.config.agency.demonstration)
    return workspace.commit(
        workspace.new_run("drift"),
        result,
        subject=name,
        category=category,
        tables={"scores": scores},
        pages={"drift.html": page},
        details={"category": category, "method": name, "trial": run, "status": result["status"]},
    )


def _alarm(scores: pd.DataFrame, found: Drift) -> dict[str, Any] | None:
    """The period after which the sum was over the limit, and how far behind the method was by then."""
    if found.alarm is None or found.at_alarm is None:
        return None
    return {"start": str(scores["start"].iloc[found.alarm]), **asdict(found.at_alarm)}


def _text(
    found: Drift,
    before: _Before,
    suspension: dict[str, Any] | None,
    frequency: str,
    alarm: dict[str, Any] | None,
) -> str:
    if alarm is None and suspension is not None:
        share = found.state.value / found.watch.limit
        return f"{_stays(suspension)} The sum of what it lacked is at {100 * share:.0f} % of the limit."
    return drift_text(found, noun=NOUNS.get(frequency, f"periods of {frequency}"), metric="PAI")
