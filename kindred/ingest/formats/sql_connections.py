"""What databases differ in where they are read: transactions that can't write, odd times, pages, errors that stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

_TID_RANGES = (14,)
"""The first version of PostgreSQL that reads a range of pages without reading the whole table."""


def read_any_time(engine: Engine) -> bool:
    """Reads times that Python does not know, such as `infinity`, as texts from now on; False where that is no news.

    The rows that hold them are bad ones by themselves. psycopg reads others faster without it.
    """
    from sqlalchemy import event

    if engine.dialect.driver != "psycopg" or event.contains(engine, "connect", _with_any_time):
        return False
    event.listen(engine, "connect", _with_any_time)
    return True


def _with_any_time(connection: Any, _: object) -> None:
    from psycopg import DataError
    from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader

    def lenient(strict: type[Any]) -> type[Any]:
        class Lenient(strict):  # type: ignore[misc]
            def load(self, data: Any) -> object:
                try:
                    return super().load(data)
                except DataError:
                    return bytes(data).decode()

        return Lenient

    for name, strict in (("date", DateLoader), ("timestamp", TimestampLoader), ("timestamptz", TimestamptzLoader)):
        connection.adapters.register_loader(name, lenient(strict))


def read_only(connection: Connection) -> Connection:
    """The connection, whose transactions can't write where the database knows such."""
    if connection.dialect.name == "postgresql":
        return connection.execution_options(postgresql_readonly=True)
    return connection


def is_hopeless(error: Exception) -> bool:
    """Whether the server answered, and would answer the same again: a wrong password, no such database or right."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    said = str(error)
    return (state is not None and state[:2] in ("28", "3D", "42")) or any(
        words in said for words in ("password authentication failed", "does not exist", "no password supplied")
    )


def has_pages(connection: Connection, table: Table) -> bool:
    """Whether it is an ordinary table of a PostgreSQL that reads some pages without reading all."""
    from sqlalchemy import text

    version = connection.dialect.server_version_info or (0,)
    if connection.dialect.name != "postgresql" or version < _TID_RANGES:
        return False
    name = connection.dialect.identifier_preparer.format_table(table)
    query = text("SELECT relkind = 'r' FROM pg_class WHERE oid = CAST(:name AS regclass)")
    return bool(connection.execute(query, {"name": name}).scalar_one())
