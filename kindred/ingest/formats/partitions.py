"""Columns that stand in the names of folders, as Hive and Spark part tables: `day=2025-03-01/part-0.parquet`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import unquote

from kindred.ingest.bytes.addresses import TableAddress
from kindred.ingest.bytes.remote import Location
from kindred.ingest.formats.rows import Row
from kindred.ingest.formats.source import Source

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def partition_of(path: Location) -> dict[str, str | None]:
    """The columns that the folders of a file name, and their values."""
    if isinstance(path, TableAddress):
        return {}
    pairs = [part.partition("=") for part in PurePosixPath(str(path)).parent.parts]
    named = [(unquote(name), unquote(value)) for name, equals, value in pairs if equals and name.isidentifier()]
    return {name: None if value == _NO_VALUE else value for name, value in named}


def without_columns(source: Source, given: Mapping[str, str | None]) -> Source:
    """The source of files that need not have these columns."""
    wanted = {holds: names for holds, names in source.wanted.items() if given.keys().isdisjoint(names)}
    return replace(source, wanted=wanted, firm=[name for name in source.firm if name not in given])


def with_columns(rows: Iterator[Row], given: Mapping[str, str | None]) -> Iterator[Row]:
    """The rows, each with these columns where it has none of that name."""
    for row in rows:
        if isinstance(row.value, dict):
            yield row._replace(value={**given, **row.value})
        else:
            yield row
