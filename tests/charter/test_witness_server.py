"""The witness over HTTP: C2SP's statuses, and senders that mean no good."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from peelian.charter import witness_server
from peelian.charter.cosignature import check_lines
from peelian.charter.merkle import Tree, consistency_proof, leaf_hash
from peelian.charter.note import Checkpoint, Signer
from peelian.charter.witness import Submission, Witness, origin_hash
from peelian.charter.witness_server import MAX_BODY, WitnessServer

SIGNER = Signer("city.example/ledger", bytes(range(32)))
TREE = Tree(leaf_hash(b"%d" % i) for i in range(20))
FORK = Tree(leaf_hash(b"%d" % (i // 4)) for i in range(20))
SIZE = "text/x.tlog.size"


def signed(size: int, tree: Tree = TREE) -> bytes:
    return Checkpoint(SIGNER.name, size, tree.root(size)).sign(SIGNER)


def request(old: int, new: int, tree: Tree = TREE) -> bytes:
    proof = consistency_proof(tree.node, old=old, new=new)
    return Submission(old, tuple(proof), signed(new, tree)).to_bytes()


class Served:
    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self.log: list[str] = []
        self.server = WitnessServer(witness, port=0, log=self.log.append)
        self.port = int(self.server.server_address[1])
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request(method, path, body)
        answer = connection.getresponse()
        found = answer.status, answer.headers.get("Content-Type", ""), answer.read()
        connection.close()
        return found

    def post(self, body: bytes) -> tuple[int, str, bytes]:
        return self.ask("POST", "/add-checkpoint", body)

    def raw(self, data: bytes, *, wait: float = 5.0) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as sender:
            sender.sendall(data)
            received = b""
            while part := sender.recv(65536):
                received += part
        return received


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    witness = Witness.open(tmp_path / "w1", name="college.example/w1")
    witness.trust(SIGNER.verifier.vkey)
    found = Served(witness)
    yield found
    found.server.shutdown()
    found.server.server_close()
    found.thread.join()


def test_the_statuses_of_the_specification(served: Served) -> None:
    status, _, lines = served.post(request(0, 5))
    assert status == 200
    text = signed(5).decode().partition("\n\n")[0] + "\n"
    assert len(check_lines(text, lines, served.witness.keys)) == 2
    assert served.post(request(0, 7)) == (409, SIZE, b"5\n")
    assert served.post(request(0, 3)) == (409, SIZE, b"5\n")  # a rewind, for who has less than the witness
    status, kind, said = served.post(request(5, 5, FORK))
    assert (status, kind) == (409, "text/plain; charset=utf-8")
    assert said.startswith(b"fork: the keeper of city.example/ledger signed two different")
    status, _, said = served.post(request(5, 7, FORK))
    assert status == 422
    assert b"begins differently" in said
    assert served.post(request(5, 7).replace(b"old 5", b"old 8"))[0] == 400
    assert served.post(b"old 5\n")[0] == 400
    other = Signer("else.example/ledger", bytes(32))
    unknown = Submission(0, (), Checkpoint(other.name, 1, bytes(32)).sign(other))
    assert served.post(unknown.to_bytes())[0] == 404
    impostor = Signer(SIGNER.name, bytes(32))
    unsigned = Submission(0, (), Checkpoint(SIGNER.name, 6, bytes(32)).sign(impostor))
    assert served.post(unsigned.to_bytes())[0] == 403
    assert served.post(request(5, 7))[0] == 200


def test_one_connection_carries_many_requests(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    for old, new in ((0, 3), (3, 9), (9, 20)):
        connection.request("POST", "/add-checkpoint", request(old, new))
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.read().count(b"\n") == 2
    connection.close()


def test_anyone_sees_what_it_saw(served: Served) -> None:
    path = f"/{origin_hash(SIGNER.name)}/checkpoint"
    assert served.ask("GET", path)[0] == 404
    _, _, lines = served.post(request(0, 5))
    assert served.ask("GET", path) == (200, "text/plain; charset=utf-8", signed(5) + lines)
    vkeys = "".join(f"{key.vkey}\n" for key in served.witness.keys).encode()
    assert served.ask("GET", "/vkey") == (200, "text/plain; charset=utf-8", vkeys)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/witness.key",
        "/../witness.key",
        "/seen/x/../../witness.key",
        "/%2e%2e/checkpoint",
        f"/{'a' * 64}/5",
    ],
)
def test_there_is_nothing_else_to_get(served: Served, path: str) -> None:
    served.post(request(0, 5))
    status, _, body = served.ask("GET", path)
    assert status == 404
    assert body == b"there is nothing here\n"
    assert served.ask("POST", path, b"x")[0] == 404


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"411"),
        (b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
        (b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"411"),
        (b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 1e3\r\n\r\n", b"411"),
        (b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", b"411"),
        (
            f"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n".encode(),
            b"413",
        ),
        (b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", b"501"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"\x00\xff\xfe nonsense of many words\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 65_532, b"414"),  # all of which is read, so that the answer is not lost
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431"),
    ],
)
def test_requests_that_are_none(served: Served, data: bytes, status: bytes) -> None:
    answer = served.raw(data)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"Traceback" not in answer
    assert b"aaaa" not in answer
    assert served.post(request(0, 5))[0] == 200  # and it goes on


def test_a_sender_that_stops_in_the_middle(served: Served) -> None:
    body = request(0, 5)
    head = f"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", served.port)) as sender:
        sender.sendall(head + body[:-10])
    time.sleep(0.05)
    assert served.witness.checkpoint(origin_hash(SIGNER.name)) is None
    assert served.post(body)[0] == 200


def test_slow_senders_are_hung_up_on(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness_server._Handler, "timeout", 0.2)
    start = time.monotonic()
    assert served.raw(b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nold") == b""
    assert time.monotonic() - start < 2
    # One byte after another, each in time: the connection as a whole has an end too.
    monkeypatch.setattr(witness_server, "CONNECTION_SECONDS", 0.3)
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as sender:
        try:
            while time.monotonic() - start < 5:
                sender.sendall(b"G")
                time.sleep(0.05)
        except OSError:
            pass
    assert time.monotonic() - start < 3


def test_more_connections_than_there_is_room_for(served: Served) -> None:
    held = [
        socket.create_connection(("127.0.0.1", served.port)) for _ in range(witness_server.MAX_CONNECTIONS)
    ]
    time.sleep(0.1)
    with pytest.raises((http.client.HTTPException, OSError)):
        served.post(request(0, 5))
    for each in held:
        each.close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            assert served.post(request(0, 5))[0] == 200
            break
        except (http.client.HTTPException, OSError):
            time.sleep(0.02)
    else:
        pytest.fail("it did not come back")


def test_the_log_tells_what_happened_and_nothing_of_what_was_sent(served: Served) -> None:
    served.post(request(0, 5))
    served.post(request(5, 5, FORK))
    served.post(b"old 5\nsecret-word\n\nsecret-word\n")
    served.ask("GET", "/secret-word?secret-word=1")
    served.raw(b"secret-word\r\n\r\n")
    assert [line.split(" ", 1)[1] for line in served.log] == [
        "add-checkpoint 200 cosigned city.example/ledger",
        "add-checkpoint 409 fork city.example/ledger",
        "add-checkpoint 400 malformed",
        "GET 404 ",
        "- 400 ",
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line.split(" ")[0]) for line in served.log)


def test_a_damaged_state_is_told_to_the_log_alone(served: Served) -> None:
    served.post(request(0, 5))
    path = served.witness.folder / "seen" / origin_hash(SIGNER.name) / "checkpoint"
    path.write_bytes(b"damaged")
    assert served.post(request(5, 7)) == (
        500,
        "text/plain; charset=utf-8",
        b"the witness can't cosign now\n",
    )
    assert str(path) in served.log[-2]
    path.unlink()
    (served.witness.folder / "trusted").write_text("nonsense\n")
    assert served.post(request(5, 7))[0] == 500


def test_a_fault_ends_the_connection_without_a_traceback(
    served: Served, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fault(submission: Submission) -> None:
        raise ZeroDivisionError("secret-word")

    monkeypatch.setattr(served.witness, "consider", fault)
    with pytest.raises((http.client.HTTPException, OSError)):
        served.post(request(0, 5))
    time.sleep(0.05)
    assert served.log[-1].endswith("500 ZeroDivisionError")
    assert capfd.readouterr() == ("", "")
