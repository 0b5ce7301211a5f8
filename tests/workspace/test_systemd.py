"""The units that the documentation shows are such that systemd takes them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "keep-and-erase.md"


def units() -> dict[str, str]:
    """The units of the page by their names."""
    found = re.findall(
        r"^```ini\n# \S+/(\S+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return dict(found)


def test_there_is_a_service_and_its_timer() -> None:
    assert list(units()) == ["peelian-retain.service", "peelian-retain.timer"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("broken", [False, True])
def test_systemd_takes_them(tmp_path: Path, broken: bool) -> None:
    for name, text in units().items():
        text = text.replace("/usr/local/bin/peelian", str(Path(sys.executable)))
        if broken:
            text = text.replace("Type=oneshot", "Type=sometimes").replace("OnCalendar=", "OnCalender=")
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in units())],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "peelian-retain" in line]
    assert bool(ours) == broken, done.stderr
