from __future__ import annotations

from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindred.domain.sessions import sessions_of
from kindred.evaluation.slates import build_slates, near_auc, none_chance, slate_auc, slate_hit_rate

ONE = np.zeros(4, np.int64)


def test_auc_and_hit_rate_by_hand() -> None:
    liked = np.array([True, False, False, True])
    assert slate_auc(ONE, np.array([3.0, 2, 1, 0]), liked) == pytest.approx([0.5])
    assert slate_auc(ONE, np.array([3.0, 2, 2, 2]), liked) == pytest.approx([0.75])
    assert np.isnan(slate_auc(ONE, np.arange(4.0), np.zeros(4, bool))).all()
    assert slate_hit_rate(ONE, np.array([0.0, 2, 1, 0]), liked, k=2) == pytest.approx([0])
    assert slate_hit_rate(ONE, np.array([0.0, 2, 1, 0]), liked, k=3) == pytest.approx([1])


def test_near_pairs_are_those_shown_within_some_places() -> None:
    liked, score, place = np.array([True, False, False, True]), np.array([3.0, 2, 1, 0]), np.array([0, 1, 9, 10])
    assert near_auc(ONE, score, liked, place, within=1) == pytest.approx([0.5])
    assert near_auc(ONE, score, liked, place, within=9) == pytest.approx([0.5])
    assert near_auc(ONE, score, liked, np.array([0, 1, 9, 20]), within=1) == pytest.approx([1.0])
    assert np.isnan(near_auc(ONE, score, liked, place, within=0)).all()


@given(scores=st.lists(st.integers(0, 2), min_size=1, max_size=5), likes=st.integers(0, 31), k=st.integers(1, 5))
def test_hit_rate_is_the_mean_over_all_orders_of_equal_scores(scores: list[int], likes: int, k: int) -> None:
    liked = np.array([bool(likes >> i & 1) for i in range(len(scores))])
    orders = [o for o in permutations(range(len(scores))) if all(scores[a] >= scores[b] for a, b in pairwise(o))]
    expected = np.mean([liked[list(order[:k])].any() for order in orders])
    request = np.zeros(len(scores), np.int64)
    assert slate_hit_rate(request, np.array(scores, float), liked, k) == pytest.approx([expected])


def test_the_chance_of_none_is_counted() -> None:
    drawn = list(combinations(range(6), 2))
    assert none_chance(6, 2, 2) == pytest.approx(sum(not {0, 1} & set(pair) for pair in drawn) / len(drawn))
    assert none_chance(3, 3, 1) == 0 and none_chance(0, 0, 5) == 1


def test_requests_stand_before_a_session_and_after_some_views_of_it() -> None:
    reader = np.zeros(13, np.int64)
    at = np.concatenate([np.arange(6) * 60 + 10_000, np.arange(7) * 60 + 20_000])
    post = np.concatenate([np.arange(6), [0, 0, 1, 2, 3, 4, 5]])
    assert sessions_of(reader, at, 1800).tolist() == [0] * 6 + [1] * 7
    start = build_slates(reader, post, at, since=15_000)
    assert start.at.tolist() == [19_999] and start.view.tolist() == [6, 8, 9, 10, 11, 12]  # shown twice counts once
    later = build_slates(reader, post, at, since=0, after=1)
    assert later.at.tolist() == [10_001, 20_001] and np.bincount(later.request).tolist() == [5, 6]
    assert len(build_slates(reader, post, at, since=0, after=6)) == 0
