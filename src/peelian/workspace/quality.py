"""``quality``: what is known to be wrong or odd with the stored records."""

from __future__ import annotations

from peelian.workspace.calls import recorded
from peelian.workspace.workspace import Outcome, Workspace

__all__ = ["quality"]


@recorded
def quality(workspace: Workspace) -> Outcome:
    """Check the stored records; the page is ``runs/ID/quality.html``."""
    workspace.require("quality", {"kind": "records"})
    from peelian.publish import quality_page
    from peelian.records import ImportReport, assess

    with workspace.writing():
        store = workspace.store
        imports = [ImportReport(**workspace.result(row["id"])) for row in workspace.runs("import")]
        found = assess(workspace.incidents(), quarantine=store.quarantine(), imports=imports)
        result = {**found.to_dict(), "origin": workspace.origin()}
        page = quality_page(result, demonstration=workspace.config.agency.demonstration)
        run = workspace.new_run("quality")
        return workspace.commit(
            run,
            result,
            tables={"quality": found.frame},
            pages={"quality.html": page},
        )
