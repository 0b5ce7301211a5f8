"""The HTTP face of a witness: C2SP's ``add-checkpoint``, on loopback unless told otherwise.

    POST /add-checkpoint        a checkpoint with a proof; answers with cosignature lines
    GET  /SHA-256/checkpoint    the last checkpoint that was cosigned of a ledger, by the hash of its name
    GET  /vkey                  the witness's public keys

Nothing of a request is written to the log but what it asked for and how that ended. A proxy in front of it may add TLS:
what it says is signed, so that TLS hides it but is not needed to trust it.
"""

from __future__ import annotations

import re
import socket
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from peelian.charter.witness import Submission, Verdict, Witness
from peelian.errors import PeelianError

__all__ = ["WitnessServer"]

MAX_BODY = 256 * 1024
IDLE_SECONDS = 10.0
CONNECTION_SECONDS = 60.0
MAX_CONNECTIONS = 32
_CHECKPOINT = re.compile(r"/([0-9a-f]{64})/checkpoint", re.ASCII)
_TEXT = "text/plain; charset=utf-8"


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the log of a program that has no other


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness.

    Parameters
    ----------
    witness : Witness
        Whom to ask.
    host, port : str, int
        Where to listen; port 0 takes a free one (`server_address` says which).
    log : callable, optional
        Takes each line of the log; standard error if not given.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        witness: Witness,
        *,
        host: str = "127.0.0.1",
        port: int = 8990,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.witness = witness
        self.log = log or _to_stderr
        self._room = threading.BoundedSemaphore(MAX_CONNECTIONS)
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own, if there is room for one more."""
        if not self._room.acquire(blocking=False):
            self.log(_line("-", 503, "too many connections"))
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve it, and make room for another; however slow its sender is, it ends after a minute."""
        timer = threading.Timer(CONNECTION_SECONDS, _hang_up, (request,))
        timer.daemon = True
        timer.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            timer.cancel()
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """One line for the log, without a traceback and without what was sent."""
        fault = sys.exc_info()[1]
        if not isinstance(fault, OSError):  # a sender that went away is nothing to tell
            self.log(_line("-", 500, type(fault).__name__))


def _hang_up(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _line(what: str, status: int, said: str) -> str:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{at} {what} {status} {said}"


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server_version = "peelian-witness"
    sys_version = ""

    def do_POST(self) -> None:
        """``add-checkpoint``."""
        if self.path != "/add-checkpoint":
            self._answer("POST", 404, "expected POST /add-checkpoint\n", close=True)
            return
        body = self._body()
        if body is None:
            return
        try:
            submission = Submission.parse(body)
        except ValueError as error:
            self._answer("add-checkpoint", 400, f"{error}\n", said="malformed")
            return
        try:
            verdict = self.server.witness.consider(submission)
        except PeelianError as error:
            # What is wrong with the witness's own state is for its keeper, who reads the log.
            self.server.log(_line("add-checkpoint", 500, error.message))
            self._answer("add-checkpoint", 500, "the witness can't cosign now\n", said="not cosigned")
            return
        self._tell(verdict)

    def _body(self) -> bytes | None:
        """What was sent; None if it was refused, which is answered here."""
        length = self.headers.get("Content-Length", "")
        if self.headers.get("Transfer-Encoding") or not re.fullmatch(r"[0-9]{1,10}", length, re.ASCII):
            self._answer("add-checkpoint", 411, "expected a Content-Length\n", close=True)
            return None
        if int(length) > MAX_BODY:
            self._answer("add-checkpoint", 413, f"expected at most {MAX_BODY} bytes\n", close=True)
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return body

    def _tell(self, verdict: Verdict) -> None:
        said = f"{verdict.word} {verdict.origin}".strip()
        if verdict.size is not None and verdict.word != "cosigned":
            body, kind = f"{verdict.size}\n", "text/x.tlog.size"
        else:
            body, kind = verdict.lines or f"{verdict.said}\n", _TEXT
        self._answer("add-checkpoint", verdict.status, body, kind=kind, said=said)

    def do_GET(self) -> None:
        """The witness's keys, and what it saw last."""
        witness = self.server.witness
        match = _CHECKPOINT.fullmatch(self.path)
        found = witness.checkpoint(match[1]) if match else None
        if self.path == "/vkey":
            self._answer("vkey", 200, "".join(f"{key.vkey}\n" for key in witness.keys))
        elif found is not None:
            self._answer("checkpoint", 200, found.decode())
        else:
            self._answer("GET", 404, "there is nothing here\n")

    def _answer(
        self, what: str, status: int, body: str, *, kind: str = _TEXT, said: str = "", close: bool = False
    ) -> None:
        data = body.encode()
        self.close_connection = self.close_connection or close
        self.server.log(_line(what, status, said))
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library refuses by itself: answered as plainly, with nothing of what was sent."""
        self.request_version = (
            self.protocol_version
        )  # what could not be read is answered as HTTP all the same
        self._answer("-", int(code), "the request was not understood\n", close=True)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Nothing: each answer writes its own line."""
