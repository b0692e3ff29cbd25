"""The rules of `GraphStore`, on every engine."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from kindred.domain.errors import SchemaError
from kindred.domain.properties import EncodedText, Integer, String
from kindred.domain.records import Edge, Node
from kindred.domain.schema import arrow_schema, derive_schema
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore, QueryLimits, UpsertCount
from tests.graph.graphs import (
    BOOK,
    CITES,
    LIKED,
    LIKED_FILM,
    NASTY,
    READER,
    SCHEMA,
    Book,
    Cites,
    Film,
    LikedBook,
    LikedFilm,
    Reader,
    edges_of,
    like,
    make_library,
    nodes_of,
    table_of,
)


def test_a_node_keeps_what_a_new_row_leaves_null(graph_store: GraphStore) -> None:
    make_library(graph_store, books=())
    first = [{"id": "b1", "title": "Dune", "shelf": "A", "pages": 3, "title_embedding": [1, 0, 0]}, {"id": "b2"}]
    assert graph_store.upsert_nodes(BOOK, table_of(BOOK, first)) == UpsertCount(2, 0, 0)
    second = [
        {"id": "b1", "shelf": "B", "pages": None},
        {"id": "b2", "shelf": None, "pages": None},
        {"id": "b3", "shelf": "C", "pages": 7},
    ]
    assert graph_store.upsert_nodes(BOOK, table_of(BOOK, second)) == UpsertCount(1, 1, 1)
    books = nodes_of(graph_store, BOOK, ["title", "shelf", "pages", "title_embedding"])
    assert books["b1"] == {"id": "b1", "title": "Dune", "shelf": "B", "pages": 3, "title_embedding": [1, 0, 0]}
    assert books["b2"] == {"id": "b2", "title": None, "shelf": None, "pages": None, "title_embedding": None}
    assert books["b3"]["pages"] == 7


def test_an_empty_text_is_a_value_and_not_unknown(graph_store: GraphStore) -> None:
    make_library(graph_store)
    graph_store.upsert_nodes(BOOK, table_of(BOOK, [{"id": "b1", "title": "T", "shelf": "S", "words": ["a"]}]))
    graph_store.upsert_nodes(BOOK, table_of(BOOK, [{"id": "b1", "title": "", "shelf": "", "words": []}]))
    found = nodes_of(graph_store, BOOK, ["title", "shelf", "words", "blurb"])["b1"]
    assert found == {"id": "b1", "title": "", "shelf": "", "words": [], "blurb": None}


def test_replayed_and_shuffled_edges_change_nothing(graph_store: GraphStore) -> None:
    make_library(graph_store)
    rows = [like(f"e{i}", f"r{i % 2 + 1}", f"b{i % 2 + 1}", text=f"text {i}", note="n") for i in range(20)]
    assert graph_store.upsert_edges(LIKED, table_of(LIKED, rows)) == UpsertCount(20, 0, 0)
    before = graph_statistics(graph_store, SCHEMA)
    random.Random(1).shuffle(rows)
    assert graph_store.upsert_edges(LIKED, table_of(LIKED, rows[:11])) == UpsertCount(0, 0, 11)
    assert graph_store.upsert_edges(LIKED, table_of(LIKED, rows[8:])) == UpsertCount(0, 0, 12)
    assert graph_statistics(graph_store, SCHEMA) == before
    assert before.edges["Reader-LIKED-Book"] == 20 and before.earliest == before.latest == 1_000_000_000


@pytest.mark.parametrize(
    ("low", "high"),
    [
        pytest.param({"at": 5, "note": "z", "text": "z"}, {"at": 6, "note": "a", "text": "a"}, id="later"),
        pytest.param({"at": None, "note": "z"}, {"at": 5, "note": "a"}, id="known time"),
        pytest.param({"note": "a", "text": "z"}, {"note": "b", "text": "a"}, id="greater content"),
        pytest.param({"loud": None}, {"loud": False}, id="null is least"),
        pytest.param({"rating": 3.0}, {"rating": 3.5}, id="number"),
        pytest.param({"tags": ["a", "b"]}, {"tags": ["a", "c"]}, id="list"),
        pytest.param({"text": "a", "text_embedding": None}, {"text": "a", "text_embedding": [1, 2, 3]}, id="vector"),
    ],
)
def test_of_two_rows_about_one_event_the_same_stays_in_either_order(
    graph_store: GraphStore, low: dict[str, object], high: dict[str, object]
) -> None:
    make_library(graph_store)
    columns = arrow_schema(LIKED, 3).names  # the same in every case: a server plans a statement for each set of them
    for first, second, expected in ((low, high, (0, 1, 0)), (high, low, (0, 0, 1))):
        graph_store.delete_edges(LIKED, ["e"])
        graph_store.upsert_edges(LIKED, table_of(LIKED, [like("e", **first)], columns))
        count = graph_store.upsert_edges(LIKED, table_of(LIKED, [like("e", **second)], columns))
        assert count == UpsertCount(*expected)
        found = edges_of(graph_store, LIKED)["e"]
        assert {name: found[name] for name in high} == high


def test_an_event_may_move_to_other_nodes(graph_store: GraphStore) -> None:
    make_library(graph_store)
    graph_store.upsert_edges(LIKED, table_of(LIKED, [like("e", "r1", "b1", at=5, text="first")]))
    moved = table_of(LIKED, [like("e", "r2", "b2", at=6, text="second")])
    assert graph_store.upsert_edges(LIKED, moved) == UpsertCount(0, 1, 0)
    found = edges_of(graph_store, LIKED)
    assert len(found) == graph_store.count(LIKED) == 1
    assert found["e"]["source_id"] == "r2" and found["e"]["text"] == "second"
    assert graph_store.neighbourhood(READER, "r1") == []


def test_two_events_between_the_same_nodes_stay_two(graph_store: GraphStore) -> None:
    make_library(graph_store)
    graph_store.upsert_edges(LIKED, table_of(LIKED, [like("e1"), like("e2")]))
    assert set(edges_of(graph_store, LIKED)) == {"e1", "e2"}


def test_a_type_shared_by_pairs_of_labels_keeps_their_keys_and_properties_apart(graph_store: GraphStore) -> None:
    make_library(graph_store)
    film = {"event_id": "e", "source_id": "r1", "target_id": "f1", "at": 9, "seats": 2}
    assert graph_store.upsert_edges(LIKED, table_of(LIKED, [like("e", note="book")])) == UpsertCount(1, 0, 0)
    assert graph_store.upsert_edges(LIKED_FILM, table_of(LIKED_FILM, [film])) == UpsertCount(1, 0, 0)
    assert graph_store.count(LIKED) == graph_store.count(LIKED_FILM) == 1
    assert edges_of(graph_store, LIKED_FILM)["e"] == film
    assert graph_store.delete_edges(LIKED, ["e"]) == 1
    assert set(edges_of(graph_store, LIKED_FILM)) == {"e"} and edges_of(graph_store, LIKED) == {}


@pytest.mark.parametrize("missing", [{"reader": "nobody"}, {"book": "nothing"}])
def test_edges_without_their_nodes_are_refused_as_a_whole(graph_store: GraphStore, missing: dict[str, str]) -> None:
    make_library(graph_store)
    graph_store.upsert_edges(LIKED, table_of(LIKED, [like("old", at=5)]))
    before = graph_statistics(graph_store, SCHEMA)
    rows = [like("old", at=9), like("new"), like("bad", **missing)]
    with pytest.raises(SchemaError, match=next(iter(missing.values()))):
        graph_store.upsert_edges(LIKED, table_of(LIKED, rows))
    assert graph_statistics(graph_store, SCHEMA) == before


BAD_ROWS: dict[str, Callable[[], pa.Table]] = {
    "unknown column": lambda: table_of(LIKED, [like("e")]).append_column("colour", pa.array(["red"])),
    "missing column": lambda: table_of(LIKED, [like("e")]).drop_columns(["rating"]),
    "null where required": lambda: table_of(LIKED, [like("e", rating=None)]),
    "another type": lambda: table_of(LIKED, [like("e")]).set_column(3, "at", pa.array(["noon"])),
    "the same key twice": lambda: table_of(LIKED, [like("e"), like("e", at=7)]),
    "a vector that is not finite": lambda: table_of(LIKED, [like("e", text_embedding=[1, float("nan"), 0])]),
    "a list that is no vector": lambda: table_of(LIKED, [like("e")]).append_column(
        "text_embedding", pa.array([[1.0, 2.0]])
    ),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_rows_that_do_not_fit_are_refused(graph_store: GraphStore, kind: str) -> None:
    make_library(graph_store)
    with pytest.raises(SchemaError):
        graph_store.upsert_edges(LIKED, BAD_ROWS[kind]())
    assert graph_store.count(LIKED) == 0


def test_vectors_are_absent_until_written_and_of_one_length_ever_after(graph_store: GraphStore) -> None:
    make_library(graph_store)
    graph_store.upsert_edges(LIKED, table_of(LIKED, [like("e1", text="a")]))
    assert "text_embedding" not in edges_of(graph_store, LIKED)["e1"]
    assert "text_embedding" not in edges_of(graph_store, LIKED, ["text", "text_embedding"])["e1"]
    vector = [0.333251953125, -65504.0, 6e-8]
    graph_store.upsert_edges(LIKED, table_of(LIKED, [like("e2", text="b", text_embedding=vector)]))
    found = edges_of(graph_store, LIKED)
    assert found["e1"]["text_embedding"] is None
    assert found["e2"]["text_embedding"] == [float(np.float16(value)) for value in vector]
    two = pa.FixedSizeListArray.from_arrays(pa.array(np.ones(2, np.float16)), 2)
    with pytest.raises(SchemaError, match="length 3, got 2"):
        graph_store.upsert_edges(LIKED, table_of(LIKED, [like("e3")]).append_column("text_embedding", two))
    assert graph_store.count(LIKED) == 2


def test_every_kind_of_property_comes_back_as_it_was(graph_store: GraphStore) -> None:
    make_library(graph_store, books=())
    books = [
        {
            "id": "full",
            "title": "Straße\n\ttwo lines",
            "blurb": "x" * 100_000,
            "shelf": "",
            "pages": 2**63 - 1,
            "weight": 0.1,
            "lent": False,
            "printed": 1_700_000_000,
            "words": ["", "b", "a", "a"],
            "title_embedding": [0.5, -0.5, 0],
        },
        {"id": "edge", "pages": -(2**63), "weight": 1e-310, "lent": True, "words": [], "title": ""},
        {"id": "none"},
    ]
    graph_store.upsert_nodes(BOOK, table_of(BOOK, books))
    empty = dict.fromkeys((prop.name for prop in BOOK.properties), None)
    assert nodes_of(graph_store, BOOK) == {book["id"]: empty | book for book in books}
    (batch,) = graph_store.read_nodes(BOOK, ["weight", "title_embedding", "id"])
    assert batch.schema.names == ["weight", "title_embedding", "id"]
    assert [str(kind) for kind in batch.schema.types] == ["double", "fixed_size_list<item: halffloat>[3]", "string"]
    with pytest.raises(SchemaError, match="colour"):
        list(graph_store.read_nodes(BOOK, ["colour"]))


def test_names_that_look_like_cypher_survive_a_round_trip(graph_store: GraphStore) -> None:
    make_library(graph_store, readers=NASTY, books=NASTY)
    graph_store.upsert_nodes(BOOK, table_of(BOOK, [{"id": n, "title": n, "shelf": n, "words": [n]} for n in NASTY]))
    likes = [like(n, n, n, note=n, text=n, tags=[n, n]) for n in NASTY]
    assert graph_store.upsert_edges(LIKED, table_of(LIKED, likes)).inserted == len(NASTY)
    assert set(nodes_of(graph_store, READER)) == set(NASTY)
    for name, row in edges_of(graph_store, LIKED).items():
        assert {row[c] for c in ("source_id", "target_id", "note", "text")} == {name} and row["tags"] == [name, name]
    assert all(row["title"] == row["shelf"] == name for name, row in nodes_of(graph_store, BOOK).items())
    for name in NASTY:
        assert [n.node_id for n in graph_store.neighbourhood(READER, name)] == [name]
    assert graph_store.delete_edges(LIKED, NASTY[:3]) == 3
    assert graph_store.delete_nodes(READER, NASTY) == len(NASTY)


def test_reading_until_a_moment_leaves_out_what_came_after(graph_store: GraphStore) -> None:
    make_library(graph_store)
    graph_store.upsert_edges(LIKED, table_of(LIKED, [like(f"e{at}", at=at, text=str(at)) for at in (1, 2, 3)]))
    graph_store.upsert_edges(CITES, table_of(CITES, [{"event_id": "c", "source_id": "b1", "target_id": "b2"}]))
    assert set(edges_of(graph_store, LIKED, until=2)) == {"e1", "e2"}
    assert edges_of(graph_store, LIKED, ["text"], until=1) == {"e1": {"event_id": "e1", "text": "1"}}
    assert edges_of(graph_store, LIKED, until=0) == {}
    assert set(edges_of(graph_store, CITES, until=0)) == {"c"}


def test_an_event_of_unknown_time_is_in_the_graph_as_of_any_time_and_older_than_all_others(
    graph_store: GraphStore,
) -> None:
    make_library(graph_store)
    likes = [like("known", at=3), like("unknown", at=None)]
    assert graph_store.upsert_edges(LIKED, table_of(LIKED, likes)) == UpsertCount(2, 0, 0)
    assert edges_of(graph_store, LIKED, ["at"], until=2) == {"unknown": {"event_id": "unknown", "at": None}}
    assert set(edges_of(graph_store, LIKED, until=3)) == {"known", "unknown"}
    assert [n.properties["at"] for n in graph_store.neighbourhood(READER, "r1")] == [3, None]
    without_times = table_of(LIKED, likes).drop_columns(["at"])
    assert graph_store.upsert_edges(LIKED, without_times) == UpsertCount(0, 0, 2)
    statistics = graph_statistics(graph_store, SCHEMA)
    assert statistics.earliest == statistics.latest == 3


def test_deleting(graph_store: GraphStore) -> None:
    make_library(graph_store)
    likes = [like("e1", "r1", "b1"), like("e2", "r1", "b2"), like("e3", "r2", "b1", text="kept")]
    graph_store.upsert_edges(LIKED, table_of(LIKED, likes))
    graph_store.upsert_edges(CITES, table_of(CITES, [{"event_id": "c", "source_id": "b2", "target_id": "b1"}]))
    assert graph_store.delete_edges(LIKED, ["e2", "e2", "never"]) == 1
    assert graph_store.delete_edges(LIKED, []) == 0
    assert graph_store.delete_nodes(READER, ["r1", "r1", "nobody"]) == 1
    assert edges_of(graph_store, LIKED, ["text"]) == {"e3": {"event_id": "e3", "text": "kept"}}
    assert graph_store.count(READER) == 1 and graph_store.count(CITES) == 1
    assert graph_store.upsert_edges(LIKED, table_of(LIKED, [like("e2", "r2", "b2")])) == UpsertCount(1, 0, 0)
    assert graph_store.delete_nodes(BOOK, ["b1", "b2"]) == 2
    assert graph_store.count(LIKED) == graph_store.count(CITES) == 0


def test_a_neighbourhood_is_newest_first_within_a_type_and_direction(graph_store: GraphStore) -> None:
    make_library(graph_store)
    likes = [like(f"e{at}", f"r{at % 2 + 1}", "b1", at=at, text=f"t{at}", note="n") for at in range(1, 6)]
    graph_store.upsert_edges(LIKED, table_of(LIKED, likes))
    cites = [("c1", "b1", "b2"), ("c2", "b2", "b1"), ("c3", "b1", "b1")]
    graph_store.upsert_edges(
        CITES, table_of(CITES, [dict(zip(("event_id", "source_id", "target_id"), c, strict=True)) for c in cites])
    )
    assert sorted(graph_store.target_ids(CITES, "b1")) == ["b1", "b2"]
    assert graph_store.target_ids(LIKED, "r1") == ["b1"] * 2 and graph_store.target_ids(LIKED, "nobody") == []
    found = graph_store.neighbourhood(BOOK, "b1", limit=3)
    liked = [n for n in found if n.edge.type == "LIKED"]
    assert [n.properties["at"] for n in liked] == [5, 4, 3]
    assert {(n.outgoing, n.node_label) for n in liked} == {(False, "Reader")}
    assert liked[0].node_id == "r2" and liked[0].properties["text"] == "t5"
    assert set(liked[0].properties) == {"at", "rating", "note", "loud", "times", "tags", "text"}
    cited = sorted((n.outgoing, n.node_id) for n in found if n.edge.type == "CITES")
    assert cited == [(False, "b1"), (False, "b2"), (True, "b1"), (True, "b2")]
    assert graph_store.neighbourhood(BOOK, "no such book") == []


def test_a_query_reads_within_its_bounds(graph_store: GraphStore) -> None:
    make_library(graph_store, readers=[f"r{i}" for i in range(30)])
    graph_store.upsert_edges(LIKED, table_of(LIKED, [like("e", at=5, note="it's")]))
    cypher = "MATCH (u:Reader)-[r:LIKED]->(b:Book) WHERE r.note = $note RETURN u.id AS reader, r.at AS at, b.id AS book"
    answer = graph_store.query(cypher, {"note": "it's"}, QueryLimits())
    assert answer.to_pylist() == [{"reader": "r1", "at": 5, "book": "b1"}]
    readers = graph_store.query("MATCH (u:Reader) RETURN u.id AS id", {}, QueryLimits(rows=7))
    assert readers.num_rows == 7
    assert graph_store.query("MATCH (u:Reader) WHERE u.id = 'none' RETURN u.id AS id", {}, QueryLimits()).num_rows == 0


@pytest.mark.parametrize(
    "cypher",
    ["MATCH (u:Reader) DETACH DELETE u", "CREATE (:Reader {id: 'x'})", "MATCH (u:Nobody) RETURN u.", "RETURN $unknown"],
)
def test_a_query_that_writes_or_fails_changes_nothing(graph_store: GraphStore, cypher: str) -> None:
    make_library(graph_store)
    with pytest.raises(SchemaError):
        graph_store.query(cypher, {}, QueryLimits())
    assert graph_store.count(READER) == 2
    assert graph_store.query("RETURN 1 AS one", {}, QueryLimits()).to_pylist() == [{"one": 1}]


def test_metadata_is_kept_and_is_no_part_of_the_graph(graph_store: GraphStore) -> None:
    make_library(graph_store)
    before = graph_statistics(graph_store, SCHEMA)
    graph_store.write_metadata("encoder", "MiniLM \"é'")
    graph_store.write_metadata("other", "")
    graph_store.write_metadata("encoder", "another")
    assert graph_store.read_metadata() == {"encoder": "another", "other": ""}
    assert graph_statistics(graph_store, SCHEMA) == before


class BookWithColour(Node):
    """Book, as a later version declares it."""

    label = "Book"

    colour: String | None = None
    review: EncodedText | None = None


class Shop(Node):
    """A label that a later version adds."""

    label = "Shop"


class LikedShop(Edge):
    """A third pair of labels for a type that is there."""

    edge_type = "LIKED"
    source = Reader
    target = Shop

    visits: Integer | None = None


def test_a_schema_may_grow_under_a_graph_that_holds_data(graph_store: GraphStore) -> None:
    make_library(graph_store)
    graph_store.upsert_edges(LIKED, table_of(LIKED, [like("e", text="old")]))
    hash_before = graph_statistics(graph_store, SCHEMA).content_hash
    grown = derive_schema([Reader, Book, Film, LikedBook, LikedFilm, Cites, Shop, LikedShop])
    graph_store.create_schema(grown)
    graph_store.create_schema(grown)
    assert graph_statistics(graph_store, grown).content_hash == hash_before
    shop, liked_shop = grown.node("Shop"), grown.edge(("Reader", "LIKED", "Shop"))
    graph_store.upsert_nodes(shop, table_of(shop, [{"id": "s"}]))
    row = {"event_id": "e", "source_id": "r1", "target_id": "s", "visits": 3}
    assert graph_store.upsert_edges(liked_shop, table_of(liked_shop, [row])) == UpsertCount(1, 0, 0)
    coloured = derive_schema([Reader, BookWithColour])
    graph_store.create_schema(coloured)
    book = coloured.node("Book")
    assert nodes_of(graph_store, book)["b1"] == {"id": "b1", "colour": None, "review": None}
    new = [{"id": "b1", "colour": "red", "review": "fine", "review_embedding": [1, 2, 3]}]
    assert graph_store.upsert_nodes(book, table_of(book, new)) == UpsertCount(0, 1, 0)
    assert nodes_of(graph_store, book)["b1"] == new[0]
    assert edges_of(graph_store, LIKED)["e"]["text"] == "old" and edges_of(graph_store, liked_shop)["e"]["visits"] == 3
