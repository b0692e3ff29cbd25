"""However a history comes, it is the same embedding."""

from __future__ import annotations

import numpy as np

from benchmarks.one_history import Difference, differences, last_reviews
from benchmarks.product_graphs import ProductData
from tests.recommenders.conftest import ENCODER, SMALL


def test_the_last_review_is_held_back_of_those_who_wrote_more(data: ProductData) -> None:
    events = data.graph.interactions
    is_last, counts = last_reviews(data), np.bincount(events.user_index)
    assert np.array_equal(np.bincount(events.user_index[is_last], minlength=len(counts)), (counts > 1).astype(int))
    assert events.at is not None
    latest = np.zeros(len(counts), dtype=np.int64)
    np.maximum.at(latest, events.user_index, events.at)
    assert np.array_equal(events.at[is_last], latest[events.user_index[is_last]])


def test_brought_and_folded_in_is_as_published(data: ProductData) -> None:
    found = differences(data, SMALL, ENCODER, most=9)
    for way in ("as events of a request", "folded in"):
        told = found[way]
        assert isinstance(told, Difference) and told.num_users == 9 and told.embedding <= 1e-5 * max(1, told.largest)
        assert told.score < 1e-4 and "1e-05" in str(told)
    assert str(found["what reasons cite"]).endswith(" 0 of what the user did not review")
