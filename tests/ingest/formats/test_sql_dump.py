r"""Plain database dumps: escapes, quotes, names, broken rows, and memory that does not grow."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping
from pathlib import Path

import pytest

from kindred.domain.errors import RecordError
from kindred.domain.progress import silent
from kindred.ingest.bytes.lines import MAX_LINE_BYTES
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.feed import post_files
from kindred.ingest.formats.files import read_rows
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from tests.ingest.conftest import DictGraph

REAL = Path(__file__).resolve().parents[4] / "shared/data/social_feed_samples"
HEADER = r"""--
-- PostgreSQL database dump; it's plain
--
\restrict abc
SET client_encoding = 'UTF8';
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ INSERT INTO feed_data VALUES ('x;'); $$;
CREATE TABLE public.feed_data (
    user_id integer CHECK (user_id > 0) NOT NULL,
    "timestamp" timestamp without time zone DEFAULT '2020-01-01, 00',
    post_id numeric(10,2), action character varying(15), target smallint,
    CONSTRAINT x PRIMARY KEY (user_id, post_id)
);
"""


def rows_of(path: Path, table: str) -> list[tuple[int, object]]:
    """Line and values of every row; the reason instead of the values where it is bad."""
    file = next(file for file in post_files(dump=path) if file.part == table)
    rows = list(read_rows(path, file.source, silent))
    return [(row.number, row.value.reason if isinstance(row.value, BadRecord) else _known(row.value)) for row in rows]


def _known(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def dump(folder: Path, *statements: str, header: str = HEADER) -> Path:
    path = folder / "dump.sql"
    path.write_text(header + "\n".join(statements) + "\n")
    return path


def test_copy_undoes_escapes_and_skips_other_tables(tmp_path: Path) -> None:
    path = dump(
        tmp_path,
        "COPY public.post_text_df (post_id, text, topic) FROM stdin;",
        r"1	a\nb\tc \\. \\N	\N",
        "2	too few",
        "3	COPY public.user_data (user_id) FROM stdin;	sport",
        r"\.",
        'COPY "public"."user_data" (age, "user_id") FROM stdin;',
        r"\N	5",
        "old	6",
        r"\.",
        header="",
    )
    assert rows_of(path, "post_text_df") == [
        (2, {"post_id": "1", "text": "a\nb\tc \\. \\N"}),
        (3, "broken_sql"),
        (4, {"post_id": "3", "text": "COPY public.user_data (user_id) FROM stdin;", "topic": "sport"}),
    ]
    assert rows_of(path, "user_data") == [(7, {"user_id": "5"}), (8, {"age": "old", "user_id": "6"})]
    assert rows_of(path, "feed_data") == []


def test_insert_reads_quotes_casts_and_texts_of_many_lines(tmp_path: Path) -> None:
    path = dump(
        tmp_path,
        "INSERT INTO Public.Post_Text_DF VALUES (4, 'it''s",
        "(5, ''x'');",
        "INSERT INTO feed_data VALUES (1)', 'tech'), -- here; too",
        r"(5, E'l\'o\n\u00e9''', NULL::text), (6, DEFAULT, 'a;b');",
        "INSERT INTO \"post_text_df\" (topic, post_id) VALUES ('x',7) ON CONFLICT DO NOTHING;",
        "INSERT INTO feed_data VALUES",
        "(1, '2021-01-01 00:00:00'::timestamp without time zone, 4::numeric(10,2), 'view', 1);",
        header=HEADER,
    )
    first = HEADER.count("\n") + 1
    assert rows_of(path, "post_text_df") == [
        (first, {"post_id": "4", "text": "it's\n(5, 'x');\nINSERT INTO feed_data VALUES (1)", "topic": "tech"}),
        (first + 3, {"post_id": "5", "text": "l'o\né'"}),
        (first + 3, {"post_id": "6", "topic": "a;b"}),
        (first + 4, {"topic": "x", "post_id": "7"}),
    ]
    event = {"user_id": "1", "timestamp": "2021-01-01 00:00:00", "post_id": "4", "action": "view", "target": "1"}
    assert rows_of(path, "feed_data") == [(first + 6, event)]  # in the order of CREATE TABLE


@pytest.mark.parametrize(
    "broken",
    ["(2, 'it's', 'x'),", "(2, 'open, 'x'),", "(2, 'x', 'y',", "(2, 'x'),", "(2, now(), 'x'),", "(2, 'a', 'b', 'c'),"],
)
def test_a_broken_row_costs_only_itself(tmp_path: Path, broken: str) -> None:
    path = dump(
        tmp_path, "INSERT INTO post_text_df VALUES (1, 'a', 'b'),", broken, "(3, 'c', 'd');",
        "INSERT INTO post_text_df VALUES (4, 'e', 'f');", header="",
    )  # fmt: skip
    found = rows_of(path, "post_text_df")
    assert [number for number, _ in found] == [1, 2, 3, 4]
    assert [value == "broken_sql" for _, value in found] == [False, True, False, False]


def test_a_statement_that_is_cut_short_costs_only_its_row(tmp_path: Path) -> None:
    path = dump(
        tmp_path,
        "INSERT INTO user_data (user_id, age) VALUES (1, 20;",
        "INSERT INTO user_data (user_id, age) VALUES (2, 20);",
        "COPY user_data (user_id, age) FROM stdin;",
        "3\t20",
        "4",
        header="",
    )
    values = [value for _, value in rows_of(path, "user_data")]
    assert values == ["broken_sql", {"user_id": "2", "age": "20"}, {"user_id": "3", "age": "20"}, "broken_sql"]


def test_rows_beyond_the_limit_are_passed_in_bounded_memory(tmp_path: Path) -> None:
    long = "x" * (6 * MAX_LINE_BYTES)
    path = dump(
        tmp_path,
        f"INSERT INTO post_text_df VALUES (1, '{long}', 'a'), (2, 'b', 'c');",
        f"COPY post_text_df FROM stdin;\n3\t{long}\td\n4\te\tf\n\\.",
        f"INSERT INTO post_text_df VALUES (5, '{long}",  # never closed
        header="",
    )
    file = next(file for file in post_files(dump=path) if file.part == "post_text_df")
    rows = list(read_rows(path, file.source, silent))
    kinds = [row.value.reason.value if isinstance(row.value, BadRecord) else row.value["post_id"] for row in rows]
    assert kinds == ["line_too_long", "2", "line_too_long", "4", "line_too_long"]
    assert all(len(row.raw) <= MAX_LINE_BYTES and row.length < 7 * MAX_LINE_BYTES for row in rows)
    assert [row.length > MAX_LINE_BYTES for row in rows] == [True, False, True, False, True]


def test_a_table_without_rows_ends_wherever_the_window_does(tmp_path: Path) -> None:
    empty = "COPY other (id) FROM stdin;\n\\.\n"
    rows = "INSERT INTO user_data (user_id) VALUES (1);\nCOPY other (id) FROM stdin;\n1\n\\.\n"
    for shift in range(0, 40, 3):
        padding = "--" + "x" * (3 * MAX_LINE_BYTES - 3 - shift) + "\n"
        path = dump(tmp_path, empty + rows, "-- " + "y" * MAX_LINE_BYTES, header=padding)
        assert rows_of(path, "user_data") == [(4, {"user_id": "1"})], shift


def test_what_is_no_such_dump_is_explained(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    cases = {
        "INSERT INTO shop.orders VALUES (1);": r"without rows of user_data.*holds those of orders",
        "no sql at all": "it holds none at all",
        "COPY user_data FROM stdin WITH (FORMAT csv);\n1,2\n\\.": "not in the form that pg_dump writes",
        "PGDMP\x01": "PostgreSQL's own format",
    }
    for content, message in cases.items():
        with pytest.raises(RecordError, match=message) as caught:
            ingest_files(graph, post_files(dump=dump(tmp_path, content, header="")), None, options)
        assert caught.value.next_step
        assert "orders" not in content or "-table" in caught.value.next_step, "a plain dump need not be made again"
    assert not any(graph.tables.values())


def test_three_tables_of_one_dump_become_one_graph(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    path = dump(
        tmp_path,
        "INSERT INTO user_data VALUES (1, 0, 30, 'Narnia', NULL, 2, 'iOS', 'ads'), (2);",
        "COPY public.post_text_df (post_id, text, topic) FROM stdin;",
        "9\tText\tsport\n\\.",
        "INSERT INTO feed_data VALUES (1, '2021-01-01 00:00:00', 9, 'like', 0), (1, '1970-01-05', 9, 'view', 0);",
    )
    path.write_bytes(gzip.compress(path.read_bytes()))
    summary = ingest_files(graph, post_files(dump=path), None, options)
    assert [(f.file, f.lines, f.accepted, f.reasons) for f in summary.files] == [
        (f"{path} (user_data)", 2, 1, {"broken_sql": 1}),
        (f"{path} (post_text_df)", 1, 1, {}),
        (f"{path} (feed_data)", 2, 1, {"time_out_of_range": 1}),
    ]
    assert graph.tables["User"]["1"]["age"] == 30 and graph.tables["Post"]["9"]["text"] == "Text"
    assert len(graph.tables["LIKED"]) == 1 and not graph.tables["VIEWED"]


@pytest.mark.skipif(not REAL.is_dir(), reason="shared/data is missing")
@pytest.mark.parametrize("form", ["copy", "insert"])
def test_the_real_tables_say_the_same_as_a_dump(tmp_path: Path, options: IngestOptions, form: str) -> None:
    paths = {name: REAL / f"schema_sample_{name}_sample.csv" for name in ("user_data", "post_text_df", "feed_data")}
    parts = [(REAL / "create_tables.sql").read_text() + ";"]
    for name, path in paths.items():
        with path.open(newline="") as file:
            header, *rows = csv.reader(file)
        parts += _copy(name, header, rows) if form == "copy" else _insert(name, rows)
    dumped, plain = DictGraph(), DictGraph()
    summary = ingest_files(dumped, post_files(dump=dump(tmp_path, *parts, header="")), None, options)
    ingest_files(plain, post_files(paths["user_data"], paths["post_text_df"], [paths["feed_data"]]), None, options)
    assert [f.lines for f in summary.files] == [15, 12, 157]
    assert dumped.tables == plain.tables


def _copy(name: str, header: list[str], rows: list[list[str]]) -> list[str]:
    escapes = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})
    lines = ["\t".join(cell.translate(escapes) if cell else r"\N" for cell in row) for row in rows]
    columns = ", ".join(f'"{column}"' for column in header)
    return [f"COPY public.{name} ({columns}) FROM stdin;", *lines, "\\."]


def _insert(name: str, rows: list[list[str]]) -> list[str]:
    quoted = ["(" + ", ".join("'" + cell.replace("'", "''") + "'" for cell in row) + ")" for row in rows]
    return [f"INSERT INTO {name} VALUES {', '.join(quoted)};"]
