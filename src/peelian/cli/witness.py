"""``peelian ledger witness`` and ``peelian ledger cosign``: both sides of witnessing."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from peelian.cli.options import As, AsJson, Where
from peelian.cli.report import Bar, show
from peelian.errors import CheckError, LedgerError, UsageError

if TYPE_CHECKING:
    from peelian.charter.witness import Witness

__all__ = ["add_to"]

HERE = Path()


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("witness")(ledger_witness)
    app.command("cosign")(ledger_cosign)


def ledger_witness(
    folder: Annotated[Path, typer.Option(help="Where the witness keeps its keys and what it saw.")],
    name: Annotated[
        str | None, typer.Option(help="Name of a new witness, such as city-college.example/w1.")
    ] = None,
    trust: Annotated[
        list[str] | None, typer.Option(metavar="VKEY", help="Look after this ledger too; may be repeated.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8990,
    once: Annotated[
        Path | None,
        typer.Option(metavar="LEDGER", help="Look at this copy of a ledger's folder, and serve nobody."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="With --once: folder for the cosigned checkpoint (default: beside the copy)."),
    ] = None,
    show_evidence: Annotated[
        bool, typer.Option("--show-evidence", help="List forks and rewinds that it found, and serve nobody.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Cosign other institutions' ledgers as long as they only grow. Needs no workspace."""
    from peelian.charter.witness import Witness

    if out is not None and once is None:
        msg = "--out was given without --once"
        raise UsageError(msg, hint="--once LEDGER --out FOLDER")
    witness = Witness.open(folder, name=name)
    for vkey in trust or ():
        witness.trust(vkey)
    if show_evidence:
        _evidence(witness, as_json=as_json)
    elif once is not None:
        _once(witness, once, out or once.absolute().parent, as_json=as_json)
    else:
        _serve(witness, host, port, as_json=as_json)


def _serve(witness: Witness, host: str, port: int, *, as_json: bool) -> None:
    from peelian.charter.witness_server import WitnessServer

    if not witness.trusted():
        msg = f"the witness in {witness.folder} looks after no ledger yet"
        raise UsageError(msg, hint="--trust with the verifier key that the agency published")
    try:
        server = WitnessServer(witness, host=host, port=port)
    except OSError as error:
        msg = f"the witness can't listen on {host}, port {port}: {error.strerror or error}"
        raise UsageError(
            msg, hint="--port with another number, or end the program that listens there"
        ) from error

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    vkeys = [key.vkey for key in witness.keys]
    url = f"http://{f'[{host}]' if ':' in host else host}:{server.server_address[1]}"
    try:
        signal.signal(signal.SIGTERM, stop)
        show({"vkeys": vkeys, "url": url}, "\n".join([*vkeys, url]), as_json=as_json)
        sys.stdout.flush()
        server.serve_forever()
    except KeyboardInterrupt:
        print("the witness was stopped; what it saw is kept", file=sys.stderr)
    finally:
        server.server_close()


def _once(witness: Witness, ledger: Path, out: Path, *, as_json: bool) -> None:
    from peelian.charter.exchange import look, write_cosigned

    verdict = look(witness, ledger)
    if verdict.word != "cosigned":
        hint = "peelian ledger witness --show-evidence, and tell the overseer of that ledger"
        raise CheckError(verdict.said, hint=hint)
    path = write_cosigned(verdict, out)
    found = {"origin": verdict.origin, "size": verdict.size, "file": str(path), "lines": verdict.lines}
    show(found, f"{verdict.said}\n  {path}: send it to the ledger's keeper", as_json=as_json)


def _evidence(witness: Witness, *, as_json: bool) -> None:
    from peelian.charter.note import Verifier

    listed: list[dict[str, Any]] = []
    for found in witness.divergences():
        keys = [key for key in witness.trusted() if isinstance(key, Verifier) and key.name == found.origin]
        try:
            found.check(keys)
            holds = "both checkpoints carry the keeper's signature"
        except LedgerError as error:
            holds = f"does not hold: {error.message}"
        listed.append({"kind": found.kind, "origin": found.origin, "said": found.said, "check": holds})
    text = "\n".join(f"{each['said']}\n  {each['check']}" for each in listed)
    where = f"\n\nthe files are in {witness.folder / 'evidence'}" if listed else ""
    show({"evidence": listed}, (text or "no fork and no rewind was found") + where, as_json=as_json)


def ledger_cosign(workspace: Where = HERE, role: As = None, as_json: AsJson = False) -> None:
    """Ask the witnesses in peelian.toml to cosign the ledger as it stands, and keep their cosignatures."""
    from peelian.workspace.cosign import cosign
    from peelian.workspace.workspace import Workspace

    with Bar(quiet=as_json) as bar:
        found = cosign(Workspace(workspace, role=role, progress=bar))
    show(found, _cosigned(found), as_json=as_json)


def _cosigned(found: dict[str, Any]) -> str:
    from peelian.charter.divergence import counted

    replies = found["replies"]
    if not replies:
        return "no witness is named in peelian.toml, so nobody was asked"
    did = sum(reply["word"] == "cosigned" for reply in replies)
    lines = [f"ledger: {did} of {len(replies)} witnesses cosigned it with {counted(found['entries'])}"]
    lines += [f"  {reply['witness']}: {reply['said']}" for reply in replies]
    return "\n".join(lines)
