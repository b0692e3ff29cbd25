"""Publishing and what comes after: folded in, encoded anew, placed by text; versions to go back to."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from kindred.domain.errors import ArtifactError
from kindred.domain.recommendation import Request
from kindred.domain.records import Reviewed
from kindred.domain.schema import graph_schema
from kindred.recommenders import publishing
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.histories import read_histories
from kindred.recommenders.model import load_model
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.publishing import publish
from kindred.recommenders.releases import ITEMS, USERS, load_release
from kindred.recommenders.runs import Run
from tests.recommenders.conftest import RUNS, Shop, close, ids, latest, published, scores, train, write, write_product


def test_a_review_after_publishing_counts_as_one_before_would_have(changing: Shop) -> None:
    """Folded in, and published again without training: the same row, and it changes the answer."""
    user = changing.recommender.example_users(15)[-1]
    before = changing.recommender(Request(user_id=user))
    target = ids(before)[0]
    later = Reviewed(
        event_id="later", source_id=user, target_id=target, rating=5, at=latest(changing) + 60, text="warm and clear"
    )
    write(changing.store, later)
    after = changing.recommender(Request(user_id=user))
    assert before.level == "model" and after.level == "folded-in" and target not in ids(after)
    model = load_model(PRODUCTS, changing.run.folder)
    folded = model.encode(read_histories(PRODUCTS, changing.store, model.items, [user]))[0]
    done = publish(PRODUCTS, changing.run, changing.store, changing.vectors)
    assert done.encoded == 1 and done.version != changing.run.name and done.replaced == changing.run.name
    assert close(folded, published(changing.vectors.of("products"), USERS, user))
    again = changing.recommender(Request(user_id=user))
    assert again.level == "model" and ids(again) == ids(after)
    assert scores(again) == pytest.approx(scores(after), abs=1e-4)
    assert publish(PRODUCTS, changing.run, changing.store, changing.vectors).replaced is None


def test_a_new_user_of_the_graph_is_encoded_from_their_first_review(changing: Shop) -> None:
    changing.store.upsert_nodes(graph_schema().node("User"), pa.table({"id": ["newcomer"]}))
    product = ids(changing.recommender(Request()))[0]
    write(
        changing.store,
        Reviewed(event_id="first", source_id="newcomer", target_id=product, rating=5, at=latest(changing)),
    )
    answer = changing.recommender(Request(user_id="newcomer"))
    assert answer.level == "inductive" and product not in ids(answer)
    assert publish(PRODUCTS, changing.run, changing.store, changing.vectors).encoded == 1
    known = changing.recommender(Request(user_id="newcomer"))
    assert known.level == "model" and ids(known) == ids(answer)


def test_a_new_product_enters_at_the_next_publish(changing: Shop) -> None:
    model = load_model(PRODUCTS, changing.run.folder)
    like = ids(changing.recommender(Request()))[0]
    node = graph_schema().node("Product")
    texts = {
        row["id"]: row
        for batch in changing.store.read_nodes(node, ["id", "title", "description"])
        for row in batch.to_pylist()
    }
    write_product(changing.store, "brand-new", texts[like]["title"], texts[like]["description"])
    write_product(changing.store, "wordless", "")
    assert "brand-new" not in ids(changing.recommender(Request(k=100)))
    done = publish(PRODUCTS, changing.run, changing.store, changing.vectors)
    assert done.new_items == 1 and done.counts[ITEMS] == len(model.items) + done.new_items
    answer = changing.recommender(Request(k=100))
    found = {item.item_id: item.source for item in answer.recommendations}
    assert found["brand-new"] == "new" and set(found.values()) == {"new", "popular"}
    own, same = (set(ids(changing.recommender.similar(item))) for item in ("brand-new", like))
    assert len(own & same) >= 3 and "brand-new" not in own
    shown = changing.recommender(Request(viewed=["brand-new"]))
    assert not shown.note and shown.level == "inductive" and "brand-new" not in ids(shown)


def test_a_new_product_without_words_enters_by_who_reviewed_it(changing: Shop) -> None:
    write_product(changing.store, "talked-about", None)
    write_product(changing.store, "never-touched", None)
    users = changing.recommender.example_users(15)[-3:]
    for user in users:
        event = f"{user}-new"
        write(
            changing.store,
            Reviewed(event_id=event, source_id=user, target_id="talked-about", rating=5, at=latest(changing), text="x"),
        )
    done = publish(PRODUCTS, changing.run, changing.store, changing.vectors)
    assert done.new_items == 1 and done.encoded == len(users)
    assert "talked-about" in ids(changing.recommender(Request(k=100)))
    assert all("talked-about" not in ids(changing.recommender(Request(user_id=user, k=100))) for user in users)


def test_who_is_deleted_while_a_version_is_made_is_not_in_it(changing: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph server is written while it is read; the version is not there yet to be taken out of."""
    user, stays = changing.recommender.example_users(15)[-2:]

    def meanwhile(*_: object) -> None:
        changing.store.delete_nodes(graph_schema().node("User"), [user])

    write_product(changing.store, "brand-new", "A warm guitar")
    monkeypatch.setattr(publishing, "_export_encoder", meanwhile)
    version = publish(PRODUCTS, changing.run, changing.store, changing.vectors).version
    found = changing.vectors.of("products").fetch(version, USERS, [user, stays])
    assert version != changing.run.name and list(found.ids) == [stays]


def test_a_product_that_was_deleted_since_the_training_is_in_no_later_version(changing: Shop) -> None:
    gone, stays = ids(changing.recommender(Request(k=2)))
    changing.store.delete_nodes(graph_schema().node("Product"), [gone])
    version = publish(PRODUCTS, changing.run, changing.store, changing.vectors).version
    assert list(changing.vectors.of("products").fetch(version, ITEMS, [gone, stays]).ids) == [stays]
    assert gone not in ids(changing.recommender(Request(k=100))) and stays in ids(changing.recommender(Request(k=100)))


def test_a_product_that_is_deleted_while_a_version_is_made_is_not_in_it(
    changing: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, stays = ids(changing.recommender(Request(k=2)))

    def meanwhile(*_: object) -> None:
        changing.store.delete_nodes(graph_schema().node("Product"), [gone])

    write_product(changing.store, "brand-new", "A warm guitar")
    monkeypatch.setattr(publishing, "_export_encoder", meanwhile)
    version = publish(PRODUCTS, changing.run, changing.store, changing.vectors).version
    assert list(changing.vectors.of("products").fetch(version, ITEMS, [gone, stays]).ids) == [stays]


def test_publishing_one_run_after_another_and_going_back(changing: Shop) -> None:
    other: Run = train(changing.store, changing.folder / RUNS / "20260102-000000-bbbbbb")
    user = changing.recommender.example_users(15)[-1]
    first = changing.recommender(Request(user_id=user))
    assert publish(PRODUCTS, other, changing.store, changing.vectors).replaced == changing.run.name
    assert changing.recommender(Request(user_id=user)).version == other.name
    assert changing.vectors.of("products").rollback() == changing.run.name
    assert replace(changing.recommender(Request(user_id=user)), removed={}) == replace(first, removed={})
    (changing.run.folder / f"release-{first.version}.json").write_bytes(b"")
    with pytest.raises(ArtifactError, match="is missing or damaged") as raised:
        load_release(changing.run.folder, first.version)
    assert f"`kindred publish {changing.run.name} --system " in raised.value.next_step
    assert publish(PRODUCTS, changing.run, changing.store, changing.vectors).replaced == first.version
    assert changing.recommender(Request(user_id=user)).recommendations == first.recommendations


def test_a_run_counts_the_users_whose_events_it_learned_from(changing: Shop) -> None:
    """Those of other domains stand in the same graph."""
    changing.store.upsert_nodes(graph_schema().node("User"), pa.table({"id": ["a reader", "a listener"]}))
    folder = changing.folder / RUNS / "20260102-000000-bbbbbb"
    run = train(changing.store, folder, ModelConfig(model="itemknn", text=False))
    assert run.manifest["users"] == changing.run.manifest["users"] == 40
