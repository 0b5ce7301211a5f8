"""The ledger's side of witnessing: asking witnesses for cosignatures, keeping them, and counting who has seen what.

Cosignatures are added below the signed text of ``checkpoint``. An append makes a new checkpoint without them, so the
newest one that enough witnesses saw is also kept as ``witnessed`` beside it: proof that the ledger up to there can't be
rewritten without a witness's help. Nothing that a witness answers is believed without its signature; what it refuses is
reported in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from peelian.charter.cosignature import Cosignature, CosignatureKey, check_lines, cosignatures, head_of
from peelian.charter.divergence import counted
from peelian.charter.durable import locked, replace_file
from peelian.charter.entry import Clock, utc_now
from peelian.charter.merkle import EMPTY_ROOT, consistency_proof, range_hash, verify_consistency
from peelian.charter.note import Checkpoint, parse_note
from peelian.charter.store import CHECKPOINT_FILE, WITNESSED_FILE, TileNodes, read_checkpoint
from peelian.charter.verification import Keys
from peelian.charter.witness import Submission
from peelian.errors import LedgerError, PeelianError

__all__ = ["Party", "Reply", "Witnessed", "ask", "cosign", "cosigned_by", "names_on", "newest_witnessed"]

MAX_ANSWER = 64 * 1024
MAX_FILES = 1000
AHEAD_SECONDS = 600
_ATTEMPTS = 3
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n", re.ASCII)


@dataclass(frozen=True)
class Party:
    """A witness that a ledger's keeper relies on.

    Parameters
    ----------
    name : str
        What people call it; it counts once, however many keys it has.
    keys : tuple of CosignatureKey
        Its public keys.
    url : str, optional
        Where it is asked: the part before ``/add-checkpoint``.
    folder : Path, optional
        Where the files lie that it sends.
    """

    name: str
    keys: tuple[CosignatureKey, ...]
    url: str | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class Reply:
    """What came of asking a witness.

    Parameters
    ----------
    witness : str
        Name of the party.
    word : str
        ``cosigned``; ``earlier`` (an earlier checkpoint is the last that it cosigned); ``fork`` or ``rewind`` (it has
        seen another ledger, or a larger one); ``silent``, ``refused`` or ``wrong`` (an answer that is none).
    said : str
        The same in a sentence.
    found : tuple of Cosignature
        Its cosignatures, checked.
    note : bytes
        The signed checkpoint that they are on.
    """

    witness: str
    word: str
    said: str
    found: tuple[Cosignature, ...] = ()
    note: bytes = b""


@dataclass(frozen=True)
class Witnessed:
    """A checkpoint and who has seen it.

    Parameters
    ----------
    head : Checkpoint
        Its size and root.
    seen : dict of str to int
        By name of the party: when, in seconds since 1970, by the witness's clock.
    """

    head: Checkpoint
    seen: dict[str, int]


class _NoRedirect(HTTPRedirectHandler):
    """A witness is where its operator said, and nowhere else."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """None: the redirection is reported as an error."""


def names_on(note: bytes, parties: Iterable[Party]) -> dict[str, int]:
    """Which parties cosigned a signed checkpoint, and when (seconds since 1970).

    Raises
    ------
    LedgerError
        If it is no signed checkpoint, or a cosignature of one of their keys does not hold.
    """
    found = {}
    for party in parties:
        # A time of 0 says nothing about this being the largest ledger that was seen, and so does not count.
        times = [c.at for c in cosignatures(note, party.keys) if c.at > 0]
        if times:
            found[party.name] = max(times)
    return found


def cosigned_by(folder: Path, witnesses: Sequence[Party]) -> tuple[str, ...]:
    """Names of the witnesses that cosigned the ledger in `folder` as it stands; errors as `names_on`."""
    return tuple(names_on(read_checkpoint(folder), witnesses))


def newest_witnessed(folder: Path, witnesses: Sequence[Party], *, quorum: int = 1) -> Witnessed | None:
    """The newest checkpoint that enough witnesses cosigned; if none was, the one that most did; None if nobody did.

    Errors as `names_on`.
    """
    path = folder / WITNESSED_FILE
    notes = [read_checkpoint(folder), *([path.read_bytes()] if path.is_file() else [])]
    note = _best(notes, witnesses, quorum)
    return None if note is None else Witnessed(head_of(note), names_on(note, witnesses))


def _best(notes: Iterable[bytes], witnesses: Sequence[Party], quorum: int) -> bytes | None:
    counted = [(len(names_on(note, witnesses)), head_of(note).size, note) for note in notes]
    enough = max(quorum, 1)
    ranked = [((min(n, enough), size, n), note) for n, size, note in counted if n]
    return max(ranked, key=lambda pair: pair[0])[1] if ranked else None


# -- asking


def ask(folder: Path, party: Party, *, timeout: float = 10.0, now: Clock | None = None) -> Reply:
    """Ask one witness to cosign the ledger in `folder` as it stands. Nothing is written.

    Raises
    ------
    LedgerError
        If the ledger itself can't be read, or its tiles don't lead to its root.
    """
    note = read_checkpoint(folder)
    try:
        reply = _ask_url(folder, party, note, timeout) if party.url else _ask_folder(folder, party, note)
        latest = int((now or utc_now)().timestamp()) + AHEAD_SECONDS
        if any(c.at == 0 or c.at > latest for c in reply.found):
            return Reply(party.name, "wrong", "its cosignature says no time, or one that is yet to come")
    except _Wrong as wrong:
        return Reply(party.name, "wrong", str(wrong))
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        return Reply(party.name, "silent", f"it did not answer: {reason or type(error).__name__}")
    return reply


class _Wrong(Exception):  # noqa: N818 - an answer, and none of ours to show
    """An answer that is none."""


def _root_at(folder: Path, head: Checkpoint, size: int) -> bytes:
    return range_hash(TileNodes(folder, head.size), 0, size) if size else EMPTY_ROOT


def _growth(folder: Path, head: Checkpoint, old: int) -> list[bytes]:
    """A proof of growth that holds; what a witness says to another one would be no news of it."""
    path = consistency_proof(TileNodes(folder, head.size), old=old, new=head.size)
    if not verify_consistency(
        old=old, old_root=_root_at(folder, head, old), new=head.size, new_root=head.root_hash, path=path
    ):
        msg = f"the tiles of the ledger in {folder} don't lead to its signed root"
        raise LedgerError(msg, hint="peelian ledger verify")
    return path


def _ask_url(folder: Path, party: Party, note: bytes, timeout: float) -> Reply:
    head = head_of(note)
    text = parse_note(note)[0]
    old = _last_seen(folder, party, head)
    for _ in range(_ATTEMPTS):
        proof = _growth(folder, head, old)
        status, kind, body = _post(
            f"{party.url}/add-checkpoint", Submission(old, tuple(proof), note), timeout
        )
        if status == 200:
            return _cosigned(party, note, text, body)
        if status == 409 and kind == "text/x.tlog.size":
            known = _SIZE.fullmatch(body)
            if known is None or int(known[1]) == old:
                break
            old = int(known[1])
            if old > head.size:
                said = f"rewind: it has seen this ledger with {counted(old)}, and there are {head.size:,} now"
                return Reply(party.name, "rewind", said)
            continue
        return _refused(party, status, old, head)
    msg = "it contradicts itself about what it saw last"
    raise _Wrong(msg)


def _refused(party: Party, status: int, old: int, head: Checkpoint) -> Reply:
    if status == 409:
        said = f"fork: it has seen another ledger of {counted(head.size)} under this name and key"
        return Reply(party.name, "fork", said)
    if status == 422 and old > 0:
        said = f"fork: it has seen {counted(old)}, and this ledger does not begin with them"
        return Reply(party.name, "fork", said)
    reasons = {
        403: "it does not trust the key that signed this ledger",
        404: "it does not look after this ledger, or is not at this address",
    }
    return Reply(party.name, "refused", reasons.get(status, f"it answered with status {status}"))


def _cosigned(party: Party, note: bytes, text: str, body: bytes) -> Reply:
    try:
        found = check_lines(text, body, party.keys)
    except LedgerError as error:
        msg = f"it answered with something else than cosignatures: {error.message[:200]}"
        raise _Wrong(msg) from error
    if not found:
        msg = "it cosigned with another key than the one that is known of it"
        raise _Wrong(msg)
    said = f"it cosigned this ledger of {counted(head_of(note).size)}"
    return Reply(party.name, "cosigned", said, found, note)


def _last_seen(folder: Path, party: Party, head: Checkpoint) -> int:
    """What the witness cosigned last, as far as is known here: a guess that saves a question."""
    path = folder / WITNESSED_FILE
    for note in (read_checkpoint(folder), path.read_bytes() if path.is_file() else b""):
        try:
            if note and names_on(note, [party]) and head_of(note).size <= head.size:
                return head_of(note).size
        except LedgerError:
            continue
    return 0


def _post(url: str, submission: Submission, timeout: float) -> tuple[int, str, bytes]:
    request = Request(  # noqa: S310 - the configuration allows http and https only
        url, data=submission.to_bytes(), headers={"Content-Type": "text/plain; charset=utf-8"}, method="POST"
    )
    try:
        answer = build_opener(_NoRedirect).open(request, timeout=timeout)
    except HTTPError as error:
        answer = error
    with answer:
        body: bytes = answer.read(MAX_ANSWER + 1)
        if len(body) > MAX_ANSWER:
            msg = f"it answered with more than {MAX_ANSWER:,} bytes"
            raise _Wrong(msg)
        status = answer.status or 0
        return status, answer.headers.get_content_type(), body


def _ask_folder(folder: Path, party: Party, note: bytes) -> Reply:
    """The newest checkpoint that the witness cosigned, among the files that it sent."""
    assert party.folder is not None
    head = head_of(note)
    replies = [
        _from_file(folder, party, note, path.read_bytes())
        for path in sorted(party.folder.iterdir())[:MAX_FILES]
        if path.is_file() and not path.name.startswith(".") and path.stat().st_size <= MAX_ANSWER
    ]
    found = [reply for reply in replies if reply is not None]
    worst = [reply for reply in found if reply.word in ("fork", "rewind")]
    if worst:
        return worst[0]
    if not found:
        said = f"there is no file with a cosignature of it for {head.origin} in {party.folder}"
        return Reply(party.name, "silent", said)
    return max(found, key=lambda reply: head_of(reply.note).size)


def _from_file(folder: Path, party: Party, note: bytes, data: bytes) -> Reply | None:
    """What one file of a witness says about the ledger; None if it is about something else."""
    head = head_of(note)
    try:
        found = cosignatures(data, party.keys)
        other = head_of(data)
        if not found or other.origin != head.origin:
            return None
        Keys.of(folder, None).open_earlier(data)  # the keeper signed it as well
    except LedgerError:
        return None
    data = _with(data, found, only=head.origin)
    if other.size > head.size:
        said = f"rewind: it cosigned this ledger with {counted(other.size)}, and there are {head.size:,} now"
        return Reply(party.name, "rewind", said, found, data)
    if _root_at(folder, head, other.size) != other.root_hash:
        said = f"fork: it cosigned another ledger of {counted(other.size)} under this name"
        return Reply(party.name, "fork", said, found, data)
    if parse_note(data)[0] == parse_note(note)[0]:
        return Reply(party.name, "cosigned", f"it cosigned this ledger of {counted(head.size)}", found, note)
    said = f"it cosigned the first {counted(other.size)}, and there are {head.size:,}"
    return Reply(party.name, "earlier", said, found, data)


# -- keeping


def cosign(
    folder: Path,
    witnesses: Sequence[Party],
    *,
    quorum: int = 0,
    timeout: float = 10.0,
    now: Clock | None = None,
    lock_timeout: float = 30.0,
) -> list[Reply]:
    """Ask all witnesses at once, and keep what they cosigned in the ledger's folder.

    Parameters
    ----------
    folder : Path
        Of the ledger.
    witnesses : sequence of Party
        Whom to ask.
    quorum : int
        How many have to have seen a checkpoint for it to replace an earlier one as ``witnessed``.
    timeout : float
        Seconds to wait for each.

    Returns
    -------
    list of Reply, one for each witness.

    Raises
    ------
    LedgerError
        If the ledger can't be read, or a cosignature that is there already does not hold.
    PeelianError
        If it can't be written.
    """
    if not witnesses:
        return []
    replies = _ask_all(folder, witnesses, timeout=timeout, now=now)
    good = [reply for reply in replies if reply.word in ("cosigned", "earlier")]
    if good:
        try:
            with locked(folder, exclusive=True, timeout=lock_timeout):
                _keep(folder, witnesses, good, quorum)
        except OSError as error:
            msg = f"the ledger in {folder} can't be written: {error.strerror or error}"
            raise PeelianError(msg, hint=f"free space on the disk of {folder}, then try again") from error
    return replies


def _ask_all(folder: Path, witnesses: Sequence[Party], *, timeout: float, now: Clock | None) -> list[Reply]:
    """Ask all at once. One that answers a byte at a time is not waited for."""
    replies: dict[str, Reply] = {}
    faults: list[Exception] = []

    def run(party: Party) -> None:
        try:
            replies[party.name] = ask(folder, party, timeout=timeout, now=now)
        except Exception as fault:  # raised again below, where the caller can catch it
            faults.append(fault)

    threads = [Thread(target=run, args=(party,), daemon=True) for party in witnesses]
    deadline = monotonic() + _ATTEMPTS * timeout
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(deadline - monotonic(), 0))
    if faults:
        raise faults[0]
    late = f"it did not answer within {_ATTEMPTS * timeout:g} s"
    return [replies.get(party.name) or Reply(party.name, "silent", late) for party in witnesses]


def _keep(folder: Path, witnesses: Sequence[Party], replies: Sequence[Reply], quorum: int) -> None:
    """Put cosignatures on the checkpoint if it is still the same, and the best one into ``witnessed``."""
    path = folder / WITNESSED_FILE
    current = read_checkpoint(folder)
    witnessed = path.read_bytes() if path.is_file() else None
    notes: dict[str, bytes] = {}
    for note in [current, *([] if witnessed is None else [witnessed]), *(reply.note for reply in replies)]:
        notes.setdefault(parse_note(note)[0], note)
    for reply in replies:
        text = parse_note(reply.note)[0]
        notes[text] = _with(notes[text], reply.found)
    merged = notes[parse_note(current)[0]]
    if merged != current:
        replace_file(folder / CHECKPOINT_FILE, merged)
    best = _best(notes.values(), witnesses, quorum)
    if best is not None and best != witnessed:
        replace_file(path, best)


def _with(note: bytes, found: Sequence[Cosignature], *, only: str | None = None) -> bytes:
    """A note with these cosignatures, instead of older ones of the same keys; of others, all or those of one name."""
    head, _, tail = note.rpartition(b"\n\n")
    lines = tail.decode()[:-1].split("\n")
    new = {(c.name, c.key_id) for c in found}
    signatures = [signature[:2] for signature in parse_note(note)[1]]
    kept = [
        line for line, key in zip(lines, signatures, strict=True) if key not in new and only in (None, key[0])
    ]
    return head + b"\n\n" + "".join(f"{line}\n" for line in [*kept, *(c.line for c in found)]).encode()
