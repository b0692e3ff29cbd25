"""ROC-AUC against items of like popularity: known by hand, blind to popularity, alike for every model of a report."""

from __future__ import annotations

import numpy as np
import pytest

from kindred.domain.interactions import FloatArray, IntArray, Interactions, Scorer
from kindred.domain.roc_auc import roc_auc
from kindred.evaluation.matched_negatives import NEIGHBOURS, MatchedNegatives
from kindred.evaluation.metrics import evaluate_ranking
from kindred.evaluation.splits import random_split

NUM_USERS, NUM_ITEMS = 400, 300


def events_of(pairs: list[tuple[int, int]], num_users: int, num_items: int) -> Interactions:
    users, items = (np.array(ends, dtype=np.int64) for ends in zip(*pairs, strict=True))
    return Interactions(users, items, num_users, num_items)


def by_row(row: list[float]) -> Scorer:
    return lambda users: np.tile(np.array(row, dtype=np.float32), (len(users), 1))


def auc_of(scorer: Scorer, held_out: Interactions, known: Interactions) -> FloatArray:
    matched = MatchedNegatives.of(known, held_out)
    return evaluate_ranking(scorer, held_out, known, ks=(5,), matched=matched).per_user["roc_auc"]


@pytest.fixture(scope="module")
def skewed() -> tuple[Interactions, Interactions]:
    """Known and held-out events of users who choose by popularity alone, some items far more than others."""
    rng = np.random.default_rng(1)
    chance = 0.6 / (np.arange(NUM_ITEMS) + 5) ** 0.7
    users, items = np.nonzero(rng.random((NUM_USERS, NUM_ITEMS)) < chance)
    split = random_split(Interactions(users, items, NUM_USERS, NUM_ITEMS), 0)
    return split.known_events, split.test_events


def counts_of(known: Interactions) -> FloatArray:
    return np.bincount(known.item_index, minlength=known.num_items).astype(np.float32)


def test_by_hand() -> None:
    """Items 0 to 5 are known to 6, 5, 4, 3, 2 and 1 users; user 0 knows item 1 and is asked about item 3."""
    others = [(user, item) for item, count in enumerate([6, 4, 4, 3, 2, 1]) for user in range(1, count + 1)]
    known = events_of([(0, 1), *others], 8, 6)
    assert counts_of(known).tolist() == [6, 5, 4, 3, 2, 1]
    held_out = events_of([(0, 3)], 8, 6)
    # above item 3 stand 2 and 0 (1 is the user's own), below it 4 and 5: two of each
    assert auc_of(by_row([1, 9, 2, 3, 3, 5]), held_out, known).tolist() == [(1 + 1 + 0.5 + 0) / 4]


def test_only_as_many_above_as_below_count_and_one_side_where_there_is_no_other() -> None:
    known = events_of([(user, item) for item in range(5) for user in range(1, 6 - item)], 7, 6)
    scores = by_row([0, 1, 0, 0, 2, 3])
    assert auc_of(scores, events_of([(0, 1)], 7, 6), known).tolist() == [1.0], "item 0 and item 2, the nearest"
    assert auc_of(scores, events_of([(0, 0)], 7, 6), known).tolist() == [(0 + 0.5 + 0.5 + 0 + 0) / 5], "all below it"


def test_negatives_of_no_item_are_chosen_items_and_the_mean_is_of_the_users_items() -> None:
    known = events_of([(1, 0), (1, 1), (1, 2), (1, 3)], 2, 4)
    both = events_of([(0, 0), (0, 1)], 2, 4)
    assert auc_of(by_row([4, 1, 2, 3]), both, known).tolist() == pytest.approx([(1 + 0) / 2])
    everything = events_of([(0, 0), (0, 1), (0, 2), (0, 3)], 2, 4)
    assert auc_of(by_row([4, 1, 2, 3]), everything, known).tolist() == [0.5], "nothing to compare with"


def test_an_item_that_its_user_had_tells_nothing_and_one_left_out_is_missed() -> None:
    known = events_of([(0, 0), (1, 1), (1, 2)], 2, 3)
    assert auc_of(by_row([0, 1, 2]), events_of([(0, 0)], 2, 3), known).tolist() == [0.5]
    assert auc_of(by_row([0, -np.inf, 2]), events_of([(0, 1)], 2, 3), known).tolist() == [0.0]


@pytest.mark.parametrize("score", ["popularity", "unpopularity", "chance", "nothing"])
def test_popularity_and_chance_have_about_a_half(score: str, skewed: tuple[Interactions, Interactions]) -> None:
    known, held_out = skewed
    popularity = counts_of(known)
    chance = np.random.default_rng(2).random((NUM_USERS, NUM_ITEMS), dtype=np.float32)
    scorers: dict[str, Scorer] = {
        "popularity": by_row(popularity.tolist()),
        "unpopularity": by_row((-popularity).tolist()),
        "chance": lambda users: chance[users],
        "nothing": by_row([0.0] * NUM_ITEMS),
    }
    assert auc_of(scorers[score], held_out, known).mean() == pytest.approx(0.5, abs=0.03)


def test_against_items_of_any_popularity_the_same_ranking_looks_like_taste(
    skewed: tuple[Interactions, Interactions],
) -> None:
    known, held_out = skewed
    values = []
    for user in np.unique(held_out.user_index):
        unknown = np.setdiff1d(np.arange(NUM_ITEMS), known.item_index[known.user_index == user])
        asked = np.isin(unknown, held_out.item_index[held_out.user_index == user])
        values.append(roc_auc(counts_of(known)[unknown], asked, otherwise=0.5))
    assert np.mean(values) > 0.6


@pytest.mark.parametrize("gap", [0.0, 0.5, 1.0, 2.0])
def test_a_planted_scorer_has_the_known_auc(gap: float, skewed: tuple[Interactions, Interactions]) -> None:
    """Held-out items score normally distributed, `gap` above the others: the AUC is Φ(gap / √2)."""
    known, held_out = skewed
    scores = np.random.default_rng(3).standard_normal((NUM_USERS, NUM_ITEMS)).astype(np.float32)
    scores[held_out.user_index, held_out.item_index] += gap
    expected = {0.0: 0.5, 0.5: 0.6382, 1.0: 0.7602, 2.0: 0.9214}[gap]
    assert auc_of(lambda users: scores[users], held_out, known).mean() == pytest.approx(expected, abs=0.02)


def test_it_depends_on_no_order_of_events_or_batch_and_changes_no_other_figure(
    skewed: tuple[Interactions, Interactions],
) -> None:
    known, held_out = skewed
    scores = np.random.default_rng(4).random((NUM_USERS, NUM_ITEMS), dtype=np.float32)

    def score(users: IntArray) -> FloatArray:
        return scores[users]

    plain = evaluate_ranking(score, held_out, known)
    matched = MatchedNegatives.of(known.take(np.arange(len(known))[::-1]), held_out)
    reversed_rows = held_out.take(np.arange(len(held_out))[::-1])
    found = evaluate_ranking(score, reversed_rows, known, batch_size=7, matched=matched)
    assert found.per_user["roc_auc"].tolist() == auc_of(score, held_out, known).tolist()
    assert {name: values.tolist() for name, values in found.per_user.items() if name != "roc_auc"} == {
        name: values.tolist() for name, values in plain.per_user.items()
    }


def test_negatives_are_the_nearest_in_popularity() -> None:
    """Items further away than `NEIGHBOURS` ranks change nothing, the farthest of the near ones does."""
    num_items = 2 * NEIGHBOURS + 21
    num_users, middle = num_items + 1, num_items // 2
    pairs = [(user, item) for item in range(num_items) for user in range(1, item + 2)]
    known, held_out = events_of(pairs, num_users, num_items), events_of([(0, middle)], num_users, num_items)
    row = np.zeros(num_items)
    row[middle] = 1
    for item, lost in ((middle + NEIGHBOURS + 1, 0), (middle + NEIGHBOURS, 1), (middle - NEIGHBOURS, 1), (0, 0)):
        other = row.copy()
        other[item] = 2
        assert auc_of(by_row(other.tolist()), held_out, known).tolist() == [1 - lost / (2 * NEIGHBOURS)], item
