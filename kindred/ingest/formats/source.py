"""Source: what a data set's module hands to ingest, so that reading and loading know no data set; and a file of one."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from kindred.domain.records import Edge, Node
from kindred.ingest.bytes.remote import Location
from kindred.ingest.formats.json_lines import decode_json_or_literal
from kindred.ingest.formats.rows import Row

Values = Mapping[str, object]


def unremarked(remark: str) -> None:
    """Takes a remark on a file and forgets it."""


def names_none(cells: Iterable[str]) -> bool:
    """Says of no row that it names columns."""
    return False


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
        columns: the columns understood. Values come as the format has them (`cells/` reads them all alike); a column
            that the file has is in every row, None where the row has no value there.
        parse: the records of one row. Raises BadRecord or pydantic's ValidationError where the row can't be used.
        wanted: the columns without which no row can be used, by what they hold: any one of the names will do.
        instead: what says it where no column does, by what the wanted columns hold.
        times: names of the column of the time, where a file need not have one.
        useful: columns that a file need not have either, by what they hold.
        optional: columns of which it matters whether the file has them at all.
        firm: columns without which a table is another than was thought; lines of JSON may lack them.
        decode: the value of one line of a file that is not CSV or Parquet. Raises BadRecord.
        encoding: of a file of text.
        quoted: cells of a CSV file may stand in quotes; False where a quote is a character like any other, and the file
            is always a table.
        takes_rest: cells of a CSV row beyond its header belong to the last column, as a list.
        read: reads what is no file of lines, such as a database dump or one JSON document; it is given the content,
            unpacked, and the source as it is then. None from it means that the content is a file of lines after all.
        read_folder: reads a folder, for sources whose rows are files.
        unfold: the column whose lists hold rows of their own: each becomes a row, with the other columns beside it.
        parted_by: what stands between the entries of such a list where it is a text.
        beside: columns whose lists go with it, entry by entry.
        objects: columns whose cells are objects of JSON as texts, which hold columns of the source.
        carried_by: the column in which rows that belong together have the same, where the first says more than others.
        carried: the columns that the first alone fills.
        is_archive: its files are archives, which are left packed.
        file: what the file that is being read is called, for messages.
        remark: told what had to be decided about that file as a whole.
        named_by: the options that name columns which are called otherwise.
        names_columns: whether cells of a row name columns; such a first row is a second header.
        prepare: the source that knows what stands in other rows; it is given all rows of all its files beforehand.
    """

    columns: Sequence[str]
    parse: Callable[[Values], Parsed]
    wanted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)
    times: Sequence[str] = ()
    useful: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    optional: Sequence[str] = ()
    firm: Sequence[str] = ()
    decode: Callable[[bytes], object] = decode_json_or_literal
    encoding: str = "utf-8"
    quoted: bool = True
    takes_rest: bool = False
    read: Callable[[io.BufferedReader, Source], Iterator[Row] | None] | None = None
    read_folder: Callable[[Path], Iterator[Row]] | None = None
    unfold: str = ""
    parted_by: str = ""
    beside: Sequence[str] = ()
    objects: Sequence[str] = ()
    carried_by: str = ""
    carried: Sequence[str] = ()
    is_archive: bool = False
    file: str = "the file"
    remark: Callable[[str], None] = unremarked
    named_by: str = "--column NAME=THEIRS"
    names_columns: Callable[[Iterable[str]], bool] = names_none
    prepare: Callable[[Iterable[Row]], Source] | None = None


@dataclass(frozen=True)
class SourceFile:
    """A file and the source that knows its rows.

    Attributes:
        path: the file, here or at an address; `-` is standard input.
        part: which part of the file the source reads, such as a table of a dump; empty where it reads the whole.
        given_as: what it is called where that is not its path.
    """

    path: Location
    source: Source
    part: str = ""
    given_as: str = ""

    @property
    def name(self) -> str:
        """What it is called in summaries and messages."""
        name = self.given_as or str(self.path)
        return f"{name} ({self.part})" if self.part else name
