"""Tables of a real PostgreSQL, and of SQLite, into rows and into the graph."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import InternalError, ProgrammingError

from kindred.domain.errors import RecordError, SettingsError, StoreError
from kindred.graph.open import open_graph
from kindred.graph.store import QueryLimits
from kindred.ingest.feed import post_tables
from kindred.ingest.formats import sql_tables
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.formats.sql_connections import read_only
from kindred.ingest.formats.sql_tables import BATCH_ROWS, SqlTable, find_table, read_table, sql_table
from kindred.ingest.interactions import interaction_files
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.products import product_tables
from kindred.ingest.searches import search_tables
from kindred.ingest.sources import social_feed
from kindred.ingest.tables.mapping import EventColumns, TableMapping
from tests.ingest.postgres import BINARIES, PASSWORD, Postgres, new_postgres

needs_postgres = pytest.mark.skipif(not BINARIES, reason="PostgreSQL's programs are not in /usr/lib/postgresql")
NUM_VIEWS = BATCH_ROWS + 4_017
_TABLES = (
    "CREATE TABLE user_data (user_id integer PRIMARY KEY, gender smallint, age smallint, city varchar(30))",
    "INSERT INTO user_data SELECT n, n % 2, 20, 'Port ' || n FROM generate_series(1, 50) n",
    "CREATE TABLE post_text_df (post_id smallint PRIMARY KEY, text text, topic varchar(50))",
    "INSERT INTO post_text_df SELECT n, E'two\\nlines; \"quoted\" ' || n, 'sport' FROM generate_series(1, 30) n",
    'CREATE TABLE feed_data ("timestamp" timestamp, user_id integer, post_id smallint, action text, target smallint)',
    "INSERT INTO feed_data SELECT timestamp '2021-10-01 10:00:00' + n * interval '1 second', 1 + n % 50, 1 + n % 30,"
    f" 'view', (n % 7 = 0)::int FROM generate_series(1, {NUM_VIEWS}) n",
    "INSERT INTO feed_data VALUES ('2021-10-02 10:00:00', 1, 1, 'stare', 0)",
    "CREATE SCHEMA shop",
    'CREATE TABLE shop.orders (id serial PRIMARY KEY, "user" text, query text, time timestamptz, product text)',
    "INSERT INTO shop.orders (\"user\", query, time, product) VALUES ('u', 'felt boots', '2021-01-01 00:00+02', 'p')",
    "CREATE TABLE reviews (reviewerid text, asin text, overall real, unixreviewtime bigint, reviewtext text,"
    " PRIMARY KEY (reviewerid, asin))",
    "INSERT INTO reviews VALUES ('a', 'x', 5, 1000000000, 'good'), ('b', 'x', 2, 1000000001, NULL)",
    f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'",
    "GRANT USAGE ON SCHEMA shop TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA public, shop TO reader",
)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    # Not in pytest's folder: every session that begins closes that to others, and the server may run as another user.
    with TemporaryDirectory(prefix="kindred-postgres-") as folder:
        server = new_postgres(Path(folder))
        server.start()
        server.run(*_TABLES)
        yield server
        server.stop()


def _ingested(files: list[SourceFile], folder: Path) -> dict[str, int]:
    store = open_graph(f"ladybug:{folder / 'graph'}")
    summary = ingest_files(store, files, None, IngestOptions(folder / "staging", folder / "quarantine"))
    store.close()
    assert PASSWORD not in str(summary) and "s3cret" not in str(summary)
    return {file.file.split(" ")[0]: file.accepted for file in summary.files}


@needs_postgres
def test_the_tables_of_a_feed_are_loaded_with_or_without_a_key(server: Postgres, tmp_path: Path) -> None:
    accepted = _ingested(post_tables(server.url), tmp_path)
    assert accepted == {"user_data": 50, "post_text_df": 30, "feed_data": NUM_VIEWS}
    (quarantine,) = (tmp_path / "quarantine").glob("*.jsonl")
    kept = quarantine.read_text()
    assert "an action is view or like, got 'stare'" in kept and "s3cret" not in kept


@needs_postgres
def test_orders_and_reviews_too_whatever_the_case_of_columns(server: Postgres, tmp_path: Path) -> None:
    assert _ingested(search_tables(server.url, orders="shop.orders"), tmp_path / "shop") == {"shop.orders": 1}
    assert _ingested(product_tables(server.url, "reviews"), tmp_path / "reviews") == {"reviews": 2}


@needs_postgres
def test_a_restarted_server_costs_no_row_and_brings_none_twice(server: Postgres) -> None:
    table = "feed_data"  # has no key, so pages are read
    server.run("CREATE TABLE IF NOT EXISTS keyed (id bigserial PRIMARY KEY, LIKE feed_data)")
    server.run("INSERT INTO keyed SELECT nextval('keyed_id_seq'), * FROM feed_data; GRANT SELECT ON keyed TO reader")
    for table in ("feed_data", "keyed"):
        reader = SqlTable(_address(server), table, social_feed.FEED, sleep=lambda _: server.start())
        rows = reader.rows()
        found = list(islice(rows, BATCH_ROWS // 2))
        server.stop()
        found += rows
        times = [row.value["timestamp"] for row in found]  # type: ignore[call-overload]
        assert len(times) == NUM_VIEWS + 1 == len(set(times)), table
        assert [row.number for row in found] == list(range(1, NUM_VIEWS + 2))


@needs_postgres
def test_a_server_that_stays_away_is_said_without_the_password(
    server: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    waited: list[float] = []
    gone = SqlTable(_address(server).set(port=1), "user_data", social_feed.USERS, (0.5, 1.0), waited.append)
    with pytest.raises(StoreError, match="can't be read") as raised:
        list(gone.rows())
    assert waited == [0.5, 1.0] and "s3cret" not in str(raised.value)
    (told,) = caplog.messages
    assert told.startswith("table user_data can't be read") and told.endswith("tried again for up to 2 s")
    refused = SqlTable(_address(server).set(password="wrong"), "user_data", social_feed.USERS, (), waited.append)
    with pytest.raises(StoreError, match="password authentication failed"):
        list(refused.rows())


@needs_postgres
def test_nothing_can_be_written_and_what_is_not_there_is_named(server: Postgres) -> None:
    admin = _address(server).set(username="owner")
    with create_engine(admin).connect() as connection, pytest.raises(InternalError, match="read-only transaction"):
        read_only(connection).execute(text("DELETE FROM user_data"))
    with pytest.raises(RecordError, match="no table nothing"):
        list(SqlTable(_address(server), "nothing", social_feed.USERS).rows())
    with pytest.raises(RecordError, match="no column for the action"):
        list(SqlTable(_address(server), "user_data", social_feed.FEED).rows())


@needs_postgres
def test_ids_may_be_uuids_and_what_python_holds_for_no_time_is_one_bad_row(server: Postgres, tmp_path: Path) -> None:
    server.run(
        'CREATE SCHEMA "My feed"',
        'CREATE TABLE "My feed"."all.views"'
        ' (user_id uuid, post_id uuid, "timestamp" timestamptz, action text, target bool)',
        'INSERT INTO "My feed"."all.views" SELECT md5(n::text)::uuid, md5(\'p\')::uuid,'
        " CASE WHEN n = 7 THEN 'infinity' ELSE timestamptz '2021-10-01 10:00+02' END, 'view', true"
        " FROM generate_series(1, 40) n",
        'CREATE VIEW "My feed".shown AS SELECT * FROM "My feed"."all.views"',
        'GRANT USAGE ON SCHEMA "My feed" TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA "My feed" TO reader',
    )
    for table in ('"My feed"."all.views"', "My feed.shown"):
        file = sql_table(server.url, table, social_feed.FEED)
        store = open_graph(f"ladybug:{tmp_path / table.strip(chr(34))[-5:]}")
        summary = ingest_files(store, [file], None, IngestOptions(tmp_path / "staging", tmp_path / "quarantine"))
        assert (summary.accepted, summary.quarantined) == (39, 1), table
        users = store.query("MATCH (u:User)-[v:VIEWED]->(:Post) RETURN u.id AS id, v.at AS at", {}, QueryLimits())
        assert "c4ca4238-a0b9-2382-0dcc-509a6f75849b" in users["id"].to_pylist()
        assert set(users["at"].to_pylist()) == {1633075200}
        store.close()


@needs_postgres
def test_a_table_of_any_columns_gives_events_also_from_within_json(server: Postgres, tmp_path: Path) -> None:
    server.run(
        'CREATE TABLE "Visits" ("visitorId" uuid, seen jsonb, stars numeric(3, 1), "when" timestamptz)',
        "INSERT INTO \"Visits\" SELECT md5(n::text)::uuid, jsonb_build_object('sku', 'p' || n % 3), n % 5 + 0.5,"
        " timestamptz '2021-10-01 10:00+02' FROM generate_series(1, 40) n",
        'GRANT SELECT ON "Visits" TO reader',
    )
    known = TableMapping(events=EventColumns(user="visitorId", item="seen.sku", rating="stars", at="when"))
    tables = interaction_files(known, find_table(server.url, '"Visits"'))
    assert _ingested(tables.files, tmp_path) == {'"Visits"': 40}
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        query = "MATCH (:User)-[e:INTERACTED]->(i:Item) RETURN i.id AS item, e.rating AS rating, e.at AS at"
        found = store.query(query, {}, QueryLimits())
    assert {*found["item"].to_pylist()} == {"p0", "p1", "p2"} and {*found["at"].to_pylist()} == {1633075200}
    assert sorted({*found["rating"].to_pylist()}) == [0.5, 1.5, 2.5, 3.5, 4.5]


def test_sqlite_is_read_by_its_key(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE users (user_id INTEGER, part INTEGER, age INTEGER, PRIMARY KEY (user_id, part))")
        rows = [(number // 3, number % 3, number) for number in range(BATCH_ROWS + 5)]
        database.executemany("INSERT INTO users VALUES (?, ?, ?)", reversed(rows))
    found = read_table(find_table(f"sqlite:///{path}", "users"), social_feed.USERS)
    assert [row.value["age"] for row in found] == [age for _, _, age in rows]  # type: ignore[call-overload]
    with pytest.raises(RecordError, match="no table user_data; it has users") as raised:
        list(read_table(find_table(f"sqlite:///{path}", "user_data"), social_feed.USERS))
    assert "-table" in str(raised.value.next_step)


def test_an_address_that_is_none_or_has_no_driver_is_said() -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        sql_table("not an address", "users", social_feed.USERS)
    with pytest.raises(SettingsError, match="can't be read") as raised:
        sql_table("postgresql://shop:p@ss:w/ord@127.0.0.1/shop", "users", social_feed.USERS)
    assert raised.value.__suppress_context__ and "w/ord" not in str(raised.value)
    table = find_table("oracle://scott:tiger@nowhere/x", "users")
    assert "tiger" not in f"{table} {table!r}"
    with pytest.raises(SettingsError, match=r"no driver for oracle.*package that SQLAlchemy"):
        list(read_table(table, social_feed.USERS))


def test_a_short_password_is_hidden_where_it_is_a_word_and_no_other_word_is_torn() -> None:
    table = SqlTable(make_url("postgresql+psycopg://shop:r@127.0.0.1/shop"), "users", social_feed.USERS)
    refused = table._refused(ProgrammingError("", {}, Exception("permission denied for table users, with 'r'")), "")
    assert "permission denied for table users, with '***'" in refused.message


def _address(server: Postgres) -> URL:
    return make_url(server.url).set(drivername="postgresql+psycopg")


@needs_postgres
def test_a_server_that_is_gone_without_a_word_is_given_up_soon(server: Postgres) -> None:
    engine = SqlTable(_address(server), "user_data", social_feed.USERS)._engine()
    with engine.connect() as connection:
        given = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    assert given["tcp_user_timeout"] == "60000" and int(given["keepalives_idle"]) <= 60


def test_a_file_of_sqlite_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "shop.db"
    with pytest.raises(RecordError, match="no such file"):
        list(SqlTable(make_url(f"sqlite:///{missing}"), "t", social_feed.USERS).rows())
    assert not missing.exists()


def test_a_database_that_takes_long_is_told_of_while_it_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = SqlTable(make_url(f"sqlite:///{tmp_path / 'shop.db'}"), "feed", social_feed.FEED)
    (tmp_path / "shop.db").touch()
    monkeypatch.setattr(sql_tables, "LATE_SECONDS", 0.01)
    told, heard = threading.Event(), []
    monkeypatch.setattr(sql_tables._LOG, "error", lambda said: (heard.append(said), told.set()))
    assert table._tried(table._engine(), lambda _: told.wait(60))
    assert heard == ["table feed: no answer for 0.01 s, still waiting; Ctrl-C ends it"]
