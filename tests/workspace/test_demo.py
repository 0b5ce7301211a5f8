"""The demonstration: three real years through the whole loop."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path

import pytest

from peelian.charter import verify
from peelian.workspace import Workspace
from peelian.workspace.demo import run_demo
from peelian.workspace.ledger import entries, verify_ledger

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def demo(demo_folder: Path) -> Workspace:
    return Workspace(demo_folder, role="public")


def result(demo: Workspace, verb: str) -> dict[str, object]:
    return demo.result(demo.latest(verb)["id"])


def test_every_row_is_accounted_for(demo: Workspace) -> None:
    report = result(demo, "import")
    parts = [report[k] for k in ("stored", "duplicates", "corrections", "quarantined")]
    assert report["rows_in"] == 150_648 == sum(parts)  # type: ignore[arg-type]
    assert demo.store.table().count().execute() == report["stored"]
    assert len(demo.store.quarantine()) == report["quarantined"]


def test_the_published_ledger_can_be_checked_by_itself(demo: Workspace) -> None:
    assert verify(demo.folder / "public" / "ledger").size == 9


def test_every_step_is_in_the_ledger_in_order(demo: Workspace) -> None:
    kinds = [entry["kind"] for entry in entries(demo)]
    assert kinds == "workspace import quality trial forecast plan audit decision publication".split()  # noqa: SIM905
    assert verify_ledger(demo)["entries"] == 9


def test_nobody_is_said_to_have_decided(demo: Workspace) -> None:
    decision = result(demo, "decide")["decision"]
    assert decision["demonstration"] is True  # type: ignore[index]
    page = (demo.folder / "public" / "index.html").read_text(encoding="utf-8")
    assert "demonstration" in page
    assert "opendatacommons.org/licenses/by/1-0/" in page, "the attribution is shown"


def test_the_verdict_is_what_the_trial_s_numbers_say(demo: Workspace) -> None:
    trial = result(demo, "trial")
    verdict = trial["verdict"]
    differences = [
        method["versus_counts"]["pai"]
        for method in trial["methods"]  # type: ignore[attr-defined]
        if not method["counting"]
    ]
    better = [d for d in differences if d["low"] > 0]
    assert (verdict["status"] == "better") <= bool(better)  # type: ignore[index]
    assert result(demo, "forecast")["method"] == verdict["method"]  # type: ignore[index]


def test_no_page_asks_for_anything(demo: Workspace) -> None:
    pages = [*(demo.folder / "runs").rglob("*.html"), *(demo.folder / "public").rglob("*.html")]
    assert len(pages) >= 7
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<(?:script|link|iframe|object|embed)\b|\bsrc\s*=|@import|url\((?!#)", text), (
            page
        )


def test_a_demonstration_replaces_an_earlier_one_and_gives_the_same_results(
    demo: Workspace, tmp_path: Path
) -> None:
    shutil.copytree(demo.folder, tmp_path / "demo")
    (tmp_path / "demo" / "note.txt").write_text("x")
    made = run_demo(tmp_path / "demo")
    assert json.dumps(made.to_dict())
    assert not (tmp_path / "demo" / "note.txt").exists()
    second = Workspace(made.workspace)
    for verb in ("import", "quality", "trial", "forecast", "plan", "audit"):
        mine, theirs = demo.latest(verb), second.latest(verb)
        assert json.loads(mine["hashes"]) == json.loads(theirs["hashes"]), verb
    assert demo.data_version == second.data_version


def test_the_readme_s_picture_is_the_demo_s(demo: Workspace) -> None:
    spec = importlib.util.spec_from_file_location("make_picture", ROOT / "tools" / "make_picture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.picture(demo.folder)
    assert made == (ROOT / "docs" / "plan.svg").read_text(encoding="utf-8"), "run tools/make_picture.py"
