"""Rows of a table of an SQL database, in batches that the server hands out; nothing is written to it (extra `sql`).

Every batch is a short transaction of its own, read-only where the database knows such, so no long one holds the server
up, and a lost connection costs one batch: reading goes on after the last key that came. The key is the primary key; of
a PostgreSQL table without one the pages that it is stored in. What has neither, such as a view, is read in one go.

Passwords are in no message, no summary and no quarantine file.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kindred.domain.errors import RecordError, SettingsError, StoreError, install_hint
from kindred.ingest.bytes.addresses import TableAddress
from kindred.ingest.formats.columns import check_firm_columns, missing_columns, our_names
from kindred.ingest.formats.rows import Row
from kindred.ingest.formats.source import Parsed, Source, SourceFile
from kindred.ingest.formats.sql_connections import has_pages, is_hopeless, read_any_time, read_only

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine, Select, Table
    from sqlalchemy.exc import DBAPIError

_LOG = logging.getLogger("kindred.ingest")
BATCH_ROWS, BATCH_PAGES = 10_000, 64
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""How long is waited before a lost connection is tried again, each time."""
LATE_SECONDS = 10.0
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""A server that is gone without a word is given up after about a minute, not after the two hours of the system."""

Record = Mapping[str, object]
T = TypeVar("T")


def sql_table(url: str, table: str, source: Source) -> SourceFile:
    """A table of a database as what `ingest_files` reads; of the source's columns those are read that it has.

    Raises:
        SettingsError: the URL is none, or a package is missing.
    """
    return SourceFile(find_table(url, table), source)


def find_table(url: str, table: str) -> TableAddress:
    """A table of a database, which is not asked yet.

    Args:
        url: in SQLAlchemy's form, `postgresql://user:password@host/database`.
        table: its name, with the schema before it where there is one: `shop.orders`, `"My shop"."all.orders"`.

    Raises:
        SettingsError: the URL is none, or a package is missing.
    """
    address = _address_of(url)
    return TableAddress(url, table, f"{address.host or ''}/{address.database or ''}")


def read_table(table: TableAddress, source: Source) -> Iterator[Row]:
    """Every row of a table, as `SqlTable` gives them."""
    named = replace(source, file=f"table {table.name}")
    return SqlTable(_address_of(table.url), table.name, named).rows()


def columns_of_table(table: TableAddress) -> list[str]:
    """Names of the columns of a table. Raises: as `SqlTable.rows`."""
    return SqlTable(_address_of(table.url), table.name, Source((), lambda row: Parsed(()))).columns()


def _address_of(url: str) -> URL:
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError as error:
        raise SettingsError("SQLAlchemy is not installed", install_hint("sql")) from error
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):  # a port that is no number; what it is may be a part of a password
        raise SettingsError(
            "the address of the database can't be read",
            "it is like postgresql://user:password@host:5432/database; in a password @ is %40, : is %3A and / is %2F",
        ) from None
    if address.drivername in ("postgresql", "postgres"):
        address = address.set(drivername="postgresql+psycopg")
    return address


@dataclass(frozen=True)
class SqlTable:
    """A table to read, and how.

    Attributes:
        url: of the database.
        table: its name.
        source: what its rows are.
        wait: seconds before each new try; one more try than there are.
        sleep: waits so many seconds.
    """

    url: URL
    table: str
    source: Source
    wait: Sequence[float] = RETRY_SECONDS
    sleep: Callable[[float], None] = time.sleep

    def rows(self) -> Iterator[Row]:
        """Every row, numbered from 1 in the order they come.

        Raises:
            RecordError: there is no such table or file, or it lacks a column.
            StoreError: the database can't be reached, or not any more.
            SettingsError: the driver of the database is missing.
        """
        engine = self._engine()
        try:
            number = 0
            for batch in self._batches(engine):
                for record in batch:
                    number += 1
                    length = sum(len(value) if isinstance(value, str) else 8 for value in record.values())
                    yield Row(number, b"", length, dict(record))
        finally:
            engine.dispose()

    def columns(self) -> list[str]:
        """Names of its columns. Raises: as `rows`."""
        engine = self._engine()
        try:
            return [column.name for column in self._tried(engine, self._described).columns]
        finally:
            engine.dispose()

    def _engine(self) -> Engine:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import NoSuchModuleError
        from sqlalchemy.pool import NullPool

        file = self.url.database or ""
        if self.url.get_backend_name() == "sqlite" and not file.startswith((":", "file:")) and not Path(file).exists():
            advice = "check the path; an absolute one has four slashes: sqlite:////data/shop.db"
            raise RecordError(f"can't read {file}: no such file", advice)
        arguments = _PATIENCE if self.url.drivername == "postgresql+psycopg" else {}
        try:
            return create_engine(self.url, poolclass=NullPool, connect_args=arguments, hide_parameters=True)
        except (ImportError, NoSuchModuleError) as error:
            name = self.url.drivername
            own = name == "postgresql+psycopg"
            hint = install_hint("sql") if own else "install the package that SQLAlchemy's documentation names for it"
            raise SettingsError(f"there is no driver for {name} databases", hint) from error

    def _batches(self, engine: Engine) -> Iterator[Sequence[Record]]:
        table = self._tried(engine, self._described)
        columns = self._columns(table)
        within = {name for name in self.source.columns if name.partition(".")[0] in columns}
        if missing := missing_columns(self.source, {*columns, *within, *(column.name for column in table.columns)}):
            raise RecordError(
                f"{self.source.file}: {missing}",
                f"it has {', '.join(column.name for column in table.columns)}; --column NAME=THEIRS names them",
            )
        check_firm_columns(self.source, {*columns, *within})
        key = [column.name for column in table.primary_key.columns]
        if key:
            yield from self._by_key(engine, table, columns, key)
        elif self._tried(engine, lambda connection: has_pages(connection, table)):
            yield from self._by_page(engine, table, columns)
        else:
            yield from self._in_one_go(engine, table, columns)

    def _columns(self, table: Table) -> dict[str, str]:
        """The columns understood that the table has, by the source's name.

        What stands within a column of JSON comes with it.
        """
        names = [column.name for column in table.columns]
        ours = our_names(self.source, names)
        found = {own: name for name in names if (own := ours.get(name, name)) in self.source.columns}
        outer = {name.partition(".")[0] for name in self.source.columns if name not in found}
        return found | {name: name for name in outer if name in names}

    def _by_key(
        self, engine: Engine, table: Table, columns: Mapping[str, str], key: list[str]
    ) -> Iterator[Sequence[Record]]:
        from sqlalchemy import literal, select, tuple_

        keys = [table.columns[name] for name in key]
        chosen = [*(table.columns[name].label(f"_{number}") for number, name in enumerate(columns.values())), *keys]
        every = select(*chosen).order_by(*keys).limit(BATCH_ROWS)
        last: tuple[object, ...] | None = None
        while True:
            after = None if last is None else [literal(v, c.type) for v, c in zip(last, keys, strict=True)]
            query = every if after is None else every.where(tuple_(*keys) > tuple_(*after))
            found = self._fetched(engine, query)
            yield [dict(zip(columns, row, strict=False)) for row in found]
            if len(found) < BATCH_ROWS:
                return
            last = tuple(found[-1][len(columns) :])

    def _by_page(self, engine: Engine, table: Table, columns: Mapping[str, str]) -> Iterator[Sequence[Record]]:
        """Pages that hold nothing may have others behind them, so the end is asked for."""
        from sqlalchemy import select, text

        every = select(*(table.columns[name] for name in columns.values()))
        for begin in count(0, BATCH_PAGES):
            after = text(f"ctid >= '({begin},0)'::tid")
            found = self._fetched(engine, every.where(after, text(f"ctid < '({begin + BATCH_PAGES},0)'::tid")))
            yield [dict(zip(columns, row, strict=True)) for row in found]
            if not found and not self._fetched(engine, every.where(after).limit(1)):
                return

    def _in_one_go(self, engine: Engine, table: Table, columns: Mapping[str, str]) -> Iterator[Sequence[Record]]:
        """By a cursor on the server; a lost connection ends it, for where it was can't be told."""
        from sqlalchemy import select
        from sqlalchemy.exc import DBAPIError

        read_any_time(engine)
        query = select(*(table.columns[name] for name in columns.values()))
        try:
            with engine.connect() as connection:
                streamed = read_only(connection).execution_options(yield_per=BATCH_ROWS).execute(query)
                for found in streamed.partitions():
                    yield [dict(zip(columns, row, strict=True)) for row in found]
        except DBAPIError as error:
            raise self._refused(
                error, "run it again; a table with a primary key is gone on with where it was"
            ) from None

    def _described(self, connection: Connection) -> Table:
        from sqlalchemy import MetaData, Table, inspect
        from sqlalchemy.exc import NoSuchTableError

        *schema, name = _names(self.table)
        try:
            return Table(name, MetaData(), schema=".".join(schema) or None, autoload_with=connection)
        except NoSuchTableError:
            there = ", ".join(sorted(inspect(connection).get_table_names())[:10]) or "none"
            raise RecordError(
                f"the database has no table {self.table}; it has {there}",
                "name it by the option for it, such as --events-table, with its schema if need be",
            ) from None

    def _fetched(self, engine: Engine, query: Select[tuple[object, ...]]) -> list[tuple[object, ...]]:
        return self._tried(engine, lambda connection: [tuple(row) for row in connection.execute(query)])

    def _tried(self, engine: Engine, do: Callable[[Connection], T]) -> T:
        """What it returns in a transaction of its own, tried again where the connection is lost."""
        from sqlalchemy.exc import DataError, DBAPIError

        for seconds in (*self.wait, None):
            try:
                with self._told_late(), engine.connect() as connection:
                    return do(read_only(connection))
            except DataError as error:
                if not read_any_time(engine):
                    raise self._refused(error, "see what it holds, or name a view without that") from None
                return self._tried(engine, do)
            except DBAPIError as error:
                refused = self._refused(error, "see that it runs and lets you in, then run the same again")
                if not _is_lost(error) or seconds is None or is_hopeless(error):
                    raise refused from None
                if seconds == self.wait[0]:
                    _LOG.error("%s; tried again for up to %.0f s", refused.message, sum(self.wait))
            self.sleep(seconds)
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def _told_late(self) -> Iterator[None]:
        """Says so where a database that has taken the connection does not answer, e.g. while the table is locked."""
        said = f"table {self.table}: no answer for {LATE_SECONDS:g} s, still waiting; Ctrl-C ends it"
        timer = threading.Timer(LATE_SECONDS, _LOG.error, [said])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _refused(self, error: DBAPIError, advice: str) -> RecordError | StoreError:
        said = str(getattr(error, "orig", error)).strip().splitlines()
        reason = said[0] if said else type(error).__name__
        if self.url.password:  # as a word of its own: a short one is a part of others
            reason = re.sub(rf"(?<!\w){re.escape(str(self.url.password))}(?!\w)", "***", reason)
        kind = StoreError if _is_lost(error) else RecordError
        return kind(f"table {self.table} can't be read: {reason}", advice)


def _is_lost(error: DBAPIError) -> bool:
    """Whether there is no connection to the database, rather than a refusal of what it was asked."""
    from sqlalchemy.exc import OperationalError

    return isinstance(error, OperationalError) or error.connection_invalidated


def _names(table: str) -> list[str]:
    """The name of a table and those before it; in quotes, as the database writes them, a name may hold a dot."""
    quoted = re.findall(r'"((?:[^"]|"")+)"|([^".]+)', table)
    return [inside.replace('""', '"') or plain for inside, plain in quoted]
