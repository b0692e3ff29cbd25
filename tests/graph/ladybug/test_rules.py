"""The rules of `GraphStore` on the embedded engine, as a user of the store would meet them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from kindred.domain.errors import KindredError, SchemaError
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore, QueryLimits, UpsertCount

SCHEMA = graph_schema()
USER, PRODUCT = SCHEMA.node("User"), SCHEMA.node("Product")
REVIEWED = SCHEMA.edge(("User", "REVIEWED", "Product"))
AWKWARD = ["plain", "it's", 'quo"te', "back`tick", "'}) DETACH DELETE n //", "שלום", "🎸 e\u0301", "a\\b", "$x"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GraphStore]:
    opened = open_graph(f"ladybug:{tmp_path / 'graph'}")
    opened.create_schema(SCHEMA)
    yield opened
    opened.close()


def vectors(*numbers: float) -> pa.FixedSizeListArray:
    flat = np.repeat(np.array(numbers, np.float16), 4)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), 4)


def reviews(*rows: tuple[str, str, str, int, float, str]) -> pa.Table:
    keys, users, products, times, ratings, texts = zip(*rows, strict=True)
    return pa.table(
        {
            "event_id": keys,
            "source_id": users,
            "target_id": products,
            "at": times,
            "rating": ratings,
            "text": pa.array(texts, pa.large_string()),
            "text_embedding": vectors(*(rating / 8 for rating in ratings)),
        }
    )


def fill(store: GraphStore) -> None:
    store.upsert_nodes(USER, pa.table({"id": ["u1", "u2"]}))
    store.upsert_nodes(PRODUCT, pa.table({"id": ["p1", "p2"], "title": ["One", None]}))
    store.upsert_edges(REVIEWED, reviews(("e1", "u1", "p1", 100, 5.0, "good"), ("e2", "u2", "p2", 200, 1.0, "")))


def read(store: GraphStore, until: int | None = None) -> dict[str, dict[str, object]]:
    return {row["event_id"]: row for batch in store.read_edges(REVIEWED, until=until) for row in batch.to_pylist()}


def test_what_is_written_comes_back_with_its_text_and_vector(store: GraphStore) -> None:
    fill(store)
    found = read(store)["e1"]
    assert (found["source_id"], found["target_id"], found["at"], found["rating"], found["text"]) == (
        ("u1", "p1", 100, 5.0, "good")
    )
    assert found["text_embedding"] == [5 / 8] * 4


def test_a_replay_changes_nothing(store: GraphStore) -> None:
    fill(store)
    before = graph_statistics(store, SCHEMA)
    again = reviews(("e1", "u1", "p1", 100, 5.0, "good"), ("e2", "u2", "p2", 200, 1.0, ""))
    assert store.upsert_edges(REVIEWED, again) == UpsertCount(0, 0, 2)
    assert store.upsert_nodes(USER, pa.table({"id": ["u1", "u3"]})) == UpsertCount(1, 0, 1)
    store.delete_nodes(USER, ["u3"])
    assert graph_statistics(store, SCHEMA) == before


@pytest.mark.parametrize(("at", "text", "stays"), [(150, "newer", "newer"), (50, "older", "good")])
def test_of_two_versions_of_an_event_the_later_stays(store: GraphStore, at: int, text: str, stays: str) -> None:
    fill(store)
    store.upsert_edges(REVIEWED, reviews(("e1", "u1", "p1", at, 4.0, text)))
    assert read(store)["e1"]["text"] == stays and store.count(REVIEWED) == 2


def test_null_does_not_overwrite_what_is_known(store: GraphStore) -> None:
    fill(store)
    assert store.upsert_nodes(PRODUCT, pa.table({"id": ["p1", "p2"], "title": [None, "Two"]})) == UpsertCount(0, 1, 1)
    titles = {row["id"]: row["title"] for batch in store.read_nodes(PRODUCT) for row in batch.to_pylist()}
    assert titles == {"p1": "One", "p2": "Two"}


def test_edges_without_their_ends_are_refused_as_a_whole(store: GraphStore) -> None:
    fill(store)
    with pytest.raises(SchemaError, match="REVIEWED"):
        store.upsert_edges(REVIEWED, reviews(("e3", "u1", "p2", 1, 3.0, ""), ("e4", "u1", "nowhere", 1, 3.0, "")))
    assert store.count(REVIEWED) == 2


def test_as_of_a_moment_only_earlier_events_are_there(store: GraphStore) -> None:
    fill(store)
    assert set(read(store, until=150)) == {"e1"} and set(read(store, until=99)) == set()


def test_a_deleted_user_takes_reviews_along(store: GraphStore) -> None:
    fill(store)
    assert store.delete_nodes(USER, ["u1", "nobody"]) == 1
    assert set(read(store)) == {"e2"} and store.delete_edges(REVIEWED, ["e2", "e9"]) == 1 and store.count(REVIEWED) == 0


def test_awkward_names_survive_the_round_trip_and_stay_inside_their_query(store: GraphStore) -> None:
    store.upsert_nodes(USER, pa.table({"id": AWKWARD}))
    found = [row["id"] for batch in store.read_nodes(USER) for row in batch.to_pylist()]
    assert sorted(found) == sorted(AWKWARD)
    for name in AWKWARD:
        answer = store.query("MATCH (u:User) WHERE u.id = $id RETURN u.id AS id", {"id": name}, QueryLimits())
        assert answer.to_pylist() == [{"id": name}]


def test_half_of_a_surrogate_pair_is_no_text_and_no_damage(store: GraphStore) -> None:
    with pytest.raises(SchemaError, match="surrogate pair"):
        store.query("MATCH (u:User) WHERE u.id = $id RETURN u.id AS id", {"id": "u\udcff"}, QueryLimits())
    with pytest.raises(SchemaError, match="surrogate pair"):
        store.neighbourhood(USER, "u\udcff")


def test_neighbours_are_seen_from_both_ends_newest_first(store: GraphStore) -> None:
    fill(store)
    store.upsert_edges(REVIEWED, reviews(("e3", "u1", "p2", 300, 3.0, "later")))
    found = store.neighbourhood(USER, "u1")
    assert [(n.node_id, n.outgoing, n.properties["text"]) for n in found] == [
        ("p2", True, "later"),
        ("p1", True, "good"),
    ]
    assert {n.node_id for n in store.neighbourhood(PRODUCT, "p2")} == {"u1", "u2"}


HOSTILE = [
    "CREATE (:User {id: 'x'})",
    "MATCH (u:User) DETACH DELETE u",
    "MATCH (u:User) SET u.id = 'x' RETURN u.id AS id",
    "match (u:User) dElEtE u",
    "MERGE (:User {id: 'x'})",
    "MATCH (u:User) /* harmless */ DELETE u",
    "MATCH (u:User) RETURN u.id AS id; MATCH (u:User) DETACH DELETE u",
    "DROP TABLE User",
    "COPY User FROM '/etc/passwd'",
    "LOAD FROM '/etc/passwd' RETURN *",
    "CALL show_tables() RETURN *",
    "INSTALL httpfs",
    "ATTACH 'x' AS y (dbtype sqlite)",
    "EXPORT DATABASE '/tmp/x'",
    "ALTER TABLE User ADD x INT64",
    "BEGIN TRANSACTION",
    "COMMIT",
    "CHECKPOINT",
    "MATCH (u:User) REMOVE u.id",
    "FOREACH (x IN [1] | CREATE (:User {id: 'x'}))",
]


@pytest.mark.parametrize("cypher", HOSTILE)
def test_a_query_that_would_write_is_refused(store: GraphStore, cypher: str) -> None:
    fill(store)
    before = graph_statistics(store, SCHEMA)
    with pytest.raises(KindredError):
        store.query(cypher, {}, QueryLimits())
    assert graph_statistics(store, SCHEMA) == before


def test_words_that_write_are_fine_inside_strings(store: GraphStore) -> None:
    fill(store)
    answer = store.query("MATCH (p:Product) WHERE p.title <> 'DELETE; CREATE' RETURN count(p) AS n", {}, QueryLimits())
    assert answer.to_pylist() == [{"n": 1}]


def test_rows_are_bounded(store: GraphStore) -> None:
    store.upsert_nodes(USER, pa.table({"id": [f"u{n}" for n in range(50)]}))
    assert store.query("MATCH (u:User) RETURN u.id AS id", {}, QueryLimits(rows=7)).num_rows == 7


def test_a_second_process_is_told_that_the_graph_is_open(store: GraphStore) -> None:
    code = (
        "from kindred.domain.errors import StoreError\nfrom kindred.graph.open import open_graph\n"
        f"try:\n    open_graph({store.url!r})\nexcept StoreError as error:\n    print(error.exit_code)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "4"


def test_closed_and_opened_again_it_is_the_same_graph(tmp_path: Path) -> None:
    url = f"ladybug:{tmp_path / 'graph'}"
    first = open_graph(url)
    first.create_schema(SCHEMA)
    fill(first)
    first.write_metadata("encoder", "x")
    before = graph_statistics(first, SCHEMA)
    first.close()
    second = open_graph(url)
    second.create_schema(SCHEMA)
    assert graph_statistics(second, SCHEMA) == before and second.read_metadata() == {"encoder": "x"}
    assert before.nodes["User"] == 2 and (before.earliest, before.latest) == (100, 200)
    second.close()


def test_the_content_hash_ignores_order_and_sees_every_change(store: GraphStore, tmp_path: Path) -> None:
    fill(store)
    other = open_graph(f"ladybug:{tmp_path / 'other'}")
    other.create_schema(SCHEMA)
    other.upsert_nodes(PRODUCT, pa.table({"id": ["p2", "p1"], "title": [None, "One"]}))
    other.upsert_nodes(USER, pa.table({"id": ["u2", "u1"]}))
    other.upsert_edges(REVIEWED, reviews(("e2", "u2", "p2", 200, 1.0, "")))
    other.upsert_edges(REVIEWED, reviews(("e1", "u1", "p1", 100, 5.0, "good")))
    first, second = graph_statistics(store, SCHEMA), graph_statistics(other, SCHEMA)
    assert first.content_hash == second.content_hash
    other.upsert_nodes(PRODUCT, pa.table({"id": ["p1"], "title": ["Won"]}))
    assert graph_statistics(other, SCHEMA).content_hash != first.content_hash
    other.close()
