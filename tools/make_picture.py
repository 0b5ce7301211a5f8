"""Make docs/plan.svg, the picture of the README, from a finished demonstration.

python tools/make_picture.py demo docs/plan.svg
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def picture(folder: Path) -> str:
    """The first map of the published bulletin, on white paper: a page's background may be dark."""
    (page,) = (folder / "runs").glob("publish-*/bulletin.html")
    found = re.search(r"<svg.*?</svg>", page.read_text(encoding="utf-8"), re.DOTALL)
    if found is None:
        msg = f"{page} holds no map"
        raise SystemExit(msg)
    return (
        re.sub(r"(</desc>)", r'\1<rect width="100%" height="100%" fill="#ffffff"/>', found[0], count=1) + "\n"
    )


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(picture(Path(sys.argv[1])), encoding="utf-8")
