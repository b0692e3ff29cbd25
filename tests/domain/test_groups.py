from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kindred.domain.groups import numbered, place_in, spans


@given(st.lists(st.integers(0, 5), max_size=12))
def test_places_count_what_of_the_same_group_came_before(group: list[int]) -> None:
    expected = [group[:at].count(one) for at, one in enumerate(group)]
    assert place_in(np.array(group, np.int64)).tolist() == expected


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), max_size=6))
def test_spans_are_ranges_one_after_the_other(ranges: list[tuple[int, int]]) -> None:
    starts, counts = np.array(ranges, np.int64).reshape(-1, 2).T
    assert spans(starts, counts).tolist() == [start + i for start, count in ranges for i in range(count)]
    assert numbered(counts).tolist() == [i for _, count in ranges for i in range(count)]
