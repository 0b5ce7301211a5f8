"""A verifier that knows nothing of ours: written from RFC 6962 and the C2SP pages alone, as an outsider would.

It is the oracle for the bytes that we write. It shares no code with the package.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from peelian.charter import Entry, Ledger


def path_of(n: int) -> str:
    digits = f"{n % 1000:03d}"
    while n := n // 1000:
        digits = f"x{n % 1000:03d}/{digits}"
    return digits


def root_of(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root_of(leaves[:k]) + root_of(leaves[k:])).digest()


def head_of(folder: Path, vkey: str) -> tuple[str, int, bytes]:
    """Check the signature of the checkpoint, and return origin, size and root."""
    name, key_id, material = vkey.split("+", 2)
    key = base64.b64decode(material)
    assert key[0] == 1
    assert hashlib.sha256(name.encode() + b"\n\x01" + key[1:]).digest()[:4].hex() == key_id
    text, signatures = (folder / "checkpoint").read_text(encoding="utf-8").split("\n\n")
    text += "\n"
    dash, signer, blob = signatures.split()
    assert (dash, signer) == ("—", name)
    signature = base64.b64decode(blob)
    assert signature[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode())
    origin, size, root, rest = text.split("\n", 3)
    assert rest == ""
    assert origin == name
    return origin, int(size), base64.b64decode(root)


def entries_of(folder: Path, size: int) -> list[bytes]:
    entries: list[bytes] = []
    for n in range(-(-size // 256)):
        width = min(256, size - 256 * n)
        suffix = "" if width == 256 else f".p/{width}"
        data = (folder / f"tile/entries/{path_of(n)}{suffix}").read_bytes()
        tile = (folder / f"tile/0/{path_of(n)}{suffix}").read_bytes()
        for i in range(width):
            length = int.from_bytes(data[:2], "big")
            entries.append(data[2 : 2 + length])
            data = data[2 + length :]
            assert hashlib.sha256(b"\x00" + entries[-1]).digest() == tile[32 * i : 32 * (i + 1)]
        assert data == b""
    return entries


@pytest.mark.parametrize("size", [0, 1, 3, 255, 256, 257, 1000])
def test_an_outsider_can_read_and_verify_it(tmp_path: Path, size: int) -> None:
    ledger = Ledger.create(tmp_path / "ledger", origin="city.example/ledger", key_path=tmp_path / "key")
    written = [
        Entry("forecast", "analyst", f"run-{i}", f"id-{i}", "2026-01-31T13:05:00Z", details={"größe": i})
        for i in range(size)
    ]
    for start in range(0, size, 300):
        ledger.append_new(written[start : start + 300])
    origin, found, root = head_of(ledger.root, ledger.vkey)
    assert (origin, found) == ("city.example/ledger", size)
    entries = entries_of(ledger.root, size)
    assert root_of([hashlib.sha256(b"\x00" + entry).digest() for entry in entries]) == root
    for i, entry in enumerate(entries):
        fields = json.loads(entry)
        assert fields["details"] == {"größe": i}
        assert (
            entry == json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        )  # what canonical JSON comes to for keys below U+D800


def test_an_outsider_can_check_a_proof(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger", origin="city.example/ledger", key_path=tmp_path / "key")
    entries = [b"entry %d" % i for i in range(600)]
    ledger.append(entries)
    _, size, root = head_of(ledger.root, ledger.vkey)
    for index in (0, 1, 255, 256, 511, 512, 598, 599):
        path = list(ledger.prove(index).path)
        # Recompute from the top: which side of each split the leaf is on, as RFC 6962 2.1.1 defines PATH.
        sides: list[bool] = []
        start, end = 0, size
        while end - start > 1:
            k = 1 << (end - start - 1).bit_length() - 1
            right = index >= start + k
            sides.append(right)
            start, end = (start + k, end) if right else (start, start + k)
        value = hashlib.sha256(b"\x00" + entries[index]).digest()
        for sibling, right in zip(path, reversed(sides), strict=True):
            pair = sibling + value if right else value + sibling
            value = hashlib.sha256(b"\x01" + pair).digest()
        assert value == root
