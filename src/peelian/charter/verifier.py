"""Check a Peelian ledger, or one entry's proof, without Peelian.

This file needs Python 3.10 or newer and the package `cryptography`, nothing else: read it, then run it.

    python verify_ledger.py LEDGER_FOLDER --vkey KEY [--since FILE] [--witness VKEY ... --quorum 2]
    python verify_ledger.py proof FILE --vkey KEY [--rotations LEDGER_FOLDER] [--witness ...]

With a folder it does this:

1. From the key that you give, one that you know from wherever you trust, it follows to the present key: each
   file rotation/0001.tlog-proof, ... shows an entry that names an old and a new key, which both signed.
2. It checks that the present key signed `checkpoint`: the ledger's name, number of entries and root.
3. It hashes every entry (tile/entries/...) and builds the Merkle tree over them. An entry that was changed,
   added, removed or moved gives another root than the signed one.
4. It compares the tiles of hashes from which others make proofs (tile/0/... and up) with that tree.
5. It checks that every change of key, and the checkpoint that you kept from last time (--since), is of this
   same tree: what was there then is there still, at the same place.
6. It counts the witnesses (--witness) that signed the checkpoint, or an earlier one in the file `witnessed`.

It can't tell whether there is a longer ledger that you were not given, unless you keep a checkpoint or ask
witnesses; nor whether what the entries say is true. Files that it does not need are not looked at.
Exit code: 0 it holds, 1 it does not, 2 it could not be checked (wrong arguments, unreadable files).
Sources: RFC 6962, RFC 9162; c2sp.org/tlog-tiles, /tlog-checkpoint, /tlog-proof, /tlog-cosignature. Apache-2.0.
"""

# ruff: noqa: EM101, EM102, N818, T201 - short to read: messages where they are raised, and a program that prints

from __future__ import annotations

import argparse
import base64
import binascii
import json
import re
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PLAIN, COSIGNED, COSIGNED_ML_DSA = 0x01, 0x04, 0x06  # signature types
KEY_BYTES = {PLAIN: 32, COSIGNED: 32, COSIGNED_ML_DSA: 1312}
SIGNATURE_BYTES = {PLAIN: 64, COSIGNED: 8 + 64, COSIGNED_ML_DSA: 8 + 2420}


class Wrong(Exception):
    """Something does not hold: exit code 1."""


class Unchecked(Exception):
    """Something could not be checked at all: exit code 2."""


# ---- hashing (RFC 6962, 2.1) ----


def hash_pair(pair: bytes) -> bytes:
    """Hash of two nodes; one that has no partner moves up as it is."""
    return sha256(b"\x01" + pair).digest() if len(pair) == 64 else pair


def root_of(nodes: Sequence[bytes]) -> bytes:
    """Root over nodes of one height, paired from the left."""
    while len(nodes) > 1:
        nodes = [hash_pair(b"".join(nodes[i : i + 2])) for i in range(0, len(nodes), 2)]
    return nodes[0] if nodes else sha256(b"").digest()


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to (RFC 9162, 2.1.3.2), or None if its length is not right."""
    if not 0 <= index < size:
        return None
    fn, sn, root = index, size - 1, leaf
    for node in path:
        if sn == 0 or len(node) != 32:
            return None
        if fn % 2 or fn == sn:
            root = hash_pair(node + root)
            while fn % 2 == 0 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = hash_pair(root + node)
        fn, sn = fn >> 1, sn >> 1
    return root if sn == 0 else None


class Tree:
    """The tree over all entries: for each height, the hashes of the full subtrees of 256**height entries."""

    def __init__(self) -> None:
        self.levels: list[list[bytes]] = [[]]

    def add(self, leaves: Sequence[bytes]) -> None:
        """Add the hashes of up to 256 entries; all calls but the last bring 256."""
        self.levels[0] += leaves
        level = 0
        while self.levels[level] and len(self.levels[level]) % 256 == 0 and len(leaves) == 256:
            if level + 1 == len(self.levels):
                self.levels.append([])
            self.levels[level + 1].append(root_of(self.levels[level][-256:]))
            level += 1

    def root(self, size: int) -> bytes:
        """Root over the first `size` entries: from the right, and each level gives what no higher one covers."""
        root = None
        for level, nodes in enumerate(self.levels):
            end = size >> 8 * level
            while end % 256:  # the full subtrees in this rest are the one bits of its width
                width = end & -end
                peak = root_of(nodes[end - width : end])
                root = peak if root is None else hash_pair(peak + root)
                end -= width
        return sha256(b"").digest() if root is None else root


# ---- keys and signed notes (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature) ----


class Key(NamedTuple):
    """A public key: NAME+ID+BASE64."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes by which a signature line says whose it is."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]


class Note(NamedTuple):
    """A signed checkpoint: its text, what that says, and its signatures as (name, key id, signature)."""

    text: str
    origin: str
    size: int
    root: bytes
    signatures: list[tuple[str, bytes, bytes]]


def from_base64(text: str) -> bytes:
    """Bytes of a base64 text in its one canonical spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data or base64.b64encode(data).decode() != text:
        raise Wrong(f"{text[:60]!r} is not base64")
    return data


def read_key(vkey: str) -> Key:
    """Read a public key, and see that its id belongs to it."""
    parts = vkey.strip().split("+", 2)
    try:
        data = from_base64(parts[2])
        key = Key(parts[0], data[0], data[1:])
        if len(key.public) == KEY_BYTES.get(key.kind) and key.key_id.hex() == parts[1]:
            return key
    except (IndexError, Wrong):
        pass
    raise Unchecked(f"{vkey[:80]!r} is not a key: expected NAME+8 HEX DIGITS+BASE64, copied whole")


def read_note(data: bytes, what: str) -> Note:
    """Take a signed checkpoint apart. Nothing is verified by that."""
    try:
        text, _, lines = data.decode().rpartition("\n\n")
        origin, size, root = text.split("\n")[:3]
        note = Note(text + "\n", origin, int(size), from_base64(root), [])
        for line in lines.removesuffix("\n").split("\n"):
            dash, name, blob = line.split(" ")
            signature = from_base64(blob)
            if dash != "\u2014" or not name:
                raise ValueError
            note.signatures.append((name, signature[:4], signature[4:]))
        if origin and str(note.size) == size and len(note.root) == 32 and lines.endswith("\n"):
            return note
    except (ValueError, Wrong):
        pass
    raise Wrong(f"{what} is no signed checkpoint")


def signed_message(key: Key, note: Note, time: int) -> bytes:
    """The bytes that a key of this kind signs for a checkpoint."""
    if key.kind == PLAIN:
        return note.text.encode()
    if key.kind == COSIGNED:
        return f"cosignature/v1\ntime {time}\n{note.text}".encode()
    if note.text.count("\n") != 3:
        raise ValueError("ML-DSA signs origin, size and root, and would not cover further lines")
    name, origin = key.name.encode(), note.origin.encode()
    start, end = bytes(8), note.size.to_bytes(8, "big")
    names = bytes([len(name)]) + name + time.to_bytes(8, "big") + bytes([len(origin)]) + origin
    return b"subtree/v1\n\0" + names + start + end + note.root


def holds(key: Key, signature: bytes, note: Note) -> bool:
    """Whether a signature is this key's over this checkpoint."""
    if len(signature) != SIGNATURE_BYTES[key.kind]:
        return False
    time = 0 if key.kind == PLAIN else int.from_bytes(signature[:8], "big")
    plain = signature if key.kind == PLAIN else signature[8:]
    try:
        message = signed_message(key, note, time)
        if key.kind == COSIGNED_ML_DSA:
            from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

            MLDSA44PublicKey.from_public_bytes(key.public).verify(plain, message)
        else:
            Ed25519PublicKey.from_public_bytes(key.public).verify(plain, message)
    except (ImportError, UnsupportedAlgorithm):
        raise Unchecked(f"{key.name} signs with ML-DSA-44, which this cryptography package lacks") from None
    except (InvalidSignature, ValueError, OverflowError):
        return False
    return True


def signed_by(key: Key, note: Note) -> bool:
    """Whether this key signed; a line that claims to be its and does not hold spoils everything."""
    found = [holds(key, s, note) for name, i, s in note.signatures if (name, i) == (key.name, key.key_id)]
    if not all(found):
        raise Wrong(f"the signature of {key.name} does not hold: what it signed was changed")
    return bool(found)


# ---- proofs and changes of key (c2sp.org/tlog-proof) ----


def read_proof(data: bytes, what: str, entry: bytes | None = None) -> tuple[bytes, int, Note]:
    """The entry of a proof, its number and the checkpoint, to whose root entry and path were found to lead."""
    top, _, bottom = data.partition(b"\n\n")
    note = read_note(bottom, f"the end of {what}")
    try:
        header, *lines = top.decode("ascii").split("\n")
        if lines[0].startswith("extra "):
            entry = from_base64(lines.pop(0)[6:])
        word, digits = lines.pop(0).split(" ")
        if header != "c2sp.org/tlog-proof@v1" or word != "index" or str(int(digits)) != digits:
            raise ValueError
        path = [from_base64(line) for line in lines]
    except (ValueError, IndexError):
        raise Wrong(f"{what} is no proof") from None
    if entry is None:
        raise Unchecked(f"{what} carries no entry; give it with --entry")
    if root_by_path(sha256(b"\x00" + entry).digest(), int(digits), note.size, path) != note.root:
        raise Wrong(f"{what} does not show that its entry is number {digits}")
    return entry, int(digits), note


def read_rotations(folder: Path) -> list[tuple[Key, Key, Note]]:
    """The changes of key in a folder, in order: old key, new key, and the checkpoint that both signed."""
    found: list[tuple[Key, Key, Note]] = []
    while (path := folder / "rotation" / f"{len(found) + 1:04d}.tlog-proof").exists():
        name = f"rotation/{path.name}"
        entry, number, note = read_proof(read(path), name)
        try:
            fields = json.loads(entry)
            kind, details = fields["kind"], fields["details"]
            old, new = read_key(details["old_vkey"]), read_key(details["new_vkey"])
        except (ValueError, LookupError, TypeError, AttributeError, Unchecked):
            raise Wrong(f"the entry of {name} names no old and new key") from None
        if kind != "rotate" or number != note.size - 1 or {old.name, new.name} != {note.origin}:
            raise Wrong(f"the entry of {name} is no change of key, or not the last one of its checkpoint")
        if not (signed_by(old, note) and signed_by(new, note)):
            raise Wrong(f"{name} was not signed by both of the keys that it names")
        if found and found[-1][1] != old:
            raise Wrong(f"{name} does not follow the one before")
        found.append((old, new, note))
    return found


def ledger_keys(vkey: str, rotations: list[tuple[Key, Key, Note]]) -> list[Key]:
    """The keys from the one that is known to the present one."""
    keys = [read_key(vkey)]
    if keys[0].kind != PLAIN:
        raise Unchecked("--vkey takes the ledger's Ed25519 key; give any other key with --witness")
    for old, new, _ in rotations:
        if old == keys[-1]:
            keys.append(new)
    return keys


def check_signed(note: Note, keys: list[Key], what: str) -> Key:
    """One of the ledger's keys signed this checkpoint, which is of this ledger."""
    if note.origin != keys[0].name:
        raise Wrong(f"{what} is of {note.origin!r}, and your key of {keys[0].name!r}")
    for key in keys:
        if signed_by(key, note):
            return key
    raise Wrong(f"{what} was not signed by your key, nor by one that it handed over to")


def count_witnesses(note: Note, witnesses: list[Key]) -> list[str]:
    """Names of those that signed. Several keys of one name, or one key under several names, are one witness."""
    found = {key.public: key.name for key in witnesses if signed_by(key, note)}
    return sorted(set(found.values()))


# ---- files (c2sp.org/tlog-tiles) ----


def read(path: Path) -> bytes:
    """Bytes of a file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unchecked(f"{path} can't be read: {error.strerror}") from None


def tile_path(level: str, index: int, width: int) -> str:
    """Name of a tile: groups of three digits, all but the last marked with an x; partial ones apart."""
    name, rest = f"{index % 1000:03d}", index // 1000
    while rest:
        name, rest = f"x{rest % 1000:03d}/{name}", rest // 1000
    return f"tile/{level}/{name}" + ("" if width == 256 else f".p/{width}")


def read_tile(folder: Path, level: str, index: int, width: int) -> bytes:
    """Bytes of a tile; one that is missing means that the ledger is not whole."""
    name = tile_path(level, index, width)
    if not (folder / name).is_file():
        raise Wrong(f"{name} is missing")
    return read(folder / name)


def widths(count: int) -> Iterator[tuple[int, int]]:
    """(index, width) of the tiles that hold `count` hashes."""
    yield from ((index, min(256, count - 256 * index)) for index in range(-(-count // 256)))


def read_entries(folder: Path, size: int) -> Tree:
    """Hash every entry of the ledger, compare with the tiles, and build the tree."""
    tree = Tree()
    for index, width in widths(size):
        data = read_tile(folder, "entries", index, width)
        leaves, offset = [], 0
        for _ in range(width):
            end = offset + 2 + int.from_bytes(data[offset : offset + 2], "big")
            leaves.append(sha256(b"\x00" + data[offset + 2 : end]).digest())
            offset = end
        if offset != len(data):
            raise Wrong(f"{tile_path('entries', index, width)} does not hold {width} whole entries")
        stored = read_tile(folder, "0", index, width)
        if stored != b"".join(leaves):
            wrong = [i for i, leaf in enumerate(leaves) if stored[32 * i : 32 * i + 32] != leaf]
            where = 256 * index + (wrong[0] if wrong else width)
            raise Wrong(f"entry {where} is not what its hash in {tile_path('0', index, width)} says")
        tree.add(leaves)
    for level, nodes in enumerate(tree.levels[1:], 1):
        for index, width in widths(len(nodes)):
            if read_tile(folder, str(level), index, width) != b"".join(nodes[256 * index :][:width]):
                raise Wrong(f"{tile_path(str(level), index, width)} does not fit the tiles below it")
    return tree


# ---- the two commands ----


def check_folder(folder: Path, options: argparse.Namespace) -> list[str]:
    """Check a whole ledger; what was found, in words."""
    rotations = read_rotations(folder)
    keys = ledger_keys(options.vkey, rotations)
    note = read_note(read(folder / "checkpoint"), "checkpoint")
    check_signed(note, keys[-1:], "checkpoint")
    size = note.size
    known = [(f"rotation {i}", note.size, note.root) for i, (_, _, note) in enumerate(rotations, 1)]
    since = [remembered(options.since, keys)] if options.since else []
    known += since
    witnesses = [read_key(vkey) for vkey in options.witness]
    names, seen = count_witnesses(note, witnesses), size
    if len(names) < options.quorum and (folder / "witnessed").exists():
        earlier = read_note(read(folder / "witnessed"), "witnessed")
        check_signed(earlier, keys, "witnessed")
        names, seen = count_witnesses(earlier, witnesses), earlier.size
        known.append(("the file witnessed", seen, earlier.root))
    for what, then, _ in known:
        if then > size:
            raise Wrong(f"the ledger was rewound: by {what} it had {then} entries, and now it says {size}")
    tree = read_entries(folder, size)
    if tree.root(size) != note.root:
        raise Wrong(f"the {size} entries do not give the root that was signed")
    for what, then, root in known:
        if tree.root(then) != root:
            raise Wrong(f"the ledger was rewritten: its first {then} entries are not those of {what}")
    said = [f"{note.origin}: {size} entries, root {note.root.hex()}: verified"]
    said += [f"the key that you gave was followed over {len(keys) - 1} changes"] if keys[1:] else []
    said += [f"it begins with the {then} entries of {what}" for what, then, _ in since]
    return said + quorum(names, options, f"the first {seen} entries")


def check_proof(path: Path, options: argparse.Namespace) -> list[str]:
    """Check one entry's proof; what was found, in words."""
    given = read(options.entry) if options.entry else None
    entry, number, note = read_proof(read(path), str(path), given)
    keys = ledger_keys(options.vkey, read_rotations(options.rotations) if options.rotations else [])
    check_signed(note, keys, str(path))
    names = count_witnesses(note, [read_key(vkey) for vkey in options.witness])
    said = [f"{note.origin}: this is entry {number} of {note.size}: verified"]
    said += quorum(names, options, f"the {note.size} entries that it is among")
    return [*said, entry.decode("utf-8", "replace")]


def remembered(since: str, keys: list[Key]) -> tuple[str, int, bytes]:
    """The size and the root that somebody remembers: a checkpoint's file, or SIZE:ROOT in hex."""
    if re.fullmatch(r"[0-9]+:[0-9a-fA-F]{64}", since):
        size, root = since.split(":")
        return "what you remember", int(size), bytes.fromhex(root)
    note = read_note(read(Path(since)), since)
    check_signed(note, keys, since)
    return since, note.size, note.root


def quorum(names: list[str], options: argparse.Namespace, what: str) -> list[str]:
    """Whether enough witnesses signed."""
    if options.witness and len(names) < options.quorum:
        raise Wrong(f"{len(names)} of your witnesses signed ({', '.join(names)}); wanted: {options.quorum}")
    return [f"{len(names)} witnesses signed {what}: {', '.join(names)}"] if names else []


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, check, and say what was found."""
    parser = argparse.ArgumentParser(description="Check a Peelian ledger, or one entry's proof.")
    parser.add_argument("what", nargs="+", metavar="FOLDER | proof FILE")
    parser.add_argument("--vkey", required=True, help="a key of the ledger that you know: NAME+ID+BASE64")
    parser.add_argument("--since", help="a checkpoint that you kept, or SIZE:ROOT")
    parser.add_argument("--witness", action="append", default=[], help="a witness's key; repeat it")
    parser.add_argument("--quorum", type=int, default=1, help="how many of the witnesses must have signed")
    parser.add_argument("--entry", type=Path, help="proof: the entry, where the proof does not carry it")
    parser.add_argument("--rotations", type=Path, help="proof: folder of the ledger, to follow its keys")
    options = parser.parse_args(arguments)
    is_proof = options.what[0] == "proof" and len(options.what) == 2
    if len(options.what) > 1 and not is_proof:
        parser.error("expected a folder, or 'proof' and a file")
    try:
        check = check_proof if is_proof else check_folder
        print("\n".join(check(Path(options.what[-1]), options)))
    except (Wrong, Unchecked) as error:
        code, said = (1, "DOES NOT VERIFY") if isinstance(error, Wrong) else (2, "not checked")
        print(f"{said}: {error}", file=sys.stderr)
        return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
