from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindred.domain.errors import SettingsError
from kindred.domain.interactions import Interactions
from kindred.evaluation.splits import (
    Split,
    random_split,
    repeated_share,
    split_by,
    temporal_split,
    undecided_share,
    validation_split,
)

DAY = 86_400
NUM_USERS, NUM_ITEMS = 5, 6


def events(rows: list[tuple[int, int, int, int]]) -> Interactions:
    """Interactions of (user, item, rating, day) rows; the edge index is the row's content, not its place."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return Interactions(
        table[:, 0],
        table[:, 1],
        NUM_USERS,
        NUM_ITEMS,
        rating=table[:, 2].astype(np.float32),
        at=table[:, 3] * DAY,
        edge_index=table @ np.array([1, 10, 100, 1000]),
    )


row = st.tuples(
    st.integers(0, NUM_USERS - 1), st.integers(0, NUM_ITEMS - 1), st.integers(1, 5), st.integers(0, 3)
)  # few days, so that equal times are common
some_events = st.lists(row, max_size=30).map(events)


def assert_disjoint_and_complete(split: Split) -> None:
    rows = np.concatenate([split.train, split.validation, split.test])
    assert np.array_equal(np.sort(rows), np.arange(len(split.interactions)))


def content(split: Split) -> list[list[tuple[float, ...]]]:
    parts = (split.train_events, split.validation_events, split.test_events)
    return [sorted(zip(p.user_index, p.item_index, p.rating, p.at, strict=True)) for p in parts]  # type: ignore[arg-type]


@given(some_events)
def test_temporal_parts_are_disjoint_complete_and_ordered_in_time(interactions: Interactions) -> None:
    split = temporal_split(interactions)
    assert_disjoint_and_complete(split)
    for user in range(NUM_USERS):
        train, validation, test = (
            part.at[part.user_index == user]  # type: ignore[index]
            for part in (split.train_events, split.validation_events, split.test_events)
        )
        num_events = len(train) + len(validation) + len(test)
        assert (len(validation), len(test)) == (int(num_events >= 3), int(num_events >= 2))
        times = np.concatenate([[0], train, validation, test])
        assert train.max(initial=0) <= validation.min(initial=times.max())
        assert max(train.max(initial=0), validation.max(initial=0)) <= test.min(initial=times.max())


@given(some_events, st.randoms(use_true_random=False))
def test_no_split_depends_on_the_order_of_rows(interactions: Interactions, random: object) -> None:
    order = np.arange(len(interactions))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = interactions.take(order)
    assert content(temporal_split(interactions)) == content(temporal_split(shuffled))
    assert content(random_split(interactions, 3)) == content(random_split(shuffled, 3))


@given(some_events, st.integers(0, 2**31))
def test_random_parts_are_disjoint_complete_and_never_part_a_pair(interactions: Interactions, seed: int) -> None:
    split = random_split(interactions, seed)
    assert_disjoint_and_complete(split)
    sides = [set(zip(p.user_index, p.item_index, strict=True)) for p in (split.known_events, split.test_events)]
    assert not sides[0] & sides[1]


def test_temporal_split_by_hand() -> None:
    split = temporal_split(
        events([(0, 0, 5, 3), (0, 1, 5, 1), (0, 2, 5, 2), (0, 3, 5, 0), (1, 0, 4, 9), (1, 1, 4, 8), (2, 0, 3, 7)])
    )
    assert split.test.tolist() == [0, 4]
    assert split.validation.tolist() == [2]  # user 1 has two events only: the first is train, not validation
    assert split.train.tolist() == [1, 3, 5, 6]


def test_ties_fall_on_no_favourite_item() -> None:
    """Of a pair of events on one day, either may be the last: neither row order nor item order decides."""
    pairs = np.repeat(np.arange(4000), 2)
    items = np.tile([0, 1], 4000)
    interactions = Interactions(pairs, items, 4000, 2, at=np.zeros(8000, dtype=np.int64))
    last_items = temporal_split(interactions).test_events.item_index
    assert 0.45 < last_items.mean() < 0.55


@pytest.mark.parametrize(("times", "share"), [([1, 2, 5, 5], 0.5), ([1, 2, 4, 5], 0.0), ([7, 7, 7, 7], 1.0)])
def test_last_events_that_are_no_later_than_others_are_counted(times: list[int], share: float) -> None:
    interactions = events([(0, 0, 1, times[0]), (0, 1, 1, times[1]), (1, 0, 1, times[2]), (1, 1, 1, times[3])])
    assert undecided_share(temporal_split(interactions)) == share
    assert undecided_share(random_split(interactions, 0)) == 0


def test_held_out_events_of_items_that_their_user_had_are_counted() -> None:
    twice, other = [(0, 1, 5, 1), (0, 0, 5, 2), (0, 1, 5, 3)], [(1, 1, 5, 1), (1, 0, 5, 2)]
    assert [repeated_share(temporal_split(events(rows))) for rows in (twice, other, twice + other)] == [1.0, 0.0, 0.5]


def test_random_split_meets_its_shares_and_seeds_are_independent() -> None:
    num_events = 20_000
    user, item = np.divmod(np.arange(num_events), 100)
    interactions = Interactions(user, item, 200, 100)
    first, second = (random_split(interactions, seed) for seed in (0, 1))
    assert len(first.test) == pytest.approx(0.2 * num_events, rel=0.05)
    assert len(first.validation) == pytest.approx(0.1 * num_events, rel=0.05)
    both = len(np.intersect1d(first.test, second.test))
    assert both == pytest.approx(0.04 * num_events, rel=0.15)  # what independent fifths share
    assert np.array_equal(first.test, random_split(interactions, 0).test)


def test_an_event_stays_on_its_side_when_others_arrive() -> None:
    interactions = events([(u, i, 5, 0) for u in range(NUM_USERS) for i in range(NUM_ITEMS)])
    few = interactions.take(np.arange(10))
    whole, part = random_split(interactions, 7), random_split(few, 7)
    assert part.test.tolist() == [row for row in whole.test.tolist() if row < 10]


@given(some_events)
def test_known_events_are_cut_once_more_as_the_split_cut_them(interactions: Interactions) -> None:
    split = temporal_split(interactions)
    again = validation_split(split.known_events, 0, temporal=True)
    assert_disjoint_and_complete(again)
    assert len(again.test) == 0
    assert content(replace(split, test=again.test)) == content(again)


def test_the_known_part_of_a_random_split_is_cut_by_the_same_seed() -> None:
    """Its events all have a hash above the test's share: cut by that hash once more none would be validation."""
    user, item = np.divmod(np.arange(20_000), 100)
    known = random_split(Interactions(user, item, 200, 100), 3).known_events
    again = validation_split(known, 3, temporal=False)
    assert_disjoint_and_complete(again)
    assert len(again.test) == 0
    assert len(again.validation) == pytest.approx(0.2 * len(known), rel=0.05)
    assert np.array_equal(again.validation, validation_split(known, 3, temporal=False).validation)
    other = validation_split(known, 4, temporal=False).validation
    assert len(np.intersect1d(again.validation, other)) == pytest.approx(0.04 * len(known), rel=0.15)


def test_a_temporal_split_needs_times_and_shares_need_a_train_part() -> None:
    timeless = Interactions(np.array([0]), np.array([0]), 1, 1)
    with pytest.raises(SettingsError, match="random protocol"):
        split_by("temporal", timeless, 0)
    with pytest.raises(SettingsError, match="below 1"):
        random_split(timeless, 0, test_share=0.9, validation_share=0.1)
