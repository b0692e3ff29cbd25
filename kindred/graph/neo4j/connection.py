"""One connection to a Neo4j server: driver, transactions with bounded retries, errors said once and clearly."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from kindred.domain.errors import KindredError, SchemaError, SettingsError, StoreError, install_hint
from kindred.graph.server import SCHEMES
from kindred.graph.store import RefusedError

if TYPE_CHECKING:
    from neo4j import Driver, ManagedTransaction, Session

    from kindred.graph.server import GraphServer

OLDEST_SERVER = (5, 23)  # `CALL (row) { … }`, relationship uniqueness and columns as parameters all work from there on
CONNECT_SECONDS = 5.0
POOL_SIZE = 8
POOL_WAIT_SECONDS = 10.0
"""For a free connection, one that was idle and is asked whether it lives, or a new one."""
IDLE_SECONDS = 2.0
"""A connection that was idle for longer is asked whether it lives before a statement waits on it."""
SILENT_SECONDS = 120.0
"""A server that says nothing for so long hangs; one that works on a statement says so every minute."""
MAY_NOT_WRITE = "Neo.ClientError.Security.Forbidden"
READ_ONLY = "Neo.ClientError.General.WriteOnReadOnlyAccessDatabase"
"""What one server says; of a cluster the driver finds out by itself."""
TOO_MANY_TRIES = "Neo.ClientError.Security.AuthenticationRateLimit"
INSTALL = install_hint("neo4j")

Result = TypeVar("Result")


class KeyTakenError(SchemaError):
    """A new node or edge has the key of one that is there."""


class Neo4jConnection:
    """A pool of connections to one database.

    Args:
        url: `neo4j://`, `neo4j+s://`, `bolt://` … with host and port.
        server: who we are there, the database, and how patiently it is asked.

    Raises:
        SettingsError: the driver is not installed, or the URL can't be used.
        StoreError: no server there, a wrong password, or a server that is too old.
    """

    def __init__(self, url: str, server: GraphServer) -> None:
        _check_driver()
        _check_url(url)
        import neo4j

        _quieten_driver()
        self.url = url
        self._user = server.user
        self._database = server.database
        with self.errors_translated():
            self._driver: Driver = neo4j.GraphDatabase.driver(
                url,
                auth=(server.user, server.password),
                connection_timeout=CONNECT_SECONDS,
                connection_acquisition_timeout=POOL_WAIT_SECONDS,
                liveness_check_timeout=IDLE_SECONDS,
                max_connection_pool_size=POOL_SIZE,
                max_transaction_retry_time=server.retry_seconds,
                notifications_min_severity="OFF",
                telemetry_disabled=True,
                user_agent=f"kindred/{version('kindred')}",
            )
            _bound_silence(self._driver)
            try:
                self._check_server()
            except BaseException:
                self._driver.close()
                raise

    def _check_server(self) -> None:
        with self.session(read_only=True) as session:
            agent = session.run("RETURN 1").consume().server.agent
        number = agent.rpartition("/")[2]
        found = tuple(int(part) for part in number.split(".")[:2] if part.isdecimal())
        if found < OLDEST_SERVER:
            oldest = ".".join(map(str, OLDEST_SERVER))
            raise StoreError(f"{self.url} runs {agent}; Kindred needs Neo4j {oldest} or newer", "upgrade the server")

    def write(self, work: Callable[[ManagedTransaction], Result]) -> Result:
        """Result of `work`, done whole or not at all; it may run more than once, so it must have no other effect."""
        with self.errors_translated(), self.session() as session:
            return session.execute_write(work)

    def read(self, statement: str, parameters: Mapping[str, object] | None = None) -> list[list[Any]]:
        """Records of one reading statement, each a list of its columns."""
        with self.errors_translated(), self.session(read_only=True) as session:
            return session.execute_read(lambda transaction: _values(transaction, statement, parameters))

    def session(self, read_only: bool = False, fetch_size: int = 1_000) -> Session:
        """A session of the driver; what it raises is for `errors_translated`."""
        mode = "READ" if read_only else "WRITE"
        return self._driver.session(database=self._database, default_access_mode=mode, fetch_size=fetch_size)

    @contextmanager
    def errors_translated(self) -> Iterator[None]:
        """Turns what the driver raises inside into errors of Kindred's tree."""
        import neo4j.exceptions

        try:
            yield
        except (neo4j.exceptions.DriverError, neo4j.exceptions.Neo4jError) as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> KindredError:
        import neo4j.exceptions as known

        code = getattr(error, "code", None) or type(error).__name__
        if isinstance(error, known.AuthError) or code == TOO_MANY_TRIES:
            return RefusedError(
                f"{self.url} refused user {self._user!r}: {first_line(error)}",
                "set KINDRED_GRAPH_USER and KINDRED_GRAPH_PASSWORD",
            )
        no_writer = isinstance(error, (known.WriteServiceUnavailable, known.ForbiddenOnReadOnlyDatabase))
        if no_writer or code == READ_ONLY:
            return StoreError(
                f"database {self._database!r} at {self.url} takes no writes: it is read-only, or has no leader",
                "see server.databases.read_only of the server; what was acknowledged is kept",
            )
        if isinstance(error, (known.ServiceUnavailable, known.SessionExpired, known.ConnectionPoolError)):
            return StoreError(
                f"no answer from the graph server at {self.url}: it is not there, or hangs",
                "start it, or set KINDRED_GRAPH_URL; then run the command again: what was acknowledged is kept",
            )
        if isinstance(error, known.ConstraintError):
            return KeyTakenError(f"{self.url}: {first_line(error)}", "ids and event ids are unique within their type")
        if code == "Neo.ClientError.Database.DatabaseNotFound":
            return StoreError(f"no database {self._database!r} at {self.url}", "set KINDRED_GRAPH_DATABASE")
        if code == MAY_NOT_WRITE:
            return StoreError(
                f"user {self._user!r} may not do that at {self.url}: {first_line(error)}",
                "give it the right to write; to read, who may write must have run `kindred graph stats` once",
            )
        return StoreError(f"{self.url} failed: {first_line(error)} ({code})", "see the log of the graph server")

    def close(self) -> None:
        """Closes every connection."""
        self._driver.close()


def _bound_silence(driver: Driver) -> None:
    """Has connections that will be opened give up a server that is silent for too long.

    The driver has no setting for it: it waits for as long as the server tells it to, for ever where that tells nothing.
    A driver that is built otherwise inside keeps its own patience.
    """
    pool: Any = getattr(driver, "_pool", None)
    opens = getattr(pool, "opener", None)
    if opens is None:
        return

    def opened(*arguments: Any, **named: Any) -> Any:
        connection = opens(*arguments, **named)
        with suppress(AttributeError):
            told = connection.socket.get_read_timeout()
            connection.socket.set_read_timeout(SILENT_SECONDS if told is None else min(told, SILENT_SECONDS))
        return connection

    pool.opener = opened


def _values(
    transaction: ManagedTransaction, statement: str, parameters: Mapping[str, object] | None
) -> list[list[Any]]:
    return transaction.run(statement, dict(parameters or {})).values()


def first_line(error: Exception) -> str:
    """The first line of what the server said; the name of the error where it said nothing."""
    said = getattr(error, "message", None) or str(error)
    return str(said).splitlines()[0].strip() if said else type(error).__name__


def _quieten_driver() -> None:
    """What the driver logs is said again by the errors it raises, so it is heard only where everything is logged."""
    log = logging.getLogger("neo4j")
    log.addHandler(logging.NullHandler())
    if log.level == logging.NOTSET and not log.isEnabledFor(logging.INFO):
        log.setLevel(logging.CRITICAL)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in SCHEMES and parts.hostname and (parts.port is None or parts.port > 0)
        if usable and parts.username is None and parts.password is None:
            return
    except ValueError:  # a port that is no number
        pass
    # The URL is not repeated: somebody may have put a password into it.
    raise SettingsError(
        "the graph URL can't be used: it must be a scheme, a host and a port, without user or password",
        "write neo4j://HOST:PORT",
    )


def _check_driver() -> None:
    for package in ("neo4j", "neo4j-rust-ext"):
        try:
            version(package)
        except PackageNotFoundError:
            reason = "; without it vectors pack 40 times slower" if package == "neo4j-rust-ext" else ""
            raise SettingsError(f"a Neo4j graph needs the package {package}{reason}", INSTALL) from None
