"""Why an item: every cited path is there, what it adds, and what is left without it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from kindred.cli.why import why_text
from kindred.domain.errors import RecordError
from kindred.domain.explanation import EvidencePath, Explanation
from kindred.domain.recommendation import Request
from kindred.domain.records import Reviewed
from kindred.domain.schema import graph_schema
from kindred.recommenders.answering.aspects import shared_aspect
from kindred.recommenders.answering.known import Known, StoreKnown
from kindred.recommenders.answering.opened import Version
from kindred.recommenders.answering.why import Question
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.releases import ITEMS
from tests.recommenders.answering.test_recommender import a_user, encoded, reviews_of, users_of
from tests.recommenders.conftest import Shop, ids, latest, published, write


@pytest.fixture(scope="module")
def explained(shop: Shop) -> list[Explanation]:
    """Why the best three for some users."""
    users = [user for user in users_of(shop) if len(reviews_of(shop, user)) >= 3][:8]
    wanted = [(user, item) for user in users for item in ids(shop.recommender(Request(user_id=user, k=3)))]
    return [shop.recommender.why(user, item) for user, item in wanted]


def paths(explained: list[Explanation]) -> Iterator[tuple[Explanation, EvidencePath]]:
    return ((told, path) for told in explained for path in told.paths)


def test_there_is_evidence_of_every_kind_that_the_graph_holds(explained: list[Explanation]) -> None:
    assert {path.kind for _, path in paths(explained)} >= {"people", "shared"}
    assert max(len(told.paths) for told in explained) == 3 and any(told.paths for told in explained)
    assert all(told.note for told in explained if not told.paths)


def test_every_cited_path_is_in_the_graph(shop: Shop, explained: list[Explanation]) -> None:
    schema = graph_schema()
    for told, path in paths(explained):
        assert path.nodes[0].id == told.user_id and path.nodes[-1].id == told.item_id
        for (first, second), edge in zip(zip(path.nodes, path.nodes[1:], strict=False), path.edges, strict=True):
            around = shop.store.neighbourhood(schema.node(first.label), first.id)
            assert (edge, second.label, second.id) in {(n.edge.type, n.node_label, n.node_id) for n in around}


def test_only_what_the_user_liked_is_cited(shop: Shop, explained: list[Explanation]) -> None:
    for told, path in paths(explained):
        reviews = reviews_of(shop, told.user_id)
        mean = np.mean([review.rating for review in reviews if review.rating is not None])
        assert any(
            review.target_id == path.nodes[1].id and review.rating is not None and review.rating >= min(4.0, mean)
            for review in reviews
        )


def test_quotes_are_what_was_written(shop: Shop, explained: list[Explanation]) -> None:
    known = StoreKnown(PRODUCTS, shop.store)
    for _, path in paths(explained):
        for quote in path.quotes:
            own = [text for item, text in known.texts(quote.user_id, None) if item == quote.item_id]
            assert any(quote.sentence.rstrip("…") in text for text in own)
            assert all(word in quote.sentence.casefold() for word in path.aspect.split())


def test_the_score_without_evidence_is_that_of_a_user_who_never_had_it(
    shop: Shop, explained: list[Explanation]
) -> None:
    told, path = next((told, path) for told, path in paths(explained) if path.without.rank is not None)
    reviews = [review for review in reviews_of(shop, told.user_id) if review.target_id != path.nodes[1].id]
    item = published(shop.vectors.of("products"), ITEMS, told.item_id)
    assert path.without.score == pytest.approx(float(encoded(shop, reviews)[0] @ item), abs=1e-4)
    order = ids(shop.recommender(Request(events=reviews, k=50, exclude=frozenset([path.nodes[1].id]))))
    assert path.without.rank == order.index(told.item_id) + 1


def test_evidence_adds_to_the_score(explained: list[Explanation]) -> None:
    for told in explained:
        assert told.standing is not None
        assert sum({path.nodes[1].id: path.contribution for path in told.paths}.values()) <= 1 + 1e-6
        assert [path.contribution for path in told.paths] == sorted((p.contribution for p in told.paths), reverse=True)
        for path in told.paths:
            assert path.contribution > 0 and path.without.score < told.standing.score
            assert told.without_all is not None


def test_where_an_item_stands_is_what_the_answer_says(shop: Shop) -> None:
    user = a_user(shop)
    for rank, item in enumerate(shop.recommender(Request(user_id=user, k=5)).recommendations, start=1):
        standing = shop.recommender.why(user, item.item_id).standing
        assert standing is not None and standing.rank == rank and standing.score == pytest.approx(item.score, abs=1e-4)


def test_what_can_not_be_explained_is_said_in_words(shop: Shop) -> None:
    user = a_user(shop)
    best = ids(shop.recommender(Request(user_id=user, k=1)))[0]
    stranger = shop.recommender.why("never seen", best)
    assert stranger.paths == () and stranger.level == "popular" and "nothing is known" in stranger.note
    had = shop.recommender.why(user, reviews_of(shop, user)[0].target_id)
    assert had.paths == () and "reviewed this product already" in had.note
    before = shop.recommender.why(user, best, at=latest(shop) - 86_400 * 30)
    assert before.paths == () and "later events" in before.note
    with pytest.raises(RecordError, match="is not in version"):
        shop.recommender.why(user, "no such product")


def test_two_questions_read_words_at_the_same_time_and_each_words_once() -> None:
    both = Barrier(2)
    read: list[tuple[str, int | None]] = []

    class Slow:
        def texts(self, user_id: str, until: int | None) -> list[tuple[str, str]]:
            read.append((user_id, until))
            both.wait(20)  # ends in an error where one waits for the other to have read
            return [("drum", "it holds its tune")]

    def asked(user_id: str) -> Question:
        version = cast(Version, SimpleNamespace(release=SimpleNamespace(as_of=5)))
        nothing = cast(Any, None)
        return Question(
            PRODUCTS, version, cast(Known, Slow()), user_id, nothing, {}, "drum", np.zeros(2), 9, lambda row: nothing
        )

    questions = [asked("ann"), asked("bob")]
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda question: question.texts_of(question.user_id), questions))
    assert [question.texts_of(question.user_id) for question in questions] == found
    assert sorted(read) == [("ann", 9), ("bob", 9)]


def test_a_review_after_the_asked_time_is_no_evidence(changing: Shop) -> None:
    at, why = latest(changing), changing.recommender.why
    users = changing.recommender.example_users(8)
    wanted = ((user, item) for user in users for item in ids(changing.recommender(Request(user_id=user, k=2))))
    liked = next(path.nodes[1].id for user, item in wanted for path in why(user, item).paths if path.kind == "shared")
    changing.store.upsert_nodes(graph_schema().node("User"), pa.table({"id": ["newcomer"]}))
    write(changing.store, Reviewed(event_id="new", source_id="newcomer", target_id=liked, rating=5.0, at=at + 10))
    best = ids(changing.recommender(Request(user_id="newcomer", k=5)))
    now = [path for item in best for path in why("newcomer", item).paths]
    assert now and {path.nodes[1].id for path in now} == {liked}
    assert all(why("newcomer", item, at=at + 5).paths == () for item in best)


def test_the_command_says_every_path_its_share_and_what_is_left(explained: list[Explanation]) -> None:
    told = max(explained, key=lambda told: len(told.paths))
    said = why_text(told)
    assert all(path.text in said for path in told.paths)
    assert said.count("without it rank") + said.count("without it below") == len(told.paths)
    assert "not proof" in said and f"{told.paths[0].contribution:.0%} of what speaks for it" in said


FILLER = [f"Arrived after {number} days in a plain box." for number in range(20)]


def test_an_aspect_is_what_two_sentences_share_and_few_others_say() -> None:
    mine = "Arrived after 3 days in a plain box. The fretboard edges felt sharp at first."
    theirs = ["Nice colour.", "Good sound! Sharp fretboard, had it filed."]
    found = shared_aspect(mine, theirs, [mine, *theirs, *FILLER])
    assert found is not None and found[0] == 1
    assert found[1].words == "fretboard sharp"
    assert found[1].first == "The fretboard edges felt sharp at first."
    assert found[1].second == "Sharp fretboard, had it filed."


def test_one_shared_word_or_words_that_everybody_uses_are_no_aspect() -> None:
    assert shared_aspect("A sharp sound.", ["Sharp colours."], ["A sharp sound.", "Sharp colours.", *FILLER]) is None
    assert shared_aspect(FILLER[0], [FILLER[1]], FILLER) is None
    assert shared_aspect("sharp fretboard", ["sharp fretboard"], ["sharp fretboard"] * 2) is None
