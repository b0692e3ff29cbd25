"""Ids of users read from a file: one a line, a JSON list, or the column of users of a table."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from kindred.domain.errors import RecordError
from kindred.domain.id_text import id_in
from kindred.domain.progress import silent
from kindred.ingest.bytes.encodings import told_encoding
from kindred.ingest.bytes.opening import is_stream, open_file
from kindred.ingest.bytes.paths import Given, one_file
from kindred.ingest.bytes.remote import Location
from kindred.ingest.cells.bad_records import BadRecord, Reason
from kindred.ingest.cells.ids import id_of
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.source import Parsed, Source
from kindred.ingest.tables.column_names import guess
from kindred.ingest.tables.layouts import in_layout
from kindred.ingest.tables.mapping import Layout
from kindred.ingest.tables.table_head import read_head


def read_users(given: Given) -> list[str]:
    """The ids, in their order.

    Raises:
        RecordError: the file can't be read, an id in it is bad, or there is none.
    """
    path = one_file(given)
    found = None if is_stream(path) else _of_table(path)
    ids = [user for user in (_of_text(path) if found is None else found) if user]
    if not ids:
        raise RecordError(f"{path} holds no user", "give one id a line, or a table with a column such as user_id")
    return ids


def _of_table(path: Location) -> list[str | None] | None:
    """The ids of a table whose column of users is called as usual; None where it is no such table."""
    try:
        head = read_head(path, Layout())
    except RecordError:
        return None
    column = guess("user", head.columns, ())
    if column is None:
        return None
    source = in_layout(Source([column], lambda row: Parsed(())), head.layout)
    rows = (row for row in read_rows(path, source, silent) if not _is_no_record(row.value))
    return [_id(path, row.number, row.value, column) for row in rows]


def _is_no_record(value: object) -> bool:
    return isinstance(value, BadRecord) and value.reason is Reason.NO_RECORD


def _id(path: Location, number: int, value: object, column: str) -> str | None:
    try:
        if isinstance(value, BadRecord):
            raise value
        return id_of(value.get(column), column) if isinstance(value, dict) else None
    except BadRecord as bad:
        raise RecordError(f"{path} line {number}: {bad.reason.value}, {bad.message}", "mend that line") from bad


def _of_text(path: Location) -> Iterator[str | None]:
    with open_file(path) as file:
        content = file.content.read()
    try:
        text = content.decode(told_encoding(content) or "utf-8").lstrip("\ufeff").strip()
    except UnicodeDecodeError as error:
        raise RecordError(f"{path} can't be read: {error}", "give a text file with one id a line") from error
    if "\x00" in text:
        raise RecordError(f"{path} can't be read: it is no text", "give a text file with one id a line")
    if text.startswith("["):
        try:
            yield from (id_of(one) for one in orjson.loads(text))
            return
        except (orjson.JSONDecodeError, TypeError, BadRecord):
            pass
    if text.startswith("{"):
        raise RecordError(f"no key of {path} is called what users usually are", "call it user_id")
    for line in text.split("\n"):
        bare = line.strip()
        yield id_in(bare[1:-1].replace('""', '"') if len(bare) > 1 and bare[0] == bare[-1] == '"' else bare)
