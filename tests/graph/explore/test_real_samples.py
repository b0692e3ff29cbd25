"""Every ready-made question answers on the data of its own domain, and the answer is what the rows themselves say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kindred.domain.schema import graph_schema
from kindred.graph.explore.question_files import question_of, read_questions
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore, QueryLimits
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.ingest.loading.summary import IngestSummary
from kindred.ingest.products import product_files
from tests.conftest import clear_graph, open_neo4j
from tests.graph.real_samples import REAL, SAMPLES, ingest
from tests.graph.same_graph import assert_same_graph, assert_same_model
from tests.neo4j_server.server import Neo4jServer

Row = dict[str, Any]

# Which sample answers which question, and what it is asked; a node of the sample is picked where none is named.
ASKED: dict[str, dict[str, dict[str, object]]] = {
    "reviews": {
        "reviewed_both": {}, "reviewed_together": {}, "taste_neighbours": {}, "neighbours_liked": {},
        "user_timeline": {}, "users_in_common": {}, "why_recommended": {}, "product_by_month": {},
        "polarised_products": {},
        "user_bursts": {}, "hard_to_please": {}, "reviews_per_user": {}, "reviews_per_product": {},
        "ratings_by_month": {}, "repeated_summaries": {}, "product_bursts": {"least_reviews": 2},
    },
    "generated": {
        "taste_by_year": {}, "bridging_users": {}, "brand_regulars": {}, "brands_returned_to": {}, "categories": {},
        "cold_products": {"most_reviews": 1000},
    },
    "searches": {
        "bought_together": {}, "searches_to_product": {}, "search_results": {}, "searches_before_purchase": {},
        "searches_to_nothing": {}, "users_in_several_domains": {}, "cold_products": {},
    },
    "lastfm": {
        "most_played": {}, "friends_with_taste": {}, "friends_tracks": {}, "artist_tags": {}, "similar_artists": {},
        "tags_together": {}, "user_timeline": {},
    },
    "feed": {
        "also_liked_posts": {}, "user_topics": {}, "viewed_in_vain": {"least_views": 1}, "like_rate_by_topic": {},
    },
    "clicks": {"viewed_in_vain": {"least_views": 1}, "user_timeline": {}},
}  # fmt: skip
# A node is the one that most of these edges are at.
EDGES = {
    "reviews": [("User", "REVIEWED", "Product")],
    "generated": [("User", "REVIEWED", "Product"), ("Product", "MADE_BY", "Brand")],
    "searches": [("Query", "LED_TO", "Product"), ("User", "ADDED_TO_CART", "Product")],
    "lastfm": [("User", "LISTENED", "Artist"), ("Artist", "TAGGED", "Tag")],
    "feed": [("User", "LIKED", "Post")],
    "clicks": [("User", "VIEWED", "Post")],
}
# What the samples hold nothing about; the toy graph of `test_questions.py` has an answer to each.
NOWHERE = {
    "same_titles": "no two products of a sample have one title",
    "misleading_searches": "no sample leads from a query to a product that is judged for it",
    "genres_by_year": "no sample knows the genres of tracks",
    "posts_across_topics": "the feed sample names the topics of twelve posts",
    "repeated_posts": "the feed sample has the texts of twelve posts",
}
CASES = [(sample, name) for sample, questions in ASKED.items() for name in questions]


class Rows:
    """The rows of a graph, read without any query."""

    def __init__(self, store: GraphStore) -> None:
        self._store = store

    def __call__(self, source: str, edge_type: str, target: str) -> list[Row]:
        edge = graph_schema().edge((source, edge_type, target))
        return [row for batch in self._store.read_edges(edge) for row in batch.to_pylist()]


def files_of(sample: str, folder: Path) -> list[SourceFile]:
    """The files of a sample; skips where they are missing."""
    if sample == "generated":
        made = generate_products(ProductSample(users=120, products=60, reviews=900, seed=5), folder / "made")
        return product_files(made.reviews, made.metadata)
    if not REAL.is_dir():
        pytest.skip(f"NOT TESTED on real data: {REAL} is missing")
    make, num_rows = SAMPLES[sample]
    return make(folder, num_rows)


@dataclass(frozen=True)
class Loaded:
    """A sample in a store, and what loading it said."""

    store: GraphStore
    summary: IngestSummary


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Loaded]]:
    """The samples that were asked for, by name; `loaded` fills it."""
    with ExitStack() as stack:
        yield (found := {})
        for sample in found.values():
            stack.callback(sample.store.close)


def loaded(samples: dict[str, Loaded], sample: str, tmp_path: Path) -> Loaded:
    if sample not in samples:
        files = files_of(sample, tmp_path)
        store = open_graph(f"ladybug:{tmp_path / 'graph'}")
        store.create_schema(graph_schema())
        samples[sample] = Loaded(store, ingest(store, files, tmp_path))
    return samples[sample]


def busiest(rows: Rows, triple: tuple[str, str, str], label: str) -> list[str]:
    """The nodes of a label at one end of an edge type, those with most edges first."""
    column = "source_id" if triple[0] == label else "target_id"
    counts = Counter(row[column] for row in rows(*triple))
    return sorted(counts, key=lambda node_id: (-counts[node_id], node_id))


def given_to(store: GraphStore, sample: str, name: str) -> dict[str, object]:
    """Every required parameter, picked from the graph."""
    given: dict[str, object] = dict(ASKED[sample].get(name, {}))
    rows = Rows(store)
    if name in ("users_in_common", "why_recommended", "reviewed_both"):
        reviewers: dict[str, list[str]] = defaultdict(list)
        for row in rows("User", "REVIEWED", "Product"):
            reviewers[row["source_id"]].append(row["target_id"])
        user = max(reviewers, key=lambda u: (len(reviewers[u]), u))
        if name == "reviewed_both":
            return {"first": reviewers[user][0], "second": reviewers[user][1]}
        other = max((u for u in reviewers if u != user), key=lambda u: (len({*reviewers[u]} & {*reviewers[user]}), u))
        if name == "users_in_common":
            return {"first": user, "second": other}
        return {"user": user, "product": ask(store, "neighbours_liked", {"user": user})[0]["product"]}
    if name == "bridging_users":
        categories = busiest(rows, ("Product", "IN_CATEGORY", "Category"), "Category")
        return {"first": categories[0], "second": categories[1]}
    if name == "user_topics":
        topics = {row["source_id"] for row in rows("Post", "ABOUT", "Topic")}
        return {"user": next(row["source_id"] for row in rows("User", "VIEWED", "Post") if row["target_id"] in topics)}
    if name.startswith("friends_"):
        heard = dict(_ends(rows("User", "LISTENED", "Artist")))
        return {"user": max(heard, key=lambda user: (len(_friends(rows, user) & heard.keys()), user))}
    for parameter in question_of(name).parameters:
        if parameter.is_required and parameter.name not in given:
            label = parameter.name.title()
            given[parameter.name] = busiest(rows, next(t for t in EDGES[sample] if label in t), label)[0]
    return given


def ask(store: GraphStore, name: str, given: dict[str, object]) -> list[Row]:
    """The whole answer."""
    question = question_of(name)
    values = question.values({**given, "limit": 100_000})
    answer: list[Row] = store.query(question.text, values, QueryLimits(rows=100_000)).to_pylist()
    return answer


def test_every_question_has_a_sample_or_a_reason() -> None:
    asked = {name for questions in ASKED.values() for name in questions}
    assert asked | NOWHERE.keys() == {question.name for question in read_questions()} and not asked & NOWHERE.keys()


@pytest.mark.parametrize(("sample", "name"), CASES, ids=[f"{sample}-{name}" for sample, name in CASES])
def test_a_question_answers_what_the_rows_say(
    samples: dict[str, Loaded], tmp_path: Path, sample: str, name: str
) -> None:
    store = loaded(samples, sample, tmp_path).store
    given = given_to(store, sample, name)
    answer = ask(store, name, given)
    assert answer, (name, given)
    if name in EXPECTED:
        counted = EXPECTED[name](Rows(store), given)
        assert {row[KEYS[name][0]]: row[KEYS[name][1]] for row in answer} == counted


@pytest.mark.parametrize("sample", ASKED)
def test_neo4j_answers_alike(
    samples: dict[str, Loaded], tmp_path: Path, sample: str, neo4j_server: Neo4jServer
) -> None:
    """Loaded from the same files, it holds the same too, and a model learned from it is the same."""
    found, folder = loaded(samples, sample, tmp_path), tmp_path / "again"
    folder.mkdir()
    with closing(open_neo4j(neo4j_server)) as server:
        clear_graph(neo4j_server)
        assert ingest(server, files_of(sample, folder), folder).tables == found.summary.tables
        assert_same_graph(found.store, server)
        for name in ASKED[sample]:
            given = given_to(found.store, sample, name)
            assert ask(server, name, given) == ask(found.store, name, given), name
        if sample == "reviews":
            assert_same_model(found.store, server, folder)


# What is counted, by which column, with the counts made here from the rows themselves.
KEYS = {
    "reviews_per_user": ("reviews", "users"),
    "reviews_per_product": ("reviews", "products"),
    "reviewed_together": ("product", "shared"),
    "taste_neighbours": ("user", "shared"),
    "bought_together": ("product", "people"),
    "searches_to_product": ("query", "carts"),
    "search_results": ("product", "times"),
    "searches_to_nothing": ("query", "searches"),
    "searches_before_purchase": ("product", "did"),
    "most_played": ("id", "plays"),
    "friends_tracks": ("id", "friends"),
    "friends_with_taste": ("friend", "artists"),
    "artist_tags": ("tag", "on_artist"),
    "similar_artists": ("artist", "shared"),
    "tags_together": ("tag", "artists"),
    "also_liked_posts": ("post", "people"),
    "viewed_in_vain": ("post", "views"),
    "categories": ("category", "reviews"),
}


def _reviews_per_user(rows: Rows, _: Row) -> dict[Any, Any]:
    return dict(Counter(Counter(r["source_id"] for r in rows("User", "REVIEWED", "Product")).values()))


def _reviews_per_product(rows: Rows, _: Row) -> dict[Any, Any]:
    return dict(Counter(Counter(r["target_id"] for r in rows("User", "REVIEWED", "Product")).values()))


def _together(pairs: set[tuple[str, str]], one: str) -> dict[str, int]:
    """How many on the left are joined to `one` and to each other thing on the right."""
    fans = {left for left, right in pairs if right == one}
    return dict(Counter(right for left, right in pairs if left in fans and right != one))


def _shared_twice(counts: dict[str, int]) -> dict[str, int]:
    return {name: shared for name, shared in counts.items() if shared >= 2}


def _ends(rows: list[Row]) -> set[tuple[str, str]]:
    return {(row["source_id"], row["target_id"]) for row in rows}


def _reviewed_together(rows: Rows, given: Row) -> dict[Any, Any]:
    liked = [row for row in rows("User", "REVIEWED", "Product") if row["rating"] >= 4]
    return _shared_twice(_together(_ends(liked), given["product"]))


def _taste_neighbours(rows: Rows, given: Row) -> dict[Any, Any]:
    pairs = {(product, user) for user, product in _ends(rows("User", "REVIEWED", "Product"))}
    return _shared_twice(_together(pairs, given["user"]))


def _bought_together(rows: Rows, given: Row) -> dict[Any, Any]:
    pairs = _ends([*rows("User", "ADDED_TO_CART", "Product"), *rows("User", "BOUGHT", "Product")])
    return _together(pairs, given["product"])


def _searches_to_product(rows: Rows, given: Row) -> dict[Any, Any]:
    led = [row for row in rows("Query", "LED_TO", "Product") if row["target_id"] == given["product"]]
    carts = Counter(row["source_id"] for row in led if row["action"] == "add_to_cart")
    return {row["source_id"]: carts[row["source_id"]] for row in led}


def _search_results(rows: Rows, given: Row) -> dict[Any, Any]:
    led = rows("Query", "LED_TO", "Product")
    return dict(Counter(row["target_id"] for row in led if row["source_id"] == given["query"]))


def _searches_to_nothing(rows: Rows, _: Row) -> dict[Any, Any]:
    led = {row["source_id"] for row in rows("Query", "LED_TO", "Product")}
    return dict(Counter(r["target_id"] for r in rows("User", "SEARCHED", "Query") if r["target_id"] not in led))


def _searches_before_purchase(rows: Rows, given: Row) -> dict[Any, Any]:
    led = defaultdict(set)
    for query, product in _ends(rows("Query", "LED_TO", "Product")):
        led[query].add(product)
    searched = [row for row in rows("User", "SEARCHED", "Query") if row["source_id"] == given["user"]]
    carts = [row for row in rows("User", "ADDED_TO_CART", "Product") if row["source_id"] == given["user"]]
    return {
        cart["target_id"]: "put into the cart"
        for cart in carts
        for search in searched
        if cart["target_id"] in led[search["target_id"]] and 0 <= cart["at"] - search["at"] <= 30 * 86_400
    }


def _most_played(rows: Rows, given: Row) -> dict[Any, Any]:
    return {r["target_id"]: r["plays"] for r in rows("User", "LISTENED", "Artist") if r["source_id"] == given["user"]}


def _friends(rows: Rows, user: str) -> set[str]:
    pairs = _ends(rows("User", "FRIEND_OF", "User"))
    return {b if a == user else a for a, b in pairs if user in (a, b)}


def _friends_tracks(rows: Rows, given: Row) -> dict[Any, Any]:
    heard, friends = _ends(rows("User", "LISTENED", "Artist")), _friends(rows, given["user"])
    own = {artist for user, artist in heard if user == given["user"]}
    return dict(Counter(artist for user, artist in heard if user in friends and artist not in own))


def _friends_with_taste(rows: Rows, given: Row) -> dict[Any, Any]:
    heard, friends = _ends(rows("User", "LISTENED", "Artist")), _friends(rows, given["user"])
    own = {artist for user, artist in heard if user == given["user"]}
    return dict(Counter(user for user, artist in heard if user in friends and artist in own))


def _artist_tags(rows: Rows, given: Row) -> dict[Any, Any]:
    tagged = rows("Artist", "TAGGED", "Tag")
    return dict(Counter(row["target_id"] for row in tagged if row["source_id"] == given["artist"]))


def _similar_artists(rows: Rows, given: Row) -> dict[Any, Any]:
    pairs = {(tag, artist) for artist, tag in _ends(rows("Artist", "TAGGED", "Tag"))}
    return _shared_twice(_together(pairs, given["artist"]))


def _tags_together(rows: Rows, given: Row) -> dict[Any, Any]:
    return _together(_ends(rows("Artist", "TAGGED", "Tag")), given["tag"])


def _also_liked_posts(rows: Rows, given: Row) -> dict[Any, Any]:
    return _together(_ends(rows("User", "LIKED", "Post")), given["post"])


def _viewed_in_vain(rows: Rows, given: Row) -> dict[Any, Any]:
    viewed = [row for row in rows("User", "VIEWED", "Post") if row["source_id"] == given["user"]]
    liked = _ends(rows("User", "LIKED", "Post"))
    return dict(Counter(row["target_id"] for row in viewed if (given["user"], row["target_id"]) not in liked))


def _categories(rows: Rows, _: Row) -> dict[Any, Any]:
    reviews = Counter(row["target_id"] for row in rows("User", "REVIEWED", "Product"))
    counted: Counter[str] = Counter()
    for product, category in _ends(rows("Product", "IN_CATEGORY", "Category")):
        counted[category] += reviews[product]
    return dict(counted)


EXPECTED = {name: globals()[f"_{name}"] for name in KEYS}
