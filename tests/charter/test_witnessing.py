"""The ledger's side: witnesses of which one is down or has seen another ledger, and answers that are none."""

from __future__ import annotations

import http.server
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from peelian.charter import Entry, Ledger, verify, witnessing
from peelian.charter.cosignature import MLDSA44, Cosigner, head_of
from peelian.charter.divergence import FORK
from peelian.charter.exchange import look, write_cosigned
from peelian.charter.note import Checkpoint, Signer
from peelian.charter.witness import Witness
from peelian.charter.witness_server import WitnessServer
from peelian.charter.witnessing import Party, Reply, ask, cosign, cosigned_by, names_on, newest_witnessed
from peelian.errors import ConfigError, LedgerError

ORIGIN = "city.example/ledger"


@pytest.fixture(autouse=True)
def _straight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger.create(tmp_path / "ledger", origin=ORIGIN, key_path=tmp_path / "key")
    made.append([b"entry %d" % i for i in range(5)])
    return made


def forked(ledger: Ledger, folder: Path, size: int) -> Ledger:
    """Another ledger under the same name and key."""
    other = Ledger.create(folder / "other", origin=ORIGIN, key_path=ledger.root.parent / "key")
    other.append([b"another %d" % i for i in range(size)])
    return other


def witness_at(folder: Path, name: str, ledger: Ledger) -> Witness:
    made = Witness.open(folder / name, name=f"{name}.example/w")
    made.trust(ledger.vkey)
    return made


@contextmanager
def serving(*witnesses: Witness) -> Iterator[list[Party]]:
    servers = [WitnessServer(witness, port=0, log=lambda line: None) for witness in witnesses]
    threads = [
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}) for server in servers
    ]
    for thread in threads:
        thread.start()
    try:
        yield [
            Party(w.folder.name, w.keys, url=f"http://127.0.0.1:{s.server_address[1]}")
            for w, s in zip(witnesses, servers, strict=True)
        ]
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


@contextmanager
def answering(status: int, body: bytes, *headers: tuple[str, str]) -> Iterator[str]:
    """A server that gives every request the same answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def words(replies: list[Reply]) -> dict[str, str]:
    return {reply.witness: reply.word for reply in replies}


def test_two_of_three_with_one_down(ledger: Ledger, tmp_path: Path) -> None:
    w1, w2, w3 = (witness_at(tmp_path, name, ledger) for name in ("w1", "w2", "w3"))
    with serving(w1, w2) as parties:
        down = Party("w3", w3.keys, url=f"http://127.0.0.1:{free_port()}")
        text = ledger.signed_checkpoint().partition(b"\n\n")[0]
        replies = cosign(ledger.root, [*parties, down], quorum=2)
        assert words(replies) == {"w1": "cosigned", "w2": "cosigned", "w3": "silent"}
        assert "Connection refused" in replies[2].said
        assert cosigned_by(ledger.root, [*parties, down]) == ("w1", "w2")
        assert ledger.signed_checkpoint().partition(b"\n\n")[0] == text
        assert len(ledger.signed_checkpoint().splitlines()) == 3 + 1 + 1 + 4  # each with both kinds of key
        assert verify(ledger.root).size == 5
        ledger.append([b"more"])  # by the same writer, who finds the checkpoint changed below its text
        assert cosigned_by(ledger.root, parties) == ()
        seen = newest_witnessed(ledger.root, parties, quorum=2)
        assert seen is not None
        assert (seen.head.size, set(seen.seen)) == (5, {"w1", "w2"})
        assert verify(ledger.root).size == 6
        assert words(cosign(ledger.root, parties, quorum=2)) == {"w1": "cosigned", "w2": "cosigned"}
        again = newest_witnessed(ledger.root, parties, quorum=2)
        assert again is not None
        assert again.head.size == 6


def test_a_second_time_replaces_the_cosignatures(ledger: Ledger, tmp_path: Path) -> None:
    with serving(witness_at(tmp_path, "w1", ledger)) as parties:
        for day in (1, 2):
            cosign(ledger.root, parties, now=lambda d=day: datetime(2100, 1, d, tzinfo=UTC))  # type: ignore[misc]
        assert len(ledger.signed_checkpoint().splitlines()) == 3 + 1 + 1 + 2


def test_one_that_has_seen_another_ledger_of_that_size(ledger: Ledger, tmp_path: Path) -> None:
    w1, w2 = witness_at(tmp_path, "w1", ledger), witness_at(tmp_path, "w2", ledger)
    assert look(w2, forked(ledger, tmp_path, 5).root).word == "cosigned"
    with serving(w1, w2) as parties:
        replies = cosign(ledger.root, parties)
    assert words(replies) == {"w1": "cosigned", "w2": "fork"}
    assert replies[1].said == "fork: it has seen another ledger of 5 entries under this name and key"
    (found,) = w2.divergences()
    found.check([ledger.verifier])
    assert found.kind == FORK


@pytest.mark.parametrize("size", [3, 4])
def test_one_that_has_seen_another_beginning(ledger: Ledger, tmp_path: Path, size: int) -> None:
    w1 = witness_at(tmp_path, "w1", ledger)
    look(w1, forked(ledger, tmp_path, size).root)
    with serving(w1) as parties:
        (reply,) = cosign(ledger.root, parties)
    assert reply.word == "fork"
    assert reply.said == f"fork: it has seen {size} entries, and this ledger does not begin with them"
    (found,) = w1.divergences()
    found.check([ledger.verifier])
    assert cosigned_by(ledger.root, parties) == ()


def test_one_that_has_seen_more(ledger: Ledger, tmp_path: Path) -> None:
    """The ledger's folder is put back to what it was: a rewind, which the ledger can't show by itself."""
    w1 = witness_at(tmp_path, "w1", ledger)
    with serving(w1) as parties:
        shutil.copytree(ledger.root, tmp_path / "before")
        ledger.append([b"regretted"])
        cosign(ledger.root, parties)
        assert verify(tmp_path / "before").size == 5
        (reply,) = cosign(tmp_path / "before", parties)
    assert reply.word == "rewind"
    assert reply.said == "rewind: it has seen this ledger with 6 entries, and there are 5 now"


def test_what_witnesses_saw_binds_the_ledger(ledger: Ledger, tmp_path: Path) -> None:
    """A ledger that is rewritten under its own key does not verify beside what was witnessed."""
    with serving(witness_at(tmp_path, "w1", ledger)) as parties:
        cosign(ledger.root, parties)
        for size in (3, 5, 9):
            other = forked(ledger, tmp_path / str(size), size)
            assert verify(other.root).size == size
            shutil.copy(ledger.root / "witnessed", other.root)
            with pytest.raises(LedgerError, match="rewound" if size == 3 else "rewritten"):
                verify(other.root)
    (ledger.root / "witnessed").write_bytes(b"damaged")
    with pytest.raises(LedgerError, match="witnessed does not verify"):
        verify(ledger.root)


def test_fewer_than_the_quorum_do_not_replace_what_more_have_seen(ledger: Ledger, tmp_path: Path) -> None:
    w1, w2 = witness_at(tmp_path, "w1", ledger), witness_at(tmp_path, "w2", ledger)
    with serving(w1, w2) as parties:
        cosign(ledger.root, parties, quorum=2)
        ledger.append([b"more"])
        down = Party("w2", w2.keys, url=f"http://127.0.0.1:{free_port()}")
        assert words(cosign(ledger.root, [parties[0], down], quorum=2)) == {"w1": "cosigned", "w2": "silent"}
        seen = newest_witnessed(ledger.root, parties, quorum=2)
        assert seen is not None
        assert (seen.head.size, len(seen.seen)) == (5, 2)
        assert cosigned_by(ledger.root, parties) == ("w1",)
        newest = newest_witnessed(ledger.root, parties, quorum=1)
        assert newest is not None
        assert newest.head.size == 6


def test_by_files(ledger: Ledger, tmp_path: Path) -> None:
    w1 = witness_at(tmp_path, "w1", ledger)
    inbox = tmp_path / "from w1"
    party = Party("w1", w1.keys, folder=inbox)
    (missing,) = cosign(ledger.root, [party])
    assert missing.word == "silent"
    assert "No such file" in missing.said
    inbox.mkdir()
    (inbox / "letter.txt").write_text("no checkpoint at all\n")
    (empty,) = cosign(ledger.root, [party])
    assert (empty.word, "no file with a cosignature" in empty.said) == ("silent", True)

    copy = Path(shutil.copytree(ledger.root, tmp_path / "copy"))
    path = write_cosigned(look(w1, copy), inbox)
    assert path.name == "city-example-ledger-5.cosigned"
    (reply,) = cosign(ledger.root, [party])
    assert reply.word == "cosigned"
    assert cosigned_by(ledger.root, [party]) == ("w1",)

    ledger.append([b"more"])
    (late,) = cosign(ledger.root, [party])
    assert (late.word, late.said) == ("earlier", "it cosigned the first 5 entries, and there are 6")
    (ledger.root / "witnessed").unlink()
    cosign(ledger.root, [party])  # and what it cosigned then is kept as such
    seen = newest_witnessed(ledger.root, [party])
    assert seen is not None
    assert seen.head.size == 5
    assert verify(ledger.root).size == 6

    shutil.copytree(copy, tmp_path / "rewound")
    (inbox / path.name).write_bytes(look(w1, ledger.root).note)
    (back,) = cosign(tmp_path / "rewound", [party])
    assert (back.word, back.said) == (
        "rewind",
        "rewind: it cosigned this ledger with 6 entries, and there are 5 now",
    )


def test_a_file_about_another_ledger_is_named(ledger: Ledger, tmp_path: Path) -> None:
    w1 = witness_at(tmp_path, "w1", ledger)
    other = forked(ledger, tmp_path, 4)
    write_cosigned(look(w1, other.root), tmp_path)
    (reply,) = cosign(ledger.root, [Party("w1", w1.keys, folder=tmp_path)])
    assert (reply.word, reply.said) == (
        "fork",
        "fork: it cosigned another ledger of 4 entries under this name",
    )
    assert not (ledger.root / "witnessed").exists()


def test_a_file_without_the_keeper_s_signature_is_not_taken_in(ledger: Ledger, tmp_path: Path) -> None:
    cosigner = Cosigner.generate("w1.example/w")
    text = ledger.checkpoint().to_text()
    stranger = Signer.generate("else.example/ledger").signature_line(text)
    (tmp_path / "a.cosigned").write_text(f"{text}\n{stranger}{cosigner.cosign(text, at=5)}")
    (reply,) = cosign(ledger.root, [Party("w1", (cosigner.key,), folder=tmp_path)])
    assert reply.word == "silent"
    own = ledger.signed_checkpoint().decode()
    (tmp_path / "a.cosigned").write_text(f"{own}{stranger}{cosigner.cosign(text, at=5)}")
    (reply,) = cosign(ledger.root, [Party("w1", (cosigner.key,), folder=tmp_path)])
    assert reply.word == "cosigned"
    assert "else.example" not in ledger.signed_checkpoint().decode()


def test_a_witness_that_looks_at_a_copy(ledger: Ledger, tmp_path: Path) -> None:
    w1 = witness_at(tmp_path, "w1", ledger)
    assert look(w1, ledger.root).word == "cosigned"
    assert look(w1, ledger.root).word == "cosigned"
    before = Path(shutil.copytree(ledger.root, tmp_path / "before"))
    ledger.append([b"more"] * 300)
    assert look(w1, ledger.root).size == 305
    verdict = look(w1, before)
    assert verdict.word == "rewind"
    other = forked(ledger, tmp_path, 512)
    verdict = look(w1, other.root)
    assert verdict.word == FORK
    assert "begins differently" in verdict.said
    (fork, rewind) = w1.divergences()
    for found in (fork, rewind):
        found.check([ledger.verifier])
    bundle = next(ledger.root.glob("tile/entries/000"))
    bundle.write_bytes(bundle.read_bytes().replace(b"entry 3", b"entry X"))
    with pytest.raises(LedgerError, match="entry 3 was changed"):
        look(w1, ledger.root)
    with pytest.raises(ConfigError, match="trusts no key of it"):
        look(Witness.open(tmp_path / "w9", name="w9.example/w"), other.root)


def test_a_power_of_two_is_no_hiding_place(ledger: Ledger, tmp_path: Path) -> None:
    w1 = witness_at(tmp_path, "w1", ledger)
    look(w1, forked(ledger, tmp_path, 4).root)
    assert look(w1, ledger.root).word == FORK  # provable with the whole ledger in hand
    (found,) = w1.divergences()
    found.check([ledger.verifier])


def test_a_witness_follows_a_change_of_key_in_a_copy(ledger: Ledger, tmp_path: Path) -> None:
    w1 = witness_at(tmp_path, "w1", ledger)
    look(w1, ledger.root)
    new = Signer.generate(ORIGIN)
    details = {"old_vkey": ledger.vkey, "new_vkey": new.verifier.vkey}
    ledger.rotate(
        Entry("rotate", "steward", "ledger", "rotate-1", "2026-11-23T12:00:00Z", details=details), new=new
    )
    ledger.append([b"under the new key"])
    assert look(w1, ledger.root).word == "cosigned"
    assert [key.vkey for key in w1.trusted()][-1] == new.verifier.vkey
    with serving(w1) as parties:  # and from then on over HTTP as well
        ledger.append([b"more"])
        assert words(cosign(ledger.root, parties)) == {"w1": "cosigned"}
    assert verify(ledger.root).rotations == 1


COSIGNER = Cosigner("w1.example/w", bytes(range(32)))
OTHER = Cosigner("w1.example/w", bytes(32))
QUANTUM = Cosigner("w1.example/w", bytes(32), MLDSA44)


def line(text: str, cosigner: Cosigner = COSIGNER, at: int = 1_700_000_000) -> bytes:
    return cosigner.cosign(text, at=at).encode()


ANSWERS: list[tuple[str, int, Callable[[str], bytes], str, str]] = [
    ("nothing", 200, lambda text: b"", "wrong", "something else than cosignatures"),
    ("words", 200, lambda text: b"fine, thanks\n", "wrong", "something else than cosignatures"),
    ("another key", 200, lambda text: line(text, OTHER), "wrong", "another key than the one"),
    ("another text", 200, lambda text: line(text.replace("\n5\n", "\n4\n")), "wrong", "does not hold"),
    ("a whole note", 200, lambda text: text.encode() + b"\n" + line(text), "wrong", "something else"),
    ("no time", 200, lambda text: line(text, at=0), "wrong", "says no time"),
    ("the year 9999", 200, lambda text: line(text, at=253_402_300_799), "wrong", "yet to come"),
    ("far too much", 200, lambda text: line(text) * 2000, "wrong", "more than 65,536 bytes"),
    (
        "a stranger beside it",
        200,
        lambda text: line(text) + line(text, OTHER),
        "cosigned",
        "this ledger of 5 entries",
    ),
    ("forbidden", 403, lambda text: b"", "refused", "does not trust the key"),
    ("unknown", 404, lambda text: b"", "refused", "does not look after"),
    ("a fault", 500, lambda text: b"Traceback", "refused", "status 500"),
    ("a size again", 409, lambda text: b"0\n", "wrong", "contradicts itself"),
    ("no size", 409, lambda text: b"many\n", "wrong", "contradicts itself"),
    ("more than there is", 409, lambda text: b"6\n", "rewind", "seen this ledger with 6 entries"),
    ("unprovable from nothing", 422, lambda text: b"", "refused", "status 422"),
]


@pytest.mark.parametrize(
    ("what", "status", "body", "word", "said"), ANSWERS, ids=[answer[0] for answer in ANSWERS]
)
def test_answers(
    ledger: Ledger, what: str, status: int, body: Callable[[str], bytes], word: str, said: str
) -> None:
    before = ledger.signed_checkpoint()
    text = ledger.checkpoint().to_text()
    with answering(status, body(text), ("Content-Type", "text/x.tlog.size")) as url:
        (reply,) = cosign(ledger.root, [Party("w1", (COSIGNER.key,), url=url)])
    assert reply.word == word
    assert said in reply.said
    assert (ledger.signed_checkpoint() == before) == (word != "cosigned")
    assert "else" not in ledger.signed_checkpoint().decode()
    assert verify(ledger.root).size == 5


def test_a_witness_that_sends_elsewhere_is_not_followed(ledger: Ledger) -> None:
    text = ledger.checkpoint().to_text()
    with (
        answering(200, line(text)) as good,
        answering(307, b"", ("Location", f"{good}/add-checkpoint")) as url,
    ):
        reply = ask(ledger.root, Party("w1", (COSIGNER.key,), url=url))
    assert (reply.word, reply.said) == ("refused", "it answered with status 307")


def test_one_that_is_slow_is_not_waited_for(ledger: Ledger) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        (reply,) = cosign(ledger.root, [Party("w1", (COSIGNER.key,), url=url)], timeout=0.1)
    assert reply.word == "silent"
    assert "timed out" in reply.said


def test_an_append_in_the_meantime(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was asked about is kept as witnessed; the new checkpoint does not get another's cosignatures."""
    real = witnessing._ask_all

    def slow(*args: object, **kwargs: object) -> list[Reply]:
        replies = real(*args, **kwargs)  # type: ignore[arg-type]
        ledger.append([b"in the meantime"])
        return replies

    monkeypatch.setattr(witnessing, "_ask_all", slow)
    with serving(witness_at(tmp_path, "w1", ledger)) as parties:
        cosign(ledger.root, parties)
    assert cosigned_by(ledger.root, parties) == ()
    assert head_of((ledger.root / "witnessed").read_bytes()).size == 5
    assert verify(ledger.root).size == 6


def test_a_damaged_ledger_accuses_no_witness(ledger: Ledger, tmp_path: Path) -> None:
    with serving(witness_at(tmp_path, "w1", ledger)) as parties:
        cosign(ledger.root, parties)
        ledger.append([b"more"])
        tile = ledger.root / "tile" / "0" / "000.p" / "6"
        tile.write_bytes(bytes(len(tile.read_bytes())))
        with pytest.raises(LedgerError, match="don't lead to its signed root"):
            cosign(ledger.root, parties)


def test_a_changed_cosignature_is_found(ledger: Ledger) -> None:
    party = Party("w1", (COSIGNER.key, QUANTUM.key))
    text = ledger.checkpoint().to_text()
    good = ledger.signed_checkpoint() + line(text)
    assert names_on(good, [party]) == {"w1": 1_700_000_000}
    later = good + line(text, QUANTUM, 1_800_000_000)
    assert names_on(later, [party]) == {"w1": 1_800_000_000}  # two keys, and it counts once
    spoiled = ledger.signed_checkpoint() + line(text.replace("\n5\n", "\n4\n"))
    (ledger.root / "checkpoint").write_bytes(spoiled)
    with pytest.raises(LedgerError, match="does not hold"):
        cosigned_by(ledger.root, [party])
    empty = Checkpoint(ORIGIN, 0, bytes(32)).to_text()
    assert names_on((empty + "\n").encode() + line(empty, at=0), [party]) == {}


def test_nobody_to_ask(ledger: Ledger) -> None:
    assert cosign(ledger.root, []) == []
    assert newest_witnessed(ledger.root, []) is None
