"""Files whose columns are called otherwise than a source calls them, or that name none in their first line."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from kindred.domain.errors import SettingsError
from kindred.ingest.bytes.encodings import in_utf8, told_encoding
from kindred.ingest.bytes.lines import BUFFER_BYTES, Line, read_lines
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.formats.columns import our_names
from kindred.ingest.formats.comments import below_comments
from kindred.ingest.formats.csv_rows import dialect_with, read_csv_rows
from kindred.ingest.formats.rows import Row, flattened
from kindred.ingest.formats.source import Parsed, Source, SourceFile, Values

_SEPARATORS = "\t,;|"


def with_columns_named(
    files: Sequence[SourceFile], names: Mapping[str, str], header: Sequence[str] = ()
) -> list[SourceFile]:
    """The files, read with their own names of columns.

    Args:
        files: what ingest is to read.
        names: the file's column by what its source calls it; `outer.inner` is what stands within another column.
        header: the columns of files whose first line names none, in order.

    Raises:
        SettingsError: no source knows a name, or files of several kinds have one header.
    """
    for name in names:
        if not any(name in file.source.columns for file in files):
            known = dict.fromkeys(column for file in files for column in file.source.columns)
            raise SettingsError(f"there is no column {name!r} to name", f"columns are {', '.join(known)}")
    sources = {id(file.source): file.source for file in files}
    if header and len(sources) > 1:
        raise SettingsError("one list of columns for files of several kinds", "load each kind by a command of its own")
    named = {key: _with_header(_renamed(source, names), header) for key, source in sources.items()}
    return [replace(file, source=named[id(file.source)]) for file in files]


def _renamed(source: Source, names: Mapping[str, str]) -> Source:
    """The source, which finds in other columns what it looks for."""
    own = {name: theirs for name, theirs in names.items() if name in source.columns and name != theirs}
    if not own:
        return source
    prepare = source.prepare
    return replace(
        source,
        columns=tuple(dict.fromkeys((*source.columns, *own.values()))),
        parse=partial(_parsed, source, own),
        wanted={holds: (*known, *_theirs(own, known)) for holds, known in source.wanted.items()},
        times=(*source.times, *_theirs(own, source.times)),
        useful={holds: (*known, *_theirs(own, known)) for holds, known in source.useful.items()},
        optional=(*source.optional, *_theirs(own, source.optional)),
        firm=(*source.firm, *own.values()),
        prepare=prepare and (lambda rows: _renamed(prepare(_rows(rows, own)), names)),
    )


def _theirs(own: Mapping[str, str], names: Iterable[str]) -> list[str]:
    return [own[name] for name in names if name in own]


def _parsed(source: Source, own: Mapping[str, str], row: Values) -> Parsed:
    return source.parse(_named(row, own))


def _named(row: Values, own: Mapping[str, str]) -> Values:
    there = flattened(row)
    return {**row, **{name: there[theirs] for name, theirs in own.items() if theirs in there}}


def _rows(rows: Iterable[Row], own: Mapping[str, str]) -> Iterator[Row]:
    for row in rows:
        yield row if isinstance(row.value, BadRecord) else row._replace(value=_named(row.value, own))


def _with_header(source: Source, header: Sequence[str]) -> Source:
    """The source of files of text whose columns these are."""
    if not header:
        return source
    if unknown := [name for name in source.firm if name.partition(".")[0] not in header]:
        raise SettingsError(f"--columns lacks {', '.join(unknown)}", "name every column of the file, in order")
    if not any(name in source.columns for name in (*header, *our_names(source, header).values())):
        raise SettingsError(
            f"none of {', '.join(header)} is understood",
            f"columns are {', '.join(source.columns)}, others are left out",
        )
    return replace(source, read=partial(_read_below, header))


def _read_below(header: Sequence[str], content: io.BufferedReader, source: Source) -> Iterator[Row]:
    """The rows of a file without a header, as if it had this one."""
    head = content.peek(BUFFER_BYTES)
    if encoding := told_encoding(head):
        content = in_utf8(content, encoding)
        head = content.peek(BUFFER_BYTES)
    lines, head = below_comments(read_lines(content), head, source.columns)
    first = head.lstrip().split(b"\n", 1)[0].decode(errors="replace")
    separator = max(_SEPARATORS, key=first.count)
    line = separator.join(header).encode()
    lines = chain([Line(0, line, len(line))], lines)
    return read_csv_rows(lines, dialect_with(separator, head, source), source)
