"""What the two accuracy benchmarks share: the paired comparison, and figures that the documentation is made from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from peelian.trials import Trial
from peelian.trials.scoring import Scored
from peelian.trials.trial import Tried

FOLDS = 52
HALF_YEAR = 26

OUT = Path(__file__).parent / "out"


def keep(name: str, figures: dict) -> None:
    """Write the figures of a benchmark where ``make bench-report`` finds them; other categories' stay as they were."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(known | figures, indent=1) + "\n", encoding="utf-8")


class Bar:
    """Progress on stderr, with the time left."""

    def __init__(self, title: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
        self.progress = Progress(
            *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
        )
        self.task = self.progress.add_task(title, total=None)

    def __enter__(self) -> Bar:
        self.progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.progress.stop()

    def __call__(self, done: int, total: int) -> None:
        self.progress.update(self.task, completed=done, total=total)


def with_chosen(trial: Trial, questions: Sequence[tuple[str, str, float]], among: Sequence[str]) -> Trial:
    """The trial without its first 52 origins, and with methods that are one of the others from half-year to half-year.

    At each half-year that method is the one that scored best over the 52 origins before: what a user has who does as
    the past advises, and no more.

    Parameters
    ----------
    trial : Trial
        Weekly, of more than 52 origins.
    questions : sequence of (str, str, float)
        Name of the row, and the score that is chosen by: metric and fraction.
    among : sequence of str
        Who may be chosen.
    """
    kept = len(trial.splits) - FOLDS
    later = trial.last(kept)
    starts = np.array([split.test.start for split in later.splits], dtype="datetime64[s]")
    frames, tried, scored = [later.frame], list(later.methods), dict(later.scored)
    for name, metric, fraction in questions:
        picks: list[str] = []
        for i in range(0, kept, HALF_YEAR):
            past = trial.first(FOLDS + i).last(FOLDS)
            values = {m: past.score(m, metric, fraction=fraction).value for m in among}
            best = max(values, key=lambda m, values=values: np.nan_to_num(values[m], nan=-np.inf))
            picks += [best] * min(HALF_YEAR, kept - i)
        parts = [
            later.frame[(later.frame["method"] == pick) & (later.frame["origin"] == start)]
            for pick, start in zip(picks, starts, strict=True)
        ]
        frames.append(pd.concat(parts).assign(method=name))
        fields = ("rows", "pit", "deciles", "coverage")
        arrays = (
            np.array([getattr(later.scored[pick], field)[i] for i, pick in enumerate(picks)])
            for field in fields
        )
        scored[name] = Scored(*arrays)
        tried.append(Tried(name, name.replace("_", " "), {"chosen": picks[::HALF_YEAR]}, 0.0, False))
    return replace(later, frame=pd.concat(frames, ignore_index=True), methods=tuple(tried), scored=scored)


def calibrated(trial: Trial, name: str) -> str:
    """Observed over expected by tenth of the expected reports, in a line."""
    ratios = trial.calibration(name)["observed_over_expected"]
    return " ".join("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios)


def holds(wanted: float, value: float | None) -> str:
    """A target beside what was measured, as a line of a benchmark has it."""
    if value is None:
        return f"target {wanted:g}, ours -"
    said = "holds" if value >= wanted else "not reached"
    return f"target {wanted:g}, ours {value:.3f}, ratio {value / wanted:.3f}: {said}"


def compare(trial: Trial, baseline: str) -> list[dict]:
    """A row a method: PAI and its paired difference from `baseline` at each fraction, and log skill."""
    rows = []
    for name in [*(m.name for m in trial.methods), "hindsight"]:
        row: dict = {"method": name, "log_skill": trial.score(name, "log_skill").to_dict()}
        row["log_skill_difference"] = trial.difference(name, baseline, "log_skill").to_dict("difference")
        for k, fraction in enumerate(trial.fractions):
            row[f"pai_{k}"] = trial.score(name, "pai", fraction=fraction).to_dict()
            row[f"pai_{k}_difference"] = trial.difference(name, baseline, "pai", fraction=fraction).to_dict(
                "difference"
            )
        row["seconds"] = next((m.seconds for m in trial.methods if m.name == name), 0.0)
        rows.append(row)
    return rows


def show(rows: list[dict], areas: list[str]) -> None:
    """Print the rows of `compare`."""
    head = (
        f"  {'method':28}"
        + "".join(f"{'PAI at ' + a:>34}" for a in areas)
        + f"{'log skill':>26}{'seconds':>9}"
    )
    print(head)
    for row in rows:
        line = f"  {row['method']:28}"
        for k in range(len(areas)):
            d = row[f"pai_{k}_difference"]
            line += f"{row[f'pai_{k}']['value']:8.3f} {_difference(d):>25}"
        line += (
            f"{row['log_skill']['value'] if row['log_skill']['value'] is not None else float('-inf'):9.3f} "
        )
        line += f"{_difference(row['log_skill_difference'], 3):>16}{row['seconds']:9.1f}"
        print(line)


def _difference(d: dict, digits: int = 2) -> str:
    if d["difference"] is None or d["low"] is None:
        return "-"
    return f"{d['difference']:+.{digits}f} ({d['low']:+.{digits}f} to {d['high']:+.{digits}f})"
