"""Cosignatures against those that public witnesses made, and against the layouts of the specification."""

from __future__ import annotations

import base64
import stat
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from peelian.charter.cosignature import (
    ED25519,
    MLDSA44,
    CosignatureKey,
    Cosigner,
    check_lines,
    cosignatures,
    load_cosigners,
    mldsa_works,
    read_cosigners,
)
from peelian.charter.note import Checkpoint, Signer
from peelian.errors import ConfigError, LedgerError, PeelianError, UsageError

VECTORS = Path(__file__).parent / "vectors"
# A checkpoint of a public certificate log with the cosignatures of public witnesses (23 May 2026), and keys that those
# witnesses publish.
ARCHE = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v\
7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE\
0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAW\
fBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe\
/TmN9DAg==
"""
ARCHE_KEYS = [
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
]
# The same public witness with both kinds of key on one checkpoint (2 August 2026).
NAVIGLI = (VECTORS / "navigli.checkpoint").read_bytes()
NAVIGLI_KEYS = [
    "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G",
    (VECTORS / "navigli.vkey").read_text(),
]
NAVIGLI_TIME = 1785704691

ORIGIN = "city.example/ledger"
TEXT = Checkpoint(ORIGIN, 5, bytes(range(32))).to_text()
W1 = Cosigner("college.example/w1", bytes(range(32)))
QUANTUM = Cosigner("college.example/w1", bytes(range(1, 33)), MLDSA44)
KINDS = [W1, QUANTUM]


def noted(*lines: str, text: str = TEXT) -> bytes:
    return (text + "\n" + "".join(lines)).encode()


def test_public_witnesses_cosignatures_hold() -> None:
    keys = [CosignatureKey.from_vkey(vkey) for vkey in ARCHE_KEYS]
    found = cosignatures(ARCHE.encode(), keys)
    assert [c.name for c in found] == [key.name for key in keys]
    assert {c.at for c in found} == {0x6A122120}
    assert all(c.line + "\n" in ARCHE for c in found)
    with pytest.raises(LedgerError, match=r"transparency\.dev.* does not hold"):
        cosignatures(ARCHE.replace("1432088532", "1432088533").encode(), keys)


def test_a_public_witness_s_cosignatures_of_both_kinds_hold() -> None:
    keys = [CosignatureKey.from_vkey(vkey) for vkey in NAVIGLI_KEYS]
    assert [key.kind for key in keys] == [ED25519, MLDSA44]
    assert [key.vkey for key in keys] == [vkey.strip() for vkey in NAVIGLI_KEYS]
    found = cosignatures(NAVIGLI, keys)
    assert [(c.key_id.hex(), c.at) for c in found] == [("a3e00fe2", NAVIGLI_TIME), ("6bc44249", NAVIGLI_TIME)]
    for key in keys:
        with pytest.raises(LedgerError, match="does not hold"):
            cosignatures(NAVIGLI.replace(b"185550722", b"185550723"), [key])


def test_the_specification_s_line_says_its_time() -> None:
    # c2sp.org/tlog-cosignature, the example at its top; the page has no key for it, but the time in its message.
    blob = base64.b64decode(
        "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
    )
    assert len(blob) == 4 + 8 + 64
    assert int.from_bytes(blob[4:12], "big") == 1679315147


def test_an_ml_dsa_key_is_derived_as_elsewhere() -> None:
    # Seed and key of the tests of filippo.io/torchwood (cmd/litewitness/testdata/mldsa.txt).
    seed = bytes.fromhex("2886adc2b0eabfce67c0472939127998bf886cf256bfee8ba76a253fce1146e0")
    vkey = Cosigner("example.com/mldsa-log", seed, MLDSA44).key.vkey
    assert vkey.startswith("example.com/mldsa-log+b5df45c5+BuhtcL97l3dcitjZ8Y9J54gmQ1TWn/BMF0yePKpTzhlFCkN6")
    assert vkey.endswith("B6p5/tsh4rrcUht4yVIvFAaqsgAAE=")


def test_the_signed_bytes_are_the_specification_s() -> None:
    """Both messages, put together here from the page alone, and checked by the library itself."""
    blob = base64.b64decode(W1.cosign(TEXT, at=1679315147).split()[2])
    message = b"cosignature/v1\ntime 1679315147\n" + TEXT.encode()
    Ed25519PublicKey.from_public_bytes(W1.key.public).verify(blob[12:], message)
    line = QUANTUM.cosign(TEXT, at=7)
    blob = base64.b64decode(line.split()[2])
    assert blob[4:12] == bytes(7) + b"\x07"
    message = (
        b"subtree/v1\n\x00\x12college.example/w1"
        + (7).to_bytes(8, "big")
        + b"\x13city.example/ledger"
        + (0).to_bytes(8, "big")
        + (5).to_bytes(8, "big")
        + bytes(range(32))
    )
    mldsa.MLDSA44PublicKey.from_public_bytes(QUANTUM.key.public).verify(blob[12:], message)


@pytest.mark.parametrize("cosigner", KINDS)
def test_no_changed_part_verifies(cosigner: Cosigner) -> None:
    line = cosigner.cosign(TEXT, at=1_800_000_000)
    (found,) = cosignatures(noted(line), [cosigner.key])
    assert (found.name, found.at, found.line + "\n") == (cosigner.name, 1_800_000_000, line)
    name, blob = line.split()[1:]
    data = base64.b64decode(blob)
    for offset in [*range(4, 14), 40, len(data) - 1]:  # time, and both ends of the signature
        changed = bytearray(data)
        changed[offset] ^= 1
        spoiled = f"— {name} {base64.b64encode(changed).decode()}\n"
        with pytest.raises(LedgerError):
            cosignatures(noted(spoiled), [cosigner.key])
    for cut in (data[:-1], data[:12], data[:5], data + b"\0"):
        with pytest.raises(LedgerError, match="is no"):
            cosignatures(noted(f"— {name} {base64.b64encode(cut).decode()}\n"), [cosigner.key])
    for text in (
        TEXT.replace("city", "town"),
        TEXT.replace("\n5\n", "\n6\n"),
        Checkpoint(ORIGIN, 5, bytes(32)).to_text(),
    ):
        with pytest.raises(LedgerError, match="does not hold"):
            cosignatures(noted(line, text=text), [cosigner.key])


def test_ml_dsa_commits_to_its_name_and_ed25519_to_the_whole_text() -> None:
    other = CosignatureKey("else.example/w1", MLDSA44, QUANTUM.key.public)
    blob = base64.b64decode(QUANTUM.cosign(TEXT, at=1).split()[2])
    with pytest.raises(LedgerError, match="does not hold"):
        other.check(TEXT, blob[4:])
    longer = TEXT + "an extension\n"
    (found,) = cosignatures(noted(W1.cosign(longer, at=9), text=longer), [W1.key])
    assert found.at == 9
    with pytest.raises(LedgerError, match="says more than that"):
        QUANTUM.cosign(longer, at=1)
    with pytest.raises(LedgerError, match="says more than that"):
        QUANTUM.key.check(longer, blob[4:])


def test_a_ledger_s_own_second_signature() -> None:
    """Ed25519 and ML-DSA-44 of one name on one checkpoint."""
    signer = Signer.generate(ORIGIN)
    own = Cosigner.generate(ORIGIN, kind=MLDSA44)
    note = Checkpoint(ORIGIN, 5, bytes(32)).sign(signer)
    text = note.decode().partition("\n\n")[0] + "\n"
    note += own.cosign(text, at=0).encode()
    assert Checkpoint.open(note, signer.verifier).size == 5
    (found,) = cosignatures(note, [own.key])
    assert (found.name, found.at) == (ORIGIN, 0)


def test_others_cosignatures_are_passed_over() -> None:
    note = noted(W1.cosign(TEXT, at=1), QUANTUM.cosign(TEXT, at=2))
    assert [c.at for c in cosignatures(note, [QUANTUM.key])] == [2]
    assert [c.at for c in cosignatures(note, [W1.key, QUANTUM.key])] == [1, 2]
    assert cosignatures(note, []) == ()


def test_bare_lines_are_read_as_such() -> None:
    lines = (W1.cosign(TEXT, at=1) + QUANTUM.cosign(TEXT, at=2)).encode()
    assert [c.at for c in check_lines(TEXT, lines, [W1.key, QUANTUM.key])] == [1, 2]
    other = Checkpoint(ORIGIN, 4, bytes(32)).to_text()
    smuggled = (other + "\n" + W1.cosign(other, at=1)).encode()
    for wrong in (b"", b"\n", smuggled, lines[:-1], b"\n" + lines, lines + b"\n", lines + b"\n" + lines):
        with pytest.raises(LedgerError):
            check_lines(TEXT, wrong, [W1.key])


@given(st.binary(max_size=300))
def test_anything_else_is_refused_without_a_crash(data: bytes) -> None:
    with pytest.raises(LedgerError):
        check_lines(TEXT, data, [W1.key])
    with pytest.raises(LedgerError):
        cosignatures(data, [W1.key])


@given(st.text(max_size=80))
def test_no_other_text_is_a_key(text: str) -> None:
    with pytest.raises(ConfigError):
        CosignatureKey.from_vkey(text)
    with pytest.raises(ConfigError):
        Cosigner.from_text(text)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**64 - 1), st.binary(min_size=32, max_size=32))
def test_any_checkpoint_round_trips(at: int, size: int, root: bytes) -> None:
    text = Checkpoint(ORIGIN, size, root).to_text()
    for cosigner in KINDS:
        (found,) = cosignatures(noted(cosigner.cosign(text, at=at), text=text), [cosigner.key])
        assert found.at == at


@pytest.mark.parametrize("cosigner", KINDS)
def test_what_can_not_be_cosigned(cosigner: Cosigner) -> None:
    for at in (-1, 2**63):
        with pytest.raises(UsageError, match="as the time"):
            cosigner.cosign(TEXT, at=at)
    with pytest.raises(LedgerError, match="not a checkpoint"):
        cosigner.cosign("no checkpoint\n", at=1)
    blob = base64.b64decode(cosigner.cosign(TEXT, at=1).split()[2])
    with pytest.raises(LedgerError, match="is no"):  # a time beyond what the specification allows
        cosigner.key.check(TEXT, b"\x80" + blob[5:])


def test_names_and_sizes_beyond_ml_dsa_s_format() -> None:
    with pytest.raises(LedgerError, match="holds 1 to 255"):
        Cosigner("x" * 256, bytes(32), MLDSA44).cosign(TEXT, at=1)
    with pytest.raises(LedgerError, match="holds 1 to 255"):
        QUANTUM.cosign(Checkpoint("o" * 256, 1, bytes(32)).to_text(), at=1)
    with pytest.raises(LedgerError, match="says more"):
        QUANTUM.cosign(Checkpoint(ORIGIN, 2**64, bytes(32)).to_text(), at=1)


def test_no_single_changed_character_of_a_vkey_is_read() -> None:
    vkey = W1.key.vkey
    for offset in range(len(vkey)):
        changed = vkey[:offset] + chr(ord(vkey[offset]) ^ 1) + vkey[offset + 1 :]
        with pytest.raises(ConfigError):
            CosignatureKey.from_vkey(changed)


def test_a_ledger_s_key_is_no_cosigner_s() -> None:
    signer = Signer(ORIGIN, bytes(32))
    with pytest.raises(ConfigError, match="type 0x01"):
        CosignatureKey.from_vkey(signer.verifier.vkey)


@pytest.mark.parametrize("cosigner", KINDS)
def test_key_files_are_private(tmp_path: Path, cosigner: Cosigner) -> None:
    path = tmp_path / "keys" / "w1.key"
    cosigner.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_cosigners(path) == (cosigner,)
    with pytest.raises(UsageError, match="never overwritten"):
        cosigner.save(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="mode 644") as refused:
        load_cosigners(path)
    assert refused.value.hint == f"chmod 600 {path}"
    with pytest.raises(ConfigError, match="can't be read"):
        load_cosigners(tmp_path / "nothing")


def test_one_file_holds_the_keys_of_one_cosigner() -> None:
    assert read_cosigners(f"{W1.text}\n{QUANTUM.text}\n") == (W1, QUANTUM)
    stranger = Cosigner("else.example/w1", bytes(32), MLDSA44)
    for wrong in ("", f"{W1.text}\n{W1.text}", f"{W1.text}\n{stranger.text}"):
        with pytest.raises(ConfigError, match="expected one cosigner's") as refused:
            read_cosigners(wrong)
        assert not secrets_of(W1) & set(str(refused.value).split())


def secrets_of(cosigner: Cosigner) -> set[str]:
    material = base64.b64encode(bytes([cosigner.kind]) + cosigner.seed).decode()
    return {material, cosigner.text, cosigner.seed.hex(), repr(cosigner.seed)}


@pytest.mark.parametrize("cosigner", KINDS)
def test_a_key_never_shows_itself(tmp_path: Path, cosigner: Cosigner) -> None:
    assert not any(secret in repr(cosigner) + str(cosigner) for secret in secrets_of(cosigner))
    path = tmp_path / "key"
    for damaged in (cosigner.text.replace("PRIVATE", "private"), cosigner.text[:-5], cosigner.text + "+x"):
        path.write_text(damaged)
        path.chmod(0o600)
        with pytest.raises(PeelianError) as refused:
            load_cosigners(path)
        assert damaged.rpartition("+")[2] not in str(refused.value) or damaged.endswith("+x")
        assert not any(secret in str(refused.value) for secret in secrets_of(cosigner))


@pytest.mark.parametrize("kind", [ED25519, MLDSA44])
def test_new_keys_differ(kind: int) -> None:
    a, b = (Cosigner.generate("college.example/w1", kind=kind) for _ in range(2))
    assert a.key != b.key
    assert read_cosigners(a.text) == (a,)
    with pytest.raises(ConfigError, match="can't name a key"):
        Cosigner.generate("a b", kind=kind)


def test_without_ml_dsa_ed25519_goes_on_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mldsa_works()
    vkey, secret = QUANTUM.key.vkey, QUANTUM.text
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mldsa", None)
    assert not mldsa_works()
    for attempt in (
        lambda: Cosigner.generate("a", kind=MLDSA44),
        lambda: CosignatureKey.from_vkey(vkey),
        lambda: Cosigner.from_text(secret),
        lambda: QUANTUM.cosign(TEXT, at=1),
    ):
        with pytest.raises(ConfigError, match="without ML-DSA") as refused:
            attempt()
        assert "Ed25519 alone" in (refused.value.hint or "")
    (found,) = cosignatures(noted(W1.cosign(TEXT, at=3)), [W1.key])
    assert found.at == 3
