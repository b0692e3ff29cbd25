r"""Rows of one table in a plain dump of a PostgreSQL database, streamed: what `pg_dump` writes, and what people do.

`COPY table (columns) FROM stdin;` with \N and backslash escapes, and `INSERT INTO table [(columns)] VALUES (…), (…);`
with quotes doubled, E'' strings, NULL, casts and texts of many lines. Names may be quoted and stand in a schema. Where
a statement names no columns, CREATE TABLE has, or else the source's order is taken. A broken row costs itself: reading
goes on with the next. Nothing is run.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.lines import KEPT_BYTES, MAX_LINE_BYTES
from kindred.ingest.cells.bad_records import BadRecord, Reason
from kindred.ingest.formats.csv_rows import cell_values
from kindred.ingest.formats.rows import Row
from kindred.ingest.formats.source import Source
from kindred.ingest.formats.sql_text import DumpText
from kindred.ingest.formats.sql_values import FLAGS, ROW, STRING, copy_cells, insert_cells

_IDENTIFIER = rb'(?:"[^"]+"|[\w$]+)'
_NAME = rb"((?:" + _IDENTIFIER + rb"\s*\.\s*)*" + _IDENTIFIER + rb")\s*"
_COPY = re.compile(rb"COPY\s+" + _NAME + rb"(?:\(([^)]*)\)\s*)?FROM\s+stdin\b([^;]*);[^\n]*\n?", FLAGS)
_INSERT = re.compile(rb"INSERT\s+INTO\s+" + _NAME + rb"(?:\(([^)]*)\))?[\w\s]*?\bVALUES\b", FLAGS)
_CREATE = re.compile(rb"CREATE\s+(?:\w+\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?" + _NAME + rb"\(", FLAGS)
_COMMENT = rb"--[^\n]*+|/\*.*?\*/"
_TOKEN = re.compile(
    rb"(?P<silent>"
    + _COMMENT
    + rb"|"
    + STRING
    + rb"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)|"
    + _IDENTIFIER
    + rb"|(?P<end>;)|[^;'\"$/\w-]++|.",
    FLAGS,
)
_GAP = re.compile(rb"(?:\s|" + _COMMENT + rb"|\\[^\n]*+)++", FLAGS)  # and the commands of psql
_BETWEEN_ROWS = re.compile(rb"(?:[\s,]|" + _COMMENT + rb")++", FLAGS)
_COPY_END = re.compile(rb"(?<=\n)\\\.(?=\r?\n|\r?\Z)")
# Where reading goes on after a broken row: at what looks like the next row, or where the statement seems to end.
_NEXT_ROW = re.compile(
    rb"\)\s*,\s*(?=\()|\n(?=\s*\()|(?P<end>\)\s*;|\n(?=(?:INSERT|COPY|CREATE|ALTER|SELECT|SET)\s|--))", FLAGS
)
_NO_COLUMN = re.compile(r"(?:CONSTRAINT|PRIMARY|UNIQUE|FOREIGN|CHECK|EXCLUDE|LIKE)\b", re.IGNORECASE)
_OTHER_FORM = re.compile(rb"\b(?:csv|binary|delimiter|null)\b", re.IGNORECASE)


def dump_source(source: Source, table: str, tables: Sequence[str]) -> Source:
    """The source, reading the rows of that table of a dump.

    Args:
        tables: names of all tables of which the dump must hold one, so that a dump of something else is noticed.
    """

    def read(content: io.BufferedReader, source: Source) -> Iterator[Row]:
        return _Dump(content, source, table).rows(tables)

    return replace(source, read=read)


class _Dump:
    """One reading of a dump."""

    def __init__(self, content: io.BufferedReader, source: Source, table: str) -> None:
        self._text = DumpText(content)
        self._source = source
        self._table = table
        self._columns_of: dict[str, list[str]] = {}

    def rows(self, tables: Sequence[str]) -> Iterator[Row]:
        """The rows of the table.

        Raises:
            RecordError: rows in a form that is not understood, or none of the tables is in the dump.
        """
        text, seen = self._text, set[str]()
        text.skip(_GAP)
        while text.peek():
            if statement := text.match(_COPY):
                text.take(statement)
                seen.add(name := _table_name(statement[1]))
                yield from self._copy(name, statement)
            elif statement := text.match(_INSERT):
                text.take(statement)
                seen.add(name := _table_name(statement[1]))
                yield from self._insert(name, statement)
            elif statement := text.match(_CREATE):
                text.take(statement)
                self._columns_of[_table_name(statement[1])] = _created_columns(self._rest_of_statement())
            else:
                self._rest_of_statement()
            text.skip(_GAP)
        if seen.isdisjoint(tables):
            held = f"it holds those of {', '.join(sorted(seen)[:10])}" if seen else "it holds none at all"
            raise RecordError(
                f"a dump without rows of {', '.join(tables)}: {held}",
                "in a dump they must have these names; of a database the options --…-table tell others"
                if seen
                else "give a plain dump: pg_dump --format=plain",
            )

    def _columns(self, name: str, statement: re.Match[bytes]) -> list[str]:
        if statement[2]:
            return [_name(column) for column in statement[2].split(b",")]
        return self._columns_of.get(name) or list(self._source.columns)

    def _copy(self, name: str, statement: re.Match[bytes]) -> Iterator[Row]:
        text = self._text
        if name != self._table:
            text.take_through(_COPY_END)
            return
        if _OTHER_FORM.search(statement[3]):
            raise RecordError(
                f"the rows of {name} are not in the form that pg_dump writes: {statement[0][:200]!r}",
                "export the table as CSV with a header, and give that",
            )
        columns = self._columns(name, statement)
        while (line := text.take_line()) is not None:
            number, raw, length = line
            raw = raw.removesuffix(b"\r")
            if raw == b"\\.":
                return
            too_long = BadRecord(Reason.LINE_TOO_LONG, f"{length:,} bytes") if length > MAX_LINE_BYTES else None
            yield Row(number, raw, length, too_long or _values(copy_cells(raw), columns, self._source))

    def _insert(self, name: str, statement: re.Match[bytes]) -> Iterator[Row]:
        """The rows of one INSERT up to its end; those of other tables are only passed."""
        text, columns = self._text, self._columns(name, statement)
        text.skip(_BETWEEN_ROWS)
        while text.peek() == b"(":
            number, ends = text.line, False
            value: Mapping[str, object] | BadRecord
            if found := text.match(ROW):
                raw = text.take(found)
                length = len(raw)
                value = _values(insert_cells(raw), columns, self._source) if name == self._table else {}
            else:
                (_, raw, length), resume = text.take_through(_NEXT_ROW)
                value = BadRecord(Reason.BROKEN_SQL, "no row of literals in parentheses")
                ends = resume is None or resume["end"] is not None
            if length > MAX_LINE_BYTES:
                raw, value = raw[:KEPT_BYTES], BadRecord(Reason.LINE_TOO_LONG, f"{length:,} bytes")
            if name == self._table:
                yield Row(number, raw, length, value)
            if ends:
                return
            text.skip(_BETWEEN_ROWS)
        self._rest_of_statement()

    def _rest_of_statement(self) -> bytes:
        """Moves past the statement's semicolon; the beginning of what was passed, without strings and comments."""
        text, parts, length = self._text, list[bytes](), 0
        while token := text.match(_TOKEN):
            raw = text.take(token)
            if token["end"]:
                break
            if not token["silent"] and length < KEPT_BYTES:
                parts.append(raw)
                length += len(raw)
        return b"".join(parts)


def _table_name(name: bytes) -> str:
    """The table's name without the schema before it."""
    parts: list[bytes] = re.findall(_IDENTIFIER, name)
    return _name(parts[-1])


def _name(name: bytes) -> str:
    """A name as the database knows it: only quotes keep capitals."""
    text = name.strip().decode(errors="replace")
    return text.strip('"') if text.startswith('"') else text.lower()


def _created_columns(definition: bytes) -> list[str]:
    """The names of the columns; `definition` is what follows the first parenthesis of CREATE TABLE."""
    items, depth = [""], 0
    for character in definition.decode(errors="replace"):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            break
        if character == "," and depth == 0:
            items.append("")
        else:
            items[-1] += character
    names = [item.split(None, 1)[0] for item in items if item.strip() and not _NO_COLUMN.match(item.strip())]
    return [_name(name.encode()) for name in names]


def _values(
    cells: Sequence[str | None] | BadRecord, columns: Sequence[str], source: Source
) -> Mapping[str, object] | BadRecord:
    """The values of the columns that the source knows, as from the cells of a CSV file."""
    if isinstance(cells, BadRecord):
        return cells
    if len(cells) != len(columns):
        return BadRecord(Reason.BROKEN_SQL, f"{len(cells)} values, the table has {len(columns)} columns")
    return cell_values(columns, cells, source)
