"""The recommender as its users meet it, on a small shop: what it answers, from what, and why."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kindred.domain.embeddings import Vectors
from kindred.domain.errors import ArtifactError, RecordError, SettingsError
from kindred.domain.recommendation import Bounds, Candidate, Request
from kindred.domain.records import Reviewed
from kindred.domain.schema import graph_schema
from kindred.recommenders.answering.asked import Asked, scored_anew
from kindred.recommenders.answering.opened import Version
from kindred.recommenders.answering.recommender import Opened, Recommender
from kindred.recommenders.histories import histories_of_records, no_histories, read_histories
from kindred.recommenders.model import ANONYMOUS, load_model
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.releases import USERS
from kindred.vectorstore.open import open_vectors
from tests.recommenders.conftest import ENCODER, Shop, close, ids, latest, load, published, scores, train, write


def reviews_of(shop: Shop, user_id: str) -> list[Reviewed]:
    """The user's reviews as the files hold them."""
    return [
        Reviewed(
            event_id=f"{user_id}-{number}",
            source_id=user_id,
            target_id=str(row["asin"]),
            rating=float(str(row["overall"])),
            at=int(str(row["unixReviewTime"])),
            verified=bool(row["verified"]) if "verified" in row else None,
            summary=str(row["summary"]),
            text=str(row["reviewText"]),
        )
        for number, row in enumerate(shop.reviews)
        if row["reviewerID"] == user_id
    ]


def users_of(shop: Shop) -> list[str]:
    return sorted({str(row["reviewerID"]) for row in shop.reviews})


def a_user(shop: Shop, fewest: int = 4) -> str:
    return next(user for user in users_of(shop) if fewest <= len(reviews_of(shop, user)) <= 12)


def encoded(shop: Shop, reviews: Sequence[Reviewed]) -> Vectors:
    model = load_model(PRODUCTS, shop.run.folder)
    return model.encode(histories_of_records(PRODUCTS, model.items, reviews, lambda: ENCODER)[0])


def test_answers_are_best_first_never_seen_and_explained(shop: Shop) -> None:
    user = a_user(shop)
    answer = shop.recommender(Request(user_id=user))
    seen = {review.target_id for review in reviews_of(shop, user)}
    assert answer.level == "model" and answer.version == shop.run.name and len(ids(answer)) == 10
    assert scores(answer) == sorted(scores(answer), reverse=True) and not seen & set(ids(answer))
    assert answer.system == "products" and answer.as_of == latest(shop)
    reasons = [item.reason for item in answer.recommendations if item.reason]
    assert reasons
    assert all(reason.path[:2] == (user, "REVIEWED") and reason.path[2] in seen for reason in reasons)


def test_every_reason_is_true_and_cites_what_the_user_liked(shop: Shop) -> None:
    rated = {(str(r["reviewerID"]), str(r["asin"])): float(str(r["overall"])) for r in shop.reviews}
    kinds = set()
    for user in users_of(shop):
        own = [stars for (who, _), stars in rated.items() if who == user]
        for item in shop.recommender(Request(user_id=user)).recommendations:
            if item.reason is None:
                continue
            _, _, mine, edge, via, edge_back, theirs = item.reason.path
            kinds.add(edge)
            assert rated[user, mine] >= 4 or rated[user, mine] > max(3, np.mean(own))
            assert theirs == item.item_id and edge == edge_back
            if edge == "REVIEWED":
                assert via != user and min(rated[via, mine], rated[via, theirs]) > 3
            else:
                leads = [
                    shop.store.target_ids(graph_schema().edge(("Product", edge, label)), p)
                    for p in (mine, theirs)
                    for label in ("Brand" if edge == "MADE_BY" else "Category",)
                ]
                assert all(via in found for found in leads)
    assert "REVIEWED" in kinds


def test_what_was_removed_is_told_with_the_reason(shop: Shop) -> None:
    user = a_user(shop)
    everything = shop.recommender(Request(user_id=user, k=50, exclude_seen=False))
    seen = {review.target_id for review in reviews_of(shop, user)}
    first = next(i for i in ids(everything) if i not in seen)
    answer = shop.recommender(Request(user_id=user, exclude=frozenset([first])))
    assert answer.removed.pop(first) == "excluded by the request"
    assert set(answer.removed) == {i for i in seen if ids(everything).index(i) < ids(everything).index(ids(answer)[-1])}
    assert set(answer.removed.values()) <= {"already reviewed"}


def test_items_that_are_not_there_are_told(shop: Shop) -> None:
    user, known = a_user(shop), shop.recommender(Request(k=1)).recommendations[0].item_id
    answer = shop.recommender(
        Request(user_id=user, viewed=["gone", known], pinned=[known, *(f"n{n}" for n in range(7))])
    )
    assert answer.note == f"left aside, not in version {answer.version}: gone, n0, n1, n2, n3 and 3 more"
    assert ids(answer)[0] == known and len(answer.recommendations) == 10
    told = shop.recommender(Request(exclude=frozenset({"b", "a", known}), boosts={"c": 1.0, known: 1.0}))
    assert told.note == f"left aside, not in version {answer.version}: a, b, c"
    rules = {"exclude": frozenset([known]), "boosts": {known: 1.0}, "among": [known]}
    assert "left aside" in shop.recommender(Request(among=["d", known])).note
    assert "left aside" not in shop.recommender(Request(user_id=user, viewed=[known], pinned=[known], **rules)).note


def test_an_unknown_user_gets_what_is_popular(shop: Shop) -> None:
    answer = shop.recommender(Request(user_id="never seen", k=5))
    assert answer.level == "popular" and len(answer.recommendations) == 5
    assert {item.source for item in answer.recommendations} == {"popular"}
    assert ids(answer) == ids(shop.recommender(Request(k=5)))


def test_for_every_user_their_reviews_alone_give_the_published_row(shop: Shop) -> None:
    """Through the public function: text and summary included, and whoever the reviews are said to be of."""
    here = shop.vectors.of("products")
    model = load_model(PRODUCTS, shop.run.folder)
    for user in users_of(shop):
        assert close(encoded(shop, reviews_of(shop, user)), published(here, USERS, user)[None])
    for user in users_of(shop)[:10]:
        written = [review.model_copy(update={"source_id": "new"}) for review in reviews_of(shop, user)]
        unseen, known = (shop.recommender(request) for request in (Request(events=written), Request(user_id=user)))
        assert unseen.level == "inductive" and unseen.user_id == "new" and ids(unseen) == ids(known)
        assert [r.score for r in unseen.recommendations] == pytest.approx(
            [r.score for r in known.recommendations], abs=1e-4
        )
    assert close(model.encode(no_histories(1, len(model.items))), published(here, ANONYMOUS, ANONYMOUS)[None])


def test_a_user_s_row_does_not_depend_on_the_batch(shop: Shop) -> None:
    users = users_of(shop)[:12]
    together = encoded(shop, [review for user in users for review in reviews_of(shop, user)])
    backwards = encoded(shop, [review for user in users[::-1] for review in reviews_of(shop, user)])[::-1]
    alone = np.concatenate([encoded(shop, reviews_of(shop, user)) for user in users])
    assert close(together, alone) and close(together, backwards)


def test_the_graph_and_the_files_tell_the_same_history(shop: Shop) -> None:
    model = load_model(PRODUCTS, shop.run.folder)
    user = a_user(shop)
    stored = read_histories(PRODUCTS, shop.store, model.items, [user])
    told = histories_of_records(PRODUCTS, model.items, reviews_of(shop, user), lambda: ENCODER)[0]
    assert stored.keys(PRODUCTS)[0] == told.keys(PRODUCTS)[0] and sorted(stored.item_ids) == sorted(told.item_ids)
    assert close(model.encode(stored), model.encode(told))


def test_a_review_of_an_unknown_product_counts_with_its_text_and_time(shop: Shop) -> None:
    written = [r.model_copy(update={"source_id": "new"}) for r in reviews_of(shop, a_user(shop))]
    unknown = Reviewed(
        event_id="x", source_id="new", target_id="elsewhere", rating=5, at=written[0].at, text="warm tone"
    )
    assert not close(encoded(shop, [*written, unknown]), encoded(shop, written))
    other = unknown.model_copy(update={"text": "arrived broken"})
    assert not close(encoded(shop, [unknown]), encoded(shop, [other]))
    answer = shop.recommender(Request(events=[*written, unknown], k=5))
    assert len(ids(answer)) == 5 and not {r.target_id for r in written} & set(ids(answer))


def test_events_of_two_users_or_of_another_type_are_refused(shop: Shop) -> None:
    two = [Reviewed(event_id=u, source_id=u, target_id="p", rating=5, at=1_600_000_000) for u in "ab"]
    with pytest.raises(RecordError, match="2 users"):
        shop.recommender(Request(events=two))


def test_events_that_all_come_after_the_asked_time_say_nothing(shop: Shop) -> None:
    event = Reviewed(
        event_id="x", source_id="new", target_id=str(shop.reviews[0]["asin"]), rating=5, at=latest(shop) + 9
    )
    answer = shop.recommender(Request(events=[event], at=latest(shop)))
    assert answer.level == "popular" and len(ids(answer)) == 10


def test_a_disliked_product_is_never_a_reason(changing: Shop) -> None:
    user = changing.recommender.example_users(15)[-1]
    bad = ids(changing.recommender(Request(user_id=user)))[0]
    write(changing.store, Reviewed(event_id="bad", source_id=user, target_id=bad, rating=1, at=latest(changing) + 60))
    for item in changing.recommender(Request(user_id=user)).recommendations:
        assert item.reason is None or bad not in item.reason.path


def test_nothing_later_than_the_asked_time_is_known(changing: Shop) -> None:
    user = changing.recommender.example_users(15)[-1]
    now = latest(changing)
    expected = changing.recommender(Request(user_id=user, at=now))
    target = ids(expected)[0]
    write(changing.store, Reviewed(event_id="future", source_id=user, target_id=target, rating=5, at=now + 60))
    assert changing.recommender(Request(user_id=user, at=now)) == expected
    assert target not in ids(changing.recommender(Request(user_id=user, at=now + 60)))
    early = changing.recommender(Request(user_id=user, at=now - 1))
    assert early.level == "popular" and "later events" in early.note and len(ids(early)) == 10
    last = ids(early)[-1]
    pinned = changing.recommender(Request(user_id=user, at=now - 1, pinned=[last], viewed=[last]))
    assert ids(pinned) == [last, *ids(early)[:-1]] and pinned.note.endswith("counts do not look at what is viewed")


def test_only_what_was_asked_for(shop: Shop) -> None:
    edge = graph_schema().edge(("Product", "IN_CATEGORY", "Category"))
    rows = [row for batch in shop.store.read_edges(edge, ["source_id", "target_id"]) for row in batch.to_pylist()]
    category = rows[0]["target_id"]
    members = {row["source_id"] for row in rows if row["target_id"] == category}
    answer = shop.recommender(Request(where={"category": category}, k=50))
    assert set(ids(answer)) == members
    assert ids(shop.recommender(Request(where={"category": category}, k=3))) == ids(answer)[:3]
    nothing = shop.recommender(Request(where={"category": "no such"}))
    assert not nothing.recommendations and nothing.note == "no product is of category no such"
    assert shop.recommender(Request(bounds={"price": Bounds(most=20)})).note == "no product has a price"
    others = Request(where={"category": category}, exclude=sorted(members))
    assert "fits what was asked" in shop.recommender(others).note
    with pytest.raises(SettingsError, match="no colour") as raised:
        shop.recommender(Request(where={"colour": "red"}))
    assert "category" in raised.value.next_step


def test_who_has_seen_everything_is_told_so(changing: Shop) -> None:
    user = changing.recommender.example_users(15)[-1]
    products = [
        i
        for batch in changing.store.read_nodes(graph_schema().node("Product"), ["id"])
        for i in batch.column("id").to_pylist()
    ]
    write(
        changing.store,
        *(Reviewed(event_id=f"all-{p}", source_id=user, target_id=p, rating=4, at=latest(changing)) for p in products),
    )
    answer = changing.recommender(Request(user_id=user))
    assert not answer.recommendations and "nothing is left" in answer.note
    assert len(changing.recommender(Request(user_id=user, exclude_seen=False)).recommendations) == 10


def test_similar_products_never_hold_the_product_itself(shop: Shop) -> None:
    product = str(shop.reviews[0]["asin"])
    answer = shop.recommender.similar(product, k=5)
    assert len(ids(answer)) == 5 and product not in ids(answer) and answer.item_id == product
    with pytest.raises(RecordError, match="not in version"):
        shop.recommender.similar("no such product")


def test_shuffled_and_doubled_input_gives_the_same_model(shop: Shop, tmp_path: Path) -> None:
    sample = shop.folder / "sample"
    lines = (sample / "reviews.jsonl").read_text(encoding="utf-8").splitlines()
    lines += lines[:100]
    random.Random(0).shuffle(lines)
    shuffled = tmp_path / "shuffled.jsonl"
    shuffled.write_text("\n".join(lines) + "\n", encoding="utf-8")
    store = load(tmp_path, shuffled, sample / "metadata.jsonl")
    again = load_model(PRODUCTS, train(store, tmp_path / "runs" / "a").folder)
    store.close()
    model = load_model(PRODUCTS, shop.run.folder)
    assert again.users == model.users and again.items == model.items
    every_user = np.arange(len(model.users))
    assert np.array_equal(again.score_users(every_user), model.score_users(every_user))


def test_before_the_first_publish_the_next_command_is_named(shop: Shop, tmp_path: Path) -> None:
    vectors = open_vectors(f"qdrant-edge:{tmp_path}")
    recommender = Recommender(PRODUCTS, Opened(shop.store, vectors, tmp_path, lambda: ENCODER))
    with pytest.raises(ArtifactError, match="nothing is published") as raised:
        recommender(Request(user_id="u"))
    assert "kindred publish" in raised.value.next_step
    vectors.close()


def test_what_an_event_is_worth_for_unknown_users_is_told_by_items_with_fans_alone(shop: Shop) -> None:
    """Those without any may stand anywhere: it was learned from users who have histories."""
    version, fans = shop.recommender.version(), np.diff(shop.recommender.version().evidence.fans.starts)
    fans[:8] = 0
    ranking, row, unliked = version.model.ranking, version.model.anonymous[0], version.model.items.external(0)
    spread = float((ranking.items[fans > 0] @ row).std())

    def placed(height: float) -> Version:
        """The version with its first items without fans, and so much higher."""
        items = ranking.items.copy()
        items[:8] += height * row / (row @ row)
        other = replace(version, model=replace(version.model, ranking=replace(ranking, items=items)))
        vars(other)["_num_fans"] = fans
        return other

    expected = placed(0).risen({unliked: 3})
    for height in (-50.0, 50.0):
        other = placed(height)
        assert other.risen({unliked: 3}) == expected and 0 < expected[unliked] < 5 * spread
        asked = Asked(Request(), other, row, {}, risen=expected)
        [low, left] = scored_anew(asked, [Candidate(unliked, -50.0), Candidate("another", -50.0)])
        assert low == other.score_without_fans + expected[unliked] and left == -50.0
