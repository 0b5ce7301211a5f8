"""``drift``: whether the method in use still keeps up with counting, on each period since its trial."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from peelian.errors import NotEnoughDataError
from peelian.methods import method_by_name
from peelian.places import Counts, Grid
from peelian.publish.drift import drift_page
from peelian.trials import run_trial
from peelian.trials.drift import FEWEST, FEWEST_APART, Drift, Watch, cusum, drift_text, run_length_of, watch
from peelian.trials.trial import periods_named
from peelian.units import Frequency
from peelian.workspace.calls import recorded
from peelian.workspace.chain import Chain, Pair, chain_of
from peelian.workspace.forecast import chosen_method
from peelian.workspace.grids import grid_from
from peelian.workspace.history import history
from peelian.workspace.suspension import suspension_of
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["drift"]

Floats = npt.NDArray[np.float64]

SHORTEST = 10.0
"""Periods between false alarms, at least: five years of periods of a year would be an alarm for nothing."""


@dataclass(frozen=True)
class _Reference:
    """What the sum is reckoned by: it stays the same as long as the sum goes on.

    Parameters
    ----------
    run : str
        The trial that it was taken from.
    watch : Watch
    report : float
        What a report more than counting holds adds to a period's difference, in PAI.
    """

    run: str
    watch: Watch
    report: float


@recorded
def drift(
    workspace: Workspace, category: str, *, period: str | None = None, executor: Executor | None = None
) -> Outcome:
    """Score the method in use and counting on each period that is complete since, and see whether it has fallen behind.

    Each period is scored once, by the rules of the trial and on its grid, when the gap for late reports has passed;
    what it gave then stays, and the sum goes on from there, whether or not there is a new trial in between. Behind by
    more than chance takes it in years is an alarm, which suspends the method for the category until a person lifts
    that.

    Parameters
    ----------
    period : str, optional
        Length of a period; from ``peelian.toml`` when not given.
    executor : Executor, optional
        Who does the work.

    Returns
    -------
    Outcome
        Its ``status`` is ``"level"``, ``"alarm"``, ``"suspended"`` (already), or, without a run, ``"no new period"``,
        ``"nothing to watch"`` or ``"unwatchable"``: the trial had too few periods, or too few in which the method held
        another number of reports than counting, to tell by how much scores scatter.
    """
    workspace.require("drift", {"kind": "method"})
    frequency = str(Frequency.parse(period or workspace.config.forecast.period))
    with workspace.writing():
        name, verdict = chosen_method(workspace, category, frequency)
        trial = None if verdict is None else workspace.result(verdict["trial"])
        if trial is None or verdict is None or _counts(trial, name):
            return _nothing(category, frequency, name, verdict)
        workspace.guard.work_on(category=category, methods=(name,))
        run = str(verdict["trial"])
        fraction = float(trial["verdict"]["fraction"])
        pair = Pair(name, str(trial["baseline"]), frequency, fraction, int(trial["gap"]))
        chain = chain_of(workspace, category, pair)
        told = {"category": category, "period": frequency, "method": name, "trial": run}
        reference = _reference(workspace, pair, chain)
        if isinstance(reference, str):
            return _unwatchable(workspace, told, reference)
        anchor = workspace.result(reference.run)
        counts = _complete(workspace, pair, category, chain.since, _grid(workspace, anchor, reference.run))
        if counts is None:
            return _no_new(workspace, told, chain)
        scores, left_out = _scores(workspace, counts, pair, chain.since, reference, executor)
        return _commit(workspace, told, trial, pair, chain, reference, counts, scores, left_out)


def _counts(trial: dict[str, Any], name: str) -> bool:
    return any(m["name"] == name and m["counting"] for m in trial["methods"])


def _title(trial: dict[str, Any], name: str) -> str:
    return next(str(m["title"]) for m in trial["methods"] if m["name"] == name)


def _nothing(category: str, frequency: str, name: str, verdict: dict[str, Any] | None) -> Outcome:
    by = f"the verdict of {verdict['trial']}" if verdict else "no trial with these settings yet"
    text = f"There is nothing to watch: {category} is forecast by counting ({name}; {by})."
    told = {"category": category, "period": frequency, "method": name}
    return Outcome("", {**told, "status": "nothing to watch", "alarm": None, "text": text})


def _unwatchable(workspace: Workspace, told: dict[str, Any], why: str) -> Outcome:
    text = (
        f"{told['method']} is in use for {told['category']} and can't be watched by this: {why} Set a longer period "
        "under [forecast] in peelian.toml, such as 4w or 1mo, and try the methods again: then that is watched. Until "
        "then nothing tells whether it falls behind counting; peelian suspend stops it."
    )
    suspension = suspension_of(workspace, told["category"])
    if suspension is not None:
        text += f" {_stays(suspension)}"
    return Outcome("", {**told, "status": "unwatchable", "alarm": None, "text": text})


def _no_new(workspace: Workspace, told: dict[str, Any], chain: Chain) -> Outcome:
    text = f"No period of {told['period']} has become complete since {chain.since}: there is nothing new to score."
    suspension = suspension_of(workspace, told["category"])
    if suspension is not None:
        text += f" {_stays(suspension)}"
    return Outcome("", {**told, "since": chain.since, "status": "no new period", "alarm": None, "text": text})


def _stays(suspension: dict[str, Any]) -> str:
    since = str(suspension["at"])[:10]
    return f"It stays suspended, since {since} by {suspension['run']}, until a person lifts that."


def _differences(scores: pd.DataFrame, pair: Pair, report: float) -> pd.DataFrame:
    """One row a period: what both held, their PAI, and the difference; not a number where nothing was reported.

    The difference is in reports held, at so much PAI a report: so a period weighs by its reports, as in the verdict.
    """
    ours, counting = _both(scores, pair)
    pais = [
        part["hits"] / part["events"].where(part["events"] > 0) / part["area_share"]
        for part in (ours, counting)
    ]
    apart = (ours["hits"] - counting["hits"]).where(ours["events"] > 0) * report
    return pd.DataFrame(
        {
            "start": ours.index.to_numpy(dtype="datetime64[D]").astype(str),
            "reported": ours["events"].to_numpy(),
            "hits": ours["hits"].to_numpy(),
            "counting_hits": counting["hits"].to_numpy(),
            "pai": pais[0].to_numpy(),
            "counting_pai": pais[1].to_numpy(),
            "difference": apart.to_numpy(),
        }
    )


def _both(scores: pd.DataFrame, pair: Pair) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scores of the method and those of counting at the share that is watched, by period."""
    rows = scores[np.isclose(scores["fraction"], pair.fraction, rtol=1e-12)]
    ours, counting = (rows[rows["method"] == m].set_index("origin") for m in (pair.method, pair.baseline))
    return ours, counting.reindex(ours.index)


def _reference(workspace: Workspace, pair: Pair, chain: Chain) -> _Reference | str:
    """What the sum was reckoned by so far, or will be: the first trial that can tell. Else why none can.

    It stays though a new trial speaks for the method: a sum of which each part was measured by another scale would be
    of nothing, and the limit was set for that scale.
    """
    if chain.runs:
        stored = workspace.result(chain.runs[0])
        return _Reference(stored["watched_by"], Watch(**stored["watch"]), stored["report"])
    why = f"no trial scored {pair.baseline} beside it."
    for run in chain.trials:
        scores = workspace.table(run, "scores")
        if not {pair.method, pair.baseline} <= set(scores["method"]):
            continue
        try:
            return _measured(scores, pair, run)
        except NotEnoughDataError:
            why = _too_few(scores, pair, run)
    return why


def _measured(scores: pd.DataFrame, pair: Pair, run: str) -> _Reference:
    """How far scores scatter by the trial's own periods; what is in control is to be level with counting."""
    both = pd.concat(_both(scores, pair))
    report = 1 / float(both["events"].mean() * both["area_share"].mean())
    table = _differences(scores, pair, report)
    length = max(run_length_of(pair.period), SHORTEST)
    return _Reference(run, watch(table["difference"].to_numpy(dtype=np.float64), length=length), report)


def _too_few(scores: pd.DataFrame, pair: Pair, run: str) -> str:
    table = _differences(scores, pair, 1.0)
    known = table["difference"].dropna()
    return (
        f"it held another number of reports than counting in {np.count_nonzero(known)} of the {len(known)} "
        f"{periods_named(pair.period)} with reports that {run} tried, at {100 * pair.fraction:g} % of the area; it "
        f"takes {FEWEST_APART} of {FEWEST} or more to tell by how much scores scatter."
    )


def _complete(
    workspace: Workspace, pair: Pair, category: str, since: str, grid: Grid | None
) -> Counts | None:
    """The past up to the last period whose reports are in, with edges on those of the trial; None if none is new."""
    step, start = Frequency.parse(pair.period), np.datetime64(since, "D")
    end = history(workspace, category, period=pair.period, beside=False).periods.end
    n = 0
    while step.add(start, n + 1 + pair.gap) <= end:
        n += 1
    if n == 0:
        return None
    return history(workspace, category, period=pair.period, until=str(step.add(start, n)), grid=grid)


def _grid(workspace: Workspace, trial: dict[str, Any], run: str) -> Grid | None:
    """The places of the trial; None where they are those of the workspace."""
    defined = trial["origin"]["grid"]
    if workspace.grid.to_dict() == defined:
        return None
    return grid_from(workspace.table(run, "grid"), defined)


def _scores(
    workspace: Workspace,
    counts: Counts,
    pair: Pair,
    since: str,
    reference: _Reference,
    executor: Executor | None,
) -> tuple[pd.DataFrame, int]:
    """Both methods on each new period, each knowing only what was known before it; and how many could not be scored."""
    new = counts.periods.edges[:-1] >= np.datetime64(since, "D")
    if counts.by_period[new].sum() == 0:
        edges = counts.periods.edges[:-1][new]
        empty = {"start": edges.astype(str), "reported": 0, "hits": 0, "counting_hits": 0}
        return pd.DataFrame({**empty, "pai": np.nan, "counting_pai": np.nan, "difference": np.nan}), 0
    done = run_trial(
        counts,
        [method_by_name(pair.method)(), method_by_name(pair.baseline)()],
        origins=int(new.sum()),
        fractions=(pair.fraction,),
        gap=pair.gap,
        first=since,
        executor=executor,
        progress=lambda i, n: workspace.progress("scoring the new periods", i, n),
    )
    scores = _differences(done.frame, pair, reference.report)
    return scores, int(new.sum()) - len(scores)


def _commit(
    workspace: Workspace,
    told: dict[str, Any],
    trial: dict[str, Any],
    pair: Pair,
    chain: Chain,
    reference: _Reference,
    counts: Counts,
    scores: pd.DataFrame,
    left_out: int,
) -> Outcome:
    found = cusum(scores["difference"].to_numpy(dtype=np.float64), reference.watch, start=chain.state)
    scores["sum"] = found.path
    suspension = suspension_of(workspace, told["category"])
    alarm = None if chain.alarmed else _alarm(scores, found)
    result = {
        **told,
        "title": _title(trial, pair.method),
        "baseline": pair.baseline,
        "baseline_title": _title(trial, pair.baseline),
        "metric": trial["verdict"]["metric"],
        "fraction": pair.fraction,
        "gap": pair.gap,
        "from": chain.since,
        "to": str(counts.periods.end),
        "periods": len(scores),
        "left_out": left_out,
        "status": "alarm" if alarm else "suspended" if suspension else "level",
        "alarm": alarm,
        "text": _text(found, suspension, pair.period, alarm, left_out),
        **_sum(found, chain, reference),
        "suspension": suspension,
        "origin": workspace.origin(grid=counts.grid.to_dict(), seed=trial["seed"]),
    }
    whole = pd.concat([*(workspace.table(earlier, "scores") for earlier in chain.runs), scores])
    return workspace.commit(
        workspace.new_run("drift"),
        result,
        subject=pair.method,
        category=told["category"],
        tables={"scores": scores},
        pages={"drift.html": drift_page(result, whole, demonstration=workspace.config.agency.demonstration)},
        details={key: result[key] for key in ("category", "method", "trial", "status")},
    )


def _sum(found: Drift, chain: Chain, reference: _Reference) -> dict[str, Any]:
    """Where the sum came from, where it went, and what it is reckoned by."""
    return {
        "path": found.path.tolist(),
        "limit": reference.watch.limit,
        "watch": asdict(reference.watch),
        "watched_by": reference.run,
        "report": reference.report,
        "start": asdict(chain.state),
        "state": asdict(found.state),
        "continues": chain.runs,
    }


def _alarm(scores: pd.DataFrame, found: Drift) -> dict[str, Any] | None:
    """The period after which the sum was over the limit, and how far behind the method was by then."""
    if found.alarm is None or found.at_alarm is None:
        return None
    return {"start": str(scores["start"].iloc[found.alarm]), **asdict(found.at_alarm)}


def _text(
    found: Drift,
    suspension: dict[str, Any] | None,
    frequency: str,
    alarm: dict[str, Any] | None,
    left_out: int,
) -> str:
    noun = periods_named(frequency)
    if alarm is None and suspension is not None:
        share = found.state.value / found.watch.limit
        said = f"{_stays(suspension)} The sum of what it lacked is at {100 * share:.0f} % of the limit."
    else:
        said = drift_text(found, noun=noun, metric="PAI")
    if left_out:
        said += (
            f" Of the new {noun} {left_out} could not be scored, as nothing had been reported before them to learn "
            "from: they count neither way."
        )
    return said
