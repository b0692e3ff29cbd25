from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from kindred.domain.errors import ArtifactError, RecordError
from kindred.domain.records import Reviewed
from kindred.graph.store import QueryLimits
from kindred.recommenders.product_model import Review, load_product_model
from kindred.recommenders.products import ProductRecommender
from kindred.vectorstore.open import open_vectors
from tests.recommenders.conftest import ENCODER, World, load, train


def history_of(world: World, user_id: str) -> list[Review]:
    rows = [row for row in world.reviews if row["reviewerID"] == user_id]
    return [
        Review(
            str(r["asin"]),
            float(str(r["overall"])),
            int(str(r["unixReviewTime"])),
            f"{r['summary']}. {r['reviewText']}",
            bool(r["verified"]) if "verified" in r else None,
        )
        for r in rows
    ]


def a_user(world: World, fewest: int = 4) -> str:
    users = sorted({str(row["reviewerID"]) for row in world.reviews})
    return next(user for user in users if fewest <= len(history_of(world, user)) <= 12)


def test_answers_are_best_first_never_seen_and_explained(world: World) -> None:
    user = a_user(world)
    answer = world.recommender.recommend(user, k=10)
    seen = {review.product_id for review in history_of(world, user)}
    scores = [item.score for item in answer.recommendations]
    assert answer.level == "model" and answer.version == world.run.name and len(scores) == 10
    assert scores == sorted(scores, reverse=True)
    assert not seen & {item.item_id for item in answer.recommendations}
    for item in answer.recommendations:
        assert item.reason is not None and item.reason.path[:2] == (user, "REVIEWED") and item.reason.path[2] in seen


def test_a_reason_s_path_exists_in_the_graph(world: World) -> None:
    answer = world.recommender.recommend(a_user(world), k=10)
    paths = [r.reason.path for r in answer.recommendations if r.reason and r.reason.path[3:4] == ("REVIEWED",)]
    assert paths
    question = (
        "MATCH (u:User)-[:REVIEWED]->(a:Product)<-[:REVIEWED]-(v:User)-[:REVIEWED]->(b:Product) "
        "WHERE u.id = $u AND a.id = $a AND v.id = $v AND b.id = $b RETURN count(*) AS n"
    )
    for u, _, a, _, v, _, b in paths:
        found = world.store.query(question, {"u": u, "a": a, "v": v, "b": b}, QueryLimits())
        assert found["n"][0].as_py() > 0


def test_an_unknown_user_gets_what_suits_anyone(world: World) -> None:
    answer = world.recommender.recommend("nobody at all", k=5)
    assert answer.level == "popular" and len(answer.recommendations) == 5


def test_a_new_user_is_encoded_from_reviews_known_products_or_not(world: World) -> None:
    written = history_of(world, a_user(world))
    reviews = [
        Reviewed(event_id=str(n), source_id="new", target_id=r.product_id, rating=r.rating, at=r.at, text=r.text)
        for n, r in enumerate(written)
    ]
    unknown = Reviewed(event_id="x", source_id="new", target_id="not in the graph", rating=5, at=1_600_000_000)
    answer = world.recommender.recommend_for_reviews([*reviews, unknown], k=5)
    assert answer.level == "inductive" and answer.user_id == "new" and len(answer.recommendations) == 5
    assert not {r.product_id for r in written} & {item.item_id for item in answer.recommendations}
    alone = world.recommender.recommend_for_reviews([unknown], k=5)
    assert len(alone.recommendations) == 5
    with pytest.raises(RecordError, match="no review"):
        world.recommender.recommend_for_reviews([], k=5)


def test_a_user_s_row_does_not_depend_on_the_batch(world: World) -> None:
    model = load_product_model(world.run.folder)
    users = sorted({str(row["reviewerID"]) for row in world.reviews})[:12]
    histories = [history_of(world, user) for user in users]
    together = model.encode_users(histories, ENCODER)
    backwards = model.encode_users(histories[::-1], ENCODER)[::-1]
    alone = np.concatenate([model.encode_users([history], ENCODER) for history in histories])
    assert np.allclose(together, alone, atol=1e-5) and np.allclose(together, backwards, atol=1e-5)


def test_encoding_anew_what_the_graph_holds_gives_the_published_row(world: World) -> None:
    model = load_product_model(world.run.folder)
    user = a_user(world)
    published = model.vectors[model.users.positions([user])[0]]
    encoded = model.encode_users([history_of(world, user)], ENCODER)[0]
    assert np.allclose(encoded, published, atol=1e-5 * np.abs(published).max())


def test_similar_products_never_hold_the_product_itself(world: World) -> None:
    product = str(world.reviews[0]["asin"])
    answer = world.recommender.similar(product, k=5)
    assert len(answer.recommendations) == 5 and product not in {item.item_id for item in answer.recommendations}
    with pytest.raises(RecordError, match="not in version"):
        world.recommender.similar("no such product")


def test_shuffled_and_doubled_input_gives_the_same_top_10(world: World, tmp_path: Path) -> None:
    sample = world.folder / "sample"
    lines = (sample / "reviews.jsonl").read_text(encoding="utf-8").splitlines()
    lines += lines[:100]
    random.Random(0).shuffle(lines)
    shuffled = tmp_path / "shuffled.jsonl"
    shuffled.write_text("\n".join(lines) + "\n", encoding="utf-8")
    store = load(tmp_path, shuffled, sample / "metadata.jsonl")
    again = load_product_model(train(store, tmp_path / "runs" / "a").folder)
    store.close()
    model = load_product_model(world.run.folder)
    assert again.users == model.users and again.products == model.products
    every_user = np.arange(len(model.users))
    assert np.array_equal(again.score_users(every_user), model.score_users(every_user))


def test_before_the_first_publish_the_next_command_is_named(world: World, tmp_path: Path) -> None:
    vectors = open_vectors(f"qdrant-edge:{tmp_path}")
    recommender = ProductRecommender(world.store, vectors, tmp_path, lambda: ENCODER)
    with pytest.raises(ArtifactError, match="nothing is published") as raised:
        recommender.recommend("anyone")
    assert "kindred publish" in raised.value.next_step
    vectors.close()
