"""Where the state lies: what the URL of a database says, the engine for it, and its errors in plain words.

A URL may hold a password. So the text of one is taken apart here and forgotten: what is kept, shown and raised is
`Address.where`, which has none, and errors of the driver are retold instead of being passed on.
"""

from __future__ import annotations

import glob
import logging
import os
import re
import shutil
import ssl
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from peelian.errors import ConfigError, MissingExtraError, PeelianError

__all__ = ["LOOPBACK", "OLDEST", "Address", "connect", "copy_of", "engine_for", "retold"]

FORMS = "sqlite:///FILE, postgresql://USER@HOST/DATABASE, or env:NAME for a URL in an environment variable"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OLDEST = 15
"""The oldest PostgreSQL that is tested; the project itself supports a version for five years."""

# Our errors tell what happened; the pool's own words would come along on stderr where a program hasn't set up logging.
logging.getLogger("sqlalchemy.pool").addHandler(logging.NullHandler())

TIMEOUT = 30
"""Seconds after which a server that says nothing is given up: none of our statements is long."""

SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
OURS = frozenset({"schema", "sslmode", "sslrootcert"})
"""What the query of a PostgreSQL URL may say, besides ``unix_sock``."""


@dataclass(frozen=True)
class Address:
    """A database by its URL.

    Attributes
    ----------
    url : sqlalchemy.URL
        As the driver takes it. Its text hides the password.
    schema : str
        Where in a PostgreSQL database the tables lie.
    tls : ssl.SSLContext or False
        How the way to a PostgreSQL server is secured.
    """

    url: URL = field(repr=False)
    schema: str = "public"
    tls: ssl.SSLContext | bool = field(default=False, repr=False)

    @classmethod
    def parse(cls, url: str, folder: Path) -> Address:
        """Read a URL as ``peelian.toml`` gives it; a relative SQLite path is relative to `folder`.

        Raises
        ------
        ConfigError
            It is of another kind, a part of it is off, or the environment variable that it names isn't set.
        MissingExtraError
            It is PostgreSQL's, and the driver isn't installed.
        """
        if url.startswith("env:"):
            url = _from_environment(url.removeprefix("env:"))
        try:
            found = make_url(url)
        except (ArgumentError, ValueError):  # their messages hold the URL
            found = None
        if found is None:
            _refuse("no URL at all")
        kind = found.drivername
        if kind == "sqlite":
            return cls(_sqlite_url(found, folder))
        if kind not in {"postgresql", "postgres", "postgresql+pg8000"}:
            _refuse(f"a URL for {kind!r}")
        return _postgresql(found.set(drivername="postgresql+pg8000"), folder)

    @property
    def postgresql(self) -> bool:
        """Whether it is a PostgreSQL server's."""
        return self.url.get_backend_name() == "postgresql"

    @property
    def where(self) -> str:
        """The place in words, without a password."""
        if not self.postgresql:
            return str(self.url.database)
        host = self.url.query.get("unix_sock") or self.url.host or "localhost"
        port = f":{self.url.port}" if self.url.port else ""
        schema = "" if self.schema == "public" else f", schema {self.schema}"
        return f"PostgreSQL at {host}{port}, database {self.url.database}{schema}"


def _refuse(given: str) -> NoReturn:
    # What was given is not shown: it may hold a password, in a place where nobody looks for one.
    msg = f"{given} was given as the url of [state]; expected {FORMS}"
    raise ConfigError(msg, hint="see docs/reference/configuration.md; what was given is not repeated here")


def _from_environment(name: str) -> str:
    found = os.environ.get(name)
    if not found:
        msg = f"the url of [state] is to be read from the environment variable {name}, which is not set"
        raise ConfigError(msg, hint=f"export {name}=postgresql://USER:PASSWORD@HOST/DATABASE")
    if found.startswith("env:"):
        _refuse(f"env:{name}, which names another variable,")
    return found


def _sqlite_url(url: URL, folder: Path) -> URL:
    if not url.database or url.database.startswith(":") or url.query or url.host:
        _refuse("a URL of SQLite without a file, or with more than one,")
    return url.set(database=str((folder / url.database).absolute()))


def _postgresql(url: URL, folder: Path) -> Address:
    if find_spec("pg8000") is None:
        msg = "the state of this workspace lies in PostgreSQL, for which the package pg8000 is needed"
        raise MissingExtraError(msg, hint="python -m pip install 'peelian[postgres]'")
    if not url.database or "@" in f"{url.host}{url.database}":
        _refuse("a URL without a database, or with a password in which @ is not written as %40,")
    query = {key: value for key, value in url.query.items() if isinstance(value, str)}
    if not set(url.query) <= OURS | {"unix_sock"} or len(query) < len(url.query):
        _refuse(f"a URL with something else than {', '.join(sorted(OURS))} once in its query")
    schema = query.get("schema", "public")
    if not SCHEMA.fullmatch(schema) or schema.startswith("pg_"):
        msg = f"{schema!r} was given as the schema; expected lower-case letters, digits and _, not pg_ first"
        raise ConfigError(msg, hint="name it after the workspace, such as ?schema=stlouis")
    near = "unix_sock" in query or (url.host or "localhost") in LOOPBACK
    mode = query.get("sslmode", "disable" if near else "verify-full")
    root = query.get("sslrootcert")
    return Address(url.difference_update_query(OURS), schema, _tls(mode, root and folder / root))


def _tls(mode: str, root: Path | str | None) -> ssl.SSLContext | bool:
    """Encrypted and with a certificate that is checked, unless the URL says otherwise or never leaves the machine."""
    if mode == "disable":
        return False
    if mode not in {"require", "verify-full"}:
        msg = f"{mode!r} was given as sslmode; expected disable, require or verify-full"
        raise ConfigError(msg, hint="verify-full, which is the default for another machine")
    try:
        context = ssl.create_default_context(cafile=root or None)
    except OSError as error:
        msg = f"{root} was given as sslrootcert, but it can't be read as certificates: {error}"
        raise ConfigError(
            msg, hint="give the PEM file of the authority that signed the server's certificate"
        ) from None
    if mode == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def copy_of(address: Address) -> tuple[Address, TemporaryDirectory[str]]:
    """A copy of a SQLite database and its log, which lives as long as the folder that is given back."""
    folder = TemporaryDirectory()
    path = Path(str(address.url.database))
    for part in path.parent.glob(f"{glob.escape(path.name)}*"):
        shutil.copyfile(part, Path(folder.name) / part.name)
    return Address(address.url.set(database=str(Path(folder.name) / path.name))), folder


def engine_for(address: Address, *, read_only: bool = False) -> Engine:
    """An engine whose errors never tell the values of a statement."""
    if not address.postgresql:
        engine = create_engine(address.url, hide_parameters=True)
        event.listen(engine, "connect", _sqlite_pragmas)
        return engine
    arguments = {"ssl_context": address.tls, "application_name": "peelian", "timeout": TIMEOUT}
    engine = create_engine(address.url, hide_parameters=True, pool_pre_ping=True, connect_args=arguments)

    def begin_session(connection: Any, _record: Any) -> None:
        # What is set within a transaction goes with it if it is rolled back.
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f'SET search_path TO "{address.schema}"')
        if read_only:
            cursor.execute("SET default_transaction_read_only TO on")
        cursor.close()
        connection.autocommit = False

    def lose(context: ExceptionContext) -> PeelianError | None:
        # The driver lets errors of its socket through as they are.
        error = context.original_exception
        if context.connection is None or not isinstance(error, OSError):
            return None
        context.is_disconnect = True
        return retold(error, address)

    event.listen(engine, "handle_error", lose)
    # Before SQLAlchemy looks where it is: that is in our schema.
    event.listen(engine, "connect", begin_session, insert=True)
    return engine


def connect(engine: Engine, address: Address) -> Connection:
    """A connection, or why there is none.

    Raises
    ------
    ConfigError
        A user, a password, a database or a right is off, or the server is too old.
    PeelianError
        Nobody answers.
    """
    try:
        return _recent(_again(engine), address)
    except (DBAPIError, OSError) as error:
        problem = retold(error, address)
    # Not where it was caught: the driver's frames hold the password, and would come along as the context.
    raise problem


def _again(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except OSError:  # the server was restarted: what the pool keeps leads nowhere
        engine.dispose()
        return engine.connect()


def _recent(connection: Connection, address: Address) -> Connection:
    found = connection.dialect.server_version_info
    if not address.postgresql or found is None or found >= (OLDEST,):
        return connection
    connection.close()
    msg = f"{address.where} is of version {'.'.join(map(str, found))}; expected {OLDEST} or later"
    raise ConfigError(msg, hint="let the server be upgraded; PostgreSQL keeps each version up for five years")


def _sqlite_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


HINTS = {
    "28P01": "check the user and the password in the URL; a sign such as @ in a password is written as %40",
    "28000": "check the user in the URL, and pg_hba.conf on the server",
    "3D000": "createdb DATABASE, or name one that is there",
    "42501": "GRANT the user of the URL CREATE on the database, or make the schema for it",
    "53300": "let the server have more connections (max_connections), or stop what holds them",
}
"""What to try, by the SQLSTATE that PostgreSQL gives."""

SETTINGS = frozenset({"28P01", "28000", "3D000", "42501"})
"""What is mended in the URL or on the server, once."""


def retold(error: DBAPIError | OSError, address: Address) -> PeelianError:
    """What a driver raised, without the driver's own words about how it was called."""
    original = error.orig if isinstance(error, DBAPIError) else error
    told: object = type(error).__name__
    if original is not None and original.args:
        told = str(original) if isinstance(original, OSError) else original.args[0]
    if isinstance(told, dict):  # pg8000 gives the fields of the server's message
        code, said = str(told.get("C", "")), str(told.get("M", "no reason"))
    else:
        code, said = "", str(told)
    msg = f"the state database ({address.where}) can't be used: {said}"
    if code in SETTINGS:
        return ConfigError(msg, hint=HINTS[code])
    if code in HINTS:
        return PeelianError(msg, hint=HINTS[code])
    if address.postgresql:
        return PeelianError(
            msg, hint="pg_isready -h HOST -p PORT; is the server up, and the URL of [state] its own?"
        )
    if "full" in said:
        return PeelianError(msg, hint="make room on the disk; peelian status shows whether the step was kept")
    return PeelianError(msg, hint="peelian ledger verify, and a backup if the file itself is damaged")
