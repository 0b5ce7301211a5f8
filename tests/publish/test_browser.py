"""The pages in a real browser: nothing is refused by their own policy, and nothing is wider than the window."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from peelian.publish import audit_page, bulletin, public_page, trial_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr",
    # Whatever a page asked for would fail and be reported.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]


def browse(file: Path, home: Path, *, width: int) -> tuple[str, list[str]]:
    """The page's document after it was drawn, and what the browser complained of."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={home}",
        f"--window-size={width},900",
        "--dump-dom",
        file.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    complaints = [line for line in done.stderr.splitlines() if ":CONSOLE" in line or "ERR_" in line]
    return done.stdout, complaints


@pytest.fixture
def pages(evidence) -> dict[str, str]:
    return {
        "public": public_page(evidence),
        "bulletin": bulletin(evidence),
        "trial": trial_page(evidence.trial),
        "audit": audit_page(evidence.audit),
    }


def test_the_policy_lets_the_page_be_and_nothing_is_asked_for(pages, tmp_path):
    for name, page in pages.items():
        file = tmp_path / f"{name}.html"
        file.write_text(page)
        drawn, complaints = browse(file, tmp_path / "home", width=1200)
        assert complaints == [], name
        assert "<h1>" in drawn


@pytest.mark.parametrize("width", [320, 1280, 3840])
def test_nothing_is_wider_than_the_window(pages, tmp_path, width):
    """A frame as wide as the window holds the page, without its policy, which allows no script to measure it."""
    frames = []
    for name, page in pages.items():
        file = tmp_path / f"{name}.html"
        ask = "parent.postMessage(['NAME', innerWidth, document.documentElement.scrollWidth], '*')".replace(
            "NAME", name
        )
        bare = re.sub(r"<meta http-equiv[^>]*>", "", page)
        file.write_text(bare.replace("</body>", f"<script>onload = () => {ask}</script></body>"))
        frames.append(f'<iframe src="{name}.html" style="width:{width}px;height:600px;border:0"></iframe>')
    listen = "onmessage = e => { document.body.append(`[${e.data.join(' ')}]`) }"
    outer = tmp_path / "outer.html"
    outer.write_text(f"<!doctype html><body><script>{listen}</script>{''.join(frames)}</body>")
    drawn, _ = browse(outer, tmp_path / "home", width=1400)
    measured = {name: (int(a), int(b)) for name, a, b in re.findall(r"\[(\w+) (\d+) (\d+)\]", drawn)}
    assert measured.keys() == pages.keys()
    for name, (window, needed) in measured.items():
        assert window == width
        assert needed <= width, name
