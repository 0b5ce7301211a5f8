"""The whole loop on given rows, for a program of its own: ``loop.py FOLDER ROWS URL WORKERS [MODULE ...]``.

``WORKERS`` is ``here`` or ``dask``; the modules are imported before anything else.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def workers(kind: str) -> Iterator[Executor | None]:
    if kind == "here":
        yield None
        return
    import distributed

    # Its scheduler and its worker talk by TCP on loopback, as those of a real one do across a network.
    cluster = distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        dashboard_address=None,
        host="127.0.0.1",
        silence_logs=50,
    )
    with cluster, distributed.Client(cluster) as client:
        yield client.get_executor()


def main(folder: Path, rows: Path, url: str, kind: str) -> dict[str, Any]:
    from peelian.demo_data import stlouis_areas
    from peelian.workspace import Workspace
    from peelian.workspace.audit import audit
    from peelian.workspace.decide import decide
    from peelian.workspace.forecast import forecast
    from peelian.workspace.import_ import import_records
    from peelian.workspace.init import init
    from peelian.workspace.ledger import verify_ledger
    from peelian.workspace.plan import plan
    from peelian.workspace.publish import publish
    from peelian.workspace.quality import quality
    from peelian.workspace.status import status
    from peelian.workspace.trial import trial

    init(
        folder,
        crs="EPSG:26915",
        cell=500.0,
        zone="America/Chicago",
        areas=stlouis_areas(),
        area_id="area_id",
        area_name="name",
        population={"White": "white", "Black": "black"},
        sections={
            "agency": {"demonstration": True},  # where alone a script may decide
            "forecast": {"origins": 4, "methods": ["kernel_density"]},
            "audit": {"replicates": 200},
            "state": {"url": url},
        },
    )

    def acting(role: str = "analyst") -> Workspace:
        return Workspace(folder, role=role)

    import_records(acting(), rows)
    quality(acting())
    with workers(kind) as executor:
        trial(acting(), "burglary", executor=executor, jobs=None if executor else 1)
    forecast(acting(), "burglary")
    planned = plan(acting()).run
    audit(acting())
    decide(
        acting("commander"),
        "approve",
        plan=planned,
        reason="the hours are there, and a place has another option too",
        automated=True,
    )
    publish(acting(), plan=planned)
    verified = verify_ledger(acting("public"))
    return {"verified": verified["status"], "runs": len(status(acting("overseer"))["latest"])}


if __name__ == "__main__":
    for name in sys.argv[5:]:
        importlib.import_module(name)
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])))
