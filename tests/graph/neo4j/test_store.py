"""What Neo4j adds to the contract (test_contract.py): its server, its limits, its words for errors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from kindred.domain.errors import SchemaError, SettingsError, StoreError
from kindred.domain.properties import Boolean, EncodedText, Float, Integer, Strings, Timestamp
from kindred.domain.records import Edge, Event, Node
from kindred.domain.schema import derive_schema, graph_schema
from kindred.graph.neo4j import statements as neo4j_statements
from kindred.graph.neo4j import store as neo4j_store_module
from kindred.graph.neo4j import upsert as neo4j_upsert
from kindred.graph.neo4j.store import Neo4jStore
from kindred.graph.server import GraphServer
from kindred.graph.store import QueryLimits, UpsertCount
from tests.conftest import open_neo4j
from tests.neo4j_server.server import Neo4jServer, free_port

USER, PRODUCT = graph_schema().node("User"), graph_schema().node("Product")
REVIEWED = graph_schema().edge(("User", "REVIEWED", "Product"))
NASTY = [
    "'}) DETACH DELETE n //",
    "`tick`",
    '"quoted"',
    "back\\slash",
    "שלום עולם",
    "👩‍👩‍👧 e\u0301",
    "$c.id[i]",
    "a\u2028b",
]


class Place(Node):
    """A node with a property of every kind."""

    label = "Place"

    note: EncodedText | None = None
    level: Integer | None = None
    width: Float | None = None
    open: Boolean | None = None
    since: Timestamp | None = None
    words: Strings | None = None


class Thing(Node):
    """A second label, so that one edge type can join two pairs."""

    label: ClassVar[str] = "Thing"


class PlaceSeen(Event):
    """A type shared by two pairs of labels."""

    edge_type = "SEEN"
    source = Place
    target = Place


class ThingSeen(Edge):
    """The same type between other labels."""

    edge_type = "SEEN"
    source = Place
    target = Thing


def vectors(*rows: list[float] | None) -> pa.Array:
    length = len(next(row for row in rows if row is not None))
    flat = np.array([row or [0.0] * length for row in rows], np.float16).ravel()
    missing = pa.array([row is None for row in rows])
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), length, mask=missing)


def reviews(event_ids: list[str], users: list[str], at: int = 1_500_000_000) -> pa.Table:
    size = len(event_ids)
    return pa.table(
        {
            "event_id": event_ids,
            "source_id": users,
            "target_id": ["p"] * size,
            "at": [at] * size,
            "rating": [4.0] * size,
            "text": pa.array(event_ids, pa.large_string()),
        }
    )


def people(store: Neo4jStore, ids: list[str]) -> None:
    store.upsert_nodes(USER, pa.table({"id": ids}))
    store.upsert_nodes(PRODUCT, pa.table({"id": ["p"]}))


def rows(batches: Iterator[pa.RecordBatch]) -> list[dict[str, object]]:
    return sorted((row for batch in batches for row in batch.to_pylist()), key=lambda row: str(row))


def test_names_that_look_like_cypher_survive_a_round_trip(neo4j_store: Neo4jStore) -> None:
    people(neo4j_store, NASTY)
    neo4j_store.upsert_edges(REVIEWED, reviews(NASTY, NASTY))
    found = rows(neo4j_store.read_edges(REVIEWED, ["event_id", "source_id", "text"]))
    assert found == sorted(({"event_id": n, "source_id": n, "text": n} for n in NASTY), key=str)
    assert neo4j_store.neighbourhood(USER, NASTY[0])[0].properties["text"] == NASTY[0]
    assert neo4j_store.delete_nodes(USER, NASTY) == len(NASTY)


def test_every_kind_of_property_comes_back_as_it_was(neo4j_store: Neo4jStore) -> None:
    schema = derive_schema([Place])
    neo4j_store.create_schema(schema)
    given = pa.table(
        {
            "id": ["full", "bare", "blank"],
            "note": pa.array(["a\r\nb\t", None, ""], pa.large_string()),
            "level": [-(2**63), None, 0],
            "width": [1e-300, None, 0.1],
            "open": [True, None, False],
            "since": [1_500_000_000, None, 631_152_000],
            "words": pa.array([["x", "", "ö"], None, []], pa.list_(pa.string())),
            "note_embedding": vectors([0.5, -65504.0], None, [0.0, 1e-7]),
        }
    )
    neo4j_store.upsert_nodes(schema.nodes[0], given)
    assert rows(neo4j_store.read_nodes(schema.nodes[0])) == sorted(
        given.select([p.name for p in schema.nodes[0].properties]).to_pylist(), key=str
    )
    assert neo4j_store.upsert_nodes(schema.nodes[0], given) == UpsertCount(0, 0, 3)


def test_a_type_shared_by_pairs_of_labels_keeps_their_keys_apart(neo4j_store: Neo4jStore) -> None:
    schema = derive_schema([Place, Thing, PlaceSeen, ThingSeen])
    neo4j_store.create_schema(schema)
    places, things = schema.nodes
    to_place, to_thing = schema.edges
    neo4j_store.upsert_nodes(places, pa.table({"id": ["a", "b"]}))
    neo4j_store.upsert_nodes(things, pa.table({"id": ["a"]}))
    keys = {"event_id": ["e"], "source_id": ["a"]}
    neo4j_store.upsert_edges(to_place, pa.table(keys | {"target_id": ["b"], "at": [1_500_000_000]}))
    assert neo4j_store.upsert_edges(to_thing, pa.table(keys | {"target_id": ["a"]})) == UpsertCount(1, 0, 0)
    assert (neo4j_store.count(to_place), neo4j_store.count(to_thing)) == (1, 1)
    assert neo4j_store.delete_edges(to_thing, ["e"]) == 1
    assert rows(neo4j_store.read_edges(to_place, ["target_id"])) == [{"target_id": "b"}]


def test_pages_and_statements_of_any_size_hold_every_row_once(
    neo4j_store: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_upsert, "STATEMENT_ROWS", 3)
    monkeypatch.setattr(neo4j_store_module, "HEAVY_PAGE_ROWS", 4)
    monkeypatch.setattr(neo4j_store_module, "LIGHT_PAGE_ROWS", 5)
    ids = [f"u{i}" for i in range(20)]
    people(neo4j_store, ids)
    assert neo4j_store.upsert_edges(REVIEWED, reviews(ids, ids)) == UpsertCount(20, 0, 0)
    assert neo4j_store.upsert_edges(REVIEWED, reviews([*ids[5:], "new"], [*ids[5:], "u0"])) == UpsertCount(1, 0, 15)
    assert [len(batch) for batch in neo4j_store.read_nodes(USER)] == [5, 5, 5, 5]
    assert [len(batch) for batch in neo4j_store.read_edges(REVIEWED)] == [4, 4, 4, 4, 4, 1]


def test_of_what_has_no_rows_no_page_is_planned(neo4j_store: Neo4jStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> str:
        raise AssertionError("planning a page of each type takes most of the first reading of a small graph")

    with monkeypatch.context() as patched:
        patched.setattr(neo4j_statements, "page", refused)
        assert [*neo4j_store.read_nodes(USER), *neo4j_store.read_edges(REVIEWED, until=9)] == []
    neo4j_store.upsert_nodes(USER, pa.table({"id": ["ann"]}))
    assert [row["id"] for batch in neo4j_store.read_nodes(USER) for row in batch.to_pylist()] == ["ann"]


def test_a_batch_refused_in_its_last_statement_wrote_nothing(
    neo4j_store: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_upsert, "STATEMENT_ROWS", 2)
    people(neo4j_store, ["u"])
    batch = reviews(["1", "2", "3", "4", "5"], ["u"] * 4 + ["nobody"])
    for transaction_bytes in (neo4j_upsert.TRANSACTION_BYTES, 1):  # in one transaction, and in many
        monkeypatch.setattr(neo4j_upsert, "TRANSACTION_BYTES", transaction_bytes)
        with pytest.raises(SchemaError, match=r"1 REVIEWED edges .* not there, e\.g\. User 'nobody'"):
            neo4j_store.upsert_edges(REVIEWED, batch)
        assert neo4j_store.count(REVIEWED) == 0
    assert neo4j_store.upsert_edges(REVIEWED, batch.slice(0, 4)) == UpsertCount(4, 0, 0)


def test_a_known_row_among_many_that_seem_new_is_found(
    neo4j_store: Neo4jStore, neo4j_server: Neo4jServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_upsert, "PROBED_ROWS", 2)  # the first and the last of a batch
    keys = [f"{i}" for i in range(9)]
    people(neo4j_store, ["u", "4"])
    assert neo4j_store.upsert_nodes(USER, pa.table({"id": keys})) == UpsertCount(8, 0, 1)
    neo4j_store.upsert_edges(REVIEWED, reviews(["4", "5"], ["u", "u"]))
    later = reviews(keys, ["u"] * 9, at=1_500_000_001)
    assert neo4j_store.upsert_edges(REVIEWED, later) == UpsertCount(7, 2, 0)
    with closing(open_neo4j(neo4j_server)) as other:  # which knows of no constraint, having made none
        assert other.upsert_edges(REVIEWED, later) == UpsertCount(0, 0, 9)
    assert neo4j_store.count(REVIEWED) == 9


def test_keys_of_a_type_without_constraint_are_always_looked_up(
    neo4j_store: Neo4jStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_upsert, "PROBED_ROWS", 2)
    schema = derive_schema([Place, Thing, PlaceSeen, ThingSeen])
    neo4j_store.create_schema(schema)
    neo4j_store.upsert_nodes(schema.nodes[0], pa.table({"id": ["a"]}))
    neo4j_store.upsert_nodes(schema.nodes[1], pa.table({"id": ["t"]}))
    seen = schema.edge(("Place", "SEEN", "Thing"))
    neo4j_store.upsert_edges(seen, pa.table({"event_id": ["2"], "source_id": ["a"], "target_id": ["t"]}))
    batch = pa.table({"event_id": ["0", "1", "2", "3", "4"], "source_id": ["a"] * 5, "target_id": ["t"] * 5})
    assert neo4j_store.upsert_edges(seen, batch) == UpsertCount(4, 0, 1)
    assert neo4j_store.count(seen) == 5


def test_keys_are_sought_though_the_index_was_empty_when_it_was_counted(neo4j_store: Neo4jStore) -> None:
    schema = derive_schema([Place, Thing, PlaceSeen, ThingSeen])
    neo4j_store.create_schema(schema)
    edge = schema.edge(("Place", "SEEN", "Place"))
    neo4j_store.upsert_nodes(schema.nodes[0], pa.table({"id": ["a"]}))
    keys = [f"{i}" for i in range(500)]
    ends = {"source_id": ["a"] * 500, "target_id": ["a"] * 500}
    neo4j_store.upsert_edges(edge, pa.table({"event_id": keys, **ends, "at": range(500)}))
    columns = [prop.name for prop in edge.properties]
    statements = [
        neo4j_statements.known_rows(edge),
        neo4j_statements.differing_edges(edge, columns),
        neo4j_statements.rows_by_key(edge, columns),
        neo4j_statements.delete_rows(edge),
        neo4j_statements.create_edges(edge, columns),
        neo4j_statements.page(edge, columns, until=True),
        neo4j_statements.update_nodes(PRODUCT, ["id", "title"]),
    ]
    parameters = {"c": {}, "sources": [], "targets": [], "after": "", "until": 0, "size": 1}
    with neo4j_store._connection.session() as session:
        for statement in statements:
            plan = str(session.run(f"EXPLAIN {statement}", parameters).consume().plan)
            assert "IndexSeek" in plan and "IndexScan" not in plan and "ByTypeScan" not in plan, statement


def test_an_edge_may_move_to_other_end_points(neo4j_store: Neo4jStore) -> None:
    people(neo4j_store, ["u", "v"])
    neo4j_store.upsert_edges(REVIEWED, reviews(["e"], ["u"]))
    assert neo4j_store.upsert_edges(REVIEWED, reviews(["e"], ["v"], at=1_500_000_001)) == UpsertCount(0, 1, 0)
    assert rows(neo4j_store.read_edges(REVIEWED, ["source_id"])) == [{"source_id": "v"}]
    with pytest.raises(SchemaError, match="nobody"):  # though the row that is there would stay
        neo4j_store.upsert_edges(REVIEWED, reviews(["e"], ["nobody"], at=1_400_000_000))


def test_vectors_of_another_length_are_refused(neo4j_store: Neo4jStore) -> None:
    people(neo4j_store, ["u"])
    batch = reviews(["e"], ["u"])
    neo4j_store.upsert_edges(REVIEWED, batch.append_column("text_embedding", vectors([1.0, 0.0])))
    with pytest.raises(SchemaError, match="holds vectors of length 2, got 3"):
        neo4j_store.upsert_edges(REVIEWED, batch.append_column("text_embedding", vectors([1.0, 0.0, 0.0])))


def test_metadata_is_no_part_of_the_graph(neo4j_store: Neo4jStore) -> None:
    neo4j_store.write_metadata("encoder", "one")
    neo4j_store.write_metadata("encoder", 'two "🎲"')
    assert neo4j_store.read_metadata() == {"encoder": 'two "🎲"'}
    assert all(neo4j_store.count(table) == 0 for table in (*graph_schema().nodes, *graph_schema().edges))


@pytest.mark.parametrize(
    "cypher",
    [
        "CREATE (n)",
        "MATCH (n) CALL (n) { SET n.x = 1 } RETURN n",
        "MATCH (n) FOREACH (x IN [1] | SET n.x = x)",
        "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
        "CALL db.labels() YIELD label RETURN label",
        "CALL dbms.listConfig()",
        "SHOW SETTINGS",
        "TERMINATE TRANSACTIONS 'neo4j-transaction-1'",
        "ALTER USER neo4j SET PASSWORD 'other-password'",
        "RETURN 1; MATCH (n) DETACH DELETE n",
        "PROFILE CREATE (n)",
        "EXPLAIN CREATE (n)",
        "CYPHER runtime=slotted CREATE (n) RETURN n",
        "UNWIND [1] AS x CALL (x) { CREATE (n) } IN TRANSACTIONS OF 1 ROWS",
        "not cypher at all",
        "",
    ],
)
def test_the_server_itself_refuses_what_does_more_than_read(
    neo4j_store: Neo4jStore, monkeypatch: pytest.MonkeyPatch, cypher: str
) -> None:
    monkeypatch.setattr("kindred.graph.neo4j.query.check_read_only", lambda text: None)  # the first gate stands open
    people(neo4j_store, ["u"])
    with pytest.raises(SchemaError) as refused:
        neo4j_store.query(cypher, {}, QueryLimits())
    assert "\n" not in str(refused.value)
    assert (neo4j_store.count(USER), neo4j_store.count(PRODUCT)) == (1, 1)


def test_a_query_is_bounded_in_rows_and_seconds(neo4j_store: Neo4jStore) -> None:
    endless = "UNWIND range(1, 2000000000) AS x WITH x WHERE x % 7 = 8 RETURN count(x) AS n"
    with pytest.raises(SchemaError, match=r"took longer than 0.2 s"):
        neo4j_store.query(endless, {}, QueryLimits(seconds=0.2))
    counted = neo4j_store.query("UNWIND range(1, 2000000000) AS x RETURN x", {}, QueryLimits(rows=7))
    assert counted["x"].to_pylist() == [1, 2, 3, 4, 5, 6, 7]


def test_what_a_query_answers_is_a_table_of_plain_values(neo4j_store: Neo4jStore) -> None:
    people(neo4j_store, ["u"])
    batch = reviews(["e"], ["u"]).append_column("text_embedding", vectors([1.0, 0.0]))
    neo4j_store.upsert_edges(REVIEWED, batch)
    cypher = (
        "MATCH path = (u:User)-[r]->(p) RETURN u, r, path, {of: p.id} AS map, date('2020-02-29') AS day, "
        "[1, 2] AS list, r.text_embedding AS vector, $given AS given, null AS nothing, r.at AS at"
    )
    answer = neo4j_store.query(cypher, {"given": "g"}, QueryLimits()).to_pylist()[0]
    review = '{"label": "REVIEWED", "at": 1500000000, "event_id": "e", "rating": 4.0, "text": "e"}'
    assert answer == {
        "u": '{"label": "User", "id": "u"}',
        "r": review,
        "path": f'{{"nodes": [{{"label": "User", "id": "u"}}, {{"label": "Product", "id": "p"}}], '
        f'"relationships": [{review}]}}',
        "map": '{"of": "p"}',
        "day": "2020-02-29",
        "list": [1, 2],
        "vector": "<4 bytes>",
        "given": "g",
        "nothing": None,
        "at": 1_500_000_000,
    }
    mixed = neo4j_store.query("UNWIND [1, 'a', null] AS x RETURN x", {}, QueryLimits())
    assert mixed["x"].to_pylist() == ["1", "a", None]
    assert neo4j_store.query("MATCH (n:Nowhere) RETURN n.x AS x", {}, QueryLimits()).column_names == ["x"]


def test_a_wrong_password_is_one_clear_line_without_it(neo4j_server: Neo4jServer) -> None:
    with pytest.raises(StoreError) as refused:
        Neo4jStore(neo4j_server.url, GraphServer("neo4j", "hunter2hunter2", "neo4j"))
    assert refused.value.exit_code == 4
    assert f"{neo4j_server.url} refused user 'neo4j'" in str(refused.value)
    assert "hunter2" not in str(refused.value) + repr(refused.value)


def test_a_wrong_database_is_named(neo4j_server: Neo4jServer) -> None:
    with pytest.raises(StoreError, match="no database 'elsewhere'"):
        Neo4jStore(neo4j_server.url, GraphServer("neo4j", neo4j_server.password, "elsewhere"))


@pytest.mark.parametrize("wrong", ["port", "password"])
def test_a_command_that_reaches_no_graph_ends_with_one_line(neo4j_server: Neo4jServer, wrong: str) -> None:
    url = f"neo4j://127.0.0.1:{free_port()}" if wrong == "port" else neo4j_server.url
    done = subprocess.run(
        [sys.executable, "cli.py", "graph", "stats"],
        env=os.environ | {"KINDRED_GRAPH_URL": url, "KINDRED_GRAPH_PASSWORD": "hunter2hunter2"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    said = {"port": "no answer from the graph server", "password": "refused user 'neo4j'"}
    assert (done.returncode, done.stdout) == (4, "")
    (line,) = done.stderr.splitlines()  # the driver says nothing of its own
    assert line.startswith("error: ") and said[wrong] in line and url in line and "hunter2" not in line


@pytest.mark.parametrize(
    "url", ["neo4j://", "neo4j:", "http://host:7474", "neo4j://host:port", "neo4j://u:secret@host"]
)
def test_a_url_that_names_no_server_is_a_setting_to_correct(url: str) -> None:
    with pytest.raises(SettingsError, match="graph URL") as refused:
        Neo4jStore(url, GraphServer("neo4j", "x", "neo4j"))
    assert "secret" not in str(refused.value)


def test_two_stores_at_once_see_what_the_other_acknowledged(neo4j_store: Neo4jStore, neo4j_server: Neo4jServer) -> None:
    other = Neo4jStore(neo4j_server.url, GraphServer("neo4j", neo4j_server.password, "neo4j"))
    with closing(other):
        people(neo4j_store, ["u"])
        assert other.upsert_nodes(USER, pa.table({"id": ["u", "v"]})) == UpsertCount(1, 0, 1)
    assert neo4j_store.count(USER) == 2
