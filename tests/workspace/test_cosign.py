"""A workspace that demands two of three witnesses, each a process of its own that speaks HTTP."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peelian.charter import Ledger, Signer
from peelian.charter.cosignature import Cosigner
from peelian.charter.exchange import look
from peelian.charter.witness import Witness
from peelian.errors import CheckError, ConfigError, LedgerError
from peelian.workspace import Workspace
from peelian.workspace.config import Config, load_config, render_config
from peelian.workspace.cosign import cosign, parties, require_quorum
from peelian.workspace.decide import decide
from peelian.workspace.init import init
from peelian.workspace.ledger import verify_ledger
from peelian.workspace.publish import publish

Opener = Callable[..., Workspace]
REASON = "the places are the ones that the district asked for"


class Process:
    """A witness in a process of its own."""

    def __init__(self, folder: Path, vkey: str) -> None:
        self.folder = folder
        self.arguments = [
            sys.executable, "-m", "peelian", "ledger", "witness", "--folder", str(folder),
            "--name", f"{folder.name}.example/w", "--trust", vkey, "--port", "0",
        ]  # fmt: skip
        self.process: subprocess.Popen[str] | None = None
        self.vkeys: list[str] = []
        self.url = ""

    def start(self) -> None:
        """Begin; `ready` waits for it."""
        self.process = subprocess.Popen(
            self.arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ready(self) -> Process:
        assert self.process is not None
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline().strip() for _ in range(3)]
        *self.vkeys, self.url = lines
        assert self.url.startswith("http://127.0.0.1:")
        return self

    def kill(self) -> None:
        """As a power cut does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
        self.process = None


def vkey_of(folder: Path) -> str:
    return (folder / "ledger" / "vkey").read_text().strip()


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], list[Process]]]:
    """Starts three witnesses of a workspace's ledger."""
    monkeypatch.setenv("no_proxy", "*")
    started: list[Process] = []

    def start(folder: Path) -> list[Process]:
        started.extend(Process(tmp_path / name, vkey_of(folder)) for name in ("w1", "w2", "w3"))
        for each in started:
            each.start()
        return [each.ready() for each in started]

    yield start
    for each in started:
        each.kill()


def demand(folder: Path, quorum: int, tables: list[tuple[str, str, str]]) -> None:
    """Write a quorum and witnesses (name, vkey, how to reach) into ``peelian.toml``."""
    path = folder / "peelian.toml"
    head = path.read_text(encoding="utf-8").partition("\n[[ledger.witnesses]]")[0]
    lines = [f"quorum = {quorum}" if line.startswith("quorum = ") else line for line in head.splitlines()]
    for name, vkey, how in tables:
        lines += ["", "[[ledger.witnesses]]", f'name = "{name}"', f'vkey = "{vkey}"', how]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def at(processes: list[Process]) -> list[tuple[str, str, str]]:
    return [(p.folder.name, p.vkeys[0], f'url = "{p.url}"') for p in processes]


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    init(tmp_path / "city", crs="EPSG:26915", zone="America/Chicago")
    return tmp_path / "city"


def test_two_of_three_with_one_down_and_one_that_saw_another_ledger(
    empty: Path, three: Callable[[Path], list[Process]], tmp_path: Path
) -> None:
    w1, w2, w3 = three(empty)
    demand(empty, 2, at([w1, w2, w3]))
    with pytest.raises(CheckError, match=r"2 of 3 witnesses have to .* and 0 did\. w1: it was not asked yet"):
        verify_ledger(Workspace(empty))

    found = cosign(Workspace(empty, role="public"))
    assert [reply["word"] for reply in found["replies"]] == ["cosigned"] * 3
    verified = verify_ledger(Workspace(empty))
    assert [each["witness"] for each in verified["witnesses"]] == ["w1", "w2", "w3"]
    assert (verified["quorum"], verified["entries_witnessed"], verified["entries_not_witnessed"]) == (2, 1, 0)

    ledger = Ledger.open(empty / "ledger", key_path=empty / "keys" / "ledger.key")
    keep_copy(empty, tmp_path / "before")
    ledger.append([b"a later entry"])
    w3.kill()  # one is down: two are enough
    found = cosign(Workspace(empty))
    assert [reply["word"] for reply in found["replies"]] == ["cosigned", "cosigned", "silent"]
    assert "Connection refused" in found["replies"][2]["said"]

    # The same key signs another second entry, and one witness sees that one instead.
    other = Ledger.open(tmp_path / "before" / "ledger", key_path=empty / "keys" / "ledger.key")
    other.append([b"another later entry"])
    w3.start()
    w3.ready()
    demand(tmp_path / "before", 0, at([w3]))
    assert cosign(Workspace(tmp_path / "before"))["status"] == "cosigned"
    demand(empty, 2, at([w1, w2, w3]))
    with pytest.raises(CheckError) as refused:
        cosign(Workspace(empty))
    assert (
        refused.value.message == "w3: fork: it has seen another ledger of 2 entries under this name and key"
    )
    evidence = Witness.open(w3.folder).divergences()
    for each in evidence:
        each.check([ledger.verifier])
    assert [each.kind for each in evidence] == ["fork"]
    demand(tmp_path / "before", 0, at([w1, w2]))
    with pytest.raises(CheckError, match="w1: fork: .*; w2: fork: "):
        cosign(Workspace(tmp_path / "before"))


def keep_copy(folder: Path, to: Path) -> None:
    shutil.copytree(folder, to)


def test_too_few_and_a_rewind(empty: Path, three: Callable[[Path], list[Process]], tmp_path: Path) -> None:
    processes = three(empty)
    demand(empty, 2, at(processes))
    for each in processes[1:]:
        each.kill()
    with pytest.raises(CheckError) as lacking:
        cosign(Workspace(empty))
    assert lacking.value.message.startswith(
        "2 of 3 witnesses have to have cosigned the ledger with 1 entry, and 1 did (w1). w2: it did not answer:"
    )
    assert lacking.value.hint == f"peelian ledger cosign --workspace {empty}, when those who lack can answer"
    with pytest.raises(
        CheckError, match=r"and 1 did \(w1\)\. w2: it did not answer: .*; w3: it did not answer"
    ):
        verify_ledger(Workspace(empty))

    demand(empty, 1, at(processes))
    assert verify_ledger(Workspace(empty))["entries_witnessed"] == 1
    keep_copy(empty, tmp_path / "before")
    Ledger.open(empty / "ledger", key_path=empty / "keys" / "ledger.key").append([b"regretted"])
    cosign(Workspace(empty))
    with pytest.raises(
        CheckError, match="w1: rewind: it has seen this ledger with 2 entries, and there are 1 now"
    ):
        cosign(Workspace(tmp_path / "before"))


def test_a_publication_is_shown_when_two_have_seen_its_entry(
    deciding: Opener, three: Callable[[Path], list[Process]]
) -> None:
    folder = deciding().folder
    processes = three(folder)
    demand(folder, 2, at(processes))
    cosign(Workspace(folder))
    decide(deciding(), "approve", reason=REASON)
    for each in processes[1:]:
        each.kill()
    public = folder / "public"
    with pytest.raises(
        CheckError, match=r"publish-\d+ is in the ledger, and nothing of it was shown: 2 of 3"
    ):
        publish(deciding())
    assert not (public / "index.html").exists()
    assert not (public / "ledger").exists()
    verified = verify_ledger(Workspace(folder))  # what was seen is still proven, and nothing is public
    assert verified["entries_not_witnessed"] == 2

    for each in processes[1:]:
        each.start()
    again = [each.ready() for each in processes[1:]]
    demand(folder, 2, at([processes[0], *again]))
    outcome = publish(deciding())
    verified = verify_ledger(Workspace(folder))
    assert (verified["entries_not_witnessed"], len(verified["witnesses"])) == (0, 3)
    shown = (public / "ledger" / "checkpoint").read_text(encoding="utf-8")
    assert shown.count("\n— w") == 3
    assert Workspace(folder).runs("publish")[-1]["id"] == outcome.run
    index = public / "index.html"
    index.write_text(index.read_text(encoding="utf-8") + " ", encoding="utf-8")
    with pytest.raises(LedgerError, match=f"is not what {outcome.run} published"):
        verify_ledger(Workspace(folder))


def test_what_was_public_before_witnesses_were_demanded(deciding: Opener, tmp_path: Path) -> None:
    """Who demands witnesses later has to show them what is public already."""
    folder = deciding().folder
    decide(deciding(), "approve", reason=REASON)
    witness = Witness.open(tmp_path / "w1", name="w1.example/w")
    witness.trust(vkey_of(folder))
    inbox = folder / "from-w1"
    inbox.mkdir()
    (inbox / "a.cosigned").write_bytes(look(witness, folder / "ledger").note)
    publish(deciding())
    assert verify_ledger(Workspace(folder))["witnesses"] == []
    demand(folder, 1, [("w1", witness.keys[0].vkey, 'folder = "from-w1"')])
    with pytest.raises(CheckError, match="and 0 did"):
        cosign(Workspace(folder))  # an earlier one is all that there is
    with pytest.raises(CheckError, match=r"publish-\d+ is public, and too few witnesses have seen it"):
        verify_ledger(Workspace(folder))
    (inbox / "b.cosigned").write_bytes(look(witness, folder / "ledger").note)
    assert cosign(Workspace(folder))["status"] == "cosigned"
    assert verify_ledger(Workspace(folder))["entries_not_witnessed"] == 0


def test_nobody_is_asked_where_nobody_is_named(empty: Path) -> None:
    found = cosign(Workspace(empty))
    assert (found["status"], found["replies"]) == ("not cosigned", [])
    assert require_quorum(Workspace(empty)) is None
    verified = verify_ledger(Workspace(empty))
    assert (verified["quorum"], verified["witnesses"], verified["entries_not_witnessed"]) == (0, [], 1)


def test_a_cosignature_that_was_changed_fails_verification(empty: Path, tmp_path: Path) -> None:
    witness = Witness.open(tmp_path / "w1", name="w1.example/w")
    witness.trust(vkey_of(empty))
    (empty / "in").mkdir()
    (empty / "in" / "a").write_bytes(look(witness, empty / "ledger").note)
    demand(empty, 1, [("w1", witness.keys[0].vkey, 'folder = "in"')])
    cosign(Workspace(empty))
    path = empty / "ledger" / "checkpoint"
    text = path.read_text(encoding="utf-8")
    later = witness.keys[0].name
    other = Cosigner(later, bytes(32))  # the same name; another key is passed over
    assert text.count(later) == 1
    path.write_text(text + other.cosign(text.partition("\n\n")[0] + "\n", at=5), encoding="utf-8")
    assert verify_ledger(Workspace(empty))["entries_witnessed"] == 1
    line = text.splitlines()[-1]
    spoiled = line[:-10] + ("A" if line[-10] != "A" else "B") + line[-9:]
    path.write_text(text.replace(line, spoiled), encoding="utf-8")
    with pytest.raises(LedgerError, match="cosignature of w1.example/w does not hold"):
        verify_ledger(Workspace(empty))


def test_the_settings_read_back(empty: Path) -> None:
    keys = [Cosigner.generate(f"w{i}.example/w").key.vkey for i in range(3)]
    demand(
        empty,
        2,
        [
            ("One", keys[0], 'url = "https://w1.example/prefix/"'),
            ("Two", keys[1], 'folder = "from two"'),
            ("Three", keys[2], 'url = "http://127.0.0.1:8990"'),
        ],
    )
    config = load_config(empty)
    (empty / "peelian.toml").write_text(render_config(config), encoding="utf-8")
    assert load_config(empty) == config
    one, two, three = parties(Workspace(empty))
    assert (one.url, one.folder) == ("https://w1.example/prefix", None)
    assert (two.url, two.folder) == (None, empty / "from two")
    assert [key.vkey for party in (one, two, three) for key in party.keys] == keys
    assert "# witnesses = []" in render_config(Config())


KEY = Cosigner("w1.example/w", bytes(32)).key.vkey
OTHER = Cosigner("w2.example/w", bytes(range(32))).key.vkey
SAME = Cosigner("w2.example/w", bytes(32)).key.vkey


@pytest.mark.parametrize(
    ("quorum", "tables", "said"),
    [
        (1, [], "there are 0 witnesses"),
        (3, [("a", KEY, 'url = "http://a"'), ("b", OTHER, 'url = "http://b"')], "there are 2 witnesses"),
        (
            1,
            [("a", KEY, 'url = "http://a"'), ("a", OTHER, 'url = "http://b"')],
            "the same name or the same key",
        ),
        (
            1,
            [("a", KEY, 'url = "http://a"'), ("b", KEY, 'url = "http://b"')],
            "the same name or the same key",
        ),
        (
            1,
            [("a", KEY, 'url = "http://a"'), ("b", SAME, 'url = "http://b"')],
            "the same name or the same key",
        ),
        (1, [("a", KEY, "")], "needs either a url or a folder"),
        (1, [("a", KEY, 'url = "http://a"\nfolder = "b"')], "needs either a url or a folder"),
        (1, [("a", KEY, 'url = "file:///etc/passwd"')], "should match pattern"),
        (1, [("a", KEY, 'url = "ftp://a"')], "should match pattern"),
        (1, [("a", "nonsense", 'url = "http://a"')], "is not a verifier key"),
        (
            1,
            [("a", Signer("a.example", bytes(32)).verifier.vkey, 'url = "http://a"')],
            "expected a cosigner's",
        ),
    ],
)
def test_settings_that_can_not_be(
    empty: Path, quorum: int, tables: list[tuple[str, str, str]], said: str
) -> None:
    demand(empty, quorum, tables)
    with pytest.raises(ConfigError, match=said):
        load_config(empty)


def test_a_witness_by_process_is_stopped_politely(empty: Path, tmp_path: Path) -> None:
    process = Process(tmp_path / "w9", vkey_of(empty))
    process.start()
    process.ready()
    assert process.process is not None
    os.kill(process.process.pid, signal.SIGTERM)
    assert process.process.wait(timeout=10) == 0
    process.kill()
