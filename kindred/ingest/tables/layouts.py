"""Tables of text in a layout that is told or was found: separator, names of columns, comments, groups, matrices."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice

from kindred.ingest.bytes.encodings import in_utf8, told_encoding
from kindred.ingest.bytes.lines import BUFFER_BYTES, Line, read_lines
from kindred.ingest.formats.comments import lines_below_comments, without_comments
from kindred.ingest.formats.csv_rows import dialect_with, has_blanks, header_line, on_one_line, read_csv_rows
from kindred.ingest.formats.impressions import CLICKS, is_impressions, read_clicks
from kindred.ingest.formats.rows import Row
from kindred.ingest.formats.source import Source
from kindred.ingest.tables.column_names import is_name_of, name_both_ends
from kindred.ingest.tables.headless import is_grouped, names_an_end, rows_of_groups, rows_with_open_end
from kindred.ingest.tables.mapping import Layout
from kindred.ingest.tables.matrices import rows_of_matrix


def in_layout(source: Source, layout: Layout) -> Source:
    """The source of files that are written so."""
    source = replace(source, unfold=layout.unfold, parted_by=layout.parted_by, beside=layout.beside)
    source = _opening(source, layout.objects)
    if carried := [name for name in layout.carried if name in source.columns]:
        columns = dict.fromkeys((*source.columns, layout.carried_by))
        source = replace(source, columns=tuple(columns), carried_by=layout.carried_by, carried=carried)
    if not layout.separator:
        return replace(source, encoding=layout.encoding or source.encoding)
    source = replace(source, quoted=len(layout.separator) == 1)
    return replace(source, read=partial(_read_cells, layout))


def _opening(source: Source, names: Sequence[str]) -> Source:
    """The source, which finds columns within objects in the cells of these columns."""
    used = [name for name in names if any(column.startswith(f"{name}.") for column in source.columns)]
    if not used:
        return source
    within = tuple(f"{name}." for name in used)
    firm = [name for name in source.firm if not name.startswith(within)]
    wanted = {
        holds: (*known, *used) if any(name.startswith(within) for name in known) else known
        for holds, known in source.wanted.items()
    }
    columns = tuple(dict.fromkeys((*source.columns, *used)))
    return replace(source, columns=columns, firm=tuple(firm), wanted=wanted, objects=used)


def _read_cells(layout: Layout, content: io.BufferedReader, source: Source) -> Iterator[Row] | None:
    head = content.peek(BUFFER_BYTES)
    encoding = layout.encoding or told_encoding(head)
    lines = lines_below_comments(read_lines(in_utf8(content, encoding) if encoding else content), names_an_end)
    bare = without_comments(head.decode(errors="replace"), names_an_end).lstrip("\r\n").encode()
    if not layout.separator.strip(" "):  # blanks around a line part nothing
        lines = (line._replace(raw=line.raw.strip(b" ")) for line in lines)
    if is_impressions(head) and layout.columns == CLICKS:
        return read_clicks(lines)
    if is_grouped(head):
        lines = rows_of_groups(lines)
    if layout.columns:
        if len(layout.separator) == 1 and any(is_name_of(role, layout.columns[-1]) for role in ("title", "text")):
            lines = rows_with_open_end(lines, layout.separator.encode(), len(layout.columns))
        header = layout.separator.join(layout.columns).encode()
        lines = chain([Line(0, header, len(header))], _without_names(lines, layout.separator, source))
    if layout.matrix:
        text = header_line(head.removeprefix(b"\xef\xbb\xbf")).decode(errors="replace").rstrip("\r")
        names = layout.columns or [on_one_line(cell) for cell in cells_of(text, layout.separator)]
        source = replace(source, columns=names, firm=())
        rows = read_csv_rows(lines, dialect_with(layout.separator, bare, source), source)
        return rows_of_matrix(rows, layout.matrix, layout.absent)
    return read_csv_rows(lines, dialect_with(layout.separator, bare, source), source)


def _without_names(lines: Iterator[Line], separator: str, source: Source) -> Iterator[Line]:
    """The lines of a file whose columns are named beforehand, without a first one that names them too."""
    for line in islice(lines, 1):
        names = cells_of(line.raw.decode(errors="replace").strip("\ufeff\r"), separator)
        if name_both_ends(names):
            source.remark(f"the first line names columns, and is no row: {', '.join(names)[:100]}")
        else:
            yield line
    yield from lines


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of one line of text, as a reader of CSV parts them."""
    blanks = has_blanks(line, separator)
    reader = csv.reader([line], delimiter=separator[0], skipinitialspace=blanks)
    try:
        return [cell.strip() for cell in (line.split(separator) if len(separator) > 1 else next(reader, []))]
    except csv.Error:  # a carriage return within it
        return [cell.strip() for cell in line.split(separator)]
