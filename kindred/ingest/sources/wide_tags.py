"""Tags as columns: a row a track, a column a tag, 1 where the track has it (MagnaTagATune, one-hot tables)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kindred.ingest.bytes.lines import BUFFER_BYTES, read_lines
from kindred.ingest.cells.bad_records import BadRecord, Reason, shown
from kindred.ingest.formats.columns import letters_of
from kindred.ingest.formats.csv_rows import dialect_with, read_csv_rows
from kindred.ingest.formats.rows import Row
from kindred.ingest.formats.source import Source

_MARKS = {"0": False, "0.0": False, "": False, "1": True, "1.0": True}
_LEAST = 3  # columns of tags
_ROWS_LOOKED_AT = 200


def read_wide_tags(content: io.BufferedReader, source: Source) -> Iterator[Row] | None:
    """The rows as tracks with lists of tags; None where the columns are no tags.

    Columns that hold anything but 0 and 1 in the first rows, such as paths of files, are none.
    """
    head = content.peek(BUFFER_BYTES)
    text = head[: head.rfind(b"\n") + 1].decode(errors="replace").removeprefix("\ufeff")
    separator = max("\t,;", key=text.partition("\n")[0].count)
    names, *rows = [*csv.reader(io.StringIO(text), delimiter=separator)][: _ROWS_LOOKED_AT + 1] or [[]]
    tracks = [letters_of(name) for name in (*source.wanted["track"], "id")]
    track = next((name for wanted in tracks for name in names if letters_of(name) == wanted), "")
    if not rows or not track or not {*source.wanted["tags"]}.isdisjoint(name.lower() for name in names):
        return None
    whole = [row for row in rows if len(row) == len(names)]
    tags = [name for place, name in enumerate(names) if name != track and all(row[place] in _MARKS for row in whole)]
    if len(tags) < _LEAST:
        return None
    plain = replace(source, columns=names, takes_rest=False, firm=())
    found = read_csv_rows(read_lines(content), dialect_with(separator, head, plain), plain)
    return (_as_list(row, track, tags) for row in found)


def _as_list(row: Row, track: str, tags: Sequence[str]) -> Row:
    if isinstance(row.value, BadRecord):
        return row
    return row._replace(raw=b"", value=_listed(row.value, track, tags))


def _listed(values: Mapping[str, object], track: str, tags: Sequence[str]) -> Mapping[str, object] | BadRecord:
    marks = {tag: _MARKS.get(str(values.get(tag) or "")) for tag in tags}
    strange = next((tag for tag, mark in marks.items() if mark is None), None)
    if strange is not None:
        return BadRecord(Reason.WRONG_TYPE, f"0 or 1 is wanted, got {shown(values[strange])}", strange)
    return {"track": values.get(track), "tags": [tag for tag, mark in marks.items() if mark]}
