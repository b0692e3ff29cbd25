"""Tables of a database with columns of their own are understood as files of the same rows are."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.records import Interacted
from kindred.graph.open import open_graph
from kindred.graph.store import QueryLimits
from kindred.ingest.bytes.addresses import TableAddress
from kindred.ingest.formats.sql_tables import find_table
from kindred.ingest.interactions import interaction_files
from kindred.ingest.tables.mapping import EventColumns, Layout, TableMapping
from tests.ingest.tables.test_interactions import events_of

app = whole_tree()

LOANS = [
    ("loan", "reader", "book", "stars", "day"),
    *((n, f"r{n % 7}", n % 5, 1 + n % 5, "2020-03-01") for n in range(40)),
]
BOOKS = [("nr", "title", "genre"), *((n, f"Book {n}", ("crime", "poetry")[n % 2]) for n in range(5))]
LINES = [("order_id", "sku"), (1, "a"), (1, "b"), (2, "a")]
ORDERS = [("order_id", "customer_id", "ordered_at"), (1, "u1", "2020-03-01 10:00:00"), (2, "u2", "2020-03-02 10:00:00")]
TABLES = {"loans": LOANS, "books": BOOKS, "lines": LINES, "orders": ORDERS}
COLUMNS = ("--user", "reader", "--item", "book", "--rating", "stars", "--at", "day")


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database and files, both of the same tables."""
    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("shop.db") as database:
        for name, (header, *rows) in TABLES.items():
            database.execute(f"CREATE TABLE {name} ({', '.join(header)})")
            database.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(header))})", rows)
            with Path(f"{name}.csv").open("w", newline="") as file:
                csv.writer(file).writerows([header, *rows])
        database.execute("CREATE TABLE visits (who TEXT, seen TEXT)")
        database.execute("""INSERT INTO visits VALUES ('u1', '["a", "b"]'), ('u2', '["a"]')""")
    return f"sqlite:///{tmp_path / 'shop.db'}"


def loaded(name: str, *arguments: str) -> tuple[list[object], str]:
    """What is in the graph, and what the command told."""
    done = CliRunner().invoke(app, ["--data-dir", name, "ingest", "interactions", *arguments, "--json"])
    assert done.exit_code == 0, f"{done.output} {done.exception}"
    values = "u.id AS user, i.id AS item, i.title AS title, e.event_id AS key, e.rating AS rating, e.at AS at"
    with closing(open_graph(f"ladybug:{Path(name) / 'graph'}")) as store:
        query = f"MATCH (u:User)-[e:INTERACTED]->(i:Item) RETURN {values} ORDER BY key"
        return store.query(query, {}, QueryLimits()).to_pylist(), done.stderr


@pytest.mark.parametrize(
    ("files", "tables", "columns"),
    [
        (("loans.csv",), ("--table", "loans"), COLUMNS),
        (
            ("loans.csv", "--item-table", "books.csv"),
            ("--table", "loans", "--item-table", "books"),
            (*COLUMNS, "--item-id", "nr"),
        ),
        (("lines.csv", "--order-table", "orders.csv"), ("--table", "lines", "--order-table", "orders"), ()),
    ],
)
def test_a_database_gives_the_graph_that_files_of_its_tables_give(
    url: str, files: Sequence[str], tables: Sequence[str], columns: Sequence[str]
) -> None:
    of_files, _ = loaded("files", *files, *columns)
    of_tables, told = loaded("tables", "--sql", url, *tables, *columns)
    assert of_tables == of_files and len(of_files) >= 3
    assert "events: user = " in told


def test_columns_of_a_table_are_guessed_and_a_mapping_is_saved_as_of_a_file(url: str) -> None:
    command = ("ingest", "interactions", "--sql", url, "--table", "orders", "--item", "order_id")
    done = CliRunner().invoke(app, [*command, "--dry-run", "--save-mapping", "m.toml"])
    assert done.exit_code == 0 and "customer_id" in done.stdout and "orders (" in done.output, done.output
    assert 'user = "customer_id"' in Path("m.toml").read_text()


def test_lists_in_a_cell_are_events_of_their_own(url: str) -> None:
    known = TableMapping(events=EventColumns(user="who", item="seen"), file=Layout(unfold="seen"))
    tables = interaction_files(known, find_table(url, "visits"))
    found = [(event.source_id, event.target_id) for event in events_of(tables) if isinstance(event, Interacted)]
    assert found == [("u1", "a"), ("u1", "b"), ("u2", "a")]


def test_what_a_database_can_t_give_is_said(url: str) -> None:
    with pytest.raises(RecordError, match="no table nothing"):
        interaction_files(TableMapping(), find_table(url, "nothing"))
    with pytest.raises(RecordError, match="has no column 'lender'"):
        interaction_files(TableMapping(events=EventColumns(user="lender", item="book")), find_table(url, "loans"))
    with pytest.raises(SettingsError, match="no separator"):
        interaction_files(TableMapping(file=Layout(separator=";")), find_table(url, "loans"))
    assert str(TableAddress("postgresql://a:secret@h/d", "t", "h/d")) == "t (h/d)"


@pytest.mark.parametrize(
    "arguments",
    [("--sql", "sqlite://"), ("--table", "loans"), ("loans.csv", "--sql", "sqlite://", "--table", "loans"), ()],
)
def test_a_table_and_its_database_are_named_together(url: str, arguments: Sequence[str]) -> None:
    done = CliRunner().invoke(app, ["ingest", "interactions", *arguments])
    assert isinstance(done.exception, SettingsError) and done.exception.next_step, done.output
