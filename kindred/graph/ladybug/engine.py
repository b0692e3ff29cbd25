"""The embedded engine behind `EmbeddedGraph`: one locked folder, one database, Arrow in and out, errors translated."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import resource
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import pyarrow as pa

from kindred.domain.errors import SchemaError, SettingsError, StoreError
from kindred.domain.schema import Table
from kindred.graph.ladybug.statements import copy_rows
from kindred.graph.store import LockedError, QueryLimits, UnfinishedError

ENGINE_VERSION = "0.20.4"  # others lose edges or miscount two-hop paths
FREE_BYTES = 32 << 20  # what the smallest write may need on disk
LEAST_POOL_BYTES, MOST_TO_READ, MOST_TO_WRITE = 1 << 30, 2 << 30, 8 << 30  # the engine's default takes most there is
RESULT_CHUNK_ROWS = 65_536
OPEN_ONCE = "run `kindred graph stats` to mend it"
_INTERSECTION = re.compile(r"│\s*INTERSECT\s*│")  # the operator's box in a plan

_NO_TEXT = "Unable to cast Python instance of type <class 'str'>"
_HALF_A_PAIR = ("a value holds half of a surrogate pair, which is no text", "write it in UTF-8")


class FolderLock:
    """A graph folder taken by one writer, or by any number of readers, until it is closed.

    Raises:
        StoreError: somebody else has it; the message names the process that writes.
    """

    def __init__(self, folder: Path, *, shared: bool) -> None:
        try:
            self._file: IO[str] = (folder / "lock").open("r" if shared else "a+")
        except FileNotFoundError as error:
            raise UnfinishedError(f"the graph in {folder} was never opened for writing here", OPEN_ONCE) from error
        try:
            fcntl.flock(self._file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process reads it"
            self._file.close()
            raise LockedError(
                f"the graph in {folder} is in use: {holder}",
                "wait until it ends, or stop it: one process writes, or many read",
            ) from error
        if not shared:
            self._sign()

    def _sign(self) -> None:
        try:
            self._file.truncate(0)
            self._file.write(f"process {os.getpid()} writes it")
            self._file.flush()
        except OSError as error:
            with contextlib.suppress(OSError):  # closing tries to write once more
                self._file.close()
            raise StoreError(f"can't write {self._file.name}: {error}", "free some disk space; run it again") from error

    def close(self) -> None:
        """Lets others have the folder."""
        if not self._file.closed and self._file.writable() and "a" in self._file.mode:
            self._file.truncate(0)
        self._file.close()


def pool_bytes(read_only: bool) -> int:
    """How much memory the engine may take for pages.

    A bulk load holds all that it writes anew, 1 GB of some 2,000,000 events: who writes may take a quarter of the
    machine's memory, and takes what the load needs. Who reads has pages and a part of an answer at a time: of
    10,000,000 events 1 GB does not always hold both.
    """
    return pool_of(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), read_only)


def pool_of(memory: int, read_only: bool) -> int:
    """The same of a machine with so many bytes."""
    share, most = (8, MOST_TO_READ) if read_only else (4, MOST_TO_WRITE)
    return min(max(LEAST_POOL_BYTES, memory // share), most)


class Engine:
    """The database file of a graph folder. Not safe for threads: its owner holds a lock around every call.

    Raises:
        SettingsError: the engine is missing, or has another version than the one that was verified.
        StoreError: the database can't be opened.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        ladybug = _driver()
        self._path = path
        self._pool_bytes = pool_bytes(read_only)
        if not read_only:
            self._check_file_limit()
        self._connect = ladybug.Connection
        try:
            # Without compression a bulk load stays linear; on disk the light columns are three times as large.
            self._database = ladybug.Database(
                path, buffer_pool_size=self._pool_bytes, compression=False, read_only=read_only
            )
            self._connection = ladybug.Connection(self._database)
        except RuntimeError as error:
            raise StoreError(
                f"can't open the graph database {path}: {_first_line(error)}",
                "close whatever else has it open; if it is damaged, delete its folder and ingest again",
            ) from error

    def run(self, statement: str, parameters: Mapping[str, object] | None = None) -> None:
        """Runs a statement for its effect."""
        self._execute(statement, parameters).close()

    def rows(self, statement: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """The answer to a statement of ours."""
        result = self._execute(statement, parameters)
        try:
            return result.get_as_arrow(RESULT_CHUNK_ROWS)
        finally:
            result.close()

    def catalog(self) -> tuple[dict[str, dict[str, str]], dict[str, set[tuple[str, str]]]]:
        """Engine types by column of each table, and the (source, target) labels that each relationship table joins."""
        columns: dict[str, dict[str, str]] = {}
        pairs: dict[str, set[tuple[str, str]]] = {}
        for table in self.rows("CALL show_tables() RETURN name AS name, type AS type").to_pylist():
            name = table["name"]
            described = self.rows(f"CALL table_info('{name}') RETURN name AS name, type AS type").to_pylist()
            columns[name] = {column["name"]: column["type"] for column in described}
            if table["type"] == "REL":
                joins = self.rows(f"CALL show_connection('{name}') RETURN *").to_pylist()
                pairs[name] = {(source, target) for source, target, *_ in (join.values() for join in joins)}
        return columns, pairs

    def copy(self, table: Table, rows: pa.Table) -> None:
        """Adds rows in bulk; costs a rewrite of the table, so few and large calls are best."""
        # The engine stops at the first empty chunk, without a word; and it finds the table by this variable's name.
        copied = pa.Table.from_batches([batch for batch in rows.to_batches() if len(batch)], rows.schema)
        self.run(copy_rows(table, copied.schema.names, "copied"))

    def _check_file_limit(self) -> None:
        """Raises StoreError where a write may come to the limit of the size of a file, at which the engine aborts."""
        limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        needed = FREE_BYTES + (self._path.stat().st_size if self._path.exists() else 0)
        if limit != resource.RLIM_INFINITY and limit < needed:
            raise StoreError(
                f"no file may be larger than {limit >> 20} MB here, and that of the graph may need {needed >> 20}",
                "raise the limit: `ulimit -f unlimited`; what was acknowledged is kept",
            )

    def check_free_space(self) -> None:
        """Raises StoreError before a disk can fill up in the middle of a write, which may end the database's life."""
        needed = max(FREE_BYTES, self._path.stat().st_size)  # a bulk load writes a table anew
        free = shutil.disk_usage(self._path.parent).free
        if free < needed:
            raise StoreError(
                f"the disk is nearly full: {free >> 20} MB are free in {self._path.parent}, "
                f"and a write to the graph may need {needed >> 20}",
                "free some disk space, then run it again: what was acknowledged is kept",
            )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside, or nothing."""
        self.check_free_space()
        self.run("BEGIN TRANSACTION")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            # The engine ends the transaction itself when a statement fails; then there is nothing to roll back.
            with contextlib.suppress(StoreError):
                self.run("ROLLBACK")
            raise

    def answer(
        self, cypher: str, parameters: Mapping[str, object], limits: QueryLimits
    ) -> tuple[list[str], list[Sequence[Any]]]:
        """Column names and at most `limits.rows` rows of a user's query, run where nothing can be written.

        Raises:
            SchemaError: it does not parse, fails, takes too long, would write, or needs a join that goes wrong.
        """
        connection = self._connect(self._database)
        try:
            connection.set_query_timeout(max(1, int(limits.seconds * 1000)))
            connection.execute("BEGIN TRANSACTION READ ONLY")
            _check_plan(connection.execute(f"EXPLAIN LOGICAL {cypher}", dict(parameters)))
            result: Any = connection.execute(cypher, dict(parameters))
            names = result.get_column_names()
            found: list[Sequence[Any]] = []
            while len(found) < limits.rows and result.has_next():
                found.append(result.get_next())
            result.close()
            return names, found
        except RuntimeError as error:
            raise _query_error(error, limits) from error
        finally:
            with contextlib.suppress(RuntimeError):
                connection.execute("ROLLBACK")
            connection.close()

    def close(self) -> None:
        """Writes everything to the database file and closes it."""
        self._connection.close()
        self._database.close()

    def _execute(self, statement: str, parameters: Mapping[str, object] | None) -> Any:
        try:
            return self._connection.execute(statement, dict(parameters or {}))
        except RuntimeError as error:
            message = _first_line(error)
            if _NO_TEXT in message:
                raise SchemaError(*_HALF_A_PAIR) from error
            if "Buffer manager" in message:
                raise StoreError(
                    f"the graph database {self._path} needs more memory than its {self._pool_bytes >> 20} MB",
                    "a load takes a quarter of a machine's memory: keep such a graph on a larger machine, or in Neo4j "
                    "(KINDRED_GRAPH_URL)",
                ) from error
            raise StoreError(
                f"the graph database {self._path} failed: {message}",
                "run it again; if it stays, delete the graph's folder and ingest again",
            ) from error


def _driver() -> ModuleType:
    """The engine's package. Raises: SettingsError where it is not there, or has another version."""
    try:
        import ladybug
    except ImportError as error:
        raise SettingsError(
            "the embedded graph engine is not installed", f"pip install ladybug=={ENGINE_VERSION}"
        ) from error
    if ladybug.__version__ != ENGINE_VERSION:
        raise SettingsError(
            f"ladybug {ladybug.__version__} is installed, but only {ENGINE_VERSION} is known to count and keep edges "
            "right",
            f"pip install ladybug=={ENGINE_VERSION}",
        )
    module: ModuleType = ladybug
    return module


def _check_plan(explained: Any) -> None:
    """Refuses a plan that intersects lists of neighbours: with parallel edges that loses rows, or ends the process."""
    plan = "".join(str(row[0]) for row in explained.get_all())
    explained.close()
    if _INTERSECTION.search(plan):
        raise SchemaError(
            "the pattern closes a circle or joins two known nodes, which the embedded engine miscounts",
            "give the last node a name of its own and compare ids: MATCH (a)-->(b)-->(c)-->(d) WHERE d.id = a.id",
        )


def _query_error(error: RuntimeError, limits: QueryLimits) -> SchemaError:
    message = _first_line(error)
    if "Interrupted" in message:
        return SchemaError(f"the query took longer than {limits.seconds:g} s", "narrow it, or add a LIMIT")
    if "read-only transaction" in message:
        return SchemaError("the query would change the graph", "only reading queries are allowed")
    if "Buffer manager" in message:
        return SchemaError("the query needs too much memory", "narrow it, or add a LIMIT")
    if _NO_TEXT in message:
        return SchemaError(*_HALF_A_PAIR)
    return SchemaError(f"the query failed: {message}", "see `kindred graph stats` for what is there")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
