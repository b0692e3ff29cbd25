"""Source: what a data set's module hands to ingest, so that reading, staging and loading know no data set."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from kindred.domain.records import Edge, Node
from kindred.ingest.json_lines import decode_json
from kindred.ingest.rows import Row

Values = Mapping[str, object]


class Parsed(NamedTuple):
    """The records of one row.

    Attributes:
        records: the one that the row is about first, then those that it mentions. The first decides whether the row
            is a duplicate of another. None at all: the row is well-formed and holds nothing for the graph.
        notes: what was left out of the row or is not known, in few words, for the summary to count.
        skipped: why there is no record, in few words; empty where there is one.
    """

    records: Sequence[Node | Edge]
    notes: Sequence[str] = ()
    skipped: str = ""


@dataclass(frozen=True)
class Source:
    """How the rows of one kind of file become records.

    Attributes:
        columns: the columns understood, each with what makes its value of the text of a CSV cell (ValueError where it
            can't).
        parse: the records of one row. Raises BadRecord or pydantic's ValidationError where the row can't be used.
        decode: the value of one line of a file that is not CSV or Parquet. Raises BadRecord.
        encoding: of a file of text.
        quoted: cells of a CSV file may stand in quotes; False where a quote is a character like any other, and the file
            is always a table.
        read: reads what is no file of lines, such as a database dump or one JSON document; it is given the content,
            unpacked, and None from it means that the content is a file of lines after all.
        read_folder: reads a folder, for sources whose rows are files.
    """

    columns: Mapping[str, Callable[[str], object]]
    parse: Callable[[Values], Parsed]
    decode: Callable[[bytes], object] = decode_json
    encoding: str = "utf-8"
    quoted: bool = True
    read: Callable[[io.BufferedReader], Iterator[Row] | None] | None = None
    read_folder: Callable[[Path], Iterator[Row]] | None = None
