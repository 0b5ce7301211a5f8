"""URLs of databases: what each means, what is refused, and that a password is never told again."""

from __future__ import annotations

import socket
import ssl
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from peelian.errors import ConfigError, MissingExtraError, PeelianError, UsageError
from peelian.workspace import Workspace, database
from peelian.workspace.config import Config, load_config, render_config
from peelian.workspace.database import Address, connect, engine_for
from peelian.workspace.init import init
from peelian.workspace.state import State

from ..postgres import Server

CANARY = "kanarienvogel-7481"
HERE = Path("/somewhere/city")


def told(error: BaseException) -> str:
    """All that an error could print, with the errors behind it and the variables of every frame but the tests'."""
    seen = f"{error} {error!r}"
    behind: BaseException | None = error
    while behind is not None:
        for frame, line in traceback.walk_tb(behind.__traceback__):
            if "tests" not in Path(frame.f_code.co_filename).parts:
                seen += f"\n{frame.f_code.co_qualname}:{line} {frame.f_locals!r}"
        behind = behind.__cause__ or behind.__context__
    return seen


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("sqlite:///state.db", "/somewhere/city/state.db"),
        ("sqlite:////var/state.db", "/var/state.db"),
        ("postgresql://a@host/db", "PostgreSQL at host, database db"),
        ("postgres://a:b@host:5433/db", "PostgreSQL at host:5433, database db"),
        ("postgresql+pg8000://a@host/db?schema=stlouis", "PostgreSQL at host, database db, schema stlouis"),
        (
            "postgresql://a@/db?unix_sock=/run/postgresql/.s.PGSQL.5432",
            "PostgreSQL at /run/postgresql/.s.PGSQL.5432, database db",
        ),
    ],
)
def test_a_url_names_a_place(url: str, where: str) -> None:
    found = Address.parse(url, HERE)
    assert found.where == where
    assert found.url.drivername in {"sqlite", "postgresql+pg8000"}
    assert "schema" not in found.url.query


@pytest.mark.parametrize(
    "url",
    [
        "",
        "state.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///a?mode=memory",
        "mysql://a@host/db",
        f"mysql://a:{CANARY}@host/db",
        f"postgresql+psycopg://a:{CANARY}@host/db",
        f"postgresql://a:{CANARY}@host",
        f"postgresql://a:x@{CANARY}@host/db",
        f"postgresql://a:x@y/{CANARY}@host/db",
        f"postgresql://a:{CANARY}@host:port/db",
        f"postgresql://a@host/db?password={CANARY}",
        f"postgresql://a@host/db?schema=a&schema={CANARY}",
        f"postgresql://a:{CANARY}@host/db?sslmode=prefer",
        f"postgresql://a:{CANARY}@host/db?sslrootcert=gone.pem",
        f"postgresql://a:{CANARY}@host/db?schema=A",
        f"postgresql://a:{CANARY}@host/db?schema=pg_catalog",
        f"postgresql://a:{CANARY}@host/db?schema=a%22b",
        f"{CANARY}",
    ],
)
def test_what_is_no_url_of_ours_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Address.parse(url, HERE)
    assert caught.value.hint
    assert CANARY not in f"{caught.value}{caught.value!r}"
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@given(
    st.text(max_size=60),
    st.sampled_from(["", "sqlite:///", "postgresql://", "postgresql://a:b@h/d?", "env:"]),
)
def test_any_text_is_a_place_or_a_plain_error(rest: str, start: str) -> None:
    # Nothing but our own errors gets out.
    with suppress(UsageError):
        assert Address.parse(start + rest, HERE).where


def test_a_url_can_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEELIAN_STATE_URL", f"postgresql://a:{CANARY}@host/db")
    found = Address.parse("env:PEELIAN_STATE_URL", HERE)
    assert found.url.password == CANARY
    assert CANARY not in f"{found!r} {found} {found.where} {found.url!r} {found.url}"
    monkeypatch.setenv("PEELIAN_STATE_URL", "env:PEELIAN_STATE_URL")
    with pytest.raises(ConfigError, match="another variable"):
        Address.parse("env:PEELIAN_STATE_URL", HERE)
    monkeypatch.delenv("PEELIAN_STATE_URL")
    with pytest.raises(ConfigError, match="PEELIAN_STATE_URL, which is not set"):
        Address.parse("env:PEELIAN_STATE_URL", HERE)


def test_a_missing_driver_gives_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'peelian\[postgres\]'"):
        Address.parse("postgresql://a@host/db", HERE)
    assert Address.parse("sqlite:///state.db", HERE)


def test_the_way_to_another_machine_is_encrypted_and_checked() -> None:
    def tls(url: str) -> ssl.SSLContext | bool:
        return Address.parse(url, HERE).tls

    away = tls("postgresql://a@db.example.org/db")
    assert isinstance(away, ssl.SSLContext)
    assert (away.verify_mode, away.check_hostname) == (ssl.CERT_REQUIRED, True)
    unchecked = tls("postgresql://a@db.example.org/db?sslmode=require")
    assert isinstance(unchecked, ssl.SSLContext)
    assert unchecked.verify_mode == ssl.CERT_NONE
    for near in ("localhost/db", "127.0.0.1:5433/db", "[::1]/db", "db.example.org/db?sslmode=disable"):
        assert tls(f"postgresql://a@{near}") is False
    assert isinstance(tls("postgresql://a@localhost/db?sslmode=verify-full"), ssl.SSLContext)


def test_a_server_without_encryption_is_not_spoken_to_in_clear(postgresql: Server) -> None:
    url = postgresql.url("postgres", password=CANARY).render_as_string(hide_password=False)
    address = Address.parse(f"{url}?sslmode=require", HERE)
    with pytest.raises(PeelianError, match="refuses SSL") as caught:
        connect(engine_for(address), address)
    assert CANARY not in told(caught.value)


# -- what can't be reached


@pytest.fixture
def refusing() -> Iterator[int]:
    """A port on loopback where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def failing(url: str, folder: Path) -> PeelianError:
    state = State(url, folder)
    with pytest.raises(PeelianError) as caught:
        _ = state.exists
    assert CANARY not in told(caught.value)
    assert CANARY not in f"{state!r}{state.engine!r}{state.address!r}"
    assert caught.value.hint
    return caught.value


def test_a_wrong_password(postgresql: Server, tmp_path: Path) -> None:
    url = postgresql.url("postgres", password=CANARY).render_as_string(hide_password=False)
    error = failing(url, tmp_path)
    assert isinstance(error, ConfigError)
    assert "password authentication failed" in str(error)


def test_a_database_that_is_not_there(postgresql: Server, tmp_path: Path) -> None:
    url = postgresql.url("nowhere").render_as_string(hide_password=False)
    state = State(url, tmp_path)
    with pytest.raises(ConfigError, match='"nowhere" does not exist') as caught:
        _ = state.exists
    assert postgresql.password not in told(caught.value)
    assert "createdb" in str(caught.value)


def test_a_host_that_refuses(refusing: int, tmp_path: Path) -> None:
    error = failing(f"postgresql://a:{CANARY}@127.0.0.1:{refusing}/db", tmp_path)
    assert error.exit_code == 1
    assert f"127.0.0.1:{refusing}" in str(error)
    assert "pg_isready" in str(error)


def test_a_server_that_is_none(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)

        def answer() -> None:
            with listening.accept()[0] as peer:
                peer.recv(100)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        failing(f"postgresql://a:{CANARY}@127.0.0.1:{listening.getsockname()[1]}/db", tmp_path)
        thread.join(10)


def test_a_user_without_the_right_to_make_tables(postgresql: Server, tmp_path: Path) -> None:
    with postgresql.database() as url:
        name = f"clerk_{url.rpartition('_')[2]}"
        postgresql.run(f"CREATE ROLE {name} LOGIN PASSWORD '{CANARY}'")
        try:
            plain = url.replace(f"{postgresql.user}:{postgresql.password}@", f"{name}:{CANARY}@")
            for wanted in (plain, f"{plain}?schema=another"):
                state = State(wanted, tmp_path)
                with pytest.raises(ConfigError, match="permission denied") as caught:
                    state.create()
                assert "GRANT" in str(caught.value)
                assert CANARY not in "".join(traceback.format_exception(caught.value))
                state.close()
        finally:
            postgresql.run(f"DROP ROLE {name}")


def test_too_old_a_server_is_refused(
    postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "OLDEST", 99)
    state = State(postgresql.url("postgres").render_as_string(hide_password=False), tmp_path)
    with pytest.raises(ConfigError, match=r"is of version \d+\.\d+; expected 99 or later"):
        _ = state.exists
    state.close()


# -- the configuration


def test_the_configuration_shows_no_url(tmp_path: Path) -> None:
    config = Config.model_validate({"state": {"url": f"postgresql://a:{CANARY}@host/db"}})
    assert CANARY not in f"{config!r} {config}"
    assert CANARY in render_config(config), "the file itself holds what it was given"


@pytest.mark.parametrize(
    "lines",
    [
        f'[state]\nulr = "postgresql://a:{CANARY}@host/db"',
        f'[state]\nurl = ["postgresql://a:{CANARY}@host/db"]',
        f'state = "postgresql://a:{CANARY}@host/db"',
        f'[ledger]\nurl = "postgresql://a:{CANARY}@host/db"',
        f'[state]\nurl = "postgresql://a:{CANARY}@host/db',
    ],
)
def test_a_slip_of_the_pen_doesn_t_show_the_url(tmp_path: Path, lines: str) -> None:
    (tmp_path / "peelian.toml").write_text(lines)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_workspace_that_lost_its_database_doesn_t_show_the_url(postgresql: Server, tmp_path: Path) -> None:
    with postgresql.database() as url:
        init(tmp_path / "city", sections={"state": {"url": url}})
        state = State(url, tmp_path)
        state.drop()
        with pytest.raises(PeelianError, match="lost its state database") as caught:
            Workspace(tmp_path / "city")
        assert postgresql.password not in "".join(traceback.format_exception(caught.value))


def test_the_server_knows_who_connects(postgresql: Server, tmp_path: Path) -> None:
    state = State(postgresql.url("postgres").render_as_string(hide_password=False), tmp_path)
    with state.begin() as connection:
        assert connection.scalar(text("SHOW application_name")) == "peelian"
        assert connection.scalar(text("SHOW search_path")) == "public"
    state.close()
