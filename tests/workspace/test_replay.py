"""Results are made again to the same bytes, or it is said why they can't be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import geopandas
import pandas as pd
import pytest

from peelian.demo_data import stlouis_incidents
from peelian.errors import NotEnoughDataError, RefusedError, UsageError
from peelian.workspace import Workspace, calls
from peelian.workspace.audit import audit
from peelian.workspace.calls import CALL, KEPT
from peelian.workspace.decide import decide
from peelian.workspace.erase import erase
from peelian.workspace.forecast import forecast
from peelian.workspace.import_ import import_records
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.plan import plan
from peelian.workspace.publish import publish
from peelian.workspace.quality import quality
from peelian.workspace.replay import replay
from peelian.workspace.retain import retain
from peelian.workspace.trial import trial

Opener = Callable[..., Workspace]
REASON = "the places are few and the burden is close to even"


@pytest.fixture(scope="module")
def loop(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which each verb was run once, and more records came in afterwards."""
    folder = Path(shutil.copytree(imported, tmp_path_factory.mktemp("loop") / "city"))
    analyst = Workspace(folder)
    quality(analyst)
    trial(analyst, "burglary", origins=3, methods=["kernel_density"], jobs=1)
    forecast(analyst, "burglary", method="kernel_density")
    plan(analyst, unit_hours=10)
    audit(analyst)
    decide(Workspace(folder, role="commander"), "approve", reason=REASON)
    publish(analyst)
    rows = pd.read_parquet(stlouis_incidents())
    later = folder.parent / "2017.parquet"
    rows[rows["reported_month"].astype(str).str.startswith("2017-01")].to_parquet(later)
    import_records(analyst, later)
    return folder


@pytest.mark.parametrize("verb", ["quality", "trial", "forecast", "plan", "audit", "publish"])
def test_a_result_is_made_again_to_the_same_bytes(loop: Path, verb: str) -> None:
    overseer = Workspace(loop, role="overseer")
    run = overseer.latest(verb)["id"]
    done = replay(overseer, run).result
    assert done["same"], (done["differences"], done["files"])
    assert done["differences"] == []
    assert not any(done["explained"].values())
    assert "result.json" in done["files"]
    assert CALL not in done["files"]
    assert "have the same bytes" in done["text"]
    last = entries(overseer, last=1)[0]
    assert (last["kind"], last["subject"], last["actor"]) == ("replay", run, "overseer")


def test_an_import_is_made_again_from_its_file(loop: Path, one_year: Path, tmp_path: Path) -> None:
    overseer = Workspace(loop, role="overseer")
    first, second = (row["id"] for row in overseer.runs("import"))
    assert replay(overseer, first, file=one_year).result["same"]
    assert replay(overseer, second, file=loop.parent / "2017.parquet").result["same"]
    with pytest.raises(UsageError, match="which the workspace does not keep"):
        replay(overseer, first)
    with pytest.raises(UsageError, match="is another file than the one"):
        replay(overseer, first, file=loop.parent / "2017.parquet")
    with pytest.raises(UsageError, match="there is no such file"):
        replay(overseer, first, file=tmp_path / "gone.parquet")
    with pytest.raises(UsageError, match="only an import is made from a file"):
        replay(overseer, overseer.latest("plan")["id"], file=one_year)
    assert not list(loop.glob(".replay-*"))
    assert verify_ledger(overseer)["status"] == "verified"


@pytest.fixture
def own(loop: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(loop, tmp_path / "own"))


def test_what_changed_is_named(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overseer = Workspace(own, role="overseer")
    run = overseer.latest("plan")["id"]
    monkeypatch.setattr("peelian.workspace.replay.code_digest", lambda: "0" * 64)
    now = {**calls.platform_now(), "numpy": "9.9"}
    monkeypatch.setattr("peelian.workspace.replay.platform_now", lambda: now)
    done = replay(overseer, run).result
    assert done["same"]  # other code and another platform, and the same bytes all the same
    assert "the code here is 000000000000" in done["explained"]["code"][0]
    assert done["explained"]["platform"] == [f"numpy was {calls.platform_now()['numpy']}, and is 9.9 now"]


def test_a_changed_setting_changes_nothing_as_the_old_one_was_kept(own: Path) -> None:
    settings = own / "peelian.toml"
    settings.write_text(settings.read_text().replace("replicates = 200", "replicates = 300"))
    overseer = Workspace(own, role="overseer")
    run = overseer.latest("audit")["id"]
    assert replay(overseer, run).result["same"]
    for path in (own / KEPT).glob("*.toml"):
        path.unlink()
    done = replay(overseer, run).result
    assert not done["same"]
    assert "was not kept, so the present one" in done["explained"]["parameters"][0]
    assert "What it is made from has changed: parameters" in done["text"]
    assert any(one["where"].startswith("findings[0]") for one in done["differences"])


def test_changed_areas_are_named(own: Path) -> None:
    areas = geopandas.read_parquet(own / "areas.parquet")
    areas["White"] = areas["White"] + 100
    areas.to_parquet(own / "areas.parquet")
    overseer = Workspace(own, role="overseer")
    done = replay(overseer, overseer.latest("audit")["id"]).result
    assert not done["same"]
    assert done["explained"]["data"] == ["areas.parquet was changed since"]


def test_a_difference_that_nothing_explains_is_called_so(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that is no pure function of its records gives another map, and no cause can be named."""
    from peelian.methods import KernelDensity

    honest = KernelDensity._mean
    monkeypatch.setattr(KernelDensity, "_mean", lambda self, period: honest(self, period) * 1.001)
    overseer = Workspace(own, role="overseer")
    done = replay(overseer, overseer.latest("forecast")["id"]).result
    assert not done["same"]
    assert "this is unexplained: the result can't be relied on" in done["text"]
    assert "result.json" in done["text"]


def test_records_that_are_gone_are_said_to_be(own: Path) -> None:
    overseer = Workspace(own, role="overseer")
    run = overseer.latest("forecast")["id"]
    for path in (own / "records").rglob(
        "month=2016-03/import-0002.parquet"
    ):  # also as it was before a correction
        path.unlink()
    with pytest.raises(NotEnoughDataError, match="1 of them is no longer kept or was changed"):
        replay(overseer, run)


@pytest.fixture(scope="module")
def corrected(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a forecast from records of which a later import cancels some."""
    folder = Path(shutil.copytree(imported, tmp_path_factory.mktemp("corrected") / "city"))
    forecast(Workspace(folder), "burglary")
    rows = pd.read_parquet(stlouis_incidents())
    rows[rows["reported_month"].astype(str).str.startswith("2017")].to_parquet(folder.parent / "2017.parquet")
    assert import_records(Workspace(folder), folder.parent / "2017.parquet").result["cancelled_earlier"] > 50
    return folder


def test_a_correction_takes_no_result_s_records_away(corrected: Path) -> None:
    overseer = Workspace(corrected, role="overseer")
    run = overseer.latest("forecast")["id"]
    before = overseer.store.table().count().execute()
    assert replay(overseer, run).result["same"]
    kept = [name for name in overseer.record_files() if name.startswith("superseded/")]
    assert kept
    assert overseer.store.table().count().execute() == before, "what was cancelled is not among the records"
    assert verify_ledger(overseer)["status"] == "verified"


def test_what_was_superseded_is_let_go_and_erased_like_the_rest(corrected: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(corrected, tmp_path / "city"))
    overseer, steward = Workspace(folder, role="overseer"), Workspace(folder, role="steward")
    path = next(
        folder / "records" / name for name in overseer.record_files() if name.startswith("superseded/")
    )
    current = set(overseer.store.table().select("id").to_pyarrow()["id"].to_pylist())
    gone = next(one for one in pd.read_parquet(path)["id"] if one not in current)
    erased = erase(steward, [gone], reason="an order of the court of that day").result
    assert (erased["records"], erased["superseded"], erased["left"]) == (0, 1, 0)
    assert gone.encode() not in b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    with pytest.raises(NotEnoughDataError, match="no longer kept or w.* changed, since erase-"):
        replay(overseer, overseer.latest("forecast")["id"])
    config = folder / "peelian.toml"
    config.write_text(config.read_text().replace("# superseded = (not set)", 'superseded = "1d"'))
    assert not retain(Workspace(folder, role="steward")).result["gone"]["superseded"]
    later = Workspace(folder, role="steward", now=lambda: datetime.now(UTC) + timedelta(days=3))
    assert retain(later).result["gone"]["superseded"] > 1000
    assert not [name for name in overseer.record_files() if name.startswith("superseded/")]
    assert verify_ledger(overseer)["status"] == "verified"


def test_the_state_may_be_in_either_database(either_city: Path) -> None:
    run = quality(Workspace(either_city)).run
    assert replay(Workspace(either_city, role="overseer"), run).result["same"]


def test_what_people_did_is_not_computed_again(own: Path) -> None:
    overseer = Workspace(own, role="overseer")
    with pytest.raises(UsageError, match="something that somebody did"):
        replay(overseer, overseer.latest("decide")["id"])
    with pytest.raises(UsageError, match="the latest runs are"):
        replay(overseer, "plan-9999")
    with pytest.raises(RefusedError, match="may not replay"):
        replay(Workspace(own, role="steward"), overseer.latest("plan")["id"])


def test_a_run_of_an_earlier_version_is_said_to_be_one(own: Path) -> None:
    overseer = Workspace(own, role="overseer")
    run = overseer.latest("plan")["id"]
    rows = overseer.state.rows
    overseer.state.rows = lambda *a, **k: [  # type: ignore[method-assign]
        {**row, "hashes": json.dumps({n: h for n, h in json.loads(row["hashes"]).items() if n != CALL})}
        if row.get("id") == run
        else row
        for row in rows(*a, **k)
    ]
    with pytest.raises(NotEnoughDataError, match="did not keep what it was asked with"):
        replay(overseer, run)


def test_a_call_tells_no_folder_and_no_name_of_the_machine(loop: Path) -> None:
    for path in (loop / "runs").glob(f"*/{CALL}"):
        text = path.read_text()
        assert str(loop.parent) not in text
        call = json.loads(text)
        assert set(call) == {"verb", "arguments", "code", "files", "platform"}
        assert not {"executor", "jobs"} & set(call["arguments"])
