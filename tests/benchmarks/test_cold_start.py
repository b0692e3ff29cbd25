"""New users are asked for through the recommender of a shop that never saw them."""

from __future__ import annotations

import numpy as np

from benchmarks.cold_start import HISTORY_LENGTHS, MODEL, ask, compare, first_reviews, left_out, new_users
from benchmarks.product_graphs import ProductData, open_shop
from kindred.recommenders.histories import histories_of_records
from kindred.recommenders.model import load_model
from kindred.recommenders.products import PRODUCTS
from tests.recommenders.conftest import ENCODER, SMALL


def test_folds_leave_everyone_out_once() -> None:
    assert np.array_equal(sum(left_out(23, fold).astype(int) for fold in range(5)), np.ones(23))


def test_hits_are_those_of_the_ten_best_of_the_encoded_reviews(data: ProductData) -> None:
    events = data.graph.interactions
    is_new = left_out(events.num_users, 0)
    brought = first_reviews(events, is_new, 2)
    assert (np.bincount(brought.events.user_index) == 2).all() and len(brought.answers) == brought.events.num_users
    with open_shop(data.part(np.flatnonzero(~is_new[events.user_index]), data.metadata), ENCODER) as shop:
        run = shop.train(SMALL)
        shop.publish(run)
        hits = ask(shop, data, brought)
        model = load_model(PRODUCTS, run.folder)
        for user in range(brought.events.num_users):
            own = [data.reviews[row] for row in brought.rows[brought.events.user_index == user]]
            scores = model.encode(histories_of_records(PRODUCTS, model.items, own, lambda: ENCODER)[0])[0]
            scores = scores @ model.ranking.items.T
            scores[model.items.positions([review.target_id for review in own])] = -np.inf
            best = {model.items.external(int(item)) for item in np.argsort(-scores)[:10]}
            answer = int(brought.answers.item_index[brought.answers.user_index == user][0])
            assert hits[user] == (data.graph.items.external(answer) in best)

    assert not {data.graph.users.external(int(user)) for user in np.flatnonzero(is_new)} & set(model.users)


def test_every_length_gives_every_way_a_figure_and_a_lead(data: ProductData) -> None:
    found = new_users(data, 1, SMALL, ENCODER)
    assert set(found) == set(HISTORY_LENGTHS)
    lines = compare([found[1]])
    assert list(lines)[:2] == ["rankings", MODEL] and "EASE" in lines and "text-kNN" in lines
    assert all("kindred − it" in figure for way, figure in lines.items() if way not in ("rankings", MODEL))
    assert found[1][MODEL].mean() > 0
