"""A data set keeps line, record and row together, and a shop holds the part that it was given."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.product_graphs import ProductData, ProductLines, open_shop, read_product_data
from tests.recommenders.conftest import ENCODER


def test_row_record_and_line_are_of_the_same_review(data: ProductData) -> None:
    events = data.graph.interactions
    assert events.at is not None and events.rating is not None
    assert len(data.reviews) == len(data.lines) == len(events)
    for row, (review, line) in enumerate(zip(data.reviews, data.lines, strict=True)):
        said = json.loads(line)
        assert review.source_id == said["reviewerID"] == data.graph.users.external(int(events.user_index[row]))
        assert review.target_id == said["asin"] == data.graph.items.external(int(events.item_index[row]))
        assert review.at == said["unixReviewTime"] == events.at[row] and review.rating == events.rating[row]
        assert review.summary == said["summary"] and review.text == said["reviewText"]


def test_a_shop_of_a_part_holds_that_part_and_takes_more(data: ProductData) -> None:
    half = np.flatnonzero(data.graph.interactions.item_index < 25)
    first, others = list(data.graph.items)[:25], list(data.graph.items)[25:]
    with open_shop(data.part(half, first), ENCODER) as shop:
        graph = shop.read_graph()
        assert list(graph.items) == first and len(graph.interactions) == len(half)
        shop.load(data.part(np.array([], dtype=np.int64), others))
        assert list(shop.read_graph().items) == list(data.graph.items)
        assert len(shop.read_graph().interactions) == len(half)


def test_two_reviews_that_can_not_be_told_apart_are_refused(lines: ProductLines) -> None:
    with pytest.raises(ValueError, match="the one review"):
        read_product_data(ProductLines([*lines.reviews, lines.reviews[0]], lines.metadata), ENCODER)
