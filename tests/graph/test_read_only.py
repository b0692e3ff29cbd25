from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kindred.domain.errors import KindredError, SchemaError
from kindred.domain.schema import graph_schema
from kindred.graph.cypher import check_parameters, check_read_only
from kindred.graph.ladybug.engine import Engine
from kindred.graph.ladybug.seal import SEAL
from kindred.graph.neo4j import query as neo4j_query
from kindred.graph.open import open_graph
from kindred.graph.statistics import GraphStatistics, graph_statistics
from kindred.graph.store import GraphStore, QueryLimits
from tests.graph.crowd import IDS, build_crowd
from tests.graph.graphs import BOOK, LIKED, SCHEMA, edges_of, like, make_library, nodes_of, table_of
from tests.graph.hostile_queries import HOSTILE, LEGITIMATE, NEO4J_READS, TOO_MUCH

MISCOUNTED = [
    "MATCH (r:Reader)-[l:LIKED]->(b:Book) RETURN b.id AS id, count(DISTINCT r.id) AS readers, count(l.event_id) AS n",
    "MATCH (r:Reader)-[l:LIKED]->(b:Book) WITH b, collect(DISTINCT r.id) AS r, avg(l.rating) AS a RETURN a",
    "MATCH (r:Reader)-[l:LIKED]->(b:Book) RETURN b.id AS id, 1.0 * count(distinct r.id) / sum(l.times) AS x",
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphStore]:
    with closing(open_graph(f"ladybug:{tmp_path_factory.mktemp('read_only') / 'graph'}")) as store:
        make_library(store)
        store.upsert_edges(LIKED, table_of(LIKED, [like("e", note="delete me")]))
        yield store


@pytest.fixture(scope="module")
def before(library: GraphStore) -> GraphStatistics:
    return graph_statistics(library, SCHEMA)


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    assert len(set(HOSTILE)) >= 200 and len(set(LEGITIMATE)) >= 40


@pytest.mark.parametrize("cypher", HOSTILE, ids=lambda cypher: ascii(cypher)[:60])
def test_whatever_may_do_more_than_read_is_refused_before_an_engine_sees_it(cypher: str) -> None:
    with pytest.raises(SchemaError) as caught:
        check_read_only(cypher)
    assert caught.value.next_step


@pytest.mark.parametrize("cypher", LEGITIMATE, ids=lambda cypher: ascii(cypher)[:60])
def test_reading_passes_whatever_words_it_mentions(library: GraphStore, before: GraphStatistics, cypher: str) -> None:
    parameters = {name: "r1" for name in ("id", "set") if f"${name}" in cypher}
    assert library.query(cypher, parameters, QueryLimits()).num_columns > 0
    assert graph_statistics(library, SCHEMA) == before


@pytest.mark.parametrize("cypher", MISCOUNTED)
def test_what_the_embedded_engine_would_miscount_is_refused(library: GraphStore, cypher: str) -> None:
    with pytest.raises(SchemaError, match="DISTINCT last"):
        library.query(cypher, {}, QueryLimits())


def test_a_circle_is_refused_by_the_embedded_engine_and_answered_where_ids_are_compared(tmp_path: Path) -> None:
    # With parallel edges, which the crowd has, the engine loses rows of a plan with an intersection, or crashes.
    path = "MATCH (u:User)-[r:REVIEWED]->(p:Product)<-[b:BOUGHT]-(v:User)-[f:FRIEND_OF]->"
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        build_crowd(store, seed=3)
        with pytest.raises(SchemaError, match=r"compare ids"):
            store.query(f"{path}(u) RETURN r.event_id AS r", {}, QueryLimits())
        answer = store.query(f"{path}(w:User) WHERE w.id = u.id RETURN count(r.event_id) AS n", {}, QueryLimits())
        reviewed = ends_of(store, "User", "REVIEWED", "Product")
        bought = Counter(ends_of(store, "User", "BOUGHT", "Product"))
        friends = Counter(ends_of(store, "User", "FRIEND_OF", "User"))
        num_circles = sum(bought[v, p] * friends[v, u] for u, p in reviewed for v in IDS["User"])
    assert answer.to_pylist() == [{"n": num_circles}] and num_circles > 0


def ends_of(store: GraphStore, *triple: str) -> list[tuple[object, object]]:
    found = edges_of(store, graph_schema().edge(triple), ["source_id", "target_id"])
    return [(row["source_id"], row["target_id"]) for row in found.values()]


ENGINE_MUST_REFUSE = [
    "CREATE (:Reader {id: 'x'})",
    "MERGE (:Reader {id: 'x'})",
    "MATCH (b:Book) SET b.shelf = 'x'",
    "MATCH (n:Reader) DETACH DELETE n",
    "MATCH (a:Reader)-[r:LIKED]->(b:Book) DELETE r",
    "DROP TABLE LIKED",
    "ALTER TABLE Book DROP shelf",
    "CREATE NODE TABLE x (id STRING PRIMARY KEY)",
    "CREATE MACRO f(x) AS x + 1",
    "EXPLAIN CREATE (:Reader {id: 'x'})",
    "INSTALL httpfs",
]


@pytest.mark.parametrize("cypher", ENGINE_MUST_REFUSE)
def test_the_engine_refuses_to_write_even_if_the_words_were_not_checked(tmp_path: Path, cypher: str) -> None:
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        make_library(store)
        store.upsert_edges(LIKED, table_of(LIKED, [like("e")]))
        before = graph_statistics(store, SCHEMA)
    with closing(Engine(tmp_path / "graph" / "graph.lbug", read_only=False)) as engine:
        with pytest.raises(SchemaError):
            engine.answer(cypher, {}, QueryLimits())
        assert engine.answer("MATCH (r:Reader) RETURN count(r.id) AS n", {}, QueryLimits()) == (["n"], [[2]])
    (tmp_path / "graph" / SEAL).unlink()  # it knows the file as the store left it, not as the bare engine did
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        assert graph_statistics(store, SCHEMA) == before


def test_neo4j_refuses_or_changes_nothing_even_if_the_words_were_not_checked(
    empty_neo4j: GraphStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_library(empty_neo4j)
    empty_neo4j.upsert_edges(LIKED, table_of(LIKED, [like("e")]))
    before = graph_statistics(empty_neo4j, SCHEMA)
    counts = "MATCH (n) RETURN count(n) AS nodes, COUNT { MATCH ()-->() } AS edges"
    (counted,) = empty_neo4j.query(counts, {}, QueryLimits()).to_pylist()
    monkeypatch.setattr(neo4j_query, "check_read_only", lambda cypher: None)
    answered = []
    for cypher in dict.fromkeys(HOSTILE):
        # Thousands of open brackets stop the server's answers for minutes, and a lone surrogate can't be sent.
        if cypher in TOO_MUCH or "\ud800" in cypher:
            continue
        try:
            empty_neo4j.query(cypher, {"a": "x", "key": "id"}, QueryLimits(seconds=2))
            answered.append(cypher)
        except KindredError:
            continue
    assert sorted(answered) == sorted(NEO4J_READS)
    assert graph_statistics(empty_neo4j, SCHEMA) == before
    assert empty_neo4j.query(counts, {}, QueryLimits()).to_pylist() == [counted]


def test_a_query_ends_when_its_time_is_over_and_the_store_goes_on(library: GraphStore) -> None:
    endless = (
        "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b WITH a + b AS c WHERE c < 0 RETURN count(c) AS n"
    )
    with pytest.raises(SchemaError, match=r"longer than 0\.2 s"):
        library.query(endless, {}, QueryLimits(seconds=0.2))
    assert library.query("RETURN 1 AS x", {}, QueryLimits(seconds=0.2)).to_pylist() == [{"x": 1}]


def test_cypher_sees_the_start_of_a_node_s_text_and_nothing_of_an_edge_s(tmp_path: Path) -> None:
    long = "ü" * 300_000
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        make_library(store)
        store.upsert_nodes(
            BOOK, table_of(BOOK, [{"id": "b1", "title": "Dune", "blurb": long}, {"id": "b3", "title": ""}])
        )
        store.upsert_nodes(BOOK, table_of(BOOK, [{"id": "b3", "title": "Emma"}]))
        found = store.query("MATCH (b:Book) RETURN b.title AS t, b.blurb AS b ORDER BY b.id", {}, QueryLimits())
        assert found.to_pylist() == [{"t": "Dune", "b": long[:1000]}, {"t": None, "b": None}, {"t": "Emma", "b": None}]
        assert nodes_of(store, BOOK, ["blurb"])["b1"]["blurb"] == long
        with pytest.raises(SchemaError, match="text"):
            store.query("MATCH (r:Reader)-[l:LIKED]->(b:Book) RETURN l.text AS t", {}, QueryLimits())


def test_answers_are_plain_values(library: GraphStore) -> None:
    cypher = "MATCH (r:Reader {id: 'r1'})-[l:LIKED]->(b:Book) RETURN r, l, [1, 2] AS xs, null AS nothing, {a: 1} AS m"
    (row,) = library.query(cypher, {}, QueryLimits()).to_pylist()
    assert row["r"] == '{"label": "Reader", "id": "r1"}'
    assert '"note": "delete me"' in row["l"] and "_row" not in row["l"]
    assert row["xs"] == [1, 2] and row["nothing"] is None and row["m"] == '{"a": 1}'
    mixed = library.query("UNWIND ['a', 'b'] AS x RETURN x UNION ALL RETURN 'c' AS x", {}, QueryLimits(rows=2))
    assert mixed.num_rows == 2


def test_a_parameter_without_a_value_is_named() -> None:
    check_parameters("RETURN $a + '$c' + $`b` AS x", {"a": 1, "b": 2})
    with pytest.raises(SchemaError, match=r"\$reader"):
        check_parameters("MATCH (r:Reader {id: $reader}) RETURN r", {"user": 1})
