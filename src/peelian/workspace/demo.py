"""``demo``: three years of St. Louis through the whole loop.

Everything is computed from the bundled records. One thing can't be real: no commander sits in front of a demonstration.
The decision is made by this script in the commander's role and is marked as a demonstration wherever it is shown.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from peelian.demo_data import ATTRIBUTION, stlouis_areas, stlouis_incidents
from peelian.errors import ConfigError, UsageError
from peelian.workspace.audit import audit
from peelian.workspace.config import FILE, load_config
from peelian.workspace.decide import decide
from peelian.workspace.forecast import forecast
from peelian.workspace.import_ import import_records
from peelian.workspace.init import init
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.plan import plan
from peelian.workspace.publish import publish
from peelian.workspace.quality import quality
from peelian.workspace.trial import trial
from peelian.workspace.workspace import Progress, Workspace

__all__ = ["Demo", "run_demo"]

CATEGORY = "burglary"
METHODS = (
    "kernel_density",
    "decayed_kernel_density",
    "kernel_mixture",
    "prospective_hot_spots",
    "self_exciting",
)
"""What the trial tries against counting: one of each kind that is quick; ``--method all`` tries the slow ones too."""


@dataclass(frozen=True)
class Demo:
    """What the demonstration did, step by step, as plain data."""

    workspace: str
    imported: dict[str, Any]
    quality: dict[str, Any]
    trial: dict[str, Any]
    forecast: dict[str, Any]
    plan: dict[str, Any]
    audit: dict[str, Any]
    decision: dict[str, Any]
    published: dict[str, Any]
    ledger: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """All of it, for ``--json``."""
        return dict(self.__dict__)


def run_demo(
    folder: Path | str, *, progress: Progress | None = None, now: Callable[[], datetime] | None = None
) -> Demo:
    """Make a workspace in `folder` and take the bundled records through every step.

    Raises
    ------
    UsageError
        The folder holds something that isn't an earlier demonstration.
    """
    folder = Path(folder)
    _clear(folder)
    init(
        folder,
        crs="EPSG:26915",
        cell=250.0,
        agency="St. Louis demonstration",
        zone="America/Chicago",
        areas=stlouis_areas(),
        area_id="area_id",
        area_name="name",
        population={"White": "white", "Black": "black"},
        sections={
            "agency": {"demonstration": True, "attribution": ATTRIBUTION},
            "forecast": {"origins": 52, "methods": list(METHODS)},
            "audit": {"reference": "White"},
        },
    )

    def acting(role: str) -> Workspace:
        return Workspace(folder, role=role, progress=progress, now=now)

    analyst = acting("analyst")
    imported = import_records(analyst, stlouis_incidents())
    checked = quality(analyst)
    tried = trial(analyst, CATEGORY)
    expected = forecast(analyst, CATEGORY)
    planned = plan(analyst)
    audited = audit(analyst)
    reason = _reason(planned.result, audited.result)
    decided = decide(acting("commander"), "approve", plan=planned.run, reason=reason, automated=True)
    published = publish(analyst, plan=planned.run)
    verified = verify_ledger(acting("public"))
    return Demo(
        workspace=str(folder),
        imported=imported.to_dict(),
        quality=checked.to_dict(),
        trial=tried.to_dict(),
        forecast=expected.to_dict(),
        plan=planned.to_dict(),
        audit=audited.to_dict(),
        decision=decided.to_dict(),
        published={**published.to_dict(), "index": str(folder / "public" / "index.html")},
        ledger=verified,
    )


def _clear(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        earlier = (folder / FILE).is_file() and load_config(folder).agency.demonstration
    except ConfigError:
        earlier = False
    if not earlier:
        msg = f"{folder} was given for the demonstration, but it holds something else"
        raise UsageError(msg, hint="peelian demo --workspace NEW_FOLDER")
    shutil.rmtree(folder)


def _reason(planned: dict[str, Any], audited: dict[str, Any]) -> str:
    covered = planned["covered"]
    ratios = [f for f in audited["findings"] if f["id"].startswith("exposure_ratio/plan/")]
    burden = (
        "; ".join(f["sentence"].rstrip(".") for f in ratios)
        if ratios
        else "its burden by group could not be measured"
    )
    return (
        f"Demonstration, decided by a script and not by a person: for one week, {len(planned['places'])} places with "
        f"{covered['share_of_expected']:.0%} of the expected reports in {covered['share_of_area']:.1%} of the area. "
        f"Burden in view: {burden}. Every place has an option beside patrol."
    )
