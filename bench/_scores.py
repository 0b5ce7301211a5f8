"""What the two accuracy benchmarks share: the paired comparison, and figures that the documentation is made from."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from peelian.trials import Trial

OUT = Path(__file__).parent / "out"


def keep(name: str, figures: dict) -> None:
    """Write the figures of a benchmark where ``make bench-report`` finds them."""
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


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
