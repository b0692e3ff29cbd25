from __future__ import annotations

import numpy as np
import pytest

from benchmarks.planted import read_reviews
from benchmarks.planted_network import THINGS, Hidden, figures
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.ingest.generate.catalogue import NUM_SEASONS
from kindred.ingest.generate.products import ProductSample
from kindred.ingest.generate.tastes import match_of

# More reviews than a chunk has: users of several chunks are told apart.
SAMPLE = ProductSample(users=900, products=160, reviews=9000, seed=3)


@pytest.fixture(scope="module")
def planted() -> tuple[Hidden, Interactions]:
    reviews = read_reviews(SAMPLE)
    return Hidden.of(SAMPLE, reviews.users, reviews.products), reviews.events


def match(hidden: Hidden, row: int) -> FloatArray:
    users, place = hidden.user_of(row)
    return match_of(hidden.catalogue, users, np.full(len(hidden.product), place), hidden.product).astype(np.float32)


def test_what_is_hidden_belongs_to_those_who_wrote(planted: tuple[Hidden, Interactions]) -> None:
    hidden, events = planted
    assert len(hidden.users) > 1
    assert events.rating is not None
    matches = np.stack([match(hidden, row) for row in range(events.num_users)])[events.user_index, events.item_index]
    assert np.corrcoef(matches, events.rating)[0, 1] > 0.5
    others = np.roll(events.user_index, 1000)
    of_others = np.stack([match(hidden, row) for row in range(events.num_users)])[others, events.item_index]
    assert np.corrcoef(of_others, events.rating)[0, 1] < 0.3


def test_who_knows_a_planted_thing_has_its_whole_figure(planted: tuple[Hidden, Interactions]) -> None:
    hidden, events = planted

    def by_match(users: IntArray) -> FloatArray:
        return np.stack([match(hidden, int(row)) for row in users])

    def by_last_fashion(users: IntArray) -> FloatArray:
        return np.tile(hidden.attraction(NUM_SEASONS - 1), (len(users), 1)).astype(np.float32)

    knows = figures(hidden, events, by_match)
    assert np.nanmin(knows["aspects"]) == 1
    assert np.nanmean(knows["spared"]) > 0.8
    assert np.nanmean(figures(hidden, events, by_last_fashion)["fashion"]) > 0.7
    guesses = np.random.default_rng(0).random((events.num_users, events.num_items), dtype=np.float32)
    by_chance = figures(hidden, events, lambda users: guesses[users])
    assert all(abs(np.nanmean(by_chance[thing]) - 0.5) < 0.03 for thing in THINGS)
