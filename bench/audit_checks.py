"""The checks of a plan's audit on the demonstration's plan: how long each takes, against 6 seconds for all.

    python bench/audit_checks.py [WORKSPACE]

Without a workspace the demonstration is made in a temporary folder first.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from _machine import print_machine

from peelian.workspace import Workspace, audit_checks
from peelian.workspace.audit import audit_plan
from peelian.workspace.demo import run_demo
from peelian.workspace.plan import rebuild_plan
from peelian.workspace.thresholds import thresholds_for

TARGET = 6.0


def main(folder: Path) -> None:
    """Print machine, seconds of each check, all of them, the target and the ratio."""
    workspace = Workspace(folder, role="overseer")
    run = workspace.latest("plan", None)["id"]
    plan = rebuild_plan(workspace, run)
    held = thresholds_for(workspace, "plan", source=run)
    exposure = audit_plan(workspace, plan, held=held)
    given = audit_checks._given(workspace, plan, run, exposure, held)
    print_machine("Checks of a plan's audit")
    print(
        f"{len(plan.grid):,} places, {int(plan.attended.sum())} planned, {len(given.residents.columns)} groups"
    )
    for name, part in audit_checks._PARTS.items():
        start = time.perf_counter()
        part(given)
        print(f"{name:12} {time.perf_counter() - start:6.2f} s")
    start = time.perf_counter()
    audit_checks.checks(workspace, plan, run=run, exposure=exposure, held=held)
    took = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"all          {took:6.2f} s; target {TARGET:.0f} s; {took / TARGET:.2f} of it; {memory:,.0f} MB at most"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as name:
            run_demo(Path(name) / "demo")
            main(Path(name) / "demo")
