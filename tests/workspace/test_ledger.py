"""Proofs, changes of key and partial checks of the ledger, as a workspace does them."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

import peelian.charter
from peelian.charter import Entry, InclusionProof, Ledger, verify
from peelian.charter.rotation import waiting_path
from peelian.errors import ConfigError, LedgerError, RefusedError, UsageError
from peelian.workspace import Workspace
from peelian.workspace.init import init
from peelian.workspace.ledger import entries, read_since, verify_ledger
from peelian.workspace.proofs import check_proof, prove, rotate

REASON = "The key was on a machine that is given away."


@pytest.fixture
def city(tmp_path: Path) -> Path:
    init(tmp_path / "city", crs="EPSG:26915", zone="America/Chicago")
    return tmp_path / "city"


def steward(city: Path) -> Workspace:
    return Workspace(city, role="steward")


def test_a_proof_by_number_or_by_run(city: Path, tmp_path: Path) -> None:
    workspace = Workspace(city)
    by_number, by_run = prove(workspace, "0"), prove(workspace, "init-0001")
    assert by_number == by_run
    assert Entry.from_bytes(by_run.entry or b"").id == "init-0001"
    path = tmp_path / "one.tlog-proof"
    path.write_bytes(by_run.to_bytes())
    found = check_proof(workspace, path)
    assert (found["status"], found["index"], found["id"]) == ("holds", 0, "init-0001")
    with pytest.raises(UsageError, match="none of that id"):
        prove(workspace, "decide-0007")
    with pytest.raises(UsageError, match="entry 9 was asked for"):
        prove(workspace, "9")
    with pytest.raises(UsageError, match="can't be read"):
        check_proof(workspace, tmp_path / "nowhere")


def test_the_key_is_changed_and_followed(city: Path, tmp_path: Path) -> None:
    first = Ledger.open(city / "ledger").vkey
    before = tmp_path / "before.tlog-proof"
    before.write_bytes(prove(Workspace(city), "0").to_bytes())
    outcome = rotate(steward(city), reason=REASON)
    assert outcome.run == "rotate-0002"
    again = rotate(steward(city), reason=REASON)
    workspace = Workspace(city)
    assert [e["kind"] for e in entries(workspace)] == ["workspace", "rotate", "rotate"]
    found = verify_ledger(workspace)
    assert (found["keys_changed"], found["vkey"]) == (2, again.result["new_vkey"])
    assert outcome.result["new_vkey"] == again.result["old_vkey"]
    assert verify(city / "ledger", vkey=first).rotations == 2
    assert not waiting_path(workspace.key_path).exists()
    after = tmp_path / "after.tlog-proof"
    after.write_bytes(prove(workspace, "1").to_bytes())
    for path in (before, after):
        assert check_proof(workspace, path)["status"] == "holds"
        assert check_proof(workspace, path, vkey=first)["status"] == "holds"
    with pytest.raises(LedgerError, match="no trusted key"):
        check_proof(workspace, before, vkey=again.result["new_vkey"])


def test_who_may_change_it_and_why(city: Path) -> None:
    with pytest.raises(RefusedError):
        rotate(Workspace(city, role="commander"), reason=REASON)
    with pytest.raises(UsageError, match="reason"):
        rotate(steward(city), reason="so")
    assert verify_ledger(Workspace(city))["keys_changed"] == 0


def test_a_change_of_key_that_lost_its_file_is_noticed(city: Path) -> None:
    rotate(steward(city), reason=REASON)
    (city / "ledger/rotation/0001.tlog-proof").unlink()
    with pytest.raises(LedgerError, match="1 changes of its key"):
        verify_ledger(Workspace(city))


@pytest.mark.parametrize("lost", ["all", "swap", "nothing but the entry"])
def test_a_change_of_key_that_died_in_between_is_finished(
    city: Path, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the state says it and before the ledger does, after the ledger, and before the key's place."""
    target = {
        "all": "peelian.charter.ledger.Ledger.rotate",
        "nothing but the entry": "peelian.charter.ledger.finish",
        "swap": "peelian.charter.rotation.take_over",
    }[lost]

    class KilledError(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise KilledError

    first = Ledger.open(city / "ledger").vkey
    with monkeypatch.context() as patched:
        if lost == "nothing but the entry":
            # `finish` is also what an opening writer does; it dies only once the checkpoint is there.
            monkey = peelian.charter.ledger.finish

            def finish(root: Path) -> None:
                if b"\n2\n" in (root / "checkpoint").read_bytes():
                    raise KilledError
                monkey(root)

            patched.setattr(target, finish)
        else:
            patched.setattr(target, die)
        with pytest.raises(KilledError):
            rotate(steward(city), reason=REASON)
    assert verify(city / "ledger", vkey=first).size in (1, 2)
    rotate(steward(city), reason=REASON)
    found = verify_ledger(Workspace(city))
    assert (found["entries"], found["keys_changed"]) == (3, 2)
    assert verify(city / "ledger", vkey=first).rotations == 2


def test_only_what_is_newer(city: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes((city / "ledger/checkpoint").read_bytes())
    head = Ledger.open(city / "ledger").checkpoint()
    rotate(steward(city), reason=REASON)
    workspace = Workspace(city)
    for since in (str(kept), f"{head.size}:{head.root_hash.hex()}"):
        found = verify_ledger(workspace, since=since)
        assert (found["since"], found["entries"], found["files_checked"]) == (1, 2, 1)
    with pytest.raises(LedgerError, match="rewritten"):
        verify_ledger(workspace, since=f"1:{'0' * 64}")
    for wrong in ("nowhere", "1:abc", f"x:{'0' * 64}"):
        with pytest.raises(UsageError, match="expected a checkpoint's file"):
            read_since(wrong)


def test_the_key_comes_from_the_environment(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(city)
    monkeypatch.setenv("PEELIAN_LEDGER_KEY", workspace.key_path.read_text())
    workspace.key_path.unlink()
    rotate(steward(city), reason=REASON)
    with pytest.raises(ConfigError, match="PEELIAN_LEDGER_KEY holds a key that was rotated out"):
        rotate(steward(city), reason=REASON)
    monkeypatch.setenv("PEELIAN_LEDGER_KEY", waiting_path(workspace.key_path).read_text())
    waiting_path(workspace.key_path).unlink()
    rotate(steward(city), reason=REASON)
    assert verify_ledger(Workspace(city))["keys_changed"] == 2


def test_ml_dsa_beside_it(tmp_path: Path) -> None:
    from peelian.charter.cosignature import CosignatureKey, cosignatures, mldsa_works

    if not mldsa_works():
        pytest.skip("cryptography here was built without ML-DSA")
    city = tmp_path / "city"
    init(city, crs="EPSG:26915", zone="America/Chicago", sections={"ledger": {"ml_dsa": True}})
    rotate(steward(city), reason=REASON)
    assert (city / "keys/ledger-ml-dsa.key").stat().st_mode & 0o777 == 0o600
    key = CosignatureKey.from_vkey((city / "ledger/vkey-ml-dsa").read_text())
    assert len(cosignatures((city / "ledger/checkpoint").read_bytes(), [key])) == 1
    assert verify_ledger(Workspace(city))["keys_changed"] == 1
    script = Path(peelian.charter.__file__).with_name("verifier.py")
    main = runpy.run_path(os.fspath(script))["main"]
    vkey = Ledger.open(city / "ledger").vkey
    assert main([str(city / "ledger"), "--vkey", vkey, "--witness", key.vkey]) == 0
    other = CosignatureKey(key.name, key.kind, bytes(1312)).vkey
    assert main([str(city / "ledger"), "--vkey", vkey, "--witness", other]) == 1


def test_a_proof_is_under_what_witnesses_signed(city: Path) -> None:
    rotate(steward(city), reason=REASON)
    (city / "ledger/witnessed").write_bytes((city / "ledger/checkpoint").read_bytes())
    rotate(steward(city), reason=REASON)
    workspace = Workspace(city)
    assert [prove(workspace, str(i)).size for i in range(3)] == [2, 2, 3]
    assert isinstance(prove(workspace, "0"), InclusionProof)
