"""One random table, written in every format and dialect, is one graph."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kindred.domain.progress import silent
from kindred.domain.records import Edge, Node
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.source import Source
from kindred.ingest.sources.amazon import REVIEWS
from kindred.ingest.sources.listening import EVENTS
from kindred.ingest.sources.news_clicks import CLICKS
from tests.ingest.conftest import Row

Rows = Sequence[Row]

TEXTS = st.text(st.sampled_from("ab é\"\\',;|\t&<ñ🎸"), max_size=12).filter(lambda text: text.strip() == text)
MILLISECONDS = st.integers(1_100_000_000_000, 1_500_000_000_000)
NUMBERS = st.integers(0, 2**40)


def table(**columns: st.SearchStrategy[object]) -> st.SearchStrategy[list[Row]]:
    rows = st.lists(st.fixed_dictionaries(columns), min_size=1, max_size=6)
    return rows.map(lambda drawn: [{name: row[name] for name in columns} for row in drawn])


def or_nothing(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | values


SHAPES: dict[str, tuple[Source, str, st.SearchStrategy[list[Row]]]] = {
    "clicks": (
        CLICKS,
        "click_timestamp",
        table(user_id=NUMBERS, click_article_id=NUMBERS, click_timestamp=MILLISECONDS, click_os=or_nothing(NUMBERS)),
    ),
    "listening": (
        EVENTS,
        "at",
        table(
            user=NUMBERS,
            track=NUMBERS,
            at=MILLISECONDS,
            plays=or_nothing(st.integers(0, 9)),
            share=or_nothing(st.sampled_from([0.0, 0.25, 1.0])),
            title=or_nothing(TEXTS),
        ),
    ),
    "reviews": (
        REVIEWS,
        "unixReviewTime",
        table(
            reviewerID=NUMBERS,
            asin=NUMBERS,
            overall=st.sampled_from([1.0, 2.5, 4.0, 5.0]),
            unixReviewTime=MILLISECONDS,
            reviewText=or_nothing(TEXTS),
            summary=or_nothing(TEXTS),
            verified=or_nothing(st.booleans()),
        ),
    ),
}


def mapped(rows: Rows, change: Callable[[str, object], object]) -> list[Row]:
    return [{name: change(name, value) for name, value in row.items()} for row in rows]


def as_json(rows: Rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def as_csv(rows: Rows, delimiter: str = ",", na: str = "", quoting: int = csv.QUOTE_MINIMAL) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type] # a number is what it takes
    writer.writerow(rows[0])
    writer.writerows([na if value is None else value for value in row.values()] for row in rows)
    return out.getvalue()


def as_escaped_csv(rows: Rows) -> str:
    """A table whose quotes are escaped by backslashes, as databases write it."""

    def cell(value: object) -> str:
        if value is None:
            return '""'
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'

    # The first line says that quotes are escaped: a note in a column that no source knows.
    lines = [",".join([*rows[0], "note"])]
    return "\n".join([*lines, *(",".join([*map(cell, row.values()), '"a \\"b\\" c"']) for row in rows)]) + "\n"


def as_table(rows: Rows) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows])


def as_parquet(given_table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(given_table, out)
    return out.getvalue()


def as_feather(given_table: pa.Table) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_file(out, given_table.schema) as writer:
        writer.write_table(given_table)
    return out.getvalue()


def floats(rows: Rows) -> list[Row]:
    """Numbers as pandas has them once a column lacks a value, and NaN for what is missing."""
    texts_in = {name for row in rows for name, value in row.items() if isinstance(value, (str, bool))}
    return mapped(
        rows,
        lambda name, v: float(v) if type(v) is int else math.nan if v is None and name not in texts_in else v,
    )


def texts(rows: Rows) -> list[Row]:
    return mapped(rows, lambda _, v: None if v is None else str(v))


def zoned(rows: Rows, time: str, form: str) -> list[Row]:
    """Times as dates, to the millisecond."""

    def change(name: str, value: object) -> object:
        if name != time:
            return value
        moment = datetime.fromtimestamp(0, UTC).timestamp() + int(str(value)) // 1000
        date = datetime.fromtimestamp(moment, UTC)
        return date.strftime(form).replace("MS", f"{int(str(value)) % 1000:03d}")

    return mapped(rows, change)


def with_times(rows: Rows, time: str, unit: str, zone: str | None) -> pa.Table:
    columns = as_table(rows)
    factor = {"ms": 1, "us": 1000, "ns": 1_000_000}[unit]
    values = pa.array([int(row[time]) * factor for row in rows], pa.int64()).cast(pa.timestamp(unit, zone))
    return columns.set_column(columns.schema.get_field_index(time), time, values)


def with_bytes(rows: Rows) -> pa.Table:
    return as_table(mapped(rows, lambda _, v: v.encode() if isinstance(v, str) else v))


def encoded(given_table: pa.Table) -> pa.Table:
    """Texts as the numbers of a dictionary, which is how categories are kept."""
    columns = {name: given_table[name].combine_chunks() for name in given_table.schema.names}
    return pa.table({n: c.dictionary_encode() if pa.types.is_string(c.type) else c for n, c in columns.items()})


WRITERS: dict[str, Callable[[Rows, str], bytes | str]] = {
    "NaN in JSON": lambda rows, _: as_json(floats(rows)),
    "texts in JSON": lambda rows, _: as_json(texts(rows)),
    "a column only where it has a value": lambda rows, _: as_json(
        [{n: v for n, v in r.items() if v is not None} for r in rows]
    ),
    "Python dictionaries": lambda rows, _: "\n".join(str(dict(row)) for row in rows),
    "OpenSearch": lambda rows, _: as_json([{"_index": "i", "_source": row} for row in rows]),
    "CSV": lambda rows, _: as_csv(rows),
    "CSV of pandas": lambda rows, _: as_csv(mapped(floats(rows), lambda _, v: None if v != v else v)),
    "CSV with NaN": lambda rows, _: as_csv(rows, na="NaN"),
    "CSV, all quoted": lambda rows, _: as_csv(rows, quoting=csv.QUOTE_ALL),
    "CSV with semicolons and decimal commas": lambda rows, _: as_csv(
        mapped(rows, lambda _, v: str(v).replace(".", ",") if type(v) is float else v), ";"
    ),
    "CSV with tabs": lambda rows, _: as_csv(rows, "\t"),
    "CSV with bars": lambda rows, _: as_csv(rows, "|"),
    "CSV with escaped quotes": lambda rows, _: as_escaped_csv(rows),
    "CSV with commas at the end": lambda rows, _: as_csv([{**row, "": None} for row in rows]),
    "CSV in UTF-16": lambda rows, _: as_csv(rows).encode("utf-16"),
    "CSV of Excel": lambda rows, _: as_csv(rows, ";").encode("utf-8-sig"),
    "CSV, gzip": lambda rows, _: gzip.compress(as_csv(rows).encode()),
    "ISO dates": lambda rows, time: as_json(zoned(rows, time, "%Y-%m-%dT%H:%M:%S.MSZ")),
    "dates of BigQuery": lambda rows, time: as_csv(zoned(rows, time, "%Y-%m-%d %H:%M:%S.MS UTC")),
    "dates without a zone": lambda rows, time: as_csv(zoned(rows, time, "%Y-%m-%d %H:%M:%S.MS")),
    "Parquet": lambda rows, _: as_parquet(as_table(rows)),
    "Parquet of pandas": lambda rows, _: as_parquet(as_table(floats(rows))),
    "Parquet of texts": lambda rows, _: as_parquet(as_table(texts(rows))),
    "Parquet of bytes": lambda rows, _: as_parquet(with_bytes(rows)),
    "Parquet, ms": lambda rows, time: as_parquet(with_times(rows, time, "ms", None)),
    "Parquet, us": lambda rows, time: as_parquet(with_times(rows, time, "us", "UTC")),
    "Parquet, ns": lambda rows, time: as_parquet(with_times(rows, time, "ns", "America/New_York")),
    "Arrow, ns": lambda rows, time: as_feather(with_times(rows, time, "ns", "UTC")),
    "Arrow, dictionaries": lambda rows, _: as_feather(encoded(as_table(texts(rows)))),
}


def records_of(path: Path, content: bytes | str, source: Source) -> list[list[Node | Edge]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = []
    for row in read_rows(path, source, silent):
        assert not isinstance(row.value, BadRecord), (row, content)
        found.append(list(source.parse(row.value).records))
    return found


@pytest.mark.parametrize("shape", SHAPES)
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_table_is_one_graph_in_every_format(tmp_path: Path, shape: str, data: st.DataObject) -> None:
    source, time, tables = SHAPES[shape]
    rows = data.draw(tables)
    expected = records_of(tmp_path / "table", as_json(rows), source)
    assert len(expected) == len(rows)
    for name, write in WRITERS.items():
        assert records_of(tmp_path / "table", write(rows, time), source) == expected, name
