"""Freshness is what the recommender answers before each review: as of the first, and with what came since."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.freshness import FOLDED, FOLDED_SHARE, FROZEN, ask, last_months, one_month
from benchmarks.product_graphs import ProductLines, Shop, open_shop
from kindred.domain.interactions import Interactions
from kindred.evaluation.metrics import evaluate_ranking
from kindred.recommenders.interaction_graph import InteractionGraph
from kindred.recommenders.model import load_model
from kindred.recommenders.products import PRODUCTS
from tests.recommenders.conftest import ENCODER, SMALL


@pytest.fixture(scope="module")
def shop(lines: ProductLines) -> Iterator[Shop]:
    with open_shop(lines, ENCODER) as opened:
        yield opened


@pytest.fixture(scope="module")
def graph(shop: Shop) -> InteractionGraph:
    return shop.read_graph()


def cut(graph: InteractionGraph) -> int:
    """A time after four fifths of the reviews."""
    at = graph.interactions.at
    assert at is not None
    return int(np.sort(at)[len(at) * 4 // 5])


def test_months_are_whole_and_follow_each_other(graph: InteractionGraph) -> None:
    months = list(last_months(graph, 3).values())
    assert len(months) == 3 and all(months[i][1] == months[i + 1][0] for i in range(2))
    assert graph.interactions.at is not None and months[-1][1] <= graph.interactions.at.max()


def test_answers_as_of_the_first_are_those_of_the_fitted_rows(shop: Shop, graph: InteractionGraph) -> None:
    events, start = graph.interactions, cut(graph)
    assert events.at is not None
    run = shop.train(SMALL, until=start - 1)
    shop.publish(run)
    later = np.flatnonzero(events.at >= start)
    asked = later[np.isin(events.user_index[later], events.user_index[events.at < start])][:40]
    before = [np.flatnonzero((events.user_index == events.user_index[r]) & (events.at < events.at[r])) for r in asked]
    answered = ask(shop, graph, asked, before, np.full(len(asked), start))
    model = load_model(PRODUCTS, run.folder)
    assert model.users == graph.users and model.items == graph.items
    wanted = Interactions(np.arange(len(asked)), events.item_index[asked], len(asked), events.num_items)
    rows = np.concatenate(before)
    axis = np.repeat(np.arange(len(asked)), [len(own) for own in before])
    seen = Interactions(axis, events.item_index[rows], len(asked), events.num_items)
    scores = model.vectors[events.user_index[asked]] @ model.ranking.items.T
    expected = evaluate_ranking(lambda users: scores[users], wanted, seen, ks=(10,)).per_user["recall@10"]
    assert answered.level_share("model") == 1 and np.array_equal(answered.hits, expected)
    folded = ask(shop, graph, asked, before, events.at[asked])
    is_later = [bool((events.at[own] >= start).any()) for own in before]
    assert folded.levels == ["folded-in" if later else "model" for later in is_later] and any(is_later)


def test_a_month_gives_every_way_a_figure(shop: Shop, graph: InteractionGraph) -> None:
    at = graph.interactions.at
    assert at is not None
    found = one_month(shop, graph, SMALL, cut(graph), int(at.max()) + 1)
    ways = set(found) - {"reviews", FOLDED_SHARE}
    assert ways == {FROZEN, FOLDED, "popularity", "EASE, reviews folded in"}
    assert all(0 < found[way] < 1 for way in ways) and 0 < found[FOLDED_SHARE] < 1
